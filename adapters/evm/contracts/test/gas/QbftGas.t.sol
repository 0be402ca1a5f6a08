// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {QbftLightClient} from "../../src/light-clients/qbft/QbftLightClient.sol";
import {OPCODE} from "../../src/types/HashMode.sol";
import {QbftConsensusState, QbftKind, QbftParameters, TrustLevel} from "../../src/types/QbftParameters.sol";
import {Rlp} from "../Rlp.sol";
import {TrieBuilder} from "../TrieBuilder.sol";
import {QbftHarness} from "../harness/QbftHarness.sol";
import {HeaderBuilder} from "../light-clients/qbft/HeaderBuilder.sol";
import {GasMeter} from "./GasMeter.sol";

/// Execution gas on synthetic tries whose branches are full (532 bytes), as a chain with many accounts and a Router with many packets has them.
/// forge-config: default.isolate = true
contract QbftGasTest is HeaderBuilder, TrieBuilder, GasMeter {
    uint64 constant GENESIS = 100;
    uint64 constant T0 = 1_750_000_000;
    address constant ROUTER = address(0x1234567890AbcdEF1234567890aBcdef12345678);
    bytes32 constant CODE_HASH = keccak256("router code");

    QbftLightClient client;
    QbftHarness harness;
    bytes set = setOf(0, 4);

    function setUp() public {
        vm.warp(T0 + 60);
        QbftParameters memory parameters = QbftParameters(QbftKind.Qbft, TrustLevel.Strict, ROUTER, CODE_HASH, 14 days, 15);
        client = new QbftLightClient(parameters, GENESIS, QbftConsensusState(bytes32("root"), T0, sha256(set)), OPCODE);
        harness = new QbftHarness();
    }

    function gasOf(address callee, bytes memory data) internal returns (uint256 used, uint256 answer) {
        bytes memory word;
        (used, word) = executionOf(address(this), callee, data);
        if (word.length >= 32) answer = uint256(bytes32(word));
    }

    /// The Router's account under `branches` full branches and a leaf.
    function accountProof(bytes32 storageRoot, uint256 branches) internal returns (bytes32 root, bytes memory nodes) {
        bytes32 key = keccak256(abi.encodePacked(ROUTER));
        bytes memory account = Rlp.list(bytes.concat(Rlp.encode(uint256(1)), Rlp.encode(uint256(0)), Rlp.encode(storageRoot), Rlp.encode(CODE_HASH)));
        Entry[] memory entries = new Entry[](1);
        entries[0] = Entry(key, account);
        root = buildTrie(entries, branches);
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = key;
        nodes = proveKeys(root, keys);
        assertTrue(nodes.length > branches * 532 + 100 && nodes.length < branches * 532 + 150, "size of the account proof");
    }

    function test_update_with_four_validators_three_seals_and_seven_account_nodes() public {
        (bytes32 root, bytes memory nodes) = accountProof(bytes32("storage"), 6);
        bytes memory sealedHeader = sealedBy(partsOf(GENESIS + 1, T0 + 1, root, set), 0, 3);
        bytes memory message = bytes.concat(preimageOf(bytes32("root"), T0, set), hex"0000", sealedHeader, nodes);
        bytes memory data = abi.encodeCall(client.update, (message));
        (uint256 used, ) = gasOf(address(client), data);
        assertGas(used, 170_000, "update: second state of a word of heights");
        (used, ) = gasOf(address(harness), abi.encodeCall(harness.verifyHeader, (0, 0, T0 + 60, T0, set, sealedHeader)));
        assertGas(used, 80_000, "header part: fields, hashes, three seals, set");
        (used, ) = gasOf(address(harness), abi.encodeCall(harness.verifyAccount, (root, ROUTER, nodes)));
        assertGas(used, 30_000, "account proof of seven nodes");
        uint256 answer;
        (used, answer) = gasOf(address(client), data);
        assertEq(answer, uint256(UpdateResult.NoOp), "lost race");
        assertGas(used, 60_000, "update that is a no-op");
        (root, nodes) = accountProof(bytes32("storage"), 10);
        (used, ) = gasOf(address(harness), abi.encodeCall(harness.verifyAccount, (root, ROUTER, nodes)));
        emit log_named_uint("account proof of eleven nodes", used);
    }

    function test_evidence_with_two_account_proofs_of_seven_nodes() public {
        bytes memory evidence = bytes.concat(bytes8(GENESIS), preimageOf(bytes32("root"), T0, set), hex"00");
        for (uint64 i = 1; i <= 2; i++) {
            (bytes32 root, bytes memory nodes) = accountProof(bytes32(uint256(i)), 6);
            bytes memory sealedHeader = sealedBy(partsOf(GENESIS + 1, T0 + i, root, set), 0, 3);
            evidence = bytes.concat(evidence, sealedHeader, bytes2(uint16(nodes.length)), nodes);
        }
        (uint256 used, uint256 answer) = gasOf(address(client), abi.encodeCall(client.misbehaviour, (evidence)));
        assertEq(answer, uint256(UpdateResult.Misbehaviour), "frozen");
        assertGas(used, 150_000, "evidence: account proofs of seven nodes");
    }

    function test_update_that_begins_a_word_of_heights() public {
        bytes32 previous = bytes32("root");
        for (uint64 i = 1; i <= 4; i++) {
            (bytes32 root, bytes memory nodes) = accountProof(bytes32(uint256(i)), 6);
            bytes memory message = bytes.concat(
                preimageOf(previous, T0 + i - 1, set), hex"0000", sealedBy(partsOf(GENESIS + i, T0 + i, root, set), 0, 3), nodes
            );
            (uint256 used, ) = gasOf(address(client), abi.encodeCall(client.update, (message)));
            if (i == 4) assertGas(used, 170_000, "update: first state of a word of heights");
            previous = bytes32(uint256(i));
        }
    }

    function test_twenty_claims_under_one_proof() public {
        Claim[] memory claims = new Claim[](20);
        Entry[] memory entries = new Entry[](20);
        bytes32[] memory keys = new bytes32[](20);
        for (uint256 i = 0; i < 20; i++) {
            bytes memory path = abi.encodePacked("lighterman-0", uint8(1), uint64(i + 1));
            claims[i].path = new bytes[](1);
            claims[i].path[0] = path;
            claims[i].value = abi.encode(keccak256(path));
            keys[i] = keccak256(abi.encode(sha256(path)));
            entries[i] = Entry(keys[i], Rlp.encode(abi.encodePacked(keccak256(path))));
            if (i % 5 == 4) (claims[i].value, entries[i].value) = ("", "");
        }
        // A Router with some 65,000 slots: four full branches above each leaf.
        bytes32 root = buildTrie(entries, 4);
        bytes memory nodes = proveKeys(root, keys);
        emit log_named_uint("bytes of nodes for 20 claims", nodes.length);
        QbftParameters memory parameters = QbftParameters(QbftKind.Qbft, TrustLevel.Strict, ROUTER, CODE_HASH, 14 days, 15);
        client = new QbftLightClient(parameters, GENESIS, QbftConsensusState(root, T0, sha256(set)), OPCODE);
        bytes memory proof = bytes.concat(preimageOf(root, T0, set), nodes);
        (uint256 used, uint256 answer) = gasOf(address(client), abi.encodeCall(client.verify, (GENESIS, proof, claims)));
        emit log_named_uint("verify, 20 claims", used);
        assertGas(used / 20, 25_000, "verify, per claim of 20");
        assertEq(answer, T0, "time");
    }
}
