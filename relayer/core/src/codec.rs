//! Packets as bytes, for stores and outboxes. Strict: one packet has one encoding, and no byte is left over.

use light_client::{ClientId, Cursor, CursorError, IdError, Packet, Payload, Sequence};

/// Why stored bytes are not what was written: something else changed them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Bytes are missing or left over.
    #[error("stored bytes: {0}")]
    Length(#[from] CursorError),
    /// A first byte is none that is ever written.
    #[error("stored bytes, {field}: expected {expected}, found {found}")]
    Tag {
        /// What the byte stands for.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: u8,
    },
    /// An identifier is not one.
    #[error("stored bytes: {0}")]
    Id(#[from] IdError),
    /// A text is not UTF-8.
    #[error("stored bytes, {field}: expected UTF-8, found {found} other bytes")]
    Text {
        /// Which text.
        field: &'static str,
        /// How many bytes.
        found: usize,
    },
    /// A call of a kind that this version does not know.
    #[error("calls: expected a call that this version knows how to write")]
    Unknown,
}

/// Appends bytes after their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a number of things.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u64).to_be_bytes());
}

/// Appends a packet.
pub fn put_packet(out: &mut Vec<u8>, packet: &Packet) {
    out.extend_from_slice(&packet.sequence.get().to_be_bytes());
    put_bytes(out, packet.source_client.as_str().as_bytes());
    put_bytes(out, packet.destination_client.as_str().as_bytes());
    out.extend_from_slice(&packet.timeout_seconds.to_be_bytes());
    put_count(out, packet.payloads.len());
    for payload in &packet.payloads {
        put_bytes(out, payload.source_port.as_bytes());
        put_bytes(out, payload.destination_port.as_bytes());
        put_bytes(out, payload.version.as_bytes());
        put_bytes(out, payload.encoding.as_bytes());
        put_bytes(out, &payload.value);
    }
}

/// Takes what [`put_count`] wrote. Nothing may be reserved by it: it comes from the bytes themselves.
///
/// # Errors
/// When bytes are missing.
pub fn take_count(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u64, CodecError> {
    Ok(cursor.take_u64(field)?)
}

/// Takes what [`put_bytes`] wrote.
///
/// # Errors
/// When bytes are missing.
pub fn take_bytes(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Vec<u8>, CodecError> {
    let length = usize::try_from(cursor.take_u64(field)?).unwrap_or(usize::MAX);
    Ok(cursor.take(field, length)?.to_vec())
}

/// Takes a client's identifier.
///
/// # Errors
/// When bytes are missing or are none.
pub fn take_client(cursor: &mut Cursor<'_>) -> Result<ClientId, CodecError> {
    Ok(take_text(cursor, "client")?.parse()?)
}

/// Takes what [`put_packet`] wrote.
///
/// # Errors
/// When bytes are missing or are no packet.
pub fn take_packet(cursor: &mut Cursor<'_>) -> Result<Packet, CodecError> {
    Ok(Packet {
        sequence: Sequence::try_from(cursor.take_u64("sequence")?)?,
        source_client: take_client(cursor)?,
        destination_client: take_client(cursor)?,
        timeout_seconds: cursor.take_u64("timeout")?,
        payloads: {
            let count = take_count(cursor, "payloads")?;
            (0..count).map(|_| take_payload(cursor)).collect::<Result<_, CodecError>>()?
        },
    })
}

/// A packet as bytes, for a store.
pub fn encode_packet(packet: &Packet) -> Vec<u8> {
    let mut out = Vec::new();
    put_packet(&mut out, packet);
    out
}

/// All of `bytes` as a packet.
///
/// # Errors
/// When the bytes are not exactly what [`encode_packet`] writes.
pub fn decode_packet(bytes: &[u8]) -> Result<Packet, CodecError> {
    let mut cursor = Cursor::new(bytes);
    let packet = take_packet(&mut cursor)?;
    cursor.finish()?;
    Ok(packet)
}

fn take_payload(cursor: &mut Cursor<'_>) -> Result<Payload, CodecError> {
    Ok(Payload {
        source_port: take_text(cursor, "source port")?,
        destination_port: take_text(cursor, "destination port")?,
        version: take_text(cursor, "version")?,
        encoding: take_text(cursor, "encoding")?,
        value: take_bytes(cursor, "value")?,
    })
}

fn take_text(cursor: &mut Cursor<'_>, field: &'static str) -> Result<String, CodecError> {
    String::from_utf8(take_bytes(cursor, field)?)
        .map_err(|error| CodecError::Text { field, found: error.as_bytes().len() })
}
