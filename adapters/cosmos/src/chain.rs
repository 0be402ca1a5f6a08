//! One ibc-go chain: what its reader, its writers and its accounts have in common.

use crate::{AccountKey, CosmosAccount, CosmosReader, CosmosWriter, GasPrice, TendermintRpc};
use adapter::AdapterError;
use light_client::{ChainId, Height};
use std::sync::Arc;

/// How an ibc-go chain is read and written, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosmosConfig {
    /// What the chain's addresses begin with: `cosmos`.
    pub address_prefix: String,
    /// What is paid for gas.
    pub gas_price: GasPrice,
    /// The most gas of a transaction; at most what the chain allows a block.
    pub max_gas: u64,
    /// The store that holds clients and commitments.
    pub store: String,
}

impl CosmosConfig {
    /// A chain with ibc-go's own store, and 60 million gas for a transaction at most.
    pub fn new(address_prefix: impl Into<String>, gas_price: GasPrice) -> Self {
        Self { address_prefix: address_prefix.into(), gas_price, max_gas: 60_000_000, store: "ibc".to_owned() }
    }
}

/// What reader, writer and accounts of one chain share.
pub(crate) struct Shared {
    pub(crate) rpc: TendermintRpc,
    pub(crate) config: CosmosConfig,
    revision: u64,
}

impl Shared {
    pub(crate) fn chain_id(&self) -> &ChainId {
        &self.rpc.config().chain_id
    }

    /// The chain's height of this number.
    pub(crate) const fn height(&self, number: u64) -> Height {
        Height::with_revision(self.revision, number)
    }
}

/// One ibc-go chain over the endpoints of its Tendermint RPC.
#[derive(Clone)]
pub struct CosmosChain(Arc<Shared>);

impl CosmosChain {
    /// A chain whose endpoints were checked to be of it.
    pub fn new(rpc: TendermintRpc, config: CosmosConfig) -> Self {
        let revision = light_client_tendermint::revision_of(&rpc.config().chain_id);
        Self(Arc::new(Shared { rpc, config, revision }))
    }

    /// The configuration.
    pub fn config(&self) -> &CosmosConfig {
        &self.0.config
    }

    /// The endpoints.
    pub fn rpc(&self) -> &TendermintRpc {
        &self.0.rpc
    }

    /// Reads the chain.
    pub fn reader(&self) -> CosmosReader {
        CosmosReader::new(Arc::clone(&self.0))
    }

    /// Writes to the chain with this key.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when the configured prefix is none.
    pub fn writer(&self, key: AccountKey) -> Result<CosmosWriter, AdapterError> {
        CosmosWriter::new(Arc::clone(&self.0), key)
    }

    /// An account that makes clients, registers counterparties and acts for people.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when the configured prefix is none.
    pub fn account(&self, key: AccountKey) -> Result<CosmosAccount, AdapterError> {
        Ok(CosmosAccount::new(Arc::clone(&self.0), self.writer(key)?))
    }
}
