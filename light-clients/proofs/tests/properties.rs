//! What holds for all tries: a shared proof verifies, is the only one, and shows nothing else.
#![allow(clippy::unwrap_used)]

#[path = "support/trie.rs"]
#[allow(dead_code)]
mod trie;

use light_client::{SlotKey, StateRoot};
use light_client_crypto::{HashSuite, Keccak256};
use light_client_proofs::{
    account, mpt, rlp,
    storage::{self, SlotClaim},
};
use proptest::prelude::*;
use trie::{Trie, key_of, slot_value};

/// Slots with values, of which some are one byte long so that leaves are embedded.
fn slots() -> impl Strategy<Value = Vec<(u16, u8)>> {
    proptest::collection::btree_map(any::<u16>(), 1..=255_u8, 0..60).prop_map(|map| map.into_iter().collect())
}

fn slot(index: u16) -> SlotKey {
    SlotKey::new(Keccak256.hash(&[&index.to_be_bytes()]))
}

fn value(seed: u8) -> [u8; 32] {
    if seed.is_multiple_of(3) {
        let mut value = [0; 32];
        value[31] = seed;
        return value;
    }
    Keccak256.hash(&[&[seed]])
}

struct Case {
    trie: Trie,
    claims: Vec<SlotClaim>,
    nodes: Vec<u8>,
}

/// A trie of these slots, and the shared proof of claims about any slots, present or not, in any order, repeated or not.
fn case(entries: &[(u16, u8)], asked: &[u16]) -> Case {
    let trie = Trie::new(entries.iter().map(|(i, seed)| (key_of(slot(*i).as_bytes()), slot_value(&value(*seed)))));
    let claims: Vec<SlotClaim> = asked
        .iter()
        .map(|wanted| SlotClaim {
            slot: slot(*wanted),
            value: entries.iter().find(|(index, _)| index == wanted).map(|(_, seed)| value(*seed)),
        })
        .collect();
    let lists: Vec<([u8; 32], Vec<Vec<u8>>)> = claims
        .iter()
        .map(|claim| {
            let key = key_of(claim.slot.as_bytes());
            (key, if entries.is_empty() { vec![vec![rlp::EMPTY_BYTES]] } else { trie.prove(&key) })
        })
        .collect();
    let borrowed: Vec<([u8; 32], &[Vec<u8>])> = lists.iter().map(|(key, nodes)| (*key, &nodes[..])).collect();
    let nodes = mpt::share(&Keccak256, StateRoot::new(trie.root()), &borrowed).unwrap();
    Case { trie, claims, nodes }
}

impl Case {
    fn verify(&self, nodes: &[u8], claims: &[SlotClaim]) -> bool {
        storage::verify(&Keccak256, StateRoot::new(self.trie.root()), nodes, claims).is_ok()
    }

    /// The nodes, apart.
    fn list(&self) -> Vec<Vec<u8>> {
        let mut reader = rlp::Reader::new(&self.nodes);
        let mut list = Vec::new();
        while !reader.is_empty() {
            list.push(reader.item().unwrap().raw.to_vec());
        }
        list
    }
}

/// Slots asked for: some that are there, some that are not.
fn questions() -> impl Strategy<Value = (Vec<(u16, u8)>, Vec<u16>)> {
    slots().prop_flat_map(|entries| {
        let present: Vec<u16> = entries.iter().map(|(index, _)| *index).collect();
        let asked = proptest::collection::vec(
            prop_oneof![3 => proptest::sample::select(if present.is_empty() { vec![0] } else { present }), 1 => any::<u16>()],
            1..8,
        );
        (Just(entries), asked)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn shared_proofs_verify_and_are_the_only_ones((entries, asked) in questions()) {
        let case = case(&entries, &asked);
        prop_assert!(case.verify(&case.nodes, &case.claims));
        let list = case.list();
        for index in 0..list.len() {
            let mut without = list.clone();
            let node = without.remove(index);
            prop_assert!(!case.verify(&without.concat(), &case.claims), "without node {index}");
            let mut twice = list.clone();
            twice.insert(index, node);
            prop_assert!(!case.verify(&twice.concat(), &case.claims), "node {index} twice");
            let mut later = list.clone();
            later[index..].rotate_left(1);
            prop_assert!(later == list || !case.verify(&later.concat(), &case.claims), "node {index} at the end");
        }
        prop_assert!(!case.verify(&[&case.nodes[..], &[0x80]].concat(), &case.claims));
    }

    #[test]
    fn paths_are_shared_only_when_each_is_whole((entries, asked) in questions()) {
        let case = case(&entries, &asked);
        let root = StateRoot::new(case.trie.root());
        let path = |claim: &SlotClaim| if entries.is_empty() { Vec::new() } else { case.trie.prove(&key_of(claim.slot.as_bytes())) };
        let lists: Vec<_> = case.claims.iter().map(|claim| (claim.slot, path(claim))).collect();
        let values = case.claims.iter().map(|claim| claim.value).collect();
        let proven = storage::prove_shared(&Keccak256, root, &lists);
        prop_assert_eq!(proven, Ok(storage::SharedProof { values, nodes: case.nodes.clone() }));
        for which in 0..lists.len() {
            for index in 0..lists[which].1.len() {
                let mut without = lists.clone();
                let node = without[which].1.remove(index);
                prop_assert!(storage::prove_shared(&Keccak256, root, &without).is_err(), "{which} without {index}");
                let mut twice = lists.clone();
                twice[which].1.insert(index, node.clone());
                prop_assert!(storage::prove_shared(&Keccak256, root, &twice).is_err(), "{which} with {index} twice");
                let mut longer = lists.clone();
                longer[which].1.push(node);
                prop_assert!(storage::prove_shared(&Keccak256, root, &longer).is_err(), "{which} with {index} behind");
            }
        }
    }

    #[test]
    fn no_other_claim_is_borne_out((entries, asked) in questions(), which in any::<proptest::sample::Index>()) {
        let case = case(&entries, &asked);
        let index = which.index(case.claims.len());
        let with = |value: Option<[u8; 32]>| {
            let mut claims = case.claims.clone();
            claims[index].value = value;
            case.verify(&case.nodes, &claims)
        };
        let mut other = case.claims[index].value.unwrap_or([1; 32]);
        prop_assert!(case.claims[index].value.is_none() || !with(None));
        other[31] ^= 0x80;
        prop_assert!(!with(Some(other)));
    }

    #[test]
    fn no_flipped_bit_passes((entries, asked) in questions(), which in any::<proptest::sample::Index>()) {
        let case = case(&entries, &asked);
        if !case.nodes.is_empty() {
            // Every bit is tried for the vectors' proofs; here some bits of many proofs.
            for step in 0..64 {
                let bit = (which.index(case.nodes.len() * 8) + step * 101) % (case.nodes.len() * 8);
                let mut flipped = case.nodes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!case.verify(&flipped, &case.claims), "bit {bit}");
            }
        }
    }

    #[test]
    fn no_bytes_panic(nodes in proptest::collection::vec(any::<u8>(), 0..400), root: [u8; 32]) {
        let claim = SlotClaim { slot: slot(0), value: None };
        for root in [root, mpt::EMPTY_ROOT.into(), Keccak256.hash(&[&nodes])] {
            let root = StateRoot::new(root);
            let _ = storage::verify(&Keccak256, root, &nodes, &[claim, claim]);
            let _ = account::prove(&Keccak256, root, &nodes, &light_client_crypto::Address::default());
        }
        let _ = account::Account::decode(&nodes);
    }

    /// Nodes that are well-formed RLP of some shape, each under the hash that its parent names.
    #[test]
    fn no_node_panics(items in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let encoded: Vec<Vec<u8>> = items
            .into_iter()
            .map(|(is_list, content)| if is_list { trie::list(&[trie::bytes(&content)]) } else { trie::bytes(&content) })
            .collect();
        let node = trie::list(&encoded);
        let root = StateRoot::new(Keccak256.hash(&[&node]));
        for value in [None, Some([1; 32])] {
            let _ = storage::verify(&Keccak256, root, &node, &[SlotClaim { slot: slot(0), value }]);
        }
    }
}

/// Every bit of a proof of six claims, one of them absent.
#[test]
fn no_bit_of_a_shared_proof_can_change() {
    let entries: Vec<(u16, u8)> = (0..50).map(|index| (index, 1 + index as u8)).collect();
    let case = case(&entries, &[3, 17, 4, 99, 17, 30]);
    assert!(case.verify(&case.nodes, &case.claims));
    for bit in 0..case.nodes.len() * 8 {
        let mut flipped = case.nodes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!case.verify(&flipped, &case.claims), "bit {bit}");
    }
}
