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
    said: Said,
}

/// What six of the leaves say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    chain_id: Vec<u8>,
    height: u64,
    time: Timestamp,
    validators_hash: [u8; 32],
    next_validators_hash: [u8; 32],
    app_hash: Vec<u8>,
}

impl Said {
    /// Reads one leaf, counted from 0.
    fn read(&mut self, field: usize, leaf: &[u8]) -> Result<(), Error> {
        let set_hash = || {
            let hash = protobuf::read_wrapped_bytes(leaf).and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            hash.ok_or(malformed(field, "a hash of 32 bytes"))
        };
        match field {
            CHAIN_ID => {
                self.chain_id = protobuf::read_wrapped_bytes(leaf)
                    .filter(|chain_id| !chain_id.is_empty())
                    .ok_or(malformed(field, "a text that is not empty"))?
                    .to_vec();
            }
            HEIGHT => {
                self.height = protobuf::read_wrapped_number(leaf)
                    .filter(|height| (1..=i64::MAX.cast_unsigned()).contains(height))
                    .ok_or(malformed(field, "a number of 1 to 2^63 - 1"))?;
            }
            TIME => {
                self.time = protobuf::read_timestamp(leaf)
                    .filter(|(_, nanos)| *nanos < 1_000_000_000)
                    .and_then(|(seconds, nanos)| seconds.checked_mul(1_000_000_000)?.checked_add(nanos))
                    .map(Timestamp::from_unix_nanos)
                    .ok_or(malformed(field, "a time from 1970 whose nanoseconds fit in 64 bits"))?;
            }
            VALIDATORS => self.validators_hash = set_hash()?,
            NEXT_VALIDATORS => self.next_validators_hash = set_hash()?,
            APP_HASH => {
                self.app_hash =
                    protobuf::read_wrapped_bytes(leaf).ok_or(malformed(field, "bytes in their one encoding"))?.to_vec();
            }
            _ => {}
        }
        Ok(())
    }
}

impl Header {
    /// Reads what the leaves say.
    ///
    /// # Errors
    /// [`Error::HeaderMalformed`] when a leaf is not the one encoding of what it must be.
    pub fn from_leaves(leaves: [Vec<u8>; HEADER_LEAVES]) -> Result<Self, Error> {
        let mut said = Said::default();
        for (field, leaf) in leaves.iter().enumerate() {
            if leaf.len() > usize::from(u8::MAX) {
                return Err(malformed(field, "at most 255 bytes"));
            }
            said.read(field, leaf)?;
        }
        Ok(Self { leaves, said })
    }

    /// The leaves as they are hashed.
    pub const fn leaves(&self) -> &[Vec<u8>; HEADER_LEAVES] {
        &self.leaves
    }

    /// What the chain calls itself.
    pub fn chain_id(&self) -> &[u8] {
        &self.said.chain_id
    }

    /// The number of the header's height, 1 to 2⁶³ − 1.
    pub const fn height(&self) -> u64 {
        self.said.height
    }

    /// The block's time.
    pub const fn time(&self) -> Timestamp {
        self.said.time
    }

    /// The set of this height.
    pub const fn validators_hash(&self) -> SetHash {
        SetHash::new(self.said.validators_hash)
    }

    /// The set of the next height.
    pub const fn next_validators_hash(&self) -> SetHash {
        SetHash::new(self.said.next_validators_hash)
    }

    /// What the application says its state is before this block; of any length.
    pub fn app_hash(&self) -> &[u8] {
        &self.said.app_hash
    }

    /// The block's hash.
    pub fn hash<S: HashSuite>(&self, suite: &S) -> BlockHash {
        BlockHash::new(merkle::root(suite, &self.leaves))
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let mut leaves: [Vec<u8>; HEADER_LEAVES] = Default::default();
        let mut said = Said::default();
        for (field, leaf) in leaves.iter_mut().enumerate() {
            let [length] = cursor.take_array("length of a header's leaf")?;
            *leaf = cursor.take("header's leaf", length.into())?.to_vec();
            said.read(field, leaf)?;
        }
        Ok(Self { leaves, said })
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
