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
        (numerator, denominator, total) = _sum(amounts, _squares(omega, sigma), zeta, sigma);
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
    function _sum(bytes calldata amounts, uint256[] memory squares, uint256 zeta, uint256 sigma)
        private
        pure
        returns (uint256 numerator, uint256 denominator, uint256 total)
    {
        if (amounts.length % ENTRY != 0) revert AmountsLength(amounts.length);
        denominator = 1;
        uint256 power = 1;
        uint256 last = 0;
        uint256 least = 0;
        // No sum here can overflow: there are fewer than 2^32 amounts of 128 bits, and slots are below 2^32.
        unchecked {
            for (uint256 i = 0; i < amounts.length; i += ENTRY) {
                uint256 entry = uint160(bytes20(amounts[i:]));
                uint256 slot = entry >> 128;
                if (slot < least) revert SlotNotIncreasing(slot, least);
                if (slot >> sigma != 0) revert SlotOutOfRange(slot, 1 << sigma);
                power = _advanced(power, slot - last, squares);
                last = slot;
                least = slot + 1;
                uint256 amount = uint128(entry);
                total += amount;
                uint256 below = addmod(zeta, SCALAR_MODULUS - power, SCALAR_MODULUS);
                uint256 above = mulmod(mulmod(amount, power, SCALAR_MODULUS), denominator, SCALAR_MODULUS);
                numerator = addmod(mulmod(numerator, below, SCALAR_MODULUS), above, SCALAR_MODULUS);
                denominator = mulmod(denominator, below, SCALAR_MODULUS);
            }
        }
    }

    /// @dev power·ω^gap. Most gaps are short.
    function _advanced(uint256 power, uint256 gap, uint256[] memory squares) private pure returns (uint256) {
        for (uint256 bit = 0; gap != 0; gap >>= 1) {
            if (gap & 1 == 1) power = mulmod(power, squares[bit], SCALAR_MODULUS);
            unchecked {
                ++bit;
            }
        }
        return power;
    }

    /// @dev ω^(2^j) for j below sigma.
    function _squares(uint256 omega, uint256 sigma) private pure returns (uint256[] memory squares) {
        squares = new uint256[](sigma);
        for (uint256 j = 0; j < sigma; ++j) {
            squares[j] = omega;
            omega = mulmod(omega, omega, SCALAR_MODULUS);
        }
    }
}
