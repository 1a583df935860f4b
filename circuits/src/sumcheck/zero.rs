//! Zero-checks: equations that columns of one size satisfy at every place.
//!
//! | symbol | meaning |
//! |---|---|
//! | C_k | equations: polynomials in the columns' values, each 0 at every x |
//! | τ, ε | challenges drawn after the columns are committed |
//!
//! `Σ_x eq(x, τ)·Σ_k ε^k·C_k(f(x)) = 0` is a sum of degree d + 1, d the equations' degree, that runs in lockstep with others; at
//! its end the columns' values become claims. Error: (m + equations)/|F| besides the sumcheck's.

use crate::{
    arithmetic::Arithmetic,
    columns::{Claims, ColumnId},
    error::Result,
    transcript::{Source, Transcript},
};

/// Equations between columns, written once for prover and verifier.
pub trait Equations {
    /// Degree of the highest.
    const DEGREE: usize;
    /// Their values where the columns have these; all must be zero.
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar>;
}

/// A zero-check that has begun.
pub struct ZeroCheck<S> {
    tau: Vec<S>,
    epsilon: S,
}

impl<S: Clone> ZeroCheck<S> {
    /// Draws τ and ε; the sum to verify is over `vars` variables, and is zero.
    pub fn begin<A: Arithmetic<Scalar = S>, R: Source<A>>(tx: &mut Transcript<'_, A, R>, vars: usize) -> Self {
        let (tau, epsilon) = (tx.challenges(vars), tx.challenge());
        Self { tau, epsilon }
    }

    /// Variables and claim, for [`super::lockstep`].
    pub fn sum<A: Arithmetic<Scalar = S>>(&self, a: &A) -> (usize, S) {
        (self.tau.len(), a.small(0))
    }

    /// Reads the columns' values at `point`; returns the summand's value there, and the claims.
    ///
    /// # Errors
    /// Of the proof's bytes.
    pub fn end<A: Arithmetic<Scalar = S>, R: Source<A>>(
        self, tx: &mut Transcript<'_, A, R>, equations: &impl Equations, columns: &[ColumnId], point: &[S],
    ) -> Result<(S, Claims<S>)> {
        let a = tx.arithmetic;
        let values = tx.scalars("zero-check column", columns.len())?;
        let inner = a.horner(&equations.evaluate(a, &values), &self.epsilon);
        let mut claims = Claims::new();
        for (column, value) in columns.iter().zip(values) {
            claims.push(*column, point.to_vec(), value);
        }
        Ok((a.mul(&a.eq(point, &self.tau), &inner), claims))
    }
}
