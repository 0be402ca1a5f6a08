//! What may be remembered a little later: many changes of one row then cost one write.
//!
//! Nothing that a path holds has to survive: what is lost with the process is read again from where the stored cursor
//! stands, and found out again. What a transaction rests on goes with it to its signer, who stores it before sending.

use super::{Direction, PathMachine, end_index, index};
use crate::{Action, UnixMillis, Write};
use light_client::{Packet, Sequence};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Changes held back at most; what comes on top is written at once.
const HELD_CHANGES: usize = 1_024;
/// Bytes held back at most.
const HELD_BYTES: usize = 1 << 20;
/// Bytes reckoned for a change besides the bytes it carries.
const CHANGE_BYTES: usize = 128;

/// Packets of which what was told is kept in memory. When one makes room for another, what is held back is written: a batch
/// looks for it in the store then.
const RECENT_PACKETS: usize = 4 * HELD_CHANGES;
/// Bytes of them that are kept.
const RECENT_BYTES: usize = 4 * HELD_BYTES;

/// Since when something is held back, and how much.
#[derive(Debug, Default)]
pub(super) struct Held {
    since: Option<UnixMillis>,
    /// How many of the writes are counted in `bytes`.
    counted: usize,
    bytes: usize,
}

impl Held {
    pub(super) fn move_back(&mut self, millis: u64) {
        self.since = self.since.map(|since| since.minus_millis(millis));
    }
}

impl PathMachine {
    /// Everything that has to be remembered by now, in one list, and everything that is to be done.
    pub(super) fn flush(&mut self) -> Vec<Action> {
        let actions = std::mem::take(&mut self.actions);
        if self.writes.is_empty() && self.dirty.is_empty() {
            return actions;
        }
        let since = *self.held.since.get_or_insert(self.now);
        self.held.bytes += self.writes.iter().skip(self.held.counted).map(bytes_of).sum::<usize>();
        self.held.counted = self.writes.len();
        let waited = self.now.millis_since(since) >= self.limits.hold_millis;
        let much = self.writes.len() + self.dirty.len() >= HELD_CHANGES || self.held.bytes >= HELD_BYTES;
        // A batch looks in the store for what is not in memory any more.
        let needed = std::mem::take(&mut self.recent.evicted);
        if !(waited || much || needed) {
            return actions;
        }
        let mut all = vec![Action::Persist(self.unwritten())];
        all.extend(actions);
        all
    }

    /// What is held back, to be stored by whoever stops this machine in good order.
    pub fn unwritten(&mut self) -> Vec<Write> {
        self.held = Held::default();
        let mut writes = last_of_each(std::mem::take(&mut self.writes));
        for (direction, sequence) in std::mem::take(&mut self.dirty) {
            if let Some(entry) = self.directions[index(direction)].rows.get(&sequence) {
                writes.push(Write::Packet { path: self.id.clone(), direction, row: entry.row.clone() });
            }
        }
        writes
    }
}

/// Of what is stored in one place only, the last change alone.
fn last_of_each(mut writes: Vec<Write>) -> Vec<Write> {
    let mut seen = BTreeSet::new();
    writes.reverse();
    writes.retain(|write| match write {
        Write::KnownThrough { direction, .. } => seen.insert((0, index(*direction))),
        Write::Cursor { end, .. } => seen.insert((1, end_index(*end))),
        Write::View { end, .. } => seen.insert((2, end_index(*end))),
        _ => true,
    });
    writes.reverse();
    writes
}

fn bytes_of(write: &Write) -> usize {
    let carried = match write {
        Write::Body { packet, .. } => super::observe::body_bytes(packet) as usize,
        Write::Acknowledgement { bytes, .. } => bytes.len(),
        Write::View { trusted, .. } => trusted.client.len() + trusted.consensus.len(),
        _ => 0,
    };
    carried.saturating_add(CHANGE_BYTES)
}

/// What was told of packets lately, so that it need not be stored before it is used, nor read again from the store.
#[derive(Debug, Default)]
pub(super) struct Recent {
    told: BTreeMap<(Direction, Sequence), ToldLately>,
    /// From the oldest on.
    order: BTreeMap<u64, (Direction, Sequence)>,
    next: u64,
    bytes: usize,
    /// Whether something made room since this was last asked.
    evicted: bool,
}

#[derive(Clone, Debug, Default)]
struct ToldLately {
    turn: u64,
    packet: Option<Arc<Packet>>,
    acknowledgement: Option<Arc<[u8]>>,
}

impl ToldLately {
    fn bytes(&self) -> usize {
        let packet = self.packet.as_ref().map_or(0, |packet| super::observe::body_bytes(packet) as usize);
        packet + self.acknowledgement.as_ref().map_or(0, |bytes| bytes.len()) + CHANGE_BYTES
    }
}

impl Recent {
    pub(super) fn packet(&mut self, direction: Direction, sequence: Sequence, packet: Arc<Packet>) {
        self.change(direction, sequence, |told| told.packet = Some(packet));
    }

    pub(super) fn acknowledgement(&mut self, direction: Direction, sequence: Sequence, bytes: Arc<[u8]>) {
        self.change(direction, sequence, |told| told.acknowledgement = Some(bytes));
    }

    /// What was told of a packet and its acknowledgement, as far as it is kept.
    pub(super) fn get(&self, direction: Direction, sequence: Sequence) -> (Option<Arc<Packet>>, Option<Arc<[u8]>>) {
        let told = self.told.get(&(direction, sequence));
        told.map_or((None, None), |told| (told.packet.clone(), told.acknowledgement.clone()))
    }

    pub(super) fn forget(&mut self, direction: Direction, sequence: Sequence) {
        if let Some(told) = self.told.remove(&(direction, sequence)) {
            self.order.remove(&told.turn);
            self.bytes -= told.bytes();
        }
    }

    fn change(&mut self, direction: Direction, sequence: Sequence, change: impl FnOnce(&mut ToldLately)) {
        let key = (direction, sequence);
        let mut told = self.told.get(&key).cloned().unwrap_or_default();
        self.forget(direction, sequence);
        change(&mut told);
        told.turn = self.next;
        self.next += 1;
        self.order.insert(told.turn, key);
        self.bytes += told.bytes();
        self.told.insert(key, told);
        while (self.told.len() > RECENT_PACKETS || self.bytes > RECENT_BYTES) && self.told.len() > 1 {
            let Some((_, (direction, sequence))) = self.order.first_key_value() else { return };
            let (direction, sequence) = (*direction, *sequence);
            self.forget(direction, sequence);
            self.evicted = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledgement(recent: &mut Recent, number: u64, length: usize) {
        let sequence = Sequence::try_from(number).unwrap();
        recent.acknowledgement(Direction::AToB, sequence, vec![0; length].into());
    }

    fn holds(recent: &Recent, number: u64) -> bool {
        recent.get(Direction::AToB, Sequence::try_from(number).unwrap()).1.is_some()
    }

    #[test]
    fn what_was_told_long_ago_makes_room() {
        let mut recent = Recent::default();
        let packets = RECENT_PACKETS as u64;
        (1..=packets).for_each(|number| acknowledgement(&mut recent, number, 1));
        assert!(holds(&recent, 1));
        // Told once more: now it is the second that goes first.
        acknowledgement(&mut recent, 1, 2);
        assert!(!recent.evicted);
        acknowledgement(&mut recent, packets + 1, 1);
        assert!(recent.evicted, "what is held back is written then");
        assert!(holds(&recent, 1) && !holds(&recent, 2) && holds(&recent, 3));
        acknowledgement(&mut recent, packets + 2, RECENT_BYTES);
        assert_eq!((recent.told.len(), recent.order.len()), (1, 1), "by bytes too, but never what was told last");
        recent.forget(Direction::AToB, Sequence::try_from(packets + 2).unwrap());
        assert_eq!((recent.told.len(), recent.order.len(), recent.bytes), (0, 0, 0));
    }
}
