// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {FeeEscrow} from "../src/FeeEscrow.sol";
import {Settlement} from "../src/Settlement.sol";
import {TestToken} from "../src/TestToken.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice Keeps a unit of every transfer, and calls back from it.
contract StrangeToken is TestToken {
    uint256 public fee;
    address private target;
    bytes private data;

    function setFee(uint256 to) external {
        fee = to;
    }

    function callBack(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (fee != 0 && from != address(0) && to != address(0)) super._update(to, address(0), fee);
        if (target != address(0)) {
            (bool done, bytes memory answer) = target.call(data);
            if (!done) {
                assembly ("memory-safe") {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
        }
    }
}

contract EscrowTest is Fixture {
    StrangeToken private strange;

    function useStrangeToken() private {
        strange = new StrangeToken();
        Settlement.Setup memory s = settlementSetup();
        s.token = strange;
        settlement = new Settlement(s);
        strange.mint(address(this), 1000);
        strange.approve(address(settlement), 1000);
    }

    function test_deposits_are_the_payers() public {
        token.mint(address(this), 50);
        token.approve(address(settlement), 50);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit FeeEscrow.Deposited(payer, address(this), 20);
        settlement.deposit(payer, 20);
        vm.assertEq(settlement.deposits(payer), FUNDS + 20);
        vm.expectRevert();
        settlement.deposit(payer, 31);
    }

    function test_a_token_with_a_fee_is_refused() public {
        useStrangeToken();
        settlement.deposit(payer, 20);
        strange.setFee(1);
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.DepositReceived.selector, 19, 20));
        settlement.deposit(payer, 20);
    }

    function test_a_token_cannot_call_back() public {
        useStrangeToken();
        settlement.deposit(payer, 20);
        vm.startPrank(payer);
        settlement.requestWithdrawal(20);
        vm.warp(block.timestamp + NOTICE);
        strange.callBack(address(settlement), abi.encodeCall(FeeEscrow.withdraw, ()));
        vm.expectRevert(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        settlement.withdraw();
        vm.stopPrank();
        strange.callBack(address(settlement), abi.encodeCall(FeeEscrow.deposit, (payer, 0)));
        vm.expectRevert(abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        settlement.deposit(payer, 20);
    }

    function test_a_withdrawal_waits() public {
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.NoNotice.selector, payer));
        settlement.withdraw();
        uint64 due = uint64(block.timestamp) + NOTICE;
        vm.expectEmit(true, true, true, true, address(settlement));
        emit FeeEscrow.WithdrawalRequested(payer, 30, due);
        settlement.requestWithdrawal(30);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.NoticeRunning.selector, due - 1, due));
        settlement.withdraw();
        vm.warp(due);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit FeeEscrow.Withdrawn(payer, 30);
        settlement.withdraw();
        vm.assertEq(token.balanceOf(payer), 30);
        vm.assertEq(settlement.deposits(payer), FUNDS - 30);
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.NoNotice.selector, payer));
        settlement.withdraw();
        vm.stopPrank();
    }

    function test_a_withdrawal_takes_what_is_left() public {
        vm.startPrank(payer);
        settlement.requestWithdrawal(type(uint128).max);
        vm.stopPrank();
        settlement.settle(makeBatch(NODE, 1, onePay(0, 100), 1));
        vm.warp(block.timestamp + NOTICE);
        vm.prank(payer);
        settlement.withdraw();
        vm.assertEq(token.balanceOf(payer), FUNDS - 100);
        vm.assertEq(settlement.deposits(payer), 0);
    }

    function test_an_old_notice_does_not_cover_later_deposits() public {
        address who = address(0xdd);
        vm.prank(who);
        settlement.requestWithdrawal(type(uint128).max);
        vm.warp(block.timestamp + NOTICE);
        fund(who, 50);
        vm.prank(who);
        settlement.withdraw();
        vm.assertEq(token.balanceOf(who), 0);
        vm.assertEq(settlement.deposits(who), 50);
    }

    function test_a_request_replaces_an_earlier_one() public {
        vm.startPrank(payer);
        settlement.requestWithdrawal(30);
        vm.assertEq(settlement.deposits(payer), FUNDS - 30);
        settlement.requestWithdrawal(10);
        vm.assertEq(settlement.deposits(payer), FUNDS - 10);
        vm.stopPrank();
    }

    function test_a_later_request_waits_anew() public {
        vm.startPrank(payer);
        settlement.requestWithdrawal(30);
        vm.warp(block.timestamp + NOTICE);
        settlement.requestWithdrawal(40);
        vm.expectRevert(
            abi.encodeWithSelector(FeeEscrow.NoticeRunning.selector, block.timestamp, block.timestamp + NOTICE)
        );
        settlement.withdraw();
        vm.stopPrank();
    }

    function test_pauses_do_not_hold_deposits() public {
        vm.startPrank(GUARDIAN);
        settlement.setSettlingPaused(true);
        settlement.setClaimingPaused(true);
        vm.stopPrank();
        fund(payer, 5);
        vm.startPrank(payer);
        settlement.requestWithdrawal(30);
        vm.warp(block.timestamp + NOTICE);
        settlement.withdraw();
        vm.stopPrank();
    }

    function test_the_token_is_a_contract() public {
        Settlement.Setup memory s = settlementSetup();
        s.token = IERC20(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(FeeEscrow.NoToken.selector, ADMIN));
        new Settlement(s);
    }

    function testFuzz_withdrawals(uint128 deposit, uint128 wish) public {
        address who = address(0xdd);
        deposit %= type(uint112).max;
        fund(who, deposit);
        vm.startPrank(who);
        settlement.requestWithdrawal(wish);
        vm.warp(block.timestamp + NOTICE);
        settlement.withdraw();
        vm.stopPrank();
        uint128 taken = wish < deposit ? wish : deposit;
        vm.assertEq(token.balanceOf(who), taken);
        vm.assertEq(settlement.deposits(who), deposit - taken);
    }
}
