// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../../src/interfaces/ILightClient.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {MeasuredCall} from "../../src/libraries/MeasuredCall.sol";
import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {Packet, Payload} from "../../src/types/Packet.sol";
import {Location} from "../../src/types/Receipt.sol";
import {TwoRouters} from "../TwoRouters.sol";
import {MockApplication} from "../mocks/MockApplication.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

contract RouterReceiveTest is TwoRouters {
    bytes32 private constant ERROR_ACK = PacketCommitment.ERROR_ACKNOWLEDGEMENT;
    /// Calls that may be nested.
    uint256 private constant MAX_DEPTH = 1024;

    function _refuse(Packet memory packet, bytes memory reason) private {
        vm.expectRevert(reason);
        recv(far, packet);
        assertEq(dest.receivedCount(), 0, "nothing was delivered");
    }

    // ---- what happens ----

    function test_stores_the_commitment_as_packet_receipt_and_the_acknowledgement() public {
        Packet memory packet = send("a");
        recv(far, packet);
        assertEq(far.router.value(receiptSlot(packet)), home.router.value(commitmentSlot(packet)), "receipt");
        assertEq(far.router.value(acknowledgementSlot(packet)), PacketCommitment.ofAcknowledgement(hex"01"), "acknowledgement");
        assertEq(dest.relayerSeen(), relayer, "the relayer is told");
    }

    function test_events_name_client_sequence_and_relayer() public {
        Packet memory packet = send("a");
        vm.expectEmit();
        emit IRouter.RecvPacket(far.clientId, 1, relayer);
        vm.expectEmit();
        emit IRouter.WriteAcknowledgement(far.clientId, 1, hex"01", relayer);
        recv(far, packet);
    }

    function test_an_application_that_fails_gets_the_error_acknowledgement_and_loses_its_writes() public {
        Packet memory packet = send("a");
        dest.setMode(MockApplication.Mode.Revert);
        recv(far, packet);
        assertEq(lastAcknowledgement(), abi.encodePacked(ERROR_ACK), "error acknowledgement");
        assertEq(dest.receivedCount(), 0, "its writes are dropped");
        assertTrue(far.router.value(receiptSlot(packet)) != 0, "it is received all the same");
    }

    function test_an_application_that_burns_its_gas_gets_the_error_acknowledgement() public {
        Packet memory packet = send("a");
        dest.setMode(MockApplication.Mode.BurnGas);
        recv(far, packet);
        assertEq(lastAcknowledgement(), abi.encodePacked(ERROR_ACK), "error acknowledgement");
    }

    function test_one_failing_application_call_does_not_touch_the_others() public {
        Packet memory a = send("a");
        source.send(home.clientId, TIMEOUT, Payload("app", "receipt", "app-1", "raw", "not wr-1"));
        Packet memory b = lastPacket();
        vm.etch(address(far.bridge), hex"fe");
        far.router.recvPackets(two(b, a), 1, proof);
        assertEq(far.router.value(acknowledgementSlot(b)), PacketCommitment.ofAcknowledgement(abi.encodePacked(ERROR_ACK)), "failed");
        assertEq(far.router.value(acknowledgementSlot(a)), PacketCommitment.ofAcknowledgement(hex"01"), "delivered");
    }

    function test_an_empty_answer_is_acknowledged_later() public {
        Packet memory packet = send("a");
        dest.setAnswer("");
        recv(far, packet);
        assertEq(far.router.value(acknowledgementSlot(packet)), bytes32(0), "not yet");
        dest.writeAcknowledgement(packet, "later");
        assertEq(far.router.value(acknowledgementSlot(packet)), PacketCommitment.ofAcknowledgement("later"), "now");
    }

    function test_the_application_gets_exactly_its_registered_gas() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        recv(far, a);
        uint256 seen = dest.gasSeen();
        far.router.recvPackets{gas: 5_000_000}(one(b), 1, proof);
        assertEq(dest.gasSeen(), seen, "whatever the relayer supplies");
        assertTrue(seen < APP_GAS && seen > APP_GAS - 5_000, "what was registered");
    }

    // ---- settled packets ----

    function test_a_replayed_packet_is_a_no_op_without_proof() public {
        Packet memory packet = send("a");
        recv(far, packet);
        vm.recordLogs();
        far.router.recvPackets(one(packet), 1, "no proof at all");
        assertEq(vm.getRecordedLogs().length, 0, "nothing happened");
        assertEq(dest.receivedCount(), 1, "delivered once");
    }

    function test_a_replay_past_the_timeout_is_still_a_no_op() public {
        Packet memory packet = send("a");
        recv(far, packet);
        vm.warp(TIMEOUT + 1);
        recv(far, packet);
        assertEq(dest.receivedCount(), 1, "delivered once");
    }

    function test_a_packet_listed_twice_is_delivered_once() public {
        Packet memory packet = send("a");
        far.router.recvPackets(two(packet, packet), 1, proof);
        assertEq(dest.receivedCount(), 1, "delivered once");
    }

    function test_a_proof_made_before_a_lost_race_stays_valid() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        recv(far, a);
        // The claims are those of both packets, also of the one that is settled: the proof's mock would refuse any other list.
        far.client.setUnseeing();
        vm.expectCall(address(far.client), abi.encodeCall(far.client.verify, (7, proof, _claims(a, b))));
        far.router.recvPackets(two(a, b), 7, proof);
        assertEq(dest.receivedCount(), 2, "each delivered once");
    }

    function _claims(Packet memory a, Packet memory b) private view returns (Claim[] memory claims) {
        claims = new Claim[](2);
        claims[0] = _claim(a);
        claims[1] = _claim(b);
    }

    function _claim(Packet memory packet) private view returns (Claim memory claim) {
        claim.path = new bytes[](1);
        claim.path[0] = abi.encodePacked(packet.sourceClient, hex"01", packet.sequence);
        claim.value = abi.encodePacked(home.router.value(sha256(claim.path[0])));
    }

    function test_refuses_another_packet_under_a_received_sequence() public {
        Packet memory packet = send("a");
        recv(far, packet);
        bytes32 stored = far.router.value(receiptSlot(packet));
        packet.payloads[0].value = "b";
        vm.expectPartialRevert(IRouter.PacketReceiptMismatch.selector);
        recv(far, packet);
        assertEq(far.router.value(receiptSlot(packet)), stored, "unchanged");
    }

    // ---- what is refused ----

    function test_refuses_a_packet_that_was_never_sent() public {
        Packet memory packet = send("a");
        packet.sequence = 2;
        vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
        recv(far, packet);
    }

    function test_refuses_a_changed_value_port_version_encoding_or_timeout() public {
        Packet memory packet = send("a");
        for (uint256 i = 0; i < 6; ++i) {
            Packet memory bad = abi.decode(abi.encode(packet), (Packet));
            if (i == 0) bad.payloads[0].value = "b";
            if (i == 1) bad.payloads[0].sourcePort = "other";
            if (i == 2) bad.payloads[0].destPort = "receipt";
            if (i == 3) bad.payloads[0].version = "app-2";
            if (i == 4) bad.payloads[0].encoding = "cooked";
            if (i == 5) bad.timeoutTimestamp -= 1;
            vm.expectPartialRevert(MockLightClient.MockClaimWrong.selector);
            recv(far, bad);
        }
        assertEq(dest.receivedCount(), 0, "nothing was delivered");
    }

    function test_refuses_a_bad_proof_for_the_whole_call() public {
        Packet memory packet = send("a");
        vm.expectRevert(MockLightClient.MockProofBad.selector);
        far.router.recvPackets(one(packet), 1, "bad");
        assertEq(far.router.value(receiptSlot(packet)), bytes32(0), "nothing stored");
    }

    function test_refuses_an_empty_proof() public {
        Packet memory packet = send("a");
        vm.expectRevert(MockLightClient.MockProofBad.selector);
        far.router.recvPackets(one(packet), 1, "");
    }

    function test_refuses_a_packet_past_its_timeout() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        _refuse(packet, abi.encodeWithSelector(IRouter.TimeoutPassed.selector, TIMEOUT, TIMEOUT));
        vm.warp(TIMEOUT - 1);
        recv(far, packet);
        assertEq(dest.receivedCount(), 1, "a second before it");
    }

    function test_refuses_a_packet_that_was_expired() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        far.router.expire(receiptSlot(packet), TIMEOUT);
        // A host whose proposers set its clock may go back behind the timeout.
        vm.warp(TIMEOUT - 10);
        bytes32 tombstone = sha256(abi.encodePacked(hex"04", receiptSlot(packet), TIMEOUT));
        _refuse(packet, abi.encodeWithSelector(IRouter.PacketExpired.selector, tombstone));
    }

    function test_refuses_a_packet_of_another_source_client() public {
        Packet memory packet = send("a");
        packet.sourceClient = "qbft-1";
        _refuse(packet, abi.encodeWithSelector(IRouter.CounterpartyMismatch.selector, home.clientId, "qbft-1"));
    }

    function test_refuses_a_packet_for_an_unknown_client() public {
        Packet memory packet = send("a");
        packet.destClient = "qbft-8";
        _refuse(packet, abi.encodeWithSelector(IRouter.ClientUnknown.selector, "qbft-8"));
    }

    function test_refuses_packets_of_different_clients_under_one_proof() public {
        addClient(far, "qbft-8", far.client, home.clientId);
        Packet memory a = send("a");
        Packet memory b = send("b");
        b.destClient = "qbft-8";
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientsDiffer.selector, "qbft-8"));
        far.router.recvPackets(two(a, b), 1, proof);
    }

    function test_refuses_a_port_that_is_not_bound() public {
        source.send(home.clientId, TIMEOUT, Payload("app", "nobody", "app-1", "raw", "a"));
        _refuse(lastPacket(), abi.encodeWithSelector(IRouter.PortUnknown.selector, "nobody"));
    }

    function test_refuses_no_packets() public {
        vm.expectRevert(IRouter.PacketsMissing.selector);
        far.router.recvPackets(new Packet[](0), 1, proof);
    }

    function test_refuses_no_or_two_payloads() public {
        Packet memory packet = send("a");
        Payload memory only = packet.payloads[0];
        packet.payloads = new Payload[](0);
        _refuse(packet, abi.encodeWithSelector(IRouter.PayloadCountMismatch.selector, 1, 0));
        packet.payloads = new Payload[](2);
        (packet.payloads[0], packet.payloads[1]) = (only, only);
        _refuse(packet, abi.encodeWithSelector(IRouter.PayloadCountMismatch.selector, 1, 2));
    }

    function test_refuses_sequence_zero() public {
        Packet memory packet = send("a");
        packet.sequence = 0;
        _refuse(packet, abi.encodeWithSelector(IRouter.SequenceZero.selector));
    }

    function test_refuses_a_receive_with_too_little_gas_and_never_answers_with_an_error() public {
        Packet memory packet = send("a");
        dest.setMode(MockApplication.Mode.Answer);
        uint256 enough = 0;
        // With ever more gas: either the whole call fails and nothing is stored, or the packet is delivered with success.
        for (uint256 supplied = 100_000; supplied < 900_000; supplied += 10_000) {
            uint256 snapshot = vm.snapshotState();
            try far.router.recvPackets{gas: supplied}(one(packet), 1, proof) {
                assertEq(far.router.value(acknowledgementSlot(packet)), PacketCommitment.ofAcknowledgement(hex"01"), "success only");
                if (enough == 0) enough = supplied;
            } catch {
                assertEq(far.router.value(receiptSlot(packet)), bytes32(0), "nothing stored");
            }
            vm.revertToState(snapshot);
        }
        assertTrue(enough > MeasuredCall.required(APP_GAS), "more than the port's gas is demanded");
    }

    /// A port that is promised much leaves much to its caller: a 64th of it would pay for an error acknowledgement. With the least gas that is
    /// accepted the application still gets all that it was promised.
    function test_the_least_gas_that_is_accepted_keeps_the_promise_to_the_greatest_port() public {
        MockApplication greatest = new MockApplication(IRouter(address(far.router)));
        bind(far, "greatest", address(greatest), 10_000_000);
        source.send(home.clientId, TIMEOUT, Payload("app", "greatest", "app-1", "raw", "a"));
        bytes memory input = recvCall(lastPacket());
        (uint256 refused_, uint256 accepted) = (10_000_000, 30_000_000);
        uint256 promised = _gasSeen(greatest, input, accepted);
        assertTrue(promised > 9_990_000, "accepted with plenty");
        while (accepted - refused_ > 1) {
            uint256 middle = (accepted + refused_) / 2;
            if (_gasSeen(greatest, input, middle) == 0) refused_ = middle;
            else accepted = middle;
        }
        assertEq(_gasSeen(greatest, input, accepted), promised, "all that was promised");
    }

    /// What the application had when it was called; 0 when the receive was refused. Nothing of it stays.
    function _gasSeen(MockApplication application, bytes memory input, uint256 supplied) private returns (uint256 seen) {
        uint256 snapshot = vm.snapshotState();
        (bool success,) = address(far.router).call{gas: supplied}(input);
        if (success) seen = application.gasSeen();
        vm.revertToState(snapshot);
    }

    function test_too_little_gas_has_its_own_error() public {
        Packet memory packet = send("a");
        vm.expectPartialRevert(IRouter.ReceiveGasTooLow.selector);
        far.router.recvPackets{gas: 450_000}(one(packet), 1, proof);
    }

    /// With ever fewer calls around it: either the whole call fails and nothing is stored, or the receipt is minted.
    function test_refuses_a_receive_too_deep_in_calls_and_never_answers_with_an_error() public {
        bytes32 uid = issue("deep", alice);
        Packet memory packet = lock(uid, alice, bob);
        bool proven = false;
        uint256 depth = MAX_DEPTH;
        for (; depth > MAX_DEPTH - 40; --depth) {
            (bool success, bytes memory reason) = _recvAtDepth(packet, depth);
            if (success) break;
            if (bytes4(reason) == IRouter.CallDepthTooLow.selector) proven = true;
            assertEq(far.router.value(receiptSlot(packet)), bytes32(0), "nothing stored");
        }
        assertTrue(proven, "some were refused for their depth");
        assertEq(lastAcknowledgement(), received(), "success only");
        assertLocation(far, uid, Location.Live, "minted");
    }

    function test_refuses_an_error_acknowledgement_without_the_promised_call_depth() public {
        Packet memory packet = send("a");
        dest.setMode(MockApplication.Mode.Revert);
        // Looks for the least depth that is refused.
        uint256 depth = MAX_DEPTH - 40;
        bytes memory reason;
        for (bool success = true; success; ++depth) {
            uint256 snapshot = vm.snapshotState();
            (success, reason) = _recvAtDepth(packet, depth);
            vm.revertToState(snapshot);
        }
        assertEq(reason, abi.encodeWithSelector(IRouter.CallDepthTooLow.selector, 16), "its own error");
        // That depth, the first frame of `Deep`, the Router's and the promised ones are one call too many, so that no more is demanded.
        assertEq(depth - 1 + 1 + 1 + 16, MAX_DEPTH + 1, "no more is demanded than promised");
    }

    function _recvAtDepth(Packet memory packet, uint256 depth) private returns (bool success, bytes memory reason) {
        Deep deep = new Deep();
        // A call passes on 63/64 of its gas: of this much a receive's is left after a thousand calls.
        try deep.go{gas: 40_000_000_000_000}(depth, address(far.router), recvCall(packet)) {
            return (true, reason);
        } catch (bytes memory reason_) {
            return (false, reason_);
        }
    }

    function test_refuses_the_error_acknowledgement_as_success() public {
        Packet memory packet = send("a");
        dest.setAnswer(abi.encodePacked(ERROR_ACK));
        _refuse(packet, abi.encodeWithSelector(IRouter.ErrorAcknowledgementReturned.selector, address(dest)));
    }

    function test_refuses_an_answer_that_is_not_bytes() public {
        Packet memory packet = send("a");
        bytes[4] memory raw = [bytes(""), hex"01", abi.encode(uint256(64), uint256(0)), abi.encode(uint256(32), uint256(33), uint256(1))];
        for (uint256 i = 0; i < raw.length; ++i) {
            dest.setRaw(raw[i]);
            _refuse(packet, abi.encodeWithSelector(IRouter.AcknowledgementMalformed.selector, address(dest)));
        }
        assertEq(far.router.value(receiptSlot(packet)), bytes32(0), "nothing stored");
    }

    function test_refuses_an_answer_over_the_limit() public {
        bind(far, "wide", address(new WideApplication()), 2_000_000);
        source.send(home.clientId, TIMEOUT, Payload("app", "wide", "app-1", "raw", "a"));
        Packet memory packet = lastPacket();
        vm.expectRevert(abi.encodeWithSelector(IRouter.AcknowledgementTooLong.selector, 32_768, 32_800));
        recv(far, packet);
    }

    // ---- later acknowledgements ----

    function _later() private returns (Packet memory packet) {
        packet = send("a");
        dest.setAnswer("");
        recv(far, packet);
    }

    function test_later_acknowledgement_names_the_application_as_relayer() public {
        Packet memory packet = _later();
        vm.expectEmit();
        emit IRouter.WriteAcknowledgement(far.clientId, 1, "later", address(dest));
        dest.writeAcknowledgement(packet, "later");
    }

    function test_refuses_a_later_acknowledgement_by_anyone_else() public {
        Packet memory packet = _later();
        vm.expectRevert(abi.encodeWithSelector(IRouter.ApplicationMismatch.selector, address(dest), address(this)));
        far.router.writeAcknowledgement(packet, "later");
    }

    function test_refuses_a_second_acknowledgement() public {
        Packet memory packet = _later();
        dest.writeAcknowledgement(packet, "later");
        bytes32 stored = PacketCommitment.ofAcknowledgement("later");
        vm.expectRevert(abi.encodeWithSelector(IRouter.AcknowledgementExists.selector, stored));
        dest.writeAcknowledgement(packet, "other");
    }

    function test_refuses_an_acknowledgement_of_a_packet_not_received() public {
        Packet memory packet = send("a");
        vm.expectPartialRevert(IRouter.PacketNotReceived.selector);
        dest.writeAcknowledgement(packet, "later");
    }

    function test_refuses_an_acknowledgement_of_another_packet_of_that_sequence() public {
        Packet memory packet = _later();
        packet.payloads[0].value = "b";
        vm.expectPartialRevert(IRouter.PacketNotReceived.selector);
        dest.writeAcknowledgement(packet, "later");
    }

    function test_refuses_an_empty_later_acknowledgement() public {
        Packet memory packet = _later();
        vm.expectRevert(IRouter.AcknowledgementEmpty.selector);
        dest.writeAcknowledgement(packet, "");
    }

    function test_refuses_a_later_acknowledgement_over_the_limit() public {
        Packet memory packet = _later();
        vm.expectRevert(abi.encodeWithSelector(IRouter.AcknowledgementTooLong.selector, 32_768, 32_769));
        dest.writeAcknowledgement(packet, new bytes(32_769));
    }

    function test_refuses_to_acknowledge_a_packet_while_it_is_being_received() public {
        Packet memory packet = send("a");
        dest.setCall(abi.encodeCall(IRouter.writeAcknowledgement, (packet, "early")), hex"01");
        recv(far, packet);
        assertTrue(!dest.callSucceeded(), "refused");
        assertEq(dest.callAnswer(), abi.encodeWithSelector(IRouter.AcknowledgementTooEarly.selector, receiptSlot(packet)), "reason");
        assertEq(far.router.value(acknowledgementSlot(packet)), PacketCommitment.ofAcknowledgement(hex"01"), "what it returned");
    }

    function test_an_earlier_packet_may_be_acknowledged_from_within_a_receive() public {
        Packet memory first = _later();
        Packet memory second = send("b");
        dest.setCall(abi.encodeCall(IRouter.writeAcknowledgement, (first, "now")), hex"01");
        recv(far, second);
        assertTrue(dest.callSucceeded(), "allowed");
        assertEq(far.router.value(acknowledgementSlot(first)), PacketCommitment.ofAcknowledgement("now"), "written");
    }

    // ---- re-entry ----

    function test_a_callback_may_send() public {
        Packet memory packet = send("a");
        dest.setCall(abi.encodeCall(IRouter.sendPacket, (far.clientId, TIMEOUT, payload("back"))), hex"01");
        recv(far, packet);
        assertTrue(dest.callSucceeded(), "sent");
        assertEq(lastPacket().payloads[0].value, "back", "a packet of its own");
    }

    function test_refuses_a_receive_from_within_a_receive() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        dest.setCall(recvCall(b), hex"01");
        recv(far, a);
        assertTrue(!dest.callSucceeded(), "refused");
        assertEq(dest.callAnswer(), abi.encodeWithSelector(IRouter.Reentered.selector), "reason");
        assertEq(far.router.value(receiptSlot(b)), bytes32(0), "not received");
        recv(far, b);
        assertEq(dest.receivedCount(), 2, "afterwards it is");
    }

    function test_refuses_a_receive_through_a_batch_from_within_a_receive() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        dest.setCall(abi.encodeCall(IRouter.batch, (calls(recvCall(b)))), hex"01");
        recv(far, a);
        assertEq(far.router.value(receiptSlot(b)), bytes32(0), "not received");
    }

    function test_refuses_an_acknowledgement_from_within_a_receive() public {
        Packet memory a = send("a");
        dest.send(far.clientId, TIMEOUT, payload("back"));
        Packet memory back = lastPacket();
        recv(home, back);
        dest.setCall(abi.encodeCall(IRouter.ackPackets, (one(back), answers(hex"01"), 1, proof)), hex"01");
        recv(far, a);
        assertEq(dest.callAnswer(), abi.encodeWithSelector(IRouter.Reentered.selector), "reason");
        assertEq(dest.acknowledgedCount(), 0, "not acknowledged");
    }
}

/// Answers more bytes than an acknowledgement may have.
contract WideApplication {
    fallback(bytes calldata) external returns (bytes memory) {
        return abi.encode(new bytes(32_800));
    }
}

/// Calls from within as many calls of itself.
contract Deep {
    function go(uint256 depth, address target, bytes calldata data) external {
        if (depth > 0) return this.go(depth - 1, target, data);
        (bool success, bytes memory reason) = target.call(data);
        if (success) return;
        assembly {
            revert(add(reason, 32), mload(reason))
        }
    }
}
