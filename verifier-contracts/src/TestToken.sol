// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for development
/// @notice Anybody mints any amount to anybody, so it is worth nothing.
contract TestToken is ERC20 {
    constructor() ERC20("Talea test token", "TTT") {}

    /// @notice Makes tokens out of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
