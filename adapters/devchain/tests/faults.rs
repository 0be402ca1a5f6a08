//! Lies: what a caller is told, and that one seed tells the same lies.

mod support;

use std::sync::Arc;

use adapter_devchain::{Chain, ExtraData, Fault, FaultRule, Reply, Rpc, block_hash};
use alloy_consensus::Header;
use alloy_primitives::{B256, TxKind, keccak256};
use alloy_rlp::Decodable as _;
use alloy_trie::Nibbles;
use alloy_trie::proof::verify_proof;
use serde_json::{Value, json};
use support::*;

fn chain_with(faults: Vec<FaultRule>) -> (Arc<Chain>, Rpc, alloy_primitives::Address) {
    let chain = Arc::new(Chain::in_memory(config()).expect("a chain"));
    let contract = deploy(&chain, 0, NOW);
    let key = &chain.config().account_keys()[1];
    for slot in 0..4 {
        chain.submit(&signed(key, legacy(slot, TxKind::Call(contract), store(slot, 7)))).expect("taken");
        chain.seal_block(NOW).expect("sealed");
    }
    (chain.clone(), Rpc::new(chain, true, faults), contract)
}

fn always(fault: Fault) -> Vec<FaultRule> {
    vec![FaultRule::always(fault)]
}

#[test]
fn an_equivocating_node_shows_one_conflicting_header_with_real_seals_to_some() {
    let (chain, rpc, _) = chain_with(vec![FaultRule { per_mille: 500, ..FaultRule::always(Fault::Equivocate) }]);
    let mut shown: Vec<B256> = Vec::new();
    for _ in 0..40 {
        let raw = bytes(&call(&rpc, "debug_getRawHeader", json!(["0x3"])));
        let header = Header::decode(&mut raw.as_ref()).expect("a header");
        let extra = ExtraData::decode(&header.extra_data).expect("QBFT");
        assert_eq!(extra.seals.len(), 3);
        shown.push(block_hash(&header, &extra));
    }
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), 2, "the real one and always the same other");
    assert!(shown.contains(&chain.hash(3).expect("sealed")));
    // The block's JSON fits its hash, so only the seals' owners are to blame.
    rpc.set_faults(always(Fault::Equivocate));
    let block = call(&rpc, "eth_getBlockByNumber", json!(["0x3", false]));
    assert!(shown.contains(&hash(&block["hash"])) && hash(&block["hash"]) != chain.hash(3).expect("sealed"));
    assert_eq!(call(&rpc, "eth_getBlockByNumber", json!(["0x0", false]))["hash"], json!(chain.genesis_hash()));
}

#[test]
fn the_other_block_of_an_equivocating_node_has_a_state() {
    let (chain, rpc, contract) = chain_with(always(Fault::Equivocate));
    let honest = Rpc::new(chain.clone(), false, Vec::new());
    let params = json!([contract, ["0x1"], "0x3"]);
    let (other, truth) = (call(&rpc, "eth_getProof", params.clone()), call(&honest, "eth_getProof", params));
    let root = hash(&call(&rpc, "eth_getBlockByNumber", json!(["0x3", false]))["stateRoot"]);
    assert_ne!(root, chain.header(3).expect("sealed").state_root);
    let nodes: Vec<_> = other["accountProof"].as_array().expect("a list").iter().map(bytes).collect();
    let leaf = alloy_rlp::encode(alloy_trie::TrieAccount {
        nonce: number(&truth["nonce"]),
        balance: serde_json::from_value(truth["balance"].clone()).expect("a number"),
        storage_root: hash(&truth["storageHash"]),
        code_hash: hash(&truth["codeHash"]),
    });
    // The contract is the same under both blocks; each has a proof of its own.
    verify_proof(root, Nibbles::unpack(keccak256(contract)), Some(leaf), &nodes).expect("proven under the other root");
    assert_ne!(other["accountProof"], truth["accountProof"]);
    assert_eq!(other["storageProof"], truth["storageProof"]);
}

#[test]
fn an_altered_state_root_no_longer_fits_the_hash() {
    let (chain, rpc, _) = chain_with(always(Fault::AlteredStateRoot));
    let block = call(&rpc, "eth_getBlockByNumber", json!(["0x3", false]));
    assert_eq!(hash(&block["hash"]), chain.hash(3).expect("sealed"));
    assert_ne!(hash(&block["stateRoot"]), chain.header(3).expect("sealed").state_root);
    let raw = bytes(&call(&rpc, "debug_getRawHeader", json!(["0x3"])));
    assert_ne!(raw, chain.raw_header(3).expect("sealed"));
}

#[test]
fn an_altered_proof_never_verifies() {
    let (chain, rpc, contract) = chain_with(always(Fault::AlteredProof));
    let state_root = chain.header(chain.latest()).expect("sealed").state_root;
    let honest = Rpc::new(chain, false, Vec::new());
    let params = json!([contract, ["0x1", "0x2"], "latest"]);
    let truth = call(&honest, "eth_getProof", params.clone());
    let nodes = |value: &Value| value.as_array().expect("a list").iter().map(bytes).collect::<Vec<_>>();
    let (mut values, mut accounts) = (0, 0);
    for _ in 0..60 {
        let lie = call(&rpc, "eth_getProof", params.clone());
        assert_ne!(lie, truth);
        if lie["accountProof"] != truth["accountProof"] {
            accounts += 1;
            let account = alloy_trie::TrieAccount {
                nonce: number(&lie["nonce"]),
                balance: serde_json::from_value(lie["balance"].clone()).expect("a quantity"),
                storage_root: hash(&lie["storageHash"]),
                code_hash: hash(&lie["codeHash"]),
            };
            let expected = Some(alloy_rlp::encode(account));
            let key = Nibbles::unpack(keccak256(contract));
            verify_proof(state_root, key, expected, &nodes(&lie["accountProof"])).expect_err("a lie");
        } else {
            values += 1;
            let value = |answer: &Value, at: usize| answer["storageProof"][at]["value"].clone();
            assert!((0..2).any(|at| value(&lie, at) != value(&truth, at)));
        }
    }
    assert!(values > 5 && accounts > 5, "both kinds are told: {values} and {accounts}");
}

#[test]
fn events_are_hidden_and_heads_held_back() {
    let (chain, rpc, _) = chain_with(always(Fault::HiddenEvents));
    let query = json!([{"fromBlock": "0x0"}]);
    assert_eq!(call(&rpc, "eth_getLogs", query.clone()), json!([]));
    rpc.set_faults(Vec::new());
    assert_eq!(call(&rpc, "eth_getLogs", query.clone()).as_array().expect("a list").len(), 4);
    rpc.set_faults(always(Fault::OldHead { blocks: 2 }));
    assert_eq!(number(&call(&rpc, "eth_blockNumber", json!([]))), chain.latest() - 2);
    assert_eq!(call(&rpc, "eth_getBlockByNumber", json!([format!("{:#x}", chain.latest()), false])), Value::Null);
    assert_eq!(number(&call(&rpc, "eth_getBlockByNumber", json!(["latest", false]))["number"]), chain.latest() - 2);
    assert_eq!(call(&rpc, "eth_getLogs", query).as_array().expect("a list").len(), 2);
    let newest = chain.hash(chain.latest()).expect("sealed");
    let mined = |rpc: &Rpc| call(rpc, "eth_getBlockByHash", json!([newest, false]));
    assert_eq!(mined(&rpc), Value::Null);
    let honest = Rpc::new(chain.clone(), false, Vec::new());
    let transaction = mined(&honest)["transactions"][0].clone();
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt"] {
        assert_eq!(call(&rpc, method, json!([transaction])), Value::Null, "{method} would betray the newer block");
        assert!(call(&honest, method, json!([transaction])).is_object());
    }
    rpc.set_faults(always(Fault::OldHead { blocks: 1_000 }));
    assert_eq!(call(&rpc, "eth_blockNumber", json!([])), "0x0");
}

#[test]
fn one_seed_gives_the_same_bytes_for_the_same_requests() {
    let rule = |per_mille, fault| FaultRule { per_mille, ..FaultRule::always(fault) };
    let faults = || {
        vec![
            rule(200, Fault::Equivocate),
            rule(200, Fault::AlteredProof),
            rule(100, Fault::OldHead { blocks: 1 }),
            rule(100, Fault::NoAnswer),
            rule(100, Fault::Reset),
            rule(300, Fault::Delay { max_ms: 90 }),
        ]
    };
    let run = || {
        let (_, rpc, contract) = chain_with(faults());
        (0..120)
            .map(|id| {
                let (method, params) = match id % 3 {
                    0 => ("eth_getProof", json!([contract, ["0x1"], "latest"])),
                    1 => ("eth_getBlockByNumber", json!(["latest", true])),
                    _ => ("eth_blockNumber", json!([])),
                };
                rpc.handle(
                    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string().as_bytes(),
                )
            })
            .collect::<Vec<Reply>>()
    };
    let replies = run();
    assert_eq!(replies, run());
    assert!(replies.contains(&Reply::NoAnswer) && replies.contains(&Reply::Reset));
    assert!(replies.iter().any(|reply| matches!(reply, Reply::Answer { delay, .. } if !delay.is_zero())));
}

#[test]
fn levers_answer_as_the_independent_node_does() {
    let (chain, rpc, _) = chain_with(Vec::new());
    let set = chain.validators_at(0).expect("genesis");
    let raw = bytes(&call(
        &rpc,
        "lab_forge",
        json!(["0x2", {"stateRoot": B256::repeat_byte(0xaa), "round": "0x2", "signers": set}]),
    ));
    let header = Header::decode(&mut raw.as_ref()).expect("a header");
    let extra = ExtraData::decode(&header.extra_data).expect("QBFT");
    assert_eq!((header.state_root, extra.round, extra.seals.len()), (B256::repeat_byte(0xaa), 2, 4));
    assert!(error(&rpc, "lab_forge", json!(["0x2", {"stateroot": "0x"}])).contains("unknown field"));
    assert_eq!(error(&rpc, "lab_setOnline", json!([B256::ZERO, true])).split(':').next(), Some("invalid argument 0"));
    assert_eq!(error(&rpc, "lab_setOnline", json!([set[0]])), "missing value for required argument 1");
    let candidate = chain.config().validator_keys()[4].address();
    call(&rpc, "lab_propose", json!([candidate, true, [set[0]]]));
    let status = call(&rpc, "lab_status", json!([]));
    let ballots = |address| {
        status.as_array().expect("a list").iter().find(|key| key["address"] == json!(address)).expect("known")["ballots"].clone()
    };
    assert_eq!(ballots(set[0]), json!({candidate.to_string().to_lowercase(): true}));
    assert_eq!(ballots(set[1]), json!({}));
    call(&rpc, "lab_discard", json!([candidate]));
    assert!(chain.validators().iter().all(|validator| validator.ballots.is_empty()));
}
