//! Writes `vectors/`: the proofs that GoQuorum answered, and tries made to break one rule each.
//!
//! `cargo run --release -p light-client-proofs --example generate-proof-vectors`
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/support/trie.rs"]
#[allow(dead_code)]
mod trie;
#[path = "../tests/support/vectors.rs"]
#[allow(dead_code)]
mod vectors;

use light_client::StateRoot;
use light_client_crypto::{HashSuite, Keccak256};
use light_client_proofs::{mpt, storage};
use serde_json::{Value, json};
use std::{fs, path::Path};
use trie::{Trie, account, bytes, hex_prefix, key_of, list, slot_value};
use vectors::{hex, read, reject, unhex, unhex_array, write};

const GENERATED: &str = "made by examples/generate-proof-vectors.rs: a trie of its own making";

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for kind in ["account", "mpt"] {
        let _ = fs::remove_dir_all(folder.join(kind));
    }
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qbft/vectors/captures");
    recorded(&folder, &read(&captures.join("goquorum-qbft-4v-proofs.json")));
    shared(&folder);
    shapes(&folder);
    accounts(&folder);
    println!("wrote {} files", vectors::walk(&folder).len());
}

/// `[slot, value]` pairs; an empty value claims absence.
fn mpt(
    description: &str,
    source: &str,
    root: [u8; 32],
    input: &[u8],
    claims: &[(Vec<u8>, Vec<u8>)],
    expect: Value,
) -> Value {
    let claims: Vec<Value> =
        claims.iter().map(|(slot, value)| json!({"slot": hex(slot), "value": hex(value)})).collect();
    json!({
        "description": description, "source": source, "kind": "mpt", "now": 0,
        "root": hex(root), "input": hex(input), "claims": claims, "expect": expect,
    })
}

fn account_vector(
    description: &str,
    source: &str,
    root: [u8; 32],
    address: [u8; 20],
    input: &[u8],
    expect: Value,
) -> Value {
    json!({
        "description": description, "source": source, "kind": "account", "now": 0,
        "root": hex(root), "address": hex(address), "input": hex(input), "expect": expect,
    })
}

fn rejected(rule: &str) -> Value {
    reject(rule, "rejected", None)
}

fn malformed(rule: &str, cause: Option<&str>) -> Value {
    reject(rule, "malformed", cause)
}

fn word(text: &str) -> [u8; 32] {
    let digits = text.strip_prefix("0x").unwrap();
    let mut out = [0; 32];
    hex::decode_to_slice(format!("{digits:0>64}"), &mut out).unwrap();
    out
}

/// What GoQuorum answered to `eth_getProof`.
fn recorded(folder: &Path, capture: &Value) {
    for proof in capture["proofs"].as_array().unwrap() {
        let (height, label) = (proof["height"].as_u64().unwrap(), proof["label"].as_str().unwrap());
        let source = format!("captures/goquorum-qbft-4v-proofs.json, height {height}: GoQuorum 24.4.1, eth_getProof");
        let answer = &proof["proof"];
        let name: String =
            label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
        let name = format!("accept-{}", name.split_whitespace().collect::<Vec<_>>().join("-"));
        let nodes: Vec<u8> = answer["accountProof"].as_array().unwrap().iter().flat_map(unhex).collect();
        let is_absent = label.contains("account absent");
        let expect = if is_absent {
            json!({"absent": true})
        } else {
            json!({
                "nonce": u64::from_str_radix(&answer["nonce"].as_str().unwrap()[2..], 16).unwrap(),
                "balance": hex(word(answer["balance"].as_str().unwrap())),
                "storage_root": answer["storageHash"], "code_hash": answer["codeHash"],
            })
        };
        let root = unhex_array(&proof["state_root"]);
        let address = unhex_array(&answer["address"]);
        let vector = account_vector(label, &source, root, address, &nodes, json!({"accept": expect}));
        write(folder, "account/goquorum", &name, &vector);
        if is_absent {
            continue;
        }
        let storage_root: [u8; 32] = unhex_array(&answer["storageHash"]);
        let entries = answer["storageProof"].as_array().unwrap();
        let lists: Vec<([u8; 32], Vec<Vec<u8>>)> = entries
            .iter()
            .map(|entry| {
                let slot = light_client::SlotKey::new(word(entry["key"].as_str().unwrap()));
                (storage::slot_key(&Keccak256, &slot), entry["proof"].as_array().unwrap().iter().map(unhex).collect())
            })
            .collect();
        if entries.is_empty() {
            continue;
        }
        let borrowed: Vec<([u8; 32], &[Vec<u8>])> = lists.iter().map(|(key, nodes)| (*key, &nodes[..])).collect();
        let input = mpt::share(&Keccak256, StateRoot::new(storage_root), &borrowed).unwrap();
        let claims: Vec<(Vec<u8>, Vec<u8>)> = entries
            .iter()
            .map(|entry| {
                let value = word(entry["value"].as_str().unwrap());
                (word(entry["key"].as_str().unwrap()).to_vec(), if value == [0; 32] { vec![] } else { value.to_vec() })
            })
            .collect();
        let vector = mpt(label, &source, storage_root, &input, &claims, json!({"accept": {}}));
        write(folder, "mpt/goquorum", &name, &vector);
    }
}

fn slot(index: u64) -> Vec<u8> {
    Keccak256.hash(&[b"slot", &index.to_be_bytes()]).to_vec()
}

fn value(index: u64) -> [u8; 32] {
    Keccak256.hash(&[b"value", &index.to_be_bytes()])
}

/// A trie of 40 slots, six claims of which one is absent, and everything that can go wrong with their shared proof.
fn shared(folder: &Path) {
    let case = "mpt/shared";
    let entries = (0..40).map(|index| (key_of(&slot(index)), slot_value(&value(index))));
    let trie = Trie::new(entries);
    let order: Vec<u64> = vec![3, 17, 4, 99, 17, 30];
    let claims: Vec<(Vec<u8>, Vec<u8>)> =
        order.iter().map(|i| (slot(*i), if *i == 99 { vec![] } else { value(*i).to_vec() })).collect();
    let nodes_of = |order: &[u64]| -> Vec<Vec<u8>> {
        let lists: Vec<([u8; 32], Vec<Vec<u8>>)> =
            order.iter().map(|i| (key_of(&slot(*i)), trie.prove(&key_of(&slot(*i))))).collect();
        let borrowed: Vec<([u8; 32], &[Vec<u8>])> = lists.iter().map(|(key, nodes)| (*key, &nodes[..])).collect();
        let input = mpt::share(&Keccak256, StateRoot::new(trie.root()), &borrowed).unwrap();
        let mut reader = light_client_proofs::rlp::Reader::new(&input);
        let mut nodes = Vec::new();
        while !reader.is_empty() {
            nodes.push(reader.item().unwrap().raw.to_vec());
        }
        nodes
    };
    let nodes = nodes_of(&order);
    let put = |name: &str, description: &str, nodes: &[Vec<u8>], claims: &[(Vec<u8>, Vec<u8>)], expect: Value| {
        write(folder, case, name, &mpt(description, GENERATED, trie.root(), &nodes.concat(), claims, expect));
    };
    put(
        "accept",
        "six claims, one absent, one repeated, under one list of nodes",
        &nodes,
        &claims,
        json!({"accept": {}}),
    );

    let with = |index: usize, slot: Vec<u8>, value: Vec<u8>| {
        let mut claims = claims.clone();
        claims[index] = (slot, value);
        claims
    };
    put(
        "reject-value-mismatch",
        "the second claim is of another value",
        &nodes,
        &with(1, slot(17), value(18).to_vec()),
        rejected("value-mismatch"),
    );
    put(
        "reject-value-absent",
        "the absent slot is claimed to hold a value",
        &nodes,
        &with(3, slot(99), value(99).to_vec()),
        rejected("value-absent"),
    );
    put(
        "reject-value-present",
        "a slot with a value is claimed absent",
        &nodes,
        &with(0, slot(3), vec![]),
        rejected("value-present"),
    );
    put("reject-claims-empty", "no claim at all", &nodes, &[], reject("claims-empty", "misuse", None));
    put(
        "reject-claim-value-malformed-zero",
        "a claim of zero, which is absence",
        &nodes,
        &with(0, slot(3), vec![0; 32]),
        reject("claim-value-malformed", "misuse", None),
    );
    let many: Vec<_> = (0..257).map(|_| claims[0].clone()).collect();
    put("reject-too-many-claims", "257 claims", &nodes_of(&[3]), &many, reject("too-many-claims", "misuse", None));
    put("accept-256-claims", "256 claims, all of one slot", &nodes_of(&[3]), &many[1..], json!({"accept": {}}));

    put(
        "reject-proof-empty",
        "no node under a root that is not the empty trie's",
        &[],
        &claims,
        rejected("proof-empty"),
    );
    put(
        "reject-proof-node-missing",
        "the last node left out",
        &nodes[..nodes.len() - 1],
        &claims,
        rejected("proof-node-missing"),
    );
    let mut padded = nodes.clone();
    padded.push(nodes[0].clone());
    put("reject-proof-node-unused", "the root again at the end", &padded, &claims, rejected("proof-node-unused"));
    let mut unshared = nodes.clone();
    unshared.insert(trie.prove(&key_of(&slot(3))).len(), nodes[0].clone());
    put(
        "reject-proof-node-hash-mismatch-repeated",
        "the root again where the second claim starts: what is shared must not be listed",
        &unshared,
        &claims,
        rejected("proof-node-hash-mismatch"),
    );
    let mut swapped = nodes.clone();
    swapped.swap(1, 2);
    put(
        "reject-proof-node-hash-mismatch-order",
        "two nodes in each other's place",
        &swapped,
        &claims,
        rejected("proof-node-hash-mismatch"),
    );
    let mut order_changed = claims.clone();
    order_changed.swap(0, 1);
    put(
        "reject-proof-node-hash-mismatch-claims",
        "the proof of other claims in another order",
        &nodes,
        &order_changed,
        rejected("proof-node-hash-mismatch"),
    );
    let mut truncated = nodes.concat();
    truncated.pop();
    write(
        folder,
        case,
        "reject-proof-node-malformed-truncated",
        &mpt(
            "the last byte left out",
            GENERATED,
            trie.root(),
            &truncated,
            &claims,
            malformed("proof-node-malformed", Some("rlp-truncated")),
        ),
    );

    let empty = mpt::EMPTY_ROOT.into();
    let case = "mpt/empty-trie";
    let absent = [(slot(1), vec![]), (slot(2), vec![])];
    write(
        folder,
        case,
        "accept",
        &mpt(
            "two slots are absent from the empty trie, without a node",
            GENERATED,
            empty,
            &[],
            &absent,
            json!({"accept": {}}),
        ),
    );
    write(
        folder,
        case,
        "reject-proof-node-unused",
        &mpt("the empty node listed", GENERATED, empty, &[0x80], &absent, rejected("proof-node-unused")),
    );
    write(
        folder,
        case,
        "reject-value-absent",
        &mpt(
            "a value in the empty trie",
            GENERATED,
            empty,
            &[],
            &[(slot(1), value(1).to_vec())],
            rejected("value-absent"),
        ),
    );
}

/// Nodes of every shape, each under the root that it hashes to.
fn shapes(folder: &Path) {
    let the_slot = slot(0);
    let key = key_of(&the_slot);
    let leaf = |from: usize, value: &[u8]| list(&[bytes(&hex_prefix(&key, from, 64, true)), bytes(value)]);
    let value = value(0);
    let claim = [(the_slot.clone(), value.to_vec())];
    let root_of = |node: &[u8]| Keccak256.hash(&[node]);
    let single = |case: &str, name: &str, description: &str, node: &[u8], expect: Value| {
        write(folder, case, name, &mpt(description, GENERATED, root_of(node), node, &claim, expect));
    };
    let case = "mpt/leaf";
    let good = leaf(0, &slot_value(&value));
    single(case, "accept", "a trie of one leaf", &good, json!({"accept": {}}));
    let path = hex_prefix(&key, 0, 64, true);
    let leaf_of = |path: &[u8], value: &[u8]| list(&[bytes(path), bytes(value)]);
    let encoded = slot_value(&value);
    let mut flag4 = path.clone();
    flag4[0] = 0x40;
    single(
        case,
        "reject-proof-node-malformed-flag",
        "a path flag of 4",
        &leaf_of(&flag4, &encoded),
        malformed("proof-node-malformed", None),
    );
    let mut padding = path.clone();
    padding[0] = 0x21;
    single(
        case,
        "reject-proof-node-malformed-padding",
        "padding of an even path that is not zero",
        &leaf_of(&padding, &encoded),
        malformed("proof-node-malformed", None),
    );
    single(
        case,
        "reject-proof-node-malformed-no-path",
        "an empty path, without even a flag",
        &leaf_of(&[], &encoded),
        malformed("proof-node-malformed", None),
    );
    single(
        case,
        "reject-proof-path-too-long-short",
        "a leaf of one nibble less",
        &leaf_of(&hex_prefix(&key, 1, 64, true), &encoded),
        malformed("proof-path-too-long", None),
    );
    let long = [&[0x20][..], &key[..], &[0x11]].concat();
    single(
        case,
        "reject-proof-path-too-long-long",
        "a leaf of two nibbles more",
        &leaf_of(&long, &encoded),
        malformed("proof-path-too-long", None),
    );
    let path_list = list(&[list(&[]), bytes(&encoded)]);
    single(
        case,
        "reject-proof-node-malformed-path-list",
        "a list in the path's place",
        &path_list,
        malformed("proof-node-malformed", Some("rlp-bytes-expected")),
    );
    let value_list = list(&[bytes(&path), list(&[])]);
    single(
        case,
        "reject-proof-node-malformed-value-list",
        "a list in the value's place",
        &value_list,
        malformed("proof-node-malformed", Some("rlp-bytes-expected")),
    );
    single(
        case,
        "reject-proof-node-malformed-bytes",
        "a byte string in the node's place",
        &bytes(&[7; 40]),
        malformed("proof-node-malformed", Some("rlp-list-expected")),
    );
    single(
        case,
        "reject-proof-node-malformed-three-items",
        "three items",
        &list(&[bytes(&path), bytes(&encoded), bytes(&[])]),
        malformed("proof-node-malformed", None),
    );
    single(
        case,
        "reject-proof-node-malformed-one-item",
        "one item",
        &list(&[bytes(&path)]),
        malformed("proof-node-malformed", None),
    );
    let mut long_form = vec![0xf9, 0x00, (good.len() - 2) as u8];
    long_form.extend_from_slice(&good[2..]);
    single(
        case,
        "reject-proof-node-malformed-length",
        "a length with a leading zero",
        &long_form,
        malformed("proof-node-malformed", Some("rlp-not-canonical")),
    );
    single(
        case,
        "reject-node-too-large",
        "a leaf of more than 1024 bytes",
        &leaf_of(&path, &[1; 1100]),
        malformed("node-too-large", None),
    );
    single(
        case,
        "reject-value-not-canonical-zero-led",
        "a value with a leading zero byte",
        &leaf_of(&path, &bytes(&[0, 1])),
        malformed("value-not-canonical", Some("rlp-integer-not-canonical")),
    );
    single(
        case,
        "reject-value-not-canonical-zero",
        "a value of zero, which a trie does not hold",
        &leaf_of(&path, &[0x80]),
        malformed("value-not-canonical", None),
    );
    single(
        case,
        "reject-value-not-canonical-empty",
        "no value",
        &leaf_of(&path, &[]),
        malformed("value-not-canonical", Some("rlp-truncated")),
    );
    single(
        case,
        "reject-value-not-canonical-long",
        "a value of 33 bytes",
        &leaf_of(&path, &bytes(&[1; 33])),
        malformed("value-not-canonical", Some("rlp-integer-too-large")),
    );
    single(
        case,
        "reject-value-not-canonical-list",
        "a list for a value",
        &leaf_of(&path, &list(&[])),
        malformed("value-not-canonical", Some("rlp-bytes-expected")),
    );
    single(
        case,
        "reject-value-not-canonical-trailing",
        "a byte after the value",
        &leaf_of(&path, &[encoded.clone(), vec![1]].concat()),
        malformed("value-not-canonical", Some("rlp-trailing-bytes")),
    );

    // A branch, the wanted child at its nibble.
    let branch = |child: Vec<u8>, depth: usize, other: Vec<u8>, value: Vec<u8>| {
        let wanted = usize::from(trie::nibble(&key, depth));
        let mut items = vec![bytes(&[]); 17];
        items[wanted] = child;
        items[(wanted + 1) % 16] = other;
        items[16] = value;
        list(&items)
    };
    let below = leaf(1, &encoded);
    let hash_of = |node: &[u8]| bytes(&Keccak256.hash(&[node]));
    let chain = |case: &str, name: &str, description: &str, nodes: &[&[u8]], expect: Value| {
        write(folder, case, name, &mpt(description, GENERATED, root_of(nodes[0]), &nodes.concat(), &claim, expect));
    };
    let case = "mpt/branch";
    let other = bytes(&[9; 32]);
    let good = branch(hash_of(&below), 0, other.clone(), bytes(&[]));
    chain(case, "accept", "a branch and a leaf", &[&good, &below], json!({"accept": {}}));
    chain(
        case,
        "reject-proof-node-malformed-value",
        "a branch with a value",
        &[&branch(hash_of(&below), 0, other.clone(), bytes(&[5])), &below],
        malformed("proof-node-malformed", None),
    );
    chain(
        case,
        "reject-proof-node-malformed-value-list",
        "a branch with a list for a value",
        &[&branch(hash_of(&below), 0, other.clone(), list(&[])), &below],
        malformed("proof-node-malformed", None),
    );
    for (name, child) in [
        ("31", bytes(&[9; 31])),
        ("33", bytes(&[9; 33])),
        ("1", bytes(&[9])),
        ("embedded-32", list(&[bytes(&[9; 30])])),
    ] {
        let node = branch(hash_of(&below), 0, child.clone(), bytes(&[]));
        chain(
            case,
            &format!("reject-proof-node-malformed-sibling-{name}"),
            "a sibling that is neither empty, a hash, nor embedded in less than 32 bytes",
            &[&node, &below],
            malformed("proof-node-malformed", None),
        );
        let node = branch(child, 0, other.clone(), bytes(&[]));
        chain(
            case,
            &format!("reject-proof-node-malformed-child-{name}"),
            "the child wanted is neither empty, a hash, nor embedded in less than 32 bytes",
            &[&node],
            malformed("proof-node-malformed", None),
        );
    }
    let sixteen = list(&vec![bytes(&[9; 32]); 16]);
    chain(
        case,
        "reject-proof-node-malformed-16-items",
        "16 items",
        &[&sixteen],
        malformed("proof-node-malformed", None),
    );
    let eighteen = list(&vec![bytes(&[9; 32]); 18]);
    chain(
        case,
        "reject-proof-node-malformed-18-items",
        "18 items",
        &[&eighteen],
        malformed("proof-node-malformed", None),
    );
    write(
        folder,
        case,
        "reject-proof-node-unused",
        &mpt(
            "a byte after the last node",
            GENERATED,
            root_of(&good),
            &[good.clone(), below.clone(), vec![0x80]].concat(),
            &claim,
            rejected("proof-node-unused"),
        ),
    );

    // Extensions.
    let case = "mpt/extension";
    let deep = branch(hash_of(&leaf(5, &encoded)), 4, other.clone(), bytes(&[]));
    let extension = |from: usize, to: usize, child: Vec<u8>| list(&[bytes(&hex_prefix(&key, from, to, false)), child]);
    let tail = leaf(5, &encoded);
    chain(
        case,
        "accept",
        "an extension of four nibbles, a branch and a leaf",
        &[&extension(0, 4, hash_of(&deep)), &deep, &tail],
        json!({"accept": {}}),
    );
    let odd_branch = branch(hash_of(&leaf(4, &encoded)), 3, other.clone(), bytes(&[]));
    chain(
        case,
        "accept-odd",
        "an extension of three nibbles",
        &[&extension(0, 3, hash_of(&odd_branch)), &odd_branch, &leaf(4, &encoded)],
        json!({"accept": {}}),
    );
    chain(
        case,
        "reject-proof-node-malformed-empty-path",
        "an extension without a path",
        &[&extension(0, 0, hash_of(&good)), &good, &below],
        malformed("proof-node-malformed", None),
    );
    chain(
        case,
        "reject-proof-node-malformed-nothing",
        "an extension that leads to nothing",
        &[&extension(0, 4, bytes(&[]))],
        malformed("proof-node-malformed", None),
    );
    chain(
        case,
        "reject-proof-node-malformed-child",
        "an extension to a reference of 31 bytes",
        &[&extension(0, 4, bytes(&[9; 31]))],
        malformed("proof-node-malformed", None),
    );
    chain(
        case,
        "reject-proof-path-too-long",
        "an extension over all 64 nibbles",
        &[&extension(0, 64, hash_of(&good)), &good],
        malformed("proof-path-too-long", None),
    );
    let mut elsewhere = key;
    elsewhere[1] ^= 0x10;
    let away = list(&[bytes(&hex_prefix(&elsewhere, 0, 4, false)), hash_of(&deep)]);
    let absent = [(the_slot.clone(), vec![])];
    write(
        folder,
        case,
        "accept-absent",
        &mpt(
            "an extension that leads elsewhere shows absence",
            GENERATED,
            root_of(&away),
            &away,
            &absent,
            json!({"accept": {}}),
        ),
    );
    write(
        folder,
        case,
        "reject-value-absent",
        &mpt("an extension that leads elsewhere", GENERATED, root_of(&away), &away, &claim, rejected("value-absent")),
    );

    // As long as the key: whether it leads there or not, no node could follow.
    let whole = list(&[bytes(&hex_prefix(&elsewhere, 0, 64, false)), hash_of(&deep)]);
    write(
        folder,
        case,
        "reject-proof-path-too-long-elsewhere",
        &mpt(
            "an extension over all 64 nibbles that leads elsewhere is no absence",
            GENERATED,
            root_of(&whole),
            &whole,
            &absent,
            malformed("proof-path-too-long", None),
        ),
    );

    // A branch at depth 64 has no nibble left to choose by: 64 extensions and branches of one nibble each.
    let case = "mpt/depth-64";
    let mut node = branch(bytes(&[]), 63, other, bytes(&[]));
    let mut nodes = vec![node.clone()];
    for depth in (0..64).rev() {
        node = branch(hash_of(&node), depth, bytes(&[8; 32]), bytes(&[]));
        nodes.insert(0, node.clone());
    }
    let borrowed: Vec<&[u8]> = nodes.iter().map(Vec::as_slice).collect();
    chain(
        case,
        "reject-proof-path-too-long",
        "a 65th branch below 64 of them",
        &borrowed,
        malformed("proof-path-too-long", None),
    );

    // Embedded nodes: keys that part in their last nibbles, with values of one byte.
    let case = "mpt/embedded";
    let mut sibling = key;
    sibling[31] ^= 0x01;
    let mut third = key;
    third[30] ^= 0x01;
    let trie = Trie::new([(key, vec![5]), (sibling, vec![6]), (third, vec![7])]);
    let five = {
        let mut value = [0; 32];
        value[31] = 5;
        value.to_vec()
    };
    let input = trie.prove(&key).concat();
    write(
        folder,
        case,
        "accept",
        &mpt(
            "leaves of less than 32 bytes lie within their branches",
            GENERATED,
            trie.root(),
            &input,
            &[(the_slot.clone(), five)],
            json!({"accept": {}}),
        ),
    );
    write(
        folder,
        case,
        "reject-value-mismatch",
        &mpt("another value", GENERATED, trie.root(), &input, &claim, rejected("value-mismatch")),
    );
    let mut items = vec![bytes(&[]); 17];
    items[usize::from(trie::nibble(&key, 0))] = list(&[bytes(&[0x20])]);
    let node = list(&items);
    single(
        case,
        "reject-proof-node-malformed",
        "an embedded child of one item",
        &node,
        malformed("proof-node-malformed", None),
    );
    items[usize::from(trie::nibble(&key, 0))] = list(&[]);
    single(
        case,
        "reject-proof-node-malformed-empty",
        "an embedded child of no item",
        &list(&items),
        malformed("proof-node-malformed", None),
    );
}

/// Accounts in a trie of 20, and leaves that are none.
fn accounts(folder: &Path) {
    let case = "account/generated";
    let address: [u8; 20] = Keccak256.hash(&[b"account"])[12..].try_into().unwrap();
    let others = || (0..20_u8).map(|i| (key_of(&[i; 20]), account(i.into(), 1000, &mpt::EMPTY_ROOT.into(), &[i; 32])));
    let trie_with = |leaf: Vec<u8>| Trie::new(others().chain([(key_of(&address), leaf)]));
    let put = |name: &str, description: &str, trie: &Trie, input: Vec<u8>, expect: Value| {
        write(folder, case, name, &account_vector(description, GENERATED, trie.root(), address, &input, expect));
    };
    let (storage, code) = ([3; 32], [4; 32]);
    let good = trie_with(account(7, 5, &storage, &code));
    let nodes = good.prove(&key_of(&address));
    let mut balance = [0; 32];
    balance[31] = 5;
    let expect =
        json!({"accept": {"nonce": 7, "balance": hex(balance), "storage_root": hex(storage), "code_hash": hex(code)}});
    put("accept", "an account among others", &good, nodes.concat(), expect);
    let without = Trie::new(others());
    put(
        "accept-absent",
        "no such account",
        &without,
        without.prove(&key_of(&address)).concat(),
        json!({"accept": {"absent": true}}),
    );
    put("reject-proof-empty", "no node", &good, vec![], rejected("proof-empty"));
    put(
        "reject-proof-node-missing",
        "the leaf left out",
        &good,
        nodes[..nodes.len() - 1].concat(),
        rejected("proof-node-missing"),
    );
    put(
        "reject-proof-node-unused",
        "the leaf twice",
        &good,
        [nodes.concat(), nodes[nodes.len() - 1].clone()].concat(),
        rejected("proof-node-unused"),
    );
    put(
        "reject-proof-node-hash-mismatch",
        "the proof under another root",
        &without,
        nodes.concat(),
        rejected("proof-node-hash-mismatch"),
    );
    let (s, c) = (bytes(&storage), bytes(&code));
    for (name, cause, leaf) in [
        ("three-fields", Some("rlp-truncated"), list(&[bytes(&[7]), bytes(&[5]), s.clone()])),
        (
            "five-fields",
            Some("rlp-trailing-bytes"),
            list(&[bytes(&[7]), bytes(&[5]), s.clone(), c.clone(), bytes(&[])]),
        ),
        (
            "nonce-zero-led",
            Some("rlp-integer-not-canonical"),
            list(&[bytes(&[0, 7]), bytes(&[5]), s.clone(), c.clone()]),
        ),
        ("nonce-long", Some("rlp-integer-too-large"), list(&[bytes(&[7; 9]), bytes(&[5]), s.clone(), c.clone()])),
        ("balance-long", Some("rlp-integer-too-large"), list(&[bytes(&[7]), bytes(&[5; 33]), s.clone(), c.clone()])),
        ("storage-root", None, list(&[bytes(&[7]), bytes(&[5]), bytes(&[3; 31]), c.clone()])),
        ("code-hash", None, list(&[bytes(&[7]), bytes(&[5]), s.clone(), bytes(&[4; 33])])),
        ("bytes", Some("rlp-list-expected"), bytes(&[7; 70])),
        ("code-hash-list", Some("rlp-bytes-expected"), list(&[bytes(&[7]), bytes(&[5]), s, list(&[])])),
    ] {
        let trie = trie_with(leaf);
        let input = trie.prove(&key_of(&address)).concat();
        put(
            &format!("reject-account-malformed-{name}"),
            "a leaf that is no account",
            &trie,
            input,
            malformed("account-malformed", cause),
        );
    }
}
