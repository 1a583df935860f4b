//! The kernels of `cuda/`, each with a wrapper that says what it computes and stands for its lengths, and the device that
//! they make of any [`Backend`].
//!
//! | module | wraps |
//! |---|---|
//! | [`arithmetic`] | single operations: what a device must know before it is trusted |
//! | [`vectors`] | what stays on the device from one step to the next, and its room |
//! | [`fold`] | eq-tables and work of one place at a time |
//! | [`fractions`] | leaves and layers of trees of fractions |
//! | [`msm`] | sums of multiples of points |
//! | [`polynomial`] | divisions of polynomials |
//! | [`products`] | exact products of integer matrices |
//! | [`rates`] | what a device can do at most |
//! | [`sums`] | sums over places: rounds of sumchecks, matrices times vectors |
//!
//! All results are exact, so where kernels cannot do their work the CPU does it, and nobody sees a difference but in time. One thing
//! is not made good: vectors that a device had and lost, or was changing when it failed. [`Kernels::trouble`] says so, and a prover begins
//! anew.

pub mod arithmetic;
pub mod fold;
pub mod fractions;
pub mod msm;
pub mod polynomial;
pub mod products;
pub mod rates;
pub mod sums;
pub mod vectors;

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::AdditiveGroup;

use crate::{
    Cpu, Device, Held, Ints, Multiples, Right,
    backend::{Affine, Backend, Buffer, Counted, Element, GpuError},
    kernels::{
        msm::{Column, Scalars},
        vectors::{HeldColumns, Room, Vector},
    },
    leaves::{self, Run},
};

/// What may be chosen without changing a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Threads of a sum: as many as keep a GPU busy.
    pub width: usize,
    /// Values below which the CPU is sooner done than a launch.
    pub small: usize,
    /// Bytes of device memory that may be used at once; of a GPU's at most three quarters of what is free when it is opened.
    pub budget: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { width: 1 << 17, small: 1 << 12, budget: usize::MAX }
    }
}

/// Kernels on a machine, as a device.
pub struct Kernels<B: Backend> {
    backend: Counted<B>,
    tuning: Tuning,
    trouble: OnceLock<GpuError>,
    kept: RwLock<Vec<Kept<B::Memory>>>,
    held: RwLock<Vec<Weak<HeldColumns<B::Memory>>>>,
    /// Bytes of the device's memory that stay taken from one step to the next.
    used: Arc<AtomicUsize>,
}

/// Points that stay on the device. They are known again by where they lie: as long as they are held here nothing else can
/// lie there, and nobody can change them.
#[derive(Debug)]
struct Kept<M> {
    points: Arc<Vec<G1Affine>>,
    there: Buffer<M, Affine>,
    _room: Room,
}

impl<M> Kept<M> {
    /// The place of these points among those kept.
    fn place(&self, points: &[G1Affine]) -> Option<usize> {
        let (all, part) = (self.points.as_ptr_range(), points.as_ptr_range());
        let inside = all.start <= part.start && part.end <= all.end && !points.is_empty();
        inside.then(|| (part.start as usize - all.start as usize) / size_of::<G1Affine>())
    }
}

impl<B: Backend> fmt::Debug for Kernels<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // what lies on the device may be secret
        f.debug_struct("Kernels").field("tuning", &self.tuning).field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl<B: Backend> Kernels<B> {
    /// Kernels on this machine.
    pub fn new(backend: B, tuning: Tuning) -> Self {
        let (backend, trouble) = (Counted::new(backend), OnceLock::new());
        Self { backend, tuning, trouble, kept: RwLock::default(), held: RwLock::default(), used: Arc::default() }
    }

    /// The machine.
    pub(crate) fn backend(&self) -> &B {
        self.backend.inner()
    }

    /// What went wrong, if anything did: since then the CPU has done all work. Where this is none, every result is right.
    pub fn trouble(&self) -> Option<&GpuError> {
        self.trouble.get()
    }

    /// Bytes that went to the device and came from it.
    pub fn copied(&self) -> [u64; 2] {
        self.backend.copied()
    }

    /// Kernels run so far.
    pub fn launches(&self) -> u64 {
        self.backend.launches()
    }

    /// Bytes of device memory that what stays there leaves.
    fn budget(&self) -> usize {
        self.tuning.budget.saturating_sub(self.used.load(Relaxed))
    }

    fn try_keep(&self, points: &Arc<Vec<G1Affine>>) -> Result<(), GpuError> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // those that nobody else has any more are never asked for again
        kept.retain(|k| Arc::strong_count(&k.points) > 1);
        if kept.iter().any(|k| Arc::ptr_eq(&k.points, points)) {
            return Ok(());
        }
        let Some(room) = self.take_room(points.len() * <Affine as Element>::BYTES) else { return Ok(()) };
        let there = arithmetic::upload_points(&self.backend, points)?;
        kept.push(Kept { points: points.clone(), there, _room: room });
        Ok(())
    }

    /// Kernels for `size` values, or nothing: the CPU's turn.
    fn attempt<T>(&self, size: usize, work: impl FnOnce(&Self) -> Result<T, GpuError>) -> Option<T> {
        if size < self.tuning.small || self.trouble.get().is_some() {
            return None;
        }
        work(self).map_err(|e| self.trouble.set(e)).ok()
    }

    /// 0..total in parts of at most the budget at so many bytes each, all but the last a multiple of `unit`.
    fn parts(&self, total: usize, bytes: usize, unit: usize) -> impl Iterator<Item = Range<usize>> + use<B> {
        let most = (self.budget() / bytes / unit).max(1) * unit;
        (0..total).step_by(most).map(move |from| from..total.min(from + most))
    }

    /// Values of two vectors, at so many bytes each beside the results, that fit what is left: a multiple of `block`.
    fn block(&self, block: usize, bytes: usize) -> usize {
        let most = (self.budget() / bytes / block).clamp(1, (1 << 24) / block.min(1 << 24));
        most * block
    }
}

#[cfg(feature = "host-kernels")]
impl crate::HostKernels {
    /// Kernels on the host.
    pub fn on_host(tuning: Tuning) -> Self {
        Self::new(crate::raw::host::Host, tuning)
    }
}

/// Bytes that a value of a layer takes while blocks are made: four leaves' fractions, their parents' and what is read.
const LAYERED: usize = 512;

impl<B: Backend> Multiples for Kernels<B> {
    fn keep_points(&self, bases: &Arc<Vec<G1Affine>>) {
        self.keep(bases);
    }

    fn sum(&self, bases: &[G1Affine], scalars: &[Fr]) -> Option<G1Projective> {
        let n = bases.len().min(scalars.len());
        let column = Column { at: 0, scalars: Scalars::Fields(&scalars[..n]) };
        self.attempt(n, |k| k.try_msm(bases, &[column])).map(|sums| sums[0])
    }
}

impl<B: Backend> Device for Kernels<B> {
    type Vector = Vector<B::Memory>;

    fn keep(&self, bases: &Arc<Vec<G1Affine>>) {
        self.attempt(bases.len(), |k| k.try_keep(bases));
    }

    fn hold(&self, columns: &Arc<Vec<Ints>>) -> Held {
        let held = self.attempt(usize::MAX, |k| k.try_hold(columns))?;
        Some(held)
    }

    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        self.sum(bases, scalars).unwrap_or_else(|| Cpu.msm(bases, scalars))
    }

    fn msm_vector(&self, bases: &[G1Affine], scalars: &Self::Vector) -> G1Projective {
        let there = match scalars {
            Vector::Host(v) => return self.msm(bases, v),
            Vector::There(v) => v,
        };
        let column = Column { at: 0, scalars: Scalars::There(there, bases.len().min(there.len)) };
        let kernels = self.attempt(usize::MAX, |k| k.try_msm(bases, &[column]));
        kernels.map_or_else(|| Cpu.msm(bases, &self.host(scalars)), |sums| sums[0])
    }

    fn commit(&self, bases: &[G1Affine], columns: &[(usize, &Ints)]) -> Vec<G1Projective> {
        let all: Vec<_> = columns.iter().map(|(at, c)| Column { at: *at, scalars: Scalars::Ints(c) }).collect();
        let kernels = self.attempt(columns.iter().map(|c| c.1.len()).sum(), |k| k.try_msm(bases, &all));
        kernels.unwrap_or_else(|| Cpu.commit(bases, columns))
    }

    fn eq(&self, point: &[Fr]) -> Vec<Fr> {
        let size = 1usize.checked_shl(point.len() as u32).expect("a table that fits memory");
        self.attempt(size, |k| k.try_eq(point)).unwrap_or_else(|| Cpu.eq(point))
    }

    fn matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Vec<Fr> {
        let kernels = self.attempt(part.len(), |k| k.try_matrix_vector(matrix, part.clone(), w));
        kernels.unwrap_or_else(|| Cpu.matrix_vector(matrix, part, w))
    }

    fn vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Vec<Fr> {
        let kernels = self.attempt(part.len(), |k| k.try_vector_matrix(w, matrix, part.clone()));
        kernels.unwrap_or_else(|| Cpu.vector_matrix(w, matrix, part))
    }

    fn products(&self, a: &[i32], b: &[i16], inner: usize, right: Right) -> Vec<i64> {
        let kernels = self.attempt(a.len() / inner * b.len(), |k| k.try_products(a, b, inner, right));
        kernels.unwrap_or_else(|| Cpu.products(a, b, inner, right))
    }

    fn vector(&self, values: Vec<Fr>) -> Self::Vector {
        let there = self.attempt(values.len(), |k| k.try_vector(&values)).flatten();
        there.unwrap_or(Vector::Host(values))
    }

    fn zeros(&self, n: usize) -> Self::Vector {
        let there = self.attempt(n, |k| k.try_zeros(n)).flatten();
        there.unwrap_or_else(|| Vector::Host(crate::zeros(n)))
    }

    fn len(&self, values: &Self::Vector) -> usize {
        values.len()
    }

    fn read(&self, values: &Self::Vector, part: Range<usize>) -> Vec<Fr> {
        match values {
            Vector::Host(v) => v[part].to_vec(),
            Vector::There(v) => self.part(v, part),
        }
    }

    fn extend(&self, values: &mut Self::Vector, pair: [Fr; 2], n: usize) {
        if self.attempt(usize::MAX, |k| k.try_extend(values, pair, n)) != Some(true) {
            let mut all = self.take(values);
            Cpu.extend(&mut all, pair, n);
            *values = self.vector(all);
        }
    }

    fn add_ints(&self, to: &mut Self::Vector, at: usize, factor: &Fr, ints: &Ints) {
        let n = (to.len() - at).min(ints.len());
        if self.attempt(to.weight(n), |k| k.try_add_ints(to, at, factor, ints)).is_none() {
            let mut all = self.take(to);
            Cpu.add_ints(&mut all, at, factor, ints);
            *to = Vector::Host(all);
        }
    }

    fn add(&self, to: &mut Self::Vector, at: usize, factor: &Fr, from: &Self::Vector) {
        if self.attempt(to.weight(0), |k| k.try_add(to, at, factor, from)).is_none() {
            let mut all = self.take(to);
            Cpu.add(&mut all, at, factor, &self.host(from));
            *to = Vector::Host(all);
        }
    }

    fn invert(&self, values: &Self::Vector) -> Self::Vector {
        let kernels = self.attempt(values.weight(values.len()), |k| k.try_invert(values));
        kernels.unwrap_or_else(|| Vector::Host(Cpu.invert(&self.host(values))))
    }

    fn fold(&self, values: &mut Self::Vector, r: &Fr) {
        match self.attempt(values.weight(values.len()), |k| k.try_fold(values, r)) {
            Some(folded) => *values = folded,
            None => {
                let mut all = self.take(values);
                Cpu.fold(&mut all, r);
                *values = Vector::Host(all);
            }
        }
    }

    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Self::Vector {
        let kernels = self.attempt(ints.len(), |k| k.try_fold_ints(ints, r));
        kernels.unwrap_or_else(|| Vector::Host(Cpu.fold_ints(ints, r)))
    }

    fn half_sum(&self, eq: [&[Fr]; 2], values: &Self::Vector, part: Range<usize>, parity: usize) -> Fr {
        let kernels = self.attempt(values.weight(part.len()), |k| k.try_half_sum(eq, values, part.clone(), parity));
        kernels.unwrap_or_else(|| Cpu.half_sum(eq, &self.host(values), part, parity))
    }

    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr {
        let kernels = self.attempt(part.len(), |k| k.try_half_sum_ints(eq, ints, part.clone(), parity));
        kernels.unwrap_or_else(|| Cpu.half_sum_ints(eq, ints, part, parity))
    }

    fn product_round(&self, pairs: &[[&Self::Vector; 2]]) -> [Fr; 2] {
        let weight = |[a, b]: &[&Self::Vector; 2]| a.weight(a.len().min(b.len())).max(b.weight(0));
        let size = pairs.iter().map(weight).fold(0, usize::saturating_add);
        self.attempt(size, |k| k.try_product_round(pairs)).unwrap_or_else(|| {
            let own: Vec<_> = pairs.iter().map(|[a, b]| [self.host(a), self.host(b)]).collect();
            Cpu.product_round(&own.iter().map(|[a, b]| [&**a, &**b]).collect::<Vec<_>>())
        })
    }

    fn leaves(&self, n: usize, runs: Vec<Run<'_, Self::Vector>>) -> [Self::Vector; 2] {
        self.attempt(n, |k| k.try_leaves(n, &runs)).unwrap_or_else(|| {
            let tables: Vec<_> = runs.iter().map(|run| run.table().map(|table| self.host(table))).collect();
            let own = runs.into_iter().zip(&tables).map(|(run, table)| run.with(table.as_deref()));
            leaves::read(n, own.collect(), |table| table).map(Vector::Host)
        })
    }

    fn in_blocks(
        &self, n: usize, block: usize, make: impl Fn(Range<usize>) -> [Self::Vector; 2] + Sync,
    ) -> [Self::Vector; 2] {
        if n < self.tuning.small || self.trouble.get().is_some() {
            return Cpu.in_blocks(n, block, |range| make(range).map(|mut v| self.take(&mut v))).map(Vector::Host);
        }
        let size = self.block(block, LAYERED);
        if n <= size {
            return make(0..n);
        }
        let mut all = [self.zeros(n), self.zeros(n)];
        for from in (0..n).step_by(size) {
            for (to, part) in all.iter_mut().zip(make(from..n.min(from + size))) {
                if let Err(e) = self.put(to, from, &part) {
                    // the device has lost what was made so far
                    let _ = self.trouble.set(e);
                }
            }
        }
        all
    }

    fn sum_blocks(&self, n: usize, block: usize, sum: impl Fn(Range<usize>) -> [Fr; 2] + Sync) -> [Fr; 2] {
        if n < self.tuning.small || self.trouble.get().is_some() {
            return Cpu.sum_blocks(n, block, sum);
        }
        let size = self.block(block, LAYERED);
        let ranges = (0..n).step_by(size).map(|from| sum(from..n.min(from + size)));
        ranges.fold([Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
    }

    fn mix(&self, p: &mut Self::Vector, q: &Self::Vector, lambda: &Fr) {
        if self.attempt(p.weight(p.len()), |k| k.try_mix(p, q, lambda)).is_none() {
            let mut all = self.take(p);
            Cpu.mix(&mut all, &self.host(q), lambda);
            *p = Vector::Host(all);
        }
    }

    fn fraction_layer(&self, p: &Self::Vector, q: &Self::Vector) -> [Self::Vector; 2] {
        let kernels = self.attempt(p.weight(p.len()).max(q.weight(0)), |k| k.try_fraction_layer(p, q));
        kernels.unwrap_or_else(|| Cpu.fraction_layer(&self.host(p), &self.host(q)).map(Vector::Host))
    }

    fn fraction_round(&self, eq: [&[Fr]; 2], p: &Self::Vector, q: &Self::Vector) -> [Fr; 2] {
        let kernels = self.attempt(p.weight(p.len()).max(q.weight(0)), |k| k.try_fraction_round(eq, p, q));
        kernels.unwrap_or_else(|| Cpu.fraction_round(eq, &self.host(p), &self.host(q)))
    }

    fn fold_children(&self, values: &mut Self::Vector, r: &Fr) {
        match self.attempt(values.weight(values.len()), |k| k.try_fold_children(values, r)) {
            Some(folded) => *values = folded,
            None => {
                let mut all = self.take(values);
                Cpu.fold_children(&mut all, r);
                *values = Vector::Host(all);
            }
        }
    }

    fn row_sums(&self, values: &Self::Vector, w: &[Fr]) -> Vec<Fr> {
        let kernels = self.attempt(values.weight(values.len()), |k| k.try_row_sums(values, w));
        kernels.unwrap_or_else(|| Cpu.row_sums(&self.host(values), w))
    }

    fn divide(&self, f: &Self::Vector, b: usize, alpha: &Fr) -> (Self::Vector, Vec<Fr>) {
        let kernels = self.attempt(f.weight(0), |k| k.try_divide(f, b, alpha)).flatten();
        kernels.unwrap_or_else(|| {
            let (q, g) = Cpu.divide(&self.host(f), b, alpha);
            (self.vector(q), g)
        })
    }

    fn quotient(&self, p: &Self::Vector, x: &Fr) -> Self::Vector {
        let kernels = self.attempt(p.weight(0), |k| k.try_quotient(p, x)).flatten();
        kernels.unwrap_or_else(|| self.vector(Cpu.quotient(&self.host(p), x)))
    }
}
