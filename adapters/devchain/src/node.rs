//! A running chain: blocks made as time passes and transactions come, served over HTTP on 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, error, info, warn};

use crate::chain::{Chain, SealedBlock};
use crate::clock::{Clock, SystemClock};
use crate::config::ChainConfig;
use crate::consensus::Consensus;
use crate::error::ChainError;
use crate::fault::FaultRule;
use crate::rpc::Rpc;
use crate::server::{self, TENDERMINT_PATH};

/// With period 0, an empty block follows after so much idleness.
pub const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// Longest block period.
pub const MAX_PERIOD: Duration = Duration::from_secs(3_600);

/// The round time-out doubles with each round, at most so many times.
const MAX_ROUND_DOUBLINGS: u32 = 6;

/// How soon a halted or stalled chain looks again.
const RETRY: Duration = Duration::from_millis(50);

/// How long the server waits for open connections when it stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Who makes the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Production {
    /// A task: every period, or with period 0 as soon as a transaction waits and after [`IDLE_PERIOD`]; under Tendermint then also
    /// at once after a block that changed the state, so that a header names the new one.
    Every(Duration),
    /// Nobody: [`NodeHandle::step_block`] makes them by hand.
    ByHand,
}

/// How a chain is run.
#[derive(Clone)]
pub struct NodeConfig {
    /// The chain.
    pub chain: ChainConfig,
    /// Where it is kept; in memory when `None`.
    pub folder: Option<PathBuf>,
    /// Port on 127.0.0.1; any free one when 0.
    pub port: u16,
    /// Who makes the blocks.
    pub production: Production,
    /// What an offline proposer costs at its turn; doubles with each further one.
    pub round_timeout: Duration,
    /// Whether `lab_*` methods are served.
    pub levers: bool,
    /// Faults from the start.
    pub faults: Vec<FaultRule>,
    /// Where header times come from.
    pub clock: Arc<dyn Clock>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            chain: ChainConfig::default(),
            folder: None,
            port: 0,
            production: Production::Every(Duration::ZERO),
            round_timeout: Duration::from_millis(200),
            levers: false,
            faults: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl std::fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeConfig")
            .field("chain_id", &self.chain.chain_id)
            .field("folder", &self.folder)
            .field("port", &self.port)
            .field("production", &self.production)
            .field("levers", &self.levers)
            .finish_non_exhaustive()
    }
}

/// Starts nodes.
#[derive(Debug)]
pub struct Node;

/// A running node. Dropping it stops it without waiting; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct NodeHandle {
    /// `http://127.0.0.1:PORT`: the methods of Ethereum.
    pub url: String,
    /// The same with the path [`TENDERMINT_PATH`]: the methods of Tendermint, on a chain that has them.
    pub tendermint_url: Option<String>,
    rpc: Rpc,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    changed: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Node {
    /// Opens the chain, listens, and makes blocks until the handle stops it.
    ///
    /// # Errors
    /// When the configuration or the folder is refused, or the port is taken.
    pub async fn start(config: NodeConfig) -> Result<NodeHandle, ChainError> {
        check(&config)?;
        let (chain_config, folder) = (config.chain, config.folder);
        // Replaying a folder may take seconds of computing.
        let opened = tokio::task::spawn_blocking(move || match folder {
            Some(folder) => Chain::in_folder(chain_config, &folder),
            None => Chain::in_memory(chain_config),
        });
        let chain = Arc::new(opened.await.expect("opening a chain does not panic")?);
        let listen = |source| ChainError::Listen { port: config.port, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port));
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(listen)?);

        let shared = Arc::new(Shared { clock: config.clock, changed: Notify::new() });
        let waker = shared.clone();
        chain.on_change(move || waker.changed.notify_one());
        let tendermint_url = match chain.config().consensus {
            Consensus::Qbft => None,
            Consensus::Tendermint(_) => Some(format!("{url}{TENDERMINT_PATH}")),
        };
        let rpc = Rpc::new(chain, config.levers, config.faults);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(server::serve(listener, rpc.clone(), stopped.clone()))];
        if let Production::Every(period) = config.production {
            let producer =
                Producer { rpc: rpc.clone(), shared: shared.clone(), period, round_timeout: config.round_timeout };
            tasks.push(tokio::spawn(producer.run(stopped)));
        }
        info!(url, chain_id = rpc.chain().config().chain_id, latest = rpc.chain().latest(), "devchain started");
        Ok(NodeHandle { url, tendermint_url, rpc, shared, stop, tasks })
    }
}

fn check(config: &NodeConfig) -> Result<(), ChainError> {
    match config.production {
        Production::Every(period) if period > MAX_PERIOD => {
            let found = format!("{} ms", period.as_millis());
            Err(ChainError::Config { field: "period", expected: "at most 3600000 ms", found })
        }
        _ => Ok(()),
    }
}

impl NodeHandle {
    /// The chain, for use in the same process.
    #[must_use]
    pub fn chain(&self) -> &Arc<Chain> {
        self.rpc.chain()
    }

    /// Its JSON-RPC without the transport.
    #[must_use]
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }

    /// Makes one block now, also beside a producing task. A stall fault does not hold it back.
    ///
    /// # Errors
    /// As [`Chain::seal_block`].
    pub fn step_block(&self) -> Result<SealedBlock, ChainError> {
        self.rpc.chain().seal_block_at(self.shared.clock.now_unix())
    }

    /// Stops making blocks and serving, and waits until both have ended.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        for mut task in std::mem::take(&mut self.tasks) {
            if tokio::time::timeout(STOP_GRACE, &mut task).await.is_err() {
                // A client that keeps its connection open does not keep the node.
                task.abort();
                let _ = task.await;
            }
        }
    }
}

impl Drop for NodeHandle {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Producer {
    rpc: Rpc,
    shared: Arc<Shared>,
    period: Duration,
    round_timeout: Duration,
}

impl Producer {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut due = Instant::now() + self.pause();
        let mut held = Instant::now();
        let mut complained = false;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.turn(held, due) => {}
            }
            if self.rpc.stalls() {
                held = Instant::now() + RETRY;
                continue;
            }
            match self.rpc.chain().next_round() {
                Ok(0) => {}
                Ok(round) => {
                    // The validators wait for each silent proposer; one that comes back meanwhile proposes in time.
                    tokio::select! {
                        _ = stopped.changed() => return,
                        () = sleep(self.wait_for(round)) => {}
                    }
                }
                Err(_) => {
                    held = Instant::now() + RETRY;
                    continue;
                }
            }
            let (rpc, now) = (self.rpc.clone(), self.shared.clock.now_unix());
            match tokio::task::spawn_blocking(move || rpc.chain().seal_block_at(now)).await {
                Ok(Ok(block)) => {
                    debug!(
                        number = block.number,
                        transactions = block.transactions,
                        round = block.round,
                        "block sealed"
                    );
                    complained = false;
                    due = Instant::now() + self.pause();
                }
                Ok(Err(failure)) => {
                    if !std::mem::replace(&mut complained, true) {
                        warn!(%failure, "no block");
                    }
                    held = Instant::now() + RETRY;
                }
                Err(panic) => {
                    error!(%panic, "sealing failed");
                    return;
                }
            }
        }
    }

    /// Time from one block to the next when nothing happens.
    fn pause(&self) -> Duration {
        if self.period.is_zero() { IDLE_PERIOD } else { self.period }
    }

    /// Waits for the next block's turn: until it is due, or with period 0 until a transaction can run or a state waits for its header; never
    /// before `held`.
    async fn turn(&self, held: Instant, due: Instant) {
        sleep_until(held).await;
        loop {
            let chain = self.rpc.chain();
            // The second as CometBFT, which makes no empty blocks either but for a proof (`consensus/state.go`, `needProofBlock`).
            if self.period.is_zero() && (chain.has_ready() || chain.has_unproven_state()) {
                return;
            }
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.shared.changed.notified(), if self.period.is_zero() => {}
            }
        }
    }

    fn wait_for(&self, round: u32) -> Duration {
        (0..round).fold(Duration::ZERO, |sum, round| {
            sum.saturating_add(self.round_timeout.saturating_mul(1 << round.min(MAX_ROUND_DOUBLINGS)))
        })
    }
}
