use super::answer::{BlockHead, Query, QueryAnswer, SignedHeader, Status, number, shape};
use adapter::AdapterError;
use adapter_json_rpc::{Endpoint, Fields, Request, RpcError, printable};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use light_client::{ErasedError, Fault};
use light_client_tendermint::{Error, LightBlock, MAX_VALIDATORS, TreeHash, ValidatorSet, json};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tendermint_rpc::endpoint::{abci_query, broadcast::tx_sync};

/// Validators on one page: what nodes give at most.
///
/// Source: CometBFT 0.38, `rpc/core/env.go` (`maxPerPage`).
const VALIDATORS_PER_PAGE: usize = 100;
/// Queries that go in one request: what nodes take at most unless they are told otherwise.
///
/// Source: CometBFT 0.38, `config/config.go` (`MaxRequestBatchSize`).
const QUERIES_PER_BATCH: usize = 10;
/// Requests with queries that are under way at once at one node.
const BATCHES_AT_ONCE: usize = 4;
/// JSON-RPC's code for a method that the node does not know.
const METHOD_NOT_FOUND: i64 = -32601;

/// One node of the chain, as it is asked.
#[derive(Clone)]
pub(crate) struct Node {
    endpoint: Arc<Endpoint>,
    address_hash: TreeHash,
    tree_hash: TreeHash,
}

impl Node {
    pub(super) fn new(endpoint: Arc<Endpoint>, address_hash: TreeHash, tree_hash: TreeHash) -> Self {
        Self { endpoint, address_hash, tree_hash }
    }

    /// What the node is called in errors and logs.
    pub(crate) fn label(&self) -> &str {
        self.endpoint.label()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where the node stands.
    pub(crate) async fn status(&self) -> Result<Status, AdapterError> {
        const OPERATION: &str = "status";
        let answer = self.endpoint.call(OPERATION, json!({})).await;
        let status = answer.and_then(|answer| Status::read(&answer)).map_err(|e| self.failed(e, OPERATION))?;
        self.endpoint.saw_head(status.latest_height);
        Ok(status)
    }

    /// The height of the latest block that the node has with its commit.
    ///
    /// # Errors
    /// [`AdapterError::Behind`] when the node is still catching up: what it calls the latest is long past.
    pub(crate) async fn latest_height(&self) -> Result<u64, AdapterError> {
        let status = self.status().await?;
        if status.catching_up {
            return Err(self.behind(status.latest_height.saturating_add(1), status.latest_height));
        }
        Ok(status.latest_height)
    }

    /// The header of a height, without its votes.
    pub(crate) async fn head(&self, height: u64) -> Result<BlockHead, AdapterError> {
        const OPERATION: &str = "header";
        let header = match self.endpoint.call(OPERATION, json!({ "height": height.to_string() })).await {
            Ok(answer) => {
                let header = json::header(&answer["header"]).map_err(|e| self.unfit(OPERATION, e))?;
                self.check_height(OPERATION, height, header.height())?;
                header
            }
            // Not before 0.35.
            Err(RpcError::Node { code: METHOD_NOT_FOUND, .. }) => self.signed_header(height).await?.header,
            Err(error) => return Err(self.failed_at(error, OPERATION, height).await),
        };
        self.endpoint.saw_head(height);
        Ok(BlockHead { height, time: header.time(), hash: header.hash(&self.tree_hash) })
    }

    /// The header of a height and the votes for it.
    pub(crate) async fn signed_header(&self, height: u64) -> Result<SignedHeader, AdapterError> {
        const OPERATION: &str = "commit";
        let mut answer = match self.endpoint.call(OPERATION, json!({ "height": height.to_string() })).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.failed_at(error, OPERATION, height).await),
        };
        let json = answer.get_mut("signed_header").map(Value::take).unwrap_or_default();
        let header = json::header(&json["header"]).map_err(|e| self.unfit(OPERATION, e))?;
        self.check_height(OPERATION, height, header.height())?;
        self.endpoint.saw_head(height);
        Ok(SignedHeader { header, json })
    }

    /// The set of a height, from all its pages.
    pub(crate) async fn validators(&self, height: u64) -> Result<ValidatorSet, AdapterError> {
        let list = self.validator_list(height).await?;
        json::validator_set(&Value::Array(list), self.address_hash).map_err(|e| self.unfit("validators", e))
    }

    /// A header with everybody's votes and its set; what they say of each other is checked.
    pub(crate) async fn light_block(&self, height: u64) -> Result<LightBlock, AdapterError> {
        let (signed_header, validators) = futures::try_join!(self.signed_header(height), self.validator_list(height))?;
        let value = json!({ "signed_header": signed_header.json, "validators": validators });
        json::light_block(&value, self.address_hash, self.tree_hash).map_err(|e| self.unfit("commit", e))
    }

    async fn validator_list(&self, height: u64) -> Result<Vec<Value>, AdapterError> {
        const OPERATION: &str = "validators";
        let mut list: Vec<Value> = Vec::new();
        let mut keys = BTreeSet::new();
        let mut expected_total = None;
        for page in 1..=MAX_VALIDATORS.div_ceil(VALIDATORS_PER_PAGE) {
            let params = json!({
                "height": height.to_string(),
                "page": page.to_string(),
                "per_page": VALIDATORS_PER_PAGE.to_string(),
            });
            let answer = match self.endpoint.call(OPERATION, params).await {
                Ok(answer) => answer,
                Err(error) => return Err(self.failed_at(error, OPERATION, height).await),
            };
            let (total, validators) = self.validator_page(height, answer).map_err(|e| self.failed(e, OPERATION))?;
            if total > MAX_VALIDATORS {
                let error = Error::TooManyValidators { maximum: MAX_VALIDATORS, found: total };
                return Err(self.unfit(OPERATION, error));
            }
            if *expected_total.get_or_insert(total) != total {
                let expected = format!("the total of the first page, {expected_total:?}");
                return Err(self.inconsistent("total", expected, total.to_string()));
            }
            let expected = total.saturating_sub(list.len()).min(VALIDATORS_PER_PAGE);
            if validators.len() != expected {
                let expected = format!("{expected} on page {page} of {total} in all");
                return Err(self.inconsistent("validators", expected, validators.len().to_string()));
            }
            for validator in &validators {
                if !keys.insert(validator["pub_key"]["value"].to_string()) {
                    let expected = format!("others on page {page} than before");
                    return Err(self.inconsistent("validators", expected, printable(&validator.to_string())));
                }
            }
            list.extend(validators);
            if list.len() == total {
                break;
            }
        }
        Ok(list)
    }

    /// The total that a page names, and the validators on it.
    fn validator_page(&self, height: u64, mut answer: Value) -> Result<(usize, Vec<Value>), RpcError> {
        let fields = Fields::of("validators", &answer)?;
        let found = number("block_height", fields.required("block_height")?)?;
        if found != height {
            return Err(shape("block_height", "the height asked for", &found.to_string()));
        }
        let total = number("total", fields.required("total")?)?;
        let total = usize::try_from(total).map_err(|_| shape("total", "a count", &total.to_string()))?;
        match answer.get_mut("validators").map(Value::take).unwrap_or_default() {
            Value::Array(validators) if validators.len() <= VALIDATORS_PER_PAGE => Ok((total, validators)),
            Value::Array(validators) => {
                Err(shape("validators", "at most 100 on a page", &validators.len().to_string()))
            }
            other => Err(shape("validators", "a list", &other.to_string())),
        }
    }

    /// Asks the application.
    ///
    /// # Errors
    /// [`AdapterError::Behind`] when the node has not that height yet.
    pub(crate) async fn query(&self, query: &Query) -> Result<QueryAnswer, AdapterError> {
        const OPERATION: &str = "abci_query";
        let request = query.request().and_then(|request| parameters(&request));
        let request = request.map_err(|e| self.failed(e, OPERATION))?;
        let answer = self.endpoint.call_for::<abci_query::Response>(OPERATION, request).await;
        let answer = answer.and_then(|answer| answer.ok_or_else(|| shape("result", "an answer", "null")));
        match answer {
            Ok(answer) => self.read_answer(query, answer).await,
            Err(error) => Err(self.failed_at(error, OPERATION, query.height.unwrap_or_default()).await),
        }
    }

    /// Asks the application several questions, in as few requests as the node takes; the answers are in the order of the
    /// questions.
    ///
    /// # Errors
    /// As [`Node::query`], the first that occurs.
    pub(crate) async fn queries(&self, queries: &[Query]) -> Result<Vec<QueryAnswer>, AdapterError> {
        let parts: Vec<Vec<Query>> = queries.chunks(QUERIES_PER_BATCH).map(<[Query]>::to_vec).collect();
        let batches = stream::iter(parts).map(|part| self.query_batch(part));
        let answers: Vec<Vec<QueryAnswer>> = batches.buffered(BATCHES_AT_ONCE).try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn query_batch(&self, queries: Vec<Query>) -> Result<Vec<QueryAnswer>, AdapterError> {
        const OPERATION: &str = "abci_query";
        if let [query] = queries.as_slice() {
            return Ok(vec![self.query(query).await?]);
        }
        let request = |query: &Query| Ok(Request::new(OPERATION, parameters(&query.request()?)?));
        let requests = queries.iter().map(request).collect::<Result<Vec<_>, RpcError>>();
        let requests = requests.map_err(|e| self.failed(e, OPERATION))?;
        let answers = match self.endpoint.batch_for::<abci_query::Response>(requests).await {
            Ok(answers) => answers,
            // Some gateways take no batches; then it is one by one.
            Err(RpcError::Node { .. } | RpcError::BatchLength { .. } | RpcError::HttpStatus { .. }) => {
                let mut answers = Vec::with_capacity(queries.len());
                for query in &queries {
                    answers.push(self.query(query).await?);
                }
                return Ok(answers);
            }
            Err(error) => return Err(self.failed(error, OPERATION)),
        };
        let mut read = Vec::with_capacity(queries.len());
        for (query, answer) in queries.iter().zip(answers) {
            let answer = answer.and_then(|answer| answer.ok_or_else(|| shape("result", "an answer", "null")));
            match answer {
                Ok(answer) => read.push(self.read_answer(query, answer).await?),
                Err(error) => return Err(self.failed_at(error, OPERATION, query.height.unwrap_or_default()).await),
            }
        }
        Ok(read)
    }

    async fn read_answer(&self, query: &Query, answer: abci_query::Response) -> Result<QueryAnswer, AdapterError> {
        let answer = QueryAnswer::from(answer.response);
        let Some(height) = query.height else { return Ok(answer) };
        if answer.code != 0 {
            // An application that lacks the state says so in words of its own.
            let latest = self.status().await?.latest_height;
            if latest < height {
                return Err(self.behind(height, latest));
            }
        } else if answer.height != height {
            return Err(self.inconsistent("height", height.to_string(), answer.height.to_string()));
        }
        Ok(answer)
    }

    /// Hands a transaction to the node, which checks it and passes it on.
    ///
    /// # Errors
    /// [`RpcError::Node`] also when the node has it already.
    pub(crate) async fn broadcast(&self, transaction: &[u8]) -> Result<tx_sync::Response, RpcError> {
        let request = parameters(&tx_sync::Request::new(transaction))?;
        let answer = self.endpoint.call_for::<tx_sync::Response>("broadcast_tx_sync", request).await?;
        answer.ok_or_else(|| shape("result", "an answer", "null"))
    }

    pub(super) fn check_height(&self, field: &'static str, expected: u64, found: u64) -> Result<(), AdapterError> {
        if found == expected {
            return Ok(());
        }
        Err(self.inconsistent(field, format!("height {expected}"), format!("height {found}")))
    }

    /// What a node's answer breaks by itself, or in the light client's eyes.
    pub(crate) fn unfit(&self, operation: &'static str, error: impl Fault + Send + Sync + 'static) -> AdapterError {
        AdapterError::Verification { endpoint: self.label().to_owned(), operation, source: ErasedError::new(error) }
    }

    pub(crate) fn inconsistent(&self, field: &'static str, expected: String, found: String) -> AdapterError {
        AdapterError::Inconsistent { endpoint: self.label().to_owned(), field, expected, found }
    }

    pub(crate) fn behind(&self, expected: u64, found: u64) -> AdapterError {
        AdapterError::Behind { endpoint: self.label().to_owned(), expected, found }
    }

    pub(crate) fn failed(&self, error: RpcError, operation: &'static str) -> AdapterError {
        error.into_adapter(self.label(), operation)
    }

    /// As [`Node::failed`], for what was asked of a height. Nodes say in words of their own that they have it not yet, or
    /// not any more: their status tells the two apart.
    pub(crate) async fn failed_at(&self, error: RpcError, operation: &'static str, height: u64) -> AdapterError {
        if !matches!(error, RpcError::Node { .. }) {
            return self.failed(error, operation);
        }
        let status = match self.status().await {
            Ok(status) => status,
            Err(error) => return error,
        };
        match status.earliest_height {
            _ if status.latest_height < height => self.behind(height, status.latest_height),
            Some(lowest) if height != 0 && height < lowest => AdapterError::Refused {
                operation,
                reason: format!("{}: height {height} is pruned, the lowest is {lowest}", self.label()),
            },
            _ => self.failed(error, operation),
        }
    }
}

/// A request's parameters as JSON.
pub(super) fn parameters<T: serde::Serialize>(request: &T) -> Result<Value, RpcError> {
    serde_json::to_value(request).map_err(|e| RpcError::Malformed { found: printable(&e.to_string()) })
}
