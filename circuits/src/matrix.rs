//! The tutorial: a rounded product of two matrices of small integers, proven end to end.
//!
//! **Statement.** Behind the proof's commitments there are matrices A (R × D), X (T × D), U and rem (T × R) over F such that for
//! every t and ρ
//!
//! ```text
//! 2^16·U[t,ρ] + rem[t,ρ] − 2^15 = Σ_i X[t,i]·A[ρ,i]        0 ≤ rem < 2^16        −2^23 ≤ U < 2^23
//! ```
//!
//! in F. Where A and X are also known to hold 16-bit integers with sign (this proof does not show it), the equation is one of
//! integers, and U = (X·Aᵀ + 2^15) >> 16, the rounding of docs/semantics.md §5.
//!
//! **How.** U travels in limbs, U = u0 + 2^16·u1 − 2^23. Three lookups in the range 0 … 2^16 − 1 bound u0, rem and u1, a fourth
//! bounds 2^8·u1, so that u1 < 2^8. At a random point (t, ρ) both sides are one number; the right one is a sum over i, so a
//! sumcheck of degree 2 leaves one claim each about X̃ and Ã (Thaler, CRYPTO 2013, §5). All claims meet in one opening.
//!
//! ```
//! use talea_circuits::matrix::{Key, Shape};
//!
//! let shape = Shape { tokens: 2, rank: 1, width: 3 }; // 4 tokens, rank 2, rows of 8
//! let key = Key::new(shape, 16).unwrap();
//! assert!(key.layout().chunks() > 0);
//! # #[cfg(feature = "prove")]
//! # {
//! # use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
//! # use ark_bn254::{Fr, G1Projective, G2Affine};
//! use talea_circuits::{matrix::Matrices, opening::PairingKey};
//!
//! // powers of τ = 7: an SRS that everybody can forge with, good enough for an example
//! let tau: Vec<Fr> = std::iter::successors(Some(Fr::from(1u64)), |t| Some(*t * Fr::from(7u64))).take((1 << 16) + 1).collect();
//! let powers = BatchMulPreprocessing::new(G1Projective::generator(), tau.len()).batch_mul(&tau);
//! let x: Vec<i16> = (0..32).map(|i| i * 1000 - 16_000).collect();
//! let a: Vec<i16> = (0..16).map(|i| 15_000 - i * 2000).collect();
//! let proof = Matrices::new(&key, x, a).unwrap().prove(&talea_gpu::Cpu, &powers, &[1; 32]);
//! let tau = (G2Affine::generator() * Fr::from(7u64)).into_affine();
//! key.verify(&PairingKey { tau }, &proof).unwrap();
//! # }
//! ```

use ark_bn254::Fr;

use crate::{
    arithmetic::{Arithmetic, Native},
    columns::{Claims, ColumnId, Layout, TooLarge, hash_number},
    error::{Check, Result},
    lookup::{self, Entry, Form, Lookups, Malformed, Table, Values},
    opening::{self, Accumulator, PairingKey},
    sumcheck,
    transcript::{Source, Transcript, bytes::Bytes},
};

/// Sizes as powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// log₂ of the rows of X.
    pub tokens: usize,
    /// log₂ of the rows of A.
    pub rank: usize,
    /// log₂ of the columns of both.
    pub width: usize,
}

/// What the verifier knows: sizes, layout, lookups, and their digest.
#[derive(Debug, Clone)]
pub struct Key {
    shape: Shape,
    layout: Layout,
    lookups: Lookups,
    columns: Columns,
    digest: [u8; 32],
}

/// The columns by name.
#[derive(Debug, Clone, Copy)]
struct Columns {
    x: ColumnId,
    a: ColumnId,
    u0: ColumnId,
    u1: ColumnId,
    rem: ColumnId,
}

/// A shape for which there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A column is larger than a chunk.
    #[error(transparent)]
    Layout(#[from] TooLarge),
    /// Lookups that do not fit together.
    #[error(transparent)]
    Lookups(#[from] Malformed),
}

/// Bits of the range table.
const RANGE: usize = 16;
/// Bits of U's upper limb.
const HIGH: u64 = 8;

impl Key {
    /// The key of a shape, with chunks of 2^chunk_vars coefficients.
    ///
    /// # Errors
    /// A matrix or the range table (2^16) that no chunk can hold.
    pub fn new(shape: Shape, chunk_vars: usize) -> Result<Self, KeyError> {
        let (t, r, w) = (shape.tokens, shape.rank, shape.width);
        let names =
            [("x", t + w), ("a", r + w), ("u0", t + r), ("u1", t + r), ("rem", t + r), ("multiplicities", RANGE)];
        let (layout, ids) = Layout::new(chunk_vars, names)?;
        let [x, a, u0, u1, rem, multiplicities] = ids;
        let columns = Columns { x, a, u0, u1, rem };
        let entry = |form| Entry { vars: t + r, forms: vec![form], table: 0 };
        let entries = vec![
            entry(Form::column(u0)),
            entry(Form::column(rem)),
            entry(Form::column(u1)),
            entry(Form::scaled(u1, 1 << (RANGE as u64 - HIGH))),
        ];
        let tables = vec![Table { vars: RANGE, values: Values::Range, multiplicities }];
        let lookups = Lookups::new(&layout, entries, tables)?;
        let mut hasher = blake3::Hasher::new_derive_key("talea 1 key of the matrix tutorial");
        [t, r, w].into_iter().for_each(|n| hash_number(&mut hasher, n));
        layout.describe(&mut hasher);
        lookups.describe(&mut hasher);
        Ok(Self { shape, layout, lookups, columns, digest: *hasher.finalize().as_bytes() })
    }

    /// How the columns lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Digest of all of it: the first words of every transcript.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The lookups.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Verifies a proof.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, pairing: &PairingKey, proof: &[u8]) -> Result<()> {
        let tx = Transcript::new(&Native, Bytes::new(proof), &self.digest, &[]);
        self.reduce(tx)?.check(pairing)
    }

    /// The same up to the pairing, in any arithmetic.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn reduce<A: Arithmetic, R: Source<A>>(&self, mut tx: Transcript<'_, A, R>) -> Result<Accumulator<A>> {
        let chunks: Vec<A::Point> = (0..self.layout.chunks()).map(|_| tx.point("chunk")).collect::<Result<_>>()?;
        let mut claims = self.product(&mut tx)?;
        claims.append(lookup::verify(&mut tx, &self.lookups)?);
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims)?;
        tx.finish()?;
        Ok(accumulator)
    }

    /// Both sides of the equation at a random point.
    fn product<A: Arithmetic, R: Source<A>>(&self, tx: &mut Transcript<'_, A, R>) -> Result<Claims<A::Scalar>> {
        let (a, c) = (tx.arithmetic, &self.columns);
        let (row, token) = (tx.challenges(self.shape.rank), tx.challenges(self.shape.tokens));
        let at: Vec<A::Scalar> = row.iter().chain(&token).cloned().collect();
        let mut next = || tx.scalar("product value");
        let (u0, u1, rem) = (next()?, next()?, next()?);
        let parts = [a.scale(Fr::from(1u64 << 16), &u0), a.scale(Fr::from(1u64 << 32), &u1), rem.clone()];
        let sum = a.sub(&a.sum(&parts), &a.small((1 << 39) + (1 << 15)));
        let end = sumcheck::verify(tx, "product round", self.shape.width, 2, sum)?;
        let (x, w) = (tx.scalar("product column")?, tx.scalar("product column")?);
        a.assert_eq(Check::Relation("matrix product"), &end.value, &a.mul(&x, &w))?;
        let mut claims = Claims::new();
        for (column, value) in [(c.u0, u0), (c.u1, u1), (c.rem, rem)] {
            claims.push(column, at.clone(), value);
        }
        claims.push(c.x, end.point.iter().chain(&token).cloned().collect(), x);
        claims.push(c.a, end.point.into_iter().chain(row).collect(), w);
        Ok(claims)
    }
}

#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
mod prover {
    use ark_bn254::{Fr, G1Affine};
    use rayon::prelude::*;
    use talea_gpu::{Device, Ints};

    use super::{HIGH, Key};
    use crate::{
        arithmetic::Plain,
        columns::{Claims, ColumnId, ints::Witness},
        lookup::{
            self,
            prover::{Outside, evaluate},
        },
        opening,
        sumcheck::prover::products,
        transcript::writer::Writer,
    };

    /// Both matrices and what follows from them.
    pub struct Matrices<'k> {
        key: &'k Key,
        /// In the key's order; public so that tests can cheat.
        pub columns: Vec<Ints>,
    }

    impl<'k> Matrices<'k> {
        /// U, rem and multiplicities of X and A, row-major.
        ///
        /// # Errors
        /// A value of U beyond 24 bits.
        ///
        /// # Panics
        /// If the matrices' sizes are not the key's.
        pub fn new(key: &'k Key, x: Vec<i16>, a: Vec<i16>) -> Result<Self, Outside> {
            let (rank, width) = (1usize << key.shape.rank, 1usize << key.shape.width);
            let products: Vec<i64> = x
                .par_chunks(width)
                .flat_map_iter(|row| {
                    let dot = |w: &[i16]| row.iter().zip(w).map(|(x, a)| i64::from(*x) * i64::from(*a)).sum::<i64>();
                    a.chunks(width).map(dot)
                })
                .collect();
            assert_eq!(products.len(), rank << key.shape.tokens, "sizes of the key");
            let shifted = |p: &i64| p + (1 << 15) + (1 << 39);
            let high = products.iter().map(|p| shifted(p) >> 32);
            let place = high.clone().position(|u1| !(0..1 << HIGH).contains(&u1));
            if let Some(place) = place {
                return Err(Outside { entry: 2, place });
            }
            let columns = vec![
                Ints::I16(x),
                Ints::I16(a),
                Ints::U16(products.iter().map(|p| (shifted(p) >> 16) as u16).collect()),
                Ints::U8(high.map(|u1| u1 as u8).collect()),
                Ints::U16(products.iter().map(|p| shifted(p) as u16).collect()),
                Ints::U32(Vec::new()),
            ];
            let mut all = Self { key, columns };
            all.count()?;
            Ok(all)
        }

        /// Counts the multiplicities again.
        ///
        /// # Errors
        /// A value outside the range table.
        pub fn count(&mut self) -> Result<(), Outside> {
            let column = |id: ColumnId| &self.columns[id.index()];
            let counts = lookup::prover::multiplicities(&self.key.lookups, column)?;
            for (table, counts) in self.key.lookups.tables().iter().zip(counts) {
                self.columns[table.multiplicities.index()] = counts;
            }
            Ok(())
        }

        /// The proof. `powers` are [τ^i]₁ for i ≤ 2^chunk_vars; `seed` must be secret and is used once.
        ///
        /// # Panics
        /// If `powers` are too few.
        pub fn prove(&self, device: &impl Device, powers: &[G1Affine], seed: &[u8; 32]) -> Vec<u8> {
            self.prove_in_stages(device, powers, seed, &mut |_| {})
        }

        /// The same, telling the name of each stage as it begins.
        ///
        /// # Panics
        /// If `powers` are too few.
        pub fn prove_in_stages(
            &self, device: &impl Device, powers: &[G1Affine], seed: &[u8; 32], stage: &mut dyn FnMut(&'static str),
        ) -> Vec<u8> {
            stage("commitments");
            let witness = Witness::new(&self.key.layout, self.columns.clone(), seed);
            let chunks = witness.commit(device, &self.key.layout, powers);
            let tx = Writer::new(&self.key.digest, &[]);
            self.prove_committed(tx, device, powers, &chunks, &witness, stage)
        }

        /// The proof behind these commitments, which a cheater may have made otherwise.
        pub fn prove_committed(
            &self, mut tx: Writer<impl Plain>, device: &impl Device, powers: &[G1Affine], chunks: &[G1Affine],
            witness: &Witness, stage: &mut dyn FnMut(&'static str),
        ) -> Vec<u8> {
            chunks.iter().for_each(|chunk| tx.point(chunk));
            stage("matrix product");
            let mut claims = self.product(&mut tx, device);
            stage("lookups");
            let column = |id: ColumnId| &self.columns[id.index()];
            claims.append(lookup::prover::prove(&mut tx, device, &self.key.lookups, column));
            stage("opening");
            opening::prover::prove(&mut tx, device, powers, &self.key.layout, witness, claims);
            tx.finish()
        }

        fn product(&self, tx: &mut Writer<impl Plain>, device: &impl Device) -> Claims<Fr> {
            let (shape, c) = (self.key.shape, self.key.columns);
            let (row, token) = (tx.challenges(shape.rank), tx.challenges(shape.tokens));
            let at: Vec<Fr> = row.iter().chain(&token).copied().collect();
            let values: Vec<Fr> =
                [c.u0, c.u1, c.rem].iter().map(|id| evaluate(device, &self.columns[id.index()], &at)).collect();
            values.iter().for_each(|v| tx.scalar(v));
            // both matrices with their rows bound: vectors over i
            let bind = |id: ColumnId, point: &[Fr]| {
                let mut column = self.columns[id.index()].fields();
                point.iter().rev().for_each(|r| device.fold(&mut column, r));
                column
            };
            let mut pair = [[bind(c.x, &token), bind(c.a, &row)]];
            let end = products(tx, device, &mut pair, shape.width);
            let [[x, a]] = pair;
            let mut claims = Claims::new();
            for (column, value) in [c.u0, c.u1, c.rem].into_iter().zip(values) {
                claims.push(column, at.clone(), value);
            }
            tx.scalar(&x[0]);
            tx.scalar(&a[0]);
            claims.push(c.x, end.iter().chain(&token).copied().collect(), x[0]);
            claims.push(c.a, end.into_iter().chain(row).collect(), a[0]);
            claims
        }
    }
}

#[cfg(feature = "prove")]
pub use prover::Matrices;
