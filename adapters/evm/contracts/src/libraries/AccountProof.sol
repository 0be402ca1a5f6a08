// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {HashMode} from "../types/HashMode.sol";
import {Hash} from "./Hash.sol";
import {MerklePatriciaProof} from "./MerklePatriciaProof.sol";
import {RlpReader} from "./RlpReader.sol";

/// What a state root says of one account.
/// Source: Ethereum Yellow Paper, 4.1: RLP[nonce, balance, storage root, code hash] at keccak(address).
library AccountProof {
    /// The state has no such account.
    error AccountAbsent(address account);
    /// The account's value is not RLP[nonce, balance, storage root, code hash]; `field` 4 is what follows.
    error AccountMalformed(uint256 field);

    uint256 private constant HASH_HEAD = 0xa0;

    /// Reads an account proven by the nodes at `position`, all of which must be used.
    /// @param mode Hashing mode of the host.
    /// @param stateRoot Root of the state trie.
    /// @param account Whose entry.
    /// @param position Calldata position of the first node.
    /// @param end Where the nodes end.
    /// @return storageRoot Root of the account's storage trie.
    /// @return codeHash Keccak-256 of its code.
    function read(HashMode mode, bytes32 stateRoot, address account, uint256 position, uint256 end)
        internal
        pure
        returns (bytes32 storageRoot, bytes32 codeHash)
    {
        MerklePatriciaProof.Proof memory proof = MerklePatriciaProof.begin(mode, stateRoot, position, end);
        bytes32 key;
        assembly ("memory-safe") {
            mstore(0, shl(96, account))
        }
        key = Hash.keccakAt(mode, 0, 20);
        (bool present, uint256 start, uint256 valueEnd) = MerklePatriciaProof.walk(proof, uint256(key));
        MerklePatriciaProof.finish(proof);
        if (!present) revert AccountAbsent(account);
        return decode(start, valueEnd);
    }

    function decode(uint256 position, uint256 end) private pure returns (bytes32 storageRoot, bytes32 codeHash) {
        (RlpReader.Fault fault, bool isList, uint256 start, uint256 next) = RlpReader.tryItem(position, end);
        if (fault != RlpReader.Fault.None || !isList || next != end) revert AccountMalformed(4);
        (fault, , position) = RlpReader.tryInteger(start, end, 8);
        if (fault != RlpReader.Fault.None) revert AccountMalformed(0);
        (fault, , position) = RlpReader.tryInteger(position, end, 32);
        if (fault != RlpReader.Fault.None) revert AccountMalformed(1);
        if (position + 66 != end) revert AccountMalformed(4);
        if (RlpReader.headAt(position) != HASH_HEAD) revert AccountMalformed(2);
        if (RlpReader.headAt(position + 33) != HASH_HEAD) revert AccountMalformed(3);
        assembly ("memory-safe") {
            storageRoot := calldataload(add(position, 1))
            codeHash := calldataload(add(position, 34))
        }
    }
}
