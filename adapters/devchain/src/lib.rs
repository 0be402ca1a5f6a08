//! In-process consortium chain: a real EVM, blocks sealed by real keys under QBFT or Tendermint, served as the JSON-RPC of such chains.
//!
//! [`Chain`] is the chain without task, clock or network: submit, seal, ask. [`Rpc`] answers JSON-RPC on it, bytes in and bytes out.
//! [`Node`] runs both: it makes blocks as time passes and serves HTTP on 127.0.0.1. Simulations use the first two and step time by hand.
//!
//! ```
//! use adapter_devchain::{Chain, ChainConfig};
//! let chain = Chain::in_memory(ChainConfig::default())?;
//! let block = chain.seal_block(1_700_000_000)?;
//! assert_eq!(block.number, 1);
//! # Ok::<(), adapter_devchain::ChainError>(())
//! ```

mod chain;
mod clock;
mod config;
mod consensus;
mod error;
mod executor;
mod fault;
mod header;
mod index;
mod keys;
mod log;
mod node;
mod pool;
mod protobuf;
mod rpc;
mod server;
mod state;
mod store;
mod trie;

pub use chain::{Chain, Forgery, MAX_BLOCK_TRANSACTIONS, SealedBlock, ValidatorStatus};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{ChainConfig, Fork, GenesisAccount, MAX_ACCOUNTS, MAX_BLOCK_GAS_LIMIT};
pub use consensus::qbft::quorum;
pub use consensus::tendermint::{DEFAULT_POWER, KeyType, MAX_POWER, PowerChange, TendermintConfig};
pub use consensus::{Consensus, MAX_VALIDATORS};
pub use error::{ChainError, SubmitError};
pub use fault::{Fault, FaultRule, MAX_DELAY_MS, MAX_FAULT_RULES};
pub use header::{BFT_MIX_HASH, ExtraData, SEAL_BYTES, Vote, block_hash, commit_digest, encode_header};
pub use keys::{DevKey, KeyRole};
pub use log::LOG_FILE;
pub use node::{IDLE_PERIOD, MAX_PERIOD, Node, NodeConfig, NodeHandle, Production};
pub use pool::{MAX_NONCE_GAP, MAX_POOL_BYTES, MAX_POOL_TRANSACTIONS, MAX_TRANSACTION_BYTES};
pub use rpc::{
    MAX_BATCH_CALLS, MAX_BATCH_RESPONSE_BYTES, MAX_FEE_HISTORY_BLOCKS, MAX_KEY_BYTES, MAX_LOG_ALTERNATIVES,
    MAX_LOG_RANGE_BLOCKS, MAX_LOGS, MAX_PER_PAGE, MAX_PROOF_SLOTS, MAX_REQUEST_BYTES, MAX_REVERT_REASON_BYTES, Reply,
    Rpc, RpcError,
};
pub use server::{MAX_CONCURRENT_REQUESTS, MAX_CONNECTIONS, TENDERMINT_PATH};
