//! The argument: commitments to columns of small integers, sumcheck, lookups and one opening, over BN254.
//!
//! | module | holds |
//! |---|---|
//! | [`arithmetic`] | all that the verifier may do with numbers and points: natively, or in a circuit |
//! | [`transcript`] | Poseidon, the duplex sponge, and the one way to read a proof |
//! | [`columns`] | how columns are stacked into chunks, and claims about them |
//! | [`sumcheck`] | Σ g(x) = c to one claim g(r) = v |
//! | [`fractions`] | sums of fractions by a tree |
//! | [`lookup`] | LogUp: every lookup of a batch in one such sum |
//! | [`opening`] | all claims to one point, one multilinear KZG opening, one pairing |
//! | [`relations`] | the relations of a batch |
//! | `wrap` | the verifier as a halo2 circuit, and the contract that checks its proof (feature `wrap`) |
//! | [`matrix`] | the tutorial: U = X·A, rounded, with range checks, end to end |
//!
//! Each protocol's folder has its statement and notation in `mod.rs`, the code to trust in `verifier.rs`, and behind the
//! feature `prove` its other half in `prover.rs`. Prover and verifier call the transcript in the same order.
//!
//! The verifier takes every count from the key and none from the proof, reads by absorbing, and returns errors.
//! Nothing is proved until the accumulator that it returns has passed its pairing check.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

pub mod arithmetic;
pub mod columns;
pub mod fractions;
pub mod lookup;
pub mod matrix;
pub mod opening;
pub mod relations;
pub mod sumcheck;
pub mod transcript;
#[cfg(feature = "wrap")]
#[allow(clippy::indexing_slicing, reason = "a circuit's sizes are its own key's")]
pub mod wrap;

mod error;

pub use ark_bn254::{Fr, G1Affine};
pub use error::{Check, ProofError, Rejection, Result};
