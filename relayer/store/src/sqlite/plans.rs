//! Start-up reads what is unsettled, not what ever was: by the plan of every query it makes, and by the work they do.

use super::{RELEASE_ALL, SqliteStore, options, read};
use crate::{Guard, Store as _};
use light_client::{CommitmentHash, Height, Packet, Payload, Sequence};
use relayer_core::{
    Attempt, Bid, CLOSED_NONCES_KEPT, Direction, End, Evidence, EvidenceKind, Item, NonceEnd, PacketRow, PacketState,
    PathId, Purpose, SignerId, Step, Told, UnixMillis, Waiting, Write,
};
use sqlx::{Row as _, SqlitePool, sqlite::SqlitePoolOptions};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;

/// Unsettled packets of the database, whatever its history.
const PENDING: u64 = 9;
const NOW: UnixMillis = UnixMillis::new(1_000);
const LEASE: &str = "all";

async fn plan(pool: &SqlitePool, query: &str) -> Vec<String> {
    let explain = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")));
    explain.fetch_all(pool).await.unwrap().iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn no_query_of_a_start_reads_a_table_through() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&folder.path().join("relayer.db"), "test").await.unwrap();
    assert!(read::STARTS.len() > 10, "the list has lost its queries");
    for query in read::STARTS {
        let plan = plan(&store.writer, query).await;
        // A scan reads every row; an automatic index is made of every row.
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{query}\n{plan:#?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{query}\n{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("AUTOMATIC")), "{query}\n{plan:#?}");
    }
    let pending = plan(&store.writer, read::PENDING).await;
    assert!(pending.iter().any(|step| step.contains("USING INDEX packets_pending (path=?)")), "{pending:#?}");
    for query in [read::OPEN_OF_PATH, read::OPEN_OF_SIGNER] {
        let open = plan(&store.writer, query).await;
        assert!(open.iter().any(|step| step.contains("USING INDEX nonces_open")), "{open:#?}");
    }
    // Of leases there is one for each path and signer: these are read through, and only these.
    let leases = plan(&store.writer, RELEASE_ALL).await;
    assert_eq!(leases, ["SCAN leases"]);
}

#[tokio::test]
async fn a_start_costs_the_same_after_any_history() {
    let kept = u64::try_from(CLOSED_NONCES_KEPT).unwrap();
    let (young, old) = (work_of_a_start(kept + 5).await, work_of_a_start(kept + 2_005).await);
    assert!(young > 1_000, "a start that does nothing shows nothing: {young} instructions");
    assert_eq!(young, old, "instructions after {} and {} settled packets", kept + 5, kept + 2_005);
}

/// How many instructions of SQLite's machine it takes to read what machines start from.
async fn work_of_a_start(settled: u64) -> u64 {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relayer.db");
    let store = SqliteStore::open(&file, "test").await.unwrap();
    fill(&store, settled).await;
    store.close().await;

    let instructions = Arc::new(AtomicU64::new(0));
    let mut store = SqliteStore::open(&file, "test").await.unwrap();
    let counter = Arc::clone(&instructions);
    let counting = SqlitePoolOptions::new().max_connections(1).after_connect(move |connection, _| {
        let counter = Arc::clone(&counter);
        Box::pin(async move {
            let each = move || counter.fetch_add(1, Ordering::Relaxed) < u64::MAX;
            connection.lock_handle().await?.set_progress_handler(1, each);
            Ok(())
        })
    });
    store.readers = counting.connect_with(options(&file).read_only(true)).await.unwrap();
    instructions.store(0, Ordering::Relaxed);

    let start = store.path(&path()).await.unwrap();
    let [forward, back] = &start.directions;
    assert_eq!((forward.pending.len() as u64, back.pending.len()), (PENDING, 0));
    assert_eq!((forward.known_through, forward.known_beyond.len() as u64), (settled, PENDING));
    assert_eq!(start.open.len(), 1);
    let start = store.signer(&signer()).await.unwrap();
    assert_eq!((start.open.len(), start.closed.len()), (1, CLOSED_NONCES_KEPT));
    instructions.load(Ordering::Relaxed)
}

/// A database in which this many packets were settled, each by a transaction of its own, and a few wait.
async fn fill(store: &SqliteStore, settled: u64) {
    let lease = store.lease(LEASE, "test", NOW, 1_000).await.unwrap();
    let guard = Guard { lease: LEASE.to_owned(), fence: lease.fence };
    let mut writes = Vec::new();
    for number in 1..=settled {
        writes.extend(packet(number, PacketState::Acknowledged));
        writes.extend(transaction(number, &[number]));
        let end = NonceEnd::Included { hash: [1; 32], height: Height::new(number), success: true, gas_used: 1 };
        writes.push(Write::NonceEnd { signer: signer(), nonce: number, end, at: NOW });
    }
    writes.push(Write::KnownThrough { path: path(), direction: Direction::AToB, sequence: settled });
    let waiting: Vec<u64> = (settled + 1..=settled + PENDING).collect();
    for number in &waiting {
        writes.extend(packet(*number, PacketState::Sent));
    }
    writes.extend(transaction(settled + 1, &waiting));
    store.apply(&guard, &writes).await.unwrap();
}

fn packet(number: u64, state: PacketState) -> Vec<Write> {
    let (path, direction, sequence) = (path(), Direction::AToB, sequence(number));
    let told = Told {
        commitment: CommitmentHash::new([7; 32]),
        timeout_seconds: number,
        body_bytes: 9,
        height: Height::new(number),
    };
    let mut row = PacketRow::announced(sequence, told, NOW);
    row.state = state;
    row.waiting = if state.is_settled() { Waiting::Nothing } else { Waiting::Turn };
    let payload = Payload {
        source_port: "receipt".to_owned(),
        destination_port: "receipt".to_owned(),
        version: "wr-1".to_owned(),
        encoding: "abi".to_owned(),
        value: vec![7; 40],
    };
    let packet = Packet {
        sequence,
        source_client: "qbft-0".parse().unwrap(),
        destination_client: "qbft-1".parse().unwrap(),
        timeout_seconds: number,
        payloads: vec![payload],
    };
    let mut writes = vec![
        Write::Packet { path: path.clone(), direction, row },
        Write::Body { path: path.clone(), direction, packet: packet.into() },
    ];
    if state.is_settled() {
        let height = Height::new(number);
        writes.push(Write::Acknowledgement { path: path.clone(), direction, sequence, bytes: vec![1].into() });
        for step in [Step::Receive, Step::Acknowledge] {
            writes.push(Write::StepDone {
                path: path.clone(),
                item: Item { direction, sequence, step },
                height,
                at: NOW,
            });
        }
    }
    writes
}

fn transaction(nonce: u64, sequences: &[u64]) -> Vec<Write> {
    let item = |number: &u64| Item { direction: Direction::AToB, sequence: sequence(*number), step: Step::Receive };
    let items = sequences.iter().map(item).collect();
    let purpose = Purpose { path: path(), host: End::B, batch: nonce, update: Some(Height::new(nonce)), items };
    let mut hash = [2; 32];
    hash[..8].copy_from_slice(&nonce.to_be_bytes());
    let attempt = Attempt {
        number: 1,
        hash,
        raw: vec![3; 60],
        bid: Bid::Legacy { gas_price: 0 },
        gas_limit: 1,
        cancels: false,
        signed: NOW,
    };
    let evidence = Evidence {
        kind: EvidenceKind::Proof,
        end: End::A,
        height: Height::new(nonce),
        batch: nonce,
        step: Some(Step::Receive),
        bytes: nonce.to_be_bytes().to_vec(),
    };
    vec![
        Write::Evidence { path: path(), evidence },
        Write::Nonce { signer: signer(), nonce, purpose: Some(purpose), at: NOW },
        Write::Attempt { signer: signer(), nonce, attempt },
    ]
}

fn path() -> PathId {
    "shfe-to-bank".parse().unwrap()
}

fn signer() -> SignerId {
    SignerId { chain: "shfe".to_owned(), account: "0xaa".to_owned() }
}

fn sequence(number: u64) -> Sequence {
    Sequence::try_from(number).unwrap()
}
