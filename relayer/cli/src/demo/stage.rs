//! What the demo plays on: two chains, linked, a relayer between them, and the people.

use super::Demo;
use crate::{
    commands::start::watch_facts,
    config::{
        AccountName, ChainConfig, ChainKind, Config, Consensus, ConsensusKind, Endpoint, EndpointUrl, FeeKind,
        GovernanceConfig, KeySource, LogFormat, PathConfig, PathEnd, TrustLevel, value,
    },
    deploy::Deployment,
    error::CliError,
    facts,
    keys::Keys,
    link::{End, Link},
    receipts::ReceiptsView,
    record, registry,
    relay::{self, RelayChain},
    window::Window,
};
use adapter::{AdapterError, ChainReader as _, Head};
use adapter_devchain::{ChainConfig as DevchainConfig, DevKey, KeyRole, Node, NodeConfig, NodeHandle, Production};
use adapter_evm::{
    EvmAccount, Key,
    receipts::{Content, Facts, KnownReceipt, Receipts},
};
use alloy_primitives::{Address, B256};
use light_client::{ClientId, Sequence, sha256};
use relayer_core::{Limits, PathId};
use relayer_engine::{Engine, EngineHandle, SystemClock};
use relayer_store::Store;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Mutex;

/// The two chains: name, chain id.
pub(super) const CHAINS: [(&str, u64); 2] = [("qingdao", 9101), ("ningbo", 9102)];
const VALIDATORS: u64 = 4;
/// Who has which of a chain's funded accounts.
const PEOPLE: [(&str, u64); 4] = [("operator", 0), ("relayer", 1), ("warehouse", 2), ("merchant", 3)];
const WAREHOUSE: &str = "warehouse-1";
const CLIENT: &str = "qbft-0";
const PORT: &str = "receipt";
/// How long a receipt may be on its way when nothing else is said.
pub(super) const LANE_TIMEOUT: Duration = Duration::from_secs(23 * 3600);
/// Kilograms, as UN/CEFACT Recommendation 20 codes them.
const UNIT: [u8; 4] = *b"KGM\0";

/// Everything the demo plays on.
pub(super) struct Stage {
    config: Config,
    pub(super) chains: [Chain; 2],
    pub(super) receipts: Arc<ReceiptsView>,
    store: Arc<dyn Store>,
    window: Arc<Window>,
    engine: Mutex<Option<EngineHandle>>,
    issued: AtomicU64,
}

/// One chain with its people.
pub(super) struct Chain {
    pub(super) name: &'static str,
    pub(super) client: ClientId,
    node: NodeHandle,
    relay: RelayChain,
    warehouse: EvmAccount,
    pub(super) merchant: EvmAccount,
    pub(super) ledger: Receipts,
}

/// The validators of one chain.
#[derive(Serialize)]
pub(super) struct Validators {
    chain: &'static str,
    validators: Vec<Validator>,
}

#[derive(Serialize)]
struct Validator {
    address: Address,
    online: bool,
}

impl Stage {
    /// Starts the chains, deploys, links, and starts the relayer.
    pub(super) async fn set(
        demo: &Demo,
        folder: &Path,
        store: Arc<dyn Store>,
        window: Arc<Window>,
        receipts: Arc<ReceiptsView>,
    ) -> Result<Self, CliError> {
        let [(a, _), (b, _)] = CHAINS;
        let [node_a, node_b] = CHAINS;
        let nodes: [NodeHandle; 2] = futures::try_join!(start_node(node_a), start_node(node_b))?.into();
        demo.say(
            &format!("Two chains run, {a} and {b}, of {VALIDATORS} validators each"),
            &format!("两条链 {a} 与 {b} 已运行，各有 {VALIDATORS} 个验证者"),
        )?;
        let mut config = configuration(folder, &nodes)?;
        let blank = config.clone();
        window.set_facts(config.chains.values().filter_map(facts::of_config).collect());

        let (contracts_a, contracts_b) = futures::try_join!(deploy(&blank, a, folder), deploy(&blank, b, folder))?;
        for (name, contracts) in [(a, contracts_a), (b, contracts_b)] {
            if let Some(chain) = config.chains.get_mut(name) {
                chain.contracts = Some(contracts);
            }
        }
        demo.say("The contracts are deployed on both", "两条链的合约均已部署")?;

        let keys = people(&config, a)?;
        let path = config.paths.values().next().cloned();
        let path = path.ok_or_else(|| CliError::No("the demo has no path".to_owned()))?;
        let [end_a, end_b] = &path.ends;
        let ends =
            [End::connect(&config, &keys, end_a).await?, End::connect(&config, &people(&config, b)?, end_b).await?];
        let link = Link { ends, record_file: record::link_file(folder, path.id.as_str()) };
        // The chains were started a moment ago by this very process: there is nobody else to ask.
        let report = link.run(&|_, _| Ok(true), true).await?;
        if !report.linked {
            return Err(CliError::No(format!("the demo's chains could not be linked: {report:?}")));
        }
        demo.say(
            "Each chain has a light client of the other; governance has a delay of 0 here",
            "每条链上都有对方的轻客户端；此处治理延迟为 0",
        )?;

        let client: ClientId = client()?;
        let mut chains = Vec::new();
        for ((name, _), node) in CHAINS.into_iter().zip(nodes) {
            let keys = people(&config, name)?;
            let unconnected = relay::chains(&config, &keys)?;
            let unconnected = unconnected.into_iter().find(|chain| chain.config().name == name);
            let unconnected = unconnected.ok_or_else(|| CliError::No(format!("chain {name} is in no path")))?;
            let relay = unconnected.connect().await?;
            receipts.add(&relay).await;
            watch_facts(relay.clone(), Arc::clone(&window));
            chains.push(Chain {
                name,
                client: client.clone(),
                warehouse: relay.evm.account(keys.open("warehouse")?),
                merchant: relay.evm.account(keys.open("merchant")?),
                ledger: relay.evm.receipts(relay.contracts.ledger, relay.contracts.bridge),
                node,
                relay,
            });
        }
        let Ok(chains) = <[Chain; 2]>::try_from(chains) else {
            return Err(CliError::No("the demo has other than two chains".to_owned()));
        };
        let (engine, issued) = (Mutex::new(None), AtomicU64::new(0));
        let stage = Self { config, chains, receipts, store, window, engine, issued };
        stage.start_relayer().await?;
        demo.say("The relayer runs, on SQLite", "中继已运行，使用 SQLite")?;
        Ok(stage)
    }

    /// Starts the relayer; nothing happens when it runs.
    pub(super) async fn start_relayer(&self) -> Result<(), CliError> {
        let mut engine = self.engine.lock().await;
        if engine.is_none() {
            let chains: Vec<RelayChain> = self.chains.iter().map(|chain| chain.relay.clone()).collect();
            let config = relay::engine_config(&self.config, &chains)?;
            let started = Engine::start(config, Arc::clone(&self.store), Arc::new(SystemClock)).await?;
            self.window.show(started.watch());
            *engine = Some(started);
        }
        Ok(())
    }

    /// Stops the relayer; nothing happens when it does not run.
    pub(super) async fn stop_relayer(&self) {
        if let Some(engine) = self.engine.lock().await.take() {
            self.window.let_go();
            engine.stop().await;
        }
    }

    /// Whether the relayer runs.
    pub(super) async fn is_relaying(&self) -> bool {
        self.engine.lock().await.is_some()
    }

    /// Stops everything.
    pub(super) async fn end(&self) {
        self.stop_relayer().await;
    }

    /// The chain of this name.
    pub(super) fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// All validators of both chains.
    pub(super) fn validators(&self) -> Vec<Validators> {
        let of = |chain: &Chain| Validators {
            chain: chain.name,
            validators: chain
                .node
                .chain()
                .validators()
                .into_iter()
                .filter(|status| status.validator)
                .map(|status| Validator { address: status.address, online: status.online })
                .collect(),
        };
        self.chains.iter().map(of).collect()
    }

    /// Issues a receipt for the merchant on the first chain; returns it with its number.
    pub(super) async fn issue(&self, quantity: u128) -> Result<(KnownReceipt, String), CliError> {
        let [home, _] = &self.chains;
        let number = format!("WR-{:04}", self.issued.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        let document = sha256(&[number.as_bytes()]);
        let facts = Facts {
            custodian: warehouse_id()?.0,
            slot: sha256(&[b"copper cathode, grade A"]),
            unit: UNIT,
            issued_at: home.head().await?.time.unix_seconds(),
            doc_version: 1,
            doc_root: document,
            roots_digest: sha256(&[&document]),
            ..Facts::default()
        };
        // The custodian's secret makes the seed; a demo's warehouse has none worth keeping.
        let seed = sha256(&[b"seed", number.as_bytes()]);
        let merchant = home.merchant.address();
        let issuing = home.ledger.issue(&home.warehouse, seed, &facts, quantity, merchant, merchant);
        let (known, _) = home.result(issuing.await)?;
        self.receipts.label(known.content.lineage.uid, number.clone()).await;
        Ok((known, number))
    }
}

impl Chain {
    /// Sends a receipt that is at home here to the merchant on the other chain.
    pub(super) async fn lock(&self, to: &Self, content: &Content, timeout_seconds: u64) -> Result<Sequence, CliError> {
        let there = to.merchant.address();
        let locking = self.ledger.lock(&self.merchant, &self.client, content, there, there, timeout_seconds);
        Ok(self.result(locking.await)?.0)
    }

    /// Sends a receipt that is foreign here home to the merchant.
    pub(super) async fn send_back(&self, home: &Self, content: &Content, timeout: u64) -> Result<Sequence, CliError> {
        let there = home.merchant.address();
        let returning = self.ledger.return_receipt(&self.merchant, content, there, there, timeout);
        Ok(self.result(returning.await)?.0)
    }

    /// Ends a receipt.
    pub(super) async fn redeem(&self, key: [u8; 32]) -> Result<(), CliError> {
        self.result(self.ledger.redeem(&self.merchant, key).await).map(drop)
    }

    /// The latest block.
    pub(super) async fn head(&self) -> Result<Head, CliError> {
        let reader = self.result(self.relay.evm.reader())?;
        self.result(reader.head().await)
    }

    /// A moment so long after the latest block, as timeouts are given.
    pub(super) async fn later(&self, duration: Duration) -> Result<u64, CliError> {
        Ok(self.head().await?.time.saturating_add(duration).unix_seconds())
    }

    /// Stops or starts a validator.
    pub(super) fn set_online(&self, address: Address, online: bool) -> Result<(), CliError> {
        Ok(self.node.chain().set_online(address, online)?)
    }

    fn result<T>(&self, result: Result<T, AdapterError>) -> Result<T, CliError> {
        result.map_err(|source| CliError::Chain { chain: self.name.to_owned(), source })
    }
}

async fn start_node((name, chain_id): (&str, u64)) -> Result<NodeHandle, CliError> {
    Ok(Node::start(NodeConfig {
        chain: DevchainConfig {
            chain_id,
            seed: seed_of(name),
            validators: VALIDATORS,
            candidates: 0,
            accounts: PEOPLE.len() as u64,
            ..DevchainConfig::default()
        },
        // A block for each transaction, and one a second when there is none.
        production: Production::Every(Duration::ZERO),
        ..NodeConfig::default()
    })
    .await?)
}

fn seed_of(name: &str) -> String {
    format!("lighterman demo {name}")
}

/// The keys of the people on a chain, opened.
fn people<'a>(config: &'a Config, chain: &str) -> Result<Keys<'a>, CliError> {
    let mut opened = BTreeMap::new();
    for (name, index) in PEOPLE {
        let secret = DevKey::derive(&seed_of(chain), KeyRole::Account, index).secret();
        let key =
            Key::from_secret(secret.as_slice()).map_err(|source| CliError::Key { name: name.to_owned(), source })?;
        opened.insert(name.to_owned(), key);
    }
    Ok(Keys::opened(config, opened))
}

async fn deploy(config: &Config, name: &str, folder: &Path) -> Result<crate::config::Contracts, CliError> {
    let keys = people(config, name)?;
    let chain = config.chain(name)?;
    let evm = registry::connect(chain, Vec::new()).await?;
    let account = evm.account(keys.open(&chain.signer)?);
    let members = chain.governance.members.iter().map(|member| keys.account(member)).collect::<Result<Vec<_>, _>>()?;
    let record_file = record::chain_file(folder, name);
    Deployment { chain, evm: &evm, account: &account, members: &members, record_file: &record_file }.run().await
}

fn configuration(folder: &Path, nodes: &[NodeHandle; 2]) -> Result<Config, CliError> {
    let mut chains = BTreeMap::new();
    for ((name, chain_id), node) in CHAINS.into_iter().zip(nodes) {
        let file = folder.join(format!("{name}.toml"));
        let url = value::url(&node.url)
            .map_err(|unfit| crate::config::ConfigError::one(&file, "url", unfit.expected, unfit.found))?;
        let chain = ChainConfig {
            name: name.to_owned(),
            file,
            kind: ChainKind::Evm,
            chain_id,
            endpoints: vec![Endpoint { url: EndpointUrl::Plain(url), authorities_file: None }],
            consensus: Consensus {
                kind: ConsensusKind::Qbft,
                trust_level: TrustLevel::Strict,
                trusting_period: Duration::from_secs(14 * 86_400),
                clock_drift: Duration::from_secs(15),
            },
            rpc_timeout: Duration::from_secs(10),
            signer: "relayer".to_owned(),
            fee: FeeKind::Legacy,
            gas_price_wei: Some(0),
            max_gas_price_wei: 0,
            max_gas: 25_000_000,
            min_balance_wei: 0,
            governance: GovernanceConfig {
                members: vec![AccountName::Key("operator".to_owned())],
                threshold: 1,
                delay: Duration::ZERO,
            },
            port: PORT.to_owned(),
            custodians: vec![(warehouse_id()?, AccountName::Key("warehouse".to_owned()))],
            contracts: None,
        };
        chains.insert(name.to_owned(), chain);
    }
    let [(a, _), (b, _)] = CHAINS;
    let id: PathId = format!("{a}-{b}").parse().map_err(|error| CliError::No(format!("{error}")))?;
    let end = |chain: &str| Ok::<_, CliError>(PathEnd { chain: chain.to_owned(), client: client()? });
    let path = PathConfig { id: id.clone(), enabled: true, ends: [end(a)?, end(b)?] };
    // The keys are in memory only; these names are never looked up in the environment.
    let keys = PEOPLE.map(|(name, _)| (name.to_owned(), KeySource::Variable(name.to_owned())));
    Ok(Config {
        folder: folder.to_owned(),
        database: folder.join("relayer.db"),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        log_format: LogFormat::Text,
        log_level: "warn".to_owned(),
        poll_interval: Duration::from_millis(100),
        call_timeout: Duration::from_secs(30),
        limits: Limits::default(),
        allow_other_hosts: false,
        keys: keys.into(),
        chains,
        paths: BTreeMap::from([(id.to_string(), path)]),
    })
}

fn client() -> Result<ClientId, CliError> {
    CLIENT.parse().map_err(|error| CliError::No(format!("{error}")))
}

fn warehouse_id() -> Result<B256, CliError> {
    value::name_or_hash(WAREHOUSE).map_err(|unfit| CliError::No(format!("{unfit:?}")))
}
