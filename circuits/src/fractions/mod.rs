//! Sums of fractions, Σ_x p(x)/q(x), by a tree: its root to one claim about p and q.
//!
//! | symbol | meaning |
//! |---|---|
//! | p_k, q_k | numerators and denominators of layer k of the tree, 2^k each; layer L holds the leaves |
//! | λ | a challenge that joins both claims about a layer |
//!
//! Nodes 2i and 2i + 1 of layer k + 1 add up to node i of layer k,
//!
//! ```text
//! p_k(x) = p_{k+1}(0,x)·q_{k+1}(1,x) + p_{k+1}(1,x)·q_{k+1}(0,x)      q_k(x) = q_{k+1}(0,x)·q_{k+1}(1,x)
//! ```
//!
//! which a sumcheck over k variables, weighted by eq, proves at a random point (Papini and Haböck, eprint 2023/1284, §3).
//! Error at most Σ_{k<L} (2k + 2)/|F|. A root with denominator zero says nothing, so the caller must refuse it.

#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod prover;

use crate::{
    arithmetic::Arithmetic,
    error::{Check, Result},
    sumcheck,
    transcript::{Source, Transcript},
};

/// What a tree's words and checks are called.
#[derive(Debug, Clone, Copy)]
pub struct Tree {
    /// Words of rounds.
    pub round: &'static str,
    /// Values of children.
    pub children: &'static str,
    /// The check of a layer.
    pub layer: fn(u32) -> Check,
}

/// Numerators and denominators of both children of a layer at a point: p(0,·), p(1,·), q(0,·), q(1,·).
#[derive(Debug, Clone)]
pub struct Children<S>(pub(crate) [S; 2], pub(crate) [S; 2]);

/// Reads the root's children.
///
/// # Errors
/// Of the proof's bytes.
pub fn root<A: Arithmetic, R: Source<A>>(tx: &mut Transcript<'_, A, R>, tree: &Tree) -> Result<Children<A::Scalar>> {
    let mut next = || tx.scalar(tree.children);
    Ok(Children([next()?, next()?], [next()?, next()?]))
}

impl<S: Clone> Children<S> {
    /// The parent's numerator.
    pub fn numerator<A: Arithmetic<Scalar = S>>(&self, a: &A) -> S {
        let Self([p0, p1], [q0, q1]) = self;
        a.mul_add(p0, q1, &a.mul(p1, q0))
    }

    /// The parent's denominator.
    pub fn denominator<A: Arithmetic<Scalar = S>>(&self, a: &A) -> S {
        let Self(_, [q0, q1]) = self;
        a.mul(q0, q1)
    }

    /// Both columns at the child bit's challenge.
    fn at<A: Arithmetic<Scalar = S>>(&self, a: &A, child: &S) -> (S, S) {
        let between = |[x0, x1]: &[S; 2]| a.mul_add(child, &a.sub(x1, x0), x0);
        (between(&self.0), between(&self.1))
    }
}

/// The leaves at a point.
#[must_use = "the leaves must be compared with what they should be"]
pub struct Leaf<S> {
    /// The point, its lowest variable first.
    pub point: Vec<S>,
    /// Numerator.
    pub p: S,
    /// Denominator.
    pub q: S,
}

/// From the root of a tree of 2^vars leaves (`vars` at least 1) to the leaves.
///
/// # Errors
/// Malformed bytes, or the layer that fails.
pub fn descend<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, tree: &Tree, vars: usize, root: &Children<A::Scalar>,
) -> Result<Leaf<A::Scalar>> {
    let a = tx.arithmetic;
    let child = tx.challenge();
    let (mut p, mut q) = root.at(a, &child);
    let mut point = vec![child];
    for layer in 1..vars {
        let lambda = tx.challenge();
        let claim = a.mul_add(&lambda, &q, &p);
        let end = sumcheck::weighted(tx, tree.round, &point, claim)?;
        let children = self::root(tx, tree)?;
        let expected = a.mul_add(&lambda, &children.denominator(a), &children.numerator(a));
        a.assert_eq((tree.layer)(layer as u32), &end.value, &expected)?;
        let child = tx.challenge();
        (p, q) = children.at(a, &child);
        point = end.point;
        point.insert(0, child);
    }
    Ok(Leaf { point, p, q })
}
