//! How much gas calls need.

use crate::{
    abi::{bindings::router::BatchReturn, reason, strict},
    rpc::{Endpoint, Pool, RpcError, bytes, hex_data, quantity},
};
use adapter::AdapterError;
use alloy_primitives::Address;
use serde_json::{Value, json};

/// Added to what the node estimates: the state may move before the transaction is executed.
const MARGIN_PERCENT: u64 = 20;
/// The greatest answer of a call that is looked at.
pub(crate) const MAX_RETURN_BYTES: usize = 1024 * 1024;
/// How often a batch is tried with more gas.
const MAX_BATCH_TRIALS: usize = 24;

/// A call of a contract, or the creation of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) from: Address,
    pub(crate) to: Option<Address>,
    pub(crate) data: &'a [u8],
}

impl Call<'_> {
    fn json(&self, gas: u64) -> Value {
        let mut call =
            json!({ "from": hex_data(self.from.as_slice()), "data": hex_data(self.data), "gas": format!("{gas:#x}") });
        if let (Some(to), Some(members)) = (self.to, call.as_object_mut()) {
            members.insert("to".to_owned(), hex_data(to.as_slice()).into());
        }
        call
    }
}

/// The gas limit for one call that must succeed as a whole.
///
/// One node says all of it, and the nodes take turns: what is false shows only when the transaction is executed, if at all.
///
/// # Errors
/// [`AdapterError::Refused`] with the contract's reason when it would revert, or needs more than `max_gas`.
pub(crate) async fn limit_of_call(pool: &Pool, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    pool.attempt_at(pool.by_turns(), |endpoint| async move {
        with_margin(estimate(&endpoint, call, max_gas).await?, max_gas)
    })
    .await
}

/// The gas limit for a batch whose items are caught one by one; asked as [`limit_of_call`] asks.
///
/// # Errors
/// [`AdapterError::Refused`] with each item's reason when none would succeed.
pub(crate) async fn limit_of_batch(pool: &Pool, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    pool.attempt_at(pool.by_turns(), |endpoint| async move { limit_of_batch_at(&endpoint, call, max_gas).await }).await
}

/// The node's own search is of no use for it: the batch as a whole succeeds even when gas is so short that every item
/// fails. So the batch is called with what the node found. When an item fails, it is called with all the gas there may be,
/// to see which items can succeed at all, and then with more and more gas until the same ones do.
async fn limit_of_batch_at(endpoint: &Endpoint, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    let mut limit = with_margin(estimate(endpoint, call, max_gas).await?, max_gas)?;
    let mut outcome = try_batch(endpoint, call, limit).await;
    if outcome.as_ref().is_ok_and(|outcome| outcome.success.iter().all(|success| *success)) {
        return Ok(limit);
    }
    let best = try_batch(endpoint, call, max_gas).await?;
    if !best.success.iter().any(|success| *success) {
        let reasons = best.results.iter().enumerate().map(|(i, data)| format!("item {i}: {}", reason::of_revert(data)));
        return Err(AdapterError::Refused { operation: "batch", reason: reasons.collect::<Vec<_>>().join("; ") });
    }
    for _ in 0..MAX_BATCH_TRIALS {
        match outcome {
            Ok(outcome) if outcome.success == best.success => return Ok(limit),
            // With too little gas even the batch itself fails.
            Ok(_) | Err(AdapterError::Refused { .. }) => limit = limit.saturating_add(limit / 2),
            Err(error) => return Err(error),
        }
        if limit >= max_gas {
            break;
        }
        outcome = try_batch(endpoint, call, limit).await;
    }
    Ok(limit.min(max_gas))
}

async fn estimate(endpoint: &Endpoint, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    let answer = execute(endpoint, "eth_estimateGas", json!([call.json(max_gas)])).await;
    let error = match answer.and_then(|value| quantity("gas", &value)) {
        Ok(gas) => return Ok(gas),
        Err(error) => error,
    };
    // Some nodes (ethermint's) keep the contract's reason to themselves here, and tell it when they are just to call.
    if is_wordless(&error) {
        let called = endpoint.call("eth_call", json!([call.json(max_gas), "latest"])).await;
        if let Err(told @ RpcError::Node { data: Some(_), .. }) = called {
            return Err(refused(told, endpoint, "eth_call"));
        }
    }
    Err(refused(error, endpoint, "eth_estimateGas"))
}

async fn try_batch(endpoint: &Endpoint, call: Call<'_>, gas: u64) -> Result<BatchReturn, AdapterError> {
    let answer = execute(endpoint, "eth_call", json!([call.json(gas), "latest"])).await;
    let data = answer.and_then(|value| bytes("result", &value, MAX_RETURN_BYTES));
    let data = data.map_err(|e| refused(e, endpoint, "eth_call"))?;
    strict::decode::<BatchReturn>("batch", &data).map_err(|e| e.into_adapter(endpoint.label()))
}

/// Has a node execute a call in its latest state. Some nodes (cosmos/evm's) refuse whatever is asked of a block that they
/// still index: who refuses without a word of the contract's is asked again, once it has been seen to show that block.
async fn execute(endpoint: &Endpoint, method: &'static str, params: Value) -> Result<Value, RpcError> {
    match endpoint.call(method, params.clone()).await {
        Err(refusal) if is_wordless(&refusal) => {}
        answer => return answer,
    }
    match endpoint.call("eth_getBlockByNumber", json!(["latest", false])).await {
        Ok(block) if !block.is_null() => endpoint.call(method, params).await,
        Ok(_) | Err(RpcError::Node { .. }) => Err(RpcError::NotYet { field: "latest block" }),
        Err(error) => Err(error),
    }
}

/// Whether a node refuses a call and does not tell what the contract has to say.
fn is_wordless(error: &RpcError) -> bool {
    matches!(error, RpcError::Node { data: None, .. }) && !error.is_the_nodes_own()
}

/// A node's refusal to execute a call is the chain's answer, with the contract's reason where there is one.
pub(crate) fn refused(error: RpcError, endpoint: &Endpoint, operation: &'static str) -> AdapterError {
    let is_the_nodes_own = error.is_the_nodes_own();
    match error {
        RpcError::Node { data: Some(data), .. } => {
            AdapterError::Refused { operation, reason: reason::of_revert(&data) }
        }
        RpcError::Node { message, .. } if !is_the_nodes_own => AdapterError::Refused { operation, reason: message },
        other => other.into_adapter(endpoint.label(), operation),
    }
}

fn with_margin(estimate: u64, max_gas: u64) -> Result<u64, AdapterError> {
    if estimate > max_gas {
        return Err(AdapterError::Refused {
            operation: "eth_estimateGas",
            reason: format!("expected at most {max_gas} gas (max_gas), found an estimate of {estimate}"),
        });
    }
    Ok(estimate.saturating_add(estimate / 100 * MARGIN_PERCENT).min(max_gas))
}
