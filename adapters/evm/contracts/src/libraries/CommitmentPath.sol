// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The paths of IBC v2, and of the tombstone. Injective: a client id has printable characters only, so that the first byte 01, 02 or 03 ends it,
/// and the sequence has a fixed width; no client id begins with 04; and `nextSequenceSend/` has a slash, which no client id has.
/// Source: ibc-go v10.3.0, modules/core/24-host/v2/packet_keys.go.
library CommitmentPath {
    /// @param sourceClient The client on the packet's source.
    /// @param sequence The packet's number.
    /// @return path Where the source keeps the packet's commitment.
    function commitment(string memory sourceClient, uint64 sequence) internal pure returns (bytes memory path) {
        return abi.encodePacked(sourceClient, hex"01", sequence);
    }

    /// @param destClient The client on the packet's destination.
    /// @param sequence The packet's number.
    /// @return path Where the destination keeps the packet receipt.
    function packetReceipt(string memory destClient, uint64 sequence) internal pure returns (bytes memory path) {
        return abi.encodePacked(destClient, hex"02", sequence);
    }

    /// @param destClient The client on the packet's destination.
    /// @param sequence The packet's number.
    /// @return path Where the destination keeps the acknowledgement's commitment.
    function acknowledgement(string memory destClient, uint64 sequence) internal pure returns (bytes memory path) {
        return abi.encodePacked(destClient, hex"03", sequence);
    }

    /// @param receiptPathHash SHA-256 of the packet receipt's path.
    /// @param timeout The packet's timeout, seconds since 1970.
    /// @return path Where the destination keeps the tombstone: 41 bytes, so that no caller can spell another path with it.
    function tombstone(bytes32 receiptPathHash, uint64 timeout) internal pure returns (bytes memory path) {
        return abi.encodePacked(hex"04", receiptPathHash, timeout);
    }

    /// @param sourceClient The client.
    /// @return path Where the number of the next packet to be sent through it is kept.
    function nextSequenceSend(string memory sourceClient) internal pure returns (bytes memory path) {
        return abi.encodePacked("nextSequenceSend/", sourceClient);
    }
}
