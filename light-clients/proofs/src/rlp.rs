//! Recursive length prefix, strictly: an item has one encoding, and no byte is left over.
//!
//! Source: Ethereum Yellow Paper, appendix B.

use alloc::vec::Vec;
use light_client::{Fault, FaultKind};

/// The encoding of the empty byte string, and of the number zero.
pub const EMPTY_BYTES: u8 = 0x80;
/// The encoding of the empty list.
pub const EMPTY_LIST: u8 = 0xc0;

/// The longest payload that the short form holds.
const MAX_SHORT_PAYLOAD: usize = 55;

/// Why bytes are not the item that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RlpError {
    /// The item needs more bytes than there are.
    #[error("rlp item: expected {expected} bytes, found {found}")]
    Truncated {
        /// The bytes the item needs, as far as is known.
        expected: u64,
        /// The bytes there are.
        found: usize,
    },
    /// A long form for a short length, a length with leading zeros, or a single byte below 0x80 wrapped.
    #[error("rlp item: expected the shortest encoding, found one that begins with {found:#04x}")]
    NotCanonical {
        /// The item's first byte.
        found: u8,
    },
    /// A byte string where a list belongs.
    #[error("rlp item: expected a list, found bytes that begin with {found:#04x}")]
    ListExpected {
        /// The item's first byte.
        found: u8,
    },
    /// A list where a byte string belongs.
    #[error("rlp item: expected bytes, found a list that begins with {found:#04x}")]
    BytesExpected {
        /// The item's first byte.
        found: u8,
    },
    /// Bytes follow the last item.
    #[error("rlp: expected the end, found {found} more bytes")]
    TrailingBytes {
        /// How many.
        found: usize,
    },
    /// A number with a leading zero byte.
    #[error("rlp number: expected no leading zero, found a first byte of 0")]
    IntegerNotCanonical,
    /// A number of more bytes than its type has.
    #[error("rlp number: expected at most {maximum} bytes, found {found}")]
    IntegerTooLarge {
        /// The bytes of the type.
        maximum: usize,
        /// The bytes found.
        found: usize,
    },
}

impl Fault for RlpError {
    fn kind(&self) -> FaultKind {
        FaultKind::Malformed
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "rlp-truncated",
            Self::NotCanonical { .. } => "rlp-not-canonical",
            Self::ListExpected { .. } => "rlp-list-expected",
            Self::BytesExpected { .. } => "rlp-bytes-expected",
            Self::TrailingBytes { .. } => "rlp-trailing-bytes",
            Self::IntegerNotCanonical => "rlp-integer-not-canonical",
            Self::IntegerTooLarge { .. } => "rlp-integer-too-large",
        }
    }
}

/// One item, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Whether it is a list.
    pub is_list: bool,
    /// What it holds: the bytes, or the items of the list one after another.
    pub payload: &'a [u8],
    /// The whole item, head and payload.
    pub raw: &'a [u8],
}

impl<'a> Item<'a> {
    /// The item as a byte string.
    ///
    /// # Errors
    /// [`RlpError::BytesExpected`] when it is a list.
    pub fn bytes(self) -> Result<&'a [u8], RlpError> {
        if self.is_list { Err(RlpError::BytesExpected { found: self.head() }) } else { Ok(self.payload) }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// [`RlpError::ListExpected`] when it is a byte string.
    pub fn list(self) -> Result<Reader<'a>, RlpError> {
        if self.is_list { Ok(Reader::new(self.payload)) } else { Err(RlpError::ListExpected { found: self.head() }) }
    }

    /// The item's payload as a number of at most `maximum` bytes, without leading zeros.
    ///
    /// # Errors
    /// When it is a list, has a leading zero, or is longer.
    pub fn integer(self, maximum: usize) -> Result<&'a [u8], RlpError> {
        let bytes = self.bytes()?;
        if bytes.first() == Some(&0) {
            return Err(RlpError::IntegerNotCanonical);
        }
        if bytes.len() > maximum {
            return Err(RlpError::IntegerTooLarge { maximum, found: bytes.len() });
        }
        Ok(bytes)
    }

    /// The item as a number of 64 bits.
    ///
    /// # Errors
    /// As [`Self::integer`].
    pub fn u64(self) -> Result<u64, RlpError> {
        Ok(self.integer(8)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn head(&self) -> u8 {
        self.raw.first().copied().unwrap_or_default()
    }
}

/// Reads items from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether every byte has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next item.
    ///
    /// # Errors
    /// [`RlpError::Truncated`] or [`RlpError::NotCanonical`].
    pub fn item(&mut self) -> Result<Item<'a>, RlpError> {
        let found = self.rest.len();
        let Some((&head, tail)) = self.rest.split_first() else {
            return Err(RlpError::Truncated { expected: 1, found });
        };
        let (is_list, head_bytes, payload_bytes) = match head {
            0..0x80 => (false, 0, 1),
            0x80..0xb8 => (false, 1, u64::from(head - 0x80)),
            0xb8..0xc0 => (false, 1 + usize::from(head - 0xb7), long_length(head, head - 0xb7, tail)?),
            0xc0..0xf8 => (true, 1, u64::from(head - 0xc0)),
            0xf8..=0xff => (true, 1 + usize::from(head - 0xf7), long_length(head, head - 0xf7, tail)?),
        };
        let expected = payload_bytes.saturating_add(head_bytes as u64);
        let (raw, rest) = usize::try_from(expected)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or(RlpError::Truncated { expected, found })?;
        let payload = raw.get(head_bytes..).unwrap_or_default();
        if head == 0x81 && payload.first().is_some_and(|byte| *byte < 0x80) {
            return Err(RlpError::NotCanonical { found: head });
        }
        self.rest = rest;
        Ok(Item { is_list, payload, raw })
    }

    /// Takes the next item as a byte string.
    ///
    /// # Errors
    /// As [`Self::item`] and [`Item::bytes`].
    pub fn bytes(&mut self) -> Result<&'a [u8], RlpError> {
        self.item()?.bytes()
    }

    /// Takes the next item as a list.
    ///
    /// # Errors
    /// As [`Self::item`] and [`Item::list`].
    pub fn list(&mut self) -> Result<Reader<'a>, RlpError> {
        self.item()?.list()
    }

    /// Takes the next item as a number of 64 bits.
    ///
    /// # Errors
    /// As [`Self::item`] and [`Item::u64`].
    pub fn u64(&mut self) -> Result<u64, RlpError> {
        self.item()?.u64()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`RlpError::TrailingBytes`] when bytes are left.
    pub const fn finish(self) -> Result<(), RlpError> {
        if self.rest.is_empty() { Ok(()) } else { Err(RlpError::TrailingBytes { found: self.rest.len() }) }
    }
}

/// The length behind a head of the long form, `width` bytes of it.
fn long_length(head: u8, width: u8, tail: &[u8]) -> Result<u64, RlpError> {
    let width = usize::from(width);
    let bytes = tail
        .get(..width)
        .ok_or(RlpError::Truncated { expected: 1 + width as u64, found: tail.len().saturating_add(1) })?;
    let length = bytes.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    if bytes.first() == Some(&0) || length <= MAX_SHORT_PAYLOAD as u64 {
        return Err(RlpError::NotCanonical { found: head });
    }
    Ok(length)
}

/// Appends a byte string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [byte] if *byte < 0x80 => out.push(*byte),
        _ => {
            write_head(out, EMPTY_BYTES, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends a list whose items are encoded in `payload`, one after another.
pub fn write_list(out: &mut Vec<u8>, payload: &[u8]) {
    write_head(out, EMPTY_LIST, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a number.
pub fn write_u64(out: &mut Vec<u8>, number: u64) {
    write_integer(out, &number.to_be_bytes());
}

/// Appends a big-endian number without its leading zeros.
pub fn write_integer(out: &mut Vec<u8>, big_endian: &[u8]) {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    write_bytes(out, big_endian.get(zeros..).unwrap_or_default());
}

fn write_head(out: &mut Vec<u8>, base: u8, length: usize) {
    // The bounds of the match and the width of a usize keep every sum below 256.
    match u8::try_from(length) {
        Ok(short) if length <= MAX_SHORT_PAYLOAD => out.push(base + short),
        _ => {
            let bytes = (length as u64).to_be_bytes();
            let significant = bytes.get(length.leading_zeros() as usize / 8..).unwrap_or_default();
            out.push(base + MAX_SHORT_PAYLOAD as u8 + significant.len() as u8);
            out.extend_from_slice(significant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn items_have_one_encoding() {
        let cases: [(&[u8], RlpError); 13] = [
            (&[], RlpError::Truncated { expected: 1, found: 0 }),
            (&[0x81], RlpError::Truncated { expected: 2, found: 1 }),
            (&[0x81, 0x7f], RlpError::NotCanonical { found: 0x81 }),
            (&[0xb8], RlpError::Truncated { expected: 2, found: 1 }),
            (&[0xb8, 55], RlpError::NotCanonical { found: 0xb8 }),
            (&[0xb9, 0, 60], RlpError::NotCanonical { found: 0xb9 }),
            (&[0xb8, 56, 1], RlpError::Truncated { expected: 58, found: 3 }),
            (&[0xc1], RlpError::Truncated { expected: 2, found: 1 }),
            (&[0xf8, 1, 1], RlpError::NotCanonical { found: 0xf8 }),
            (&[0xf9, 0, 200], RlpError::NotCanonical { found: 0xf9 }),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                RlpError::Truncated { expected: u64::MAX, found: 9 },
            ),
            (&[0xbf, 0, 0, 0, 0, 0, 0, 0, 0], RlpError::NotCanonical { found: 0xbf }),
            (&[0xf9, 1], RlpError::Truncated { expected: 3, found: 2 }),
        ];
        for (bytes, error) in cases {
            assert_eq!(Reader::new(bytes).item(), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn kinds_and_numbers_are_checked() {
        assert_eq!(Reader::new(&[0xc0]).bytes(), Err(RlpError::BytesExpected { found: 0xc0 }));
        assert!(matches!(Reader::new(&[0x80]).list(), Err(RlpError::ListExpected { found: 0x80 })));
        assert_eq!(Reader::new(&[0x00]).u64(), Err(RlpError::IntegerNotCanonical));
        assert_eq!(Reader::new(&[0x82, 0, 1]).u64(), Err(RlpError::IntegerNotCanonical));
        assert_eq!(
            Reader::new(&[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]).u64(),
            Err(RlpError::IntegerTooLarge { maximum: 8, found: 9 })
        );
        assert_eq!(Reader::new(&[0x80]).u64(), Ok(0));
        assert_eq!(Reader::new(&[0x82, 1, 0]).u64(), Ok(256));
        assert_eq!(Reader::new(&[1, 2]).finish(), Err(RlpError::TrailingBytes { found: 2 }));
    }

    #[test]
    fn lengths_at_the_edges_come_back() {
        for length in [0, 1, 2, 55, 56, 57, 255, 256, 65_535, 65_536, 70_000] {
            let bytes = vec![0xab; length];
            let (mut string, mut list) = (Vec::new(), Vec::new());
            write_bytes(&mut string, &bytes);
            write_list(&mut list, &bytes);
            assert_eq!(Reader::new(&string).bytes(), Ok(&bytes[..]));
            let item = Reader::new(&list).item().unwrap();
            assert!(item.is_list && item.payload == bytes && item.raw == list);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(item) = reader.item() {
                let mut again = Vec::new();
                if item.is_list { write_list(&mut again, item.payload) } else { write_bytes(&mut again, item.payload) }
                prop_assert_eq!(&again[..], item.raw);
            }
        }

        #[test]
        fn numbers_come_back(number: u64) {
            let mut out = Vec::new();
            write_u64(&mut out, number);
            prop_assert_eq!(Reader::new(&out).u64(), Ok(number));
        }
    }
}
