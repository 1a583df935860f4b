//! Many sums over the same points: Pippenger's, with every window's multiples of the points stored, so that all windows share
//! their buckets and nothing is doubled (Brickell et al., EUROCRYPT 1992).
//!
//! Each sum runs on one thread; arkworks' own starts threads of its own each time, and nested in many threads of ours they
//! steal from one another until the stack is full.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, PrimeField};
use rayon::prelude::*;

/// Bits of a scalar, and one for the carry of signed digits.
const BITS: usize = Fr::MODULUS_BIT_SIZE as usize + 1;

/// Points with their multiples 2^(window·i).
pub(crate) struct Table {
    window: usize,
    /// Per point, its multiples.
    points: Vec<G1Affine>,
}

/// Additions of one sum of n points: a point per window, then all buckets twice, of which digits' signs spare half.
fn additions(n: usize, window: usize) -> usize {
    BITS.div_ceil(window) * n + (1 << window)
}

/// The window with the fewest additions.
fn window(n: usize) -> usize {
    (2..=16).min_by_key(|window| additions(n, *window)).expect("a range")
}

/// Additions of that many sums of n points.
pub(crate) fn cost(n: usize, sums: usize) -> usize {
    additions(n, window(n)).saturating_mul(sums).saturating_add(BITS * n)
}

impl Table {
    /// Doubles each point 254 times.
    pub(crate) fn new(points: &[G1Affine]) -> Self {
        let window = window(points.len());
        let multiples = |point: &G1Affine| {
            let next = |p: &G1Projective| Some((0..window).fold(*p, |p, _| p.double()));
            std::iter::successors(Some(point.into_group()), next).take(BITS.div_ceil(window)).collect::<Vec<_>>()
        };
        let all: Vec<G1Projective> = points.par_iter().flat_map_iter(multiples).collect();
        Self { window, points: G1Projective::normalize_batch(&all) }
    }

    /// Σ scalars·points.
    pub(crate) fn sum(&self, scalars: &[Fr]) -> G1Projective {
        let mut buckets = vec![G1Projective::ZERO_BUCKET; 1 << (self.window - 1)];
        let multiples = self.points.chunks_exact(BITS.div_ceil(self.window));
        for (scalar, multiples) in scalars.iter().zip(multiples) {
            for (digit, point) in self.digits(scalar).zip(multiples) {
                match digit {
                    0 => {}
                    1.. => buckets[digit as usize - 1] += point,
                    _ => buckets[-digit as usize - 1] -= point,
                }
            }
        }
        // Σ d·bucket_d as a sum of sums from the end
        let (mut above, mut sum) = (G1Projective::ZERO_BUCKET, G1Projective::ZERO_BUCKET);
        for bucket in buckets.iter().rev() {
            above += bucket;
            sum += &above;
        }
        sum.into()
    }

    /// Digits from −2^(w−1) + 1 to 2^(w−1), the lowest first.
    fn digits(&self, scalar: &Fr) -> impl Iterator<Item = i32> {
        let (window, limbs) = (self.window, scalar.into_bigint().0);
        let mut carry = 0;
        (0..BITS.div_ceil(window)).map(move |i| {
            let (limb, shift) = (i * window / 64, i * window % 64);
            let above = limbs.get(limb + 1).map_or(0, |next| u128::from(*next) << 64);
            let low = (u128::from(limbs[limb]) | above) >> shift;
            let digit = (low as i32 & ((1 << window) - 1)) + carry;
            carry = i32::from(digit > 1 << (window - 1));
            digit - (carry << window)
        })
    }
}

#[cfg(test)]
mod tests {
    use ark_ec::PrimeGroup;
    use ark_ff::{One, Zero};

    use super::*;

    #[test]
    fn sums_are_those_of_plain_products() {
        let half = Fr::one() / Fr::from(2u64);
        let edges =
            [Fr::zero(), Fr::one(), -Fr::one(), half, half - Fr::one(), Fr::from(u128::MAX), Fr::from(1u64 << 63)];
        for n in [0, 1, 2, 7, 40, 1000] {
            let points: Vec<G1Projective> =
                (0..n).map(|i| G1Projective::generator() * Fr::from(i as u64 + 3)).collect();
            let scalars: Vec<Fr> = (0..n).map(|i| edges[i % 7] * Fr::from(1 + i as u64 / 7)).collect();
            let wanted: G1Projective = points.iter().zip(&scalars).map(|(p, s)| *p * s).sum();
            assert_eq!(Table::new(&G1Projective::normalize_batch(&points)).sum(&scalars), wanted, "{n}");
        }
    }
}
