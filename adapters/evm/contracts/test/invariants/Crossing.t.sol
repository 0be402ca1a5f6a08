// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Location} from "../../src/types/Receipt.sol";
import {Test} from "../Vm.sol";
import {CrossingHandler} from "./CrossingHandler.sol";

/// What holds of receipts after any sequence of anyone's actions on two honest chains.
/// forge-config: default.invariant.runs = 128
/// forge-config: default.invariant.depth = 100
/// forge-config: default.invariant.fail-on-revert = true
contract CrossingInvariants is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    CrossingHandler private handler;

    function setUp() public {
        handler = new CrossingHandler();
        handler.setUp();
        // A receipt on each chain, so that no run is spent on waiting for one.
        handler.doIssue(true, 0);
        handler.doIssue(false, 1);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        bytes4[] memory list = new bytes4[](12);
        list[0] = handler.doIssue.selector;
        list[1] = handler.doLock.selector;
        list[2] = handler.doReturn.selector;
        list[3] = handler.doReceive.selector;
        list[4] = handler.doAcknowledge.selector;
        list[5] = handler.doForgeAcknowledgement.selector;
        list[6] = handler.doTimeOut.selector;
        list[7] = handler.doRedeem.selector;
        list[8] = handler.doWait.selector;
        // Twice, since most of what happens hangs on them.
        list[9] = handler.doLock.selector;
        list[10] = handler.doReceive.selector;
        list[11] = handler.doReceive.selector;
        selectors[0] = FuzzSelector(address(handler), list);
    }

    /// All of them in one, since every invariant of its own would run the same sequences again.
    function invariant_conservation_singularity_escrow_and_balances() public view {
        _checkPlaces();
        _checkEscrow();
        _checkNothingHeld();
        _checkBalances();
    }

    /// issued = live + in flight + redeemed, for each receipt and so for every sum; at most one live copy, and none while it is in flight.
    function _checkPlaces() private view {
        for (uint256 i = 0; i < handler.uidCount(); ++i) {
            bytes32 uid = handler.uids(i);
            (Location here, Location there) = handler.locations(uid);
            uint256 places = 0;
            if (here == Location.Active) ++places;
            if (here == Location.Redeemed) ++places;
            if (there == Location.Live) ++places;
            for (uint256 j = 0; j < handler.sentCount(); ++j) {
                if (handler.uidOfSent(j) == uid && handler.isInFlight(j)) ++places;
            }
            assertEq(places, 1, "places of a receipt");
        }
    }

    /// Escrow is the receipt's quantity, by the lane that it left by, exactly while it is away.
    function _checkEscrow() private view {
        for (uint256 i = 0; i < handler.uidCount(); ++i) {
            bytes32 uid = handler.uids(i);
            (Location here,) = handler.locations(uid);
            (uint128 first, uint128 second, uint32 lane) = handler.escrows(uid);
            bool away = here == Location.LockPending || here == Location.Remote;
            assertEq(first, away && lane == 1 ? handler.quantity() : 0, "first lane");
            assertEq(second, away && lane == 2 ? handler.quantity() : 0, "second lane");
        }
    }

    /// Between honest chains every outcome can be applied.
    function _checkNothingHeld() private view {
        for (uint256 i = 0; i < handler.sentCount(); ++i) {
            assertEq(handler.heldOf(i), bytes32(0), "held");
        }
    }

    function _checkBalances() private view {
        assertTrue(handler.balancesAgree(true), "first chain");
        assertTrue(handler.balancesAgree(false), "second chain");
    }

    /// The handler does reach what the invariants are about.
    function test_the_handler_mints_unlocks_refunds_and_redeems() public {
        handler.doLock(0, 1, false, false);
        handler.doReceive(0, true);
        handler.doAcknowledge(0);
        handler.doReturn(0, 2, false);
        handler.doReceive(1, false);
        handler.doLock(0, 1, true, true);
        handler.doReceive(2, false);
        handler.doAcknowledge(2);
        handler.doLock(1, 1, true, false);
        handler.doWait(39 minutes);
        handler.doWait(39 minutes);
        handler.doTimeOut(3);
        handler.doRedeem(0);
        assertEq(handler.minted(), 1, "minted");
        assertEq(handler.unlocked(), 1, "unlocked");
        assertEq(handler.refunded(), 2, "refused and timed out");
        assertEq(handler.redeemed(), 1, "redeemed");
        invariant_conservation_singularity_escrow_and_balances();
    }
}
