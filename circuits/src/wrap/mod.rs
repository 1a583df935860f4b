//! The wrap: one halo2 proof that the batch's argument verifies, which hides it and which one contract checks.
//!
//! | module | holds |
//! |---|---|
//! | [`convert`] | numbers and points of arkworks as those of halo2 |
//! | [`arithmetic`] | the verifier's [`crate::arithmetic::Arithmetic`] as constraints of halo2-base's one gate |
//! | [`poseidon`] | the permutation in that gate |
//! | [`points`] | points read, and sums of points with factors |
//! | [`keys`] | the circuit's sizes and keys, the reference string as halo2 has it |
//! | [`fingerprint`] | the digest that names a circuit |
//! | [`proof`] | its proofs: made, verified |
//! | [`satisfied`] | a check of witnesses, for tests |
//! | [`solidity`] | the contract that verifies them, and the statement's words in Solidity |
//! | [`policy`] | the digest of a policy in Solidity |
//! | [`circuit`] | the argument's verifier, the statement's digest and its fingerprint as one circuit |
//!
//! **Statement of the circuit.** There are words W of a batch's statement and a proof of which the argument's verifier, run with the
//! batch's key, accepts every equation, with the accumulator (left, right) remaining; D = Poseidon(W) and V = Σ_i W_i·α^i.
//!
//! **Instances**, 15 in all: left and right as coordinates of three limbs of 88 bits, lowest first (x, then y), D, α, V. Whoever
//! verifies builds W from what it knows, takes D from the prover, sets α = keccak-256(W, D) mod r and recomputes V. The circuit's own
//! words are fixed by D before α is known, so two polynomials that differ agree at α with probability (words)/r.
//!
//! e(left, [1]₂) = e(right, [τ]₂) is not checked by the circuit but by whoever verifies its proof, in one pairing with the proof's own.

use halo2_base::halo2_proofs::{halo2curves::bn256::G1Affine, plonk};

pub mod arithmetic;
pub mod circuit;
pub mod convert;
pub mod fingerprint;
pub mod keys;
pub mod params;
pub mod points;
pub mod policy;
pub mod poseidon;
pub mod proof;
pub mod satisfied;
pub mod solidity;

pub use params::Params;

/// halo2's verifying key.
pub type VerifyingKey = plonk::VerifyingKey<G1Affine>;
