use crate::{BatchError, SignedMessage, VERIFY_SIGNATURE_BYTES, VerifyError, VerifySuite, verify_each};
use alloc::vec::Vec;
use core::iter::once;
use curve25519_dalek::{
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use sha2::{Digest, Sha512};

/// What the coefficients of a batch are told apart by from every other use of SHA-512.
const BATCH_DOMAIN: &[u8] = b"lighterman ed25519 batch 1";

/// Ed25519 as ZIP-215 defines validity: what CometBFT's validators agree upon, and what is the same one by one and in a
/// batch.
///
/// Points are taken in any encoding, the non-canonical ones included; s must be below the group's order; and the
/// equation is \[8\](\[s\]B − \[k\]A − R) = 0, k being SHA-512 of the bytes as they were given.
///
/// Source: ZIP-215. CometBFT follows it from 0.35 on; Tendermint 0.34's own verifier refuses some of the points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ed25519;

impl VerifySuite for Ed25519 {
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8; VERIFY_SIGNATURE_BYTES]) -> Result<(), VerifyError> {
        let one = Parsed::new(&SignedMessage { key, message, signature })?;
        let sum = EdwardsPoint::vartime_double_scalar_mul_basepoint(&one.challenge, &-one.key, &one.s) - one.r;
        if sum.mul_by_cofactor().is_identity() { Ok(()) } else { Err(VerifyError::Mismatch) }
    }
}

impl Ed25519 {
    /// Checks signatures together: accepts exactly when each of them is accepted by [`VerifySuite::verify`].
    ///
    /// The equations are added up, each times a number of 128 bits that depends on all keys, messages and signatures, so
    /// that nothing random is needed and nobody can choose one signature after the numbers are known. A sum that is not
    /// zero is not interpreted: the signatures are then checked one by one, which names the first bad one.
    ///
    /// # Errors
    /// [`BatchError`] names the first signature that is not its key's.
    pub fn verify_batch(&self, signed: &[SignedMessage<'_>]) -> Result<(), BatchError> {
        if signed.len() > 1 && batch_holds(signed) {
            return Ok(());
        }
        verify_each(self, signed)
    }
}

/// A signature's numbers and points.
struct Parsed {
    key: EdwardsPoint,
    r: EdwardsPoint,
    s: Scalar,
    /// SHA-512(R ‖ A ‖ message), reduced.
    challenge: Scalar,
    /// The 64 bytes before the reduction.
    digest: [u8; 64],
}

impl Parsed {
    fn new(signed: &SignedMessage<'_>) -> Result<Self, VerifyError> {
        let key_bytes = <[u8; 32]>::try_from(signed.key).map_err(|_| VerifyError::Key)?;
        let key = CompressedEdwardsY(key_bytes).decompress().ok_or(VerifyError::Key)?;
        let (mut r_bytes, mut s_bytes) = ([0; 32], [0; 32]);
        r_bytes.copy_from_slice(&signed.signature[..32]);
        s_bytes.copy_from_slice(&signed.signature[32..]);
        let s = Option::from(Scalar::from_canonical_bytes(s_bytes)).ok_or(VerifyError::Encoding)?;
        let r = CompressedEdwardsY(r_bytes).decompress().ok_or(VerifyError::Encoding)?;
        let hasher = Sha512::new().chain_update(r_bytes).chain_update(key_bytes).chain_update(signed.message);
        let digest: [u8; 64] = hasher.finalize().into();
        Ok(Self { key, r, s, challenge: Scalar::from_bytes_mod_order_wide(&digest), digest })
    }
}

/// Whether \[8\](\[Σ zᵢsᵢ\]B − Σ \[zᵢ\]Rᵢ − Σ \[zᵢkᵢ\]Aᵢ) = 0.
fn batch_holds(signed: &[SignedMessage<'_>]) -> bool {
    let Ok(parsed) = signed.iter().map(Parsed::new).collect::<Result<Vec<_>, _>>() else { return false };
    // A digest covers R, the key and the message; s is what is left of the inputs.
    let mut transcript = Sha512::new();
    transcript.update(BATCH_DOMAIN);
    for one in &parsed {
        transcript.update(one.digest);
        transcript.update(one.s.as_bytes());
    }
    let seed: [u8; 64] = transcript.finalize().into();
    let coefficients: Vec<Scalar> = (0..parsed.len() as u64).map(|index| coefficient(&seed, index)).collect();

    let of_base = parsed.iter().zip(&coefficients).map(|(one, z)| one.s * z).sum::<Scalar>();
    let of_keys = parsed.iter().zip(&coefficients).map(|(one, z)| one.challenge * z);
    let scalars = once(-of_base).chain(of_keys).chain(coefficients.iter().copied());
    let points =
        once(ED25519_BASEPOINT_POINT).chain(parsed.iter().map(|one| one.key)).chain(parsed.iter().map(|one| one.r));
    EdwardsPoint::vartime_multiscalar_mul(scalars, points).mul_by_cofactor().is_identity()
}

/// The number that the equation of one signature is multiplied by: 128 bits.
fn coefficient(seed: &[u8; 64], index: u64) -> Scalar {
    let digest = Sha512::new().chain_update(seed).chain_update(index.to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Scalar::from(u128::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};
    use curve25519_dalek::constants::EIGHT_TORSION;

    fn sign(label: u64, message: &[u8]) -> ([u8; 32], [u8; 64]) {
        let secret = Scalar::from_bytes_mod_order_wide(&Sha512::digest(label.to_be_bytes()).into());
        let key = EdwardsPoint::mul_base(&secret).compress().0;
        let nonce = Scalar::from_bytes_mod_order_wide(
            &Sha512::new().chain_update(secret.as_bytes()).chain_update(message).finalize().into(),
        );
        let r = EdwardsPoint::mul_base(&nonce).compress().0;
        let k = Scalar::from_bytes_mod_order_wide(
            &Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into(),
        );
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice((nonce + k * secret).as_bytes());
        (key, signature)
    }

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// Source: RFC 8032, section 7.1, tests 1 to 3.
    #[test]
    fn known_answers() {
        for (key, message, signature) in [
            (
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let message = hex::decode(message).unwrap();
            assert_eq!(Ed25519.verify(&bytes::<32>(key), &message, &bytes(signature)), Ok(()));
        }
    }

    /// The fourteen encodings of points of small order: eight canonical ones and six others.
    fn small_order_encodings() -> Vec<[u8; 32]> {
        let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().0).collect();
        let mut push = |first: u8, rest: u8, last: u8| {
            let mut bytes = [rest; 32];
            (bytes[0], bytes[31]) = (first, last);
            encodings.push(bytes);
        };
        // y = 1 and y = −1 with the sign of an x that is 0.
        push(0x01, 0x00, 0x80);
        push(0xec, 0xff, 0xff);
        // y = p and y = p + 1, with either sign.
        for last in [0x7f, 0xff] {
            push(0xed, 0xff, last);
            push(0xee, 0xff, last);
        }
        encodings
    }

    /// Source: ZIP-215, test vectors: all 196 pairs of A and R of small order, with s = 0, are valid.
    #[test]
    fn points_of_small_order_and_other_encodings_are_valid() {
        let encodings = small_order_encodings();
        assert_eq!(encodings.len(), 14);
        let mut signatures = Vec::new();
        for key in &encodings {
            for r in &encodings {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(r);
                signatures.push((*key, signature));
            }
        }
        let mut distinct = signatures.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 196);
        for (key, signature) in &signatures {
            assert_eq!(Ed25519.verify(key, b"Zcash", signature), Ok(()), "{}", hex::encode(key));
        }
        let signed: Vec<SignedMessage<'_>> =
            signatures.iter().map(|(key, signature)| SignedMessage { key, message: b"Zcash", signature }).collect();
        assert!(batch_holds(&signed));
        // One honest signature among them changes nothing, one bad one is found.
        let (key, mut signature) = sign(1, b"Zcash");
        let mut more = signed.clone();
        more.push(SignedMessage { key: &key, message: b"Zcash", signature: &signature });
        assert_eq!(Ed25519.verify_batch(&more), Ok(()));
        signature[0] ^= 1;
        let mut worse = signed;
        worse.insert(7, SignedMessage { key: &key, message: b"Zcash", signature: &signature });
        assert_eq!(Ed25519.verify_batch(&worse).map_err(|error| error.index), Err(7));
    }

    /// A signature that is right but for a point of small order: valid with the cofactor, alone and in a batch.
    #[test]
    fn a_torsion_component_is_ignored_alone_and_in_a_batch() {
        let secret = Scalar::from(77_u8);
        let point = EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[1];
        let key = point.compress().0;
        let r = (EdwardsPoint::mul_base(&Scalar::from(5_u8)) + EIGHT_TORSION[3]).compress().0;
        let k = Scalar::from_bytes_mod_order_wide(
            &Sha512::new().chain_update(r).chain_update(key).chain_update(b"m").finalize().into(),
        );
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice((Scalar::from(5_u8) + k * secret).as_bytes());
        assert_eq!(Ed25519.verify(&key, b"m", &signature), Ok(()));
        let one = SignedMessage { key: &key, message: b"m", signature: &signature };
        assert!(batch_holds(&[one, one, one]));
    }

    #[test]
    fn what_no_key_signs_is_refused() {
        let (key, good) = sign(3, b"message");
        assert_eq!(Ed25519.verify(&key, b"message", &good), Ok(()));
        assert_eq!(Ed25519.verify(&key[..31], b"message", &good), Err(VerifyError::Key));
        // y = 2 is no point.
        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert_eq!(Ed25519.verify(&no_point, b"message", &good), Err(VerifyError::Key));
        let mut signature = good;
        signature[..32].copy_from_slice(&no_point);
        assert_eq!(Ed25519.verify(&key, b"message", &signature), Err(VerifyError::Encoding));
        // s + the group's order: the same number in another encoding.
        let order: [u8; 32] = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut signature = good;
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        assert_eq!(Ed25519.verify(&key, b"message", &signature), Err(VerifyError::Encoding));
    }

    #[test]
    fn every_flipped_bit_is_refused_alone_and_in_a_batch() {
        let (key, good) = sign(4, b"message");
        let (other_key, other) = sign(5, b"message");
        for bit in 0..(64 + 32 + 7) * 8 {
            let (mut key, mut signature, mut message) = (key, good, *b"message");
            let byte = bit / 8;
            let target = match byte {
                0..64 => &mut signature[byte],
                64..96 => &mut key[byte - 64],
                _ => &mut message[byte - 96],
            };
            *target ^= 1 << (bit % 8);
            assert!(Ed25519.verify(&key, &message, &signature).is_err(), "bit {bit}");
            let batch = [
                SignedMessage { key: &other_key, message: b"message", signature: &other },
                SignedMessage { key: &key, message: &message, signature: &signature },
            ];
            assert!(!batch_holds(&batch), "bit {bit}");
            assert_eq!(Ed25519.verify_batch(&batch).map_err(|error| error.index), Err(1), "bit {bit}");
        }
    }

    #[test]
    fn batches_of_every_size_hold_and_name_the_bad_one() {
        for size in [0, 1, 2, 3, 67, 130] {
            let messages: Vec<String> = (0..size).map(|i| format!("vote {i}")).collect();
            let signed: Vec<_> =
                messages.iter().enumerate().map(|(i, m)| (m.as_bytes(), sign(i as u64, m.as_bytes()))).collect();
            let batch: Vec<SignedMessage<'_>> =
                signed.iter().map(|(message, (key, signature))| SignedMessage { key, message, signature }).collect();
            assert_eq!(Ed25519.verify_batch(&batch), Ok(()), "{size}");
            if size > 1 {
                // Two signatures exchanged: each is somebody's, and neither is where it belongs.
                let mut swapped = batch.clone();
                let first = swapped[0].signature;
                swapped[0].signature = swapped[size - 1].signature;
                swapped[size - 1].signature = first;
                let expected = BatchError { index: 0, source: VerifyError::Mismatch };
                assert_eq!(Ed25519.verify_batch(&swapped), Err(expected), "{size}");
            }
        }
    }
}
