// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Kzg} from "../src/Kzg.sol";
import {SCALAR_MODULUS as R} from "../src/StatementWords.sol";

/// @notice What a slot is paid.
struct Pay {
    uint32 slot;
    uint128 amount;
}

/// @notice Commitments and openings under a τ that everybody knows, written apart from the contracts' own formulas.
library TestKzg {
    uint256 internal constant TAU = 0x7461;

    /// @notice [τ]₂, by py_ecc: `multiply(G2, 0x7461)`, of x and y the imaginary part first.
    function tau() internal pure returns (uint256[4] memory) {
        return [
            uint256(0x3f4c6f3ca4136c1886de2d8d4fa96e3c27bd4332df07093e9675c70ae85658),
            0xd2aff5c7cf6c50ac9195c65e0fb3682f6d390ba492282ade208804c418b0f57,
            0x1be6508985852e88d2ee9859d84225bf107c6645e008473f19012fcd2dd48229,
            0x8ed41b3f25969a047850476aaf91a3f972255de5bd3d8bae46769e92cb7a2e8
        ];
    }

    /// @notice The generator of G2 (EIP-197), or its negative: the reference strings of τ = 1 and τ = −1.
    function unit(bool negative) internal pure returns (uint256[4] memory g) {
        uint256 p = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
        g = [
            uint256(0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2),
            0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
            0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b,
            0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa
        ];
        if (negative) (g[2], g[3]) = (p - g[2], p - g[3]);
    }

    function power(uint256 x, uint256 n) internal view returns (uint256) {
        return Kzg.power(x, n, R);
    }

    function inverse(uint256 x) internal view returns (uint256) {
        return power(x, R - 2);
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return addmod(a, R - (b % R), R);
    }

    function omega(uint256 sigma) internal view returns (uint256) {
        return power(5, (R - 1) / (1 << sigma));
    }

    /// @notice Σ P_s·L_s(x) + rho·(x^N − 1), with L_s(x) = (x^N − 1)·ω^s/(N·(x − ω^s)).
    function evaluate(Pay[] memory pays, uint256 rho, uint256 x, uint256 sigma) internal view returns (uint256 sum) {
        uint256 vanishing = sub(power(x, 1 << sigma), 1);
        sum = mulmod(rho, vanishing, R);
        for (uint256 i = 0; i < pays.length; ++i) {
            uint256 place = power(omega(sigma), pays[i].slot);
            uint256 weight = mulmod(mulmod(vanishing, place, R), inverse(mulmod(1 << sigma, sub(x, place), R)), R);
            sum = addmod(sum, mulmod(pays[i].amount, weight, R), R);
        }
    }

    /// @notice f(τ).
    function atTau(Pay[] memory pays, uint256 rho, uint256 sigma) internal view returns (uint256) {
        return evaluate(pays, rho, TAU, sigma);
    }

    /// @notice [f(τ)]₁.
    function point(uint256 f) internal view returns (uint256[2] memory) {
        return Kzg.mul([uint256(1), 2], f % R);
    }

    /// @notice The opening that shows f(z) = y. With τ at hand there is one for a wrong y too.
    function opening(uint256 f, uint256 y, uint256 z) internal view returns (uint256[2] memory) {
        return point(mulmod(sub(f, y), inverse(sub(TAU, z)), R));
    }

    /// @notice Amounts as they are published.
    function encoded(Pay[] memory pays) internal pure returns (bytes memory out) {
        for (uint256 i = 0; i < pays.length; ++i) {
            out = abi.encodePacked(out, pays[i].slot, pays[i].amount);
        }
    }

    function total(Pay[] memory pays) internal pure returns (uint128 sum) {
        for (uint256 i = 0; i < pays.length; ++i) {
            sum += pays[i].amount;
        }
    }
}
