//! Evidence of two headers, whichever sets they list and whoever else voted for them; and updates judged anew.
#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod fake;
}

use adapter::{AdapterError, ChainHeader, Prover as _, ServedHeader, StoredStates, TrustedState};
use adapter_cosmos::{ClientParams, EndpointConfig, Host, TendermintConfig, TendermintProver, TendermintRpc};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner as _};
use light_client::{Codec as _, Height, Timestamp, sha256};
use light_client_tendermint::{
    Certified, ClientState, Commit, Commitments, ConsensusState, Evidence, KeyTypes, LightBlock, StoredState, TreeHash,
    Vote, json as answers, sign_bytes,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use support::fake::{Chain, Fake};

const CHAIN: &str = "harbour-9";
/// The height whose state the client trusts, and the one at which there are two blocks.
const TRUSTED: u64 = 5;
const HEIGHT: u64 = 10;

/// A validator by name, with its power.
type Member = (&'static str, u64);

/// The set that the trusted state names.
const KNOWN: [Member; 4] = [("a", 10), ("b", 10), ("c", 10), ("d", 10)];

fn key(name: &str) -> SigningKey {
    SigningKey::from_slice(&sha256(&[b"a validator of a test: ", name.as_bytes()])).unwrap()
}

fn set(members: &[Member]) -> Value {
    let validator = |(name, power): &Member| {
        let point = key(name).verifying_key().to_sec1_point(true);
        json!({
            "pub_key": { "type": "tendermint/PubKeySecp256k1", "value": STANDARD.encode(point.as_bytes()) },
            "voting_power": power.to_string(),
        })
    };
    members.iter().map(validator).collect()
}

fn set_hash(members: &[Member]) -> String {
    let set = answers::validator_set(&set(members), TreeHash::Sha256).unwrap();
    hex::encode_upper(set.hash(&TreeHash::Sha256).as_bytes())
}

/// A block as nodes answer it. `application` tells blocks of one height apart; of those who vote, the ones with a `!` do not
/// sign what they vote for.
fn block(height: u64, listed: &[Member], application: u8, voters: &[&str]) -> Value {
    let digest = |byte: u8| hex::encode_upper([byte; 32]);
    let header = json!({
        "version": { "block": "11" },
        "chain_id": CHAIN,
        "height": height.to_string(),
        "time": format!("2026-11-21T07:33:{:02}Z", height),
        "last_block_id": { "hash": digest(1), "parts": { "total": 1, "hash": digest(2) } },
        "last_commit_hash": digest(3),
        "data_hash": digest(4),
        "validators_hash": set_hash(listed),
        "next_validators_hash": set_hash(listed),
        "consensus_hash": digest(5),
        "app_hash": digest(application),
        "last_results_hash": digest(6),
        "evidence_hash": digest(7),
        "proposer_address": hex::encode_upper([8; 20]),
    });
    let hash = answers::header(&header).unwrap().hash(&TreeHash::Sha256);
    let commit = Commit {
        round: 0,
        part_set_total: 1,
        part_set_hash: [9; 32],
        set: answers::validator_set(&set(listed), TreeHash::Sha256).unwrap(),
        votes: Vec::new(),
    };
    let vote = |(index, (name, _)): (u16, &Member)| {
        let bad = format!("{name}!");
        let Some(voter) = voters.iter().find(|voter| *voter == name || **voter == bad) else {
            return json!({ "block_id_flag": 1, "timestamp": "0001-01-01T00:00:00Z", "signature": null });
        };
        let vote = Vote { index, trusted_index: None, seconds: 1_795_246_400, nanos: 7, signature: [0; 64] };
        let mut message = sign_bytes(CHAIN.as_bytes(), height, hash, &commit, &vote);
        if voter.ends_with('!') {
            message.push(0);
        }
        let signature: Signature = key(name).sign_prehash(&sha256(&[&message])).unwrap();
        let signature = signature.normalize_s();
        let timestamp = "2026-11-21T07:33:20.000000007Z";
        json!({ "block_id_flag": 2, "timestamp": timestamp, "signature": STANDARD.encode(signature.to_bytes()) })
    };
    let signatures: Vec<Value> = (0..).zip(listed).map(vote).collect();
    let block_id = json!({ "hash": hex::encode_upper(hash.as_bytes()), "parts": { "total": 1, "hash": digest(9) } });
    let commit = json!({ "height": height.to_string(), "round": 0, "block_id": block_id, "signatures": signatures });
    json!({
        "signed_header": { "header": header, "commit": commit },
        "validators": set(listed),
        "next_validators": set(listed),
    })
}

fn light_block(block: &Value) -> LightBlock {
    answers::trusted_block(block, TreeHash::Sha256).unwrap()
}

/// A moment soon after all blocks.
fn now() -> Timestamp {
    Timestamp::from_unix_seconds(light_block(&block(59, &KNOWN, 1, &[])).header.time().unix_seconds())
}

/// Each endpoint serves one of these blocks at the height, and the trusted one.
async fn endpoints(blocks: &[Value]) -> Vec<Fake> {
    let mut fakes = Vec::new();
    for at_height in blocks {
        let trusted = block(TRUSTED, &KNOWN, 1, &["a", "b", "c", "d"]);
        let blocks = BTreeMap::from([(TRUSTED, trusted), (HEIGHT, at_height.clone())]);
        fakes.push(Fake::of(&Arc::new(Chain::new(CHAIN, blocks))).await);
    }
    fakes
}

async fn prover(fakes: &[Fake], host: Host) -> TendermintProver {
    let endpoints = fakes.iter().map(|fake| EndpointConfig::new(&fake.url)).collect();
    let rpc = TendermintRpc::connect(TendermintConfig::new(CHAIN.parse().unwrap(), endpoints)).await.unwrap();
    let ibc = Commitments::IbcStore { store: b"ibc".to_vec() };
    TendermintProver::new(rpc, ClientParams::new(ibc), host).unwrap()
}

fn height(number: u64) -> Height {
    Height::with_revision(9, number)
}

/// What a client stores that trusts the height below.
fn stored(prover: &TendermintProver) -> StoredStates {
    let state = light_block(&block(TRUSTED, &KNOWN, 1, &[])).consensus_state().unwrap();
    let at = vec![StoredState { number: TRUSTED, hash: state.hash() }];
    let client = ClientState::from_stored(prover.parameters(KeyTypes::ALL), at, false).unwrap();
    StoredStates { client: client.encode(), states: vec![(height(TRUSTED), state.encode())] }
}

fn trusted(prover: &TendermintProver) -> TrustedState {
    prover.trusted_at(&stored(prover), height(TRUSTED)).unwrap()
}

/// What two endpoints serve, and what becomes of it.
async fn judged(
    blocks: [Value; 2],
    host: Host,
) -> ([ServedHeader; 2], Result<Vec<u8>, AdapterError>, TendermintProver) {
    let fakes = endpoints(&blocks).await;
    let prover = prover(&fakes, host).await;
    let served = prover.served_headers(&trusted(&prover), height(HEIGHT), now()).await.unwrap();
    let served: [ServedHeader; 2] = served.try_into().unwrap();
    let headers = served.each_ref().map(|served| served.header.bytes.as_slice());
    let evidence = prover.evidence(&stored(&prover), headers, now()).await;
    (served, evidence, prover)
}

fn inside(prover: &TendermintProver, evidence: &[u8]) -> [Certified; 2] {
    prover.headers_of_evidence(evidence).unwrap().map(|header| Certified::decode(&header.bytes).unwrap())
}

fn is_verdict<T>(result: &Result<T, AdapterError>) -> bool {
    matches!(result, Err(AdapterError::Verification { .. }))
}

#[tokio::test]
async fn votes_count_whichever_sets_the_headers_list_and_whoever_else_voted() {
    let all = ["a", "b", "c", "d", "e", "f", "x"];
    let more_than_known = |stranger: Member| [KNOWN.as_slice(), &[stranger]].concat();
    let plain = || block(HEIGHT, &KNOWN, 1, &all);
    let cases = [
        (
            "two other sets",
            [block(HEIGHT, &more_than_known(("e", 10)), 1, &all), block(HEIGHT, &more_than_known(("f", 10)), 2, &all)],
        ),
        // Its first vote is enough for its own set, and says nothing of the known one.
        (
            "a stranger above a quorum",
            [plain(), block(HEIGHT, &[("x", 100), ("a", 1), ("b", 1), ("c", 1)], 2, &["x", "a", "b", "c"])],
        ),
        ("a bad vote among good ones", [plain(), block(HEIGHT, &KNOWN, 2, &["a!", "b", "c", "d"])]),
        ("a bad vote behind those that are needed", [plain(), block(HEIGHT, &KNOWN, 2, &["a", "b", "c", "d!"])]),
        ("another order", [plain(), block(HEIGHT, &[("d", 10), ("c", 10), ("b", 10), ("a", 10)], 2, &all)]),
    ];
    for (name, blocks) in cases {
        for host in [Host::Router, Host::IbcGo] {
            let (served, evidence, prover) = judged(blocks.clone(), host).await;
            assert!(served.iter().all(|served| served.certified), "{name}: {served:?}");
            let evidence = evidence.unwrap_or_else(|error| panic!("{name}, {host:?}: {error}"));
            let set_of = |members: &[Member]| answers::validator_set(&set(members), TreeHash::Sha256).unwrap();
            for (Certified { header, commit }, block) in inside(&prover, &evidence).iter().zip(&blocks) {
                match host {
                    // The set that judges, and no more of its votes than it takes.
                    Host::Router => {
                        assert_eq!(commit.set, set_of(&KNOWN), "{name}");
                        assert_eq!(commit.votes.len(), 3, "{name}");
                    }
                    // ibc-go asks for the set that the header lists.
                    Host::IbcGo => {
                        assert_eq!(commit.set.hash(&TreeHash::Sha256), header.validators_hash(), "{name}: {block}");
                    }
                }
            }
            if host == Host::Router {
                Evidence::decode(&evidence).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn too_few_of_those_who_are_known_make_no_evidence() {
    let all = ["a", "b", "c", "d", "e", "f"];
    let [with_e, with_f] = [("e", 90), ("f", 90)].map(|stranger| [KNOWN.as_slice(), &[stranger]].concat());
    for (name, blocks) in [
        ("two of four", [block(HEIGHT, &KNOWN, 1, &all), block(HEIGHT, &with_e, 2, &["a", "b", "e"])]),
        ("one and the same other set", [block(HEIGHT, &with_e, 1, &all), block(HEIGHT, &with_e, 2, &all)]),
        ("bad votes", [block(HEIGHT, &with_e, 1, &all), block(HEIGHT, &with_f, 2, &["a", "b", "c!", "d!", "f"])]),
        ("one block", [block(HEIGHT, &KNOWN, 1, &all), block(HEIGHT, &KNOWN, 1, &["a", "b", "c"])]),
    ] {
        for host in [Host::Router, Host::IbcGo] {
            let (_, evidence, _) = judged(blocks.clone(), host).await;
            assert!(is_verdict(&evidence), "{name}: {evidence:?}");
        }
    }
}

/// The chain's own header as an update holds it has no more votes than the update took: those that an endpoint shows besides
/// are kept with them.
#[tokio::test]
async fn forms_of_one_header_are_put_together() {
    let all = ["a", "b", "c", "d"];
    let shown = [&all[..], &["x"]].concat();
    let listed = [&[("x", 100)], &KNOWN[..]].concat();
    let voted = |voters: &[&str]| block(HEIGHT, &listed, 1, voters);
    let fakes = endpoints(&[voted(&shown)]).await;
    let prover = prover(&fakes, Host::Router).await;
    let header = |block: &Value| prover.header(block.to_string().as_bytes()).unwrap();
    let voters = |header: &ChainHeader| {
        let commit = Certified::decode(&header.bytes).unwrap().commit;
        let name = |index: u16| ["x", "a", "b", "c", "d"][usize::from(index)];
        commit.votes.iter().map(|vote| name(vote.index)).collect::<Vec<_>>().concat()
    };
    let few = header(&voted(&["x", "b"]));
    let merged = prover.merged(few.clone(), &header(&voted(&["b!", "c", "d!"])));
    assert_eq!((voters(&merged).as_str(), merged.hash), ("xbc", few.hash));
    assert_eq!(prover.merged(merged.clone(), &few), merged);
    // What is not of this block, or is nothing at all, adds nothing.
    let other = header(&block(HEIGHT, &listed, 2, &all));
    assert_eq!(prover.merged(few.clone(), &other), few);
    assert_eq!(prover.merged(few.clone(), &ChainHeader { bytes: vec![1, 2, 3], ..few.clone() }), few);
}

/// Nobody serves the set that is to judge: that says nothing of the headers.
#[tokio::test]
async fn a_set_that_nobody_serves_is_no_verdict() {
    let all = ["a", "b", "c", "d", "e", "f"];
    let [with_e, with_f] = [("e", 10), ("f", 10)].map(|stranger| [KNOWN.as_slice(), &[stranger]].concat());
    let blocks = [block(HEIGHT, &with_e, 1, &all), block(HEIGHT, &with_f, 2, &all)];
    let fakes = endpoints(&blocks).await;
    let prover = prover(&fakes, Host::Router).await;
    let headers = blocks.each_ref().map(|block| prover.header(block.to_string().as_bytes()).unwrap().bytes);
    let headers = headers.each_ref().map(Vec::as_slice);
    for answer in [
        Err((-32603, format!("height {} is not available, lowest height is {HEIGHT}", TRUSTED + 1))),
        // A set, and not the one.
        Ok(json!({
            "block_height": (TRUSTED + 1).to_string(), "count": "1", "total": "1", "validators": set(&[("x", 1)]),
        })),
        // None at all.
        Ok(json!({
            "block_height": (TRUSTED + 1).to_string(), "count": "1", "total": "1",
            "validators": [{ "pub_key": { "value": "AAAA" } }],
        })),
    ] {
        for (fake, block) in fakes.iter().zip(&blocks) {
            let chain = Chain::new(CHAIN, BTreeMap::from([(HEIGHT, block.clone())]));
            let answer = answer.clone();
            fake.set(move |method, params| match method {
                "validators" if params["height"] == json!((TRUSTED + 1).to_string()) => answer.clone(),
                method => chain.answer(method, params),
            });
        }
        let evidence = prover.evidence(&stored(&prover), headers, now()).await;
        assert!(evidence.is_err() && !is_verdict(&evidence), "{evidence:?}");
        let served = prover.served_headers(&trusted(&prover), height(HEIGHT), now()).await.unwrap();
        assert!(served.len() == 2 && served.iter().all(|served| !served.certified), "{served:?}");
    }
}

#[tokio::test]
async fn headers_obtained_elsewhere_are_taken_as_nodes_answer_them() {
    let all = ["a", "b", "c", "d"];
    let blocks = [block(HEIGHT, &KNOWN, 1, &all), block(HEIGHT, &KNOWN, 2, &all)];
    let (served, evidence, prover) = judged(blocks.clone(), Host::Router).await;
    for (block, served) in blocks.iter().zip(&served) {
        let ChainHeader { height, hash, bytes } = &served.header;
        let validators = json!({ "result": { "validators": block["validators"], "total": "4" } });
        let commit = json!({ "result": { "signed_header": block["signed_header"], "canonical": true } });
        let apart = json!({ "signed_header": commit, "validators": validators });
        for answer in [block.clone(), json!({ "result": block }), apart] {
            let read = prover.header(answer.to_string().as_bytes()).unwrap();
            assert_eq!((read.height, read.hash, &read.bytes), (*height, *hash, bytes));
        }
        assert_eq!(prover.header(bytes).unwrap(), served.header);
    }
    evidence.unwrap();
    let mut alone = blocks[0].clone();
    alone["validators"].take();
    for bytes in [b"{}".as_slice(), b"[]", b"7", b"null", b"", alone.to_string().as_bytes()] {
        assert!(is_verdict(&prover.header(bytes)));
    }
}

/// An update that the host took leads where the prover's own leads, or nowhere.
#[tokio::test]
async fn updates_are_judged_anew_from_the_state_below() {
    let all = ["a", "b", "c", "d", "e"];
    let listed = [KNOWN.as_slice(), &[("e", 10)]].concat();
    for at_height in [block(HEIGHT, &KNOWN, 1, &all), block(HEIGHT, &listed, 1, &all)] {
        let fakes = endpoints(std::slice::from_ref(&at_height)).await;
        for host in [Host::Router, Host::IbcGo] {
            let prover = prover(&fakes, host).await;
            let from = trusted(&prover);
            let updates = prover.updates(&from, height(HEIGHT), now()).await.unwrap();
            let [update] = updates.as_slice() else { panic!("{}", updates.len()) };
            let told = prover.verify_told(&from, &update.update, now()).await.unwrap();
            assert_eq!(told, update.next);
            assert_eq!(
                ConsensusState::decode(&told.consensus).unwrap(),
                light_block(&at_height).consensus_state().unwrap()
            );
            // From another state it is another thing.
            let elsewhere = prover.verify_told(&update.next, &update.update, now()).await;
            assert!(elsewhere.is_ok_and(|same| same == update.next), "it says nothing newer");
            let late = Timestamp::from_unix_seconds(now().unix_seconds() + 15 * 24 * 3600);
            assert!(is_verdict(&prover.verify_told(&from, &update.update, late).await));
            for at in (0..update.update.len()).step_by(41) {
                let mut bent = update.update.clone();
                bent[at] ^= 0x55;
                // Whatever it is then, it is not another state.
                let told = prover.verify_told(&from, &bent, now()).await;
                assert!(told.is_err() || told.is_ok_and(|told| told == update.next), "byte {at}");
            }
        }
    }
}
