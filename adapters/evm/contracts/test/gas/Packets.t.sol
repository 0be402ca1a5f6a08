// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Packet} from "../../src/types/Packet.sol";
import {TwoChains} from "../TwoChains.sol";
import {GasMeter} from "./GasMeter.sol";

/// Execution gas of the packet's steps without the work of the light client (its mock answers without looking): what the Router and the receipts'
/// contracts use. `RealClientGasTest` measures the whole.
/// forge-config: default.isolate = true
contract PacketsGasTest is TwoChains, GasMeter {
    uint256 private constant BATCH = 20;

    bytes32[] private _uids;
    bytes[] private _out;
    bytes32 private _fresh;
    bytes[] private _toNewHolders;

    function setUp() public override {
        super.setUp();
        home.client.setUnseeing();
        far.client.setUnseeing();
        for (uint256 i = 0; i < BATCH; ++i) {
            _uids.push(issue(bytes32(i), alice));
            _out.push(abi.encode(lock(_uids[i], alice, bob)));
        }
        _fresh = issue("fresh", alice);
        // One that stays: a balance that falls to nothing would be paid back for.
        issue("another", alice);
        for (uint256 i = 0; i < BATCH; ++i) {
            address holder = address(uint160(0x1000 + i));
            _toNewHolders.push(abi.encode(lock(issue(keccak256(abi.encode(i)), alice), alice, holder)));
        }
    }

    function _batch(bytes[] storage from, uint256 count) private view returns (Packet[] memory packets) {
        packets = new Packet[](count);
        for (uint256 i = 0; i < count; ++i) {
            packets[i] = abi.decode(from[i], (Packet));
        }
    }

    function _measureReceive(bytes[] storage from, uint256 count) private returns (uint256) {
        bytes memory input = abi.encodeCall(far.router.recvPackets, (_batch(from, count), 1, proof));
        return executionGas(relayer, address(far.router), input);
    }

    function test_gas_receive_and_mint_in_a_batch_of_20() public {
        assertGas(_measureReceive(_out, BATCH) / BATCH, 175_000, "receive + mint, batch of 20, known holder, per packet");
        assertEq(far.ledger.balanceOf(bob), BATCH, "all minted");
    }

    function test_gas_receive_and_mint_in_a_batch_of_20_for_new_holders() public {
        assertGas(_measureReceive(_toNewHolders, BATCH) / BATCH, 195_000, "receive + mint, batch of 20, each a new holder, per packet");
        assertEq(far.ledger.balanceOf(address(0x1000)), 1, "minted");
    }

    function test_gas_receive_and_mint_alone() public {
        assertGas(_measureReceive(_out, 1), 235_000, "receive + mint, alone, new holder");
        assertEq(far.ledger.balanceOf(bob), 1, "minted");
    }

    function test_gas_lock() public {
        bytes memory input = abi.encodeCall(home.bridge.lock, (home.clientId, contentOf(home.ref, _fresh), account(bob), account(bob), TIMEOUT));
        assertGas(executionGas(alice, address(home.bridge), input), 150_000, "lock");
    }

    function test_gas_acknowledge_in_a_batch_of_20() public {
        bytes[] memory answers = new bytes[](BATCH);
        for (uint256 i = 0; i < BATCH; ++i) {
            answers[i] = received();
        }
        bytes memory input = abi.encodeCall(home.router.ackPackets, (_batch(_out, BATCH), answers, 1, proof));
        assertGas(executionGas(relayer, address(home.router), input) / BATCH, 60_000, "acknowledge, batch of 20, per packet");
    }

    function test_gas_time_out_in_a_batch_of_20() public {
        vm.warp(TIMEOUT);
        bytes memory input = abi.encodeCall(home.router.timeoutPackets, (_batch(_out, BATCH), 1, proof));
        assertGas(executionGas(relayer, address(home.router), input) / BATCH, 60_000, "timeout + refund, batch of 20, per packet");
    }
}
