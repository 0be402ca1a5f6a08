//! What the files under `vectors/` hold, as values of the client, and back.

use super::vectors::{hex, number, unhex, unhex_array};
use light_client::{Claim, Codec, Expected, MerklePath, Timestamp};
use light_client_crypto::{Address, Sm2};
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, KeyTypes, Parameters, StoreTree, StoredState, TreeHash, TrustLevel,
};
use serde_json::{Value, json};

pub(crate) fn client_json(parameters: &Parameters, frozen: bool) -> Value {
    let store = |store: &[u8]| String::from_utf8(store.to_vec()).unwrap();
    json!({
        "chain_id": parameters.chain_id.as_str(),
        "trust_level": [parameters.trust_level.numerator(), parameters.trust_level.denominator()],
        "trusting_period": parameters.trusting_period_seconds,
        "clock_drift": parameters.clock_drift_seconds,
        "key_types": parameters.key_types.bits(),
        "sm2_user_id": hex(parameters.sm2.user_id()),
        "tree_hash": match parameters.tree_hash { TreeHash::Sha256 => "sha256", TreeHash::Sm3 => "sm3" },
        "store_tree": match parameters.store_tree { StoreTree::Iavl => "iavl", StoreTree::Jmt => "jmt" },
        "commitments": match &parameters.commitments {
            Commitments::IbcStore { store: name } => json!({"kind": "ibc", "store": store(name)}),
            Commitments::EvmStore { store: name, router } => {
                json!({"kind": "evm", "store": store(name), "router": hex(router)})
            }
        },
        "frozen": frozen,
    })
}

pub(crate) fn parameters(client: &Value) -> Parameters {
    let level = |index: usize| u8::try_from(number(&client["trust_level"][index])).unwrap();
    let commitments = &client["commitments"];
    let store = commitments["store"].as_str().unwrap().as_bytes().to_vec();
    Parameters {
        chain_id: client["chain_id"].as_str().unwrap().parse().unwrap(),
        trust_level: TrustLevel::new(level(0), level(1)).unwrap(),
        trusting_period_seconds: number(&client["trusting_period"]),
        clock_drift_seconds: number(&client["clock_drift"]),
        key_types: KeyTypes::from_bits(u8::try_from(number(&client["key_types"])).unwrap()).unwrap(),
        sm2: Sm2::with_user_id(&unhex(&client["sm2_user_id"])).unwrap(),
        tree_hash: match client["tree_hash"].as_str() {
            Some("sha256") => TreeHash::Sha256,
            Some("sm3") => TreeHash::Sm3,
            other => panic!("tree_hash: expected sha256 or sm3, found {other:?}"),
        },
        store_tree: match client["store_tree"].as_str() {
            Some("iavl") => StoreTree::Iavl,
            Some("jmt") => StoreTree::Jmt,
            other => panic!("store_tree: expected iavl or jmt, found {other:?}"),
        },
        commitments: match commitments["kind"].as_str() {
            Some("ibc") => Commitments::IbcStore { store },
            Some("evm") => Commitments::EvmStore { store, router: Address::new(unhex_array(&commitments["router"])) },
            other => panic!("commitments: expected ibc or evm, found {other:?}"),
        },
    }
}

pub(crate) fn trusted_json(stored: &[(u64, ConsensusState)]) -> Value {
    stored.iter().map(|(number, state)| json!({"height": number, "preimage": hex(state.preimage())})).collect()
}

/// The states stored, ascending.
pub(crate) fn trusted(vector: &Value) -> Vec<(u64, ConsensusState)> {
    let states = vector["trusted"].as_array().unwrap();
    states
        .iter()
        .map(|state| (number(&state["height"]), ConsensusState::decode(&unhex(&state["preimage"])).unwrap()))
        .collect()
}

pub(crate) fn client(vector: &Value) -> ClientState {
    let stored =
        trusted(vector).iter().map(|(number, state)| StoredState { number: *number, hash: state.hash() }).collect();
    ClientState::from_stored(parameters(&vector["client"]), stored, vector["client"]["frozen"].as_bool().unwrap())
        .unwrap()
}

pub(crate) fn now(vector: &Value) -> Timestamp {
    Timestamp::from_unix_seconds(number(&vector["now"]))
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
            let elements: Vec<Vec<u8>> = claim["path"].as_array().unwrap().iter().map(unhex).collect();
            let path = MerklePath::from_elements(elements);
            match unhex(&claim["value"]) {
                value if value.is_empty() => Claim::absent(path),
                value => Claim::present(path, value),
            }
        })
        .collect()
}
