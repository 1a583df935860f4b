// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Redemption} from "./SettlementTypes.sol";

/// @title Payers' deposits
/// @notice Holds what payers have deposited and knows what of their vouchers is redeemed. A voucher is redeemed by a
/// settlement alone.
/// @dev Assumes:
/// - the token takes no fee on transfer (checked at a deposit) and does not rebase;
/// - payers are accounts with a key: contracts that sign by ERC-1271 cannot pay;
/// - a payer's deposit lasts until a node settles. A node looks before it serves.
abstract contract FeeEscrow is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice A payer's wish to take tokens back.
    struct Notice {
        /// How many are left of them. They are no longer in `deposits`.
        uint128 amount;
        /// From when on. 0 without a wish.
        uint64 due;
    }

    /// @notice The longest notice: nobody's deposit is locked for good.
    uint64 public constant LONGEST_NOTICE = 366 days;

    /// @dev EIP-712 type of a voucher.
    bytes32 private constant VOUCHER_TYPE = keccak256(
        "Voucher(address payer,address node,bytes32 adapter,uint128 cumulative,uint64 timestamp,uint64 nonce)"
    );

    /// @notice The token that everything is paid in.
    IERC20 public immutable token;

    /// @notice Seconds between the request and the withdrawal of a deposit.
    uint64 public immutable notice;

    /// @notice What a payer has left here, beside what is under notice. A node counts this alone.
    mapping(address payer => uint128) public deposits;

    /// @notice Withdrawals that payers have announced.
    mapping(address payer => Notice) public notices;

    /// @dev What is redeemed, by the hash of payer, node and adapter. It never falls.
    mapping(bytes32 key => uint128) private _redeemed;

    /// @notice Tokens came in for a payer.
    event Deposited(address indexed payer, address indexed from, uint128 amount);

    /// @notice A payer wants tokens back. An earlier request is void.
    event WithdrawalRequested(address indexed payer, uint128 amount, uint64 due);

    /// @notice A payer took tokens back.
    event Withdrawn(address indexed payer, uint128 amount);

    /// @notice A settlement took `amount` of a voucher; `redeemed` is all that was ever taken of it.
    event Redeemed(
        address indexed payer, address indexed node, bytes32 indexed adapter, uint128 amount, uint128 redeemed
    );

    /// @notice There is no contract at the token's address.
    error NoToken(address found);

    /// @notice The notice is longer than LONGEST_NOTICE.
    error BadNotice(uint256 found);

    /// @notice The token handed over another amount.
    error DepositReceived(uint256 found, uint256 expected);

    /// @notice No withdrawal was requested.
    error NoNotice(address payer);

    /// @notice The notice is still running.
    error NoticeRunning(uint256 found, uint256 due);

    /// @notice Somebody else signed, or something else was signed.
    error WrongSigner(address found, address expected);

    /// @notice More would be redeemed than the payer signed for.
    error VoucherExceeded(uint256 found, uint256 cumulative);

    /// @notice The payer has not enough left here.
    error DepositTooSmall(address payer, uint256 found, uint256 needed);

    constructor(IERC20 token_, uint64 notice_) EIP712("Talea", "1") {
        if (address(token_).code.length == 0) revert NoToken(address(token_));
        if (notice_ > LONGEST_NOTICE) revert BadNotice(notice_);
        token = token_;
        notice = notice_;
    }

    /// @notice Deposits the caller's tokens for a payer.
    function deposit(address payer, uint128 amount) external nonReentrant {
        deposits[payer] += amount;
        emit Deposited(payer, msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DepositReceived(received, amount);
    }

    /// @notice Announces that the caller takes back `wish`, or what there is. Until it is taken it still pays vouchers,
    /// after the rest. Later deposits are not under this notice: an old one must not undercut them.
    function requestWithdrawal(uint128 wish) external {
        uint128 left = deposits[msg.sender] + notices[msg.sender].amount;
        uint128 amount = wish < left ? wish : left;
        uint64 due = uint64(block.timestamp) + notice;
        deposits[msg.sender] = left - amount;
        notices[msg.sender] = Notice(amount, due);
        emit WithdrawalRequested(msg.sender, amount, due);
    }

    /// @notice Takes back what was announced, or what is left of it.
    function withdraw() external nonReentrant {
        Notice memory wish = notices[msg.sender];
        if (wish.due == 0) revert NoNotice(msg.sender);
        if (block.timestamp < wish.due) revert NoticeRunning(block.timestamp, wish.due);
        delete notices[msg.sender];
        emit Withdrawn(msg.sender, wish.amount);
        token.safeTransfer(msg.sender, wish.amount);
    }

    /// @notice What of a payer's vouchers to a node for an adapter is redeemed.
    function redeemed(address payer, address node, bytes32 adapter) external view returns (uint128) {
        return _redeemed[keccak256(abi.encode(payer, node, adapter))];
    }

    /// @notice What a payer signs.
    function voucherDigest(
        address payer,
        address node,
        bytes32 adapter,
        uint128 cumulative,
        uint64 timestamp,
        uint64 nonce
    ) public view returns (bytes32) {
        return
            _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPE, payer, node, adapter, cumulative, timestamp, nonce)));
    }

    /// @dev Takes `r.amount` of a payer's deposit, as far as the voucher goes.
    function _redeem(address node, Redemption calldata r) internal {
        _requireSigner(
            voucherDigest(r.payer, node, r.adapter, r.cumulative, r.timestamp, r.nonce), r.signature, r.payer
        );
        bytes32 key = keccak256(abi.encode(r.payer, node, r.adapter));
        uint256 sum = uint256(_redeemed[key]) + r.amount;
        if (sum > r.cumulative) revert VoucherExceeded(sum, r.cumulative);
        uint128 left = deposits[r.payer];
        if (left < r.amount) {
            Notice storage leaving = notices[r.payer];
            uint128 rest = r.amount - left;
            if (leaving.amount < rest) revert DepositTooSmall(r.payer, uint256(left) + leaving.amount, r.amount);
            leaving.amount -= rest;
            left = r.amount;
        }
        _redeemed[key] = uint128(sum);
        unchecked {
            deposits[r.payer] = left - r.amount;
        }
        emit Redeemed(r.payer, node, r.adapter, r.amount, uint128(sum));
    }

    /// @dev Signatures are r, s, v of 65 bytes with s in the lower half; others are refused by OpenZeppelin's errors.
    function _requireSigner(bytes32 digest, bytes calldata signature, address expected) internal pure {
        address found = ECDSA.recoverCalldata(digest, signature);
        if (found != expected) revert WrongSigner(found, expected);
    }
}
