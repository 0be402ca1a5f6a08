// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// ECDSA on secp256k1 under a known key, by the host's recovery precompile. A signature is (r, s) without a recovery id, of which s must be the
/// lower of two. The precompile names the signer by the Keccak-256 of the key, so that this needs a host whose opcode answers that.
/// Source: SEC 1, 4.1.4; CometBFT v0.38.17 `crypto/secp256k1` for the low s.
library Secp256k1 {
    uint256 private constant P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    /// (P + 1) / 4.
    uint256 private constant ROOT_EXPONENT = 0x3fffffffffffffffffffffffffffffffffffffffffffffffffffffffbfffff0c;

    /// Precompile 5 did not answer: too little gas was left, or the host has none.
    error ModularExponentiationFailed();

    /// @param digest What was signed.
    /// @param sign 2 when the key's y is even, 3 when it is odd.
    /// @param x The key.
    /// @param r The first half of the signature.
    /// @param s The second half.
    /// @return valid Whether the signature is valid. (The one in 2^127 whose point has an x above the order is refused: the precompile cannot tell it.)
    function verify(bytes32 digest, uint256 sign, uint256 x, uint256 r, uint256 s) internal view returns (bool valid) {
        if (r == 0 || r >= ORDER || s == 0 || s > HALF_ORDER || sign >> 1 != 1 || x >= P) return false;
        uint256 square = addmod(mulmod(mulmod(x, x, P), x, P), 7, P);
        uint256 y = root(square);
        if (mulmod(y, y, P) != square) return false;
        if ((y ^ sign) & 1 != 0) y = P - y;
        address signer;
        assembly ("memory-safe") {
            mstore(0, x)
            mstore(32, y)
            signer := and(keccak256(0, 64), 0xffffffffffffffffffffffffffffffffffffffff)
        }
        return ecrecover(digest, 27, bytes32(r), bytes32(s)) == signer || ecrecover(digest, 28, bytes32(r), bytes32(s)) == signer;
    }

    function root(uint256 square) private view returns (uint256 result) {
        bool success;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, 32)
            mstore(add(buffer, 0x20), 32)
            mstore(add(buffer, 0x40), 32)
            mstore(add(buffer, 0x60), square)
            mstore(add(buffer, 0x80), ROOT_EXPONENT)
            mstore(add(buffer, 0xa0), P)
            success := staticcall(gas(), 5, buffer, 0xc0, 0, 32)
            // An account without code answers nothing and succeeds.
            success := and(success, eq(returndatasize(), 32))
            result := mload(0)
        }
        if (!success) revert ModularExponentiationFailed();
    }
}
