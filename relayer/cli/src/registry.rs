//! The one list of chains: which adapter serves a kind of chain, and what it needs of the configuration.

use crate::{
    config::{
        ChainConfig, ChainSettings, ConfigError, ConsensusRules, CosmosSettings, Endpoint, EndpointUrl, EvmSettings,
        FeeKind, HeaderValue, TendermintRules,
    },
    error::CliError,
    keys::Keys,
    rules::{ClientRules, qbft_params},
};
use adapter::{AdapterError, ChainReader, ChainWriter, Prover};
use adapter_cosmos::{AccountKey, CosmosChain, CosmosConfig, Host, TendermintConfig, TendermintProver, TendermintRpc};
use adapter_evm::{Consensus, EndpointConfig, EndpointReport, EvmChain, EvmConfig, FeePolicy, Key, RpcLimits};
use futures::future::join_all;
use light_client::ClientId;
use std::{path::Path, sync::Arc};

/// A chain that was connected to.
#[derive(Clone)]
pub(crate) enum Connected {
    /// Ethereum-compatible; and where its consensus is Tendermint, what it proves by.
    Evm(EvmChain, Option<TendermintRpc>),
    /// Of the Cosmos SDK with ibc-go.
    Cosmos(CosmosChain),
}

/// What signs on a chain.
#[derive(Clone)]
pub(crate) enum SignerKey {
    /// On an Ethereum-compatible one.
    Evm(Key),
    /// On one of the Cosmos SDK.
    Cosmos(AccountKey),
}

impl SignerKey {
    /// Opens the key that a chain's configuration names.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub(crate) fn open(chain: &ChainConfig, keys: &Keys<'_>) -> Result<Self, CliError> {
        match &chain.settings {
            ChainSettings::Evm(_) => keys.open(&chain.signer).map(Self::Evm),
            ChainSettings::Cosmos(settings) => keys.open_account(&chain.signer, settings.key_type).map(Self::Cosmos),
        }
    }
}

/// Connects to a chain. `clients`: those on it whose packets matter; all when empty.
///
/// # Errors
/// [`CliError::Chain`] when no endpoint answers, or one is of another chain.
pub(crate) async fn connect(chain: &ChainConfig, clients: Vec<ClientId>) -> Result<Connected, CliError> {
    match &chain.settings {
        ChainSettings::Evm(_) => {
            let tendermint = async {
                match &chain.consensus.rules {
                    ConsensusRules::Qbft { .. } => Ok(None),
                    ConsensusRules::Tendermint(rules) => connect_tendermint(chain, rules).await.map(Some),
                }
            };
            let (evm, tendermint) = futures::try_join!(connect_evm(chain, clients), tendermint)?;
            Ok(Connected::Evm(evm, tendermint))
        }
        ChainSettings::Cosmos(settings) => connect_cosmos(chain, settings).await.map(Connected::Cosmos),
    }
}

/// As [`connect`], to each endpoint by itself, for questions that one of them alone could answer falsely. What the chain's
/// consensus is asked besides is left out.
pub(crate) async fn connect_each(chain: &ChainConfig, clients: &[ClientId]) -> Vec<Result<Connected, CliError>> {
    let alone = |endpoint: &Endpoint| {
        let mut chain = chain.clone();
        chain.endpoints = vec![endpoint.clone()];
        if let (ChainSettings::Cosmos(_), ConsensusRules::Tendermint(rules)) =
            (&chain.settings, &mut chain.consensus.rules)
        {
            rules.endpoints.clone_from(&chain.endpoints);
        }
        async move {
            match &chain.settings {
                ChainSettings::Evm(_) => {
                    connect_evm(&chain, clients.to_vec()).await.map(|evm| Connected::Evm(evm, None))
                }
                ChainSettings::Cosmos(settings) => connect_cosmos(&chain, settings).await.map(Connected::Cosmos),
            }
        }
    };
    join_all(chain.endpoints.iter().map(alone)).await
}

/// As [`connect`], for what only an Ethereum-compatible chain can do.
///
/// # Errors
/// Also when the chain is of another kind.
pub(crate) async fn connect_evm(chain: &ChainConfig, clients: Vec<ClientId>) -> Result<EvmChain, CliError> {
    let config = evm_config(chain, chain.evm()?, clients)?;
    EvmChain::connect(config).await.map_err(|source| CliError::Chain { chain: chain.name.clone(), source })
}

/// As [`connect`], for what only a chain of the Cosmos SDK can do.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn connect_cosmos(chain: &ChainConfig, settings: &CosmosSettings) -> Result<CosmosChain, CliError> {
    let ConsensusRules::Tendermint(rules) = &chain.consensus.rules else { return Err(chain.wrong_kind().into()) };
    let config = CosmosConfig {
        max_gas: settings.max_gas,
        store: rules.store.clone(),
        ..CosmosConfig::new(settings.bech32_prefix.clone(), settings.gas_price.clone())
    };
    Ok(CosmosChain::new(connect_tendermint(chain, rules).await?, config))
}

async fn connect_tendermint(chain: &ChainConfig, rules: &TendermintRules) -> Result<TendermintRpc, CliError> {
    let config = TendermintConfig {
        limits: limits(chain),
        address_hash: rules.tree_hash,
        tree_hash: rules.tree_hash,
        ..TendermintConfig::new(
            rules.chain_id.clone(),
            endpoints(&chain.file, "consensus.endpoints", &rules.endpoints)?,
        )
    };
    TendermintRpc::connect(config).await.map_err(|source| CliError::Chain { chain: chain.name.clone(), source })
}

fn limits(chain: &ChainConfig) -> RpcLimits {
    RpcLimits { request_timeout: chain.rpc_timeout, ..RpcLimits::default() }
}

impl Connected {
    /// Reads the chain and its Router.
    pub(crate) fn reader(&self) -> Result<Arc<dyn ChainReader>, AdapterError> {
        match self {
            Self::Evm(evm, _) => Ok(Arc::new(evm.reader()?)),
            Self::Cosmos(cosmos) => Ok(Arc::new(cosmos.reader())),
        }
    }

    /// Writes to the Router with this key.
    pub(crate) fn writer(&self, key: SignerKey) -> Result<Arc<dyn ChainWriter>, AdapterError> {
        match (self, key) {
            (Self::Evm(evm, _), SignerKey::Evm(key)) => Ok(Arc::new(evm.writer(key)?)),
            (Self::Cosmos(cosmos), SignerKey::Cosmos(key)) => Ok(Arc::new(cosmos.writer(key)?)),
            _ => Err(AdapterError::Config {
                key: "signer",
                expected: "a key of the chain's kind".to_owned(),
                found: "one of another kind".to_owned(),
            }),
        }
    }

    /// Proves the chain to a client that demands this, hosted by another chain.
    pub(crate) fn prover(&self, rules: &ClientRules, host: &ChainConfig) -> Result<Arc<dyn Prover>, AdapterError> {
        let host = match &host.settings {
            ChainSettings::Evm(_) => Host::Router,
            ChainSettings::Cosmos(_) => Host::IbcGo,
        };
        match (self, rules) {
            (Self::Evm(evm, _), ClientRules::Qbft(parameters)) => Ok(Arc::new(evm.prover(qbft_params(parameters))?)),
            (Self::Evm(_, Some(rpc)), ClientRules::Tendermint { params, .. }) => {
                Ok(Arc::new(TendermintProver::new(rpc.clone(), params.clone(), host)?))
            }
            (Self::Cosmos(cosmos), ClientRules::Tendermint { params, .. }) => {
                Ok(Arc::new(TendermintProver::new(cosmos.rpc().clone(), params.clone(), host)?))
            }
            (Self::Evm(_, None), ClientRules::Tendermint { .. }) | (Self::Cosmos(_), ClientRules::Qbft(_)) => {
                Err(AdapterError::Config {
                    key: "consensus",
                    expected: "the consensus that the chain was connected with".to_owned(),
                    found: "another".to_owned(),
                })
            }
        }
    }

    /// What each endpoint has done so far.
    pub(crate) fn endpoints(&self) -> Vec<EndpointReport> {
        match self {
            Self::Evm(evm, tendermint) => {
                let consensus = tendermint.iter().flat_map(TendermintRpc::endpoints);
                evm.endpoints().into_iter().chain(consensus).collect()
            }
            Self::Cosmos(cosmos) => cosmos.rpc().endpoints(),
        }
    }

    /// What the next transaction would pay for each unit of gas, as people read it; `None` where gas is free.
    pub(crate) async fn price_of_gas(&self) -> Result<Option<String>, AdapterError> {
        match self {
            Self::Evm(evm, _) => {
                let price = evm.price_of_gas().await?;
                Ok((price > 0).then(|| format!("{price} wei")))
            }
            Self::Cosmos(cosmos) => {
                let price = &cosmos.config().gas_price;
                Ok((!price.is_zero()).then(|| price.to_string()))
            }
        }
    }

    /// The chain as an Ethereum-compatible one.
    pub(crate) fn evm(&self) -> Option<&EvmChain> {
        match self {
            Self::Evm(evm, _) => Some(evm),
            Self::Cosmos(_) => None,
        }
    }
}

/// The prefix under which a chain's commitments are proven: one empty element where they lie in a Router.
pub(crate) fn store_prefix(chain: &ChainConfig) -> Vec<Vec<u8>> {
    match (&chain.settings, &chain.consensus.rules) {
        (ChainSettings::Cosmos(_), ConsensusRules::Tendermint(rules)) => {
            vec![rules.store.clone().into_bytes(), Vec::new()]
        }
        _ => vec![Vec::new()],
    }
}

fn evm_config(chain: &ChainConfig, settings: &EvmSettings, clients: Vec<ClientId>) -> Result<EvmConfig, CliError> {
    let max_price = u128::from(settings.max_gas_price_wei);
    let price = settings.gas_price_wei.map(u128::from);
    Ok(EvmConfig {
        limits: limits(chain),
        consensus: match &chain.consensus.rules {
            ConsensusRules::Qbft { kind: light_client_qbft::Kind::Qbft, .. } => Consensus::Qbft,
            ConsensusRules::Qbft { kind: light_client_qbft::Kind::Ibft2, .. } => Consensus::Ibft2,
            ConsensusRules::Tendermint(rules) => {
                Consensus::Tendermint { chain_id: rules.chain_id.clone(), initial_height: rules.initial_height }
            }
        },
        router: settings.contracts.as_ref().map(|contracts| contracts.router),
        router_height: settings.contracts.as_ref().map_or(0, |contracts| contracts.height),
        clients,
        fees: match settings.fee {
            FeeKind::Legacy => FeePolicy::Legacy { gas_price: price, max_gas_price: max_price },
            FeeKind::Dynamic => FeePolicy::Dynamic { priority_fee: price, max_fee: max_price },
        },
        max_gas: settings.max_gas,
        ..EvmConfig::new(settings.chain_id, endpoints(&chain.file, "endpoints", &chain.endpoints)?)
    })
}

/// Endpoints with what the environment holds for them; `key`: where they stand in the file.
fn endpoints(file: &Path, key: &str, endpoints: &[Endpoint]) -> Result<Vec<EndpointConfig>, CliError> {
    let from_environment = |key: String, variable: &str, what: &str| {
        std::env::var(variable).map_err(|_| ConfigError::one(file, format!("{key} = {variable:?}"), what, "none"))
    };
    let endpoint = |(index, endpoint): (usize, &Endpoint)| -> Result<EndpointConfig, CliError> {
        let at = format!("{key}[{index}]");
        let url = match &endpoint.url {
            EndpointUrl::Plain(url) => url.to_string(),
            EndpointUrl::Variable(variable) => {
                from_environment(format!("{at}.url_variable"), variable, "a URL in that environment variable")?
            }
        };
        let authorities_pem = match &endpoint.authorities_file {
            None => None,
            Some(file) => Some(std::fs::read(file).map_err(|source| CliError::File {
                file: file.clone(),
                operation: "could not be read",
                source,
            })?),
        };
        let header = |(name, value): (&String, &HeaderValue)| -> Result<_, CliError> {
            let text = match value {
                HeaderValue::Plain(text) => text.clone(),
                HeaderValue::Variable(variable) => {
                    let key = format!("{at}.header_variables.{name}");
                    from_environment(key, variable, "a text in that environment variable")?
                }
            };
            Ok((name.clone(), text))
        };
        let headers = endpoint.headers.iter().map(header).collect::<Result<_, _>>()?;
        Ok(EndpointConfig { url, authorities_pem, headers })
    };
    endpoints.iter().enumerate().map(endpoint).collect()
}
