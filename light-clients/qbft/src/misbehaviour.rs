use crate::{
    ClientState, ConsensusState, Error, Header, Qbft,
    update::{check_state, read_header},
};
use alloc::vec::Vec;
use light_client::{Codec, Cursor, Height, Trusted};
use light_client_crypto::{HashSuite, RecoverSuite};
use light_client_proofs::rlp::Reader;

/// A stored state as evidence names it: the host knows its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// Its height.
    pub height: Height,
    /// The state.
    pub state: ConsensusState,
}

/// Two headers of one height, and the stored states around it: untrusted.
///
/// Encoding: lower height 8 ‖ its state 72 ‖ flag 1 (1: followed by the upper height 8 ‖ its state 72) ‖ two header
/// RLPs, nothing after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A stored state that is not above the headers' height. At a height where a state is stored, that is either this one
    /// or the upper.
    pub lower: StateAt,
    /// The next stored one, not below the headers'; none exactly when the lower is the latest.
    pub upper: Option<StateAt>,
    /// The headers as nodes store them.
    pub headers: [Vec<u8>; 2],
}

impl Evidence {
    /// Puts evidence together.
    pub const fn new(lower: StateAt, upper: Option<StateAt>, headers: [Vec<u8>; 2]) -> Self {
        Self { lower, upper, headers }
    }
}

impl Codec for Evidence {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let lower = read_state(&mut cursor)?;
        let upper = match cursor.take_array("flag")? {
            [0] => None,
            [1] => Some(read_state(&mut cursor)?),
            [found] => return Err(Error::EvidenceMalformed { expected: "a flag of 0 or 1", found: found.into() }),
        };
        let mut rest = Reader::new(cursor.rest());
        let headers = [read_header(&mut rest)?, read_header(&mut rest)?];
        if !rest.is_empty() {
            return Err(Error::EvidenceMalformed {
                expected: "nothing after the second header",
                found: rest.rest().len(),
            });
        }
        Ok(Self { lower, upper, headers })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut write = |at: &StateAt| {
            bytes.extend_from_slice(&at.height.number().to_be_bytes());
            bytes.extend_from_slice(&at.state.preimage());
        };
        write(&self.lower);
        match &self.upper {
            None => bytes.push(0),
            Some(upper) => {
                bytes.push(1);
                bytes.extend_from_slice(&upper.height.number().to_be_bytes());
                bytes.extend_from_slice(&upper.state.preimage());
            }
        }
        for header in &self.headers {
            bytes.extend_from_slice(header);
        }
        bytes
    }
}

fn read_state(cursor: &mut Cursor<'_>) -> Result<StateAt, Error> {
    let height = Height::new(cursor.take_u64("height")?);
    Ok(StateAt { height, state: ConsensusState::read(cursor)? })
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// See [`light_client::LightClient::verify_misbehaviour`].
    ///
    /// 1. The client is not frozen.
    /// 2. The headers parse, are of one height, and are two blocks. (Another round or other seals make no other block.)
    /// 3. The states named are stored ones next to each other, around that height.
    /// 4. At least one header lists the lower state's set: nobody honest seals a header that lists a set which is not valid
    ///    there, so one that a quorum of that set sealed shows that it was. The other header may list any set, since
    ///    certifying a second block with a set of one's own choosing is what an attack looks like.
    /// 5. *Both* are sealed by a quorum of that set, and by nobody else; never by a skipping threshold.
    ///
    /// What the client stored above the lower state takes nothing back of that: a header that it was misled by is shown to
    /// be forged like any other (ADR 9).
    pub(crate) fn misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Evidence,
    ) -> Result<ClientState, Error> {
        let client = trusted[0].client;
        // 1.
        if client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        // 2.
        let kind = client.parameters().kind;
        let [first, second] =
            [Header::decode(kind, &evidence.headers[0])?, Header::decode(kind, &evidence.headers[1])?];
        if first.height != second.height {
            return Err(Error::HeightsDiffer { first: first.height, second: second.height });
        }
        let found = first.hash(self.hashes());
        if found == second.hash(self.hashes()) {
            return Err(Error::HeadersIdentical { found });
        }
        // 3.
        check_neighbours(client, evidence, first.height)?;
        let named = [Some(evidence.lower), evidence.upper.or(Some(evidence.lower))];
        for (host, named) in trusted.iter().zip(named.iter().flatten()) {
            check_state(host.consensus.hash(), &named.state)?;
        }
        // 4.
        let expected = evidence.lower.state.set_hash;
        let listed = |header: &Header<'_>| header.extra.validators.hash() == expected;
        let set = match (listed(&first), listed(&second)) {
            (true, _) => &first.extra.validators,
            (_, true) => &second.extra.validators,
            _ => return Err(Error::SetUnknownAtHeight { expected, found: first.extra.validators.hash() }),
        };
        // 5.
        self.verify_sealed_by(&first, set)?;
        self.verify_sealed_by(&second, set)?;
        Ok(client.frozen())
    }
}

/// The states named are stored, next to each other, and `height` is neither below the lower nor above the upper.
fn check_neighbours(client: &ClientState, evidence: &Evidence, height: Height) -> Result<(), Error> {
    let lower = evidence.lower.height;
    let next = client.next_above(lower);
    let is_around = lower <= height && next.is_none_or(|next| height <= next.height);
    let unknown = |expected: Option<Height>, found: Option<Height>| Error::ConsensusStateUnknown { expected, found };
    match client.hash_at(lower) {
        Some(stored) if is_around => check_state(stored, &evidence.lower.state)?,
        _ => return Err(unknown(client.at_or_below(height).map(|state| state.height), Some(lower))),
    }
    match (next, &evidence.upper) {
        (None, None) => Ok(()),
        (Some(stored), Some(upper)) if stored.height == upper.height => check_state(stored.hash, &upper.state),
        _ => Err(unknown(next.map(|state| state.height), evidence.upper.map(|upper| upper.height))),
    }
}
