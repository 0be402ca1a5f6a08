use crate::{Error, KeyType};
use alloc::vec::Vec;
use core::time::Duration;
use light_client::{ChainId, Cursor, Height, Quorum, Timestamp};
use light_client_crypto::{ADDRESS_BYTES, Address, HashSuite, Sha256, Sm2, Sm3};
use light_client_proofs::ics23::ProofSpec;

/// The longest chain id, in bytes.
///
/// Source: CometBFT 0.38, `types/genesis.go` (`MaxChainIDLen`).
pub const MAX_CHAIN_ID_BYTES: usize = 50;
/// The longest name of a store, in bytes.
pub const MAX_STORE_NAME_BYTES: usize = 64;

/// What never changes in a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// What the chain calls itself: 1 to [`MAX_CHAIN_ID_BYTES`] bytes, signed by every vote.
    pub chain_id: ChainId,
    /// The share of the trusted set that must have voted for a header that is not the next one.
    pub trust_level: TrustLevel,
    /// How long after the time of the latest state the client may still be used, in seconds.
    pub trusting_period_seconds: u64,
    /// How far a header's time may be ahead of the verifier's, in seconds; the very end is not allowed.
    pub clock_drift_seconds: u64,
    /// The kinds of key that validators may have.
    pub key_types: KeyTypes,
    /// How SM2 keys sign.
    pub sm2: Sm2,
    /// The hash of headers, sets and stores.
    pub tree_hash: TreeHash,
    /// The kind of tree that holds the commitments.
    pub store_tree: StoreTree,
    /// Where they lie.
    pub commitments: Commitments,
}

/// The revision of the heights of a chain of this id: one that ends with `-N`, N being a number without leading zeros, is of
/// revision N, any other of revision 0.
///
/// Source: ibc-go v10.3.0, `modules/core/02-client/types/height.go` (`ParseChainID`).
pub fn revision_of(chain_id: &ChainId) -> u64 {
    let Some((name, revision)) = chain_id.as_str().rsplit_once('-') else { return 0 };
    let number = revision.bytes().all(|byte| byte.is_ascii_digit()) && !revision.starts_with('0');
    if name.is_empty() || name.ends_with('-') || !number { 0 } else { revision.parse().unwrap_or(0) }
}

/// A share of voting power, at least a third and at most all of it; *more* than it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustLevel {
    numerator: u8,
    denominator: u8,
}

/// Kinds of key, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyTypes(u8);

/// A hash of 32 bytes as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TreeHash {
    /// SHA-256: every chain but the fully national forks.
    Sha256,
    /// SM3.
    Sm3,
}

/// The kinds of tree that a store may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreTree {
    /// IAVL, as the Cosmos SDK has it.
    Iavl,
    /// The Jellyfish Merkle tree.
    Jmt,
}

/// Where a chain keeps its commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commitments {
    /// Under their own paths in a store, as ibc-go keeps them.
    IbcStore {
        /// The store's name, the first element of a path.
        store: Vec<u8>,
    },
    /// In the storage of a Router, which an EVM module keeps in its store: the key is 02 ‖ router ‖ SHA-256(path).
    EvmStore {
        /// The store's name.
        store: Vec<u8>,
        /// The Router's address.
        router: Address,
    },
}

impl Parameters {
    /// The chain's height of this number.
    pub fn height(&self, number: u64) -> Height {
        Height::with_revision(self.revision(), number)
    }

    /// The revision of the chain's heights.
    pub fn revision(&self) -> u64 {
        revision_of(&self.chain_id)
    }

    /// From when on a latest state of this time is too old.
    pub fn expiry(&self, latest: Timestamp) -> Timestamp {
        latest.saturating_add(Duration::from_secs(self.trusting_period_seconds))
    }

    /// Whether a latest state of this time is too old at `now`.
    pub fn is_expired(&self, latest: Timestamp, now: Timestamp) -> bool {
        now >= self.expiry(latest)
    }

    /// Checks what the fields' types leave open.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let chain_id = self.chain_id.as_str().len();
        if chain_id > MAX_CHAIN_ID_BYTES {
            return Err(malformed("a chain id of 1 to 50 bytes", chain_id));
        }
        let store = self.commitments.store().len();
        if store == 0 || store > MAX_STORE_NAME_BYTES {
            return Err(malformed("a store name of 1 to 64 bytes", store));
        }
        Ok(())
    }

    /// Chain id length 1 ‖ chain id ‖ trust level 2 ‖ trusting period 8 ‖ clock drift 8 ‖ key types 1 ‖ user id length 1 ‖
    /// user id ‖ tree hash 1 ‖ store tree 1 ‖ commitments 1 ‖ store name length 1 ‖ store name ‖ router 20 where there is one.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        let mut short = |part: &[u8]| {
            bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(part);
        };
        short(self.chain_id.as_str().as_bytes());
        bytes.extend_from_slice(&[self.trust_level.numerator, self.trust_level.denominator]);
        bytes.extend_from_slice(&self.trusting_period_seconds.to_be_bytes());
        bytes.extend_from_slice(&self.clock_drift_seconds.to_be_bytes());
        bytes.push(self.key_types.0);
        let mut short = |part: &[u8]| {
            bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(part);
        };
        short(self.sm2.user_id());
        bytes.push((self.tree_hash == TreeHash::Sm3).into());
        bytes.push((self.store_tree == StoreTree::Jmt).into());
        bytes.push(matches!(self.commitments, Commitments::EvmStore { .. }).into());
        let store = self.commitments.store();
        bytes.push(u8::try_from(store.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(store);
        if let Commitments::EvmStore { router, .. } = &self.commitments {
            bytes.extend_from_slice(router.as_bytes());
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let short = |cursor: &mut Cursor<'_>, field| -> Result<Vec<u8>, Error> {
            let [length] = cursor.take_array(field)?;
            Ok(cursor.take(field, length.into())?.to_vec())
        };
        let chain_id = short(cursor, "chain id")?;
        let chain_id = core::str::from_utf8(&chain_id)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| malformed("a chain id of printable characters", chain_id.len()))?;
        let [numerator, denominator] = cursor.take_array("trust level")?;
        let trust_level = TrustLevel::new(numerator, denominator)?;
        let (trusting_period_seconds, clock_drift_seconds) =
            (cursor.take_u64("trusting period")?, cursor.take_u64("clock drift")?);
        let [key_types] = cursor.take_array("key types")?;
        let key_types = KeyTypes::from_bits(key_types)?;
        let user_id = short(cursor, "user id")?;
        let sm2 = Sm2::with_user_id(&user_id).map_err(|_| malformed("a user id of 1 to 64 bytes", user_id.len()))?;
        let choice = |cursor: &mut Cursor<'_>, field| -> Result<bool, Error> {
            match cursor.take_array(field)? {
                [0] => Ok(false),
                [1] => Ok(true),
                [found] => Err(malformed("a choice of 0 or 1", found.into())),
            }
        };
        let tree_hash = if choice(cursor, "tree hash")? { TreeHash::Sm3 } else { TreeHash::Sha256 };
        let store_tree = if choice(cursor, "store tree")? { StoreTree::Jmt } else { StoreTree::Iavl };
        let in_evm = choice(cursor, "commitments")?;
        let store = short(cursor, "store name")?;
        let commitments = if in_evm {
            let router = Address::new(cursor.take_array::<ADDRESS_BYTES>("router")?);
            Commitments::EvmStore { store, router }
        } else {
            Commitments::IbcStore { store }
        };
        Ok(Self {
            chain_id,
            trust_level,
            trusting_period_seconds,
            clock_drift_seconds,
            key_types,
            sm2,
            tree_hash,
            store_tree,
            commitments,
        })
    }
}

pub(crate) const fn malformed(expected: &'static str, found: usize) -> Error {
    Error::ClientStateMalformed { expected, found: found as u64 }
}

impl TrustLevel {
    /// A third: what holds an honest validator while fewer than a third are faulty.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };

    /// A share of at least a third and at most all.
    ///
    /// # Errors
    /// [`Error::ClientStateMalformed`] for any other.
    ///
    /// Source: CometBFT 0.38, `light/verifier.go` (`ValidateTrustLevel`).
    pub const fn new(numerator: u8, denominator: u8) -> Result<Self, Error> {
        if denominator == 0 || numerator > denominator || (numerator as u16) * 3 < denominator as u16 {
            return Err(malformed("a trust level from 1/3 to 1/1", numerator as usize));
        }
        Ok(Self { numerator, denominator })
    }

    /// The rule by which power is counted.
    pub const fn quorum(self) -> Quorum {
        Quorum::MoreThan(self.numerator as u32, self.denominator as u32)
    }

    /// The share's numerator.
    pub const fn numerator(self) -> u8 {
        self.numerator
    }

    /// The share's denominator.
    pub const fn denominator(self) -> u8 {
        self.denominator
    }
}

impl KeyTypes {
    /// Ed25519 only.
    pub const ED25519: Self = Self(1);
    /// Every kind that is known here.
    pub const ALL: Self = Self(7);

    /// Bit 0 Ed25519, bit 1 secp256k1, bit 2 SM2.
    ///
    /// # Errors
    /// [`Error::ClientStateMalformed`] when none or another bit is set.
    pub const fn from_bits(bits: u8) -> Result<Self, Error> {
        if bits == 0 || bits > Self::ALL.0 {
            return Err(malformed("key types of bits 0 to 2", bits as usize));
        }
        Ok(Self(bits))
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether keys of this kind are allowed.
    pub const fn allow(self, key_type: KeyType) -> bool {
        self.0 & (1 << (key_type.tag() - 1)) != 0
    }
}

impl HashSuite for TreeHash {
    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::Sha256 => Sha256.hash(parts),
            Self::Sm3 => Sm3.hash(parts),
        }
    }
}

impl StoreTree {
    /// The tree's form.
    pub const fn spec(self) -> ProofSpec {
        match self {
            Self::Iavl => ProofSpec::IAVL,
            Self::Jmt => ProofSpec::JMT,
        }
    }
}

impl Commitments {
    /// The name of the store.
    pub fn store(&self) -> &[u8] {
        match self {
            Self::IbcStore { store } | Self::EvmStore { store, .. } => store,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_client_crypto::Sm2;

    fn parameters(chain_id: &str) -> Parameters {
        Parameters {
            chain_id: chain_id.parse().unwrap(),
            trust_level: TrustLevel::ONE_THIRD,
            trusting_period_seconds: 10,
            clock_drift_seconds: 0,
            key_types: KeyTypes::ED25519,
            sm2: Sm2::default(),
            tree_hash: TreeHash::Sha256,
            store_tree: StoreTree::Iavl,
            commitments: Commitments::IbcStore { store: b"ibc".to_vec() },
        }
    }

    #[test]
    fn the_revision_is_the_number_behind_the_last_hyphen() {
        for (chain_id, revision) in [
            ("cosmoshub-4", 4),
            ("irita", 0),
            ("a-b-12", 12),
            ("chain-0", 0),
            ("chain-01", 0),
            ("chain-", 0),
            ("chain--1", 0),
            ("-1", 0),
            ("chain-1a", 0),
            ("chain-18446744073709551615", u64::MAX),
            ("chain-18446744073709551616", 0),
        ] {
            assert_eq!(parameters(chain_id).revision(), revision, "{chain_id}");
        }
        assert_eq!(parameters("evmd-3").height(7), Height::with_revision(3, 7));
    }

    #[test]
    fn a_trust_level_is_from_a_third_to_all() {
        for (numerator, denominator, good) in [
            (1, 3, true),
            (2, 3, true),
            (1, 1, true),
            (85, 255, true),
            (84, 255, false),
            (1, 4, false),
            (4, 3, false),
            (0, 0, false),
            (0, 1, false),
        ] {
            assert_eq!(TrustLevel::new(numerator, denominator).is_ok(), good, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn a_client_expires_at_the_end_of_its_period_to_the_nanosecond() {
        let parameters = parameters("a");
        let latest = Timestamp::from_unix_nanos(5_000_000_001);
        assert!(!parameters.is_expired(latest, Timestamp::from_unix_nanos(15_000_000_000)));
        assert!(parameters.is_expired(latest, Timestamp::from_unix_nanos(15_000_000_001)));
    }

    #[test]
    fn key_types_are_bits() {
        for bits in [0, 8, 255] {
            assert!(KeyTypes::from_bits(bits).is_err());
        }
        let two = KeyTypes::from_bits(5).unwrap();
        assert!(two.allow(KeyType::Ed25519) && !two.allow(KeyType::Secp256k1) && two.allow(KeyType::Sm2));
    }
}
