// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Status} from "../../src/interfaces/ILightClient.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {CommitmentPath} from "../../src/libraries/CommitmentPath.sol";
import {Packet, Payload, PayloadField} from "../../src/types/Packet.sol";
import {TwoRouters} from "../TwoRouters.sol";

contract RouterSendTest is TwoRouters {
    function _refuse(Payload memory bad, bytes memory reason) private {
        vm.expectRevert(reason);
        source.send(home.clientId, TIMEOUT, bad);
    }

    function test_sequences_start_at_one_and_the_next_is_stored() public {
        bytes32 slot = sha256(CommitmentPath.nextSequenceSend(home.clientId));
        assertEq(uint256(home.router.value(slot)), 1, "written with the client");
        assertEq(send("a").sequence, 1, "first");
        assertEq(send("b").sequence, 2, "second");
        assertEq(uint256(home.router.value(slot)), 3, "next");
    }

    function test_the_packet_names_the_counterpartys_client() public {
        Packet memory packet = send("a");
        assertEq(bytes(packet.sourceClient), bytes(home.clientId), "source");
        assertEq(bytes(packet.destClient), bytes(far.clientId), "destination");
        assertEq(uint256(packet.timeoutTimestamp), TIMEOUT, "timeout");
        assertTrue(home.router.value(commitmentSlot(packet)) != 0, "committed");
    }

    function test_a_timeout_a_second_ahead_and_a_day_ahead_is_taken() public {
        home.client.setTime(1);
        source.send(home.clientId, START + 1, payload("a"));
        source.send(home.clientId, START + 24 hours, payload("a"));
    }

    function test_refuses_to_begin_the_sequences_anew() public {
        bytes32 slot = sha256(CommitmentPath.nextSequenceSend(home.clientId));
        vm.store(address(home.router), slot, bytes32(uint256(type(uint64).max - 1)));
        assertEq(send("a").sequence, type(uint64).max - 1, "the last one");
        vm.expectRevert(IRouter.SequenceExhausted.selector);
        source.send(home.clientId, TIMEOUT, payload("b"));
    }

    function test_refuses_a_sender_that_is_not_the_ports_application() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.ApplicationMismatch.selector, address(source), address(this)));
        home.router.sendPacket(home.clientId, TIMEOUT, payload("a"));
    }

    function test_refuses_a_port_that_is_not_bound() public {
        Payload memory bad = payload("a");
        bad.sourcePort = "nobody";
        _refuse(bad, abi.encodeWithSelector(IRouter.PortUnknown.selector, "nobody"));
    }

    function test_refuses_an_unknown_client() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientUnknown.selector, "qbft-99"));
        source.send("qbft-99", TIMEOUT, payload("a"));
    }

    function test_refuses_a_timeout_that_is_not_after_now() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutPassed.selector, START, START));
        source.send(home.clientId, START, payload("a"));
    }

    function test_refuses_a_timeout_more_than_a_day_ahead() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutTooFar.selector, START + 24 hours, START + 24 hours + 1));
        source.send(home.clientId, START + 24 hours + 1, payload("a"));
    }

    function test_refuses_a_timeout_that_the_destination_is_proven_to_have_reached() public {
        home.client.setTime(TIMEOUT);
        vm.expectRevert(abi.encodeWithSelector(IRouter.TimeoutBeforeProvenTime.selector, TIMEOUT, TIMEOUT));
        source.send(home.clientId, TIMEOUT, payload("a"));
        source.send(home.clientId, TIMEOUT + 1, payload("a"));
    }

    function test_refuses_to_send_through_an_expired_client() public {
        home.client.setState(Status.Expired);
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientNotActive.selector, Status.Expired));
        source.send(home.clientId, TIMEOUT, payload("a"));
    }

    function test_refuses_to_send_through_a_frozen_client() public {
        home.client.setState(Status.Frozen);
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientNotActive.selector, Status.Frozen));
        source.send(home.clientId, TIMEOUT, payload("a"));
    }

    function test_refuses_an_empty_value() public {
        _refuse(payload(""), abi.encodeWithSelector(IRouter.PayloadValueEmpty.selector));
    }

    function test_refuses_a_value_over_the_limit_and_takes_one_at_it() public {
        source.send(home.clientId, TIMEOUT, payload(new bytes(262_144)));
        _refuse(payload(new bytes(262_145)), abi.encodeWithSelector(IRouter.PayloadValueTooLong.selector, 262_144, 262_145));
    }

    function test_refuses_blank_fields() public {
        Payload memory bad = payload("a");
        bad.sourcePort = "";
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldBlank.selector, PayloadField.SourcePort));
        bad = payload("a");
        bad.destPort = " ";
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldBlank.selector, PayloadField.DestPort));
        bad = payload("a");
        bad.version = "\t\n\r";
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldBlank.selector, PayloadField.Version));
        bad = payload("a");
        bad.encoding = "";
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldBlank.selector, PayloadField.Encoding));
    }

    function test_refuses_fields_over_their_limits() public {
        Payload memory bad = payload("a");
        bad.destPort = string(new bytes(129));
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldTooLong.selector, PayloadField.DestPort, 128, 129));
        bad = payload("a");
        bad.version = string(new bytes(257));
        _refuse(bad, abi.encodeWithSelector(IRouter.PayloadFieldTooLong.selector, PayloadField.Version, 256, 257));
    }
}
