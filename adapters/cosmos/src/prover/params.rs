use light_client::ChainId;
use light_client_crypto::Sm2;
use light_client_tendermint::{
    Commitments, KeyType, KeyTypes, Parameters, PublicKey, StoreTree, TreeHash, TrustLevel, ValidatorSet,
};

/// What a client of the chain is to demand, besides what the chain's configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientParams {
    /// The share of the trusted set that must have voted for a header that is not the next one.
    pub trust_level: TrustLevel,
    /// How long a trusted state may be relied upon, in seconds.
    pub trusting_period_seconds: u64,
    /// How far a header's time may be ahead, in seconds.
    pub clock_drift_seconds: u64,
    /// The kinds of key that validators may have; those that the first trusted sets show when `None`, to be looked at by a
    /// person.
    pub key_types: Option<KeyTypes>,
    /// How SM2 keys sign.
    pub sm2: Sm2,
    /// The kind of tree that holds the commitments.
    pub store_tree: StoreTree,
    /// Where they lie.
    pub commitments: Commitments,
}

impl ClientParams {
    /// Trust level a third, 14 days, 10 seconds, the IAVL of the Cosmos SDK.
    pub fn new(commitments: Commitments) -> Self {
        Self {
            trust_level: TrustLevel::ONE_THIRD,
            trusting_period_seconds: 14 * 24 * 3600,
            clock_drift_seconds: 10,
            key_types: None,
            sm2: Sm2::default(),
            store_tree: StoreTree::Iavl,
            commitments,
        }
    }

    /// The parameters of a client of the chain of this name.
    pub fn parameters(&self, chain_id: ChainId, tree_hash: TreeHash, key_types: KeyTypes) -> Parameters {
        Parameters {
            chain_id,
            trust_level: self.trust_level,
            trusting_period_seconds: self.trusting_period_seconds,
            clock_drift_seconds: self.clock_drift_seconds,
            key_types,
            sm2: self.sm2.clone(),
            tree_hash,
            store_tree: self.store_tree,
            commitments: self.commitments.clone(),
        }
    }
}

/// Who hosts the client, and so in which encoding it takes updates, proofs and evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Our Router: the light client's own encodings.
    Router,
    /// The 07-tendermint client of an ibc-go chain. Updates are `ibc.lightclients.tendermint.v1.Header`, evidence is
    /// `ibc.lightclients.tendermint.v1.Misbehaviour`; a proof is a list of `ibc.core.commitment.v1.MerkleProof`, one for
    /// each claim in their order, each behind its length as a varint.
    IbcGo,
}

/// The address by which nodes name a validator: of secp256k1 keys as Bitcoin makes them, else the first 20 bytes of the key's
/// hash. `None` when a secp256k1 key is no point.
///
/// Source: CometBFT 0.38, `crypto/ed25519/ed25519.go` and `crypto/secp256k1/secp256k1.go` (`Address`).
pub(super) fn address_of(key: &PublicKey, hash: TreeHash) -> Option<[u8; 20]> {
    match key {
        PublicKey::Secp256k1(bytes) => {
            let key = tendermint::PublicKey::from_raw_secp256k1(bytes)?;
            tendermint::account::Id::from(key).as_bytes().try_into().ok()
        }
        key => key.address(hash),
    }
}

/// The kinds of key that are in sets.
pub(super) fn key_types_of<'a>(sets: impl IntoIterator<Item = &'a ValidatorSet>) -> KeyTypes {
    let validators = sets.into_iter().flat_map(ValidatorSet::validators);
    let bits = validators.fold(0, |bits, validator| bits | 1 << (validator.key.key_type().tag() - 1));
    // No set is empty.
    KeyTypes::from_bits(bits).unwrap_or(KeyTypes::ALL)
}

/// The kinds of key in words.
pub(super) fn describe_key_types(allowed: KeyTypes) -> String {
    let kinds = [(KeyType::Ed25519, "Ed25519"), (KeyType::Secp256k1, "secp256k1"), (KeyType::Sm2, "SM2")];
    let names: Vec<&str> = kinds.into_iter().filter(|(kind, _)| allowed.allow(*kind)).map(|(_, name)| name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_client_tendermint::Validator;

    #[test]
    fn the_kinds_of_key_are_those_of_all_sets() {
        let set = |key| ValidatorSet::new(vec![Validator { key, power: 1 }]).unwrap();
        let sets = [set(PublicKey::Ed25519([1; 32])), set(PublicKey::Sm2([2; 33]))];
        let types = key_types_of(&sets);
        assert_eq!((types.bits(), describe_key_types(types).as_str()), (0b101, "Ed25519, SM2"));
        assert_eq!(describe_key_types(key_types_of(&sets[..1])), "Ed25519");
    }

    #[test]
    fn addresses_are_those_of_the_kind_of_key() {
        // The generator of the curve, whose address Bitcoin knows; and the key and address of a live chain's validator.
        let generator = hex::decode("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").unwrap();
        let address = address_of(&PublicKey::Secp256k1(generator.try_into().unwrap()), TreeHash::Sha256).unwrap();
        assert_eq!(hex::encode(address), "751e76e8199196d454941c45d1b3a323f1433bd6");
        let key = hex::decode("4a26ae98b4d551416ea6c33dd1350105a4e5c83399eceabd506c9d1c2df9d63f").unwrap();
        let address = address_of(&PublicKey::Ed25519(key.try_into().unwrap()), TreeHash::Sha256).unwrap();
        assert_eq!(hex::encode_upper(address), "F4CB7A709F77161357D610811356892DD3F170BF");
        assert_eq!(address_of(&PublicKey::Secp256k1([0; 33]), TreeHash::Sha256), None);
    }
}
