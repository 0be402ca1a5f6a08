//! A packet that arrives too late: its receipt is home again, and the other chain never had it.

use super::chain::{Location, Stored};
use super::people::{Receipt, Side};
use super::{Outcome, PATIENCE, expect};
use crate::relayer::Relayer;
use alloy_primitives::B256;
use e2e::wait;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds that a packet has to arrive while nobody carries it: more than a lock takes on a busy machine, since a Router
/// refuses to send what has timed out already.
const SHORT_TIMEOUT: u64 = 15;

/// A receipt is locked while no relayer runs, and its time passes on both chains before one is started. The receipt, and
/// its packet.
pub(super) fn is_refunded(relayer: &mut Relayer, [source, destination]: [&Side; 2]) -> Outcome<(Receipt, u64)> {
    let receipt = source.issue(1)?.pop().ok_or("one receipt")?;
    source.wait_for(std::slice::from_ref(&receipt), Location::Active)?;
    relayer.end()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let timeout = source.chain.head()?.time.max(now) + SHORT_TIMEOUT;
    let (sequence, _) = source.lock_with_timeout(&receipt, timeout)?;
    expect("in escrow from the lock on", receipt.quantity, source.chain.escrow(receipt.uid())?)?;
    for side in [source, destination] {
        wait::until(&format!("the timeout passes on {}", side.chain.name), PATIENCE, || match side.chain.head() {
            Ok(head) if head.time >= timeout => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
    }
    expect("in flight until the relayer is back", true, source.chain.in_flight()?.contains(&sequence))?;
    relayer.start()?;

    source.wait_settled(&[sequence])?;
    expect("live at home again", Location::Active, source.location_of(&receipt)?)?;
    expect("in escrow", 0, source.chain.escrow(receipt.uid())?)?;
    never_arrived(source, destination, &receipt, sequence)?;
    Ok((receipt, sequence))
}

/// A packet timed out, once, and its destination never had it.
pub(super) fn never_arrived(source: &Side, destination: &Side, receipt: &Receipt, sequence: u64) -> Outcome {
    let times = |sequences: Vec<u64>| sequences.into_iter().filter(|found| *found == sequence).count();
    expect("timeouts", 1, times(source.chain.timed_out()?))?;
    expect("acknowledgements", 0, times(source.chain.acknowledged()?))?;
    expect("receives", 0, times(destination.chain.received()?))?;
    expect("the commitment", B256::ZERO, source.chain.stored(Stored::Commitment, sequence, "latest")?)?;
    expect("the packet receipt", B256::ZERO, destination.chain.stored(Stored::Receipt, sequence, "latest")?)?;
    expect("the receipt on the other chain", Location::None, destination.location_of(receipt)?)
}
