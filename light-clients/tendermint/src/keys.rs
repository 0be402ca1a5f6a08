use crate::{Error, Parameters, TreeHash};
use light_client::Cursor;
use light_client_crypto::{HashSuite, Secp256k1Sha256, VerifyError, VerifySuite};

/// The kinds of key by which validators vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// Ed25519 by ZIP-215.
    Ed25519,
    /// secp256k1 over SHA-256.
    Secp256k1,
    /// SM2 with SM3.
    Sm2,
}

/// A validator's key as the chain writes it: untrusted, and maybe no point of its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// 32 bytes.
    Ed25519([u8; 32]),
    /// 33 bytes, compressed.
    Secp256k1([u8; 33]),
    /// 33 bytes, compressed.
    Sm2([u8; 33]),
}

impl KeyType {
    /// The field of `tendermint.crypto.PublicKey` that holds such a key.
    ///
    /// Source: CometBFT 0.38, `proto/tendermint/crypto/keys.proto`; bianjieai/tendermint, the same file (3 for SM2).
    pub const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Secp256k1 => 2,
            Self::Sm2 => 3,
        }
    }
}

impl PublicKey {
    /// The kind of key.
    pub const fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Secp256k1(_) => KeyType::Secp256k1,
            Self::Sm2(_) => KeyType::Sm2,
        }
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Secp256k1(bytes) | Self::Sm2(bytes) => bytes,
        }
    }

    /// The address by which nodes name the validator: the first 20 bytes of the key's hash. `None` for secp256k1, whose
    /// addresses are made otherwise. No rule of the client rests on an address.
    pub fn address(&self, hash: TreeHash) -> Option<[u8; 20]> {
        if self.key_type() == KeyType::Secp256k1 {
            return None;
        }
        let mut address = [0; 20];
        address.copy_from_slice(&hash.hash(&[self.as_bytes()])[..20]);
        Some(address)
    }

    /// Type 1 ‖ key.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        match cursor.take_array("key type")? {
            [1] => Ok(Self::Ed25519(cursor.take_array("Ed25519 key")?)),
            [2] => Ok(Self::Secp256k1(cursor.take_array("secp256k1 key")?)),
            [3] => Ok(Self::Sm2(cursor.take_array("SM2 key")?)),
            [found] => Err(Error::ValidatorMalformed { expected: "a key type of 1 to 3", found: found.into() }),
        }
    }

    /// Checks one signature, whatever the kind of key.
    pub(crate) fn verify(
        &self,
        parameters: &Parameters,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), VerifyError> {
        match self {
            Self::Ed25519(key) => light_client_crypto::Ed25519.verify(key, message, signature),
            Self::Secp256k1(key) => Secp256k1Sha256.verify(key, message, signature),
            Self::Sm2(key) => parameters.sm2.verify(key, message, signature),
        }
    }
}
