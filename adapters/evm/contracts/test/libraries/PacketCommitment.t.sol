// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {CommitmentPath} from "../../src/libraries/CommitmentPath.sol";
import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {Payload} from "../../src/types/Packet.sol";
import {Test} from "../Vm.sol";

/// Commitments, paths and acknowledgements against the vectors that ibc-go v10.3.0 computed.
contract PacketCommitmentTest is Test {
    string private constant FILE = "../../../light-clients/core/vectors/ibc-v2/packets_and_acknowledgements.json";

    string private _json;

    function setUp() public {
        _json = vm.readFile(FILE);
    }

    function hashOf(Payload calldata payload) external view returns (bytes32) {
        return PacketCommitment.ofPayload(payload);
    }

    function _at(string memory list, uint256 index, string memory member) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(index), "]", member);
    }

    /// The vectors' byte strings have no 0x.
    function _hex(string memory key) private view returns (bytes memory) {
        return vm.parseBytes(string.concat("0x", vm.parseJsonString(_json, key)));
    }

    function _payload(uint256 index, uint256 place) private view returns (Payload memory payload) {
        string memory root = string.concat(_at("packets", index, ".payloads"), "[", vm.toString(place), "]");
        payload.sourcePort = vm.parseJsonString(_json, string.concat(root, ".source_port"));
        payload.destPort = vm.parseJsonString(_json, string.concat(root, ".destination_port"));
        payload.version = vm.parseJsonString(_json, string.concat(root, ".version"));
        payload.encoding = vm.parseJsonString(_json, string.concat(root, ".encoding"));
        payload.value = _hex(string.concat(root, ".value"));
    }

    function test_commitments_and_paths_of_packets() public view {
        uint256 count = 0;
        for (; vm.keyExistsJson(_json, _at("packets", count, "")); ++count) {
            bytes memory hashes;
            uint256 place = 0;
            for (; vm.keyExistsJson(_json, string.concat(_at("packets", count, ".payloads"), "[", vm.toString(place), "]")); ++place) {
                hashes = bytes.concat(hashes, this.hashOf(_payload(count, place)));
            }
            string memory dest = vm.parseJsonString(_json, _at("packets", count, ".destination_client"));
            string memory source = vm.parseJsonString(_json, _at("packets", count, ".source_client"));
            uint64 sequence = uint64(vm.parseUint(vm.parseJsonString(_json, _at("packets", count, ".sequence"))));
            uint64 timeout = uint64(vm.parseUint(vm.parseJsonString(_json, _at("packets", count, ".timeout_timestamp"))));
            string memory name = vm.parseJsonString(_json, _at("packets", count, ".name"));
            bytes32 digest = PacketCommitment.ofPacket(sha256(bytes(dest)), timeout, hashes);
            assertEq(abi.encodePacked(digest), _hex(_at("packets", count, ".commitment")), name);
            assertEq(CommitmentPath.commitment(source, sequence), _hex(_at("packets", count, ".commitment_path")), name);
            assertEq(CommitmentPath.packetReceipt(dest, sequence), _hex(_at("packets", count, ".receipt_path")), name);
            assertEq(CommitmentPath.acknowledgement(dest, sequence), _hex(_at("packets", count, ".acknowledgement_path")), name);
        }
        assertEq(count, 18, "all packets were read");
    }

    function test_commitments_of_single_acknowledgements() public view {
        uint256 count = 0;
        uint256 single = 0;
        for (; vm.keyExistsJson(_json, _at("acknowledgements", count, "")); ++count) {
            string memory list = _at("acknowledgements", count, ".app_acknowledgements");
            if (!vm.keyExistsJson(_json, string.concat(list, "[0]")) || vm.keyExistsJson(_json, string.concat(list, "[1]"))) continue;
            bytes memory acknowledgement = _hex(string.concat(list, "[0]"));
            bytes32 digest = PacketCommitment.ofAcknowledgement(acknowledgement);
            assertEq(abi.encodePacked(digest), _hex(_at("acknowledgements", count, ".commitment")), "acknowledgement");
            ++single;
        }
        assertTrue(count == 9 && single == 5, "all acknowledgements were read");
    }

    function test_the_error_acknowledgement() public view {
        assertEq(PacketCommitment.ERROR_ACKNOWLEDGEMENT, sha256("UNIVERSAL_ERROR_ACKNOWLEDGEMENT"), "by its name");
        assertEq(abi.encodePacked(PacketCommitment.ERROR_ACKNOWLEDGEMENT), _hex(".error_acknowledgement"), "by the vector");
    }
}
