//! What nodes answered and what upstream's light client said, as recorded under `vectors/captures`.

use super::vectors::read;
use light_client::Timestamp;
use light_client_crypto::Sm2;
use light_client_tendermint::{Commitments, KeyTypes, LightBlock, Parameters, StoreTree, TreeHash, TrustLevel, json};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The files with blocks and with cases that upstream judged.
pub(crate) const WALKS: [&str; 3] = ["cometbft-038-walk", "cometbft-038-thresholds", "irita-walk"];

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/captures")
}

pub(crate) fn capture(name: &str) -> Value {
    read(&folder().join(format!("{name}.json")))
}

/// One case: two blocks, and what upstream's light client says of the second from the first.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) trusted: Value,
    pub(crate) untrusted: Value,
    pub(crate) parameters: Parameters,
    pub(crate) now: Timestamp,
    pub(crate) verdict: String,
    pub(crate) oracle_says: String,
}

pub(crate) fn cases(file: &str) -> Vec<Case> {
    let capture = capture(file);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = capture["cases"].as_array().unwrap();
    list.iter()
        .map(|case| {
            let block = |role: &str| capture["blocks"][case[role].as_str().unwrap()].clone();
            let trusted = block("trusted");
            let chain_id = text(&trusted["signed_header"]["header"]["chain_id"]);
            let (numerator, denominator) = case["trust_threshold"].as_str().unwrap().split_once('/').unwrap();
            let mut parameters = parameters(&chain_id);
            parameters.trust_level = TrustLevel::new(numerator.parse().unwrap(), denominator.parse().unwrap()).unwrap();
            parameters.trusting_period_seconds = text(&case["trusting_period_seconds"]).parse().unwrap();
            parameters.clock_drift_seconds = text(&case["max_clock_drift_seconds"]).parse().unwrap();
            Case {
                name: text(&case["name"]),
                untrusted: block("untrusted"),
                trusted,
                parameters,
                now: time(&case["now"]),
                verdict: text(&case["verdict"]),
                oracle_says: text(&case["oracle_says"]),
            }
        })
        .collect()
}

/// A client of a chain with a store of ibc-go, that takes every kind of key.
pub(crate) fn parameters(chain_id: &str) -> Parameters {
    Parameters {
        chain_id: chain_id.parse().unwrap(),
        trust_level: TrustLevel::ONE_THIRD,
        trusting_period_seconds: 1_209_600,
        clock_drift_seconds: 10,
        key_types: KeyTypes::ALL,
        sm2: Sm2::default(),
        tree_hash: TreeHash::Sha256,
        store_tree: StoreTree::Iavl,
        commitments: Commitments::IbcStore { store: b"ibc".to_vec() },
    }
}

pub(crate) fn block(value: &Value) -> Result<LightBlock, json::JsonError> {
    json::light_block(value, TreeHash::Sha256, TreeHash::Sha256)
}

/// A time of RFC 3339, read by the reader of headers.
pub(crate) fn time(value: &Value) -> Timestamp {
    let mut header = capture("cometbft-038-walk")["blocks"]["3"]["signed_header"]["header"].clone();
    header["time"] = value.clone();
    json::header(&header).unwrap().time()
}
