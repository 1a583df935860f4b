// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Accumulators} from "../src/Accumulators.sol";
import {Kzg} from "../src/Kzg.sol";
import {PayoutDomain} from "../src/PayoutDomain.sol";
import {Pausing} from "../src/Pausing.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Data, PromotedBatch} from "../src/SettlementTypes.sol";
import {SCALAR_MODULUS as R} from "../src/StatementWords.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

contract DataTest is Fixture {
    uint256 private constant RHO = 77;

    function settled() private returns (Batch memory b, Data memory data) {
        b = makeBatch(NODE, 1, somePays(1000), RHO);
        data = makeData(NODE, 1, somePays(1000), RHO);
    }

    function refused(Data memory data, bytes memory why) private {
        (Batch memory b,) = settled();
        vm.expectRevert(why);
        settlement.settleWithData(b, data);
    }

    function same(uint256[2] memory a, uint256[2] memory b) private pure {
        vm.assertEq(keccak256(abi.encode(a)), keccak256(abi.encode(b)));
    }

    function test_published_payouts_go_to_the_global_accumulator() public {
        (Batch memory b, Data memory data) = settled();
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Settlement.DataPublished(NODE, 1, data.amounts, RHO, data.opening);
        settlement.settleWithData(b, data);
        same(settlement.valueOf(GLOBAL), b.statement.payouts);
        same(settlement.valueOf(NODE), [uint256(0), 0]);
        (uint112 sum,,) = settlement.totals(GLOBAL);
        vm.assertEq(sum, b.statement.slots[0].fees);
    }

    function test_every_part_of_the_data_is_bound() public {
        (, Data memory data) = settled();
        bytes memory rejected = abi.encodeWithSelector(Settlement.OpeningRejected.selector);
        // the same sum on other slots
        Pay[] memory pays = somePays(1000);
        (pays[0].amount, pays[1].amount) = (pays[1].amount, pays[0].amount);
        refused(Data(TestKzg.encoded(pays), RHO, data.opening), rejected);
        pays = somePays(1000);
        pays[2].slot = 3;
        refused(Data(TestKzg.encoded(pays), RHO, data.opening), rejected);
        refused(Data(data.amounts, RHO + 1, data.opening), rejected);
        refused(Data(data.amounts, RHO, TestKzg.point(5)), rejected);
        // of another batch
        refused(makeData(NODE, 2, somePays(1000), RHO), rejected);
    }

    function test_amounts_add_up_to_the_fees() public {
        Pay[] memory pays = somePays(1000);
        uint128 fees = TestKzg.total(pays);
        pays[0].amount += 1;
        Batch memory b = makeBatch(NODE, 1, pays, RHO);
        b.statement.slots[0].fees = fees;
        b.redemptions[0].amount = fees;
        // rightly opened, but not what the payers paid
        Data memory data = makeData(NODE, 1, pays, RHO);
        vm.expectRevert(abi.encodeWithSelector(Settlement.AmountsTotal.selector, fees + 1, fees));
        settlement.settleWithData(b, data);
    }

    function test_amounts_have_one_form() public {
        (, Data memory data) = settled();
        bytes memory whole = data.amounts;
        data.amounts = abi.encodePacked(whole, uint8(0));
        refused(data, abi.encodeWithSelector(PayoutDomain.AmountsLength.selector, 101));
        Pay[] memory pays = somePays(1000);
        pays[1].slot = 0;
        data.amounts = TestKzg.encoded(pays);
        refused(data, abi.encodeWithSelector(PayoutDomain.SlotNotIncreasing.selector, 0, 1));
        pays[1].slot = 5;
        data.amounts = TestKzg.encoded(pays);
        refused(data, abi.encodeWithSelector(PayoutDomain.SlotNotIncreasing.selector, 2, 6));
        pays = somePays(1000);
        pays[4].slot = 256;
        data.amounts = TestKzg.encoded(pays);
        refused(data, abi.encodeWithSelector(PayoutDomain.SlotOutOfRange.selector, 256, 256));
        pays[4].slot = type(uint32).max;
        data.amounts = TestKzg.encoded(pays);
        refused(data, abi.encodeWithSelector(PayoutDomain.SlotOutOfRange.selector, type(uint32).max, 256));
    }

    function test_numbers_have_one_form() public {
        (, Data memory data) = settled();
        data.rho += R;
        refused(data, abi.encodeWithSelector(Settlement.NotAScalar.selector, RHO + R));
        data.rho = RHO;
        data.opening = [uint256(0), 0];
        refused(data, abi.encodeWithSelector(Settlement.OpeningIsInfinity.selector));
        data.opening = [uint256(1), 3];
        refused(data, abi.encodeWithSelector(Kzg.NotOnCurve.selector, 1, 3));
    }

    function test_an_empty_batch_has_no_amounts() public {
        Pay[] memory pays = new Pay[](0);
        settlement.settleWithData(makeBatch(NODE, 1, pays, RHO), makeData(NODE, 1, pays, RHO));
        (uint112 sum,,) = settlement.totals(GLOBAL);
        vm.assertEq(sum, 0);
    }

    function test_promotion_moves_a_batch() public {
        (Batch memory b, Data memory data) = settled();
        Batch memory stays = makeBatch(NODE, 2, onePay(0, 9), 3);
        settlement.settle(b);
        settlement.settle(stays);
        PromotedBatch memory p = promoted(b);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Settlement.BatchPromoted(NODE, 1, 0, p.total, p.payouts);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Settlement.DataPublished(NODE, 1, data.amounts, RHO, data.opening);
        settlement.promote(p, data);
        same(settlement.valueOf(GLOBAL), b.statement.payouts);
        same(settlement.valueOf(NODE), stays.statement.payouts);
        (uint112 sum,,) = settlement.totals(GLOBAL);
        vm.assertEq(sum, p.total);
        (sum,,) = settlement.totals(NODE);
        vm.assertEq(sum, 9);
        vm.assertTrue(settlement.isSettled(NODE, 1));
    }

    function test_an_emptied_accumulator_is_infinity() public {
        (Batch memory b, Data memory data) = settled();
        settlement.settle(b);
        settlement.promote(promoted(b), data);
        same(settlement.valueOf(NODE), [uint256(0), 0]);
        nextEpoch();
        settlement.settle(makeBatch(NODE, 2, onePay(0, 9), 3));
        vm.assertEq(settlement.checkpoints(NODE, 0), 0);
    }

    function test_promotion_is_for_batches_as_they_were_settled() public {
        (Batch memory b, Data memory data) = settled();
        bytes memory no = abi.encodeWithSelector(Settlement.NotPromotable.selector, NODE, uint64(1));
        PromotedBatch memory p = promoted(b);
        vm.expectRevert(no);
        settlement.promote(p, data);
        settlement.settle(b);
        p.total += 1;
        vm.expectRevert(no);
        settlement.promote(p, data);
        p = promoted(b);
        p.payouts = TestKzg.point(8);
        vm.expectRevert(no);
        settlement.promote(p, data);
        p = promoted(b);
        p.node = OTHER_NODE;
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotPromotable.selector, OTHER_NODE, uint64(1)));
        settlement.promote(p, data);
        settlement.promote(promoted(b), data);
        // once
        vm.expectRevert(no);
        settlement.promote(promoted(b), data);
    }

    function test_promotion_is_for_the_epoch_of_the_batch() public {
        (Batch memory b, Data memory data) = settled();
        settlement.settle(b);
        nextEpoch();
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotPromotable.selector, NODE, uint64(1)));
        settlement.promote(promoted(b), data);
    }

    function test_published_batches_are_not_promoted() public {
        (Batch memory b, Data memory data) = settled();
        settlement.settleWithData(b, data);
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotPromotable.selector, NODE, uint64(1)));
        settlement.promote(promoted(b), data);
    }

    function test_a_record_makes_room_for_a_later_one() public {
        (Batch memory b, Data memory data) = settled();
        settlement.settle(b);
        settlement.settle(makeBatch(NODE, 1 + 64, onePay(0, 9), 3));
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotPromotable.selector, NODE, uint64(1)));
        settlement.promote(promoted(b), data);
    }

    function test_promotion_needs_the_data() public {
        (Batch memory b, Data memory data) = settled();
        settlement.settle(b);
        data.rho += 1;
        vm.expectRevert(abi.encodeWithSelector(Settlement.OpeningRejected.selector));
        settlement.promote(promoted(b), data);
    }

    /// @dev Somebody who knows τ has claimed more than the node earned. What is left has to cover it.
    function test_promotion_leaves_what_was_claimed() public {
        settlement.settle(makeBatch(NODE, 5, onePay(0, 100), 3));
        uint256 f = TestKzg.atTau(onePay(0, 100), 3, SIGMA);
        nextEpoch();
        (Batch memory b, Data memory data) = settled();
        settlement.settle(b);
        settlement.claim(NODE, 0, TestKzg.point(f), 0, 500, TestKzg.opening(f, 500, place(0)));
        vm.expectRevert(abi.encodeWithSelector(Accumulators.ClaimedExceedsSettled.selector, 500, 100));
        settlement.promote(promoted(b), data);
    }

    function test_pausing() public {
        (Batch memory b, Data memory data) = settled();
        Batch memory other = makeBatch(NODE, 2, somePays(1), RHO);
        settlement.settle(other);
        vm.prank(GUARDIAN);
        settlement.setSettlingPaused(true);
        vm.expectRevert(abi.encodeWithSelector(Pausing.SettlingIsPaused.selector));
        settlement.settleWithData(b, data);
        vm.expectRevert(abi.encodeWithSelector(Pausing.SettlingIsPaused.selector));
        settlement.promote(promoted(other), data);
    }

    /// @dev Any vector opens; the same vector with one amount moved does not.
    function testFuzz_data(uint256 seed, uint8 count) public {
        Pay[] memory pays = new Pay[](uint256(count) % 20 + 2);
        uint32 slot = 0;
        for (uint256 i = 0; i < pays.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            slot += uint32(seed % 12) + (i == 0 ? 0 : 1);
            pays[i] = Pay(slot, uint64(seed >> 16));
        }
        Batch memory b = makeBatch(NODE, uint64(seed), pays, seed % R);
        Data memory data = makeData(NODE, uint64(seed), pays, seed % R);
        uint256 from = (seed >> 128) % (pays.length - 1);
        if (pays[from].amount != pays[from + 1].amount) {
            (pays[from].amount, pays[from + 1].amount) = (pays[from + 1].amount, pays[from].amount);
            Data memory wrong = makeData(NODE, uint64(seed), pays, seed % R);
            vm.expectRevert(abi.encodeWithSelector(Settlement.OpeningRejected.selector));
            settlement.settleWithData(b, wrong);
        }
        settlement.settleWithData(b, data);
    }
}
