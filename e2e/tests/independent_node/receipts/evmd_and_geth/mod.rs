//! Four validators of cosmos/evm, and go-ethereum with QBFT headers.

mod stage;

use super::network::{ASKED, STOPPED};
use super::people::Receipt;
use super::traffic::{wait_received, while_receipts_move};
use super::{Outcome, crossing, expect, restart, sets, sum, timeout, told};
use e2e::cosmos::{self, Kind};
use e2e::program::LogsOnFailure;
use stage::{CHAINS, Stage};
use std::path::Path;

/// Packets that are received on each chain while the node is stopped.
const WITHOUT_THE_NODE: usize = 4;

#[test]
fn real_nodes_of_cosmos_evm_and_go_ethereum_exchange_receipts() {
    let directory = tempfile::tempdir().expect("a directory");
    // Dropped after everything that the story starts has ended, and before the folder goes.
    let _logs = [directory.path().to_owned(), directory.path().join(CHAINS[0])].map(LogsOnFailure);
    if let Err(error) = story(directory.path()) {
        panic!("{error}");
    }
}

fn story(directory: &Path) -> Outcome {
    told("0: lighterman and the nodes are built", || {
        e2e::program::build()?;
        e2e::node::build()?;
        Ok(cosmos::build(Kind::Evmd)?)
    })?;
    let mut stage = told("1: chains, contracts, clients, relayer", || Stage::set(directory))?;
    let Stage { relayer, sides, network, node } = &mut stage;
    told("1: the clients hold the other chain's states", || crossing::clients_hold_real_states(relayer, sides))?;
    let [a, b] = &*sides;
    let mut of_a = told("2: A's receipt goes to B and back", || crossing::there_and_back(a, b))?;
    let of_b = told("3: B's receipt goes to A and back", || crossing::there_and_back(b, a))?;
    of_a.extend(told("4: a fifth validator joins on each side", || {
        sets::change(sides, (0, network), || {
            let candidate = node.network().candidates.first().ok_or("no candidate")?.address;
            node.propose(candidate, true, &[])?;
            let grown = crate::wait_for_set(node, 5);
            expect("the new one is among them", true, node.validators_at(grown)?.contains(&candidate))?;
            Ok(grown)
        })
    })?);
    of_a.extend(told("5: one of A's nodes is stopped", || a_node_is_stopped(sides, network))?);
    let of_a_expired = [told("6: a timeout of A is refunded", || timeout::is_refunded(relayer, [a, b]))?];
    let of_b_expired = [told("7: a timeout of B is refunded", || timeout::is_refunded(relayer, [b, a]))?];
    of_a.extend(told("8: the relayer is killed", || restart::the_relayer_is_killed(relayer, sides))?);
    let with = |mut receipts: Vec<Receipt>, expired: &[(Receipt, u64)]| {
        receipts.extend(expired.iter().map(|(receipt, _)| receipt.clone()));
        receipts
    };
    let ours = [with(of_a, &of_a_expired), with(of_b, &of_b_expired)];
    told("9: all is accounted for", || {
        sum::all_is_accounted_for(relayer, sides, ours, [&of_a_expired, &of_b_expired])
    })?;
    relayer.end()
}

/// The node that the relayer asks first is stopped while receipts move, and started again. Four of five validators are
/// enough for the chain; for the relayer there is another node.
fn a_node_is_stopped(sides: &[super::people::Side; 2], network: &mut cosmos::CosmosNetwork) -> Outcome<Vec<Receipt>> {
    let ((), moved) = while_receipts_move(sides, || {
        network.stop_node(STOPPED)?;
        for side in sides {
            wait_received(side, side.chain.head()?.height + 1, WITHOUT_THE_NODE)?;
        }
        let height = network.height(ASKED)?;
        Ok(network.start_node(STOPPED, height)?)
    })?;
    Ok(moved)
}
