// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {BatchVerifier} from "./BatchVerifier.sol";
import {ContributionLog} from "./ContributionLog.sol";
import {Delayed} from "./Delayed.sol";
import {PayoutSlots} from "./PayoutSlots.sol";
import {PolicyDigest} from "./PolicyDigest.sol";
import {SCALAR_MODULUS, SlotStatement} from "./StatementWords.sol";

/// @title Registry of attribution
/// @notice Knows models, Datanets, adapters, nodes, who is paid for a slot, and who may vouch for a batch.
/// @dev Assumes:
/// - the registrar's digests are those of the artefacts, and payees those of the Datanet's clusters. Both are
///   declared: whoever has the artefacts recomputes them;
/// - the admin proposes verifiers and attesters that deserve it. Everybody has the delay to look and to leave;
/// - the first verifiers and attesters are looked at before there is money.
contract AttributionRegistry is AccessControlDefaultAdminRules, ContributionLog, PayoutSlots, Delayed {
    /// @notice What the registry begins with.
    struct Setup {
        /// Proposes verifiers and attesters, grants roles.
        address admin;
        /// Seconds that changes wait.
        uint48 delay;
        /// There are 2^domain payout slots.
        uint8 domain;
        /// Names of circuits.
        bytes32[] shapes;
        /// Their verifiers.
        address[] verifiers;
        /// Who may vouch for a batch.
        address[] attesters;
    }

    /// @notice How an adapter's fees are shared.
    struct Policy {
        /// Exponent of influence: 1, 2 or 4.
        uint8 power;
        /// Basis points of contributors, adapter owner, base-model owner, node, treasury.
        uint16[5] bps;
    }

    /// @notice An adapter to register.
    struct NewAdapter {
        /// BLAKE3 of its artefact.
        bytes32 id;
        /// Digest of its base model.
        bytes32 model;
        /// Where its contributions are from.
        bytes32 datanet;
        /// Poseidon digest of its commitments. A field element.
        uint256 digest;
        /// Proposes policies.
        address owner;
        /// Clusters of contributions.
        uint32 clusters;
        /// How its fees are shared.
        Policy policy;
    }

    /// @notice A registered adapter.
    struct Adapter {
        /// Poseidon digest of its commitments.
        uint256 digest;
        /// Poseidon digest of its policy.
        uint256 policy;
        /// Proposes policies.
        address owner;
        /// First payout slot.
        uint32 base;
        /// Clusters of contributions.
        uint32 clusters;
    }

    /// @notice Registers models, adapters and nodes.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");

    /// @notice Pauses a settlement.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");

    /// @notice The last slots of an adapter's range: roles, the first four of them in use.
    uint32 public constant ROLES = 8;

    /// @dev Adapter owner, base owner, treasury, sink.
    uint256 private constant ROLE_PAYEES = 4;

    /// @dev The circuit's limit.
    uint32 private constant MOST_CLUSTERS = 1 << 10;

    /// @dev log₂ of the smallest range.
    uint256 private constant LEAST_RANGE = 4;

    /// @dev Basis points of everything.
    uint256 private constant WHOLE = 10_000;

    /// @notice Is a base model registered?
    mapping(bytes32 model => bool) public isModel;

    /// @notice Registered adapters.
    mapping(bytes32 id => Adapter) public adapters;

    /// @notice The adapter that a statement's line speaks of: a line is keccak256(abi.encode(digest, policy, base)).
    mapping(bytes32 line => bytes32 id) public adapterOfLine;

    /// @notice Who verifies proofs of a circuit.
    mapping(bytes32 shape => address) public verifierOf;

    /// @notice May somebody vouch for batches?
    mapping(address attester => bool) public isAttester;

    /// @dev Slots of nodes, plus 1.
    mapping(address node => uint256) private _nodeSlots;

    /// @notice A base model is registered.
    event ModelRegistered(bytes32 indexed model);

    /// @notice An adapter is registered. `payees` are those of slots base.. for its clusters, then of its roles.
    event AdapterRegistered(
        bytes32 indexed id,
        bytes32 indexed model,
        bytes32 indexed datanet,
        uint256 digest,
        address owner,
        uint32 base,
        uint32 size,
        uint32 clusters,
        address[] payees
    );

    /// @notice A node is registered, and paid for this slot.
    event NodeRegistered(address indexed node, uint32 slot);

    /// @notice An adapter is to have another policy.
    event PolicyProposed(bytes32 indexed id, uint8 power, uint16[5] bps, uint256 policy, uint64 due);

    /// @notice An adapter has this policy now. The digest is that of the latest proposal or of the registration.
    event PolicyApplied(bytes32 indexed id, uint256 policy);

    /// @notice A circuit is to have another verifier. 0 for none.
    event VerifierProposed(bytes32 indexed shape, address verifier, uint64 due);

    /// @notice A circuit has this verifier now.
    event VerifierApplied(bytes32 indexed shape, address verifier);

    /// @notice Somebody is to be an attester, or no more.
    event AttesterProposed(address indexed attester, bool allowed, uint64 due);

    /// @notice Somebody is an attester now, or no more.
    event AttesterApplied(address indexed attester, bool allowed);

    /// @notice There are as many shapes as verifiers.
    error ShapesAndVerifiers(uint256 shapes, uint256 verifiers);

    /// @notice There is no contract at the verifier's address.
    error NoVerifierCode(address found);

    /// @notice An attester cannot be address 0.
    error AttesterIsZero();

    /// @notice The model is registered already.
    error ModelExists(bytes32 model);

    /// @notice There is no such model.
    error UnknownModel(bytes32 model);

    /// @notice An adapter's id cannot be 0.
    error AdapterIsZero();

    /// @notice The adapter is registered already.
    error AdapterExists(bytes32 id);

    /// @notice There is no such adapter.
    error UnknownAdapter(bytes32 id);

    /// @notice An adapter needs an owner.
    error OwnerIsZero();

    /// @notice A digest is not a field element.
    error DigestOutOfRange(uint256 found);

    /// @notice An adapter has 1 to 1,024 clusters.
    error BadClusters(uint32 found);

    /// @notice Payees are those of the clusters and four roles.
    error PayeeCount(uint256 found, uint256 expected);

    /// @notice The node is registered already.
    error NodeExists(address node);

    /// @notice There is no such node.
    error UnknownNode(address node);

    /// @notice The exponent is 1, 2 or 4.
    error BadPower(uint8 found);

    /// @notice Basis points add up to 10,000.
    error BadShares(uint256 found);

    /// @notice The caller is not the adapter's owner.
    error NotOwner(address found, address expected);

    /// @notice No verifier is known for the shape.
    error UnknownShape(bytes32 shape);

    /// @notice This is no attester.
    error UnknownAttester(address found);

    /// @notice The statement gives the node another slot.
    error WrongNodeSlot(uint32 found, uint32 expected);

    /// @notice No adapter has this digest, policy and base, at least not any more.
    error UnknownLine(uint256 index);

    constructor(Setup memory s)
        AccessControlDefaultAdminRules(s.delay, s.admin)
        PayoutSlots(s.domain)
        Delayed(s.delay)
    {
        if (s.shapes.length != s.verifiers.length) revert ShapesAndVerifiers(s.shapes.length, s.verifiers.length);
        for (uint256 i = 0; i < s.shapes.length; ++i) {
            if (s.verifiers[i].code.length == 0) revert NoVerifierCode(s.verifiers[i]);
            _setVerifier(s.shapes[i], s.verifiers[i]);
        }
        for (uint256 i = 0; i < s.attesters.length; ++i) {
            if (s.attesters[i] == address(0)) revert AttesterIsZero();
            _setAttester(s.attesters[i], true);
        }
    }

    /// @notice Registers a base model.
    function registerModel(bytes32 digest) external onlyRole(REGISTRAR_ROLE) {
        if (isModel[digest]) revert ModelExists(digest);
        isModel[digest] = true;
        emit ModelRegistered(digest);
    }

    /// @notice Registers an adapter and gives it a range of slots, of which the last eight are roles'.
    /// @param a The adapter.
    /// @param payees Of its clusters in order, then adapter owner, base-model owner, treasury, sink.
    function registerAdapter(NewAdapter calldata a, address[] calldata payees) external onlyRole(REGISTRAR_ROLE) {
        if (a.id == 0) revert AdapterIsZero();
        if (adapters[a.id].owner != address(0)) revert AdapterExists(a.id);
        if (a.owner == address(0)) revert OwnerIsZero();
        if (!isModel[a.model]) revert UnknownModel(a.model);
        _requireDatanet(a.datanet);
        if (a.digest >= SCALAR_MODULUS) revert DigestOutOfRange(a.digest);
        if (a.clusters == 0 || a.clusters > MOST_CLUSTERS) revert BadClusters(a.clusters);
        if (payees.length != a.clusters + ROLE_PAYEES) revert PayeeCount(payees.length, a.clusters + ROLE_PAYEES);

        uint256 policy = _policyDigest(a.policy);
        uint256 log = _rangeOf(a.clusters);
        uint32 base = _takeRange(log);
        uint32 size = uint32(1 << log);
        for (uint32 i = 0; i < payees.length; ++i) {
            _setPayee(base + (i < a.clusters ? i : size - ROLES + (i - a.clusters)), payees[i]);
        }
        adapters[a.id] = Adapter(a.digest, policy, a.owner, base, a.clusters);
        adapterOfLine[_line(a.digest, policy, base)] = a.id;
        emit AdapterRegistered(a.id, a.model, a.datanet, a.digest, a.owner, base, size, a.clusters, payees);
        emit PolicyProposed(a.id, a.policy.power, a.policy.bps, policy, uint64(block.timestamp));
        emit PolicyApplied(a.id, policy);
    }

    /// @notice Registers a node, which becomes the payee of a slot.
    function registerNode(address node) external onlyRole(REGISTRAR_ROLE) {
        if (_nodeSlots[node] != 0) revert NodeExists(node);
        uint32 slot = _takeHighest();
        _nodeSlots[node] = uint256(slot) + 1;
        _setPayee(slot, node);
        emit NodeRegistered(node, slot);
    }

    /// @notice An adapter's owner proposes another policy.
    function proposePolicy(bytes32 id, Policy calldata p) external {
        address owner = adapters[id].owner;
        if (owner == address(0)) revert UnknownAdapter(id);
        if (owner != msg.sender) revert NotOwner(msg.sender, owner);
        uint256 policy = _policyDigest(p);
        emit PolicyProposed(id, p.power, p.bps, policy, _propose(_policyKey(id), policy));
    }

    /// @notice Applies a proposed policy after the delay. By anybody. Batches under the old one settle no more.
    function applyPolicy(bytes32 id) external {
        uint256 policy = _due(_policyKey(id));
        Adapter storage a = adapters[id];
        delete adapterOfLine[_line(a.digest, a.policy, a.base)];
        a.policy = policy;
        adapterOfLine[_line(a.digest, policy, a.base)] = id;
        emit PolicyApplied(id, policy);
    }

    /// @notice The admin proposes a circuit's verifier. 0 for none.
    function proposeVerifier(bytes32 shape, address verifier) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (verifier != address(0) && verifier.code.length == 0) revert NoVerifierCode(verifier);
        emit VerifierProposed(shape, verifier, _propose(_verifierKey(shape), uint160(verifier)));
    }

    /// @notice Applies a proposed verifier after the delay. By anybody.
    function applyVerifier(bytes32 shape) external {
        _setVerifier(shape, address(uint160(_due(_verifierKey(shape)))));
    }

    /// @notice The admin proposes that somebody be an attester, or no more.
    function proposeAttester(address attester, bool allowed) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (attester == address(0)) revert AttesterIsZero();
        emit AttesterProposed(attester, allowed, _propose(_attesterKey(attester), allowed ? 1 : 0));
    }

    /// @notice Applies what is proposed of an attester after the delay. By anybody.
    function applyAttester(address attester) external {
        _setAttester(attester, _due(_attesterKey(attester)) == 1);
    }

    /// @notice What a settlement has to know of a batch, in one call. Refuses what is not registered.
    /// @return verifier Who verifies proofs of the shape.
    /// @return ids The adapter of each line.
    function terms(
        bytes32 shape,
        address attester,
        address node,
        uint32 nodeSlot,
        SlotStatement[] calldata lines
    ) external view returns (BatchVerifier verifier, bytes32[] memory ids) {
        verifier = BatchVerifier(verifierOf[shape]);
        if (address(verifier) == address(0)) revert UnknownShape(shape);
        if (!isAttester[attester]) revert UnknownAttester(attester);
        uint32 expected = nodeSlotOf(node);
        if (nodeSlot != expected) revert WrongNodeSlot(nodeSlot, expected);
        ids = new bytes32[](lines.length);
        for (uint256 i = 0; i < lines.length; ++i) {
            SlotStatement calldata line = lines[i];
            ids[i] = adapterOfLine[_line(line.adapter, line.policy, line.base)];
            if (ids[i] == 0) revert UnknownLine(i);
        }
    }

    /// @notice The payout slot of a node.
    function nodeSlotOf(address node) public view returns (uint32) {
        uint256 next = _nodeSlots[node];
        if (next == 0) revert UnknownNode(node);
        return uint32(next - 1);
    }

    function _setVerifier(bytes32 shape, address verifier) private {
        verifierOf[shape] = verifier;
        emit VerifierApplied(shape, verifier);
    }

    function _setAttester(address attester, bool allowed) private {
        isAttester[attester] = allowed;
        emit AttesterApplied(attester, allowed);
    }

    /// @dev The circuit's digest of a policy that it accepts.
    function _policyDigest(Policy calldata p) private pure returns (uint256) {
        if (p.power != 1 && p.power != 2 && p.power != 4) revert BadPower(p.power);
        uint256 sum = 0;
        for (uint256 i = 0; i < p.bps.length; ++i) {
            sum += p.bps[i];
        }
        if (sum != WHOLE) revert BadShares(sum);
        return PolicyDigest.digest(p.power, p.bps);
    }

    /// @dev log₂ of an adapter's slots: twice its clusters' next power of two, at least 16.
    function _rangeOf(uint32 clusters) private pure returns (uint256 log) {
        log = 1;
        while (1 << (log - 1) < clusters) ++log;
        if (log < LEAST_RANGE) log = LEAST_RANGE;
    }

    function _line(uint256 digest, uint256 policy, uint32 base) private pure returns (bytes32) {
        return keccak256(abi.encode(digest, policy, base));
    }

    function _policyKey(bytes32 id) private pure returns (bytes32) {
        return keccak256(abi.encode("policy", id));
    }

    function _verifierKey(bytes32 shape) private pure returns (bytes32) {
        return keccak256(abi.encode("verifier", shape));
    }

    function _attesterKey(address attester) private pure returns (bytes32) {
        return keccak256(abi.encode("attester", attester));
    }
}
