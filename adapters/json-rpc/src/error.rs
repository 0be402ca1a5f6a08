use crate::MAX_NODE_TEXT_CHARS;
use adapter::AdapterError;

/// Why an endpoint gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// No complete answer in time.
    #[error("expected an answer within {limit_millis} ms, found none")]
    Timeout {
        /// The limit.
        limit_millis: u128,
    },
    /// The connection failed.
    #[error("connection failed")]
    Transport(#[source] reqwest::Error),
    /// The answer is larger than allowed.
    #[error("answer: expected at most {max} bytes, found more")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// The answer has more elements than allowed.
    #[error("answer: expected at most {max} elements, found more")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The server answered with a status that is no success, and no JSON-RPC error.
    #[error("http status: expected 200, found {found}")]
    HttpStatus {
        /// The status.
        found: u16,
    },
    /// The server does not let us in: the key or the header that it asks for is missing or wrong.
    #[error("http status: expected 200, found {found}: access denied")]
    Denied {
        /// The status.
        found: u16,
    },
    /// The server wants fewer requests.
    #[error("http status: expected 200, found too many requests (retry after {retry_after_seconds:?} s)")]
    RateLimited {
        /// How long it wants none, as far as it says so.
        retry_after_seconds: Option<u64>,
    },
    /// The answer is no JSON at all (a web page, perhaps).
    #[error("answer: expected json, found {found:?}")]
    NotJson {
        /// How it begins.
        found: String,
    },
    /// The answer is JSON, but no JSON-RPC answer.
    #[error("answer: expected a json-rpc 2.0 answer, found {found}")]
    Malformed {
        /// What is wrong.
        found: String,
    },
    /// The answer is to another question.
    #[error("id: expected {expected}, found {found}")]
    WrongId {
        /// The request's.
        expected: u64,
        /// The answer's.
        found: String,
    },
    /// A batch was not answered in full.
    #[error("batch: expected {expected} answers, found {found}")]
    BatchLength {
        /// The requests sent.
        expected: usize,
        /// The answers received.
        found: usize,
    },
    /// A part of the answer has the wrong form.
    #[error("{field}: expected {expected}, found {found}")]
    Shape {
        /// The part.
        field: &'static str,
        /// Its form.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The node has nothing to show yet of what it says that there is: it is still at work on it.
    #[error("{field}: found nothing yet")]
    NotYet {
        /// What was asked for.
        field: &'static str,
    },
    /// A packet that a router sent and that no relayer can carry. The node is not to blame.
    #[error("{field}: expected {expected}, found {found}")]
    Unfit {
        /// What it is about.
        field: &'static str,
        /// What a packet must be to be carried.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The node is one of another chain.
    #[error("chain id: expected {expected}, found {found}")]
    WrongChain {
        /// As configured.
        expected: String,
        /// As the node says.
        found: String,
    },
    /// The node refused or failed, and said so.
    #[error("node error {code}: {message}")]
    Node {
        /// JSON-RPC error code.
        code: i64,
        /// The node's words, cut and cleaned: for people only.
        message: String,
        /// What a reverting call returned.
        data: Option<Vec<u8>>,
    },
}

impl RpcError {
    /// Whether a node's error is about the node and says nothing of the call that it was asked to make: it is busy, or
    /// does not know the method, or lacks the state.
    ///
    /// Source: EIP-1474, "Error codes"; the codes of HTTP are used by providers that limit rates.
    pub fn is_the_nodes_own(&self) -> bool {
        match self {
            Self::Node { data: Some(_), .. } => false,
            Self::Node { code, .. } => {
                matches!(code, -32700 | -32600 | -32601 | -32001 | -32002 | -32007..=-32004 | 400..=599)
            }
            _ => true,
        }
    }

    /// As the relayer sees it, when the node was asked for something that it ought to have.
    pub fn into_adapter(self, endpoint: &str, operation: &'static str) -> AdapterError {
        let inconsistent = |field, expected: String, found: String| AdapterError::Inconsistent {
            endpoint: endpoint.to_owned(),
            field,
            expected,
            found,
        };
        match self {
            Self::WrongChain { expected, found } => AdapterError::Config {
                key: "chain_id",
                expected: format!("the chain id of {endpoint}, {found}"),
                found: expected,
            },
            Self::Denied { found } => AdapterError::Config {
                key: "endpoints",
                expected: format!("a key that {endpoint} accepts"),
                found: format!("http status {found}"),
            },
            Self::Shape { field, expected, found } => inconsistent(field, expected.to_owned(), found),
            Self::WrongId { expected, found } => inconsistent("id", expected.to_string(), found),
            Self::BatchLength { expected, found } => {
                inconsistent("batch", format!("{expected} answers"), found.to_string())
            }
            Self::Unfit { field, expected, found } => {
                AdapterError::Refused { operation, reason: format!("{field}: expected {expected}, found {found}") }
            }
            Self::Malformed { found } => inconsistent("answer", "a json-rpc 2.0 answer".to_owned(), found),
            source => AdapterError::Unavailable { endpoint: endpoint.to_owned(), operation, source: Box::new(source) },
        }
    }
}

/// A node's words made safe to print: one line, no control characters, cut.
pub fn printable(text: &str) -> String {
    let mut clean: String =
        text.chars().take(MAX_NODE_TEXT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_NODE_TEXT_CHARS).is_some() {
        clean.push('…');
    }
    clean
}
