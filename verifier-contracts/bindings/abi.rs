//! Types, functions, events and errors of the hand-written contracts: `src/*.sol`, whose NatSpec says what they are.
#![allow(missing_docs, reason = "the contracts' NatSpec says it")]
#![allow(clippy::too_many_arguments, reason = "events have as many fields as they need")]

use alloy_sol_types::sol;

sol! {
    #[derive(Debug, PartialEq, Eq)]
    struct SlotStatement {
        uint256 adapter;
        uint256 policy;
        uint32 base;
        uint128 fees;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Statement {
        address node;
        uint64 nonce;
        SlotStatement[] slots;
        uint32 nodeSlot;
        bytes32 receipts;
        uint256 inputs;
        uint256 requests;
        uint256 deltas;
        uint256[2] payouts;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct BatchProof {
        uint256[12] accumulator;
        uint256 digest;
        bytes proof;
    }

    #[derive(Debug, PartialEq, Eq)]
    #[sol(abi)]
    contract BatchVerifier {
        error DelegateCall();
        error NoCode(address generated);
        error SlotCount(uint256 found, uint256 expected);
        error ProofLength(uint256 found, uint256 expected);
        error LimbOutOfRange(uint256 index, uint256 value);
        error DigestOutOfRange(uint256 value);
        error NotEnoughGas(uint256 found, uint256 needed);
        error ProofRejected();
        error WordOutOfRange(uint256 index, uint256 value);
        error PayoutsNotOnCurve();

        constructor(address generated_, uint256 slots_, uint256 proofLength_, uint256 gasCap_);
        function generated() external view returns (address);
        function slots() external view returns (uint256);
        function proofLength() external view returns (uint256);
        function gasCap() external view returns (uint256);
        function verify(Statement calldata s, BatchProof calldata p) external view returns (uint256 digest);
        function instances(Statement calldata s, BatchProof calldata p) public view returns (uint256[15] memory x);
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Redemption {
        address payer;
        bytes32 adapter;
        uint128 cumulative;
        uint64 timestamp;
        uint64 nonce;
        uint128 amount;
        bytes signature;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Batch {
        bytes32 shape;
        Statement statement;
        BatchProof proof;
        address attester;
        bytes attestation;
        Redemption[] redemptions;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Data {
        bytes amounts;
        uint256 rho;
        uint256[2] opening;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct PromotedBatch {
        address node;
        uint64 nonce;
        uint256[2] payouts;
        uint112 total;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct SlotClaim {
        uint32 slot;
        uint128 cumulative;
        uint256[2] opening;
    }

    #[derive(Debug, PartialEq, Eq)]
    #[sol(abi)]
    contract AttributionRegistry {
        struct Setup {
            address admin;
            uint48 delay;
            uint8 domain;
            bytes32[] shapes;
            address[] verifiers;
            address[] attesters;
        }

        struct Policy {
            uint8 power;
            uint16[5] bps;
        }

        struct NewAdapter {
            bytes32 id;
            bytes32 model;
            bytes32 datanet;
            uint256 digest;
            address owner;
            uint32 clusters;
            Policy policy;
        }

        event ModelRegistered(bytes32 indexed model);
        event AdapterRegistered( bytes32 indexed id, bytes32 indexed model, bytes32 indexed datanet, uint256 digest, address owner, uint32 base, uint32 size, uint32 clusters, address[] payees );
        event NodeRegistered(address indexed node, uint32 slot);
        event PolicyProposed(bytes32 indexed id, uint8 power, uint16[5] bps, uint256 policy, uint64 due);
        event PolicyApplied(bytes32 indexed id, uint256 policy);
        event VerifierProposed(bytes32 indexed shape, address verifier, uint64 due);
        event VerifierApplied(bytes32 indexed shape, address verifier);
        event AttesterProposed(address indexed attester, bool allowed, uint64 due);
        event AttesterApplied(address indexed attester, bool allowed);
        error ShapesAndVerifiers(uint256 shapes, uint256 verifiers);
        error NoVerifierCode(address found);
        error AttesterIsZero();
        error ModelExists(bytes32 model);
        error UnknownModel(bytes32 model);
        error AdapterIsZero();
        error AdapterExists(bytes32 id);
        error UnknownAdapter(bytes32 id);
        error OwnerIsZero();
        error DigestOutOfRange(uint256 found);
        error BadClusters(uint32 found);
        error PayeeCount(uint256 found, uint256 expected);
        error NodeExists(address node);
        error UnknownNode(address node);
        error BadPower(uint8 found);
        error BadShares(uint256 found);
        error NotOwner(address found, address expected);
        error UnknownShape(bytes32 shape);
        error UnknownAttester(address found);
        error WrongNodeSlot(uint32 found, uint32 expected);
        error UnknownLine(uint256 index);
        event DatanetRegistered(bytes32 indexed datanet, address indexed curator, bytes32 name);
        event DatanetPublished(bytes32 indexed datanet, bytes32 digest);
        event ContributionCommitted(bytes32 indexed commitment, uint64 ordinal);
        event ContributionRevealed( bytes32 indexed datanet, bytes32 indexed content, address indexed contributor, uint64 ordinal );
        error DatanetExists(bytes32 datanet);
        error UnknownDatanet(bytes32 datanet);
        error NotCurator(address found, address expected);
        error AlreadyCommitted(bytes32 commitment, uint64 ordinal);
        error NotCommitted(bytes32 commitment);
        error RevealTooEarly(uint256 found, uint256 committed);
        error AlreadyRevealed(uint64 found, uint64 ordinal);
        event PayeeProposed(uint32 indexed slot, address indexed payee, address indexed next);
        event PayeeChanged(uint32 indexed slot, address indexed before, address indexed payee);
        error BadDomain(uint8 found);
        error OutOfSlots(uint256 first, uint256 end, uint256 limit);
        error PayeeIsZero(uint32 slot);
        error NotPayee(address found, address expected);
        error NotNextPayee(address found, address expected);
        error NothingProposed(bytes32 key);
        error DelayRunning(uint256 found, uint256 due);
        error ProposalExpired(uint256 found, uint256 end);
        error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);
        error AccessControlBadConfirmation();
        error SafeCastOverflowedUintDowncast(uint8 bits, uint256 value);
        error AccessControlInvalidDefaultAdmin(address defaultAdmin);
        error AccessControlEnforcedDefaultAdminRules();
        error AccessControlEnforcedDefaultAdminDelay(uint48 schedule);

        constructor(Setup memory s);
        function REGISTRAR_ROLE() external view returns (bytes32);
        function GUARDIAN_ROLE() external view returns (bytes32);
        function grantRole(bytes32 role, address account) external;
        function registerModel(bytes32 digest) external;
        function registerDatanet(bytes32 name) external returns (bytes32);
        function datanetId(address curator, bytes32 name) external pure returns (bytes32);
        function curatorOf(bytes32 datanet) external view returns (address);
        function registerAdapter(NewAdapter calldata a, address[] calldata payees) external;
        function registerNode(address node) external;
        function proposePolicy(bytes32 id, Policy calldata p) external;
        function applyPolicy(bytes32 id) external;
        function adapters(bytes32 id) external view returns (uint256 digest, uint256 policy, address owner, uint32 base, uint32 clusters);
        function nodeSlotOf(address node) external view returns (uint32);
        function payeeOf(uint32 slot) external view returns (address);
        function domain() external view returns (uint8);
        function delay() external view returns (uint48);
        function defaultAdmin() external view returns (address);
        function verifierOf(bytes32 shape) external view returns (address);
        function isAttester(address attester) external view returns (bool);
        function proposePayee(uint32 slot, address to) external;
        function acceptPayee(uint32 slot) external;
    }

    #[derive(Debug, PartialEq, Eq)]
    #[sol(abi)]
    contract Settlement {
        struct Setup {
            address registry;
            address token;
            uint64 notice;
            uint64 start;
            uint64 length;
            uint256[4] tau;
        }

        event SettlementCreated(Setup setup);
        event BatchSettled( address indexed node, uint64 indexed nonce, address indexed accumulator, uint32 epoch, bytes32 shape, address attester, bytes32 receipts, uint256[3] commitments, uint256[2] payouts, bytes32[] adapters, uint128[] fees );
        event DataPublished(address indexed node, uint64 indexed nonce, bytes amounts, uint256 rho, uint256[2] opening);
        event BatchPromoted(address indexed node, uint64 indexed nonce, uint32 epoch, uint112 total, uint256[2] payouts);
        event Claimed( address indexed accumulator, uint32 indexed slot, address indexed payee, uint32 epoch, uint128 cumulative, uint128 amount );
        event SettlingPaused(bool paused, address indexed by);
        event ClaimingPaused(bool paused, address indexed by);
        error BadReferenceString();
        error NoRegistry(address found);
        error SettlingIsPaused();
        error ClaimingIsPaused();
        error NotAllowed(address caller);
        error BatchAlreadySettled(address node, uint64 nonce);
        error AdapterNotInBatch(bytes32 adapter);
        error FeesExceeded(bytes32 adapter, uint256 found, uint256 due);
        error FeesNotCovered(bytes32 adapter, uint256 due);
        error NotAScalar(uint256 found);
        error AmountsTotal(uint256 found, uint256 expected);
        error OpeningIsInfinity();
        error OpeningRejected();
        error NotPromotable(address node, uint64 nonce);
        error NoPayee(uint32 slot);
        error NothingToClaim(uint32 slot, uint128 cumulative, uint128 claimed);
        error NoClaims();
        event Deposited(address indexed payer, address indexed from, uint128 amount);
        event WithdrawalRequested(address indexed payer, uint128 amount, uint64 due);
        event Withdrawn(address indexed payer, uint128 amount);
        event Redeemed( address indexed payer, address indexed node, bytes32 indexed adapter, uint128 amount, uint128 redeemed );
        error NoToken(address found);
        error BadNotice(uint256 found);
        error DepositReceived(uint256 found, uint256 expected);
        error NoNotice(address payer);
        error NoticeRunning(uint256 found, uint256 due);
        error WrongSigner(address found, address expected);
        error VoucherExceeded(uint256 found, uint256 cumulative);
        error DepositTooSmall(address payer, uint256 found, uint256 needed);
        error BadEpochs(uint256 start, uint256 length);
        error TooMuchSettled(uint256 found);
        error ClaimedExceedsSettled(uint256 claimed, uint256 settled);
        error EpochOpen(uint32 found, uint32 current);
        error NoValue(address accumulator, uint32 epoch);
        error WrongValue(address accumulator, uint32 epoch);
        error PrecompileFailed(uint256 precompile);
        error NotOnCurve(uint256 x, uint256 y);
        error AmountsLength(uint256 found);
        error SlotNotIncreasing(uint256 found, uint256 least);
        error SlotOutOfRange(uint256 found, uint256 slots);
        error ECDSAInvalidSignature();
        error ECDSAInvalidSignatureLength(uint256 length);
        error ECDSAInvalidSignatureS(bytes32 s);
        error ReentrancyGuardReentrantCall();
        error InvalidShortString();
        error StringTooLong(string str);
        error SafeERC20FailedOperation(address token);

        constructor(Setup memory s);
        function registry() external view returns (address);
        function token() external view returns (address);
        function notice() external view returns (uint64);
        function paused() external view returns (bool settling, bool claiming);
        function referenceString() external view returns (uint256[4] memory);
        function sigma() external view returns (uint256);
        function start() external view returns (uint64);
        function length() external view returns (uint64);
        function currentEpoch() external view returns (uint32);
        function totals(address accumulator) external view returns (uint112 settled, uint112 claimed, uint32 epoch);
        function valueOf(address accumulator) external view returns (uint256[2] memory);
        function claimedOf(address accumulator, uint32 slot) external view returns (uint128);
        function isSettled(address node, uint64 nonce) external view returns (bool);
        function deposits(address payer) external view returns (uint128);
        function notices(address payer) external view returns (uint128 amount, uint64 due);
        function redeemed(address payer, address node, bytes32 adapter) external view returns (uint128);
        function attestationDigest(address node, uint64 nonce, uint256 inputs, uint256 requests, bytes32 receipts) public view returns (bytes32);
        function deposit(address payer, uint128 amount) external;
        function requestWithdrawal(uint128 amount) external;
        function withdraw() external;
        function settle(Batch calldata batch) external;
        function settleWithData(Batch calldata batch, Data calldata data) external;
        function promote(PromotedBatch calldata batch, Data calldata data) external;
        function claim(address accumulator, uint32 epoch, uint256[2] calldata value, uint32 slot, uint128 cumulative, uint256[2] calldata opening) external;
        function claimMany(address accumulator, uint32 epoch, uint256[2] calldata value, SlotClaim[] calldata claims) external;
        function setSettlingPaused(bool to) external;
        function setClaimingPaused(bool to) external;
    }

    #[derive(Debug, PartialEq, Eq)]
    #[sol(abi)]
    contract TestToken {
        event Transfer(address indexed from, address indexed to, uint256 value);
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error ERC20InvalidReceiver(address receiver);
        error ERC20InvalidSpender(address spender);
        error ERC20InvalidApprover(address approver);
        error ERC20InvalidSender(address sender);

        constructor();
        function mint(address to, uint256 amount) external;
        function approve(address spender, uint256 value) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
    }
}
