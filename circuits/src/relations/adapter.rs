//! Commitments to an adapter's weights and index, made once at registration.
//!
//! | column | index, lowest variable first |
//! |---|---|
//! | a, one per module and block of its input | feature i, coordinate ρ |
//! | b, one per module and block of its output | output j, coordinate ρ |
//! | h, one per module | coordinate ρ, cluster k |
//!
//! On chain an adapter is the Poseidon digest of its sizes and its commitments' canonical points.

use super::shape::{AdapterShape, blocks};
use crate::{
    arithmetic::Arithmetic,
    columns::{ColumnId, Columns, Layout},
    transcript::{Sponge, halves},
};

/// Where an adapter's columns lie.
#[derive(Debug, Clone)]
pub struct AdapterLayout {
    /// Per module and block of its input.
    pub a: Vec<Vec<ColumnId>>,
    /// Per module and block of its output.
    pub b: Vec<Vec<ColumnId>>,
    /// Per module.
    pub h: Vec<ColumnId>,
}

impl AdapterLayout {
    /// The layout of a shape, which alone decides it: whoever registers an adapter and whoever proves with it agree.
    pub fn new(shape: &AdapterShape) -> (Self, Layout) {
        let mut layout = Layout::default();
        let (own, columns) = Self::behind(shape, &layout);
        layout.join(columns);
        (own, layout)
    }

    /// The same columns behind those of another layout.
    pub(crate) fn behind(shape: &AdapterShape, layout: &Layout) -> (Self, Columns) {
        let mut all = Columns::behind(layout);
        let mut parts = |name, width: usize| -> Vec<ColumnId> {
            blocks(width).into_iter().map(|(_, vars)| all.push(name, vars + shape.rank)).collect()
        };
        let a = shape.modules.iter().map(|m| parts("a", m.d_in)).collect();
        let b = shape.modules.iter().map(|m| parts("b", m.d_out)).collect();
        let h = shape.modules.iter().map(|_| all.push("h", shape.rank + shape.clusters)).collect();
        (Self { a, b, h }, all)
    }
}

/// The digest of an adapter's sizes and commitments.
pub fn digest_adapter<A: Arithmetic>(a: &A, shape: &AdapterShape, points: &[A::Point]) -> A::Scalar {
    let sizes = halves(&shape.digest()).map(|half| a.constant(half));
    let words: Vec<A::Scalar> = sizes.into_iter().chain(points.iter().flat_map(|p| a.words(p))).collect();
    digest_words(a, "talea 1 adapter", &words)
}

/// The Poseidon digest of words: a sponge of its own, which absorbs how many, then the words.
pub fn digest_words<A: Arithmetic>(a: &A, tag: &str, words: &[A::Scalar]) -> A::Scalar {
    let mut sponge = Sponge::tagged(a, tag);
    sponge.absorb(a, &a.small(words.len() as u64));
    words.iter().for_each(|word| sponge.absorb(a, word));
    sponge.challenge(a)
}
