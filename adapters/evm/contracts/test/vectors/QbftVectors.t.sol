// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim, Status, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {IQbftLightClient} from "../../src/interfaces/IQbftLightClient.sol";
import {OPCODE} from "../../src/types/HashMode.sol";
import {QbftConsensusState, QbftKind, QbftParameters, TrustLevel} from "../../src/types/QbftParameters.sol";
import {Vm} from "../Vm.sol";
import {QbftHarness} from "../harness/QbftHarness.sol";
import {QbftLightClientHarness} from "../harness/QbftLightClientHarness.sol";
import {VectorRunner} from "./VectorRunner.sol";

/// The vectors of the QBFT client: headers, updates, evidence and reads. A client is put into the state that the file begins with, and gets the
/// message's bytes.
contract QbftVectorsTest is VectorRunner {
    string constant ROOT = "../../../light-clients/qbft/vectors";

    QbftHarness harness = new QbftHarness();

    function test_every_header_vector() public {
        walkFolder(string.concat(ROOT, "/header"));
    }

    function test_every_update_vector() public {
        walkFolder(string.concat(ROOT, "/update"));
    }

    function test_every_misbehaviour_vector() public {
        walkFolder(string.concat(ROOT, "/misbehaviour"));
    }

    function test_every_membership_vector() public {
        walkFolder(string.concat(ROOT, "/membership"));
    }

    /// A kind of vector in a folder of its own would be missed by the four tests above.
    function test_there_are_no_other_folders() public view {
        Vm.DirEntry[] memory entries = vm.readDir(ROOT, 1);
        uint256 folders;
        for (uint256 i = 0; i < entries.length; i++) if (entries[i].isDir) folders++;
        assertEq(folders, 5, "captures, header, update, misbehaviour, membership");
    }

    function run(string memory kind, string memory json) external override {
        vm.warp(vm.parseJsonUint(json, ".now"));
        bytes32 name = keccak256(bytes(kind));
        if (name == keccak256("header")) runHeader(json);
        else if (name == keccak256("update")) runUpdate(json);
        else if (name == keccak256("misbehaviour")) runMisbehaviour(json);
        else if (name == keccak256("membership")) runMembership(json);
        else revert Unlisted("", kind);
    }

    function runHeader(string memory json) private view {
        bytes memory input = vm.parseJsonBytes(json, ".input");
        uint8 kind = isText(json, ".client.kind", "ibft2") ? 1 : 0;
        QbftConsensusState memory trusted = stateAt(json, lastState(json));
        address[] memory members = vm.parseJsonAddressArray(json, ".trusted_validators");
        bytes memory set;
        for (uint256 i = 0; i < members.length; i++) set = bytes.concat(set, bytes20(members[i]));
        assertEq(sha256(set), trusted.setHash, "the vector's own set");
        QbftHarness.Verified memory found = harness.verifyHeader(
            kind,
            isText(json, ".client.trust_level", "one-third") ? 1 : 0,
            block.timestamp + vm.parseJsonUint(json, ".client.clock_drift"),
            trusted.time,
            set,
            input
        );
        if (!vm.keyExistsJson(json, ".expect.accept")) return;
        assertEq(found.number, vm.parseJsonUint(json, ".expect.accept.height"), "height");
        assertEq(found.time, vm.parseJsonUint(json, ".expect.accept.time"), "time");
        assertEq(found.stateRoot, vm.parseJsonBytes32(json, ".expect.accept.state_root"), "state root");
        assertEq(found.setHash, vm.parseJsonBytes32(json, ".expect.accept.set_hash"), "set hash");
        assertEq(found.blockHash, vm.parseJsonBytes32(json, ".expect.accept.hash"), "hash");
        assertEq(found.commitDigest, vm.parseJsonBytes32(json, ".expect.accept.digest"), "digest");
        address[] memory expected = vm.parseJsonAddressArray(json, ".expect.accept.signers");
        assertEq(abi.encode(harness.signers(input, kind)), abi.encode(expected), "signers");
    }

    function runUpdate(string memory json) private {
        QbftLightClientHarness client = clientOf(json);
        uint256 count = client.heightCount();
        UpdateResult result = client.update(vm.parseJsonBytes(json, ".input"));
        if (!vm.keyExistsJson(json, ".expect.accept")) return;
        if (isText(json, ".expect.accept.result", "no-op")) {
            assertTrue(result == UpdateResult.NoOp && client.heightCount() == count, "no-op");
            return;
        }
        assertTrue(result == UpdateResult.Update && isText(json, ".expect.accept.result", "update"), "update");
        uint64 height = uint64(vm.parseJsonUint(json, ".expect.accept.height"));
        bytes memory preimage = vm.parseJsonBytes(json, ".expect.accept.preimage");
        assertEq(client.consensusStateHash(height), sha256(preimage), "stored state");
        assertEq(client.heightAt(count), height, "stored height");
        (, uint64 latest, ) = client.status();
        assertEq(latest, height, "latest height");
    }

    function runMisbehaviour(string memory json) private {
        QbftLightClientHarness client = clientOf(json);
        vm.recordLogs();
        UpdateResult result = client.misbehaviour(vm.parseJsonBytes(json, ".input"));
        if (result == UpdateResult.NoOp) {
            // A frozen client refuses in Rust; here, as the interface has it, there is nothing left to do.
            assertTrue(vm.parseJsonBool(json, ".client.frozen"), "frozen before");
            revert IQbftLightClient.ClientFrozen();
        }
        (Status status, , ) = client.status();
        assertTrue(result == UpdateResult.Misbehaviour && status == Status.Frozen, "frozen");
        if (!vm.keyExistsJson(json, ".expect.accept")) return;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "one event");
        (uint64 height, bytes32 hashA, bytes32 hashB) = abi.decode(logs[0].data, (uint64, bytes32, bytes32));
        assertEq(height, vm.parseJsonUint(json, ".expect.accept.height"), "height");
        assertEq(hashA, vm.parseJsonBytes32(json, ".expect.accept.hash_a"), "first hash");
        assertEq(hashB, vm.parseJsonBytes32(json, ".expect.accept.hash_b"), "second hash");
    }

    function runMembership(string memory json) private {
        QbftLightClientHarness client = clientOf(json);
        uint256 count;
        while (vm.keyExistsJson(json, key(".claims", count, ".path"))) count++;
        Claim[] memory claims = new Claim[](count);
        for (uint256 i = 0; i < count; i++) {
            claims[i].path = vm.parseJsonBytesArray(json, key(".claims", i, ".path"));
            claims[i].value = vm.parseJsonBytes(json, key(".claims", i, ".value"));
        }
        uint64 time = client.verify(uint64(vm.parseJsonUint(json, ".height")), vm.parseJsonBytes(json, ".input"), claims);
        if (vm.keyExistsJson(json, ".expect.accept")) assertEq(time, vm.parseJsonUint(json, ".expect.accept.time"), "time");
    }

    function clientOf(string memory json) private returns (QbftLightClientHarness client) {
        QbftParameters memory settings = QbftParameters(
            isText(json, ".client.kind", "ibft2") ? QbftKind.Ibft2 : QbftKind.Qbft,
            isText(json, ".client.trust_level", "one-third") ? TrustLevel.OneThird : TrustLevel.Strict,
            vm.parseJsonAddress(json, ".client.router"),
            vm.parseJsonBytes32(json, ".client.router_code_hash"),
            uint64(vm.parseJsonUint(json, ".client.trusting_period")),
            uint64(vm.parseJsonUint(json, ".client.clock_drift"))
        );
        client = new QbftLightClientHarness(settings, heightAt(json, 0), stateAt(json, 0), OPCODE);
        for (uint256 i = 1; i <= lastState(json); i++) client.store(heightAt(json, i), stateAt(json, i));
        if (vm.parseJsonBool(json, ".client.frozen")) client.freeze();
    }

    function lastState(string memory json) private view returns (uint256 index) {
        while (vm.keyExistsJson(json, key(".trusted", index + 1, ".height"))) index++;
    }

    function heightAt(string memory json, uint256 index) private pure returns (uint64) {
        return uint64(vm.parseJsonUint(json, key(".trusted", index, ".height")));
    }

    function stateAt(string memory json, uint256 index) private pure returns (QbftConsensusState memory state) {
        bytes memory preimage = vm.parseJsonBytes(json, key(".trusted", index, ".preimage"));
        require(preimage.length == 72, "preimage of 72 bytes");
        bytes32 root;
        uint64 time;
        bytes32 setHash;
        assembly {
            root := mload(add(preimage, 32))
            time := shr(192, mload(add(preimage, 64)))
            setHash := mload(add(preimage, 72))
        }
        return QbftConsensusState(root, time, setHash);
    }

    function key(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }

    function isText(string memory json, string memory field, string memory text) private pure returns (bool) {
        return keccak256(bytes(vm.parseJsonString(json, field))) == keccak256(bytes(text));
    }
}
