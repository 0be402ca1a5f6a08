//! Scenarios on nodes that others wrote. The names of those on the independent node (`independent_node`) and of those on
//! networks of the Cosmos family (`real_nodes`) begin so, by which `e2e/test.sh` gives them parts of their own: they need Go.

mod client;
mod networks;
mod receipts;
mod relayer;
mod story;
mod transfers;

use alloy_primitives::Address;
use e2e::node::{Forgery, Fork, Node, Options};
use e2e::wait;
use std::time::Duration;

/// Longest wait for anything a chain with blocks every 100 ms does on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Blocks every 100 ms: for scenarios in which nothing reads a clock.
fn fast() -> Options {
    Options { period: Duration::from_millis(100), round_timeout: Duration::from_millis(100), ..Options::default() }
}

fn wait_for_height(node: &Node, height: u64) -> u64 {
    wait::until(&format!("height {height}"), LIMIT, || {
        let found = node.height().map_err(|error| error.to_string())?;
        if found >= height { Ok(found) } else { Err(format!("height {found}")) }
    })
    .expect("the chain goes on")
}

/// Waits until the set of the latest header has that many members, and returns the first height that had them.
fn wait_for_set(node: &Node, members: usize) -> u64 {
    let latest = wait::until(&format!("{members} validators"), LIMIT, || {
        let height = node.height().map_err(|error| error.to_string())?;
        let found = node.validators_at(height).map_err(|error| error.to_string())?.len();
        if found == members { Ok(height) } else { Err(format!("{found} at height {height}")) }
    })
    .expect("the votes are counted");
    (1..=latest)
        .rev()
        .take_while(|height| node.validators_at(*height).is_ok_and(|set| set.len() == members))
        .last()
        .expect("the latest header has them")
}

#[test]
fn independent_node_votes_stalls_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path(), &fast()).expect("the node starts");
    let members: Vec<Address> = node.network().validators.iter().map(|account| account.address).collect();
    let candidate = node.network().candidates[0].address;

    node.propose(candidate, true, &[]).expect("a vote");
    let grown = wait_for_set(&node, 5);
    assert!(node.validators_at(grown).expect("a set").contains(&candidate));
    assert!(!node.validators_at(grown - 1).expect("a set").contains(&candidate));

    // Of five, four seal: one may be offline.
    node.set_online(members[0], false).expect("stopped");
    let before = node.height().expect("a height");
    wait_for_height(&node, before + 5);

    // Two may not: no further block comes in ten periods, once what was being sealed has arrived.
    node.set_online(members[1], false).expect("stopped");
    let status = node.validators().expect("a status");
    let online = status.iter().filter(|validator| validator.validator && validator.online).count();
    assert_eq!(online, 3);
    let halted = wait::until("a halt", LIMIT, || {
        let height = node.height().map_err(|error| error.to_string())?;
        std::thread::sleep(10 * fast().period);
        let later = node.height().map_err(|error| error.to_string())?;
        if height == later { Ok(height) } else { Err(format!("height {height}, then {later}")) }
    })
    .expect("three of five seal nothing");
    node.set_online(members[1], true).expect("started");
    wait_for_height(&node, halted + 3);
}

#[test]
fn independent_node_continues_its_chain_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path(), &fast()).expect("the node starts");
    let genesis = node.network().genesis_hash;
    let height = wait_for_height(&node, 5);
    let header = node.raw_header(3).expect("a header");
    node.stop();

    let again = Node::start(directory.path(), &fast()).expect("the node starts again");
    assert_eq!(again.network().genesis_hash, genesis);
    wait_for_height(&again, height + 1);
    assert_eq!(again.raw_header(3).expect("a header"), header);
}

#[test]
fn independent_node_refuses_what_it_cannot_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path(), &fast()).expect("the node starts");
    wait_for_height(&node, 2);
    let stranger = Address::repeat_byte(0x11);
    node.set_online(stranger, false).expect_err("no key of that address");
    node.forge(1, &Forgery { signers: vec![stranger], ..Forgery::default() }).expect_err("no key of that address");
    node.forge(1_000_000, &Forgery::default()).expect_err("no such block");
    let forged = node.forge(1, &Forgery { state_root: Some([0xaa; 32].into()), ..Forgery::default() });
    assert_ne!(forged.expect("forged"), node.raw_header(1).expect("a header"));
}

#[test]
fn independent_node_starts_under_every_fork() {
    for fork in Fork::ALL {
        let directory = tempfile::tempdir().expect("a directory");
        let node = Node::start(directory.path(), &Options { fork, ..fast() }).expect("the node starts");
        wait_for_height(&node, 1);
        assert_eq!(node.validators_at(1).expect("a set").len(), 4, "{fork:?}");
    }
}
