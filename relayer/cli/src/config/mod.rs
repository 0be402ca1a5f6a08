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
pub(crate) use schema::{ChainKind, ConsensusKind, FeeKind, LogFormat, TrustLevel};
pub(crate) use value::AccountName;

use alloy_primitives::{Address, B256};
use light_client::ClientId;
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
    /// Which adapter it needs.
    pub(crate) kind: ChainKind,
    /// Its EVM chain id.
    pub(crate) chain_id: u64,
    /// Its nodes.
    pub(crate) endpoints: Vec<Endpoint>,
    /// How its headers become final.
    pub(crate) consensus: Consensus,
    /// The longest wait for one answer.
    pub(crate) rpc_timeout: Duration,
    /// The name of the key that signs.
    pub(crate) signer: String,
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

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Its URL.
    pub(crate) url: EndpointUrl,
    /// A file of certificates (PEM) that are trusted besides the public ones.
    pub(crate) authorities_file: Option<PathBuf>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consensus {
    /// The protocol.
    pub(crate) kind: ConsensusKind,
    /// How much of the trusted set must seal a header under a changed one.
    pub(crate) trust_level: TrustLevel,
    /// After this a client has expired.
    pub(crate) trusting_period: Duration,
    /// How far ahead a header's time may be.
    pub(crate) clock_drift: Duration,
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
