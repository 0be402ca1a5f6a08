//! The prover against recorded chains, served by nodes that are honest, or not.
#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod fake;
}

use adapter::{AdapterError, AdapterErrorKind, Plan, Prover as _, StoredStates, TrustedState, VerifiedUpdate};
use adapter_cosmos::{ClientParams, EndpointConfig, Host, TendermintConfig, TendermintProver, TendermintRpc};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use light_client::{Claim, Codec as _, ErasedTrusted, Height, MerklePath, Timestamp};
use light_client_crypto::Address;
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, Evidence, KeyTypes, LightBlock, MembershipProof, TreeHash, Update, json,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::fake::{Chain, Fake};

const WALK: &str = include_str!("../../../light-clients/tendermint/vectors/captures/cometbft-038-walk.json");
const IRITA_WALK: &str = include_str!("../../../light-clients/tendermint/vectors/captures/irita-walk.json");
const EVMD: &str = include_str!("../../../light-clients/tendermint/vectors/captures/evmd-storage-proofs.json");
const IRITA_EVM: &str = include_str!("../../../light-clients/tendermint/vectors/captures/irita-storage-proofs.json");
const PACKET: &str = include_str!("../vectors/proofs/packet-success.json");

fn ibc() -> Commitments {
    Commitments::IbcStore { store: b"ibc".to_vec() }
}

fn walk(capture: &str) -> Chain {
    let capture: Value = serde_json::from_str(capture).unwrap();
    let blocks = capture["blocks"].as_object().unwrap().iter();
    let numbered: BTreeMap<u64, Value> =
        blocks.filter_map(|(name, block)| Some((name.parse().ok()?, block.clone()))).collect();
    Chain::new(capture["chain_id"].as_str().unwrap(), numbered)
}

async fn prover(
    chain: &str,
    fakes: &[&Fake],
    commitments: Commitments,
    host: Host,
) -> (TendermintRpc, TendermintProver) {
    let endpoints = fakes.iter().map(|fake| EndpointConfig::new(&fake.url)).collect();
    let rpc = TendermintRpc::connect(TendermintConfig::new(chain.parse().unwrap(), endpoints)).await.unwrap();
    (rpc.clone(), TendermintProver::new(rpc, ClientParams::new(commitments), host).unwrap())
}

fn light_block(block: &Value) -> LightBlock {
    json::trusted_block(block, TreeHash::Sha256).unwrap()
}

/// The state of a recorded block, as a client of this prover's parameters trusts it.
fn trusted(prover: &TendermintProver, block: &Value) -> TrustedState {
    let block = light_block(block);
    let consensus = block.consensus_state().unwrap();
    let parameters = prover.parameters(KeyTypes::ALL);
    let height = parameters.height(block.header.height());
    let client = ClientState::new(parameters, height.number(), &consensus).unwrap();
    TrustedState { height, client: client.encode(), consensus: consensus.encode() }
}

/// A few seconds after a recorded block.
fn after(block: &Value) -> Timestamp {
    Timestamp::from_unix_seconds(light_block(block).header.time().unix_seconds() + 5)
}

/// Goes the way again, as the chain that hosts the client would.
fn replay(
    prover: &TendermintProver,
    trusted: &TrustedState,
    updates: &[VerifiedUpdate],
    now: Timestamp,
) -> TrustedState {
    let mut state = trusted.clone();
    for update in updates {
        let view = ErasedTrusted { height: state.height, client: &state.client, consensus: &state.consensus };
        let next = prover.light_client().verify_update(view, &update.update, now).unwrap().unwrap();
        state = TrustedState { height: next.height, client: next.client, consensus: next.consensus };
        assert_eq!(state, update.next);
    }
    state
}

#[tokio::test]
async fn heights_that_trust_does_not_reach_are_reached_by_nearer_ones() {
    for (capture, name, from, to) in [(WALK, "lighter-1", 3, 28), (IRITA_WALK, "irita-walk", 8, 34)] {
        let chain = Arc::new(walk(capture));
        let fake = Fake::of(&chain).await;
        let (rpc, prover) = prover(name, &[&fake], ibc(), Host::Router).await;
        let start = trusted(&prover, &chain.blocks[&from]);
        let (now, target) = (after(&chain.blocks[&to]), Height::new(to));
        let updates = prover.updates(&start, target, now).await.unwrap();
        assert!(updates.len() > 1, "{name}: {}", updates.len());
        let end = replay(&prover, &start, &updates, now);
        assert_eq!((end.height.number(), end.height.revision()), (to, u64::from(name == "lighter-1")));
        assert_eq!(end.consensus, light_block(&chain.blocks[&to]).consensus_state().unwrap().encode());
        assert_eq!(prover.updates(&end, end.height, now).await.unwrap(), []);
        let error = prover.updates(&end, Height::new(from), now).await.unwrap_err();
        let AdapterError::Verification { source, .. } = &error else { panic!("{error}") };
        assert_eq!(light_client::Fault::rule(source), "not-newer");
        assert!(rpc.endpoints()[0].lies == 0 && rpc.endpoints()[0].failures == 0, "{:?}", rpc.endpoints());
        // An expired state leads nowhere; nobody is to blame.
        let late = Timestamp::from_unix_seconds(now.unix_seconds() + 14 * 24 * 3600);
        let error = prover.updates(&start, target, late).await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::ClientUnusable, "{error}");
        // Nor do heights to come.
        let error = prover.updates(&start, Height::new(chain.latest + 1), now).await.unwrap_err();
        assert!(matches!(error, AdapterError::Behind { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_way_on_which_nodes_are_lost_is_gone_on_from_where_it_ended() {
    let chain = Arc::new(walk(WALK));
    let fake = Fake::of(&chain).await;
    let (_, prover) = prover("lighter-1", &[&fake], ibc(), Host::Router).await;
    let start = trusted(&prover, &chain.blocks[&3]);
    let (now, target) = (after(&chain.blocks[&28]), Height::new(28));
    let whole = prover.updates(&start, target, now).await.unwrap();
    assert!(whole.len() > 1);
    // The target is asked for again once the first update is made; from then on nobody answers for it.
    let (honest, asked) = (Arc::clone(&chain), AtomicUsize::new(0));
    fake.set(move |method, params| {
        let is_target = method == "commit" && params["height"] == "28";
        if is_target && asked.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err((-32603, "the store is busy".to_owned()));
        }
        honest.answer(method, params)
    });
    let part = prover.updates(&start, target, now).await.unwrap();
    assert_eq!(part.len(), 1);
    let on_the_way = replay(&prover, &start, &part, now);
    // Where nothing was reached there is nothing to go on from.
    let error = prover.updates(&on_the_way, target, now).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Transient, "{error}");
    let honest = Arc::clone(&chain);
    fake.set(move |method, params| honest.answer(method, params));
    let rest = prover.updates(&on_the_way, target, now).await.unwrap();
    assert_eq!(Some(&replay(&prover, &on_the_way, &rest, now)), whole.last().map(|update| &update.next));
}

#[tokio::test]
async fn a_way_that_does_not_exist_is_not_looked_for_for_ever() {
    // Neither the far header nor the ones between are signed by anybody who is trusted.
    let mut chain = walk(WALK);
    let strangers = serde_json::from_str::<Value>(WALK).unwrap()["blocks"]["forged_by_strangers"].take();
    let height = light_block(&strangers).header.height();
    chain.blocks.insert(height, strangers);
    let chain = Arc::new(chain);
    let fake = Fake::of(&chain).await;
    let (_, prover) = prover("lighter-1", &[&fake], ibc(), Host::Router).await;
    let start = trusted(&prover, &chain.blocks[&3]);
    let now = after(&chain.blocks[&height]);
    let error = prover.updates(&start, Height::new(height), now).await.unwrap_err();
    // The way over nearer heights ends before a header whose set the one before does not name.
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
}

fn bent_vote(block: &mut Value, place: usize) {
    let signature = &mut block["signed_header"]["commit"]["signatures"][place]["signature"];
    let mut bytes = STANDARD.decode(signature.as_str().unwrap()).unwrap();
    bytes[3] ^= 1;
    *signature = json!(STANDARD.encode(bytes));
}

#[tokio::test]
async fn votes_that_nobody_signed_do_not_keep_the_others_from_carrying_a_block() {
    for (capture, name, from, to) in [(WALK, "lighter-1", 3, 6), (IRITA_WALK, "irita-walk", 8, 10)] {
        let chain = walk(capture);
        let powers: Vec<u64> = chain.blocks[&to]["validators"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["voting_power"].as_str().unwrap().parse().unwrap())
            .collect();
        let total: u64 = powers.iter().sum();
        // The greatest whose vote the others can do without; the commit's first votes are those that travel.
        let spared = powers.iter().position(|power| (total - power) * 3 > total * 2).unwrap();
        for host in [Host::Router, Host::IbcGo] {
            if host == Host::IbcGo && name == "irita-walk" {
                continue;
            }
            let mut bent = chain.clone();
            bent_vote(bent.blocks.get_mut(&to).unwrap(), spared);
            let bent = Arc::new(bent);
            let fake = Fake::of(&bent).await;
            let (rpc, prover) = prover(name, &[&fake], ibc(), host).await;
            let (start, now) = (trusted(&prover, &chain.blocks[&from]), after(&chain.blocks[&to]));
            let updates = prover.updates(&start, Height::new(to), now).await.unwrap();
            if host == Host::Router {
                replay(&prover, &start, &updates, now);
                let update = Update::decode(&updates[0].update).unwrap();
                assert!(update.commit.votes.iter().all(|vote| usize::from(vote.index) != spared));
            }
            assert_eq!(rpc.endpoints()[0].lies, 0);
            // When too few are left, the node that says so is believed no longer.
            let mut worse = (*bent).clone();
            (0..powers.len()).for_each(|place| bent_vote(worse.blocks.get_mut(&to).unwrap(), place));
            bent_vote(worse.blocks.get_mut(&to).unwrap(), spared);
            let fake = Fake::of(&Arc::new(worse)).await;
            let (rpc, prover) = self::prover(name, &[&fake], ibc(), host).await;
            let error = prover.updates(&start, Height::new(to), now).await.unwrap_err();
            assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
            assert!(rpc.endpoints()[0].lies > 0);
        }
    }
}

fn flip(value: &mut Value) {
    let text = value.as_str().unwrap().to_owned();
    let last = if text.ends_with('7') { "8" } else { "7" };
    *value = json!(format!("{}{last}", &text[..text.len() - 1]));
}

#[tokio::test]
async fn nodes_that_bend_a_header_or_withhold_validators_are_found_out() {
    let chain = Arc::new(walk(WALK));
    let honest = Fake::of(&chain).await;
    type Change = Box<dyn Fn(&str, &Value, &mut Value) + Send + Sync>;
    let mut changes: Vec<(String, Change)> = Vec::new();
    for field in [
        "chain_id",
        "last_commit_hash",
        "data_hash",
        "validators_hash",
        "next_validators_hash",
        "consensus_hash",
        "app_hash",
        "last_results_hash",
        "evidence_hash",
        "proposer_address",
    ] {
        changes.push((
            field.to_owned(),
            Box::new(move |method, _, answer| {
                if method == "commit" {
                    flip(&mut answer["signed_header"]["header"][field]);
                }
            }),
        ));
    }
    type Plain = fn(&str, &Value, &mut Value);
    let other: [(&str, Plain); 7] = [
        ("another time", |method, _, answer| {
            if method == "commit" {
                answer["signed_header"]["header"]["time"] = json!("2026-11-21T07:33:33.000000001Z");
            }
        }),
        ("another block's votes", |method, _, answer| {
            if method == "commit" {
                answer["signed_header"]["commit"]["round"] = json!(7);
            }
        }),
        ("no votes", |method, _, answer| {
            if method == "commit" {
                answer["signed_header"]["commit"]["signatures"] = json!([]);
            }
        }),
        ("no commit", |method, _, answer| {
            if method == "commit" {
                answer["signed_header"] = json!(null);
            }
        }),
        ("a validator less", |method, _, answer| {
            if method == "validators" {
                answer["validators"].as_array_mut().unwrap().pop();
                answer["total"] = json!("3");
            }
        }),
        ("another power", |method, _, answer| {
            if method == "validators" {
                answer["validators"][0]["voting_power"] = json!("1");
            }
        }),
        ("another key", |method, _, answer| {
            if method == "validators" {
                answer["validators"][0]["pub_key"]["value"] = json!(STANDARD.encode([9; 32]));
                answer["validators"][0].as_object_mut().unwrap().remove("address");
            }
        }),
    ];
    changes.extend(other.map(|(name, change)| (name.to_owned(), Box::new(change) as Change)));
    for (name, change) in changes {
        let liar = Fake::liar(&chain, move |method, params, answer| change(method, params, answer)).await;
        let (rpc, both) = prover("lighter-1", &[&liar, &honest], ibc(), Host::Router).await;
        let (start, now) = (trusted(&both, &chain.blocks[&3]), after(&chain.blocks[&6]));
        let updates = both.updates(&start, Height::new(6), now).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        replay(&both, &start, &updates, now);
        let reports = rpc.endpoints();
        assert!(reports[0].lies > 0 && reports[0].resting && reports[1].lies == 0, "{name}: {reports:?}");
        let (_, alone) = prover("lighter-1", &[&liar], ibc(), Host::Router).await;
        let error = alone.updates(&start, Height::new(6), now).await.unwrap_err();
        assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
    }
}

/// A key in hexadecimal, and what lies there.
type Read = (String, Option<Vec<u8>>);

/// A chain of the recorded storage proofs: the key's proof by the key, in hexadecimal.
fn storage(capture: &str) -> (Chain, Vec<Read>) {
    let capture: Value = serde_json::from_str(capture).unwrap();
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let height = number(&capture["proof_height"]);
    let mut chain =
        Chain::new(capture["chain_id"].as_str().unwrap(), BTreeMap::from([(height, capture["certified_by"].clone())]));
    let mut reads = Vec::new();
    for read in capture["reads"].as_array().unwrap() {
        let key = read["key"].as_str().unwrap().trim_start_matches("0x").to_owned();
        let present = read["present"].as_bool().unwrap();
        let value = hex::decode(read["value"].as_str().unwrap().trim_start_matches("0x")).unwrap();
        let response = json!({
            "code": 0, "height": read["queried_height"], "value": null, "proofOps": read["proof_ops"], "index": "0",
        });
        assert_eq!(number(&read["queried_height"]) + 1, height);
        chain.values.insert(("/store/evm/key".to_owned(), key.clone(), height - 1), response);
        reads.push((key, present.then_some(value)));
    }
    (chain, reads)
}

#[tokio::test]
async fn values_are_proven_by_the_store_whatever_the_node_says_of_them() {
    for (capture, name) in [(EVMD, "evmd-a"), (IRITA_EVM, "irita-1")] {
        let (chain, reads) = storage(capture);
        let chain = Arc::new(chain);
        let fake = Fake::of(&chain).await;
        let commitments = Commitments::IbcStore { store: b"evm".to_vec() };
        let (rpc, prover) = prover(name, &[&fake], commitments, Host::Router).await;
        let block = chain.blocks.values().next().unwrap();
        let state = trusted(&prover, block);
        let path = |key: &str| MerklePath::from_elements(vec![b"evm".to_vec(), hex::decode(key).unwrap()]);
        let claims: Vec<Claim> = reads
            .iter()
            .map(|(key, value)| match value {
                Some(value) => Claim::present(path(key), value.clone()),
                None => Claim::absent(path(key)),
            })
            .collect();
        let proof = prover.prove(&state, &claims).await.unwrap();
        assert_eq!((proof.height, proof.time), (state.height, light_block(block).header.time()));
        let view = ErasedTrusted { height: state.height, client: &state.client, consensus: &state.consensus };
        prover.light_client().verify(view, &proof.proof, &claims).unwrap();
        MembershipProof::decode(&proof.proof).unwrap();
        // A proof at a height asks for the state before that block.
        let before = (state.height.number() - 1).to_string();
        let asked = fake.asked();
        let queries: Vec<_> = asked.iter().filter(|asked| asked.method == "abci_query").collect();
        assert_eq!(queries.len(), claims.len());
        assert!(queries.iter().all(|asked| asked.params["height"] == json!(before)), "{queries:?}");

        let mut wrong = claims.clone();
        wrong[0] = Claim::absent(path(&reads[0].0));
        wrong[1] = Claim::present(path(&reads[1].0), [7; 32]);
        let decided = prover.decide(&state, &wrong).await.unwrap();
        assert_eq!(decided.iter().filter(|holds| !**holds).count(), 2);
        assert!(!decided[0] && !decided[1]);
        let error = prover.prove(&state, &wrong).await.unwrap_err();
        assert!(matches!(error, AdapterError::Verification { .. }), "{error}");
        // The node told the truth.
        assert_eq!(rpc.endpoints()[0].lies, 0);
        // What is asked amiss is nobody's lie either.
        for claims in [vec![], vec![Claim::absent(MerklePath::from_elements(vec![b"ibc".to_vec(), b"a".to_vec()]))]] {
            assert!(prover.prove(&state, &claims).await.is_err());
        }
        assert_eq!(rpc.endpoints()[0].lies, 0);
    }
}

#[tokio::test]
async fn nodes_that_bend_a_proof_are_found_out() {
    let (chain, reads) = storage(EVMD);
    let chain = Arc::new(chain);
    let honest = Fake::of(&chain).await;
    let commitments = Commitments::IbcStore { store: b"evm".to_vec() };
    let absent = reads.iter().find(|(_, value)| value.is_none()).unwrap().0.clone();
    let (key, value) = reads.iter().find(|(_, value)| value.is_some()).unwrap();
    let path = |key: &str| MerklePath::from_elements(vec![b"evm".to_vec(), hex::decode(key).unwrap()]);
    let claims = [Claim::present(path(key), value.clone().unwrap()), Claim::absent(path(&absent))];
    type Bend = fn(&mut Value);
    let changes: [(&str, Bend); 7] = [
        ("a bent inner proof", |ops| bend(&mut ops[0]["data"])),
        ("a bent outer proof", |ops| bend(&mut ops[1]["data"])),
        ("no outer proof", |ops| drop(ops.as_array_mut().unwrap().pop())),
        ("no proof", |ops| *ops = json!([])),
        ("one proof more", |ops| {
            let copy = ops[1].clone();
            ops.as_array_mut().unwrap().push(copy);
        }),
        ("proofs in another order", |ops| ops.as_array_mut().unwrap().reverse()),
        ("another message", |ops| ops[0]["data"] = json!("AAAA")),
    ];
    for (name, change) in changes {
        let liar = Fake::liar(&chain, move |method, _, answer| {
            if method == "abci_query" {
                change(&mut answer["response"]["proofOps"]["ops"]);
            }
        })
        .await;
        let (_, alone) = prover("evmd-a", &[&liar], commitments.clone(), Host::Router).await;
        let state = trusted(&alone, chain.blocks.values().next().unwrap());
        for error in
            [alone.prove(&state, &claims).await.expect_err(name), alone.decide(&state, &claims).await.expect_err(name)]
        {
            assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{name}: {error}");
        }
        let (rpc, both) = prover("evmd-a", &[&liar, &honest], commitments.clone(), Host::Router).await;
        assert_eq!(both.decide(&state, &claims).await.unwrap(), [true, true]);
        both.prove(&state, &claims).await.unwrap();
        assert!(rpc.endpoints()[0].lies > 0 && rpc.endpoints()[1].lies == 0, "{name}");
    }
    // A state that the node has not kept is its refusal, and no lie; one that it has not yet makes it late.
    let (rpc, prover) = prover("evmd-a", &[&honest], commitments, Host::Router).await;
    let state = trusted(&prover, chain.blocks.values().next().unwrap());
    let unknown = [Claim::absent(path("00"))];
    assert_eq!(prover.decide(&state, &unknown).await.unwrap_err().kind(), AdapterErrorKind::RefusedByChain);
    let ahead = TrustedState { height: Height::new(state.height.number() + 9), ..state.clone() };
    assert!(matches!(prover.decide(&ahead, &claims).await.unwrap_err(), AdapterError::Behind { .. }));
    let first = TrustedState { height: Height::new(1), ..state };
    assert_eq!(prover.decide(&first, &claims).await.unwrap_err().kind(), AdapterErrorKind::RefusedByChain);
    assert_eq!(rpc.endpoints()[0].lies, 0);
}

fn bend(data: &mut Value) {
    let mut bytes = STANDARD.decode(data.as_str().unwrap()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    *data = json!(STANDARD.encode(bytes));
}

/// One stage of the recorded packet: its chain, and the claim that it proves.
fn stage(name: &str) -> (Chain, Value, Claim) {
    let capture: Value = serde_json::from_str(PACKET).unwrap();
    let stage = capture[name].clone();
    let certified = &stage["certified_by"];
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let (height, trusted) = (number(&certified["height"]), number(&certified["trusted_height"]));
    let from = json!({
        "signed_header": certified["trusted_signed_header"],
        "validators": certified["trusted_header_next_validators"],
        "next_validators": certified["trusted_header_next_validators"],
    });
    let to = json!({
        "signed_header": certified["signed_header"],
        "validators": certified["validators"],
        "next_validators": certified["validators"],
    });
    let mut chain =
        Chain::new(certified["chain_id"].as_str().unwrap(), BTreeMap::from([(trusted, from), (height, to)]));
    let key = stage["key"].as_str().unwrap().to_owned();
    let response = json!({
        "code": 0, "height": stage["queried_height"], "value": null, "proofOps": stage["proof_ops"], "index": "0",
    });
    let path = MerklePath::from_elements(vec![b"ibc".to_vec(), hex::decode(&key).unwrap()]);
    chain.values.insert(("/store/ibc/key".to_owned(), key, height - 1), response);
    let claim = match stage["present"].as_bool().unwrap() {
        true => Claim::present(path, hex::decode(stage["value"].as_str().unwrap()).unwrap()),
        false => Claim::absent(path),
    };
    (chain, stage, claim)
}

#[tokio::test]
async fn updates_and_proofs_for_ibc_go_are_those_that_ibc_go_accepted() {
    for name in [
        "commitment_on_source",
        "receipt_absent_before_receive",
        "receipt_on_destination",
        "acknowledgement_on_destination",
        "commitment_deleted_on_source",
    ] {
        if serde_json::from_str::<Value>(PACKET).unwrap()[name]["certified_by"].is_null() {
            continue; // Proven under the same header as another stage.
        }
        let (chain, stage, claim) = stage(name);
        let (from, to) = (*chain.blocks.keys().next().unwrap(), *chain.blocks.keys().next_back().unwrap());
        let chain = Arc::new(chain);
        let fake = Fake::of(&chain).await;
        let (_, prover) = prover(&chain.name, &[&fake], ibc(), Host::IbcGo).await;
        assert_eq!(prover.client_type().as_str(), "07-tendermint");
        let (start, now) = (trusted(&prover, &chain.blocks[&from]), after(&chain.blocks[&to]));
        let updates = prover.updates(&start, Height::new(to), now).await.unwrap();
        let [update] = updates.as_slice() else { panic!("{name}: {}", updates.len()) };
        let recorded = hex::decode(stage["certified_by"]["tendermint_header_protobuf"].as_str().unwrap()).unwrap();
        if chain.name == "simd-a" {
            // One validator: no vote is left out.
            assert_eq!(hex::encode(&update.update), hex::encode(&recorded), "{name}");
        }
        let (ours, theirs) =
            (prover.header_of_update(&update.update).unwrap(), prover.header_of_update(&recorded).unwrap());
        assert_eq!((ours.height, ours.hash), (theirs.height, theirs.hash));
        assert_eq!(ours.height, update.next.height);
        let state = &update.next;
        let proof = prover.prove(state, std::slice::from_ref(&claim)).await.unwrap();
        let merkle = hex::decode(stage["merkle_proof_protobuf"].as_str().unwrap()).unwrap();
        let mut expected = Vec::new();
        prost::encoding::encode_varint(merkle.len() as u64, &mut expected);
        expected.extend(&merkle);
        assert_eq!(hex::encode(&proof.proof), hex::encode(&expected), "{name}");
        let opposite = match &claim.expected {
            light_client::Expected::Present(_) => Claim::absent(claim.path.clone()),
            light_client::Expected::Absent => Claim::present(claim.path.clone(), [1]),
        };
        assert_eq!(prover.decide(state, &[claim.clone(), opposite.clone()]).await.unwrap(), [true, false], "{name}");
        assert!(prover.prove(state, &[opposite]).await.is_err());
        // Two claims are two proofs, in their order.
        let twice = prover.prove(state, &[claim.clone(), claim]).await.unwrap();
        assert_eq!(twice.proof, [expected.clone(), expected].concat());
    }
}

#[tokio::test]
async fn sm2_validators_cannot_be_told_to_ibc_go() {
    let chain = Arc::new(walk(IRITA_WALK));
    let fake = Fake::of(&chain).await;
    let (_, prover) = prover("irita-walk", &[&fake], ibc(), Host::IbcGo).await;
    let (start, now) = (trusted(&prover, &chain.blocks[&8]), after(&chain.blocks[&9]));
    let error = prover.updates(&start, Height::new(9), now).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Config, "{error}");
}

/// The first field of this number.
fn field(message: &[u8], wanted: u32) -> Vec<u8> {
    let mut rest = message;
    while !rest.is_empty() {
        let (number, wire) = prost::encoding::decode_key(&mut rest).unwrap();
        assert_eq!(wire, prost::encoding::WireType::LengthDelimited);
        let length = prost::encoding::decode_varint(&mut rest).unwrap() as usize;
        let (content, after) = rest.split_at(length);
        if number == wanted {
            return content.to_vec();
        }
        rest = after;
    }
    panic!("no field {wanted}");
}

fn bytes_field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    [bytes, content.to_vec()].concat()
}

#[tokio::test]
async fn a_first_state_is_shown_to_people_with_what_was_checked() {
    let (mut chain, _, _) = stage("commitment_deleted_on_source");
    let height = chain.latest;
    // The neighbour in the recorded absence is a key that bootstrap looks for.
    let (at, response) = chain.values.iter().next().map(|(at, response)| (at.clone(), response.clone())).unwrap();
    let ops = &response["proofOps"]["ops"];
    let absence = field(&STANDARD.decode(ops[0]["data"].as_str().unwrap()).unwrap(), 2);
    let neighbour = field(&absence, 3);
    assert_eq!(field(&neighbour, 1), b"clientParams");
    let mut probed = response.clone();
    probed["proofOps"]["ops"][0]["data"] = json!(STANDARD.encode(bytes_field(1, &neighbour)));
    chain.values.insert((at.0.clone(), hex::encode("clientParams"), at.2), probed);
    let recorded = light_block(&chain.blocks[&height]);
    let chain = Arc::new(chain);
    let fake = Fake::of(&chain).await;
    let (_, prover) = prover("simd-a", &[&fake], ibc(), Host::IbcGo).await;
    let first = prover.bootstrap(Some(Height::new(height))).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    if now.as_secs() + 10 <= recorded.header.time().unix_seconds() {
        // A machine whose clock is behind the recording.
        let error = first.unwrap_err();
        assert!(error.to_string().contains("time: expected less than"), "{error}");
        return;
    }
    let first = first.unwrap();
    assert_eq!(prover.bootstrap(None).await.unwrap(), first);
    assert_eq!((first.trusted.height.number(), first.time), (height, recorded.header.time()));
    let consensus = ConsensusState::decode(&first.trusted.consensus).unwrap();
    assert_eq!(consensus, recorded.consensus_state().unwrap());
    let client = ClientState::decode(&first.trusted.client).unwrap();
    assert_eq!(client.parameters(), &prover.parameters(KeyTypes::ED25519));
    let shown: BTreeMap<_, _> = first.fingerprint.into_iter().collect();
    assert_eq!(shown["chain id"], "simd-a");
    assert_eq!(shown["key types"], "Ed25519");
    assert_eq!(shown["store"], "ibc (iavl, proven)");
    assert_eq!(shown["block hash"], recorded.header.hash(&TreeHash::Sha256).to_string());
    assert_eq!(shown["votes"], "100 of 100");
    assert_eq!(shown["validators"], "F4CB7A709F77161357D610811356892DD3F170BF:100");
    // The commitments are said to lie in a store that is not there.
    let elsewhere = Commitments::EvmStore { store: b"ibc".to_vec(), router: Address::new([1; 20]) };
    let (_, astray) = self::prover("simd-a", &[&fake], elsewhere, Host::Router).await;
    assert!(astray.bootstrap(Some(Height::new(height))).await.is_err());
    // A header that is not certified by its own set is no first state.
    let mut bent = (*chain).clone();
    bent_vote(bent.blocks.get_mut(&height).unwrap(), 0);
    let fake = Fake::of(&Arc::new(bent)).await;
    let (_, misled) = self::prover("simd-a", &[&fake], ibc(), Host::IbcGo).await;
    let error = misled.bootstrap(Some(Height::new(height))).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Inconsistent, "{error}");
}

#[tokio::test]
async fn heights_of_blocks_and_of_states_differ_by_one() {
    let chain = Arc::new(walk(WALK));
    let fake = Fake::of(&chain).await;
    let router = Commitments::EvmStore { store: b"evm".to_vec(), router: Address::new([1; 20]) };
    let (_, evm) = prover("lighter-1", &[&fake], router, Host::Router).await;
    let (_, ibc) = prover("lighter-1", &[&fake], self::ibc(), Host::IbcGo).await;
    for prover in [&evm, &ibc] {
        assert_eq!(prover.provable_from(Height::new(6)), Height::with_revision(1, 7));
        assert_eq!(prover.provable_from(Height::with_revision(1, 6)), Height::with_revision(1, 7));
        let since = Height::with_revision(1, 7);
        assert_eq!(prover.plan(&[], since).await.unwrap(), Plan::Ready(since));
    }
    assert_eq!((evm.stored_number(258).len(), ibc.stored_number(258)), (32, vec![0, 0, 0, 0, 0, 0, 1, 2]));
    // Claims are in the order of the store's keys.
    let path = |key: &[u8]| MerklePath::from_elements(vec![b"ibc".to_vec(), key.to_vec()]);
    assert!(ibc.sort_key(&path(b"a")) < ibc.sort_key(&path(b"b")));
    assert_eq!(evm.sort_key(&MerklePath::from_elements(vec![b"a".to_vec()])).len(), 53);
}

/// What a client of the chain stores when it trusts the blocks of these heights.
fn stored(prover: &TendermintProver, chain: &Chain, heights: &[u64]) -> StoredStates {
    let states: Vec<(Height, ConsensusState)> = heights
        .iter()
        .map(|height| {
            (Height::with_revision(1, *height), light_block(&chain.blocks[height]).consensus_state().unwrap())
        })
        .collect();
    let entries = states
        .iter()
        .map(|(height, state)| light_client_tendermint::StoredState { number: height.number(), hash: state.hash() });
    let client = ClientState::from_stored(prover.parameters(KeyTypes::ALL), entries.collect(), false).unwrap();
    let states = states.into_iter().map(|(height, state)| (height, state.encode())).collect();
    StoredStates { client: client.encode(), states }
}

#[tokio::test]
async fn two_blocks_of_one_height_are_seen_and_make_evidence() {
    let mut forged = walk(WALK);
    let equivocation = serde_json::from_str::<Value>(WALK).unwrap()["blocks"]["forged_equivocation"].take();
    forged.blocks.insert(6, equivocation);
    let chain = walk(WALK);
    let (honest, liar) = (Fake::of(&Arc::new(chain.clone())).await, Fake::of(&Arc::new(forged)).await);
    let gone = Fake::of(&Arc::new(chain.clone())).await;
    for host in [Host::Router, Host::IbcGo] {
        let (_, prover) = prover("lighter-1", &[&honest, &liar, &gone], ibc(), host).await;
        gone.say(Some(support::fake::Raw(502, vec![], "")));
        let (start, now) = (trusted(&prover, &chain.blocks[&3]), after(&chain.blocks[&7]));
        let served = prover.served_headers(&start, Height::new(6), now).await.unwrap();
        let [first, second] = served.as_slice() else { panic!("{served:?}") };
        assert!(first.endpoint.starts_with("#0 ") && second.endpoint.starts_with("#1 "), "{served:?}");
        assert!(first.certified && second.certified);
        assert_ne!(first.header.hash, second.header.hash);
        assert_eq!(prover.header(&first.header.bytes).unwrap(), first.header);
        let states = stored(&prover, &chain, &[3, 7]);
        let headers = [first.header.bytes.as_slice(), second.header.bytes.as_slice()];
        let evidence = prover.evidence(&states, headers, now).await.unwrap();
        if host == Host::Router {
            Evidence::decode(&evidence).unwrap();
        }
        let inside = prover.headers_of_evidence(&evidence).unwrap().map(|header| header.hash);
        assert!(inside.contains(&first.header.hash) && inside.contains(&second.header.hash));
        // One block twice is none, nor are two that the stored states do not reach.
        assert!(prover.evidence(&states, [headers[0]; 2], now).await.is_err());
        assert!(prover.evidence(&stored(&prover, &chain, &[7]), headers, now).await.is_err());
        // Not certified from there: nobody who is trusted voted.
        let strangers = serde_json::from_str::<Value>(WALK).unwrap()["blocks"]["forged_by_strangers"].take();
        let height = light_block(&strangers).header.height();
        let mut other = chain.clone();
        other.blocks.insert(height, strangers);
        let other = Fake::of(&Arc::new(other)).await;
        let (_, alone) = self::prover("lighter-1", &[&other], ibc(), host).await;
        let served = alone.served_headers(&start, Height::new(height), now).await.unwrap();
        assert!(!served[0].certified);
        gone.say(None);
        for bytes in [&[][..], &[1, 2, 3], &[0xff; 200]] {
            assert!(prover.header(bytes).is_err());
            assert!(prover.header_of_update(bytes).is_err());
            assert!(prover.headers_of_evidence(bytes).is_err());
        }
    }
}
