//! Transactions that wait for a block.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use alloy_consensus::transaction::{SignerRecoverable as _, Transaction as _};
use alloy_consensus::{TxEnvelope, TxType};
use alloy_eips::eip2718::{Decodable2718 as _, Eip2718Error, Encodable2718 as _};
use alloy_primitives::{Address, B256, U256};

use crate::config::{ChainConfig, Fork};
use crate::error::SubmitError;
use crate::executor::intrinsic_gas;
use crate::state::State;

/// Most transactions that wait at one time.
pub const MAX_POOL_TRANSACTIONS: usize = 20_000;

/// Largest transaction, bytes.
pub const MAX_TRANSACTION_BYTES: usize = 256 * 1024;

/// Most bytes of transactions that wait at one time.
pub const MAX_POOL_BYTES: usize = 256 * 1024 * 1024;

/// How far a nonce may be ahead of the account's.
pub const MAX_NONCE_GAP: u64 = 4_096;

/// EIP-3860 limit of init code, bytes, from Shanghai on.
const MAX_INIT_CODE_BYTES: usize = 49_152;

/// Highest transaction type that is known (EIP-7702).
const LAST_TYPE: u8 = 4;

/// From here on a byte begins an RLP list.
const FIRST_LIST_BYTE: u8 = 0xc0;

/// A replacement must pay this much more than what it replaces, in per cent.
const PRICE_BUMP_PERCENT: u128 = 10;

/// A decoded transaction with its recovered sender.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
    arrival: u64,
}

/// Waiting transactions by sender and nonce.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    by_sender: HashMap<Address, BTreeMap<u64, Pending>>,
    hashes: HashMap<B256, (Address, u64)>,
    bytes: usize,
    arrivals: u64,
}

/// Decodes a signed transaction and checks everything that does not depend on the state.
pub(crate) fn decode(config: &ChainConfig, raw: &[u8]) -> Result<(TxEnvelope, Address), SubmitError> {
    if raw.len() > MAX_TRANSACTION_BYTES {
        return Err(SubmitError::Oversized { size: raw.len(), limit: MAX_TRANSACTION_BYTES });
    }
    // A typed transaction begins with its type, a legacy one with the list of its fields.
    if let Some(found) = raw.first().copied().filter(|first| (LAST_TYPE + 1..FIRST_LIST_BYTE).contains(first)) {
        return Err(SubmitError::TypeNotSupported { found });
    }
    let envelope = TxEnvelope::decode_2718_exact(raw).map_err(|error| {
        let source = match error {
            Eip2718Error::RlpError(source) => source,
            // The decoder's word for a list that is no legacy transaction; unknown types were refused above.
            _ => alloy_rlp::Error::Custom("malformed legacy transaction"),
        };
        SubmitError::Malformed { source }
    })?;
    let kind = envelope.tx_type();
    let needed = match kind {
        TxType::Legacy | TxType::Eip2930 => Some(Fork::Berlin),
        TxType::Eip1559 => Some(Fork::London),
        TxType::Eip7702 => Some(Fork::Prague),
        // There are no blobs on a consortium chain.
        TxType::Eip4844 => None,
    };
    if needed.is_none_or(|needed| config.fork < needed) {
        return Err(SubmitError::TypeNotSupported { found: kind as u8 });
    }
    match envelope.chain_id() {
        None => return Err(SubmitError::NotReplayProtected),
        Some(have) if have != config.chain_id => {
            return Err(SubmitError::ChainId { have, want: config.chain_id });
        }
        Some(_) => {}
    }
    let sender = envelope.recover_signer().map_err(|_| SubmitError::Signature)?;
    if config.fork >= Fork::Shanghai && envelope.is_create() && envelope.input().len() > MAX_INIT_CODE_BYTES {
        return Err(SubmitError::InitCodeSize { size: envelope.input().len(), limit: MAX_INIT_CODE_BYTES });
    }
    if envelope.gas_limit() > config.gas_limit {
        return Err(SubmitError::GasLimit { gas: envelope.gas_limit(), limit: config.gas_limit });
    }
    let needed = intrinsic_gas(config, &envelope, sender);
    if envelope.gas_limit() < needed {
        return Err(SubmitError::IntrinsicGas { gas: envelope.gas_limit(), needed });
    }
    let max = envelope.max_fee_per_gas();
    if let Some(tip) = envelope.max_priority_fee_per_gas().filter(|tip| *tip > max) {
        return Err(SubmitError::TipAboveFeeCap { tip, max });
    }
    if max < u128::from(config.base_fee) {
        return Err(SubmitError::BelowBaseFee { max, base: config.base_fee });
    }
    Ok((envelope, sender))
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Pending> {
        let (sender, nonce) = self.hashes.get(hash)?;
        self.by_sender.get(sender)?.get(nonce)
    }

    /// The nonce a new transaction of `sender` should have, counting those that wait without a gap.
    pub(crate) fn next_nonce(&self, sender: &Address, state: &State) -> u64 {
        let mut next = state.nonce(*sender);
        if let Some(queue) = self.by_sender.get(sender) {
            while queue.contains_key(&next) {
                next += 1;
            }
        }
        next
    }

    /// Takes a transaction that [`decode`] accepted.
    pub(crate) fn add(&mut self, envelope: TxEnvelope, sender: Address, state: &State) -> Result<B256, SubmitError> {
        let (hash, nonce) = (*envelope.tx_hash(), envelope.nonce());
        if self.hashes.contains_key(&hash) {
            return Err(SubmitError::AlreadyKnown);
        }
        check_sender(&envelope, sender, state)?;
        let old = self.by_sender.get(&sender).and_then(|queue| queue.get(&nonce));
        let arrival = match old {
            Some(old) => {
                check_replacement(&old.envelope, &envelope)?;
                old.arrival
            }
            None if self.len() >= MAX_POOL_TRANSACTIONS => {
                return Err(SubmitError::PoolFull { limit: MAX_POOL_TRANSACTIONS, unit: "transactions" });
            }
            None => self.arrivals + 1,
        };
        let bytes = self.bytes + envelope.encode_2718_len();
        if bytes > MAX_POOL_BYTES {
            return Err(SubmitError::PoolFull { limit: MAX_POOL_BYTES, unit: "bytes" });
        }
        (self.bytes, self.arrivals) = (bytes, self.arrivals.max(arrival));
        let queue = self.by_sender.entry(sender).or_default();
        if let Some(old) = queue.insert(nonce, Pending { envelope, sender, arrival }) {
            self.forget(&old);
        }
        self.hashes.insert(hash, (sender, nonce));
        Ok(hash)
    }

    /// Forgets what is known of a transaction beside its place in its sender's queue.
    fn forget(&mut self, old: &Pending) {
        self.hashes.remove(old.envelope.tx_hash());
        self.bytes -= old.envelope.encode_2718_len();
    }

    /// Transactions that can run now, oldest first, those of one sender in nonce order; at most `limit`.
    pub(crate) fn ready(&self, state: &State, limit: usize) -> Vec<Pending> {
        let mut heads: BinaryHeap<Reverse<(u64, Address, u64)>> = self
            .by_sender
            .iter()
            .filter_map(|(sender, queue)| {
                let nonce = state.nonce(*sender);
                Some(Reverse((queue.get(&nonce)?.arrival, *sender, nonce)))
            })
            .collect();
        let mut ready = Vec::new();
        while let Some(Reverse((_, sender, nonce))) = heads.pop() {
            let Some(queue) = self.by_sender.get(&sender) else { continue };
            ready.extend(queue.get(&nonce).cloned());
            if ready.len() >= limit {
                break;
            }
            if let Some(next) = queue.get(&(nonce + 1)) {
                heads.push(Reverse((next.arrival, sender, nonce + 1)));
            }
        }
        ready
    }

    /// True when some transaction could go into a block on `state`.
    pub(crate) fn has_ready(&self, state: &State) -> bool {
        self.by_sender.iter().any(|(sender, queue)| queue.contains_key(&state.nonce(*sender)))
    }

    /// Drops the transactions named, and of the accounts named all whose nonce is now in the past.
    pub(crate) fn prune(&mut self, dropped: &[B256], senders: &HashSet<Address>, state: &State) {
        for hash in dropped {
            let place = self.hashes.get(hash).copied();
            let queue = place.and_then(|(sender, nonce)| Some((self.by_sender.get_mut(&sender)?, nonce)));
            if let Some(old) = queue.and_then(|(queue, nonce)| queue.remove(&nonce)) {
                self.forget(&old);
            }
        }
        for sender in senders {
            if let Some(queue) = self.by_sender.get_mut(sender) {
                let waiting = queue.split_off(&state.nonce(*sender));
                for old in std::mem::replace(queue, waiting).values() {
                    self.forget(old);
                }
            }
        }
        debug_assert_eq!(self.hashes.len(), self.by_sender.values().map(BTreeMap::len).sum::<usize>());
        self.by_sender.retain(|_, queue| !queue.is_empty());
    }
}

fn check_sender(envelope: &TxEnvelope, sender: Address, state: &State) -> Result<(), SubmitError> {
    let (next, nonce) = (state.nonce(sender), envelope.nonce());
    if nonce < next {
        return Err(SubmitError::NonceTooLow { next, nonce });
    }
    if nonce - next > MAX_NONCE_GAP {
        return Err(SubmitError::NonceTooHigh { next, nonce });
    }
    if let Some(account) = state.account(sender)
        && !account.code.is_empty()
        && !account.code.is_eip7702()
    {
        return Err(SubmitError::SenderNotEoa { address: sender });
    }
    let balance = state.balance(sender);
    let cost = U256::from(envelope.gas_limit())
        .saturating_mul(U256::from(envelope.max_fee_per_gas()))
        .saturating_add(envelope.value());
    if balance < cost {
        return Err(SubmitError::InsufficientFunds { balance, cost, overshot: cost - balance });
    }
    Ok(())
}

fn check_replacement(old: &TxEnvelope, new: &TxEnvelope) -> Result<(), SubmitError> {
    // At price 0 a tenth more is nothing, so a replacement must at least pay more.
    let bumped =
        |price: u128| price.saturating_mul(100 + PRICE_BUMP_PERCENT).div_ceil(100).max(price.saturating_add(1));
    let pairs =
        [(old.max_fee_per_gas(), new.max_fee_per_gas()), (old.priority_fee_or_price(), new.priority_fee_or_price())];
    for (old, found) in pairs {
        let expected = bumped(old);
        if found < expected {
            return Err(SubmitError::ReplacementUnderpriced { expected, found });
        }
    }
    Ok(())
}
