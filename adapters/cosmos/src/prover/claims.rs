//! Claims as the chain's store sees them, and what a node answers about them.

use crate::rpc::{Query, QueryAnswer};
use light_client::{Claim, Expected, MerklePath, StateRoot, sha256};
use light_client_proofs::ics23::{Ics23Error, NestedProof, protobuf::CommitmentProof};
use light_client_tendermint::{Commitments, Error, Parameters};

/// What a Cosmos EVM puts before the address in the key of a storage slot.
///
/// Source: cosmos/evm v0.5.1, `x/vm/types/key.go` (`KeyPrefixStorage`); bianjieai/ethermint, the same.
const EVM_STORAGE: u8 = 2;
/// And before the address in the key of the hash of its code. (Older ethermints keep it with the account instead.)
///
/// Source: cosmos/evm v0.5.1, `x/vm/types/key.go` (`KeyPrefixCodeHash`).
const EVM_CODE_HASH: u8 = 4;
/// A slot that was cleared: as absent as one never written.
const EMPTY_SLOT: [u8; 32] = [0; 32];

/// What lies at a key of the store, proven, and what proves it.
#[derive(Clone, Debug)]
pub(super) struct Proven {
    /// The value; `None` for nothing, a cleared slot included.
    pub(super) value: Option<Vec<u8>>,
    /// The proof, taken apart.
    pub(super) proof: NestedProof,
    /// The node's two messages: the key's in the store, and the store's among all stores.
    pub(super) messages: [Vec<u8>; 2],
}

/// The key of the store under which a path's value lies.
///
/// # Errors
/// [`Error::PathMalformed`] when the path is none of this store.
pub(super) fn key_of(commitments: &Commitments, path: &MerklePath) -> Result<Vec<u8>, Error> {
    let elements = path.elements();
    match (commitments, elements) {
        (Commitments::IbcStore { store }, [name, key]) if name == store && !key.is_empty() => Ok(key.clone()),
        (Commitments::EvmStore { router, .. }, [path]) => {
            Ok([&[EVM_STORAGE][..], router.as_bytes(), &sha256(&[path])].concat())
        }
        (Commitments::IbcStore { .. }, _) => {
            Err(Error::PathMalformed { expected: "the store's name and a key", found: elements.len() })
        }
        (Commitments::EvmStore { .. }, _) => Err(Error::PathMalformed { expected: "1 element", found: elements.len() }),
    }
}

/// A key by which a person sees that the store is there and is such a tree: the hash of the Router's code, where the chain
/// keeps it in this store; any other key of an IBC store, which need not be there.
pub(super) fn probe_key(commitments: &Commitments) -> Vec<u8> {
    match commitments {
        Commitments::EvmStore { router, .. } => [&[EVM_CODE_HASH][..], router.as_bytes()].concat(),
        Commitments::IbcStore { .. } => b"clientParams".to_vec(),
    }
}

/// The question about a key in the state after a block.
pub(super) fn query(commitments: &Commitments, key: &[u8], block: u64) -> Query {
    let store = String::from_utf8_lossy(commitments.store());
    Query { path: format!("/store/{store}/key"), data: key.to_vec(), height: Some(block), prove: true }
}

/// Proves what lies at a key by the node's answer, whatever else the answer says.
///
/// # Errors
/// [`Error::Proof`] when the node's messages prove nothing of that key under `root`.
pub(super) fn prove(
    parameters: &Parameters,
    root: StateRoot,
    key: &[u8],
    answer: QueryAnswer,
) -> Result<Proven, Error> {
    let (suite, spec) = (&parameters.tree_hash, &parameters.store_tree.spec());
    let store = parameters.commitments.store();
    let [inner, outer] = <[_; 2]>::try_from(answer.proof).map_err(|_| Ics23Error::CommitmentProofMalformed {
        field: "proof operations",
        expected: "the store's and that of all stores",
    })?;
    let found = match CommitmentProof::decode(&inner.data, spec)? {
        CommitmentProof::Existence(leaf) => Some(leaf.value),
        CommitmentProof::Absence { .. } => None,
    };
    let messages = [inner.data, outer.data];
    let proof =
        NestedProof::from_messages(suite, spec, messages.each_ref().map(Vec::as_slice), store, key, found.as_deref())?;
    proof.verify(suite, spec, root, store, key, found.as_deref())?;
    let in_evm = matches!(parameters.commitments, Commitments::EvmStore { .. });
    let value = found.filter(|value| !(in_evm && *value == EMPTY_SLOT));
    Ok(Proven { value, proof, messages })
}

/// Whether a claim is what lies there.
pub(super) fn holds(claim: &Claim, found: Option<&[u8]>) -> bool {
    match &claim.expected {
        Expected::Present(value) => found == Some(value.as_slice()),
        Expected::Absent => found.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientParams, rpc::QueryAnswer};
    use light_client_crypto::Address;
    use light_client_tendermint::{KeyTypes, TreeHash, json};
    use serde_json::Value;

    const EVMD: &str = include_str!("../../../../light-clients/tendermint/vectors/captures/evmd-storage-proofs.json");
    const IRITA: &str = include_str!("../../../../light-clients/tendermint/vectors/captures/irita-storage-proofs.json");

    #[test]
    fn a_slot_that_was_cleared_is_as_absent_as_one_never_written() {
        for (capture, store_is_evm) in [(EVMD, true), (IRITA, true), (EVMD, false)] {
            let capture: Value = serde_json::from_str(capture).unwrap();
            let text = |value: &Value| value.as_str().unwrap().trim_start_matches("0x").to_owned();
            let bytes = |value: &Value| hex::decode(text(value)).unwrap();
            let (store, router) = (b"evm".to_vec(), <[u8; 20]>::try_from(bytes(&capture["contract"])).unwrap());
            let commitments = if store_is_evm {
                Commitments::EvmStore { store, router: Address::new(router) }
            } else {
                Commitments::IbcStore { store }
            };
            let chain_id = capture["chain_id"].as_str().unwrap().parse().unwrap();
            let parameters = ClientParams::new(commitments).parameters(chain_id, TreeHash::Sha256, KeyTypes::ALL);
            let block = json::trusted_block(&capture["certified_by"], TreeHash::Sha256).unwrap();
            let root = block.consensus_state().unwrap().root;
            let mut cleared = 0;
            for read in capture["reads"].as_array().unwrap() {
                let answer = || QueryAnswer {
                    code: 0,
                    codespace: String::new(),
                    log: String::new(),
                    height: 1,
                    value: vec![9],
                    proof: json::proof_operations(&read["proof_ops"]).unwrap(),
                };
                let (key, recorded) = (bytes(&read["key"]), bytes(&read["value"]));
                let found = prove(&parameters, root, &key, answer()).unwrap().value;
                let is_empty = recorded.iter().all(|byte| *byte == 0);
                let present = read["present"].as_bool().unwrap();
                cleared += usize::from(present && is_empty);
                let expected = (present && !(store_is_evm && is_empty)).then_some(recorded);
                assert_eq!(found, expected, "{}", read["name"]);
                // It is about this key, and under this root.
                assert!(prove(&parameters, root, &[2, 1], answer()).is_err());
                assert!(prove(&parameters, [7; 32].into(), &key, answer()).is_err());
            }
            assert!(cleared > 0);
        }
    }

    #[test]
    fn keys_are_those_of_the_store() {
        let evm = Commitments::EvmStore { store: b"evm".to_vec(), router: Address::new([7; 20]) };
        let ibc = Commitments::IbcStore { store: b"ibc".to_vec() };
        let path = |elements: &[&[u8]]| MerklePath::from_elements(elements.iter().map(|part| part.to_vec()).collect());
        let slot = sha256(&[b"a-path"]);
        assert_eq!(key_of(&evm, &path(&[b"a-path"])).unwrap(), [&[2][..], &[7; 20], &slot].concat());
        assert_eq!(key_of(&ibc, &path(&[b"ibc", b"a-path"])).unwrap(), b"a-path");
        let bad: [(&Commitments, &[&[u8]]); 5] = [
            (&evm, &[b"evm", b"a-path"]),
            (&evm, &[]),
            (&ibc, &[b"a-path"]),
            (&ibc, &[b"other", b"a-path"]),
            (&ibc, &[b"ibc", b""]),
        ];
        for (commitments, elements) in bad {
            assert!(matches!(key_of(commitments, &path(elements)), Err(Error::PathMalformed { .. })), "{elements:?}");
        }
    }
}
