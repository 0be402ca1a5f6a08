// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim} from "../../interfaces/ILightClient.sol";
import {ITendermintLightClient} from "../../interfaces/ITendermintLightClient.sol";
import {Ics23} from "../../libraries/Ics23.sol";
import {Sha256} from "../../libraries/Sha256.sol";
import {TreeHashing} from "../../libraries/TreeHashing.sol";
import {Commitments, StoreTree, TreeHash} from "../../types/TendermintParameters.sol";

/// Claims about one store of a chain, under the root over all its stores.
library TendermintMembership {
    uint256 private constant MAX_CLAIMS = 256;
    /// What a Cosmos EVM puts before the address in the key of a storage slot. Source: cosmos/evm v0.5.1 `x/vm/types/key.go`.
    bytes1 private constant EVM_STORAGE = 0x02;

    /// Where the commitments lie.
    struct Settings {
        TreeHash treeHash;
        StoreTree storeTree;
        Commitments commitments;
        bytes store;
        address router;
    }

    /// Reverts unless every claim holds.
    /// @param root The root over all stores.
    /// @param reader At the store's root; moved past the last proof.
    /// @param claims From 1 to 256, in the order of the proofs.
    function verify(Settings memory settings, bytes32 root, Ics23.Reader memory reader, Claim[] calldata claims) internal view {
        if (claims.length == 0) revert ITendermintLightClient.ClaimsEmpty();
        if (claims.length > MAX_CLAIMS) revert ITendermintLightClient.TooManyClaims(MAX_CLAIMS, claims.length);
        bytes32 storeRoot = bytes32(Ics23.take(reader, 32));
        TreeHash hash = settings.treeHash;
        Ics23.verify(
            Ics23.Tree(hash, Ics23.Nodes.Simple, root), reader, settings.store, true, hashOf(hash, abi.encodePacked(storeRoot))
        );
        Ics23.Tree memory tree = Ics23.Tree(hash, Ics23.nodesOf(settings.storeTree), storeRoot);
        for (uint256 index = 0; index < claims.length; index++) {
            (bytes memory key, bytes32 valueHash) = lookUp(settings, index, claims[index]);
            Ics23.verify(tree, reader, key, claims[index].value.length != 0, valueHash);
        }
    }

    /// A claim as the store sees it: the key, and the hash of what is to lie there or is as good as nothing. A slot of 32 zero bytes is as absent as
    /// one never written: a Cosmos EVM keeps what was cleared.
    function lookUp(Settings memory settings, uint256 index, Claim calldata claim) private view returns (bytes memory key, bytes32 valueHash) {
        bytes[] calldata path = claim.path;
        bytes memory value = claim.value;
        if (settings.commitments == Commitments.IbcStore) {
            if (path.length != 2 || keccak256(path[0]) != keccak256(settings.store) || path[1].length == 0) {
                revert ITendermintLightClient.PathMalformed(index, 2, path.length);
            }
            return (path[1], value.length == 0 ? bytes32(0) : hashOf(settings.treeHash, value));
        }
        if (path.length != 1) revert ITendermintLightClient.PathMalformed(index, 1, path.length);
        if (value.length == 0) value = new bytes(32);
        else if (value.length != 32 || bytes32(value) == 0) revert ITendermintLightClient.ClaimValueMalformed(index, 32, value.length);
        return (abi.encodePacked(EVM_STORAGE, settings.router, Sha256.ofCalldata(path[0])), hashOf(settings.treeHash, value));
    }

    function hashOf(TreeHash hash, bytes memory data) private view returns (bytes32) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
        return TreeHashing.ofMemoryAt(hash, pointer, data.length);
    }
}
