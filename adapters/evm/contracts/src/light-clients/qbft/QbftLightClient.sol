// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Claim, Status, UpdateResult} from "../../interfaces/ILightClient.sol";
import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {AccountProof} from "../../libraries/AccountProof.sol";
import {Clock} from "../../libraries/Clock.sol";
import {Hash} from "../../libraries/Hash.sol";
import {StorageProof} from "../../libraries/StorageProof.sol";
import {HashMode} from "../../types/HashMode.sol";
import {QbftConsensusState, QbftKind, QbftParameters, TrustLevel} from "../../types/QbftParameters.sol";
import {QbftCodec} from "./QbftCodec.sol";
import {QbftHeader} from "./QbftHeader.sol";
import {QbftSeals} from "./QbftSeals.sol";
import {QbftVerifier} from "./QbftVerifier.sol";

/// The light client of one QBFT or IBFT 2.0 chain. Updates start from the latest state and only move forward; a frozen client stays frozen.
contract QbftLightClient is IQbftLightClient {
    /// One slot: all that every call needs to know.
    /// @param latestHeight Block number of the latest state.
    /// @param latestTime Its time in seconds since 1970.
    /// @param count How many states are stored.
    /// @param frozen Whether misbehaviour was shown.
    struct Head {
        uint64 latestHeight;
        uint64 latestTime;
        uint64 count;
        bool frozen;
    }

    QbftKind private immutable kind;
    TrustLevel private immutable trustLevel;
    address private immutable router;
    bytes32 private immutable routerCodeHash;
    uint64 private immutable trustingPeriod;
    uint64 private immutable clockDrift;
    HashMode private immutable hashMode;

    Head internal head;
    /// Height to SHA-256 of the state's preimage.
    mapping(uint64 height => bytes32 hash) private states;
    /// The heights in ascending order, four to a word, the first in the lowest bits.
    mapping(uint256 word => uint256 heights) private heightWords;

    /// The initial state is the deployer's word: `link` shows it to the members of governance, who check it against their own node.
    /// @param settings What never changes.
    /// @param height Block number of the initial state.
    /// @param initial The initial state.
    /// @param mode Hashing mode of this host.
    constructor(QbftParameters memory settings, uint64 height, QbftConsensusState memory initial, HashMode mode) {
        Hash.requireKnownAnswers(mode);
        QbftSeals.requireKnownAnswer();
        kind = settings.kind;
        trustLevel = settings.trustLevel;
        router = settings.router;
        routerCodeHash = settings.routerCodeHash;
        trustingPeriod = settings.trustingPeriod;
        clockDrift = settings.clockDrift;
        hashMode = mode;
        append(Head(0, 0, 0, false), height, QbftCodec.stateHash(initial), initial);
    }

    /// A header at a stored height is a no-op when it leads to the very state that is stored, and that is found out without looking at seals:
    /// nothing is stored, and whoever certified that state was checked when it was. So a lost race costs little.
    function update(bytes calldata message) external returns (UpdateResult) {
        Head memory current = head;
        if (current.frozen) revert ClientFrozen();
        requireFresh(current.latestTime);
        QbftCodec.Update memory parsed = QbftCodec.readUpdate(message);
        QbftHeader.Header memory header = QbftHeader.read(kind, parsed.header, parsed.end);
        uint64 height = uint64(header.number);
        if (height <= current.latestHeight) {
            bytes32 stored = states[height];
            if (stored == 0) revert NotNewer(current.latestHeight, height);
            if (stored != QbftCodec.stateHash(provenState(header, parsed.end))) revert NotNewer(current.latestHeight, height);
            return UpdateResult.NoOp;
        }
        bytes32 latest = states[current.latestHeight];
        if (parsed.preimageHash != latest) revert ConsensusStateMismatch(latest, parsed.preimageHash);
        QbftVerifier.verifyTransition(
            QbftVerifier.Settings(hashMode, kind, trustLevel, uint256(Clock.timeNow()) + clockDrift),
            header,
            QbftVerifier.Trusted(parsed.latest.time, parsed.latest.setHash, parsed.trusted, parsed.trustedCount)
        );
        QbftConsensusState memory next = provenState(header, parsed.end);
        append(current, height, QbftCodec.stateHash(next), next);
        return UpdateResult.Update;
    }

    /// Two blocks of one height, neither below the lower state named nor above the upper, the next one stored. They are judged by the lower state's set,
    /// whatever the upper's is: a header that this client was misled by is shown to be forged like any other. Each is bound to the chain as an update
    /// is, by the Router's account: a block of another chain with the same validators is no evidence.
    function misbehaviour(bytes calldata evidence) external returns (UpdateResult) {
        Head memory current = head;
        if (current.frozen) return UpdateResult.NoOp;
        QbftCodec.Evidence memory parsed = QbftCodec.readEvidence(evidence);
        QbftHeader.Header memory a = QbftHeader.read(kind, parsed.first.header, parsed.first.nodes);
        QbftHeader.Header memory b = QbftHeader.read(kind, parsed.second.header, parsed.second.nodes);
        (bytes32 hashA, bytes32 hashB) = QbftVerifier.verifyTwoBlocks(hashMode, kind, a, b);
        uint64 height = uint64(a.number);
        requireAround(parsed, height, current);
        QbftVerifier.verifyBothSealed(hashMode, kind, a, b, parsed.lower.setHash);
        provenStorageRoot(a, parsed.first.nodes, parsed.first.end);
        provenStorageRoot(b, parsed.second.nodes, parsed.second.end);
        current.frozen = true;
        head = current;
        emit Frozen(height, hashA, hashB);
        return UpdateResult.Misbehaviour;
    }

    function verify(uint64 height, bytes calldata proof, Claim[] calldata claims) external view returns (uint64 time) {
        Head memory current = head;
        if (current.frozen) revert ClientFrozen();
        requireFresh(current.latestTime);
        QbftCodec.StateProof memory parsed = QbftCodec.readStateProof(proof);
        requireStored(height, parsed.preimageHash);
        StorageProof.verify(hashMode, parsed.state.storageRoot, parsed.nodes, parsed.end, claims);
        return parsed.state.time;
    }

    function status() external view returns (Status, uint64, uint64) {
        Head memory current = head;
        Status state = current.frozen ? Status.Frozen : isExpired(current.latestTime) ? Status.Expired : Status.Active;
        return (state, current.latestHeight, current.latestTime);
    }

    function absence() external pure returns (Absence) {
        return Absence.State;
    }

    function assurance() external pure returns (uint8, uint16, uint16) {
        return (0, 0, 0);
    }

    function parameters() external view returns (QbftParameters memory) {
        return QbftParameters(kind, trustLevel, router, routerCodeHash, trustingPeriod, clockDrift);
    }

    function consensusStateHash(uint64 height) external view returns (bytes32) {
        return states[height];
    }

    function heightCount() external view returns (uint256) {
        return head.count;
    }

    function heightAt(uint256 index) public view returns (uint64) {
        return uint64(heightWords[index / 4] >> (64 * (index % 4)));
    }

    /// The consensus state that a header's state root proves, by the nodes after the header.
    function provenState(QbftHeader.Header memory header, uint256 end) private view returns (QbftConsensusState memory) {
        return QbftConsensusState(provenStorageRoot(header, header.end, end), uint64(header.time), header.extra.setHash);
    }

    /// The storage root of the Router, whose account with the pinned code lies under the header's state root by the nodes at `position`.
    function provenStorageRoot(QbftHeader.Header memory header, uint256 position, uint256 end) private view returns (bytes32 storageRoot) {
        bytes32 codeHash;
        (storageRoot, codeHash) = AccountProof.read(hashMode, header.stateRoot, router, position, end);
        if (codeHash != routerCodeHash) revert CodeHashMismatch(routerCodeHash, codeHash);
    }

    function append(Head memory current, uint64 height, bytes32 hash, QbftConsensusState memory state) internal {
        states[height] = hash;
        uint256 index = current.count;
        heightWords[index / 4] |= uint256(height) << (64 * (index % 4));
        head = Head(height, state.time, uint64(index + 1), current.frozen);
        emit ConsensusState(height, state.storageRoot, state.time, state.setHash);
    }

    /// The states that evidence names are stored, next to each other, and `height` is neither below the lower nor above the upper.
    function requireAround(QbftCodec.Evidence memory evidence, uint64 height, Head memory current) private view {
        if (evidence.lowerHeight > height) revert ConsensusStateUnknown(height);
        requireStored(evidence.lowerHeight, evidence.lowerHash);
        if (!evidence.hasUpper) {
            if (evidence.lowerHeight != current.latestHeight) revert ConsensusStateUnknown(evidence.lowerHeight);
            return;
        }
        if (evidence.upperHeight < height || !isNext(evidence.lowerHeight, evidence.upperHeight, current.count)) {
            revert ConsensusStateUnknown(evidence.upperHeight);
        }
        requireStored(evidence.upperHeight, evidence.upperHash);
    }

    function requireStored(uint64 height, bytes32 hash) private view {
        bytes32 stored = states[height];
        if (stored == 0) revert ConsensusStateUnknown(height);
        if (stored != hash) revert ConsensusStateMismatch(stored, hash);
    }

    function isExpired(uint64 time) private view returns (bool) {
        return uint256(Clock.timeNow()) >= uint256(time) + trustingPeriod;
    }

    function requireFresh(uint64 time) private view {
        if (!isExpired(time)) return;
        uint256 expiry = uint256(time) + trustingPeriod;
        revert TrustExpired(uint64(expiry), Clock.timeNow());
    }

    /// Whether `upper` is the height stored right after `lower`, by binary search for the latter.
    function isNext(uint64 lower, uint64 upper, uint256 count) private view returns (bool) {
        uint256 from = 0;
        uint256 to = count;
        while (from < to) {
            uint256 middle = (from + to) / 2;
            if (heightAt(middle) <= lower) from = middle + 1;
            else to = middle;
        }
        return from < count && heightAt(from) == upper;
    }
}
