//! All that the verifier may do with numbers and points.
//!
//! The verifier is written once over [`Arithmetic`]. [`Native`] computes and returns errors; a circuit's implementation
//! lays constraints and never fails. Hence no comparison but [`Arithmetic::assert_eq`], and nothing may branch on a value.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger as _, Field, PrimeField, Zero};

use crate::{
    error::{Check, Rejection, Result},
    transcript::poseidon::{self, WIDTH},
};

/// Numbers of Fr, points of G1, and equations between them.
pub trait Arithmetic {
    /// An element of Fr.
    type Scalar: Clone;
    /// A point of G1.
    type Point: Clone;

    /// A number known to everybody.
    fn constant(&self, c: Fr) -> Self::Scalar;
    /// a + b
    fn add(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// a − b
    fn sub(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// a·b
    fn mul(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// 1/a; fails as `check` where a is zero.
    fn inverse(&self, check: Check, a: &Self::Scalar) -> Result<Self::Scalar>;
    /// a = b, or the proof fails as `check`.
    fn assert_eq(&self, check: Check, a: &Self::Scalar, b: &Self::Scalar) -> Result<()>;
    /// The lower 128 bits of a's canonical form.
    fn low128(&self, a: &Self::Scalar) -> Self::Scalar;
    /// Poseidon's permutation.
    fn permute(&self, state: [Self::Scalar; WIDTH]) -> [Self::Scalar; WIDTH];
    /// A point's coordinates, each reduced mod r. On canonical points of the curve other than infinity the map is injective:
    /// two points of one image would differ in x or y by r exactly, and BN254 has no such pair (docs/protocol, §1).
    fn words(&self, p: &Self::Point) -> [Self::Scalar; 2];

    /// a·b + c
    fn mul_add(&self, a: &Self::Scalar, b: &Self::Scalar, c: &Self::Scalar) -> Self::Scalar {
        self.add(&self.mul(a, b), c)
    }
    /// A small constant.
    fn small(&self, c: u64) -> Self::Scalar {
        self.constant(Fr::from(c))
    }
    /// c·a
    fn scale(&self, c: Fr, a: &Self::Scalar) -> Self::Scalar {
        self.mul(&self.constant(c), a)
    }
    /// 1 − a
    fn complement(&self, a: &Self::Scalar) -> Self::Scalar {
        self.sub(&self.small(1), a)
    }
    /// Σ of the terms.
    fn sum<'a>(&self, terms: impl IntoIterator<Item = &'a Self::Scalar>) -> Self::Scalar
    where
        Self::Scalar: 'a,
    {
        terms.into_iter().fold(self.small(0), |sum, t| self.add(&sum, t))
    }
    /// `Π_i (a_i·b_i + (1−a_i)(1−b_i))`, over the shorter of both.
    fn eq(&self, a: &[Self::Scalar], b: &[Self::Scalar]) -> Self::Scalar {
        a.iter().zip(b).fold(self.small(1), |product, (a, b)| {
            let ab = self.mul(a, b);
            let one = self.sub(&self.add(&self.complement(a), &self.add(&ab, &ab)), b);
            self.mul(&product, &one)
        })
    }
    /// `eq` of a point with the bits of `index`, least significant first: no product where a factor is a coordinate.
    fn eq_index(&self, point: &[Self::Scalar], index: usize) -> Self::Scalar {
        point.iter().enumerate().fold(self.small(1), |product, (i, x)| {
            let bit = index.checked_shr(i as u32).unwrap_or(0) & 1;
            self.mul(&product, &if bit == 1 { x.clone() } else { self.complement(x) })
        })
    }
    /// `c_0 + c_1·x + c_2·x² + …`
    fn horner(&self, coefficients: &[Self::Scalar], x: &Self::Scalar) -> Self::Scalar {
        let mut high = coefficients.iter().rev();
        let Some(top) = high.next() else { return self.small(0) };
        high.fold(top.clone(), |sum, c| self.mul_add(&sum, x, c))
    }
}

/// An arithmetic over numbers and points in the clear: [`Native`], and crippled ones that tests attack.
pub trait Plain: Arithmetic<Scalar = Fr, Point = G1Affine> {}
impl<A: Arithmetic<Scalar = Fr, Point = G1Affine>> Plain for A {}

/// Plain arithmetic: what an auditor runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl Arithmetic for Native {
    type Scalar = Fr;
    type Point = G1Affine;

    fn constant(&self, c: Fr) -> Fr {
        c
    }
    fn add(&self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn inverse(&self, check: Check, a: &Fr) -> Result<Fr> {
        a.inverse().ok_or(Rejection::Check(check))
    }
    fn assert_eq(&self, check: Check, a: &Fr, b: &Fr) -> Result<()> {
        if a == b { Ok(()) } else { Err(Rejection::Check(check)) }
    }
    fn low128(&self, a: &Fr) -> Fr {
        let [low, high, ..] = a.into_bigint().0;
        Fr::from(u128::from(high) << 64 | u128::from(low))
    }
    fn permute(&self, mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        poseidon::permute(&mut state);
        state
    }
    fn words(&self, p: &G1Affine) -> [Fr; 2] {
        let (x, y) = p.xy().unwrap_or((Fq::zero(), Fq::zero()));
        [x, y].map(|c| Fr::from_le_bytes_mod_order(&c.into_bigint().to_bytes_le()))
    }
}
