//! Blocks as they are stored: what cannot be computed again, and the hashes that it must lead to.
//!
//! RLP[header hash, application hash after the block, seconds, nanoseconds, round, ballot, [transaction, …], [vote, …]]. A ballot is
//! 7f ‖ address ‖ power (u64, big-endian) or empty; a vote is seconds (u64) ‖ nanoseconds (u32) ‖ signature, or empty when the validator was absent.

use std::time::Duration;

use alloy_consensus::{Header as EvmHeader, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable as _, Encodable as _};
use tendermint::block::{Commit, CommitSig};

use super::keys::SIGNATURE_BYTES;
use super::set::Members;
use super::{Certified, Tendermint, block, last_commit, transactions};
use crate::chain::Executed;
use crate::config::ChainConfig;
use crate::consensus::{Ballot, Engine, Turn, decode_transactions};
use crate::error::ChainError;
use crate::index::Block;
use crate::state::State;

/// What a ballot begins with: no type of an Ethereum transaction.
const BALLOT: u8 = 0x7f;

/// The most rounds that a stored block may have taken; each is computed again.
const MAX_ROUNDS: u32 = 100_000;

const VOTE_BYTES: usize = 8 + 4 + SIGNATURE_BYTES;

/// A stored block.
struct Record {
    hash: B256,
    app_hash: B256,
    time: Duration,
    round: u32,
    ballot: Option<Ballot>,
    transactions: Vec<TxEnvelope>,
    votes: Vec<Option<(Duration, [u8; SIGNATURE_BYTES])>>,
}

/// A ballot as a transaction of its block.
pub(super) fn encode_ballot(ballot: &Ballot) -> Vec<u8> {
    [&[BALLOT], ballot.candidate.as_slice(), &ballot.power.to_be_bytes()].concat()
}

fn decode_ballot(bytes: &[u8]) -> alloy_rlp::Result<Option<Ballot>> {
    match bytes {
        [] => Ok(None),
        [BALLOT, rest @ ..] if rest.len() == 28 => {
            let (candidate, power) = rest.split_at(20);
            let power = power.try_into().map(u64::from_be_bytes).map_err(|_| alloy_rlp::Error::UnexpectedLength)?;
            Ok(Some(Ballot { candidate: Address::from_slice(candidate), power }))
        }
        _ => Err(alloy_rlp::Error::Custom("a ballot is 29 bytes from 7f on, or none")),
    }
}

/// The block as it is stored.
pub(crate) fn encode(block: &Block) -> Vec<u8> {
    let sealed = block.seal.tendermint();
    let certified = sealed.certified.as_ref().expect("the block before the first is not stored");
    let mut payload = Vec::new();
    block.hash.encode(&mut payload);
    sealed.app_hash.encode(&mut payload);
    sealed.time.as_secs().encode(&mut payload);
    sealed.time.subsec_nanos().encode(&mut payload);
    certified.commit.round.value().encode(&mut payload);
    certified.ballot.as_ref().map(encode_ballot).unwrap_or_default().as_slice().encode(&mut payload);
    let raw: Vec<Bytes> = block.transactions.iter().map(|mined| mined.envelope.encoded_2718().into()).collect();
    raw.encode(&mut payload);
    let votes: Vec<Bytes> = certified.commit.signatures.iter().map(encode_vote).collect();
    votes.encode(&mut payload);
    let mut out = Vec::with_capacity(payload.len() + 9);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}

fn encode_vote(vote: &CommitSig) -> Bytes {
    match vote {
        CommitSig::BlockIdFlagCommit { timestamp, signature: Some(signature), .. } => {
            let nanos = timestamp.unix_timestamp_nanos().rem_euclid(1_000_000_000) as u32;
            [&timestamp.unix_timestamp().to_be_bytes()[..], &nanos.to_be_bytes(), signature.as_bytes()].concat().into()
        }
        _ => Bytes::new(),
    }
}

fn decode(record: &[u8]) -> alloy_rlp::Result<Record> {
    let mut items = alloy_rlp::Header::decode_bytes(&mut &*record, true)?;
    let (hash, app_hash) = (B256::decode(&mut items)?, B256::decode(&mut items)?);
    let (seconds, nanos) = (u64::decode(&mut items)?, u32::decode(&mut items)?);
    let round = u32::decode(&mut items)?;
    let ballot = decode_ballot(alloy_rlp::Header::decode_bytes(&mut items, false)?)?;
    let transactions = decode_transactions(&Vec::<Bytes>::decode(&mut items)?)?;
    let votes = Vec::<Bytes>::decode(&mut items)?.iter().map(decode_vote).collect::<Result<_, _>>()?;
    Ok(Record { hash, app_hash, time: time(seconds, nanos)?, round, ballot, transactions, votes })
}

fn decode_vote(bytes: &Bytes) -> alloy_rlp::Result<Option<(Duration, [u8; SIGNATURE_BYTES])>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let wrong_length = |_| alloy_rlp::Error::UnexpectedLength;
    let vote: &[u8; VOTE_BYTES] = bytes.as_ref().try_into().map_err(wrong_length)?;
    let (seconds, rest) = vote.split_at(8);
    let (nanos, signature) = rest.split_at(4);
    let seconds = seconds.try_into().map(u64::from_be_bytes).map_err(wrong_length)?;
    let nanos = nanos.try_into().map(u32::from_be_bytes).map_err(wrong_length)?;
    Ok(Some((time(seconds, nanos)?, signature.try_into().map_err(wrong_length)?)))
}

fn time(seconds: u64, nanos: u32) -> alloy_rlp::Result<Duration> {
    if seconds > block::LAST_SECOND || nanos >= 1_000_000_000 {
        return Err(alloy_rlp::Error::Custom("a time is before the year 10000, with nanoseconds below 10^9"));
    }
    Ok(Duration::new(seconds, nanos))
}

impl Tendermint {
    /// A stored block, executed again. Its header's hash binds everything before it and in it; the state it leads to is stored beside.
    pub(crate) fn replay(
        &self,
        engine: &Engine,
        config: &ChainConfig,
        parent: &Block,
        record: &[u8],
        execute: impl FnOnce(EvmHeader, Vec<TxEnvelope>) -> Result<Executed, ChainError>,
    ) -> Result<(Block, State), ChainError> {
        let record = decode(record).map_err(|source| ChainError::StoredBlock { source })?;
        let (number, before) = (parent.header.number + 1, parent.seal.tendermint());
        let differs =
            |field, expected: String, found: String| Err(ChainError::Replay { number, field, expected, found });
        if record.round > MAX_ROUNDS {
            return differs("round", format!("at most {MAX_ROUNDS}"), record.round.to_string());
        }
        let members = &before.next.members;
        if record.votes.len() != members.validators.len() {
            return differs("votes", members.validators.len().to_string(), record.votes.len().to_string());
        }
        let proposer = before.next.proposers().nth(record.round as usize).expect("everyone's turn comes").address;
        let turn = Turn { round: record.round, proposer, ballot: record.ballot, time: record.time };
        let executed = execute(engine.open(config, parent, &turn), record.transactions)?;
        let transactions = transactions(turn.ballot, &executed.mined);
        let header = self.header(parent, &turn, &transactions);
        let id = block::block_id(&header, &transactions, last_commit(parent));
        let hash = block::bytes_of(id.hash);
        if hash != record.hash {
            return differs("header", record.hash.to_string(), hash.to_string());
        }
        let commit = recorded_commit(number, &turn, id, members, &record.votes);
        let certified = Certified { header, id, commit, ballot: turn.ballot };
        let (block, state) = self.finish(parent, &turn, certified, executed);
        let app_hash = block.seal.tendermint().app_hash;
        if app_hash != record.app_hash {
            return differs("application hash", record.app_hash.to_string(), app_hash.to_string());
        }
        Ok((block, state))
    }
}

fn recorded_commit(
    number: u64,
    turn: &Turn,
    id: tendermint::block::Id,
    members: &Members,
    votes: &[Option<(Duration, [u8; SIGNATURE_BYTES])>],
) -> Commit {
    let votes = members.validators.iter().zip(votes).map(|(validator, vote)| match vote {
        Some((time, signature)) => block::vote(validator, *time, signature),
        None => CommitSig::BlockIdFlagAbsent,
    });
    block::commit(number, turn.round, id, votes.collect())
}
