// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice The part of forge's cheatcodes that these tests use. (forge-std is not on npm in a usable version.)
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assertEq(address found, address expected) external pure;
    function assertEq(bool found, bool expected) external pure;
    function assertEq(bytes32 found, bytes32 expected) external pure;
    function assertEq(bytes calldata found, bytes calldata expected) external pure;
    function assertEq(uint256 found, uint256 expected) external pure;
    function assertLe(uint256 found, uint256 most) external pure;
    function assertTrue(bool holds) external pure;
    function assume(bool holds) external pure;
    function chainId(uint256 id) external;
    function etch(address where, bytes calldata code) external;
    function expectEmit(bool t1, bool t2, bool t3, bool data, address from) external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function getRecordedLogs() external returns (Log[] memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function parseUint(string calldata text) external pure returns (uint256);
    function prank(address from) external;
    function readFile(string calldata path) external view returns (string memory);
    function recordLogs() external;
    function roll(uint256 number) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function startPrank(address from) external;
    function stopPrank() external;
    function warp(uint256 time) external;
}

/// @dev Where forge answers.
Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
