// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {AttributionRegistry} from "./AttributionRegistry.sol";

/// @title Pauses
/// @notice Settling and claiming are paused apart: by a guardian or the admin, whom the registry knows. The admin alone
/// resumes.
/// @dev Assumes: who pauses also resumes. What is paid in or owed stays where it is meanwhile; deposits and withdrawals
/// go on.
abstract contract Pausing {
    /// @notice What is paused. One word of storage.
    struct Paused {
        /// Settling and promoting.
        bool settling;
        /// Claiming.
        bool claiming;
    }

    /// @notice Who may settle, who is paid, and who may pause.
    AttributionRegistry public immutable registry;

    /// @notice What is paused.
    Paused public paused;

    /// @notice Settling is paused or resumed.
    event SettlingPaused(bool paused, address indexed by);

    /// @notice Claiming is paused or resumed.
    event ClaimingPaused(bool paused, address indexed by);

    /// @notice There is no contract at the registry's address.
    error NoRegistry(address found);

    /// @notice Settling is paused.
    error SettlingIsPaused();

    /// @notice Claiming is paused.
    error ClaimingIsPaused();

    /// @notice The caller is neither guardian nor admin, or wants to resume and is not admin.
    error NotAllowed(address caller);

    modifier whenSettling() {
        if (paused.settling) revert SettlingIsPaused();
        _;
    }

    modifier whenClaiming() {
        if (paused.claiming) revert ClaimingIsPaused();
        _;
    }

    constructor(AttributionRegistry registry_) {
        if (address(registry_).code.length == 0) revert NoRegistry(address(registry_));
        registry = registry_;
    }

    /// @notice The guardian pauses settling; the admin pauses and resumes.
    function setSettlingPaused(bool to) external {
        _requireMayPause(to);
        paused.settling = to;
        emit SettlingPaused(to, msg.sender);
    }

    /// @notice The guardian pauses claiming; the admin pauses and resumes.
    function setClaimingPaused(bool to) external {
        _requireMayPause(to);
        paused.claiming = to;
        emit ClaimingPaused(to, msg.sender);
    }

    function _requireMayPause(bool to) private view {
        bool allowed = registry.defaultAdmin() == msg.sender
            || (to && registry.hasRole(registry.GUARDIAN_ROLE(), msg.sender));
        if (!allowed) revert NotAllowed(msg.sender);
    }
}
