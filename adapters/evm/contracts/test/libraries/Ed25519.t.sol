// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Ed25519} from "../../src/libraries/Ed25519.sol";

contract Ed25519Test is Test {
    /// Signatures with the verdict of an independent implementation.
    string constant VECTORS = "test/libraries/vectors/ed25519.json";

    function verify(bytes calldata key, bytes calldata message, bytes calldata signature) external view returns (bool) {
        bytes memory room = bytes.concat(new bytes(64), message);
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(room, 96)
        }
        fillFreeMemory();
        return Ed25519.verify(pointer, message.length, bytes32(key), bytes32(signature), bytes32(signature[32:]));
    }

    /// Memory that was used before holds anything.
    function fillFreeMemory() internal pure {
        assembly ("memory-safe") {
            let position := mload(0x40)
            for { let end := add(position, 0x3000) } lt(position, end) { position := add(position, 32) } { mstore(position, not(0)) }
        }
    }

    function place(uint256 index, string memory field) internal pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "]", field);
    }

    function test_every_vector() public view {
        string memory json = vm.readFile(VECTORS);
        uint256 valid;
        uint256 index;
        for (; vm.keyExistsJson(json, place(index, ".key")); index++) {
            bool expected = vm.parseJsonBool(json, place(index, ".valid"));
            bool found = this.verify(
                vm.parseJsonBytes(json, place(index, ".key")),
                vm.parseJsonBytes(json, place(index, ".message")),
                vm.parseJsonBytes(json, place(index, ".signature"))
            );
            assertTrue(found == expected, vm.parseJsonString(json, place(index, ".name")));
            if (expected) valid++;
        }
        assertTrue(valid >= 196 && index > valid + 100, "vectors of both verdicts");
    }

    function test_every_y_below_64_is_on_the_curve_or_not() public view {
        string memory json = vm.readFile(VECTORS);
        bytes[] memory encodings = vm.parseJsonBytesArray(json, ".not_on_the_curve");
        for (uint256 i = 0; i < encodings.length; i++) {
            (bool decoded,,) = Ed25519.decode(bytes32(encodings[i]));
            assertTrue(!decoded, "no point");
        }
        uint256 count = encodings.length;
        encodings = vm.parseJsonBytesArray(json, ".on_the_curve");
        for (uint256 i = 0; i < encodings.length; i++) {
            (bool decoded, uint256 x, uint256 y) = Ed25519.decode(bytes32(encodings[i]));
            assertTrue(decoded && y == uint8(encodings[i][0]) && x % 2 == 0, "a point");
        }
        assertEq(count + encodings.length, 64, "all of them");
    }

    function test_gas_of_a_message_of_120_bytes() public {
        string memory json = vm.readFile(VECTORS);
        // Ordinary keys: after those of RFC 8032 and of small order.
        uint256 highest;
        for (uint256 index = 200; index < 208; index++) {
            bytes memory message = vm.parseJsonBytes(json, place(index, ".message"));
            assertEq(message.length, 120, "length");
            bytes memory room = bytes.concat(new bytes(64), message);
            bytes memory key = vm.parseJsonBytes(json, place(index, ".key"));
            bytes memory signature = vm.parseJsonBytes(json, place(index, ".signature"));
            uint256 pointer;
            bytes32 s;
            assembly ("memory-safe") {
                pointer := add(room, 96)
                s := mload(add(signature, 64))
            }
            uint256 before = gasleft();
            bool valid = Ed25519.verify(pointer, 120, bytes32(key), bytes32(signature), s);
            uint256 used = before - gasleft();
            assertTrue(valid, "valid");
            if (used > highest) highest = used;
        }
        assertGas(highest, 300_000, "ed25519, message of 120 bytes");
    }
}
