//! Keys derived from a label at run time, so that no private key lies in any file.

use std::fmt;

use alloy_primitives::{Address, B256, keccak256};
use k256::ecdsa::SigningKey;

/// What a key is for; part of its derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// Proposes and seals blocks, now or after being voted in.
    Validator,
    /// Holds funds from genesis on.
    Account,
}

impl KeyRole {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Validator => b"devchain validator ",
            Self::Account => b"devchain account ",
        }
    }
}

/// A secp256k1 key of the development chain. Worth nothing anywhere else.
#[derive(Clone)]
pub struct DevKey {
    address: Address,
    secret: B256,
    signing: SigningKey,
}

impl DevKey {
    /// The `index`-th key of a role: keccak-256 of role label ‖ seed ‖ index (u64, big-endian).
    ///
    /// The label has a fixed length per role and the index a fixed length, so no two inputs share a preimage within a role.
    #[must_use]
    pub fn derive(seed: &str, role: KeyRole, index: u64) -> Self {
        let (secret, signing) =
            derive(role.label(), seed, index, |secret| SigningKey::from_slice(secret.as_slice()).ok());
        Self { address: address_of(&signing), secret, signing }
    }

    /// The account of this key.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// The secret scalar, 32 bytes big-endian, for tests and the demo.
    #[must_use]
    pub fn secret(&self) -> B256 {
        self.secret
    }

    /// Signs a digest: r ‖ s ‖ v with v 0 or 1 and s in the lower half. Deterministic (RFC 6979).
    #[must_use]
    pub fn sign(&self, digest: &B256) -> [u8; 65] {
        let (signature, recovery) = self.signing.sign_prehash_recoverable(digest.as_slice());
        let (signature, odd) = {
            let low = signature.normalize_s();
            let flipped = low != signature;
            (low, recovery.is_y_odd() ^ flipped)
        };
        let mut out = [0; 65];
        out[..64].copy_from_slice(&signature.to_bytes());
        out[64] = u8::from(odd);
        out
    }
}

/// The first digest that `key` takes, of label ‖ seed ‖ index (u64, big-endian) and on by hashing again, and the key.
///
/// A digest is no valid scalar with a chance of 2^-32 at most; hashing again keeps the derivation total.
pub(crate) fn derive<K>(label: &[u8], seed: &str, index: u64, key: impl Fn(&B256) -> Option<K>) -> (B256, K) {
    let mut secret = keccak256([label, seed.as_bytes(), &index.to_be_bytes()].concat());
    loop {
        if let Some(key) = key(&secret) {
            return (secret, key);
        }
        secret = keccak256(secret);
    }
}

impl fmt::Debug for DevKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevKey").field("address", &self.address).finish_non_exhaustive()
    }
}

fn address_of(signing: &SigningKey) -> Address {
    let point = signing.verifying_key().to_sec1_point(false);
    // The first byte only says that the point is uncompressed.
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Signature;

    use super::*;

    #[test]
    fn keys_are_distinct_and_repeatable() {
        let a = DevKey::derive("x", KeyRole::Validator, 0);
        assert_eq!(a.secret(), DevKey::derive("x", KeyRole::Validator, 0).secret());
        for other in [
            DevKey::derive("x", KeyRole::Validator, 1),
            DevKey::derive("x", KeyRole::Account, 0),
            DevKey::derive("y", KeyRole::Validator, 0),
        ] {
            assert_ne!(a.address(), other.address());
        }
        assert!(!format!("{a:?}").contains(&format!("{:x}", a.secret())));
    }

    #[test]
    fn signatures_recover_to_the_address_with_another_implementation() {
        for index in 0..50u64 {
            let key = DevKey::derive("s", KeyRole::Account, index);
            let digest = keccak256(index.to_be_bytes());
            let seal = key.sign(&digest);
            assert!(seal[64] < 2);
            let signature = Signature::from_raw(&seal).expect("65 bytes");
            assert!(signature.normalize_s().is_none(), "s is in the upper half");
            assert_eq!(signature.recover_address_from_prehash(&digest).expect("recovers"), key.address());
        }
    }
}
