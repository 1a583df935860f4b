//! The kernels of `cuda/`, each with a wrapper that says what it computes and stands for its lengths, and the device that
//! they make of any [`Backend`].
//!
//! | module | wraps |
//! |---|---|
//! | [`arithmetic`] | single operations: what a device must know before it is trusted |
//! | [`fold`] | eq-tables and work of one place at a time |
//! | [`msm`] | sums of multiples of points |
//! | [`products`] | exact products of integer matrices |
//! | [`sums`] | sums over places: rounds of sumchecks, layers of fractions, matrices times vectors |
//!
//! All results are exact, so where kernels cannot do their work the CPU does it, and nobody sees a difference but in time.

pub mod arithmetic;
pub mod fold;
pub mod msm;
pub mod products;
pub mod sums;

use std::{
    ops::Range,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use ark_bn254::{Fr, G1Affine, G1Projective};

use crate::{
    Cpu, Device, Ints,
    backend::{Affine, Backend, Buffer, Bytes, Element, GpuError},
    kernels::msm::{Column, Scalars},
};

/// What may be chosen without changing a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Threads of a sum: as many as keep a GPU busy.
    pub width: usize,
    /// Values below which the CPU is sooner done than a launch.
    pub small: usize,
    /// Bytes of device memory that may be used at once.
    pub budget: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { width: 1 << 17, small: 1 << 12, budget: 4 << 30 }
    }
}

/// Kernels on a machine, as a device.
#[derive(Debug)]
pub struct Kernels<B: Backend> {
    backend: B,
    tuning: Tuning,
    trouble: OnceLock<GpuError>,
    kept: RwLock<Vec<Kept<B::Memory>>>,
}

/// Points that stay on the device. They are known again by where they lie: as long as they are held here nothing else can
/// lie there, and nobody can change them.
#[derive(Debug)]
struct Kept<M> {
    points: Arc<Vec<G1Affine>>,
    there: Buffer<M, Affine>,
}

impl<M> Kept<M> {
    /// The place of these points among those kept.
    fn place(&self, points: &[G1Affine]) -> Option<usize> {
        let (all, part) = (self.points.as_ptr_range(), points.as_ptr_range());
        let inside = all.start <= part.start && part.end <= all.end && !points.is_empty();
        inside.then(|| (part.start as usize - all.start as usize) / size_of::<G1Affine>())
    }
}

impl<B: Backend> Kernels<B> {
    /// Kernels on this machine.
    pub fn new(backend: B, tuning: Tuning) -> Self {
        Self { backend, tuning, trouble: OnceLock::new(), kept: RwLock::default() }
    }

    /// The machine.
    pub(crate) fn backend(&self) -> &B {
        &self.backend
    }

    /// What went wrong, if anything did: since then the CPU has done all work.
    pub fn trouble(&self) -> Option<&GpuError> {
        self.trouble.get()
    }

    /// Bytes of device memory that what is kept leaves.
    fn budget(&self) -> usize {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        self.tuning.budget - kept.iter().map(|k| k.points.len() * <Affine as Element>::BYTES).sum::<usize>()
    }

    fn try_keep(&self, points: &Arc<Vec<G1Affine>>) -> Result<(), GpuError> {
        let bytes = points.len() * <Affine as Element>::BYTES;
        // the rest must be enough to work with
        if bytes > self.budget() / 2 {
            return Ok(());
        }
        let there = arithmetic::upload_points(&self.backend, points)?;
        self.kept.write().unwrap_or_else(PoisonError::into_inner).push(Kept { points: points.clone(), there });
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

    fn upload(&self, values: &[Fr]) -> Result<Buffer<B::Memory, Fr>, GpuError> {
        Buffer::from_fields(&self.backend, values)
    }

    fn upload_ints(&self, ints: &Ints, part: Range<usize>) -> Result<(Buffer<B::Memory, Bytes>, usize), GpuError> {
        Ok((Buffer::from_bytes(&self.backend, ints.bytes(part))?, ints.kind()))
    }
}

#[cfg(feature = "host-kernels")]
impl crate::HostKernels {
    /// Kernels on the host.
    pub fn on_host(tuning: Tuning) -> Self {
        Self::new(crate::raw::host::Host, tuning)
    }
}

impl<B: Backend> Device for Kernels<B> {
    fn keep(&self, bases: &Arc<Vec<G1Affine>>) {
        self.attempt(bases.len(), |k| k.try_keep(bases));
    }

    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        let n = bases.len().min(scalars.len());
        let column = Column { at: 0, scalars: Scalars::Fields(&scalars[..n]) };
        let kernels = self.attempt(n, |k| k.try_msm(bases, &[column]));
        kernels.map_or_else(|| Cpu.msm(bases, scalars), |sums| sums[0])
    }

    fn commit(&self, bases: &[G1Affine], ints: &Ints) -> G1Projective {
        let column = Column { at: 0, scalars: Scalars::Ints(ints) };
        let kernels = self.attempt(ints.len(), |k| k.try_msm(bases, &[column]));
        kernels.map_or_else(|| Cpu.commit(bases, ints), |sums| sums[0])
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

    fn add_scaled(&self, to: &mut [Fr], factor: &Fr, ints: &Ints) {
        let n = to.len().min(ints.len());
        match self.attempt(n, |k| k.try_add_scaled(&to[..n], factor, ints)) {
            Some(sum) => to[..n].copy_from_slice(&sum),
            None => Cpu.add_scaled(to, factor, ints),
        }
    }

    fn fold(&self, values: &mut Vec<Fr>, r: &Fr) {
        match self.attempt(values.len(), |k| k.try_fold(values, r)) {
            Some(folded) => *values = folded,
            None => Cpu.fold(values, r),
        }
    }

    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Vec<Fr> {
        self.attempt(ints.len(), |k| k.try_fold_ints(ints, r)).unwrap_or_else(|| Cpu.fold_ints(ints, r))
    }

    fn half_sum(&self, eq: [&[Fr]; 2], values: &[Fr], parity: usize) -> Fr {
        let kernels = self.attempt(values.len(), |k| k.try_half_sum(eq, values, parity));
        kernels.unwrap_or_else(|| Cpu.half_sum(eq, values, parity))
    }

    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr {
        let kernels = self.attempt(part.len(), |k| k.try_half_sum_ints(eq, ints, part.clone(), parity));
        kernels.unwrap_or_else(|| Cpu.half_sum_ints(eq, ints, part, parity))
    }

    fn product_round(&self, pairs: &[[&[Fr]; 2]]) -> [Fr; 2] {
        let size = pairs.iter().map(|[a, b]| a.len().min(b.len())).sum();
        self.attempt(size, |k| k.try_product_round(pairs)).unwrap_or_else(|| Cpu.product_round(pairs))
    }

    fn fraction_layer(&self, p: &[Fr], q: &[Fr]) -> [Vec<Fr>; 2] {
        self.attempt(p.len(), |k| k.try_fraction_layer(p, q)).unwrap_or_else(|| Cpu.fraction_layer(p, q))
    }

    fn fraction_round(&self, eq: [&[Fr]; 2], p: &[Fr], q: &[Fr]) -> [Fr; 2] {
        self.attempt(p.len(), |k| k.try_fraction_round(eq, p, q)).unwrap_or_else(|| Cpu.fraction_round(eq, p, q))
    }

    fn fold_children(&self, values: &mut Vec<Fr>, r: &Fr) {
        match self.attempt(values.len(), |k| k.try_fold_children(values, r)) {
            Some(folded) => *values = folded,
            None => Cpu.fold_children(values, r),
        }
    }
}
