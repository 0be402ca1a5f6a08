// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {TendermintHeader} from "./TendermintHeader.sol";
import {TendermintSets} from "./TendermintSets.sol";
import {TendermintSignatures} from "./TendermintSignatures.sol";

/// What validators sign, and whether they did.
library TendermintVotes {
    uint256 private constant MAX_ROUND = 2 ** 31 - 1;
    uint256 private constant VOTE_BYTES = 80;
    /// What goes before a vote's signature, its time last.
    uint256 private constant TIMED_BYTES = 16;
    uint256 private constant MAX_NANOSECONDS = 10 ** 9 - 1;
    uint256 private constant NO_INDEX = 0xffff;

    /// The votes for one block, and the set whose votes they are.
    /// @param votes Calldata position of the first vote.
    /// @param count How many there are.
    struct Commit {
        uint256 round;
        uint256 partSetTotal;
        bytes32 partSetHash;
        TendermintSets.Set set;
        uint256 votes;
        uint256 count;
    }

    /// What all votes of a client sign, and by what.
    /// @param signatures Checks signatures.
    /// @param chainId The chain's id.
    /// @param userId The name that SM2 keys sign with.
    /// @param keyTypes Bits of the kinds of key that are allowed.
    struct Settings {
        TendermintSignatures signatures;
        bytes chainId;
        bytes userId;
        uint256 keyTypes;
    }

    function read(Ics23.Reader memory reader) internal pure returns (Commit memory commit) {
        commit.round = Ics23.take(reader, 4);
        if (commit.round > MAX_ROUND) revert ITendermintLightClient.CommitMalformed(MAX_ROUND, commit.round);
        commit.partSetTotal = Ics23.take(reader, 4);
        commit.partSetHash = bytes32(Ics23.take(reader, 32));
        commit.set = TendermintSets.read(reader);
        if (commit.set.count == 0) revert ITendermintLightClient.ValidatorSetEmpty();
        commit.count = Ics23.take(reader, 2);
        commit.votes = reader.position;
        for (uint256 i = 0; i < commit.count; i++) {
            uint256 word = uint256(wordAt(reader.position));
            uint256 nanoseconds = (word >> 128) & type(uint32).max;
            // Judged before the signature is read, which may be cut; but only when it is there itself.
            if (nanoseconds > MAX_NANOSECONDS && reader.end - reader.position >= TIMED_BYTES) {
                revert ITendermintLightClient.VoteMalformed(word >> 240, MAX_NANOSECONDS, nanoseconds);
            }
            Ics23.skip(reader, VOTE_BYTES);
        }
    }

    /// A vote that names a place in the trusted set is by the key that lies there. Nobody is counted twice: the keys of a set are distinct, and each
    /// vote is by another of them. A vote of no member at all is the next rule's to refuse.
    /// @return power The power that the voters have in the trusted set.
    function trustedPower(Commit memory commit, TendermintSets.Set memory trusted) internal pure returns (uint256 power) {
        unchecked {
            for (uint256 i = 0; i < commit.count; i++) {
                uint256 word = uint256(wordAt(commit.votes + i * VOTE_BYTES));
                uint256 index = word >> 240;
                uint256 place = (word >> 224) & 0xffff;
                if (place == NO_INDEX) continue;
                bool known = place < trusted.count;
                if (index < commit.set.count && !(known && TendermintSets.isSameKey(commit.set, index, trusted, place))) {
                    revert ITendermintLightClient.TrustedVoteMismatch(index, place);
                }
                if (known) power += TendermintSets.validatorAt(trusted, place).power;
            }
        }
    }

    /// Checks every vote of a commit, surplus included: 1. Every key of the set is of a kind that is allowed. 2. The votes are in the order of the set,
    /// each by another of its members. 3. Each signature is over this block, the vote's own time and the chain's id.
    /// @param userHashes The hashes of SM2 signers found before, by the first byte of the key and its other 32; what is found now is added.
    /// @return power The power of the voters.
    function verify(
        Settings memory settings,
        TendermintHeader.Header memory header,
        bytes32 blockHash,
        Commit memory commit,
        mapping(uint256 => mapping(uint256 => bytes32)) storage userHashes
    ) internal returns (uint256 power) {
        if (commit.set.keyTypes & ~settings.keyTypes != 0) {
            revert ITendermintLightClient.KeyTypeNotAllowed(settings.keyTypes, commit.set.keyTypes);
        }
        power = powerOf(commit);
        bytes memory shared = beginning(header.height, blockHash, commit);
        unchecked {
            for (uint256 i = 0; i < commit.count; i++) {
                uint256 position = commit.votes + i * VOTE_BYTES;
                uint256 index = uint256(wordAt(position)) >> 240;
                bytes memory message = signBytes(shared, position, settings.chainId);
                if (!isSigned(settings, TendermintSets.validatorAt(commit.set, index), message, position + 16, userHashes)) {
                    revert ITendermintLightClient.SignatureInvalid(index);
                }
            }
        }
    }

    function powerOf(Commit memory commit) private pure returns (uint256 power) {
        unchecked {
            uint256 above;
            for (uint256 i = 0; i < commit.count; i++) {
                uint256 index = uint256(wordAt(commit.votes + i * VOTE_BYTES)) >> 240;
                if (index < above) revert ITendermintLightClient.VoteOrder(index);
                above = index + 1;
            }
            if (above > commit.set.count) revert ITendermintLightClient.VoteIndexUnknown(commit.set.count, above - 1);
            for (uint256 i = 0; i < commit.count; i++) {
                power += TendermintSets.validatorAt(commit.set, uint256(wordAt(commit.votes + i * VOTE_BYTES)) >> 240).power;
            }
        }
    }

    /// Whether the validator signed the message, by the signature in calldata.
    function isSigned(
        Settings memory settings,
        TendermintSets.Validator memory voter,
        bytes memory message,
        uint256 signature,
        mapping(uint256 => mapping(uint256 => bytes32)) storage userHashes
    ) private returns (bool) {
        bytes32 r = wordAt(signature);
        bytes32 s = wordAt(signature + 32);
        if (voter.keyType == TendermintSets.ED25519) return settings.signatures.ed25519(message, bytes32(voter.key), r, s);
        uint256 sign = voter.key >> 248;
        uint256 x = (voter.key << 8) | voter.keyEnd;
        if (voter.keyType == TendermintSets.SECP256K1) return settings.signatures.secp256k1(message, sign, x, uint256(r), uint256(s));
        bytes32 userHash = userHashes[sign][x];
        if (userHash == 0) {
            bool decoded;
            (decoded, userHash) = settings.signatures.sm2UserHash(settings.userId, sign, x);
            if (!decoded) return false;
            userHashes[sign][x] = userHash;
        }
        return settings.signatures.sm2(message, userHash, sign, x, uint256(r), uint256(s));
    }

    /// The part of a `CanonicalVote` that all votes of a commit share: type, height, round and block.
    /// Source: CometBFT v0.38.17 `types/canonical.go` and `types/vote.go` (`VoteSignBytes`).
    function beginning(uint64 height, bytes32 blockHash, Commit memory commit) private pure returns (bytes memory) {
        bytes memory parts = abi.encodePacked(varint(0x08, commit.partSetTotal), hex"1220", commit.partSetHash);
        bytes memory round = commit.round == 0 ? bytes("") : abi.encodePacked(hex"19", littleEndian(uint64(commit.round)));
        bytes memory front = abi.encodePacked(hex"080211", littleEndian(height), round);
        return abi.encodePacked(front, hex"22", uint8(36 + parts.length), hex"0a20", blockHash, hex"12", uint8(parts.length), parts);
    }

    /// What the vote in calldata signs: the length, what is shared, the vote's time and the chain's id. At most 171 bytes.
    function signBytes(bytes memory shared, uint256 vote, bytes memory chainId) private pure returns (bytes memory) {
        uint256 word = uint256(wordAt(vote));
        bytes memory time = abi.encodePacked(varint(0x08, uint64(word >> 160)), varint(0x10, uint32(word >> 128)));
        uint256 length = shared.length + 2 + time.length + 2 + chainId.length;
        bytes memory front = length < 0x80 ? abi.encodePacked(uint8(length)) : abi.encodePacked(uint8(length | 0x80), uint8(length >> 7));
        return abi.encodePacked(front, shared, hex"2a", uint8(time.length), time, hex"32", uint8(chainId.length), chainId);
    }

    /// A field of a number, which is left out when it is 0. Numbers are below 2^64.
    function varint(uint8 tag, uint256 value) private pure returns (bytes memory field) {
        if (value == 0) return "";
        field = new bytes(11);
        assembly ("memory-safe") {
            let position := add(field, 33)
            mstore8(sub(position, 1), tag)
            for { } gt(value, 0x7f) { value := shr(7, value) } {
                mstore8(position, or(value, 0x80))
                position := add(position, 1)
            }
            mstore8(position, value)
            mstore(field, sub(position, add(field, 31)))
        }
    }

    function littleEndian(uint64 number) private pure returns (bytes8 encoded) {
        for (uint256 i = 0; i < 8; i++) encoded |= bytes8(uint64((number >> (8 * i)) & 0xff) << uint64(56 - 8 * i));
    }

    function wordAt(uint256 position) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
