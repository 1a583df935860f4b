// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Accumulators} from "../src/Accumulators.sol";
import {Kzg} from "../src/Kzg.sol";
import {PayoutDomain} from "../src/PayoutDomain.sol";
import {Pausing} from "../src/Pausing.sol";
import {Settlement} from "../src/Settlement.sol";
import {SlotClaim} from "../src/SettlementTypes.sol";
import {BASE_MODULUS, SCALAR_MODULUS as R} from "../src/StatementWords.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

contract ClaimTest is Fixture {
    uint256 private constant RHO = 77;

    /// @dev f(τ) of the node's accumulator.
    uint256 private f;

    uint256[2] private value;

    function setUp() public override {
        super.setUp();
        settleOne(1, 1000);
        nextEpoch();
    }

    function settleOne(uint64 nonce, uint128 unit) private {
        settlement.settle(makeBatch(NODE, nonce, somePays(unit), RHO));
        f = addmod(f, TestKzg.atTau(somePays(unit), RHO, SIGMA), R);
        value = TestKzg.point(f);
    }

    function take(uint32 epoch, uint32 slot, uint128 amount) private {
        settlement.claim(NODE, epoch, value, slot, amount, TestKzg.opening(f, amount, place(slot)));
    }

    function refused(uint32 slot, uint128 amount, bytes memory why) private {
        uint256[2] memory opening = TestKzg.opening(f, amount, place(slot));
        vm.expectRevert(why);
        settlement.claim(NODE, 0, value, slot, amount, opening);
    }

    function test_pays_the_payee_whoever_calls() public {
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Settlement.Claimed(NODE, 0, payeeFor(0), 0, 3000, 3000);
        vm.prank(ADMIN);
        take(0, 0, 3000);
        vm.assertEq(token.balanceOf(payeeFor(0)), 3000);
        vm.assertEq(settlement.claimedOf(NODE, 0), 3000);
        (, uint112 claimed,) = settlement.totals(NODE);
        vm.assertEq(claimed, 3000);
    }

    function test_neighbours_are_apart() public {
        take(0, 1, 2000);
        vm.assertEq(settlement.claimedOf(NODE, 0), 0);
        take(0, 0, 3000);
        vm.assertEq(settlement.claimedOf(NODE, 0), 3000);
        vm.assertEq(settlement.claimedOf(NODE, 1), 2000);
        take(0, 255, 1000);
        vm.assertEq(token.balanceOf(NODE), 1000);
    }

    function test_pays_the_difference_later() public {
        take(0, 0, 3000);
        settleOne(2, 500);
        nextEpoch();
        take(1, 0, 4500);
        vm.assertEq(token.balanceOf(payeeFor(0)), 4500);
    }

    function test_pays_who_has_the_slot_now() public {
        vm.prank(payeeFor(0));
        registry.proposePayee(0, ADMIN);
        vm.prank(ADMIN);
        registry.acceptPayee(0);
        take(0, 0, 3000);
        vm.assertEq(token.balanceOf(ADMIN), 3000);
    }

    function test_pays_once() public {
        take(0, 0, 3000);
        refused(0, 3000, abi.encodeWithSelector(Settlement.NothingToClaim.selector, 0, 3000, 3000));
        refused(0, 2999, abi.encodeWithSelector(Settlement.NothingToClaim.selector, 0, 2999, 3000));
        refused(2, 0, abi.encodeWithSelector(Settlement.NothingToClaim.selector, 2, 0, 0));
    }

    function test_needs_a_right_opening() public {
        bytes memory rejected = abi.encodeWithSelector(Settlement.OpeningRejected.selector);
        uint256[2] memory opening = TestKzg.opening(f, 3000, place(0));
        vm.expectRevert(rejected);
        settlement.claim(NODE, 0, value, 0, 3001, opening);
        vm.expectRevert(rejected);
        settlement.claim(NODE, 0, value, 1, 3000, opening);
        uint256[2] memory other = TestKzg.point(4);
        vm.expectRevert(rejected);
        settlement.claim(NODE, 0, value, 0, 3000, other);
        vm.expectRevert(abi.encodeWithSelector(Settlement.OpeningIsInfinity.selector));
        settlement.claim(NODE, 0, value, 0, 3000, [uint256(0), 0]);
        vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, 1, 3));
        settlement.claim(NODE, 0, value, 0, 3000, [uint256(1), 3]);
        vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, 1 + BASE_MODULUS, 2));
        settlement.claim(NODE, 0, value, 0, 3000, [1 + BASE_MODULUS, 2]);
        vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, 1, 2 + BASE_MODULUS));
        settlement.claim(NODE, 0, value, 0, 3000, [uint256(1), 2 + BASE_MODULUS]);
    }

    function test_needs_the_accumulators_value() public {
        uint256[2] memory opening = TestKzg.opening(f, 3000, place(0));
        bytes memory wrong = abi.encodeWithSelector(Accumulators.WrongValue.selector, NODE, 0);
        uint256[2] memory other = TestKzg.point(9);
        vm.expectRevert(wrong);
        settlement.claim(NODE, 0, other, 0, 3000, opening);
        // the same x, the other y
        vm.expectRevert(wrong);
        settlement.claim(NODE, 0, [value[0], BASE_MODULUS - value[1]], 0, 3000, opening);
        vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, value[0], value[1] + 1));
        settlement.claim(NODE, 0, [value[0], value[1] + 1], 0, 3000, opening);
        vm.expectRevert(abi.encodeWithSelector(Kzg.NotOnCurve.selector, value[0] | (1 << 255), value[1]));
        settlement.claim(NODE, 0, [value[0] | (1 << 255), value[1]], 0, 3000, opening);
        vm.expectRevert(abi.encodeWithSelector(Accumulators.NoValue.selector, OTHER_NODE, 0));
        settlement.claim(OTHER_NODE, 0, value, 0, 3000, opening);
    }

    function test_needs_a_closed_epoch() public {
        uint256[2] memory opening = TestKzg.opening(f, 3000, place(0));
        vm.expectRevert(abi.encodeWithSelector(Accumulators.EpochOpen.selector, 1, 1));
        settlement.claim(NODE, 1, value, 0, 3000, opening);
        vm.expectRevert(abi.encodeWithSelector(Accumulators.EpochOpen.selector, 7, 1));
        settlement.claim(NODE, 7, value, 0, 3000, opening);
    }

    /// @dev Changes in epochs 0, 3 and 5: their values stay, under the epochs in which they came about.
    function test_closed_epochs_keep_their_values() public {
        uint256[2] memory v0 = value;
        uint256 f0 = f;
        nextEpoch();
        nextEpoch();
        settleOne(2, 10);
        settleOne(3, 10);
        uint256[2] memory v3 = value;
        uint256 f3 = f;
        nextEpoch();
        nextEpoch();
        settleOne(4, 10);
        settlement.claim(NODE, 0, v0, 0, 3000, TestKzg.opening(f0, 3000, place(0)));
        uint256[2] memory opening = TestKzg.opening(f0, 2000, place(1));
        // epoch 1 ended with v0 too, but that is found under 0
        vm.expectRevert(abi.encodeWithSelector(Accumulators.NoValue.selector, NODE, 1));
        settlement.claim(NODE, 1, v0, 1, 2000, opening);
        vm.expectRevert(abi.encodeWithSelector(Accumulators.WrongValue.selector, NODE, 3));
        settlement.claim(NODE, 3, v0, 1, 2000, opening);
        settlement.claim(NODE, 3, v3, 0, 3060, TestKzg.opening(f3, 3060, place(0)));
        nextEpoch();
        nextEpoch();
        // the latest value serves every closed epoch from its own on
        take(6, 0, 3090);
        vm.assertEq(token.balanceOf(payeeFor(0)), 3090);
    }

    function test_slots_are_in_the_domain_and_somebodys() public {
        refused(256, 5, abi.encodeWithSelector(PayoutDomain.SlotOutOfRange.selector, 256, 256));
        refused(100, 5, abi.encodeWithSelector(Settlement.NoPayee.selector, 100));
    }

    /// @dev Who knows τ opens anything. Still nobody takes more than was settled.
    function test_nobody_takes_more_than_was_settled() public {
        uint128 all = TestKzg.total(somePays(1000));
        refused(0, all + 1, abi.encodeWithSelector(Accumulators.ClaimedExceedsSettled.selector, all + 1, all));
        take(0, 0, all);
        refused(1, 1, abi.encodeWithSelector(Accumulators.ClaimedExceedsSettled.selector, all + 1, all));
    }

    function test_pausing() public {
        vm.prank(GUARDIAN);
        settlement.setClaimingPaused(true);
        refused(0, 3000, abi.encodeWithSelector(Pausing.ClaimingIsPaused.selector));
        SlotClaim[] memory claims = three();
        vm.expectRevert(abi.encodeWithSelector(Pausing.ClaimingIsPaused.selector));
        settlement.claimMany(NODE, 0, value, claims);
        // settling goes on
        settleOne(9, 1);
    }

    function three() private view returns (SlotClaim[] memory claims) {
        claims = new SlotClaim[](3);
        claims[0] = slotClaim(f, 0, 3000);
        claims[1] = slotClaim(f, 1, 2000);
        claims[2] = slotClaim(f, 255, 1000);
    }

    function manyRefused(SlotClaim[] memory claims, bytes memory why) private {
        vm.expectRevert(why);
        settlement.claimMany(NODE, 0, value, claims);
    }

    function test_many_are_paid_at_once() public {
        vm.prank(payeeFor(0));
        registry.proposePayee(0, payeeFor(1));
        vm.prank(payeeFor(1));
        registry.acceptPayee(0);
        SlotClaim[] memory claims = three();
        settlement.claimMany(NODE, 0, value, claims);
        vm.assertEq(token.balanceOf(payeeFor(1)), 5000);
        vm.assertEq(token.balanceOf(NODE), 1000);
        vm.assertEq(settlement.claimedOf(NODE, 0), 3000);
        vm.assertEq(settlement.claimedOf(NODE, 1), 2000);
        manyRefused(claims, abi.encodeWithSelector(Settlement.NoClaims.selector));
    }

    function test_a_slot_that_was_claimed_first_spoils_no_list() public {
        SlotClaim[] memory claims = three();
        settlement.claim(NODE, 0, value, claims[1].slot, claims[1].cumulative, claims[1].opening);
        uint256 before = token.balanceOf(payeeFor(1));
        // what is passed over is opened all the same
        claims[1].cumulative -= 1;
        manyRefused(claims, abi.encodeWithSelector(Settlement.OpeningRejected.selector));
        claims[1].cumulative += 1;
        settlement.claimMany(NODE, 0, value, claims);
        vm.assertEq(token.balanceOf(payeeFor(0)), 3000);
        vm.assertEq(token.balanceOf(payeeFor(1)), before);
        vm.assertEq(token.balanceOf(NODE), 1000);
        (, uint112 claimed,) = settlement.totals(NODE);
        vm.assertEq(claimed, 6000);
    }

    function test_many_need_all_openings() public {
        for (uint256 i = 0; i < 3; ++i) {
            SlotClaim[] memory claims = three();
            claims[i].cumulative -= 1;
            manyRefused(claims, abi.encodeWithSelector(Settlement.OpeningRejected.selector));
            claims = three();
            claims[i].opening = TestKzg.point(99);
            manyRefused(claims, abi.encodeWithSelector(Settlement.OpeningRejected.selector));
        }
        // errors that cancel without weights
        SlotClaim[] memory both = three();
        both[0].cumulative += 1;
        both[1].cumulative -= 1;
        manyRefused(both, abi.encodeWithSelector(Settlement.OpeningRejected.selector));
    }

    function test_many_have_one_form() public {
        manyRefused(new SlotClaim[](0), abi.encodeWithSelector(Settlement.NoClaims.selector));
        SlotClaim[] memory claims = three();
        claims[1].slot = 0;
        manyRefused(claims, abi.encodeWithSelector(PayoutDomain.SlotNotIncreasing.selector, 0, 1));
        claims = three();
        (claims[0], claims[1]) = (claims[1], claims[0]);
        manyRefused(claims, abi.encodeWithSelector(PayoutDomain.SlotNotIncreasing.selector, 0, 2));
        claims = three();
        claims[2].slot = 256;
        manyRefused(claims, abi.encodeWithSelector(PayoutDomain.SlotOutOfRange.selector, 256, 256));
        claims = three();
        claims[2].slot = 100;
        manyRefused(claims, abi.encodeWithSelector(Settlement.NoPayee.selector, 100));
        claims = three();
        claims[1].opening = [uint256(0), 0];
        manyRefused(claims, abi.encodeWithSelector(Settlement.OpeningIsInfinity.selector));
        claims = three();
        claims[1].opening = [uint256(1), 3];
        manyRefused(claims, abi.encodeWithSelector(Kzg.NotOnCurve.selector, 1, 3));
    }

    function test_many_need_value_and_epoch_and_cover() public {
        SlotClaim[] memory claims = three();
        vm.expectRevert(abi.encodeWithSelector(Accumulators.EpochOpen.selector, 1, 1));
        settlement.claimMany(NODE, 1, value, claims);
        uint256[2] memory other = TestKzg.point(9);
        vm.expectRevert(abi.encodeWithSelector(Accumulators.WrongValue.selector, NODE, 0));
        settlement.claimMany(NODE, 0, other, claims);
        claims[0] = slotClaim(f, 0, 5000);
        manyRefused(claims, abi.encodeWithSelector(Accumulators.ClaimedExceedsSettled.selector, 8000, 7007));
    }

    /// @dev A cumulative amount of 129 bits does not even decode.
    function test_amounts_have_128_bits() public {
        bytes memory call = abi.encodeWithSelector(
            Settlement.claim.selector, NODE, 0, value, 0, uint256(1) << 128, TestKzg.opening(f, 3000, place(0))
        );
        (bool done,) = address(settlement).call(call);
        vm.assertTrue(!done);
    }

    /// @dev Both ways to claim pay the same for the same.
    function testFuzz_many_pay_what_single_ones_do(uint256 seed) public {
        Pay[] memory pays = new Pay[](4);
        uint32[4] memory slots = [uint32(0), 2, 19, 254];
        for (uint256 i = 0; i < 4; ++i) {
            pays[i] = Pay(slots[i], uint128(uint40(seed >> (40 * i))) + 1);
        }
        settlement.settle(makeBatch(OTHER_NODE, 1, pays, seed % 1000));
        uint256 g = TestKzg.atTau(pays, seed % 1000, SIGMA);
        uint256[2] memory v = TestKzg.point(g);
        nextEpoch();
        uint256 single = (seed >> 250) % 4;
        SlotClaim memory c = slotClaim(g, slots[single], pays[single].amount);
        settlement.claim(OTHER_NODE, 1, v, c.slot, c.cumulative, c.opening);
        SlotClaim[] memory claims = new SlotClaim[](3);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 j = i < single ? i : i + 1;
            claims[i] = slotClaim(g, slots[j], pays[j].amount);
        }
        settlement.claimMany(OTHER_NODE, 1, v, claims);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(token.balanceOf(registry.payeeOf(slots[i])), pays[i].amount);
        }
        (uint112 settled, uint112 claimed,) = settlement.totals(OTHER_NODE);
        vm.assertEq(claimed, settled);
    }
}
