//! One task for each path: feeds the machine and starts what it asks for. It never waits for a chain.

use crate::{
    Notice,
    perform::{Context, chain_of, task_of},
    shared::{ends, with_causes},
};
use light_client::Height;
use relayer_core::{
    Action, Alert, BatchOutcome, Direction, End, Event, Failure, Head, PathId, PathMachine, SignerEvent, SignerId,
    Task, UnixMillis, Write,
};
use relayer_store::{Guard, StoreError};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
    time::MissedTickBehavior,
};

/// How often a machine is told that time passed.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// Reports are made at most this often.
const REPORT: Duration = Duration::from_millis(200);
/// A lease is held for this long without renewal.
pub(crate) const LEASE_MILLIS: u64 = 30_000;
/// After the store failed, the machine starts again from what is stored, this much later.
pub(crate) const RESTART: Duration = Duration::from_millis(500);
/// Events taken from the queue before the task looks at anything else.
const EVENTS_AT_ONCE: usize = 64;

/// The lease of whoever drives a path.
pub(crate) fn lease_name(path: &PathId) -> String {
    format!("path/{path}")
}

pub(crate) struct PathTask {
    pub(crate) context: Arc<Context>,
    pub(crate) owner: String,
    pub(crate) seed: u64,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) heads: [watch::Receiver<Option<Head>>; 2],
    /// The signers of `a` and `b`.
    pub(crate) signers: [(SignerId, mpsc::Sender<SignerEvent>); 2],
    pub(crate) stop: watch::Receiver<bool>,
    /// The last batch number given out in this process.
    pub(crate) last_batch: u64,
}

impl PathTask {
    /// Runs until told to stop. When the store fails, nothing in memory is believed any more: the machine starts again
    /// from what is stored.
    pub(crate) async fn run(mut self) {
        while !*self.stop.borrow() {
            match self.serve().await {
                Ok(()) => return,
                Err(error) => {
                    let path = &self.context.path.id;
                    tracing::error!(%path, error = %with_causes(&error), "starting again from the store");
                    self.alert(format!("the store failed: {}", with_causes(&error)));
                    tokio::select! {
                        () = tokio::time::sleep(RESTART) => {}
                        _ = self.stop.changed() => {}
                    }
                }
            }
        }
    }

    async fn serve(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.context.store);
        let id = self.context.path.id.clone();
        let name = lease_name(&id);
        let mut lease = store.lease(&name, &self.owner, self.now(), LEASE_MILLIS).await?;
        let guard = Guard { lease: name.clone(), fence: lease.fence };
        let mut machine = self.load().await?;
        tracing::info!(path = %id, pending = machine.pending(), "path started");
        let mut running: JoinSet<Event> = JoinSet::new();
        let mut tasks: HashMap<Id, Task> = HashMap::new();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = tokio::time::Instant::now() - REPORT;
        let mut changed = true;
        self.heads.iter_mut().for_each(watch::Receiver::mark_changed);
        let mut batch: Vec<Event> = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            if *self.stop.borrow() {
                // What runs is dropped at an await: everything that matters is stored, or found out again.
                running.shutdown().await;
                let left = machine.unwritten();
                if !left.is_empty() {
                    store.apply(&guard, &left).await?;
                }
                store.release(&guard).await?;
                return Ok(());
            }
            let [head_a, head_b] = &mut self.heads;
            tokio::select! {
                _ = self.stop.changed() => continue,
                _ = ticks.tick() => {
                    let now = self.now();
                    if lease.expires.millis_since(now) < LEASE_MILLIS / 2 {
                        lease = store.lease(&name, &self.owner, now, LEASE_MILLIS).await?;
                        if lease.fence != guard.fence {
                            return Err(StoreError::Fenced { lease: name, expected: guard.fence, found: Some(lease.fence) });
                        }
                    }
                    if changed && reported.elapsed() >= REPORT {
                        self.context.shared.path(&id, &machine);
                        reported = tokio::time::Instant::now();
                        changed = false;
                    }
                    batch.push(Event::Tick);
                }
                Ok(()) = head_a.changed() => batch.extend(head_a.borrow_and_update().map(|head| Event::Head(End::A, head))),
                Ok(()) = head_b.changed() => batch.extend(head_b.borrow_and_update().map(|head| Event::Head(End::B, head))),
                count = self.events.recv_many(&mut batch, EVENTS_AT_ONCE) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
                Some(done) = running.join_next_with_id() => {
                    let (task, event) = match done {
                        Ok((task, event)) => (task, Some(event)),
                        Err(error) => (error.id(), None),
                    };
                    let task = tasks.remove(&task);
                    // A task that panicked is one that failed; the machine must not wait for it.
                    batch.extend(event.or_else(|| task.map(|task| Event::Failed(task, Failure::Inconsistent))));
                }
            }
            for event in batch.drain(..) {
                if !matches!(event, Event::Tick) {
                    changed = true;
                    tracing::trace!(path = %id, ?event, "event");
                }
                let actions = machine.handle(self.context.provable(event), self.context.shared.now());
                self.last_batch = machine.last_batch();
                for action in actions {
                    changed = true;
                    self.start(action, &guard, &mut running, &mut tasks).await?;
                }
            }
        }
    }

    async fn load(&self) -> Result<PathMachine, StoreError> {
        let path = &self.context.path;
        let mut start = self.context.store.path(&path.id).await?;
        for (end, cursor) in End::BOTH.into_iter().zip(&mut start.cursors) {
            let first = ends(path, end).0.start_height;
            // The cursor is the last height read; events of the first height itself are wanted.
            let before = Height::with_revision(first.revision(), first.number().saturating_sub(1));
            *cursor = (*cursor).max(before);
        }
        for (end, view) in End::BOTH.into_iter().zip(&mut start.views) {
            if view.is_none() {
                view.clone_from(&ends(path, end).0.bootstrap);
            }
        }
        start.last_batch = start.last_batch.max(self.last_batch);
        let clients = [path.a.client.clone(), path.b.client.clone()];
        Ok(PathMachine::new(path.id.clone(), clients, path.limits.clone(), self.seed, start, self.now()))
    }

    async fn start(
        &mut self,
        action: Action,
        guard: &Guard,
        running: &mut JoinSet<Event>,
        tasks: &mut HashMap<Id, Task>,
    ) -> Result<(), StoreError> {
        if let Some(task) = task_of(&action) {
            tracing::trace!(path = %self.context.path.id, ?task, chain = chain_of(&self.context.path, task), "task");
            let handle = running.spawn(Arc::clone(&self.context).perform(task, action));
            tasks.insert(handle.id(), task);
            return Ok(());
        }
        match action {
            Action::Persist(writes) => {
                self.context.store.apply(guard, &writes).await?;
                self.notify(&writes);
            }
            Action::Submit(submission) => {
                let (host, batch) = (submission.purpose.host, submission.purpose.batch);
                let (signer, queue) = &self.signers[crate::shared::index(host)];
                if queue.try_send(SignerEvent::Submit(submission)).is_err() {
                    tracing::warn!(%signer, batch, "the signer's queue is full");
                    let outcome = BatchOutcome::Failed(Failure::Transient);
                    // Through the machine's own queue of tasks, so that it is told after what it is being told now.
                    let event = Event::Finished { host, batch, outcome };
                    running.spawn(async move { event });
                }
            }
            Action::Withdraw(batch) => {
                let (_, queue) = &self.signers[crate::shared::index(batch.host)];
                // If it does not fit, the transaction is fought for in vain: dear, and harmless.
                let _ = queue.try_send(SignerEvent::Withdraw(batch));
            }
            Action::Alert(alert) => self.alert(self.describe(&alert)),
            _ => {}
        }
        Ok(())
    }

    fn notify(&self, writes: &[Write]) {
        if self.context.shared.notices.receiver_count() == 0 {
            return;
        }
        for write in writes {
            if let Write::Packet { path, direction, row } = write {
                self.context.shared.notify(Notice::Packet {
                    path: path.clone(),
                    direction: *direction,
                    sequence: row.sequence.get(),
                    state: row.state,
                    waiting: row.waiting,
                    parked: row.parked,
                    next_try_millis: row.next_try,
                });
            }
        }
    }

    fn alert(&self, message: String) {
        let path = self.context.path.id.clone();
        tracing::warn!(%path, message, "alert");
        self.context.shared.notify(Notice::Alert { path: Some(path), chain: None, message });
    }

    fn describe(&self, alert: &Alert) -> String {
        let chain = |end: End| ends(&self.context.path, end).0.chain.as_str();
        let source = |direction: Direction| chain(direction.source());
        match alert {
            Alert::FalsePacket(direction, sequence) => {
                format!("a node of {} told of a packet {sequence} that is not there", source(*direction))
            }
            Alert::FalseAcknowledgement(direction, sequence) => format!(
                "a node of {} told of an acknowledgement of packet {sequence} that is not there",
                chain(direction.destination())
            ),
            Alert::Gap(direction, sequence) => {
                format!("{} sent packet {sequence}, and no node tells of it", source(*direction))
            }
            Alert::Inconsistent(end) => format!("a node of {} contradicts what is proven", chain(*end)),
            Alert::ClientUnusable(host, status) => {
                format!("the client of {} on {} is {status}", chain(host.other()), chain(*host))
            }
            Alert::ViewReplaced(end) => format!(
                "what was trusted of {} is too old; what the client on {} trusts was taken instead",
                chain(*end),
                chain(end.other())
            ),
            Alert::Parked(direction, sequence, reason) => {
                format!("packet {sequence} from {} waits for a person: {reason}", source(*direction))
            }
            Alert::NonceLost(nonce) => format!("nonce {nonce} was used by something else"),
        }
    }

    fn now(&self) -> UnixMillis {
        self.context.shared.now()
    }
}
