// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRouter} from "../../src/interfaces/IRouter.sol";
import {CommitmentPath} from "../../src/libraries/CommitmentPath.sol";
import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {Packet} from "../../src/types/Packet.sol";
import {TwoRouters} from "../TwoRouters.sol";
import {Vm} from "../Vm.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

/// Batches, expiry and notarised reads.
contract RouterBatchTest is TwoRouters {
    function _batch(bytes[] memory list) private returns (bool[] memory success, bytes[] memory results) {
        vm.prank(relayer);
        return far.router.batch(list);
    }

    // ---- batches ----

    function test_an_item_that_fails_fails_alone_with_its_reason() public {
        Packet memory a = send("a");
        Packet memory b = send("b");
        bytes[] memory list = new bytes[](4);
        list[0] = abi.encodeCall(IRouter.updateClient, (far.clientId, "header"));
        list[1] = abi.encodeCall(IRouter.recvPackets, (one(a), 1, "bad proof"));
        list[2] = recvCall(b);
        list[3] = abi.encodeCall(IRouter.updateClient, (far.clientId, ""));
        vm.expectEmit();
        emit IRouter.BatchItemFailed(1, abi.encodeWithSelector(MockLightClient.MockProofBad.selector));
        vm.expectEmit();
        emit IRouter.BatchItemFailed(3, abi.encodeWithSelector(MockLightClient.MockUpdateRefused.selector));
        (bool[] memory success, bytes[] memory results) = _batch(list);
        assertTrue(success[0] && !success[1] && success[2] && !success[3], "each on its own");
        assertEq(results[0], abi.encode(uint8(0)), "what the update returned");
        assertEq(results[1], abi.encodeWithSelector(MockLightClient.MockProofBad.selector), "reason");
        assertEq(far.router.value(receiptSlot(a)), bytes32(0), "not received");
        assertTrue(far.router.value(receiptSlot(b)) != 0, "received");
        assertEq(far.client.latestHeight(), 2, "the update stays");
    }

    function test_the_caller_of_a_batch_is_the_relayer_of_its_items() public {
        Packet memory packet = send("a");
        vm.expectEmit();
        emit IRouter.RecvPacket(far.clientId, 1, relayer);
        vm.expectEmit();
        emit IRouter.WriteAcknowledgement(far.clientId, 1, hex"01", relayer);
        _batch(calls(recvCall(packet)));
        assertEq(dest.relayerSeen(), relayer, "the application is told so too");
    }

    function test_an_application_may_acknowledge_in_a_batch() public {
        Packet memory packet = send("a");
        dest.setAnswer("");
        recv(far, packet);
        (bool[] memory success,) = dest.runBatch(calls(abi.encodeCall(IRouter.writeAcknowledgement, (packet, "later"))));
        assertTrue(success[0], "as itself");
        assertEq(far.router.value(acknowledgementSlot(packet)), PacketCommitment.ofAcknowledgement("later"), "written");
    }

    function test_refuses_a_caller_spelled_behind_the_arguments() public {
        Packet memory packet = send("a");
        dest.setAnswer("");
        recv(far, packet);
        bytes memory forged = abi.encodePacked(abi.encodeCall(IRouter.writeAcknowledgement, (packet, "forged")), address(dest));
        // Within a batch the Router appends the true caller behind it.
        (bool[] memory success, bytes[] memory results) = _batch(calls(forged));
        assertTrue(!success[0], "refused");
        assertEq(results[0], abi.encodeWithSelector(IRouter.ApplicationMismatch.selector, address(dest), relayer), "by its true caller");
        // And called directly only the caller itself counts.
        (bool direct, bytes memory reason) = address(far.router).call(forged);
        assertTrue(!direct, "refused directly");
        assertEq(reason, abi.encodeWithSelector(IRouter.ApplicationMismatch.selector, address(dest), address(this)), "by its true caller");
    }

    function test_refuses_sends_governed_calls_nested_batches_and_garbage_in_a_batch() public {
        bytes[] memory list = new bytes[](7);
        list[0] = abi.encodeCall(IRouter.sendPacket, (far.clientId, TIMEOUT, payload("a")));
        list[1] = abi.encodeCall(IRouter.addClient, ("qbft-1", address(far.client), "qbft-2", routerPrefix()));
        list[2] = abi.encodeCall(IRouter.bindPort, ("other", address(dest), APP_GAS));
        list[3] = abi.encodeCall(IRouter.batch, (new bytes[](0)));
        list[4] = hex"deadbeef";
        list[5] = hex"01";
        list[6] = "";
        (bool[] memory success, bytes[] memory results) = _batch(list);
        for (uint256 i = 0; i < list.length; ++i) {
            assertTrue(!success[i], "refused");
            assertEq(results[i], abi.encodeWithSelector(IRouter.BatchItemNotAllowed.selector, bytes4(list[i])), "reason");
        }
    }

    function test_every_open_function_may_be_batched() public {
        Packet memory timedOut = send("a");
        dest.send(far.clientId, TIMEOUT, payload("back"));
        Packet memory back = lastPacket();
        recv(home, back);
        bytes[] memory list = new bytes[](6);
        list[0] = abi.encodeCall(IRouter.ackPackets, (one(back), answers(hex"01"), 1, proof));
        list[1] = abi.encodeCall(IRouter.timeoutPackets, (one(back), 1, proof));
        list[2] = abi.encodeCall(IRouter.expire, (receiptSlot(timedOut), START));
        list[3] = abi.encodeWithSignature("notarise(bytes32)", receiptSlot(timedOut));
        bytes32[8] memory eight;
        list[4] = abi.encodeWithSignature("notarise(bytes32[8])", eight);
        list[5] = abi.encodeCall(IRouter.submitMisbehaviour, (far.clientId, "evidence"));
        (bool[] memory success,) = _batch(list);
        for (uint256 i = 0; i < list.length; ++i) {
            assertTrue(success[i], "allowed");
        }
        assertEq(dest.acknowledgedCount(), 1, "acknowledged");
    }

    function test_an_empty_batch_does_nothing() public {
        (bool[] memory success,) = _batch(new bytes[](0));
        assertEq(success.length, 0, "nothing");
    }

    // ---- expiry ----

    function test_expiry_writes_the_tombstone_and_repeats_its_log() public {
        Packet memory packet = send("a");
        vm.warp(TIMEOUT);
        bytes32 slot = sha256(abi.encodePacked(hex"04", receiptSlot(packet), TIMEOUT));
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectEmit();
            emit IRouter.Notarised(slot, bytes32(uint256(1)));
            far.router.expire(receiptSlot(packet), TIMEOUT);
        }
        assertEq(uint256(far.router.value(slot)), 1, "tombstone");
    }

    function test_refuses_an_expiry_before_its_time() public {
        Packet memory packet = send("a");
        bytes32 receipt = receiptSlot(packet);
        vm.warp(TIMEOUT - 1);
        vm.expectRevert(abi.encodeWithSelector(IRouter.ExpiryTooEarly.selector, TIMEOUT, TIMEOUT - 1));
        far.router.expire(receipt, TIMEOUT);
    }

    function test_refuses_an_expiry_of_a_received_packet() public {
        Packet memory packet = send("a");
        bytes32 receipt = receiptSlot(packet);
        recv(far, packet);
        vm.warp(TIMEOUT);
        vm.expectRevert(abi.encodeWithSelector(IRouter.PacketAlreadyReceived.selector, receipt));
        far.router.expire(receipt, TIMEOUT);
    }

    function test_a_millisecond_clock_expires_and_receives_at_the_same_second() public {
        Packet memory packet = send("a");
        bytes32 receipt = receiptSlot(packet);
        vm.warp(uint256(TIMEOUT) * 1000 - 1);
        vm.expectRevert(abi.encodeWithSelector(IRouter.ExpiryTooEarly.selector, TIMEOUT, TIMEOUT - 1));
        far.router.expire(receipt, TIMEOUT);
        vm.warp(uint256(TIMEOUT) * 1000);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutPassed.selector, TIMEOUT, TIMEOUT));
        recv(far, packet);
        far.router.expire(receipt, TIMEOUT);
    }

    // ---- notarised reads ----

    function test_notarised_reads_return_and_log_one_slot() public {
        bytes32 slot = sha256(CommitmentPath.nextSequenceSend(home.clientId));
        vm.recordLogs();
        assertEq(home.router.notarise(slot), bytes32(uint256(1)), "value");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "one log");
        assertEq(logs[0].topics.length, 1, "nothing indexed");
        assertEq(logs[0].topics[0], keccak256("Notarised(bytes32,bytes32)"), "topic");
        assertEq(logs[0].data, abi.encode(slot, uint256(1)), "path hash and value");
    }

    function test_notarised_reads_of_eight_slots_log_each_in_order() public {
        Packet memory packet = send("a");
        bytes32[8] memory slots;
        slots[2] = commitmentSlot(packet);
        slots[7] = sha256(CommitmentPath.nextSequenceSend(home.clientId));
        vm.recordLogs();
        home.router.notarise(slots);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 8, "eight logs");
        assertEq(logs[2].data, abi.encode(slots[2], home.router.value(slots[2])), "the commitment");
        assertEq(logs[7].data, abi.encode(slots[7], uint256(2)), "the next sequence");
    }

    function test_the_selectors_are_those_of_the_protocol() public pure {
        assertEq(bytes32(bytes4(keccak256("expire(bytes32,uint64)"))), bytes32(IRouter.expire.selector), "expire");
        assertEq(bytes32(bytes4(keccak256("batch(bytes[])"))), bytes32(IRouter.batch.selector), "batch");
        assertEq(
            bytes32(bytes4(keccak256("sendPacket(string,uint64,(string,string,string,string,bytes))"))), bytes32(IRouter.sendPacket.selector), "send"
        );
    }
}
