//! What the relayer decides. State machines of packets, paths and signers: events in, actions out. Nothing here waits,
//! fetches, stores, logs or reads a clock; time and every answer arrive as events.

mod backoff;
mod id;
mod lease;
mod limits;
mod packet;
mod write;

pub use backoff::back_off_millis;
pub use id::{BatchId, Direction, End, MAX_PATH_ID_BYTES, PathId, PathIdError, SignerId, UnixMillis};
pub use lease::{Lease, LeaseDecision, decide_lease};
pub use limits::Limits;
pub use packet::{PacketRow, PacketState, Parked, Step, Waiting};
pub use write::{Attempt, Bid, Evidence, EvidenceKind, Item, NonceEnd, Purpose, Trusted, Write};
