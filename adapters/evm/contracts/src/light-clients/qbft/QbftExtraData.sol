// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {RlpReader} from "../../libraries/RlpReader.sol";
import {Sha256} from "../../libraries/Sha256.sol";
import {QbftKind} from "../../types/QbftParameters.sol";

/// The extra data of a header: RLP[vanity, [validators], vote, round, [seals]]. The two kinds differ in the vote's and the round's encoding.
/// Source: Besu `QbftExtraDataCodec` and `IbftExtraDataCodec`.
library QbftExtraData {
    /// A signer's place in the set is a bit of one word.
    uint256 internal constant MAX_VALIDATORS = 256;

    uint256 private constant VANITY_HEAD = 0xa0;
    uint256 private constant ADDRESS_HEAD = 0x94;
    uint256 private constant ADDRESS_ITEM_BYTES = 21;
    uint256 private constant MAX_ROUND_BYTES = 4;
    /// A byte string of 65 bytes: two bytes of head.
    uint256 private constant SEAL_HEAD = 0xb841;
    uint256 private constant SEAL_ITEM_BYTES = 67;

    /// Calldata positions of the elements, and the set.
    /// @param start Where the list's payload begins.
    /// @param voteEnd Where the vote ends and the round begins.
    /// @param roundEnd Where the round ends and the list of seals begins.
    /// @param sealsStart Where the payload of the list of seals begins.
    /// @param sealsEnd Where it ends.
    /// @param validators Memory position of the packed 20-byte addresses in header order.
    /// @param validatorCount How many there are.
    /// @param setHash SHA-256 of those bytes: each is 20 long, so the list is told from its hash.
    struct ExtraData {
        uint256 start;
        uint256 voteEnd;
        uint256 roundEnd;
        uint256 sealsStart;
        uint256 sealsEnd;
        uint256 validators;
        uint256 validatorCount;
        bytes32 setHash;
    }

    /// Reads the content of the extra data field; seals are byte strings, of which nothing more is known yet.
    /// @param kind QBFT or IBFT 2.0.
    /// @param position Where the content begins.
    /// @param end Where it ends.
    function read(QbftKind kind, uint256 position, uint256 end) internal view returns (ExtraData memory extra) {
        uint256 next;
        (position, next) = list(0, position, end);
        if (next != end) revert IQbftLightClient.ExtraDataMalformed(5, 0, end - next);
        extra.start = position;
        if (end - position < 33 || RlpReader.headAt(position) != VANITY_HEAD) {
            revert IQbftLightClient.ExtraDataMalformed(0, VANITY_HEAD, RlpReader.headAt(position));
        }
        (position, next) = list(1, position + 33, end);
        readValidators(extra, position, next);
        position = readVote(kind, next, end);
        extra.voteEnd = position;
        position = readRound(kind, position, end);
        extra.roundEnd = position;
        (extra.sealsStart, extra.sealsEnd) = list(4, position, end);
        if (extra.sealsEnd != end) revert IQbftLightClient.ExtraDataMalformed(5, 0, end - extra.sealsEnd);
        requireStrings(extra.sealsStart, end);
    }

    /// Demands that a list holds byte strings; those of 65 bytes, as seals are, are told by their heads.
    function requireStrings(uint256 position, uint256 end) private pure {
        unchecked {
            while (position < end) {
                uint256 head;
                assembly ("memory-safe") {
                    head := shr(240, calldataload(position))
                }
                uint256 next = position + SEAL_ITEM_BYTES;
                if (head != SEAL_HEAD || next > end) {
                    RlpReader.Fault fault;
                    bool isList;
                    (fault, isList, , next) = RlpReader.tryItem(position, end);
                    if (fault != RlpReader.Fault.None || isList) {
                        revert IQbftLightClient.ExtraDataMalformed(4, SEAL_HEAD, RlpReader.headAt(position));
                    }
                }
                position = next;
            }
        }
    }

    /// Copies the addresses, demands that there are some and that each is there once, and hashes them.
    function readValidators(ExtraData memory extra, uint256 position, uint256 end) private view {
        uint256 length = end - position;
        uint256 count = length / ADDRESS_ITEM_BYTES;
        if (count == 0 && length == 0) revert IQbftLightClient.ValidatorSetEmpty(1, 0);
        if (count > MAX_VALIDATORS) revert IQbftLightClient.TooManyValidators(MAX_VALIDATORS, count);
        if (count * ADDRESS_ITEM_BYTES != length) revert IQbftLightClient.ExtraDataMalformed(1, ADDRESS_ITEM_BYTES, length);
        uint256 validators;
        uint256 malformed;
        uint256 unordered;
        assembly ("memory-safe") {
            validators := mload(0x40)
            let target := validators
            let previous := 0
            for { } lt(position, end) { position := add(position, 21) } {
                let word := calldataload(position)
                // The head belongs in the first byte, the address in the next twenty.
                malformed := or(malformed, xor(byte(0, word), 0x94))
                let account := shr(96, shl(8, word))
                unordered := or(unordered, iszero(gt(account, previous)))
                previous := account
                // Writes twelve bytes more than the address; the next address, or nothing, takes their place.
                mstore(target, shl(96, account))
                target := add(target, 20)
            }
            mstore(0x40, and(add(target, 63), not(31)))
        }
        if (malformed != 0) revert IQbftLightClient.ExtraDataMalformed(1, ADDRESS_HEAD, ADDRESS_HEAD ^ malformed);
        // An ascending list repeats nobody; a chain may order its set otherwise, or start with the zero address.
        if (unordered != 0) requireDistinct(validators, count);
        (extra.validators, extra.validatorCount) = (validators, count);
        extra.setHash = Sha256.ofMemoryAt(validators, count * 20);
    }

    function requireDistinct(uint256 validators, uint256 count) private pure {
        unchecked {
            for (uint256 i = 1; i < count; i++) {
                address member = validatorAt(validators, i);
                if (indexOf(validators, i, member) != i) revert IQbftLightClient.ValidatorRepeated(member);
            }
        }
    }

    /// No vote is an empty list (QBFT) or an empty string (IBFT 2.0); a vote is [address, 0xff to add | to drop: empty (QBFT) or 0x00 (IBFT 2.0)].
    function readVote(QbftKind kind, uint256 position, uint256 end) private pure returns (uint256 next) {
        (RlpReader.Fault fault, bool isList, uint256 start, uint256 itemEnd) = RlpReader.tryItem(position, end);
        uint256 head = RlpReader.headAt(position);
        bool qbft = kind == QbftKind.Qbft;
        if (fault != RlpReader.Fault.None) revert IQbftLightClient.ExtraDataMalformed(2, 0xc0, head);
        if (itemEnd == start && isList == qbft) return itemEnd;
        if (!isList) revert IQbftLightClient.ExtraDataMalformed(2, 0xc0, head);
        // The recommendation follows the address: a word that begins with it shows both of its possible forms.
        uint256 recommendation;
        assembly ("memory-safe") {
            recommendation := shr(240, calldataload(add(start, 21)))
        }
        bool add = itemEnd - start == ADDRESS_ITEM_BYTES + 2 && recommendation == 0x81ff;
        bool drop = itemEnd - start == ADDRESS_ITEM_BYTES + 1 && recommendation >> 8 == (qbft ? 0x80 : 0x00);
        if (RlpReader.headAt(start) != ADDRESS_HEAD || !(add || drop)) {
            revert IQbftLightClient.ExtraDataMalformed(2, ADDRESS_HEAD, RlpReader.headAt(start));
        }
        return itemEnd;
    }

    /// An RLP integer of 32 bits (QBFT) or four fixed bytes (IBFT 2.0).
    function readRound(QbftKind kind, uint256 position, uint256 end) private pure returns (uint256 next) {
        if (kind == QbftKind.Qbft) {
            RlpReader.Fault fault;
            (fault, , next) = RlpReader.tryInteger(position, end, MAX_ROUND_BYTES);
            if (fault != RlpReader.Fault.None) revert IQbftLightClient.ExtraDataMalformed(3, MAX_ROUND_BYTES, RlpReader.headAt(position));
            return next;
        }
        next = position + 1 + MAX_ROUND_BYTES;
        if (next > end || RlpReader.headAt(position) != 0x80 + MAX_ROUND_BYTES) {
            revert IQbftLightClient.ExtraDataMalformed(3, 0x80 + MAX_ROUND_BYTES, RlpReader.headAt(position));
        }
    }

    function list(uint256 element, uint256 position, uint256 end) private pure returns (uint256 start, uint256 next) {
        RlpReader.Fault fault;
        bool isList;
        (fault, isList, start, next) = RlpReader.tryItem(position, end);
        if (fault != RlpReader.Fault.None || !isList) revert IQbftLightClient.ExtraDataMalformed(element, 0xc0, RlpReader.headAt(position));
    }

    /// @param validators Memory position of packed addresses.
    /// @param index Counted from 0; within the set.
    function validatorAt(uint256 validators, uint256 index) internal pure returns (address member) {
        assembly ("memory-safe") {
            member := shr(96, mload(add(validators, mul(index, 20))))
        }
    }

    /// @return index The place of `account` among the first `count` addresses, or `count` when it is not there.
    function indexOf(uint256 validators, uint256 count, address account) internal pure returns (uint256 index) {
        assembly ("memory-safe") {
            let wanted := shl(96, account)
            for { } lt(index, count) { index := add(index, 1) } {
                if iszero(shr(96, xor(mload(add(validators, mul(index, 20))), wanted))) { break }
            }
        }
    }
}
