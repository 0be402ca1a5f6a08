use crate::{Direction, End, Limits, PacketRow, PacketState, Parked, Step, UnixMillis, back_off_millis};
use crate::{Question, Wanted};
use light_client::{Height, Timestamp};
use std::collections::BTreeSet;

/// A height that was told is waited for this many times as long as an event is.
const PATIENCE_FOR_HEIGHTS: u64 = 5;

/// An unsettled packet and what is known of it besides its row; all of this may be lost and found out again.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What the store holds.
    pub(super) row: PacketRow,
    /// Which proven state has to be looked at before anything is tried.
    pub(super) look: Look,
    /// No state of the source below this height answers a look.
    pub(super) source_from: Height,
    /// No state of the destination below this height answers a look. The two chains' heights have nothing in common.
    pub(super) destination_from: Height,
    /// The batch that carries its next step.
    pub(super) batch: Option<(End, u64)>,
    /// The source's commitment is proven gone; the source's time then. What is left is to tell why.
    pub(super) gone: Option<Timestamp>,
    /// Its exact commitment was disproven: perhaps another lies there, or none.
    pub(super) doubted: bool,
    /// At this height of the source something is proven to lie there. If it is not what was told, that was false.
    pub(super) occupied: Option<Height>,
    /// It was proven that it was not received, at a time past its timeout.
    pub(super) timeout_proven: bool,
    /// The step that the chain refused until the packet was parked: another step may still be made.
    pub(super) refused: Option<Step>,
}

/// Which proven state is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// None: what is known will do.
    Done,
    /// The source's commitment.
    Source,
    /// The destination's packet receipt.
    Destination,
}

/// What is to be done next for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing by us: it is under way, or parked.
    Nothing,
    /// Ask for an event.
    Find(Wanted),
    /// Look at a chain's proven state.
    Look(End),
    /// Make a step.
    Step(Step),
}

impl Entry {
    /// A packet that was just told of: it may be tried at once.
    pub(super) const fn new(row: PacketRow) -> Self {
        Self {
            row,
            look: Look::Done,
            source_from: Height::new(0),
            destination_from: Height::new(0),
            batch: None,
            gone: None,
            doubted: false,
            occupied: None,
            timeout_proven: false,
            refused: None,
        }
    }

    /// A packet remembered from before: nobody knows what happened since, so the state is looked at first.
    pub(super) fn remembered(row: PacketRow, batch: Option<(End, u64)>) -> Self {
        let look = if batch.is_some() || row.state == PacketState::Missing { Look::Done } else { Look::Source };
        let refused = match (row.parked, row.state) {
            (Some(Parked::RefusedByChain), PacketState::Delivered) => Some(Step::Acknowledge),
            (Some(Parked::RefusedByChain), _) => Some(Step::Receive),
            _ => None,
        };
        Self { look, batch, refused, ..Self::new(row) }
    }

    /// Wants a look at a state of at least this height.
    pub(super) fn want_look(&mut self, look: Look, at: Height) {
        self.look = look;
        match look {
            Look::Done => {}
            Look::Source => self.source_from = at,
            Look::Destination => self.destination_from = at,
        }
    }

    /// The first height of a chain whose state answers a look at it.
    pub(super) fn look_from(&self, direction: Direction, end: End) -> Height {
        if end == direction.source() { self.source_from } else { self.destination_from }
    }

    /// Whether a height that was told is waited for in vain: nobody may keep a packet waiting by naming one that never
    /// comes.
    pub(super) fn is_overdue(&self, now: UnixMillis, limits: &Limits) -> bool {
        let patience = limits.event_patience_millis.saturating_mul(PATIENCE_FOR_HEIGHTS);
        now.millis_since(self.row.next_try) >= patience
    }

    /// What is to be done next, given the destination's time. The one place where this is decided.
    pub(super) fn work(&self, direction: Direction, destination_time: Option<Timestamp>) -> Work {
        let row = &self.row;
        match self.look {
            Look::Source => return Work::Look(direction.source()),
            Look::Destination => return Work::Look(direction.destination()),
            Look::Done => {}
        }
        if row.state == PacketState::Missing {
            return Work::Find(Wanted::Sent);
        }
        if self.batch.is_some() {
            return Work::Nothing;
        }
        let timed_out = destination_time.is_some_and(|time| time.unix_seconds() >= row.timeout_seconds);
        let step = match row.state {
            PacketState::Missing | PacketState::Acknowledged | PacketState::TimedOut => return Work::Nothing,
            // The first proof of a packet comes with its delivery; anything else first needs to know that it exists.
            PacketState::Announced if timed_out || row.acknowledgement_height.is_some() => {
                return Work::Look(direction.source());
            }
            PacketState::Sent | PacketState::Announced | PacketState::Delivered
                if row.acknowledgement_height.is_some() =>
            {
                Step::Acknowledge
            }
            PacketState::Delivered => return Work::Find(Wanted::Acknowledgement),
            PacketState::Sent if timed_out => Step::Timeout,
            PacketState::Announced | PacketState::Sent => Step::Receive,
        };
        match row.parked {
            None => Work::Step(step),
            // A packet that the destination would not take can still be refunded, or was taken from someone else.
            Some(Parked::RefusedByChain) if self.refused.is_some_and(|refused| refused != step) => Work::Step(step),
            Some(_) => Work::Nothing,
        }
    }

    /// The question that a look at the source puts.
    pub(super) fn source_question(&self, direction: Direction) -> Question {
        if self.row.state == PacketState::Announced && !self.doubted {
            Question::Commitment(direction, self.row.sequence, self.row.commitment)
        } else {
            Question::NoCommitment(direction, self.row.sequence)
        }
    }
}

/// Which packets of a direction are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    through: u64,
    beyond: BTreeSet<u64>,
}

impl Known {
    pub(super) fn new(through: u64, beyond: impl IntoIterator<Item = u64>) -> Self {
        let mut known = Self { through, beyond: BTreeSet::new() };
        beyond.into_iter().for_each(|sequence| {
            known.insert(sequence);
        });
        known
    }

    /// Every packet up to this number is known.
    pub(super) const fn through(&self) -> u64 {
        self.through
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        sequence <= self.through || self.beyond.contains(&sequence)
    }

    /// Adds a number; `true` when [`Self::through`] moved.
    pub(super) fn insert(&mut self, sequence: u64) -> bool {
        if sequence <= self.through {
            return false;
        }
        self.beyond.insert(sequence);
        let before = self.through;
        while let Some(next) = self.through.checked_add(1)
            && self.beyond.remove(&next)
        {
            self.through = next;
        }
        self.through != before
    }
}

/// When a task may be tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retry {
    tries: u32,
    next: UnixMillis,
}

impl Retry {
    pub(crate) fn is_due(&self, now: UnixMillis) -> bool {
        self.next <= now
    }

    /// It worked; the next time is at `next`.
    pub(crate) const fn done(&mut self, next: UnixMillis) {
        self.tries = 0;
        self.next = next;
    }

    /// At once, whatever was planned; failures still count.
    pub(crate) fn hasten(&mut self, now: UnixMillis) {
        if self.tries == 0 {
            self.next = self.next.min(now);
        }
    }

    /// The clock was set back by so much.
    pub(crate) const fn move_back(&mut self, millis: u64) {
        self.next = self.next.minus_millis(millis);
    }

    pub(crate) fn failed(&mut self, limits: &Limits, seed: u64, key: u64, now: UnixMillis) {
        self.tries = self.tries.saturating_add(1);
        self.next = now.plus_millis(back_off_millis(limits, seed, key, self.tries));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_close_up() {
        let mut known = Known::new(2, [4, 7]);
        assert_eq!(known.through(), 2);
        assert!(known.contains(4) && !known.contains(3));
        assert!(known.insert(3));
        assert_eq!(known.through(), 4);
        assert!(!known.insert(6));
        assert!(known.insert(5));
        assert_eq!(known.through(), 7);
        assert!(!known.insert(7));
    }
}
