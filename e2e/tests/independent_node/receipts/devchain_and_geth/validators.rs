//! Steps 5 to 7: what B's validators do while receipts move.

use super::super::chain::{Location, Packet, Router};
use super::super::crossing::holds_real_state;
use super::super::people::{Receipt, Side};
use super::super::timeout::never_arrived;
use super::super::traffic::{wait_received, while_receipts_move};
use super::super::{Outcome, PATIENCE, expect};
use super::stage::Stage;
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall as _, SolError as _};
use e2e::node::Node;
use e2e::wait;
use light_client::{Codec as _, Sequence, Timestamp, commitment_path};
use light_client_qbft::{ConsensusState, Header, Kind, MembershipProof, Qbft, SetHash, Update};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds that the receipt of step 7 has to arrive.
const SHORT_TIMEOUT: u64 = 6;

/// Without a block for so long, a chain with blocks each second has halted.
const HALT: Duration = Duration::from_secs(3);

/// Step 5: receipts move while B votes in a fifth validator.
pub(super) fn a_fifth_is_voted_in(stage: &Stage) -> Outcome<Vec<Receipt>> {
    let Stage { node, sides, .. } = stage;
    let [a, b] = sides;
    let members = members(node);
    let candidate = node.network().candidates.first().ok_or("no candidate")?.address;
    let (grown, moved) = while_receipts_move(sides, || {
        // Two of four are no majority: the vote is open while packets pass.
        node.propose(candidate, true, members.get(..2).ok_or("two members")?)?;
        wait_received(b, node.height()? + 1, 2)?;
        expect("validators while the vote is open", 4, b.chain.validators(node.height()?)?.len())?;
        node.propose(candidate, true, &[])?;
        let grown = crate::wait_for_set(node, 5);
        // And they pass after it, in both directions.
        wait_received(b, grown, 2)?;
        wait_received(a, a.chain.head()?.height + 1, 2)?;
        Ok(grown)
    })?;
    expect("validators before the change", members.len(), b.chain.validators(grown - 1)?.len())?;
    // Until the next packet A needs no later state; the last ones needed one after the change.
    let height = holds_real_state(a, b)?;
    let set = b.chain.validators(height)?;
    expect("a state from after the change", true, height >= grown)?;
    expect("five, and the new one among them", (5, true), (set.len(), set.contains(&candidate)))?;
    expect("no client but this set's", b.chain.certified(height)?.set_hash, b.chain.certified(grown)?.set_hash)?;
    Ok(moved)
}

/// Step 6: receipts move while one of B's five validators is stopped. Its turns are decided in later rounds.
pub(super) fn one_is_offline(stage: &Stage) -> Outcome<Vec<Receipt>> {
    let Stage { node, sides, .. } = stage;
    let [a, b] = sides;
    let offline = *members(node).first().ok_or("no member")?;
    let ((), moved) = while_receipts_move(sides, || {
        node.set_online(offline, false)?;
        let from = node.height()? + 1;
        wait::until("A's client stores a header of a later round", PATIENCE, || {
            let heights = a.chain.client_heights().map_err(|error| error.to_string())?;
            let rounds: Vec<_> = heights.into_iter().filter(|height| *height >= from).map(|h| round(b, h)).collect();
            if rounds.iter().any(|round| *round > Some(0)) { Ok(()) } else { Err(format!("rounds {rounds:?}")) }
        })?;
        wait_received(b, node.height()?, 2)?;
        node.set_online(offline, true)?;
        Ok(())
    })?;
    holds_real_state(a, b)?;
    Ok(moved)
}

/// Step 7: B halts, a receipt's time passes, B goes on.
pub(super) fn a_timeout_is_refunded(stage: &Stage) -> Outcome<(Receipt, u64)> {
    let Stage { node, sides: [a, b], .. } = stage;
    let receipt = a.issue(1)?.pop().ok_or("one receipt")?;
    let members = members(node);
    let stopped = members.get(..2).ok_or("two members")?;
    for member in stopped {
        node.set_online(*member, false)?;
    }
    let halted = wait_for_halt(node)?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let timeout = a.chain.head()?.time.max(now) + SHORT_TIMEOUT;
    let (sequence, height) = a.lock_with_timeout(&receipt, timeout)?;
    let packets = a.chain.sent()?;
    let packet = packets.into_iter().find(|packet| packet.sequence == sequence).ok_or("no such packet")?;
    expect("the packet's timeout", timeout, packet.timeoutTimestamp)?;
    expect("in escrow from the lock on", receipt.quantity, a.chain.escrow(receipt.uid())?)?;

    // The very same message would be taken a second before the timeout, so it is the time that it is refused for.
    let late = receive_by_anyone(a, b, packet, height)?;
    let refusal = |time: Option<u64>| outcome_of(b, &late, time);
    expect("a second before the timeout", None, refusal(Some(timeout - 1))?)?;
    expect("at the timeout", Some((timeout, timeout)), refusal(Some(timeout))?)?;

    wait::until("the timeout passes on A", PATIENCE, || match a.chain.head() {
        Ok(head) if head.time >= timeout => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    expect("B's height all the while", halted, node.height()?)?;
    for member in stopped {
        node.set_online(*member, true)?;
    }
    crate::wait_for_height(node, halted + 1);
    let refused = refusal(None)?.ok_or("a packet past its timeout was received")?;
    expect("refused for its timeout", (true, timeout), (refused.0 >= timeout, refused.1))?;

    a.wait_settled(&[sequence])?;
    expect("live at home again", Location::Active, a.location_of(&receipt)?)?;
    expect("in escrow", 0, a.chain.escrow(receipt.uid())?)?;
    never_arrived(a, b, &receipt, sequence)?;
    Ok((receipt, sequence))
}

/// What anyone may send to bring A's packet to B: an update to A's header of that height and the proof of the packet.
fn receive_by_anyone(a: &Side, b: &Side, packet: Packet, height: u64) -> Outcome<Router::batchCall> {
    let path = commitment_path(&a.chain.client.parse()?, Sequence::try_from(packet.sequence)?);
    let answer = a.chain.router_proof(&[B256::new(path.slot().into())], height)?;
    let header = a.chain.raw_header(height)?;
    let trusted = state(a, b.chain.client_view()?.height)?;
    let message = Update::new(trusted, None, header.to_vec(), &answer.account_proof).encode();
    let nodes: &[Bytes] = &answer.storage_proof.first().ok_or("no storage proof")?.proof;
    let proof = MembershipProof::new(Qbft::ETHEREUM.hashes(), state(a, height)?, &[(path.slot(), nodes)])?.encode();
    let update = Router::updateClientCall { id: b.chain.client.clone(), message: message.into() };
    let receive = Router::recvPacketsCall { packets: vec![packet], height, proof: proof.into() };
    Ok(Router::batchCall { calls: vec![update.abi_encode().into(), receive.abi_encode().into()] })
}

/// What a client of the chain has stored for a height, as the light client's crate writes it.
fn state(side: &Side, height: u64) -> Outcome<ConsensusState> {
    let certified = side.chain.certified(height)?;
    Ok(ConsensusState {
        storage_root: certified.root.0.into(),
        time: Timestamp::from_unix_seconds(certified.time),
        set_hash: SetHash::new(certified.set_hash.0),
    })
}

/// `None` when the receive in the batch would succeed, else time and timeout of the refusal: now, or at another time.
fn outcome_of(b: &Side, batch: &Router::batchCall, time: Option<u64>) -> Outcome<Option<(u64, u64)>> {
    let answer = match time {
        Some(time) => b.chain.view_at_time(b.chain.router, batch, time)?,
        None => b.chain.view(b.chain.router, batch)?,
    };
    match (answer.success.as_slice(), answer.results.as_slice()) {
        ([_, true], _) => Ok(None),
        ([_, false], [_, reason]) => {
            let error = Router::TimeoutPassed::abi_decode(reason);
            let error = error.map_err(|_| format!("expected TimeoutPassed, found {reason}"))?;
            Ok(Some((error.earliest, error.found)))
        }
        other => Err(format!("expected two outcomes, found {other:?}").into()),
    }
}

fn members(node: &Node) -> Vec<Address> {
    node.network().validators.iter().map(|account| account.address).collect()
}

/// The round in which a block was decided.
fn round(side: &Side, height: u64) -> Option<u32> {
    let raw = side.chain.raw_header(height).ok()?;
    Header::decode(Kind::Qbft, &raw).ok().map(|header| header.extra.round)
}

fn wait_for_halt(node: &Node) -> Outcome<u64> {
    let mut last = (0, Instant::now());
    Ok(wait::until("B halts", PATIENCE, || {
        let height = node.height().map_err(|error| error.to_string())?;
        if height != last.0 {
            last = (height, Instant::now());
        }
        if last.1.elapsed() >= HALT { Ok(height) } else { Err(format!("height {height}")) }
    })?)
}
