//! Updates between recorded blocks, with the verdicts of upstream's light clients.

use crate::{
    Verifier, slug,
    support::{
        captures::{WALKS, block, capture, cases, parameters},
        vectors::verdict,
    },
    update::{accepted, put_from},
};
use light_client::{Codec, LightClient, StateRoot, Timestamp, Trusted, UpdateOutcome};
use light_client_tendermint::{ClientState, ConsensusState, Error, LightBlock, Tendermint, Update};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    for file in WALKS {
        for case in cases(file) {
            let (trusted, untrusted) = (block(&case.trusted).unwrap(), block(&case.untrusted).unwrap());
            let state = trusted.consensus_state().unwrap();
            // A contract's clock has whole seconds: the one before, and for an expired state the one after.
            let expired = case.verdict == "trusted_header_expired";
            let now = case.now.unix_seconds() + u64::from(expired);
            let verifier = Verifier {
                parameters: case.parameters.clone(),
                frozen: false,
                stored: vec![(trusted.header.height(), state)],
                now,
            };
            let update = untrusted
                .update(&case.parameters, trusted.header.height(), state, trusted.next_validators.as_ref())
                .unwrap();
            let found = run(&verifier, &update);
            let kind = found["reject"]["kind"].as_str();
            let agrees = match case.verdict.as_str() {
                "accept" => found["accept"].is_object(),
                "not_enough_trust" => kind == Some("insufficient-trust"),
                "trusted_header_expired" => kind == Some("expired"),
                // What is stored already is nothing new to a client, and an error to the function that upstream has.
                _ if case.name == "same_height" => found["accept"]["result"] == "no-op",
                _ => kind == Some("rejected"),
            };
            assert!(agrees, "{file}, {}: {found}", case.name);
            let source =
                format!("captures/{file}.json, case {}: {}", case.name, capture(file)["origin"].as_str().unwrap());
            let description = if case.oracle_says.is_empty() { &case.name } else { &case.oracle_says };
            put_from(&source, file, &slug(&case.name), description, &verifier, &update.encode(), found);
        }
    }
    sm2_local_chain();
}

/// The application of this chain has hashes of eight bytes: every vote verifies, and there is no root.
fn sm2_local_chain() {
    let capture = capture("irita-sm2-local-chain");
    let blocks: Vec<LightBlock> =
        capture["blocks"].as_array().unwrap().iter().map(|value| block(value).unwrap()).collect();
    for (before, after) in blocks.iter().zip(&blocks[1..]) {
        if before.header.height() + 1 != after.header.height() {
            continue;
        }
        let state = ConsensusState {
            root: StateRoot::new([0; 32]),
            time: before.header.time(),
            next_set_hash: before.header.next_validators_hash(),
        };
        let verifier = Verifier {
            parameters: parameters("irita-sm2-local"),
            frozen: false,
            stored: vec![(before.header.height(), state)],
            now: after.header.time().unix_seconds(),
        };
        let update = after.update(&verifier.parameters, before.header.height(), state, None).unwrap();
        let found = run(&verifier, &update);
        assert_eq!(found["reject"]["rule"], "app-hash-malformed");
        let height = after.header.height();
        let source =
            format!("captures/irita-sm2-local-chain.json, height {height}: {}", capture["note"].as_str().unwrap());
        let description = "four SM2 validators, certified; a key-value application, whose hash is no root";
        put_from(
            &source,
            "irita-sm2-local-chain",
            &height.to_string(),
            description,
            &verifier,
            &update.encode(),
            found,
        );
    }
}

fn run(verifier: &Verifier, update: &Update) -> Value {
    let (number, state) = verifier.stored[0];
    let client = ClientState::new(verifier.parameters.clone(), number, &state).unwrap();
    let trusted = Trusted { height: verifier.parameters.height(number), client: &client, consensus: &state };
    let now = Timestamp::from_unix_seconds(verifier.now);
    verdict(Tendermint.verify_update(trusted, update, now).map(|outcome| match outcome {
        UpdateOutcome::NoOp => json!({"result": "no-op"}),
        UpdateOutcome::Advance(next) => accepted(next.height.number(), &next.consensus)["accept"].clone(),
    }) as Result<Value, Error>)
}
