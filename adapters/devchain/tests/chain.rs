//! Execution, fees, refusals, proofs and queries.

mod support;

use adapter_devchain::{Chain, ChainConfig, ChainError, Fork, GenesisAccount, Rpc, SubmitError};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{ReceiptEnvelope, TxEnvelope, TxReceipt as _};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256, hex, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::{Nibbles, TrieAccount};
use serde_json::{Value, json};
use std::sync::Arc;
use support::*;

fn chain() -> (Arc<Chain>, Rpc) {
    with(config())
}

fn with(config: ChainConfig) -> (Arc<Chain>, Rpc) {
    let chain = Arc::new(Chain::in_memory(config).expect("a chain"));
    (chain.clone(), Rpc::new(chain, false, Vec::new()))
}

#[test]
fn a_contract_is_deployed_called_and_read() {
    let (chain, rpc) = chain();
    let contract = deploy(&chain, 0, NOW);
    let key = &chain.config().account_keys()[1];
    let hash = chain.submit(&signed(key, legacy(0, TxKind::Call(contract), store(5, 77)))).expect("taken");
    assert_eq!(call(&rpc, "eth_getTransactionByHash", json!([hash]))["blockNumber"], Value::Null, "it still waits");
    assert_eq!(call(&rpc, "eth_getTransactionCount", json!([key.address(), "pending"])), "0x1");
    assert_eq!(call(&rpc, "eth_getTransactionCount", json!([key.address(), "latest"])), "0x0");
    let block = chain.seal_block(NOW + 1).expect("sealed");
    assert_eq!((block.number, block.transactions, block.round), (2, 1, 0));

    assert_eq!(bytes(&call(&rpc, "eth_getCode", json!([contract, "latest"]))), Bytes::from(store_runtime()));
    assert_eq!(bytes(&call(&rpc, "eth_getStorageAt", json!([contract, "0x5", "latest"]))), Bytes::from(word(77)));
    assert_eq!(bytes(&call(&rpc, "eth_getStorageAt", json!([contract, "0x5", "0x1"]))), Bytes::from(word(0)), "before");
    let read = json!({"to": contract, "data": Bytes::from(word(5))});
    assert_eq!(bytes(&call(&rpc, "eth_call", json!([read, "latest"]))), Bytes::from(word(77)));
    let receipt = call(&rpc, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(
        (&receipt["status"], &receipt["blockNumber"], &receipt["type"]),
        (&json!("0x1"), &json!("0x2"), &json!("0x0"))
    );
    assert_eq!(hash_of(&chain, 2), support::hash(&receipt["blockHash"]));

    let logs =
        call(&rpc, "eth_getLogs", json!([{"fromBlock": "0x0", "address": contract, "topics": [B256::from(word(5))]}]));
    assert_eq!(logs, receipt["logs"]);
    assert_eq!(bytes(&logs[0]["data"]), Bytes::from(word(77)));
    let none = call(&rpc, "eth_getLogs", json!([{"fromBlock": "0x0", "topics": [null, B256::from(word(5))]}]));
    assert_eq!(none, json!([]), "the log has one topic");
    let other = call(&rpc, "eth_getLogs", json!([{"fromBlock": "0x0", "address": [key.address()]}]));
    assert_eq!(other, json!([]));
}

fn hash_of(chain: &Chain, number: u64) -> B256 {
    chain.hash(number).expect("there is such a block")
}

#[test]
fn every_kind_of_fee_is_taken_and_the_roots_follow_from_the_transactions() {
    let (chain, rpc) = chain();
    let keys = chain.config().account_keys();
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    let mut value = legacy(0, to, Bytes::new());
    value.value = U256::from(5);
    let raw = [
        signed(&keys[0], value),
        signed(&keys[1], eip1559(0, to, 0, 0)),
        signed(&keys[2], eip1559(0, to, 10, 3)),
        signed(&keys[3], eip2930(0, to)),
        signed(&keys[4], legacy(0, TxKind::Create, init_code(&store_runtime()))),
        signed(&keys[0], legacy(1, TxKind::Call(keys[4].address().create(0)), store(1, 2))),
    ];
    let hashes: Vec<B256> = raw.iter().map(|raw| chain.submit(raw).expect("taken")).collect();
    assert_eq!(hashes[0], keccak256(&raw[0]));
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, raw.len());

    let block = call(&rpc, "eth_getBlockByNumber", json!(["0x1", false]));
    assert_eq!(block["transactions"], json!(hashes), "in order of arrival");
    let envelopes: Vec<TxEnvelope> =
        raw.iter().map(|raw| TxEnvelope::decode_2718_exact(raw).expect("decodes")).collect();
    assert_eq!(support::hash(&block["transactionsRoot"]), calculate_transaction_root(&envelopes));
    let receipts: Vec<ReceiptEnvelope> = call(&rpc, "debug_getRawReceipts", json!(["0x1"]))
        .as_array()
        .expect("a list")
        .iter()
        .map(|raw| ReceiptEnvelope::decode_2718_exact(&bytes(raw)).expect("decodes"))
        .collect();
    assert!(receipts.iter().all(|receipt| receipt.status()));
    assert_eq!(support::hash(&block["receiptsRoot"]), calculate_receipt_root(&receipts));
    let bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
    assert_eq!(bytes(&block["logsBloom"]), Bytes::copy_from_slice(bloom.as_slice()));
    assert_ne!(bloom, Bloom::ZERO);
    assert_eq!(number(&block["gasUsed"]), receipts.last().expect("six").cumulative_gas_used());
    let shown = call(&rpc, "eth_getBlockReceipts", json!(["0x1"]));
    assert_eq!(shown[5]["logs"][0]["logIndex"], "0x0");
    assert_eq!(shown[2]["effectiveGasPrice"], "0x3", "base fee 0 and the tip");
    // The tip went to the proposer.
    let tip = 3 * number(&shown[2]["gasUsed"]);
    assert_eq!(number(&call(&rpc, "eth_getBalance", json!([block["miner"], "latest"]))), tip);
}

#[test]
fn a_base_fee_is_demanded_burned_and_shown() {
    let (chain, rpc) = with(ChainConfig { base_fee: 7, ..config() });
    let keys = chain.config().account_keys();
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    let refused = chain.submit(&signed(&keys[0], legacy(0, to, Bytes::new()))).expect_err("price 0");
    assert_eq!(refused, SubmitError::BelowBaseFee { max: 0, base: 7 });
    let hash = chain.submit(&signed(&keys[0], eip1559(0, to, 9, 1))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
    let receipt = call(&rpc, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["effectiveGasPrice"], "0x8");
    let block = call(&rpc, "eth_getBlockByNumber", json!(["latest", true]));
    assert_eq!(block["baseFeePerGas"], "0x7");
    assert_eq!(block["transactions"][0]["gasPrice"], "0x8");
    assert_eq!(number(&call(&rpc, "eth_getBalance", json!([block["miner"], "latest"]))), 21_000);
    let spent = chain.config().account_balance - U256::from(8 * 21_000);
    let balance = call(&rpc, "eth_getBalance", json!([keys[0].address(), "latest"]));
    assert_eq!(balance, json!(format!("{spent:#x}")));
    let history = call(&rpc, "eth_feeHistory", json!(["0x5", "latest", [0, 50, 100]]));
    assert_eq!(history["baseFeePerGas"], json!(["0x7", "0x7", "0x7"]));
    assert_eq!(history["reward"], json!([["0x0", "0x0", "0x0"], ["0x1", "0x1", "0x1"]]));
    // A call that names no price runs all the same.
    call(&rpc, "eth_call", json!([{"to": Address::ZERO}, "latest"]));
}

#[test]
fn refusals_have_the_words_of_geth_and_change_nothing() {
    let (chain, rpc) = chain();
    let keys = chain.config().account_keys();
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    let send = |raw: &Bytes| error(&rpc, "eth_sendRawTransaction", json!([raw]));
    let good = signed(&keys[0], legacy(0, to, Bytes::new()));
    call(&rpc, "eth_sendRawTransaction", json!([good]));
    assert_eq!(send(&good), "already known");
    let mut same_nonce = eip1559(0, to, 0, 0);
    assert_eq!(
        send(&signed(&keys[0], same_nonce.clone())),
        "replacement transaction underpriced: new tx gas fee cap 0 < 1 needed"
    );
    (same_nonce.max_fee_per_gas, same_nonce.max_priority_fee_per_gas) = (100, 100);
    let replacement = call(&rpc, "eth_sendRawTransaction", json!([signed(&keys[0], same_nonce.clone())]));
    (same_nonce.max_fee_per_gas, same_nonce.max_priority_fee_per_gas) = (109, 109);
    let text = "replacement transaction underpriced: new tx gas fee cap 109 < 110 needed";
    assert_eq!(send(&signed(&keys[0], same_nonce)), text);
    chain.seal_block(NOW).expect("sealed");
    let mined = call(&rpc, "eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(mined["transactions"], json!([replacement]), "only the replacement");
    assert_eq!(call(&rpc, "eth_getTransactionByHash", json!([keccak256(&good)])), Value::Null);
    assert_eq!(send(&good), "nonce too low: next nonce 1, tx nonce 0");

    let far = signed(&keys[0], legacy(1 + 4_097, to, Bytes::new()));
    assert_eq!(send(&far), "nonce too high: next nonce 1, tx nonce 4098");
    let poor = adapter_devchain::DevKey::derive("poor", adapter_devchain::KeyRole::Account, 0);
    let mut costly = legacy(0, to, Bytes::new());
    costly.value = U256::from(9);
    let text = "insufficient funds for gas * price + value: balance 0, tx cost 9, overshot 9";
    assert_eq!(send(&signed(&poor, costly)), text);
    let mut tight = legacy(1, to, vec![1; 10].into());
    tight.gas_limit = 21_159;
    assert_eq!(send(&signed(&keys[0], tight.clone())), "intrinsic gas too low: gas 21159, minimum needed 21160");
    tight.gas_limit = 100_000_001;
    assert_eq!(
        send(&signed(&keys[0], tight.clone())),
        "exceeds block gas limit: tx gas 100000001, block gas limit 100000000"
    );
    tight.chain_id = Some(1);
    assert_eq!(send(&signed(&keys[0], tight.clone())), "invalid sender: invalid chain id for signer: have 1 want 1337");
    tight.chain_id = None;
    assert_eq!(send(&signed(&keys[0], tight)), "only replay-protected (EIP-155) transactions allowed over RPC");
    let text = "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas 2, maxFeePerGas 1";
    assert_eq!(send(&signed(&keys[0], eip1559(1, to, 1, 2))), text);
    assert_eq!(send(&Bytes::from_static(b"\x07")), "transaction type not supported: found 7");
    assert_eq!(send(&Bytes::from_static(b"\x02\xc0")), "rlp: input too short");
    assert_eq!(send(&Bytes::from(good[..good.len() - 1].to_vec())), "rlp: malformed legacy transaction");
    assert!(send(&vec![0; 300_000].into()).starts_with("oversized data: "));
    assert_eq!(chain.waiting(), 0);
}

#[test]
fn berlin_has_no_dynamic_fees_and_fifteen_fields() {
    let (chain, rpc) = with(ChainConfig { fork: Fork::Berlin, ..config() });
    let keys = chain.config().account_keys();
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    let refused = chain.submit(&signed(&keys[0], eip1559(0, to, 0, 0))).expect_err("type 2");
    assert_eq!(refused, SubmitError::TypeNotSupported { found: 2 });
    assert_eq!(
        error(&rpc, "eth_feeHistory", json!(["0x1", "latest", []])),
        "the method eth_feeHistory does not exist/is not available"
    );
    chain.submit(&signed(&keys[0], legacy(0, to, Bytes::new()))).expect("price 0");
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, 1);
    assert_eq!(call(&rpc, "eth_getBlockByNumber", json!(["latest", false])).get("baseFeePerGas"), None);
    for (fork, fields) in [
        (Fork::Berlin, 15),
        (Fork::London, 16),
        (Fork::Shanghai, 17),
        (Fork::Cancun, 20),
        (Fork::Prague, 21),
        (Fork::Osaka, 21),
    ] {
        let (chain, _) = with(ChainConfig { fork, ..config() });
        deploy(&chain, 0, NOW);
        let raw = chain.raw_header(1).expect("sealed");
        let mut list = alloy_rlp::Header::decode_bytes(&mut raw.as_ref(), true).expect("a list");
        let mut found = 0;
        while !list.is_empty() {
            let item = alloy_rlp::Header::decode(&mut list).expect("an item");
            list = &list[item.payload_length..];
            found += 1;
        }
        assert_eq!(found, fields, "{fork:?}");
    }
}

#[test]
fn slots_are_proven_present_absent_and_cleared_at_every_height() {
    let (chain, rpc) = chain();
    let contract = deploy(&chain, 0, NOW);
    let key = &chain.config().account_keys()[1];
    let mut nonce = 0;
    let mut set = |slot, value| {
        chain.submit(&signed(key, legacy(nonce, TxKind::Call(contract), store(slot, value)))).expect("taken");
        nonce += 1;
    };
    for slot in 0..40 {
        set(slot, slot + 1);
    }
    chain.seal_block(NOW).expect("sealed");
    set(7, 0);
    set(8, 0x1234);
    chain.seal_block(NOW).expect("sealed");
    let absent = 1_000_000;
    let cases = [(1, 7, 0), (2, 7, 8), (3, 7, 0), (2, 8, 9), (3, 8, 0x1234), (3, 0, 1), (2, absent, 0), (3, absent, 0)];
    for (height, slot, expected) in cases {
        let keys = [B256::from(word(slot))];
        let answer = call(&rpc, "eth_getProof", json!([contract, keys, format!("{height:#x}")]));
        check_proof(&chain, height, contract, &answer);
        assert_eq!(number(&answer["storageProof"][0]["value"]), expected, "slot {slot} at {height}");
    }
    // Many slots at once, and an account that is not there.
    let many: Vec<B256> = (0..100).map(|slot| B256::from(word(slot))).collect();
    check_proof(&chain, 3, contract, &call(&rpc, "eth_getProof", json!([contract, many, "latest"])));
    let nobody = Address::repeat_byte(0xdd);
    check_proof(&chain, 3, nobody, &call(&rpc, "eth_getProof", json!([nobody, ["0x0"], "latest"])));
    let too_many = vec!["0x1"; 1_025];
    assert_eq!(error(&rpc, "eth_getProof", json!([contract, too_many, "latest"])), "too many keys: 1025 (max: 1024)");
}

/// Verifies every node of an `eth_getProof` answer against the header's state root with alloy's verifier.
fn check_proof(chain: &Chain, height: u64, address: Address, answer: &Value) {
    let nodes = |value: &Value| value.as_array().expect("a list").iter().map(bytes).collect::<Vec<_>>();
    let account = TrieAccount {
        nonce: number(&answer["nonce"]),
        balance: serde_json::from_value(answer["balance"].clone()).expect("a quantity"),
        storage_root: support::hash(&answer["storageHash"]),
        code_hash: support::hash(&answer["codeHash"]),
    };
    let state_root = chain.header(height).expect("there is such a block").state_root;
    let expected = (account != TrieAccount::default()).then(|| alloy_rlp::encode(account));
    let key = Nibbles::unpack(keccak256(address));
    verify_proof(state_root, key, expected, &nodes(&answer["accountProof"])).expect("account proof");
    for proof in answer["storageProof"].as_array().expect("a list") {
        let value: U256 = serde_json::from_value(proof["value"].clone()).expect("a quantity");
        let slot: U256 = serde_json::from_value(proof["key"].clone()).expect("a slot");
        let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
        let expected = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        verify_proof(account.storage_root, key, expected, &nodes(&proof["proof"])).expect("storage proof");
    }
}

#[test]
fn calls_and_estimates_tell_why_they_fail() {
    let (chain, rpc) = chain();
    let contract = deploy(&chain, 0, NOW);
    let from = chain.config().account_keys()[1].address();
    let bad = json!({"from": from, "to": contract, "data": "0x01"});
    assert_eq!(error(&rpc, "eth_call", json!([bad, "latest"])), "execution reverted");
    let failure = rpc.call("eth_estimateGas", json!([bad])).expect_err("reverts");
    assert_eq!((failure.code, failure.data), (3, Some(json!("0x"))));
    assert_eq!(
        error(&rpc, "eth_call", json!([{"to": contract, "gas": "0x7530", "data": store(1, 1)}, "latest"])),
        "out of gas"
    );
    let poor = json!({"from": contract, "to": from, "value": "0x1"});
    assert!(
        error(&rpc, "eth_call", json!([poor, "latest"]))
            .starts_with("err: insufficient funds for gas * price + value: address")
    );

    // The estimate suffices, and little less does not.
    let good = json!({"from": from, "to": contract, "input": store(1, 1)});
    let gas = number(&call(&rpc, "eth_estimateGas", json!([good])));
    let status = |gas: u64| {
        let (chain, _) = self::chain();
        assert_eq!(deploy(&chain, 0, NOW), contract);
        let mut transaction = legacy(0, TxKind::Call(contract), store(1, 1));
        transaction.gas_limit = gas;
        let hash = chain.submit(&signed(&chain.config().account_keys()[1], transaction)).expect("taken");
        chain.seal_block(NOW).expect("sealed");
        chain.receipt(&hash).expect("mined").1.status()
    };
    assert!(status(gas));
    assert!(!status(gas * 98 / 100));
    assert_eq!(call(&rpc, "eth_estimateGas", json!([{"from": from, "to": from, "value": "0x1"}])), "0x5208");
    let broke = json!({"from": contract, "to": from, "gasPrice": "0x1"});
    assert_eq!(error(&rpc, "eth_estimateGas", json!([broke])), "gas required exceeds allowance (0)");
    assert_eq!(error(&rpc, "eth_call", json!([good, "0x9"])), "header not found");
    assert_eq!(error(&rpc, "eth_call", json!([good, "finalized"])), "invalid argument 1: finalized block not found");
    let overrides = json!([good, "latest", {"0x0000000000000000000000000000000000000001": {"balance": "0x1"}}]);
    assert_eq!(error(&rpc, "eth_call", overrides), "state overrides are not supported");
}

#[test]
fn one_sender_is_served_in_nonce_order_and_a_full_block_leaves_the_rest() {
    let (chain, _) = with(ChainConfig { gas_limit: 2_500_000, ..config() });
    let key = &chain.config().account_keys()[0];
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    for nonce in [3, 1, 2] {
        chain.submit(&signed(key, legacy(nonce, to, Bytes::new()))).expect("taken");
    }
    assert!(!chain.has_ready());
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, 0, "nonce 0 is missing");
    chain.submit(&signed(key, legacy(0, to, Bytes::new()))).expect("taken");
    assert_eq!(chain.next_nonce(key.address()), 4);
    // Each names a million gas and uses 21,000; only what is still to run counts with its limit.
    let first = chain.seal_block(NOW).expect("sealed").transactions;
    assert_eq!(first, 4, "what ran gave its unused gas back");
    assert_eq!(chain.waiting(), 0);
    let mut big = legacy(4, to, Bytes::new());
    big.gas_limit = 2_500_000;
    chain.submit(&signed(key, big.clone())).expect("taken");
    big.nonce = 5;
    chain.submit(&signed(key, big)).expect("taken");
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, 1);
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, 1);
}

#[test]
fn a_transaction_that_lost_its_funds_is_dropped_and_blocks_nothing() {
    let (chain, rpc) = chain();
    let keys = chain.config().account_keys();
    let balance = chain.config().account_balance;
    let to = TxKind::Call(Address::repeat_byte(0xaa));
    for nonce in 0..2 {
        let mut all = legacy(nonce, to, Bytes::new());
        all.value = balance;
        chain.submit(&signed(&keys[0], all)).expect("each alone can be paid");
    }
    chain.submit(&signed(&keys[1], legacy(0, to, Bytes::new()))).expect("taken");
    assert_eq!(chain.seal_block(NOW).expect("sealed").transactions, 2);
    assert_eq!(chain.waiting(), 0);
    assert_eq!(call(&rpc, "eth_getTransactionCount", json!([keys[0].address(), "pending"])), "0x1");
}

#[test]
fn time_may_stand_still_but_neither_falls_nor_runs_ahead() {
    let (chain, _) = chain();
    chain.seal_block(NOW).expect("sealed");
    chain.seal_block(NOW).expect("an equal time");
    let failure = chain.seal_block(NOW - 1).expect_err("before the latest header");
    assert!(matches!(failure, ChainError::ClockBehind { parent: NOW, now } if now == NOW - 1));
    assert_eq!(chain.latest(), 2);
    assert_eq!(chain.header(2).expect("sealed").timestamp, NOW);
}

#[test]
fn old_states_go_when_the_configuration_says_so() {
    let (chain, rpc) = with(ChainConfig { state_history: Some(2), ..config() });
    for _ in 0..5 {
        chain.seal_block(NOW).expect("sealed");
    }
    let account = chain.config().account_keys()[0].address();
    for height in 3..=5 {
        call(&rpc, "eth_getBalance", json!([account, format!("{height:#x}")]));
    }
    let text = "missing trie node: the state of block 2 is no longer kept";
    assert_eq!(error(&rpc, "eth_getBalance", json!([account, "0x2"])), text);
    assert!(call(&rpc, "eth_getBlockByNumber", json!(["0x2", true])).is_object(), "blocks stay");
}

#[test]
fn the_genesis_state_is_the_configuration() {
    let contract = Address::repeat_byte(0xc0);
    let account = GenesisAccount {
        balance: U256::from(3),
        nonce: 1,
        code: store_runtime().into(),
        storage: [(U256::from(1), U256::from(2)), (U256::from(9), U256::ZERO)].into(),
    };
    let (chain, rpc) = with(ChainConfig { alloc: [(contract, account)].into(), genesis_time: 5, ..config() });
    assert_eq!(
        bytes(&call(&rpc, "eth_call", json!([{"to": contract, "data": Bytes::from(word(1))}]))),
        Bytes::from(word(2))
    );
    assert_eq!(chain.header(0).expect("genesis").timestamp, 5);
    check_proof(&chain, 0, contract, &call(&rpc, "eth_getProof", json!([contract, ["0x1", "0x9"], "0x0"])));
    for (field, bad) in [
        ("validators", ChainConfig { validators: 0, ..config() }),
        ("validators and candidates", ChainConfig { validators: 200, candidates: 57, ..config() }),
        ("gas_limit", ChainConfig { gas_limit: 1, ..config() }),
        ("epoch", ChainConfig { epoch: 0, ..config() }),
        ("chain_id", ChainConfig { chain_id: 0, ..config() }),
        ("accounts", ChainConfig { accounts: 1_001, ..config() }),
        ("base_fee", ChainConfig { fork: Fork::Berlin, base_fee: 1, ..config() }),
    ] {
        match Chain::in_memory(bad).expect_err("out of range") {
            ChainError::Config { field: found, .. } => assert_eq!(found, field),
            other => panic!("{field}: {other}"),
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let run = || {
        let (chain, _) = chain();
        let contract = deploy(&chain, 0, NOW);
        for nonce in 0..5 {
            let key = &chain.config().account_keys()[1];
            chain.submit(&signed(key, legacy(nonce, TxKind::Call(contract), store(nonce, 1)))).expect("taken");
            chain.seal_block(NOW + nonce).expect("sealed");
        }
        (0..=chain.latest()).map(|height| chain.raw_header(height).expect("sealed")).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let other = Chain::in_memory(ChainConfig { seed: "other".to_owned(), ..config() }).expect("a chain");
    assert_ne!(other.raw_header(0), run().into_iter().next());
}

#[test]
fn accounts_leave_the_state_when_they_are_empty_or_destroyed() {
    // SELFDESTRUCT to the caller.
    let suicidal = GenesisAccount { code: hex!("33ff").into(), balance: U256::from(9), ..GenesisAccount::default() };
    let (contract, untouched) = (Address::repeat_byte(0xc0), Address::repeat_byte(0xee));
    let (chain, rpc) = with(ChainConfig { alloc: [(contract, suicidal)].into(), ..config() });
    let key = &chain.config().account_keys()[0];
    let root = |height| chain.header(height).expect("sealed").state_root;
    chain.submit(&signed(key, legacy(0, TxKind::Call(untouched), Bytes::new()))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
    let only_nonce = call(&rpc, "eth_getProof", json!([untouched, [], "latest"]));
    check_proof(&chain, 1, untouched, &only_nonce);
    assert_eq!(only_nonce["codeHash"], json!(keccak256([])));
    let last = only_nonce["accountProof"].as_array().expect("a list").len();
    let before =
        call(&rpc, "eth_getProof", json!([untouched, [], "0x0"]))["accountProof"].as_array().expect("a list").len();
    assert_eq!(last, before, "touching an account with nothing leaves no leaf");
    chain.submit(&signed(key, legacy(1, TxKind::Call(contract), Bytes::new()))).expect("taken");
    chain.seal_block(NOW).expect("sealed");
    assert_ne!(root(2), root(1));
    assert_eq!(call(&rpc, "eth_getCode", json!([contract, "latest"])), "0x");
    assert_eq!(call(&rpc, "eth_getCode", json!([contract, "0x1"])), "0x33ff");
    let gone = call(&rpc, "eth_getProof", json!([contract, [], "latest"]));
    assert_eq!(gone["balance"], "0x0");
    check_proof(&chain, 2, contract, &gone);
}

#[test]
fn contracts_read_the_hashes_of_the_256_blocks_below() {
    // Returns BLOCKHASH of the number in the input.
    let code = hex!("6000354060005260206000f3");
    let contract = Address::repeat_byte(0xc0);
    let account = GenesisAccount { code: code.into(), ..GenesisAccount::default() };
    let (chain, rpc) = with(ChainConfig { alloc: [(contract, account)].into(), ..config() });
    for _ in 0..260 {
        chain.seal_block(NOW).expect("sealed");
    }
    let read = |number: u64, at: &str| {
        support::hash(&call(&rpc, "eth_call", json!([{"to": contract, "data": Bytes::from(word(number))}, at])))
    };
    assert_eq!(read(259, "latest"), hash_of(&chain, 259));
    assert_eq!(read(4, "latest"), hash_of(&chain, 4));
    assert_eq!(read(0, "0x5"), chain.genesis_hash());
    for (number, at) in [(260, "latest"), (261, "latest"), (3, "latest"), (7, "0x5"), (u64::MAX, "latest")] {
        assert_eq!(read(number, at), B256::ZERO, "{number} at {at}");
    }
}
