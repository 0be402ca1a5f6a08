//! Looking up transactions and blocks by what they told of.

use super::{
    Node, Transaction,
    answer::{number, shape},
    node::parameters,
};
use adapter::AdapterError;
use serde::Deserialize;
use serde_json::Value;
use tendermint_rpc::{
    Order,
    endpoint::{block_search, tx_search},
};

/// Results on one page: what nodes give at most.
///
/// Source: CometBFT 0.38, `rpc/core/env.go` (`maxPerPage`).
const RESULTS_PER_PAGE: u8 = 100;
/// The most results of one search; whoever expects more asks for fewer heights at once.
pub(crate) const MAX_RESULTS: usize = 10_000;

/// The blocks of an answer, of which only the heights are read.
#[derive(Deserialize)]
struct FoundBlocks {
    blocks: Vec<FoundBlock>,
    total_count: Value,
}

#[derive(Deserialize)]
struct FoundBlock {
    block: FoundHeader,
}

#[derive(Deserialize)]
struct FoundHeader {
    header: FoundHeight,
}

#[derive(Deserialize)]
struct FoundHeight {
    height: Value,
}

impl Node {
    /// The transactions that match, in the chain's order. What a node leaves out nobody sees here.
    ///
    /// # Errors
    /// [`AdapterError::Inconsistent`] when the pages do not add up, [`AdapterError::Refused`] when there are more than
    /// [`MAX_RESULTS`].
    pub(crate) async fn transactions(&self, query: &str) -> Result<Vec<Transaction>, AdapterError> {
        const OPERATION: &str = "tx_search";
        let encodes_events = self.status().await?.encodes_events;
        let mut found = Vec::new();
        let mut page = 1;
        loop {
            let request = tx_search::Request::new(query, false, page, RESULTS_PER_PAGE, Order::Ascending);
            let params = parameters(&request).map_err(|e| self.failed(e, OPERATION))?;
            let answer = if encodes_events {
                let answer = self.endpoint().call_for::<tx_search::v0_34::DialectResponse>(OPERATION, params).await;
                answer.map(|answer| answer.map(tx_search::Response::from))
            } else {
                self.endpoint().call_for::<tx_search::Response>(OPERATION, params).await
            };
            let answer = answer.and_then(|answer| answer.ok_or_else(|| shape("result", "an answer", "null")));
            let answer = answer.map_err(|e| self.failed(e, OPERATION))?;
            let total = usize::try_from(answer.total_count).unwrap_or(usize::MAX);
            let transactions = answer.txs.into_iter().map(Transaction::read).collect::<Result<Vec<_>, _>>();
            let transactions = transactions.map_err(|e| self.failed(e, OPERATION))?;
            self.check_page(OPERATION, total, found.len(), transactions.len())?;
            found.extend(transactions);
            if found.len() >= total {
                break;
            }
            page += 1;
        }
        let in_order = |pair: &[Transaction]| match pair {
            [a, b] => (a.height, a.index) < (b.height, b.index),
            _ => true,
        };
        if !found.windows(2).all(in_order) {
            let expected = "each transaction once, in the chain's order".to_owned();
            return Err(self.inconsistent("txs", expected, "another order".to_owned()));
        }
        Ok(found)
    }

    /// The heights of the blocks that match, ascending.
    ///
    /// # Errors
    /// As [`Node::transactions`].
    pub(crate) async fn blocks(&self, query: &str) -> Result<Vec<u64>, AdapterError> {
        const OPERATION: &str = "block_search";
        let mut heights = Vec::new();
        let mut page = 1;
        loop {
            let request = block_search::Request::new(query, page, RESULTS_PER_PAGE, Order::Ascending);
            let params = parameters(&request).map_err(|e| self.failed(e, OPERATION))?;
            let answer = self.endpoint().call_for::<FoundBlocks>(OPERATION, params).await;
            let read = answer.and_then(|answer| {
                let answer = answer.ok_or_else(|| shape("result", "an answer", "null"))?;
                let height = |found: &FoundBlock| number("height", &found.block.header.height);
                let heights = answer.blocks.iter().map(height).collect::<Result<Vec<_>, _>>()?;
                Ok((number("total_count", &answer.total_count)?, heights))
            });
            let (total, part) = read.map_err(|e| self.failed(e, OPERATION))?;
            let total = usize::try_from(total).unwrap_or(usize::MAX);
            self.check_page(OPERATION, total, heights.len(), part.len())?;
            heights.extend(part);
            if heights.len() >= total {
                break;
            }
            page += 1;
        }
        if !heights.is_sorted_by(|a, b| a < b) {
            let expected = "each block once, in the chain's order".to_owned();
            return Err(self.inconsistent("blocks", expected, "another order".to_owned()));
        }
        Ok(heights)
    }

    fn check_page(
        &self,
        operation: &'static str,
        total: usize,
        before: usize,
        found: usize,
    ) -> Result<(), AdapterError> {
        if total > MAX_RESULTS {
            let reason = format!("{}: expected at most {MAX_RESULTS} results, found {total}", self.label());
            return Err(AdapterError::Refused { operation, reason });
        }
        let expected = total.saturating_sub(before).min(RESULTS_PER_PAGE.into());
        if found != expected {
            let expected = format!("{expected} on this page of {total} in all");
            return Err(self.inconsistent(operation, expected, found.to_string()));
        }
        Ok(())
    }
}
