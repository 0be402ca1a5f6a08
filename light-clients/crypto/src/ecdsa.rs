use crate::{RecoverSuite, Secp256k1, VERIFY_SIGNATURE_BYTES, VerifyError, VerifySuite};
use k256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

/// ECDSA on secp256k1 over the SHA-256 of the message, as validators and accounts of Cosmos chains sign.
///
/// Keys are 33 bytes, compressed; a signature is r ‖ s with s in the lower half of the group's order.
///
/// Source: CometBFT 0.38, `crypto/secp256k1/secp256k1.go` (`VerifySignature`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secp256k1Sha256;

impl VerifySuite for Secp256k1Sha256 {
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8; VERIFY_SIGNATURE_BYTES]) -> Result<(), VerifyError> {
        if !is_compressed(key) {
            return Err(VerifyError::Key);
        }
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| VerifyError::Key)?;
        let numbers = Signature::from_slice(signature).map_err(|_| VerifyError::Encoding)?;
        let mut s = [0; 32];
        s.copy_from_slice(&signature[32..]);
        if Secp256k1.is_high_s(&s) {
            return Err(VerifyError::HighS);
        }
        let digest = light_client::sha256(&[message]);
        key.verify_prehash(&digest, &numbers).map_err(|_| VerifyError::Mismatch)
    }
}

/// Whether a key is 33 bytes that start with 02 or 03: of the encodings of SEC 1, the only one that chains use.
pub(crate) fn is_compressed(key: &[u8]) -> bool {
    key.len() == 33 && matches!(key.first(), Some(2 | 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use k256::ecdsa::{SigningKey, signature::hazmat::PrehashSigner};

    fn sign(message: &[u8]) -> (Vec<u8>, [u8; 64]) {
        let key = SigningKey::from_slice(&light_client::sha256(&[b"secp256k1"])).unwrap();
        let signature: Signature = key.sign_prehash(&light_client::sha256(&[message])).unwrap();
        (key.verifying_key().to_sec1_point(true).as_bytes().to_vec(), signature.normalize_s().to_bytes().into())
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (key, good) = sign(b"message");
        assert_eq!(Secp256k1Sha256.verify(&key, b"message", &good), Ok(()));
        for bit in 0..(64 + 33 + 7) * 8 {
            let (mut key, mut signature, mut message) = (key.clone(), good, *b"message");
            let byte = bit / 8;
            let target = match byte {
                0..64 => &mut signature[byte],
                64..97 => &mut key[byte - 64],
                _ => &mut message[byte - 97],
            };
            *target ^= 1 << (bit % 8);
            assert!(Secp256k1Sha256.verify(&key, &message, &signature).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_malleated_form_and_numbers_out_of_range_are_refused() {
        let (key, good) = sign(b"message");
        let numbers = Signature::from_slice(&good).unwrap();
        let high: [u8; 32] = (-*numbers.s()).to_bytes().into();
        let mut signature = good;
        signature[32..].copy_from_slice(&high);
        assert_eq!(Secp256k1Sha256.verify(&key, b"message", &signature), Err(VerifyError::HighS));
        for half in [0..32, 32..64] {
            for byte in [0, 0xff] {
                let mut signature = good;
                signature[half.clone()].fill(byte);
                assert_eq!(Secp256k1Sha256.verify(&key, b"message", &signature), Err(VerifyError::Encoding));
            }
        }
        for prefix in [0, 1, 4, 5] {
            let mut other = key.clone();
            other[0] = prefix;
            assert_eq!(Secp256k1Sha256.verify(&other, b"message", &good), Err(VerifyError::Key));
        }
        assert_eq!(Secp256k1Sha256.verify(&key[..32], b"message", &good), Err(VerifyError::Key));
        assert_eq!(Secp256k1Sha256.verify(&[], b"message", &good), Err(VerifyError::Key));
    }
}
