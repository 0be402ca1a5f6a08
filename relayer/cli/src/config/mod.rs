//! The operator's configuration: a folder with `relayer.toml`, `chains/<name>.toml` and `paths/<name>.toml`.
//!
//! Reading it tells of everything that is wrong at once, each with file, line, key, what is needed and what is there.
//! Nothing here talks to a chain and nothing reads a private key.

pub(crate) mod edit;
mod load;
mod problem;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod validate;
pub(crate) mod value;

pub(crate) use load::{CONFIG_FILE, load, locate};
pub(crate) use problem::{ConfigError, Problem};
pub(crate) use schema::{FeeKind, LogFormat, PathLimits};
pub(crate) use value::AccountName;

use adapter_cosmos::{GasPrice, KeyKind};
use alloy_primitives::{Address, B256};
use light_client::{ChainId, ClientId, Height};
use light_client_crypto::Sm2;
use light_client_tendermint::revision_of;
use relayer_core::PathId;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// All of a configuration, checked as far as that goes without a network and without keys.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The folder that relative file names start from.
    pub(crate) folder: PathBuf,
    /// The database's file.
    pub(crate) database: PathBuf,
    /// Where page and metrics listen.
    pub(crate) listen: SocketAddr,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// What is logged.
    pub(crate) log_level: String,
    /// How often a chain is asked for its head.
    pub(crate) poll_interval: Duration,
    /// The longest that one call to a chain may take, all endpoints together.
    pub(crate) call_timeout: Duration,
    /// The bounds of the relayer's work.
    pub(crate) limits: relayer_core::Limits,
    /// Whether the page may listen at an address that other machines reach.
    pub(crate) allow_other_hosts: bool,
    /// Keys by name.
    pub(crate) keys: BTreeMap<String, KeySource>,
    /// Chains by name.
    pub(crate) chains: BTreeMap<String, ChainConfig>,
    /// Paths by name.
    pub(crate) paths: BTreeMap<String, PathConfig>,
}

/// Where a private key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A keystore file.
    Keystore {
        /// The file.
        file: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
    /// An environment variable with the key in hex.
    Variable(String),
}

/// Where a keystore's password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// The person at the terminal.
    Prompt,
}

/// One chain.
#[derive(Clone, Debug)]
pub(crate) struct ChainConfig {
    /// Its file's name without ".toml".
    pub(crate) name: String,
    /// Its file.
    pub(crate) file: PathBuf,
    /// Its nodes.
    pub(crate) endpoints: Vec<Endpoint>,
    /// How its headers become final.
    pub(crate) consensus: Consensus,
    /// The longest wait for one answer.
    pub(crate) rpc_timeout: Duration,
    /// The name of the key that signs.
    pub(crate) signer: String,
    /// What only chains of its kind have.
    pub(crate) settings: ChainSettings,
}

/// What chains of one kind have.
#[derive(Clone, Debug)]
pub(crate) enum ChainSettings {
    /// Ethereum-compatible.
    Evm(EvmSettings),
    /// Of the Cosmos SDK with ibc-go.
    Cosmos(CosmosSettings),
}

/// What an Ethereum-compatible chain has.
#[derive(Clone, Debug)]
pub(crate) struct EvmSettings {
    /// Its EVM chain id.
    pub(crate) chain_id: u64,
    /// The kind of transactions.
    pub(crate) fee: FeeKind,
    /// What is offered for a unit of gas, or to the proposer where `fee` is dynamic; the node's suggestion when `None`.
    pub(crate) gas_price_wei: Option<u64>,
    /// The most offered for a unit of gas, in wei.
    pub(crate) max_gas_price_wei: u64,
    /// The greatest gas limit of a transaction.
    pub(crate) max_gas: u64,
    /// Less than this is too little, in wei.
    pub(crate) min_balance_wei: u128,
    /// Who decides.
    pub(crate) governance: GovernanceConfig,
    /// The port of the receipt bridge.
    pub(crate) port: String,
    /// Warehouses: id and account.
    pub(crate) custodians: Vec<(B256, AccountName)>,
    /// What `deploy` has made.
    pub(crate) contracts: Option<Contracts>,
}

/// What a chain of the Cosmos SDK has.
#[derive(Clone, Debug)]
pub(crate) struct CosmosSettings {
    /// What it calls itself.
    pub(crate) chain_id: ChainId,
    /// The kind of the signer's key.
    pub(crate) key_type: KeyKind,
    /// What its addresses begin with.
    pub(crate) bech32_prefix: String,
    /// What is paid for a unit of gas.
    pub(crate) gas_price: GasPrice,
    /// The greatest gas limit of a transaction.
    pub(crate) max_gas: u64,
    /// Less than this is too little, in the denomination of `gas_price`.
    pub(crate) min_balance: u128,
}

impl ChainConfig {
    /// What an Ethereum-compatible chain has.
    ///
    /// # Errors
    /// When the chain is of another kind.
    pub(crate) fn evm(&self) -> Result<&EvmSettings, ConfigError> {
        match &self.settings {
            ChainSettings::Evm(settings) => Ok(settings),
            ChainSettings::Cosmos(_) => Err(self.wrong_kind()),
        }
    }

    /// That something needs a chain of the other kind.
    pub(crate) fn wrong_kind(&self) -> ConfigError {
        let other = match self.settings {
            ChainSettings::Evm(_) => "cosmos",
            ChainSettings::Cosmos(_) => "evm",
        };
        ConfigError::one(&self.file, "kind", format!("{other:?}"), format!("{:?}", self.kind()))
    }

    /// As [`ChainConfig::evm`], with the contracts that `deploy` has made.
    ///
    /// # Errors
    /// Also when there are none yet.
    pub(crate) fn deployed(&self) -> Result<(&EvmSettings, Contracts), ConfigError> {
        let settings = self.evm()?;
        let advice = || format!("the contracts' addresses (run `lighterman deploy {}` first)", self.name);
        let missing = || ConfigError::one(&self.file, "contracts", advice(), "none");
        Ok((settings, settings.contracts.ok_or_else(missing)?))
    }

    /// The chain's height of this number, with the revision that its clients give it.
    pub(crate) fn height(&self, number: u64) -> Height {
        match &self.consensus.rules {
            ConsensusRules::Qbft { .. } => Height::new(number),
            ConsensusRules::Tendermint(rules) => Height::with_revision(revision_of(&rules.chain_id), number),
        }
    }

    /// Every endpoint with its key: the chain's own, and those that its consensus is asked at.
    pub(crate) fn all_endpoints(&self) -> impl Iterator<Item = (String, &Endpoint)> {
        let consensus: &[Endpoint] = match (&self.settings, &self.consensus.rules) {
            (ChainSettings::Evm(_), ConsensusRules::Tendermint(rules)) => &rules.endpoints,
            // The nodes of a chain of the Cosmos SDK are asked for both.
            (ChainSettings::Cosmos(_), _) | (_, ConsensusRules::Qbft { .. }) => &[],
        };
        let keyed = |key: &'static str| move |(index, endpoint)| (format!("{key}[{index}]"), endpoint);
        let own = self.endpoints.iter().enumerate().map(keyed("endpoints"));
        own.chain(consensus.iter().enumerate().map(keyed("consensus.endpoints")))
    }

    /// The kind of adapter that the chain needs, as its file has it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.settings {
            ChainSettings::Evm(_) => "evm",
            ChainSettings::Cosmos(_) => "cosmos",
        }
    }

    /// The id that the chain's endpoints must be of.
    pub(crate) fn chain_id(&self) -> String {
        match &self.settings {
            ChainSettings::Evm(settings) => settings.chain_id.to_string(),
            ChainSettings::Cosmos(settings) => settings.chain_id.to_string(),
        }
    }
}

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Its URL.
    pub(crate) url: EndpointUrl,
    /// A file of certificates (PEM) that are trusted besides the public ones.
    pub(crate) authorities_file: Option<PathBuf>,
    /// Headers that its gateway asks for.
    pub(crate) headers: BTreeMap<String, HeaderValue>,
}

/// What stands in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderValue {
    /// This text; no secret.
    Plain(String),
    /// What the environment variable of this name holds, because it is a secret.
    Variable(String),
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndpointUrl {
    /// Here; without credentials.
    Plain(reqwest::Url),
    /// In the environment variable of this name, because it holds credentials.
    Variable(String),
}

/// What a light client of the chain is told once and for all.
#[derive(Clone, Debug)]
pub(crate) struct Consensus {
    /// The protocol, and what it needs.
    pub(crate) rules: ConsensusRules,
    /// After this a client has expired.
    pub(crate) trusting_period: Duration,
    /// How far ahead a header's time may be.
    pub(crate) clock_drift: Duration,
}

/// How headers become final.
#[derive(Clone, Debug)]
pub(crate) enum ConsensusRules {
    /// QBFT or IBFT 2.0.
    Qbft {
        /// Which of them.
        kind: light_client_qbft::Kind,
        /// How much of the trusted set must seal a header under a changed one.
        trust_level: light_client_qbft::TrustLevel,
    },
    /// Tendermint.
    Tendermint(TendermintRules),
}

/// The height of a Tendermint chain's first block when its genesis names none.
pub(crate) const DEFAULT_INITIAL_HEIGHT: u64 = 1;

/// What a Tendermint client is told.
#[derive(Clone, Debug)]
pub(crate) struct TendermintRules {
    /// What the chain calls itself in its headers.
    pub(crate) chain_id: ChainId,
    /// How much of the trusted set must have voted for a header that is not the next.
    pub(crate) trust_level: light_client_tendermint::TrustLevel,
    /// The store that the commitments are in.
    pub(crate) store: String,
    /// The kind of tree that the store is.
    pub(crate) store_tree: light_client_tendermint::StoreTree,
    /// The hash of headers, sets and stores.
    pub(crate) tree_hash: light_client_tendermint::TreeHash,
    /// How SM2 keys sign.
    pub(crate) sm2: Sm2,
    /// The height of the first block.
    pub(crate) initial_height: u64,
    /// Where nodes answer Tendermint RPC.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// Who decides on a chain's contracts.
#[derive(Clone, Debug)]
pub(crate) struct GovernanceConfig {
    /// Its members.
    pub(crate) members: Vec<AccountName>,
    /// How many must approve.
    pub(crate) threshold: u16,
    /// How long an approved act waits.
    pub(crate) delay: Duration,
}

/// The contracts on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Contracts {
    /// The hash of the chain's first header.
    pub(crate) genesis_hash: B256,
    /// The height at which the Router was made: its events are looked for from here on.
    pub(crate) height: u64,
    /// The contract of members and delay.
    pub(crate) governance: Address,
    /// The Router.
    pub(crate) router: Address,
    /// The receipt ledger.
    pub(crate) ledger: Address,
    /// The receipt bridge.
    pub(crate) bridge: Address,
}

/// One path.
#[derive(Clone, Debug)]
pub(crate) struct PathConfig {
    /// Its file's name without ".toml".
    pub(crate) id: PathId,
    /// Whether the relayer works on it.
    pub(crate) enabled: bool,
    /// Both ends.
    pub(crate) ends: [PathEnd; 2],
    /// What is another for it than for all paths.
    pub(crate) limits: PathLimits,
}

/// One end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathEnd {
    /// The chain's name.
    pub(crate) chain: String,
    /// The client on that chain that follows the other end.
    pub(crate) client: ClientId,
}

impl Config {
    /// A chain, or an error that lists those there are.
    pub(crate) fn chain(&self, name: &str) -> Result<&ChainConfig, ConfigError> {
        self.chains.get(name).ok_or_else(|| {
            ConfigError::one(self.folder.join("chains"), "CHAIN", one_of(self.chains.keys()), quoted(name))
        })
    }

    /// The file of a path.
    pub(crate) fn path_file(&self, path: &PathConfig) -> PathBuf {
        self.folder.join("paths").join(format!("{}.toml", path.id))
    }

    /// A path, or an error that lists those there are.
    pub(crate) fn path(&self, name: &str) -> Result<&PathConfig, ConfigError> {
        self.paths
            .get(name)
            .ok_or_else(|| ConfigError::one(self.folder.join("paths"), "PATH", one_of(self.paths.keys()), quoted(name)))
    }
}

/// "one of a, b", or that there are none.
pub(crate) fn one_of<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() {
        "one that is configured (there are none)".into()
    } else {
        format!("one of {}", names.join(", "))
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
