//! The chain itself: submit a transaction, seal a block, ask. No task, no clock, no network.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope, TxReceipt as _};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, keccak256};
use alloy_rlp::{Decodable as _, Encodable as _};

use crate::config::ChainConfig;
use crate::consensus::{Halted, Snapshot, Turn, Validators, quorum};
use crate::error::{ChainError, SubmitError};
use crate::executor::{BlockExecutor, ExecutionDb};
use crate::header::{ExtraData, SEAL_BYTES, block_hash, commit_digest, encode_header};
use crate::index::{Block, Index, Mined, lock, read, write};
use crate::keys::DevKey;
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
    index: Arc<RwLock<Index>>,
    // Locks are taken in this order: sealer, pool, index or validators.
    sealer: Mutex<Sealer>,
    pool: Mutex<Pool>,
    validators: Mutex<Validators>,
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
    /// QBFT block hash.
    pub hash: B256,
    /// Transactions in it.
    pub transactions: usize,
    /// Round it was decided in: 0, or how many proposers were passed over.
    pub round: u32,
}

/// A key of the chain and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorStatus {
    /// Its address.
    pub address: Address,
    /// In the set that seals the next block.
    pub validator: bool,
    /// Proposes and seals.
    pub online: bool,
    /// Candidate → add or drop: what it votes when it proposes.
    pub ballots: BTreeMap<Address, bool>,
}

/// How a forged header differs from the real one at its height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgery {
    /// Another state root.
    pub state_root: Option<B256>,
    /// Another receipts root.
    pub receipts_root: Option<B256>,
    /// Another parent.
    pub parent_hash: Option<B256>,
    /// Another time, seconds.
    pub timestamp: Option<u64>,
    /// Another listed set.
    pub validators: Option<Vec<Address>>,
    /// Another round.
    pub round: Option<u32>,
    /// Who seals; a quorum of the real set when `None`.
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
        let state = config.genesis_state();
        let header = config.genesis_header(&state);
        // The genesis header has round 0 and no seals, so its hash is that of its bytes.
        let hash = keccak256(alloy_rlp::encode(&header));
        let snapshot = Snapshot::genesis(config.genesis_validators());
        let genesis = Block { header, hash, transactions: Vec::new(), snapshot };
        let validators = Validators::new(&config.seed, config.validator_keys());
        Ok(Self {
            index: Arc::new(RwLock::new(Index::new(genesis, state))),
            sealer: Mutex::new(Sealer { log: None }),
            pool: Mutex::default(),
            validators: Mutex::new(validators),
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
        chain.check_head_seals()?;
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

    /// The round in which the next block would be decided now: how many proposers in turn are offline.
    ///
    /// # Errors
    /// [`ChainError::Halted`] when fewer than a quorum are online.
    pub fn next_round(&self) -> Result<u32, ChainError> {
        let head = read(&self.index).head();
        Ok(self.turn(&head.snapshot)?.round)
    }

    fn turn(&self, snapshot: &Snapshot) -> Result<Turn, ChainError> {
        let turn = lock(&self.validators).turn(snapshot);
        turn.map_err(|Halted { online, quorum }| ChainError::Halted { online, quorum })
    }

    /// Executes the waiting transactions, seals a block with them (an empty one when there are none) and appends it.
    /// `now` is the clock in seconds; the header gets that time.
    ///
    /// # Errors
    /// When the chain is halted, the clock stands before the latest header, or the block cannot be stored. Nothing has changed then.
    pub fn seal_block(&self, now: u64) -> Result<SealedBlock, ChainError> {
        let mut sealer = lock(&self.sealer);
        let (parent, state) = self.head();
        if now < parent.header.timestamp {
            return Err(ChainError::ClockBehind { parent: parent.header.timestamp, now });
        }
        let turn = self.turn(&parent.snapshot)?;
        let waiting = lock(&self.pool).ready(&state, MAX_BLOCK_TRANSACTIONS);
        let header = Header {
            parent_hash: parent.hash,
            number: parent.header.number + 1,
            beneficiary: turn.proposer,
            timestamp: now,
            ..self.config.header_template()
        };
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
        let (header, mined, state) = body.finish();
        let block = self.seal(&parent.snapshot, header, mined, turn);
        if let Some(log) = &mut sealer.log {
            log.append(&encode_block(&block))?;
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

    /// Adds extra data and seals to an executed block.
    fn seal(&self, parent: &Snapshot, mut header: Header, transactions: Vec<Mined>, turn: Turn) -> Block {
        let mut extra = ExtraData {
            vanity: B256::ZERO,
            validators: parent.validators.clone(),
            vote: turn.vote,
            round: turn.round,
            seals: Vec::new(),
        };
        let digest = commit_digest(&header, &extra);
        let hash = block_hash(&header, &extra);
        let validators = lock(&self.validators);
        let signers = validators.signers(&extra.validators, header.number, turn.round);
        extra.seals = signers.into_iter().map(|key| key.sign(&digest)).collect();
        header.extra_data = extra.encode();
        let snapshot = parent.apply(header.number, header.beneficiary, &extra, self.config.epoch);
        Block { header, hash, transactions, snapshot }
    }

    /// Appends a block as it was stored, after executing it again.
    fn replay(&self, record: &[u8]) -> Result<(), ChainError> {
        let (stored, transactions) = decode_block(record)?;
        let (parent, state) = self.head();
        let number = parent.header.number + 1;
        let differs =
            |field, expected: String, found: String| Err(ChainError::Replay { number, field, expected, found });
        let extra = ExtraData::decode(&stored.extra_data)?;
        if stored.number != number || stored.parent_hash != parent.hash {
            let parent_of = |number: u64, parent: B256| format!("{number} on {parent}");
            return differs("parent", parent_of(number, parent.hash), parent_of(stored.number, stored.parent_hash));
        }
        if extra.validators != parent.snapshot.validators {
            return differs(
                "validators",
                format!("{:?}", parent.snapshot.validators),
                format!("{:?}", extra.validators),
            );
        }
        let proposer = parent.snapshot.proposer_at(extra.round);
        if stored.beneficiary != proposer {
            return differs("proposer", proposer.to_string(), stored.beneficiary.to_string());
        }
        let header = Header {
            parent_hash: parent.hash,
            number,
            beneficiary: stored.beneficiary,
            timestamp: stored.timestamp,
            extra_data: stored.extra_data.clone(),
            ..self.config.header_template()
        };
        let mut body = Body::new(&self.config, header, self.execution_db(state));
        for envelope in transactions {
            use alloy_consensus::transaction::SignerRecoverable as _;
            let outcome = envelope
                .recover_signer()
                .map_err(|error| error.to_string())
                .and_then(|sender| body.execute(envelope, sender).map_err(|error| error.to_string()));
            if let Err(error) = outcome {
                return differs("transaction", "valid".to_owned(), error);
            }
        }
        let (header, transactions, state) = body.finish();
        if header != stored {
            return differs("header", format!("{header:?}"), format!("{stored:?}"));
        }
        let hash = block_hash(&header, &extra);
        let snapshot = parent.snapshot.apply(number, header.beneficiary, &extra, self.config.epoch);
        let block = Block { header, hash, transactions, snapshot };
        write(&self.index).push(block, state, self.config.state_history);
        Ok(())
    }

    /// Checks the seals of the latest block, whose hash binds all blocks before it.
    fn check_head_seals(&self) -> Result<(), ChainError> {
        let block = read(&self.index).head();
        if block.header.number == 0 {
            return Ok(());
        }
        let extra = ExtraData::decode(&block.header.extra_data)?;
        let digest = commit_digest(&block.header, &extra);
        let recover =
            |seal: &[u8; SEAL_BYTES]| Signature::from_raw(seal).ok()?.recover_address_from_prehash(&digest).ok();
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

    // Questions.

    /// Latest height.
    #[must_use]
    pub fn latest(&self) -> u64 {
        read(&self.index).latest()
    }

    /// QBFT hash of the genesis block.
    #[must_use]
    pub fn genesis_hash(&self) -> B256 {
        read(&self.index).block(0).map_or(B256::ZERO, |block| block.hash)
    }

    /// The sealed header at a height.
    #[must_use]
    pub fn header(&self, number: u64) -> Option<Header> {
        self.block(number).map(|block| block.header.clone())
    }

    /// The sealed header at a height as RLP.
    #[must_use]
    pub fn raw_header(&self, number: u64) -> Option<Bytes> {
        self.block(number).map(|block| encode_header(&block.header))
    }

    /// QBFT hash of the block at a height.
    #[must_use]
    pub fn hash(&self, number: u64) -> Option<B256> {
        self.block(number).map(|block| block.hash)
    }

    /// The set listed in the header at a height.
    #[must_use]
    pub fn validators_at(&self, number: u64) -> Option<Vec<Address>> {
        let block = self.block(number)?;
        ExtraData::decode(&block.header.extra_data).ok().map(|extra| extra.validators)
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
        lock(&self.validators)
            .known
            .iter()
            .map(|(address, validator)| ValidatorStatus {
                address: *address,
                validator: head.snapshot.validators.contains(address),
                online: validator.online,
                ballots: validator.ballots.clone(),
            })
            .collect()
    }

    /// Stops or resumes a validator: it neither proposes nor seals while offline.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when no key of that address is known.
    pub fn set_online(&self, address: Address, online: bool) -> Result<(), ChainError> {
        match lock(&self.validators).known.get_mut(&address) {
            Some(validator) => validator.online = online,
            None => return Err(ChainError::UnknownValidator { address }),
        }
        self.wake();
        Ok(())
    }

    /// Makes the voters (every known key when `None`) vote so whenever they propose, as long as it would change something.
    ///
    /// # Errors
    /// [`ChainError::UnknownValidator`] when a voter's key is not known; no ballot has changed then.
    pub fn propose(&self, candidate: Address, add: bool, voters: Option<&[Address]>) -> Result<(), ChainError> {
        self.change_ballots(voters, |ballots| {
            ballots.insert(candidate, add);
        })
    }

    /// Withdraws those intentions; votes already in the chain stay.
    ///
    /// # Errors
    /// As [`propose`](Self::propose).
    pub fn discard(&self, candidate: Address, voters: Option<&[Address]>) -> Result<(), ChainError> {
        self.change_ballots(voters, |ballots| {
            ballots.remove(&candidate);
        })
    }

    fn change_ballots(
        &self,
        voters: Option<&[Address]>,
        change: impl Fn(&mut BTreeMap<Address, bool>),
    ) -> Result<(), ChainError> {
        let mut validators = lock(&self.validators);
        if let Some(address) = voters.unwrap_or_default().iter().find(|voter| !validators.known.contains_key(*voter)) {
            return Err(ChainError::UnknownValidator { address: *address });
        }
        for (address, validator) in &mut validators.known {
            if voters.is_none_or(|voters| voters.contains(address)) {
                change(&mut validator.ballots);
            }
        }
        Ok(())
    }

    /// A header like the one at `number`, changed and sealed again. It never becomes part of the chain.
    ///
    /// # Errors
    /// When the height does not exist or the key of a signer is not known.
    pub fn forge(&self, number: u64, forgery: &Forgery) -> Result<Header, ChainError> {
        let block = self.block(number).ok_or_else(|| ChainError::UnknownBlock { latest: self.latest(), number })?;
        let mut header = block.header.clone();
        let mut extra = ExtraData::decode(&header.extra_data)?;
        let validators = lock(&self.validators);
        let default_signers = || extra.validators.iter().take(quorum(extra.validators.len())).copied().collect();
        let signers: Vec<Address> = forgery.signers.clone().unwrap_or_else(default_signers);
        let keys = signers
            .iter()
            .map(|address| {
                let known = validators.known.get(address).map(|validator| &validator.key);
                known.ok_or(ChainError::UnknownValidator { address: *address })
            })
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

    /// The header with everything that follows from the execution, the transactions, and the state after them.
    fn finish(self) -> (Header, Vec<Mined>, State) {
        let Self { executor, mut header, mined, .. } = self;
        header.gas_used = executor.cumulative_gas();
        let state = executor.into_state();
        header.state_root = state.root();
        if !mined.is_empty() {
            let receipts: Vec<&ReceiptEnvelope> = mined.iter().map(|mined| &mined.receipt).collect();
            let envelopes: Vec<&TxEnvelope> = mined.iter().map(|mined| &mined.envelope).collect();
            header.receipts_root = calculate_receipt_root(&receipts);
            header.transactions_root = calculate_transaction_root(&envelopes);
            header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        }
        (header, mined, state)
    }
}

/// A stored block: RLP[header, [transaction, …]], each transaction as its EIP-2718 bytes.
fn encode_block(block: &Block) -> Vec<u8> {
    let mut payload = Vec::new();
    block.header.encode(&mut payload);
    let raw: Vec<Bytes> = block.transactions.iter().map(|mined| mined.envelope.encoded_2718().into()).collect();
    raw.encode(&mut payload);
    let mut out = Vec::with_capacity(payload.len() + 9);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}

fn decode_block(record: &[u8]) -> Result<(Header, Vec<TxEnvelope>), ChainError> {
    let decode = || {
        let mut items = alloy_rlp::Header::decode_bytes(&mut &*record, true)?;
        let header = Header::decode(&mut items)?;
        let raw = Vec::<Bytes>::decode(&mut items)?;
        let transactions = raw
            .iter()
            .map(|raw| TxEnvelope::decode_2718_exact(raw).map_err(|_| alloy_rlp::Error::Custom("transaction")))
            .collect::<Result<_, _>>()?;
        Ok((header, transactions))
    };
    decode().map_err(|source| ChainError::StoredBlock { source })
}
