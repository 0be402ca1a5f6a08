//! Validator set, votes, proposers and seals, as GoQuorum's QBFT with header votes.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use alloy_rlp::{Decodable as _, Encodable as _};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{Ballot, MAX_VALIDATORS, Roster, Seal, Turn};
use crate::chain::{Executed, Forgery};
use crate::config::ChainConfig;
use crate::error::ChainError;
use crate::header::{ExtraData, SEAL_BYTES, Vote, block_hash, commit_digest};
use crate::index::{Block, Mined};
use crate::keys::DevKey;
use crate::state::State;

/// Seals a set of `validators` needs: ⌈2N/3⌉.
#[must_use]
pub fn quorum(validators: usize) -> usize {
    validators.saturating_mul(2).div_ceil(3)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CastVote {
    by: Address,
    vote: Vote,
}

/// The validator set and the open votes after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The set that the next header lists, ascending.
    pub(crate) validators: Vec<Address>,
    votes: Vec<CastVote>,
    /// Who made the block; zero for genesis.
    proposer: Address,
}

impl Snapshot {
    pub(crate) fn genesis(mut validators: Vec<Address>) -> Self {
        validators.sort_unstable();
        Self { validators, votes: Vec::new(), proposer: Address::ZERO }
    }

    /// The snapshot after the block `number` by `proposer` with that extra data.
    ///
    /// One open vote per (validator, candidate); more than half of the set decides; open votes are dropped at each epoch.
    pub(crate) fn apply(&self, number: u64, proposer: Address, extra: &ExtraData, epoch: u64) -> Self {
        let mut next = Self { proposer, ..self.clone() };
        if number.is_multiple_of(epoch) {
            next.votes.clear();
        }
        let Some(vote) = extra.vote else {
            return next;
        };
        next.votes.retain(|cast| !(cast.by == proposer && cast.vote.candidate == vote.candidate));
        if next.validators.contains(&vote.candidate) == vote.add {
            return next; // It would change nothing.
        }
        let (smallest, largest) = (1, MAX_VALIDATORS);
        if next.validators.len() == if vote.add { largest } else { smallest } {
            return next; // A set is never empty, and never larger than light clients read.
        }
        next.votes.push(CastVote { by: proposer, vote });
        let count = next.votes.iter().filter(|cast| cast.vote == vote).count();
        if count <= next.validators.len() / 2 {
            return next;
        }
        // Decided: votes about the candidate go, and with a dropped validator its own votes.
        next.votes.retain(|cast| cast.vote.candidate != vote.candidate && (vote.add || cast.by != vote.candidate));
        if vote.add {
            next.validators.push(vote.candidate);
            next.validators.sort_unstable();
        } else {
            next.validators.retain(|validator| *validator != vote.candidate);
        }
        next
    }

    /// Round robin, starting after the proposer of this block; after genesis, or when that one left the set, at the first.
    pub(crate) fn proposer_at(&self, round: u32) -> Address {
        let start = self.validators.iter().position(|validator| *validator == self.proposer).map_or(0, |at| at + 1);
        let at = (start + round as usize) % self.validators.len();
        self.validators[at]
    }
}

/// The rules with all keys.
pub(crate) struct Qbft {
    keys: BTreeMap<Address, DevKey>,
    /// In the order of the keys' index.
    addresses: Vec<Address>,
    genesis_set: Vec<Address>,
    epoch: u64,
    seed: B256,
}

impl Qbft {
    pub(crate) fn new(config: &ChainConfig) -> Self {
        let keys = config.validator_keys();
        let addresses: Vec<Address> = keys.iter().map(DevKey::address).collect();
        Self {
            genesis_set: addresses.iter().zip(0..config.validators).map(|(address, _)| *address).collect(),
            addresses,
            keys: keys.into_iter().map(|key| (key.address(), key)).collect(),
            epoch: config.epoch,
            seed: keccak256(["devchain seals ".as_bytes(), config.seed.as_bytes()].concat()),
        }
    }

    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.addresses.clone()
    }

    pub(crate) fn genesis(&self, config: &ChainConfig, state: &State) -> Block {
        let snapshot = Snapshot::genesis(self.genesis_set.clone());
        let extra = ExtraData { validators: snapshot.validators.clone(), ..ExtraData::default() };
        let header = Header {
            state_root: state.root(),
            timestamp: config.genesis_time,
            extra_data: extra.encode(),
            ..config.header_template()
        };
        // The genesis header has round 0 and no seals, so its hash is that of its bytes.
        let hash = keccak256(alloy_rlp::encode(&header));
        Block { header, hash, transactions: Vec::new(), seal: Seal::Qbft(snapshot) }
    }

    /// Who proposes next, in which round, with which vote. Each offline proposer costs a round.
    ///
    /// # Errors
    /// [`ChainError::Halted`] when fewer than a quorum are online.
    pub(crate) fn turn(&self, snapshot: &Snapshot, roster: &Roster, now: Duration) -> Result<Turn, ChainError> {
        let (online, quorum) = (online(&snapshot.validators, roster).len(), quorum(snapshot.validators.len()));
        if online < quorum {
            return Err(ChainError::Halted { online, quorum });
        }
        // A quorum is online, so one of the next N proposers is.
        let mut round = 0;
        while !roster.is_online(&snapshot.proposer_at(round)) {
            round += 1;
        }
        let proposer = snapshot.proposer_at(round);
        let ballot = roster.ballot(&proposer, |address| u64::from(snapshot.validators.contains(address)));
        Ok(Turn { round, proposer, ballot, time: Duration::from_secs(now.as_secs()) })
    }

    /// Exactly a quorum of online validators of the set, chosen and ordered by the seed, the height and the round.
    fn signers(&self, set: &[Address], roster: &Roster, number: u64, round: u32) -> Vec<&DevKey> {
        let mut online = online(set, roster);
        let mut rng = ChaCha8Rng::from_seed(
            keccak256([self.seed.as_slice(), &number.to_be_bytes(), &round.to_be_bytes()].concat()).0,
        );
        // Fisher–Yates; the slight bias of the remainder does not matter here.
        for last in (1..online.len()).rev() {
            online.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
        }
        online.truncate(quorum(set.len()));
        online.iter().filter_map(|address| self.keys.get(address)).collect()
    }

    /// Adds roots, extra data and seals to an executed block.
    pub(crate) fn seal(&self, parent: &Block, turn: &Turn, roster: &Roster, executed: Executed) -> (Block, State) {
        let (snapshot, (mut header, transactions, state)) = (parent.seal.qbft(), with_roots(executed));
        let mut extra = ExtraData {
            vanity: B256::ZERO,
            validators: snapshot.validators.clone(),
            vote: turn.ballot.map(|Ballot { candidate, power }| Vote { candidate, add: power > 0 }),
            round: turn.round,
            seals: Vec::new(),
        };
        let digest = commit_digest(&header, &extra);
        let hash = block_hash(&header, &extra);
        let signers = self.signers(&extra.validators, roster, header.number, turn.round);
        extra.seals = signers.into_iter().map(|key| key.sign(&digest)).collect();
        header.extra_data = extra.encode();
        let seal = Seal::Qbft(snapshot.apply(header.number, header.beneficiary, &extra, self.epoch));
        (Block { header, hash, transactions, seal }, state)
    }

    pub(crate) fn replay(
        &self,
        config: &ChainConfig,
        parent: &Block,
        record: &[u8],
        execute: impl FnOnce(Header, Vec<TxEnvelope>) -> Result<Executed, ChainError>,
    ) -> Result<(Block, State), ChainError> {
        let (stored, transactions) = decode(record).map_err(|source| ChainError::StoredBlock { source })?;
        let (number, snapshot) = (parent.header.number + 1, parent.seal.qbft());
        let differs =
            |field, expected: String, found: String| Err(ChainError::Replay { number, field, expected, found });
        let extra = ExtraData::decode(&stored.extra_data)?;
        if stored.number != number || stored.parent_hash != parent.hash {
            let parent_of = |number: u64, parent: B256| format!("{number} on {parent}");
            return differs("parent", parent_of(number, parent.hash), parent_of(stored.number, stored.parent_hash));
        }
        if extra.validators != snapshot.validators {
            return differs("validators", format!("{:?}", snapshot.validators), format!("{:?}", extra.validators));
        }
        let proposer = snapshot.proposer_at(extra.round);
        if stored.beneficiary != proposer {
            return differs("proposer", proposer.to_string(), stored.beneficiary.to_string());
        }
        let header = Header {
            parent_hash: parent.hash,
            number,
            beneficiary: stored.beneficiary,
            timestamp: stored.timestamp,
            extra_data: stored.extra_data.clone(),
            ..config.header_template()
        };
        let (header, transactions, state) = with_roots(execute(header, transactions)?);
        if header != stored {
            return differs("header", format!("{header:?}"), format!("{stored:?}"));
        }
        let hash = block_hash(&header, &extra);
        let seal = Seal::Qbft(snapshot.apply(number, header.beneficiary, &extra, self.epoch));
        Ok((Block { header, hash, transactions, seal }, state))
    }

    /// A header like the block's, changed and sealed again.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when the key of a signer is not known.
    pub(crate) fn forge(&self, block: &Block, forgery: &Forgery) -> Result<Header, ChainError> {
        let mut header = block.header.clone();
        let mut extra = ExtraData::decode(&header.extra_data)?;
        let default_signers = || extra.validators.iter().take(quorum(extra.validators.len())).copied().collect();
        let signers: Vec<Address> = forgery.signers.clone().unwrap_or_else(default_signers);
        let keys = signers
            .iter()
            .map(|address| self.keys.get(address).ok_or(ChainError::UnknownValidator { address: *address }))
            .collect::<Result<Vec<&DevKey>, _>>()?;
        header.state_root = forgery.state_root.unwrap_or(header.state_root);
        header.receipts_root = forgery.receipts_root.unwrap_or(header.receipts_root);
        header.parent_hash = forgery.parent_hash.unwrap_or(header.parent_hash);
        header.timestamp = forgery.timestamp.unwrap_or(header.timestamp);
        extra.round = forgery.round.unwrap_or(extra.round);
        if let Some(validators) = &forgery.validators {
            extra.validators.clone_from(validators);
        }
        let digest = commit_digest(&header, &extra);
        extra.seals = keys.into_iter().map(|key| key.sign(&digest)).collect();
        header.extra_data = extra.encode();
        Ok(header)
    }
}

fn online(set: &[Address], roster: &Roster) -> Vec<Address> {
    set.iter().copied().filter(|address| roster.is_online(address)).collect()
}

/// The header with the roots of state, transactions and receipts.
fn with_roots(executed: Executed) -> (Header, Vec<Mined>, State) {
    let Executed { mut header, mined, state } = executed;
    header.state_root = state.root();
    if !mined.is_empty() {
        let receipts: Vec<&ReceiptEnvelope> = mined.iter().map(|mined| &mined.receipt).collect();
        let envelopes: Vec<&TxEnvelope> = mined.iter().map(|mined| &mined.envelope).collect();
        header.receipts_root = calculate_receipt_root(&receipts);
        header.transactions_root = calculate_transaction_root(&envelopes);
    }
    (header, mined, state)
}

/// Checks that exactly a quorum of the block's set sealed it.
pub(crate) fn check_seals(block: &Block) -> Result<(), ChainError> {
    let extra = ExtraData::decode(&block.header.extra_data)?;
    let digest = commit_digest(&block.header, &extra);
    let recover = |seal: &[u8; SEAL_BYTES]| Signature::from_raw(seal).ok()?.recover_address_from_prehash(&digest).ok();
    let signers: HashSet<_> =
        extra.seals.iter().filter_map(recover).filter(|signer| extra.validators.contains(signer)).collect();
    let (expected, found) = (quorum(extra.validators.len()), signers.len());
    if found != expected || extra.seals.len() != expected {
        let found = format!("{found} by validators among {}", extra.seals.len());
        return Err(ChainError::Replay {
            number: block.header.number,
            field: "seals",
            expected: expected.to_string(),
            found,
        });
    }
    Ok(())
}

/// A stored block: RLP[header, [transaction, …]], each transaction as its EIP-2718 bytes.
pub(crate) fn encode(block: &Block) -> Vec<u8> {
    let mut payload = Vec::new();
    block.header.encode(&mut payload);
    let raw: Vec<Bytes> = block.transactions.iter().map(|mined| mined.envelope.encoded_2718().into()).collect();
    raw.encode(&mut payload);
    let mut out = Vec::with_capacity(payload.len() + 9);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}

fn decode(record: &[u8]) -> alloy_rlp::Result<(Header, Vec<TxEnvelope>)> {
    let mut items = alloy_rlp::Header::decode_bytes(&mut &*record, true)?;
    let header = Header::decode(&mut items)?;
    Ok((header, super::decode_transactions(&Vec::<Bytes>::decode(&mut items)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    fn extra(vote: Option<Vote>) -> ExtraData {
        ExtraData { vote, ..ExtraData::default() }
    }

    #[test]
    fn quorum_is_two_thirds_rounded_up() {
        let expected = [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6), (9, 6)];
        for (validators, seals) in expected {
            assert_eq!(quorum(validators), seals, "{validators} validators");
        }
    }

    #[test]
    fn three_of_four_votes_add_and_a_vote_counts_once_per_validator() {
        let set: Vec<_> = (1..=4).map(address).collect();
        let vote = Vote { candidate: address(5), add: true };
        let mut snapshot = Snapshot::genesis(set.clone());
        for (number, by) in [(1, 1), (2, 1), (3, 2)] {
            snapshot = snapshot.apply(number, address(by), &extra(Some(vote)), 1_000);
            assert_eq!(snapshot.validators, set, "after block {number}");
        }
        snapshot = snapshot.apply(4, address(3), &extra(Some(vote)), 1_000);
        assert_eq!(snapshot.validators.len(), 5);
        assert!(snapshot.votes.is_empty());
    }

    #[test]
    fn an_epoch_drops_open_votes() {
        let vote = Vote { candidate: address(5), add: true };
        let mut snapshot = Snapshot::genesis((1..=4).map(address).collect());
        for (number, by) in [(1, 1), (2, 2), (3, 3)] {
            snapshot = snapshot.apply(number, address(by), &extra(Some(vote)), 3);
        }
        assert_eq!(snapshot.validators.len(), 4, "the third vote opened a new epoch alone");
        assert_eq!(snapshot.votes.len(), 1);
    }

    #[test]
    fn the_turn_passes_over_offline_proposers_and_halts_below_quorum() {
        let qbft = Qbft::new(&ChainConfig { candidates: 0, ..ChainConfig::default() });
        let mut roster = Roster::new(qbft.addresses());
        let snapshot = Snapshot::genesis(qbft.addresses());
        let first = snapshot.proposer_at(0);
        let turn = |roster: &Roster| qbft.turn(&snapshot, roster, Duration::ZERO);
        assert_eq!(turn(&roster).expect("live").round, 0);
        roster.known.get_mut(&first).expect("known").online = false;
        let second = turn(&roster).expect("live");
        assert_eq!((second.round, second.proposer), (1, snapshot.proposer_at(1)));
        let signers = qbft.signers(&snapshot.validators, &roster, 1, 1);
        assert_eq!(signers.len(), 3);
        assert!(signers.iter().all(|key| key.address() != first));
        roster.known.get_mut(&second.proposer).expect("known").online = false;
        assert!(matches!(turn(&roster), Err(ChainError::Halted { online: 2, quorum: 3 })));
    }
}
