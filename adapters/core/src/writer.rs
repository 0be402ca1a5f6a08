use crate::{AdapterError, Message};
use async_trait::async_trait;
use light_client::Height;
use std::fmt;

/// The hash by which a chain names a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionHash(pub [u8; 32]);

impl fmt::Display for TransactionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TransactionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionHash({self})")
    }
}

/// The signer's transaction counters on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonces {
    /// The height it was read at.
    pub height: Height,
    /// The first nonce not yet in a final block.
    pub next_final: u64,
    /// The signer's funds in the chain's smallest unit, saturated.
    pub balance: u128,
}

/// What the signer offers for a transaction, in the chain's smallest unit per unit of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeBid {
    /// One price (may be 0).
    Legacy {
        /// The price.
        gas_price: u128,
    },
    /// EIP-1559.
    Dynamic {
        /// The most that is paid in all.
        max_fee: u128,
        /// The most that is paid to the proposer.
        max_priority_fee: u128,
    },
}

/// How to choose the fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeBump {
    /// What the chain asks for now.
    First,
    /// Enough to replace a transaction of the same nonce that bid this, within the configured ceiling.
    Replace(FeeBid),
}

/// A transaction, signed and not yet sent: stored before it is first broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// Its hash.
    pub hash: TransactionHash,
    /// Its bytes, as broadcast.
    pub raw: Vec<u8>,
    /// The nonce it uses.
    pub nonce: u64,
    /// What it bids.
    pub fee: FeeBid,
    /// The most gas it may use.
    pub gas_limit: u64,
}

/// What became of a transaction, as a node tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The node does not know it.
    Unknown,
    /// It waits.
    Pending,
    /// It is in a final block.
    Included {
        /// The block's height.
        height: Height,
        /// Whether it succeeded as a whole.
        success: bool,
        /// Gas used.
        gas_used: u64,
        /// The items of its batch that failed, with the decoded reason.
        failed_items: Vec<(usize, String)>,
    },
}

/// Writes to a chain's Router with one signer.
#[async_trait]
pub trait ChainWriter: Send + Sync {
    /// The signer's account, in the chain's own notation.
    fn signer(&self) -> &str;

    /// The signer's counters. Nonces come from here and from the outbox, never from an error's text.
    async fn nonces(&self) -> Result<Nonces, AdapterError>;

    /// Builds and signs one transaction that makes the calls in order as one batch (a single call goes as it is).
    /// Estimates gas first: calls that would all fail are [`AdapterError::Refused`]. Sends nothing.
    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError>;

    /// Signs the calls of a transaction of this signer again, with a bid that replaces `replaced`; `raw` is its bytes as
    /// broadcast. Estimates gas as [`ChainWriter::sign`] does. Sends nothing.
    ///
    /// # Errors
    /// [`AdapterError::Inconsistent`] when the bytes are not a transaction of this chain with this nonce.
    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError>;

    /// Signs a transaction that does nothing and takes up `nonce`, to free a signer whose transaction lost its purpose.
    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError>;

    /// Sends the bytes. Sending what the node has already is a success.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError>;

    /// What became of a transaction. A claim; a step is done only when its effect is proven.
    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError>;
}
