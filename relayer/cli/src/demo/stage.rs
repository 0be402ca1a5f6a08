//! What the demo plays on: three chains, each linked to the others, a relayer between them, and the people.

use super::Demo;
use crate::{
    commands::start::watch_facts,
    config::{
        AccountName, ChainConfig, ChainSettings, Config, ConfigError, Consensus, ConsensusRules,
        DEFAULT_INITIAL_HEIGHT, Endpoint, EndpointUrl, EvmSettings, FeeKind, GovernanceConfig, KeySource, LogFormat,
        PathConfig, PathEnd, PathLimits, TendermintRules, value,
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
use adapter::{AdapterError, Head};
use adapter_devchain::{
    self as devchain, ChainConfig as DevchainConfig, DevKey, KeyRole, KeyType, Node, NodeConfig, NodeHandle,
    Production, TendermintConfig,
};
use adapter_evm::{
    EvmAccount,
    receipts::{Content, Facts, KnownReceipt, Receipts},
};
use adapter_keystore::Secret;
use alloy_primitives::{Address, B256};
use light_client::{ClientId, Sequence, sha256};
use light_client_crypto::Sm2;
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

/// A chain of the demo.
pub(super) struct Plan {
    pub(super) name: &'static str,
    chain_id: u64,
    consensus: PlannedConsensus,
}

/// How a chain of the demo makes its headers final.
#[derive(Clone, Copy)]
enum PlannedConsensus {
    Qbft,
    /// What the chain calls itself, and how its validators sign.
    Tendermint(&'static str, KeyType),
}

/// A QBFT consortium chain, a chain as BSN has them with SM2 validators, and one with Ed25519: three of a kind each, and
/// every two of them linked.
pub(super) const CHAINS: [Plan; 3] = [
    Plan { name: "qingdao", chain_id: 9101, consensus: PlannedConsensus::Qbft },
    Plan { name: "ningbo", chain_id: 9102, consensus: PlannedConsensus::Tendermint("ningbo-1", KeyType::Sm2) },
    Plan { name: "yantai", chain_id: 9103, consensus: PlannedConsensus::Tendermint("yantai-1", KeyType::Ed25519) },
];
/// The paths: each end with its client of the other.
const PATHS: [[(&str, &str); 2]; 3] = [
    [("qingdao", "tendermint-0"), ("ningbo", "qbft-0")],
    [("ningbo", "tendermint-0"), ("yantai", "tendermint-0")],
    [("yantai", "qbft-0"), ("qingdao", "tendermint-1")],
];
const VALIDATORS: u64 = 4;
/// How often is looked whether a chain has made its first block.
const FIRST_BLOCK_PAUSE: Duration = Duration::from_millis(20);
/// Who has which of a chain's funded accounts.
const PEOPLE: [(&str, u64); 4] = [("operator", 0), ("relayer", 1), ("warehouse", 2), ("merchant", 3)];
const WAREHOUSE: &str = "warehouse-1";
const PORT: &str = "receipt";
/// How long a receipt may be on its way when nothing else is said.
pub(super) const LANE_TIMEOUT: Duration = Duration::from_secs(23 * 3600);
/// Kilograms, as UN/CEFACT Recommendation 20 codes them.
const UNIT: [u8; 4] = *b"KGM\0";

/// Everything the demo plays on.
pub(super) struct Stage {
    config: Config,
    pub(super) chains: Vec<Chain>,
    pub(super) receipts: Arc<ReceiptsView>,
    store: Arc<dyn Store>,
    window: Arc<Window>,
    engine: Mutex<Option<EngineHandle>>,
    issued: AtomicU64,
}

/// One chain with its people.
pub(super) struct Chain {
    pub(super) name: &'static str,
    /// Its client of each chain that it is linked to, by that chain's name.
    clients: BTreeMap<String, ClientId>,
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
    name: String,
    address: Address,
    power: u64,
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
        let nodes = futures::future::try_join_all(CHAINS.iter().map(start_node)).await?;
        let [a, b, c] = CHAINS.map(|plan| plan.name);
        demo.say(
            &format!(
                "Three chains run, of {VALIDATORS} validators each: {a} under QBFT, {b} under Tendermint with SM2 keys as on \
                 BSN, {c} under Tendermint with Ed25519 keys"
            ),
            &format!(
                "三条链已运行，各有 {VALIDATORS} 个验证者：{a} 使用 QBFT，{b} 使用 Tendermint 与 SM2 密钥（如 BSN），{c} 使用 Tendermint \
                 与 Ed25519 密钥"
            ),
        )?;
        let mut config = configuration(folder, &nodes)?;
        window.set_facts(config.chains.values().filter_map(facts::of_config).collect());

        let blank = &config.clone();
        let deploying = CHAINS.iter().map(|plan| deploy(blank, plan.name, folder));
        for (plan, contracts) in CHAINS.iter().zip(futures::future::try_join_all(deploying).await?) {
            let chain = config.chains.get_mut(plan.name);
            if let Some(ChainSettings::Evm(settings)) = chain.map(|chain| &mut chain.settings) {
                settings.contracts = Some(contracts);
            }
        }
        demo.say("The contracts are deployed on all of them", "三条链的合约均已部署")?;

        // One after the other: two paths share a chain, and with it an account's nonces.
        for path in config.paths.values() {
            let [end_a, end_b] = &path.ends;
            let (keys_a, keys_b) = (people(&config, &end_a.chain)?, people(&config, &end_b.chain)?);
            let ends = [End::connect(&config, &keys_a, end_a).await?, End::connect(&config, &keys_b, end_b).await?];
            let link = Link { ends, record_file: record::link_file(folder, path.id.as_str()) };
            // The chains were started a moment ago by this very process: there is nobody else to ask.
            let report = link.run(&|_, _| Ok(true), true).await?;
            if !report.linked {
                return Err(CliError::No(format!("the demo's chains could not be linked: {report:?}")));
            }
        }
        demo.say(
            "Each chain has a light client of each other one; governance has a delay of 0 here",
            "每条链上都有其他两条链的轻客户端；此处治理延迟为 0",
        )?;

        let mut chains = Vec::new();
        for (plan, node) in CHAINS.iter().zip(nodes) {
            let name = plan.name;
            let keys = people(&config, name)?;
            let unconnected = relay::chains(&config, &keys)?;
            let unconnected = unconnected.into_iter().find(|chain| chain.config().name == name);
            let unconnected = unconnected.ok_or_else(|| CliError::No(format!("chain {name} is in no path")))?;
            let relay = unconnected.connect().await?;
            let (evm, contracts) = relay.evm().ok_or_else(|| relay.config.wrong_kind())?;
            let (evm, contracts) = (evm.clone(), *contracts);
            receipts.add(&relay).await;
            watch_facts(relay.clone(), Arc::clone(&window));
            chains.push(Chain {
                name,
                clients: clients(&config, name),
                warehouse: evm.account(keys.open("warehouse")?),
                merchant: evm.account(keys.open("merchant")?),
                ledger: evm.receipts(contracts.ledger, contracts.bridge),
                node,
                relay,
            });
        }
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

    /// All validators of all chains.
    pub(super) fn validators(&self) -> Vec<Validators> {
        let of = |chain: &Chain| Validators {
            chain: chain.name,
            validators: chain
                .node
                .chain()
                .validators()
                .into_iter()
                .filter(|status| status.validator)
                .map(|status| Validator {
                    name: status.name,
                    address: status.address,
                    power: status.power,
                    online: status.online,
                })
                .collect(),
        };
        self.chains.iter().map(of).collect()
    }

    /// Issues a receipt for the merchant on this chain; returns it with its number.
    pub(super) async fn issue(&self, home: &Chain, quantity: u128) -> Result<(KnownReceipt, String), CliError> {
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
        let client = self.clients.get(to.name);
        let client = client.ok_or_else(|| CliError::No(format!("{} is not linked to {}", self.name, to.name)))?;
        let locking = self.ledger.lock(&self.merchant, client, content, there, there, timeout_seconds);
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
        let reader = self.result(self.relay.chain.reader())?;
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

async fn start_node(plan: &Plan) -> Result<NodeHandle, CliError> {
    let node = Node::start(NodeConfig {
        chain: DevchainConfig {
            chain_id: plan.chain_id,
            consensus: match plan.consensus {
                PlannedConsensus::Qbft => devchain::Consensus::Qbft,
                PlannedConsensus::Tendermint(chain_id, key_type) => {
                    devchain::Consensus::Tendermint(TendermintConfig::new(chain_id, key_type))
                }
            },
            seed: seed_of(plan.name),
            validators: VALIDATORS,
            candidates: 0,
            accounts: PEOPLE.len() as u64,
            ..DevchainConfig::default()
        },
        // A block for each transaction, and one a second when there is none.
        production: Production::Every(Duration::ZERO),
        ..NodeConfig::default()
    })
    .await?;
    // A chain is known by its first block, which under Tendermint is the one after the genesis state.
    while node.chain().latest() < 1 {
        tokio::time::sleep(FIRST_BLOCK_PAUSE).await;
    }
    Ok(node)
}

fn seed_of(name: &str) -> String {
    format!("lighterman demo {name}")
}

/// The keys of the people on a chain, opened.
fn people<'a>(config: &'a Config, chain: &str) -> Result<Keys<'a>, CliError> {
    let mut opened = BTreeMap::new();
    for (name, index) in PEOPLE {
        let secret = DevKey::derive(&seed_of(chain), KeyRole::Account, index).secret();
        let secret =
            Secret::from_slice(secret.as_slice()).map_err(|source| CliError::Key { name: name.to_owned(), source })?;
        opened.insert(name.to_owned(), secret);
    }
    Ok(Keys::opened(config, opened))
}

async fn deploy(config: &Config, name: &str, folder: &Path) -> Result<crate::config::Contracts, CliError> {
    let keys = people(config, name)?;
    let chain = config.chain(name)?;
    let settings = chain.evm()?;
    let evm = registry::connect_evm(chain, Vec::new()).await?;
    let account = evm.account(keys.open(&chain.signer)?);
    let members =
        settings.governance.members.iter().map(|member| keys.account(member)).collect::<Result<Vec<_>, _>>()?;
    let record_file = record::chain_file(folder, name);
    let record_file = &record_file;
    Deployment { chain, settings, evm: &evm, account: &account, members: &members, record_file }.run().await
}

fn configuration(folder: &Path, nodes: &[NodeHandle]) -> Result<Config, CliError> {
    let mut chains = BTreeMap::new();
    for (plan, node) in CHAINS.iter().zip(nodes) {
        chains.insert(plan.name.to_owned(), chain_config(folder, plan, node)?);
    }
    let mut paths = BTreeMap::new();
    for [(a, client_a), (b, client_b)] in PATHS {
        let id: PathId = format!("{a}-{b}").parse().map_err(|error| CliError::No(format!("{error}")))?;
        let end = |chain: &str, client: &str| -> Result<PathEnd, CliError> {
            let client = client.parse().map_err(|error| CliError::No(format!("{error}")))?;
            Ok(PathEnd { chain: chain.to_owned(), client })
        };
        let ends = [end(a, client_a)?, end(b, client_b)?];
        let path = PathConfig { id: id.clone(), enabled: true, ends, limits: PathLimits::default() };
        paths.insert(id.to_string(), path);
    }
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
        paths,
    })
}

fn chain_config(folder: &Path, plan: &Plan, node: &NodeHandle) -> Result<ChainConfig, CliError> {
    let file = folder.join(format!("{}.toml", plan.name));
    let endpoint = |url: &str| -> Result<Vec<Endpoint>, CliError> {
        let url = value::url(url).map_err(|unfit| ConfigError::one(&file, "url", unfit.expected, unfit.found))?;
        let url = EndpointUrl::Plain(url);
        Ok(vec![Endpoint { url, authorities_file: None, headers: BTreeMap::new() }])
    };
    let rules = match plan.consensus {
        PlannedConsensus::Qbft => ConsensusRules::Qbft {
            kind: light_client_qbft::Kind::Qbft,
            trust_level: light_client_qbft::TrustLevel::Strict,
        },
        PlannedConsensus::Tendermint(chain_id, _) => ConsensusRules::Tendermint(TendermintRules {
            chain_id: value::tendermint_chain_id(chain_id)
                .map_err(|unfit| ConfigError::one(&file, "chain_id", unfit.expected, unfit.found))?,
            trust_level: light_client_tendermint::TrustLevel::ONE_THIRD,
            store: "evm".to_owned(),
            store_tree: light_client_tendermint::StoreTree::Jmt,
            tree_hash: light_client_tendermint::TreeHash::Sha256,
            sm2: Sm2::default(),
            initial_height: DEFAULT_INITIAL_HEIGHT,
            endpoints: endpoint(node.tendermint_url.as_deref().unwrap_or_default())?,
        }),
    };
    Ok(ChainConfig {
        name: plan.name.to_owned(),
        endpoints: endpoint(&node.url)?,
        file,
        consensus: Consensus {
            rules,
            trusting_period: Duration::from_secs(14 * 86_400),
            clock_drift: Duration::from_secs(15),
        },
        rpc_timeout: Duration::from_secs(10),
        signer: "relayer".to_owned(),
        settings: ChainSettings::Evm(EvmSettings {
            chain_id: plan.chain_id,
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
        }),
    })
}

/// A chain's client of each chain that it is linked to.
fn clients(config: &Config, name: &str) -> BTreeMap<String, ClientId> {
    let of = |[a, b]: &[PathEnd; 2]| match name {
        _ if a.chain == name => Some((b.chain.clone(), a.client.clone())),
        _ if b.chain == name => Some((a.chain.clone(), b.client.clone())),
        _ => None,
    };
    config.paths.values().filter_map(|path| of(&path.ends)).collect()
}

fn warehouse_id() -> Result<B256, CliError> {
    value::name_or_hash(WAREHOUSE).map_err(|unfit| CliError::No(format!("{unfit:?}")))
}
