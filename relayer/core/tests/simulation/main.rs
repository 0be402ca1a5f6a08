//! The deterministic simulation of the relayer's decisions: one seed, one run.
//!
//! Run one seed, with its trace: `SIMULATION_SEED=42 cargo test -p relayer-core --release --test simulation -- --nocapture`.
//! Run more seeds: `SIMULATION_SEEDS=5000 cargo test -p relayer-core --release --test simulation`.

mod answers;
mod chain;
mod check;
mod outage;
mod random;
mod world;

use relayer_core::{End, UnixMillis};
use relayer_store::{Guard, MemoryStore, SqliteStore, Store};
use std::collections::BTreeSet;
use world::{Summary, World};

/// Seeds that the test command runs.
const SEEDS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs a seed; a violation ends the test and says how to see it again.
fn run(seed: u64, verbose: bool) -> Summary {
    let mut world = World::new(seed);
    world.verbose = verbose;
    match world.run() {
        Ok(summary) => summary,
        Err((violation, log)) => {
            let tail = log.len().saturating_sub(number("SIMULATION_LINES").unwrap_or(400) as usize);
            panic!(
                "{}\nseed {seed}: {violation}\nagain: SIMULATION_SEED={seed} cargo test -p relayer-core --release --test simulation -- --nocapture",
                log[tail..].join("\n")
            );
        }
    }
}

#[test]
fn seeds_keep_safety_and_reach_liveness() {
    if let Some(seed) = number("SIMULATION_SEED") {
        run(seed, true);
        return;
    }
    let (mut packets, mut crashes, mut outages, mut alerts) = (0, 0, 0, BTreeSet::new());
    for seed in 0..number("SIMULATION_SEEDS").unwrap_or(SEEDS) {
        let summary = run(seed, false);
        packets += summary.packets;
        crashes += summary.crashes;
        outages += summary.outages;
        alerts.extend(summary.alerts);
    }
    // A simulation in which nothing happens proves nothing.
    assert!(packets > 5_000, "only {packets} packets were sent");
    assert!(crashes > 500, "only {crashes} crashes happened");
    assert!(outages > 500, "only {outages} writes were refused");
    for kind in ["FalsePacket", "FalseAcknowledgement", "Gap", "NonceLost", "Parked", "Inconsistent"] {
        assert!(alerts.contains(kind), "no run met {kind}");
    }
}

/// What the machines wrote in memory, written through SQLite, gives the same starts.
#[test]
fn traces_run_through_sqlite() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for seed in 100..106 {
            let summary = run(seed, false);
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("relayer.db");
            let stores: [Box<dyn Store>; 2] = [
                Box::new(MemoryStore::new()),
                Box::new(SqliteStore::open(&file, "simulation").await.expect("a database")),
            ];
            let mut starts = Vec::new();
            for store in &stores {
                let lease = store.lease("relayer", "x", UnixMillis::new(0), 1_000).await.expect("a free lease");
                let guard = Guard { lease: "relayer".to_owned(), fence: lease.fence };
                let mut seen = Vec::new();
                for (number, writes) in summary.persisted.iter().enumerate() {
                    store.apply(&guard, writes).await.expect("a machine writes what every store takes");
                    // A start after every change would take long; some come at every stage.
                    if number % 16 == 0 || number + 1 == summary.persisted.len() {
                        for path in &summary.paths {
                            seen.push(format!("{:?}", store.path(path).await.expect("a start")));
                        }
                        for end in End::BOTH {
                            seen.push(format!("{:?}", store.signer(&world::signer_id(end)).await.expect("a start")));
                        }
                    }
                }
                starts.push(seen);
            }
            let [memory, sqlite] = starts.as_slice() else { panic!("two stores") };
            assert!(memory.len() > 20 && memory == sqlite, "seed {seed}");
        }
    });
}

#[test]
fn a_seed_reproduces_exactly() {
    for seed in 1..12 {
        let (first, second) = (run(seed, false), run(seed, false));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.persisted, second.persisted, "seed {seed}");
    }
    assert_ne!(run(1, false).hash, run(2, false).hash);
}
