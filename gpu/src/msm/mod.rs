//! Sums of multiples of points on the CPU: buckets (Pippenger 1976) filled by affine additions that share an inversion.
//!
//! A scalar is cut into digits with sign ([`digits`]). For each digit's place, points are sorted by the digit's size ([`order`]) and each
//! bucket is summed ([`sums`]): neighbours are added in pairs until one point is left, and all pairs of a round share one
//! inversion, so that an addition costs six multiplications ([`pairs`], [`lanes`]). What is left, Σ k·bucket_k, is written with
//! k = high·2^m + low as 2^m·Σ high·row_high + Σ low·column_low, whose rows and columns are buckets again.
//!
//! Sums of a group are exact, so the result does not depend on threads, on the order of additions or on the instructions in use.

mod digits;
#[cfg(target_arch = "x86_64")]
pub(crate) mod lanes;
mod order;
pub(crate) mod pairs;
mod sums;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{PrimeGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, PrimeField};
use rayon::prelude::*;

use self::{
    digits::{Cut, Elements, Scalars},
    order::Order,
    sums::Sums,
};
use crate::{Ints, ints::each};

/// Points below which buckets do not pay.
const FEW: usize = 1 << 6;
/// Digits of windows that are sorted at once; their places take four bytes each.
const AT_ONCE: usize = 1 << 23;
/// What a bucket costs, in additions: it is added to a row and to a column, and sorted for both.
const BUCKET: usize = 3;
/// Bits of windows whose few buckets need no rows and columns.
const NARROW: u32 = 6;
/// Bits of the widest window: more buckets than this leave the caches.
const WIDEST: u32 = 17;

/// Σ scalars·bases, over the shorter of both.
pub(crate) fn fields(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    let n = bases.len().min(scalars.len());
    if n < FEW {
        return G1Projective::msm_unchecked(&bases[..n], &scalars[..n]);
    }
    windows(&bases[..n], Elements(scalars[..n].par_iter().map(|s| s.into_bigint().0).collect()))
}

/// Σ integers·bases; `bases` are at least as many.
pub(crate) fn ints(bases: &[G1Affine], ints: &Ints) -> G1Projective {
    let bases = &bases[..ints.len()];
    if bases.len() < FEW {
        return G1Projective::msm_unchecked(bases, &ints.fields());
    }
    each!(ints, v => windows(bases, v.as_slice()))
}

/// The cheapest cut by its count of additions.
fn cut(bits: u32, n: usize) -> Cut {
    let cost = |cut: &Cut| cut.windows as usize * (n + (BUCKET << (cut.width - 1)));
    (2..=WIDEST).map(|width| Cut::new(bits, width)).min_by_key(cost).expect("more than one width")
}

fn windows(bases: &[G1Affine], scalars: impl Scalars) -> G1Projective {
    let cut = cut(scalars.bits(), bases.len());
    let digits = scalars.digits(cut);
    let at_once = (AT_ONCE / bases.len()).max(1).min(cut.windows as usize);
    let mut sum = G1Projective::ZERO;
    let all: Vec<u32> = (0..cut.windows).collect();
    for group in all.chunks(at_once).rev() {
        // few pieces and long ones: each is a task of its own
        let order = |w: &u32| Order::of_digits(&digits, cut, *w);
        let orders: Vec<Order> = group.par_iter().with_max_len(1).map(order).collect();
        let buckets = sums::of_buckets(bases, &orders).into_par_iter().with_max_len(1);
        let sums: Vec<G1Projective> = buckets.map(|s| weighted(s, cut)).collect();
        for window in sums.into_iter().rev() {
            shift(&mut sum, cut.width);
            sum += window;
        }
    }
    sum
}

/// Σ_k k·(sum of bucket k) of one window.
fn weighted(sums: Vec<Sums>, cut: Cut) -> G1Projective {
    if cut.width <= NARROW {
        return running(&sums);
    }
    let half = cut.width / 2;
    let (keys, points): (Vec<u32>, Vec<G1Affine>) = sums.into_iter().flatten().unzip();
    let order =
        |part: &(dyn Fn(u32) -> u32 + Sync)| Order::of_keys(&keys.iter().map(|k| part(*k)).collect::<Vec<u32>>());
    let orders = [order(&|key| key >> half), order(&|key| key & ((1 << half) - 1))];
    let parts: Vec<G1Projective> = sums::of_buckets(&points, &orders).par_iter().map(|s| running(s)).collect();
    let [mut high, low] = parts.try_into().expect("rows and columns");
    shift(&mut high, half);
    high + low
}

/// sum·2^bits
fn shift(sum: &mut G1Projective, bits: u32) {
    (0..bits).for_each(|_| {
        sum.double_in_place();
    });
}

/// Σ key·point, keys in ascending order.
fn running(sums: &[Sums]) -> G1Projective {
    let (mut acc, mut total) = (G1Projective::ZERO, G1Projective::ZERO);
    let falling = || sums.iter().rev().flat_map(|s| s.iter().rev());
    let mut below = falling().map(|s| s.0).skip(1).chain([0]);
    for (key, point) in falling() {
        acc += point;
        // what has been met so far counts once for each step down to the next bucket that is not empty
        match key - below.next().unwrap_or(0) {
            0 => {}
            1 => total += acc,
            steps => total += acc.mul_bigint([u64::from(steps)]),
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use ark_ec::{AffineRepr, CurveGroup, ScalarMul};
    use ark_ff::{Field, One};

    use super::*;

    fn plain(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        bases.iter().zip(scalars).map(|(b, s)| b.into_group() * s).sum()
    }

    /// Powers of a number, as a reference string has them.
    fn powers(n: usize) -> Vec<G1Affine> {
        let tau = -Fr::from(77u64).inverse().expect("not 0");
        let all: Vec<Fr> = std::iter::successors(Some(tau), |p| Some(*p * tau)).take(n).collect();
        G1Projective::generator().batch_mul(&all)
    }

    fn scalars(n: usize) -> Vec<Fr> {
        let ends = [Fr::ZERO, Fr::one(), -Fr::one(), Fr::from(u64::MAX), -Fr::from(2u64).pow([253])];
        (0..n).map(|i| if i % 3 == 0 { ends[i / 3 % 5] } else { Fr::from(i as u64).pow([77]) }).collect()
    }

    /// More than one strip, and lengths at the edges of what is taken together.
    #[test]
    fn sums_of_many() {
        let bases = powers(3000);
        let all = scalars(3000);
        for n in [0, 1, FEW - 1, FEW, FEW + 1, 100, 1023, 3000] {
            assert_eq!(fields(&bases[..n], &all[..n]), plain(&bases[..n], &all[..n]), "{n}");
        }
        assert_eq!(fields(&bases[..100], &all), plain(&bases, &all[..100]));
        assert_eq!(fields(&bases, &all[..100]), plain(&bases, &all[..100]));
    }

    /// Points of which sums are equal, opposite or infinite: additions that the formulas of a chord cannot do.
    #[test]
    fn sums_of_points_that_meet() {
        let one = G1Affine::generator();
        let rows: Vec<G1Affine> = (1..=200u64).map(|i| (one * Fr::from(i)).into_affine()).collect();
        let same = vec![one; 200];
        let opposite: Vec<G1Affine> = (0..200).map(|i| if i % 2 == 0 { one } else { -one }).collect();
        let mut infinite = powers(200);
        infinite.iter_mut().step_by(17).for_each(|p| *p = G1Affine::zero());
        for bases in [rows, same, opposite, infinite, vec![G1Affine::zero(); 200]] {
            for all in [scalars(200), vec![Fr::one(); 200], (0..200u64).map(Fr::from).collect()] {
                assert_eq!(fields(&bases, &all), plain(&bases, &all));
            }
            let column = Ints::I16((0..200).map(|i| if i % 2 == 0 { 7 } else { -7 }).collect());
            assert_eq!(ints(&bases, &column), plain(&bases, &column.fields()));
        }
    }

    /// A bucket that is longer than a strip, gaps, and nothing at all.
    #[test]
    fn columns_of_few_values() {
        let bases = powers(1 << 16);
        for column in [
            Ints::U8(vec![1; 1 << 16]),
            Ints::I64((0..1 << 16).map(|i| if i % 1000 == 0 { 1 << 40 } else { 0 }).collect()),
            Ints::U32(vec![0; 1 << 16]),
        ] {
            let values = column.fields();
            let mut by_value: Vec<(Fr, G1Projective)> = vec![];
            for (v, b) in values.iter().zip(&bases) {
                match by_value.iter_mut().find(|(value, _)| value == v) {
                    Some((_, sum)) => *sum += b,
                    None => by_value.push((*v, b.into_group())),
                }
            }
            let plain: G1Projective = by_value.iter().map(|(v, sum)| *sum * v).sum();
            assert_eq!(ints(&bases, &column), plain);
        }
    }

    #[test]
    fn any_number_of_threads() {
        let (bases, all) = (powers(1 << 15), scalars(1 << 15));
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| fields(&bases, &all))
        };
        assert_eq!(on(1), on(3));
        assert_eq!(on(3), G1Projective::msm_unchecked(&bases, &all));
    }
}
