//! What is said to a chain of ibc-go, and what is made of its nodes' answers: a node that answers as a test wants.
#![allow(clippy::unwrap_used)]

#[path = "support/fake.rs"]
mod fake;

use adapter::{
    AdapterError, AdapterErrorKind, ChainReader, ChainWriter, FeeBid, FeeBump, Message, Outcome, PacketEvent,
    SignedTransaction, TransactionHash,
};
use adapter_cosmos::{
    AccountKey, CosmosChain, CosmosConfig, CosmosReader, CosmosWriter, EndpointConfig, KeyKind, TendermintConfig,
    TendermintRpc,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use fake::{Answer, Fake};
use ibc_proto::{
    cosmos::{
        auth::v1beta1::{BaseAccount, QueryAccountResponse},
        bank::v1beta1::QueryBalanceResponse,
        base::{abci::v1beta1::TxMsgData, v1beta1::Coin},
    },
    google::protobuf::Any,
    ibc::lightclients::tendermint::v1::ClientState,
};
use light_client::{Height, Status, commitment_path, receipt_path, sha256};
use prost_13::Message as _;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

const CHAIN: &str = "simd-3";
const NONCE: u64 = 7;
const ACCOUNT: u64 = 4;

fn key(label: &str) -> AccountKey {
    AccountKey::from_secret(KeyKind::Secp256k1, &sha256(&[label.as_bytes()])).unwrap()
}

fn signer() -> String {
    key("relayer").address("cosmos").unwrap()
}

/// What the node answers to each question; a test changes what it is about.
#[derive(Clone)]
struct Node {
    /// By path of the query: code, codespace, value.
    queries: BTreeMap<String, (u32, &'static str, Vec<u8>)>,
    /// What lies in the ibc store, by key.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How `broadcast_tx_sync` ends: code and codespace, or an error of JSON-RPC.
    broadcast: Result<(u32, &'static str), i64>,
    /// The transactions that wait, and how many more there are.
    waiting: (Vec<Vec<u8>>, usize),
    /// The transactions in blocks: bytes, height, code.
    included: Vec<(Vec<u8>, u64, u32)>,
    /// The sequences that simulations were made with; the one that is expected, if only one is; and the one that is from the
    /// next simulation on, when it is another.
    simulated: Vec<u64>,
    expects: Option<u64>,
    expects_next: Option<u64>,
    /// Events by block.
    events: BTreeMap<u64, Value>,
    /// What is found by a search for an event.
    found: Vec<u64>,
    executed: u64,
    latest: u64,
    earliest: u64,
}

impl Node {
    fn new() -> Self {
        let base = BaseAccount { address: signer(), pub_key: None, account_number: ACCOUNT, sequence: NONCE };
        let mut node = Self {
            queries: BTreeMap::new(),
            store: BTreeMap::new(),
            broadcast: Ok((0, "")),
            waiting: (Vec::new(), 0),
            included: Vec::new(),
            simulated: Vec::new(),
            expects_next: None,
            expects: None,
            events: BTreeMap::new(),
            found: Vec::new(),
            executed: 20,
            latest: 20,
            earliest: 1,
        };
        node.account("/cosmos.auth.v1beta1.BaseAccount", base.encode_to_vec());
        let balance = Some(Coin { denom: "stake".to_owned(), amount: "1234".to_owned() });
        node.query("/cosmos.bank.v1beta1.Query/Balance", QueryBalanceResponse { balance }.encode_to_vec());
        node.simulates(100_000, &[]);
        node
    }

    fn query(&mut self, path: &str, value: Vec<u8>) {
        self.queries.insert(path.to_owned(), (0, "", value));
    }

    fn account(&mut self, type_url: &str, value: Vec<u8>) {
        let account = Some(Any { type_url: type_url.to_owned(), value });
        self.query("/cosmos.auth.v1beta1.Query/Account", QueryAccountResponse { account }.encode_to_vec());
    }

    /// A simulation that uses this gas, each message returning such a result (1 for nothing done, 2 for done).
    fn simulates(&mut self, gas: u64, results: &[u8]) {
        let response = |result: &u8| Any { type_url: "/a.B".to_owned(), value: vec![8, *result] };
        let data = TxMsgData { msg_responses: results.iter().map(response).collect(), ..Default::default() };
        let json = json!({
            "gas_info": { "gas_wanted": "0", "gas_used": gas.to_string() },
            "result": { "data": BASE64_STANDARD.encode(data.encode_to_vec()), "log": "", "events": [] },
        });
        self.query("/app/simulate", json.to_string().into_bytes());
    }

    fn answer(&mut self, method: &str, params: &Value) -> Answer {
        let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
        Ok(match method {
            "status" => json!({
                "node_info": { "network": CHAIN, "version": "0.38.17" },
                "sync_info": {
                    "latest_block_height": self.latest.to_string(),
                    "earliest_block_height": self.earliest.to_string(),
                    "catching_up": false,
                },
            }),
            "abci_info" => json!({ "response": { "last_block_height": self.executed.to_string() } }),
            "header" => json!({ "header": header(text("height").parse().unwrap()) }),
            "abci_query" => {
                let (code, codespace, value) = self.abci_query(&text("path"), &hex::decode(text("data")).unwrap());
                let value = BASE64_STANDARD.encode(value);
                json!({ "response": {
                    "code": code, "log": "words", "info": "", "index": "0", "key": null, "value": value,
                    "proofOps": null, "height": self.executed.to_string(), "codespace": codespace,
                } })
            }
            "broadcast_tx_sync" => {
                let (code, codespace) = self.broadcast.map_err(|code| (code, "words".to_owned()))?;
                let bytes = BASE64_STANDARD.decode(text("tx")).unwrap();
                let hash = hex::encode_upper(sha256(&[&bytes]));
                json!({ "code": code, "data": "", "log": "words", "codespace": codespace, "hash": hash })
            }
            "unconfirmed_txs" => {
                let (txs, more) = &self.waiting;
                let total = txs.len() + more;
                let txs: Vec<String> = txs.iter().map(|tx| BASE64_STANDARD.encode(tx)).collect();
                json!({ "n_txs": txs.len().to_string(), "total": total.to_string(), "txs": txs })
            }
            "tx_search" => self.search(&text("query")),
            "block_search" => json!({ "blocks": [], "total_count": "0" }),
            "block_results" => {
                let height = text("height").parse::<u64>().unwrap();
                if height > self.executed || height < self.earliest {
                    return Err((-32603, "could not find results".to_owned()));
                }
                let events = self.events.get(&height).cloned().unwrap_or(json!([]));
                json!({ "height": height.to_string(), "txs_results": [{ "code": 0, "events": events }] })
            }
            other => return Err((-32601, other.to_owned())),
        })
    }

    fn abci_query(&mut self, path: &str, data: &[u8]) -> (u32, &'static str, Vec<u8>) {
        if path == "/store/ibc/key" {
            return (0, "", self.store.get(data).cloned().unwrap_or_default());
        }
        if path == "/app/simulate" {
            let raw = ibc_proto::cosmos::tx::v1beta1::TxRaw::decode(data).unwrap();
            let auth = ibc_proto::cosmos::tx::v1beta1::AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
            let sequence = auth.signer_infos[0].sequence;
            self.simulated.push(sequence);
            let expected = self.expects;
            self.expects = self.expects_next.take().or(expected);
            if expected.is_some_and(|expected| expected != sequence) {
                return (32, "sdk", Vec::new());
            }
        }
        self.queries.get(path).cloned().unwrap_or((6, "sdk", Vec::new()))
    }

    fn search(&self, query: &str) -> Value {
        let result = |code: u32, events: Value| {
            json!({
                "code": code, "codespace": if code == 0 { "" } else { "sdk" }, "log": "words", "gas_used": "81000",
                "gas_wanted": "100000", "data": "", "info": "", "events": events,
            })
        };
        let found: Vec<Value> = match query.strip_prefix("tx.hash='") {
            Some(hash) => {
                let hash = hash.trim_end_matches('\'');
                let of = |(bytes, ..): &&(Vec<u8>, u64, u32)| hex::encode_upper(sha256(&[bytes])) == hash;
                let found = self.included.iter().filter(of);
                found
                    .map(|(bytes, height, code)| {
                        json!({
                            "hash": hash, "height": height.to_string(), "index": 0,
                            "tx_result": result(*code, json!([])), "tx": BASE64_STANDARD.encode(bytes),
                        })
                    })
                    .collect()
            }
            None => {
                let one = |height: &u64| {
                    let bytes = height.to_be_bytes();
                    let events = self.events.get(height).cloned().unwrap_or(json!([]));
                    json!({
                        "hash": hex::encode_upper(sha256(&[&bytes])), "height": height.to_string(), "index": 0,
                        "tx_result": result(0, events), "tx": BASE64_STANDARD.encode(bytes),
                    })
                };
                self.found.iter().map(one).collect()
            }
        };
        json!({ "total_count": found.len().to_string(), "txs": found })
    }
}

fn header(height: u64) -> Value {
    let hash = "A".repeat(64);
    json!({
        "version": { "block": "11", "app": "0" }, "chain_id": CHAIN, "height": height.to_string(),
        "time": "2026-11-21T20:00:00.5Z", "last_block_id": { "hash": hash, "parts": { "total": 1, "hash": hash } },
        "last_commit_hash": hash, "data_hash": hash, "validators_hash": hash, "next_validators_hash": hash,
        "consensus_hash": hash, "app_hash": hash, "last_results_hash": hash, "evidence_hash": hash,
        "proposer_address": "B".repeat(40),
    })
}

/// A chain of one node, and what the node knows.
async fn chain() -> (CosmosChain, Arc<Mutex<Node>>, Fake) {
    let node = Arc::new(Mutex::new(Node::new()));
    let answers = Arc::clone(&node);
    let fake = Fake::start(move |method, params| answers.lock().unwrap().answer(method, params)).await;
    let endpoint = EndpointConfig::new(fake.url.clone());
    let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), vec![endpoint])).await.unwrap();
    let mut config = CosmosConfig::new("cosmos", "0.01stake".parse().unwrap());
    config.max_gas = 1_000_000;
    (CosmosChain::new(rpc, config), node, fake)
}

async fn writer() -> (CosmosWriter, Arc<Mutex<Node>>, Fake) {
    let (chain, node, fake) = chain().await;
    (chain.writer(key("relayer")).unwrap(), node, fake)
}

async fn reader() -> (CosmosReader, Arc<Mutex<Node>>, Fake) {
    let (chain, node, fake) = chain().await;
    (chain.reader(), node, fake)
}

fn update() -> Vec<Message> {
    vec![Message::UpdateClient { client: "07-tendermint-0".parse().unwrap(), update: vec![1] }]
}

fn recorded() -> Value {
    let file = "vectors/ibc-v2/error_acknowledgement.json";
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

async fn sent_packet() -> light_client::Packet {
    let (reader, node, _fake) = reader().await;
    node.lock().unwrap().events.insert(5, events(&["send_packet"]));
    let events = reader.packet_events(Height::new(5), Height::new(5)).await.unwrap();
    let Some(PacketEvent::Sent { packet, .. }) = events.into_iter().next() else { panic!() };
    packet
}

async fn receive(count: usize) -> Vec<Message> {
    let packets = vec![sent_packet().await; count];
    vec![Message::ReceivePackets { packets, proof_height: Height::new(3), proof: [2, 0xaa, 0xbb].repeat(count) }]
}

fn events(kinds: &[&str]) -> Value {
    let recording = recorded();
    let attribute = |key: &str, part: &str| json!({ "key": key, "value": recording[part]["protobuf"], "index": true });
    let attributes =
        [attribute("encoded_packet_hex", "packet"), attribute("encoded_acknowledgement_hex", "acknowledgement")];
    kinds.iter().map(|kind| json!({ "type": kind, "attributes": attributes })).collect()
}

fn kind<T: std::fmt::Debug>(answer: Result<T, AdapterError>) -> AdapterErrorKind {
    answer.unwrap_err().kind()
}

#[tokio::test]
async fn the_account_of_every_kind_is_read() {
    let (writer, node, _fake) = writer().await;
    let nonces = writer.nonces().await.unwrap();
    assert_eq!((nonces.next_final, nonces.balance), (NONCE, 1234));
    // A number that a node made up is replaced when the chain is next asked: with another one nothing is taken.
    let lie = BaseAccount { address: signer(), pub_key: None, account_number: 99, sequence: NONCE };
    node.lock().unwrap().account("/cosmos.auth.v1beta1.BaseAccount", lie.encode_to_vec());
    writer.nonces().await.unwrap();
    let wrong = writer.sign(&update(), NONCE).await.unwrap();
    *node.lock().unwrap() = Node::new();
    writer.nonces().await.unwrap();
    assert_ne!(writer.sign(&update(), NONCE).await.unwrap().raw, wrong.raw);
    assert_eq!(nonces.height, Height::with_revision(3, 20));
    // Ethermint's account, and one that waits for its funds: the plain one inside, once or twice.
    let base = BaseAccount { address: signer(), pub_key: None, account_number: ACCOUNT, sequence: 9 }.encode_to_vec();
    let around = |inner: Vec<u8>| [vec![0x0a, u8::try_from(inner.len()).unwrap()], inner].concat();
    for value in [around(base.clone()), around(around(base))] {
        node.lock().unwrap().account("/ethermint.types.v1.EthAccount", value);
        assert_eq!(writer.nonces().await.unwrap().next_final, 9);
    }
    let other = BaseAccount { address: "cosmos1other".to_owned(), ..Default::default() };
    node.lock().unwrap().account("/cosmos.auth.v1beta1.BaseAccount", other.encode_to_vec());
    assert_eq!(kind(writer.nonces().await), AdapterErrorKind::Inconsistent);
    let query = "/cosmos.auth.v1beta1.Query/Account".to_owned();
    node.lock().unwrap().queries.insert(query.clone(), (22, "sdk", Vec::new()));
    let refusal = writer.nonces().await.unwrap_err();
    assert!(matches!(refusal, AdapterError::Config { key: "signer", .. }), "{refusal}");
    node.lock().unwrap().queries.insert(query, (0, "", vec![0xff]));
    assert_eq!(kind(writer.nonces().await), AdapterErrorKind::Inconsistent);
    *node.lock().unwrap() = Node::new();
    for (amount, expected) in [("", 0), ("0", 0), (&"9".repeat(60), u128::MAX)] {
        let balance = Some(Coin { denom: "stake".to_owned(), amount: amount.to_owned() });
        let value = QueryBalanceResponse { balance }.encode_to_vec();
        node.lock().unwrap().query("/cosmos.bank.v1beta1.Query/Balance", value);
        assert_eq!(writer.nonces().await.unwrap().balance, expected, "{amount}");
    }
}

#[tokio::test]
async fn gas_is_what_a_simulation_used_and_a_margin() {
    let (writer, node, _fake) = writer().await;
    let signed = writer.sign(&update(), NONCE).await.unwrap();
    assert_eq!((signed.nonce, signed.gas_limit), (NONCE, 130_000));
    assert_eq!(signed.hash.0, sha256(&[&signed.raw]));
    let raw = ibc_proto::cosmos::tx::v1beta1::TxRaw::decode(signed.raw.as_slice()).unwrap();
    let auth = ibc_proto::cosmos::tx::v1beta1::AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    let fee = auth.fee.unwrap();
    assert_eq!((fee.amount[0].amount.as_str(), fee.amount[0].denom.as_str()), ("1300", "stake"));
    node.lock().unwrap().simulates(900_000, &[]);
    assert_eq!(writer.sign(&update(), NONCE).await.unwrap().gas_limit, 1_000_000);
    node.lock().unwrap().simulates(1_000_001, &[]);
    assert_eq!(kind(writer.sign(&update(), NONCE).await), AdapterErrorKind::RefusedByChain);
    assert_eq!(kind(writer.sign(&[], NONCE).await), AdapterErrorKind::RefusedByChain);
    let simulate = "/app/simulate".to_owned();
    node.lock().unwrap().queries.insert(simulate.clone(), (5, "client", Vec::new()));
    let refusal = writer.sign(&update(), NONCE).await.unwrap_err();
    assert!(matches!(&refusal, AdapterError::Refused { reason, .. } if reason.contains("code 5 of client")));
    node.lock().unwrap().queries.insert(simulate, (0, "", b"<html>".to_vec()));
    assert_eq!(kind(writer.sign(&update(), NONCE).await), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn a_simulation_is_made_with_the_sequence_that_the_node_expects() {
    let (writer, node, _fake) = writer().await;
    node.lock().unwrap().expects = Some(NONCE);
    // The one before has not reached the node.
    let signed = writer.sign(&update(), NONCE + 1).await.unwrap();
    assert_eq!(signed.nonce, NONCE + 1);
    assert_eq!(node.lock().unwrap().simulated, [NONCE + 1, NONCE]);
    // The one before reaches the node while it is asked.
    node.lock().unwrap().simulated.clear();
    node.lock().unwrap().expects_next = Some(NONCE + 1);
    writer.sign(&update(), NONCE + 1).await.unwrap();
    assert_eq!(node.lock().unwrap().simulated, [NONCE + 1, NONCE, NONCE + 1]);
    node.lock().unwrap().expects = Some(NONCE + 5);
    assert_eq!(kind(writer.sign(&update(), NONCE + 1).await), AdapterErrorKind::Transient);
}

#[tokio::test]
async fn a_liar_in_front_does_not_say_each_time_what_gas_is_needed_and_what_was_counted() {
    // Well formed and false: gas with which nothing comes to be, and a sequence that the account never had.
    let mut liar = Node::new();
    liar.simulates(1_000, &[]);
    let account = BaseAccount { address: signer(), pub_key: None, account_number: ACCOUNT, sequence: 1 << 40 };
    liar.account("/cosmos.auth.v1beta1.BaseAccount", account.encode_to_vec());
    let mut fakes = Vec::new();
    for node in [liar, Node::new()] {
        let node = Mutex::new(node);
        fakes.push(Fake::start(move |method, params| node.lock().unwrap().answer(method, params)).await);
    }
    let endpoints = fakes.iter().map(|fake| EndpointConfig::new(&fake.url)).collect();
    let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), endpoints)).await.unwrap();
    let config = CosmosConfig::new("cosmos", "0.01stake".parse().unwrap());
    let writer = CosmosChain::new(rpc, config).writer(key("relayer")).unwrap();
    let mut limits = BTreeSet::new();
    for _ in 0..8 {
        assert_eq!(writer.nonces().await.unwrap().next_final, NONCE);
        limits.insert(writer.sign(&update(), NONCE).await.unwrap().gas_limit);
    }
    assert_eq!(Vec::from_iter(limits), [1_300, 130_000]);
}

#[tokio::test]
async fn what_others_have_done_already_is_refused_before_it_costs_anything() {
    let (writer, node, _fake) = writer().await;
    let messages = receive(2).await;
    for (results, refused) in [([1, 1], true), ([1, 2], false), ([2, 2], false)] {
        node.lock().unwrap().simulates(100_000, &results);
        assert_eq!(writer.sign(&messages, NONCE).await.is_err(), refused, "{results:?}");
    }
    // With an update in front nothing is different.
    node.lock().unwrap().simulates(100_000, &[0, 1, 1]);
    let with_update = [update(), messages].concat();
    assert_eq!(kind(writer.sign(&with_update, NONCE).await), AdapterErrorKind::RefusedByChain);
}

#[tokio::test]
async fn a_node_that_has_a_transaction_is_content() {
    let (writer, node, _fake) = writer().await;
    let signed = writer.sign(&update(), NONCE).await.unwrap();
    let set = |broadcast| node.lock().unwrap().broadcast = broadcast;
    for content in [Ok((0, "")), Ok((19, "sdk"))] {
        set(content);
        writer.broadcast(&signed).await.unwrap();
    }
    let refusals = [
        ((32, "sdk"), AdapterErrorKind::Transient),
        ((20, "sdk"), AdapterErrorKind::Transient),
        ((13, "sdk"), AdapterErrorKind::Config),
        ((5, "sdk"), AdapterErrorKind::RefusedByChain),
        // The same numbers of somebody else's.
        ((19, "client"), AdapterErrorKind::RefusedByChain),
        ((32, "ibc"), AdapterErrorKind::RefusedByChain),
    ];
    for (code, expected) in refusals {
        set(Ok(code));
        assert_eq!(kind(writer.broadcast(&signed).await), expected, "{code:?}");
    }
    // An error by itself says nothing: the node is asked what it has.
    set(Err(-32603));
    assert_eq!(kind(writer.broadcast(&signed).await), AdapterErrorKind::RefusedByChain);
    node.lock().unwrap().waiting = (vec![vec![1]], 1);
    assert_eq!(kind(writer.broadcast(&signed).await), AdapterErrorKind::Transient, "more wait than are named");
    node.lock().unwrap().waiting = (vec![vec![1], signed.raw.clone()], 1);
    writer.broadcast(&signed).await.unwrap();
    node.lock().unwrap().waiting = (Vec::new(), 0);
    node.lock().unwrap().included = vec![(signed.raw.clone(), 12, 0)];
    for broadcast in [Err(-32603), Ok((32, "sdk")), Ok((5, "sdk"))] {
        set(broadcast);
        writer.broadcast(&signed).await.unwrap();
    }
    // A node that names another transaction.
    set(Ok((0, "")));
    let other = SignedTransaction { hash: TransactionHash([9; 32]), ..signed };
    assert_eq!(kind(writer.broadcast(&other).await), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn outcomes_are_told_by_the_block() {
    let (writer, node, _fake) = writer().await;
    let signed = writer.sign(&update(), NONCE).await.unwrap();
    assert_eq!(writer.outcome(signed.hash).await.unwrap(), Outcome::Unknown);
    node.lock().unwrap().included = vec![(signed.raw.clone(), 12, 0)];
    let (height, gas_used) = (Height::with_revision(3, 12), 81_000);
    let expected = Outcome::Included { height, success: true, gas_used, failed_items: Vec::new() };
    assert_eq!(writer.outcome(signed.hash).await.unwrap(), expected);
    node.lock().unwrap().included = vec![(signed.raw.clone(), 12, 11)];
    let Outcome::Included { success, failed_items, .. } = writer.outcome(signed.hash).await.unwrap() else { panic!() };
    assert!(!success && failed_items.len() == 1 && failed_items[0].1.contains("code 11 of sdk"), "{failed_items:?}");
}

#[tokio::test]
async fn another_transaction_than_was_asked_for_is_no_outcome() {
    let node = Arc::new(Mutex::new(Node::new()));
    let other = vec![1, 2, 3];
    node.lock().unwrap().included = vec![(other.clone(), 12, 0)];
    let fake = Fake::start(move |method, params| {
        // Finds the same one whatever is looked for.
        let hash = hex::encode_upper(sha256(&[&other]));
        let params =
            if method == "tx_search" { json!({ "query": format!("tx.hash='{hash}'") }) } else { params.clone() };
        node.lock().unwrap().answer(method, &params)
    })
    .await;
    let endpoint = EndpointConfig::new(fake.url.clone());
    let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), vec![endpoint])).await.unwrap();
    let chain = CosmosChain::new(rpc, CosmosConfig::new("cosmos", "0stake".parse().unwrap()));
    let writer = chain.writer(key("relayer")).unwrap();
    assert_eq!(kind(writer.outcome(TransactionHash([7; 32])).await), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn a_stuck_transaction_is_sent_again_as_it_is_unless_something_changed() {
    let (writer, node, _fake) = writer().await;
    let signed = writer.sign(&update(), NONCE).await.unwrap();
    assert_eq!(writer.sign_again(&signed.raw, NONCE, signed.fee).await.unwrap(), signed);
    // Less gas is no reason for another one.
    node.lock().unwrap().simulates(50_000, &[]);
    assert_eq!(writer.sign_again(&signed.raw, NONCE, signed.fee).await.unwrap(), signed);
    node.lock().unwrap().simulates(200_000, &[]);
    let again = writer.sign_again(&signed.raw, NONCE, signed.fee).await.unwrap();
    assert_eq!((again.nonce, again.gas_limit), (NONCE, 260_000));
    assert_ne!(again.hash, signed.hash);
    // The node holds it, and expects the next one.
    node.lock().unwrap().expects = Some(NONCE + 1);
    assert_eq!(writer.sign_again(&signed.raw, NONCE, signed.fee).await.unwrap(), signed);
    node.lock().unwrap().expects = None;
    // The price was another one then.
    node.lock().unwrap().simulates(100_000, &[]);
    let cheap = FeeBid::Legacy { gas_price: 1 };
    let again = writer.sign_again(&signed.raw, NONCE, cheap).await.unwrap();
    assert_eq!((again.gas_limit, again.fee), (signed.gas_limit, signed.fee));
    // What would fail now is not sent again.
    node.lock().unwrap().queries.insert("/app/simulate".to_owned(), (5, "client", Vec::new()));
    assert_eq!(kind(writer.sign_again(&signed.raw, NONCE, signed.fee).await), AdapterErrorKind::RefusedByChain);
    for (raw, nonce) in [(signed.raw.clone(), NONCE + 1), (vec![1, 2, 3], NONCE), (Vec::new(), NONCE)] {
        assert_eq!(kind(writer.sign_again(&raw, nonce, signed.fee).await), AdapterErrorKind::Inconsistent);
    }
}

#[tokio::test]
async fn a_cancellation_uses_up_the_sequence_and_asks_nothing() {
    let (writer, node, _fake) = writer().await;
    node.lock().unwrap().queries.insert("/app/simulate".to_owned(), (5, "bank", Vec::new()));
    let cancel = writer.sign_cancel(NONCE, FeeBump::First).await.unwrap();
    assert_eq!((cancel.nonce, cancel.gas_limit), (NONCE, 200_000));
    assert!(node.lock().unwrap().simulated.is_empty());
}

#[tokio::test]
async fn the_head_is_the_last_block_that_was_executed() {
    let (reader, node, _fake) = reader().await;
    assert_eq!(reader.head().await.unwrap().height, Height::with_revision(3, 20));
    node.lock().unwrap().executed = 19;
    let head = reader.head().await.unwrap();
    assert_eq!((head.height, head.time.unix_seconds()), (Height::with_revision(3, 19), 1_795_291_200));
}

#[tokio::test]
async fn events_are_read_block_by_block() {
    let (reader, node, _fake) = reader().await;
    node.lock().unwrap().events.insert(5, events(&["send_packet", "message"]));
    node.lock().unwrap().events.insert(7, events(&["recv_packet", "write_acknowledgement"]));
    node.lock().unwrap().events.insert(8, events(&["acknowledge_packet"]));
    let read = |from, to| reader.packet_events(Height::new(from), Height::with_revision(3, to));
    let all = read(0, 20).await.unwrap();
    let heights: Vec<u64> = all.iter().map(|event| event.height().number()).collect();
    assert_eq!(heights, [5, 7, 7, 8]);
    assert!(all.iter().all(|event| event.height().revision() == 3));
    assert_eq!(read(6, 7).await.unwrap(), all[1..3]);
    assert_eq!(read(9, 20).await.unwrap(), []);
    // What nodes have thrown away keeps nobody from what came after it.
    node.lock().unwrap().earliest = 6;
    assert_eq!(read(0, 20).await.unwrap(), all[1..]);
    node.lock().unwrap().earliest = 30;
    assert_eq!(read(0, 20).await.unwrap(), []);
    node.lock().unwrap().earliest = 1;
    // Not executed yet.
    assert_eq!(kind(read(20, 21).await), AdapterErrorKind::Transient);
}

#[tokio::test]
async fn a_node_that_answers_of_another_block_is_found_out() {
    let node = Arc::new(Mutex::new(Node::new()));
    let fake = Fake::start(move |method, params| {
        let mut answer = node.lock().unwrap().answer(method, params)?;
        if method == "block_results" {
            answer["height"] = json!("4");
        }
        Ok(answer)
    })
    .await;
    let endpoint = EndpointConfig::new(fake.url.clone());
    let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), vec![endpoint])).await.unwrap();
    let reader = CosmosChain::new(rpc, CosmosConfig::new("cosmos", "0stake".parse().unwrap())).reader();
    let answer = reader.packet_events(Height::new(5), Height::new(5)).await;
    assert_eq!(kind(answer), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn a_packet_is_found_by_its_number() {
    let (reader, node, _fake) = reader().await;
    let packet = sent_packet().await;
    let (source, destination) = (packet.source_client.clone(), packet.destination_client.clone());
    assert_eq!(reader.sent_packet(&source, packet.sequence).await.unwrap(), None);
    node.lock().unwrap().events.insert(5, events(&["send_packet", "write_acknowledgement"]));
    // A search may find more than what is looked for.
    node.lock().unwrap().found = vec![4, 5];
    let found = reader.sent_packet(&source, packet.sequence).await.unwrap().unwrap();
    assert_eq!((found.height, &found.value), (Height::with_revision(3, 5), &packet));
    let other = packet.sequence.next().unwrap();
    assert_eq!(reader.sent_packet(&source, other).await.unwrap(), None);
    let written = reader.written_acknowledgement(&destination, packet.sequence).await.unwrap().unwrap();
    assert_eq!(written.value, light_client::error_acknowledgement());
}

#[tokio::test]
async fn values_are_those_of_the_store() {
    let (reader, node, _fake) = reader().await;
    let client = "07-tendermint-0".parse().unwrap();
    let sequence = 1.try_into().unwrap();
    let (commitment, receipt) = (commitment_path(&client, sequence), receipt_path(&client, sequence));
    assert_eq!(reader.value(&commitment).await.unwrap().value, None);
    let put = |path: &[u8], value: Vec<u8>| node.lock().unwrap().store.insert(path.to_vec(), value);
    put(commitment.as_bytes(), vec![7; 32]);
    assert_eq!(reader.value(&commitment).await.unwrap().value.unwrap().as_bytes(), &[7; 32]);
    put(receipt.as_bytes(), vec![2]);
    assert_eq!(reader.value(&receipt).await.unwrap().value.unwrap().as_bytes()[31], 2);
    for bad in [vec![3], vec![7; 31], vec![2, 2]] {
        put(receipt.as_bytes(), bad);
        assert_eq!(kind(reader.value(&receipt).await), AdapterErrorKind::Inconsistent);
    }
    assert_eq!(reader.next_sequence_send(&client).await.unwrap().value, 0);
    put(b"nextSequenceSend/07-tendermint-0", 5_u64.to_be_bytes().to_vec());
    assert_eq!(reader.next_sequence_send(&client).await.unwrap().value, 5);
    put(b"nextSequenceSend/07-tendermint-0", vec![5]);
    assert_eq!(kind(reader.next_sequence_send(&client).await), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn a_hosted_client_is_read_with_its_counterparty() {
    let (reader, node, _fake) = reader().await;
    let client = "07-tendermint-1".parse().unwrap();
    assert_eq!(reader.client(&client).await.unwrap().value, None);
    let states: Value = serde_json::from_slice(&std::fs::read("vectors/ibc-v2/client_states.json").unwrap()).unwrap();
    let bytes = |part: &str, name: &str| hex::decode(states[part][name].as_str().unwrap()).unwrap();
    for part in ["client_state", "consensus_state"] {
        node.lock().unwrap().store.insert(bytes(part, "key"), bytes(part, "value"));
    }
    let query = "/ibc.core.client.v2.Query/CounterpartyInfo".to_owned();
    node.lock().unwrap().queries.insert(query.clone(), (22, "sdk", Vec::new()));
    let refusal = reader.client(&client).await.unwrap_err();
    assert!(matches!(refusal, AdapterError::CounterpartyUnknown { .. }), "{refusal}");
    assert_eq!(reader.counterparty(&client).await.unwrap(), None);
    // {1: {1: "ibc", 1: "", 2: "07-tendermint-9"}}
    let info = [&b"\x0a\x03ibc\x0a\x00\x12\x0f07-tendermint-9"[..]].concat();
    let info = [vec![0x0a, u8::try_from(info.len()).unwrap()], info].concat();
    node.lock().unwrap().query(&query, info);
    let hosted = reader.client(&client).await.unwrap().value.unwrap();
    assert_eq!(hosted.counterparty.as_str(), "07-tendermint-9");
    assert_eq!(hosted.counterparty_prefix, [b"ibc".to_vec(), Vec::new()]);
    assert_eq!(hosted.latest_height, Height::new(925));
    // The header of the fake is much later than the recording.
    assert_eq!(hosted.status, Status::Active);
    let state = reader.consensus_state(&client, Height::new(925)).await.unwrap().value.unwrap();
    assert_eq!(state, hosted.consensus);
    assert_eq!(reader.consensus_state(&client, Height::new(924)).await.unwrap().value, None);
    // Without the latest state there is nothing to go by.
    node.lock().unwrap().store.remove(&bytes("consensus_state", "key"));
    assert_eq!(kind(reader.client(&client).await), AdapterErrorKind::Inconsistent);
}

#[tokio::test]
async fn a_node_alone_freezes_no_client() {
    let id = "07-tendermint-1".parse().unwrap();
    let states: Value = serde_json::from_slice(&std::fs::read("vectors/ibc-v2/client_states.json").unwrap()).unwrap();
    let bytes = |part: &str, name: &str| hex::decode(states[part][name].as_str().unwrap()).unwrap();
    // {1: {1: "ibc", 1: "", 2: "07-tendermint-9"}}
    let info = b"\x0a\x18\x0a\x03ibc\x0a\x00\x12\x0f07-tendermint-9".to_vec();
    let hosting = |is_frozen: bool| {
        let mut node = Node::new();
        for part in ["client_state", "consensus_state"] {
            node.store.insert(bytes(part, "key"), bytes(part, "value"));
        }
        node.query("/ibc.core.client.v2.Query/CounterpartyInfo", info.clone());
        if is_frozen {
            // As ibc-go writes it when misbehaviour was shown.
            let stored = Any::decode(bytes("client_state", "value").as_slice()).unwrap();
            let state = ClientState::decode(stored.value.as_slice()).unwrap();
            let height = ibc_proto::ibc::core::client::v1::Height { revision_number: 0, revision_height: 1 };
            let value = ClientState { frozen_height: Some(height), ..state }.encode_to_vec();
            node.store.insert(bytes("client_state", "key"), Any { value, ..stored }.encode_to_vec());
        }
        let node = Mutex::new(node);
        move |method: &str, params: &Value| node.lock().unwrap().answer(method, params)
    };
    let (liar, other) = (Fake::start(hosting(true)).await, Fake::start(hosting(false)).await);
    let reader = async |fakes: &[&Fake]| {
        let endpoints = fakes.iter().map(|fake| EndpointConfig::new(&fake.url)).collect();
        let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), endpoints)).await.unwrap();
        CosmosChain::new(rpc, CosmosConfig::new("cosmos", "0.01stake".parse().unwrap())).reader()
    };
    let status = async |reader: &CosmosReader| reader.client(&id).await.unwrap().value.unwrap().status;
    let both = reader(&[&liar, &other]).await;
    liar.asked();
    for _ in 0..8 {
        assert_eq!(status(&both).await, Status::Active);
    }
    assert!(!liar.asked().is_empty(), "it was asked as well");
    // What all say is so; and the word of one that is alone.
    other.set(hosting(true));
    for _ in 0..4 {
        assert_eq!(status(&both).await, Status::Frozen);
    }
    assert_eq!(status(&reader(&[&liar]).await).await, Status::Frozen);
}
