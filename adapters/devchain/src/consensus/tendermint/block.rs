//! Blocks of Tendermint: headers, what names them, and the votes for them.
//!
//! Types, header hashes and the bytes that are signed are upstream's (`tendermint` 0.41), which shares no code with our light client.
//! Written by hand is what upstream does not have: the hashes of commits and results, and sets with SM2 keys.
//!
//! Source: CometBFT 0.38, `types/block.go`, `types/part_set.go`, `types/tx.go`, `types/results.go`, `types/params.go`.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use sha2::{Digest as _, Sha256};
use tendermint::block::header::Version;
use tendermint::block::parts::Header as PartSetHeader;
use tendermint::block::{Block, Commit, CommitSig, Header, Id, Round};
use tendermint::vote::{Type, ValidatorIndex, Vote};
use tendermint::{Hash, Signature, Time, account, chain, evidence};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::Block as RawBlock;

use super::keys::SIGNATURE_BYTES;
use super::set::Validator;
use crate::index::Mined;
use crate::protobuf::{put_bytes, put_message, put_number};

/// The block protocol of CometBFT 0.34 to 0.38, and the version of our application.
const VERSION: Version = Version { block: 11, app: 1 };

/// How a block is cut for gossip, bytes (`BlockPartSizeBytes`).
const PART_BYTES: usize = 65_536;

/// What a chain says of blocks' sizes, bytes: the default of 0.38.
const MAX_BLOCK_BYTES: u64 = 4_194_304;

/// The last second whose year has four digits.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// Seconds of the year 1, the time of a vote that nobody gave.
const NO_TIME_SECONDS: i64 = -62_135_596_800;

/// What distinguishes one block's header from another's.
pub(crate) struct Draft<'a> {
    pub(crate) chain_id: &'a chain::Id,
    pub(crate) number: u64,
    pub(crate) time: Duration,
    /// The block before, with the votes for it; none before the first.
    pub(crate) last: Option<(Id, &'a Commit)>,
    pub(crate) transactions: &'a [Vec<u8>],
    pub(crate) validators_hash: B256,
    pub(crate) next_validators_hash: B256,
    pub(crate) gas_limit: u64,
    /// The state and the results after the block before.
    pub(crate) app_hash: B256,
    pub(crate) results_hash: B256,
    pub(crate) proposer: Address,
}

impl Draft<'_> {
    pub(crate) fn header(&self) -> Header {
        let transactions: Vec<_> = self.transactions.iter().map(Sha256::digest).collect();
        let none: [&[u8]; 0] = [];
        Header {
            version: VERSION,
            chain_id: self.chain_id.clone(),
            height: height(self.number),
            time: time(self.time),
            // Upstream shows the empty one as CometBFT does, and no one as nothing.
            last_block_id: Some(self.last.map_or_else(Id::default, |(id, _)| id)),
            last_commit_hash: Some(hash(
                self.last.map_or_else(|| merkle_root(&none), |(_, commit)| commit_hash(commit)),
            )),
            data_hash: Some(hash(merkle_root(&transactions))),
            validators_hash: hash(self.validators_hash),
            next_validators_hash: hash(self.next_validators_hash),
            consensus_hash: hash(consensus_hash(MAX_BLOCK_BYTES, self.gas_limit)),
            app_hash: self.app_hash.to_vec().try_into().expect("an application hash may have any bytes"),
            last_results_hash: Some(hash(self.results_hash)),
            evidence_hash: Some(hash(merkle_root(&none))),
            proposer_address: account_id(self.proposer),
        }
    }
}

/// What votes name a block by: its hash, and the hash of its parts.
pub(crate) fn block_id(header: &Header, transactions: &[Vec<u8>], last_commit: Option<&Commit>) -> Id {
    let block = Block::new(header.clone(), transactions.to_vec(), evidence::List::default(), last_commit.cloned());
    let bytes = Protobuf::<RawBlock>::encode_vec(block);
    let parts: Vec<&[u8]> = bytes.chunks(PART_BYTES).collect();
    let total = u32::try_from(parts.len()).expect("a block is shorter than 2^32 parts");
    let part_set_header = PartSetHeader::new(total, hash(merkle_root(&parts))).expect("a block has at least one part");
    Id { hash: header.hash(), part_set_header }
}

/// The whole block as RPC answers it.
pub(crate) fn block(header: &Header, transactions: Vec<Vec<u8>>, last_commit: Option<Commit>) -> Block {
    // The commit of the first block is shown as an empty one.
    Block::new(header.clone(), transactions, evidence::List::default(), Some(last_commit.unwrap_or_default()))
}

/// The bytes a validator signs to vote for a block.
pub(crate) fn sign_bytes(chain_id: &chain::Id, number: u64, round: u32, id: Id, vote_time: Duration) -> Vec<u8> {
    let vote = Vote {
        vote_type: Type::Precommit,
        height: height(number),
        round: self::round(round),
        block_id: Some(id),
        timestamp: Some(time(vote_time)),
        // Neither who votes nor the signature is signed.
        validator_address: account_id(Address::ZERO),
        validator_index: ValidatorIndex::try_from(0_u32).expect("0 is an index"),
        signature: None,
        extension: Vec::new(),
        extension_signature: None,
    };
    vote.into_signable_vec(chain_id.clone())
}

/// A commit with these votes, one place for each validator of the set.
pub(crate) fn commit(number: u64, round: u32, block_id: Id, votes: Vec<CommitSig>) -> Commit {
    Commit { height: height(number), round: self::round(round), block_id, signatures: votes }
}

/// A vote for the block.
pub(crate) fn vote(validator: &Validator, vote_time: Duration, signature: &[u8; SIGNATURE_BYTES]) -> CommitSig {
    CommitSig::BlockIdFlagCommit {
        validator_address: account_id(validator.address),
        timestamp: time(vote_time),
        signature: Signature::new(signature).expect("it has 64 bytes"),
    }
}

/// `Commit.Hash`: the root over the votes.
fn commit_hash(commit: &Commit) -> B256 {
    let leaves: Vec<Vec<u8>> = commit.signatures.iter().map(encode_vote).collect();
    merkle_root(&leaves)
}

/// `CommitSig`.
fn encode_vote(vote: &CommitSig) -> Vec<u8> {
    let (flag, address, timestamp, signature) = match vote {
        CommitSig::BlockIdFlagAbsent => (1, None, None, None),
        CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature } => {
            (2, Some(validator_address), Some(timestamp), signature.as_ref())
        }
        CommitSig::BlockIdFlagNil { validator_address, timestamp, signature } => {
            (3, Some(validator_address), Some(timestamp), signature.as_ref())
        }
    };
    let (seconds, nanos) = timestamp.map_or((NO_TIME_SECONDS, 0), |time| {
        (time.unix_timestamp(), time.unix_timestamp_nanos().rem_euclid(1_000_000_000) as u64)
    });
    let mut written = Vec::new();
    // A time before 1970 is a number of ten bytes: the two's complement.
    put_number(&mut written, 1, seconds.cast_unsigned());
    put_number(&mut written, 2, nanos);
    let mut bytes = Vec::new();
    put_number(&mut bytes, 1, flag);
    put_bytes(&mut bytes, 2, address.map_or(&[], account::Id::as_bytes));
    put_message(&mut bytes, 3, &written);
    put_bytes(&mut bytes, 4, signature.map_or(&[], Signature::as_bytes));
    bytes
}

/// `ABCIResults.Hash`: the root over what transactions gave. The data of each is its receipt (EIP-2718), so that logs are committed to;
/// a ballot, which comes first, gives nothing.
pub(crate) fn results_hash(ballots: usize, mined: &[Mined]) -> B256 {
    use alloy_consensus::transaction::Transaction as _;
    use alloy_eips::eip2718::Encodable2718 as _;
    let results = mined.iter().map(|mined| {
        let mut result = Vec::new();
        // Code 0, also of a transaction that was reverted: that is said in the data, as Cosmos EVMs do.
        put_bytes(&mut result, 2, &mined.receipt.encoded_2718());
        put_number(&mut result, 5, mined.envelope.gas_limit());
        put_number(&mut result, 6, mined.gas_used);
        result
    });
    let leaves: Vec<Vec<u8>> = std::iter::repeat_n(Vec::new(), ballots).chain(results).collect();
    merkle_root(&leaves)
}

/// `HashedParams`.
fn consensus_hash(max_bytes: u64, gas_limit: u64) -> B256 {
    let mut bytes = Vec::new();
    put_number(&mut bytes, 1, max_bytes);
    put_number(&mut bytes, 2, gas_limit);
    B256::new(Sha256::digest(&bytes).into())
}

/// The root of Tendermint's Merkle tree over byte strings.
pub(crate) fn merkle_root(leaves: &[impl AsRef<[u8]>]) -> B256 {
    B256::new(tendermint::merkle::simple_hash_from_byte_vectors::<tendermint::crypto::default::Sha256>(leaves))
}

/// A hash as upstream has it.
pub(crate) fn hash(hash: B256) -> Hash {
    Hash::Sha256(hash.0)
}

/// The 32 bytes of a header's hash.
pub(crate) fn bytes_of(hash: Hash) -> B256 {
    match hash {
        Hash::Sha256(bytes) => B256::new(bytes),
        Hash::None => B256::ZERO,
    }
}

pub(crate) fn time(time: Duration) -> Time {
    let seconds = i64::try_from(time.as_secs()).expect("times beyond the year 9999 are refused before");
    Time::from_unix_timestamp(seconds, time.subsec_nanos()).expect("times beyond the year 9999 are refused before")
}

fn height(number: u64) -> tendermint::block::Height {
    number.try_into().expect("heights count blocks, which are fewer than 2^63")
}

fn round(round: u32) -> Round {
    round.try_into().expect("rounds are fewer than 2^31")
}

fn account_id(address: Address) -> account::Id {
    account::Id::new(address.0.0)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_upstream_does_not_hash_is_hashed_as_in_recorded_chains() {
        let mut compared = 0;
        for file in ["cometbft-038-walk", "irita-walk"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../light-clients/tendermint/vectors/captures");
            let text = std::fs::read_to_string(format!("{folder}/{file}.json")).expect("the light client's vectors");
            let blocks = serde_json::from_str::<Value>(&text).expect("JSON")["blocks"].take();
            let numbers = blocks.as_object().expect("blocks").keys().filter_map(|name| name.parse::<u64>().ok());
            for number in numbers {
                let (block, next) = (&blocks[number.to_string()], &blocks[(number + 1).to_string()]);
                let expected = &next["signed_header"]["header"]["last_commit_hash"];
                if let Some(expected) = expected.as_str() {
                    let commit = serde_json::from_value(block["signed_header"]["commit"].clone()).expect("a commit");
                    assert_eq!(hex::encode_upper(commit_hash(&commit)), expected, "{file}, {number}");
                    compared += 1;
                }
            }
        }
        assert!(compared >= 14, "{compared}");
        // The parameters that CometBFT starts with: 21 MiB, and no limit of gas, written as -1.
        let default = "048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f";
        assert_eq!(hex::encode(consensus_hash(22_020_096, u64::MAX)), default);
    }

    #[test]
    fn an_absent_vote_has_the_year_one_and_nothing_else() {
        assert_eq!(hex::encode(encode_vote(&CommitSig::BlockIdFlagAbsent)), "08011a0b088092b8c398feffffff01");
    }
}
