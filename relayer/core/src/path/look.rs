//! Looking at proven states: what is left to be done, what is done, what exists.

use super::{
    Direction, End, PathMachine, end_index,
    entry::{Look, Work},
    index, recount, waiting_for,
};
use crate::{
    Action, Alert, Failure, Item, PacketRow, PacketState, Question, Step, Trusted, UnixMillis, Waiting, Wanted, Write,
};
use light_client::{Height, Sequence, Timestamp};

/// A packet whose state on a chain has to be looked at: whether that can wait, since when it is due, and which it is.
type Looker = (bool, UnixMillis, Direction, Sequence);

/// What is due besides steps.
#[derive(Default)]
pub(super) struct Due {
    /// Events to be asked for.
    pub(super) finds: Vec<(Direction, Sequence, Wanted)>,
    /// States of `a` and `b` to be looked at.
    pub(super) lookers: [Vec<Looker>; 2],
}

impl PathMachine {
    pub(super) fn on_verified(&mut self, end: End, trusted: Trusted) {
        let now = self.now;
        let state = self.end(end);
        state.verifying = false;
        state.verify.done(now);
        state.view_current = true;
        if state.view.as_ref().is_some_and(|view| view.height >= trusted.height) {
            return;
        }
        state.view = Some(trusted.clone());
        self.writes.push(Write::View { path: self.id.clone(), end, trusted });
    }

    /// Packets that wait for a look say why it does not come.
    pub(super) fn mark_lookers(&mut self, end: End, failure: Failure) {
        let waiting = waiting_for(failure);
        let lookers = std::mem::take(&mut self.due().lookers[end_index(end)]);
        for (direction, sequence) in self.most_urgent(lookers) {
            if let Some(entry) = self.direction(direction).rows.get_mut(&sequence) {
                entry.row.wait_for(waiting);
            }
        }
    }

    /// What is due now besides steps, found in one walk over all packets.
    pub(super) fn due(&self) -> Due {
        let now = self.now;
        let room = (self.limits.missing_packets as usize).saturating_sub(self.finding.len());
        let heads = End::BOTH.map(|end| self.head_height(end));
        let mut due = Due::default();
        for direction in Direction::BOTH {
            let time = self.ends[end_index(direction.destination())].head.map(|head| head.time);
            for (sequence, entry) in &self.directions[index(direction)].rows {
                if entry.row.next_try > now {
                    continue;
                }
                match entry.work(direction, time) {
                    Work::Look(end)
                        if entry.look_from(direction, end) <= heads[end_index(end)]
                            || entry.is_overdue(now, &self.limits) =>
                    {
                        let calm = entry.row.timeout_seconds > now.seconds().saturating_add(self.limits.urgent_seconds);
                        due.lookers[end_index(end)].push((calm, entry.row.next_try, direction, *sequence));
                    }
                    Work::Find(wanted)
                        if due.finds.len() < room && !self.finding.contains(&(direction, *sequence, wanted)) =>
                    {
                        due.finds.push((direction, *sequence, wanted));
                    }
                    _ => {}
                }
            }
        }
        due
    }

    /// Packets whose state on a chain has to be looked at now, the most urgent first, as many as go into one proof.
    fn most_urgent(&self, mut lookers: Vec<Looker>) -> Vec<(Direction, Sequence)> {
        lookers.sort_unstable();
        lookers.truncate((self.limits.look_packets as usize).max(1));
        lookers.into_iter().map(|(_, _, direction, sequence)| (direction, sequence)).collect()
    }

    pub(super) fn ask_for_looks(&mut self, end: End, lookers: Vec<Looker>) {
        let now = self.now;
        let state = &self.ends[end_index(end)];
        let (Some(head), Some(view)) = (state.head, &state.view) else { return };
        if state.looking || state.verifying || !state.look.is_due(now) || !state.verify.is_due(now) {
            return;
        }
        let view = view.clone();
        let lookers = self.most_urgent(lookers);
        let gap = self.gap_question(Direction::from_source(end));
        if lookers.is_empty() && gap.is_none() {
            return;
        }
        let state = &self.ends[end_index(end)];
        let rows = |direction: Direction, sequence: &Sequence| self.directions[index(direction)].rows.get(sequence);
        let needed = lookers
            .iter()
            .filter_map(|(direction, sequence)| Some(rows(*direction, sequence)?.look_from(*direction, end)));
        // A gap is looked for at the head; a packet wherever its step would show.
        let needed = needed.chain(gap.map(|_| head.height)).max().unwrap_or_default().min(head.height);
        if (!state.view_current || view.height < needed) && head.height > view.height {
            self.end(end).verifying = true;
            self.actions.push(Action::Verify { end, trusted: view, target: head.height });
            return;
        }
        if view.height < needed {
            return;
        }
        let mut questions: Vec<Question> = Vec::with_capacity(lookers.len() + 1);
        for (direction, sequence) in &lookers {
            let Some(entry) = rows(*direction, sequence) else { continue };
            questions.push(if end == direction.source() {
                entry.source_question(*direction)
            } else {
                Question::NoReceipt(*direction, *sequence)
            });
        }
        questions.extend(gap);
        self.end(end).looking = true;
        self.actions.push(Action::Look { end, trusted: view, questions });
    }

    /// Whether the number of packets has to be proven now, and which number is expected.
    fn gap_question(&mut self, direction: Direction) -> Option<Question> {
        let now = self.now;
        let state = self.direction(direction);
        if !state.gap.is_due(now) || state.asking_next {
            return None;
        }
        let guess = self.guess_next(direction);
        let head = self.head_height(direction.source());
        let state = self.direction(direction);
        // Nothing new can have been sent since the last proof in the same state.
        let settled = state.next_proven.is_some_and(|(next, height)| height >= head && next == guess);
        if settled && state.next_told.is_none() {
            return None;
        }
        Some(Question::NextSequence(direction, state.next_told.unwrap_or(guess)))
    }

    pub(super) fn on_looked(&mut self, end: End, height: Height, time: Timestamp, answers: &[(Question, bool)]) {
        let now = self.now;
        let state = self.end(end);
        state.looking = false;
        state.look.done(now);
        // The number of packets first: it tells a packet that never was from one that is settled.
        for (question, yes) in answers {
            if let Question::NextSequence(direction, next) = *question {
                self.on_next_proven(direction, next, *yes, height);
            }
        }
        for (question, yes) in answers {
            match *question {
                Question::Commitment(direction, sequence, commitment) => {
                    let told = |entry: &super::Entry| entry.row.commitment == commitment;
                    if self.directions[index(direction)].rows.get(&sequence).is_some_and(told) {
                        self.on_commitment(direction, sequence, *yes, height);
                    }
                }
                Question::NoCommitment(direction, sequence) => {
                    self.on_commitment_absence(direction, sequence, *yes, height, time);
                }
                Question::NoReceipt(direction, sequence) => {
                    self.on_receipt_absence(direction, sequence, *yes, height, time);
                }
                Question::NextSequence(..) => {}
            }
        }
    }

    fn on_next_proven(&mut self, direction: Direction, next: u64, yes: bool, height: Height) {
        let (now, limits, seed) = (self.now, self.limits.clone(), self.seed);
        let state = self.direction(direction);
        let told = state.next_told.take();
        if yes {
            if state.next_proven.is_none_or(|(proven, _)| proven <= next) {
                state.next_proven = Some((next, height));
            }
            state.gap.done(now.plus_millis(limits.gap_check_millis));
            self.find_gaps(direction);
        } else if told == Some(next) {
            // What was told is not so: a node that is behind, or lies.
            state.gap.failed(&limits, seed, 3, now);
        } else {
            state.asking_next = true;
            self.actions.push(Action::ReadNextSequence(direction));
        }
    }

    /// The source holds exactly what was told, or does not.
    fn on_commitment(&mut self, direction: Direction, sequence: Sequence, yes: bool, height: Height) {
        if yes {
            self.on_sent_proven(direction, sequence, height);
        }
        let destination = self.head_height(direction.destination());
        let now = self.now;
        let Some(entry) = self.direction(direction).rows.get_mut(&sequence) else { return };
        if yes {
            entry.want_look(Look::Destination, destination);
            entry.row.next_try = now;
        } else if entry.row.state == PacketState::Announced && entry.occupied.is_some_and(|at| at <= height) {
            self.retract(direction, sequence);
        } else {
            // Nothing, or something else? That decides between settled and falsely told.
            entry.doubted = true;
        }
    }

    /// The packet is proven to have been committed to, at this height. From there on its absence means that it is
    /// settled; an older state without it means nothing.
    pub(super) fn on_sent_proven(&mut self, direction: Direction, sequence: Sequence, height: Height) {
        if self.advance(direction, sequence, PacketState::Sent)
            && let Some(entry) = self.direction(direction).rows.get_mut(&sequence)
        {
            entry.row.sent_height = height;
        }
    }

    /// The source holds nothing for a packet (`yes`), or something.
    fn on_commitment_absence(
        &mut self,
        direction: Direction,
        sequence: Sequence,
        yes: bool,
        height: Height,
        time: Timestamp,
    ) {
        let (now, destination) = (self.now, self.head_height(direction.destination()));
        let proven = self.direction(direction).next_proven;
        let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) else { return };
        let overdue = entry.is_overdue(now, &self.limits);
        // Absence means something only in a state in which the packet had been committed to: from the height on at which
        // that was proven, or at which the proven number of packets was beyond it.
        let existed = if entry.row.state >= PacketState::Sent {
            Some(entry.row.sent_height)
        } else {
            proven.filter(|(next, _)| *next > sequence.get()).map(|(_, at)| at)
        };
        if let Some(existed) = existed.filter(|existed| yes && height < *existed) {
            entry.source_from = entry.source_from.max(existed);
            // Where it is overdue it would be looked at in the same state again, at once.
            self.postpone(direction, sequence, Some(Waiting::Look));
            return;
        }
        if height < entry.source_from && !overdue {
            return;
        }
        match (yes, entry.row.state) {
            (true, PacketState::Announced) if existed.is_none() => {
                // It was told of and is not there. Was it ever?
                if proven.is_some_and(|(_, at)| at >= entry.row.sent_height || overdue) {
                    self.forget(direction, sequence);
                } else {
                    self.direction(direction).gap.done(now);
                    self.postpone(direction, sequence, Some(Waiting::Look));
                }
            }
            (true, PacketState::Delivered) => {
                self.settle(direction, sequence, PacketState::Acknowledged, height);
            }
            (true, _) if entry.timeout_proven => self.settle(direction, sequence, PacketState::TimedOut, height),
            (true, _) => {
                entry.gone = Some(time);
                entry.want_look(Look::Destination, destination);
                entry.row.next_try = now;
            }
            (false, PacketState::Missing) => entry.look = Look::Done,
            (false, PacketState::Announced) => {
                // Something lies there now. Whether it is what was told shows in this state or a later one.
                entry.doubted = false;
                entry.occupied = Some(height);
                entry.source_from = height;
            }
            (false, PacketState::Sent) => {
                entry.want_look(Look::Destination, destination);
            }
            (false, _) => {
                entry.look = Look::Done;
                if entry.row.waiting == Waiting::Confirmation {
                    // Said to be made, and not made: it is tried again, later and later.
                    self.postpone(direction, sequence, Some(Waiting::Turn));
                }
            }
        }
    }

    /// The destination holds no packet receipt (`yes`), or one.
    fn on_receipt_absence(
        &mut self,
        direction: Direction,
        sequence: Sequence,
        yes: bool,
        height: Height,
        time: Timestamp,
    ) {
        let heads = End::BOTH.map(|end| self.head_height(end));
        let (now, destination) = (self.now, heads[end_index(direction.destination())]);
        let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) else { return };
        let early = height < entry.destination_from && !entry.is_overdue(now, &self.limits);
        if early || entry.look != Look::Destination {
            return;
        }
        entry.look = Look::Done;
        let timeout = Timestamp::from_unix_seconds(entry.row.timeout_seconds);
        let item = Item { direction, sequence, step: Step::Receive };
        match (yes, entry.gone) {
            (false, Some(_)) => {
                self.step_done(item, height);
                self.settle(direction, sequence, PacketState::Acknowledged, height);
            }
            // Something of this number arrived. Whether it is what was told shows on the source.
            (false, None) if entry.row.state == PacketState::Announced => {
                let source = heads[end_index(direction.source())];
                entry.want_look(Look::Source, source);
                entry.row.next_try = now;
            }
            (false, None) => {
                if self.advance(direction, sequence, PacketState::Delivered) {
                    self.step_done(item, height);
                }
            }
            // It was not received, and it is too late: it was timed out. Of a packet that nobody told of the timeout is
            // not known; its commitment went before the destination's time, and a receipt would have come before that.
            (true, Some(gone)) if time >= timeout && (entry.row.timeout_seconds > 0 || time > gone) => {
                self.settle(direction, sequence, PacketState::TimedOut, height);
            }
            (true, Some(_)) => {
                entry.want_look(Look::Destination, destination);
                self.postpone(direction, sequence, Some(Waiting::Look));
            }
            (true, None) if entry.row.waiting == Waiting::Confirmation => {
                self.postpone(direction, sequence, Some(Waiting::Turn));
            }
            (true, None) => {
                if entry.row.waiting == Waiting::Look {
                    entry.row.wait_for(Waiting::Turn);
                }
                entry.row.next_try = entry.row.next_try.max(now);
            }
        }
    }

    /// A packet that never was.
    fn forget(&mut self, direction: Direction, sequence: Sequence) {
        let state = self.direction(direction);
        if let Some(entry) = state.rows.remove(&sequence) {
            recount(&mut state.counts, Some(entry.row.state), None);
            self.dirty.remove(&(direction, sequence));
            self.recent.forget(direction, sequence);
            self.writes.push(Write::Forget { path: self.id.clone(), direction, sequence });
            self.actions.push(Action::Alert(Alert::FalsePacket(direction, sequence)));
        }
    }

    /// A packet exists, and it is not the one that was told of.
    fn retract(&mut self, direction: Direction, sequence: Sequence) {
        let now = self.now;
        let state = self.direction(direction);
        if let Some(entry) = state.rows.get_mut(&sequence) {
            recount(&mut state.counts, Some(entry.row.state), Some(PacketState::Missing));
            let tries = entry.row.tries;
            let acknowledgement = entry.row.acknowledgement_height;
            *entry = super::Entry::new(PacketRow::missing(sequence, now));
            entry.row.tries = tries;
            entry.row.acknowledgement_height = acknowledgement;
            self.postpone(direction, sequence, None);
            self.actions.push(Action::Alert(Alert::FalsePacket(direction, sequence)));
        }
    }
}
