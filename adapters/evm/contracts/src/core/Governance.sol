// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IGovernance} from "../interfaces/IGovernance.sol";
import {Clock} from "../libraries/Clock.sol";

/// k of n members with a queue and a delay. What each function promises is in `IGovernance`.
contract Governance is IGovernance {
    uint256 internal constant MAX_MEMBERS = 64;
    uint64 internal constant MAX_DELAY_SECONDS = 90 days;
    /// How long a due act may still be executed: an approval is not given for ever.
    uint64 internal constant EXECUTION_WINDOW_SECONDS = 14 days;

    struct Entry {
        address target;
        uint64 dueTime;
        bool executed;
        bool cancelled;
        address proposer;
        /// `_membership` when the act was queued.
        uint64 membership;
        bytes data;
        mapping(address member => bool) approved;
    }

    /// @inheritdoc IGovernance
    uint16 public threshold;
    /// @inheritdoc IGovernance
    uint64 public delaySeconds;
    /// @inheritdoc IGovernance
    uint256 public actCount;
    /// @inheritdoc IGovernance
    mapping(address account => bool) public isMember;

    address[] private _members;
    /// How often members and threshold were set. What was queued before the last time is queued no more.
    uint64 private _membership;
    mapping(uint256 id => Entry) private _acts;
    uint256[] private _pending;
    /// Place of a pending act in `_pending`, from 1.
    mapping(uint256 id => uint256) private _pendingPlace;

    /// @param members_ At least one, none repeated and none zero.
    /// @param threshold_ At least 1, at most the number of members.
    /// @param delaySeconds_ Seconds between enough approvals and execution; 0 in demonstrations.
    constructor(address[] memory members_, uint16 threshold_, uint64 delaySeconds_) {
        _setMembers(members_, threshold_);
        _setDelay(delaySeconds_);
    }

    modifier onlyMember() {
        if (!isMember[msg.sender]) revert MemberExpected(msg.sender);
        _;
    }

    modifier onlySelf() {
        if (msg.sender != address(this)) revert SelfExpected(address(this), msg.sender);
        _;
    }

    // ---- acts ----

    /// @inheritdoc IGovernance
    function propose(address target, bytes calldata data) external onlyMember returns (uint256 id) {
        if (target.code.length == 0) revert TargetWithoutCode(target);
        id = ++actCount;
        Entry storage entry = _acts[id];
        (entry.target, entry.data, entry.proposer) = (target, data, msg.sender);
        _pending.push(id);
        _pendingPlace[id] = _pending.length;
        emit ActProposed(id, msg.sender, target, data);
        _approve(id, entry);
    }

    /// @inheritdoc IGovernance
    function approve(uint256 id) external onlyMember {
        Entry storage entry = _open(id);
        if (entry.approved[msg.sender]) revert ActApprovedAlready(id, msg.sender);
        _approve(id, entry);
    }

    /// @inheritdoc IGovernance
    function revoke(uint256 id) external onlyMember {
        Entry storage entry = _open(id);
        if (!entry.approved[msg.sender]) revert ActNotApproved(id, msg.sender);
        entry.approved[msg.sender] = false;
        emit ApprovalRevoked(id, msg.sender);
        if (_approvals(entry) < threshold) entry.dueTime = 0;
    }

    /// @inheritdoc IGovernance
    function execute(uint256 id) external returns (bytes memory result) {
        Entry storage entry = _open(id);
        uint16 approvals = _approvals(entry);
        if (approvals < threshold) revert ApprovalsTooFew(threshold, approvals);
        if (!_isQueued(entry)) revert ActNotQueued(id);
        uint64 timeNow = Clock.timeNow();
        if (timeNow < entry.dueTime) revert ActNotDue(entry.dueTime, timeNow);
        // Before the call, so that no act can execute itself again from within.
        entry.executed = true;
        _dequeue(id);
        bool success;
        (success, result) = entry.target.call(entry.data);
        if (!success) revert ActFailed(id, result);
        emit ActExecuted(id, msg.sender, result);
    }

    /// @inheritdoc IGovernance
    function cancel(uint256 id) external {
        Entry storage entry = _unsettled(id);
        if (msg.sender != entry.proposer && msg.sender != address(this)) revert CancelNotAllowed(entry.proposer, msg.sender);
        entry.cancelled = true;
        _dequeue(id);
        emit ActCancelled(id, msg.sender);
    }

    // ---- acts of this contract on itself ----

    /// @inheritdoc IGovernance
    function setMembers(address[] calldata members_, uint16 threshold_) external onlySelf {
        _setMembers(members_, threshold_);
    }

    /// @inheritdoc IGovernance
    function setDelay(uint64 delaySeconds_) external onlySelf {
        _setDelay(delaySeconds_);
    }

    // ---- views ----

    /// @inheritdoc IGovernance
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IGovernance
    function act(uint256 id) external view returns (Act memory) {
        Entry storage entry = _known(id);
        ActState state = _state(entry);
        uint64 dueTime = state == ActState.Proposed ? 0 : entry.dueTime;
        return Act(entry.target, entry.data, entry.proposer, dueTime, _approvals(entry), state);
    }

    /// @inheritdoc IGovernance
    function hasApproved(uint256 id, address member) external view returns (bool) {
        return _known(id).approved[member];
    }

    /// @inheritdoc IGovernance
    function pendingActs() external view returns (uint256[] memory ids) {
        return _pending;
    }

    // ---- inner parts ----

    function _approve(uint256 id, Entry storage entry) private {
        entry.approved[msg.sender] = true;
        emit ActApproved(id, msg.sender);
        // Queued with the approval that makes them enough, or with the first one under new members or a new threshold. The delay is the one in
        // force now: a later change of it neither hastens nor holds up this act.
        if (!_isQueued(entry) && _approvals(entry) >= threshold) {
            (entry.dueTime, entry.membership) = (Clock.timeNow() + delaySeconds, _membership);
            emit ActQueued(id, entry.dueTime);
        }
    }

    /// Approvals of present members only.
    function _approvals(Entry storage entry) private view returns (uint16 count) {
        uint256 length = _members.length;
        for (uint256 i = 0; i < length; ++i) {
            if (entry.approved[_members[i]]) ++count;
        }
    }

    function _known(uint256 id) private view returns (Entry storage entry) {
        entry = _acts[id];
        if (entry.target == address(0)) revert ActUnknown(id);
    }

    function _unsettled(uint256 id) private view returns (Entry storage entry) {
        entry = _known(id);
        if (entry.executed) revert ActSettled(id, ActState.Executed);
        if (entry.cancelled) revert ActSettled(id, ActState.Cancelled);
    }

    /// An act that may still be decided. A lapsed one may not, whatever has become of the members since: its approvals are of another time.
    function _open(uint256 id) private view returns (Entry storage entry) {
        entry = _unsettled(id);
        if (_isLapsed(entry)) revert ActLapsed(entry.dueTime + EXECUTION_WINDOW_SECONDS, Clock.timeNow());
    }

    /// Whether enough of the present members have approved under the present threshold, and the delay runs or is over.
    function _isQueued(Entry storage entry) private view returns (bool) {
        return entry.dueTime != 0 && entry.membership == _membership;
    }

    function _isLapsed(Entry storage entry) private view returns (bool) {
        return entry.dueTime != 0 && Clock.timeNow() > entry.dueTime + EXECUTION_WINDOW_SECONDS;
    }

    function _state(Entry storage entry) private view returns (ActState) {
        if (entry.executed) return ActState.Executed;
        if (entry.cancelled) return ActState.Cancelled;
        if (_isLapsed(entry)) return ActState.Lapsed;
        if (!_isQueued(entry)) return ActState.Proposed;
        return Clock.timeNow() < entry.dueTime ? ActState.Queued : ActState.Due;
    }

    function _dequeue(uint256 id) private {
        uint256 place = _pendingPlace[id];
        uint256 last = _pending[_pending.length - 1];
        _pending[place - 1] = last;
        _pendingPlace[last] = place;
        _pending.pop();
        delete _pendingPlace[id];
    }

    function _setMembers(address[] memory members_, uint16 threshold_) private {
        if (members_.length == 0 || members_.length > MAX_MEMBERS) revert MemberCountOutOfRange(MAX_MEMBERS, members_.length);
        if (threshold_ == 0 || threshold_ > members_.length) revert ThresholdOutOfRange(members_.length, threshold_);
        for (uint256 i = 0; i < _members.length; ++i) {
            isMember[_members[i]] = false;
        }
        for (uint256 i = 0; i < members_.length; ++i) {
            if (members_[i] == address(0)) revert MemberZero();
            if (isMember[members_[i]]) revert MemberRepeated(members_[i]);
            isMember[members_[i]] = true;
        }
        _members = members_;
        threshold = threshold_;
        ++_membership;
        emit MembersSet(members_, threshold_);
    }

    function _setDelay(uint64 delaySeconds_) private {
        if (delaySeconds_ > MAX_DELAY_SECONDS) revert DelayTooLong(MAX_DELAY_SECONDS, delaySeconds_);
        delaySeconds = delaySeconds_;
        emit DelaySet(delaySeconds_);
    }
}
