//! Every file under `vectors/` gives the verdict that it expects, and every rule has one that refuses by it.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/vectors.rs"]
#[allow(dead_code)]
mod vectors;

use light_client::{SlotKey, StateRoot};
use light_client_crypto::{Address, Keccak256};
use light_client_proofs::{
    ProofError, account,
    storage::{self, SlotClaim},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use vectors::{check_name, hex, read, rules_of, unhex, unhex_array, verdict, walk};

#[test]
fn every_vector_gives_its_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut refused = BTreeSet::new();
    let mut read_count = 0;
    for path in walk(&folder) {
        if path.ends_with("vectors/README.md") {
            continue;
        }
        let vector = read(&path);
        check_name(&path, &vector);
        let found = match vector["kind"].as_str() {
            Some("mpt") => verdict(run_mpt(&vector)),
            Some("account") => verdict(run_account(&vector)),
            other => panic!("{}: kind {other:?} is not run by this crate", path.display()),
        };
        assert_eq!(found, vector["expect"], "{}", path.display());
        for name in ["rule", "cause"] {
            refused.extend(vector["expect"]["reject"][name].as_str().map(str::to_owned));
        }
        read_count += 1;
    }
    assert!(read_count > 60, "only {read_count} files were read");
    // These two are a client's to apply: `light-clients/qbft/vectors` refuses by them.
    let of_clients = ["account-absent", "code-hash-mismatch"];
    let sources = [include_str!("../src/error.rs"), include_str!("../src/rlp.rs")];
    let rules = sources.iter().flat_map(|source| rules_of(source));
    let missing: Vec<&str> = rules.filter(|rule| !refused.contains(*rule) && !of_clients.contains(rule)).collect();
    assert!(missing.is_empty(), "no vector refuses by {missing:?}");
}

fn run_mpt(vector: &Value) -> Result<Value, ProofError> {
    let claims: Vec<SlotClaim> = vector["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| SlotClaim {
            slot: SlotKey::new(unhex_array(&claim["slot"])),
            value: (!unhex(&claim["value"]).is_empty()).then(|| unhex_array(&claim["value"])),
        })
        .collect();
    let root = StateRoot::new(unhex_array(&vector["root"]));
    storage::verify(&Keccak256, root, &unhex(&vector["input"]), &claims).map(|()| json!({}))
}

fn run_account(vector: &Value) -> Result<Value, ProofError> {
    let root = StateRoot::new(unhex_array(&vector["root"]));
    let address = Address::new(unhex_array(&vector["address"]));
    Ok(match account::prove(&Keccak256, root, &unhex(&vector["input"]), &address)? {
        None => json!({"absent": true}),
        Some(account) => json!({
            "nonce": account.nonce, "balance": hex(account.balance),
            "storage_root": account.storage_root.to_string(), "code_hash": account.code_hash.to_string(),
        }),
    })
}
