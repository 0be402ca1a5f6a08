//! `eth_*`, `net_*`, `web3_*`, `debug_*` and the validator methods of Besu and GoQuorum.

use std::borrow::Cow;
use std::sync::Arc;

use alloy_consensus::Header;
use alloy_consensus::constants::{EMPTY_ROOT_HASH, KECCAK_EMPTY};
use alloy_consensus::transaction::Transaction as _;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use serde_json::{Value, json};

use crate::chain::Forgery;
use crate::config::{Fork, GenesisAccount};
use crate::consensus::{Consensus, Seal};
use crate::header::{ExtraData, SEAL_BYTES, block_hash, encode_header};
use crate::index::{Block, read};
use crate::rpc::Request;
use crate::rpc::error::RpcError;
use crate::rpc::params::{BlockId, Params};
use crate::rpc::pick;
use crate::rpc::shape::{self, quantity};
use crate::state::State;

/// Most slots in one `eth_getProof`.
pub const MAX_PROOF_SLOTS: usize = 1_024;

/// Most blocks in one `eth_feeHistory`; a longer request is cut, as go-ethereum does.
pub const MAX_FEE_HISTORY_BLOCKS: u64 = 1_024;

/// Most percentiles in one `eth_feeHistory`.
const MAX_FEE_PERCENTILES: usize = 100;

/// Longest slot in hexadecimal: `0x` and 64 digits.
const MAX_SLOT_CHARACTERS: usize = 66;

impl Request<'_> {
    pub(crate) fn dispatch(&self, method: &str, params: &Params) -> Result<Value, RpcError> {
        let chain = self.chain;
        let config = chain.config();
        match method {
            // What rests on Ethereum's headers and tries; and the votes of QBFT.
            "eth_getProof"
            | "debug_getRawHeader"
            | "debug_getRawReceipts"
            | "istanbul_getValidators"
            | "qbft_getValidatorsByBlockNumber"
            | "istanbul_propose"
            | "qbft_proposeValidatorVote"
            | "istanbul_discard"
            | "qbft_discardValidatorVote"
                if config.consensus != Consensus::Qbft =>
            {
                Err(RpcError::method_not_found(method))
            }
            "eth_chainId" => Ok(quantity(config.chain_id)),
            "net_version" => Ok(json!(config.chain_id.to_string())),
            "net_listening" => Ok(json!(true)),
            "net_peerCount" => Ok(quantity(0u64)),
            "web3_clientVersion" => Ok(json!(concat!("lighterman-devchain/v", env!("CARGO_PKG_VERSION"), "/rust"))),
            "web3_sha3" => Ok(json!(keccak256(params.required::<Bytes>(0)?))),
            "eth_syncing" => Ok(json!(false)),
            "eth_accounts" => Ok(json!([])),
            "eth_blockNumber" => Ok(quantity(self.latest())),
            "eth_gasPrice" => Ok(quantity(config.base_fee)),
            "eth_maxPriorityFeePerGas" if config.fork >= Fork::London => Ok(quantity(0u64)),
            "eth_feeHistory" if config.fork >= Fork::London => self.fee_history(params),
            "eth_getBlockByNumber" | "eth_getBlockByHash" => self.block(params),
            "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
                Ok(self.find(params)?.map_or(Value::Null, |block| quantity(block.transactions.len() as u64)))
            }
            "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => {
                Ok(self.find(params)?.map_or(Value::Null, |_| quantity(0u64)))
            }
            "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
                let at = params.required::<U64>(1)?.saturating_to();
                Ok(self.find(params)?.map_or(Value::Null, |block| shape::mined(&block, at)))
            }
            "eth_getTransactionByHash" => self.transaction(params),
            "eth_getTransactionReceipt" => Ok(match self.mined(params.required(0)?) {
                Some((block, at)) => shape::receipt(&block, at, self.drawn.hidden_events),
                None => Value::Null,
            }),
            "eth_getBlockReceipts" => Ok(self.find(params)?.map_or(Value::Null, |block| {
                let hide = self.drawn.hidden_events;
                (0..block.transactions.len()).map(|at| shape::receipt(&block, at, hide)).collect()
            })),
            "eth_getTransactionCount" => self.transaction_count(params),
            "eth_getBalance" => Ok(quantity(self.state(params, 1)?.1.balance(params.required(0)?))),
            "eth_getCode" => {
                let state = self.state(params, 1)?.1;
                let code = state.account(params.required(0)?).map(|account| account.code.original_bytes());
                Ok(json!(code.unwrap_or_default()))
            }
            "eth_getStorageAt" => {
                let slot = slot(&params.required::<String>(1)?)?.0;
                let value = self.state(params, 2)?.1.slot(params.required(0)?, slot);
                Ok(json!(B256::from(value)))
            }
            "eth_getProof" => self.proof(params),
            "eth_getLogs" => self.logs(params),
            "eth_call" => self.eth_call(params),
            "eth_estimateGas" => self.estimate_gas(params),
            "eth_sendRawTransaction" => {
                let raw = params.required::<Bytes>(0)?;
                Ok(json!(chain.submit(&raw)?))
            }
            "debug_getRawHeader" => {
                let block = self.find(params)?.ok_or_else(|| RpcError::server("header not found"))?;
                let (header, _) = self.shown(&block)?;
                Ok(json!(encode_header(&header)))
            }
            "debug_getRawReceipts" => {
                let block = self.find(params)?.ok_or_else(|| RpcError::server("header not found"))?;
                let raw = block.transactions.iter().map(|mined| json!(Bytes::from(mined.receipt.encoded_2718())));
                Ok(raw.collect())
            }
            "istanbul_getValidators" | "qbft_getValidatorsByBlockNumber" => {
                let block = self.find(params)?.ok_or_else(|| RpcError::server("unknown block"))?;
                Ok(json!(ExtraData::decode(&block.header.extra_data)?.validators))
            }
            "istanbul_propose" | "qbft_proposeValidatorVote" => {
                chain.propose(params.required(0)?, params.required(1)?, None)?;
                Ok(json!(true))
            }
            "istanbul_discard" | "qbft_discardValidatorVote" => {
                chain.discard(params.required(0)?, None)?;
                Ok(json!(true))
            }
            other => Err(RpcError::method_not_found(other)),
        }
    }

    /// The latest height the caller is shown.
    pub(crate) fn latest(&self) -> u64 {
        self.chain.latest().saturating_sub(self.drawn.old_head)
    }

    /// The height a caller means, if the caller is shown it. Waiting transactions form no block, so `pending` is the latest one.
    pub(crate) fn number(&self, id: &BlockId) -> Option<u64> {
        let latest = self.latest();
        let number = match id {
            BlockId::Latest | BlockId::Pending => Some(latest),
            BlockId::Number(number) => Some(*number),
            BlockId::Hash(hash) => read(self.chain.index()).number_of(hash),
        };
        number.filter(|number| *number <= latest)
    }

    /// The block named by the first parameter.
    fn find(&self, params: &Params) -> Result<Option<Arc<Block>>, RpcError> {
        let id = params.block(0)?;
        Ok(self.number(&id).and_then(|number| self.chain.block(number)))
    }

    /// The state named by the parameter at a position, and its height.
    pub(crate) fn state(&self, params: &Params, at: usize) -> Result<(u64, State), RpcError> {
        let number = self.number(&params.block(at)?).ok_or_else(|| RpcError::server("header not found"))?;
        Ok((number, self.kept(number)?))
    }

    /// The state after a block.
    fn kept(&self, number: u64) -> Result<State, RpcError> {
        let state = read(self.chain.index()).state(number);
        state.ok_or_else(|| {
            RpcError::server(format!("missing trie node: the state of block {number} is no longer kept"))
        })
    }

    /// The state after the other block of a height that an equivocating node shows: in it somebody has a wei more. All else
    /// is as it is, so what is proven of other accounts is proven under both blocks.
    fn equivocal(&self, number: u64, mut state: State) -> State {
        let somebody = Address::from_word(self.faults.false_root(number));
        let genesis = GenesisAccount { balance: U256::ONE, ..GenesisAccount::default() };
        state.set_genesis_account(somebody, &genesis);
        state
    }

    /// The header the caller is shown for a block, and its hash.
    fn shown<'b>(&self, block: &'b Block) -> Result<(Cow<'b, Header>, B256), RpcError> {
        let number = block.header.number;
        let state_root = self.faults.false_root(number);
        if self.drawn.equivocate && number > 0 {
            let forgery = |state_root| Forgery { state_root: Some(state_root), ..Forgery::default() };
            if let Seal::Tendermint(_) = block.seal {
                let hash = self.chain.forge_certified(block, &forgery(state_root))?.hash();
                return Ok((Cow::Owned(Header { state_root, ..block.header.clone() }), hash));
            }
            let header = self.chain.forge(number, &forgery(self.equivocal(number, self.kept(number)?).root()))?;
            let hash = block_hash(&header, &ExtraData::decode(&header.extra_data)?);
            return Ok((Cow::Owned(header), hash));
        }
        if self.drawn.altered_state_root {
            return Ok((Cow::Owned(Header { state_root, ..block.header.clone() }), block.hash));
        }
        if self.drawn.altered_commit && matches!(block.seal, Seal::Qbft(_)) && number > 0 {
            return Ok((Cow::Owned(with_altered_seal(&block.header, self.drawn.salt)?), block.hash));
        }
        Ok((Cow::Borrowed(&block.header), block.hash))
    }

    fn block(&self, params: &Params) -> Result<Value, RpcError> {
        let full = params.optional(1)?.unwrap_or(false);
        if params.block(0)? == BlockId::Pending {
            return Ok(Value::Null);
        }
        let Some(block) = self.find(params)? else { return Ok(Value::Null) };
        let (header, hash) = self.shown(&block)?;
        Ok(shape::block(&block, &header, hash, full))
    }

    fn mined(&self, hash: B256) -> Option<(Arc<Block>, usize)> {
        let found = read(self.chain.index()).transaction(&hash);
        found.filter(|(block, _)| block.header.number <= self.latest())
    }

    fn transaction(&self, params: &Params) -> Result<Value, RpcError> {
        let hash = params.required(0)?;
        // The pool is asked first: in the other order a transaction that is mined in between would be found in neither.
        let waiting = self.chain.pending(&hash);
        Ok(match (self.mined(hash), waiting) {
            (Some((block, at)), _) => shape::mined(&block, at),
            (None, Some((envelope, sender))) => shape::waiting(&envelope, sender),
            (None, None) => Value::Null,
        })
    }

    fn transaction_count(&self, params: &Params) -> Result<Value, RpcError> {
        let address: Address = params.required(0)?;
        if params.block(1)? == BlockId::Pending && self.drawn.old_head == 0 {
            return Ok(quantity(self.chain.next_nonce(address)));
        }
        Ok(quantity(self.state(params, 1)?.1.nonce(address)))
    }

    fn proof(&self, params: &Params) -> Result<Value, RpcError> {
        let address: Address = params.required(0)?;
        let keys: Vec<String> = params.optional(1)?.unwrap_or_default();
        if keys.len() > MAX_PROOF_SLOTS {
            let found = keys.len();
            return Err(RpcError::invalid_params(format!("too many keys: {found} (max: {MAX_PROOF_SLOTS})")));
        }
        let slots = keys.iter().map(|key| slot(key)).collect::<Result<Vec<_>, _>>()?;
        let (number, mut state) = self.state(params, 2)?;
        if self.drawn.equivocate && number > 0 {
            state = self.equivocal(number, state);
        }
        let account = state.account(address);
        let storage = slots.into_iter().map(|(slot, shown)| {
            let (value, proof) =
                account.map_or_else(Default::default, |account| (account.slot(slot), account.storage_proof(slot)));
            json!({"key": shown, "value": quantity(value), "proof": proof})
        });
        let mut answer = json!({
            "address": address,
            "accountProof": state.account_proof(address),
            "balance": quantity(account.map_or(U256::ZERO, |account| account.balance)),
            "nonce": quantity(account.map_or(0, |account| account.nonce)),
            "codeHash": account.map_or(KECCAK_EMPTY, |account| account.code_hash),
            "storageHash": account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root()),
            "storageProof": storage.collect::<Vec<_>>(),
        });
        if self.drawn.altered_proof {
            alter_proof(&mut answer, self.drawn.salt);
        }
        Ok(answer)
    }

    fn fee_history(&self, params: &Params) -> Result<Value, RpcError> {
        let count = params.required::<U64>(0)?.to::<u64>().min(MAX_FEE_HISTORY_BLOCKS);
        let newest = self.number(&params.block(1)?).ok_or_else(|| RpcError::server("request beyond head block"))?;
        let percentiles: Vec<f64> = params.optional(2)?.unwrap_or_default();
        if percentiles.len() > MAX_FEE_PERCENTILES {
            let found = percentiles.len();
            return Err(RpcError::invalid_params(format!("over the query limit {MAX_FEE_PERCENTILES}: found {found}")));
        }
        let ordered = percentiles.windows(2).all(|pair| matches!(pair, [a, b] if a <= b));
        if !ordered || percentiles.iter().any(|percentile| !(0.0..=100.0).contains(percentile)) {
            return Err(RpcError::invalid_params("invalid reward percentile"));
        }
        let count = count.min(newest + 1);
        if count == 0 {
            return Ok(json!({"oldestBlock": "0x0", "gasUsedRatio": []}));
        }
        let oldest = newest + 1 - count;
        let blocks: Vec<_> = (oldest..=newest).filter_map(|number| self.chain.block(number)).collect();
        let base_fee = quantity(self.chain.config().base_fee);
        let mut answer = json!({
            "oldestBlock": quantity(oldest),
            "baseFeePerGas": vec![base_fee; blocks.len() + 1],
            "gasUsedRatio": blocks
                .iter()
                .map(|block| block.header.gas_used as f64 / block.header.gas_limit as f64)
                .collect::<Vec<_>>(),
        });
        if !percentiles.is_empty() {
            answer["reward"] = blocks.iter().map(|block| rewards(block, &percentiles)).collect();
        }
        Ok(answer)
    }
}

/// Tips at the percentiles of a block's gas.
fn rewards(block: &Block, percentiles: &[f64]) -> Value {
    let base_fee = block.header.base_fee_per_gas.unwrap_or(0);
    let mut tips: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .map(|mined| (mined.envelope.effective_tip_per_gas(base_fee).unwrap_or(0), mined.gas_used))
        .collect();
    tips.sort_unstable();
    let at = |percentile: &f64| {
        let threshold = block.header.gas_used as f64 * percentile / 100.0;
        let mut sum = 0;
        let reached = tips.iter().find(|(_, gas)| {
            sum += gas;
            sum as f64 >= threshold
        });
        quantity(reached.or(tips.last()).map_or(0, |(tip, _)| *tip))
    };
    percentiles.iter().map(at).collect()
}

/// A slot as callers write it, and as it is repeated: whole when it was whole, else as a quantity.
fn slot(text: &str) -> Result<(U256, Value), RpcError> {
    let bad = || {
        RpcError::invalid_params(format!(
            "unable to decode storage key: expected 0x and up to 64 hex digits, found {} characters",
            text.len()
        ))
    };
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| !digits.is_empty() && text.len() <= MAX_SLOT_CHARACTERS)
        .ok_or_else(bad)?;
    let slot = U256::from_str_radix(digits, 16).map_err(|_| bad())?;
    let shown = if text.len() == MAX_SLOT_CHARACTERS { json!(B256::from(slot)) } else { quantity(slot) };
    Ok((slot, shown))
}

/// The header with a bit of one of its seals flipped.
fn with_altered_seal(header: &Header, salt: u64) -> Result<Header, RpcError> {
    let mut extra = ExtraData::decode(&header.extra_data)?;
    let at = pick(extra.seals.len(), salt);
    if let Some(seal) = extra.seals.get_mut(at) {
        seal[pick(SEAL_BYTES - 1, salt >> 8)] ^= 1 << (salt >> 16 & 7);
    }
    Ok(Header { extra_data: extra.encode(), ..header.clone() })
}

/// Changes one value, or flips one bit of one node, of an `eth_getProof` answer.
fn alter_proof(answer: &mut Value, salt: u64) {
    let slots = answer["storageProof"].as_array().map_or(0, Vec::len);
    if slots > 0 && salt.is_multiple_of(2) {
        let value = &mut answer["storageProof"][pick(slots, salt >> 8)]["value"];
        let old: U256 = serde_json::from_value(value.clone()).unwrap_or_default();
        *value = quantity(old ^ U256::from(1));
        return;
    }
    let nodes = answer["accountProof"].as_array().map_or(0, Vec::len);
    let node = &mut answer["accountProof"][pick(nodes, salt >> 8)];
    let mut bytes = serde_json::from_value::<Bytes>(node.clone()).unwrap_or_default().to_vec();
    let at = pick(bytes.len(), salt >> 16);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (salt >> 4 & 7);
    }
    *node = json!(Bytes::from(bytes));
}
