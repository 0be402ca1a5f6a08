use crate::ChainFacts;
use async_trait::async_trait;
use light_client::Sequence;
use relayer_core::{Direction, PathId};
use relayer_engine::{Notice, StatusSnapshot};
use relayer_store::{AttemptView, PacketQuery, PacketView, StoreError};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Where what is shown comes from.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The relayer at this moment.
    fn status(&self) -> Arc<StatusSnapshot>;

    /// What is known of the chains besides, in the order of the configuration.
    fn facts(&self) -> Vec<ChainFacts>;

    /// Tells that something changed. A listener that is too slow misses some, and looks again.
    fn notices(&self) -> broadcast::Receiver<Notice>;

    /// Packets, newest first.
    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError>;

    /// The transactions that carried steps of a packet, newest first.
    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError>;
}
