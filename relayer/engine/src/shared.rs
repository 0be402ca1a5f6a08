//! What the tasks tell of themselves, for snapshots; nothing is decided by it.

use crate::{
    Clock, EngineConfig, PathHandles, conflict,
    forecast::forecast,
    status::{
        ChainStatus, ClientStatus, DirectionStatus, FrozenBy, NodeState, Notice, PassedOverStatus, PathStatus,
        SignerStatus, StateCount, StatusSnapshot, WaitingCount,
    },
};
use adapter::{AdapterError, AdapterErrorKind};
use light_client::{Assurance, ErasedLightClient, Status};
use relayer_core::{
    ClientReport, Conflict, Direction, DirectionReport, End, Failure, Head, PacketState, PassedOver, PassedOverKind,
    PathId, PathMachine, SignerId, SignerReport, UnixMillis, Waiting,
};
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// Notices kept for listeners that are behind; a slower one misses some.
const NOTICES: usize = 1_024;

pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notices: broadcast::Sender<Notice>,
    started: UnixMillis,
    paths: Vec<PathHandles>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    stopped: bool,
    chains: BTreeMap<String, ChainTold>,
    paths: BTreeMap<PathId, PathTold>,
    signers: BTreeMap<SignerId, SignerTold>,
    /// What was found out about each hosted client's chain.
    watched: BTreeMap<(PathId, End), Watched>,
}

#[derive(Clone, Default)]
struct Watched {
    conflicts: Vec<Conflict>,
    passed_over: Vec<PassedOver>,
    frozen_by: Option<FrozenBy>,
}

#[derive(Clone, Default)]
struct ChainTold {
    head: Option<Head>,
    seen: Option<UnixMillis>,
    node: Option<NodeState>,
    note: Option<String>,
}

#[derive(Clone)]
struct PathTold {
    clients: [ClientReport; 2],
    directions: [DirectionReport; 2],
}

#[derive(Clone)]
struct SignerTold {
    report: SignerReport,
    /// What failed last, and why.
    note: Option<(&'static str, String)>,
}

impl Shared {
    pub(crate) fn new(config: &EngineConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            started: clock.now(),
            clock,
            notices: broadcast::channel(NOTICES).0,
            paths: config.paths.clone(),
            told: Mutex::new(Told::default()),
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn notify(&self, notice: Notice) {
        // Nobody listening is no error.
        let _ = self.notices.send(notice);
    }

    pub(crate) fn stopped(&self) {
        self.told().stopped = true;
    }

    pub(crate) fn head(&self, chain: &str, head: Head) {
        let now = self.now();
        let mut told = self.told();
        let chain_told = told.chains.entry(chain.to_owned()).or_default();
        let new = chain_told.head != Some(head);
        chain_told.head = Some(head);
        chain_told.seen = Some(now);
        if chain_told.node != Some(NodeState::Inconsistent) {
            chain_told.node = Some(NodeState::Ok);
            chain_told.note = None;
        }
        drop(told);
        if new {
            let time_seconds = head.time.unix_seconds();
            self.notify(Notice::Head { chain: chain.to_owned(), height: head.height, time_seconds });
        }
    }

    /// Something was verified with what this chain's nodes supplied: they tell the truth (again).
    pub(crate) fn verified(&self, chain: &str) {
        let now = self.now();
        let mut told = self.told();
        let chain = told.chains.entry(chain.to_owned()).or_default();
        chain.seen = Some(now);
        chain.node = Some(NodeState::Ok);
        chain.note = None;
    }

    /// Notes a failure of a chain's nodes and says of which kind it is.
    pub(crate) fn failed(&self, chain: &str, operation: &'static str, error: &AdapterError) -> Failure {
        let text = with_causes(error);
        let (failure, node) = match error.kind() {
            AdapterErrorKind::Transient => (Failure::Transient, Some(NodeState::Unreachable)),
            AdapterErrorKind::RefusedByChain => (Failure::Refused, None),
            AdapterErrorKind::Inconsistent => (Failure::Inconsistent, Some(NodeState::Inconsistent)),
            AdapterErrorKind::InsufficientTrust => (Failure::InsufficientTrust, None),
            AdapterErrorKind::ClientUnusable => (Failure::ClientUnusable, None),
            AdapterErrorKind::Config => (Failure::Configuration, Some(NodeState::Misconfigured)),
        };
        tracing::warn!(chain, operation, ?failure, error = %text, "could not be done");
        if let Some(node) = node {
            self.trouble(chain, node, text);
        }
        failure
    }

    pub(crate) fn late(&self, chain: &str, operation: &'static str) -> Failure {
        tracing::warn!(chain, operation, "no answer in time");
        self.trouble(chain, NodeState::Unreachable, format!("{operation}: no answer in time"));
        Failure::Transient
    }

    fn trouble(&self, chain: &str, node: NodeState, note: String) {
        let mut told = self.told();
        let chain = told.chains.entry(chain.to_owned()).or_default();
        chain.node = Some(node);
        chain.note = Some(note);
    }

    pub(crate) fn path(&self, id: &PathId, machine: &PathMachine) {
        let reports = PathTold {
            clients: End::BOTH.map(|end| machine.client(end)),
            directions: Direction::BOTH.map(|direction| machine.direction_report(direction)),
        };
        let before = self.told().paths.insert(id.clone(), reports.clone());
        for (host, report) in End::BOTH.into_iter().zip(&reports.clients) {
            let Some(client) = &report.client else { continue };
            let old = before.as_ref().and_then(|before| before.clients[index(host)].client.as_ref());
            if old.is_none_or(|old| old.status != client.status || old.latest.height != client.latest.height) {
                let (latest_height, status) = (client.latest.height, client.status);
                self.notify(Notice::Client { path: id.clone(), host, latest_height, status });
            }
        }
    }

    /// A hosted client as its path last told of it.
    pub(crate) fn client(&self, path: &PathId, host: End) -> Option<ClientReport> {
        self.told().paths.get(path).map(|told| told.clients[index(host)].clone())
    }

    /// The headers that contradict one another, of the chain that a hosted client follows.
    pub(crate) fn conflicts(&self, path: &PathId, host: End, conflicts: Vec<Conflict>) {
        self.told().watched.entry((path.clone(), host)).or_default().conflicts = conflicts;
    }

    /// What was left out for good of the states that a hosted client stores, and of the blocks of the chain that it follows.
    pub(crate) fn passed_over(&self, path: &PathId, host: End, passed_over: Vec<PassedOver>) {
        self.told().watched.entry((path.clone(), host)).or_default().passed_over = passed_over;
    }

    /// By what a hosted client was frozen, or that it is not.
    pub(crate) fn frozen(&self, path: &PathId, host: End, by: Option<FrozenBy>) {
        self.told().watched.entry((path.clone(), host)).or_default().frozen_by = by;
    }

    pub(crate) fn signer(&self, id: &SignerId, report: SignerReport) {
        let mut told = self.told();
        let note = told.signers.get(id).and_then(|signer| signer.note.clone());
        told.signers.insert(id.clone(), SignerTold { report, note });
    }

    /// Something of a signer's did not succeed.
    pub(crate) fn signer_failed(&self, id: &SignerId, operation: &'static str, error: String) {
        if let Some(signer) = self.told().signers.get_mut(id) {
            signer.note = Some((operation, error));
        }
    }

    /// Something of a signer's succeeded: no trouble is left but that of an operation that this says nothing of.
    pub(crate) fn signer_succeeded(&self, id: &SignerId, but: Option<&'static str>) {
        if let Some(signer) = self.told().signers.get_mut(id) {
            signer.note.take_if(|(operation, _)| but != Some(*operation));
        }
    }

    pub(crate) fn snapshot(&self) -> StatusSnapshot {
        let now = self.now();
        let told = self.told();
        let mut chains: Vec<ChainStatus> = Vec::new();
        for end in self.paths.iter().flat_map(|path| [&path.a, &path.b]) {
            if chains.iter().any(|chain| chain.name == end.chain) {
                continue;
            }
            let state = told.chains.get(&end.chain).cloned().unwrap_or_default();
            chains.push(ChainStatus {
                name: end.chain.clone(),
                chain_id: end.reader.chain_id().clone(),
                height: state.head.map(|head| head.height),
                time_seconds: state.head.map(|head| head.time.unix_seconds()),
                seen_millis: state.seen,
                node: state.node.unwrap_or(NodeState::Unknown),
                note: state.note,
            });
        }
        let signer = |(id, signer): (&SignerId, &SignerTold)| SignerStatus {
            chain: id.chain.clone(),
            account: id.account.clone(),
            next_nonce: signer.report.next_nonce,
            open: signer.report.open,
            queued: signer.report.queued,
            included: signer.report.included,
            replaced: signer.report.replaced,
            balance: signer.report.balance.map(|balance| balance.to_string()),
            note: signer.note.as_ref().map(|(operation, error)| format!("{operation}: {error}")),
        };
        StatusSnapshot {
            time_millis: now,
            started_millis: self.started,
            running: !told.stopped,
            chains,
            paths: self.paths.iter().map(|path| path_status(path, &told, now)).collect(),
            signers: told.signers.iter().map(signer).collect(),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Each change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path_status(path: &PathHandles, all: &Told, now: UnixMillis) -> PathStatus {
    let told = all.paths.get(&path.id);
    let watched = End::BOTH.map(|host| all.watched.get(&(path.id.clone(), host)));
    let frozen_by = |host: End| watched[index(host)].and_then(|watched| watched.frozen_by.as_ref());
    let client = |host: End| {
        let (here, there) = ends(path, host);
        let report = told.map(|told| &told.clients[index(host)]);
        let client = report.and_then(|report| report.client.as_ref());
        let verified = report.and_then(|report| report.verified);
        let time = client.map(|client| client.latest.time.unix_seconds());
        let expires = client.and_then(|client| client.expires).map(|expires| expires.unix_seconds());
        ClientStatus {
            host,
            host_chain: here.chain.clone(),
            id: here.client.clone(),
            client_type: there.prover.client_type().clone(),
            follows_chain: there.chain.clone(),
            counterparty: there.client.clone(),
            latest_height: client.map(|client| client.latest.height),
            latest_time_seconds: time,
            freshness_seconds: time.map(|time| now.seconds().saturating_sub(time)),
            expires_at_seconds: expires,
            expires_in_seconds: expires.map(|expires| expires.saturating_sub(now.seconds())),
            refresh_at_seconds: report.and_then(|report| report.refresh).map(|refresh| refresh.unix_seconds()),
            forecast: report.and_then(|report| forecast(report, now)),
            frozen_by: frozen_by(host).cloned(),
            status: client.map(|client| client.status),
            assurance: client.and_then(|client| assurance(there.prover.light_client(), &client.latest.client)),
            verified_height: verified.map(|(height, _)| height),
            verified_time_seconds: verified.map(|(_, time)| time.unix_seconds()),
        }
    };
    let direction = |direction: Direction| {
        let (source, destination) = ends(path, direction.source());
        let report = told.map(|told| &told.directions[index(direction.source())]);
        let counts = report.map_or([0; PacketState::ALL.len()], |report| report.counts);
        let waiting = report.map_or([0; Waiting::ALL.len()], |report| report.waiting);
        let states = || PacketState::ALL.iter().copied().zip(counts);
        DirectionStatus {
            direction,
            source_chain: source.chain.clone(),
            destination_chain: destination.chain.clone(),
            states: states().map(|(state, count)| StateCount { state, count }).collect(),
            waiting: Waiting::ALL
                .iter()
                .zip(waiting)
                .map(|(waiting, count)| WaitingCount { waiting: *waiting, count })
                .collect(),
            pending: states().filter(|(state, _)| !state.is_settled()).map(|(_, count)| count).sum(),
            oldest_since_millis: report.and_then(|report| report.oldest_since),
            known_through: report.map_or(0, |report| report.known_through),
            batches_in_flight: report.map_or(0, |report| report.batches),
        }
    };
    let clients = End::BOTH.map(client);
    let is_frozen = |client: &&ClientStatus| client.status == Some(Status::Frozen);
    let frozen = clients.iter().find(is_frozen);
    let (conflicts, conflicts_kept) =
        conflict::shown(path, watched.iter().flatten().flat_map(|watched| &watched.conflicts));
    let mut passed_over: Vec<&PassedOver> = watched.iter().flatten().flat_map(|watched| &watched.passed_over).collect();
    passed_over.sort_by_key(|passed| Reverse(passed.at));
    let passed_over = passed_over.into_iter().map(|passed| {
        let (here, _) = ends(path, passed.end);
        PassedOverStatus {
            kind: passed.kind,
            chain: here.chain.clone(),
            client: (passed.kind == PassedOverKind::States).then(|| here.client.clone()),
            first: passed.first,
            last: passed.last,
            reason: passed.reason.clone(),
            at_millis: passed.at,
        }
    });
    PathStatus {
        id: path.id.clone(),
        stopped: frozen.map(|client| conflict::why_stopped(path, client.host, client.frozen_by.as_ref())),
        clients,
        directions: Direction::BOTH.map(direction),
        conflicts,
        conflicts_kept,
        passed_over: passed_over.collect(),
    }
}

fn assurance(client: &dyn ErasedLightClient, state: &[u8]) -> Option<Assurance> {
    client.assurance(state).ok()
}

/// An end of a path, and the other one.
pub(crate) const fn ends(path: &PathHandles, end: End) -> (&crate::PathEnd, &crate::PathEnd) {
    match end {
        End::A => (&path.a, &path.b),
        End::B => (&path.b, &path.a),
    }
}

pub(crate) const fn index(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
