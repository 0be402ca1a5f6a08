//! Performs what the relayer's core decides: tasks that await, around machines that do not.
//!
//! The surface, of which this version publishes the types first:
//!
//! ```text
//! Engine::start(config: EngineConfig, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<EngineHandle, EngineError>   (async)
//! EngineHandle::status(&self) -> Arc<StatusSnapshot>
//! EngineHandle::notices(&self) -> tokio::sync::broadcast::Receiver<Notice>
//! EngineHandle::resume(&self, path: &PathId, direction: Direction, sequence: Sequence) -> bool   (async; parked packets)
//! EngineHandle::stop(self)   (async; returns when everything under way is stored)
//! ```

mod clock;
mod config;
mod status;

pub use clock::{Clock, SystemClock};
pub use config::{EngineConfig, PathEnd, PathHandles};
pub use status::{
    ChainStatus, ClientStatus, DirectionStatus, NodeState, Notice, PathStatus, SignerStatus, StateCount, StatusSnapshot,
    StepCount, WaitingCount,
};
