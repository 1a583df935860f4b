// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {SCALAR_MODULUS} from "./StatementWords.sol";

/// @title Digest of a policy
/// @notice TEMPORARY: a keccak256 in place of the circuit's Poseidon sponge. No proof fits it.
library PolicyDigest {
    function digest(uint8 power, uint16[5] memory bps) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("temporary", power, bps))) % SCALAR_MODULUS;
    }
}
