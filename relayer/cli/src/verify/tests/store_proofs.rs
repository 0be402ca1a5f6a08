//! `verify proof --root` on what chains answered of their stores.

use super::{Answer, Desk, accepted, refused, tendermint::recorded};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The claim of one read of a chain's EVM store.
struct Read {
    root: String,
    key: String,
    value: Option<String>,
    proof_ops: Value,
    whole: Value,
}

impl Read {
    fn line<'a>(&'a self, file: &'a str) -> Vec<&'a str> {
        let line = ["proof", "--root", &self.root, "--proof", file, "--store", "evm", "--key", &self.key];
        match &self.value {
            Some(value) => [&line[..], &["--value", value]].concat(),
            None => [&line[..], &["--absent"]].concat(),
        }
    }

    fn run(&self, desk: &Desk, proof: &Value) -> Answer {
        desk.run(&self.line(&desk.put_json("proof.json", proof)))
    }
}

fn reads() -> Vec<Read> {
    let mut reads = Vec::new();
    for name in ["evmd-storage-proofs", "irita-storage-proofs"] {
        let capture = recorded(name);
        let root = &capture["certified_by"]["signed_header"]["header"]["app_hash"];
        reads.extend(capture["reads"].as_array().unwrap().iter().map(|read| Read {
            root: root.as_str().unwrap().to_owned(),
            key: read["key"].as_str().unwrap().to_owned(),
            value: (read["present"] == true).then(|| read["value"].as_str().unwrap().to_owned()),
            proof_ops: read["proof_ops"].clone(),
            whole: read.clone(),
        }));
    }
    assert_eq!(reads.len(), 14);
    reads
}

/// `MerkleProof` of the messages.
fn merkle_proof(proof_ops: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for operation in proof_ops["ops"].as_array().unwrap() {
        let message = STANDARD.decode(operation["data"].as_str().unwrap()).unwrap();
        bytes.extend([0x0a, (message.len() & 0x7f) as u8 | 0x80, (message.len() >> 7) as u8]);
        bytes.extend(message);
    }
    bytes
}

/// The whole answer of `abci_query`.
fn answer_of(read: &Read) -> Value {
    let base64 = |text: &String| STANDARD.encode(hex::decode(text).unwrap());
    let value = read.value.as_ref().map(base64);
    json!({"jsonrpc": "2.0", "id": -1, "result": {"response": {
        "code": 0, "log": "", "info": "", "index": "0", "key": base64(&read.key), "value": value,
        "proofOps": read.proof_ops, "height": "366", "codespace": "",
    }}})
}

#[test]
fn every_recorded_read_is_proven_in_every_form() {
    let desk = Desk::new();
    for read in reads() {
        let answer = answer_of(&read);
        for proof in [
            &read.proof_ops,
            &read.proof_ops["ops"],
            &json!({"proof_ops": read.proof_ops}),
            &read.whole,
            &answer,
            &answer["result"],
            &answer["result"]["response"],
        ] {
            let verdict = read.run(&desk, proof);
            accepted(&verdict);
            assert_eq!(verdict.1["values"]["root"], format!("0x{}", read.root.to_lowercase()));
        }
        let message = merkle_proof(&read.proof_ops);
        for text in [hex::encode(&message), format!("0x{}", hex::encode_upper(&message)), STANDARD.encode(&message)] {
            accepted(&desk.run(&read.line(&desk.put("proof.hex", text))));
        }
        let spelt = Read { root: format!("0x{}", read.root), key: format!("0x{}", read.key.to_uppercase()), ..read };
        accepted(&spelt.run(&desk, &spelt.proof_ops));
        // The reverse, and another store.
        let file = desk.put_json("proof.json", &spelt.proof_ops);
        let reverse = Read { value: if spelt.value.is_some() { None } else { Some("01".into()) }, ..spelt };
        assert_eq!(refused(&desk.run(&reverse.line(&file))), "proof-kind-mismatch");
        let mut line = reverse.line(&file);
        line[6] = "ibc";
        assert_eq!(refused(&desk.run(&line)), "key-mismatch");
    }
}

/// Each byte of what is claimed, and of each message, with one of its bits changed.
#[test]
fn no_byte_can_be_another() {
    let desk = Desk::new();
    let reads = reads();
    // A presence, a cleared slot and an absence of each chain.
    for read in reads.iter().filter(|read| {
        ["small_number", "mapping_entry_cleared", "mapping_entry_never_set"]
            .contains(&read.whole["name"].as_str().unwrap())
    }) {
        let good = desk.put_json("good.json", &read.proof_ops);
        assert_eq!(desk.status(&read.line(&good)), 0);
        let bent = |bytes: &[u8], index: usize| {
            let mut bytes = bytes.to_vec();
            bytes[index] ^= 1 << (index % 8);
            bytes
        };
        for at in [2, 8, 10] {
            let line = read.line(&good);
            let Some(text) = line.get(at).filter(|_| at < 10 || read.value.is_some()) else { continue };
            let bytes = hex::decode(text).unwrap();
            for index in 0..bytes.len() {
                let bent = hex::encode(bent(&bytes, index));
                let mut line = line.clone();
                line[at] = &bent;
                assert_eq!(desk.status(&line), 1, "argument {at}, byte {index}");
            }
        }
        for operation in [0, 1] {
            let message = STANDARD.decode(read.proof_ops["ops"][operation]["data"].as_str().unwrap()).unwrap();
            for index in 0..message.len() {
                let mut proof = read.proof_ops.clone();
                proof["ops"][operation]["data"] = STANDARD.encode(bent(&message, index)).into();
                let file = desk.put_json("bent.json", &proof);
                assert_eq!(desk.status(&read.line(&file)), 1, "operation {operation}, byte {index}");
            }
        }
        let message = merkle_proof(&read.proof_ops);
        for length in 0..message.len() {
            let file = desk.put("cut.hex", hex::encode(&message[..length]));
            assert_eq!(desk.status(&read.line(&file)), 1, "{length} bytes");
        }
        let file = desk.put("long.hex", format!("{}00", hex::encode(message)));
        assert_eq!(desk.status(&read.line(&file)), 1);
    }
}

#[test]
fn bent_proofs_get_ibc_go_s_verdict() {
    let desk = Desk::new();
    let capture = recorded("ibc-v2-proofs-bent");
    let cases = capture["cases"].as_array().unwrap();
    let mut accepted = 0;
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let file = desk.put("proof.hex", text("merkle_proof_protobuf"));
        let claim = ["proof", "--root", text("root"), "--proof", &file, "--store", text("store"), "--key", text("key")];
        let shown = if case["claim"] == "membership" { vec!["--value", text("value")] } else { vec!["--absent"] };
        let answer = desk.run(&[&claim[..], &shown].concat());
        assert_eq!(answer.0 == 0, case["verdict"] == "accept", "{}: {answer:?}", case["name"]);
        assert!(answer.0 <= 1, "{}", case["name"]);
        accepted += u32::from(answer.0 == 0);
    }
    assert_eq!((cases.len(), accepted), (29, 2));
}

#[test]
fn an_answer_must_say_what_it_proves() {
    let desk = Desk::new();
    let reads = reads();
    let (present, absent) = (&reads[0], reads.iter().find(|read| read.value.is_none()).unwrap());
    let bend = |read: &Read, change: &dyn Fn(&mut Value)| {
        let mut answer = answer_of(read);
        change(&mut answer["result"]["response"]);
        read.run(&desk, &answer)
    };
    for read in [present, absent] {
        accepted(&bend(read, &|_| ()));
        accepted(&bend(read, &|response| response["key"] = Value::Null));
        accepted(&bend(read, &|response| response["key"] = json!("")));
        assert_eq!(refused(&bend(read, &|response| response["key"] = json!("AAAA"))), "key-mismatch");
        assert_eq!(refused(&bend(read, &|response| response["value"] = json!("AAAA"))), "value-mismatch");
        assert_eq!(refused(&bend(read, &|response| response["value"] = json!(7))), "answer-malformed");
        assert_eq!(refused(&bend(read, &|response| response["proofOps"] = Value::Null)), "answer-malformed");
        let operation = |name: &'static str, value: Value| {
            move |response: &mut Value| response["proofOps"]["ops"][0][name] = value.clone()
        };
        assert_eq!(refused(&bend(read, &operation("type", json!("ics23:smt")))), "commitment-proof-malformed");
        assert_eq!(refused(&bend(read, &operation("key", json!("AAAA")))), "key-mismatch");
        assert_eq!(refused(&bend(read, &operation("data", json!("")))), "commitment-proof-malformed");
        assert_eq!(refused(&bend(read, &operation("data", json!([])))), "answer-malformed");
        for count in [0, 1, 3, 9] {
            let few = bend(read, &|response| {
                let ops = response["proofOps"]["ops"].as_array_mut().unwrap();
                ops.resize(count, ops[1].clone());
            });
            assert_eq!(refused(&few), "commitment-proof-malformed", "{count}");
        }
        assert_eq!(
            refused(&bend(read, &|response| response["proofOps"]["ops"].as_array_mut().unwrap().swap(0, 1))),
            "commitment-proof-malformed"
        );
    }
    assert_eq!(refused(&bend(present, &|response| response["value"] = json!(""))), "value-mismatch");
    accepted(&bend(absent, &|response| response["value"] = json!("")));
}

#[test]
fn what_is_asked_must_be_a_claim() {
    let desk = Desk::new();
    let reads = reads();
    let file = desk.put_json("proof.json", &reads[0].proof_ops);
    let with = |at: usize, text: &str| {
        let mut line = reads[0].line(&file);
        line[at] = text;
        desk.run(&line)
    };
    for (at, text, rule) in [
        (2, "", "root-malformed"),
        (2, "zz", "root-malformed"),
        (2, "00", "root-malformed"),
        (6, "", "key-mismatch"),
        (8, "", "key-malformed"),
        (8, "0", "key-malformed"),
        (10, "", "value-malformed"),
        (10, "0x", "value-malformed"),
        (10, "AAAA==", "value-malformed"),
        (10, "00", "value-mismatch"),
    ] {
        assert_eq!(refused(&with(at, text)), rule, "{at} {text}");
    }
    let tree = |name: &'static str| desk.run(&[&reads[0].line(&file)[..], &["--tree", name]].concat());
    accepted(&tree("IAVL"));
    assert_eq!(refused(&tree("jmt")), "commitment-proof-malformed");
    assert_eq!(refused(&tree("smt")), "tree-unknown");
    for (content, rule) in [
        ("", "commitment-proof-malformed"),
        ("00", "commitment-proof-malformed"),
        ("{}", "answer-malformed"),
        ("[]", "commitment-proof-malformed"),
        ("[1e999]", "json-out-of-bounds"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603}}", "answer-malformed"),
    ] {
        assert_eq!(refused(&desk.run(&reads[0].line(&desk.put("proof", content)))), rule, "{content}");
    }
    for file in [desk.put("text", "<html></html>"), desk.folder.path().join("none").to_str().unwrap().to_owned()] {
        assert_eq!(desk.run(&reads[0].line(&file)).0, 2);
    }
    // The two kinds of proof are not mixed, and a claim is whole.
    let parses = |line: &[&str]| <super::Line as clap::Parser>::try_parse_from([&["verify"], line].concat()).is_ok();
    let whole = reads[0].line(&file);
    assert!(parses(&whole));
    assert!(!parses(&whole[..9]), "neither a value nor --absent");
    assert!(!parses(&whole[..7]), "no key");
    assert!(!parses(&[&whole[..], &["--absent"]].concat()));
    assert!(!parses(&[&whole[..], &["--slot", "0"]].concat()));
    assert!(!parses(&[&whole[..], &["--header", &file]].concat()));
    assert!(!parses(&["proof", "--proof", &file]));
    assert!(!parses(&["proof", "--proof", &file, "--header", &file, "--key", "00"]));
    assert!(parses(&["proof", "--proof", &file, "--header", &file]));
}
