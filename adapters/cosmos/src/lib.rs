//! Adapter of Tendermint and CometBFT chains: their RPC, the prover of what they store, and the transport of ibc-go chains.
//!
//! Transport and prover are independent: a chain with an EVM is read and written by `adapter-evm`, and proven here.
//!
//! | module | holds |
//! |---|---|
//! | `config` | where a chain's nodes answer |
//! | `rpc` | Tendermint RPC over the bounded JSON-RPC client, versions 0.34 to 1.0 |
//! | `chain`, `reader`, `writer` | ibc-go chains with IBC v2: `adapter::ChainReader` and `adapter::ChainWriter` |
//! | `keys` | the keys of accounts: secp256k1, Ethereum's, SM2 |
//! | `account`, `transfer` | what operators, people and tests do besides: clients, counterparties, ICS-20 |
//! | `proto` | the messages of IBC v2 |
//! | `prover` | `adapter::Prover`: updates by bisection, ICS-23 proofs, for our Router and for ibc-go as hosts |

mod account;
mod chain;
mod config;
#[cfg(test)]
#[path = "../tests/support/fake.rs"]
mod fake;
mod keys;
mod proto;
mod prover;
mod reader;
mod rpc;
mod transfer;
mod writer;

pub use account::{CosmosAccount, CosmosReceipt};
pub use adapter_json_rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
pub use adapter_keystore::{KeyError, KeySource, password_from_file};
pub use chain::{CosmosChain, CosmosConfig};
pub use config::TendermintConfig;
pub use keys::{AccountKey, KeyKind, PrefixError};
pub use prover::{ClientParams, Host, TendermintProver};
pub use reader::CosmosReader;
pub use rpc::TendermintRpc;
pub use transfer::{Transfer, TransferEncoding, voucher_denom};
pub use writer::{CosmosWriter, GasPrice, GasPriceError};
