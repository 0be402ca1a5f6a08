//! Receipts that keep moving both ways while something else is done to the chains or to the relayer.

use super::chain::{Location, Router};
use super::people::{Receipt, Side};
use super::{Outcome, PATIENCE, expect};
use e2e::wait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// Receipts locked at a time.
const TOGETHER: usize = 2;

/// Receipts that wait to be returned before no more are locked.
const WAITING: usize = 4;

/// Locks A's receipts and returns them from B, again and again, for as long as `work` takes; then waits until each is
/// home and every packet is settled. Also returns the receipts.
pub(super) fn while_receipts_move<T>(
    sides: &[Side; 2],
    work: impl FnOnce() -> Outcome<T>,
) -> Outcome<(T, Vec<Receipt>)> {
    let [a, b] = sides;
    let is_over = &AtomicBool::new(false);
    let (locked, arriving) = mpsc::sync_channel::<Receipt>(WAITING);
    let (result, outward, homeward) = thread::scope(|scope| {
        let outward = scope.spawn(move || -> Outcome {
            while !is_over.load(Ordering::Relaxed) {
                let receipts = a.issue(TOGETHER)?;
                a.lock(&receipts)?;
                for receipt in receipts {
                    // Refused only when the other thread has failed, which says why.
                    if locked.send(receipt).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        let homeward = scope.spawn(move || -> Outcome<Vec<Receipt>> {
            let mut moved = Vec::new();
            while let Ok(first) = arriving.recv() {
                let batch: Vec<Receipt> = [first].into_iter().chain(arriving.try_iter()).collect();
                b.wait_for(&batch, Location::Live)?;
                b.send_back(&batch)?;
                moved.extend(batch);
            }
            Ok(moved)
        });
        let over = SetOnDrop(is_over);
        let result = work();
        drop(over);
        (result, outward.join(), homeward.join())
    });
    outward.map_err(|_| "locking panicked")??;
    let moved = homeward.map_err(|_| "returning panicked")??;
    let result = result?;
    wait_settled(sides)?;
    for receipt in &moved {
        let places = (a.location_of(receipt)?, b.location_of(receipt)?, a.chain.escrow(receipt.uid())?);
        expect("home, abroad, escrow", (Location::Active, Location::Gone, 0), places)?;
    }
    Ok((result, moved))
}

/// Waits until no packet is in flight on either chain.
pub(super) fn wait_settled([a, b]: &[Side; 2]) -> Outcome {
    Ok(wait::until("nothing is in flight", PATIENCE, || {
        let open = |side: &Side| side.chain.in_flight().map_err(|error| error.to_string());
        let (from_a, from_b) = (open(a)?, open(b)?);
        if from_a.is_empty() && from_b.is_empty() {
            Ok(())
        } else {
            Err(format!("from A {from_a:?}, from B {from_b:?}"))
        }
    })?)
}

/// Waits until so many packets were received on a chain from that height on.
pub(super) fn wait_received(side: &Side, from: u64, count: usize) -> Outcome {
    let what = format!("{count} packets are received on {} from height {from} on", side.chain.name);
    Ok(wait::until(&what, PATIENCE, || {
        let events = side.chain.events::<Router::RecvPacket>(side.chain.router).map_err(|error| error.to_string())?;
        let found = events.iter().filter(|(height, _)| *height >= from).count();
        if found >= count { Ok(()) } else { Err(format!("{found}")) }
    })?)
}

/// Ends the traffic however the work ends.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
