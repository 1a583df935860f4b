// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ContributionLog} from "../src/ContributionLog.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract ContributionsTest is Fixture {
    address private constant AUTHOR = address(0xf0);
    address private constant COPYIST = address(0xf1);
    bytes32 private constant TEXT = "text";
    bytes32 private constant SALT = "salt";

    function commitment(address who) private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(registry), DATANET, TEXT, who, SALT));
    }

    function reveal(address who) private {
        vm.prank(who);
        registry.reveal(DATANET, TEXT, SALT);
    }

    function owner() private view returns (address who) {
        (who,) = registry.contributions(DATANET, TEXT);
    }

    function test_datanets() public {
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.DatanetExists.selector, DATANET));
        registry.registerDatanet(DATANET_NAME);
        // who takes the name too has another Datanet
        bytes32 other = registry.datanetId(AUTHOR, DATANET_NAME);
        vm.assertTrue(other != DATANET);
        vm.expectEmit(true, true, true, true, address(registry));
        emit ContributionLog.DatanetRegistered(other, AUTHOR, DATANET_NAME);
        vm.startPrank(AUTHOR);
        vm.assertEq(registry.registerDatanet(DATANET_NAME), other);
        vm.assertEq(registry.curatorOf(DATANET), address(this));
        vm.expectEmit(true, true, true, true, address(registry));
        emit ContributionLog.DatanetPublished(other, "state");
        registry.publishDatanet(other, "state");
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.NotCurator.selector, AUTHOR, address(this)));
        registry.publishDatanet(DATANET, "state");
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.UnknownDatanet.selector, bytes32("none")));
        registry.publishDatanet("none", "state");
        vm.stopPrank();
    }

    function test_a_commitment_is_revealed() public {
        vm.expectEmit(true, true, true, true, address(registry));
        emit ContributionLog.ContributionCommitted(commitment(AUTHOR), 1);
        registry.commit(commitment(AUTHOR));
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.AlreadyCommitted.selector, commitment(AUTHOR), 1));
        registry.commit(commitment(AUTHOR));
        vm.expectRevert(
            abi.encodeWithSelector(ContributionLog.RevealTooEarly.selector, block.number, block.number)
        );
        reveal(AUTHOR);
        vm.roll(block.number + 1);
        vm.expectEmit(true, true, true, true, address(registry));
        emit ContributionLog.ContributionRevealed(DATANET, TEXT, AUTHOR, 1);
        reveal(AUTHOR);
        vm.assertEq(owner(), AUTHOR);
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.AlreadyRevealed.selector, 1, 1));
        reveal(AUTHOR);
        vm.assertEq(registry.lastOrdinal(), 1);
    }

    function test_only_what_was_committed_is_revealed() public {
        registry.commit(commitment(AUTHOR));
        vm.roll(block.number + 1);
        // somebody else's commitment, another salt, another Datanet
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.NotCommitted.selector, commitment(COPYIST)));
        reveal(COPYIST);
        vm.expectRevert();
        vm.prank(AUTHOR);
        registry.reveal(DATANET, TEXT, "other");
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.UnknownDatanet.selector, bytes32("none")));
        vm.prank(AUTHOR);
        registry.reveal("none", TEXT, SALT);
    }

    /// @dev The copyist sees the reveal before it is in a block, commits, and reveals first.
    function test_a_copy_is_later_whoever_reveals_first() public {
        registry.commit(commitment(AUTHOR));
        vm.roll(block.number + 1);
        registry.commit(commitment(COPYIST));
        vm.roll(block.number + 1);
        reveal(COPYIST);
        vm.assertEq(owner(), COPYIST);
        reveal(AUTHOR);
        vm.assertEq(owner(), AUTHOR);
        vm.expectRevert(abi.encodeWithSelector(ContributionLog.AlreadyRevealed.selector, 1, 2));
        reveal(COPYIST);
    }

    /// @dev Whatever the order of reveals, the content ends up with the earliest commitment.
    function testFuzz_the_earliest_commitment_wins(uint256 seed) public {
        address[4] memory who;
        for (uint160 i = 0; i < 4; ++i) {
            who[i] = address(0xf00 + i);
            registry.commit(commitment(who[i]));
        }
        vm.roll(block.number + 1);
        uint256 earliest = 4;
        for (uint256 i = 0; i < 6; ++i) {
            uint256 next = (seed >> (8 * i)) % 4;
            if (next >= earliest) {
                vm.expectRevert(
                    abi.encodeWithSelector(ContributionLog.AlreadyRevealed.selector, earliest + 1, next + 1)
                );
            } else {
                earliest = next;
            }
            reveal(who[next]);
            vm.assertEq(owner(), who[earliest]);
        }
    }
}
