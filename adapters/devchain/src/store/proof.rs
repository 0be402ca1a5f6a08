//! Proofs as `abci_query` answers them: `cosmos.ics23.v1.CommitmentProof`, for the tree and for the stores above it.
//!
//! Source: cosmos/ics23 `proto/cosmos/ics23/v1/proofs.proto`; penumbra-zone/jmt 0.12, `src/tree/ics23_impl.rs`; cosmos/ics23 `go/v0.11.0`,
//! `proof.go` (`TendermintSpec`).

use alloy_primitives::B256;

use super::tree::{INNER_MARK, LEAF_MARK, Proof, ProvenLeaf, Sibling, sha256};
use super::{ACCOUNT_STORE, EVM_STORE};
use crate::protobuf::{put_bytes, put_message, put_number, put_varint};

/// `HashOp::SHA256`.
const HASH_SHA256: u64 = 1;
/// `LengthOp::VAR_PROTO`.
const LENGTH_VARINT: u64 = 1;
/// What marks leaves and inner nodes of the simple Merkle tree (RFC 6962).
const SIMPLE_LEAF: u8 = 0;
const SIMPLE_INNER: u8 = 1;

impl Proof {
    /// The message, `key` being what the proof is about.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Existence(leaf) => put_message(&mut out, 1, &existence(leaf)),
            Self::Absence { left, right } => {
                let mut absence = Vec::new();
                put_bytes(&mut absence, 1, key);
                for (field, neighbour) in [(2, left), (3, right)] {
                    if let Some(neighbour) = neighbour {
                        put_message(&mut absence, field, &existence(neighbour));
                    }
                }
                put_message(&mut out, 2, &absence);
            }
        }
        out
    }
}

/// `ExistenceProof` of a leaf of the tree.
fn existence(leaf: &ProvenLeaf) -> Vec<u8> {
    let mut operation = Vec::new();
    for field in [1, 2, 3] {
        // Leaf, key and value are all hashed by SHA-256, without lengths.
        put_number(&mut operation, field, HASH_SHA256);
    }
    put_bytes(&mut operation, 5, LEAF_MARK);
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &leaf.key);
    put_bytes(&mut out, 2, leaf.value.as_slice());
    put_message(&mut out, 3, &operation);
    for sibling in &leaf.siblings {
        let step = match sibling {
            Sibling::Left(hash) => step(&[INNER_MARK, hash.as_slice()].concat(), &[]),
            Sibling::Right(hash) => step(INNER_MARK, hash.as_slice()),
        };
        put_message(&mut out, 4, &step);
    }
    out
}

/// `InnerOp`.
fn step(prefix: &[u8], suffix: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, 1, HASH_SHA256);
    put_bytes(&mut out, 2, prefix);
    put_bytes(&mut out, 3, suffix);
    out
}

/// The root over the two stores, in the order of their names.
pub(crate) fn app_hash(accounts: B256, evm: B256) -> B256 {
    let (left, right) = (simple_leaf(ACCOUNT_STORE, accounts), simple_leaf(EVM_STORE, evm));
    sha256(&[&[SIMPLE_INNER], left.as_slice(), right.as_slice()])
}

/// The message that proves the root of the store `evm` under the root over both.
pub(crate) fn simple_proof(accounts: B256, evm: B256) -> Vec<u8> {
    let mut operation = Vec::new();
    put_number(&mut operation, 1, HASH_SHA256);
    put_number(&mut operation, 3, HASH_SHA256);
    put_number(&mut operation, 4, LENGTH_VARINT);
    put_bytes(&mut operation, 5, &[SIMPLE_LEAF]);
    let mut existence = Vec::new();
    put_bytes(&mut existence, 1, EVM_STORE.as_bytes());
    put_bytes(&mut existence, 2, evm.as_slice());
    put_message(&mut existence, 3, &operation);
    let left = simple_leaf(ACCOUNT_STORE, accounts);
    put_message(&mut existence, 4, &step(&[&[SIMPLE_INNER], left.as_slice()].concat(), &[]));
    let mut out = Vec::new();
    put_message(&mut out, 1, &existence);
    out
}

fn simple_leaf(name: &str, root: B256) -> B256 {
    let mut bytes = vec![SIMPLE_LEAF];
    put_varint(&mut bytes, name.len() as u64);
    bytes.extend_from_slice(name.as_bytes());
    put_varint(&mut bytes, root.len() as u64);
    bytes.extend_from_slice(sha256(&[root.as_slice()]).as_slice());
    sha256(&[&bytes])
}
