// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {AttributionRegistry} from "../src/AttributionRegistry.sol";
import {ContributionLog} from "../src/ContributionLog.sol";
import {Delayed} from "../src/Delayed.sol";
import {PayoutSlots} from "../src/PayoutSlots.sol";
import {PolicyDigest} from "../src/PolicyDigest.sol";
import {SCALAR_MODULUS as R, SlotStatement} from "../src/StatementWords.sol";
import {BatchVerifierDouble} from "./BatchVerifierDouble.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

contract RegistryTest is Fixture {
    function no(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodePacked(selector);
    }

    function adapterRefused(AttributionRegistry.NewAdapter memory a, address[] memory payees, bytes memory why)
        private
    {
        vm.prank(REGISTRAR);
        vm.expectRevert(why);
        registry.registerAdapter(a, payees);
    }

    function notRole(address who, bytes32 role) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, who, role));
    }

    function test_construction() public {
        AttributionRegistry.Setup memory s = registrySetup();
        s.shapes = new bytes32[](2);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.ShapesAndVerifiers.selector, 2, 1));
        new AttributionRegistry(s);
        s = registrySetup();
        s.verifiers[0] = ADMIN;
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.NoVerifierCode.selector, ADMIN));
        new AttributionRegistry(s);
        s = registrySetup();
        s.attesters[0] = address(0);
        vm.expectRevert(no(AttributionRegistry.AttesterIsZero.selector));
        new AttributionRegistry(s);
        uint8[2] memory domains = [uint8(3), 29];
        for (uint256 i = 0; i < 2; ++i) {
            s = registrySetup();
            s.domain = domains[i];
            vm.expectRevert(abi.encodeWithSelector(PayoutSlots.BadDomain.selector, domains[i]));
            new AttributionRegistry(s);
        }
        s = registrySetup();
        s.domain = 28;
        vm.assertEq(new AttributionRegistry(s).highest(), 1 << 28);
        vm.assertEq(registry.delay(), DELAY);
        vm.assertEq(registry.defaultAdmin(), ADMIN);
        vm.assertEq(registry.defaultAdminDelay(), DELAY);
    }

    function test_models() public {
        notRole(ADMIN, registry.REGISTRAR_ROLE());
        vm.prank(ADMIN);
        registry.registerModel("m");
        vm.startPrank(REGISTRAR);
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.ModelRegistered("m");
        registry.registerModel("m");
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.ModelExists.selector, bytes32("m")));
        registry.registerModel("m");
        vm.stopPrank();
        vm.assertTrue(registry.isModel("m"));
    }

    function test_adapters_have_ranges_and_payees() public {
        AttributionRegistry.NewAdapter memory a = newAdapter("a", 5, 20);
        address[] memory payees = payeesFor(64, 20, 64);
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.AdapterRegistered("a", MODEL, DATANET, 5, OWNER, 64, 64, 20, payees);
        vm.expectEmit(true, true, true, true, address(registry));
        uint256 digest = PolicyDigest.digest(2, policy().bps);
        emit AttributionRegistry.PolicyProposed("a", 2, policy().bps, digest, uint64(block.timestamp));
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.PolicyApplied("a", digest);
        vm.prank(REGISTRAR);
        registry.registerAdapter(a, payees);
        vm.assertEq(registry.lowest(), 128);
        vm.assertEq(registry.adapterOfLine(keccak256(abi.encode(uint256(5), digest, uint32(64)))), bytes32("a"));
        for (uint32 i = 0; i < 64; ++i) {
            bool paid = i < 20 || (i >= 56 && i < 60);
            vm.assertEq(registry.payeeOf(64 + i), paid ? payeeFor(64 + i) : address(0));
        }
        uint32[] memory slots = new uint32[](2);
        (slots[0], slots[1]) = (64, 63);
        address[] memory found = registry.payeesOf(slots);
        vm.assertEq(found[0], payeeFor(64));
        vm.assertEq(found[1], address(0));
    }

    /// @dev 2^g slots, g = max(⌈log₂ clusters⌉ + 1, 4), at the next multiple of 2^g.
    function test_sizes_of_ranges() public {
        AttributionRegistry.Setup memory s = registrySetup();
        s.domain = 16;
        s.admin = address(this);
        AttributionRegistry r = new AttributionRegistry(s);
        r.grantRole(r.REGISTRAR_ROLE(), address(this));
        r.registerModel(MODEL);
        r.registerDatanet(DATANET_NAME);
        uint32[9] memory clusters = [uint32(1), 8, 9, 16, 17, 512, 513, 1024, 1];
        uint32[9] memory bases = [uint32(0), 16, 32, 64, 128, 1024, 2048, 4096, 6144];
        uint32[9] memory ends = [uint32(16), 32, 64, 96, 192, 2048, 4096, 6144, 6160];
        for (uint256 i = 0; i < 9; ++i) {
            r.registerAdapter(newAdapter(bytes32(i + 1), i, clusters[i]), payeesFor(0, clusters[i], 2048));
            (,,, uint32 base, uint32 count) = r.adapters(bytes32(i + 1));
            vm.assertEq(base, bases[i]);
            vm.assertEq(count, clusters[i]);
            vm.assertEq(r.lowest(), ends[i]);
        }
    }

    function test_adapters_that_are_refused() public {
        address[] memory payees = payeesFor(32, 3, 16);
        AttributionRegistry.NewAdapter memory a = newAdapter("a", 5, 3);
        notRole(ADMIN, registry.REGISTRAR_ROLE());
        vm.prank(ADMIN);
        registry.registerAdapter(a, payees);
        a.id = 0;
        adapterRefused(a, payees, no(AttributionRegistry.AdapterIsZero.selector));
        a.id = CROPS;
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.AdapterExists.selector, CROPS));
        a = newAdapter("a", 5, 3);
        a.owner = address(0);
        adapterRefused(a, payees, no(AttributionRegistry.OwnerIsZero.selector));
        a = newAdapter("a", 5, 3);
        a.model = "m";
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.UnknownModel.selector, bytes32("m")));
        a = newAdapter("a", 5, 3);
        a.datanet = "d";
        adapterRefused(a, payees, abi.encodeWithSelector(ContributionLog.UnknownDatanet.selector, bytes32("d")));
        a = newAdapter("a", R, 3);
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.DigestOutOfRange.selector, R));
        a = newAdapter("a", 5, 0);
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.BadClusters.selector, 0));
        a = newAdapter("a", 5, 1025);
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.BadClusters.selector, 1025));
        a = newAdapter("a", 5, 4);
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.PayeeCount.selector, 7, 8));
        a = newAdapter("a", 5, 3);
        payees[3] = address(0);
        adapterRefused(a, payees, abi.encodeWithSelector(PayoutSlots.PayeeIsZero.selector, 40));
        payees[3] = ADMIN;
        a.policy.power = 3;
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.BadPower.selector, 3));
        a.policy = policy();
        a.policy.bps[4] += 1;
        adapterRefused(a, payees, abi.encodeWithSelector(AttributionRegistry.BadShares.selector, 10_001));
        a = newAdapter("a", 5, 128);
        adapterRefused(
            a, payeesFor(0, 128, 256), abi.encodeWithSelector(PayoutSlots.OutOfSlots.selector, 256, 512, 254)
        );
    }

    function test_nodes_and_adapters_never_meet() public {
        vm.assertEq(registry.nodeSlotOf(NODE), 255);
        vm.assertEq(registry.nodeSlotOf(OTHER_NODE), 254);
        vm.assertEq(registry.payeeOf(254), OTHER_NODE);
        notRole(ADMIN, registry.REGISTRAR_ROLE());
        vm.prank(ADMIN);
        registry.registerNode(ADMIN);
        vm.startPrank(REGISTRAR);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.NodeExists.selector, NODE));
        registry.registerNode(NODE);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.PayeeIsZero.selector, 253));
        registry.registerNode(address(0));
        for (uint160 i = 0; i < 256 - 2 - 32; ++i) {
            registry.registerNode(address(0x5000 + i));
        }
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.OutOfSlots.selector, 32, 32, 32));
        registry.registerNode(address(0x6000));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.UnknownNode.selector, ADMIN));
        registry.nodeSlotOf(ADMIN);
        adapterRefused(
            newAdapter("a", 5, 3),
            payeesFor(32, 3, 16),
            abi.encodeWithSelector(PayoutSlots.OutOfSlots.selector, 32, 48, 32)
        );
    }

    function test_policies_change_after_the_delay() public {
        AttributionRegistry.Policy memory p = AttributionRegistry.Policy(4, [uint16(10_000), 0, 0, 0, 0]);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.UnknownAdapter.selector, bytes32("a")));
        registry.proposePolicy("a", p);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.NotOwner.selector, address(this), OWNER));
        registry.proposePolicy(CROPS, p);
        bytes32 key = keccak256(abi.encode("policy", CROPS));
        vm.expectRevert(abi.encodeWithSelector(Delayed.NothingProposed.selector, key));
        registry.applyPolicy(CROPS);
        SlotStatement[] memory lines = new SlotStatement[](1);
        lines[0] = line(CROPS, 1);
        uint64 due = uint64(block.timestamp) + DELAY;
        uint256 digest = PolicyDigest.digest(4, p.bps);
        vm.startPrank(OWNER);
        p.power = 0;
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.BadPower.selector, 0));
        registry.proposePolicy(CROPS, p);
        p.power = 4;
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.PolicyProposed(CROPS, 4, p.bps, digest, due);
        registry.proposePolicy(CROPS, p);
        vm.stopPrank();
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(Delayed.DelayRunning.selector, due - 1, due));
        registry.applyPolicy(CROPS);
        registry.terms(SHAPE, attester, NODE, 255, lines);
        vm.warp(due);
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.PolicyApplied(CROPS, digest);
        registry.applyPolicy(CROPS);
        // the old line is stale, the new one is known
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.UnknownLine.selector, 0));
        registry.terms(SHAPE, attester, NODE, 255, lines);
        lines[0].policy = digest;
        (, bytes32[] memory ids) = registry.terms(SHAPE, attester, NODE, 255, lines);
        vm.assertEq(ids[0], CROPS);
        vm.expectRevert(abi.encodeWithSelector(Delayed.NothingProposed.selector, key));
        registry.applyPolicy(CROPS);
    }

    function test_a_change_is_applied_in_time_or_never() public {
        vm.prank(OWNER);
        registry.proposePolicy(CROPS, AttributionRegistry.Policy(4, [5000, 2000, 1500, 1000, 500]));
        uint256 end = block.timestamp + DELAY + registry.GRACE();
        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(Delayed.ProposalExpired.selector, end, end));
        registry.applyPolicy(CROPS);
        // one that replaces it waits and lives anew
        vm.prank(OWNER);
        registry.proposePolicy(CROPS, AttributionRegistry.Policy(4, [5000, 2000, 1500, 1000, 500]));
        vm.warp(end + DELAY + registry.GRACE() - 1);
        registry.applyPolicy(CROPS);
    }

    function test_verifiers_change_after_the_delay() public {
        address other = address(new BatchVerifierDouble());
        notRole(REGISTRAR, 0);
        vm.prank(REGISTRAR);
        registry.proposeVerifier(SHAPE, other);
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.NoVerifierCode.selector, OWNER));
        registry.proposeVerifier(SHAPE, OWNER);
        uint64 due = uint64(block.timestamp) + DELAY;
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.VerifierProposed(SHAPE, other, due);
        registry.proposeVerifier(SHAPE, other);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Delayed.DelayRunning.selector, block.timestamp, due));
        registry.applyVerifier(SHAPE);
        vm.warp(due);
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.VerifierApplied(SHAPE, other);
        registry.applyVerifier(SHAPE);
        vm.assertEq(registry.verifierOf(SHAPE), other);
        vm.expectRevert();
        registry.applyVerifier(SHAPE);
        // none at all
        vm.prank(ADMIN);
        registry.proposeVerifier(SHAPE, address(0));
        vm.warp(due + DELAY);
        registry.applyVerifier(SHAPE);
        vm.expectRevert(abi.encodeWithSelector(AttributionRegistry.UnknownShape.selector, SHAPE));
        registry.terms(SHAPE, attester, NODE, 255, new SlotStatement[](0));
    }

    function test_attesters_change_after_the_delay() public {
        notRole(REGISTRAR, 0);
        vm.prank(REGISTRAR);
        registry.proposeAttester(OWNER, true);
        vm.startPrank(ADMIN);
        vm.expectRevert(no(AttributionRegistry.AttesterIsZero.selector));
        registry.proposeAttester(address(0), true);
        uint64 due = uint64(block.timestamp) + DELAY;
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.AttesterProposed(OWNER, true, due);
        registry.proposeAttester(OWNER, true);
        registry.proposeAttester(attester, false);
        vm.stopPrank();
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(Delayed.DelayRunning.selector, due - 1, due));
        registry.applyAttester(OWNER);
        vm.warp(due);
        vm.expectEmit(true, true, true, true, address(registry));
        emit AttributionRegistry.AttesterApplied(OWNER, true);
        registry.applyAttester(OWNER);
        registry.applyAttester(attester);
        vm.assertTrue(registry.isAttester(OWNER));
        vm.assertTrue(!registry.isAttester(attester));
        vm.expectRevert();
        registry.applyAttester(OWNER);
    }

    function test_slots_change_hands_in_two_steps() public {
        address old = payeeFor(1);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotPayee.selector, ADMIN, old));
        vm.prank(ADMIN);
        registry.proposePayee(1, ADMIN);
        vm.expectEmit(true, true, true, true, address(registry));
        emit PayoutSlots.PayeeProposed(1, old, OWNER);
        vm.prank(old);
        registry.proposePayee(1, OWNER);
        vm.assertEq(registry.payeeOf(1), old);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotNextPayee.selector, ADMIN, OWNER));
        vm.prank(ADMIN);
        registry.acceptPayee(1);
        vm.expectEmit(true, true, true, true, address(registry));
        emit PayoutSlots.PayeeChanged(1, old, OWNER);
        vm.prank(OWNER);
        registry.acceptPayee(1);
        vm.assertEq(registry.payeeOf(1), OWNER);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotNextPayee.selector, OWNER, address(0)));
        vm.prank(OWNER);
        registry.acceptPayee(1);
        // a proposal can be taken back
        vm.startPrank(OWNER);
        registry.proposePayee(1, old);
        registry.proposePayee(1, address(0));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotNextPayee.selector, old, address(0)));
        vm.prank(old);
        registry.acceptPayee(1);
    }

    /// @dev Slots that nobody has stay nobody's, whoever asks.
    function testFuzz_nobody_takes_a_free_slot(uint32 slot, address who) public {
        slot = 32 + slot % 222;
        vm.assume(who != address(0));
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotPayee.selector, who, address(0)));
        registry.proposePayee(slot, who);
        vm.expectRevert(abi.encodeWithSelector(PayoutSlots.NotNextPayee.selector, who, address(0)));
        registry.acceptPayee(slot);
        vm.stopPrank();
    }
}
