//! `verify header` and `verify misbehaviour` on blocks of Tendermint chains, as their RPC returned them.

use super::{Answer, Desk, accepted, refused};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// What a chain answered, or was said of it, as the client's own tests read it.
pub(super) fn recorded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../light-clients/tendermint/vectors/captures");
    serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

fn header(desk: &Desk, trusted: &Value, header: &Value, more: &[&str]) -> Answer {
    let trusted = desk.put_json("trusted.json", trusted);
    let header = desk.put_json("header.json", header);
    desk.run(&[&["header", "--consensus", "tendermint", "--trusted", &trusted, "--header", &header], more].concat())
}

fn misbehaviour(desk: &Desk, trusted: &Value, first: &Value, second: &Value) -> Answer {
    let trusted = desk.put_json("trusted.json", trusted);
    let first = desk.put_json("first.json", first);
    let second = desk.put_json("second.json", second);
    let line = ["misbehaviour", "--consensus", "tendermint", "--trusted", &trusted];
    desk.run(&[&line[..], &["--header", &first, "--header", &second]].concat())
}

fn too_far(answer: &Answer) {
    assert_eq!((answer.0, answer.1["rule"].as_str()), (3, Some("not-enough-trust")), "{answer:?}");
}

/// The parts that a case needs of what is trusted, and the forms in which they come.
fn trusted_forms(block: &Value, adjacent: bool) -> Vec<Value> {
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": -1, "result": result});
    let page = |set: &Value| answer(json!({"block_height": "1", "validators": set, "count": "9", "total": "9"}));
    let signed = answer(json!({"signed_header": block["signed_header"], "canonical": true}));
    let bare = json!({"header": block["signed_header"]["header"]});
    let mut forms = vec![
        block.clone(),
        json!({"result": block}),
        json!({"signed_header": signed, "validators": page(&block["validators"]), "next_validators": page(&block["next_validators"])}),
        json!({"signed_header": bare, "next_validators": block["next_validators"]}),
        json!({"signed_header": bare, "validators": [], "next_validators": block["next_validators"]}),
    ];
    if adjacent {
        forms.extend([
            json!({"signed_header": bare}),
            json!({"signed_header": bare, "validators": [], "next_validators": null}),
            signed,
        ]);
    }
    forms
}

/// The rule that upstream's words stand for.
fn rule_of(says: &str) -> &'static str {
    let rules = [
        ("insufficient voting power", "not-enough-power"),
        ("time from the future", "time-in-future"),
        ("to be greater than one of old header", "not-newer"),
        ("to be after old header time", "time-not-after-trusted"),
        ("wrong signature", "signature-invalid"),
        ("double vote", "signature-invalid"),
        ("belongs to another chain", "chain-id-mismatch"),
        ("expected new header validators", "validators-hash-mismatch"),
    ];
    rules.iter().find(|(text, _)| says.contains(text)).unwrap_or_else(|| panic!("{says}")).1
}

#[test]
fn every_recorded_case_gets_upstream_s_verdict() {
    let desk = Desk::new();
    let mut count = 0;
    for file in ["cometbft-038-walk", "cometbft-038-thresholds", "irita-walk"] {
        let capture = recorded(file);
        for case in capture["cases"].as_array().unwrap() {
            let block = |role: &str| &capture["blocks"][case[role].as_str().unwrap()];
            let text = |name: &str| case[name].as_str().unwrap();
            let more = [
                ["--now", text("now")],
                ["--trust-level", text("trust_threshold")],
                ["--trusting-period", text("trusting_period_seconds")],
                ["--clock-drift", text("max_clock_drift_seconds")],
            ]
            .concat();
            for trusted in trusted_forms(block("trusted"), case["adjacent"] == true) {
                let answer = header(&desk, &trusted, block("untrusted"), &more);
                let name = format!("{file}, {}", text("name"));
                match text("verdict") {
                    // The tool's own rule: what is trusted needs no proof.
                    "invalid" if case["trusted"] == case["untrusted"] => accepted(&answer),
                    "accept" => {
                        accepted(&answer);
                        let values = &answer.1["values"];
                        let hash = &block("untrusted")["signed_header"]["commit"]["block_id"]["hash"];
                        let expected = format!("0x{}", hash.as_str().unwrap().to_lowercase());
                        assert_eq!(values["header"]["hash"], expected, "{name}");
                        let is_next = case["adjacent"] == true;
                        assert_eq!(values["rule"], if is_next { "adjacent" } else { "skipping" }, "{name}");
                    }
                    "not_enough_trust" => too_far(&answer),
                    "trusted_header_expired" => assert_eq!(refused(&answer), "trust-expired", "{name}"),
                    "invalid" => assert_eq!(refused(&answer), rule_of(text("oracle_says")), "{name}"),
                    other => panic!("{name}: {other}"),
                }
            }
            count += 1;
        }
    }
    assert_eq!(count, 48);
}

/// Sixteen blocks with SM2 validators, whose application hash has eight bytes.
#[test]
fn a_chain_is_followed_whatever_its_application() {
    let desk = Desk::new();
    let capture = recorded("irita-sm2-local-chain");
    let blocks = capture["blocks"].as_array().unwrap();
    let mut followed = 0;
    for pair in blocks.windows(2) {
        let [before, block] = pair else { unreachable!() };
        let answer = header(&desk, before, block, &[]);
        let next_is_known = before["signed_header"]["header"]["next_validators_hash"]
            == block["signed_header"]["header"]["validators_hash"];
        if next_is_known {
            accepted(&answer);
            followed += 1;
            let other = header(&desk, before, block, &["--sm2-user-id", "ALICE123@YAHOO.COM"]);
            assert_eq!(refused(&other), "signature-invalid");
            assert_eq!(answer, header(&desk, before, block, &["--sm2-user-id", "1234567812345678"]));
        }
    }
    assert!(followed >= 10, "only {followed}");
}

#[test]
fn heights_only_grow() {
    let desk = Desk::new();
    let blocks = recorded("cometbft-038-walk")["blocks"].take();
    let verify = |trusted: &str, untrusted: &str| header(&desk, &blocks[trusted], &blocks[untrusted], &[]);
    for name in ["3", "6", "25"] {
        accepted(&verify(name, name));
        // Whatever the clock says, and whoever voted.
        accepted(&header(&desk, &blocks[name], &blocks[name], &["--now", "0", "--trusting-period", "0"]));
    }
    let mut unsigned = blocks["6"].clone();
    unsigned["signed_header"]["commit"]["signatures"][0]["signature"] = STANDARD.encode([0; 64]).into();
    accepted(&header(&desk, &blocks["6"], &unsigned, &[]));
    assert_eq!(refused(&header(&desk, &blocks["5"], &unsigned, &[])), "signature-invalid");
    assert_eq!(refused(&verify("6", "forged_too_few_signers")), "not-newer");
    assert_eq!(refused(&verify("6", "forged_equivocation")), "not-newer");
    assert_eq!(refused(&verify("forged_equivocation", "6")), "not-newer");
    assert_eq!(refused(&verify("7", "6")), "not-newer");
}

#[test]
fn times_levels_and_periods() {
    let desk = Desk::new();
    let blocks = recorded("cometbft-038-walk")["blocks"].take();
    // Block 3 is of 07:33:26.738631353, block 6 of 07:33:30.217713065.
    let at = |more: &[&str]| header(&desk, &blocks["3"], &blocks["6"], more);
    for now in ["0", "18446744073709551615", "2026-11-21T07:33:20Z", "0x0"] {
        accepted(&at(&["--now", now]));
    }
    assert_eq!(at(&[]).1["values"]["now"], "1795246410.217713065");
    accepted(&at(&["--now", "1795246400.217713066", "--clock-drift", "10s"]));
    assert_eq!(refused(&at(&["--now", "1795246400.217713065", "--clock-drift", "10s"])), "time-in-future");
    assert_eq!(refused(&at(&["--clock-drift", "0"])), "time-in-future");
    accepted(&at(&["--now", "2026-11-22T07:33:26.738631352Z", "--trusting-period", "1d"]));
    let expired = at(&["--now", "2026-11-22T07:33:26.738631353Z", "--trusting-period", "1d"]);
    assert_eq!(refused(&expired), "trust-expired");
    for level in ["1/3", "2/3", "1/1", " 1 / 3 ", "85/255"] {
        let answer = at(&["--trust-level", level]);
        if level == "1/1" { too_far(&answer) } else { accepted(&answer) }
    }
    for level in ["1/4", "4/3", "0/0", "1/0", "1", "a/b", "-1/3", "strict", "", "256/256"] {
        assert_eq!(refused(&at(&[&format!("--trust-level={level}")])), "trust-level-unknown", "{level}");
    }
    for (flag, value, rule) in [
        ("--now", "soon", "now-malformed"),
        ("--now", "2026-13-01T00:00:00Z", "now-malformed"),
        ("--clock-drift", "5x", "duration-malformed"),
        ("--tree-hash", "md5", "hash-unknown"),
        ("--address-hash", "", "hash-unknown"),
        ("--sm2-user-id", "", "sm2-user-id-malformed"),
        ("--address-hash", "sm3", "answer-contradicts-itself"),
        ("--tree-hash", "sm3", "answer-contradicts-itself"),
    ] {
        assert_eq!(refused(&at(&[&format!("{flag}={value}")])), rule, "{flag} {value}");
    }
}

#[test]
fn sets_are_those_that_the_headers_name() {
    let desk = Desk::new();
    let blocks = recorded("cometbft-038-walk")["blocks"].take();
    let skip = |bend: &dyn Fn(&mut Value, &mut Value)| {
        let (mut trusted, mut untrusted) = (blocks["7"].clone(), blocks["17"].clone());
        bend(&mut trusted, &mut untrusted);
        header(&desk, &trusted, &untrusted, &[])
    };
    accepted(&skip(&|_, _| ()));
    type Bend<'a> = (&'a str, &'a dyn Fn(&mut Value, &mut Value));
    let bends: [Bend<'_>; 12] = [
        ("trusted-set-mismatch", &|trusted, _| trusted["next_validators"] = blocks["16"]["validators"].clone()),
        ("trusted-set-mismatch", &|trusted, _| {
            trusted["next_validators"].as_array_mut().unwrap().pop();
        }),
        ("trusted-set-mismatch", &|trusted, _| trusted["next_validators"].as_array_mut().unwrap().swap(0, 1)),
        ("trusted-set-mismatch", &|trusted, _| trusted["next_validators"][0]["voting_power"] = json!("1")),
        ("validator-repeated", &|trusted, _| {
            let first = trusted["next_validators"][0].clone();
            trusted["next_validators"].as_array_mut().unwrap().push(first);
        }),
        ("answer-malformed", &|trusted, _| trusted["next_validators"][0]["voting_power"] = json!("-5")),
        ("total-power-too-large", &|trusted, _| {
            trusted["next_validators"][0]["voting_power"] = json!("9223372036854775807");
        }),
        ("validators-hash-mismatch", &|_, untrusted| untrusted["validators"].as_array_mut().unwrap().swap(0, 1)),
        ("answer-contradicts-itself", &|_, untrusted| {
            untrusted["validators"].as_array_mut().unwrap().pop();
        }),
        ("validator-set-empty", &|_, untrusted| untrusted["validators"] = json!([])),
        ("answer-malformed", &|_, untrusted| untrusted["validators"] = Value::Null),
        ("answer-malformed", &|_, untrusted| untrusted["signed_header"]["commit"] = Value::Null),
    ];
    for (number, (rule, bend)) in bends.into_iter().enumerate() {
        assert_eq!(refused(&skip(bend)), rule, "change {number}");
    }
    // Without the next set the trusted one's own does, when it is the same; else the rule misses it.
    let without = |trusted: &mut Value, _: &mut Value| trusted["next_validators"] = json!([]);
    accepted(&skip(&without));
    let mut trusted = blocks["6"].clone();
    trusted["next_validators"] = Value::Null;
    assert_eq!(refused(&header(&desk, &trusted, &blocks["17"], &[])), "trusted-set-missing");
    accepted(&header(&desk, &trusted, &blocks["7"], &[]));
    // The header's next set plays no part.
    accepted(&skip(&|_, untrusted| untrusted["next_validators"] = json!([])));
}

#[test]
fn the_recorded_pairs_are_misbehaviour() {
    let desk = Desk::new();
    let capture = recorded("cometbft-038-walk");
    let blocks = &capture["blocks"];
    let pairs = capture["misbehaviour"].as_array().unwrap();
    assert_eq!(pairs.len(), 2);
    for pair in pairs {
        let [a, b] = ["header_1", "header_2"].map(|side| &blocks[pair[side].as_str().unwrap()]);
        // 3 is what ibc-go was given; 6 is one of the two itself.
        for trusted in ["3", "4", "5", "6"] {
            for trusted in trusted_forms(&blocks[trusted], true) {
                accepted(&misbehaviour(&desk, &trusted, a, b));
                accepted(&misbehaviour(&desk, &trusted, b, a));
            }
        }
        assert_eq!(refused(&misbehaviour(&desk, &blocks["15"], a, b)), "consensus-state-unknown");
        assert_eq!(refused(&misbehaviour(&desk, &blocks["forged_by_strangers"], a, b)), "set-unknown-at-height");
    }
    let pair = |trusted: &str, a: &str, b: &str| misbehaviour(&desk, &blocks[trusted], &blocks[a], &blocks[b]);
    assert_eq!(refused(&pair("3", "6", "6")), "headers-identical");
    let mut other_round = blocks["6"].clone();
    other_round["signed_header"]["commit"]["round"] = json!(1);
    assert_eq!(refused(&misbehaviour(&desk, &blocks["3"], &blocks["6"], &other_round)), "headers-identical");
    assert_eq!(refused(&pair("3", "4", "5")), "no-conflict");
    assert_eq!(refused(&pair("6", "6", "7")), "no-conflict");
    assert_eq!(refused(&pair("3", "6", "forged_other_chain")), "chain-id-mismatch");
    assert_eq!(refused(&pair("3", "forged_equivocation", "forged_too_few_signers")), "not-enough-power");
    assert_eq!(refused(&pair("3", "forged_equivocation", "forged_bad_signatures")), "signature-invalid");
    // A block certified by a set of the forger's own is no misbehaviour of the one that was valid: none of its votes counts there.
    assert_eq!(refused(&pair("3", "6", "forged_by_strangers")), "not-enough-power");
    let file = desk.put_json("one.json", &blocks["6"]);
    let one = ["misbehaviour", "--consensus", "tendermint", "--trusted", &file, "--header", &file];
    assert_eq!(refused(&desk.run(&one)), "header-count");
}

/// What is set at a path into a value.
fn set(value: &mut Value, path: &[&str], to: Value) {
    let at = path.iter().fold(value, |value, name| match name.parse::<usize>() {
        Ok(index) => &mut value[index],
        Err(_) => &mut value[*name],
    });
    *at = to;
}

/// Whatever a file says in place of any of its values, there is a verdict, and no other header is taken for the certified one.
#[test]
fn every_value_of_a_file_counts_or_is_harmless() {
    fn paths<'a>(value: &'a Value, at: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Value)>) {
        found.push((at.clone(), value));
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
            _ => Vec::new(),
        };
        for (name, child) in children {
            at.push(name);
            paths(child, at, found);
            at.pop();
        }
    }
    let desk = Desk::new();
    let blocks = recorded("cometbft-038-walk")["blocks"].take();
    let (trusted, block) = (&blocks["5"], &blocks["6"]);
    let mut found = Vec::new();
    paths(block, &mut Vec::new(), &mut found);
    let [good_trusted, good_block] = [desk.put_json("trusted.json", trusted), desk.put_json("block.json", block)];
    let status = |trusted: &str, header: &str| {
        desk.status(&["header", "--consensus", "tendermint", "--trusted", trusted, "--header", header])
    };
    let bad = [
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(""),
        json!("0"),
        json!(-1),
        json!(1e300),
        json!("99999999999999999999999"),
        json!("zz"),
        json!("00"),
        json!("AAAA"),
    ];
    for (path, original) in &found {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        for to in &bad {
            let (mut bent, mut bent_trusted) = (block.clone(), trusted.clone());
            set(&mut bent, &path, to.clone());
            set(&mut bent_trusted, &path, to.clone());
            let file = desk.put_json("bent.json", &bent);
            let found = status(&good_trusted, &file);
            assert!(found == 0 || found == 1, "{path:?} {to}: {found}");
            let is_of_hashed = matches!(path.as_slice(), ["signed_header", "header", ..] | ["validators", ..]);
            // What the RPC says besides: in no hash. An address may be left out.
            let is_beside = path.contains(&"proposer_priority") || path.contains(&"name");
            let is_left_out = path.last() == Some(&"address") && to.is_null();
            let is_hashed = is_of_hashed && !is_beside && !is_left_out;
            // An absent number of the header is zero, and so is one that says so.
            let is_same = original == &to || (to.is_null() && *original == "0") || (*original == "" && to == "");
            let is_zero_version = path.contains(&"version") && (to.is_null() || to == "0" || *to == json!({}));
            if is_hashed && !is_same && !is_zero_version {
                assert_eq!(found, 1, "{path:?} {to}");
            }
            let file = desk.put_json("bent.json", &bent_trusted);
            assert_ne!(status(&file, &good_block), 2, "{path:?} {to}");
        }
    }
}

/// Cut, doubled and bent texts: there is always a verdict.
#[test]
fn bent_files_get_a_verdict() {
    let desk = Desk::new();
    let blocks = recorded("irita-walk")["blocks"].take();
    let good = [blocks["8"].to_string(), blocks["9"].to_string()];
    let [trusted, block] = [desk.put("trusted.json", &good[0]), desk.put("block.json", &good[1])];
    let run = |trusted: &str, block: &str| {
        desk.status(&["header", "--consensus", "tendermint", "--trusted", trusted, "--header", block])
    };
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    for round in 0..400 {
        let mut bytes = good[round % 2].clone().into_bytes();
        match next(4) {
            0 => bytes.truncate(next(bytes.len())),
            _ => {
                let at = next(bytes.len());
                bytes[at] = b"0123456789abcdefABC+/=\"{}[],:-T"[next(31)];
            }
        }
        let is_json = serde_json::from_slice::<Value>(&bytes).is_ok();
        let file = desk.put("bent.json", &bytes);
        let status = if round % 2 == 0 { run(&file, &block) } else { run(&trusted, &file) };
        assert!(status <= 3 && (status != 2 || !is_json), "round {round}: {status}");
        assert!(is_json || bytes.is_empty() || status == 2, "round {round}: {status}");
    }
    let unreadable = desk.put("unreadable.json", &good[0][..good[0].len() - 1]);
    let missing = desk.folder.path().join("missing").to_str().unwrap().to_owned();
    for file in [&unreadable, &missing] {
        assert_eq!((run(file, &block), run(&trusted, file)), (2, 2));
        let line = ["misbehaviour", "--consensus", "tendermint", "--trusted", &trusted];
        assert_eq!(desk.run(&[&line[..], &["--header", &block, "--header", file]].concat()).0, 2);
    }
    for content in
        ["", "00", "AAAA", "{}", "[]", "null", "\"\"", "[1e999]", "{\"result\":{}}", "{\"signed_header\":[]}"]
    {
        let file = desk.put("parses", content);
        assert_eq!((run(&file, &block), run(&trusted, &file)), (1, 1), "{content}");
    }
    // Of a name given twice, the last one counts.
    let doubled = good[1].replacen('{', "{\"signed_header\":1,", 1);
    assert_eq!(run(&trusted, &desk.put("doubled.json", doubled)), 0);
    let doubled = good[1].replacen("\"signed_header\"", "\"signed_header\":1,\"signed_header_\"", 1);
    assert_eq!(run(&trusted, &desk.put("doubled.json", doubled)), 1);
}
