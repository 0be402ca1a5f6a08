//! How fast ICS-20 packets of IBC v2 go from one real ibc-go chain to another, and what the relayer takes for it:
//! `cargo bench --workspace --bench transfers -- 1000`. One validator a chain, a block each second, one account a side.
//!
//! Prints one JSON object: seconds from the first packet handed to a node until the last one's commitment is gone, CPU
//! time of the relayer's process in that time, the greatest memory that it ever had, what it takes while nothing is sent;
//! and for single packets, one after another, the seconds until each was received and acknowledged.

#![allow(clippy::print_stdout)]

#[path = "../tests/independent_node/transfers/chain.rs"]
#[allow(dead_code, reason = "a scenario uses more of it")]
mod chain;
#[path = "../tests/independent_node/relayer.rs"]
#[allow(dead_code, reason = "a scenario uses more of it")]
mod relayer;
#[path = "../tests/independent_node/transfers/stage.rs"]
mod stage;
#[path = "../tests/independent_node/story.rs"]
#[allow(dead_code, reason = "a scenario uses more of it")]
mod story;

use adapter_cosmos::{
    AccountKey, CosmosAccount, CosmosChain, CosmosConfig, EndpointConfig, KeyKind, TendermintConfig, TendermintRpc,
    Transfer, TransferEncoding,
};
use chain::{Chain, Stored};
use futures::future::try_join_all;
use light_client::{ClientId, Payload};
use serde_json::json;
use stage::Stage;
use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use story::Outcome;

/// Packets in one transaction of the sender.
const PACKETS_A_TRANSACTION: usize = 100;
/// Single packets, one after another.
const SINGLE_PACKETS: u32 = 10;
/// Ticks of `/proc/PID/stat` in a second: USER_HZ of Linux.
const TICKS_A_SECOND: f64 = 100.0;
/// How long nothing is sent, to see what idleness costs.
const IDLE: Duration = Duration::from_secs(10);
/// How often it is looked whether a packet is through.
const LOOK: Duration = Duration::from_millis(50);
/// The coin that is sent.
const COIN: &str = "token";
/// What a transaction of the sender may use.
const MAX_GAS: u64 = 100_000_000;
/// Longest wait for all packets.
const LIMIT: Duration = Duration::from_secs(600);

fn main() -> Outcome {
    // Cargo adds `--bench`.
    let number = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let packets = number.map_or(Ok(1_000), |text| text.parse::<usize>())?;
    e2e::cosmos::build(e2e::cosmos::Kind::Simd)?;
    let directory = tempfile::tempdir()?;
    let mut stage = Stage::set(directory.path())?;
    let relayer = stage.relayer.process_id().ok_or("the relayer does not run")?;
    let [a, b] = &stage.chains;
    // Its own thread notices when a node closes a connection, also while this one sleeps.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sender = runtime.block_on(sender(a))?;
    let (client, receiver) = (a.client.parse::<ClientId>()?, b.holder()?.address.clone());
    let payload = transfer(&sender, &receiver);
    let timeout = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3_600;

    let mut single = Vec::new();
    for index in 0..SINGLE_PACKETS {
        // At another moment between two blocks each time.
        std::thread::sleep(Duration::from_secs(1) * index / SINGLE_PACKETS);
        let began = Instant::now();
        let (sequences, _) = runtime.block_on(sender.send_packets(&client, timeout, std::slice::from_ref(&payload)))?;
        let sequence = sequences.first().ok_or("no packet")?.get();
        wait(|| Ok(b.stored(Stored::Receipt, sequence)?.is_some()))?;
        let received = began.elapsed().as_secs_f64();
        wait(|| Ok(a.stored(Stored::Commitment, sequence)?.is_none()))?;
        single.push(json!({"received_seconds": received, "acknowledged_seconds": began.elapsed().as_secs_f64()}));
    }

    let idle_before = cpu_seconds(relayer)?;
    std::thread::sleep(IDLE);
    let idle = (cpu_seconds(relayer)? - idle_before) / IDLE.as_secs_f64();

    let (began, cpu_before) = (Instant::now(), cpu_seconds(relayer)?);
    let mut left = packets;
    let mut transactions = Vec::new();
    while left > 0 {
        let count = left.min(PACKETS_A_TRANSACTION);
        transactions.push(vec![payload.clone(); count]);
        left -= count;
    }
    let sends = transactions.iter().map(|payloads| sender.send_packets(&client, timeout, payloads));
    let sent = runtime.block_on(try_join_all(sends))?;
    let sent_seconds = began.elapsed().as_secs_f64();
    let mut seconds = 0.0;
    // The last one first: what is through before it then costs no waiting, and hardly a question.
    for sequence in sent.iter().flat_map(|(sequences, _)| sequences).rev() {
        if a.stored(Stored::Commitment, sequence.get())?.is_some() || seconds == 0.0 {
            wait(|| Ok(a.stored(Stored::Commitment, sequence.get())?.is_none()))?;
            seconds = began.elapsed().as_secs_f64();
        }
    }
    let cpu = cpu_seconds(relayer)? - cpu_before;
    let count = f64::from(u32::try_from(packets)?);
    let report = json!({
        "packets": packets,
        "sent_seconds": sent_seconds,
        "acknowledged_seconds": seconds,
        "packets_a_second": count / seconds,
        "cpu_milliseconds_a_packet": cpu * 1_000.0 / count,
        "idle_cpu_percent_of_a_core": idle * 100.0,
        "peak_memory_kibibytes": peak_memory(relayer)?,
        "single": single,
    });
    println!("{report:#}");
    stage.relayer.end()
}

/// Who sends on a chain.
async fn sender(chain: &Chain) -> Outcome<CosmosAccount> {
    let endpoint = EndpointConfig::new(chain.network.rpc(0)?.url());
    let rpc = TendermintRpc::connect(TendermintConfig::new(chain.network.chain_id().parse()?, vec![endpoint])).await?;
    let config = CosmosConfig { max_gas: MAX_GAS, ..CosmosConfig::new("cosmos", "0stake".parse()?) };
    let key = AccountKey::from_secret(KeyKind::Secp256k1, &hex::decode(&chain.holder()?.private_key)?)?;
    Ok(CosmosChain::new(rpc, config).account(key)?)
}

fn transfer(sender: &CosmosAccount, receiver: &str) -> Payload {
    let transfer = Transfer {
        denom: COIN.to_owned(),
        amount: 1,
        sender: sender.address().to_owned(),
        receiver: receiver.to_owned(),
        memo: String::new(),
    };
    transfer.payload(TransferEncoding::Protobuf)
}

/// Asks until it is so.
fn wait(mut is_so: impl FnMut() -> Outcome<bool>) -> Outcome {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > LIMIT {
            return Err(format!("expected all packets to be through in {LIMIT:?}").into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// User and system time of a process since it began.
fn cpu_seconds(process: u32) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Fields 14 and 15 of proc(5), counted after the name.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| Outcome::Ok(fields.get(index).ok_or("no such field")?.parse::<f64>()?);
    Ok((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

/// The most resident memory that a process ever had, in KiB.
fn peak_memory(process: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
