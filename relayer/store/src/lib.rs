//! What the relayer remembers: the [`Store`] trait, in memory and in SQLite.

mod error;
mod memory;
mod sqlite;
mod store;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;
pub use store::{AttemptView, Guard, MAX_PAGE, PacketQuery, PacketView, Store};
