// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Absence, Claim, ILightClient, Status, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";

/// A light client for tests of the contracts around it: it answers truthfully from the slots of another Router in the same EVM. It is an honest
/// oracle, and so no test of any proof: those are the light clients' own.
contract MockLightClient is ILightClient {
    bytes32 internal constant GOOD_PROOF = keccak256("good proof");

    error MockNotActive(Status found);
    error MockProofBad();
    error MockClaimsMissing();
    error MockClaimWrong(uint256 index, bytes32 expected, bytes32 found);
    error MockUpdateRefused();

    IRouter public counterparty;
    Status public state;
    Absence public absence;
    uint64 public latestHeight = 1;
    /// Time of the latest state; 0: the host's own.
    uint64 public fixedTime;
    /// Answers yes without looking, so that gas figures are those of the contracts around it.
    bool public unseeing;
    uint256 public verifications;

    function setCounterparty(IRouter router) external {
        counterparty = router;
    }

    function setState(Status state_) external {
        state = state_;
    }

    function setAbsence(Absence absence_) external {
        absence = absence_;
    }

    function setTime(uint64 time) external {
        fixedTime = time;
    }

    function setUnseeing() external {
        unseeing = true;
    }

    function goodProof() external pure returns (bytes memory) {
        return abi.encode(GOOD_PROOF);
    }

    function update(bytes calldata message) external returns (UpdateResult) {
        if (message.length == 0) revert MockUpdateRefused();
        if (message.length == 1) return UpdateResult.NoOp;
        ++latestHeight;
        return UpdateResult.Update;
    }

    function misbehaviour(bytes calldata) external returns (UpdateResult) {
        if (state == Status.Frozen) return UpdateResult.NoOp;
        state = Status.Frozen;
        return UpdateResult.Misbehaviour;
    }

    function verify(uint64, bytes calldata proof, Claim[] calldata claims) external view returns (uint64) {
        if (unseeing) return _time();
        if (state != Status.Active) revert MockNotActive(state);
        if (keccak256(proof) != keccak256(abi.encode(GOOD_PROOF))) revert MockProofBad();
        if (claims.length == 0) revert MockClaimsMissing();
        for (uint256 i = 0; i < claims.length; ++i) {
            bytes memory path;
            for (uint256 j = 0; j < claims[i].path.length; ++j) {
                path = bytes.concat(path, claims[i].path[j]);
            }
            bytes32 found = counterparty.value(sha256(path));
            bytes32 expected = claims[i].value.length == 0 ? bytes32(0) : abi.decode(claims[i].value, (bytes32));
            if (found != expected) revert MockClaimWrong(i, expected, found);
        }
        return _time();
    }

    function status() external view returns (Status, uint64, uint64) {
        return (state, latestHeight, _time());
    }

    function assurance() external pure returns (uint8, uint16, uint16) {
        return (2, 1, 1);
    }

    function _time() private view returns (uint64) {
        return fixedTime == 0 ? uint64(block.timestamp) : fixedTime;
    }
}
