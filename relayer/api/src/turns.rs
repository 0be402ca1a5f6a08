//! Questions to the database wait for their turn, so that however many ask, the relayer's own questions are answered.

use crate::{Backend, ChainFacts};
use async_trait::async_trait;
use light_client::Sequence;
use relayer_core::{Direction, PathId};
use relayer_engine::{Notice, StatusSnapshot};
use relayer_store::{AttemptView, PacketQuery, PacketView, StoreError};
use std::sync::Arc;
use tokio::sync::{Semaphore, broadcast};

/// The most questions to the database at once; fewer than it answers at the same time.
pub const MAX_QUESTIONS: usize = 2;

/// A backend whose database is asked little at once.
pub(crate) struct InTurn {
    backend: Arc<dyn Backend>,
    turns: Semaphore,
}

impl InTurn {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, turns: Semaphore::new(MAX_QUESTIONS) }
    }
}

#[async_trait]
impl Backend for InTurn {
    fn status(&self) -> Arc<StatusSnapshot> {
        self.backend.status()
    }

    fn facts(&self) -> Vec<ChainFacts> {
        self.backend.facts()
    }

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.backend.notices()
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        // The semaphore is never closed, so that an error here cannot happen; it would only mean no limit.
        let _turn = self.turns.acquire().await.ok();
        self.backend.packets(query).await
    }

    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        let _turn = self.turns.acquire().await.ok();
        self.backend.attempts(path, direction, sequence).await
    }
}
