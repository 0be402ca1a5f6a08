use crate::{
    Certified, CertifiedHeader, Commit, ConsensusState, Error, Header, Parameters, PublicKey, Tendermint,
    TrustedHeader, Update, ValidatorSet, Vote, update::consensus_of,
};
use alloc::{collections::BTreeMap, vec::Vec};
use light_client::{Quorum, Timestamp};

/// A header, everybody's votes and the sets, as a node answers them: untrusted.
///
/// A block that is only trusted needs no more than its header, and the next set where a header has another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightBlock {
    /// The header.
    pub header: Header,
    /// What the validators said of it.
    pub commit: Option<RecordedCommit>,
    /// The set of the header's height.
    pub validators: Option<ValidatorSet>,
    /// The set of the next height.
    pub next_validators: Option<ValidatorSet>,
}

/// A commit as nodes keep it: one place for each validator of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCommit {
    /// The round in which the block was decided.
    pub round: u32,
    /// How many parts the block was gossiped in.
    pub part_set_total: u32,
    /// The hash of the parts.
    pub part_set_hash: [u8; 32],
    /// A vote for the block at each place of the set; none where the validator was absent or voted for nothing. A vote that
    /// does not verify may be taken out, so that those of the others carry the block.
    pub votes: Vec<Option<RecordedVote>>,
}

/// A vote for the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedVote {
    /// Its time, in seconds since 1970.
    pub seconds: i64,
    /// And the nanoseconds beyond.
    pub nanos: u32,
    /// Its signature.
    pub signature: [u8; 64],
}

impl LightBlock {
    /// What other headers are judged by once this one is trusted.
    pub const fn trusted_header(&self) -> TrustedHeader {
        TrustedHeader {
            height: self.header.height(),
            time: self.header.time(),
            next_set_hash: self.header.next_validators_hash(),
        }
    }

    /// What is trusted once the header is.
    ///
    /// # Errors
    /// [`Error::AppHashMalformed`] when its application hash is no root.
    pub fn consensus_state(&self) -> Result<ConsensusState, Error> {
        consensus_of(&self.header)
    }

    /// The update from the client's latest state to this block, with no more votes than both thresholds need.
    ///
    /// `next_set` is the set of the height after the latest state; it travels only when the block's is another.
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`] when the block comes without its set.
    pub fn update(
        &self,
        parameters: &Parameters,
        latest: u64,
        trusted: ConsensusState,
        next_set: Option<&ValidatorSet>,
    ) -> Result<Update, Error> {
        let from = TrustedHeader::of(latest, &trusted);
        let trusted_set = self.trusted_set(&from, next_set);
        let commit = self.commit_from(parameters, &from, trusted_set)?;
        Ok(Update { trusted, trusted_set: trusted_set.cloned(), header: self.header.clone(), commit })
    }

    /// The header with as many votes as certify it: one half of a piece of evidence.
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`] when the block comes without its set.
    pub fn certified(&self) -> Result<Certified, Error> {
        self.certified_by(self.validators.as_ref().ok_or(Error::ValidatorSetEmpty)?)
    }

    /// The header with as many votes of this set's members as certify it, or all of them when they do not: one half of a
    /// piece of evidence, where the block lists another set than the one that it is judged by. (Votes name no place, so
    /// they count for whichever set the voter is in.)
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`] when the block comes without its own set, which says whose vote is whose.
    pub fn certified_by(&self, set: &ValidatorSet) -> Result<Certified, Error> {
        let own = self.validators.as_ref().ok_or(Error::ValidatorSetEmpty)?;
        let votes = self.commit.iter().flat_map(|commit| &commit.votes);
        let by_key: BTreeMap<PublicKey, RecordedVote> =
            own.validators().iter().zip(votes).filter_map(|(voter, vote)| Some((voter.key, (*vote)?))).collect();
        let (mut votes, mut tally) = (Vec::new(), 0_u64);
        for (index, member) in (0..).zip(set.validators()) {
            if Quorum::MORE_THAN_TWO_THIRDS.is_met(tally, set.total_power()) {
                break;
            }
            if let Some(&RecordedVote { seconds, nanos, signature }) = by_key.get(&member.key) {
                votes.push(Vote { index, trusted_index: None, seconds, nanos, signature });
                tally = tally.saturating_add(member.power);
            }
        }
        let commit = Commit { set: set.clone(), votes, ..self.commit_of(own, &[], &BTreeMap::new()) };
        Ok(Certified { header: self.header.clone(), commit })
    }

    /// The header with every vote and the set that they are by: whichever set is to judge it, nothing is lost yet.
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`] when the block comes without its set, which says whose vote is whose.
    pub fn recorded(&self) -> Result<Certified, Error> {
        let set = self.validators.as_ref().ok_or(Error::ValidatorSetEmpty)?;
        let votes = self.commit.iter().flat_map(|commit| &commit.votes);
        let places: Vec<u16> =
            (0..).zip(set.validators()).zip(votes).filter_map(|((place, _), vote)| vote.map(|_| place)).collect();
        Ok(Certified { header: self.header.clone(), commit: self.commit_of(set, &places, &BTreeMap::new()) })
    }

    /// The trusted set, unless the block's is the same.
    fn trusted_set<'a>(&self, from: &TrustedHeader, next_set: Option<&'a ValidatorSet>) -> Option<&'a ValidatorSet> {
        next_set.filter(|_| self.header.validators_hash() != from.next_set_hash)
    }

    /// The votes that upstream's verifier reads: in the order of the set until the trust level is reached, and again until
    /// two thirds are. Since a set is in the order of its powers, those for the quorum are as few as can be.
    fn commit_from(
        &self,
        parameters: &Parameters,
        from: &TrustedHeader,
        trusted_set: Option<&ValidatorSet>,
    ) -> Result<Commit, Error> {
        let set = self.validators.as_ref().ok_or(Error::ValidatorSetEmpty)?;
        let own = |place: u16, _: PublicKey| set.get(place).map(|one| one.power);
        let mut places = self.places_until(set, Quorum::MORE_THAN_TWO_THIRDS, own);
        let mut trusted_places = BTreeMap::new();
        if !from.is_followed_by(self.header.height()) {
            let level = parameters.trust_level.quorum();
            match trusted_set {
                None => places.extend(self.places_until(set, level, own)),
                Some(trusted) => {
                    trusted_places = (0..).zip(trusted.validators()).map(|(place, one)| (one.key, place)).collect();
                    let in_trusted = |_, key| trusted.get(*trusted_places.get(&key)?).map(|one| one.power);
                    places.extend(self.places_until(trusted, level, in_trusted));
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        Ok(self.commit_of(set, &places, &trusted_places))
    }

    /// The places of votes, in order, until what `power` says of them meets the rule in the total of `counted`.
    fn places_until(
        &self,
        counted: &ValidatorSet,
        rule: Quorum,
        power: impl Fn(u16, PublicKey) -> Option<u64>,
    ) -> Vec<u16> {
        let (mut places, mut tally) = (Vec::new(), 0_u64);
        let votes = self.commit.iter().flat_map(|commit| &commit.votes);
        let voters = self.validators.iter().flat_map(ValidatorSet::validators);
        for ((place, vote), voter) in (0..).zip(votes).zip(voters) {
            if let (Some(_), Some(power)) = (vote, power(place, voter.key)) {
                places.push(place);
                tally = tally.saturating_add(power);
                if rule.is_met(tally, counted.total_power()) {
                    break;
                }
            }
        }
        places
    }

    fn commit_of(&self, set: &ValidatorSet, places: &[u16], trusted: &BTreeMap<PublicKey, u16>) -> Commit {
        let vote = |place: &u16| -> Option<Vote> {
            let RecordedVote { seconds, nanos, signature } =
                (*self.commit.as_ref()?.votes.get(usize::from(*place))?)?;
            let trusted_index = trusted.get(&set.get(*place)?.key).copied();
            Some(Vote { index: *place, trusted_index, seconds, nanos, signature })
        };
        let (round, part_set_total, part_set_hash) = self
            .commit
            .as_ref()
            .map(|commit| (commit.round, commit.part_set_total, commit.part_set_hash))
            .unwrap_or_default();
        let votes = places.iter().filter_map(vote).collect();
        Commit { round, part_set_total, part_set_hash, set: set.clone(), votes }
    }
}

/// The block as a node would have recorded it. A vote in a place that the set does not have, or that another one has taken,
/// is left out.
impl From<Certified> for LightBlock {
    fn from(Certified { header, commit }: Certified) -> Self {
        let Commit { round, part_set_total, part_set_hash, set, votes } = commit;
        let mut places: Vec<Option<RecordedVote>> = set.validators().iter().map(|_| None).collect();
        for Vote { index, seconds, nanos, signature, .. } in votes {
            if let Some(place) = places.get_mut(usize::from(index)) {
                place.get_or_insert(RecordedVote { seconds, nanos, signature });
            }
        }
        let commit = Some(RecordedCommit { round, part_set_total, part_set_hash, votes: places });
        Self { header, commit, validators: Some(set), next_validators: None }
    }
}

impl Tendermint {
    /// Verifies a block from one that is trusted, as upstream's light client does: what a client would say of the update,
    /// for blocks of any application.
    ///
    /// # Errors
    /// One variant for each rule.
    pub fn verify_light_block(
        &self,
        parameters: &Parameters,
        trusted: &LightBlock,
        untrusted: &LightBlock,
        now: Timestamp,
    ) -> Result<CertifiedHeader, Error> {
        let from = trusted.trusted_header();
        let expiry = parameters.expiry(from.time);
        if now >= expiry {
            return Err(Error::TrustExpired { expiry, now });
        }
        let found = untrusted.header.height();
        if found <= from.height {
            return Err(Error::NotNewer { latest: from.height, found });
        }
        let trusted_set = untrusted.trusted_set(&from, trusted.next_validators.as_ref());
        let commit = untrusted.commit_from(parameters, &from, trusted_set)?;
        self.verify_header(parameters, &from, trusted_set, &untrusted.header, &commit, now)
    }
}
