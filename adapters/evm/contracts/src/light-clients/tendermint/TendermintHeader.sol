// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {TreeHash} from "../../types/TendermintParameters.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {TreeHashing} from "../../libraries/TreeHashing.sol";

/// A header: fourteen leaves as they are hashed, and what six of them say. The leaves are version, chain id, height, time, last block id, then the
/// hashes of last commit, data, validators, next validators, consensus parameters, application, last results and evidence, and the proposer's address.
/// Source: CometBFT v0.38.17 `types/block.go` (`Header.Hash`) and `types/encoding_helper.go` (`cdcEncode`); the same in 0.34 and 0.37.
library TendermintHeader {
    uint256 private constant LEAVES = 14;
    uint256 private constant CHAIN_ID = 1;
    uint256 private constant HEIGHT = 2;
    uint256 private constant TIME = 3;
    uint256 private constant VALIDATORS = 7;
    uint256 private constant NEXT_VALIDATORS = 8;
    uint256 private constant APP_HASH = 10;
    uint256 private constant NANOSECONDS = 10 ** 9;

    /// Positions are in calldata.
    /// @param leaves Where the first leaf is.
    /// @param chainId Where the chain id is.
    /// @param chainIdLength Its length in bytes, at least 1.
    /// @param height From 1 to 2^63 - 1.
    /// @param time In nanoseconds since 1970.
    /// @param setHash Of the set of this height.
    /// @param nextSetHash Of the set of the next.
    /// @param root The first 32 bytes of the application's hash.
    /// @param rootLength How many bytes that has.
    struct Header {
        uint256 leaves;
        uint256 chainId;
        uint256 chainIdLength;
        uint64 height;
        uint64 time;
        bytes32 setHash;
        bytes32 nextSetHash;
        bytes32 root;
        uint256 rootLength;
    }

    function read(Ics23.Reader memory reader) internal pure returns (Header memory header) {
        header.leaves = reader.position;
        for (uint256 leaf = 0; leaf < LEAVES; leaf++) {
            uint256 length = Ics23.take(reader, 1);
            uint256 position = Ics23.skip(reader, length);
            uint256 end = position + length;
            if (leaf == CHAIN_ID) {
                (header.chainId, header.chainIdLength) = wrappedBytes(leaf, position, end);
                if (header.chainIdLength == 0) revert ITendermintLightClient.HeaderMalformed(leaf);
            } else if (leaf == HEIGHT) {
                header.height = readHeight(position, end);
            } else if (leaf == TIME) {
                header.time = readTime(position, end);
            } else if (leaf == VALIDATORS) {
                header.setHash = readHash(leaf, position, end);
            } else if (leaf == NEXT_VALIDATORS) {
                header.nextSetHash = readHash(leaf, position, end);
            } else if (leaf == APP_HASH) {
                (position, header.rootLength) = wrappedBytes(leaf, position, end);
                header.root = wordAt(position);
            }
        }
    }

    /// @return hash The block's hash.
    function hashOf(TreeHash mode, Header memory header) internal view returns (bytes32 hash) {
        uint256 row = TreeHashing.allocate(32 * LEAVES);
        uint256 buffer = TreeHashing.allocate(256);
        uint256 position = header.leaves;
        unchecked {
            for (uint256 leaf = 0; leaf < LEAVES; leaf++) {
                uint256 length;
                assembly ("memory-safe") {
                    length := byte(0, calldataload(position))
                    mstore8(buffer, 0)
                    calldatacopy(add(buffer, 1), add(position, 1), length)
                }
                position += 1 + length;
                TreeHashing.setWord(row, leaf, TreeHashing.ofMemoryAt(mode, buffer, 1 + length));
            }
        }
        return TreeHashing.root(mode, row, LEAVES);
    }

    function readHeight(uint256 position, uint256 end) private pure returns (uint64) {
        (bool ok, uint256 height, uint256 next) = number(0x08, position, end);
        if (!ok || next != end || height == 0 || height > uint64(type(int64).max)) revert ITendermintLightClient.HeaderMalformed(HEIGHT);
        return uint64(height);
    }

    function readTime(uint256 position, uint256 end) private pure returns (uint64) {
        (bool ok, uint256 time, uint256 next) = number(0x08, position, end);
        uint256 nanoseconds;
        if (ok) (ok, nanoseconds, next) = number(0x10, next, end);
        unchecked {
            // Seconds are below 2^64: the product cannot overflow.
            time = time * NANOSECONDS + nanoseconds;
        }
        if (!ok || next != end || nanoseconds >= NANOSECONDS || time > type(uint64).max) revert ITendermintLightClient.HeaderMalformed(TIME);
        return uint64(time);
    }

    function readHash(uint256 leaf, uint256 position, uint256 end) private pure returns (bytes32) {
        uint256 length;
        (position, length) = wrappedBytes(leaf, position, end);
        if (length != 32) revert ITendermintLightClient.HeaderMalformed(leaf);
        return wordAt(position);
    }

    /// The bytes of a message with field 1 alone; no bytes are written as nothing.
    function wrappedBytes(uint256 leaf, uint256 position, uint256 end) private pure returns (uint256 start, uint256 length) {
        if (position == end) return (position, 0);
        bool ok = uint8(bytes1(wordAt(position))) == 0x0a;
        if (ok) (ok, length, start) = varint(position + 1, end);
        if (!ok || length == 0 || length != end - start) revert ITendermintLightClient.HeaderMalformed(leaf);
    }

    /// A field that is left out when it is 0.
    function number(uint256 tag, uint256 position, uint256 end) private pure returns (bool ok, uint256 value, uint256 next) {
        if (position == end || uint8(bytes1(wordAt(position))) != tag) return (true, 0, position);
        (ok, value, next) = varint(position + 1, end);
        ok = ok && value != 0;
    }

    /// A number of at most 64 bits in its shortest form.
    function varint(uint256 position, uint256 end) private pure returns (bool ok, uint256 value, uint256 next) {
        unchecked {
            for (uint256 i = 0; i < 10 && position < end; i++) {
                uint256 bits = uint8(bytes1(wordAt(position)));
                position++;
                // The tenth byte holds one bit; and no byte but the first ends a number with nothing in it.
                if ((i == 9 && bits & 0x7f > 1) || (i != 0 && bits == 0)) return (false, 0, position);
                value |= (bits & 0x7f) << (7 * i);
                if (bits < 0x80) return (true, value, position);
            }
        }
        return (false, 0, position);
    }

    function wordAt(uint256 position) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
