//! Sealed blocks, found by height, hash or transaction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use alloy_consensus::{Header, ReceiptEnvelope, TxEnvelope};
use alloy_primitives::{Address, B256};

use crate::consensus::Seal;
use crate::state::State;

/// A transaction in a block, with what executing it gave.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
    pub(crate) receipt: ReceiptEnvelope,
    pub(crate) gas_used: u64,
    pub(crate) contract: Option<Address>,
    /// Logs in the block before this transaction's.
    pub(crate) first_log: u64,
}

/// A sealed block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) transactions: Vec<Mined>,
    /// What made it final, and who decides what follows.
    pub(crate) seal: Seal,
}

/// All blocks, and the states that are still kept.
#[derive(Debug)]
pub(crate) struct Index {
    blocks: Vec<Arc<Block>>,
    states: Vec<Option<State>>,
    by_hash: HashMap<B256, u64>,
    by_transaction: HashMap<B256, (u64, usize)>,
}

impl Index {
    pub(crate) fn new(genesis: Block, state: State) -> Self {
        Self {
            by_hash: HashMap::from([(genesis.hash, 0)]),
            blocks: vec![Arc::new(genesis)],
            states: vec![Some(state)],
            by_transaction: HashMap::new(),
        }
    }

    /// Appends a block, and forgets the state that is `history` heights older than it.
    pub(crate) fn push(&mut self, block: Block, state: State, history: Option<u64>) {
        let number = block.header.number;
        self.by_hash.insert(block.hash, number);
        for (at, mined) in block.transactions.iter().enumerate() {
            self.by_transaction.insert(*mined.envelope.tx_hash(), (number, at));
        }
        self.blocks.push(Arc::new(block));
        self.states.push(Some(state));
        let old = history.and_then(|history| number.checked_sub(history)?.checked_sub(1));
        if let Some(state) = old.and_then(|old| self.states.get_mut(usize::try_from(old).ok()?)) {
            *state = None;
        }
    }

    pub(crate) fn head(&self) -> Arc<Block> {
        self.blocks.last().expect("there always is a genesis block").clone()
    }

    pub(crate) fn latest(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn number_of(&self, hash: &B256) -> Option<u64> {
        self.by_hash.get(hash).copied()
    }

    /// The block and the position in it of a mined transaction.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(Arc<Block>, usize)> {
        let (number, at) = self.by_transaction.get(hash)?;
        Some((self.block(*number)?.clone(), *at))
    }

    pub(crate) fn state(&self, number: u64) -> Option<State> {
        self.states.get(usize::try_from(number).ok()?)?.clone()
    }

    pub(crate) fn head_state(&self) -> State {
        self.states.last().cloned().flatten().expect("the latest state is never forgotten")
    }
}

// A panic while a lock was held is a bug that has been reported already; values are replaced whole, so they are still consistent.

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
