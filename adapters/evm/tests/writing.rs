//! Gas, fees, replacement and broadcasting.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{
    AdapterError, AdapterErrorKind, ChainReader as _, ChainWriter as _, FeeBid, FeeBump, Message, Outcome, Prover as _,
    TransactionHash,
};
use adapter_devchain::{Fork, NodeHandle};
use adapter_evm::{Address, EndpointConfig, EvmChain, EvmConfig, EvmWriter, FeePolicy};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::Decodable2718 as _;
use light_client::{Claim, SlotKey, commitment_path};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};
use support::{
    config, facts, key,
    liar::{Act, Liar},
    linked, node, now, quiet_node, update_messages,
};

/// A writer to a chain that needs no Router for what is tested.
async fn writer(node: &NodeHandle, url: &str, fees: FeePolicy) -> EvmWriter {
    let config = EvmConfig {
        endpoints: vec![EndpointConfig::new(url)],
        router: Some(Address::repeat_byte(0xaa)),
        fees,
        ..config(node)
    };
    EvmChain::connect(config).await.unwrap().writer(key(node, 2)).unwrap()
}

const LEGACY: FeePolicy = FeePolicy::Legacy { gas_price: Some(1_000), max_gas_price: 10_000 };

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_is_replaced_by_a_dearer_one() {
    let node = quiet_node(95_001).await;
    for fees in [LEGACY, FeePolicy::Dynamic { priority_fee: Some(1_000), max_fee: 10_000 }] {
        let writer = writer(&node, &node.url, fees).await;
        let nonces = writer.nonces().await.unwrap();
        assert!(nonces.balance > 0);
        let first = writer.sign_cancel(nonces.next_final, FeeBump::First).await.unwrap();
        writer.broadcast(&first).await.unwrap();
        assert_eq!(writer.outcome(first.hash).await.unwrap(), Outcome::Pending);
        let second = writer.sign_cancel(nonces.next_final, FeeBump::Replace(first.fee)).await.unwrap();
        assert_ne!(first.hash, second.hash);
        writer.broadcast(&second).await.unwrap();
        node.step_block().unwrap();
        assert!(matches!(writer.outcome(second.hash).await.unwrap(), Outcome::Included { success: true, .. }));
        assert_eq!(writer.outcome(first.hash).await.unwrap(), Outcome::Unknown);
        assert_eq!(writer.nonces().await.unwrap().next_final, nonces.next_final + 1);
        assert_eq!((price(first.fee), price(second.fee)), (1_000, 1_125));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_is_a_success_whatever_the_node_says() {
    let node = quiet_node(95_002).await;
    let writer = writer(&node, &node.url, LEGACY).await;
    let first = writer.sign_cancel(0, FeeBump::First).await.unwrap();
    writer.broadcast(&first).await.unwrap();
    // Already known.
    writer.broadcast(&first).await.unwrap();
    let cheaper = writer.sign_cancel(0, FeeBump::Replace(FeeBid::Legacy { gas_price: 1_500 })).await.unwrap();
    node.step_block().unwrap();
    // Its nonce is used, by itself.
    writer.broadcast(&first).await.unwrap();
    // Its nonce is used, by another: the node has it not, and says why.
    let error = writer.broadcast(&cheaper).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::RefusedByChain, "{error}");
    assert_eq!(writer.outcome(cheaper.hash).await.unwrap(), Outcome::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_transactions_are_found() {
    let node = quiet_node(95_003).await;
    let liar = Liar::start(&node, Act::honest()).await;
    let writer = writer(&node, &liar.url, LEGACY).await;
    let transaction = writer.sign_cancel(0, FeeBump::First).await.unwrap();
    let other = || json!(TransactionHash([9; 32]).to_string());
    liar.set(Act::change(move |method, _, answer| {
        if method == "eth_sendRawTransaction" {
            answer["result"] = other();
        }
    }));
    let error = writer.broadcast(&transaction).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
    // A node that refuses and says then that it knows another transaction.
    liar.set(Act::change(move |method, _, answer| match method {
        "eth_sendRawTransaction" => {
            let id = answer["id"].take();
            *answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": "already known" } });
        }
        "eth_getTransactionByHash" => answer["result"] = json!({ "hash": other() }),
        _ => {}
    }));
    let error = writer.broadcast(&transaction).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
    liar.set(Act::honest());
    writer.broadcast(&transaction).await.unwrap();
    node.step_block().unwrap();
    for (field, value) in
        [("transactionHash", other()), ("status", json!("0x2")), ("blockNumber", json!("7")), ("logs", json!(null))]
    {
        liar.set(Act::change(move |method, _, answer| {
            if method == "eth_getTransactionReceipt" {
                answer["result"][field] = value.clone();
            }
        }));
        let error = writer.outcome(transaction.hash).await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{field}: {error}");
    }
    liar.set(Act::honest());
    assert!(matches!(writer.outcome(transaction.hash).await.unwrap(), Outcome::Included { success: true, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_gets_enough_gas_for_every_item_that_can_succeed() {
    let (a, b) = linked(node(95_011, Fork::London).await, node(95_012, Fork::London).await).await;
    let owner = a.owner.address();
    let mut packets = Vec::new();
    for seed in 1..=5 {
        let (issued, _) = a.receipts.issue(&a.owner, [seed; 32], &facts(), 5_000, owner, owner).await.unwrap();
        let lock = a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
        packets.push(a.reader.sent_packet(&a.client, lock.0).await.unwrap().unwrap().value);
    }
    let (updates, trusted) = a.updates_for(&b).await;
    let claim = |packet: &light_client::Packet| {
        Claim::present(commitment_path(&packet.source_client, packet.sequence), *packet.commitment().as_bytes())
    };
    packets.sort_by_key(|packet| a.prover.sort_key(&claim(packet).path));
    let proof = a.prover.prove(&trusted, &packets.iter().map(claim).collect::<Vec<_>>()).await.unwrap();
    let receive = Message::ReceivePackets { packets: packets.clone(), proof_height: proof.height, proof: proof.proof };
    let mut messages = update_messages(&b, &updates);
    messages.push(receive);
    // One that must fail, for a reason.
    messages.push(Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: now() + 9_999 });

    // Through a node whose search finds what the batch itself needs when its items run dry.
    let liar = Liar::start(
        &b.node,
        Act::change(|method, _, answer| {
            if method == "eth_estimateGas" {
                answer["result"] = json!("0xea60");
            }
        }),
    )
    .await;
    let config = EvmConfig { endpoints: vec![EndpointConfig::new(&liar.url)], ..b.chain.config().clone() };
    let writer = EvmChain::connect(config).await.unwrap().writer(key(&b.node, 1)).unwrap();
    let nonce = writer.nonces().await.unwrap().next_final;
    let signed = writer.sign(&messages, nonce).await.unwrap();
    assert!(signed.gas_limit > 60_000 * 2, "{}", signed.gas_limit);
    writer.broadcast(&signed).await.unwrap();
    let Outcome::Included { success: true, gas_used, failed_items, .. } = b.included(signed.hash).await else {
        panic!("the batch failed");
    };
    assert!(gas_used <= signed.gas_limit);
    let [(index, reason)] = failed_items.as_slice() else { panic!("{failed_items:?}") };
    assert_eq!(*index, messages.len() - 1);
    assert!(reason.starts_with("ExpiryTooEarly(timeout "), "{reason}");
    assert_eq!(b.reader.packet_events(light_client::Height::new(0), b.head().await).await.unwrap().len(), 10);

    // When nothing can succeed nothing is signed, and each reason is told.
    let expire = || Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: now() + 9_999 };
    let nonce = b.writer.nonces().await.unwrap().next_final;
    for messages in [vec![expire()], vec![expire(), expire()]] {
        let error = b.writer.sign(&messages, nonce).await.unwrap_err();
        let AdapterError::Refused { reason, .. } = &error else { panic!("{error}") };
        assert_eq!(reason.matches("ExpiryTooEarly(timeout ").count(), messages.len(), "{reason}");
    }
    assert!(b.writer.sign(&[], nonce).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_busy_is_no_chain_that_refuses() {
    // As refusals they would count against the packets, until each waits for a person.
    let node = quiet_node(95_201).await;
    let liar = Liar::start(&node, Act::honest()).await;
    let writer = writer(&node, &liar.url, LEGACY).await;
    let signed = writer.sign_cancel(0, FeeBump::First).await.unwrap();
    let message = [Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: now() }];
    for (code, expected) in [
        (-32_005, AdapterErrorKind::Transient),
        (429, AdapterErrorKind::Transient),
        (-32_601, AdapterErrorKind::Transient),
        (-32_000, AdapterErrorKind::RefusedByChain),
        (3, AdapterErrorKind::RefusedByChain),
    ] {
        liar.set(Act::change(move |method, _, answer| {
            if matches!(method, "eth_call" | "eth_estimateGas" | "eth_sendRawTransaction") {
                answer.as_object_mut().unwrap().remove("result");
                answer["error"] = json!({ "code": code, "message": "too many requests" });
            }
            if method == "eth_getTransactionByHash" {
                answer["result"] = json!(null);
            }
        }));
        assert_eq!(writer.sign(&message, 0).await.unwrap_err().kind(), expected, "{code}");
        assert_eq!(writer.broadcast(&signed).await.unwrap_err().kind(), expected, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_calls_are_signed_again_for_a_better_bid() {
    let node = quiet_node(95_301).await;
    let message = [Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: now() }];
    for fees in [LEGACY, FeePolicy::Dynamic { priority_fee: Some(1_000), max_fee: 10_000 }] {
        let writer = writer(&node, &node.url, fees).await;
        let nonce = writer.nonces().await.unwrap().next_final;
        let first = writer.sign(&message, nonce).await.unwrap();
        writer.broadcast(&first).await.unwrap();
        // Each bids an eighth more, until the ceiling is reached; and then none is signed.
        let mut last = first.clone();
        let refusal = loop {
            match writer.sign_again(&last.raw, nonce, last.fee).await {
                Ok(next) => {
                    assert_eq!((next.nonce, decoded(&next.raw).input()), (nonce, decoded(&first.raw).input()));
                    assert_eq!(decoded(&next.raw).kind(), decoded(&first.raw).kind());
                    assert_ne!(next.hash, last.hash);
                    let (before, after) = (price(last.fee), price(next.fee));
                    assert!(after >= before + before / 8 && after <= 10_000, "{before} {after}");
                    last = next;
                }
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(refusal.kind(), AdapterErrorKind::Config, "{refusal}");
        assert!(price(last.fee) * 9 / 8 >= 10_000, "{:?}", last.fee);
        writer.broadcast(&last).await.unwrap();
        node.step_block().unwrap();
        assert!(matches!(writer.outcome(last.hash).await.unwrap(), Outcome::Included { success: true, .. }));
        assert_eq!(writer.outcome(first.hash).await.unwrap(), Outcome::Unknown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_again_was_a_call_of_this_router_with_this_nonce() {
    let (here, there) = (quiet_node(95_311).await, quiet_node(95_312).await);
    let message = [Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: now() }];
    let writer_here = writer(&here, &here.url, LEGACY).await;
    let signed = writer_here.sign(&message, 4).await.unwrap();
    let of_another_chain = writer(&there, &there.url, LEGACY).await.sign(&message, 4).await.unwrap();
    let to_itself = writer_here.sign_cancel(4, FeeBump::First).await.unwrap();
    let longer = [signed.raw.as_slice(), &[0]].concat();
    for (field, raw, nonce) in [
        ("nonce", signed.raw.as_slice(), 5),
        ("chain id", &of_another_chain.raw, 4),
        ("to", &to_itself.raw, 4),
        ("length", &longer, 4),
        ("transaction", &signed.raw[..signed.raw.len() - 1], 4),
        ("transaction", &[], 4),
        ("transaction", &[0x02, 0xff], 4),
        ("transaction", b"no transaction at all", 4),
    ] {
        let error = writer_here.sign_again(raw, nonce, signed.fee).await.unwrap_err();
        assert!(
            matches!(&error, AdapterError::Inconsistent { field: found, .. } if *found == field),
            "{field}: {error}"
        );
    }
    writer_here.sign_again(&signed.raw, 4, signed.fee).await.unwrap();
}

/// A chain through these nodes that needs no Router for what is tested.
async fn through(node: &NodeHandle, urls: &[&str]) -> EvmChain {
    let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
    let router = Some(Address::repeat_byte(0xaa));
    EvmChain::connect(EvmConfig { endpoints, router, fees: LEGACY, ..config(node) }).await.unwrap()
}

fn update() -> [Message; 1] {
    [Message::UpdateClient { client: "qbft-0".parse().unwrap(), update: vec![7; 1_000] }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_in_front_does_not_say_each_time_what_gas_is_needed_and_what_was_counted() {
    let node = quiet_node(95_321).await;
    // Well formed and false: gas with which nothing comes to be, and a count that no account has.
    let lies = Act::change(|method, _, answer| match method {
        "eth_estimateGas" => answer["result"] = json!("0x5208"),
        "eth_getTransactionCount" => answer["result"] = json!("0x100000000"),
        _ => {}
    });
    let liar = Liar::start(&node, lies).await;
    let writer = through(&node, &[&liar.url, &node.url]).await.writer(key(&node, 2)).unwrap();
    let mut limits = BTreeSet::new();
    for _ in 0..8 {
        assert_eq!(writer.nonces().await.unwrap().next_final, 0);
        limits.insert(writer.sign(&update(), 0).await.unwrap().gas_limit);
    }
    assert_eq!((limits.len(), limits.first()), (2, Some(&25_200)), "{limits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_still_indexes_is_neither_a_lie_nor_a_refusal() {
    let node = quiet_node(95_322).await;
    let refuse = |answer: &mut Value| {
        let id = answer["id"].take();
        *answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": "header not found" } });
    };
    let liar = Liar::start(&node, Act::honest()).await;
    let chain = through(&node, &[&liar.url]).await;
    let (reader, writer) = (chain.reader().unwrap(), chain.writer(key(&node, 2)).unwrap());
    // As nodes of cosmos/evm answer for a moment after each block.
    for is_null in [true, false] {
        liar.set(Act::change(move |method, _, answer| match method {
            "eth_getBlockByNumber" if is_null => answer["result"] = Value::Null,
            "eth_getBlockByNumber" | "eth_estimateGas" | "eth_call" => refuse(answer),
            _ => {}
        }));
        let head = reader.head().await.unwrap_err();
        assert_eq!(head.kind(), AdapterErrorKind::Transient, "{head}");
        let signing = writer.sign(&update(), 0).await.unwrap_err();
        assert_eq!(signing.kind(), AdapterErrorKind::Transient, "{signing}");
    }
    assert_eq!(chain.endpoints()[0].lies, 0);
    // Whoever shows the block and refuses then, means it; and once it is over the call is as good as any.
    liar.set(Act::change(move |method, _, answer| {
        if method == "eth_estimateGas" {
            refuse(answer);
        }
    }));
    assert_eq!(writer.sign(&update(), 0).await.unwrap_err().kind(), AdapterErrorKind::RefusedByChain);
    let asked = AtomicBool::new(false);
    liar.set(Act::change(move |method, _, answer| {
        if method == "eth_estimateGas" && !asked.swap(true, Ordering::Relaxed) {
            refuse(answer);
        }
    }));
    writer.sign(&update(), 0).await.unwrap();
}

fn decoded(raw: &[u8]) -> TxEnvelope {
    TxEnvelope::decode_2718_exact(raw).unwrap()
}

/// What is bid above all that is burnt.
fn price(fee: FeeBid) -> u128 {
    match fee {
        FeeBid::Legacy { gas_price } => gas_price,
        FeeBid::Dynamic { max_priority_fee, .. } => max_priority_fee,
    }
}
