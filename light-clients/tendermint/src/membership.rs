use crate::{Commitments, ConsensusState, Error, Parameters, Tendermint, update::check_state};
use alloc::{vec, vec::Vec};
use light_client::{Claim, Codec, Cursor, Expected, StateRoot, Timestamp, Trusted, sha256};
use light_client_proofs::ics23::{NestedProof, Path, ProofSpec, StoreProof, verify_existence};

/// The most claims that one proof may carry.
pub const MAX_CLAIMS: usize = 256;

/// What a Cosmos EVM puts before the address in the key of a storage slot.
///
/// Source: cosmos/evm v0.5.1, `x/vm/types/key.go` (`KeyPrefixStorage`); bianjieai/ethermint, the same.
const EVM_STORAGE: u8 = 2;

/// A proof of claims about one store: untrusted.
///
/// Encoding: consensus state 72 ‖ root of the store 32 ‖ proof of its existence ‖ one proof for each claim to the end, in the
/// order of the claims, as [`StoreProof`] writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipProof {
    /// The state at the height of the proof, which the host stores only as its hash.
    pub state: ConsensusState,
    /// The root of the store.
    pub store_root: StateRoot,
    /// From the store's leaf to the state's root.
    pub store: Path,
    /// The proofs of the claims, one after another.
    pub proofs: Vec<u8>,
}

impl MembershipProof {
    /// Puts a proof together from one proof for each claim, all of the same store.
    ///
    /// # Errors
    /// [`Error::ClaimsEmpty`] when there is none. Whether the proofs are of one store is seen when they are verified.
    pub fn new(state: ConsensusState, proofs: &[NestedProof]) -> Result<Self, Error> {
        let first = proofs.first().ok_or(Error::ClaimsEmpty)?;
        let mut bytes = Vec::new();
        proofs.iter().for_each(|proof| proof.claim.write(&mut bytes));
        Ok(Self { state, store_root: first.store_root, store: first.store.clone(), proofs: bytes })
    }
}

impl Codec for MembershipProof {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let state = ConsensusState::read(&mut cursor)?;
        let store_root = StateRoot::new(cursor.take_array("root of the store")?);
        match StoreProof::read(&mut cursor)? {
            StoreProof::Existence(store) => Ok(Self { state, store_root, store, proofs: cursor.rest().to_vec() }),
            StoreProof::Absence { .. } => {
                Err(light_client_proofs::ics23::Ics23Error::KindMismatch { expected: "presence", found: "absence" })?
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.state.preimage().to_vec();
        bytes.extend_from_slice(self.store_root.as_bytes());
        StoreProof::Existence(self.store.clone()).write(&mut bytes);
        bytes.extend_from_slice(&self.proofs);
        bytes
    }
}

impl Tendermint {
    /// See [`light_client::LightClient::verify`].
    ///
    /// 1. The client is not frozen (whether it has expired the host sees by its status, before it asks), and the state is
    ///    the stored one.
    /// 2. The claims are such that the chain's store can bear them out.
    /// 3. The store lies under the state's root.
    /// 4. Every claim holds under the store's root. In a Router's storage a slot of 32 zero bytes is as absent as one never
    ///    written: a Cosmos EVM keeps what was cleared.
    pub(crate) fn membership(
        &self,
        trusted: Trusted<'_, Self>,
        proof: &MembershipProof,
        claims: &[Claim],
    ) -> Result<Timestamp, Error> {
        let parameters = trusted.client.parameters();
        // 1.
        if trusted.client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        check_state(trusted.consensus.hash(), &proof.state)?;
        // 2.
        if claims.is_empty() {
            return Err(Error::ClaimsEmpty);
        }
        if claims.len() > MAX_CLAIMS {
            return Err(Error::TooManyClaims { maximum: MAX_CLAIMS, found: claims.len() });
        }
        let claims = claims.iter().map(|claim| StoreClaim::new(parameters, claim)).collect::<Result<Vec<_>, _>>()?;
        // 3.
        let (hash, spec) = (&parameters.tree_hash, parameters.store_tree.spec());
        let (name, root) = (parameters.commitments.store(), proof.store_root);
        verify_existence(hash, &ProofSpec::SIMPLE, proof.state.root, name, root.as_bytes(), &proof.store)?;
        // 4.
        let mut cursor = Cursor::new(&proof.proofs);
        for claim in &claims {
            let shown = StoreProof::read(&mut cursor)?;
            let value = match (claim.value, &shown) {
                (None, StoreProof::Existence(_)) => claim.empty.as_deref(),
                (value, _) => value,
            };
            shown.verify(hash, &spec, root, &claim.key, value)?;
        }
        cursor.finish()?;
        Ok(proof.state.time)
    }
}

/// A claim as the store sees it.
struct StoreClaim<'a> {
    key: Vec<u8>,
    /// What lies at the key; `None` when nothing does.
    value: Option<&'a [u8]>,
    /// What is as good as nothing, if there is such a value.
    empty: Option<Vec<u8>>,
}

impl<'a> StoreClaim<'a> {
    fn new(parameters: &Parameters, claim: &'a Claim) -> Result<Self, Error> {
        let elements = claim.path.elements();
        let value = match &claim.expected {
            Expected::Present(value) => Some(value.as_slice()),
            Expected::Absent => None,
        };
        match (&parameters.commitments, elements) {
            (Commitments::IbcStore { store }, [name, key]) if name == store && !key.is_empty() => {
                if value.is_some_and(<[u8]>::is_empty) {
                    return Err(Error::ClaimValueMalformed { expected: "a value that is not empty", found: 0 });
                }
                Ok(Self { key: key.clone(), value, empty: None })
            }
            (Commitments::EvmStore { router, .. }, [path]) => {
                if let Some(value) = value.filter(|value| value.len() != 32 || value.iter().all(|byte| *byte == 0)) {
                    let expected = "a value of 32 bytes that is not zero";
                    return Err(Error::ClaimValueMalformed { expected, found: value.len() });
                }
                let mut key = vec![EVM_STORAGE];
                key.extend_from_slice(router.as_bytes());
                key.extend_from_slice(&sha256(&[path]));
                Ok(Self { key, value, empty: Some(vec![0; 32]) })
            }
            (Commitments::IbcStore { .. }, _) => {
                Err(Error::PathMalformed { expected: "the store's name and a key", found: elements.len() })
            }
            (Commitments::EvmStore { .. }, _) => {
                Err(Error::PathMalformed { expected: "1 element", found: elements.len() })
            }
        }
    }
}
