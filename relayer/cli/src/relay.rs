//! Puts a relayer together from a configuration: chains, paths, engine.

use crate::{
    config::{ChainConfig, ChainSettings, Config, ConfigError, Contracts, PathConfig},
    error::CliError,
    hosted::Wanted,
    keys::Keys,
    record::{self, LinkRecord},
    registry::{self, Connected, SignerKey},
    rules::ClientRules,
};
use adapter::{AdapterError, TrustedState};
use adapter_evm::EvmChain;
use light_client::{ClientId, Timestamp};
use relayer_core::Trusted;
use relayer_engine::{EngineConfig, PathEnd, PathHandles};
use std::{collections::BTreeMap, time::Duration};

/// How often a client must be found to be another one before the program ends for it, and how long is waited in between.
const LOOKS: usize = 3;
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// A chain that paths name, with what was opened for it.
#[derive(Clone)]
pub(crate) struct RelayChain {
    pub(crate) config: ChainConfig,
    pub(crate) chain: Connected,
    key: SignerKey,
}

impl RelayChain {
    /// The chain as an Ethereum-compatible one with its contracts.
    pub(crate) fn evm(&self) -> Option<(&EvmChain, &Contracts)> {
        match &self.config.settings {
            ChainSettings::Evm(settings) => self.chain.evm().zip(settings.contracts.as_ref()),
            ChainSettings::Cosmos(_) => None,
        }
    }
}

/// A chain that is not connected to yet.
pub(crate) struct Unconnected {
    config: ChainConfig,
    clients: Vec<ClientId>,
    key: SignerKey,
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
        if let ChainSettings::Evm(_) = chain.settings {
            chain.deployed()?;
        }
        Ok(Unconnected { config: chain.clone(), clients, key: SignerKey::open(chain, keys)? })
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
            chain: registry::connect(&self.config, self.clients.clone()).await?,
            config: self.config.clone(),
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

/// Finds a client of the enabled paths between these chains that is another than its path needs: a relayer that serves it
/// would serve somebody else. What cannot be asked now is left to those tasks that ask for it all the time.
///
/// # Errors
/// [`CliError::Deployment`] when one is another in [`LOOKS`] looks, one after another, as most of the chain's nodes say each
/// time: those that are behind catch up meanwhile.
pub(crate) async fn check_clients(config: Config, chains: Vec<RelayChain>) -> Result<(), CliError> {
    let find = |name: &str| chains.iter().find(|chain| chain.config.name == name);
    let mut questions = Vec::new();
    for path in config.paths.values().filter(|path| path.enabled) {
        let [a, b] = &path.ends;
        let (Some(chain_a), Some(chain_b)) = (find(&a.chain), find(&b.chain)) else { continue };
        let known: LinkRecord = record::read(&record::link_file(&config.folder, path.id.as_str()))?.unwrap_or_default();
        let made = |record: Option<record::ClientRecord>| record.and_then(|known| known.made.contract);
        for (host, end, followed, other, contract) in
            [(chain_a, a, chain_b, b, made(known.a)), (chain_b, b, chain_a, a, made(known.b))]
        {
            let wanted = Wanted {
                host: &host.config,
                connected: &host.chain,
                id: &end.client,
                followed: &followed.config,
                counterparty: &other.client,
            };
            questions.push(async move {
                let mut answer = wanted.difference_of_most(contract).await;
                for _ in 1..LOOKS {
                    let Ok(Some(_)) = &answer else { break };
                    tokio::time::sleep(LOOK_AGAIN).await;
                    answer = wanted.difference_of_most(contract).await;
                }
                (wanted, answer)
            });
        }
    }
    for (wanted, answer) in futures::future::join_all(questions).await {
        match answer {
            Ok(None) => {}
            Ok(Some(difference)) => return Err(wanted.wrong(difference)),
            Err(error) => {
                let reason = crate::error::Chain(&error).to_string();
                tracing::warn!(chain = wanted.host.name, client = %wanted.id, reason, "the client could not be compared");
            }
        }
    }
    Ok(())
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
    let agreed = |record: &Option<record::ClientRecord>, followed: &RelayChain| {
        record.as_ref().and_then(|known| known.trusted(&followed.config))
    };
    let since = |record: &Option<record::ClientRecord>, chain: &RelayChain| {
        let first = chain.evm().map_or(0, |(_, contracts)| contracts.height);
        record.as_ref().map_or(first, |known| known.made.height)
    };
    Ok(PathHandles {
        limits: path.limits.over(&config.limits),
        id: path.id.clone(),
        a: path_end([chain_a, chain_b], &a.client, since(&record.a, chain_a), agreed(&record.b, chain_a))?,
        b: path_end([chain_b, chain_a], &b.client, since(&record.b, chain_b), agreed(&record.a, chain_b))?,
    })
}

/// `chains`: this end's, and the one that hosts the client of it.
fn path_end(
    [chain, host]: [&RelayChain; 2],
    client: &ClientId,
    since: u64,
    agreed: Option<(TrustedState, Timestamp)>,
) -> Result<PathEnd, CliError> {
    let failed = |source: AdapterError| CliError::Chain { chain: chain.config.name.clone(), source };
    Ok(PathEnd {
        chain: chain.config.name.clone(),
        reader: chain.chain.reader().map_err(failed)?,
        writer: chain.chain.writer(chain.key.clone()).map_err(failed)?,
        prover: chain.chain.prover(&ClientRules::of(&chain.config)?, &host.config).map_err(failed)?,
        client: client.clone(),
        store_prefix: registry::store_prefix(&chain.config),
        // The client cannot have been used before its own contract was made.
        start_height: chain.config.height(since),
        bootstrap: agreed.map(|(trusted, time)| Trusted {
            height: trusted.height,
            time,
            client: trusted.client,
            consensus: trusted.consensus,
        }),
    })
}
