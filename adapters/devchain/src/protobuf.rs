//! The few messages of protobuf that are hashed or answered and that `tendermint` does not write itself.

/// Appends a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field of a number, unless it is 0.
pub(crate) fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        out.push(field << 3);
        put_varint(out, number);
    }
}

/// Appends a field of bytes, unless there are none.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    if !content.is_empty() {
        put_message(out, field, content);
    }
}

/// Appends a field of a message, also when it is empty.
pub(crate) fn put_message(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}
