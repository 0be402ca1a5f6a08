// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Packet} from "../types/Packet.sol";

/// What answers on a port. Only the Router may call it; it may send packets from within, but not receive, acknowledge or time out.
interface IApplication {
    /// A packet has arrived and is proven. Called with exactly the port's registered gas. When it reverts, its writes are dropped and the
    /// universal error acknowledgement is stored. It may rely upon 16 nested calls, its own included (a precompiled contract is a call as well):
    /// with fewer possible a failure reverts the whole receive instead. Calls nested deeper, and failures of calls that it catches, are its own care.
    /// @param packet The packet.
    /// @param relayer Who brought it; of no authority.
    /// @return acknowledgement Not the universal error acknowledgement; empty when it is to be written later.
    function onRecvPacket(Packet calldata packet, address relayer) external returns (bytes memory acknowledgement);

    /// A packet sent from here is acknowledged. Must never revert of itself: the packet could then never be settled.
    /// @param packet The packet.
    /// @param acknowledgement The proven acknowledgement; the universal error acknowledgement when the destination's application failed.
    /// @param relayer Who brought it; of no authority.
    function onAcknowledge(Packet calldata packet, bytes calldata acknowledgement, address relayer) external;

    /// A packet sent from here is proven never to be received. Must never revert of itself.
    /// @param packet The packet.
    /// @param relayer Who brought the proof; of no authority.
    function onTimeout(Packet calldata packet, address relayer) external;
}
