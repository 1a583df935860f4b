//! Leaves and layers of trees of fractions (`cuda/leaves.cu`, `cuda/sums.cu`).

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::{
    backend::{Backend, Buffer, GpuError, Launch},
    kernels::{
        Kernels,
        vectors::{Outputs, There, Vector},
    },
    leaves::{Form, Leaves, Run},
};

/// Both vectors of a layer.
type Layer<M> = [Vector<M>; 2];

impl<B: Backend> Kernels<B> {
    pub(super) fn try_leaves(
        &self, n: usize, runs: &[Run<'_, Vector<B::Memory>>],
    ) -> Result<Layer<B::Memory>, GpuError> {
        let mut runs: Vec<_> = runs.iter().collect();
        runs.sort_unstable_by_key(|run| run.at);
        self.produce(n, 64, 1, |[p, q], at, part| {
            let mut next = part.start;
            for run in &runs {
                let here = run.at.max(part.start)..(run.at + run.leaves.count()).min(part.end);
                if here.is_empty() {
                    continue;
                }
                self.empty_leaves([&mut *p, &mut *q], at + next - part.start, here.start - next)?;
                next = here.end;
                let (place, skip) = (at + here.start - part.start, here.start - run.at);
                match &run.leaves {
                    Leaves::Indices { table, form, from, .. } => {
                        let out = [&mut *p, &mut *q];
                        self.index_leaves(out, place, form, from + skip..from + skip + here.len(), table)?;
                    }
                    Leaves::Table { table, counts, from, .. } => {
                        let part = from + skip..from + skip + here.len();
                        let (counts_there, table) = (self.ints(counts, part.clone())?, self.piece(table, part)?);
                        let launch = Launch::new(&self.backend, "table_leaves", here.len());
                        let launch = launch.out_from(p, place).out_from(q, place);
                        launch.ints(&counts_there, counts).there(&table).run()?;
                    }
                    Leaves::Given { p: own_p, q: own_q } => {
                        let own = skip..skip + here.len();
                        p.write_fields(&self.backend, place, &own_p[own.clone()])?;
                        q.write_fields(&self.backend, place, &own_q[own])?;
                    }
                }
            }
            self.empty_leaves([p, q], at + next - part.start, part.end - next)
        })
    }

    fn empty_leaves(&self, [p, q]: Outputs<'_, B::Memory, 2>, at: usize, n: usize) -> Result<(), GpuError> {
        Launch::new(&self.backend, "empty_leaves", n).out_from(p, at).out_from(q, at).run()
    }

    fn index_leaves(
        &self, [p, q]: Outputs<'_, B::Memory, 2>, at: usize, form: &Form<'_>, places: Range<usize>,
        table: &Vector<B::Memory>,
    ) -> Result<(), GpuError> {
        let there = self.piece(table, 0..table.len())?;
        let columns: Vec<There<'_, _>> =
            form.terms.iter().map(|(_, ints)| self.ints(ints, places.clone())).collect::<Result<_, _>>()?;
        let term = |((factor, ints), column): (&(i128, &crate::Ints), &There<'_, _>)| {
            // factors have at most 31 bits
            [column.place(), ints.kind() as u64, (*factor as i64).cast_unsigned()]
        };
        let terms: Vec<u64> = form.terms.iter().zip(&columns).flat_map(term).collect();
        let terms = self.upload_words(&terms)?;
        let launch = Launch::new(&self.backend, "index_leaves", places.len()).out_from(p, at).out_from(q, at);
        let launch = launch.there(&there).number(table.len());
        let launch = launch.address(form.constant as u64).address((form.constant >> 64) as u64);
        launch.there(&terms).number(form.terms.len()).run()
    }

    pub(super) fn try_mix(
        &self, p: &mut Vector<B::Memory>, q: &Vector<B::Memory>, lambda: &Fr,
    ) -> Result<(), GpuError> {
        let n = p.len().min(q.len()) / 2 * 2;
        self.change(p, 0..n, 32, |p, at, part| {
            let from = self.piece(q, part.clone())?;
            Launch::new(&self.backend, "mix", part.len() / 2).out_from(p, at).there(&from).field(lambda).run()
        })
    }

    pub(super) fn try_fraction_layer(
        &self, p: &Vector<B::Memory>, q: &Vector<B::Memory>,
    ) -> Result<Layer<B::Memory>, GpuError> {
        self.produce(p.len().min(q.len()) / 2, 128, 1, |[p_out, q_out], at, part| {
            let [p, q] = [p, q].map(|v| self.piece(v, 2 * part.start..2 * part.end));
            let launch = Launch::new(&self.backend, "fraction_layer", part.len());
            launch.out_from(p_out, at).out_from(q_out, at).there(&p?).there(&q?).run()
        })
    }

    pub(super) fn try_fraction_round(
        &self, eq: [&[Fr]; 2], p: &Vector<B::Memory>, q: &Vector<B::Memory>,
    ) -> Result<[Fr; 2], GpuError> {
        let [low, high] = eq;
        let mut sums = [Fr::ZERO; 2];
        for places in self.parts((p.len().min(q.len()) / 4).min(low.len() * high.len()), 256, low.len()) {
            let table = self.upload_eq(eq, &places)?;
            let [p, q] = [p, q].map(|v| self.piece(v, 4 * places.start..4 * places.end));
            let threads = self.threads(places.len(), low.len());
            let mut out = Buffer::new(&self.backend, 2 * threads)?;
            let launch = Launch::new(&self.backend, "fraction_round", threads);
            let launch = table.arguments(launch.out(&mut out).out_from(&mut out, threads));
            launch.there(&p?).there(&q?).number(places.len()).run()?;
            sums.iter_mut().zip(self.add_up(out, 2, threads)?).for_each(|(sum, own)| *sum += own);
        }
        Ok(sums)
    }
}
