//! Measures how long the real relayer takes to work again after `kill -9`.
//!
//! `cargo bench --workspace --bench restart`
//!
//! Two chains run as processes of their own. `lighterman start` is started and killed again and again, each time at
//! another moment; before each start receipts are locked, so that there is always something to relay. What is measured is
//! the time from the start of the process until it says where its page is, and until it sends a new transaction: by the
//! arrival of its lines. The result is one line of JSON.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

#[path = "../tests/support/merchant.rs"]
mod merchant;
#[path = "../tests/support/mod.rs"]
mod support;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use merchant::{Side, issue, later, linked};
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};
use support::{Site, TestResult, lighterman};

/// Receipts that begin to cross before each start; what was under way when the relayer was killed comes on top.
const RECEIPTS: usize = 60;
/// Receipts on their way to the chain at the same time.
const SENDERS: usize = 24;
/// How often the relayer is killed.
const KILLS: usize = 30;

fn main() -> TestResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (site, _chains, sides) = runtime.block_on(linked(&[]))?;

    let (mut started, mut sent) = (Vec::new(), Vec::new());
    for round in 0..KILLS {
        eprintln!("round {round} of {KILLS}");
        runtime.block_on(send(&sides, round))?;
        let times = start_and_kill(&site, Duration::from_millis(5 + round as u64 * 37 % 450))?;
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
async fn send([a, b]: &[Side; 2], round: usize) -> TestResult {
    let (merchant, timeout) = (b.account.address(), later(a).await?);
    let send = |number: usize| async move {
        let receipt = issue(a, number).await?;
        a.receipts.lock(&a.account, &a.client, &receipt.content, merchant, merchant, timeout).await?;
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
