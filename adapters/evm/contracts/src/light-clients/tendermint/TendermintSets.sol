// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {TreeHash} from "../../types/TendermintParameters.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {TreeHashing} from "../../libraries/TreeHashing.sol";

/// The validators of one height: at least one, each key once, in the chain's order, which the set's hash binds.
library TendermintSets {
    uint256 private constant MAX_VALIDATORS = 512;
    uint256 private constant MAX_POWER = uint256(uint64(type(int64).max));
    /// Source: CometBFT v0.38.17 `types/validator_set.go` (`MaxTotalVotingPower`).
    uint256 private constant MAX_TOTAL_POWER = MAX_POWER / 8;

    uint256 internal constant ED25519 = 1;
    uint256 internal constant SECP256K1 = 2;
    uint256 internal constant SM2 = 3;

    /// @param count How many there are; 0 when no set is given.
    /// @param table Memory position of two words for each: the key's first 32 bytes; and key type 1, the key's 33rd byte 1, power 8, right-aligned.
    /// @param totalPower The sum of the powers.
    /// @param keyTypes Bits of the kinds of key in it: 1 Ed25519, 2 secp256k1, 4 SM2.
    struct Set {
        uint256 count;
        uint256 table;
        uint256 totalPower;
        uint256 keyTypes;
    }

    /// @param keyType 1 Ed25519, 2 secp256k1, 3 SM2: the field of `tendermint.crypto.PublicKey`.
    /// @param key The key's first 32 bytes.
    /// @param keyEnd Its 33rd byte, 0 when it has none.
    struct Validator {
        uint256 keyType;
        uint256 key;
        uint256 keyEnd;
        uint256 power;
    }

    function read(Ics23.Reader memory reader) internal pure returns (Set memory set) {
        uint256 count = Ics23.take(reader, 2);
        if (count > MAX_VALIDATORS) revert ITendermintLightClient.TooManyValidators(MAX_VALIDATORS, count);
        if (count == 0) return set;
        set.count = count;
        set.table = TreeHashing.allocate(64 * count);
        unchecked {
            for (uint256 index = 0; index < count; index++) {
                uint256 keyType = Ics23.take(reader, 1);
                if (keyType < ED25519 || keyType > SM2) revert ITendermintLightClient.ValidatorMalformed(index, keyType);
                uint256 key = Ics23.take(reader, 32);
                uint256 tail = keyType << 72;
                if (keyType != ED25519) tail |= Ics23.take(reader, 1) << 64;
                uint256 power = Ics23.take(reader, 8);
                if (power == 0 || power > MAX_POWER) revert ITendermintLightClient.ValidatorMalformed(index, power);
                set.totalPower += power;
                set.keyTypes |= 1 << (keyType - 1);
                TreeHashing.setWord(set.table, 2 * index, bytes32(key));
                TreeHashing.setWord(set.table, 2 * index + 1, bytes32(tail | power));
            }
        }
        requireDistinct(set);
        if (set.totalPower > MAX_TOTAL_POWER) revert ITendermintLightClient.TotalPowerTooLarge(MAX_TOTAL_POWER, set.totalPower);
    }

    /// @param index Counted from 0, below the count.
    function validatorAt(Set memory set, uint256 index) internal pure returns (Validator memory validator) {
        (uint256 key, uint256 tail) = words(set, index);
        return Validator(tail >> 72, key, (tail >> 64) & 0xff, tail & type(uint64).max);
    }

    /// Whether the same key lies at a place of either set.
    function isSameKey(Set memory a, uint256 indexA, Set memory b, uint256 indexB) internal pure returns (bool) {
        (uint256 keyA, uint256 tailA) = words(a, indexA);
        (uint256 keyB, uint256 tailB) = words(b, indexB);
        return keyA == keyB && tailA >> 64 == tailB >> 64;
    }

    /// The hash by which a header names the set. A leaf is `SimpleValidator`: the key's message in field 1, the power in field 2.
    /// Source: CometBFT v0.38.17 `types/validator.go` (`Bytes`).
    function hashOf(TreeHash mode, Set memory set) internal view returns (bytes32 hash) {
        uint256 row = TreeHashing.allocate(32 * set.count);
        uint256 buffer = TreeHashing.allocate(96);
        unchecked {
            for (uint256 index = 0; index < set.count; index++) {
                (uint256 key, uint256 tail) = words(set, index);
                uint256 length;
                assembly ("memory-safe") {
                    // 00 of a leaf, 0a and the length of the key's message, its field and the key's length.
                    switch shr(72, tail)
                    case 1 {
                        mstore(buffer, shl(216, 0x000a220a20))
                        length := 37
                    }
                    default {
                        mstore(buffer, shl(216, or(0x000a230221, shl(11, shr(72, tail)))))
                        length := 38
                    }
                    mstore(add(buffer, 5), key)
                    if gt(length, 37) { mstore8(add(buffer, 37), shr(64, tail)) }
                    let position := add(buffer, length)
                    mstore8(position, 0x10)
                    position := add(position, 1)
                    let power := and(tail, 0xffffffffffffffff)
                    for { } gt(power, 0x7f) { power := shr(7, power) } {
                        mstore8(position, or(power, 0x80))
                        position := add(position, 1)
                    }
                    mstore8(position, power)
                    length := sub(add(position, 1), buffer)
                }
                TreeHashing.setWord(row, index, TreeHashing.ofMemoryAt(mode, buffer, length));
            }
        }
        return TreeHashing.root(mode, row, set.count);
    }

    /// Demands that each key is there once, by a table of places in memory at most half full, where a key is looked for from its hash onwards.
    function requireDistinct(Set memory set) private pure {
        uint256 table = set.table;
        uint256 count = set.count;
        uint256 repeated = count;
        assembly ("memory-safe") {
            let slots := 2
            for { } lt(slots, shl(1, count)) { slots := shl(1, slots) } { }
            // Used for a while and not kept. Beyond its end calldata is zero.
            let places := mload(0x40)
            calldatacopy(places, calldatasize(), shl(5, slots))
            let mask := sub(slots, 1)
            for { let index := 0 } lt(index, count) { index := add(index, 1) } {
                let entry := add(table, shl(6, index))
                let tail := shr(64, mload(add(entry, 32)))
                mstore(0, mload(entry))
                mstore(32, tail)
                for { let slot := keccak256(0, 64) } 1 { slot := add(slot, 1) } {
                    let place := add(places, shl(5, and(slot, mask)))
                    let other := mload(place)
                    if iszero(other) {
                        mstore(place, entry)
                        break
                    }
                    if and(eq(mload(other), mload(entry)), eq(shr(64, mload(add(other, 32))), tail)) {
                        repeated := index
                        index := count
                        break
                    }
                }
            }
        }
        if (repeated != count) revert ITendermintLightClient.ValidatorRepeated(repeated);
    }

    function words(Set memory set, uint256 index) private pure returns (uint256 key, uint256 tail) {
        uint256 table = set.table;
        assembly ("memory-safe") {
            let entry := add(table, shl(6, index))
            key := mload(entry)
            tail := mload(add(entry, 32))
        }
    }
}
