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
/// # Errors
/// [`AdapterError::Refused`] with the contract's reason when it would revert, or needs more than `max_gas`.
pub(crate) async fn limit_of_call(pool: &Pool, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    with_margin(estimate(pool, call, max_gas).await?, max_gas)
}

/// The gas limit for a batch whose items are caught one by one.
///
/// The node's own search is of no use for it: the batch as a whole succeeds even when gas is so short that every item
/// fails. So the batch is called with what the node found. When an item fails, it is called with all the gas there may be,
/// to see which items can succeed at all, and then with more and more gas until the same ones do.
///
/// # Errors
/// [`AdapterError::Refused`] with each item's reason when none would succeed.
pub(crate) async fn limit_of_batch(pool: &Pool, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    let mut limit = with_margin(estimate(pool, call, max_gas).await?, max_gas)?;
    let mut outcome = try_batch(pool, call, limit).await;
    if outcome.as_ref().is_ok_and(|outcome| outcome.success.iter().all(|success| *success)) {
        return Ok(limit);
    }
    let best = try_batch(pool, call, max_gas).await?;
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
        outcome = try_batch(pool, call, limit).await;
    }
    Ok(limit.min(max_gas))
}

async fn estimate(pool: &Pool, call: Call<'_>, max_gas: u64) -> Result<u64, AdapterError> {
    let request = &json!([call.json(max_gas)]);
    pool.attempt(|endpoint| async move {
        let answer = endpoint.call("eth_estimateGas", request.clone()).await;
        let error = match answer.and_then(|value| quantity("gas", &value)) {
            Ok(gas) => return Ok(gas),
            Err(error) => error,
        };
        // Some nodes (ethermint's) keep the contract's reason to themselves here, and tell it when they are just to call.
        if matches!(&error, RpcError::Node { data: None, .. }) && !error.is_the_nodes_own() {
            let called = endpoint.call("eth_call", json!([call.json(max_gas), "latest"])).await;
            if let Err(told @ RpcError::Node { data: Some(_), .. }) = called {
                return Err(refused(told, &endpoint, "eth_call"));
            }
        }
        Err(refused(error, &endpoint, "eth_estimateGas"))
    })
    .await
}

async fn try_batch(pool: &Pool, call: Call<'_>, gas: u64) -> Result<BatchReturn, AdapterError> {
    let request = &json!([call.json(gas), "latest"]);
    pool.attempt(|endpoint| async move {
        let answer = endpoint.call("eth_call", request.clone()).await;
        let data = answer.and_then(|value| bytes("result", &value, MAX_RETURN_BYTES));
        let data = data.map_err(|e| refused(e, &endpoint, "eth_call"))?;
        strict::decode::<BatchReturn>("batch", &data).map_err(|e| e.into_adapter(endpoint.label()))
    })
    .await
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
