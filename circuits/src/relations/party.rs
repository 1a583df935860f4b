//! The two who run a proof. [`super::flow`] is written once; the verifier reads what the prover computes.

use ark_bn254::Fr;

use crate::{
    arithmetic::Arithmetic,
    columns::{Claims, ColumnId, Term},
    error::Result,
    fractions::{self, Children, Leaf, Tree},
    lookup::{self, Lookups, range::Number},
    sumcheck::{self, Lockstep},
    transcript::{Source, Transcript},
};

/// A word that follows from no claim alone: the verifier reads it and uses it in an equation.
#[derive(Debug, Clone, Copy)]
pub enum Word<'s, S> {
    /// A word of a slot's policy: two, four, then basis points.
    Policy(usize, usize),
    /// A bit of a slot's base; of the node's slot where no slot is given.
    Bit(Option<usize>, usize),
    /// ρ_b.
    Blinder,
    /// S̃(k, q, a).
    Score(&'s [S]),
    /// Σ_q c·w at (k, a).
    Credit(&'s [S]),
    /// Σ_f V·H of a q slot alone, at (k), (q, a).
    Partial(&'s [S], &'s [S]),
    /// One of the sums of the matrix product, by number, at (ρ), (t, q) and (place).
    Product(usize, &'s [Vec<S>; 3]),
}

/// Challenges that the first sumchecks are over.
pub struct First<S> {
    /// τ, of which every zero-check sees the lowest coordinates.
    pub tau: Vec<S>,
    /// ε.
    pub epsilon: S,
    /// (ρ) and (place) at which U is folded to be masked.
    pub mask: [Vec<S>; 2],
    /// (q, a) at which rows of `belongs` are summed, and the weight of their heads.
    pub belongs: (Vec<S>, S),
}

/// Challenges that the last sumchecks are over.
pub struct Last<S> {
    /// (ρ), (t, q) and (place) of the matrix product.
    pub product: [Vec<S>; 3],
    /// (j), (t, q) and (output block), where there are deltas.
    pub deltas: Option<[Vec<S>; 3]>,
    /// (k) and (q, a) of the scores.
    pub scores: [Vec<S>; 2],
}

/// A group of sumchecks that run in lockstep.
pub enum Stage<'s, S> {
    /// Zero-checks, heads, scores and credits.
    First(&'s First<S>),
    /// Matrix products.
    Last(&'s Last<S>),
}

/// Sums of slices of columns, grouped by the point that they are evaluated at.
#[derive(Debug, Clone)]
pub struct Slices<S>(Vec<Group<S>>);

/// Slices that are evaluated at one point.
#[derive(Debug, Clone)]
struct Group<S> {
    key: Vec<usize>,
    point: Vec<S>,
    terms: Vec<Term<S>>,
}

impl<S: Clone> Slices<S> {
    /// None yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a slice. Slices of one key share a point, which is made when the first one comes.
    pub fn add(&mut self, key: &[usize], point: impl FnOnce() -> Vec<S>, term: Term<S>) {
        match self.0.iter_mut().find(|g| g.key == key) {
            Some(group) => group.terms.push(term),
            None => self.0.push(Group { key: key.to_vec(), point: point(), terms: vec![term] }),
        }
    }

    /// Points with their terms.
    pub fn groups(self) -> impl Iterator<Item = (Vec<S>, Vec<Term<S>>)> {
        self.0.into_iter().map(|g| (g.point, g.terms))
    }
}

impl<S: Clone> Default for Slices<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A sum of fractions: its root, and where its leaves end.
pub struct Fractions<S> {
    /// The root's children.
    pub root: Children<S>,
    /// The leaves at a point.
    pub leaf: Leaf<S>,
}

/// What prover and verifier do alike.
pub trait Party<A: Arithmetic> {
    /// What numbers and points are.
    fn arithmetic(&self) -> &A;
    /// Draws a challenge.
    fn challenge(&mut self) -> A::Scalar;
    /// A word.
    fn word(&mut self, field: &'static str, word: Word<'_, A::Scalar>) -> Result<A::Scalar>;
    /// The value of Σ weight·slice at a point; a claim from now on.
    fn slices(&mut self, field: &'static str, point: Vec<A::Scalar>, terms: Vec<Term<A::Scalar>>) -> Result<A::Scalar>;
    /// Sums in lockstep.
    fn lockstep(
        &mut self, field: &'static str, degree: usize, stage: Stage<'_, A::Scalar>, sums: &[(usize, A::Scalar)],
    ) -> Result<Lockstep<A::Scalar>>;
    /// All lookups.
    fn lookups(&mut self, lookups: &Lookups) -> Result<()>;
    /// The sum of all payouts' fractions at ζ, by a tree of 2^vars leaves.
    fn payouts(&mut self, tree: &Tree, vars: usize, zeta: &A::Scalar) -> Result<Fractions<A::Scalar>>;

    /// Draws `n` challenges.
    fn challenges(&mut self, n: usize) -> Vec<A::Scalar> {
        (0..n).map(|_| self.challenge()).collect()
    }

    /// A number's value at a point of all its variables.
    fn number(&mut self, field: &'static str, number: &Number, point: &[A::Scalar]) -> Result<A::Scalar> {
        let a = self.arithmetic();
        let term =
            |(factor, column): &(Fr, ColumnId)| Term { column: *column, slice: None, weight: a.constant(*factor) };
        let terms: Vec<Term<A::Scalar>> = number.0.iter().map(term).collect();
        // a number of no bits has no limbs
        if terms.is_empty() { Ok(a.small(0)) } else { self.slices(field, point.to_vec(), terms) }
    }

    /// The sum of all groups.
    fn grouped(&mut self, field: &'static str, slices: Slices<A::Scalar>) -> Result<A::Scalar> {
        let mut sum = self.arithmetic().small(0);
        for (point, terms) in slices.groups() {
            let value = self.slices(field, point, terms)?;
            sum = self.arithmetic().add(&sum, &value);
        }
        Ok(sum)
    }
}

/// The verifier: it reads.
pub struct Verifying<'t, 'a, A: Arithmetic, R> {
    /// The proof.
    pub tx: &'t mut Transcript<'a, A, R>,
    /// Claims so far.
    pub claims: Claims<A::Scalar>,
}

impl<A: Arithmetic, R: Source<A>> Party<A> for Verifying<'_, '_, A, R> {
    fn arithmetic(&self) -> &A {
        self.tx.arithmetic
    }
    fn challenge(&mut self) -> A::Scalar {
        self.tx.challenge()
    }
    fn word(&mut self, field: &'static str, _: Word<'_, A::Scalar>) -> Result<A::Scalar> {
        self.tx.scalar(field)
    }
    fn slices(&mut self, field: &'static str, point: Vec<A::Scalar>, terms: Vec<Term<A::Scalar>>) -> Result<A::Scalar> {
        let value = self.tx.scalar(field)?;
        self.claims.push_slices(terms, point, value.clone());
        Ok(value)
    }
    fn lockstep(
        &mut self, field: &'static str, degree: usize, _: Stage<'_, A::Scalar>, sums: &[(usize, A::Scalar)],
    ) -> Result<Lockstep<A::Scalar>> {
        sumcheck::lockstep(self.tx, field, degree, sums)
    }
    fn lookups(&mut self, lookups: &Lookups) -> Result<()> {
        self.claims.append(lookup::verify(self.tx, lookups)?);
        Ok(())
    }
    fn payouts(&mut self, tree: &Tree, vars: usize, _: &A::Scalar) -> Result<Fractions<A::Scalar>> {
        let root = fractions::root(self.tx, tree)?;
        let leaf = fractions::descend(self.tx, tree, vars, &root)?;
        Ok(Fractions { root, leaf })
    }
}
