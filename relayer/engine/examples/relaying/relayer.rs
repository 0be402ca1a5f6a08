//! The process that is measured: an engine on SQLite, and as little else as possible.

use crate::{
    chains::CHAIN_IDS,
    link::{free_of_charge, path_end},
    now_micros,
};
use adapter_evm::EvmChain;
use relayer_core::{Limits, PacketState, PathId};
use relayer_engine::{Engine, EngineConfig, EngineHandle, Notice, PathEnd, PathHandles, SystemClock};
use relayer_store::{SqliteStore, Store};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// How often the number of pending packets is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What is to be measured.
pub(crate) struct Task {
    pub(crate) database: PathBuf,
    pub(crate) packets: u64,
    pub(crate) idle_seconds: u64,
    /// When this process was started.
    pub(crate) started_micros: u128,
    /// The two chains, as they describe themselves.
    pub(crate) ends: [String; 2],
}

fn path_id() -> PathId {
    "a-to-b".parse().unwrap()
}

async fn end(chain_id: u64, line: &str) -> PathEnd {
    let [name, url, router, height, client]: [&str; 5] =
        line.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
    let mut config = free_of_charge(chain_id, url);
    config.router = Some(router.parse().unwrap());
    config.router_height = height.parse().unwrap();
    path_end(name, &EvmChain::connect(config).await.unwrap(), &client.parse().unwrap()).await
}

async fn start(store: &Arc<SqliteStore>, ends: &[String; 2]) -> EngineHandle {
    let [a, b] = ends;
    let (a, b) = tokio::join!(end(CHAIN_IDS[0], a), end(CHAIN_IDS[1], b));
    let config = EngineConfig {
        owner: "measuring".to_owned(),
        paths: vec![PathHandles { id: path_id(), a, b, limits: Limits::default() }],
        limits: Limits::default(),
        seed: 1,
        poll_interval: Duration::from_millis(250),
        call_timeout: Duration::from_secs(20),
    };
    Engine::start(config, Arc::clone(store) as Arc<dyn Store>, Arc::new(SystemClock)).await.unwrap()
}

/// How many packets are unsettled, and how many are settled.
async fn counts(store: &SqliteStore) -> [u64; 2] {
    let (mut pending, mut settled) = (0, 0);
    for (state, count) in store.counts(&path_id()).await.unwrap().iter().flat_map(|c| PacketState::ALL.iter().zip(c)) {
        *if state.is_settled() { &mut settled } else { &mut pending } += count;
    }
    [pending, settled]
}

/// Lets a relayer hear of all packets, and ends it. A few may be relayed already.
pub(crate) async fn learn(database: &Path, ends: &[String; 2], packets: u64) {
    let store = Arc::new(SqliteStore::open(database, "learning").await.unwrap());
    let engine = start(&store, ends).await;
    while counts(&store).await.iter().sum::<u64>() < packets {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    engine.stop().await;
    Arc::into_inner(store).unwrap().close().await;
}

/// Relays everything and prints what it took.
pub(crate) async fn measure(task: Task) {
    let store = Arc::new(SqliteStore::open(&task.database, "measuring").await.unwrap());
    let opened = now_micros() - task.started_micros;
    let [pending_at_start, settled_at_start] = counts(&store).await;
    let engine = start(&store, &task.ends).await;
    let mut notices = engine.notices();
    let first_relay = loop {
        if matches!(notices.recv().await, Ok(Notice::Sent { .. })) {
            break now_micros() - task.started_micros;
        }
    };
    // Nobody listens from here on, as when no page is open.
    drop(notices);

    let began = Instant::now();
    let mut memory = vec![resident_mib()];
    let mut most = memory[0];
    loop {
        tokio::time::sleep(LOOK).await;
        let now = resident_mib();
        most = most.max(now);
        if memory.len() as u64 <= began.elapsed().as_secs() {
            memory.push(now);
        }
        if counts(&store).await[1] >= task.packets {
            break;
        }
    }
    let (cpu, relayed) = (cpu_millis(), task.packets - settled_at_start);
    let seconds = (now_micros() - task.started_micros) as f64 / 1e6;
    let sent: u64 = engine.status().signers.iter().map(|signer| signer.included + signer.replaced).sum();
    for _ in 0..task.idle_seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(resident_mib());
    }
    let idle_cpu = cpu_millis() - cpu;
    let each_second: Vec<String> = memory.iter().map(|mib| format!("{mib:.0}")).collect();
    println!(
        "\"pending_at_start\":{pending_at_start},\"relayed\":{relayed},\"transactions\":{sent},\"seconds\":{seconds:.2},\
         \"cpu_ms\":{cpu},\"cpu_ms_per_packet\":{:.3},\"idle_cpu_ms\":{idle_cpu},\"open_ms\":{},\"first_relay_ms\":{},\
         \"resident_mib_most\":{most:.0},\"resident_mib_each_second\":[{}]}}",
        cpu as f64 / relayed.max(1) as f64,
        opened / 1_000,
        first_relay / 1_000,
        each_second.join(","),
    );
    engine.stop().await;
}

/// User and system time of this process since it began, in milliseconds.
fn cpu_millis() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split_whitespace().collect();
    // Fields 14 and 15 of the manual, counted after the name; the kernel reports in hundredths of a second.
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}
