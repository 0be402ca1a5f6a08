//! Blocks as nodes answered them: every hash is recomputed, and every verdict is upstream's.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client::{Fault, FaultKind, LightClient, Trusted};
use light_client_tendermint::{
    ClientState, Evidence, LightBlock, PublicKey, StateAt, StoredState, Tendermint, TreeHash, ValidatorSet, Vote, json,
    sign_bytes,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{
    captures::{WALKS, block, capture, cases, folder, parameters},
    vectors::walk,
};

const CLIENT: Tendermint = Tendermint;

/// The two files of storage proofs are run by `tests/vectors.rs`, in the form the generator gave them; what concerns ICS-23
/// alone is run by the crate of the proofs.
#[test]
fn no_capture_is_left_unread() {
    let read = [
        "cometbft-038-thresholds.json",
        "cometbft-038-walk.json",
        "evmd-storage-proofs.json",
        "ibc-v2-proofs-bent.json",
        "irita-sm2-local-chain.json",
        "irita-storage-proofs.json",
        "irita-walk.json",
        "kvstore-034.json",
        "kvstore-038.json",
        "sm2-addresses.json",
    ];
    let found: BTreeSet<String> = walk(&folder())
        .iter()
        .filter(|path| !path.parent().unwrap().ends_with("ics23"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, read.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn every_case_gets_upstream_s_verdict() {
    let mut count = 0;
    for file in WALKS {
        for case in cases(file) {
            let read = |value: &Value| block(value);
            let found = read(&case.trusted).map_err(|error| (error.kind(), error.rule())).and_then(|trusted| {
                let untrusted = read(&case.untrusted).map_err(|error| (error.kind(), error.rule()))?;
                CLIENT
                    .verify_light_block(&case.parameters, &trusted, &untrusted, case.now)
                    .map_err(|error| (error.kind(), error.rule()))
            });
            let name = &case.name;
            match case.verdict.as_str() {
                "accept" => assert!(found.is_ok(), "{file}, {name}: {found:?}"),
                "not_enough_trust" => {
                    assert_eq!(found.err(), Some((FaultKind::InsufficientTrust, "not-enough-trust")), "{name}");
                }
                "trusted_header_expired" => {
                    assert_eq!(found.err(), Some((FaultKind::Expired, "trust-expired")), "{name}");
                }
                "invalid" => {
                    // The rule must be the one that upstream names, not any.
                    let rule = found.err().unwrap_or_else(|| panic!("{name} is accepted")).1;
                    let says = &case.oracle_says;
                    let expected = [
                        ("insufficient voting power", "not-enough-power"),
                        ("time from the future", "time-in-future"),
                        ("to be greater than one of old header", "not-newer"),
                        ("to be after old header time", "time-not-after-trusted"),
                        ("wrong signature", "signature-invalid"),
                        ("double vote", "signature-invalid"),
                        ("belongs to another chain", "chain-id-mismatch"),
                        ("expected new header validators", "validators-hash-mismatch"),
                    ];
                    let expected = expected.iter().find(|(text, _)| says.contains(text));
                    assert_eq!(Some(rule), expected.map(|(_, rule)| *rule), "{name}: {says}");
                }
                other => panic!("{name}: no verdict {other}"),
            }
            count += 1;
        }
    }
    assert_eq!(count, 48);
}

/// Every block of the walks: header hash, both set hashes, and every vote for the block.
#[test]
fn every_hash_and_every_vote_is_recomputed() {
    let mut votes = 0;
    for file in WALKS {
        for (name, value) in capture(file)["blocks"].as_object().unwrap() {
            let unsigned = ["bad_signatures", "swapped", "repeated", "set_not_of_header"];
            if unsigned.iter().any(|what| name.contains(what)) {
                continue;
            }
            let block = block(value).unwrap_or_else(|error| panic!("{name}: {error}"));
            votes += check_block(&block, name);
            let set = block.validators.as_ref().unwrap();
            assert_eq!(set.hash(&TreeHash::Sha256), block.header.validators_hash(), "{name}");
            if !name.contains('/') && name != "forged_by_strangers" {
                let next = block.next_validators.as_ref().unwrap();
                assert_eq!(next.hash(&TreeHash::Sha256), block.header.next_validators_hash(), "{name}");
            }
        }
    }
    assert!(votes > 150, "only {votes} votes");
}

/// Checks the hash by the commit's block id (the reader does), and each vote alone. Returns how many there were.
fn check_block(block: &LightBlock, name: &str) -> usize {
    let chain_id = std::str::from_utf8(block.header.chain_id()).unwrap();
    let parameters = parameters(chain_id);
    let certified = block.certified().unwrap();
    let hash = block.header.hash(&TreeHash::Sha256);
    let set = block.validators.as_ref().unwrap();
    let recorded = block.commit.as_ref().unwrap();
    let mut count = 0;
    for ((index, vote), validator) in (0..).zip(&recorded.votes).zip(set.validators()) {
        let Some(vote) = vote else { continue };
        let vote =
            Vote { index, trusted_index: None, seconds: vote.seconds, nanos: vote.nanos, signature: vote.signature };
        let message = sign_bytes(chain_id.as_bytes(), block.header.height(), hash, &certified.commit, &vote);
        use light_client_crypto::{Ed25519, Secp256k1Sha256, VerifySuite};
        let found = match &validator.key {
            PublicKey::Ed25519(key) => Ed25519.verify(key, &message, &vote.signature),
            PublicKey::Secp256k1(key) => Secp256k1Sha256.verify(key, &message, &vote.signature),
            PublicKey::Sm2(key) => parameters.sm2.verify(key, &message, &vote.signature),
        };
        assert_eq!(found, Ok(()), "{name}, vote {index}");
        count += 1;
    }
    count
}

/// A chain of the SM2 fork with an application whose hash is eight bytes: nothing can be proven under it, but its headers
/// are certified all the same.
#[test]
fn a_chain_of_the_sm2_fork_is_followed_whatever_its_application_hash() {
    let capture = capture("irita-sm2-local-chain");
    let blocks: Vec<LightBlock> =
        capture["blocks"].as_array().unwrap().iter().map(|value| block(value).unwrap()).collect();
    let parameters = parameters("irita-sm2-local");
    let mut votes = 0;
    for (index, untrusted) in blocks.iter().enumerate() {
        votes += check_block(untrusted, "irita-sm2-local");
        let set = untrusted.validators.as_ref().unwrap();
        assert_eq!(set.hash(&TreeHash::Sha256), untrusted.header.validators_hash());
        if let Some(trusted) = index.checked_sub(1).map(|index| &blocks[index]) {
            let adjacent = trusted.header.height() + 1 == untrusted.header.height();
            let trusted = LightBlock { next_validators: trusted.validators.clone(), ..trusted.clone() };
            let found = CLIENT.verify_light_block(&parameters, &trusted, untrusted, untrusted.header.time());
            // Where the set changes beyond the next height, the recording lacks the set in between.
            let known = adjacent
                || trusted.header.next_validators_hash() == untrusted.header.validators_hash()
                || trusted.header.next_validators_hash() == trusted.header.validators_hash();
            assert_eq!(found.is_ok(), known, "{}: {found:?}", untrusted.header.height());
            assert!(untrusted.consensus_state().is_err());
        }
    }
    assert_eq!((blocks.len(), votes > 60), (16, true));
    // Another user id: no vote verifies.
    let mut other = parameters.clone();
    other.sm2 = light_client_crypto::Sm2::with_user_id(b"ALICE123@YAHOO.COM").unwrap();
    let found = CLIENT.verify_light_block(&other, &blocks[0], &blocks[1], blocks[1].header.time());
    assert_eq!(found.map_err(|error| error.rule()), Err("signature-invalid"));
}

/// The pairs that ibc-go froze a client by, put together from what a node answers, in either order.
#[test]
fn the_pairs_that_ibc_go_freezes_a_client_by_freeze_this_one() {
    let capture = capture("cometbft-038-walk");
    let read = |name: &Value| block(&capture["blocks"][name.as_str().unwrap()]).unwrap();
    let state = |number: u64| read(&json!(number.to_string())).consensus_state().unwrap();
    let stored = [5, 6].map(|number| StoredState { number, hash: state(number).hash() }).to_vec();
    let client = ClientState::from_stored(parameters("lighter-1"), stored, false).unwrap();
    let pairs = capture["misbehaviour"].as_array().unwrap();
    assert_eq!(pairs.len(), 2);
    for pair in pairs {
        let at = |number: u64| StateAt { number, state: state(number) };
        let (first, second) = (read(&pair["header_1"]), read(&pair["header_2"]));
        for headers in [[&first, &second], [&second, &first]] {
            let evidence = Evidence::new(at(5), Some(at(6)), headers.map(|block| block.certified().unwrap()));
            let (lower, upper) = (state(5), state(6));
            let height = |number| client.parameters().height(number);
            let trusted = [
                Trusted { height: height(5), client: &client, consensus: &lower },
                Trusted { height: height(6), client: &client, consensus: &upper },
            ];
            let frozen = CLIENT.verify_misbehaviour(trusted, &evidence, first.header.time()).unwrap();
            assert!(frozen.is_frozen(), "{}", pair["name"]);
        }
    }
}

#[test]
fn recordings_of_0_34_and_0_38_hash_and_verify() {
    for name in ["kvstore-034", "kvstore-038"] {
        let capture = capture(name);
        for meta in capture["headers"].as_array().unwrap() {
            let header = json::header(&meta["header"]).unwrap();
            let expected = meta["block_id"]["hash"].as_str().unwrap().to_lowercase();
            assert_eq!(hex::encode(header.hash(&TreeHash::Sha256)), expected);
        }
        let value = json!({"signed_header": capture["signed_header"], "validators": [capture["validator_info"]]});
        let block = block(&value).unwrap();
        assert_eq!(check_block(&block, name), 1);
        let set: &ValidatorSet = block.validators.as_ref().unwrap();
        assert_eq!(set.hash(&TreeHash::Sha256), block.header.validators_hash());
    }
}

#[test]
fn answers_that_contradict_themselves_are_refused() {
    let good = capture("cometbft-038-walk")["blocks"]["6"].clone();
    assert!(block(&good).is_ok());
    let check = |what: &str, rule: &str, bend: &dyn Fn(&mut Value)| {
        let mut bent = good.clone();
        bend(&mut bent);
        assert_eq!(block(&bent).map_err(|error| error.rule()).err(), Some(rule), "{what}");
    };
    let own = "answer-contradicts-itself";
    check("commit of another height", own, &|block| block["signed_header"]["commit"]["height"] = json!("7"));
    check("header changed", own, &|block| block["signed_header"]["header"]["height"] = json!("7"));
    check("a root changed", own, &|block| {
        block["signed_header"]["header"]["app_hash"] = json!("00".repeat(32));
    });
    check("half a page of validators", own, &|block| {
        block["validators"].as_array_mut().unwrap().truncate(2);
    });
    check("another's address", own, &|block| {
        block["validators"][0]["address"] = block["validators"][1]["address"].clone();
    });
    check("a validator twice", "validator-repeated", &|block| {
        block["validators"][0] = block["validators"][1].clone();
    });
    check("negative power", "answer-malformed", &|block| block["validators"][0]["voting_power"] = json!("-1"));
    check("no power", "validator-malformed", &|block| block["validators"][0]["voting_power"] = json!("0"));
    check("overflowing power", "total-power-too-large", &|block| {
        block["validators"][0]["voting_power"] = json!("1152921504606846975");
    });
    check("no set", "answer-malformed", &|block| block["validators"] = Value::Null);
    check("no commit", "answer-malformed", &|block| block["signed_header"]["commit"] = Value::Null);
    check("no header", "answer-malformed", &|block| block["signed_header"] = Value::Null);
    check("an unknown flag", "answer-malformed", &|block| {
        block["signed_header"]["commit"]["signatures"][0]["block_id_flag"] = json!(4);
    });
    check("a short signature", "answer-malformed", &|block| {
        block["signed_header"]["commit"]["signatures"][0]["signature"] = json!("AAAA");
    });
    assert_eq!(block(&json!("<html>")).map_err(|error| error.rule()).err(), Some("answer-malformed"));
}

/// Two addresses of keys of consensus, and four of accounts, whose texts hold the same bytes.
#[test]
fn addresses_are_made_by_either_hash() {
    let file = capture("sm2-addresses");
    for entry in file.as_array().unwrap() {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let key: [u8; 33] = STANDARD.decode(entry["pub_key_b64"].as_str().unwrap()).unwrap().try_into().unwrap();
        let hash = if entry["hash"] == "sm3-20" { TreeHash::Sm3 } else { TreeHash::Sha256 };
        let found = PublicKey::Sm2(key).address(hash).unwrap();
        let expected = match entry["consensus_address"].as_str() {
            Some(text) => hex::decode(text).unwrap(),
            None => of_bech32(entry["bech32"].as_str().unwrap()),
        };
        assert_eq!(found.to_vec(), expected, "{}", entry["chain"]);
    }
    assert_eq!(PublicKey::Secp256k1([2; 33]).address(TreeHash::Sha256), None);
}

/// The bytes of an account's text, without its checksum.
fn of_bech32(text: &str) -> Vec<u8> {
    let data = text.rsplit_once('1').unwrap().1.as_bytes();
    let (mut bits, mut number, mut bytes) = (0, 0_u32, Vec::new());
    for character in &data[..data.len() - 6] {
        let value = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".iter().position(|c| c == character).unwrap();
        number = (number << 5 | value as u32) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits) as u8);
        }
    }
    bytes
}
