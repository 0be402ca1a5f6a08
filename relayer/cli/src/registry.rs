//! The one list of chains: which adapter serves a kind of chain, and what it needs of the configuration.

use crate::{
    config::{ChainConfig, ChainKind, ConfigError, ConsensusKind, Endpoint, EndpointUrl, FeeKind},
    error::CliError,
};
use adapter_evm::{Consensus, EndpointConfig, EvmChain, EvmConfig, FeePolicy, RpcLimits};
use light_client::ClientId;

/// Connects to a chain. `clients`: those on it whose packets matter; all when empty.
///
/// # Errors
/// [`CliError::Chain`] when no endpoint answers, or one is of another chain.
pub(crate) async fn connect(chain: &ChainConfig, clients: Vec<ClientId>) -> Result<EvmChain, CliError> {
    match chain.kind {
        ChainKind::Evm => {
            let config = evm_config(chain, clients)?;
            EvmChain::connect(config).await.map_err(|source| CliError::Chain { chain: chain.name.clone(), source })
        }
    }
}

fn evm_config(chain: &ChainConfig, clients: Vec<ClientId>) -> Result<EvmConfig, CliError> {
    let endpoints =
        chain.endpoints.iter().enumerate().map(|(index, one)| endpoint(chain, index, one)).collect::<Result<_, _>>()?;
    let max_price = u128::from(chain.max_gas_price_wei);
    let price = chain.gas_price_wei.map(u128::from);
    Ok(EvmConfig {
        limits: RpcLimits { request_timeout: chain.rpc_timeout, ..RpcLimits::default() },
        consensus: match chain.consensus.kind {
            ConsensusKind::Qbft => Consensus::Qbft,
            ConsensusKind::Ibft2 => Consensus::Ibft2,
        },
        router: chain.contracts.as_ref().map(|contracts| contracts.router),
        router_height: chain.contracts.as_ref().map_or(0, |contracts| contracts.height),
        clients,
        fees: match chain.fee {
            FeeKind::Legacy => FeePolicy::Legacy { gas_price: price, max_gas_price: max_price },
            FeeKind::Dynamic => FeePolicy::Dynamic { priority_fee: price, max_fee: max_price },
        },
        max_gas: chain.max_gas,
        ..EvmConfig::new(chain.chain_id, endpoints)
    })
}

fn endpoint(chain: &ChainConfig, index: usize, endpoint: &Endpoint) -> Result<EndpointConfig, CliError> {
    let url = match &endpoint.url {
        EndpointUrl::Plain(url) => url.to_string(),
        EndpointUrl::Variable(variable) => std::env::var(variable).map_err(|_| {
            let key = format!("endpoints[{index}].url_variable = {variable:?}");
            ConfigError::one(&chain.file, key, "a URL in that environment variable", "none")
        })?,
    };
    let authorities_pem = match &endpoint.authorities_file {
        None => None,
        Some(file) => Some(std::fs::read(file).map_err(|source| CliError::File {
            file: file.clone(),
            operation: "could not be read",
            source,
        })?),
    };
    Ok(EndpointConfig { authorities_pem, ..EndpointConfig::new(url) })
}
