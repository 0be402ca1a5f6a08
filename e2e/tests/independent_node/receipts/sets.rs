//! Validator sets of real nodes change while receipts move.

use super::crossing::holds_real_state;
use super::network::{ASKED, SPARE, VALIDATORS};
use super::people::{Receipt, Side};
use super::traffic::{wait_received, while_receipts_move};
use super::{Outcome, expect};
use e2e::cosmos::CosmosNetwork;

/// Packets that are received on each chain once the sets have changed.
const AFTERWARDS: usize = 2;

/// The spare node of the network becomes a validator, and on the other chain `change_other` does what it says, while
/// receipts move; it returns the height from which that change holds. The receipts; and that each client is past it.
pub(super) fn change(
    sides: &[Side; 2],
    network: (usize, &CosmosNetwork),
    change_other: impl FnOnce() -> Outcome<u64>,
) -> Outcome<Vec<Receipt>> {
    let (index, network) = network;
    let (here, other) = (&sides[index], &sides[1 - index]);
    let before = network.validators_at(ASKED, network.height(ASKED)?)?;
    expect("validators before the change", VALIDATORS, before.len())?;
    let ((joined, changed), moved) = while_receipts_move(sides, || {
        let joined = network.stake(SPARE)?;
        let changed = change_other()?;
        for (side, from) in [(here, joined), (other, changed)] {
            wait_received(side, from, AFTERWARDS)?;
        }
        Ok((joined, changed))
    })?;
    expect("validators after the change", VALIDATORS + 1, network.validators_at(ASKED, joined)?.len())?;
    // Packets from after a change were proven by states from after it.
    for (host, followed, from) in [(other, here, joined), (here, other, changed)] {
        let height = holds_real_state(host, followed)?;
        expect(&format!("the client on {} is past height {from}", host.chain.name), true, height >= from)?;
    }
    Ok(moved)
}
