use crate::{
    ClientState, Commit, ConsensusState, Error, Header, LightBlock, SetHash, Tendermint, TreeHash, ValidatorSet,
    update::check_state,
};
use alloc::vec::Vec;
use light_client::{Codec, Cursor, Timestamp, Trusted};

/// A stored state as evidence names it: the host knows its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// The number of its height.
    pub number: u64,
    /// The state.
    pub state: ConsensusState,
}

/// A header and the votes for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The header.
    pub header: Header,
    /// The votes, with the set that was valid at the header's height (whatever set the header lists).
    pub commit: Commit,
}

/// Two headers that cannot both be honest, and the stored states around the first: untrusted.
///
/// Encoding: lower height 8 ‖ its state 72 ‖ flag 1 (1: followed by the upper height 8 ‖ its state 72) ‖ two times header ‖
/// commit, nothing after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The stored state of the greatest height below the first header's.
    pub lower: StateAt,
    /// The next stored one; none exactly when the lower is the latest.
    pub upper: Option<StateAt>,
    /// The headers, the first of no greater height than the second.
    pub headers: [Certified; 2],
}

impl Evidence {
    /// Puts evidence together, the header of the lower height first.
    pub fn new(lower: StateAt, upper: Option<StateAt>, mut headers: [Certified; 2]) -> Self {
        headers.sort_by_key(|certified| certified.header.height());
        Self { lower, upper, headers }
    }

    /// Puts evidence together out of two blocks, each with as many votes as certify it to the set that it is judged by
    /// ([`Evidence::set_judging`]), whichever set it lists; or to the one that it lists, where that set is not among `sets`.
    /// `latest` is the number of the client's latest height.
    ///
    /// # Errors
    /// As [`LightBlock::certified_by`].
    pub fn of_blocks(
        lower: StateAt,
        upper: Option<StateAt>,
        [first, second]: &[LightBlock; 2],
        sets: &[&ValidatorSet],
        tree_hash: TreeHash,
        latest: u64,
    ) -> Result<Self, Error> {
        let listed = Self::new(lower, upper, [first.certified()?, second.certified()?]);
        let judged = |block: &LightBlock| {
            let judging = listed.set_judging(block.header.height(), latest).ok();
            let set = sets.iter().find(|set| Some(set.hash(&tree_hash)) == judging);
            set.map_or_else(|| block.certified(), |set| block.certified_by(set))
        };
        Ok(Self::new(lower, upper, [judged(first)?, judged(second)?]))
    }
}

impl Codec for Evidence {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let lower = StateAt::read(&mut cursor)?;
        let upper = match cursor.take_array("flag")? {
            [0] => None,
            [1] => Some(StateAt::read(&mut cursor)?),
            [found] => return Err(Error::EvidenceMalformed { expected: "a flag of 0 or 1", found: found.into() }),
        };
        let headers = [Certified::read(&mut cursor)?, Certified::read(&mut cursor)?];
        cursor.finish()?;
        Ok(Self { lower, upper, headers })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.lower.write(&mut bytes);
        bytes.push(self.upper.is_some().into());
        if let Some(upper) = &self.upper {
            upper.write(&mut bytes);
        }
        self.headers.iter().for_each(|certified| certified.write(&mut bytes));
        bytes
    }
}

/// Header ‖ commit, as evidence holds it.
impl Codec for Certified {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let certified = Self::read(&mut cursor)?;
        cursor.finish()?;
        Ok(certified)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }
}

impl StateAt {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Ok(Self { number: cursor.take_u64("height")?, state: ConsensusState::read(cursor)? })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.state.preimage());
    }
}

impl Certified {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Ok(Self { header: Header::read(cursor)?, commit: Commit::read(cursor)? })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.header.write(bytes);
        self.commit.write(bytes);
    }
}

impl Tendermint {
    /// See [`light_client::LightClient::verify_misbehaviour`].
    ///
    /// 1. The client is not frozen.
    /// 2. The headers are two blocks of one height, or the later one's time is not later. (Other votes for a block make no
    ///    other block.)
    /// 3. The states named are the stored ones around the first header, and the lower is within the trusting period: keys
    ///    of longer ago owe nobody anything.
    /// 4. The states name the set that each header is judged by ([`Evidence::set_judging`]), and what the headers list
    ///    shows that its votes count. Nobody honest votes for a header that lists a set which is not valid there. So of two
    ///    blocks of one height one lists that set, or they list two different ones; headers of two heights list each
    ///    their own. Two blocks that list one and the same other set are none: where the set named is only a part of the
    ///    valid one, its honest members may have voted for both, in two rounds.
    /// 5. *Both* are certified by more than two thirds of the set that is named; never by a skipping threshold.
    ///
    /// What the client stored above the lower state takes nothing back of that: a header that it was misled by is shown to
    /// be forged like any other (ADR 9).
    ///
    /// Source: ibc-go v10.3.0, `modules/light-clients/07-tendermint/misbehaviour_handle.go` (kinds, trusting period, each
    /// header judged from the trusted state below it).
    pub(crate) fn misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<ClientState, Error> {
        let client = trusted[0].client;
        let parameters = client.parameters();
        // 1.
        if client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        // 2.
        let [first, second] = &evidence.headers;
        let of_one_height = check_conflict(parameters.tree_hash, &first.header, &second.header)?;
        // 3.
        check_neighbours(client, evidence, first.header.height())?;
        let named = [Some(evidence.lower), evidence.upper.or(Some(evidence.lower))];
        for (host, named) in trusted.iter().zip(named.iter().flatten()) {
            check_state(host.consensus.hash(), &named.state)?;
        }
        let expiry = parameters.expiry(evidence.lower.state.time);
        if now >= expiry {
            return Err(Error::TrustExpired { expiry, now });
        }
        // 4.
        let latest = client.latest().number;
        let sets = [
            evidence.set_judging(first.header.height(), latest)?,
            evidence.set_judging(second.header.height(), latest)?,
        ];
        let listed = [first.header.validators_hash(), second.header.validators_hash()];
        let lists = [listed[0] == sets[0], listed[1] == sets[1]];
        // Where they list two sets, one of them may be the set that is named.
        let counts = if of_one_height { lists[0] || listed[0] != listed[1] } else { lists[0] && lists[1] };
        if !counts {
            let wrong = usize::from(lists[0]);
            return Err(Error::SetUnknownAtHeight { expected: sets[wrong], found: listed[wrong] });
        }
        // 5.
        for (certified, set) in evidence.headers.iter().zip(sets) {
            self.verify_certified_by(parameters, set, &certified.header, &certified.commit)?;
        }
        Ok(client.frozen())
    }
}

impl Evidence {
    /// The set that a header of a height above the lower state is judged by: the next one of the state below it. `latest` is
    /// the number of the client's latest height.
    ///
    /// Up to the upper state that is the lower one, whatever set the upper names: that may be a forger's choice. Above the
    /// upper state it is that one, right above it or when it is the latest, whose set's word the client would take for any
    /// header; farther up other states lie between, and nobody has named them.
    ///
    /// # Errors
    /// [`Error::SetUnknownAtHeight`] for such a header.
    pub fn set_judging(&self, number: u64, latest: u64) -> Result<SetHash, Error> {
        let expected = self.lower.state.next_set_hash;
        let Some(upper) = self.upper.filter(|upper| number > upper.number) else { return Ok(expected) };
        let found = upper.state.next_set_hash;
        if upper.number == latest || upper.number.checked_add(1) == Some(number) {
            Ok(found)
        } else {
            Err(Error::SetUnknownAtHeight { expected, found })
        }
    }
}

/// Whether the headers are of one height, once they cannot both be honest.
fn check_conflict(tree_hash: TreeHash, first: &Header, second: &Header) -> Result<bool, Error> {
    if first.height() > second.height() {
        return Err(Error::EvidenceMalformed {
            expected: "the header of the lower height first",
            found: first.height(),
        });
    }
    if first.height() == second.height() {
        let found = first.hash(&tree_hash);
        return if found == second.hash(&tree_hash) { Err(Error::HeadersIdentical { found }) } else { Ok(true) };
    }
    if second.time() > first.time() {
        return Err(Error::NoConflict { first: first.time(), second: second.time() });
    }
    Ok(false)
}

/// The states named are the stored ones around `number`.
fn check_neighbours(client: &ClientState, evidence: &Evidence, number: u64) -> Result<(), Error> {
    let lower = client.below(number);
    let unknown = |expected: Option<u64>, found: Option<u64>| Error::ConsensusStateUnknown { expected, found };
    match lower {
        Some(stored) if stored.number == evidence.lower.number => check_state(stored.hash, &evidence.lower.state)?,
        _ => return Err(unknown(lower.map(|state| state.number), Some(evidence.lower.number))),
    }
    let next = client.next_above(evidence.lower.number);
    match (next, &evidence.upper) {
        (None, None) => Ok(()),
        (Some(stored), Some(upper)) if stored.number == upper.number => check_state(stored.hash, &upper.state),
        _ => Err(unknown(next.map(|state| state.number), evidence.upper.map(|upper| upper.number))),
    }
}
