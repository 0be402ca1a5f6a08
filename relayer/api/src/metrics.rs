//! `/metrics`, in the OpenMetrics text format.
//!
//! | name | labels | meaning |
//! |---|---|---|
//! | `lighterman_relayer_info` | `version` | always 1 |
//! | `lighterman_running` | | 1 while the engine runs |
//! | `lighterman_start_time_seconds` | | when it started |
//! | `lighterman_chain_height` | `chain` | latest final height told by its nodes |
//! | `lighterman_chain_time_seconds` | `chain` | time of that block |
//! | `lighterman_chain_seen_seconds` | `chain` | when a node last answered |
//! | `lighterman_chain_ok` | `chain` | 1 while its nodes answer and contradict nothing |
//! | `lighterman_chain_validators` | `chain` | validators of the latest header read |
//! | `lighterman_client_height` | `chain`, `client`, `follows` | latest height of a hosted client |
//! | `lighterman_client_age_seconds` | same | age of its latest consensus state |
//! | `lighterman_client_expires_time_seconds` | same | when it expires unless it is updated |
//! | `lighterman_client_expires_seconds` | same | seconds left until then; 0 when it has expired |
//! | `lighterman_client_refresh_time_seconds` | same | when the relayer will refresh it at the latest |
//! | `lighterman_client_endangered` | same | 1 when it has expired, or its refresh does not come and less than a third of its life is left |
//! | `lighterman_client_active` | same | 1 while it may be used |
//! | `lighterman_client_frozen` | same | 1 when misbehaviour was shown to it |
//! | `lighterman_conflicting_headers` | `chain`, `client`, `follows`, `verdict` | kept pairs of headers of the followed chain that contradict one another |
//! | `lighterman_passed_over` | `path`, `kind` | what was left out for good and is kept: a `block` that nobody shows readably, or a range of `states` that could not be compared |
//! | `lighterman_packets` | `path`, `direction`, `state` | packets in each state |
//! | `lighterman_packets_waiting` | `path`, `direction`, `reason` | unsettled packets by what they wait for |
//! | `lighterman_packets_oldest_time_seconds` | `path`, `direction` | when the oldest unsettled packet last moved |
//! | `lighterman_batches_in_flight` | `path`, `direction` | transactions under way |
//! | `lighterman_signer_balance` | `chain`, `account` | funds in the chain's smallest unit |
//! | `lighterman_signer_open_transactions` | same | sent and not final |
//! | `lighterman_signer_queued_batches` | same | batches that wait for a nonce |
//! | `lighterman_signer_included_total` | same | transactions that became final since the start |
//! | `lighterman_signer_replaced_total` | same | replacements sent since the start |
//! | `lighterman_governance_delay_seconds` | `chain` | delay of governed acts |
//! | `lighterman_governance_pending_acts` | `chain` | acts neither executed nor cancelled |
//! | `lighterman_process_resident_memory_bytes` | | of this process, where `/proc` tells |
//! | `lighterman_process_cpu_seconds_total` | | of this process, where `/proc` tells |

use crate::StatusReport;
use light_client::Status;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::Registry,
};
use relayer_core::PassedOverKind;
use relayer_engine::{Forecast, NodeState};
use std::{
    fmt, fs,
    sync::atomic::{AtomicI64, AtomicU64},
};

/// The type of what [`text`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Whole<L> = Family<L, Gauge<i64, AtomicI64>>;
type Real<L> = Family<L, Gauge<f64, AtomicU64>>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfChain {
    chain: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfClient {
    chain: String,
    client: String,
    follows: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfVerdict {
    chain: String,
    client: String,
    follows: String,
    verdict: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfKind {
    path: String,
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfDirection {
    path: String,
    direction: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    path: String,
    direction: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReason {
    path: String,
    direction: String,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSigner {
    chain: String,
    account: String,
}

/// The metrics of one moment.
///
/// # Errors
/// When a text cannot be written, which memory alone can cause.
pub fn text(report: &StatusReport) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("lighterman");
    let snapshot = &report.snapshot;
    registry.register("relayer", "Version of the relayer", Info::new([("version", report.version.clone())]));
    registry.register("running", "Whether the engine runs", ConstGauge::new(i64::from(snapshot.running)));
    let started = seconds(snapshot.started_millis.seconds());
    registry.register("start_time_seconds", "When the engine started", ConstGauge::new(started));
    chains(&mut registry, report);
    clients(&mut registry, report);
    passed_over(&mut registry, report);
    directions(&mut registry, report);
    signers(&mut registry, report);
    process(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn chains(registry: &mut Registry, report: &StatusReport) {
    let height = gauge::<OfChain>(registry, "chain_height", "Latest final height told by the chain's nodes");
    let time = gauge::<OfChain>(registry, "chain_time_seconds", "Time of the chain's latest final block");
    let seen = gauge::<OfChain>(registry, "chain_seen_seconds", "When a node of the chain last answered");
    let ok = gauge::<OfChain>(registry, "chain_ok", "Whether the chain's nodes answer and contradict nothing");
    for chain in &report.snapshot.chains {
        let labels = OfChain { chain: chain.name.clone() };
        set(&height, &labels, chain.height.map(|height| height.number()));
        set(&time, &labels, chain.time_seconds);
        set(&seen, &labels, chain.seen_millis.map(|moment| moment.seconds()));
        set(&ok, &labels, Some(u64::from(chain.node == NodeState::Ok)));
    }
    let validators = gauge::<OfChain>(registry, "chain_validators", "Validators of the latest header read");
    let delay = gauge::<OfChain>(registry, "governance_delay_seconds", "Delay of governed acts");
    let pending = gauge::<OfChain>(registry, "governance_pending_acts", "Acts neither executed nor cancelled");
    for facts in &report.facts {
        let labels = OfChain { chain: facts.name.clone() };
        set(&validators, &labels, Some(facts.validators.len() as u64));
        set(&delay, &labels, facts.governance.as_ref().map(|governance| governance.delay_seconds));
        set(&pending, &labels, facts.governance.as_ref().map(|governance| governance.pending.len() as u64));
    }
}

fn clients(registry: &mut Registry, report: &StatusReport) {
    let height = gauge::<OfClient>(registry, "client_height", "Latest height of a hosted client");
    let age = gauge::<OfClient>(registry, "client_age_seconds", "Age of a client's latest consensus state");
    let expires = gauge::<OfClient>(registry, "client_expires_time_seconds", "When a client expires unless updated");
    let left = gauge::<OfClient>(registry, "client_expires_seconds", "Seconds until a client expires unless updated");
    let refresh =
        gauge::<OfClient>(registry, "client_refresh_time_seconds", "When a client is refreshed at the latest");
    let endangered =
        gauge::<OfClient>(registry, "client_endangered", "Whether a client's refresh does not come in time");
    let active = gauge::<OfClient>(registry, "client_active", "Whether a client may be used");
    let frozen = gauge::<OfClient>(registry, "client_frozen", "Whether misbehaviour was shown to a client");
    let help = "Kept pairs of headers that contradict one another";
    let conflicts = gauge::<OfVerdict>(registry, "conflicting_headers", help);
    for path in &report.snapshot.paths {
        for (client, kept) in path.clients.iter().zip(&path.conflicts_kept) {
            let labels = OfClient {
                chain: client.host_chain.clone(),
                client: client.id.to_string(),
                follows: client.follows_chain.clone(),
            };
            set(&height, &labels, client.latest_height.map(|height| height.number()));
            set(&age, &labels, client.freshness_seconds);
            set(&expires, &labels, client.expires_at_seconds);
            set(&left, &labels, client.expires_in_seconds);
            set(&refresh, &labels, client.refresh_at_seconds);
            let is_endangered = |forecast| matches!(forecast, Forecast::Endangered | Forecast::Expired);
            set(&endangered, &labels, client.forecast.map(|forecast| u64::from(is_endangered(forecast))));
            set(&active, &labels, client.status.map(|status| u64::from(status == Status::Active)));
            set(&frozen, &labels, client.status.map(|status| u64::from(status == Status::Frozen)));
            for (verdict, count) in [("misbehaviour", kept.misbehaviour), ("unproven", kept.unproven)] {
                let OfClient { chain, client, follows } = labels.clone();
                let labels = OfVerdict { chain, client, follows, verdict: verdict.to_owned() };
                set(&conflicts, &labels, Some(count));
            }
        }
    }
}

fn passed_over(registry: &mut Registry, report: &StatusReport) {
    let passed_over = gauge::<OfKind>(registry, "passed_over", "What was left out for good, and is kept");
    for path in &report.snapshot.paths {
        for kind in PassedOverKind::ALL {
            let count = path.passed_over.iter().filter(|passed| passed.kind == kind).count();
            let labels = OfKind { path: path.id.to_string(), kind: kind.as_str().to_owned() };
            set(&passed_over, &labels, Some(count as u64));
        }
    }
}

fn directions(registry: &mut Registry, report: &StatusReport) {
    let packets = gauge::<OfState>(registry, "packets", "Packets in each state");
    let waiting = gauge::<OfReason>(registry, "packets_waiting", "Unsettled packets by what they wait for");
    let help = "When the oldest unsettled packet last moved";
    let oldest = gauge::<OfDirection>(registry, "packets_oldest_time_seconds", help);
    let in_flight = gauge::<OfDirection>(registry, "batches_in_flight", "Transactions under way");
    for path in &report.snapshot.paths {
        for direction in &path.directions {
            let (name, way) = (path.id.to_string(), direction.direction.as_str().to_owned());
            for count in &direction.states {
                let state = count.state.as_str().to_owned();
                let labels = OfState { path: name.clone(), direction: way.clone(), state };
                set(&packets, &labels, Some(count.count));
            }
            for count in &direction.waiting {
                let reason = count.waiting.as_str().to_owned();
                let labels = OfReason { path: name.clone(), direction: way.clone(), reason };
                set(&waiting, &labels, Some(count.count));
            }
            let labels = OfDirection { path: name, direction: way };
            set(&oldest, &labels, direction.oldest_since_millis.map(|moment| moment.seconds()));
            set(&in_flight, &labels, Some(direction.batches_in_flight));
        }
    }
}

fn signers(registry: &mut Registry, report: &StatusReport) {
    let balance = Real::<OfSigner>::default();
    registry.register("signer_balance", "Funds of a signer in the chain's smallest unit", balance.clone());
    let open = gauge::<OfSigner>(registry, "signer_open_transactions", "Transactions sent and not final");
    let queued = gauge::<OfSigner>(registry, "signer_queued_batches", "Batches that wait for a nonce");
    let included = counter::<OfSigner>(registry, "signer_included", "Transactions that became final since the start");
    let replaced = counter::<OfSigner>(registry, "signer_replaced", "Replacements sent since the start");
    for signer in &report.snapshot.signers {
        let labels = OfSigner { chain: signer.chain.clone(), account: signer.account.clone() };
        if let Some(funds) = signer.balance.as_deref().and_then(|text| text.parse::<f64>().ok()) {
            balance.get_or_create(&labels).set(funds);
        }
        set(&open, &labels, Some(signer.open));
        set(&queued, &labels, Some(signer.queued));
        // The families are new with every scrape, so that adding is setting.
        included.get_or_create(&labels).inc_by(signer.included);
        replaced.get_or_create(&labels).inc_by(signer.replaced);
    }
}

/// What `/proc` tells of this process; nothing on systems without it.
fn process(registry: &mut Registry) {
    if let Some(bytes) = resident_bytes() {
        registry.register(
            "process_resident_memory_bytes",
            "Resident memory of this process",
            ConstGauge::new(seconds(bytes)),
        );
    }
    if let Some(cpu) = cpu_seconds() {
        registry.register("process_cpu_seconds", "Processor time of this process", ConstCounter::new(cpu));
    }
}

// Source: proc_pid_status(5), VmRSS, in KiB.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

// Source: proc_pid_stat(5), fields 14 and 15, in clock ticks, of which Linux shows a hundred in a second everywhere.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().ok());
    let (user, system) = (ticks.next()??, ticks.next()??);
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

fn counter<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter<u64, AtomicU64>>
where
    L: EncodeLabelSet + fmt::Debug + Clone + std::hash::Hash + Eq + Send + Sync + 'static,
{
    let family = Family::<L, Counter<u64, AtomicU64>>::default();
    registry.register(name, help, family.clone());
    family
}

fn gauge<L>(registry: &mut Registry, name: &str, help: &str) -> Whole<L>
where
    L: EncodeLabelSet + fmt::Debug + Clone + std::hash::Hash + Eq + Send + Sync + 'static,
{
    let family = Whole::<L>::default();
    registry.register(name, help, family.clone());
    family
}

fn set<L: Clone + std::hash::Hash + Eq>(family: &Whole<L>, labels: &L, value: Option<u64>) {
    if let Some(value) = value {
        family.get_or_create(labels).set(seconds(value));
    }
}

fn seconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
