//! What a chain under Tendermint answers: both faces, proofs of slots for the light client, lies, and HTTP.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_devchain::{
    Chain, ChainConfig, Fault, FaultRule, KeyType, Node, NodeConfig, Production, Reply, Rpc, TendermintConfig,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, hex};
use light_client::{Claim, LightClient as _, MerklePath, Trusted, sha256};
use light_client_crypto::{Sha256, Sm2};
use light_client_proofs::ics23::{NestedProof, ProofSpec};
use light_client_tendermint::{
    ClientState, Commitments, Error, KeyTypes, LightBlock, MembershipProof, Parameters, StoreTree, Tendermint,
    TreeHash, TrustLevel, json as answers,
};
use serde_json::{Value, json};
use support::*;

fn with(config: ChainConfig) -> (Arc<Chain>, Rpc) {
    let chain = Arc::new(Chain::in_memory(config).expect("a chain"));
    (chain.clone(), Rpc::new(chain, true, Vec::new()))
}

fn ask(rpc: &Rpc, method: &str, params: Value) -> Value {
    rpc.call_tendermint(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// What stands in the data of an error.
fn refusal(rpc: &Rpc, method: &str, params: Value) -> String {
    match rpc.call_tendermint(method, params) {
        Ok(result) => panic!("{method} must fail, found {result}"),
        Err(error) => error.data.map_or(error.message, |data| data.as_str().expect("a text").to_owned()),
    }
}

fn parameters(router: Address) -> Parameters {
    Parameters {
        chain_id: "bsn-dev-1".parse().expect("an id"),
        trust_level: TrustLevel::ONE_THIRD,
        trusting_period_seconds: 1_000_000,
        clock_drift_seconds: 1,
        key_types: KeyTypes::ALL,
        sm2: Sm2::default(),
        tree_hash: TreeHash::Sha256,
        store_tree: StoreTree::Jmt,
        commitments: Commitments::EvmStore {
            store: b"evm".to_vec(),
            router: light_client_crypto::Address::new(router.0.0),
        },
    }
}

/// The block as `commit` and `validators` answer it.
fn light_block(rpc: &Rpc, height: u64) -> LightBlock {
    let commit = ask(rpc, "commit", json!({"height": height.to_string()}));
    let validators = ask(rpc, "validators", json!({"height": height.to_string(), "per_page": "100"}));
    let value = json!({"signed_header": commit["signed_header"], "validators": validators["validators"]});
    answers::light_block(&value, TreeHash::Sha256, TreeHash::Sha256).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn slot_of(path: &[u8]) -> B256 {
    sha256(&[path]).into()
}

fn store_key(contract: Address, slot: B256) -> Vec<u8> {
    [&[2], contract.as_slice(), slot.as_slice()].concat()
}

fn query(rpc: &Rpc, key: &[u8], height: u64) -> Value {
    let params =
        json!({"path": "/store/evm/key", "data": hex::encode(key), "height": height.to_string(), "prove": true});
    ask(rpc, "abci_query", params)["response"].clone()
}

/// A proof that the store holds this at a path's slot, from what the node answers after block `height`.
fn proof(rpc: &Rpc, contract: Address, path: &[u8], value: Option<&[u8]>, height: u64) -> NestedProof {
    let key = store_key(contract, slot_of(path));
    let answer = query(rpc, &key, height);
    let operations = answers::proof_operations(&answer).expect("operations");
    let [inner, outer] = operations.as_slice() else { panic!("two operations: {answer}") };
    assert_eq!((inner.kind.as_str(), &inner.key), ("ics23:jmt", &key));
    assert_eq!((outer.kind.as_str(), outer.key.as_slice()), ("ics23:simple", &b"evm"[..]));
    NestedProof::from_messages(&Sha256, &ProofSpec::JMT, [&inner.data, &outer.data], b"evm", &key, value)
        .unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Whether the light client takes a proof under the header after `height`.
fn verify(rpc: &Rpc, contract: Address, height: u64, claim: Claim, proof: NestedProof) -> Result<(), Error> {
    let consensus = light_block(rpc, height + 1).consensus_state().expect("a root of 32 bytes");
    let client = ClientState::new(parameters(contract), height + 1, &consensus).expect("a client");
    let proof = MembershipProof::new(consensus, &[proof]).expect("one claim");
    let trusted = Trusted { height: client.latest_height(), client: &client, consensus: &consensus };
    Tendermint.verify(trusted, &proof, &[claim]).map(|_| ())
}

fn present(path: &[u8], value: &[u8]) -> Claim {
    Claim::present(MerklePath::from_elements(vec![path.to_vec()]), value.to_vec())
}

fn absent(path: &[u8]) -> Claim {
    Claim::absent(MerklePath::from_elements(vec![path.to_vec()]))
}

/// Stores a word at the slot of a path, in a block of its own.
fn write(chain: &Chain, nonce: u64, contract: Address, path: &[u8], value: u64) {
    let key = &chain.config().account_keys()[1];
    let input: Bytes = [slot_of(path).0, word(value)].concat().into();
    chain.submit(&signed(key, legacy(nonce, TxKind::Call(contract), input))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
}

#[test]
fn slots_are_proven_present_cleared_and_absent() {
    for key_type in KEY_TYPES {
        let (chain, rpc) = with(bsn(key_type));
        let contract = deploy(&chain, 0, NOW);
        let paths: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![b'p', number]).collect();
        for (path, nonce) in paths.iter().zip(0..) {
            write(&chain, nonce, contract, path, nonce + 1);
        }
        let full = chain.latest();
        write(&chain, 40, contract, &paths[7], 0);
        chain.seal_block(NOW).expect("sealed");
        let cleared = full + 1;
        for (path, number) in paths.iter().zip(1..) {
            let value = word(number);
            let shown = proof(&rpc, contract, path, Some(&value), full);
            verify(&rpc, contract, full, present(path, &value), shown.clone()).expect("present");
            verify(&rpc, contract, full, present(path, &word(number + 1)), shown.clone()).expect_err("another value");
            verify(&rpc, contract, full, absent(path), shown).expect_err("it is there");
        }
        // Cleared, and still there as 32 zero bytes.
        let zero = proof(&rpc, contract, &paths[7], Some(&[0; 32]), cleared);
        verify(&rpc, contract, cleared, absent(&paths[7]), zero).expect("as good as absent");
        // Never written, on every side of what is there; and before it was written.
        for number in 0..40_u8 {
            let path = [b'q', number];
            let nothing = proof(&rpc, contract, &path, None, cleared);
            verify(&rpc, contract, cleared, absent(&path), nothing.clone()).expect("absent");
            verify(&rpc, contract, cleared, present(&path, &word(1)), nothing).expect_err("not there");
        }
        let early = proof(&rpc, contract, &paths[39], None, full - 1);
        verify(&rpc, contract, full - 1, absent(&paths[39]), early).expect("not yet");
        // A chain without any slot can still prove that there is none.
        let nothing = proof(&rpc, contract, b"p", None, 1);
        verify(&rpc, contract, 1, absent(b"p"), nothing).expect("absent");
        assert_eq!(query(&rpc, &store_key(contract, slot_of(&paths[0])), full)["value"], base64(&word(1)));
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_destroyed_contract_leaves_no_slot_behind() {
    let (chain, rpc) = with(bsn(KeyType::Ed25519));
    // Without input it destroys itself, else it stores the first word at slot 5.
    let runtime = hex!("36600657" "33ff" "5b600035600555" "00");
    let key = &chain.config().account_keys()[0];
    chain.submit(&signed(key, legacy(0, TxKind::Create, init_code(&runtime)))).expect("taken");
    let contract = key.address().create(0);
    chain.seal_block(NOW).expect("sealed");
    chain.submit(&signed(key, legacy(1, TxKind::Call(contract), word(9).to_vec().into()))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
    let slot = store_key(contract, word(5).into());
    assert_eq!(query(&rpc, &slot, 2)["value"], base64(&word(9)));
    let before = query(&rpc, &slot, 1)["proofOps"].clone();
    chain.submit(&signed(key, legacy(2, TxKind::Call(contract), Bytes::new()))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
    let gone = query(&rpc, &slot, 3);
    assert_eq!(gone["value"], Value::Null);
    assert_eq!(gone["proofOps"]["ops"][0], before["ops"][0], "the store is as it was before the contract");
    assert_eq!(query(&rpc, &slot, 2)["value"], base64(&word(9)), "history stays");
}

#[test]
fn answers_have_the_form_of_cometbft() {
    let (chain, rpc) = with(bsn(KeyType::Sm2));
    for _ in 0..5 {
        chain.seal_block(NOW).expect("sealed");
    }
    let commit = ask(&rpc, "commit", json!({"height": "3"}));
    let (header, votes) = (&commit["signed_header"]["header"], &commit["signed_header"]["commit"]);
    assert_eq!(header["version"], json!({"block": "11", "app": "1"}));
    assert_eq!((&header["chain_id"], &header["height"]), (&json!("bsn-dev-1"), &json!("3")));
    assert_eq!(header["time"], "2023-11-14T22:13:20.000000002Z");
    assert_eq!(header["last_block_id"]["parts"]["total"], 1);
    for field in [
        "last_commit_hash",
        "data_hash",
        "validators_hash",
        "next_validators_hash",
        "consensus_hash",
        "app_hash",
        "last_results_hash",
        "evidence_hash",
    ] {
        let text = header[field].as_str().expect("a text");
        assert!(
            text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
            "{field}"
        );
    }
    assert_eq!(header["proposer_address"].as_str().expect("a text").len(), 40);
    assert_eq!((&votes["height"], &votes["round"]), (&json!("3"), &json!(0)));
    let hash = votes["block_id"]["hash"].as_str().expect("a text");
    assert_eq!(hash, hex::encode_upper(chain.hash(3).expect("sealed")));
    let list = votes["signatures"].as_array().expect("a list");
    assert_eq!(list.len(), 4);
    assert!(list.iter().all(|vote| vote["block_id_flag"] == 2));
    let times: std::collections::BTreeSet<&str> =
        list.iter().map(|vote| vote["timestamp"].as_str().expect("a text")).collect();
    assert_eq!(times.len(), 4, "every vote has its own time");
    assert!(times.iter().all(|time| *time > header["time"].as_str().expect("a text")));
    assert_eq!(commit["canonical"], true);
    assert_eq!(ask(&rpc, "commit", json!({}))["canonical"], false, "the latest");
    assert_eq!(ask(&rpc, "header", json!({"height": "3"}))["header"], *header);
    let first = ask(&rpc, "header", json!(["1"]))["header"].clone();
    assert_eq!(first["last_block_id"], json!({"hash": "", "parts": {"total": 0, "hash": ""}}));

    let block = ask(&rpc, "block", json!({"height": 4}));
    assert_eq!(block["block"]["last_commit"], *votes);
    assert_eq!(block["block"]["data"], json!({"txs": []}));
    assert_eq!(block["block"]["evidence"], json!({"evidence": []}));
    let next = ask(&rpc, "commit", json!({"height": "4"}));
    assert_eq!(block["block_id"], next["signed_header"]["commit"]["block_id"]);
    assert_eq!(next["signed_header"]["header"]["last_block_id"], votes["block_id"]);

    // What upstream's clients read.
    serde_json::from_value::<tendermint::Block>(block["block"].clone()).expect("a block");
    serde_json::from_value::<tendermint::block::signed_header::SignedHeader>(commit["signed_header"].clone())
        .expect("a signed header");

    let validators = ask(&rpc, "validators", json!({"height": "3"}));
    assert_eq!(
        (&validators["count"], &validators["total"], &validators["block_height"]),
        (&json!("4"), &json!("4"), &json!("3"))
    );
    assert_eq!(validators["validators"][0]["pub_key"]["type"], "tendermint/PubKeySm2");
    assert_eq!(validators["validators"][0]["voting_power"], "10");
    assert_eq!(ask(&rpc, "validators", json!({}))["block_height"], "6", "the set to come is known");

    let status = ask(&rpc, "status", json!({}));
    assert_eq!(status["node_info"]["network"], "bsn-dev-1");
    assert_eq!(status["sync_info"]["latest_block_height"], "5");
    assert_eq!(status["sync_info"]["earliest_block_height"], "1");
    assert_eq!(status["sync_info"]["latest_block_hash"], hex::encode_upper(chain.hash(5).expect("sealed")));
    assert_eq!(status["sync_info"]["catching_up"], false);
    serde_json::from_value::<tendermint::node::Info>(status["node_info"].clone()).expect("a node");
    assert_eq!(ask(&rpc, "health", json!({})), json!({}));
    assert_eq!(ask(&rpc, "abci_info", json!({}))["response"]["last_block_height"], "5");

    for (method, params, text) in [
        ("commit", json!({"height": "6"}), "height 6 must be less than or equal to the current blockchain height 5"),
        ("header", json!({"height": "0"}), "height must be greater than 0, but got 0"),
        ("block", json!({"height": "-1"}), "height must be greater than 0, but got -1"),
        (
            "validators",
            json!({"height": "7"}),
            "height 7 must be less than or equal to the current blockchain height 6",
        ),
        ("validators", json!({"page": "2"}), "page should be within [1, 1] range, given 2"),
        ("validators", json!({"page": "0"}), "page should be within [1, 1] range, given 0"),
        ("header", json!({"height": "x"}), "height: expected a number of 64 bits"),
        ("header", json!([1, 2]), "expected 1 parameters, found 2"),
        ("header", json!("1"), "expected an object or a list"),
        ("abci_query", json!({"data": "0x0"}), "data: expected hexadecimal digits"),
        ("abci_query", json!({"data": "00".repeat(2_000)}), "data: expected at most 1024 bytes"),
        ("abci_query", json!({"height": "-2"}), "cannot query with height < 0; please provide a valid height"),
        ("genesis", json!({}), "the method genesis does not exist/is not available"),
    ] {
        assert_eq!(refusal(&rpc, method, params.clone()), text, "{method} {params}");
    }
    for (path, code) in [("/store/bank/key", 6), ("/store/evm/subspace", 6), ("evm", 6)] {
        assert_eq!(ask(&rpc, "abci_query", json!({"path": path, "data": "02"}))["response"]["code"], code, "{path}");
    }
    assert_eq!(query(&rpc, b"x", 6)["code"], 18, "a height to come");
    assert_eq!(query(&rpc, b"x", 5)["code"], 0);
    let (qbft, rpc) = with(config());
    qbft.seal_block(NOW).expect("sealed");
    assert_eq!(refusal(&rpc, "status", json!({})), "the method status does not exist/is not available");
}

#[test]
fn blocks_are_found_by_their_heights() {
    let (chain, rpc) = with(bsn(KeyType::Ed25519));
    for _ in 0..12 {
        chain.seal_block(NOW).expect("sealed");
    }
    let search = |params: Value| {
        let found = ask(&rpc, "block_search", params);
        let height = |block: &Value| block["block"]["header"]["height"].as_str().expect("a height").to_owned();
        let heights: Vec<String> = found["blocks"].as_array().expect("a list").iter().map(height).collect();
        (heights.join(" "), found["total_count"].as_str().expect("a number").to_owned())
    };
    let expect = |heights: &str, total: &str| (heights.to_owned(), total.to_owned());
    let query = "block.height >= 3 AND block.height <= 7";
    assert_eq!(search(json!({"query": query, "order_by": "asc"})), expect("3 4 5 6 7", "5"));
    assert_eq!(search(json!({"query": query})), expect("7 6 5 4 3", "5"));
    let second = json!({"query": query, "page": "2", "per_page": "2", "order_by": "asc"});
    assert_eq!(search(second), expect("5 6", "5"));
    assert_eq!(search(json!({"query": "send_packet.packet_sequence='1'"})), expect("", "0"));
    let found = ask(&rpc, "block_search", json!(["block.height = 4", "1", "1", "asc"]));
    assert_eq!(found["blocks"][0], ask(&rpc, "block", json!({"height": "4"})));
    for (params, text) in [
        (json!({"query": query, "page": "2"}), "page should be within [1, 1] range, given 2"),
        (json!({"query": query, "order_by": "up"}), "expected order_by to be either `asc` or `desc` or empty"),
        (json!({"query": "block.height"}), "got invalid query: \"block.height\" is no condition"),
    ] {
        assert_eq!(refusal(&rpc, "block_search", params.clone()), text, "{params}");
    }
}

#[test]
fn large_sets_come_in_pages() {
    let settings = TendermintConfig::new("bsn-dev-1", KeyType::Ed25519);
    let (chain, rpc) = with(ChainConfig { validators: 130, candidates: 0, ..bsn_with(settings) });
    chain.seal_block(NOW).expect("sealed");
    let page = |params: Value| ask(&rpc, "validators", params);
    let first = page(json!({"height": "1", "per_page": "100"}));
    let second = page(json!({"height": "1", "page": "2", "per_page": "1000"}));
    assert_eq!((&first["count"], &second["count"], &second["total"]), (&json!("100"), &json!("30"), &json!("130")));
    assert_eq!(page(json!({"height": "1"}))["count"], "30", "unless asked for more");
    let all: Vec<Value> =
        [&first, &second].iter().flat_map(|page| page["validators"].as_array().expect("a list").clone()).collect();
    assert_eq!(json!(all), chain.light_block(1).expect("a block")["validators"]);
}

#[test]
fn the_evm_s_face_shows_the_blocks_of_tendermint() {
    let (chain, rpc) = with(bsn(KeyType::Secp256k1));
    let contract = deploy(&chain, 0, NOW);
    write(&chain, 0, contract, b"p", 7);
    chain.seal_block(NOW + 1).expect("sealed");
    let header = |height: u64| ask(&rpc, "header", json!({"height": height}))["header"].clone();
    for height in 1..=3 {
        let block = call(&rpc, "eth_getBlockByNumber", json!([format!("{height:#x}"), false]));
        let commit = ask(&rpc, "commit", json!({"height": height}))["signed_header"]["commit"].clone();
        let upper = |value: &Value| hex::encode_upper(hash(value));
        assert_eq!(upper(&block["hash"]), commit["block_id"]["hash"].as_str().expect("a text"));
        assert_eq!(upper(&block["stateRoot"]), header(height)["app_hash"].as_str().expect("a text"));
        let parent = header(height)["last_block_id"]["hash"].as_str().expect("a text").to_owned();
        assert_eq!(upper(&block["parentHash"]), if height == 1 { "0".repeat(64) } else { parent });
        assert_eq!(
            block["miner"].as_str().expect("a text")[2..].to_uppercase(),
            header(height)["proposer_address"].as_str().expect("a text")
        );
        assert_eq!((&block["difficulty"], &block["totalDifficulty"]), (&json!("0x0"), &json!("0x0")));
        let by_hash = call(&rpc, "eth_getBlockByHash", json!([block["hash"], false]));
        assert_eq!(by_hash, block);
    }
    assert_ne!(header(2)["app_hash"], header(1)["app_hash"], "the state before the block");
    // Accounts are committed to as well: a transfer of nothing still counts up a nonce.
    assert_ne!(header(3)["app_hash"], header(2)["app_hash"]);
    assert_eq!(number(&call(&rpc, "eth_getBlockByNumber", json!(["latest", false]))["timestamp"]), NOW + 1);
    let value = call(&rpc, "eth_getStorageAt", json!([contract, slot_of(b"p"), "latest"]));
    assert_eq!(hash(&value), B256::from(word(7)));
    assert_eq!(call(&rpc, "eth_chainId", json!([])), "0x539");
    let set = json!([validator(&chain, 0), true]);
    for (method, params) in [
        ("eth_getProof", json!([contract, [], "latest"])),
        ("debug_getRawHeader", json!(["0x1"])),
        ("debug_getRawReceipts", json!(["0x1"])),
        ("istanbul_getValidators", json!(["0x1"])),
        ("istanbul_propose", set.clone()),
        ("qbft_proposeValidatorVote", set),
    ] {
        let expected = format!("the method {method} does not exist/is not available");
        assert_eq!(error(&rpc, method, params), expected);
    }
    assert!(chain.raw_header(1).is_none());
    let status = call(&rpc, "lab_status", json!([]));
    let powers = status.as_array().expect("a list").iter().map(|one| one["power"].as_u64().expect("a number"));
    assert_eq!(powers.sum::<u64>(), 40);
    call(&rpc, "lab_setPower", json!([validator(&chain, 0), 12, null]));
    let voter = chain.validators().into_iter().find(|status| status.name == "validator-2").expect("known");
    assert_eq!(voter.ballots, BTreeMap::from([(validator(&chain, 0), 12)]));
    let forged = call(&rpc, "lab_forge", json!(["0x2", {"stateRoot": B256::repeat_byte(7)}]));
    assert_eq!(forged["signed_header"]["header"]["app_hash"], "07".repeat(32));
}

#[test]
fn lies_are_lies_to_the_light_client() {
    let (chain, rpc) = with(bsn(KeyType::Ed25519));
    let contract = deploy(&chain, 0, NOW);
    for nonce in 0..6 {
        write(&chain, nonce, contract, &[nonce as u8], nonce + 1);
    }
    let always = |fault| vec![FaultRule::always(fault)];
    let trusted = light_block(&rpc, 2);
    let now = light_client::Timestamp::from_unix_seconds(NOW + 5);
    let judge =
        |block: &LightBlock| Tendermint.verify_light_block(&parameters(contract), &trusted, block, now).map(|_| ());
    let honest = light_block(&rpc, 4);
    judge(&honest).expect("honest");

    rpc.set_faults(always(Fault::Equivocate));
    let other = light_block(&rpc, 4);
    judge(&other).expect("with real votes");
    assert_ne!(
        other.header.hash(&TreeHash::Sha256),
        honest.header.hash(&TreeHash::Sha256),
        "two certified at one height"
    );
    assert_eq!(light_block(&rpc, 4), other, "always the same");
    let block = call(&rpc, "eth_getBlockByNumber", json!(["0x4", false]));
    assert_eq!(hash(&block["hash"]).0, *other.header.hash(&TreeHash::Sha256).as_bytes(), "both faces tell one story");
    assert_eq!(
        ask(&rpc, "block", json!({"height": 4}))["block"]["header"]["app_hash"],
        json!(hex::encode_upper(hash(&block["stateRoot"])))
    );

    rpc.set_faults(always(Fault::AlteredCommit));
    for _ in 0..20 {
        let lie = light_block(&rpc, 4);
        assert_eq!(lie.header, honest.header);
        assert_ne!(lie.commit, honest.commit, "a bit of a signature");
        let bad = lie
            .commit
            .expect("votes")
            .votes
            .iter()
            .zip(&honest.commit.as_ref().expect("votes").votes)
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!(bad, 1);
    }

    rpc.set_faults(always(Fault::AlteredStateRoot));
    let commit = ask(&rpc, "commit", json!({"height": "4"}));
    let validators = ask(&rpc, "validators", json!({"height": "4"}));
    let value = json!({"signed_header": commit["signed_header"], "validators": validators["validators"]});
    let lie = answers::light_block(&value, TreeHash::Sha256, TreeHash::Sha256).expect_err("the hash no longer fits");
    assert!(matches!(lie, answers::JsonError::Contradiction { field: "commit, block_id, hash", .. }), "{lie}");

    rpc.set_faults(Vec::new());
    let key = store_key(contract, slot_of(&[1]));
    let truth = query(&rpc, &key, 5);
    let root = light_block(&rpc, 6).consensus_state().expect("a root").root;
    let holds = |answer: &Value| {
        let value: Vec<u8> = answer["value"]
            .as_str()
            .map(|text| {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
            })
            .expect("a value");
        let operations = answers::proof_operations(answer).expect("operations");
        let proof = NestedProof::from_messages(
            &Sha256,
            &ProofSpec::JMT,
            [&operations[0].data, &operations[1].data],
            b"evm",
            &key,
            Some(&value),
        );
        proof.is_ok_and(|proof| proof.verify(&Sha256, &ProofSpec::JMT, root, b"evm", &key, Some(&value)).is_ok())
    };
    assert!(holds(&truth));
    rpc.set_faults(always(Fault::AlteredProof));
    for _ in 0..80 {
        let lie = query(&rpc, &key, 5);
        assert_ne!(lie, truth);
        assert!(!holds(&lie), "{lie}");
    }

    rpc.set_faults(always(Fault::OldHead { blocks: 3 }));
    let seen = chain.latest() - 3;
    assert_eq!(ask(&rpc, "status", json!({}))["sync_info"]["latest_block_height"], seen.to_string());
    assert_eq!(ask(&rpc, "commit", json!({}))["signed_header"]["header"]["height"], seen.to_string());
    assert_eq!(query(&rpc, &key, seen + 1)["code"], 18);
    assert!(refusal(&rpc, "header", json!({"height": seen + 1})).contains("current blockchain height"));
    rpc.set_faults(always(Fault::NoAnswer));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "health"}).to_string();
    assert_eq!(rpc.handle_tendermint(body.as_bytes()), Reply::NoAnswer);
    assert_eq!(rpc.handle_tendermint_uri("health", &BTreeMap::new()), Reply::NoAnswer);
    rpc.set_faults(always(Fault::Reset));
    assert_eq!(rpc.handle_tendermint(body.as_bytes()), Reply::Reset);
}

#[test]
fn an_altered_seal_of_qbft_is_one_lie_among_true_seals() {
    let (chain, rpc) = with(config());
    chain.seal_block(NOW).expect("sealed");
    rpc.set_faults(vec![FaultRule::always(Fault::AlteredCommit)]);
    let truth = chain.header(1).expect("sealed");
    let seals = |extra: &[u8]| adapter_devchain::ExtraData::decode(extra).expect("QBFT").seals;
    for _ in 0..10 {
        let block = call(&rpc, "eth_getBlockByNumber", json!(["0x1", false]));
        assert_eq!(hash(&block["hash"]), chain.hash(1).expect("sealed"));
        let shown = seals(&bytes(&block["extraData"]));
        let different = shown.iter().zip(seals(&truth.extra_data)).filter(|(shown, real)| **shown != *real).count();
        assert_eq!(different, 1);
    }
}

#[test]
fn states_are_forgotten_after_the_history() {
    let (chain, rpc) = with(ChainConfig { state_history: Some(3), ..bsn(KeyType::Ed25519) });
    for _ in 0..10 {
        chain.seal_block(NOW).expect("sealed");
    }
    assert_eq!(query(&rpc, b"x", 7)["code"], 0);
    let gone = query(&rpc, b"x", 6);
    assert_eq!((&gone["code"], &gone["codespace"]), (&json!(18), &json!("sdk")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_serves_both_faces_over_http() {
    let node =
        Node::start(NodeConfig { chain: bsn(KeyType::Sm2), production: Production::ByHand, ..NodeConfig::default() });
    let node = node.await.expect("a node");
    node.step_block().expect("sealed");
    let (url, tendermint) = (node.url.clone(), node.tendermint_url.clone().expect("a second face"));
    assert_eq!(tendermint, format!("{url}/tendermint"));
    tokio::task::spawn_blocking(move || {
        assert_eq!(post(&url, "eth_blockNumber", json!([])).expect("an answer")["result"], "0x1");
        let get = |path: &str| {
            let (status, body) = get(&url, path).expect("an answer");
            assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
            serde_json::from_slice::<Value>(&body).expect("JSON")
        };
        let commit = get("/tendermint/commit?height=1");
        assert_eq!((&commit["id"], &commit["jsonrpc"]), (&json!(-1), &json!("2.0")));
        assert_eq!(commit["result"]["signed_header"]["header"]["height"], "1");
        assert_eq!(get("/tendermint/commit?height=%221%22"), commit);
        let query = "/tendermint/abci_query?path=%22/store/evm/key%22&data=0x03&prove=true";
        assert_eq!(get(query)["result"]["response"]["value"], base64(&word(CHAIN_ID)));
        assert_eq!(get("/tendermint/nothing")["error"]["code"], -32_601);
        let named = post_to(
            &url,
            "/tendermint",
            &json!({"jsonrpc": "2.0", "id": "a", "method": "validators", "params": {"height": "1"}}),
        );
        assert_eq!((&named["id"], &named["result"]["total"]), (&json!("a"), &json!("4")));
        let batch = post_to(
            &url,
            "/tendermint/",
            &json!([
                {"jsonrpc": "2.0", "id": 1, "method": "health", "params": {}},
                {"jsonrpc": "2.0", "id": 2, "method": "commit", "params": {"height": "9"}},
            ]),
        );
        assert_eq!(batch[0]["result"], json!({}));
        assert_eq!(batch[1]["error"]["code"], -32_603);
        assert_eq!(batch[1]["error"]["data"], "height 9 must be less than or equal to the current blockchain height 1");
    })
    .await
    .expect("the test's thread");
    node.stop().await;
    let qbft = Node::start(NodeConfig { chain: config(), ..NodeConfig::default() }).await.expect("a node");
    assert_eq!(qbft.tendermint_url, None);
    let url = qbft.url.clone();
    let status = tokio::task::spawn_blocking(move || get(&url, "/tendermint/status").expect("an answer").0);
    assert_eq!(status.await.expect("the test's thread"), 404);
    qbft.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_period_zero_a_changed_state_gets_its_header_at_once() {
    let node = Node::start(NodeConfig { chain: bsn(KeyType::Ed25519), ..NodeConfig::default() }).await.expect("a node");
    let chain = node.chain().clone();
    tokio::task::spawn_blocking(move || {
        let key = &chain.config().account_keys()[0];
        let mut fastest = Duration::MAX;
        for nonce in 0..4 {
            let raw = signed(key, legacy(nonce, TxKind::Call(Address::ZERO), Bytes::new()));
            let (hash, sent) = (chain.submit(&raw).expect("taken"), Instant::now());
            let height = || chain.receipt(&hash).map(|(height, _)| height);
            eventually("the header after the block", || height().is_some_and(|height| chain.latest() > height));
            fastest = fastest.min(sent.elapsed());
            assert!(!chain.has_unproven_state());
        }
        assert!(fastest < Duration::from_millis(900), "it did not wait for the idle block: {fastest:?}");
        let (latest, idle) = (chain.latest(), Instant::now());
        std::thread::sleep(Duration::from_millis(300));
        let made = chain.latest() - latest;
        assert!(made <= idle.elapsed().as_secs() + 1, "an empty block calls for no other: {made}");
    })
    .await
    .expect("the test's thread");
    node.stop().await;
}

#[test]
fn what_is_no_call_is_answered_and_never_a_panic() {
    let (chain, rpc) = with(bsn(KeyType::Ed25519));
    let answer = |body: &[u8]| match rpc.handle_tendermint(body) {
        Reply::Answer { body, .. } => serde_json::from_slice::<Value>(&body).expect("JSON"),
        other => panic!("{other:?}"),
    };
    let status = json!({"jsonrpc": "2.0", "id": 1, "method": "status"}).to_string();
    assert_eq!(answer(status.as_bytes())["result"]["sync_info"]["latest_block_height"], "0", "before the first block");
    let commit = json!({"jsonrpc": "2.0", "id": 1, "method": "commit"}).to_string();
    assert_eq!(answer(commit.as_bytes())["error"]["data"], "no block yet");
    chain.seal_block(NOW).expect("sealed");
    assert_eq!(answer(b"{")["error"]["code"], -32_700);
    assert_eq!(answer(b"[]")["error"]["message"], "empty batch");
    let bad =
        [json!(null), json!(true), json!({}), json!([]), json!("x"), json!(-1), json!(1.5), json!(u64::MAX), json!("")];
    for method in ["status", "commit", "header", "block", "validators", "abci_query", "health", "abci_info"] {
        for value in &bad {
            let named = json!({"height": value, "page": value, "per_page": value, "path": value, "data": value, "prove": value});
            let list = json!([value, value, value]);
            for params in [value.clone(), named, list] {
                let _ = rpc.call_tendermint(method, params);
            }
        }
    }
    let huge = json!({"page": i64::MAX.to_string(), "per_page": i64::MAX.to_string()});
    assert_eq!(refusal(&rpc, "validators", huge), format!("page should be within [1, 1] range, given {}", i64::MAX));
    assert_eq!(ask(&rpc, "validators", json!({"per_page": "-5"}))["count"], "4", "as if it were left out");
}
