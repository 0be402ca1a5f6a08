use crate::{ClientId, CommitmentHash, Sequence, sha256};
use alloc::{string::String, vec::Vec};

/// The greatest sum of a packet's payload values, in bytes.
///
/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/packet.go`, `MaxPayloadsSize`.
pub const MAX_PAYLOAD_BYTES: usize = 262_144;

/// What the universal error acknowledgement is the SHA-256 of.
pub const ERROR_ACKNOWLEDGEMENT_PREIMAGE: &[u8] = b"UNIVERSAL_ERROR_ACKNOWLEDGEMENT";

// Source: ibc-go v10.3.0, modules/core/04-channel/v2/types/commitment.go: both commitments start with this byte.
const COMMITMENT_VERSION: u8 = 0x02;

/// A message from an application on one chain to an application on another, as IBC v2 has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Packet {
    /// Its number on the source client.
    pub sequence: Sequence,
    /// The client on the source that follows the destination.
    pub source_client: ClientId,
    /// The client on the destination that follows the source.
    pub destination_client: ClientId,
    /// From this moment (Unix seconds, destination's time) the packet may no longer be received.
    pub timeout_seconds: u64,
    /// What is said; exactly one in this version.
    pub payloads: Vec<Payload>,
}

/// One application's part of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Payload {
    /// The port of the sending application.
    pub source_port: String,
    /// The port of the receiving application.
    pub destination_port: String,
    /// The version of the application's protocol.
    pub version: String,
    /// The encoding of `value`.
    pub encoding: String,
    /// The message itself.
    pub value: Vec<u8>,
}

/// Why a packet is not one that a chain accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// IBC v2 of today carries one payload.
    #[error("payloads: expected exactly 1, found {found}")]
    PayloadCount {
        /// The number found.
        found: usize,
    },
    /// A text of the payload is blank.
    #[error("{field}: expected a text that is not blank, found {found:?}")]
    Blank {
        /// The field's name.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// The value is empty.
    #[error("value: expected at least 1 byte, found 0")]
    EmptyValue,
    /// The values together are too long.
    #[error("value: expected at most {MAX_PAYLOAD_BYTES} bytes, found {found}")]
    ValueTooLong {
        /// The bytes found.
        found: usize,
    },
    /// The timeout is zero.
    #[error("timeout: expected seconds after 1970, found 0")]
    ZeroTimeout,
}

impl Packet {
    /// What the source stores for the packet, and a Router as its packet receipt.
    pub fn commitment(&self) -> CommitmentHash {
        packet_commitment(self)
    }

    /// Checks the rules of a packet that need no chain.
    ///
    /// # Errors
    /// The first rule broken, in the order of [`PacketError`].
    ///
    /// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/packet.go`, `ValidateBasic`.
    pub fn validate(&self) -> Result<(), PacketError> {
        if self.payloads.len() != 1 {
            return Err(PacketError::PayloadCount { found: self.payloads.len() });
        }
        let mut bytes = 0_usize;
        for payload in &self.payloads {
            for (field, text) in [
                ("source port", &payload.source_port),
                ("destination port", &payload.destination_port),
                ("version", &payload.version),
                ("encoding", &payload.encoding),
            ] {
                if text.trim().is_empty() {
                    return Err(PacketError::Blank { field, found: text.clone() });
                }
            }
            if payload.value.is_empty() {
                return Err(PacketError::EmptyValue);
            }
            bytes = bytes.saturating_add(payload.value.len());
        }
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(PacketError::ValueTooLong { found: bytes });
        }
        if self.timeout_seconds == 0 {
            return Err(PacketError::ZeroTimeout);
        }
        Ok(())
    }
}

/// SHA-256(0x02 ‖ SHA-256(destination client) ‖ SHA-256(timeout, 8 bytes) ‖ SHA-256(payload hashes)).
///
/// Every part is a hash, so the preimage has one reading. Sequence and source client are not in it: the *path* binds
/// them, so it must always be derived from the packet.
///
/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/commitment.go`, `CommitPacket`.
pub fn packet_commitment(packet: &Packet) -> CommitmentHash {
    let mut payloads = Vec::with_capacity(packet.payloads.len() * 32);
    for payload in &packet.payloads {
        payloads.extend_from_slice(&payload_hash(payload));
    }
    CommitmentHash::new(sha256(&[
        &[COMMITMENT_VERSION],
        &sha256(&[packet.destination_client.as_str().as_bytes()]),
        &sha256(&[&packet.timeout_seconds.to_be_bytes()]),
        &sha256(&[&payloads]),
    ]))
}

/// SHA-256(0x02 ‖ SHA-256(acknowledgement of each payload) …).
///
/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/commitment.go`, `CommitAcknowledgement`.
pub fn acknowledgement_commitment<A: AsRef<[u8]>>(app_acknowledgements: &[A]) -> CommitmentHash {
    let mut preimage = Vec::with_capacity(1 + app_acknowledgements.len() * 32);
    preimage.push(COMMITMENT_VERSION);
    for acknowledgement in app_acknowledgements {
        preimage.extend_from_slice(&sha256(&[acknowledgement.as_ref()]));
    }
    CommitmentHash::new(sha256(&[&preimage]))
}

/// What the destination acknowledges when the application failed.
pub fn error_acknowledgement() -> [u8; 32] {
    sha256(&[ERROR_ACKNOWLEDGEMENT_PREIMAGE])
}

fn payload_hash(payload: &Payload) -> [u8; 32] {
    sha256(&[
        &sha256(&[payload.source_port.as_bytes()]),
        &sha256(&[payload.destination_port.as_bytes()]),
        &sha256(&[payload.version.as_bytes()]),
        &sha256(&[payload.encoding.as_bytes()]),
        &sha256(&[&payload.value]),
    ])
}
