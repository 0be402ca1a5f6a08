// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Ed25519} from "../../libraries/Ed25519.sol";
import {Secp256k1} from "../../libraries/Secp256k1.sol";
import {Sm2} from "../../libraries/Sm2.sol";

/// The signatures of validators: what does not fit in one contract with the rest of the client, whose constructor makes it. It stores nothing and
/// nobody owns it.
contract TendermintSignatures {
    /// @param message What was signed.
    /// @param key The encoded point.
    /// @param r The first half of the signature.
    /// @param s The second half.
    /// @return valid Whether the signature is valid.
    function ed25519(bytes calldata message, bytes32 key, bytes32 r, bytes32 s) external view returns (bool valid) {
        return Ed25519.verify(copy(message), message.length, key, r, s);
    }

    /// ECDSA over the SHA-256 of the message.
    /// @param sign The first byte of the compressed key.
    /// @param x The other 32.
    function secp256k1(bytes calldata message, uint256 sign, uint256 x, uint256 r, uint256 s) external view returns (bool valid) {
        return Secp256k1.verify(sha256(message), sign, x, r, s);
    }

    /// @param userHash What `sm2UserHash` answers for this key.
    function sm2(bytes calldata message, bytes32 userHash, uint256 sign, uint256 x, uint256 r, uint256 s) external view returns (bool valid) {
        (bool decoded, uint256 y) = Sm2.decompress(sign, x);
        return decoded && Sm2.verify(copy(message), message.length, userHash, x, y, r, s);
    }

    /// @param id The signer's name.
    /// @return decoded Whether there is such a key.
    /// @return userHash What its signer hashes before each message.
    function sm2UserHash(bytes calldata id, uint256 sign, uint256 x) external view returns (bool decoded, bytes32 userHash) {
        uint256 y;
        (decoded, y) = Sm2.decompress(sign, x);
        if (decoded) userHash = Sm2.userHash(id, x, y);
    }

    /// @return pointer Where the message is in memory, with 64 bytes before it to be written over.
    function copy(bytes calldata message) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(mload(0x40), 64)
            calldatacopy(pointer, message.offset, message.length)
            mstore(0x40, and(add(add(pointer, message.length), 63), not(31)))
        }
    }
}
