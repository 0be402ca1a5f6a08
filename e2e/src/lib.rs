//! Scenarios across whole chains, and what they stand on.
//!
//! [`node`] starts the independent node: go-ethereum with QBFT headers. [`cosmos`] starts networks of real nodes of the
//! Cosmos family. Both are built from the recipes in `nodes/` by [`recipe`]. [`program`] builds and drives `lighterman`,
//! the program under test. [`wait`] waits for conditions, never for a time. Everything here blocks: a scenario drives
//! processes from outside, as an operator would, and shares no runtime with them.

pub mod cosmos;
pub mod json_rpc;
pub mod node;
pub mod program;
pub mod recipe;
pub mod wait;
