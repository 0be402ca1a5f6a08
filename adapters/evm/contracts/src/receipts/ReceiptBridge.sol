// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IApplication} from "../interfaces/IApplication.sol";
import {IReceiptBridge} from "../interfaces/IReceiptBridge.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IRouter} from "../interfaces/IRouter.sol";
import {Clock} from "../libraries/Clock.sol";
import {Identifiers} from "../libraries/Identifiers.sol";
import {PacketCommitment} from "../libraries/PacketCommitment.sol";
import {ReceiptIds} from "../libraries/ReceiptIds.sol";
import {Refusals} from "../libraries/Refusals.sol";
import {Wr1Codec} from "../libraries/Wr1Codec.sol";
import {Packet, Payload} from "../types/Packet.sol";
import {Account, Content, Cross, Departure, Refusal} from "../types/Receipt.sol";

/// Receipts over packets. What each function promises is in `IReceiptBridge`.
contract ReceiptBridge is IReceiptBridge {
    struct Lane {
        bytes32 counterpartyRef;
        uint32 number;
    }

    /// Bytes of the port's name: one word, so that it fits an immutable.
    uint256 internal constant MAX_PORT_BYTES = 32;

    IRouter private immutable _router;
    IReceiptLedger private immutable _ledger;
    /// @inheritdoc IReceiptBridge
    address public immutable governance;
    /// @inheritdoc IReceiptBridge
    bytes32 public immutable homeRef;
    /// @inheritdoc IReceiptBridge
    uint8 public immutable accountKind;
    /// Left-aligned; an immutable, so that a lock need not read it from storage.
    bytes32 private immutable _portText;
    uint8 private immutable _portBytes;
    bytes32 private immutable _portKey;
    bytes32 private immutable _versionKey;
    bytes32 private immutable _encodingKey;

    uint32 private _laneCount;
    mapping(string clientId => Lane) private _lanes;
    mapping(uint32 number => string) public laneClient;
    mapping(bytes32 rootUid => mapping(uint32 lane => uint128)) private _escrow;
    mapping(string sourceClient => mapping(uint64 sequence => bytes32)) public held;
    mapping(address account => mapping(bytes32 crossing => bool)) public hasAssented;

    /// @param router_ The Router.
    /// @param ledger_ The ledger; it names the home chain.
    /// @param governance_ The contract whose acts are governed acts.
    /// @param port_ The port at both ends; a later version of the bridge gets a new one.
    /// @param accountKind_ What kind of accounts this chain has (`Account`): one of 20 bytes.
    constructor(address router_, address ledger_, address governance_, string memory port_, uint8 accountKind_) {
        if (Wr1Codec.accountBytes(accountKind_) != 20) revert AccountKindUnsupported(accountKind_);
        (_router, _ledger, governance) = (IRouter(router_), IReceiptLedger(ledger_), governance_);
        homeRef = IReceiptLedger(ledger_).homeRef();
        accountKind = accountKind_;
        if (!Identifiers.isPort(port_) || bytes(port_).length > MAX_PORT_BYTES) revert PortUnsupported(port_);
        (_portText, _portBytes) = (bytes32(bytes(port_)), uint8(bytes(port_).length));
        (_portKey, _versionKey, _encodingKey) =
            (keccak256(bytes(port_)), keccak256(bytes(Wr1Codec.VERSION)), keccak256(bytes(Wr1Codec.ENCODING)));
    }

    modifier onlyRouter() {
        if (msg.sender != address(_router)) revert RouterMismatch(address(_router), msg.sender);
        _;
    }

    // ---- governed ----

    /// @inheritdoc IReceiptBridge
    function allowLane(string calldata clientId, bytes32 counterpartyRef) external {
        if (msg.sender != governance) revert GovernanceMismatch(governance, msg.sender);
        // Reverts when the Router knows no such client.
        _router.client(clientId);
        Lane storage entry = _lanes[clientId];
        if (entry.number != 0) revert LaneTaken(clientId, entry.number);
        if (counterpartyRef == 0 || counterpartyRef == homeRef) revert CounterpartyRefInvalid(counterpartyRef);
        uint32 number = ++_laneCount;
        (entry.counterpartyRef, entry.number) = (counterpartyRef, number);
        laneClient[number] = clientId;
        emit LaneAllowed(number, clientId, counterpartyRef);
    }

    // ---- departures ----

    /// @inheritdoc IReceiptBridge
    function lock(string calldata clientId, Content calldata content, Account calldata beneficiary, Account calldata holder, uint64 timeoutTimestamp)
        external
        returns (uint64 sequence)
    {
        uint32 number = _lanes[clientId].number;
        if (number == 0) revert LaneUnknown(clientId);
        if (content.lineage.homeRef != homeRef) revert ContentForeign(homeRef, content.lineage.homeRef);
        uint64 storageUntil = content.facts.storageUntil;
        if (storageUntil != 0 && storageUntil <= Clock.timeNow()) revert StorageEnded(storageUntil, Clock.timeNow());

        bytes32 uid = content.lineage.uid;
        Departure memory departure = _ledger.lock(uid, ReceiptIds.contentHash(content.lineage, content.facts), msg.sender, number);
        // From now on, not from the acknowledgement: the receipt may be back before that.
        _escrow[content.lineage.rootUid][number] += departure.quantity;
        sequence = _depart(uid, clientId, content, departure, beneficiary, holder, timeoutTimestamp);
    }

    /// @inheritdoc IReceiptBridge
    function returnReceipt(Content calldata content, Account calldata beneficiary, Account calldata holder, uint64 timeoutTimestamp)
        external
        returns (uint64 sequence)
    {
        if (content.lineage.homeRef == homeRef) revert ContentAtHome(homeRef);
        bytes32 key = ReceiptIds.foreignKey(content.lineage.homeRef, content.lineage.uid);
        Departure memory departure = _ledger.sendBack(key, ReceiptIds.contentHash(content.lineage, content.facts), msg.sender);
        sequence = _depart(key, laneClient[departure.lane], content, departure, beneficiary, holder, timeoutTimestamp);
    }

    /// @inheritdoc IReceiptBridge
    function assent(bytes32 crossing) external {
        hasAssented[msg.sender][crossing] = true;
        emit Assented(msg.sender, crossing);
    }

    function _depart(
        bytes32 key,
        string memory clientId,
        Content calldata content,
        Departure memory departure,
        Account calldata beneficiary,
        Account calldata holder,
        uint64 timeoutTimestamp
    ) private returns (uint64 sequence) {
        _requireAccount(beneficiary);
        _requireAccount(holder);
        // Who has control may not give title away: a crossing names both accounts.
        if (departure.beneficiary != msg.sender) {
            bytes32 crossing = _crossingDigest(key, departure.epoch, clientId, beneficiary, holder);
            if (!hasAssented[departure.beneficiary][crossing]) revert AssentMissing(departure.beneficiary, crossing);
        }
        string memory port_ = port();
        bytes memory value = Wr1Codec.encode(content, departure, beneficiary, holder);
        sequence = _router.sendPacket(clientId, timeoutTimestamp, Payload(port_, port_, Wr1Codec.VERSION, Wr1Codec.ENCODING, value));
        emit Departed(key, departure.lane, sequence, departure.epoch);
    }

    function _requireAccount(Account calldata account) private pure {
        Refusal refusal = Wr1Codec.checkAccount(account.kind, account.id);
        if (refusal != Refusal.None) revert AccountInvalid(refusal, account.kind, account.id);
    }

    // ---- arrivals ----

    /// @inheritdoc IApplication
    function onRecvPacket(Packet calldata packet, address) external onlyRouter returns (bytes memory acknowledgement) {
        Refusal refusal = _receive(packet);
        if (refusal != Refusal.None) emit ArrivalRefused(packet.destClient, packet.sequence, refusal);
        (uint8 code, bytes32 detail) = Refusals.acknowledgementOf(refusal);
        return abi.encode(code, detail);
    }

    function _receive(Packet calldata packet) private returns (Refusal refusal) {
        Payload calldata payload = packet.payloads[0];
        refusal = _checkEnvelope(payload);
        if (refusal != Refusal.None) return refusal;
        Lane memory entry = _lanes[packet.destClient];
        if (entry.number == 0) return Refusal.LaneUnknown;
        refusal = Wr1Codec.check(payload.value);
        if (refusal != Refusal.None) return refusal;
        Cross calldata cross = Wr1Codec.crossOf(payload.value);
        refusal = _checkCross(cross);
        if (refusal != Refusal.None) return refusal;

        IReceiptLedger.Arrival memory arrival = _arrival(cross, entry.number);
        bytes32 key;
        if (arrival.homeRef == homeRef) {
            key = arrival.uid;
            refusal = _unlock(arrival, cross.lineage.rootUid);
        } else {
            if (arrival.homeRef != entry.counterpartyRef) return Refusal.HomeMismatch;
            (refusal, key) = _ledger.mint(arrival);
        }
        if (refusal == Refusal.None) emit Arrived(key, entry.number, packet.sequence, arrival.epoch, cross.lineage, cross.facts);
    }

    function _unlock(IReceiptLedger.Arrival memory arrival, bytes32 rootUid) private returns (Refusal refusal) {
        uint128 outstanding = _escrow[rootUid][arrival.lane];
        if (outstanding < arrival.quantity) return Refusal.EscrowShort;
        refusal = _ledger.unlock(arrival);
        // The ledger calls nobody, so that the escrow is still what was read.
        if (refusal == Refusal.None) _escrow[rootUid][arrival.lane] = outstanding - arrival.quantity;
    }

    function _checkEnvelope(Payload calldata payload) private view returns (Refusal) {
        // The destination port is this contract's, or the Router would not call; both ends are to be bridges of the same version.
        if (keccak256(bytes(payload.sourcePort)) != _portKey || keccak256(bytes(payload.destPort)) != _portKey) return Refusal.SourcePort;
        if (keccak256(bytes(payload.version)) != _versionKey) return Refusal.Version;
        if (keccak256(bytes(payload.encoding)) != _encodingKey) return Refusal.Encoding;
        return Refusal.None;
    }

    function _checkCross(Cross calldata cross) private view returns (Refusal) {
        if (cross.beneficiary.kind != accountKind || cross.holder.kind != accountKind) return Refusal.AccountForeign;
        if (cross.quantity == 0) return Refusal.QuantityZero;
        if (cross.epoch == 0) return Refusal.EpochZero;
        // A root is its own ancestor, has no parent and no depth; a child differs in all three.
        bool root = cross.lineage.rootUid == cross.lineage.uid;
        if (root != (cross.lineage.parentUid == 0) || root != (cross.facts.depth == 0)) return Refusal.LineageInconsistent;
        return Refusal.None;
    }

    function _arrival(Cross calldata cross, uint32 number) private view returns (IReceiptLedger.Arrival memory arrival) {
        arrival.homeRef = cross.lineage.homeRef;
        arrival.uid = cross.lineage.uid;
        arrival.contentHash = ReceiptIds.contentHash(cross.lineage, cross.facts);
        arrival.quantity = cross.quantity;
        arrival.epoch = cross.epoch;
        arrival.nonce = cross.nonce;
        arrival.beneficiary = Wr1Codec.toAddress(cross.beneficiary);
        arrival.holder = Wr1Codec.toAddress(cross.holder);
        arrival.lane = number;
    }

    // ---- outcomes: these never revert of themselves ----

    /// @inheritdoc IApplication
    function onAcknowledge(Packet calldata packet, bytes calldata acknowledgement, address) external onlyRouter {
        _conclude(packet, _outcomeOf(acknowledgement));
    }

    /// @inheritdoc IApplication
    function onTimeout(Packet calldata packet, address) external onlyRouter {
        _conclude(packet, Outcome.TimedOut);
    }

    /// @inheritdoc IReceiptBridge
    function applyHeld(Packet calldata packet, Outcome outcome) external {
        bytes32 digest = held[packet.sourceClient][packet.sequence];
        if (digest == 0 || digest != _heldDigest(packet, outcome)) revert NotHeld(packet.sourceClient, packet.sequence);
        Refusal refusal = _apply(packet, outcome);
        if (refusal != Refusal.None) revert StillHeld(refusal);
        delete held[packet.sourceClient][packet.sequence];
    }

    function _conclude(Packet calldata packet, Outcome outcome) private {
        Refusal refusal = _apply(packet, outcome);
        if (refusal == Refusal.None) return;
        held[packet.sourceClient][packet.sequence] = _heldDigest(packet, outcome);
        emit Held(packet.sourceClient, packet.sequence, outcome, refusal);
    }

    /// RECE accepts; every other code and the universal error acknowledgement refuse. Bytes that are neither tell nothing about the other
    /// side, and a refund could double the receipt.
    function _outcomeOf(bytes calldata acknowledgement) private pure returns (Outcome) {
        if (acknowledgement.length == 32 && bytes32(acknowledgement) == PacketCommitment.ERROR_ACKNOWLEDGEMENT) return Outcome.Refused;
        (bool readable, uint8 code) = Wr1Codec.readAcknowledgement(acknowledgement);
        if (!readable) return Outcome.Unreadable;
        return code == Wr1Codec.CODE_RECEIVED ? Outcome.Accepted : Outcome.Refused;
    }

    function _apply(Packet calldata packet, Outcome outcome) private returns (Refusal refusal) {
        if (outcome == Outcome.Unreadable) return Refusal.AcknowledgementUnreadable;
        bytes calldata value = packet.payloads[0].value;
        refusal = Wr1Codec.check(value);
        if (refusal != Refusal.None) return refusal;
        Cross calldata cross = Wr1Codec.crossOf(value);
        bool home = cross.lineage.homeRef == homeRef;
        bytes32 key = home ? cross.lineage.uid : ReceiptIds.foreignKey(cross.lineage.homeRef, cross.lineage.uid);
        uint32 number = _lanes[packet.sourceClient].number;
        if (outcome == Outcome.Accepted) {
            refusal = _ledger.settle(key, cross.epoch);
        } else {
            refusal = home ? _refundHome(key, number, cross) : _ledger.refund(key, cross.epoch);
        }
        if (refusal == Refusal.None) emit Settled(key, number, packet.sequence, outcome);
    }

    function _refundHome(bytes32 key, uint32 number, Cross calldata cross) private returns (Refusal refusal) {
        uint128 outstanding = _escrow[cross.lineage.rootUid][number];
        if (outstanding < cross.quantity) return Refusal.EscrowShort;
        refusal = _ledger.refund(key, cross.epoch);
        if (refusal == Refusal.None) _escrow[cross.lineage.rootUid][number] = outstanding - cross.quantity;
    }

    function _heldDigest(Packet calldata packet, Outcome outcome) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(packet.payloads[0].value), outcome));
    }

    // ---- views ----

    /// @inheritdoc IReceiptBridge
    function lane(string calldata clientId) external view returns (uint32 number, bytes32 counterpartyRef) {
        Lane storage entry = _lanes[clientId];
        return (entry.number, entry.counterpartyRef);
    }

    /// @inheritdoc IReceiptBridge
    function escrow(bytes32 rootUid, string calldata clientId) external view returns (uint128 outstanding) {
        return _escrow[rootUid][_lanes[clientId].number];
    }

    /// @inheritdoc IReceiptBridge
    function crossingDigest(bytes32 key, uint64 epoch, string calldata clientId, Account calldata beneficiary, Account calldata holder)
        external
        pure
        returns (bytes32 crossing)
    {
        return _crossingDigest(key, epoch, clientId, beneficiary, holder);
    }

    /// @inheritdoc IReceiptBridge
    function port() public view returns (string memory) {
        bytes memory text = abi.encodePacked(_portText);
        uint256 length = _portBytes;
        assembly ("memory-safe") {
            mstore(text, length)
        }
        return string(text);
    }

    /// @inheritdoc IReceiptBridge
    function router() external view returns (address) {
        return address(_router);
    }

    /// @inheritdoc IReceiptBridge
    function ledger() external view returns (address) {
        return address(_ledger);
    }

    /// @inheritdoc IReceiptBridge
    function acknowledgementOf(Refusal refusal) external pure returns (uint8 code, bytes32 detail) {
        return Refusals.acknowledgementOf(refusal);
    }

    /// Injective: one part of variable length, in the encoding of the ABI.
    function _crossingDigest(bytes32 key, uint64 epoch, string memory clientId, Account memory beneficiary, Account memory holder)
        private
        pure
        returns (bytes32)
    {
        return sha256(abi.encode(key, epoch, clientId, beneficiary, holder));
    }
}
