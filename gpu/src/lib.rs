//! The prover's heavy loops: what a device must be able to do, and the CPU doing it.
//!
//! | module | holds |
//! |---|---|
//! | [`ints`] | columns of small integers, never wider than they need to be |
//! | [`mac`] | sums of weights times small integers, reduced once |
//! | [`cpu`] | the CPU device |
//! | `msm` | sums of multiples of points on the CPU, with AVX-512 where the processor has it |
//! | [`cuda`] | looking for a CUDA device, and what to say where there is none |
//! | [`backend`] | what kernels need of a machine |
//! | [`kernels`] | the kernels of `cuda/`, and the device that they make of a machine |
//!
//! Field sums are exact, so every device and every number of threads gives the same bytes.
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod backend;
pub mod cpu;
pub mod cuda;
pub mod ints;
pub mod kernels;
pub mod mac;
mod msm;
mod raw;

pub use cpu::Cpu;
pub use cuda::Cuda;
pub use ints::Ints;

/// The kernels of `cuda/` compiled for the host: a device for tests.
#[cfg(feature = "host-kernels")]
pub type HostKernels = kernels::Kernels<raw::host::Host>;

use std::{ops::Range, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

/// Vectors are indexed by the bits of their place, lowest variable first. The lowest variable is bound first, so that a
/// vector whose end is all one value stays one: only what comes before is stored.
///
/// An eq-table travels in halves, `[low, high]` with eq(x) = low[x mod |low|]·high[x / |low|].
pub trait Device: Sync {
    /// Says that many sums of multiples of these points will be asked for: a device with memory of its own keeps them there.
    fn keep(&self, _bases: &Arc<Vec<G1Affine>>) {}

    /// Pieces of work that do not wait for one another, such as one per column; results in the order of `items`. A device with
    /// memory of its own, which each piece may want all of, takes them in turn.
    fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
        items.into_iter().map(work).collect()
    }

    /// Σ scalars·bases, over the shorter of both.
    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective;

    /// Σ integers·bases; `bases` are at least as many.
    fn commit(&self, bases: &[G1Affine], ints: &Ints) -> G1Projective;

    /// eq(point, x) for all x of the cube: 2^point.len() values.
    fn eq(&self, point: &[Fr]) -> Vec<Fr>;

    /// `M·w` of a part of a column: one value per row of w.len() integers.
    fn matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Vec<Fr>;

    /// `wᵀ·M` of a part of a column: one value per column of a matrix of w.len() rows.
    fn vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Vec<Fr>;

    /// `to[i] += factor·ints[i]`.
    fn add_scaled(&self, to: &mut [Fr], factor: &Fr, ints: &Ints);

    /// Binds the lowest variable: `v[2i] + r·(v[2i+1] − v[2i])`.
    fn fold(&self, values: &mut Vec<Fr>, r: &Fr);

    /// The same of a column.
    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Vec<Fr>;

    /// Σ_x eq(x)·v[2x + parity].
    fn half_sum(&self, eq: [&[Fr]; 2], values: &[Fr], parity: usize) -> Fr;

    /// The same of a part of a column.
    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr;

    /// The coefficients c_0 and c_2 of Σ_pairs Σ_x a(X, x)·b(X, x), X the lowest variable.
    fn product_round(&self, pairs: &[[&[Fr]; 2]]) -> [Fr; 2];

    /// The layer above: node i adds the fractions 2i and 2i + 1.
    fn fraction_layer(&self, p: &[Fr], q: &[Fr]) -> [Vec<Fr>; 2];

    /// The values at 0 and the leading coefficients in X of Σ_x eq(x)·(p0·q1 + p1·q0)(X, x), children side by side:
    /// `p[2y]` and `p[2y+1]` are p0 and p1 at y = (X, x).
    fn fraction_round(&self, eq: [&[Fr]; 2], p: &[Fr], q: &[Fr]) -> [Fr; 2];

    /// Binds the lowest variable of y where children stand side by side.
    fn fold_children(&self, values: &mut Vec<Fr>, r: &Fr);
}

/// `n` zeros, written by all threads: memory is touched for the first time here, which `vec!` would leave to one of them.
pub fn zeros(n: usize) -> Vec<Fr> {
    (0..n).into_par_iter().with_min_len(1 << 12).map(|_| Fr::ZERO).collect()
}

/// Variables of the lower half of an eq-table: small enough for the nearest cache.
const LOW: usize = 9;

/// Both halves of the eq-table of a point.
pub fn eq_halves(device: &impl Device, point: &[Fr]) -> [Vec<Fr>; 2] {
    let (low, high) = point.split_at(point.len().min(LOW));
    [device.eq(low), device.eq(high)]
}

/// f̃(point) of a column of 2^point.len() integers.
pub fn evaluate(device: &impl Device, column: &Ints, point: &[Fr]) -> Fr {
    evaluate_slice(device, column, 0, point)
}

/// The same of a slice: the values from `slice`·2^point.len() on.
pub fn evaluate_slice(device: &impl Device, column: &Ints, slice: usize, point: &[Fr]) -> Fr {
    let [low, high] = eq_halves(device, point);
    let part = slice << point.len()..(slice + 1) << point.len();
    device.matrix_vector(column, part, &low).iter().zip(&high).map(|(v, e)| *v * e).sum()
}
