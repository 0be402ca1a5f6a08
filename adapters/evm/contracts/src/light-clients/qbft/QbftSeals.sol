// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../interfaces/IQbftLightClient.sol";
import {RlpReader} from "../../libraries/RlpReader.sol";
import {QbftExtraData} from "./QbftExtraData.sol";

/// Commit seals: recoverable secp256k1 signatures of the commit digest, r 32, s 32, v 1 with v 0 or 1.
library QbftSeals {
    uint256 private constant SEAL_BYTES = 65;
    /// Order of secp256k1 (SEC 2, 2.4.1), and its half.
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 internal constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// Checks every seal, surplus included: each by another one of `members`.
    /// @param digest What was signed.
    /// @param extra Where the header's seals are.
    /// @param members Memory position of the packed addresses of who may seal.
    /// @param memberCount How many there are.
    /// @param trusted Calldata position of the trusted set's packed addresses.
    /// @param trustedCount How many there are, 0 when the set has not changed.
    /// @return count How many seals there are.
    /// @return trustedSeals How many of them are by members of the trusted set.
    function verify(
        bytes32 digest,
        QbftExtraData.ExtraData memory extra,
        uint256 members,
        uint256 memberCount,
        uint256 trusted,
        uint256 trustedCount
    ) internal pure returns (uint256 count, uint256 trustedSeals) {
        uint256 signed;
        uint256 position = extra.sealsStart;
        unchecked {
            for (; position < extra.sealsEnd; count++) {
                address signer;
                (signer, position) = recover(digest, count, position, extra.sealsEnd);
                uint256 index = QbftExtraData.indexOf(members, memberCount, signer);
                if (index == memberCount) revert IQbftLightClient.SignerUnknown(signer);
                if ((signed >> index) & 1 != 0) revert IQbftLightClient.SignerRepeated(signer);
                signed |= 1 << index;
                if (isTrusted(trusted, trustedCount, signer)) trustedSeals++;
            }
        }
    }

    /// Recovers the signer of the seal at `position`.
    function recover(bytes32 digest, uint256 index, uint256 position, uint256 end) internal pure returns (address signer, uint256 next) {
        uint256 head;
        uint256 r;
        uint256 s;
        uint256 v;
        assembly ("memory-safe") {
            head := shr(240, calldataload(position))
            r := calldataload(add(position, 2))
            s := calldataload(add(position, 34))
            v := byte(0, calldataload(add(position, 66)))
        }
        unchecked {
            next = position + 2 + SEAL_BYTES;
        }
        if (head != 0xb841 || next > end) revertLength(index, position, end);
        if (v > 1) revert IQbftLightClient.SealMalformed(index, 1, v);
        if (r == 0 || r >= ORDER) revert IQbftLightClient.SealMalformed(index, ORDER, r);
        if (s == 0 || s >= ORDER) revert IQbftLightClient.SealMalformed(index, ORDER, s);
        if (s > HALF_ORDER) revert IQbftLightClient.SealHighS(index, HALF_ORDER, s);
        signer = ecrecover(digest, uint8(27 + v), bytes32(r), bytes32(s));
        // No point has this r.
        if (signer == address(0)) revert IQbftLightClient.SealMalformed(index, ORDER, r);
    }

    /// The header's reading has shown that there is a byte string.
    function revertLength(uint256 index, uint256 position, uint256 end) private pure {
        (, , uint256 start, uint256 next) = RlpReader.tryItem(position, end);
        revert IQbftLightClient.SealMalformed(index, SEAL_BYTES, next - start);
    }

    function isTrusted(uint256 trusted, uint256 trustedCount, address account) private pure returns (bool found) {
        assembly ("memory-safe") {
            let wanted := shl(96, account)
            for { let end := add(trusted, mul(trustedCount, 20)) } lt(trusted, end) { trusted := add(trusted, 20) } {
                if iszero(shr(96, xor(calldataload(trusted), wanted))) {
                    found := 1
                    break
                }
            }
        }
    }

    /// Whether `tally` of `total` is at least two thirds, by multiplication.
    function isQuorum(uint256 tally, uint256 total) internal pure returns (bool) {
        return 3 * tally >= 2 * total;
    }

    /// The smallest tally that is a quorum, for messages to people.
    function quorumOf(uint256 total) internal pure returns (uint256) {
        return (2 * total + 2) / 3;
    }

    /// Reverts unless precompile 1 recovers the signer of a known signature (Ethereum's general state test `CALLCODEEcrecover0`). For constructors.
    function requireKnownAnswer() internal pure {
        address expected = 0xa94f5374Fce5edBC8E2a8697C15331677e6EbF0B;
        address found = ecrecover(
            0x18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c,
            28,
            0x73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f,
            0xeeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549
        );
        if (found != expected) revert IQbftLightClient.RecoveryKnownAnswerMismatch(expected, found);
    }
}
