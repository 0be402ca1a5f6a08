//! The Tendermint client: what of it differs from the QBFT client's interface.

use crate::vector::{Commitments, State, TendermintClient, bytes};
use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::{SolConstructor, SolEvent, sol};
use serde_json::{Value, json};

sol! {
    struct TendermintParameters { bytes chainId; uint8 trustNumerator; uint8 trustDenominator; uint64 trustingPeriod; uint64 clockDrift; uint8 keyTypes; bytes userId; uint8 treeHash; uint8 storeTree; uint8 commitments; bytes store; address router; }
    struct TendermintConsensusState { bytes32 root; uint64 time; bytes32 nextSetHash; }

    contract TendermintLightClient {
        constructor(TendermintParameters settings, uint64 height, TendermintConsensusState initial);
        event Frozen(uint64 heightA, uint64 heightB, bytes32 hashA, bytes32 hashB);
    }
}

/// Chain id, user id and store name come before.
pub(crate) const HEAD_SLOT: u64 = 3;

/// The constructor's arguments for a vector's client.
pub(crate) fn constructor(client: &TendermintClient, first: &State) -> Vec<u8> {
    let (commitments, store, router) = match &client.commitments {
        Commitments::Ibc { store } => (0, store, Address::ZERO),
        Commitments::Evm { store, router } => (1, store, Address::from_slice(&bytes(router))),
    };
    let settings = TendermintParameters {
        chainId: client.chain_id.clone().into_bytes().into(),
        trustNumerator: client.trust_level[0],
        trustDenominator: client.trust_level[1],
        trustingPeriod: client.trusting_period,
        clockDrift: client.clock_drift,
        keyTypes: client.key_types,
        userId: bytes(&client.sm2_user_id).into(),
        treeHash: place(&client.tree_hash, ["sha256", "sm3"]),
        storeTree: place(&client.store_tree, ["iavl", "jmt"]),
        commitments,
        store: store.clone().into_bytes().into(),
        router,
    };
    assert_eq!(first.preimage.len(), 72, "a preimage has 72 bytes");
    let initial = TendermintConsensusState {
        root: B256::from_slice(&first.preimage[..32]),
        time: u64::from_be_bytes(first.preimage[32..40].try_into().expect("8 bytes")),
        nextSetHash: B256::from_slice(&first.preimage[40..]),
    };
    TendermintLightClient::constructorCall { settings, height: first.height, initial }.abi_encode()
}

/// What the event says when the client froze, if it is this client's.
pub(crate) fn frozen(log: &Log) -> Option<Vec<(&'static str, Value)>> {
    let event = TendermintLightClient::Frozen::decode_log(log).ok()?;
    Some(vec![
        ("height_a", json!(event.heightA)),
        ("height_b", json!(event.heightB)),
        ("hash_a", json!(event.hashA.to_string())),
        ("hash_b", json!(event.hashB.to_string())),
    ])
}

/// The number of a choice in the contract.
fn place(name: &str, names: [&str; 2]) -> u8 {
    match names.iter().position(|known| *known == name) {
        Some(index) => index as u8,
        None => panic!("unknown choice {name:?}"),
    }
}
