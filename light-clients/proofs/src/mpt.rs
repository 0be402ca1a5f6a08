//! The Merkle Patricia trie over keys of 32 bytes, presence and absence, several keys under one list of nodes.
//!
//! # The shared encoding
//!
//! Nodes follow one another as RLP items, in the order in which they are first needed when the keys are walked one
//! after another. A node is taken from the list unless it is the node at the same depth of the *previous* key's path
//! and all shallower ones were shared too; then it must not be listed again. So an ordered list of keys has exactly
//! one proof. Children shorter than 32 bytes lie within their parent and are not listed; the root always is, and the
//! empty trie has no nodes.
//!
//! Source: Ethereum Yellow Paper, appendix D; `hexPrefix` is its appendix C.

use crate::{
    ProofError,
    rlp::{Item, Reader},
};
use alloc::vec::Vec;
use light_client::StateRoot;
use light_client_crypto::HashSuite;

/// The longest node that is read. A full branch has 532 bytes, an account's leaf at most 150.
pub const MAX_NODE_BYTES: usize = 1024;

/// Keccak-256 of the RLP of the empty string: the root of the trie that holds nothing.
pub const EMPTY_ROOT: StateRoot = StateRoot::new([
    0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e, //
    0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
]);

/// The nibbles of a key.
const KEY_NIBBLES: usize = 64;
const BRANCH_ITEMS: usize = 17;
const SHORT_NODE_ITEMS: usize = 2;
const HASH_BYTES: usize = 32;

/// Looks up keys under one root and one shared list of nodes, in the order in which the proof was made for them.
#[derive(Debug)]
pub struct Trie<'a, 's, S> {
    suite: &'s S,
    root: StateRoot,
    nodes: Reader<'a>,
    taken: usize,
    /// The hashed nodes from the root to where the previous key's path ended.
    path: Vec<(StateRoot, &'a [u8])>,
}

impl<'a, 's, S: HashSuite> Trie<'a, 's, S> {
    /// Starts at the first node.
    pub const fn new(suite: &'s S, root: StateRoot, nodes: &'a [u8]) -> Self {
        Self { suite, root, nodes: Reader::new(nodes), taken: 0, path: Vec::new() }
    }

    /// What lies at `key` (a hash already), or `None` when the trie shows that nothing does.
    ///
    /// # Errors
    /// When the nodes do not show either.
    pub fn get(&mut self, key: &[u8; 32]) -> Result<Option<&'a [u8]>, ProofError> {
        if self.root == EMPTY_ROOT {
            return Ok(None);
        }
        let mut walk = Walk { key, used: 0, depth: 0 };
        let found = self.walk(&mut walk);
        self.path.truncate(walk.depth);
        found
    }

    /// The hash of the node at a depth of the last key's path.
    pub(crate) fn hash_at(&self, depth: usize) -> Option<StateRoot> {
        self.path.get(depth).map(|(hash, _)| *hash)
    }

    /// How many hashed nodes the last key's path has.
    pub(crate) const fn depth(&self) -> usize {
        self.path.len()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`ProofError::NodeUnused`] when nodes are left.
    pub fn finish(self) -> Result<(), ProofError> {
        if self.nodes.is_empty() { Ok(()) } else { Err(ProofError::NodeUnused { found: self.nodes.rest().len() }) }
    }

    fn walk(&mut self, walk: &mut Walk<'_>) -> Result<Option<&'a [u8]>, ProofError> {
        let root = self.root;
        let mut node = self.resolve(walk, root)?;
        loop {
            // Every turn uses at least one nibble of the key or returns.
            let child = match Node::parse(node)? {
                Node::Branch(children) => match walk.next_nibble() {
                    Some(nibble) => children.get(usize::from(nibble)).copied().unwrap_or(Child::Empty),
                    None => return Err(ProofError::PathTooLong { expected: 0, found: 1 }),
                },
                Node::Extension { path, child } => {
                    if path.len() >= walk.left() {
                        return Err(ProofError::PathTooLong { expected: walk.left(), found: path.len() });
                    }
                    if !walk.follow(path) {
                        return Ok(None);
                    }
                    child
                }
                Node::Leaf { path, value } => {
                    if path.len() != walk.left() {
                        return Err(ProofError::PathTooLong { expected: walk.left(), found: path.len() });
                    }
                    return Ok(walk.follow(path).then_some(value));
                }
            };
            node = match child {
                Child::Empty => return Ok(None),
                Child::Hash(hash) => self.resolve(walk, hash)?,
                Child::Embedded(raw) => raw,
            };
        }
    }

    /// The node with this hash: the previous path's when it is there, else the next one of the list.
    fn resolve(&mut self, walk: &mut Walk<'_>, expected: StateRoot) -> Result<&'a [u8], ProofError> {
        if let Some((hash, node)) = self.path.get(walk.depth)
            && *hash == expected
        {
            walk.depth += 1;
            return Ok(node);
        }
        // From here on this path is another one: nothing deeper of the previous one is looked at again.
        self.path.truncate(walk.depth);
        if self.nodes.is_empty() {
            return Err(match self.taken {
                0 => ProofError::Empty { root: expected },
                _ => ProofError::NodeMissing { expected },
            });
        }
        let node = self.nodes.item().map_err(ProofError::node_rlp)?.raw;
        if node.len() > MAX_NODE_BYTES {
            return Err(ProofError::NodeTooLarge { maximum: MAX_NODE_BYTES, found: node.len() });
        }
        let found = StateRoot::new(self.suite.hash(&[node]));
        if found != expected {
            return Err(ProofError::NodeHashMismatch { expected, found });
        }
        self.path.push((expected, node));
        self.taken = self.taken.saturating_add(1);
        walk.depth += 1;
        Ok(node)
    }
}

/// Turns one list of nodes for each key, as `eth_getProof` answers them, into the shared encoding.
///
/// Every list is verified on its own: it must be exactly the path of its key under `root`. A lone empty node, which
/// some software answers for the empty trie, counts as none.
///
/// # Errors
/// As [`Trie`].
pub fn share<S: HashSuite, N: AsRef<[u8]>>(
    suite: &S,
    root: StateRoot,
    proofs: &[([u8; 32], &[N])],
) -> Result<Vec<u8>, ProofError> {
    let mut shared = Vec::new();
    let mut previous: Vec<StateRoot> = Vec::new();
    for (key, nodes) in proofs {
        let is_empty_trie = root == EMPTY_ROOT && matches!(nodes, [node] if node.as_ref() == [crate::rlp::EMPTY_BYTES]);
        let list: Vec<u8> =
            if is_empty_trie { Vec::new() } else { nodes.iter().flat_map(AsRef::as_ref).copied().collect() };
        let mut trie = Trie::new(suite, root, &list);
        trie.get(key)?;
        let path = core::mem::take(&mut trie.path);
        trie.finish()?;
        let common = path.iter().zip(&previous).take_while(|((hash, _), before)| hash == *before).count();
        for (_, node) in path.iter().skip(common) {
            shared.extend_from_slice(node);
        }
        previous = path.into_iter().map(|(hash, _)| hash).collect();
    }
    Ok(shared)
}

/// Where the walk along one key is.
struct Walk<'k> {
    key: &'k [u8; 32],
    used: usize,
    depth: usize,
}

impl Walk<'_> {
    const fn left(&self) -> usize {
        KEY_NIBBLES.saturating_sub(self.used)
    }

    fn next_nibble(&mut self) -> Option<u8> {
        let nibble = nibble_at(self.key, self.used)?;
        self.used += 1;
        Some(nibble)
    }

    /// Uses up the nibbles of `path` when they are the key's next ones.
    fn follow(&mut self, path: Nibbles<'_>) -> bool {
        (0..path.len()).all(|index| self.next_nibble() == path.get(index))
    }
}

/// The nibbles of a hex-prefix encoding behind its flag.
#[derive(Clone, Copy)]
struct Nibbles<'a> {
    bytes: &'a [u8],
    skipped: usize,
}

impl Nibbles<'_> {
    const fn len(self) -> usize {
        (self.bytes.len() * 2).saturating_sub(self.skipped)
    }

    fn get(self, index: usize) -> Option<u8> {
        nibble_at(self.bytes, index.checked_add(self.skipped)?)
    }
}

fn nibble_at(bytes: &[u8], index: usize) -> Option<u8> {
    let byte = bytes.get(index / 2)?;
    Some(if index.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
}

enum Node<'a> {
    Branch(Vec<Child<'a>>),
    Extension { path: Nibbles<'a>, child: Child<'a> },
    Leaf { path: Nibbles<'a>, value: &'a [u8] },
}

#[derive(Clone, Copy)]
enum Child<'a> {
    Empty,
    Hash(StateRoot),
    Embedded(&'a [u8]),
}

impl<'a> Node<'a> {
    /// Reads a node of exactly the form that it must have.
    fn parse(raw: &'a [u8]) -> Result<Self, ProofError> {
        let mut whole = Reader::new(raw);
        let mut list = whole.list().map_err(ProofError::node_rlp)?;
        whole.finish().map_err(ProofError::node_rlp)?;
        let mut items = Vec::with_capacity(BRANCH_ITEMS);
        while !list.is_empty() {
            if items.len() == BRANCH_ITEMS {
                return Err(ProofError::malformed("2 or 17 items"));
            }
            items.push(list.item().map_err(ProofError::node_rlp)?);
        }
        match items.as_slice() {
            [path, target] if items.len() == SHORT_NODE_ITEMS => Self::short(*path, *target),
            [children @ .., value] if items.len() == BRANCH_ITEMS => Self::branch(children, *value),
            _ => Err(ProofError::malformed("2 or 17 items")),
        }
    }

    fn branch(items: &[Item<'a>], value: Item<'a>) -> Result<Self, ProofError> {
        if value.is_list || !value.payload.is_empty() {
            return Err(ProofError::malformed("a branch without a value, since all keys have one length"));
        }
        items.iter().map(|item| Child::parse(*item)).collect::<Result<_, _>>().map(Self::Branch)
    }

    fn short(path: Item<'a>, target: Item<'a>) -> Result<Self, ProofError> {
        let bytes = path.bytes().map_err(ProofError::node_rlp)?;
        let flag = nibble_at(bytes, 0).ok_or(ProofError::malformed("a path with its flag"))?;
        if flag > 3 || (flag.is_multiple_of(2) && nibble_at(bytes, 1) != Some(0)) {
            return Err(ProofError::malformed("a path with a flag of 0 to 3 and zero padding"));
        }
        let path = Nibbles { bytes, skipped: if flag.is_multiple_of(2) { 2 } else { 1 } };
        if flag >= 2 {
            return Ok(Self::Leaf { path, value: target.bytes().map_err(ProofError::node_rlp)? });
        }
        if path.len() == 0 {
            return Err(ProofError::malformed("an extension with a path"));
        }
        match Child::parse(target)? {
            Child::Empty => Err(ProofError::malformed("an extension with a child")),
            child => Ok(Self::Extension { path, child }),
        }
    }
}

impl<'a> Child<'a> {
    fn parse(item: Item<'a>) -> Result<Self, ProofError> {
        if item.is_list {
            return if item.raw.len() < HASH_BYTES {
                Ok(Self::Embedded(item.raw))
            } else {
                Err(ProofError::malformed("an embedded child of less than 32 bytes"))
            };
        }
        match <[u8; HASH_BYTES]>::try_from(item.payload) {
            Ok(hash) => Ok(Self::Hash(StateRoot::new(hash))),
            Err(_) if item.payload.is_empty() => Ok(Self::Empty),
            Err(_) => Err(ProofError::malformed("a child that is empty, a hash of 32 bytes, or embedded")),
        }
    }
}
