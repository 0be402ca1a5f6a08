// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {HashMode} from "../../types/HashMode.sol";
import {QbftKind, TrustLevel} from "../../types/QbftParameters.sol";
import {QbftCodec} from "./QbftCodec.sol";
import {QbftExtraData} from "./QbftExtraData.sol";
import {QbftHeader} from "./QbftHeader.sol";
import {QbftSeals} from "./QbftSeals.sol";

/// Whose seals make a header final, given a trusted set. Shares are compared by multiplication: at least two thirds is not more than two thirds.
library QbftVerifier {
    /// What never changes in a call.
    /// @param mode Hashing mode of the host.
    /// @param kind QBFT or IBFT 2.0.
    /// @param trustLevel Which of rules (b) and (d).
    /// @param latestTime The last second that a header's time may name.
    struct Settings {
        HashMode mode;
        QbftKind kind;
        TrustLevel trustLevel;
        uint256 latestTime;
    }

    /// What a header has to follow from.
    /// @param time Time of the latest state.
    /// @param setHash Its set hash.
    /// @param addresses Calldata position of the set's packed addresses, given exactly when the header lists another set.
    /// @param count How many there are.
    struct Trusted {
        uint64 time;
        bytes32 setHash;
        uint256 addresses;
        uint256 count;
    }

    /// Reverts unless the header follows from what is trusted: (a) the same set: a quorum of it; (b) another set: a quorum of that and a quorum
    /// of the trusted set; (d) with `TrustLevel.OneThird`, instead of the latter, more than a third of the trusted set. Every signer must be a
    /// member of the set that the header lists, so seals that count for the trusted set are by members of both. Time does not fall, and is not
    /// ahead of this chain's by more than the drift.
    /// @param settings What never changes.
    /// @param header The header read before.
    /// @param trusted What it has to follow from.
    function verifyTransition(Settings memory settings, QbftHeader.Header memory header, Trusted memory trusted) internal view {
        uint256 time = header.time;
        if (time < trusted.time) revert IQbftLightClient.TimeBeforeTrusted(trusted.time, uint64(time));
        if (time > settings.latestTime) revert IQbftLightClient.TimeInFuture(uint64(settings.latestTime), uint64(time));
        QbftHeader.checkConstants(header);
        requireTrustedSet(trusted, header.extra.setHash);
        bytes32 digest = QbftHeader.commitDigest(settings.mode, settings.kind, header);
        QbftExtraData.ExtraData memory extra = header.extra;
        (uint256 seals, uint256 trustedSeals) =
            QbftSeals.verify(digest, extra, extra.validators, extra.validatorCount, trusted.addresses, trusted.count);
        requireQuorum(seals, extra.validatorCount);
        if (trusted.count == 0) return;
        if (settings.trustLevel == TrustLevel.OneThird) {
            if (3 * trustedSeals <= trusted.count) revert IQbftLightClient.TooFewTrustedSeals(trusted.count / 3 + 1, trustedSeals);
        } else if (!QbftSeals.isQuorum(trustedSeals, trusted.count)) {
            revert IQbftLightClient.TooFewTrustedSeals(QbftSeals.quorumOf(trusted.count), trustedSeals);
        }
    }

    /// The addresses are there exactly when they are needed, and they are the trusted set's.
    function requireTrustedSet(Trusted memory trusted, bytes32 listed) private view {
        if (listed == trusted.setHash) {
            if (trusted.count != 0) revert IQbftLightClient.TrustedSetSuperfluous(0, trusted.count);
            return;
        }
        if (trusted.count == 0) revert IQbftLightClient.TrustedSetMissing(trusted.setHash, listed);
        bytes32 found = QbftCodec.hashSet(trusted.addresses, trusted.count);
        if (found != trusted.setHash) revert IQbftLightClient.TrustedSetMismatch(trusted.setHash, found);
    }

    /// Reverts unless the headers are two blocks of one height: another round or other seals make no other block.
    /// @return hashA The first block's hash.
    /// @return hashB The second block's hash.
    function verifyTwoBlocks(HashMode mode, QbftKind kind, QbftHeader.Header memory a, QbftHeader.Header memory b)
        internal
        pure
        returns (bytes32 hashA, bytes32 hashB)
    {
        if (a.number != b.number) revert IQbftLightClient.HeightsDiffer(uint64(a.number), uint64(b.number));
        hashA = QbftHeader.blockHash(mode, kind, a);
        hashB = QbftHeader.blockHash(mode, kind, b);
        if (hashA == hashB) revert IQbftLightClient.HeadersIdentical(hashA);
    }

    /// Reverts unless both headers are sealed by a quorum of the set valid there, never less. One of them must list that set, which gives its
    /// addresses; the other may list any: a quorum that certifies a second block does not get away with it by naming another set in it.
    /// @param setHash The valid set's hash.
    function verifyBothSealed(HashMode mode, QbftKind kind, QbftHeader.Header memory a, QbftHeader.Header memory b, bytes32 setHash) internal pure {
        QbftExtraData.ExtraData memory valid = a.extra.setHash == setHash ? a.extra : b.extra;
        if (valid.setHash != setHash) revert IQbftLightClient.SetUnknownAtHeight(setHash, a.extra.setHash);
        requireSealed(mode, kind, a, valid);
        requireSealed(mode, kind, b, valid);
    }

    function requireSealed(HashMode mode, QbftKind kind, QbftHeader.Header memory header, QbftExtraData.ExtraData memory valid) private pure {
        QbftHeader.checkConstants(header);
        bytes32 digest = QbftHeader.commitDigest(mode, kind, header);
        (uint256 seals, ) = QbftSeals.verify(digest, header.extra, valid.validators, valid.validatorCount, 0, 0);
        requireQuorum(seals, valid.validatorCount);
    }

    function requireQuorum(uint256 seals, uint256 members) private pure {
        if (!QbftSeals.isQuorum(seals, members)) revert IQbftLightClient.TooFewSeals(QbftSeals.quorumOf(members), seals);
    }
}
