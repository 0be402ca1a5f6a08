use super::Ics23Error;
use alloc::vec::Vec;
use light_client::{Cursor, CursorError};

/// The most steps that a path may have. (An IAVL tree of 2⁴⁰ leaves has fewer than 60.)
pub const MAX_STEPS: usize = 128;
/// The longest key of a neighbour, in bytes.
pub const MAX_NEIGHBOUR_KEY_BYTES: usize = 1024;

const EXISTENCE: u8 = 1;
const ABSENCE: u8 = 2;

/// A proof about one key: untrusted.
///
/// Encoding: 1 ‖ path; or 2 ‖ left flag 1 \[‖ neighbour\] ‖ right flag 1 \[‖ neighbour\].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreProof {
    /// The key's leaf lies under the root.
    Existence(Path),
    /// No leaf lies between two that are next to each other, or beyond the first or last one.
    Absence {
        /// The leaf of the greatest key below; none when the right one is the first.
        left: Option<Neighbour>,
        /// The leaf of the smallest key above; none when the left one is the last.
        right: Option<Neighbour>,
    },
}

/// From a leaf to the root, without the leaf's key and value.
///
/// Encoding: leaf prefix ‖ count of steps 1 ‖ steps; a step is prefix ‖ suffix, and each of these is length 1 ‖ bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// What precedes the key in the leaf.
    pub leaf_prefix: Vec<u8>,
    /// What surrounds the hash in each node, from the leaf upwards.
    pub steps: Vec<Step>,
}

/// An inner node without the child that the path comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The bytes before the child's hash.
    pub prefix: Vec<u8>,
    /// The bytes after it.
    pub suffix: Vec<u8>,
}

/// A leaf beside the place where a key would lie.
///
/// Encoding: key length 2 ‖ key ‖ hash of the value 32 ‖ path. (The value itself plays no part, and may be long.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its key.
    pub key: Vec<u8>,
    /// The hash of its value.
    pub value_hash: [u8; 32],
    /// From it to the root.
    pub path: Path,
}

impl StoreProof {
    /// Takes one proof from a message.
    ///
    /// # Errors
    /// [`Ics23Error::Truncated`], [`Ics23Error::Malformed`], [`Ics23Error::TooManySteps`],
    /// [`Ics23Error::NeighbourMalformed`].
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Self, Ics23Error> {
        match cursor.take_array("kind of proof")? {
            [EXISTENCE] => Ok(Self::Existence(Path::read(cursor)?)),
            [ABSENCE] => {
                Ok(Self::Absence { left: Neighbour::read_flagged(cursor)?, right: Neighbour::read_flagged(cursor)? })
            }
            [found] => Err(Ics23Error::Malformed { expected: "a proof of kind 1 or 2", found: found.into() }),
        }
    }

    /// Appends the encoding.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Existence(path) => {
                bytes.push(EXISTENCE);
                path.write(bytes);
            }
            Self::Absence { left, right } => {
                bytes.push(ABSENCE);
                for neighbour in [left, right] {
                    bytes.push(neighbour.is_some().into());
                    if let Some(neighbour) = neighbour {
                        neighbour.write(bytes);
                    }
                }
            }
        }
    }
}

impl Path {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Ics23Error> {
        let leaf_prefix = read_short(cursor, "leaf prefix")?;
        let [count] = cursor.take_array("count of steps")?;
        if usize::from(count) > MAX_STEPS {
            return Err(Ics23Error::TooManySteps { maximum: MAX_STEPS, found: count.into() });
        }
        let mut steps = Vec::with_capacity(count.into());
        for _ in 0..count {
            let prefix = read_short(cursor, "prefix of a step")?;
            steps.push(Step { prefix, suffix: read_short(cursor, "suffix of a step")? });
        }
        Ok(Self { leaf_prefix, steps })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        write_short(bytes, &self.leaf_prefix);
        // No path of more steps, and no longer part of one, verifies; such a one must not be written as another.
        bytes.push(u8::try_from(self.steps.len()).unwrap_or(u8::MAX));
        for step in &self.steps {
            write_short(bytes, &step.prefix);
            write_short(bytes, &step.suffix);
        }
    }
}

impl Neighbour {
    fn read_flagged(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Ics23Error> {
        match cursor.take_array("flag of a neighbour")? {
            [0] => Ok(None),
            [1] => Self::read(cursor).map(Some),
            [found] => Err(Ics23Error::Malformed { expected: "a flag of 0 or 1", found: found.into() }),
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Ics23Error> {
        let length = usize::from(cursor.take_u16("length of a neighbour's key")?);
        if length == 0 || length > MAX_NEIGHBOUR_KEY_BYTES {
            return Err(Ics23Error::NeighbourMalformed { maximum: MAX_NEIGHBOUR_KEY_BYTES, found: length });
        }
        let key = cursor.take("key of a neighbour", length)?.to_vec();
        let value_hash = cursor.take_array("hash of a neighbour's value")?;
        Ok(Self { key, value_hash, path: Path::read(cursor)? })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&u16::try_from(self.key.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.value_hash);
        self.path.write(bytes);
    }
}

fn read_short(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Vec<u8>, CursorError> {
    let [length] = cursor.take_array(field)?;
    cursor.take(field, length.into()).map(<[u8]>::to_vec)
}

fn write_short(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(part);
}
