// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../../src/interfaces/ILightClient.sol";
import {AccountProof} from "../../src/libraries/AccountProof.sol";
import {MerklePatriciaProof} from "../../src/libraries/MerklePatriciaProof.sol";
import {RlpReader} from "../../src/libraries/RlpReader.sol";
import {StorageProof} from "../../src/libraries/StorageProof.sol";
import {OPCODE} from "../../src/types/HashMode.sol";
import {QbftKind, TrustLevel} from "../../src/types/QbftParameters.sol";
import {QbftHeader} from "../../src/light-clients/qbft/QbftHeader.sol";
import {QbftSeals} from "../../src/light-clients/qbft/QbftSeals.sol";
import {QbftVerifier} from "../../src/light-clients/qbft/QbftVerifier.sol";

/// The libraries of the QBFT client as separate functions, so that a vector can be put to one rule at a time. Never deployed by an operator.
/// Each reverts with the error of the broken rule.
contract QbftHarness {
    /// What a verified header says.
    struct Verified {
        uint64 number;
        uint64 time;
        bytes32 stateRoot;
        bytes32 setHash;
        bytes32 blockHash;
        bytes32 commitDigest;
    }

    /// Reads a header (nothing may follow it) and checks it against what is trusted: time, constants, sets, seals. No proof, no height.
    /// @param kind 0 QBFT, 1 IBFT 2.0.
    /// @param trustLevel 0 strict, 1 more than one third.
    /// @param latestTime The last second that the header's time may name: now and the drift.
    /// @param trustedTime Time of the trusted state.
    /// @param trustedSet The trusted set's addresses, 20 bytes each; they count as given only when the header lists another set.
    /// @param header RLP of the header.
    function verifyHeader(uint8 kind, uint8 trustLevel, uint256 latestTime, uint64 trustedTime, bytes calldata trustedSet, bytes calldata header)
        external
        view
        returns (Verified memory verified)
    {
        QbftHeader.Header memory read = readAll(kind, header);
        QbftVerifier.Trusted memory trusted;
        (trusted.time, trusted.setHash) = (trustedTime, sha256(trustedSet));
        (trusted.addresses, ) = bounds(trustedSet);
        trusted.count = trusted.setHash == read.extra.setHash ? 0 : trustedSet.length / 20;
        QbftVerifier.verifyTransition(QbftVerifier.Settings(OPCODE, QbftKind(kind), TrustLevel(trustLevel), latestTime), read, trusted);
        bytes32 hash = QbftHeader.blockHash(OPCODE, QbftKind(kind), read);
        bytes32 digest = QbftHeader.commitDigest(OPCODE, QbftKind(kind), read);
        return Verified(uint64(read.number), uint64(read.time), read.stateRoot, read.extra.setHash, hash, digest);
    }

    /// Two headers as evidence under a set: no stored states, only seals and hashes.
    function verifyConflict(uint8 kind, bytes32 setHash, bytes calldata headerA, bytes calldata headerB) external view returns (bytes32 hashA, bytes32 hashB) {
        QbftHeader.Header memory a = readAll(kind, headerA);
        QbftHeader.Header memory b = readAll(kind, headerB);
        (hashA, hashB) = QbftVerifier.verifyTwoBlocks(OPCODE, QbftKind(kind), a, b);
        QbftVerifier.verifyBothSealed(OPCODE, QbftKind(kind), a, b, setHash);
    }

    function blockHash(bytes calldata header, uint8 kind) external view returns (bytes32) {
        return QbftHeader.blockHash(OPCODE, QbftKind(kind), readAll(kind, header));
    }

    function commitDigest(bytes calldata header, uint8 kind) external view returns (bytes32) {
        return QbftHeader.commitDigest(OPCODE, QbftKind(kind), readAll(kind, header));
    }

    /// @return The signers in the order of the seals, each checked to be another member of the set that the header lists.
    function signers(bytes calldata header, uint8 kind) external view returns (address[] memory) {
        QbftHeader.Header memory read = readAll(kind, header);
        bytes32 digest = QbftHeader.commitDigest(OPCODE, QbftKind(kind), read);
        (uint256 count, ) = QbftSeals.verify(digest, read.extra, read.extra.validators, read.extra.validatorCount, 0, 0);
        address[] memory found = new address[](count);
        uint256 position = read.extra.sealsStart;
        for (uint256 index = 0; index < count; index++) {
            (found[index], position) = QbftSeals.recover(digest, index, position, read.extra.sealsEnd);
        }
        return found;
    }

    /// @return storageRoot The account's storage root.
    /// @return codeHash The account's code hash.
    function verifyAccount(bytes32 stateRoot, address account, bytes calldata nodes) external pure returns (bytes32 storageRoot, bytes32 codeHash) {
        (uint256 position, uint256 end) = bounds(nodes);
        return AccountProof.read(OPCODE, stateRoot, account, position, end);
    }

    /// Claims of paths, each at the slot SHA-256(path).
    function verifyMembership(bytes32 root, bytes calldata nodes, Claim[] calldata claims) external view {
        (uint256 position, uint256 end) = bounds(nodes);
        StorageProof.verify(OPCODE, root, position, end, claims);
    }

    /// Claims of slots by number; an empty value claims absence.
    function verifySlots(bytes32 root, bytes calldata nodes, bytes32[] calldata slots, bytes[] calldata values) external pure {
        StorageProof.requireCount(slots.length);
        (uint256 position, uint256 end) = bounds(nodes);
        MerklePatriciaProof.Proof memory proof = MerklePatriciaProof.begin(OPCODE, root, position, end);
        for (uint256 index = 0; index < slots.length; index++) {
            StorageProof.verifySlot(proof, slots[index], StorageProof.claimedValue(index, values[index]));
        }
        MerklePatriciaProof.finish(proof);
    }

    /// One RLP item that fills the bytes.
    function rlpItem(bytes calldata data) external pure returns (bool list, bytes memory payload) {
        (uint256 position, uint256 end) = bounds(data);
        uint256 start;
        uint256 next;
        (list, start, next) = RlpReader.item(position, end);
        RlpReader.finish(next, end);
        return (list, data[start - position:next - position]);
    }

    function readAll(uint8 kind, bytes calldata header) private view returns (QbftHeader.Header memory read) {
        (uint256 position, uint256 end) = bounds(header);
        read = QbftHeader.read(QbftKind(kind), position, end);
        RlpReader.finish(read.end, end);
    }

    function bounds(bytes calldata data) private pure returns (uint256 position, uint256 end) {
        assembly {
            position := data.offset
            end := add(position, data.length)
        }
    }
}
