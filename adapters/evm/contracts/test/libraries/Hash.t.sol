// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";
import {Hash} from "../../src/libraries/Hash.sol";
import {HashMode, OPCODE} from "../../src/types/HashMode.sol";

contract HashTest is Test {
    function check(HashMode mode) external view {
        Hash.requireKnownAnswers(mode);
    }

    function test_the_opcode_mode_is_keccak_256() public view {
        this.check(OPCODE);
        assertEq(Hash.keccak(OPCODE, "abc"), keccak256("abc"), "abc");
    }

    function testFuzz_every_input_is_hashed_as_the_opcode_does(bytes calldata data) public pure {
        assertEq(Hash.keccak(OPCODE, data), keccak256(data), "digest");
    }

    function testFuzz_other_modes_are_refused(uint8 mode) public {
        vm.assume(mode != 0);
        vm.expectRevert(abi.encodeWithSelector(Hash.HashModeUnsupported.selector, mode));
        this.check(HashMode.wrap(mode));
    }

    function test_a_host_with_another_precompile_2_is_refused() public {
        vm.mockCall(address(2), "abc", abi.encode(keccak256("abc")));
        (bool ok, bytes memory reason) = address(this).staticcall(abi.encodeCall(this.check, (OPCODE)));
        assertTrue(!ok && bytes4(reason) == Hash.Sha256KnownAnswerMismatch.selector, "refused by name");
    }
}
