//! Updates of the recorded GoQuorum chain, a contract of it standing for the Router.

use crate::{
    Verifier, capture, folder, name_of, rejected,
    support::{
        vectors::{reject, unhex, unhex_array, write},
        world::World,
    },
    update::advanced,
    vector,
};
use light_client::{CodeHash, Codec, StateRoot, Timestamp};
use light_client_crypto::Address;
use light_client_qbft::{ConsensusState, Kind, SetHash, TrustLevel, Update};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    let headers = capture("goquorum-qbft-4v-headers");
    let proofs = capture("goquorum-qbft-4v-proofs");
    let contract = proofs["contract"]["address"].as_str().unwrap();
    let proof_at = |height: u64| {
        proofs["proofs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|proof| proof["height"] == height && proof["proof"]["address"].as_str() == Some(contract))
    };
    let header_at =
        |height: u64| headers["headers"].as_array().unwrap().iter().find(|header| header["number"] == height).unwrap();
    let set_of = |height: u64| -> Vec<Address> {
        header_at(height)["validators"].as_array().unwrap().iter().map(|a| Address::new(unhex_array(a))).collect()
    };
    let time_of =
        |height: u64| u64::from_str_radix(&header_at(height)["block"]["timestamp"].as_str().unwrap()[2..], 16).unwrap();
    let state_at = |height: u64| {
        let storage_root = proof_at(height).map_or([0; 32], |proof| unhex_array(&proof["proof"]["storageHash"]));
        ConsensusState {
            storage_root: StateRoot::new(storage_root),
            time: Timestamp::from_unix_seconds(time_of(height)),
            set_hash: SetHash::of(&set_of(height)),
        }
    };
    let code_hash: [u8; 32] = unhex_array(&proof_at(7).unwrap()["proof"]["codeHash"]);
    let world = World::new();
    let source =
        "captures/goquorum-qbft-4v-headers.json and -proofs.json: GoQuorum 24.4.1, debug and eth_getProof answers";
    let emit = |case: &str,
                detail: &str,
                description: &str,
                level: TrustLevel,
                code_hash: [u8; 32],
                from: u64,
                to: u64,
                expect: Value| {
        let mut parameters = world.parameters(Kind::Qbft, level);
        parameters.router = Address::new(unhex_array(&proofs["contract"]["address"]));
        parameters.router_code_hash = CodeHash::new(code_hash);
        let verifier =
            Verifier { parameters, frozen: false, stored: vec![(from, state_at(from))], now: time_of(to) + 1 };
        let nodes: Vec<Vec<u8>> =
            proof_at(to).unwrap()["proof"]["accountProof"].as_array().unwrap().iter().map(unhex).collect();
        let mut update = Update::new(state_at(from), None, unhex(&header_at(to)["rlp"]), &nodes);
        if set_of(from) != set_of(to) {
            update.trusted_validators = set_of(from);
        }
        let content = vector("update", description, source, &verifier, &update.encode(), json!({}), expect);
        write(&folder(), &format!("update/{case}"), &name_of(&content["expect"], detail), &content);
    };
    let strict = TrustLevel::Strict;
    for (from, to) in [(4, 5), (5, 7), (7, 17), (17, 19)] {
        let description = format!("block {to} from block {from}");
        emit(
            &format!("goquorum-{from}-to-{to}"),
            "",
            &description,
            strict,
            code_hash,
            from,
            to,
            advanced(to, &state_at(to)),
        );
    }
    emit("goquorum-3-to-4", "", "the contract is not there yet", strict, code_hash, 3, 4, rejected("account-absent"));
    emit("goquorum-5-to-7", "", "other code is pinned", strict, [1; 32], 5, 7, rejected("code-hash-mismatch"));
    // The set went from four to five and, with another member leaving, back to four: three seals, of which one is by the newcomer or not.
    let trusted = set_of(19);
    let signers = header_at(46)["signers_reported_by_node"].as_array().unwrap();
    let known = signers.iter().filter(|signer| trusted.contains(&Address::new(unhex_array(signer)))).count();
    let expect = if known >= 3 {
        advanced(46, &state_at(46))
    } else {
        reject("too-few-trusted-seals", "insufficient-trust", None)
    };
    emit("goquorum-19-to-46", "", "one member replaced since", strict, code_hash, 19, 46, expect);
    if known < 3 {
        emit(
            "goquorum-19-to-46",
            "one-third",
            "one member replaced since; more than a third is enough",
            TrustLevel::OneThird,
            code_hash,
            19,
            46,
            advanced(46, &state_at(46)),
        );
    }
}
