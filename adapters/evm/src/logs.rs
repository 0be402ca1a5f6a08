//! Logs as a node tells of them.

use crate::{
    abi::packet::MAX_EVENT_BYTES,
    rpc::{Fields, RpcError, array, fixed},
};
use alloy_primitives::{Address, B256};
use serde_json::Value;

/// The EVM has four.
const MAX_TOPICS: usize = 4;
/// The greatest number of logs in one answer; a range that has more is asked for in parts.
pub(crate) const MAX_LOGS: usize = 20_000;

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract that wrote it.
    pub address: Address,
    /// Its topics, the event's hash first.
    pub topics: Vec<B256>,
    /// The arguments that are not indexed.
    pub data: Vec<u8>,
    /// The transaction that wrote it.
    pub transaction: B256,
    /// The block's height.
    pub height: u64,
    /// Its place in the block.
    pub index: u64,
}

impl Log {
    pub(crate) fn read(value: &Value) -> Result<Self, RpcError> {
        let fields = Fields::of("log", value)?;
        if fields.optional("removed").and_then(Value::as_bool) == Some(true) {
            return Err(RpcError::Shape {
                field: "removed",
                expected: "a log of a final block",
                found: "true".to_owned(),
            });
        }
        let topics = fields.array("topics", MAX_TOPICS)?;
        Ok(Self {
            address: Address::from(fields.fixed::<20>("address")?),
            topics: topics
                .iter()
                .map(|topic| fixed::<32>("topics", topic).map(B256::from))
                .collect::<Result<_, _>>()?,
            data: fields.bytes("data", MAX_EVENT_BYTES)?,
            transaction: B256::from(fields.fixed::<32>("transactionHash")?),
            height: fields.quantity("blockNumber")?,
            index: fields.quantity("logIndex")?,
        })
    }

    /// The logs of an answer, which must be in the chain's order and each there once.
    pub(crate) fn read_all(field: &'static str, value: &Value) -> Result<Vec<Self>, RpcError> {
        if value.as_array().is_some_and(|logs| logs.len() > MAX_LOGS) {
            return Err(RpcError::TooMany { max: MAX_LOGS });
        }
        let logs = array(field, value, MAX_LOGS)?.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
        let place = |log: &Self| (log.height, log.index);
        if let Some(pair) = logs.windows(2).find(|pair| matches!(pair, [a, b] if place(a) >= place(b))) {
            return Err(RpcError::Shape {
                field,
                expected: "logs in the chain's order",
                found: format!("{:?}", pair.iter().map(place).collect::<Vec<_>>()),
            });
        }
        Ok(logs)
    }

    pub(crate) fn topic(&self, index: usize) -> Option<B256> {
        self.topics.get(index).copied()
    }
}
