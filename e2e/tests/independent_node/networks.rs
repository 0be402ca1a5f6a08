//! Networks of real nodes do what the stories want of them.

use crate::story::{Outcome, PATIENCE, expect, told};
use e2e::cosmos::{CosmosNetwork, Kind, Options};
use e2e::program::LogsOnFailure;
use e2e::wait;
use std::time::Duration;

/// Blocks that a chain has to make to count as going on.
const SOME_BLOCKS: u64 = 3;

#[test]
fn real_nodes_take_in_a_validator_and_lose_one_for_a_while() {
    for kind in Kind::ALL {
        let directory = tempfile::tempdir().expect("a directory");
        let _logs = LogsOnFailure(directory.path().to_owned());
        let outcome = told(kind.recipe(), || {
            let options = Options {
                validators: 4,
                spares: 1,
                block_time: Duration::from_millis(500),
                accounts: vec!["holder".to_owned()],
                ..Options::new("chain-7")
            };
            let mut network = CosmosNetwork::start(kind, directory.path(), &options)?;
            a_validator_joins(&network)?;
            a_node_is_away(&mut network)
        });
        outcome.expect("the network does what it is told");
    }
}

fn a_validator_joins(network: &CosmosNetwork) -> Outcome {
    let before = network.validators_at(0, network.height(0)?)?;
    expect(
        "validators, all of one power",
        (4, true),
        (before.len(), before.iter().all(|one| one.power == before[0].power)),
    )?;
    let joined = network.stake(4)?;
    let after = network.validators_at(0, joined)?;
    expect("validators", 5, after.len())?;
    expect("the first ones stay", true, before.iter().all(|one| after.contains(one)))?;
    let [account] = network.accounts() else { return Err("one account".into()) };
    expect("digits of its key", 64, account.private_key.len())
}

fn a_node_is_away(network: &mut CosmosNetwork) -> Outcome {
    network.stop_node(0)?;
    expect("no answer from a node that is stopped", true, network.height(0).is_err())?;
    let height = network.height(1)? + SOME_BLOCKS;
    wait::until("four of five go on", PATIENCE, || match network.height(1) {
        Ok(found) if found >= height => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    Ok(network.start_node(0, height)?)
}
