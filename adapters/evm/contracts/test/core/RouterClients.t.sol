// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IGovernance} from "../../src/interfaces/IGovernance.sol";
import {Status, UpdateResult} from "../../src/interfaces/ILightClient.sol";
import {IRouter} from "../../src/interfaces/IRouter.sol";
import {Router} from "../../src/core/Router.sol";
import {Hash} from "../../src/libraries/Hash.sol";
import {HashMode, OPCODE} from "../../src/types/HashMode.sol";
import {TwoRouters} from "../TwoRouters.sol";
import {MockLightClient} from "../mocks/MockLightClient.sol";

/// Clients, ports and the constructor.
contract RouterClientsTest is TwoRouters {
    function _refuseGoverned(bytes memory call, bytes memory reason) private {
        uint256 id = home.governance.propose(address(home.router), call);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.ActFailed.selector, id, reason));
        home.governance.execute(id);
    }

    function _addCall(string memory id, string memory counterparty) private view returns (bytes memory) {
        return abi.encodeCall(IRouter.addClient, (id, address(home.client), counterparty, routerPrefix()));
    }

    // ---- clients ----

    function test_a_client_is_kept_as_it_was_added() public view {
        (address verifier, string memory counterpartyId, bytes[] memory prefix) = home.router.client(home.clientId);
        assertEq(verifier, address(home.client), "verifier");
        assertEq(bytes(counterpartyId), bytes(far.clientId), "counterparty");
        assertEq(prefix.length, 1, "one element");
        assertEq(prefix[0], "", "empty");
    }

    function test_refuses_a_client_by_anyone_but_governance() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.GovernanceMismatch.selector, address(home.governance), address(this)));
        home.router.addClient("qbft-1", address(home.client), "qbft-2", routerPrefix());
    }

    function test_refuses_a_client_id_that_is_taken() public {
        _refuseGoverned(_addCall(home.clientId, "qbft-3"), abi.encodeWithSelector(IRouter.ClientIdTaken.selector, home.clientId, address(home.client)));
    }

    function test_refuses_malformed_client_ids_at_both_ends() public {
        string[14] memory bad = [
            "",
            "qbft",
            "qbft-",
            "-1",
            "qbft--1",
            "Qbft-1",
            "qbft-1a",
            "qbft-one",
            "qbft 1-1",
            "qbft/1-1",
            "qbft-1\x01",
            "\x04-1",
            unicode"仓-1",
            "a123456789012345678901234567890123456789012345678901234567890-1234"
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            _refuseGoverned(_addCall(bad[i], "qbft-1"), abi.encodeWithSelector(IRouter.ClientIdMalformed.selector, bad[i]));
            _refuseGoverned(_addCall("qbft-1", bad[i]), abi.encodeWithSelector(IRouter.ClientIdMalformed.selector, bad[i]));
        }
    }

    function test_takes_the_ids_of_the_standard() public {
        string[5] memory good = ["qbft-1", "07-tendermint-0", "08-wasm-12", "a-b-c-9", "a1234567890123456789012345678901234567890123456789012345678901-2"];
        for (uint256 i = 0; i < good.length; ++i) {
            govern(home, address(home.router), _addCall(good[i], good[i]));
        }
    }

    function test_refuses_a_verifier_without_code() public {
        bytes memory call = abi.encodeCall(IRouter.addClient, ("qbft-1", alice, "qbft-2", routerPrefix()));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.ContractWithoutCode.selector, alice));
    }

    function test_refuses_an_empty_or_long_prefix() public {
        bytes memory call = abi.encodeCall(IRouter.addClient, ("qbft-1", address(home.client), "qbft-2", new bytes[](0)));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.PrefixEmpty.selector));
        call = abi.encodeCall(IRouter.addClient, ("qbft-1", address(home.client), "qbft-2", new bytes[](5)));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.PrefixTooLong.selector, 4, 5));
        bytes[] memory long = new bytes[](1);
        long[0] = new bytes(65);
        call = abi.encodeCall(IRouter.addClient, ("qbft-1", address(home.client), "qbft-2", long));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.PrefixTooLong.selector, 64, 65));
    }

    function test_updates_are_open_to_anyone_and_reported() public {
        vm.expectEmit();
        emit IRouter.ClientUpdated(home.clientId, 2);
        vm.prank(relayer);
        UpdateResult result = home.router.updateClient(home.clientId, "header");
        assertTrue(result == UpdateResult.Update, "update");
    }

    function test_an_equal_update_is_a_no_op_without_event() public {
        vm.recordLogs();
        assertTrue(home.router.updateClient(home.clientId, "=") == UpdateResult.NoOp, "no-op");
        assertEq(vm.getRecordedLogs().length, 0, "no event");
    }

    function test_refuses_what_the_client_refuses() public {
        vm.expectRevert(MockLightClient.MockUpdateRefused.selector);
        home.router.updateClient(home.clientId, "");
    }

    function test_refuses_an_update_of_an_unknown_client() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientUnknown.selector, "qbft-99"));
        home.router.updateClient("qbft-99", "header");
        vm.expectRevert(abi.encodeWithSelector(IRouter.ClientUnknown.selector, "qbft-99"));
        home.router.submitMisbehaviour("qbft-99", "evidence");
    }

    function test_misbehaviour_freezes_and_is_reported_once() public {
        vm.expectEmit();
        emit IRouter.ClientFrozen(home.clientId);
        assertTrue(home.router.submitMisbehaviour(home.clientId, "evidence") == UpdateResult.Misbehaviour, "froze");
        (Status state,,) = home.client.status();
        assertTrue(state == Status.Frozen, "frozen");
        vm.recordLogs();
        assertTrue(home.router.submitMisbehaviour(home.clientId, "evidence") == UpdateResult.NoOp, "frozen already");
        assertEq(vm.getRecordedLogs().length, 0, "no event");
    }

    // ---- ports ----

    function test_refuses_a_second_binding_of_a_port() public {
        bytes memory call = abi.encodeCall(IRouter.bindPort, ("app", address(dest), APP_GAS));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.PortTaken.selector, "app", address(source)));
        // Not even to the same application, with another gas.
        call = abi.encodeCall(IRouter.bindPort, ("app", address(source), APP_GAS + 1));
        _refuseGoverned(call, abi.encodeWithSelector(IRouter.PortTaken.selector, "app", address(source)));
        (address application, uint64 receiveGas) = home.router.portBinding("app");
        assertEq(application, address(source), "unchanged");
        assertEq(receiveGas, APP_GAS, "unchanged gas");
    }

    function test_refuses_a_binding_by_anyone_but_governance() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.GovernanceMismatch.selector, address(home.governance), alice));
        vm.prank(alice);
        home.router.bindPort("other", address(source), APP_GAS);
    }

    function test_refuses_malformed_ports() public {
        string[6] memory bad = ["", "a", "a b", "a/b", "a\x01b", string(new bytes(129))];
        for (uint256 i = 0; i < bad.length; ++i) {
            bytes memory call = abi.encodeCall(IRouter.bindPort, (bad[i], address(source), APP_GAS));
            _refuseGoverned(call, abi.encodeWithSelector(IRouter.PortMalformed.selector, bad[i]));
        }
    }

    function test_refuses_an_application_without_code_and_the_router_itself() public {
        _refuseGoverned(abi.encodeCall(IRouter.bindPort, ("other", alice, APP_GAS)), abi.encodeWithSelector(IRouter.ContractWithoutCode.selector, alice));
        _refuseGoverned(
            abi.encodeCall(IRouter.bindPort, ("other", address(home.router), APP_GAS)),
            abi.encodeWithSelector(IRouter.ContractWithoutCode.selector, address(home.router))
        );
    }

    function test_refuses_no_gas_or_too_much_for_a_receive() public {
        _refuseGoverned(
            abi.encodeCall(IRouter.bindPort, ("other", address(source), 0)), abi.encodeWithSelector(IRouter.ReceiveGasOutOfRange.selector, 10_000_000, 0)
        );
        _refuseGoverned(
            abi.encodeCall(IRouter.bindPort, ("other", address(source), 10_000_001)),
            abi.encodeWithSelector(IRouter.ReceiveGasOutOfRange.selector, 10_000_000, 10_000_001)
        );
    }

    // ---- constructor ----

    function test_immutables() public {
        assertEq(home.router.chainId(), block.chainid, "chain id");
        assertEq(home.router.governance(), address(home.governance), "governance");
        assertEq(HashMode.unwrap(home.router.hashMode()), 0, "mode");
        // The chain id is part of the code.
        vm.chainId(4242);
        Router other = new Router(address(home.governance), OPCODE);
        assertEq(other.chainId(), 4242, "chain id of its chain");
        assertTrue(address(other).codehash != address(home.router).codehash, "another code hash");
    }

    function test_the_chain_id_stays_what_it_was_at_deployment() public {
        uint256 id = home.router.chainId();
        vm.chainId(id + 1);
        assertEq(home.router.chainId(), id, "unchanged");
    }

    function test_refuses_a_governance_without_code() public {
        vm.expectRevert(abi.encodeWithSelector(IRouter.ContractWithoutCode.selector, alice));
        new Router(alice, OPCODE);
    }

    function test_refuses_a_hash_mode_that_does_not_exist() public {
        vm.expectRevert(abi.encodeWithSelector(Hash.HashModeUnsupported.selector, 1));
        new Router(address(home.governance), HashMode.wrap(1));
    }
}
