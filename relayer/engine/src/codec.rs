//! Calls as bytes: what the core and the store carry without reading it, until it is signed (again).

use adapter::Message;
use light_client::{ClientId, Cursor, CursorError, Height, IdError, Packet, Payload, Sequence, SlotKey};

const VERSION: u8 = 1;
const UPDATE: u8 = 1;
const RECEIVE: u8 = 2;
const ACKNOWLEDGE: u8 = 3;
const TIMEOUT: u8 = 4;
const MISBEHAVIOUR: u8 = 5;
const EXPIRE: u8 = 6;
const NOTARISE: u8 = 7;

/// Why stored bytes are not calls: the database was changed by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Bytes are missing or left over.
    #[error("calls: {0}")]
    Length(#[from] CursorError),
    /// A first byte is none that is ever written.
    #[error("calls, {field}: expected {expected}, found {found}")]
    Tag {
        /// What the byte stands for.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: u8,
    },
    /// An identifier is not one.
    #[error("calls: {0}")]
    Id(#[from] IdError),
    /// A text is not UTF-8.
    #[error("calls, {field}: expected UTF-8, found {found} other bytes")]
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

/// Calls to bytes.
///
/// # Errors
/// [`CodecError::Unknown`] for a call that this version does not know.
pub(crate) fn encode(messages: &[Message]) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![VERSION];
    put_count(&mut out, messages.len());
    for message in messages {
        match message {
            Message::UpdateClient { client, update } => {
                out.push(UPDATE);
                put_bytes(&mut out, client.as_str().as_bytes());
                put_bytes(&mut out, update);
            }
            Message::ReceivePackets { packets, proof_height, proof } => {
                out.push(RECEIVE);
                put_packets(&mut out, packets);
                put_proof(&mut out, *proof_height, proof);
            }
            Message::AcknowledgePackets { packets, acknowledgements, proof_height, proof } => {
                out.push(ACKNOWLEDGE);
                put_packets(&mut out, packets);
                put_count(&mut out, acknowledgements.len());
                acknowledgements.iter().for_each(|bytes| put_bytes(&mut out, bytes));
                put_proof(&mut out, *proof_height, proof);
            }
            Message::TimeoutPackets { packets, proof_height, proof } => {
                out.push(TIMEOUT);
                put_packets(&mut out, packets);
                put_proof(&mut out, *proof_height, proof);
            }
            Message::SubmitMisbehaviour { client, evidence } => {
                out.push(MISBEHAVIOUR);
                put_bytes(&mut out, client.as_str().as_bytes());
                put_bytes(&mut out, evidence);
            }
            Message::Expire { receipt_slot, timeout_seconds } => {
                out.push(EXPIRE);
                out.extend_from_slice(receipt_slot.as_bytes());
                out.extend_from_slice(&timeout_seconds.to_be_bytes());
            }
            Message::Notarise { slots } => {
                out.push(NOTARISE);
                put_count(&mut out, slots.len());
                slots.iter().for_each(|slot| out.extend_from_slice(slot.as_bytes()));
            }
            _ => return Err(CodecError::Unknown),
        }
    }
    Ok(out)
}

/// Bytes to calls; all of the bytes, and only what [`encode`] writes.
///
/// # Errors
/// One variant for each way in which the bytes can be something else.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Message>, CodecError> {
    let mut cursor = Cursor::new(bytes);
    let [version] = cursor.take_array("version")?;
    if version != VERSION {
        return Err(CodecError::Tag { field: "version", expected: "1", found: version });
    }
    // Sizes come from the bytes themselves: nothing is reserved for them, so a wrong one only runs out of bytes.
    let count = take_count(&mut cursor, "calls")?;
    let mut messages = Vec::new();
    for _ in 0..count {
        let [tag] = cursor.take_array("call")?;
        messages.push(match tag {
            UPDATE => {
                Message::UpdateClient { client: take_client(&mut cursor)?, update: take_bytes(&mut cursor, "update")? }
            }
            RECEIVE => Message::ReceivePackets {
                packets: take_packets(&mut cursor)?,
                proof_height: take_height(&mut cursor)?,
                proof: take_bytes(&mut cursor, "proof")?,
            },
            ACKNOWLEDGE => Message::AcknowledgePackets {
                packets: take_packets(&mut cursor)?,
                acknowledgements: {
                    let count = take_count(&mut cursor, "acknowledgements")?;
                    (0..count).map(|_| take_bytes(&mut cursor, "acknowledgement")).collect::<Result<_, _>>()?
                },
                proof_height: take_height(&mut cursor)?,
                proof: take_bytes(&mut cursor, "proof")?,
            },
            TIMEOUT => Message::TimeoutPackets {
                packets: take_packets(&mut cursor)?,
                proof_height: take_height(&mut cursor)?,
                proof: take_bytes(&mut cursor, "proof")?,
            },
            MISBEHAVIOUR => Message::SubmitMisbehaviour {
                client: take_client(&mut cursor)?,
                evidence: take_bytes(&mut cursor, "evidence")?,
            },
            EXPIRE => Message::Expire {
                receipt_slot: SlotKey::new(cursor.take_array("slot")?),
                timeout_seconds: cursor.take_u64("timeout")?,
            },
            NOTARISE => Message::Notarise {
                slots: {
                    let count = take_count(&mut cursor, "slots")?;
                    (0..count)
                        .map(|_| cursor.take_array("slot").map(SlotKey::new))
                        .collect::<Result<_, CursorError>>()?
                },
            },
            found => return Err(CodecError::Tag { field: "call", expected: "1 to 7", found }),
        });
    }
    cursor.finish()?;
    Ok(messages)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u64).to_be_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_proof(out: &mut Vec<u8>, height: Height, proof: &[u8]) {
    out.extend_from_slice(&height.revision().to_be_bytes());
    out.extend_from_slice(&height.number().to_be_bytes());
    put_bytes(out, proof);
}

fn put_packets(out: &mut Vec<u8>, packets: &[Packet]) {
    put_count(out, packets.len());
    for packet in packets {
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
}

fn take_count(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u64, CodecError> {
    Ok(cursor.take_u64(field)?)
}

fn take_bytes(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Vec<u8>, CodecError> {
    let length = usize::try_from(cursor.take_u64(field)?).unwrap_or(usize::MAX);
    Ok(cursor.take(field, length)?.to_vec())
}

fn take_text(cursor: &mut Cursor<'_>, field: &'static str) -> Result<String, CodecError> {
    String::from_utf8(take_bytes(cursor, field)?)
        .map_err(|error| CodecError::Text { field, found: error.as_bytes().len() })
}

fn take_client(cursor: &mut Cursor<'_>) -> Result<ClientId, CodecError> {
    Ok(take_text(cursor, "client")?.parse()?)
}

fn take_height(cursor: &mut Cursor<'_>) -> Result<Height, CodecError> {
    Ok(Height::with_revision(cursor.take_u64("revision")?, cursor.take_u64("height")?))
}

fn take_packets(cursor: &mut Cursor<'_>) -> Result<Vec<Packet>, CodecError> {
    let count = take_count(cursor, "packets")?;
    (0..count).map(|_| take_packet(cursor)).collect()
}

fn take_packet(cursor: &mut Cursor<'_>) -> Result<Packet, CodecError> {
    Ok(Packet {
        sequence: Sequence::try_from(cursor.take_u64("sequence")?)?,
        source_client: take_client(cursor)?,
        destination_client: take_client(cursor)?,
        timeout_seconds: cursor.take_u64("timeout")?,
        payloads: {
            let count = take_count(cursor, "payloads")?;
            (0..count)
                .map(|_| {
                    Ok(Payload {
                        source_port: take_text(cursor, "source port")?,
                        destination_port: take_text(cursor, "destination port")?,
                        version: take_text(cursor, "version")?,
                        encoding: take_text(cursor, "encoding")?,
                        value: take_bytes(cursor, "value")?,
                    })
                })
                .collect::<Result<_, CodecError>>()?
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Vec<Message> {
        let client: ClientId = "qbft-0".parse().expect("a client id");
        let packet = |sequence: u64| Packet {
            sequence: Sequence::try_from(sequence).expect("at least 1"),
            source_client: client.clone(),
            destination_client: "qbft-1".parse().expect("a client id"),
            timeout_seconds: 1_700_000_000,
            payloads: vec![Payload {
                source_port: "receipt".into(),
                destination_port: "receipt".into(),
                version: "wr-1".into(),
                encoding: "abi".into(),
                value: vec![7; 300],
            }],
        };
        let height = Height::with_revision(2, 9);
        vec![
            Message::UpdateClient { client: client.clone(), update: vec![1, 2, 3] },
            Message::ReceivePackets { packets: vec![packet(1), packet(2)], proof_height: height, proof: vec![4] },
            Message::AcknowledgePackets {
                packets: vec![packet(3)],
                acknowledgements: vec![vec![5, 6]],
                proof_height: height,
                proof: Vec::new(),
            },
            Message::TimeoutPackets { packets: vec![packet(u64::MAX)], proof_height: height, proof: vec![9] },
            Message::SubmitMisbehaviour { client, evidence: vec![8] },
            Message::Expire { receipt_slot: SlotKey::new([3; 32]), timeout_seconds: 5 },
            Message::Notarise { slots: vec![SlotKey::new([1; 32]), SlotKey::new([2; 32])] },
        ]
    }

    #[test]
    fn calls_come_back_as_they_were() {
        let bytes = encode(&calls()).expect("known calls");
        assert_eq!(decode(&bytes), Ok(calls()));
        assert_eq!(decode(&encode(&[]).expect("none")), Ok(Vec::new()));
    }

    #[test]
    fn cut_or_padded_bytes_are_refused() {
        let bytes = encode(&calls()).expect("known calls");
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
        }
        let padded = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(decode(&padded), Err(CodecError::Length(CursorError::Trailing { .. }))));
        // A count that no input could hold neither panics nor reserves memory.
        assert!(decode(&[VERSION, 255, 255, 255, 255, 255, 255, 255, 255, RECEIVE]).is_err());
    }
}
