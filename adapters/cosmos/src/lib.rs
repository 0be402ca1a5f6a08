//! Adapter of Tendermint and CometBFT chains: their RPC, the prover of what they store, and the transport of ibc-go chains.
//!
//! Transport and prover are independent: a chain with an EVM is read and written by `adapter-evm`, and proven here.
//!
//! | module | holds |
//! |---|---|
//! | `config` | where a chain's nodes answer |
//! | `rpc` | Tendermint RPC over the bounded JSON-RPC client, versions 0.34 to 1.0 |
//! | `prover` | `adapter::Prover`: updates by bisection, ICS-23 proofs, for our Router and for ibc-go as hosts |

mod config;

pub use adapter_json_rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
pub use config::TendermintConfig;
