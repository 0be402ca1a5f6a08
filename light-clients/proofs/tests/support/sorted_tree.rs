//! Trees as chains keep them, small and slow: roots and proofs for the tests and generators of ICS-23.

use light_client_crypto::{HashSuite, Sha256};
use light_client_proofs::ics23::{Neighbour, Path, Step, StoreProof};
use std::collections::BTreeMap;

/// The kind of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Iavl,
    Simple,
    Jmt,
}

/// A tree over keys and values.
pub(crate) struct Tree {
    kind: Kind,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

struct Node {
    hash: [u8; 32],
    height: u64,
    size: u64,
    /// Each leaf's path within this node, in the order of the leaves.
    paths: Vec<Vec<Step>>,
}

const PLACEHOLDER: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";
const LEAF_VERSION: u64 = 300;
const INNER_VERSION: u64 = 70_000;

impl Tree {
    pub(crate) fn new(kind: Kind, values: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self { kind, values: values.into_iter().collect() }
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        self.node(&self.leaves(), 0).hash
    }

    /// The proof of what lies at a key, or that nothing does.
    pub(crate) fn prove(&self, key: &[u8]) -> StoreProof {
        let leaves = self.leaves();
        let node = self.node(&leaves, 0);
        let path = |index: usize| Path { leaf_prefix: self.leaf_prefix(), steps: node.paths[index].clone() };
        if let Some(index) = leaves.iter().position(|leaf| leaf.1 == key) {
            return StoreProof::Existence(path(index));
        }
        let wanted = self.order(key);
        let above = leaves.iter().position(|leaf| leaf.0 > wanted).unwrap_or(leaves.len());
        let neighbour = |index: usize| Neighbour {
            key: leaves[index].1.clone(),
            value_hash: Sha256.hash(&[&self.values[&leaves[index].1]]),
            path: path(index),
        };
        StoreProof::Absence {
            left: above.checked_sub(1).map(neighbour),
            right: (above < leaves.len()).then(|| neighbour(above)),
        }
    }

    /// A leaf as a neighbour, wherever it lies.
    pub(crate) fn neighbour(&self, key: &[u8]) -> Neighbour {
        let StoreProof::Existence(path) = self.prove(key) else { panic!("no such key") };
        Neighbour { key: key.to_vec(), value_hash: Sha256.hash(&[&self.values[key]]), path }
    }

    /// The keys in the order of the leaves.
    pub(crate) fn keys(&self) -> Vec<Vec<u8>> {
        self.leaves().into_iter().map(|leaf| leaf.1).collect()
    }

    fn order(&self, key: &[u8]) -> Vec<u8> {
        if self.kind == Kind::Jmt { Sha256.hash(&[key]).to_vec() } else { key.to_vec() }
    }

    /// What leaves are sorted by, key, and hash.
    fn leaves(&self) -> Vec<(Vec<u8>, Vec<u8>, [u8; 32])> {
        let mut leaves: Vec<_> = self
            .values
            .iter()
            .map(|(key, value)| {
                let value = Sha256.hash(&[value]);
                let prefix = self.leaf_prefix();
                let hash = match self.kind {
                    Kind::Jmt => Sha256.hash(&[&prefix, &Sha256.hash(&[key]), &value]),
                    _ => Sha256.hash(&[&prefix, &varint(key.len() as u64), key, &[32], &value]),
                };
                (self.order(key), key.clone(), hash)
            })
            .collect();
        leaves.sort();
        leaves
    }

    fn leaf_prefix(&self) -> Vec<u8> {
        match self.kind {
            Kind::Iavl => [vec![0, 2], varint(2 * LEAF_VERSION)].concat(),
            Kind::Simple => vec![0],
            Kind::Jmt => b"JMT::LeafNode".to_vec(),
        }
    }

    fn node(&self, leaves: &[(Vec<u8>, Vec<u8>, [u8; 32])], depth: usize) -> Node {
        match leaves {
            [] => return Node { hash: PLACEHOLDER, height: 0, size: 0, paths: vec![] },
            [leaf] => return Node { hash: leaf.2, height: 0, size: 1, paths: vec![vec![]] },
            _ => {}
        }
        let split = match self.kind {
            Kind::Iavl => leaves.len().div_ceil(2),
            Kind::Simple => leaves.len().next_power_of_two() / 2,
            Kind::Jmt => leaves.partition_point(|leaf| leaf.0[depth / 8] & (0x80 >> (depth % 8)) == 0),
        };
        let (left, right) = (self.node(&leaves[..split], depth + 1), self.node(&leaves[split..], depth + 1));
        let (height, size) = (1 + left.height.max(right.height), left.size + right.size);
        let (head, length) = match self.kind {
            Kind::Iavl => {
                let numbers = [height, size, INNER_VERSION].map(|number| varint(2 * number));
                (numbers.concat(), vec![32])
            }
            Kind::Simple => (vec![1], vec![]),
            Kind::Jmt => (b"JMT::IntrnalNode".to_vec(), vec![]),
        };
        let left_step = Step { prefix: [&head[..], &length].concat(), suffix: [&length[..], &right.hash].concat() };
        let right_step = Step { prefix: [&head[..], &length, &left.hash, &length].concat(), suffix: vec![] };
        let hash = Sha256.hash(&[&left_step.prefix, &left.hash, &left_step.suffix]);
        let with = |paths: Vec<Vec<Step>>, step: &Step| -> Vec<Vec<Step>> {
            paths.into_iter().map(|path| [path, vec![step.clone()]].concat()).collect()
        };
        Node { hash, height, size, paths: [with(left.paths, &left_step), with(right.paths, &right_step)].concat() }
    }
}

/// A number as protobuf writes it.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
