use crate::{Error, SetHash};
use alloc::vec::Vec;
use core::fmt;
use light_client::{Codec, Cursor, StateRoot, Timestamp, sha256};

/// The length of an encoded [`ConsensusState`].
pub const CONSENSUS_STATE_BYTES: usize = 72;

/// What is trusted at one height.
///
/// A host stores only its [`ConsensusHash`]; the 72 bytes travel with every message that rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsensusState {
    /// The header's application hash: the root of all stores *before* the block.
    pub root: StateRoot,
    /// The block's time, at most 2⁶⁴ − 1 nanoseconds after 1970.
    pub time: Timestamp,
    /// The set of the *next* height.
    pub next_set_hash: SetHash,
}

/// SHA-256 of the 72 bytes of a consensus state: what a host stores. The length is fixed, so the preimage has one reading.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsensusHash([u8; 32]);

impl ConsensusHash {
    /// Takes 32 bytes as they are.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ConsensusHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConsensusHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConsensusHash({self})")
    }
}

impl ConsensusState {
    /// Root 32 ‖ time in nanoseconds 8 ‖ hash of the next set 32.
    pub fn preimage(&self) -> [u8; CONSENSUS_STATE_BYTES] {
        let mut bytes = [0; CONSENSUS_STATE_BYTES];
        bytes[..32].copy_from_slice(self.root.as_bytes());
        bytes[32..40].copy_from_slice(&unix_nanos(self.time).to_be_bytes());
        bytes[40..].copy_from_slice(self.next_set_hash.as_bytes());
        bytes
    }

    /// What a host stores.
    pub fn hash(&self) -> ConsensusHash {
        ConsensusHash(sha256(&[&self.preimage()]))
    }

    /// Takes the 72 bytes from a message.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        Ok(Self {
            root: StateRoot::new(cursor.take_array("root")?),
            time: Timestamp::from_unix_nanos(cursor.take_u64("time")?),
            next_set_hash: SetHash::new(cursor.take_array("hash of the next set")?),
        })
    }
}

impl Codec for ConsensusState {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let state = Self::read(&mut cursor)?;
        cursor.finish()?;
        Ok(state)
    }

    fn encode(&self) -> Vec<u8> {
        self.preimage().to_vec()
    }
}

/// Nanoseconds since 1970, or the greatest number for a time beyond (which no header that parses has).
fn unix_nanos(time: Timestamp) -> u64 {
    let whole = time.unix_seconds().checked_mul(1_000_000_000);
    whole.and_then(|nanos| nanos.checked_add(time.subsec_nanos().into())).unwrap_or(u64::MAX)
}
