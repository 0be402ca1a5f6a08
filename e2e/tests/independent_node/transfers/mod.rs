//! ICS-20 transfers by IBC v2 between two chains of ibc-go, through the real program: the scenario of `e2e/README.md`,
//! step by step. Each chain verifies the other with ibc-go's own light client.

mod chain;
mod stage;

use crate::relayer::Relayer;
use crate::story::{Outcome, PATIENCE, expect, told};
use chain::{Chain, Stored};
use e2e::program::LogsOnFailure;
use e2e::wait;
use sha2::{Digest as _, Sha256};
use stage::{CHAINS, Stage};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The coin of each chain that is sent.
const COIN: &str = "token";

/// What every holder has of it at the start.
const AT_FIRST: u128 = 1_000_000_000_000;

/// How long a packet may take when nothing is wrong on purpose, in seconds.
const LONG_TIMEOUT: u64 = 3_600;

/// Seconds that a packet has to arrive while nobody carries it: more than sending takes on a busy machine.
const SHORT_TIMEOUT: u64 = 15;

/// Packets of each chain that are sent before the relayer is killed, and again while it does not run.
const SENT_AT_ONCE: usize = 3;

/// What each of those packets carries.
const SENT_EACH: u128 = 1_000;

/// What the acknowledgement of a packet is made of that an application refuses. Source: ibc-go v10.3.0,
/// modules/core/04-channel/v2/types/acknowledgement.go.
const ERROR_ACKNOWLEDGEMENT: &str = "UNIVERSAL_ERROR_ACKNOWLEDGEMENT";

#[test]
fn real_nodes_of_ibc_go_exchange_coins() {
    let directory = tempfile::tempdir().expect("a directory");
    // Dropped after everything that the story starts has ended, and before the folder goes.
    let folder = |name| directory.path().join(name);
    let _logs = [directory.path().to_owned(), folder(CHAINS[0]), folder(CHAINS[1])].map(LogsOnFailure);
    if let Err(error) = story(directory.path()) {
        panic!("{error}");
    }
}

fn story(directory: &Path) -> Outcome {
    told("0: lighterman and the node are built", || {
        e2e::program::build()?;
        Ok(e2e::cosmos::build(e2e::cosmos::Kind::Simd)?)
    })?;
    let mut stage = told("1: chains, clients, relayer", || Stage::set(directory))?;
    let Stage { relayer, chains } = &mut stage;
    let [a, b] = &*chains;
    told("2, 3: A's coins go to B and back", || there_and_back(a, b, 1_001))?;
    told("4: B's coins go to A and back", || there_and_back(b, a, 1_002))?;
    told("5: a receiver that is no address", || is_refused(a, b))?;
    let expired = told("6: a timeout is refunded", || is_refunded(relayer, a, b))?;
    told("7: the relayer is killed with packets in flight", || is_killed(relayer, chains))?;
    told("8: all is accounted for", || {
        for (source, destination, expired) in [(a, b, Some(expired)), (b, a, None)] {
            every_packet_once(source, destination, expired)?;
            // Only what was sent in step 7 has stayed abroad.
            let out = SENT_EACH * u128::try_from(2 * SENT_AT_ONCE)?;
            expect_balances(source, destination, out)?;
        }
        Ok(())
    })?;
    relayer.end()
}

/// Coins of one chain go to the other, and home again.
fn there_and_back(home: &Chain, abroad: &Chain, amount: u128) -> Outcome {
    let (voucher, timeout) = (abroad.voucher(COIN), home.time()? + LONG_TIMEOUT);
    let sequence = home.send(&format!("{amount}{COIN}"), &abroad.holder()?.address, timeout)?;
    home.wait_settled(&[sequence])?;
    expect_balances(home, abroad, amount)?;
    expect("the packet receipt", Some(vec![2]), abroad.stored(Stored::Receipt, sequence)?)?;

    let sequence = abroad.send(&format!("{amount}{voucher}"), &home.holder()?.address, timeout)?;
    abroad.wait_settled(&[sequence])?;
    expect_balances(home, abroad, 0)
}

/// Coins are sent to a name that is no address: the application refuses, and its sender has them again.
fn is_refused(source: &Chain, destination: &Chain) -> Outcome {
    let sequence = source.send(&format!("1003{COIN}"), "nobody", source.time()? + LONG_TIMEOUT)?;
    source.wait_settled(&[sequence])?;
    expect_balances(source, destination, 0)?;
    // It did arrive, and what was answered is the error.
    expect("the packet receipt", Some(vec![2]), destination.stored(Stored::Receipt, sequence)?)?;
    let error = Sha256::digest(Sha256::digest(ERROR_ACKNOWLEDGEMENT));
    let commitment = Sha256::digest([&[2], error.as_slice()].concat()).to_vec();
    expect("the acknowledgement", Some(commitment), destination.stored(Stored::Acknowledgement, sequence)?)
}

/// Coins are sent while no relayer runs, and their time passes on both chains before one is started: their sender has
/// them again, and they never arrived. The number of the packet.
fn is_refunded(relayer: &mut Relayer, source: &Chain, destination: &Chain) -> Outcome<u64> {
    relayer.end()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let timeout = source.time()?.max(now) + SHORT_TIMEOUT;
    let sequence = source.send(&format!("1004{COIN}"), &destination.holder()?.address, timeout)?;
    expect("in flight", true, source.stored(Stored::Commitment, sequence)?.is_some())?;
    for chain in [source, destination] {
        wait::until(&format!("the timeout passes on {}", chain.name), PATIENCE, || match chain.time() {
            Ok(time) if time >= timeout => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
    }
    relayer.start()?;
    source.wait_settled(&[sequence])?;
    expect_balances(source, destination, 0)?;
    expect("the packet receipt", None, destination.stored(Stored::Receipt, sequence)?)?;
    Ok(sequence)
}

/// The relayer is killed while packets of both chains are in flight, and started again when there are more.
fn is_killed(relayer: &mut Relayer, chains: &[Chain; 2]) -> Outcome {
    let send = || -> Outcome<Vec<(usize, u64)>> {
        let mut sent = Vec::new();
        for _ in 0..SENT_AT_ONCE {
            for (index, (source, destination)) in
                [(0, 1), (1, 0)].map(|(a, b)| (&chains[a], &chains[b])).into_iter().enumerate()
            {
                let coins = format!("{SENT_EACH}{COIN}");
                let timeout = source.time()? + LONG_TIMEOUT;
                sent.push((index, source.send(&coins, &destination.holder()?.address, timeout)?));
            }
        }
        Ok(sent)
    };
    let before = send()?;
    relayer.kill()?;
    let after = send()?;
    relayer.start()?;
    for (index, sequence) in before.into_iter().chain(after) {
        chains[index].wait_settled(&[sequence])?;
    }
    Ok(())
}

/// Of the coins of one chain's holder, so many are with the other chain's holder, and no more exist there.
fn expect_balances(home: &Chain, abroad: &Chain, out: u128) -> Outcome {
    let voucher = abroad.voucher(COIN);
    let found = [
        home.balance(&home.holder()?.address, COIN)?,
        abroad.balance(&abroad.holder()?.address, &voucher)?,
        abroad.supply(&voucher)?,
    ];
    expect(&format!("of {}: at home, abroad, vouchers", home.name), [AT_FIRST - out, out, out], found)
}

/// Every packet of one chain was received once and acknowledged once, or timed out once; by the chains' own events and
/// stores.
fn every_packet_once(source: &Chain, destination: &Chain, expired: Option<u64>) -> Outcome {
    let sent = source.events("send_packet")?;
    let found = [
        destination.events("recv_packet")?,
        destination.events("write_acknowledgement")?,
        source.events("acknowledge_packet")?,
        source.events("timeout_packet")?,
    ];
    expect("packets were sent", false, sent.is_empty())?;
    for sequence in sent.keys() {
        let times = found.each_ref().map(|times| times.get(sequence).copied().unwrap_or_default());
        let expected = if expired == Some(*sequence) { [0, 0, 0, 1] } else { [1, 1, 1, 0] };
        let what = "received, answered, acknowledged, timed out";
        expect(&format!("packet {sequence} of {}: {what}", source.name), expected, times)?;
        expect("the commitment", None, source.stored(Stored::Commitment, *sequence)?)?;
    }
    let strangers = |times: &BTreeMap<u64, usize>| times.keys().filter(|sequence| !sent.contains_key(sequence)).count();
    expect("packets that nobody sent", [0; 4], found.each_ref().map(strangers))
}
