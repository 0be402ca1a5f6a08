// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// One clock in seconds for every host. FISCO BCOS answers `block.timestamp` in milliseconds unless a feature flag says otherwise, and the
/// flag can change during a chain's life, so the unit is told by size: 10^11 seconds is the year 5138, 10^11 milliseconds is March 1973.
library Clock {
    /// Larger values are milliseconds.
    uint256 internal constant MAX_SECONDS = 10 ** 11;

    /// The value does not fit 64 bits in either unit.
    error TimeTooLarge(uint256 maximum, uint256 found);

    /// @return time The host's time in seconds since 1970.
    function timeNow() internal view returns (uint64 time) {
        return toSeconds(block.timestamp);
    }

    /// @param stamp Seconds, or milliseconds when above `MAX_SECONDS`.
    /// @return time Seconds, rounded down.
    function toSeconds(uint256 stamp) internal pure returns (uint64 time) {
        if (stamp > type(uint64).max) revert TimeTooLarge(type(uint64).max, stamp);
        return uint64(stamp > MAX_SECONDS ? stamp / 1000 : stamp);
    }
}
