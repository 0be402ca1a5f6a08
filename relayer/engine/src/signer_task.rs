//! One task for each signer: nonces, signing, sending, outcomes.

use crate::{
    Notice, StepCount, codec,
    path_task::{LEASE_MILLIS, RESTART, TICK},
    shared::{Shared, with_causes},
};
use adapter::{AdapterError, ChainWriter, FeeBid, FeeBump, Outcome, SignedTransaction, TransactionHash};
use relayer_core::{
    Alert, Attempt, BatchId, BatchOutcome, Bid, Event, Failure, Limits, NonceEnd, PathId, Purpose, SignerAction,
    SignerEvent, SignerId, SignerMachine, SignerTask, Step, TransactionOutcome, Write,
};
use relayer_store::{Guard, Store, StoreError};
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
    time::{Instant, MissedTickBehavior},
};

/// The operation that a chain without enough funds refuses.
const SENDING: &str = "sending a transaction";
const REPORT: Duration = Duration::from_millis(200);

pub(crate) struct SignerLoop {
    pub(crate) id: SignerId,
    pub(crate) writer: Arc<dyn ChainWriter>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) owner: String,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    pub(crate) call_timeout: Duration,
    pub(crate) events: mpsc::Receiver<SignerEvent>,
    pub(crate) paths: BTreeMap<PathId, mpsc::Sender<Event>>,
    pub(crate) stop: watch::Receiver<bool>,
    /// What the last machine answered for, when the store failed under it.
    pub(crate) orphans: Vec<BatchId>,
    /// What open nonces are for, for notices.
    pub(crate) steps: BTreeMap<u64, Vec<StepCount>>,
}

impl SignerLoop {
    pub(crate) async fn run(mut self) {
        while !*self.stop.borrow() {
            match self.serve().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(signer = %self.id, error = %with_causes(&error), "starting again from the store");
                    tokio::select! {
                        () = tokio::time::sleep(RESTART) => {}
                        _ = self.stop.changed() => {}
                    }
                }
            }
        }
    }

    async fn serve(&mut self) -> Result<(), StoreError> {
        let name = format!("signer/{}", self.id);
        let mut lease = self.store.lease(&name, &self.owner, self.shared.now(), LEASE_MILLIS).await?;
        let guard = Guard { lease: name.clone(), fence: lease.fence };
        let start = self.store.signer(&self.id).await?;
        for open in &start.open {
            self.steps.insert(open.nonce, steps_of(open.purpose.as_ref()));
        }
        let mut machine = SignerMachine::new(self.id.clone(), self.limits.clone(), self.seed, start, self.shared.now());
        let known = machine.batches();
        for batch in std::mem::take(&mut self.orphans) {
            if !known.contains(&batch) {
                self.finish(batch, BatchOutcome::Failed(Failure::Transient)).await;
            }
        }
        let result = self.drive(&mut machine, &name, &guard, &mut lease).await;
        if result.is_err() {
            self.orphans = machine.batches();
        }
        result
    }

    async fn drive(
        &mut self,
        machine: &mut SignerMachine,
        name: &str,
        guard: &Guard,
        lease: &mut relayer_core::Lease,
    ) -> Result<(), StoreError> {
        let mut running: JoinSet<SignerEvent> = JoinSet::new();
        let mut tasks: HashMap<Id, SignerTask> = HashMap::new();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = Instant::now() - REPORT;
        loop {
            if *self.stop.borrow() {
                running.shutdown().await;
                let left = machine.unwritten();
                if !left.is_empty() {
                    self.store.apply(guard, &left).await?;
                }
                return self.store.release(guard).await;
            }
            let event = tokio::select! {
                _ = self.stop.changed() => continue,
                _ = ticks.tick() => {
                    let now = self.shared.now();
                    if lease.expires.millis_since(now) < LEASE_MILLIS / 2 {
                        *lease = self.store.lease(name, &self.owner, now, LEASE_MILLIS).await?;
                        if lease.fence != guard.fence {
                            return Err(StoreError::Fenced {
                                lease: name.to_owned(),
                                expected: guard.fence,
                                found: Some(lease.fence),
                            });
                        }
                    }
                    if reported.elapsed() >= REPORT {
                        self.shared.signer(&self.id, machine.report());
                        reported = Instant::now();
                    }
                    SignerEvent::Tick
                }
                event = self.events.recv() => match event {
                    Some(event) => event,
                    None => return Ok(()),
                },
                Some(done) = running.join_next_with_id() => match done {
                    Ok((task, event)) => {
                        tasks.remove(&task);
                        event
                    }
                    Err(error) => match tasks.remove(&error.id()) {
                        Some(task) => SignerEvent::Failed(task, Failure::Inconsistent),
                        None => continue,
                    },
                },
            };
            if !matches!(event, SignerEvent::Tick) {
                tracing::trace!(signer = %self.id, ?event, "event");
            }
            for action in machine.handle(event, self.shared.now()) {
                match action {
                    SignerAction::Persist(writes) => {
                        self.store.apply(guard, &writes).await?;
                        self.notify(&writes);
                    }
                    SignerAction::Finish(batch, outcome) => self.finish(batch, outcome).await,
                    SignerAction::Alert(alert) => {
                        let message = match alert {
                            Alert::NonceLost(nonce) => {
                                format!(
                                    "nonce {nonce} of {} was used by something else: does another program send from it?",
                                    self.id
                                )
                            }
                            other => format!("{}: {other:?}", self.id),
                        };
                        tracing::warn!(signer = %self.id, message, "alert");
                        self.shared.notify(Notice::Alert { path: None, chain: Some(self.id.chain.clone()), message });
                    }
                    action => {
                        if let Some(task) = task_of(&action) {
                            let call = Call {
                                id: self.id.clone(),
                                writer: Arc::clone(&self.writer),
                                shared: Arc::clone(&self.shared),
                                timeout: self.call_timeout,
                            };
                            let handle = running.spawn(call.perform(task, action));
                            tasks.insert(handle.id(), task);
                        }
                    }
                }
            }
        }
    }

    async fn finish(&self, batch: BatchId, outcome: BatchOutcome) {
        tracing::debug!(path = %batch.path, host = %batch.host, batch = batch.number, ?outcome, "batch finished");
        if let Some(path) = self.paths.get(&batch.path) {
            // A path that is gone has stopped; its machine will look for itself.
            let _ = path.send(Event::Finished { host: batch.host, batch: batch.number, outcome }).await;
        }
    }

    fn notify(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Nonce { nonce, purpose, .. } => {
                    self.steps.insert(*nonce, steps_of(purpose.as_ref()));
                }
                Write::Attempt { nonce, attempt, .. } => {
                    tracing::info!(
                        signer = %self.id, nonce, attempt = attempt.number,
                        transaction = %TransactionHash(attempt.hash), "sending"
                    );
                    self.shared.notify(Notice::Sent {
                        chain: self.id.chain.clone(),
                        nonce: *nonce,
                        attempt: attempt.number,
                        transaction: TransactionHash(attempt.hash).to_string(),
                        steps: self.steps.get(nonce).cloned().unwrap_or_default(),
                    });
                }
                Write::NonceEnd { nonce, end, .. } => {
                    self.steps.remove(nonce);
                    if let NonceEnd::Included { height, success, gas_used, .. } = *end {
                        tracing::info!(signer = %self.id, nonce, %height, success, gas_used, "included");
                        let (chain, nonce) = (self.id.chain.clone(), *nonce);
                        self.shared.notify(Notice::Included { chain, nonce, height, gas_used, success });
                    }
                }
                _ => {}
            }
        }
    }
}

fn steps_of(purpose: Option<&Purpose>) -> Vec<StepCount> {
    let items = purpose.map_or(&[][..], |purpose| purpose.items.as_slice());
    Step::ALL
        .iter()
        .map(|step| StepCount { step: *step, count: items.iter().filter(|item| item.step == *step).count() as u64 })
        .filter(|count| count.count > 0)
        .collect()
}

const fn task_of(action: &SignerAction) -> Option<SignerTask> {
    Some(match action {
        SignerAction::ReadNonces => SignerTask::Nonces,
        SignerAction::Sign { nonce, .. }
        | SignerAction::SignAgain { nonce, .. }
        | SignerAction::SignCancel { nonce, .. } => SignerTask::Sign(*nonce),
        SignerAction::Broadcast { nonce, attempt } => SignerTask::Broadcast(*nonce, attempt.number),
        SignerAction::ReadOutcome { nonce, number, .. } => SignerTask::Outcome(*nonce, *number),
        SignerAction::Persist(_) | SignerAction::Finish(..) | SignerAction::Alert(_) => return None,
    })
}

/// One call of the writer.
struct Call {
    id: SignerId,
    writer: Arc<dyn ChainWriter>,
    shared: Arc<Shared>,
    timeout: Duration,
}

impl Call {
    async fn perform(self, task: SignerTask, action: SignerAction) -> SignerEvent {
        match self.attempt(action).await {
            Ok(event) => {
                match event {
                    // That the chain answers says nothing of what it refuses to take.
                    SignerEvent::Nonces { .. } => self.shared.signer_succeeded(&self.id, Some(SENDING)),
                    SignerEvent::Signed { .. } | SignerEvent::Sent(..) => self.shared.signer_succeeded(&self.id, None),
                    SignerEvent::Outcome(_, _, TransactionOutcome::Included { .. }) => {
                        self.shared.signer_succeeded(&self.id, None);
                    }
                    _ => {}
                }
                event
            }
            Err(failure) => SignerEvent::Failed(task, failure),
        }
    }

    async fn attempt(&self, action: SignerAction) -> Result<SignerEvent, Failure> {
        match action {
            SignerAction::ReadNonces => {
                let nonces = self.call("reading nonces", self.writer.nonces()).await?;
                Ok(SignerEvent::Nonces { next_final: nonces.next_final, balance: nonces.balance })
            }
            SignerAction::Sign { nonce, messages } => {
                let messages = codec::decode(&messages).map_err(|error| {
                    tracing::error!(signer = %self.id, %error, "encoded calls cannot be read");
                    Failure::Refused
                })?;
                Ok(signed_event(self.call("signing a batch", self.writer.sign(&messages, nonce)).await?))
            }
            SignerAction::SignAgain { nonce, raw, replaces } => {
                let signed = self.writer.sign_again(&raw, nonce, fee_of(replaces));
                Ok(signed_event(self.call("signing a replacement", signed).await?))
            }
            SignerAction::SignCancel { nonce, replaces } => {
                let fee = replaces.map_or(FeeBump::First, |bid| FeeBump::Replace(fee_of(bid)));
                Ok(signed_event(self.call("signing a cancellation", self.writer.sign_cancel(nonce, fee)).await?))
            }
            SignerAction::Broadcast { nonce, attempt } => {
                let number = attempt.number;
                let signed = signed_of(nonce, attempt);
                self.call(SENDING, self.writer.broadcast(&signed)).await?;
                Ok(SignerEvent::Sent(nonce, number))
            }
            SignerAction::ReadOutcome { nonce, number, hash } => {
                let outcome = self.call("asking for an outcome", self.writer.outcome(TransactionHash(hash))).await?;
                let outcome = match outcome {
                    Outcome::Pending => TransactionOutcome::Pending,
                    Outcome::Included { height, success, gas_used, failed_items } => {
                        for (item, reason) in &failed_items {
                            tracing::warn!(signer = %self.id, nonce, item, reason, "a call failed");
                        }
                        let failed = failed_items.into_iter().map(|(item, _)| item).collect();
                        TransactionOutcome::Included { height, success, gas_used, failed }
                    }
                    _ => TransactionOutcome::Unknown,
                };
                Ok(SignerEvent::Outcome(nonce, number, outcome))
            }
            SignerAction::Persist(_) | SignerAction::Finish(..) | SignerAction::Alert(_) => Err(Failure::Configuration),
        }
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, Failure> {
        let failure = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => {
                self.shared.signer_failed(&self.id, operation, with_causes(&error));
                self.shared.failed(&self.id.chain, operation, &error)
            }
            Err(_) => self.shared.late(&self.id.chain, operation),
        };
        Err(failure)
    }
}

fn signed_event(signed: SignedTransaction) -> SignerEvent {
    SignerEvent::Signed {
        nonce: signed.nonce,
        hash: signed.hash.0,
        raw: signed.raw,
        bid: bid_of(signed.fee),
        gas_limit: signed.gas_limit,
    }
}

const fn fee_of(bid: Bid) -> FeeBid {
    match bid {
        Bid::Legacy { gas_price } => FeeBid::Legacy { gas_price },
        Bid::Dynamic { max_fee, max_priority_fee } => FeeBid::Dynamic { max_fee, max_priority_fee },
    }
}

const fn bid_of(fee: FeeBid) -> Bid {
    match fee {
        FeeBid::Legacy { gas_price } => Bid::Legacy { gas_price },
        FeeBid::Dynamic { max_fee, max_priority_fee } => Bid::Dynamic { max_fee, max_priority_fee },
    }
}

fn signed_of(nonce: u64, attempt: Attempt) -> SignedTransaction {
    SignedTransaction {
        hash: TransactionHash(attempt.hash),
        raw: attempt.raw,
        nonce,
        fee: fee_of(attempt.bid),
        gas_limit: attempt.gas_limit,
    }
}
