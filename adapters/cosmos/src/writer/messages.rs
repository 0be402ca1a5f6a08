//! The relayer's messages as an ibc-go chain takes them.

use crate::proto::{self, Acknowledgement, MsgAcknowledgement, MsgRecvPacket, MsgTimeout};
use adapter::{AdapterError, Message};
use ibc_proto::{google::protobuf::Any, ibc::core::client::v1::MsgUpdateClient};
use light_client::{ClientId, Height, Packet};
use prost::Message as _;

pub(crate) const UPDATE_CLIENT: &str = "/ibc.core.client.v1.MsgUpdateClient";
pub(crate) const RECV_PACKET: &str = "/ibc.core.channel.v2.MsgRecvPacket";
pub(crate) const ACKNOWLEDGEMENT: &str = "/ibc.core.channel.v2.MsgAcknowledgement";
pub(crate) const TIMEOUT: &str = "/ibc.core.channel.v2.MsgTimeout";
const HEADER: &str = "/ibc.lightclients.tendermint.v1.Header";
const MISBEHAVIOUR: &str = "/ibc.lightclients.tendermint.v1.Misbehaviour";

/// What a message of the relayer comes to: one message for each packet, since ibc-go takes one packet and one proof at a
/// time.
///
/// An update is the protobuf of a `Header`, evidence that of a `Misbehaviour`; both go as `MsgUpdateClient`, which has taken
/// either since ibc-go 7 (`MsgSubmitMisbehaviour` is deprecated). A proof is one protobuf `MerkleProof` for each packet, in
/// their order, each behind its length.
///
/// # Errors
/// [`AdapterError::Refused`] when such a chain has no such message; [`AdapterError::Inconsistent`] when there is not one
/// proof for each packet.
pub(crate) fn to_any(signer: &str, message: &Message) -> Result<Vec<Any>, AdapterError> {
    match message {
        Message::UpdateClient { client, update } => Ok(vec![update_client(signer, client, HEADER, update)]),
        Message::SubmitMisbehaviour { client, evidence } => {
            Ok(vec![update_client(signer, client, MISBEHAVIOUR, evidence)])
        }
        Message::ReceivePackets { packets, proof_height, proof } => {
            let receive = |(packet, proof_commitment): (&Packet, Vec<u8>)| {
                let message = MsgRecvPacket {
                    packet: Some(proto::packet_to_proto(packet)),
                    proof_commitment,
                    proof_height: Some(height(*proof_height)),
                    signer: signer.to_owned(),
                };
                any(RECV_PACKET, message.encode_to_vec())
            };
            Ok(packets.iter().zip(proofs(proof, packets.len())?).map(receive).collect())
        }
        Message::AcknowledgePackets { packets, acknowledgements, proof_height, proof } => {
            if acknowledgements.len() != packets.len() {
                return Err(wrong_count("acknowledgements", packets.len(), acknowledgements.len()));
            }
            let acknowledge = |((packet, acknowledgement), proof_acked): ((&Packet, &Vec<u8>), Vec<u8>)| {
                let message = MsgAcknowledgement {
                    packet: Some(proto::packet_to_proto(packet)),
                    acknowledgement: Some(Acknowledgement { app_acknowledgements: vec![acknowledgement.clone()] }),
                    proof_acked,
                    proof_height: Some(height(*proof_height)),
                    signer: signer.to_owned(),
                };
                any(ACKNOWLEDGEMENT, message.encode_to_vec())
            };
            let proofs = proofs(proof, packets.len())?;
            Ok(packets.iter().zip(acknowledgements).zip(proofs).map(acknowledge).collect())
        }
        Message::TimeoutPackets { packets, proof_height, proof } => {
            let time_out = |(packet, proof_unreceived): (&Packet, Vec<u8>)| {
                let message = MsgTimeout {
                    packet: Some(proto::packet_to_proto(packet)),
                    proof_unreceived,
                    proof_height: Some(height(*proof_height)),
                    signer: signer.to_owned(),
                };
                any(TIMEOUT, message.encode_to_vec())
            };
            Ok(packets.iter().zip(proofs(proof, packets.len())?).map(time_out).collect())
        }
        other => Err(AdapterError::Refused {
            operation: "sign",
            reason: format!("expected a message that ibc-go has, found {}", name(other)),
        }),
    }
}

/// Whether a message is about a packet, so that it does nothing when another relayer was first.
pub(crate) fn is_about_packet(type_url: &str) -> bool {
    matches!(type_url, RECV_PACKET | ACKNOWLEDGEMENT | TIMEOUT)
}

pub(crate) fn any(type_url: &str, value: Vec<u8>) -> Any {
    Any { type_url: type_url.to_owned(), value }
}

fn update_client(signer: &str, client: &ClientId, type_url: &str, client_message: &[u8]) -> Any {
    let message = MsgUpdateClient {
        client_id: client.to_string(),
        client_message: Some(any(type_url, client_message.to_vec())),
        signer: signer.to_owned(),
    };
    any(UPDATE_CLIENT, prost_13::Message::encode_to_vec(&message))
}

fn height(height: Height) -> proto::Height {
    proto::Height { revision_number: height.revision(), revision_height: height.number() }
}

/// One proof for each packet out of the prover's list.
fn proofs(list: &[u8], count: usize) -> Result<Vec<Vec<u8>>, AdapterError> {
    let mut rest = list;
    let mut proofs = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).ok().filter(|length| *length <= rest.len());
        let Some((proof, after)) = length.and_then(|length| rest.split_at_checked(length)) else {
            return Err(AdapterError::Inconsistent {
                endpoint: "the prover".to_owned(),
                field: "proof",
                expected: "a list of proofs, each behind its length".to_owned(),
                found: format!("{} bytes that are none", rest.len()),
            });
        };
        proofs.push(proof.to_vec());
        rest = after;
    }
    if proofs.len() == count { Ok(proofs) } else { Err(wrong_count("proof", count, proofs.len())) }
}

fn wrong_count(field: &'static str, expected: usize, found: usize) -> AdapterError {
    AdapterError::Inconsistent {
        endpoint: "the prover".to_owned(),
        field,
        expected: format!("one for each of {expected} packets"),
        found: found.to_string(),
    }
}

const fn name(message: &Message) -> &'static str {
    match message {
        Message::Expire { .. } => "expire",
        Message::Notarise { .. } => "notarise",
        _ => "another",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const FOLDER: &str = "vectors/ibc-v2";

    fn recorded(name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(format!("{FOLDER}/{name}")).unwrap()).unwrap()
    }

    fn message<M: prost::Message + Default>(recording: &Value, name: &str) -> (Any, Option<M>) {
        let message = &recording["messages"][name];
        let Some(value) = message["value"].as_str() else { return (Any::default(), None) };
        let value = hex::decode(value).unwrap();
        let decoded = M::decode(value.as_slice()).unwrap();
        (any(message["type_url"].as_str().unwrap(), value), Some(decoded))
    }

    fn list(proofs: &[&[u8]]) -> Vec<u8> {
        let mut list = Vec::new();
        for proof in proofs {
            prost::encode_length_delimiter(proof.len(), &mut list).unwrap();
            list.extend_from_slice(proof);
        }
        list
    }

    fn height(height: Option<proto::Height>) -> Height {
        height.map(|height| Height::with_revision(height.revision_number, height.revision_height)).unwrap()
    }

    /// What two chains accepted is what the relayer's messages come to.
    #[test]
    fn messages_are_those_that_chains_took() {
        let mut seen = 0;
        for name in [
            "success_protobuf.json",
            "error_acknowledgement.json",
            "timeout.json",
            "transfer_abi.json",
            "long_value_back.json",
        ] {
            let recording = recorded(name);
            let packet = hex::decode(recording["packet"]["protobuf"].as_str().unwrap()).unwrap();
            let packet = proto::packet_from_proto(proto::Packet::decode(packet.as_slice()).unwrap()).unwrap();
            let commitment = recording["packet"]["commitment"].as_str().unwrap();
            assert_eq!(hex::encode(packet.commitment().as_bytes()), commitment, "{name}");
            let packets = vec![packet];
            if let (expected, Some(MsgRecvPacket { proof_commitment, proof_height, signer, .. })) =
                message::<MsgRecvPacket>(&recording, "receive")
            {
                let (proof, proof_height) = (list(&[&proof_commitment]), height(proof_height));
                let ours = Message::ReceivePackets { packets: packets.clone(), proof_height, proof };
                assert_eq!(to_any(&signer, &ours).unwrap(), [expected], "{name}");
                seen += 1;
            }
            if let (expected, Some(MsgAcknowledgement { acknowledgement, proof_acked, proof_height, signer, .. })) =
                message::<MsgAcknowledgement>(&recording, "acknowledge")
            {
                let acknowledgements = acknowledgement.unwrap().app_acknowledgements;
                assert_eq!(
                    hex::encode(light_client::acknowledgement_commitment(&acknowledgements).as_bytes()),
                    recording["acknowledgement"]["commitment"].as_str().unwrap(),
                    "{name}"
                );
                let (proof, proof_height) = (list(&[&proof_acked]), height(proof_height));
                let ours =
                    Message::AcknowledgePackets { packets: packets.clone(), acknowledgements, proof_height, proof };
                assert_eq!(to_any(&signer, &ours).unwrap(), [expected], "{name}");
                seen += 1;
            }
            if let (expected, Some(MsgTimeout { proof_unreceived, proof_height, signer, .. })) =
                message::<MsgTimeout>(&recording, "timeout")
            {
                let (proof, proof_height) = (list(&[&proof_unreceived]), height(proof_height));
                let ours = Message::TimeoutPackets { packets, proof_height, proof };
                assert_eq!(to_any(&signer, &ours).unwrap(), [expected], "{name}");
                seen += 1;
            }
        }
        assert_eq!(seen, 9);
    }

    #[test]
    fn each_packet_has_its_own_proof() {
        let recording = recorded("timeout.json");
        let packet = hex::decode(recording["packet"]["protobuf"].as_str().unwrap()).unwrap();
        let packet = proto::packet_from_proto(proto::Packet::decode(packet.as_slice()).unwrap()).unwrap();
        let packets = vec![packet.clone(), packet];
        let proof_height = Height::new(7);
        let with =
            |proof: Vec<u8>| to_any("a", &Message::ReceivePackets { packets: packets.clone(), proof_height, proof });
        let messages = with(list(&[b"one", b"two"])).unwrap();
        let proofs: Vec<Vec<u8>> = messages
            .iter()
            .map(|message| MsgRecvPacket::decode(message.value.as_slice()).unwrap().proof_commitment)
            .collect();
        assert_eq!(proofs, [b"one", b"two"]);
        let whole = list(&[b"one", b"two"]);
        let endless = [whole.clone(), vec![0xff; 11]].concat();
        for bad in [list(&[b"one"]), list(&[b"1", b"2", b"3"]), whole[..5].to_vec(), vec![], endless] {
            assert!(matches!(with(bad.clone()), Err(AdapterError::Inconsistent { .. })), "{bad:?}");
        }
    }

    #[test]
    fn updates_and_evidence_go_as_client_messages() {
        let client: ClientId = "07-tendermint-3".parse().unwrap();
        let update = Message::UpdateClient { client: client.clone(), update: vec![1, 2] };
        let evidence = Message::SubmitMisbehaviour { client, evidence: vec![3] };
        for (message, type_url, value) in [(update, HEADER, vec![1, 2]), (evidence, MISBEHAVIOUR, vec![3])] {
            let messages = to_any("cosmos1signer", &message).unwrap();
            let [told] = messages.as_slice() else { panic!("{messages:?}") };
            assert_eq!(told.type_url, UPDATE_CLIENT);
            let told: MsgUpdateClient = prost_13::Message::decode(told.value.as_slice()).unwrap();
            assert_eq!((told.client_id.as_str(), told.signer.as_str()), ("07-tendermint-3", "cosmos1signer"));
            assert_eq!(told.client_message, Some(any(type_url, value)));
        }
        for other in [
            Message::Notarise { slots: Vec::new() },
            Message::Expire { receipt_slot: light_client::SlotKey::new([0; 32]), timeout_seconds: 1 },
        ] {
            assert!(matches!(to_any("a", &other), Err(AdapterError::Refused { .. })));
        }
    }
}
