// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Sm3} from "../../src/libraries/Sm3.sol";

contract Sm3Test is Test {
    /// Source: GB/T 32905-2016, appendix A.
    function test_known_answers() public pure {
        assertEq(Sm3.ofMemory("abc"), 0x66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0, "one block");
        assertEq(
            Sm3.ofMemory("abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd"),
            0xdebe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732,
            "two blocks"
        );
    }

    /// Memory that was used before holds anything.
    function fillFreeMemory() internal pure {
        assembly ("memory-safe") {
            let position := mload(0x40)
            for { let end := add(position, 0x3000) } lt(position, end) { position := add(position, 32) } { mstore(position, not(0)) }
        }
    }

    /// The exclusive or of the digests of a message of each length; expected: a program written from the standard.
    function test_every_length_of_padding() public pure {
        bytes32 all;
        for (uint256 length = 0; length <= 200; length++) {
            bytes memory data = new bytes(length);
            for (uint256 i = 0; i < length; i++) data[i] = bytes1(uint8(i * 7 + length));
            fillFreeMemory();
            all ^= Sm3.ofMemory(data);
        }
        assertEq(all, 0x4df8521f34b68728e4d646893cad177521c51f0d5ba91c0da7cbe75b975fa18a, "digests");
    }

    function test_gas_of_a_signed_message_of_120_bytes() public {
        bytes memory data = new bytes(152);
        uint256 before = gasleft();
        Sm3.ofMemory(data);
        assertGas(before - gasleft(), 95_000, "sm3 of 152 bytes");
    }
}
