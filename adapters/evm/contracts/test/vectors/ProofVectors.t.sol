// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AccountProof} from "../../src/libraries/AccountProof.sol";
import {QbftHarness} from "../harness/QbftHarness.sol";
import {VectorRunner} from "./VectorRunner.sol";

/// The vectors of the proof schemes: accounts, and slots under shared proofs.
contract ProofVectorsTest is VectorRunner {
    QbftHarness harness = new QbftHarness();

    function test_every_vector_of_the_proof_schemes() public {
        walkFolder("../../../light-clients/proofs/vectors");
    }

    function run(string memory kind, string memory json) external view override {
        bytes32 root = vm.parseJsonBytes32(json, ".root");
        bytes memory nodes = vm.parseJsonBytes(json, ".input");
        if (keccak256(bytes(kind)) == keccak256("account")) runAccount(json, root, nodes);
        else if (keccak256(bytes(kind)) == keccak256("mpt")) runSlots(json, root, nodes);
        else revert Unlisted("", kind);
    }

    function runAccount(string memory json, bytes32 root, bytes memory nodes) private view {
        address account = vm.parseJsonAddress(json, ".address");
        try harness.verifyAccount(root, account, nodes) returns (bytes32 storageRoot, bytes32 codeHash) {
            if (!vm.keyExistsJson(json, ".expect.accept")) return;
            assertEq(storageRoot, vm.parseJsonBytes32(json, ".expect.accept.storage_root"), "storage root");
            assertEq(codeHash, vm.parseJsonBytes32(json, ".expect.accept.code_hash"), "code hash");
        } catch (bytes memory reason) {
            // What is proven absent is an answer to Rust's question and an error here, where a Router is wanted.
            if (bytes4(reason) == AccountProof.AccountAbsent.selector && vm.keyExistsJson(json, ".expect.accept.absent")) return;
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
    }

    function runSlots(string memory json, bytes32 root, bytes memory nodes) private view {
        uint256 count;
        while (vm.keyExistsJson(json, key(count, ".slot"))) count++;
        bytes32[] memory slots = new bytes32[](count);
        bytes[] memory values = new bytes[](count);
        for (uint256 i = 0; i < count; i++) {
            slots[i] = vm.parseJsonBytes32(json, key(i, ".slot"));
            values[i] = vm.parseJsonBytes(json, key(i, ".value"));
        }
        harness.verifySlots(root, nodes, slots, values);
    }

    function key(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".claims[", vm.toString(index), "]", field);
    }
}
