// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {StoreTree, TreeHash} from "../types/TendermintParameters.sol";
import {TreeHashing} from "./TreeHashing.sol";

/// Proofs by the rules of ICS-23: existence and absence of a key in a binary Merkle tree whose leaves are sorted. Where ICS-23 bounds a node's form,
/// the forms here are exact: a step is one of the two that the tree's own code writes, so that no node has a second reading.
///
/// - existence: 1, path. Path: leaf prefix, count of steps 1, steps from the leaf to the root. Step: prefix, suffix. Prefixes and suffixes: length 1,
///   bytes.
/// - absence: 2, twice a flag 1 (1: a neighbour follows), first left, then right. Neighbour: length of its key 2, key, hash of its value 32, path.
///
/// Source: cosmos/ics23 `go/v0.11.0`, `proof.go` and `ops.go`, as ibc-go v10.3.0 uses it.
library Ics23 {
    /// How the nodes of a tree are written.
    enum Nodes {
        /// Prefixes 00 and 01: the simple Merkle tree over the roots of all stores.
        Simple,
        /// Height, size and version in front, and a length before each hash.
        Iavl,
        /// Words in front; leaves hold the hashes of the keys.
        Jmt
    }

    /// A part of a message that is read from its front.
    /// @param position Where the next byte is in calldata.
    /// @param end Where the message ends.
    struct Reader {
        uint256 position;
        uint256 end;
    }

    /// What a path has shown, besides its root. Bits count from the leaf.
    /// @param count How many steps it has.
    /// @param right Bit i: at step i the path comes up on the right.
    /// @param empty Bit i: nothing is on the other side of step i.
    /// @param digests Memory position of a hash of each step's bytes, which only tells whether two steps are the same.
    struct Path {
        uint256 count;
        uint256 right;
        uint256 empty;
        uint256 digests;
    }

    /// The tree and the root in which keys are looked for.
    struct Tree {
        TreeHash hash;
        Nodes nodes;
        bytes32 root;
    }

    uint256 private constant MAX_STEPS = 128;
    uint256 private constant MAX_NEIGHBOUR_KEY_BYTES = 1024;
    uint256 private constant EXISTENCE = 1;
    uint256 private constant ABSENCE = 2;
    /// The most bytes of height, size and version together in a node of IAVL.
    uint256 private constant MAX_IAVL_HEADER_BYTES = 11;
    uint256 private constant MAX_IAVL_VARINT_BYTES = 9;
    bytes32 private constant PLACEHOLDER = "SPARSE_MERKLE_PLACEHOLDER_HASH__";
    bytes32 private constant JMT_LEAF = "JMT::LeafNode";
    bytes32 private constant JMT_INNER = "JMT::IntrnalNode";

    /// The proof ends early.
    error MessageTruncated(uint256 expected, uint256 found);
    /// Neither a kind of proof nor a flag.
    error ProofMalformed(uint256 maximum, uint256 found);
    /// Presence is claimed with a proof of absence, or the reverse.
    error ProofKindMismatch(uint256 expected, uint256 found);
    error TooManySteps(uint256 maximum, uint256 found);
    /// What precedes the key in the leaf is not what the tree writes there.
    error LeafPrefixMalformed();
    /// What surrounds the child's hash in the node at a step, counted from 1 at the leaf, is not what the tree writes there.
    error StepMalformed(uint256 number);
    /// The path leads to another root.
    error RootMismatch(bytes32 expected, bytes32 found);
    error NeighbourMalformed(uint256 maximum, uint256 found);
    error NeighboursMissing();
    error KeyNotBetween();
    error NotLeftmost();
    error NotRightmost();
    error NotNeighbours();

    /// Takes one proof and verifies that `valueHash` is the hash of what lies at `key`, or that nothing does. A proof of existence may stand for
    /// absence when it shows a value that is as good as nothing.
    /// @param tree Where.
    /// @param reader Moved past the proof.
    /// @param key Not empty.
    /// @param present Whether something is to lie there.
    /// @param valueHash Hash of that, or of what is as good as nothing; 0 when only absence will do.
    function verify(Tree memory tree, Reader memory reader, bytes memory key, bool present, bytes32 valueHash) internal view {
        uint256 kind = take(reader, 1);
        if (kind != EXISTENCE && kind != ABSENCE) revert ProofMalformed(ABSENCE, kind);
        if (kind == EXISTENCE) {
            if (valueHash == 0) revert ProofKindMismatch(ABSENCE, kind);
            walk(tree, reader, key, valueHash);
        } else {
            if (present) revert ProofKindMismatch(EXISTENCE, kind);
            verifyAbsence(tree, reader, key);
        }
    }

    /// 1. At least one neighbour is given, and each lies under the root. 2. The key is between them. 3. No other leaf is: the right one is the first,
    /// or the left one the last, or the two are next to each other.
    function verifyAbsence(Tree memory tree, Reader memory reader, bytes memory key) private view {
        (bool hasLeft, bytes memory leftKey, Path memory left) = neighbour(tree, reader);
        (bool hasRight, bytes memory rightKey, Path memory right) = neighbour(tree, reader);
        if (!hasLeft && !hasRight) revert NeighboursMissing();
        if (hasRight && !isBelow(tree, key, rightKey)) revert KeyNotBetween();
        if (hasLeft && !isBelow(tree, leftKey, key)) revert KeyNotBetween();
        if (!hasLeft) {
            if (!isLeftmost(right, right.count)) revert NotLeftmost();
        } else if (!hasRight) {
            if (!isRightmost(left, left.count)) revert NotRightmost();
        } else if (!areNeighbours(left, right)) {
            revert NotNeighbours();
        }
    }

    function neighbour(Tree memory tree, Reader memory reader) private view returns (bool given, bytes memory key, Path memory path) {
        uint256 flag = take(reader, 1);
        if (flag > 1) revert ProofMalformed(1, flag);
        if (flag == 0) return (false, key, path);
        uint256 length = take(reader, 2);
        if (length == 0 || length > MAX_NEIGHBOUR_KEY_BYTES) revert NeighbourMalformed(MAX_NEIGHBOUR_KEY_BYTES, length);
        key = new bytes(length);
        uint256 position = skip(reader, length);
        assembly ("memory-safe") {
            calldatacopy(add(key, 32), position, length)
        }
        bytes32 valueHash = bytes32(take(reader, 32));
        path = walk(tree, reader, key, valueHash);
        given = true;
    }

    /// Whether the paths part with the left one coming up on the left and the right one on the right, with nothing between.
    function areNeighbours(Path memory left, Path memory right) private pure returns (bool) {
        uint256 a = left.count;
        uint256 b = right.count;
        unchecked {
            while (a != 0 && b != 0 && digestAt(left, a - 1) == digestAt(right, b - 1)) (a, b) = (a - 1, b - 1);
            if (a == 0 || b == 0) return false;
            (a, b) = (a - 1, b - 1);
            if ((left.right >> a) & 1 != 0 || (right.right >> b) & 1 != 1) return false;
        }
        return isRightmost(left, a) && isLeftmost(right, b);
    }

    /// Whether each of the first `count` steps comes up on the left, or has nothing there.
    function isLeftmost(Path memory path, uint256 count) private pure returns (bool) {
        return path.right & ~path.empty & ((1 << count) - 1) == 0;
    }

    function isRightmost(Path memory path, uint256 count) private pure returns (bool) {
        return ~path.right & ~path.empty & ((1 << count) - 1) == 0;
    }

    /// Keys in the order of the tree's leaves.
    function isBelow(Tree memory tree, bytes memory a, bytes memory b) private view returns (bool) {
        if (tree.nodes == Nodes.Jmt) return hashOf(tree.hash, a) < hashOf(tree.hash, b);
        uint256 common = a.length < b.length ? a.length : b.length;
        unchecked {
            for (uint256 i = 0; i < common; i += 32) {
                uint256 wordA;
                uint256 wordB;
                assembly ("memory-safe") {
                    wordA := mload(add(add(a, 32), i))
                    wordB := mload(add(add(b, 32), i))
                }
                if (common - i < 32) {
                    // What follows the shorter key is no part of it.
                    uint256 surplus = 8 * (32 - (common - i));
                    (wordA, wordB) = (wordA >> surplus, wordB >> surplus);
                }
                if (wordA != wordB) return wordA < wordB;
            }
        }
        return a.length < b.length;
    }

    /// Reads a path and demands that it leads from the leaf to the root.
    function walk(Tree memory tree, Reader memory reader, bytes memory key, bytes32 valueHash) private view returns (Path memory path) {
        bytes32 digest = leafHash(tree, reader, key, valueHash);
        uint256 count = take(reader, 1);
        if (count > MAX_STEPS) revert TooManySteps(MAX_STEPS, count);
        path.count = count;
        path.digests = TreeHashing.allocate(32 * count);
        // Two lengths of one byte, 255 bytes each, and the hash between.
        uint256 buffer = TreeHashing.allocate(544);
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                uint256 start = reader.position;
                uint256 prefixLength = take(reader, 1);
                uint256 prefix = skip(reader, prefixLength);
                uint256 suffixLength = take(reader, 1);
                uint256 suffix = skip(reader, suffixLength);
                (uint256 side, uint256 sibling) = place(tree.nodes, i + 1, prefix, prefixLength, suffix, suffixLength);
                path.right |= side << i;
                if (tree.nodes == Nodes.Jmt && wordAt(sibling) == PLACEHOLDER) path.empty |= 1 << i;
                bytes32 bytesDigest;
                assembly ("memory-safe") {
                    let length := sub(add(suffix, suffixLength), start)
                    calldatacopy(buffer, start, length)
                    bytesDigest := keccak256(buffer, length)
                    calldatacopy(buffer, prefix, prefixLength)
                    mstore(add(buffer, prefixLength), digest)
                    calldatacopy(add(add(buffer, prefixLength), 32), suffix, suffixLength)
                }
                TreeHashing.setWord(path.digests, i, bytesDigest);
                digest = TreeHashing.ofMemoryAt(tree.hash, buffer, prefixLength + 32 + suffixLength);
            }
        }
        if (digest != tree.root) revert RootMismatch(tree.root, digest);
    }

    /// Simple and IAVL: prefix ‖ length of the key ‖ key ‖ 20 ‖ hash of the value. Jellyfish: prefix ‖ hash of the key ‖ hash of the value.
    function leafHash(Tree memory tree, Reader memory reader, bytes memory key, bytes32 valueHash) private view returns (bytes32) {
        uint256 length = take(reader, 1);
        uint256 prefix = skip(reader, length);
        if (!isLeafPrefix(tree.nodes, prefix, length)) revert LeafPrefixMalformed();
        bytes memory front = new bytes(length);
        assembly ("memory-safe") {
            calldatacopy(add(front, 32), prefix, length)
        }
        if (tree.nodes == Nodes.Jmt) return hashOf(tree.hash, abi.encodePacked(front, hashOf(tree.hash, key), valueHash));
        // A key is shorter than 2^14 bytes where it is a neighbour's, and of any length where the claim names it.
        return hashOf(tree.hash, abi.encodePacked(front, varint(key.length), key, bytes1(0x20), valueHash));
    }

    function isLeafPrefix(Nodes nodes, uint256 position, uint256 length) private pure returns (bool) {
        bytes32 word = wordAt(position);
        if (nodes == Nodes.Simple) return length == 1 && bytes1(word) == 0x00;
        if (nodes == Nodes.Jmt) return length == 13 && bytes13(word) == bytes13(JMT_LEAF);
        // Height 0 and size 1, then the version and nothing more.
        if (length < 3 || bytes2(word) != 0x0002) return false;
        (bool ok, , uint256 next) = iavlNumber(position + 2, position + length);
        return ok && next == position + length;
    }

    /// The form of a step.
    /// @return right 1 when the path comes up on the right.
    /// @return sibling Where the other hash is.
    function place(Nodes nodes, uint256 number, uint256 prefix, uint256 prefixLength, uint256 suffix, uint256 suffixLength)
        private
        pure
        returns (uint256 right, uint256 sibling)
    {
        unchecked {
            if (nodes == Nodes.Iavl) {
                uint256 header = iavlHeader(number, prefix, prefix + prefixLength);
                uint256 rest = prefixLength - header;
                bytes32 word = wordAt(prefix + header);
                if (header > MAX_IAVL_HEADER_BYTES || rest == 0 || bytes1(word) != 0x20) revert StepMalformed(number);
                if (rest == 1 && suffixLength == 33 && bytes1(wordAt(suffix)) == 0x20) return (0, suffix + 1);
                if (rest == 34 && suffixLength == 0 && bytes1(wordAt(prefix + prefixLength - 1)) == 0x20) return (1, prefix + header + 1);
            } else {
                bytes32 word = wordAt(prefix);
                uint256 mark = nodes == Nodes.Simple ? 1 : 16;
                if (nodes == Nodes.Simple ? bytes1(word) != 0x01 : bytes16(word) != bytes16(JMT_INNER)) revert StepMalformed(number);
                if (prefixLength == mark && suffixLength == 32) return (0, suffix);
                if (prefixLength == mark + 32 && suffixLength == 0) return (1, prefix + mark);
            }
            revert StepMalformed(number);
        }
    }

    /// @return length Of height, size and version together; the height is that of a node so many steps above a leaf.
    function iavlHeader(uint256 number, uint256 position, uint256 end) private pure returns (uint256 length) {
        (bool ok, uint256 height, uint256 next) = iavlNumber(position, end);
        if (!ok || height < number) revert StepMalformed(number);
        (ok, , next) = iavlNumber(next, end);
        if (!ok) revert StepMalformed(number);
        (ok, , next) = iavlNumber(next, end);
        if (!ok) revert StepMalformed(number);
        return next - position;
    }

    /// A number of IAVL's nodes, written as a signed one (zigzag) and never negative.
    function iavlNumber(uint256 position, uint256 end) private pure returns (bool ok, uint256 number, uint256 next) {
        unchecked {
            for (uint256 i = 0; i < MAX_IAVL_VARINT_BYTES && position < end; i++) {
                uint256 value;
                assembly ("memory-safe") {
                    value := byte(0, calldataload(position))
                }
                position++;
                number |= (value & 0x7f) << (7 * i);
                if (value < 0x80) return (number & 1 == 0, number >> 1, position);
            }
        }
        return (false, 0, position);
    }

    function varint(uint256 number) private pure returns (bytes memory encoded) {
        while (number >= 0x80) {
            encoded = abi.encodePacked(encoded, bytes1(uint8(number | 0x80)));
            number >>= 7;
        }
        return abi.encodePacked(encoded, bytes1(uint8(number)));
    }

    function hashOf(TreeHash hash, bytes memory data) private view returns (bytes32) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return TreeHashing.ofMemoryAt(hash, pointer, data.length);
    }

    function digestAt(Path memory path, uint256 index) private pure returns (bytes32 digest) {
        uint256 digests = path.digests;
        assembly ("memory-safe") {
            digest := mload(add(digests, shl(5, index)))
        }
    }

    /// Takes a number of at most 32 bytes.
    function take(Reader memory reader, uint256 length) internal pure returns (uint256 number) {
        uint256 position = skip(reader, length);
        unchecked {
            return uint256(wordAt(position)) >> (256 - 8 * length);
        }
    }

    /// Passes over bytes, and says where they are.
    function skip(Reader memory reader, uint256 length) internal pure returns (uint256 position) {
        position = reader.position;
        unchecked {
            if (reader.end - position < length) revert MessageTruncated(length, reader.end - position);
            reader.position = position + length;
        }
    }

    function wordAt(uint256 position) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }

    /// @return nodes How a store's tree is written.
    function nodesOf(StoreTree tree) internal pure returns (Nodes nodes) {
        return tree == StoreTree.Iavl ? Nodes.Iavl : Nodes.Jmt;
    }
}
