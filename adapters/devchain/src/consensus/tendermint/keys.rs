//! Keys that vote: Ed25519, secp256k1 and SM2, derived from the seed as all keys here are.

use std::fmt;

use alloy_primitives::Address;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sm2::dsa::signature::Signer as _;
use sm2::elliptic_curve::sec1::ToSec1Point as _;

use crate::keys::derive;
use crate::protobuf::put_message;

/// Bytes of a vote's signature, whatever the kind of key.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// The user id that IRITA's chains sign with.
///
/// Source: GM/T 0009-2012, section 10; tjfoc/gmsm 1.4.0, `sm2/sm2.go` (`default_uid`).
const SM2_USER_ID: &str = "1234567812345678";

/// The kind of key that a chain's validators have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// Ed25519, as most Tendermint chains.
    Ed25519,
    /// secp256k1 over SHA-256.
    Secp256k1,
    /// SM2 with SM3, as IRITA.
    Sm2,
}

impl KeyType {
    /// The field of `tendermint.crypto.PublicKey` that holds such a key.
    ///
    /// Source: CometBFT 0.38, `proto/tendermint/crypto/keys.proto`; bianjieai/tendermint, the same file (3 for SM2).
    const fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Secp256k1 => 2,
            Self::Sm2 => 3,
        }
    }

    /// What RPC calls such a key.
    pub(crate) const fn rpc_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PubKeyEd25519",
            Self::Secp256k1 => "tendermint/PubKeySecp256k1",
            Self::Sm2 => "tendermint/PubKeySm2",
        }
    }

    /// Part of a key's derivation, so that chains of one seed and different kinds share no secret.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => b"devchain voter ed25519 ",
            Self::Secp256k1 => b"devchain voter secp256k1 ",
            Self::Sm2 => b"devchain voter sm2 ",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::Sm2 => "sm2",
        })
    }
}

/// A key by which a vote is checked: 32 bytes, or a compressed point of 33.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) key_type: KeyType,
    pub(crate) bytes: Vec<u8>,
}

impl PublicKey {
    /// `tendermint.crypto.PublicKey`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_message(&mut out, self.key_type.tag(), &self.bytes);
        out
    }

    /// The first 20 bytes of the key's SHA-256; of secp256k1 keys RIPEMD-160 of it.
    ///
    /// Source: CometBFT 0.38, `crypto/tmhash/hash.go` and `crypto/secp256k1/secp256k1.go` (`Address`); bianjieai/tendermint, `crypto/sm2/sm2.go`.
    pub(crate) fn address(&self) -> Address {
        match self.key_type {
            KeyType::Ed25519 | KeyType::Sm2 => Address::from_slice(&Sha256::digest(&self.bytes)[..20]),
            KeyType::Secp256k1 => {
                let key = tendermint::PublicKey::from_raw_secp256k1(&self.bytes).expect("it was made from a secret");
                Address::from_slice(tendermint::account::Id::from(key).as_bytes())
            }
        }
    }
}

/// A key that votes. Worth nothing anywhere else.
pub(crate) struct VotingKey {
    pub(crate) public: PublicKey,
    pub(crate) address: Address,
    secret: Secret,
}

enum Secret {
    Ed25519(ed25519_consensus::SigningKey),
    Secp256k1(k256::ecdsa::SigningKey),
    Sm2(Box<sm2::dsa::SigningKey>),
}

impl VotingKey {
    /// The `index`-th key of its kind.
    pub(crate) fn derive(seed: &str, key_type: KeyType, index: u64) -> Self {
        let label = key_type.label();
        let (secret, bytes) = match key_type {
            KeyType::Ed25519 => {
                let (_, key) = derive(label, seed, index, |secret| Some(ed25519_consensus::SigningKey::from(secret.0)));
                let bytes = key.verification_key().to_bytes().to_vec();
                (Secret::Ed25519(key), bytes)
            }
            KeyType::Secp256k1 => {
                let (_, key) =
                    derive(label, seed, index, |secret| k256::ecdsa::SigningKey::from_slice(secret.as_slice()).ok());
                let bytes = key.verifying_key().to_sec1_point(true).as_bytes().to_vec();
                (Secret::Secp256k1(key), bytes)
            }
            KeyType::Sm2 => {
                let (_, (public, key)) = derive(label, seed, index, |secret| {
                    let secret = sm2::SecretKey::from_slice(secret.as_slice()).ok()?;
                    Some((secret.public_key(), sm2::dsa::SigningKey::new(SM2_USER_ID, &secret).ok()?))
                });
                (Secret::Sm2(Box::new(key)), public.to_sec1_point(true).as_bytes().to_vec())
            }
        };
        let public = PublicKey { key_type, bytes };
        Self { address: public.address(), public, secret }
    }

    /// Signs a vote. Deterministic: RFC 8032, and RFC 6979 for the two others.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message).to_bytes(),
            Secret::Secp256k1(key) => {
                let digest = Sha256::digest(message);
                let signature: k256::ecdsa::Signature =
                    key.sign_prehash(&digest).expect("a digest of 32 bytes can be signed");
                signature.normalize_s().to_bytes().into()
            }
            Secret::Sm2(key) => {
                let signature: sm2::dsa::Signature = key.sign(message);
                signature.to_bytes().into()
            }
        }
    }
}

impl fmt::Debug for VotingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VotingKey").field("address", &self.address).finish_non_exhaustive()
    }
}
