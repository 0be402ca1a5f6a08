// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "../Vm.sol";

/// Execution gas of a call as the transaction it would be: what the transaction uses, refunds taken off, less 21,000 and its calldata. Contracts
/// that measure are run with the option `isolate`: each call of a test is then a transaction of its own, with every slot cold.
abstract contract GasMeter is Test {
    uint256 private constant TRANSACTION_GAS = 21_000;
    /// Source: EIP-2028, Yellow Paper appendix G.
    uint256 private constant ZERO_BYTE_GAS = 4;
    uint256 private constant OTHER_BYTE_GAS = 16;

    /// @param sender Who sends the transaction.
    /// @param target The contract called.
    /// @param input Calldata.
    function executionGas(address sender, address target, bytes memory input) internal returns (uint256 used) {
        (used,) = executionOf(sender, target, input);
    }

    function executionOf(address sender, address target, bytes memory input) internal returns (uint256 used, bytes memory answer) {
        bool success;
        vm.prank(sender);
        (success, answer) = target.call(input);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        uint256 whole = vm.lastCallGas().gasTotalUsed;
        uint256 fixedPart = TRANSACTION_GAS + calldataGas(input);
        // Without isolation the figure is not a transaction's.
        assertTrue(whole > fixedPart, "gas tests want isolation");
        used = whole - fixedPart;
    }

    function calldataGas(bytes memory input) internal pure returns (uint256) {
        uint256 zeros;
        assembly ("memory-safe") {
            let end := add(add(input, 32), mload(input))
            for { let position := add(input, 32) } lt(position, end) { position := add(position, 1) } {
                zeros := add(zeros, iszero(byte(0, mload(position))))
            }
        }
        return zeros * ZERO_BYTE_GAS + (input.length - zeros) * OTHER_BYTE_GAS;
    }
}
