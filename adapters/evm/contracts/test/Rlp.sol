// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// RLP encoding in memory, written for reading: the tests' own, so that the reader is not tested against itself.
library Rlp {
    function encode(bytes memory payload) internal pure returns (bytes memory) {
        if (payload.length == 1 && uint8(payload[0]) < 0x80) return payload;
        return bytes.concat(head(0x80, payload.length), payload);
    }

    function encode(uint256 number) internal pure returns (bytes memory) {
        bytes memory digits;
        for (; number != 0; number >>= 8) digits = bytes.concat(bytes1(uint8(number)), digits);
        return encode(digits);
    }

    function encode(bytes32 word) internal pure returns (bytes memory) {
        return bytes.concat(hex"a0", word);
    }

    function encode(address account) internal pure returns (bytes memory) {
        return bytes.concat(hex"94", bytes20(account));
    }

    function list(bytes memory items) internal pure returns (bytes memory) {
        return bytes.concat(head(0xc0, items.length), items);
    }

    function head(uint256 base, uint256 length) internal pure returns (bytes memory) {
        if (length < 56) return abi.encodePacked(uint8(base + length));
        if (length < 256) return abi.encodePacked(uint8(base + 56), uint8(length));
        if (length < 65_536) return abi.encodePacked(uint8(base + 57), uint16(length));
        return abi.encodePacked(uint8(base + 58), uint24(length));
    }
}
