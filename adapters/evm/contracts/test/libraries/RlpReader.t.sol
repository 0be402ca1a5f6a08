// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {RlpReader} from "../../src/libraries/RlpReader.sol";

contract RlpReaderTest is Test {
    function item(bytes calldata data) external pure returns (bool isList, bytes memory payload, uint256 used) {
        (uint256 position, uint256 end) = bounds(data);
        uint256 start;
        uint256 next;
        (isList, start, next) = RlpReader.item(position, end);
        return (isList, data[start - position:next - position], next - position);
    }

    function integer(bytes calldata data, uint256 maximumBytes) external pure returns (uint256 value) {
        (uint256 position, uint256 end) = bounds(data);
        (value, position) = RlpReader.integer(position, end, maximumBytes);
        RlpReader.finish(position, end);
    }

    function listOf(bytes calldata data) external pure {
        (uint256 position, uint256 end) = bounds(data);
        RlpReader.listItem(position, end);
    }

    function bytesOf(bytes calldata data) external pure {
        (uint256 position, uint256 end) = bounds(data);
        RlpReader.bytesItem(position, end);
    }

    function bounds(bytes calldata data) internal pure returns (uint256 position, uint256 end) {
        assembly {
            position := data.offset
            end := add(position, data.length)
        }
    }

    function accept(bytes memory data, bool expectedList, bytes memory expectedPayload) internal view {
        (bool found, bytes memory payload, uint256 used) = this.item(data);
        assertTrue(found == expectedList, "kind");
        assertEq(payload, expectedPayload, "payload");
        assertEq(used, data.length, "length");
        // What follows an item does not change it.
        (found, payload, used) = this.item(bytes.concat(data, hex"ff"));
        assertTrue(found == expectedList, "kind, bytes following");
        assertEq(payload, expectedPayload, "payload, bytes following");
        // Every prefix of it is refused, whatever lies behind the end in calldata.
        for (uint256 length = 0; length < data.length; length++) {
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length; i++) cut[i] = data[i];
            (bool ok, bytes memory reason) = address(this).staticcall(abi.encodeCall(this.item, (cut)));
            assertTrue(!ok && bytes4(reason) == RlpReader.RlpTruncated.selector, "cut item");
        }
    }

    function refuse(bytes memory data, bytes memory reason) internal {
        vm.expectRevert(reason);
        this.item(data);
    }

    function test_items_in_canonical_form() public view {
        accept(hex"00", false, hex"00");
        accept(hex"7f", false, hex"7f");
        accept(hex"80", false, hex"");
        accept(hex"8180", false, hex"80");
        accept(hex"83646f67", false, "dog");
        accept(hex"c0", true, hex"");
        accept(hex"c88363617483646f67", true, hex"8363617483646f67");
        bytes memory payload = filled(55);
        accept(bytes.concat(hex"b7", payload), false, payload);
        accept(bytes.concat(hex"f7", payload), true, payload);
        payload = filled(56);
        accept(bytes.concat(hex"b838", payload), false, payload);
        accept(bytes.concat(hex"f838", payload), true, payload);
        payload = filled(256);
        accept(bytes.concat(hex"b90100", payload), false, payload);
        accept(bytes.concat(hex"f90100", payload), true, payload);
    }

    function test_other_forms_are_refused() public {
        bytes4 rule = RlpReader.RlpNotCanonical.selector;
        refuse(hex"8100", abi.encodeWithSelector(rule, 0x81));
        refuse(hex"817f", abi.encodeWithSelector(rule, 0x81));
        refuse(bytes.concat(hex"b837", filled(55)), abi.encodeWithSelector(rule, 0xb8));
        refuse(bytes.concat(hex"f837", filled(55)), abi.encodeWithSelector(rule, 0xf8));
        refuse(bytes.concat(hex"b90038", filled(56)), abi.encodeWithSelector(rule, 0xb9));
        refuse(bytes.concat(hex"f900ff", filled(255)), abi.encodeWithSelector(rule, 0xf9));
        refuse(bytes.concat(hex"fa000100", filled(256)), abi.encodeWithSelector(rule, 0xfa));
    }

    function test_lengths_of_64_bits_do_not_wrap() public {
        refuse(hex"bfffffffffffffffff", abi.encodeWithSelector(RlpReader.RlpTruncated.selector, 9 + uint256(type(uint64).max), 9));
        refuse(hex"ffffffffffffffffff", abi.encodeWithSelector(RlpReader.RlpTruncated.selector, 9 + uint256(type(uint64).max), 9));
    }

    function test_kinds_are_told_apart() public {
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpListExpected.selector, 0x80));
        this.listOf(hex"80");
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpBytesExpected.selector, 0xc0));
        this.bytesOf(hex"c0");
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpBytesExpected.selector, 0xc0));
        this.integer(hex"c0", 32);
    }

    function test_integers_have_one_form() public {
        assertEq(this.integer(hex"80", 8), 0, "zero");
        assertEq(this.integer(hex"01", 8), 1, "one");
        assertEq(this.integer(hex"8180", 8), 128, "128");
        assertEq(this.integer(hex"88ffffffffffffffff", 8), type(uint64).max, "largest");
        assertEq(this.integer(bytes.concat(hex"a0", bytes32(type(uint256).max)), 32), type(uint256).max, "largest of all");
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpIntegerNotCanonical.selector, 0));
        this.integer(hex"00", 8);
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpIntegerNotCanonical.selector, 0));
        this.integer(hex"820080", 8);
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpIntegerTooLarge.selector, 8, 9));
        this.integer(hex"89010000000000000000", 8);
        vm.expectRevert(abi.encodeWithSelector(RlpReader.RlpTrailingBytes.selector, 0, 1));
        this.integer(hex"0101", 8);
    }

    /// What is accepted is what encoding the payload gives: there is no second encoding of anything.
    function testFuzz_accepted_bytes_are_the_encoding_of_their_payload(bytes calldata data) public view {
        try this.item(data) returns (bool isList, bytes memory payload, uint256 used) {
            assertEq(data[:used], encode(isList, payload), "encoding");
        } catch (bytes memory reason) {
            bytes4 rule = bytes4(reason);
            assertTrue(rule == RlpReader.RlpTruncated.selector || rule == RlpReader.RlpNotCanonical.selector, "rule");
        }
    }

    function testFuzz_encoded_items_are_read(bytes calldata payload, bool isList) public view {
        bytes memory data = encode(isList, payload);
        (bool found, bytes memory read, uint256 used) = this.item(data);
        assertEq(read, payload, "payload");
        assertEq(used, data.length, "length");
        if (payload.length != 1 || uint8(payload[0]) > 0x7f) assertTrue(found == isList, "kind");
    }

    /// The plain rules of appendix B, written for reading.
    function encode(bool isList, bytes memory payload) internal pure returns (bytes memory) {
        if (!isList && payload.length == 1 && uint8(payload[0]) < 0x80) return payload;
        uint256 base = isList ? 0xc0 : 0x80;
        if (payload.length < 56) return bytes.concat(bytes1(uint8(base + payload.length)), payload);
        if (payload.length < 256) return bytes.concat(bytes1(uint8(base + 56)), bytes1(uint8(payload.length)), payload);
        require(payload.length < 65_536, "test data too long");
        return bytes.concat(bytes1(uint8(base + 57)), bytes2(uint16(payload.length)), payload);
    }

    function filled(uint256 length) internal pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; i++) data[i] = bytes1(uint8(i + 128));
    }
}
