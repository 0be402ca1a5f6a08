use light_client::{ClientId, Height, Packet, SlotKey};

/// A call of a Router, as the relayer makes them; several go in one `batch`, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Advances a client.
    UpdateClient {
        /// The client on the chain written to.
        client: ClientId,
        /// The encoded update.
        update: Vec<u8>,
    },
    /// Delivers packets under one shared proof of their commitments, in the order of the proof's claims.
    ReceivePackets {
        /// The packets.
        packets: Vec<Packet>,
        /// The source's height the proof is at.
        proof_height: Height,
        /// The encoded proof.
        proof: Vec<u8>,
    },
    /// Brings acknowledgements back under one shared proof.
    AcknowledgePackets {
        /// The packets.
        packets: Vec<Packet>,
        /// The application's acknowledgement of each packet, in the same order.
        acknowledgements: Vec<Vec<u8>>,
        /// The destination's height the proof is at.
        proof_height: Height,
        /// The encoded proof.
        proof: Vec<u8>,
    },
    /// Times packets out under one shared proof that they were not received.
    TimeoutPackets {
        /// The packets.
        packets: Vec<Packet>,
        /// The destination's height the proof is at.
        proof_height: Height,
        /// The encoded proof.
        proof: Vec<u8>,
    },
    /// Freezes a client.
    SubmitMisbehaviour {
        /// The client on the chain written to.
        client: ClientId,
        /// The encoded evidence.
        evidence: Vec<u8>,
    },
    /// Writes the tombstone of a packet past its timeout, on chains where absence is shown so.
    Expire {
        /// SHA-256 of the packet's receipt path.
        receipt_slot: SlotKey,
        /// The packet's timeout.
        timeout_seconds: u64,
    },
    /// Emits the values of slots, on chains that prove transactions instead of state; at most eight.
    Notarise {
        /// The slots.
        slots: Vec<SlotKey>,
    },
}
