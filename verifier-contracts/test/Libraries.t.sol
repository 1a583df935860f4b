// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Kzg} from "../src/Kzg.sol";
import {PayoutDomain} from "../src/PayoutDomain.sol";
import {BASE_MODULUS, SCALAR_MODULUS as R} from "../src/StatementWords.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

/// @notice Kzg and PayoutDomain, called from outside.
contract Libraries {
    function add(uint256[2] memory a, uint256[2] memory b) external view returns (uint256[2] memory) {
        return Kzg.add(a, b);
    }

    function mul(uint256[2] memory a, uint256 scalar) external view returns (uint256[2] memory) {
        return Kzg.mul(a, scalar);
    }

    function paired(uint256[2] memory a, uint256[2] memory b, uint256[4] memory tau) external view returns (bool) {
        return Kzg.paired(a, b, tau);
    }

    function requirePoint(uint256 x, uint256 y) external pure {
        Kzg.requirePoint(x, y);
    }

    function evaluate(bytes calldata amounts, uint256 sigma, uint256 zeta, uint256 rho)
        external
        view
        returns (uint256, uint256)
    {
        return PayoutDomain.evaluate(amounts, sigma, PayoutDomain.root(sigma), zeta, rho);
    }
}

contract LibrariesTest {
    Libraries private lib = new Libraries();

    function same(uint256[2] memory a, uint256[2] memory b) private pure {
        vm.assertEq(a[0], b[0]);
        vm.assertEq(a[1], b[1]);
    }

    function test_precompiles_refuse_what_is_no_point() public {
        uint256[2] memory off = [uint256(1), 3];
        uint256[2] memory g = [uint256(1), 2];
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 6));
        lib.add{gas: 100_000}(g, off);
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 7));
        lib.mul{gas: 100_000}(off, 5);
        uint256[4] memory tau = TestKzg.tau();
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 8));
        lib.paired{gas: 200_000}(off, g, tau);
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 8));
        lib.paired{gas: 200_000}(g, off, tau);
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 8));
        lib.paired{gas: 200_000}([BASE_MODULUS, 2], g, tau);
    }

    function test_coordinates_are_below_p() public {
        uint256[2][4] memory bad =
            [[uint256(0), 0], [uint256(1), 3], [1 + BASE_MODULUS, 2], [uint256(1), 2 + BASE_MODULUS]];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, bad[i][0], bad[i][1]));
            lib.requirePoint(bad[i][0], bad[i][1]);
        }
        lib.requirePoint(1, 2);
        lib.requirePoint(1, BASE_MODULUS - 2);
    }

    function test_infinity() public view {
        uint256[2] memory zero;
        vm.assertEq(Kzg.packed(zero), 0);
        same(Kzg.unpacked(0), zero);
        same(Kzg.negated(zero), zero);
        vm.assertTrue(Kzg.paired(zero, zero, TestKzg.tau()));
    }

    /// @dev e(s·τ·G₁, G₂) = e(s·G₁, [τ]₂), and nothing else.
    function testFuzz_pairing(uint256 s, uint256 wrong) public view {
        s = s % (R - 1) + 1;
        wrong = wrong % (R - 1) + 1;
        uint256[2] memory right = TestKzg.point(s);
        vm.assertTrue(Kzg.paired(TestKzg.point(mulmod(s, TestKzg.TAU, R)), right, TestKzg.tau()));
        uint256[2] memory other = TestKzg.point(addmod(mulmod(s, TestKzg.TAU, R), wrong, R));
        vm.assertTrue(!Kzg.paired(other, right, TestKzg.tau()));
    }

    function testFuzz_packing(uint256 s) public view {
        uint256[2] memory a = TestKzg.point(s);
        same(Kzg.unpacked(Kzg.packed(a)), a);
        uint256[2] memory minus = Kzg.negated(a);
        same(Kzg.unpacked(Kzg.packed(minus)), minus);
        same(Kzg.add(a, minus), [uint256(0), 0]);
    }

    function testFuzz_openings(uint256 f, uint256 y, uint256 z, uint256 wrong) public view {
        (f, y, z) = (f % R, y % R, z % R);
        wrong = wrong % (R - 1) + 1;
        // at τ itself there is no quotient
        vm.assume(z != TestKzg.TAU);
        uint256[2] memory c = TestKzg.point(f);
        uint256[2] memory pi = TestKzg.opening(f, y, z);
        vm.assertTrue(Kzg.opens(c, y, z, pi, TestKzg.tau()));
        vm.assertTrue(!Kzg.opens(c, addmod(y, wrong, R), z, pi, TestKzg.tau()));
    }

    function test_roots_have_their_order() public view {
        for (uint256 sigma = 4; sigma <= 28; ++sigma) {
            uint256 omega = PayoutDomain.root(sigma);
            vm.assertEq(TestKzg.power(omega, 1 << sigma), 1);
            vm.assertEq(TestKzg.power(omega, 1 << (sigma - 1)), R - 1);
        }
    }

    /// @dev Against Lagrange's formula term by term, for gaps of every length.
    function testFuzz_evaluation(uint256 seed, uint256 zeta, uint256 rho, uint8 sigma) public view {
        sigma = 4 + sigma % 25;
        (zeta, rho) = (zeta % R, rho % R);
        Pay[] memory all = new Pay[](8);
        uint256 slot = 0;
        uint256 count = 0;
        for (uint256 i = 0; i < 8; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            slot += (seed >> 8) % (1 << ((seed % 26) + 1)) + (i == 0 ? 0 : 1);
            if (slot >> sigma != 0) break;
            all[count++] = Pay(uint32(slot), uint128(seed >> 128));
        }
        Pay[] memory pays = new Pay[](count);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            pays[i] = all[i];
            sum += all[i].amount;
        }
        (uint256 y, uint256 total) = lib.evaluate(TestKzg.encoded(pays), sigma, zeta, rho);
        vm.assertEq(y, TestKzg.evaluate(pays, rho, zeta, sigma));
        vm.assertEq(total, sum);
    }

    /// @dev At a point of the domain the formula has no value. A hash does not fall there.
    function test_evaluation_in_the_domain_is_zero() public view {
        Pay[] memory pays = new Pay[](1);
        pays[0] = Pay(3, 9);
        (uint256 y,) = lib.evaluate(TestKzg.encoded(pays), 8, TestKzg.power(TestKzg.omega(8), 3), 5);
        vm.assertEq(y, 0);
    }
}
