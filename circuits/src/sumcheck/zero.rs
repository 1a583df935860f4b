//! Zero-checks: equations that columns of one size satisfy at every place.
//!
//! | symbol | meaning |
//! |---|---|
//! | C_k | equations: polynomials in the columns' values, each 0 at every x |
//! | τ, ε | challenges drawn after the columns are committed |
//!
//! `Σ_x eq(x, τ)·Σ_k ε^k·C_k(f(x)) = 0` is a sum of degree d + 1, d the equations' degree, that runs in lockstep with others; at
//! its end the columns' values become claims. Error: (m + equations)/|F| besides the sumcheck's. The first equations may have
//! values v_k(x) other than 0 that are claimed at τ alone: then the sum is `Σ_k ε^k·ṽ_k(τ)`, and ε comes after those.

use crate::arithmetic::Arithmetic;

/// Equations between columns, written once for prover and verifier.
pub trait Equations {
    /// Degree of the highest.
    const DEGREE: usize;
    /// Their values where the columns have these; all must be zero, but for the first where values are claimed.
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar>;
}

/// A zero-check; several may share τ, of which each sees the lowest coordinates, and ε.
pub struct ZeroCheck<S> {
    tau: Vec<S>,
    epsilon: S,
    claim: S,
}

impl<S: Clone> ZeroCheck<S> {
    /// Over as many variables as τ has; `values` are those of the first equations at τ.
    pub fn new<A: Arithmetic<Scalar = S>>(a: &A, tau: &[S], epsilon: &S, values: &[S]) -> Self {
        Self { tau: tau.to_vec(), epsilon: epsilon.clone(), claim: a.horner(values, epsilon) }
    }

    /// Variables and claim, for [`super::lockstep`].
    pub fn sum(&self) -> (usize, S) {
        (self.tau.len(), self.claim.clone())
    }

    /// The summand's value at a point where the columns have these values.
    pub fn end<A: Arithmetic<Scalar = S>>(&self, a: &A, equations: &impl Equations, columns: &[S], point: &[S]) -> S {
        let inner = a.horner(&equations.evaluate(a, columns), &self.epsilon);
        a.mul(&a.eq(point, &self.tau), &inner)
    }
}
