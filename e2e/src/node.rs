//! The independent node: go-ethereum 1.16.7 with QBFT headers, all validator keys in one process.
//!
//! Built from `nodes/qbft-devnode` into `.run/qbft-devnode` (both beside this crate), started on a free port of
//! loopback. It ends with the test that started it, also when that is killed: the node holds the other end of a pipe
//! and ends when the pipe closes.

use crate::json_rpc::{Endpoint, RpcError};
use crate::recipe::{self, RecipeError};
use crate::wait;
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for the first answer after a start. Under load on two cores it has taken 3 s.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Longest wait for the node to end by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Why the node could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file or a process could not be had.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The node could not be built.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The node ended or fell silent before it answered.
    #[error("the node did not start: {reason}; its log: {log}")]
    Start {
        /// How it was seen.
        reason: String,
        /// What it printed.
        log: String,
    },
    /// `network.json` is not as expected.
    #[error("network.json")]
    Network(#[source] serde_json::Error),
    /// A call failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// The hard fork all instructions and header fields are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// 15 header fields, as GoQuorum. Legacy transactions only.
    Berlin,
    /// 16 header fields.
    London,
    /// 17 header fields.
    Shanghai,
    /// 20 header fields.
    Cancun,
    /// 21 header fields, BLS precompiles.
    Prague,
    /// 21 header fields, P-256 precompile.
    Osaka,
}

impl Fork {
    /// All of them, oldest first.
    pub const ALL: [Self; 6] = [Self::Berlin, Self::London, Self::Shanghai, Self::Cancun, Self::Prague, Self::Osaka];

    /// The name the node knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Berlin => "berlin",
            Self::London => "london",
            Self::Shanghai => "shanghai",
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
        }
    }

    /// Fields of a block header under this fork.
    #[must_use]
    pub const fn header_fields(self) -> usize {
        match self {
            Self::Berlin => 15,
            Self::London => 16,
            Self::Shanghai => 17,
            Self::Cancun => 20,
            Self::Prague | Self::Osaka => 21,
        }
    }
}

/// How a new chain is made. A directory that holds a chain keeps that chain's keys, fork, period and epoch.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The chain's id.
    pub chain_id: u64,
    /// The fork active from the first block.
    pub fork: Fork,
    /// Keys in the genesis set.
    pub validators: u8,
    /// Further keys, for votes.
    pub candidates: u8,
    /// Funded accounts.
    pub accounts: u8,
    /// Time between blocks. Below a second, block times run ahead of the clock, one second a block.
    pub period: Duration,
    /// How long round 0 waits for its proposer; doubles each round.
    pub round_timeout: Duration,
    /// Open votes are dropped every so many blocks.
    pub epoch_blocks: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chain_id: 1337,
            fork: Fork::London,
            validators: 4,
            candidates: 2,
            accounts: 4,
            period: Duration::from_secs(1),
            round_timeout: Duration::from_secs(1),
            epoch_blocks: 30_000,
        }
    }
}

/// What the node writes into `network.json`: who it is, and keys made at its first start that exist nowhere else.
#[derive(Clone, Debug, Deserialize)]
pub struct Network {
    /// The address it answers at.
    pub url: String,
    /// The chain's id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// The genesis set.
    pub validators: Vec<Account>,
    /// Keys that are not validators at genesis and can be voted in.
    pub candidates: Vec<Account>,
    /// Funded accounts.
    pub accounts: Vec<Account>,
}

/// An address and its key.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// The address.
    pub address: Address,
    /// The key.
    pub private_key: B256,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One key the node holds, after the latest block.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Validator {
    /// Its address.
    pub address: Address,
    /// Whether it is in the set.
    pub validator: bool,
    /// Whether it proposes and seals.
    pub online: bool,
}

/// How a header forged by [`Node::forge`] differs from the real one; `None` and empty mean unchanged.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgery {
    /// Another state root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_root: Option<B256>,
    /// Another parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_hash: Option<B256>,
    /// Another set in the header.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validators: Vec<Address>,
    /// Who seals; a quorum of the real set when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Address>,
}

/// A running node. Dropping it ends the process.
#[derive(Debug)]
pub struct Node {
    process: Child,
    endpoint: Endpoint,
    network: Network,
}

impl Node {
    /// Builds the node when its sources changed, and starts it with its data in `directory`.
    ///
    /// # Errors
    /// [`NodeError`] when it cannot be built (Go and a C compiler are needed) or does not answer.
    pub fn start(directory: &Path, options: &Options) -> Result<Self, NodeError> {
        let binary = build()?;
        fs::create_dir_all(directory).map_err(|source| io_error("make the node's directory", source))?;
        let log = directory.join("log");
        let output = File::create(&log).map_err(|source| io_error("make the node's log", source))?;
        let errors = output.try_clone().map_err(|source| io_error("share the node's log", source))?;
        let mut process = Command::new(&binary)
            .arg("-dir")
            .arg(directory)
            .args(["-port", "0", "-until-stdin-closes"])
            .args(options.arguments())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| io_error(&format!("start {}", binary.display()), source))?;
        let ready = wait::until("the node's first answer", START_LIMIT, || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let ended = process.try_wait().map_err(|error| error.to_string())?;
            // It ends by itself only when it fails; that is an answer too, and not worth the whole limit.
            if text.lines().any(|line| line.starts_with("ready ")) {
                Ok(true)
            } else {
                ended.map(|_| false).ok_or(text)
            }
        });
        if !matches!(ready, Ok(true)) {
            let reason = ready.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
            end(&mut process);
            return Err(NodeError::Start { reason, log: fs::read_to_string(&log).unwrap_or_default() });
        }
        let text = fs::read_to_string(directory.join("network.json"))
            .map_err(|source| io_error("read network.json", source))?;
        let network: Network = serde_json::from_str(&text).map_err(NodeError::Network)?;
        Ok(Self { process, endpoint: Endpoint::new(&network.url)?, network })
    }

    /// Who the chain is and whose keys it holds.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Where it answers JSON-RPC.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Ends the node and waits until it has ended. Its directory can be started again.
    pub fn stop(mut self) {
        end(&mut self.process);
    }

    /// Number of the latest block.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn height(&self) -> Result<u64, NodeError> {
        let number: String = self.endpoint.call("eth_blockNumber", json!([]))?;
        u64::from_str_radix(number.trim_start_matches("0x"), 16).map_err(|_| {
            RpcError::Malformed { method: "eth_blockNumber".to_owned(), expected: "a quantity", found: number }.into()
        })
    }

    /// The set listed in the header of that height, in header order.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn validators_at(&self, height: u64) -> Result<Vec<Address>, NodeError> {
        Ok(self.endpoint.call("qbft_getValidatorsByBlockNumber", json!([quantity(height)]))?)
    }

    /// The block header as the node stores it, with seals, in RLP.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn raw_header(&self, height: u64) -> Result<Bytes, NodeError> {
        Ok(self.endpoint.call("debug_getRawHeader", json!([quantity(height)]))?)
    }

    /// Every key the node holds, by address.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn validators(&self) -> Result<Vec<Validator>, NodeError> {
        Ok(self.endpoint.call("lab_status", json!([]))?)
    }

    /// Stops a validator (it neither proposes nor seals) or lets it go on.
    ///
    /// # Errors
    /// [`NodeError::Rpc`], among others for a key the node does not hold.
    pub fn set_online(&self, validator: Address, online: bool) -> Result<(), NodeError> {
        self.void("lab_setOnline", json!([validator, online]))
    }

    /// Makes `voters` (every key when empty) vote for (`add`) or against the candidate whenever they propose.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn propose(&self, candidate: Address, add: bool, voters: &[Address]) -> Result<(), NodeError> {
        let voters = (!voters.is_empty()).then_some(voters);
        self.void("lab_propose", json!([candidate, add, voters]))
    }

    /// Withdraws the intention to vote on the candidate; votes in blocks stay.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn discard(&self, candidate: Address) -> Result<(), NodeError> {
        self.void("lab_discard", json!([candidate]))
    }

    /// A header like the one at `height`, changed and sealed again, in RLP. The chain itself does not change.
    ///
    /// # Errors
    /// [`NodeError::Rpc`].
    pub fn forge(&self, height: u64, forgery: &Forgery) -> Result<Bytes, NodeError> {
        Ok(self.endpoint.call("lab_forge", json!([quantity(height), forgery]))?)
    }

    fn void(&self, method: &str, params: Value) -> Result<(), NodeError> {
        self.endpoint.call::<Value>(method, params)?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let flags = [
            ("-chain-id", self.chain_id.to_string()),
            ("-fork", self.fork.name().to_owned()),
            ("-validators", self.validators.to_string()),
            ("-candidates", self.candidates.to_string()),
            ("-accounts", self.accounts.to_string()),
            ("-period-ms", self.period.as_millis().to_string()),
            ("-timeout-ms", self.round_timeout.as_millis().to_string()),
            ("-epoch", self.epoch_blocks.to_string()),
        ];
        flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

/// Builds the node into `.run/qbft-devnode` and returns the binary. The script does nothing when it is up to date.
///
/// # Errors
/// [`NodeError::Recipe`].
pub fn build() -> Result<PathBuf, NodeError> {
    Ok(recipe::build("qbft-devnode", "qbft-devnode")?)
}

/// Closes the pipe the node watches, waits for its end, and kills it when that does not come.
fn end(process: &mut Child) {
    drop(process.stdin.take());
    let asked = Instant::now();
    while asked.elapsed() < STOP_LIMIT {
        if !matches!(process.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // Failing to kill or to reap leaves nothing else to try; the process table is the system's.
    let _ = process.kill();
    let _ = process.wait();
}

fn quantity(number: u64) -> String {
    format!("{number:#x}")
}

fn io_error(what: &str, source: io::Error) -> NodeError {
    NodeError::Io { what: what.to_owned(), source }
}
