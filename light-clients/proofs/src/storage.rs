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
