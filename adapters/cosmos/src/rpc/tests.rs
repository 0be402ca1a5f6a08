#![allow(clippy::unwrap_used)]

use super::{Node, Query, TendermintRpc};
use crate::{
    EndpointConfig, RpcError, TendermintConfig,
    fake::{Chain, Fake, Raw},
};
use adapter::{AdapterError, AdapterErrorKind};
use adapter_devchain::{ChainConfig, Consensus, KeyType, NodeConfig, Production};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const WALK: &str = include_str!("../../../../light-clients/tendermint/vectors/captures/cometbft-038-walk.json");
const SEARCH_034: &str = include_str!("../../vectors/rpc/kvstore-034.json");
const SEARCH_038: &str = include_str!("../../vectors/rpc/kvstore-038.json");

fn walk() -> Chain {
    let capture: Value = serde_json::from_str(WALK).unwrap();
    let blocks = capture["blocks"].as_object().unwrap();
    let numbered = blocks.iter().filter_map(|(name, block)| Some((name.parse().ok()?, block.clone())));
    Chain::new("lighter-1", numbered.collect())
}

async fn connect(name: &str, urls: &[&str]) -> Result<TendermintRpc, AdapterError> {
    let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
    TendermintRpc::connect(TendermintConfig::new(name.parse().unwrap(), endpoints)).await
}

async fn node(fake: &Fake, name: &str) -> Node {
    connect(name, &[&fake.url]).await.unwrap().nodes().remove(0)
}

/// A chain whose block 5 has so many validators; their keys differ and are nobody's.
fn crowd(count: u32) -> Chain {
    let validator = |number: u32| {
        let key = light_client::sha256(&[&number.to_be_bytes()]);
        json!({
            "pub_key": {
                "type": "tendermint/PubKeyEd25519",
                "value": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key),
            },
            "voting_power": "10",
        })
    };
    let validators: Vec<Value> = (0..count).map(validator).collect();
    Chain::new("crowd", BTreeMap::from([(5, json!({ "validators": validators }))]))
}

#[tokio::test]
async fn sets_are_read_from_all_their_pages() {
    for (count, pages) in [(1, 1), (100, 1), (101, 2), (200, 2), (512, 6)] {
        let fake = Fake::of(&Arc::new(crowd(count))).await;
        let node = node(&fake, "crowd").await;
        fake.asked();
        let set = node.validators(5).await.unwrap();
        assert_eq!(set.validators().len(), count as usize);
        assert_eq!(fake.asked().len(), pages, "{count}");
    }
    let fake = Fake::of(&Arc::new(crowd(513))).await;
    let error = node(&fake, "crowd").await.validators(5).await.unwrap_err();
    let AdapterError::Verification { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.to_string(), "validators: expected at most 512, found 513");
}

type Change = fn(&Value, &mut Value);

#[tokio::test]
async fn pages_that_do_not_add_up_are_refused() {
    let changes: [(&str, Change); 8] = [
        ("half a page", |_, answer| {
            answer["validators"].as_array_mut().unwrap().truncate(50);
        }),
        ("the first page again", |params, answer| {
            if params["page"] == "2" {
                *answer =
                    crowd(180).answer("validators", &json!({"height": "5", "page": "1", "per_page": "80"})).unwrap();
                answer["total"] = json!("180");
            }
        }),
        ("another total later", |params, answer| {
            if params["page"] == "2" {
                answer["total"] = json!("181");
            }
        }),
        ("a total that is too small", |_, answer| answer["total"] = json!("99")),
        ("a total that is too great", |_, answer| answer["total"] = json!("181")),
        ("no total", |_, answer| drop(answer.as_object_mut().unwrap().remove("total"))),
        ("another height", |_, answer| answer["block_height"] = json!("6")),
        ("no list", |_, answer| answer["validators"] = json!(null)),
    ];
    for (name, change) in changes {
        let chain = Arc::new(crowd(180));
        let fake = Fake::liar(&chain, move |method, params, answer| {
            if method == "validators" {
                change(params, answer);
            }
        })
        .await;
        let error = node(&fake, "crowd").await.validators(5).await.expect_err(name);
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
        // It is told which page, and not only that the set is none.
        assert_eq!(error.to_string().contains("on page 2 than before"), name == "the first page again", "{error}");
    }
}

#[tokio::test]
async fn gateways_that_say_no_are_told_apart() {
    type Expected = fn(&AdapterError) -> bool;
    let page = "<!DOCTYPE html><html><body>Please log in</body></html>";
    let cases: [(&str, Raw, AdapterErrorKind, Expected); 8] = [
        ("a web page", Raw(200, vec![], page), AdapterErrorKind::Transient, |e| {
            is(e, |e| matches!(e, RpcError::NotJson { .. }))
        }),
        ("a web page with a status", Raw(502, vec![], page), AdapterErrorKind::Transient, |e| {
            is(e, |e| matches!(e, RpcError::HttpStatus { found: 502 }))
        }),
        (
            "an error of its own in json",
            Raw(500, vec![], r#"{"message":"upstream"}"#),
            AdapterErrorKind::Transient,
            |e| is(e, |e| matches!(e, RpcError::HttpStatus { found: 500 })),
        ),
        (
            "too many requests",
            Raw(429, vec![], r#"{"message":"API rate limit exceeded"}"#),
            AdapterErrorKind::Transient,
            |e| is(e, |e| matches!(e, RpcError::RateLimited { retry_after_seconds: None })),
        ),
        ("come back later", Raw(503, vec![("retry-after", "0")], page), AdapterErrorKind::Transient, |e| {
            is(e, |e| matches!(e, RpcError::RateLimited { retry_after_seconds: Some(0) }))
        }),
        ("forbidden", Raw(403, vec![], page), AdapterErrorKind::Config, |e| e.to_string().contains("403")),
        ("no key", Raw(401, vec![], r#"{"message":"No API key found"}"#), AdapterErrorKind::Config, |e| {
            e.to_string().contains("401")
        }),
        ("json of another kind", Raw(200, vec![], r#"{"message":"hello"}"#), AdapterErrorKind::Inconsistent, |_| true),
    ];
    let chain = Arc::new(walk());
    for (name, raw, kind, expected) in cases {
        let fake = Fake::of(&chain).await;
        let honest = Fake::of(&chain).await;
        let both = connect("lighter-1", &[&fake.url, &honest.url]).await.unwrap();
        fake.say(Some(raw.clone()));
        let alone = both.nodes().remove(0);
        let error = alone.light_block(6).await.expect_err(name);
        assert!(error.kind() == kind && expected(&error), "{name}: {error:?}");
        // Another endpoint serves meanwhile, also when the first is so from the beginning.
        both.attempt(|node| async move { node.light_block(6).await }).await.expect(name);
        let late = connect("lighter-1", &[&fake.url, &honest.url]).await.expect(name);
        late.attempt(|node| async move { node.light_block(6).await }).await.expect(name);
    }
}

fn is(error: &AdapterError, wanted: fn(&RpcError) -> bool) -> bool {
    let AdapterError::Unavailable { source, .. } = error else { return false };
    source.downcast_ref::<RpcError>().is_some_and(wanted)
}

#[tokio::test]
async fn a_gateway_is_left_alone_as_long_as_it_asks_for_it() {
    let fake = Fake::of(&Arc::new(walk())).await;
    let node = node(&fake, "lighter-1").await;
    fake.say(Some(Raw(429, vec![("retry-after", "1")], "")));
    assert!(is(&node.status().await.unwrap_err(), |e| matches!(e, RpcError::RateLimited { .. })));
    fake.say(None);
    fake.asked();
    assert!(is(&node.status().await.unwrap_err(), |e| matches!(e, RpcError::RateLimited { .. })));
    assert_eq!(fake.asked().len(), 0, "asked within the second");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    node.status().await.unwrap();
    // What no honest gateway asks for is not believed for ever: the limit is a minute.
    fake.say(Some(Raw(429, vec![("retry-after", "999999999")], "")));
    node.status().await.unwrap_err();
    let error = node.status().await.unwrap_err();
    assert!(is(&error, |e| matches!(e, RpcError::RateLimited { retry_after_seconds: Some(..=60) })), "{error:?}");
}

#[tokio::test]
async fn heights_that_a_node_has_not_are_behind_or_pruned() {
    let fake = Fake::of(&Arc::new(walk())).await;
    let node = node(&fake, "lighter-1").await;
    for error in [
        node.light_block(33).await.unwrap_err(),
        node.signed_header(33).await.unwrap_err(),
        node.validators(34).await.unwrap_err(),
        node.head(33).await.unwrap_err(),
        node.query(&query(33)).await.unwrap_err(),
    ] {
        assert!(matches!(error, AdapterError::Behind { found: 32, .. }), "{error:?}");
    }
    // One beyond the latest block is known, since that block names it.
    node.validators(33).await.unwrap();
    for error in [node.light_block(2).await.unwrap_err(), node.validators(2).await.unwrap_err()] {
        assert_eq!(error.kind(), AdapterErrorKind::RefusedByChain);
        assert!(error.to_string().ends_with("height 2 is pruned, the lowest is 3"), "{error}");
    }
    // A height in between that fails is neither; what the node says of it is kept.
    let error = node.light_block(10).await.unwrap_err();
    assert!(is(&error, |e| e.to_string().contains("height 10 is not available")), "{error:?}");
    fake.set(|_, _| {
        let mut status = walk().status();
        status["sync_info"]["catching_up"] = json!(true);
        Ok(status)
    });
    let error = node.latest_height().await.unwrap_err();
    assert!(matches!(error, AdapterError::Behind { expected: 33, found: 32, .. }), "{error}");
}

fn query(height: u64) -> Query {
    Query { path: "/store/ibc/key".to_owned(), data: vec![1, 2], height: Some(height), prove: true }
}

#[tokio::test]
async fn answers_are_to_the_question() {
    let mut chain = walk();
    for key in 0..25 {
        let response =
            json!({ "code": 0, "height": "6", "key": null, "value": "AQ==", "proofOps": null, "index": "0" });
        chain.values.insert(("/store/ibc/key".to_owned(), hex::encode([key]), 6), response);
    }
    let chain = Arc::new(chain);
    let fake = Fake::of(&chain).await;
    let node = node(&fake, "lighter-1").await;
    let queries: Vec<Query> = (0..25).map(|key| Query { data: vec![key], ..query(6) }).collect();
    let answers = node.queries(&queries).await.unwrap();
    assert_eq!((answers.len(), answers[24].height, answers[24].value.as_slice()), (25, 6, [1].as_slice()));
    assert!(answers.iter().all(|answer| answer.code == 0 && answer.proof.is_empty()));
    // A gateway that takes no batches is asked one by one.
    fake.refuse_batches();
    assert_eq!(node.queries(&queries).await.unwrap(), answers);
    // The application's own refusal is an answer.
    let refused = node.query(&query(7)).await.unwrap();
    assert_eq!((refused.code, refused.codespace.as_str(), refused.log.as_str()), (38, "sdk", "version does not exist"));
    // The state of another height is none.
    let liar = Fake::liar(&chain, |method, _, answer| {
        if method == "abci_query" {
            answer["response"]["height"] = json!("5");
        }
    })
    .await;
    let error = self::node(&liar, "lighter-1").await.queries(&queries).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
    // So is a header of another one.
    let liar = Fake::start({
        let chain = Arc::clone(&chain);
        move |method, params| {
            let other = if params["height"] == "6" { json!({ "height": "7" }) } else { params.clone() };
            chain.answer(method, if method == "validators" { params } else { &other })
        }
    })
    .await;
    let node = self::node(&liar, "lighter-1").await;
    for error in [
        node.head(6).await.unwrap_err(),
        node.signed_header(6).await.unwrap_err(),
        node.light_block(6).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
    }
}

#[tokio::test]
async fn headers_come_from_the_commit_where_there_is_no_such_method() {
    let chain = Arc::new(walk());
    let fake = Fake::of(&chain).await;
    let expected = node(&fake, "lighter-1").await.head(6).await.unwrap();
    let old = Fake::start(move |method, params| {
        if method == "header" { Err((-32601, "Method not found".to_owned())) } else { chain.answer(method, params) }
    })
    .await;
    assert_eq!(node(&old, "lighter-1").await.head(6).await.unwrap(), expected);
}

#[tokio::test]
async fn endpoints_of_other_chains_are_refused() {
    let chain = Arc::new(walk());
    let (right, wrong) = (Fake::of(&chain).await, Fake::of(&chain).await);
    wrong.set(|_, _| {
        let mut status = walk().status();
        status["node_info"]["network"] = json!("lighter-2");
        Ok(status)
    });
    let error = connect("lighter-1", &[&right.url, &wrong.url]).await.err().unwrap();
    assert_eq!(error.kind(), AdapterErrorKind::Config, "{error}");
    assert!(error.to_string().contains("lighter-2"), "{error}");
    wrong.set(|_, _| Ok(json!({ "node_info": {} })));
    let error = connect("lighter-1", &[&wrong.url]).await.err().unwrap();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
}

#[tokio::test]
async fn base_paths_and_headers_reach_the_gateway_and_nobody_else() {
    let fake = Fake::of(&Arc::new(walk())).await;
    let endpoint = EndpointConfig {
        url: format!("{}/api/0123-access-key/cosmos/rpc", fake.url),
        headers: vec![("x-api-key".to_owned(), "a-secret".to_owned())],
        ..EndpointConfig::new("")
    };
    let config = TendermintConfig::new("lighter-1".parse().unwrap(), vec![endpoint]);
    let mut text = format!("{config:?}");
    let rpc = TendermintRpc::connect(config).await.unwrap();
    let node = rpc.nodes().remove(0);
    node.light_block(6).await.unwrap();
    let asked = fake.asked();
    assert!(!asked.is_empty());
    for request in asked {
        assert_eq!(request.path, "/api/0123-access-key/cosmos/rpc");
        assert_eq!(request.headers["x-api-key"], "a-secret");
    }
    fake.say(Some(Raw(403, vec![], "")));
    let error = node.status().await.unwrap_err();
    text.push_str(&format!("{error} {error:?} {:?}", rpc.endpoints()));
    for secret in ["a-secret", "access-key"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn transactions_are_found_in_every_dialect() {
    for (capture, version) in [(SEARCH_034, "0.34.21"), (SEARCH_038, "0.38")] {
        let capture: Value = serde_json::from_str(capture).unwrap();
        assert!(capture["status"]["node_info"]["version"].as_str().unwrap().starts_with(version));
        let (status, search) = (capture["status"].clone(), capture["tx_search"].clone());
        let fake = Fake::start(move |method, params| match method {
            "status" => Ok(status.clone()),
            "tx_search" if params["page"] == "1" => Ok(search.clone()),
            _ => Err((-32603, "page should be within [1, 1] range".to_owned())),
        })
        .await;
        let node = node(&fake, "dockerchain").await;
        let found = node.transactions("app.creator = 'Cosmoshi Netowoko'").await.unwrap();
        assert_eq!(found.len(), capture["tx_search"]["txs"].as_array().unwrap().len());
        let submitted = node.submissions("app.creator = 'Cosmoshi Netowoko'").await.unwrap();
        assert_eq!(submitted, found.iter().map(|found| found.submitted.clone()).collect::<Vec<_>>());
        let first = &found[0];
        assert_eq!(hex::encode_upper(first.submitted.hash), capture["tx_search"]["txs"][0]["hash"].as_str().unwrap());
        assert_eq!((first.submitted.code, first.submitted.bytes.as_slice()), (0, b"async-key=value".as_slice()));
        assert_eq!(first.events[0].kind, "app");
        assert_eq!(first.events[0].attributes[0], ("creator".to_owned(), "Cosmoshi Netowoko".to_owned()));
        assert_eq!(first.events[0].attributes[1], ("key".to_owned(), "async-key".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_found_page_by_page() {
    let settings = adapter_devchain::TendermintConfig::new("search-1", KeyType::Ed25519);
    let chain = ChainConfig { consensus: Consensus::Tendermint(settings), ..ChainConfig::default() };
    let config = NodeConfig { chain, production: Production::ByHand, ..NodeConfig::default() };
    let chain = adapter_devchain::Node::start(config).await.unwrap();
    for _ in 0..25 {
        chain.step_block().unwrap();
    }
    let rpc = connect("search-1", &[chain.tendermint_url.as_deref().unwrap()]).await.unwrap();
    let node = rpc.nodes().remove(0);
    let found = node.blocks("block.height > 2 AND block.height <= 24").await.unwrap();
    assert_eq!(found, (3..=24).collect::<Vec<u64>>());
    assert_eq!(node.blocks("block.height = 7").await.unwrap(), [7]);
    assert!(node.blocks("write_acknowledgement.packet_sequence='1'").await.unwrap().is_empty());
    let refusal = node.blocks("no query").await.unwrap_err();
    assert!(is(&refusal, |e| matches!(e, RpcError::Node { .. })), "{refusal:?}");
}

#[tokio::test]
async fn searches_that_do_not_add_up_are_refused() {
    let capture: Value = serde_json::from_str(SEARCH_038).unwrap();
    type Bend = fn(&mut Value);
    let changes: [(&str, Bend, AdapterErrorKind); 5] = [
        ("one left out", |a| drop(a["txs"].as_array_mut().unwrap().pop()), AdapterErrorKind::Inconsistent),
        ("another order", |a| a["txs"].as_array_mut().unwrap().reverse(), AdapterErrorKind::Inconsistent),
        ("another's hash", |a| a["txs"][0]["hash"] = a["txs"][1]["hash"].clone(), AdapterErrorKind::Inconsistent),
        ("no list", |a| a["txs"] = json!(7), AdapterErrorKind::Inconsistent),
        ("more than anybody reads", |a| a["total_count"] = json!("10001"), AdapterErrorKind::RefusedByChain),
    ];
    for (name, change, kind) in changes {
        let (status, mut search) = (capture["status"].clone(), capture["tx_search"].clone());
        change(&mut search);
        let fake =
            Fake::start(move |method, _| Ok(if method == "status" { status.clone() } else { search.clone() })).await;
        let node = node(&fake, "dockerchain").await;
        for error in [node.transactions("a.b = 'c'").await.err(), node.submissions("a.b = 'c'").await.err()] {
            let error = error.expect(name);
            assert_eq!(error.kind(), kind, "{name}: {error}");
        }
    }
}
