//! Networks of real nodes of the Cosmos family, each node a process, made from the recipes in `nodes/`.
//!
//! A network is made in a folder of its own, on free ports of loopback, with keys made at its start. It ends with the
//! test that started it, also when that is killed: each node holds the other end of a pipe and ends when that closes.

mod error;
mod files;
mod header;
mod kind;
mod member;

pub use error::CosmosError;
pub use header::{Header, header_at};
pub use kind::Kind;
pub use member::Ports;

use crate::json_rpc::Endpoint;
use crate::recipe;
use crate::wait;
use member::Member;
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for a chain's first blocks. Four nodes under load have taken 20 s.
const START_LIMIT: Duration = Duration::from_secs(180);

/// Longest wait for a transaction of the node's own command line to take effect.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(60);

/// A chain is there when it has made so many blocks: before that a node of the SDK answers no question with a proof.
const FIRST_BLOCKS: u64 = 4;

/// How a network is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The chain id of the consensus, `NAME-REVISION`.
    pub chain_id: String,
    /// Members of the first validator set, of equal power.
    pub validators: usize,
    /// Further nodes, which may become validators.
    pub spares: usize,
    /// Pause after each block; a round takes a little longer.
    pub block_time: Duration,
    /// Accounts with coins, by name; "operator" is taken by each node's own.
    pub accounts: Vec<String>,
}

impl Options {
    /// One validator, blocks each second, no account.
    #[must_use]
    pub fn new(chain_id: &str) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            validators: 1,
            spares: 0,
            block_time: Duration::from_secs(1),
            accounts: vec![],
        }
    }
}

/// An account with coins, its key made by the node's own key command.
#[derive(Clone)]
pub struct Account {
    /// Its name in the first node's key ring.
    pub name: String,
    /// Its address in the chain's own form.
    pub address: String,
    /// The key, 64 hex digits.
    pub private_key: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).field("address", &self.address).finish_non_exhaustive()
    }
}

/// A validator as the consensus knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Validator {
    /// Its address, upper-case hex.
    pub address: String,
    /// Its voting power.
    pub power: u64,
}

/// A running network. Dropping it ends every node.
#[derive(Debug)]
pub struct CosmosNetwork {
    kind: Kind,
    program: PathBuf,
    chain_id: String,
    members: Vec<Member>,
    accounts: Vec<Account>,
}

impl CosmosNetwork {
    /// Builds the node when its sources changed, makes a network in `directory` and starts it; returns when it makes
    /// blocks and every node answers.
    ///
    /// # Errors
    /// [`CosmosError`] when it cannot be built (Go and a C compiler are needed), made or started.
    pub fn start(kind: Kind, directory: &Path, options: &Options) -> Result<Self, CosmosError> {
        let program = build(kind)?;
        let made = files::make(kind, &program, directory, options)?;
        let members = made.homes.into_iter().map(|home| Member::new(kind, &program, home));
        let members = members.collect::<Result<_, _>>()?;
        let chain_id = options.chain_id.clone();
        let mut network = Self { kind, program, chain_id, members, accounts: made.accounts };
        for member in &mut network.members {
            member.start()?;
        }
        for index in 0..network.members.len() {
            network.wait_for(index, FIRST_BLOCKS)?;
        }
        Ok(network)
    }

    /// Which node it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The chain id of the consensus.
    #[must_use]
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// The accounts, in the order of [`Options::accounts`].
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Where a node answers Tendermint's RPC.
    ///
    /// # Errors
    /// [`CosmosError::NoSuchNode`].
    pub fn rpc(&self, node: usize) -> Result<Endpoint, CosmosError> {
        Ok(self.member(node)?.rpc())
    }

    /// Where a node answers Ethereum's JSON-RPC, when its chain has an EVM.
    ///
    /// # Errors
    /// [`CosmosError::NoSuchNode`].
    pub fn json_rpc(&self, node: usize) -> Result<Endpoint, CosmosError> {
        Ok(self.member(node)?.json_rpc())
    }

    /// The latest height that a node has.
    ///
    /// # Errors
    /// [`CosmosError::Rpc`], [`CosmosError::Malformed`].
    pub fn height(&self, node: usize) -> Result<u64, CosmosError> {
        height(self.rpc(node)?)
    }

    /// The validators that sign a height, in set order.
    ///
    /// # Errors
    /// [`CosmosError::Rpc`], [`CosmosError::Malformed`].
    pub fn validators_at(&self, node: usize, height: u64) -> Result<Vec<Validator>, CosmosError> {
        validators_at(self.rpc(node)?, height)
    }

    /// Ends a node and waits until it has ended; it can be started again.
    ///
    /// # Errors
    /// [`CosmosError::NoSuchNode`].
    pub fn stop_node(&mut self, node: usize) -> Result<(), CosmosError> {
        self.member_mut(node)?.stop();
        Ok(())
    }

    /// Starts a node that was stopped, and waits until it has caught up with a height that another one has.
    ///
    /// # Errors
    /// [`CosmosError`].
    pub fn start_node(&mut self, node: usize, height: u64) -> Result<(), CosmosError> {
        self.member_mut(node)?.start()?;
        self.wait_for(node, height)
    }

    /// Makes a spare node a validator, with the power of the first ones, by the node's own command line; returns when
    /// the set has it, with the first height seen that it signs.
    ///
    /// # Errors
    /// [`CosmosError`].
    pub fn stake(&self, node: usize) -> Result<u64, CosmosError> {
        let member = self.member(node)?;
        let address = member.home.validator_address()?;
        let arguments = member.home.staking_arguments(self.kind)?;
        self.transact(node, "operator", &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        let joined = wait::until(&format!("{address} is a validator"), TRANSACTION_LIMIT, || {
            let look = || -> Result<_, CosmosError> {
                let height = self.height(node)?;
                Ok((height, self.validators_at(node, height)?))
            };
            let (height, set) = look().map_err(|error| error.to_string())?;
            if set.iter().any(|one| one.address == address) { Ok(height) } else { Err(format!("{height}: {set:?}")) }
        });
        Ok(joined?)
    }

    /// Signs and sends a transaction with the node's own command line, from a key in that node's key ring, and waits
    /// until it is in a block and has succeeded. Returns what RPC tells of the transaction.
    ///
    /// # Errors
    /// [`CosmosError::Refused`] when the chain refuses it, before or in the block.
    pub fn transact(&self, node: usize, from: &str, arguments: &[&str]) -> Result<Value, CosmosError> {
        let member = self.member(node)?;
        let url = member.rpc().url().replacen("http", "tcp", 1);
        let common = ["--from", from, "--keyring-backend", "test", "--chain-id", &self.chain_id, "--node", &url];
        let rest =
            ["--gas", "400000", "--fees", self.kind.fees(), "--broadcast-mode", "sync", "--output", "json", "-y"];
        let sent = member.home.run(&self.program, &[&["tx"], arguments, &common, &rest].concat())?;
        let sent = sent.json()?;
        let refused = |answer: &Value| CosmosError::Refused {
            arguments: arguments.join(" "),
            reason: format!(
                "code {}: {}",
                answer["code"],
                answer["raw_log"].as_str().or(answer["log"].as_str()).unwrap_or_default()
            ),
        };
        let hash = match (sent["code"].as_u64(), sent["txhash"].as_str()) {
            (Some(0), Some(hash)) => hash.to_owned(),
            _ => return Err(refused(&sent)),
        };
        let found = wait::until(&format!("transaction {hash} is in a block"), TRANSACTION_LIMIT, || {
            let query = json!({"query": format!("tx.hash='{hash}'"), "page": "1", "per_page": "1"});
            let mut found: Value = member.rpc().call("tx_search", query).map_err(|error| error.to_string())?;
            found["txs"].get_mut(0).map(Value::take).ok_or_else(|| "none".to_owned())
        })?;
        if found["tx_result"]["code"].as_u64() == Some(0) { Ok(found) } else { Err(refused(&found["tx_result"])) }
    }

    /// What the network is, for people and other programs: where each node answers, and the accounts with their keys.
    #[must_use]
    pub fn describe(&self) -> Value {
        let node = |member: &Member| {
            let json_rpc = self.kind.evm_chain_id().map(|_| member.json_rpc().url());
            json!({"rpc": member.rpc().url(), "json_rpc": json_rpc, "home": member.home.path()})
        };
        let account = |account: &Account| json!({"name": account.name, "address": account.address, "private_key": account.private_key});
        json!({
            "node": self.kind.recipe(),
            "chain_id": self.chain_id,
            "evm_chain_id": self.kind.evm_chain_id(),
            "nodes": self.members.iter().map(node).collect::<Vec<_>>(),
            "accounts": self.accounts.iter().map(account).collect::<Vec<_>>(),
        })
    }

    fn wait_for(&mut self, node: usize, height: u64) -> Result<(), CosmosError> {
        let has_evm = self.kind.evm_chain_id().is_some();
        let member = self.member_mut(node)?;
        let reached = wait::until(&format!("node {node} at height {height}"), START_LIMIT, || {
            if let Some(status) = member.ended() {
                // It ends by itself only when it fails; that is an answer too, and not worth the whole limit.
                return Ok(Err(status));
            }
            let found = self::height(member.rpc()).map_err(|error| error.to_string())?;
            if has_evm {
                // It comes up some seconds after the other.
                member.json_rpc().call::<Value>("eth_blockNumber", json!([])).map_err(|error| error.to_string())?;
            }
            if found >= height { Ok(Ok(())) } else { Err(format!("height {found}")) }
        });
        match reached {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => Err(member.not_started(&format!("it ended with {status}"))),
            Err(error) => Err(member.not_started(&error.to_string())),
        }
    }

    fn member(&self, node: usize) -> Result<&Member, CosmosError> {
        self.members.get(node).ok_or(CosmosError::NoSuchNode { node, nodes: self.members.len() })
    }

    fn member_mut(&mut self, node: usize) -> Result<&mut Member, CosmosError> {
        let nodes = self.members.len();
        self.members.get_mut(node).ok_or(CosmosError::NoSuchNode { node, nodes })
    }
}

impl Drop for CosmosNetwork {
    fn drop(&mut self) {
        // All are asked before the first is waited for.
        self.members.iter_mut().for_each(Member::ask_to_end);
        self.members.iter_mut().for_each(Member::stop);
    }
}

/// Builds a node into `.run/` and returns the program. Nothing is done when it is up to date.
///
/// # Errors
/// [`CosmosError::Recipe`].
pub fn build(kind: Kind) -> Result<PathBuf, CosmosError> {
    Ok(recipe::build(kind.recipe(), kind.program())?)
}

/// The latest height, by Tendermint's RPC.
///
/// # Errors
/// [`CosmosError::Rpc`], [`CosmosError::Malformed`].
pub fn height(rpc: Endpoint) -> Result<u64, CosmosError> {
    let status: Value = rpc.call("status", json!({}))?;
    number(&status["sync_info"]["latest_block_height"])
}

/// The validators that sign a height, in set order, by Tendermint's RPC.
///
/// # Errors
/// [`CosmosError::Rpc`], [`CosmosError::Malformed`].
pub fn validators_at(rpc: Endpoint, height: u64) -> Result<Vec<Validator>, CosmosError> {
    let answer: Value = rpc.call("validators", json!({"height": height.to_string(), "per_page": "100"}))?;
    let set = answer["validators"].as_array().ok_or_else(|| malformed("validators", &answer))?;
    let read = |one: &Value| {
        let address = one["address"].as_str().ok_or_else(|| malformed("an address", one))?.to_owned();
        Ok(Validator { address, power: number(&one["voting_power"])? })
    };
    set.iter().map(read).collect()
}

/// A number as Tendermint's JSON writes it: in a string.
fn number(value: &Value) -> Result<u64, CosmosError> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a number in a string", value))
}

fn malformed(expected: &'static str, found: &Value) -> CosmosError {
    CosmosError::Malformed { expected, found: found.to_string() }
}
