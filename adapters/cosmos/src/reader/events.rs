//! What a block's events say has happened to packets of IBC v2.

use crate::{
    proto::{self, Acknowledgement},
    rpc,
};
use adapter::PacketEvent;
use adapter_json_rpc::{RpcError, printable};
use light_client::{ClientId, Height, MAX_PAYLOAD_BYTES, Sequence};
use prost::Message as _;
use serde::Deserialize;

/// The longest packet or acknowledgement in an event: the longest value, and room for what lies around it.
const MAX_ENCODED_BYTES: usize = MAX_PAYLOAD_BYTES + 16 * 1024;

/// An event as nodes of CometBFT 0.37 and later tell of it; ibc-go 10 runs on no older one.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    attributes: Option<Vec<Attribute>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Option<String>,
}

impl From<rpc::Event> for Event {
    fn from(event: rpc::Event) -> Self {
        let attribute = |(key, value)| Attribute { key, value: Some(value) };
        Self { kind: event.kind, attributes: Some(event.attributes.into_iter().map(attribute).collect()) }
    }
}

/// What a transaction came to.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TransactionResult {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    events: Option<Vec<Event>>,
}

impl TransactionResult {
    /// The events that came to be: none of a transaction that failed.
    pub(crate) fn into_events(self) -> impl Iterator<Item = Event> {
        self.events.filter(|_| self.code == 0).into_iter().flatten()
    }
}

/// What a block came to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BlockResults {
    pub(crate) height: String,
    #[serde(default)]
    txs_results: Option<Vec<TransactionResult>>,
    /// Since CometBFT 0.38.
    #[serde(default)]
    finalize_block_events: Option<Vec<Event>>,
    /// Before.
    #[serde(default)]
    begin_block_events: Option<Vec<Event>>,
    #[serde(default)]
    end_block_events: Option<Vec<Event>>,
}

impl BlockResults {
    /// The events that came to be, in the chain's order. Those of a transaction that failed did not.
    pub(crate) fn into_events(self) -> impl Iterator<Item = Event> {
        let transactions = self.txs_results.into_iter().flatten();
        let whole = |events: Option<Vec<Event>>| events.into_iter().flatten();
        whole(self.begin_block_events)
            .chain(transactions.flat_map(TransactionResult::into_events))
            .chain(whole(self.end_block_events))
            .chain(whole(self.finalize_block_events))
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Send,
    Receive,
    Acknowledgement,
    Acknowledged,
    TimedOut,
}

impl EventKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Send, Self::Receive, Self::Acknowledgement, Self::Acknowledged, Self::TimedOut];

    /// The event's type.
    ///
    /// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/events.go`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Send => "send_packet",
            Self::Receive => "recv_packet",
            Self::Acknowledgement => "write_acknowledgement",
            Self::Acknowledged => "acknowledge_packet",
            Self::TimedOut => "timeout_packet",
        }
    }

    /// The attribute that names the client on the chain that tells.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::Receive | Self::Acknowledgement => DESTINATION_CLIENT,
            Self::Send | Self::Acknowledged | Self::TimedOut => SOURCE_CLIENT,
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The attributes that are read.
///
/// Source: as [`EventKind::name`].
const SOURCE_CLIENT: &str = "packet_source_client";
const DESTINATION_CLIENT: &str = "packet_dest_client";
pub(crate) const SEQUENCE: &str = "packet_sequence";
const ENCODED_PACKET: &str = "encoded_packet_hex";
const ENCODED_ACKNOWLEDGEMENT: &str = "encoded_acknowledgement_hex";

impl Event {
    /// What the event says of a packet, in a block of this height; `None` for other events. Classic IBC
    /// names its events alike, and carries no packet in them.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when what it carries is no packet; [`RpcError::Unfit`] when no relayer can carry the packet.
    pub(crate) fn packet_event(&self, height: Height) -> Result<Option<PacketEvent>, RpcError> {
        let Some(kind) = EventKind::of(&self.kind) else { return Ok(None) };
        let Some(encoded) = self.attribute(ENCODED_PACKET) else { return Ok(None) };
        let packet = proto::Packet::decode(bytes(ENCODED_PACKET, encoded)?.as_slice());
        let packet = packet.map_err(|e| shape(ENCODED_PACKET, "a packet of ibc v2", &e.to_string()))?;
        let packet = proto::packet_from_proto(packet).map_err(|e| unfit("packet", "as the standard has it", &e))?;
        Ok(Some(match kind {
            EventKind::Send => PacketEvent::Sent { height, packet },
            EventKind::Receive => PacketEvent::Received {
                height,
                destination_client: packet.destination_client,
                sequence: packet.sequence,
            },
            EventKind::Acknowledgement => PacketEvent::Acknowledged {
                height,
                destination_client: packet.destination_client,
                sequence: packet.sequence,
                acknowledgement: self.acknowledgement()?,
            },
            EventKind::Acknowledged | EventKind::TimedOut => PacketEvent::Settled {
                height,
                source_client: packet.source_client,
                sequence: packet.sequence,
                timed_out: kind == EventKind::TimedOut,
            },
        }))
    }

    /// Whether the event says that it is of this kind and about this packet, which it need not carry in a form that anybody
    /// can read.
    pub(crate) fn is_about(&self, kind: EventKind, client: &ClientId, sequence: Sequence) -> bool {
        self.kind == kind.name()
            && self.attribute(kind.role()) == Some(client.as_str())
            && self.attribute(SEQUENCE) == Some(sequence.get().to_string().as_str())
    }

    /// The application's acknowledgement: one, as a packet has one payload.
    fn acknowledgement(&self) -> Result<Vec<u8>, RpcError> {
        let encoded = self.attribute(ENCODED_ACKNOWLEDGEMENT).unwrap_or_default();
        let decoded = Acknowledgement::decode(bytes(ENCODED_ACKNOWLEDGEMENT, encoded)?.as_slice());
        let decoded =
            decoded.map_err(|e| shape(ENCODED_ACKNOWLEDGEMENT, "an acknowledgement of ibc v2", &e.to_string()))?;
        let count = decoded.app_acknowledgements.len();
        match <[Vec<u8>; 1]>::try_from(decoded.app_acknowledgements) {
            Ok([acknowledgement]) if !acknowledgement.is_empty() => Ok(acknowledgement),
            _ => Err(unfit("acknowledgement", "one, and not empty", &count)),
        }
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        let attribute = self.attributes.iter().flatten().find(|attribute| attribute.key == key);
        attribute.and_then(|attribute| attribute.value.as_deref())
    }
}

fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, RpcError> {
    // Chains let through what is longer: acknowledgements of any length.
    if text.len() / 2 > MAX_ENCODED_BYTES {
        return Err(unfit(field, "hexadecimal bytes within the limit of packets", &format!("{} digits", text.len())));
    }
    hex::decode(text).map_err(|e| shape(field, "hexadecimal bytes", &e.to_string()))
}

fn shape(field: &'static str, expected: &'static str, found: &str) -> RpcError {
    RpcError::Shape { field, expected, found: printable(found) }
}

fn unfit(field: &'static str, expected: &'static str, found: &dyn std::fmt::Display) -> RpcError {
    RpcError::Unfit { field, expected, found: printable(&found.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const FILE: &str = "vectors/ibc-v2/error_acknowledgement.json";

    /// The packet of the recording and its acknowledgement, encoded.
    fn recorded() -> (String, String) {
        let recording: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
        let text = |name: &str| recording[name]["protobuf"].as_str().unwrap().to_owned();
        (text("packet"), text("acknowledgement"))
    }

    fn event(kind: &str, attributes: Value) -> Event {
        let attributes: Vec<Value> = attributes
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value, "index": true }))
            .collect();
        serde_json::from_value(json!({ "type": kind, "attributes": attributes })).unwrap()
    }

    fn read(kind: &str) -> Option<PacketEvent> {
        let (packet, acknowledgement) = recorded();
        let attributes = json!({ ENCODED_PACKET: packet, ENCODED_ACKNOWLEDGEMENT: acknowledgement });
        event(kind, attributes).packet_event(Height::with_revision(1, 9)).unwrap()
    }

    #[test]
    fn each_event_says_what_it_says() {
        let height = Height::with_revision(1, 9);
        let Some(PacketEvent::Sent { packet, height: at }) = read("send_packet") else { panic!() };
        assert_eq!((packet.sequence.get(), packet.source_client.as_str(), at), (2, "07-tendermint-1", height));
        let (source_client, destination_client) = (packet.source_client, packet.destination_client);
        let sequence = packet.sequence;
        let client = destination_client.clone();
        assert_eq!(
            read("recv_packet"),
            Some(PacketEvent::Received { height, destination_client: client.clone(), sequence })
        );
        let acknowledgement = light_client::error_acknowledgement().to_vec();
        let expected = PacketEvent::Acknowledged { height, destination_client: client, sequence, acknowledgement };
        assert_eq!(read("write_acknowledgement"), Some(expected));
        for (kind, timed_out) in [("acknowledge_packet", false), ("timeout_packet", true)] {
            let source_client = source_client.clone();
            assert_eq!(read(kind), Some(PacketEvent::Settled { height, source_client, sequence, timed_out }));
        }
        assert_eq!(read("transfer"), None);
        // Classic IBC has events of the same types.
        let classic = event("send_packet", json!({ "packet_data_hex": "00", "packet_sequence": "1" }));
        assert_eq!(classic.packet_event(height).unwrap(), None);
    }

    #[test]
    fn what_is_no_packet_is_the_nodes_fault_and_what_none_can_carry_is_not() {
        let (packet, acknowledgement) = recorded();
        let read = |packet: &str, acknowledgement: &str| {
            let attributes = json!({ ENCODED_PACKET: packet, ENCODED_ACKNOWLEDGEMENT: acknowledgement });
            event("write_acknowledgement", attributes).packet_event(Height::new(1))
        };
        assert!(read(&packet, &acknowledgement).is_ok());
        for (packet, acknowledgement) in [
            ("xy", acknowledgement.as_str()),
            (&packet[1..], &acknowledgement),
            (&packet[2..], &acknowledgement),
            (&packet, "0a"),
            (&packet, "q"),
        ] {
            let error = read(packet, acknowledgement).unwrap_err();
            assert!(matches!(error, RpcError::Shape { .. }), "{error}");
        }
        // No acknowledgement, two, an empty one; a packet without its payload, or of another kind of client id; and what is
        // longer than any that is carried.
        let long = "00".repeat(MAX_ENCODED_BYTES + 1);
        let foreign = hex::encode(
            proto::Packet { sequence: 1, source_client: "X_1".to_owned(), ..Default::default() }.encode_to_vec(),
        );
        for (packet, acknowledgement) in [
            (packet.as_str(), ""),
            (&packet, "0a01010a0101"),
            (&packet, "0a00"),
            ("0801", ""),
            (&foreign, ""),
            (&long, &acknowledgement),
            (&packet, &long),
        ] {
            let error = read(packet, acknowledgement).unwrap_err();
            assert!(matches!(error, RpcError::Unfit { .. }), "{error}");
        }
    }

    #[test]
    fn events_of_failed_transactions_did_not_happen() {
        let results: BlockResults = serde_json::from_value(json!({
            "height": "5",
            "txs_results": [
                { "code": 0, "events": [{ "type": "a", "attributes": null }] },
                { "code": 5, "codespace": "sdk", "events": [{ "type": "b" }] },
                { "events": null },
            ],
            "finalize_block_events": [{ "type": "c", "attributes": [{ "key": "k", "value": null }] }],
            "validator_updates": null,
        }))
        .unwrap();
        let kinds: Vec<String> = results.into_events().map(|event| event.kind).collect();
        assert_eq!(kinds, ["a", "c"]);
        let nothing: BlockResults = serde_json::from_value(json!({ "height": "5", "txs_results": null })).unwrap();
        assert_eq!(nothing.into_events().count(), 0);
    }
}
