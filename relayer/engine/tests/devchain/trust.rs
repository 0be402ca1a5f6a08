//! What the relayer believes, what it remembers first, and what anyone else could do in its place.

use crate::{
    Relayer, config, issue,
    link::{Side, key, linked, node, now},
    location, lock,
    nodes::{Liar, Swallower, Witness},
    path_id, start, start_with,
};
use adapter::{ChainReader as _, ChainWriter, PacketEvent};
use adapter_evm::receipts::Location;
use light_client::Sequence;
use relayer_core::{Direction, Limits, PacketState, Step};
use relayer_engine::{Clock as _, EngineConfig, Notice, PathEnd, PathHandles, SystemClock};
use relayer_store::Store as _;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

const PATIENCE_MILLIS: u64 = 60_000;

/// Looks until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = SystemClock.now();
    while !is_so().await {
        assert!(SystemClock.now().millis_since(started) < PATIENCE_MILLIS, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn only_packet(relayer: &Relayer) -> relayer_store::PacketView {
    let mut packets = relayer.packets().await;
    assert_eq!(packets.len(), 1, "{packets:#?}");
    packets.remove(0)
}

/// Nodes of both chains tell that the packet was received, acknowledged and settled, and that the transactions which
/// carry it are in blocks. Nothing of it is so.
#[tokio::test(flavor = "multi_thread")]
async fn no_step_is_done_on_a_nodes_word() {
    let folder = TempDir::new().unwrap();
    let sides = linked(node(92_031).await, node(92_032).await).await;
    let [a, b] = &sides;
    let receipt = issue(a, 1).await;
    lock(a, b, &receipt.content, now() + 3_600).await;

    let (lies, said) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let mut config = config(&sides);
    // What was tried in vain meanwhile is soon tried again.
    config.limits.back_off_last_millis = 1_000;
    config.limits.stuck_millis = 2_000;
    let PathHandles { a: end_a, b: end_b, .. } = &mut config.paths[0];
    end_a.reader = Arc::new(Liar {
        inner: Arc::clone(&end_a.reader),
        tale: |source_client, height| {
            vec![PacketEvent::Settled { height, source_client, sequence: Sequence::FIRST, timed_out: false }]
        },
        client: end_a.client.clone(),
        lies: Arc::clone(&lies),
    });
    end_b.reader = Arc::new(Liar {
        inner: Arc::clone(&end_b.reader),
        tale: |client, height| {
            let (destination_client, sequence) = (client.clone(), Sequence::FIRST);
            let received = PacketEvent::Received { height, destination_client, sequence };
            let acknowledgement = b"all is well".to_vec();
            vec![received, PacketEvent::Acknowledged { height, destination_client: client, sequence, acknowledgement }]
        },
        client: end_b.client.clone(),
        lies: Arc::clone(&lies),
    });
    let inner = Arc::clone(&end_b.writer);
    end_b.writer = Arc::new(Swallower { inner, swallows: Arc::clone(&lies), said: Arc::clone(&said) });

    let relayer = start_with(config, folder.path()).await;
    let mut notices = relayer.handle.notices();
    let mut alerts = Vec::new();
    let false_acknowledgement =
        format!("a node of {} told of an acknowledgement of packet 1 that is not there", b.name);
    until("an alert, and transactions said to be made", async || {
        while let Ok(notice) = notices.try_recv() {
            if let Notice::Alert { message, .. } = notice {
                alerts.push(message);
            }
        }
        alerts.contains(&false_acknowledgement) && said.load(Ordering::SeqCst) > 2
    })
    .await;
    // A while longer, to be sure.
    for _ in 0..50 {
        let packet = only_packet(&relayer).await;
        assert!(packet.row.state <= PacketState::Sent, "{packet:#?}");
        assert!(packet.steps.is_empty(), "{packet:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(location(a, a, &receipt).await, Some(Location::LockPending));
    assert_ne!(location(a, b, &receipt).await, Some(Location::Live));

    // Once they tell the truth, it goes on as if nothing had been.
    lies.store(false, Ordering::SeqCst);
    let packet = relayer.settled(1).await.remove(0);
    assert_eq!((packet.row.state, packet.steps.len()), (PacketState::Acknowledged, 2), "{packet:#?}");
    assert_ne!(packet.acknowledgement.as_deref(), Some(b"all is well".as_slice()));
    assert_eq!(location(a, a, &receipt).await, Some(Location::Remote));
    assert_eq!(location(a, b, &receipt).await, Some(Location::Live));
    relayer.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_in_the_database_before_a_node_sees_it() {
    const RECEIPTS: u8 = 6;
    let folder = TempDir::new().unwrap();
    let sides = linked(node(92_041).await, node(92_042).await).await;
    let [a, b] = &sides;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut config = config(&sides);
    for end in config.paths.iter_mut().flat_map(|path| [&mut path.a, &mut path.b]) {
        end.writer = Arc::new(Witness {
            inner: Arc::clone(&end.writer),
            chain: end.chain.clone(),
            database: folder.path().join("relayer.db"),
            seen: Arc::clone(&seen),
        });
    }
    let relayer = start_with(config, folder.path()).await;
    for number in 1..=RECEIPTS {
        let receipt = issue(a, number).await;
        lock(a, b, &receipt.content, now() + 3_600).await;
    }
    relayer.settled(usize::from(RECEIPTS)).await;
    relayer.handle.stop().await;
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(seen.iter().all(|is_stored| *is_stored), "{seen:?}");
}

/// One relayer leaves a packet at every stage and is never seen again. Another one, with a key of its own, an empty database
/// and what the chains show to everyone, settles them all.
#[tokio::test(flavor = "multi_thread")]
async fn anyone_settles_what_a_relayer_left() {
    let sides = linked(node(92_051).await, node(92_052).await).await;
    let [a, b] = &sides;
    let [received, late, sent] = [issue(a, 1).await, issue(a, 2).await, issue(a, 3).await];

    // The first one delivers, and never gets its acknowledgement through.
    let folder = TempDir::new().unwrap();
    let mut first = config(&sides);
    for path in &mut first.paths {
        let (inner, swallows) = (Arc::clone(&path.a.writer), Arc::new(AtomicBool::new(true)));
        path.a.writer = Arc::new(Swallower { inner, swallows, said: Arc::default() });
    }
    let gone = start_with(first, folder.path()).await;
    lock(a, b, &received.content, now() + 3_600).await;
    until("the first packet is received", async || only_packet_state(&gone).await == Some(PacketState::Delivered))
        .await;
    gone.handle.stop().await;
    drop((gone.store, folder));
    lock(a, b, &late.content, now() + 4).await;
    lock(a, b, &sent.content, now() + 3_600).await;
    let deadline = now() + 4;
    until("the second packet is too late", async || {
        b.chain.reader().unwrap().head().await.unwrap().time.unix_seconds() > deadline
    })
    .await;
    assert_eq!(location(a, a, &received).await, Some(Location::LockPending));
    assert_eq!(location(a, b, &received).await, Some(Location::Live));
    assert_eq!(location(a, a, &late).await, Some(Location::LockPending));

    let folder = TempDir::new().unwrap();
    let relayer = start_with(by_a_stranger(&sides), folder.path()).await;
    let packets = relayer.settled(3).await;
    for (sequence, state, needed, receipt, places) in [
        (1, PacketState::Acknowledged, &[Step::Acknowledge][..], &received, [Location::Remote, Location::Live]),
        (2, PacketState::TimedOut, &[Step::Timeout][..], &late, [Location::Active, Location::None]),
        (
            3,
            PacketState::Acknowledged,
            &[Step::Receive, Step::Acknowledge][..],
            &sent,
            [Location::Remote, Location::Live],
        ),
    ] {
        let packet = packets.iter().find(|packet| packet.row.sequence.get() == sequence).unwrap();
        assert_eq!(packet.row.state, state, "{packet:#?}");
        assert_eq!(location(a, a, receipt).await, Some(places[0]), "{sequence}");
        assert_eq!(location(a, b, receipt).await.unwrap_or(Location::None), places[1], "{sequence}");
        // What was left to do was done by its own transactions.
        let attempts = relayer.store.attempts(&path_id(), Direction::AToB, packet.row.sequence).await.unwrap();
        let made = |step: &Step| attempts.iter().any(|attempt| attempt.step == *step);
        assert!(needed.iter().all(made), "{sequence}: {attempts:#?}");
        let signers = [a, b].map(|side| stranger(side).signer().to_owned());
        assert!(attempts.iter().all(|attempt| signers.contains(&attempt.signer.account)), "{attempts:#?}");
    }
    relayer.handle.stop().await;
    // Whoever was first finds it settled, having forgotten everything.
    let again = TempDir::new().unwrap();
    let relayer = start(&sides, again.path()).await;
    let states = |packets: &[relayer_store::PacketView]| {
        packets.iter().map(|packet| (packet.row.sequence, packet.row.state)).collect::<Vec<_>>()
    };
    assert_eq!(states(&relayer.settled(3).await), states(&packets));
    relayer.handle.stop().await;
}

async fn only_packet_state(relayer: &Relayer) -> Option<PacketState> {
    relayer.packets().await.first().map(|packet| packet.row.state)
}

/// The path for somebody who was told nothing but where the chains and their Routers are.
fn by_a_stranger(sides: &[Side; 2]) -> EngineConfig {
    let end = |side: &Side| PathEnd { bootstrap: None, writer: stranger(side), ..side.end.clone() };
    let [a, b] = sides.each_ref().map(end);
    EngineConfig { paths: vec![PathHandles { id: path_id(), a, b, limits: Limits::default() }], ..config(sides) }
}

/// An account that has nothing to do with anyone.
fn stranger(side: &Side) -> Arc<dyn ChainWriter> {
    Arc::new(side.chain.writer(key(side.node.chain().config().chain_id, 2)).unwrap())
}
