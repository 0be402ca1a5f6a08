//! Batches: which steps go together, at which proven height, and what becomes of them.

use super::{
    Direction, End, Flight, PathMachine, Preparing, direction_on, end_index,
    entry::{Look, Work},
    index,
};
use crate::{
    Action, Alert, BatchId, BatchOutcome, Call, HostedClient, Item, ItemToProve, PacketState, Parked, Prepared,
    Purpose, Step, Submission, UnixMillis, Waiting,
};
use light_client::{Height, Sequence, Status, Timestamp};

/// A step that could be made now.
struct Candidate {
    item: Item,
    /// The height of the proven chain from which on it can be proven.
    since: Height,
    /// Its proof's time must be this or later.
    time: Timestamp,
    refusals: u32,
    bytes: u32,
    order: (bool, UnixMillis, Sequence),
}

impl PathMachine {
    /// Plans the next batch for a chain, when there is something to do and nothing in its way.
    pub(super) fn ask_for_batch(&mut self, host: End) {
        let now = self.now;
        let state = &self.ends[end_index(host)];
        let (Some(client), Some(head)) = (&state.client, self.ends[end_index(host.other())].head) else { return };
        let busy = state.preparing.is_some()
            || state.client_expected.is_some()
            || state.flights.len() >= self.limits.batches_in_flight.max(1) as usize
            // The next update starts from this one, and what follows is proven at its height: it has to be there first.
            || state.flights.values().any(|flight| flight.is_waited_for(client));
        if busy || !state.prepare.is_due(now) {
            return;
        }
        let is_updating = state.flights.values().any(|flight| flight.update.is_some());
        let active = client.status == Status::Active;
        let other = self.ends[end_index(host.other())].client.as_ref();
        // A chain that was caught certifying two blocks is given nothing more to hold until people have decided.
        let stopped = other.is_some_and(|client| client.status == Status::Frozen);
        if !active || stopped {
            self.wait_for_client(host);
        }
        let Some(client) = self.ends[end_index(host)].client.as_ref().filter(|_| active) else { return };
        let (latest, latest_time) = (client.latest.height, client.latest.time);
        // The client that is well is kept alive meanwhile: they will need it.
        let chosen = if stopped { Vec::new() } else { self.choose(host, self.candidates(host, head.height)) };
        let reaches = chosen.iter().all(|candidate| candidate.since <= latest && candidate.time <= latest_time);
        let refresh =
            !is_updating && refresh_at(client, &self.limits).is_some_and(|at| now.seconds() >= at.unix_seconds());
        let target = (!reaches || refresh).then_some(head.height).filter(|height| *height > latest);
        if (chosen.is_empty() || !reaches) && target.is_none() {
            return;
        }
        let trusted = client.latest.clone();
        let Some(batch) = self.next_batch() else { return };
        let items: Vec<Item> = chosen.into_iter().map(|candidate| candidate.item).collect();
        for item in &items {
            if let Some(entry) = self.direction(item.direction).rows.get_mut(&item.sequence) {
                entry.batch = Some((host, batch));
                if entry.row.parked.take().is_some() {
                    // Another step than the refused one: it starts anew.
                    entry.row.refusals = 0;
                    entry.row.wait_for(Waiting::Turn);
                    self.dirty.insert((item.direction, item.sequence));
                }
            }
        }
        let told = |item: &Item| {
            let (packet, acknowledgement) = self.recent.get(item.direction, item.sequence);
            ItemToProve { item: *item, packet, acknowledgement }
        };
        let to_prove = items.iter().map(told).collect();
        self.end(host).preparing = Some(Preparing { batch, items });
        self.actions.push(Action::Prepare { host, batch, trusted, target, items: to_prove });
    }

    fn next_batch(&mut self) -> Option<u64> {
        self.last_batch = self.last_batch.checked_add(1)?;
        Some(self.last_batch)
    }

    /// Evidence goes to the signer at once, whatever else is under way: nothing of the path rests on it.
    pub(super) fn on_misbehaviour(&mut self, host: End, messages: Vec<u8>, update: Option<Height>) {
        let Some(batch) = self.next_batch() else { return };
        let calls = update.map(Call::Update).into_iter().chain([Call::Misbehaviour]).collect();
        self.end(host).flights.insert(batch, Flight { calls, update, withdrawn: false });
        let purpose = Purpose { path: self.id.clone(), host, batch, update, items: Vec::new() };
        self.actions.push(Action::Submit(Submission { purpose, messages, evidence: Vec::new() }));
    }

    fn candidates(&self, host: End, head: Height) -> Vec<Candidate> {
        let now = self.now;
        let mut candidates = Vec::new();
        for direction in Direction::BOTH {
            let time = self.ends[end_index(direction.destination())].head.map(|head| head.time);
            for (sequence, entry) in &self.directions[index(direction)].rows {
                if entry.row.next_try > now {
                    continue;
                }
                let Work::Step(step) = entry.work(direction, time) else { continue };
                if direction_on(host, step) != direction {
                    continue;
                }
                let row = &entry.row;
                let timeout = Timestamp::from_unix_seconds(row.timeout_seconds);
                let (since, time) = match step {
                    Step::Receive => (row.sent_height, Timestamp::default()),
                    Step::Acknowledge => (row.acknowledgement_height.unwrap_or_default(), Timestamp::default()),
                    // Absence is proven in any state whose time is late enough, also one from before it was sent;
                    // but not in one that the last attempt was refused at.
                    Step::Timeout => (entry.destination_from, timeout),
                };
                if since > head && !entry.is_overdue(now, &self.limits) {
                    continue;
                }
                let since = since.min(head);
                let calm = step != Step::Receive
                    || row.timeout_seconds > now.seconds().saturating_add(self.limits.urgent_seconds);
                candidates.push(Candidate {
                    item: Item { direction, sequence: *sequence, step },
                    since,
                    time,
                    refusals: row.refusals,
                    bytes: row.body_bytes,
                    order: (calm, row.next_try, *sequence),
                });
            }
        }
        candidates.sort_by_key(|candidate| candidate.order);
        candidates
    }

    /// The first packets that go together within the limits. Packets that the chain refused are tried among
    /// themselves, in ever smaller batches, so that one that is poisoned ends up alone.
    fn choose(&self, host: End, candidates: Vec<Candidate>) -> Vec<Candidate> {
        let limits = &self.limits;
        let Some(refusals) = candidates.first().map(|candidate| candidate.refusals) else { return candidates };
        let cap = self.ends[end_index(host)].batch_packets.min(limits.batch_packets).max(1);
        let cap = (cap >> refusals.min(31)).max(1) as usize;
        let (mut bytes, mut gas) = (0_u32, limits.update_gas);
        let mut chosen = Vec::new();
        for candidate in candidates.into_iter().filter(|candidate| candidate.refusals == refusals) {
            bytes = bytes.saturating_add(candidate.bytes);
            gas = gas.saturating_add(limits.step_gas(candidate.item.step));
            if !chosen.is_empty() && (chosen.len() >= cap || bytes > limits.batch_bytes || gas > limits.batch_gas) {
                break;
            }
            chosen.push(candidate);
        }
        chosen
    }

    /// The client may not be used: what waits for it says so.
    fn wait_for_client(&mut self, host: End) {
        for direction in Direction::BOTH {
            let time = self.ends[end_index(direction.destination())].head.map(|head| head.time);
            for (sequence, entry) in &mut self.directions[index(direction)].rows {
                let Work::Step(step) = entry.work(direction, time) else { continue };
                if direction_on(host, step) == direction
                    && entry.row.parked.is_none()
                    && entry.row.waiting != Waiting::Client
                {
                    entry.row.wait_for(Waiting::Client);
                    self.dirty.insert((direction, *sequence));
                }
            }
        }
    }

    pub(super) fn on_prepared(&mut self, host: End, batch: u64, prepared: Prepared) {
        let Some(preparing) = self.end(host).preparing.take_if(|preparing| preparing.batch == batch) else { return };
        let (now, limits) = (self.now, self.limits.clone());
        self.end(host).prepare.done(now);
        for item in &prepared.disproven {
            self.on_disproven(*item, prepared.height, prepared.time);
        }
        let carried: Vec<Item> = prepared.calls.iter().flat_map(|call| items_of(host, call)).collect();
        let too_early = self.too_early(&carried, prepared.time);
        let too_long = carried.len() > 1 && prepared.messages.len() > limits.batch_bytes as usize;
        let update = prepared.calls.iter().rev().find_map(|call| match call {
            Call::Update(height) => Some(*height),
            Call::Packets(..) | Call::Misbehaviour => None,
        });
        let refreshes = preparing.items.is_empty() || prepared.is_partway;
        let useless = carried.is_empty() && !(update.is_some() && refreshes);
        if too_long {
            let half = u32::try_from(carried.len() / 2).unwrap_or(1).max(1);
            self.end(host).batch_packets = half;
        }
        let submitted = !(too_early || too_long || useless);
        for item in &preparing.items {
            if submitted && carried.contains(item) {
                self.on_step_proven(*item, prepared.height);
            } else if let Some(entry) = self.direction(item.direction).rows.get_mut(&item.sequence) {
                entry.batch = None;
                if too_early && carried.contains(item) {
                    self.postpone(item.direction, item.sequence, Some(Waiting::Turn));
                }
            }
        }
        if !submitted {
            return;
        }
        let state = self.end(host);
        state.batch_packets = state.batch_packets.saturating_mul(2).min(limits.batch_packets.max(1));
        let Prepared { messages, calls, evidence, .. } = prepared;
        state.flights.insert(batch, Flight { calls, update, withdrawn: false });
        let path = self.id.clone();
        let purpose = Purpose { path, host, batch, update, items: carried };
        self.actions.push(Action::Submit(Submission { purpose, messages, evidence }));
    }

    /// A timeout proven at a time before the timeout would be refused: the head that was told was not the proven one.
    fn too_early(&self, items: &[Item], proven: Timestamp) -> bool {
        items.iter().filter(|item| item.step == Step::Timeout).any(|item| {
            let entry = self.directions[index(item.direction)].rows.get(&item.sequence);
            entry.is_some_and(|entry| proven.unix_seconds() < entry.row.timeout_seconds)
        })
    }

    /// The claim that a step rests on holds at a verified height.
    fn on_step_proven(&mut self, item: Item, height: Height) {
        let Item { direction, sequence, step } = item;
        match step {
            Step::Receive => {
                self.on_sent_proven(direction, sequence, height);
            }
            Step::Acknowledge => {
                if self.advance(direction, sequence, PacketState::Delivered) {
                    self.step_done(Item { step: Step::Receive, ..item }, height);
                }
            }
            Step::Timeout => {}
        }
        if let Some(entry) = self.direction(direction).rows.get_mut(&sequence) {
            entry.timeout_proven = step == Step::Timeout;
            entry.row.wait_for(Waiting::Transaction);
            self.dirty.insert((direction, sequence));
        }
    }

    /// The claim that a step rests on does not hold at a verified height.
    fn on_disproven(&mut self, item: Item, height: Height, time: Timestamp) {
        let Item { direction, sequence, step } = item;
        let heads = [self.head_height(End::A), self.head_height(End::B)];
        let source = heads[end_index(direction.source())];
        let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) else { return };
        match step {
            Step::Receive => {
                // Not there, at least not yet: later proofs are made at a later height, and the source is looked at.
                entry.row.sent_height = entry.row.sent_height.max(height.next().unwrap_or(height)).min(source);
                entry.want_look(Look::Source, source.min(height.next().unwrap_or(height)));
                entry.doubted = entry.row.state != PacketState::Announced;
                self.postpone(direction, sequence, Some(Waiting::Look));
            }
            Step::Acknowledge => {
                entry.row.acknowledgement_height = None;
                entry.want_look(Look::Destination, height);
                self.postpone(direction, sequence, None);
                self.actions.push(Action::Alert(Alert::FalseAcknowledgement(direction, sequence)));
            }
            // Its packet receipt is there: it was delivered in time.
            Step::Timeout if time.unix_seconds() >= entry.row.timeout_seconds || entry.row.timeout_seconds == 0 => {
                entry.look = Look::Done;
                if self.advance(direction, sequence, PacketState::Delivered) {
                    self.step_done(Item { step: Step::Receive, ..item }, height);
                }
            }
            Step::Timeout => self.postpone(direction, sequence, Some(Waiting::Turn)),
        }
    }

    pub(super) fn on_finished(&mut self, host: End, batch: u64, outcome: &BatchOutcome) {
        let Some(flight) = self.end(host).flights.remove(&batch) else { return };
        let (now, patience) = (self.now, self.limits.event_patience_millis);
        if let Some(update) = flight.update {
            let reached =
                matches!(outcome, BatchOutcome::Included { success: true, failed, .. } if !failed.contains(&0));
            let state = self.end(host);
            if state.client.as_ref().is_none_or(|client| flight.is_waited_for(client)) {
                // Whatever became of it, the client is read again before anything is built upon it.
                let expected = if reached { update } else { Height::default() };
                state.client_expected = Some((expected, now.plus_millis(patience)));
            }
            state.client_read.done(now);
        } else if flight.calls.contains(&Call::Misbehaviour) {
            self.end(host).client_read.done(now);
        }
        let update_failed = match outcome {
            BatchOutcome::Included { success: true, failed, .. } => {
                failed.iter().any(|call| matches!(flight.calls.get(*call), Some(Call::Update(_))))
            }
            _ => false,
        };
        let alone = flight.calls.iter().flat_map(|call| items_of(host, call)).count() == 1;
        for (position, call) in flight.calls.iter().enumerate() {
            for item in items_of(host, call) {
                let entry = self.directions[index(item.direction)].rows.get_mut(&item.sequence);
                let Some(entry) = entry.filter(|entry| entry.batch == Some((host, batch))) else { continue };
                match outcome {
                    BatchOutcome::Included { height, success: true, failed } if !failed.contains(&position) => {
                        entry.batch = None;
                        self.on_included(item, *height);
                    }
                    BatchOutcome::Included { .. } if update_failed => self.release(item, Waiting::Turn),
                    BatchOutcome::Included { .. } | BatchOutcome::Refused => self.refuse(item, alone),
                    BatchOutcome::Failed(failure) => self.release(item, super::waiting_for(*failure)),
                    BatchOutcome::Lost => self.release(item, Waiting::Turn),
                }
            }
        }
    }

    /// A step is said to be made; only its proof makes it so.
    fn on_included(&mut self, item: Item, height: Height) {
        let (now, patience) = (self.now, self.limits.event_patience_millis);
        let Some(entry) = self.directions[index(item.direction)].rows.get_mut(&item.sequence) else { return };
        entry.row.wait_for(Waiting::Confirmation);
        match item.step {
            // The acknowledgement's event proves more, and is on its way; without it the receipt is looked at.
            Step::Receive if entry.row.acknowledgement_height.is_some() => entry.row.next_try = now,
            Step::Receive => {
                entry.want_look(Look::Destination, height);
                entry.row.next_try = now.plus_millis(patience);
            }
            Step::Acknowledge | Step::Timeout => {
                entry.want_look(Look::Source, height);
                entry.row.next_try = now;
            }
        }
        self.dirty.insert((item.direction, item.sequence));
    }

    /// The chain refused the call that carried a packet, or would have.
    fn refuse(&mut self, item: Item, alone: bool) {
        let limit = self.limits.refusals_before_parking;
        self.release(item, Waiting::Refusal);
        let Item { direction, sequence, .. } = item;
        let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) else { return };
        entry.row.refusals = entry.row.refusals.saturating_add(1);
        if alone && entry.row.refusals >= limit && entry.row.parked.is_none() {
            entry.row.park(Parked::RefusedByChain);
            entry.refused = Some(item.step);
            self.actions.push(Action::Alert(Alert::Parked(direction, sequence, Parked::RefusedByChain)));
        }
    }

    /// When nothing of a batch is left to be done, its nonce need not be fought for.
    pub(super) fn withdraw_if_idle(&mut self, host: End, batch: u64) {
        let Some(flight) = self.ends[end_index(host)].flights.get(&batch) else { return };
        if flight.withdrawn || flight.update.is_some() {
            return;
        }
        let idle = flight.calls.iter().flat_map(|call| items_of(host, call)).all(|item| {
            self.directions[index(item.direction)].rows.get(&item.sequence).is_none_or(|entry| {
                entry.batch != Some((host, batch))
                    || (item.step == Step::Receive && entry.row.state == PacketState::Delivered)
            })
        });
        if idle {
            if let Some(flight) = self.end(host).flights.get_mut(&batch) {
                flight.withdrawn = true;
            }
            self.actions.push(Action::Withdraw(BatchId { path: self.id.clone(), host, number: batch }));
        }
    }
}

/// When a hosted client is to be refreshed; `None` when it never expires and no interval is configured.
pub(super) fn refresh_at(client: &HostedClient, limits: &crate::Limits) -> Option<Timestamp> {
    let latest = client.latest.time;
    let left = u32::from(limits.refresh_left_percent.min(100));
    let by_life = client.expires.map(|expires| {
        let life = expires.saturating_since(latest);
        latest.saturating_add(life / 100 * (100 - left))
    });
    let by_interval = (limits.refresh_seconds > 0)
        .then(|| latest.saturating_add(std::time::Duration::from_secs(limits.refresh_seconds)));
    by_life.into_iter().chain(by_interval).min()
}

fn items_of(host: End, call: &Call) -> Vec<Item> {
    match call {
        Call::Update(_) | Call::Misbehaviour => Vec::new(),
        Call::Packets(step, sequences) => {
            let direction = direction_on(host, *step);
            sequences.iter().map(|sequence| Item { direction, sequence: *sequence, step: *step }).collect()
        }
    }
}
