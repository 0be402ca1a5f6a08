// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IErc165, IErc721} from "../../src/interfaces/IErc721.sol";
import {IReceiptLedger} from "../../src/interfaces/IReceiptLedger.sol";
import {ReceiptLedger} from "../../src/receipts/ReceiptLedger.sol";
import {Content, Facts, Lineage, Location, Record, Refusal} from "../../src/types/Receipt.sol";
import {TwoChains} from "../TwoChains.sol";

/// The ledger by itself; this test is a bridge of it too.
contract ReceiptLedgerTest is TwoChains {
    /// How far a counter may jump.
    uint64 private constant MAX_STEP = 2 ** 32;

    ReceiptLedger private ledger;
    bytes32 private uid;
    bytes32 private hash;

    function setUp() public override {
        super.setUp();
        ledger = home.ledger;
        govern(home, address(ledger), abi.encodeCall(ledger.addBridge, (address(this))));
        uid = issue("seed", alice);
        hash = sha256(abi.encode(contentOf(home.ref, uid)));
    }

    function _issue(Facts memory bad, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(warehouse);
        ledger.issue("other", bad, QUANTITY, alice, alice);
    }

    function _arrival(bytes32 homeRef, bytes32 id, uint64 epoch) private view returns (IReceiptLedger.Arrival memory arrival) {
        arrival.homeRef = homeRef;
        arrival.uid = id;
        arrival.contentHash = hash;
        arrival.quantity = QUANTITY;
        arrival.epoch = epoch;
        arrival.beneficiary = bob;
        arrival.holder = bob;
        arrival.lane = 1;
    }

    function _assertRefused(Refusal found, Refusal expected, string memory what) private pure {
        assertEq(uint256(uint8(found)), uint256(uint8(expected)), what);
    }

    function _mint(IReceiptLedger.Arrival memory arrival) private returns (Refusal refusal) {
        (refusal,) = ledger.mint(arrival);
    }

    // ---- issue ----

    function test_an_issued_receipt_has_the_uid_content_hash_and_slots_of_the_protocol() public view {
        bytes memory preimage = abi.encodePacked(
            bytes32("lighterman/uid/issue/1"), home.ref, bytes32(uint256(uint160(address(ledger)))), CUSTODIAN, bytes32("seed")
        );
        assertEq(uid, sha256(preimage), "uid");
        Record memory record = ledger.record(uid);
        assertEq(record.contentHash, hash, "content hash");
        assertEq(record.quantity, QUANTITY, "quantity");
        assertEq(record.epoch, 0, "no crossing");
        assertEq(record.beneficiary, alice, "beneficiary");
        assertEq(record.holder, alice, "holder");
        assertEq(record.encumbrancesHash, bytes32(0), "no encumbrances");
    }

    function test_an_unpledged_receipt_takes_three_slots() public {
        // The mapping of records is the ledger's first variable.
        uint256 first = uint256(keccak256(abi.encode(uid, uint256(0))));
        for (uint256 i = 0; i < 5; ++i) {
            bool used = vm.load(address(ledger), bytes32(first + i)) != 0;
            assertTrue(used == (i < 3), "three of five");
        }
        vm.prank(warehouse);
        bytes32 apart = ledger.issue("apart", facts(), QUANTITY, alice, bob);
        first = uint256(keccak256(abi.encode(apart, uint256(0))));
        assertEq(vm.load(address(ledger), bytes32(first + 3)), bytes32(uint256(uint160(bob))), "a holder of its own");
        assertEq(ledger.record(apart).holder, bob, "read back");
    }

    function test_issuing_emits_the_content() public {
        bytes32 expected = sha256(abi.encode(bytes32("lighterman/uid/issue/1"), home.ref, address(ledger), CUSTODIAN, bytes32("new")));
        Content memory content = Content(Lineage(home.ref, expected, expected, 0), facts());
        vm.expectEmit();
        emit IReceiptLedger.Issued(expected, CUSTODIAN, content, QUANTITY, alice, alice);
        issue("new", alice);
    }

    function test_refuses_an_issue_by_anyone_but_the_admitted_custodian() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.CustodianMismatch.selector, CUSTODIAN, warehouse, alice));
        vm.prank(alice);
        ledger.issue("other", facts(), QUANTITY, alice, alice);
        Facts memory bad = facts();
        bad.custodianId = "nobody";
        _issue(bad, abi.encodeWithSelector(IReceiptLedger.CustodianMismatch.selector, bytes32("nobody"), address(0), warehouse));
    }

    function test_refuses_an_issue_after_the_admission_has_ended() public {
        govern(home, address(ledger), abi.encodeCall(ledger.admitCustodian, (CUSTODIAN, address(0))));
        _issue(facts(), abi.encodeWithSelector(IReceiptLedger.CustodianMismatch.selector, CUSTODIAN, address(0), warehouse));
    }

    function test_refuses_a_seed_twice_even_after_redemption() public {
        vm.prank(alice);
        ledger.redeem(uid);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.ReceiptTaken.selector, uid));
        vm.prank(warehouse);
        ledger.issue("seed", facts(), QUANTITY, alice, alice);
    }

    function test_refuses_nothing_and_nobody() public {
        vm.expectRevert(IReceiptLedger.QuantityZero.selector);
        vm.prank(warehouse);
        ledger.issue("other", facts(), 0, alice, alice);
        vm.expectRevert(IReceiptLedger.AccountZero.selector);
        vm.prank(warehouse);
        ledger.issue("other", facts(), QUANTITY, address(0), alice);
        vm.expectRevert(IReceiptLedger.AccountZero.selector);
        vm.prank(warehouse);
        ledger.issue("other", facts(), QUANTITY, alice, address(0));
    }

    function test_refuses_facts_that_a_new_receipt_cannot_have() public {
        Facts memory bad = facts();
        bad.depth = 1;
        _issue(bad, abi.encodeWithSelector(IReceiptLedger.DepthNotZero.selector, 1));
        bad = facts();
        bad.endorseHead = "head";
        _issue(bad, abi.encodeWithSelector(IReceiptLedger.EndorseHeadNotZero.selector, bytes32("head")));
        bad = facts();
        bad.lossBps = 10_001;
        _issue(bad, abi.encodeWithSelector(IReceiptLedger.LossOutOfRange.selector, 10_000, 10_001));
        bad = facts();
        bad.storageUntil = START;
        _issue(bad, abi.encodeWithSelector(IReceiptLedger.StorageEndsBeforeIssue.selector, START, START));
    }

    // ---- redeem ----

    function test_redeeming_ends_a_receipt() public {
        vm.expectEmit();
        emit IReceiptLedger.Moved(uid, Location.Redeemed, 0, 0, 0);
        vm.prank(alice);
        ledger.redeem(uid);
        assertEq(ledger.record(uid).nonce, 1, "a verb");
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.LocationMismatch.selector, uid, Location.Active, Location.Redeemed));
        vm.prank(alice);
        ledger.redeem(uid);
    }

    function test_refuses_to_redeem_for_another() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.HolderMismatch.selector, alice, bob));
        vm.prank(bob);
        ledger.redeem(uid);
    }

    function test_refuses_to_redeem_while_title_and_control_are_apart() public {
        vm.prank(warehouse);
        bytes32 apart = ledger.issue("apart", facts(), QUANTITY, alice, bob);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.BeneficiaryMismatch.selector, alice, bob));
        vm.prank(bob);
        ledger.redeem(apart);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.HolderMismatch.selector, bob, alice));
        vm.prank(alice);
        ledger.redeem(apart);
    }

    function test_refuses_to_redeem_abroad_in_flight_or_unknown() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.ReceiptUnknown.selector, bytes32("unknown")));
        vm.prank(alice);
        ledger.redeem("unknown");
        recv(far, lock(uid, alice, bob));
        bytes32 key = far.ledger.keyOf(home.ref, uid);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.LocationMismatch.selector, key, Location.Active, Location.Live));
        vm.prank(bob);
        far.ledger.redeem(key);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.LocationMismatch.selector, uid, Location.Active, Location.LockPending));
        vm.prank(alice);
        ledger.redeem(uid);
    }

    // ---- governed ----

    function test_refuses_governed_acts_by_others() public {
        bytes memory reason = abi.encodeWithSelector(IReceiptLedger.GovernanceMismatch.selector, address(home.governance), address(this));
        vm.expectRevert(reason);
        ledger.admitCustodian("x", alice);
        vm.expectRevert(reason);
        ledger.addBridge(address(home.client));
    }

    function _refuseGoverned(bytes memory call, bytes memory reason) private {
        uint256 id = home.governance.propose(address(ledger), call);
        vm.expectRevert(abi.encodeWithSignature("ActFailed(uint256,bytes)", id, reason));
        home.governance.execute(id);
    }

    function test_refuses_a_bridge_twice_or_without_code_and_a_custodian_without_id() public {
        _refuseGoverned(abi.encodeCall(ledger.addBridge, (address(this))), abi.encodeWithSelector(IReceiptLedger.BridgeTaken.selector, address(this), 2));
        _refuseGoverned(abi.encodeCall(ledger.addBridge, (alice)), abi.encodeWithSelector(IReceiptLedger.ContractWithoutCode.selector, alice));
        _refuseGoverned(abi.encodeCall(ledger.admitCustodian, (0, alice)), abi.encodeWithSelector(IReceiptLedger.CustodianIdZero.selector));
    }

    function test_refuses_a_ledger_without_home_or_governance() public {
        vm.expectRevert(IReceiptLedger.HomeRefZero.selector);
        new ReceiptLedger(address(home.governance), 0);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.ContractWithoutCode.selector, alice));
        new ReceiptLedger(alice, "home");
    }

    // ---- verbs of bridges ----

    function test_refuses_bridge_verbs_by_anyone_else() public {
        bytes memory reason = abi.encodeWithSelector(IReceiptLedger.BridgeExpected.selector, alice);
        vm.startPrank(alice);
        vm.expectRevert(reason);
        ledger.lock(uid, hash, alice, 1);
        vm.expectRevert(reason);
        ledger.sendBack(uid, hash, alice);
        vm.expectRevert(reason);
        ledger.mint(_arrival(far.ref, uid, 1));
        vm.expectRevert(reason);
        ledger.unlock(_arrival(home.ref, uid, 1));
        vm.expectRevert(reason);
        ledger.settle(uid, 1);
        vm.expectRevert(reason);
        ledger.refund(uid, 1);
        vm.stopPrank();
    }

    function test_refuses_to_lock_for_another_or_with_other_content_or_twice() public {
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.HolderMismatch.selector, alice, bob));
        ledger.lock(uid, hash, bob, 1);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.ContentMismatch.selector, hash, bytes32("other")));
        ledger.lock(uid, "other", alice, 1);
        ledger.lock(uid, hash, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.LocationMismatch.selector, uid, Location.Active, Location.LockPending));
        ledger.lock(uid, hash, alice, 1);
    }

    function test_unlock_takes_only_what_left_by_that_bridge_and_lane() public {
        // Left by the home chain's own bridge, number 1; this test is number 2.
        lock(uid, alice, bob);
        _assertRefused(ledger.unlock(_arrival(home.ref, uid, 2)), Refusal.LaneForeign, "another bridge");
        bytes32 mine = issue("mine", alice);
        hash = sha256(abi.encode(contentOf(home.ref, mine)));
        ledger.lock(mine, hash, alice, 5);
        _assertRefused(ledger.unlock(_arrival(home.ref, mine, 2)), Refusal.LaneForeign, "another lane");
        IReceiptLedger.Arrival memory arrival = _arrival(home.ref, mine, 2);
        arrival.lane = 5;
        _assertRefused(ledger.unlock(arrival), Refusal.None, "its own");
    }

    function test_unlock_refuses_what_contradicts_the_record() public {
        _assertRefused(ledger.unlock(_arrival(home.ref, uid, 1)), Refusal.ReceiptLive, "live at home");
        _assertRefused(ledger.unlock(_arrival(home.ref, "unknown", 1)), Refusal.ReceiptUnknown, "unknown");
        _assertRefused(ledger.unlock(_arrival(far.ref, uid, 1)), Refusal.HomeMismatch, "not from here");
        ledger.lock(uid, hash, alice, 1);
        _assertRefused(ledger.unlock(_arrival(home.ref, uid, 1)), Refusal.EpochStale, "the epoch of the lock itself");
        IReceiptLedger.Arrival memory arrival = _arrival(home.ref, uid, 2);
        arrival.contentHash = "other";
        _assertRefused(ledger.unlock(arrival), Refusal.ContentChanged, "other content");
        arrival = _arrival(home.ref, uid, 2);
        arrival.quantity = QUANTITY + 1;
        _assertRefused(ledger.unlock(arrival), Refusal.QuantityChanged, "more");
        arrival.quantity = QUANTITY - 1;
        _assertRefused(ledger.unlock(arrival), Refusal.QuantityChanged, "less");
        assertLocation(home, uid, Location.LockPending, "unchanged by all that");
        _assertRefused(ledger.unlock(_arrival(home.ref, uid, 2)), Refusal.None, "as it left");
        vm.prank(bob);
        ledger.redeem(uid);
        _assertRefused(ledger.unlock(_arrival(home.ref, uid, 9)), Refusal.ReceiptEnded, "redeemed");
    }

    function test_mint_refuses_this_chains_own_and_stale_epochs() public {
        _assertRefused(_mint(_arrival(home.ref, "x", 1)), Refusal.HomeMismatch, "its own");
        _assertRefused(_mint(_arrival(far.ref, "x", 0)), Refusal.EpochStale, "no crossing");
        _assertRefused(_mint(_arrival(far.ref, "x", 3)), Refusal.None, "first");
        _assertRefused(_mint(_arrival(far.ref, "x", 4)), Refusal.ReceiptLive, "live here");
        bytes32 key = ledger.keyOf(far.ref, "x");
        ledger.sendBack(key, hash, bob);
        _assertRefused(_mint(_arrival(far.ref, "x", 4)), Refusal.EpochStale, "the epoch of the return itself");
        ledger.settle(key, 4);
        _assertRefused(_mint(_arrival(far.ref, "x", 4)), Refusal.EpochStale, "gone with that epoch");
        _assertRefused(_mint(_arrival(far.ref, "x", 5)), Refusal.None, "sent anew");
    }

    function test_mint_and_unlock_refuse_a_nonce_that_went_back() public {
        IReceiptLedger.Arrival memory arrival = _arrival(far.ref, "x", 1);
        arrival.nonce = 7;
        _mint(arrival);
        bytes32 key = ledger.keyOf(far.ref, "x");
        ledger.sendBack(key, hash, bob);
        arrival.epoch = 3;
        arrival.nonce = 6;
        _assertRefused(_mint(arrival), Refusal.NonceStale, "fewer verbs than known");
        arrival.nonce = 7;
        _assertRefused(_mint(arrival), Refusal.None, "as many");
    }

    function test_mint_refuses_an_epoch_or_nonce_that_jumps() public {
        IReceiptLedger.Arrival memory arrival = _arrival(far.ref, "x", MAX_STEP + 1);
        _assertRefused(_mint(arrival), Refusal.EpochFar, "an unknown receipt counts from 0");
        (arrival.epoch, arrival.nonce) = (MAX_STEP, MAX_STEP + 1);
        _assertRefused(_mint(arrival), Refusal.NonceFar, "an unknown receipt counts from 0");
        arrival.nonce = MAX_STEP;
        _assertRefused(_mint(arrival), Refusal.None, "as far as may be");
        // It can leave and come again: nothing is used up.
        ledger.sendBack(ledger.keyOf(far.ref, "x"), hash, bob);
        (arrival.epoch, arrival.nonce) = (type(uint64).max, type(uint64).max);
        _assertRefused(_mint(arrival), Refusal.EpochFar, "the last epoch there is");
        arrival.epoch = MAX_STEP + 2;
        _assertRefused(_mint(arrival), Refusal.NonceFar, "the last nonce there is");
        arrival.nonce = 2 * MAX_STEP;
        _assertRefused(_mint(arrival), Refusal.None, "counted from the record's");
    }

    function test_unlock_refuses_an_epoch_or_nonce_that_jumps_and_the_receipt_stays_usable() public {
        ledger.lock(uid, hash, alice, 1);
        IReceiptLedger.Arrival memory arrival = _arrival(home.ref, uid, type(uint64).max);
        _assertRefused(ledger.unlock(arrival), Refusal.EpochFar, "the last epoch there is");
        // The lock was epoch 1.
        arrival.epoch = MAX_STEP + 2;
        _assertRefused(ledger.unlock(arrival), Refusal.EpochFar, "one too far");
        (arrival.epoch, arrival.nonce) = (MAX_STEP + 1, type(uint64).max);
        _assertRefused(ledger.unlock(arrival), Refusal.NonceFar, "the last nonce there is");
        arrival.nonce = MAX_STEP + 1;
        _assertRefused(ledger.unlock(arrival), Refusal.NonceFar, "one too far");
        arrival.nonce = MAX_STEP;
        _assertRefused(ledger.unlock(arrival), Refusal.None, "as far as may be");
        ledger.lock(uid, hash, bob, 1);
        ledger.refund(uid, MAX_STEP + 2);
        vm.prank(bob);
        ledger.redeem(uid);
        assertLocation(home, uid, Location.Redeemed, "locked and redeemed as ever");
    }

    function test_a_foreign_uid_cannot_squat_on_a_home_one() public {
        // Another chain claims the very uid of a receipt of this chain.
        _assertRefused(_mint(_arrival(far.ref, uid, 1)), Refusal.None, "minted");
        assertEq(ledger.ownerOf(uint256(uid)), alice, "the home receipt is untouched");
        bytes32 key = sha256(abi.encode(bytes32("lighterman/foreign/1"), far.ref, uid));
        assertEq(ledger.ownerOf(uint256(key)), bob, "the foreign one has a key of its own");
    }

    function test_two_foreign_homes_with_one_uid_are_two_records() public {
        _mint(_arrival(far.ref, "x", 1));
        _assertRefused(_mint(_arrival("third chain", "x", 1)), Refusal.None, "another home");
        assertEq(ledger.balanceOf(bob), 2, "two tokens");
    }

    function test_refuses_to_send_back_through_another_bridge_or_what_is_not_live() public {
        recv(far, lock(uid, alice, bob));
        bytes32 key = far.ledger.keyOf(home.ref, uid);
        govern(far, address(far.ledger), abi.encodeCall(far.ledger.addBridge, (address(this))));
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.BridgeMismatch.selector, 1, 2));
        far.ledger.sendBack(key, hash, bob);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.ReceiptUnknown.selector, bytes32("x")));
        far.ledger.sendBack("x", hash, bob);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.LocationMismatch.selector, uid, Location.Live, Location.LockPending));
        ledger.sendBack(uid, hash, alice);
    }

    function test_outcomes_match_on_epoch_and_bridge() public {
        ledger.lock(uid, hash, alice, 1);
        _assertRefused(ledger.refund(uid, 2), Refusal.EpochMismatch, "a later epoch");
        _assertRefused(ledger.refund(uid, 0), Refusal.EpochMismatch, "an earlier epoch");
        _assertRefused(ledger.settle(uid, 2), Refusal.EpochMismatch, "a later epoch");
        _assertRefused(ledger.refund(uid, 1), Refusal.None, "its own");
        _assertRefused(ledger.refund(uid, 1), Refusal.NotInFlight, "twice");
        _assertRefused(ledger.settle(uid, 1), Refusal.NotInFlight, "refunded already");
        ledger.lock(uid, hash, alice, 1);
        // An old acknowledgement of an earlier epoch changes nothing.
        _assertRefused(ledger.settle(uid, 1), Refusal.None, "superseded");
        assertLocation(home, uid, Location.LockPending, "still pending");
        bytes32 other = issue("other", alice);
        lock(other, alice, bob);
        _assertRefused(ledger.refund(other, 1), Refusal.LaneForeign, "locked by another bridge");
        _assertRefused(ledger.settle(other, 1), Refusal.LaneForeign, "locked by another bridge");
    }

    // ---- ERC-721 as a reading surface ----

    function test_refuses_every_approval_and_transfer() public {
        bytes4 reason = IReceiptLedger.TransfersOnlyByVerbs.selector;
        vm.startPrank(alice);
        vm.expectRevert(reason);
        ledger.approve(bob, uint256(uid));
        vm.expectRevert(reason);
        ledger.setApprovalForAll(bob, true);
        vm.expectRevert(reason);
        ledger.transferFrom(alice, bob, uint256(uid));
        vm.expectRevert(reason);
        ledger.safeTransferFrom(alice, bob, uint256(uid));
        vm.expectRevert(reason);
        ledger.safeTransferFrom(alice, bob, uint256(uid), "");
        vm.stopPrank();
        assertEq(ledger.getApproved(uint256(uid)), address(0), "nobody is approved");
        assertTrue(!ledger.isApprovedForAll(alice, bob), "nor for all");
    }

    function test_owner_is_told_only_of_what_is_live_here() public {
        assertEq(ledger.ownerOf(uint256(uid)), alice, "live");
        lock(uid, alice, bob);
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.NotLiveHere.selector, uid, Location.LockPending));
        ledger.ownerOf(uint256(uid));
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.NotLiveHere.selector, bytes32("x"), Location.None));
        ledger.ownerOf(uint256(bytes32("x")));
        vm.expectRevert(abi.encodeWithSelector(IReceiptLedger.NotLiveHere.selector, uid, Location.LockPending));
        ledger.getApproved(uint256(uid));
        vm.expectRevert(IReceiptLedger.AccountZero.selector);
        ledger.balanceOf(address(0));
    }

    function test_supports_the_interfaces_that_it_says() public view {
        assertTrue(ledger.supportsInterface(0x01ffc9a7), "ERC-165");
        assertTrue(ledger.supportsInterface(0x80ac58cd), "ERC-721");
        assertTrue(!ledger.supportsInterface(0xffffffff), "none");
        assertTrue(type(IErc721).interfaceId == 0x80ac58cd && type(IErc165).interfaceId == 0x01ffc9a7, "ids of the standard");
    }
}
