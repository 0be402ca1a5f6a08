use crate::{ApiError, Backend};
use axum::{
    Json,
    extract::{Path, Query, State},
};
use light_client::{Packet, Sequence};
use relayer_core::{Direction, NonceEnd, PacketState, Parked, PathId, Step, UnixMillis, Waiting};
use relayer_store::{AttemptView, PacketQuery, PacketView};
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, sync::Arc};

/// The most packets in one answer.
pub const MAX_PACKETS: u32 = 500;
const DEFAULT_PACKETS: u32 = 50;
/// How much of a wrong parameter is repeated, in characters.
const MAX_ECHO_CHARS: usize = 80;

/// A packet as people ask for it. Times are Unix milliseconds unless named otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketReport {
    /// Its path.
    pub path: PathId,
    /// Its direction.
    pub direction: Direction,
    /// Its number.
    pub sequence: Sequence,
    /// How far it has come.
    pub state: PacketState,
    /// What it waits for.
    pub waiting: Waiting,
    /// Why it waits for a person.
    pub parked: Option<Parked>,
    /// When the state last changed.
    pub since_millis: UnixMillis,
    /// Nothing is tried before.
    pub next_try_millis: UnixMillis,
    /// Attempts at the present step that came to nothing.
    pub tries: u32,
    /// From this moment on it may not be received, in Unix seconds; 0 while it is missing.
    pub timeout_seconds: u64,
    /// The source's height that it was sent at.
    pub sent_height: u64,
    /// The client on the source; `None` while it is missing.
    pub source_client: Option<String>,
    /// The client on the destination.
    pub destination_client: Option<String>,
    /// The port that it is for.
    pub port: Option<String>,
    /// The version of the application's protocol.
    pub version: Option<String>,
    /// SHA-256 of what the source stores for it.
    pub commitment: String,
    /// The application's acknowledgement in hex, as told.
    pub acknowledgement: Option<String>,
    /// The steps that were proven done.
    pub steps: Vec<StepReport>,
    /// The transactions that carried its steps, newest first; only where one packet was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<TransactionReport>,
}

/// A step that was proven done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The height of the proof.
    pub height: u64,
    /// When.
    pub at_millis: UnixMillis,
}

/// A transaction that carried a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionReport {
    /// The step.
    pub step: Step,
    /// The chain it was sent to.
    pub chain: String,
    /// Who signed it.
    pub signer: String,
    /// Its nonce.
    pub nonce: u64,
    /// Which attempt at that nonce.
    pub attempt: u32,
    /// Its hash.
    pub hash: String,
    /// When it was signed.
    pub signed_millis: UnixMillis,
    /// What became of it: `open`, `included`, `reverted`, `replaced` or `lost`.
    pub outcome: String,
    /// The height that it is final at.
    pub height: Option<u64>,
    /// Gas that it used.
    pub gas_used: Option<u64>,
}

/// `?path=&direction=&state=&waiting=&pending=&before=&limit=`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PacketsQuestion {
    path: Option<String>,
    direction: Option<String>,
    state: Option<String>,
    waiting: Option<String>,
    pending: Option<bool>,
    before: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(backend): State<Arc<dyn Backend>>,
    question: Result<Query<PacketsQuestion>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<PacketReport>>, ApiError> {
    let Query(question) = question.map_err(|rejection| ApiError::Question {
        field: "query",
        expected: "path, direction, state, waiting, pending, before or limit",
        found: cut(&rejection.body_text()),
    })?;
    let query = PacketQuery {
        path: question.path.as_deref().map(path).transpose()?,
        direction: question.direction.as_deref().map(direction).transpose()?,
        state: question.state.as_deref().map(state).transpose()?,
        waiting: question.waiting.as_deref().map(waiting).transpose()?,
        pending: question.pending.unwrap_or(false),
        sequence: None,
        before: question.before,
        limit: question.limit.unwrap_or(DEFAULT_PACKETS).min(MAX_PACKETS),
    };
    Ok(Json(backend.packets(&query).await?.iter().map(PacketReport::from).collect()))
}

pub(crate) async fn one(
    State(backend): State<Arc<dyn Backend>>,
    Path((path_text, direction_text, sequence_text)): Path<(String, String, String)>,
) -> Result<Json<PacketReport>, ApiError> {
    let path = path(&path_text)?;
    let direction = direction(&direction_text)?;
    let sequence = sequence_text.parse().ok().and_then(|number: u64| Sequence::try_from(number).ok());
    let sequence = sequence.ok_or_else(|| question("sequence", "a number from 1", &sequence_text))?;
    let query = PacketQuery {
        path: Some(path.clone()),
        direction: Some(direction),
        sequence: Some(sequence),
        limit: 1,
        ..PacketQuery::default()
    };
    let found = backend.packets(&query).await?;
    let view =
        found.first().ok_or_else(|| ApiError::Unknown { what: format!("packet {path}/{direction}/{sequence}") })?;
    let mut report = PacketReport::from(view);
    let attempts = backend.attempts(&path, direction, sequence).await?;
    report.transactions = attempts.iter().map(TransactionReport::from).collect();
    Ok(Json(report))
}

fn path(text: &str) -> Result<PathId, ApiError> {
    text.parse().map_err(|_| question("path", "the name of a path", text))
}

fn direction(text: &str) -> Result<Direction, ApiError> {
    let found = Direction::BOTH.into_iter().find(|direction| direction.as_str() == text);
    found.ok_or_else(|| question("direction", "a-to-b or b-to-a", text))
}

fn state(text: &str) -> Result<PacketState, ApiError> {
    let found = PacketState::ALL.iter().copied().find(|state| state.as_str() == text);
    let expected = "missing, announced, sent, delivered, acknowledged or timed-out";
    found.ok_or_else(|| question("state", expected, text))
}

fn waiting(text: &str) -> Result<Waiting, ApiError> {
    let found = Waiting::ALL.iter().copied().find(|waiting| waiting.as_str() == text);
    found.ok_or_else(|| question("waiting", "a reason to wait, as /api/status lists them", text))
}

fn question(field: &'static str, expected: &'static str, found: &str) -> ApiError {
    ApiError::Question { field, expected, found: cut(found) }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

impl From<&PacketView> for PacketReport {
    fn from(view: &PacketView) -> Self {
        let row = &view.row;
        let payload = view.packet.as_ref().and_then(|packet| packet.payloads.first());
        let client = |of: fn(&Packet) -> String| view.packet.as_ref().map(of);
        Self {
            path: view.path.clone(),
            direction: view.direction,
            sequence: row.sequence,
            state: row.state,
            waiting: row.waiting,
            parked: row.parked,
            since_millis: row.since,
            next_try_millis: row.next_try,
            tries: row.tries,
            timeout_seconds: row.timeout_seconds,
            sent_height: row.sent_height.number(),
            source_client: client(|packet| packet.source_client.to_string()),
            destination_client: client(|packet| packet.destination_client.to_string()),
            port: payload.map(|payload| payload.destination_port.clone()),
            version: payload.map(|payload| payload.version.clone()),
            commitment: hex(row.commitment.as_bytes()),
            acknowledgement: view.acknowledgement.as_deref().map(hex),
            steps: view
                .steps
                .iter()
                .map(|(step, height, at)| StepReport { step: *step, height: height.number(), at_millis: *at })
                .collect(),
            transactions: Vec::new(),
        }
    }
}

impl From<&AttemptView> for TransactionReport {
    fn from(view: &AttemptView) -> Self {
        let (outcome, height, gas_used) = match &view.end {
            None => ("open", None, None),
            Some(NonceEnd::Lost) => ("lost", None, None),
            Some(NonceEnd::Included { hash, .. }) if *hash != view.attempt.hash => ("replaced", None, None),
            Some(NonceEnd::Included { height, success, gas_used, .. }) => {
                (if *success { "included" } else { "reverted" }, Some(height.number()), Some(*gas_used))
            }
        };
        Self {
            step: view.step,
            chain: view.signer.chain.clone(),
            signer: view.signer.account.clone(),
            nonce: view.nonce,
            attempt: view.attempt.number,
            hash: hex(&view.attempt.hash),
            signed_millis: view.attempt.signed,
            outcome: outcome.to_owned(),
            height,
            gas_used,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
