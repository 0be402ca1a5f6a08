// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// A call with exactly the gas it was promised, and an answer of bounded size.
library MeasuredCall {
    /// Gas that must be left beside the promise: the call itself, and what its caller does with the answer (an acknowledgement's slot and log).
    uint256 internal constant RESERVE_GAS = 60_000;

    /// Calls when the gas left covers the promise, by the rule that a call passes on at most 63/64 of what its caller has (EIP-150). Whoever
    /// supplies too little gas can therefore never make the callee fail. Call depth is not measured: who holds a failure against the callee has
    /// to prove first that there was depth enough.
    /// @param target The callee.
    /// @param gasLimit What it is given, exactly.
    /// @param input The calldata.
    /// @param maxOutput Bytes of the answer that are copied.
    /// @return enough False when too little gas was left: nothing was called.
    /// @return success Whether the call succeeded.
    /// @return outputLength The answer's true length.
    /// @return output The answer, cut to `maxOutput`.
    function call(address target, uint256 gasLimit, bytes memory input, uint256 maxOutput)
        internal
        returns (bool enough, bool success, uint256 outputLength, bytes memory output)
    {
        if (gasleft() < required(gasLimit)) return (false, false, 0, output);
        // Only assembly can bound what is copied of an answer.
        assembly ("memory-safe") {
            success := call(gasLimit, target, 0, add(input, 32), mload(input), 0, 0)
            outputLength := returndatasize()
            let copied := outputLength
            if gt(copied, maxOutput) { copied := maxOutput }
            output := mload(0x40)
            mstore(output, copied)
            returndatacopy(add(output, 32), 0, copied)
            mstore(0x40, and(add(add(output, copied), 63), not(31)))
        }
        enough = true;
    }

    /// @param gasLimit What a callee is promised.
    /// @return gasNeeded What must be left before the call.
    function required(uint256 gasLimit) internal pure returns (uint256 gasNeeded) {
        return gasLimit + (gasLimit + 62) / 63 + RESERVE_GAS;
    }
}
