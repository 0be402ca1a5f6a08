//! Every file under `vectors/` gives the verdict that it expects, and every rule has one that refuses by it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client::{Claim, Codec, Height, LightClient, Timestamp, Trusted, UpdateOutcome};
use light_client_crypto::{Address, Keccak256};
use light_client_qbft::{ConsensusState, Error, Evidence, Header, MembershipProof, Qbft, Update};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use support::{
    files,
    vectors::{check_name, hex, number, read, rules_of, unhex, unhex_array, verdict, walk},
};

const CLIENT: Qbft = Qbft::ETHEREUM;

#[test]
fn every_vector_gives_its_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut refused = BTreeSet::new();
    let mut read_count = 0;
    for path in walk(&folder) {
        // The captures are read by tests/captures.rs, which lists them.
        if path.ends_with("vectors/README.md") || path.starts_with(folder.join("captures")) {
            continue;
        }
        let vector = read(&path);
        check_name(&path, &vector);
        let found = match vector["kind"].as_str() {
            Some("update") => verdict(run_update(&vector)),
            Some("header") => verdict(run_header(&vector)),
            Some("misbehaviour") => verdict(run_misbehaviour(&vector)),
            Some("membership") => verdict(run_membership(&vector)),
            other => panic!("{}: kind {other:?} is not run by this crate", path.display()),
        };
        assert_eq!(found, vector["expect"], "{}", path.display());
        refused.extend(vector["expect"]["reject"]["rule"].as_str().map(str::to_owned));
        read_count += 1;
    }
    assert!(read_count > 300, "only {read_count} files were read");
    // A client state never travels; `src/client_state.rs` tests what does not decode.
    let never_sent = ["client-state-malformed"];
    let rules = rules_of(include_str!("../src/error.rs")).into_iter();
    let of_accounts = ["account-absent", "account-malformed", "code-hash-mismatch"];
    let missing: Vec<&str> =
        rules.chain(of_accounts).filter(|rule| !refused.contains(*rule) && !never_sent.contains(rule)).collect();
    assert!(missing.is_empty(), "no vector refuses by {missing:?}");
}

fn now(vector: &Value) -> Timestamp {
    Timestamp::from_unix_seconds(number(&vector["now"]))
}

fn run_update(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let (height, consensus) = files::trusted(vector).pop().unwrap();
    let update = Update::decode(&unhex(&vector["input"]))?;
    assert_eq!(update.encode(), unhex(&vector["input"]), "one update has one encoding");
    let trusted = Trusted { height, client: &client, consensus: &consensus };
    Ok(match CLIENT.verify_update(trusted, &update, now(vector))? {
        UpdateOutcome::NoOp => json!({"result": "no-op"}),
        UpdateOutcome::Advance(next) => {
            assert_eq!(next.client.latest().height, next.height);
            assert_eq!(next.client.latest().hash, next.consensus.hash());
            json!({"result": "update", "height": next.height.number(), "preimage": hex(next.consensus.preimage())})
        }
    })
}

fn run_header(vector: &Value) -> Result<Value, Error> {
    let parameters = files::parameters(&vector["client"]);
    let (_, consensus) = files::trusted(vector).pop().unwrap();
    let list = vector["trusted_validators"].as_array().unwrap();
    let validators: Vec<Address> = list.iter().map(|address| Address::new(unhex_array(address))).collect();
    let rlp = unhex(&vector["input"]);
    let header = Header::decode(parameters.kind, &rlp)?;
    let same = header.extra.validators.hash() == consensus.set_hash;
    let given = if same { &[][..] } else { &validators };
    let certified = CLIENT.verify_header(&parameters, &consensus, given, &header, now(vector))?;
    assert_eq!(certified.hash, header.hash(&Keccak256));
    let signers: Vec<String> = certified.signers.iter().map(ToString::to_string).collect();
    Ok(json!({
        "height": header.height.number(), "time": header.time.unix_seconds(), "hash": certified.hash.to_string(),
        "digest": hex(certified.commit_digest), "state_root": header.state_root.to_string(),
        "set_hash": certified.set_hash.to_string(), "signers": signers,
    }))
}

fn run_misbehaviour(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let stored = files::trusted(vector);
    let bytes = unhex(&vector["input"]);
    let evidence = Evidence::decode(&bytes)?;
    assert_eq!(evidence.encode(), bytes, "one piece of evidence has one encoding");
    // The host loads what it has stored at the heights named; where it has nothing, the client says so by itself.
    let load = |wanted: Height| -> (Height, ConsensusState) {
        stored.iter().copied().find(|(height, _)| *height == wanted).unwrap_or(stored[0])
    };
    let loaded = CLIENT.misbehaviour_heights(&client, &evidence).map(load);
    let trusted = [0, 1].map(|index| Trusted { height: loaded[index].0, client: &client, consensus: &loaded[index].1 });
    let frozen = CLIENT.verify_misbehaviour(trusted, &evidence, now(vector))?;
    assert!(frozen.is_frozen() && frozen.stored() == client.stored());
    let headers = [0, 1].map(|index| Header::decode(client.parameters().kind, &evidence.headers[index]).unwrap());
    Ok(json!({
        "height": headers[0].height.number(),
        "hash_a": headers[0].hash(&Keccak256).to_string(),
        "hash_b": headers[1].hash(&Keccak256).to_string(),
    }))
}

fn run_membership(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let wanted = Height::new(number(&vector["height"]));
    let (height, consensus) = files::trusted(vector).into_iter().find(|(height, _)| *height == wanted).unwrap();
    let bytes = unhex(&vector["input"]);
    let proof = MembershipProof::decode(&bytes)?;
    assert_eq!(proof.encode(), bytes, "one proof has one encoding");
    let claims: Vec<Claim> = files::claims(vector);
    let trusted = Trusted { height, client: &client, consensus: &consensus };
    CLIENT.verify(trusted, &proof, &claims).map(|time| json!({"time": time.unix_seconds()}))
}
