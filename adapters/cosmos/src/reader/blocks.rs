//! What blocks told of packets.

use super::{
    CosmosReader,
    events::{BlockResults, Event, EventKind, SEQUENCE, TransactionResult},
    is_of,
};
use crate::rpc::Node;
use adapter::{AdapterError, MAX_EVENT_BYTES, PacketEvent};
use adapter_json_rpc::{RpcError, printable};
use light_client::{ClientId, Sequence};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// The most transactions with one kind of event that are read of one block, where they are read one by one.
const MAX_SINGLE_TRANSACTIONS: u64 = 2_000;

/// One page of a search, of which only what the transactions came to is read.
#[derive(Deserialize)]
struct FoundTransactions {
    #[serde(default)]
    txs: Option<Vec<FoundTransaction>>,
    total_count: String,
}

#[derive(Deserialize)]
struct FoundTransaction {
    height: String,
    #[serde(default)]
    index: u64,
    tx_result: TransactionResult,
}

impl CosmosReader {
    /// The packet events of one block, as the first node tells them that can: all at once, or transaction by transaction
    /// where that is more than one answer may hold.
    ///
    /// A block of which in a while no node gave an answer that can be read is passed over, so that it holds up nothing that
    /// came after it: a packet that was sent there is missed when the number of packets is proven, and looked for by its
    /// own number.
    pub(super) async fn events_of(&self, block: u64) -> Result<Vec<PacketEvent>, AdapterError> {
        let (rpc, chain) = (&self.chain.rpc, self.chain.chain_id());
        let error = match rpc.attempt(|node| async move { self.block_events(&node, block).await }).await {
            Ok(events) => {
                self.forget(block);
                return Ok(events);
            }
            Err(error) => error,
        };
        let given_up = is_unreadable(&error) && self.unreadable.is_given_up(block, Instant::now());
        if !given_up && !may_be_asked_in_parts(&error) {
            return Err(error);
        }
        match rpc.attempt_by_turns(|node| async move { self.single_events(&node, block).await }).await {
            Ok(events) => {
                self.forget(block);
                tracing::warn!(%chain, block, %error, "read transaction by transaction: its other events are not read");
                Ok(events)
            }
            Err(_) if given_up => {
                tracing::error!(%chain, block, %error, "passed over: no node gives its events in a form that can be read");
                self.unreadable.pass_over(block, error.to_string());
                Ok(Vec::new())
            }
            Err(_) => Err(error),
        }
    }

    /// The block was read.
    fn forget(&self, block: u64) {
        self.unreadable.forget(block);
        self.unfinished.forget(block);
    }

    /// The packet events of one block, one node's word.
    pub(super) async fn block_events(&self, node: &Node, block: u64) -> Result<Vec<PacketEvent>, AdapterError> {
        const OPERATION: &str = "block_results";
        let params = json!({ "height": block.to_string() });
        let answer = match node.endpoint().call_for::<BlockResults>(OPERATION, params).await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(node.inconsistent("result", "an answer".to_owned(), "null".to_owned())),
            Err(error) => return Err(node.failed_at(error, OPERATION, block).await),
        };
        check_height(node, block, &answer.height)?;
        self.read_events(node, OPERATION, block, answer.into_events())
    }

    /// The packet events of one block's transactions, one node's word, each transaction asked for by itself. What the block
    /// told of besides is not among them. What was told is kept where there is no time for the rest.
    pub(super) async fn single_events(&self, node: &Node, block: u64) -> Result<Vec<PacketEvent>, AdapterError> {
        const OPERATION: &str = "tx_search";
        let refused = |reason| Err(AdapterError::Refused { operation: OPERATION, reason });
        let mut reading = self.unfinished.resume(block, node.label());
        let progress = &mut reading.progress;
        while let Some(kind) = EventKind::ALL.get(progress.searched) {
            let query = format!("tx.height={block} AND {}.{SEQUENCE} EXISTS", kind.name());
            loop {
                let page = progress.pages + 1;
                let params: Value = json!({
                    "query": query, "prove": false, "page": page.to_string(), "per_page": "1", "order_by": "asc",
                });
                let total = match node.endpoint().call_for::<FoundTransactions>(OPERATION, params).await {
                    Ok(Some(FoundTransactions { txs, total_count })) => {
                        let txs = txs.unwrap_or_default();
                        if txs.len() > 1 {
                            let found = txs.len().to_string();
                            return Err(node.inconsistent("txs", "one transaction on a page of one".to_owned(), found));
                        }
                        for FoundTransaction { height, index, tx_result } in txs {
                            check_height(node, block, &height)?;
                            // One that told of several kinds of event is found for each.
                            if progress.found.contains_key(&index) {
                                continue;
                            }
                            let events = self.read_events(node, OPERATION, block, tx_result.into_events())?;
                            let bytes = events.iter().map(PacketEvent::bytes);
                            progress.bytes = bytes.fold(progress.bytes, usize::saturating_add);
                            progress.found.insert(index, events);
                        }
                        progress.was_too_much = false;
                        total_count.parse::<u64>().ok()
                    }
                    Ok(None) => return Err(node.inconsistent("result", "an answer".to_owned(), "null".to_owned())),
                    Err(error @ (RpcError::TooLarge { .. } | RpcError::TooMany { .. })) => {
                        tracing::warn!(endpoint = node.label(), block, page, %error, "a transaction nobody can read");
                        progress.was_too_much = true;
                        None
                    }
                    // There is no page after the one that could not be read.
                    Err(RpcError::Node { .. }) if progress.was_too_much => break,
                    Err(error) => return Err(node.failed(error, OPERATION)),
                };
                let bytes = progress.bytes;
                if bytes > MAX_EVENT_BYTES {
                    return refused(format!("expected events of at most {MAX_EVENT_BYTES} bytes, found {bytes}"));
                }
                if total.is_some_and(|total| total <= page) {
                    break;
                }
                if page >= MAX_SINGLE_TRANSACTIONS {
                    return refused(format!("expected at most {MAX_SINGLE_TRANSACTIONS} transactions, found more"));
                }
                progress.pages = page;
            }
            (progress.searched, progress.pages, progress.was_too_much) = (progress.searched + 1, 0, false);
        }
        Ok(reading.finish())
    }

    fn read_events(
        &self,
        node: &Node,
        operation: &'static str,
        block: u64,
        events: impl Iterator<Item = Event>,
    ) -> Result<Vec<PacketEvent>, AdapterError> {
        let height = self.chain.height(block);
        let mut read = Vec::new();
        for event in events {
            match event.packet_event(height) {
                Ok(event) => read.extend(event),
                // It waits by itself, as a packet that nobody tells of; those beside it must not wait with it.
                Err(error @ RpcError::Unfit { .. }) => {
                    tracing::warn!(endpoint = node.label(), block, %error, "a packet nobody can carry");
                }
                Err(error) => return Err(node.failed(error, operation)),
            }
        }
        Ok(read)
    }

    /// The first event of one packet, of one kind, in the whole life of the chain.
    pub(super) async fn find_event(
        &self,
        kind: EventKind,
        client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<PacketEvent>, AdapterError> {
        self.search(|node| async move { self.find_event_at(&node, kind, client, sequence).await }).await
    }

    /// Looks the event up by client and number: first among those of transactions, then among those of blocks, to which an
    /// application tells that answers later.
    async fn find_event_at(
        &self,
        node: &Node,
        kind: EventKind,
        client: &ClientId,
        sequence: Sequence,
    ) -> Result<Option<PacketEvent>, AdapterError> {
        let (name, role) = (kind.name(), kind.role());
        let query = format!("{name}.{role}='{client}' AND {name}.{SEQUENCE}='{sequence}'");
        for transaction in node.transactions(&query).await? {
            let height = self.chain.height(transaction.submitted.height);
            let told = transaction.events.into_iter().filter(|_| transaction.submitted.code == 0).map(Event::from);
            for event in told {
                match event.packet_event(height) {
                    Ok(Some(event)) if is_of(&event, kind, client, sequence) => return Ok(Some(event)),
                    // A search may find more than what is looked for.
                    Ok(_) => {}
                    Err(RpcError::Unfit { .. }) if !event.is_about(kind, client, sequence) => {}
                    Err(error) => return Err(node.failed(error, "tx_search")),
                }
            }
        }
        for block in node.blocks(&query).await? {
            let events = self.block_events(node, block).await?;
            if let Some(event) = events.into_iter().find(|event| is_of(event, kind, client, sequence)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

fn check_height(node: &Node, expected: u64, found: &str) -> Result<(), AdapterError> {
    if found == expected.to_string() {
        return Ok(());
    }
    Err(node.inconsistent("height", format!("height {expected}"), printable(found)))
}

/// Whether the answers were there, and none that can be read.
fn is_unreadable(error: &AdapterError) -> bool {
    matches!(error, AdapterError::Inconsistent { .. }) || is_too_much(error)
}

/// Whether less may be answered where all together was not.
fn may_be_asked_in_parts(error: &AdapterError) -> bool {
    is_too_much(error) || matches!(cause(error), Some(RpcError::Node { .. }))
}

fn is_too_much(error: &AdapterError) -> bool {
    matches!(cause(error), Some(RpcError::TooLarge { .. } | RpcError::TooMany { .. }))
}

fn cause(error: &AdapterError) -> Option<&RpcError> {
    let AdapterError::Unavailable { source, .. } = error else { return None };
    source.downcast_ref()
}
