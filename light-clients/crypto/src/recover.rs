use crate::{Address, HashSuite, Keccak256};
use k256::ecdsa::{RecoveryId, VerifyingKey};

/// The length of a [`Signature`]: r, s and the recovery bit.
pub const SIGNATURE_BYTES: usize = 65;

/// A recoverable signature with its parts told apart and not yet believed: r ‖ s ‖ v, 32 + 32 + 1 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// r, big-endian.
    pub r: [u8; 32],
    /// s, big-endian.
    pub s: [u8; 32],
    /// Which of the two points with abscissa r was meant: 0 or 1. No other convention (27, 28) is known here.
    pub v: u8,
}

impl Signature {
    /// Splits 65 bytes.
    pub fn from_bytes(bytes: &[u8; SIGNATURE_BYTES]) -> Self {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&bytes[..32]);
        s.copy_from_slice(&bytes[32..64]);
        Self { r, s, v: bytes[64] }
    }
}

/// Why no signer can be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The recovery bit is neither 0 nor 1.
    #[error("v: expected 0 or 1, found {found}")]
    RecoveryBit {
        /// The byte found.
        found: u8,
    },
    /// r or s is zero or not below the group's order.
    #[error("r and s: expected 1 to the order of the group less 1")]
    Scalar,
    /// No point has abscissa r, or the key would be the point at infinity.
    #[error("r: expected the abscissa of a point that gives a key")]
    Point,
}

/// A signature scheme by which the signer is recovered from digest and signature.
pub trait RecoverSuite {
    /// The signer of `digest`.
    ///
    /// A malleated signature recovers too: whether s may be in the upper half is the caller's rule ([`Self::is_high_s`]).
    ///
    /// # Errors
    /// [`RecoverError`] when there is none.
    fn recover(&self, digest: &[u8; 32], signature: &Signature) -> Result<Address, RecoverError>;

    /// Whether s is above half of the group's order, so that (r, n − s) is the same statement in other bytes.
    fn is_high_s(&self, s: &[u8; 32]) -> bool;
}

/// ECDSA on secp256k1; the signer's address is the last 20 bytes of the Keccak-256 of its key, as `ecrecover` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secp256k1;

/// Half of the order of secp256k1, rounded down, big-endian.
///
/// Source: SEC 2 version 2, section 2.4.1 (the order); EIP-2 (the bound).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

impl RecoverSuite for Secp256k1 {
    fn recover(&self, digest: &[u8; 32], signature: &Signature) -> Result<Address, RecoverError> {
        if signature.v > 1 {
            return Err(RecoverError::RecoveryBit { found: signature.v });
        }
        let scalars =
            k256::ecdsa::Signature::from_scalars(signature.r, signature.s).map_err(|_| RecoverError::Scalar)?;
        let id = RecoveryId::new(signature.v == 1, false);
        let key = VerifyingKey::recover_from_prehash(digest, &scalars, id).map_err(|_| RecoverError::Point)?;
        let point = key.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).ok_or(RecoverError::Point)?;
        let mut address = [0; 20];
        address.copy_from_slice(&Keccak256.hash(&[coordinates])[12..]);
        Ok(Address::new(address))
    }

    fn is_high_s(&self, s: &[u8; 32]) -> bool {
        *s > HALF_ORDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> [u8; 32] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// Source: ethereum/tests, GeneralStateTests/stPreCompiledContracts2, `CALLCODEEcrecover0`.
    fn known() -> ([u8; 32], Signature) {
        (
            bytes("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"),
            Signature {
                r: bytes("73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"),
                s: bytes("eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"),
                v: 1,
            },
        )
    }

    #[test]
    fn recovers_what_the_precompile_recovers() {
        let (digest, signature) = known();
        let expected = "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b".parse().unwrap();
        assert_eq!(Secp256k1.recover(&digest, &signature), Ok(expected));
        assert!(Secp256k1.is_high_s(&signature.s));
        let other = Secp256k1.recover(&digest, &Signature { v: 0, ..signature });
        assert!(other.is_ok_and(|signer| signer != expected));
    }

    #[test]
    fn refuses_what_no_key_signs() {
        let (digest, good) = known();
        let order = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
        for v in [2, 3, 27, 28, 255] {
            assert_eq!(
                Secp256k1.recover(&digest, &Signature { v, ..good }),
                Err(RecoverError::RecoveryBit { found: v })
            );
        }
        for scalar in [[0; 32], order, [0xff; 32]] {
            assert_eq!(Secp256k1.recover(&digest, &Signature { r: scalar, ..good }), Err(RecoverError::Scalar));
            assert_eq!(Secp256k1.recover(&digest, &Signature { s: scalar, ..good }), Err(RecoverError::Scalar));
        }
        // No point of secp256k1 has abscissa 5.
        let mut r = [0; 32];
        r[31] = 5;
        assert_eq!(Secp256k1.recover(&digest, &Signature { r, ..good }), Err(RecoverError::Point));
    }

    #[test]
    fn the_upper_half_begins_above_half_the_order() {
        let mut above = HALF_ORDER;
        above[31] += 1;
        assert!(!Secp256k1.is_high_s(&HALF_ORDER));
        assert!(Secp256k1.is_high_s(&above));
    }
}
