//! Sums over places (`cuda/sums.cu`): every thread forms its own, and those are added up in turn.

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::{
    Ints,
    backend::{Backend, Buffer, GpuError, Launch},
    kernels::Kernels,
};

/// Sums that the CPU adds up: fewer than pay for a launch.
const LAST: usize = 1 << 8;
/// Sums that one thread adds up.
const FAN: usize = 1 << 5;

/// An eq-table in halves on a device.
struct Eq<M> {
    low: Buffer<M, Fr>,
    high: Buffer<M, Fr>,
}

impl<M> Eq<M> {
    fn arguments<'b, B: Backend<Memory = M>>(&self, launch: Launch<'b, B>) -> Launch<'b, B> {
        launch.input(&self.low).input(&self.high).number(self.low.len())
    }
}

impl<B: Backend> Kernels<B> {
    /// Adds up groups of `per` values each.
    fn add_up(&self, mut sums: Buffer<B::Memory, Fr>, groups: usize, mut per: usize) -> Result<Vec<Fr>, GpuError> {
        assert_eq!(sums.len(), groups * per, "whole groups");
        while per > 1 && groups * per > LAST {
            let to = per.div_ceil(FAN);
            let mut out = Buffer::new(&self.backend, groups * to)?;
            let launch = Launch::new(&self.backend, "sums", groups * to).out(&mut out).input(&sums);
            launch.number(per).number(to).run()?;
            (sums, per) = (out, to);
        }
        let all = sums.fields(&self.backend)?;
        Ok(if per == 0 { vec![Fr::ZERO; groups] } else { all.chunks(per).map(|g| g.iter().sum()).collect() })
    }

    /// The part of an eq-table for `places`, which begin at a whole block.
    fn upload_eq(&self, [low, high]: [&[Fr]; 2], places: &Range<usize>) -> Result<Eq<B::Memory>, GpuError> {
        let high = &high[places.start / low.len()..places.end.div_ceil(low.len())];
        Ok(Eq { low: self.upload(low)?, high: self.upload(high)? })
    }

    /// Threads for so many places, whole blocks of `size`.
    fn threads(&self, places: usize, size: usize) -> usize {
        (self.tuning.width.min(places) / size).max(1) * size
    }

    pub(super) fn try_half_sum(&self, eq: [&[Fr]; 2], values: &[Fr], parity: usize) -> Result<Fr, GpuError> {
        let [low, high] = eq;
        let mut sum = Fr::ZERO;
        for places in self.parts((values.len() / 2).min(low.len() * high.len()), 64, low.len()) {
            let table = self.upload_eq(eq, &places)?;
            let from = self.upload(&values[2 * places.start..2 * places.end])?;
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, threads)?;
            let launch = table.arguments(Launch::new(&self.backend, "half_sum", threads).out(&mut out));
            launch.input(&from).number(places.len()).number(parity).run()?;
            sum += self.add_up(out, 1, threads)?[0];
        }
        Ok(sum)
    }

    pub(super) fn try_half_sum_ints(
        &self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize,
    ) -> Result<Fr, GpuError> {
        let [low, high] = eq;
        let mut sum = Fr::ZERO;
        for places in self.parts((part.len() / 2).min(low.len() * high.len()), 16, low.len()) {
            let table = self.upload_eq(eq, &places)?;
            let (from, kind) = self.upload_ints(ints, part.start + 2 * places.start..part.start + 2 * places.end)?;
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, threads)?;
            let launch = table.arguments(Launch::new(&self.backend, "half_sum_ints", threads).out(&mut out));
            launch.input(&from).number(kind).number(places.len()).number(parity).run()?;
            sum += self.add_up(out, 1, threads)?[0];
        }
        Ok(sum)
    }

    pub(super) fn try_product_round(&self, pairs: &[[&[Fr]; 2]]) -> Result<[Fr; 2], GpuError> {
        let mut sums = [Fr::ZERO; 2];
        for [a, b] in pairs {
            for places in self.parts(a.len().min(b.len()) / 2, 128, 1) {
                let [a, b] = [a, b].map(|v| self.upload(&v[2 * places.start..2 * places.end]));
                let threads = self.threads(places.len(), 1);
                let mut out = Buffer::new(&self.backend, 2 * threads)?;
                let launch = Launch::new(&self.backend, "product_round", threads);
                let launch = launch.out(&mut out).out_from(&mut out, threads).input(&a?).input(&b?);
                launch.number(places.len()).run()?;
                sums.iter_mut().zip(self.add_up(out, 2, threads)?).for_each(|(sum, own)| *sum += own);
            }
        }
        Ok(sums)
    }

    pub(super) fn try_fraction_layer(&self, p: &[Fr], q: &[Fr]) -> Result<[Vec<Fr>; 2], GpuError> {
        let n = p.len().min(q.len()) / 2;
        let mut all = [Vec::with_capacity(n), Vec::with_capacity(n)];
        for part in self.parts(n, 192, 1) {
            let [p, q] = [p, q].map(|v| self.upload(&v[2 * part.start..2 * part.end]));
            let mut p_out = Buffer::<_, Fr>::new(&self.backend, part.len())?;
            let mut q_out = Buffer::<_, Fr>::new(&self.backend, part.len())?;
            let launch = Launch::new(&self.backend, "fraction_layer", part.len());
            launch.out(&mut p_out).out(&mut q_out).input(&p?).input(&q?).run()?;
            all[0].extend(p_out.fields(&self.backend)?);
            all[1].extend(q_out.fields(&self.backend)?);
        }
        Ok(all)
    }

    pub(super) fn try_fraction_round(&self, eq: [&[Fr]; 2], p: &[Fr], q: &[Fr]) -> Result<[Fr; 2], GpuError> {
        let [low, high] = eq;
        let mut sums = [Fr::ZERO; 2];
        for places in self.parts((p.len().min(q.len()) / 4).min(low.len() * high.len()), 256, low.len()) {
            let table = self.upload_eq(eq, &places)?;
            let [p, q] = [p, q].map(|v| self.upload(&v[4 * places.start..4 * places.end]));
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, 2 * threads)?;
            let launch = Launch::new(&self.backend, "fraction_round", threads);
            let launch = table.arguments(launch.out(&mut out).out_from(&mut out, threads));
            launch.input(&p?).input(&q?).number(places.len()).run()?;
            sums.iter_mut().zip(self.add_up(out, 2, threads)?).for_each(|(sum, own)| *sum += own);
        }
        Ok(sums)
    }

    pub(super) fn try_matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Result<Vec<Fr>, GpuError> {
        let w_there = self.upload(w)?;
        let mut all = Vec::with_capacity(part.len().div_ceil(w.len()));
        for piece in self.parts(part.len(), 8, w.len()) {
            let (from, kind) = self.upload_ints(matrix, part.start + piece.start..part.start + piece.end)?;
            let rows = piece.len().div_ceil(w.len());
            // a warp reads neighbours of one row
            let parts = (self.tuning.width / rows).clamp(1, w.len().min(32));
            let mut out = Buffer::new(&self.backend, rows * parts)?;
            let launch =
                Launch::new(&self.backend, "matrix_vector", rows * parts).out(&mut out).input(&from).number(kind);
            launch.input(&w_there).number(piece.len()).number(w.len()).number(parts).run()?;
            all.extend(self.add_up(out, rows, parts)?);
        }
        Ok(all)
    }

    pub(super) fn try_vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Result<Vec<Fr>, GpuError> {
        let columns = part.len() / w.len();
        let mut all = vec![Fr::ZERO; columns];
        if columns == 0 {
            return Ok(all);
        }
        for rows in self.parts(w.len(), 8 * columns, 1) {
            let w = self.upload(&w[rows.clone()])?;
            let (from, kind) =
                self.upload_ints(matrix, part.start + rows.start * columns..part.start + rows.end * columns)?;
            let parts = (self.tuning.width / columns).clamp(1, rows.len());
            let mut out = Buffer::new(&self.backend, columns * parts)?;
            let launch = Launch::new(&self.backend, "vector_matrix", columns * parts).out(&mut out);
            let launch = launch.input(&from).number(kind).input(&w);
            launch.number(rows.len()).number(columns).number(parts).run()?;
            all.iter_mut().zip(self.add_up(out, columns, parts)?).for_each(|(sum, own)| *sum += own);
        }
        Ok(all)
    }
}
