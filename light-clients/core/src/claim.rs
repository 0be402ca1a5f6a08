use crate::StorePath;
use alloc::{vec, vec::Vec};

/// A path through nested stores: one element for a chain with one store, more where stores are nested.
///
/// Source: ICS-023 `MerklePath`; ibc-go v10.3.0 appends the packet's path to the last element of the prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MerklePath(Vec<Vec<u8>>);

impl MerklePath {
    /// The counterparty's prefix with `path` appended to its last element.
    ///
    /// An empty prefix is read as one empty element.
    pub fn new(prefix: &[Vec<u8>], path: &StorePath) -> Self {
        let mut elements = if prefix.is_empty() { vec![Vec::new()] } else { prefix.to_vec() };
        if let Some(last) = elements.last_mut() {
            last.extend_from_slice(path.as_bytes());
        }
        Self(elements)
    }

    /// A path of these elements, from the outermost store inwards: what a message carries.
    pub const fn from_elements(elements: Vec<Vec<u8>>) -> Self {
        Self(elements)
    }

    /// The elements from the outermost store inwards.
    pub fn elements(&self) -> &[Vec<u8>] {
        &self.0
    }
}

impl From<StorePath> for MerklePath {
    fn from(path: StorePath) -> Self {
        Self(vec![path.into_bytes()])
    }
}

/// A statement about a chain's state that a proof must bear out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Where.
    pub path: MerklePath,
    /// What is said to lie there.
    pub expected: Expected,
}

/// What a claim says of its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// This value, exactly.
    Present(Vec<u8>),
    /// Nothing.
    Absent,
}

impl Claim {
    /// Claims that `value` lies at `path`.
    pub fn present(path: impl Into<MerklePath>, value: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), expected: Expected::Present(value.into()) }
    }

    /// Claims that nothing lies at `path`.
    pub fn absent(path: impl Into<MerklePath>) -> Self {
        Self { path: path.into(), expected: Expected::Absent }
    }
}
