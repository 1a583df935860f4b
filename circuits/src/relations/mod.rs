//! The relations of a batch: what its proof shows, from the rows of X to the payout vector.
//!
//! | module | holds |
//! |---|---|
//! | [`shape`] | sizes, and the lists that follow from them |
//! | [`adapter`] | registered commitments and digests |
//! | [`parts`] | every column by name, and its range |
//! | [`statement`] | what is public |
//! | [`equations`] | what columns satisfy at every place |
//! | [`party`] | the verifier, and what a prover must be able to do |
//! | `flow` | the relations in the order in which they are proven; `ends`, `vector` and `products` are its parts |
//! | `registered`, `values`, `sums`, `prover`, `resume` | the batch in integers, and its proof (feature `prove`) |
//!
//! docs/protocol/relations.md has every equation with the reason why it fixes its value; docs/semantics.md §5 to §8 says what is computed.

pub mod adapter;
mod ends;
pub mod equations;
mod flow;
pub mod parts;
pub mod party;
mod products;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod prover;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod registered;
#[cfg(feature = "prove")]
mod resume;
pub mod shape;
pub mod statement;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
mod sums;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod values;
mod vector;

use std::ops::Range;

use ark_bn254::{Fr, G2Affine};
use ark_ff::{BigInteger as _, Field, PrimeField};

use crate::{
    arithmetic::{Arithmetic, Native},
    columns::{Claims, ColumnId, Layout},
    error::{Check, Result},
    lookup::{Lookups, Malformed},
    opening::{self, Accumulator, Evaluation, PairingKey},
    transcript::{Source, Transcript, bytes::Bytes, halves},
};
use adapter::{digest_adapter, digest_words};
use parts::{Groups, Parts};
use party::Verifying;
use shape::{BadShape, Place, Shape};
use statement::Statement;

/// What a verifier knows of a batch before it sees it.
#[derive(Debug, Clone)]
pub struct Key {
    /// Sizes.
    pub shape: Shape,
    /// Columns by name.
    pub parts: Parts,
    /// Where they lie.
    pub layout: Layout,
    /// Chunks of each commitment.
    pub groups: Groups,
    lookups: Lookups,
    digest: [u8; 32],
}

/// A shape for which there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Sizes out of bounds.
    #[error(transparent)]
    Shape(#[from] BadShape),
    /// Lookups that do not fit together.
    #[error(transparent)]
    Lookups(#[from] Malformed),
}

impl Key {
    /// The key of a shape, for the reference string with this [τ]₂.
    ///
    /// # Errors
    /// A shape out of bounds.
    pub fn new(shape: Shape, pairing: &PairingKey) -> Result<Self, KeyError> {
        shape.check()?;
        let (parts, layout, groups) = Parts::new(&shape);
        let lookups = parts.lookups(&shape, &layout)?;
        let mut hasher = blake3::Hasher::new_derive_key("talea 1 key of a batch");
        shape.describe(&mut hasher);
        layout.describe(&mut hasher);
        lookups.describe(&mut hasher);
        hasher.update(&g2_bytes(&pairing.tau));
        let digest = *hasher.finalize().as_bytes();
        Ok(Self { shape, parts, layout, groups, lookups, digest })
    }

    /// Digest of shape, layout, lookups and reference string: the first words of every transcript.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// log₂ of the points of the reference string that a proof needs.
    pub fn powers(&self) -> usize {
        self.layout.chunk_vars().max(self.shape.domain)
    }

    /// Verifies a proof of a statement.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, pairing: &PairingKey, statement: &Statement<Fr>, proof: &[u8]) -> Result<()> {
        let words = statement.words();
        let tx = Transcript::new(&Native, Bytes::new(proof), &self.digest, &words);
        self.reduce(statement, tx)?.check(pairing)
    }

    /// The same up to the pairing, in any arithmetic. The transcript has absorbed the statement's words.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn reduce<A: Arithmetic, R: Source<A>>(
        &self, statement: &Statement<A::Scalar>, mut tx: Transcript<'_, A, R>,
    ) -> Result<Accumulator<A>> {
        let a = tx.arithmetic;
        let chunks: Vec<A::Point> = (0..self.layout.chunks()).map(|_| tx.point("chunk")).collect::<Result<_>>()?;
        let payouts = tx.point("payouts")?;
        self.bind(a, statement, &chunks, &payouts)?;
        let mut party = Verifying { tx: &mut tx, claims: Claims::new() };
        let opened = flow::relations(self, statement, &mut party)?;
        let claims = party.claims;
        let quotient = tx.point("payout quotient")?;
        let payouts = Evaluation { commitment: payouts, at: opened.zeta, value: opened.value, quotient };
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims, vec![payouts])?;
        tx.finish()?;
        Ok(accumulator)
    }

    /// The statement's digests are those of the commitments.
    fn bind<A: Arithmetic>(
        &self, a: &A, statement: &Statement<A::Scalar>, chunks: &[A::Point], payouts: &A::Point,
    ) -> Result<()> {
        let points = |range: &Range<usize>| chunks.get(range.clone()).unwrap_or_default();
        if statement.slots.len() != self.shape.adapters.len() {
            return Err(crate::Rejection::Check(Check::Statement("number of adapter slots")));
        }
        let shapes = self.shape.adapters.iter().zip(&self.groups.adapters);
        for ((shape, range), slot) in shapes.zip(&statement.slots) {
            let digest = digest_adapter(a, shape, points(range));
            a.assert_eq(Check::Statement("adapter"), &digest, &slot.adapter)?;
        }
        let adapters: Vec<A::Scalar> = statement.slots.iter().map(|slot| slot.adapter.clone()).collect();
        let columns = [
            (Columns::Inputs, &self.groups.x, &statement.inputs),
            (Columns::Requests, &self.groups.requests, &statement.requests),
            (Columns::Deltas, &self.groups.deltas, &statement.deltas),
        ];
        for (which, range, stated) in columns {
            let digest = self.digest_columns(a, which, &adapters, points(range));
            a.assert_eq(Check::Statement(which.name()), &digest, stated)?;
        }
        let words = a.words(payouts);
        words.iter().zip(&statement.payouts).try_for_each(|(w, s)| a.assert_eq(Check::Statement("C_pay"), w, s))
    }

    /// C_X, C_req or C_D. The digest says how the cells are cut up: under another key, or with slots in another order, the
    /// same points are another batch. So an attester's word for them holds for one reading alone.
    pub fn digest_columns<A: Arithmetic>(
        &self, a: &A, which: Columns, adapters: &[A::Scalar], points: &[A::Point],
    ) -> A::Scalar {
        let key = halves(&self.digest).map(|half| a.constant(half));
        let points = points.iter().flat_map(|p| a.words(p));
        let words: Vec<A::Scalar> = key.into_iter().chain(adapters.iter().cloned()).chain(points).collect();
        digest_words(a, which.tag(), &words)
    }

    /// Distinct widths of X's blocks, ascending.
    fn widths(&self) -> Vec<usize> {
        let all: std::collections::BTreeSet<usize> = self.shape.inputs().iter().map(|b| b.vars).collect();
        all.into_iter().collect()
    }

    /// Numbers of the blocks of a width.
    fn blocks_of(&self, width: usize) -> Vec<usize> {
        self.shape.inputs().iter().enumerate().filter(|(_, b)| b.vars == width).map(|(i, _)| i).collect()
    }

    /// The column of A of a module's block that begins at a feature.
    fn weights_of(&self, place: Place, begin: usize) -> Option<ColumnId> {
        let module = self.shape.module(place)?;
        let block = shape::blocks(module.d_in).iter().position(|b| b.0 == begin)?;
        self.parts.adapters.get(place.slot)?.a.get(place.module)?.get(block).copied()
    }

    /// The coordinates of ρ that an adapter has, and the weight of those that it lacks being zero.
    fn within_rank<'s, A: Arithmetic>(&self, a: &A, slot: usize, rho: &'s [A::Scalar]) -> (&'s [A::Scalar], A::Scalar) {
        let rank = self.shape.adapters.get(slot).map_or(0, |adapter| adapter.rank);
        let (low, above) = rho.split_at_checked(rank).unwrap_or((rho, &[]));
        (low, above.iter().fold(a.small(1), |product, x| a.mul(&product, &a.complement(x))))
    }
}

/// Columns that a statement names by a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// X.
    Inputs,
    /// The request table.
    Requests,
    /// D.
    Deltas,
}

impl Columns {
    fn tag(self) -> &'static str {
        match self {
            Self::Inputs => "talea 1 inputs",
            Self::Requests => "talea 1 requests",
            Self::Deltas => "talea 1 deltas",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Inputs => "C_X",
            Self::Requests => "C_req",
            Self::Deltas => "C_D",
        }
    }
}

fn g2_bytes(p: &G2Affine) -> Vec<u8> {
    [p.x, p.y]
        .iter()
        .flat_map(|c| c.to_base_prime_field_elements())
        .flat_map(|c| c.into_bigint().to_bytes_le())
        .collect()
}
