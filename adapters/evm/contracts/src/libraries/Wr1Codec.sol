// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Account, Content, Cross, Departure, Refusal} from "../types/Receipt.sol";

/// The payload `wr-1`: `abi.encode(uint8 kind, bytes body)`. Every element is static, so that canonical means: the length is the one function of
/// (kind, n), the offsets are their constants, and every padding byte is zero. That is checked in place, before anything is copied, and no
/// re-encoding is needed. Source: protocol `wr-1`.
library Wr1Codec {
    string internal constant VERSION = "wr-1";
    string internal constant ENCODING = "application/x-solidity-abi";

    uint8 internal constant KIND_CROSS = 1;
    uint8 internal constant KIND_STATUS = 2;
    uint8 internal constant KIND_FREEZE = 3;

    uint8 internal constant CODE_RECEIVED = 1;
    uint8 internal constant CODE_MALFORMED = 2;
    uint8 internal constant CODE_CONTRADICTS = 4;

    /// Encumbrances in one packet, and words of each.
    uint256 internal constant MAX_ENCUMBRANCES = 8;
    uint256 internal constant ENCUMBRANCE_WORDS = 17;

    /// kind, offset of the body, length of the body.
    uint256 private constant ENVELOPE_BYTES = 96;
    uint256 private constant BODY_OFFSET = 64;
    /// 24 words of `Cross`, the offset of the list, its length.
    uint256 private constant CROSS_BODY_BYTES = 26 * 32;
    uint256 private constant LIST_OFFSET_WORD = 24;
    uint256 private constant LIST_LENGTH_WORD = 25;
    uint256 private constant LIST_OFFSET = 25 * 32;
    uint256 private constant LINEAGE_BYTES = 4 * 32;
    uint256 private constant FACTS_BYTES = 13 * 32;

    /// Writes a CROSS without encumbrances. The content's words are copied unread: the caller has compared their hash with a record's, and
    /// the accounts' with `checkAccount`.
    /// @param content What the record's hash stands for.
    /// @param departure What the record says of this crossing.
    /// @param beneficiary Who is to have title there.
    /// @param holder Who is to have control there.
    /// @return value The payload's bytes.
    function encode(Content calldata content, Departure memory departure, Account calldata beneficiary, Account calldata holder)
        internal
        pure
        returns (bytes memory value)
    {
        value = new bytes(ENVELOPE_BYTES + CROSS_BODY_BYTES);
        (uint64 epoch, uint64 nonce, uint128 quantity) = (departure.epoch, departure.nonce, departure.quantity);
        // One buffer instead of four copies of 26 words each. Words not written are zero: the list is empty.
        assembly ("memory-safe") {
            let p := add(value, 32)
            mstore(p, KIND_CROSS)
            mstore(add(p, 32), BODY_OFFSET)
            mstore(add(p, 64), CROSS_BODY_BYTES)
            p := add(p, ENVELOPE_BYTES)
            calldatacopy(p, content, LINEAGE_BYTES)
            mstore(add(p, 128), epoch)
            mstore(add(p, 160), nonce)
            mstore(add(p, 192), quantity)
            calldatacopy(add(p, 224), add(content, LINEAGE_BYTES), FACTS_BYTES)
            calldatacopy(add(p, 640), beneficiary, 64)
            calldatacopy(add(p, 704), holder, 64)
            mstore(add(p, 768), LIST_OFFSET)
        }
    }

    /// Checks that bytes are the canonical encoding of a CROSS without encumbrances; after that `crossOf` may be used on them.
    /// @param value Any bytes.
    /// @return refusal None, or the first rule that is broken.
    function check(bytes calldata value) internal pure returns (Refusal refusal) {
        if (value.length < ENVELOPE_BYTES) return Refusal.Length;
        uint256 kind = _word(value, 0);
        if (kind == KIND_STATUS || kind == KIND_FREEZE) return Refusal.KindUnsupported;
        if (kind != KIND_CROSS) return Refusal.KindUnknown;
        if (value.length < ENVELOPE_BYTES + CROSS_BODY_BYTES) return Refusal.Length;
        uint256 n = _body(value, LIST_LENGTH_WORD);
        if (n > MAX_ENCUMBRANCES) return Refusal.Length;
        uint256 bodyBytes = CROSS_BODY_BYTES + n * ENCUMBRANCE_WORDS * 32;
        if (value.length != ENVELOPE_BYTES + bodyBytes || _word(value, 64) != bodyBytes) return Refusal.Length;
        if (_word(value, 32) != BODY_OFFSET || _body(value, LIST_OFFSET_WORD) != LIST_OFFSET) return Refusal.Offset;
        if (!_isPadded(value)) return Refusal.Padding;
        refusal = checkAccount(_body(value, 20), bytes32(_body(value, 21)));
        if (refusal == Refusal.None) refusal = checkAccount(_body(value, 22), bytes32(_body(value, 23)));
        if (refusal == Refusal.None && n > 0) refusal = Refusal.EncumbrancesUnsupported;
    }

    /// @param value Bytes that `check` has accepted.
    /// @return cross What they say, read in place.
    function crossOf(bytes calldata value) internal pure returns (Cross calldata cross) {
        // A static struct in calldata is its first byte's place; copying it would cost a tenth of a receive's own work.
        assembly ("memory-safe") {
            cross := add(value.offset, ENVELOPE_BYTES)
        }
    }

    /// @param kind The account's kind, a whole word.
    /// @param id Its bytes, left-aligned.
    /// @return refusal None, or which rule of `Account` is broken.
    function checkAccount(uint256 kind, bytes32 id) internal pure returns (Refusal refusal) {
        uint256 idBytes = accountBytes(kind);
        if (idBytes == 0) return Refusal.AccountKind;
        if (idBytes < 32 && uint256(id) << (8 * idBytes) != 0) return Refusal.AccountTail;
        if (id == 0) return Refusal.AccountEmpty;
    }

    /// @param kind An account's kind.
    /// @return length Bytes of its id; 0 when there is no such kind.
    function accountBytes(uint256 kind) internal pure returns (uint256 length) {
        if (kind == 1 || kind == 2 || kind == 6) return 20;
        if (kind == 3 || kind == 5) return 32;
        return kind == 4 ? 24 : 0;
    }

    /// @param account An account that `checkAccount` has accepted, of a kind of 20 bytes.
    /// @return The address.
    function toAddress(Account calldata account) internal pure returns (address) {
        return address(bytes20(account.id));
    }

    /// @param acknowledgement Any bytes.
    /// @return readable Whether they are `abi.encode(uint8, bytes32)`.
    /// @return code The code.
    function readAcknowledgement(bytes calldata acknowledgement) internal pure returns (bool readable, uint8 code) {
        if (acknowledgement.length != 64) return (false, 0);
        uint256 word = _word(acknowledgement, 0);
        return word > type(uint8).max ? (false, 0) : (true, uint8(word));
    }

    /// Whether the narrow members of the body are in range.
    function _isPadded(bytes calldata value) private pure returns (bool) {
        uint256 wide = (_body(value, 4) | _body(value, 5) | _body(value, 13) | _body(value, 14) | _body(value, 16)) >> 64;
        wide |= _body(value, 6) >> 128;
        wide |= (_body(value, 10) | _body(value, 15)) >> 16;
        wide |= _body(value, 11) >> 8;
        wide |= _body(value, 12) >> 32;
        // `unit` is left-aligned.
        wide |= _body(value, 9) << 32;
        return wide == 0;
    }

    function _body(bytes calldata value, uint256 index) private pure returns (uint256) {
        return _word(value, ENVELOPE_BYTES + 32 * index);
    }

    /// One word; the caller has checked that it is within `value`.
    function _word(bytes calldata value, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(value.offset, offset))
        }
    }
}
