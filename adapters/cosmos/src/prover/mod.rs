//! Turning claims into proofs.

mod claims;
mod evidence;
mod ibc_go;
mod params;
mod tendermint;

pub use params::{ClientParams, Host};
pub use tendermint::TendermintProver;
