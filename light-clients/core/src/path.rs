use crate::{ClientId, Sequence, SlotKey, sha256};
use alloc::vec::Vec;
use core::fmt;

/// The key under which a chain stores a packet's commitment, packet receipt or acknowledgement, before any prefix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Vec<u8>);

impl StorePath {
    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Where a Router keeps the value: the slot SHA-256(path).
    pub fn slot(&self) -> SlotKey {
        SlotKey::new(sha256(&[&self.0]))
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorePath({})", self.0.escape_ascii())
    }
}

/// Where the source keeps a packet's commitment: source client ‖ 0x01 ‖ sequence.
///
/// Source: ibc-go v10.3.0, `modules/core/24-host/v2/packet_keys.go`.
pub fn commitment_path(source_client: &ClientId, sequence: Sequence) -> StorePath {
    packet_path(source_client, 0x01, sequence)
}

/// Where the destination keeps a packet receipt: destination client ‖ 0x02 ‖ sequence.
///
/// Source: ibc-go v10.3.0, `modules/core/24-host/v2/packet_keys.go`.
pub fn receipt_path(destination_client: &ClientId, sequence: Sequence) -> StorePath {
    packet_path(destination_client, 0x02, sequence)
}

/// Where the destination keeps an acknowledgement: destination client ‖ 0x03 ‖ sequence.
///
/// Source: ibc-go v10.3.0, `modules/core/24-host/v2/packet_keys.go`.
pub fn acknowledgement_path(destination_client: &ClientId, sequence: Sequence) -> StorePath {
    packet_path(destination_client, 0x03, sequence)
}

/// Where the source keeps the number of the next packet it will send.
pub fn next_sequence_send_path(source_client: &ClientId) -> StorePath {
    let mut bytes = b"nextSequenceSend/".to_vec();
    bytes.extend_from_slice(source_client.as_str().as_bytes());
    StorePath(bytes)
}

/// Where a Router keeps the tombstone of a packet that will never be received: 0x04 ‖ SHA-256(receipt path) ‖ timeout.
///
/// The leading 0x04 and the fixed length of 41 bytes keep it apart from every other path, which starts with a
/// printable character. Timeout in seconds.
pub fn tombstone_path(receipt_path: &StorePath, timeout_seconds: u64) -> StorePath {
    let mut bytes = Vec::with_capacity(41);
    bytes.push(0x04);
    bytes.extend_from_slice(receipt_path.slot().as_bytes());
    bytes.extend_from_slice(&timeout_seconds.to_be_bytes());
    StorePath(bytes)
}

fn packet_path(client: &ClientId, kind: u8, sequence: Sequence) -> StorePath {
    let mut bytes = Vec::with_capacity(client.as_str().len() + 9);
    bytes.extend_from_slice(client.as_str().as_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&sequence.get().to_be_bytes());
    StorePath(bytes)
}
