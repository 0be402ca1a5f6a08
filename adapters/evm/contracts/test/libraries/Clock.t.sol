// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Clock} from "../../src/libraries/Clock.sol";

contract ClockTest is Test {
    function secondsOf(uint256 stamp) external pure returns (uint64) {
        return Clock.toSeconds(stamp);
    }

    function test_the_unit_is_told_by_size() public view {
        assertEq(this.secondsOf(0), 0, "zero");
        assertEq(this.secondsOf(10 ** 11 - 1), 10 ** 11 - 1, "below the border");
        assertEq(this.secondsOf(10 ** 11), 10 ** 11, "the border is seconds");
        assertEq(this.secondsOf(10 ** 11 + 1), 10 ** 8, "above the border");
        assertEq(this.secondsOf(1_750_000_000), 1_750_000_000, "seconds");
        assertEq(this.secondsOf(1_750_000_000_000), 1_750_000_000, "milliseconds");
    }

    function test_milliseconds_are_rounded_down_around_a_deadline() public view {
        uint256 deadline = 1_750_000_000;
        assertEq(this.secondsOf(deadline * 1000 - 1), deadline - 1, "a millisecond before");
        assertEq(this.secondsOf(deadline * 1000), deadline, "at");
        assertEq(this.secondsOf(deadline * 1000 + 999), deadline, "less than a second after");
        assertEq(this.secondsOf(deadline * 1000 + 1000), deadline + 1, "a second after");
    }

    function test_more_than_64_bits_are_refused() public {
        uint256 stamp = uint256(type(uint64).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(Clock.TimeTooLarge.selector, type(uint64).max, stamp));
        this.secondsOf(stamp);
    }

    function test_the_host_clock_is_converted() public {
        vm.warp(1_750_000_000_999);
        assertEq(Clock.timeNow(), 1_750_000_000, "milliseconds host");
        vm.warp(1_750_000_000);
        assertEq(Clock.timeNow(), 1_750_000_000, "seconds host");
    }

    function testFuzz_never_above_the_border_and_never_falling(uint64 a, uint64 b) public view {
        if (a > b) (a, b) = (b, a);
        // Within one unit time is monotone; a stamp at or below the border is seconds.
        if ((a > Clock.MAX_SECONDS) == (b > Clock.MAX_SECONDS)) assertTrue(this.secondsOf(a) <= this.secondsOf(b), "monotone");
    }
}
