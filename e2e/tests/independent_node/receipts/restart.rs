//! The relayer is killed while packets are in flight in both directions, and started again on its database.

use super::people::{Receipt, Side};
use super::traffic::while_receipts_move;
use super::{Outcome, PATIENCE};
use crate::relayer::Relayer;
use e2e::wait;
use std::collections::BTreeSet;

/// How far packets have come, in both directions, when the relayer is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Sent and not settled.
    Sent,
    /// Some of A's are received on B and not acknowledged on A.
    ReceivedOnB,
    /// Some of B's are received on A and not acknowledged on B.
    ReceivedOnA,
}

/// A kill that comes too late for its moment is repeated; a busy machine needs two or three.
const TRIES: usize = 12;

/// Kills at each moment; every packet that was in flight then is settled after the restart.
pub(super) fn the_relayer_is_killed(relayer: &mut Relayer, sides: &[Side; 2]) -> Outcome<Vec<Receipt>> {
    let ((), moved) = while_receipts_move(sides, || {
        for moment in [Moment::Sent, Moment::ReceivedOnB, Moment::ReceivedOnA] {
            let mut tries = 0;
            while !kill_at(moment, relayer, sides)? {
                tries += 1;
                if tries == TRIES {
                    return Err(format!("{moment:?}: none of {TRIES} kills came at it").into());
                }
            }
        }
        Ok(())
    })?;
    Ok(moved)
}

/// One kill and restart; whether it came at that moment, by what the chains say while no relayer runs.
fn kill_at(moment: Moment, relayer: &mut Relayer, sides: &[Side; 2]) -> Outcome<bool> {
    wait::until(&format!("packets in flight both ways: {moment:?}"), PATIENCE, || match in_flight(sides) {
        Ok(open) if is_at(moment, &open, sides).unwrap_or(false) => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    let before = in_flight(sides)?;
    relayer.kill()?;
    let after = in_flight(sides)?;
    // What was sent after the kill was not in flight under the relayer's hands.
    let open = [0, 1].map(|side| before[side].intersection(&after[side]).copied().collect::<BTreeSet<u64>>());
    let came = is_at(moment, &open, sides)?;
    relayer.start()?;
    for (side, sequences) in sides.iter().zip(open) {
        side.wait_settled(&sequences.into_iter().collect::<Vec<_>>())?;
    }
    Ok(came)
}

fn in_flight([a, b]: &[Side; 2]) -> Outcome<[BTreeSet<u64>; 2]> {
    Ok([a.chain.in_flight()?, b.chain.in_flight()?])
}

fn is_at(moment: Moment, open: &[BTreeSet<u64>; 2], [a, b]: &[Side; 2]) -> Outcome<bool> {
    let [from_a, from_b] = open;
    let both = !from_a.is_empty() && !from_b.is_empty();
    Ok(both
        && match moment {
            Moment::Sent => true,
            Moment::ReceivedOnB => b.chain.received()?.iter().any(|sequence| from_a.contains(sequence)),
            Moment::ReceivedOnA => a.chain.received()?.iter().any(|sequence| from_b.contains(sequence)),
        })
}
