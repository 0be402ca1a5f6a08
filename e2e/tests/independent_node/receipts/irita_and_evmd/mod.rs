//! Four SM2 validators of IRITA's forks, and four Ed25519 validators of cosmos/evm: each side's client is a Tendermint one
//! in Solidity on the other.

use super::link::linked;
use super::network::{self, ASKED, SPARE, VALIDATORS};
use super::people::Side;
use super::{Outcome, crossing, expect, sets, sum, told};
use crate::relayer::{Relayer, configured, write_path};
use e2e::cosmos::{self, CosmosNetwork, Kind};
use e2e::program::LogsOnFailure;
use std::path::Path;

/// The names of the two chains and of the path in the configuration.
const CHAINS: [&str; 2] = ["irita", "evmd"];
const PATH: &str = "irita-evmd";
const CUSTODIANS: [&str; 2] = ["warehouse-a", "warehouse-b"];
/// The client on each chain of the other one.
const CLIENT: &str = "tendermint-0";

/// The chains, the program and the people. The fields are dropped in this order: relayer first, chains last.
struct Stage {
    relayer: Relayer,
    /// A, IRITA's forks, and B, cosmos/evm.
    sides: [Side; 2],
    networks: [CosmosNetwork; 2],
}

#[test]
fn real_nodes_of_irita_and_cosmos_evm_exchange_receipts() {
    let directory = tempfile::tempdir().expect("a directory");
    // Dropped after everything that the story starts has ended, and before the folder goes.
    let folder = |name| directory.path().join(name);
    let _logs = [directory.path().to_owned(), folder(CHAINS[0]), folder(CHAINS[1])].map(LogsOnFailure);
    if let Err(error) = story(directory.path()) {
        panic!("{error}");
    }
}

fn story(directory: &Path) -> Outcome {
    told("0: lighterman and the nodes are built", || {
        e2e::program::build()?;
        cosmos::build(Kind::Evmd)?;
        Ok(cosmos::build(Kind::Irita)?)
    })?;
    let mut stage = told("1: chains, contracts, clients, relayer", || Stage::set(directory))?;
    let Stage { relayer, sides, networks: [irita, evmd] } = &mut stage;
    told("1: the clients hold the other chain's states", || crossing::clients_hold_real_states(relayer, sides))?;
    let [a, b] = &*sides;
    let mut of_a = told("2: A's receipt goes to B and back", || crossing::there_and_back(a, b))?;
    let of_b = told("3: B's receipt goes to A and back", || crossing::there_and_back(b, a))?;
    of_a.extend(told("4: a fifth SM2 validator joins, and a fifth on B", || {
        sets::change(sides, (0, irita), || {
            let joined = evmd.stake(SPARE)?;
            expect("validators of B after the change", VALIDATORS + 1, evmd.validators_at(ASKED, joined)?.len())?;
            Ok(joined)
        })
    })?);
    told("5: all is accounted for", || sum::all_is_accounted_for(relayer, sides, [of_a, of_b], [&[], &[]]))?;
    relayer.end()
}

impl Stage {
    fn set(directory: &Path) -> Outcome<Self> {
        let start =
            |kind, name: &str, chain_id| CosmosNetwork::start(kind, &directory.join(name), &network::options(chain_id));
        let networks = [start(Kind::Irita, CHAINS[0], "irita-1")?, start(Kind::Evmd, CHAINS[1], "evmd-1")?];
        let config = directory.join("config");
        let [irita, evmd] = &networks;
        let keys = [(CHAINS[0], network::operator_key(irita)?), (CHAINS[1], network::operator_key(evmd)?)];
        let program = configured(&config, directory, &keys)?;
        for ((name, custodian), network) in CHAINS.iter().zip(CUSTODIANS).zip(&networks) {
            network::configure(&config, name, custodian, network)?;
        }
        write_path(&config, PATH, CHAINS, [CLIENT; 2])?;
        let plan = |index: usize| network::plan(CHAINS[index], CLIENT, CUSTODIANS[index], &networks[index]);
        let (relayer, sides) = linked(program, PATH, [plan(0)?, plan(1)?])?;
        Ok(Self { relayer, sides, networks })
    }
}
