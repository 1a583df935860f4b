//! Sumcheck: reduces `Σ_{x∈{0,1}^m} g(x) = c` to one claim `g(r) = v` (Lund et al., 1992).
//!
//! | module | holds |
//! |---|---|
//! | this one | one sum, and several in lockstep |
//! | [`zero`] | columns that satisfy equations everywhere |
//! | `prover`, `view` | the other half (feature `prove`) |
//!
//! A round polynomial s of degree d travels as its coefficients c_0, c_2, …, c_d; c_1 follows from s(0) + s(1) = c, so a
//! round costs d words and a wrong one shows where the sumcheck ends. The lowest variable is bound first. Soundness
//! error: m·d/|F|.
//!
//! **Weighted by eq.** Where g(x) = eq(x, p)·h(x), h of degree 2, eq is left out: with `t_i(X) = Σ_x eq(x, p)·h(r_0, …, X, x)` over
//! the variables that follow, `c_i = (1−p_i)·t_i(0) + p_i·t_i(1)` and `c_{i+1} = t_i(r_i)`, so that h(r) remains and a round
//! costs two words, t_i(0) and the leading coefficient (Gruen, eprint 2024/108, §3.2). Error: m·2/|F|.
//!
//! **Lockstep.** Sums over m_1, m_2, … variables run as one over M = max m_i: each is taken for a sum over all M variables that
//! ignores the highest M − m_i, which is 2^{M−m_i} times as large, and all are added with powers of a challenge γ. They end
//! at one point, of which a sum over fewer variables sees the lowest coordinates. Rounds, and so permutations of the
//! transcript, are those of the longest alone. Error: (sums)/|F| more.

#[cfg(feature = "prove")]
pub mod prover;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod view;
pub mod zero;

use ark_bn254::Fr;
use ark_ff::Field;

use crate::{
    arithmetic::Arithmetic,
    error::{Check, Result},
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
    Ok(Reduced { point, value })
}

/// Verifies `Σ_x eq(x, at)·h(x) = claim`, h of degree 2; what remains is h's value at the point.
///
/// # Errors
/// Of the proof's bytes; [`Check::Challenge`] where a coordinate of `at` is zero, which a challenge never is.
pub fn weighted<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, field: &'static str, at: &[A::Scalar], claim: A::Scalar,
) -> Result<Reduced<A::Scalar>> {
    let a = tx.arithmetic;
    let (mut value, mut point) = (claim, Vec::with_capacity(at.len()));
    for one in at {
        let (low, leading) = (tx.scalar(field)?, tx.scalar(field)?);
        let inverse = a.inverse(Check::Challenge, one)?;
        let high = a.mul(&a.sub(&value, &a.mul(&a.complement(one), &low)), &inverse); // t(1)
        let linear = a.sub(&a.sub(&high, &low), &leading);
        let r = tx.challenge();
        value = a.horner(&[low, linear, leading], &r);
        point.push(r);
    }
    Ok(Reduced { point, value })
}

/// Several sums on their way to one point.
#[must_use = "the sums' values at the point must be compared"]
pub struct Lockstep<S> {
    /// r, its lowest variable first; a sum over m variables sees the first m.
    pub point: Vec<S>,
    value: S,
    gamma: S,
}

/// Verifies sums (variables and claim of each) of degree at most `degree`, in lockstep.
///
/// # Errors
/// Only of the proof's bytes.
pub fn lockstep<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, field: &'static str, degree: usize, sums: &[(usize, A::Scalar)],
) -> Result<Lockstep<A::Scalar>> {
    let a = tx.arithmetic;
    let vars = sums.iter().map(|s| s.0).max().unwrap_or(0);
    let gamma = tx.challenge();
    // Horner over the claims, the first with weight 1
    let total = sums.iter().rev().fold(a.small(0), |total, (own, claim)| {
        let scale = Fr::from(2u64).pow([vars.saturating_sub(*own) as u64]);
        a.mul_add(&total, &gamma, &a.scale(scale, claim))
    });
    let Reduced { point, value } = verify(tx, field, vars, degree, total)?;
    Ok(Lockstep { point, value, gamma })
}

impl<S: Clone> Lockstep<S> {
    /// Where a prover's sums end; there is nothing that it compares.
    #[cfg(feature = "prove")]
    pub(crate) fn proved(point: Vec<S>, nothing: S) -> Self {
        Self { point, value: nothing.clone(), gamma: nothing }
    }

    /// The first `vars` coordinates.
    pub fn low(&self, vars: usize) -> &[S] {
        self.point.get(..vars).unwrap_or_default()
    }

    /// Compares with the sums' values at the point, in the order in which they were given.
    ///
    /// # Errors
    /// `check`.
    pub fn compare<A: Arithmetic<Scalar = S>>(self, a: &A, check: Check, values: &[S]) -> Result<()> {
        a.assert_eq(check, &self.value, &a.horner(values, &self.gamma))
    }
}
