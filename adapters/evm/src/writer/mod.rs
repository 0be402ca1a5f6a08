//! Writing to a chain's Router with one signer.

pub(crate) mod estimate;
mod fees;
pub(crate) mod sign;

use crate::{
    EvmConfig, Key,
    abi::{artefact::Artefact, calls, reason, strict},
    chain::Shared,
    logs::Log,
    rpc::{Endpoint, Fields, Request, RpcError, hex_data, quantity},
};
use adapter::{AdapterError, ChainWriter, FeeBump, Message, Nonces, Outcome, SignedTransaction, TransactionHash};
use alloy_primitives::{Address, B256};
use async_trait::async_trait;
use estimate::Call;
use ethers_core::abi::{ParamType, Token};
use futures::future::join_all;
use light_client::Height;
use serde_json::{Value, json};
use sign::Unsigned;
use std::sync::{Arc, LazyLock};

/// What a transaction without calldata costs.
const PLAIN_TRANSFER_GAS: u64 = 21_000;

/// Writes to one chain's Router.
pub struct EvmWriter {
    chain: Arc<Shared>,
    router: Address,
    key: Key,
    signer: String,
}

impl EvmWriter {
    pub(crate) fn new(chain: Arc<Shared>, router: Address, key: Key) -> Self {
        let signer = key.address().to_checksum(None);
        Self { chain, router, key, signer }
    }

    fn config(&self) -> &EvmConfig {
        &self.chain.config
    }

    async fn sign_with_gas(
        &self,
        to: Option<Address>,
        data: Vec<u8>,
        nonce: u64,
        fee: FeeBump,
        gas_limit: u64,
    ) -> Result<SignedTransaction, AdapterError> {
        sign_with_gas(&self.chain, &self.key, to, data, nonce, fee, gas_limit).await
    }
}

/// Chooses the fee and signs.
pub(crate) async fn sign_with_gas(
    chain: &Shared,
    key: &Key,
    to: Option<Address>,
    data: Vec<u8>,
    nonce: u64,
    fee: FeeBump,
    gas_limit: u64,
) -> Result<SignedTransaction, AdapterError> {
    let policy = chain.config.fees;
    let fee = fees::bid(policy, fees::market(&chain.pool, policy).await?, fee)?;
    sign::sign(key, &Unsigned { chain_id: chain.config.chain_id, nonce, to, data, gas_limit, fee })
}

#[async_trait]
impl ChainWriter for EvmWriter {
    fn signer(&self) -> &str {
        &self.signer
    }

    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        let account = &hex_data(self.key.address().as_slice());
        self.chain
            .pool
            .attempt(|endpoint| async move {
                let answers = async {
                    let height = quantity("block number", &endpoint.call("eth_blockNumber", json!([])).await?)?;
                    let at = format!("{height:#x}");
                    let requests = vec![
                        Request::new("eth_getTransactionCount", json!([account, at])),
                        Request::new("eth_getBalance", json!([account, at])),
                    ];
                    let answers = endpoint.batch_all(requests).await?;
                    let [count, balance] = <[Value; 2]>::try_from(answers)
                        .map_err(|answers| RpcError::BatchLength { expected: 2, found: answers.len() })?;
                    Ok(Nonces {
                        height: Height::new(height),
                        next_final: quantity("transaction count", &count)?,
                        // More than 128 bits of money counts as all of them.
                        balance: match crate::rpc::big_quantity("balance", &balance)?.len() {
                            0..=16 => fees::amount("balance", &balance)?,
                            _ => u128::MAX,
                        },
                    })
                };
                answers.await.map_err(|e: RpcError| e.into_adapter(endpoint.label(), "nonces"))
            })
            .await
    }

    async fn sign(&self, messages: &[Message], nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        let mut calls = messages.iter().map(calls::calldata).collect::<Result<Vec<_>, _>>()?;
        let max_gas = self.config().max_gas;
        let (from, to) = (self.key.address(), Some(self.router));
        let (data, gas_limit) = match calls.pop() {
            None => {
                let reason = "expected at least one message, found none".to_owned();
                return Err(AdapterError::Refused { operation: "sign", reason });
            }
            Some(only) if calls.is_empty() => {
                let limit = estimate::limit_of_call(&self.chain.pool, Call { from, to, data: &only }, max_gas).await?;
                (only, limit)
            }
            Some(last) => {
                calls.push(last);
                let data = calls::batch(calls);
                let limit = estimate::limit_of_batch(&self.chain.pool, Call { from, to, data: &data }, max_gas).await?;
                (data, limit)
            }
        };
        self.sign_with_gas(to, data, nonce, fee, gas_limit).await
    }

    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        self.sign_with_gas(Some(self.key.address()), Vec::new(), nonce, fee, PLAIN_TRANSFER_GAS).await
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        broadcast(&self.chain, transaction).await
    }

    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        let endpoints = self.chain.pool.awake();
        let mut best = None;
        let mut failure = None;
        for endpoint in &endpoints {
            match receipt_of(endpoint, hash).await {
                Ok(Some(receipt)) => return Ok(receipt.outcome(self.router)),
                Ok(None) => match is_known(endpoint, hash).await {
                    Ok(true) => best = Some(Outcome::Pending),
                    Ok(false) => best = best.or(Some(Outcome::Unknown)),
                    Err(error) => failure = Some((endpoint, error)),
                },
                Err(error) => failure = Some((endpoint, error)),
            }
        }
        if let Some((endpoint, error)) = failure {
            self.chain.pool.judge(endpoint, &error);
            if best.is_none() {
                return Err(error);
            }
        }
        Ok(best.unwrap_or(Outcome::Unknown))
    }
}

/// Sends to every endpoint that answers: one of them may drop it, and sending twice costs nothing.
pub(crate) async fn broadcast(chain: &Shared, transaction: &SignedTransaction) -> Result<(), AdapterError> {
    let endpoints = chain.pool.awake();
    let sends = join_all(endpoints.iter().map(|endpoint| send(endpoint, transaction))).await;
    let mut refusal = None;
    let mut sent = false;
    for (endpoint, outcome) in endpoints.iter().zip(sends) {
        match outcome {
            Ok(()) => sent = true,
            Err(error) => {
                chain.pool.judge(endpoint, &error);
                if refusal.is_none() || matches!(error, AdapterError::Refused { .. }) {
                    refusal = Some(error);
                }
            }
        }
    }
    match refusal {
        Some(error) if !sent => Err(error),
        _ => Ok(()),
    }
}

/// Sends to one endpoint. Whether a refusal matters is decided by looking the transaction up, never by the refusal's
/// words: a node that has it, or has it in a block, is content with it.
async fn send(endpoint: &Endpoint, transaction: &SignedTransaction) -> Result<(), AdapterError> {
    const OPERATION: &str = "eth_sendRawTransaction";
    match endpoint.call(OPERATION, json!([hex_data(&transaction.raw)])).await {
        Ok(answer) => {
            let found = crate::rpc::fixed::<32>("transaction hash", &answer)
                .map_err(|e| e.into_adapter(endpoint.label(), OPERATION))?;
            if found == transaction.hash.0 {
                return Ok(());
            }
            Err(AdapterError::Inconsistent {
                endpoint: endpoint.label().to_owned(),
                field: "transaction hash",
                expected: transaction.hash.to_string(),
                found: TransactionHash(found).to_string(),
            })
        }
        Err(error) if error.is_the_nodes_own() => Err(error.into_adapter(endpoint.label(), OPERATION)),
        Err(RpcError::Node { message, .. }) => {
            if is_known(endpoint, transaction.hash).await? {
                return Ok(());
            }
            Err(AdapterError::Refused { operation: OPERATION, reason: message })
        }
        Err(other) => Err(other.into_adapter(endpoint.label(), OPERATION)),
    }
}

async fn is_known(endpoint: &Endpoint, hash: TransactionHash) -> Result<bool, AdapterError> {
    const OPERATION: &str = "eth_getTransactionByHash";
    let work = async {
        let answer = endpoint.call(OPERATION, json!([hash.to_string()])).await?;
        if answer.is_null() {
            return Ok(false);
        }
        check_hash(&Fields::of("transaction", &answer)?, "hash", hash)?;
        Ok(true)
    };
    work.await.map_err(|e: RpcError| e.into_adapter(endpoint.label(), OPERATION))
}

/// A transaction receipt, as a node tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionReceipt {
    /// The transaction.
    pub hash: TransactionHash,
    /// The block's height.
    pub height: Height,
    /// Whether it succeeded as a whole.
    pub success: bool,
    /// Gas used.
    pub gas_used: u64,
    /// The contract created, if it created one.
    pub contract: Option<Address>,
    /// Its logs.
    pub logs: Vec<Log>,
}

impl TransactionReceipt {
    fn outcome(self, router: Address) -> Outcome {
        let failed_items = self.logs.iter().filter(|log| log.address == router).filter_map(failed_item).collect();
        Outcome::Included { height: self.height, success: self.success, gas_used: self.gas_used, failed_items }
    }
}

/// Asks one endpoint for a transaction receipt; `None` when it has none (yet).
pub(crate) async fn receipt_of(
    endpoint: &Endpoint,
    hash: TransactionHash,
) -> Result<Option<TransactionReceipt>, AdapterError> {
    const OPERATION: &str = "eth_getTransactionReceipt";
    let work = async {
        let answer = endpoint.call(OPERATION, json!([hash.to_string()])).await?;
        if answer.is_null() {
            return Ok(None);
        }
        let fields = Fields::of("transaction receipt", &answer)?;
        // Some nodes answer for a transaction that still waits, without a block.
        if fields.optional("blockNumber").is_none() {
            return Ok(None);
        }
        check_hash(&fields, "transactionHash", hash)?;
        let success = match fields.quantity("status")? {
            0 => false,
            1 => true,
            other => {
                return Err(RpcError::Shape { field: "status", expected: "0x0 or 0x1", found: other.to_string() });
            }
        };
        let contract = fields.optional("contractAddress").map(|v| crate::rpc::fixed::<20>("contractAddress", v));
        Ok(Some(TransactionReceipt {
            hash,
            height: Height::new(fields.quantity("blockNumber")?),
            success,
            gas_used: fields.quantity("gasUsed")?,
            contract: contract.transpose()?.map(Address::from),
            logs: Log::read_all("logs", fields.required("logs")?)?,
        }))
    };
    work.await.map_err(|e: RpcError| e.into_adapter(endpoint.label(), OPERATION))
}

fn check_hash(fields: &Fields<'_>, field: &'static str, hash: TransactionHash) -> Result<(), RpcError> {
    let found = TransactionHash(fields.fixed::<32>(field)?);
    if found == hash {
        return Ok(());
    }
    Err(RpcError::Shape { field, expected: "the hash asked for", found: found.to_string() })
}

/// The item that a `BatchItemFailed` log tells of.
fn failed_item(log: &Log) -> Option<(usize, String)> {
    static EVENT: LazyLock<Option<B256>> = LazyLock::new(|| Artefact::router().event_hash("BatchItemFailed"));
    if EVENT.is_none() || log.topic(0) != *EVENT {
        return None;
    }
    let values = strict::tokens("BatchItemFailed", &[ParamType::Uint(256), ParamType::Bytes], &log.data).ok()?;
    match values.as_slice() {
        [Token::Uint(index), Token::Bytes(data)] if index.bits() <= 32 => {
            Some((usize::try_from(index.low_u32()).ok()?, reason::of_revert(data)))
        }
        _ => None,
    }
}
