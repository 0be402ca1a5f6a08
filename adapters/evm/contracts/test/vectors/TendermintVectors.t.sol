// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Claim, Status, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {ITendermintLightClient} from "../../src/interfaces/ITendermintLightClient.sol";
import {Ics23} from "../../src/libraries/Ics23.sol";
import {Vm} from "../Vm.sol";
import {TendermintLightClientHarness} from "../harness/TendermintLightClientHarness.sol";
import {TendermintVectorClient} from "./TendermintVectorClient.sol";
import {VectorRunner} from "./VectorRunner.sol";

/// The vectors of the Tendermint client: updates, evidence and reads. A client is put into the state that the file begins with, and gets the message's
/// bytes.
contract TendermintVectorsTest is VectorRunner, TendermintVectorClient {
    string constant ROOT = "../../../light-clients/tendermint/vectors";

    function test_every_update_vector() public {
        walkFolder(string.concat(ROOT, "/update"));
    }

    function test_every_misbehaviour_vector() public {
        walkFolder(string.concat(ROOT, "/misbehaviour"));
    }

    function test_every_membership_vector() public {
        walkFolder(string.concat(ROOT, "/membership"));
    }

    /// A kind of vector in a folder of its own would be missed by the three tests above.
    function test_there_are_no_other_folders() public view {
        Vm.DirEntry[] memory entries = vm.readDir(ROOT, 1);
        uint256 folders;
        for (uint256 i = 0; i < entries.length; i++) if (entries[i].isDir) folders++;
        assertEq(folders, 4, "captures, update, misbehaviour, membership");
    }

    function run(string memory kind, string memory json) external override {
        vm.warp(vm.parseJsonUint(json, ".now"));
        bytes32 name = keccak256(bytes(kind));
        if (name == keccak256("update")) runUpdate(json);
        else if (name == keccak256("misbehaviour")) runMisbehaviour(json);
        else if (name == keccak256("membership")) runMembership(json);
        else revert Unlisted("", kind);
    }

    function runUpdate(string memory json) private {
        TendermintLightClientHarness client = clientOf(json);
        uint256 count = client.heightCount();
        UpdateResult result = client.update(vm.parseJsonBytes(json, ".input"));
        if (!vm.keyExistsJson(json, ".expect.accept")) return;
        if (isText(json, ".expect.accept.result", "no-op")) {
            assertTrue(result == UpdateResult.NoOp && client.heightCount() == count, "no-op");
            return;
        }
        assertTrue(result == UpdateResult.Update && isText(json, ".expect.accept.result", "update"), "update");
        uint64 height = uint64(vm.parseJsonUint(json, ".expect.accept.height"));
        assertEq(client.consensusStateHash(height), sha256(vm.parseJsonBytes(json, ".expect.accept.preimage")), "stored state");
        assertEq(client.heightAt(count), height, "stored height");
        (, uint64 latest, ) = client.status();
        assertEq(latest, height, "latest height");
    }

    function runMisbehaviour(string memory json) private {
        TendermintLightClientHarness client = clientOf(json);
        vm.recordLogs();
        UpdateResult result = client.misbehaviour(vm.parseJsonBytes(json, ".input"));
        if (result == UpdateResult.NoOp) {
            // A frozen client refuses in Rust; here, as the interface has it, there is nothing left to do.
            assertTrue(vm.parseJsonBool(json, ".client.frozen"), "frozen before");
            revert ITendermintLightClient.ClientFrozen();
        }
        (Status status, , ) = client.status();
        assertTrue(result == UpdateResult.Misbehaviour && status == Status.Frozen, "frozen");
        if (!vm.keyExistsJson(json, ".expect.accept")) return;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "one event");
        (uint64 heightA, uint64 heightB, bytes32 hashA, bytes32 hashB) = abi.decode(logs[0].data, (uint64, uint64, bytes32, bytes32));
        assertEq(heightA, vm.parseJsonUint(json, ".expect.accept.height_a"), "first height");
        assertEq(heightB, vm.parseJsonUint(json, ".expect.accept.height_b"), "second height");
        assertEq(hashA, vm.parseJsonBytes32(json, ".expect.accept.hash_a"), "first hash");
        assertEq(hashB, vm.parseJsonBytes32(json, ".expect.accept.hash_b"), "second hash");
    }

    function runMembership(string memory json) private {
        TendermintLightClientHarness client = clientOf(json);
        uint64 time = client.verify(uint64(vm.parseJsonUint(json, ".height")), vm.parseJsonBytes(json, ".input"), claimsOf(json));
        if (vm.keyExistsJson(json, ".expect.accept")) assertEq(time, vm.parseJsonUint(json, ".expect.accept.time"), "time");
    }

    function listRules() internal override {
        selectorOf["client-frozen"] = ITendermintLightClient.ClientFrozen.selector;
        selectorOf["trust-expired"] = ITendermintLightClient.TrustExpired.selector;
        selectorOf["message-truncated"] = ITendermintLightClient.MessageTruncated.selector;
        selectorOf["message-trailing"] = ITendermintLightClient.MessageTrailing.selector;
        selectorOf["not-newer"] = ITendermintLightClient.NotNewer.selector;
        selectorOf["consensus-state-mismatch"] = ITendermintLightClient.ConsensusStateMismatch.selector;
        selectorOf["consensus-state-unknown"] = ITendermintLightClient.ConsensusStateUnknown.selector;
        selectorOf["time-not-after-trusted"] = ITendermintLightClient.TimeNotAfterTrusted.selector;
        selectorOf["time-in-future"] = ITendermintLightClient.TimeInFuture.selector;
        selectorOf["chain-id-mismatch"] = ITendermintLightClient.ChainIdMismatch.selector;
        selectorOf["header-malformed"] = ITendermintLightClient.HeaderMalformed.selector;
        selectorOf["app-hash-malformed"] = ITendermintLightClient.AppHashMalformed.selector;
        selectorOf["commit-malformed"] = ITendermintLightClient.CommitMalformed.selector;
        selectorOf["vote-malformed"] = ITendermintLightClient.VoteMalformed.selector;
        selectorOf["vote-order"] = ITendermintLightClient.VoteOrder.selector;
        selectorOf["vote-index-unknown"] = ITendermintLightClient.VoteIndexUnknown.selector;
        selectorOf["trusted-vote-mismatch"] = ITendermintLightClient.TrustedVoteMismatch.selector;
        selectorOf["validator-malformed"] = ITendermintLightClient.ValidatorMalformed.selector;
        selectorOf["validator-set-empty"] = ITendermintLightClient.ValidatorSetEmpty.selector;
        selectorOf["too-many-validators"] = ITendermintLightClient.TooManyValidators.selector;
        selectorOf["validator-repeated"] = ITendermintLightClient.ValidatorRepeated.selector;
        selectorOf["total-power-too-large"] = ITendermintLightClient.TotalPowerTooLarge.selector;
        selectorOf["key-type-not-allowed"] = ITendermintLightClient.KeyTypeNotAllowed.selector;
        selectorOf["validators-hash-mismatch"] = ITendermintLightClient.ValidatorsHashMismatch.selector;
        selectorOf["trusted-set-mismatch"] = ITendermintLightClient.TrustedSetMismatch.selector;
        selectorOf["trusted-set-superfluous"] = ITendermintLightClient.TrustedSetSuperfluous.selector;
        selectorOf["trusted-set-missing"] = ITendermintLightClient.TrustedSetMissing.selector;
        selectorOf["next-set-mismatch"] = ITendermintLightClient.NextSetMismatch.selector;
        selectorOf["signature-invalid"] = ITendermintLightClient.SignatureInvalid.selector;
        selectorOf["not-enough-trust"] = ITendermintLightClient.NotEnoughTrust.selector;
        selectorOf["not-enough-power"] = ITendermintLightClient.NotEnoughPower.selector;
        selectorOf["evidence-malformed"] = ITendermintLightClient.EvidenceMalformed.selector;
        selectorOf["headers-identical"] = ITendermintLightClient.HeadersIdentical.selector;
        selectorOf["no-conflict"] = ITendermintLightClient.NoConflict.selector;
        selectorOf["set-unknown-at-height"] = ITendermintLightClient.SetUnknownAtHeight.selector;
        selectorOf["claims-empty"] = ITendermintLightClient.ClaimsEmpty.selector;
        selectorOf["too-many-claims"] = ITendermintLightClient.TooManyClaims.selector;
        selectorOf["claim-value-malformed"] = ITendermintLightClient.ClaimValueMalformed.selector;
        selectorOf["path-malformed"] = ITendermintLightClient.PathMalformed.selector;
        selectorOf["proof-malformed"] = Ics23.ProofMalformed.selector;
        selectorOf["proof-kind-mismatch"] = Ics23.ProofKindMismatch.selector;
        selectorOf["too-many-steps"] = Ics23.TooManySteps.selector;
        selectorOf["leaf-prefix-malformed"] = Ics23.LeafPrefixMalformed.selector;
        selectorOf["step-malformed"] = Ics23.StepMalformed.selector;
        selectorOf["root-mismatch"] = Ics23.RootMismatch.selector;
        selectorOf["neighbour-malformed"] = Ics23.NeighbourMalformed.selector;
        selectorOf["neighbours-missing"] = Ics23.NeighboursMissing.selector;
        selectorOf["key-not-between"] = Ics23.KeyNotBetween.selector;
        selectorOf["not-leftmost"] = Ics23.NotLeftmost.selector;
        selectorOf["not-rightmost"] = Ics23.NotRightmost.selector;
        selectorOf["not-neighbours"] = Ics23.NotNeighbours.selector;
    }
}
