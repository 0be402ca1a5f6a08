//! When a header is certified.

use crate::{
    Commit, ConsensusState, Error, Header, Parameters, SetHash, Tendermint, Validator, ValidatorSet,
    votes::verify_votes,
};
use core::time::Duration;
use light_client::{BlockHash, Quorum, Timestamp};

/// What a header is judged by: a trusted one's height, time and next set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedHeader {
    /// The number of its height.
    pub height: u64,
    /// Its time.
    pub time: Timestamp,
    /// The set of the next height.
    pub next_set_hash: SetHash,
}

impl TrustedHeader {
    /// The part of a consensus state that headers are judged by.
    pub const fn of(height: u64, state: &ConsensusState) -> Self {
        Self { height, time: state.time, next_set_hash: state.next_set_hash }
    }

    /// Whether this is the height next to the trusted one.
    pub(crate) const fn is_followed_by(&self, height: u64) -> bool {
        matches!(self.height.checked_add(1), Some(next) if next == height)
    }
}

/// A header that [`Tendermint::verify_header`] accepted, and what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertifiedHeader {
    /// The block's hash.
    pub hash: BlockHash,
    /// The power of the votes.
    pub power: u64,
    /// The power of the header's set.
    pub total_power: u64,
}

impl Tendermint {
    /// Verifies a header from what is trusted and `now`. `trusted_set` is the set of the height after the trusted one, given
    /// exactly when the header's is another.
    ///
    /// 1. Time runs forward, and is less far ahead of `now` than the drift.
    /// 2. The header is of this chain.
    /// 3. The sets hash to what the headers say; the next height's set is the one that the trusted header names.
    /// 4. Every vote is by another member of the header's set, over this block.
    /// 5. Unless the header is the next one, more than the trust level of the trusted set voted.
    /// 6. More than two thirds of the header's set voted.
    ///
    /// The trusting period and the order of heights are the caller's.
    ///
    /// # Errors
    /// One variant for each rule.
    ///
    /// Source: CometBFT 0.38, `light/verifier.go` (`VerifyAdjacent`, `VerifyNonAdjacent`).
    pub fn verify_header(
        &self,
        parameters: &Parameters,
        trusted: &TrustedHeader,
        trusted_set: Option<&ValidatorSet>,
        header: &Header,
        commit: &Commit,
        now: Timestamp,
    ) -> Result<CertifiedHeader, Error> {
        // 1.
        if header.time() <= trusted.time {
            return Err(Error::TimeNotAfterTrusted { trusted: trusted.time, found: header.time() });
        }
        let bound = now.saturating_add(Duration::from_secs(parameters.clock_drift_seconds));
        if header.time() >= bound {
            return Err(Error::TimeInFuture { bound, found: header.time() });
        }
        // 2.
        check_chain_id(parameters, header)?;
        // 3.
        check_sets(parameters, trusted, trusted_set, header)?;
        check_set_hash(parameters, header.validators_hash(), &commit.set)?;
        // 4.
        check_trusted_indices(trusted_set, commit)?;
        let hash = header.hash(&parameters.tree_hash);
        let power = verify_votes(parameters, header, hash, commit)?;
        // 5.
        if !trusted.is_followed_by(header.height()) {
            let (set, found) = match trusted_set {
                Some(set) => (set, trusted_power(set, commit)),
                // The same set: what it voted with is what counts.
                None => (&commit.set, power),
            };
            let (rule, total) = (parameters.trust_level.quorum(), set.total_power());
            if !rule.is_met(found, total) {
                return Err(Error::NotEnoughTrust { expected: rule.needed(total), found, total });
            }
        }
        // 6.
        check_quorum(power, &commit.set)?;
        Ok(CertifiedHeader { hash, power, total_power: commit.set.total_power() })
    }

    /// Verifies that more than two thirds of the set with this hash voted for the header, whatever set it lists.
    pub(crate) fn verify_certified_by(
        &self,
        parameters: &Parameters,
        expected: SetHash,
        header: &Header,
        commit: &Commit,
    ) -> Result<(), Error> {
        check_chain_id(parameters, header)?;
        check_set_hash(parameters, expected, &commit.set)?;
        check_trusted_indices(None, commit)?;
        let power = verify_votes(parameters, header, header.hash(&parameters.tree_hash), commit)?;
        check_quorum(power, &commit.set)
    }
}

fn check_chain_id(parameters: &Parameters, header: &Header) -> Result<(), Error> {
    let expected = parameters.chain_id.as_str();
    if header.chain_id() == expected.as_bytes() {
        return Ok(());
    }
    let found = header.chain_id().escape_ascii().take(200).map(char::from).collect();
    Err(Error::ChainIdMismatch { expected: expected.into(), found })
}

fn check_sets(
    parameters: &Parameters,
    trusted: &TrustedHeader,
    trusted_set: Option<&ValidatorSet>,
    header: &Header,
) -> Result<(), Error> {
    let (expected, found) = (trusted.next_set_hash, header.validators_hash());
    let same = expected == found;
    if !same && trusted.is_followed_by(header.height()) {
        return Err(Error::NextSetMismatch { expected, found });
    }
    match (same, trusted_set) {
        (true, None) => Ok(()),
        (true, Some(set)) => Err(Error::TrustedSetSuperfluous { found: set.validators().len() }),
        (false, None) => Err(Error::TrustedSetMissing { expected, found }),
        (false, Some(set)) => {
            let found = set.hash(&parameters.tree_hash);
            if found == expected { Ok(()) } else { Err(Error::TrustedSetMismatch { expected, found }) }
        }
    }
}

fn check_set_hash(parameters: &Parameters, expected: SetHash, set: &ValidatorSet) -> Result<(), Error> {
    let found = set.hash(&parameters.tree_hash);
    if found == expected { Ok(()) } else { Err(Error::ValidatorsHashMismatch { expected, found }) }
}

/// A vote that names a place in the trusted set is by the key that lies there.
///
/// Nobody is counted twice: the keys of the commit's set are distinct, and each vote is by another of them.
fn check_trusted_indices(trusted_set: Option<&ValidatorSet>, commit: &Commit) -> Result<(), Error> {
    for vote in &commit.votes {
        let Some(place) = vote.trusted_index else { continue };
        let named = trusted_set.and_then(|set| set.get(place));
        let voter = commit.set.get(vote.index);
        // A vote of no member at all is the next rule's to refuse.
        if voter.is_some_and(|voter| named.is_none_or(|named| named.key != voter.key)) {
            return Err(Error::TrustedVoteMismatch { index: vote.index, found: place });
        }
    }
    Ok(())
}

/// The power that the voters have in the trusted set.
fn trusted_power(set: &ValidatorSet, commit: &Commit) -> u64 {
    let counted = commit.votes.iter().filter_map(|vote| vote.trusted_index.and_then(|place| set.get(place)));
    // Each member once: at most the total of the set.
    counted.map(|Validator { power, .. }| *power).fold(0, u64::saturating_add)
}

fn check_quorum(found: u64, set: &ValidatorSet) -> Result<(), Error> {
    let (rule, total) = (Quorum::MORE_THAN_TWO_THIRDS, set.total_power());
    if rule.is_met(found, total) {
        Ok(())
    } else {
        Err(Error::NotEnoughPower { expected: rule.needed(total), found, total })
    }
}
