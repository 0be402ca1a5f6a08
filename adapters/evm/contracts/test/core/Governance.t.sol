// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Governance} from "../../src/core/Governance.sol";
import {IGovernance} from "../../src/interfaces/IGovernance.sol";
import {Test} from "../Vm.sol";

/// What governance is to act on.
contract Target {
    error Refused(uint256 value);

    uint256 public value;
    Governance public governance;

    function set(uint256 value_) external returns (uint256) {
        if (value_ == 13) revert Refused(value_);
        value = value_;
        return value_ + 1;
    }

    function setGovernance(Governance governance_) external {
        governance = governance_;
    }

    /// Tries to have the act that calls it executed again.
    function again(uint256 id) external {
        ++value;
        governance.execute(id);
    }
}

contract GovernanceTest is Test {
    uint64 private constant START = 1_750_000_000;
    uint64 private constant DELAY = 2 days;

    Governance private governance;
    Target private target;
    address private ann = address(0xa1);
    address private ben = address(0xb2);
    address private cat = address(0xc3);
    address private out = address(0xd4);

    function setUp() public {
        vm.warp(START);
        governance = new Governance(_three(), 2, DELAY);
        target = new Target();
    }

    function _three() private view returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (ann, ben, cat);
    }

    function _one(address member) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = member;
    }

    function _propose(address who, address to, bytes memory data) private returns (uint256) {
        vm.prank(who);
        return governance.propose(to, data);
    }

    function _approve(address who, uint256 id) private {
        vm.prank(who);
        governance.approve(id);
    }

    /// Proposed, approved by two and due.
    function _due(address to, bytes memory data) private returns (uint256 id) {
        id = _propose(ann, to, data);
        _approve(ben, id);
        vm.warp(governance.act(id).dueTime);
    }

    function _set(uint256 value) private pure returns (bytes memory) {
        return abi.encodeCall(Target.set, (value));
    }

    function _assertState(uint256 id, IGovernance.ActState expected, string memory what) private view {
        assertEq(uint256(uint8(governance.act(id).state)), uint256(uint8(expected)), what);
    }

    // ---- what happens ----

    function test_an_act_is_proposed_approved_waits_and_is_executed_by_anyone() public {
        uint256 id = _propose(ann, address(target), _set(7));
        assertEq(id, 1, "numbered from 1");
        _assertState(id, IGovernance.ActState.Proposed, "one approval");
        assertEq(governance.act(id).approvals, 1, "the proposer's");
        assertEq(governance.pendingActs().length, 1, "public while pending");
        _approve(ben, id);
        _assertState(id, IGovernance.ActState.Queued, "two approvals");
        assertEq(governance.act(id).dueTime, START + DELAY, "due");
        vm.warp(START + DELAY);
        _assertState(id, IGovernance.ActState.Due, "the delay is over");
        vm.prank(out);
        bytes memory result = governance.execute(id);
        assertEq(result, abi.encode(uint256(8)), "what the call returned");
        assertEq(target.value(), 7, "done");
        _assertState(id, IGovernance.ActState.Executed, "executed");
        assertEq(governance.pendingActs().length, 0, "nothing pending");
    }

    function test_every_step_is_an_event() public {
        vm.expectEmit();
        emit IGovernance.ActProposed(1, ann, address(target), _set(7));
        vm.expectEmit();
        emit IGovernance.ActApproved(1, ann);
        uint256 id = _propose(ann, address(target), _set(7));
        vm.expectEmit();
        emit IGovernance.ActApproved(1, ben);
        vm.expectEmit();
        emit IGovernance.ActQueued(1, START + DELAY);
        _approve(ben, id);
        vm.warp(START + DELAY);
        vm.expectEmit();
        emit IGovernance.ActExecuted(1, out, abi.encode(uint256(8)));
        vm.prank(out);
        governance.execute(id);
    }

    function test_one_member_without_delay_acts_at_once() public {
        Governance small = new Governance(_one(ann), 1, 0);
        vm.prank(ann);
        uint256 id = small.propose(address(target), _set(7));
        small.execute(id);
        assertEq(target.value(), 7, "done");
    }

    function test_pending_acts_are_listed_until_they_are_settled() public {
        uint256 a = _propose(ann, address(target), _set(1));
        uint256 b = _propose(ann, address(target), _set(2));
        uint256 c = _propose(ann, address(target), _set(3));
        vm.prank(ann);
        governance.cancel(a);
        uint256[] memory ids = governance.pendingActs();
        assertEq(ids.length, 2, "two left");
        assertTrue(ids[0] == c && ids[1] == b, "the last takes the place");
        vm.prank(ann);
        governance.cancel(c);
        assertEq(governance.pendingActs()[0], b, "one left");
    }

    function test_members_and_threshold_change_by_an_act() public {
        uint256 id = _due(address(governance), abi.encodeCall(governance.setMembers, (_one(out), 1)));
        governance.execute(id);
        assertTrue(governance.isMember(out) && !governance.isMember(ann), "replaced");
        assertEq(governance.threshold(), 1, "threshold");
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberExpected.selector, ann));
        _propose(ann, address(target), _set(1));
    }

    function test_a_change_of_the_delay_waits_the_old_delay() public {
        uint256 id = _propose(ann, address(governance), abi.encodeCall(governance.setDelay, (0)));
        _approve(ben, id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + DELAY, START));
        governance.execute(id);
        vm.warp(START + DELAY);
        governance.execute(id);
        assertEq(governance.delaySeconds(), 0, "changed");
    }

    function test_a_shorter_delay_does_not_hasten_queued_acts() public {
        uint256 first = _propose(ann, address(governance), abi.encodeCall(governance.setDelay, (0)));
        _approve(ben, first);
        vm.warp(START + 1 days);
        uint256 second = _propose(ann, address(target), _set(7));
        _approve(ben, second);
        vm.warp(START + DELAY);
        governance.execute(first);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + 1 days + DELAY, START + DELAY));
        governance.execute(second);
    }

    // ---- what is refused ----

    function test_refuses_proposals_and_approvals_by_others() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberExpected.selector, out));
        _propose(out, address(target), _set(1));
        uint256 id = _propose(ann, address(target), _set(1));
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberExpected.selector, out));
        _approve(out, id);
    }

    function test_refuses_an_act_before_its_delay() public {
        uint256 id = _propose(ann, address(target), _set(7));
        _approve(ben, id);
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + DELAY, START + DELAY - 1));
        governance.execute(id);
    }

    function test_refuses_an_act_with_too_few_approvals() public {
        uint256 id = _propose(ann, address(target), _set(7));
        vm.warp(START + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ApprovalsTooFew.selector, 2, 1));
        governance.execute(id);
    }

    function test_refuses_a_second_approval_by_one_member() public {
        uint256 id = _propose(ann, address(target), _set(7));
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActApprovedAlready.selector, id, ann));
        _approve(ann, id);
    }

    function test_refuses_an_act_a_second_time() public {
        uint256 id = _due(address(target), _set(7));
        governance.execute(id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActSettled.selector, id, IGovernance.ActState.Executed));
        governance.execute(id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActSettled.selector, id, IGovernance.ActState.Executed));
        _approve(cat, id);
    }

    function test_refuses_an_act_that_executes_itself_from_within() public {
        target.setGovernance(governance);
        uint256 id = _due(address(target), abi.encodeCall(Target.again, (1)));
        vm.expectPartialRevert(IGovernance.ActFailed.selector);
        governance.execute(id);
        assertEq(target.value(), 0, "rolled back");
    }

    function test_a_failing_act_stays_due_and_says_why() public {
        uint256 id = _due(address(target), _set(13));
        bytes memory reason = abi.encodeWithSelector(Target.Refused.selector, 13);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActFailed.selector, id, reason));
        governance.execute(id);
        _assertState(id, IGovernance.ActState.Due, "still due");
    }

    function test_refuses_an_act_that_lapsed() public {
        uint256 id = _due(address(target), _set(7));
        vm.warp(START + DELAY + 14 days);
        _assertState(id, IGovernance.ActState.Due, "the last moment");
        vm.warp(START + DELAY + 14 days + 1);
        _assertState(id, IGovernance.ActState.Lapsed, "lapsed");
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActLapsed.selector, START + DELAY + 14 days, START + DELAY + 14 days + 1));
        governance.execute(id);
    }

    function test_refuses_to_revive_an_act_that_lapsed() public {
        uint256 id = _due(address(target), _set(7));
        uint64 lapse = START + DELAY + 14 days;
        vm.warp(lapse + 1);
        bytes memory reason = abi.encodeWithSelector(IGovernance.ActLapsed.selector, lapse, lapse + 1);
        vm.expectRevert(reason);
        vm.prank(ben);
        governance.revoke(id);
        vm.expectRevert(reason);
        _approve(cat, id);
        // New members do not revive it either.
        governance.execute(_dueChange(_three(), 1));
        assertTrue(governance.threshold() == 1, "changed");
        vm.expectPartialRevert(IGovernance.ActLapsed.selector);
        _approve(cat, id);
        _assertState(id, IGovernance.ActState.Lapsed, "lapsed for good");
        vm.prank(ann);
        governance.cancel(id);
        assertEq(governance.pendingActs().length, 0, "but it can be cleared away");
    }

    function test_refuses_an_act_queued_under_other_members() public {
        uint256 id = _propose(ann, address(target), _set(7));
        _approve(ben, id);
        address[] memory next = _three();
        next[2] = out;
        governance.execute(_dueChange(next, 2));
        // Both who approved are members still.
        assertEq(governance.act(id).approvals, 2, "as many as before");
        _assertState(id, IGovernance.ActState.Proposed, "queued no more");
        assertEq(governance.act(id).dueTime, 0, "not due");
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotQueued.selector, id));
        governance.execute(id);
        _approve(out, id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + 2 * DELAY, START + DELAY));
        governance.execute(id);
        vm.warp(START + 2 * DELAY);
        governance.execute(id);
        assertEq(target.value(), 7, "after the delay anew");
    }

    function test_refuses_an_act_queued_under_another_threshold() public {
        uint256 id = _propose(ann, address(target), _set(7));
        _approve(ben, id);
        uint256 raise = _propose(ann, address(governance), abi.encodeCall(governance.setMembers, (_three(), 3)));
        _approve(ben, raise);
        uint256 lower = _dueChange(_three(), 2);
        governance.execute(raise);
        // Neither does what was queued before come back with the old threshold.
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ApprovalsTooFew.selector, 3, 2));
        governance.execute(lower);
        _approve(cat, lower);
        vm.warp(START + 2 * DELAY);
        governance.execute(lower);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotQueued.selector, id));
        governance.execute(id);
    }

    /// A change of members and threshold, approved by two and due.
    function _dueChange(address[] memory list, uint16 threshold) private returns (uint256) {
        return _due(address(governance), abi.encodeCall(governance.setMembers, (list, threshold)));
    }

    function test_a_revoked_approval_takes_the_act_from_the_queue() public {
        uint256 id = _due(address(target), _set(7));
        vm.prank(ben);
        governance.revoke(id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ApprovalsTooFew.selector, 2, 1));
        governance.execute(id);
        // Approved again it waits anew.
        _approve(cat, id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + 2 * DELAY, START + DELAY));
        governance.execute(id);
    }

    function test_refuses_to_revoke_what_was_not_approved() public {
        uint256 id = _propose(ann, address(target), _set(7));
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotApproved.selector, id, ben));
        vm.prank(ben);
        governance.revoke(id);
    }

    function test_approvals_of_former_members_do_not_count_and_new_ones_start_the_delay_anew() public {
        uint256 id = _propose(ann, address(target), _set(7));
        _approve(ben, id);
        address[] memory next = new address[](2);
        (next[0], next[1]) = (ann, cat);
        uint256 change = _propose(ann, address(governance), abi.encodeCall(governance.setMembers, (next, 2)));
        _approve(ben, change);
        vm.warp(START + DELAY);
        governance.execute(change);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ApprovalsTooFew.selector, 2, 1));
        governance.execute(id);
        _approve(cat, id);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActNotDue.selector, START + 2 * DELAY, START + DELAY));
        governance.execute(id);
    }

    function test_refuses_a_cancellation_by_anyone_but_the_proposer_or_an_act() public {
        uint256 id = _propose(ann, address(target), _set(7));
        vm.expectRevert(abi.encodeWithSelector(IGovernance.CancelNotAllowed.selector, ann, ben));
        vm.prank(ben);
        governance.cancel(id);
        uint256 act = _due(address(governance), abi.encodeCall(governance.cancel, (id)));
        governance.execute(act);
        _assertState(id, IGovernance.ActState.Cancelled, "cancelled by an act");
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActSettled.selector, id, IGovernance.ActState.Cancelled));
        governance.execute(id);
    }

    function test_refuses_changes_of_itself_except_by_an_act() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.SelfExpected.selector, address(governance), ann));
        vm.prank(ann);
        governance.setDelay(0);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.SelfExpected.selector, address(governance), ann));
        vm.prank(ann);
        governance.setMembers(_one(ann), 1);
    }

    function test_refuses_a_target_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.TargetWithoutCode.selector, out));
        _propose(ann, out, "");
    }

    function test_refuses_an_unknown_act() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActUnknown.selector, 5));
        governance.execute(5);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActUnknown.selector, 5));
        governance.act(5);
    }

    function test_refuses_impossible_memberships() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberCountOutOfRange.selector, 64, 0));
        new Governance(new address[](0), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberCountOutOfRange.selector, 64, 65));
        new Governance(new address[](65), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ThresholdOutOfRange.selector, 3, 0));
        new Governance(_three(), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ThresholdOutOfRange.selector, 3, 4));
        new Governance(_three(), 4, 0);
        address[] memory bad = _three();
        bad[2] = ann;
        vm.expectRevert(abi.encodeWithSelector(IGovernance.MemberRepeated.selector, ann));
        new Governance(bad, 1, 0);
        bad[2] = address(0);
        vm.expectRevert(IGovernance.MemberZero.selector);
        new Governance(bad, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.DelayTooLong.selector, 90 days, 90 days + 1));
        new Governance(_three(), 1, 90 days + 1);
    }
}
