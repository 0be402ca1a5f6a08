//! Persistent, incremental Merkle-Patricia trie with 32-byte keys.
//!
//! A trie is a value: cloning it costs one reference count, and changing the clone copies only the path to the change. The state of
//! every block is therefore kept, provable, and readable without any lock, at the price of the nodes that really changed. Hashes are
//! computed when first asked for and kept beside the node, so a block costs one pass over the nodes it touched.
//!
//! Source: Ethereum Yellow Paper, appendix D. Every key has 64 nibbles, so no branch ever holds a value.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

const BRANCH_WIDTH: usize = 16;

/// What a leaf holds: something with an RLP encoding.
pub(crate) trait Leaf: Clone {
    /// Appends the RLP that stands in the leaf.
    fn encode_leaf(&self, out: &mut Vec<u8>);
}

impl Leaf for U256 {
    fn encode_leaf(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

/// A map from 32-byte keys (already hashed) to leaves, with a Merkle root.
#[derive(Clone, Debug)]
pub(crate) struct Trie<V> {
    root: Option<Arc<Node<V>>>,
}

#[derive(Clone, Debug)]
struct Node<V> {
    kind: Kind<V>,
    /// How a parent names this node: its RLP when shorter than 32 bytes, else its hash. Empty until asked for.
    reference: OnceLock<RlpNode>,
}

#[derive(Clone, Debug)]
enum Kind<V> {
    Leaf { path: Nibbles, value: V },
    Extension { path: Nibbles, child: Arc<Node<V>> },
    Branch { children: Box<Children<V>> },
}

type Children<V> = [Option<Arc<Node<V>>>; BRANCH_WIDTH];

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<V: Leaf> Trie<V> {
    /// The value under `key`, if there is one.
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let mut node = self.root.as_deref()?;
        let mut path = Nibbles::unpack(key);
        loop {
            match &node.kind {
                Kind::Leaf { path: own, value } => return (*own == path).then_some(value),
                Kind::Extension { path: own, child } => {
                    if !path.starts_with(own) {
                        return None;
                    }
                    path = path.slice(own.len()..);
                    node = child;
                }
                Kind::Branch { children } => {
                    node = children[usize::from(path.first()?)].as_deref()?;
                    path = path.slice(1..);
                }
            }
        }
    }

    /// The value under `key` for changing; the nodes above it forget their hashes.
    pub(crate) fn get_mut(&mut self, key: &B256) -> Option<&mut V> {
        self.get(key)?;
        let mut node = Arc::make_mut(self.root.as_mut()?);
        let mut path = Nibbles::unpack(key);
        loop {
            node.reference.take();
            match &mut node.kind {
                Kind::Leaf { value, .. } => return Some(value),
                Kind::Extension { path: own, child } => {
                    path = path.slice(own.len()..);
                    node = Arc::make_mut(child);
                }
                Kind::Branch { children } => {
                    node = Arc::make_mut(children[usize::from(path.first()?)].as_mut()?);
                    path = path.slice(1..);
                }
            }
        }
    }

    /// Sets the value under `key`.
    pub(crate) fn insert(&mut self, key: &B256, value: V) {
        let path = Nibbles::unpack(key);
        match &mut self.root {
            None => self.root = Some(leaf(path, value)),
            Some(root) => insert_at(root, path, value),
        }
    }

    /// Removes the value under `key`; nothing happens when there is none.
    pub(crate) fn remove(&mut self, key: &B256) {
        if self.get(key).is_some() {
            self.root = self.root.take().and_then(|root| remove_at(root, Nibbles::unpack(key)));
        }
    }

    /// The Merkle root; [`EMPTY_ROOT_HASH`] for a trie without values.
    pub(crate) fn root(&self) -> B256 {
        let Some(root) = &self.root else {
            return EMPTY_ROOT_HASH;
        };
        // The root is hashed even when its encoding is shorter than a hash.
        root.reference().as_hash().unwrap_or_else(|| keccak256(root.encode()))
    }

    /// The nodes from the root towards `key`, as far as they exist: a proof of the value, or of its absence.
    ///
    /// Nodes embedded in their parent are not listed, and the empty trie has no nodes, as in `eth_getProof` of go-ethereum.
    pub(crate) fn proof(&self, key: &B256) -> Vec<Bytes> {
        let mut nodes = Vec::new();
        let mut path = Nibbles::unpack(key);
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            if nodes.is_empty() || node.reference().is_hash() {
                nodes.push(node.encode().into());
            }
            next = match &node.kind {
                Kind::Extension { path: own, child } if path.starts_with(own) => {
                    path = path.slice(own.len()..);
                    Some(child)
                }
                Kind::Branch { children } => {
                    let child = path.first().and_then(|nibble| children[usize::from(nibble)].as_deref());
                    if child.is_some() {
                        path = path.slice(1..);
                    }
                    child
                }
                Kind::Leaf { .. } | Kind::Extension { .. } => None,
            };
        }
        nodes
    }
}

impl<V: Leaf> Node<V> {
    fn new(kind: Kind<V>) -> Arc<Self> {
        Arc::new(Self { kind, reference: OnceLock::new() })
    }

    fn reference(&self) -> &RlpNode {
        self.reference.get_or_init(|| RlpNode::from_rlp(&self.encode()))
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.kind {
            Kind::Leaf { path, value } => {
                let mut encoded = Vec::new();
                value.encode_leaf(&mut encoded);
                LeafNodeRef::new(path, &encoded).encode(&mut out);
            }
            Kind::Extension { path, child } => ExtensionNodeRef::new(path, child.reference()).encode(&mut out),
            Kind::Branch { children } => {
                let mut payload = Vec::with_capacity(BRANCH_WIDTH * 33 + 1);
                for child in children.iter() {
                    match child {
                        Some(child) => payload.extend_from_slice(child.reference()),
                        None => payload.push(EMPTY_STRING_CODE),
                    }
                }
                payload.push(EMPTY_STRING_CODE);
                out.reserve(payload.len() + 4);
                Header { list: true, payload_length: payload.len() }.encode(&mut out);
                out.extend_from_slice(&payload);
            }
        }
        out
    }
}

fn leaf<V: Leaf>(path: Nibbles, value: V) -> Arc<Node<V>> {
    Node::new(Kind::Leaf { path, value })
}

/// An extension over `path` to `child`, or `child` itself when there is nothing to skip.
fn extension<V: Leaf>(path: Nibbles, child: Arc<Node<V>>) -> Arc<Node<V>> {
    if path.is_empty() {
        return child;
    }
    Node::new(Kind::Extension { path, child })
}

fn insert_at<V: Leaf>(slot: &mut Arc<Node<V>>, path: Nibbles, value: V) {
    let node = Arc::make_mut(slot);
    node.reference.take();
    match &mut node.kind {
        Kind::Leaf { path: own, value: old } => {
            let shared = own.common_prefix_length(&path);
            if shared == own.len() {
                *old = value;
                return;
            }
            let (own, old) = (*own, old.clone());
            *slot = fork(&own, leaf(own.slice(shared + 1..), old), path, shared, value);
        }
        Kind::Extension { path: own, child } => {
            let shared = own.common_prefix_length(&path);
            if shared == own.len() {
                insert_at(child, path.slice(shared..), value);
                return;
            }
            let (own, child) = (*own, child.clone());
            *slot = fork(&own, extension(own.slice(shared + 1..), child), path, shared, value);
        }
        Kind::Branch { children } => {
            let rest = path.slice(1..);
            match &mut children[nibble(&path, 0)] {
                Some(child) => insert_at(child, rest, value),
                empty => *empty = Some(leaf(rest, value)),
            }
        }
    }
}

/// The branch where `own` (leading to `below`) and the new `path` part after `shared` nibbles, under an extension if they share any.
fn fork<V: Leaf>(own: &Nibbles, below: Arc<Node<V>>, path: Nibbles, shared: usize, value: V) -> Arc<Node<V>> {
    let mut children: Box<Children<V>> = Box::default();
    children[nibble(own, shared)] = Some(below);
    children[nibble(&path, shared)] = Some(leaf(path.slice(shared + 1..), value));
    extension(path.slice(..shared), Node::new(Kind::Branch { children }))
}

/// Removes a value that is known to be there; `None` when nothing is left below.
fn remove_at<V: Leaf>(node: Arc<Node<V>>, path: Nibbles) -> Option<Arc<Node<V>>> {
    match Arc::unwrap_or_clone(node).kind {
        Kind::Leaf { .. } => None,
        Kind::Extension { path: own, child } => {
            let child = remove_at(child, path.slice(own.len()..))?;
            Some(prefixed(own, child))
        }
        Kind::Branch { mut children } => {
            let slot = &mut children[nibble(&path, 0)];
            *slot = slot.take().and_then(|child| remove_at(child, path.slice(1..)));
            let mut left = children.iter().enumerate().filter(|(_, child)| child.is_some());
            match (left.next(), left.next()) {
                (Some((only, Some(child))), None) => {
                    // The index of a child in a branch is a nibble.
                    let step = Nibbles::from_nibbles([only as u8]);
                    Some(prefixed(step, child.clone()))
                }
                (None, _) => None,
                _ => Some(Node::new(Kind::Branch { children })),
            }
        }
    }
}

/// `child` reached over `path`: leaves and extensions swallow the path, a branch gets an extension above it.
fn prefixed<V: Leaf>(path: Nibbles, child: Arc<Node<V>>) -> Arc<Node<V>> {
    match &child.kind {
        Kind::Leaf { path: own, value } => leaf(path.join(own), value.clone()),
        Kind::Extension { path: own, child } => extension(path.join(own), child.clone()),
        Kind::Branch { .. } => extension(path, child),
    }
}

/// The nibble at `index`. Paths to distinct keys of one length always part before they end, so it exists.
fn nibble(path: &Nibbles, index: usize) -> usize {
    usize::from(path.get(index).expect("keys of one length part before they end"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy_trie::HashBuilder;
    use alloy_trie::proof::verify_proof;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    fn reference_root(values: &BTreeMap<B256, U256>) -> B256 {
        let mut builder = HashBuilder::default();
        for (key, value) in values {
            builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(value));
        }
        builder.root()
    }

    /// Keys that share long prefixes, so that extensions are split and merged; the last nibbles differ, so that nodes are embedded.
    fn key(rng: &mut ChaCha8Rng) -> B256 {
        let mut key = B256::repeat_byte(0x11);
        match rng.next_u32() % 3 {
            0 => key[31] = rng.next_u32() as u8,
            1 => key[(rng.next_u32() % 4) as usize] = (rng.next_u32() % 4) as u8,
            _ => key = keccak256((rng.next_u32() % 64).to_be_bytes()),
        }
        key
    }

    #[test]
    fn roots_and_proofs_agree_with_an_independent_builder_through_random_changes() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut trie = Trie::<U256>::default();
        let mut model = BTreeMap::new();
        let mut snapshots = Vec::new();
        for step in 0..4_000u32 {
            let key = key(&mut rng);
            if rng.next_u32() % 5 < 2 {
                trie.remove(&key);
                model.remove(&key);
            } else if rng.next_u32() % 4 == 0 && model.contains_key(&key) {
                *trie.get_mut(&key).expect("the model has it") += U256::from(1);
                *model.get_mut(&key).expect("the model has it") += U256::from(1);
            } else {
                let value = U256::from(rng.next_u64() >> (rng.next_u32() % 64)) + U256::from(1);
                trie.insert(&key, value);
                model.insert(key, value);
            }
            if step % 7 == 0 {
                assert_eq!(trie.root(), reference_root(&model), "step {step}");
            }
            let probe = self::key(&mut rng);
            assert_eq!(trie.get(&probe), model.get(&probe));
            let expected = model.get(&probe).map(alloy_rlp::encode);
            verify_proof(trie.root(), Nibbles::unpack(probe), expected, &trie.proof(&probe)).expect("proof");
            if step % 400 == 0 {
                snapshots.push((trie.clone(), model.clone()));
            }
        }
        for (trie, model) in snapshots {
            assert_eq!(trie.root(), reference_root(&model), "an old snapshot changed");
        }
        for key in model.keys() {
            trie.remove(key);
        }
        assert_eq!(trie.root(), EMPTY_ROOT_HASH);
        assert!(trie.proof(&B256::ZERO).is_empty());
    }
}
