// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Sm2} from "../../src/libraries/Sm2.sol";

contract Sm2Test is Test {
    /// Signatures with the verdict of an independent implementation.
    string constant VECTORS = "test/libraries/vectors/sm2.json";

    function verify(bytes calldata id, bytes calldata key, bytes calldata message, bytes calldata signature) external view returns (bool) {
        uint256 x = uint256(bytes32(key[1:]));
        (bool decoded, uint256 y) = Sm2.decompress(uint8(key[0]), x);
        if (!decoded) return false;
        fillFreeMemory();
        bytes32 userHash = Sm2.userHash(id, x, y);
        bytes memory room = bytes.concat(new bytes(32), message);
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(room, 64)
        }
        fillFreeMemory();
        return Sm2.verify(pointer, message.length, userHash, x, y, uint256(bytes32(signature)), uint256(bytes32(signature[32:])));
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
                vm.parseJsonBytes(json, place(index, ".id")),
                vm.parseJsonBytes(json, place(index, ".key")),
                vm.parseJsonBytes(json, place(index, ".message")),
                vm.parseJsonBytes(json, place(index, ".signature"))
            );
            assertTrue(found == expected, vm.parseJsonString(json, place(index, ".name")));
            if (expected) valid++;
        }
        assertTrue(valid > 100 && index > valid + 40, "vectors of both verdicts");
    }

    function test_every_x_below_48_is_on_the_curve_or_not() public view {
        string memory json = vm.readFile(VECTORS);
        bytes[] memory all = vm.parseJsonBytesArray(json, ".x_not_on_the_curve");
        for (uint256 i = 0; i < all.length; i++) {
            (bool decoded,) = Sm2.decompress(2, uint256(bytes32(all[i])));
            assertTrue(!decoded, "no point");
        }
        uint256 count = all.length;
        all = vm.parseJsonBytesArray(json, ".x_on_the_curve");
        for (uint256 i = 0; i < all.length; i++) {
            (bool even, uint256 y) = Sm2.decompress(2, uint256(bytes32(all[i])));
            (bool odd, uint256 opposite) = Sm2.decompress(3, uint256(bytes32(all[i])));
            assertTrue(even && odd && y % 2 == 0 && y + opposite == Sm2.P, "two points");
            (bool decoded,) = Sm2.decompress(2, uint256(bytes32(all[i])) + Sm2.P);
            assertTrue(!decoded, "two spellings of one point");
        }
        assertEq(count + all.length, 48, "all of them");
    }

    /// A message of seven bytes under a Z that belongs to nobody: with that, keys can be found for chosen signatures.
    function isValid(uint256 x, uint256 y, uint256 r, uint256 s) private view returns (bool) {
        bytes memory room = bytes.concat(new bytes(32), "message");
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(room, 64)
        }
        return Sm2.verify(pointer, 7, "any", x, y, r, s);
    }

    function test_a_scalar_of_the_order_or_more_is_refused_though_it_means_the_same() public view {
        uint256 x = 0x72e9d91d96e457d740a3e2ee18f598a77e21ff125d70da6d2eca86773c5c0e51;
        uint256 y = 0xe9c67cf40deda43abbd6b6b68df1948f5170379a94af38ff031d4f4ff224ceff;
        assertTrue(isValid(x, y, 9, 7), "as it should be");
        assertTrue(!isValid(x, y, Sm2.N + 9, 7), "r + N");
        assertTrue(!isValid(x, y, 9, Sm2.N + 7), "s + N");
    }

    function test_a_coordinate_that_is_not_below_the_order_counts_by_its_remainder() public view {
        uint256 x = 0xca82824bfe8a9ea571efba17803bf0cea341df5af7a66c8f04d21f8d9d3baf4d;
        uint256 y = 0xac67723fc649240f7d2061c926cadcbe4500f38a3b6cb91b8b82f40b5e5f829f;
        uint256 r = 0x9b46a656bf35d55df4b34f270d82b899a3a2e9a1dd886fadd36ed4253e8cc9f0;
        assertTrue(isValid(x, y, r, 7), "x = r - e + N");
        assertTrue(!isValid(x, y, r + 1, 7), "another r");
    }

    function test_gas_of_a_vote_of_120_bytes() public {
        string memory json = vm.readFile(VECTORS);
        uint256 highest;
        for (uint256 index = 1; index < 7; index++) {
            bytes memory message = vm.parseJsonBytes(json, place(index, ".message"));
            assertEq(message.length, 120, "length");
            bytes memory key = vm.parseJsonBytes(json, place(index, ".key"));
            bytes memory signature = vm.parseJsonBytes(json, place(index, ".signature"));
            bytes memory room = bytes.concat(new bytes(32), message);
            bytes memory id = vm.parseJsonBytes(json, place(index, ".id"));
            uint256 used = measure(id, key, signature, room);
            if (used > highest) highest = used;
        }
        assertGas(highest, 300_000, "sm2, vote of 120 bytes, key to be decompressed, Z known");
    }

    function measure(bytes memory id, bytes memory key, bytes memory signature, bytes memory room) private returns (uint256 used) {
        uint256 pointer;
        uint256 x;
        uint256 r;
        uint256 s;
        assembly ("memory-safe") {
            pointer := add(room, 64)
            x := mload(add(key, 33))
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        (, uint256 y) = Sm2.decompress(uint8(key[0]), x);
        bytes32 userHash = Sm2.userHash(id, x, y);
        uint256 before = gasleft();
        (, y) = Sm2.decompress(uint8(key[0]), x);
        bool valid = Sm2.verify(pointer, room.length - 32, userHash, x, y, r, s);
        used = before - gasleft();
        assertTrue(valid, "valid");
    }
}
