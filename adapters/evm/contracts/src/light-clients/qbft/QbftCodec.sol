// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {Sha256} from "../../libraries/Sha256.sol";
import {QbftConsensusState} from "../../types/QbftParameters.sol";
import {QbftExtraData} from "./QbftExtraData.sol";
import {QbftHeader} from "./QbftHeader.sol";

/// The packed messages of `IQbftLightClient`. Positions are calldata offsets: headers and nodes are read where they lie.
library QbftCodec {
    uint256 internal constant PREIMAGE_BYTES = 72;
    uint256 private constant ADDRESS_BYTES = 20;

    /// @param preimageHash SHA-256 of the first 72 bytes.
    /// @param latest What they say of the latest state.
    /// @param trusted Position of the trusted set's packed addresses.
    /// @param trustedCount How many there are.
    /// @param header Position of the header.
    /// @param end Where the message ends.
    struct Update {
        bytes32 preimageHash;
        QbftConsensusState latest;
        uint256 trusted;
        uint256 trustedCount;
        uint256 header;
        uint256 end;
    }

    /// @param header Position of a header.
    /// @param nodes Position of the nodes of its account proof.
    /// @param end Where they end.
    struct BoundHeader {
        uint256 header;
        uint256 nodes;
        uint256 end;
    }

    struct Evidence {
        uint64 lowerHeight;
        bytes32 lowerHash;
        QbftConsensusState lower;
        bool hasUpper;
        uint64 upperHeight;
        bytes32 upperHash;
        QbftConsensusState upper;
        BoundHeader first;
        BoundHeader second;
    }

    /// @param nodes Position of the first node.
    struct StateProof {
        bytes32 preimageHash;
        QbftConsensusState state;
        uint256 nodes;
        uint256 end;
    }

    function readUpdate(bytes calldata message) internal view returns (Update memory parsed) {
        (uint256 position, uint256 end) = bounds(message);
        requireBytes(PREIMAGE_BYTES + 2, position, end);
        (parsed.preimageHash, parsed.latest) = preimage(position);
        parsed.trustedCount = wordAt(position + PREIMAGE_BYTES) >> 240;
        if (parsed.trustedCount > QbftExtraData.MAX_VALIDATORS) {
            revert IQbftLightClient.TooManyValidators(QbftExtraData.MAX_VALIDATORS, parsed.trustedCount);
        }
        parsed.trusted = position + PREIMAGE_BYTES + 2;
        parsed.header = parsed.trusted + parsed.trustedCount * ADDRESS_BYTES;
        requireBytes(parsed.header - position, position, end);
        parsed.end = end;
    }

    function readEvidence(bytes calldata message) internal view returns (Evidence memory parsed) {
        (uint256 position, uint256 end) = bounds(message);
        requireBytes(8 + PREIMAGE_BYTES + 1, position, end);
        parsed.lowerHeight = uint64(wordAt(position) >> 192);
        (parsed.lowerHash, parsed.lower) = preimage(position + 8);
        position += 8 + PREIMAGE_BYTES;
        uint256 flag = wordAt(position) >> 248;
        if (flag > 1) revert IQbftLightClient.EvidenceMalformed(1, flag);
        position += 1;
        if (flag == 1) {
            requireBytes(8 + PREIMAGE_BYTES, position, end);
            parsed.hasUpper = true;
            parsed.upperHeight = uint64(wordAt(position) >> 192);
            (parsed.upperHash, parsed.upper) = preimage(position + 8);
            position += 8 + PREIMAGE_BYTES;
        }
        parsed.first = boundHeader(position, end);
        parsed.second = boundHeader(parsed.first.end, end);
        if (parsed.second.end != end) revert IQbftLightClient.EvidenceMalformed(0, end - parsed.second.end);
    }

    function readStateProof(bytes calldata message) internal view returns (StateProof memory parsed) {
        (uint256 position, uint256 end) = bounds(message);
        requireBytes(PREIMAGE_BYTES, position, end);
        (parsed.preimageHash, parsed.state) = preimage(position);
        (parsed.nodes, parsed.end) = (position + PREIMAGE_BYTES, end);
    }

    /// @return hash SHA-256 of storage root ‖ time as 8 bytes ‖ set hash: 72 bytes always, so no two states have one preimage.
    function stateHash(QbftConsensusState memory state) internal pure returns (bytes32 hash) {
        return sha256(abi.encodePacked(state.storageRoot, state.time, state.setHash));
    }

    /// @return hash SHA-256 of packed addresses in calldata.
    function hashSet(uint256 position, uint256 count) internal view returns (bytes32 hash) {
        return Sha256.ofCalldataAt(position, count * ADDRESS_BYTES);
    }

    function preimage(uint256 position) private view returns (bytes32 hash, QbftConsensusState memory state) {
        hash = Sha256.ofCalldataAt(position, PREIMAGE_BYTES);
        state.storageRoot = bytes32(wordAt(position));
        state.time = uint64(wordAt(position + 32) >> 192);
        state.setHash = bytes32(wordAt(position + 40));
    }

    function boundHeader(uint256 position, uint256 end) private pure returns (BoundHeader memory bound) {
        (, uint256 next) = QbftHeader.frame(position, end);
        requireBytes(2, next, end);
        uint256 length = wordAt(next) >> 240;
        requireBytes(length, next + 2, end);
        return BoundHeader(position, next + 2, next + 2 + length);
    }

    function bounds(bytes calldata message) private pure returns (uint256 position, uint256 end) {
        assembly ("memory-safe") {
            position := message.offset
            end := add(position, message.length)
        }
    }

    function requireBytes(uint256 length, uint256 position, uint256 end) private pure {
        if (end - position < length) revert IQbftLightClient.MessageTruncated(length, end - position);
    }

    function wordAt(uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
