//! Every file under `vectors/` gives the verdict that it expects, and every rule has one that refuses by it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client::{Codec, LightClient, Timestamp, Trusted, UpdateOutcome};
use light_client_tendermint::{ConsensusState, Error, Evidence, MembershipProof, Tendermint, TreeHash, Update};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use support::{
    files,
    vectors::{check_name, hex, number, read, rules_of, unhex, verdict, walk},
};

const CLIENT: Tendermint = Tendermint;

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
            Some("misbehaviour") => verdict(run_misbehaviour(&vector)),
            Some("membership") => verdict(run_membership(&vector)),
            other => panic!("{}: kind {other:?} is not run by this crate", path.display()),
        };
        assert_eq!(found, vector["expect"], "{}", path.display());
        refused.extend(vector["expect"]["reject"]["rule"].as_str().map(str::to_owned));
        read_count += 1;
    }
    assert!(read_count > 400, "only {read_count} files were read");
    // A client state never travels, nor does a node's answer; their own tests refuse by these.
    let never_sent = ["client-state-malformed", "commitment-proof-malformed", "key-mismatch", "value-mismatch"];
    let sources = [include_str!("../src/error.rs"), include_str!("../../proofs/src/ics23/error.rs")];
    let rules = sources.into_iter().flat_map(rules_of);
    let missing: Vec<&str> = rules.filter(|rule| !refused.contains(*rule) && !never_sent.contains(rule)).collect();
    assert!(missing.is_empty(), "no vector refuses by {missing:?}");
}

fn run_update(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let (_, consensus) = files::trusted(vector).pop().unwrap();
    let update = Update::decode(&unhex(&vector["input"]))?;
    assert_eq!(update.encode(), unhex(&vector["input"]), "one update has one encoding");
    let trusted = Trusted { height: client.latest_height(), client: &client, consensus: &consensus };
    Ok(match CLIENT.verify_update(trusted, &update, files::now(vector))? {
        UpdateOutcome::NoOp => json!({"result": "no-op"}),
        UpdateOutcome::Advance(next) => {
            assert_eq!(next.client.latest_height(), next.height);
            assert_eq!(next.client.latest().hash, next.consensus.hash());
            json!({"result": "update", "height": next.height.number(), "preimage": hex(next.consensus.preimage())})
        }
    })
}

fn run_misbehaviour(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let stored = files::trusted(vector);
    let bytes = unhex(&vector["input"]);
    let evidence = Evidence::decode(&bytes)?;
    assert_eq!(evidence.encode(), bytes, "one piece of evidence has one encoding");
    // The host loads what it has stored at the heights named; where it has nothing, the client says so by itself.
    let load = |wanted: u64| -> (u64, ConsensusState) {
        stored.iter().copied().find(|(number, _)| *number == wanted).unwrap_or(stored[0])
    };
    let heights = CLIENT.misbehaviour_heights(&client, &evidence);
    assert!(heights.iter().all(|height| height.revision() == client.latest_height().revision()));
    let loaded = heights.map(|height| load(height.number()));
    let trusted = [0, 1].map(|index| Trusted {
        height: client.parameters().height(loaded[index].0),
        client: &client,
        consensus: &loaded[index].1,
    });
    let frozen = CLIENT.verify_misbehaviour(trusted, &evidence, files::now(vector))?;
    assert!(frozen.is_frozen() && frozen.stored() == client.stored());
    let headers = [0, 1].map(|index: usize| &evidence.headers[index].header);
    Ok(json!({
        "height_a": headers[0].height(),
        "height_b": headers[1].height(),
        "hash_a": headers[0].hash(&TreeHash::Sha256).to_string(),
        "hash_b": headers[1].hash(&TreeHash::Sha256).to_string(),
    }))
}

fn run_membership(vector: &Value) -> Result<Value, Error> {
    let client = files::client(vector);
    let wanted = number(&vector["height"]);
    let (height, consensus) = files::trusted(vector).into_iter().find(|(height, _)| *height == wanted).unwrap();
    let bytes = unhex(&vector["input"]);
    let proof = MembershipProof::decode(&bytes)?;
    assert_eq!(proof.encode(), bytes, "one proof has one encoding");
    let claims = files::claims(vector);
    let trusted = Trusted { height: client.parameters().height(height), client: &client, consensus: &consensus };
    let time: Timestamp = CLIENT.verify(trusted, &proof, &claims)?;
    Ok(json!({"time": time.unix_seconds(), "nanos": time.subsec_nanos()}))
}
