//! What nodes answer: `cosmos.ics23.v1.CommitmentProof`, and `ibc.core.commitment.v1.MerkleProof` which lists them.
//!
//! Read strictly: known fields only, each once, and the hash operations that the tree prescribes. (The compressed and
//! batched forms are in no answer of a node.)
//!
//! Source: cosmos/ics23 `proto/cosmos/ics23/v1/proofs.proto`.

use super::{Ics23Error, MAX_NEIGHBOUR_KEY_BYTES, MAX_STEPS, Neighbour, Path, ProofSpec, Step, StoreProof};
use alloc::vec::Vec;
use light_client::Cursor;
use light_client_crypto::HashSuite;

/// The most proofs that a `MerkleProof` may list: more stores are not nested anywhere.
pub const MAX_LEVELS: usize = 8;

const HASH_NONE: u64 = 0;
const HASH_SHA256: u64 = 1;
const LENGTH_NONE: u64 = 0;
const LENGTH_VARINT: u64 = 1;

/// One answer about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitmentProof {
    /// A leaf under the root.
    Existence(ProvenLeaf),
    /// The leaves beside a key.
    Absence {
        /// The key.
        key: Vec<u8>,
        /// The leaf before it.
        left: Option<ProvenLeaf>,
        /// The leaf behind it.
        right: Option<ProvenLeaf>,
    },
}

/// A leaf with its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// From the leaf to the root.
    pub path: Path,
}

impl CommitmentProof {
    /// Reads a `CommitmentProof` whose hash operations are those of `spec`.
    ///
    /// # Errors
    /// [`Ics23Error::CommitmentProofMalformed`], [`Ics23Error::TooManySteps`].
    pub fn decode(bytes: &[u8], spec: &ProofSpec) -> Result<Self, Ics23Error> {
        match fields(bytes, "commitment proof")?.as_slice() {
            [(1, Field::Bytes(leaf))] => Ok(Self::Existence(proven_leaf(leaf, spec)?)),
            [(2, Field::Bytes(absence))] => {
                let (mut key, mut left, mut right) = (None, None, None);
                for (number, field) in fields(absence, "absence")? {
                    match (number, field) {
                        (1, Field::Bytes(bytes)) => once(&mut key, bytes.to_vec(), "absence, key")?,
                        (2, Field::Bytes(bytes)) => once(&mut left, proven_leaf(bytes, spec)?, "absence, left")?,
                        (3, Field::Bytes(bytes)) => once(&mut right, proven_leaf(bytes, spec)?, "absence, right")?,
                        _ => return Err(malformed("absence", "fields 1 to 3")),
                    }
                }
                Ok(Self::Absence { key: key.unwrap_or_default(), left, right })
            }
            _ => Err(malformed("commitment proof", "either an existence proof or an absence proof")),
        }
    }

    /// The proof in the form in which it is verified, once it is about this key and shows what is claimed.
    pub(super) fn into_claim<S: HashSuite>(
        self,
        suite: &S,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<StoreProof, Ics23Error> {
        match (self, value) {
            (Self::Existence(leaf), Some(value)) => {
                check_key(key, leaf.key)?;
                if leaf.value != value {
                    return Err(Ics23Error::CommitmentValueMismatch { expected: value.to_vec(), found: leaf.value });
                }
                Ok(StoreProof::Existence(leaf.path))
            }
            (Self::Absence { key: found, left, right }, None) => {
                check_key(key, found)?;
                let neighbour = |leaf: ProvenLeaf| leaf.into_neighbour(suite);
                Ok(StoreProof::Absence {
                    left: left.map(neighbour).transpose()?,
                    right: right.map(neighbour).transpose()?,
                })
            }
            (Self::Existence(_), None) => Err(Ics23Error::KindMismatch { expected: "absence", found: "presence" }),
            (Self::Absence { .. }, Some(_)) => Err(Ics23Error::KindMismatch { expected: "presence", found: "absence" }),
        }
    }

    /// The path and the value of a leaf that exists, once it is this key's.
    pub(super) fn into_existence(self, key: &[u8]) -> Result<(Path, Vec<u8>), Ics23Error> {
        match self {
            Self::Existence(leaf) => {
                check_key(key, leaf.key)?;
                Ok((leaf.path, leaf.value))
            }
            Self::Absence { .. } => Err(Ics23Error::KindMismatch { expected: "presence", found: "absence" }),
        }
    }
}

impl ProvenLeaf {
    fn into_neighbour<S: HashSuite>(self, suite: &S) -> Result<Neighbour, Ics23Error> {
        if self.key.is_empty() || self.key.len() > MAX_NEIGHBOUR_KEY_BYTES {
            return Err(Ics23Error::NeighbourMalformed { maximum: MAX_NEIGHBOUR_KEY_BYTES, found: self.key.len() });
        }
        Ok(Neighbour { value_hash: suite.hash(&[&self.value]), key: self.key, path: self.path })
    }
}

/// The messages that a `MerkleProof` lists, from the innermost store outwards.
///
/// # Errors
/// [`Ics23Error::CommitmentProofMalformed`].
pub fn decode_merkle_proof(bytes: &[u8]) -> Result<Vec<&[u8]>, Ics23Error> {
    let listed = fields(bytes, "merkle proof")?;
    if listed.len() > MAX_LEVELS {
        return Err(malformed("merkle proof", "at most 8 proofs"));
    }
    let message = |(number, field)| match (number, field) {
        (1, Field::Bytes(bytes)) => Ok(bytes),
        _ => Err(malformed("merkle proof", "a list of commitment proofs")),
    };
    listed.into_iter().map(message).collect()
}

fn check_key(expected: &[u8], found: Vec<u8>) -> Result<(), Ics23Error> {
    if found == expected { Ok(()) } else { Err(Ics23Error::KeyMismatch { expected: expected.to_vec(), found }) }
}

fn proven_leaf(bytes: &[u8], spec: &ProofSpec) -> Result<ProvenLeaf, Ics23Error> {
    let (mut key, mut value, mut leaf_prefix, mut steps) = (None, None, None, Vec::new());
    for (number, field) in fields(bytes, "existence")? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => once(&mut key, bytes.to_vec(), "existence, key")?,
            (2, Field::Bytes(bytes)) => once(&mut value, bytes.to_vec(), "existence, value")?,
            (3, Field::Bytes(bytes)) => once(&mut leaf_prefix, leaf_op(bytes, spec)?, "existence, leaf")?,
            (4, Field::Bytes(bytes)) => steps.push(inner_op(bytes)?),
            _ => return Err(malformed("existence", "fields 1 to 4")),
        }
    }
    if steps.len() > MAX_STEPS {
        return Err(Ics23Error::TooManySteps { maximum: MAX_STEPS, found: steps.len() });
    }
    let key = key.filter(|key| !key.is_empty()).ok_or(malformed("existence, key", "one that is not empty"))?;
    let value =
        value.filter(|value| !value.is_empty()).ok_or(malformed("existence, value", "one that is not empty"))?;
    let leaf_prefix = leaf_prefix.ok_or(malformed("existence, leaf", "one"))?;
    Ok(ProvenLeaf { key, value, path: Path { leaf_prefix, steps } })
}

fn leaf_op(bytes: &[u8], spec: &ProofSpec) -> Result<Vec<u8>, Ics23Error> {
    let (mut hash, mut prehash_key, mut prehash_value, mut length, mut prefix) = (None, None, None, None, None);
    for (number, field) in fields(bytes, "leaf")? {
        match (number, field) {
            (1, Field::Number(found)) => once(&mut hash, found, "leaf, hash")?,
            (2, Field::Number(found)) => once(&mut prehash_key, found, "leaf, prehash key")?,
            (3, Field::Number(found)) => once(&mut prehash_value, found, "leaf, prehash value")?,
            (4, Field::Number(found)) => once(&mut length, found, "leaf, length")?,
            (5, Field::Bytes(bytes)) => once(&mut prefix, short(bytes, "leaf, prefix")?, "leaf, prefix")?,
            _ => return Err(malformed("leaf", "fields 1 to 5")),
        }
    }
    let (of_key, of_length) = if spec.hashes_keys() { (HASH_SHA256, LENGTH_NONE) } else { (HASH_NONE, LENGTH_VARINT) };
    let found = [hash, prehash_key, prehash_value, length].map(Option::unwrap_or_default);
    if found != [HASH_SHA256, of_key, HASH_SHA256, of_length] {
        return Err(malformed("leaf", "the hash operations of the tree"));
    }
    Ok(prefix.unwrap_or_default())
}

fn inner_op(bytes: &[u8]) -> Result<Step, Ics23Error> {
    let (mut hash, mut prefix, mut suffix) = (None, None, None);
    for (number, field) in fields(bytes, "step")? {
        match (number, field) {
            (1, Field::Number(found)) => once(&mut hash, found, "step, hash")?,
            (2, Field::Bytes(bytes)) => once(&mut prefix, short(bytes, "step, prefix")?, "step, prefix")?,
            (3, Field::Bytes(bytes)) => once(&mut suffix, short(bytes, "step, suffix")?, "step, suffix")?,
            _ => return Err(malformed("step", "fields 1 to 3")),
        }
    }
    if hash != Some(HASH_SHA256) {
        return Err(malformed("step, hash", "SHA-256"));
    }
    Ok(Step { prefix: prefix.unwrap_or_default(), suffix: suffix.unwrap_or_default() })
}

/// Bytes whose length fits the one byte that the encoding of a path has for it.
fn short(bytes: &[u8], field: &'static str) -> Result<Vec<u8>, Ics23Error> {
    if bytes.len() > usize::from(u8::MAX) { Err(malformed(field, "at most 255 bytes")) } else { Ok(bytes.to_vec()) }
}

fn once<T>(slot: &mut Option<T>, value: T, field: &'static str) -> Result<(), Ics23Error> {
    if slot.replace(value).is_some() { Err(malformed(field, "it once")) } else { Ok(()) }
}

const fn malformed(field: &'static str, expected: &'static str) -> Ics23Error {
    Ics23Error::CommitmentProofMalformed { field, expected }
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in their order.
fn fields<'a>(bytes: &'a [u8], message: &'static str) -> Result<Vec<(u64, Field<'a>)>, Ics23Error> {
    let mut cursor = Cursor::new(bytes);
    let mut found = Vec::new();
    while !cursor.rest().is_empty() {
        let tag = varint(&mut cursor).ok_or(malformed(message, "a tag"))?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut cursor).ok_or(malformed(message, "a number"))?),
            2 => {
                let length = varint(&mut cursor).and_then(|length| usize::try_from(length).ok());
                let bytes = length.and_then(|length| cursor.take(message, length).ok());
                Field::Bytes(bytes.ok_or(malformed(message, "as many bytes as it says"))?)
            }
            _ => return Err(malformed(message, "numbers and bytes only")),
        };
        found.push((tag >> 3, field));
    }
    Ok(found)
}

/// A number of at most 64 bits.
fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0_u64;
    for index in 0..10 {
        let [byte] = cursor.take_array("varint").ok()?;
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
