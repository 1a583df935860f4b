//! Additions of pairs of affine points that share one inversion (Montgomery's trick).

use ark_bn254::{Fq, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, Field, PrimeField, Zero};

#[cfg(target_arch = "x86_64")]
use super::lanes;

/// x and y, four limbs each, lowest first, as ark-ff keeps them: times 2^256. In the midst of a sum they are below 2.3
/// times the modulus.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Point(pub [u64; 8]);

impl Point {
    fn new([x, y]: [Fq; 2]) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (x.0.0, y.0.0);
        Self([a, b, c, d, e, f, g, h])
    }

    /// A point or its negative, without a branch: which of both it is cannot be foreseen.
    fn signed(point: &G1Affine, minus: bool) -> Self {
        let mut this = Self::new([point.x, point.y]);
        let mask = 0u64.wrapping_sub(u64::from(minus));
        let mut borrow = false;
        for (y, p) in this.0[4..].iter_mut().zip(Fq::MODULUS.0) {
            let negative;
            // y is not 0: the group's order is odd
            (negative, borrow) = p.borrowing_sub(*y, borrow);
            *y ^= mask & (*y ^ negative);
        }
        this
    }

    fn coordinates(&self) -> [Fq; 2] {
        let [a, b, c, d, e, f, g, h] = self.0;
        [[a, b, c, d], [e, f, g, h]].map(|limbs| {
            let mut limbs = BigInt(limbs);
            while limbs >= Fq::MODULUS {
                limbs.sub_with_borrow(&Fq::MODULUS);
            }
            Fq::new_unchecked(limbs)
        })
    }
}

/// Two points that stand side by side from place `from` on, and where their sum goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub from: u32,
    pub to: u32,
}

/// Sums of lists of points; it keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Adder {
    points: Vec<Point>,
    next: Vec<Point>,
    pairs: Vec<Pair>,
    #[cfg(target_arch = "x86_64")]
    lanes: lanes::Scratch,
    /// Products of the portable additions.
    products: Vec<Fq>,
    /// Never the instructions of [`lanes`]: for tests.
    pub portable: bool,
}

impl Adder {
    /// The sum of each list of `points`, whose lengths are above 0; a point comes with whether it is subtracted.
    /// None where an addition was none of two different points that are not each other's negative.
    pub fn sums<'a>(
        &mut self, points: impl Iterator<Item = (&'a G1Affine, bool)>, mut lengths: Vec<u32>,
    ) -> Option<Vec<G1Affine>> {
        let mut infinity = false;
        self.points.clear();
        self.points.extend(points.map(|(p, minus)| {
            infinity |= p.is_zero();
            Point::signed(p, minus)
        }));
        if infinity {
            return None;
        }
        while self.points.len() > lengths.len() {
            self.halve(&mut lengths);
            if !self.add() {
                return None;
            }
            std::mem::swap(&mut self.points, &mut self.next);
        }
        let affine = |p: &Point| {
            let [x, y] = p.coordinates();
            G1Affine::new_unchecked(x, y)
        };
        Some(self.points.iter().map(affine).collect())
    }

    /// Pairs of neighbours in every list; who has none moves.
    fn halve(&mut self, lengths: &mut [u32]) {
        self.pairs.clear();
        self.next.clear();
        let (mut from, mut to) = (0, 0);
        for length in lengths {
            let pairs = *length / 2;
            self.pairs.extend((0..pairs).map(|i| Pair { from: from + 2 * i, to: to + i }));
            from += *length;
            to += pairs;
            self.next.resize(to as usize, Point::default());
            if *length % 2 == 1 {
                self.next.push(self.points[from as usize - 1]);
                to += 1;
            }
            *length = length.div_ceil(2);
        }
    }

    fn add(&mut self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if !self.portable
            && let Some(done) = crate::raw::lanes::add(&self.points, &mut self.next, &mut self.pairs, &mut self.lanes)
        {
            return done;
        }
        self.add_portably()
    }

    fn add_portably(&mut self) -> bool {
        let operands = |pair: &Pair| {
            let at = pair.from as usize;
            [self.points[at].coordinates(), self.points[at + 1].coordinates()]
        };
        self.products.clear();
        let mut product = Fq::ONE;
        for pair in &self.pairs {
            let [a, b] = operands(pair);
            self.products.push(product);
            product *= b[0] - a[0];
        }
        if product.is_zero() {
            return false;
        }
        let mut inverse = product.inverse().expect("no zero");
        for (pair, before) in self.pairs.iter().zip(&self.products).rev() {
            let [a, b] = operands(pair);
            let slope = (b[1] - a[1]) * before * inverse;
            inverse *= b[0] - a[0];
            let x = slope.square() - a[0] - b[0];
            self.next[pair.to as usize] = Point::new([x, slope * (a[0] - x) - a[1]]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr, G1Projective};
    use ark_ec::{CurveGroup, PrimeGroup, ScalarMul};
    use ark_ff::UniformRand;
    use ark_std::rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn both(points: &[(G1Affine, bool)], lengths: &[u32]) -> Option<Vec<G1Affine>> {
        let [fast, portable] = [false, true].map(|portable| {
            let mut adder = Adder { portable, ..Adder::default() };
            adder.sums(points.iter().map(|(p, minus)| (p, *minus)), lengths.to_vec())
        });
        assert_eq!(fast, portable);
        fast
    }

    fn points(n: usize) -> Vec<(G1Affine, bool)> {
        let mut rng = StdRng::seed_from_u64(3);
        let all: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        G1Projective::generator().batch_mul(&all).into_iter().enumerate().map(|(i, p)| (p, i % 3 == 1)).collect()
    }

    /// With and without special instructions, and by plain additions.
    #[test]
    fn sums_of_lists() {
        let all = points(2000);
        for lengths in [
            vec![],
            vec![1],
            vec![2],
            vec![3, 1, 1, 16, 17, 15],
            vec![2; 16],
            vec![2; 17],
            vec![1999, 1],
            (1..60).collect(),
        ] {
            let these = &all[..lengths.iter().sum::<u32>() as usize];
            let mut rest = these;
            let plain = lengths.iter().map(|n| {
                let (list, others) = rest.split_at(*n as usize);
                rest = others;
                let sum: G1Projective =
                    list.iter().map(|(p, minus)| if *minus { -p.into_group() } else { p.into_group() }).sum();
                sum.into_affine()
            });
            let plain: Vec<G1Affine> = plain.collect();
            assert_eq!(both(these, &lengths), Some(plain), "{lengths:?}");
        }
    }

    /// Equal, opposite and infinite points are refused wherever they meet, and only there.
    #[test]
    fn what_no_chord_goes_through_is_refused() {
        let all = points(64);
        for at in [0, 1, 15, 16, 31, 32, 62] {
            for other in [all[at], (all[at].0, !all[at].1)] {
                let mut some = all.clone();
                some[at ^ 1] = other;
                assert_eq!(both(&some, &[64]), None, "{at}");
                assert!(both(&some, &[1; 64]).is_some());
            }
            let mut some = all.clone();
            some[at].0 = G1Affine::identity();
            assert_eq!(both(&some, &[64]), None, "{at}");
        }
    }

    /// Coordinates in memory may be anything below 2.3 times the modulus: the sums are the same with one or two more of it, in the
    /// first points of pairs, in the second ones, and in both.
    #[test]
    fn coordinates_need_not_be_reduced() {
        let all: Vec<Point> = points(96).iter().map(|(p, _)| Point::new([p.x, p.y])).collect();
        let raised = |limbs: [u64; 4]| {
            let mut v = BigInt(limbs);
            v.add_with_carry(&Fq::MODULUS);
            // below a quarter of the modulus there is room for another
            if limbs[3] < Fq::MODULUS.0[3] / 4 {
                v.add_with_carry(&Fq::MODULUS);
            }
            v.0
        };
        let mut plain = Adder { portable: true, points: all.clone(), ..Adder::default() };
        let mut fast = Adder { points: all, ..Adder::default() };
        for (i, point) in fast.points.iter_mut().enumerate() {
            if i / 2 % 3 == 2 || i / 2 % 3 == i % 2 {
                let [a, b, c, d, e, f, g, h] = point.0;
                let ([a, b, c, d], [e, f, g, h]) = (raised([a, b, c, d]), raised([e, f, g, h]));
                point.0 = [a, b, c, d, e, f, g, h];
            }
        }
        for adder in [&mut plain, &mut fast] {
            adder.halve(&mut [96]);
            assert!(adder.add());
        }
        for (a, b) in plain.next.iter().zip(&fast.next) {
            assert_eq!(a.coordinates(), b.coordinates());
        }
    }
}
