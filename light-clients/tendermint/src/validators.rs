use crate::{Error, PublicKey, merkle, protobuf};
use alloc::vec::Vec;
use core::fmt;
use light_client::Cursor;
use light_client_crypto::HashSuite;

/// The most validators that a set may have.
pub const MAX_VALIDATORS: usize = 512;
/// The greatest sum of the powers of a set.
///
/// Source: CometBFT 0.38, `types/validator_set.go` (`MaxTotalVotingPower`, an eighth of the greatest int64).
pub const MAX_TOTAL_POWER: u64 = (i64::MAX / 8).cast_unsigned();

/// The hash by which a header names a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetHash([u8; 32]);

impl SetHash {
    /// Takes 32 bytes as they are.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
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

/// A validator and what its vote is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its key.
    pub key: PublicKey,
    /// Its power, 1 to 2⁶³ − 1.
    pub power: u64,
}

impl Validator {
    /// `SimpleValidator`: a leaf of the set's tree.
    ///
    /// Source: CometBFT 0.38, `types/validator.go` (`Bytes`).
    fn leaf(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(35);
        protobuf::put_bytes(&mut key, self.key.key_type().tag(), self.key.as_bytes());
        let mut bytes = Vec::with_capacity(48);
        protobuf::put_bytes(&mut bytes, 1, &key);
        protobuf::put_number(&mut bytes, 2, self.power);
        bytes
    }

    /// Key type 1 ‖ key ‖ power 8.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let key = PublicKey::read(cursor)?;
        let power = cursor.take_u64("power")?;
        if power == 0 || power > i64::MAX.cast_unsigned() {
            return Err(Error::ValidatorMalformed { expected: "a power of 1 to 2^63 - 1", found: power });
        }
        Ok(Self { key, power })
    }
}

/// The validators of one height: at least one, each key once, in the chain's order, with a sum of powers that cannot
/// overflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    total_power: u64,
}

impl ValidatorSet {
    /// Checks that the validators are a set. Their order is the chain's, by power and then by address; nothing is sorted
    /// here, since the set's hash binds it.
    ///
    /// # Errors
    /// [`Error::ValidatorSetEmpty`], [`Error::TooManyValidators`], [`Error::ValidatorMalformed`],
    /// [`Error::ValidatorRepeated`], [`Error::TotalPowerTooLarge`].
    pub fn new(validators: Vec<Validator>) -> Result<Self, Error> {
        if validators.is_empty() {
            return Err(Error::ValidatorSetEmpty);
        }
        if validators.len() > MAX_VALIDATORS {
            return Err(Error::TooManyValidators { maximum: MAX_VALIDATORS, found: validators.len() });
        }
        if let Some(found) = validators.iter().find(|one| one.power == 0 || one.power > i64::MAX.cast_unsigned()) {
            return Err(Error::ValidatorMalformed { expected: "a power of 1 to 2^63 - 1", found: found.power });
        }
        let mut keys: Vec<PublicKey> = validators.iter().map(|validator| validator.key).collect();
        keys.sort_unstable();
        if let Some([found, _]) = keys.array_windows().find(|[a, b]| a == b) {
            return Err(Error::ValidatorRepeated { found: *found });
        }
        // 512 numbers below 2⁶³ fit in 128 bits.
        let total: u128 = validators.iter().map(|validator| u128::from(validator.power)).sum();
        match u64::try_from(total) {
            Ok(total_power) if total_power <= MAX_TOTAL_POWER => Ok(Self { validators, total_power }),
            _ => Err(Error::TotalPowerTooLarge { maximum: MAX_TOTAL_POWER, found: total }),
        }
    }

    /// The validators in the chain's order.
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// The one at a place, from 0.
    pub fn get(&self, index: u16) -> Option<&Validator> {
        self.validators.get(usize::from(index))
    }

    /// The sum of all powers, at least 1 and at most [`MAX_TOTAL_POWER`].
    pub const fn total_power(&self) -> u64 {
        self.total_power
    }

    /// The hash by which a header names the set.
    pub fn hash<S: HashSuite>(&self, suite: &S) -> SetHash {
        let leaves: Vec<Vec<u8>> = self.validators.iter().map(Validator::leaf).collect();
        SetHash(merkle::root(suite, &leaves))
    }

    /// Count 2 ‖ validators; none when the count is 0.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Error> {
        let count = usize::from(cursor.take_u16("count of validators")?);
        if count == 0 {
            return Ok(None);
        }
        if count > MAX_VALIDATORS {
            return Err(Error::TooManyValidators { maximum: MAX_VALIDATORS, found: count });
        }
        let mut validators = Vec::with_capacity(count);
        for _ in 0..count {
            validators.push(Validator::read(cursor)?);
        }
        Self::new(validators).map(Some)
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&(self.validators.len() as u16).to_be_bytes());
        for validator in &self.validators {
            bytes.push(validator.key.key_type().tag());
            bytes.extend_from_slice(validator.key.as_bytes());
            bytes.extend_from_slice(&validator.power.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn validator(label: u8, power: u64) -> Validator {
        Validator { key: PublicKey::Ed25519([label; 32]), power }
    }

    #[test]
    fn a_set_has_each_key_once_and_a_bounded_sum() {
        let [a, b] = [validator(1, 5), validator(2, 7)];
        assert_eq!(ValidatorSet::new(vec![]), Err(Error::ValidatorSetEmpty));
        assert_eq!(ValidatorSet::new(vec![a, b, validator(1, 9)]), Err(Error::ValidatorRepeated { found: a.key }));
        let set = ValidatorSet::new(vec![b, a]).unwrap();
        assert_eq!((set.total_power(), set.get(1), set.get(2)), (12, Some(&a), None));
        for power in [0, 1 << 63, u64::MAX] {
            assert!(matches!(ValidatorSet::new(vec![validator(1, power)]), Err(Error::ValidatorMalformed { .. })));
        }
        assert_eq!(MAX_TOTAL_POWER, (1 << 60) - 1);
        assert!(ValidatorSet::new(vec![validator(1, MAX_TOTAL_POWER)]).is_ok());
        assert!(ValidatorSet::new(vec![validator(1, MAX_TOTAL_POWER - 1), validator(2, 1)]).is_ok());
        let error = ValidatorSet::new(vec![validator(1, MAX_TOTAL_POWER), validator(2, 1)]);
        assert_eq!(error, Err(Error::TotalPowerTooLarge { maximum: MAX_TOTAL_POWER, found: 1 << 60 }));
        let greatest = i64::MAX.cast_unsigned();
        let error = ValidatorSet::new((0..3).map(|label| validator(label, greatest)).collect());
        assert_eq!(error, Err(Error::TotalPowerTooLarge { maximum: MAX_TOTAL_POWER, found: 3 * u128::from(greatest) }));
    }
}
