// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Accumulators} from "../src/Accumulators.sol";
import {AttributionRegistry} from "../src/AttributionRegistry.sol";
import {BatchVerifier} from "../src/BatchVerifier.sol";
import {FeeEscrow} from "../src/FeeEscrow.sol";
import {Kzg} from "../src/Kzg.sol";
import {Pausing} from "../src/Pausing.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Redemption} from "../src/SettlementTypes.sol";
import {SlotStatement, StatementWords} from "../src/StatementWords.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

contract SettleTest is Fixture {
    function batch() private returns (Batch memory) {
        return makeBatch(NODE, 1, somePays(1000), 77);
    }

    function refused(Batch memory b, bytes memory why) private {
        vm.expectRevert(why);
        settlement.settle(b);
    }

    function test_settles_into_the_nodes_accumulator() public {
        Batch memory b = batch();
        uint128 fees = b.statement.slots[0].fees;
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = CROPS;
        uint128[] memory paid = new uint128[](1);
        paid[0] = fees;
        vm.expectEmit(true, true, true, true, address(settlement));
        emit FeeEscrow.Redeemed(payer, NODE, CROPS, fees, fees);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Settlement.BatchSettled(
            NODE,
            1,
            NODE,
            0,
            SHAPE,
            attester,
            b.statement.receipts,
            [uint256(11), 12, 13],
            b.statement.payouts,
            ids,
            paid
        );
        settlement.settle(b);
        vm.assertEq(keccak256(abi.encode(settlement.valueOf(NODE))), keccak256(abi.encode(b.statement.payouts)));
        (uint112 settled, uint112 claimed, uint32 epoch) = settlement.totals(NODE);
        vm.assertEq(settled, fees);
        vm.assertEq(claimed, 0);
        vm.assertEq(epoch, 0);
        vm.assertTrue(settlement.isSettled(NODE, 1));
        vm.assertEq(settlement.redeemed(payer, NODE, CROPS), fees);
        vm.assertEq(settlement.deposits(payer), FUNDS - fees);
    }

    function test_settles_once() public {
        Batch memory b = batch();
        settlement.settle(b);
        refused(b, abi.encodeWithSelector(Settlement.BatchAlreadySettled.selector, NODE, uint64(1)));
        // other bytes for the proof do not make it another batch
        b.proof.proof = "other";
        b.proof.digest = 5;
        refused(b, abi.encodeWithSelector(Settlement.BatchAlreadySettled.selector, NODE, uint64(1)));
    }

    function test_nonces_are_apart() public {
        uint64[4] memory nonces = [uint64(255), 256, 0, type(uint64).max];
        for (uint256 i = 0; i < nonces.length; ++i) {
            vm.assertEq(settlement.isSettled(NODE, nonces[i]), false);
            settlement.settle(makeBatch(NODE, nonces[i], onePay(0, 5), i));
            vm.assertEq(settlement.isSettled(NODE, nonces[i]), true);
        }
        vm.assertEq(settlement.isSettled(OTHER_NODE, 255), false);
    }

    function test_needs_a_proof() public {
        Batch memory b = batch();
        verifier.setAccepts(false);
        refused(b, abi.encodeWithSelector(BatchVerifier.ProofRejected.selector));
        verifier.setAccepts(true);
        b.statement.payouts[1] += 1;
        refused(b, abi.encodeWithSelector(StatementWords.PayoutsNotOnCurve.selector));
    }

    function test_needs_what_the_registry_knows() public {
        Batch memory b = batch();
        b.shape = "other";
        refused(b, abi.encodeWithSelector(AttributionRegistry.UnknownShape.selector, bytes32("other")));
        b = batch();
        b.attester = ADMIN;
        refused(b, abi.encodeWithSelector(AttributionRegistry.UnknownAttester.selector, ADMIN));
        b = batch();
        b.statement.node = ADMIN;
        refused(b, abi.encodeWithSelector(AttributionRegistry.UnknownNode.selector, ADMIN));
        b = batch();
        b.statement.nodeSlot = 254;
        refused(b, abi.encodeWithSelector(AttributionRegistry.WrongNodeSlot.selector, 254, 255));
        for (uint256 i = 0; i < 3; ++i) {
            b = batch();
            if (i == 0) b.statement.slots[0].adapter += 1;
            if (i == 1) b.statement.slots[0].policy += 1;
            if (i == 2) b.statement.slots[0].base += 16;
            refused(b, abi.encodeWithSelector(AttributionRegistry.UnknownLine.selector, 0));
        }
    }

    function test_needs_the_attester_over_each_field() public {
        for (uint256 i = 0; i < 4; ++i) {
            Batch memory b = batch();
            if (i == 0) b.statement.inputs += 1;
            if (i == 1) b.statement.requests += 1;
            if (i == 2) b.statement.receipts = "other";
            if (i == 3) b.statement.nonce += 1;
            vm.expectRevert();
            settlement.settle(b);
        }
        Batch memory c = batch();
        bytes32 digest = settlement.attestationDigest(NODE, 1, 11, 12, c.statement.receipts);
        c.attestation = signedBy(PAYER_KEY, digest);
        refused(c, abi.encodeWithSelector(FeeEscrow.WrongSigner.selector, payer, attester));
    }

    function test_signatures_have_one_form() public {
        Batch memory b = batch();
        bytes memory whole = b.attestation;
        b.attestation = abi.encodePacked(whole, uint8(0));
        refused(b, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(ATTESTER_KEY, settlement.attestationDigest(NODE, 1, 11, 12, b.statement.receipts));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes32 high = bytes32(order - uint256(s));
        b.attestation = abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27));
        refused(b, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
        b.attestation = abi.encodePacked(r, s, v - 27);
        refused(b, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
    }

    function test_vouchers_are_the_payers() public {
        Batch memory b = batch();
        b.redemptions[0].payer = otherPayer;
        vm.expectRevert();
        settlement.settle(b);
        b = batch();
        sign(OTHER_PAYER_KEY, NODE, b.redemptions[0]);
        refused(b, abi.encodeWithSelector(FeeEscrow.WrongSigner.selector, otherPayer, payer));
        // a voucher to another node
        b = batch();
        sign(PAYER_KEY, OTHER_NODE, b.redemptions[0]);
        vm.expectRevert();
        settlement.settle(b);
    }

    function test_a_voucher_pays_what_was_signed() public {
        Batch memory b = batch();
        uint128 fees = b.statement.slots[0].fees;
        b.redemptions[0].cumulative = fees - 1;
        sign(PAYER_KEY, NODE, b.redemptions[0]);
        refused(b, abi.encodeWithSelector(FeeEscrow.VoucherExceeded.selector, fees, fees - 1));
    }

    function test_a_voucher_serves_several_batches_in_any_order() public {
        Batch memory first = batch();
        Batch memory second = makeBatch(NODE, 2, somePays(1), 5);
        // the later voucher covers both, so either batch may come first
        first.redemptions[0].cumulative = second.redemptions[0].cumulative;
        sign(PAYER_KEY, NODE, first.redemptions[0]);
        settlement.settle(second);
        settlement.settle(first);
        vm.assertEq(settlement.redeemed(payer, NODE, CROPS), second.redemptions[0].cumulative);
    }

    function test_a_deposit_pays_what_is_left() public {
        Batch memory b = batch();
        uint128 fees = b.statement.slots[0].fees;
        vm.startPrank(payer);
        settlement.requestWithdrawal(FUNDS - fees + 1);
        vm.warp(block.timestamp + NOTICE);
        settlement.withdraw();
        vm.stopPrank();
        refused(b, abi.encodeWithSelector(FeeEscrow.DepositTooSmall.selector, payer, fees - 1, fees));
    }

    function test_fees_add_up_per_adapter() public {
        Batch memory b = batch();
        uint128 fees = b.statement.slots[0].fees;
        b.redemptions[0].amount = fees - 1;
        refused(b, abi.encodeWithSelector(Settlement.FeesNotCovered.selector, CROPS, 1));
        b.redemptions[0].amount = fees + 1;
        refused(b, abi.encodeWithSelector(Settlement.FeesExceeded.selector, CROPS, fees + 1, fees));
        b.redemptions[0].adapter = WEATHER;
        refused(b, abi.encodeWithSelector(Settlement.AdapterNotInBatch.selector, WEATHER));
    }

    /// @dev Two lines of one adapter, one of another, one without fees; two payers.
    function test_lines_of_one_adapter_are_summed() public {
        Batch memory b = makeBatch(NODE, 1, somePays(1000), 77);
        b.statement.slots = new SlotStatement[](4);
        b.statement.slots[0] = line(CROPS, 100);
        b.statement.slots[1] = line(WEATHER, 50);
        b.statement.slots[2] = line(CROPS, 30);
        b.statement.slots[3] = line(WEATHER, 0);
        b.redemptions = new Redemption[](3);
        b.redemptions[0] = voucher(OTHER_PAYER_KEY, NODE, CROPS, 90);
        b.redemptions[1] = voucher(OTHER_PAYER_KEY, NODE, WEATHER, 50);
        b.redemptions[2] = voucher(PAYER_KEY, NODE, CROPS, 40);
        b.redemptions[2].cumulative = 40;
        sign(PAYER_KEY, NODE, b.redemptions[2]);
        settlement.settle(b);
        (uint112 settled,,) = settlement.totals(NODE);
        vm.assertEq(settled, 180);
        vm.assertEq(settlement.deposits(otherPayer), FUNDS - 140);
        vm.assertEq(settlement.deposits(payer), FUNDS - 40);
    }

    function test_fees_fit_their_word() public {
        uint128 most = type(uint112).max;
        fund(payer, most);
        fund(otherPayer, most);
        Batch memory b = makeBatch(NODE, 1, onePay(0, most + 1), 1);
        refused(b, abi.encodeWithSelector(Accumulators.TooMuchSettled.selector, uint256(most) + 1));
        b = makeBatch(OTHER_NODE, 1, onePay(0, most), 1);
        settlement.settle(b);
        b = makeBatch(OTHER_NODE, 2, onePay(0, 1), 1);
        refused(b, abi.encodeWithSelector(Accumulators.TooMuchSettled.selector, uint256(most) + 1));
    }

    function test_pauses_are_the_guardians_and_the_admins() public {
        vm.expectRevert(abi.encodeWithSelector(Pausing.NotAllowed.selector, address(this)));
        settlement.setSettlingPaused(true);
        vm.expectRevert(abi.encodeWithSelector(Pausing.NotAllowed.selector, address(this)));
        settlement.setClaimingPaused(true);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Pausing.SettlingPaused(true, GUARDIAN);
        vm.prank(GUARDIAN);
        settlement.setSettlingPaused(true);
        refused(batch(), abi.encodeWithSelector(Pausing.SettlingIsPaused.selector));
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(Pausing.NotAllowed.selector, GUARDIAN));
        settlement.setSettlingPaused(false);
        vm.prank(ADMIN);
        settlement.setSettlingPaused(false);
        (bool settling, bool claiming) = settlement.paused();
        vm.assertTrue(!settling && !claiming);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit Pausing.ClaimingPaused(true, ADMIN);
        vm.prank(ADMIN);
        settlement.setClaimingPaused(true);
        // the other one goes on
        settlement.settle(makeBatch(NODE, 3, onePay(0, 1), 1));
        (settling, claiming) = settlement.paused();
        vm.assertTrue(!settling && claiming);
    }

    function test_construction() public {
        Settlement.Setup memory s = settlementSetup();
        s.registry = AttributionRegistry(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(Pausing.NoRegistry.selector, ADMIN));
        new Settlement(s);
        s = settlementSetup();
        s.length = 0;
        vm.expectRevert(abi.encodeWithSelector(Accumulators.BadEpochs.selector, s.start, 0));
        new Settlement(s);
        s.length = settlement.LONGEST_EPOCH() + 1;
        vm.expectRevert(abi.encodeWithSelector(Accumulators.BadEpochs.selector, s.start, s.length));
        new Settlement(s);
        s = settlementSetup();
        s.notice = settlement.LONGEST_NOTICE() + 1;
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.BadNotice.selector, s.notice));
        new Settlement(s);
        s = settlementSetup();
        s.start += 1;
        vm.expectRevert(abi.encodeWithSelector(Accumulators.BadEpochs.selector, s.start, s.length));
        new Settlement(s);
        s = settlementSetup();
        s.tau = [uint256(0), 0, 0, 0];
        vm.expectRevert(abi.encodeWithSelector(Settlement.BadReferenceString.selector));
        new Settlement(s);
        // τ = 1 and τ = −1 are no secrets
        for (uint256 i = 0; i < 2; ++i) {
            s = settlementSetup();
            s.tau = TestKzg.unit(i == 1);
            vm.expectRevert(abi.encodeWithSelector(Settlement.BadReferenceString.selector));
            new Settlement(s);
        }
        s = settlementSetup();
        s.tau[0] += 1;
        vm.expectRevert(abi.encodeWithSelector(Kzg.PrecompileFailed.selector, 8));
        new Settlement(s);
        vm.assertEq(settlement.omega(), TestKzg.omega(SIGMA));
        vm.assertEq(settlement.sigma(), SIGMA);
    }

    /// @dev Whatever the order, the accumulator and the sums are the same.
    function testFuzz_order_does_not_matter(uint256 seed) public {
        Batch[3] memory b;
        for (uint64 i = 0; i < 3; ++i) {
            Pay[] memory pays = onePay(uint32(seed >> (8 * i)) % 256, uint128(uint40(seed >> (40 * i))) + 1);
            b[i] = makeBatch(NODE, i, pays, seed % (i + 5));
        }
        uint256 last = b[2].redemptions[0].cumulative;
        uint256 first = seed % 3;
        uint256 second = (first + 1 + (seed >> 200) % 2) % 3;
        uint256[3] memory order = [first, second, 3 - first - second];
        for (uint256 i = 0; i < 3; ++i) {
            Batch memory one = b[order[i]];
            one.redemptions[0].cumulative = uint128(last);
            sign(PAYER_KEY, NODE, one.redemptions[0]);
            settlement.settle(one);
        }
        uint256[2] memory sum = Kzg.add(
            Kzg.add(b[0].statement.payouts, b[1].statement.payouts), b[2].statement.payouts
        );
        vm.assertEq(keccak256(abi.encode(settlement.valueOf(NODE))), keccak256(abi.encode(sum)));
        (uint112 settled,,) = settlement.totals(NODE);
        vm.assertEq(settled, last);
    }
}
