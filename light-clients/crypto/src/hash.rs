use sha3::Digest;

/// A hash function with 32 bytes of output.
pub trait HashSuite {
    /// The hash of the parts, one after another. The caller sees to it that the whole is injective.
    fn hash(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// Keccak-256 as Ethereum has it (the padding before FIPS 202), behind the `KECCAK256` opcode of EVM chains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keccak256;

impl HashSuite for Keccak256 {
    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = sha3::Keccak256::new();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// SHA-256 (FIPS 180-4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sha256;

impl HashSuite for Sha256 {
    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        light_client::sha256(parts)
    }
}

/// SM3 (GB/T 32905-2016), the national hash of China.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sm3;

impl HashSuite for Sm3 {
    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = sm3::Sm3::new();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{HashSuite, Keccak256, Sha256, Sm3};

    #[test]
    fn known_answers() {
        // The code hash of an account without code; "abc" of FIPS 180-4 and of GB/T 32905, annex A.1.
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex::encode(Keccak256.hash(&[])), empty);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(Sha256.hash(&[b"a", b"bc"])), abc);
        let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        assert_eq!(hex::encode(Sm3.hash(&[b"a", b"bc"])), abc);
        assert_eq!(Keccak256.hash(&[b"a", b"bc"]), Keccak256.hash(&[b"abc"]));
    }
}
