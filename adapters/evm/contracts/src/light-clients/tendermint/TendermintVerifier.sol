// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {TreeHash} from "../../types/TendermintParameters.sol";
import {TendermintCodec} from "./TendermintCodec.sol";
import {TendermintHeader} from "./TendermintHeader.sol";
import {TendermintSets} from "./TendermintSets.sol";
import {TendermintVotes} from "./TendermintVotes.sol";

/// When a header is certified. Shares of power are compared by multiplication. Source: CometBFT v0.38.17 `light/verifier.go`.
library TendermintVerifier {
    /// What does not change in a call.
    /// @param votes What votes sign.
    /// @param treeHash The hash of headers and sets.
    /// @param trustNumerator With the next, the share of the trusted set.
    struct Settings {
        TendermintVotes.Settings votes;
        TreeHash treeHash;
        uint256 trustNumerator;
        uint256 trustDenominator;
    }

    /// Reverts unless the update's header follows from the latest state, at `update.trusted.height`.
    ///
    /// 1. Time runs forward, and is below `bound`.
    /// 2. The header is of this chain.
    /// 3. The sets hash to what the headers say; the next height's set is the one that the trusted header names.
    /// 4. Every vote is by another member of the header's set, over this block.
    /// 5. Unless the header is the next one, more than the trust level of the trusted set voted.
    /// 6. More than two thirds of the header's set voted.
    /// @param bound Now and the drift, in nanoseconds.
    function verifyUpdate(
        Settings memory settings,
        TendermintCodec.Update memory update,
        uint256 bound,
        mapping(uint256 => mapping(uint256 => bytes32)) storage userHashes
    ) internal {
        TendermintHeader.Header memory header = update.header;
        // 1.
        uint64 trustedTime = update.trusted.state.time;
        if (header.time <= trustedTime) revert ITendermintLightClient.TimeNotAfterTrusted(trustedTime, header.time);
        if (header.time >= bound) revert ITendermintLightClient.TimeInFuture(bound, header.time);
        // 2.
        requireChain(settings.votes.chainId, header);
        // 3.
        bool isNext = header.height - 1 == update.trusted.height;
        requireTrustedSet(settings.treeHash, update, isNext);
        requireSet(settings.treeHash, header.setHash, update.commit.set);
        // 4.
        uint256 trusted = TendermintVotes.trustedPower(update.commit, update.trustedSet);
        uint256 power = TendermintVotes.verify(
            settings.votes, header, TendermintHeader.hashOf(settings.treeHash, header), update.commit, userHashes
        );
        // 5. Where no trusted set is given it is the header's.
        if (!isNext) {
            uint256 total = update.commit.set.totalPower;
            if (update.trustedSet.count == 0) trusted = power;
            else total = update.trustedSet.totalPower;
            if (trusted * settings.trustDenominator <= total * settings.trustNumerator) {
                revert ITendermintLightClient.NotEnoughTrust(trusted, total);
            }
        }
        // 6.
        requireQuorum(power, update.commit.set.totalPower);
    }

    /// Reverts unless more than two thirds of the set with this hash voted for the header, whatever set it lists.
    /// @return hash The block's hash.
    function verifyCertified(
        Settings memory settings,
        bytes32 setHash,
        TendermintCodec.Certified memory certified,
        mapping(uint256 => mapping(uint256 => bytes32)) storage userHashes
    ) internal returns (bytes32 hash) {
        requireChain(settings.votes.chainId, certified.header);
        requireSet(settings.treeHash, setHash, certified.commit.set);
        TendermintSets.Set memory none;
        TendermintVotes.trustedPower(certified.commit, none);
        hash = TendermintHeader.hashOf(settings.treeHash, certified.header);
        uint256 power = TendermintVotes.verify(settings.votes, certified.header, hash, certified.commit, userHashes);
        requireQuorum(power, certified.commit.set.totalPower);
    }

    function requireChain(bytes memory chainId, TendermintHeader.Header memory header) private pure {
        uint256 length = header.chainIdLength;
        uint256 position = header.chainId;
        bytes memory found = new bytes(length);
        assembly ("memory-safe") {
            calldatacopy(add(found, 32), position, length)
        }
        if (keccak256(found) != keccak256(chainId)) revert ITendermintLightClient.ChainIdMismatch(chainId, found);
    }

    /// The trusted set is there exactly when it is needed, and it is the trusted one.
    function requireTrustedSet(TreeHash treeHash, TendermintCodec.Update memory update, bool isNext) private view {
        bytes32 expected = update.trusted.state.nextSetHash;
        bytes32 listed = update.header.setHash;
        if (listed == expected) {
            if (update.trustedSet.count != 0) revert ITendermintLightClient.TrustedSetSuperfluous(update.trustedSet.count);
            return;
        }
        if (isNext) revert ITendermintLightClient.NextSetMismatch(expected, listed);
        if (update.trustedSet.count == 0) revert ITendermintLightClient.TrustedSetMissing(expected, listed);
        bytes32 found = TendermintSets.hashOf(treeHash, update.trustedSet);
        if (found != expected) revert ITendermintLightClient.TrustedSetMismatch(expected, found);
    }

    function requireSet(TreeHash treeHash, bytes32 expected, TendermintSets.Set memory set) private view {
        bytes32 found = TendermintSets.hashOf(treeHash, set);
        if (found != expected) revert ITendermintLightClient.ValidatorsHashMismatch(expected, found);
    }

    function requireQuorum(uint256 power, uint256 total) private pure {
        if (3 * power <= 2 * total) revert ITendermintLightClient.NotEnoughPower(power, total);
    }
}
