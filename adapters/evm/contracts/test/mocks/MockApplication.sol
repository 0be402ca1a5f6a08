// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IApplication} from "../../src/interfaces/IApplication.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {Packet, Payload} from "../../src/types/Packet.sol";

/// An application whose behaviour a test chooses.
contract MockApplication is IApplication {
    enum Mode {
        Answer,
        Revert,
        Raw,
        BurnGas,
        CallRouter
    }

    error Refused();

    IRouter public immutable router;
    Mode public mode;
    bytes public answer = hex"01";
    bytes public call;
    uint256 public receivedCount;
    uint256 public gasSeen;
    address public relayerSeen;
    bytes public lastAcknowledgement;
    uint256 public acknowledgedCount;
    uint256 public timedOutCount;
    bool public refuseOutcomes;
    /// Whether the call to the Router from within a callback succeeded, and what it answered.
    bool public callSucceeded;
    bytes public callAnswer;

    constructor(IRouter router_) {
        router = router_;
    }

    function setAnswer(bytes calldata answer_) external {
        (mode, answer) = (Mode.Answer, answer_);
    }

    /// Returns these bytes as they are, not as the ABI encoding of bytes.
    function setRaw(bytes calldata answer_) external {
        (mode, answer) = (Mode.Raw, answer_);
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// Calls the Router from every callback, and goes on whatever comes of it.
    function setCall(bytes calldata call_, bytes calldata answer_) external {
        (mode, call, answer) = (Mode.CallRouter, call_, answer_);
    }

    function setRefuseOutcomes(bool refuse) external {
        refuseOutcomes = refuse;
    }

    function send(string calldata client, uint64 timeout, Payload calldata payload) external returns (uint64) {
        return router.sendPacket(client, timeout, payload);
    }

    function writeAcknowledgement(Packet calldata packet, bytes calldata acknowledgement) external {
        router.writeAcknowledgement(packet, acknowledgement);
    }

    function runBatch(bytes[] calldata calls) external returns (bool[] memory success, bytes[] memory results) {
        return router.batch(calls);
    }

    function onRecvPacket(Packet calldata, address relayer) external returns (bytes memory) {
        gasSeen = gasleft();
        relayerSeen = relayer;
        ++receivedCount;
        if (mode == Mode.Revert) revert Refused();
        if (mode == Mode.BurnGas) {
            for (uint256 i = 0;; ++i) {
                gasSeen = i;
            }
        }
        if (mode == Mode.CallRouter) _callRouter();
        if (mode == Mode.Raw) {
            bytes memory raw = answer;
            assembly {
                return(add(raw, 32), mload(raw))
            }
        }
        return answer;
    }

    function onAcknowledge(Packet calldata, bytes calldata acknowledgement, address relayer) external {
        if (refuseOutcomes) revert Refused();
        relayerSeen = relayer;
        lastAcknowledgement = acknowledgement;
        ++acknowledgedCount;
        if (mode == Mode.CallRouter) _callRouter();
    }

    function onTimeout(Packet calldata, address relayer) external {
        if (refuseOutcomes) revert Refused();
        relayerSeen = relayer;
        ++timedOutCount;
        if (mode == Mode.CallRouter) _callRouter();
    }

    function _callRouter() private {
        (callSucceeded, callAnswer) = address(router).call(call);
    }
}
