//! Adapter of Ethereum-compatible chains: reader, writer and prover over one set of JSON-RPC endpoints, and what it takes
//! to deploy and govern the contracts.
//!
//! ```no_run
//! use adapter_evm::{ClientParams, EndpointConfig, EvmChain, EvmConfig, Key, KeySource, password_from_file};
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = EvmConfig::new(1337, vec![EndpointConfig::new("http://127.0.0.1:8545")]);
//! config.router = Some("0x00000000000000000000000000000000000000aa".parse()?);
//! let chain = EvmChain::connect(config).await?; // every endpoint is checked to be of chain 1337
//! let key = Key::load(&KeySource::Keystore("relayer.json".into()), |_| password_from_file("password".as_ref()))?;
//! let (reader, writer) = (chain.reader()?, chain.writer(key)?);
//! let prover = chain.prover(ClientParams::default())?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `abi` | calls, events and errors of the contracts, from the committed artefacts |
//! | `header`, `logs` | what nodes say of blocks and events, checked for what can be checked alone |
//! | `reader`, `writer`, `prover` | the three traits of `adapter` |
//! | `clients` | the kinds of client contract: deploying, predicting and reading them |
//! | `keys` | the keys of accounts |
//! | `account`, `deploy`, `governance`, [`receipts`] | what operators, the demo and the tests do besides |
//!
//! `ethers` encodes and signs, in this crate only; everything that is hashed or verified goes through `alloy` and the
//! light clients' own crates.

mod abi;
mod account;
mod chain;
mod clients;
mod config;
mod deploy;
mod governance;
mod header;
mod keys;
mod logs;
mod prover;
mod reader;
pub mod receipts;
mod writer;

use adapter_json_rpc as rpc;

pub use abi::artefact::{Artefact, ImmutableError};
pub use account::{Deployed, EvmAccount};
pub use adapter_json_rpc::{EndpointConfig, EndpointReport, RpcError, RpcLimits};
pub use adapter_keystore::{KeyError, KeySource, password_from_file};
pub use alloy_primitives::Address;
pub use chain::EvmChain;
pub use clients::{ContractCode, client_code};
pub use config::{Consensus, EvmConfig, FeePolicy};
pub use deploy::{
    bridge_code_hash, chain_ref, governance_code_hash, ledger_code_hash, router_code_hash, tendermint_chain_ref,
};
pub use governance::{Act, ActState, Governance, GovernedCall};
pub use keys::Key;
pub use light_client_qbft::TrustLevel;
pub use logs::Log;
pub use prover::{ClientParams, QbftProver};
pub use reader::EvmReader;
pub use writer::{EvmWriter, TransactionReceipt};
