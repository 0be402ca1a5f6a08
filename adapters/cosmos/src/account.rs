//! One account that makes clients, registers counterparties and acts for people; the relayer's own transactions go through
//! the writer.

use crate::{
    CosmosWriter,
    chain::Shared,
    proto::{self, MsgCreateClientResponse, MsgRegisterCounterparty, MsgSendPacket, MsgSendPacketResponse},
    reader::hosted,
    writer::{Included, MSG_SEND, messages},
};
use adapter::{AdapterError, ChainWriter as _, TransactionHash, TrustedState};
use ibc_proto::{
    cosmos::{
        bank::v1beta1::MsgSend,
        base::{abci::v1beta1::TxMsgData, v1beta1::Coin},
    },
    google::protobuf::Any,
    ibc::core::client::v1::MsgCreateClient,
};
use light_client::{ClientId, Height, Payload, Sequence};
use prost::Message as _;
use prost_13::Message as _;
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
/// How often it is asked for.
const POLL_PERIOD: Duration = Duration::from_millis(100);

const CREATE_CLIENT: &str = "/ibc.core.client.v1.MsgCreateClient";
const REGISTER_COUNTERPARTY: &str = "/ibc.core.client.v2.MsgRegisterCounterparty";
const SEND_PACKET: &str = "/ibc.core.channel.v2.MsgSendPacket";

/// An account that sends one transaction after another and waits for each.
pub struct CosmosAccount {
    chain: Arc<Shared>,
    writer: CosmosWriter,
    // One transaction at a time takes a sequence and is sent. The one after the last that was.
    next_sequence: Mutex<u64>,
    // Transactions sent and waited for.
    open: AtomicUsize,
}

/// A transaction that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CosmosReceipt {
    /// Its hash.
    pub hash: TransactionHash,
    /// The height of its block.
    pub height: Height,
    /// Gas used.
    pub gas_used: u64,
}

/// Counts a transaction as waited for until it is dropped, also when nobody waits any more.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CosmosAccount {
    pub(crate) fn new(chain: Arc<Shared>, writer: CosmosWriter) -> Self {
        Self { chain, writer, next_sequence: Mutex::new(0), open: AtomicUsize::new(0) }
    }

    /// The account's address as the chain writes it.
    pub fn address(&self) -> &str {
        self.writer.signer()
    }

    /// Makes a client that trusts this state. The unbonding period is that of the followed chain's staking; no rule rests on
    /// it but that it is longer than the trusting period.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when ibc-go has no such client; as every transaction.
    pub async fn create_client(
        &self,
        trusted: &TrustedState,
        unbonding_seconds: u64,
    ) -> Result<(ClientId, CosmosReceipt), AdapterError> {
        let (client_state, consensus_state) = hosted::creation(trusted, unbonding_seconds)?;
        let message = MsgCreateClient {
            client_state: Some(messages::any(hosted::CLIENT_STATE, client_state.encode_to_vec())),
            consensus_state: Some(messages::any(hosted::CONSENSUS_STATE, consensus_state.encode_to_vec())),
            signer: self.address().to_owned(),
        };
        let message = messages::any(CREATE_CLIENT, message.encode_to_vec());
        let (receipt, answers) = self.send(vec![message]).await?;
        let answer = MsgCreateClientResponse::decode(first(&answers)).map_err(|e| odd("client", &e))?;
        Ok((ClientId::try_from(answer.client_id).map_err(|e| odd("client", &e))?, receipt))
    }

    /// Says what a client made by this account is called by the chain it follows, and where that chain keeps its
    /// commitments. It can be said once.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn register_counterparty(
        &self,
        client: &ClientId,
        counterparty: &ClientId,
        counterparty_prefix: &[Vec<u8>],
    ) -> Result<CosmosReceipt, AdapterError> {
        let message = MsgRegisterCounterparty {
            client_id: client.to_string(),
            counterparty_merkle_prefix: counterparty_prefix.to_vec(),
            counterparty_client_id: counterparty.to_string(),
            signer: self.address().to_owned(),
        };
        Ok(self.send(vec![messages::any(REGISTER_COUNTERPARTY, message.encode_to_vec())]).await?.0)
    }

    /// Pays another account of the chain, which comes to be by this when it was none.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn pay(&self, address: &str, amount: u128, denom: &str) -> Result<CosmosReceipt, AdapterError> {
        let message = MsgSend {
            from_address: self.address().to_owned(),
            to_address: address.to_owned(),
            amount: vec![Coin { denom: denom.to_owned(), amount: amount.to_string() }],
        };
        Ok(self.send(vec![messages::any(MSG_SEND, message.encode_to_vec())]).await?.0)
    }

    /// Sends packets in one transaction, and tells their numbers.
    ///
    /// # Errors
    /// As every transaction.
    pub async fn send_packets(
        &self,
        client: &ClientId,
        timeout_seconds: u64,
        payloads: &[Payload],
    ) -> Result<(Vec<Sequence>, CosmosReceipt), AdapterError> {
        let message = |payload: &Payload| {
            let message = MsgSendPacket {
                source_client: client.to_string(),
                timeout_timestamp: timeout_seconds,
                payloads: vec![proto::payload_to_proto(payload)],
                signer: self.address().to_owned(),
            };
            messages::any(SEND_PACKET, message.encode_to_vec())
        };
        let (receipt, answers) = self.send(payloads.iter().map(message).collect()).await?;
        let sequence = |answer: &Any| {
            let answer = MsgSendPacketResponse::decode(answer.value.as_slice()).map_err(|e| odd("sequence", &e))?;
            Sequence::try_from(answer.sequence).map_err(|e| odd("sequence", &e))
        };
        Ok((answers.iter().map(sequence).collect::<Result<_, _>>()?, receipt))
    }

    /// Sends messages in one transaction, and waits until it is in a block.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] with the chain's reason when it fails; [`AdapterError::Unavailable`] when it is not in a
    /// block in three minutes (it may still come).
    async fn send(&self, messages: Vec<Any>) -> Result<(CosmosReceipt, Vec<Any>), AdapterError> {
        let (hash, _open) = {
            let mut next_sequence = self.next_sequence.lock().await;
            let told = self.writer.sequence().await?;
            // The chain counts what is in a block. Without a transaction that is waited for its word is all there is: what
            // a node has dropped leaves no gap.
            let waiting = self.open.load(Ordering::Relaxed) > 0;
            let sequence = if waiting { told.max(*next_sequence) } else { told };
            let signed = self.writer.sign_any(messages, sequence).await?;
            self.writer.broadcast(&signed).await?;
            *next_sequence = sequence.saturating_add(1);
            self.open.fetch_add(1, Ordering::Relaxed);
            (signed.hash, Open(&self.open))
        };
        let included = self.wait(hash).await?;
        if let Some(failure) = included.failure {
            return Err(AdapterError::Refused { operation: "transaction", reason: format!("{hash}: {failure}") });
        }
        let answers = TxMsgData::decode(included.data.as_slice()).map_err(|e| odd("data", &e))?.msg_responses;
        let height = self.chain.height(included.block);
        Ok((CosmosReceipt { hash, height, gas_used: included.gas_used }, answers))
    }

    async fn wait(&self, hash: TransactionHash) -> Result<Included, AdapterError> {
        let deadline = Instant::now() + INCLUSION_TIMEOUT;
        loop {
            match self.writer.included(hash).await {
                Ok(Some(included)) => return Ok(included),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Ok(None) if Instant::now() >= deadline => {
                    return Err(AdapterError::Unavailable {
                        endpoint: format!("chain {}", self.chain.chain_id()),
                        operation: "inclusion",
                        source: format!("{hash} is in no block after {} s", INCLUSION_TIMEOUT.as_secs()).into(),
                    });
                }
                Ok(None) | Err(_) => tokio::time::sleep(POLL_PERIOD).await,
            }
        }
    }
}

fn first(answers: &[Any]) -> &[u8] {
    answers.first().map_or(&[], |answer| answer.value.as_slice())
}

fn odd(field: &'static str, found: &dyn std::fmt::Display) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: "transaction".to_owned(),
        field,
        expected: "what the message returns".to_owned(),
        found: adapter_json_rpc::printable(&found.to_string()),
    }
}
