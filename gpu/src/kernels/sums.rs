//! Sums over places (`cuda/sums.cu`): every thread forms its own, and those are added up in turn.

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::{
    Ints,
    backend::{Backend, Buffer, GpuError, Launch},
    kernels::{
        Kernels,
        vectors::{There, Vector},
    },
};

/// Sums that the CPU adds up: fewer than pay for a launch.
const LAST: usize = 1 << 8;
/// Sums that one thread adds up.
const FAN: usize = 1 << 5;

/// An eq-table in halves on a device.
pub(super) struct Eq<M: 'static> {
    low: There<'static, M>,
    high: There<'static, M>,
    size: usize,
}

impl<M: 'static> Eq<M> {
    pub(super) fn arguments<'b, B: Backend<Memory = M>>(&self, launch: Launch<'b, B>) -> Launch<'b, B> {
        launch.there(&self.low).there(&self.high).number(self.size)
    }
}

impl<B: Backend> Kernels<B> {
    /// Adds up groups of `per` values each.
    pub(super) fn add_up(
        &self, mut sums: Buffer<B::Memory, Fr>, groups: usize, mut per: usize,
    ) -> Result<Vec<Fr>, GpuError> {
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
    pub(super) fn upload_eq(&self, [low, high]: [&[Fr]; 2], places: &Range<usize>) -> Result<Eq<B::Memory>, GpuError> {
        let high = &high[places.start / low.len()..places.end.div_ceil(low.len())];
        Ok(Eq { size: low.len(), low: self.upload(low)?, high: self.upload(high)? })
    }

    /// Threads for so many places, whole blocks of `size`.
    pub(super) fn threads(&self, places: usize, size: usize) -> usize {
        (self.tuning.width.min(places) / size).max(1) * size
    }

    pub(super) fn try_half_sum(
        &self, eq: [&[Fr]; 2], values: &Vector<B::Memory>, part: Range<usize>, parity: usize,
    ) -> Result<Fr, GpuError> {
        let [low, high] = eq;
        let mut sum = Fr::ZERO;
        for places in self.parts((part.len() / 2).min(low.len() * high.len()), 64, low.len()) {
            let table = self.upload_eq(eq, &places)?;
            let from = self.piece(values, part.start + 2 * places.start..part.start + 2 * places.end)?;
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, threads)?;
            let launch = table.arguments(Launch::new(&self.backend, "half_sum", threads).out(&mut out));
            launch.there(&from).number(places.len()).number(parity).run()?;
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
            let from = self.ints(ints, part.start + 2 * places.start..part.start + 2 * places.end)?;
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, threads)?;
            let launch = table.arguments(Launch::new(&self.backend, "half_sum_ints", threads).out(&mut out));
            launch.ints(&from, ints).number(places.len()).number(parity).run()?;
            sum += self.add_up(out, 1, threads)?[0];
        }
        Ok(sum)
    }

    pub(super) fn try_product_round(&self, pairs: &[[&Vector<B::Memory>; 2]]) -> Result<[Fr; 2], GpuError> {
        let mut sums = [Fr::ZERO; 2];
        for [a, b] in pairs {
            for places in self.parts(a.len().min(b.len()) / 2, 128, 1) {
                let [a, b] = [a, b].map(|v| self.piece(v, 2 * places.start..2 * places.end));
                let threads = self.threads(places.len(), 1);
                let mut out = Buffer::new(&self.backend, 2 * threads)?;
                let launch = Launch::new(&self.backend, "product_round", threads);
                let launch = launch.out(&mut out).out_from(&mut out, threads).there(&a?).there(&b?);
                launch.number(places.len()).run()?;
                sums.iter_mut().zip(self.add_up(out, 2, threads)?).for_each(|(sum, own)| *sum += own);
            }
        }
        Ok(sums)
    }

    pub(super) fn try_matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Result<Vec<Fr>, GpuError> {
        let w_there = self.upload(w)?;
        let mut all = Vec::with_capacity(part.len().div_ceil(w.len()));
        for piece in self.parts(part.len(), 8 + 32usize.div_ceil(w.len()), w.len()) {
            let from = self.ints(matrix, part.start + piece.start..part.start + piece.end)?;
            let rows = piece.len().div_ceil(w.len());
            // a warp reads neighbours of one row
            let parts = (self.tuning.width / rows).clamp(1, w.len().min(32));
            let mut out = Buffer::new(&self.backend, rows * parts)?;
            let launch = Launch::new(&self.backend, "matrix_vector", rows * parts).out(&mut out);
            let launch = launch.ints(&from, matrix).there(&w_there);
            launch.number(piece.len()).number(w.len()).number(parts).run()?;
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
            let from = self.ints(matrix, part.start + rows.start * columns..part.start + rows.end * columns)?;
            let parts = (self.tuning.width / columns).clamp(1, rows.len());
            let mut out = Buffer::new(&self.backend, columns * parts)?;
            let launch = Launch::new(&self.backend, "vector_matrix", columns * parts).out(&mut out);
            let launch = launch.ints(&from, matrix).there(&w);
            launch.number(rows.len()).number(columns).number(parts).run()?;
            all.iter_mut().zip(self.add_up(out, columns, parts)?).for_each(|(sum, own)| *sum += own);
        }
        Ok(all)
    }

    pub(super) fn try_row_sums(&self, values: &Vector<B::Memory>, w: &[Fr]) -> Result<Vec<Fr>, GpuError> {
        let w_there = self.upload(w)?;
        let mut all = Vec::with_capacity(values.len().div_ceil(w.len()));
        for piece in self.parts(values.len(), 32 + 32usize.div_ceil(w.len()), w.len()) {
            let from = self.piece(values, piece.clone())?;
            let rows = piece.len().div_ceil(w.len());
            let parts = (self.tuning.width / rows).clamp(1, w.len().min(32));
            let mut out = Buffer::new(&self.backend, rows * parts)?;
            let launch = Launch::new(&self.backend, "row_sums", rows * parts).out(&mut out).there(&from);
            launch.there(&w_there).number(piece.len()).number(w.len()).number(parts).run()?;
            all.extend(self.add_up(out, rows, parts)?);
        }
        Ok(all)
    }
}
