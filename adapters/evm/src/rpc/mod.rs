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

pub use error::RpcError;
pub use pool::EndpointReport;

pub(crate) use endpoint::{Endpoint, Request};
pub(crate) use fields::{Fields, array, big_quantity, bytes, fixed, hex_data, quantity};
pub(crate) use pool::Pool;

use std::{fmt, time::Duration};

/// The greatest number of calls in one batch request; longer lists go in several.
pub(crate) const MAX_BATCH_CALLS: usize = 100;
/// The greatest number of characters kept of a text that a node sent, in errors.
pub(crate) const MAX_NODE_TEXT_CHARS: usize = 300;
/// The greatest number of endpoints of one chain.
pub(crate) const MAX_ENDPOINTS: usize = 16;

/// Where a node answers JSON-RPC. The URL may hold credentials and is never printed.
#[derive(Clone)]
pub struct EndpointConfig {
    /// `http://` or `https://`, with credentials or key in it if the node asks for them.
    pub url: String,
    /// Certificates (PEM) of private authorities that are trusted besides the public ones.
    pub authorities_pem: Option<Vec<u8>>,
}

impl EndpointConfig {
    /// An endpoint without private authorities.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), authorities_pem: None }
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
