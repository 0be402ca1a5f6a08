//! What the tests and the generator of the vectors share.
#![allow(dead_code)]

pub(crate) mod chain;
pub(crate) mod files;
#[path = "../../../proofs/tests/support/trie.rs"]
pub(crate) mod trie;
#[path = "../../../proofs/tests/support/vectors.rs"]
pub(crate) mod vectors;
pub(crate) mod world;
