use crate::{
    ClientParams, EndpointReport, EvmAccount, EvmConfig, EvmReader, EvmWriter, Governance, Key, QbftProver,
    header::BlockClaim,
    receipts::Receipts,
    rpc::{ChainQuestion, Pool, RpcError, quantity},
    writer::fees::{self, Market},
};
use adapter::AdapterError;
use alloy_primitives::Address;
use light_client::BlockHash;
use serde_json::json;
use std::sync::Arc;

/// What reader, writer and prover of one chain have in common.
pub(crate) struct Shared {
    pub(crate) config: EvmConfig,
    pub(crate) pool: Pool,
}

/// One Ethereum-compatible chain, with its endpoints checked to be of it.
#[derive(Clone)]
pub struct EvmChain(Arc<Shared>);

impl EvmChain {
    /// Connects to the chain's endpoints.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when an endpoint's URL is none, or one of them is of another chain;
    /// [`AdapterError::Unavailable`] when none of them answers.
    pub async fn connect(config: EvmConfig) -> Result<Self, AdapterError> {
        let pool = Pool::connect(chain_question(config.chain_id), &config.endpoints, config.limits).await?;
        Ok(Self(Arc::new(Shared { config, pool })))
    }

    /// The configuration.
    pub fn config(&self) -> &EvmConfig {
        &self.0.config
    }

    /// What each endpoint has done so far.
    pub fn endpoints(&self) -> Vec<EndpointReport> {
        self.0.pool.reports()
    }

    /// Reads the chain and its Router.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when no Router is configured.
    pub fn reader(&self) -> Result<EvmReader, AdapterError> {
        EvmReader::new(Arc::clone(&self.0), self.0.config.router()?)
    }

    /// Proves what the Router stores, to a client with these parameters.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when no Router is configured, or the chain's blocks are not sealed headers of Ethereum's: then
    /// its prover is another crate's.
    pub fn prover(&self, params: ClientParams) -> Result<QbftProver, AdapterError> {
        QbftProver::new(Arc::clone(&self.0), self.0.config.router()?, params)
    }

    /// An account that deploys, governs and acts for people.
    pub fn account(&self, key: Key) -> EvmAccount {
        EvmAccount::new(Arc::clone(&self.0), key)
    }

    /// A governance contract of the chain.
    pub fn governance(&self, address: Address) -> Governance {
        Governance::new(Arc::clone(&self.0), address)
    }

    /// A ledger of receipts and its bridge.
    pub fn receipts(&self, ledger: Address, bridge: Address) -> Receipts {
        Receipts::new(Arc::clone(&self.0), ledger, bridge)
    }

    /// The hash of the chain's first block.
    ///
    /// A Tendermint chain begins above 0 ([`Consensus::Tendermint`]), and its nodes answer a question for block 0 with another
    /// block.
    ///
    /// # Errors
    /// [`AdapterError::Inconsistent`] when the node's header does not hash to what it says, or is of another height;
    /// [`AdapterError::Unavailable`] when no endpoint has kept that block.
    pub async fn genesis_hash(&self) -> Result<BlockHash, AdapterError> {
        const OPERATION: &str = "eth_getBlockByNumber";
        let consensus = &self.0.config.consensus;
        let first = consensus.first_height();
        let params = &json!([format!("{first:#x}"), false]);
        self.0
            .pool
            .attempt(|endpoint| async move {
                let broken = |e: RpcError| e.into_adapter(endpoint.label(), OPERATION);
                let block = endpoint.call(OPERATION, params.clone()).await.map_err(broken)?;
                if block.is_null() {
                    return Err(AdapterError::Unavailable {
                        endpoint: endpoint.label().to_owned(),
                        operation: OPERATION,
                        source: format!("block {first}, the chain's first, is not kept there").into(),
                    });
                }
                BlockClaim::read_at(consensus, first, &block).map(|block| block.hash).map_err(broken)
            })
            .await
    }

    /// What the next transaction would pay for each unit of gas, in the chain's smallest unit; 0 where gas is free.
    ///
    /// # Errors
    /// As every question to the chain.
    pub async fn price_of_gas(&self) -> Result<u128, AdapterError> {
        Ok(match fees::market(&self.0.pool, self.0.config.fees).await? {
            Market::Legacy { gas_price } => gas_price,
            Market::Dynamic { base_fee, priority_fee } => base_fee.saturating_add(priority_fee),
        })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Writes to the Router with this key.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when no Router is configured.
    pub fn writer(&self, key: Key) -> Result<EvmWriter, AdapterError> {
        Ok(EvmWriter::new(Arc::clone(&self.0), self.0.config.router()?, key))
    }
}

/// Source: EIP-695.
fn chain_question(chain_id: u64) -> ChainQuestion {
    ChainQuestion {
        method: "eth_chainId",
        params: json!([]),
        read: |answer| quantity("chain id", answer).map(|id| id.to_string()),
        expected: chain_id.to_string(),
    }
}
