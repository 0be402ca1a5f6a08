//! What the scenario plays on: a network of cosmos/evm, go-ethereum with QBFT headers, and between them the real program.

use super::super::chain::Finality;
use super::super::link::{Plan, linked};
use super::super::network;
use super::super::people::{Side, Station};
use super::Outcome;
use crate::relayer::{Relayer, configured, edit, write_path};
use e2e::cosmos::{CosmosNetwork, Kind};
use e2e::node::{Node, Options};
use std::path::Path;
use std::time::Duration;

/// The names of the two chains and of the path in the configuration.
pub(super) const CHAINS: [&str; 2] = ["evmd", "geth"];
const PATH: &str = "evmd-geth";
const GETH_CHAIN_ID: u64 = 9002;
const CUSTODIANS: [&str; 2] = ["warehouse-a", "warehouse-b"];
/// The client on each chain of the other one.
const CLIENTS: [&str; 2] = ["qbft-0", "tendermint-0"];

/// The chains, the program and the people. The fields are dropped in this order: relayer first, chains last.
pub(super) struct Stage {
    pub(super) relayer: Relayer,
    /// A, cosmos/evm, and B, go-ethereum.
    pub(super) sides: [Side; 2],
    pub(super) network: CosmosNetwork,
    pub(super) node: Node,
}

impl Stage {
    pub(super) fn set(directory: &Path) -> Outcome<Self> {
        let options =
            Options { chain_id: GETH_CHAIN_ID, round_timeout: Duration::from_millis(500), ..Options::default() };
        let node = Node::start(&directory.join(CHAINS[1]), &options)?;
        let network = CosmosNetwork::start(Kind::Evmd, &directory.join(CHAINS[0]), &network::options("evmd-1"))?;
        let [operator, custodian, holder, ..] = node.network().accounts.as_slice() else {
            return Err("expected three funded accounts".into());
        };

        let config = directory.join("config");
        let operator_key = operator.private_key.to_string();
        let keys = [("operator", operator_key.as_str()), (CHAINS[0], network::operator_key(&network)?)];
        let program = configured(&config, directory, &keys)?;
        network::configure(&config, CHAINS[0], CUSTODIANS[0], &network)?;
        edit(
            &config.join("chains/devchain-b.toml"),
            "chains/geth.toml",
            &config,
            &[
                ("http://127.0.0.1:8546", &node.endpoint().url()),
                ("account = \"key:operator\" }]", &format!("account = \"{}\" }}]", custodian.address)),
                ("fee = \"legacy\"", "fee = \"dynamic\""),
                ("min_balance_gwei = 0", "min_balance_gwei = 1_000_000_000"),
            ],
        )?;
        write_path(&config, PATH, CHAINS, CLIENTS)?;

        let geth = Plan {
            name: CHAINS[1],
            endpoint: node.endpoint(),
            finality: Finality::Qbft,
            client: CLIENTS[1],
            station: Station {
                chain_id: GETH_CHAIN_ID,
                gas_price_wei: None,
                custodian_id: CUSTODIANS[1],
                custodian_key: custodian.private_key,
                holder_key: holder.private_key,
            },
        };
        let evmd = network::plan(CHAINS[0], CLIENTS[0], CUSTODIANS[0], &network)?;
        let (relayer, sides) = linked(program, PATH, [evmd, geth])?;
        Ok(Self { relayer, sides, network, node })
    }
}
