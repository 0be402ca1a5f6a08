//! Nodes that answer in form and lie in substance: each lie is found, costs nothing while another node is honest, and
//! is remembered.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{AdapterError, AdapterErrorKind, ChainReader as _, Prover as _, TrustedState};
use adapter_devchain::Fork;
use adapter_evm::{ClientParams, EndpointConfig, EvmChain, EvmConfig};
use light_client::{
    Claim, Fault as _, Height, Packet, Sequence, commitment_path, next_sequence_send_path, receipt_path,
};
use serde_json::{Value, json};
use support::{
    Side, facts,
    liar::{Act, Liar},
    linked, node, now, timestamp,
};

/// Two linked chains, with one packet sent from the first, and a liar before the first.
struct Stage {
    a: Side,
    b: Side,
    packet: Packet,
    liar: Liar,
    /// The first chain through the liar alone.
    alone: EvmChain,
    /// Through the liar and an honest node, the liar first.
    both: EvmChain,
}

async fn stage(ids: u64) -> Stage {
    let (a, b) = linked(node(ids, Fork::London).await, node(ids + 1, Fork::London).await).await;
    let owner = a.owner.address();
    let (issued, _) = a.receipts.issue(&a.owner, [1; 32], &facts(), 5_000, owner, owner).await.unwrap();
    let (sequence, _) =
        a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
    let packet = a.reader.sent_packet(&a.client, sequence).await.unwrap().unwrap().value;
    let liar = Liar::start(&a.node, Act::honest()).await;
    let alone = through(&a, &[&liar.url]).await;
    let both = through(&a, &[&liar.url, &a.node.url]).await;
    Stage { a, b, packet, liar, alone, both }
}

async fn through(side: &Side, urls: &[&str]) -> EvmChain {
    let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
    EvmChain::connect(EvmConfig { endpoints, ..side.chain.config().clone() }).await.unwrap()
}

impl Stage {
    async fn trusted(&self) -> TrustedState {
        let hosted = self.b.reader.client(&self.b.client).await.unwrap().value.unwrap();
        TrustedState { height: hosted.latest_height, client: hosted.client, consensus: hosted.consensus }
    }

    /// Chains that know nothing of the liar's past.
    async fn fresh(&mut self) {
        self.liar.set(Act::honest());
        self.alone = through(&self.a, &[&self.liar.url]).await;
        self.both = through(&self.a, &[&self.liar.url, &self.a.node.url]).await;
    }
}

fn assert_lie<T: std::fmt::Debug>(name: &str, outcome: Result<T, AdapterError>) -> AdapterError {
    let error = outcome.expect_err(name);
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
    error
}

fn assert_remembered(name: &str, chain: &EvmChain) {
    let reports = chain.endpoints();
    assert!(reports[0].lies > 0 && reports[0].resting, "{name}: {reports:?}");
    assert_eq!(reports[1].lies, 0, "{name}: {reports:?}");
}

/// Changes one hexadecimal digit: the last one, or the one at a place.
fn flip(text: &str, place: Option<usize>) -> String {
    let place = place.unwrap_or(text.len() - 1);
    let digit = if text.as_bytes()[place] == b'7' { "8" } else { "7" };
    format!("{}{digit}{}", &text[..place], &text[place + 1..])
}

fn on_block(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Act {
    Act::change(move |method, _, answer| {
        if method == "eth_getBlockByNumber" && answer["result"].is_object() {
            change(&mut answer["result"]);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_header_field_is_bound_to_the_hash() {
    let mut stage = stage(93_001).await;
    let fields = [
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "extraData",
        "mixHash",
        "nonce",
        "baseFeePerGas",
        "hash",
    ];
    let trusted = stage.trusted().await;
    for field in fields {
        let head = stage.a.head().await;
        stage.fresh().await;
        stage.liar.set(on_block(move |block| {
            // Vanity of the extra data: a seal's digit would be another matter, see below.
            let place = (field == "extraData").then_some(10);
            block[field] = json!(flip(block[field].as_str().unwrap(), place));
        }));
        assert_lie(field, stage.alone.reader().unwrap().head().await);
        let update = stage.alone.prover(ClientParams::default()).unwrap().updates(&trusted, head, timestamp()).await;
        assert_lie(field, update);
        let prover = stage.both.prover(ClientParams::default()).unwrap();
        assert_eq!(prover.updates(&trusted, head, timestamp()).await.unwrap().len(), 1, "{field}");
        assert_remembered(field, &stage.both);
    }
    for field in fields {
        stage.fresh().await;
        stage.liar.set(on_block(move |block| drop(block.as_object_mut().unwrap().remove(field))));
        assert_lie(field, stage.alone.reader().unwrap().head().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seals_are_verified_before_an_update_is_returned() {
    let mut stage = stage(93_011).await;
    let (trusted, head) = (stage.trusted().await, stage.a.head().await);
    // The hash does not cover the seals; the light client does. They are the last bytes of the extra data.
    stage.liar.set(on_block(|block| {
        let extra = block["extraData"].as_str().unwrap();
        block["extraData"] = json!(flip(extra, Some(extra.len() - 20)));
    }));
    let prover = stage.alone.prover(ClientParams::default()).unwrap();
    let error = assert_lie("seal", prover.updates(&trusted, head, timestamp()).await);
    assert!(matches!(error, AdapterError::Verification { .. }), "{error}");
    assert_lie("bootstrap", prover.bootstrap(Some(head)).await);
    let both = stage.both.prover(ClientParams::default()).unwrap();
    both.updates(&trusted, head, timestamp()).await.unwrap();
    assert_remembered("seal", &stage.both);
    stage.fresh().await;
    stage.alone.prover(ClientParams::default()).unwrap().bootstrap(Some(head)).await.unwrap();
}

type Change = fn(&mut Value);

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_proof_is_needed_and_checked() {
    let mut stage = stage(93_021).await;
    let (_, trusted) = stage.a.updates_for(&stage.b).await;
    let first = stage.trusted().await;
    let claims = [
        Claim::present(commitment_path(&stage.a.client, Sequence::FIRST), *stage.packet.commitment().as_bytes()),
        Claim::absent(receipt_path(&stage.a.client, Sequence::FIRST)),
    ];
    let storage: [(&str, Change); 9] = [
        ("a digit of the first node", |r| flip_at(&mut r["storageProof"][0]["proof"][0])),
        ("a digit of the last node", |r| {
            flip_at(r["storageProof"][0]["proof"].as_array_mut().unwrap().last_mut().unwrap())
        }),
        ("half a proof", |r| drop(r["storageProof"][0]["proof"].as_array_mut().unwrap().pop())),
        ("no first node", |r| drop(r["storageProof"][1]["proof"].as_array_mut().unwrap().remove(0))),
        ("no nodes", |r| r["storageProof"][0]["proof"] = json!([])),
        ("a node too many", |r| {
            let nodes = r["storageProof"][0]["proof"].as_array_mut().unwrap();
            nodes.push(nodes[0].clone());
        }),
        ("half the slots", |r| drop(r["storageProof"].as_array_mut().unwrap().pop())),
        ("slots in another order", |r| r["storageProof"].as_array_mut().unwrap().reverse()),
        ("another account", |r| flip_at(&mut r["address"])),
    ];
    for (name, change) in storage {
        stage.fresh().await;
        stage.liar.set(on_proof(change));
        let prover = stage.alone.prover(ClientParams::default()).unwrap();
        assert_lie(name, prover.prove(&trusted, &claims).await);
        assert_lie(name, prover.decide(&trusted, &claims).await);
        let prover = stage.both.prover(ClientParams::default()).unwrap();
        assert_eq!(prover.decide(&trusted, &claims).await.unwrap(), [true, true], "{name}");
        prover.prove(&trusted, &claims).await.unwrap();
        assert_remembered(name, &stage.both);
    }
    let account: [(&str, Change); 4] = [
        ("a digit of the account", |r| flip_at(r["accountProof"].as_array_mut().unwrap().last_mut().unwrap())),
        ("half an account proof", |r| drop(r["accountProof"].as_array_mut().unwrap().pop())),
        ("no account proof", |r| r["accountProof"] = json!([])),
        ("a node too many", |r| {
            let nodes = r["accountProof"].as_array_mut().unwrap();
            nodes.push(nodes[0].clone());
        }),
    ];
    for (name, change) in account {
        stage.fresh().await;
        stage.liar.set(on_proof(change));
        let head = stage.a.head().await;
        let prover = stage.alone.prover(ClientParams::default()).unwrap();
        assert_lie(name, prover.updates(&first, head, timestamp()).await);
        let prover = stage.both.prover(ClientParams::default()).unwrap();
        prover.updates(&first, head, timestamp()).await.unwrap();
        assert_remembered(name, &stage.both);
    }
    // What a node says that the value is, is not looked at: the proof says it.
    stage.fresh().await;
    stage.liar.set(on_proof(|r| r["storageProof"][0]["value"] = json!("0x1")));
    stage.alone.prover(ClientParams::default()).unwrap().prove(&trusted, &claims).await.unwrap();
}

fn flip_at(value: &mut Value) {
    *value = json!(flip(value.as_str().unwrap(), None));
}

fn on_proof(change: Change) -> Act {
    Act::change(move |method, _, answer| {
        if method == "eth_getProof" {
            change(&mut answer["result"]);
        }
    })
}

fn on_logs(change: Change) -> Act {
    Act::change(move |method, _, answer| {
        if method == "eth_getLogs" && answer["result"].as_array().is_some_and(|logs| !logs.is_empty()) {
            change(&mut answer["result"]);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_were_not_asked_for_or_contradict_themselves_are_refused() {
    let mut stage = stage(93_031).await;
    let head = stage.a.head().await;
    let changes: [(&str, Change); 9] = [
        ("of another contract", |logs| flip_at(&mut logs[0]["address"])),
        ("of another event", |logs| flip_at(&mut logs[0]["topics"][0])),
        ("of another client", |logs| logs[0]["topics"].get_mut(1).into_iter().for_each(flip_at)),
        ("of another sequence", |logs| logs[0]["topics"].get_mut(2).into_iter().for_each(flip_at)),
        ("beyond the range", |logs| logs[0]["blockNumber"] = json!("0xffffff")),
        ("of a block that was dropped", |logs| logs[0]["removed"] = json!(true)),
        ("twice", |logs| {
            let copy = logs[0].clone();
            logs.as_array_mut().unwrap().push(copy);
        }),
        ("cut", |logs| {
            let data = logs[0]["data"].as_str().unwrap();
            logs[0]["data"] = json!(data[..data.len() - 64]);
        }),
        ("with an offset that points elsewhere", |logs| {
            let data = logs[0]["data"].as_str().unwrap();
            logs[0]["data"] = json!(flip(data, Some(65)));
        }),
    ];
    for (name, change) in changes {
        stage.fresh().await;
        stage.liar.set(on_logs(change));
        assert_lie(name, stage.alone.reader().unwrap().packet_events(Height::new(0), head).await);
        let events = stage.both.reader().unwrap().packet_events(Height::new(0), head).await.unwrap();
        assert_eq!(events.len(), 1, "{name}");
        assert_remembered(name, &stage.both);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_events_show_in_the_proven_next_sequence() {
    let stage = stage(93_041).await;
    stage.liar.set(on_logs(|logs| *logs = json!([])));
    let (reader, head) = (stage.alone.reader().unwrap(), stage.a.head().await);
    assert_eq!(reader.packet_events(Height::new(0), head).await.unwrap(), []);
    assert_eq!(reader.sent_packet(&stage.a.client, Sequence::FIRST).await.unwrap(), None);
    // Nothing was sent, the events say; the storage, proven, says that the next packet is the second.
    let (_, trusted) = stage.a.updates_for(&stage.b).await;
    let next = |number: u8| {
        let mut value = [0; 32];
        value[31] = number;
        Claim::present(next_sequence_send_path(&stage.a.client), value)
    };
    let prover = stage.alone.prover(ClientParams::default()).unwrap();
    assert_eq!(prover.decide(&trusted, &[next(1), next(2)]).await.unwrap(), [false, true]);
    // An honest node is asked too before a packet counts as unknown.
    let found = stage.both.reader().unwrap().sent_packet(&stage.a.client, Sequence::FIRST).await.unwrap();
    assert_eq!(found.unwrap().value, stage.packet);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_clients_state_is_bound_to_the_stored_hash() {
    let mut stage = stage(93_051).await;
    let honest = stage.a.reader.client(&stage.a.client).await.unwrap().value;
    stage.liar.set(on_logs(|logs| logs[0]["data"] = json!(flip(logs[0]["data"].as_str().unwrap(), Some(20)))));
    assert_lie("another root", stage.alone.reader().unwrap().client(&stage.a.client).await);
    assert_eq!(stage.both.reader().unwrap().client(&stage.a.client).await.unwrap().value, honest);
    assert_remembered("another root", &stage.both);
    stage.fresh().await;
    stage.liar.set(on_logs(|logs| *logs = json!([])));
    assert_lie("hidden", stage.alone.reader().unwrap().client(&stage.a.client).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_says_nothing_about_what_it_has_not() {
    let stage = stage(93_061).await;
    let head = stage.a.head().await;
    let far = Height::new(head.number() + 1_000);
    let trusted = stage.trusted().await;
    let prover = stage.alone.prover(ClientParams::default()).unwrap();
    let beyond = TrustedState { height: far, ..trusted.clone() };
    let claim = [Claim::absent(receipt_path(&stage.a.client, Sequence::FIRST))];
    for error in [
        stage.alone.reader().unwrap().packet_events(Height::new(0), far).await.unwrap_err(),
        prover.updates(&trusted, far, timestamp()).await.unwrap_err(),
        prover.bootstrap(Some(far)).await.unwrap_err(),
        prover.prove(&beyond, &claim).await.unwrap_err(),
    ] {
        assert!(matches!(error, AdapterError::Behind { expected, .. } if expected == far.number()), "{error}");
        assert_eq!(error.kind(), AdapterErrorKind::Transient);
    }
    // Backwards is no way either.
    let error = prover.updates(&trusted, Height::new(1), timestamp()).await.unwrap_err();
    let AdapterError::Verification { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.rule(), "not-newer");
    assert_eq!(prover.updates(&trusted, trusted.height, timestamp()).await.unwrap(), []);
}
