//! Tendermint: a set of keys with powers, votes worth more than two thirds of them, and a header that names the state *before* its block.
//!
//! | file | holds |
//! |---|---|
//! | `config` | what a chain chooses |
//! | `keys` | Ed25519, secp256k1 and SM2 keys |
//! | `set` | validator sets and whose turn it is |
//! | `block` | headers, commits, and what is hashed and signed |
//! | `record` | blocks as they are stored, and replayed |
//! | `json` | blocks and sets as RPC answers them |
//!
//! Header times follow the clock, strictly increasing, and votes come a moment after; the median of the votes before decides nothing
//! here. Proposers, priorities and the heights at which sets change are CometBFT's.

mod block;
mod config;
pub(crate) mod json;
mod keys;
mod record;
mod set;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::Header as EvmHeader;
use alloy_consensus::constants::EMPTY_ROOT_HASH;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, U256, keccak256};
use tendermint::block::{Commit, CommitSig, Header, Id};
use tendermint::chain;

use super::{Ballot, MAX_VALIDATORS, Roster, Seal, Turn};
use crate::chain::{Executed, Forgery};
use crate::config::ChainConfig;
use crate::error::ChainError;
use crate::index::{Block, Mined};
use crate::state::State;
use block::{Draft, bytes_of, hash};
use keys::VotingKey;
use set::{Members, Validator, ValidatorSet};

pub use config::{DEFAULT_POWER, MAX_POWER, PowerChange, TendermintConfig};
pub use keys::KeyType;
pub(crate) use record::encode;

/// How long after its block a vote comes, at the least.
///
/// Source: CometBFT 0.38, `consensus/state.go` (`voteTime`).
const VOTE_DELAY: Duration = Duration::from_millis(1);

/// How much later the next validator's vote comes, so that every vote has a time of its own.
const VOTE_SPREAD: Duration = Duration::from_micros(137);

/// The rules with all keys.
#[derive(Debug)]
pub(crate) struct Tendermint {
    chain_id: chain::Id,
    /// In the order of their index.
    keys: Vec<VotingKey>,
    by_address: BTreeMap<Address, usize>,
    settings: TendermintConfig,
    genesis_validators: usize,
    epoch: u64,
    gas_limit: u64,
}

/// What is kept with a block.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// None for the block before the first, which is no block of Tendermint.
    pub(crate) certified: Option<Certified>,
    time: Duration,
    /// The sets of this height, the next, and the one after, which is the last that is known.
    pub(crate) set: Arc<ValidatorSet>,
    pub(crate) next: Arc<ValidatorSet>,
    after_next: Arc<ValidatorSet>,
    /// The state and the results after the block, which the next header names.
    pub(crate) app_hash: B256,
    results_hash: B256,
    open_ballots: Vec<CastBallot>,
}

/// A header with the votes for it.
#[derive(Clone, Debug)]
pub(crate) struct Certified {
    pub(crate) header: Header,
    pub(crate) id: Id,
    pub(crate) commit: Commit,
    /// The proposer's vote on the set, the block's first transaction.
    ballot: Option<Ballot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CastBallot {
    by: Address,
    ballot: Ballot,
}

/// A header and votes of which no chain has the block, and the set that voted.
pub(crate) struct Forged {
    pub(crate) certified: Certified,
    pub(crate) set: Arc<ValidatorSet>,
}

impl Forged {
    pub(crate) fn hash(&self) -> B256 {
        bytes_of(self.certified.id.hash)
    }
}

impl Tendermint {
    pub(crate) fn new(config: &ChainConfig, settings: &TendermintConfig) -> Self {
        let count = config.validators.saturating_add(config.candidates);
        let keys: Vec<_> = (0..count).map(|index| VotingKey::derive(&config.seed, settings.key_type, index)).collect();
        Self {
            chain_id: settings.chain_id.clone().try_into().expect("the configuration was checked"),
            by_address: keys.iter().zip(0..).map(|(key, index)| (key.address, index)).collect(),
            keys,
            settings: settings.clone(),
            genesis_validators: usize::try_from(config.validators).unwrap_or(usize::MAX),
            epoch: config.epoch,
            gas_limit: config.gas_limit,
        }
    }

    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.keys.iter().map(|key| key.address).collect()
    }

    pub(crate) fn usual_power(&self, candidate: &Address) -> u64 {
        self.by_address.get(candidate).map_or(DEFAULT_POWER, |index| self.settings.power(*index))
    }

    pub(crate) fn check_ballot(&self, ballot: &Ballot) -> Result<(), ChainError> {
        if ballot.power > MAX_POWER {
            return Err(ChainError::Power { maximum: MAX_POWER, found: ballot.power });
        }
        self.key(&ballot.candidate).map(|_| ())
    }

    fn key(&self, address: &Address) -> Result<&VotingKey, ChainError> {
        let key = self.by_address.get(address).and_then(|index| self.keys.get(*index));
        key.ok_or(ChainError::UnknownValidator { address: *address })
    }

    fn validator(&self, index: usize, power: u64) -> Validator {
        let key = &self.keys[index];
        Validator { key: key.public.clone(), address: key.address, power }
    }

    /// The state before the first block. Its hash names the chain, but no header of Tendermint.
    pub(crate) fn genesis(&self, config: &ChainConfig, state: &State) -> Block {
        let validators =
            (0..self.genesis_validators).map(|index| self.validator(index, self.settings.power(index))).collect();
        let next = Arc::new(ValidatorSet::genesis(validators));
        let sealed = Sealed {
            certified: None,
            time: Duration::from_secs(config.genesis_time),
            set: next.clone(),
            after_next: Arc::new(next.next(&[])),
            app_hash: state.app_hash(),
            results_hash: block::results_hash(0, &[]),
            open_ballots: Vec::new(),
            next,
        };
        let header = EvmHeader {
            state_root: sealed.app_hash,
            timestamp: config.genesis_time,
            difficulty: U256::ZERO,
            mix_hash: B256::ZERO,
            ..config.header_template()
        };
        let set = sealed.next.members.hash;
        let hash = keccak256(
            [alloy_rlp::encode(&header).as_slice(), set.as_slice(), self.settings.identity().as_slice()].concat(),
        );
        Block { header, hash, transactions: Vec::new(), seal: Seal::Tendermint(Arc::new(sealed)) }
    }

    /// Who proposes next, in which round, with which ballot. Each offline proposer costs a round.
    ///
    /// # Errors
    /// [`ChainError::PowerOffline`] when not more than two thirds of the power are online.
    pub(crate) fn turn(&self, parent: &Sealed, roster: &Roster, now: Duration) -> Result<Turn, ChainError> {
        if now.as_secs() > block::LAST_SECOND {
            return Err(ChainError::ClockTooFar { limit: block::LAST_SECOND, now: now.as_secs() });
        }
        let members = &parent.next.members;
        let online = members.validators.iter().filter(|validator| roster.is_online(&validator.address));
        let online = online.map(|validator| validator.power).sum();
        if !members.is_quorum(online) {
            return Err(ChainError::PowerOffline { online, total: members.total_power });
        }
        // Turns go by power, and more than two thirds of it is online.
        let mut proposers = (0..).zip(parent.next.proposers());
        let (round, proposer) =
            proposers.find(|(_, proposer)| roster.is_online(&proposer.address)).expect("everyone's turn comes");
        let ballot = roster.ballot(&proposer.address, |address| parent.after_next.members.power_of(address));
        // Within the clock's second, but always after the header before.
        let time = now.max(parent.time + Duration::from_nanos(1));
        Ok(Turn { round, proposer: proposer.address, ballot, time })
    }

    /// The block with its header and the votes of all validators that are online.
    pub(crate) fn seal(&self, parent: &Block, turn: &Turn, roster: &Roster, executed: Executed) -> (Block, State) {
        let transactions = transactions(turn.ballot, &executed.mined);
        let header = self.header(parent, turn, &transactions);
        let last_commit = last_commit(parent);
        let id = block::block_id(&header, &transactions, last_commit);
        let number = parent.header.number + 1;
        let members = &parent.seal.tendermint().next.members;
        let commit = self.commit(members, number, turn.round, id, turn.time, |address| roster.is_online(address));
        self.finish(parent, turn, Certified { header, id, commit, ballot: turn.ballot }, executed)
    }

    fn header(&self, parent: &Block, turn: &Turn, transactions: &[Vec<u8>]) -> Header {
        let sealed = parent.seal.tendermint();
        let draft = Draft {
            chain_id: &self.chain_id,
            number: parent.header.number + 1,
            time: turn.time,
            last: sealed.certified.as_ref().map(|certified| (certified.id, &certified.commit)),
            transactions,
            validators_hash: sealed.next.members.hash,
            next_validators_hash: sealed.after_next.members.hash,
            gas_limit: self.gas_limit,
            app_hash: sealed.app_hash,
            results_hash: sealed.results_hash,
            proposer: turn.proposer,
        };
        draft.header()
    }

    /// The votes of those who vote, in the order of the set; the others are absent.
    fn commit(
        &self,
        members: &Members,
        number: u64,
        round: u32,
        id: Id,
        time: Duration,
        votes: impl Fn(&Address) -> bool,
    ) -> Commit {
        let mut vote_time = time + VOTE_DELAY;
        let mut vote = |validator: &Validator| {
            vote_time += VOTE_SPREAD;
            match self.key(&validator.address) {
                Ok(key) if votes(&validator.address) => {
                    let message = block::sign_bytes(&self.chain_id, number, round, id, vote_time);
                    block::vote(validator, vote_time, &key.sign(&message))
                }
                _ => CommitSig::BlockIdFlagAbsent,
            }
        };
        let votes = members.validators.iter().map(&mut vote).collect();
        block::commit(number, round, id, votes)
    }

    /// What follows from a certified block: the sets, the state, and how the EVM's tools see it.
    fn finish(&self, parent: &Block, turn: &Turn, certified: Certified, executed: Executed) -> (Block, State) {
        let before = parent.seal.tendermint();
        let Executed { mut header, mined, state } = executed;
        if !mined.is_empty() || turn.ballot.is_some() {
            header.transactions_root = certified.header.data_hash.map_or(EMPTY_ROOT_HASH, bytes_of);
        }
        let (open_ballots, changes) = self.changes(before, header.number, turn);
        let sealed = Sealed {
            time: turn.time,
            set: before.next.clone(),
            next: before.after_next.clone(),
            after_next: Arc::new(before.after_next.next(&changes)),
            app_hash: state.app_hash(),
            results_hash: block::results_hash(usize::from(turn.ballot.is_some()), &mined),
            open_ballots,
            certified: Some(certified),
        };
        let hash = sealed.certified.as_ref().map_or(B256::ZERO, |certified| bytes_of(certified.id.hash));
        let block = Block { header, hash, transactions: mined, seal: Seal::Tendermint(Arc::new(sealed)) };
        (block, state)
    }

    /// The ballots that stay open after a block, and what changes two heights later: by decision, and by the chain's plan.
    ///
    /// One open ballot per (validator, candidate); more than half of the power decides; open ballots are dropped at each epoch.
    fn changes(&self, before: &Sealed, number: u64, turn: &Turn) -> (Vec<CastBallot>, Vec<Validator>) {
        let members = &before.after_next.members;
        let mut open = if number.is_multiple_of(self.epoch) { Vec::new() } else { before.open_ballots.clone() };
        let mut wanted: Vec<Ballot> = Vec::new();
        if let Some(ballot) = turn.ballot {
            open.retain(|cast| !(cast.by == turn.proposer && cast.ballot.candidate == ballot.candidate));
            open.push(CastBallot { by: turn.proposer, ballot });
            let voters = open.iter().filter(|cast| cast.ballot == ballot);
            let power: u64 = voters.map(|cast| members.power_of(&cast.by)).sum();
            if u128::from(power) * 2 > u128::from(members.total_power) {
                open.retain(|cast| cast.ballot.candidate != ballot.candidate);
                wanted.push(ballot);
            }
        }
        let planned = self.settings.schedule.iter().filter(|change| change.height == number);
        wanted.extend(planned.filter_map(|change| {
            let key = self.keys.get(usize::try_from(change.validator).ok()?)?;
            Some(Ballot { candidate: key.address, power: change.power })
        }));
        let mut changes: Vec<Validator> = Vec::new();
        for Ballot { candidate, power } in wanted {
            let Some(index) = self.by_address.get(&candidate) else { continue };
            changes.retain(|change| change.address != candidate);
            changes.push(self.validator(*index, power));
        }
        changes.retain(|change| members.power_of(&change.address) != change.power);
        // A set is never empty, and never larger than light clients read.
        let stays = |validator: &&Validator| !changes.iter().any(|change| change.address == validator.address);
        let after =
            members.validators.iter().filter(stays).count() + changes.iter().filter(|change| change.power != 0).count();
        if after == 0 || after > MAX_VALIDATORS {
            changes.clear();
        }
        (open, changes)
    }

    /// Checks that the votes are those of more than two thirds, by signing again: every key is known, and signing is deterministic.
    pub(crate) fn check_votes(&self, head: &Block) -> Result<(), ChainError> {
        let sealed = head.seal.tendermint();
        let Some(certified) = &sealed.certified else { return Ok(()) };
        let members = &sealed.set.members;
        let voted = |address: &Address| {
            certified.commit.signatures.iter().any(|vote| {
                vote.is_commit() && vote.validator_address().is_some_and(|voter| voter.as_bytes() == address.as_slice())
            })
        };
        let (number, round) = (head.header.number, certified.commit.round.value());
        let again = self.commit(members, number, round, certified.id, sealed.time, voted);
        let power: u64 = members.validators.iter().filter(|one| voted(&one.address)).map(|one| one.power).sum();
        if again != certified.commit || !members.is_quorum(power) {
            let total = members.total_power;
            return Err(ChainError::Replay {
                number,
                field: "votes",
                expected: format!("true ones of more than two thirds of {total}"),
                found: format!("{power} of power"),
            });
        }
        Ok(())
    }

    /// A block of the same height, changed and voted for again.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] for the block before the first; [`ChainError::UnknownValidator`] when a key is not known, or a signer
    /// is not in the set.
    pub(crate) fn forge(&self, parent: &Block, block: &Block, forgery: &Forgery) -> Result<Forged, ChainError> {
        let (sealed, number) = (block.seal.tendermint(), block.header.number);
        let real = sealed.certified.as_ref().ok_or(ChainError::UnknownBlock { latest: 0, number })?;
        let set = match &forgery.validators {
            None => sealed.set.clone(),
            Some(addresses) => {
                let validator = |address: &Address| {
                    let power = match sealed.set.members.power_of(address) {
                        0 => self.usual_power(address),
                        power => power,
                    };
                    Ok(Validator { key: self.key(address)?.public.clone(), address: *address, power })
                };
                let validators = addresses.iter().map(validator).collect::<Result<Vec<_>, ChainError>>()?;
                Arc::new(ValidatorSet::forged(validators))
            }
        };
        let mut header = real.header.clone();
        let mut time = sealed.time;
        if let Some(seconds) = forgery.timestamp {
            if seconds > block::LAST_SECOND {
                return Err(ChainError::ClockTooFar { limit: block::LAST_SECOND, now: seconds });
            }
            time = Duration::from_secs(seconds);
        }
        header.time = block::time(time);
        header.validators_hash = hash(set.members.hash);
        if let Some(root) = forgery.state_root {
            header.app_hash = root.to_vec().try_into().expect("an application hash may have any bytes");
        }
        if let Some(root) = forgery.receipts_root {
            header.last_results_hash = Some(hash(root));
        }
        if let (Some(parent), Some(id)) = (forgery.parent_hash, &mut header.last_block_id) {
            id.hash = hash(parent);
        }
        let signers: Vec<Address> = match &forgery.signers {
            None => set.members.validators.iter().map(|validator| validator.address).collect(),
            Some(signers) => signers.clone(),
        };
        if let Some(address) = signers.iter().find(|signer| set.members.power_of(signer) == 0) {
            return Err(ChainError::UnknownValidator { address: *address });
        }
        let id = block::block_id(&header, &transactions(real.ballot, &block.transactions), last_commit(parent));
        let round = forgery.round.map_or(real.commit.round.value(), |round| round.min(i32::MAX.cast_unsigned()));
        let commit = self.commit(&set.members, number, round, id, time, |address| signers.contains(address));
        Ok(Forged { certified: Certified { header, id, commit, ballot: real.ballot }, set })
    }
}

impl Certified {
    /// The same votes under a header that says something else of the state.
    pub(crate) fn with_app_hash(&self, root: B256) -> Self {
        let mut other = self.clone();
        other.header.app_hash = root.to_vec().try_into().expect("an application hash may have any bytes");
        other
    }

    /// With a bit of one signature flipped; `salt` says which.
    pub(crate) fn with_altered_vote(&self, salt: u64) -> Self {
        let mut other = self.clone();
        let signatures = other.commit.signatures.iter_mut().filter_map(|vote| match vote {
            CommitSig::BlockIdFlagCommit { signature: Some(signature), .. } => Some(signature),
            _ => None,
        });
        let mut signatures: Vec<_> = signatures.collect();
        let place = |length: usize, salt: u64| (salt % length.max(1) as u64) as usize;
        let at = place(signatures.len(), salt);
        if let Some(signature) = signatures.get_mut(at) {
            let mut bytes = signature.as_bytes().to_vec();
            let byte = place(bytes.len(), salt >> 8);
            bytes[byte] ^= 1 << (salt >> 16 & 7);
            **signature = tendermint::Signature::new(bytes).ok().flatten().expect("it has 64 bytes");
        }
        other
    }
}

/// The header to execute on: with what the EVM of a Tendermint chain does not have left out.
pub(crate) fn open(parent: &Block, header: EvmHeader) -> EvmHeader {
    let sealed = parent.seal.tendermint();
    // The first header of Tendermint has no parent.
    let parent_hash = if sealed.certified.is_some() { parent.hash } else { B256::ZERO };
    EvmHeader { parent_hash, state_root: sealed.app_hash, difficulty: U256::ZERO, mix_hash: B256::ZERO, ..header }
}

/// The transactions as the block's data hash covers them: the ballot, then those of the EVM.
fn transactions(ballot: Option<Ballot>, mined: &[Mined]) -> Vec<Vec<u8>> {
    ballot.iter().map(record::encode_ballot).chain(mined.iter().map(|mined| mined.envelope.encoded_2718())).collect()
}

fn last_commit(parent: &Block) -> Option<&Commit> {
    parent.seal.tendermint().certified.as_ref().map(|certified| &certified.commit)
}
