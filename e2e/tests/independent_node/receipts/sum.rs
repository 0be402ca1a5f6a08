//! The sum: nothing is in flight; every packet was settled once, every unit issued is in one place, and the relayer says so.

use super::chain::{Bridge, Ledger, Location};
use super::people::{Receipt, Side};
use super::timeout::never_arrived;
use super::traffic::wait_settled;
use super::{Outcome, PATIENCE, expect};
use crate::relayer::Relayer;
use e2e::wait;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most packets that `lighterman packets` lists at once.
const LISTED: usize = 500;

/// Base units of the receipts of one home, by where they are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Supply {
    issued: u128,
    live_at_home: u128,
    live_abroad: u128,
    in_flight: u128,
    redeemed: u128,
}

/// Redeems a receipt of each chain and leaves one of each on the other, then counts. `ours` are all receipts that were
/// issued at each home, `expired` those of each whose packet timed out, with its number.
pub(super) fn all_is_accounted_for(
    relayer: &Relayer,
    sides: &[Side; 2],
    ours: [Vec<Receipt>; 2],
    expired: [&[(Receipt, u64)]; 2],
) -> Outcome {
    let mut expected = [Supply::default(), Supply::default()];
    for (home, (ours, expected)) in sides.iter().zip(ours.iter().zip(&mut expected)) {
        let sum = |receipts: &[Receipt]| receipts.iter().map(|receipt| receipt.quantity).sum::<u128>();
        let (ended, others) = ours.split_first().ok_or("no receipt")?;
        home.redeem(ended)?;
        let stays = home.issue(1)?;
        home.lock(&stays)?;
        *expected = Supply {
            issued: sum(ours) + sum(&stays),
            live_at_home: sum(others),
            live_abroad: sum(&stays),
            in_flight: 0,
            redeemed: ended.quantity,
        };
    }
    wait_settled(sides)?;
    let [a, b] = sides;
    for ((home, abroad), expected) in [(a, b), (b, a)].into_iter().zip(expected) {
        let found = supply(home, abroad)?;
        expect(&format!("receipts of {}", home.chain.name), &expected, &found)?;
        let sum = found.live_at_home + found.live_abroad + found.in_flight + found.redeemed;
        expect("issued = live + in flight + redeemed", found.issued, sum)?;
    }
    let mut states = [BTreeMap::new(), BTreeMap::new()];
    for ((source, destination), (expired, states)) in [(a, b), (b, a)].into_iter().zip(expired.iter().zip(&mut states))
    {
        for (receipt, sequence) in *expired {
            never_arrived(source, destination, receipt, *sequence)?;
        }
        let expired: Vec<u64> = expired.iter().map(|(_, sequence)| *sequence).collect();
        *states = every_packet_once(source, destination, &expired)?;
    }
    the_relayer_agrees(relayer, &states)
}

/// Counts every receipt that a home's ledger ever told of, by both ledgers; escrow is what is out.
fn supply(home: &Side, abroad: &Side) -> Outcome<Supply> {
    let mut supply = Supply::default();
    for (_, issued) in home.chain.events::<Ledger::Issued>(home.chain.ledger)? {
        let here = home.chain.record(issued.uid)?;
        let there = abroad.chain.record(abroad.chain.key_of(issued.content.lineage.homeRef, issued.uid)?)?;
        supply.issued += issued.quantity;
        let (place, out) = match (here.location, there.location) {
            (Location::Active, Location::None | Location::Gone) => (&mut supply.live_at_home, 0),
            (Location::Remote, Location::Live) => (&mut supply.live_abroad, issued.quantity),
            (Location::Redeemed, Location::None | Location::Gone) => (&mut supply.redeemed, 0),
            (Location::LockPending | Location::Remote, _) => (&mut supply.in_flight, issued.quantity),
            (home, abroad) => return Err(format!("receipt {}: {home:?} and {abroad:?}", issued.uid).into()),
        };
        *place += issued.quantity;
        expect("in escrow", out, home.chain.escrow(issued.content.lineage.rootUid)?)?;
        let known = if there.location == Location::None { issued.quantity } else { there.quantity };
        expect("the quantity, at home and abroad", [issued.quantity; 2], [here.quantity, known])?;
    }
    Ok(supply)
}

/// Every packet sent by one chain: a lock or a return each, one mint or unlock and one acknowledgement, or one timeout.
/// Returns the state in which the relayer has to have each.
fn every_packet_once(source: &Side, destination: &Side, expired: &[u64]) -> Outcome<BTreeMap<u64, &'static str>> {
    let (sent, bridge) = (source.chain.sent()?, source.chain.bridge);
    let departed = source.chain.events::<Bridge::Departed>(bridge)?.into_iter().map(|(_, event)| event.sequence);
    let arrivals = destination.chain.events::<Bridge::Arrived>(destination.chain.bridge)?;
    let settled = source.chain.events::<Bridge::Settled>(bridge)?.into_iter().map(|(_, event)| event.sequence);
    let found = [
        count(departed),
        count(destination.chain.received()?.into_iter()),
        count(arrivals.into_iter().map(|(_, event)| event.sequence)),
        count(source.chain.acknowledged()?.into_iter()),
        count(source.chain.timed_out()?.into_iter()),
        count(settled),
    ];
    let mut states = BTreeMap::new();
    for packet in &sent {
        let is_expired = expired.contains(&packet.sequence);
        let times = found.each_ref().map(|times| times.get(&packet.sequence).copied().unwrap_or_default());
        let expected = if is_expired { [1, 0, 0, 0, 1, 1] } else { [1, 1, 1, 1, 0, 1] };
        let what = "departed, received, arrived, acknowledged, timed out, settled";
        expect(&format!("packet {} of {}: {what}", packet.sequence, source.chain.name), expected, times)?;
        states.insert(packet.sequence, if is_expired { "timed-out" } else { "acknowledged" });
    }
    for times in &found {
        expect("packets that nobody sent", 0, times.keys().filter(|sequence| !states.contains_key(sequence)).count())?;
    }
    Ok(states)
}

/// How often each number occurs.
fn count(sequences: impl Iterator<Item = u64>) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    sequences.for_each(|sequence| *counts.entry(sequence).or_default() += 1);
    counts
}

/// `status --json` and `packets --json` say of each packet what the chains say.
fn the_relayer_agrees(relayer: &Relayer, states: &[BTreeMap<u64, &'static str>; 2]) -> Outcome {
    let counted = states.each_ref().map(|states| {
        let mut counts = BTreeMap::new();
        states.values().for_each(|state| *counts.entry((*state).to_owned()).or_insert(0) += 1);
        counts
    });
    // It has to see what the chains did last.
    wait::until("the relayer counts what the chains count", PATIENCE, || {
        let status = relayer.status().map_err(|error| error.to_string())?;
        let directions = [0, 1].map(|way| &status["paths"][0]["directions"][way]);
        let found = directions.map(|direction| states_of(&direction["states"]));
        let pending = directions.map(|direction| direction["pending"].as_u64());
        if pending == [Some(0); 2] && found == counted {
            Ok(())
        } else {
            Err(format!("expected {counted:?}, found {found:?}, pending {pending:?}"))
        }
    })?;

    let total = states.iter().map(BTreeMap::len).sum();
    expect("fewer packets than one list holds", true, total <= LISTED)?;
    // The list is read from the database, where changes come a moment later.
    wait::until("the relayer has stored what it counts", PATIENCE, || {
        let pending = relayer.program.ask(&["packets", "--pending"]).map_err(|error| error.to_string())?;
        expect("pending packets", Some(0), pending.as_array().map(Vec::len)).map_err(|error| error.to_string())
    })?;
    let packets = relayer.program.ask(&["packets", "--limit", &LISTED.to_string()])?;
    let listed = packets.as_array().ok_or("no list")?;
    expect("packets listed", total, listed.len())?;
    for packet in listed {
        let way = usize::from(packet["direction"] == "b-to-a");
        let sequence = packet["sequence"].as_u64().ok_or("no sequence")?;
        let state = states[way].get(&sequence).copied();
        expect(&format!("state of packet {sequence}"), state, packet["state"].as_str())?;
    }
    Ok(())
}

fn states_of(states: &Value) -> BTreeMap<String, u64> {
    let states = states.as_array().into_iter().flatten();
    let read = states.filter_map(|one| Some((one["state"].as_str()?.to_owned(), one["count"].as_u64()?)));
    read.filter(|(_, count)| *count > 0).collect()
}
