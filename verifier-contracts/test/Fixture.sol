// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {AttributionRegistry} from "../src/AttributionRegistry.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Data, PromotedBatch, Redemption, SlotClaim} from "../src/SettlementTypes.sol";
import {SCALAR_MODULUS as R, SlotStatement} from "../src/StatementWords.sol";
import {TestToken} from "../src/TestToken.sol";
import {BatchVerifierDouble} from "./BatchVerifierDouble.sol";
import {Pay, TestKzg} from "./TestKzg.sol";
import {vm} from "./Vm.sol";

/// @notice A deployment with two adapters, two nodes and two payers, and batches for it. Proofs are a double's;
/// commitments and openings are real.
abstract contract Fixture {
    uint8 internal constant SIGMA = 8;
    uint48 internal constant DELAY = 2 days;
    uint64 internal constant NOTICE = 7 days;
    uint64 internal constant EPOCH = 1 days;
    bytes32 internal constant SHAPE = "shape";
    bytes32 internal constant MODEL = "model";
    bytes32 internal constant DATANET_NAME = "datanet";
    bytes32 internal immutable DATANET = keccak256(abi.encode(address(this), DATANET_NAME));
    bytes32 internal constant CROPS = "crops";
    bytes32 internal constant WEATHER = "weather";
    uint256 internal constant CROPS_DIGEST = 1001;
    uint256 internal constant WEATHER_DIGEST = 1002;
    uint128 internal constant FUNDS = 1e30;

    uint256 internal constant PAYER_KEY = 0xa1;
    uint256 internal constant OTHER_PAYER_KEY = 0xa2;
    uint256 internal constant ATTESTER_KEY = 0xa3;

    address internal immutable payer = vm.addr(PAYER_KEY);
    address internal immutable otherPayer = vm.addr(OTHER_PAYER_KEY);
    address internal immutable attester = vm.addr(ATTESTER_KEY);
    address internal constant ADMIN = address(0xad);
    address internal constant REGISTRAR = address(0xae);
    address internal constant GUARDIAN = address(0xaf);
    address internal constant OWNER = address(0xb0);
    address internal constant NODE = address(0xc0);
    address internal constant OTHER_NODE = address(0xc1);
    address internal constant GLOBAL = address(0);

    BatchVerifierDouble internal verifier;
    AttributionRegistry internal registry;
    TestToken internal token;
    Settlement internal settlement;

    /// @dev What payers have signed for so far, per payer, node and adapter.
    mapping(bytes32 key => uint128) internal signed;

    function setUp() public virtual {
        vm.warp(1_790_000_000);
        verifier = new BatchVerifierDouble();
        registry = new AttributionRegistry(registrySetup());
        vm.startPrank(ADMIN);
        registry.grantRole(registry.REGISTRAR_ROLE(), REGISTRAR);
        registry.grantRole(registry.GUARDIAN_ROLE(), GUARDIAN);
        vm.stopPrank();
        token = new TestToken();
        settlement = new Settlement(settlementSetup());
        registry.registerDatanet(DATANET_NAME);
        vm.startPrank(REGISTRAR);
        registry.registerModel(MODEL);
        registry.registerAdapter(newAdapter(CROPS, CROPS_DIGEST, 3), payeesFor(0, 3, 16));
        registry.registerAdapter(newAdapter(WEATHER, WEATHER_DIGEST, 4), payeesFor(16, 4, 16));
        registry.registerNode(NODE);
        registry.registerNode(OTHER_NODE);
        vm.stopPrank();
        fund(payer, FUNDS);
        fund(otherPayer, FUNDS);
    }

    function registrySetup() internal view returns (AttributionRegistry.Setup memory s) {
        s.admin = ADMIN;
        s.delay = DELAY;
        s.domain = SIGMA;
        s.shapes = new bytes32[](1);
        s.shapes[0] = SHAPE;
        s.verifiers = new address[](1);
        s.verifiers[0] = address(verifier);
        s.attesters = new address[](1);
        s.attesters[0] = attester;
    }

    function settlementSetup() internal view returns (Settlement.Setup memory s) {
        s.registry = registry;
        s.token = token;
        s.notice = NOTICE;
        s.start = uint64(block.timestamp);
        s.length = EPOCH;
        s.tau = TestKzg.tau();
    }

    function policy() internal pure returns (AttributionRegistry.Policy memory) {
        return AttributionRegistry.Policy(2, [5000, 2000, 1500, 1000, 500]);
    }

    function newAdapter(bytes32 id, uint256 digest, uint32 clusters)
        internal
        view
        returns (AttributionRegistry.NewAdapter memory)
    {
        return AttributionRegistry.NewAdapter(id, MODEL, DATANET, digest, OWNER, clusters, policy());
    }

    /// @dev Payee of a slot in these tests.
    function payeeFor(uint32 slot) internal pure returns (address) {
        return address(uint160(0x10000 + slot));
    }

    /// @dev Of the clusters from `base` on, then of the four roles in the last eight slots.
    function payeesFor(uint32 base, uint32 clusters, uint32 size) internal pure returns (address[] memory payees) {
        payees = new address[](clusters + 4);
        for (uint32 i = 0; i < payees.length; ++i) {
            payees[i] = payeeFor(i < clusters ? base + i : base + size - 8 + i - clusters);
        }
    }

    function fund(address who, uint128 amount) internal {
        token.mint(address(this), amount);
        token.approve(address(settlement), amount);
        settlement.deposit(who, amount);
    }

    function onePay(uint32 slot, uint128 amount) internal pure returns (Pay[] memory pays) {
        pays = new Pay[](1);
        pays[0] = Pay(slot, amount);
    }

    /// @dev Payouts of one batch of the first adapter: its clusters, its sink, the node.
    function somePays(uint128 unit) internal pure returns (Pay[] memory pays) {
        pays = new Pay[](5);
        pays[0] = Pay(0, 3 * unit);
        pays[1] = Pay(1, 2 * unit);
        pays[2] = Pay(2, unit);
        pays[3] = Pay(11, 7);
        pays[4] = Pay(255, unit);
    }

    function line(bytes32 id, uint128 fees) internal view returns (SlotStatement memory l) {
        (uint256 digest, uint256 policyDigest,, uint32 base,) = registry.adapters(id);
        return SlotStatement(digest, policyDigest, base, fees);
    }

    /// @dev A batch of one line whose payer pays it whole.
    function makeBatch(address node, uint64 nonce, Pay[] memory pays, uint256 rho)
        internal
        returns (Batch memory b)
    {
        b.shape = SHAPE;
        b.statement.node = node;
        b.statement.nonce = nonce;
        b.statement.nodeSlot = registry.nodeSlotOf(node);
        b.statement.slots = new SlotStatement[](1);
        b.statement.slots[0] = line(CROPS, TestKzg.total(pays));
        b.statement.receipts = keccak256(abi.encode("receipts", node, nonce));
        b.statement.inputs = 11;
        b.statement.requests = 12;
        b.statement.deltas = 13;
        b.statement.payouts = TestKzg.point(TestKzg.atTau(pays, rho, SIGMA));
        b.redemptions = new Redemption[](1);
        b.redemptions[0] = voucher(PAYER_KEY, node, CROPS, TestKzg.total(pays));
        b.attester = attester;
        attest(b);
    }

    function attest(Batch memory b) internal view {
        b.attestation = signedBy(
            ATTESTER_KEY,
            settlement.attestationDigest(
                b.statement.node, b.statement.nonce, b.statement.inputs, b.statement.requests, b.statement.receipts
            )
        );
    }

    /// @dev The next voucher of a payer, and all of what it adds.
    function voucher(uint256 key, address node, bytes32 adapter, uint128 amount)
        internal
        returns (Redemption memory r)
    {
        bytes32 key_ = keccak256(abi.encode(key, node, adapter));
        signed[key_] += amount;
        r = Redemption(vm.addr(key), adapter, signed[key_], uint64(block.timestamp), 1, amount, "");
        sign(key, node, r);
    }

    function sign(uint256 key, address node, Redemption memory r) internal view {
        r.signature = signedBy(
            key, settlement.voucherDigest(r.payer, node, r.adapter, r.cumulative, r.timestamp, r.nonce)
        );
    }

    function signedBy(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The challenge at which a batch's data are opened, as docs/protocol/settlement.md §4 has it.
    function challenge(address node, uint64 nonce, uint256[2] memory payouts, uint256 rho, bytes memory amounts)
        internal
        view
        returns (uint256)
    {
        return uint256(
            keccak256(
                abi.encode(
                    bytes32("talea 1 data"),
                    block.chainid,
                    address(settlement),
                    node,
                    nonce,
                    payouts,
                    rho,
                    keccak256(amounts)
                )
            )
        ) % R;
    }

    function makeData(address node, uint64 nonce, Pay[] memory pays, uint256 rho)
        internal
        view
        returns (Data memory)
    {
        uint256 f = TestKzg.atTau(pays, rho, SIGMA);
        bytes memory amounts = TestKzg.encoded(pays);
        uint256 zeta = challenge(node, nonce, TestKzg.point(f), rho, amounts);
        return Data(amounts, rho, TestKzg.opening(f, TestKzg.evaluate(pays, rho, zeta, SIGMA), zeta));
    }

    function promoted(Batch memory b) internal pure returns (PromotedBatch memory p) {
        p.node = b.statement.node;
        p.nonce = b.statement.nonce;
        p.payouts = b.statement.payouts;
        p.total = uint112(b.statement.slots[0].fees);
    }

    function place(uint32 slot) internal view returns (uint256) {
        return TestKzg.power(TestKzg.omega(SIGMA), slot);
    }

    /// @dev What shows that f has `amount` at a slot.
    function slotClaim(uint256 f, uint32 slot, uint128 amount) internal view returns (SlotClaim memory) {
        return SlotClaim(slot, amount, TestKzg.opening(f, amount, place(slot)));
    }

    function nextEpoch() internal {
        vm.warp(block.timestamp + EPOCH);
    }
}
