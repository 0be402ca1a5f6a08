//! Puts a relayer together from a configuration: chains, paths, engine.

use crate::{
    config::{ChainConfig, Config, ConfigError, Contracts, PathConfig},
    error::CliError,
    keys::Keys,
    link::{client_params, store_prefix},
    record::{self, LinkRecord},
    registry,
};
use adapter::{AdapterError, TrustedState};
use adapter_evm::{EvmChain, Key};
use light_client::{ClientId, Height, Timestamp};
use relayer_core::Trusted;
use relayer_engine::{EngineConfig, PathEnd, PathHandles};
use std::{collections::BTreeMap, sync::Arc};

/// A chain that paths name, with what was opened for it.
#[derive(Clone)]
pub(crate) struct RelayChain {
    pub(crate) config: ChainConfig,
    pub(crate) contracts: Contracts,
    pub(crate) evm: EvmChain,
    key: Key,
}

/// A chain that is not connected to yet.
pub(crate) struct Unconnected {
    config: ChainConfig,
    contracts: Contracts,
    clients: Vec<ClientId>,
    key: Key,
}

/// The chains that enabled paths name, with their keys opened; nothing is asked of them yet.
///
/// # Errors
/// When there is no enabled path, a chain has no contracts yet, or a key cannot be opened.
pub(crate) fn chains(config: &Config, keys: &Keys<'_>) -> Result<Vec<Unconnected>, CliError> {
    let mut clients: BTreeMap<&str, Vec<ClientId>> = BTreeMap::new();
    for end in config.paths.values().filter(|path| path.enabled).flat_map(|path| &path.ends) {
        clients.entry(&end.chain).or_default().push(end.client.clone());
    }
    if clients.is_empty() {
        let folder = config.folder.join("paths");
        return Err(ConfigError::one(folder, "", "at least one file with enabled = true", "none").into());
    }
    let open = |(name, clients): (&str, Vec<ClientId>)| {
        let chain = config.chain(name)?;
        let Some(contracts) = chain.contracts else {
            let advice = format!("the contracts' addresses (run `lighterman deploy {name}` first)");
            return Err(ConfigError::one(&chain.file, "contracts", advice, "none").into());
        };
        Ok(Unconnected { config: chain.clone(), contracts, clients, key: keys.open(&chain.signer)? })
    };
    clients.into_iter().map(open).collect()
}

impl Unconnected {
    /// The chain's configuration.
    pub(crate) fn config(&self) -> &ChainConfig {
        &self.config
    }

    /// Connects to the chain.
    ///
    /// # Errors
    /// As [`registry::connect`]; a chain that does not answer now may later.
    pub(crate) async fn connect(&self) -> Result<RelayChain, CliError> {
        Ok(RelayChain {
            evm: registry::connect(&self.config, self.clients.clone()).await?,
            config: self.config.clone(),
            contracts: self.contracts,
            key: self.key.clone(),
        })
    }
}

/// What the engine needs to serve every enabled path between these chains.
pub(crate) fn engine_config(config: &Config, chains: &[RelayChain]) -> Result<EngineConfig, CliError> {
    let mut paths = Vec::new();
    for path in config.paths.values().filter(|path| path.enabled) {
        let [a, b] = &path.ends;
        let find = |name: &str| chains.iter().find(|chain| chain.config.name == name);
        let (Some(chain_a), Some(chain_b)) = (find(&a.chain), find(&b.chain)) else { continue };
        paths.push(path_handles(config, path, [chain_a, chain_b])?);
    }
    Ok(EngineConfig {
        owner: owner(),
        paths,
        limits: config.limits.clone(),
        seed: crate::when::now_millis(),
        poll_interval: config.poll_interval,
        call_timeout: config.call_timeout,
    })
}

/// Who this relayer is, for people who find its database in use.
pub(crate) fn owner() -> String {
    format!("lighterman, process {}", std::process::id())
}

fn path_handles(config: &Config, path: &PathConfig, chains: [&RelayChain; 2]) -> Result<PathHandles, CliError> {
    let record: LinkRecord = record::read(&record::link_file(&config.folder, path.id.as_str()))?.unwrap_or_default();
    let [a, b] = &path.ends;
    let [chain_a, chain_b] = chains;
    // The client that `b` hosts trusts what people agreed upon of `a`, and the other way round.
    let agreed = |record: &Option<record::ClientRecord>| record.as_ref().and_then(record::ClientRecord::trusted);
    let since = |record: &Option<record::ClientRecord>, chain: &RelayChain| {
        record.as_ref().map_or(chain.contracts.height, |known| known.verifier.height)
    };
    Ok(PathHandles {
        id: path.id.clone(),
        a: path_end(chain_a, &a.client, since(&record.a, chain_a), agreed(&record.b))?,
        b: path_end(chain_b, &b.client, since(&record.b, chain_b), agreed(&record.a))?,
    })
}

fn path_end(
    chain: &RelayChain,
    client: &ClientId,
    since: u64,
    agreed: Option<(TrustedState, Timestamp)>,
) -> Result<PathEnd, CliError> {
    let failed = |source: AdapterError| CliError::Chain { chain: chain.config.name.clone(), source };
    Ok(PathEnd {
        chain: chain.config.name.clone(),
        reader: Arc::new(chain.evm.reader().map_err(failed)?),
        writer: Arc::new(chain.evm.writer(chain.key.clone()).map_err(failed)?),
        prover: Arc::new(chain.evm.prover(client_params(&chain.config, &chain.contracts)?).map_err(failed)?),
        client: client.clone(),
        store_prefix: store_prefix(),
        // The client cannot have been used before its own contract was made.
        start_height: Height::new(since),
        bootstrap: agreed.map(|(trusted, time)| Trusted {
            height: trusted.height,
            time,
            client: trusted.client,
            consensus: trusted.consensus,
        }),
    })
}
