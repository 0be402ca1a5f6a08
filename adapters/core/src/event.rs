use crate::{AdapterError, At};
use light_client::{ClientId, Height, Packet, Payload, Sequence};

/// The most events of one answer to the relayer.
const MAX_EVENTS: usize = 500_000;
/// The most bytes of packets and acknowledgements in one answer to the relayer. What one block tells is less.
pub const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

/// Something a Router says has happened to a packet. A claim: what it says is proven before it is acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketEvent {
    /// The source committed to a packet.
    Sent {
        /// The height of the block.
        height: Height,
        /// The packet.
        packet: Packet,
    },
    /// The destination wrote a packet receipt.
    Received {
        /// The height of the block.
        height: Height,
        /// The client on the destination.
        destination_client: ClientId,
        /// The packet's number.
        sequence: Sequence,
    },
    /// The destination wrote an acknowledgement.
    Acknowledged {
        /// The height of the block.
        height: Height,
        /// The client on the destination.
        destination_client: ClientId,
        /// The packet's number.
        sequence: Sequence,
        /// The application's acknowledgement.
        acknowledgement: Vec<u8>,
    },
    /// The source settled the packet: acknowledged or timed out, its commitment is gone.
    Settled {
        /// The height of the block.
        height: Height,
        /// The client on the source.
        source_client: ClientId,
        /// The packet's number.
        sequence: Sequence,
        /// Whether it timed out.
        timed_out: bool,
    },
}

impl PacketEvent {
    /// The height of the block the event is said to be in.
    pub fn height(&self) -> Height {
        match self {
            Self::Sent { height, .. }
            | Self::Received { height, .. }
            | Self::Acknowledged { height, .. }
            | Self::Settled { height, .. } => *height,
        }
    }

    /// The packet that was sent through this client under this number; `None` when this tells of something else.
    pub fn into_sent(self, source_client: &ClientId, sequence: Sequence) -> Option<At<Packet>> {
        match self {
            Self::Sent { height, packet } if packet.source_client == *source_client && packet.sequence == sequence => {
                Some(At { height, value: packet })
            }
            _ => None,
        }
    }

    /// The acknowledgement of the packet that this client received under this number; `None` when this tells of something
    /// else.
    pub fn into_acknowledgement(self, destination_client: &ClientId, sequence: Sequence) -> Option<At<Vec<u8>>> {
        match self {
            Self::Acknowledged { height, destination_client: client, sequence: number, acknowledgement }
                if client == *destination_client && number == sequence =>
            {
                Some(At { height, value: acknowledgement })
            }
            _ => None,
        }
    }

    /// The bytes of the packet or acknowledgement that it carries.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Sent { packet, .. } => {
                let texts = |payload: &Payload| {
                    let Payload { source_port, destination_port, version, encoding, value } = payload;
                    source_port.len() + destination_port.len() + version.len() + encoding.len() + value.len()
                };
                packet.payloads.iter().map(texts).sum()
            }
            Self::Acknowledged { acknowledgement, .. } => acknowledgement.len(),
            Self::Received { .. } | Self::Settled { .. } => 0,
        }
    }
}

/// The events of a range of blocks while they are gathered, within limits: who finds that they are passed asks for fewer
/// blocks.
#[derive(Debug, Default)]
pub struct GatheredEvents {
    events: Vec<PacketEvent>,
    bytes: usize,
}

impl GatheredEvents {
    /// Adds the events of the blocks that follow.
    ///
    /// # Errors
    /// [`AdapterError::Refused`] when there are more of them than one answer may hold, or they are longer together.
    pub fn add(&mut self, events: Vec<PacketEvent>) -> Result<(), AdapterError> {
        self.bytes = events.iter().fold(self.bytes, |sum, event| sum.saturating_add(event.bytes()));
        self.events.extend(events);
        let refused = |reason| Err(AdapterError::Refused { operation: "packet_events", reason });
        if self.events.len() > MAX_EVENTS {
            return refused(format!("expected at most {MAX_EVENTS} events in the range, found more: ask for less"));
        }
        if self.bytes > MAX_EVENT_BYTES {
            let reason = format!("expected events of at most {MAX_EVENT_BYTES} bytes in the range, found more");
            return refused(format!("{reason}: ask for less"));
        }
        Ok(())
    }

    /// All of them, in the order in which they were added.
    pub fn into_events(self) -> Vec<PacketEvent> {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledged(bytes: usize) -> PacketEvent {
        let (destination_client, sequence) = ("a-0".parse().unwrap(), Sequence::FIRST);
        PacketEvent::Acknowledged {
            height: Height::new(1),
            destination_client,
            sequence,
            acknowledgement: vec![1; bytes],
        }
    }

    #[test]
    fn events_are_gathered_within_limits() {
        let mut gathered = GatheredEvents::default();
        gathered.add(vec![acknowledged(MAX_EVENT_BYTES)]).unwrap();
        gathered.add(vec![acknowledged(0); MAX_EVENTS - 1]).unwrap();
        assert!(gathered.add(vec![acknowledged(0)]).is_err());
        let mut gathered = GatheredEvents::default();
        gathered.add(vec![acknowledged(MAX_EVENT_BYTES - 1)]).unwrap();
        gathered.add(vec![acknowledged(1)]).unwrap();
        assert_eq!(gathered.into_events().len(), 2);
        assert!(GatheredEvents::default().add(vec![acknowledged(MAX_EVENT_BYTES + 1)]).is_err());
    }

    #[test]
    fn an_event_is_of_its_packet_alone() {
        let (client, other) = ("a-0".parse().unwrap(), "a-1".parse().unwrap());
        let second = Sequence::try_from(2).unwrap();
        let found = acknowledged(3).into_acknowledgement(&client, Sequence::FIRST).unwrap();
        assert_eq!((found.height, found.value), (Height::new(1), vec![1; 3]));
        for (client, sequence) in [(&client, second), (&other, Sequence::FIRST)] {
            assert_eq!(acknowledged(3).into_acknowledgement(client, sequence), None);
        }
        assert_eq!(acknowledged(3).into_sent(&client, Sequence::FIRST), None);
    }
}
