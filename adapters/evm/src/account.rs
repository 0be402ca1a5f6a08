//! One account that deploys, governs and acts for people; the relayer's own transactions go through the writer.

use crate::{
    Artefact, Key,
    chain::Shared,
    reader::view::View,
    rpc::{Endpoint, hex_data, quantity},
    writer::{
        self, TransactionReceipt,
        estimate::{self, Call},
        receipt_of,
    },
};
use adapter::{AdapterError, FeeBump, TransactionHash};
use alloy_primitives::{Address, B256, keccak256};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How long a transaction is waited for.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(180);
/// How often its receipt is asked for.
const POLL_PERIOD: Duration = Duration::from_millis(100);
const MAX_CODE_BYTES: usize = 64 * 1024;

/// An account that sends one transaction after another and waits for each.
pub struct EvmAccount {
    chain: Arc<Shared>,
    key: Key,
    // One transaction at a time takes a nonce and is sent. The nonce after the last one that was.
    next_nonce: Mutex<u64>,
    // Transactions sent and waited for.
    open: AtomicUsize,
}

/// Counts a transaction as waited for until it is dropped, also when nobody waits any more.
struct Open<'a>(&'a AtomicUsize);

impl EvmAccount {
    pub(crate) fn new(chain: Arc<Shared>, key: Key) -> Self {
        Self { chain, key, next_nonce: Mutex::new(0), open: AtomicUsize::new(0) }
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Calls a contract, or creates one, and waits until the transaction is in a block.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] with the contract's reason when it reverts; [`AdapterError::Unavailable`] when it is
    /// not in a block in three minutes (it may still come).
    pub async fn send(&self, to: Option<Address>, data: Vec<u8>) -> Result<TransactionReceipt, AdapterError> {
        let (hash, _open) = {
            let mut next_nonce = self.next_nonce.lock().await;
            let call = Call { from: self.address(), to, data: &data };
            let gas_limit = estimate::limit_of_call(&self.chain.pool, call, self.chain.config.max_gas).await?;
            let parameters = json!([hex_data(self.address().as_slice()), "pending"]);
            let read = |value: &_| quantity("transaction count", value);
            let told = self.chain.pool.call("eth_getTransactionCount", parameters, read).await?;
            let nonce = nonce(told, *next_nonce, self.open.load(Ordering::Relaxed));
            let signed =
                writer::sign_with_gas(&self.chain, &self.key, to, data, nonce, FeeBump::First, gas_limit).await?;
            writer::broadcast(&self.chain, &signed).await?;
            *next_nonce = nonce.saturating_add(1);
            self.open.fetch_add(1, Ordering::Relaxed);
            (signed.hash, Open(&self.open))
        };
        let receipt = self.wait(hash).await?;
        if receipt.success {
            return Ok(receipt);
        }
        Err(AdapterError::Refused {
            operation: "transaction",
            reason: format!("{hash} reverted at height {} after {} gas", receipt.height, receipt.gas_used),
        })
    }

    /// Creates a contract.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub(crate) async fn create(&self, artefact: &Artefact, arguments: &[u8]) -> Result<Deployed, AdapterError> {
        let data = [artefact.creation_code(), arguments].concat();
        let receipt = self.send(None, data).await?;
        match receipt.contract {
            Some(address) => Ok(Deployed { address, receipt }),
            None => Err(AdapterError::Inconsistent {
                endpoint: "transaction receipt".to_owned(),
                field: "contractAddress",
                expected: "the address of the contract created".to_owned(),
                found: "none".to_owned(),
            }),
        }
    }

    async fn wait(&self, hash: TransactionHash) -> Result<TransactionReceipt, AdapterError> {
        let deadline = Instant::now() + INCLUSION_TIMEOUT;
        loop {
            let config = &self.chain.config;
            let ask = |endpoint: Arc<Endpoint>| async move { receipt_of(config, &endpoint, hash).await };
            let receipt = self.chain.pool.attempt(ask).await;
            match receipt {
                Ok(Some(receipt)) => return Ok(receipt),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Ok(None) if Instant::now() >= deadline => {
                    return Err(AdapterError::Unavailable {
                        endpoint: format!("chain {}", self.chain.config.chain_id),
                        operation: "inclusion",
                        source: format!("{hash} is in no block after {} s", INCLUSION_TIMEOUT.as_secs()).into(),
                    });
                }
                Ok(None) | Err(_) => tokio::time::sleep(POLL_PERIOD).await,
            }
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The nonce of the next transaction. A node counts what it has just accepted a moment later (go-ethereum promotes
/// transactions in the background), so that its word alone would use a nonce twice. Without a transaction that is
/// waited for its word is all there is: what a node has dropped leaves no gap.
fn nonce(told: u64, after_last: u64, open: usize) -> u64 {
    if open == 0 { told } else { told.max(after_last) }
}

/// A contract that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Its address.
    pub address: Address,
    /// The transaction.
    pub receipt: TransactionReceipt,
}

/// The keccak-256 of an account's code now, as a node says.
pub(crate) async fn code_hash(chain: &Shared, address: Address) -> Result<B256, AdapterError> {
    chain
        .pool
        .attempt(|endpoint| async move {
            let view = View::latest(&endpoint).await?;
            let parameters = json!([hex_data(address.as_slice()), format!("{:#x}", view.height)]);
            let answer = endpoint.call("eth_getCode", parameters).await;
            let code = answer.and_then(|value| crate::rpc::bytes("code", &value, MAX_CODE_BYTES));
            code.map(keccak256).map_err(|e| e.into_adapter(endpoint.label(), "eth_getCode"))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_not_used_twice_while_a_transaction_is_waited_for() {
        assert_eq!(nonce(7, 8, 1), 8, "the node does not count the last one yet");
        assert_eq!(nonce(9, 8, 1), 9, "somebody else has sent one with this key");
        assert_eq!(nonce(7, 8, 0), 7, "the node has dropped it");
    }
}
