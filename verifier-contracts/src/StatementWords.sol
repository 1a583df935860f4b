// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

// Written by `talea contracts build` from the table in circuits/src/relations/statement.rs.

/// @dev Order of BN254's scalar field, r. Every word of a statement is below it.
uint256 constant SCALAR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

/// @dev Order of BN254's base field, p. Coordinates of points are below it.
uint256 constant BASE_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583;

/// @notice What a statement says of one adapter slot.
struct SlotStatement {
    /// Digest of the adapter's commitments. A field element.
    uint256 adapter;
    /// Digest of the policy. A field element.
    uint256 policy;
    /// First payout slot.
    uint32 base;
    /// Sum of the fees that this slot's requests paid.
    uint128 fees;
}

/// @notice What a batch's proof is about. Chain and contract are missing: they are where the question is asked.
struct Statement {
    /// Node that served the batch.
    address node;
    /// Number of the batch at that node.
    uint64 nonce;
    /// Adapter slots, in the key's order.
    SlotStatement[] slots;
    /// Payout slot of the node.
    uint32 nodeSlot;
    /// BLAKE3 of the receipts.
    bytes32 receipts;
    /// Digest of the commitments to inputs. A field element.
    uint256 inputs;
    /// Digest of the commitments to requests. A field element.
    uint256 requests;
    /// Digest of the commitments to output deltas. A field element.
    uint256 deltas;
    /// Commitment to the payouts: a point of G1 in full coordinates, so that it can be opened.
    uint256[2] payouts;
}

/// @title The words of a statement
/// @notice Turns a statement into the field elements that a proof binds, in the order that the circuit has them.
library StatementWords {
    /// @notice A word is not a field element. Two numbers that are equal mod r must not be two statements.
    error WordOutOfRange(uint256 index, uint256 value);

    /// @notice The commitment to the payouts is not a point of G1, or is infinity.
    error PayoutsNotOnCurve();

    /// @dev Words before the slots.
    uint256 internal constant HEAD = 4;

    /// @dev Words of a slot.
    uint256 internal constant PER_SLOT = 4;

    /// @dev Words after the slots.
    uint256 internal constant TAIL = 8;

    /// @notice All words of a statement. Each is below r.
    /// @dev The caller is the settling contract: a statement can be settled by the contract it names alone.
    /// Narrow types need no check here, because reading them from calldata refuses dirty bits.
    /// @param s The statement. Its number of slots is the caller's to check.
    /// @return w The words in order.
    function words(Statement calldata s) internal view returns (uint256[] memory w) {
        SlotStatement[] calldata slots = s.slots;
        uint256 tail = HEAD + PER_SLOT * slots.length;
        w = new uint256[](tail + TAIL);

        w[0] = _field(0, block.chainid);
        w[1] = uint160(msg.sender);
        w[2] = uint160(s.node);
        w[3] = s.nonce;

        uint256 first = HEAD;
        for (uint256 i = 0; i < slots.length; i++) {
            SlotStatement calldata slot = slots[i];
            w[first] = _field(first, slot.adapter);
            w[first + 1] = _field(first + 1, slot.policy);
            w[first + 2] = slot.base;
            w[first + 3] = slot.fees;
            first += PER_SLOT;
        }

        w[tail] = s.nodeSlot;
        (w[tail + 1], w[tail + 2]) = _halves(s.receipts);
        w[tail + 3] = _field(tail + 3, s.inputs);
        w[tail + 4] = _field(tail + 4, s.requests);
        w[tail + 5] = _field(tail + 5, s.deltas);
        (w[tail + 6], w[tail + 7]) = _point(s.payouts);
    }

    /// @dev A field element stands for itself.
    function _field(uint256 index, uint256 value) private pure returns (uint256) {
        if (value >= SCALAR_MODULUS) revert WordOutOfRange(index, value);
        return value;
    }

    /// @dev A digest of 32 bytes does not fit one word. Its bytes are a little-endian integer, and that integer's
    /// halves of 128 bits are the words, the lower one first.
    function _halves(bytes32 digest) private pure returns (uint256 low, uint256 high) {
        uint256 x = _reversed(uint256(digest));
        low = uint128(x);
        high = x >> 128;
    }

    /// @dev The same bytes in the opposite order: neighbours change places, then pairs of them, and so on.
    function _reversed(uint256 x) private pure returns (uint256) {
        uint256 mask = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        x = ((x >> 8) & mask) | ((x & mask) << 8);
        mask = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        x = ((x >> 16) & mask) | ((x & mask) << 16);
        mask = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        x = ((x >> 32) & mask) | ((x & mask) << 32);
        mask = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        x = ((x >> 64) & mask) | ((x & mask) << 64);
        return (x << 128) | (x >> 128);
    }

    /// @dev A point's words are its coordinates mod r. Coordinates that agree mod r differ by 0 or r, and no two points
    /// of the curve do so below p: the words name one point. Infinity is written (0, 0), which is not on the curve.
    /// G1 is the whole curve, so there is no subgroup to check.
    function _point(uint256[2] calldata point) private pure returns (uint256, uint256) {
        uint256 x = point[0];
        uint256 y = point[1];
        if (x >= BASE_MODULUS || y >= BASE_MODULUS) revert PayoutsNotOnCurve();
        uint256 cube = mulmod(mulmod(x, x, BASE_MODULUS), x, BASE_MODULUS);
        if (mulmod(y, y, BASE_MODULUS) != addmod(cube, 3, BASE_MODULUS)) revert PayoutsNotOnCurve();
        return (x % SCALAR_MODULUS, y % SCALAR_MODULUS);
    }
}
