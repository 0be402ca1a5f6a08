//! What the scenario plays on: our devchain, go-ethereum with QBFT headers, and between them the real program, set up
//! with an operator's commands.

use super::super::chain::Finality;
use super::super::link::{Plan, linked};
use super::super::people::{Side, Station};
use super::Outcome;
use crate::relayer::{Relayer, configured, edit, write_path};
use alloy_primitives::Address;
use e2e::json_rpc::Endpoint;
use e2e::node::{Node, Options};
use e2e::program::Process;
use std::path::Path;
use std::time::Duration;

/// The names of the two chains and of the path in the configuration.
const CHAINS: [&str; 2] = ["devchain-a", "geth"];
const PATH: &str = "devchain-a-geth";
const CHAIN_IDS: [u64; 2] = [9001, 9002];
/// The warehouses that `init`'s configuration admits.
const CUSTODIANS: [&str; 2] = ["warehouse-a", "warehouse-b"];
/// The client on each chain of the other one.
const CLIENT: &str = "qbft-0";

/// The chains, the program and the people. The fields are dropped in this order: relayer first, chains last.
pub(super) struct Stage {
    pub(super) relayer: Relayer,
    _devchain: Process,
    pub(super) node: Node,
    /// A, our devchain, and B, go-ethereum.
    pub(super) sides: [Side; 2],
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
        let program = configured(&config, directory, &[("operator", &operator.private_key.to_string())])?;
        let mut arguments = vec!["devchain", "--chain-id", "9001", "--period", "0s", "--fund", "key:operator"];
        let (custodian, owner) = (custodian_a.address.to_string(), holder.address.to_string());
        arguments.extend(["--seed", "scenario a", "--fund", &custodian, "--fund", &owner]);
        let (devchain, answer) = program.start("devchain-a", &arguments)?;
        let url = answer["url"].as_str().ok_or("devchain tells no url")?;
        let endpoints = [Endpoint::new(url)?, node.endpoint()];
        configure(&config, endpoints.map(|endpoint| endpoint.url()), [custodian_a.address, custodian_b.address])?;

        let plan = |index: usize, custodian_key| Plan {
            name: CHAINS[index],
            endpoint: endpoints[index],
            finality: Finality::Qbft,
            client: CLIENT,
            station: Station {
                chain_id: CHAIN_IDS[index],
                gas_price_wei: None,
                custodian_id: CUSTODIANS[index],
                custodian_key,
                holder_key: holder.private_key,
            },
        };
        let plans = [plan(0, custodian_a.private_key), plan(1, custodian_b.private_key)];
        let (relayer, sides) = linked(program, PATH, plans)?;
        Ok(Self { relayer, _devchain: devchain, node, sides })
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
    write_path(config, PATH, CHAINS, [CLIENT; 2])
}
