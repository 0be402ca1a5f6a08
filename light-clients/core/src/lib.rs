//! The vocabulary that every light client, adapter and the relayer share, and the one trait by which a chain's
//! statements are verified.
//!
//! This crate verifies nothing itself. It says *what* a client is asked ([`LightClient`]), in which words
//! ([`Height`], [`Timestamp`], [`ClientId`], [`Packet`], [`Claim`]), who is at fault when the answer is no
//! ([`FaultKind`]), and by which arithmetic a quorum is counted ([`Quorum`]). It does no input or output, reads no
//! clock and needs no allocator beyond `alloc`.
//!
//! ```
//! use light_client::{Quorum, Sequence, ClientId, commitment_path};
//!
//! // Three of four is at least two thirds; two of four is not, whatever a rounded division says.
//! assert!(Quorum::AT_LEAST_TWO_THIRDS.is_met(3, 4));
//! assert!(!Quorum::AT_LEAST_TWO_THIRDS.is_met(2, 4));
//!
//! let client: ClientId = "qbft-0".parse().unwrap();
//! let path = commitment_path(&client, Sequence::FIRST);
//! assert_eq!(path.as_bytes(), b"qbft-0\x01\0\0\0\0\0\0\0\x01");
//! ```
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod claim;
mod client;
mod cursor;
mod erased;
mod fault;
mod hash;
mod height;
mod id;
mod packet;
mod path;
mod quorum;
mod time;

pub use claim::{Claim, Expected, MerklePath};
pub use client::{Absence, Assurance, LightClient, Status, Transition, Trusted, UpdateOutcome};
pub use cursor::{Cursor, CursorError};
pub use erased::{Codec, Erased, ErasedError, ErasedLightClient, ErasedTransition, ErasedTrusted};
pub use fault::{Fault, FaultKind};
pub use hash::{BlockHash, CodeHash, CommitmentHash, HashParseError, SlotKey, StateRoot, sha256};
pub use height::Height;
pub use id::{ChainId, ClientId, ClientType, IdError, MAX_CLIENT_ID_BYTES, Sequence};
pub use packet::{
    ERROR_ACKNOWLEDGEMENT_PREIMAGE, MAX_PAYLOAD_BYTES, Packet, PacketError, Payload, acknowledgement_commitment,
    error_acknowledgement, packet_commitment,
};
pub use path::{
    StorePath, acknowledgement_path, commitment_path, next_sequence_send_path, receipt_path, tombstone_path,
};
pub use quorum::Quorum;
pub use time::Timestamp;
