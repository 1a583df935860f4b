// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Settlement} from "../src/Settlement.sol";
import {Batch, Data, PromotedBatch, SlotClaim} from "../src/SettlementTypes.sol";
import {SCALAR_MODULUS as R} from "../src/StatementWords.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

/// @notice Random days in the life of a settlement, beside a ledger of its own that knows every amount.
/// Whatever it does has to succeed, or to fail where it says so. Three nodes settle; the third one keeps its amounts
/// to itself, so nobody claims from its accumulator.
contract Handler is Fixture {
    uint256 public constant SLOTS = 5;
    address public constant SILENT = address(0xc2);

    /// @dev What an accumulator holds.
    struct Value {
        uint256 f;
        uint128[5] amounts;
        bool kept;
    }

    struct Settled {
        PromotedBatch batch;
        uint256 rho;
        uint128[5] amounts;
        uint32 epoch;
        bool promoted;
    }

    mapping(address accumulator => Value) private _now;
    mapping(address accumulator => mapping(uint32 epoch => Value)) private _closed;
    mapping(address accumulator => uint32[]) private _epochs;
    mapping(address accumulator => mapping(uint256 slot => uint128)) public paid;
    Settled[] private _batches;
    /// @dev The contract remembers the latest batch of each remainder of the nonce.
    mapping(address node => mapping(uint64 place => uint64)) private _latest;
    uint64 private _count;

    /// @dev How often each thing was done.
    mapping(bytes32 what => uint256) public done;

    constructor() {
        setUp();
        vm.prank(REGISTRAR);
        registry.registerNode(SILENT);
    }

    function contracts() external view returns (Settlement, address, address[4] memory, address[2] memory) {
        return (settlement, address(token), [GLOBAL, NODE, OTHER_NODE, SILENT], [payer, otherPayer]);
    }

    function slotAt(uint256 i) private pure returns (uint32) {
        return [uint32(0), 1, 8, 254, 255][i];
    }

    function settle(uint256 seed, bool publish) external {
        address node = [NODE, OTHER_NODE, SILENT][seed % 3];
        if (node == SILENT) publish = false;
        uint128[5] memory amounts;
        for (uint256 i = 0; i < SLOTS; ++i) {
            if ((seed >> (8 + i)) & 1 == 1) amounts[i] = uint128(uint40(seed >> (16 + 40 * i)));
        }
        // numbers in no order, now and then with the same remainder
        uint64 nonce = uint64(uint256(keccak256(abi.encode(node, _count++))));
        Pay[] memory pays = paysOf(amounts);
        // never 0: an empty batch would commit to nothing, and its commitment would be no point
        uint256 rho = uint256(keccak256(abi.encode(seed))) % R;
        Batch memory b = makeBatch(node, nonce, pays, rho);
        uint256 key = seed >> 255 == 0 ? PAYER_KEY : OTHER_PAYER_KEY;
        b.redemptions[0] = voucher(key, node, CROPS, TestKzg.total(pays));
        if (settlement.deposits(vm.addr(key)) < TestKzg.total(pays)) fund(vm.addr(key), TestKzg.total(pays));
        if (publish) settlement.settleWithData(b, makeData(node, nonce, pays, rho));
        else settlement.settle(b);
        _add(publish ? GLOBAL : node, amounts, TestKzg.atTau(pays, rho, SIGMA));
        if (!publish) {
            _batches.push(Settled(promoted(b), rho, amounts, settlement.currentEpoch(), false));
            _latest[node][nonce % 64] = nonce;
        }
        ++done[publish ? bytes32("settleWithData") : bytes32("settle")];
    }

    /// @dev A settled batch again: never, whatever else it says.
    function replay(uint256 which, bool publish) external {
        if (_batches.length == 0) return;
        PromotedBatch memory p = _batches[which % _batches.length].batch;
        Pay[] memory pays = onePay(0, 1);
        Batch memory b = makeBatch(p.node, p.nonce, pays, 5);
        b.statement.payouts = p.payouts;
        Data memory data = makeData(p.node, p.nonce, pays, 5);
        bytes memory call = publish
            ? abi.encodeCall(Settlement.settleWithData, (b, data))
            : abi.encodeCall(Settlement.settle, (b));
        (bool again, bytes memory why) = address(settlement).call(call);
        vm.assertTrue(!again && bytes4(why) == Settlement.BatchAlreadySettled.selector);
        ++done["replay"];
    }

    function promote(uint256 which) external {
        if (_batches.length == 0) return;
        // mostly one of the latest
        Settled storage s = _batches[_batches.length - 1 - which % (_batches.length < 4 ? _batches.length : 4)];
        if (s.batch.node == SILENT) return;
        Pay[] memory pays = paysOf(s.amounts);
        Data memory data = makeData(s.batch.node, s.batch.nonce, pays, s.rho);
        bool may = !s.promoted && s.epoch == settlement.currentEpoch()
            && _latest[s.batch.node][s.batch.nonce % 64] == s.batch.nonce;
        try settlement.promote(s.batch, data) {
            vm.assertTrue(may);
        } catch {
            vm.assertTrue(!may);
            return;
        }
        s.promoted = true;
        uint256 f = TestKzg.atTau(pays, s.rho, SIGMA);
        Value storage from = _now[s.batch.node];
        from.f = TestKzg.sub(from.f, f);
        for (uint256 i = 0; i < SLOTS; ++i) {
            from.amounts[i] -= s.amounts[i];
        }
        _requireValue(s.batch.node);
        _add(GLOBAL, s.amounts, f);
        ++done["promote"];
    }

    /// @dev A claim by a right opening of a closed epoch's value always pays: no other node can prevent it.
    function claim(uint256 seed) external {
        (address accumulator, uint32 epoch, Value storage value) = _pick(seed);
        if (!value.kept) return;
        uint256 i = (seed >> 64) % SLOTS;
        uint128 before = paid[accumulator][i];
        uint32 slot = slotAt(i);
        SlotClaim memory c = slotClaim(value.f, slot, value.amounts[i]);
        uint256[2] memory point = TestKzg.point(value.f);
        try settlement.claim(accumulator, epoch, point, slot, c.cumulative, c.opening) {
            vm.assertTrue(c.cumulative > before);
            paid[accumulator][i] = c.cumulative;
            ++done["claim"];
        } catch {
            vm.assertTrue(c.cumulative <= before);
        }
    }

    function claimMany(uint256 seed) external {
        (address accumulator, uint32 epoch, Value storage value) = _pick(seed);
        if (!value.kept) return;
        SlotClaim[] memory claims = new SlotClaim[](SLOTS);
        uint256 count = 0;
        for (uint256 i = 0; i < SLOTS; ++i) {
            if (value.amounts[i] <= paid[accumulator][i]) continue;
            paid[accumulator][i] = value.amounts[i];
            claims[count++] = slotClaim(value.f, slotAt(i), value.amounts[i]);
        }
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(claims, count)
        }
        settlement.claimMany(accumulator, epoch, TestKzg.point(value.f), claims);
        ++done["claimMany"];
    }

    /// @dev More than was earned, by somebody who does not know τ: never.
    function overclaim(uint256 seed, uint64 more) external {
        (address accumulator, uint32 epoch, Value storage value) = _pick(seed);
        if (!value.kept) return;
        uint256 i = (seed >> 64) % SLOTS;
        SlotClaim memory c = slotClaim(value.f, slotAt(i), value.amounts[i]);
        uint256[2] memory point = TestKzg.point(value.f);
        try settlement.claim(accumulator, epoch, point, c.slot, c.cumulative + uint128(more) + 1, c.opening) {
            vm.assertTrue(false);
        } catch {
            ++done["overclaim"];
        }
    }

    function withdraw(uint256 seed) external {
        address who = seed & 1 == 0 ? payer : otherPayer;
        vm.startPrank(who);
        settlement.requestWithdrawal(uint128(seed >> 1) % (FUNDS / 8));
        // some stay under notice, where they still pay
        if (seed & 2 == 0) {
            vm.warp(block.timestamp + NOTICE);
            settlement.withdraw();
        }
        vm.stopPrank();
        ++done["withdraw"];
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % (EPOCH / 2));
        ++done["pass"];
    }

    /// @dev What is settled into an accumulator, and what its slots were paid.
    function ledger(address accumulator) external view returns (uint256 sum, uint128[5] memory claimed) {
        Value storage v = _now[accumulator];
        for (uint256 i = 0; i < SLOTS; ++i) {
            sum += v.amounts[i];
            claimed[i] = paid[accumulator][i];
        }
    }

    function redeemedOf(uint256 who) external view returns (uint256 sum) {
        address[3] memory nodes = [NODE, OTHER_NODE, SILENT];
        for (uint256 i = 0; i < 3; ++i) {
            sum += settlement.redeemed(who == 0 ? payer : otherPayer, nodes[i], CROPS);
        }
    }

    function paysOf(uint128[5] memory amounts) private pure returns (Pay[] memory pays) {
        uint256 count = 0;
        for (uint256 i = 0; i < SLOTS; ++i) {
            if (amounts[i] != 0) ++count;
        }
        pays = new Pay[](count);
        count = 0;
        for (uint256 i = 0; i < SLOTS; ++i) {
            if (amounts[i] != 0) pays[count++] = Pay(slotAt(i), amounts[i]);
        }
    }

    function _add(address accumulator, uint128[5] memory amounts, uint256 f) private {
        uint32 epoch = settlement.currentEpoch();
        uint32[] storage epochs = _epochs[accumulator];
        Value storage v = _now[accumulator];
        if (epochs.length == 0 || epochs[epochs.length - 1] != epoch) {
            if (epochs.length > 0) _closed[accumulator][epochs[epochs.length - 1]] = v;
            epochs.push(epoch);
        }
        v.kept = true;
        v.f = addmod(v.f, f, R);
        for (uint256 i = 0; i < SLOTS; ++i) {
            v.amounts[i] += amounts[i];
        }
        _requireValue(accumulator);
    }

    /// @dev An accumulator depends on what is in it alone, and not on the order.
    function _requireValue(address accumulator) private view {
        uint256[2] memory point = TestKzg.point(_now[accumulator].f);
        vm.assertEq(keccak256(abi.encode(settlement.valueOf(accumulator))), keccak256(abi.encode(point)));
    }

    /// @dev A closed value of some accumulator, the latest one or an earlier one. Not `kept` where there is none.
    function _pick(uint256 seed) private view returns (address accumulator, uint32 epoch, Value storage value) {
        accumulator = [GLOBAL, NODE, OTHER_NODE][seed % 3];
        uint32[] storage epochs = _epochs[accumulator];
        value = _closed[accumulator][type(uint32).max];
        if (epochs.length == 0) return (accumulator, 0, value);
        uint256 back = (seed >> 8) % (epochs.length < 3 ? epochs.length : 3);
        epoch = epochs[epochs.length - 1 - back];
        if (epoch == settlement.currentEpoch()) return (accumulator, epoch, value);
        value = back == 0 ? _now[accumulator] : _closed[accumulator][epoch];
        // an accumulator that was emptied is infinity, and has nothing to claim
        if (value.f == 0) value = _closed[accumulator][type(uint32).max];
    }
}
