use crate::{ClientState, Commit, ConsensusState, Error, Header, SetHash, Tendermint, update::check_state};
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
        for certified in &self.headers {
            certified.header.write(&mut bytes);
            certified.commit.write(&mut bytes);
        }
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
}

impl Tendermint {
    /// See [`light_client::LightClient::verify_misbehaviour`].
    ///
    /// 1. The client is not frozen.
    /// 2. The headers are two blocks of one height, or the later one's time is not later. (Other votes for a block make no
    ///    other block.)
    /// 3. The states named are the stored ones around the first header, and the lower is within the trusting period: keys
    ///    of longer ago owe nobody anything.
    /// 4. The states say which set was valid at each header's height ([`Evidence::set_known_at`]), and the headers agree:
    ///    of two blocks of one height at least one lists it, since nobody honest votes for a header that lists a set
    ///    which is not valid there; the other may list any, since certifying a second block with a set of one's own
    ///    choosing is what an attack looks like. Headers of two heights list each their own.
    /// 5. *Both* are certified by more than two thirds of that set; never by a skipping threshold.
    ///
    /// Source: ibc-go v10.3.0, `modules/light-clients/07-tendermint/misbehaviour_handle.go` (kinds, trusting period).
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
            evidence.set_known_at(first.header.height(), latest)?,
            evidence.set_known_at(second.header.height(), latest)?,
        ];
        let listed = [first.header.validators_hash(), second.header.validators_hash()];
        let lists = [listed[0] == sets[0], listed[1] == sets[1]];
        let agree = if of_one_height { lists[0] || lists[1] } else { lists[0] && lists[1] };
        if !agree {
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
    /// The set that was valid at a height above the lower state, as far as the states named say so.
    ///
    /// A state names the set of the *next* height. So the set is known for certain right above each of the two states; and
    /// between them when both name the same one (which a chain that changes its set and then back again would belie).
    /// Above the latest state of all, that state's set is the one whose word the client would take for any header.
    fn set_known_at(&self, number: u64, latest: u64) -> Result<SetHash, Error> {
        let lower = self.lower.state.next_set_hash;
        let Some(upper) = &self.upper else { return Ok(lower) };
        let is_next = |state: &StateAt| state.number.checked_add(1) == Some(number);
        let (expected, found) = (lower, upper.state.next_set_hash);
        if is_next(&self.lower) || (number <= upper.number && expected == found) {
            Ok(lower)
        } else if is_next(upper) || (number > upper.number && upper.number == latest) {
            Ok(upper.state.next_set_hash)
        } else {
            Err(Error::SetUnknownAtHeight { expected, found })
        }
    }
}

/// Whether the headers are of one height, once they cannot both be honest.
fn check_conflict(tree_hash: crate::TreeHash, first: &Header, second: &Header) -> Result<bool, Error> {
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
