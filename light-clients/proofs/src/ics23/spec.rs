use super::{Ics23Error, Step};
use alloc::vec::Vec;
use light_client::Cursor;
use light_client_crypto::HashSuite;

/// What a hash of 32 bytes is preceded by in IAVL's nodes, and a hashed value in leaves that write lengths.
const LENGTH_OF_HASH: u8 = 32;
/// The most bytes of height, size and version together in a node of IAVL.
///
/// Source: cosmos/ics23 `proof.go`, `IavlSpec`: a prefix of 4 to 12 bytes, the last of which is the length of a hash.
const MAX_IAVL_HEADER_BYTES: usize = 11;
/// The most bytes of one number in a node of IAVL: 63 bits.
const MAX_IAVL_VARINT_BYTES: usize = 9;

/// A kind of tree: how its leaves and inner nodes are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofSpec {
    nodes: Nodes,
    /// Whether leaves hold, and are sorted by, the hashes of the keys; such leaves write no lengths.
    hashed_keys: bool,
    /// What stands for an empty subtree, where there are such.
    placeholder: Option<&'static [u8; 32]>,
}

/// What marks leaves and inner nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nodes {
    /// Fixed bytes at the front; an inner node is its mark and the two hashes.
    Marked { leaf: &'static [u8], inner: &'static [u8] },
    /// Height, size and version at the front, and a length before each hash.
    Iavl,
}

/// On which side of its parent the path comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A step that has one of the two exact forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) side: Side,
    pub(super) sibling_is_empty: bool,
}

impl ProofSpec {
    /// The IAVL tree of Cosmos SDK stores.
    ///
    /// Source: cosmos/ics23 `proof.go`, `IavlSpec`; cosmos/iavl `node.go`, `writeHashBytes`.
    pub const IAVL: Self = Self { nodes: Nodes::Iavl, hashed_keys: false, placeholder: None };

    /// The simple Merkle tree of Tendermint, over the roots of all stores.
    ///
    /// Source: cosmos/ics23 `proof.go`, `TendermintSpec`; RFC 6962, section 2.1.
    pub const SIMPLE: Self =
        Self { nodes: Nodes::Marked { leaf: b"\x00", inner: b"\x01" }, hashed_keys: false, placeholder: None };

    /// The Jellyfish Merkle tree.
    ///
    /// Source: penumbra-zone/jmt, `src/storage/node_type.rs` and `src/tree/ics23_impl.rs` (`ics23_spec`).
    pub const JMT: Self = Self {
        nodes: Nodes::Marked { leaf: b"JMT::LeafNode", inner: b"JMT::IntrnalNode" },
        hashed_keys: true,
        placeholder: Some(b"SPARSE_MERKLE_PLACEHOLDER_HASH__"),
    };

    /// Whether leaves hold the hashes of the keys.
    pub const fn hashes_keys(&self) -> bool {
        self.hashed_keys
    }

    /// What keys are compared by.
    pub(super) fn order<S: HashSuite>(&self, suite: &S, key: &[u8]) -> Vec<u8> {
        if self.hashed_keys { suite.hash(&[key]).to_vec() } else { key.to_vec() }
    }

    pub(super) fn leaf_hash<S: HashSuite>(
        &self,
        suite: &S,
        prefix: &[u8],
        key: &[u8],
        value_hash: &[u8; 32],
    ) -> Result<[u8; 32], Ics23Error> {
        self.check_leaf_prefix(prefix)?;
        Ok(if self.hashed_keys {
            suite.hash(&[prefix, &suite.hash(&[key]), value_hash])
        } else {
            suite.hash(&[prefix, &varint(key.len() as u64), key, &[LENGTH_OF_HASH], value_hash])
        })
    }

    fn check_leaf_prefix(&self, prefix: &[u8]) -> Result<(), Ics23Error> {
        let expected = match self.nodes {
            Nodes::Marked { leaf, .. } if prefix == leaf => return Ok(()),
            Nodes::Marked { .. } => "the mark of a leaf",
            Nodes::Iavl => {
                // Height 0 and size 1, then the version and nothing more.
                let version = prefix.strip_prefix(&[0, 2]).map(Cursor::new);
                if version.is_some_and(|mut rest| iavl_number(&mut rest).is_some() && rest.rest().is_empty()) {
                    return Ok(());
                }
                "height 0, size 1 and a version"
            }
        };
        Err(Ics23Error::LeafPrefixMalformed { expected })
    }

    /// The form of a step, the `number`-th from the leaf, from 1.
    pub(super) fn place(&self, step: &Step, number: usize) -> Result<Place, Ics23Error> {
        let malformed = |expected| Ics23Error::StepMalformed { number, expected };
        let (side, sibling) = match self.nodes {
            Nodes::Marked { inner, .. } => {
                let rest = step.prefix.strip_prefix(inner).ok_or(malformed("the mark of an inner node"))?;
                match (rest, step.suffix.as_slice()) {
                    ([], sibling) => (Side::Left, sibling),
                    (sibling, []) => (Side::Right, sibling),
                    _ => return Err(malformed("one sibling, on one side")),
                }
            }
            Nodes::Iavl => {
                let mut cursor = Cursor::new(&step.prefix);
                let height = iavl_number(&mut cursor).ok_or(malformed("a height"))?;
                let rest_of_header = iavl_number(&mut cursor).and_then(|_size| iavl_number(&mut cursor));
                rest_of_header.ok_or(malformed("a size and a version"))?;
                if cursor.offset() > MAX_IAVL_HEADER_BYTES {
                    return Err(malformed("height, size and version of 11 bytes at most"));
                }
                if height < number as u64 {
                    return Err(malformed("a height above that of its child"));
                }
                match (cursor.rest(), step.suffix.as_slice()) {
                    ([LENGTH_OF_HASH], [LENGTH_OF_HASH, sibling @ ..]) => (Side::Left, sibling),
                    ([LENGTH_OF_HASH, sibling @ .., LENGTH_OF_HASH], []) => (Side::Right, sibling),
                    _ => return Err(malformed("one sibling, on one side, and the lengths of hashes")),
                }
            }
        };
        if sibling.len() != 32 {
            return Err(malformed("a sibling of 32 bytes"));
        }
        Ok(Place { side, sibling_is_empty: self.placeholder.is_some_and(|empty| sibling == empty) })
    }
}

/// A number of IAVL's nodes, written as a signed one (zigzag) and never negative.
fn iavl_number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut raw = 0_u64;
    for index in 0..MAX_IAVL_VARINT_BYTES {
        let [byte] = cursor.take_array("varint").ok()?;
        raw |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (raw & 1 == 0).then_some(raw / 2);
        }
    }
    None
}

/// A number as protobuf writes it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2);
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
