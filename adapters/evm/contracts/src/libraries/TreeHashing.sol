// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TreeHash} from "../types/TendermintParameters.sol";
import {Sha256} from "./Sha256.sol";
import {Sm3} from "./Sm3.sol";

/// The hash of a Tendermint chain's trees, and its Merkle tree: leaves 00 ‖ bytes, nodes 01 ‖ left ‖ right.
/// Source: RFC 6962, section 2.1; CometBFT v0.38.17 `crypto/merkle`.
library TreeHashing {
    /// @param hash Which.
    /// @param pointer Where the input begins in memory.
    /// @param length Its length in bytes; with SM3 it ends before the free memory pointer.
    /// @return digest The hash.
    function ofMemoryAt(TreeHash hash, uint256 pointer, uint256 length) internal view returns (bytes32 digest) {
        return hash == TreeHash.Sha256 ? Sha256.ofMemoryAt(pointer, length) : Sm3.ofMemoryAt(pointer, length);
    }

    /// The root over hashed leaves: two neighbours at a time from the left, an odd one rising as it is.
    /// @param hash Which.
    /// @param row Memory position of the hashed leaves, which are overwritten.
    /// @param count How many there are, at least one.
    /// @return root The root.
    function root(TreeHash hash, uint256 row, uint256 count) internal view returns (bytes32) {
        uint256 buffer = allocate(65);
        unchecked {
            for (; count > 1; count = (count + 1) / 2) {
                for (uint256 i = 0; i + 1 < count; i += 2) {
                    assembly ("memory-safe") {
                        let pair := add(row, shl(5, i))
                        mstore8(buffer, 1)
                        mstore(add(buffer, 1), mload(pair))
                        mstore(add(buffer, 33), mload(add(pair, 32)))
                    }
                    setWord(row, i / 2, ofMemoryAt(hash, buffer, 65));
                }
                if (count % 2 == 1) {
                    assembly ("memory-safe") {
                        mstore(add(row, shl(5, shr(1, count))), mload(add(row, shl(5, sub(count, 1)))))
                    }
                }
            }
        }
        bytes32 top;
        assembly ("memory-safe") {
            top := mload(row)
        }
        return top;
    }

    /// @param length In bytes.
    /// @return pointer Memory that nobody else uses.
    function allocate(uint256 length) internal pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := mload(0x40)
            mstore(0x40, and(add(add(pointer, length), 63), not(31)))
        }
    }

    /// Writes one word of an array of them.
    function setWord(uint256 row, uint256 index, bytes32 word) internal pure {
        assembly ("memory-safe") {
            mstore(add(row, shl(5, index)), word)
        }
    }
}
