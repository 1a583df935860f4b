//! Eq-tables, and what is done to one place at a time (`cuda/fold.cu`).

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};

use crate::{
    Cpu, Device, Ints,
    backend::{Backend, Buffer, GpuError, Launch},
    cpu,
    kernels::Kernels,
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

    pub(super) fn try_fold(&self, values: &[Fr], r: &Fr) -> Result<Vec<Fr>, GpuError> {
        self.halve("fold", values, r, values.len() / 2)
    }

    pub(super) fn try_fold_children(&self, values: &[Fr], r: &Fr) -> Result<Vec<Fr>, GpuError> {
        let mut out = self.halve("fold_children", values, r, values.len() / 4 * 2)?;
        // as the CPU does where groups of four do not come out even
        out.resize(values.len() / 2, Fr::ZERO);
        Ok(out)
    }

    /// Runs a kernel that makes one value of two, `n` in all.
    fn halve(&self, kernel: &'static str, values: &[Fr], r: &Fr, n: usize) -> Result<Vec<Fr>, GpuError> {
        let mut all = Vec::with_capacity(n);
        for part in self.parts(n, 96, 2) {
            let from = self.upload(&values[2 * part.start..2 * part.end])?;
            let mut out = Buffer::<_, Fr>::new(&self.backend, part.len())?;
            Launch::new(&self.backend, kernel, part.len()).out(&mut out).input(&from).field(r).run()?;
            all.extend(out.fields(&self.backend)?);
        }
        Ok(all)
    }

    pub(super) fn try_fold_ints(&self, ints: &Ints, r: &Fr) -> Result<Vec<Fr>, GpuError> {
        let n = ints.len() / 2;
        let mut all = Vec::with_capacity(n);
        let [low, high] = [Fr::one() - r, *r].map(|f| f * mac::MONTGOMERY);
        for part in self.parts(n, 48, 1) {
            let (from, kind) = self.upload_ints(ints, 2 * part.start..2 * part.end)?;
            let mut out = Buffer::<_, Fr>::new(&self.backend, part.len())?;
            let launch = Launch::new(&self.backend, "fold_ints", part.len()).out(&mut out);
            launch.input(&from).number(kind).field(&low).field(&high).run()?;
            all.extend(out.fields(&self.backend)?);
        }
        Ok(all)
    }

    pub(super) fn try_add_scaled(&self, to: &[Fr], factor: &Fr, ints: &Ints) -> Result<Vec<Fr>, GpuError> {
        let mut all = Vec::with_capacity(to.len());
        let scaled = *factor * mac::MONTGOMERY;
        for part in self.parts(to.len(), 40, 1) {
            let mut sum = self.upload(&to[part.clone()])?;
            let (from, kind) = self.upload_ints(ints, part.clone())?;
            let launch = Launch::new(&self.backend, "add_scaled", part.len()).out(&mut sum);
            launch.input(&from).number(kind).field(&scaled).run()?;
            all.extend(sum.fields(&self.backend)?);
        }
        Ok(all)
    }

    /// 1/v of every value, 0 of 0.
    pub fn try_invert(&self, values: &[Fr]) -> Result<Vec<Fr>, GpuError> {
        /// Values whose product is inverted at once: 254 squarings are shared by as many.
        const SHARED: usize = 64;
        let mut all = Vec::with_capacity(values.len());
        for part in self.parts(values.len(), 64, 1) {
            let from = self.upload(&values[part.clone()])?;
            let mut out = Buffer::<_, Fr>::new(&self.backend, part.len())?;
            let threads = part.len().div_ceil(SHARED);
            Launch::new(&self.backend, "invert", threads).out(&mut out).input(&from).number(part.len()).run()?;
            all.extend(out.fields(&self.backend)?);
        }
        Ok(all)
    }
}
