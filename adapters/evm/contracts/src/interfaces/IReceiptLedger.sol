// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Content, Departure, Facts, Location, Record, Refusal} from "../types/Receipt.sol";

/// All receipts that this chain knows, its own and foreign ones. Records are never deleted. A home record's key is its uid; a foreign one's is
/// SHA-256("lighterman/foreign/1" ‖ homeRef ‖ uid), so that no chain can squat on another's uid. ERC-721 is a reading surface: a receipt's
/// token id is its key, its owner is the beneficiary while it is live here, and approvals and transfers revert.
interface IReceiptLedger {
    // ---- governed ----

    /// Admits a warehouse, replaces its account, or ends its admission. Governance only.
    /// @param custodianId Any name but 0.
    /// @param account Who issues for it; 0 ends the admission.
    function admitCustodian(bytes32 custodianId, address account) external;

    /// Lets a bridge move receipts. Each is admitted once and for good; it can move only what is live here or left by it. Governance only.
    /// @param bridge The bridge's contract.
    function addBridge(address bridge) external;

    // ---- verbs of people ----

    /// Issues a receipt at home. Only by the admitted custodian's account.
    /// @param seed HMAC-SHA-256 of the receipt number under the custodian's secret; each used once.
    /// @param facts What the receipt says; a new receipt's `depth` and `endorseHead` are 0.
    /// @param quantity Integer base units of `facts.unit`; not 0.
    /// @param beneficiary Who has title.
    /// @param holder Who has control; may be the beneficiary.
    /// @return uid SHA-256("lighterman/uid/issue/1" ‖ homeRef ‖ this ledger ‖ custodianId ‖ seed).
    function issue(bytes32 seed, Facts calldata facts, uint128 quantity, address beneficiary, address holder) external returns (bytes32 uid);

    /// Ends a receipt against delivery of the goods. Only at home, while it is live, by the one who is both beneficiary and holder.
    /// @param key The receipt's key.
    function redeem(bytes32 key) external;

    // ---- verbs of bridges ----

    /// Sends a home receipt away. By a bridge, for the receipt's holder.
    /// @param uid The receipt.
    /// @param contentHash What its content hashes to.
    /// @param caller Who asks.
    /// @param lane The bridge's number of the lane that it leaves by.
    /// @return departure What the packet is to say.
    function lock(bytes32 uid, bytes32 contentHash, address caller, uint32 lane) external returns (Departure memory departure);

    /// Sends a foreign receipt back by the lane that it came by. By a bridge, for the receipt's holder.
    /// @param key The receipt's key.
    /// @param contentHash What its content hashes to.
    /// @param caller Who asks.
    /// @return departure What the packet is to say, and the lane.
    function sendBack(bytes32 key, bytes32 contentHash, address caller) external returns (Departure memory departure);

    /// Makes a foreign receipt live here. By a bridge that has checked that the packet came from the receipt's home. Changes nothing when refused.
    /// @param arrival What the packet says.
    /// @return refusal None, or why not.
    /// @return key The receipt's key.
    function mint(Arrival calldata arrival) external returns (Refusal refusal, bytes32 key);

    /// Makes a home receipt live here again. By the bridge and for the lane that it left by. Changes nothing when refused.
    /// @param arrival What the packet says; `homeRef` is this chain.
    /// @return refusal None, or why not.
    function unlock(Arrival calldata arrival) external returns (Refusal refusal);

    /// Notes that a crossing arrived. By the bridge that sent it. Changes nothing when refused, nor when a later crossing has shown it before.
    /// @param key The receipt's key.
    /// @param epoch Of the crossing.
    /// @return refusal None, or why not.
    function settle(bytes32 key, uint64 epoch) external returns (Refusal refusal);

    /// Makes a receipt live here again whose crossing was refused or timed out; the epoch stays used. By the bridge that sent it. Changes
    /// nothing when refused.
    /// @param key The receipt's key.
    /// @param epoch Of the crossing.
    /// @return refusal None, or why not.
    function refund(bytes32 key, uint64 epoch) external returns (Refusal refusal);

    /// @param homeRef The receipt's home.
    /// @param uid The receipt.
    /// @param contentHash SHA-256 of its content.
    /// @param quantity Base units.
    /// @param epoch Of the crossing; later than the record's, by at most 2^32.
    /// @param nonce Verbs done so far; not fewer than the record's, and at most 2^32 more.
    /// @param beneficiary Who has title here.
    /// @param holder Who has control here.
    /// @param lane The bridge's number of the lane that it came by.
    struct Arrival {
        bytes32 homeRef;
        bytes32 uid;
        bytes32 contentHash;
        uint128 quantity;
        uint64 epoch;
        uint64 nonce;
        address beneficiary;
        address holder;
        uint32 lane;
    }

    // ---- views ----

    /// @param key The receipt's key.
    /// @return The record; its location is None when there is none.
    function record(bytes32 key) external view returns (Record memory);

    /// @param home chainRef of a receipt's home.
    /// @param uid The receipt.
    /// @return key Its key in this ledger.
    function keyOf(bytes32 home, bytes32 uid) external view returns (bytes32 key);

    /// @return chainRef of this chain.
    function homeRef() external view returns (bytes32);

    /// @return The contract whose acts are governed acts.
    function governance() external view returns (address);

    /// @param custodianId A warehouse.
    /// @return Who issues for it; 0 when it is not admitted.
    function custodian(bytes32 custodianId) external view returns (address);

    /// @param bridge Any contract.
    /// @return Its number, from 1; 0 when it is not admitted.
    function bridgeNumber(address bridge) external view returns (uint16);

    // ---- events ----

    event CustodianAdmitted(bytes32 indexed custodianId, address account);
    event BridgeAdded(address indexed bridge, uint16 number);
    /// A receipt was issued here.
    event Issued(bytes32 indexed uid, bytes32 indexed custodianId, Content content, uint128 quantity, address beneficiary, address holder);
    /// A receipt has moved: where it is now, after how many crossings, and by which bridge and lane the last one was.
    event Moved(bytes32 indexed key, Location location, uint64 epoch, uint16 bridge, uint32 lane);

    // ---- errors ----

    error GovernanceMismatch(address expected, address found);
    error HomeRefZero();
    error CustodianIdZero();
    error ContractWithoutCode(address found);
    error BridgeTaken(address bridge, uint16 number);
    error BridgesExhausted();
    error BridgeExpected(address found);
    error CustodianMismatch(bytes32 custodianId, address expected, address found);
    error ReceiptTaken(bytes32 uid);
    error QuantityZero();
    error AccountZero();
    error DepthNotZero(uint16 found);
    error EndorseHeadNotZero(bytes32 found);
    error LossOutOfRange(uint16 maximum, uint16 found);
    error StorageEndsBeforeIssue(uint64 timeNow, uint64 storageUntil);
    error ReceiptUnknown(bytes32 key);
    error LocationMismatch(bytes32 key, Location expected, Location found);
    error HolderMismatch(address expected, address found);
    error BeneficiaryMismatch(address expected, address found);
    error ContentMismatch(bytes32 expected, bytes32 found);
    error BridgeMismatch(uint16 expected, uint16 found);
    error TransfersOnlyByVerbs();
    error NotLiveHere(bytes32 key, Location found);
}
