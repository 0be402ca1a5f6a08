//! Light client of EVM chains with QBFT or IBFT 2.0 consensus, whose Router is a contract.
//!
//! A header becomes final by the seals of at least two thirds of the validators that it lists; what ties that list to
//! the one trusted before are the rules of [`verify`]. A header is taken together with a proof of the Router's account
//! (storage root *and* code hash), and a packet is then proven by the Router's storage slots alone.
//!
//! | file | holds |
//! |---|---|
//! | `client_state` | parameters, the states stored, whether frozen |
//! | `consensus_state` | what is trusted at one height |
//! | `header`, `extra_data`, `validators`, `seals` | a block header and what its seals say |
//! | `verify` | when a header is certified |
//! | `update`, `misbehaviour`, `membership` | the three messages |
//!
//! The trust model, the versions followed and what is not checked: `README.md` of this crate.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod client;
mod client_state;
mod consensus_state;
mod error;
mod extra_data;
mod header;
mod membership;
mod misbehaviour;
mod seals;
mod update;
mod validators;
mod verify;

pub use client::Qbft;
pub use client_state::{ClientState, Kind, MAX_STORED_STATES, Parameters, StoredState, TrustLevel};
pub use consensus_state::{CONSENSUS_STATE_BYTES, ConsensusHash, ConsensusState};
pub use error::Error;
pub use extra_data::{ExtraData, VANITY_BYTES, Vote, encode_extra_data};
pub use header::{Header, MAX_HEADER_BYTES, MAX_HEADER_FIELDS, MIN_HEADER_FIELDS};
pub use membership::MembershipProof;
pub use misbehaviour::{Evidence, MAX_ACCOUNT_PROOF_BYTES, StateAt};
pub use seals::SEAL_BYTES;
pub use update::Update;
pub use validators::{MAX_VALIDATORS, SetHash, ValidatorSet};
pub use verify::CertifiedHeader;
