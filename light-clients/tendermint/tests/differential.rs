//! Agreement with the verifier of tendermint-rs: on every recorded case of Ed25519 keys, and on what becomes of each when
//! one thing in it is changed.
//!
//! In one point they part on purpose. tendermint-rs looks votes up by the address beside them, wherever they stand; CometBFT's
//! check of the header's set, and with it this client, takes a vote for that of the validator at its place. So votes that
//! exchanged their places pass there and not here ([`IN_ANOTHER_PLACE`]), and addresses beside votes are left as they are.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use core::time::Duration;
use light_client::{Fault, FaultKind, Timestamp};
use light_client_tendermint::{Parameters, Tendermint, TreeHash, json};
use serde_json::{Value, json};
use support::captures::{Case, cases};
use tendermint::{Hash, Time, block::signed_header::SignedHeader, validator};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier,
    errors::VerificationErrorDetail,
    options::Options,
    types::{TrustThreshold, TrustedBlockState, UntrustedBlockState},
};

/// What a verifier may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Accept,
    NotEnoughTrust,
    Refuse,
}

fn ours(trusted: &Value, untrusted: &Value, parameters: &Parameters, now: Timestamp) -> Answer {
    let Ok(trusted) = json::trusted_block(trusted, TreeHash::Sha256) else { return Answer::Refuse };
    let Ok(untrusted) = json::light_block(untrusted, TreeHash::Sha256, TreeHash::Sha256) else { return Answer::Refuse };
    match Tendermint.verify_light_block(parameters, &trusted, &untrusted, now) {
        Ok(_) => Answer::Accept,
        Err(error) if error.kind() == FaultKind::InsufficientTrust => Answer::NotEnoughTrust,
        Err(_) => Answer::Refuse,
    }
}

fn theirs(trusted: &Value, untrusted: &Value, parameters: &Parameters, now: Timestamp) -> Answer {
    let parse = |value: &Value| -> Option<(SignedHeader, validator::Set)> {
        let header: SignedHeader = serde_json::from_value(value["signed_header"].clone()).ok()?;
        let validators: Vec<validator::Info> = serde_json::from_value(value["validators"].clone()).ok()?;
        // A set of more power is refused by a panic.
        let power: u128 = validators.iter().map(|validator| u128::from(validator.power.value())).sum();
        if power > u128::from(light_client_tendermint::MAX_TOTAL_POWER) {
            return None;
        }
        Some((header, validator::Set::without_proposer(validators)))
    };
    let (Some((trusted_header, _)), Some((header, validators))) = (parse(trusted), parse(untrusted)) else {
        return Answer::Refuse;
    };
    let Ok(next) = serde_json::from_value::<Vec<validator::Info>>(trusted["next_validators"].clone()) else {
        return Answer::Refuse;
    };
    let next = validator::Set::without_proposer(next);
    let next_validators_hash: Hash = trusted_header.header.next_validators_hash;
    // The trusted set is the caller's to have checked, there as here.
    if next.hash() != next_validators_hash {
        return Answer::Refuse;
    }
    // So is the chain that was meant.
    let chain_id = parameters.chain_id.as_str().parse().unwrap();
    let level = parameters.trust_level;
    let options = Options {
        trust_threshold: TrustThreshold::new(level.numerator().into(), level.denominator().into()).unwrap(),
        trusting_period: Duration::from_secs(parameters.trusting_period_seconds),
        clock_drift: Duration::from_secs(parameters.clock_drift_seconds),
    };
    let now = Time::from_unix_timestamp(now.unix_seconds() as i64, now.subsec_nanos()).unwrap();
    let verdict = ProdVerifier::default().verify_update_header(
        UntrustedBlockState { signed_header: &header, validators: &validators, next_validators: None },
        TrustedBlockState {
            chain_id: &chain_id,
            header_time: trusted_header.header.time,
            height: trusted_header.header.height,
            next_validators: &next,
            next_validators_hash,
        },
        &options,
        now,
    );
    match verdict {
        Verdict::Success => Answer::Accept,
        Verdict::NotEnoughTrust(_) => Answer::NotEnoughTrust,
        Verdict::Invalid(VerificationErrorDetail::NotEnoughTrust(_)) => Answer::NotEnoughTrust,
        Verdict::Invalid(_) => Answer::Refuse,
    }
}

/// The recorded case whose votes stand in each other's place. CometBFT's verdict is ours.
const IN_ANOTHER_PLACE: &str = "signatures_swapped";

fn ed25519_cases() -> Vec<Case> {
    let cases = ["cometbft-038-walk", "cometbft-038-thresholds"].into_iter().flat_map(cases);
    cases.filter(|case| !case.untrusted["validators"].to_string().contains("Secp256k1")).collect()
}

#[test]
fn every_recorded_case_gets_the_same_verdict() {
    let mut accepted = 0;
    let cases = ed25519_cases();
    for case in &cases {
        let ours = ours(&case.trusted, &case.untrusted, &case.parameters, case.now);
        let theirs = theirs(&case.trusted, &case.untrusted, &case.parameters, case.now);
        if case.name == IN_ANOTHER_PLACE {
            assert_eq!((ours, theirs), (Answer::Refuse, Answer::Accept));
            continue;
        }
        assert_eq!(ours, theirs, "{}", case.name);
        accepted += u32::from(ours == Answer::Accept);
    }
    assert!(cases.len() == 38 && accepted > 15, "{accepted} of {}", cases.len());
}

/// One change of an untrusted block.
type Bend = (String, Box<dyn Fn(&mut Value)>);

fn bends(block: &Value) -> Vec<Bend> {
    let mut bends: Vec<Bend> = Vec::new();
    let mut add = |name: String, bend: Box<dyn Fn(&mut Value)>| bends.push((name, bend));
    // Every hash of the header, and of the block id.
    for (field, value) in block["signed_header"]["header"].as_object().unwrap() {
        let field = field.clone();
        if let Some(text) =
            value.as_str().filter(|text| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            let bent = flip_hex(text);
            add(
                format!("header {field}"),
                Box::new(move |block| block["signed_header"]["header"][&field] = json!(bent)),
            );
        }
    }
    for (name, value) in [
        ("height", json!("1000")),
        ("time", json!("2026-11-21T07:33:29.217713066Z")),
        ("chain_id", json!("lighter-2")),
        ("version", json!({"block": "11", "app": "7"})),
    ] {
        add(name.to_owned(), Box::new(move |block| block["signed_header"]["header"][name] = value.clone()));
    }
    let pointers = ["/signed_header/commit/block_id/hash", "/signed_header/commit/block_id/parts/hash"];
    for pointer in pointers {
        let bent = flip_hex(block.pointer(pointer).unwrap().as_str().unwrap());
        add(pointer.to_owned(), Box::new(move |block| *block.pointer_mut(pointer).unwrap() = json!(bent)));
    }
    add("round".to_owned(), Box::new(|block| block["signed_header"]["commit"]["round"] = json!(5)));
    add("commit height".to_owned(), Box::new(|block| block["signed_header"]["commit"]["height"] = json!("5")));
    add(
        "parts".to_owned(),
        Box::new(|block| block["signed_header"]["commit"]["block_id"]["parts"]["total"] = json!(9)),
    );
    // Each vote: bad, absent, for nothing, of another time, another's.
    let count = block["signed_header"]["commit"]["signatures"].as_array().unwrap().len();
    for index in 0..count {
        let vote = &block["signed_header"]["commit"]["signatures"][index];
        if vote["block_id_flag"] != 2 {
            continue;
        }
        let signature = vote["signature"].as_str().unwrap().to_owned();
        for (at, to) in [(0, "A"), (0, "B"), (50, "A"), (50, "C")] {
            let mut bent = signature.clone();
            bent.replace_range(at..at + 1, to);
            let bend = move |block: &mut Value| vote_of(block, index)["signature"] = json!(bent);
            add(format!("signature {index} at {at}"), Box::new(bend));
        }
        let absent = json!({"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": null});
        add(format!("vote {index} absent"), Box::new(move |block| *vote_of(block, index) = absent.clone()));
        add(
            format!("vote {index} for nothing"),
            Box::new(move |block| vote_of(block, index)["block_id_flag"] = json!(3)),
        );
        let later = json!("2027-01-01T00:00:00.000000001Z");
        add(format!("vote {index} later"), Box::new(move |block| vote_of(block, index)["timestamp"] = later.clone()));
        let other = block["signed_header"]["commit"]["signatures"][(index + 1) % count]["signature"].clone();
        add(
            format!("vote {index} of another"),
            Box::new(move |block| vote_of(block, index)["signature"] = other.clone()),
        );
        // All but a few.
        add(
            format!("votes from {index} on absent"),
            Box::new(move |block| {
                for index in index..count {
                    *vote_of(block, index) = json!({"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": null});
                }
            }),
        );
    }
    // Each validator: another power, another key, not listed.
    for index in 0..block["validators"].as_array().unwrap().len() {
        for power in ["1", "9", "1152921504606846975"] {
            add(
                format!("power {index} {power}"),
                Box::new(move |block| block["validators"][index]["voting_power"] = json!(power)),
            );
        }
        add(
            format!("validator {index} not listed"),
            Box::new(move |block| drop(block["validators"].as_array_mut().unwrap().remove(index))),
        );
        add(
            format!("key {index} again"),
            Box::new(move |block| {
                block["validators"][index] = block["validators"][0].clone();
            }),
        );
    }
    bends
}

fn has_a_vote(block: &Value) -> bool {
    let votes = block["signed_header"]["commit"]["signatures"].as_array().unwrap();
    votes.iter().any(|vote| vote["block_id_flag"] == 2)
}

fn vote_of(block: &mut Value, index: usize) -> &mut Value {
    &mut block["signed_header"]["commit"]["signatures"][index]
}

fn flip_hex(text: &str) -> String {
    let first = if text.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &text[1..])
}

#[test]
fn what_becomes_of_a_case_when_one_thing_changes_gets_the_same_verdict() {
    let (mut count, mut accepted, mut apart) = (0, 0, Vec::new());
    for case in ed25519_cases().iter().filter(|case| case.name != IN_ANOTHER_PLACE) {
        for (name, bend) in bends(&case.untrusted) {
            let mut bent = case.untrusted.clone();
            bend(&mut bent);
            if bent == case.untrusted || (name.starts_with("key 0")) {
                continue;
            }
            let ours = ours(&case.trusted, &bent, &case.parameters, case.now);
            let theirs = theirs(&case.trusted, &bent, &case.parameters, case.now);
            // A commit without any vote is malformed there; in CometBFT and here, nobody voted.
            let nobody_voted = (ours, theirs) == (Answer::NotEnoughTrust, Answer::Refuse) && !has_a_vote(&bent);
            if ours != theirs && !nobody_voted {
                apart.push(format!("{}, {name}: {ours:?}, theirs {theirs:?}", case.name));
            }
            count += 1;
            accepted += u32::from(ours == Answer::Accept);
        }
        // Trust levels, periods and clocks around each bound.
        for (numerator, denominator) in [(1, 3), (1, 2), (2, 3), (3, 4), (99, 100), (1, 1)] {
            for shift in [-30_i64, -11, -10, -9, -1, 0, 1, 1_209_590, 1_209_600] {
                let mut parameters = case.parameters.clone();
                parameters.trust_level = light_client_tendermint::TrustLevel::new(numerator, denominator).unwrap();
                let nanos = case.now.unix_seconds() * 1_000_000_000 + u64::from(case.now.subsec_nanos());
                let now = Timestamp::from_unix_nanos(nanos.saturating_add_signed(shift * 1_000_000_000));
                let ours = ours(&case.trusted, &case.untrusted, &parameters, now);
                let theirs = theirs(&case.trusted, &case.untrusted, &parameters, now);
                if ours != theirs {
                    apart.push(format!(
                        "{}, {numerator}/{denominator}, {shift} s: {ours:?}, theirs {theirs:?}",
                        case.name
                    ));
                }
                count += 1;
                accepted += u32::from(ours == Answer::Accept);
            }
        }
    }
    assert!(apart.is_empty(), "{} of {count} apart:\n{}", apart.len(), apart.join("\n"));
    assert!(count > 4000 && accepted > 500, "{accepted} accepted of {count}");
}
