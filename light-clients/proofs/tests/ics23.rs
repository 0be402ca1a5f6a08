//! ICS-23 on upstream's own proofs, on bent ones with ibc-go's verdict, on what chains answered, and on small trees.
//!
//! (The vectors in wire form are run by the Tendermint client, whose proofs these are.)
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/sorted_tree.rs"]
mod sorted_tree;
#[path = "support/vectors.rs"]
#[allow(dead_code)]
mod vectors;

use light_client::{Cursor, Fault, StateRoot};
use light_client_crypto::Sha256;
use light_client_proofs::ics23::{
    Ics23Error, NestedProof, ProofSpec, StoreProof,
    protobuf::{CommitmentProof, decode_merkle_proof},
};
use proptest::prelude::*;
use serde_json::Value;
use sorted_tree::{Kind, Tree};
use std::path::{Path, PathBuf};
use vectors::{read, unhex, unhex_array, walk};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tendermint/vectors/captures")
}

fn spec_of(kind: Kind) -> ProofSpec {
    match kind {
        Kind::Iavl => ProofSpec::IAVL,
        Kind::Simple => ProofSpec::SIMPLE,
        Kind::Jmt => ProofSpec::JMT,
    }
}

/// Reads a message of protobuf into the wire form and verifies it.
fn verify_message(
    bytes: &[u8],
    spec: &ProofSpec,
    root: StateRoot,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<StoreProof, Ics23Error> {
    // Below a store of one's own making, since the message alone is what is tested.
    let store = Tree::new(Kind::Simple, [(b"s".to_vec(), root.as_bytes().to_vec())]);
    let StoreProof::Existence(path) = store.prove(b"s") else { panic!("no store") };
    let outer = existence_message(b"s", root.as_bytes(), &path.leaf_prefix);
    let proof = NestedProof::from_messages(&Sha256, spec, [bytes, &outer], b"s", key, value)?;
    proof.verify(&Sha256, spec, store.root().into(), b"s", key, value)?;
    Ok(proof.claim)
}

/// `CommitmentProof` of a leaf that is the whole simple tree.
fn existence_message(key: &[u8], value: &[u8], leaf_prefix: &[u8]) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let leaf = [&[0x08, 1, 0x18, 1, 0x20, 1][..], &field(5, leaf_prefix)].concat();
    field(1, &[field(1, key), field(2, value), field(3, &leaf)].concat())
}

#[test]
fn upstream_s_proofs_verify_and_no_flipped_bit_does() {
    let mut count = 0;
    for path in walk(&captures().join("ics23")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let spec = if name.starts_with("iavl") { ProofSpec::IAVL } else { ProofSpec::SIMPLE };
        let vector = read(&path);
        let (key, value, root) = (unhex(&vector["key"]), unhex(&vector["value"]), unhex_array(&vector["root"]));
        let value = (!value.is_empty()).then_some(value.as_slice());
        let message = unhex(&vector["proof"]);
        let proof = verify_message(&message, &spec, StateRoot::new(root), &key, value);
        let proof = proof.unwrap_or_else(|error| panic!("{name}: {error}"));
        check_bits(&proof, &spec, root.into(), &key, value);
        let other = if spec == ProofSpec::IAVL { ProofSpec::SIMPLE } else { ProofSpec::IAVL };
        assert!(verify_message(&message, &other, StateRoot::new(root), &key, value).is_err(), "{name}: another tree");
        count += 1;
    }
    assert_eq!(count, 12);
}

/// One proof has one encoding, which no flipped bit, cut or padding survives.
fn check_bits(proof: &StoreProof, spec: &ProofSpec, root: StateRoot, key: &[u8], value: Option<&[u8]>) {
    let mut bytes = Vec::new();
    proof.write(&mut bytes);
    let judge = |bytes: &[u8]| -> bool {
        let mut cursor = Cursor::new(bytes);
        StoreProof::read(&mut cursor)
            .is_ok_and(|proof| cursor.rest().is_empty() && proof.verify(&Sha256, spec, root, key, value).is_ok())
    };
    assert!(judge(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(!judge(&bent), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(!judge(&bytes[..length]), "{length} bytes");
    }
    assert!(!judge(&[&bytes[..], &[0]].concat()));
}

#[test]
fn bent_proofs_get_ibc_go_s_verdict() {
    let file = read(&captures().join("ibc-v2-proofs-bent.json"));
    let cases = file["cases"].as_array().unwrap();
    let mut accepted = 0;
    for case in cases {
        let found = judge_bent(case);
        let name = case["name"].as_str().unwrap();
        assert_eq!(found.is_ok(), case["verdict"] == "accept", "{name}: {found:?}");
        accepted += u32::from(found.is_ok());
    }
    assert_eq!((cases.len(), accepted), (29, 2));
}

fn judge_bent(case: &Value) -> Result<(), String> {
    let message = unhex(&case["merkle_proof_protobuf"]);
    let listed = decode_merkle_proof(&message).map_err(|error| error.to_string())?;
    let messages = <[&[u8]; 2]>::try_from(listed).map_err(|listed| format!("{} proofs", listed.len()))?;
    let root = <[u8; 32]>::try_from(unhex(&case["root"])).map_err(|root| format!("root of {} bytes", root.len()))?;
    let (store, key, value) = (case["store"].as_str().unwrap().as_bytes(), unhex(&case["key"]), unhex(&case["value"]));
    let value = (case["claim"] == "membership").then_some(value.as_slice());
    NestedProof::from_messages(&Sha256, &ProofSpec::IAVL, messages, store, &key, value)
        .and_then(|proof| proof.verify(&Sha256, &ProofSpec::IAVL, root.into(), store, &key, value))
        .map_err(|error| format!("{}: {error}", error.rule()))
}

#[test]
fn every_key_of_a_tree_is_proven_present_or_absent() {
    for kind in [Kind::Iavl, Kind::Simple, Kind::Jmt] {
        for count in [1_u32, 2, 3, 5, 8, 13, 40] {
            let key = |index: u32| format!("key {:03}", 2 * index + 1).into_bytes();
            let tree = Tree::new(kind, (0..count).map(|index| (key(index), index.to_be_bytes().to_vec())));
            let root = StateRoot::new(tree.root());
            let spec = spec_of(kind);
            for number in 0..=2 * count {
                let key = format!("key {number:03}").into_bytes();
                let value = ((number - number % 2) / 2).to_be_bytes();
                let value = (number % 2 == 1).then_some(&value[..]);
                let proof = tree.prove(&key);
                assert_eq!(proof.verify(&Sha256, &spec, root, &key, value), Ok(()), "{kind:?} {count} {number}");
                if count == 5 {
                    check_bits(&proof, &spec, root, &key, value);
                }
            }
        }
    }
}

/// Every pair of leaves, and every single one, as neighbours of every key: only the true ones are taken.
#[test]
fn absence_is_believed_only_between_true_neighbours() {
    for kind in [Kind::Iavl, Kind::Simple, Kind::Jmt] {
        for count in [1_u32, 2, 3, 6, 7] {
            let tree = Tree::new(kind, (0..count).map(|index| (vec![2 * index as u8 + 1], vec![7])));
            let (root, spec) = (StateRoot::new(tree.root()), spec_of(kind));
            let leaves: Vec<_> = tree.keys().iter().map(|key| tree.neighbour(key)).collect();
            let choices: Vec<_> = std::iter::once(None).chain(leaves.into_iter().map(Some)).collect();
            for key in 0..=2 * count as u8 {
                let truth = tree.prove(&[key]);
                for left in &choices {
                    for right in &choices {
                        let proof = StoreProof::Absence { left: left.clone(), right: right.clone() };
                        let found = proof.verify(&Sha256, &spec, root, &[key], None);
                        assert_eq!(found.is_ok(), proof == truth, "{kind:?} {count} {key} {found:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_leaf_is_no_step_and_a_step_no_leaf() {
    // A value that is itself a node of the tree: its hash can be reached from below, and the forms tell them apart.
    let inner = Tree::new(Kind::Iavl, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
    let StoreProof::Existence(path) = inner.prove(b"a") else { panic!() };
    let root = StateRoot::new(inner.root());
    let mut bent = path.clone();
    bent.leaf_prefix = path.steps[0].prefix.clone();
    let judge = |path| StoreProof::Existence(path).verify(&Sha256, &ProofSpec::IAVL, root, b"a", Some(b"1"));
    assert!(matches!(judge(bent), Err(Ics23Error::LeafPrefixMalformed { .. })));
    let mut bent = path.clone();
    bent.steps[0].prefix[0] = 0;
    assert!(matches!(judge(bent), Err(Ics23Error::StepMalformed { number: 1, .. })));
    // A height that is not above the child's.
    let mut bent = path;
    let step = bent.steps[0].clone();
    bent.steps.push(step);
    assert!(matches!(judge(bent), Err(Ics23Error::StepMalformed { number: 2, .. })));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for spec in [ProofSpec::IAVL, ProofSpec::SIMPLE, ProofSpec::JMT] {
            let mut cursor = Cursor::new(&bytes);
            if let Ok(proof) = StoreProof::read(&mut cursor) {
                for value in [None, Some(&b"v"[..])] {
                    prop_assert!(proof.verify(&Sha256, &spec, StateRoot::new([0; 32]), b"k", value).is_err());
                }
            }
            let _ = CommitmentProof::decode(&bytes, &spec);
            let _ = decode_merkle_proof(&bytes);
        }
    }

    #[test]
    fn no_bent_message_panics_or_passes(index in 0_usize..2, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let file = read(&captures().join("ibc-v2-proofs-bent.json"));
        let case = file["cases"].as_array().unwrap().iter().filter(|case| case["verdict"] == "accept").nth(index).unwrap();
        let mut message = unhex(&case["merkle_proof_protobuf"]);
        let at = at.index(message.len());
        prop_assume!(message[at] != byte);
        message[at] = byte;
        let mut case = case.clone();
        case["merkle_proof_protobuf"] = vectors::hex(&message).into();
        prop_assert!(judge_bent(&case).is_err());
    }
}
