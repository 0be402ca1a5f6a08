// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Sm3} from "./Sm3.sol";

/// SM2 signatures on the recommended curve. (r, s) of M by the point A of a signer called `id` is valid exactly when
///
/// 1. r and s are from 1 to N - 1, and t = r + s mod N is not 0;
/// 2. e + x = r mod N, where x is that coordinate of s G + t A, which is not the point at infinity, e is SM3(Z ‖ M) and Z is `userHash`.
///
/// There is no rule about the greater or smaller of two s: the negative of s belongs to another signature altogether.
/// Source: GB/T 32918.2-2016, sections 5.5 and 7.1; GB/T 32918.5-2017, appendix A for the curve.
///
/// Points are Jacobian coordinates (x / z^2, y / z^3), at infinity where z is 0; the addition formula does not hold for equal or opposite points,
/// which are looked for. Source of the formulas: Explicit-Formulas Database, short Weierstrass a = -3, "dbl-2001-b" and "madd".
library Sm2 {
    /// The field's order.
    uint256 internal constant P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff;
    /// The base point's order.
    uint256 internal constant N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123;
    /// The curve is y^2 = x^3 - 3 x + B.
    uint256 private constant B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93;
    uint256 private constant BASE_X = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7;
    uint256 private constant BASE_Y = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0;
    /// (P + 1) / 4.
    uint256 private constant ROOT_EXPONENT = 0x3fffffffbfffffffffffffffffffffffffffffffc00000004000000000000000;
    /// Added to a scalar, makes each of its hexadecimal digits greater by eight: a digit n then stands for n - 8.
    uint256 private constant EIGHTS = 0x8888888888888888888888888888888888888888888888888888888888888888;

    // A table has a word for the digits and sixteen entries: the multiples from -8 to 7 of a point, each 64 bytes. That of the key ends with
    // an entry more, where its eighth multiple is computed.
    uint256 private constant TABLE_BYTES = 1120;

    /// Precompile 5 did not answer: too little gas was left, or the host has none.
    error ModularExponentiationFailed();

    /// The signer's hash Z, which does not change with the message: 120,000 gas, for it takes four blocks of SM3.
    /// @param id The signer's name, below 8,192 bytes.
    /// @param x The point A.
    /// @param y Its other coordinate.
    /// @return digest SM3(bits of `id` as 2 bytes ‖ `id` ‖ the curve's a ‖ B ‖ BASE_X ‖ BASE_Y ‖ x ‖ y).
    function userHash(bytes memory id, uint256 x, uint256 y) internal pure returns (bytes32 digest) {
        return Sm3.ofMemory(abi.encodePacked(uint16(id.length * 8), id, P - 3, B, BASE_X, BASE_Y, x, y));
    }

    /// @param sign 2 when y is even, 3 when it is odd.
    /// @param x A coordinate.
    /// @return decoded Whether there is such a point.
    /// @return y The other coordinate.
    function decompress(uint256 sign, uint256 x) internal view returns (bool decoded, uint256 y) {
        if (sign >> 1 != 1 || x >= P) return (false, 0);
        uint256 square = addmod(mulmod(addmod(mulmod(x, x, P), P - 3, P), x, P), B, P);
        y = power(square, ROOT_EXPONENT);
        // No point has y = 0: the order is odd.
        if (mulmod(y, y, P) != square) return (false, 0);
        if ((y ^ sign) & 1 != 0) y = P - y;
        return (true, y);
    }

    /// @param pointer Where the message begins in memory. The 32 bytes before it are overwritten.
    /// @param length Its length in bytes; it ends before the free memory pointer.
    /// @param userHash_ Z of the signer.
    /// @param x The point A, which is on the curve.
    /// @param y Its other coordinate.
    /// @param r The first half of the signature.
    /// @param s The second half.
    /// @return valid Whether the signature is valid.
    function verify(uint256 pointer, uint256 length, bytes32 userHash_, uint256 x, uint256 y, uint256 r, uint256 s)
        internal
        view
        returns (bool valid)
    {
        if (r == 0 || r >= N || s == 0 || s >= N) return false;
        {
            uint256 t = addmod(r, s, N);
            if (t == 0) return false;
            assembly ("memory-safe") {
                mstore(sub(pointer, 32), userHash_)
            }
            unchecked {
                r = addmod(r, N - uint256(Sm3.ofMemoryAt(pointer - 32, length + 32)) % N, N);
            }
            writeDigits(t, s);
        }
        uint256 z;
        (x, y, z) = sum(x, y);
        if (z == 0) return false;
        z = mulmod(z, z, P);
        unchecked {
            // The coordinate is below P, of which r is what remains modulo N: it is r or r + N.
            return x == mulmod(r, z, P) || (r < P - N && x == mulmod(r + N, z, P));
        }
    }

    /// Writes what `sum` multiplies by: `t` into the table of the key, `s` into that of the base point.
    function writeDigits(uint256 t, uint256 s) private pure {
        assembly ("memory-safe") {
            let table := mload(0x40)
            // Digits from -8 to 7 reach from 2^256 - EIGHTS down to -EIGHTS: greater scalars are taken less N.
            let digits := add(t, EIGHTS)
            if lt(digits, t) { digits := sub(digits, N) }
            mstore(table, digits)
            digits := add(s, EIGHTS)
            if lt(digits, s) { digits := sub(digits, N) }
            mstore(add(table, TABLE_BYTES), digits)
        }
    }

    /// The point (x, y) and the base point, each as many times as its digits say.
    function sum(uint256 x, uint256 y) private view returns (uint256, uint256, uint256) {
        uint256 p;
        assembly ("memory-safe") {
            // Of a constant that it knows the compiler makes shorter code that is dearer to run: this is P too, since some gas is always left.
            p := add(P, iszero(gas()))
        }
        writeKeyTable(p, x, y);
        writeBaseTable(p);
        return addDigits(p, 252, 1, 1, 0);
    }

    /// Multiples of (x, y): added up one by one, then all divided by their z, of which only the product is inverted.
    function writeKeyTable(uint256 p, uint256 x, uint256 y) private view {
        uint256 entry;
        uint256 z = 1;
        uint256 product = 1;
        assembly ("memory-safe") {
            entry := add(mload(0x40), 0x260)
            mstore(entry, x)
            mstore(add(entry, 0x20), y)
            mstore(sub(entry, 0x20), 0)
        }
        for (uint256 first = entry; ;) {
            (x, y, z) = addPoint(p, first, x, y, z);
            assembly ("memory-safe") {
                entry := add(entry, 0x40)
                mstore(entry, x)
                mstore(add(entry, 0x20), y)
                // After both tables: for each multiple its z, and the product of those before it.
                mstore(add(entry, 0x640), z)
                mstore(add(entry, 0x660), product)
                product := mulmod(product, z, p)
            }
            if (entry - first == 0x1c0) break;
        }
        uint256 inverse = power(product, P - 2);
        assembly ("memory-safe") {
            let opposite := add(mload(0x40), 0x20)
            for { } gt(entry, add(opposite, 0x80)) { entry := sub(entry, 0x40) } {
                let one := mulmod(inverse, mload(add(entry, 0x660)), p)
                inverse := mulmod(inverse, mload(add(entry, 0x640)), p)
                let square := mulmod(one, one, p)
                x := mulmod(mload(entry), square, p)
                y := mulmod(mload(add(entry, 0x20)), mulmod(square, one, p), p)
                mstore(entry, x)
                mstore(add(entry, 0x20), y)
                mstore(opposite, x)
                mstore(add(opposite, 0x20), sub(p, y))
                opposite := add(opposite, 0x40)
            }
            // Here both have come to the point itself, whose z is one: the entry between them is that of the digit 8, which is passed over.
            mstore(opposite, mload(entry))
            mstore(add(opposite, 0x20), sub(p, mload(add(entry, 0x20))))
        }
    }

    function power(uint256 base, uint256 exponent) private view returns (uint256 result) {
        bool success;
        assembly ("memory-safe") {
            // After the tables.
            let buffer := add(mload(0x40), 0xb00)
            mstore(buffer, 32)
            mstore(add(buffer, 0x20), 32)
            mstore(add(buffer, 0x40), 32)
            mstore(add(buffer, 0x60), base)
            mstore(add(buffer, 0x80), exponent)
            mstore(add(buffer, 0xa0), P)
            success := staticcall(gas(), 5, buffer, 0xc0, 0, 32)
            // An account without code answers nothing and succeeds.
            success := and(success, eq(returndatasize(), 32))
            result := mload(0)
        }
        if (!success) revert ModularExponentiationFailed();
    }

    function writeBaseTable(uint256 p) private pure {
        assembly ("memory-safe") {
            let table := add(mload(0x40), add(TABLE_BYTES, 32))
            mstore(add(table, 0x220), 0)
            let multiple
            // 1 and -1.
            multiple := 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7
            mstore(add(table, 0x240), multiple)
            mstore(add(table, 0x1c0), multiple)
            multiple := 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0
            mstore(add(table, 0x260), multiple)
            mstore(add(table, 0x1e0), sub(p, multiple))
            // 2 and -2.
            multiple := 0x56cefd60d7c87c000d58ef57fa73ba4d9c0dfa08c08a7331495c2e1da3f2bd52
            mstore(add(table, 0x280), multiple)
            mstore(add(table, 0x180), multiple)
            multiple := 0x31b7e7e6cc8189f668535ce0f8eaf1bd6de84c182f6c8e716f780d3a970a23c3
            mstore(add(table, 0x2a0), multiple)
            mstore(add(table, 0x1a0), sub(p, multiple))
            // 3 and -3.
            multiple := 0xa97f7cd4b3c993b4be2daa8cdb41e24ca13f6bd945302244e26918f1d0509ebf
            mstore(add(table, 0x2c0), multiple)
            mstore(add(table, 0x140), multiple)
            multiple := 0x530b5dd88c688ef5ccc5cec08a72150f7c400ee5cd045292aaacdd037458f6e6
            mstore(add(table, 0x2e0), multiple)
            mstore(add(table, 0x160), sub(p, multiple))
            // 4 and -4.
            multiple := 0xc239507105c683242a81052ff641ed69009a084ad5cc937db21646cd34a0ced5
            mstore(add(table, 0x300), multiple)
            mstore(add(table, 0x100), multiple)
            multiple := 0xb1bf7ec4080f3c8735f1294ac0db19686bee2e96ab8c71fb7a253666cb66e009
            mstore(add(table, 0x320), multiple)
            mstore(add(table, 0x120), sub(p, multiple))
            // 5 and -5.
            multiple := 0xc749061668652e26040e008fdd5eb77a344a417b7fce19dba575da57cc372a9e
            mstore(add(table, 0x340), multiple)
            mstore(add(table, 0x0c0), multiple)
            multiple := 0xf2df5db2d144e9454504c622b51cf38f5006206eb579ff7da6976eff5fbe6480
            mstore(add(table, 0x360), multiple)
            mstore(add(table, 0x0e0), sub(p, multiple))
            // 6 and -6.
            multiple := 0x0927afb57d93483bbb17c93e71f22a3105ff8856a66016892c8b1a1a3c4b0d30
            mstore(add(table, 0x380), multiple)
            mstore(add(table, 0x080), multiple)
            multiple := 0x150c6b1ab4d1fc7eac1c0ef6ebf2664581adf1f0855a064dd572103000088f63
            mstore(add(table, 0x3a0), multiple)
            mstore(add(table, 0x0a0), sub(p, multiple))
            // 7 and -7.
            multiple := 0xddf092555409c19dfdbe86a75c139906a80198337744ee78cd27e384d9fcaf15
            mstore(add(table, 0x3c0), multiple)
            mstore(add(table, 0x040), multiple)
            multiple := 0x847d18ffb38e87065cd6b6e9c12d2922037937707d6a49a2223b949657e52bc1
            mstore(add(table, 0x3e0), multiple)
            mstore(add(table, 0x060), sub(p, multiple))
            // -8 only: a digit is never 8.
            mstore(table, 0xb9c3faeb4b1610713db4333d4e860e64d4ea35d60c1c29bb675d822ded0bb916)
            mstore(add(table, 0x20), 0x3ae64cf51308d963db6e2d2165330d41fc99575ecfdb4c20c3d7925d302ce5c1)
        }
    }

    /// Sixteen times (x, y, z), and the multiples that the two digits select, for each digit from a place downwards. Half-way it calls itself: a
    /// function that does is not merged into its caller, and has a stack of its own, all of which it needs.
    /// @param digit The place of the first digit, counted from the lowest bit.
    function addDigits(uint256 p, uint256 digit, uint256 x, uint256 y, uint256 z) private pure returns (uint256, uint256, uint256) {
        for (; ; ) {
            assembly ("memory-safe") {
                for { let doublings := 4 } doublings { doublings := sub(doublings, 1) } {
                    let double := addmod(y, y, p)
                    let m := mulmod(z, z, p)
                    z := mulmod(double, z, p)
                    m := mulmod(mulmod(addmod(x, m, p), addmod(x, sub(p, m), p), p), 3, p)
                    let q := mulmod(double, y, p)
                    double := mulmod(double, double, p)
                    let s := mulmod(x, double, p)
                    x := addmod(mulmod(m, m, p), mulmod(s, sub(p, 2), p), p)
                    y := addmod(mulmod(m, addmod(s, sub(p, x), p), p), sub(p, mulmod(q, double, p)), p)
                }
            }
            uint256 entry;
            assembly ("memory-safe") {
                entry := mload(0x40)
                entry := add(add(entry, 0x20), shl(6, and(shr(digit, mload(entry)), 15)))
            }
            (x, y, z) = addPoint(p, entry, x, y, z);
            assembly ("memory-safe") {
                entry := add(mload(0x40), TABLE_BYTES)
                entry := add(add(entry, 0x20), shl(6, and(shr(digit, mload(entry)), 15)))
            }
            (x, y, z) = addPoint(p, entry, x, y, z);
            if (digit & 127 == 0) break;
            unchecked {
                digit -= 4;
            }
        }
        if (digit == 0) return (x, y, z);
        return addDigits(p, digit - 4, x, y, z);
    }

    /// (x, y, z) and the point at `entry`; the point at infinity is an entry whose y is 0, as no other point's is, since the order is odd.
    function addPoint(uint256 p, uint256 entry, uint256 x, uint256 y, uint256 z) private pure returns (uint256, uint256, uint256) {
        assembly ("memory-safe") {
            if mload(add(entry, 0x20)) {
                switch z
                case 0 {
                    x := mload(entry)
                    y := mload(add(entry, 0x20))
                    z := 1
                }
                default {
                    let zz := mulmod(z, z, p)
                    let h := addmod(mulmod(mload(entry), zz, p), sub(p, x), p)
                    let r := addmod(mulmod(mload(add(entry, 0x20)), mulmod(zz, z, p), p), sub(p, y), p)
                    switch h
                    case 0 {
                        switch r
                        case 0 {
                            // The point itself: doubled.
                            let double := addmod(y, y, p)
                            let m := mulmod(z, z, p)
                            z := mulmod(double, z, p)
                            m := mulmod(mulmod(addmod(x, m, p), addmod(x, sub(p, m), p), p), 3, p)
                            let q := mulmod(double, y, p)
                            double := mulmod(double, double, p)
                            let s := mulmod(x, double, p)
                            x := addmod(mulmod(m, m, p), mulmod(s, sub(p, 2), p), p)
                            y := addmod(mulmod(m, addmod(s, sub(p, x), p), p), sub(p, mulmod(q, double, p)), p)
                        }
                        default { z := 0 }
                    }
                    default {
                        z := mulmod(z, h, p)
                        zz := mulmod(h, h, p)
                        h := mulmod(zz, h, p)
                        zz := mulmod(zz, x, p)
                        x := addmod(addmod(mulmod(r, r, p), sub(p, h), p), mulmod(zz, sub(p, 2), p), p)
                        y := addmod(mulmod(r, addmod(zz, sub(p, x), p), p), mulmod(sub(p, y), h, p), p)
                    }
                }
            }
        }
        return (x, y, z);
    }
}
