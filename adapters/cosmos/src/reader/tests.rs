#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    CosmosChain, CosmosConfig, EndpointConfig, TendermintConfig, TendermintRpc,
    fake::{Answer, Fake, Raw},
    proto,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use light_client::sha256;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

const CHAIN: &str = "simd-3";
/// What an answer may hold at most, in those tests that are about it.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What one block told of: its transactions by themselves, and the block after them.
#[derive(Clone, Default)]
struct Block {
    transactions: Vec<Vec<Value>>,
    itself: Vec<Value>,
}

type Blocks = BTreeMap<u64, Block>;

fn answer(blocks: &Blocks, method: &str, params: &Value) -> Answer {
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    Ok(match method {
        "status" => json!({
            "node_info": { "network": CHAIN, "version": "0.38.17" },
            "sync_info": { "latest_block_height": "20", "earliest_block_height": "1", "catching_up": false },
        }),
        "block_results" => {
            let block = blocks.get(&text("height").parse().unwrap()).cloned().unwrap_or_default();
            let transactions: Vec<Value> =
                block.transactions.iter().map(|events| json!({ "code": 0, "events": events })).collect();
            json!({ "height": text("height"), "txs_results": transactions, "finalize_block_events": block.itself })
        }
        "tx_search" => {
            let found = found(blocks, text("query"));
            let [page, per_page] = ["page", "per_page"].map(|name| text(name).parse::<usize>().unwrap());
            let pages = found.len().div_ceil(per_page).max(1);
            if page > pages {
                return Err((-32603, format!("page should be within [1, {pages}] range, given {page}")));
            }
            let part: Vec<&Value> = found.iter().skip((page - 1) * per_page).take(per_page).collect();
            json!({ "total_count": found.len().to_string(), "txs": part })
        }
        "block_search" => {
            let of = |(_, block): &(&u64, &Block)| block.itself.iter().any(|event| matches(event, text("query")));
            let header =
                |(height, _): (&u64, &Block)| json!({ "block": { "header": { "height": height.to_string() } } });
            let found: Vec<Value> = blocks.iter().filter(of).map(header).collect();
            json!({ "total_count": found.len().to_string(), "blocks": found })
        }
        other => return Err((-32601, other.to_owned())),
    })
}

/// Whether an event is of a query's kind, and of its number, if it names one.
fn matches(event: &Value, query: &str) -> bool {
    let sequence = query.split_once("packet_sequence='").map(|(_, rest)| rest.trim_end_matches('\''));
    let has = |sequence| event["attributes"].as_array().unwrap().iter().any(|attribute| attribute["value"] == sequence);
    event["type"] == query.split('.').next().unwrap() && sequence.is_none_or(has)
}

/// The transactions with an event that matches: of one block when the query names its height, otherwise of all.
fn found(blocks: &Blocks, query: &str) -> Vec<Value> {
    let (height, rest) = match query.strip_prefix("tx.height=").and_then(|rest| rest.split_once(" AND ")) {
        Some((height, rest)) => (height.parse::<u64>().ok(), rest),
        None => (None, query),
    };
    let mut found = Vec::new();
    for (at, block) in blocks.iter().filter(|(at, _)| height.is_none_or(|height| height == **at)) {
        for (index, events) in (0_u64..).zip(&block.transactions) {
            if events.iter().any(|event| matches(event, rest)) {
                let bytes = [at.to_be_bytes(), index.to_be_bytes()].concat();
                found.push(json!({
                    "hash": hex::encode_upper(sha256(&[&bytes])), "height": at.to_string(), "index": index,
                    "tx": BASE64_STANDARD.encode(&bytes),
                    "tx_result": {
                        "code": 0, "codespace": "", "log": "", "info": "", "data": "", "gas_used": "1", "gas_wanted": "1",
                        "events": events,
                    },
                }));
            }
        }
    }
    found
}

/// The recorded packet under another number, sent or acknowledged.
fn event(kind: &str, sequence: u64) -> Value {
    let recording = std::fs::read("vectors/ibc-v2/error_acknowledgement.json").unwrap();
    let recording: Value = serde_json::from_slice(&recording).unwrap();
    let encoded = hex::decode(recording["packet"]["protobuf"].as_str().unwrap()).unwrap();
    let packet = proto::Packet { sequence, ..proto::Packet::decode(encoded.as_slice()).unwrap() };
    event_with(kind, sequence, hex::encode(packet.encode_to_vec()), &recording["acknowledgement"]["protobuf"])
}

fn event_with(kind: &str, sequence: u64, packet: String, acknowledgement: &Value) -> Value {
    let attributes: Vec<Value> = [
        ("packet_source_client", json!("07-tendermint-1")),
        ("packet_dest_client", json!("07-tendermint-1")),
        ("packet_sequence", json!(sequence.to_string())),
        ("encoded_packet_hex", json!(packet)),
        ("encoded_acknowledgement_hex", acknowledgement.clone()),
    ]
    .into_iter()
    .map(|(key, value)| json!({ "key": key, "value": value, "index": true }))
    .collect();
    json!({ "type": kind, "attributes": attributes })
}

/// An event of somebody else's, as long as half of what an answer may hold.
fn long_event() -> Value {
    json!({ "type": "long", "attributes": [{ "key": "a", "value": "b".repeat(MAX_ANSWER_BYTES / 2), "index": true }] })
}

async fn reader(fake: &Fake, max_answer_bytes: Option<usize>) -> CosmosReader {
    reader_of(&[fake], max_answer_bytes).await
}

async fn reader_of(fakes: &[&Fake], max_answer_bytes: Option<usize>) -> CosmosReader {
    let endpoints = fakes.iter().map(|fake| EndpointConfig::new(&fake.url)).collect();
    let mut config = TendermintConfig::new(CHAIN.parse().unwrap(), endpoints);
    if let Some(max) = max_answer_bytes {
        config.limits.max_answer_bytes = max;
    }
    let rpc = TendermintRpc::connect(config).await.unwrap();
    CosmosChain::new(rpc, CosmosConfig::new("cosmos", "0stake".parse().unwrap())).reader()
}

async fn serve(blocks: Blocks) -> Fake {
    Fake::start(move |method, params| answer(&blocks, method, params)).await
}

async fn sent(reader: &CosmosReader, from: u64, to: u64) -> Result<Vec<u64>, AdapterError> {
    let events = reader.packet_events(Height::new(from), Height::new(to)).await?;
    let sequence = |event: PacketEvent| match event {
        PacketEvent::Sent { packet, .. } => Some(packet.sequence.get()),
        _ => None,
    };
    Ok(events.into_iter().filter_map(sequence).collect())
}

fn number(sequence: u64) -> Sequence {
    Sequence::try_from(sequence).unwrap()
}

#[tokio::test]
async fn a_block_that_no_answer_can_hold_is_read_in_parts() {
    let transactions = vec![
        vec![event("send_packet", 1), long_event()],
        vec![long_event(), long_event(), event("send_packet", 2)],
        vec![event("message", 9)],
        vec![event("recv_packet", 7), event("send_packet", 3), event("write_acknowledgement", 7)],
    ];
    let block = Block { transactions, itself: vec![event("write_acknowledgement", 8)] };
    let after = Block { transactions: vec![vec![event("send_packet", 4)]], ..Block::default() };
    let fake = serve(BTreeMap::from([(5, block), (6, after)])).await;
    let reader = reader(&fake, Some(MAX_ANSWER_BYTES)).await;
    // The second transaction is too long by itself; neither what comes after it waits for it, nor the next block.
    assert_eq!(sent(&reader, 5, 6).await.unwrap(), [1, 3, 4]);
    let events = reader.packet_events(Height::new(5), Height::new(5)).await.unwrap();
    let is_seventh = |event: &PacketEvent| is_of(event, EventKind::Receive, &client("07-tendermint-1"), number(7));
    assert_eq!(events.iter().filter(|event| is_seventh(event)).count(), 1, "{events:?}");
    assert_eq!(reader.chain.rpc.endpoints()[0].lies, 0);
    // Packets are looked up without the block, and what was told of besides its transactions is not found in this one.
    fake.asked();
    let source = client("07-tendermint-1");
    assert_eq!(reader.sent_packet(&source, number(4)).await.unwrap().unwrap().height.number(), 6);
    assert!(fake.asked().iter().all(|asked| asked.method != "block_results"));
    let acknowledgement = reader.written_acknowledgement(&client("07-tendermint-1"), number(8)).await;
    assert_eq!(acknowledgement.unwrap_err().kind(), AdapterErrorKind::Transient);
}

fn client(id: &str) -> ClientId {
    id.parse().unwrap()
}

#[tokio::test]
async fn what_a_block_told_of_by_itself_is_found_too() {
    let block = Block { transactions: Vec::new(), itself: vec![event("write_acknowledgement", 8)] };
    let fake = serve(BTreeMap::from([(5, block)])).await;
    let reader = reader(&fake, None).await;
    let found = reader.written_acknowledgement(&client("07-tendermint-1"), number(8)).await.unwrap().unwrap();
    assert_eq!((found.height.number(), found.value), (5, light_client::error_acknowledgement().to_vec()));
}

#[tokio::test]
async fn a_packet_that_is_too_long_hides_no_other() {
    let long = "00".repeat(light_client::MAX_PAYLOAD_BYTES + 64 * 1024);
    let too_long = event_with("send_packet", 2, long, &Value::Null);
    let block =
        Block { transactions: vec![vec![event("send_packet", 1), too_long, event("send_packet", 3)]], itself: vec![] };
    let fake = serve(BTreeMap::from([(5, block)])).await;
    let reader = reader(&fake, None).await;
    assert_eq!(sent(&reader, 5, 5).await.unwrap(), [1, 3]);
    let source = client("07-tendermint-1");
    assert!(reader.sent_packet(&source, number(3)).await.unwrap().is_some());
    // Asked for by itself it is refused, and the node is not taken for a liar.
    let error = reader.sent_packet(&source, number(2)).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::RefusedByChain, "{error}");
    assert_eq!(reader.chain.rpc.endpoints()[0].lies, 0);
}

#[tokio::test]
async fn a_block_that_nobody_shows_is_passed_over_in_the_end() {
    let after = Block { transactions: vec![vec![event("send_packet", 4)]], ..Block::default() };
    let blocks = BTreeMap::from([(6, after)]);
    let garbled = move |method: &str, params: &Value| match (method, params["height"].as_str()) {
        ("block_results", Some("5")) => Ok(json!({ "height": "5", "txs_results": 7 })),
        ("tx_search", _) => Err((-32603, "transaction indexing is disabled".to_owned())),
        _ => answer(&blocks, method, params),
    };
    let fake = Fake::start(garbled).await;
    let mut reader = reader(&fake, None).await;
    for _ in 0..5 {
        let error = sent(&reader, 5, 6).await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
    }
    reader.unreadable = Unreadable::with_patience(Duration::ZERO);
    // A node that is not there says nothing of a block.
    fake.say(Some(Raw(502, vec![], "")));
    for _ in 0..5 {
        assert_eq!(sent(&reader, 5, 6).await.unwrap_err().kind(), AdapterErrorKind::Transient);
    }
    fake.say(None);
    assert!(sent(&reader, 5, 6).await.is_err());
    assert!(sent(&reader, 5, 6).await.is_err());
    assert!(reader.passed_over().is_empty());
    assert_eq!(sent(&reader, 5, 6).await.unwrap(), [4]);
    let [passed] = <[_; 1]>::try_from(reader.passed_over()).unwrap();
    assert!(passed.height.number() == 5 && passed.value.contains("expected a sequence"), "{passed:?}");
}

#[tokio::test]
async fn a_block_for_which_there_is_too_little_time_is_read_on() {
    const COUNT: u64 = 20;
    let transactions = (1..=COUNT).map(|number| vec![event("send_packet", number), long_event()]).collect();
    let blocks = BTreeMap::from([(5, Block { transactions, ..Block::default() })]);
    let left = Arc::new(AtomicU64::new(0));
    let budget = Arc::clone(&left);
    let fake = Fake::start(move |method, params| {
        let spent = || budget.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err();
        if method == "tx_search" && spent() {
            return Err((-32603, "no more now".to_owned()));
        }
        answer(&blocks, method, params)
    })
    .await;
    let reader = reader(&fake, Some(MAX_ANSWER_BYTES)).await;
    // Each time some transactions are told of, and then no more.
    let mut cut_off = 0;
    let found = loop {
        left.store(4, SeqCst);
        match sent(&reader, 5, 5).await {
            Ok(found) => break found,
            Err(error) => assert_eq!(error.kind(), AdapterErrorKind::Transient, "{error}"),
        }
        cut_off += 1;
        assert!(cut_off < 20, "it begins anew each time");
    };
    assert_eq!(found, Vec::from_iter(1..=COUNT));
    assert!(cut_off >= 4, "{cut_off}");
    let mut pages: Vec<Value> =
        fake.asked().into_iter().filter(|asked| asked.method == "tx_search").map(|asked| asked.params).collect();
    let asked = pages.len();
    pages.dedup();
    assert_eq!(asked - pages.len(), cut_off, "asked again only for what was not told");
    // Nothing of it is left: when it is read again, it is from the beginning.
    left.store(1_000, SeqCst);
    assert_eq!(sent(&reader, 5, 5).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_page_of_one_transaction_holds_no_more() {
    let transactions = vec![vec![event("send_packet", 1)], vec![event("send_packet", 2)]];
    let blocks = BTreeMap::from([(5, Block { transactions, ..Block::default() })]);
    let surplus = Arc::new(AtomicU64::new(0));
    let added = Arc::clone(&surplus);
    let fake = Fake::start(move |method, params| {
        let mut told = answer(&blocks, method, params)?;
        if method == "tx_search" {
            let (first, list) = (told["txs"][0].clone(), told["txs"].as_array_mut().unwrap());
            (0..added.load(SeqCst)).for_each(|_| list.push(first.clone()));
        }
        Ok(told)
    })
    .await;
    let reader = reader(&fake, None).await;
    let node = reader.chain.rpc.nodes().remove(0);
    assert_eq!(reader.single_events(&node, 5).await.unwrap().len(), 2);
    surplus.store(1, SeqCst);
    let error = reader.single_events(&node, 5).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
}

#[tokio::test]
async fn one_node_alone_hides_no_block_that_others_have() {
    let blocks =
        BTreeMap::from([5, 12].map(|height| {
            (height, Block { transactions: vec![vec![event("send_packet", height)]], ..Block::default() })
        }));
    // A node that says to have thrown away what comes before a height.
    let pruned = |earliest: u64, shown_from: u64| {
        let blocks = blocks.clone();
        Fake::start(move |method, params| {
            let mut told = answer(&blocks, method, params)?;
            match method {
                "status" => told["sync_info"]["earliest_block_height"] = json!(earliest.to_string()),
                "block_results" if params["height"].as_str().unwrap().parse::<u64>().unwrap() < shown_from => {
                    return Err((-32603, "no such block".to_owned()));
                }
                _ => {}
            }
            Ok(told)
        })
    };
    // One claims that it is far, and the other is not there for a moment.
    let (liar, honest) = (pruned(19, 19).await, pruned(1, 1).await);
    let mut reader = reader_of(&[&liar, &honest], None).await;
    honest.say(Some(Raw(502, vec![], "")));
    for _ in 0..5 {
        assert!(sent(&reader, 4, 15).await.is_err());
    }
    honest.say(None);
    assert_eq!(sent(&reader, 4, 15).await.unwrap(), [5, 12]);
    // If it stays away, what is kept is gone on with.
    honest.say(Some(Raw(502, vec![], "")));
    reader.unreadable = Unreadable::with_patience(Duration::ZERO);
    let passed = async |reader: &CosmosReader| {
        for _ in 0..2 {
            assert!(sent(reader, 4, 15).await.is_err());
        }
        sent(reader, 4, 15).await.unwrap()
    };
    assert_eq!(passed(&reader).await, Vec::<u64>::new());
    // Nor does one hold up what comes after, that claims to have what it does not show.
    let (liar, honest) = (pruned(1, 10).await, pruned(10, 10).await);
    let mut reader = reader_of(&[&liar, &honest], None).await;
    for _ in 0..5 {
        assert!(sent(&reader, 4, 15).await.is_err());
    }
    reader.unreadable = Unreadable::with_patience(Duration::ZERO);
    assert_eq!(passed(&reader).await, [12]);
}

#[tokio::test]
async fn lists_without_end_are_not_read() {
    let heights = |count: u64| {
        let height = |number| ibc_proto::ibc::core::client::v1::Height { revision_number: 3, revision_height: number };
        let answer = QueryConsensusStateHeightsResponse {
            consensus_state_heights: (1..=count).map(height).collect(),
            pagination: None,
        };
        BASE64_STANDARD.encode(answer.encode_to_vec())
    };
    for (count, is_read) in [(HEIGHTS_PER_PAGE as u64, true), (HEIGHTS_PER_PAGE as u64 + 1, false)] {
        let value = heights(count);
        let fake = Fake::start(move |method, params| match method {
            "abci_query" => Ok(json!({ "response": {
                "code": 0, "log": "", "info": "", "index": "0", "key": null, "value": value, "proofOps": null,
                "height": "20", "codespace": "",
            } })),
            _ => answer(&BTreeMap::new(), method, params),
        })
        .await;
        let reader = reader(&fake, None).await;
        let found = reader.consensus_heights(&client("07-tendermint-1"), Height::with_revision(3, 5)).await;
        assert_eq!(found.is_ok(), is_read, "{found:?}");
    }
}
