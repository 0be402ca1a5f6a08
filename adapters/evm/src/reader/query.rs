//! Asking for logs in ranges that the node can bear.

use crate::{
    logs::Log,
    rpc::{Endpoint, Request, RpcError, hex_data, quantity},
};
use adapter::AdapterError;
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

/// So many of the largest answers are kept at once; a node that sends more is not waited for to the end.
const ANSWERS_KEPT: usize = 2;

/// What logs are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) address: Address,
    /// For each topic the values allowed; none means any.
    pub(crate) topics: Vec<Vec<B256>>,
}

impl Filter {
    fn json(&self, from: u64, to: u64) -> Value {
        let hex = |values: &Vec<B256>| match values.as_slice() {
            [] => Value::Null,
            values => values.iter().map(|value| hex_data(value.as_slice())).collect(),
        };
        json!({
            "address": hex_data(self.address.as_slice()),
            "topics": self.topics.iter().map(hex).collect::<Vec<_>>(),
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
        })
    }

    fn allows(&self, log: &Log) -> bool {
        let topic = |(index, allowed): (usize, &Vec<B256>)| {
            allowed.is_empty() || log.topic(index).is_some_and(|topic| allowed.contains(&topic))
        };
        log.address == self.address && self.topics.iter().enumerate().all(topic)
    }
}

/// All logs from one height to another, both included, as one node tells of them.
///
/// A range that the node refuses, or whose answer is too large, is asked for in two halves, down to a single block.
///
/// # Errors
/// [`AdapterError::Unavailable`] when the halves together hold more than twice what one answer may: the caller asks for
/// fewer blocks.
/// [`AdapterError::Behind`] when the node has not come to the end of the range: some nodes answer then as if nothing
/// had happened. [`AdapterError::Inconsistent`] for logs that were not asked for.
pub(crate) async fn logs(endpoint: &Endpoint, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, AdapterError> {
    let max_bytes = endpoint.max_answer_bytes().saturating_mul(ANSWERS_KEPT);
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    let mut ranges = vec![(from, to)];
    while let Some((from, to)) = ranges.pop() {
        if from > to {
            continue;
        }
        match one_range(endpoint, filter, from, to).await {
            Ok(logs) => {
                bytes = logs.iter().fold(bytes, |sum, log| sum.saturating_add(log.data.len()));
                if bytes > max_bytes {
                    return Err(RpcError::TooLarge { max: max_bytes }.into_adapter(endpoint.label(), "eth_getLogs"));
                }
                found.extend(logs);
            }
            Err(Refusal::TooMuch(_)) if from < to => {
                let middle = from + (to - from) / 2;
                ranges.push((middle + 1, to));
                ranges.push((from, middle));
            }
            Err(Refusal::TooMuch(error)) => return Err(error.into_adapter(endpoint.label(), "eth_getLogs")),
            Err(Refusal::Other(error)) => return Err(error),
        }
    }
    Ok(found)
}

enum Refusal {
    TooMuch(RpcError),
    Other(AdapterError),
}

async fn one_range(endpoint: &Endpoint, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, Refusal> {
    // The height first: what the node has when it is asked for the logs is not less.
    let requests =
        vec![Request::new("eth_blockNumber", json!([])), Request::new("eth_getLogs", json!([filter.json(from, to)]))];
    let answers = endpoint.batch(requests).await.map_err(classify(endpoint))?;
    let [height, logs] = <[Result<Value, RpcError>; 2]>::try_from(answers).map_err(|answers| {
        let wrong = RpcError::BatchLength { expected: 2, found: answers.len() };
        Refusal::Other(wrong.into_adapter(endpoint.label(), "eth_getLogs"))
    })?;
    let height = height.and_then(|value| quantity("block number", &value)).map_err(classify(endpoint))?;
    if height < to {
        let (endpoint, expected) = (endpoint.label().to_owned(), to);
        return Err(Refusal::Other(AdapterError::Behind { endpoint, expected, found: height }));
    }
    let logs = logs.map_err(classify(endpoint))?;
    let logs = Log::read_all("logs", &logs).map_err(classify(endpoint))?;
    match logs.iter().find(|log| !filter.allows(log) || log.height < from || log.height > to) {
        None => Ok(logs),
        Some(log) => Err(Refusal::Other(AdapterError::Inconsistent {
            endpoint: endpoint.label().to_owned(),
            field: "logs",
            expected: format!("logs of {} from height {from} to {to}, of the topics asked for", filter.address),
            found: format!("one of {} at height {}, topic {:?}", log.address, log.height, log.topic(0)),
        })),
    }
}

/// A node's own refusal and an answer beyond the limit may be cured by a smaller range.
fn classify(endpoint: &Endpoint) -> impl Fn(RpcError) -> Refusal {
    move |error| match error {
        RpcError::Node { .. } | RpcError::TooLarge { .. } | RpcError::TooMany { .. } => Refusal::TooMuch(error),
        other => Refusal::Other(other.into_adapter(endpoint.label(), "eth_getLogs")),
    }
}
