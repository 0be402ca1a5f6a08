// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {HashMode, OPCODE} from "../types/HashMode.sol";

/// Keccak-256 by the host's hashing mode, and the test that a host computes the hashes this protocol needs.
library Hash {
    /// No implementation of this mode exists.
    error HashModeUnsupported(uint8 mode);
    /// The host answers another hash than Keccak-256 (known answers: Keccak team, `ShortMsgKAT_256.txt`).
    error KeccakKnownAnswerMismatch(bytes32 expected, bytes32 found);
    /// The host's precompile 2 does not answer SHA-256 (known answer: FIPS 180-4 example "abc").
    error Sha256KnownAnswerMismatch(bytes32 expected, bytes32 found);

    bytes32 private constant KECCAK_OF_EMPTY = 0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470;
    bytes32 private constant KECCAK_OF_ABC = 0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45;
    bytes32 private constant SHA256_OF_ABC = 0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;

    /// @param mode The hashing mode.
    /// @param data Any bytes.
    /// @return digest Keccak-256 of `data`.
    function keccak(HashMode mode, bytes memory data) internal pure returns (bytes32 digest) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return keccakAt(mode, pointer, data.length);
    }

    /// @param mode The hashing mode.
    /// @param pointer Where the input begins in memory.
    /// @param length The input's length in bytes.
    /// @return digest Keccak-256 of those bytes.
    function keccakAt(HashMode mode, uint256 pointer, uint256 length) internal pure returns (bytes32 digest) {
        if (HashMode.unwrap(mode) != HashMode.unwrap(OPCODE)) revert HashModeUnsupported(HashMode.unwrap(mode));
        assembly ("memory-safe") {
            digest := keccak256(pointer, length)
        }
    }

    /// Reverts unless the mode computes Keccak-256 and precompile 2 computes SHA-256 on this host. For constructors.
    /// @param mode The hashing mode the contract is to use.
    function requireKnownAnswers(HashMode mode) internal view {
        // The compiler would fold the hash of a constant; it cannot know that this contract's address is not zero.
        uint256 opaqueZero;
        assembly ("memory-safe") {
            opaqueZero := iszero(address())
        }
        bytes memory input = new bytes(opaqueZero);
        bytes32 found = keccak(mode, input);
        if (found != KECCAK_OF_EMPTY) revert KeccakKnownAnswerMismatch(KECCAK_OF_EMPTY, found);
        input = new bytes(opaqueZero + 3);
        (input[0], input[1], input[2]) = ("a", "b", "c");
        found = keccak(mode, input);
        if (found != KECCAK_OF_ABC) revert KeccakKnownAnswerMismatch(KECCAK_OF_ABC, found);
        found = sha256(input);
        if (found != SHA256_OF_ABC) revert Sha256KnownAnswerMismatch(SHA256_OF_ABC, found);
    }
}
