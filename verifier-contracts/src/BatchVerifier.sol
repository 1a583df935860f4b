// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {SCALAR_MODULUS, Statement, StatementWords} from "./StatementWords.sol";

/// @notice What a prover hands over besides the statement.
struct BatchProof {
    /// The accumulator: two points of G1, left.x, left.y, right.x, right.y, three limbs of 88 bits each, lowest first.
    uint256[12] accumulator;
    /// Poseidon digest of the statement's words. The circuit checks it; here it fixes the words before alpha.
    uint256 digest;
    /// The outer proof's bytes.
    bytes proof;
}

/// @title Verifier of a batch's proof
/// @notice Says whether the caller may settle a statement. It has no owner and no storage, and holds no funds.
/// @dev The circuit's verifier is generated. It reduces instances mod r and ignores what follows the proof, so this
/// contract makes every instance itself or checks its range, and hands on exactly one encoding of each.
/// Who relies on this contract compares the code at `generated` with the key's.
contract BatchVerifier {
    /// @notice Instances of the outer circuit: the accumulator's limbs, digest, alpha and v.
    uint256 public constant INSTANCES = 15;

    /// @dev Limbs of the accumulator.
    uint256 private constant LIMBS = 12;

    /// @dev Limbs are below it.
    uint256 private constant LIMB_BOUND = 1 << 88;

    /// @dev What reaching the generated verifier may cost between the check of the gas and its first instruction: a
    /// cold account is 2,600, the rest is a few moves on the stack.
    uint256 private constant CALL_RESERVE = 5_000;

    /// @notice The generated verifier of the outer circuit.
    address public immutable generated;

    /// @notice Adapter slots of the key.
    uint256 public immutable slots;

    /// @notice Bytes of an outer proof.
    uint256 public immutable proofLength;

    /// @dev This contract. A statement names the caller, and under DELEGATECALL the caller would be somebody else's.
    address private immutable self;

    /// @notice Gas that the generated verifier gets. A malformed point makes it burn nearly all of that.
    uint256 public immutable gasCap;

    /// @notice Called by DELEGATECALL, where the caller is not who asks.
    error DelegateCall();

    /// @notice There is no contract at this address. Calling it would succeed.
    error NoCode(address generated);

    /// @notice The statement has another number of slots than the key.
    error SlotCount(uint256 found, uint256 expected);

    /// @notice The proof has another length than the key's proofs.
    error ProofLength(uint256 found, uint256 expected);

    /// @notice A limb of the accumulator has more than 88 bits.
    error LimbOutOfRange(uint256 index, uint256 value);

    /// @notice The digest is not a field element.
    error DigestOutOfRange(uint256 value);

    /// @notice The generated verifier would get less gas than `gasCap`. This says nothing of the proof.
    error NotEnoughGas(uint256 found, uint256 needed);

    /// @notice The proof does not show the statement.
    error ProofRejected();

    /// @param generated_ The generated verifier.
    /// @param slots_ Adapter slots of the key.
    /// @param proofLength_ Bytes of an outer proof.
    /// @param gasCap_ Gas for the generated verifier: what an accepted proof needs, with a margin.
    constructor(address generated_, uint256 slots_, uint256 proofLength_, uint256 gasCap_) {
        if (generated_.code.length == 0) revert NoCode(generated_);
        generated = generated_;
        slots = slots_;
        proofLength = proofLength_;
        gasCap = gasCap_;
        self = address(this);
    }

    /// @notice Returns if the proof shows the statement for the calling contract on this chain, and reverts otherwise.
    /// @dev A statement can be verified any number of times. That it is settled once is the caller's to see to, by the
    /// statement and never by the proof: the generated verifier accepts scalars of a proof plus multiples of r, so one
    /// proof has many encodings.
    /// @param s The statement, without the chain and the contract that settles.
    /// @param p The accumulator, the statement's digest and the outer proof.
    /// @return digest The statement's digest, which the proof has shown to be right.
    function verify(Statement calldata s, BatchProof calldata p) external view returns (uint256 digest) {
        if (p.proof.length != proofLength) revert ProofLength(p.proof.length, proofLength);
        bytes memory input = abi.encodePacked(instances(s, p), p.proof);
        if (!_accepts(input)) revert ProofRejected();
        return p.digest;
    }

    /// @notice The instances that the generated verifier gets when the same caller verifies the same.
    /// @param s The statement.
    /// @param p The accumulator and the digest; the proof is not read.
    /// @return x The accumulator's limbs, digest, alpha and v.
    function instances(Statement calldata s, BatchProof calldata p) public view returns (uint256[INSTANCES] memory x) {
        if (address(this) != self) revert DelegateCall();
        if (s.slots.length != slots) revert SlotCount(s.slots.length, slots);
        for (uint256 i = 0; i < LIMBS; i++) {
            uint256 limb = p.accumulator[i];
            if (limb >= LIMB_BOUND) revert LimbOutOfRange(i, limb);
            x[i] = limb;
        }
        if (p.digest >= SCALAR_MODULUS) revert DigestOutOfRange(p.digest);
        x[LIMBS] = p.digest;
        (x[LIMBS + 1], x[LIMBS + 2]) = _evaluation(StatementWords.words(s), p.digest);
    }

    /// @dev The words as a polynomial's coefficients, at a point that is drawn after them and their digest. The circuit
    /// shows the same value for the words under the digest, so they are the same words but for a chance of
    /// (number of words)/r.
    function _evaluation(uint256[] memory words, uint256 digest) private pure returns (uint256 alpha, uint256 v) {
        alpha = uint256(keccak256(abi.encodePacked(words, digest))) % SCALAR_MODULUS;
        for (uint256 i = words.length; i > 0;) {
            v = addmod(mulmod(v, alpha, SCALAR_MODULUS), words[--i], SCALAR_MODULUS);
        }
    }

    /// @dev Calls the generated verifier. It returns nothing when it accepts; anything else is a refusal.
    function _accepts(bytes memory input) private view returns (bool accepted) {
        address target = generated;
        uint256 cap = gasCap;

        // A call gets at most 63/64 of what is left (EIP-150), silently. With less than the cap an honest proof would
        // look refused. The input is in memory already, so no growth of memory comes in between.
        uint256 needed = cap + cap / 63 + CALL_RESERVE;
        uint256 found = gasleft();
        if (found < needed) revert NotEnoughGas(found, needed);

        // In assembly, because a call in Solidity would copy what is returned, at our cost.
        assembly ("memory-safe") {
            accepted := staticcall(cap, target, add(input, 0x20), mload(input), 0, 0)
            accepted := and(accepted, iszero(returndatasize()))
        }
    }
}
