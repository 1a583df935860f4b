// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Batch, Redemption, SlotClaim} from "../src/SettlementTypes.sol";
import {SCALAR_MODULUS as R, SlotStatement} from "../src/StatementWords.sol";
import {Fixture} from "./Fixture.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

/// @notice Gas of whole transactions, intrinsic gas and calldata included, in snapshots/Gas.json. It runs in the
/// profile `gas`, in which forge makes a transaction of each call.
/// The verifier is a double, so what a wrap's verification costs comes on top of settling: a transaction that settles
/// costs `settle, beside a transaction that verifies alone` more than one that verifies the same batch.
contract GasTest is Fixture {
    /// @dev Bytes of a proof in the layout `cheap` (docs/protocol/wrap.md §3).
    uint256 private constant PROOF = 1_376;

    uint256 private f;
    uint128 private units;

    /// @dev Every word that a later batch writes is in use, as it is in a node's daily life.
    function setUp() public override {
        super.setUp();
        for (uint64 nonce = 0; nonce < 64; ++nonce) {
            settle(nonce);
        }
        settlement.settleWithData(proven(64, 1, 1), makeData(NODE, 64, somePays(1000), 64));
        nextEpoch();
    }

    function settle(uint64 nonce) private {
        settlement.settle(proven(nonce, 1, 1));
        f = addmod(f, TestKzg.atTau(somePays(1000), nonce, SIGMA), R);
        units += 1000;
    }

    /// @dev A batch of several lines of one adapter each, or of one, and several vouchers for it.
    function proven(uint64 nonce, uint256 lines, uint256 vouchers) private returns (Batch memory b) {
        Pay[] memory pays = somePays(1000);
        uint128 fees = TestKzg.total(pays);
        b = makeBatch(NODE, nonce, pays, nonce);
        b.statement.slots = new SlotStatement[](lines);
        for (uint256 i = 0; i < lines; ++i) {
            b.statement.slots[i] = line(i % 2 == 0 ? CROPS : WEATHER, i == 0 ? fees : 0);
        }
        b.redemptions = new Redemption[](vouchers);
        for (uint256 i = 0; i < vouchers; ++i) {
            uint128 amount = i == 0 ? fees - uint128(vouchers - 1) * 1000 : 1000;
            b.redemptions[i] = voucher(i == 0 ? PAYER_KEY : OTHER_PAYER_KEY, NODE, CROPS, amount);
        }
        b.proof.digest = uint256(keccak256("digest")) % R;
        b.proof.proof = new bytes(PROOF);
        for (uint256 i = 0; i < PROOF; ++i) {
            b.proof.proof[i] = bytes1(uint8(i | 1));
        }
        for (uint256 i = 0; i < 12; ++i) {
            b.proof.accumulator[i] = uint256(keccak256(abi.encode(i))) >> 168;
        }
        b.statement.inputs = uint256(keccak256("inputs")) % R;
        b.statement.requests = uint256(keccak256("requests")) % R;
        attest(b);
    }

    function snap(string memory name) private {
        vm.snapshotGasLastCall("Gas", name);
    }

    /// @dev What a transaction costs before it does anything.
    function transactionOf(bytes memory data) private pure returns (uint256 gas_) {
        gas_ = 21_000;
        for (uint256 i = 0; i < data.length; ++i) {
            gas_ += data[i] == 0 ? 4 : 16;
        }
    }

    function test_settle() public {
        Batch memory b = proven(65, 1, 1);
        settlement.settle(b);
        snap("settle, first in an epoch");
        b = proven(66, 1, 1);
        uint256 before = gasleft();
        verifier.verify(b.statement, b.proof);
        uint256 alone = transactionOf(abi.encodeCall(verifier.verify, (b.statement, b.proof))) + before - gasleft();
        settlement.settle(b);
        uint256 whole = vm.snapshotGasLastCall("Gas", "settle");
        vm.snapshotValue("Gas", "settle, beside a transaction that verifies alone", whole - alone);
        settlement.settle(proven(67, 3, 1));
        snap("settle, three lines");
        settlement.settle(proven(68, 1, 2));
        snap("settle, a new payer too");
        settlement.settle(proven(69, 1, 2));
        snap("settle, two payers");
    }

    function test_settle_the_first_batch_ever() public {
        Batch memory b = makeBatch(OTHER_NODE, 0, somePays(1000), 1);
        b.proof.proof = new bytes(PROOF);
        settlement.settle(b);
        snap("settle, first of a node");
    }

    function test_claim() public {
        uint256[2] memory value = settlement.valueOf(NODE);
        settlement.claim(NODE, 0, value, 0, 3 * units, TestKzg.opening(f, 3 * units, place(0)));
        snap("claim, first of a slot and of its payee");
        settlement.claim(NODE, 0, value, 1, 2 * units, TestKzg.opening(f, 2 * units, place(1)));
        snap("claim, first of a payee, the neighbour has claimed");
        settle(100);
        nextEpoch();
        value = settlement.valueOf(NODE);
        uint256[2] memory opening = TestKzg.opening(f, 3 * units, place(0));
        settlement.claim(NODE, 1, value, 0, 3 * units, opening);
        uint256 whole = vm.snapshotGasLastCall("Gas", "claim, later");
        bytes memory data = abi.encodeCall(settlement.claim, (NODE, 1, value, 0, 3 * units, opening));
        vm.snapshotValue("Gas", "claim, later, execution alone", whole - transactionOf(data));
        settle(101);
        settlement.claim(NODE, 1, value, 1, 2 * (units - 1000), opening1());
        snap("claim, later, from a checkpoint");
    }

    /// @dev Of slot 1 in the accumulator before batch 101.
    function opening1() private view returns (uint256[2] memory) {
        uint256 before = TestKzg.sub(f, TestKzg.atTau(somePays(1000), 101, SIGMA));
        return TestKzg.opening(before, 2 * (units - 1000), place(1));
    }

    /// @dev Slots of an adapter with 32 clusters, each with a payee of its own.
    function manyPays(uint32 count, uint32 step) private pure returns (Pay[] memory pays) {
        pays = new Pay[](count);
        for (uint32 i = 0; i < count; ++i) {
            pays[i] = Pay(64 + i * step, 1e18 + i);
        }
    }

    function registerMany() private {
        vm.prank(REGISTRAR);
        registry.registerAdapter(newAdapter("many", 1003, 32), payeesFor(64, 32, 64));
    }

    function claimsOf(Pay[] memory pays, uint256 value, uint32 from, uint32 count, uint128 rounds)
        private
        view
        returns (SlotClaim[] memory claims)
    {
        claims = new SlotClaim[](count);
        for (uint32 i = 0; i < count; ++i) {
            claims[i] = slotClaim(value, pays[from + i].slot, rounds * pays[from + i].amount);
        }
    }

    function test_claimMany() public {
        registerMany();
        Pay[] memory pays = manyPays(32, 1);
        string[2] memory when = ["first", "later"];
        uint256 sum = 0;
        for (uint64 round = 0; round < 2; ++round) {
            settlement.settle(makeBatch(OTHER_NODE, round, pays, 9));
            nextEpoch();
            sum = addmod(sum, TestKzg.atTau(pays, 9, SIGMA), R);
            uint256[2] memory value = settlement.valueOf(OTHER_NODE);
            uint32 epoch = uint32(round) + 1;
            settlement.claimMany(OTHER_NODE, epoch, value, claimsOf(pays, sum, 0, 2, uint128(round) + 1));
            uint256 few = vm.snapshotGasLastCall("Gas", string.concat("claimMany, 2 slots, ", when[round]));
            settlement.claimMany(OTHER_NODE, epoch, value, claimsOf(pays, sum, 2, 18, uint128(round) + 1));
            uint256 many = vm.snapshotGasLastCall("Gas", string.concat("claimMany, 18 slots, ", when[round]));
            vm.snapshotValue("Gas", string.concat("claimMany, a further slot, ", when[round]), (many - few) / 16);
        }
    }

    function settleMany(uint64 nonce, uint32 count, uint32 step, string memory name) private returns (uint256) {
        Pay[] memory pays = manyPays(count, step);
        Batch memory b = makeBatch(NODE, nonce, pays, 5);
        settlement.settleWithData(b, makeData(NODE, nonce, pays, 5));
        return vm.snapshotGasLastCall("Gas", string.concat("settleWithData, ", name));
    }

    function test_data() public {
        settleMany(199, 1, 1, "1 amount, first in an epoch");
        uint256 few = settleMany(200, 1, 1, "1 amount");
        uint256 many = settleMany(201, 129, 1, "129 amounts side by side");
        vm.snapshotValue("Gas", "data, a further amount, side by side", (many - few) / 128);
        few = settleMany(202, 3, 7, "3 amounts");
        many = settleMany(203, 27, 7, "27 amounts with gaps of 7");
        vm.snapshotValue("Gas", "data, a further amount, gaps of 7", (many - few) / 24);
        Pay[] memory pays = somePays(1000);
        Batch memory b = makeBatch(NODE, 204, pays, 6);
        settlement.settle(b);
        settlement.promote(promoted(b), makeData(NODE, 204, pays, 6));
        snap("promote, 5 amounts");
    }

    function test_registry_and_escrow() public {
        token.mint(address(this), 1e18);
        token.approve(address(settlement), 1e18);
        settlement.deposit(payer, 1e18);
        snap("deposit");
        vm.prank(REGISTRAR);
        registry.registerAdapter(newAdapter("many", 1003, 32), payeesFor(64, 32, 64));
        snap("registerAdapter, 32 clusters");
    }
}
