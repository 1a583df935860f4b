// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Batch} from "../src/SettlementTypes.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

contract SettleTest is Fixture {
    function test_settles_into_the_nodes_accumulator_and_pays() public {
        Pay[] memory pays = somePays(1000);
        settlement.settle(makeBatch(NODE, 1, pays, 77));
        uint256 f = TestKzg.atTau(pays, 77, SIGMA);
        uint256[2] memory value = settlement.valueOf(NODE);
        vm.assertEq(keccak256(abi.encode(value)), keccak256(abi.encode(TestKzg.point(f))));
        nextEpoch();
        settlement.claim(NODE, 0, value, 0, 3000, TestKzg.opening(f, 3000, place(0)));
        vm.assertEq(token.balanceOf(payeeFor(0)), 3000);
    }
}
