// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title Payout slots and their payees
/// @notice Hands out slots once and for all: ranges to adapters from the low end, single ones to nodes from the high
/// end. Who is paid for a slot is changed by its payee alone, in two steps.
abstract contract PayoutSlots {
    /// @dev σ is at most this: r − 1 is 2^28 times an odd number.
    uint8 private constant MOST_SIGMA = 28;

    /// @dev The smallest range has 2^4 slots.
    uint8 private constant LEAST_SIGMA = 4;

    /// @notice There are 2^domain slots.
    uint8 public immutable domain;

    /// @notice The first slot that no adapter has.
    uint32 public lowest;

    /// @notice Slots from here on are nodes'.
    uint32 public highest;

    /// @notice Who is paid for a slot. 0 for a slot that is nobody's.
    mapping(uint32 slot => address) public payeeOf;

    /// @notice Who is to be paid for a slot, when it accepts.
    mapping(uint32 slot => address) public nextPayeeOf;

    /// @notice A payee wants another to take its slot. 0 takes an earlier proposal back.
    event PayeeProposed(uint32 indexed slot, address indexed payee, address indexed next);

    /// @notice A slot is somebody else's now.
    event PayeeChanged(uint32 indexed slot, address indexed before, address indexed payee);

    /// @notice A domain has 2^4 to 2^28 slots.
    error BadDomain(uint8 found);

    /// @notice The slots that are left do not suffice.
    error OutOfSlots(uint256 first, uint256 end, uint256 limit);

    /// @notice A slot needs a payee.
    error PayeeIsZero(uint32 slot);

    /// @notice The caller is not the slot's payee.
    error NotPayee(address found, address expected);

    /// @notice The slot is not offered to the caller.
    error NotNextPayee(address found, address expected);

    constructor(uint8 domain_) {
        if (domain_ < LEAST_SIGMA || domain_ > MOST_SIGMA) revert BadDomain(domain_);
        domain = domain_;
        highest = uint32(1) << domain_;
    }

    /// @notice Offers the caller's slot to another payee.
    function proposePayee(uint32 slot, address to) external {
        address payee = payeeOf[slot];
        if (msg.sender != payee) revert NotPayee(msg.sender, payee);
        nextPayeeOf[slot] = to;
        emit PayeeProposed(slot, payee, to);
    }

    /// @notice Takes a slot that is offered to the caller. What it has earned and not been paid comes along.
    function acceptPayee(uint32 slot) external {
        address next = nextPayeeOf[slot];
        if (msg.sender != next) revert NotNextPayee(msg.sender, next);
        emit PayeeChanged(slot, payeeOf[slot], next);
        payeeOf[slot] = next;
        delete nextPayeeOf[slot];
    }

    /// @notice Payees of several slots.
    function payeesOf(uint32[] calldata slots) external view returns (address[] memory payees) {
        payees = new address[](slots.length);
        for (uint256 i = 0; i < slots.length; ++i) {
            payees[i] = payeeOf[slots[i]];
        }
    }

    /// @dev Takes 2^log slots from the low end, the first at a multiple of their number.
    function _takeRange(uint256 log) internal returns (uint32 base) {
        uint256 size = 1 << log;
        uint256 first = (lowest + size - 1) & ~(size - 1);
        if (first + size > highest) revert OutOfSlots(first, first + size, highest);
        lowest = uint32(first + size);
        base = uint32(first);
    }

    /// @dev Takes the highest free slot.
    function _takeHighest() internal returns (uint32 slot) {
        if (highest == lowest) revert OutOfSlots(lowest, highest, highest);
        slot = --highest;
    }

    /// @dev Gives a new slot its first payee.
    function _setPayee(uint32 slot, address payee) internal {
        if (payee == address(0)) revert PayeeIsZero(slot);
        payeeOf[slot] = payee;
    }
}
