use crate::{ConsensusHash, ConsensusState, Error, Parameters, parameters::malformed};
use alloc::{vec, vec::Vec};
use light_client::{Codec, Cursor, Height};

/// The most states that a [`ClientState`] remembers; an advance drops the oldest. (A contract keeps all of them.)
pub const MAX_STORED_STATES: usize = 256;

/// One state that the client has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The number of its height. (The revision is the chain's, and one for all.)
    pub number: u64,
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
    ///
    /// # Errors
    /// [`Error::ClientStateMalformed`] when the chain id or the store's name is longer than it may be.
    pub fn new(parameters: Parameters, number: u64, consensus: &ConsensusState) -> Result<Self, Error> {
        Self::from_stored(parameters, vec![StoredState { number, hash: consensus.hash() }], false)
    }

    /// A client as its host stored it.
    ///
    /// # Errors
    /// [`Error::ClientStateMalformed`] also unless the states are 1 to [`MAX_STORED_STATES`], ascending.
    pub fn from_stored(parameters: Parameters, stored: Vec<StoredState>, frozen: bool) -> Result<Self, Error> {
        parameters.check()?;
        if stored.is_empty() || stored.len() > MAX_STORED_STATES {
            return Err(malformed("1 to 256 stored states", stored.len()));
        }
        if let Some([_, second]) = stored.array_windows().find(|[a, b]| a.number >= b.number) {
            return Err(Error::ClientStateMalformed { expected: "ascending heights", found: second.number });
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
        self.stored.last().copied().unwrap_or(StoredState { number: 0, hash: ConsensusHash::new([0; 32]) })
    }

    /// The height of the state from which updates start.
    pub fn latest_height(&self) -> Height {
        self.parameters.height(self.latest().number)
    }

    /// The hash stored at exactly this height.
    pub fn hash_at(&self, number: u64) -> Option<ConsensusHash> {
        let index = self.stored.binary_search_by_key(&number, |state| state.number).ok()?;
        self.stored.get(index).map(|state| state.hash)
    }

    /// The stored state of the greatest height that is below this one.
    pub fn below(&self, number: u64) -> Option<StoredState> {
        let not_below = self.stored.partition_point(|state| state.number < number);
        self.stored.get(not_below.checked_sub(1)?).copied()
    }

    /// The stored state of the smallest height above this one.
    pub fn next_above(&self, number: u64) -> Option<StoredState> {
        self.stored.get(self.stored.partition_point(|state| state.number <= number)).copied()
    }

    /// The client after it stored one more state.
    pub(crate) fn advanced(&self, number: u64, hash: ConsensusHash) -> Self {
        let dropped = (self.stored.len() + 1).saturating_sub(MAX_STORED_STATES);
        let mut stored: Vec<StoredState> = self.stored.iter().skip(dropped).copied().collect();
        stored.push(StoredState { number, hash });
        Self { parameters: self.parameters.clone(), stored, frozen: self.frozen }
    }

    /// The client after misbehaviour was shown to it.
    pub(crate) fn frozen(&self) -> Self {
        Self { frozen: true, ..self.clone() }
    }
}

/// Parameters ‖ frozen 1 ‖ count 2 ‖ count × (number of the height 8 ‖ hash 32).
impl Codec for ClientState {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let parameters = Parameters::read(&mut cursor)?;
        let frozen = match cursor.take_array("frozen")? {
            [0] => false,
            [1] => true,
            [found] => return Err(malformed("frozen 0 or 1", found.into())),
        };
        let count = cursor.take_u16("count of states")?;
        let mut stored = Vec::new();
        for _ in 0..count {
            stored.push(StoredState {
                number: cursor.take_u64("height")?,
                hash: ConsensusHash::new(cursor.take_array("consensus hash")?),
            });
        }
        cursor.finish()?;
        Self::from_stored(parameters, stored, frozen)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(200 + 40 * self.stored.len());
        self.parameters.write(&mut bytes);
        bytes.push(self.frozen.into());
        bytes.extend_from_slice(&u16::try_from(self.stored.len()).unwrap_or(u16::MAX).to_be_bytes());
        for state in &self.stored {
            bytes.extend_from_slice(&state.number.to_be_bytes());
            bytes.extend_from_slice(state.hash.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commitments, KeyTypes, StoreTree, TreeHash, TrustLevel};
    use light_client_crypto::{Address, Sm2};

    fn client(numbers: &[u64]) -> Result<ClientState, Error> {
        let parameters = Parameters {
            chain_id: "evmd-2".parse().unwrap(),
            trust_level: TrustLevel::new(2, 3).unwrap(),
            trusting_period_seconds: 100,
            clock_drift_seconds: 15,
            key_types: KeyTypes::ALL,
            sm2: Sm2::with_user_id(b"another").unwrap(),
            tree_hash: TreeHash::Sm3,
            store_tree: StoreTree::Jmt,
            commitments: Commitments::EvmStore { store: b"evm".to_vec(), router: Address::new([7; 20]) },
        };
        let stored =
            numbers.iter().map(|number| StoredState { number: *number, hash: ConsensusHash::new([*number as u8; 32]) });
        ClientState::from_stored(parameters, stored.collect(), false)
    }

    #[test]
    fn neighbours_are_found() {
        let client = client(&[5, 9, 10]).unwrap();
        let below = |number: u64| client.below(number).map(|state| state.number);
        let above = |number: u64| client.next_above(number).map(|state| state.number);
        assert_eq!([below(5), below(6), below(9), below(10), below(99)], [None, Some(5), Some(5), Some(9), Some(10)]);
        assert_eq!([above(0), above(5), above(9), above(10)], [Some(5), Some(9), Some(10), None]);
        assert_eq!(client.hash_at(9), Some(ConsensusHash::new([9; 32])));
        assert_eq!(client.hash_at(8), None);
        assert_eq!(client.latest_height(), Height::with_revision(2, 10));
    }

    #[test]
    fn the_encoding_comes_back_and_nothing_else_decodes() {
        let client = client(&[5, 9, 10]).unwrap().frozen();
        let bytes = client.encode();
        assert_eq!(ClientState::decode(&bytes), Ok(client));
        for length in 0..bytes.len() {
            assert!(ClientState::decode(&bytes[..length]).is_err());
        }
        // Trust level, key types, and the four choices.
        let user_id = 7 + 2 + 8 + 8 + 1;
        let choices = user_id + 1 + 7;
        for (index, bad) in
            [(7, 5), (8, 1), (user_id - 1, 0), (user_id - 1, 8), (choices, 2), (choices + 1, 2), (choices + 2, 2)]
        {
            let mut wrong = bytes.clone();
            wrong[index] = bad;
            assert!(matches!(ClientState::decode(&wrong), Err(Error::ClientStateMalformed { .. })), "byte {index}");
        }
        assert_eq!(ClientState::decode(&[bytes, vec![0]].concat()), Err(Error::MessageTrailing { found: 1 }));
    }

    #[test]
    fn states_are_ascending_and_bounded() {
        assert!(client(&[]).is_err() && client(&[2, 2]).is_err() && client(&[3, 2]).is_err());
        let full = client(&(1..=256).collect::<Vec<_>>()).unwrap();
        assert!(client(&(1..=257).collect::<Vec<_>>()).is_err());
        let next = full.advanced(300, ConsensusHash::new([0; 32]));
        assert_eq!((next.stored().len(), next.stored()[0].number, next.latest().number), (256, 2, 300));
    }

    #[test]
    fn names_are_bounded() {
        let good = client(&[1]).unwrap();
        let with = |chain_id: &str, store: usize| {
            let mut parameters = good.parameters().clone();
            parameters.chain_id = chain_id.parse().unwrap();
            parameters.commitments = Commitments::IbcStore { store: vec![b'a'; store] };
            ClientState::from_stored(parameters, good.stored().to_vec(), false).is_ok()
        };
        assert!(with(&"a".repeat(50), 64) && !with(&"a".repeat(51), 64) && !with("a", 65) && !with("a", 0));
    }
}
