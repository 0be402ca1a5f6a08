//! What the scenario plays on: our devchain, go-ethereum with QBFT headers, and between them the real program, set up
//! with an operator's commands.

use super::{Outcome, PATIENCE, chain::Chain, people::Side};
use alloy_primitives::Address;
use e2e::json_rpc::Endpoint;
use e2e::node::{Node, Options};
use e2e::program::{Process, Program};
use e2e::wait;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// The names of the two chains and of the path in the configuration.
const CHAINS: [&str; 2] = ["devchain-a", "geth"];
pub(super) const PATH: &str = "devchain-a-geth";
const CHAIN_IDS: [u64; 2] = [9001, 9002];
/// The warehouses that `init`'s configuration admits.
const CUSTODIANS: [&str; 2] = ["warehouse-a", "warehouse-b"];
/// The clients that `init`'s configuration names.
const CLIENT: &str = "qbft-0";

/// The chains, the program and the people. The fields are dropped in this order: relayer first, chains last.
pub(super) struct Stage {
    pub(super) relayer: Relayer,
    _devchain: Process,
    pub(super) node: Node,
    /// A, our devchain, and B, go-ethereum.
    pub(super) sides: [Side; 2],
}

/// The program, and the process of it that relays.
pub(super) struct Relayer {
    process: Option<Process>,
    pub(super) program: Program,
}

impl Stage {
    /// Starts both chains and does what `docs/operating.md` tells an operator: configuration, keys, contracts, link,
    /// relayer.
    pub(super) fn set(directory: &Path) -> Outcome<Self> {
        // Blocks each second, the fastest at which the node's clock is right.
        let options =
            Options { chain_id: CHAIN_IDS[1], round_timeout: Duration::from_millis(500), ..Options::default() };
        let node = Node::start(&directory.join("geth"), &options)?;
        // Keys that the node made at its start. One of them pays for the relayer, on both chains.
        let [operator, custodian_a, custodian_b, holder] = node.network().accounts.as_slice() else {
            return Err("expected four funded accounts".into());
        };

        let config = directory.join("config");
        let program = Program::new(config.clone(), directory.to_owned())?;
        program.run(&["init", &config.to_string_lossy()], "")?;
        let password = directory.join("password");
        fs::write(&password, "correct horse battery\n")?;
        program.run(
            &["keys", "import", "operator", "--password-file", &password.to_string_lossy()],
            &operator.private_key.to_string(),
        )?;
        let mut arguments = vec!["devchain", "--chain-id", "9001", "--period", "0s", "--fund", "key:operator"];
        let (custodian, owner) = (custodian_a.address.to_string(), holder.address.to_string());
        arguments.extend(["--seed", "scenario a", "--fund", &custodian, "--fund", &owner]);
        let (devchain, answer) = program.start("devchain-a", &arguments)?;
        let url = answer["url"].as_str().ok_or("devchain tells no url")?;
        let endpoints = [Endpoint::new(url)?, node.endpoint()];
        configure(&config, endpoints.map(|endpoint| endpoint.url()), [custodian_a.address, custodian_b.address])?;

        let mut chains = Vec::new();
        for (name, endpoint) in CHAINS.into_iter().zip(endpoints) {
            let deployed = program.ask(&["deploy", name])?;
            let address = |key: &str| Outcome::Ok(deployed[key].as_str().ok_or("no address")?.parse::<Address>()?);
            chains.push(Chain {
                name,
                endpoint,
                client: CLIENT.to_owned(),
                router: address("router")?,
                ledger: address("ledger")?,
                bridge: address("bridge")?,
                since: deployed["height"].as_u64().ok_or("no height")?,
            });
        }
        program.run(&["link", PATH, "--yes"], "")?;
        program.run(&["check", "--online"], "")?;

        let runtime = Arc::new(Runtime::new()?);
        let [a, b]: [Chain; 2] = chains.try_into().map_err(|_| "two chains")?;
        let sides = [
            Side::new(&runtime, a, CHAIN_IDS[0], CUSTODIANS[0], [custodian_a, holder])?,
            Side::new(&runtime, b, CHAIN_IDS[1], CUSTODIANS[1], [custodian_b, holder])?,
        ];
        let mut relayer = Relayer { process: None, program };
        relayer.start()?;
        Ok(Self { relayer, _devchain: devchain, node, sides })
    }
}

impl Relayer {
    /// `lighterman start`, on the database that is there, and waits until it relays.
    pub(super) fn start(&mut self) -> Outcome {
        let (process, _) = self.program.start("relayer", &["--log-level", "info", "start"])?;
        self.process = Some(process);
        Ok(wait::until("the relayer runs", PATIENCE, || match self.status() {
            Ok(status) if status["running"] == true => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        })?)
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> Outcome {
        self.process.take().ok_or("the relayer does not run")?.kill();
        Ok(())
    }

    /// Ends it as an operator does.
    pub(super) fn end(&mut self) -> Outcome {
        let status = self.process.take().ok_or("the relayer does not run")?.end()?;
        if status.success() { Ok(()) } else { Err(format!("the relayer ended with {status}").into()) }
    }

    /// `lighterman status --json`.
    pub(super) fn status(&self) -> Outcome<Value> {
        Ok(self.program.ask(&["status"])?)
    }
}

/// Changes what `init` wrote into a configuration of these two chains. B is what a consortium with fees would have:
/// EIP-1559 transactions at the node's own prices.
fn configure(config: &Path, [a, b]: [String; 2], custodians: [Address; 2]) -> Outcome {
    let custodian = |address: Address| format!("account = \"{address}\" }}]");
    edit(
        &config.join("chains/devchain-a.toml"),
        "chains/devchain-a.toml",
        config,
        &[("http://127.0.0.1:8545", &a), ("account = \"key:operator\" }]", &custodian(custodians[0]))],
    )?;
    edit(
        &config.join("chains/devchain-b.toml"),
        "chains/geth.toml",
        config,
        &[
            ("http://127.0.0.1:8546", &b),
            ("account = \"key:operator\" }]", &custodian(custodians[1])),
            ("fee = \"legacy\"", "fee = \"dynamic\""),
            ("min_balance_gwei = 0", "min_balance_gwei = 1_000_000_000"),
        ],
    )?;
    edit(
        &config.join("paths/devchain-a-devchain-b.toml"),
        "paths/devchain-a-geth.toml",
        config,
        &[("chain = \"devchain-b\"", "chain = \"geth\"")],
    )?;
    // Free when it is asked for; the relayer is restarted on the same one.
    let page = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    edit(&config.join("relayer.toml"), "relayer.toml", config, &[("127.0.0.1:9180", &page)])
}

/// Writes a file of `init` to another name, with each of the texts replaced; each must be there.
fn edit(from: &Path, to: &str, config: &Path, changes: &[(&str, &str)]) -> Outcome {
    let mut text = fs::read_to_string(from)?;
    for (old, new) in changes {
        if !text.contains(old) {
            return Err(format!("{}: nothing like {old:?} to change", from.display()).into());
        }
        text = text.replacen(old, new, 1);
    }
    fs::remove_file(from)?;
    Ok(fs::write(config.join(to), text)?)
}
