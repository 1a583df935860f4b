//! The CPU, all threads of the current pool.

use std::ops::Range;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, One, batch_inversion};
use rayon::prelude::*;

use crate::{
    Device, Ints, Right,
    ints::each,
    leaves::{self, Run},
    mac::{self, Factor, Small, Sum},
    msm, polynomial, zeros,
};

/// Values per task below which splitting costs more than it gives.
const TASK: usize = 1 << 10;
/// Columns of a matrix whose sums are formed together: they stay in the nearest cache.
const STRIP: usize = 1 << 7;

/// The CPU device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

impl Device for Cpu {
    type Vector = Vec<Fr>;

    fn is_host(&self) -> bool {
        true
    }

    fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
        items.into_par_iter().with_max_len(1).map(work).collect()
    }

    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        msm::fields(bases, scalars)
    }

    fn msm_vector(&self, bases: &[G1Affine], scalars: &Vec<Fr>) -> G1Projective {
        msm::fields(bases, scalars)
    }

    fn commit(&self, bases: &[G1Affine], columns: &[(usize, &Ints)]) -> Vec<G1Projective> {
        columns.par_iter().with_max_len(1).map(|(at, ints)| msm::ints(&bases[*at..], ints)).collect()
    }

    fn eq(&self, point: &[Fr]) -> Vec<Fr> {
        let mut all = zeros(1 << point.len());
        all[0] = Fr::one();
        point.iter().enumerate().for_each(|(i, r)| extend_eq(&mut all[..2 << i], r));
        all
    }

    fn matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Vec<Fr> {
        let rows = 1 + TASK / w.len();
        each!(matrix, v => v[part].par_chunks(w.len()).with_min_len(rows).map(|row| mac::dot(w, row.iter().copied())).collect())
    }

    fn vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Vec<Fr> {
        each!(matrix, v => vector_matrix(w, &v[part]))
    }

    fn products(&self, a: &[i32], b: &[i16], inner: usize, right: Right) -> Vec<i64> {
        match right {
            Right::Rows => products_of_rows(a, b, inner),
            Right::Columns => products_of_columns(a, b, inner),
        }
    }

    fn vector(&self, values: Vec<Fr>) -> Vec<Fr> {
        values
    }

    fn zeros(&self, n: usize) -> Vec<Fr> {
        zeros(n)
    }

    fn len(&self, values: &Vec<Fr>) -> usize {
        values.len()
    }

    fn read(&self, values: &Vec<Fr>, part: Range<usize>) -> Vec<Fr> {
        values[part].to_vec()
    }

    fn extend(&self, values: &mut Vec<Fr>, pair: [Fr; 2], n: usize) {
        values.extend(pair.into_iter().cycle().take(n.saturating_sub(values.len())));
    }

    fn add_ints(&self, to: &mut Vec<Fr>, at: usize, factor: &Fr, ints: &Ints) {
        each!(ints, v => add_ints(&mut to[at..], factor, v));
    }

    fn add(&self, to: &mut Vec<Fr>, at: usize, factor: &Fr, from: &Vec<Fr>) {
        to[at..].par_iter_mut().zip(from).with_min_len(TASK).for_each(|(to, v)| *to += *factor * v);
    }

    fn invert(&self, values: &Vec<Fr>) -> Vec<Fr> {
        let mut all = values.clone();
        batch_inversion(&mut all);
        all
    }

    fn fold(&self, values: &mut Vec<Fr>, r: &Fr) {
        let line = |v: &[Fr]| v[0] + *r * (v[1] - v[0]);
        *values = values.par_chunks_exact(2).with_min_len(TASK).map(line).collect();
    }

    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Vec<Fr> {
        each!(ints, v => fold_ints(v, r))
    }

    fn half_sum(&self, [low, high]: [&[Fr]; 2], values: &Vec<Fr>, part: Range<usize>, parity: usize) -> Fr {
        let block = |(v, h): (&[Fr], &Fr)| *h * v.chunks(2).zip(low).map(|(v, l)| v[parity] * l).sum::<Fr>();
        values[part].par_chunks(2 * low.len()).zip(high).with_min_len(1 + TASK / low.len()).map(block).sum()
    }

    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr {
        each!(ints, v => half_sum(eq, &v[part], parity))
    }

    fn product_round(&self, pairs: &[[&Vec<Fr>; 2]]) -> [Fr; 2] {
        let of_pair = |[a, b]: &[&Vec<Fr>; 2]| {
            let terms = |(a, b): (&[Fr], &[Fr])| [a[0] * b[0], (a[1] - a[0]) * (b[1] - b[0])];
            let all = a.par_chunks_exact(2).zip(b.par_chunks_exact(2)).with_min_len(TASK);
            all.map(terms).reduce(|| [Fr::ZERO; 2], add)
        };
        pairs.iter().map(of_pair).fold([Fr::ZERO; 2], add)
    }

    fn leaves(&self, n: usize, runs: Vec<Run<'_, Vec<Fr>>>) -> [Vec<Fr>; 2] {
        leaves::read(n, runs, |table| table)
    }

    fn in_blocks(&self, n: usize, block: usize, make: impl Fn(Range<usize>) -> [Vec<Fr>; 2] + Sync) -> [Vec<Fr>; 2] {
        let mut all = [zeros(n), zeros(n)];
        let [p, q] = all.each_mut().map(|c| c.par_chunks_mut(block));
        p.zip(q).enumerate().for_each(|(i, (p, q))| {
            let [own_p, own_q] = make(i * block..i * block + p.len());
            p.copy_from_slice(&own_p);
            q.copy_from_slice(&own_q);
        });
        all
    }

    fn sum_blocks(&self, n: usize, block: usize, sum: impl Fn(Range<usize>) -> [Fr; 2] + Sync) -> [Fr; 2] {
        let of_block = |i: usize| sum(i * block..n.min((i + 1) * block));
        (0..n.div_ceil(block)).into_par_iter().map(of_block).reduce(|| [Fr::ZERO; 2], add)
    }

    fn mix(&self, p: &mut Vec<Fr>, q: &Vec<Fr>, lambda: &Fr) {
        let pairs = p.par_chunks_exact_mut(2).zip(q.par_chunks_exact(2)).with_min_len(TASK);
        pairs.for_each(|(p, q)| p[1] += *lambda * q[1]);
    }

    fn fraction_layer(&self, p: &Vec<Fr>, q: &Vec<Fr>) -> [Vec<Fr>; 2] {
        let sum = |(p, q): (&[Fr], &[Fr])| (p[0] * q[1] + p[1] * q[0], q[0] * q[1]);
        let (p, q) = p.par_chunks_exact(2).zip(q.par_chunks_exact(2)).with_min_len(TASK).map(sum).unzip();
        [p, q]
    }

    fn fraction_round(&self, [low, high]: [&[Fr]; 2], p: &Vec<Fr>, q: &Vec<Fr>) -> [Fr; 2] {
        let block = |((p, q), h): ((&[Fr], &[Fr]), &Fr)| {
            let places = p.chunks_exact(4).zip(q.chunks_exact(4)).zip(low);
            let [at0, leading] = places.fold([Fr::ZERO; 2], |sum, ((p, q), l)| {
                let value = p[0] * q[1] + p[1] * q[0];
                let top = (p[2] - p[0]) * (q[3] - q[1]) + (p[3] - p[1]) * (q[2] - q[0]);
                add(sum, [*l * value, *l * top])
            });
            [*h * at0, *h * leading]
        };
        let size = 4 * low.len();
        let blocks = p.par_chunks(size).zip(q.par_chunks(size)).zip(high).with_min_len(1 + TASK / size);
        blocks.map(block).reduce(|| [Fr::ZERO; 2], add)
    }

    fn fold_children(&self, values: &mut Vec<Fr>, r: &Fr) {
        let line = |v: &[Fr]| [0, 1].map(|child| v[child] + *r * (v[child + 2] - v[child]));
        let folded: Vec<[Fr; 2]> = values.par_chunks_exact(4).with_min_len(TASK).map(line).collect();
        let half = values.len() / 2;
        *values = folded.into_flattened();
        // where groups of four do not come out even
        values.resize(half, Fr::ZERO);
    }

    fn row_sums(&self, values: &Vec<Fr>, w: &[Fr]) -> Vec<Fr> {
        values.par_chunks(w.len()).map(|row| row.iter().zip(w).map(|(v, w)| *v * w).sum()).collect()
    }

    fn divide(&self, f: &Vec<Fr>, b: usize, alpha: &Fr) -> (Vec<Fr>, Vec<Fr>) {
        polynomial::divide(f, b, alpha)
    }

    fn quotient(&self, p: &Vec<Fr>, x: &Fr) -> Vec<Fr> {
        polynomial::quotient(p, x)
    }
}

/// One more variable of an eq-table, which is the lower half of `all`.
pub(crate) fn extend_eq(all: &mut [Fr], r: &Fr) {
    let (low, high) = all.split_at_mut(all.len() / 2);
    low.par_iter_mut().zip(high).with_min_len(TASK).for_each(|(l, h)| {
        *h = *l * r;
        *l -= *h;
    });
}

fn add(a: [Fr; 2], b: [Fr; 2]) -> [Fr; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn vector_matrix<T: Small>(w: &[Fr], matrix: &[T]) -> Vec<Fr> {
    let width = matrix.len() / w.len();
    let weights: Fr = w.iter().sum();
    let mut out = vec![Fr::ZERO; width];
    out.par_chunks_mut(STRIP).enumerate().for_each(|(strip, out)| {
        let mut sums = [Sum::default(); STRIP];
        for (w, row) in w.iter().zip(matrix.chunks_exact(width)) {
            let row = &row[strip * STRIP..][..out.len()];
            sums.iter_mut().zip(row).for_each(|(sum, v)| sum.add(w, *v));
        }
        out.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum.finish::<T>(weights));
    });
    out
}

fn products_of_rows(a: &[i32], b: &[i16], inner: usize) -> Vec<i64> {
    let columns = b.len() / inner;
    let mut all = vec![0i64; a.len() / inner * columns];
    let rows = all.par_chunks_mut(columns.max(1)).zip(a.par_chunks_exact(inner));
    rows.with_min_len(1 + TASK / b.len().max(1)).for_each(|(sums, a)| {
        for (sum, b) in sums.iter_mut().zip(b.chunks_exact(inner)) {
            *sum = a.iter().zip(b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
        }
    });
    all
}

fn products_of_columns(a: &[i32], b: &[i16], inner: usize) -> Vec<i64> {
    let columns = b.len() / inner;
    let mut all = vec![0i64; a.len() / inner * columns];
    let rows = all.par_chunks_mut(columns.max(1)).zip(a.par_chunks_exact(inner));
    rows.with_min_len(1 + TASK / b.len().max(1)).for_each(|(sums, a)| {
        let mut pairs = a.iter().zip(b.chunks_exact(columns));
        // new memory that is read before it is written is mapped twice
        if let Some((a, b)) = pairs.next() {
            sums.iter_mut().zip(b).for_each(|(sum, b)| *sum = i64::from(*a) * i64::from(*b));
        }
        for (a, b) in pairs {
            sums.iter_mut().zip(b).for_each(|(sum, b)| *sum += i64::from(*a) * i64::from(*b));
        }
    });
    all
}

fn add_ints<T: Small>(to: &mut [Fr], factor: &Fr, ints: &[T]) {
    let factor = Factor::new::<T>(*factor);
    to.par_iter_mut().zip(ints).with_min_len(TASK).for_each(|(to, v)| *to += factor.times(*v));
}

fn fold_ints<T: Small>(ints: &[T], r: &Fr) -> Vec<Fr> {
    let [low, high] = [Fr::one() - r, *r].map(Factor::new::<T>);
    ints.par_chunks_exact(2).with_min_len(TASK).map(|v| low.times(v[0]) + high.times(v[1])).collect()
}

fn half_sum<T: Small>([low, high]: [&[Fr]; 2], values: &[T], parity: usize) -> Fr {
    let block = |(v, h): (&[T], &Fr)| *h * mac::dot(low, v.iter().skip(parity).step_by(2).copied());
    values.par_chunks(2 * low.len()).zip(high).with_min_len(1 + TASK / low.len()).map(block).sum()
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};

    use super::*;
    use crate::{eq_halves, evaluate};

    fn columns() -> Vec<Ints> {
        vec![
            Ints::U8(vec![0, 1, 255, 7]),
            Ints::U16(vec![0, 65535, 1, 300]),
            Ints::U32(vec![u32::MAX, 0, 5, 1]),
            Ints::U64(vec![u64::MAX, 1, 0, 1 << 32]),
            Ints::I16(vec![i16::MIN, i16::MAX, -1, 0]),
            Ints::I32(vec![i32::MIN, i32::MAX, -1, 0]),
            Ints::I64(vec![i64::MIN, i64::MAX, -1, 0]),
            Ints::I16((0..1 << 12).map(|i| ((i * 31) as i16).wrapping_sub(9000)).collect()),
        ]
    }

    fn point(n: usize) -> Vec<Fr> {
        (0..n as u64).map(|i| -Fr::from(i * i + 5)).collect()
    }

    /// Every type, both ends of it, against plain multiplication.
    #[test]
    fn commitments_are_sums_of_multiples() {
        let multiple = |i: u64| (G1Projective::generator() * Fr::from(i * i + 7)).into_affine();
        let bases: Vec<G1Affine> = (0..1 << 12).map(multiple).collect();
        for c in columns().into_iter().chain([Ints::I16(vec![])]) {
            let plain: G1Projective = c.fields().iter().zip(&bases).map(|(x, b)| b.into_group() * x).sum();
            assert_eq!(Cpu.commit(&bases, &[(0, &c)]), [plain], "{c:?}");
        }
    }

    /// What is done to integers equals what is done to the field elements that they are.
    #[test]
    fn integers_are_field_elements() {
        for c in columns() {
            let (f, vars) = (c.fields(), c.len().ilog2() as usize);
            let r = -Fr::from(77u64);
            let mut folded = f.clone();
            Cpu.fold(&mut folded, &r);
            assert_eq!(Cpu.fold_ints(&c, &r), folded);
            let mut all = f.clone();
            point(vars).iter().for_each(|r| Cpu.fold(&mut all, r));
            assert_eq!(evaluate(&Cpu, &c, &point(vars)), all[0]);
            let [low, high] = eq_halves(&Cpu, &point(vars - 1));
            let eq = Cpu.eq(&point(vars - 1));
            for parity in [0, 1] {
                let plain: Fr = eq.iter().zip(f.chunks(2)).map(|(e, f)| *e * f[parity]).sum();
                assert_eq!(Cpu.half_sum_ints([&low, &high], &c, 0..c.len(), parity), plain);
                assert_eq!(Cpu.half_sum([&low, &high], &f, 0..f.len(), parity), plain);
            }
            let w = point(2);
            let across = |i: usize| f.iter().skip(i).step_by(f.len() / 2).zip(&w).map(|(f, w)| *f * w).sum::<Fr>();
            assert_eq!(Cpu.vector_matrix(&w, &c, 0..c.len()), (0..f.len() / 2).map(across).collect::<Vec<_>>());
            let mut to = f.clone();
            Cpu.add_ints(&mut to, 0, &r, &c);
            to.iter().zip(&f).for_each(|(to, f)| assert_eq!(*to, *f + r * f));
        }
    }

    /// Binding children's lowest variable in every round ends in their multilinear extensions.
    #[test]
    fn children_fold_side_by_side() {
        let f = columns()[7].fields();
        let r = point(11);
        let mut all = f.clone();
        r.iter().for_each(|r| Cpu.fold_children(&mut all, r));
        let child = |c: usize| Cpu.eq(&r).iter().zip(f.chunks(2)).map(|(e, f)| *e * f[c]).sum::<Fr>();
        assert_eq!(all, [child(0), child(1)]);
    }
}
