use super::{Ics23Error, Path, ProofSpec, StoreProof, protobuf::CommitmentProof, verify_absence, verify_existence};
use light_client::StateRoot;
use light_client_crypto::HashSuite;

/// A proof about a key of a store, and of the store's root under the root of all stores: untrusted.
///
/// What `abci_query` answers, without the keys and values that the claim names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedProof {
    /// The root of the store.
    pub store_root: StateRoot,
    /// From the store's leaf to the root of all stores.
    pub store: Path,
    /// The key's proof under the store's root.
    pub claim: StoreProof,
}

impl NestedProof {
    /// Takes the two messages of a node's answer apart: the key's proof in the store, then the store's among all stores.
    /// `value` is what is claimed to lie at the key, `None` when nothing is.
    ///
    /// Only what the claim says is compared; nothing is verified yet.
    ///
    /// # Errors
    /// [`Ics23Error::CommitmentProofMalformed`], [`Ics23Error::KeyMismatch`], [`Ics23Error::CommitmentValueMismatch`],
    /// [`Ics23Error::KindMismatch`], and those of [`StoreProof::read`] for what does not fit its encoding.
    pub fn from_messages<S: HashSuite>(
        suite: &S,
        spec: &ProofSpec,
        [inner, outer]: [&[u8]; 2],
        store: &[u8],
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Self, Ics23Error> {
        let claim = CommitmentProof::decode(inner, spec)?.into_claim(suite, key, value)?;
        let (path, root) = CommitmentProof::decode(outer, &ProofSpec::SIMPLE)?.into_existence(store)?;
        let store_root = <[u8; 32]>::try_from(root.as_slice())
            .map_err(|_| Ics23Error::CommitmentProofMalformed { field: "root of the store", expected: "32 bytes" })?;
        Ok(Self { store_root: store_root.into(), store: path, claim })
    }

    /// Verifies that `value`, or nothing, lies at `key` of `store` under the root of all stores.
    ///
    /// # Errors
    /// One variant for each rule.
    pub fn verify<S: HashSuite>(
        &self,
        suite: &S,
        spec: &ProofSpec,
        root: StateRoot,
        store: &[u8],
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Ics23Error> {
        verify_existence(suite, &ProofSpec::SIMPLE, root, store, self.store_root.as_bytes(), &self.store)?;
        self.claim.verify(suite, spec, self.store_root, key, value)
    }
}

impl StoreProof {
    /// Verifies that `value`, or nothing, lies at `key` in the tree with this root.
    ///
    /// # Errors
    /// [`Ics23Error::KindMismatch`] when the proof shows the other of the two, else one variant for each rule.
    pub fn verify<S: HashSuite>(
        &self,
        suite: &S,
        spec: &ProofSpec,
        root: StateRoot,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Ics23Error> {
        match (self, value) {
            (Self::Existence(path), Some(value)) => verify_existence(suite, spec, root, key, value, path),
            (Self::Absence { left, right }, None) => {
                verify_absence(suite, spec, root, key, left.as_ref(), right.as_ref())
            }
            (Self::Existence(_), None) => Err(Ics23Error::KindMismatch { expected: "absence", found: "presence" }),
            (Self::Absence { .. }, Some(_)) => Err(Ics23Error::KindMismatch { expected: "presence", found: "absence" }),
        }
    }
}
