use super::{AbiFault, bindings, strict};
use crate::rpc::RpcError;
use adapter::AdapterError;
use alloy_primitives::{B256, keccak256};
use ethers_core::{
    abi::{AbiType as _, ParamType, Token, Tokenizable as _},
    types::Bytes,
};
use light_client::{ClientId, MAX_PAYLOAD_BYTES, Packet, Payload, Sequence};

/// The greatest data of an event that is looked at: a packet's value, its texts, and the words around them.
pub(crate) const MAX_EVENT_BYTES: usize = MAX_PAYLOAD_BYTES + 16 * 1024;

/// The packet of a `SendPacket` event, which must be the one that its topics name.
pub(crate) fn from_event(data: &[u8], client_hash: B256, sequence: u64) -> Result<Packet, RpcError> {
    let kind = bindings::router::Packet::param_type();
    let tokens = match strict::tokens("SendPacket", std::slice::from_ref(&kind), data) {
        // Solidity's strings may hold any bytes.
        Err(fault) if strict::tokens("SendPacket", &[with_bytes(kind)], data).is_ok() => {
            return Err(unfit("texts of the packet", "utf-8", fault.to_string()));
        }
        tokens => tokens?,
    };
    let mismatch = |field, expected: &'static str, found: String| RpcError::Shape { field, expected, found };
    let [token] =
        <[Token; 1]>::try_from(tokens).map_err(|_| mismatch("SendPacket", "one packet", "none".to_owned()))?;
    let raw =
        bindings::router::Packet::from_token(token).map_err(|e| mismatch("SendPacket", "a packet", e.to_string()))?;
    let packet = packet_of(raw)?;
    if keccak256(packet.source_client.as_str()) != client_hash {
        return Err(mismatch("source client", "the client of the event's topic", packet.source_client.to_string()));
    }
    if packet.sequence.get() != sequence {
        return Err(mismatch("sequence", "the sequence of the event's topic", packet.sequence.to_string()));
    }
    // The Router lets some through that break the rules of IBC, like texts of nothing but blanks beyond ASCII.
    packet.validate().map_err(|e| unfit("packet", "one that fits the rules", e.to_string()))?;
    Ok(packet)
}

fn unfit(field: &'static str, expected: &'static str, found: String) -> RpcError {
    RpcError::Unfit { field, expected, found }
}

/// The same type with byte strings for texts: they are encoded alike.
fn with_bytes(kind: ParamType) -> ParamType {
    match kind {
        ParamType::String => ParamType::Bytes,
        ParamType::Tuple(kinds) => ParamType::Tuple(kinds.into_iter().map(with_bytes).collect()),
        ParamType::Array(element) => ParamType::Array(Box::new(with_bytes(*element))),
        other => other,
    }
}

/// The acknowledgement of a `WriteAcknowledgement` event.
pub(crate) fn acknowledgement_from_event(data: &[u8]) -> Result<Vec<u8>, RpcError> {
    let types = [ParamType::Bytes, ParamType::Address];
    match <[Token; 2]>::try_from(strict::tokens("WriteAcknowledgement", &types, data)?) {
        Ok([Token::Bytes(acknowledgement), _]) => Ok(acknowledgement),
        _ => Err(AbiFault { what: "WriteAcknowledgement", offset: 0, expected: "bytes", found: 0 }.into()),
    }
}

/// The packet as the Router takes it.
pub(crate) fn to_abi(packet: &Packet) -> bindings::router::Packet {
    let payload = |payload: &Payload| bindings::router::Payload {
        source_port: payload.source_port.clone(),
        dest_port: payload.destination_port.clone(),
        version: payload.version.clone(),
        encoding: payload.encoding.clone(),
        value: Bytes::from(payload.value.clone()),
    };
    bindings::router::Packet {
        sequence: packet.sequence.get(),
        source_client: packet.source_client.to_string(),
        dest_client: packet.destination_client.to_string(),
        timeout_timestamp: packet.timeout_seconds,
        payloads: packet.payloads.iter().map(payload).collect(),
    }
}

fn packet_of(raw: bindings::router::Packet) -> Result<Packet, RpcError> {
    let id = |field, text: &str| {
        text.parse::<ClientId>().map_err(|e| RpcError::Shape { field, expected: "a client id", found: e.to_string() })
    };
    Ok(Packet {
        sequence: sequence_of(raw.sequence)?,
        source_client: id("source client", &raw.source_client)?,
        destination_client: id("destination client", &raw.dest_client)?,
        timeout_seconds: raw.timeout_timestamp,
        payloads: raw
            .payloads
            .into_iter()
            .map(|payload| Payload {
                source_port: payload.source_port,
                destination_port: payload.dest_port,
                version: payload.version,
                encoding: payload.encoding,
                value: payload.value.to_vec(),
            })
            .collect(),
    })
}

/// A packet's number.
pub(crate) fn sequence_of(number: u64) -> Result<Sequence, RpcError> {
    Sequence::try_from(number).map_err(|_| RpcError::Shape {
        field: "sequence",
        expected: "a number from 1",
        found: number.to_string(),
    })
}

impl From<AbiFault> for RpcError {
    fn from(fault: AbiFault) -> Self {
        Self::Shape { field: fault.what, expected: "the canonical abi encoding", found: fault.to_string() }
    }
}

impl AbiFault {
    pub(crate) fn into_adapter(self, endpoint: &str) -> AdapterError {
        RpcError::from(self).into_adapter(endpoint, "decode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethers_core::abi;

    fn packet() -> Packet {
        Packet {
            sequence: Sequence::FIRST,
            source_client: "qbft-0".parse().unwrap(),
            destination_client: "qbft-7".parse().unwrap(),
            timeout_seconds: 1_800_000_000,
            payloads: vec![Payload {
                source_port: "receipt".to_owned(),
                destination_port: "receipt".to_owned(),
                version: "wr-1".to_owned(),
                encoding: "application/x-solidity-abi".to_owned(),
                value: vec![9; 1000],
            }],
        }
    }

    #[test]
    fn a_packet_survives_its_event() {
        let data = abi::encode(&[to_abi(&packet()).into_token()]);
        assert_eq!(from_event(&data, keccak256("qbft-0"), 1).ok(), Some(packet()));
    }

    #[test]
    fn an_event_that_contradicts_its_topics_is_refused() {
        let data = abi::encode(&[to_abi(&packet()).into_token()]);
        assert!(from_event(&data, keccak256("qbft-1"), 1).is_err());
        assert!(from_event(&data, keccak256("qbft-0"), 2).is_err());
    }

    #[test]
    fn packets_that_no_router_sends_are_refused() {
        let changes: [fn(&mut bindings::router::Packet); 6] = [
            |p| p.sequence = 0,
            |p| p.source_client = "QBFT".to_owned(),
            |p| p.dest_client = String::new(),
            |p| p.payloads.clear(),
            |p| p.payloads.push(p.payloads[0].clone()),
            |p| p.timeout_timestamp = 0,
        ];
        for change in changes {
            let mut raw = to_abi(&packet());
            change(&mut raw);
            let (client, sequence) = (keccak256(&raw.source_client), raw.sequence);
            assert!(from_event(&abi::encode(&[raw.into_token()]), client, sequence).is_err());
        }
    }
}
