//! What must hold at every moment, and what must hold in the end.

use crate::{
    chain::{Chain, ChainEvent, POISON, Slot, kind, receipt},
    world::{World, index, signer_id},
};
use futures::FutureExt as _;
use relayer_core::{Attempt, Direction, End, PacketState};
use relayer_store::{PacketQuery, Store as _};
use std::collections::BTreeMap;

/// Every receipt that was issued is in exactly one place: live on one chain, in flight, or redeemed.
pub(crate) fn receipts(world: &World) -> Result<(), String> {
    let mut places: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for chain in &world.chains {
        for live in &chain.live {
            places.entry(*live).or_default().push(format!("live on {}", chain.end));
        }
        for redeemed in &chain.redeemed {
            places.entry(*redeemed).or_default().push(format!("redeemed on {}", chain.end));
        }
    }
    for (direction, path, packet) in packets(world) {
        let (source, destination) = (chain(world, direction.source()), chain(world, direction.destination()));
        let sequence = packet.sequence.get();
        let committed = !source.value((path, Slot::Commitment(sequence))).is_empty();
        let minted =
            !destination.value((path, Slot::Receipt(sequence))).is_empty() && kind(&packet) != crate::chain::REFUSED;
        if committed && !minted {
            places.entry(receipt(&packet)).or_default().push(format!("in flight, {direction} {sequence}"));
        }
    }
    let found = places.len() as u64;
    if found != world.issued() {
        return Err(format!("safety: issued {} receipts, found {found}", world.issued()));
    }
    if let Some((receipt, places)) = places.iter().find(|(_, places)| places.len() != 1) {
        return Err(format!("safety: receipt {receipt} is {}", places.join(" and ")));
    }
    for chain in &world.chains {
        if let Some(((path, sequence), count)) = chain.deliveries.iter().find(|(_, count)| **count > 1) {
            return Err(format!("safety: path {path} packet {sequence} delivered {count} times"));
        }
    }
    Ok(())
}

/// What the store holds as proven is so: the relayer believes nothing that is not true.
pub(crate) fn beliefs(world: &World) -> Result<(), String> {
    for (number, path) in world.paths.iter().enumerate() {
        let start = world.store.path(path).now_or_never().and_then(Result::ok).ok_or("memory answers")?;
        for direction in Direction::BOTH {
            let record = &start.directions[index(direction.source())];
            let next = chain(world, direction.source()).next_sequence(number);
            if record.known_through >= next {
                return Err(format!("belief: {direction} known through {}, next is {next}", record.known_through));
            }
            for row in &record.pending {
                belief(world, number, direction, row.sequence.get(), row.state)?;
            }
        }
    }
    Ok(())
}

fn belief(world: &World, path: usize, direction: Direction, sequence: u64, state: PacketState) -> Result<(), String> {
    let (source, destination) = (chain(world, direction.source()), chain(world, direction.destination()));
    let committed = !source.value((path, Slot::Commitment(sequence))).is_empty();
    let received = !destination.value((path, Slot::Receipt(sequence))).is_empty();
    let sent = sequence < source.next_sequence(path);
    let so = match state {
        PacketState::Missing | PacketState::Sent => sent,
        PacketState::Announced => true,
        PacketState::Delivered => sent && received,
        PacketState::Acknowledged => sent && received && !committed,
        PacketState::TimedOut => sent && !received && !committed,
    };
    if so {
        return Ok(());
    }
    Err(format!(
        "belief: path {path} {direction} {sequence} is {state}, but sent {sent}, received {received}, committed {committed}"
    ))
}

/// In the end: every packet is settled as it should be, and without faults nothing was done twice.
pub(crate) fn settled(world: &World) -> Result<(), String> {
    receipts(world)?;
    for (number, path) in world.paths.iter().enumerate() {
        let query = PacketQuery { path: Some(path.clone()), limit: 1000, ..PacketQuery::default() };
        let views = world.store.packets(&query).now_or_never().and_then(Result::ok).ok_or("memory answers")?;
        for view in &views {
            belief(world, number, view.direction, view.row.sequence.get(), view.row.state)?;
            if !view.row.state.is_settled() {
                return Err(format!("liveness: {} is {}", view.row.sequence, view.row.state));
            }
            if view.steps.is_empty() {
                return Err(format!("{} {} is settled without a proven step", view.direction, view.row.sequence));
            }
        }
    }
    for (direction, path, packet) in packets(world) {
        let received =
            !chain(world, direction.destination()).value((path, Slot::Receipt(packet.sequence.get()))).is_empty();
        if received && kind(&packet) == POISON {
            return Err(format!("the model delivered a packet that it refuses: {direction} {}", packet.sequence));
        }
    }
    let redundant: u64 = world.chains.iter().map(|chain| chain.redundant).sum();
    if world.clean && redundant > 0 {
        return Err(format!(
            "waste: without any fault {redundant} packets were carried although nothing was left to do"
        ));
    }
    Ok(())
}

/// No client has run out.
pub(crate) fn alive(world: &World) -> Result<(), String> {
    for chain in &world.chains {
        if let Some((path, _)) = chain.clients.iter().find(|(path, _)| !chain.active(**path)) {
            return Err(format!("liveness: the client of path {path} on {} expired while nothing was sent", chain.end));
        }
    }
    Ok(())
}

/// A transaction is in the store before any node sees it, and a nonce serves one purpose.
pub(crate) fn stored_before_sent(world: &World, end: End, nonce: u64, attempt: &Attempt) -> Result<(), String> {
    let start = world.store.signer(&signer_id(end)).now_or_never().and_then(Result::ok).ok_or("memory answers")?;
    let open = start.open.iter().find(|open| open.nonce == nonce);
    let stored = open.and_then(|open| open.attempts.iter().find(|stored| stored.number == attempt.number));
    // A nonce may be settled while its transaction is being sent once more; then it was stored before.
    let settled = open.is_none() && start.last_nonce >= Some(nonce);
    if settled || stored.is_some_and(|stored| stored.raw == attempt.raw) {
        return Ok(());
    }
    Err(format!("safety: nonce {nonce} attempt {} of {end} is sent before it is stored", attempt.number))
}

fn packets(world: &World) -> Vec<(Direction, usize, light_client::Packet)> {
    let mut all = Vec::new();
    for chain in &world.chains {
        for event in chain.events.values().flatten() {
            if let ChainEvent::Sent { path, packet } = event {
                all.push((Direction::from_source(chain.end), *path, packet.clone()));
            }
        }
    }
    all
}

fn chain(world: &World, end: End) -> &Chain {
    &world.chains[index(end)]
}
