// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// SHA-512. Source: FIPS 180-4, sections 5.1.2, 5.3.5 and 6.4.
///
/// A 64-bit word that stands twice in a row is rotated by one shift, and two words of the message schedule are computed at once, each in its
/// half of an EVM word: 35,000 gas a block.
library Sha512 {
    /// x * TWICE is x, twice, for each of two words.
    uint256 private constant TWICE = 0x10000000000000001;
    uint256 private constant WORD = 0xffffffffffffffff;
    uint256 private constant LANES = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;

    uint256 private constant BLOCK_BYTES = 128;
    // Places in memory after the free memory pointer.
    uint256 private constant STATE_BYTES = 256;
    uint256 private constant CONSTANTS_BYTES = 640;
    uint256 private constant SCHEDULE_BYTES = 1280;

    /// @param data Any bytes.
    /// @return high The first half of their SHA-512.
    /// @return low The second half.
    function ofMemory(bytes memory data) internal pure returns (bytes32 high, bytes32 low) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return ofMemoryAt(pointer, data.length);
    }

    /// @param pointer Where the input begins in memory; it ends before the free memory pointer.
    /// @param length The input's length in bytes.
    /// @return high The first half of its SHA-512.
    /// @return low The second half.
    function ofMemoryAt(uint256 pointer, uint256 length) internal pure returns (bytes32 high, bytes32 low) {
        uint256 state;
        uint256 position;
        uint256 end;
        assembly ("memory-safe") {
            state := add(mload(0x40), 32)
            mstore(sub(state, 32), WORD)
        }
        writeConstants(state);
        unchecked {
            position = state + STATE_BYTES + CONSTANTS_BYTES + SCHEDULE_BYTES;
            // One bit, then zeros, then the count of bits in 16 bytes.
            end = position + (length + 17 + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
        }
        assembly ("memory-safe") {
            let target := position
            for { let last := add(pointer, length) } lt(pointer, last) { pointer := add(pointer, 32) } {
                mstore(target, mload(pointer))
                target := add(target, 32)
            }
            target := add(position, length)
            mstore(target, shl(255, 1))
            for { target := add(target, 32) } lt(target, end) { target := add(target, 32) } { mstore(target, 0) }
            // Its upper half is zero: before it stand at least the one bit's byte and seven bytes of zeros, or eight bytes of the count.
            mstore(sub(end, 8), shl(195, length))
        }
        // Called from two places, so that the compiler gives it a stack of its own.
        digest(state, position);
        unchecked {
            for (position += BLOCK_BYTES; position < end; position += BLOCK_BYTES) digest(state, position);
        }
        assembly ("memory-safe") {
            high := or(or(shl(192, mload(state)), shl(128, mload(add(state, 0x20)))), or(shl(64, mload(add(state, 0x40))), mload(add(state, 0x60))))
            low := or(
                or(shl(192, mload(add(state, 0x80))), shl(128, mload(add(state, 0xa0)))),
                or(shl(64, mload(add(state, 0xc0))), mload(add(state, 0xe0)))
            )
        }
    }

    /// The initial hash value, a word each, and the round constants, four to a word.
    function writeConstants(uint256 state) private pure {
        assembly ("memory-safe") {
            mstore(add(state, 0x0000), 0x6a09e667f3bcc908)
            mstore(add(state, 0x0020), 0xbb67ae8584caa73b)
            mstore(add(state, 0x0040), 0x3c6ef372fe94f82b)
            mstore(add(state, 0x0060), 0xa54ff53a5f1d36f1)
            mstore(add(state, 0x0080), 0x510e527fade682d1)
            mstore(add(state, 0x00a0), 0x9b05688c2b3e6c1f)
            mstore(add(state, 0x00c0), 0x1f83d9abfb41bd6b)
            mstore(add(state, 0x00e0), 0x5be0cd19137e2179)
            let k := add(state, STATE_BYTES)
            mstore(add(k, 0x0000), 0x428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc)
            mstore(add(k, 0x0020), 0x3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118)
            mstore(add(k, 0x0040), 0xd807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2)
            mstore(add(k, 0x0060), 0x72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694)
            mstore(add(k, 0x0080), 0xe49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65)
            mstore(add(k, 0x00a0), 0x2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5)
            mstore(add(k, 0x00c0), 0x983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4)
            mstore(add(k, 0x00e0), 0xc6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70)
            mstore(add(k, 0x0100), 0x27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df)
            mstore(add(k, 0x0120), 0x650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b)
            mstore(add(k, 0x0140), 0xa2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30)
            mstore(add(k, 0x0160), 0xd192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8)
            mstore(add(k, 0x0180), 0x19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8)
            mstore(add(k, 0x01a0), 0x391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3)
            mstore(add(k, 0x01c0), 0x748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec)
            mstore(add(k, 0x01e0), 0x90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b)
            mstore(add(k, 0x0200), 0xca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed178)
            mstore(add(k, 0x0220), 0x06f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b)
            mstore(add(k, 0x0240), 0x28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c)
            mstore(add(k, 0x0260), 0x4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817)
        }
    }

    function digest(uint256 state, uint256 position) private pure {
        expand(state, position);
        compress(state);
    }

    /// Writes the message schedule of the block at `position`: 80 words, 16 bytes each.
    function expand(uint256 state, uint256 position) private pure {
        assembly ("memory-safe") {
            let w := add(state, add(STATE_BYTES, CONSTANTS_BYTES))
            for { let last := add(position, BLOCK_BYTES) } lt(position, last) { position := add(position, 32) } {
                let four := mload(position)
                mstore(w, or(shl(128, shr(192, four)), and(shr(128, four), WORD)))
                mstore(add(w, 32), or(shl(128, and(shr(64, four), WORD)), and(four, WORD)))
                w := add(w, 64)
            }
            // From here w is where the word stands that is sixteen before the two being computed.
            w := sub(w, 256)
            let x
            let y
            let t
            for { let last := add(w, 1024) } lt(w, last) { w := add(w, 64) } {
                x := mload(add(w, 16))
                y := mul(x, TWICE)
                t := add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), LANES), add(mload(w), mload(add(w, 144))))
                x := mload(add(w, 224))
                y := mul(x, TWICE)
                mstore(add(w, 256), and(add(t, and(xor(xor(shr(19, y), shr(61, y)), shr(6, x)), LANES)), LANES))
                x := mload(add(w, 48))
                y := mul(x, TWICE)
                t := add(and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), LANES), add(mload(add(w, 32)), mload(add(w, 176))))
                x := mload(add(w, 256))
                y := mul(x, TWICE)
                mstore(add(w, 288), and(add(t, and(xor(xor(shr(19, y), shr(61, y)), shr(6, x)), LANES)), LANES))
            }
        }
    }

    /// The eighty rounds, two at a time. The mask is read from memory: of a constant one the compiler spreads the expressions of one round over
    /// the next, and runs out of stack.
    function compress(uint256 state) private pure {
        assembly ("memory-safe") {
            let a := mload(state)
            let b := mload(add(state, 0x0020))
            let c := mload(add(state, 0x0040))
            let d := mload(add(state, 0x0060))
            let e := mload(add(state, 0x0080))
            let f := mload(add(state, 0x00a0))
            let g := mload(add(state, 0x00c0))
            let h := mload(add(state, 0x00e0))
            // Constants and words are read so that they end an EVM word; what stands before them is masked away with the carries.
            let k := add(state, sub(STATE_BYTES, 24))
            let w := add(state, sub(add(STATE_BYTES, CONSTANTS_BYTES), 16))
            {
                let word := mload(sub(state, 32))
                let x
                let t
                for { let last := add(k, CONSTANTS_BYTES) } lt(k, last) {
                    k := add(k, 16)
                    w := add(w, 32)
                } {
                    // The first round leaves its new a in h and its new e in d.
                    x := mul(e, TWICE)
                    t := add(add(add(h, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(g, and(e, xor(f, g)))), add(mload(k), mload(w)))
                    d := and(add(d, t), word)
                    x := mul(a, TWICE)
                    h := and(add(add(t, xor(xor(shr(28, x), shr(34, x)), shr(39, x))), xor(and(a, xor(b, c)), and(b, c))), word)
                    x := mul(d, TWICE)
                    t := add(add(add(g, xor(xor(shr(14, x), shr(18, x)), shr(41, x))), xor(f, and(d, xor(e, f)))), add(mload(add(k, 8)), mload(add(w, 16))))
                    c := and(add(c, t), word)
                    x := mul(h, TWICE)
                    g := and(add(add(t, xor(xor(shr(28, x), shr(34, x)), shr(39, x))), xor(and(h, xor(a, b)), and(a, b))), word)
                    {
                        let formerE := e
                        let formerF := f
                        e := c
                        f := d
                        c := a
                        d := b
                        a := g
                        b := h
                        g := formerE
                        h := formerF
                    }
                }
            }
            // The state's place, told in another way: else the compiler keeps all of what was read above on the stack.
            state := sub(k, sub(add(STATE_BYTES, CONSTANTS_BYTES), 24))
            mstore(state, and(add(mload(state), a), WORD))
            mstore(add(state, 0x0020), and(add(mload(add(state, 0x0020)), b), WORD))
            mstore(add(state, 0x0040), and(add(mload(add(state, 0x0040)), c), WORD))
            mstore(add(state, 0x0060), and(add(mload(add(state, 0x0060)), d), WORD))
            mstore(add(state, 0x0080), and(add(mload(add(state, 0x0080)), e), WORD))
            mstore(add(state, 0x00a0), and(add(mload(add(state, 0x00a0)), f), WORD))
            mstore(add(state, 0x00c0), and(add(mload(add(state, 0x00c0)), g), WORD))
            mstore(add(state, 0x00e0), and(add(mload(add(state, 0x00e0)), h), WORD))
        }
    }
}
