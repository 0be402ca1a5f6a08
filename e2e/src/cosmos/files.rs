//! What a network is before it runs: each node's folder with its keys and settings, and the genesis that all share.

use super::error::{CosmosError, io_error};
use super::kind::Kind;
use super::member::Ports;
use super::{Account, Options, malformed};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// A node's folder.
#[derive(Clone, Debug)]
pub(super) struct Home {
    path: PathBuf,
    pub(super) ports: Ports,
}

/// A network that has not been started.
pub(super) struct Made {
    pub(super) homes: Vec<Home>,
    pub(super) accounts: Vec<Account>,
}

/// What a command printed.
pub(super) struct Printed {
    out: String,
    err: String,
}

/// What `init` and the key ring tell of a node.
struct Identity {
    /// What other nodes know it by.
    node_id: String,
    /// The account of its operator.
    operator: String,
}

/// Makes the folders `node0`, `node1`, … in `directory`; the last ones are the spares.
pub(super) fn make(kind: Kind, program: &Path, directory: &Path, options: &Options) -> Result<Made, CosmosError> {
    let count = options.validators + options.spares;
    let home = |index| Ok(Home { path: directory.join(format!("node{index}")), ports: Ports::free()? });
    let homes: Vec<Home> = (0..count).map(home).collect::<Result<_, CosmosError>>()?;
    let first = homes.first().ok_or(CosmosError::NoSuchNode { node: 0, nodes: 0 })?;
    let identities = at_once(&homes, |home| home.init(program, &options.chain_id))?;
    // One after the other: they share a key ring.
    let account = |name: &String| first.account(kind, program, name);
    let accounts: Vec<Account> = options.accounts.iter().map(account).collect::<Result<_, _>>()?;

    let operators = identities.iter().map(|identity| identity.operator.as_str());
    let funded: Vec<&str> = operators.chain(accounts.iter().map(|account| account.address.as_str())).collect();
    let genesis = with_accounts(kind, first.genesis()?, &funded)?;
    write_genesis(&homes, &genesis)?;
    let validators = homes.get(..options.validators).unwrap_or_default();
    let bonds = first.path.join("config/gentx");
    fs::create_dir_all(&bonds).map_err(io_error("make the folder of the first bonds"))?;
    at_once(validators, |home| home.bond(kind, program, &options.chain_id, &bonds))?;
    first.run(program, &kind.genesis_command("collect-gentxs"))?;
    write_genesis(&homes, &first.genesis()?)?;

    let peer = |(home, identity): (&Home, &Identity)| format!("{}@127.0.0.1:{}", identity.node_id, home.ports.p2p);
    let peers: Vec<String> = homes.iter().zip(&identities).map(peer).collect();
    homes.iter().try_for_each(|home| home.configure(&peers.join(","), options))?;
    Ok(Made { homes, accounts })
}

impl Home {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Beside the folder, where the databases' own logs are not.
    pub(super) fn log(&self) -> PathBuf {
        self.path.with_extension("log")
    }

    /// The node's program, with this folder.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--home").arg(&self.path);
        command
    }

    /// Runs a command of the node to its end, which must be a good one.
    pub(super) fn run(&self, program: &Path, arguments: &[&str]) -> Result<Printed, CosmosError> {
        let output = self.command(program).args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(io_error(format!("run {}", program.display())))?;
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        if output.status.success() {
            return Ok(Printed { out, err });
        }
        Err(CosmosError::Command { arguments: arguments.join(" "), status: output.status, output: out + &err })
    }

    /// Makes the node's keys and settings, and its operator's account.
    fn init(&self, program: &Path, chain_id: &str) -> Result<Identity, CosmosError> {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("node");
        let made = self.run(program, &["init", name, "--chain-id", chain_id])?;
        // The nodes of this family differ in where they say it.
        let told = made.json().or_else(|_| Printed { out: made.err, err: String::new() }.json())?;
        let node_id = text(&told, "node_id")?;
        Ok(Identity { node_id, operator: self.key(program, "operator")? })
    }

    /// Makes a key; its address.
    fn key(&self, program: &Path, name: &str) -> Result<String, CosmosError> {
        let made = self.run(program, &["keys", "add", name, "--keyring-backend", "test", "--output", "json"])?;
        let told = made.json().or_else(|_| Printed { out: made.err, err: String::new() }.json())?;
        text(&told, "address")
    }

    fn account(&self, kind: Kind, program: &Path, name: &str) -> Result<Account, CosmosError> {
        let address = self.key(program, name)?;
        let export = [kind.export_command(name), vec!["--keyring-backend", "test"]].concat();
        let shown = self.run(program, &export)?;
        let private_key = shown.out.trim().to_ascii_lowercase();
        if private_key.len() != 64 {
            return Err(CosmosError::Malformed {
                expected: "64 hex digits",
                found: format!("{} characters", private_key.len()),
            });
        }
        Ok(Account { name: name.to_owned(), address, private_key })
    }

    /// The transaction by which a first validator bonds its stake.
    fn bond(&self, kind: Kind, program: &Path, chain_id: &str, folder: &Path) -> Result<(), CosmosError> {
        let name = self.path.file_name().unwrap_or_default();
        let to = folder.join(name).with_extension("json");
        let to = to.to_string_lossy();
        let mut arguments = kind.genesis_command("gentx");
        arguments.extend(["operator", kind.bond(), "--chain-id", chain_id, "--keyring-backend", "test"]);
        arguments.extend(["--output-document", &to]);
        self.run(program, &arguments).map(drop)
    }

    /// The command that makes this node a validator, without what every transaction has.
    pub(super) fn staking_arguments(&self, kind: Kind) -> Result<Vec<String>, CosmosError> {
        let key = self.validator_key()?;
        let key = json!({"@type": kind.validator_key_type(), "key": text(&key["pub_key"], "value")?});
        let terms = [
            ("amount", kind.bond()),
            ("moniker", "spare"),
            ("commission-rate", "0.1"),
            ("commission-max-rate", "0.2"),
            ("commission-max-change-rate", "0.01"),
            ("min-self-delegation", "1"),
        ];
        let mut arguments = vec!["staking".to_owned(), "create-validator".to_owned()];
        if kind == Kind::Irita {
            arguments.extend(["--pubkey".to_owned(), key.to_string()]);
            arguments.extend(terms.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]));
            return Ok(arguments);
        }
        // Since SDK 0.50 the terms are in a file.
        let mut document: serde_json::Map<String, Value> =
            terms.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        document.insert("pubkey".to_owned(), key);
        let file = self.path.join("validator.json");
        fs::write(&file, Value::Object(document).to_string()).map_err(io_error("write the validator's terms"))?;
        arguments.push(file.to_string_lossy().into_owned());
        Ok(arguments)
    }

    /// The address by which the consensus knows this node's validator.
    pub(super) fn validator_address(&self) -> Result<String, CosmosError> {
        text(&self.validator_key()?, "address")
    }

    fn validator_key(&self) -> Result<Value, CosmosError> {
        read_json(&self.path.join("config/priv_validator_key.json"))
    }

    fn genesis(&self) -> Result<Value, CosmosError> {
        read_json(&self.genesis_file())
    }

    fn genesis_file(&self) -> PathBuf {
        self.path.join("config/genesis.json")
    }

    /// Settings for nodes that are all on one machine.
    fn configure(&self, peers: &str, options: &Options) -> Result<(), CosmosError> {
        let file = self.path.join("config/config.toml");
        let mut settings = fs::read_to_string(&file).map_err(io_error("read a node's settings"))?;
        let block_time = format!("\"{}ms\"", options.block_time.as_millis());
        let changes = [
            ("timeout_commit", block_time.as_str()),
            ("timeout_propose", "\"1s\""),
            ("persistent_peers", &format!("\"{peers}\"")),
            ("addr_book_strict", "false"),
            ("allow_duplicate_ip", "true"),
            ("pex", "false"),
            ("pprof_laddr", "\"\""),
        ];
        for (name, value) in changes {
            settings = with_setting(&settings, name, value)?;
        }
        fs::write(&file, settings).map_err(io_error("write a node's settings"))
    }
}

impl Printed {
    /// The JSON document that was printed.
    pub(super) fn json(&self) -> Result<Value, CosmosError> {
        let begin = self.out.find('{').ok_or_else(|| self.no_json())?;
        serde_json::from_str(self.out.get(begin..).unwrap_or_default()).map_err(|_| self.no_json())
    }

    fn no_json(&self) -> CosmosError {
        CosmosError::Malformed { expected: "JSON", found: format!("{}{}", self.out, self.err) }
    }
}

/// The genesis with what this kind of node needs, and with accounts that have coins.
fn with_accounts(kind: Kind, mut genesis: Value, addresses: &[&str]) -> Result<Value, CosmosError> {
    for (place, value) in kind.genesis_changes() {
        *at(&mut genesis, place)? = value;
    }
    let coins: Vec<Value> =
        kind.coins().iter().map(|(denom, amount)| json!({"denom": denom, "amount": amount.to_string()})).collect();
    let supply = |(denom, amount): &(&str, u128)| {
        let sum = u128::try_from(addresses.len()).ok().and_then(|count| amount.checked_mul(count));
        json!({"denom": denom, "amount": sum.unwrap_or(u128::MAX).to_string()})
    };
    *at(&mut genesis, "/app_state/bank/supply")? = kind.coins().iter().map(supply).collect();
    *at(&mut genesis, "/app_state/bank/balances")? =
        addresses.iter().map(|address| json!({"address": address, "coins": coins})).collect();
    *at(&mut genesis, "/app_state/auth/accounts")? =
        addresses.iter().map(|address| kind.genesis_account(address)).collect();
    Ok(genesis)
}

fn at<'a>(document: &'a mut Value, place: &'static str) -> Result<&'a mut Value, CosmosError> {
    document
        .pointer_mut(place)
        .ok_or_else(|| CosmosError::Malformed { expected: place, found: "nothing there".to_owned() })
}

fn write_genesis(homes: &[Home], genesis: &Value) -> Result<(), CosmosError> {
    let text = genesis.to_string();
    homes.iter().try_for_each(|home| fs::write(home.genesis_file(), &text).map_err(io_error("write the genesis")))
}

/// Sets a value in a file of `name = value` lines, in which the name must be once.
fn with_setting(settings: &str, name: &'static str, value: &str) -> Result<String, CosmosError> {
    let sets = |line: &&str| line.split_once('=').is_some_and(|(left, _)| left.trim() == name);
    let found = settings.lines().filter(sets).count();
    if found != 1 {
        return Err(CosmosError::Malformed { expected: "the setting once", found: format!("{name} {found} times") });
    }
    let line = |line| if sets(&line) { format!("{name} = {value}\n") } else { format!("{line}\n") };
    Ok(settings.lines().map(line).collect())
}

/// Does the same for every node at once, since each takes a second of a processor; the first error of them.
fn at_once<T: Send>(
    homes: &[Home],
    work: impl Fn(&Home) -> Result<T, CosmosError> + Sync,
) -> Result<Vec<T>, CosmosError> {
    let work = &work;
    thread::scope(|scope| {
        let begun: Vec<_> = homes.iter().map(|home| scope.spawn(move || work(home))).collect();
        let ended = begun.into_iter().map(|thread| {
            let panicked = || CosmosError::Malformed { expected: "an outcome", found: "a panic".to_owned() };
            thread.join().map_err(|_| panicked())?
        });
        ended.collect()
    })
}

fn read_json(file: &Path) -> Result<Value, CosmosError> {
    let text = fs::read_to_string(file).map_err(io_error(format!("read {}", file.display())))?;
    serde_json::from_str(&text).map_err(|_| malformed("JSON", &Value::String(file.display().to_string())))
}

fn text(value: &Value, name: &'static str) -> Result<String, CosmosError> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| malformed(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_changed_where_it_stands_once() {
        let settings = "a = 1\n[p2p]\npex = true\n";
        assert_eq!(with_setting(settings, "pex", "false").expect("once"), "a = 1\n[p2p]\npex = false\n");
        for (settings, name) in [(settings, "px"), ("pex = 1\n pex = 2\n", "pex"), ("# pex\n", "pex")] {
            with_setting(settings, name, "false").expect_err(settings);
        }
    }

    #[test]
    fn genesis_lists_every_account_once_and_their_sum() {
        for kind in Kind::ALL {
            let genesis = json!({
                "app_state": {
                    "auth": {"accounts": []}, "bank": {"balances": [], "supply": [], "denom_metadata": []},
                    "staking": {"params": {"bond_denom": ""}}, "evm": {"params": {"evm_denom": ""}},
                },
                "consensus": {"params": {"block": {"max_gas": ""}}}, "consensus_params": {"block": {"max_gas": ""}},
            });
            let genesis = with_accounts(kind, genesis, &["a", "b"]).expect("has every place");
            let (denom, amount) = kind.coins()[0];
            let sum = json!({"denom": denom, "amount": (2 * amount).to_string()});
            assert_eq!(genesis.pointer("/app_state/bank/supply/0"), Some(&sum), "{kind:?}");
            assert_eq!(genesis.pointer("/app_state/bank/balances/1/address"), Some(&json!("b")), "{kind:?}");
            let account = genesis.pointer("/app_state/auth/accounts/0").expect("an account");
            let address = account.get("address").or_else(|| account.pointer("/base_account/address"));
            assert_eq!(address, Some(&json!("a")), "{kind:?}");
            with_accounts(kind, json!({}), &["a"]).expect_err("nothing to change");
        }
    }
}
