// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {Clock} from "../libraries/Clock.sol";
import {ReceiptIds} from "../libraries/ReceiptIds.sol";
import {Content, Departure, Facts, Lineage, Location, Record, Refusal} from "../types/Receipt.sol";
import {ReceiptTokens} from "./ReceiptTokens.sol";

/// All receipts that this chain knows. What each function promises is in `IReceiptLedger`.
contract ReceiptLedger is ReceiptTokens, IReceiptLedger {
    /// Natural loss is at most the whole.
    uint16 internal constant MAX_LOSS_BPS = 10_000;
    /// How far an arrival's epoch and nonce may be ahead of the record's: more than a receipt's life has crossings or verbs, and so little that
    /// no counterparty can use a counter up.
    uint64 internal constant MAX_COUNTER_STEP = 2 ** 32;

    /// @inheritdoc IReceiptLedger
    address public immutable governance;
    /// @inheritdoc IReceiptLedger
    bytes32 public immutable homeRef;

    /// @inheritdoc IReceiptLedger
    mapping(bytes32 custodianId => address) public custodian;
    /// @inheritdoc IReceiptLedger
    mapping(address bridge => uint16) public bridgeNumber;
    uint16 private _bridgeCount;

    /// @param governance_ The contract whose acts are governed acts.
    /// @param homeRef_ chainRef of this chain.
    constructor(address governance_, bytes32 homeRef_) {
        if (governance_.code.length == 0) revert ContractWithoutCode(governance_);
        if (homeRef_ == 0) revert HomeRefZero();
        (governance, homeRef) = (governance_, homeRef_);
    }

    modifier onlyGovernance() {
        if (msg.sender != governance) revert GovernanceMismatch(governance, msg.sender);
        _;
    }

    // ---- governed ----

    /// @inheritdoc IReceiptLedger
    function admitCustodian(bytes32 custodianId, address account) external onlyGovernance {
        if (custodianId == 0) revert CustodianIdZero();
        custodian[custodianId] = account;
        emit CustodianAdmitted(custodianId, account);
    }

    /// @inheritdoc IReceiptLedger
    function addBridge(address bridge) external onlyGovernance {
        if (bridge.code.length == 0) revert ContractWithoutCode(bridge);
        if (bridgeNumber[bridge] != 0) revert BridgeTaken(bridge, bridgeNumber[bridge]);
        if (_bridgeCount == type(uint16).max) revert BridgesExhausted();
        uint16 number = ++_bridgeCount;
        bridgeNumber[bridge] = number;
        emit BridgeAdded(bridge, number);
    }

    // ---- verbs of people ----

    /// @inheritdoc IReceiptLedger
    function issue(bytes32 seed, Facts calldata facts, uint128 quantity, address beneficiary, address holder) external returns (bytes32 uid) {
        address account = custodian[facts.custodianId];
        if (account == address(0) || msg.sender != account) revert CustodianMismatch(facts.custodianId, account, msg.sender);
        if (quantity == 0) revert QuantityZero();
        if (beneficiary == address(0) || holder == address(0)) revert AccountZero();
        _checkNewFacts(facts);

        uid = ReceiptIds.issued(homeRef, address(this), facts.custodianId, seed);
        Stored storage stored = _records[uid];
        if (stored.contentHash != 0) revert ReceiptTaken(uid);
        Content memory content = Content(Lineage(homeRef, uid, uid, 0), facts);
        stored.contentHash = ReceiptIds.contentHash(content);
        _setAmounts(stored, quantity, 0, 0);
        _setTitle(stored, beneficiary, holder, Location.Active, 0, 0);
        _appear(uid, beneficiary);
        emit Issued(uid, facts.custodianId, content, quantity, beneficiary, holder);
        emit Moved(uid, Location.Active, 0, 0, 0);
    }

    function _checkNewFacts(Facts calldata facts) private view {
        if (facts.depth != 0) revert DepthNotZero(facts.depth);
        if (facts.endorseHead != 0) revert EndorseHeadNotZero(facts.endorseHead);
        if (facts.lossBps > MAX_LOSS_BPS) revert LossOutOfRange(MAX_LOSS_BPS, facts.lossBps);
        uint64 timeNow = Clock.timeNow();
        if (facts.storageUntil != 0 && facts.storageUntil <= timeNow) revert StorageEndsBeforeIssue(timeNow, facts.storageUntil);
    }

    /// @inheritdoc IReceiptLedger
    function redeem(bytes32 key) external {
        Stored storage stored = _records[key];
        Record memory now_ = _requireLocation(key, Location.Active);
        if (msg.sender != now_.holder) revert HolderMismatch(now_.holder, msg.sender);
        if (msg.sender != now_.beneficiary) revert BeneficiaryMismatch(now_.beneficiary, msg.sender);
        _setAmounts(stored, now_.quantity, now_.epoch, now_.nonce + 1);
        _setLocation(stored, Location.Redeemed, now_.bridge, now_.lane);
        _disappear(key, now_.beneficiary);
        emit Moved(key, Location.Redeemed, now_.epoch, now_.bridge, now_.lane);
    }

    // ---- verbs of bridges: departures ----

    /// @inheritdoc IReceiptLedger
    function lock(bytes32 uid, bytes32 contentHash, address caller, uint32 lane) external returns (Departure memory departure) {
        uint16 bridge = _requireBridge();
        Record memory now_ = _requireLocation(uid, Location.Active);
        return _depart(uid, now_, contentHash, caller, Location.LockPending, bridge, lane);
    }

    /// @inheritdoc IReceiptLedger
    function sendBack(bytes32 key, bytes32 contentHash, address caller) external returns (Departure memory departure) {
        uint16 bridge = _requireBridge();
        Record memory now_ = _requireLocation(key, Location.Live);
        // Home's escrow opens only through the bridge and lane that the receipt came by.
        if (bridge != now_.bridge) revert BridgeMismatch(now_.bridge, bridge);
        return _depart(key, now_, contentHash, caller, Location.ReturnPending, bridge, now_.lane);
    }

    function _depart(bytes32 key, Record memory now_, bytes32 contentHash, address caller, Location location, uint16 bridge, uint32 lane)
        private
        returns (Departure memory)
    {
        Stored storage stored = _records[key];
        if (caller != now_.holder) revert HolderMismatch(now_.holder, caller);
        if (contentHash != now_.contentHash) revert ContentMismatch(now_.contentHash, contentHash);
        uint64 epoch = now_.epoch + 1;
        _setAmounts(stored, now_.quantity, epoch, now_.nonce);
        _setLocation(stored, location, bridge, lane);
        _disappear(key, now_.beneficiary);
        emit Moved(key, location, epoch, bridge, lane);
        return Departure(epoch, now_.nonce, now_.quantity, now_.beneficiary, lane);
    }

    // ---- verbs of bridges: arrivals and outcomes; each check comes before the first write ----

    /// @inheritdoc IReceiptLedger
    function mint(Arrival calldata arrival) external returns (Refusal refusal, bytes32 key) {
        uint16 bridge = _requireBridge();
        if (arrival.homeRef == homeRef) return (Refusal.HomeMismatch, key);
        key = ReceiptIds.foreignKey(arrival.homeRef, arrival.uid);
        Stored storage stored = _records[key];
        Record memory now_ = _unpack(stored);
        if (now_.location == Location.Live) return (Refusal.ReceiptLive, key);
        // A record that waits for the outcome of its return may be overtaken: home has sent the receipt out anew, and so had it back.
        refusal = _checkCounters(now_, arrival);
        if (refusal != Refusal.None) return (refusal, key);

        if (now_.contentHash != arrival.contentHash) stored.contentHash = arrival.contentHash;
        _arrive(key, stored, arrival, Location.Live, bridge);
    }

    /// @inheritdoc IReceiptLedger
    function unlock(Arrival calldata arrival) external returns (Refusal refusal) {
        uint16 bridge = _requireBridge();
        if (arrival.homeRef != homeRef) return Refusal.HomeMismatch;
        Stored storage stored = _records[arrival.uid];
        Record memory now_ = _unpack(stored);
        if (now_.location == Location.Active) return Refusal.ReceiptLive;
        if (now_.location == Location.Redeemed) return Refusal.ReceiptEnded;
        // Still pending here is fine: a return may arrive before the acknowledgement of the lock.
        if (now_.location != Location.LockPending && now_.location != Location.Remote) return Refusal.ReceiptUnknown;
        if (now_.bridge != bridge || now_.lane != arrival.lane) return Refusal.LaneForeign;
        refusal = _checkCounters(now_, arrival);
        if (refusal != Refusal.None) return refusal;
        if (arrival.contentHash != now_.contentHash) return Refusal.ContentChanged;
        if (arrival.quantity != now_.quantity) return Refusal.QuantityChanged;

        _arrive(arrival.uid, stored, arrival, Location.Active, bridge);
    }

    /// Counters go forward, but not so far that the next verb or crossing here would overflow them. An unknown receipt's count from 0.
    function _checkCounters(Record memory now_, Arrival calldata arrival) private pure returns (Refusal) {
        if (arrival.epoch <= now_.epoch) return Refusal.EpochStale;
        if (arrival.epoch - now_.epoch > MAX_COUNTER_STEP) return Refusal.EpochFar;
        if (arrival.nonce < now_.nonce) return Refusal.NonceStale;
        if (arrival.nonce - now_.nonce > MAX_COUNTER_STEP) return Refusal.NonceFar;
        return Refusal.None;
    }

    function _arrive(bytes32 key, Stored storage stored, Arrival calldata arrival, Location location, uint16 bridge) private {
        _setAmounts(stored, arrival.quantity, arrival.epoch, arrival.nonce);
        _setTitle(stored, arrival.beneficiary, arrival.holder, location, bridge, arrival.lane);
        _appear(key, arrival.beneficiary);
        emit Moved(key, location, arrival.epoch, bridge, arrival.lane);
    }

    /// @inheritdoc IReceiptLedger
    function settle(bytes32 key, uint64 epoch) external returns (Refusal refusal) {
        uint16 bridge = _requireBridge();
        Stored storage stored = _records[key];
        Record memory now_ = _unpack(stored);
        // A later crossing has shown already that this one arrived.
        if (now_.epoch > epoch) return Refusal.None;
        refusal = _checkInFlight(now_, bridge, epoch);
        if (refusal != Refusal.None) return refusal;
        Location location = now_.location == Location.LockPending ? Location.Remote : Location.Gone;
        _setLocation(stored, location, bridge, now_.lane);
        emit Moved(key, location, epoch, bridge, now_.lane);
    }

    /// @inheritdoc IReceiptLedger
    function refund(bytes32 key, uint64 epoch) external returns (Refusal refusal) {
        uint16 bridge = _requireBridge();
        Stored storage stored = _records[key];
        Record memory now_ = _unpack(stored);
        refusal = _checkInFlight(now_, bridge, epoch);
        if (refusal != Refusal.None) return refusal;
        Location location = now_.location == Location.LockPending ? Location.Active : Location.Live;
        _setLocation(stored, location, bridge, now_.lane);
        _appear(key, now_.beneficiary);
        emit Moved(key, location, epoch, bridge, now_.lane);
    }

    function _checkInFlight(Record memory now_, uint16 bridge, uint64 epoch) private pure returns (Refusal) {
        if (now_.location != Location.LockPending && now_.location != Location.ReturnPending) return Refusal.NotInFlight;
        if (now_.bridge != bridge) return Refusal.LaneForeign;
        return now_.epoch == epoch ? Refusal.None : Refusal.EpochMismatch;
    }

    // ---- views ----

    /// @inheritdoc IReceiptLedger
    function record(bytes32 key) external view returns (Record memory found) {
        found = _unpack(_records[key]);
        found.encumbrancesHash = _records[key].encumbrancesHash;
    }

    /// @inheritdoc IReceiptLedger
    function keyOf(bytes32 home, bytes32 uid) external view returns (bytes32 key) {
        return home == homeRef ? uid : ReceiptIds.foreignKey(home, uid);
    }

    // ---- inner parts ----

    function _requireBridge() private view returns (uint16 number) {
        number = bridgeNumber[msg.sender];
        if (number == 0) revert BridgeExpected(msg.sender);
    }

    function _requireLocation(bytes32 key, Location expected) private view returns (Record memory now_) {
        now_ = _unpack(_records[key]);
        if (now_.location == Location.None) revert ReceiptUnknown(key);
        if (now_.location != expected) revert LocationMismatch(key, expected, now_.location);
    }
}
