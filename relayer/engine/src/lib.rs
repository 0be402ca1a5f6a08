//! Performs what the relayer's core decides: tasks that await, around machines that do not.
//!
//! One task watches each chain's head, one drives each path's machine, one each signer's; one for each hosted client looks
//! for two blocks where there should be one. A task never waits for a
//! chain: every call of an adapter runs beside it, within a time limit, and ends in one event. What a machine wants
//! remembered is stored before anything after it is started, so that the process may be killed at any line.

mod accusation;
mod clock;
mod codec;
mod config;
mod conflict;
mod engine;
mod error;
mod forecast;
mod path_task;
mod perform;
mod resume;
mod shared;
mod signer_task;
mod status;
mod watcher;

pub use accusation::{ByHandError, ShownByHand, submit_by_hand};
pub use clock::{Clock, SystemClock};
pub use config::{EngineConfig, PathEnd, PathHandles};
pub use engine::{Engine, EngineHandle, EngineWatch};
pub use error::EngineError;
pub use resume::{Resumed, resume_stored};
pub use status::{
    ChainStatus, ClientStatus, ConflictCount, ConflictStatus, DirectionStatus, Forecast, FrozenBy, HeaderStatus,
    NodeState, Notice, PassedOverStatus, PathStatus, SignerStatus, StateCount, StatusSnapshot, StepCount, WaitingCount,
};
