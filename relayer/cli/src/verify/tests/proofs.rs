//! `verify proof` on GoQuorum's answers.

use super::{Answer, Desk, accepted, capture, refused};
use serde_json::{Value, json};

/// The answer recorded under a label, and the header with its state root.
fn recorded(label: &str) -> (Value, Value) {
    let proofs = capture("goquorum-qbft-4v-proofs");
    let proof =
        proofs["proofs"].as_array().unwrap().iter().find(|proof| proof["label"].as_str().unwrap().starts_with(label));
    let proof = proof.unwrap_or_else(|| panic!("no proof {label}")).clone();
    let headers = capture("goquorum-qbft-4v-headers");
    let header = headers["headers"].as_array().unwrap().iter().find(|header| header["number"] == proof["height"]);
    (header.unwrap().clone(), proof["proof"].clone())
}

/// Runs on the header's JSON and on its RLP, which must agree.
fn run(desk: &Desk, header: &Value, proof: &Value, more: &[&str]) -> Answer {
    let file = desk.put_json("proof.json", proof);
    let block = desk.put_json("block.json", &header["block"]);
    let raw = desk.put("header.hex", header["rlp"].as_str().unwrap());
    let wrapped = desk.put_json("answer.json", &json!({"jsonrpc": "2.0", "id": 7, "result": proof}));
    let [a, b, c] = [(&block, &file), (&raw, &file), (&raw, &wrapped)]
        .map(|(header, proof)| desk.run(&[&["proof", "--header", header, "--proof", proof], more].concat()));
    assert_eq!((a.0, &a.1["rule"]), (b.0, &b.1["rule"]));
    assert_eq!(b, c);
    a
}

#[test]
fn every_recorded_answer_is_borne_out() {
    let desk = Desk::new();
    let proofs = capture("goquorum-qbft-4v-proofs");
    for entry in proofs["proofs"].as_array().unwrap() {
        let label = entry["label"].as_str().unwrap();
        let (header, proof) = recorded(label);
        let is_absent = label.contains("account absent");
        if is_absent {
            accepted(&run(&desk, &header, &proof, &["--absent"]));
            assert_eq!(refused(&run(&desk, &header, &proof, &[])), "account-absent");
        } else {
            let answer = run(&desk, &header, &proof, &[]);
            accepted(&answer);
            assert_eq!(answer.1["values"]["storage_hash"], proof["storageHash"]);
            assert_eq!(refused(&run(&desk, &header, &proof, &["--absent"])), "account-present");
        }
        for storage in proof["storageProof"].as_array().unwrap() {
            let slot = storage["key"].as_str().unwrap();
            let spelt = [slot.to_owned(), slot[2..].to_uppercase(), slot[2..].trim_start_matches('0').to_owned()];
            for slot in &spelt {
                if storage["value"] == "0x0" {
                    accepted(&run(&desk, &header, &proof, &["--slot", slot, "--absent"]));
                    assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", slot])), "value-absent");
                } else {
                    let answer = run(&desk, &header, &proof, &["--slot", slot]);
                    accepted(&answer);
                    assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", slot, "--absent"])), "value-present");
                }
            }
        }
    }
}

#[test]
fn a_slot_that_is_not_in_the_answer() {
    let desk = Desk::new();
    let (header, proof) = recorded("six slots");
    assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", "0x77"])), "slot-not-in-proof");
    assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", "0x77", "--absent"])), "slot-not-in-proof");
    assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", "seven"])), "slot-malformed");
    // Storage that is empty, or an account that is not there, holds no slot at all.
    for label in ["account present, storage empty", "never used address"] {
        let (header, proof) = recorded(label);
        accepted(&run(&desk, &header, &proof, &["--slot", "0x77", "--absent"]));
        assert_eq!(refused(&run(&desk, &header, &proof, &["--slot", "0x77"])), "value-absent");
    }
}

#[test]
fn what_the_answer_says_must_be_what_it_proves() {
    let desk = Desk::new();
    let (header, proof) = recorded("six slots");
    let slot = proof["storageProof"][0]["key"].as_str().unwrap().to_owned();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut proof = proof.clone();
        change(&mut proof);
        run(&desk, &header, &proof, &["--slot", &slot])
    };
    accepted(&with(&|_| ()));
    let zero = json!(format!("0x{:064}", 0));
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));
    let changes: [Change<'_>; 19] = [
        ("nonce-mismatch", &|proof| proof["nonce"] = json!("0x2")),
        ("balance-mismatch", &|proof| proof["balance"] = json!("0x1")),
        ("storage-hash-mismatch", &|proof| proof["storageHash"] = zero.clone()),
        ("code-hash-mismatch", &|proof| proof["codeHash"] = zero.clone()),
        ("value-mismatch", &|proof| proof["storageProof"][0]["value"] = json!("0x1")),
        ("value-mismatch", &|proof| proof["storageProof"][0]["value"] = json!("0x0")),
        ("proof-empty", &|proof| proof["accountProof"] = json!([])),
        ("proof-empty", &|proof| proof["storageProof"][0]["proof"] = json!([])),
        ("proof-node-missing", &|proof| drop(proof["accountProof"].as_array_mut().unwrap().pop())),
        ("proof-node-missing", &|proof| drop(proof["storageProof"][0]["proof"].as_array_mut().unwrap().pop())),
        ("proof-node-unused", &|proof| {
            let node = proof["accountProof"][0].clone();
            proof["accountProof"].as_array_mut().unwrap().push(node);
        }),
        ("proof-node-unused", &|proof| proof["storageProof"][0]["proof"].as_array_mut().unwrap().push(json!("0x80"))),
        ("proof-node-hash-mismatch", &|proof| {
            proof["storageProof"][0]["proof"] = proof["storageProof"][2]["proof"].clone()
        }),
        ("proof-node-hash-mismatch", &|proof| proof["address"] = json!(format!("0x{:040}", 0))),
        ("proof-malformed", &|proof| proof["address"] = json!("0x01")),
        ("proof-malformed", &|proof| proof["accountProof"] = json!("0x01")),
        ("proof-malformed", &|proof| proof["accountProof"][0] = json!("zz")),
        ("proof-malformed", &|proof| proof["storageProof"] = json!({"key": 1})),
        ("slot-not-in-proof", &|proof| proof["storageProof"] = Value::Null),
    ];
    for (index, (rule, change)) in changes.into_iter().enumerate() {
        let answer = with(change);
        let found = refused(&answer);
        // Another path through the same nodes ends early, or meets a node that is not its own.
        let alike = ["proof-node-missing", "proof-node-hash-mismatch", "account-absent", "proof-node-unused"];
        assert!(found == rule || (alike.contains(&rule) && alike.contains(&found)), "change {index}: {found}");
    }
}

#[test]
fn every_bit_of_every_node_counts() {
    let desk = Desk::new();
    let (header, proof) = recorded("one slot written");
    let slot = proof["storageProof"][0]["key"].as_str().unwrap();
    let raw = desk.put("header.hex", header["rlp"].as_str().unwrap());
    for (list, count) in [
        ("accountProof", proof["accountProof"].as_array().unwrap().len()),
        ("proof", proof["storageProof"][0]["proof"].as_array().unwrap().len()),
    ] {
        for index in 0..count {
            let original =
                if list == "proof" { &proof["storageProof"][0]["proof"][index] } else { &proof["accountProof"][index] };
            let bytes = hex::decode(&original.as_str().unwrap()[2..]).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut bent = proof.clone();
                let place = if list == "proof" {
                    &mut bent["storageProof"][0]["proof"][index]
                } else {
                    &mut bent["accountProof"][index]
                };
                *place = json!(format!("0x{}", hex::encode(flipped)));
                let file = desk.put_json("bent.json", &bent);
                assert_eq!(
                    desk.status(&["proof", "--header", &raw, "--proof", &file, "--slot", slot]),
                    1,
                    "{list} {index} bit {bit}"
                );
            }
        }
    }
}

#[test]
fn the_header_is_another_one() {
    let desk = Desk::new();
    let (_, proof) = recorded("six slots");
    let (other, _) = recorded("one slot written");
    assert_eq!(refused(&run(&desk, &other, &proof, &[])), "proof-node-hash-mismatch");
    let (header, _) = recorded("six slots");
    let mut bent = header["block"].clone();
    bent["stateRoot"] = other["block"]["stateRoot"].clone();
    let block = desk.put_json("block.json", &bent);
    let file = desk.put_json("proof.json", &proof);
    assert_eq!(refused(&desk.run(&["proof", "--header", &block, "--proof", &file])), "hash-mismatch");
    // A chain of another consensus: its own hash is as good. (This one has no account; the root does not fit.)
    let ibft1 = capture("goquorum-ibft-4v-headers");
    for header in ibft1["headers"].as_array().unwrap() {
        let block = desk.put_json("ibft1.json", &header["block"]);
        assert_eq!(refused(&desk.run(&["proof", "--header", &block, "--proof", &file])), "proof-node-hash-mismatch");
    }
    for (content, rule) in [("{}", "proof-malformed"), ("0x01", "proof-malformed"), ("[1]", "proof-malformed")] {
        let bad = desk.put("bad.json", content);
        let block = desk.put_json("block.json", &header["block"]);
        assert_eq!(refused(&desk.run(&["proof", "--header", &block, "--proof", &bad])), rule, "{content}");
    }
}
