use super::{Packet, Payload};
use light_client::{ClientId, IdError, PacketError, Sequence};

/// Why a packet that an ibc-go chain holds is none that this relayer can carry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    #[error(transparent)]
    Id(#[from] IdError),
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// The packet as the relayer knows it.
///
/// # Errors
/// [`ConvertError`] when an identifier or the packet itself is not as the standard has it.
pub(crate) fn packet_from_proto(packet: Packet) -> Result<light_client::Packet, ConvertError> {
    let packet = light_client::Packet {
        sequence: Sequence::try_from(packet.sequence)?,
        source_client: ClientId::try_from(packet.source_client)?,
        destination_client: ClientId::try_from(packet.destination_client)?,
        timeout_seconds: packet.timeout_timestamp,
        payloads: packet.payloads.into_iter().map(payload_from_proto).collect(),
    };
    packet.validate()?;
    Ok(packet)
}

/// The packet as messages carry it.
pub(crate) fn packet_to_proto(packet: &light_client::Packet) -> Packet {
    Packet {
        sequence: packet.sequence.get(),
        source_client: packet.source_client.to_string(),
        destination_client: packet.destination_client.to_string(),
        timeout_timestamp: packet.timeout_seconds,
        payloads: packet.payloads.iter().map(payload_to_proto).collect(),
    }
}

fn payload_from_proto(payload: Payload) -> light_client::Payload {
    let Payload { source_port, destination_port, version, encoding, value } = payload;
    light_client::Payload { source_port, destination_port, version, encoding, value }
}

/// The payload as messages carry it.
pub(crate) fn payload_to_proto(payload: &light_client::Payload) -> Payload {
    let light_client::Payload { source_port, destination_port, version, encoding, value } = payload.clone();
    Payload { source_port, destination_port, version, encoding, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Acknowledgement;
    use light_client::{
        acknowledgement_commitment, acknowledgement_path, commitment_path, packet_commitment, receipt_path,
    };
    use prost::Message as _;
    use serde_json::Value;

    const FILE: &str = "../../light-clients/core/vectors/ibc-v2/packets_and_acknowledgements.json";

    fn bytes(value: &Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    #[test]
    fn packets_of_ibc_go_come_and_go_as_they_are() {
        let vectors: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
        let (mut carried, mut refused) = (0, 0);
        for vector in vectors["packets"].as_array().unwrap() {
            let encoded = bytes(&vector["protobuf"]);
            let message = Packet::decode(encoded.as_slice()).unwrap();
            assert_eq!(message.encode_to_vec(), encoded, "{}", vector["name"]);
            let packet = match packet_from_proto(message) {
                Ok(packet) => packet,
                Err(error) => {
                    // What ibc-go sends, this relayer carries.
                    assert_ne!(vector["ibc_go_validation"], "ok", "{}: {error}", vector["name"]);
                    refused += 1;
                    continue;
                }
            };
            carried += 1;
            assert_eq!(packet_to_proto(&packet).encode_to_vec(), encoded, "{}", vector["name"]);
            assert_eq!(packet_commitment(&packet).as_bytes().to_vec(), bytes(&vector["commitment"]));
            let (source, destination) = (&packet.source_client, &packet.destination_client);
            for (path, name) in [
                (commitment_path(source, packet.sequence), "commitment_path"),
                (receipt_path(destination, packet.sequence), "receipt_path"),
                (acknowledgement_path(destination, packet.sequence), "acknowledgement_path"),
            ] {
                assert_eq!(path.as_bytes(), bytes(&vector[name]));
            }
        }
        assert_eq!((carried, refused), (11, 7));
        for vector in vectors["acknowledgements"].as_array().unwrap() {
            let encoded = bytes(&vector["protobuf"]);
            let message = Acknowledgement::decode(encoded.as_slice()).unwrap();
            assert_eq!(message.encode_to_vec(), encoded, "{}", vector["name"]);
            let commitment = acknowledgement_commitment(&message.app_acknowledgements);
            assert_eq!(commitment.as_bytes().to_vec(), bytes(&vector["commitment"]), "{}", vector["name"]);
        }
    }
}
