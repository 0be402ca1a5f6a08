//! Headers as nodes recorded them, without an account proof.

use crate::{
    Verifier, capture, folder, name_of, slug,
    support::{
        vectors::{hex, reject, unhex, unhex_array, verdict, write},
        world::World,
    },
    vector,
};
use light_client::{StateRoot, Timestamp};
use light_client_crypto::{Address, Keccak256};
use light_client_qbft::{ConsensusState, Header, Kind, Qbft, SetHash, TrustLevel};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    goquorum();
    goquorum_negative();
    devnode();
    besu();
}

/// A header and what is trusted before it.
struct Recorded<'a> {
    case: &'a str,
    detail: &'a str,
    description: &'a str,
    source: &'a str,
    kind: Kind,
    level: TrustLevel,
    trusted_height: u64,
    trusted_time: u64,
    trusted_validators: Vec<Address>,
    rlp: Vec<u8>,
    now: u64,
    expect: Value,
}

impl Recorded<'_> {
    fn write(self) {
        let state = ConsensusState {
            storage_root: StateRoot::new([0; 32]),
            time: Timestamp::from_unix_seconds(self.trusted_time),
            set_hash: SetHash::of(&self.trusted_validators),
        };
        let mut parameters = World::new().parameters(self.kind, self.level);
        (parameters.trusting_period_seconds, parameters.clock_drift_seconds) = (u64::MAX, 0);
        let verifier =
            Verifier { parameters, frozen: false, stored: vec![(self.trusted_height, state)], now: self.now };
        let list: Vec<String> = self.trusted_validators.iter().map(ToString::to_string).collect();
        let more = json!({"trusted_validators": list});
        let content = vector("header", self.description, self.source, &verifier, &self.rlp, more, self.expect);
        write(&folder(), &format!("header/{}", self.case), &name_of(&content["expect"], self.detail), &content);
    }
}

fn list(value: &Value) -> Vec<Address> {
    value.as_array().unwrap().iter().map(|address| Address::new(unhex_array(address))).collect()
}

fn time_of(header: &Value) -> u64 {
    u64::from_str_radix(&header["block"]["timestamp"].as_str().unwrap()[2..], 16).unwrap()
}

fn with_prefix(value: &Value) -> String {
    hex(unhex(value))
}

/// What a capture says of a header that must be accepted.
fn accepted(header: &Value, time: u64, signers: &Value) -> Value {
    let state_root = header["block"]["stateRoot"].clone();
    let signers: Vec<String> = list(signers).iter().map(ToString::to_string).collect();
    json!({"accept": {
        "height": header["number"], "time": time, "hash": with_prefix(&header["expected_hash"]),
        "digest": with_prefix(&header["expected_commit_digest"]), "state_root": state_root,
        "set_hash": SetHash::of(&list(&header["validators"])).to_string(), "signers": signers,
    }})
}

/// Each recorded header from the one recorded before it.
fn goquorum() {
    let capture = capture("goquorum-qbft-4v-headers");
    let headers = capture["headers"].as_array().unwrap();
    for (index, pair) in headers.windows(2).enumerate() {
        let [before, header] = pair else { unreachable!() };
        // One block as two nodes store it: both from the block before.
        let before = if before["number"] == header["number"] { &headers[index - 1] } else { before };
        let number = header["number"].as_u64().unwrap();
        let node = if header["label"].as_str().unwrap().contains("node 1") { "-other-node" } else { "" };
        let write = |level: TrustLevel, detail: &str, expect: Value| {
            Recorded {
                case: "goquorum",
                detail,
                description: &format!("block {number}: {}", header["label"].as_str().unwrap()),
                source: "captures/goquorum-qbft-4v-headers.json: GoQuorum 24.4.1, by JSON-RPC",
                kind: Kind::Qbft,
                level,
                trusted_height: before["number"].as_u64().unwrap(),
                trusted_time: time_of(before),
                trusted_validators: list(&before["validators"]),
                rlp: unhex(&header["rlp"]),
                now: time_of(header),
                expect,
            }
            .write();
        };
        let accept = accepted(header, time_of(header), &header["signers_reported_by_node"]);
        // From five to four: the block carries three seals, and a quorum of the five is four. Only the votes show it.
        if number == 42 {
            write(TrustLevel::Strict, "block-42", reject("too-few-trusted-seals", "insufficient-trust", None));
            write(TrustLevel::OneThird, "block-42-one-third", accept);
        } else {
            write(TrustLevel::Strict, &format!("block-{number:02}{node}"), accept);
        }
    }
}

fn goquorum_negative() {
    let capture = capture("goquorum-qbft-4v-negative");
    let real = unhex(&capture["cases"][0]["rlp"]);
    for case in capture["cases"].as_array().unwrap() {
        let rlp = unhex(&case["rlp"]);
        let label = case["label"].as_str().unwrap();
        let trusted_validators = list(&case["trusted_validators"]);
        // Block 46 or, where the round matters, block 1; a header that does not parse is one of the two.
        let header =
            Header::decode(Kind::Qbft, &rlp).ok().map(|header| (header.height.number(), header.time.unix_seconds()));
        let parsed = Header::decode(Kind::Qbft, &real)
            .map(|header| (header.height.number(), header.time.unix_seconds()))
            .unwrap();
        let (height, time) = header.unwrap_or(parsed);
        let rule = match case["expect"].as_str().unwrap() {
            "accept" => None,
            "too few seals" => Some("too-few-seals"),
            // The malleated form is refused before its signer is looked at.
            "duplicate signer" if label.contains("high-s") => Some("seal-high-s"),
            "duplicate signer" => Some("signer-repeated"),
            "signer is not a validator" => Some("signer-unknown"),
            "malformed seal" => Some("seal-malformed"),
            "malformed extra data" => Some("extra-data-malformed"),
            "malformed validator set" => Some("validator-repeated"),
            "wrong mix hash" => Some("mix-hash-mismatch"),
            "wrong difficulty" => Some("difficulty-not-one"),
            "wrong nonce" => Some("nonce-not-zero"),
            other => panic!("{other}: no rule of that name"),
        };
        let state = ConsensusState {
            storage_root: StateRoot::new([0; 32]),
            time: Timestamp::from_unix_seconds(time),
            set_hash: SetHash::of(&trusted_validators),
        };
        // The capture names the rule; kind and cause, and what an accepted header holds, are filled in by running it.
        let parameters = World::new().parameters(Kind::Qbft, TrustLevel::Strict);
        let now = Timestamp::from_unix_seconds(time);
        let found = verdict(Header::decode(Kind::Qbft, &rlp).and_then(|header| {
            let certified = Qbft::ETHEREUM.verify_header(&parameters, &state, &[], &header, now)?;
            let signers: Vec<String> = certified.signers.iter().map(ToString::to_string).collect();
            Ok(json!({
                "height": height, "time": time, "hash": header.hash(&Keccak256).to_string(),
                "digest": hex(certified.commit_digest), "state_root": header.state_root.to_string(),
                "set_hash": certified.set_hash.to_string(), "signers": signers,
            }))
        }));
        assert_eq!(found["reject"]["rule"].as_str(), rule, "{label}: {found}");
        let detail = if rule.is_some() { slug(label) } else { String::new() };
        Recorded {
            case: "goquorum-negative",
            detail: &detail,
            description: label,
            source: "captures/goquorum-qbft-4v-negative.json: GoQuorum 24.4.1, changed or sealed again with the validators' keys",
            kind: Kind::Qbft,
            level: TrustLevel::Strict,
            trusted_height: height - 1,
            trusted_time: time,
            trusted_validators,
            rlp,
            now: time,
            expect: found,
        }
        .write();
    }
}

/// Header shapes from London to Osaka.
fn devnode() {
    let capture = capture("devnode-qbft-4v-forks");
    for fork in capture["forks"].as_array().unwrap() {
        let name = fork["fork"].as_str().unwrap();
        for pair in fork["headers"].as_array().unwrap().windows(2) {
            let [before, header] = pair else { unreachable!() };
            let label = header["label"].as_str().unwrap();
            Recorded {
                case: "devnode",
                detail: &format!("{name}-{}", header["number"]),
                description: &format!("{name}, {} fields: {label}", header["fields"]),
                source: "captures/devnode-qbft-4v-forks.json: go-ethereum 1.16.7 under a QBFT engine",
                kind: Kind::Qbft,
                level: TrustLevel::Strict,
                trusted_height: before["number"].as_u64().unwrap(),
                trusted_time: time_of(before),
                trusted_validators: list(&before["validators"]),
                rlp: unhex(&header["rlp"]),
                now: time_of(header),
                expect: accepted(header, time_of(header), &header["signers"]),
            }
            .write();
        }
    }
}

fn besu() {
    for (name, kind) in [("besu-qbft-7528", Kind::Qbft), ("besu-ibft2-synthetic", Kind::Ibft2)] {
        let capture = capture(name);
        for header in capture["headers"].as_array().unwrap() {
            let computed = &header["computed"];
            let rlp = unhex(&header["rlp"]);
            let parsed = Header::decode(kind, &rlp).unwrap();
            let (height, time) = (parsed.height.number(), parsed.time.unix_seconds());
            let expect = if computed["accept"].as_bool().unwrap() {
                let signers: Vec<String> = list(&computed["signers"]).iter().map(ToString::to_string).collect();
                json!({"accept": {
                    "height": computed["number"], "time": time, "hash": with_prefix(&computed["block_hash"]),
                    "digest": with_prefix(&computed["commit_digest"]), "state_root": parsed.state_root.to_string(),
                    "set_hash": SetHash::of(&list(&computed["validators"])).to_string(), "signers": signers,
                }})
            } else {
                crate::rejected("signer-unknown")
            };
            Recorded {
                case: name,
                detail: "",
                description: header["name"].as_str().unwrap_or("Besu, four validators, round 1, three seals"),
                source: &format!("captures/{name}.json: {}", capture["source"].as_str().unwrap()),
                kind,
                level: TrustLevel::Strict,
                trusted_height: height - 1,
                trusted_time: time,
                trusted_validators: list(&computed["validators"]),
                rlp,
                now: time,
                expect,
            }
            .write();
        }
    }
}
