//! Proofs as nodes answered them, and ibc-go's bent ones.

use crate::{
    Verifier,
    membership::{put, shown},
    slug,
    support::{
        captures::{block, capture, parameters},
        vectors::{unhex, unhex_array, verdict},
    },
    update::T0,
};
use light_client::{Claim, Codec, LightClient, MerklePath, StateRoot, Timestamp, Trusted};
use light_client_proofs::ics23::{
    Neighbour, NestedProof, ProofSpec, StoreProof,
    protobuf::{CommitmentProof, ProvenLeaf, decode_merkle_proof},
};
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, Error, MembershipProof, SetHash, Tendermint, TreeHash, json,
};
use serde_json::{Value, json as value};

pub(crate) fn write_all() {
    for file in ["evmd-storage-proofs", "irita-storage-proofs"] {
        storage(file);
    }
    bent();
}

fn verifier(chain_id: &str, store: &str, state: ConsensusState, number: u64) -> Verifier {
    let mut parameters = parameters(chain_id);
    parameters.commitments = Commitments::IbcStore { store: store.as_bytes().to_vec() };
    Verifier { parameters, frozen: false, stored: vec![(number, state)], now: state.time.unix_seconds() + 1 }
}

/// Slots of a contract that knows nothing of paths: their keys are claimed as those of a store.
fn storage(file: &str) {
    let capture = capture(file);
    let certified = block(&capture["certified_by"]).unwrap();
    let state = certified.consensus_state().unwrap();
    let chain_id = capture["chain_id"].as_str().unwrap();
    let verifier = verifier(chain_id, "evm", state, certified.header.height());
    let reads = capture["reads"].as_array().unwrap();
    let source =
        |name: &str| format!("captures/{file}.json, {name}, {chain_id} at height {}", certified.header.height());
    let mut all = (Vec::new(), Vec::new());
    for read in reads {
        let name = read["name"].as_str().unwrap();
        let (key, value) = (unhex(&read["key"]), unhex(&read["value"]));
        let value = (read["present"] == true).then_some(value);
        let operations = json::proof_operations(&read["proof_ops"]).unwrap();
        let messages = [&operations[0].data[..], &operations[1].data];
        let proof =
            NestedProof::from_messages(&TreeHash::Sha256, &ProofSpec::IAVL, messages, b"evm", &key, value.as_deref())
                .unwrap();
        let path = MerklePath::from_elements(vec![b"evm".to_vec(), key]);
        let claim = match value {
            Some(value) => Claim::present(path, value),
            None => Claim::absent(path),
        };
        let bytes = MembershipProof::new(state, std::slice::from_ref(&proof)).unwrap().encode();
        let what = read["what"].as_str().unwrap();
        put(&source(name), [file, &slug(name)], what, &verifier, &bytes, std::slice::from_ref(&claim), shown(&state));
        all.0.push(proof);
        all.1.push(claim);
    }
    let bytes = MembershipProof::new(state, &all.0).unwrap().encode();
    put(
        &source("all"),
        [file, "all"],
        "all reads under one proof of the store",
        &verifier,
        &bytes,
        &all.1,
        shown(&state),
    );
}

/// Proofs that ibc-go accepted and refused, as far as the wire has a form for them.
fn bent() {
    let file = "ibc-v2-proofs-bent";
    let capture = capture(file);
    let mut written = 0;
    for case in capture["cases"].as_array().unwrap() {
        let message = unhex(&case["merkle_proof_protobuf"]);
        let Ok(messages) = <[&[u8]; 2]>::try_from(decode_merkle_proof(&message).unwrap()) else { continue };
        let (Ok(inner), Ok(CommitmentProof::Existence(outer))) = (
            CommitmentProof::decode(messages[0], &ProofSpec::IAVL),
            CommitmentProof::decode(messages[1], &ProofSpec::SIMPLE),
        ) else {
            continue;
        };
        // A key that only the message names is none of the wire's: without it, this is the proof as it was recorded.
        if outer.key != case["store"].as_str().unwrap().as_bytes() && case["name"] == "upper_proof_of_other_store" {
            continue;
        }
        let (Ok(store_root), Ok(root)) =
            (<[u8; 32]>::try_from(outer.value), <[u8; 32]>::try_from(unhex(&case["root"])))
        else {
            continue;
        };
        let claim = match inner {
            CommitmentProof::Existence(leaf) => StoreProof::Existence(leaf.path),
            CommitmentProof::Absence { left, right, .. } => {
                StoreProof::Absence { left: left.map(neighbour), right: right.map(neighbour) }
            }
        };
        let state = ConsensusState {
            root: StateRoot::new(root),
            time: Timestamp::from_unix_seconds(T0),
            next_set_hash: SetHash::new(unhex_array(&value!("11".repeat(32)))),
        };
        let store = case["store"].as_str().unwrap();
        let path = MerklePath::from_elements(vec![store.as_bytes().to_vec(), unhex(&case["key"])]);
        let claims = [match case["claim"].as_str() {
            Some("membership") if unhex(&case["value"]).is_empty() => continue,
            Some("membership") => Claim::present(path, unhex(&case["value"])),
            _ => Claim::absent(path),
        }];
        let proof =
            MembershipProof::new(state, &[NestedProof { store_root: store_root.into(), store: outer.path, claim }])
                .unwrap();
        let verifier = verifier("simd-b", store, state, 10);
        let found = run(&verifier, &proof, &claims);
        let name = case["name"].as_str().unwrap();
        assert_eq!(found["accept"].is_object(), case["verdict"] == "accept", "{name}: {found}");
        let source = format!("captures/{file}.json, case {name}: {}", capture["origin"].as_str().unwrap());
        let says = case["oracle_says"].as_str().unwrap();
        put(
            &source,
            [file, &slug(name)],
            if says.is_empty() { name } else { says },
            &verifier,
            &proof.encode(),
            &claims,
            found,
        );
        written += 1;
    }
    assert!(written > 15, "only {written} of the bent proofs have a form on the wire");
}

fn neighbour(leaf: ProvenLeaf) -> Neighbour {
    Neighbour { value_hash: light_client::sha256(&[&leaf.value]), key: leaf.key, path: leaf.path }
}

fn run(verifier: &Verifier, proof: &MembershipProof, claims: &[Claim]) -> Value {
    let (number, state) = verifier.stored[0];
    let client = ClientState::new(verifier.parameters.clone(), number, &state).unwrap();
    let trusted = Trusted { height: verifier.parameters.height(number), client: &client, consensus: &state };
    verdict(Tendermint.verify(trusted, proof, claims).map(|_| shown(&state)["accept"].clone()) as Result<Value, Error>)
}
