// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// SM3. Source: GB/T 32905-2016, sections 4 and 5; GM/T 0004-2012.
///
/// A 32-bit word that stands twice in a row is rotated by one shift, and three words of the message expansion are computed at once.
library Sm3 {
    /// x * TWICE is x, twice, for each of four words.
    uint256 private constant TWICE = 0x100000001;
    uint256 private constant WORD = 0xffffffff;
    uint256 private constant LANES = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    uint256 private constant BLOCK_BYTES = 64;
    // Places in memory after the free memory pointer.
    uint256 private constant STATE_BYTES = 256;
    uint256 private constant CONSTANTS_BYTES = 512;
    /// 68 words of eight bytes, and a word more than is wanted.
    uint256 private constant EXPANSION_BYTES = 576;

    /// @param data Any bytes.
    /// @return digest Their SM3.
    function ofMemory(bytes memory data) internal pure returns (bytes32 digest) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return ofMemoryAt(pointer, data.length);
    }

    /// @param pointer Where the input begins in memory; it ends before the free memory pointer.
    /// @param length The input's length in bytes.
    /// @return digest Its SM3.
    function ofMemoryAt(uint256 pointer, uint256 length) internal pure returns (bytes32 digest) {
        uint256 state;
        uint256 position;
        uint256 end;
        assembly ("memory-safe") {
            state := add(mload(0x40), 32)
            mstore(sub(state, 32), WORD)
        }
        writeConstants(state);
        unchecked {
            position = state + STATE_BYTES + CONSTANTS_BYTES + EXPANSION_BYTES;
            // One bit, then zeros, then the count of bits in 8 bytes.
            end = position + (length + 9 + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
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
            mstore(sub(end, 8), shl(195, length))
        }
        // Called from two places, so that the compiler gives it a stack of its own.
        compress(state, position);
        unchecked {
            for (position += BLOCK_BYTES; position < end; position += BLOCK_BYTES) compress(state, position);
        }
        assembly ("memory-safe") {
            for { let last := add(state, STATE_BYTES) } lt(state, last) { state := add(state, 32) } {
                digest := or(shl(32, digest), mload(state))
            }
        }
    }

    /// The initial value, a word each, and the round constants, each rotated by its round's number, four to a word.
    function writeConstants(uint256 state) private pure {
        assembly ("memory-safe") {
            mstore(state, 0x7380166f)
            mstore(add(state, 0x20), 0x4914b2b9)
            mstore(add(state, 0x40), 0x172442d7)
            mstore(add(state, 0x60), 0xda8a0600)
            mstore(add(state, 0x80), 0xa96f30bc)
            mstore(add(state, 0xa0), 0x163138aa)
            mstore(add(state, 0xc0), 0xe38dee4d)
            mstore(add(state, 0xe0), 0xb0fb0e4e)
            let k := add(state, STATE_BYTES)
            mstore(k, 0x0000000079cc451900000000f3988a3200000000e731146500000000ce6228cb)
            mstore(add(k, 0x020), 0x000000009cc45197000000003988a32f000000007311465e00000000e6228cbc)
            mstore(add(k, 0x040), 0x00000000cc45197900000000988a32f300000000311465e7000000006228cbce)
            mstore(add(k, 0x060), 0x00000000c451979c0000000088a32f390000000011465e7300000000228cbce6)
            mstore(add(k, 0x080), 0x000000009d8a7a87000000003b14f50f000000007629ea1e00000000ec53d43c)
            mstore(add(k, 0x0a0), 0x00000000d8a7a87900000000b14f50f300000000629ea1e700000000c53d43ce)
            mstore(add(k, 0x0c0), 0x000000008a7a879d0000000014f50f3b0000000029ea1e760000000053d43cec)
            mstore(add(k, 0x0e0), 0x00000000a7a879d8000000004f50f3b1000000009ea1e762000000003d43cec5)
            mstore(add(k, 0x100), 0x000000007a879d8a00000000f50f3b1400000000ea1e762900000000d43cec53)
            mstore(add(k, 0x120), 0x00000000a879d8a70000000050f3b14f00000000a1e7629e0000000043cec53d)
            mstore(add(k, 0x140), 0x00000000879d8a7a000000000f3b14f5000000001e7629ea000000003cec53d4)
            mstore(add(k, 0x160), 0x0000000079d8a7a800000000f3b14f5000000000e7629ea100000000cec53d43)
            mstore(add(k, 0x180), 0x000000009d8a7a87000000003b14f50f000000007629ea1e00000000ec53d43c)
            mstore(add(k, 0x1a0), 0x00000000d8a7a87900000000b14f50f300000000629ea1e700000000c53d43ce)
            mstore(add(k, 0x1c0), 0x000000008a7a879d0000000014f50f3b0000000029ea1e760000000053d43cec)
            mstore(add(k, 0x1e0), 0x00000000a7a879d8000000004f50f3b1000000009ea1e762000000003d43cec5)
        }
    }

    function compress(uint256 state, uint256 position) private pure {
        expand(state, position);
        rounds(state);
    }

    /// Writes the expanded message of the block at `position`: 68 words, eight bytes each.
    function expand(uint256 state, uint256 position) private pure {
        assembly ("memory-safe") {
            let w := add(state, add(STATE_BYTES, CONSTANTS_BYTES))
            for { let last := add(position, BLOCK_BYTES) } lt(position, last) { position := add(position, 16) } {
                let four := shr(128, mload(position))
                four := and(or(shl(64, four), four), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                mstore(w, and(or(shl(32, four), four), LANES))
                w := add(w, 32)
            }
            // The word after them is read before it is written: what lies there must not spill over.
            mstore(w, 0)
            // From here w is where the word stands that is sixteen before the first of the three being computed. A fourth comes with them, which
            // lacks what the first will be, and is written over with the next three.
            w := sub(w, 128)
            for { let last := add(w, 416) } lt(w, last) { w := add(w, 24) } {
                let t := xor(xor(mload(w), mload(add(w, 56))), and(shr(17, mul(mload(add(w, 104)), TWICE)), LANES))
                let twice := mul(t, TWICE)
                t := xor(xor(t, mload(add(w, 80))), xor(shr(17, twice), shr(9, twice)))
                mstore(add(w, 128), and(xor(t, shr(25, mul(mload(add(w, 24)), TWICE))), LANES))
            }
        }
    }

    /// The 64 rounds; the Boolean functions change after sixteen. The mask is read from memory: of a constant one the compiler spreads the expressions
    /// of one line over the next, and runs out of stack.
    function rounds(uint256 state) private pure {
        assembly ("memory-safe") {
            let a := mload(state)
            let b := mload(add(state, 0x20))
            let c := mload(add(state, 0x40))
            let d := mload(add(state, 0x60))
            let e := mload(add(state, 0x80))
            let f := mload(add(state, 0xa0))
            let g := mload(add(state, 0xc0))
            let h := mload(add(state, 0xe0))
            // Constants and words are read so that they end an EVM word; what stands before them is masked away with the carries.
            // The words are as far after the constants as these are long.
            let w := add(state, sub(STATE_BYTES, 24))
            {
                let word := mload(sub(state, 32))
                for { let last := add(w, 128) } lt(w, last) { w := add(w, 8) } {
                    let rotated := shr(20, mul(a, TWICE))
                    let first := shr(25, mul(and(add(add(rotated, e), mload(w)), word), TWICE))
                    let next := and(add(add(xor(xor(a, b), c), d), add(xor(first, rotated), xor(mload(add(w, 512)), mload(add(w, 544))))), word)
                    d := c
                    c := and(shr(23, mul(b, TWICE)), word)
                    b := a
                    a := next
                    next := and(add(add(xor(xor(e, f), g), h), add(first, mload(add(w, 512)))), word)
                    h := g
                    g := and(shr(13, mul(f, TWICE)), word)
                    f := e
                    rotated := mul(next, TWICE)
                    e := xor(next, and(xor(shr(23, rotated), shr(15, rotated)), word))
                }
                for { let last := add(w, 384) } lt(w, last) { w := add(w, 8) } {
                    let rotated := shr(20, mul(a, TWICE))
                    let first := shr(25, mul(and(add(add(rotated, e), mload(w)), word), TWICE))
                    let next := and(add(add(or(and(a, b), and(c, or(a, b))), d), add(xor(first, rotated), xor(mload(add(w, 512)), mload(add(w, 544))))), word)
                    d := c
                    c := and(shr(23, mul(b, TWICE)), word)
                    b := a
                    a := next
                    next := and(add(add(xor(g, and(e, xor(f, g))), h), add(first, mload(add(w, 512)))), word)
                    h := g
                    g := and(shr(13, mul(f, TWICE)), word)
                    f := e
                    rotated := mul(next, TWICE)
                    e := xor(next, and(xor(shr(23, rotated), shr(15, rotated)), word))
                }
            }
            // The state's place, told in another way: else the compiler keeps all of what was read above on the stack.
            state := sub(w, sub(add(STATE_BYTES, CONSTANTS_BYTES), 24))
            mstore(state, xor(mload(state), a))
            mstore(add(state, 0x20), xor(mload(add(state, 0x20)), b))
            mstore(add(state, 0x40), xor(mload(add(state, 0x40)), c))
            mstore(add(state, 0x60), xor(mload(add(state, 0x60)), d))
            mstore(add(state, 0x80), xor(mload(add(state, 0x80)), e))
            mstore(add(state, 0xa0), xor(mload(add(state, 0xa0)), f))
            mstore(add(state, 0xc0), xor(mload(add(state, 0xc0)), g))
            mstore(add(state, 0xe0), xor(mload(add(state, 0xe0)), h))
        }
    }
}
