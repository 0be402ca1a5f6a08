//! The Router's events about packets.

use crate::{
    abi::{artefact::Artefact, packet, strict},
    logs::Log,
    rpc::RpcError,
};
use adapter::PacketEvent;
use alloy_primitives::{B256, keccak256};
use ethers_core::abi::{ParamType, Token};
use light_client::{ClientId, Height, Sequence};
use std::sync::LazyLock;

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

    /// The event's first topic.
    pub(crate) fn topic(self) -> B256 {
        static TOPICS: LazyLock<[B256; EventKind::ALL.len()]> = LazyLock::new(|| {
            // Each name is of one event of the Router: `topics_are_of_the_router` below.
            EventKind::ALL.map(|kind| Artefact::router().event_hash(kind.name()).unwrap_or_default())
        });
        let [send, receive, acknowledgement, acknowledged, timed_out] = *TOPICS;
        match self {
            Self::Send => send,
            Self::Receive => receive,
            Self::Acknowledgement => acknowledgement,
            Self::Acknowledged => acknowledged,
            Self::TimedOut => timed_out,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Send => "SendPacket",
            Self::Receive => "RecvPacket",
            Self::Acknowledgement => "WriteAcknowledgement",
            Self::Acknowledged => "AckPacket",
            Self::TimedOut => "TimeoutPacket",
        }
    }
}

/// A packet event with its client still in the form of the topic, the hash of its id.
pub(crate) struct RawEvent {
    kind: EventKind,
    pub(crate) client_hash: B256,
    sequence: Sequence,
}

impl RawEvent {
    /// Reads the topics.
    pub(crate) fn read(log: &Log) -> Result<Self, RpcError> {
        let kind = EventKind::ALL.into_iter().find(|kind| log.topic(0) == Some(kind.topic()));
        let (Some(kind), Some(client_hash), Some(number), 3) = (kind, log.topic(1), log.topic(2), log.topics.len())
        else {
            return Err(RpcError::Shape {
                field: "topics",
                expected: "event, client and sequence",
                found: format!("{:?}", log.topics),
            });
        };
        let (high, low) = number.split_at(24);
        let low = <[u8; 8]>::try_from(low).unwrap_or_default();
        if high.iter().any(|byte| *byte != 0) {
            return Err(RpcError::Shape {
                field: "sequence",
                expected: "a number of 64 bits",
                found: number.to_string(),
            });
        }
        Ok(Self { kind, client_hash, sequence: packet::sequence_of(u64::from_be_bytes(low))? })
    }

    /// The event, with the client that its topic is the hash of, and the height of its block.
    pub(crate) fn event(&self, client: ClientId, height: Height, log: &Log) -> Result<PacketEvent, RpcError> {
        let sequence = self.sequence;
        Ok(match self.kind {
            EventKind::Send => {
                PacketEvent::Sent { height, packet: packet::from_event(&log.data, self.client_hash, sequence.get())? }
            }
            EventKind::Receive => PacketEvent::Received { height, destination_client: client, sequence },
            EventKind::Acknowledgement => PacketEvent::Acknowledged {
                height,
                destination_client: client,
                sequence,
                acknowledgement: packet::acknowledgement_from_event(&log.data)?,
            },
            EventKind::Acknowledged | EventKind::TimedOut => PacketEvent::Settled {
                height,
                source_client: client,
                sequence,
                timed_out: self.kind == EventKind::TimedOut,
            },
        })
    }
}

/// The first topic of the event by which a client was added.
pub(crate) fn client_added_topic() -> B256 {
    Artefact::router().event_hash("ClientAdded").unwrap_or_default()
}

/// The id of a client that was added.
pub(crate) fn client_added(log: &Log) -> Result<ClientId, RpcError> {
    let prefix = ParamType::Array(Box::new(ParamType::Bytes));
    let types = [ParamType::String, ParamType::Address, ParamType::String, prefix];
    let values = strict::tokens("ClientAdded", &types, &log.data)?;
    let text = match values.first() {
        Some(Token::String(text)) => text.as_str(),
        _ => "",
    };
    text.parse().map_err(|e: light_client::IdError| RpcError::Shape {
        field: "ClientAdded",
        expected: "a client id",
        found: e.to_string(),
    })
}

/// The topic of a client's id.
pub(crate) fn client_topic(client: &ClientId) -> B256 {
    keccak256(client.as_str())
}

/// The topic of a number.
pub(crate) fn number_topic(number: u64) -> B256 {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    B256::from(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn topics_are_of_the_router() {
        let signatures = [
            (
                EventKind::Send,
                "SendPacket(string,uint64,(uint64,string,string,uint64,(string,string,string,string,bytes)[]))",
            ),
            (EventKind::Receive, "RecvPacket(string,uint64,address)"),
            (EventKind::Acknowledgement, "WriteAcknowledgement(string,uint64,bytes,address)"),
            (EventKind::Acknowledged, "AckPacket(string,uint64,address)"),
            (EventKind::TimedOut, "TimeoutPacket(string,uint64,address)"),
        ];
        for (kind, signature) in signatures {
            assert_eq!(kind.topic(), keccak256(signature), "{signature}");
        }
        assert_eq!(client_added_topic(), keccak256("ClientAdded(string,address,string,bytes[])"));
    }

    #[test]
    fn topics_must_be_complete_and_in_range() {
        let log = |topics: Vec<B256>| {
            let (address, transaction) = (Address::ZERO, B256::ZERO);
            Log { address, topics, data: vec![], transaction, height: 1, index: 0 }
        };
        let receive = EventKind::Receive.topic();
        let good = vec![receive, B256::repeat_byte(1), number_topic(1)];
        assert!(RawEvent::read(&log(good.clone())).is_ok());
        assert!(RawEvent::read(&log(good[..2].to_vec())).is_err());
        assert!(RawEvent::read(&log([good.clone(), vec![B256::ZERO]].concat())).is_err());
        assert!(RawEvent::read(&log(vec![receive, good[1], number_topic(0)])).is_err());
        assert!(RawEvent::read(&log(vec![receive, good[1], B256::repeat_byte(1)])).is_err());
        assert!(RawEvent::read(&log(vec![B256::ZERO, good[1], good[2]])).is_err());
    }
}
