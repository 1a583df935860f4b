// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BatchProof} from "./BatchVerifier.sol";
import {Statement} from "./StatementWords.sol";

/// @notice A payer's signed promise, and how much of it this batch takes. The node is the statement's.
struct Redemption {
    /// Who signed, and whose deposit pays.
    address payer;
    /// BLAKE3 of the adapter's artefact.
    bytes32 adapter;
    /// Everything that the payer owes the node for the adapter, ever.
    uint128 cumulative;
    /// Of the voucher.
    uint64 timestamp;
    /// Of the voucher.
    uint64 nonce;
    /// What this batch takes of it.
    uint128 amount;
    /// r, s, v of the payer.
    bytes signature;
}

/// @notice A batch to settle.
struct Batch {
    /// Names the circuit, and so its verifier.
    bytes32 shape;
    /// What is proven.
    Statement statement;
    /// That it is true.
    BatchProof proof;
    /// Who vouches for inputs, fees and token counts.
    address attester;
    /// r, s, v of the attester.
    bytes attestation;
    /// Where the fees come from: per adapter they add up to what is proven.
    Redemption[] redemptions;
}

/// @notice A batch's payouts in the clear.
struct Data {
    /// Per paid slot 20 bytes: uint32 slot, uint128 amount, big-endian, slots increasing.
    bytes amounts;
    /// What hides the payouts in their commitment.
    uint256 rho;
    /// Opening of the commitment at the challenge.
    uint256[2] opening;
}

/// @notice A batch that was settled without its data, as it was recorded.
struct PromotedBatch {
    /// Node that served it.
    address node;
    /// Its number at that node.
    uint64 nonce;
    /// Commitment to the payouts.
    uint256[2] payouts;
    /// Sum of the payouts.
    uint112 total;
}

/// @notice What one slot has earned in an accumulator, and the opening that shows it.
struct SlotClaim {
    /// Payout slot.
    uint32 slot;
    /// Everything that it has earned so far.
    uint128 cumulative;
    /// Opening of the accumulator at the slot's place.
    uint256[2] opening;
}
