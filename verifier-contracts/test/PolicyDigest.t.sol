// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {PolicyDigest} from "../src/PolicyDigest.sol";
import {vm} from "./Vm.sol";

/// @notice Against digests of another program (Python, from the same constants, whose permutation has the value that
/// circuits/src/transcript/poseidon.rs freezes).
contract PolicyDigestTest {
    function test_digests() public pure {
        vm.assertEq(
            PolicyDigest.digest(2, [5000, 2000, 1500, 1000, 500]),
            0x2d2dc27faff82e216231bfd929159a5b9ba69207974be2da1a292337458e6bb2
        );
        vm.assertEq(
            PolicyDigest.digest(4, [10_000, 0, 0, 0, 0]),
            0x670c04e7c05143976f124f5d2a6eb30af1b31dc4e0121b9bdc078f70dc0c3b6
        );
    }
}
