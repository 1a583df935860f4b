// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {PolicyDigest} from "../src/PolicyDigest.sol";
import {vm} from "./Vm.sol";

/// @notice Against vectors/policy.json, which Rust wrote (circuits/tests/statement.rs).
contract PolicyDigestTest {
    /// @dev Forge does not say how long a list is, so the file does.
    function test_digestsAreThoseOfTheCircuit() public view {
        string memory json = vm.readFile("../vectors/policy.json");
        uint256 count = vm.parseJsonUint(json, ".count");
        vm.assertTrue(count > 10);
        for (uint256 i = 0; i < count; i++) {
            string memory policy = string.concat(".policies[", _decimal(i), "]");
            uint16[5] memory bps;
            for (uint256 j = 0; j < 5; j++) {
                bps[j] = uint16(vm.parseJsonUint(json, string.concat(policy, ".bps[", _decimal(j), "]")));
            }
            uint8 power = uint8(vm.parseJsonUint(json, string.concat(policy, ".power")));
            vm.assertEq(PolicyDigest.digest(power, bps), vm.parseJsonUint(json, string.concat(policy, ".digest")));
        }
    }

    function _decimal(uint256 value) private pure returns (string memory) {
        string memory last = string(abi.encodePacked(bytes1(uint8(0x30 + value % 10))));
        return value < 10 ? last : string.concat(_decimal(value / 10), last);
    }
}
