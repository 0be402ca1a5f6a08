//! Nodes that do not answer as JSON-RPC says, and nodes of another chain.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{AdapterError, AdapterErrorKind, ChainReader as _};
use adapter_devchain::{ExtraData, Fork, NodeHandle, block_hash};
use adapter_evm::{EndpointConfig, EvmChain, EvmConfig, EvmReader, RpcError};
use serde_json::json;
use std::{
    error::Error,
    time::{Duration, Instant},
};
use support::{
    config,
    liar::{Act, Liar},
    node, quiet_node,
};

const TIMEOUT: Duration = Duration::from_millis(700);

/// A reader of some endpoints, with small limits. There need be no Router for what is tested here.
async fn reader(node: &NodeHandle, urls: &[&str]) -> Result<EvmReader, AdapterError> {
    connect(node, urls).await.and_then(|chain| chain.reader())
}

async fn connect(node: &NodeHandle, urls: &[&str]) -> Result<EvmChain, AdapterError> {
    let mut config = EvmConfig {
        endpoints: urls.iter().map(|url| EndpointConfig::new(*url)).collect(),
        router: Some(adapter_evm::Address::repeat_byte(1)),
        ..config(node)
    };
    config.limits.request_timeout = TIMEOUT;
    config.limits.max_answer_bytes = 256 * 1024;
    EvmChain::connect(config).await
}

fn cause(error: &AdapterError) -> &RpcError {
    error.source().and_then(|source| source.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_chain_is_a_configuration_error() {
    let (ours, other) = (node(92_001, Fork::London).await, node(92_002, Fork::London).await);
    for urls in [vec![other.url.as_str()], vec![ours.url.as_str(), other.url.as_str()]] {
        let error = connect(&ours, &urls).await.err().unwrap();
        assert_eq!(error.kind(), AdapterErrorKind::Config);
        let text = error.to_string();
        assert!(text.starts_with("chain_id: ") && text.contains("92001") && text.contains("92002"), "{text}");
    }
    // A node that could not be reached at first is checked before anything that it says is used.
    let late = Liar::start(&other, Act::Hang).await;
    let reader_of_both = reader(&ours, &[&late.url, &ours.url]).await.unwrap();
    late.set(Act::honest());
    tokio::time::sleep(Duration::from_secs(3)).await;
    for _ in 0..3 {
        let head = reader_of_both.head().await.unwrap();
        let expected = ours.chain().hash(head.height.number()).unwrap();
        assert_eq!(head.hash.as_bytes(), &expected.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_are_told_apart() {
    let honest = node(92_003, Fork::London).await;
    let liar = Liar::start(&honest, Act::honest()).await;
    let alone = reader(&honest, &[&liar.url]).await.unwrap();
    alone.head().await.unwrap();
    let page = || b"<html><body>502 Bad Gateway</body></html>".to_vec();
    type Case = (&'static str, Act, fn(&RpcError) -> bool);
    let unavailable: [Case; 7] = [
        ("html", Act::Say(200, "text/html", page()), |e| matches!(e, RpcError::NotJson { .. })),
        ("gateway", Act::Say(502, "text/html", page()), |e| matches!(e, RpcError::HttpStatus { found: 502 })),
        ("empty", Act::Say(200, "application/json", vec![]), |e| matches!(e, RpcError::NotJson { .. })),
        ("huge", Act::Say(200, "application/json", vec![b'['; 300 * 1024]), |e| matches!(e, RpcError::TooLarge { .. })),
        ("endless", Act::Flood, |e| matches!(e, RpcError::TooLarge { .. })),
        ("hanging", Act::Hang, |e| matches!(e, RpcError::Timeout { .. })),
        (
            "refusing",
            Act::change(|_, _, answer| {
                let id = answer["id"].take();
                *answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": "no\u{1b}[31m" } });
            }),
            |e| matches!(e, RpcError::Node { code: -32000, message, .. } if message == "no [31m"),
        ),
    ];
    for (name, act, is_expected) in unavailable {
        liar.set(act);
        let started = Instant::now();
        let error = alone.head().await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Transient, "{name}: {error}");
        assert!(is_expected(cause(&error)), "{name}: {error:?}");
        assert!(started.elapsed() < TIMEOUT * 2, "{name}");
    }
    let inconsistent: [(&str, Act); 8] = [
        ("half", Act::Garble(|answer| answer[..answer.len() / 2].to_vec())),
        ("trailing", Act::Garble(|answer| [answer, b"{}".to_vec()].concat())),
        ("another id", Act::change(|_, _, answer| answer["id"] = json!(9_999))),
        ("id as text", Act::change(|_, _, answer| answer["id"] = json!(answer["id"].to_string()))),
        ("no id", Act::change(|_, _, answer| answer["id"] = json!(null))),
        ("another version", Act::change(|_, _, answer| answer["jsonrpc"] = json!("1.0"))),
        ("a list", Act::Say(200, "application/json", b"[1,2,3]".to_vec())),
        ("no result", Act::change(|_, _, answer| drop(answer.as_object_mut().unwrap().remove("result")))),
    ];
    for (name, act) in inconsistent {
        liar.set(act);
        let error = alone.head().await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
    }
    // A text of a million values would take a hundred times its size once parsed.
    liar.set(Act::Garble(|_| [b"[".to_vec(), b"0,".repeat(120_000), b"0]".to_vec()].concat()));
    assert!(alone.head().await.is_err());
    liar.set(Act::honest());
    alone.head().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_good_endpoint_is_enough() {
    let honest = node(92_004, Fork::London).await;
    let acts: [fn() -> Act; 5] = [
        || Act::Hang,
        || Act::Flood,
        || Act::Say(200, "text/html", b"<html>".to_vec()),
        || Act::change(|_, _, answer| answer["id"] = json!(7)),
        || Act::Garble(|answer| answer[1..].to_vec()),
    ];
    for act in acts {
        let liar = Liar::start(&honest, Act::honest()).await;
        let both = reader(&honest, &[&liar.url, &honest.url]).await.unwrap();
        liar.set(act());
        both.head().await.unwrap();
        let client = "qbft-0".parse().unwrap();
        both.next_sequence_send(&client).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_endpoint_costs_one_time_limit_and_then_nothing() {
    let honest = node(92_005, Fork::London).await;
    let liar = Liar::start(&honest, Act::honest()).await;
    let both = reader(&honest, &[&liar.url, &honest.url]).await.unwrap();
    liar.set(Act::Hang);
    let client = "qbft-0".parse().unwrap();
    let started = Instant::now();
    both.next_sequence_send(&client).await.unwrap();
    assert!(started.elapsed() < TIMEOUT + Duration::from_millis(500), "{:?}", started.elapsed());
    let asked = liar.requests();
    let started = Instant::now();
    for _ in 0..5 {
        both.next_sequence_send(&client).await.unwrap();
        both.head().await.unwrap();
    }
    assert!(started.elapsed() < TIMEOUT, "{:?}", started.elapsed());
    assert_eq!(liar.requests(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_later_than_anybody_waits_is_left_aside() {
    let honest = node(92_008, Fork::London).await;
    let liar = Liar::start(&honest, Act::honest()).await;
    let endpoints = [&liar.url, &honest.url].map(EndpointConfig::new).into();
    let router = Some(adapter_evm::Address::repeat_byte(1));
    let chain = EvmChain::connect(EvmConfig { endpoints, router, ..config(&honest) }).await.unwrap();
    let reader = chain.reader().unwrap();
    liar.set(Act::Hang);
    // Who asks waits for less than a request may take.
    let patience = Duration::from_millis(1_500);
    assert!(patience < config(&honest).limits.request_timeout);
    assert!(tokio::time::timeout(patience, reader.head()).await.is_err());
    assert_eq!(chain.endpoints()[0].failures, 1);
    tokio::time::timeout(patience, reader.head()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_never_printed() {
    let honest = node(92_006, Fork::London).await;
    let url = "http://alice:hunter2@127.0.0.1:1/secret-path?key=secret-key";
    let error = connect(&honest, &[url]).await.err().unwrap();
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text.push_str(&format!("{:?}", EvmConfig::new(1, vec![EndpointConfig::new(url)])));
    for bad in ["ftp://alice:hunter2@host/secret-path", "http://alice:hunter2@:x/secret-path", "hunter2"] {
        let error = connect(&honest, &[bad]).await.err().unwrap();
        assert_eq!(error.kind(), AdapterErrorKind::Config);
        text.push_str(&format!("{error} {error:?}"));
    }
    assert!(text.contains("http://127.0.0.1:1"), "{text}");
    for secret in ["alice", "hunter2", "secret-path", "secret-key"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_nobody_else_sees_is_not_followed() {
    let honest = quiet_node(92_007).await;
    honest.step_block().unwrap();
    let ahead = |honest: &NodeHandle, hash_fits: bool| {
        let mut header = honest.chain().header(1).unwrap();
        header.number = 0xfff_ffff;
        let extra = ExtraData::decode(&header.extra_data).unwrap();
        let number = if hash_fits { header.number } else { header.number + 1 };
        let hash = block_hash(&header, &extra);
        Act::change(move |method, parameters, answer| {
            if method == "eth_getBlockByNumber" && parameters[0] == "latest" {
                answer["result"]["number"] = json!(format!("{number:#x}"));
                answer["result"]["hash"] = json!(hash);
            }
        })
    };
    // Only one block, so that the latest is the one that was changed.
    let liar = Liar::start(&honest, ahead(&honest, true)).await;
    let alone = reader(&honest, &[&liar.url]).await.unwrap();
    assert_eq!(alone.head().await.unwrap().height.number(), 0xfff_ffff);
    let third = Liar::start(&honest, Act::honest()).await;
    let mut urls = [liar.url.as_str(), honest.url.as_str(), third.url.as_str()];
    for _ in 0..urls.len() {
        let all = reader(&honest, &urls).await.unwrap();
        assert_eq!(all.head().await.unwrap().height.number(), 1);
        urls.rotate_left(1);
    }
    // And one whose fields do not hash to what is said is no head at all.
    liar.set(ahead(&honest, false));
    assert_eq!(alone.head().await.unwrap_err().kind(), AdapterErrorKind::Inconsistent);
}
