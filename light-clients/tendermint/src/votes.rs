//! What validators sign, and whether they did.

use crate::{Commit, Error, Header, Parameters, PublicKey, Vote, protobuf};
use alloc::vec::Vec;
use light_client::BlockHash;
use light_client_crypto::{Ed25519, SignedMessage};

/// `SIGNED_MSG_TYPE_PRECOMMIT`.
const PRECOMMIT: u64 = 2;

/// The bytes that a validator signs when it votes for a block: a `CanonicalVote` behind its length.
///
/// Source: CometBFT 0.38, `types/canonical.go` and `types/vote.go` (`VoteSignBytes`).
pub fn sign_bytes(chain_id: &[u8], height: u64, block_hash: BlockHash, commit: &Commit, vote: &Vote) -> Vec<u8> {
    let canonical = Canonical::new(chain_id, height, block_hash, commit);
    canonical.sign_bytes(vote)
}

/// What the votes of one commit have in common, before and behind each one's time.
struct Canonical {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Canonical {
    fn new(chain_id: &[u8], height: u64, block_hash: BlockHash, commit: &Commit) -> Self {
        let mut parts = Vec::with_capacity(40);
        protobuf::put_number(&mut parts, 1, commit.part_set_total.into());
        protobuf::put_bytes(&mut parts, 2, &commit.part_set_hash);
        let mut block_id = Vec::with_capacity(80);
        protobuf::put_bytes(&mut block_id, 1, block_hash.as_bytes());
        protobuf::put_bytes(&mut block_id, 2, &parts);

        let mut head = Vec::with_capacity(100);
        protobuf::put_number(&mut head, 1, PRECOMMIT);
        put_fixed(&mut head, 2, height);
        put_fixed(&mut head, 3, commit.round.into());
        protobuf::put_bytes(&mut head, 4, &block_id);
        let mut tail = Vec::with_capacity(52);
        protobuf::put_bytes(&mut tail, 6, chain_id);
        Self { head, tail }
    }

    fn sign_bytes(&self, vote: &Vote) -> Vec<u8> {
        let time = protobuf::timestamp(vote.seconds, vote.nanos);
        let length = self.head.len() + 2 + time.len() + self.tail.len();
        let mut bytes = Vec::with_capacity(length + 2);
        protobuf::put_varint(&mut bytes, length as u64);
        bytes.extend_from_slice(&self.head);
        protobuf::put_bytes(&mut bytes, 5, &time);
        bytes.extend_from_slice(&self.tail);
        bytes
    }
}

/// Appends a field of eight bytes, least significant first, unless it is 0.
fn put_fixed(bytes: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        bytes.push(field << 3 | 1);
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

/// Checks every vote of a commit, surplus included, and returns the power behind them.
///
/// 1. Every key of the set is of a kind that is allowed.
/// 2. The votes are in the order of the set, each by another of its members.
/// 3. Each signature is over this block, the vote's own time and the chain's id. Those of Ed25519 are checked together.
///
/// Surplus votes could be ignored; refusing a bad one leaves nobody a place to put bytes that nobody signed.
pub(crate) fn verify_votes(
    parameters: &Parameters,
    header: &Header,
    block_hash: BlockHash,
    commit: &Commit,
) -> Result<u64, Error> {
    // 1.
    let kinds = commit.set.validators().iter().map(|validator| validator.key.key_type());
    if let Some(found) = kinds.into_iter().find(|kind| !parameters.key_types.allow(*kind)) {
        return Err(Error::KeyTypeNotAllowed { found: found.tag() });
    }
    // 2.
    if let Some([_, second]) = commit.votes.array_windows().find(|[a, b]| a.index >= b.index) {
        return Err(Error::VoteOrder { found: second.index });
    }
    let mut power = 0_u64;
    let mut voters = Vec::with_capacity(commit.votes.len());
    for vote in &commit.votes {
        let count = commit.set.validators().len();
        let voter = commit.set.get(vote.index).ok_or(Error::VoteIndexUnknown { count, found: vote.index })?;
        // Each member once: at most the total of the set.
        power = power.saturating_add(voter.power);
        voters.push((vote, voter.key));
    }
    // 3.
    let canonical = Canonical::new(parameters.chain_id.as_str().as_bytes(), header.height(), block_hash, commit);
    let signed: Vec<(&Vote, PublicKey, Vec<u8>)> =
        voters.into_iter().map(|(vote, key)| (vote, key, canonical.sign_bytes(vote))).collect();
    let (mut indices, mut batch) = (Vec::new(), Vec::with_capacity(signed.len()));
    for (vote, key, message) in &signed {
        if let PublicKey::Ed25519(key) = key {
            indices.push(vote.index);
            batch.push(SignedMessage { key, message, signature: &vote.signature });
        } else {
            let invalid = |source| Error::SignatureInvalid { index: vote.index, source };
            key.verify(parameters, message, &vote.signature).map_err(invalid)?;
        }
    }
    Ed25519.verify_batch(&batch).map_err(|error| Error::SignatureInvalid {
        index: indices.get(error.index).copied().unwrap_or_default(),
        source: error.source,
    })?;
    Ok(power)
}
