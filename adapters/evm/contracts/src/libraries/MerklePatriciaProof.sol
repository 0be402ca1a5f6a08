// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {HashMode} from "../types/HashMode.sol";
import {Hash} from "./Hash.sol";
import {RlpReader} from "./RlpReader.sol";

/// Proofs about several keys of one Merkle Patricia trie with keys of 32 bytes, sharing nodes. The nodes are RLP items one after another, in
/// order of first need: a key's path is walked from the root; as long as it runs through the nodes of the key before it, those are used again,
/// and from there on each node is the next of the list and must have the hash that its parent names. So a list of keys has one proof, and every
/// node must be used (`finish`). Children shorter than 32 bytes lie in their parent. The empty trie has no node.
/// Source: Ethereum Yellow Paper, appendices C and D.
library MerklePatriciaProof {
    /// Keccak-256 of the empty string's RLP: the root of a trie with no key.
    bytes32 internal constant EMPTY_ROOT = 0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421;
    /// A full branch has 532 bytes, a leaf of these tries less than 200.
    uint256 internal constant MAX_NODE_BYTES = 1_024;

    uint256 private constant KEY_NIBBLES = 64;
    /// Every node but the leaf uses a nibble of the key at least.
    uint256 private constant MAX_DEPTH = 65;
    /// Payload of a branch with 16 hashed children: 16 * 33 + 1 bytes. No other branch is as long.
    uint256 private constant FULL_BRANCH_BYTES = 529;
    /// Its table of children (`tableOf`): 33 bytes each.
    uint256 private constant FULL_BRANCH_TABLE = 0x2100420063008400a500c600e701080129014a016b018c01ad01ce01ef;

    /// What is wrong with a node.
    enum NodeFault {
        /// Not RLP, or no list.
        Rlp,
        /// Neither 2 nor 17 items.
        ItemCount,
        /// A child that is neither empty, nor a hash, nor a list of less than 32 bytes.
        Child,
        /// A path that is no byte string or has an unknown flag or a padding that is not zero.
        HexPrefix,
        /// A branch with a value: keys of one length end in leaves.
        BranchValue,
        /// An extension with an empty path.
        EmptyExtension,
        /// An extension that leads nowhere.
        ExtensionChild,
        /// A leaf whose value is a list.
        LeafValue
    }

    /// There is no node though the trie is not empty.
    error ProofEmpty(bytes32 expected);
    /// The list of nodes ends before the node of this hash.
    error ProofNodeMissing(bytes32 expected);
    /// Bytes are left when all keys are proven.
    error ProofNodeUnused(uint256 expected, uint256 foundBytes);
    error ProofNodeHashMismatch(bytes32 expected, bytes32 found);
    error ProofNodeMalformed(NodeFault fault);
    /// The nodes lead past the key's 64 nibbles, or a leaf ends elsewhere.
    error ProofPathTooLong(uint256 expected, uint256 found);
    error NodeTooLarge(uint256 maximum, uint256 found);

    /// The state of a proof between two keys.
    /// @param mode Hashing mode of the host.
    /// @param root Root of the trie.
    /// @param first Calldata position of the first node.
    /// @param position Calldata position of the next unused node.
    /// @param end Where the nodes end.
    /// @param depth How many hashed nodes the last key's path has.
    /// @param stack Memory position of these nodes: hash, payload position << 128 | payload end, table of children.
    /// @param scratch Memory position where a node is copied to be hashed.
    struct Proof {
        HashMode mode;
        bytes32 root;
        uint256 first;
        uint256 position;
        uint256 end;
        uint256 depth;
        uint256 stack;
        uint256 scratch;
    }

    /// Where a node leads.
    enum Step {
        Absent,
        Present,
        Hashed,
        Embedded
    }

    /// Begins a proof.
    /// @param mode Hashing mode of the host.
    /// @param root Root of the trie.
    /// @param position Calldata position of the first node.
    /// @param end Where the nodes end.
    function begin(HashMode mode, bytes32 root, uint256 position, uint256 end) internal pure returns (Proof memory proof) {
        uint256 stack;
        assembly ("memory-safe") {
            stack := mload(0x40)
            mstore(0x40, add(stack, add(mul(MAX_DEPTH, 96), MAX_NODE_BYTES)))
        }
        (proof.mode, proof.root) = (mode, root);
        (proof.first, proof.position, proof.end) = (position, position, end);
        (proof.stack, proof.scratch) = (stack, stack + MAX_DEPTH * 96);
    }

    /// Walks the path of the next key.
    /// @param proof The proof begun before.
    /// @param key A key of the trie, hashed already.
    /// @return present Whether the trie has the key.
    /// @return start Calldata position of its value, when present.
    /// @return end Where the value ends.
    function walk(Proof memory proof, uint256 key) internal pure returns (bool present, uint256 start, uint256 end) {
        bytes32 wanted = proof.root;
        if (wanted == EMPTY_ROOT) return (false, 0, 0);
        uint256 shared = proof.depth;
        uint256 depth;
        uint256 nibble;
        Step step = Step.Hashed;
        while (step == Step.Hashed || step == Step.Embedded) {
            uint256 table;
            if (step == Step.Embedded) {
                table = tableOf(start, end);
            } else {
                if (depth < shared) (shared, start, end, table) = reuse(proof, depth, wanted, shared);
                if (depth >= shared) {
                    shared = 0;
                    (start, end, table) = consume(proof, depth, wanted);
                }
                depth++;
            }
            if (table == 0) (step, nibble, start, end) = followPath(key, nibble, start, end);
            else (step, nibble, start, end) = followBranch(key, nibble, start, table);
            assembly ("memory-safe") {
                wanted := calldataload(start)
            }
        }
        proof.depth = depth;
        return (step == Step.Present, start, end);
    }

    /// Demands that every node was used.
    function finish(Proof memory proof) internal pure {
        if (proof.position != proof.end) revert ProofNodeUnused(0, proof.end - proof.position);
    }

    /// The node at `depth` of the last path when it is the one wanted; otherwise nothing is shared from here on.
    function reuse(Proof memory proof, uint256 depth, bytes32 wanted, uint256 shared)
        private
        pure
        returns (uint256 stillShared, uint256 start, uint256 end, uint256 table)
    {
        bytes32 hash;
        uint256 place;
        uint256 stack = proof.stack;
        assembly ("memory-safe") {
            let entry := add(stack, mul(depth, 96))
            hash := mload(entry)
            place := mload(add(entry, 32))
            table := mload(add(entry, 64))
        }
        return hash == wanted ? (shared, place >> 128, place & type(uint128).max, table) : (0, 0, 0, 0);
    }

    /// Takes the next node of the list, which must have the hash `wanted`.
    /// @return payload Where its payload begins.
    /// @return next Where it ends.
    /// @return table Its children, 0 when it is no branch.
    function consume(Proof memory proof, uint256 depth, bytes32 wanted) private pure returns (uint256 payload, uint256 next, uint256 table) {
        uint256 position = proof.position;
        bool isList;
        (isList, payload, next) = readHead(proof, position, wanted);
        uint256 scratch = proof.scratch;
        uint256 length;
        unchecked {
            length = next - position;
        }
        if (length > MAX_NODE_BYTES) revert NodeTooLarge(MAX_NODE_BYTES, length);
        assembly ("memory-safe") {
            calldatacopy(scratch, position, length)
        }
        bytes32 found = Hash.keccakAt(proof.mode, scratch, length);
        if (found != wanted) revert ProofNodeHashMismatch(wanted, found);
        if (!isList) revert ProofNodeMalformed(NodeFault.Rlp);
        proof.position = next;
        table = tableOf(payload, next);
        uint256 stack = proof.stack;
        assembly ("memory-safe") {
            let entry := add(stack, mul(depth, 96))
            mstore(entry, wanted)
            mstore(add(entry, 32), or(shl(128, payload), next))
            mstore(add(entry, 64), table)
        }
    }

    /// Reads the head of the node at `position`: those of nodes of 58 bytes and more here, the others where RLP is read.
    function readHead(Proof memory proof, uint256 position, bytes32 wanted) private pure returns (bool isList, uint256 payload, uint256 next) {
        uint256 end = proof.end;
        uint256 head;
        assembly ("memory-safe") {
            head := shr(232, calldataload(position))
        }
        unchecked {
            uint256 length;
            if (head >> 16 == 0xf9) (payload, length) = (position + 3, head & 0xffff);
            else if (head >> 16 == 0xf8) (payload, length) = (position + 2, (head >> 8) & 0xff);
            // Each of the two heads stands for lengths of its own.
            next = payload + length;
            if (length > (head >> 16 == 0xf9 ? 0xff : 55) && next <= end) return (true, payload, next);
        }
        if (position == end) {
            if (position == proof.first) revert ProofEmpty(wanted);
            revert ProofNodeMissing(wanted);
        }
        RlpReader.Fault fault;
        (fault, isList, payload, next) = RlpReader.tryItem(position, end);
        if (fault != RlpReader.Fault.None) revert ProofNodeMalformed(NodeFault.Rlp);
    }

    /// Reads a node: that of 17 items as a branch, that of 2 items is left to `followPath`.
    /// @param start Where its payload begins.
    /// @param end Where it ends.
    /// @return table Where the children of a branch begin: 16 times 16 bits, counted from `start`, child 0 in the highest. 0: no branch.
    function tableOf(uint256 start, uint256 end) private pure returns (uint256 table) {
        unchecked {
            if (end - start == FULL_BRANCH_BYTES && isFullBranch(start)) return FULL_BRANCH_TABLE;
            uint256 position;
            bool children;
            (table, position, children) = readChildren(start);
            // What was read beyond the end, if anything, leaves the position there.
            if (children && position + 1 == end && RlpReader.headAt(position) == 0x80) return table;
            (RlpReader.Fault fault, , , uint256 next) = RlpReader.tryItem(start, end);
            if (fault == RlpReader.Fault.None) {
                (fault, , , next) = RlpReader.tryItem(next, end);
                if (fault == RlpReader.Fault.None && next == end) return 0;
            }
            if (!children) revert ProofNodeMalformed(NodeFault.Child);
            if (position < end && RlpReader.headAt(position) != 0x80) revert ProofNodeMalformed(NodeFault.BranchValue);
            revert ProofNodeMalformed(NodeFault.ItemCount);
        }
    }

    /// Reads 16 children as far as they are some: empty, a hash, or a list of less than 32 bytes in all.
    /// @return table As of `tableOf`.
    /// @return position Where they end.
    /// @return complete Whether all 16 are of these forms.
    function readChildren(uint256 start) private pure returns (uint256 table, uint256 position, bool complete) {
        assembly ("memory-safe") {
            position := start
            let index := 16
            for { } index { index := sub(index, 1) } {
                table := or(shl(16, table), sub(position, start))
                let head := byte(0, calldataload(position))
                let width := 1
                if iszero(eq(head, 0x80)) {
                    width := 33
                    if iszero(eq(head, 0xa0)) {
                        if or(lt(head, 0xc0), gt(head, 0xde)) { break }
                        width := sub(head, 0xbf)
                    }
                }
                position := add(position, width)
            }
            complete := iszero(index)
        }
    }

    /// Whether the 529 bytes at `start` are 16 hashes and an empty value.
    function isFullBranch(uint256 start) private pure returns (bool full) {
        assembly ("memory-safe") {
            // Only the first byte of the words counts in the end: the heads of the children.
            let heads := shl(248, 0xa0)
            let other := xor(calldataload(start), heads)
            for { let position := add(start, 33) let last := add(start, 528) } lt(position, last) { position := add(position, 165) } {
                other := or(other, xor(calldataload(position), heads))
                other := or(other, xor(calldataload(add(position, 33)), heads))
                other := or(other, xor(calldataload(add(position, 66)), heads))
                other := or(other, xor(calldataload(add(position, 99)), heads))
                other := or(other, xor(calldataload(add(position, 132)), heads))
            }
            other := or(other, xor(calldataload(add(start, 528)), shl(248, 0x80)))
            full := iszero(byte(0, other))
        }
    }

    /// Follows `key` at `nibble` to one child of a branch.
    /// @return step Where it leads.
    /// @return nextNibble The first nibble not used yet.
    /// @return first Position of the child's hash, or of the embedded child's payload.
    /// @return last Where that ends.
    function followBranch(uint256 key, uint256 nibble, uint256 start, uint256 table)
        private
        pure
        returns (Step step, uint256 nextNibble, uint256 first, uint256 last)
    {
        if (nibble == KEY_NIBBLES) revert ProofPathTooLong(KEY_NIBBLES, KEY_NIBBLES + 1);
        unchecked {
            nextNibble = nibble + 1;
            first = start + ((table >> (240 - 16 * nibbleAt(key, nibble))) & 0xffff) + 1;
            uint256 head = RlpReader.headAt(first - 1);
            if (head == 0xa0) return (Step.Hashed, nextNibble, first, first + 32);
            if (head != 0x80) return (Step.Embedded, nextNibble, first, first + head - 0xc0);
        }
    }

    /// Follows `key` from `nibble` through a node of two items: an extension or a leaf.
    /// @return step Where it leads.
    /// @return nextNibble The first nibble not used yet.
    /// @return first Position of the child's hash, or of the embedded child's payload, or of the value.
    /// @return last Where that ends.
    function followPath(uint256 key, uint256 nibble, uint256 start, uint256 end)
        private
        pure
        returns (Step step, uint256 nextNibble, uint256 first, uint256 last)
    {
        // That there are these two items, and no more, is known from `tableOf`.
        (, bool pathIsList, uint256 path, uint256 pathEnd) = RlpReader.tryItem(start, end);
        if (pathIsList) revert ProofNodeMalformed(NodeFault.HexPrefix);
        bool childIsList;
        (, childIsList, first, last) = RlpReader.tryItem(pathEnd, end);
        (step, nextNibble) = matchPath(key, nibble, path, pathEnd - path, childIsList, last - first);
    }

    /// Compares a path in hex-prefix encoding with the key, and checks the child or value of `length` payload bytes behind it.
    function matchPath(uint256 key, uint256 nibble, uint256 path, uint256 pathBytes, bool childIsList, uint256 length)
        private
        pure
        returns (Step step, uint256 nextNibble)
    {
        unchecked {
            uint256 flags = RlpReader.headAt(path);
            // 0 and 1: an extension, 2 and 3: a leaf; odd: the first nibble of the path stands beside the flag, else a zero does.
            bool odd = flags & 0x10 != 0;
            if (pathBytes == 0 || flags > 0x3f || (!odd && flags & 0x0f != 0)) revert ProofNodeMalformed(NodeFault.HexPrefix);
            nextNibble = nibble + 2 * (pathBytes - 1) + (odd ? 1 : 0);
            if (flags >= 0x20) {
                if (childIsList) revert ProofNodeMalformed(NodeFault.LeafValue);
                if (nextNibble != KEY_NIBBLES) revert ProofPathTooLong(KEY_NIBBLES, nextNibble);
                step = Step.Present;
            } else {
                if (nextNibble == nibble) revert ProofNodeMalformed(NodeFault.EmptyExtension);
                if (childIsList ? length > 30 : length != 32) revert ProofNodeMalformed(NodeFault.ExtensionChild);
                // What follows an extension uses a nibble at least.
                if (nextNibble >= KEY_NIBBLES) revert ProofPathTooLong(KEY_NIBBLES, nextNibble);
                step = childIsList ? Step.Embedded : Step.Hashed;
            }
            uint256 nibbles;
            assembly ("memory-safe") {
                nibbles := shl(mul(4, odd), calldataload(add(path, iszero(odd))))
            }
            // Of the word only the path's nibbles count; a shift by 256 leaves none.
            if ((nibbles ^ (key << (4 * nibble))) >> (256 - 4 * (nextNibble - nibble)) != 0) step = Step.Absent;
        }
    }

    function nibbleAt(uint256 key, uint256 index) private pure returns (uint256) {
        unchecked {
            return (key >> (252 - 4 * index)) & 0x0f;
        }
    }
}
