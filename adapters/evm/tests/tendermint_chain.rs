//! Chains with an EVM under Tendermint consensus, as their nodes answer: recorded on cosmos/evm and on IRITA's forks.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{
    AdapterError, AdapterErrorKind, ChainReader as _, ChainWriter as _, FeeBid, FeeBump, Message, Outcome,
    TransactionHash,
};
use adapter_devchain::{Fork, NodeHandle};
use adapter_evm::{Address, ClientParams, Consensus, EndpointConfig, EvmChain, EvmConfig, FeePolicy};
use light_client::{Height, SlotKey, Timestamp};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{
    base, config, key,
    liar::{Act, Liar},
    node,
};

/// What such nodes answered; the height of the block recorded, and the revision of the chain.
fn recordings() -> [(Value, Height); 2] {
    let read = |name: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    };
    [(read("evmd.json"), Height::with_revision(0, 366)), (read("irita-evm.json"), Height::with_revision(1, 229))]
}

fn chain_id(recording: &Value) -> u64 {
    recording["evm_chain_id"].as_str().unwrap().parse().unwrap()
}

/// The block as if it were the first.
fn first_block(recording: &Value) -> Value {
    let mut block = recording["block"].clone();
    block["number"] = json!("0x1");
    block["hash"] = json!(format!("0x{}", "01".repeat(32)));
    block
}

/// Answers for blocks as such a node: a latest block, and a first one at height 1, which is answered for block 0 too.
fn blocks(recording: &Value) -> Act {
    let (latest, first) = (recording["block"].clone(), first_block(recording));
    Act::change(move |method, params, answer| {
        if method == "eth_getBlockByNumber" {
            answer["result"] = match params[0].as_str().unwrap() {
                "latest" => latest.clone(),
                "0x0" | "0x1" => first.clone(),
                _ => Value::Null,
            };
        }
    })
}

async fn chain(node: &NodeHandle, liar: &Liar, recording: &Value, initial_height: u64) -> EvmChain {
    let chain_id = recording["chain_id"].as_str().unwrap().parse().unwrap();
    let config = EvmConfig {
        endpoints: vec![EndpointConfig::new(&liar.url)],
        consensus: Consensus::Tendermint { chain_id, initial_height },
        router: Some(Address::repeat_byte(0xaa)),
        ..config(node)
    };
    EvmChain::connect(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_the_nodes_word_and_its_height_has_the_chains_revision() {
    for (recording, height) in recordings() {
        let node = node(chain_id(&recording), Fork::London).await;
        let liar = Liar::start(&node, blocks(&recording)).await;
        let chain = chain(&node, &liar, &recording, 1).await;
        let head = chain.reader().unwrap().head().await.unwrap();
        let block = &recording["block"];
        let time = u64::from_str_radix(&block["timestamp"].as_str().unwrap()[2..], 16).unwrap();
        assert_eq!((head.height, head.time), (height, Timestamp::from_unix_seconds(time)));
        assert_eq!(json!(head.hash.to_string()), block["hash"]);

        // The fields hash to something else. On a chain of sealed headers that is a lie, whatever the block is.
        let sealed = EvmConfig { consensus: Consensus::Qbft, ..chain.config().clone() };
        let error = EvmChain::connect(sealed).await.unwrap().reader().unwrap().head().await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");

        // What is read has to be there, in its form.
        for field in ["number", "timestamp", "hash", "stateRoot"] {
            for bad in [Value::Null, json!(7), json!("0xg0"), json!(format!("0x{}", "11".repeat(33)))] {
                let mut bent = block.clone();
                bent[field] = bad.clone();
                liar.set(Act::change(move |method, _, answer| {
                    if method == "eth_getBlockByNumber" {
                        answer["result"] = bent.clone();
                    }
                }));
                let error = chain.reader().unwrap().head().await.unwrap_err();
                assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{field} {bad}: {error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_block_is_not_block_0() {
    let [_, (recording, _)] = recordings();
    let node = node(chain_id(&recording), Fork::London).await;
    let liar = Liar::start(&node, blocks(&recording)).await;
    let hash = chain(&node, &liar, &recording, 1).await.genesis_hash().await.unwrap();
    assert_eq!(hash.as_bytes(), &[1; 32]);
    // Block 1 instead of block 0, which there is none of.
    let error = chain(&node, &liar, &recording, 0).await.genesis_hash().await.unwrap_err();
    assert!(matches!(error, AdapterError::Inconsistent { field: "number", .. }), "{error}");
    // A first block that the node has not kept: another may have.
    let error = chain(&node, &liar, &recording, 100).await.genesis_hash().await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Transient, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_prover_of_sealed_headers_for_it() {
    let [(recording, _), _] = recordings();
    let node = node(chain_id(&recording), Fork::London).await;
    let liar = Liar::start(&node, blocks(&recording)).await;
    let error = chain(&node, &liar, &recording, 1).await.prover(ClientParams::default()).err().unwrap();
    assert!(matches!(error, AdapterError::Config { key: "consensus", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_asked_for_from_the_first_block() {
    let [_, (recording, _)] = recordings();
    let node = node(chain_id(&recording), Fork::London).await;
    let from = Arc::new(AtomicU64::new(u64::MAX));
    let seen = Arc::clone(&from);
    let liar = Liar::start(
        &node,
        Act::change(move |method, params, answer| {
            if method == "eth_getLogs" {
                let block = params[0]["fromBlock"].as_str().unwrap();
                seen.store(u64::from_str_radix(&block[2..], 16).unwrap(), Ordering::SeqCst);
                answer["result"] = json!([]);
            }
            if method == "eth_blockNumber" {
                answer["result"] = json!("0xe5");
            }
        }),
    )
    .await;
    let reader = chain(&node, &liar, &recording, 1).await.reader().unwrap();
    let events = reader.packet_events(Height::new(0), Height::with_revision(1, 0xe5)).await.unwrap();
    assert_eq!((events.len(), from.load(Ordering::SeqCst)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_tell_of_success_and_of_a_revert() {
    for (recording, height) in recordings() {
        let node = node(chain_id(&recording), Fork::London).await;
        let receipts = recording["receipts"].clone();
        let asked = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&asked);
        let waiting = TransactionHash([4; 32]);
        let liar = Liar::start(
            &node,
            Act::change(move |method, params, answer| {
                let of_hash = |receipt: &&Value| receipt["transactionHash"] == params[0];
                let receipt = receipts.as_object().unwrap().values().find(of_hash).cloned();
                match method {
                    "eth_getTransactionByHash" if params[0] == json!(waiting.to_string()) => {
                        answer["result"] = json!({ "hash": params[0], "blockNumber": null });
                    }
                    "eth_getTransactionByHash" => {
                        let known =
                            |receipt: Value| json!({ "hash": params[0], "blockNumber": receipt["blockNumber"] });
                        answer["result"] = receipt.map_or(Value::Null, known);
                    }
                    "eth_getTransactionReceipt" => {
                        seen.fetch_add(1, Ordering::SeqCst);
                        answer["result"] = receipt.unwrap_or(Value::Null);
                    }
                    _ => {}
                }
            }),
        )
        .await;
        let writer = chain(&node, &liar, &recording, 1).await.writer(key(&node, 1)).unwrap();
        for (name, expected) in [("deploy", true), ("put", true), ("fail", false)] {
            let receipt = &recording["receipts"][name];
            let text = receipt["transactionHash"].as_str().unwrap();
            let hash = TransactionHash(hex::decode(&text[2..]).unwrap().try_into().unwrap());
            let Outcome::Included { height: found, success, gas_used, failed_items } =
                writer.outcome(hash).await.unwrap()
            else {
                panic!("{name} is in a block");
            };
            let number = |field: &str| u64::from_str_radix(&receipt[field].as_str().unwrap()[2..], 16).unwrap();
            assert_eq!((success, gas_used), (expected, number("gasUsed")), "{name}");
            assert_eq!(found, Height::with_revision(height.revision(), number("blockNumber")), "{name}");
            assert!(failed_items.is_empty());
        }
        // cosmos/evm waits for a receipt that there is not, for longer than anyone waits for an answer.
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        assert_eq!(writer.outcome(waiting).await.unwrap(), Outcome::Pending);
        assert_eq!(writer.outcome(TransactionHash([3; 32])).await.unwrap(), Outcome::Unknown);
        assert_eq!(asked.load(Ordering::SeqCst), 3, "a receipt was asked for before there can be one");
    }
}

/// A node without a pool refuses a nonce that overtook the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_are_handed_over_one_after_another() {
    const LONGEST_WAIT: Duration = Duration::from_millis(700);
    let [(recording, _), _] = recordings();
    let node = node(chain_id(&recording), Fork::London).await;
    for consensus in [Consensus::Qbft, Consensus::Tendermint { chain_id: "evmd-1".parse().unwrap(), initial_height: 1 }]
    {
        // Sendings under way at once: each waits for another to come beside it, for a while.
        let under_way = Arc::new((Mutex::new((0_usize, 0_usize)), Condvar::new()));
        let seen = Arc::clone(&under_way);
        let liar = Liar::start(
            &node,
            Act::change(move |method, _, _| {
                if method == "eth_sendRawTransaction" {
                    let (counts, changed) = &*seen;
                    let mut counts = counts.lock().unwrap();
                    counts.0 += 1;
                    counts.1 = counts.1.max(counts.0);
                    changed.notify_all();
                    let (mut counts, _) = changed.wait_timeout_while(counts, LONGEST_WAIT, |c| c.1 < 2).unwrap();
                    counts.0 -= 1;
                }
            }),
        )
        .await;
        let overlaps = !matches!(consensus, Consensus::Tendermint { .. });
        let config = EvmConfig { consensus, ..chain(&node, &liar, &recording, 1).await.config().clone() };
        let writer = EvmChain::connect(config).await.unwrap().writer(key(&node, 1)).unwrap();
        let nonce = writer.nonces().await.unwrap().next_final;
        let mut signed = Vec::new();
        for next in nonce..nonce + 2 {
            signed.push(writer.sign_cancel(next, FeeBump::First).await.unwrap());
        }
        let (first, second) = tokio::join!(writer.broadcast(&signed[0]), writer.broadcast(&signed[1]));
        first.unwrap();
        second.unwrap();
        assert_eq!(under_way.0.lock().unwrap().1, if overlaps { 2 } else { 1 });
    }
}

/// IRITA's nodes name a gas price far below the base fee; cosmos/evm's base fee falls to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_bid_is_configured_or_follows_the_base_fee() {
    let [(recording, _), _] = recordings();
    let node = node(chain_id(&recording), Fork::London).await;
    for (base_fee, tip, fees, expected) in [
        (
            "0x3b9aca00",
            "0x0",
            FeePolicy::Legacy { gas_price: Some(7), max_gas_price: 9 },
            FeeBid::Legacy { gas_price: 7 },
        ),
        (
            "0x3b9aca00",
            "0x5",
            FeePolicy::Dynamic { priority_fee: None, max_fee: 10_000_000_000 },
            FeeBid::Dynamic { max_fee: 2_000_000_005, max_priority_fee: 5 },
        ),
        (
            "0x0",
            "0x0",
            FeePolicy::Dynamic { priority_fee: None, max_fee: 10_000_000_000 },
            FeeBid::Dynamic { max_fee: 0, max_priority_fee: 0 },
        ),
    ] {
        let mut block = recording["block"].clone();
        block["baseFeePerGas"] = json!(base_fee);
        let liar = Liar::start(
            &node,
            Act::change(move |method, _, answer| match method {
                "eth_getBlockByNumber" => answer["result"] = block.clone(),
                "eth_maxPriorityFeePerGas" => answer["result"] = json!(tip),
                "eth_gasPrice" => answer["result"] = json!("0x14"),
                _ => {}
            }),
        )
        .await;
        let config = EvmConfig { fees, ..chain(&node, &liar, &recording, 1).await.config().clone() };
        let writer = EvmChain::connect(config).await.unwrap().writer(key(&node, 1)).unwrap();
        assert_eq!(writer.sign_cancel(0, FeeBump::First).await.unwrap().fee, expected);
    }
}

/// IRITA's nodes say of a call that would revert only that it does; the reason is in the answer to the call itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_refusal_is_asked_for_where_it_is_kept_back() {
    let base = base(node(96_101, Fork::London).await).await;
    let liar = Liar::start(
        &base.node,
        Act::change(|method, _, answer| {
            if method == "eth_estimateGas" && answer["error"].is_object() {
                let message = "rpc error: code = InvalidArgument desc = execution reverted: invalid request";
                answer["error"] = json!({ "code": -32_000, "message": message });
            }
        }),
    )
    .await;
    let config = EvmConfig { endpoints: vec![EndpointConfig::new(&liar.url)], ..base.chain.config().clone() };
    let writer = EvmChain::connect(config).await.unwrap().writer(key(&base.node, 1)).unwrap();
    let early = Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: u64::MAX };
    let error = writer.sign(&[early], 0).await.unwrap_err();
    assert!(matches!(&error, AdapterError::Refused { reason, .. } if reason.starts_with("ExpiryTooEarly(")), "{error}");
    // Nothing to be told: the node's own words.
    liar.set(Act::change(|method, _, answer| {
        if matches!(method, "eth_estimateGas" | "eth_call") {
            answer.as_object_mut().unwrap().remove("result");
            answer["error"] = json!({ "code": -32_000, "message": "no words" });
        }
    }));
    let error = writer.sign(&[Message::Notarise { slots: vec![SlotKey::new([3; 32])] }], 0).await.unwrap_err();
    assert!(matches!(&error, AdapterError::Refused { reason, .. } if reason == "no words"), "{error}");
}
