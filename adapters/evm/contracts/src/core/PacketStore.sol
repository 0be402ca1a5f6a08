// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRouter} from "../interfaces/IRouter.sol";
import {Clock} from "../libraries/Clock.sol";
import {CommitmentPath} from "../libraries/CommitmentPath.sol";
import {Sha256} from "../libraries/Sha256.sol";
import {Slots} from "../libraries/Slots.sol";

/// What counterparties prove, and the two ways to have it read: the slot itself and the notarised read.
abstract contract PacketStore is IRouter {
    /// A tombstone's value.
    bytes32 internal constant TOMBSTONE = bytes32(uint256(1));
    /// The number of a client's first packet.
    uint64 internal constant FIRST_SEQUENCE = 1;

    /// @inheritdoc IRouter
    function value(bytes32 pathHash) external view returns (bytes32 word) {
        return Slots.load(pathHash);
    }

    /// @inheritdoc IRouter
    function notarise(bytes32 pathHash) external returns (bytes32 word) {
        word = Slots.load(pathHash);
        emit Notarised(pathHash, word);
    }

    /// @inheritdoc IRouter
    function notarise(bytes32[8] calldata pathHashes) external {
        for (uint256 i = 0; i < pathHashes.length; ++i) {
            emit Notarised(pathHashes[i], Slots.load(pathHashes[i]));
        }
    }

    /// @inheritdoc IRouter
    function expire(bytes32 receiptPathHash, uint64 timeout) external {
        uint64 timeNow = Clock.timeNow();
        if (timeNow < timeout) revert ExpiryTooEarly(timeout, timeNow);
        if (Slots.load(receiptPathHash) != 0) revert PacketAlreadyReceived(receiptPathHash);
        bytes32 tombstone = _tombstoneSlot(receiptPathHash, timeout);
        Slots.store(tombstone, TOMBSTONE);
        emit Notarised(tombstone, TOMBSTONE);
    }

    function _tombstoneSlot(bytes32 receiptPathHash, uint64 timeout) internal view returns (bytes32) {
        return Sha256.ofMemory(CommitmentPath.tombstone(receiptPathHash, timeout));
    }

    /// Sets a new client's counter, so that its slot is proven present from the first block on.
    function _startSequence(string calldata client) internal {
        Slots.store(Sha256.ofMemory(CommitmentPath.nextSequenceSend(client)), bytes32(uint256(FIRST_SEQUENCE)));
    }

    /// Takes the next number of a client that exists.
    function _takeSequence(string calldata client) internal returns (uint64 sequence) {
        bytes32 slot = Sha256.ofMemory(CommitmentPath.nextSequenceSend(client));
        uint256 next = uint256(Slots.load(slot));
        if (next >= type(uint64).max) revert SequenceExhausted();
        Slots.store(slot, bytes32(next + 1));
        return uint64(next);
    }
}
