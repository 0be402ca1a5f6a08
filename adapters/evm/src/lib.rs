//! Adapter of Ethereum-compatible chains.

mod abi;
mod account;
mod chain;
mod config;
mod deploy;
mod governance;
mod hash;
mod header;
mod keys;
mod logs;
mod prover;
mod reader;
pub mod receipts;
mod rpc;
mod writer;

pub use abi::artefact::{Artefact, ImmutableError};
pub use account::{Deployed, EvmAccount};
pub use alloy_primitives::Address;
pub use chain::EvmChain;
pub use config::{Consensus, EvmConfig, FeePolicy};
pub use deploy::{chain_ref, qbft_client_code_hash, router_code_hash};
pub use governance::{Act, ActState, Governance, GovernedCall};
pub use keys::{Key, KeyError, KeySource, password_from_file};
pub use light_client_qbft::TrustLevel;
pub use logs::Log;
pub use prover::{ClientParams, QbftProver};
pub use reader::EvmReader;
pub use rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
pub use writer::{EvmWriter, TransactionReceipt};
