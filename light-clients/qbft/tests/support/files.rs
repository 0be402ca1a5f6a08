//! What the files under `vectors/` hold, as values of the client, and back.

use super::vectors::{hex, number, unhex, unhex_array};
use light_client::{Claim, Codec, Expected, Height, MerklePath};
use light_client_crypto::Address;
use light_client_qbft::{ClientState, ConsensusState, Kind, Parameters, StoredState, TrustLevel};
use serde_json::{Value, json};

pub(crate) fn client_json(parameters: &Parameters, frozen: bool) -> Value {
    json!({
        "kind": match parameters.kind { Kind::Qbft => "qbft", Kind::Ibft2 => "ibft2" },
        "trust_level": match parameters.trust_level { TrustLevel::Strict => "strict", TrustLevel::OneThird => "one-third" },
        "router": hex(parameters.router),
        "router_code_hash": hex(parameters.router_code_hash),
        "trusting_period": parameters.trusting_period_seconds,
        "clock_drift": parameters.clock_drift_seconds,
        "frozen": frozen,
    })
}

pub(crate) fn parameters(client: &Value) -> Parameters {
    Parameters {
        kind: match client["kind"].as_str() {
            Some("qbft") => Kind::Qbft,
            Some("ibft2") => Kind::Ibft2,
            other => panic!("kind: expected qbft or ibft2, found {other:?}"),
        },
        trust_level: match client["trust_level"].as_str() {
            Some("strict") => TrustLevel::Strict,
            Some("one-third") => TrustLevel::OneThird,
            other => panic!("trust_level: expected strict or one-third, found {other:?}"),
        },
        router: Address::new(unhex_array(&client["router"])),
        router_code_hash: unhex_array(&client["router_code_hash"]).into(),
        trusting_period_seconds: number(&client["trusting_period"]),
        clock_drift_seconds: number(&client["clock_drift"]),
    }
}

pub(crate) fn trusted_json(stored: &[(u64, ConsensusState)]) -> Value {
    stored.iter().map(|(height, state)| json!({"height": height, "preimage": hex(state.preimage())})).collect()
}

/// The states stored, ascending.
pub(crate) fn trusted(vector: &Value) -> Vec<(Height, ConsensusState)> {
    let states = vector["trusted"].as_array().unwrap();
    states
        .iter()
        .map(|state| {
            (Height::new(number(&state["height"])), ConsensusState::decode(&unhex(&state["preimage"])).unwrap())
        })
        .collect()
}

pub(crate) fn client(vector: &Value) -> ClientState {
    let stored =
        trusted(vector).iter().map(|(height, state)| StoredState { height: *height, hash: state.hash() }).collect();
    ClientState::from_stored(parameters(&vector["client"]), stored, vector["client"]["frozen"].as_bool().unwrap())
        .unwrap()
}

pub(crate) fn claims_json(claims: &[Claim]) -> Value {
    claims
        .iter()
        .map(|claim| {
            let path: Vec<String> = claim.path.elements().iter().map(hex).collect();
            let value = match &claim.expected {
                Expected::Present(value) => value.as_slice(),
                Expected::Absent => &[],
            };
            json!({"path": path, "value": hex(value)})
        })
        .collect()
}

pub(crate) fn claims(vector: &Value) -> Vec<Claim> {
    let claims = vector["claims"].as_array().unwrap();
    claims
        .iter()
        .map(|claim| {
            let path = merkle_path(&claim["path"]);
            match unhex(&claim["value"]) {
                value if value.is_empty() => Claim::absent(path),
                value => Claim::present(path, value),
            }
        })
        .collect()
}

/// A path of any number of elements: its prefix is all of it, and nothing is appended.
fn merkle_path(elements: &Value) -> MerklePath {
    let elements: Vec<Vec<u8>> = elements.as_array().unwrap().iter().map(unhex).collect();
    MerklePath::from_elements(elements)
}
