//! Writing to an ibc-go chain with one account.
//!
//! A nonce is the account's sequence. A transaction of such a chain cannot be replaced by another that pays more: nodes
//! take no second one of a sequence while they hold the first. So a transaction that is stuck is signed again only when
//! something has changed, what it costs or what the chain asks for, and otherwise sent again as it is.

pub(crate) mod fees;
pub(crate) mod messages;
mod outcome;
pub(crate) mod sign;
mod simulate;

use crate::{
    chain::Shared,
    keys::AccountKey,
    rpc::{Node, Query},
};
use adapter::{
    AdapterError, ChainWriter, FeeBid, FeeBump, Message, Nonces, Outcome, SignedTransaction, TransactionHash,
};
use adapter_json_rpc::RpcError;
use async_trait::async_trait;
pub use fees::{GasPrice, GasPriceError};
use futures::future::join_all;
use ibc_proto::{
    cosmos::{
        auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse},
        bank::v1beta1::{MsgSend, QueryBalanceRequest, QueryBalanceResponse},
        base::v1beta1::Coin,
    },
    google::protobuf::Any,
};
pub(crate) use outcome::Included;
use prost::Message as _;
use prost_13::Message as _;
use sign::Unsigned;
use simulate::{IN_MEMPOOL, INSUFFICIENT_FEE, MEMPOOL_FULL, Simulated, WRONG_SEQUENCE, reason};
pub(crate) use simulate::{KEY_NOT_FOUND, SDK};
use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

/// Added to what the simulation used: the state may move before the transaction is executed.
const GAS_MARGIN_PERCENT: u64 = 30;
/// What a transaction that does nothing may use.
const CANCEL_GAS: u64 = 200_000;
pub(crate) const MSG_SEND: &str = "/cosmos.bank.v1beta1.MsgSend";
const BASE_ACCOUNT: &str = "/cosmos.auth.v1beta1.BaseAccount";

/// Writes to one ibc-go chain.
pub struct CosmosWriter {
    chain: Arc<Shared>,
    key: AccountKey,
    signer: String,
    /// The chain's number of the account, as last told. It never changes; but a node may lie about it, and no transaction
    /// that is signed with another one is taken.
    account_number: Mutex<Option<u64>>,
}

/// An account as the chain tells of it.
struct Account {
    height: u64,
    number: u64,
    sequence: u64,
}

impl CosmosWriter {
    pub(crate) fn new(chain: Arc<Shared>, key: AccountKey) -> Result<Self, AdapterError> {
        let signer = key.address(&chain.config.address_prefix).map_err(|e| AdapterError::Config {
            key: "bech32_prefix",
            expected: "the prefix of the chain's addresses".to_owned(),
            found: e.to_string(),
        })?;
        Ok(Self { chain, key, signer, account_number: Mutex::new(None) })
    }

    async fn account_number(&self) -> Result<u64, AdapterError> {
        let told = *self.account_number.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Some(number) => Ok(number),
            None => {
                let account = self.chain.rpc.attempt_by_turns(|node| async move { self.account(&node).await }).await?;
                self.keep_number(&account);
                Ok(account.number)
            }
        }
    }

    fn keep_number(&self, account: &Account) {
        *self.account_number.lock().unwrap_or_else(PoisonError::into_inner) = Some(account.number);
    }

    async fn account(&self, node: &Node) -> Result<Account, AdapterError> {
        let query = Query {
            path: "/cosmos.auth.v1beta1.Query/Account".to_owned(),
            data: QueryAccountRequest { address: self.signer.clone() }.encode_to_vec(),
            height: None,
            prove: false,
        };
        let answer = node.query(&query).await?;
        match (answer.codespace.as_str(), answer.code) {
            (_, 0) => {}
            (SDK, KEY_NOT_FOUND) => {
                return Err(AdapterError::Config {
                    key: "signer",
                    expected: format!("an account that the chain knows: send {} something", self.signer),
                    found: "none".to_owned(),
                });
            }
            (codespace, code) => {
                return Err(AdapterError::Refused {
                    operation: "account",
                    reason: reason(codespace, code, &answer.log),
                });
            }
        }
        let wrong = |expected: &str, found: &dyn Display| {
            node.inconsistent("account", expected.to_owned(), adapter_json_rpc::printable(&found.to_string()))
        };
        let response = QueryAccountResponse::decode(answer.value.as_slice()).map_err(|e| wrong("an account", &e))?;
        let account = response.account.ok_or_else(|| wrong("an account", &"none"))?;
        let base = base_account(&account).ok_or_else(|| wrong("one of a known kind", &account.type_url))?;
        if base.address != self.signer {
            return Err(wrong(&self.signer, &base.address));
        }
        Ok(Account { height: answer.height, number: base.account_number, sequence: base.sequence })
    }

    async fn balance(&self, node: &Node, height: u64) -> Result<u128, AdapterError> {
        balance(node, &self.signer, self.chain.config.gas_price.denom(), Some(height)).await
    }

    /// What is signed, apart from what it costs.
    async fn unsigned(&self, messages: Vec<Any>, sequence: u64) -> Result<Unsigned, AdapterError> {
        Ok(Unsigned {
            chain_id: self.chain.chain_id().to_string(),
            account_number: self.account_number().await?,
            sequence,
            messages,
            gas_limit: 0,
            fee: 0,
            denom: self.chain.config.gas_price.denom().to_owned(),
            bid: FeeBid::Legacy { gas_price: self.chain.config.gas_price.parts() },
        })
    }

    /// The gas limit for messages that must succeed together; `None` when no node can say, since they wait for another
    /// sequence than this one and the chain's. The nodes take turns: what is false shows only when the transaction is
    /// executed, if at all.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] when they would fail, or do nothing, or need more than may be used.
    async fn gas_limit(&self, unsigned: &Unsigned) -> Result<Option<u64>, AdapterError> {
        self.chain.rpc.attempt_by_turns(|node| async move { self.gas_limit_at(&node, unsigned).await }).await
    }

    async fn gas_limit_at(&self, node: &Node, unsigned: &Unsigned) -> Result<Option<u64>, AdapterError> {
        let simulated = self.simulate(node, unsigned).await?;
        let Simulated::Success { gas_used, responses } = simulated else { return Ok(None) };
        let refused = |reason| Err(AdapterError::Refused { operation: "simulate", reason });
        if simulate::is_redundant(&unsigned.messages, &responses) {
            return refused("expected a packet that waits for this, found none: others were first".to_owned());
        }
        let max_gas = self.chain.config.max_gas;
        if gas_used > max_gas {
            return refused(format!("expected at most {max_gas} gas (max_gas), found {gas_used}"));
        }
        Ok(Some(gas_used.saturating_add(gas_used / 100 * GAS_MARGIN_PERCENT).min(max_gas)))
    }

    /// Simulates with the sequence meant, and where the node expects another one, with that: what the messages come to is
    /// the same. It expects the one before while the transaction of that one is on its way to it, the one meant when that
    /// has arrived meanwhile, and the chain's when it has none of this account's transactions.
    async fn simulate(&self, node: &Node, unsigned: &Unsigned) -> Result<Simulated, AdapterError> {
        let with = |sequence| {
            let bytes = sign::unsigned_bytes(&self.key, &Unsigned { sequence, ..unsigned.clone() });
            simulate::simulate(node, bytes)
        };
        let meant = unsigned.sequence;
        for sequence in [Some(meant), meant.checked_sub(1), Some(meant)].into_iter().flatten() {
            let simulated = with(sequence).await?;
            if simulated != Simulated::OtherSequence {
                return Ok(simulated);
            }
        }
        with(self.account(node).await?.sequence).await
    }

    fn with_gas(&self, unsigned: Unsigned, gas_limit: u64) -> Result<Unsigned, AdapterError> {
        let price = &self.chain.config.gas_price;
        let fee = price.fee(gas_limit).ok_or_else(|| AdapterError::Config {
            key: "gas_price",
            expected: "a price at which a transaction can be paid for".to_owned(),
            found: price.to_string(),
        })?;
        Ok(Unsigned { gas_limit, fee, ..unsigned })
    }

    async fn sign_messages(&self, messages: Vec<Any>, nonce: u64) -> Result<SignedTransaction, AdapterError> {
        let unsigned = self.unsigned(messages, nonce).await?;
        let Some(gas_limit) = self.gas_limit(&unsigned).await? else {
            return Err(AdapterError::Unavailable {
                endpoint: format!("chain {}", self.chain.chain_id()),
                operation: "simulate",
                source: format!("nodes expect another sequence of {} than {nonce}", self.signer).into(),
            });
        };
        sign::sign(&self.key, &self.with_gas(unsigned, gas_limit)?)
    }

    /// The account's next sequence, in the state after the latest block.
    pub(crate) async fn sequence(&self) -> Result<u64, AdapterError> {
        self.chain.rpc.attempt(|node| async move { Ok(self.account(&node).await?.sequence) }).await
    }

    /// Signs any messages, for people's own transactions.
    pub(crate) async fn sign_any(&self, messages: Vec<Any>, nonce: u64) -> Result<SignedTransaction, AdapterError> {
        self.sign_messages(messages, nonce).await
    }

    /// The transaction in a block; `None` when no node knows of one.
    pub(crate) async fn included(&self, hash: TransactionHash) -> Result<Option<Included>, AdapterError> {
        let mut answered = false;
        let mut failure = None;
        for node in self.chain.rpc.awake() {
            match self.chain.rpc.watch(&node, outcome::of(&node, hash)).await {
                Ok(Some(included)) => return Ok(Some(included)),
                Ok(None) => answered = true,
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if !answered => Err(error),
            _ => Ok(None),
        }
    }

    /// Sends to one node. Whether a refusal matters is decided by its code and by looking the transaction up, never by its
    /// words: a node that has it, or has it in a block, is content with it.
    async fn send(&self, node: &Node, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        const OPERATION: &str = "broadcast_tx_sync";
        let answer = match node.broadcast(&transaction.raw).await {
            Ok(answer) => answer,
            Err(error @ RpcError::Node { .. }) if !error.is_the_nodes_own() => {
                // The node has it in its cache, or has no room for it, or takes none as long: all the same error.
                if outcome::of(node, transaction.hash).await?.is_some() {
                    return Ok(());
                }
                return match outcome::is_waiting(node, transaction.hash).await? {
                    Some(true) => Ok(()),
                    Some(false) => Err(AdapterError::Refused { operation: OPERATION, reason: error.to_string() }),
                    None => Err(node.failed(error, OPERATION)),
                };
            }
            Err(error) => return Err(node.failed(error, OPERATION)),
        };
        if answer.hash.as_bytes() != transaction.hash.0 {
            let (expected, found) = (transaction.hash.to_string(), answer.hash.to_string());
            return Err(node.inconsistent("transaction hash", expected, found));
        }
        let code = answer.code.value();
        match (answer.codespace.as_str(), code) {
            (_, 0) | (SDK, IN_MEMPOOL) => return Ok(()),
            _ => {}
        }
        if outcome::of(node, transaction.hash).await?.is_some() {
            return Ok(());
        }
        let reason = reason(&answer.codespace, code, &answer.log);
        match (answer.codespace.as_str(), code) {
            // What is before it may still be on its way; whether its sequence is used up shows in the account.
            (SDK, WRONG_SEQUENCE | MEMPOOL_FULL) => Err(unavailable(node, OPERATION, &reason)),
            (SDK, INSUFFICIENT_FEE) => Err(AdapterError::Config {
                key: "gas_price",
                expected: format!("what {} asks for ({reason})", node.label()),
                found: self.chain.config.gas_price.to_string(),
            }),
            _ => Err(AdapterError::Refused { operation: OPERATION, reason }),
        }
    }
}

#[async_trait]
impl ChainWriter for CosmosWriter {
    fn signer(&self) -> &str {
        &self.signer
    }

    /// Those of the node in the middle by the sequence: one that a node has made up would have transactions signed that never
    /// come to be.
    async fn nonces(&self) -> Result<Nonces, AdapterError> {
        let ask = |node: Node| async move {
            let account = self.account(&node).await?;
            let balance = self.balance(&node, account.height).await?;
            Ok((account, balance))
        };
        let (account, balance) = self.chain.rpc.middle(ask, |(account, _)| account.sequence).await?;
        self.keep_number(&account);
        Ok(Nonces { height: self.chain.height(account.height), next_final: account.sequence, balance })
    }

    async fn sign(&self, messages: &[Message], nonce: u64) -> Result<SignedTransaction, AdapterError> {
        let mut all = Vec::new();
        for message in messages {
            all.extend(messages::to_any(&self.signer, message)?);
        }
        if all.is_empty() {
            let reason = "expected at least one message, found none".to_owned();
            return Err(AdapterError::Refused { operation: "sign", reason });
        }
        self.sign_messages(all, nonce).await
    }

    /// The same bytes again, unless the messages now need more gas or another price is configured. While nodes hold the
    /// transaction they cannot say what it would come to; then nothing is known to have changed.
    async fn sign_again(&self, raw: &[u8], nonce: u64, replaced: FeeBid) -> Result<SignedTransaction, AdapterError> {
        let (chain_id, number) = (self.chain.chain_id().as_str(), self.account_number().await?);
        let (messages, fee) = sign::open(&self.key, raw, chain_id, number, nonce)?;
        let unsigned = self.unsigned(messages, nonce).await?;
        let gas_limit = self.gas_limit(&unsigned).await?.map_or(fee.gas_limit, |limit| limit.max(fee.gas_limit));
        let again = self.with_gas(unsigned, gas_limit)?;
        if gas_limit == fee.gas_limit && again.bid == replaced {
            return Ok(SignedTransaction {
                hash: TransactionHash(light_client::sha256(&[raw])),
                raw: raw.to_vec(),
                nonce,
                fee: replaced,
                gas_limit,
            });
        }
        sign::sign(&self.key, &again)
    }

    /// A transfer of one unit to the account itself. Should the account not have it, the transaction comes into a block all
    /// the same, and fails there: the sequence is used up either way.
    async fn sign_cancel(&self, nonce: u64, _fee: FeeBump) -> Result<SignedTransaction, AdapterError> {
        let send = MsgSend {
            from_address: self.signer.clone(),
            to_address: self.signer.clone(),
            amount: vec![Coin { denom: self.chain.config.gas_price.denom().to_owned(), amount: "1".to_owned() }],
        };
        let unsigned = self.unsigned(vec![messages::any(MSG_SEND, send.encode_to_vec())], nonce).await?;
        sign::sign(&self.key, &self.with_gas(unsigned, CANCEL_GAS.min(self.chain.config.max_gas))?)
    }

    /// To every node that answers: one of them may drop it, and sending twice costs nothing.
    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), AdapterError> {
        let nodes = self.chain.rpc.awake();
        let sends = nodes.iter().map(|node| self.chain.rpc.watch(node, self.send(node, transaction)));
        let mut refusal = None;
        let mut sent = false;
        for outcome in join_all(sends).await {
            match outcome {
                Ok(()) => sent = true,
                Err(error) if refusal.is_none() || matches!(error, AdapterError::Refused { .. }) => {
                    refusal = Some(error);
                }
                Err(_) => {}
            }
        }
        match refusal {
            Some(error) if !sent => Err(error),
            _ => Ok(()),
        }
    }

    /// A transaction fails as a whole; its first item stands for all.
    async fn outcome(&self, hash: TransactionHash) -> Result<Outcome, AdapterError> {
        Ok(match self.included(hash).await? {
            Some(included) => Outcome::Included {
                height: self.chain.height(included.block),
                success: included.code == 0,
                gas_used: included.gas_used,
                failed_items: included.failure.map(|reason| (0, reason)).into_iter().collect(),
            },
            None => Outcome::Unknown,
        })
    }
}

/// What an address has of a denomination, in the state after a block or the latest one; saturated.
pub(crate) async fn balance(
    node: &Node,
    address: &str,
    denom: &str,
    height: Option<u64>,
) -> Result<u128, AdapterError> {
    let query = Query {
        path: "/cosmos.bank.v1beta1.Query/Balance".to_owned(),
        data: QueryBalanceRequest { address: address.to_owned(), denom: denom.to_owned() }.encode_to_vec(),
        height,
        prove: false,
    };
    let answer = node.query(&query).await?;
    if answer.code != 0 {
        let reason = reason(&answer.codespace, answer.code, &answer.log);
        return Err(AdapterError::Refused { operation: "balance", reason });
    }
    let wrong = |found: &dyn Display| {
        let found = adapter_json_rpc::printable(&found.to_string());
        node.inconsistent("balance", "an amount".to_owned(), found)
    };
    let response = QueryBalanceResponse::decode(answer.value.as_slice()).map_err(|e| wrong(&e))?;
    let amount = response.balance.map(|coin| coin.amount).unwrap_or_default();
    match amount.as_str() {
        "" => Ok(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(digits.parse().unwrap_or(u128::MAX)),
        other => Err(wrong(&other)),
    }
}

/// The part of an account that every kind of account has: itself, or its first member, which may be one around it again.
fn base_account(account: &Any) -> Option<BaseAccount> {
    /// Accounts of Ethermint, and of those that wait for their funds, have the plain one as their first member.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Around {
        #[prost(bytes = "vec", tag = "1")]
        inner: Vec<u8>,
    }
    /// How often one lies in another.
    const MAX_DEPTH: usize = 3;

    // One around another decodes too, with what lies in it for its address.
    let is_plain =
        |base: &BaseAccount| !base.address.is_empty() && base.address.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if account.type_url == BASE_ACCOUNT {
        return BaseAccount::decode(account.value.as_slice()).ok();
    }
    let mut bytes = account.value.clone();
    for _ in 0..MAX_DEPTH {
        bytes = Around::decode(bytes.as_slice()).ok()?.inner;
        if let Some(base) = BaseAccount::decode(bytes.as_slice()).ok().filter(is_plain) {
            return Some(base);
        }
    }
    None
}

fn unavailable(node: &Node, operation: &'static str, found: &str) -> AdapterError {
    AdapterError::Unavailable { endpoint: node.label().to_owned(), operation, source: found.to_owned().into() }
}
