//! Persistent, incremental Jellyfish Merkle tree of slots.
//!
//! A tree is a value, as the trie of accounts is: cloning costs one reference count, a change copies the path to it, and hashes are
//! computed when first asked for. The upstream crate `jmt` hashes the same tree, but keeps it in a database of versions with a pass
//! over sixteen children at each level of each change; a test compares roots and proofs with recordings of it.
//!
//! Source: penumbra-zone/jmt 0.12, `src/storage/node_type.rs` and `src/types/proof.rs`. A subtree of no leaf is a placeholder, one of a single leaf
//! is that leaf, and any other hashes its two halves, which part by the next bit of the hashed key.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{Address, B256};
use sha2::{Digest as _, Sha256};

/// What marks a leaf.
pub(super) const LEAF_MARK: &[u8] = b"JMT::LeafNode";
/// What marks an inner node.
pub(super) const INNER_MARK: &[u8] = b"JMT::IntrnalNode";
/// Stands for a subtree without leaves.
const EMPTY: B256 = B256::new(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// What a Cosmos EVM puts before the address in the key of a slot, and as the key of its parameters.
///
/// Source: cosmos/evm v0.5.1, `x/vm/types/key.go`.
const STORAGE: u8 = 2;
const PARAMETERS: u8 = 3;

/// The key of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Of the chain's parameters, which are always there: a tree that is never empty can prove every absence.
    Parameters,
    /// Of a contract's slot.
    Slot {
        /// The contract.
        address: Address,
        /// The slot.
        slot: B256,
    },
}

impl Key {
    /// The bytes callers name it by: 03, or 02 ‖ address ‖ slot.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Parameters => vec![PARAMETERS],
            Self::Slot { address, slot } => [&[STORAGE], address.as_slice(), slot.as_slice()].concat(),
        }
    }
}

/// A map from keys to values of 32 bytes, with a Merkle root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    root: Child,
}

#[derive(Clone, Debug, Default)]
enum Child {
    #[default]
    Empty,
    Leaf(Arc<Leaf>),
    Inner(Arc<Inner>),
}

#[derive(Clone, Debug)]
struct Leaf {
    key: Key,
    /// The hashed key, whose bits lead to the leaf.
    place: B256,
    value: B256,
    hash: OnceLock<B256>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    children: [Child; 2],
    hash: OnceLock<B256>,
}

/// What lies at a key, or beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The key's own leaf.
    Existence(ProvenLeaf),
    /// The leaves on both sides of where it would be.
    Absence {
        /// The last leaf before.
        left: Option<ProvenLeaf>,
        /// The first leaf behind.
        right: Option<ProvenLeaf>,
    },
}

/// A leaf with the siblings from it up to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProvenLeaf {
    pub(crate) key: Vec<u8>,
    pub(crate) value: B256,
    pub(crate) siblings: Vec<Sibling>,
}

/// The other child of a node on the way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sibling {
    Left(B256),
    Right(B256),
}

impl Tree {
    /// The value at a key.
    pub(crate) fn get(&self, key: &Key) -> Option<B256> {
        self.leaf(&place(&key.encode())).filter(|leaf| leaf.key == *key).map(|leaf| leaf.value)
    }

    /// Sets the value at a key.
    pub(crate) fn insert(&mut self, key: Key, value: B256) {
        let place = place(&key.encode());
        insert_at(&mut self.root, 0, Leaf { key, place, value, hash: OnceLock::new() });
    }

    /// Removes every slot of a contract. Looks at all leaves, so it is for the rare end of a contract only.
    pub(crate) fn remove_account(&mut self, account: Address) {
        if let Some(root) = without(&self.root, account) {
            self.root = root;
        }
    }

    /// The Merkle root.
    pub(crate) fn root(&self) -> B256 {
        self.root.hash()
    }

    /// The proof about a key, given as its bytes, which need not be those of a [`Key`].
    pub(crate) fn prove(&self, key: &[u8]) -> Proof {
        let wanted = place(key);
        let (mut before, mut behind) = (&Child::Empty, &Child::Empty);
        let mut at = &self.root;
        let mut depth = 0;
        while let Child::Inner(inner) = at {
            let [left, right] = &inner.children;
            // The nearest neighbours are below the last branch where the ways part.
            if bit(&wanted, depth) == 0 {
                if !matches!(right, Child::Empty) {
                    behind = right;
                }
                at = left;
            } else {
                if !matches!(left, Child::Empty) {
                    before = left;
                }
                at = right;
            }
            depth += 1;
        }
        if let Child::Leaf(leaf) = at {
            if leaf.place == wanted {
                return Proof::Existence(self.proven(leaf));
            }
            if leaf.place < wanted {
                before = at;
            } else {
                behind = at;
            }
        }
        Proof::Absence {
            left: before.outermost(1).map(|leaf| self.proven(leaf)),
            right: behind.outermost(0).map(|leaf| self.proven(leaf)),
        }
    }

    fn leaf(&self, place: &B256) -> Option<&Leaf> {
        let mut at = &self.root;
        let mut depth = 0;
        loop {
            match at {
                Child::Empty => return None,
                Child::Leaf(leaf) => return (leaf.place == *place).then_some(leaf),
                Child::Inner(inner) => at = &inner.children[bit(place, depth)],
            }
            depth += 1;
        }
    }

    /// A leaf of this tree with its siblings.
    fn proven(&self, leaf: &Leaf) -> ProvenLeaf {
        let mut siblings = Vec::new();
        let mut at = &self.root;
        while let Child::Inner(inner) = at {
            let [left, right] = &inner.children;
            if bit(&leaf.place, siblings.len()) == 0 {
                siblings.push(Sibling::Right(right.hash()));
                at = left;
            } else {
                siblings.push(Sibling::Left(left.hash()));
                at = right;
            }
        }
        siblings.reverse();
        ProvenLeaf { key: leaf.key.encode(), value: leaf.value, siblings }
    }
}

impl Child {
    fn hash(&self) -> B256 {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(leaf) => *leaf.hash.get_or_init(|| {
                sha256(&[LEAF_MARK, leaf.place.as_slice(), sha256(&[leaf.value.as_slice()]).as_slice()])
            }),
            Self::Inner(inner) => *inner.hash.get_or_init(|| {
                let [left, right] = &inner.children;
                sha256(&[INNER_MARK, left.hash().as_slice(), right.hash().as_slice()])
            }),
        }
    }

    /// The first (0) or last (1) leaf below.
    fn outermost(&self, side: usize) -> Option<&Leaf> {
        match self {
            Self::Empty => None,
            Self::Leaf(leaf) => Some(leaf),
            Self::Inner(inner) => {
                inner.children[side].outermost(side).or_else(|| inner.children[1 - side].outermost(side))
            }
        }
    }
}

fn insert_at(child: &mut Child, depth: usize, leaf: Leaf) {
    match child {
        Child::Empty => *child = Child::Leaf(Arc::new(leaf)),
        Child::Leaf(old) if old.place == leaf.place => *old = Arc::new(leaf),
        Child::Leaf(old) => *child = fork(old.clone(), Arc::new(leaf), depth),
        Child::Inner(inner) => {
            let inner = Arc::make_mut(inner);
            inner.hash.take();
            insert_at(&mut inner.children[bit(&leaf.place, depth)], depth + 1, leaf);
        }
    }
}

/// The nodes from `depth` on to where two leaves part. Places of 256 bits that differ part before they end.
fn fork(one: Arc<Leaf>, other: Arc<Leaf>, depth: usize) -> Child {
    let mut inner = Inner::default();
    let (at, place_of_other) = (bit(&one.place, depth), bit(&other.place, depth));
    if at == place_of_other {
        inner.children[at] = fork(one, other, depth + 1);
    } else {
        inner.children[at] = Child::Leaf(one);
        inner.children[place_of_other] = Child::Leaf(other);
    }
    Child::Inner(Arc::new(inner))
}

/// The subtree without a contract's slots; `None` when it has none of them.
fn without(child: &Child, account: Address) -> Option<Child> {
    match child {
        Child::Empty => None,
        Child::Leaf(leaf) => {
            matches!(leaf.key, Key::Slot { address, .. } if address == account).then_some(Child::Empty)
        }
        Child::Inner(inner) => {
            let [left, right] = &inner.children;
            let (without_left, without_right) = (without(left, account), without(right, account));
            if without_left.is_none() && without_right.is_none() {
                return None;
            }
            let (left, right) =
                (without_left.unwrap_or_else(|| left.clone()), without_right.unwrap_or_else(|| right.clone()));
            Some(match (left, right) {
                // What is left of a single leaf rises; an inner node stays at its depth.
                (Child::Empty, only @ (Child::Empty | Child::Leaf(_))) | (only @ Child::Leaf(_), Child::Empty) => only,
                (left, right) => Child::Inner(Arc::new(Inner { children: [left, right], hash: OnceLock::new() })),
            })
        }
    }
}

fn place(key: &[u8]) -> B256 {
    sha256(&[key])
}

/// The bit of a place that decides at `depth`, the most significant first.
fn bit(place: &B256, depth: usize) -> usize {
    usize::from(place[depth / 8] >> (7 - depth % 8) & 1)
}

pub(super) fn sha256(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    B256::new(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use alloy_primitives::hex;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};
    use serde_json::Value;

    use super::*;

    fn slot(number: u64) -> Key {
        let address = Address::repeat_byte((number % 5) as u8);
        Key::Slot { address, slot: B256::left_padding_from(&number.to_be_bytes()) }
    }

    fn bytes(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().expect("a text")).expect("hexadecimal")
    }

    fn list(value: &Value) -> &[Value] {
        value.as_array().expect("a list")
    }

    /// The first 20 bytes behind the mark are the contract, the rest is the slot.
    fn key(bytes: &[u8]) -> Key {
        assert_eq!((bytes[0], bytes.len()), (STORAGE, 53));
        Key::Slot { address: Address::from_slice(&bytes[1..21]), slot: B256::from_slice(&bytes[21..]) }
    }

    #[test]
    fn roots_and_proofs_are_those_of_the_upstream_crate() {
        let file: Value = serde_json::from_str(include_str!("../../vectors/jmt-0.12.json")).expect("JSON");
        let (mut tree, mut snapshots, mut proofs) = (Tree::default(), Vec::new(), 0);
        for (number, batch) in list(&file["batches"]).iter().enumerate() {
            let mut gone = BTreeSet::new();
            for change in list(&batch["changes"]) {
                let changed = key(&bytes(&change[0]));
                match (&change[1], changed) {
                    (Value::Null, Key::Slot { address, .. }) => drop(gone.insert(address)),
                    (value, _) => tree.insert(changed, B256::from_slice(&bytes(value))),
                }
            }
            gone.into_iter().for_each(|account| tree.remove_account(account));
            assert_eq!(tree.root().to_vec(), bytes(&batch["root"]), "batch {number}");
            snapshots.push(tree.clone());
            for proof in list(&batch["proofs"]) {
                let key = bytes(&proof[0]);
                let expected = STANDARD.decode(proof[1].as_str().expect("a text")).expect("base64");
                assert_eq!(tree.prove(&key).encode(&key), expected, "batch {number}, {}", proof[0]);
                proofs += 1;
            }
        }
        assert!(snapshots.len() >= 12 && proofs >= 50, "{proofs} proofs");
        for (tree, batch) in snapshots.iter().zip(list(&file["batches"])) {
            assert_eq!(tree.root().to_vec(), bytes(&batch["root"]), "an old snapshot changed");
        }
    }

    #[test]
    fn the_course_of_changes_plays_no_part() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
        for round in 0..60_u8 {
            for _ in 0..=rng.next_u32() % 20 {
                let (number, value) = (rng.next_u64() % 400, B256::left_padding_from(&rng.next_u64().to_be_bytes()));
                tree.insert(slot(number), value);
                model.insert(number, value);
            }
            if round % 12 == 11 {
                tree.remove_account(Address::repeat_byte(round % 5));
                model.retain(|number, _| number % 5 != u64::from(round % 5));
            }
            let mut again = Tree::default();
            model.iter().rev().for_each(|(number, value)| again.insert(slot(*number), *value));
            assert_eq!(again.root(), tree.root(), "round {round}");
            for number in 0..400 {
                assert_eq!(tree.get(&slot(number)), model.get(&number).copied());
            }
        }
    }

    #[test]
    fn a_tree_without_leaves_is_a_placeholder_and_one_leaf_is_the_root() {
        let mut tree = Tree::default();
        assert_eq!(tree.root(), EMPTY);
        assert_eq!(tree.prove(b"x"), Proof::Absence { left: None, right: None });
        tree.insert(Key::Parameters, B256::repeat_byte(1));
        let Proof::Existence(leaf) = tree.prove(&Key::Parameters.encode()) else { panic!("it is there") };
        assert!(leaf.siblings.is_empty());
        tree.remove_account(Address::ZERO);
        assert_eq!(tree.get(&Key::Parameters), Some(B256::repeat_byte(1)), "no contract's");
        let key = slot(7);
        tree.insert(key, B256::ZERO);
        assert_eq!(tree.get(&key), Some(B256::ZERO), "zeros are a value");
    }
}
