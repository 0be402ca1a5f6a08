//! What the relayer remembers: the [`Store`] trait, in memory and in SQLite.

mod error;
mod memory;
mod store;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use store::{AttemptView, Guard, MAX_PAGE, PacketQuery, PacketView, Store};
