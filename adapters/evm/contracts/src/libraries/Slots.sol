// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Reads and writes the storage slots that are named by a hash. Everything that a counterparty proves lies in such a slot, so that its place
/// depends neither on a compiler's layout nor on a host's hash opcode.
library Slots {
    /// @param slot SHA-256 of a path.
    /// @return word What lies there; 0 when nothing does.
    function load(bytes32 slot) internal view returns (bytes32 word) {
        // The language has no other way to name a slot. A read costs what SLOAD costs.
        assembly ("memory-safe") {
            word := sload(slot)
        }
    }

    /// @param slot SHA-256 of a path.
    /// @param word What is to lie there; 0 clears it.
    function store(bytes32 slot, bytes32 word) internal {
        assembly ("memory-safe") {
            sstore(slot, word)
        }
    }
}
