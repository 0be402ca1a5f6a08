use crate::{HashSuite, Sm3, VERIFY_SIGNATURE_BYTES, VerifyError, VerifySuite, ecdsa::is_compressed};
use alloc::{borrow::ToOwned, vec::Vec};
use sm2::{
    PublicKey,
    dsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier},
    elliptic_curve::sec1::ToSec1Point,
};

/// The user id that the standards give where none is agreed upon, and that IRITA's chains sign with.
///
/// Source: GM/T 0009-2012, section 10; tjfoc/gmsm 1.4.0, `sm2/sm2.go` (`default_uid`).
pub const DEFAULT_SM2_USER_ID: &[u8] = b"1234567812345678";

/// The longest user id, in bytes. (The standard's limit is 8191; nobody is known to use more than 16.)
pub const MAX_SM2_USER_ID_BYTES: usize = 64;

/// The curve's a and b, and the coordinates of its base point, one after another.
///
/// Source: GB/T 32918.5-2017, section 2.
const CURVE: [[u8; 32]; 4] = [
    *b"\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfc",
    *b"\x28\xe9\xfa\x9e\x9d\x9f\x5e\x34\x4d\x5a\x9e\x4b\xcf\x65\x09\xa7\xf3\x97\x89\xf5\x15\xab\x8f\x92\xdd\xbc\xbd\x41\x4d\x94\x0e\x93",
    *b"\x32\xc4\xae\x2c\x1f\x19\x81\x19\x5f\x99\x04\x46\x6a\x39\xc9\x94\x8f\xe3\x0b\xbf\xf2\x66\x0b\xe1\x71\x5a\x45\x89\x33\x4c\x74\xc7",
    *b"\xbc\x37\x36\xa2\xf4\xf6\x77\x9c\x59\xbd\xce\xe3\x6b\x69\x21\x53\xd0\xa9\x87\x7c\xc6\x2a\x47\x40\x02\xdf\x32\xe5\x21\x39\xf0\xa0",
];

/// SM2 with SM3: the digest signed is SM3(Z ‖ message), Z being bound to the user id, the curve and the key.
///
/// Keys are 33 bytes, compressed, and start with 02 or 03. (The networks of 2020 wrote 00 and 01; taking both would give
/// one key two spellings.) A signature is r ‖ s; there is no rule of a lower half, since −s is no signature.
///
/// Source: GB/T 32918.2-2016, section 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sm2 {
    user_id: Vec<u8>,
}

/// Why bytes are no user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user id: expected 1 to {MAX_SM2_USER_ID_BYTES} bytes, found {found}")]
pub struct UserIdError {
    found: usize,
}

impl Default for Sm2 {
    fn default() -> Self {
        Self { user_id: DEFAULT_SM2_USER_ID.to_owned() }
    }
}

impl Sm2 {
    /// The scheme with a user id of 1 to [`MAX_SM2_USER_ID_BYTES`] bytes.
    ///
    /// # Errors
    /// [`UserIdError`] when it is longer, or empty: with an empty one, IRITA's library signs nothing.
    pub fn with_user_id(user_id: &[u8]) -> Result<Self, UserIdError> {
        if user_id.is_empty() || user_id.len() > MAX_SM2_USER_ID_BYTES {
            return Err(UserIdError { found: user_id.len() });
        }
        Ok(Self { user_id: user_id.to_owned() })
    }

    /// The user id.
    pub fn user_id(&self) -> &[u8] {
        &self.user_id
    }

    /// SM3(Z ‖ message), Z = SM3(bits of the user id 2 ‖ user id ‖ a ‖ b ‖ base point ‖ key's point).
    fn digest(&self, point: &[u8], message: &[u8]) -> [u8; 32] {
        let bits = (self.user_id.len() as u16).saturating_mul(8).to_be_bytes();
        let [a, b, x, y] = &CURVE;
        let z = Sm3.hash(&[&bits, &self.user_id, a, b, x, y, point]);
        Sm3.hash(&[&z, message])
    }
}

impl VerifySuite for Sm2 {
    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8; VERIFY_SIGNATURE_BYTES]) -> Result<(), VerifyError> {
        if !is_compressed(key) {
            return Err(VerifyError::Key);
        }
        let key = PublicKey::from_sec1_bytes(key).map_err(|_| VerifyError::Key)?;
        let point = key.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).ok_or(VerifyError::Key)?;
        let digest = self.digest(coordinates, message);
        let numbers = Signature::from_slice(signature).map_err(|_| VerifyError::Encoding)?;
        // The user id given here plays no part: the digest is made above, for user ids of any bytes.
        let key = VerifyingKey::new("", key).map_err(|_| VerifyError::Key)?;
        key.verify_prehash(&digest, &numbers).map_err(|_| VerifyError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sm2::dsa::{SigningKey, signature::Signer};

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// Source: GB/T 32918.5-2017, annex A.2 (key in compressed form).
    #[test]
    fn known_answer() {
        let key: [u8; 33] = bytes("0309f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020");
        let signature = bytes(
            "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
        );
        assert_eq!(Sm2::default().verify(&key, b"message digest", &signature), Ok(()));
        let other = Sm2::with_user_id(b"ALICE123@YAHOO.COM").unwrap();
        assert_eq!(other.verify(&key, b"message digest", &signature), Err(VerifyError::Mismatch));
    }

    fn sign(user_id: &str, message: &[u8]) -> (Vec<u8>, [u8; 64]) {
        let secret = sm2::SecretKey::from_slice(&light_client::sha256(&[b"sm2"])).unwrap();
        let key = SigningKey::new(user_id, &secret).unwrap();
        let signature: Signature = key.sign(message);
        (secret.public_key().to_sec1_point(true).as_bytes().to_vec(), signature.to_bytes().into())
    }

    #[test]
    fn user_ids_bind_the_signature() {
        for user_id in ["1234567812345678", "x", "a user id of more than sixteen bytes"] {
            let (key, signature) = sign(user_id, b"message");
            let suite = Sm2::with_user_id(user_id.as_bytes()).unwrap();
            assert_eq!(suite.verify(&key, b"message", &signature), Ok(()));
            assert_eq!(suite.user_id(), user_id.as_bytes());
            let other = Sm2::with_user_id(b"another").unwrap();
            assert_eq!(other.verify(&key, b"message", &signature), Err(VerifyError::Mismatch));
        }
        for length in [0, 65] {
            assert_eq!(Sm2::with_user_id(&[7; 65][..length]), Err(UserIdError { found: length }));
        }
        assert!(Sm2::with_user_id(&[0xff; 64]).is_ok());
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (key, good) = sign("1234567812345678", b"message");
        for bit in 0..(64 + 33 + 7) * 8 {
            let (mut key, mut signature, mut message) = (key.clone(), good, *b"message");
            let byte = bit / 8;
            let target = match byte {
                0..64 => &mut signature[byte],
                64..97 => &mut key[byte - 64],
                _ => &mut message[byte - 97],
            };
            *target ^= 1 << (bit % 8);
            assert!(Sm2::default().verify(&key, &message, &signature).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_no_key_signs_is_refused() {
        let (key, good) = sign("1234567812345678", b"message");
        for prefix in [0, 1, 4] {
            let mut other = key.clone();
            other[0] = prefix;
            assert_eq!(Sm2::default().verify(&other, b"message", &good), Err(VerifyError::Key));
        }
        for half in [0..32, 32..64] {
            for byte in [0, 0xff] {
                let mut signature = good;
                signature[half.clone()].fill(byte);
                assert_eq!(Sm2::default().verify(&key, b"message", &signature), Err(VerifyError::Encoding));
            }
        }
        // r + s = n: the point of the key would not count.
        let order: [u8; 32] = bytes("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
        let mut signature = [0; 64];
        signature[31] = 1;
        signature[32..].copy_from_slice(&order);
        signature[63] -= 1;
        assert_eq!(Sm2::default().verify(&key, b"message", &signature), Err(VerifyError::Mismatch));
    }
}
