//! `eth_getLogs`.

use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use serde::Deserialize;
use serde_json::Value;

use crate::index::Block;
use crate::rpc::error::RpcError;
use crate::rpc::params::{BlockId, Params, block_id};
use crate::rpc::{Request, shape};

/// Largest range of one `eth_getLogs`, blocks.
pub const MAX_LOG_RANGE_BLOCKS: u64 = 10_000;

/// Most logs in one answer.
pub const MAX_LOGS: usize = 20_000;

/// Most addresses, and most alternatives of one topic, in a filter.
pub const MAX_LOG_ALTERNATIVES: usize = 1_000;

const MAX_TOPICS: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    from_block: Option<Value>,
    to_block: Option<Value>,
    block_hash: Option<B256>,
    #[serde(default)]
    address: Any<Address>,
    #[serde(default)]
    topics: Vec<Option<Any<B256>>>,
}

/// One value, or several of which any will do; none at all matches everything.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Any<T> {
    One(T),
    Several(Vec<T>),
    Null(()),
}

impl<T> Default for Any<T> {
    fn default() -> Self {
        Self::Null(())
    }
}

impl<T: PartialEq + AsRef<[u8]>> Any<T> {
    fn values(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
            Self::Null(()) => &[],
        }
    }

    fn matches(&self, value: &T) -> bool {
        self.values().is_empty() || self.values().contains(value)
    }

    fn may_be_in(&self, bloom: &Bloom) -> bool {
        let values = self.values();
        values.is_empty() || values.iter().any(|value| bloom.contains_input(BloomInput::Raw(value.as_ref())))
    }
}

impl Filter {
    fn check(&self) -> Result<(), RpcError> {
        if self.topics.len() > MAX_TOPICS {
            let found = self.topics.len();
            return Err(RpcError::invalid_params(format!(
                "exceed max topics: expected at most {MAX_TOPICS}, found {found}"
            )));
        }
        let longest = self.topics.iter().flatten().map(|topic| topic.values().len()).max().unwrap_or(0);
        let found = longest.max(self.address.values().len());
        if found > MAX_LOG_ALTERNATIVES {
            return Err(RpcError::invalid_params(format!(
                "exceed max addresses or topics per search position: expected at most {MAX_LOG_ALTERNATIVES}, found {found}"
            )));
        }
        Ok(())
    }

    fn may_be_in(&self, bloom: &Bloom) -> bool {
        self.address.may_be_in(bloom) && self.topics.iter().flatten().all(|topic| topic.may_be_in(bloom))
    }

    fn matches(&self, log: &Log) -> bool {
        self.address.matches(&log.address)
            && self.topics.len() <= log.topics().len()
            && self
                .topics
                .iter()
                .zip(log.topics())
                .all(|(wanted, topic)| wanted.as_ref().is_none_or(|wanted| wanted.matches(topic)))
    }

    fn collect(&self, block: &Block, out: &mut Vec<Value>) {
        if !self.may_be_in(&block.header.logs_bloom) {
            return;
        }
        for (at, mined) in block.transactions.iter().enumerate() {
            for (index, log) in mined.receipt.logs().iter().enumerate() {
                if self.matches(log) {
                    out.push(shape::log(block, mined, at, index, log));
                }
            }
        }
    }
}

impl Request<'_> {
    pub(crate) fn logs(&self, params: &Params) -> Result<Value, RpcError> {
        let filter: Filter = params.required(0)?;
        filter.check()?;
        let (from, to) = self.log_range(&filter)?;
        if self.drawn.hidden_events {
            return Ok(Value::Array(Vec::new()));
        }
        let mut logs = Vec::new();
        for number in from..=to {
            let Some(block) = self.chain.block(number) else { break };
            filter.collect(&block, &mut logs);
            if logs.len() > MAX_LOGS {
                return Err(RpcError::server(format!("query returned more than {MAX_LOGS} results")));
            }
        }
        Ok(Value::Array(logs))
    }

    fn log_range(&self, filter: &Filter) -> Result<(u64, u64), RpcError> {
        if let Some(hash) = filter.block_hash {
            if filter.from_block.is_some() || filter.to_block.is_some() {
                return Err(RpcError::invalid_params(
                    "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
                ));
            }
            let number = self.number(&BlockId::Hash(hash)).ok_or_else(|| RpcError::server("unknown block"))?;
            return Ok((number, number));
        }
        let latest = self.latest();
        let bound =
            |value: &Option<Value>| match value.as_ref().filter(|value| !value.is_null()).map(block_id).transpose()? {
                None | Some(BlockId::Latest | BlockId::Pending) => Ok(latest),
                Some(BlockId::Number(number)) => Ok(number),
                Some(BlockId::Hash(_)) => Err(RpcError::invalid_params("expected a block number or tag, found a hash")),
            };
        let (from, to) = (bound(&filter.from_block)?, bound(&filter.to_block)?);
        if from > to {
            return Err(RpcError::invalid_params("invalid block range params"));
        }
        let to = to.min(latest);
        let range = to.saturating_sub(from).saturating_add(1);
        if range > MAX_LOG_RANGE_BLOCKS {
            return Err(RpcError::invalid_params(format!(
                "exceed maximum block range: expected at most {MAX_LOG_RANGE_BLOCKS} blocks, found {range}"
            )));
        }
        Ok((from, to))
    }
}
