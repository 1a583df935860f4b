// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Kzg} from "./Kzg.sol";
import {SCALAR_MODULUS} from "./StatementWords.sol";

/// @title The payout domain
/// @notice Slot s of N = 2^σ stands at ω^s, with ω = 5^((r−1)/N).
library PayoutDomain {
    /// @notice Published amounts are entries of 20 bytes.
    error AmountsLength(uint256 found);

    /// @notice Slots must increase.
    error SlotNotIncreasing(uint256 found, uint256 least);

    /// @notice There is no such slot.
    error SlotOutOfRange(uint256 found, uint256 slots);

    /// @dev Bytes of an entry: uint32 slot, uint128 amount, big-endian.
    uint256 private constant ENTRY = 20;

    /// @dev Powers of ω that lead from slot to slot.
    uint256 private constant STEPS = 44;

    /// @dev 5 generates the multiplicative group of the scalar field, and r − 1 is 2^28 times an odd number.
    uint256 private constant GENERATOR = 5;

    /// @notice ω of the domain with 2^sigma slots.
    function root(uint256 sigma) internal view returns (uint256) {
        return Kzg.power(GENERATOR, (SCALAR_MODULUS - 1) >> sigma, SCALAR_MODULUS);
    }

    /// @notice The value at zeta of the polynomial that has amount P_s at ω^s, plus rho·(X^N − 1):
    /// (ζ^N − 1)·(ρ + (1/N)·Σ P_s·ω^s/(ζ − ω^s)).
    /// @dev Fractions are added as fractions, so there is one inversion. Where ζ is in the domain, that inverse and
    /// the value come out as 0; ζ is a hash, and such ones are counted among those at which a wrong vector passes.
    /// @return y The value.
    /// @return total Σ P_s, as an integer.
    function evaluate(bytes calldata amounts, uint256 sigma, uint256 omega, uint256 zeta, uint256 rho)
        internal
        view
        returns (uint256 y, uint256 total)
    {
        uint256 numerator;
        uint256 denominator;
        (numerator, denominator, total) = _sum(amounts, _steps(omega), zeta, sigma);
        uint256 vanishing = zeta;
        for (uint256 i = 0; i < sigma; ++i) {
            vanishing = mulmod(vanishing, vanishing, SCALAR_MODULUS);
        }
        vanishing = addmod(vanishing, SCALAR_MODULUS - 1, SCALAR_MODULUS);
        uint256 whole = mulmod(denominator, 1 << sigma, SCALAR_MODULUS);
        uint256 inverse = Kzg.power(whole, SCALAR_MODULUS - 2, SCALAR_MODULUS);
        y = mulmod(vanishing, addmod(rho, mulmod(numerator, inverse, SCALAR_MODULUS), SCALAR_MODULUS), SCALAR_MODULUS);
    }

    /// @dev Σ P_s·ω^s/(ζ − ω^s) as a fraction, and Σ P_s.
    function _sum(bytes calldata amounts, uint256[STEPS] memory powers, uint256 zeta, uint256 sigma)
        private
        pure
        returns (uint256 numerator, uint256 denominator, uint256 total)
    {
        if (amounts.length % ENTRY != 0) revert AmountsLength(amounts.length);
        denominator = 1;
        uint256 power = 1;
        uint256 least = 0;
        // on the stack: the optimizer keeps large constants outside the code, and reading one costs 40 gas
        uint256 r = SCALAR_MODULUS;
        for (uint256 i = 0; i < amounts.length;) {
            uint256 slot;
            // In assembly: 450 gas for each amount instead of 1,010.
            assembly ("memory-safe") {
                // 32 bytes, of which the entry is the first 20
                let entry := calldataload(add(amounts.offset, i))
                slot := shr(224, entry)
                i := add(i, ENTRY)
                entry := shr(128, shl(32, entry))
                // no sum can overflow: there are fewer than 2^32 amounts, and slots are below 2^32
                total := add(total, entry)
                // from ω^least to ω^slot: the gap's lowest four bits at once, then bit by bit. Most gaps are short.
                let gap := sub(slot, least)
                power := mulmod(power, mload(add(powers, shl(5, and(gap, 15)))), r)
                gap := shr(4, gap)
                if gap {
                    for { let square := add(powers, 0x200) } gap { gap := shr(1, gap) } {
                        if and(gap, 1) { power := mulmod(power, mload(square), r) }
                        square := add(square, 0x20)
                    }
                }
                // n/d + amount·power/(ζ − power)
                let below := addmod(zeta, sub(r, power), r)
                entry := mulmod(mulmod(entry, power, r), denominator, r)
                numerator := addmod(mulmod(numerator, below, r), entry, r)
                denominator := mulmod(denominator, below, r)
                power := mulmod(power, mload(add(powers, 0x20)), r)
            }
            if (slot < least) revert SlotNotIncreasing(slot, least);
            least = slot + 1;
        }
        // slots increase, so the last one is the highest
        if (least > 1 << sigma) revert SlotOutOfRange(least - 1, 1 << sigma);
    }

    /// @dev ω^0 to ω^15, then ω^16, ω^32, ω^64 and so on up to ω^(2^31): whatever a gap of 32 bits needs.
    function _steps(uint256 omega) private pure returns (uint256[STEPS] memory powers) {
        uint256 r = SCALAR_MODULUS;
        // In assembly: with checked indices it costs 9,900 gas more.
        assembly ("memory-safe") {
            mstore(powers, 1)
            let power := omega
            let to := add(powers, 0x20)
            for { let end := add(powers, 0x200) } lt(to, end) { to := add(to, 0x20) } {
                mstore(to, power)
                power := mulmod(power, omega, r)
            }
            for { let end := add(powers, shl(5, STEPS)) } lt(to, end) { to := add(to, 0x20) } {
                mstore(to, power)
                power := mulmod(power, power, r)
            }
        }
    }
}
