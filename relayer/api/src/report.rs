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
    /// How the validators sign, in the standards' words: "secp256k1", "Ed25519", "SM2".
    pub key_types: Vec<String>,
    /// The validators of the latest header read, in its order.
    pub validators: Vec<ValidatorFacts>,
    /// The height of that header.
    pub validators_height: Option<u64>,
    /// Whose signatures make a header final.
    pub quorum: QuorumFacts,
    /// How much of a trusted set must seal a header under a changed one, as clients of this chain demand it.
    pub trust_level: String,
    /// Where its Router is.
    pub router: Option<String>,
    /// Who decides on its contracts.
    pub governance: Option<GovernanceFacts>,
}

/// A validator of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorFacts {
    /// Its address or its key, as the chain's headers name it, in hex.
    pub id: String,
    /// Its voting power; `None` where all have the same.
    pub power: Option<u64>,
}

/// Whose signatures make a header final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum QuorumFacts {
    /// Two thirds of the validators, rounded up: each has one voice.
    TwoThirdsOfMembers,
    /// More than two thirds of the voting power.
    MoreThanTwoThirdsOfPower,
}

impl QuorumFacts {
    /// How many of so many validators that is, where they are counted.
    pub const fn members(self, of: u64) -> Option<u64> {
        match self {
            Self::TwoThirdsOfMembers => Some(of.saturating_mul(2).div_ceil(3)),
            Self::MoreThanTwoThirdsOfPower => None,
        }
    }
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
