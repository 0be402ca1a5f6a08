//! How blocks, transactions, receipts and logs look as JSON.

use alloy_consensus::transaction::Transaction as _;
use alloy_consensus::{Header, TxEnvelope, TxReceipt as _, TxType};
use alloy_primitives::ruint::UintTryFrom;
use alloy_primitives::{Address, B256, Log, U256};
use alloy_rlp::Encodable as _;
use serde_json::{Map, Value, json};

use crate::index::{Block, Mined};

/// A number in hexadecimal without leading zeros.
pub(crate) fn quantity<T>(value: T) -> Value
where
    U256: UintTryFrom<T>,
{
    Value::String(format!("{:#x}", U256::from(value)))
}

/// A header, with the hash it is shown under.
pub(crate) fn header(header: &Header, hash: B256) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    put("number", quantity(header.number));
    put("hash", json!(hash));
    put("parentHash", json!(header.parent_hash));
    put("sha3Uncles", json!(header.ommers_hash));
    put("miner", json!(header.beneficiary));
    put("stateRoot", json!(header.state_root));
    put("transactionsRoot", json!(header.transactions_root));
    put("receiptsRoot", json!(header.receipts_root));
    put("logsBloom", json!(header.logs_bloom));
    put("difficulty", quantity(header.difficulty));
    put("gasLimit", quantity(header.gas_limit));
    put("gasUsed", quantity(header.gas_used));
    put("timestamp", quantity(header.timestamp));
    put("extraData", json!(header.extra_data));
    put("mixHash", json!(header.mix_hash));
    put("nonce", json!(header.nonce));
    let numbers = [
        ("baseFeePerGas", header.base_fee_per_gas),
        ("blobGasUsed", header.blob_gas_used),
        ("excessBlobGas", header.excess_blob_gas),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            put(name, quantity(value));
        }
    }
    let hashes = [
        ("withdrawalsRoot", header.withdrawals_root),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root),
        ("requestsHash", header.requests_hash),
    ];
    for (name, value) in hashes {
        if let Some(value) = value {
            put(name, json!(value));
        }
    }
    out
}

/// A block under a header that may not be its own.
pub(crate) fn block(block: &Block, shown: &Header, hash: B256, full: bool) -> Value {
    let mut out = header(shown, hash);
    let transactions: Vec<Value> = (0..block.transactions.len())
        .map(|at| if full { mined(block, at) } else { json!(block.transactions[at].envelope.tx_hash()) })
        .collect();
    out.insert("size".to_owned(), quantity(size(block)));
    // Every block has the same difficulty, the genesis block included: 1 under QBFT, 0 under Tendermint.
    let blocks = U256::from(block.header.number.saturating_add(1));
    out.insert("totalDifficulty".to_owned(), quantity(block.header.difficulty.saturating_mul(blocks)));
    out.insert("transactions".to_owned(), Value::Array(transactions));
    out.insert("uncles".to_owned(), json!([]));
    if block.header.withdrawals_root.is_some() {
        out.insert("withdrawals".to_owned(), json!([]));
    }
    Value::Object(out)
}

/// Bytes of the block's RLP.
fn size(block: &Block) -> u64 {
    let list = |payload: usize| alloy_rlp::Header { list: true, payload_length: payload }.length() + payload;
    let transactions: usize = block.transactions.iter().map(|mined| mined.envelope.length()).sum();
    let empty_lists = 1 + usize::from(block.header.withdrawals_root.is_some());
    list(block.header.length() + list(transactions) + empty_lists) as u64
}

/// The transaction at a position of a block.
pub(crate) fn mined(block: &Block, at: usize) -> Value {
    let Some(mined) = block.transactions.get(at) else { return Value::Null };
    let mut out = transaction(&mined.envelope, mined.sender, block.header.base_fee_per_gas);
    out.insert("blockHash".to_owned(), json!(block.hash));
    out.insert("blockNumber".to_owned(), quantity(block.header.number));
    out.insert("blockTimestamp".to_owned(), quantity(block.header.timestamp));
    out.insert("transactionIndex".to_owned(), quantity(at as u64));
    Value::Object(out)
}

/// A transaction that waits for a block.
pub(crate) fn waiting(envelope: &TxEnvelope, sender: Address) -> Value {
    let mut out = transaction(envelope, sender, None);
    for name in ["blockHash", "blockNumber", "transactionIndex"] {
        out.insert(name.to_owned(), Value::Null);
    }
    Value::Object(out)
}

fn transaction(envelope: &TxEnvelope, sender: Address, base_fee: Option<u64>) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    let kind = envelope.tx_type();
    let signature = envelope.signature();
    put("hash", json!(envelope.tx_hash()));
    put("type", quantity(kind as u8));
    put("from", json!(sender));
    put("to", json!(envelope.to()));
    put("nonce", quantity(envelope.nonce()));
    put("gas", quantity(envelope.gas_limit()));
    put("value", quantity(envelope.value()));
    put("input", json!(envelope.input()));
    put("r", quantity(signature.r()));
    put("s", quantity(signature.s()));
    if let Some(chain_id) = envelope.chain_id() {
        put("chainId", quantity(chain_id));
    }
    let parity = u64::from(signature.v());
    if kind == TxType::Legacy {
        // EIP-155; unsigned chain ids are refused on submission.
        let chain_id = U256::from(envelope.chain_id().unwrap_or_default());
        put("v", quantity(chain_id * U256::from(2) + U256::from(35 + parity)));
    } else {
        put("v", quantity(parity));
        put("yParity", quantity(parity));
        put("accessList", json!(envelope.access_list()));
    }
    if let Some(authorizations) = envelope.authorization_list() {
        put("authorizationList", json!(authorizations));
    }
    if let Some(tip) = envelope.max_priority_fee_per_gas() {
        put("maxFeePerGas", quantity(envelope.max_fee_per_gas()));
        put("maxPriorityFeePerGas", quantity(tip));
    }
    put("gasPrice", quantity(envelope.effective_gas_price(base_fee)));
    out
}

/// The receipt of the transaction at a position of a block.
pub(crate) fn receipt(block: &Block, at: usize, hide_logs: bool) -> Value {
    let Some(mined) = block.transactions.get(at) else { return Value::Null };
    let logs: Vec<Value> = if hide_logs { Vec::new() } else { logs(block, at).collect() };
    json!({
        "type": quantity(mined.envelope.tx_type() as u8),
        "status": quantity(u8::from(mined.receipt.status())),
        "transactionHash": mined.envelope.tx_hash(),
        "transactionIndex": quantity(at as u64),
        "blockHash": block.hash,
        "blockNumber": quantity(block.header.number),
        "from": mined.sender,
        "to": mined.envelope.to(),
        "contractAddress": mined.contract,
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.receipt.cumulative_gas_used()),
        "effectiveGasPrice": quantity(mined.envelope.effective_gas_price(block.header.base_fee_per_gas)),
        "logsBloom": mined.receipt.bloom(),
        "logs": logs,
    })
}

fn logs(block: &Block, at: usize) -> impl Iterator<Item = Value> {
    let mined = block.transactions.get(at);
    mined.into_iter().flat_map(move |mined| {
        mined.receipt.logs().iter().enumerate().map(move |(index, entry)| log(block, mined, at, index, entry))
    })
}

/// A log with its place: the transaction at `at` of the block, and the log at `index` of that transaction.
pub(crate) fn log(block: &Block, mined: &Mined, at: usize, index: usize, log: &Log) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockNumber": quantity(block.header.number),
        "blockHash": block.hash,
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": mined.envelope.tx_hash(),
        "transactionIndex": quantity(at as u64),
        "logIndex": quantity(mined.first_log + index as u64),
        "removed": false,
    })
}
