// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Settlement} from "../src/Settlement.sol";
import {TestToken} from "../src/TestToken.sol";
import {Handler} from "./Handler.sol";
import {TestKzg} from "./TestKzg.sol";
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
        (Settlement settlement, address token, address[3] memory accumulators, address[2] memory payers) =
            handler.contracts();
        uint256 settled = 0;
        uint256 claimed = 0;
        for (uint256 i = 0; i < 4; ++i) {
            address a = i < 3 ? accumulators[i] : handler.SILENT();
            (uint112 s, uint112 c,) = settlement.totals(a);
            vm.assertLe(c, s);
            (uint256 sum, uint256 f) = handler.amountsNow(a);
            vm.assertEq(s, sum);
            // the point depends on what is in it alone, and not on the order
            vm.assertEq(keccak256(abi.encode(settlement.valueOf(a))), keccak256(abi.encode(TestKzg.point(f))));
            settled += s;
            claimed += c;
            _requireClaims(settlement, a, c);
        }
        uint256 redeemed = 0;
        uint256 deposits = 0;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 r = handler.redeemedOf(i);
            vm.assertLe(_seenRedeemed[i], r);
            _seenRedeemed[i] = r;
            redeemed += r;
            deposits += settlement.deposits(payers[i]);
        }
        vm.assertEq(settled, redeemed);
        vm.assertEq(TestToken(token).balanceOf(address(settlement)), deposits + settled - claimed);
    }

    /// @dev What slots were paid adds up, is what the ledger says, and never falls.
    function _requireClaims(Settlement settlement, address accumulator, uint256 claimed) private {
        uint256 sum = 0;
        for (uint256 i = 0; i < handler.SLOTS(); ++i) {
            uint128 found = settlement.claimedOf(accumulator, handler.slotAt(i));
            vm.assertEq(found, handler.paid(accumulator, i));
            vm.assertLe(_seenClaimed[accumulator][i], found);
            _seenClaimed[accumulator][i] = found;
            sum += found;
        }
        vm.assertEq(sum, claimed);
    }
}
