use crate::{Error, SetHash, merkle, protobuf};
use alloc::vec::Vec;
use light_client::{BlockHash, Cursor, Timestamp};
use light_client_crypto::HashSuite;

/// How many leaves a header's tree has.
pub const HEADER_LEAVES: usize = 14;

const CHAIN_ID: usize = 1;
const HEIGHT: usize = 2;
const TIME: usize = 3;
const VALIDATORS: usize = 7;
const NEXT_VALIDATORS: usize = 8;
const APP_HASH: usize = 10;

/// A header: fourteen leaves as they are hashed, and what six of them say.
///
/// Encoding: each leaf as length 1 ‖ bytes. The leaves are, in their order: version, chain id, height, time, last block id,
/// then the hashes of last commit, data, validators, next validators, consensus parameters, application, last results and
/// evidence, and the proposer's address. What the client has no use for is bounded by its length byte and hashed.
///
/// Source: CometBFT 0.38, `types/block.go` (`Header.Hash`); the same in 0.34 and 0.37.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    leaves: [Vec<u8>; HEADER_LEAVES],
    chain_id: Vec<u8>,
    height: u64,
    time: Timestamp,
    validators_hash: SetHash,
    next_validators_hash: SetHash,
    app_hash: Vec<u8>,
}

impl Header {
    /// Reads what the leaves say.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`] when a leaf is not the one encoding of what it must be.
    pub fn from_leaves(leaves: [Vec<u8>; HEADER_LEAVES]) -> Result<Self, Error> {
        if let Some(field) = leaves.iter().position(|leaf| leaf.len() > usize::from(u8::MAX)) {
            return Err(malformed(field, "at most 255 bytes"));
        }
        let chain_id = protobuf::read_wrapped_bytes(&leaves[CHAIN_ID])
            .filter(|chain_id| !chain_id.is_empty())
            .ok_or(malformed(CHAIN_ID, "a text that is not empty"))?
            .to_vec();
        let height = protobuf::read_wrapped_number(&leaves[HEIGHT])
            .filter(|height| (1..=i64::MAX.cast_unsigned()).contains(height))
            .ok_or(malformed(HEIGHT, "a number of 1 to 2^63 - 1"))?;
        let time = protobuf::read_timestamp(&leaves[TIME])
            .filter(|(_, nanos)| *nanos < 1_000_000_000)
            .and_then(|(seconds, nanos)| seconds.checked_mul(1_000_000_000)?.checked_add(nanos))
            .map(Timestamp::from_unix_nanos)
            .ok_or(malformed(TIME, "a time from 1970 whose nanoseconds fit in 64 bits"))?;
        let set_hash = |field: usize| {
            let hash = protobuf::read_wrapped_bytes(&leaves[field]).and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            hash.map(SetHash::new).ok_or(malformed(field, "a hash of 32 bytes"))
        };
        let (validators_hash, next_validators_hash) = (set_hash(VALIDATORS)?, set_hash(NEXT_VALIDATORS)?);
        let app_hash = protobuf::read_wrapped_bytes(&leaves[APP_HASH])
            .ok_or(malformed(APP_HASH, "bytes in their one encoding"))?
            .to_vec();
        Ok(Self { chain_id, height, time, validators_hash, next_validators_hash, app_hash, leaves })
    }

    /// The leaves as they are hashed.
    pub const fn leaves(&self) -> &[Vec<u8>; HEADER_LEAVES] {
        &self.leaves
    }

    /// What the chain calls itself.
    pub fn chain_id(&self) -> &[u8] {
        &self.chain_id
    }

    /// The number of the header's height, 1 to 2⁶³ − 1.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// The block's time.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The set of this height.
    pub const fn validators_hash(&self) -> SetHash {
        self.validators_hash
    }

    /// The set of the next height.
    pub const fn next_validators_hash(&self) -> SetHash {
        self.next_validators_hash
    }

    /// What the application says its state is before this block; of any length.
    pub fn app_hash(&self) -> &[u8] {
        &self.app_hash
    }

    /// The block's hash.
    pub fn hash<S: HashSuite>(&self, suite: &S) -> BlockHash {
        BlockHash::new(merkle::root(suite, &self.leaves))
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let mut leaves: [Vec<u8>; HEADER_LEAVES] = Default::default();
        for leaf in &mut leaves {
            let [length] = cursor.take_array("length of a header's leaf")?;
            *leaf = cursor.take("header's leaf", length.into())?.to_vec();
        }
        Self::from_leaves(leaves)
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        for leaf in &self.leaves {
            bytes.push(leaf.len() as u8);
            bytes.extend_from_slice(leaf);
        }
    }
}

/// The leaves by the names of `tendermint.types.Header`.
const NAMES: [&str; HEADER_LEAVES] = [
    "version",
    "chain_id",
    "height",
    "time",
    "last_block_id",
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
    "proposer_address",
];

fn malformed(field: usize, expected: &'static str) -> Error {
    Error::HeaderMalformed { field: NAMES.get(field).copied().unwrap_or_default(), expected }
}
