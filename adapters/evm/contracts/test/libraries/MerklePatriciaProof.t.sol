// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../../src/interfaces/ILightClient.sol";
import {MerklePatriciaProof} from "../../src/libraries/MerklePatriciaProof.sol";
import {StorageProof} from "../../src/libraries/StorageProof.sol";
import {OPCODE} from "../../src/types/HashMode.sol";
import {Rlp} from "../Rlp.sol";
import {TrieBuilder} from "../TrieBuilder.sol";
import {Test} from "../Vm.sol";
import {QbftHarness} from "../harness/QbftHarness.sol";

/// Proofs out of tries that the tests build; single rules about a node's form are in the shared vectors (`test/vectors`).
contract MerklePatriciaProofTest is TrieBuilder, Test {
    QbftHarness harness = new QbftHarness();

    /// `count` slots with values and `ghosts` without, by a seed.
    function slotsOf(uint256 seed, uint256 count, uint256 ghosts) internal pure returns (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) {
        slots = new bytes32[](count + ghosts);
        values = new bytes[](count + ghosts);
        entries = new Entry[](count + ghosts);
        for (uint256 i = 0; i < slots.length; i++) {
            slots[i] = keccak256(abi.encode(seed, i));
            uint256 value = uint256(keccak256(abi.encode("value", seed, i))) >> (8 * (i % 32));
            if (i < count) values[i] = abi.encode(value == 0 ? 1 : value);
            bytes memory leaf = i < count ? Rlp.encode(value == 0 ? 1 : value) : bytes("");
            entries[i] = Entry(keccak256(abi.encode(slots[i])), leaf);
        }
    }

    function keysOf(bytes32[] memory slots) internal pure returns (bytes32[] memory keys) {
        keys = new bytes32[](slots.length);
        for (uint256 i = 0; i < slots.length; i++) keys[i] = keccak256(abi.encode(slots[i]));
    }

    /// Presence and absence together in any order, some slots twice, under branches that are full down to some depth.
    function testFuzz_what_a_trie_holds_is_proven(uint256 seed, uint8 count, uint8 ghosts, uint8 full) public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(seed, 1 + count % 12, ghosts % 6);
        bytes32 root = buildTrie(entries, full % 4);
        uint256 total = slots.length + 3;
        bytes32[] memory asked = new bytes32[](total);
        bytes[] memory said = new bytes[](total);
        for (uint256 i = 0; i < total; i++) {
            uint256 pick = uint256(keccak256(abi.encode(seed, "order", i))) % slots.length;
            (asked[i], said[i]) = (slots[pick], values[pick]);
        }
        bytes memory nodes = proveKeys(root, keysOf(asked));
        harness.verifySlots(root, nodes, asked, said);
        // The proof is the only one: nothing may follow, nothing may be missing.
        expectAnyRevert(root, bytes.concat(nodes, hex"80"), asked, said);
        assembly {
            mstore(nodes, sub(mload(nodes), 1))
        }
        expectAnyRevert(root, nodes, asked, said);
    }

    /// A claim that is not so is refused by the rule about it, whichever claim of several it is.
    function testFuzz_false_claims_are_refused(uint256 seed, uint8 which, uint8 how) public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(seed, 6, 3);
        bytes32 root = buildTrie(entries, 1);
        bytes memory nodes = proveKeys(root, keysOf(slots));
        uint256 index = which % slots.length;
        if (values[index].length == 0) {
            values[index] = abi.encode(seed | 1);
            vm.expectPartialRevert(StorageProof.ValueAbsent.selector);
        } else if (how % 2 == 0) {
            values[index] = "";
            vm.expectPartialRevert(StorageProof.ValuePresent.selector);
        } else {
            values[index] = abi.encode(uint256(bytes32(values[index])) ^ (1 << (how % 200)) | (1 << 201));
            vm.expectPartialRevert(StorageProof.ValueMismatch.selector);
        }
        harness.verifySlots(root, nodes, slots, values);
    }

    /// The proof of one slot proves no other, and none under another root.
    function testFuzz_another_slot_or_root_is_refused(uint256 seed, bytes32 other) public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(seed, 1, 0);
        vm.assume(other != slots[0]);
        bytes32 root = buildTrie(entries, 3);
        bytes memory nodes = proveKeys(root, keysOf(slots));
        vm.expectPartialRevert(MerklePatriciaProof.ProofNodeHashMismatch.selector);
        harness.verifySlots(other, nodes, slots, values);
        slots[0] = other;
        expectAnyRevert(root, nodes, slots, values);
    }

    function test_any_flipped_bit_is_refused() public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(7, 3, 1);
        bytes32 root = buildTrie(entries, 1);
        bytes memory nodes = proveKeys(root, keysOf(slots));
        for (uint256 bit = 0; bit < nodes.length * 8; bit++) {
            nodes[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            try harness.verifySlots(root, nodes, slots, values) {
                revert(string.concat("accepted with bit ", vm.toString(bit), " flipped"));
            } catch {}
            nodes[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        harness.verifySlots(root, nodes, slots, values);
    }

    function test_an_empty_proof_proves_nothing() public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(1, 1, 1);
        bytes32 root = buildTrie(entries, 0);
        vm.expectRevert(abi.encodeWithSelector(MerklePatriciaProof.ProofEmpty.selector, root));
        harness.verifySlots(root, "", slots, values);
        values[0] = "";
        vm.expectRevert(abi.encodeWithSelector(MerklePatriciaProof.ProofEmpty.selector, root));
        harness.verifySlots(root, "", slots, values);
        vm.expectRevert(StorageProof.ClaimsEmpty.selector);
        harness.verifySlots(root, "", new bytes32[](0), new bytes[](0));
    }

    function test_the_empty_trie_holds_nothing() public {
        bytes32 root = keccak256(hex"80");
        assertEq(root, MerklePatriciaProof.EMPTY_ROOT, "root");
        bytes32[] memory slots = new bytes32[](2);
        bytes[] memory values = new bytes[](2);
        harness.verifySlots(root, "", slots, values);
        vm.expectRevert(abi.encodeWithSelector(MerklePatriciaProof.ProofNodeUnused.selector, 0, 1));
        harness.verifySlots(root, hex"80", slots, values);
        values[1] = abi.encode(1);
        vm.expectPartialRevert(StorageProof.ValueAbsent.selector);
        harness.verifySlots(root, "", slots, values);
    }

    /// A node that the path before has used must not be listed again, and may not be left out when another path lay between.
    function test_sharing_is_forced_and_only_with_the_claim_before() public {
        (bytes32[] memory slots, bytes[] memory values, Entry[] memory entries) = slotsOf(3, 2, 0);
        bytes32 root = buildTrie(entries, 2);
        bytes memory both = proveKeys(root, keysOf(slots));
        harness.verifySlots(root, both, slots, values);
        bytes32[] memory one = new bytes32[](1);
        one[0] = slots[0];
        bytes memory first = proveKeys(root, keysOf(one));
        one[0] = slots[1];
        bytes memory second = proveKeys(root, keysOf(one));
        assertTrue(both.length < first.length + second.length, "the root is shared");
        expectAnyRevert(root, bytes.concat(first, second), slots, values);

        bytes32[] memory three = new bytes32[](3);
        bytes[] memory said = new bytes[](3);
        (three[0], three[1], three[2]) = (slots[0], slots[1], slots[0]);
        (said[0], said[1], said[2]) = (values[0], values[1], values[0]);
        harness.verifySlots(root, proveKeys(root, keysOf(three)), three, said);
        vm.expectPartialRevert(MerklePatriciaProof.ProofNodeMissing.selector);
        harness.verifySlots(root, both, three, said);
    }

    /// As long as a full branch, and none: its children are read before it is taken for one.
    function test_a_node_of_a_full_branch_s_length_is_read() public {
        bytes32[] memory slots = new bytes32[](1);
        bytes[] memory values = new bytes[](1);
        bytes memory hashes;
        for (uint256 i = 0; i < 14; i++) hashes = bytes.concat(hashes, Rlp.encode(keccak256(abi.encode(i))));
        bytes memory two = bytes.concat(Rlp.encode(keccak256("x")), Rlp.encode(keccak256("y")));
        bytes memory uneven = bytes.concat(hex"a1", new bytes(33), hex"9f", new bytes(31));
        bytes[5] memory payloads = [
            bytes.concat(uneven, hashes, hex"80"),
            bytes.concat(hashes, uneven, hex"80"),
            bytes.concat(hashes, two, hex"01"),
            bytes.concat(hashes, Rlp.encode(keccak256("x")), hex"df", new bytes(31), hex"8080"),
            bytes.concat(hashes, two, hex"c0")
        ];
        MerklePatriciaProof.NodeFault[5] memory faults = [
            MerklePatriciaProof.NodeFault.Child,
            MerklePatriciaProof.NodeFault.Child,
            MerklePatriciaProof.NodeFault.BranchValue,
            MerklePatriciaProof.NodeFault.Child,
            MerklePatriciaProof.NodeFault.BranchValue
        ];
        for (uint256 i = 0; i < payloads.length; i++) {
            assertEq(payloads[i].length, 529, "length");
            bytes memory node = Rlp.list(payloads[i]);
            vm.expectRevert(abi.encodeWithSelector(MerklePatriciaProof.ProofNodeMalformed.selector, faults[i]));
            harness.verifySlots(keccak256(node), node, slots, values);
        }
    }

    /// A leaf's two items in a byte string are no leaf, though the root is that string's hash.
    function test_a_node_in_a_byte_string_is_refused() public {
        bytes32[] memory slots = new bytes32[](1);
        bytes[] memory values = new bytes[](1);
        values[0] = abi.encode(5);
        bytes memory items = bytes.concat(Rlp.encode(hexPrefix(keccak256(abi.encode(slots[0])), 0, 64, true)), hex"05");
        bytes memory node = Rlp.list(items);
        harness.verifySlots(keccak256(node), node, slots, values);
        node = Rlp.encode(items);
        vm.expectRevert(abi.encodeWithSelector(MerklePatriciaProof.ProofNodeMalformed.selector, MerklePatriciaProof.NodeFault.Rlp));
        harness.verifySlots(keccak256(node), node, slots, values);
    }

    /// Two keys that part at the last nibble: their leaves lie in the branch, which is hashed below an extension of 63 nibbles.
    function test_children_that_lie_in_their_parent() public {
        Entry[] memory entries = new Entry[](3);
        bytes32 key = keccak256("key") & ~bytes32(uint256(0xf));
        entries[0] = Entry(key, hex"05");
        entries[1] = Entry(key | bytes32(uint256(9)), hex"07");
        entries[2] = Entry(key | bytes32(uint256(3)), "");
        bytes32 root = buildTrie(entries, 0);
        bytes32[] memory keys = new bytes32[](3);
        for (uint256 i = 0; i < 3; i++) keys[i] = entries[i].key;
        bytes memory nodes = proveKeys(root, keys);
        assertEq(this.valueOf(root, nodes, keys[0]), hex"05", "first");
        assertEq(this.valueOf(root, nodes, keys[1]), hex"07", "second");
        assertEq(this.valueOf(root, nodes, keys[2]), "", "third");
        assertEq(this.valueOf(root, nodes, ~keys[2]), "", "away from the extension");
    }

    function valueOf(bytes32 root, bytes calldata nodes, bytes32 key) external pure returns (bytes memory) {
        uint256 position;
        assembly {
            position := nodes.offset
        }
        MerklePatriciaProof.Proof memory proof = MerklePatriciaProof.begin(OPCODE, root, position, position + nodes.length);
        (bool present, uint256 start, uint256 end) = MerklePatriciaProof.walk(proof, uint256(key));
        return present ? nodes[start - position:end - position] : nodes[:0];
    }

    function test_claims_are_looked_at_before_they_are_believed() public {
        Claim[] memory claims = new Claim[](1);
        claims[0].path = new bytes[](2);
        vm.expectRevert(abi.encodeWithSelector(StorageProof.PathMalformed.selector, 0, 1, 2));
        harness.verifyMembership(MerklePatriciaProof.EMPTY_ROOT, "", claims);
        claims[0].path = new bytes[](1);
        claims[0].value = new bytes(31);
        vm.expectRevert(abi.encodeWithSelector(StorageProof.ClaimValueMalformed.selector, 0, 32, 31));
        harness.verifyMembership(MerklePatriciaProof.EMPTY_ROOT, "", claims);
        claims[0].value = new bytes(32);
        vm.expectRevert(abi.encodeWithSelector(StorageProof.ClaimValueMalformed.selector, 0, 32, 0));
        harness.verifyMembership(MerklePatriciaProof.EMPTY_ROOT, "", claims);
        claims = new Claim[](257);
        vm.expectRevert(abi.encodeWithSelector(StorageProof.TooManyClaims.selector, 256, 257));
        harness.verifyMembership(MerklePatriciaProof.EMPTY_ROOT, "", claims);
    }

    function testFuzz_no_bytes_are_taken_for_a_proof(bytes calldata nodes, bytes32 root, bool present) public view {
        bytes32[] memory slots = new bytes32[](1);
        bytes[] memory values = new bytes[](1);
        if (present) values[0] = abi.encode(1);
        try harness.verifySlots(root, nodes, slots, values) {
            revert("accepted");
        } catch (bytes memory reason) {
            assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
        }
    }

    /// The same with a root that fits the bytes: what is refused then is refused for its form.
    function testFuzz_no_node_panics(bytes calldata node, bool present) public view {
        bytes32[] memory slots = new bytes32[](1);
        bytes[] memory values = new bytes[](1);
        if (present) values[0] = abi.encode(1);
        bytes memory whole = Rlp.list(node);
        try harness.verifySlots(keccak256(whole), whole, slots, values) {
            assertTrue(!present, "only absence can be guessed");
        } catch (bytes memory reason) {
            assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
        }
    }

    function expectAnyRevert(bytes32 root, bytes memory nodes, bytes32[] memory slots, bytes[] memory values) internal view {
        (bool ok, ) = address(harness).staticcall(abi.encodeCall(harness.verifySlots, (root, nodes, slots, values)));
        assertTrue(!ok, "accepted");
    }
}
