// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Claim, Status} from "../../src/interfaces/ILightClient.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {Packet} from "../../src/types/Packet.sol";
import {TwoRouters} from "../TwoRouters.sol";
import {MockApplication} from "../mocks/MockApplication.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

/// Acknowledgements and timeouts.
contract RouterSettleTest is TwoRouters {
    function _delivered() private returns (Packet memory packet) {
        packet = send("a");
        recv(far, packet);
    }

    function _pending(Packet memory packet) private view returns (bool) {
        return home.router.value(commitmentSlot(packet)) != 0;
    }

    // ---- acknowledgements ----

    function test_acknowledgement_clears_the_commitment_and_tells_the_application() public {
        Packet memory packet = _delivered();
        vm.expectEmit();
        emit IRouter.AckPacket(home.clientId, 1, relayer);
        ack(home, packet, hex"01");
        assertTrue(!_pending(packet), "cleared");
        assertEq(source.lastAcknowledgement(), hex"01", "told what");
        assertEq(source.relayerSeen(), relayer, "told who");
    }

    function test_a_repeated_acknowledgement_is_a_no_op_without_proof() public {
        Packet memory packet = _delivered();
        ack(home, packet, hex"01");
        home.router.ackPackets(one(packet), answers(hex"01"), 1, "no proof at all");
        assertEq(source.acknowledgedCount(), 1, "told once");
    }

    function test_a_packet_listed_twice_is_acknowledged_once() public {
        Packet memory packet = _delivered();
        bytes[] memory list = new bytes[](2);
        (list[0], list[1]) = (bytes(hex"01"), bytes(hex"01"));
        home.router.ackPackets(two(packet, packet), list, 1, proof);
        assertEq(source.acknowledgedCount(), 1, "told once");
    }

    function test_refuses_an_acknowledgement_without_delivery() public {
        Packet memory packet = send("a");
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        ack(home, packet, hex"01");
        assertTrue(_pending(packet), "still pending");
    }

    function test_refuses_another_acknowledgement_than_the_stored_one() public {
        Packet memory packet = _delivered();
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        ack(home, packet, hex"02");
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        ack(home, packet, abi.encodePacked(PacketCommitment.ERROR_ACKNOWLEDGEMENT));
        assertTrue(_pending(packet), "still pending");
    }

    function test_refuses_an_empty_acknowledgement() public {
        Packet memory packet = _delivered();
        vm.expectRevert(IRouter.AcknowledgementEmpty.selector);
        ack(home, packet, "");
    }

    function test_refuses_more_or_fewer_acknowledgements_than_packets() public {
        Packet memory packet = _delivered();
        vm.expectRevert(abi.encodeWithSelector(IRouter.AcknowledgementCountMismatch.selector, 1, 0));
        home.router.ackPackets(one(packet), new bytes[](0), 1, proof);
        vm.expectRevert(abi.encodeWithSelector(IRouter.AcknowledgementCountMismatch.selector, 1, 2));
        home.router.ackPackets(one(packet), new bytes[](2), 1, proof);
    }

    function test_refuses_an_acknowledgement_of_another_packet_of_that_sequence() public {
        Packet memory packet = _delivered();
        packet.payloads[0].value = "b";
        vm.expectPartialRevert(IRouter.CommitmentMismatch.selector);
        ack(home, packet, hex"01");
    }

    function test_refuses_an_acknowledgement_under_another_destination_client() public {
        Packet memory packet = _delivered();
        packet.destClient = "qbft-8";
        vm.expectRevert(abi.encodeWithSelector(IRouter.CounterpartyMismatch.selector, far.clientId, "qbft-8"));
        ack(home, packet, hex"01");
    }

    function test_refuses_a_bad_proof_of_acknowledgement() public {
        Packet memory packet = _delivered();
        vm.expectRevert(MockLightClient.MockProofBad.selector);
        home.router.ackPackets(one(packet), answers(hex"01"), 1, "");
    }

    function test_refuses_an_acknowledgement_from_a_frozen_client() public {
        Packet memory packet = _delivered();
        home.client.setState(Status.Frozen);
        vm.expectRevert(abi.encodeWithSelector(MockLightClient.MockNotActive.selector, Status.Frozen));
        ack(home, packet, hex"01");
    }

    function test_a_callback_that_reverts_leaves_the_packet_pending() public {
        Packet memory packet = _delivered();
        source.setRefuseOutcomes(true);
        vm.expectRevert(MockApplication.Refused.selector);
        ack(home, packet, hex"01");
        assertTrue(_pending(packet), "still pending");
        source.setRefuseOutcomes(false);
        ack(home, packet, hex"01");
        assertTrue(!_pending(packet), "settled afterwards");
    }

    function test_too_little_gas_for_an_acknowledgement_changes_nothing() public {
        Packet memory packet = _delivered();
        bool settled = false;
        for (uint256 supplied = 40_000; supplied < 240_000; supplied += 5_000) {
            uint256 snapshot = vm.snapshotState();
            try home.router.ackPackets{gas: supplied}(one(packet), answers(hex"01"), 1, proof) {
                assertEq(source.acknowledgedCount(), 1, "told");
                settled = true;
            } catch {
                assertTrue(_pending(packet), "still pending");
                assertEq(source.acknowledgedCount(), 0, "not told");
            }
            vm.revertToState(snapshot);
        }
        assertTrue(settled, "enough gas settles it");
    }

    function test_a_callback_of_an_acknowledgement_may_send_but_not_acknowledge() public {
        Packet memory a = _delivered();
        Packet memory b = send("b");
        recv(far, b);
        source.setCall(abi.encodeCall(IRouter.ackPackets, (one(b), answers(hex"01"), 1, proof)), hex"01");
        ack(home, a, hex"01");
        assertEq(source.callAnswer(), abi.encodeWithSelector(IRouter.Reentered.selector), "refused");
        assertTrue(_pending(b), "the other is still pending");
        source.setCall(abi.encodeCall(IRouter.sendPacket, (home.clientId, TIMEOUT, payload("c"))), hex"01");
        ack(home, b, hex"01");
        assertTrue(source.callSucceeded(), "sent");
    }

    // ---- timeouts by state ----

    function test_timeout_clears_the_commitment_and_tells_the_application() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        vm.expectEmit();
        emit IRouter.TimeoutPacket(home.clientId, 1, relayer);
        timeout(home, packet);
        assertTrue(!_pending(packet), "cleared");
        assertEq(source.timedOutCount(), 1, "told");
        assertEq(source.relayerSeen(), relayer, "told who");
    }

    function test_refuses_a_timeout_before_its_time() public {
        Packet memory packet = send("a");
        // The source's own clock does not matter, only the proven time of the destination.
        vm.warp(TIMEOUT + 1 hours);
        home.client.setTime(TIMEOUT - 1);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutNotReached.selector, TIMEOUT, TIMEOUT - 1));
        timeout(home, packet);
        assertTrue(_pending(packet), "still pending");
        home.client.setTime(TIMEOUT);
        timeout(home, packet);
        assertTrue(!_pending(packet), "at its time");
    }

    function test_refuses_a_timeout_when_one_packet_of_the_batch_is_not_due() public {
        Packet memory a = send("a");
        source.send(home.clientId, TIMEOUT + 100, payload("b"));
        Packet memory b = lastPacket();
        vm.warp(TIMEOUT + 99);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutNotReached.selector, TIMEOUT + 100, TIMEOUT + 99));
        home.router.timeoutPackets(two(a, b), 1, proof);
        // Whatever the order: the latest timeout counts, not the last.
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutNotReached.selector, TIMEOUT + 100, TIMEOUT + 99));
        home.router.timeoutPackets(two(b, a), 1, proof);
    }

    function test_a_settled_packet_in_a_timeout_need_not_be_due() public {
        Packet memory a = send("a");
        source.send(home.clientId, TIMEOUT + 100, payload("b"));
        Packet memory b = lastPacket();
        vm.warp(TIMEOUT + 100);
        timeout(home, b);
        vm.warp(TIMEOUT);
        home.client.setTime(TIMEOUT);
        home.router.timeoutPackets(two(a, b), 1, proof);
        assertEq(source.timedOutCount(), 2, "each told once");
    }

    function test_refuses_a_timeout_of_a_received_packet() public {
        Packet memory packet = _delivered();
        vm.warp(TIMEOUT);
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        timeout(home, packet);
        assertTrue(_pending(packet), "still pending");
    }

    function test_a_repeated_timeout_is_a_no_op_without_proof() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        timeout(home, packet);
        home.router.timeoutPackets(one(packet), 1, "no proof at all");
        assertEq(source.timedOutCount(), 1, "told once");
    }

    function test_a_packet_ends_in_one_way_only() public {
        Packet memory packet = _delivered();
        ack(home, packet, hex"01");
        vm.warp(TIMEOUT);
        timeout(home, packet);
        assertEq(source.timedOutCount(), 0, "acknowledged already");
    }

    function test_refuses_a_timeout_of_another_packet_of_that_sequence() public {
        Packet memory packet = send("a");
        packet.timeoutTimestamp = START;
        vm.expectPartialRevert(IRouter.CommitmentMismatch.selector);
        timeout(home, packet);
    }

    function test_refuses_a_bad_proof_of_timeout() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        vm.expectRevert(MockLightClient.MockProofBad.selector);
        home.router.timeoutPackets(one(packet), 1, "");
    }

    function test_a_timeouts_callback_that_reverts_leaves_the_packet_pending() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        source.setRefuseOutcomes(true);
        vm.expectRevert(MockApplication.Refused.selector);
        timeout(home, packet);
        assertTrue(_pending(packet), "still pending");
    }

    function test_a_callback_of_a_timeout_may_send_but_not_time_out() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        vm.warp(TIMEOUT);
        source.setCall(abi.encodeCall(IRouter.timeoutPackets, (one(b), 1, proof)), hex"01");
        timeout(home, a);
        assertEq(source.callAnswer(), abi.encodeWithSelector(IRouter.Reentered.selector), "refused");
        assertTrue(_pending(b), "the other is still pending");
        source.setCall(abi.encodeCall(IRouter.sendPacket, (home.clientId, TIMEOUT + 1, payload("c"))), hex"01");
        timeout(home, b);
        assertTrue(source.callSucceeded(), "sent");
    }

    // ---- packets that only a callback sends ----

    /// The first packet's callback sends sequence 2, which until then has no commitment to compare the second packet with.
    function _sentInACallback(Packet memory first) private returns (Packet memory forged) {
        source.setCall(abi.encodeCall(IRouter.sendPacket, (home.clientId, TIMEOUT + 1 hours, payload("again"))), hex"01");
        forged = abi.decode(abi.encode(first), (Packet));
        (forged.sequence, forged.payloads[0].value) = (2, "forged");
    }

    function test_refuses_a_forged_timeout_of_a_sequence_sent_in_a_callback() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        Packet memory forged = _sentInACallback(packet);
        home.router.timeoutPackets(two(packet, forged), 1, proof);
        assertTrue(source.callSucceeded(), "the callback has sent");
        assertEq(source.timedOutCount(), 1, "the forged one is not told");
        assertTrue(_pending(lastPacket()), "what the callback sent is pending");
    }

    function test_refuses_a_forged_acknowledgement_of_a_sequence_sent_in_a_callback() public {
        Packet memory packet = _delivered();
        Packet memory forged = _sentInACallback(packet);
        // Even a destination that proves whatever it likes.
        home.client.setUnseeing();
        bytes[] memory list = new bytes[](2);
        (list[0], list[1]) = (bytes(hex"01"), bytes(hex"02"));
        home.router.ackPackets(two(packet, forged), list, 1, proof);
        assertTrue(source.callSucceeded(), "the callback has sent");
        assertEq(source.acknowledgedCount(), 1, "the forged one is not told");
        assertTrue(_pending(lastPacket()), "what the callback sent is pending");
    }

    // ---- timeouts by tombstone ----

    function test_a_tombstone_times_a_packet_out_whatever_the_proven_time() public {
        home.client.setAbsence(Absence.Tombstone);
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        far.router.expire(receiptSlot(packet), TIMEOUT);
        home.client.setTime(1);
        timeout(home, packet);
        assertTrue(!_pending(packet), "cleared");
        assertEq(source.timedOutCount(), 1, "told");
    }

    function test_refuses_mere_absence_where_a_tombstone_is_needed() public {
        home.client.setAbsence(Absence.Tombstone);
        Packet memory packet = send("a");
        vm.warp(TIMEOUT + 1);
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        timeout(home, packet);
        assertTrue(_pending(packet), "still pending");
    }

    function test_refuses_a_tombstone_of_another_timeout() public {
        home.client.setAbsence(Absence.Tombstone);
        Packet memory packet = send("a");
        far.router.expire(receiptSlot(packet), START);
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        timeout(home, packet);
        // And it has harmed nobody: the packet is received in its own time.
        recv(far, packet);
        assertEq(dest.receivedCount(), 1, "received");
    }

    function test_refuses_a_tombstone_of_another_packet() public {
        home.client.setAbsence(Absence.Tombstone);
        Packet memory a = send("a");
        Packet memory b = send("b");
        vm.warp(TIMEOUT);
        far.router.expire(receiptSlot(b), TIMEOUT);
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        timeout(home, a);
    }

    function test_the_tombstone_claim_has_the_form_of_the_protocol() public {
        home.client.setAbsence(Absence.Tombstone);
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        home.client.setUnseeing();
        Claim[] memory claims = new Claim[](1);
        claims[0].path = new bytes[](1);
        claims[0].path[0] = abi.encodePacked(hex"04", receiptSlot(packet), TIMEOUT);
        claims[0].value = abi.encode(uint256(1));
        assertEq(claims[0].path[0].length, 41, "41 bytes");
        vm.expectCall(address(home.client), abi.encodeCall(home.client.verify, (1, proof, claims)));
        timeout(home, packet);
    }

    function test_the_absence_claim_is_the_packet_receipts_path_with_no_value() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        home.client.setUnseeing();
        Claim[] memory claims = new Claim[](1);
        claims[0].path = new bytes[](1);
        claims[0].path[0] = abi.encodePacked(far.clientId, hex"02", uint64(1));
        vm.expectCall(address(home.client), abi.encodeCall(home.client.verify, (1, proof, claims)));
        timeout(home, packet);
    }

    function test_the_prefix_goes_before_the_path_and_the_path_behind_its_last_element() public {
        bytes[] memory prefix = new bytes[](2);
        (prefix[0], prefix[1]) = (bytes("ibc"), bytes("x"));
        MockLightClient client = new MockLightClient();
        govern(home, address(home.router), abi.encodeCall(home.router.addClient, ("07-tendermint-3", address(client), "07-tendermint-0", prefix)));
        source.send("07-tendermint-3", TIMEOUT, payload("a"));
        Packet memory packet = lastPacket();
        vm.warp(TIMEOUT);
        client.setUnseeing();
        Claim[] memory claims = new Claim[](1);
        claims[0].path = new bytes[](2);
        claims[0].path[0] = "ibc";
        claims[0].path[1] = abi.encodePacked("x", "07-tendermint-0", hex"02", uint64(1));
        vm.expectCall(address(client), abi.encodeCall(client.verify, (1, proof, claims)));
        timeout(home, packet);
    }
}
