// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Sha512} from "./Sha512.sol";

/// Ed25519 signatures by the rules of ZIP-215, which are CometBFT's: a signature R ‖ S of M by A is valid exactly when
///
/// 1. A and R are encodings of points, of which y may be any number of 255 bits and x may be "minus zero";
/// 2. S is below the order L;
/// 3. 8 S B = 8 R + 8 k A, where k is SHA-512(R ‖ A ‖ M) and the bytes of R and A are those given, canonical or not.
///
/// Source: ZIP-215; RFC 8032, section 5.1; CometBFT v0.38.17 `crypto/ed25519`, which verifies by `curve25519-voi` with `VerifyOptionsZIP_215`.
///
/// Points are extended twisted Edwards coordinates (x, y, z, t) with x y = z t, for which one addition formula holds for all points. Numbers are
/// kept below 2 p < 2^256, so that a sum of two reduced numbers, or a difference with p added, needs no reduction of its own.
/// Source of the formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited" (2008), sections 3.1 and 3.3, a = -1.
library Ed25519 {
    /// The field's order.
    uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    /// The base point's order.
    uint256 private constant L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;
    /// 2^256 mod L.
    uint256 private constant HIGH_WEIGHT = 0x0ffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
    uint256 private constant TWICE_D = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;
    uint256 private constant ROOT_OF_MINUS_ONE = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;
    /// (P - 5) / 8.
    uint256 private constant ROOT_EXPONENT = 0x0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd;
    /// Added to a scalar, makes each of its hexadecimal digits greater by eight: a digit n then stands for n - 8.
    uint256 private constant EIGHTS = 0x8888888888888888888888888888888888888888888888888888888888888888;

    uint256 private constant ONE_HALF = 0x3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7;

    // A table has sixteen entries: the multiples from -8 to 7 of a point, each 128 bytes.
    uint256 private constant ENTRY_BYTES = 128;
    /// The table of the key ends with an entry more, where its eighth multiple is computed.
    uint256 private constant KEY_TABLE_BYTES = 2176;

    /// Precompile 5 did not answer: too little gas was left, or the host has none.
    error ModularExponentiationFailed();

    /// @param pointer Where the message begins in memory. The 64 bytes before it are overwritten.
    /// @param length Its length in bytes; it ends before the free memory pointer.
    /// @param key The encoded point A.
    /// @param r The first half of the signature.
    /// @param s The second half.
    /// @return valid Whether the signature is valid.
    function verify(uint256 pointer, uint256 length, bytes32 key, bytes32 r, bytes32 s) internal view returns (bool valid) {
        uint256 scalar = reverse(uint256(s));
        if (scalar >= L) return false;
        uint256 k;
        unchecked {
            assembly ("memory-safe") {
                mstore(sub(pointer, 64), r)
                mstore(sub(pointer, 32), key)
            }
            (bytes32 high, bytes32 low) = Sha512.ofMemoryAt(pointer - 64, length + 64);
            k = addmod(mulmod(reverse(uint256(low)), HIGH_WEIGHT, L), reverse(uint256(high)), L);
        }
        (bool decoded, uint256 x, uint256 y) = decode(key);
        if (!decoded) return false;
        uint256 z;
        writeDigits(k, scalar);
        (x, y, z) = difference(x, y);
        uint256 rx;
        uint256 ry;
        (decoded, rx, ry) = decode(r);
        if (!decoded) return false;
        return areEqualEightfold(x, y, z, rx, ry);
    }

    /// A point from its 32 bytes: 255 bits of y, which need not be below P, and the lowest bit of x.
    /// Source: RFC 8032, section 5.1.3, without its steps that refuse what is not canonical.
    function decode(bytes32 encoded) internal view returns (bool decoded, uint256 x, uint256 y) {
        uint256 sign = reverse(uint256(encoded));
        uint256 u;
        uint256 v;
        assembly ("memory-safe") {
            y := mod(and(sign, shr(1, not(0))), P)
            sign := shr(255, sign)
            v := mulmod(y, y, P)
            u := add(v, sub(P, 1))
            v := add(mulmod(v, D, P), 1)
            // x = u v^3 (u v^7)^((P - 5) / 8) is a root of u / v or of its negative, if there is one.
            x := mulmod(u, mulmod(v, mulmod(v, v, P), P), P)
        }
        uint256 power;
        assembly ("memory-safe") {
            power := mulmod(x, mulmod(mulmod(v, v, P), mulmod(v, v, P), P), P)
        }
        power = toRootExponent(power);
        assembly ("memory-safe") {
            x := mulmod(x, power, P)
            u := mod(u, P)
            v := mulmod(v, mulmod(x, x, P), P)
            decoded := eq(v, u)
            if iszero(decoded) {
                decoded := eq(addmod(v, u, P), 0)
                x := mulmod(x, ROOT_OF_MINUS_ONE, P)
            }
            // A root of zero stays zero, whatever its sign is said to be.
            if xor(and(x, 1), sign) { x := mod(sub(P, x), P) }
        }
    }

    function toRootExponent(uint256 base) private view returns (uint256 power) {
        bool success;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, 32)
            mstore(add(buffer, 0x20), 32)
            mstore(add(buffer, 0x40), 32)
            mstore(add(buffer, 0x60), base)
            mstore(add(buffer, 0x80), ROOT_EXPONENT)
            mstore(add(buffer, 0xa0), P)
            success := staticcall(gas(), 5, buffer, 0xc0, 0, 32)
            // An account without code answers nothing and succeeds.
            success := and(success, eq(returndatasize(), 32))
            power := mload(0)
        }
        if (!success) revert ModularExponentiationFailed();
    }

    /// The base point as many times as its digits say, less the point (x, y) as many times as its digits, in projective coordinates.
    function difference(uint256 x, uint256 y) private view returns (uint256, uint256, uint256) {
        uint256 table;
        uint256 p;
        assembly ("memory-safe") {
            // Two words for the digits are before it.
            table := add(mload(0x40), 0x40)
            // Of a constant that it knows the compiler makes shorter code that is dearer to run: this is P too, since some gas is always left.
            p := add(P, iszero(gas()))
            x := sub(p, x)
        }
        writeKeyTable(table, p, x, y);
        writeBaseTable(table + KEY_TABLE_BYTES, p);
        return addDigits(table, p, 252, 0, 1, 1);
    }

    /// Writes what `difference` multiplies by: `k` for the key, `scalar` for the base point.
    function writeDigits(uint256 k, uint256 scalar) private pure {
        assembly ("memory-safe") {
            mstore(mload(0x40), add(k, EIGHTS))
            mstore(add(mload(0x40), 0x20), add(scalar, EIGHTS))
        }
    }

    /// Multiples of (x, y) as (y - x, y + x, 2 D t, 2 z).
    function writeKeyTable(uint256 table, uint256 p, uint256 x, uint256 y) private pure {
        assembly ("memory-safe") {
            let entry := add(table, 0x400)
            mstore(entry, 1)
            mstore(add(entry, 0x20), 1)
            mstore(add(entry, 0x40), 0)
            mstore(add(entry, 0x60), 2)
            let t := mulmod(x, y, p)
            let z := 1
            for { let left := 8 } 1 { } {
                entry := add(entry, ENTRY_BYTES)
                mstore(entry, add(y, sub(p, x)))
                mstore(add(entry, 0x20), add(y, x))
                mstore(add(entry, 0x40), mulmod(t, TWICE_D, p))
                mstore(add(entry, 0x60), add(z, z))
                left := sub(left, 1)
                if iszero(left) { break }
                // The point itself is added, which is the first multiple, with z = 1.
                let a := mulmod(mload(entry), mload(add(table, 0x480)), p)
                let b := mulmod(mload(add(entry, 0x20)), mload(add(table, 0x4a0)), p)
                let c := mulmod(t, mload(add(table, 0x4c0)), p)
                z := addmod(z, z, p)
                x := add(b, sub(p, a))
                y := add(b, a)
                a := add(z, sub(p, c))
                b := add(z, c)
                t := mulmod(x, y, p)
                z := mulmod(a, b, p)
                x := mulmod(x, a, p)
                y := mulmod(y, b, p)
            }
            // The opposites, from that of the eighth multiple on.
            for { } lt(table, entry) { } {
                mstore(table, mload(add(entry, 0x20)))
                mstore(add(table, 0x20), mload(entry))
                mstore(add(table, 0x40), sub(p, mload(add(entry, 0x40))))
                mstore(add(table, 0x60), mload(add(entry, 0x60)))
                table := add(table, ENTRY_BYTES)
                entry := sub(entry, ENTRY_BYTES)
            }
        }
    }

    /// Multiples of the base point as ((y - x) / 2, (y + x) / 2, D x y).
    function writeBaseTable(uint256 table, uint256 p) private pure {
        assembly ("memory-safe") {
            mstore(add(table, 0x400), ONE_HALF)
            mstore(add(table, 0x420), ONE_HALF)
            mstore(add(table, 0x440), 0)
            let multiple
            // 1 and -1.
            multiple := 0x227e97c94c7c0933d2e0c21a3447c504fe9ccf82e8a05f59ce881c82eba0489f
            mstore(add(table, 0x480), multiple)
            mstore(add(table, 0x3a0), multiple)
            multiple := 0x43e7ce9d19ea5d329385a44c321ea16167c996e37dc6070c97de49e37ac61db9
            mstore(add(table, 0x4a0), multiple)
            mstore(add(table, 0x380), multiple)
            multiple := 0x3788bdb44f8632d42d0dbee5eea1acc6136cf411e655624f55e48902c3bd5534
            mstore(add(table, 0x4c0), multiple)
            mstore(add(table, 0x3c0), sub(p, multiple))
            // 2 and -2.
            multiple := 0x35dacad334e492aaf04f11b5d8b71bd54795c0862730567b454cd2b0215a6ad4
            mstore(add(table, 0x500), multiple)
            mstore(add(table, 0x320), multiple)
            multiple := 0x6c86031fd43e97172d534d32f0eb03814fa34ecb3d07fadac91273fe499e38e2
            mstore(add(table, 0x520), multiple)
            mstore(add(table, 0x300), multiple)
            multiple := 0x780d7ad89f5285b9a807d042059eb5189b60b5eeaecd67bc21fd5459d2cdbd26
            mstore(add(table, 0x540), multiple)
            mstore(add(table, 0x340), sub(p, multiple))
            // 3 and -3.
            multiple := 0x555c8ac3aaaded314098f98d10a5eb5e9de9a9fef2e0dd3eab308ff4527e6929
            mstore(add(table, 0x580), multiple)
            mstore(add(table, 0x2a0), multiple)
            multiple := 0x3d0b270dcd407c7a608da8014f80b399012d4218744325c55792d85426774b98
            mstore(add(table, 0x5a0), multiple)
            mstore(add(table, 0x280), multiple)
            multiple := 0x6d141357895cda6368b872a2c6796da62c4a11910e1aed310a57499f86e86c3b
            mstore(add(table, 0x5c0), multiple)
            mstore(add(table, 0x2c0), sub(p, multiple))
            // 4 and -4.
            multiple := 0x53c99fa63a22d24d61f471e683502839993f44b8ab307d54caff028502b40c56
            mstore(add(table, 0x600), multiple)
            mstore(add(table, 0x220), multiple)
            multiple := 0x7407488190f2c393e51a469efd854932b3b2e37a3efe929c1439a8dcc77e04c6
            mstore(add(table, 0x620), multiple)
            mstore(add(table, 0x200), multiple)
            multiple := 0x7fce865fb1aa9f15aeedee7c8815a24a374f1ca2bdae60b92d09fdf4e23b7f7b
            mstore(add(table, 0x640), multiple)
            mstore(add(table, 0x240), sub(p, multiple))
            // 5 and -5.
            multiple := 0x0aa53f39f58daaf9f19e788e5c325043ea800a68a59394dbbfc8c161d223eb5d
            mstore(add(table, 0x680), multiple)
            mstore(add(table, 0x1a0), multiple)
            multiple := 0x54a2e678a3710375ee8df5862d5ff62246a82461e3af768151095e220452dd90
            mstore(add(table, 0x6a0), multiple)
            mstore(add(table, 0x180), multiple)
            multiple := 0x61d55f34b59ddb4d5a0db3858dded39693870403e85ee8fe5e5dedf8c0954139
            mstore(add(table, 0x6c0), multiple)
            mstore(add(table, 0x1c0), sub(p, multiple))
            // 6 and -6.
            multiple := 0x1c5b2620d720bc425d842e739022a9dcabadf14213e9139ca4cc035b3dbec652
            mstore(add(table, 0x700), multiple)
            mstore(add(table, 0x120), multiple)
            multiple := 0x68f2bddb51661c5ec032db346d2cd39b4d938ac4806457c41d067775bb8ab88f
            mstore(add(table, 0x720), multiple)
            mstore(add(table, 0x100), multiple)
            multiple := 0x485c748d4f86b0f1a9f25125841de0a25f387001a0d0dd80c2d61933817525af
            mstore(add(table, 0x740), multiple)
            mstore(add(table, 0x140), sub(p, multiple))
            // 7 and -7.
            multiple := 0x4eb76eae97298bf04ef53b27c90c961d365010a99ddd11d3dd37964d551910cf
            mstore(add(table, 0x780), multiple)
            mstore(add(table, 0x0a0), multiple)
            multiple := 0x630df534941e493f38d92941142a1724ba381a9d59cee069358d2e684a2751d6
            mstore(add(table, 0x7a0), multiple)
            mstore(add(table, 0x080), multiple)
            multiple := 0x3d4fdd8e3507c853a94e20dd2c3bd6f9d981afa3829f524d78c1b6e400dc59d1
            mstore(add(table, 0x7c0), multiple)
            mstore(add(table, 0x0c0), sub(p, multiple))
            // -8 only: a digit is never 8.
            mstore(table, 0x448af3b030de7297d899ce332f6ce191b65981bbf14438162cdbacb3026e9f3e)
            mstore(add(table, 0x20), 0x5d481250990700e19613a0d6371e11fdcb1ebb4070daac7cf153aef6f9c91a63)
            mstore(add(table, 0x40), 0x6cb7c1d1e899d8b54e4df6f378a4eae6a3ae4743ba19ac140c1f05131b2eb760)
        }
    }

    /// Sixteen times (x, y, z), and the multiples that the two digits select, for each digit from a place downwards. Half-way it calls itself: a
    /// function that does is not merged into its caller, and has a stack of its own, all of which it needs.
    /// @param digit The place of the first digit, counted from the lowest bit.
    function addDigits(uint256 table, uint256 p, uint256 digit, uint256 x, uint256 y, uint256 z) private pure returns (uint256, uint256, uint256) {
        assembly ("memory-safe") {
            for { } 1 { digit := sub(digit, 4) } {
                let t
                // Four times the negative of the double, which costs less than the double: sixteen times the point.
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, z, p)
                    let d := mulmod(add(x, x), y, p)
                    let e := add(a, sub(p, b))
                    a := add(a, b)
                    c := addmod(add(c, c), e, p)
                    x := mulmod(d, c, p)
                    y := mulmod(e, a, p)
                    z := mulmod(c, e, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, z, p)
                    let d := mulmod(add(x, x), y, p)
                    let e := add(a, sub(p, b))
                    a := add(a, b)
                    c := addmod(add(c, c), e, p)
                    x := mulmod(d, c, p)
                    y := mulmod(e, a, p)
                    z := mulmod(c, e, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, z, p)
                    let d := mulmod(add(x, x), y, p)
                    let e := add(a, sub(p, b))
                    a := add(a, b)
                    c := addmod(add(c, c), e, p)
                    x := mulmod(d, c, p)
                    y := mulmod(e, a, p)
                    z := mulmod(c, e, p)
                }
                {
                    let a := mulmod(x, x, p)
                    let b := mulmod(y, y, p)
                    let c := mulmod(z, z, p)
                    let d := mulmod(add(x, x), y, p)
                    let e := add(a, sub(p, b))
                    a := add(a, b)
                    c := addmod(add(c, c), e, p)
                    x := mulmod(d, c, p)
                    y := mulmod(e, a, p)
                    z := mulmod(c, e, p)
                    t := mulmod(d, a, p)
                }
                // The key's multiple. Both conditions hold: blocks of their own are what the compiler needs to find room on the stack.
                if p {
                    let entry := add(table, shl(7, and(shr(digit, mload(sub(table, 0x40))), 15)))
                    let a := mulmod(add(y, sub(p, x)), mload(entry), p)
                    let b := mulmod(add(y, x), mload(add(entry, 0x20)), p)
                    let c := mulmod(t, mload(add(entry, 0x40)), p)
                    z := mulmod(z, mload(add(entry, 0x60)), p)
                    x := add(b, sub(p, a))
                    y := add(b, a)
                    a := add(z, sub(p, c))
                    b := add(z, c)
                    t := mulmod(x, y, p)
                    z := mulmod(a, b, p)
                    x := mulmod(x, a, p)
                    y := mulmod(y, b, p)
                }
                // The base point's multiple, whose z is one.
                if p {
                    let entry := add(add(table, KEY_TABLE_BYTES), shl(7, and(shr(digit, mload(sub(table, 0x20))), 15)))
                    let a := mulmod(add(y, sub(p, x)), mload(entry), p)
                    let b := mulmod(add(y, x), mload(add(entry, 0x20)), p)
                    let c := mulmod(t, mload(add(entry, 0x40)), p)
                    x := add(b, sub(p, a))
                    y := add(b, a)
                    a := add(z, sub(p, c))
                    b := add(z, c)
                    z := mulmod(a, b, p)
                    x := mulmod(x, a, p)
                    y := mulmod(y, b, p)
                }
                if iszero(and(digit, 127)) { break }
            }
        }
        if (digit == 0) return (x, y, z);
        return addDigits(table, p, digit - 4, x, y, z);
    }

    /// Whether 8 (x, y) = 8 (rx, ry), the first with its z.
    function areEqualEightfold(uint256 x, uint256 y, uint256 z, uint256 rx, uint256 ry) private pure returns (bool equal) {
        uint256 rz;
        (x, y, z) = minusEightfold(x, y, z);
        (rx, ry, rz) = minusEightfold(rx, ry, 1);
        assembly ("memory-safe") {
            equal := and(eq(mulmod(x, rz, P), mulmod(rx, z, P)), eq(mulmod(y, rz, P), mulmod(ry, z, P)))
        }
    }

    function minusEightfold(uint256 x, uint256 y, uint256 z) private pure returns (uint256, uint256, uint256) {
        assembly ("memory-safe") {
            for { let doublings := 3 } doublings { doublings := sub(doublings, 1) } {
                let a := mulmod(x, x, P)
                let b := mulmod(y, y, P)
                let c := mulmod(z, z, P)
                let d := mulmod(add(x, x), y, P)
                let e := add(a, sub(P, b))
                a := add(a, b)
                c := addmod(add(c, c), e, P)
                x := mulmod(d, c, P)
                y := mulmod(e, a, P)
                z := mulmod(c, e, P)
            }
        }
        return (x, y, z);
    }

    /// The bytes of a word in the other order.
    function reverse(uint256 word) private pure returns (uint256) {
        assembly ("memory-safe") {
            let mask := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
            word := or(shl(8, and(word, mask)), and(shr(8, word), mask))
            mask := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
            word := or(shl(16, and(word, mask)), and(shr(16, word), mask))
            mask := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
            word := or(shl(32, and(word, mask)), and(shr(32, word), mask))
            mask := 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff
            word := or(shl(64, and(word, mask)), and(shr(64, word), mask))
            word := or(shl(128, word), shr(128, word))
        }
        return word;
    }
}
