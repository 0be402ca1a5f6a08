//! What the relayer decides. State machines of packets, paths and signers: events in, actions out. Nothing here waits,
//! fetches, stores, logs or reads a clock; time and every answer arrive as events.

mod backoff;
pub mod codec;
mod conflict;
mod event;
mod id;
mod lease;
mod limits;
mod packet;
mod passed_over;
mod path;
mod signer;
mod write;

pub use backoff::back_off_millis;
pub use conflict::{CONFLICTS_KEPT, Conflict, ConflictKind, ConflictingHeader, surplus};
pub use event::{
    Action, Alert, BatchOutcome, Call, Event, Failure, Head, HostedClient, ItemToProve, Observed, Prepared, Question,
    Submission, Task, Wanted,
};
pub use id::{BatchId, Direction, End, MAX_PATH_ID_BYTES, PathId, PathIdError, SignerId, UnixMillis};
pub use lease::{Lease, LeaseDecision, decide_lease};
pub use limits::Limits;
pub use packet::{PacketRow, PacketState, Parked, Step, Told, Waiting};
pub use passed_over::{PASSED_OVER_KEPT, PassedOver, PassedOverKind};
pub use path::{ClientReport, DirectionReport, DirectionStart, PathMachine, PathStart};
pub use signer::{
    CLOSED_NONCES_KEPT, OpenStart, SignerAction, SignerEvent, SignerMachine, SignerReport, SignerStart, SignerTask,
    TransactionOutcome,
};
pub use write::{Attempt, Bid, Evidence, EvidenceKind, Item, NonceEnd, Purpose, Trusted, Write};
