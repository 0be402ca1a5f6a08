//! Claims about the Router's storage.

use crate::{
    GENERATED, Verifier, folder, malformed, name_of, rejected,
    support::{
        files::claims_json,
        vectors::{reject, write},
        world::{claims, client_id, sequence},
    },
    update::{Scene, T0},
    vector,
};
use light_client::{Claim, Codec, MerklePath, StateRoot, commitment_path, next_sequence_send_path};
use light_client_proofs::rlp;
use light_client_qbft::{ConsensusState, Kind, MembershipProof};
use serde_json::{Value, json};

pub(crate) fn write_all() {
    let scene = Scene::new(Kind::Qbft);
    let case = "router-storage";
    let state = scene.trusted();
    let verifier = Verifier { now: T0 + 6, ..scene.verifier() };
    let accept = || json!({"accept": {"time": T0}});
    let put = |detail: &str, description: &str, verifier: &Verifier, proof: &[u8], claims: &[Claim], expect: Value| {
        let more = json!({"height": 10, "claims": claims_json(claims)});
        let content = vector("membership", description, GENERATED, verifier, proof, more, expect);
        write(&folder(), &format!("membership/{case}"), &name_of(&content["expect"], detail), &content);
    };
    let claims = claims();
    let proof = scene.world.membership(state, &claims);
    let good = proof.encode();
    let v = &verifier;
    put(
        "",
        "a commitment, the absence of a settled one, a packet receipt, the absence of another: one proof",
        v,
        &good,
        &claims,
        accept(),
    );
    for (index, claim) in claims.iter().enumerate() {
        let single = std::slice::from_ref(claim);
        put(
            &format!("claim-{index}"),
            "one of them",
            v,
            &scene.world.membership(state, single).encode(),
            single,
            accept(),
        );
    }
    let mut next = [0; 32];
    next[31] = 4;
    let sequence_claim = [Claim::present(next_sequence_send_path(&client_id()), next)];
    put(
        "next-sequence",
        "the next sequence to send is 4",
        v,
        &scene.world.membership(state, &sequence_claim).encode(),
        &sequence_claim,
        accept(),
    );
    let batch: Vec<Claim> =
        (1..=20).map(|number| Claim::absent(commitment_path(&client_id(), sequence(number + 100)))).collect();
    put(
        "batch-of-20",
        "twenty absences under one proof",
        v,
        &scene.world.membership(state, &batch).encode(),
        &batch,
        accept(),
    );

    let with = |index: usize, claim: Claim| {
        let mut claims = claims.clone();
        claims[index] = claim;
        claims
    };
    let path = claims[0].path.clone();
    put("", "another value", v, &good, &with(0, Claim::present(path.clone(), [1; 32])), rejected("value-mismatch"));
    put(
        "",
        "a settled commitment claimed present",
        v,
        &good,
        &with(1, Claim::present(claims[1].path.clone(), [1; 32])),
        rejected("value-absent"),
    );
    put(
        "",
        "a packet receipt claimed absent",
        v,
        &good,
        &with(2, Claim::absent(claims[2].path.clone())),
        rejected("value-present"),
    );
    let elsewhere = Claim::present(commitment_path(&client_id(), sequence(3)), vec![1; 32]);
    put(
        "other-path",
        "the proof of another path",
        v,
        &scene.world.membership(state, &claims[..1]).encode(),
        &[elsewhere],
        rejected("proof-node-hash-mismatch"),
    );
    put("", "no claim", v, &good, &[], reject("claims-empty", "misuse", None));
    put("", "257 claims", v, &good, &vec![claims[0].clone(); 257], reject("too-many-claims", "misuse", None));
    for (detail, value) in
        [("31-bytes", vec![1; 31]), ("33-bytes", vec![1; 33]), ("1-byte", vec![2]), ("zero", vec![0; 32])]
    {
        put(
            detail,
            "a value that no Router stores",
            v,
            &good,
            &with(0, Claim::present(path.clone(), value)),
            reject("claim-value-malformed", "misuse", None),
        );
    }
    let two = MerklePath::from_elements(vec![b"ibc".to_vec(), path.elements()[0].clone()]);
    put(
        "two-elements",
        "a path through two stores",
        v,
        &good,
        &with(0, Claim::present(two, [1; 32])),
        reject("path-malformed", "misuse", None),
    );
    put(
        "no-element",
        "a path through none",
        v,
        &good,
        &with(0, Claim::present(MerklePath::from_elements(vec![]), [1; 32])),
        reject("path-malformed", "misuse", None),
    );

    let of = |state: ConsensusState, nodes: Vec<u8>| MembershipProof { state, nodes }.encode();
    let list = {
        let mut reader = rlp::Reader::new(&proof.nodes);
        let mut list = Vec::new();
        while !reader.is_empty() {
            list.push(reader.item().unwrap().raw.to_vec());
        }
        list
    };
    put("", "no node", v, &of(state, vec![]), &claims, rejected("proof-empty"));
    put(
        "",
        "the last node left out",
        v,
        &of(state, list[..list.len() - 1].concat()),
        &claims,
        rejected("proof-node-missing"),
    );
    put(
        "",
        "the root's node again at the end",
        v,
        &of(state, [list.concat(), list[0].clone()].concat()),
        &claims,
        rejected("proof-node-unused"),
    );
    put(
        "truncated",
        "the last byte left out",
        v,
        &good[..good.len() - 1],
        &claims,
        malformed("proof-node-malformed", Some("rlp-truncated")),
    );
    let mut swapped = list.clone();
    swapped.swap(0, 1);
    put(
        "order",
        "two nodes in each other's place",
        v,
        &of(state, swapped.concat()),
        &claims,
        rejected("proof-node-hash-mismatch"),
    );
    let other = ConsensusState { storage_root: StateRoot::new([7; 32]), ..state };
    put(
        "root",
        "a state with another storage root",
        v,
        &of(other, proof.nodes.clone()),
        &claims,
        rejected("consensus-state-mismatch"),
    );
    let later = ConsensusState { time: light_client::Timestamp::from_unix_seconds(T0 + 1), ..state };
    put(
        "time",
        "a state with another time: a timeout before its time",
        v,
        &of(later, proof.nodes.clone()),
        &claims,
        rejected("consensus-state-mismatch"),
    );
    put("", "the message ends within the state", v, &good[..71], &claims, malformed("message-truncated", None));
    let frozen = Verifier { frozen: true, ..verifier.clone() };
    put("", "a frozen client", &frozen, &good, &claims, reject("client-frozen", "frozen", None));
}
