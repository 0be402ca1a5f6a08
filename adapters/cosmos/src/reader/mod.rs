//! Reading what an ibc-go chain's nodes claim.
//!
//! Heights are those of blocks, with the revision that the chain's id gives. What a block did is in the state after it, and
//! that is proven by the header of the next one; to reckon with that is the prover's and the relayer's.

mod accepted;
mod blocks;
mod difference;
pub(crate) mod events;
pub(crate) mod hosted;
#[cfg(test)]
mod tests;
mod unfinished;
mod unreadable;

use crate::{
    chain::Shared,
    proto::{QueryCounterpartyInfoRequest, QueryCounterpartyInfoResponse},
    rpc::{Node, Query},
    writer::{KEY_NOT_FOUND, SDK},
};
use adapter::{
    AdapterError, AdapterErrorKind, At, ChainReader, Difference, GatheredEvents, Head, HostedClient, PacketEvent,
    StoredStates, Submitted, TransactionHash, TrustedState,
};
use adapter_json_rpc::printable;
use async_trait::async_trait;
use difference::Made;
use events::EventKind;
use futures::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use hosted::{Hosted, consensus_state};
use ibc_proto::{
    cosmos::base::query::v1beta1::PageRequest,
    ibc::core::client::v1::{QueryConsensusStateHeightsRequest, QueryConsensusStateHeightsResponse},
};
use light_client::{
    ChainId, ClientId, Codec as _, CommitmentHash, Height, Packet, Sequence, Status, StorePath, next_sequence_send_path,
};
use prost::Message as _;
use prost_13::Message as _;
use serde::Deserialize;
use serde_json::json;
use std::{fmt::Display, sync::Arc, time::Instant};
use unfinished::Unfinished;
use unreadable::Unreadable;

/// Blocks whose results are asked for at the same time.
const BLOCKS_AT_ONCE: usize = 8;
/// Heights of consensus states on one page, and the most pages that are read.
const HEIGHTS_PER_PAGE: usize = 1_000;
const MAX_HEIGHT_PAGES: usize = 100;
/// What an ibc-go chain keeps as a packet receipt.
///
/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/keeper/keeper.go` (`SetPacketReceipt`).
const PACKET_RECEIPT: [u8; 1] = [2];

/// Reads one ibc-go chain.
pub struct CosmosReader {
    chain: Arc<Shared>,
    unreadable: Unreadable,
    unfinished: Unfinished,
}

/// A client that has no counterparty yet, or has one: what lies on the host.
struct Client {
    height: u64,
    hosted: Hosted,
    consensus: Option<light_client_tendermint::ConsensusState>,
    counterparty: Option<(ClientId, Vec<Vec<u8>>)>,
}

impl CosmosReader {
    pub(crate) fn new(chain: Arc<Shared>) -> Self {
        Self { chain, unreadable: Unreadable::new(), unfinished: Unfinished::new() }
    }

    /// The counterparty of a client, with its Merkle prefix; `None` when none is registered, or there is no such client.
    ///
    /// # Errors
    /// As every question to the chain.
    pub async fn counterparty(&self, id: &ClientId) -> Result<Option<(ClientId, Vec<Vec<u8>>)>, AdapterError> {
        self.chain.rpc.attempt(|node| async move { counterparty(&node, id, None).await }).await
    }

    /// In what a client here is another than one that was made of this state by [`CosmosAccount::create_client`]; `None` when
    /// in nothing. All that the chain has stored of it is compared, also what no rule of this relayer's rests on. It may
    /// have been updated since, and be frozen or not; a state that the chain has thrown away since is not looked at, nor is the
    /// unbonding period where it is not known which one was named. A node's word.
    ///
    /// # Errors
    /// [`AdapterError::ClientUnknown`] when no node knows the client; [`AdapterError::Config`] when ibc-go has no such client;
    /// as every question to the chain.
    ///
    /// [`CosmosAccount::create_client`]: crate::CosmosAccount::create_client
    pub async fn client_difference(
        &self,
        id: &ClientId,
        trusted: &TrustedState,
        unbonding_seconds: Option<u64>,
    ) -> Result<Option<Difference>, AdapterError> {
        let made = &Made::of(trusted, unbonding_seconds)?;
        let at = made.height();
        let work = |node: Node| async move {
            let key = format!("clients/{id}/clientState");
            let (height, client) = self.stored(&node, key.as_bytes(), None).await?;
            if client.is_empty() {
                return Ok(None);
            }
            let key = format!("clients/{id}/consensusStates/{}-{}", at.revision(), at.number());
            let (_, state) = self.stored(&node, key.as_bytes(), Some(height)).await?;
            made.difference(node.label(), &client, &state).map(Some)
        };
        self.search(work)
            .await?
            .ok_or_else(|| AdapterError::ClientUnknown { client: id.clone(), chain: self.chain.chain_id().to_string() })
    }

    /// What an address has of a denomination, in its smallest unit; saturated.
    ///
    /// # Errors
    /// As every question to the chain.
    pub async fn balance(&self, address: &str, denom: &str) -> Result<u128, AdapterError> {
        self.chain.rpc.attempt(|node| async move { crate::writer::balance(&node, address, denom, None).await }).await
    }

    /// What lies in the ibc store, and the height of the state that it was read in.
    async fn stored(&self, node: &Node, key: &[u8], height: Option<u64>) -> Result<(u64, Vec<u8>), AdapterError> {
        const OPERATION: &str = "reading the store";
        let path = format!("/store/{}/key", self.chain.config.store);
        let query = Query { path, data: key.to_vec(), height, prove: false };
        let answer = node.query(&query).await?;
        if answer.code != 0 {
            let reason = format!("code {} of {}: {}", answer.code, answer.codespace, answer.log);
            return Err(AdapterError::Refused { operation: OPERATION, reason });
        }
        Ok((answer.height, answer.value))
    }

    /// What the first node finds that finds something. A node that hides it answers as one where there is nothing: only
    /// when all find nothing, there is nothing. What it tells is proven or disproven later.
    async fn search<T, W, F>(&self, work: W) -> Result<Option<T>, AdapterError>
    where
        W: Fn(Node) -> F,
        F: Future<Output = Result<Option<T>, AdapterError>>,
    {
        let mut failure = None;
        let mut absent = false;
        for node in self.chain.rpc.nodes() {
            match self.chain.rpc.watch(&node, work(node.clone())).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => absent = true,
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if !absent => Err(error),
            _ => Ok(None),
        }
    }

    /// The first transaction that one node knows of and that matches, with the client messages that it gave to a client.
    async fn submitted(
        &self,
        node: Node,
        id: &ClientId,
        queries: &[String],
    ) -> Result<Option<At<Submitted>>, AdapterError> {
        for query in queries {
            let found = node.submissions(query).await?.into_iter().find(|found| found.code == 0);
            if let Some(transaction) = found {
                let (submitter, messages) = accepted::messages_to(id, &transaction.bytes);
                let value = Submitted { transaction: TransactionHash(transaction.hash), submitter, messages };
                return Ok(Some(At { height: self.chain.height(transaction.height), value }));
            }
        }
        Ok(None)
    }

    /// The first block that any of those nodes has kept which have thrown this one away: once all of them say that they have,
    /// or for some time none has shown it, whatever others claim to have and whoever does not answer.
    async fn first_kept_after(&self, block: u64) -> Option<u64> {
        let nodes = self.chain.rpc.nodes();
        let statuses = join_all(nodes.iter().map(Node::status)).await;
        let firsts = statuses.into_iter().filter_map(|status| status.ok()?.earliest_height);
        let firsts: Vec<u64> = firsts.filter(|first| *first > block).collect();
        let first = firsts.iter().copied().min()?;
        let is_gone = firsts.len() == nodes.len() || self.unreadable.is_given_up(block, Instant::now());
        is_gone.then_some(first)
    }

    async fn read_client(&self, node: &Node, id: &ClientId) -> Result<(u64, Option<Client>), AdapterError> {
        let (height, stored) = self.stored(node, format!("clients/{id}/clientState").as_bytes(), None).await?;
        if stored.is_empty() {
            return Ok((height, None));
        }
        let counterparty = counterparty(node, id, Some(height)).await?;
        let store = counterparty.as_ref().and_then(|(_, prefix)| prefix.first().cloned()).unwrap_or_default();
        let hosted = Hosted::read(node.label(), &stored, &store)?;
        let consensus = self.state(node, id, hosted.latest_height, Some(height)).await?.1;
        Ok((height, Some(Client { height, hosted, consensus, counterparty })))
    }

    /// A client as one node tells of it, and the height of the state that it was read in.
    async fn client_at(&self, node: &Node, id: &ClientId) -> Result<At<Found>, AdapterError> {
        let (height, client) = self.read_client(node, id).await?;
        let height = self.chain.height(height);
        let Some(client) = client else { return Ok(At { height, value: Found::None }) };
        let Some((counterparty, counterparty_prefix)) = client.counterparty else {
            return Ok(At { height, value: Found::Unregistered });
        };
        let now = node.head(client.height).await?.time;
        let status = client.hosted.status(client.consensus.as_ref(), now);
        let Some(consensus) = client.consensus else {
            let expected = format!("a state at the latest height {}", client.hosted.latest_height);
            return Err(wrong(node, "consensus state", &expected, &"none"));
        };
        let value = Found::Client(Box::new(HostedClient {
            status,
            latest_height: client.hosted.latest_height,
            latest_time: consensus.time,
            // Source: ibc-go v10.3.0, `modules/light-clients/07-tendermint/update.go` (`verifyHeader`).
            updates_from_any_state: true,
            client: client.hosted.client_state(node.label(), &consensus)?.encode(),
            consensus: consensus.encode(),
            counterparty,
            counterparty_prefix,
        }));
        Ok(At { height, value })
    }

    /// What a client stores around a height, all of it read in one state; `None` when there is no such client that has a
    /// counterparty.
    async fn stored_around(
        &self,
        node: Node,
        id: &ClientId,
        height: Height,
    ) -> Result<Option<StoredStates>, AdapterError> {
        let At { height: read_at, value: Found::Client(hosted) } = self.client_at(&node, id).await? else {
            return Ok(None);
        };
        let read_at = Some(read_at.number());
        let (_, heights) = self.state_heights(&node, id, read_at).await?;
        let below = heights.iter().copied().filter(|stored| *stored < height).max();
        let exactly = heights.iter().copied().find(|stored| *stored == height);
        let above = heights.iter().copied().filter(|stored| *stored > height).min();
        let mut states = Vec::new();
        for at in [below, exactly, above].into_iter().flatten() {
            let (_, state) = self.state(&node, id, at, read_at).await?;
            let state =
                state.ok_or_else(|| wrong(&node, "consensus state", "one at each height that is listed", &at))?;
            states.push((at, state.encode()));
        }
        Ok(Some(StoredStates { client: hosted.client, states }))
    }

    /// A consensus state as it is stored.
    async fn state(
        &self,
        node: &Node,
        id: &ClientId,
        at: Height,
        height: Option<u64>,
    ) -> Result<(u64, Option<light_client_tendermint::ConsensusState>), AdapterError> {
        // The standard writes heights with their revision, be it 0.
        let key = format!("clients/{id}/consensusStates/{}-{}", at.revision(), at.number());
        let (height, stored) = self.stored(node, key.as_bytes(), height).await?;
        if stored.is_empty() {
            return Ok((height, None));
        }
        Ok((height, Some(consensus_state(node.label(), &stored)?)))
    }

    /// All heights at which a client stores states, in no order; in the state after block `at`, or the latest one.
    async fn state_heights(
        &self,
        node: &Node,
        id: &ClientId,
        mut at: Option<u64>,
    ) -> Result<(u64, Vec<Height>), AdapterError> {
        let mut key = Vec::new();
        let mut heights = Vec::new();
        for _ in 0..MAX_HEIGHT_PAGES {
            let request = QueryConsensusStateHeightsRequest {
                client_id: id.to_string(),
                pagination: Some(PageRequest { key, limit: HEIGHTS_PER_PAGE as u64, ..Default::default() }),
            };
            let query = Query {
                path: "/ibc.core.client.v1.Query/ConsensusStateHeights".to_owned(),
                data: request.encode_to_vec(),
                height: at,
                prove: false,
            };
            let answer = node.query(&query).await?;
            if answer.code != 0 {
                let reason = format!("code {} of {}: {}", answer.code, answer.codespace, answer.log);
                return Err(AdapterError::Refused { operation: "consensus state heights", reason });
            }
            at = Some(answer.height);
            let page = QueryConsensusStateHeightsResponse::decode(answer.value.as_slice());
            let page = page.map_err(|e| wrong(node, "heights", "a list", &e))?;
            if page.consensus_state_heights.len() > HEIGHTS_PER_PAGE {
                let expected = format!("at most {HEIGHTS_PER_PAGE} on a page");
                return Err(wrong(node, "heights", &expected, &page.consensus_state_heights.len()));
            }
            let height = |found: ibc_proto::ibc::core::client::v1::Height| {
                Height::with_revision(found.revision_number, found.revision_height)
            };
            heights.extend(page.consensus_state_heights.into_iter().map(height));
            key = page.pagination.map(|pagination| pagination.next_key).unwrap_or_default();
            if key.is_empty() {
                return Ok((answer.height, heights));
            }
        }
        let reason = format!("expected at most {MAX_HEIGHT_PAGES} pages of {HEIGHTS_PER_PAGE}, found more");
        Err(AdapterError::Refused { operation: "consensus state heights", reason })
    }
}

/// A client of some id, as the chain has it.
enum Found {
    None,
    /// Nobody has said yet what it is called at the other end.
    Unregistered,
    Client(Box<HostedClient>),
}

impl Found {
    fn is_frozen(&self) -> bool {
        matches!(self, Self::Client(client) if client.status == Status::Frozen)
    }
}

#[async_trait]
impl ChainReader for CosmosReader {
    fn chain_id(&self) -> &ChainId {
        self.chain.chain_id()
    }

    /// The head of the node in the middle ([`Pool::head`](adapter_json_rpc::Pool::head)). Which block is the true one at
    /// a height only its votes say, and those are the prover's to check.
    async fn head(&self) -> Result<Head, AdapterError> {
        let ask = |node: Node| async move { node.head(executed(&node).await?).await };
        let head = self.chain.rpc.head(ask, |head| head.height).await?;
        self.chain.rpc.compare_heads(head.height);
        Ok(Head { height: self.chain.height(head.height), time: head.time, hash: head.hash })
    }

    /// Block by block: what a search for a range of heights costs a node grows with the chain's whole past, and it leaves out
    /// what no transaction told of.
    async fn packet_events(&self, from: Height, to: Height) -> Result<Vec<PacketEvent>, AdapterError> {
        let read = |block: u64| async move { self.events_of(block).await.map_err(|error| (block, error)) };
        let mut events = GatheredEvents::default();
        // There is no block 0.
        let mut next = from.number().max(1);
        loop {
            let mut blocks = stream::iter((next..=to.number()).map(read)).buffered(BLOCKS_AT_ONCE);
            let (block, error) = loop {
                match blocks.try_next().await {
                    Ok(Some(part)) => events.add(part)?,
                    Ok(None) => return Ok(events.into_events()),
                    Err(failure) => break failure,
                }
            };
            // What all nodes have thrown away must not keep from what came after it. A packet that was sent there is missed
            // when the number of packets is proven, and looked for by its own number.
            if error.kind() != AdapterErrorKind::RefusedByChain {
                return Err(error);
            }
            match self.first_kept_after(block).await {
                Some(first) => {
                    tracing::warn!(chain = %self.chain.chain_id(), block, first, "no node has kept the events before");
                    next = first;
                }
                None => return Err(error),
            }
        }
    }

    async fn sent_packet(
        &self,
        source_client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<At<Packet>>, AdapterError> {
        let event = self.find_event(EventKind::Send, source_client, sequence).await?;
        Ok(event.and_then(|event| event.into_sent(source_client, sequence)))
    }

    async fn written_acknowledgement(
        &self,
        destination_client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<At<Vec<u8>>>, AdapterError> {
        let event = self.find_event(EventKind::Acknowledgement, destination_client, sequence).await?;
        Ok(event.and_then(|event| event.into_acknowledgement(destination_client, sequence)))
    }

    /// A client of another kind than 07-tendermint is an [`AdapterError::Config`], one without a registered counterparty an
    /// [`AdapterError::CounterpartyUnknown`].
    async fn client(&self, id: &ClientId) -> Result<At<Option<HostedClient>>, AdapterError> {
        let work = |node: Node| async move { self.client_at(&node, id).await };
        let mut told = self.chain.rpc.attempt_by_turns(work).await?;
        if told.value.is_frozen() {
            told = self.chain.rpc.middle(work, |told| told.value.is_frozen().into()).await?;
            if !told.value.is_frozen() {
                tracing::warn!(chain = %self.chain.chain_id(), client = %id, "a node alone says that a client is frozen");
            }
        }
        let At { height, value } = told;
        match value {
            Found::None => Ok(At { height, value: None }),
            Found::Client(client) => Ok(At { height, value: Some(*client) }),
            // No node is to blame for it.
            Found::Unregistered => {
                Err(AdapterError::CounterpartyUnknown { client: id.clone(), chain: self.chain.chain_id().to_string() })
            }
        }
    }

    async fn consensus_state(&self, id: &ClientId, height: Height) -> Result<At<Option<Vec<u8>>>, AdapterError> {
        let work = |node: Node| async move {
            let (at, state) = self.state(&node, id, height, None).await?;
            Ok(At { height: self.chain.height(at), value: state.map(|state| state.encode()) })
        };
        self.chain.rpc.attempt_by_turns(work).await
    }

    async fn consensus_heights(&self, id: &ClientId, height: Height) -> Result<At<[Option<Height>; 2]>, AdapterError> {
        let work = |node: Node| async move {
            let (at, heights) = self.state_heights(&node, id, None).await?;
            let lower = heights.iter().copied().filter(|stored| *stored <= height).max();
            let upper = heights.iter().copied().filter(|stored| *stored > height).min();
            Ok(At { height: self.chain.height(at), value: [lower, upper] })
        };
        self.chain.rpc.attempt_by_turns(work).await
    }

    /// A packet receipt, of which an ibc-go chain keeps but the byte 2, is told as 32 bytes that end with it.
    async fn value(&self, path: &StorePath) -> Result<At<Option<CommitmentHash>>, AdapterError> {
        let work = |node: Node| async move {
            let (at, stored) = self.stored(&node, path.as_bytes(), None).await?;
            let value = match <[u8; 32]>::try_from(stored.as_slice()) {
                Ok(hash) => Some(hash),
                Err(_) if stored.is_empty() => None,
                Err(_) if stored == PACKET_RECEIPT => {
                    let mut padded = [0; 32];
                    padded[31..].copy_from_slice(&PACKET_RECEIPT);
                    Some(padded)
                }
                Err(_) => return Err(wrong(&node, "value", "a commitment or a packet receipt", &stored.len())),
            };
            Ok(At { height: self.chain.height(at), value: value.map(CommitmentHash::new) })
        };
        self.chain.rpc.attempt_by_turns(work).await
    }

    /// 0 when there is no such client, or it has no counterparty.
    async fn next_sequence_send(&self, client: &ClientId) -> Result<At<u64>, AdapterError> {
        let path = next_sequence_send_path(client);
        let path = path.as_bytes();
        let work = |node: Node| async move {
            let (at, stored) = self.stored(&node, path, None).await?;
            let value = match <[u8; 8]>::try_from(stored.as_slice()) {
                Ok(bytes) => u64::from_be_bytes(bytes),
                Err(_) if stored.is_empty() => 0,
                Err(_) => return Err(wrong(&node, "next sequence", "8 bytes", &stored.len())),
            };
            Ok(At { height: self.chain.height(at), value })
        };
        self.chain.rpc.attempt_by_turns(work).await
    }

    async fn accepted_updates(&self, id: &ClientId, height: Height) -> Result<Vec<At<Submitted>>, AdapterError> {
        let at = format!("{}-{}", height.revision(), height.number());
        let updated = format!("update_client.client_id='{id}' AND update_client.consensus_heights='{at}'");
        let created = format!("create_client.client_id='{id}' AND create_client.consensus_height='{at}'");
        let queries = &[updated, created];
        let told = self.chain.rpc.every(|node| self.submitted(node, id, queries)).await?;
        let mut distinct = Vec::new();
        for submitted in told.into_iter().flatten() {
            if !distinct.contains(&submitted) {
                distinct.push(submitted);
            }
        }
        Ok(distinct)
    }

    async fn accepted_misbehaviour(&self, id: &ClientId) -> Result<At<Option<Submitted>>, AdapterError> {
        let queries = &[format!("client_misbehaviour.client_id='{id}'")];
        match self.search(|node| self.submitted(node, id, queries)).await? {
            Some(At { height, value }) => Ok(At { height, value: Some(value) }),
            None => Ok(At { height: self.head().await?.height, value: None }),
        }
    }

    async fn stored_states(&self, id: &ClientId, height: Height) -> Result<Option<StoredStates>, AdapterError> {
        self.chain.rpc.attempt_by_turns(|node| self.stored_around(node, id, height)).await
    }

    async fn every_stored_states(&self, id: &ClientId, height: Height) -> Result<Vec<StoredStates>, AdapterError> {
        let told = self.chain.rpc.every(|node| self.stored_around(node, id, height)).await?;
        Ok(told.into_iter().flatten().collect())
    }

    fn passed_over(&self) -> Vec<At<String>> {
        let passed_over = self.unreadable.passed_over().into_iter();
        passed_over.map(|(block, reason)| At { height: self.chain.height(block), value: reason }).collect()
    }
}

/// The latest block that a node has executed: it has blocks a little before it has what they did.
async fn executed(node: &Node) -> Result<u64, AdapterError> {
    const OPERATION: &str = "abci_info";
    #[derive(Deserialize)]
    struct Info {
        response: Application,
    }
    #[derive(Deserialize)]
    struct Application {
        #[serde(default)]
        last_block_height: String,
    }
    let info = async {
        let info =
            node.endpoint().call_for::<Info>(OPERATION, json!({})).await.map_err(|e| node.failed(e, OPERATION))?;
        let height = info.map(|info| info.response.last_block_height).unwrap_or_default();
        height.parse::<u64>().map_err(|e| wrong(node, "last_block_height", "a number", &e))
    };
    let (latest, executed) = futures::try_join!(node.latest_height(), info)?;
    Ok(latest.min(executed))
}

async fn counterparty(
    node: &Node,
    id: &ClientId,
    height: Option<u64>,
) -> Result<Option<(ClientId, Vec<Vec<u8>>)>, AdapterError> {
    let query = Query {
        path: "/ibc.core.client.v2.Query/CounterpartyInfo".to_owned(),
        data: QueryCounterpartyInfoRequest { client_id: id.to_string() }.encode_to_vec(),
        height,
        prove: false,
    };
    let answer = node.query(&query).await?;
    match (answer.codespace.as_str(), answer.code) {
        (_, 0) => {}
        (SDK, KEY_NOT_FOUND) => return Ok(None),
        (codespace, code) => {
            let reason = format!("code {code} of {codespace}: {}", answer.log);
            return Err(AdapterError::Refused { operation: "counterparty", reason });
        }
    }
    let response = QueryCounterpartyInfoResponse::decode(answer.value.as_slice());
    let response = response.map_err(|e| wrong(node, "counterparty", "one", &e))?;
    let Some(info) = response.counterparty_info else { return Ok(None) };
    let counterparty =
        ClientId::try_from(info.client_id).map_err(|e| wrong(node, "counterparty", "a client id", &e))?;
    Ok(Some((counterparty, info.merkle_prefix)))
}

fn is_of(event: &PacketEvent, kind: EventKind, client: &ClientId, sequence: Sequence) -> bool {
    match (kind, event) {
        (EventKind::Send, PacketEvent::Sent { packet, .. }) => {
            packet.source_client == *client && packet.sequence == sequence
        }
        (EventKind::Acknowledgement, PacketEvent::Acknowledged { destination_client: found, sequence: number, .. })
        | (EventKind::Receive, PacketEvent::Received { destination_client: found, sequence: number, .. })
        | (
            EventKind::Acknowledged | EventKind::TimedOut,
            PacketEvent::Settled { source_client: found, sequence: number, .. },
        ) => found == client && *number == sequence,
        _ => false,
    }
}

fn wrong(node: &Node, field: &'static str, expected: &str, found: &dyn Display) -> AdapterError {
    node.inconsistent(field, expected.to_owned(), printable(&found.to_string()))
}
