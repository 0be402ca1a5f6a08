// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ILightClient} from "./ILightClient.sol";
import {QbftParameters} from "../types/QbftParameters.sol";

/// A light client of a chain with QBFT or IBFT 2.0 consensus whose Router is an EVM contract. Its messages are packed bytes, integers big-endian:
///
/// - consensus state preimage (72 bytes): storage root 32, time 8, set hash 32. The stored value is its SHA-256; the length is fixed, so it
///   parses one way only.
/// - update: latest preimage 72, count of trusted validators 2, that many addresses of 20, header RLP, account proof nodes to the end. The
///   addresses are given exactly when the header lists another set than the trusted one.
/// - evidence: lower height 8, its preimage 72, flag 1 (0: the lower state is the latest; 1: upper height 8 and its preimage 72 follow), twice a
///   header RLP, a length 2 and that many bytes of account proof nodes, and nothing more. The lower state is a stored one not above the headers' height, the upper the next stored and not below it. At a
///   height where a state is stored, that state may be either.
/// - proof: preimage 72 of the state at the proof's height, storage trie nodes to the end (`MerklePatriciaProof`).
///
/// Errors about the trie and RLP are declared by `MerklePatriciaProof`, `StorageProof`, `AccountProof`
/// and `RlpReader`.
interface IQbftLightClient is ILightClient {
    /// A consensus state was stored; the preimage is recovered from here.
    /// @param height Block number.
    /// @param storageRoot Root of the Router's storage trie.
    /// @param time Block time in seconds since 1970.
    /// @param setHash SHA-256 of the validators' addresses.
    event ConsensusState(uint64 indexed height, bytes32 storageRoot, uint64 time, bytes32 setHash);
    /// The client froze, for good.
    /// @param height The block number at which two blocks are certified.
    /// @param hashA Hash of the first.
    /// @param hashB Hash of the second.
    event Frozen(uint64 height, bytes32 hashA, bytes32 hashB);

    // Headers. `field` and `element` count from 0; heads are RLP head bytes.

    /// The header is not the RLP it has to be: `field` begins with another head (or has another length) than expected.
    error HeaderMalformed(uint256 field, uint256 expected, uint256 found);
    /// The header has more bytes than any valid one.
    error HeaderTooLarge(uint256 maximum, uint256 found);
    /// The extra data is not the RLP it has to be; `element` 5 is what follows the seals.
    error ExtraDataMalformed(uint256 element, uint256 expected, uint256 found);
    /// Seal `index` is not 65 bytes long (expected 65), its v is not 0 or 1 (expected 1), or its r or s is no scalar (expected the order).
    error SealMalformed(uint256 index, uint256 expected, uint256 found);
    /// Seal `index` is the malleated form of another; `maximum` is half the order.
    error SealHighS(uint256 index, uint256 maximum, uint256 found);
    error MixHashMismatch(bytes32 expected, bytes32 found);
    error DifficultyNotOne(uint256 expected, uint256 found);
    error NonceNotZero(uint64 expected, uint64 found);
    error OmmersNotEmpty(bytes32 expected, bytes32 found);
    error ValidatorSetEmpty(uint256 minimum, uint256 found);
    error ValidatorRepeated(address found);
    error TooManyValidators(uint256 maximum, uint256 found);

    // Seals and sets.

    error SignerRepeated(address found);
    /// A seal by somebody outside the set that the header lists.
    error SignerUnknown(address found);
    /// Seals by members of the set that the header lists.
    error TooFewSeals(uint256 expected, uint256 found);
    /// Seals by members of the trusted set under a changed one.
    error TooFewTrustedSeals(uint256 expected, uint256 found);
    /// The addresses given are not the trusted set.
    error TrustedSetMismatch(bytes32 expected, bytes32 found);
    /// Addresses are given though the set has not changed.
    error TrustedSetSuperfluous(uint256 expected, uint256 found);
    /// The set has changed and the trusted set's addresses are not given.
    error TrustedSetMissing(bytes32 expected, bytes32 found);

    // States.

    /// The message ends before its fixed part does.
    error MessageTruncated(uint256 expected, uint256 found);
    /// The preimage given is not of the stored state.
    error ConsensusStateMismatch(bytes32 expected, bytes32 found);
    /// No state is stored at that height, or it is not the one that the rule asks for.
    error ConsensusStateUnknown(uint64 height);
    /// The height is not above the latest and the state there is not this one.
    error NotNewer(uint64 latest, uint64 found);
    error TimeBeforeTrusted(uint64 trusted, uint64 found);
    error TimeInFuture(uint64 maximum, uint64 found);
    /// The state used is older than the trusting period allows.
    error TrustExpired(uint64 expiry, uint64 found);
    error ClientFrozen();
    /// The Router's account has another code than the one pinned.
    error CodeHashMismatch(bytes32 expected, bytes32 found);

    // Evidence.

    /// The two headers are of different heights.
    error HeightsDiffer(uint64 expected, uint64 found);
    /// The two headers are one block, whatever their rounds and seals.
    error HeadersIdentical(bytes32 found);
    /// Neither header lists the lower state's set, so that nothing shows that it was valid at their height.
    error SetUnknownAtHeight(bytes32 expected, bytes32 found);
    /// The flag is neither 0 nor 1, an account proof is longer than any, or bytes follow the second one.
    error EvidenceMalformed(uint256 expected, uint256 found);

    /// The host's precompile 1 does not recover secp256k1 signers.
    error RecoveryKnownAnswerMismatch(address expected, address found);

    /// @return What never changes.
    function parameters() external view returns (QbftParameters memory);

    /// @param height A block number.
    /// @return SHA-256 of the state's preimage, zero when none is stored.
    function consensusStateHash(uint64 height) external view returns (bytes32);

    /// @return How many consensus states are stored.
    function heightCount() external view returns (uint256);

    /// @param index Counted from 0 in the order of storing, which is ascending.
    /// @return The height of a stored state, zero beyond the last.
    function heightAt(uint256 index) external view returns (uint64);
}
