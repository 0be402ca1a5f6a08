// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../../Vm.sol";
import {Rlp} from "../../Rlp.sol";

/// Builds sealed headers field by field, in memory and for reading. Validator `i` has a key derived from its number.
abstract contract HeaderBuilder is Test {
    /// Parts of a header; those that a test does not change are valid.
    struct HeaderParts {
        bool ibft2;
        bytes ommers;
        bytes stateRoot;
        bytes difficulty;
        bytes number;
        bytes time;
        bytes mixHash;
        bytes nonce;
        bytes trailing;
        bytes vanity;
        bytes validators;
        bytes vote;
        bytes round;
        bytes afterSeals;
        bytes afterExtra;
    }

    function keyOf(uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("validator", i))) >> 1;
    }

    function validator(uint256 i) internal pure returns (address) {
        return vm.addr(keyOf(i));
    }

    /// Validators `from` to `to - 1`, in that order.
    function setOf(uint256 from, uint256 to) internal pure returns (bytes memory packed) {
        for (uint256 i = from; i < to; i++) packed = bytes.concat(packed, bytes20(validator(i)));
    }

    function listOf(bytes memory packed) internal pure returns (bytes memory items) {
        for (uint256 i = 0; i < packed.length / 20; i++) {
            bytes20 account;
            assembly {
                account := mload(add(add(packed, 32), mul(i, 20)))
            }
            items = bytes.concat(items, Rlp.encode(address(account)));
        }
    }

    function partsOf(uint64 number, uint64 time, bytes32 stateRoot, bytes memory set) internal pure returns (HeaderParts memory parts) {
        parts.ommers = Rlp.encode(bytes32(0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347));
        parts.stateRoot = Rlp.encode(stateRoot);
        parts.difficulty = Rlp.encode(uint256(1));
        parts.number = Rlp.encode(number);
        parts.time = Rlp.encode(time);
        parts.mixHash = Rlp.encode(bytes32(0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365));
        parts.nonce = hex"880000000000000000";
        parts.vanity = Rlp.encode(bytes32("vanity"));
        parts.validators = Rlp.list(listOf(set));
        parts.vote = hex"c0";
        parts.round = hex"80";
    }

    function asIbft2(HeaderParts memory parts) internal pure returns (HeaderParts memory) {
        parts.ibft2 = true;
        parts.vote = hex"80";
        parts.round = hex"8400000000";
        return parts;
    }

    /// The header around the given items of the extra data list.
    function header(HeaderParts memory parts, bytes memory extraItems) internal pure returns (bytes memory) {
        bytes memory front = bytes.concat(
            Rlp.encode(bytes32("parent")),
            parts.ommers,
            Rlp.encode(address(0xbe)),
            parts.stateRoot,
            Rlp.encode(bytes32("transactions")),
            Rlp.encode(bytes32("receipts")),
            Rlp.encode(new bytes(256))
        );
        bytes memory middle = bytes.concat(parts.difficulty, parts.number, Rlp.encode(30_000_000), Rlp.encode(21_000), parts.time);
        bytes memory extra = Rlp.encode(bytes.concat(Rlp.list(extraItems), parts.afterExtra));
        return Rlp.list(bytes.concat(front, middle, extra, parts.mixHash, parts.nonce, parts.trailing));
    }

    function digestOf(HeaderParts memory parts) internal pure returns (bytes32) {
        bytes memory items = bytes.concat(parts.vanity, parts.validators, parts.vote, parts.round);
        return keccak256(header(parts, parts.ibft2 ? items : bytes.concat(items, hex"c0")));
    }

    function hashOf(HeaderParts memory parts) internal pure returns (bytes32) {
        bytes memory items = bytes.concat(parts.vanity, parts.validators, parts.vote);
        return keccak256(header(parts, parts.ibft2 ? items : bytes.concat(items, hex"80c0")));
    }

    function sealBy(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v - 27);
    }

    function withSeals(HeaderParts memory parts, bytes memory sealItems) internal pure returns (bytes memory) {
        bytes memory items = bytes.concat(parts.vanity, parts.validators, parts.vote, parts.round);
        return header(parts, bytes.concat(items, Rlp.list(sealItems), parts.afterSeals));
    }

    /// The header sealed by validators `from` to `to - 1`.
    function sealedBy(HeaderParts memory parts, uint256 from, uint256 to) internal pure returns (bytes memory) {
        bytes32 digest = digestOf(parts);
        bytes memory sealItems;
        for (uint256 i = from; i < to; i++) sealItems = bytes.concat(sealItems, Rlp.encode(sealBy(keyOf(i), digest)));
        return withSeals(parts, sealItems);
    }

    function preimageOf(bytes32 storageRoot, uint64 time, bytes memory set) internal pure returns (bytes memory) {
        return abi.encodePacked(storageRoot, time, sha256(set));
    }
}
