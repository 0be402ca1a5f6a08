//! Writing to a chain's Router with one signer.

pub(crate) mod estimate;
pub(crate) mod fees;
pub(crate) mod sign;

use crate::{
    EvmConfig, Key,
    abi::{artefact::Artefact, calls, packet::MAX_EVENT_BYTES, reason, strict},
    chain::Shared,
    logs::Log,
    rpc::{Endpoint, Fields, Request, RpcError, bytes, fixed, hex_data, quantity},
};
use adapter::{
    AdapterError, ChainWriter, FeeBid, FeeBump, Message, Nonces, Outcome, SignedTransaction, TransactionHash,
};
use alloy_primitives::{Address, B256};
use async_trait::async_trait;
use estimate::Call;
use ethers_core::abi::{ParamType, Token};
use futures::future::join_all;
use light_client::Height;
use serde::Deserialize;
use serde_json::{Value, json};
use sign::Unsigned;
use std::sync::{Arc, LazyLock};
use tokio::sync::Mutex;

/// What a transaction without calldata costs.
const PLAIN_TRANSFER_GAS: u64 = 21_000;

/// Writes to one chain's Router.
pub struct EvmWriter {
    chain: Arc<Shared>,
    router: Address,
    key: Key,
    signer: String,
    // Held while a transaction is handed to nodes that refuse one whose nonce comes too early.
    sending: Mutex<()>,
}

impl EvmWriter {
    pub(crate) fn new(chain: Arc<Shared>, router: Address, key: Key) -> Self {
        let signer = key.address().to_checksum(None);
        Self { chain, router, key, signer, sending: Mutex::new(()) }
    }

    fn config(&self) -> &EvmConfig {
        &self.chain.config
    }

    /// Estimates the gas of calls of the Router and signs them.
    async fn sign_calls(&self, data: Vec<u8>, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        let (pool, max_gas) = (&self.chain.pool, self.config().max_gas);
        let call = Call { from: self.key.address(), to: Some(self.router), data: &data };
        let gas_limit = if calls::is_batch(&data) {
            estimate::limit_of_batch(pool, call, max_gas).await?
        } else {
            estimate::limit_of_call(pool, call, max_gas).await?
        };
        self.sign_with_gas(Some(self.router), data, nonce, fee, gas_limit).await
    }

    async fn nonces_at(&self, endpoint: &Endpoint) -> Result<Nonces, RpcError> {
        let account = hex_data(self.key.address().as_slice());
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
            height: self.config().height(height),
            next_final: quantity("transaction count", &count)?,
            // More than 128 bits of money counts as all of them.
            balance: match crate::rpc::big_quantity("balance", &balance)?.len() {
                0..=16 => fees::amount("balance", &balance)?,
                _ => u128::MAX,
            },
        })
    }

    /// What one endpoint tells of a transaction; `None` when it knows it not.
    async fn told_of(&self, endpoint: &Endpoint, hash: TransactionHash) -> Result<Option<Outcome>, AdapterError> {
        if let Some(outcome) = outcome_of(self.config(), endpoint, hash, self.router).await? {
            return Ok(Some(outcome));
        }
        Ok(match whereabouts(endpoint, hash).await? {
            Whereabouts::Unknown => None,
            Whereabouts::Waiting | Whereabouts::InBlock => Some(Outcome::Pending),
        })
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

    /// Those of the endpoint in the middle by the count: a count that a node has made up would have transactions signed that
    /// never come to be.
    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        let ask = |endpoint: Arc<Endpoint>| async move {
            self.nonces_at(&endpoint).await.map_err(|e| e.into_adapter(endpoint.label(), "nonces"))
        };
        self.chain.pool.middle(ask, |nonces| nonces.next_final).await
    }

    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError> {
        let calls = messages.iter().map(calls::calldata).collect::<Result<Vec<_>, _>>()?;
        if calls.is_empty() {
            let reason = "expected at least one message, found none".to_owned();
            return Err(AdapterError::Refused { operation: "sign", reason });
        }
        let data = match <[Vec<u8>; 1]>::try_from(calls) {
            Ok([only]) => only,
            Err(several) => calls::batch(several),
        };
        self.sign_calls(data, nonce, FeeBump::First).await
    }

    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError> {
        let data = sign::data_of(raw, self.config().chain_id, nonce, self.router)?;
        self.sign_calls(data, nonce, FeeBump::Replace(replaced)).await
    }

    async fn sign_cancel(&self, nonce: u64, fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        self.sign_with_gas(Some(self.key.address()), Vec::new(), nonce, fee, PLAIN_TRANSFER_GAS).await
    }

    /// Where nodes refuse a nonce that comes too early, one transaction is sent after another, in the order of the calls.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        let keeps_early = self.config().consensus.keeps_early_nonces();
        let _turn = if keeps_early { None } else { Some(self.sending.lock().await) };
        broadcast(&self.chain, transaction).await
    }

    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        let mut best = None;
        let mut failure = None;
        for endpoint in self.chain.pool.awake() {
            match self.chain.pool.watch(&endpoint, self.told_of(&endpoint, hash)).await {
                Ok(Some(outcome @ Outcome::Included { .. })) => return Ok(outcome),
                Ok(Some(outcome)) => best = Some(outcome),
                Ok(None) => best = best.or(Some(Outcome::Unknown)),
                Err(error) => failure = Some(error),
            }
        }
        match (best, failure) {
            (None, Some(error)) => Err(error),
            (best, _) => Ok(best.unwrap_or(Outcome::Unknown)),
        }
    }
}

/// Sends to every endpoint that answers: one of them may drop it, and sending twice costs nothing.
pub(crate) async fn broadcast(chain: &Shared, transaction: &SignedTransaction) -> Result<(), AdapterError> {
    let endpoints = chain.pool.awake();
    let hand_over = |endpoint: &Arc<Endpoint>| {
        let endpoint = Arc::clone(endpoint);
        async move { chain.pool.watch(&endpoint, send(&endpoint, transaction)).await }
    };
    let mut refusal = None;
    let mut sent = false;
    for outcome in join_all(endpoints.iter().map(hand_over)).await {
        match outcome {
            Ok(()) => sent = true,
            Err(error) if refusal.is_none() || matches!(error, AdapterError::Refused { .. }) => refusal = Some(error),
            Err(_) => {}
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
        Err(RpcError::Node { message, .. }) => match whereabouts(endpoint, transaction.hash).await? {
            Whereabouts::Unknown => Err(AdapterError::Refused { operation: OPERATION, reason: message }),
            Whereabouts::Waiting | Whereabouts::InBlock => Ok(()),
        },
        Err(other) => Err(other.into_adapter(endpoint.label(), OPERATION)),
    }
}

/// Where a node has a transaction.
enum Whereabouts {
    Unknown,
    Waiting,
    InBlock,
}

async fn whereabouts(endpoint: &Endpoint, hash: TransactionHash) -> Result<Whereabouts, AdapterError> {
    const OPERATION: &str = "eth_getTransactionByHash";
    let work = async {
        let answer = endpoint.call(OPERATION, json!([hash.to_string()])).await?;
        if answer.is_null() {
            return Ok(Whereabouts::Unknown);
        }
        let fields = Fields::of("transaction", &answer)?;
        check_hash("hash", fields.fixed("hash")?, hash)?;
        let in_block = fields.optional("blockNumber").is_some();
        Ok(if in_block { Whereabouts::InBlock } else { Whereabouts::Waiting })
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

/// What is read of a transaction receipt to tell what became of a batch; most of its logs are of no interest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeFields {
    #[serde(default)]
    transaction_hash: Value,
    #[serde(default)]
    block_number: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    gas_used: Value,
    logs: Vec<LogFields>,
}

#[derive(Deserialize)]
struct LogFields {
    #[serde(default)]
    address: Value,
    topics: Vec<Value>,
    #[serde(default)]
    data: Value,
}

/// Whether a node is to be asked for a receipt: where it would be long in saying that there is none, only once it says that
/// the transaction is in a block.
async fn may_have_receipt(
    config: &EvmConfig,
    endpoint: &Endpoint,
    hash: TransactionHash,
) -> Result<bool, AdapterError> {
    if config.consensus.denies_receipts_at_once() {
        return Ok(true);
    }
    Ok(matches!(whereabouts(endpoint, hash).await?, Whereabouts::InBlock))
}

/// Asks one endpoint what became of a transaction; `None` when it is in no block (yet).
async fn outcome_of(
    config: &EvmConfig,
    endpoint: &Endpoint,
    hash: TransactionHash,
    router: Address,
) -> Result<Option<Outcome>, AdapterError> {
    const OPERATION: &str = "eth_getTransactionReceipt";
    if !may_have_receipt(config, endpoint, hash).await? {
        return Ok(None);
    }
    let work = async {
        let answer = endpoint.call_for::<OutcomeFields>(OPERATION, json!([hash.to_string()])).await?;
        // Some nodes answer for a transaction that still waits, without a block.
        let Some(fields) = answer.filter(|fields| !fields.block_number.is_null()) else { return Ok(None) };
        check_hash("transactionHash", fixed("transactionHash", &fields.transaction_hash)?, hash)?;
        let mut failed_items = Vec::new();
        for log in &fields.logs {
            failed_items.extend(failed_item(log, router)?);
        }
        Ok(Some(Outcome::Included {
            height: config.height(quantity("blockNumber", &fields.block_number)?),
            success: is_success(quantity("status", &fields.status)?)?,
            gas_used: quantity("gasUsed", &fields.gas_used)?,
            failed_items,
        }))
    };
    work.await.map_err(|e: RpcError| e.into_adapter(endpoint.label(), OPERATION))
}

fn is_success(status: u64) -> Result<bool, RpcError> {
    match status {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(RpcError::Shape { field: "status", expected: "0x0 or 0x1", found: other.to_string() }),
    }
}

/// Asks one endpoint for a transaction receipt; `None` when it has none (yet).
pub(crate) async fn receipt_of(
    config: &EvmConfig,
    endpoint: &Endpoint,
    hash: TransactionHash,
) -> Result<Option<TransactionReceipt>, AdapterError> {
    const OPERATION: &str = "eth_getTransactionReceipt";
    if !may_have_receipt(config, endpoint, hash).await? {
        return Ok(None);
    }
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
        check_hash("transactionHash", fields.fixed("transactionHash")?, hash)?;
        let success = is_success(fields.quantity("status")?)?;
        let contract = fields.optional("contractAddress").map(|v| crate::rpc::fixed::<20>("contractAddress", v));
        Ok(Some(TransactionReceipt {
            hash,
            height: config.height(fields.quantity("blockNumber")?),
            success,
            gas_used: fields.quantity("gasUsed")?,
            contract: contract.transpose()?.map(Address::from),
            logs: Log::read_all("logs", fields.required("logs")?)?,
        }))
    };
    work.await.map_err(|e: RpcError| e.into_adapter(endpoint.label(), OPERATION))
}

fn check_hash(field: &'static str, found: [u8; 32], hash: TransactionHash) -> Result<(), RpcError> {
    let found = TransactionHash(found);
    if found == hash {
        return Ok(());
    }
    Err(RpcError::Shape { field, expected: "the hash asked for", found: found.to_string() })
}

/// The item that a `BatchItemFailed` log of the Router tells of.
fn failed_item(log: &LogFields, router: Address) -> Result<Option<(usize, String)>, RpcError> {
    static EVENT: LazyLock<Option<B256>> = LazyLock::new(|| Artefact::router().event_hash("BatchItemFailed"));
    let topic = log.topics.first().map(|topic| fixed::<32>("topics", topic)).transpose()?.map(B256::from);
    if EVENT.is_none() || topic != *EVENT || fixed::<20>("address", &log.address)? != router.into_array() {
        return Ok(None);
    }
    let data = bytes("data", &log.data, MAX_EVENT_BYTES)?;
    let Ok(values) = strict::tokens("BatchItemFailed", &[ParamType::Uint(256), ParamType::Bytes], &data) else {
        return Ok(None);
    };
    Ok(match values.as_slice() {
        [Token::Uint(index), Token::Bytes(data)] if index.bits() <= 32 => {
            usize::try_from(index.low_u32()).ok().map(|index| (index, reason::of_revert(data)))
        }
        _ => None,
    })
}
