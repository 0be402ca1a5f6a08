//! Measures how long the real relayer takes to work again after `kill -9`.
//!
//! `cargo bench --workspace --bench restart`
//!
//! Two chains run as processes of their own. `lighterman start` is started and killed again and again, each time at
//! another moment; before each start receipts are locked, so that there is always something to relay. What is measured is
//! the time from the start of the process until it says where its page is, and until it sends a new transaction: by the
//! arrival of its lines. The result is one line of JSON.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use adapter::ChainReader as _;
use adapter_evm::{EndpointConfig, EvmChain, EvmConfig, Key, KeySource, password_from_file, receipts::Facts};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use light_client::ClientId;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};
use support::{Site, TestResult, lighterman, run_well};

/// Receipts that begin to cross before each start; what was under way when the relayer was killed comes on top.
const RECEIPTS: u64 = 60;
/// Receipts on their way to the chain at the same time.
const SENDERS: usize = 24;
/// How often the relayer is killed.
const KILLS: u64 = 30;

fn main() -> TestResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let site = Site::new()?;
    let password = site.path().join("password");
    run_well(site.path(), &["keys", "new", "merchant", "--password-file", &password.to_string_lossy()])?;
    for name in ["a", "b"] {
        let file = format!("chains/devchain-{name}.toml");
        site.change(&file, "account = \"key:operator\"", "account = \"key:merchant\"")?;
    }
    let _chains = [site.chain("a", &["--fund", "key:merchant"])?, site.chain("b", &["--fund", "key:merchant"])?];
    run_well(site.path(), &["deploy", "devchain-a"])?;
    run_well(site.path(), &["deploy", "devchain-b"])?;
    run_well(site.path(), &["link", "devchain-a-devchain-b", "--yes"])?;

    let (mut started, mut sent) = (Vec::new(), Vec::new());
    for round in 0..KILLS {
        eprintln!("round {round} of {KILLS}");
        runtime.block_on(send(&site, round))?;
        let times = start_and_kill(&site, Duration::from_millis(5 + round * 37 % 450))?;
        started.push(times.0);
        sent.push(times.1);
    }
    println!(
        "{{\"kills\":{KILLS},\"receipts_before_each\":{RECEIPTS},\"page_ms\":{},\"first_transaction_ms\":{}}}",
        summary(&mut started),
        summary(&mut sent)
    );
    Ok(())
}

/// Issues receipts and locks them.
async fn send(site: &Site, round: u64) -> TestResult {
    let toml: toml::Table = fs::read_to_string(site.path().join("chains/devchain-a.toml"))?.parse()?;
    let address = |key: &str| -> TestResult<adapter_evm::Address> {
        Ok(toml["contracts"][key].as_str().ok_or("no address")?.parse()?)
    };
    let chain_id = u64::try_from(toml["chain_id"].as_integer().ok_or("no chain id")?)?;
    let client: ClientId = "qbft-0".parse()?;
    let url = format!("http://127.0.0.1:{}", site.ports[0]);
    let mut config = EvmConfig::new(chain_id, vec![EndpointConfig::new(url)]);
    config.router = Some(address("router")?);
    let evm = EvmChain::connect(config).await?;
    let source = KeySource::Keystore(site.path().join("keys/merchant.json"));
    let account = &evm.account(Key::load(&source, |_| password_from_file(&site.path().join("password")))?);
    let receipts = &evm.receipts(address("ledger")?, address("bridge")?);
    let timeout = evm.reader()?.head().await?.time.unix_seconds() + 3_600;
    let (merchant, client) = (account.address(), &client);
    let custodian = alloy_primitives::B256::right_padding_from(b"warehouse-a").0;
    let send = |number: u64| async move {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let facts = Facts { custodian, unit: *b"KGM\0", issued_at: 1, ..Facts::default() };
        let (receipt, _) = receipts.issue(account, seed, &facts, 1_000, merchant, merchant).await?;
        receipts.lock(account, client, &receipt.content, merchant, merchant, timeout).await?;
        TestResult::Ok(())
    };
    stream::iter(round * RECEIPTS..(round + 1) * RECEIPTS).map(Ok).try_for_each_concurrent(SENDERS, send).await
}

/// Starts the relayer and kills it this long after its first transaction; how long it took to show its page, and to send.
fn start_and_kill(site: &Site, later: Duration) -> TestResult<(Duration, Duration)> {
    let mut command = lighterman(site.path());
    command.args(["--log-level", "warn,relayer_engine=info", "start", "--json"]);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let out = child.stdout.take().ok_or("no standard output")?;
    let page = std::thread::spawn(move || {
        let _ = BufReader::new(out).read_line(&mut String::new());
        began.elapsed()
    });
    let mut log = BufReader::new(child.stderr.take().ok_or("no standard error")?);
    let mut line = String::new();
    let sent = loop {
        line.clear();
        if log.read_line(&mut line)? == 0 {
            return Err("the relayer ended before it sent anything".into());
        }
        if line.contains("sending") {
            break began.elapsed();
        }
    };
    // Nobody reads the rest; a full pipe must not stop the process.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    std::thread::sleep(later);
    child.kill()?;
    child.wait()?;
    Ok((page.join().map_err(|_| "no first line")?, sent))
}

fn summary(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |index: usize| times.get(index).map_or(0, Duration::as_millis);
    let (least, median, most) = (at(0), at(times.len() / 2), at(times.len() - 1));
    format!("{{\"least\":{least},\"median\":{median},\"most\":{most}}}")
}
