//! The chain itself: submit a transaction, seal a block, ask. No task, no clock, no network.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope, TxReceipt as _};
use alloy_primitives::{Address, B256, Bloom, Bytes};
use serde_json::Value;

use crate::config::ChainConfig;
use crate::consensus::tendermint::Forged;
use crate::consensus::{Ballot, Engine, Member, Roster, Seal};
use crate::error::{ChainError, SubmitError};
use crate::executor::{BlockExecutor, ExecutionDb};
use crate::header::{ExtraData, encode_header};
use crate::index::{Block, Index, Mined, lock, read, write};
use crate::log::BlockLog;
use crate::pool::{self, Pool};
use crate::state::State;

/// Most transactions in one block.
pub const MAX_BLOCK_TRANSACTIONS: usize = 5_000;

/// A consortium chain with all its validators' keys.
///
/// Every method takes `&self`; sealing never blocks a reader for longer than it takes to append the finished block.
pub struct Chain {
    config: ChainConfig,
    engine: Engine,
    index: Arc<RwLock<Index>>,
    // Locks are taken in this order: sealer, pool, index or roster.
    sealer: Mutex<Sealer>,
    pool: Mutex<Pool>,
    roster: Mutex<Roster>,
    waker: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct Sealer {
    log: Option<BlockLog>,
}

/// A block that was just sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// Height.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Transactions in it.
    pub transactions: usize,
    /// Round it was decided in: 0, or how many proposers were passed over.
    pub round: u32,
}

/// A key of the chain and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorStatus {
    /// `validator-1` and so on, in the order of the keys.
    pub name: String,
    /// Its address.
    pub address: Address,
    /// In the set that seals the next block.
    pub validator: bool,
    /// What its vote is worth there; 0 outside the set, and 1 for everyone in it under QBFT.
    pub power: u64,
    /// Proposes and seals.
    pub online: bool,
    /// Candidate → power, 0 to drop it: what it votes when it proposes.
    pub ballots: BTreeMap<Address, u64>,
}

/// How a forged header differs from the real one at its height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgery {
    /// Another state root; under Tendermint the application hash.
    pub state_root: Option<B256>,
    /// Another receipts root; under Tendermint the hash of the last results.
    pub receipts_root: Option<B256>,
    /// Another parent.
    pub parent_hash: Option<B256>,
    /// Another time, seconds.
    pub timestamp: Option<u64>,
    /// Another listed set.
    pub validators: Option<Vec<Address>>,
    /// Another round.
    pub round: Option<u32>,
    /// Who seals. When `None`, a quorum of the real set; under Tendermint all of the listed set.
    pub signers: Option<Vec<Address>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("chain_id", &self.config.chain_id).field("latest", &self.latest()).finish()
    }
}

impl Chain {
    /// A new chain in memory.
    ///
    /// # Errors
    /// [`ChainError::Config`] when a setting is out of range.
    pub fn in_memory(config: ChainConfig) -> Result<Self, ChainError> {
        config.check()?;
        let engine = Engine::new(&config);
        let state = config.genesis_state();
        let genesis = engine.genesis(&config, &state);
        Ok(Self {
            roster: Mutex::new(Roster::new(engine.addresses())),
            engine,
            index: Arc::new(RwLock::new(Index::new(genesis, state))),
            sealer: Mutex::new(Sealer { log: None }),
            pool: Mutex::default(),
            waker: OnceLock::new(),
            config,
        })
    }

    /// The chain kept in `folder`: replayed when there is one, else begun.
    ///
    /// A block is on disk before it can be seen. Waiting transactions, ballots and who is online are not kept.
    ///
    /// # Errors
    /// When the folder is in use, holds another chain, or is corrupt before its end; a torn last record is cut off.
    pub fn in_folder(config: ChainConfig, folder: &Path) -> Result<Self, ChainError> {
        let chain = Self::in_memory(config)?;
        let identity = chain.config.identity(chain.genesis_hash());
        let log = BlockLog::open(folder, identity, |record| chain.replay(record))?;
        let head = read(&chain.index).head();
        chain.engine.check_head(&head)?;
        lock(&chain.sealer).log = Some(log);
        Ok(chain)
    }

    /// The configuration it was built with.
    #[must_use]
    pub fn config(&self) -> &ChainConfig {
        &self.config
    }

    /// Calls `wake` whenever something happened that may allow a block: a transaction, a validator back online.
    /// Only the first call has an effect.
    pub fn on_change(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.waker.set(Box::new(wake));
    }

    fn wake(&self) {
        if let Some(wake) = self.waker.get() {
            wake();
        }
    }

    /// Takes a signed transaction (EIP-2718 bytes) and returns its hash.
    ///
    /// # Errors
    /// When it could not be part of a block; nothing has changed then.
    pub fn submit(&self, raw: &[u8]) -> Result<B256, SubmitError> {
        let (envelope, sender) = pool::decode(&self.config, raw)?;
        let hash = {
            let mut pool = lock(&self.pool);
            let state = read(&self.index).head_state();
            pool.add(envelope, sender, &state)?
        };
        self.wake();
        Ok(hash)
    }

    /// True when a waiting transaction could go into the next block.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        let pool = lock(&self.pool);
        let state = read(&self.index).head_state();
        pool.has_ready(&state)
    }

    /// True when the latest block changed the state and no header names that state yet: under Tendermint only the next one will.
    #[must_use]
    pub fn has_unproven_state(&self) -> bool {
        let head = read(&self.index).head();
        match &head.seal {
            Seal::Qbft(_) => false,
            Seal::Tendermint(sealed) => sealed.app_hash != head.header.state_root,
        }
    }

    /// The round in which the next block would be decided now: how many proposers in turn are offline.
    ///
    /// # Errors
    /// [`ChainError::Halted`] or [`ChainError::PowerOffline`] when too few are online.
    pub fn next_round(&self) -> Result<u32, ChainError> {
        let head = read(&self.index).head();
        let now = Duration::from_secs(head.header.timestamp);
        Ok(self.engine.turn(&head, &lock(&self.roster), now)?.round)
    }

    /// As [`seal_block_at`](Self::seal_block_at), with the clock in whole seconds.
    ///
    /// # Errors
    /// The same.
    pub fn seal_block(&self, now_seconds: u64) -> Result<SealedBlock, ChainError> {
        self.seal_block_at(Duration::from_secs(now_seconds))
    }

    /// Executes the waiting transactions, seals a block with them (an empty one when there are none) and appends it.
    /// `now` is the clock, since 1970; the header gets that time, in whole seconds under QBFT.
    ///
    /// # Errors
    /// When the chain is halted, the clock stands before the second of the latest header, or the block cannot be stored. Nothing has
    /// changed then.
    pub fn seal_block_at(&self, now: Duration) -> Result<SealedBlock, ChainError> {
        let mut sealer = lock(&self.sealer);
        let (parent, state) = self.head();
        let roster = lock(&self.roster).clone();
        let turn = self.engine.turn(&parent, &roster, now)?;
        let waiting = lock(&self.pool).ready(&state, MAX_BLOCK_TRANSACTIONS);
        let header = self.engine.open(&self.config, &parent, &turn);
        let mut body = Body::new(&self.config, header, self.execution_db(state));
        let mut dropped = Vec::new();
        let mut skipped = HashSet::new();
        for pending in waiting {
            if skipped.contains(&pending.sender) {
                continue;
            }
            if !body.has_room_for(&pending.envelope) {
                skipped.insert(pending.sender);
                continue;
            }
            let hash = *pending.envelope.tx_hash();
            if body.execute(pending.envelope, pending.sender).is_err() {
                // It was valid when it came; an earlier one has spent what it needed.
                dropped.push(hash);
                skipped.insert(pending.sender);
            }
        }
        let senders: HashSet<_> = body.mined.iter().map(|mined| mined.sender).collect();
        let (block, state) = self.engine.seal(&parent, &turn, &roster, body.finish());
        if let Some(log) = &mut sealer.log {
            log.append(&self.engine.encode(&block))?;
        }
        let sealed = SealedBlock {
            number: block.header.number,
            hash: block.hash,
            transactions: block.transactions.len(),
            round: turn.round,
        };
        let mut pool = lock(&self.pool);
        pool.prune(&dropped, &senders, &state);
        write(&self.index).push(block, state, self.config.state_history);
        Ok(sealed)
    }

    /// Appends a block as it was stored, after executing it again.
    fn replay(&self, record: &[u8]) -> Result<(), ChainError> {
        let (parent, state) = self.head();
        let number = parent.header.number + 1;
        let execute = |header, transactions: Vec<TxEnvelope>| {
            use alloy_consensus::transaction::SignerRecoverable as _;
            let mut body = Body::new(&self.config, header, self.execution_db(state));
            for envelope in transactions {
                let outcome = envelope
                    .recover_signer()
                    .map_err(|error| error.to_string())
                    .and_then(|sender| body.execute(envelope, sender).map_err(|error| error.to_string()));
                if let Err(found) = outcome {
                    let expected = "valid".to_owned();
                    return Err(ChainError::Replay { number, field: "transaction", expected, found });
                }
            }
            Ok(body.finish())
        };
        let (block, state) = self.engine.replay(&self.config, &parent, record, execute)?;
        write(&self.index).push(block, state, self.config.state_history);
        Ok(())
    }

    // Questions.

    /// Latest height.
    #[must_use]
    pub fn latest(&self) -> u64 {
        read(&self.index).latest()
    }

    /// Hash of the genesis block.
    #[must_use]
    pub fn genesis_hash(&self) -> B256 {
        read(&self.index).block(0).map_or(B256::ZERO, |block| block.hash)
    }

    /// The sealed header at a height; under Tendermint what tools of the EVM are shown of it.
    #[must_use]
    pub fn header(&self, number: u64) -> Option<Header> {
        self.block(number).map(|block| block.header.clone())
    }

    /// The sealed header at a height as RLP, under QBFT; a header of Tendermint is none of Ethereum's.
    #[must_use]
    pub fn raw_header(&self, number: u64) -> Option<Bytes> {
        let block = self.block(number)?;
        matches!(block.seal, Seal::Qbft(_)).then(|| encode_header(&block.header))
    }

    /// Under Tendermint, the block at a height as `{"signed_header", "validators", "next_validators"}`, each part as RPC answers it: what a
    /// light client reads. None at height 0.
    #[must_use]
    pub fn light_block(&self, number: u64) -> Option<Value> {
        match &self.block(number)?.seal {
            Seal::Qbft(_) => None,
            Seal::Tendermint(sealed) => sealed.light_block(),
        }
    }

    /// Hash of the block at a height.
    #[must_use]
    pub fn hash(&self, number: u64) -> Option<B256> {
        self.block(number).map(|block| block.hash)
    }

    /// The set that seals the block at a height, in its order.
    #[must_use]
    pub fn validators_at(&self, number: u64) -> Option<Vec<Address>> {
        let block = self.block(number)?;
        match &block.seal {
            Seal::Qbft(_) => ExtraData::decode(&block.header.extra_data).ok().map(|extra| extra.validators),
            Seal::Tendermint(sealed) => {
                Some(sealed.set.members.validators.iter().map(|validator| validator.address).collect())
            }
        }
    }

    /// The receipt of a mined transaction, with its height.
    #[must_use]
    pub fn receipt(&self, transaction: &B256) -> Option<(u64, ReceiptEnvelope)> {
        let (block, at) = read(&self.index).transaction(transaction)?;
        Some((block.header.number, block.transactions.get(at)?.receipt.clone()))
    }

    /// The nonce the next transaction of `sender` should have, waiting ones counted.
    #[must_use]
    pub fn next_nonce(&self, sender: Address) -> u64 {
        let pool = lock(&self.pool);
        let state = read(&self.index).head_state();
        pool.next_nonce(&sender, &state)
    }

    /// Waiting transactions.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.pool).len()
    }

    pub(crate) fn pending(&self, hash: &B256) -> Option<(TxEnvelope, Address)> {
        lock(&self.pool).get(hash).map(|pending| (pending.envelope.clone(), pending.sender))
    }

    pub(crate) fn block(&self, number: u64) -> Option<Arc<Block>> {
        read(&self.index).block(number).cloned()
    }

    pub(crate) fn index(&self) -> &RwLock<Index> {
        &self.index
    }

    pub(crate) fn execution_db(&self, state: State) -> ExecutionDb {
        ExecutionDb::new(state, self.index.clone())
    }

    fn head(&self) -> (Arc<Block>, State) {
        let index = read(&self.index);
        (index.head(), index.head_state())
    }

    // Levers.

    /// Every known key, by address, with its state after the latest block.
    #[must_use]
    pub fn validators(&self) -> Vec<ValidatorStatus> {
        let head = read(&self.index).head();
        let status = |(address, member): (&Address, &Member)| {
            let power = self.engine.power(&head, address);
            let Member { name, online, ballots } = member.clone();
            ValidatorStatus { name, address: *address, validator: power > 0, power, online, ballots }
        };
        lock(&self.roster).known.iter().map(status).collect()
    }

    /// Stops or resumes a validator: it neither proposes nor seals while offline.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when no key of that address is known.
    pub fn set_online(&self, address: Address, online: bool) -> Result<(), ChainError> {
        match lock(&self.roster).known.get_mut(&address) {
            Some(member) => member.online = online,
            None => return Err(ChainError::UnknownValidator { address }),
        }
        self.wake();
        Ok(())
    }

    /// Makes the voters (every known key when `None`) vote so whenever they propose, as long as it would change something. Under Tendermint
    /// who is added gets the power of the configuration.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when a voter's key is not known, or under Tendermint the candidate's; no ballot has changed then.
    pub fn propose(&self, candidate: Address, add: bool, voters: Option<&[Address]>) -> Result<(), ChainError> {
        let power = if add { self.engine.usual_power(&candidate) } else { 0 };
        self.set_power(candidate, power, voters)
    }

    /// The same, for a power of one's choice; 0 drops the candidate.
    ///
    /// # Errors
    /// As [`propose`](Self::propose), and [`ChainError::Power`] when it is too great; under QBFT all powers are 1.
    pub fn set_power(&self, candidate: Address, power: u64, voters: Option<&[Address]>) -> Result<(), ChainError> {
        self.engine.check_ballot(&Ballot { candidate, power })?;
        self.change_ballots(voters, |ballots| {
            ballots.insert(candidate, power);
        })
    }

    /// Withdraws those intentions; votes already in the chain stay.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when a voter's key is not known; no ballot has changed then.
    pub fn discard(&self, candidate: Address, voters: Option<&[Address]>) -> Result<(), ChainError> {
        self.change_ballots(voters, |ballots| {
            ballots.remove(&candidate);
        })
    }

    fn change_ballots(
        &self,
        voters: Option<&[Address]>,
        change: impl Fn(&mut BTreeMap<Address, u64>),
    ) -> Result<(), ChainError> {
        let mut roster = lock(&self.roster);
        if let Some(address) = voters.unwrap_or_default().iter().find(|voter| !roster.known.contains_key(*voter)) {
            return Err(ChainError::UnknownValidator { address: *address });
        }
        for (address, member) in &mut roster.known {
            if voters.is_none_or(|voters| voters.contains(address)) {
                change(&mut member.ballots);
            }
        }
        Ok(())
    }

    /// A header like the one at `number`, changed and sealed again, under QBFT. It never becomes part of the chain.
    ///
    /// # Errors
    /// When the height does not exist or the key of a signer is not known.
    pub fn forge(&self, number: u64, forgery: &Forgery) -> Result<Header, ChainError> {
        let block = self.block(number).ok_or_else(|| ChainError::UnknownBlock { latest: self.latest(), number })?;
        match &self.engine {
            Engine::Qbft(qbft) => qbft.forge(&block, forgery),
            Engine::Tendermint(_) => Err(ChainError::OtherConsensus { expected: "QBFT" }),
        }
    }

    /// A block like the one at `number`, changed and voted for again, under Tendermint, in the form of [`light_block`](Self::light_block). It
    /// never becomes part of the chain.
    ///
    /// # Errors
    /// When the height does not exist, the key of a signer is not known, or a signer is not in the set.
    pub fn forge_light_block(&self, number: u64, forgery: &Forgery) -> Result<Value, ChainError> {
        let block = self.block(number).ok_or_else(|| ChainError::UnknownBlock { latest: self.latest(), number })?;
        let forged = self.forge_certified(&block, forgery)?;
        Ok(forged.certified.light_block(&forged.set, &block.seal.tendermint().next))
    }

    /// The same, before it is written.
    pub(crate) fn forge_certified(&self, block: &Block, forgery: &Forgery) -> Result<Forged, ChainError> {
        let Engine::Tendermint(tendermint) = &self.engine else {
            return Err(ChainError::OtherConsensus { expected: "Tendermint" });
        };
        let number = block.header.number;
        let unknown = ChainError::UnknownBlock { latest: self.latest(), number };
        let parent = number.checked_sub(1).and_then(|parent| self.block(parent)).ok_or(unknown)?;
        tendermint.forge(&parent, block, forgery)
    }
}

/// A block in the making.
struct Body {
    executor: BlockExecutor,
    header: Header,
    mined: Vec<Mined>,
    logs: u64,
}

impl Body {
    fn new(config: &ChainConfig, header: Header, db: ExecutionDb) -> Self {
        Self { executor: BlockExecutor::new(config, &header, db), header, mined: Vec::new(), logs: 0 }
    }

    fn has_room_for(&self, envelope: &TxEnvelope) -> bool {
        use alloy_consensus::transaction::Transaction as _;
        let used = self.executor.cumulative_gas();
        used.checked_add(envelope.gas_limit()).is_some_and(|gas| gas <= self.header.gas_limit)
    }

    fn execute(
        &mut self,
        envelope: TxEnvelope,
        sender: Address,
    ) -> Result<(), revm::context::result::InvalidTransaction> {
        let executed = self.executor.execute(&envelope, sender)?;
        let logs = executed.receipt.logs().len() as u64;
        self.mined.push(Mined {
            envelope,
            sender,
            receipt: executed.receipt,
            gas_used: executed.gas_used,
            contract: executed.contract,
            first_log: self.logs,
        });
        self.logs += logs;
        Ok(())
    }

    /// The header with gas and logs, the transactions, and the state after them.
    fn finish(self) -> Executed {
        let Self { executor, mut header, mined, .. } = self;
        header.gas_used = executor.cumulative_gas();
        header.logs_bloom = mined.iter().fold(Bloom::ZERO, |bloom, mined| bloom | mined.receipt.bloom());
        Executed { header, mined, state: executor.into_state() }
    }
}

/// An executed block that no one has sealed yet.
pub(crate) struct Executed {
    /// Without the roots that the consensus adds.
    pub(crate) header: Header,
    pub(crate) mined: Vec<Mined>,
    pub(crate) state: State,
}
