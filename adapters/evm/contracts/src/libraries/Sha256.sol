// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// SHA-256 by precompile 2 of bytes where they lie. The language's own function takes memory only, and copies calldata there twice: a packet's
/// payload has five parts to be hashed.
library Sha256 {
    /// The precompile did not answer: too little gas was left, or the host has none.
    error Sha256Failed();

    /// @param data Any bytes.
    /// @return digest Their SHA-256.
    function ofCalldata(bytes calldata data) internal view returns (bytes32 digest) {
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        return ofCalldataAt(position, data.length);
    }

    /// @param position Where the input begins in calldata.
    /// @param length The input's length in bytes.
    /// @return digest Their SHA-256.
    function ofCalldataAt(uint256 position, uint256 length) internal view returns (bytes32 digest) {
        uint256 buffer;
        assembly ("memory-safe") {
            // Beyond the free memory pointer, where nothing is kept.
            buffer := mload(0x40)
            calldatacopy(buffer, position, length)
        }
        return ofMemoryAt(buffer, length);
    }

    /// @param data Any bytes.
    /// @return digest Their SHA-256.
    function ofMemory(bytes memory data) internal view returns (bytes32 digest) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return ofMemoryAt(pointer, data.length);
    }

    /// @param pointer Where the input begins in memory.
    /// @param length The input's length in bytes.
    /// @return digest Their SHA-256.
    function ofMemoryAt(uint256 pointer, uint256 length) internal view returns (bytes32 digest) {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), 2, pointer, length, 0, 32)
            // An account without code answers nothing and succeeds.
            success := and(success, eq(returndatasize(), 32))
            digest := mload(0)
        }
        if (!success) revert Sha256Failed();
    }
}
