// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IApplication} from "../interfaces/IApplication.sol";
import {Absence, Claim, ILightClient, Status} from "../interfaces/ILightClient.sol";
import {IRouter} from "../interfaces/IRouter.sol";
import {Clock} from "../libraries/Clock.sol";
import {CommitmentPath} from "../libraries/CommitmentPath.sol";
import {Hash} from "../libraries/Hash.sol";
import {MeasuredCall} from "../libraries/MeasuredCall.sol";
import {PacketCommitment} from "../libraries/PacketCommitment.sol";
import {PayloadLimits} from "../libraries/PayloadLimits.sol";
import {Sha256} from "../libraries/Sha256.sol";
import {Slots} from "../libraries/Slots.sol";
import {HashMode} from "../types/HashMode.sol";
import {Packet, Payload} from "../types/Packet.sol";
import {ClientRegistry} from "./ClientRegistry.sol";

/// IBC v2 packets. What each function promises is in `IRouter`.
contract Router is ClientRegistry {
    /// Seconds that a timeout may lie ahead. Source: ibc-go v10.3.0, modules/core/04-channel/v2/types/msgs.go.
    uint64 internal constant MAX_TIMEOUT_DELTA_SECONDS = 24 hours;
    /// Bytes of an acknowledgement.
    uint256 internal constant MAX_ACKNOWLEDGEMENT_BYTES = 32_768;
    /// The guard when no packet is being worked on, and when acknowledgements or timeouts are. While a packet is being received the guard
    /// is its receipt's slot, which as a hash is neither of the two.
    bytes32 private constant IDLE = bytes32(uint256(1));
    bytes32 private constant SETTLING = bytes32(uint256(2));
    /// Nested calls that an application may rely upon while it receives, its own included. Source: `IApplication`.
    uint256 private constant APPLICATION_FRAMES = 16;
    /// Bytes of the caller's address, which `batch` appends to each call.
    uint256 private constant CALLER_BYTES = 20;

    /// @inheritdoc IRouter
    uint256 public immutable chainId;
    /// @inheritdoc IRouter
    HashMode public immutable hashMode;

    bytes32 private _guard = IDLE;

    /// What the packets of one call have in common.
    struct Shared {
        ILightClient verifier;
        bytes[] prefix;
        bytes32 destClientHash;
        bytes32 localKey;
        bytes32 counterpartyKey;
        address relayer;
    }

    /// @param governance_ The contract whose acts are governed acts.
    /// @param hashMode_ The host's hashing mode; deployment is refused when the host does not compute the hashes that it promises.
    constructor(address governance_, HashMode hashMode_) ClientRegistry(governance_) {
        Hash.requireKnownAnswers(hashMode_);
        chainId = block.chainid;
        hashMode = hashMode_;
    }

    // ---- sending ----

    /// @inheritdoc IRouter
    function sendPacket(string calldata sourceClient, uint64 timeoutTimestamp, Payload calldata payload) external returns (uint64 sequence) {
        Client storage client_ = _client(sourceClient);
        PayloadLimits.check(payload);
        address application = address(_port(payload.sourcePort).application);
        if (msg.sender != application) revert ApplicationMismatch(application, msg.sender);
        _checkTimeout(client_.verifier, timeoutTimestamp);

        sequence = _takeSequence(sourceClient);
        string memory destClient = client_.counterpartyId;
        Slots.store(
            Sha256.ofMemory(CommitmentPath.commitment(sourceClient, sequence)),
            PacketCommitment.ofPacket(Sha256.ofMemory(bytes(destClient)), timeoutTimestamp, abi.encodePacked(PacketCommitment.ofPayload(payload)))
        );

        Payload[] memory payloads = new Payload[](1);
        payloads[0] = payload;
        emit SendPacket(sourceClient, sequence, Packet(sequence, sourceClient, destClient, timeoutTimestamp, payloads));
    }

    function _checkTimeout(ILightClient verifier, uint64 timeout) private view {
        uint64 timeNow = Clock.timeNow();
        if (timeout <= timeNow) revert TimeoutPassed(timeNow, timeout);
        if (timeout > timeNow + MAX_TIMEOUT_DELTA_SECONDS) revert TimeoutTooFar(timeNow + MAX_TIMEOUT_DELTA_SECONDS, timeout);
        (Status state,, uint64 provenTime) = verifier.status();
        if (state != Status.Active) revert ClientNotActive(state);
        if (timeout <= provenTime) revert TimeoutBeforeProvenTime(provenTime, timeout);
    }

    // ---- receiving ----

    /// @inheritdoc IRouter
    function recvPackets(Packet[] calldata packets, uint64 height, bytes calldata proof) external {
        Shared memory shared = _sharedOfDestination(packets);
        Claim[] memory claims = new Claim[](packets.length);
        bytes32[] memory commitments = new bytes32[](packets.length);
        bytes32[] memory receipts = new bytes32[](packets.length);
        bool pending = false;
        uint64 timeNow = Clock.timeNow();
        for (uint256 i = 0; i < packets.length; ++i) {
            Packet calldata packet = packets[i];
            _checkPacket(packet, packet.destClient, packet.sourceClient, shared);
            commitments[i] = _commitment(packet, shared.destClientHash);
            receipts[i] = Sha256.ofMemory(CommitmentPath.packetReceipt(packet.destClient, packet.sequence));
            claims[i] = _claim(shared.prefix, CommitmentPath.commitment(packet.sourceClient, packet.sequence), abi.encodePacked(commitments[i]));

            if (_isReceived(receipts[i], commitments[i])) continue;
            pending = true;
            if (timeNow >= packet.timeoutTimestamp) revert TimeoutPassed(timeNow, packet.timeoutTimestamp);
            bytes32 tombstone = _tombstoneSlot(receipts[i], packet.timeoutTimestamp);
            if (Slots.load(tombstone) != 0) revert PacketExpired(tombstone);
        }
        if (!pending) return;

        _requireIdle();
        shared.verifier.verify(height, proof, claims);
        for (uint256 i = 0; i < packets.length; ++i) {
            // Asked again, since a packet may be listed twice.
            if (!_isReceived(receipts[i], commitments[i])) _receive(packets[i], receipts[i], commitments[i], shared.relayer);
        }
        _guard = IDLE;
    }

    function _receive(Packet calldata packet, bytes32 receipt, bytes32 commitment, address relayer) private {
        Port memory port = _port(packet.payloads[0].destPort);
        Slots.store(receipt, commitment);
        _guard = receipt;
        emit RecvPacket(packet.destClient, packet.sequence, relayer);

        bytes memory acknowledgement = _callApplication(port, packet, relayer);
        if (acknowledgement.length > 0) _storeAcknowledgement(packet, acknowledgement, relayer);
    }

    /// @inheritdoc IRouter
    function proveDepth(uint256 frames) external view {
        if (frames > 1) this.proveDepth(frames - 1);
    }

    /// @return acknowledgement What the application answered; the error acknowledgement when it reverted; empty when it will answer later.
    function _callApplication(Port memory port, Packet calldata packet, address relayer) private returns (bytes memory acknowledgement) {
        address application = address(port.application);
        bytes memory input = abi.encodeCall(IApplication.onRecvPacket, (packet, relayer));
        uint256 maxOutput = MAX_ACKNOWLEDGEMENT_BYTES + 64;
        (bool enough, bool success, uint256 length, bytes memory output) = MeasuredCall.call(application, port.receiveGas, input, maxOutput);
        if (!enough) revert ReceiveGasTooLow(MeasuredCall.required(port.receiveGas), gasleft());
        if (!success) {
            // At most 1024 calls can be nested, and each caller chooses how deep he begins: a failure is the application's own only when it had
            // the depth it may rely upon. No instruction tells the depth, so that it is tried.
            try this.proveDepth(APPLICATION_FRAMES) {}
            catch {
                revert CallDepthTooLow(APPLICATION_FRAMES);
            }
            return abi.encodePacked(PacketCommitment.ERROR_ACKNOWLEDGEMENT);
        }
        // From here on the application's writes stand, so that an unusable answer has to fail the whole call: an error acknowledgement would
        // have the source refund what was accepted here.
        if (length > maxOutput) revert AcknowledgementTooLong(MAX_ACKNOWLEDGEMENT_BYTES, length - 64);
        if (!_isBytesAnswer(output)) revert AcknowledgementMalformed(application);
        acknowledgement = abi.decode(output, (bytes));
        if (acknowledgement.length == 32 && bytes32(acknowledgement) == PacketCommitment.ERROR_ACKNOWLEDGEMENT) {
            revert ErrorAcknowledgementReturned(application);
        }
    }

    /// Whether an answer is the encoding of one byte string and nothing else.
    function _isBytesAnswer(bytes memory output) private pure returns (bool) {
        if (output.length < 64) return false;
        uint256 offset;
        uint256 length;
        assembly ("memory-safe") {
            offset := mload(add(output, 32))
            length := mload(add(output, 64))
        }
        return offset == 32 && length <= MAX_ACKNOWLEDGEMENT_BYTES && output.length == 64 + ((length + 31) / 32) * 32;
    }

    /// @inheritdoc IRouter
    function writeAcknowledgement(Packet calldata packet, bytes calldata acknowledgement) external {
        PayloadLimits.checkCount(packet.payloads);
        address application = address(_port(packet.payloads[0].destPort).application);
        address caller = _caller();
        if (caller != application) revert ApplicationMismatch(application, caller);
        if (acknowledgement.length == 0) revert AcknowledgementEmpty();
        if (acknowledgement.length > MAX_ACKNOWLEDGEMENT_BYTES) revert AcknowledgementTooLong(MAX_ACKNOWLEDGEMENT_BYTES, acknowledgement.length);
        bytes32 receipt = Sha256.ofMemory(CommitmentPath.packetReceipt(packet.destClient, packet.sequence));
        bytes32 commitment = _commitment(packet, Sha256.ofCalldata(bytes(packet.destClient)));
        if (Slots.load(receipt) != commitment) revert PacketNotReceived(commitment, Slots.load(receipt));
        if (_guard == receipt) revert AcknowledgementTooEarly(receipt);
        _storeAcknowledgement(packet, acknowledgement, caller);
    }

    function _storeAcknowledgement(Packet calldata packet, bytes memory acknowledgement, address relayer) private {
        bytes32 slot = Sha256.ofMemory(CommitmentPath.acknowledgement(packet.destClient, packet.sequence));
        bytes32 present = Slots.load(slot);
        if (present != 0) revert AcknowledgementExists(present);
        Slots.store(slot, PacketCommitment.ofAcknowledgement(acknowledgement));
        emit WriteAcknowledgement(packet.destClient, packet.sequence, acknowledgement, relayer);
    }

    // ---- settling ----

    /// @inheritdoc IRouter
    function ackPackets(Packet[] calldata packets, bytes[] calldata acknowledgements, uint64 height, bytes calldata proof) external {
        if (acknowledgements.length != packets.length) revert AcknowledgementCountMismatch(packets.length, acknowledgements.length);
        Shared memory shared = _sharedOfSource(packets);
        Claim[] memory claims = new Claim[](packets.length);
        bytes32[] memory slots = new bytes32[](packets.length);
        bool[] memory unsettled = new bool[](packets.length);
        bool pending = false;
        for (uint256 i = 0; i < packets.length; ++i) {
            (slots[i], unsettled[i]) = _checkSent(packets[i], shared);
            claims[i] = _acknowledgementClaim(packets[i], shared.prefix, acknowledgements[i]);
            pending = pending || unsettled[i];
        }
        if (!pending) return;

        _requireIdle();
        shared.verifier.verify(height, proof, claims);
        _guard = SETTLING;
        for (uint256 i = 0; i < packets.length; ++i) {
            if (_isSettled(slots[i], unsettled[i])) continue;
            Slots.store(slots[i], 0);
            Packet calldata packet = packets[i];
            emit AckPacket(packet.sourceClient, packet.sequence, shared.relayer);
            _port(packet.payloads[0].sourcePort).application.onAcknowledge(packet, acknowledgements[i], shared.relayer);
        }
        _guard = IDLE;
    }

    /// @inheritdoc IRouter
    function timeoutPackets(Packet[] calldata packets, uint64 height, bytes calldata proof) external {
        Shared memory shared = _sharedOfSource(packets);
        Claim[] memory claims = new Claim[](packets.length);
        bytes32[] memory slots = new bytes32[](packets.length);
        bool[] memory unsettled = new bool[](packets.length);
        bool byState = shared.verifier.absence() == Absence.State;
        // The latest timeout of the pending packets; 0 when none is pending.
        uint64 latestTimeout = 0;
        bool pending = false;
        for (uint256 i = 0; i < packets.length; ++i) {
            (slots[i], unsettled[i]) = _checkSent(packets[i], shared);
            claims[i] = _unreceivedClaim(packets[i], shared.prefix, byState);
            if (!unsettled[i]) continue;
            pending = true;
            if (packets[i].timeoutTimestamp > latestTimeout) latestTimeout = packets[i].timeoutTimestamp;
        }
        if (!pending) return;

        _requireIdle();
        uint64 provenTime = shared.verifier.verify(height, proof, claims);
        // A tombstone is proof by itself: where it is used, the chain's time proves nothing.
        if (byState && provenTime < latestTimeout) revert TimeoutNotReached(latestTimeout, provenTime);
        _guard = SETTLING;
        for (uint256 i = 0; i < packets.length; ++i) {
            if (_isSettled(slots[i], unsettled[i])) continue;
            Slots.store(slots[i], 0);
            Packet calldata packet = packets[i];
            emit TimeoutPacket(packet.sourceClient, packet.sequence, shared.relayer);
            _port(packet.payloads[0].sourcePort).application.onTimeout(packet, shared.relayer);
        }
        _guard = IDLE;
    }

    /// Whether a packet is passed over when its turn comes.
    /// @param slot Where its commitment lies or lay.
    /// @param unsettled Whether it was there, and the packet's own, before the first callback. What lies there now says nothing of a packet that
    /// had none then: a callback may have sent under its sequence, and nobody has compared the two.
    function _isSettled(bytes32 slot, bool unsettled) private view returns (bool) {
        // Asked again, since a packet may be listed twice.
        return !unsettled || Slots.load(slot) == 0;
    }

    function _acknowledgementClaim(Packet calldata packet, bytes[] memory prefix, bytes calldata acknowledgement) private view returns (Claim memory) {
        if (acknowledgement.length == 0) revert AcknowledgementEmpty();
        bytes memory path = CommitmentPath.acknowledgement(packet.destClient, packet.sequence);
        return _claim(prefix, path, abi.encodePacked(PacketCommitment.ofAcknowledgement(acknowledgement)));
    }

    function _unreceivedClaim(Packet calldata packet, bytes[] memory prefix, bool byState) private view returns (Claim memory) {
        bytes memory path = CommitmentPath.packetReceipt(packet.destClient, packet.sequence);
        if (byState) return _claim(prefix, path, "");
        return _claim(prefix, CommitmentPath.tombstone(Sha256.ofMemory(path), packet.timeoutTimestamp), abi.encodePacked(TOMBSTONE));
    }

    // ---- batches ----

    /// @inheritdoc IRouter
    function batch(bytes[] calldata calls) external returns (bool[] memory success, bytes[] memory results) {
        success = new bool[](calls.length);
        results = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes4 selector = bytes4(calls[i]);
            if (_isBatchable(selector)) {
                // An ordinary call, since each item is to be rolled back on its own; it carries the caller behind its arguments, where the
                // decoder of arguments does not look and `_caller` does.
                (success[i], results[i]) = address(this).call(abi.encodePacked(calls[i], msg.sender));
            } else {
                results[i] = abi.encodeWithSelector(BatchItemNotAllowed.selector, selector);
            }
            if (!success[i]) emit BatchItemFailed(i, results[i]);
        }
    }

    function _isBatchable(bytes4 selector) private pure returns (bool) {
        return selector == IRouter.recvPackets.selector || selector == IRouter.ackPackets.selector || selector == IRouter.timeoutPackets.selector
            || selector == IRouter.updateClient.selector || selector == IRouter.submitMisbehaviour.selector
            || selector == IRouter.writeAcknowledgement.selector || selector == IRouter.expire.selector
            || selector == bytes4(keccak256("notarise(bytes32)")) || selector == bytes4(keccak256("notarise(bytes32[8])"));
    }

    /// Who asks: the caller, or within a batch the batch's caller. Only `batch` calls from itself what asks here, and it always appends the
    /// address, so that nobody else can supply one.
    function _caller() private view returns (address) {
        if (msg.sender != address(this)) return msg.sender;
        return address(bytes20(msg.data[msg.data.length - CALLER_BYTES:]));
    }

    // ---- what packets have in common ----

    function _sharedOfDestination(Packet[] calldata packets) private view returns (Shared memory shared) {
        if (packets.length == 0) revert PacketsMissing();
        shared = _shared(packets[0].destClient);
        shared.destClientHash = Sha256.ofCalldata(bytes(packets[0].destClient));
    }

    function _sharedOfSource(Packet[] calldata packets) private view returns (Shared memory shared) {
        if (packets.length == 0) revert PacketsMissing();
        shared = _shared(packets[0].sourceClient);
        // Equal to the counterparty's id, or `_checkPacket` refuses the packet.
        shared.destClientHash = Sha256.ofCalldata(bytes(packets[0].destClient));
    }

    function _shared(string calldata localClient) private view returns (Shared memory shared) {
        Client storage client_ = _client(localClient);
        shared.verifier = client_.verifier;
        shared.prefix = client_.counterpartyPrefix;
        shared.localKey = keccak256(bytes(localClient));
        shared.counterpartyKey = keccak256(bytes(client_.counterpartyId));
        shared.relayer = _caller();
    }

    function _checkPacket(Packet calldata packet, string calldata local, string calldata counterparty, Shared memory shared) private view {
        if (keccak256(bytes(local)) != shared.localKey) revert ClientsDiffer(local);
        if (keccak256(bytes(counterparty)) != shared.counterpartyKey) revert CounterpartyMismatch(_client(local).counterpartyId, counterparty);
        if (packet.sequence == 0) revert SequenceZero();
        PayloadLimits.checkCount(packet.payloads);
        PayloadLimits.check(packet.payloads[0]);
    }

    /// @return slot Where the packet's commitment lies or lay.
    /// @return pending Whether it is still there; reverts when another packet's is.
    function _checkSent(Packet calldata packet, Shared memory shared) private view returns (bytes32 slot, bool pending) {
        _checkPacket(packet, packet.sourceClient, packet.destClient, shared);
        slot = Sha256.ofMemory(CommitmentPath.commitment(packet.sourceClient, packet.sequence));
        bytes32 stored = Slots.load(slot);
        if (stored == 0) return (slot, false);
        bytes32 commitment = _commitment(packet, shared.destClientHash);
        if (stored != commitment) revert CommitmentMismatch(stored, commitment);
        return (slot, true);
    }

    function _isReceived(bytes32 receipt, bytes32 commitment) private view returns (bool) {
        bytes32 stored = Slots.load(receipt);
        if (stored != 0 && stored != commitment) revert PacketReceiptMismatch(stored, commitment);
        return stored != 0;
    }

    function _commitment(Packet calldata packet, bytes32 destClientHash) private view returns (bytes32) {
        bytes memory payloadHashes = abi.encodePacked(PacketCommitment.ofPayload(packet.payloads[0]));
        return PacketCommitment.ofPacket(destClientHash, packet.timeoutTimestamp, payloadHashes);
    }

    function _claim(bytes[] memory prefix, bytes memory path, bytes memory expected) private pure returns (Claim memory) {
        bytes[] memory elements = new bytes[](prefix.length);
        uint256 last = prefix.length - 1;
        for (uint256 i = 0; i < last; ++i) {
            elements[i] = prefix[i];
        }
        elements[last] = bytes.concat(prefix[last], path);
        return Claim(elements, expected);
    }

    function _requireIdle() private view {
        if (_guard != IDLE) revert Reentered();
    }
}
