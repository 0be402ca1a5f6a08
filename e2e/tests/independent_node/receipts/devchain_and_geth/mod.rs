//! Our devchain and go-ethereum with QBFT headers.

mod stage;
mod validators;

use super::{Outcome, crossing, restart, sum, told};
use e2e::program::LogsOnFailure;
use stage::Stage;
use std::path::Path;

#[test]
fn independent_node_and_our_devchain_exchange_receipts() {
    let directory = tempfile::tempdir().expect("a directory");
    // Dropped after everything that the story starts has ended, and before the folder goes.
    let _logs = LogsOnFailure(directory.path().to_owned());
    if let Err(error) = story(directory.path()) {
        panic!("{error}");
    }
}

fn story(directory: &Path) -> Outcome {
    told("0: lighterman and the node are built", || {
        e2e::program::build()?;
        Ok(e2e::node::build()?)
    })?;
    let mut stage = told("1: chains, contracts, clients, relayer", || Stage::set(directory))?;
    told("1: the clients hold the other chain's states", || {
        crossing::clients_hold_real_states(&stage.relayer, &stage.sides)
    })?;
    let [a, b] = &stage.sides;
    let mut of_a = told("2, 3: A's receipt goes to B and back", || crossing::there_and_back(a, b))?;
    let of_b = told("4: B's receipt goes to A and back", || crossing::there_and_back(b, a))?;
    of_a.extend(told("5: a fifth validator is voted in", || validators::a_fifth_is_voted_in(&stage))?);
    of_a.extend(told("6: one validator is offline", || validators::one_is_offline(&stage))?);
    let expired = [told("7: a timeout is refunded", || validators::a_timeout_is_refunded(&stage))?];
    of_a.push(expired[0].0.clone());
    of_a.extend(told("8: the relayer is killed", || restart::the_relayer_is_killed(&mut stage.relayer, &stage.sides))?);
    told("9: all is accounted for", || {
        sum::all_is_accounted_for(&stage.relayer, &stage.sides, [of_a, of_b], [&expired, &[]])
    })?;
    stage.relayer.end()
}
