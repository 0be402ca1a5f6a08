//! The governance contract: proposing, approving and executing acts, and what stands open.

use crate::{
    Artefact, EvmAccount, TransactionReceipt,
    abi::bindings::{
        governance::{
            Act as RawAct, ActCall, ActReturn, ApproveCall, CancelCall, DelaySecondsCall, ExecuteCall, MembersCall,
            PendingActsCall, ProposeCall, ThresholdCall,
        },
        receipt_bridge::AllowLaneCall,
        receipt_ledger::{AddBridgeCall, AdmitCustodianCall},
        router::{AddClientCall, BindPortCall},
    },
    chain::Shared,
    deploy::ethers_address,
    reader::view::View,
};
use adapter::AdapterError;
use alloy_primitives::Address;
use ethers_core::{
    abi::{AbiEncode, AbiType, Tokenizable},
    types::{Bytes, U256},
};
use light_client::ClientId;
use std::sync::Arc;

/// The most acts that may wait, and the most members that there may be.
const MAX_PENDING_ACTS: usize = 4_096;
const MAX_MEMBERS: usize = 1_024;

/// An act that only the governance may do, on the contract that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GovernedCall {
    /// Names a client, its verifier and its counterparty. Of the Router.
    AddClient {
        /// The client's id on this chain.
        id: ClientId,
        /// The light client's contract.
        verifier: Address,
        /// The counterparty's id of its client of this chain.
        counterparty: ClientId,
        /// What the counterparty's paths begin with; one empty element for a Router.
        prefix: Vec<Vec<u8>>,
    },
    /// Binds a port for good. Of the Router.
    BindPort {
        /// The port's name.
        port: String,
        /// The application.
        application: Address,
        /// The gas that its receive callback is given.
        receive_gas: u64,
    },
    /// Admits a warehouse. Of the ledger.
    AdmitCustodian {
        /// Its name.
        custodian: [u8; 32],
        /// Who issues for it.
        account: Address,
    },
    /// Lets a bridge move receipts. Of the ledger.
    AddBridge {
        /// The bridge.
        bridge: Address,
    },
    /// Opens a lane. Of the bridge.
    AllowLane {
        /// The client.
        client: ClientId,
        /// The `chain_ref` of the chain that it follows.
        counterparty_ref: [u8; 32],
    },
}

impl GovernedCall {
    /// The calldata.
    pub fn calldata(&self) -> Vec<u8> {
        match self {
            Self::AddClient { id, verifier, counterparty, prefix } => AddClientCall {
                id: id.to_string(),
                verifier: ethers_address(*verifier),
                counterparty_id: counterparty.to_string(),
                counterparty_prefix: prefix.iter().map(|element| Bytes::from(element.clone())).collect(),
            }
            .encode(),
            Self::BindPort { port, application, receive_gas } => BindPortCall {
                port: port.clone(),
                application: ethers_address(*application),
                receive_gas: *receive_gas,
            }
            .encode(),
            Self::AdmitCustodian { custodian, account } => {
                AdmitCustodianCall { custodian_id: *custodian, account: ethers_address(*account) }.encode()
            }
            Self::AddBridge { bridge } => AddBridgeCall { bridge: ethers_address(*bridge) }.encode(),
            Self::AllowLane { client, counterparty_ref } => {
                AllowLaneCall { client_id: client.to_string(), counterparty_ref: *counterparty_ref }.encode()
            }
        }
    }
}

/// Where an act stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActState {
    /// Too few approvals so far.
    Proposed,
    /// Approved, waiting for its delay.
    Queued,
    /// May be executed now.
    Due,
    /// Done.
    Executed,
    /// Never to be executed.
    Cancelled,
    /// Due too long ago: to be proposed anew.
    Lapsed,
}

/// An act of the governance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its number, from 1.
    pub id: u64,
    /// The contract called.
    pub target: Address,
    /// The calldata.
    pub data: Vec<u8>,
    /// Who proposed it.
    pub proposer: Address,
    /// When it may be executed, Unix seconds; 0 while it was never approved by enough.
    pub due_seconds: u64,
    /// Approvals of present members.
    pub approvals: u16,
    /// Where it stands.
    pub state: ActState,
}

/// One governance contract.
#[derive(Clone)]
pub struct Governance {
    chain: Arc<Shared>,
    address: Address,
}

impl Governance {
    pub(crate) fn new(chain: Arc<Shared>, address: Address) -> Self {
        Self { chain, address }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// All members.
    ///
    /// # Errors
    /// As every view: [`AdapterError::Refused`] when there is no such contract.
    pub async fn members(&self) -> Result<Vec<Address>, AdapterError> {
        let members: Vec<ethers_core::types::Address> = self.view("members", MembersCall).await?;
        check_count("members", MAX_MEMBERS, members.len())?;
        Ok(members.into_iter().map(|member| Address::from(member.0)).collect())
    }

    /// Approvals needed.
    ///
    /// # Errors
    /// As every view.
    pub async fn threshold(&self) -> Result<u16, AdapterError> {
        self.view("threshold", ThresholdCall).await
    }

    /// Seconds between enough approvals and the earliest execution.
    ///
    /// # Errors
    /// As every view.
    pub async fn delay_seconds(&self) -> Result<u64, AdapterError> {
        self.view("delaySeconds", DelaySecondsCall).await
    }

    /// One act.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] when there is none of this number.
    pub async fn act(&self, id: u64) -> Result<Act, AdapterError> {
        let ActReturn(raw) = self.view("act", ActCall { id: id.into() }).await?;
        act_of(id, raw)
    }

    /// The acts neither executed nor cancelled.
    ///
    /// # Errors
    /// As every view.
    pub async fn pending_acts(&self) -> Result<Vec<Act>, AdapterError> {
        let ids: Vec<U256> = self.view("pendingActs", PendingActsCall).await?;
        check_count("pendingActs", MAX_PENDING_ACTS, ids.len())?;
        let mut acts = Vec::with_capacity(ids.len());
        for id in ids {
            let id = u64::try_from(id).map_err(|_| inconsistent("act", "a number of 64 bits", &id.to_string()))?;
            acts.push(self.act(id).await?);
        }
        acts.sort_by_key(|act| act.id);
        Ok(acts)
    }

    /// Proposes an act; returns its number.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn propose(&self, by: &EvmAccount, target: Address, data: Vec<u8>) -> Result<u64, AdapterError> {
        let call = ProposeCall { target: ethers_address(target), data: data.into() };
        let receipt = by.send(Some(self.address), call.encode()).await?;
        let topic = Artefact::governance().event_hash("ActProposed");
        let log = receipt.logs.iter().find(|log| log.address == self.address && log.topic(0) == topic);
        let id = log.and_then(|log| log.topic(1)).map(|word| U256::from_big_endian(word.as_slice()));
        id.and_then(|id| u64::try_from(id).ok())
            .ok_or_else(|| inconsistent("logs", "an ActProposed event of the governance", "none"))
    }

    /// Approves an act.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn approve(&self, by: &EvmAccount, id: u64) -> Result<TransactionReceipt, AdapterError> {
        by.send(Some(self.address), ApproveCall { id: id.into() }.encode()).await
    }

    /// Executes an act that is due; anyone may.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn execute(&self, by: &EvmAccount, id: u64) -> Result<TransactionReceipt, AdapterError> {
        by.send(Some(self.address), ExecuteCall { id: id.into() }.encode()).await
    }

    /// Cancels an act of one's own that was not executed.
    ///
    /// # Errors
    /// As [`EvmAccount::send`].
    pub async fn cancel(&self, by: &EvmAccount, id: u64) -> Result<TransactionReceipt, AdapterError> {
        by.send(Some(self.address), CancelCall { id: id.into() }.encode()).await
    }

    async fn view<R: AbiType + Tokenizable>(
        &self,
        what: &'static str,
        call: impl AbiEncode + Clone,
    ) -> Result<R, AdapterError> {
        self.chain.view(what, self.address, call).await
    }
}

impl Shared {
    /// Calls a function that changes nothing, at the latest block of the best endpoint.
    pub(crate) async fn view<R: AbiType + Tokenizable>(
        &self,
        what: &'static str,
        to: Address,
        call: impl AbiEncode + Clone,
    ) -> Result<R, AdapterError> {
        let call = &call;
        self.pool
            .attempt(|endpoint| async move { View::latest(&endpoint).await?.call(what, to, call.clone()).await })
            .await
    }
}

/// A list that a contract answers must be one that is looked at as a whole.
fn check_count(operation: &'static str, max: usize, found: usize) -> Result<(), AdapterError> {
    if found <= max {
        return Ok(());
    }
    Err(AdapterError::Refused { operation, reason: format!("expected at most {max}, found {found}") })
}

fn act_of(id: u64, raw: RawAct) -> Result<Act, AdapterError> {
    Ok(Act {
        id,
        target: Address::from(raw.target.0),
        data: raw.data.to_vec(),
        proposer: Address::from(raw.proposer.0),
        due_seconds: raw.due_time,
        approvals: raw.approvals,
        state: match raw.state {
            0 => ActState::Proposed,
            1 => ActState::Queued,
            2 => ActState::Due,
            3 => ActState::Executed,
            4 => ActState::Cancelled,
            5 => ActState::Lapsed,
            other => return Err(inconsistent("act state", "0 to 5", &other.to_string())),
        },
    })
}

fn inconsistent(field: &'static str, expected: &str, found: &str) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: "governance".to_owned(),
        field,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}
