//! Light client of Tendermint and CometBFT chains, national forks included.
//!
//! A header becomes final by votes worth more than two thirds of the power of its validator set; what ties that set to
//! the one trusted before are the rules of [`Tendermint::verify_header`]. A packet is then proven under the header's
//! application hash by ICS-23, in a store of ibc-go or in the slots of a Router that a chain keeps in its `evm` store.
//!
//! | file | holds |
//! |---|---|
//! | `client_state` | the states stored, whether frozen |
//! | `parameters` | what never changes: trust level, periods, key types, hashes, where commitments lie |
//! | `consensus_state` | what is trusted at one height |
//! | `header`, `commit`, `validators`, `keys` | a block's header, who voted for it, and the sets |
//! | `protobuf`, `merkle` | the few encodings that are hashed and signed |
//! | `verify`, `votes` | when a header is certified |
//! | `update`, `misbehaviour`, `membership` | the three messages |
//! | `light_block` | what a node answers, and the messages made of it |
//! | `json` (feature `json`) | reading a node's answers |
//!
//! The trust model, the versions followed and what is not checked: `README.md` of this crate.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod client;
mod client_state;
mod commit;
mod consensus_state;
mod error;
mod header;
#[cfg(feature = "json")]
pub mod json;
mod keys;
mod light_block;
mod membership;
mod merkle;
mod misbehaviour;
mod parameters;
mod protobuf;
mod update;
mod validators;
mod verify;
mod votes;

pub use client::Tendermint;
pub use client_state::{ClientState, MAX_STORED_STATES, StoredState};
pub use commit::{Commit, Vote};
pub use consensus_state::{CONSENSUS_STATE_BYTES, ConsensusHash, ConsensusState};
pub use error::Error;
pub use header::{HEADER_LEAVES, Header};
pub use keys::{KeyType, PublicKey};
pub use light_block::{LightBlock, RecordedCommit, RecordedVote};
pub use membership::{MAX_CLAIMS, MembershipProof};
pub use misbehaviour::{Certified, Evidence, StateAt};
pub use parameters::{
    Commitments, KeyTypes, MAX_CHAIN_ID_BYTES, MAX_STORE_NAME_BYTES, Parameters, StoreTree, TreeHash, TrustLevel,
    revision_of,
};
pub use update::Update;
pub use validators::{MAX_TOTAL_POWER, MAX_VALIDATORS, SetHash, Validator, ValidatorSet};
pub use verify::{CertifiedHeader, TrustedHeader};
pub use votes::sign_bytes;
