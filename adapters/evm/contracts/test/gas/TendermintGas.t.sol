// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {TendermintLightClientHarness} from "../harness/TendermintLightClientHarness.sol";
import {TendermintVectorClient} from "../vectors/TendermintVectorClient.sol";
import {GasMeter} from "./GasMeter.sol";

/// Execution gas of vectors: four validators of equal power, three votes; proofs of a live Cosmos EVM chain and of a store of our own.
/// forge-config: default.isolate = true
contract TendermintGasTest is TendermintVectorClient, GasMeter {
    string constant ROOT = "../../../light-clients/tendermint/vectors";

    function load(string memory name) private returns (string memory json, TendermintLightClientHarness client) {
        json = vm.readFile(string.concat(ROOT, name));
        vm.warp(vm.parseJsonUint(json, ".now"));
        client = clientOf(json);
    }

    function update(string memory name, UpdateResult expected) private returns (uint256 used, uint256 calldataUsed) {
        (string memory json, TendermintLightClientHarness client) = load(name);
        bytes memory input = abi.encodeCall(client.update, (vm.parseJsonBytes(json, ".input")));
        bytes memory answer;
        (used, answer) = executionOf(address(this), address(client), input);
        assertEq(abi.decode(answer, (uint256)), uint256(expected), "result");
        return (used, calldataGas(input));
    }

    function verify(string memory name) private returns (uint256 used) {
        (string memory json, TendermintLightClientHarness client) = load(name);
        Claim[] memory claims = claimsOf(json);
        bytes memory proof = vm.parseJsonBytes(json, ".input");
        bytes memory answer;
        (used, answer) = executionOf(address(this), address(client), abi.encodeCall(client.verify, (uint64(vm.parseJsonUint(json, ".height")), proof, claims)));
        assertEq(abi.decode(answer, (uint256)), vm.parseJsonUint(json, ".expect.accept.time"), "time");
    }

    function test_adjacent_updates_of_four_validators_with_three_votes() public {
        (uint256 used, uint256 data) = update("/update/voted-4v/accept.json", UpdateResult.Update);
        assertGas(used, 1_200_000, "update, Ed25519");
        emit log_named_uint("its calldata", data);
        (uint256 four, ) = update("/update/voted-4v/accept-4-votes.json", UpdateResult.Update);
        assertGas(four - used, 300_000, "one vote more");
        (used, ) = update("/update/voted-4v-secp256k1/accept.json", UpdateResult.Update);
        assertGas(used, 400_000, "update, secp256k1");
        (used, ) = update("/update/voted-4v-sm2/accept.json", UpdateResult.Update);
        assertGas(used, 1_600_000, "update, SM2, signers seen for the first time");
        (used, ) = update("/update/no-op/accept-latest.json", UpdateResult.NoOp);
        assertGas(used, 100_000, "update that is a no-op");
    }

    /// The walk of a live chain of IRITA's forks: after the first update the signers' hashes are known, but for those who joined.
    function test_updates_that_follow_each_other_under_sm2() public {
        string[3] memory names = ["adjacent-across-power-change", "skip-over-join", "skip-over-leave-from-joined"];
        TendermintLightClientHarness client;
        for (uint256 i = 0; i < 3; i++) {
            string memory json = vm.readFile(string.concat(ROOT, "/update/irita-walk/accept-", names[i], ".json"));
            vm.warp(vm.parseJsonUint(json, ".now"));
            if (i == 0) client = clientOf(json);
            uint256 used = executionGas(address(this), address(client), abi.encodeCall(client.update, (vm.parseJsonBytes(json, ".input"))));
            assertGas(used, 2_500_000, names[i]);
            assertEq(client.consensusStateHash(uint64(vm.parseJsonUint(json, ".expect.accept.height"))), sha256(vm.parseJsonBytes(json, ".expect.accept.preimage")), "state");
        }
    }

    function test_membership_under_two_levels() public {
        assertGas(verify("/membership/evmd-storage-proofs/accept-mapping-entry.json"), 150_000, "slot of a Cosmos EVM chain, present");
        assertGas(verify("/membership/evmd-storage-proofs/accept-mapping-entry-never-set.json"), 150_000, "slot of a Cosmos EVM chain, absent");
        assertGas(verify("/membership/irita-storage-proofs/accept-mapping-entry.json"), 150_000, "slot of an IRITA chain, present");
        assertGas(verify("/membership/ibc-v2-proofs-bent/accept-membership-as-recorded.json"), 150_000, "commitment of an ibc-go chain");
        uint256 used = verify("/membership/router-iavl/accept-batch-of-20.json");
        assertGas(used / 20, 50_000, "per claim of 20");
        assertGas(verify("/membership/router-jmt/accept.json"), 150_000, "slot in a Jellyfish Merkle tree");
    }
}
