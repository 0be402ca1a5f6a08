use crate::{ConsensusHash, ConsensusState, Error};
use alloc::{vec, vec::Vec};
use light_client::{CodeHash, Codec, Cursor, Height, Timestamp};
use light_client_crypto::Address;

/// The most states that a [`ClientState`] remembers; an advance drops the oldest. (A contract keeps all of them.)
pub const MAX_STORED_STATES: usize = 256;

/// The protocols that differ only in how the extra data is encoded. (Polygon Edge and Spartan-III would be two more.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// QBFT, as Besu and GoQuorum have it.
    Qbft,
    /// IBFT 2.0, as Besu has it.
    Ibft2,
}

/// What a header under a changed set needs from the set trusted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrustLevel {
    /// A quorum of it: ⌈2N/3⌉.
    Strict,
    /// More than a third of it: sound for four validators and more while fewer than a third are faulty, weaker
    /// against stolen keys.
    OneThird,
}

/// What never changes in a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The protocol.
    pub kind: Kind,
    /// What a changed set needs.
    pub trust_level: TrustLevel,
    /// The Router's address on the chain followed.
    pub router: Address,
    /// Keccak-256 of the Router's runtime code. The code holds the chain id, which no seal covers.
    pub router_code_hash: CodeHash,
    /// How long after the time of the latest state the client may still be used, in seconds.
    pub trusting_period_seconds: u64,
    /// How far a header's time may be ahead of the verifier's, in seconds.
    pub clock_drift_seconds: u64,
}

/// One state that the client has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: ConsensusHash,
}

/// A client: its parameters, the states it has stored, and whether misbehaviour was shown to it.
///
/// The states are ascending, at least one, and *without gaps*: between the first and the last every state that the
/// client has stored is there, since evidence rests on which is the next one. Older ones may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientState {
    parameters: Parameters,
    stored: Vec<StoredState>,
    frozen: bool,
}

impl ClientState {
    /// A client that trusts one state, chosen out of band.
    pub fn new(parameters: Parameters, height: Height, consensus: &ConsensusState) -> Self {
        Self { parameters, stored: vec![StoredState { height, hash: consensus.hash() }], frozen: false }
    }

    /// A client as its host stored it.
    ///
    /// # Errors
    /// [`Error::ClientStateMalformed`] unless the states are 1 to [`MAX_STORED_STATES`], ascending.
    pub fn from_stored(parameters: Parameters, stored: Vec<StoredState>, frozen: bool) -> Result<Self, Error> {
        if stored.is_empty() || stored.len() > MAX_STORED_STATES {
            return Err(Error::ClientStateMalformed { expected: "1 to 256 stored states", found: stored.len() as u64 });
        }
        if let Some([_, second]) = stored.array_windows().find(|[a, b]| a.height >= b.height) {
            return Err(Error::ClientStateMalformed { expected: "ascending heights", found: second.height.number() });
        }
        Ok(Self { parameters, stored, frozen })
    }

    /// What never changes.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The states stored, ascending.
    pub fn stored(&self) -> &[StoredState] {
        &self.stored
    }

    /// Whether misbehaviour was shown to the client.
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The state from which updates start.
    pub fn latest(&self) -> StoredState {
        // Every constructor sees to it that there is one.
        self.stored.last().copied().unwrap_or(StoredState { height: Height::new(0), hash: ConsensusHash::new([0; 32]) })
    }

    /// The hash stored at exactly this height.
    pub fn hash_at(&self, height: Height) -> Option<ConsensusHash> {
        let index = self.stored.binary_search_by_key(&height, |state| state.height).ok()?;
        self.stored.get(index).map(|state| state.hash)
    }

    /// The stored state of the greatest height that is not above this one.
    pub fn at_or_below(&self, height: Height) -> Option<StoredState> {
        let above = self.stored.partition_point(|state| state.height <= height);
        self.stored.get(above.checked_sub(1)?).copied()
    }

    /// The stored state of the smallest height above this one.
    pub fn next_above(&self, height: Height) -> Option<StoredState> {
        self.stored.get(self.stored.partition_point(|state| state.height <= height)).copied()
    }

    /// From when on a latest state of this time is too old; `None` when the sum is beyond all times.
    pub const fn expiry_seconds(&self, latest: Timestamp) -> Option<u64> {
        latest.unix_seconds().checked_add(self.parameters.trusting_period_seconds)
    }

    /// Whether a latest state of this time is too old at `now`.
    pub fn is_expired(&self, latest: Timestamp, now: Timestamp) -> bool {
        self.expiry_seconds(latest).is_some_and(|expiry| now.unix_seconds() >= expiry)
    }

    /// The client after it stored one more state.
    pub(crate) fn advanced(&self, height: Height, hash: ConsensusHash) -> Self {
        let dropped = (self.stored.len() + 1).saturating_sub(MAX_STORED_STATES);
        let mut stored: Vec<StoredState> = self.stored.iter().skip(dropped).copied().collect();
        stored.push(StoredState { height, hash });
        Self { parameters: self.parameters, stored, frozen: self.frozen }
    }

    /// The client after misbehaviour was shown to it.
    pub(crate) fn frozen(&self) -> Self {
        Self { frozen: true, ..self.clone() }
    }
}

/// Kind 1 ‖ trust level 1 ‖ router 20 ‖ code hash 32 ‖ trusting period 8 ‖ clock drift 8 ‖ frozen 1 ‖ count 2 ‖ count ×
/// (height 8 ‖ hash 32).
impl Codec for ClientState {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let kind = match cursor.take_array("kind")? {
            [0] => Kind::Qbft,
            [1] => Kind::Ibft2,
            [found] => return Err(Error::ClientStateMalformed { expected: "kind 0 or 1", found: found.into() }),
        };
        let trust_level = match cursor.take_array("trust level")? {
            [0] => TrustLevel::Strict,
            [1] => TrustLevel::OneThird,
            [found] => return Err(Error::ClientStateMalformed { expected: "trust level 0 or 1", found: found.into() }),
        };
        let parameters = Parameters {
            kind,
            trust_level,
            router: Address::new(cursor.take_array("router")?),
            router_code_hash: CodeHash::new(cursor.take_array("router code hash")?),
            trusting_period_seconds: cursor.take_u64("trusting period")?,
            clock_drift_seconds: cursor.take_u64("clock drift")?,
        };
        let frozen = match cursor.take_array("frozen")? {
            [0] => false,
            [1] => true,
            [found] => return Err(Error::ClientStateMalformed { expected: "frozen 0 or 1", found: found.into() }),
        };
        let count = cursor.take_u16("count of states")?;
        let mut stored = Vec::new();
        for _ in 0..count {
            stored.push(StoredState {
                height: Height::new(cursor.take_u64("height")?),
                hash: ConsensusHash::new(cursor.take_array("consensus hash")?),
            });
        }
        cursor.finish()?;
        Self::from_stored(parameters, stored, frozen)
    }

    fn encode(&self) -> Vec<u8> {
        let parameters = &self.parameters;
        let mut bytes = Vec::with_capacity(73 + 40 * self.stored.len());
        bytes.push(match parameters.kind {
            Kind::Qbft => 0,
            Kind::Ibft2 => 1,
        });
        bytes.push(match parameters.trust_level {
            TrustLevel::Strict => 0,
            TrustLevel::OneThird => 1,
        });
        bytes.extend_from_slice(parameters.router.as_bytes());
        bytes.extend_from_slice(parameters.router_code_hash.as_bytes());
        bytes.extend_from_slice(&parameters.trusting_period_seconds.to_be_bytes());
        bytes.extend_from_slice(&parameters.clock_drift_seconds.to_be_bytes());
        bytes.push(self.frozen.into());
        bytes.extend_from_slice(&u16::try_from(self.stored.len()).unwrap_or(u16::MAX).to_be_bytes());
        for state in &self.stored {
            bytes.extend_from_slice(&state.height.number().to_be_bytes());
            bytes.extend_from_slice(state.hash.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(heights: &[u64]) -> Result<ClientState, Error> {
        let parameters = Parameters {
            kind: Kind::Ibft2,
            trust_level: TrustLevel::OneThird,
            router: Address::new([1; 20]),
            router_code_hash: CodeHash::new([2; 32]),
            trusting_period_seconds: 100,
            clock_drift_seconds: 15,
        };
        let stored = heights
            .iter()
            .map(|height| StoredState { height: Height::new(*height), hash: ConsensusHash::new([*height as u8; 32]) });
        ClientState::from_stored(parameters, stored.collect(), false)
    }

    #[test]
    fn neighbours_are_found() {
        let client = client(&[5, 9, 10]).unwrap();
        let at = |height: u64| client.at_or_below(Height::new(height)).map(|state| state.height.number());
        let above = |height: u64| client.next_above(Height::new(height)).map(|state| state.height.number());
        assert_eq!([at(4), at(5), at(8), at(9), at(99)], [None, Some(5), Some(5), Some(9), Some(10)]);
        assert_eq!([above(0), above(5), above(9), above(10)], [Some(5), Some(9), Some(10), None]);
        assert_eq!(client.hash_at(Height::new(9)), Some(ConsensusHash::new([9; 32])));
        assert_eq!(client.hash_at(Height::new(8)), None);
        assert_eq!(client.latest().height, Height::new(10));
    }

    #[test]
    fn the_encoding_comes_back_and_nothing_else_decodes() {
        let client = client(&[5, 9, 10]).unwrap().frozen();
        let bytes = client.encode();
        assert_eq!(ClientState::decode(&bytes), Ok(client));
        for length in 0..bytes.len() {
            assert!(ClientState::decode(&bytes[..length]).is_err());
        }
        for (index, bad) in [(0, 2), (1, 2), (70, 2)] {
            let mut wrong = bytes.clone();
            wrong[index] = bad;
            assert!(matches!(ClientState::decode(&wrong), Err(Error::ClientStateMalformed { .. })), "byte {index}");
        }
        assert!(ClientState::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn states_are_ascending_and_bounded() {
        assert!(client(&[]).is_err() && client(&[2, 2]).is_err() && client(&[3, 2]).is_err());
        let full = client(&(1..=256).collect::<Vec<_>>()).unwrap();
        assert!(client(&(1..=257).collect::<Vec<_>>()).is_err());
        let next = full.advanced(Height::new(300), ConsensusHash::new([0; 32]));
        assert_eq!((next.stored().len(), next.stored()[0].height), (256, Height::new(2)));
        assert_eq!(next.latest().height, Height::new(300));
    }

    #[test]
    fn a_client_expires_at_the_end_of_its_period() {
        let client = client(&[1]).unwrap();
        let at = |now| client.is_expired(Timestamp::from_unix_seconds(1000), Timestamp::from_unix_seconds(now));
        assert!(!at(1099) && at(1100) && at(u64::MAX));
        let never = Timestamp::from_unix_seconds(u64::MAX - 50);
        assert!(!client.is_expired(never, Timestamp::from_unix_seconds(u64::MAX)));
    }
}
