// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// How protocol hashes are computed on this host: an immutable of each contract, tested by its constructor (`Hash.requireKnownAnswers`).
/// Only the opcode mode exists until a chain needs another (there the KECCAK256 opcode answers SM3).
type HashMode is uint8;

// Keccak-256 is what the KECCAK256 opcode answers.
HashMode constant OPCODE = HashMode.wrap(0);
