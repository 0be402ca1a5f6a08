//! A Merkle Patricia trie built whole from its entries: what the tests and the vectors prove things about.
//!
//! Written apart from the reader under test and the simplest way there is: sort, split by nibble, encode.

use light_client_crypto::{HashSuite, Keccak256};
use light_client_proofs::rlp;

/// A trie with its nodes.
pub(crate) struct Trie {
    entries: Vec<([u8; 32], Vec<u8>)>,
}

impl Trie {
    /// The trie of these keys (hashed already) and values.
    pub(crate) fn new(entries: impl IntoIterator<Item = ([u8; 32], Vec<u8>)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort();
        Self { entries }
    }

    /// The root's hash.
    pub(crate) fn root(&self) -> [u8; 32] {
        Keccak256.hash(&[&node(&self.entries, 0)])
    }

    /// The hashed nodes from the root towards `key`, as `eth_getProof` lists them.
    pub(crate) fn prove(&self, key: &[u8; 32]) -> Vec<Vec<u8>> {
        let mut nodes = Vec::new();
        let (mut entries, mut depth) = (&self.entries[..], 0);
        while !entries.is_empty() {
            let raw = node(entries, depth);
            if depth == 0 || raw.len() >= 32 {
                nodes.push(raw);
            }
            if entries.len() == 1 {
                break;
            }
            let common = common_prefix(entries, depth);
            if common > depth {
                if (depth..common).any(|index| nibble(key, index) != nibble(&entries[0].0, index)) {
                    break;
                }
                // The branch behind an extension is a node of its own.
                let branch = branch_node(entries, common);
                if branch.len() >= 32 {
                    nodes.push(branch);
                }
            }
            let wanted = nibble(key, common);
            let start = entries.partition_point(|(key, _)| nibble(key, common) < wanted);
            let end = entries.partition_point(|(key, _)| nibble(key, common) <= wanted);
            entries = &entries[start..end];
            depth = common + 1;
        }
        nodes
    }
}

/// The trie key of a storage slot or an address.
pub(crate) fn key_of(bytes: &[u8]) -> [u8; 32] {
    Keccak256.hash(&[bytes])
}

/// What a leaf holds for a slot of this value.
pub(crate) fn slot_value(value: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::write_integer(&mut out, value);
    out
}

/// What a leaf holds for an account.
pub(crate) fn account(nonce: u64, balance: u64, storage_root: &[u8; 32], code_hash: &[u8; 32]) -> Vec<u8> {
    let mut fields = Vec::new();
    rlp::write_u64(&mut fields, nonce);
    rlp::write_u64(&mut fields, balance);
    rlp::write_bytes(&mut fields, storage_root);
    rlp::write_bytes(&mut fields, code_hash);
    let mut out = Vec::new();
    rlp::write_list(&mut out, &fields);
    out
}

/// A list of encoded items.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::write_list(&mut out, &items.concat());
    out
}

/// An encoded byte string.
pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::write_bytes(&mut out, content);
    out
}

/// The hex-prefix encoding of the nibbles of `key` from `from` to `to`.
pub(crate) fn hex_prefix(key: &[u8; 32], from: usize, to: usize, is_leaf: bool) -> Vec<u8> {
    let mut nibbles: Vec<u8> = Vec::new();
    let flag = if is_leaf { 2 } else { 0 };
    if (to - from) % 2 == 1 {
        nibbles.push(flag + 1);
    } else {
        nibbles.extend([flag, 0]);
    }
    nibbles.extend((from..to).map(|index| nibble(key, index)));
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn node(entries: &[([u8; 32], Vec<u8>)], depth: usize) -> Vec<u8> {
    match entries {
        [] => vec![rlp::EMPTY_BYTES],
        [(key, value)] => list(&[bytes(&hex_prefix(key, depth, 64, true)), bytes(value)]),
        _ => {
            let common = common_prefix(entries, depth);
            let branch = branch_node(entries, common);
            if common == depth {
                return branch;
            }
            list(&[bytes(&hex_prefix(&entries[0].0, depth, common, false)), reference(branch)])
        }
    }
}

fn branch_node(entries: &[([u8; 32], Vec<u8>)], depth: usize) -> Vec<u8> {
    let mut items: Vec<Vec<u8>> = (0..16)
        .map(|wanted| {
            let start = entries.partition_point(|(key, _)| nibble(key, depth) < wanted);
            let end = entries.partition_point(|(key, _)| nibble(key, depth) <= wanted);
            if start == end { bytes(&[]) } else { reference(node(&entries[start..end], depth + 1)) }
        })
        .collect();
    items.push(bytes(&[]));
    list(&items)
}

fn reference(raw: Vec<u8>) -> Vec<u8> {
    if raw.len() < 32 { raw } else { bytes(&Keccak256.hash(&[&raw])) }
}

fn common_prefix(entries: &[([u8; 32], Vec<u8>)], depth: usize) -> usize {
    let (first, last) = (&entries[0].0, &entries[entries.len() - 1].0);
    (depth..64).find(|index| nibble(first, *index) != nibble(last, *index)).unwrap_or(64)
}

/// The nibble of a key at `index`.
pub(crate) fn nibble(key: &[u8; 32], index: usize) -> u8 {
    if index.is_multiple_of(2) { key[index / 2] >> 4 } else { key[index / 2] & 0x0f }
}
