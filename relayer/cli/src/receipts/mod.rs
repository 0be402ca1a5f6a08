//! Receipts as the chains' ledgers tell of them, for the page and for the demo's count. The relayer itself knows nothing
//! of receipts. What is shown here is what nodes say; what moves a receipt is proven on chain.

mod supply;

pub(crate) use supply::{Supply, SupplyCheck};

use crate::relay::RelayChain;
use adapter::{AdapterError, ChainReader as _};
use adapter_evm::{
    EvmReader,
    receipts::{Content, Location, Receipts},
};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use light_client::{ClientId, Height};
use relayer_api::{Extension, Section};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// The most receipts that are followed; older ones are left out.
const MAX_FOLLOWED: usize = 1_000;
/// The most receipts that are shown.
const MAX_SHOWN: usize = 50;
/// Receipts asked about at the same time.
const AT_ONCE: usize = 8;
/// What is younger than this is shown as it is.
const FRESH: Duration = Duration::from_millis(400);

/// Follows the receipts of all chains.
pub(crate) struct ReceiptsView {
    state: Mutex<State>,
    /// Whether what can be done with a receipt is offered.
    with_acts: bool,
}

#[derive(Default)]
struct State {
    sides: Vec<Side>,
    /// By the order in which they were first told of.
    followed: Vec<Followed>,
    labels: BTreeMap<[u8; 32], String>,
    looked: Option<Instant>,
}

/// One chain's ledger and bridge.
struct Side {
    name: String,
    chain_ref: [u8; 32],
    clients: Vec<ClientId>,
    receipts: Receipts,
    reader: EvmReader,
    /// The next height whose events are to be read.
    next_height: u64,
}

/// A receipt that some ledger told of.
#[derive(Clone)]
pub(crate) struct Followed {
    pub(crate) content: Content,
    pub(crate) quantity: u128,
    /// Where it is by each chain's ledger, in the order of the chains; and its key there.
    pub(crate) records: Vec<(Location, [u8; 32])>,
}

/// A receipt as the page shows it.
#[derive(Serialize)]
struct Shown {
    uid: String,
    label: Option<String>,
    home: String,
    /// Where it can be sent from its home.
    away: Vec<String>,
    quantity: String,
    unit: String,
    live_on: Option<String>,
    redeemed: bool,
    records: Vec<ShownRecord>,
    acts: Vec<&'static str>,
}

#[derive(Serialize)]
struct ShownRecord {
    chain: String,
    location: &'static str,
}

impl ReceiptsView {
    /// Follows nothing yet, and only shows.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), with_acts: false })
    }

    /// As [`ReceiptsView::new`], and says what can be done with each receipt.
    pub(crate) fn with_acts() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), with_acts: true })
    }

    /// Follows this chain's ledger too.
    pub(crate) async fn add(&self, chain: &RelayChain) {
        let Some((evm, contracts)) = chain.evm() else { return };
        let Ok(reader) = evm.reader() else { return };
        self.state.lock().await.sides.push(Side {
            name: chain.config.name.clone(),
            chain_ref: evm.config().chain_ref(contracts.genesis_hash.0),
            clients: evm.config().clients.clone(),
            receipts: evm.receipts(contracts.ledger, contracts.bridge),
            reader,
            next_height: contracts.height,
        });
    }

    /// Gives a receipt a name for people, like its number.
    pub(crate) async fn label(&self, uid: [u8; 32], label: String) {
        self.state.lock().await.labels.insert(uid, label);
    }

    /// A receipt as it is now, with the names of the chains; `None` when no ledger told of it.
    ///
    /// # Errors
    /// When a chain cannot be read.
    pub(crate) async fn find(&self, uid: [u8; 32]) -> Result<Option<(Followed, Vec<String>)>, AdapterError> {
        let mut state = self.state.lock().await;
        state.refresh().await?;
        let names = state.sides.iter().map(|side| side.name.clone()).collect();
        Ok(state.followed.iter().find(|one| one.content.lineage.uid == uid).map(|one| (one.clone(), names)))
    }

    /// The name of the chain that a receipt is at home on.
    pub(crate) async fn home_of(&self, receipt: &Followed) -> Option<String> {
        let state = self.state.lock().await;
        let home = state.sides.iter().find(|side| side.chain_ref == receipt.content.lineage.home_ref);
        home.map(|side| side.name.clone())
    }

    /// Counts all receipts followed, and compares the escrow of every lane with what is out.
    ///
    /// # Errors
    /// When a chain cannot be read.
    pub(crate) async fn count(&self) -> Result<SupplyCheck, AdapterError> {
        let mut state = self.state.lock().await;
        state.refresh().await?;
        let mut check = SupplyCheck::of(state.supply());
        for followed in &state.followed {
            for (side, (location, _)) in state.sides.iter().zip(&followed.records) {
                if side.chain_ref != followed.content.lineage.home_ref {
                    continue;
                }
                let mut escrow = 0_u128;
                for client in &side.clients {
                    let locked = side.receipts.escrow(followed.content.lineage.root_uid, client).await?;
                    escrow = escrow.saturating_add(locked);
                }
                let out = matches!(location, Location::LockPending | Location::Remote);
                check.add_escrow(
                    &side.name,
                    followed.content.lineage.uid,
                    escrow,
                    if out { followed.quantity } else { 0 },
                );
            }
        }
        Ok(check)
    }
}

impl State {
    /// Reads new events and the records of every receipt that has not ended.
    async fn refresh(&mut self) -> Result<(), AdapterError> {
        for side in &mut self.sides {
            let head = side.reader.head().await?.height.number();
            if head < side.next_height {
                continue;
            }
            let mut uids: BTreeSet<[u8; 32]> = self.followed.iter().map(|one| one.content.lineage.uid).collect();
            for known in side.receipts.known(Height::new(side.next_height), Height::new(head)).await? {
                if uids.insert(known.content.lineage.uid) {
                    self.followed.push(Followed { content: known.content, quantity: 0, records: Vec::new() });
                }
            }
            side.next_height = head.saturating_add(1);
        }
        let surplus = self.followed.len().saturating_sub(MAX_FOLLOWED);
        self.followed.drain(..surplus);
        let sides = &self.sides;
        // Nothing is taken out before all is known: a chain that does not answer now, or a visitor who has gone, must
        // not make receipts vanish.
        let looked = stream::iter(self.followed.clone()).map(|one| look(sides, one));
        self.followed = looked.buffered(AT_ONCE).try_collect().await?;
        self.looked = Some(Instant::now());
        Ok(())
    }

    fn supply(&self) -> Supply {
        Supply::count(&self.followed, &self.sides.iter().map(|side| side.name.clone()).collect::<Vec<_>>())
    }

    fn shown(&self, with_acts: bool) -> Vec<Shown> {
        let newest = self.followed.iter().rev().take(MAX_SHOWN);
        newest.map(|followed| self.shown_one(followed, with_acts)).collect()
    }

    fn shown_one(&self, followed: &Followed, with_acts: bool) -> Shown {
        let lineage = &followed.content.lineage;
        let home = self.sides.iter().find(|side| side.chain_ref == lineage.home_ref);
        let records = || self.sides.iter().zip(&followed.records).map(|(side, (location, _))| (side, *location));
        let live = records().find(|(_, location)| location.is_live());
        let redeemed = records().any(|(_, location)| location == Location::Redeemed);
        let acts = match live {
            Some((_, Location::Active)) if with_acts => vec!["send", "redeem"],
            Some((_, Location::Live)) if with_acts => vec!["return"],
            _ => Vec::new(),
        };
        Shown {
            uid: format!("0x{}", hex::encode(lineage.uid)),
            label: self.labels.get(&lineage.uid).cloned(),
            home: home.map_or_else(|| "?".to_owned(), |side| side.name.clone()),
            away: self
                .sides
                .iter()
                .filter(|side| side.chain_ref != lineage.home_ref)
                .map(|side| side.name.clone())
                .collect(),
            quantity: followed.quantity.to_string(),
            unit: String::from_utf8_lossy(&followed.content.facts.unit).trim_end_matches('\0').to_owned(),
            live_on: live.map(|(side, _)| side.name.clone()),
            redeemed,
            records: records()
                .map(|(side, location)| ShownRecord { chain: side.name.clone(), location: location_name(location) })
                .collect(),
            acts,
        }
    }
}

/// Asks every ledger about one receipt, foreign ones first: what is live abroad then has left home before.
async fn look(sides: &[Side], mut followed: Followed) -> Result<Followed, AdapterError> {
    if followed.records.len() == sides.len() && followed.records.iter().any(|(at, _)| *at == Location::Redeemed) {
        // Redeemed is for ever.
        return Ok(followed);
    }
    let lineage = followed.content.lineage;
    let mut records = vec![(Location::None, [0; 32]); sides.len()];
    let foreign_first = |index: &usize| sides.get(*index).is_some_and(|side| side.chain_ref == lineage.home_ref);
    let mut order: Vec<usize> = (0..sides.len()).collect();
    order.sort_by_key(foreign_first);
    for index in order {
        let (Some(side), Some(place)) = (sides.get(index), records.get_mut(index)) else { continue };
        let key = match followed.records.get(index) {
            Some((_, key)) if *key != [0; 32] => *key,
            _ => side.receipts.key_of(lineage.home_ref, lineage.uid).await?,
        };
        let record = side.receipts.record(key).await?;
        if record.location != Location::None {
            followed.quantity = record.quantity;
        }
        *place = (record.location, key);
    }
    followed.records = records;
    Ok(followed)
}

#[async_trait]
impl Extension for ReceiptsView {
    fn name(&self) -> &'static str {
        "receipts"
    }

    fn section(&self) -> Section {
        Section {
            html: include_str!("section.html"),
            script: include_str!("section.js"),
            style: include_str!("section.css"),
        }
    }

    async fn data(&self) -> Value {
        let mut state = self.state.lock().await;
        if state.looked.is_none_or(|looked| looked.elapsed() >= FRESH)
            && let Err(error) = state.refresh().await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "receipts could not be read");
        }
        json!({ "receipts": state.shown(self.with_acts), "supply": state.supply() })
    }
}

fn location_name(location: Location) -> &'static str {
    match location {
        Location::None => "none",
        Location::Active => "active",
        Location::LockPending => "lock-pending",
        Location::Remote => "remote",
        Location::Live => "live",
        Location::ReturnPending => "return-pending",
        Location::Gone => "gone",
        Location::Redeemed => "redeemed",
    }
}
