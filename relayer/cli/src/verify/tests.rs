//! The commands on files: every recorded header, proof and packet, what was made of them, and what people hand in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::{VerifyCommand, run};
use clap::Parser;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;

mod packets;
mod proofs;
mod store_proofs;
mod tendermint;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: VerifyCommand,
}

/// A folder of files and the commands run on them.
struct Desk {
    folder: TempDir,
}

/// Exit status, JSON verdict.
type Answer = (u8, Value);

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn put_json(&self, name: &str, content: &Value) -> String {
        self.put(name, content.to_string())
    }

    /// Runs a command both ways and demands that they agree.
    fn run(&self, line: &[&str]) -> Answer {
        let command =
            Line::try_parse_from([&["verify"], line].concat()).unwrap_or_else(|error| panic!("{error}")).command;
        let (mut as_json, mut as_text) = (Vec::new(), Vec::new());
        let status = run(&command, true, &mut as_json);
        assert_eq!(run(&command, false, &mut as_text), status);
        let verdict: Value = serde_json::from_slice(&as_json).unwrap();
        let text = String::from_utf8(as_text).unwrap();
        let last = text.lines().last().unwrap();
        match status {
            0 => assert_eq!((last, verdict["accepted"].as_bool()), ("accepted", Some(true))),
            1 => assert_eq!((Some(last), verdict["accepted"].as_bool()), (verdict["rule"].as_str(), Some(false))),
            2 => assert_eq!((last, verdict["verdict"].as_str()), ("unreadable", Some("unreadable"))),
            3 => {
                assert_eq!((Some(last), verdict["accepted"].as_bool()), (verdict["rule"].as_str(), Some(false)));
                assert_eq!(verdict["verdict"], "not-enough-trust");
            }
            other => panic!("exit status {other}"),
        }
        (status, verdict)
    }

    /// Only the exit status, for many runs.
    fn status(&self, line: &[&str]) -> u8 {
        let command =
            Line::try_parse_from([&["verify"], line].concat()).unwrap_or_else(|error| panic!("{error}")).command;
        run(&command, false, &mut std::io::sink())
    }

    fn header(&self, trusted: &str, header: &str, more: &[&str]) -> Answer {
        self.run(&[&["header", "--consensus", "qbft", "--trusted", trusted, "--header", header], more].concat())
    }

    fn misbehaviour(&self, trusted: &str, first: &str, second: &str) -> Answer {
        let line = ["misbehaviour", "--consensus", "qbft", "--trusted", trusted, "--header", first, "--header", second];
        self.run(&line)
    }
}

fn capture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../light-clients/qbft/vectors/captures");
    serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

fn refused(answer: &Answer) -> &str {
    assert_eq!(answer.0, 1, "{answer:?}");
    answer.1["rule"].as_str().unwrap()
}

fn accepted(answer: &Answer) {
    assert_eq!(answer.0, 0, "{answer:?}");
}

/// Height, time and validators of a recorded header, the latter in reverse.
fn state_of(header: &Value) -> Value {
    let validators: Vec<&Value> = header["validators"].as_array().unwrap().iter().rev().collect();
    json!({"height": header["number"], "time": header["block"]["timestamp"], "validators": validators})
}

/// The forms in which a header is handed in.
fn forms(desk: &Desk, header: &Value) -> Vec<String> {
    let rlp = header["rlp"].as_str().unwrap();
    let wrapped: String =
        rlp.as_bytes().chunks(64).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect();
    vec![
        desk.put_json("block.json", &header["block"]),
        desk.put_json("answer.json", &json!({"jsonrpc": "2.0", "id": 1, "result": header["block"]})),
        desk.put("raw.hex", rlp),
        desk.put("upper.hex", rlp[2..].to_uppercase()),
        desk.put("wrapped.hex", wrapped),
        desk.put_json("raw.json", &json!({"jsonrpc": "2.0", "id": 1, "result": rlp})),
        desk.put("quoted.json", format!("\"{rlp}\"\n")),
    ]
}

#[test]
fn every_recorded_header_is_accepted_from_the_one_before_in_every_form() {
    let desk = Desk::new();
    let goquorum = capture("goquorum-qbft-4v-headers");
    let devnode = capture("devnode-qbft-4v-forks");
    let forks = devnode["forks"].as_array().unwrap().iter().map(|fork| &fork["headers"]);
    for headers in forks.chain([&goquorum["headers"]]) {
        for pair in headers.as_array().unwrap().windows(2) {
            let [before, header] = pair else { unreachable!() };
            let trusted = [
                desk.put_json("trusted-block.json", &before["block"]),
                desk.put("trusted.hex", before["rlp"].as_str().unwrap()),
                desk.put_json("trusted-state.json", &state_of(before)),
            ];
            for trusted in &trusted {
                for form in forms(&desk, header) {
                    let answer = desk.header(trusted, &form, &[]);
                    let number = header["number"].as_u64().unwrap();
                    // From five validators to four the block carries three seals: only a third of the five is shown.
                    if number == 42 && header["label"].as_str().unwrap().contains("new set") {
                        assert_eq!(refused(&answer), "too-few-trusted-seals");
                        accepted(&desk.header(trusted, &form, &["--trust-level", "one-third"]));
                        continue;
                    }
                    accepted(&answer);
                    let values = &answer.1["values"]["header"];
                    assert_eq!(values["hash"], header["expected_hash"]);
                    assert_eq!(values["commit_digest"], header["expected_commit_digest"]);
                    assert_eq!(values["height"], number);
                }
            }
        }
    }
}

#[test]
fn every_recorded_header_is_the_trusted_block_itself() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-headers");
    for header in capture["headers"].as_array().unwrap() {
        let trusted = desk.put_json("trusted.json", &header["block"]);
        for form in forms(&desk, header) {
            accepted(&desk.header(&trusted, &form, &[]));
        }
        // Values alone name no block: the header has to be certified as well, which the genesis is not.
        let state = desk.put_json("state.json", &state_of(header));
        let raw = desk.put("raw.hex", header["rlp"].as_str().unwrap());
        let answer = desk.header(&state, &raw, &[]);
        match header["number"].as_u64() {
            Some(0) => assert_eq!(refused(&answer), "too-few-seals"),
            _ => accepted(&answer),
        }
    }
}

#[test]
fn heights_only_grow() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-headers");
    let headers = capture["headers"].as_array().unwrap();
    let old = desk.put("old.hex", headers[3]["rlp"].as_str().unwrap());
    let new = desk.put("new.hex", headers[4]["rlp"].as_str().unwrap());
    assert_eq!(refused(&desk.header(&new, &old, &[])), "not-newer");
    let mut state = state_of(&headers[4]);
    state["time"] = json!(1);
    let state = desk.put_json("state.json", &state);
    assert_eq!(refused(&desk.header(&state, &new, &[])), "not-newer");
    // Another block at the trusted height, however well sealed.
    let pairs = crate::verify::tests::capture("goquorum-qbft-4v-misbehaviour");
    let [a, b] = ["a", "b"].map(|side| desk.put(side, pairs["pairs"][0][side]["rlp"].as_str().unwrap()));
    assert_eq!(refused(&desk.header(&a, &b, &[])), "not-newer");
    // The same block as another node stores it.
    let [a, b] = ["a", "b"].map(|side| desk.put(side, pairs["pairs"][4][side]["rlp"].as_str().unwrap()));
    accepted(&desk.header(&a, &b, &[]));
}

#[test]
fn every_negative_header_is_refused_by_its_rule() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-negative");
    for case in capture["cases"].as_array().unwrap() {
        let expect = case["expect"].as_str().unwrap();
        let label = case["label"].as_str().unwrap();
        let header = desk.put("header.hex", case["rlp"].as_str().unwrap());
        for height in [0, 45] {
            // Some of the cases are made of block 1.
            let trusted = json!({"height": height, "time": "0x0", "validators": case["trusted_validators"]});
            let trusted = desk.put_json("trusted.json", &trusted);
            let answer = desk.header(&trusted, &header, &[]);
            if expect == "accept" {
                accepted(&answer);
                continue;
            }
            let rule = refused(&answer);
            if rule == "not-newer" {
                assert_eq!(height, 45, "{label}");
                continue;
            }
            let expected: &[&str] = match expect {
                "too few seals" => &["too-few-seals"],
                "duplicate signer" => &["signer-repeated", "seal-high-s"],
                "signer is not a validator" => &["signer-unknown"],
                "malformed seal" => &["seal-malformed"],
                "malformed extra data" => &["extra-data-malformed"],
                "malformed validator set" => &["validator-repeated"],
                "wrong mix hash" => &["mix-hash-mismatch"],
                "wrong difficulty" => &["difficulty-not-one"],
                "wrong nonce" => &["nonce-not-zero"],
                other => panic!("{other}"),
            };
            assert!(expected.contains(&rule), "{label}: {rule}");
        }
    }
}

#[test]
fn a_changed_block_does_not_fit_its_hash() {
    let desk = Desk::new();
    let capture = capture("devnode-qbft-4v-forks");
    let fork = capture["forks"].as_array().unwrap().last().unwrap();
    let trusted = desk.put_json("trusted.json", &fork["headers"][0]["block"]);
    let block = &fork["headers"][1]["block"];
    let with = |name: &str, value: Value| {
        let mut block = block.clone();
        block[name] = value;
        desk.header(&trusted, &desk.put_json("block.json", &block), &[])
    };
    accepted(&with("hash", block["hash"].clone()));
    accepted(&with("hash", json!(block["hash"].as_str().unwrap().to_uppercase().replace("0X", "0x"))));
    accepted(&with("hash", Value::Null));
    for (name, value) in [
        ("hash", json!(format!("0x{:064}", 1))),
        ("stateRoot", json!(format!("0x{:064}", 1))),
        ("gasUsed", json!("0x1")),
        ("timestamp", json!("0x1")),
        ("baseFeePerGas", Value::Null),
        ("requestsHash", json!(format!("0x{:064}", 1))),
        ("slotNumber", json!("0x5")),
    ] {
        assert_eq!(refused(&with(name, value)), "hash-mismatch", "{name}");
    }
    for (name, value) in [
        ("stateRoot", Value::Null),
        ("stateRoot", json!("0x01")),
        ("nonce", json!("0x10000000000000000")),
        ("number", json!("x")),
    ] {
        assert_eq!(refused(&with(name, value)), "block-malformed", "{name}");
    }
    // A trusted block is held to its hash as well.
    let mut bent = fork["headers"][0]["block"].clone();
    bent["gasLimit"] = json!("0x1");
    let bent = desk.put_json("bent.json", &bent);
    let header = desk.put_json("block.json", block);
    assert_eq!(refused(&desk.header(&bent, &header, &[])), "hash-mismatch");
}

#[test]
fn besu_headers_of_both_kinds() {
    let desk = Desk::new();
    for (name, kind) in [("besu-qbft-7528", "qbft"), ("besu-ibft2-synthetic", "ibft2")] {
        let capture = capture(name);
        for header in capture["headers"].as_array().unwrap() {
            let computed = &header["computed"];
            let number = computed["number"].as_u64().unwrap();
            let state = json!({"height": number - 1, "time": 0, "validators": computed["validators"]});
            let trusted = desk.put_json("trusted.json", &state);
            let file = desk.put("header.hex", header["rlp"].as_str().unwrap());
            let answer = desk.run(&["header", "--consensus", kind, "--trusted", &trusted, "--header", &file]);
            if computed["accept"].as_bool().unwrap() {
                accepted(&answer);
                let hash = answer.1["values"]["header"]["hash"].as_str().unwrap();
                assert_eq!(hash[2..], *computed["block_hash"].as_str().unwrap());
            } else {
                assert_eq!(refused(&answer), "signer-unknown");
            }
            let other = if kind == "qbft" { "ibft2" } else { "qbft" };
            let answer = desk.run(&["header", "--consensus", other, "--trusted", &trusted, "--header", &file]);
            assert_eq!(refused(&answer), "extra-data-malformed");
        }
    }
    let ibft1 = capture("goquorum-ibft-4v-headers");
    let file = desk.put_json("ibft1.json", &ibft1["headers"][1]["block"]);
    assert_eq!(refused(&desk.header(&file, &file, &[])), "extra-data-malformed");
}

#[test]
fn times_and_periods() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-headers");
    let headers = capture["headers"].as_array().unwrap();
    let trusted = desk.put("trusted.hex", headers[2]["rlp"].as_str().unwrap());
    let header = desk.put("header.hex", headers[3]["rlp"].as_str().unwrap());
    let time = u64::from_str_radix(&headers[3]["block"]["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    let at = |now: u64, more: &[&str]| desk.header(&trusted, &header, &[&["--now", &now.to_string()], more].concat());
    // Both are unlimited unless they are given.
    accepted(&at(u64::MAX, &[]));
    accepted(&at(0, &[]));
    accepted(&at(time - 15, &["--clock-drift", "15s"]));
    assert_eq!(refused(&at(time - 16, &["--clock-drift", "15s"])), "time-in-future");
    accepted(&at(time + 86_398, &["--trusting-period", "1d"]));
    assert_eq!(refused(&at(time + 86_399, &["--trusting-period", "1d"])), "trust-expired");
    accepted(&desk.header(&trusted, &header, &["--now", &format!("0x{time:x}"), "--clock-drift", "0"]));
    let mut later = state_of(&headers[2]);
    later["time"] = json!((time + 1).to_string());
    let later = desk.put_json("later.json", &later);
    assert_eq!(refused(&desk.header(&later, &header, &[])), "time-before-trusted");
    for (flag, value, rule) in [
        ("--now", "soon", "now-malformed"),
        ("--clock-drift", "5x", "duration-malformed"),
        ("--trusting-period", "-1d", "duration-malformed"),
        ("--trust-level", "half", "trust-level-unknown"),
    ] {
        assert_eq!(refused(&desk.header(&trusted, &header, &[&format!("{flag}={value}")])), rule);
    }
    let line = ["header", "--consensus", "clique", "--trusted", &trusted, "--header", &header];
    assert_eq!(refused(&desk.run(&line)), "consensus-unknown");
}

#[test]
fn trusted_values_are_checked() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-headers");
    let headers = capture["headers"].as_array().unwrap();
    let header = desk.put("header.hex", headers[3]["rlp"].as_str().unwrap());
    let good = state_of(&headers[2]);
    let with = |name: &str, value: Value| {
        let mut state = good.clone();
        state[name] = value;
        desk.header(&desk.put_json("state.json", &state), &header, &[])
    };
    for height in [json!(1), json!("1"), json!("0x1")] {
        accepted(&with("height", height));
    }
    let upper: Vec<String> =
        good["validators"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()[2..].to_uppercase()).collect();
    accepted(&with("validators", json!(upper)));
    let list = good["validators"].as_array().unwrap();
    assert_eq!(refused(&with("validators", json!([]))), "validator-set-empty");
    assert_eq!(refused(&with("validators", json!([list[0], list[0]]))), "validator-repeated");
    assert_eq!(refused(&with("validators", json!(["0x01"]))), "trusted-malformed");
    assert_eq!(refused(&with("validators", json!({}))), "trusted-malformed");
    for (name, value) in [("height", json!(1.5)), ("height", Value::Null), ("time", json!(-1)), ("time", json!("now"))]
    {
        assert_eq!(refused(&with(name, value)), "trusted-malformed", "{name}");
    }
    // Three of the four and a stranger: the header's set is another one, and three of the four signed it.
    let stranger = format!("0x{:040}", 1);
    accepted(&with("validators", json!([list[0], list[1], list[2]])));
    let strangers: Vec<String> = (1..=4).map(|i| format!("0x{i:040}")).collect();
    assert_eq!(refused(&with("validators", json!(strangers))), "too-few-trusted-seals");
    assert_eq!(refused(&with("validators", json!([stranger, strangers[1], list[0]]))), "too-few-trusted-seals");
}

#[test]
fn misbehaviour_is_two_certified_blocks() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-misbehaviour");
    for pair in capture["pairs"].as_array().unwrap() {
        let label = pair["label"].as_str().unwrap();
        let [a, b] = ["a", "b"].map(|side| desk.put(side, pair[side]["rlp"].as_str().unwrap()));
        for height in [0, 45, 46] {
            let state = json!({"height": height, "time": 0, "validators": capture["trusted_validators"]});
            let trusted = desk.put_json("trusted.json", &state);
            for (first, second) in [(&a, &b), (&b, &a)] {
                let answer = desk.misbehaviour(&trusted, first, second);
                match (pair["misbehaviour"].as_bool().unwrap(), pair["a"]["hash"] == pair["b"]["hash"]) {
                    (true, _) => {
                        accepted(&answer);
                        assert!(
                            answer.1["values"]["not_shown"].as_str().unwrap().contains("account proof"),
                            "{answer:?}"
                        );
                    }
                    (false, true) => assert_eq!(refused(&answer), "headers-identical", "{label}"),
                    (false, false) => assert_eq!(refused(&answer), "too-few-seals", "{label}"),
                }
            }
        }
        // The real header may stand for what is trusted.
        assert_eq!(desk.misbehaviour(&a, &a, &b).0 == 0, pair["misbehaviour"].as_bool().unwrap(), "{label}");
        let above = json!({"height": 47, "time": 0, "validators": capture["trusted_validators"]});
        let above = desk.put_json("above.json", &above);
        if pair["a"]["hash"] != pair["b"]["hash"] {
            assert_eq!(refused(&desk.misbehaviour(&above, &a, &b)), "consensus-state-unknown", "{label}");
        }
    }
    let forks = crate::verify::tests::capture("devnode-qbft-4v-forks");
    for fork in forks["forks"].as_array().unwrap() {
        let trusted = desk.put_json("trusted.json", &fork["headers"][0]["block"]);
        let last = fork["headers"].as_array().unwrap().last().unwrap();
        let real = desk.put_json("real.json", &last["block"]);
        let forged = desk.put("forged.hex", fork["misbehaviour"]["rlp"].as_str().unwrap());
        accepted(&desk.misbehaviour(&trusted, &real, &forged));
        assert_eq!(refused(&desk.misbehaviour(&trusted, &real, &real)), "headers-identical");
        let other = desk.put_json("other.json", &fork["headers"][1]["block"]);
        assert_eq!(refused(&desk.misbehaviour(&trusted, &other, &forged)), "heights-differ");
    }
}

#[test]
fn misbehaviour_rests_on_the_set_that_is_trusted() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-misbehaviour");
    let [a, b] = ["a", "b"].map(|side| desk.put(side, capture["pairs"][0][side]["rlp"].as_str().unwrap()));
    let strangers: Vec<String> = (1..=4).map(|i| format!("0x{i:040}")).collect();
    let trusted = desk.put_json("trusted.json", &json!({"height": 1, "time": 0, "validators": strangers}));
    assert_eq!(refused(&desk.misbehaviour(&trusted, &a, &b)), "set-unknown-at-height");
    let one = ["misbehaviour", "--consensus", "qbft", "--trusted", &trusted, "--header", &a];
    assert_eq!(refused(&desk.run(&one)), "header-count");
}

#[test]
fn only_what_cannot_be_read_exits_with_2() {
    let desk = Desk::new();
    let good = desk.put("good.hex", capture("goquorum-qbft-4v-headers")["headers"][1]["rlp"].as_str().unwrap());
    let missing = desk.folder.path().join("missing").to_str().unwrap().to_owned();
    let folder = desk.folder.path().to_str().unwrap().to_owned();
    let unreadable = [
        missing,
        folder,
        desk.put("text", "this is no header"),
        desk.put("odd", "0xabc"),
        desk.put("json", "{\"number\": "),
        desk.put("binary", [0xff, 0xfe, 0x00]),
        desk.put("deep", "[".repeat(1000)),
    ];
    for file in &unreadable {
        assert_eq!(desk.header(file, &good, &[]).0, 2, "{file}");
        assert_eq!(desk.header(&good, file, &[]).0, 2, "{file}");
        assert_eq!(desk.misbehaviour(&good, file, &good).0, 2, "{file}");
        assert_eq!(desk.run(&["proof", "--header", &good, "--proof", file]).0, 2, "{file}");
        assert_eq!(desk.run(&["packet", "--packet", file]).0, 2, "{file}");
    }
    for (content, rule) in [
        ("", "header-malformed"),
        ("0x", "header-malformed"),
        ("00", "header-malformed"),
        ("c0", "header-malformed"),
        ("AAAA", "header-malformed"),
        ("{}", "block-malformed"),
        ("[]", "block-malformed"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}", "block-malformed"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000}}", "block-malformed"),
        // Valid all the same, though no value holds it.
        ("{\"number\":1e999}", "json-out-of-bounds"),
        ("{\"number\":\"\\ud800\"}", "json-out-of-bounds"),
    ] {
        let file = desk.put("file", content);
        assert_eq!(refused(&desk.header(&good, &file, &[])), rule, "{content}");
        assert_eq!(refused(&desk.header(&file, &good, &[])), rule, "{content}");
    }
    let rlp = fs::read_to_string(&good).unwrap();
    let cut = desk.put("cut.hex", &rlp[..rlp.len() - 2]);
    assert_eq!(refused(&desk.header(&good, &cut, &[])), "header-malformed");
    let long = desk.put("long.hex", format!("{rlp}00"));
    assert_eq!(refused(&desk.header(&good, &long, &[])), "header-malformed");
    let deep = desk.put("deep.json", "[".repeat(1000) + &"]".repeat(1000));
    assert_eq!(refused(&desk.header(&good, &deep, &[])), "json-out-of-bounds");
    let huge = desk.put("huge.hex", "00".repeat(40_000));
    assert_eq!(refused(&desk.header(&good, &huge, &[])), "header-too-large");
}

/// Files with some bytes changed: whatever they say, there is a verdict, and none of them is read as the original.
#[test]
fn bent_files_get_a_verdict() {
    let desk = Desk::new();
    let capture = capture("goquorum-qbft-4v-headers");
    let (before, header) = (&capture["headers"][3], &capture["headers"][4]);
    let good = [before["block"].to_string(), header["block"].to_string(), state_of(before).to_string()];
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        // Knuth's multiplier; the high bits are the good ones.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    for round in 0..600 {
        let which = round % 3;
        let mut bytes = good[which].clone().into_bytes();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = b"0123456789abcdefx\"{}[],:-"[next(25)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"0123456789abcdefx\"{}[],:-"[next(25)]),
            }
        }
        let file = desk.put("bent.json", &bytes);
        let [trusted, block] = [desk.put("trusted.json", &good[0]), desk.put("block.json", &good[1])];
        let status = match which {
            0 | 2 => desk.status(&["header", "--consensus", "qbft", "--trusted", &file, "--header", &block]),
            _ => desk.status(&["header", "--consensus", "qbft", "--trusted", &trusted, "--header", &file]),
        };
        assert!(status <= 2);
        // What is hashed cannot change; names and values that are not in the header can.
        if which == 1 && status == 0 {
            let found: Value = serde_json::from_slice(&bytes).unwrap();
            for field in ["stateRoot", "parentHash", "extraData", "receiptsRoot", "logsBloom"] {
                assert_eq!(found[field], header["block"][field], "round {round}: {field}");
            }
        }
    }
}
