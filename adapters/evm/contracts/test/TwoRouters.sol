// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IRouter} from "../src/interfaces/IRouter.sol";
import {Packet, Payload} from "../src/types/Packet.sol";
import {TwoChains} from "./TwoChains.sol";
import {MockApplication} from "./mocks/MockApplication.sol";

/// Two chains with a test application on port `app` at both ends.
abstract contract TwoRouters is TwoChains {
    uint64 internal constant APP_GAS = 400_000;

    MockApplication internal source;
    MockApplication internal dest;

    function setUp() public virtual override {
        super.setUp();
        source = new MockApplication(IRouter(address(home.router)));
        dest = new MockApplication(IRouter(address(far.router)));
        bind(home, "app", address(source), APP_GAS);
        bind(far, "app", address(dest), APP_GAS);
    }

    function bind(Chain storage chain, string memory port, address application, uint64 receiveGas) internal {
        govern(chain, address(chain.router), abi.encodeCall(chain.router.bindPort, (port, application, receiveGas)));
    }

    function payload(bytes memory value) internal pure returns (Payload memory) {
        return Payload("app", "app", "app-1", "raw", value);
    }

    function send(bytes memory value) internal returns (Packet memory) {
        source.send(home.clientId, TIMEOUT, payload(value));
        return lastPacket();
    }

    function answers(bytes memory answer) internal pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = answer;
    }

    function calls(bytes memory call) internal pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = call;
    }

    function recvCall(Packet memory packet) internal view returns (bytes memory) {
        return abi.encodeCall(IRouter.recvPackets, (one(packet), 1, proof));
    }
}
