//! Calls as bytes: what the core and the store carry without reading it, until it is signed (again).

use adapter::Message;
use light_client::{Cursor, CursorError, Height, Packet, SlotKey};
use relayer_core::codec::{
    CodecError, put_bytes, put_count, put_packet, take_bytes, take_client, take_count, take_packet,
};

const VERSION: u8 = 1;
const UPDATE: u8 = 1;
const RECEIVE: u8 = 2;
const ACKNOWLEDGE: u8 = 3;
const TIMEOUT: u8 = 4;
const MISBEHAVIOUR: u8 = 5;
const EXPIRE: u8 = 6;
const NOTARISE: u8 = 7;

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

fn put_proof(out: &mut Vec<u8>, height: Height, proof: &[u8]) {
    out.extend_from_slice(&height.revision().to_be_bytes());
    out.extend_from_slice(&height.number().to_be_bytes());
    put_bytes(out, proof);
}

fn put_packets(out: &mut Vec<u8>, packets: &[Packet]) {
    put_count(out, packets.len());
    packets.iter().for_each(|packet| put_packet(out, packet));
}

fn take_height(cursor: &mut Cursor<'_>) -> Result<Height, CodecError> {
    Ok(Height::with_revision(cursor.take_u64("revision")?, cursor.take_u64("height")?))
}

fn take_packets(cursor: &mut Cursor<'_>) -> Result<Vec<Packet>, CodecError> {
    let count = take_count(cursor, "packets")?;
    (0..count).map(|_| take_packet(cursor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_client::{ClientId, Payload, Sequence};

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
