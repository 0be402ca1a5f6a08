// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {Sha256} from "../../libraries/Sha256.sol";
import {TendermintConsensusState} from "../../types/TendermintParameters.sol";
import {TendermintHeader} from "./TendermintHeader.sol";
import {TendermintSets} from "./TendermintSets.sol";
import {TendermintVotes} from "./TendermintVotes.sol";

/// The packed messages of `ITendermintLightClient`.
library TendermintCodec {
    uint256 private constant PREIMAGE_BYTES = 72;

    /// A state that a message names.
    /// @param hash SHA-256 of its preimage.
    struct StateAt {
        uint64 height;
        bytes32 hash;
        TendermintConsensusState state;
    }

    /// @param trusted What the update says of the latest state; without its height.
    /// @param trustedSet None when its count is 0.
    struct Update {
        StateAt trusted;
        TendermintSets.Set trustedSet;
        TendermintHeader.Header header;
        TendermintVotes.Commit commit;
    }

    struct Certified {
        TendermintHeader.Header header;
        TendermintVotes.Commit commit;
    }

    struct Evidence {
        StateAt lower;
        bool hasUpper;
        StateAt upper;
        Certified first;
        Certified second;
    }

    function readUpdate(bytes calldata message) internal view returns (Update memory update) {
        Ics23.Reader memory reader = begin(message);
        update.trusted = readState(reader);
        update.trustedSet = TendermintSets.read(reader);
        (update.header, update.commit) = readCertified(reader);
        finish(reader);
    }

    function readEvidence(bytes calldata message) internal view returns (Evidence memory evidence) {
        Ics23.Reader memory reader = begin(message);
        uint64 height = uint64(Ics23.take(reader, 8));
        evidence.lower = readState(reader);
        evidence.lower.height = height;
        uint256 flag = Ics23.take(reader, 1);
        if (flag > 1) revert ITendermintLightClient.EvidenceMalformed(1, flag);
        if (flag == 1) {
            evidence.hasUpper = true;
            height = uint64(Ics23.take(reader, 8));
            evidence.upper = readState(reader);
            evidence.upper.height = height;
        }
        (evidence.first.header, evidence.first.commit) = readCertified(reader);
        (evidence.second.header, evidence.second.commit) = readCertified(reader);
        finish(reader);
    }

    /// Calldata is read from its front.
    function begin(bytes calldata message) internal pure returns (Ics23.Reader memory reader) {
        assembly ("memory-safe") {
            mstore(reader, message.offset)
            mstore(add(reader, 32), add(message.offset, message.length))
        }
    }

    function finish(Ics23.Reader memory reader) internal pure {
        if (reader.position != reader.end) revert ITendermintLightClient.MessageTrailing(reader.end - reader.position);
    }

    function readState(Ics23.Reader memory reader) internal view returns (StateAt memory named) {
        uint256 position = reader.position;
        named.state.root = bytes32(Ics23.take(reader, 32));
        named.state.time = uint64(Ics23.take(reader, 8));
        named.state.nextSetHash = bytes32(Ics23.take(reader, 32));
        named.hash = Sha256.ofCalldataAt(position, PREIMAGE_BYTES);
    }

    /// @return hash SHA-256 of root ‖ time as 8 bytes ‖ hash of the next set: 72 bytes always, so no two states have one preimage.
    function stateHash(TendermintConsensusState memory state) internal pure returns (bytes32 hash) {
        return sha256(abi.encodePacked(state.root, state.time, state.nextSetHash));
    }

    function readCertified(Ics23.Reader memory reader)
        private
        pure
        returns (TendermintHeader.Header memory header, TendermintVotes.Commit memory commit)
    {
        header = TendermintHeader.read(reader);
        commit = TendermintVotes.read(reader);
    }
}
