// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Claim, Status, UpdateResult} from "../../../src/interfaces/ILightClient.sol";
import {IQbftLightClient} from "../../../src/interfaces/IQbftLightClient.sol";
import {AccountProof} from "../../../src/libraries/AccountProof.sol";
import {MerklePatriciaProof} from "../../../src/libraries/MerklePatriciaProof.sol";
import {StorageProof} from "../../../src/libraries/StorageProof.sol";
import {QbftParameters, TrustLevel} from "../../../src/types/QbftParameters.sol";
import {Rlp} from "../../Rlp.sol";
import {ClientFixture} from "./ClientFixture.sol";

contract QbftLightClientTest is ClientFixture {
    event ConsensusState(uint64 indexed height, bytes32 storageRoot, uint64 time, bytes32 setHash);

    function refuse(bytes memory data, bytes4 rule) internal {
        uint256 before = client.heightCount();
        vm.expectPartialRevert(rule);
        client.update(data);
        assertEq(client.heightCount(), before, "nothing stored");
    }

    /// The arguments are there before the revert is expected: hashing them is a call, too.
    function refuseRead(uint64 height, bytes memory proof, Claim[] memory claims, bytes4 rule) internal {
        vm.expectPartialRevert(rule);
        client.verify(height, proof, claims);
    }

    function latest() internal view returns (uint64 height) {
        (, height, ) = client.status();
    }

    // What is stored.

    function test_the_initial_state() public view {
        assertEq(client.consensusStateHash(START), sha256(preimageOf(STORAGE0, T0, set4)), "slot");
        assertEq(client.heightCount(), 1, "count");
        assertEq(client.heightAt(0), START, "height");
        (Status state, uint64 height, uint64 time) = client.status();
        assertTrue(state == Status.Active && height == START && time == T0, "status");
        QbftParameters memory p = client.parameters();
        assertTrue(p.router == ROUTER && p.routerCodeHash == CODE_HASH && p.trustingPeriod == PERIOD && p.clockDrift == DRIFT, "parameters");
        assertTrue(client.absence() == Absence.State, "absence");
        (uint8 kind, uint16 k, uint16 n) = client.assurance();
        assertTrue(kind == 0 && k == 0 && n == 0, "assurance");
    }

    function test_an_update_is_stored() public {
        bytes memory data = updateTo(START + 7, T0 + 9, bytes32("storage 7"), set4, 1, 4);
        vm.expectEmit(true, true, true, true, address(client));
        emit ConsensusState(START + 7, bytes32("storage 7"), T0 + 9, sha256(set4));
        assertTrue(client.update(data) == UpdateResult.Update, "result");
        assertEq(client.consensusStateHash(START + 7), sha256(preimageOf(bytes32("storage 7"), T0 + 9, set4)), "slot");
        (, uint64 height, uint64 time) = client.status();
        assertTrue(height == START + 7 && time == T0 + 9, "latest");
    }

    function test_heights_are_kept_in_order() public {
        bytes32 previous = STORAGE0;
        for (uint64 i = 1; i <= 9; i++) {
            client.update(updateAfter(previous, T0, START + i * i));
            previous = bytes32(uint256(START + i * i));
        }
        assertEq(client.heightCount(), 10, "count");
        for (uint64 i = 0; i <= 9; i++) assertEq(client.heightAt(i), START + i * i, "height");
        assertEq(client.heightAt(10), 0, "beyond");
    }

    // Set changes, by rules (a), (b) and (d) of the design's section 4.1.

    function test_a_same_set_needs_its_quorum() public {
        refuse(updateTo(START + 1, T0, bytes32("s"), set4, 0, 0), IQbftLightClient.TooFewSeals.selector);
        refuse(updateTo(START + 1, T0, bytes32("s"), set4, 0, 2), IQbftLightClient.TooFewSeals.selector);
        client.update(updateTo(START + 1, T0, bytes32("s"), set4, 0, 3));
    }

    function test_b_an_added_validator() public {
        bytes memory set5 = setOf(0, 5);
        refuse(updateTo(START + 1, T0, bytes32("s"), set5, 0, 3), IQbftLightClient.TooFewSeals.selector);
        client.update(updateTo(START + 1, T0, bytes32("s"), set5, 1, 5));
        assertEq(client.consensusStateHash(START + 1), sha256(preimageOf(bytes32("s"), T0, set5)), "the new set is trusted");
        // From now on the old set alone is nothing: its state is not the latest.
        refuse(updateTo(START + 2, T0, bytes32("t"), set4, 0, 4), IQbftLightClient.ConsensusStateMismatch.selector);
    }

    function test_b_a_replaced_validator_needs_a_quorum_of_both_sets() public {
        bytes memory set = bytes.concat(setOf(0, 3), setOf(4, 5));
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("s"), CODE_HASH);
        HeaderParts memory parts = partsOf(START + 1, T0, root, set);
        bytes memory preimage = preimageOf(STORAGE0, T0, set4);
        // Three of the new set, two of whom the trusted set knows.
        bytes memory two = message(preimage, set4, withSeals(parts, sealsOf(parts, 0, 1, 4)), nodes);
        vm.expectRevert(abi.encodeWithSelector(IQbftLightClient.TooFewTrustedSeals.selector, 3, 2));
        client.update(two);
        // A seal by the one who left does not help: he is not in the set that the header lists.
        refuse(message(preimage, set4, sealedBy(parts, 0, 4), nodes), IQbftLightClient.SignerUnknown.selector);
        client.update(message(preimage, set4, withSeals(parts, sealsOf(parts, 0, 1, 2)), nodes));
    }

    function test_d_more_than_a_third_only_by_parameter_and_never_just_a_third() public {
        bytes memory set = bytes.concat(setOf(0, 2), setOf(4, 6));
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("s"), CODE_HASH);
        HeaderParts memory parts = partsOf(START + 1, T0, root, set);
        bytes memory data = message(preimageOf(STORAGE0, T0, set4), set4, withSeals(parts, sealsOf(parts, 0, 1, 4)), nodes);
        refuse(data, IQbftLightClient.TooFewTrustedSeals.selector);
        client = newClient(TrustLevel.OneThird, set4);
        client.update(data);

        // One of three trusted is a third, not more.
        bytes memory three = setOf(0, 3);
        set = bytes.concat(setOf(0, 1), setOf(4, 6));
        parts = partsOf(START + 1, T0, root, set);
        data = message(preimageOf(STORAGE0, T0, three), three, withSeals(parts, sealsOf(parts, 0, 4, 5)), nodes);
        client = newClient(TrustLevel.OneThird, three);
        vm.expectRevert(abi.encodeWithSelector(IQbftLightClient.TooFewTrustedSeals.selector, 2, 1));
        client.update(data);
        // And the new set's quorum is never waived.
        set = setOf(0, 5);
        refuse(message(preimageOf(STORAGE0, T0, three), three, sealedBy(partsOf(START + 1, T0, root, set), 0, 3), nodes), IQbftLightClient.TooFewSeals.selector);
    }

    function test_the_trusted_set_is_given_exactly_when_the_set_changes() public {
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("s"), CODE_HASH);
        bytes memory preimage = preimageOf(STORAGE0, T0, set4);
        bytes memory same = sealedBy(partsOf(START + 1, T0, root, set4), 0, 4);
        bytes memory changed = sealedBy(partsOf(START + 1, T0, root, setOf(0, 5)), 0, 5);
        refuse(message(preimage, set4, same, nodes), IQbftLightClient.TrustedSetSuperfluous.selector);
        refuse(message(preimage, "", changed, nodes), IQbftLightClient.TrustedSetMissing.selector);
        refuse(message(preimage, setOf(0, 3), changed, nodes), IQbftLightClient.TrustedSetMismatch.selector);
        refuse(message(preimage, bytes.concat(setOf(1, 4), setOf(0, 1)), changed, nodes), IQbftLightClient.TrustedSetMismatch.selector);
        refuse(message(preimage, new bytes(257 * 20), changed, nodes), IQbftLightClient.TooManyValidators.selector);
        // The same members in another order are another set: one that needs the trusted addresses.
        bytes memory reordered = bytes.concat(setOf(1, 4), setOf(0, 1));
        refuse(message(preimage, "", sealedBy(partsOf(START + 1, T0, root, reordered), 0, 4), nodes), IQbftLightClient.TrustedSetMissing.selector);
        client.update(message(preimage, set4, changed, nodes));
    }

    // Time.

    function test_time_does_not_fall_and_is_not_ahead() public {
        refuse(updateTo(START + 1, T0 - 1, bytes32("s"), set4, 0, 3), IQbftLightClient.TimeBeforeTrusted.selector);
        uint64 now_ = T0 + 60;
        refuse(updateTo(START + 1, now_ + DRIFT + 1, bytes32("s"), set4, 0, 3), IQbftLightClient.TimeInFuture.selector);
        client.update(updateTo(START + 1, T0, bytes32("equal"), set4, 0, 3));
        client = newClient(TrustLevel.Strict, set4);
        client.update(updateTo(START + 1, now_ + DRIFT, bytes32("s"), set4, 0, 3));
    }

    function test_trust_expires_with_the_period() public {
        bytes memory data = updateTo(START + 1, T0 + 5, bytes32("s"), set4, 0, 3);
        vm.warp(T0 + PERIOD);
        refuse(data, IQbftLightClient.TrustExpired.selector);
        (Status state, , ) = client.status();
        assertTrue(state == Status.Expired, "expired");
        refuseRead(START, preimageOf(STORAGE0, T0, set4), new Claim[](1), IQbftLightClient.TrustExpired.selector);
        vm.warp(T0 + PERIOD - 1);
        (state, , ) = client.status();
        assertTrue(state == Status.Active, "active");
        client.update(data);
        // A host that counts milliseconds.
        vm.warp(uint256(T0 + 5 + PERIOD) * 1000 - 1);
        (state, , ) = client.status();
        assertTrue(state == Status.Active, "active by milliseconds");
        vm.warp(uint256(T0 + 5 + PERIOD) * 1000);
        (state, , ) = client.status();
        assertTrue(state == Status.Expired, "expired by milliseconds");
    }

    // Heights.

    function test_a_lost_race_is_a_no_op_and_stores_nothing() public {
        bytes memory data = updateTo(START + 5, T0 + 5, bytes32("s"), set4, 0, 3);
        client.update(data);
        assertTrue(client.update(data) == UpdateResult.NoOp, "again");
        // Another relayer's selection of seals for the same block.
        assertTrue(client.update(updateTo(START + 5, T0 + 5, bytes32("s"), set4, 1, 4)) == UpdateResult.NoOp, "other seals");
        client.update(updateAfter(bytes32("s"), T0 + 5, START + 6));
        vm.recordLogs();
        assertTrue(client.update(data) == UpdateResult.NoOp, "later");
        assertEq(vm.getRecordedLogs().length, 0, "no event");
        assertEq(client.heightCount(), 3, "count");
        assertEq(latest(), START + 6, "latest");
    }

    function test_other_heights_that_are_not_above_the_latest_are_refused() public {
        client.update(updateTo(START + 5, T0 + 5, bytes32("s"), set4, 0, 3));
        bytes32 before = client.consensusStateHash(START + 5);
        refuse(updateTo(START + 5, T0 + 5, bytes32("other root"), set4, 0, 4), IQbftLightClient.NotNewer.selector);
        refuse(updateTo(START + 5, T0 + 6, bytes32("s"), set4, 0, 4), IQbftLightClient.NotNewer.selector);
        refuse(updateTo(START + 5, T0 + 5, bytes32("s"), setOf(0, 5), 0, 5), IQbftLightClient.NotNewer.selector);
        refuse(updateTo(START + 4, T0 + 5, bytes32("s"), set4, 0, 4), IQbftLightClient.NotNewer.selector);
        refuse(updateTo(0, T0 + 5, bytes32("s"), set4, 0, 4), IQbftLightClient.NotNewer.selector);
        assertEq(client.consensusStateHash(START + 5), before, "unchanged");
    }

    function test_updates_start_from_the_latest_state_only() public {
        client.update(updateTo(START + 5, T0 + 5, bytes32("s"), set4, 0, 3));
        refuse(updateTo(START + 6, T0 + 6, bytes32("t"), set4, 0, 3), IQbftLightClient.ConsensusStateMismatch.selector);
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("t"), CODE_HASH);
        bytes memory sealedHeader = sealedBy(partsOf(START + 6, T0 + 6, root, set4), 0, 3);
        refuse(message(preimageOf(bytes32("s"), T0 + 4, set4), "", sealedHeader, nodes), IQbftLightClient.ConsensusStateMismatch.selector);
        client.update(message(preimageOf(bytes32("s"), T0 + 5, set4), "", sealedHeader, nodes));
    }

    // The account.

    function test_the_router_s_account_is_proven() public {
        bytes memory preimage = preimageOf(STORAGE0, T0, set4);
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32("s"), keccak256("other code"));
        refuse(message(preimage, "", sealedBy(partsOf(START + 1, T0, root, set4), 0, 3), nodes), IQbftLightClient.CodeHashMismatch.selector);
        (root, nodes) = stateWith(address(0xdead), bytes32("s"), CODE_HASH);
        refuse(message(preimage, "", sealedBy(partsOf(START + 1, T0, root, set4), 0, 3), nodes), AccountProof.AccountAbsent.selector);
        (root, nodes) = stateWith(ROUTER, bytes32("s"), CODE_HASH);
        bytes memory sealedHeader = sealedBy(partsOf(START + 1, T0, root, set4), 0, 3);
        refuse(message(preimage, "", sealedHeader, ""), MerklePatriciaProof.ProofEmpty.selector);
        refuse(message(preimage, "", sealedHeader, bytes.concat(nodes, hex"80")), MerklePatriciaProof.ProofNodeUnused.selector);
        refuse(message(preimage, "", sealedBy(partsOf(START + 1, T0, bytes32("other"), set4), 0, 3), nodes), MerklePatriciaProof.ProofNodeHashMismatch.selector);
        client.update(message(preimage, "", sealedHeader, nodes));
    }

    function test_an_account_of_another_form_is_refused() public {
        bytes memory front = bytes.concat(Rlp.encode(uint256(1)), Rlp.encode(uint256(0)));
        (bytes memory root, bytes memory code) = (Rlp.encode(bytes32("s")), Rlp.encode(CODE_HASH));
        bytes memory items = bytes.concat(front, root, code);
        refuseAccount(Rlp.encode(items), 4);
        refuseAccount(bytes.concat(Rlp.list(items), hex"80"), 4);
        refuseAccount(Rlp.list(bytes.concat(items, hex"80")), 4);
        // As long as it has to be, and the right bytes behind the head of another length.
        refuseAccount(Rlp.list(bytes.concat(front, hex"9f", bytes32("s"), code)), 2);
        refuseAccount(Rlp.list(bytes.concat(front, root, hex"9f", CODE_HASH)), 3);
    }

    function refuseAccount(bytes memory account, uint256 field) internal {
        Entry[] memory entries = new Entry[](1);
        entries[0] = Entry(keccak256(abi.encodePacked(ROUTER)), account);
        bytes32 root = buildTrie(entries, 0);
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = entries[0].key;
        bytes memory data = message(
            preimageOf(STORAGE0, T0, set4), "", sealedBy(partsOf(START + 1, T0, root, set4), 0, 3), proveKeys(root, keys)
        );
        vm.expectRevert(abi.encodeWithSelector(AccountProof.AccountMalformed.selector, field));
        client.update(data);
    }

    // Whole messages.

    function test_every_prefix_and_every_flipped_bit_of_an_update_is_refused() public {
        bytes memory data = updateTo(START + 1, T0, bytes32("s"), set4, 0, 3);
        uint256 id = vm.snapshotState();
        for (uint256 length = 0; length < data.length; length++) {
            bytes memory cut = bytes.concat(data);
            assembly {
                mstore(cut, length)
            }
            tryUpdate(cut);
            assembly {
                mstore(0x40, cut)
            }
        }
        for (uint256 bit = 0; bit < data.length * 8; bit++) {
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            tryUpdate(data);
            data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        assertEq(client.heightCount(), 1, "nothing stored");
        vm.revertToState(id);
        client.update(data);
    }

    function tryUpdate(bytes memory data) internal {
        try client.update(data) returns (UpdateResult) {
            revert("accepted");
        } catch (bytes memory reason) {
            assertTrue(reason.length >= 4 && bytes4(reason) != 0x4e487b71, "a rule, no panic");
        }
    }

    function testFuzz_no_bytes_panic(bytes calldata data) public {
        tryUpdate(data);
        tryUpdate(bytes.concat(preimageOf(STORAGE0, T0, set4), hex"0000", data));
    }

    // Reads.

    function test_claims_are_verified_under_a_stored_state() public {
        bytes memory path = abi.encodePacked("lighterman-0", uint8(2), uint64(7));
        bytes memory absent = abi.encodePacked("lighterman-0", uint8(3), uint64(7));
        Entry[] memory entries = new Entry[](2);
        entries[0] = Entry(keccak256(abi.encode(sha256(path))), Rlp.encode(abi.encodePacked(bytes32("commitment"))));
        entries[1] = Entry(keccak256(abi.encode(sha256(absent))), "");
        bytes32 storageRoot = buildTrie(entries, 1);
        bytes32[] memory keys = new bytes32[](2);
        (keys[0], keys[1]) = (entries[0].key, entries[1].key);
        client.update(updateTo(START + 1, T0 + 3, storageRoot, set4, 0, 3));

        Claim[] memory claims = new Claim[](2);
        (claims[0].path, claims[1].path) = (new bytes[](1), new bytes[](1));
        (claims[0].path[0], claims[0].value, claims[1].path[0]) = (path, abi.encode(bytes32("commitment")), absent);
        bytes memory nodes = proveKeys(storageRoot, keys);
        bytes memory proof = bytes.concat(preimageOf(storageRoot, T0 + 3, set4), nodes);
        assertEq(client.verify(START + 1, proof, claims), T0 + 3, "time");

        refuseRead(START, proof, claims, IQbftLightClient.ConsensusStateMismatch.selector);
        refuseRead(START + 2, proof, claims, IQbftLightClient.ConsensusStateUnknown.selector);
        refuseRead(START + 1, bytes.concat(preimageOf(storageRoot, T0 + 4, set4), nodes), claims, IQbftLightClient.ConsensusStateMismatch.selector);
        refuseRead(START + 1, "", claims, IQbftLightClient.MessageTruncated.selector);
        refuseRead(START + 1, proof, new Claim[](0), StorageProof.ClaimsEmpty.selector);
        refuseRead(START + 1, preimageOf(storageRoot, T0 + 3, set4), claims, MerklePatriciaProof.ProofEmpty.selector);
        claims[0].value = abi.encode(bytes32("other"));
        refuseRead(START + 1, proof, claims, StorageProof.ValueMismatch.selector);
    }

    /// Seals by three validators, in that order.
    function sealsOf(HeaderParts memory parts, uint256 a, uint256 b, uint256 c) internal pure returns (bytes memory) {
        bytes32 digest = digestOf(parts);
        return bytes.concat(Rlp.encode(sealBy(keyOf(a), digest)), Rlp.encode(sealBy(keyOf(b), digest)), Rlp.encode(sealBy(keyOf(c), digest)));
    }
}
