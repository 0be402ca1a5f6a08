// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// What client ids and ports may look like. Ids are limited to printable characters so that a path parses one way only.
library Identifiers {
    /// Bytes of a client id.
    uint256 internal constant MAX_CLIENT_ID_BYTES = 64;
    /// Bytes of a port. Source: ibc-go v10.3.0, modules/core/24-host/validate.go (`PortIdentifierValidator`).
    uint256 internal constant MIN_PORT_BYTES = 2;
    uint256 internal constant MAX_PORT_BYTES = 128;

    /// @param id Any text.
    /// @return ok Whether it is `[a-z0-9]+(-[a-z0-9]+)*-[0-9]+` of at most 64 bytes.
    function isClientId(string memory id) internal pure returns (bool ok) {
        bytes memory text = bytes(id);
        if (text.length > MAX_CLIENT_ID_BYTES) return false;
        uint256 parts = 0;
        uint256 partLength = 0;
        bool digitsOnly = true;
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            if (c == "-") {
                if (partLength == 0) return false;
                ++parts;
                (partLength, digitsOnly) = (0, true);
                continue;
            }
            bool digit = c >= "0" && c <= "9";
            if (!digit && (c < "a" || c > "z")) return false;
            digitsOnly = digitsOnly && digit;
            ++partLength;
        }
        // The last part, after at least one dash, is a number.
        return parts > 0 && partLength > 0 && digitsOnly;
    }

    /// @param port Any text.
    /// @return ok Whether it is 2 to 128 letters, digits or characters of `._+-#[]<>`.
    function isPort(string memory port) internal pure returns (bool ok) {
        bytes memory text = bytes(port);
        if (text.length < MIN_PORT_BYTES || text.length > MAX_PORT_BYTES) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            bool letter = (c >= "a" && c <= "z") || (c >= "A" && c <= "Z") || (c >= "0" && c <= "9");
            bool mark = c == "." || c == "_" || c == "+" || c == "-" || c == "#" || c == "[" || c == "]" || c == "<" || c == ">";
            if (!letter && !mark) return false;
        }
        return true;
    }

    /// @param text Any text.
    /// @return blank Whether it holds nothing but white space (of ASCII).
    function isBlank(string calldata text) internal pure returns (bool blank) {
        bytes calldata raw = bytes(text);
        for (uint256 i = 0; i < raw.length; ++i) {
            bytes1 c = raw[i];
            if (c > 0x20 || (c < 0x20 && (c > 0x0d || c < 0x09))) return false;
        }
        return true;
    }
}
