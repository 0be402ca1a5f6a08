// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// k of n members decide, in public and with a delay: an act is proposed, approved by enough members, waits, and is executed once by anyone.
/// Members, threshold and delay change only by such an act of this contract on itself, which waits the delay in force when it was queued.
interface IGovernance {
    /// @param Proposed Too few approvals so far, or none yet under the present members and threshold.
    /// @param Queued Approved, waiting for its delay.
    /// @param Due May be executed now.
    /// @param Executed Done; never again.
    /// @param Cancelled Never to be executed.
    /// @param Lapsed Due too long ago: it can only be cancelled, and has to be proposed anew.
    enum ActState {
        Proposed,
        Queued,
        Due,
        Executed,
        Cancelled,
        Lapsed
    }

    /// @param target The contract that is called.
    /// @param data The calldata.
    /// @param proposer The member who proposed it.
    /// @param dueTime When it may be executed, seconds since 1970; 0 while it is not queued.
    /// @param approvals How many of the present members approve.
    /// @param state Where it stands now.
    struct Act {
        address target;
        bytes data;
        address proposer;
        uint64 dueTime;
        uint16 approvals;
        ActState state;
    }

    /// Proposes an act; the proposer's approval is counted. Members only.
    /// @param target A contract.
    /// @param data Calldata of the call.
    /// @return id The act's number, from 1.
    function propose(address target, bytes calldata data) external returns (uint256 id);

    /// Approves an act; with the threshold reached it is queued. Members only, once each. Reverts when the act has lapsed.
    /// @param id The act.
    function approve(uint256 id) external;

    /// Takes one's approval back. When too few are left the act is no longer queued, and its delay begins anew once they are enough again.
    /// Reverts when the act has lapsed.
    /// @param id The act.
    function revoke(uint256 id) external;

    /// Executes an act that is due, once. Open to anyone. Reverts, and leaves the act due, when the call fails.
    /// @param id The act.
    /// @return result What the call returned.
    function execute(uint256 id) external returns (bytes memory result);

    /// Cancels an act that was not executed. By its proposer, or by an act of this contract.
    /// @param id The act.
    function cancel(uint256 id) external;

    /// Replaces members and threshold. Only by an act. Approvals of those who are members no more stop counting, and no act stays queued: the next
    /// approval counts them anew, and the delay begins anew.
    /// @param members At least one, at most 64, none repeated and none zero.
    /// @param threshold At least 1, at most the number of members.
    function setMembers(address[] calldata members, uint16 threshold) external;

    /// Replaces the delay. Only by an act.
    /// @param delaySeconds At most 90 days.
    function setDelay(uint64 delaySeconds) external;

    /// @return All members.
    function members() external view returns (address[] memory);

    /// @param account Anyone.
    function isMember(address account) external view returns (bool);

    /// @return Approvals needed.
    function threshold() external view returns (uint16);

    /// @return Seconds between enough approvals and the earliest execution.
    function delaySeconds() external view returns (uint64);

    /// @return How many acts were ever proposed; they are numbered from 1.
    function actCount() external view returns (uint256);

    /// @param id The act; reverts when there is none.
    function act(uint256 id) external view returns (Act memory);

    /// @param id The act.
    /// @param member Anyone.
    function hasApproved(uint256 id, address member) external view returns (bool);

    /// @return ids Acts neither executed nor cancelled, in no order.
    function pendingActs() external view returns (uint256[] memory ids);

    event ActProposed(uint256 indexed id, address indexed proposer, address target, bytes data);
    event ActApproved(uint256 indexed id, address indexed member);
    event ApprovalRevoked(uint256 indexed id, address indexed member);
    /// @param dueTime When it may be executed, seconds since 1970.
    event ActQueued(uint256 indexed id, uint64 dueTime);
    event ActExecuted(uint256 indexed id, address executor, bytes result);
    event ActCancelled(uint256 indexed id, address by);
    event MembersSet(address[] members, uint16 threshold);
    event DelaySet(uint64 delaySeconds);

    error MemberExpected(address found);
    error SelfExpected(address expected, address found);
    error MemberCountOutOfRange(uint256 maximum, uint256 found);
    error MemberZero();
    error MemberRepeated(address member);
    error ThresholdOutOfRange(uint256 maximum, uint256 found);
    error DelayTooLong(uint64 maximum, uint64 found);
    error TargetWithoutCode(address target);
    error ActUnknown(uint256 id);
    error ActSettled(uint256 id, ActState found);
    error ActApprovedAlready(uint256 id, address member);
    error ActNotApproved(uint256 id, address member);
    error ApprovalsTooFew(uint256 expected, uint256 found);
    /// Its approvals were enough under other members or another threshold: another approval has to count them anew.
    error ActNotQueued(uint256 id);
    error ActNotDue(uint64 dueTime, uint64 timeNow);
    error ActLapsed(uint64 lapseTime, uint64 timeNow);
    error ActFailed(uint256 id, bytes reason);
    error CancelNotAllowed(address proposer, address found);
}
