//! One task for each hosted client: looks for two blocks of the followed chain where there should be one, and shows them to
//! the client.
//!
//! Once a second it compares what every endpoint of the followed chain serves at the heights that are new, and the headers
//! of the states that the hosted client has newly stored with what the chain shows there. A second is as often as chains of
//! this kind make blocks; of one that makes more, the latest few are looked at, since who is on another branch is there at
//! every later height too. What contradicts is kept before anything is done with it. Nothing of a path waits for this task.

use crate::{
    FrozenBy, Notice,
    accusation::{Accusation, accuse, lease_name},
    codec, conflict,
    forecast::forecast,
    path_task::{LEASE_MILLIS, RESTART},
    perform::Context,
    shared::{ends, with_causes},
    status::Forecast,
};
use adapter::{AdapterError, ChainHeader, Message, ServedHeader, StoredStates, Submitted, TrustedState};
use light_client::{BlockHash, Height, Status, Timestamp};
use relayer_core::{
    CONFLICTS_KEPT, ClientReport, Conflict, ConflictingHeader, End, Event, Head, HostedClient, UnixMillis, Write,
};
use relayer_store::{Guard, StoreError};
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

/// How often is looked.
const ROUND: Duration = Duration::from_secs(1);
/// New heights compared in one round, the latest ones.
const HEIGHTS_A_ROUND: u64 = 8;
/// Newly stored states compared in one round; further ones wait for the next.
const STATES_A_ROUND: usize = 8;
/// States that the client had stored before this task began are compared too, so many.
const STATES_AT_START: usize = 16;
/// States of the hosted client that are remembered, to start from one below a height.
const STATES_REMEMBERED: usize = 32;
/// Evidence that did not freeze the client is submitted again after this long.
const SUBMIT_AGAIN_MILLIS: u64 = 30_000;
/// The operator is told again of what goes on after this long.
const TELL_AGAIN_MILLIS: u64 = 600_000;

pub(crate) struct Watcher {
    context: Arc<Context>,
    /// The chain that hosts the client.
    host: End,
    /// Heads of the chain that it follows.
    heads: watch::Receiver<Option<Head>>,
    machine: mpsc::Sender<Event>,
    owner: String,
    stop: watch::Receiver<bool>,
    /// The states of the hosted client that were its latest, ascending.
    trusted: VecDeque<TrustedState>,
    /// Heights up to here were compared.
    compared: Option<Height>,
    /// States stored up to this height were compared.
    checked: Option<Height>,
    kept: BTreeMap<[BlockHash; 2], Kept>,
    /// Whether it is told by what the client was frozen.
    explained: bool,
    /// When the operator was last told of an origin, or of the client's end.
    told: BTreeMap<String, UnixMillis>,
}

/// A conflict that is kept, and what was tried with it.
struct Kept {
    conflict: Conflict,
    /// The client's latest height when it was last tried as evidence.
    tried: Option<Height>,
    stored: bool,
}

impl Watcher {
    pub(crate) fn new(
        context: Arc<Context>,
        host: End,
        heads: watch::Receiver<Option<Head>>,
        machine: mpsc::Sender<Event>,
        owner: String,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            context,
            host,
            heads,
            machine,
            owner,
            stop,
            trusted: VecDeque::new(),
            compared: None,
            checked: None,
            kept: BTreeMap::new(),
            explained: false,
            told: BTreeMap::new(),
        }
    }

    /// Runs until told to stop; what it does then is dropped at an await, and found out again.
    pub(crate) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let watch = async {
            self.recall().await;
            let mut ticks = tokio::time::interval(ROUND);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                self.round().await;
            }
        };
        tokio::select! {
            () = watch => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// What was kept before this process.
    async fn recall(&mut self) {
        let path = &self.context.path.id;
        loop {
            match self.context.store.conflicts(path).await {
                Ok(conflicts) => {
                    let ours = conflicts.into_iter().filter(|conflict| conflict.host == self.host);
                    let kept = |conflict: Conflict| (conflict.key().1, Kept { conflict, tried: None, stored: true });
                    self.kept = ours.map(kept).collect();
                    self.show();
                    return;
                }
                Err(error) => {
                    tracing::warn!(%path, error = %with_causes(&error), "kept headers cannot be read");
                    tokio::time::sleep(RESTART).await;
                }
            }
        }
    }

    async fn round(&mut self) {
        let Some(report) = self.context.shared.client(&self.context.path.id, self.host) else { return };
        self.warn_of_expiry(&report);
        let Some(client) = report.client else { return };
        self.remember(&client);
        match client.status {
            Status::Frozen => self.explain().await,
            Status::Active | Status::Expired => {
                if std::mem::take(&mut self.explained) {
                    self.context.shared.frozen(&self.context.path.id, self.host, None);
                }
                self.compare_heights().await;
                self.compare_states(client.latest.height).await;
                self.accuse(&client).await;
            }
        }
        self.save().await;
    }

    fn remember(&mut self, client: &HostedClient) {
        let latest = &client.latest;
        if self.trusted.back().is_none_or(|known| known.height < latest.height) {
            let (client, consensus) = (latest.client.clone(), latest.consensus.clone());
            self.trusted.push_back(TrustedState { height: latest.height, client, consensus });
            if self.trusted.len() > STATES_REMEMBERED {
                self.trusted.pop_front();
            }
        }
    }

    /// A state of the hosted client from which a header of this height can be judged.
    async fn trusted_below(&self, height: Height) -> Option<TrustedState> {
        if let Some(known) = self.trusted.iter().rev().find(|state| state.height < height) {
            return Some(known.clone());
        }
        let StoredStates { client, states } = self.stored_states(height).await?;
        let (height, consensus) = states.into_iter().find(|(stored, _)| *stored < height)?;
        Some(TrustedState { height, client, consensus })
    }

    async fn stored_states(&self, height: Height) -> Option<StoredStates> {
        let (here, _) = ends(&self.context.path, self.host);
        let asked = here.reader.stored_states(&here.client, height);
        self.call("reading the client's states", asked).await.flatten()
    }

    /// Compares what the endpoints serve at the heights that are new.
    async fn compare_heights(&mut self) {
        let Some(head) = *self.heads.borrow() else { return };
        let head = head.height;
        let earliest = head.number().saturating_sub(HEIGHTS_A_ROUND - 1);
        let next = self.compared.map_or(head.number(), |compared| compared.number().saturating_add(1));
        for number in next.max(earliest)..=head.number() {
            let height = Height::with_revision(head.revision(), number);
            let Some(served) = self.served(height).await else { return };
            let headers = served.into_iter().map(conflict::kept).collect();
            self.keep(conflict::conflicts(self.host, headers, self.now()));
            self.compared = Some(height);
        }
    }

    async fn served(&self, height: Height) -> Option<Vec<ServedHeader>> {
        let trusted = self.trusted_below(height).await?;
        let (_, there) = ends(&self.context.path, self.host);
        let asked = there.prover.served_headers(&trusted, height, self.timestamp());
        self.call("comparing headers", asked).await
    }

    /// Compares the headers by which the hosted client came to its states with the chain's own.
    async fn compare_states(&mut self, latest: Height) {
        let (here, _) = ends(&self.context.path, self.host);
        let (reader, client) = (Arc::clone(&here.reader), here.client.clone());
        if self.checked.is_none() {
            let mut first = latest;
            for _ in 0..STATES_AT_START {
                let Some(before) = first.number().checked_sub(1) else { break };
                let before = Height::with_revision(first.revision(), before);
                let asked = reader.consensus_heights(&client, before);
                let Some(found) = self.call("reading the client's states", asked).await else { return };
                let [Some(earlier), _] = found.value else { break };
                first = earlier;
            }
            // The very first state was chosen by people: no header came with it.
            self.checked = Some(first);
        }
        for _ in 0..STATES_A_ROUND {
            let Some(checked) = self.checked.filter(|checked| *checked < latest) else { return };
            let Some(found) =
                self.call("reading the client's states", reader.consensus_heights(&client, checked)).await
            else {
                return;
            };
            let [_, Some(next)] = found.value else { return };
            if !self.compare_state(next).await {
                return;
            }
            self.checked = Some(next);
        }
    }

    /// Whether it could be compared.
    async fn compare_state(&mut self, height: Height) -> bool {
        let (here, there) = ends(&self.context.path, self.host);
        let (host_chain, prover) = (here.chain.clone(), Arc::clone(&there.prover));
        let asked = here.reader.accepted_updates(&here.client, height);
        let Some(found) = self.call("looking for an update", asked).await else { return false };
        let Some(Submitted { transaction, submitter, messages }) = found.value else { return false };
        let mut headers = messages.iter().filter_map(|update| prover.header_of_update(update).ok());
        let Some(ChainHeader { hash, bytes, .. }) = headers.find(|header| header.height == height) else {
            let path = &self.context.path.id;
            tracing::warn!(%path, host = host_chain, %height, %transaction, "a client's header is not shown");
            return true;
        };
        let Some(served) = self.served(height).await else { return false };
        let origin = format!("told to the client on {host_chain} by {submitter} in {transaction}");
        let mut headers = vec![ConflictingHeader { height, hash, origin, certified: true, bytes }];
        headers.extend(served.into_iter().map(conflict::kept));
        self.keep(conflict::conflicts(self.host, headers, self.now()));
        true
    }

    /// Takes conflicts that are new, and tells of them.
    fn keep(&mut self, conflicts: Vec<Conflict>) {
        for conflict in conflicts {
            let (_, key) = conflict.key();
            if self.kept.contains_key(&key) {
                continue;
            }
            let (_, there) = ends(&self.context.path, self.host);
            let [first, second] = &conflict.headers;
            let text = |header: &ConflictingHeader| {
                let certified = if header.certified { "certified" } else { "not certified" };
                format!("{} ({certified}) from {}", header.hash, header.origin)
            };
            let message =
                format!("{} at height {}: {} contradicts {}", there.chain, first.height, text(first), text(second));
            let origins = format!("{} / {}", first.origin, second.origin);
            self.kept.insert(key, Kept { conflict, tried: None, stored: false });
            self.alert(&origins, message);
        }
        self.make_room();
    }

    /// As the store does: of each kind the latest ones stay.
    fn make_room(&mut self) {
        for proven in [false, true] {
            let kind = self.kept.values().filter(|kept| kept.conflict.evidence.is_some() == proven);
            let mut order: Vec<_> =
                kind.map(|kept| (std::cmp::Reverse(kept.conflict.seen), kept.conflict.key().1)).collect();
            order.sort();
            for (_, key) in order.into_iter().skip(CONFLICTS_KEPT) {
                self.kept.remove(&key);
            }
        }
    }

    /// Shows the client what makes misbehaviour, one pair at a time: the first that is accepted freezes it.
    async fn accuse(&mut self, client: &HostedClient) {
        let (now, latest) = (self.now(), client.latest.height);
        let submitted = self.kept.values().filter_map(|kept| kept.conflict.submitted).max();
        if submitted.is_some_and(|at| now.millis_since(at) < SUBMIT_AGAIN_MILLIS) {
            return;
        }
        let due: Vec<[BlockHash; 2]> = self
            .kept
            .iter()
            .filter(|(_, kept)| {
                // What nobody certified is no evidence, however often it is tried; other things may come to be.
                let certified = kept.conflict.headers.iter().all(|header| header.certified);
                kept.conflict.evidence.is_some() || kept.tried.is_none() || (certified && kept.tried != Some(latest))
            })
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            let Some(conflict) = self.kept.get(&key).map(|kept| kept.conflict.clone()) else { continue };
            let accusation = self.accusation(&conflict).await;
            let Some(kept) = self.kept.get_mut(&key) else { continue };
            kept.tried = Some(latest);
            let Some(accusation) = accusation else { continue };
            kept.conflict.evidence = Some(accusation.evidence);
            kept.conflict.submitted = Some(now);
            kept.stored = false;
            self.save().await;
            self.submit(&conflict, accusation.messages, accusation.update).await;
            return;
        }
    }

    async fn accusation(&self, conflict: &Conflict) -> Option<Accusation> {
        let header = |kept: &ConflictingHeader| {
            let (height, hash, bytes) = (kept.height, kept.hash, kept.bytes.clone());
            ChainHeader { height, hash, bytes }
        };
        let [first, second] = conflict.headers.each_ref().map(header);
        let accused = accuse(&self.context.path, self.host, [&first, &second], self.timestamp());
        self.call("making evidence of two headers", accused).await
    }

    async fn submit(&mut self, conflict: &Conflict, messages: Vec<Message>, update: Option<Height>) {
        let (here, there) = ends(&self.context.path, self.host);
        let [first, second] = &conflict.headers;
        let message = format!(
            "{} certified two blocks: {} at height {} ({}) and {} at height {} ({}); client {} on {} is shown both",
            there.chain,
            first.hash,
            first.height,
            first.origin,
            second.hash,
            second.height,
            second.origin,
            here.client,
            here.chain,
        );
        match codec::encode(&messages) {
            Ok(messages) => {
                // A path that is gone has stopped; then this task is about to stop too.
                let _ = self.machine.send(Event::Misbehaviour { host: self.host, messages, update }).await;
            }
            Err(error) => tracing::error!(path = %self.context.path.id, %error, "evidence cannot be encoded"),
        }
        self.alert("misbehaviour", message);
    }

    /// Finds out by what the client was frozen, whoever did it.
    async fn explain(&mut self) {
        if self.explained {
            return;
        }
        let (here, there) = ends(&self.context.path, self.host);
        let asked = here.reader.accepted_misbehaviour(&here.client);
        let Some(found) = self.call("looking for the evidence", asked).await else { return };
        let Some(Submitted { transaction, submitter, messages }) = found.value else { return };
        let read = |evidence: &Vec<u8>| there.prover.headers_of_evidence(evidence).ok();
        let headers = messages.iter().find_map(read).map(Vec::from).unwrap_or_default();
        let blocks = headers.into_iter().map(|header| (header.height, header.hash)).collect();
        let by = FrozenBy { transaction: transaction.to_string(), submitter, height: found.height, blocks };
        let message = conflict::why_stopped(&self.context.path, self.host, Some(&by));
        self.context.shared.frozen(&self.context.path.id, self.host, Some(by));
        self.explained = true;
        self.alert("frozen", message);
    }

    fn warn_of_expiry(&mut self, report: &ClientReport) {
        let now = self.now();
        if forecast(report, now) != Some(Forecast::Endangered) {
            return;
        }
        let Some(expires) = report.client.as_ref().and_then(|client| client.expires) else { return };
        let (here, there) = ends(&self.context.path, self.host);
        let left = expires.unix_seconds().saturating_sub(now.seconds());
        let message = format!(
            "client {} on {} expires in {left} s: its refresh was due and no header of {} has been accepted since",
            here.client, here.chain, there.chain
        );
        self.alert("expiry", message);
    }

    /// Writes what is not written yet, and shows what is kept.
    async fn save(&mut self) {
        let unsaved = self.kept.values().filter(|kept| !kept.stored);
        let path = self.context.path.id.clone();
        let write = |kept: &Kept| Write::Conflict { path: path.clone(), conflict: kept.conflict.clone() };
        let mut writes: Vec<(UnixMillis, Write)> = unsaved.map(|kept| (kept.conflict.seen, write(kept))).collect();
        if !writes.is_empty() {
            // In the order of time, so that the store makes room for the same ones.
            writes.sort_by_key(|(seen, _)| *seen);
            let writes: Vec<Write> = writes.into_iter().map(|(_, write)| write).collect();
            match self.store(&writes).await {
                Ok(()) => self.kept.values_mut().for_each(|kept| kept.stored = true),
                Err(error) => {
                    tracing::error!(%path, error = %with_causes(&error), "headers that conflict cannot be kept");
                }
            }
        }
        self.show();
    }

    async fn store(&self, writes: &[Write]) -> Result<(), StoreError> {
        let store = &self.context.store;
        let lease = lease_name(&self.context.path, self.host);
        let fence = store.lease(&lease, &self.owner, self.now(), LEASE_MILLIS).await?.fence;
        store.apply(&Guard { lease, fence }, writes).await
    }

    fn show(&self) {
        let conflicts = self.kept.values().map(|kept| kept.conflict.clone()).collect();
        self.context.shared.conflicts(&self.context.path.id, self.host, conflicts);
    }

    /// Tells the operator, but not all the time of the same thing.
    fn alert(&mut self, about: &str, message: String) {
        let (path, now) = (self.context.path.id.clone(), self.now());
        self.told.retain(|_, at| now.millis_since(*at) < TELL_AGAIN_MILLIS);
        if self.told.contains_key(about) {
            tracing::debug!(%path, message, "alert, told before");
            return;
        }
        self.told.insert(about.to_owned(), now);
        tracing::warn!(%path, message, "alert");
        self.context.shared.notify(Notice::Alert { path: Some(path), chain: None, message });
    }

    /// One call of an adapter, in time. What fails is asked again in the next round: whether a chain can be reached is told by
    /// those tasks that need it.
    async fn call<T>(&self, operation: &str, call: impl Future<Output = Result<T, AdapterError>>) -> Option<T> {
        let path = &self.context.path.id;
        match tokio::time::timeout(self.context.call_timeout, call).await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::debug!(%path, host = %self.host, operation, error = %with_causes(&error), "could not be done");
                None
            }
            Err(_) => {
                tracing::debug!(%path, host = %self.host, operation, "no answer in time");
                None
            }
        }
    }

    fn now(&self) -> UnixMillis {
        self.context.shared.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now().get())
    }
}
