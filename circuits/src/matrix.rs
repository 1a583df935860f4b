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
//! **How.** U + 2^23 and rem travel in limbs that lookups in a range table bound ([`range`]); the table has 2^16 places, or
//! fewer where the matrices are small. At a random point (t, ρ) both sides are one number; the right one is a sum over i, so a
//! sumcheck of degree 2 leaves one claim each about X̃ and Ã (Thaler, CRYPTO 2013, §5). All claims meet in one opening.
//!
//! ```
//! use talea_circuits::matrix::{Key, Shape, Sizes};
//!
//! let shape = Shape { tokens: 2, rank: 1, width: 3 }; // 4 tokens, rank 2, rows of 8
//! let key = Key::new(shape, Sizes::of(shape)).unwrap();
//! assert_eq!((key.layout().chunk_vars(), key.layout().chunks()), (8, 1));
//! # #[cfg(feature = "prove")]
//! # {
//! # use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
//! # use ark_bn254::{Fr, G1Projective, G2Affine};
//! use talea_circuits::{matrix::Matrices, opening::PairingKey};
//!
//! // powers of τ = 7: an SRS that everybody can forge with, good enough for an example
//! let tau: Vec<Fr> = std::iter::successors(Some(Fr::from(1u64)), |t| Some(*t * Fr::from(7u64))).take((1 << 8) + 1).collect();
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
    columns::{Claims, ColumnId, Columns, Layout, MAX_VARS, TooLarge, hash_number},
    error::{Check, Result},
    lookup::{
        self, Lookups, Malformed, Table, Values,
        range::{self, Limbs},
    },
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

/// What costs depend on, and security does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// log₂ of a chunk.
    pub chunk: usize,
    /// log₂ of the range table.
    pub range: usize,
}

impl Sizes {
    /// What costs least.
    pub fn of(shape: Shape) -> Self {
        let shape = Shape { tokens: shape.tokens.min(16), rank: shape.rank.min(16), width: shape.width.min(16) };
        let cells = shape.tokens + shape.rank;
        let range = range::width(&[(cells, U_BITS), (cells, REM_BITS)]);
        Self { chunk: Parts::new(shape, range).0.chunk_vars(), range }
    }
}

/// What the verifier knows: sizes, layout, lookups, and their digest.
#[derive(Debug, Clone)]
pub struct Key {
    shape: Shape,
    layout: Layout,
    lookups: Lookups,
    parts: Parts,
    digest: [u8; 32],
}

/// The columns by name.
#[derive(Debug, Clone)]
struct Parts {
    x: ColumnId,
    a: ColumnId,
    u: Limbs,
    rem: Limbs,
    multiplicities: ColumnId,
}

impl Parts {
    fn new(shape: Shape, range: usize) -> (Columns, Self) {
        let (mut all, cells) = (Columns::default(), shape.tokens + shape.rank);
        let parts = Self {
            x: all.push("x", shape.tokens + shape.width),
            a: all.push("a", shape.rank + shape.width),
            u: Limbs::new(&mut all, "u", cells, U_BITS, range),
            rem: Limbs::new(&mut all, "rem", cells, REM_BITS, range),
            multiplicities: all.push("multiplicities", range),
        };
        (all, parts)
    }
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
    /// Sizes beyond what a key may have.
    #[error(
        "sizes: found {shape:?} and {sizes:?}, expected 0 to 16 each, chunks of at most 2^32, a range table of 2^1 to 2^16"
    )]
    Sizes {
        /// The shape.
        shape: Shape,
        /// Its chunk and table.
        sizes: Sizes,
    },
}

/// Bits of U + 2^23.
const U_BITS: usize = 24;
/// Bits of rem: what the product is rounded by.
const REM_BITS: usize = 16;
/// What is added to the product so that U and rem are not negative: half of the rounding, and 2^16·2^23.
const SHIFT: u64 = (1 << (REM_BITS - 1)) + (1 << (REM_BITS + U_BITS - 1));

impl Key {
    /// The key of a shape.
    ///
    /// # Errors
    /// A matrix or the range table that no chunk can hold.
    pub fn new(shape: Shape, sizes: Sizes) -> Result<Self, KeyError> {
        if shape.tokens.max(shape.rank).max(shape.width) > MAX_VARS / 2
            || sizes.chunk > MAX_VARS
            || !(1..=range::LARGEST).contains(&sizes.range)
        {
            return Err(KeyError::Sizes { shape, sizes });
        }
        let (all, parts) = Parts::new(shape, sizes.range);
        let layout = all.stack(sizes.chunk)?;
        let entries = [&parts.u, &parts.rem].iter().flat_map(|limbs| limbs.entries(0)).collect();
        let vars = layout.place(parts.multiplicities).map_or(0, |place| place.vars);
        let table = Table { vars, values: Values::Range, multiplicities: parts.multiplicities };
        let lookups = Lookups::new(&layout, entries, vec![table])?;
        let mut hasher = blake3::Hasher::new_derive_key("talea 1 key of the matrix tutorial");
        [shape.tokens, shape.rank, shape.width].into_iter().for_each(|n| hash_number(&mut hasher, n));
        layout.describe(&mut hasher);
        lookups.describe(&mut hasher);
        Ok(Self { shape, layout, lookups, parts, digest: *hasher.finalize().as_bytes() })
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
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims, Vec::new())?;
        tx.finish()?;
        Ok(accumulator)
    }

    /// Both sides of the equation at a random point.
    fn product<A: Arithmetic, R: Source<A>>(&self, tx: &mut Transcript<'_, A, R>) -> Result<Claims<A::Scalar>> {
        let (a, c) = (tx.arithmetic, &self.parts);
        let (row, token) = (tx.challenges(self.shape.rank), tx.challenges(self.shape.tokens));
        let at: Vec<A::Scalar> = row.iter().chain(&token).cloned().collect();
        let u = tx.scalars("product value", c.u.columns.len())?;
        let rem = tx.scalars("product value", c.rem.columns.len())?;
        // 2^16·(U + 2^23) + rem = product + SHIFT
        let left = a.add(&a.scale(Fr::from(1u64 << REM_BITS), &c.u.value(a, &u)), &c.rem.value(a, &rem));
        let sum = a.sub(&left, &a.small(SHIFT));
        let end = sumcheck::verify(tx, "product round", self.shape.width, 2, sum)?;
        let (x, w) = (tx.scalar("product column")?, tx.scalar("product column")?);
        a.assert_eq(Check::Relation("matrix product"), &end.value, &a.mul(&x, &w))?;
        let mut claims = Claims::new();
        for (column, value) in c.u.columns.iter().zip(u).chain(c.rem.columns.iter().zip(rem)) {
            claims.push(*column, at.clone(), value);
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
    use talea_gpu::{Device, Ints, evaluate};

    use super::{Key, REM_BITS, SHIFT, U_BITS};
    use crate::{
        arithmetic::Plain,
        columns::{Claims, ColumnId, ints::Witness},
        lookup::{self, prover::Outside},
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
            let shifted: Vec<i128> = x
                .par_chunks(width)
                .flat_map_iter(|row| {
                    let dot = |w: &[i16]| row.iter().zip(w).map(|(x, a)| i64::from(*x) * i64::from(*a)).sum::<i64>();
                    a.chunks(width).map(move |w| i128::from(dot(w)) + i128::from(SHIFT))
                })
                .collect();
            assert_eq!(shifted.len(), rank << key.shape.tokens, "sizes of the key");
            let inside = |v: &i128| (0..1 << (U_BITS + REM_BITS)).contains(v);
            if let Some(place) = shifted.iter().position(|v| !inside(v)) {
                return Err(Outside { entry: 0, place });
            }
            let u: Vec<u128> = shifted.iter().map(|v| (v >> REM_BITS) as u128).collect();
            let rem: Vec<u128> = shifted.iter().map(|v| *v as u128).collect();
            let mut columns = vec![Ints::I16(x), Ints::I16(a)];
            columns.extend(key.parts.u.split(&u));
            columns.extend(key.parts.rem.split(&rem));
            columns.push(Ints::U32(Vec::new()));
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
            opening::prover::prove(&mut tx, device, powers, &self.key.layout, witness, claims, &[]);
            tx.finish()
        }

        fn product(&self, tx: &mut Writer<impl Plain>, device: &impl Device) -> Claims<Fr> {
            let (shape, c) = (self.key.shape, &self.key.parts);
            let (row, token) = (tx.challenges(shape.rank), tx.challenges(shape.tokens));
            let at: Vec<Fr> = row.iter().chain(&token).copied().collect();
            let mut claims = Claims::new();
            for id in c.u.columns.iter().chain(&c.rem.columns) {
                let value = evaluate(device, &self.columns[id.index()], &at);
                tx.scalar(&value);
                claims.push(*id, at.clone(), value);
            }
            // both matrices with their rows bound: vectors over i
            let bind = |id: ColumnId, point: &[Fr]| {
                let column = &self.columns[id.index()];
                device.vector(device.vector_matrix(&device.eq(point), column, 0..column.len()))
            };
            let mut pair = [[bind(c.x, &token), bind(c.a, &row)]];
            let end = products(tx, device, &mut pair, shape.width);
            let [[x, a]] = pair.map(|pair| pair.map(|v| device.read(&v, 0..1)));
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
