use crate::{
    Clock, EngineConfig, EngineError, Notice, PathEnd, StatusSnapshot, path_task::PathTask, perform::Context,
    shared::Shared, signer_task::SignerLoop, watcher::Watcher,
};
use adapter::ChainReader;
use light_client::{Absence, Sequence};
use relayer_core::{Direction, End, Event, Head, PathId, SignerEvent, SignerId};
use relayer_store::Store;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinSet,
};

/// Events that wait for a path's task: outcomes of batches and an operator's commands, never more than are under way.
const PATH_QUEUE: usize = 256;

/// The relayer's moving part. Started, it runs until it is stopped; killed at any moment, it loses nothing.
pub struct Engine;

impl Engine {
    /// Checks the configuration and starts one task for each chain, path, signer and hosted client.
    ///
    /// # Errors
    /// What does not fit together; nothing has been started then. Chains need not answer yet.
    pub async fn start(
        config: EngineConfig,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<EngineHandle, EngineError> {
        check(&config)?;
        let shared = Arc::new(Shared::new(&config, clock));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut heads: BTreeMap<String, watch::Receiver<Option<Head>>> = BTreeMap::new();
        let mut signers: BTreeMap<SignerId, mpsc::Sender<SignerEvent>> = BTreeMap::new();
        let mut waiting: Vec<SignerLoop> = Vec::new();
        let mut paths: BTreeMap<PathId, mpsc::Sender<Event>> = BTreeMap::new();
        let mut path_tasks: Vec<PathTask> = Vec::new();
        let mut watchers: Vec<Watcher> = Vec::new();
        let queue = config.limits.queued_batches.max(1) as usize + config.paths.len() * 16;
        for path in &config.paths {
            for end in [&path.a, &path.b] {
                if !heads.contains_key(&end.chain) {
                    let (sender, receiver) = watch::channel(None);
                    heads.insert(end.chain.clone(), receiver);
                    let watcher = HeadWatcher {
                        chain: end.chain.clone(),
                        reader: Arc::clone(&end.reader),
                        shared: Arc::clone(&shared),
                        sender,
                        interval: config.poll_interval,
                        call_timeout: config.call_timeout,
                        stop: stopped.clone(),
                    };
                    tasks.spawn(watcher.run());
                }
                let id = signer_id(end);
                if !signers.contains_key(&id) {
                    let (sender, events) = mpsc::channel(queue);
                    signers.insert(id.clone(), sender);
                    waiting.push(SignerLoop {
                        id,
                        writer: Arc::clone(&end.writer),
                        store: Arc::clone(&store),
                        shared: Arc::clone(&shared),
                        owner: config.owner.clone(),
                        limits: config.limits.clone(),
                        seed: config.seed,
                        call_timeout: config.call_timeout,
                        events,
                        paths: BTreeMap::new(),
                        stop: stopped.clone(),
                        orphans: Vec::new(),
                        steps: BTreeMap::new(),
                    });
                }
            }
            let (sender, events) = mpsc::channel(PATH_QUEUE);
            paths.insert(path.id.clone(), sender.clone());
            let context = Context {
                path: path.clone(),
                store: Arc::clone(&store),
                shared: Arc::clone(&shared),
                call_timeout: config.call_timeout,
            };
            let ends = [&path.a, &path.b];
            let head = |end: &PathEnd| heads.get(&end.chain).cloned();
            let signer = |end: &PathEnd| signers.get(&signer_id(end)).cloned().map(|sender| (signer_id(end), sender));
            if let ([Some(head_a), Some(head_b)], [Some(signer_a), Some(signer_b)]) = (ends.map(head), ends.map(signer))
            {
                let context = Arc::new(context);
                for (host, heads) in End::BOTH.into_iter().zip([&head_b, &head_a]) {
                    let (machine, stop) = (sender.clone(), stopped.clone());
                    let owner = config.owner.clone();
                    watchers.push(Watcher::new(Arc::clone(&context), host, heads.clone(), machine, owner, stop));
                }
                path_tasks.push(PathTask {
                    context,
                    owner: config.owner.clone(),
                    seed: config.seed,
                    events,
                    heads: [head_a, head_b],
                    signers: [signer_a, signer_b],
                    stop: stopped.clone(),
                    last_batch: 0,
                });
            }
        }
        for mut signer in waiting {
            signer.paths.clone_from(&paths);
            tasks.spawn(signer.run());
        }
        for path in path_tasks {
            tasks.spawn(path.run());
        }
        for watcher in watchers {
            tasks.spawn(watcher.run());
        }
        Ok(EngineHandle { shared, paths, stop, tasks })
    }
}

/// A running engine. Dropping it ends its tasks at once; [`EngineHandle::stop`] lets them finish what they are storing.
pub struct EngineHandle {
    shared: Arc<Shared>,
    paths: BTreeMap<PathId, mpsc::Sender<Event>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl EngineHandle {
    /// The relayer at this moment.
    pub fn status(&self) -> StatusSnapshot {
        self.shared.snapshot()
    }

    /// A window on the engine that outlives borrows of this handle: for servers.
    pub fn watch(&self) -> EngineWatch {
        EngineWatch { shared: Arc::clone(&self.shared), paths: self.paths.clone() }
    }

    /// What happens from now on. A listener that is slow misses some.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.notices.subscribe()
    }

    /// Ends the tasks and waits for them: what they were storing is stored, what they were asking is dropped.
    pub async fn stop(mut self) {
        self.shared.stopped();
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Sees a running engine and lets an operator speak to it, from anywhere.
#[derive(Clone)]
pub struct EngineWatch {
    shared: Arc<Shared>,
    paths: BTreeMap<PathId, mpsc::Sender<Event>>,
}

impl EngineWatch {
    /// The relayer at this moment.
    pub fn status(&self) -> StatusSnapshot {
        self.shared.snapshot()
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.notices.subscribe()
    }

    /// Lets a parked packet go on; `false` when there is no such path or its task has ended.
    pub async fn resume(&self, path: &PathId, direction: Direction, sequence: Sequence) -> bool {
        match self.paths.get(path) {
            Some(path) => path.send(Event::Resume(direction, sequence)).await.is_ok(),
            None => false,
        }
    }

    /// Makes a packet wait for a person; `false` when there is no such path or its task has ended.
    pub async fn park(&self, path: &PathId, direction: Direction, sequence: Sequence) -> bool {
        match self.paths.get(path) {
            Some(path) => path.send(Event::Park(direction, sequence)).await.is_ok(),
            None => false,
        }
    }
}

/// Asks for a chain's head, again and again.
struct HeadWatcher {
    chain: String,
    reader: Arc<dyn ChainReader>,
    shared: Arc<Shared>,
    sender: watch::Sender<Option<Head>>,
    interval: Duration,
    call_timeout: Duration,
    stop: watch::Receiver<bool>,
}

impl HeadWatcher {
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*self.stop.borrow() {
            tokio::select! {
                _ = self.stop.changed() => {}
                _ = ticks.tick() => tokio::select! {
                    _ = self.stop.changed() => {}
                    head = tokio::time::timeout(self.call_timeout, self.reader.head()) => match head {
                        Ok(Ok(head)) => {
                            let head = Head { height: head.height, time: head.time };
                            self.shared.head(&self.chain, head);
                            self.sender.send_if_modified(|told| told.replace(head) != Some(head));
                        }
                        Ok(Err(error)) => {
                            self.shared.failed(&self.chain, "asking for the head", &error);
                        }
                        Err(_) => {
                            self.shared.late(&self.chain, "asking for the head");
                        }
                    },
                },
            }
        }
    }
}

fn signer_id(end: &PathEnd) -> SignerId {
    SignerId { chain: end.chain.clone(), account: end.writer.signer().to_owned() }
}

fn check(config: &EngineConfig) -> Result<(), EngineError> {
    if config.paths.is_empty() {
        return Err(EngineError::NoPaths);
    }
    let (mut ids, mut clients) = (BTreeSet::new(), BTreeSet::new());
    let mut chains: BTreeMap<&str, &light_client::ChainId> = BTreeMap::new();
    for path in &config.paths {
        if !ids.insert(&path.id) {
            return Err(EngineError::DuplicatePath { path: path.id.clone() });
        }
        for end in [&path.a, &path.b] {
            if !clients.insert((&end.chain, &end.client)) {
                return Err(EngineError::SharedClient {
                    path: path.id.clone(),
                    chain: end.chain.clone(),
                    client: end.client.to_string(),
                });
            }
            let chain_id = end.reader.chain_id();
            let first = *chains.entry(&end.chain).or_insert(chain_id);
            if first != chain_id {
                return Err(EngineError::DifferentChains {
                    chain: end.chain.clone(),
                    first: first.to_string(),
                    second: chain_id.to_string(),
                });
            }
            if end.prover.light_client().absence() != Absence::State {
                return Err(EngineError::AbsenceUnsupported {
                    path: path.id.clone(),
                    client_type: end.prover.client_type().to_string(),
                });
            }
        }
    }
    Ok(())
}
