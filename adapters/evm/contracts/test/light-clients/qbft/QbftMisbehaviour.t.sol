// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim, Status, UpdateResult} from "../../../src/interfaces/ILightClient.sol";
import {IQbftLightClient} from "../../../src/interfaces/IQbftLightClient.sol";
import {AccountProof} from "../../../src/libraries/AccountProof.sol";
import {MerklePatriciaProof} from "../../../src/libraries/MerklePatriciaProof.sol";
import {ClientFixture} from "./ClientFixture.sol";

/// Evidence: two blocks of one height under the set that the stored states around it show, each bound to the chain by the Router's account.
contract QbftMisbehaviourTest is ClientFixture {
    event Frozen(uint64 height, bytes32 hashA, bytes32 hashB);

    /// States at 100, 110 and 120, all of the first set.
    function setUp() public override {
        super.setUp();
        client.update(updateAfter(STORAGE0, T0, 110));
        client.update(updateAfter(bytes32(uint256(110)), T0, 120));
    }

    /// The preimage of what is stored at 100, 110 or 120.
    function preimage(uint64 height) internal view returns (bytes memory) {
        return preimageOf(height == START ? STORAGE0 : bytes32(uint256(height)), T0, set4);
    }

    function state(uint64 height) internal view returns (bytes memory) {
        return bytes.concat(bytes8(height), preimage(height));
    }

    /// A block of the first set in whose state the Router has this storage root.
    function block_(uint64 height, bytes32 storageRoot) internal returns (HeaderParts memory) {
        return blockOf(height, storageRoot, set4);
    }

    function blockOf(uint64 height, bytes32 storageRoot, bytes memory set) internal returns (HeaderParts memory) {
        (bytes32 root, ) = stateWith(ROUTER, storageRoot, CODE_HASH);
        return partsOf(height, T0 + 1, root, set);
    }

    /// The header as evidence holds it: sealed by validators `from` to `to - 1`, and the Router's account under its state root.
    function bound(HeaderParts memory parts, uint256 from, uint256 to) internal view returns (bytes memory) {
        return withNodes(sealedBy(parts, from, to), nodesUnder(parts));
    }

    function withNodes(bytes memory sealedHeader, bytes memory nodes) internal pure returns (bytes memory) {
        return bytes.concat(sealedHeader, bytes2(uint16(nodes.length)), nodes);
    }

    /// The Router's account proof under the state root of a header that was made here.
    function nodesUnder(HeaderParts memory parts) internal view returns (bytes memory) {
        bytes memory item = parts.stateRoot;
        bytes32 root;
        assembly {
            root := mload(add(item, 33))
        }
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = keccak256(abi.encodePacked(ROUTER));
        return proveKeys(root, keys);
    }

    function between(uint64 lower, uint64 upper, bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return bytes.concat(state(lower), hex"01", state(upper), a, b);
    }

    function afterLatest(bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return bytes.concat(state(120), hex"00", a, b);
    }

    function refuse(bytes memory evidence, bytes4 rule) internal {
        vm.expectPartialRevert(rule);
        client.misbehaviour(evidence);
        (Status found, , ) = client.status();
        assertTrue(found == Status.Active, "not frozen");
    }

    function accept(bytes memory evidence) internal {
        uint256 id = vm.snapshotState();
        assertTrue(client.misbehaviour(evidence) == UpdateResult.Misbehaviour, "result");
        (Status found, , ) = client.status();
        assertTrue(found == Status.Frozen, "frozen");
        vm.revertToState(id);
    }

    function test_two_certified_blocks_freeze_the_client_for_good() public {
        (HeaderParts memory a, HeaderParts memory b) = (block_(115, bytes32("a")), block_(115, bytes32("b")));
        bytes memory evidence = between(110, 120, bound(a, 0, 3), bound(b, 1, 4));
        bytes memory update = updateAfter(bytes32(uint256(120)), T0, 130);
        vm.expectEmit(true, true, true, true, address(client));
        emit Frozen(115, hashOf(a), hashOf(b));
        assertTrue(client.misbehaviour(evidence) == UpdateResult.Misbehaviour, "result");
        (Status found, uint64 height, ) = client.status();
        assertTrue(found == Status.Frozen && height == 120, "frozen");
        assertTrue(client.misbehaviour(evidence) == UpdateResult.NoOp, "again");
        assertTrue(client.misbehaviour("") == UpdateResult.NoOp, "whatever comes");
        vm.expectPartialRevert(IQbftLightClient.ClientFrozen.selector);
        client.update(update);
        bytes memory proof = preimage(120);
        vm.expectPartialRevert(IQbftLightClient.ClientFrozen.selector);
        client.verify(120, proof, new Claim[](1));
    }

    function test_at_a_stored_height_between_two_and_above_the_latest() public {
        for (uint64 height = 110; height < 120; height++) {
            accept(between(110, 120, bound(block_(height, bytes32("a")), 0, 3), bound(block_(height, bytes32("b")), 0, 3)));
        }
        accept(afterLatest(bound(block_(120, bytes32("a")), 0, 3), bound(block_(120, bytes32("b")), 0, 3)));
        accept(afterLatest(bound(block_(999, bytes32("a")), 0, 3), bound(block_(999, bytes32("b")), 0, 3)));
        accept(between(100, 110, bound(block_(100, bytes32("a")), 0, 3), bound(block_(100, bytes32("b")), 0, 3)));
    }

    function test_the_states_named_are_the_ones_around_the_height() public {
        (bytes memory a, bytes memory b) = (bound(block_(115, bytes32("a")), 0, 3), bound(block_(115, bytes32("b")), 0, 3));
        bytes4 unknown = IQbftLightClient.ConsensusStateUnknown.selector;
        refuse(between(100, 110, a, b), unknown);
        refuse(between(100, 120, a, b), unknown);
        refuse(between(110, 110, a, b), unknown);
        refuse(between(120, 110, a, b), unknown);
        refuse(between(110, 100, a, b), unknown);
        refuse(bytes.concat(state(110), hex"00", a, b), unknown);
        refuse(bytes.concat(state(100), hex"00", a, b), unknown);
        refuse(afterLatest(a, b), unknown);
        refuse(bytes.concat(bytes8(uint64(111)), preimage(110), hex"01", state(120), a, b), unknown);
        refuse(bytes.concat(state(110), hex"01", bytes8(uint64(119)), preimage(120), a, b), unknown);
        bytes4 mismatch = IQbftLightClient.ConsensusStateMismatch.selector;
        refuse(bytes.concat(bytes8(uint64(110)), preimage(100), hex"01", state(120), a, b), mismatch);
        refuse(bytes.concat(state(110), hex"01", bytes8(uint64(120)), preimage(110), a, b), mismatch);
        accept(between(110, 120, a, b));
        // At the height of a stored state, that one or the one below it.
        (a, b) = (bound(block_(120, bytes32("a")), 0, 3), bound(block_(120, bytes32("b")), 0, 3));
        accept(between(110, 120, a, b));
        accept(afterLatest(a, b));
        refuse(between(100, 110, a, b), unknown);
        (a, b) = (bound(block_(121, bytes32("a")), 0, 3), bound(block_(121, bytes32("b")), 0, 3));
        refuse(between(110, 120, a, b), unknown);
    }

    function test_one_block_is_no_misbehaviour_whatever_its_round_and_seals() public {
        HeaderParts memory a = block_(115, bytes32("a"));
        refuse(between(110, 120, bound(a, 0, 3), bound(a, 1, 4)), IQbftLightClient.HeadersIdentical.selector);
        HeaderParts memory later = block_(115, bytes32("a"));
        later.round = hex"03";
        refuse(between(110, 120, bound(a, 0, 3), bound(later, 0, 3)), IQbftLightClient.HeadersIdentical.selector);
        bytes memory other = bound(block_(116, bytes32("a")), 0, 3);
        refuse(between(110, 120, bound(a, 0, 3), other), IQbftLightClient.HeightsDiffer.selector);
    }

    function test_both_blocks_need_the_quorum() public {
        (HeaderParts memory a, HeaderParts memory b) = (block_(115, bytes32("a")), block_(115, bytes32("b")));
        bytes4 few = IQbftLightClient.TooFewSeals.selector;
        refuse(between(110, 120, bound(a, 0, 2), bound(b, 0, 3)), few);
        refuse(between(110, 120, bound(a, 0, 3), bound(b, 0, 2)), few);
        refuse(between(110, 120, bound(a, 0, 3), bound(b, 1, 5)), IQbftLightClient.SignerUnknown.selector);
        b.mixHash = hex"a00000000000000000000000000000000000000000000000000000000000000001";
        refuse(between(110, 120, bound(a, 0, 3), bound(b, 0, 3)), IQbftLightClient.MixHashMismatch.selector);
    }

    /// A second block cannot be excused by the set that it lists; but without a header that lists the stored set nothing is known.
    function test_one_header_lists_the_stored_set() public {
        HeaderParts memory a = block_(115, bytes32("a"));
        HeaderParts memory b = blockOf(115, bytes32("b"), setOf(9, 10));
        accept(between(110, 120, bound(a, 0, 3), bound(b, 0, 3)));
        accept(between(110, 120, bound(b, 0, 3), bound(a, 0, 3)));
        // Sealed by the set of its own choosing.
        refuse(between(110, 120, bound(a, 0, 3), bound(b, 9, 10)), IQbftLightClient.SignerUnknown.selector);
        HeaderParts memory c = blockOf(115, bytes32("c"), setOf(9, 10));
        refuse(between(110, 120, bound(b, 0, 3), bound(c, 0, 3)), IQbftLightClient.SetUnknownAtHeight.selector);
    }

    /// A header that the client followed, and that its forgers let name another set, is shown to be forged by the set below it.
    function test_a_client_that_was_misled_is_frozen() public {
        bytes memory set5 = setOf(0, 5);
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("five"), CODE_HASH);
        client.update(message(preimage(120), set4, sealedBy(partsOf(130, T0, root, set5), 0, 4), nodes));
        bytes memory upper = bytes.concat(bytes8(uint64(130)), preimageOf(bytes32("five"), T0, set5));
        bytes memory around = bytes.concat(state(120), hex"01", upper);
        bytes memory stored = bound(partsOf(130, T0, root, set5), 0, 4);
        bytes memory honest = bound(block_(130, bytes32("a")), 0, 4);
        accept(bytes.concat(around, stored, honest));
        accept(bytes.concat(around, honest, stored));
        accept(bytes.concat(around, bound(block_(125, bytes32("a")), 0, 3), bound(block_(125, bytes32("b")), 0, 3)));
        // By the set that the stored one lists nothing is shown, and above it nothing is known of the old set.
        bytes memory few = bound(block_(130, bytes32("a")), 0, 3);
        refuse(bytes.concat(upper, hex"00", stored, few), IQbftLightClient.TooFewSeals.selector);
        (bytes memory a, bytes memory b) = (bound(block_(131, bytes32("a")), 0, 4), bound(block_(131, bytes32("b")), 0, 4));
        refuse(bytes.concat(upper, hex"00", a, b), IQbftLightClient.SetUnknownAtHeight.selector);
        refuse(bytes.concat(around, a, b), IQbftLightClient.ConsensusStateUnknown.selector);
    }

    /// A validator that seals another chain too signs a block of each at one height and lies to nobody.
    function test_both_blocks_are_bound_to_the_chain() public {
        HeaderParts memory a = block_(115, bytes32("a"));
        bytes memory ours = bound(a, 0, 3);
        bytes4 otherCode = IQbftLightClient.CodeHashMismatch.selector;
        (bytes32 root, ) = stateWith(ROUTER, bytes32("a"), keccak256("the router of another chain"));
        HeaderParts memory b = partsOf(115, T0 + 1, root, set4);
        refuse(between(110, 120, ours, bound(b, 0, 3)), otherCode);
        refuse(between(110, 120, bound(b, 0, 3), ours), otherCode);
        (root, ) = stateWith(address(0xdead), bytes32("a"), CODE_HASH);
        b = partsOf(115, T0 + 1, root, set4);
        refuse(between(110, 120, ours, bound(b, 0, 3)), AccountProof.AccountAbsent.selector);
        refuse(between(110, 120, bound(b, 0, 3), ours), AccountProof.AccountAbsent.selector);

        b = block_(115, bytes32("b"));
        bytes memory bare = sealedBy(b, 0, 3);
        refuse(between(110, 120, ours, withNodes(bare, "")), MerklePatriciaProof.ProofEmpty.selector);
        refuse(between(110, 120, withNodes(bare, ""), ours), MerklePatriciaProof.ProofEmpty.selector);
        // What proves one block's state says nothing of the other's.
        refuse(between(110, 120, ours, withNodes(bare, nodesUnder(a))), MerklePatriciaProof.ProofNodeHashMismatch.selector);
        refuse(between(110, 120, withNodes(bare, nodesUnder(a)), ours), MerklePatriciaProof.ProofNodeHashMismatch.selector);
        refuse(between(110, 120, ours, withNodes(bare, bytes.concat(nodesUnder(b), hex"80"))), MerklePatriciaProof.ProofNodeUnused.selector);
        accept(between(110, 120, ours, withNodes(bare, nodesUnder(b))));
    }

    function test_the_longest_account_proof() public {
        HeaderParts memory a = block_(115, bytes32("a"));
        bytes memory b = sealedBy(block_(115, bytes32("b")), 0, 3);
        // As long as its two bytes of length can say: read, and then wrong.
        refuse(between(110, 120, bound(a, 0, 3), withNodes(b, new bytes(65_535))), MerklePatriciaProof.ProofNodeHashMismatch.selector);
    }

    function test_evidence_of_another_form() public {
        (bytes memory a, bytes memory b) = (bound(block_(115, bytes32("a")), 0, 3), bound(block_(115, bytes32("b")), 0, 3));
        refuse(bytes.concat(between(110, 120, a, b), hex"80"), IQbftLightClient.EvidenceMalformed.selector);
        refuse(bytes.concat(state(110), hex"02", state(120), a, b), IQbftLightClient.EvidenceMalformed.selector);
        refuse(between(110, 120, a, ""), IQbftLightClient.HeaderMalformed.selector);
        bytes memory alone = sealedBy(block_(115, bytes32("b")), 0, 3);
        refuse(between(110, 120, a, alone), IQbftLightClient.MessageTruncated.selector);
        refuse(between(110, 120, a, bytes.concat(alone, hex"0001")), IQbftLightClient.MessageTruncated.selector);
        bytes memory whole = between(110, 120, a, b);
        for (uint256 length = 0; length < whole.length; length += 7) {
            bytes memory cut = bytes.concat(whole);
            assembly {
                mstore(cut, length)
            }
            try client.misbehaviour(cut) {
                revert("accepted");
            } catch (bytes memory reason) {
                assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
            }
        }
    }
}
