//! Every hash, digest, signer and set that the captures state is recomputed from the bytes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use light_client_crypto::{Address, HashSuite, Keccak256};
use light_client_qbft::{Header, Kind, Qbft, Vote};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use support::vectors::{read, unhex, unhex_array, walk};

const READ: [&str; 9] = [
    "besu-ibft2-synthetic.json",
    "besu-qbft-7528.json",
    "devnode-qbft-4v-conflicts.json",
    "devnode-qbft-4v-forks.json",
    "goquorum-ibft-4v-headers.json",
    "goquorum-qbft-4v-headers.json",
    "goquorum-qbft-4v-misbehaviour.json",
    "goquorum-qbft-4v-negative.json",
    "goquorum-qbft-4v-proofs.json",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/captures")
}

fn capture(name: &str) -> Value {
    assert!(READ.contains(&name));
    read(&folder().join(name))
}

fn list(value: &Value) -> Vec<Address> {
    value.as_array().unwrap().iter().map(|address| Address::new(unhex_array(address))).collect()
}

fn signers(header: &Header<'_>) -> Vec<Address> {
    Qbft::ETHEREUM.sealers(header).into_iter().map(Result::unwrap).collect()
}

/// The two proofs and negative files are run by `tests/vectors.rs`, in the form the generator gave them.
#[test]
fn no_capture_is_left_unread() {
    let found: BTreeSet<String> =
        walk(&folder()).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, READ.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn no_capture_holds_a_key() {
    for path in walk(&folder()) {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["private_key", "_keys\"", "secret", "mnemonic"] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn goquorum_and_devnode_headers() {
    let goquorum = capture("goquorum-qbft-4v-headers.json");
    let devnode = capture("devnode-qbft-4v-forks.json");
    let forks = devnode["forks"].as_array().unwrap().iter().flat_map(|fork| fork["headers"].as_array().unwrap());
    let mut count = 0;
    for recorded in goquorum["headers"].as_array().unwrap().iter().chain(forks) {
        let rlp = unhex(&recorded["rlp"]);
        let header = Header::decode(Kind::Qbft, &rlp).unwrap();
        assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&recorded["expected_hash"]));
        assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&recorded["block"]["hash"]));
        assert_eq!(header.commit_digest(&Keccak256), unhex_array(&recorded["expected_commit_digest"]));
        assert_eq!(header.height.number(), recorded["number"].as_u64().unwrap());
        assert_eq!(u64::from(header.extra.round), recorded["round"].as_u64().unwrap());
        assert_eq!(header.extra.validators.addresses(), list(&recorded["validators"]));
        assert_eq!(header.check_constants(), Ok(()));
        let expected = recorded.get("signers_reported_by_node").or(recorded.get("signers"));
        assert_eq!(signers(&header), expected.map(list).unwrap_or_default());
        if let Some([candidate, recommendation]) = recorded["vote"].as_array().map(Vec::as_slice) {
            let candidate = Address::new(unhex_array(candidate));
            let vote = if recommendation == "0xff" { Vote::Add(candidate) } else { Vote::Drop(candidate) };
            assert_eq!(header.extra.vote, vote);
        }
        count += 1;
    }
    assert_eq!(count, 27 + 15);
    for fork in devnode["forks"].as_array().unwrap() {
        let forged = unhex(&fork["misbehaviour"]["rlp"]);
        let header = Header::decode(Kind::Qbft, &forged).unwrap();
        assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&fork["misbehaviour"]["hash"]));
    }
}

#[test]
fn conflicts_under_every_fork() {
    let capture = capture("devnode-qbft-4v-conflicts.json");
    let forks = capture["forks"].as_array().unwrap();
    assert_eq!(forks.len(), 5);
    for fork in forks {
        for side in ["real", "other_parent", "other_state_root"] {
            let rlp = unhex(&fork[side]["rlp"]);
            let header = Header::decode(Kind::Qbft, &rlp).unwrap();
            assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&fork[side]["hash"]));
            assert_eq!(header.height.number(), fork["number"].as_u64().unwrap());
            assert_eq!(header.extra.validators.addresses(), list(&fork["validators"]));
            assert_eq!(signers(&header).len(), 3);
            let root = Keccak256.hash(&[&unhex(&fork["proof"]["accountProof"][0])]);
            assert_eq!(header.state_root.as_bytes() == &root, side != "other_state_root", "{side}");
        }
    }
}

#[test]
fn pairs_of_one_height() {
    let capture = capture("goquorum-qbft-4v-misbehaviour.json");
    for pair in capture["pairs"].as_array().unwrap() {
        for side in ["a", "b"] {
            let rlp = unhex(&pair[side]["rlp"]);
            let header = Header::decode(Kind::Qbft, &rlp).unwrap();
            assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&pair[side]["hash"]));
            assert_eq!(header.commit_digest(&Keccak256), unhex_array(&pair[side]["commit_digest"]));
        }
    }
}

#[test]
fn besu_headers() {
    for (name, kind) in [("besu-qbft-7528.json", Kind::Qbft), ("besu-ibft2-synthetic.json", Kind::Ibft2)] {
        for recorded in capture(name)["headers"].as_array().unwrap() {
            let rlp = unhex(&recorded["rlp"]);
            let header = Header::decode(kind, &rlp).unwrap();
            let computed = &recorded["computed"];
            assert_eq!(header.hash(&Keccak256).as_bytes(), &unhex_array(&computed["block_hash"]));
            assert_eq!(header.commit_digest(&Keccak256), unhex_array(&computed["commit_digest"]));
            assert_eq!(u64::from(header.extra.round), computed["round"].as_u64().unwrap());
            assert_eq!(header.extra.validators.addresses(), list(&computed["validators"]));
            assert_eq!(signers(&header), list(&computed["signers"]));
        }
    }
}

/// IBFT 1 is another encoding: this client takes none of it for its own.
#[test]
fn istanbul_headers_do_not_decode() {
    let capture = capture("goquorum-ibft-4v-headers.json");
    for recorded in capture["headers"].as_array().unwrap() {
        let rlp = unhex(&recorded["rlp"]);
        for kind in [Kind::Qbft, Kind::Ibft2] {
            assert!(Header::decode(kind, &rlp).is_err());
        }
    }
}

/// The negative cases and the proofs name state roots and blocks of the same chain.
#[test]
fn proofs_belong_to_the_recorded_blocks() {
    let headers = capture("goquorum-qbft-4v-headers.json");
    let proofs = capture("goquorum-qbft-4v-proofs.json");
    let negative = capture("goquorum-qbft-4v-negative.json");
    assert_eq!(negative["cases"].as_array().unwrap().len(), 22);
    for proof in proofs["proofs"].as_array().unwrap() {
        let block =
            headers["headers"].as_array().unwrap().iter().find(|header| header["number"] == proof["height"]).unwrap();
        assert_eq!(block["block"]["hash"], proof["block_hash"]);
        assert_eq!(block["block"]["stateRoot"], proof["state_root"]);
        let nodes = proof["proof"]["accountProof"].as_array().unwrap();
        assert_eq!(Keccak256.hash(&[&unhex(&nodes[0])]), unhex_array::<32>(&proof["state_root"]));
    }
}
