// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BASE_MODULUS, SCALAR_MODULUS} from "./StatementWords.sol";

/// @title KZG openings over BN254
/// @notice Group arithmetic through the chain's precompiles: 5 for powers, 6 to 8 for points. A point is x, then y;
/// infinity is (0, 0), which is not on the curve.
/// @dev G1 is the whole curve, so a point on the curve is a point of G1.
/// Precompiles are called in assembly: with inputs that Solidity builds as arrays, one opening costs 1,330 gas more
/// (measured with solc 0.8.37 and 200 runs).
library Kzg {
    /// @notice A precompile refused its input.
    error PrecompileFailed(uint256 precompile);

    /// @notice These are not the coordinates of a point: one is too large, or the curve's equation does not hold.
    error NotOnCurve(uint256 x, uint256 y);

    /// @dev The generator of G1 is (1, 2).
    uint256 private constant G1_X = 1;
    uint256 private constant G1_Y = 2;

    /// @dev The generator of G2 as precompile 8 reads it: of x and of y the imaginary part first (EIP-197).
    uint256 private constant G2_X1 = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant G2_X0 = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant G2_Y1 = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 private constant G2_Y0 = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;

    /// @dev The parity of y stands above x in a packed point.
    uint256 private constant PARITY_BIT = 255;

    /// @notice Refuses what is not a point of G1 other than infinity.
    function requirePoint(uint256 x, uint256 y) internal pure {
        uint256 p = BASE_MODULUS;
        if (x >= p || y >= p || mulmod(y, y, p) != _cubic(x, p)) revert NotOnCurve(x, y);
    }

    /// @notice a + b.
    function add(uint256[2] memory a, uint256[2] memory b) internal view returns (uint256[2] memory sum) {
        bool done;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mcopy(m, a, 0x40)
            mcopy(add(m, 0x40), b, 0x40)
            done := staticcall(gas(), 6, m, 0x80, sum, 0x40)
        }
        if (!done) revert PrecompileFailed(6);
    }

    /// @notice scalar · a.
    function mul(uint256[2] memory a, uint256 scalar) internal view returns (uint256[2] memory product) {
        bool done;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mcopy(m, a, 0x40)
            mstore(add(m, 0x40), scalar)
            done := staticcall(gas(), 7, m, 0x60, product, 0x40)
        }
        if (!done) revert PrecompileFailed(7);
    }

    /// @notice first += m·a and second += n·a, in place.
    function addMultiples(uint256[2] memory first, uint256 m, uint256[2] memory second, uint256 n, uint256[2] calldata a)
        internal
        view
    {
        bool multiplied;
        bool added;
        assembly ("memory-safe") {
            // a, its multiple, and the sum to add it to, side by side
            let at := mload(0x40)
            calldatacopy(at, a, 0x40)
            mstore(add(at, 0x40), m)
            multiplied := staticcall(gas(), 7, at, 0x60, add(at, 0x60), 0x40)
            mcopy(add(at, 0xa0), first, 0x40)
            added := staticcall(gas(), 6, add(at, 0x60), 0x80, first, 0x40)
            mstore(add(at, 0x40), n)
            multiplied := and(multiplied, staticcall(gas(), 7, at, 0x60, add(at, 0x60), 0x40))
            mcopy(add(at, 0xa0), second, 0x40)
            added := and(added, staticcall(gas(), 6, add(at, 0x60), 0x80, second, 0x40))
        }
        if (!multiplied) revert PrecompileFailed(7);
        if (!added) revert PrecompileFailed(6);
    }

    /// @notice −a.
    function negated(uint256[2] memory a) internal pure returns (uint256[2] memory) {
        return [a[0], a[1] == 0 ? 0 : BASE_MODULUS - a[1]];
    }

    /// @notice Is this point of G2 the generator or its negative?
    function isUnit(uint256[4] memory point) internal pure returns (bool) {
        return point[0] == G2_X1 && point[1] == G2_X0;
    }

    /// @notice Does e(a, G₂) = e(b, [τ]₂) hold?
    /// @param tau [τ]₂ as precompile 8 reads it.
    function paired(uint256[2] memory a, uint256[2] memory b, uint256[4] memory tau)
        internal
        view
        returns (bool holds)
    {
        bool done;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mcopy(m, a, 0x40)
            mstore(add(m, 0x40), G2_X1)
            mstore(add(m, 0x60), G2_X0)
            mstore(add(m, 0x80), G2_Y1)
            mstore(add(m, 0xa0), G2_Y0)
            // −b; of infinity, y = 0 stays
            mstore(add(m, 0xc0), mload(b))
            let p := BASE_MODULUS
            mstore(add(m, 0xe0), mod(sub(p, mload(add(b, 0x20))), p))
            mcopy(add(m, 0x100), tau, 0x80)
            done := staticcall(gas(), 8, m, 0x180, m, 0x20)
            holds := eq(mload(m), 1)
        }
        if (!done) revert PrecompileFailed(8);
    }

    /// @notice Does the polynomial under `commitment` have the value y at z? e(C − y·G₁ + z·π, G₂) = e(π, [τ]₂).
    function opens(uint256[2] memory commitment, uint256 y, uint256 z, uint256[2] memory pi, uint256[4] memory tau)
        internal
        view
        returns (bool)
    {
        return paired(add(less(commitment, y), mul(pi, z)), pi, tau);
    }

    /// @notice C − y·G₁.
    function less(uint256[2] memory commitment, uint256 y) internal view returns (uint256[2] memory) {
        uint256 minus = y == 0 ? 0 : SCALAR_MODULUS - y;
        return add(commitment, mul([G1_X, G1_Y], minus));
    }

    /// @notice A point in one word: x, and the parity of y on top. Infinity is 0.
    /// @dev p is odd, so y and p − y differ in parity. No point has x = 0, because 3 is not a square mod p.
    function packed(uint256[2] memory a) internal pure returns (uint256) {
        return a[0] | (a[1] << PARITY_BIT);
    }

    /// @notice The point that was packed. A square root (1,600 gas) instead of a second word in storage (5,000).
    function unpacked(uint256 word) internal view returns (uint256[2] memory a) {
        if (word == 0) return a;
        uint256 x = (word << 1) >> 1;
        // p = 3 mod 4: a square's root is its power (p + 1)/4
        uint256 p = BASE_MODULUS;
        uint256 y = power(_cubic(x, p), (BASE_MODULUS + 1) / 4, p);
        return [x, y & 1 == word >> PARITY_BIT ? y : p - y];
    }

    /// @notice base^exponent mod modulus.
    function power(uint256 base, uint256 exponent, uint256 modulus) internal view returns (uint256 result) {
        bool done;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, 0x20)
            mstore(add(m, 0x20), 0x20)
            mstore(add(m, 0x40), 0x20)
            mstore(add(m, 0x60), base)
            mstore(add(m, 0x80), exponent)
            mstore(add(m, 0xa0), modulus)
            done := staticcall(gas(), 5, m, 0xc0, m, 0x20)
            result := mload(m)
        }
        if (!done) revert PrecompileFailed(5);
    }

    /// @dev x³ + 3, which is y² on the curve.
    function _cubic(uint256 x, uint256 p) private pure returns (uint256) {
        return addmod(mulmod(mulmod(x, x, p), x, p), 3, p);
    }
}
