//! The few messages of protobuf that are hashed and signed, written by hand as fixed layouts, and the strict reading of the
//! header's leaves.

use alloc::vec::Vec;
use light_client::Cursor;

/// Appends a number.
pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends a field of a number, unless it is 0.
pub(crate) fn put_number(bytes: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        bytes.push(field << 3);
        put_varint(bytes, number);
    }
}

/// Appends a field of bytes or of a message, also when it is empty.
pub(crate) fn put_bytes(bytes: &mut Vec<u8>, field: u8, content: &[u8]) {
    bytes.push(field << 3 | 2);
    put_varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

/// `google.protobuf.Timestamp`.
pub(crate) fn timestamp(seconds: i64, nanos: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12);
    // A time before 1970 is a number of ten bytes: the two's complement.
    put_number(&mut bytes, 1, seconds.cast_unsigned());
    put_number(&mut bytes, 2, nanos.into());
    bytes
}

/// A wrapper around one value: nothing when the value is empty.
///
/// Source: CometBFT 0.38, `types/encoding_helper.go` (`cdcEncode`).
#[cfg(feature = "json")]
pub(crate) fn wrapped_bytes(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 2);
    if !content.is_empty() {
        put_bytes(&mut bytes, 1, content);
    }
    bytes
}

/// Takes a number of at most 64 bits in its shortest form.
pub(crate) fn take_varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0_u64;
    for index in 0..10 {
        let [byte] = cursor.take_array("varint").ok()?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds one bit; and no byte but the first ends a number with nothing in it.
        if (index == 9 && bits > 1) || (index > 0 && byte == 0) {
            return None;
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The number of a message with field 1 alone; 0 is written as nothing.
pub(crate) fn read_wrapped_number(bytes: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(bytes);
    let number = take_number(&mut cursor, 1)?;
    cursor.rest().is_empty().then_some(number)
}

/// The bytes of a message with field 1 alone; no bytes are written as nothing.
pub(crate) fn read_wrapped_bytes(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.is_empty() {
        return Some(bytes);
    }
    let mut cursor = Cursor::new(bytes);
    if cursor.take_array("tag").ok()? != [0x0a] {
        return None;
    }
    let length = usize::try_from(take_varint(&mut cursor)?).ok()?;
    let content = cursor.take("content", length).ok()?;
    (!content.is_empty() && cursor.rest().is_empty()).then_some(content)
}

/// Seconds and nanoseconds of a `google.protobuf.Timestamp`, seconds as two's complement.
pub(crate) fn read_timestamp(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut cursor = Cursor::new(bytes);
    let seconds = take_number(&mut cursor, 1)?;
    let nanos = take_number(&mut cursor, 2)?;
    cursor.rest().is_empty().then_some((seconds, nanos))
}

/// A field that is left out when it is 0.
fn take_number(cursor: &mut Cursor<'_>, field: u8) -> Option<u64> {
    if cursor.rest().first() != Some(&(field << 3)) {
        return Some(0);
    }
    let [_tag] = cursor.take_array("tag").ok()?;
    take_varint(cursor).filter(|number| *number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_encoding() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(take_varint(&mut Cursor::new(&bytes)), Some(number));
            let last = bytes.len() - 1;
            bytes[last] |= 0x80;
            assert_eq!(take_varint(&mut Cursor::new(&bytes)), None, "cut");
            bytes.push(0);
            assert_eq!(take_varint(&mut Cursor::new(&bytes)), None, "padded");
        }
        let mut eleven = [0xff_u8; 10];
        eleven[9] = 0x03;
        assert_eq!(take_varint(&mut Cursor::new(&eleven)), None);
    }

    #[test]
    fn values_that_are_left_out_must_be() {
        assert_eq!(read_wrapped_number(&[]), Some(0));
        assert_eq!(read_wrapped_number(&[8, 0]), None);
        assert_eq!(read_wrapped_bytes(&[]), Some(&[][..]));
        assert_eq!(read_wrapped_bytes(&[0x0a, 0]), None);
        assert_eq!(read_wrapped_bytes(&[0x0a, 1, 7]), Some(&[7][..]));
        assert_eq!(read_wrapped_bytes(&[0x0a, 1, 7, 0]), None);
        assert_eq!(read_timestamp(&timestamp(-1, 5)), Some((u64::MAX, 5)));
        assert_eq!(read_timestamp(&[0x10, 5, 8, 1]), None, "another order");
    }
}
