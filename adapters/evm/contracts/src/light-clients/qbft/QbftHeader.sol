// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {Hash} from "../../libraries/Hash.sol";
import {RlpReader} from "../../libraries/RlpReader.sol";
import {HashMode} from "../../types/HashMode.sol";
import {QbftKind} from "../../types/QbftParameters.sol";
import {QbftExtraData} from "./QbftExtraData.sol";

/// A block header as a node stores it: its fields, and the two hashes that are computed from them.
/// Source: Besu `BftBlockHashing`, `QbftBlockHeaderFunctions`; GoQuorum `consensus/istanbul/core`.
library QbftHeader {
    /// 256 validators with their addresses and seals take some 23,000 bytes.
    uint256 internal constant MAX_HEADER_BYTES = 32_768;
    /// Berlin has 15 fields, Osaka 21; a later fork may add some, all of which are hashed as they are.
    uint256 internal constant MIN_HEADER_FIELDS = 15;
    uint256 internal constant MAX_HEADER_FIELDS = 32;

    bytes32 private constant EMPTY_OMMERS = 0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347;
    /// Source: Besu `BftHelpers.EXPECTED_MIX_HASH`.
    bytes32 private constant MIX_HASH = 0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365;

    /// Fields 0 to 6 (parent, ommers, coinbase, three roots, bloom) have fixed widths: 33 + 33 + 21 + 3 * 33 + 259 bytes.
    uint256 private constant FIXED_BYTES = 445;

    /// @param number Block number.
    /// @param time Block time in seconds since 1970: headers of these chains have no other unit.
    /// @param stateRoot Root of the state trie after the block.
    /// @param ommers Hash of the list of ommers.
    /// @param difficulty Difficulty.
    /// @param mixHash Mix hash.
    /// @param nonce Nonce.
    /// @param payload Calldata position of the first field.
    /// @param end Where the header ends.
    /// @param extraItem Where the extra data field begins.
    /// @param extraItemEnd Where it ends.
    /// @param extra What is in it.
    struct Header {
        uint256 number;
        uint256 time;
        bytes32 stateRoot;
        bytes32 ommers;
        uint256 difficulty;
        bytes32 mixHash;
        uint256 nonce;
        uint256 payload;
        uint256 end;
        uint256 extraItem;
        uint256 extraItemEnd;
        QbftExtraData.ExtraData extra;
    }

    /// Reads the header that begins at `position`.
    /// @param kind QBFT or IBFT 2.0.
    /// @param position Where the header begins in calldata.
    /// @param limit Where the bytes that it may use end.
    /// @return header Its fields; constants are not checked yet (`checkConstants`), nor are the seals (`QbftSeals`).
    function read(QbftKind kind, uint256 position, uint256 limit) internal view returns (Header memory header) {
        (uint256 start, uint256 end) = frame(position, limit);
        if (end - start < FIXED_BYTES) revert IQbftLightClient.HeaderMalformed(0, FIXED_BYTES, end - start);
        (header.payload, header.end) = (start, end);
        readFixed(header, start);

        (header.difficulty, position) = integer(7, start + FIXED_BYTES, end, 32);
        (header.number, position) = integer(8, position, end, 8);
        (, position) = integer(9, position, end, 8);
        (, position) = integer(10, position, end, 8);
        (header.time, position) = integer(11, position, end, 8);

        header.extraItem = position;
        RlpReader.Fault fault;
        bool isList;
        (fault, isList, start, position) = RlpReader.tryItem(position, end);
        if (fault != RlpReader.Fault.None || isList) revert IQbftLightClient.HeaderMalformed(12, 0xb9, RlpReader.headAt(header.extraItem));
        header.extraItemEnd = position;
        readMixHashAndNonce(header, position, end);
        readTrailing(position + 33 + 9, end);
        header.extra = QbftExtraData.read(kind, start, header.extraItemEnd);
    }

    /// Finds where the header that begins at `position` ends, without reading it.
    /// @param position Where the header begins in calldata.
    /// @param limit Where the bytes that it may use end.
    /// @return start Where its first field begins.
    /// @return end Where it ends.
    function frame(uint256 position, uint256 limit) internal pure returns (uint256 start, uint256 end) {
        RlpReader.Fault fault;
        bool isList;
        (fault, isList, start, end) = RlpReader.tryItem(position, limit);
        if (fault != RlpReader.Fault.None || !isList) revert IQbftLightClient.HeaderMalformed(0, 0xf9, RlpReader.headAt(position));
        if (end - position > MAX_HEADER_BYTES) revert IQbftLightClient.HeaderTooLarge(MAX_HEADER_BYTES, end - position);
    }

    /// Demands what every header of these chains has: no ommers, difficulty 1, the mix hash of the protocols, nonce 0.
    function checkConstants(Header memory header) internal pure {
        if (header.ommers != EMPTY_OMMERS) revert IQbftLightClient.OmmersNotEmpty(EMPTY_OMMERS, header.ommers);
        if (header.difficulty != 1) revert IQbftLightClient.DifficultyNotOne(1, header.difficulty);
        if (header.mixHash != MIX_HASH) revert IQbftLightClient.MixHashMismatch(MIX_HASH, header.mixHash);
        if (header.nonce != 0) revert IQbftLightClient.NonceNotZero(0, uint64(header.nonce));
    }

    /// Checks the heads of fields 0 to 6.
    function readFixed(Header memory header, uint256 start) private pure {
        bytes32 ommers;
        bytes32 stateRoot;
        uint256 malformed;
        assembly ("memory-safe") {
            ommers := calldataload(add(start, 34))
            stateRoot := calldataload(add(start, 88))
            malformed := xor(byte(0, calldataload(start)), 0xa0)
            malformed := or(malformed, xor(byte(0, calldataload(add(start, 33))), 0xa0))
            malformed := or(malformed, xor(byte(0, calldataload(add(start, 66))), 0x94))
            malformed := or(malformed, xor(byte(0, calldataload(add(start, 87))), 0xa0))
            malformed := or(malformed, xor(byte(0, calldataload(add(start, 120))), 0xa0))
            malformed := or(malformed, xor(byte(0, calldataload(add(start, 153))), 0xa0))
            malformed := or(malformed, xor(shr(232, calldataload(add(start, 186))), 0xb90100))
        }
        if (malformed != 0) revertFixed(start);
        (header.ommers, header.stateRoot) = (ommers, stateRoot);
    }

    /// Names the first of fields 0 to 6 that has another head than its width gives it.
    function revertFixed(uint256 start) private pure {
        bytes memory heads = hex"a0a094a0a0a0b9";
        bytes memory widths = hex"21211521212100";
        for (uint256 field = 0; field < 7; field++) {
            uint256 found = RlpReader.headAt(start);
            if (found != uint8(heads[field]) || field == 6) revert IQbftLightClient.HeaderMalformed(field, uint8(heads[field]), found);
            start += uint8(widths[field]);
        }
    }

    function readMixHashAndNonce(Header memory header, uint256 position, uint256 end) private pure {
        uint256 mixHead;
        bytes32 mixHash;
        uint256 word;
        assembly ("memory-safe") {
            mixHead := byte(0, calldataload(position))
            mixHash := calldataload(add(position, 1))
            word := calldataload(add(position, 33))
        }
        if (mixHead != 0xa0 || position + 33 > end) revert IQbftLightClient.HeaderMalformed(13, 0xa0, mixHead);
        if (word >> 248 != 0x88 || position + 33 + 9 > end) revert IQbftLightClient.HeaderMalformed(14, 0x88, word >> 248);
        (header.mixHash, header.nonce) = (mixHash, (word >> 184) & type(uint64).max);
    }

    /// Fields after the nonce are byte strings of any width: they are hashed and mean nothing here.
    function readTrailing(uint256 position, uint256 end) private pure {
        for (uint256 field = MIN_HEADER_FIELDS; position < end; field++) {
            (RlpReader.Fault fault, bool isList, , uint256 next) = RlpReader.tryItem(position, end);
            if (fault != RlpReader.Fault.None || isList) revert IQbftLightClient.HeaderMalformed(field, 0x80, RlpReader.headAt(position));
            if (field == MAX_HEADER_FIELDS) revert IQbftLightClient.HeaderMalformed(field, MAX_HEADER_FIELDS, field + 1);
            position = next;
        }
    }

    function integer(uint256 field, uint256 position, uint256 end, uint256 maximumBytes) private pure returns (uint256 value, uint256 next) {
        RlpReader.Fault fault;
        (fault, value, next) = RlpReader.tryInteger(position, end, maximumBytes);
        if (fault != RlpReader.Fault.None) revert IQbftLightClient.HeaderMalformed(field, 0x80 + maximumBytes, RlpReader.headAt(position));
    }

    /// What the validators signed: the hash of the header with the round kept and no seals (QBFT: an empty list; IBFT 2.0: four elements).
    function commitDigest(HashMode mode, QbftKind kind, Header memory header) internal pure returns (bytes32) {
        return kind == QbftKind.Qbft ? hashWith(mode, header, header.extra.roundEnd, 0xc0, 1) : hashWith(mode, header, header.extra.roundEnd, 0, 0);
    }

    /// The block's hash: without seals and with round 0 (QBFT) or without round (IBFT 2.0: three elements).
    function blockHash(HashMode mode, QbftKind kind, Header memory header) internal pure returns (bytes32) {
        return kind == QbftKind.Qbft ? hashWith(mode, header, header.extra.voteEnd, 0x80c0, 2) : hashWith(mode, header, header.extra.voteEnd, 0, 0);
    }

    /// The hash of the header whose extra data list is its bytes up to `extraEnd` and then `tail`.
    function hashWith(HashMode mode, Header memory header, uint256 extraEnd, uint256 tail, uint256 tailLength) private pure returns (bytes32) {
        unchecked {
            uint256 kept = extraEnd - header.extra.start;
            uint256 listLength = headLength(kept + tailLength) + kept + tailLength;
            uint256 before = header.extraItem - header.payload;
            uint256 behind = header.end - header.extraItemEnd;
            uint256 length = before + headLength(listLength) + listLength + behind;
            uint256 buffer;
            assembly ("memory-safe") {
                buffer := mload(0x40)
                // Room for the heads, and for a word written at the last byte.
                mstore(0x40, add(buffer, and(add(length, 95), not(31))))
            }
            uint256 target = writeHead(buffer, 0xc0, length);
            target = copy(target, header.payload, before);
            target = writeHead(target, 0x80, listLength);
            target = writeHead(target, 0xc0, kept + tailLength);
            target = copy(target, header.extra.start, kept);
            assembly ("memory-safe") {
                mstore(target, shl(sub(256, mul(8, tailLength)), tail))
            }
            target = copy(target + tailLength, header.extraItemEnd, behind);
            return Hash.keccakAt(mode, buffer, target - buffer);
        }
    }

    function copy(uint256 target, uint256 position, uint256 length) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            calldatacopy(target, position, length)
            end := add(target, length)
        }
    }

    /// How many bytes the head of an item of `length` payload bytes has. (Never a single byte: each begins with a head of its own.)
    function headLength(uint256 length) private pure returns (uint256) {
        return length < 56 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 4;
    }

    /// Writes the canonical head of a byte string (`base` 0x80) or list (0xc0) of `length` bytes.
    function writeHead(uint256 target, uint256 base, uint256 length) private pure returns (uint256 end) {
        unchecked {
            uint256 width = headLength(length) - 1;
            uint256 word = width == 0 ? (base + length) << 248 : ((base + 55 + width) << (8 * width) | length) << (248 - 8 * width);
            assembly ("memory-safe") {
                mstore(target, word)
            }
            return target + 1 + width;
        }
    }
}
