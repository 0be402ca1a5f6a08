//! Tendermint RPC, as nodes of Tendermint 0.34 to CometBFT 1.0 and their gateways answer it.
//!
//! Requests and answers are `tendermint-rpc`'s types where those can read what a node says, and
//! `light_client_tendermint::json` where they cannot: they know no SM2 key. Its own HTTP client is not used: it does not
//! bound what it reads.
//!
//! Nothing here believes a node. That an answer is one to the question (its height, its pages, its form) is checked
//! here; what it says is checked by those who asked.

mod answer;
mod node;
mod search;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Base64, Event, Query, QueryAnswer, Submission, Transaction};
pub(crate) use node::Node;

use crate::{EndpointReport, TendermintConfig};
use adapter::AdapterError;
use adapter_json_rpc::{ChainQuestion, Fields, Pool, RpcError, printable};
use serde_json::{Value, json};
use std::sync::Arc;

/// The endpoints of one chain, checked to be of it.
#[derive(Clone)]
pub struct TendermintRpc(Arc<Shared>);

struct Shared {
    config: TendermintConfig,
    pool: Pool,
}

impl TendermintRpc {
    /// Connects to the chain's endpoints.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when an endpoint's URL is none, or one of them is of another chain;
    /// [`AdapterError::Unavailable`] when none of them answers.
    pub async fn connect(config: TendermintConfig) -> Result<Self, AdapterError> {
        let question = ChainQuestion {
            method: "status",
            params: json!({}),
            read: network,
            expected: config.chain_id.as_str().to_owned(),
        };
        let pool = Pool::connect(question, &config.endpoints, config.limits).await?;
        Ok(Self(Arc::new(Shared { config, pool })))
    }

    /// The configuration.
    pub fn config(&self) -> &TendermintConfig {
        &self.0.config
    }

    /// What each endpoint has done so far.
    pub fn endpoints(&self) -> Vec<EndpointReport> {
        self.0.pool.reports()
    }

    /// Does the work at the best node, and when it fails there at the next, until one succeeds.
    ///
    /// # Errors
    /// When it succeeds nowhere, the error that says most: a refusal before a lie, a lie before silence.
    pub(crate) async fn attempt<T, W, F>(&self, work: W) -> Result<T, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        self.0.pool.attempt(|endpoint| work(self.node(endpoint))).await
    }

    /// As [`TendermintRpc::attempt`], the nodes taking turns at being the first: for questions whose answer shows to be
    /// false only later, if at all.
    ///
    /// # Errors
    /// As [`TendermintRpc::attempt`].
    pub(crate) async fn attempt_by_turns<T, W, F>(&self, work: W) -> Result<T, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        let endpoints = self.0.pool.by_turns();
        self.0.pool.attempt_at(endpoints, |endpoint| work(self.node(endpoint))).await
    }

    /// As [`Pool::middle`].
    ///
    /// # Errors
    /// As [`TendermintRpc::attempt`].
    pub(crate) async fn middle<T, W, F>(&self, work: W, place: impl Fn(&T) -> u64) -> Result<T, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        self.0.pool.middle(|endpoint| work(self.node(endpoint)), place).await
    }

    /// As [`Pool::every`].
    ///
    /// # Errors
    /// As [`TendermintRpc::attempt`].
    pub(crate) async fn every<T, W, F>(&self, work: W) -> Result<Vec<T>, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        self.0.pool.every(|endpoint| work(self.node(endpoint))).await
    }

    /// As [`Pool::head`].
    ///
    /// # Errors
    /// As [`TendermintRpc::attempt`].
    pub(crate) async fn head<T, W, F>(&self, work: W, height: impl Fn(&T) -> u64) -> Result<T, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        self.0.pool.head(|endpoint| work(self.node(endpoint)), height).await
    }

    /// As [`Pool::watch`].
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) async fn watch<T>(
        &self,
        node: &Node,
        work: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, AdapterError> {
        self.0.pool.watch(node.endpoint(), work).await
    }

    /// Every node, the best first; those that rest too.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.0.pool.by_rank().into_iter().map(|endpoint| self.node(endpoint)).collect()
    }

    /// The nodes that do not rest, or all when all do.
    pub(crate) fn awake(&self) -> Vec<Node> {
        self.0.pool.awake().into_iter().map(|endpoint| self.node(endpoint)).collect()
    }

    /// Notes what a node's failure says about it.
    pub(crate) fn judge(&self, node: &Node, error: &AdapterError) {
        self.0.pool.judge(node.endpoint(), error);
    }

    /// Notes the best head that was seen, by which the others' lag is reckoned.
    pub(crate) fn compare_heads(&self, best: u64) {
        self.0.pool.compare_heads(best);
    }

    fn node(&self, endpoint: Arc<adapter_json_rpc::Endpoint>) -> Node {
        Node::new(endpoint, self.0.config.address_hash, self.0.config.tree_hash)
    }
}

/// What a node says that its chain is called.
fn network(answer: &Value) -> Result<String, RpcError> {
    let info = Fields::of("status", answer)?;
    let info = Fields::of("node_info", info.required("node_info")?)?;
    let network = info.required("network")?.as_str();
    network.map(printable).ok_or(RpcError::Shape {
        field: "network",
        expected: "a text",
        found: "something else".to_owned(),
    })
}
