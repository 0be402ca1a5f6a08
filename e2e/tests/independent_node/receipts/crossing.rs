//! Steps 1 to 4: both clients hold real states; a receipt of each chain goes to the other and back.

use super::chain::{Bridge, Location, Stored};
use super::people::{Receipt, Side};
use super::{Outcome, PATIENCE, expect};
use crate::relayer::Relayer;
use alloy_primitives::B256;
use e2e::wait;
use serde_json::Value;

/// Each client's latest consensus state is that of the other chain's header of that height, and both are Proven.
pub(super) fn clients_hold_real_states(relayer: &Relayer, [a, b]: &[Side; 2]) -> Outcome {
    for (host, followed) in [(a, b), (b, a)] {
        holds_real_state(host, followed)?;
    }
    // The relayer says so too, once it has looked at both.
    Ok(wait::until("the relayer's word on the clients", PATIENCE, || {
        let status = relayer.status().map_err(|error| error.to_string())?;
        let clients = status["paths"][0]["clients"].as_array().ok_or("no clients")?;
        let good = |client: &Value| client["status"] == "active" && client["assurance"] == "proven";
        if clients.len() == 2 && clients.iter().all(good) { Ok(()) } else { Err(format!("{clients:?}")) }
    })?)
}

/// The client's latest state is the one that the other chain's own header, account and time make; its height.
pub(super) fn holds_real_state(host: &Side, followed: &Side) -> Outcome<u64> {
    let client = host.chain.client_view()?;
    let name = format!("the client on {} at height {}", host.chain.name, client.height);
    let certified = followed.chain.certified(client.height)?;
    expect(&name, (true, true, certified.hash()), (client.active, client.proven, client.state))?;
    Ok(client.height)
}

/// Steps 2 and 3 (and 4 with the chains exchanged).
pub(super) fn there_and_back(home: &Side, abroad: &Side) -> Outcome<Vec<Receipt>> {
    let receipts = home.issue(1)?;
    let [receipt] = receipts.as_slice() else { return Err("one receipt".into()) };
    home.wait_for(&receipts, Location::Active)?;

    // Out.
    let before = abroad.chain.events::<Bridge::Arrived>(abroad.chain.bridge)?.len();
    let sequences = home.lock(&receipts)?;
    let [sequence] = *sequences.as_slice() else { return Err("one packet".into()) };
    let height = sent_height(home, sequence)?;
    let commitment = home.chain.stored(Stored::Commitment, sequence, &format!("{height:#x}"))?;
    expect("a commitment in the block of the lock", true, !commitment.is_zero())?;
    home.wait_settled(&sequences)?;
    expect("live abroad", Location::Live, abroad.location_of(receipt)?)?;
    expect("locked at home", Location::Remote, home.location_of(receipt)?)?;
    let record = abroad.chain.record(abroad.key_of(receipt)?)?;
    expect("the quantity abroad", receipt.quantity, record.quantity)?;
    expect("in escrow at home", receipt.quantity, home.chain.escrow(receipt.uid())?)?;
    // The Router's mark on the destination is the commitment itself.
    expect("received as committed", commitment, abroad.chain.stored(Stored::Receipt, sequence, "latest")?)?;
    is_settled_once(home, abroad, sequence)?;
    let after = abroad.chain.events::<Bridge::Arrived>(abroad.chain.bridge)?.len();
    expect("mints", before + 1, after)?;
    holds_real_state(abroad, home)?;
    holds_real_state(home, abroad)?;

    // Back.
    let sequences = abroad.send_back(&receipts)?;
    let [sequence] = *sequences.as_slice() else { return Err("one packet".into()) };
    abroad.wait_settled(&sequences)?;
    expect("live at home again", Location::Active, home.location_of(receipt)?)?;
    expect("gone abroad", Location::Gone, abroad.location_of(receipt)?)?;
    expect("in escrow at home", 0, home.chain.escrow(receipt.uid())?)?;
    is_settled_once(abroad, home, sequence)?;
    Ok(receipts)
}

/// One receive and one acknowledgement of a packet, and its commitment is cleared.
fn is_settled_once(source: &Side, destination: &Side, sequence: u64) -> Outcome {
    let times = |sequences: Vec<u64>| sequences.into_iter().filter(|found| *found == sequence).count();
    let found = (times(destination.chain.received()?), times(source.chain.acknowledged()?));
    expect(&format!("packet {sequence} of {}: received and acknowledged", source.chain.name), (1, 1), found)?;
    let commitment = source.chain.stored(Stored::Commitment, sequence, "latest")?;
    expect("the commitment after the acknowledgement", B256::ZERO, commitment)
}

fn sent_height(source: &Side, sequence: u64) -> Outcome<u64> {
    let departed = source.chain.events::<Bridge::Departed>(source.chain.bridge)?;
    let event = departed.into_iter().find(|(_, event)| event.sequence == sequence);
    Ok(event.ok_or_else(|| format!("{}: no Departed of packet {sequence}", source.chain.name))?.0)
}
