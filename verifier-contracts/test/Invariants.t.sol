// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Settlement} from "../src/Settlement.sol";
import {TestToken} from "../src/TestToken.sol";
import {Handler} from "./Handler.sol";
import {vm} from "./Vm.sol";

/// @notice What holds after every call of a random sequence. (One function, because forge runs a campaign for each.)
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;
    mapping(address accumulator => mapping(uint256 slot => uint128)) private _seenClaimed;
    mapping(uint256 payer => uint256) private _seenRedeemed;

    function setUp() public {
        handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        bytes4[] memory s = new bytes4[](9);
        // settling twice as often
        (s[0], s[1], s[2]) = (Handler.settle.selector, Handler.settle.selector, Handler.promote.selector);
        (s[3], s[4], s[5]) = (Handler.claim.selector, Handler.claimMany.selector, Handler.overclaim.selector);
        (s[6], s[7], s[8]) = (Handler.withdraw.selector, Handler.pass.selector, Handler.replay.selector);
        targets[0].selectors = s;
    }

    function invariant_books() public {
        (Settlement settlement, address token, address[4] memory accumulators, address[2] memory payers) =
            handler.contracts();
        uint256 settled = 0;
        uint256 claimed = 0;
        for (uint256 i = 0; i < 4; ++i) {
            (uint112 s, uint112 c,) = settlement.totals(accumulators[i]);
            vm.assertLe(c, s);
            (uint256 sum, uint128[5] memory paid) = handler.ledger(accumulators[i]);
            vm.assertEq(s, sum);
            settled += s;
            claimed += c;
            _requireClaims(settlement, accumulators[i], paid, c);
        }
        uint256 redeemed = 0;
        uint256 deposits = 0;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 r = handler.redeemedOf(i);
            vm.assertLe(_seenRedeemed[i], r);
            if (r != _seenRedeemed[i]) _seenRedeemed[i] = r;
            redeemed += r;
            (uint128 leaving,) = settlement.notices(payers[i]);
            deposits += settlement.deposits(payers[i]) + leaving;
        }
        vm.assertLe(claimed, settled);
        vm.assertEq(settled, redeemed);
        vm.assertEq(TestToken(token).balanceOf(address(settlement)), deposits + settled - claimed);
    }

    /// @dev What slots were paid adds up, is what the ledger says, and never falls.
    function _requireClaims(Settlement settlement, address accumulator, uint128[5] memory paid, uint256 claimed)
        private
    {
        uint32[5] memory slots = [uint32(0), 1, 8, 254, 255];
        uint256 sum = 0;
        for (uint256 i = 0; i < 5; ++i) {
            uint128 found = settlement.claimedOf(accumulator, slots[i]);
            vm.assertEq(found, paid[i]);
            uint128 seen = _seenClaimed[accumulator][i];
            vm.assertLe(seen, found);
            if (found != seen) _seenClaimed[accumulator][i] = found;
            sum += found;
        }
        vm.assertEq(sum, claimed);
    }
}
