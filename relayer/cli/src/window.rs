//! What the page shows of a relayer that runs in this process.

use async_trait::async_trait;
use light_client::Sequence;
use relayer_api::{Backend, ChainFacts};
use relayer_core::{Direction, PathId, UnixMillis};
use relayer_engine::{ChainStatus, EngineWatch, NodeState, Notice, StatusSnapshot};
use relayer_store::{AttemptView, PacketQuery, PacketView, Store, StoreError};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::broadcast::{self, error::RecvError};

/// Notices that a slow page may fall behind by, before it misses some.
const NOTICES: usize = 1024;

/// The relayer as the page sees it: with an engine, or for a while without.
pub(crate) struct Window {
    store: Arc<dyn Store>,
    notices: broadcast::Sender<Notice>,
    shown: RwLock<Shown>,
}

struct Shown {
    engine: Option<EngineWatch>,
    /// What was last known, for when no engine runs.
    last: StatusSnapshot,
    /// Chains that the engine does not serve yet, since none of their nodes answered so far.
    unconnected: Vec<ChainStatus>,
    facts: Vec<ChainFacts>,
}

impl Window {
    /// A window without an engine yet.
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        let now = UnixMillis::new(crate::when::now_millis());
        let last = StatusSnapshot {
            time_millis: now,
            started_millis: now,
            running: false,
            chains: Vec::new(),
            paths: Vec::new(),
            signers: Vec::new(),
        };
        let shown = Shown { engine: None, last, unconnected: Vec::new(), facts: Vec::new() };
        Arc::new(Self { store, notices: broadcast::channel(NOTICES).0, shown: RwLock::new(shown) })
    }

    /// Shows this engine from now on.
    pub(crate) fn show(&self, engine: EngineWatch) {
        let mut from = engine.notices();
        let to = self.notices.clone();
        tokio::spawn(async move {
            loop {
                match from.recv().await {
                    // That nobody looks is no fault.
                    Ok(notice) => drop(to.send(notice)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        self.write(|shown| shown.engine = Some(engine));
    }

    /// Lets go of the engine, which is to be stopped, and shows what it last said.
    pub(crate) fn let_go(&self) {
        self.write(|shown| {
            if let Some(engine) = shown.engine.take() {
                shown.last = StatusSnapshot { running: false, ..engine.status() };
            }
        });
    }

    /// Shows these chains as not reached yet, each with the reason.
    pub(crate) fn set_unconnected(&self, chains: Vec<ChainStatus>) {
        self.write(|shown| shown.unconnected = chains);
    }

    /// Shows these facts from now on.
    pub(crate) fn set_facts(&self, facts: Vec<ChainFacts>) {
        self.write(|shown| shown.facts = facts);
    }

    /// Changes the facts of one chain.
    pub(crate) fn set_facts_of(&self, facts: ChainFacts) {
        self.write(|shown| match shown.facts.iter_mut().find(|known| known.name == facts.name) {
            Some(known) => *known = facts,
            None => shown.facts.push(facts),
        });
    }

    fn write(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn read<T>(&self, look: impl FnOnce(&Shown) -> T) -> T {
        look(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Backend for Window {
    fn status(&self) -> Arc<StatusSnapshot> {
        let mut status = self.read(|shown| {
            let status = shown.engine.as_ref().map(EngineWatch::status);
            let mut status = status.unwrap_or_else(|| shown.last.clone());
            let missing =
                shown.unconnected.iter().filter(|chain| status.chains.iter().all(|one| one.name != chain.name));
            status.chains.extend(missing.cloned().collect::<Vec<_>>());
            status
        });
        status.time_millis = UnixMillis::new(crate::when::now_millis());
        Arc::new(status)
    }

    fn facts(&self) -> Vec<ChainFacts> {
        self.read(|shown| shown.facts.clone())
    }

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        self.store.packets(query).await
    }

    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        self.store.attempts(path, direction, sequence).await
    }
}

/// A chain none of whose nodes has answered so far.
pub(crate) fn unconnected(facts: &ChainFacts, note: String) -> ChainStatus {
    ChainStatus {
        name: facts.name.clone(),
        chain_id: facts.chain_id.clone(),
        height: None,
        time_seconds: None,
        seen_millis: None,
        node: NodeState::Unreachable,
        note: Some(note),
    }
}
