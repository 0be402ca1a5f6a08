// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Strict reading of RLP in calldata. Positions are calldata offsets: nothing is copied. An item is accepted in its one canonical form only.
/// `tryItem` and `tryInteger` answer a fault so that a decoder can name its own rule; the others revert with the fault's error.
/// Source: Ethereum Yellow Paper, appendix B.
library RlpReader {
    /// Why an item cannot be read; `None` when it can.
    enum Fault {
        None,
        Truncated,
        NotCanonical,
        BytesExpected,
        IntegerNotCanonical,
        IntegerTooLarge
    }

    /// The item needs more bytes than there are.
    error RlpTruncated(uint256 expected, uint256 found);
    /// A long form for a short length, a length with leading zeros, or a single byte below 0x80 wrapped; `found` is the head byte.
    error RlpNotCanonical(uint8 found);
    /// A list was expected; `found` is the head byte.
    error RlpListExpected(uint8 found);
    /// A byte string was expected; `found` is the head byte.
    error RlpBytesExpected(uint8 found);
    /// Bytes follow the last item.
    error RlpTrailingBytes(uint256 expected, uint256 found);
    /// An integer with a leading zero byte.
    error RlpIntegerNotCanonical(uint8 found);
    /// An integer of more bytes than its type has.
    error RlpIntegerTooLarge(uint256 maximumBytes, uint256 foundBytes);

    /// Reads the head of the item at `position`.
    /// @param position Where the item begins.
    /// @param end Where the bytes that it may use end.
    /// @return fault `None`, `Truncated` or `NotCanonical`; the other results mean something only when `None`.
    /// @return list Whether it is a list.
    /// @return start Where its payload begins.
    /// @return next Where its payload, and the item, ends.
    function tryItem(uint256 position, uint256 end) internal pure returns (Fault fault, bool list, uint256 start, uint256 next) {
        if (position >= end) return (Fault.Truncated, false, position, position);
        uint256 word;
        uint256 head;
        assembly ("memory-safe") {
            word := calldataload(position)
            head := byte(0, word)
        }
        unchecked {
            if (head < 0x80) return (Fault.None, false, position, position + 1);
            uint256 length;
            if (head < 0xb8) {
                // A short byte string.
                (start, length) = (position + 1, head - 0x80);
                next = start + length;
                if (next > end) return (Fault.Truncated, false, start, next);
                if (length == 1 && (word << 8) >> 248 < 0x80) return (Fault.NotCanonical, false, start, next);
                return (Fault.None, false, start, next);
            }
            list = head >= 0xc0;
            if (list && head < 0xf8) {
                (start, next) = (position + 1, position + 1 + head - 0xc0);
                return (next > end ? Fault.Truncated : Fault.None, true, start, next);
            }
            // A long form: 1 to 8 bytes of length follow the head.
            uint256 width = head - (list ? 0xf7 : 0xb7);
            start = position + 1 + width;
            if (start > end) return (Fault.Truncated, list, start, start);
            length = (word << 8) >> (256 - 8 * width);
            // At most 64 bits each: the sum cannot overflow.
            next = start + length;
            if (length < 56 || length >> (8 * (width - 1)) == 0) return (Fault.NotCanonical, list, start, next);
            if (next > end) return (Fault.Truncated, list, start, next);
        }
    }

    /// Reads a canonical unsigned integer.
    /// @param position Where the item begins.
    /// @param end Where the bytes that it may use end.
    /// @param maximumBytes The most bytes its type has, 32 or less.
    /// @return fault Why there is none; the other results mean something only when `None`.
    /// @return value The integer.
    /// @return next Where the item ends.
    function tryInteger(uint256 position, uint256 end, uint256 maximumBytes) internal pure returns (Fault fault, uint256 value, uint256 next) {
        bool list;
        uint256 start;
        (fault, list, start, next) = tryItem(position, end);
        if (fault != Fault.None) return (fault, 0, next);
        if (list) return (Fault.BytesExpected, 0, next);
        unchecked {
            uint256 length = next - start;
            if (length == 0) return (Fault.None, 0, next);
            assembly ("memory-safe") {
                value := calldataload(start)
            }
            if (value >> 248 == 0) return (Fault.IntegerNotCanonical, 0, next);
            if (length > maximumBytes) return (Fault.IntegerTooLarge, 0, next);
            value >>= 256 - 8 * length;
        }
    }

    /// As `tryItem`, reverting with the fault's error.
    function item(uint256 position, uint256 end) internal pure returns (bool list, uint256 start, uint256 next) {
        Fault fault;
        (fault, list, start, next) = tryItem(position, end);
        if (fault != Fault.None) revertWith(fault, position, end, 0);
    }

    /// Reads a list.
    function listItem(uint256 position, uint256 end) internal pure returns (uint256 start, uint256 next) {
        bool list;
        (list, start, next) = item(position, end);
        if (!list) revert RlpListExpected(headAt(position));
    }

    /// Reads a byte string.
    function bytesItem(uint256 position, uint256 end) internal pure returns (uint256 start, uint256 next) {
        bool list;
        (list, start, next) = item(position, end);
        if (list) revert RlpBytesExpected(headAt(position));
    }

    /// As `tryInteger`, reverting with the fault's error.
    function integer(uint256 position, uint256 end, uint256 maximumBytes) internal pure returns (uint256 value, uint256 next) {
        Fault fault;
        (fault, value, next) = tryInteger(position, end, maximumBytes);
        if (fault != Fault.None) revertWith(fault, position, end, maximumBytes);
    }

    /// Demands that the last item ended where the bytes end.
    function finish(uint256 position, uint256 end) internal pure {
        if (position != end) revert RlpTrailingBytes(0, end - position);
    }

    /// @return head The byte at `position`.
    function headAt(uint256 position) internal pure returns (uint8 head) {
        assembly ("memory-safe") {
            head := byte(0, calldataload(position))
        }
    }

    /// Reverts with the error of `fault` for the item at `position`.
    function revertWith(Fault fault, uint256 position, uint256 end, uint256 maximumBytes) internal pure {
        (, , uint256 start, uint256 next) = tryItem(position, end);
        if (fault == Fault.Truncated) revert RlpTruncated(next > position ? next - position : 1, end > position ? end - position : 0);
        if (fault == Fault.NotCanonical) revert RlpNotCanonical(headAt(position));
        if (fault == Fault.BytesExpected) revert RlpBytesExpected(headAt(position));
        if (fault == Fault.IntegerNotCanonical) revert RlpIntegerNotCanonical(headAt(start));
        revert RlpIntegerTooLarge(maximumBytes, next - start);
    }
}
