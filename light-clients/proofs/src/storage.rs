//! Claims about the storage slots of one contract.

use crate::{ProofError, mpt::Trie, rlp::Reader};
use alloc::vec::Vec;
use light_client::{SlotKey, StateRoot};
use light_client_crypto::HashSuite;

/// The most claims that one proof may carry.
pub const MAX_CLAIMS: usize = 256;

/// What is said of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotClaim {
    /// The slot.
    pub slot: SlotKey,
    /// Its value, never zero; `None` when nothing lies there. (A slot that was cleared is absent.)
    pub value: Option<[u8; 32]>,
}

/// The trie's key of a slot.
pub fn slot_key<S: HashSuite>(suite: &S, slot: &SlotKey) -> [u8; 32] {
    suite.hash(&[slot.as_bytes()])
}

/// Verifies that all claims hold under a storage root, `nodes` being their shared proof in the order of the claims.
///
/// # Errors
/// One variant of [`ProofError`] for each rule.
pub fn verify<S: HashSuite>(
    suite: &S,
    storage_root: StateRoot,
    nodes: &[u8],
    claims: &[SlotClaim],
) -> Result<(), ProofError> {
    if claims.is_empty() {
        return Err(ProofError::ClaimsEmpty);
    }
    if claims.len() > MAX_CLAIMS {
        return Err(ProofError::TooManyClaims { maximum: MAX_CLAIMS, found: claims.len() });
    }
    if claims.iter().any(|claim| claim.value == Some([0; 32])) {
        return Err(ProofError::ClaimValueMalformed { found: 32 });
    }
    let mut trie = Trie::new(suite, storage_root, nodes);
    for claim in claims {
        let found = trie.get(&slot_key(suite, &claim.slot))?.map(decode_value).transpose()?;
        match (claim.value, found) {
            (Some(expected), Some(found)) if expected != found => {
                return Err(ProofError::ValueMismatch { expected: expected.into(), found: found.into() });
            }
            (Some(expected), None) => return Err(ProofError::ValueAbsent { expected: expected.into() }),
            (None, Some(found)) => return Err(ProofError::ValuePresent { found: found.into() }),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    trie.finish()
}

/// The value at one slot, proven by the nodes that `eth_getProof` lists for it; `None` when nothing lies there.
///
/// # Errors
/// One variant of [`ProofError`] for each rule.
pub fn prove<S: HashSuite, N: AsRef<[u8]>>(
    suite: &S,
    storage_root: StateRoot,
    nodes: &[N],
    slot: &SlotKey,
) -> Result<Option<[u8; 32]>, ProofError> {
    let list: Vec<u8> = nodes.iter().flat_map(AsRef::as_ref).copied().collect();
    let mut trie = Trie::new(suite, storage_root, &list);
    let value = trie.get(&slot_key(suite, slot))?.map(decode_value).transpose()?;
    trie.finish()?;
    Ok(value)
}

/// What lies in several slots, and the one proof of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedProof {
    /// The values in the order of the slots; `None` where nothing lies.
    pub values: Vec<Option<[u8; 32]>>,
    /// The nodes as [`crate::mpt`] shares them, for claims in the order of the slots.
    pub nodes: Vec<u8>,
}

/// The values at slots, proven by the nodes that `eth_getProof` lists for each. Each list must be exactly the path of its
/// slot, as in [`prove`]; but a node that has the bytes of the one before it at the same place is hashed once.
///
/// # Errors
/// One variant of [`ProofError`] for each rule.
pub fn prove_shared<S: HashSuite, N: AsRef<[u8]>>(
    suite: &S,
    storage_root: StateRoot,
    lists: &[(SlotKey, Vec<N>)],
) -> Result<SharedProof, ProofError> {
    let mut nodes = Vec::new();
    let mut previous: &[N] = &[];
    for (_, list) in lists {
        let common = list.iter().zip(previous).take_while(|(node, before)| node.as_ref() == before.as_ref()).count();
        list.iter().skip(common).for_each(|node| nodes.extend_from_slice(node.as_ref()));
        previous = list;
    }
    let mut trie = Trie::new(suite, storage_root, &nodes);
    let mut values = Vec::with_capacity(lists.len());
    for (slot, list) in lists {
        values.push(trie.get(&slot_key(suite, slot))?.map(decode_value).transpose()?);
        // A list that leaves out what the one before it has, or goes on behind its end, is no path of its own.
        if let Some(expected) = trie.hash_at(list.len()) {
            return Err(ProofError::NodeMissing { expected });
        }
        if trie.depth() < list.len() {
            let found = list.iter().skip(trie.depth()).map(|node| node.as_ref().len()).sum();
            return Err(ProofError::NodeUnused { found });
        }
    }
    trie.finish()?;
    Ok(SharedProof { values, nodes })
}

/// The number in a leaf, as 32 bytes.
fn decode_value(leaf: &[u8]) -> Result<[u8; 32], ProofError> {
    let mut reader = Reader::new(leaf);
    let number = reader
        .item()
        .and_then(|item| item.integer(32))
        .and_then(|number| reader.finish().map(|()| number))
        .map_err(|source| ProofError::ValueNotCanonical { source: Some(source) })?;
    if number.is_empty() {
        return Err(ProofError::ValueNotCanonical { source: None });
    }
    let mut value = [0; 32];
    for (to, from) in value.iter_mut().rev().zip(number.iter().rev()) {
        *to = *from;
    }
    Ok(value)
}
