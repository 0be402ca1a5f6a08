// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../../src/interfaces/ILightClient.sol";
import {Commitments, StoreTree, TendermintConsensusState, TendermintParameters, TreeHash} from "../../src/types/TendermintParameters.sol";
import {Test} from "../Vm.sol";
import {TendermintLightClientHarness} from "../harness/TendermintLightClientHarness.sol";

/// A Tendermint client in the state that a vector begins with.
abstract contract TendermintVectorClient is Test {
    function clientOf(string memory json) internal returns (TendermintLightClientHarness client) {
        client = new TendermintLightClientHarness(parametersOf(json), heightAt(json, 0), stateAt(json, 0));
        for (uint256 i = 1; vm.keyExistsJson(json, key(".trusted", i, ".height")); i++) client.remember(heightAt(json, i), stateAt(json, i));
        if (vm.parseJsonBool(json, ".client.frozen")) client.freeze();
    }

    function parametersOf(string memory json) private pure returns (TendermintParameters memory settings) {
        bool inEvm = isText(json, ".client.commitments.kind", "evm");
        settings.chainId = bytes(vm.parseJsonString(json, ".client.chain_id"));
        settings.trustNumerator = uint8(vm.parseJsonUint(json, ".client.trust_level[0]"));
        settings.trustDenominator = uint8(vm.parseJsonUint(json, ".client.trust_level[1]"));
        settings.trustingPeriod = uint64(vm.parseJsonUint(json, ".client.trusting_period"));
        settings.clockDrift = uint64(vm.parseJsonUint(json, ".client.clock_drift"));
        settings.keyTypes = uint8(vm.parseJsonUint(json, ".client.key_types"));
        settings.userId = vm.parseJsonBytes(json, ".client.sm2_user_id");
        settings.treeHash = isText(json, ".client.tree_hash", "sm3") ? TreeHash.Sm3 : TreeHash.Sha256;
        settings.storeTree = isText(json, ".client.store_tree", "jmt") ? StoreTree.Jmt : StoreTree.Iavl;
        settings.commitments = inEvm ? Commitments.EvmStore : Commitments.IbcStore;
        settings.store = bytes(vm.parseJsonString(json, ".client.commitments.store"));
        if (inEvm) settings.router = vm.parseJsonAddress(json, ".client.commitments.router");
    }

    function heightAt(string memory json, uint256 index) private pure returns (uint64) {
        return uint64(vm.parseJsonUint(json, key(".trusted", index, ".height")));
    }

    function stateAt(string memory json, uint256 index) private pure returns (TendermintConsensusState memory state) {
        bytes memory preimage = vm.parseJsonBytes(json, key(".trusted", index, ".preimage"));
        require(preimage.length == 72, "preimage of 72 bytes");
        assembly ("memory-safe") {
            mstore(state, mload(add(preimage, 32)))
            mstore(add(state, 32), shr(192, mload(add(preimage, 64))))
            mstore(add(state, 64), mload(add(preimage, 72)))
        }
    }

    function key(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }

    function isText(string memory json, string memory field, string memory text) internal pure returns (bool) {
        return keccak256(bytes(vm.parseJsonString(json, field))) == keccak256(bytes(text));
    }

    function claimsOf(string memory json) internal view returns (Claim[] memory claims) {
        uint256 count;
        while (vm.keyExistsJson(json, key(".claims", count, ".path"))) count++;
        claims = new Claim[](count);
        for (uint256 i = 0; i < count; i++) {
            claims[i].path = vm.parseJsonBytesArray(json, key(".claims", i, ".path"));
            claims[i].value = vm.parseJsonBytes(json, key(".claims", i, ".value"));
        }
    }
}
