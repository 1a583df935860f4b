// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title Changes that wait
/// @notice Keeps proposed changes, each under a key. A change takes effect when somebody applies it after the delay and
/// within the fortnight that follows: one that was forgotten surprises nobody later. A later proposal for the same key
/// replaces it and waits anew.
abstract contract Delayed {
    /// @notice A proposed value and when it may take effect. 0 without a proposal.
    struct Change {
        uint256 value;
        uint64 due;
    }

    /// @notice Seconds for which a change can be applied once its delay is over.
    uint48 public constant GRACE = 14 days;

    /// @notice Seconds from proposal to effect.
    uint48 public immutable delay;

    /// @notice Proposed changes.
    mapping(bytes32 key => Change) public changes;

    /// @notice Nothing is proposed under this key.
    error NothingProposed(bytes32 key);

    /// @notice It is too early.
    error DelayRunning(uint256 found, uint256 due);

    /// @notice It is too late.
    error ProposalExpired(uint256 found, uint256 end);

    constructor(uint48 delay_) {
        delay = delay_;
    }

    /// @dev Proposes a value.
    /// @return due When it may take effect.
    function _propose(bytes32 key, uint256 value) internal returns (uint64 due) {
        due = uint64(block.timestamp) + delay;
        changes[key] = Change(value, due);
    }

    /// @dev A proposed value that has waited long enough. It can be taken once.
    function _due(bytes32 key) internal returns (uint256 value) {
        Change memory change = changes[key];
        if (change.due == 0) revert NothingProposed(key);
        if (block.timestamp < change.due) revert DelayRunning(block.timestamp, change.due);
        uint256 end = uint256(change.due) + GRACE;
        if (block.timestamp >= end) revert ProposalExpired(block.timestamp, end);
        delete changes[key];
        value = change.value;
    }
}
