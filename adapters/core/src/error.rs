use light_client::{ClientId, ErasedError, Fault as _, FaultKind};
use std::error::Error;

/// Why a chain could not be read, proven or written to; the relayer decides by [`AdapterError::kind`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// No endpoint answered, or not in time; the same call may succeed later.
    #[error("{endpoint}: {operation} did not succeed")]
    Unavailable {
        /// The endpoint, without credentials.
        endpoint: String,
        /// What was asked.
        operation: &'static str,
        /// The transport's own error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The node is behind the height that was asked for; the same call may succeed later.
    #[error("{endpoint}: expected height {expected} or later, found {found}")]
    Behind {
        /// The endpoint, without credentials.
        endpoint: String,
        /// The height asked for.
        expected: u64,
        /// The height of the node.
        found: u64,
    },
    /// The chain refused, and said why.
    #[error("{operation} refused by the chain: {reason}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The chain's reason, decoded where it could be.
        reason: String,
    },
    /// The node's answer contradicts itself or what is proven: the node lies or is broken.
    #[error("{endpoint}: {field}: expected {expected}, found {found}")]
    Inconsistent {
        /// The endpoint, without credentials.
        endpoint: String,
        /// The part of the answer.
        field: &'static str,
        /// What proof or standard demand.
        expected: String,
        /// What the node said.
        found: String,
    },
    /// The light client refused what the node supplied.
    #[error("{endpoint}: {operation}: {source}")]
    Verification {
        /// The endpoint, without credentials.
        endpoint: String,
        /// What was being verified.
        operation: &'static str,
        /// The rule broken.
        #[source]
        source: ErasedError,
    },
    /// The chain hosts no client of this id.
    #[error("client {client}: expected one on {chain}, found none")]
    ClientUnknown {
        /// The id.
        client: ClientId,
        /// The chain that was asked.
        chain: String,
    },
    /// The client is there, and nobody has said what it is called by the chain that it follows.
    #[error("client {client} on {chain}: expected a registered counterparty, found none")]
    CounterpartyUnknown {
        /// The id.
        client: ClientId,
        /// The chain that was asked.
        chain: String,
    },
    /// The configuration does not fit the chain.
    #[error("{key}: expected {expected}, found {found}")]
    Config {
        /// The configuration key.
        key: &'static str,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
}

/// What is to be done about an [`AdapterError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdapterErrorKind {
    /// Try again later, perhaps elsewhere.
    Transient,
    /// The chain said no: look at the state again before anything else is tried.
    RefusedByChain,
    /// A node contradicts proof: use another, and tell the operator.
    Inconsistent,
    /// The trusted state does not reach: try a nearer height.
    InsufficientTrust,
    /// The client is expired or frozen: only people can help.
    ClientUnusable,
    /// The operator has to change something, or to link.
    Config,
}

impl AdapterError {
    /// What is to be done about it.
    pub fn kind(&self) -> AdapterErrorKind {
        match self {
            Self::Unavailable { .. } | Self::Behind { .. } => AdapterErrorKind::Transient,
            Self::Refused { .. } => AdapterErrorKind::RefusedByChain,
            Self::Inconsistent { .. } => AdapterErrorKind::Inconsistent,
            Self::Verification { source, .. } => match source.kind() {
                FaultKind::InsufficientTrust => AdapterErrorKind::InsufficientTrust,
                FaultKind::Expired | FaultKind::Frozen => AdapterErrorKind::ClientUnusable,
                FaultKind::Malformed | FaultKind::Rejected | FaultKind::Misuse => AdapterErrorKind::Inconsistent,
            },
            Self::ClientUnknown { .. } | Self::CounterpartyUnknown { .. } | Self::Config { .. } => {
                AdapterErrorKind::Config
            }
        }
    }
}
