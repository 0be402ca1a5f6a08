//! A bounded JSON-RPC client: several endpoints, one time limit for each request, one size limit for each answer, and
//! a score that keeps hanging, lagging and lying nodes at the end of the queue.
//!
//! Nothing here believes a node: an answer is only checked to be an answer (its form, its id, its chain). What it says
//! is checked by those who asked.

mod endpoint;
mod error;
mod fields;
mod pool;
mod score;

pub use endpoint::{Endpoint, Request};
pub use error::{RpcError, printable};
pub use fields::{Fields, array, big_quantity, bytes, fixed, hex_data, quantity};
pub use pool::{EndpointReport, Pool};

use serde_json::Value;
use std::{fmt, time::Duration};

/// The greatest number of calls in one batch request; longer lists go in several.
pub const MAX_BATCH_CALLS: usize = 100;
/// The greatest number of characters kept of a text that a node sent, in errors.
pub const MAX_NODE_TEXT_CHARS: usize = 300;
/// The greatest number of endpoints of one chain.
pub const MAX_ENDPOINTS: usize = 16;
/// The greatest number of headers that are sent with each request besides HTTP's own.
pub const MAX_HEADERS: usize = 16;

/// How a node is asked which chain it is of: once before it is first used, and again after it has failed.
#[derive(Clone, Debug)]
pub struct ChainQuestion {
    /// The method.
    pub method: &'static str,
    /// Its parameters.
    pub params: Value,
    /// Reads the chain's id out of the answer.
    pub read: fn(&Value) -> Result<String, RpcError>,
    /// The id that the answer must have.
    pub expected: String,
}

/// Where a node answers JSON-RPC. The URL may hold credentials and is never printed.
#[derive(Clone)]
pub struct EndpointConfig {
    /// `http://` or `https://`, with credentials or key in it if the node asks for them.
    pub url: String,
    /// Certificates (PEM) of private authorities that are trusted besides the public ones.
    pub authorities_pem: Option<Vec<u8>>,
    /// Headers that a gateway asks for, name and value; values may be keys and are never printed.
    pub headers: Vec<(String, String)>,
}

impl EndpointConfig {
    /// An endpoint without private authorities and headers.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), authorities_pem: None, headers: Vec::new() }
    }
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointConfig").field("url", &endpoint::label_of(&self.url)).finish_non_exhaustive()
    }
}

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcLimits {
    /// From asking to the last byte of the answer, waiting for a free slot included.
    pub request_timeout: Duration,
    /// The greatest answer, in bytes after decompression.
    pub max_answer_bytes: usize,
    /// Requests under way at once at one endpoint.
    pub max_concurrent_requests: usize,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            max_answer_bytes: 32 * 1024 * 1024,
            max_concurrent_requests: 16,
        }
    }
}
