// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Kzg} from "./Kzg.sol";

/// @title Accumulators of payouts
/// @notice An accumulator is a sum of batches' payout commitments. Each node has one, and one is everybody's.
/// @dev The value that an accumulator had at the end of a closed epoch never changes, so openings of it stay good
/// while new batches arrive.
abstract contract Accumulators {
    /// @notice Sums of an accumulator. One word of storage.
    struct Totals {
        /// Fees of all batches in it.
        uint112 settled;
        /// What was paid out of it.
        uint112 claimed;
        /// Epoch in which it last changed.
        uint32 epoch;
    }

    /// @notice The accumulator of all batches whose payouts are published. Others have their node's.
    address public constant GLOBAL = address(0);

    /// @notice The longest epoch: what is earned can be claimed some day.
    uint64 public constant LONGEST_EPOCH = 366 days;

    /// @notice When epoch 0 begins, in seconds.
    uint64 public immutable start;

    /// @notice Seconds of an epoch.
    uint64 public immutable length;

    /// @notice Sums of accumulators.
    mapping(address accumulator => Totals) public totals;

    /// @notice keccak256 of the value that an accumulator had at the end of an epoch in which it changed, once it has
    /// changed again since.
    mapping(address accumulator => mapping(uint32 epoch => bytes32)) public checkpoints;

    /// @dev Values of accumulators, packed.
    mapping(address accumulator => uint256) private _values;

    /// @notice Epochs have begun, and last a while and no longer than LONGEST_EPOCH.
    error BadEpochs(uint256 start, uint256 length);

    /// @notice Fees of an accumulator do not fit 112 bits.
    error TooMuchSettled(uint256 found);

    /// @notice More would be paid out of an accumulator than was settled into it.
    error ClaimedExceedsSettled(uint256 claimed, uint256 settled);

    /// @notice The epoch is not over.
    error EpochOpen(uint32 found, uint32 current);

    /// @notice The accumulator has no value for this epoch: nothing was in it, or it changed before the epoch and
    /// after it. In the latter case the epoch of the change before is the one to name.
    error NoValue(address accumulator, uint32 epoch);

    /// @notice This is not the accumulator's value at the end of the epoch.
    error WrongValue(address accumulator, uint32 epoch);

    constructor(uint64 start_, uint64 length_) {
        if (length_ == 0 || length_ > LONGEST_EPOCH || start_ > block.timestamp) revert BadEpochs(start_, length_);
        start = start_;
        length = length_;
    }

    /// @notice The epoch that is now.
    function currentEpoch() public view returns (uint32) {
        return uint32((block.timestamp - start) / length);
    }

    /// @notice The point that an accumulator is now.
    function valueOf(address accumulator) external view returns (uint256[2] memory) {
        return Kzg.unpacked(_values[accumulator]);
    }

    /// @dev Adds a batch to an accumulator. The first change in an epoch leaves a checkpoint of what was before; of
    /// infinity none, since there is nothing to claim from it.
    function _add(address accumulator, uint256[2] calldata payouts, uint256 total, uint32 epoch) internal {
        Totals memory sums = totals[accumulator];
        uint256[2] memory value = Kzg.unpacked(_values[accumulator]);
        if (sums.epoch != epoch) {
            if (value[0] != 0) checkpoints[accumulator][sums.epoch] = keccak256(abi.encode(value));
            sums.epoch = epoch;
        }
        total += sums.settled;
        if (total > type(uint112).max) revert TooMuchSettled(total);
        sums.settled = uint112(total);
        totals[accumulator] = sums;
        _values[accumulator] = Kzg.packed(Kzg.add(value, payouts));
    }

    /// @dev Takes a batch of this epoch out of an accumulator again. What closed epochs paid is covered by the rest.
    function _take(address accumulator, uint256[2] calldata payouts, uint112 total) internal {
        Totals storage sums = totals[accumulator];
        uint112 settled = sums.settled - total;
        if (sums.claimed > settled) revert ClaimedExceedsSettled(sums.claimed, settled);
        sums.settled = settled;
        uint256[2] memory value = Kzg.unpacked(_values[accumulator]);
        _values[accumulator] = Kzg.packed(Kzg.add(value, Kzg.negated(payouts)));
    }

    /// @dev Refuses what is not the accumulator's value at the end of a closed epoch.
    /// @return sums The accumulator's sums.
    function _requireValue(address accumulator, uint32 epoch, uint256[2] calldata value)
        internal
        view
        returns (Totals memory sums)
    {
        uint32 current = currentEpoch();
        if (epoch >= current) revert EpochOpen(epoch, current);
        Kzg.requirePoint(value[0], value[1]);
        sums = totals[accumulator];
        bool last = epoch >= sums.epoch;
        bytes32 expected = last ? bytes32(_values[accumulator]) : checkpoints[accumulator][epoch];
        if (expected == 0) revert NoValue(accumulator, epoch);
        bytes32 found = last ? bytes32(Kzg.packed(value)) : keccak256(abi.encode(value));
        if (found != expected) revert WrongValue(accumulator, epoch);
    }

    /// @dev Counts what is paid out of an accumulator.
    function _count(address accumulator, Totals memory sums, uint256 amount) internal {
        uint256 claimed = sums.claimed + amount;
        if (claimed > sums.settled) revert ClaimedExceedsSettled(claimed, sums.settled);
        sums.claimed = uint112(claimed);
        totals[accumulator] = sums;
    }
}
