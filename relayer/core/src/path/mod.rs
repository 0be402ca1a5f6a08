//! One path: two chains, packets both ways.
//!
//! The machine is level-triggered. An event changes what is known; then [`PathMachine`] asks for everything that is
//! due and not already under way. Nothing it holds besides its rows has to survive: after a crash the rows are loaded
//! and the proven state is looked at before anything is tried again.

mod batch;
mod entry;
mod hold;
mod look;
mod observe;
mod report;

pub(crate) use entry::Retry;
pub use report::{ClientReport, DirectionReport};

use crate::{
    Action, Alert, Direction, End, Event, Failure, Head, HostedClient, Item, Limits, PacketRow, PacketState, PathId,
    Purpose, Step, Task, Trusted, UnixMillis, Waiting, Write, back_off_millis,
};
use entry::{Entry, Known, Look};
use hold::{Held, Recent};
use light_client::{ClientId, Height, Sequence};
use std::collections::{BTreeMap, BTreeSet};

/// What a path's machine starts from, besides its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathStart {
    /// Both directions.
    pub directions: [DirectionStart; 2],
    /// Events of `a` and `b` were read up to here.
    pub cursors: [Height; 2],
    /// The latest verified states of `a` and `b`.
    pub views: [Option<Trusted>; 2],
    /// The last batch number given out.
    pub last_batch: u64,
    /// Batches under way.
    pub open: Vec<Purpose>,
}

/// One direction of a [`PathStart`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionStart {
    /// Every packet up to this number is known.
    pub known_through: u64,
    /// Packets beyond it that are proven to exist, settled ones included.
    pub known_beyond: Vec<u64>,
    /// Unsettled packets.
    pub pending: Vec<PacketRow>,
    /// How many packets are in each state, in the order of [`PacketState::ALL`].
    pub counts: [u64; PacketState::ALL.len()],
}

/// Decides everything for one path.
#[derive(Debug)]
pub struct PathMachine {
    id: PathId,
    clients: [ClientId; 2],
    limits: Limits,
    seed: u64,
    now: UnixMillis,
    last_batch: u64,
    directions: [DirectionState; 2],
    ends: [EndState; 2],
    finding: BTreeSet<(Direction, Sequence, crate::Wanted)>,
    /// Packets that are in a remembered batch and are not remembered themselves: the process ended before they were stored.
    untold: BTreeMap<(Direction, Sequence), (End, u64)>,
    recent: Recent,
    // What events led to and is not handed out yet.
    held: Held,
    dirty: BTreeSet<(Direction, Sequence)>,
    writes: Vec<Write>,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct DirectionState {
    rows: BTreeMap<Sequence, Entry>,
    known: Known,
    counts: [u64; PacketState::ALL.len()],
    /// Acknowledgements told before their packets.
    early: BTreeMap<Sequence, Height>,
    /// The proven number of the next packet, and the source's height that proves it.
    next_proven: Option<(u64, Height)>,
    /// The number of the next packet as told, not yet proven.
    next_told: Option<u64>,
    asking_next: bool,
    gap: Retry,
}

#[derive(Debug)]
struct EndState {
    head: Option<Head>,
    cursor: Height,
    stored_cursor: Height,
    reading: bool,
    read: Retry,
    view: Option<Trusted>,
    /// Whether the view was verified since the start.
    view_current: bool,
    verifying: bool,
    verify: Retry,
    looking: bool,
    look: Retry,
    client: Option<HostedClient>,
    client_reading: bool,
    client_read: Retry,
    /// After an update of ours: the height the client must have reached, and until when that is insisted upon.
    client_expected: Option<(Height, UnixMillis)>,
    preparing: Option<Preparing>,
    prepare: Retry,
    flights: BTreeMap<u64, Flight>,
    /// The most packets of the next batch; halved when a batch was too long.
    batch_packets: u32,
    /// The most blocks of the next request for events; halved when one did not succeed: it may have been too much.
    event_blocks: u64,
}

/// A batch being prepared.
#[derive(Debug)]
struct Preparing {
    batch: u64,
    items: Vec<Item>,
}

/// A batch handed to the signer.
#[derive(Debug)]
struct Flight {
    calls: Vec<crate::Call>,
    update: Option<Height>,
    withdrawn: bool,
}

/// Acknowledgements kept for packets that were not told of yet; beyond this the event is asked for again later.
const MAX_EARLY_ACKNOWLEDGEMENTS: usize = 4_096;
/// A cursor that moved this far is stored although nothing happened, so that a restart reads little again.
const CURSOR_STRIDE: u64 = 256;

impl PathMachine {
    /// Starts from what is remembered. `clients` are the ones that `a` and `b` host.
    pub fn new(
        id: PathId,
        clients: [ClientId; 2],
        limits: Limits,
        seed: u64,
        start: PathStart,
        now: UnixMillis,
    ) -> Self {
        let [start_a, start_b] = start.directions;
        let mut batches: BTreeMap<(Direction, Sequence), (End, u64)> = BTreeMap::new();
        for purpose in &start.open {
            for item in &purpose.items {
                batches.insert((item.direction, item.sequence), (purpose.host, purpose.batch));
            }
        }
        let directions = [(Direction::AToB, start_a), (Direction::BToA, start_b)].map(|(direction, start)| {
            // No wait is longer than this: what is planned for later was planned by a clock that was wrong.
            let latest = now.plus_millis(limits.back_off_last_millis.max(limits.event_patience_millis));
            let rows = start.pending.into_iter().map(|mut row| {
                row.next_try = row.next_try.min(latest);
                let batch = batches.remove(&(direction, row.sequence));
                (row.sequence, Entry::remembered(row, batch))
            });
            DirectionState {
                rows: rows.collect(),
                known: Known::new(start.known_through, start.known_beyond),
                counts: start.counts,
                early: BTreeMap::new(),
                next_proven: None,
                next_told: None,
                asking_next: false,
                gap: Retry::default(),
            }
        });
        let [view_a, view_b] = start.views;
        let [cursor_a, cursor_b] = start.cursors;
        let ends = [(End::A, cursor_a, view_a), (End::B, cursor_b, view_b)].map(|(end, cursor, view)| EndState {
            head: None,
            cursor,
            stored_cursor: cursor,
            reading: false,
            read: Retry::default(),
            view,
            view_current: false,
            verifying: false,
            verify: Retry::default(),
            looking: false,
            look: Retry::default(),
            client: None,
            client_reading: false,
            client_read: Retry::default(),
            client_expected: None,
            preparing: None,
            prepare: Retry::default(),
            flights: start
                .open
                .iter()
                .filter(|purpose| purpose.host == end)
                .map(|purpose| (purpose.batch, Flight::remembered(purpose)))
                .collect(),
            batch_packets: limits.batch_packets.max(1),
            event_blocks: limits.event_blocks.max(1),
        });
        let last_open = start.open.iter().map(|purpose| purpose.batch).max().unwrap_or(0);
        Self {
            id,
            clients,
            limits,
            seed,
            now,
            last_batch: start.last_batch.max(last_open),
            directions,
            ends,
            finding: BTreeSet::new(),
            untold: batches,
            recent: Recent::default(),
            held: Held::default(),
            dirty: BTreeSet::new(),
            writes: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Takes an event and says what is to be done. Actions are to be started in order; what comes after a `Persist`
    /// must not start before it is durable.
    pub fn handle(&mut self, event: Event, now: UnixMillis) -> Vec<Action> {
        if now < self.now {
            self.clock_was_set_back(self.now.millis_since(now));
        }
        self.now = now;
        match event {
            Event::Tick => {}
            Event::Head(end, head) => self.on_head(end, head),
            Event::Events { end, from, to, events } => self.on_events(end, from, to, events),
            Event::Client(host, client) => self.on_client(host, client),
            Event::NextSequence(direction, next) => self.on_next_sequence(direction, next),
            Event::Verified(end, trusted) => self.on_verified(end, trusted),
            Event::Looked { end, height, time, answers } => self.on_looked(end, height, time, &answers),
            Event::Prepared { host, batch, prepared } => self.on_prepared(host, batch, prepared),
            Event::Finished { host, batch, outcome } => self.on_finished(host, batch, &outcome),
            Event::Found { direction, sequence, wanted, event } => self.on_found(direction, sequence, wanted, event),
            Event::Misbehaviour { host, messages, update } => self.on_misbehaviour(host, messages, update),
            Event::Failed(task, failure) => self.on_failed(task, failure),
            Event::Resume(direction, sequence) => self.on_resume(direction, sequence),
            Event::Park(direction, sequence) => self.on_park(direction, sequence),
        }
        self.ask_for_reads();
        let due = self.due();
        self.ask_for_finds(due.finds);
        for (end, lookers) in End::BOTH.into_iter().zip(due.lookers) {
            self.ask_for_looks(end, lookers);
            self.ask_for_batch(end);
        }
        self.flush()
    }

    /// The last batch number given out. Whoever starts again from the store goes on from there: a batch may still wait for
    /// its signer, who alone stores the number.
    pub fn last_batch(&self) -> u64 {
        self.last_batch
    }

    /// What was planned is moved with the clock, so that everything waits as long as it was to wait.
    fn clock_was_set_back(&mut self, millis: u64) {
        self.held.move_back(millis);
        for state in &mut self.ends {
            let retries =
                [&mut state.read, &mut state.verify, &mut state.look, &mut state.client_read, &mut state.prepare];
            retries.into_iter().for_each(|retry| retry.move_back(millis));
            state.client_expected = state.client_expected.map(|(height, until)| (height, until.minus_millis(millis)));
        }
        for state in &mut self.directions {
            state.gap.move_back(millis);
            for entry in state.rows.values_mut() {
                entry.row.next_try = entry.row.next_try.minus_millis(millis);
            }
        }
    }

    fn on_failed(&mut self, task: Task, failure: Failure) {
        let (limits, seed, now) = (self.limits.clone(), self.seed, self.now);
        match task {
            Task::Events(end) => {
                let state = self.end(end);
                state.reading = false;
                state.read.failed(&limits, seed, 1, now);
                state.event_blocks = (state.event_blocks / 2).max(1);
            }
            Task::Client(host) => {
                self.end(host).client_reading = false;
                self.end(host).client_read.failed(&limits, seed, 2, now);
            }
            Task::NextSequence(direction) => {
                self.direction(direction).asking_next = false;
                self.direction(direction).gap.failed(&limits, seed, 3, now);
            }
            Task::Verify(end) => {
                self.end(end).verifying = false;
                self.end(end).verify.failed(&limits, seed, 4, now);
                if failure == Failure::ClientUnusable {
                    self.replace_view(end);
                }
                self.mark_lookers(end, failure);
            }
            Task::Look(end) => {
                self.end(end).looking = false;
                self.end(end).look.failed(&limits, seed, 5, now);
                self.mark_lookers(end, failure);
            }
            Task::Prepare(host, batch) => {
                let Some(preparing) = self.end(host).preparing.take_if(|preparing| preparing.batch == batch) else {
                    return;
                };
                self.end(host).prepare.failed(&limits, seed, 6, now);
                self.end(host).client_read.hasten(now);
                for item in preparing.items {
                    self.release(item, waiting_for(failure));
                }
            }
            Task::Find(direction, sequence, wanted) => {
                self.finding.remove(&(direction, sequence, wanted));
                self.postpone(direction, sequence, Some(waiting_for(failure)));
            }
        }
        if failure == Failure::Inconsistent {
            let end = match task {
                Task::Events(end) | Task::Client(end) | Task::Verify(end) | Task::Look(end) => end,
                Task::Prepare(host, _) => host.other(),
                Task::NextSequence(direction) | Task::Find(direction, _, crate::Wanted::Sent) => direction.source(),
                Task::Find(direction, _, crate::Wanted::Acknowledgement) => direction.destination(),
            };
            self.actions.push(Action::Alert(Alert::Inconsistent(end)));
        }
    }

    fn on_resume(&mut self, direction: Direction, sequence: Sequence) {
        let (now, rows) = (self.now, &mut self.directions[index(direction)].rows);
        if let Some(entry) = rows.get_mut(&sequence)
            && entry.row.resume(now)
        {
            if entry.row.state != PacketState::Missing {
                entry.want_look(Look::Source, Height::default());
            }
            self.dirty.insert((direction, sequence));
        }
    }

    fn on_park(&mut self, direction: Direction, sequence: Sequence) {
        if let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) {
            entry.row.park(crate::Parked::Operator);
            self.dirty.insert((direction, sequence));
        }
    }

    /// Takes a packet out of its batch; it is tried again after a while, and looked at first.
    fn release(&mut self, item: Item, waiting: Waiting) {
        let host_height = self.head_height(host_of(item));
        let Some(entry) = self.directions[index(item.direction)].rows.get_mut(&item.sequence) else { return };
        entry.batch = None;
        entry.want_look(look_of(item.step), host_height);
        self.postpone(item.direction, item.sequence, Some(waiting));
    }

    /// Counts a fruitless attempt and sets when the packet is due again.
    fn postpone(&mut self, direction: Direction, sequence: Sequence, waiting: Option<Waiting>) {
        let (now, seed) = (self.now, self.seed);
        let Some(entry) = self.directions[index(direction)].rows.get_mut(&sequence) else { return };
        entry.row.tries = entry.row.tries.saturating_add(1);
        entry.row.next_try = now.plus_millis(back_off_millis(&self.limits, seed, 64 + sequence.get(), entry.row.tries));
        if let Some(waiting) = waiting {
            entry.row.wait_for(waiting);
        }
        self.dirty.insert((direction, sequence));
    }

    /// Takes a packet to a later state and keeps the counts.
    fn advance(&mut self, direction: Direction, sequence: Sequence, to: PacketState) -> bool {
        let now = self.now;
        let state = &mut self.directions[index(direction)];
        let Some(entry) = state.rows.get_mut(&sequence) else { return false };
        let from = entry.row.state;
        if !entry.row.advance(to, now) {
            return false;
        }
        recount(&mut state.counts, Some(from), Some(to));
        if from < PacketState::Sent && state.known.insert(sequence.get()) {
            let through = state.known.through();
            self.writes.push(Write::KnownThrough { path: self.id.clone(), direction, sequence: through });
        }
        self.dirty.insert((direction, sequence));
        true
    }

    /// Takes a packet to its end and out of memory.
    fn settle(&mut self, direction: Direction, sequence: Sequence, to: PacketState, height: Height) {
        if !self.advance(direction, sequence, to) {
            return;
        }
        let step = if to == PacketState::TimedOut { Step::Timeout } else { Step::Acknowledge };
        self.step_done(Item { direction, sequence, step }, height);
        let Some(entry) = self.directions[index(direction)].rows.remove(&sequence) else { return };
        self.dirty.remove(&(direction, sequence));
        self.recent.forget(direction, sequence);
        self.writes.push(Write::Packet { path: self.id.clone(), direction, row: entry.row });
        if let Some((host, batch)) = entry.batch {
            self.withdraw_if_idle(host, batch);
        }
    }

    fn step_done(&mut self, item: Item, height: Height) {
        self.writes.push(Write::StepDone { path: self.id.clone(), item, height, at: self.now });
    }

    fn head_height(&self, end: End) -> Height {
        self.ends[end_index(end)].head.map_or(Height::default(), |head| head.height)
    }

    fn end(&mut self, end: End) -> &mut EndState {
        &mut self.ends[end_index(end)]
    }

    fn direction(&mut self, direction: Direction) -> &mut DirectionState {
        &mut self.directions[index(direction)]
    }
}

impl Flight {
    /// Whether no batch for the client is made before this one's update is there: since updates start from the latest state
    /// only, or since it leads on and carries nothing, and the next stretch starts where it ends.
    fn is_waited_for(&self, client: &HostedClient) -> bool {
        let carries = self.calls.iter().any(|call| matches!(call, crate::Call::Packets(..)));
        self.update.is_some() && !(client.updates_from_any_state && carries)
    }

    /// A batch remembered with its nonce: its calls are known by their packets, one call for each step.
    fn remembered(purpose: &Purpose) -> Self {
        let mut calls: Vec<crate::Call> = purpose.update.map(crate::Call::Update).into_iter().collect();
        for item in &purpose.items {
            match calls.last_mut() {
                Some(crate::Call::Packets(step, sequences)) if *step == item.step => sequences.push(item.sequence),
                _ => calls.push(crate::Call::Packets(item.step, vec![item.sequence])),
            }
        }
        Self { calls, update: purpose.update, withdrawn: false }
    }
}

const fn end_index(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

const fn index(direction: Direction) -> usize {
    end_index(direction.source())
}

/// The chain on which a step is made.
const fn host_of(item: Item) -> End {
    match item.step {
        Step::Receive => item.direction.destination(),
        Step::Acknowledge | Step::Timeout => item.direction.source(),
    }
}

/// The direction of the packets of a step that is made on a chain.
const fn direction_on(host: End, step: Step) -> Direction {
    match step {
        Step::Receive => Direction::to_destination(host),
        Step::Acknowledge | Step::Timeout => Direction::from_source(host),
    }
}

/// Where it shows whether a step was made.
const fn look_of(step: Step) -> Look {
    match step {
        Step::Receive => Look::Destination,
        Step::Acknowledge | Step::Timeout => Look::Source,
    }
}

const fn waiting_for(failure: Failure) -> Waiting {
    match failure {
        Failure::Transient | Failure::Configuration => Waiting::Node,
        Failure::Refused => Waiting::Refusal,
        Failure::Inconsistent => Waiting::HonestNode,
        Failure::InsufficientTrust | Failure::ClientUnusable => Waiting::Client,
    }
}

fn recount(counts: &mut [u64; PacketState::ALL.len()], from: Option<PacketState>, to: Option<PacketState>) {
    for (state, count) in PacketState::ALL.iter().zip(counts) {
        if Some(*state) == from {
            *count = count.saturating_sub(1);
        }
        if Some(*state) == to {
            *count = count.saturating_add(1);
        }
    }
}
