//! The CPU, all threads of the current pool.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use ark_ff::{AdditiveGroup, One, Zero};
use rayon::prelude::*;

use crate::{Device, Ints};

/// Values per task below which splitting costs more than it gives.
const TASK: usize = 1 << 10;

/// The CPU device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

/// Both signs of a column, apart: an MSM of small integers takes them without one.
macro_rules! signed {
    ($bases:expr, $v:expr, $signed:ty, $unsigned:ty, $msm:ident) => {{
        let part = |positive: bool| -> G1Projective {
            let of = |x: &$signed| if (*x > 0) == positive { x.unsigned_abs() } else { 0 };
            let parts: Vec<$unsigned> = $v.par_iter().map(of).collect();
            G1Projective::$msm($bases, &parts)
        };
        part(true) - part(false)
    }};
}

impl Device for Cpu {
    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        G1Projective::msm_unchecked(bases, scalars)
    }

    fn commit(&self, bases: &[G1Affine], ints: &Ints) -> G1Projective {
        let bases = &bases[..ints.len()];
        match ints {
            Ints::U8(v) => G1Projective::msm_u8(bases, v),
            Ints::U16(v) => G1Projective::msm_u16(bases, v),
            Ints::U32(v) => G1Projective::msm_u32(bases, v),
            Ints::U64(v) => G1Projective::msm_u64(bases, v),
            Ints::I16(v) => signed!(bases, v, i16, u16, msm_u16),
            Ints::I32(v) => signed!(bases, v, i32, u32, msm_u32),
            Ints::I64(v) => signed!(bases, v, i64, u64, msm_u64),
        }
    }

    fn eq(&self, point: &[Fr]) -> Vec<Fr> {
        let mut all = vec![Fr::one()];
        for r in point {
            let n = all.len();
            all.resize(2 * n, Fr::zero());
            let (low, high) = all.split_at_mut(n);
            low.par_iter_mut().zip(high).with_min_len(TASK).for_each(|(l, h)| {
                *h = *l * r;
                *l -= *h;
            });
        }
        all
    }

    fn fold(&self, values: &mut Vec<Fr>, r: &Fr) {
        let half = values.len() / 2;
        let (low, high) = values.split_at_mut(half);
        low.par_iter_mut().zip(high).with_min_len(TASK).for_each(|(l, h)| *l += *r * (*h - *l));
        values.truncate(half);
    }

    fn product_round(&self, pairs: &[[&[Fr]; 2]]) -> [Fr; 2] {
        let of_pair = |[a, b]: &[&[Fr]; 2]| {
            let half = a.len() / 2;
            let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
            let terms = |i: usize| [a0[i] * b0[i], (a1[i] - a0[i]) * (b1[i] - b0[i])];
            (0..half).into_par_iter().with_min_len(TASK).map(terms).reduce(|| [Fr::ZERO; 2], add)
        };
        pairs.iter().map(of_pair).fold([Fr::ZERO; 2], add)
    }

    fn fraction_layer(&self, p: &[Fr], q: &[Fr]) -> [Vec<Fr>; 2] {
        let half = p.len() / 2;
        let ((p0, p1), (q0, q1)) = (p.split_at(half), q.split_at(half));
        let sum = |i: usize| (p0[i] * q1[i] + p1[i] * q0[i], q0[i] * q1[i]);
        let (p, q) = (0..half).into_par_iter().with_min_len(TASK).map(sum).unzip();
        [p, q]
    }

    fn fraction_round(&self, eq: &[Fr], columns: [&[Fr]; 4]) -> [Fr; 2] {
        let half = eq.len();
        let [p0, p1, q0, q1] = columns.map(|c| c.split_at(half));
        let terms = |i: usize| {
            let step = |c: (&[Fr], &[Fr])| c.1[i] - c.0[i];
            let low = p0.0[i] * q1.0[i] + p1.0[i] * q0.0[i];
            let high = step(p0) * step(q1) + step(p1) * step(q0);
            [eq[i] * low, eq[i] * high]
        };
        (0..half).into_par_iter().with_min_len(TASK).map(terms).reduce(|| [Fr::ZERO; 2], add)
    }
}

fn add(a: [Fr; 2], b: [Fr; 2]) -> [Fr; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};

    use super::*;

    /// Every type, both ends of it, against plain multiplication.
    #[test]
    fn commitments_are_sums_of_multiples() {
        let bases: Vec<G1Affine> =
            (1u64..6).map(|i| (G1Projective::generator() * Fr::from(i * i + 7)).into_affine()).collect();
        let columns = [
            Ints::U8(vec![0, 1, 255, 7]),
            Ints::U16(vec![0, 65535, 1, 300, 9]),
            Ints::U32(vec![u32::MAX, 0, 5]),
            Ints::U64(vec![u64::MAX, 1, 0]),
            Ints::I16(vec![i16::MIN, i16::MAX, -1, 0, 1]),
            Ints::I32(vec![i32::MIN, i32::MAX, -1, 0, 1]),
            Ints::I64(vec![i64::MIN, i64::MAX, -1, 0, 1]),
            Ints::I16(vec![]),
        ];
        for c in columns {
            let plain: G1Projective = c.fields().iter().zip(&bases).map(|(x, b)| b.into_group() * x).sum();
            assert_eq!(Cpu.commit(&bases, &c), plain, "{c:?}");
        }
    }
}
