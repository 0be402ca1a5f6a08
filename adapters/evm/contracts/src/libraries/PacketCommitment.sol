// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Payload} from "../types/Packet.sol";
import {Sha256} from "./Sha256.sol";

/// Commitments of packets and acknowledgements, byte for byte those of ibc-go. Injective: every part is hashed to 32 bytes before it is
/// joined, so that each preimage has a fixed shape.
/// Source: ibc-go v10.3.0, modules/core/04-channel/v2/types/commitment.go.
library PacketCommitment {
    /// SHA-256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"): the acknowledgement of a packet whose application failed.
    bytes32 internal constant ERROR_ACKNOWLEDGEMENT = 0x4774d4a575993f963b1c06573736617a457abef8589178db8d10c94b4ab511ab;

    /// The commitment leaves out the sequence and the source client: the path binds them.
    /// @param destClientHash SHA-256 of the destination client's id.
    /// @param timeoutTimestamp Seconds since 1970.
    /// @param payloadHashes The hashes of the payloads one after another; 32 bytes for the one payload of today's packets.
    /// @return digest What the source stores.
    function ofPacket(bytes32 destClientHash, uint64 timeoutTimestamp, bytes memory payloadHashes) internal view returns (bytes32 digest) {
        return Sha256.ofMemory(abi.encodePacked(hex"02", destClientHash, Sha256.ofMemory(abi.encodePacked(timeoutTimestamp)), Sha256.ofMemory(payloadHashes)));
    }

    /// @param payload One payload.
    /// @return digest Its hash.
    function ofPayload(Payload calldata payload) internal view returns (bytes32 digest) {
        return Sha256.ofMemory(
            abi.encodePacked(
                Sha256.ofCalldata(bytes(payload.sourcePort)),
                Sha256.ofCalldata(bytes(payload.destPort)),
                Sha256.ofCalldata(bytes(payload.version)),
                Sha256.ofCalldata(bytes(payload.encoding)),
                Sha256.ofCalldata(payload.value)
            )
        );
    }

    /// @param acknowledgement The one application acknowledgement.
    /// @return digest What the destination stores.
    function ofAcknowledgement(bytes memory acknowledgement) internal view returns (bytes32 digest) {
        return Sha256.ofMemory(abi.encodePacked(hex"02", Sha256.ofMemory(acknowledgement)));
    }
}
