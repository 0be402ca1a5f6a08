use light_client::ChainId;
use relayer_engine::StatusSnapshot;
use serde::{Deserialize, Serialize};

/// What `/api/status` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The program's version.
    pub version: String,
    /// The relayer at this moment.
    #[serde(flatten)]
    pub snapshot: StatusSnapshot,
    /// What is known of the chains besides, by the same names.
    pub facts: Vec<ChainFacts>,
}

/// What is known of a chain besides its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFacts {
    /// The name in the configuration.
    pub name: String,
    /// What the chain calls itself.
    pub chain_id: ChainId,
    /// How its headers become final, in the standard's word: "QBFT".
    pub consensus: String,
    /// The validators of the latest header read, in its order.
    pub validators: Vec<String>,
    /// The height of that header.
    pub validators_height: Option<u64>,
    /// How many of them must seal a header.
    pub quorum: Option<u64>,
    /// How much of a trusted set must seal a header under a changed one, as clients of this chain demand it.
    pub trust_level: String,
    /// Where its Router is.
    pub router: Option<String>,
    /// Who decides on its contracts.
    pub governance: Option<GovernanceFacts>,
}

/// Who decides on a chain's contracts, as the chain says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceFacts {
    /// The contract.
    pub address: String,
    /// Its members.
    pub members: Vec<String>,
    /// How many must approve.
    pub threshold: u16,
    /// How long an approved act waits in public, in seconds.
    pub delay_seconds: u64,
    /// Acts neither executed nor cancelled.
    pub pending: Vec<PendingAct>,
}

/// An act that is not executed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAct {
    /// Its number.
    pub id: String,
    /// What it does, in words.
    pub what: String,
    /// How many approve.
    pub approvals: u16,
    /// When it may be executed, in Unix seconds; `None` while too few approve.
    pub due_seconds: Option<u64>,
}
