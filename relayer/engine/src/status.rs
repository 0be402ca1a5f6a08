//! What the engine tells the outside: snapshots and notices, ready for JSON. Times are Unix seconds unless named
//! otherwise; amounts are decimal text in the chain's smallest unit.

use light_client::{Assurance, BlockHash, ChainId, ClientId, ClientType, Height, Status};
use relayer_core::{Direction, End, PacketState, Parked, PassedOverKind, PathId, Step, UnixMillis, Waiting};
use serde::{Deserialize, Serialize};

/// The relayer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusSnapshot {
    /// When it was taken.
    pub time_millis: UnixMillis,
    /// When the engine started.
    pub started_millis: UnixMillis,
    /// Whether the engine is running; `false` once it was told to stop.
    pub running: bool,
    /// Each chain once, in the order of the configuration.
    pub chains: Vec<ChainStatus>,
    /// Each path, in the order of the configuration.
    pub paths: Vec<PathStatus>,
    /// Each signer once.
    pub signers: Vec<SignerStatus>,
}

/// A chain as its nodes tell of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainStatus {
    /// The name in the configuration.
    pub name: String,
    /// What the chain calls itself.
    pub chain_id: ChainId,
    /// The latest final height that was told; `None` before the first answer.
    pub height: Option<Height>,
    /// The time of that block, in Unix seconds.
    pub time_seconds: Option<u64>,
    /// When a node last answered.
    pub seen_millis: Option<UnixMillis>,
    /// How its nodes behave.
    pub node: NodeState,
    /// The last error, when `node` is not `ok`.
    pub note: Option<String>,
}

/// How the nodes of a chain behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// No answer yet.
    Unknown,
    /// They answer, and what could be checked was true.
    Ok,
    /// None answers, or the answers come late.
    Unreachable,
    /// An answer contradicted what is proven.
    Inconsistent,
    /// The configuration does not fit the chain.
    Misconfigured,
}

/// A path: two chains, two clients, packets both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathStatus {
    /// Its name.
    pub id: PathId,
    /// The client that end `a` hosts (it follows `b`), and the one that `b` hosts.
    pub clients: [ClientStatus; 2],
    /// Packets from `a` to `b`, and from `b` to `a`.
    pub directions: [DirectionStatus; 2],
    /// Why nothing is carried any more, in words; `None` while packets move.
    pub stopped: Option<String>,
    /// The headers of both chains that contradict one another, newest first; the latest ones of those that are kept.
    pub conflicts: Vec<ConflictStatus>,
    /// How many of them are kept, by the end that hosts the client they concern: those that make misbehaviour, and others.
    pub conflicts_kept: [ConflictCount; 2],
    /// What was left out for good, so that it holds up nothing: nobody looks at it again. Newest first; those that are kept.
    pub passed_over: Vec<PassedOverStatus>,
}

/// How many conflicts of one hosted client are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictCount {
    /// Pairs of headers that make misbehaviour.
    pub misbehaviour: u64,
    /// Pairs of which at least one is not certified, or cannot be shown to be.
    pub unproven: u64,
}

/// Something that was left out for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOverStatus {
    /// What it is.
    pub kind: PassedOverKind,
    /// The chain whose blocks they are, or which hosts the client that stores the states.
    pub chain: String,
    /// That client; `None` for blocks.
    pub client: Option<ClientId>,
    /// The height of the first one.
    pub first: Height,
    /// The height of the last one.
    pub last: Height,
    /// Why.
    pub reason: String,
    /// When, of the last one.
    pub at_millis: UnixMillis,
}

/// Two headers of one chain that contradict one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictStatus {
    /// The chain whose headers they are.
    pub chain: String,
    /// The chain that hosts the client which they concern.
    pub host_chain: String,
    /// That client.
    pub client: ClientId,
    /// The headers.
    pub headers: [HeaderStatus; 2],
    /// When they were first seen.
    pub seen_millis: UnixMillis,
    /// Whether the light client took them for misbehaviour.
    pub misbehaviour: bool,
    /// When the evidence was last handed over to be submitted.
    pub submitted_millis: Option<UnixMillis>,
}

/// A header of a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderStatus {
    /// Its height.
    pub height: Height,
    /// The hash of its block.
    pub hash: BlockHash,
    /// Who served it, without credentials.
    pub origin: String,
    /// Whether the light client took it for certified.
    pub certified: bool,
}

/// By what a hosted client was frozen, as the chain that hosts it tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenBy {
    /// The transaction.
    pub transaction: String,
    /// The account that sent it.
    pub submitter: String,
    /// The height of its block.
    pub height: Height,
    /// The heights and hashes of the two blocks in the evidence; none when the transaction does not show them.
    pub blocks: Vec<(Height, BlockHash)>,
}

/// Whether a client will be refreshed before it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forecast {
    /// It does not expire.
    Never,
    /// It will be refreshed when its time comes.
    InTime,
    /// The time has come, and no update has succeeded since.
    Late,
    /// The same, with less than a third of its life left.
    Endangered,
    /// It has expired.
    Expired,
}

/// A client, as the chain that hosts it tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientStatus {
    /// The end that hosts it.
    pub host: End,
    /// The chain that hosts it.
    pub host_chain: String,
    /// Its identifier there.
    pub id: ClientId,
    /// The kind of client.
    pub client_type: ClientType,
    /// The chain it follows.
    pub follows_chain: String,
    /// Its counterparty on that chain.
    pub counterparty: ClientId,
    /// Its latest height; `None` before it was first read.
    pub latest_height: Option<Height>,
    /// The time of its latest consensus state, in Unix seconds.
    pub latest_time_seconds: Option<u64>,
    /// How old that is by the relayer's clock.
    pub freshness_seconds: Option<u64>,
    /// When it expires unless it is updated, in Unix seconds; `None` when it never does or is not known yet.
    pub expires_at_seconds: Option<u64>,
    /// How long that is from now, in seconds; 0 when it has expired.
    pub expires_in_seconds: Option<u64>,
    /// When the relayer will refresh it at the latest, in Unix seconds.
    pub refresh_at_seconds: Option<u64>,
    /// Whether that will be in time; `None` before it was first read.
    pub forecast: Option<Forecast>,
    /// By what it was frozen; `None` while it is not, or when the chain does not tell.
    pub frozen_by: Option<FrozenBy>,
    /// Whether it may be used.
    pub status: Option<Status>,
    /// How far it can be relied upon.
    pub assurance: Option<Assurance>,
    /// The height of the followed chain that the relayer has verified for itself.
    pub verified_height: Option<Height>,
    /// The time of that height, in Unix seconds.
    pub verified_time_seconds: Option<u64>,
}

/// Packets of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionStatus {
    /// The direction.
    pub direction: Direction,
    /// The source chain's name.
    pub source_chain: String,
    /// The destination chain's name.
    pub destination_chain: String,
    /// How many packets are in each state, settled ones included.
    pub states: Vec<StateCount>,
    /// How many unsettled packets wait for what.
    pub waiting: Vec<WaitingCount>,
    /// How many unsettled packets there are.
    pub pending: u64,
    /// When the state of the oldest unsettled packet last changed.
    pub oldest_since_millis: Option<UnixMillis>,
    /// Every packet up to this number is known.
    pub known_through: u64,
    /// Transactions on their way, for either step.
    pub batches_in_flight: u64,
}

/// A state and its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCount {
    /// The state.
    pub state: PacketState,
    /// How many.
    pub count: u64,
}

/// A reason to wait and its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCount {
    /// The reason.
    pub waiting: Waiting,
    /// How many.
    pub count: u64,
}

/// One signer of one chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignerStatus {
    /// The chain's name.
    pub chain: String,
    /// The account.
    pub account: String,
    /// The nonce that the next transaction will have; `None` before the chain was asked.
    pub next_nonce: Option<u64>,
    /// Transactions sent and not yet final.
    pub open: u64,
    /// Batches that wait for a nonce.
    pub queued: u64,
    /// Transactions that became final since the start.
    pub included: u64,
    /// Replacements sent since the start.
    pub replaced: u64,
    /// Funds, decimal, in the chain's smallest unit.
    pub balance: Option<String>,
    /// What keeps this signer from its work: what failed last, unless it has succeeded since.
    pub note: Option<String>,
}

/// Something happened; for live pages and logs. Notices may be dropped when a listener is slow: the snapshot is whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Notice {
    /// A packet changed.
    Packet {
        /// Its path.
        path: PathId,
        /// Its direction.
        direction: Direction,
        /// Its number.
        sequence: u64,
        /// How far it is now.
        state: PacketState,
        /// What it waits for now.
        waiting: Waiting,
        /// Why it waits for a person.
        parked: Option<Parked>,
        /// When nothing is tried before.
        next_try_millis: UnixMillis,
    },
    /// A chain told of a new head.
    Head {
        /// The chain's name.
        chain: String,
        /// Its height.
        height: Height,
        /// Its time, in Unix seconds.
        time_seconds: u64,
    },
    /// A hosted client advanced, or its status changed.
    Client {
        /// The path.
        path: PathId,
        /// The end that hosts it.
        host: End,
        /// Its latest height.
        latest_height: Height,
        /// Its status.
        status: Status,
    },
    /// A transaction was sent.
    Sent {
        /// The chain's name.
        chain: String,
        /// The nonce.
        nonce: u64,
        /// Which attempt at this nonce.
        attempt: u32,
        /// The transaction's hash, 0x and hexadecimal.
        transaction: String,
        /// Steps it makes.
        steps: Vec<StepCount>,
    },
    /// A transaction became final.
    Included {
        /// The chain's name.
        chain: String,
        /// The nonce.
        nonce: u64,
        /// The height.
        height: Height,
        /// Gas used.
        gas_used: u64,
        /// Whether it succeeded as a whole.
        success: bool,
    },
    /// Something that an operator should look at: a node that lies, a gap, a frozen client.
    Alert {
        /// The path, when it concerns one.
        path: Option<PathId>,
        /// The chain's name, when it concerns one.
        chain: Option<String>,
        /// What happened.
        message: String,
    },
}

/// How many packets a transaction takes a step further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// The step.
    pub step: Step,
    /// How many packets.
    pub count: u64,
}
