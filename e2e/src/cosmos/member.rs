//! One node: its ports and its process.

use super::error::{CosmosError, io_error};
use super::files::Home;
use super::kind::Kind;
use crate::json_rpc::Endpoint;
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Where ports are looked for: below those that systems give to outgoing connections, so that a node that was stopped
/// finds its ports free when it is started again.
const PORTS: (u16, u16) = (20_000, 31_999);

/// Longest wait for a node to end by itself before it is killed; it does so itself after ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Characters of a log that an error shows.
const SHOWN: usize = 2000;

/// Where a node listens. Each port is its own alone, whether the node has a use for it or not.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Other nodes.
    pub p2p: u16,
    /// Tendermint's RPC.
    pub rpc: u16,
    /// Cosmos' gRPC.
    pub grpc: u16,
    /// Ethereum's JSON-RPC.
    pub json_rpc: u16,
    /// The same over WebSocket.
    pub json_rpc_websocket: u16,
    /// go-ethereum's figures.
    pub metrics: u16,
}

impl Ports {
    /// Ports that are free now, and that this process gives to nobody else.
    pub(super) fn free() -> Result<Self, CosmosError> {
        Ok(Self {
            p2p: free_port()?,
            rpc: free_port()?,
            grpc: free_port()?,
            json_rpc: free_port()?,
            json_rpc_websocket: free_port()?,
            metrics: free_port()?,
        })
    }
}

/// A node and, while it runs, its process.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) home: Home,
    program: PathBuf,
    arguments: Vec<String>,
    rpc: Endpoint,
    json_rpc: Endpoint,
    process: Option<Child>,
}

impl Member {
    pub(super) fn new(kind: Kind, program: &Path, home: Home) -> Result<Self, CosmosError> {
        let at = |port: u16| Endpoint::new(&format!("http://127.0.0.1:{port}"));
        let mut arguments = vec!["start".to_owned(), "--until-stdin-closes".to_owned()];
        arguments.extend(kind.start_arguments(home.ports));
        let (rpc, json_rpc) = (at(home.ports.rpc)?, at(home.ports.json_rpc)?);
        Ok(Self { home, program: program.to_owned(), arguments, rpc, json_rpc, process: None })
    }

    pub(super) const fn rpc(&self) -> Endpoint {
        self.rpc
    }

    pub(super) const fn json_rpc(&self) -> Endpoint {
        self.json_rpc
    }

    /// Starts the process when it does not run. Its log goes on where it was.
    pub(super) fn start(&mut self) -> Result<(), CosmosError> {
        if self.process.is_some() {
            return Ok(());
        }
        let log = self.home.log();
        let output = OpenOptions::new().create(true).append(true).open(&log);
        let output = output.map_err(io_error(format!("open {}", log.display())))?;
        let errors = output.try_clone().map_err(io_error("share the node's log"))?;
        let mut command = self.home.command(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(output).stderr(errors);
        self.process = Some(command.spawn().map_err(io_error(format!("start {}", self.program.display())))?);
        Ok(())
    }

    /// How the process ended, if it did by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|process| process.try_wait().ok().flatten())
    }

    /// Closes the pipe that the node watches.
    pub(super) fn ask_to_end(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.stdin.take());
        }
    }

    /// Ends the process, and returns when it is gone.
    pub(super) fn stop(&mut self) {
        self.ask_to_end();
        let Some(mut process) = self.process.take() else { return };
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // Failing to kill or to reap leaves nothing else to try; the process table is the system's.
        let _ = process.kill();
        let _ = process.wait();
    }

    pub(super) fn not_started(&self, reason: &str) -> CosmosError {
        let log = fs::read(self.home.log()).unwrap_or_default();
        let end = String::from_utf8_lossy(log.get(log.len().saturating_sub(SHOWN)..).unwrap_or_default()).into_owned();
        CosmosError::Start { home: self.home.path().display().to_string(), reason: reason.to_owned(), log: end }
    }
}

/// A port that nobody listens at and that was not handed out before. Each process begins elsewhere, so that two at work
/// at once seldom look at the same one.
fn free_port() -> Result<u16, CosmosError> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let (first, last) = PORTS;
    let count = last - first + 1;
    let offset = u16::try_from(std::process::id().wrapping_mul(101) % u32::from(count)).unwrap_or_default();
    for _ in 0..count {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let port = first + u16::try_from((u32::from(offset) + u32::from(step)) % u32::from(count)).unwrap_or_default();
        if TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok() {
            return Ok(port);
        }
    }
    Err(CosmosError::NoFreePort { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let ports = || {
            let all = Ports::free().expect("free ports");
            [all.p2p, all.rpc, all.grpc, all.json_rpc, all.json_rpc_websocket, all.metrics]
        };
        let given: BTreeSet<u16> = (0..20).flat_map(|_| ports()).collect();
        assert_eq!(given.len(), 120);
        assert!(given.iter().all(|port| (PORTS.0..=PORTS.1).contains(port)), "{given:?}");
        // Its successor is taken, so the next one is another.
        let port = free_port().expect("a free port");
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1));
        let next = free_port().expect("a free port");
        assert!(next != port && (taken.is_err() || next != port + 1), "{port}, then {next}");
    }
}
