//! The engine between two real chains in this process, on SQLite: receipts cross, come back, time out, and survive
//! that the relayer is torn down at any moment.
#![allow(clippy::unwrap_used)]

mod endpoint;
mod evidence;
mod link;
mod misled;
mod nodes;
mod tendermint;
mod trust;

use adapter::ChainReader as _;
use adapter_evm::receipts::{Content, KnownReceipt, Location};
use link::{Side, facts, linked, node, now};
use relayer_core::{Limits, PacketState, PathId};
use relayer_engine::{Clock as _, Engine, EngineConfig, EngineHandle, PathHandles, SystemClock};
use relayer_store::{PacketQuery, PacketView, SqliteStore, Store, StoreError};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

fn path_id() -> PathId {
    "a-to-b".parse().unwrap()
}

fn config(sides: &[Side; 2]) -> EngineConfig {
    let [a, b] = sides;
    EngineConfig {
        owner: "test".to_owned(),
        paths: vec![PathHandles { id: path_id(), a: a.end.clone(), b: b.end.clone(), limits: Limits::default() }],
        limits: Limits { gap_check_millis: 1_000, event_patience_millis: 1_000, ..Limits::default() },
        seed: 1,
        poll_interval: Duration::from_millis(100),
        call_timeout: Duration::from_secs(10),
    }
}

struct Relayer {
    handle: EngineHandle,
    store: Arc<SqliteStore>,
}

async fn start(sides: &[Side; 2], folder: &Path) -> Relayer {
    start_with(config(sides), folder).await
}

async fn start_with(config: EngineConfig, folder: &Path) -> Relayer {
    let store = loop {
        // The one before may still be letting go of the file.
        match SqliteStore::open(&folder.join("relayer.db"), "test").await {
            Ok(store) => break Arc::new(store),
            Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let handle = Engine::start(config, Arc::clone(&store) as Arc<dyn Store>, Arc::new(SystemClock)).await.unwrap();
    Relayer { handle, store }
}

impl Relayer {
    async fn packets(&self) -> Vec<PacketView> {
        self.store.packets(&PacketQuery { limit: 1_000, ..PacketQuery::default() }).await.unwrap()
    }

    /// Waits until this many packets are known and all of them are settled.
    async fn settled(&self, count: usize) -> Vec<PacketView> {
        let started = SystemClock.now();
        loop {
            let packets = self.packets().await;
            if packets.len() == count && packets.iter().all(|packet| packet.row.state.is_settled()) {
                return packets;
            }
            let waited = SystemClock.now().millis_since(started);
            assert!(waited < 120_000, "not settled: {packets:#?}\n{:#?}", self.handle.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn issue(side: &Side, number: u8) -> KnownReceipt {
    let owner = side.owner.address();
    side.receipts.issue(&side.owner, [number; 32], &facts(), 5_000, owner, owner).await.unwrap().0
}

async fn lock(from: &Side, to: &Side, content: &Content, timeout: u64) {
    let there = to.owner.address();
    from.receipts.lock(&from.owner, &from.client, content, there, there, timeout).await.unwrap();
}

async fn location(home: &Side, at: &Side, issued: &KnownReceipt) -> Option<Location> {
    let home_ref = home.receipts.home_ref().await.unwrap();
    let key = at.receipts.key_of(home_ref, issued.content.lineage.uid).await.unwrap();
    at.receipts.record(key).await.ok().map(|record| record.location)
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_cross_and_come_back() {
    let folder = TempDir::new().unwrap();
    let sides = linked(node(92_001).await, node(92_002).await).await;
    let [a, b] = &sides;
    let relayer = start(&sides, folder.path()).await;
    let mut issued = Vec::new();
    for number in 1..=3 {
        issued.push(issue(a, number).await);
    }
    for receipt in &issued {
        lock(a, b, &receipt.content, now() + 3_600).await;
    }
    let packets = relayer.settled(3).await;
    assert!(packets.iter().all(|packet| packet.row.state == PacketState::Acknowledged), "{packets:#?}");
    for receipt in &issued {
        assert_eq!(location(a, a, receipt).await, Some(Location::Remote));
        assert_eq!(location(a, b, receipt).await, Some(Location::Live));
    }
    for known in b.receipts.known_now().await.unwrap() {
        let home = a.owner.address();
        b.receipts.return_receipt(&b.owner, &known.content, home, home, now() + 3_600).await.unwrap();
    }
    let packets = relayer.settled(6).await;
    assert!(packets.iter().all(|packet| packet.row.state == PacketState::Acknowledged), "{packets:#?}");
    for receipt in &issued {
        assert_eq!(location(a, a, receipt).await, Some(Location::Active));
        a.receipts.redeem(&a.owner, receipt.key).await.unwrap();
    }
    // Each step is proven done, carried by a stored transaction, with the evidence kept.
    for packet in &packets {
        let (path, direction, sequence) = (&packet.path, packet.direction, packet.row.sequence);
        assert_eq!(packet.steps.len(), 2, "{packet:#?}");
        let attempts = relayer.store.attempts(path, direction, sequence).await.unwrap();
        assert_eq!(attempts.len(), 2, "one transaction for each step: {attempts:#?}");
        let evidence = relayer.store.evidence(path, direction, sequence).await.unwrap();
        assert!(evidence.iter().filter(|evidence| evidence.step.is_some()).count() >= 2, "{evidence:#?}");
    }
    relayer.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_received_in_time_is_refunded() {
    let folder = TempDir::new().unwrap();
    let sides = linked(node(92_011).await, node(92_012).await).await;
    let [a, b] = &sides;
    let receipt = issue(a, 1).await;
    lock(a, b, &receipt.content, now() + 5).await;
    assert_eq!(location(a, a, &receipt).await, Some(Location::LockPending));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let relayer = start(&sides, folder.path()).await;
    let packets = relayer.settled(1).await;
    assert_eq!(packets[0].row.state, PacketState::TimedOut);
    assert_eq!(location(a, a, &receipt).await, Some(Location::Active));
    relayer.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_down_at_any_moment_it_loses_and_doubles_nothing() {
    const RECEIPTS: u8 = 12;
    let folder = TempDir::new().unwrap();
    let sides = linked(node(92_021).await, node(92_022).await).await;
    let [a, b] = &sides;
    let mut issued = Vec::new();
    for number in 1..=RECEIPTS {
        issued.push(issue(a, number).await);
    }
    let mut sent = issued.iter();
    for round in 0..14_u64 {
        let relayer = start(&sides, folder.path()).await;
        if let Some(receipt) = sent.next() {
            lock(a, b, &receipt.content, now() + 3_600).await;
        }
        // Later and later within a packet's life, so that every stage is met.
        tokio::time::sleep(Duration::from_millis(60 * round)).await;
        // Not stopped: dropped, with everything that runs.
        drop(relayer);
    }
    let relayer = start(&sides, folder.path()).await;
    let packets = relayer.settled(usize::from(RECEIPTS)).await;
    assert!(packets.iter().all(|packet| packet.row.state == PacketState::Acknowledged), "{packets:#?}");
    let next = a.chain.reader().unwrap().next_sequence_send(&a.client).await.unwrap();
    assert_eq!(next.value, u64::from(RECEIPTS) + 1);
    for receipt in &issued {
        assert_eq!(location(a, a, receipt).await, Some(Location::Remote));
        assert_eq!(location(a, b, receipt).await, Some(Location::Live));
    }
    relayer.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relayer_on_the_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relayer.db");
    let first = SqliteStore::open(&file, "the first one, process 7").await.unwrap();
    let refused = SqliteStore::open(&file, "the second one").await.unwrap_err();
    assert!(matches!(&refused, StoreError::InUse { owner, .. } if owner == "the first one, process 7"), "{refused}");
    // Looking is allowed, and only that.
    let looking = SqliteStore::look(&file).await.unwrap();
    assert!(looking.packets(&PacketQuery { limit: 1, ..PacketQuery::default() }).await.unwrap().is_empty());
    first.close().await;
    SqliteStore::open(&file, "the second one").await.unwrap();
}
