use crate::Error;
use alloc::vec::Vec;
use core::fmt;
use light_client::sha256;
use light_client_crypto::Address;

/// The most validators that a set may have.
pub const MAX_VALIDATORS: usize = 256;

/// SHA-256 of the 20-byte addresses of a set, in the order of the header that lists it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetHash([u8; 32]);

impl SetHash {
    /// Takes 32 bytes as they are.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of addresses that may or may not be a set. Each is 20 bytes long, so the list is told from its hash.
    pub fn of(addresses: &[Address]) -> Self {
        Self(sha256(&addresses.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>()))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetHash({self})")
    }
}

/// The validators of one block: at least one, each once, in the header's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Vec<Address>);

impl ValidatorSet {
    /// Checks that the addresses are a set.
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`], [`Error::TooManyValidators`], [`Error::ValidatorRepeated`].
    pub fn new(addresses: Vec<Address>) -> Result<Self, Error> {
        if addresses.is_empty() {
            return Err(Error::ValidatorSetEmpty);
        }
        if addresses.len() > MAX_VALIDATORS {
            return Err(Error::TooManyValidators { maximum: MAX_VALIDATORS, found: addresses.len() });
        }
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        if let Some([found, _]) = sorted.array_windows().find(|[a, b]| a == b) {
            return Err(Error::ValidatorRepeated { found: *found });
        }
        Ok(Self(addresses))
    }

    /// The addresses, in the header's order.
    pub fn addresses(&self) -> &[Address] {
        &self.0
    }

    /// How many there are, at least 1.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: &Address) -> bool {
        self.0.contains(address)
    }

    /// The hash by which the client remembers the set.
    pub fn hash(&self) -> SetHash {
        SetHash::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_set_has_each_member_once() {
        let [a, b] = [Address::new([1; 20]), Address::new([2; 20])];
        assert_eq!(ValidatorSet::new(vec![]), Err(Error::ValidatorSetEmpty));
        assert_eq!(ValidatorSet::new(vec![a, b, a]), Err(Error::ValidatorRepeated { found: a }));
        let many = (0..=256_u16).map(|i| Address::new(core::array::from_fn(|k| i.to_be_bytes()[k % 2])));
        assert_eq!(ValidatorSet::new(many.collect()), Err(Error::TooManyValidators { maximum: 256, found: 257 }));
        let set = ValidatorSet::new(vec![b, a]).unwrap();
        assert!(set.contains(&a) && set.count() == 2);
        // The order is the header's, and the hash depends on it.
        assert_ne!(set.hash(), ValidatorSet::new(vec![a, b]).unwrap().hash());
    }
}
