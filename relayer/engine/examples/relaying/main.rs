//! Measures the relayer: CPU for each packet, memory, and the time from the start of its process to its first
//! transaction, also with a database full of what was.
//!
//! `cargo run --release --workspace --example relaying -- [--packets 1000] [--settled 0] [--known] [--idle 0]`
//!
//! Two development chains run in one child process, which sends all receipts before anything is measured, so that batches
//! are full. The relayer runs in another one and does nothing else. With `--settled N` its database first gets N settled
//! packets of another path's past; with `--known` it has also heard of all packets before: they are pending when the
//! measured process starts. After the last packet it stays for `--idle` seconds. The result is one line of JSON.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod chains;
#[path = "../../tests/devchain/link.rs"]
mod link;
mod past;
mod relayer;

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // As `lighterman` runs: a relayer on one thread, chains on several.
    let mut builder = match texts.as_slice() {
        ["relayer", ..] => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().unwrap();
    match texts.as_slice() {
        ["chains", packets] => runtime.block_on(chains::run(packets.parse().unwrap())),
        ["relayer", database, packets, idle, started, a, b] => runtime.block_on(relayer::measure(relayer::Task {
            database: database.into(),
            packets: packets.parse().unwrap(),
            idle_seconds: idle.parse().unwrap(),
            started_micros: started.parse().unwrap(),
            ends: [(*a).to_owned(), (*b).to_owned()],
        })),
        options => runtime.block_on(all(options)),
    }
}

/// Unix time, which two processes share.
fn now_micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

async fn all(options: &[&str]) {
    let number = |name: &str, default: u64| {
        let value = options.iter().position(|option| *option == name).and_then(|at| options.get(at + 1));
        value.map_or(default, |text| text.parse().unwrap())
    };
    let (packets, settled, idle) = (number("--packets", 1_000), number("--settled", 0), number("--idle", 0));

    eprintln!("sending {packets} receipts …");
    let mut chains = this_program(&["chains", &packets.to_string()]);
    let mut lines = BufReader::new(chains.stdout.take().unwrap()).lines();
    let ends = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()];

    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("relayer.db");
    if settled > 0 {
        eprintln!("remembering {settled} settled packets …");
        past::remember(&database, settled).await;
    }
    if options.contains(&"--known") {
        eprintln!("hearing of {packets} packets …");
        relayer::learn(&database, &ends, packets).await;
    }

    eprintln!("relaying …");
    let [a, b] = &ends;
    let (packets, idle, started) = (packets.to_string(), idle.to_string(), now_micros().to_string());
    let mut relayer = this_program(&["relayer", &database.to_string_lossy(), &packets, &idle, &started, a, b]);
    let mut out = BufReader::new(relayer.stdout.take().unwrap()).lines();
    println!("{{\"settled_before\":{settled},{}", out.next().unwrap().unwrap());
    assert!(relayer.wait().unwrap().success());
    drop(chains.stdin.take());
    chains.wait().unwrap();
}

fn this_program(arguments: &[&str]) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}
