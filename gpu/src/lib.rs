//! The prover's heavy loops: what a device must be able to do, and the CPU doing it.
//!
//! | module | holds |
//! |---|---|
//! | [`ints`] | columns of small integers, never wider than they need to be |
//! | [`leaves`] | what stands at the leaves of a tree of fractions |
//! | [`mac`] | sums of weights times small integers, reduced once |
//! | [`cpu`] | the CPU device |
//! | [`polynomial`] | division of coefficient vectors on the CPU |
//! | `msm` | sums of multiples of points on the CPU, with AVX-512 where the processor has it |
//! | [`cuda`] | looking for a CUDA device, and what to say where there is none |
//! | [`backend`] | what kernels need of a machine |
//! | [`kernels`] | the kernels of `cuda/`, and the device that they make of a machine |
//!
//! A device keeps vectors wherever it likes ([`Device::Vector`]): on a GPU they stay there from one step to the next, and only sums, short
//! ends and what a proof says come back. Field sums are exact, so every device and every number of threads gives the same bytes.
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod backend;
pub mod cpu;
pub mod cuda;
pub mod ints;
pub mod kernels;
pub mod leaves;
pub mod mac;
mod msm;
pub mod polynomial;
mod raw;

pub use cpu::Cpu;
pub use cuda::Cuda;
pub use ints::Ints;

/// The kernels of `cuda/` compiled for the host: a device for tests.
#[cfg(feature = "host-kernels")]
pub type HostKernels = kernels::Kernels<HostMachine>;
#[cfg(feature = "host-kernels")]
pub use raw::host::Host as HostMachine;

use std::{any::Any, ops::Range, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::AdditiveGroup;
use leaves::Run;
use rayon::prelude::*;

/// Columns that a device holds; they may go when this does.
pub type Held = Option<Arc<dyn Any + Send + Sync>>;

/// Vectors are indexed by the bits of their place, lowest variable first. The lowest variable is bound first, so that a
/// vector whose end is all one value stays one: only what comes before is stored.
///
/// An eq-table travels in halves, `[low, high]` with eq(x) = low[x mod |low|]·high[x / |low|].
pub trait Device: Sync {
    /// A vector of field elements, wherever the device keeps it.
    type Vector: Send + Sync;

    /// Does it work on the host's own memory? What another has been given may not be what it holds.
    fn is_host(&self) -> bool {
        false
    }

    /// Says that many sums of multiples of these points will be asked for: a device with memory of its own keeps them there.
    fn keep(&self, _bases: &Arc<Vec<G1Affine>>) {}

    /// Says that these columns will be read again and again while what is returned lives.
    fn hold(&self, _columns: &Arc<Vec<Ints>>) -> Held {
        None
    }

    /// Pieces of work that do not wait for one another, such as one per column; results in the order of `items`. A device with
    /// memory of its own, which each piece may want all of, takes them in turn.
    fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
        items.into_iter().map(work).collect()
    }

    /// Σ scalars·bases, over the shorter of both.
    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective;

    /// The same of a vector.
    fn msm_vector(&self, bases: &[G1Affine], scalars: &Self::Vector) -> G1Projective;

    /// Σ integers·bases of columns, each from its own base on; `bases` are enough for all.
    fn commit(&self, bases: &[G1Affine], columns: &[(usize, &Ints)]) -> Vec<G1Projective>;

    /// eq(point, x) for all x of the cube: 2^point.len() values.
    fn eq(&self, point: &[Fr]) -> Vec<Fr>;

    /// `M·w` of a part of a column: one value per row of w.len() integers.
    fn matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Vec<Fr>;

    /// `wᵀ·M` of a part of a column: one value per column of a matrix of w.len() rows.
    fn vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Vec<Fr>;

    /// Products of a matrix with rows of `inner` integers and one with rows or columns of as many, row by row. Every sum must fit.
    fn products(&self, a: &[i32], b: &[i16], inner: usize, right: Right) -> Vec<i64>;

    /// A vector of these values.
    fn vector(&self, values: Vec<Fr>) -> Self::Vector;

    /// A vector of zeros.
    fn zeros(&self, n: usize) -> Self::Vector;

    /// Number of values.
    fn len(&self, values: &Self::Vector) -> usize;

    /// Some of them.
    fn read(&self, values: &Self::Vector, part: Range<usize>) -> Vec<Fr>;

    /// Appends both values of a pair in turn until there are `n`; an even number is there.
    fn extend(&self, values: &mut Self::Vector, pair: [Fr; 2], n: usize);

    /// `to[at + i] += factor·ints[i]`, as far as both go.
    fn add_ints(&self, to: &mut Self::Vector, at: usize, factor: &Fr, ints: &Ints);

    /// `to[at + i] += factor·from[i]`, as far as both go.
    fn add(&self, to: &mut Self::Vector, at: usize, factor: &Fr, from: &Self::Vector);

    /// 1/v of every value, 0 of 0.
    fn invert(&self, values: &Self::Vector) -> Self::Vector;

    /// Binds the lowest variable: `v[2i] + r·(v[2i+1] − v[2i])`.
    fn fold(&self, values: &mut Self::Vector, r: &Fr);

    /// The same of a column.
    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Self::Vector;

    /// Σ_x eq(x)·v[2x + parity] of a part of a vector.
    fn half_sum(&self, eq: [&[Fr]; 2], values: &Self::Vector, part: Range<usize>, parity: usize) -> Fr;

    /// The same of a part of a column.
    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr;

    /// The coefficients c_0 and c_2 of Σ_pairs Σ_x a(X, x)·b(X, x), X the lowest variable.
    fn product_round(&self, pairs: &[[&Self::Vector; 2]]) -> [Fr; 2];

    /// Numerators and denominators of `n` leaves: those of the runs, which do not overlap, and 0/1 elsewhere.
    fn leaves(&self, n: usize, runs: Vec<Run<'_, Self::Vector>>) -> [Self::Vector; 2];

    /// Two vectors of `n` values, made from ranges that begin at multiples of `block`: as long ones as the device has room for.
    fn in_blocks(
        &self, n: usize, block: usize, make: impl Fn(Range<usize>) -> [Self::Vector; 2] + Sync,
    ) -> [Self::Vector; 2];

    /// Sums over 0..n, formed of such ranges.
    fn sum_blocks(&self, n: usize, block: usize, sum: impl Fn(Range<usize>) -> [Fr; 2] + Sync) -> [Fr; 2];

    /// `p[2i + 1] += λ·q[2i + 1]`
    fn mix(&self, p: &mut Self::Vector, q: &Self::Vector, lambda: &Fr);

    /// The layer above: node i adds the fractions 2i and 2i + 1.
    fn fraction_layer(&self, p: &Self::Vector, q: &Self::Vector) -> [Self::Vector; 2];

    /// The values at 0 and the leading coefficients in X of Σ_x eq(x)·(p0·q1 + p1·q0)(X, x), children side by side:
    /// `p[2y]` and `p[2y+1]` are p0 and p1 at y = (X, x).
    fn fraction_round(&self, eq: [&[Fr]; 2], p: &Self::Vector, q: &Self::Vector) -> [Fr; 2];

    /// Binds the lowest variable of y where children stand side by side.
    fn fold_children(&self, values: &mut Self::Vector, r: &Fr);

    /// `F·w`: one value per row of w.len() values, the last of which may be short.
    fn row_sums(&self, values: &Self::Vector, w: &[Fr]) -> Vec<Fr>;

    /// Quotient and remainder by X^b − α of a polynomial with more than b coefficients.
    fn divide(&self, f: &Self::Vector, b: usize, alpha: &Fr) -> (Self::Vector, Vec<Fr>);

    /// The quotient by X − x; the remainder, p(x), is dropped.
    fn quotient(&self, p: &Self::Vector, x: &Fr) -> Self::Vector;
}

/// Sums of multiples alone, for callers that choose a device at run time.
pub trait Multiples: std::fmt::Debug + Send + Sync {
    /// Says that many sums of multiples of these points will be asked for.
    fn keep_points(&self, bases: &Arc<Vec<G1Affine>>);

    /// Σ scalars·bases, over the shorter of both; none where the CPU should do it. It gives no work to other threads, so that whoever asks may
    /// hold a lock.
    fn sum(&self, bases: &[G1Affine], scalars: &[Fr]) -> Option<G1Projective>;
}

/// How the right one of two matrices lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// What a row of the left one is multiplied by is contiguous.
    Rows,
    /// The first integers of all of those come first.
    Columns,
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
