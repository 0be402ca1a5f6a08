//! What the tests and the generator of the vectors share.
#![allow(dead_code)]

pub(crate) mod captures;
pub(crate) mod chain;
pub(crate) mod files;
#[path = "../../../proofs/tests/support/sorted_tree.rs"]
pub(crate) mod sorted_tree;
#[path = "../../../proofs/tests/support/vectors.rs"]
pub(crate) mod vectors;
