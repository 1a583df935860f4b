//! Sumcheck: reduces `Σ_{x∈{0,1}^m} g(x) = c` to one claim `g(r) = v` (Lund et al., 1992).
//!
//! A round polynomial s of degree d travels as its coefficients c_0, c_2, …, c_d; c_1 follows from s(0) + s(1) = c, so a
//! round costs d words and a wrong one shows where the sumcheck ends. The highest variable is bound first. Several sums
//! run in lockstep as one with random weights; a sum over fewer variables is one over all of them that ignores the
//! highest, scaled by a power of two. Soundness error: m·d/|F| each.

#[cfg(feature = "prove")]
pub mod prover;

use crate::{
    arithmetic::Arithmetic,
    error::Result,
    transcript::{Source, Transcript},
};

/// Where a sumcheck ends.
#[must_use = "what remains of the sum must be compared with g(r)"]
pub struct Reduced<S> {
    /// r, its lowest variable first.
    pub point: Vec<S>,
    /// What g(r) must be.
    pub value: S,
}

/// Verifies `vars` rounds of degree `degree` (at least 1) for the sum `claim`.
///
/// # Errors
/// Only of the proof's bytes: a wrong round leads to a wrong `value`.
pub fn verify<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, field: &'static str, vars: usize, degree: usize, claim: A::Scalar,
) -> Result<Reduced<A::Scalar>> {
    let a = tx.arithmetic;
    let (mut value, mut point) = (claim, Vec::with_capacity(vars));
    for _ in 0..vars {
        let constant = tx.scalar(field)?;
        let high = tx.scalars(field, degree.saturating_sub(1))?;
        // s(0) + s(1) = 2c_0 + c_1 + c_2 + …
        let linear = a.sub(&a.sub(&value, &a.add(&constant, &constant)), &a.sum(&high));
        let coefficients: Vec<_> = [constant, linear].into_iter().chain(high).collect();
        let r = tx.challenge();
        value = a.horner(&coefficients, &r);
        point.push(r);
    }
    point.reverse();
    Ok(Reduced { point, value })
}
