//! The prover's heavy loops: what a device must be able to do, and the CPU doing it.
//!
//! | module | holds |
//! |---|---|
//! | [`ints`] | columns of small integers, never wider than they need to be |
//! | [`cpu`] | the CPU device |
//!
//! Field sums are exact, so every device and every number of threads gives the same bytes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod cpu;
pub mod ints;

pub use cpu::Cpu;
pub use ints::Ints;

use ark_bn254::{Fr, G1Affine, G1Projective};

/// Vectors are indexed by the bits of their place, lowest variable first; folding binds the highest, so that both halves
/// stay contiguous.
pub trait Device: Sync {
    /// Σ scalars·bases, over the shorter of both.
    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective;

    /// Σ integers·bases; `bases` are at least as many.
    fn commit(&self, bases: &[G1Affine], ints: &Ints) -> G1Projective;

    /// eq(point, x) for all x of the cube: 2^point.len() values.
    fn eq(&self, point: &[Fr]) -> Vec<Fr>;

    /// Binds the highest variable: `v[i] + r·(v[i + n/2] − v[i])`.
    fn fold(&self, values: &mut Vec<Fr>, r: &Fr);

    /// The coefficients c_0 and c_2 of Σ_pairs Σ_x a(X, x)·b(X, x), X the highest variable.
    fn product_round(&self, pairs: &[[&[Fr]; 2]]) -> [Fr; 2];

    /// The layer above: node i adds the fractions i and i + n/2.
    fn fraction_layer(&self, p: &[Fr], q: &[Fr]) -> [Vec<Fr>; 2];

    /// The values at 0 and the leading coefficients in X of Σ_x eq[x]·(p0·q1 + p1·q0)(X, x).
    fn fraction_round(&self, eq: &[Fr], columns: [&[Fr]; 4]) -> [Fr; 2];
}
