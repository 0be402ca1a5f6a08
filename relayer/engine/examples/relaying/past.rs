//! A database full of what was.

use light_client::{CommitmentHash, Height, Packet, Payload, Sequence};
use relayer_core::{Direction, Item, PacketRow, PacketState, PathId, Step, Told, UnixMillis, Write};
use relayer_store::{Guard, SqliteStore, Store as _};
use std::path::Path;

/// Settled packets of another path, as they are left behind: rows, bodies, acknowledgements and steps.
pub(crate) async fn remember(file: &Path, settled: u64) {
    let store = SqliteStore::open(file, "measuring").await.unwrap();
    let lease = store.lease("past", "measuring", UnixMillis::new(0), 1_000_000).await.unwrap();
    let guard = Guard { lease: "past".to_owned(), fence: lease.fence };
    let path: PathId = "past".parse().unwrap();
    let direction = Direction::AToB;
    let numbers: Vec<u64> = (1..=settled).collect();
    for chunk in numbers.chunks(1_000) {
        let mut writes: Vec<Write> = chunk.iter().flat_map(|number| writes_of(&path, direction, *number)).collect();
        writes.push(Write::KnownThrough { path: path.clone(), direction, sequence: chunk[chunk.len() - 1] });
        store.apply(&guard, &writes).await.unwrap();
    }
    store.close().await;
}

fn writes_of(path: &PathId, direction: Direction, number: u64) -> Vec<Write> {
    let sequence = Sequence::try_from(number).unwrap();
    let (height, at) = (Height::new(number), UnixMillis::new(number));
    let told = Told { commitment: CommitmentHash::new([7; 32]), timeout_seconds: 1, body_bytes: 900, height };
    let mut row = PacketRow::announced(sequence, told, at);
    row.advance(PacketState::Acknowledged, at);
    let packet = Packet {
        sequence,
        source_client: "qbft-0".parse().unwrap(),
        destination_client: "qbft-7".parse().unwrap(),
        timeout_seconds: 1,
        payloads: vec![Payload {
            source_port: "receipt".into(),
            destination_port: "receipt".into(),
            version: "wr-1".into(),
            encoding: "abi".into(),
            value: vec![5; 800],
        }],
    };
    let path = || path.clone();
    let done = |step| Write::StepDone { path: path(), item: Item { direction, sequence, step }, height, at };
    vec![
        Write::Packet { path: path(), direction, row },
        Write::Body { path: path(), direction, packet: packet.into() },
        Write::Acknowledgement { path: path(), direction, sequence, bytes: vec![1; 64].into() },
        done(Step::Receive),
        done(Step::Acknowledge),
    ]
}
