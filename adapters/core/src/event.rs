use light_client::{ClientId, Height, Packet, Sequence};

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
}
