//! Proofs by the rules of ICS-23: existence and absence of a key in a binary Merkle tree whose leaves are sorted.
//!
//! The tree is a value ([`ProofSpec`]): IAVL, the simple Merkle tree of Tendermint, the Jellyfish Merkle tree. Where ICS-23
//! bounds a node's form, the forms here are *exact*: a step is one of the two that the tree's own code writes, so that no
//! node has a second reading. In particular a leaf is no inner node and the reverse.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the trees, and the exact form of their leaves and steps |
//! | `path` | a path from a leaf to the root, and its bytes |
//! | `verify` | when a path proves existence, and two neighbours absence |
//! | `nested` | a store's proof under the root of all stores |
//! | `protobuf` | what nodes answer: `CommitmentProof` and `MerkleProof` |
//!
//! Source: cosmos/ics23 `go/v0.11.0`, `proof.go` and `ops.go`, as ibc-go v10.3.0 uses it.

mod error;
mod nested;
mod path;
pub mod protobuf;
mod spec;
mod verify;

pub use error::Ics23Error;
pub use nested::NestedProof;
pub use path::{MAX_NEIGHBOUR_KEY_BYTES, MAX_STEPS, Neighbour, Path, Step, StoreProof};
pub use spec::ProofSpec;
pub use verify::{verify_absence, verify_existence};
