//! Errors of the chain and of its store, and the refusals of a transaction in go-ethereum's words.

use std::io;
use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};
use thiserror::Error;

/// Why the chain cannot be built, or cannot make a block.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Fewer validators than the quorum are online.
    #[error("chain is halted: expected at least {quorum} validators online, found {online}")]
    Halted {
        /// Online validators of the set.
        online: usize,
        /// Seals a block needs.
        quorum: usize,
    },
    /// Not more than two thirds of the power are online.
    #[error("chain is halted: expected more than two thirds of the power {total} online, found {online}")]
    PowerOffline {
        /// Power of the online validators of the set.
        online: u64,
        /// Power of the whole set.
        total: u64,
    },
    /// A power that no validator can have.
    #[error("power out of range: expected at most {maximum}, found {found}")]
    Power {
        /// The greatest.
        maximum: u64,
        /// What was asked for.
        found: u64,
    },
    /// The clock is beyond the year 9999, which no header of Tendermint can hold.
    #[error("clock is too far ahead: expected at most {limit} s, found {now} s")]
    ClockTooFar {
        /// The last second.
        limit: u64,
        /// Time given, seconds.
        now: u64,
    },
    /// What was asked for belongs to another consensus.
    #[error("expected a chain under {expected}")]
    OtherConsensus {
        /// The consensus that has it.
        expected: &'static str,
    },
    /// The clock is behind the latest header, and a header never runs ahead of the clock.
    #[error("clock is behind the latest header: expected at least {parent} s, found {now} s")]
    ClockBehind {
        /// Time of the latest header, seconds.
        parent: u64,
        /// Time given, seconds.
        now: u64,
    },
    /// No key of that address is known, so it can be neither online nor offline.
    #[error("no key of validator {address}")]
    UnknownValidator {
        /// The address asked for.
        address: Address,
    },
    /// A forged header was asked for at a height that does not exist.
    #[error("unknown block: expected at most {latest}, found {number}")]
    UnknownBlock {
        /// Latest height.
        latest: u64,
        /// Height asked for.
        number: u64,
    },
    /// Extra data that is not QBFT's.
    #[error("extra data malformed: {source}")]
    ExtraData {
        /// What the RLP decoder found.
        source: alloy_rlp::Error,
    },
    /// A setting outside its range.
    #[error("{field} out of range: expected {expected}, found {found}")]
    Config {
        /// Name of the setting.
        field: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The folder holds another chain (other id, keys, genesis state, fork or epoch).
    #[error("folder {folder} holds another chain: expected genesis {expected}, found {found}")]
    OtherChain {
        /// The folder.
        folder: PathBuf,
        /// Identity of the chain asked for.
        expected: B256,
        /// Identity of the chain stored.
        found: B256,
    },
    /// The folder's log is not ours, or of another version.
    #[error("folder {folder} holds no block log of this version: expected {expected:02x?}, found {found:02x?}")]
    LogHeader {
        /// The folder.
        folder: PathBuf,
        /// The first bytes of a log.
        expected: [u8; 8],
        /// The first bytes found.
        found: Vec<u8>,
    },
    /// Another process runs on the folder.
    #[error("folder {folder} is in use by another process")]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A record that is not at the end fails its checksum.
    #[error("block log {file} is corrupt at byte {offset}: expected checksum {expected:016x}, found {found:016x}")]
    CorruptLog {
        /// The log.
        file: PathBuf,
        /// Where the record starts.
        offset: u64,
        /// Stored checksum.
        expected: u64,
        /// Computed checksum.
        found: u64,
    },
    /// A stored block does not follow from the one before it.
    #[error("stored block {number} does not replay: {field} expected {expected}, found {found}")]
    Replay {
        /// Height.
        number: u64,
        /// What differs.
        field: &'static str,
        /// As computed now.
        expected: String,
        /// As stored.
        found: String,
    },
    /// A stored block that does not decode.
    #[error("stored block malformed: {source}")]
    StoredBlock {
        /// What the RLP decoder found.
        source: alloy_rlp::Error,
    },
    /// The folder or a file in it cannot be read or written.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An earlier write failed and could not be taken back: what is on disk is unknown, so no more blocks are made until a restart.
    #[error("block log is closed after a failed write that could not be taken back; restart the chain")]
    LogClosed,
    /// The server cannot listen.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// Port asked for.
        port: u16,
        /// Why not.
        source: io::Error,
    },
}

/// Why a transaction is not taken. Texts are go-ethereum's, since tools show them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// Not an RLP transaction.
    #[error("rlp: {source}")]
    Malformed {
        /// What the decoder found.
        source: alloy_rlp::Error,
    },
    /// The type is not part of this chain's fork.
    #[error("transaction type not supported: found {found}")]
    TypeNotSupported {
        /// The type byte.
        found: u8,
    },
    /// Larger than [`MAX_TRANSACTION_BYTES`](crate::MAX_TRANSACTION_BYTES).
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A signature valid on any chain.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    NotReplayProtected,
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// In the transaction.
        have: u64,
        /// Of this chain.
        want: u64,
    },
    /// The signature does not recover.
    #[error("invalid sender: invalid transaction v, r, s values")]
    Signature,
    /// Already mined nonce.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// Of the account.
        next: u64,
        /// Of the transaction.
        nonce: u64,
    },
    /// Further ahead than [`MAX_NONCE_GAP`](crate::MAX_NONCE_GAP).
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}")]
    NonceTooHigh {
        /// Of the account.
        next: u64,
        /// Of the transaction.
        nonce: u64,
    },
    /// The account cannot pay for it.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}")]
    InsufficientFunds {
        /// Of the sender, wei.
        balance: U256,
        /// Gas limit × price + value, wei.
        cost: U256,
        /// What is missing, wei.
        overshot: U256,
    },
    /// Less gas than the data alone costs.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas: u64,
        /// Least gas limit.
        needed: u64,
    },
    /// More gas than a block has.
    #[error("exceeds block gas limit: tx gas {gas}, block gas limit {limit}")]
    GasLimit {
        /// Gas limit of the transaction.
        gas: u64,
        /// Of a block.
        limit: u64,
    },
    /// Tip above the most that is offered.
    #[error("max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas {tip}, maxFeePerGas {max}")]
    TipAboveFeeCap {
        /// Tip, wei per gas.
        tip: u128,
        /// Most offered, wei per gas.
        max: u128,
    },
    /// Below the base fee, which never changes here, so it could never be mined.
    #[error("max fee per gas less than block base fee: maxFeePerGas {max}, baseFee {base}")]
    BelowBaseFee {
        /// Most offered, wei per gas.
        max: u128,
        /// Of every block, wei per gas.
        base: u64,
    },
    /// The same transaction is waiting.
    #[error("already known")]
    AlreadyKnown,
    /// Another one with that nonce waits, and this one does not pay a tenth more.
    #[error("replacement transaction underpriced: new tx gas fee cap {found} < {expected} needed")]
    ReplacementUnderpriced {
        /// Least fee cap, wei per gas.
        expected: u128,
        /// Offered, wei per gas.
        found: u128,
    },
    /// The sender is a contract.
    #[error("sender not an eoa: address {address}")]
    SenderNotEoa {
        /// The sender.
        address: Address,
    },
    /// Init code longer than the fork allows.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeSize {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No room.
    #[error("txpool is full: limit {limit} {unit}")]
    PoolFull {
        /// Most that may wait.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
}
