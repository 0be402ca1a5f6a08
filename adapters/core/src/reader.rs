use crate::{AdapterError, PacketEvent, TransactionHash};
use async_trait::async_trait;
use light_client::{
    BlockHash, ChainId, ClientId, CommitmentHash, Height, Packet, Sequence, Status, StorePath, Timestamp,
};

/// A value and the height it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The height.
    pub height: Height,
    /// The value.
    pub value: T,
}

/// A final block, as a node tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: Timestamp,
    /// Its hash.
    pub hash: BlockHash,
}

/// A client as the chain that hosts it stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedClient {
    /// Whether it may be used, by the host's clock.
    pub status: Status,
    /// Its latest height.
    pub latest_height: Height,
    /// The time of its latest consensus state.
    pub latest_time: Timestamp,
    /// Whether it takes updates from every state that it stores; else from the latest only.
    pub updates_from_any_state: bool,
    /// The encoded client state, as the light client's `ClientState` decodes it.
    pub client: Vec<u8>,
    /// The encoded consensus state at `latest_height`.
    pub consensus: Vec<u8>,
    /// The counterparty's client id.
    pub counterparty: ClientId,
    /// The counterparty's Merkle prefix.
    pub counterparty_prefix: Vec<Vec<u8>>,
}

/// In what something on a chain is another than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The part.
    pub what: &'static str,
    /// As it should be.
    pub expected: String,
    /// As it is.
    pub found: String,
}

/// What a hosted client stores around a height, for evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStates {
    /// The encoded client state.
    pub client: Vec<u8>,
    /// Neighbours in the host's store, ascending, each with its encoded consensus state: the greatest below the height, the
    /// one at it and the next above it, as far as there are such.
    pub states: Vec<(Height, Vec<u8>)>,
}

/// What somebody told a hosted client in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The transaction.
    pub transaction: TransactionHash,
    /// The account that sent it, in the chain's own notation.
    pub submitter: String,
    /// The messages of the kind asked for that it gave to this client, in order, in the encoding that this repository's
    /// light client decodes. Empty when the transaction does not show them: another contract made the call, or the client
    /// was created by it.
    pub messages: Vec<Vec<u8>>,
}

/// Reads what a chain's nodes claim. Nothing it returns may be acted upon before a [`crate::Prover`] bore it out,
/// except where acting wrongly costs nothing but the attempt.
///
/// Every method may be called again with the same arguments, and dropped at any await.
#[async_trait]
pub trait ChainReader: Send + Sync {
    /// The chain, as configured; the endpoints were checked against it at construction.
    fn chain_id(&self) -> &ChainId;

    /// The latest final block that the endpoints agree upon.
    async fn head(&self) -> Result<Head, AdapterError>;

    /// The Router's packet events from `from` to `to`, both included, in the chain's order; empty when there are none.
    ///
    /// The adapter splits the range as its nodes can bear.
    async fn packet_events(&self, from: Height, to: Height) -> Result<Vec<PacketEvent>, AdapterError>;

    /// The packet that was sent under a number, wherever in the chain's past, with the height of its event; `None` when
    /// the nodes know of none. For packets whose events were withheld: the next sequence to send shows that there are
    /// some.
    ///
    /// Adapters whose nodes can look events up by client and number override the scan from the beginning.
    async fn sent_packet(
        &self,
        source_client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<At<Packet>>, AdapterError> {
        let head = self.head().await?.height;
        let events = self.packet_events(Height::new(0), head).await?;
        Ok(events.into_iter().find_map(|event| event.into_sent(source_client, sequence)))
    }

    /// The acknowledgement that was written for a packet received, wherever in the chain's past, with the height of
    /// its event; `None` when the nodes know of none.
    ///
    /// Adapters whose nodes can look events up by client and number override the scan from the beginning.
    async fn written_acknowledgement(
        &self,
        destination_client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<At<Vec<u8>>>, AdapterError> {
        let head = self.head().await?.height;
        let events = self.packet_events(Height::new(0), head).await?;
        Ok(events.into_iter().find_map(|event| event.into_acknowledgement(destination_client, sequence)))
    }

    /// A client that this chain hosts, at its latest state; `None` when the Router knows no such client.
    ///
    /// A path stops for a client that is frozen: one endpoint's word is not enough for that where there are others.
    async fn client(&self, id: &ClientId) -> Result<At<Option<HostedClient>>, AdapterError>;

    /// The encoded consensus state that a hosted client stores at a height; `None` when it stores none there.
    async fn consensus_state(&self, id: &ClientId, height: Height) -> Result<At<Option<Vec<u8>>>, AdapterError>;

    /// The heights at which a hosted client stores consensus states: the greatest not above `height`, and the next.
    async fn consensus_heights(&self, id: &ClientId, height: Height) -> Result<At<[Option<Height>; 2]>, AdapterError>;

    /// What the Router stores at a path now; `None` for nothing.
    async fn value(&self, path: &StorePath) -> Result<At<Option<CommitmentHash>>, AdapterError>;

    /// The number that the Router will give to the next packet sent through a client.
    async fn next_sequence_send(&self, client: &ClientId) -> Result<At<u64>, AdapterError>;

    /// The transaction with which a hosted client came to store the state at a height, with the updates of that client that
    /// it shows: one of them holds the header, and the client may have refused others. As *every* node tells it that answers
    /// and knows of one, each answer once: who tells of another one hides it from nobody. The height is that of its block.
    ///
    /// By this it shows when a client was told of another block than the chain's own.
    async fn accepted_updates(&self, id: &ClientId, height: Height) -> Result<Vec<At<Submitted>>, AdapterError>;

    /// The transaction by which a hosted client was frozen, with the evidence. `None` when the nodes know of none.
    /// The height is that of its block.
    async fn accepted_misbehaviour(&self, id: &ClientId) -> Result<At<Option<Submitted>>, AdapterError>;

    /// What a hosted client stores around a height, as one node tells of one state of its chain; `None` when the Router knows no
    /// such client.
    async fn stored_states(&self, id: &ClientId, height: Height) -> Result<Option<StoredStates>, AdapterError>;

    /// The same as *every* node tells it that answers, but for those that know no such client: who tells of other states than
    /// are stored hides these from nobody who looks at each answer.
    async fn every_stored_states(&self, id: &ClientId, height: Height) -> Result<Vec<StoredStates>, AdapterError>;

    /// The blocks whose events no node shows in a form that can be read and that were left out since the start, each with why;
    /// so many of the latest as are remembered.
    fn passed_over(&self) -> Vec<At<String>> {
        Vec::new()
    }
}
