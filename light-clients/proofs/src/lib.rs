//! State-proof schemes, one module each: bytes and a root in, a value or its absence out.
//!
//! - [`rlp`]: strict reading and writing of Ethereum's encoding.
//! - [`mpt`]: the Merkle Patricia trie, several keys under one shared list of nodes.
//! - [`storage`]: claims about the slots of one contract.
//! - [`account`]: the four fields of an account.
//! - [`ics23`]: binary Merkle trees of sorted leaves, as Cosmos chains have them.
//!
//! A proof has exactly one encoding for its ordered claims: a node too many, too few, or in another place is refused,
//! and so is every encoding that is not canonical. Nothing here knows how a root came to be trusted.
#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod account;
mod error;
pub mod ics23;
pub mod mpt;
pub mod rlp;
pub mod storage;

pub use error::ProofError;
