// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IQbftLightClient} from "../../src/interfaces/IQbftLightClient.sol";
import {AccountProof} from "../../src/libraries/AccountProof.sol";
import {MerklePatriciaProof} from "../../src/libraries/MerklePatriciaProof.sol";
import {StorageProof} from "../../src/libraries/StorageProof.sol";
import {Test, Vm} from "../Vm.sol";

/// Walks a folder of vectors that the Rust crates read too, and demands of each file the verdict it names: accepted, or refused by that very
/// rule. The form is that of `light-clients/qbft/vectors/README.md`. A rule that is not listed here, or a kind that nobody runs, fails the test.
abstract contract VectorRunner is Test {
    mapping(string rule => bytes4) internal selectorOf;
    uint256 internal accepted;
    uint256 internal refused;

    error WrongVerdict(string file, string expected, bytes found);
    error Unlisted(string file, string what);

    /// Runs one file's input; reverts with the rule's error when it is refused.
    /// @param kind The file's kind.
    /// @param json The file.
    function run(string memory kind, string memory json) external virtual;

    /// Runs every file under `folder`, which must have some.
    function walkFolder(string memory folder) internal {
        listRules();
        Vm.DirEntry[] memory entries = vm.readDir(folder, 4);
        for (uint256 i = 0; i < entries.length; i++) {
            if (endsWith(entries[i].path, ".json") && !isCapture(entries[i].path)) this.runFile(entries[i].path);
        }
        assertTrue(accepted > 0 && refused > 0, "vectors of both verdicts");
        emit log_named_uint("accepted", accepted);
        emit log_named_uint("refused", refused);
    }

    /// Recordings that vectors are made of are no vectors.
    function isCapture(string memory path) private pure returns (bool) {
        bytes memory text = bytes(path);
        bytes32 folder = keccak256("/captures/");
        for (uint256 i = 0; i + 10 <= text.length; i++) {
            bytes memory part = new bytes(10);
            for (uint256 k = 0; k < 10; k++) part[k] = text[i + k];
            if (keccak256(part) == folder) return true;
        }
        return false;
    }

    /// In a call of its own, so that the memory of one file is not paid for by the next.
    function runFile(string calldata path) external {
        string memory json = vm.readFile(path);
        string memory kind = vm.parseJsonString(json, ".kind");
        (bool ok, bytes memory answer) = address(this).call(abi.encodeCall(this.run, (kind, json)));
        if (vm.keyExistsJson(json, ".expect.accept")) {
            if (!ok) revert WrongVerdict(path, "accept", answer);
            accepted++;
            return;
        }
        string memory rule = vm.parseJsonString(json, ".expect.reject.rule");
        if (selectorOf[rule] == 0) revert Unlisted(path, rule);
        if (ok || bytes4(answer) != selectorOf[rule]) revert WrongVerdict(path, rule, answer);
        refused++;
    }

    function endsWith(string memory text, string memory end) private pure returns (bool) {
        (bytes memory a, bytes memory b) = (bytes(text), bytes(end));
        if (a.length < b.length) return false;
        for (uint256 i = 0; i < b.length; i++) if (a[a.length - b.length + i] != b[i]) return false;
        return true;
    }

    /// Names the error of each rule; a client with rules of its own names its own.
    function listRules() internal virtual {
        selectorOf["proof-empty"] = MerklePatriciaProof.ProofEmpty.selector;
        selectorOf["proof-node-missing"] = MerklePatriciaProof.ProofNodeMissing.selector;
        selectorOf["proof-node-unused"] = MerklePatriciaProof.ProofNodeUnused.selector;
        selectorOf["proof-node-hash-mismatch"] = MerklePatriciaProof.ProofNodeHashMismatch.selector;
        selectorOf["proof-node-malformed"] = MerklePatriciaProof.ProofNodeMalformed.selector;
        selectorOf["proof-path-too-long"] = MerklePatriciaProof.ProofPathTooLong.selector;
        selectorOf["node-too-large"] = MerklePatriciaProof.NodeTooLarge.selector;
        selectorOf["value-mismatch"] = StorageProof.ValueMismatch.selector;
        selectorOf["value-absent"] = StorageProof.ValueAbsent.selector;
        selectorOf["value-present"] = StorageProof.ValuePresent.selector;
        selectorOf["value-not-canonical"] = StorageProof.ValueNotCanonical.selector;
        selectorOf["claims-empty"] = StorageProof.ClaimsEmpty.selector;
        selectorOf["too-many-claims"] = StorageProof.TooManyClaims.selector;
        selectorOf["claim-value-malformed"] = StorageProof.ClaimValueMalformed.selector;
        selectorOf["path-malformed"] = StorageProof.PathMalformed.selector;
        selectorOf["account-absent"] = AccountProof.AccountAbsent.selector;
        selectorOf["account-malformed"] = AccountProof.AccountMalformed.selector;
        selectorOf["code-hash-mismatch"] = IQbftLightClient.CodeHashMismatch.selector;
        selectorOf["header-malformed"] = IQbftLightClient.HeaderMalformed.selector;
        selectorOf["header-too-large"] = IQbftLightClient.HeaderTooLarge.selector;
        selectorOf["extra-data-malformed"] = IQbftLightClient.ExtraDataMalformed.selector;
        selectorOf["seal-malformed"] = IQbftLightClient.SealMalformed.selector;
        selectorOf["seal-high-s"] = IQbftLightClient.SealHighS.selector;
        selectorOf["mix-hash-mismatch"] = IQbftLightClient.MixHashMismatch.selector;
        selectorOf["difficulty-not-one"] = IQbftLightClient.DifficultyNotOne.selector;
        selectorOf["nonce-not-zero"] = IQbftLightClient.NonceNotZero.selector;
        selectorOf["ommers-not-empty"] = IQbftLightClient.OmmersNotEmpty.selector;
        selectorOf["validator-set-empty"] = IQbftLightClient.ValidatorSetEmpty.selector;
        selectorOf["validator-repeated"] = IQbftLightClient.ValidatorRepeated.selector;
        selectorOf["too-many-validators"] = IQbftLightClient.TooManyValidators.selector;
        selectorOf["signer-repeated"] = IQbftLightClient.SignerRepeated.selector;
        selectorOf["signer-unknown"] = IQbftLightClient.SignerUnknown.selector;
        selectorOf["too-few-seals"] = IQbftLightClient.TooFewSeals.selector;
        selectorOf["too-few-trusted-seals"] = IQbftLightClient.TooFewTrustedSeals.selector;
        selectorOf["trusted-set-mismatch"] = IQbftLightClient.TrustedSetMismatch.selector;
        selectorOf["trusted-set-superfluous"] = IQbftLightClient.TrustedSetSuperfluous.selector;
        selectorOf["trusted-set-missing"] = IQbftLightClient.TrustedSetMissing.selector;
        selectorOf["message-truncated"] = IQbftLightClient.MessageTruncated.selector;
        selectorOf["consensus-state-mismatch"] = IQbftLightClient.ConsensusStateMismatch.selector;
        selectorOf["consensus-state-unknown"] = IQbftLightClient.ConsensusStateUnknown.selector;
        selectorOf["not-newer"] = IQbftLightClient.NotNewer.selector;
        selectorOf["time-before-trusted"] = IQbftLightClient.TimeBeforeTrusted.selector;
        selectorOf["time-in-future"] = IQbftLightClient.TimeInFuture.selector;
        selectorOf["trust-expired"] = IQbftLightClient.TrustExpired.selector;
        selectorOf["client-frozen"] = IQbftLightClient.ClientFrozen.selector;
        selectorOf["heights-differ"] = IQbftLightClient.HeightsDiffer.selector;
        selectorOf["headers-identical"] = IQbftLightClient.HeadersIdentical.selector;
        selectorOf["set-unknown-at-height"] = IQbftLightClient.SetUnknownAtHeight.selector;
        selectorOf["evidence-malformed"] = IQbftLightClient.EvidenceMalformed.selector;
    }
}
