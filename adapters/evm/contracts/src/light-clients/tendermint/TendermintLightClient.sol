// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Claim, Status, UpdateResult} from "../../interfaces/ILightClient.sol";
import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {Clock} from "../../libraries/Clock.sol";
import {Hash} from "../../libraries/Hash.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {OPCODE} from "../../types/HashMode.sol";
import {Commitments, StoreTree, TendermintConsensusState, TendermintParameters, TreeHash} from "../../types/TendermintParameters.sol";
import {TendermintCodec} from "./TendermintCodec.sol";
import {TendermintHeader} from "./TendermintHeader.sol";
import {TendermintMembership} from "./TendermintMembership.sol";
import {TendermintSignatures} from "./TendermintSignatures.sol";
import {TendermintVerifier} from "./TendermintVerifier.sol";
import {TendermintVotes} from "./TendermintVotes.sol";

/// The light client of one Tendermint chain. Updates start from the latest state and only move forward; a frozen client stays frozen.
contract TendermintLightClient is ITendermintLightClient {
    uint256 private constant NANOSECONDS = 10 ** 9;
    uint256 private constant MAX_CHAIN_ID_BYTES = 50;
    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant ALL_KEY_TYPES = 7;

    /// One slot: all that every call needs to know.
    /// @param latestHeight Height of the latest state.
    /// @param latestTime Its time in nanoseconds since 1970.
    /// @param count How many states are stored.
    /// @param frozen Whether misbehaviour was shown.
    struct Head {
        uint64 latestHeight;
        uint64 latestTime;
        uint64 count;
        bool frozen;
    }

    /// Checks signatures: made by the constructor, so that nobody chooses it.
    TendermintSignatures public immutable signatures;
    uint256 private immutable trustNumerator;
    uint256 private immutable trustDenominator;
    uint64 private immutable trustingPeriod;
    uint64 private immutable clockDrift;
    uint256 private immutable keyTypes;
    TreeHash private immutable treeHash;
    StoreTree private immutable storeTree;
    Commitments private immutable commitments;
    address private immutable router;
    // Of any length, so they cannot be immutables. Nothing writes them but the constructor.
    bytes private chainId;
    bytes private userId;
    bytes private store;

    Head internal head;
    /// Height to SHA-256 of the state's preimage.
    mapping(uint64 height => bytes32 hash) private states;
    /// The heights in ascending order, four to a word, the first in the lowest bits.
    mapping(uint256 word => uint256 heights) private heightWords;
    /// What each SM2 signer hashes before a message, once it is known: it depends on the key alone, and is dear.
    mapping(uint256 sign => mapping(uint256 x => bytes32 hash)) private userHashes;

    /// The initial state is the deployer's word: `link` shows it to the members of governance, who check it against their own node.
    /// @param settings What never changes.
    /// @param height Height of the initial state.
    /// @param initial The initial state.
    constructor(TendermintParameters memory settings, uint64 height, TendermintConsensusState memory initial) {
        // secp256k1 signers are named by Keccak-256, here and by the precompile.
        Hash.requireKnownAnswers(OPCODE);
        requireRanges(settings);
        signatures = new TendermintSignatures();
        trustNumerator = settings.trustNumerator;
        trustDenominator = settings.trustDenominator;
        trustingPeriod = settings.trustingPeriod;
        clockDrift = settings.clockDrift;
        keyTypes = settings.keyTypes;
        treeHash = settings.treeHash;
        storeTree = settings.storeTree;
        commitments = settings.commitments;
        router = settings.router;
        chainId = settings.chainId;
        userId = settings.userId;
        store = settings.store;
        append(Head(0, 0, 0, false), height, TendermintCodec.stateHash(initial), initial);
    }

    /// A header at a stored height is a no-op when it leads to the very state that is stored, and that is found out without looking at votes: nothing
    /// is stored, and whoever certified that state was checked when it was. So a lost race costs little.
    function update(bytes calldata message) external returns (UpdateResult) {
        Head memory current = head;
        if (current.frozen) revert ClientFrozen();
        requireFresh(current.latestTime);
        TendermintCodec.Update memory parsed = TendermintCodec.readUpdate(message);
        TendermintHeader.Header memory header = parsed.header;
        TendermintConsensusState memory next = TendermintConsensusState(header.root, header.time, header.nextSetHash);
        bytes32 nextHash = TendermintCodec.stateHash(next);
        if (header.height <= current.latestHeight) {
            if (header.rootLength != 32 || states[header.height] != nextHash) revert NotNewer(current.latestHeight, header.height);
            return UpdateResult.NoOp;
        }
        bytes32 latest = states[current.latestHeight];
        if (parsed.trusted.hash != latest) revert ConsensusStateMismatch(latest, parsed.trusted.hash);
        parsed.trusted.height = current.latestHeight;
        TendermintVerifier.verifyUpdate(verifierSettings(), parsed, nanosecondsNow() + uint256(clockDrift) * NANOSECONDS, userHashes);
        if (header.rootLength != 32) revert AppHashMalformed(header.rootLength);
        append(current, header.height, nextHash, next);
        return UpdateResult.Update;
    }

    /// 1. The headers are two blocks of one height, or the later one's time is not later. 2. The states named are the stored ones around the first
    /// header, and the lower is within the trusting period. 3. They name the set that each header is judged by (`setJudging`), and what the headers
    /// list shows that its votes count. Nobody honest votes for a header that lists a set which is not valid there. So of two blocks of one height one
    /// lists that set, or they list two different ones; headers of two heights list each their own. Two blocks that list one and the same other set are
    /// none: where the set named is only a part of the valid one, its honest members may have voted for both, in two rounds. 4. Both are certified by
    /// more than two thirds of the set that is named; never by a skipping threshold. What this client stored above the lower state takes nothing back of
    /// that: a header that it was misled by is shown to be forged like any other. Source of the kinds, of the period and of judging from the state below:
    /// ibc-go v10.3.0 `07-tendermint/misbehaviour_handle.go`.
    function misbehaviour(bytes calldata evidence) external returns (UpdateResult) {
        Head memory current = head;
        if (current.frozen) return UpdateResult.NoOp;
        TendermintCodec.Evidence memory parsed = TendermintCodec.readEvidence(evidence);
        // 1.
        bool ofOneHeight = requireConflict(parsed.first.header, parsed.second.header);
        // 2.
        requireAround(parsed, current);
        requireFresh(parsed.lower.state.time);
        // 3.
        bytes32 setA = setJudging(parsed, parsed.first.header.height, current.latestHeight);
        bytes32 setB = setJudging(parsed, parsed.second.header.height, current.latestHeight);
        requireListed(ofOneHeight, setA, parsed.first.header.setHash, setB, parsed.second.header.setHash);
        // 4.
        TendermintVerifier.Settings memory settings = verifierSettings();
        bytes32 hashA = TendermintVerifier.verifyCertified(settings, setA, parsed.first, userHashes);
        bytes32 hashB = TendermintVerifier.verifyCertified(settings, setB, parsed.second, userHashes);
        current.frozen = true;
        head = current;
        emit Frozen(parsed.first.header.height, parsed.second.header.height, hashA, hashB);
        return UpdateResult.Misbehaviour;
    }

    function verify(uint64 height, bytes calldata proof, Claim[] calldata claims) external view returns (uint64 time) {
        Head memory current = head;
        if (current.frozen) revert ClientFrozen();
        requireFresh(current.latestTime);
        Ics23.Reader memory reader = TendermintCodec.begin(proof);
        TendermintCodec.StateAt memory named = TendermintCodec.readState(reader);
        requireStored(height, named.hash);
        TendermintMembership.verify(
            TendermintMembership.Settings(treeHash, storeTree, commitments, store, router), named.state.root, reader, claims
        );
        TendermintCodec.finish(reader);
        return named.state.time / uint64(NANOSECONDS);
    }

    function status() external view returns (Status, uint64, uint64) {
        Head memory current = head;
        bool expired = nanosecondsNow() >= expiryOf(current.latestTime);
        Status state = current.frozen ? Status.Frozen : expired ? Status.Expired : Status.Active;
        return (state, current.latestHeight, current.latestTime / uint64(NANOSECONDS));
    }

    function absence() external pure returns (Absence) {
        return Absence.State;
    }

    function assurance() external pure returns (uint8, uint16, uint16) {
        return (0, 0, 0);
    }

    function parameters() external view returns (TendermintParameters memory) {
        return TendermintParameters(
            chainId,
            uint8(trustNumerator),
            uint8(trustDenominator),
            trustingPeriod,
            clockDrift,
            uint8(keyTypes),
            userId,
            treeHash,
            storeTree,
            commitments,
            store,
            router
        );
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

    /// Whether the headers are of one height, once they cannot both be honest.
    function requireConflict(TendermintHeader.Header memory a, TendermintHeader.Header memory b) private view returns (bool ofOneHeight) {
        if (a.height > b.height) revert EvidenceMalformed(b.height, a.height);
        if (a.height == b.height) {
            bytes32 hash = TendermintHeader.hashOf(treeHash, a);
            if (hash == TendermintHeader.hashOf(treeHash, b)) revert HeadersIdentical(hash);
            return true;
        }
        if (b.time > a.time) revert NoConflict(a.time, b.time);
    }

    /// The states named are the stored ones around the first header.
    function requireAround(TendermintCodec.Evidence memory parsed, Head memory current) private view {
        uint64 height = parsed.first.header.height;
        uint64 lower = parsed.lower.height;
        requireStored(lower, parsed.lower.hash);
        if (lower >= height) revert ConsensusStateUnknown(lower);
        uint64 next = nextAbove(lower, current.count);
        if (next != 0 && next < height) revert ConsensusStateUnknown(lower);
        if (parsed.hasUpper != (next != 0)) revert ConsensusStateUnknown(next);
        if (!parsed.hasUpper) return;
        if (parsed.upper.height != next) revert ConsensusStateUnknown(parsed.upper.height);
        requireStored(next, parsed.upper.hash);
    }

    /// The set that a header of a height above the lower state is judged by: the next one of the state below it. Up to the upper state that is the
    /// lower one, whatever set the upper names: that may be a forger's choice. Above the upper state it is that one, right above it or when it is the
    /// latest, whose set's word the client would take for any header; farther up other states lie between, and nobody has named them.
    function setJudging(TendermintCodec.Evidence memory parsed, uint64 height, uint64 latest) private pure returns (bytes32) {
        bytes32 lower = parsed.lower.state.nextSetHash;
        uint64 upperHeight = parsed.upper.height;
        if (!parsed.hasUpper || height <= upperHeight) return lower;
        bytes32 upper = parsed.upper.state.nextSetHash;
        if (height - 1 == upperHeight || upperHeight == latest) return upper;
        revert SetUnknownAtHeight(lower, upper);
    }

    function requireListed(bool ofOneHeight, bytes32 setA, bytes32 listedA, bytes32 setB, bytes32 listedB) private pure {
        bool a = setA == listedA;
        bool b = setB == listedB;
        // Where they list two sets, one of them may be the set that is named.
        if (ofOneHeight ? a || listedA != listedB : a && b) return;
        if (a) revert SetUnknownAtHeight(setB, listedB);
        revert SetUnknownAtHeight(setA, listedA);
    }

    function verifierSettings() private view returns (TendermintVerifier.Settings memory) {
        return TendermintVerifier.Settings(TendermintVotes.Settings(signatures, chainId, userId, keyTypes), treeHash, trustNumerator, trustDenominator);
    }

    function append(Head memory current, uint64 height, bytes32 hash, TendermintConsensusState memory state) internal {
        states[height] = hash;
        uint256 index = current.count;
        heightWords[index / 4] |= uint256(height) << (64 * (index % 4));
        head = Head(height, state.time, uint64(index + 1), current.frozen);
        emit ConsensusState(height, state.root, state.time, state.nextSetHash);
    }

    function requireStored(uint64 height, bytes32 hash) private view {
        bytes32 stored = states[height];
        if (stored == 0) revert ConsensusStateUnknown(height);
        if (stored != hash) revert ConsensusStateMismatch(stored, hash);
    }

    function nanosecondsNow() private view returns (uint256) {
        return uint256(Clock.timeNow()) * NANOSECONDS;
    }

    function expiryOf(uint64 time) private view returns (uint256) {
        return uint256(time) + uint256(trustingPeriod) * NANOSECONDS;
    }

    function requireFresh(uint64 time) private view {
        uint256 timeNow = nanosecondsNow();
        if (timeNow >= expiryOf(time)) revert TrustExpired(expiryOf(time), timeNow);
    }

    /// The height stored right after `lower`, found by halving; 0 when there is none.
    function nextAbove(uint64 lower, uint256 count) private view returns (uint64) {
        uint256 from = 0;
        uint256 to = count;
        while (from < to) {
            uint256 middle = (from + to) / 2;
            if (heightAt(middle) <= lower) from = middle + 1;
            else to = middle;
        }
        return from < count ? heightAt(from) : 0;
    }

    function requireRanges(TendermintParameters memory settings) private pure {
        if (settings.chainId.length == 0 || settings.chainId.length > MAX_CHAIN_ID_BYTES) revert ClientStateMalformed(0);
        uint256 numerator = settings.trustNumerator;
        uint256 denominator = settings.trustDenominator;
        if (denominator == 0 || numerator > denominator || 3 * numerator < denominator) revert ClientStateMalformed(1);
        if (settings.keyTypes == 0 || settings.keyTypes > ALL_KEY_TYPES) revert ClientStateMalformed(5);
        if (settings.userId.length == 0 || settings.userId.length > MAX_NAME_BYTES) revert ClientStateMalformed(6);
        if (settings.store.length == 0 || settings.store.length > MAX_NAME_BYTES) revert ClientStateMalformed(10);
        if (settings.commitments == Commitments.IbcStore && settings.router != address(0)) revert ClientStateMalformed(11);
    }
}
