//! The relayer's window: a page, JSON, live events, metrics and a health check. It only shows; nothing here changes
//! anything, and nothing shown is secret.
//!
//! | route | answer |
//! |---|---|
//! | `/` | the page: one document without external resources |
//! | `/api/status` | [`StatusReport`] as JSON |
//! | `/api/packets?path=&direction=&state=&waiting=&pending=&before=&limit=` | [`PacketReport`]s, newest first |
//! | `/api/packets/{path}/{direction}/{sequence}` | one [`PacketReport`] with its transactions |
//! | `/api/events` | the same as server-sent events, whenever something changed |
//! | `/metrics` | Prometheus text; the names are in [`metrics`] |
//! | `/healthz` | 200 while the engine runs and every chain answers, 503 otherwise, with the reasons |
//!
//! A binary that knows more than packets adds an [`Extension`]: its section of the page, its data, its routes.

mod backend;
mod connections;
mod error;
mod events;
mod extension;
mod host;
pub mod metrics;
mod packets;
mod page;
mod report;
mod routes;
mod server;
mod turns;

pub use backend::Backend;
pub use connections::{MAX_CONNECTIONS, MAX_QUIET};
pub use error::ApiError;
pub use events::MAX_EVENT_STREAMS;
pub use extension::{Extension, Section};
pub use packets::{MAX_PACKETS, PacketReport, StepReport, TransactionReport};
pub use report::{ChainFacts, GovernanceFacts, PendingAct, QuorumFacts, StatusReport, ValidatorFacts};
pub use server::{Api, ApiConfig};
pub use turns::MAX_QUESTIONS;
