//! The people of one chain: a custodian who issues, and a holder who sends receipts and redeems them. They sign through
//! `adapter-evm`, as the demo's visitors do; what has come of it is read by [`Chain`].

use super::{Outcome, PATIENCE, chain::Chain, chain::Location};
use adapter_evm::{
    EndpointConfig, EvmAccount, EvmChain, EvmConfig, FeePolicy, Key, TransactionReceipt,
    receipts::{Content, Facts, Receipts},
};
use alloy_primitives::{Address, B256};
use e2e::wait;
use futures::future::try_join_all;
use light_client::ClientId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

/// Base units of one receipt: more with each, so that no two sums are equal by accident.
const QUANTITY: u128 = 1_000;

/// How long a packet may take when nothing is wrong on purpose, in seconds.
const LONG_TIMEOUT: u64 = 3_600;

/// A receipt that was issued.
#[derive(Clone, Debug)]
pub(super) struct Receipt {
    pub(super) content: Content,
    pub(super) quantity: u128,
}

/// Who does business on a chain, and at what price.
pub(super) struct Station<'a> {
    /// The chain id of EIP-155.
    pub(super) chain_id: u64,
    /// What is offered for a unit of gas; what the node suggests when not given.
    pub(super) gas_price_wei: Option<u128>,
    /// The warehouse that the configuration admits.
    pub(super) custodian_id: &'a str,
    pub(super) custodian_key: B256,
    pub(super) holder_key: B256,
}

/// One end of the path: a chain and its people.
pub(super) struct Side {
    pub(super) chain: Chain,
    runtime: Arc<Runtime>,
    receipts: Receipts,
    client: ClientId,
    custodian_id: B256,
    custodian: EvmAccount,
    holder: EvmAccount,
    partner: Address,
    issued: AtomicU64,
}

impl Receipt {
    pub(super) fn uid(&self) -> B256 {
        B256::from(self.content.lineage.uid)
    }
}

impl Station<'_> {
    /// The holder's address, the same on every chain.
    pub(super) fn holder(&self) -> Outcome<Address> {
        Ok(Key::from_secret(self.holder_key.as_slice())?.address())
    }
}

impl Side {
    /// `partner`: the holder on the other chain.
    pub(super) fn new(runtime: &Arc<Runtime>, chain: Chain, station: &Station<'_>, partner: Address) -> Outcome<Self> {
        let client: ClientId = chain.client.parse()?;
        let mut config = EvmConfig::new(station.chain_id, vec![EndpointConfig::new(chain.endpoint.url())]);
        config.router = Some(chain.router);
        config.clients = vec![client.clone()];
        config.consensus = chain.finality.consensus()?;
        if let FeePolicy::Legacy { gas_price, .. } = &mut config.fees {
            *gas_price = station.gas_price_wei;
        }
        let evm = runtime.block_on(EvmChain::connect(config))?;
        let account = |key: &B256| Outcome::Ok(evm.account(Key::from_secret(key.as_slice())?));
        Ok(Self {
            runtime: Arc::clone(runtime),
            receipts: evm.receipts(chain.ledger, chain.bridge),
            client,
            custodian_id: B256::right_padding_from(station.custodian_id.as_bytes()),
            custodian: account(&station.custodian_key)?,
            holder: account(&station.holder_key)?,
            partner,
            issued: AtomicU64::new(0),
            chain,
        })
    }

    /// The custodian issues receipts to the holder.
    pub(super) fn issue(&self, count: usize) -> Outcome<Vec<Receipt>> {
        let holder = self.holder.address();
        let issue = |_| async move {
            let number = self.issued.fetch_add(1, Ordering::Relaxed);
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let facts = Facts { custodian: self.custodian_id.0, unit: *b"KGM\0", issued_at: 1, ..Facts::default() };
            let quantity = QUANTITY + u128::from(number);
            let issued = self.receipts.issue(&self.custodian, seed, &facts, quantity, holder, holder).await;
            issued.map(|(known, _)| Receipt { content: known.content, quantity })
        };
        Ok(self.runtime.block_on(try_join_all((0..count).map(issue)))?)
    }

    /// The holder locks receipts of this chain for the other chain's holder; the numbers of the packets.
    pub(super) fn lock(&self, receipts: &[Receipt]) -> Outcome<Vec<u64>> {
        let timeout = self.chain.head()?.time + LONG_TIMEOUT;
        let lock = |receipt| self.lock_until(receipt, timeout);
        let locked = self.runtime.block_on(try_join_all(receipts.iter().map(lock)))?;
        Ok(locked.into_iter().map(|(sequence, _)| sequence).collect())
    }

    /// As [`Side::lock`], of one receipt, with a timeout in Unix seconds; also the height at which it is locked.
    pub(super) fn lock_with_timeout(&self, receipt: &Receipt, timeout: u64) -> Outcome<(u64, u64)> {
        let (sequence, receipt) = self.runtime.block_on(self.lock_until(receipt, timeout))?;
        Ok((sequence, receipt.height.number()))
    }

    async fn lock_until(
        &self,
        receipt: &Receipt,
        timeout: u64,
    ) -> Result<(u64, TransactionReceipt), Box<dyn std::error::Error + Send + Sync>> {
        let to = self.partner;
        let locked = self.receipts.lock(&self.holder, &self.client, &receipt.content, to, to, timeout).await?;
        Ok((locked.0.get(), locked.1))
    }

    /// The holder sends receipts of the other chain home, to the holder there; the numbers of the packets.
    pub(super) fn send_back(&self, receipts: &[Receipt]) -> Outcome<Vec<u64>> {
        let (timeout, to) = (self.chain.head()?.time + LONG_TIMEOUT, self.partner);
        let send = |receipt: &Receipt| {
            let content = receipt.content;
            async move { self.receipts.return_receipt(&self.holder, &content, to, to, timeout).await }
        };
        let sent = self.runtime.block_on(try_join_all(receipts.iter().map(send)))?;
        Ok(sent.into_iter().map(|(sequence, _)| sequence.get()).collect())
    }

    /// The holder redeems a receipt of this chain.
    pub(super) fn redeem(&self, receipt: &Receipt) -> Outcome {
        self.runtime.block_on(self.receipts.redeem(&self.holder, receipt.uid().0))?;
        Ok(())
    }

    /// A receipt's key in this chain's ledger.
    pub(super) fn key_of(&self, receipt: &Receipt) -> Outcome<B256> {
        self.chain.key_of(B256::from(receipt.content.lineage.home_ref), receipt.uid())
    }

    /// Where a receipt is by this chain's ledger.
    pub(super) fn location_of(&self, receipt: &Receipt) -> Outcome<Location> {
        Ok(self.chain.record(self.key_of(receipt)?)?.location)
    }

    /// Waits until this chain's ledger says that the receipts are there.
    pub(super) fn wait_for(&self, receipts: &[Receipt], expected: Location) -> Outcome {
        for receipt in receipts {
            let what = format!("{}: receipt {} is {expected:?}", self.chain.name, receipt.uid());
            wait::until(&what, PATIENCE, || match self.location_of(receipt) {
                Ok(found) if found == expected => Ok(()),
                Ok(found) => Err(format!("{found:?}")),
                Err(error) => Err(error.to_string()),
            })?;
        }
        Ok(())
    }

    /// Waits until packets sent from here are settled.
    pub(super) fn wait_settled(&self, sequences: &[u64]) -> Outcome {
        let what = format!("{}: packets {sequences:?} are settled", self.chain.name);
        Ok(wait::until(&what, PATIENCE, || {
            let open = self.chain.in_flight().map_err(|error| error.to_string())?;
            let left: Vec<_> = sequences.iter().filter(|sequence| open.contains(sequence)).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("in flight: {left:?}")) }
        })?)
    }
}
