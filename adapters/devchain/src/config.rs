//! What defines a chain: its genesis and its rules.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use revm::primitives::hardfork::SpecId;
use serde::{Deserialize, Serialize};

use crate::consensus::{Consensus, MAX_VALIDATORS};
use crate::error::ChainError;
use crate::header::BFT_MIX_HASH;
use crate::keys::{DevKey, KeyRole};
use crate::state::State;

/// Most funded accounts derived from the seed.
pub const MAX_ACCOUNTS: u64 = 1_000;

/// Largest gas limit of a block.
pub const MAX_BLOCK_GAS_LIMIT: u64 = 10_000_000_000;

/// EVM rules, in force from genesis on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fork {
    /// As GoQuorum: 15 header fields, no base fee.
    Berlin,
    /// 16 header fields, with a base fee.
    #[default]
    London,
    /// 17 header fields, PUSH0.
    Shanghai,
    /// 20 header fields, MCOPY and transient storage. Blob transactions are refused.
    Cancun,
    /// 21 header fields, BLS precompiles, EIP-7702.
    Prague,
    /// 21 header fields, P-256 precompile.
    Osaka,
}

impl Fork {
    pub(crate) fn spec(self) -> SpecId {
        match self {
            Self::Berlin => SpecId::BERLIN,
            Self::London => SpecId::LONDON,
            Self::Shanghai => SpecId::SHANGHAI,
            Self::Cancun => SpecId::CANCUN,
            Self::Prague => SpecId::PRAGUE,
            Self::Osaka => SpecId::OSAKA,
        }
    }
}

/// An account in the genesis state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Wei.
    pub balance: U256,
    /// Transaction count, or contract nonce.
    pub nonce: u64,
    /// Runtime bytecode.
    pub code: Bytes,
    /// Slots; zero values are left out.
    pub storage: BTreeMap<U256, U256>,
}

/// Everything that two equal chains have in common. The same configuration, transactions and times give the same bytes.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// How blocks become final.
    pub consensus: Consensus,
    /// Label all keys and all random choices are derived from.
    pub seed: String,
    /// Validators at genesis, 1 to [`MAX_VALIDATORS`].
    pub validators: u64,
    /// Further keys that can be voted in.
    pub candidates: u64,
    /// Funded accounts, up to [`MAX_ACCOUNTS`].
    pub accounts: u64,
    /// What each funded account has, wei.
    pub account_balance: U256,
    /// Further accounts of the genesis state.
    pub alloc: BTreeMap<Address, GenesisAccount>,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Time of the genesis header, seconds.
    pub genesis_time: u64,
    /// EVM rules.
    pub fork: Fork,
    /// Base fee of every block, wei per gas; must be 0 before London. With 0, transactions at price 0 work.
    pub base_fee: u64,
    /// Open votes are dropped at every multiple of this height.
    pub epoch: u64,
    /// How many heights below the latest keep their state (for calls and proofs); all of them when `None`.
    pub state_history: Option<u64>,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            chain_id: 1337,
            consensus: Consensus::Qbft,
            seed: "devchain".to_owned(),
            validators: 4,
            candidates: 2,
            accounts: 8,
            account_balance: U256::from(10).pow(U256::from(24)),
            alloc: BTreeMap::new(),
            gas_limit: 100_000_000,
            genesis_time: 0,
            fork: Fork::London,
            base_fee: 0,
            epoch: 30_000,
            state_history: None,
        }
    }
}

impl ChainConfig {
    /// Keys of the genesis validators, then of the candidates, in the order of their index (not of their address), under QBFT. (Under
    /// Tendermint the keys are of another kind; [`Chain::validators`](crate::Chain::validators) names their addresses.)
    #[must_use]
    pub fn validator_keys(&self) -> Vec<DevKey> {
        let count = self.validators.saturating_add(self.candidates);
        (0..count).map(|index| DevKey::derive(&self.seed, KeyRole::Validator, index)).collect()
    }

    /// Keys of the funded accounts.
    #[must_use]
    pub fn account_keys(&self) -> Vec<DevKey> {
        (0..self.accounts).map(|index| DevKey::derive(&self.seed, KeyRole::Account, index)).collect()
    }

    pub(crate) fn check(&self) -> Result<(), ChainError> {
        let bad = |field, expected, found: u64| Err(ChainError::Config { field, expected, found: found.to_string() });
        let keys = self.validators.saturating_add(self.candidates);
        match () {
            () if self.chain_id == 0 || self.chain_id > u64::MAX / 2 - 36 => {
                bad("chain_id", "1 to (2^64-1)/2-36, so that EIP-155 fits", self.chain_id)
            }
            () if self.validators == 0 => bad("validators", "at least 1", 0),
            () if keys > MAX_VALIDATORS as u64 => bad("validators and candidates", "at most 256 together", keys),
            () if self.accounts > MAX_ACCOUNTS => bad("accounts", "at most 1000", self.accounts),
            () if self.gas_limit < 21_000 || self.gas_limit > MAX_BLOCK_GAS_LIMIT => {
                bad("gas_limit", "21000 to 10000000000", self.gas_limit)
            }
            () if self.epoch == 0 => bad("epoch", "at least 1", 0),
            () if self.fork == Fork::Berlin && self.base_fee != 0 => bad("base_fee", "0 before london", self.base_fee),
            () => match &self.consensus {
                Consensus::Qbft => Ok(()),
                Consensus::Tendermint(settings) => settings.check(keys),
            },
        }
    }

    pub(crate) fn genesis_state(&self) -> State {
        let mut state = match self.consensus {
            Consensus::Qbft => State::default(),
            Consensus::Tendermint(_) => State::with_store(U256::from(self.chain_id).into()),
        };
        for key in self.account_keys() {
            let funded = GenesisAccount { balance: self.account_balance, ..GenesisAccount::default() };
            state.set_genesis_account(key.address(), &funded);
        }
        for (address, account) in &self.alloc {
            state.set_genesis_account(*address, account);
        }
        state
    }

    /// A header with every field that is the same in all blocks of this chain.
    pub(crate) fn header_template(&self) -> Header {
        let from = |fork| self.fork >= fork;
        Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            difficulty: U256::from(1),
            gas_limit: self.gas_limit,
            mix_hash: BFT_MIX_HASH,
            base_fee_per_gas: from(Fork::London).then_some(self.base_fee),
            withdrawals_root: from(Fork::Shanghai).then_some(EMPTY_ROOT_HASH),
            blob_gas_used: from(Fork::Cancun).then_some(0),
            excess_blob_gas: from(Fork::Cancun).then_some(0),
            parent_beacon_block_root: from(Fork::Cancun).then_some(B256::ZERO),
            requests_hash: from(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }

    /// Names this chain: two configurations with one identity replay each other's blocks.
    pub(crate) fn identity(&self, genesis_hash: B256) -> B256 {
        let mut preimage = Vec::new();
        // Fixed-length fields only, so no two inputs share a preimage.
        genesis_hash.encode(&mut preimage);
        preimage.extend_from_slice(&self.chain_id.to_be_bytes());
        preimage.extend_from_slice(&self.epoch.to_be_bytes());
        preimage.extend_from_slice(&[self.fork as u8]);
        keccak256(preimage)
    }
}
