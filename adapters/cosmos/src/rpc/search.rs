//! Looking up transactions and blocks by what they told of.

use super::{
    Base64, Node, Submission, Transaction,
    answer::{number, shape},
    node::parameters,
};
use adapter::AdapterError;
use adapter_json_rpc::RpcError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tendermint_rpc::{
    Order,
    endpoint::{block_search, tx_search},
};

const TX_SEARCH: &str = "tx_search";
/// Results on one page: what nodes give at most.
///
/// Source: CometBFT 0.38, `rpc/core/env.go` (`maxPerPage`).
const RESULTS_PER_PAGE: u8 = 100;
/// Blocks on one page: they come whole.
const BLOCKS_PER_PAGE: u8 = 10;
/// The most results of one search; whoever expects more asks for fewer heights at once.
pub(crate) const MAX_RESULTS: usize = 10_000;
/// The most bytes of one search's transactions, with what they told of.
const MAX_RESULT_BYTES: usize = 64 * 1024 * 1024;

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

/// The transactions of an answer; what became of them, which is most of it, is passed over.
#[derive(Deserialize)]
struct FoundSubmissions {
    #[serde(default)]
    txs: Option<Vec<FoundSubmission>>,
    total_count: Value,
}

#[derive(Deserialize)]
struct FoundSubmission {
    hash: String,
    height: Value,
    #[serde(default)]
    index: u32,
    tx_result: FoundResult,
    tx: Base64,
}

#[derive(Deserialize)]
struct FoundResult {
    #[serde(default)]
    code: u32,
}

impl FoundSubmission {
    fn read(self) -> Result<Submission, RpcError> {
        let Self { hash, height, index, tx_result: FoundResult { code }, tx: Base64(bytes) } = self;
        Submission::read(&hash, number("height", &height)?, index, code, bytes)
    }
}

/// What a search found on one page.
struct Page<T> {
    total: usize,
    results: Vec<T>,
}

impl Node {
    /// The transactions that match, in the chain's order. What a node leaves out nobody sees here.
    ///
    /// # Errors
    /// [`AdapterError::Inconsistent`] when the pages do not add up, [`AdapterError::Refused`] when there are more than
    /// [`MAX_RESULTS`], or they are longer together than [`MAX_RESULT_BYTES`].
    pub(crate) async fn transactions(&self, query: &str) -> Result<Vec<Transaction>, AdapterError> {
        let encodes_events = self.status().await?.encodes_events;
        let ask = |page, per_page| async move {
            let request = tx_search::Request::new(query, false, page, per_page, Order::Ascending);
            let params = parameters(&request)?;
            let answer = if encodes_events {
                self.ask_for::<tx_search::v0_34::DialectResponse>(TX_SEARCH, params).await?.into()
            } else {
                self.ask_for::<tx_search::Response>(TX_SEARCH, params).await?
            };
            let total = usize::try_from(answer.total_count).unwrap_or(usize::MAX);
            let results = answer.txs.into_iter().map(Transaction::read).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, RpcError>(Page { total, results })
        };
        let found = self.search(TX_SEARCH, RESULTS_PER_PAGE, Transaction::length, ask).await?;
        self.check_order(found.iter().map(|found| &found.submitted))?;
        Ok(found)
    }

    /// The transactions that match, in the chain's order, as they were submitted.
    ///
    /// # Errors
    /// As [`Node::transactions`].
    pub(crate) async fn submissions(&self, query: &str) -> Result<Vec<Submission>, AdapterError> {
        let ask = |page, per_page| async move {
            let request = tx_search::Request::new(query, false, page, per_page, Order::Ascending);
            let answer = self.ask_for::<FoundSubmissions>(TX_SEARCH, parameters(&request)?).await?;
            let total = usize::try_from(number("total_count", &answer.total_count)?).unwrap_or(usize::MAX);
            let results = answer.txs.into_iter().flatten().map(FoundSubmission::read).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, RpcError>(Page { total, results })
        };
        let length = |found: &Submission| found.bytes.len();
        let found = self.search(TX_SEARCH, RESULTS_PER_PAGE, length, ask).await?;
        self.check_order(found.iter())?;
        Ok(found)
    }

    fn check_order<'a>(&self, found: impl Iterator<Item = &'a Submission>) -> Result<(), AdapterError> {
        if !found.map(|found| (found.height, found.index)).is_sorted_by(|a, b| a < b) {
            let expected = "each transaction once, in the chain's order".to_owned();
            return Err(self.inconsistent("txs", expected, "another order".to_owned()));
        }
        Ok(())
    }

    /// The heights of the blocks that match, ascending.
    ///
    /// # Errors
    /// As [`Node::transactions`].
    pub(crate) async fn blocks(&self, query: &str) -> Result<Vec<u64>, AdapterError> {
        const OPERATION: &str = "block_search";
        let ask = |page, per_page| async move {
            let request = block_search::Request::new(query, page, per_page, Order::Ascending);
            let answer = self.ask_for::<FoundBlocks>(OPERATION, parameters(&request)?).await?;
            let total = usize::try_from(number("total_count", &answer.total_count)?).unwrap_or(usize::MAX);
            let height = |found: &FoundBlock| number("height", &found.block.header.height);
            let results = answer.blocks.iter().map(height).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, RpcError>(Page { total, results })
        };
        let heights = self.search(OPERATION, BLOCKS_PER_PAGE, |_| 0, ask).await?;
        if !heights.is_sorted_by(|a, b| a < b) {
            let expected = "each block once, in the chain's order".to_owned();
            return Err(self.inconsistent("blocks", expected, "another order".to_owned()));
        }
        Ok(heights)
    }

    /// All pages of a search. Where a page is more than one answer may hold, the results are asked for one by one.
    async fn search<T, F>(
        &self,
        operation: &'static str,
        per_page: u8,
        length: impl Fn(&T) -> usize,
        ask: impl Fn(u32, u8) -> F,
    ) -> Result<Vec<T>, AdapterError>
    where
        F: Future<Output = Result<Page<T>, RpcError>>,
    {
        let (mut per_page, mut page) = (per_page, 1);
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        loop {
            let answer = match ask(page, per_page).await {
                Err(RpcError::TooLarge { .. } | RpcError::TooMany { .. }) if per_page > 1 => {
                    (per_page, page, bytes) = (1, 1, 0);
                    found.clear();
                    continue;
                }
                answer => answer.map_err(|e| self.failed(e, operation))?,
            };
            let Page { total, results } = answer;
            self.check_page(operation, total, found.len(), results.len(), per_page)?;
            bytes = results.iter().map(&length).fold(bytes, usize::saturating_add);
            if bytes > MAX_RESULT_BYTES {
                let reason = format!("{}: expected at most {MAX_RESULT_BYTES} bytes, found {bytes}", self.label());
                return Err(AdapterError::Refused { operation, reason });
            }
            found.extend(results);
            if found.len() >= total {
                return Ok(found);
            }
            page += 1;
        }
    }

    async fn ask_for<T: DeserializeOwned>(&self, operation: &'static str, params: Value) -> Result<T, RpcError> {
        let answer = self.endpoint().call_for::<T>(operation, params).await?;
        answer.ok_or_else(|| shape("result", "an answer", "null"))
    }

    fn check_page(
        &self,
        operation: &'static str,
        total: usize,
        before: usize,
        found: usize,
        per_page: u8,
    ) -> Result<(), AdapterError> {
        if total > MAX_RESULTS {
            let reason = format!("{}: expected at most {MAX_RESULTS} results, found {total}", self.label());
            return Err(AdapterError::Refused { operation, reason });
        }
        let expected = total.saturating_sub(before).min(per_page.into());
        if found != expected {
            let expected = format!("{expected} on this page of {total} in all");
            return Err(self.inconsistent(operation, expected, found.to_string()));
        }
        Ok(())
    }
}
