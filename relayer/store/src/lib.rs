//! What the relayer remembers: the [`Store`] trait, in memory and in SQLite.
//!
//! A machine's changes come as one list of [`relayer_core::Write`]s, applied as a whole or not at all, under a lease
//! whose fence is checked in the same transaction. What is read at the start grows with the unsettled packets only.

mod error;
mod memory;
mod sqlite;
mod store;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use store::{AttemptView, Guard, MAX_PAGE, PacketQuery, PacketView, Store};
