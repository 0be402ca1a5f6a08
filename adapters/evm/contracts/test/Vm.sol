// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The cheat codes in use. forge answers them at this address; no library is needed. Add functions as they are needed.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct DirEntry {
        string errorMessage;
        string path;
        uint64 depth;
        bool isDir;
        bool isSymlink;
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    // Environment.
    function warp(uint256 timestamp) external;
    function roll(uint256 height) external;
    function chainId(uint256 id) external;
    function deal(address account, uint256 balance) external;
    function etch(address account, bytes calldata code) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);

    // Callers and calls.
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function mockCall(address callee, bytes calldata data, bytes calldata answer) external;
    function clearMockedCalls() external;

    /// Of the last call made by a test; with `isolate`, of the transaction that it was, refunds taken off.
    function lastCallGas() external view returns (Gas memory);

    // Expectations.
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function expectCall(address callee, bytes calldata data) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function assume(bool condition) external pure;
    function bound(uint256 value, uint256 min, uint256 max) external view returns (uint256);

    // Keys.
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function label(address account, string calldata name) external;

    // Files and JSON.
    function readFile(string calldata path) external view returns (string memory);
    function readDir(string calldata path, uint64 maxDepth) external view returns (DirEntry[] memory entries);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key) external pure returns (address[] memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function parseUint(string calldata text) external pure returns (uint256);
    function toString(uint256 value) external pure returns (string memory);
}

/// Base of the tests: cheat codes, one-line assertions and a printer for measured figures.
abstract contract Test {
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    event log_named_uint(string key, uint256 value);

    error Unequal(string what, uint256 expected, uint256 found);
    error UnequalBytes(string what, bytes expected, bytes found);

    function assertTrue(bool ok, string memory what) internal pure {
        require(ok, what);
    }

    function assertEq(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Unequal(what, expected, found);
    }

    function assertEq(bytes32 found, bytes32 expected, string memory what) internal pure {
        if (found != expected) revert Unequal(what, uint256(expected), uint256(found));
    }

    function assertEq(address found, address expected, string memory what) internal pure {
        if (found != expected) revert Unequal(what, uint160(expected), uint160(found));
    }

    function assertEq(bytes memory found, bytes memory expected, string memory what) internal pure {
        if (keccak256(found) != keccak256(expected)) revert UnequalBytes(what, expected, found);
    }

    /// Fails when `measured` is above `bar`; prints the figure either way (seen with `forge test -vv`).
    function assertGas(uint256 measured, uint256 bar, string memory what) internal {
        emit log_named_uint(what, measured);
        if (measured > bar) revert Unequal(what, bar, measured);
    }
}
