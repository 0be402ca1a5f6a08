//! What chains tell: heads, events, clients, next sequences. Claims, every one: they say where to look.

use super::{
    CURSOR_STRIDE, MAX_EARLY_ACKNOWLEDGEMENTS, PathMachine,
    entry::{Entry, Look},
    index, recount,
};
use crate::{
    Action, Alert, Direction, End, Head, HostedClient, Observed, PacketRow, PacketState, Parked, Told, Waiting, Wanted,
    Write,
};
use light_client::{Height, Packet, Sequence, Status};
use std::{collections::BTreeSet, sync::Arc};

/// A packet told of this many blocks behind the head is history: it is looked at before it is tried.
const LIVE_BLOCKS: u64 = 16;

impl PathMachine {
    pub(super) fn on_head(&mut self, end: End, head: Head) {
        let now = self.now;
        let state = self.end(end);
        state.head = Some(head);
        let verified = state.view.as_ref().map_or(Height::default(), |view| view.height);
        if head.height < state.cursor && !state.reading {
            // Someone told of heights that are not there. What was read beyond them was read too early.
            state.cursor = head.height.max(verified).min(state.cursor);
        }
        state.read.hasten(now);
    }

    pub(super) fn on_events(&mut self, end: End, from: Height, to: Height, events: Vec<Observed>) {
        let state = self.end(end);
        state.reading = false;
        let expected = state.cursor.next();
        let live_from = state.head.map_or(0, |head| head.height.number().saturating_sub(LIVE_BLOCKS));
        let any = !events.is_empty();
        for event in events {
            self.observe(end, event, live_from);
        }
        let (id, now, blocks) = (self.id.clone(), self.now, self.limits.event_blocks.max(1));
        let state = self.end(end);
        state.read.done(now);
        state.event_blocks = state.event_blocks.saturating_mul(2).min(blocks);
        if expected.is_none_or(|next| from <= next) && to > state.cursor {
            state.cursor = to;
        }
        let stride = state.cursor.number().saturating_sub(state.stored_cursor.number());
        if any || stride >= CURSOR_STRIDE {
            state.stored_cursor = state.cursor;
            let height = state.cursor;
            self.writes.push(Write::Cursor { path: id, end, height });
        }
    }

    fn observe(&mut self, end: End, event: Observed, live_from: u64) {
        match event {
            Observed::Sent { height, packet } => self.on_sent(end, height, packet, height.number() >= live_from),
            Observed::Received { height, sequence } => {
                // Someone delivered it. Our own deliveries wait for the acknowledgement's event instead.
                let direction = Direction::to_destination(end);
                if let Some(entry) = self.direction(direction).rows.get_mut(&sequence)
                    && entry.row.state == PacketState::Sent
                    && entry.batch.is_none()
                    && entry.look == Look::Done
                    && entry.row.acknowledgement_height.is_none()
                {
                    entry.want_look(Look::Destination, height);
                }
            }
            Observed::Acknowledged { height, sequence, acknowledgement } => {
                self.on_acknowledged(Direction::to_destination(end), height, sequence, acknowledgement);
            }
            Observed::Settled { height, sequence } => {
                let (direction, now) = (Direction::from_source(end), self.now);
                if let Some(entry) = self.direction(direction).rows.get_mut(&sequence) {
                    entry.want_look(Look::Source, height);
                    entry.doubted = true;
                    entry.row.next_try = now;
                }
            }
        }
    }

    fn on_sent(&mut self, end: End, height: Height, packet: Packet, live: bool) {
        let direction = Direction::from_source(end);
        let fits = packet.source_client == self.clients[super::end_index(end)]
            && packet.destination_client == self.clients[super::end_index(end.other())];
        if !fits {
            return;
        }
        let sequence = packet.sequence;
        let told = Told {
            commitment: packet.commitment(),
            timeout_seconds: packet.timeout_seconds,
            body_bytes: body_bytes(&packet),
            height,
        };
        let (now, id) = (self.now, self.id.clone());
        let batch = self.untold.remove(&(direction, sequence));
        let batch = batch.filter(|(host, number)| self.end(*host).flights.contains_key(number));
        let state = self.direction(direction);
        if let Some(entry) = state.rows.get_mut(&sequence) {
            let from = entry.row.state;
            let acknowledgement = entry.row.acknowledgement_height;
            // What is being proven is not exchanged for another tale meanwhile: the proof would vouch for the wrong one.
            if entry.batch.is_some() || !entry.row.retell(told, now) {
                return;
            }
            entry.row.acknowledgement_height = acknowledgement;
            entry.doubted = false;
            recount(&mut state.counts, Some(from), Some(PacketState::Announced));
            // Two tales of one packet: the chain says which one is true.
            entry.want_look(Look::Source, height);
        } else {
            if state.known.contains(sequence.get()) {
                return;
            }
            let mut entry = Entry::new(PacketRow::announced(sequence, told, now));
            entry.batch = batch;
            if let Some(at) = state.early.remove(&sequence) {
                entry.row.acknowledgement_height = Some(at);
            }
            if !live {
                entry.want_look(Look::Source, height);
            }
            recount(&mut state.counts, None, Some(PacketState::Announced));
            state.rows.insert(sequence, entry);
        }
        if packet.validate().is_err()
            && let Some(entry) = state.rows.get_mut(&sequence)
        {
            entry.row.park(Parked::InvalidPacket);
            self.actions.push(Action::Alert(Alert::Parked(direction, sequence, Parked::InvalidPacket)));
        }
        let packet = Arc::new(packet);
        self.recent.packet(direction, sequence, Arc::clone(&packet));
        self.writes.push(Write::Body { path: id, direction, packet });
        self.dirty.insert((direction, sequence));
    }

    fn on_acknowledged(&mut self, direction: Direction, height: Height, sequence: Sequence, bytes: Vec<u8>) {
        let (now, id) = (self.now, self.id.clone());
        let state = self.direction(direction);
        match state.rows.get_mut(&sequence) {
            Some(entry) => {
                if entry.row.acknowledgement_height.is_some() && entry.batch.is_some() {
                    return;
                }
                entry.row.acknowledgement_height = Some(height);
                if entry.look == Look::Destination && entry.batch.is_none() {
                    entry.look = Look::Done;
                    entry.row.next_try = now;
                }
                if entry.batch.is_none() {
                    entry.row.wait_for(Waiting::Turn);
                }
                self.dirty.insert((direction, sequence));
            }
            None if state.known.contains(sequence.get()) || state.early.len() >= MAX_EARLY_ACKNOWLEDGEMENTS => return,
            None => {
                state.early.insert(sequence, height);
            }
        }
        let bytes: Arc<[u8]> = bytes.into();
        self.recent.acknowledgement(direction, sequence, Arc::clone(&bytes));
        self.writes.push(Write::Acknowledgement { path: id, direction, sequence, bytes });
    }

    pub(super) fn on_found(
        &mut self,
        direction: Direction,
        sequence: Sequence,
        wanted: Wanted,
        event: Option<Observed>,
    ) {
        self.finding.remove(&(direction, sequence, wanted));
        match event {
            Some(Observed::Sent { height, packet }) if wanted == Wanted::Sent && packet.sequence == sequence => {
                self.on_sent(direction.source(), height, packet, false);
            }
            Some(Observed::Acknowledged { height, sequence: found, acknowledgement })
                if wanted == Wanted::Acknowledgement && found == sequence =>
            {
                self.on_acknowledged(direction, height, sequence, acknowledgement);
            }
            _ => {}
        }
        let unanswered = self.direction(direction).rows.get(&sequence).is_some_and(|entry| match wanted {
            Wanted::Sent => entry.row.state == PacketState::Missing,
            Wanted::Acknowledgement => entry.row.acknowledgement_height.is_none(),
        });
        if unanswered {
            let source = self.head_height(direction.source());
            if let Some(entry) = self.direction(direction).rows.get_mut(&sequence) {
                // Perhaps somebody settled it meanwhile; then no event is needed any more.
                entry.want_look(Look::Source, source);
            }
            let waiting = match wanted {
                Wanted::Sent => Waiting::Event,
                Wanted::Acknowledgement => Waiting::Acknowledgement,
            };
            self.postpone(direction, sequence, Some(waiting));
        }
    }

    pub(super) fn on_client(&mut self, host: End, client: HostedClient) {
        let (now, interval) = (self.now, self.limits.client_read_millis);
        let retry = now.plus_millis(self.limits.outcome_millis);
        let state = self.end(host);
        state.client_reading = false;
        if let Some((expected, until)) = state.client_expected {
            if client.latest.height < expected && now < until {
                // This node has not seen our update yet: an update built on what it says would be refused.
                state.client_read.done(retry);
                return;
            }
            state.client_expected = None;
        }
        state.client_read.done(now.plus_millis(interval));
        let before = state.client.as_ref().map(|client| client.status);
        let status = client.status;
        state.client = Some(client);
        if status != Status::Active && before != Some(status) {
            self.actions.push(Action::Alert(Alert::ClientUnusable(host, status)));
        }
        // Trust on first use, when nobody said what to trust: what the client of this chain trusts.
        let followed = host.other();
        if self.end(followed).view.is_none() {
            self.adopt_view(followed);
        }
    }

    /// What was trusted of a chain is too old; what the hosted client trusts may do, and the operator is told.
    pub(super) fn replace_view(&mut self, end: End) {
        let newer = {
            let view = self.end(end).view.as_ref().map(|view| view.height);
            let hosted = self.end(end.other()).client.as_ref();
            hosted.is_some_and(|client| client.status == Status::Active && Some(client.latest.height) > view)
        };
        if newer {
            self.adopt_view(end);
            self.actions.push(Action::Alert(Alert::ViewReplaced(end)));
        }
    }

    fn adopt_view(&mut self, end: End) {
        let Some(trusted) = self.end(end.other()).client.as_ref().map(|client| client.latest.clone()) else { return };
        self.writes.push(Write::View { path: self.id.clone(), end, trusted: trusted.clone() });
        self.end(end).view = Some(trusted);
    }

    pub(super) fn on_next_sequence(&mut self, direction: Direction, next: u64) {
        let (limits, seed, now) = (self.limits.clone(), self.seed, self.now);
        let guess = self.guess_next(direction);
        let state = self.direction(direction);
        state.asking_next = false;
        if next == guess {
            // The proof just said otherwise: the node that was asked is behind, or lies.
            state.gap.failed(&limits, seed, 3, now);
        } else {
            state.next_told = Some(next);
        }
    }

    /// The number after the last one up to which every packet is known or was told of.
    pub(super) fn guess_next(&self, direction: Direction) -> u64 {
        let state = &self.directions[index(direction)];
        let mut next = state.known.through().saturating_add(1);
        while state.known.contains(next)
            || Sequence::try_from(next).is_ok_and(|sequence| state.rows.contains_key(&sequence))
        {
            next = next.saturating_add(1);
        }
        next
    }

    /// The proven next sequence says how many packets there are: those that no event told of are missing.
    pub(super) fn find_gaps(&mut self, direction: Direction) {
        let source = direction.source();
        let (limit, now) = (self.limits.missing_packets as usize, self.now);
        let cursor = self.end(source).cursor;
        let Some((next, height)) = self.directions[index(direction)].next_proven else { return };
        if cursor < height {
            return;
        }
        // Under way already, though nobody told of them yet.
        let open = |(host, number): &(End, u64)| self.ends[super::end_index(*host)].flights.contains_key(number);
        let untold: BTreeSet<Sequence> = self
            .untold
            .iter()
            .filter(|((of, _), batch)| *of == direction && open(batch))
            .map(|((_, sequence), _)| *sequence)
            .collect();
        let state = self.direction(direction);
        let missing = state.rows.values().filter(|entry| entry.row.state == PacketState::Missing).count();
        let mut room = limit.saturating_sub(missing);
        let mut number = state.known.through().saturating_add(1);
        let mut gaps = Vec::new();
        while number < next && room > 0 {
            if let Ok(sequence) = Sequence::try_from(number)
                && !state.known.contains(number)
                && !state.rows.contains_key(&sequence)
                && !untold.contains(&sequence)
            {
                recount(&mut state.counts, None, Some(PacketState::Missing));
                state.rows.insert(sequence, Entry::new(PacketRow::missing(sequence, now)));
                gaps.push(sequence);
                room -= 1;
            }
            number = number.saturating_add(1);
        }
        for sequence in gaps {
            self.dirty.insert((direction, sequence));
            self.actions.push(Action::Alert(Alert::Gap(direction, sequence)));
        }
    }

    /// Packets that were told of and are not proven.
    fn announced(&self, direction: Direction) -> u64 {
        let counts = PacketState::ALL.iter().zip(self.directions[index(direction)].counts);
        counts.filter(|(state, _)| **state == PacketState::Announced).map(|(_, count)| count).sum()
    }

    pub(super) fn ask_for_reads(&mut self) {
        let now = self.now;
        for end in End::BOTH {
            let room = self.announced(Direction::from_source(end)) < u64::from(self.limits.announced_packets.max(1));
            let state = self.end(end);
            if let Some(head) = state.head
                && room
                && let Some(from) = state.cursor.next()
                && head.height >= from
                && !state.reading
                && state.read.is_due(now)
            {
                let last = from.number().saturating_add(state.event_blocks - 1).min(head.height.number());
                let to = if from.revision() == head.height.revision() {
                    Height::with_revision(from.revision(), last)
                } else {
                    head.height
                };
                state.reading = true;
                self.actions.push(Action::ReadEvents { end, from, to });
            }
            let state = self.end(end);
            if !state.client_reading && state.client_read.is_due(now) {
                state.client_reading = true;
                self.actions.push(Action::ReadClient(end));
            }
        }
    }

    pub(super) fn ask_for_finds(&mut self, due: Vec<(Direction, Sequence, Wanted)>) {
        for (direction, sequence, wanted) in due {
            self.finding.insert((direction, sequence, wanted));
            self.actions.push(Action::Find { direction, sequence, wanted });
        }
    }
}

/// The length of what a packet adds to a batch, in bytes; texts count as they are, the frame is reckoned.
pub(super) fn body_bytes(packet: &Packet) -> u32 {
    const FRAME: usize = 160;
    let texts = |payload: &light_client::Payload| {
        payload.source_port.len()
            + payload.destination_port.len()
            + payload.version.len()
            + payload.encoding.len()
            + payload.value.len()
    };
    let bytes = packet.payloads.iter().map(texts).fold(FRAME, usize::saturating_add);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
