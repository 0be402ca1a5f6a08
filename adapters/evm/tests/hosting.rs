//! A client of a Tendermint chain on an Ethereum-compatible one: deployed, told apart, advanced by recorded headers, read
//! back.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{
    AdapterError, AdapterErrorKind, ChainReader as _, ChainWriter as _, Message, Outcome, Prover as _, TrustedState,
};
use adapter_devchain::{Fork, Reply};
use adapter_evm::{Address, EndpointConfig, EvmChain, EvmConfig, GovernedCall, client_code};
use light_client::{
    ClientId, ClientType, Codec as _, Erased, ErasedLightClient as _, ErasedTrusted, Height, Status, Timestamp,
};
use light_client_crypto::Sm2;
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, KeyTypes, Parameters, StoreTree, Tendermint, TreeHash, TrustLevel,
};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use support::{
    Base, base, key,
    liar::{Act, Liar},
    node, timestamp,
};

/// Updates of one recorded chain, each from the state that the one before leads to: the same set, an adjacent change of
/// power, a set that grew, one that shrank.
const WALK: [&str; 4] = [
    "accept-skip-same-set",
    "accept-adjacent-across-power-change",
    "accept-skip-over-join",
    "accept-skip-over-leave-from-joined",
];

/// The vector of this name, recorded on CometBFT 0.38.
fn recorded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../light-clients/tendermint/vectors/update");
    let text = fs::read(folder.join("cometbft-038-walk").join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

/// What the recorded chain's first state is trusted with; its periods reach from its time to the test's, whenever that is.
fn parameters() -> Parameters {
    const CENTURY: u64 = 100 * 365 * 24 * 3600;
    Parameters {
        chain_id: "lighter-1".parse().unwrap(),
        trust_level: TrustLevel::ONE_THIRD,
        trusting_period_seconds: CENTURY,
        clock_drift_seconds: CENTURY,
        key_types: KeyTypes::ALL,
        sm2: Sm2::default(),
        tree_hash: TreeHash::Sha256,
        store_tree: StoreTree::Iavl,
        commitments: Commitments::EvmStore {
            store: b"evm".to_vec(),
            router: light_client_crypto::Address::new([0x5a; 20]),
        },
    }
}

fn trusted(parameters: Parameters) -> TrustedState {
    let first = &recorded(WALK[0])["trusted"][0];
    let consensus = ConsensusState::decode(&bytes(&first["preimage"])).unwrap();
    let number = first["height"].as_u64().unwrap();
    let client = ClientState::new(parameters, number, &consensus).unwrap();
    TrustedState { height: client.latest_height(), client: client.encode(), consensus: consensus.encode() }
}

fn tendermint() -> ClientType {
    "tendermint".parse().unwrap()
}

fn client_id() -> ClientId {
    "tendermint-3".parse().unwrap()
}

/// A chain whose Router has the client.
async fn hosting(chain_id: u64) -> (Base, Address) {
    let base = base(node(chain_id, Fork::London).await).await;
    let verifier = base.owner.deploy_client(&tendermint(), &trusted(parameters())).await.unwrap().address;
    let counterparty = "qbft-9".parse().unwrap();
    let call = GovernedCall::AddClient { id: client_id(), verifier, counterparty, prefix: vec![Vec::new()] };
    let id = base.governance.propose(&base.owner, base.router, call.calldata()).await.unwrap();
    base.governance.execute(&base.owner, id).await.unwrap();
    (base, verifier)
}

/// Submits an update through the Router and waits for it.
async fn advance(base: &Base, update: Vec<u8>) {
    let writer = base.chain.writer(key(&base.node, 1)).unwrap();
    let nonce = writer.nonces().await.unwrap().next_final;
    let signed = writer.sign(&[Message::UpdateClient { client: client_id(), update }], nonce).await.unwrap();
    writer.broadcast(&signed).await.unwrap();
    for _ in 0..600 {
        if let Outcome::Included { success, .. } = writer.outcome(signed.hash).await.unwrap() {
            assert!(success);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} is in no block", signed.hash);
}

/// The state after an update, by the light client here.
fn after(state: &TrustedState, update: &[u8]) -> TrustedState {
    let from = ErasedTrusted { height: state.height, client: &state.client, consensus: &state.consensus };
    let next = Erased(Tendermint).verify_update(from, update, timestamp()).unwrap().unwrap();
    TrustedState { height: next.height, client: next.client, consensus: next.consensus }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_client_reads_as_the_light_client_has_it() {
    let (base, verifier) = hosting(96_001).await;
    let reader = base.chain.reader().unwrap();
    assert_eq!(reader.verifier(&client_id()).await.unwrap(), Some(verifier));
    assert_eq!(reader.verifier(&"tendermint-4".parse().unwrap()).await.unwrap(), None);
    let mut states = vec![trusted(parameters())];
    for name in WALK {
        let hosted = reader.client(&client_id()).await.unwrap().value.unwrap();
        let state = states.last().unwrap();
        assert_eq!((&hosted.client, &hosted.consensus), (&state.client, &state.consensus), "before {name}");
        assert_eq!((hosted.status, hosted.latest_height), (Status::Active, state.height), "before {name}");
        assert_eq!(hosted.latest_time, ConsensusState::decode(&state.consensus).unwrap().time, "before {name}");
        assert_ne!(hosted.latest_time.subsec_nanos(), 0);
        assert_eq!(hosted.counterparty.as_str(), "qbft-9");
        let update = bytes(&recorded(name)["input"]);
        states.push(after(state, &update));
        advance(&base, update).await;
    }
    // A reader that begins here finds every state again, by the events.
    let reader = base.chain.reader().unwrap();
    let last = states.last().unwrap();
    let hosted = reader.client(&client_id()).await.unwrap().value.unwrap();
    assert_eq!((&hosted.client, hosted.latest_height), (&last.client, Height::with_revision(1, 28)));
    for state in &states {
        let found = reader.consensus_state(&client_id(), state.height).await.unwrap().value;
        assert_eq!(found.as_ref(), Some(&state.consensus), "{}", state.height);
        assert_eq!(base.chain.client_difference(&tendermint(), verifier, state).await.unwrap(), None);
    }
    // Stored are 1-3, 1-6, 1-7, 1-17 and 1-28. What is asked for in another revision lies before or after all of them.
    let at = |revision, number| Height::with_revision(revision, number);
    for nothing in [at(1, 16), at(0, 17), at(2, 17)] {
        assert_eq!(reader.consensus_state(&client_id(), nothing).await.unwrap().value, None, "{nothing}");
    }
    for (asked, expected) in [
        (at(1, 2), [None, Some(at(1, 3))]),
        (at(1, 16), [Some(at(1, 7)), Some(at(1, 17))]),
        (at(1, 17), [Some(at(1, 17)), Some(at(1, 28))]),
        (at(1, 28), [Some(at(1, 28)), None]),
        (at(0, 99), [None, Some(at(1, 3))]),
        (at(2, 1), [Some(at(1, 28)), None]),
    ] {
        assert_eq!(reader.consensus_heights(&client_id(), asked).await.unwrap().value, expected, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_differs_is_told_apart() {
    let base = base(node(96_011, Fork::London).await).await;
    let kind = tendermint();
    let agreed = trusted(parameters());
    let verifier = base.owner.deploy_client(&kind, &agreed).await.unwrap().address;
    let difference = async |kind: &ClientType, address, state: &TrustedState| {
        base.chain.client_difference(kind, address, state).await.unwrap().map(|difference| difference.what)
    };
    assert_eq!(difference(&kind, verifier, &agreed).await, None);
    type Change = fn(&mut Parameters);
    let changes: [(&str, Change); 8] = [
        ("client", |p| p.trust_level = TrustLevel::new(2, 3).unwrap()),
        ("client", |p| p.trusting_period_seconds -= 1),
        ("client", |p| p.clock_drift_seconds -= 1),
        ("client", |p| p.key_types = KeyTypes::ED25519),
        ("client", |p| p.store_tree = StoreTree::Jmt),
        // No code commits to these.
        ("client's parameters", |p| p.chain_id = "lighter-2".parse().unwrap()),
        ("client's parameters", |p| p.sm2 = Sm2::with_user_id(b"somebody").unwrap()),
        ("client's parameters", |p| {
            let router = light_client_crypto::Address::new([0x5a; 20]);
            p.commitments = Commitments::EvmStore { store: b"evn".to_vec(), router };
        }),
    ];
    for (index, (what, change)) in changes.into_iter().enumerate() {
        let mut other = parameters();
        change(&mut other);
        assert_eq!(difference(&kind, verifier, &trusted(other)).await, Some(what), "change {index}");
    }
    let mut consensus = ConsensusState::decode(&agreed.consensus).unwrap();
    consensus.time = Timestamp::from_unix_seconds(consensus.time.unix_seconds());
    let other_state = TrustedState { consensus: consensus.encode(), ..agreed.clone() };
    assert_eq!(difference(&kind, verifier, &other_state).await, Some("client's state"));
    let elsewhere = TrustedState { height: Height::with_revision(1, 4), ..agreed.clone() };
    assert_eq!(difference(&kind, verifier, &elsewhere).await, Some("client's state"));
    assert_eq!(difference(&kind, base.router, &agreed).await, Some("client"));
    assert_eq!(difference(&kind, Address::repeat_byte(7), &agreed).await, Some("client"));

    // Another contract of signatures, as of an artefact that was changed.
    let signatures = client_code(&kind, verifier, &agreed).unwrap()[1].address;
    let account = json!(format!("{signatures:#x}"));
    let liar = Liar::start(&base.node, Act::honest()).await;
    liar.set(Act::change(move |method, params, answer| {
        if method == "eth_getCode" && params[0] == account {
            answer["result"] = json!(format!("{}00", answer["result"].as_str().unwrap()));
        }
    }));
    let through = EvmConfig { endpoints: vec![EndpointConfig::new(&liar.url)], ..base.chain.config().clone() };
    let through = EvmChain::connect(through).await.unwrap();
    let found = through.client_difference(&kind, verifier, &agreed).await.unwrap().unwrap();
    assert_eq!(found.what, "client's contract of signatures", "{found:?}");

    // Of another kind.
    let qbft = base.prover.bootstrap(None).await.unwrap().trusted;
    let of_qbft = base.owner.deploy_client(base.prover.client_type(), &qbft).await.unwrap().address;
    assert_eq!(difference(base.prover.client_type(), of_qbft, &qbft).await, None);
    assert_eq!(difference(base.prover.client_type(), verifier, &qbft).await, Some("client"));
    assert_eq!(difference(&kind, of_qbft, &agreed).await, Some("client"));
    let error = base.chain.client_difference(&kind, verifier, &qbft).await.unwrap_err();
    assert!(matches!(error, AdapterError::Verification { .. }), "{error}");
    let error = base.owner.deploy_client(&"ethereum".parse().unwrap(), &agreed).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Config, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_pass_a_client_off_as_another() {
    let (base, _) = hosting(96_021).await;
    let qbft = base.prover.bootstrap(None).await.unwrap().trusted;
    let of_qbft = base.owner.deploy_client(base.prover.client_type(), &qbft).await.unwrap().address;
    let liar = Liar::start(&base.node, Act::honest()).await;
    let through = |urls: &[&str]| {
        let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
        EvmChain::connect(EvmConfig { endpoints, ..base.chain.config().clone() })
    };
    // parameters(), as the contract of another kind answers it, garbled, and of nothing at all.
    let selector = format!("0x{}", hex::encode(&alloy_primitives::keccak256("parameters()")[..4]));
    let params = json!([{ "to": format!("{of_qbft:#x}"), "data": selector }, "latest"]);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": params });
    let Reply::Answer { body, .. } = base.node.rpc().handle(call.to_string().as_bytes()) else { panic!("no answer") };
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let of_another_kind = answer["result"].as_str().unwrap().to_owned();
    assert_eq!(of_another_kind.len(), 2 + 6 * 64);
    type Bend = Box<dyn Fn(&str) -> String + Send + Sync>;
    let bends: [(&str, Bend); 4] = [
        ("of another kind", Box::new(move |_| of_another_kind.clone())),
        // The trust level's numerator: the second word of the struct.
        ("out of its range", Box::new(|answer| format!("{}9{}", &answer[..2 + 3 * 64 - 1], &answer[2 + 3 * 64..]))),
        ("cut", Box::new(|answer| answer[..answer.len() - 64].to_owned())),
        ("nothing", Box::new(|_| "0x".to_owned())),
    ];
    for (name, bend) in bends {
        liar.set(Act::honest());
        let alone = through(&[&liar.url]).await.unwrap().reader().unwrap();
        let both = through(&[&liar.url, &base.node.url]).await.unwrap().reader().unwrap();
        let honest = alone.client(&client_id()).await.unwrap().value;
        let selector = json!(selector);
        liar.set(Act::change(move |method, params, answer| {
            if method == "eth_call" && params[0]["data"] == selector {
                answer["result"] = json!(bend(answer["result"].as_str().unwrap()));
            }
        }));
        let alone = alone.client(&client_id()).await;
        let error = alone.expect_err(name);
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
        assert_eq!(both.client(&client_id()).await.unwrap().value, honest, "{name}");
    }
}
