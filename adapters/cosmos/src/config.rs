use crate::{EndpointConfig, RpcLimits};
use light_client::ChainId;
use light_client_tendermint::TreeHash;

/// One chain's Tendermint RPC, as configured.
#[derive(Clone, Debug)]
pub struct TendermintConfig {
    /// What the chain calls itself; every endpoint must be of it.
    pub chain_id: ChainId,
    /// Where its nodes answer: the whole URL with a gateway's base path, and the headers that the gateway asks for.
    pub endpoints: Vec<EndpointConfig>,
    /// What a request may cost.
    pub limits: RpcLimits,
    /// The hash by which the chain makes addresses of its validators' keys.
    pub address_hash: TreeHash,
    /// The hash of its headers, sets and stores.
    pub tree_hash: TreeHash,
}

impl TendermintConfig {
    /// A chain with default limits that hashes by SHA-256, as all but the fully national forks do.
    pub fn new(chain_id: ChainId, endpoints: Vec<EndpointConfig>) -> Self {
        Self {
            chain_id,
            endpoints,
            limits: RpcLimits::default(),
            address_hash: TreeHash::Sha256,
            tree_hash: TreeHash::Sha256,
        }
    }
}
