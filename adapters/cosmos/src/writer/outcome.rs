//! What became of a transaction.

use super::simulate::reason;
use crate::rpc::Node;
use adapter::{AdapterError, TransactionHash};
use adapter_json_rpc::{RpcError, printable};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use light_client::sha256;
use serde::Deserialize;
use serde_json::{Value, json};

/// Waiting transactions that a node names at most.
///
/// Source: CometBFT 0.38, `rpc/core/env.go` (`maxPerPage`).
const MAX_WAITING: usize = 100;

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Included {
    /// The block's height.
    pub(crate) block: u64,
    /// 0 when it succeeded. It fails as a whole.
    pub(crate) code: u32,
    /// Why, when it failed.
    pub(crate) failure: Option<String>,
    /// Gas used.
    pub(crate) gas_used: u64,
    /// What its messages returned, encoded.
    pub(crate) data: Vec<u8>,
}

/// What a search answers; only what is needed is read.
#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    txs: Option<Vec<FoundTransaction>>,
}

#[derive(Deserialize)]
struct FoundTransaction {
    hash: String,
    height: String,
    tx_result: TransactionResult,
}

#[derive(Deserialize)]
struct TransactionResult {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    codespace: String,
    #[serde(default)]
    log: String,
    #[serde(default)]
    gas_used: Value,
    #[serde(default)]
    data: Option<String>,
}

/// Asks one node; `None` when it knows no block with the transaction.
///
/// It is searched for and not asked for by its hash: to that question nodes answer an error when they have none, and the
/// error of a node that is broken looks the same.
pub(crate) async fn of(node: &Node, hash: TransactionHash) -> Result<Option<Included>, AdapterError> {
    const OPERATION: &str = "tx_search";
    let expected = hex::encode_upper(hash.0);
    let params = json!({ "query": format!("tx.hash='{expected}'"), "prove": false, "page": "1", "per_page": "1" });
    let answer = node.endpoint().call_for::<Found>(OPERATION, params).await;
    let found = answer.map_err(|e| node.failed(e, OPERATION))?.and_then(|found| found.txs).unwrap_or_default();
    let Some(transaction) = found.into_iter().next() else { return Ok(None) };
    let shape = |field, expected, found: &str| {
        node.failed(RpcError::Shape { field, expected, found: printable(found) }, OPERATION)
    };
    if transaction.hash != expected {
        return Err(shape("hash", "the hash asked for", &transaction.hash));
    }
    let block = transaction.height.parse().map_err(|_| shape("height", "a number", &transaction.height))?;
    let TransactionResult { code, codespace, log, gas_used, data } = transaction.tx_result;
    let gas_used = gas_used.as_str().and_then(|text| text.parse().ok()).or_else(|| gas_used.as_u64());
    let data = BASE64_STANDARD.decode(data.unwrap_or_default()).map_err(|e| shape("data", "base64", &e.to_string()))?;
    Ok(Some(Included {
        block,
        code,
        failure: (code != 0).then(|| reason(&codespace, code, &log)),
        gas_used: gas_used.unwrap_or_default(),
        data,
    }))
}

/// Whether the node holds a transaction that is in no block yet; `None` when more wait there than it names.
pub(super) async fn is_waiting(node: &Node, hash: TransactionHash) -> Result<Option<bool>, AdapterError> {
    const OPERATION: &str = "unconfirmed_txs";
    #[derive(Deserialize)]
    struct Waiting {
        total: String,
        #[serde(default)]
        txs: Option<Vec<String>>,
    }
    let params = json!({ "limit": MAX_WAITING.to_string() });
    let answer = node.endpoint().call_for::<Waiting>(OPERATION, params).await;
    let answer = answer.map_err(|e| node.failed(e, OPERATION))?;
    let Some(Waiting { total, txs }) = answer else { return Ok(Some(false)) };
    let txs = txs.unwrap_or_default();
    let is_it = |text: &String| BASE64_STANDARD.decode(text).is_ok_and(|bytes| sha256(&[&bytes]) == hash.0);
    if txs.iter().any(is_it) {
        return Ok(Some(true));
    }
    let all = total.parse::<usize>().is_ok_and(|total| total <= txs.len());
    Ok(all.then_some(false))
}
