// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../interfaces/ILightClient.sol";
import {HashMode} from "../types/HashMode.sol";
import {Hash} from "./Hash.sol";
import {MerklePatriciaProof} from "./MerklePatriciaProof.sol";
import {RlpReader} from "./RlpReader.sol";
import {Sha256} from "./Sha256.sol";

/// What a storage root says of a contract's slots. A Router keeps a path's value in the slot SHA-256(path); a slot that holds zero is absent.
/// Source: Ethereum Yellow Paper, 4.1: RLP of the value without leading zeros at keccak(slot).
library StorageProof {
    /// One call proves no more claims than this; a batch of packets is far smaller.
    uint256 internal constant MAX_CLAIMS = 256;

    error ClaimsEmpty();
    error TooManyClaims(uint256 maximum, uint256 found);
    /// Claim `index` names a value that no slot can show: not 32 bytes, or zero (then `found` is 0).
    error ClaimValueMalformed(uint256 index, uint256 expectedBytes, uint256 foundBytes);
    /// Claim `index` has a path of several elements: a contract's storage is one trie.
    error PathMalformed(uint256 index, uint256 expectedElements, uint256 foundElements);
    /// The slot holds another value than claimed.
    error ValueMismatch(bytes32 slot, bytes32 expected, bytes32 found);
    /// The slot is said to hold a value and holds none.
    error ValueAbsent(bytes32 slot, bytes32 expected);
    /// The slot is said to hold nothing and holds a value.
    error ValuePresent(bytes32 slot, bytes32 found);
    /// The slot's value is not the RLP of an integer from 1 to 2^256 - 1.
    error ValueNotCanonical(bytes32 slot);

    /// Verifies all claims under one shared proof.
    /// @param mode Hashing mode of the host.
    /// @param storageRoot Root of the storage trie.
    /// @param position Calldata position of the first node.
    /// @param end Where the nodes end.
    /// @param claims What is claimed; the order of the nodes follows theirs.
    function verify(HashMode mode, bytes32 storageRoot, uint256 position, uint256 end, Claim[] calldata claims) internal view {
        requireCount(claims.length);
        MerklePatriciaProof.Proof memory proof = MerklePatriciaProof.begin(mode, storageRoot, position, end);
        for (uint256 index = 0; index < claims.length; index++) {
            Claim calldata claim = claims[index];
            bytes[] calldata path = claim.path;
            if (path.length != 1) revert PathMalformed(index, 1, path.length);
            verifySlot(proof, slotOf(path[0]), claimedValue(index, claim.value));
        }
        MerklePatriciaProof.finish(proof);
    }

    /// @param count How many claims one proof is to show.
    function requireCount(uint256 count) internal pure {
        if (count == 0) revert ClaimsEmpty();
        if (count > MAX_CLAIMS) revert TooManyClaims(MAX_CLAIMS, count);
    }

    /// @param index Which claim.
    /// @param value What it says lies at its path.
    /// @return expected The same as a word, zero for absence.
    function claimedValue(uint256 index, bytes calldata value) internal pure returns (bytes32 expected) {
        if (value.length == 0) return 0;
        if (value.length != 32) revert ClaimValueMalformed(index, 32, value.length);
        expected = bytes32(value);
        if (expected == 0) revert ClaimValueMalformed(index, 32, 0);
    }

    /// Verifies that a slot holds `expected`, or nothing when that is zero.
    /// @param proof A proof begun under the storage root.
    /// @param slot The slot's number.
    /// @param expected Its value.
    function verifySlot(MerklePatriciaProof.Proof memory proof, bytes32 slot, bytes32 expected) internal pure {
        bytes32 key;
        assembly ("memory-safe") {
            mstore(0, slot)
        }
        key = Hash.keccakAt(proof.mode, 0, 32);
        (bool present, uint256 start, uint256 end) = MerklePatriciaProof.walk(proof, uint256(key));
        if (!present) {
            if (expected != 0) revert ValueAbsent(slot, expected);
            return;
        }
        (RlpReader.Fault fault, uint256 value, uint256 next) = RlpReader.tryInteger(start, end, 32);
        if (fault != RlpReader.Fault.None || next != end || value == 0) revert ValueNotCanonical(slot);
        if (expected == 0) revert ValuePresent(slot, bytes32(value));
        if (value != uint256(expected)) revert ValueMismatch(slot, expected, bytes32(value));
    }

    /// @param path A store path.
    /// @return slot SHA-256 of the path.
    function slotOf(bytes calldata path) internal view returns (bytes32 slot) {
        return Sha256.ofCalldata(path);
    }
}
