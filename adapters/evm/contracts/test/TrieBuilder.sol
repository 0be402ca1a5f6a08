// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Rlp} from "./Rlp.sol";

/// Builds Merkle Patricia tries of keys of 32 bytes, with full branches down to a chosen depth (their other children are hashes of nothing), and
/// the shared proof of some keys in some order. Keys may be built in without a value: then their absence can be proven.
abstract contract TrieBuilder {
    /// A key with its value, or without (empty) when only its absence is of interest.
    struct Entry {
        bytes32 key;
        bytes value;
    }

    /// Hashed nodes of a key's path, deepest first.
    mapping(bytes32 root => mapping(bytes32 key => bytes32[])) private pathOf;
    mapping(bytes32 hash => bytes) private nodeOf;
    /// While a trie is built its root is not known.
    mapping(bytes32 key => bytes32[]) private pathBuilt;

    /// @param full Depth down to which every branch is full.
    function buildTrie(Entry[] memory entries, uint256 full) internal returns (bytes32 root) {
        bytes memory node = build(entries, 0, full);
        if (node.length == 0) return keccak256(hex"80");
        root = keccak256(node);
        if (node.length < 32) for (uint256 i = 0; i < entries.length; i++) record(entries[i].key, root, node);
        for (uint256 i = 0; i < entries.length; i++) {
            pathOf[root][entries[i].key] = pathBuilt[entries[i].key];
            delete pathBuilt[entries[i].key];
        }
    }

    /// The nodes in order of first need.
    function proveKeys(bytes32 root, bytes32[] memory keys) internal view returns (bytes memory nodes) {
        bytes32[] memory previous;
        for (uint256 i = 0; i < keys.length; i++) {
            bytes32[] memory path = pathOf[root][keys[i]];
            bool shared = true;
            for (uint256 depth = 0; depth < path.length; depth++) {
                bytes32 hash = path[path.length - 1 - depth];
                shared = shared && depth < previous.length && previous[previous.length - 1 - depth] == hash;
                if (!shared) nodes = bytes.concat(nodes, nodeOf[hash]);
            }
            previous = path;
        }
    }

    /// The node's RLP, empty when no entry has a value.
    function build(Entry[] memory entries, uint256 depth, uint256 full) private returns (bytes memory node) {
        (uint256 count, Entry memory one) = present(entries);
        if (count == 0) return "";
        if (count == 1 && depth >= full) {
            node = Rlp.list(bytes.concat(Rlp.encode(hexPrefix(one.key, depth, 64, true)), Rlp.encode(one.value)));
        } else {
            uint256 common = depth < full ? depth : commonDepth(entries, one.key, depth);
            node = common == depth ? buildBranch(entries, depth, full) : buildExtension(entries, one.key, depth, common);
        }
        if (node.length < 32) return node;
        for (uint256 i = 0; i < entries.length; i++) record(entries[i].key, keccak256(node), node);
    }

    function buildExtension(Entry[] memory entries, bytes32 key, uint256 depth, uint256 common) private returns (bytes memory) {
        Entry[] memory inside = entries;
        for (uint256 d = depth; d < common; d++) inside = filter(inside, d, nibble(key, d));
        bytes memory child = childOf(build(inside, common, 0));
        return Rlp.list(bytes.concat(Rlp.encode(hexPrefix(key, depth, common, false)), child));
    }

    function buildBranch(Entry[] memory entries, uint256 depth, uint256 full) private returns (bytes memory) {
        bytes memory items;
        for (uint8 n = 0; n < 16; n++) {
            Entry[] memory inside = filter(entries, depth, n);
            bytes memory child = build(inside, depth + 1, full);
            // An absent key needs its empty child; elsewhere a full branch has a hash.
            bool fill = child.length == 0 && depth < full && inside.length == 0;
            items = bytes.concat(items, fill ? Rlp.encode(keccak256(abi.encode("filler", entries[0].key, depth, n))) : childOf(child));
        }
        return Rlp.list(bytes.concat(items, hex"80"));
    }

    function childOf(bytes memory node) private pure returns (bytes memory) {
        if (node.length == 0) return hex"80";
        return node.length < 32 ? node : Rlp.encode(keccak256(node));
    }

    function record(bytes32 key, bytes32 hash, bytes memory node) private {
        pathBuilt[key].push(hash);
        nodeOf[hash] = node;
    }

    function present(Entry[] memory entries) private pure returns (uint256 count, Entry memory one) {
        for (uint256 i = 0; i < entries.length; i++) if (entries[i].value.length != 0) (count, one) = (count + 1, entries[i]);
    }

    /// The depth at which the keys that have values part.
    function commonDepth(Entry[] memory entries, bytes32 key, uint256 depth) private pure returns (uint256) {
        for (; depth < 64; depth++) {
            for (uint256 i = 0; i < entries.length; i++) {
                if (entries[i].value.length != 0 && nibble(entries[i].key, depth) != nibble(key, depth)) return depth;
            }
        }
        revert("equal keys");
    }

    function filter(Entry[] memory entries, uint256 depth, uint8 n) private pure returns (Entry[] memory inside) {
        uint256 count;
        for (uint256 i = 0; i < entries.length; i++) if (nibble(entries[i].key, depth) == n) count++;
        inside = new Entry[](count);
        for (uint256 i = entries.length; i > 0; i--) if (nibble(entries[i - 1].key, depth) == n) inside[--count] = entries[i - 1];
    }

    function nibble(bytes32 key, uint256 index) internal pure returns (uint8) {
        return uint8(uint256(key) >> (252 - 4 * index)) & 0x0f;
    }

    /// Nibbles `from` to `to` of a key behind the flag of a leaf or an extension.
    function hexPrefix(bytes32 key, uint256 from, uint256 to, bool leaf) internal pure returns (bytes memory path) {
        uint8 flag = leaf ? 2 : 0;
        if ((to - from) % 2 == 0) path = abi.encodePacked(flag << 4);
        else path = abi.encodePacked(((flag + 1) << 4) | nibble(key, from++));
        for (; from < to; from += 2) path = bytes.concat(path, bytes1((nibble(key, from) << 4) | nibble(key, from + 1)));
    }
}
