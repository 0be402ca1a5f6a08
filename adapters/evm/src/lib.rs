//! Adapter of Ethereum-compatible chains.

mod config;
mod keys;
mod rpc;

pub use config::{Consensus, EvmConfig, FeePolicy};
pub use keys::{Key, KeyError, KeySource, password_from_file};
pub use rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
