//! What the relayer asks of a chain, whatever its kind: [`ChainReader`] reads claims, [`Prover`] turns claims into
//! proofs and verifies them with the chain's own light client before anyone relies on them, [`ChainWriter`] submits.
//!
//! The three are independent: a Cosmos chain with an EVM is the EVM's reader and writer with Tendermint's prover.
//! Everything here is constructed complete; there is no `init`. Every answer names the height it was read at. What a
//! reader returns is a *claim of a node*; only what a prover returns has been verified.

mod error;
mod event;
mod message;
mod prover;
mod reader;
mod stretch;
mod writer;

pub use error::{AdapterError, AdapterErrorKind};
pub use event::{GatheredEvents, MAX_EVENT_BYTES, PacketEvent};
pub use message::Message;
pub use prover::{Bootstrap, ChainHeader, Plan, Prover, ServedHeader, TrustedState, VerifiedProof, VerifiedUpdate};
pub use reader::{At, ChainReader, Difference, Head, HostedClient, StoredStates, Submitted};
pub use stretch::Stretch;
pub use writer::{ChainWriter, FeeBid, FeeBump, Nonces, Outcome, SignedTransaction, TransactionHash};
