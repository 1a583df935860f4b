//! Openings: claims about columns become one claim per chunk at one point, one multilinear KZG opening, one pairing.
//!
//! **To one point.** Claim j says Σ_h w_h·f̃_{c(h)}(P_j, h) = v_j: slices at places h of chunks c(h), a column being one slice of
//! weight 1. With a challenge γ, Σ_j γ^j·v_j = Σ_x Σ_j γ^j·Σ_h w_h·f_{c(h)}(x)·eq((P_j, h), x): one sumcheck of degree 2 over the
//! largest chunk's variables ends at ρ; the prover gives every chunk's value e_c = f̃_c(ρ). With weights θ_c of 128 bits the commitments fold
//! into F = Σ θ_c·C_c, which must open to Σ θ_c·e_c at ρ.
//!
//! **One opening** is Mercury (Eagen and Gabizon, eprint 2025/385), in [`mercury`].

pub mod mercury;
#[cfg(feature = "prove")]
pub mod prover;

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::Zero;

use crate::{
    arithmetic::{Arithmetic, Plain},
    columns::{About, Claims, Layout},
    error::{Check, Rejection, Result},
    sumcheck,
    transcript::{Source, Transcript},
};

/// A sum of points with factors.
pub struct Sum<A: Arithmetic> {
    /// Points with factors below 2^129: weights of 128 bits, or sums of two.
    pub short: Vec<(A::Scalar, A::Point)>,
    /// Points with factors of any size.
    pub long: Vec<(A::Scalar, A::Point)>,
    /// The factor of the group's generator.
    pub generator: A::Scalar,
}

/// A claim that a commitment's polynomial has a value somewhere, with its proof: all of it has been absorbed.
pub struct Evaluation<A: Arithmetic> {
    /// The commitment.
    pub commitment: A::Point,
    /// Where.
    pub at: A::Scalar,
    /// The value.
    pub value: A::Scalar,
    /// The commitment to (polynomial − value)/(X − at).
    pub quotient: A::Point,
}

/// Two points of which e(left, [1]₂) = e(right, [τ]₂) remains to be shown.
///
/// Several may be combined only with weights drawn after all of every proof is absorbed: a prover can make the errors of two
/// false proofs cancel in their plain sum.
#[must_use = "nothing is proved until the pairing is checked"]
pub struct Accumulator<A: Arithmetic> {
    /// Left.
    pub left: Sum<A>,
    /// Right.
    pub right: A::Point,
}

/// Verifies claims against the chunks' commitments, and evaluations of other polynomials, up to an accumulator. `chunks` are in the
/// order of the layout; they and the values of all claims have been absorbed.
///
/// # Errors
/// Malformed bytes, or the equation that fails.
pub fn verify<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, layout: &Layout, chunks: Vec<A::Point>, claims: Claims<A::Scalar>,
    others: Vec<Evaluation<A>>,
) -> Result<Accumulator<A>> {
    let a = tx.arithmetic;
    let gamma = tx.challenge();
    let (mut sum, mut power) = (a.small(0), a.small(1));
    let mut placed = Vec::new();
    for claim in claims.0 {
        sum = a.mul_add(&power, &claim.value, &sum);
        let slices = locate(a, layout, claim.about, claim.point.len()).ok_or(Rejection::Check(Check::OpeningBatch))?;
        placed.push((power.clone(), slices, claim.point));
        power = a.mul(&power, &gamma);
    }
    if chunks.len() != layout.chunks() {
        return Err(Rejection::Check(Check::OpeningBatch));
    }
    let end = sumcheck::verify(tx, "opening round", layout.chunk_vars(), 2, sum)?;
    let values = tx.scalars("chunk value", layout.chunks())?;
    let mut expected = a.small(0);
    for (power, slices, point) in placed {
        let (low, high) = end.point.split_at_checked(point.len()).unwrap_or_default();
        let mut inner = a.small(0);
        for (weight, chunk, place) in slices {
            let value = values.get(chunk).ok_or(Rejection::Check(Check::OpeningBatch))?;
            inner = a.mul_add(&a.mul(&weight, &a.eq_index(high, place)), value, &inner);
        }
        expected = a.mul_add(&a.mul(&power, &a.eq(low, &point)), &inner, &expected);
    }
    a.assert_eq(Check::OpeningBatch, &end.value, &expected)?;
    let weights: Vec<_> = values.iter().map(|_| tx.weight()).collect();
    let value = weights.iter().zip(&values).fold(a.small(0), |sum, (w, v)| a.mul_add(w, v, &sum));
    mercury::verify(tx, weights.into_iter().zip(chunks).collect(), &end.point, &value, others)
}

/// Weight, chunk and place of every slice that a claim is about, or none if it does not fit its columns: like a missing
/// commitment that is the caller's mistake, and nothing is proven by it.
fn locate<A: Arithmetic>(
    a: &A, layout: &Layout, about: About<A::Scalar>, vars: usize,
) -> Option<Vec<(A::Scalar, usize, usize)>> {
    let slice = |column, slice: Option<usize>, weight| {
        let place = layout.place(column)?;
        let above = place.vars.checked_sub(vars)?;
        let fits = match slice {
            Some(slice) => slice.checked_shr(above as u32).unwrap_or(0) == 0,
            None => above == 0,
        };
        let offset = place.offset.checked_shr(vars as u32).unwrap_or(0);
        (fits && place.vars <= layout.chunk_vars()).then(|| (weight, place.chunk, offset + slice.unwrap_or(0)))
    };
    match about {
        About::Column(column) => Some(vec![slice(column, None, a.small(1))?]),
        About::Slices(terms) => terms.into_iter().map(|t| slice(t.column, t.slice, t.weight)).collect(),
    }
}

/// What the pairing needs: [τ]₂. A verifier must know where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairingKey {
    /// [τ]₂.
    pub tau: G2Affine,
}

impl<A: Plain> Accumulator<A> {
    /// The pairing check.
    ///
    /// # Errors
    /// [`Check::Pairing`].
    pub fn check(self, key: &PairingKey) -> Result<()> {
        let product = Bn254::multi_pairing([sum(self.left), -self.right], [G2Affine::generator(), key.tau]);
        if product.is_zero() { Ok(()) } else { Err(Rejection::Check(Check::Pairing)) }
    }
}

fn sum<A: Plain>(s: Sum<A>) -> G1Affine {
    let generator = (s.generator, G1Affine::generator());
    let (scalars, points): (Vec<Fr>, Vec<G1Affine>) = s.short.into_iter().chain(s.long).chain([generator]).unzip();
    // as many scalars as points, so nothing is left out
    G1Projective::msm_unchecked(&points, &scalars).into_affine()
}
