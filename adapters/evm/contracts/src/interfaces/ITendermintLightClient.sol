// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ILightClient} from "./ILightClient.sol";
import {TendermintParameters} from "../types/TendermintParameters.sol";

/// A light client of a chain with Tendermint consensus (CometBFT, and the forks that sign with SM2). Its messages are packed bytes, integers
/// big-endian; nothing in them is a hint, everything is recomputed:
///
/// - consensus state preimage (72 bytes): application hash 32, time in nanoseconds 8, hash of the next set 32. The stored value is its SHA-256; the
///   length is fixed, so it parses one way only.
/// - set: count 2, then validators: key type 1 (1 Ed25519, 2 secp256k1, 3 SM2), key 32 or 33, power 8.
/// - header: fourteen leaves as they are hashed, each length 1 and bytes.
/// - commit: round 4, total of the part set 4, its hash 32, set, count of votes 2, then votes: index in that set 2, index in the trusted set 2 (ffff:
///   none), seconds 8, nanoseconds 4, signature 64.
/// - update: latest preimage 72, trusted set (count 0 exactly when the header's set is the same), header, commit.
/// - evidence: lower height 8, its preimage 72, flag 1 (0: the lower state is the latest; 1: upper height 8 and its preimage 72 follow), two times
///   header and commit. The lower state is the stored one of the greatest height below the first header's, the upper the next stored.
/// - proof: preimage 72 of the state at the proof's height, root of the store 32, the store's existence under the application hash, one proof for each
///   claim (`Ics23`).
///
/// Errors about proofs are declared by `Ics23`. Times are nanoseconds since 1970.
interface ITendermintLightClient is ILightClient {
    /// A consensus state was stored; the preimage is recovered from here.
    /// @param height Block height.
    /// @param root The application's hash.
    /// @param time Block time in nanoseconds since 1970.
    /// @param nextSetHash Hash of the next height's set.
    event ConsensusState(uint64 indexed height, bytes32 root, uint64 time, bytes32 nextSetHash);
    /// The client froze, for good.
    /// @param heightA Height of the first header.
    /// @param heightB Height of the second.
    /// @param hashA Hash of the first.
    /// @param hashB Hash of the second.
    event Frozen(uint64 heightA, uint64 heightB, bytes32 hashA, bytes32 hashB);

    // Bytes.

    /// The message ends early.
    error MessageTruncated(uint256 expected, uint256 found);
    /// Bytes follow its end.
    error MessageTrailing(uint256 found);
    /// A leaf of the header, counted from 0, is not the one encoding of what it must be.
    error HeaderMalformed(uint256 leaf);
    /// The application's hash is no root, which has 32 bytes.
    error AppHashMalformed(uint256 found);
    /// The round is greater than any.
    error CommitMalformed(uint256 maximum, uint256 found);
    /// The nanoseconds of a vote make a second or more.
    error VoteMalformed(uint256 index, uint256 maximum, uint256 found);
    /// The key type or the power of a validator is out of its range.
    error ValidatorMalformed(uint256 index, uint256 found);

    // Sets.

    error ValidatorSetEmpty();
    error TooManyValidators(uint256 maximum, uint256 found);
    /// The key at a place, counted from 0, stands at an earlier place too.
    error ValidatorRepeated(uint256 index);
    error TotalPowerTooLarge(uint256 maximum, uint256 found);
    /// Bits as in the parameters.
    error KeyTypeNotAllowed(uint256 allowed, uint256 found);
    /// The set given with a commit is not the one that is valid for the header.
    error ValidatorsHashMismatch(bytes32 expected, bytes32 found);
    error TrustedSetMismatch(bytes32 expected, bytes32 found);
    /// A trusted set is given though the header's is the same.
    error TrustedSetSuperfluous(uint256 found);
    /// The set has changed and the trusted one is not given.
    error TrustedSetMissing(bytes32 expected, bytes32 found);
    /// The next height has another set than the trusted header says.
    error NextSetMismatch(bytes32 expected, bytes32 found);

    // Votes.

    /// The votes are not in the order of the set, or one validator voted twice.
    error VoteOrder(uint256 found);
    error VoteIndexUnknown(uint256 count, uint256 found);
    /// A vote names a place in the trusted set where its key does not lie.
    error TrustedVoteMismatch(uint256 index, uint256 found);
    /// The vote of the validator at a place, counted from 0.
    error SignatureInvalid(uint256 index);
    /// Too little of the trusted set voted: try a nearer height.
    error NotEnoughTrust(uint256 found, uint256 total);
    /// No more than two thirds of the header's set voted.
    error NotEnoughPower(uint256 found, uint256 total);

    // States.

    /// The preimage given is not of the stored state.
    error ConsensusStateMismatch(bytes32 expected, bytes32 found);
    /// No state is stored at that height, or it is not the one that the rule asks for.
    error ConsensusStateUnknown(uint64 height);
    /// The height is not above the latest and the state there is not this one.
    error NotNewer(uint64 latest, uint64 found);
    error TimeNotAfterTrusted(uint64 trusted, uint64 found);
    /// The time is not below now and the drift.
    error TimeInFuture(uint256 bound, uint64 found);
    /// The state used is older than the trusting period allows.
    error TrustExpired(uint256 expiry, uint256 found);
    error ClientFrozen();
    error ChainIdMismatch(bytes expected, bytes found);

    // Evidence.

    /// The flag is neither 0 nor 1, or the header of the lower height is not the first.
    error EvidenceMalformed(uint256 expected, uint256 found);
    /// The two headers are one block, whatever their votes.
    error HeadersIdentical(bytes32 found);
    /// Time runs forward from one header to the other.
    error NoConflict(uint64 first, uint64 second);
    /// The states named do not say by which set a header is judged, or the headers do not show that its votes count.
    error SetUnknownAtHeight(bytes32 expected, bytes32 found);

    // Claims.

    /// There is no claim: such a proof would prove anything.
    error ClaimsEmpty();
    error TooManyClaims(uint256 maximum, uint256 found);
    /// A value of an EVM store has 32 bytes and is not zero.
    error ClaimValueMalformed(uint256 index, uint256 expected, uint256 found);
    /// A path is not of the store.
    error PathMalformed(uint256 index, uint256 expectedElements, uint256 foundElements);

    /// The parameter at a place in the struct, counted from 0, is out of its range.
    error ClientStateMalformed(uint256 field);

    /// @return What never changes.
    function parameters() external view returns (TendermintParameters memory);

    /// @param height A block height.
    /// @return SHA-256 of the state's preimage, zero when none is stored.
    function consensusStateHash(uint64 height) external view returns (bytes32);

    /// @return How many consensus states are stored.
    function heightCount() external view returns (uint256);

    /// @param index Counted from 0 in the order of storing, which is ascending.
    /// @return The height of a stored state, zero beyond the last.
    function heightAt(uint256 index) external view returns (uint64);
}
