//! Reading what a chain's nodes claim.

pub(crate) mod events;
mod hosted;
pub(crate) mod query;
mod submitted;
pub(crate) mod view;

use crate::{
    EvmConfig,
    chain::Shared,
    header::BlockClaim,
    logs::Log,
    rpc::{Endpoint, RpcError},
};
use adapter::{
    AdapterError, At, ChainReader, GatheredEvents, Head, HostedClient, PacketEvent, StoredStates, Submitted,
};
use alloy_primitives::{Address, B256};
use async_trait::async_trait;
use events::{EventKind, RawEvent, client_topic, number_topic};
use hosted::States;
use light_client::{
    ChainId, ClientId, CommitmentHash, Height, Packet, Sequence, Status, StorePath, Timestamp, next_sequence_send_path,
};
use query::Filter;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use view::View;

/// Blocks whose events are asked of one node before another may be chosen.
const MAX_RANGE_BLOCKS: u64 = 10_000;

/// Reads one chain.
pub struct EvmReader {
    chain: Arc<Shared>,
    router: Address,
    chain_id: ChainId,
    clients: Mutex<Clients>,
    states: States,
}

/// The clients whose ids are known: events name them by hash only.
struct Clients {
    by_hash: HashMap<B256, ClientId>,
    /// The height up to which the Router was asked for clients added.
    learned_to: Option<u64>,
}

impl EvmReader {
    pub(crate) fn new(chain: Arc<Shared>, router: Address) -> Result<Self, AdapterError> {
        let chain_id = chain.config.chain_id.to_string();
        let chain_id = chain_id.parse::<ChainId>().map_err(|e| AdapterError::Config {
            key: "chain_id",
            expected: "a decimal number".to_owned(),
            found: e.to_string(),
        })?;
        let by_hash = chain.config.clients.iter().map(|id| (client_topic(id), id.clone())).collect();
        let clients = Mutex::new(Clients { by_hash, learned_to: None });
        Ok(Self { chain, router, chain_id, clients, states: States::new() })
    }

    fn config(&self) -> &EvmConfig {
        &self.chain.config
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one node says has happened.
    async fn events_of(&self, endpoint: &Endpoint, from: u64, to: u64) -> Result<Vec<PacketEvent>, AdapterError> {
        let kinds = EventKind::ALL.map(EventKind::topic).to_vec();
        let clients = self.config().clients.iter().map(client_topic).collect();
        let filter = Filter { address: self.router, topics: vec![kinds, clients] };
        let logs = query::logs(endpoint, &filter, from, to).await?;
        self.read_events(endpoint, &logs, to).await
    }

    async fn read_events(&self, endpoint: &Endpoint, logs: &[Log], to: u64) -> Result<Vec<PacketEvent>, AdapterError> {
        let mut events = Vec::with_capacity(logs.len());
        for log in logs {
            let raw = RawEvent::read(log).map_err(|e| e.into_adapter(endpoint.label(), "eth_getLogs"))?;
            let client = self.client_of(endpoint, raw.client_hash, to).await?;
            match raw.event(client, self.config().height(log.height), log) {
                Ok(event) => events.push(event),
                // It waits by itself, as a packet that nobody tells of; those beside it must not wait with it.
                Err(error @ RpcError::Unfit { .. }) => {
                    tracing::warn!(endpoint = endpoint.label(), height = log.height, %error, "a packet nobody can carry");
                }
                Err(error) => return Err(error.into_adapter(endpoint.label(), "eth_getLogs")),
            }
        }
        Ok(events)
    }

    /// The id that a topic is the hash of; asked of the Router's own events when it is not known yet.
    async fn client_of(&self, endpoint: &Endpoint, hash: B256, to: u64) -> Result<ClientId, AdapterError> {
        let (known, learned_to) = {
            let clients = self.clients();
            (clients.by_hash.get(&hash).cloned(), clients.learned_to)
        };
        if let Some(id) = known {
            return Ok(id);
        }
        let from = learned_to.map_or(self.config().router_height, |height| height.saturating_add(1));
        let filter = Filter { address: self.router, topics: vec![vec![events::client_added_topic()]] };
        let logs = query::logs(endpoint, &filter, from, to).await?;
        let added = logs.iter().map(events::client_added).collect::<Result<Vec<_>, _>>();
        let added = added.map_err(|e| e.into_adapter(endpoint.label(), "eth_getLogs"))?;
        let mut clients = self.clients();
        clients.by_hash.extend(added.into_iter().map(|id| (client_topic(&id), id)));
        match clients.by_hash.get(&hash).cloned() {
            Some(id) => {
                // Only an answer that held what was looked for is taken for a whole one.
                clients.learned_to = clients.learned_to.max(Some(to));
                Ok(id)
            }
            None => Err(AdapterError::Inconsistent {
                endpoint: endpoint.label().to_owned(),
                field: "client",
                expected: "the hash of a client's id that the router has".to_owned(),
                found: hash.to_string(),
            }),
        }
    }

    /// The first event of one packet, of one kind, in the whole life of the Router.
    async fn find_event(
        &self,
        kind: EventKind,
        client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<PacketEvent>, AdapterError> {
        let topics = vec![vec![kind.topic()], vec![client_topic(client)], vec![number_topic(sequence.get())]];
        let filter = Filter { address: self.router, topics };
        let mut failure = None;
        let mut absent = false;
        // A node that hides an event answers as one where there is none: only when all have none, there is none.
        // What it tells is proven or disproven later; then it is asked for again, and of another.
        for endpoint in self.chain.pool.by_turns() {
            match self.chain.pool.watch(&endpoint, self.find_event_at(&endpoint, &filter, client)).await {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => absent = true,
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if !absent => Err(error),
            _ => Ok(None),
        }
    }

    async fn find_event_at(
        &self,
        endpoint: &Endpoint,
        filter: &Filter,
        client: &ClientId,
    ) -> Result<Option<PacketEvent>, AdapterError> {
        let to = View::latest(endpoint).await?.height;
        let logs = query::logs(endpoint, filter, self.config().router_height, to).await?;
        let Some(log) = logs.first() else { return Ok(None) };
        let event =
            RawEvent::read(log).and_then(|raw| raw.event(client.clone(), self.config().height(log.height), log));
        event.map(Some).map_err(|e| e.into_adapter(endpoint.label(), "eth_getLogs"))
    }

    /// The contract behind a client's id; `None` when the Router knows no such client.
    ///
    /// # Errors
    /// As every question to the chain.
    pub async fn verifier(&self, id: &ClientId) -> Result<Option<Address>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            hosted::verifier(&view, self.router, id).await
        };
        self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await
    }

    async fn stored_around(
        &self,
        endpoint: Arc<Endpoint>,
        id: &ClientId,
        height: Height,
    ) -> Result<Option<StoredStates>, AdapterError> {
        let view = View::latest(&endpoint).await?;
        hosted::around(&view, self.router, self.config().router_height, &self.states, id, height).await
    }

    async fn slot(&self, path: &StorePath) -> Result<At<[u8; 32]>, AdapterError> {
        let slot = &path.slot();
        let pool = &self.chain.pool;
        pool.attempt_at(pool.by_turns(), |endpoint| async move {
            let view = View::latest(&endpoint).await?;
            let value = view.slot(self.router, slot.as_bytes()).await?;
            Ok(At { height: self.config().height(view.height), value })
        })
        .await
    }
}

#[async_trait]
impl ChainReader for EvmReader {
    fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The head of the endpoint in the middle ([`Pool::head`](crate::rpc::Pool::head)). Which block is the true one at a
    /// height only its seals say, and those are the prover's to check.
    async fn head(&self) -> Result<Head, AdapterError> {
        let ask = |endpoint: Arc<Endpoint>| async move {
            let head = head_of(self.config(), &endpoint).await?;
            endpoint.saw_head(head.height);
            Ok(head)
        };
        let head = self.chain.pool.head(ask, |head| head.height).await?;
        self.chain.pool.compare_heads(head.height);
        Ok(Head {
            height: self.config().height(head.height),
            time: Timestamp::from_unix_seconds(head.time_seconds),
            hash: head.hash,
        })
    }

    async fn packet_events(&self, from: Height, to: Height) -> Result<Vec<PacketEvent>, AdapterError> {
        // Nodes of chains that begin above 0 answer as if nothing had happened when a range begins below.
        let (mut from, to) = (from.number().max(self.config().consensus.first_height()), to.number());
        let mut events = GatheredEvents::default();
        while from <= to {
            let end = to.min(from.saturating_add(MAX_RANGE_BLOCKS - 1));
            let part = self.chain.pool.attempt(|endpoint| async move { self.events_of(&endpoint, from, end).await });
            events.add(part.await?)?;
            match end.checked_add(1) {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(events.into_events())
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

    async fn client(&self, id: &ClientId) -> Result<At<Option<HostedClient>>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            let value = hosted::client(&view, self.router, self.config().router_height, &self.states, id).await?;
            Ok(At { height: self.config().height(view.height), value })
        };
        let mut told = self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await?;
        if is_frozen(&told) {
            told = self.chain.pool.middle(work, |told| is_frozen(told).into()).await?;
            if !is_frozen(&told) {
                tracing::warn!(chain = %self.chain_id, client = %id, "a node alone says that a client is frozen");
            }
        }
        Ok(told)
    }

    async fn consensus_state(&self, id: &ClientId, height: Height) -> Result<At<Option<Vec<u8>>>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            let first = self.config().router_height;
            let value = hosted::state(&view, self.router, first, &self.states, id, height).await?;
            Ok(At { height: self.config().height(view.height), value })
        };
        self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await
    }

    async fn consensus_heights(&self, id: &ClientId, height: Height) -> Result<At<[Option<Height>; 2]>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            let value = hosted::neighbours(&view, self.router, id, height).await?;
            Ok(At { height: self.config().height(view.height), value })
        };
        self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await
    }

    async fn accepted_updates(&self, id: &ClientId, height: Height) -> Result<Vec<At<Submitted>>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            submitted::updates(&view, self.config(), self.router, id, height).await
        };
        Ok(submitted::distinct(self.chain.pool.every(work).await?))
    }

    async fn accepted_misbehaviour(&self, id: &ClientId) -> Result<At<Option<Submitted>>, AdapterError> {
        let work = |endpoint: Arc<Endpoint>| async move {
            let view = View::latest(&endpoint).await?;
            submitted::misbehaviour(&view, self.config(), self.router, id).await
        };
        self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await
    }

    async fn value(&self, path: &StorePath) -> Result<At<Option<CommitmentHash>>, AdapterError> {
        let At { height, value } = self.slot(path).await?;
        Ok(At { height, value: (value != [0; 32]).then(|| CommitmentHash::new(value)) })
    }

    /// 0 when the Router has no such client.
    async fn next_sequence_send(&self, client: &ClientId) -> Result<At<u64>, AdapterError> {
        let At { height, value } = self.slot(&next_sequence_send_path(client)).await?;
        let (high, low) = value.split_at(24);
        match <[u8; 8]>::try_from(low) {
            Ok(low) if high.iter().all(|byte| *byte == 0) => Ok(At { height, value: u64::from_be_bytes(low) }),
            _ => Err(AdapterError::Inconsistent {
                endpoint: "the router".to_owned(),
                field: "next sequence",
                expected: "a number of 64 bits".to_owned(),
                found: B256::from(value).to_string(),
            }),
        }
    }

    async fn stored_states(&self, id: &ClientId, height: Height) -> Result<Option<StoredStates>, AdapterError> {
        let work = |endpoint| self.stored_around(endpoint, id, height);
        self.chain.pool.attempt_at(self.chain.pool.by_turns(), work).await
    }

    async fn every_stored_states(&self, id: &ClientId, height: Height) -> Result<Vec<StoredStates>, AdapterError> {
        let told = self.chain.pool.every(|endpoint| self.stored_around(endpoint, id, height)).await?;
        Ok(told.into_iter().flatten().collect())
    }
}

fn is_frozen(told: &At<Option<HostedClient>>) -> bool {
    told.value.as_ref().is_some_and(|client| client.status == Status::Frozen)
}

/// The latest block that a node shows. Some have none to show for a moment, while they still index it: that is no lie.
async fn head_of(config: &EvmConfig, endpoint: &Endpoint) -> Result<BlockClaim, AdapterError> {
    const OPERATION: &str = "eth_getBlockByNumber";
    let block = endpoint.call(OPERATION, json!(["latest", false])).await;
    let block = block.and_then(|block| match block.is_null() {
        true => Err(RpcError::NotYet { field: "latest block" }),
        false => BlockClaim::read(&config.consensus, &block),
    });
    block.map_err(|e| e.into_adapter(endpoint.label(), OPERATION))
}
