//! Receipts: the verbs of people and the views of ledger and bridge. For the demo, the command line and the tests; the
//! relayer knows nothing of receipts.

use crate::{
    Artefact, EvmAccount, EvmConfig, Log, TransactionReceipt,
    abi::{
        bindings::{
            receipt_bridge::{
                Account as RawAccount, Content as RawContent, EscrowCall, HeldCall, LaneCall, LaneReturn, LockCall,
                ReturnReceiptCall,
            },
            receipt_ledger::{
                CustodianCall, Facts as RawFacts, HomeRefCall, IssueCall, KeyOfCall, Lineage as RawLineage,
                Record as RawRecord, RecordCall, RecordReturn, RedeemCall,
            },
        },
        strict,
    },
    chain::Shared,
    deploy::ethers_address,
    reader::{
        query::{self, Filter},
        view::View,
    },
};
use adapter::AdapterError;
use alloy_primitives::{Address, B256};
use ethers_core::{
    abi::{AbiEncode as _, AbiType as _, ParamType, Token, Tokenizable as _},
    types::U256,
};
use light_client::{ClientId, Height, Sequence, sha256};
use std::sync::Arc;

/// Accounts of this kind are EVM addresses. Source: protocol `wr-1`.
const EVM_ACCOUNT_KIND: u8 = 1;

/// Where a receipt descends from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// `chain_ref` of its home.
    pub home_ref: [u8; 32],
    /// This receipt.
    pub uid: [u8; 32],
    /// Its first ancestor.
    pub root_uid: [u8; 32],
    /// The receipt it was split from; zero for a root.
    pub parent_uid: [u8; 32],
}

/// What a receipt says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The warehouse.
    pub custodian: [u8; 32],
    /// Fungibility class, opaque.
    pub slot: [u8; 32],
    /// Code of the unit of measure, left-aligned.
    pub unit: [u8; 4],
    /// Natural loss allowed, hundredths of a percent.
    pub loss_bps: u16,
    /// Hash suite of the document.
    pub suite: u8,
    /// Policy bits.
    pub policy: u32,
    /// Unix seconds.
    pub issued_at: u64,
    /// Unix seconds; 0 without an end.
    pub storage_until: u64,
    /// Splits since the root.
    pub depth: u16,
    /// Version of the document.
    pub doc_version: u64,
    /// Root of the document's fields.
    pub doc_root: [u8; 32],
    /// Digest of the roots under every suite.
    pub roots_digest: [u8; 32],
    /// Head of the endorsements; zero without any.
    pub endorse_head: [u8; 32],
}

/// What a verb that moves a receipt has to be told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Where it descends from.
    pub lineage: Lineage,
    /// What it says.
    pub facts: Facts,
}

/// Where a receipt is, as this chain knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// Unknown here.
    None,
    /// At home and live.
    Active,
    /// Left home, not yet acknowledged.
    LockPending,
    /// Live on another chain.
    Remote,
    /// Foreign and live here.
    Live,
    /// Left for home, not yet acknowledged.
    ReturnPending,
    /// Gone home.
    Gone,
    /// Ended.
    Redeemed,
}

impl Location {
    /// Whether the receipt can be used on this chain.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Live)
    }
}

/// A receipt as a ledger stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Base units.
    pub quantity: u128,
    /// Crossings attempted so far.
    pub epoch: u64,
    /// Verbs done so far.
    pub nonce: u64,
    /// Who has title.
    pub beneficiary: Address,
    /// Who has control.
    pub holder: Address,
    /// Where it is.
    pub location: Location,
    /// SHA-256 of its content.
    pub content_hash: [u8; 32],
}

/// A receipt that a ledger or bridge told of, with the content that later verbs need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownReceipt {
    /// Its key in the ledger.
    pub key: [u8; 32],
    /// Its content.
    pub content: Content,
    /// The block of the event.
    pub height: Height,
    /// Whether it was issued here; otherwise it arrived.
    pub issued_here: bool,
}

/// Ledger and bridge of one chain.
#[derive(Clone)]
pub struct Receipts {
    chain: Arc<Shared>,
    ledger: Address,
    bridge: Address,
}

impl Receipts {
    pub(crate) fn new(chain: Arc<Shared>, ledger: Address, bridge: Address) -> Self {
        Self { chain, ledger, bridge }
    }

    /// Issues a receipt at home; the account must be the admitted custodian's. Returns its content.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn issue(
        &self,
        by: &EvmAccount,
        seed: [u8; 32],
        facts: &Facts,
        quantity: u128,
        beneficiary: Address,
        holder: Address,
    ) -> Result<(KnownReceipt, TransactionReceipt), AdapterError> {
        let call = IssueCall {
            seed,
            facts: raw_facts(facts),
            quantity,
            beneficiary: ethers_address(beneficiary),
            holder: ethers_address(holder),
        };
        let receipt = by.send(Some(self.ledger), call.encode()).await?;
        let issued = receipt.logs.iter().find(|log| log.address == self.ledger && log.topic(0) == Some(issued_topic()));
        let issued = issued.ok_or_else(|| missing("Issued"))?;
        Ok((issued_of(&self.chain.config, issued)?, receipt))
    }

    /// Locks a receipt and sends it by a lane; returns the packet's number. Only by its holder.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn lock(
        &self,
        by: &EvmAccount,
        client: &ClientId,
        content: &Content,
        beneficiary: Address,
        holder: Address,
        timeout_seconds: u64,
    ) -> Result<(Sequence, TransactionReceipt), AdapterError> {
        let call = LockCall {
            client_id: client.to_string(),
            content: raw_content(content),
            beneficiary: raw_account(beneficiary),
            holder: raw_account(holder),
            timeout_timestamp: timeout_seconds,
        };
        self.departed(by.send(Some(self.bridge), call.encode()).await?)
    }

    /// Sends a foreign receipt home; returns the packet's number. Only by its holder.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn return_receipt(
        &self,
        by: &EvmAccount,
        content: &Content,
        beneficiary: Address,
        holder: Address,
        timeout_seconds: u64,
    ) -> Result<(Sequence, TransactionReceipt), AdapterError> {
        let call = ReturnReceiptCall {
            content: raw_content(content),
            beneficiary: raw_account(beneficiary),
            holder: raw_account(holder),
            timeout_timestamp: timeout_seconds,
        };
        self.departed(by.send(Some(self.bridge), call.encode()).await?)
    }

    /// Ends a receipt against the goods. Only at home, by the one who both owns and holds it.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn redeem(&self, by: &EvmAccount, key: [u8; 32]) -> Result<TransactionReceipt, AdapterError> {
        by.send(Some(self.ledger), RedeemCall { key }.encode()).await
    }

    /// A receipt as the ledger stores it; its location is `None` when there is none.
    ///
    /// # Errors
    /// As every view.
    pub async fn record(&self, key: [u8; 32]) -> Result<Record, AdapterError> {
        let RecordReturn { found: raw } = self.chain.view("record", self.ledger, RecordCall { key }).await?;
        record_of(&raw)
    }

    /// The key of a receipt in this ledger.
    ///
    /// # Errors
    /// As every view.
    pub async fn key_of(&self, home_ref: [u8; 32], uid: [u8; 32]) -> Result<[u8; 32], AdapterError> {
        self.chain.view("keyOf", self.ledger, KeyOfCall { home: home_ref, uid }).await
    }

    /// The `chain_ref` of this ledger's chain.
    ///
    /// # Errors
    /// As every view.
    pub async fn home_ref(&self) -> Result<[u8; 32], AdapterError> {
        self.chain.view("homeRef", self.ledger, HomeRefCall).await
    }

    /// Who issues for a warehouse; the zero address when it is not admitted.
    ///
    /// # Errors
    /// As every view.
    pub async fn custodian(&self, custodian: [u8; 32]) -> Result<Address, AdapterError> {
        let call = CustodianCall { custodian_id: custodian };
        let account: ethers_core::types::Address = self.chain.view("custodian", self.ledger, call).await?;
        Ok(Address::from(account.0))
    }

    /// A lane's number (0 when it is not open) and the `chain_ref` at its other end.
    ///
    /// # Errors
    /// As every view.
    pub async fn lane(&self, client: &ClientId) -> Result<(u32, [u8; 32]), AdapterError> {
        let call = LaneCall { client_id: client.to_string() };
        let lane: LaneReturn = self.chain.view("lane", self.bridge, call).await?;
        Ok((lane.number, lane.counterparty_ref))
    }

    /// Base units of a root receipt locked through a lane and not back yet.
    ///
    /// # Errors
    /// As every view.
    pub async fn escrow(&self, root_uid: [u8; 32], client: &ClientId) -> Result<u128, AdapterError> {
        let call = EscrowCall { root_uid, client_id: client.to_string() };
        self.chain.view("escrow", self.bridge, call).await
    }

    /// Whether a packet's outcome could not be applied and waits.
    ///
    /// # Errors
    /// As every view.
    pub async fn is_held(&self, source_client: &ClientId, sequence: Sequence) -> Result<bool, AdapterError> {
        let call = HeldCall { source_client: source_client.to_string(), sequence: sequence.get() };
        let digest: [u8; 32] = self.chain.view("held", self.bridge, call).await?;
        Ok(digest != [0; 32])
    }

    /// The receipts issued or arrived from one height to another, both included, in the chain's order. A receipt that
    /// arrives again is there again.
    ///
    /// # Errors
    /// As the relayer's own reading of events.
    pub async fn known(&self, from: Height, to: Height) -> Result<Vec<KnownReceipt>, AdapterError> {
        let filter = |address, topic| Filter { address, topics: vec![vec![topic]] };
        let filters = &[filter(self.ledger, issued_topic()), filter(self.bridge, arrived_topic())];
        let config = &self.chain.config;
        self.chain
            .pool
            .attempt(|endpoint| async move {
                let mut logs: Vec<Log> = Vec::new();
                for filter in filters {
                    logs.extend(query::logs(&endpoint, filter, from.number(), to.number()).await?);
                }
                logs.sort_by_key(|log| (log.height, log.index));
                let mut known = Vec::with_capacity(logs.len());
                for log in &logs {
                    known.push(if log.address == self.ledger && log.topic(0) == Some(issued_topic()) {
                        issued_of(config, log)?
                    } else {
                        arrived_of(config, log)?
                    });
                }
                Ok(known)
            })
            .await
    }

    /// As [`Receipts::known`], from the Router's first height to the latest block.
    ///
    /// # Errors
    /// As [`Receipts::known`].
    pub async fn known_now(&self) -> Result<Vec<KnownReceipt>, AdapterError> {
        let to = self
            .chain
            .pool
            .attempt(|endpoint| async move { View::latest(&endpoint).await.map(|view| view.height) })
            .await?;
        let config = &self.chain.config;
        self.known(config.height(config.router_height), config.height(to)).await
    }

    fn departed(&self, receipt: TransactionReceipt) -> Result<(Sequence, TransactionReceipt), AdapterError> {
        let topic = Artefact::receipt_bridge().event_hash("Departed");
        let log = receipt.logs.iter().find(|log| log.address == self.bridge && log.topic(0) == topic);
        let log = log.ok_or_else(|| missing("Departed"))?;
        let values = strict::tokens("Departed", &[ParamType::Uint(64), ParamType::Uint(64)], &log.data);
        match values.map_err(|e| e.into_adapter("transaction receipt"))?.as_slice() {
            [Token::Uint(sequence), _] => {
                let sequence = Sequence::try_from(sequence.low_u64()).map_err(|_| missing("Departed"))?;
                Ok((sequence, receipt))
            }
            _ => Err(missing("Departed")),
        }
    }
}

impl Content {
    /// SHA-256 of its 17 words: what the record holds of it.
    ///
    /// Source: protocol `wr-1`, "Identifiers".
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[&ethers_core::abi::encode(&[raw_content(self).into_token()])])
    }
}

fn issued_topic() -> B256 {
    Artefact::receipt_ledger().event_hash("Issued").unwrap_or_default()
}

fn arrived_topic() -> B256 {
    Artefact::receipt_bridge().event_hash("Arrived").unwrap_or_default()
}

fn issued_of(config: &EvmConfig, log: &Log) -> Result<KnownReceipt, AdapterError> {
    let types = [RawContent::param_type(), ParamType::Uint(128), ParamType::Address, ParamType::Address];
    known_of(config, "Issued", &types, 0, log, true)
}

fn arrived_of(config: &EvmConfig, log: &Log) -> Result<KnownReceipt, AdapterError> {
    let types = [ParamType::Uint(64), ParamType::Uint(64), RawContent::param_type()];
    known_of(config, "Arrived", &types, 2, log, false)
}

fn known_of(
    config: &EvmConfig,
    event: &'static str,
    types: &[ParamType],
    index: usize,
    log: &Log,
    issued_here: bool,
) -> Result<KnownReceipt, AdapterError> {
    let mut values = strict::tokens(event, types, &log.data).map_err(|e| e.into_adapter(event))?;
    let content = RawContent::from_token(values.swap_remove(index)).map_err(|_| missing(event))?;
    Ok(KnownReceipt {
        key: log.topic(1).ok_or_else(|| missing(event))?.0,
        content: content_of(&content),
        height: config.height(log.height),
        issued_here,
    })
}

fn record_of(raw: &RawRecord) -> Result<Record, AdapterError> {
    Ok(Record {
        quantity: raw.quantity,
        epoch: raw.epoch,
        nonce: raw.nonce,
        beneficiary: Address::from(raw.beneficiary.0),
        holder: Address::from(raw.holder.0),
        location: match raw.location {
            0 => Location::None,
            1 => Location::Active,
            2 => Location::LockPending,
            3 => Location::Remote,
            4 => Location::Live,
            5 => Location::ReturnPending,
            6 => Location::Gone,
            7 => Location::Redeemed,
            other => {
                return Err(AdapterError::Inconsistent {
                    endpoint: "ledger".to_owned(),
                    field: "location",
                    expected: "0 to 7".to_owned(),
                    found: U256::from(other).to_string(),
                });
            }
        },
        content_hash: raw.content_hash,
    })
}

fn raw_content(content: &Content) -> RawContent {
    RawContent {
        lineage: RawLineage {
            home_ref: content.lineage.home_ref,
            uid: content.lineage.uid,
            root_uid: content.lineage.root_uid,
            parent_uid: content.lineage.parent_uid,
        },
        facts: raw_facts(&content.facts),
    }
}

fn raw_facts(facts: &Facts) -> RawFacts {
    RawFacts {
        custodian_id: facts.custodian,
        slot: facts.slot,
        unit: facts.unit,
        loss_bps: facts.loss_bps,
        suite: facts.suite,
        policy: facts.policy,
        issued_at: facts.issued_at,
        storage_until: facts.storage_until,
        depth: facts.depth,
        doc_version: facts.doc_version,
        doc_root: facts.doc_root,
        roots_digest: facts.roots_digest,
        endorse_head: facts.endorse_head,
    }
}

fn content_of(raw: &RawContent) -> Content {
    let (lineage, facts) = (&raw.lineage, &raw.facts);
    Content {
        lineage: Lineage {
            home_ref: lineage.home_ref,
            uid: lineage.uid,
            root_uid: lineage.root_uid,
            parent_uid: lineage.parent_uid,
        },
        facts: Facts {
            custodian: facts.custodian_id,
            slot: facts.slot,
            unit: facts.unit,
            loss_bps: facts.loss_bps,
            suite: facts.suite,
            policy: facts.policy,
            issued_at: facts.issued_at,
            storage_until: facts.storage_until,
            depth: facts.depth,
            doc_version: facts.doc_version,
            doc_root: facts.doc_root,
            roots_digest: facts.roots_digest,
            endorse_head: facts.endorse_head,
        },
    }
}

fn raw_account(account: Address) -> RawAccount {
    let mut id = [0; 32];
    id[..20].copy_from_slice(account.as_slice());
    RawAccount { kind: EVM_ACCOUNT_KIND, id }
}

fn missing(event: &'static str) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: "transaction receipt".to_owned(),
        field: "logs",
        expected: format!("an event {event}"),
        found: "none".to_owned(),
    }
}
