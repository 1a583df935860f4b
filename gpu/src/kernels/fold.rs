//! Eq-tables, and what is done to one place at a time (`cuda/fold.cu`).

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};

use crate::{
    Cpu, Device, Ints,
    backend::{Backend, Buffer, GpuError, Launch},
    cpu,
    kernels::{Kernels, vectors::Vector},
    mac,
};

/// Values of an eq-table that the CPU makes before a device goes on.
const FIRST: usize = 1 << 8;

impl<B: Backend> Kernels<B> {
    pub(super) fn try_eq(&self, point: &[Fr]) -> Result<Vec<Fr>, GpuError> {
        let first = point.len().min(FIRST.min(self.tuning.width).next_power_of_two().ilog2() as usize);
        let mut all = Cpu.eq(&point[..first]);
        let mut rest = point[first..].iter();
        let fits = (self.budget() / 32).max(all.len()) / all.len();
        let on_device = rest.len().min(fits.ilog2() as usize);
        let mut table = Buffer::<_, Fr>::new(&self.backend, all.len() << on_device)?;
        table.write_fields(&self.backend, 0, &all)?;
        let mut n = all.len();
        for r in rest.by_ref().take(on_device) {
            Launch::new(&self.backend, "eq_step", n).out(&mut table).field(r).run()?;
            n *= 2;
        }
        all = table.fields(&self.backend)?;
        for r in rest {
            all.resize(2 * n, Fr::ZERO);
            cpu::extend_eq(&mut all, r);
            n *= 2;
        }
        Ok(all)
    }

    pub(super) fn try_fold(&self, values: &Vector<B::Memory>, r: &Fr) -> Result<Vector<B::Memory>, GpuError> {
        self.halve("fold", values, r, values.len() / 2)
    }

    pub(super) fn try_fold_children(&self, values: &Vector<B::Memory>, r: &Fr) -> Result<Vector<B::Memory>, GpuError> {
        let mut out = self.halve("fold_children", values, r, values.len() / 4 * 2)?;
        // as the CPU does where groups of four do not come out even
        self.extend(&mut out, [Fr::ZERO; 2], values.len() / 2);
        Ok(out)
    }

    /// Runs a kernel that makes one value of two, `n` in all.
    fn halve(
        &self, kernel: &'static str, values: &Vector<B::Memory>, r: &Fr, n: usize,
    ) -> Result<Vector<B::Memory>, GpuError> {
        let [out] = self.produce(n, 64, 2, |[out], at, part| {
            let from = self.piece(values, 2 * part.start..2 * part.end)?;
            let launch = Launch::new(&self.backend, kernel, part.len()).out_from(out, at);
            launch.there(&from).field(r).run()
        })?;
        Ok(out)
    }

    pub(super) fn try_fold_ints(&self, ints: &Ints, r: &Fr) -> Result<Vector<B::Memory>, GpuError> {
        let [low, high] = [Fr::one() - r, *r].map(|f| f * mac::MONTGOMERY);
        let [out] = self.produce(ints.len() / 2, 16, 1, |[out], at, part| {
            let from = self.ints(ints, 2 * part.start..2 * part.end)?;
            let launch = Launch::new(&self.backend, "fold_ints", part.len()).out_from(out, at);
            launch.ints(&from, ints).field(&low).field(&high).run()
        })?;
        Ok(out)
    }

    pub(super) fn try_add_ints(
        &self, to: &mut Vector<B::Memory>, at: usize, factor: &Fr, ints: &Ints,
    ) -> Result<(), GpuError> {
        let n = (to.len() - at).min(ints.len());
        let scaled = *factor * mac::MONTGOMERY;
        self.change(to, at..at + n, 8, |buffer, place, part| {
            let from = self.ints(ints, part.clone())?;
            let launch = Launch::new(&self.backend, "add_scaled", part.len()).out_from(buffer, place);
            launch.ints(&from, ints).field(&scaled).run()
        })
    }

    pub(super) fn try_add(
        &self, to: &mut Vector<B::Memory>, at: usize, factor: &Fr, from: &Vector<B::Memory>,
    ) -> Result<(), GpuError> {
        let n = (to.len() - at).min(from.len());
        self.change(to, at..at + n, 32, |buffer, place, part| {
            let from = self.piece(from, part.clone())?;
            let launch = Launch::new(&self.backend, "add_vector", part.len()).out_from(buffer, place);
            launch.there(&from).field(factor).run()
        })
    }

    /// Changes some values of a vector in their place, part by part; `step` is told where a part begins in the memory it gets, and which
    /// values it is, counted from the first of `all`. A vector on the host changes only when every part is done.
    pub(super) fn change(
        &self, values: &mut Vector<B::Memory>, all: Range<usize>, bytes: usize,
        step: impl Fn(&mut Buffer<B::Memory, Fr>, usize, Range<usize>) -> Result<(), GpuError>,
    ) -> Result<(), GpuError> {
        match values {
            Vector::There(v) => {
                self.parts(all.len(), bytes, 2).try_for_each(|part| step(&mut v.buffer, all.start + part.start, part))
            }
            Vector::Host(v) => {
                let mut changed = Vec::with_capacity(all.len());
                for part in self.parts(all.len(), bytes + 32, 2) {
                    let own = &v[all.start + part.start..all.start + part.end];
                    let mut there = Buffer::from_fields(&self.backend, own)?;
                    step(&mut there, 0, part)?;
                    changed.extend(there.fields(&self.backend)?);
                }
                v[all].copy_from_slice(&changed);
                Ok(())
            }
        }
    }

    pub(super) fn try_invert(&self, values: &Vector<B::Memory>) -> Result<Vector<B::Memory>, GpuError> {
        /// Values whose product is inverted at once: 254 squarings are shared by as many.
        const SHARED: usize = 64;
        let [out] = self.produce(values.len(), 32, 1, |[out], at, part| {
            let from = self.piece(values, part.clone())?;
            let threads = part.len().div_ceil(SHARED);
            let launch = Launch::new(&self.backend, "invert", threads).out_from(out, at);
            launch.there(&from).number(part.len()).run()
        })?;
        Ok(out)
    }
}
