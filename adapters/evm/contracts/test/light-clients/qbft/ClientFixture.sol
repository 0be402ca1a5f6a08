// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {QbftLightClient} from "../../../src/light-clients/qbft/QbftLightClient.sol";
import {OPCODE} from "../../../src/types/HashMode.sol";
import {QbftConsensusState, QbftKind, QbftParameters, TrustLevel} from "../../../src/types/QbftParameters.sol";
import {Rlp} from "../../Rlp.sol";
import {TrieBuilder} from "../../TrieBuilder.sol";
import {HeaderBuilder} from "./HeaderBuilder.sol";

/// A client of four validators at height 100, and messages for it.
abstract contract ClientFixture is HeaderBuilder, TrieBuilder {
    uint64 constant START = 100;
    uint64 constant T0 = 1_750_000_000;
    uint64 constant PERIOD = 14 days;
    uint64 constant DRIFT = 15;
    address constant ROUTER = address(0x1234567890AbcdEF1234567890aBcdef12345678);
    bytes32 constant CODE_HASH = keccak256("router code");
    bytes32 constant STORAGE0 = bytes32("storage 0");

    QbftLightClient client;
    bytes set4 = setOf(0, 4);

    function setUp() public virtual {
        vm.warp(T0 + 60);
        client = newClient(TrustLevel.Strict, set4);
    }

    function newClient(TrustLevel level, bytes memory set) internal returns (QbftLightClient) {
        QbftParameters memory settings = QbftParameters(QbftKind.Qbft, level, ROUTER, CODE_HASH, PERIOD, DRIFT);
        return new QbftLightClient(settings, START, QbftConsensusState(STORAGE0, T0, sha256(set)), OPCODE);
    }

    /// A state in which one account has this storage root and code.
    function stateWith(address account, bytes32 storageRoot, bytes32 codeHash) internal returns (bytes32 root, bytes memory nodes) {
        Entry[] memory entries = new Entry[](2);
        bytes memory leaf = Rlp.list(bytes.concat(Rlp.encode(uint256(1)), Rlp.encode(uint256(0)), Rlp.encode(storageRoot), Rlp.encode(codeHash)));
        entries[0] = Entry(keccak256(abi.encodePacked(account == ROUTER ? address(0xbeef) : account)), leaf);
        entries[1] = Entry(keccak256(abi.encodePacked(ROUTER)), account == ROUTER ? leaf : bytes(""));
        root = buildTrie(entries, 0);
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = entries[1].key;
        nodes = proveKeys(root, keys);
    }

    /// An update's bytes.
    function message(bytes memory preimage, bytes memory trusted, bytes memory sealedHeader, bytes memory nodes) internal pure returns (bytes memory) {
        return bytes.concat(preimage, bytes2(uint16(trusted.length / 20)), trusted, sealedHeader, nodes);
    }

    /// A header of `set` in whose state the Router has `storageRoot`, sealed by validators `from` to `to - 1`, from the first state on.
    function updateTo(uint64 height, uint64 time, bytes32 storageRoot, bytes memory set, uint256 from, uint256 to) internal returns (bytes memory) {
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, storageRoot, CODE_HASH);
        bytes memory trusted = keccak256(set) == keccak256(set4) ? bytes("") : set4;
        return message(preimageOf(STORAGE0, T0, set4), trusted, sealedBy(partsOf(height, time, root, set), from, to), nodes);
    }

    /// The next update after one to `storageRoot` at `time`, both of the first set.
    function updateAfter(bytes32 storageRoot, uint64 time, uint64 height) internal returns (bytes memory) {
        (bytes32 root, bytes memory nodes) = stateWith(ROUTER, bytes32(uint256(height)), CODE_HASH);
        return message(preimageOf(storageRoot, time, set4), "", sealedBy(partsOf(height, time, root, set4), 0, 3), nodes);
    }
}
