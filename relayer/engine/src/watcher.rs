//! One task for each hosted client: looks for two blocks of the followed chain where there should be one, and shows them to
//! the client.
//!
//! Once a second it compares what every endpoint of the followed chain serves at the heights that are new, and the states
//! that the hosted client has newly stored with what the chain leads to. A second is as often as chains of
//! this kind make blocks; of one that makes more, the latest few are looked at, since who is on another branch is there at
//! every later height too. What contradicts is kept before anything is done with it. Nothing of a path waits for this task.

mod kept;
mod passed;
mod states;
mod wait;

use crate::{
    FrozenBy, Notice, conflict,
    forecast::forecast,
    perform::Context,
    shared::{ends, with_causes},
    status::Forecast,
};
use adapter::{AdapterError, ServedHeader, StoredStates, Submitted, TrustedState};
use kept::Kept;
use light_client::{BlockHash, Height, Status, Timestamp};
use passed::Passed;
use relayer_core::{ClientReport, End, Event, Head, HostedClient, Trusted, UnixMillis};
use states::Progress;
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
/// States of the hosted client that are remembered, to start from one below a height.
const STATES_REMEMBERED: usize = 32;
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
    /// How far the stored states were compared.
    progress: Progress,
    /// What was left out for good.
    passed: Passed,
    kept: BTreeMap<[BlockHash; 2], Kept>,
    /// Conflicts in the store that have made room, and are still there.
    dropped: Vec<[BlockHash; 2]>,
    /// Whether there are conflicts that nothing was tried with yet.
    has_news: bool,
    /// The client's latest height when evidence was last thought of.
    accused_at: Option<Height>,
    /// Whether it is told by what the client was frozen.
    explained: bool,
    /// When the operator was last told of an origin, or of the client's end.
    told: BTreeMap<String, UnixMillis>,
}

/// A question to a chain's nodes that came to nothing.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Failed(#[from] AdapterError),
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
            progress: Progress::default(),
            passed: Passed::default(),
            kept: BTreeMap::new(),
            dropped: Vec::new(),
            has_news: false,
            accused_at: None,
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

    async fn round(&mut self) {
        let Some(report) = self.context.shared.client(&self.context.path.id, self.host) else { return };
        self.warn_of_expiry(&report);
        let Some(client) = report.client else { return };
        remember(&mut self.trusted, &client.latest);
        self.note_unread_blocks();
        match client.status {
            Status::Frozen => self.explain().await,
            Status::Active | Status::Expired => {
                if std::mem::take(&mut self.explained) {
                    self.context.shared.frozen(&self.context.path.id, self.host, None);
                }
                // First what stands ready: no endpoint that hangs when headers are compared holds it back.
                self.accuse(&client).await;
                self.compare_heights(&client).await;
                self.compare_states(&client).await;
            }
        }
        self.save().await;
    }

    /// A state of the hosted client from which a header of this height can be judged.
    async fn trusted_below(&self, height: Height) -> Option<TrustedState> {
        if let Some(known) = self.trusted.iter().rev().find(|state| state.height < height) {
            return Some(known.clone());
        }
        let stored = self.stored_states(height).await.ok()??;
        let (below, _) = stored.states.iter().rev().find(|(at, _)| *at < height)?;
        let (_, there) = ends(&self.context.path, self.host);
        there.prover.trusted_at(&stored, *below).ok()
    }

    async fn stored_states(&self, height: Height) -> Result<Option<StoredStates>, Unanswered> {
        let (here, _) = ends(&self.context.path, self.host);
        let asked = here.reader.stored_states(&here.client, height);
        self.call("reading the client's states", asked).await
    }

    /// Compares what the endpoints serve at the heights that are new.
    async fn compare_heights(&mut self, client: &HostedClient) {
        let Some(head) = *self.heads.borrow() else { return };
        let head = head.height;
        let earliest = head.number().saturating_sub(HEIGHTS_A_ROUND - 1);
        let next = self.compared.map_or(head.number(), |compared| compared.number().saturating_add(1));
        for number in next.max(earliest)..=head.number() {
            let height = Height::with_revision(head.revision(), number);
            let Some(trusted) = self.trusted_below(height).await else { return };
            let Ok(served) = self.served(&trusted, height).await else { return };
            let headers = served.into_iter().map(conflict::kept).collect();
            self.keep(conflict::conflicts(self.host, headers, self.now()));
            self.compared = Some(height);
            self.accuse_of_news(client).await;
        }
    }

    async fn served(&self, trusted: &TrustedState, height: Height) -> Result<Vec<ServedHeader>, Unanswered> {
        let (_, there) = ends(&self.context.path, self.host);
        let asked = there.prover.served_headers(trusted, height, self.timestamp());
        self.call("comparing headers", asked).await
    }

    /// Finds out by what the client was frozen, whoever did it.
    async fn explain(&mut self) {
        if self.explained {
            return;
        }
        let (here, there) = ends(&self.context.path, self.host);
        let asked = here.reader.accepted_misbehaviour(&here.client);
        let Ok(found) = self.call("looking for the evidence", asked).await else { return };
        let Some(Submitted { transaction, submitter, messages }) = found.value else { return };
        let read = |evidence: &Vec<u8>| there.prover.headers_of_evidence(evidence).ok();
        let headers = messages.iter().find_map(read).map(Vec::from).unwrap_or_default();
        let blocks = headers.into_iter().map(|header| (header.height, header.hash)).collect();
        let submitter = conflict::printable(&submitter);
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

    /// Tells the operator, but not all the time of the same thing.
    fn alert(&mut self, about: &str, message: String) {
        let (path, now) = (self.context.path.id.clone(), self.now());
        // What was told by a clock that was ahead is told anew.
        self.told.retain(|_, at| *at <= now && now.millis_since(*at) < TELL_AGAIN_MILLIS);
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
    async fn call<T>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, Unanswered> {
        let answer = match tokio::time::timeout(self.context.call_timeout, call).await {
            Ok(answer) => answer.map_err(Unanswered::Failed),
            Err(_) => Err(Unanswered::Late),
        };
        if let Err(error) = &answer {
            let path = &self.context.path.id;
            tracing::debug!(%path, host = %self.host, operation, error = %with_causes(error), "could not be done");
        }
        answer
    }

    fn now(&self) -> UnixMillis {
        self.context.shared.now()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now().get())
    }
}

/// Remembers a client's latest state, ascending. What was told before of this height or a later one goes: it was false, or this
/// node is behind, and then it is told again.
fn remember(known: &mut VecDeque<TrustedState>, latest: &Trusted) {
    while known.pop_back_if(|state| state.height >= latest.height).is_some() {}
    let Trusted { height, client, consensus, .. } = latest.clone();
    known.push_back(TrustedState { height, client, consensus });
    if known.len() > STATES_REMEMBERED {
        known.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latest_height_that_is_false_is_forgotten_when_another_one_is_told() {
        let mut known = VecDeque::new();
        let mut tell = |number: u64, told: u8| {
            let (height, consensus) = (Height::new(number), vec![told]);
            remember(&mut known, &Trusted { height, time: Timestamp::default(), client: Vec::new(), consensus });
            known.iter().map(|state| (state.height.number(), state.consensus[0])).collect::<Vec<_>>()
        };
        tell(5, 1);
        assert_eq!(tell(u64::MAX, 2), [(5, 1), (u64::MAX, 2)]);
        assert_eq!(tell(6, 1), [(5, 1), (6, 1)]);
        assert_eq!(tell(6, 3), [(5, 1), (6, 3)], "what was told last");
        for number in 7..100 {
            tell(number, 1);
        }
        let all = tell(100, 1);
        assert_eq!((all.len(), all.first(), all.last()), (STATES_REMEMBERED, Some(&(69, 1)), Some(&(100, 1))));
    }
}
