// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Accumulators} from "./Accumulators.sol";
import {AttributionRegistry} from "./AttributionRegistry.sol";
import {BatchVerifier} from "./BatchVerifier.sol";
import {FeeEscrow} from "./FeeEscrow.sol";
import {Kzg} from "./Kzg.sol";
import {Pausing} from "./Pausing.sol";
import {PayoutDomain} from "./PayoutDomain.sol";
import {Batch, Data, PromotedBatch, Redemption, SlotClaim} from "./SettlementTypes.sol";
import {SCALAR_MODULUS, SlotStatement, Statement} from "./StatementWords.sol";

/// @title Settlement of batches
/// @notice Takes proven batches, keeps what they pay as commitments, and pays what an opening of these shows.
/// Nobody, in no role, names an amount that is paid: every payout is opened from proven commitments.
/// @dev Assumes:
/// - nobody knows τ of the reference string, and [τ]₂ here is the verifiers';
/// - every verifier in the registry accepts proofs of this project's circuit alone, for the registry's domain;
/// - an attester signs what is so: inputs, fees per request and token counts rest on that;
/// - the registrar wrote down the digests and payees that are so;
/// - the token is as FeeEscrow wants it, and blocks no payee: a blocked one has to pass its slot on;
/// - who pauses also resumes. Payouts wait that long.
/// Anybody may send a batch: it says itself who is paid. Who sends it chooses the accumulator, and which of the
/// payers' vouchers in it are used, within what they signed.
contract Settlement is FeeEscrow, Accumulators, Pausing {
    using SafeERC20 for IERC20;

    /// @notice What this contract is made of. None of it ever changes.
    struct Setup {
        /// Who may settle and who is paid.
        AttributionRegistry registry;
        /// What is paid with.
        IERC20 token;
        /// Seconds from request to withdrawal of a deposit.
        uint64 notice;
        /// When epoch 0 begins, in seconds.
        uint64 start;
        /// Seconds of an epoch.
        uint64 length;
        /// [τ]₂ as precompile 8 reads it: x and y, of each the imaginary part first.
        uint256[4] tau;
    }

    /// @notice A node's latest batches that can be promoted: one for each remainder of the nonce by this number.
    /// @dev A word of storage that is used again costs 5,000 gas, a new one 22,100.
    uint64 public constant RECORDS = 64;

    /// @dev EIP-712 type of an attestation.
    bytes32 private constant ATTESTATION_TYPE =
        keccak256("Attestation(address node,uint64 nonce,bytes32 inputs,bytes32 requests,bytes32 receipts)");

    /// @dev Told apart by these, no hash for one purpose is one for another.
    bytes32 private constant DATA_TAG = "talea 1 data";
    bytes32 private constant CLAIMS_TAG = "talea 1 claims";

    /// @notice There are 2^sigma payout slots.
    uint256 public immutable sigma;

    /// @notice Slot s stands at omega^s.
    uint256 public immutable omega;

    uint256 private immutable _tau0;
    uint256 private immutable _tau1;
    uint256 private immutable _tau2;
    uint256 private immutable _tau3;

    /// @dev Cumulative amounts that were claimed, those of two neighbouring slots in a word.
    // slither-disable-next-line uninitialized-state
    mapping(address accumulator => mapping(uint256 pair => uint256)) private _claimed;

    /// @dev Which nonces of a node are settled, a bit each.
    mapping(address node => mapping(uint256 group => uint256)) private _nonces;

    /// @dev Hashes of batches that were settled without their data, by nonce mod RECORDS.
    mapping(address node => mapping(uint256 place => bytes32)) private _records;

    /// @notice The contract is there. It is its first event, so that whoever reads events finds its creation.
    event SettlementCreated(Setup setup);

    /// @notice A batch is settled. `adapters` and `fees` are those of its lines.
    event BatchSettled(
        address indexed node,
        uint64 indexed nonce,
        address indexed accumulator,
        uint32 epoch,
        bytes32 shape,
        address attester,
        bytes32 receipts,
        uint256[3] commitments,
        uint256[2] payouts,
        bytes32[] adapters,
        uint128[] fees
    );

    /// @notice A batch's payouts are public, shown by `opening` to be those under its commitment.
    event DataPublished(
        address indexed node, uint64 indexed nonce, bytes amounts, uint256 rho, uint256[2] opening
    );

    /// @notice A batch went from its node's accumulator to the global one.
    event BatchPromoted(address indexed node, uint64 indexed nonce, uint32 epoch, uint112 total, uint256[2] payouts);

    /// @notice A slot's payee was paid. `cumulative` is all that the slot was ever paid from this accumulator.
    event Claimed(
        address indexed accumulator,
        uint32 indexed slot,
        address indexed payee,
        uint32 epoch,
        uint128 cumulative,
        uint128 amount
    );

    /// @notice [τ]₂ is infinity, or the generator or its negative, whose τ everybody knows. (Precompile 8 refuses what is
    /// not in G2.)
    error BadReferenceString();

    /// @notice This node's batch of this number is settled already.
    error BatchAlreadySettled(address node, uint64 nonce);

    /// @notice A voucher is for an adapter that the batch has no line of.
    error AdapterNotInBatch(bytes32 adapter);

    /// @notice Vouchers would pay more than an adapter's fees.
    error FeesExceeded(bytes32 adapter, uint256 found, uint256 due);

    /// @notice Vouchers leave some of an adapter's fees unpaid.
    error FeesNotCovered(bytes32 adapter, uint256 due);

    /// @notice A number is not a field element.
    error NotAScalar(uint256 found);

    /// @notice The amounts do not add up to the batch's fees.
    error AmountsTotal(uint256 found, uint256 expected);

    /// @notice An opening is infinity.
    error OpeningIsInfinity();

    /// @notice The openings do not show the amounts.
    error OpeningRejected();

    /// @notice No such batch was settled in this epoch without its data, or it is promoted already.
    error NotPromotable(address node, uint64 nonce);

    /// @notice The slot is nobody's.
    error NoPayee(uint32 slot);

    /// @notice The slot has been paid as much or more.
    error NothingToClaim(uint32 slot, uint128 cumulative, uint128 claimed);

    /// @notice There is nothing in the list that is not paid already.
    error NoClaims();

    constructor(Setup memory s) FeeEscrow(s.token, s.notice) Accumulators(s.start, s.length) Pausing(s.registry) {
        if (s.tau[0] | s.tau[1] | s.tau[2] | s.tau[3] == 0 || Kzg.isUnit(s.tau)) revert BadReferenceString();
        // e(0, G₂) = e(0, [τ]₂) holds for every point of G2, and the precompile refuses anything else
        uint256[2] memory zero;
        if (!Kzg.paired(zero, zero, s.tau)) revert BadReferenceString();
        sigma = s.registry.domain();
        omega = PayoutDomain.root(sigma);
        (_tau0, _tau1, _tau2, _tau3) = (s.tau[0], s.tau[1], s.tau[2], s.tau[3]);
        emit SettlementCreated(s);
    }

    /// @notice Settles a batch whose payouts stay hidden: they go to the node's own accumulator.
    /// @dev By anybody. A node that keeps its amounts to itself freezes what it served, and nothing else.
    function settle(Batch calldata batch) external nonReentrant whenSettling {
        Statement calldata s = batch.statement;
        uint32 epoch = currentEpoch();
        uint112 total = _settle(batch, s.node, epoch);
        _records[s.node][s.nonce % RECORDS] = _record(s.nonce, s.payouts, total, epoch);
    }

    /// @notice Settles a batch and publishes its payouts: they go to the global accumulator.
    function settleWithData(Batch calldata batch, Data calldata data) external nonReentrant whenSettling {
        Statement calldata s = batch.statement;
        uint112 total = _settle(batch, GLOBAL, currentEpoch());
        _publish(s.node, s.nonce, s.payouts, total, data);
    }

    /// @notice Publishes the payouts of a batch that was settled in this epoch, and moves it to the global
    /// accumulator. By anybody who has them.
    /// @dev Not later: what a closed epoch ended with may have been claimed from.
    function promote(PromotedBatch calldata batch, Data calldata data) external nonReentrant whenSettling {
        uint32 epoch = currentEpoch();
        bytes32 record = _record(batch.nonce, batch.payouts, batch.total, epoch);
        if (_records[batch.node][batch.nonce % RECORDS] != record) revert NotPromotable(batch.node, batch.nonce);
        // any other word: no hash is 1, and a word that is not 0 is cheaper to use again
        _records[batch.node][batch.nonce % RECORDS] = bytes32(uint256(1));
        _take(batch.node, batch.payouts, batch.total);
        _add(GLOBAL, batch.payouts, batch.total, epoch);
        emit BatchPromoted(batch.node, batch.nonce, epoch, batch.total, batch.payouts);
        _publish(batch.node, batch.nonce, batch.payouts, batch.total, data);
    }

    /// @notice Pays a slot's payee what the slot has earned in an accumulator up to the end of an epoch, and was not
    /// paid yet. By anybody.
    /// @param accumulator The node whose it is, or GLOBAL.
    /// @param epoch A closed epoch: one in which the accumulator last changed, or any after its very last change.
    /// @param value The accumulator's value at its end.
    /// @param slot Payout slot.
    /// @param cumulative All that the slot has earned.
    /// @param opening Opening of `value` at the slot's place.
    function claim(
        address accumulator,
        uint32 epoch,
        uint256[2] calldata value,
        uint32 slot,
        uint128 cumulative,
        uint256[2] calldata opening
    ) external nonReentrant whenClaiming {
        Totals memory sums = _requireValue(accumulator, epoch, value);
        _requireSlot(slot);
        _requireOpening(opening);
        address payee = registry.payeeOf(slot);
        uint128 amount = _note(accumulator, epoch, slot, cumulative, payee);
        if (amount == 0) revert NothingToClaim(slot, cumulative, claimedOf(accumulator, slot));
        _count(accumulator, sums, amount);
        if (!Kzg.opens(value, cumulative, _place(slot), opening, referenceString())) revert OpeningRejected();
        token.safeTransfer(payee, amount);
    }

    /// @notice Pays the payees of several slots. A slot that has been paid as much or more is passed over, so that
    /// nobody can spoil a list by claiming one slot of it first.
    /// @param claims Slots in increasing order, with what each has earned and its opening.
    function claimMany(address accumulator, uint32 epoch, uint256[2] calldata value, SlotClaim[] calldata claims)
        external
        nonReentrant
        whenClaiming
    {
        Totals memory sums = _requireValue(accumulator, epoch, value);
        uint32[] memory slots = _requireSlots(claims);
        address[] memory payees = registry.payeesOf(slots);
        uint128[] memory amounts = new uint128[](claims.length);
        uint256 sum = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            uint128 amount = _note(accumulator, epoch, slots[i], claims[i].cumulative, payees[i]);
            amounts[i] = amount;
            sum += amount;
        }
        if (sum == 0) revert NoClaims();
        _count(accumulator, sums, sum);
        _requireOpenings(value, slots, claims);
        // neighbours are often one person's
        uint256 together = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            address payee = payees[i];
            together += amounts[i];
            if (together != 0 && (i + 1 == amounts.length || payees[i + 1] != payee)) {
                token.safeTransfer(payee, together);
                together = 0;
            }
        }
    }

    /// @notice What a slot was paid out of an accumulator.
    function claimedOf(address accumulator, uint32 slot) public view returns (uint128) {
        return uint128(_claimed[accumulator][slot >> 1] >> _shift(slot));
    }

    /// @notice Is a node's batch of this number settled?
    function isSettled(address node, uint64 nonce) external view returns (bool) {
        return _nonces[node][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    /// @notice What an attester signs.
    function attestationDigest(address node, uint64 nonce, uint256 inputs, uint256 requests, bytes32 receipts)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(ATTESTATION_TYPE, node, nonce, inputs, requests, receipts)));
    }

    /// @dev Everything about a batch but its payouts in the clear.
    /// @return Sum of its fees.
    function _settle(Batch calldata batch, address accumulator, uint32 epoch) private returns (uint112) {
        Statement calldata s = batch.statement;
        _requireNew(s.node, s.nonce);
        (BatchVerifier verifier, bytes32[] memory adapters) =
            registry.terms(batch.shape, batch.attester, s.node, s.nodeSlot, s.slots);
        _requireSigner(
            attestationDigest(s.node, s.nonce, s.inputs, s.requests, s.receipts), batch.attestation, batch.attester
        );
        (uint128[] memory fees, uint112 total) = _collect(s.node, s.slots, adapters, batch.redemptions);
        verifier.verify(s, batch.proof);
        _add(accumulator, s.payouts, total, epoch);
        emit BatchSettled(
            s.node,
            s.nonce,
            accumulator,
            epoch,
            batch.shape,
            batch.attester,
            s.receipts,
            [s.inputs, s.requests, s.deltas],
            s.payouts,
            adapters,
            fees
        );
        return total;
    }

    /// @dev Marks a batch as settled. It is known by node and number, never by its proof, which has many encodings.
    function _requireNew(address node, uint64 nonce) private {
        uint256 group = _nonces[node][nonce >> 8];
        uint256 bit = 1 << (nonce & 0xff);
        if (group & bit != 0) revert BatchAlreadySettled(node, nonce);
        _nonces[node][nonce >> 8] = group | bit;
    }

    /// @dev Redeems vouchers. Per adapter they add up to the fees of its lines, which may be several, exactly.
    /// @return fees Fees of the lines.
    /// @return total Their sum.
    function _collect(
        address node,
        SlotStatement[] calldata lines,
        bytes32[] memory adapters,
        Redemption[] calldata redemptions
    ) private returns (uint128[] memory fees, uint112 total) {
        fees = new uint128[](lines.length);
        // what is still due of an adapter stands at the first of its lines
        uint256[] memory due = new uint256[](lines.length);
        uint256 sum = 0;
        for (uint256 i = 0; i < lines.length; ++i) {
            fees[i] = lines[i].fees;
            due[_firstOf(adapters, adapters[i])] += fees[i];
            sum += fees[i];
        }
        if (sum > type(uint112).max) revert TooMuchSettled(sum);
        for (uint256 i = 0; i < redemptions.length; ++i) {
            Redemption calldata r = redemptions[i];
            uint256 first = _firstOf(adapters, r.adapter);
            if (r.amount > due[first]) revert FeesExceeded(r.adapter, r.amount, due[first]);
            due[first] -= r.amount;
            _redeem(node, r);
        }
        for (uint256 i = 0; i < lines.length; ++i) {
            if (due[i] != 0) revert FeesNotCovered(adapters[i], due[i]);
        }
        total = uint112(sum);
    }

    /// @dev The first line of an adapter. A batch has few lines.
    function _firstOf(bytes32[] memory adapters, bytes32 adapter) private pure returns (uint256 i) {
        while (i < adapters.length && adapters[i] != adapter) ++i;
        if (i == adapters.length) revert AdapterNotInBatch(adapter);
    }

    /// @dev What is remembered of a batch that may be promoted.
    function _record(uint64 nonce, uint256[2] calldata payouts, uint112 total, uint32 epoch)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(nonce, payouts, total, epoch));
    }

    /// @dev Checks amounts against their commitment at a challenge that is drawn after both, and after rho.
    function _publish(address node, uint64 nonce, uint256[2] calldata payouts, uint112 total, Data calldata data)
        private
    {
        if (data.rho >= SCALAR_MODULUS) revert NotAScalar(data.rho);
        _requireOpening(data.opening);
        uint256 zeta = uint256(
            keccak256(
                abi.encode(
                    DATA_TAG, block.chainid, address(this), node, nonce, payouts, data.rho, keccak256(data.amounts)
                )
            )
        ) % SCALAR_MODULUS;
        (uint256 y, uint256 found) = PayoutDomain.evaluate(data.amounts, sigma, omega, zeta, data.rho);
        if (found != total) revert AmountsTotal(found, total);
        if (!Kzg.opens(payouts, y, zeta, data.opening, referenceString())) revert OpeningRejected();
        emit DataPublished(node, nonce, data.amounts, data.rho, data.opening);
    }

    /// @dev Writes down that a slot is paid up to `cumulative`.
    /// @return amount What it has not been paid yet. 0, and nothing is written, if that is nothing.
    function _note(address accumulator, uint32 epoch, uint32 slot, uint128 cumulative, address payee)
        private
        returns (uint128 amount)
    {
        if (payee == address(0)) revert NoPayee(slot);
        mapping(uint256 pair => uint256) storage paid = _claimed[accumulator];
        uint256 pair = paid[slot >> 1];
        uint256 shift = _shift(slot);
        uint128 before = uint128(pair >> shift);
        if (cumulative <= before) return 0;
        unchecked {
            amount = cumulative - before;
            // the other half stays: only this one's difference is added, and the sum fits its half
            paid[slot >> 1] = pair + (uint256(amount) << shift);
        }
        emit Claimed(accumulator, slot, payee, epoch, cumulative, amount);
    }

    /// @dev Checks all openings at once. The weights are powers of a challenge that is drawn after everything in the
    /// call, so openings of which one is wrong pass for fewer than `claims.length` of r challenges.
    function _requireOpenings(uint256[2] calldata value, uint32[] memory slots, SlotClaim[] calldata claims)
        private
        view
    {
        // the data of this call hold accumulator, epoch, value, slots, amounts and openings; to encode these anew for
        // the hash costs 310 gas more for each slot
        uint256 gamma = uint256(
            keccak256(abi.encode(CLAIMS_TAG, block.chainid, address(this), keccak256(msg.data)))
        ) % SCALAR_MODULUS;
        uint256 weight = 1;
        uint256 weights = 0;
        uint256 y = 0;
        uint256[2] memory openings;
        uint256[2] memory shifted;
        uint256 r = SCALAR_MODULUS;
        for (uint256 i = 0; i < claims.length; ++i) {
            SlotClaim calldata c = claims[i];
            weights = addmod(weights, weight, r);
            y = addmod(y, mulmod(weight, c.cumulative, r), r);
            uint256 place = Kzg.power(omega, slots[i], r);
            Kzg.addMultiples(openings, weight, shifted, mulmod(weight, place, r), c.opening);
            weight = mulmod(weight, gamma, r);
        }
        uint256[2] memory left = Kzg.add(Kzg.less(Kzg.mul(value, weights), y), shifted);
        if (!Kzg.paired(left, openings, referenceString())) revert OpeningRejected();
    }

    /// @dev Refuses slots that are not increasing and openings that are none.
    /// @return slots The slots.
    function _requireSlots(SlotClaim[] calldata claims) private view returns (uint32[] memory slots) {
        if (claims.length == 0) revert NoClaims();
        slots = new uint32[](claims.length);
        uint256 least = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            SlotClaim calldata c = claims[i];
            uint32 slot = c.slot;
            if (slot < least) revert PayoutDomain.SlotNotIncreasing(slot, least);
            least = uint256(slot) + 1;
            _requireSlot(slot);
            _requireOpening(c.opening);
            slots[i] = slot;
        }
    }

    function _requireSlot(uint32 slot) private view {
        if (slot >> sigma != 0) revert PayoutDomain.SlotOutOfRange(slot, 1 << sigma);
    }

    /// @dev At infinity an opening would show a constant: C = y·G₁.
    function _requireOpening(uint256[2] calldata opening) private pure {
        if (opening[0] | opening[1] == 0) revert OpeningIsInfinity();
        Kzg.requirePoint(opening[0], opening[1]);
    }

    /// @dev Where a slot stands in the domain.
    function _place(uint32 slot) private view returns (uint256) {
        return Kzg.power(omega, slot, SCALAR_MODULUS);
    }

    /// @dev Where a slot's amount lies in its pair's word.
    function _shift(uint32 slot) private pure returns (uint256) {
        return (slot & 1) << 7;
    }

    /// @notice [τ]₂ as precompile 8 reads it: x and y, of each the imaginary part first.
    function referenceString() public view returns (uint256[4] memory) {
        return [_tau0, _tau1, _tau2, _tau3];
    }
}
