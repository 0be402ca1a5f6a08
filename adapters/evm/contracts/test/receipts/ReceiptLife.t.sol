// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {PacketCommitment} from "../../src/libraries/PacketCommitment.sol";
import {Packet} from "../../src/types/Packet.sol";
import {Account, Location, Record} from "../../src/types/Receipt.sol";
import {TwoChains} from "../TwoChains.sol";

/// A receipt's ways between two chains, through Routers and bridges.
contract ReceiptLifeTest is TwoChains {
    function test_issue_cross_return_redeem() public {
        bytes32 uid = issue("seed", alice);
        assertLocation(home, uid, Location.Active, "issued");
        assertEq(home.ledger.ownerOf(uint256(uid)), alice, "owner at home");
        assertEq(home.ledger.balanceOf(alice), 1, "balance at home");

        Packet memory out = lock(uid, alice, bob);
        assertLocation(home, uid, Location.LockPending, "locked");
        assertEq(home.bridge.escrow(uid, home.clientId), QUANTITY, "escrow counts from lock");
        assertEq(home.ledger.balanceOf(alice), 0, "no token while in flight");

        recv(far, out);
        assertEq(lastAcknowledgement(), received(), "RECE");
        bytes32 key = far.ledger.keyOf(home.ref, uid);
        assertTrue(key != uid, "a foreign key");
        assertLocation(far, uid, Location.Live, "minted");
        assertEq(far.ledger.ownerOf(uint256(key)), bob, "owner abroad");

        ack(home, out, received());
        assertLocation(home, uid, Location.Remote, "arrived");
        assertEq(home.router.value(commitmentSlot(out)), bytes32(0), "commitment cleared");

        Packet memory back = returnHome(uid, bob, carol);
        assertLocation(far, uid, Location.ReturnPending, "returning");
        recv(home, back);
        assertEq(lastAcknowledgement(), received(), "RECE at home");
        assertLocation(home, uid, Location.Active, "unlocked");
        assertEq(home.bridge.escrow(uid, home.clientId), 0, "escrow open");
        ack(far, back, received());
        assertLocation(far, uid, Location.Gone, "gone");

        Record memory record = home.ledger.record(uid);
        assertEq(record.epoch, 2, "two crossings");
        assertEq(record.beneficiary, carol, "title as the return named it");
        vm.prank(carol);
        home.ledger.redeem(uid);
        assertLocation(home, uid, Location.Redeemed, "redeemed");
        assertEq(home.ledger.balanceOf(carol), 0, "no token after redemption");
    }

    function test_timeout_refunds_and_the_epoch_stays_used() public {
        bytes32 uid = issue("seed", alice);
        Packet memory out = lock(uid, alice, bob);
        vm.warp(out.timeoutTimestamp);
        timeout(home, out);
        assertLocation(home, uid, Location.Active, "refunded");
        assertEq(home.bridge.escrow(uid, home.clientId), 0, "escrow open");
        assertEq(home.ledger.record(uid).epoch, 1, "epoch stays used");
        assertEq(home.ledger.ownerOf(uint256(uid)), alice, "owner as before");

        Packet memory again = lock(uid, alice, bob);
        recv(far, again);
        assertEq(far.ledger.record(far.ledger.keyOf(home.ref, uid)).epoch, 2, "the second epoch");
    }

    function test_a_refused_receipt_is_refunded() public {
        bytes32 uid = issue("seed", alice);
        // An account of a Cosmos chain is well formed, but nobody's on the far chain.
        vm.prank(alice);
        home.bridge.lock(home.clientId, contentOf(home.ref, uid), cosmos(bob), account(bob), TIMEOUT);
        Packet memory out = lastPacket();
        recv(far, out);
        bytes memory answer = lastAcknowledgement();
        assertEq(answer, refused(2, "account-foreign"), "BENV");
        assertLocation(far, uid, Location.None, "nothing minted");
        ack(home, out, answer);
        assertLocation(home, uid, Location.Active, "refunded");
        assertEq(home.bridge.escrow(uid, home.clientId), 0, "escrow open");
    }

    function test_the_universal_error_acknowledgement_is_refunded() public {
        bytes32 uid = issue("seed", alice);
        Packet memory out = lock(uid, alice, bob);
        // The far bridge runs out of its registered gas: an error of its application, not a refusal.
        vm.etch(address(far.bridge), hex"fe");
        recv(far, out);
        bytes memory answer = lastAcknowledgement();
        assertEq(answer, abi.encodePacked(PacketCommitment.ERROR_ACKNOWLEDGEMENT), "error acknowledgement");
        ack(home, out, answer);
        assertLocation(home, uid, Location.Active, "refunded");
    }

    function test_a_return_that_times_out_makes_it_live_abroad_again() public {
        bytes32 uid = issue("seed", alice);
        Packet memory out = lock(uid, alice, bob);
        recv(far, out);
        Packet memory back = returnHome(uid, bob, carol);
        vm.warp(back.timeoutTimestamp);
        timeout(far, back);
        assertLocation(far, uid, Location.Live, "live again");
        assertEq(far.ledger.ownerOf(uint256(far.ledger.keyOf(home.ref, uid))), bob, "owner as before");
        Packet memory again = returnHome(uid, bob, carol);
        recv(home, again);
        assertLocation(home, uid, Location.Active, "home, although the lock is not acknowledged yet");
        assertEq(home.ledger.record(uid).epoch, 3, "epochs of both returns are used");
    }

    function cosmos(address who) private pure returns (Account memory) {
        return Account(2, bytes32(bytes20(who)));
    }
}
