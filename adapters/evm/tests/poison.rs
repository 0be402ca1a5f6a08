//! Packets that an application may send and that no relayer can carry: the Router lets through texts that are no UTF-8.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{AdapterErrorKind, ChainReader as _, PacketEvent};
use adapter_devchain::Fork;
use adapter_evm::{EndpointConfig, EvmChain, EvmConfig};
use light_client::{Height, Sequence, Status};
use serde_json::json;
use std::collections::BTreeSet;
use support::{
    facts,
    liar::{Act, Liar},
    linked, node, now,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_nobody_can_carry_hides_no_other() {
    let (a, _b) = linked(node(96_101, Fork::London).await, node(96_102, Fork::London).await).await;
    let owner = a.owner.address();
    for seed in [1, 2] {
        let (issued, _) = a.receipts.issue(&a.owner, [seed; 32], &facts(), 5_000, owner, owner).await.unwrap();
        a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
    }
    // The version of the first, as a careless application would have sent it.
    let careless = Act::change(|method, _, answer| {
        let logs = answer.get_mut("result").and_then(serde_json::Value::as_array_mut);
        let sent = logs.into_iter().flatten().find(|log| log["data"].as_str().is_some_and(|data| data.len() > 1_000));
        if let (true, Some(log)) = (method == "eth_getLogs", sent) {
            let first = log["topics"][2].as_str().is_some_and(|number| number.ends_with("01"));
            let data = log["data"].as_str().unwrap().replace("77722d31000000", "fffefdfc000000");
            if first {
                log["data"] = data.into();
            }
        }
    });
    let node = Liar::start(&a.node, careless).await;
    let config = EvmConfig { endpoints: vec![EndpointConfig::new(&node.url)], ..a.chain.config().clone() };
    let chain = EvmChain::connect(config).await.unwrap();
    let reader = chain.reader().unwrap();

    let events = reader.packet_events(Height::new(0), reader.head().await.unwrap().height).await.unwrap();
    let sent: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            PacketEvent::Sent { packet, .. } => Some(packet.sequence.get()),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [2], "{events:?}");
    // Asked for by itself it is refused, and the node is not taken for a liar.
    let error = reader.sent_packet(&a.client, Sequence::FIRST).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::RefusedByChain, "{error}");
    assert_eq!(chain.endpoints()[0].lies, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_much_together_are_not_gathered() {
    let (a, _b) = linked(node(96_103, Fork::London).await, node(96_104, Fork::London).await).await;
    let owner = a.owner.address();
    let (issued, _) = a.receipts.issue(&a.owner, [1; 32], &facts(), 5_000, owner, owner).await.unwrap();
    a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
    // Refuses every range but single blocks, and tells of as much for each as one answer may hold.
    const MAX_BYTES: usize = 64 * 1024;
    let flood = Act::change(|method, parameters, answer| {
        if method != "eth_getLogs" {
            return;
        }
        let filter = &parameters[0];
        if filter["fromBlock"] == filter["toBlock"] {
            let log = json!({
                "address": filter["address"], "topics": [filter["topics"][0][0]], "data": format!("0x{}", "00".repeat(MAX_BYTES / 3)),
                "blockNumber": filter["fromBlock"], "transactionHash": format!("0x{:064x}", 1), "logIndex": "0x0",
                "blockHash": format!("0x{:064x}", 2), "transactionIndex": "0x0", "removed": false,
            });
            *answer = json!({ "jsonrpc": "2.0", "id": answer["id"], "result": [log] });
        } else {
            *answer =
                json!({ "jsonrpc": "2.0", "id": answer["id"], "error": { "code": -32_005, "message": "too many" } });
        }
    });
    let node = Liar::start(&a.node, flood).await;
    let mut config = EvmConfig { endpoints: vec![EndpointConfig::new(&node.url)], ..a.chain.config().clone() };
    config.limits.max_answer_bytes = MAX_BYTES;
    let chain = EvmChain::connect(config).await.unwrap();
    let reader = chain.reader().unwrap();
    let head = reader.head().await.unwrap().height;
    assert!(head.number() > 15, "{head}");

    let before = node.requests();
    let error = reader.packet_events(Height::new(0), head).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Transient, "{error}");
    let asked = node.requests() - before;
    assert!(asked <= 20, "asked {asked} times for {head} blocks; all of them would be twice as many as there are");
    assert_eq!(chain.endpoints()[0].lies, 0, "a chain may be that busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_in_front_is_not_asked_each_time() {
    let (a, _b) = linked(node(96_105, Fork::London).await, node(96_106, Fork::London).await).await;
    let owner = a.owner.address();
    let (issued, _) = a.receipts.issue(&a.owner, [1; 32], &facts(), 5_000, owner, owner).await.unwrap();
    a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
    // Well formed and false: another version of the packet, and packets that were never sent.
    let liar = Act::change(|method, _, answer| {
        if method == "eth_getLogs" {
            for log in answer["result"].as_array_mut().into_iter().flatten() {
                log["data"] = log["data"].as_str().unwrap().replace("77722d31000000", "77722d32000000").into();
            }
        }
        if method == "eth_getStorageAt" {
            answer["result"] = format!("0x{:064x}", 77).into();
        }
    });
    let (first, second) = (Liar::start(&a.node, liar).await, Liar::start(&a.node, Act::honest()).await);
    let endpoints = vec![EndpointConfig::new(&first.url), EndpointConfig::new(&second.url)];
    let chain = EvmChain::connect(EvmConfig { endpoints, ..a.chain.config().clone() }).await.unwrap();
    let reader = chain.reader().unwrap();
    let (mut versions, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..12 {
        let packet = reader.sent_packet(&a.client, Sequence::FIRST).await.unwrap().unwrap();
        versions.insert(packet.value.payloads[0].version.clone());
        numbers.insert(reader.next_sequence_send(&a.client).await.unwrap().value);
    }
    assert!(versions.contains("wr-1") && numbers.contains(&2), "{versions:?} {numbers:?}");
}

/// `status()` of a client's contract.
const STATUS: &str = "0x200d2ed2";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_freezes_no_client() {
    let (a, _b) = linked(node(96_107, Fork::London).await, node(96_108, Fork::London).await).await;
    // As the contract answers when misbehaviour was shown to it.
    let frozen = || {
        Act::change(|method, params, answer| {
            let asked = params[0]["data"].as_str().or(params[0]["input"].as_str());
            if let (true, Some(found)) = (method == "eth_call" && asked == Some(STATUS), answer["result"].as_str()) {
                answer["result"] = format!("0x{:0>64}{}", 2, &found[66..]).into();
            }
        })
    };
    let (liar, other) = (Liar::start(&a.node, frozen()).await, Liar::start(&a.node, Act::honest()).await);
    let endpoints = [&liar.url, &other.url].map(EndpointConfig::new).to_vec();
    let chain = EvmChain::connect(EvmConfig { endpoints, ..a.chain.config().clone() }).await.unwrap();
    let reader = chain.reader().unwrap();
    let status = async || reader.client(&a.client).await.unwrap().value.unwrap().status;
    let before = liar.requests();
    for _ in 0..8 {
        assert_eq!(status().await, Status::Active);
    }
    assert!(liar.requests() > before, "it was asked as well");
    // What all say is so.
    other.set(frozen());
    for _ in 0..4 {
        assert_eq!(status().await, Status::Frozen);
    }
    let alone = EvmConfig { endpoints: vec![EndpointConfig::new(&liar.url)], ..a.chain.config().clone() };
    let alone = EvmChain::connect(alone).await.unwrap().reader().unwrap();
    assert_eq!(alone.client(&a.client).await.unwrap().value.unwrap().status, Status::Frozen);
}
