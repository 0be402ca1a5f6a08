// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Sha512} from "../../src/libraries/Sha512.sol";

contract Sha512Test is Test {
    function check(bytes memory data, bytes32 high, bytes32 low) internal pure {
        (bytes32 foundHigh, bytes32 foundLow) = Sha512.ofMemory(data);
        assertEq(foundHigh, high, "first half");
        assertEq(foundLow, low, "second half");
    }

    /// Source: FIPS 180-4 examples.
    function test_known_answers() public pure {
        check(
            "",
            0xcf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce,
            0x47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e
        );
        check(
            "abc",
            0xddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a,
            0x2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
        );
        check(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            0x8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018,
            0x501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909
        );
    }

    /// Memory that was used before holds anything.
    function fillFreeMemory() internal pure {
        assembly ("memory-safe") {
            let position := mload(0x40)
            for { let end := add(position, 0x3000) } lt(position, end) { position := add(position, 32) } { mstore(position, not(0)) }
        }
    }

    /// The exclusive or of the digests of a message of each length; expected: Python's hashlib.
    function test_every_length_of_padding() public pure {
        bytes32 high;
        bytes32 low;
        for (uint256 length = 0; length <= 300; length++) {
            bytes memory data = new bytes(length);
            for (uint256 i = 0; i < length; i++) data[i] = bytes1(uint8(i * 7 + length));
            fillFreeMemory();
            (bytes32 nextHigh, bytes32 nextLow) = Sha512.ofMemory(data);
            (high, low) = (high ^ nextHigh, low ^ nextLow);
        }
        assertEq(high, 0x07f616d70eb887d5649183c4a1f1ebdb5c40e9ccdb1416d62f89858c5bc54f5c, "first half");
        assertEq(low, 0x26c88514f4c01d1631463087d392548a996a02b418c8cb39a540d088b0b74bf6, "second half");
    }

    function test_gas_of_a_signature_over_120_bytes() public {
        bytes memory data = new bytes(184);
        uint256 before = gasleft();
        Sha512.ofMemory(data);
        assertGas(before - gasleft(), 75_000, "sha-512 of 184 bytes");
    }
}
