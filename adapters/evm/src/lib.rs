//! Adapter of Ethereum-compatible chains.

mod abi;
mod chain;
mod config;
mod hash;
mod header;
mod keys;
mod logs;
mod prover;
mod reader;
mod rpc;
mod writer;

pub use abi::artefact::{Artefact, ImmutableError};
pub use alloy_primitives::Address;
pub use chain::EvmChain;
pub use config::{Consensus, EvmConfig, FeePolicy};
pub use keys::{Key, KeyError, KeySource, password_from_file};
pub use light_client_qbft::TrustLevel;
pub use logs::Log;
pub use prover::{ClientParams, QbftProver};
pub use reader::EvmReader;
pub use rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
pub use writer::{EvmWriter, TransactionReceipt};
