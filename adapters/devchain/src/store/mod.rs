//! The stores under the application hash of a Tendermint chain, and proofs of what they hold.
//!
//! There are two, as a Cosmos chain has many: `acc` is the root of the accounts' trie, so that balances, nonces and code are committed
//! to; `evm` is a Jellyfish Merkle tree of all contracts' slots, which light clients read. The application hash is the simple Merkle
//! root over both.

mod proof;
mod tree;

pub(crate) use proof::{app_hash, simple_proof};
pub(crate) use tree::{Key, Proof, Tree};

/// The store of the contracts' slots.
pub(crate) const EVM_STORE: &str = "evm";

/// The store of the accounts.
pub(crate) const ACCOUNT_STORE: &str = "acc";
