//! What the relayer remembers: the [`Store`] trait, in memory and in SQLite.

mod error;
mod store;

pub use error::StoreError;
pub use store::{
    AttemptView, DirectionRecord, Guard, MAX_PAGE, OpenNonce, PacketQuery, PacketView, PathRecord, SignerRecord, Store,
};
