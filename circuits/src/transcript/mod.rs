//! The transcript: one duplex sponge, and the one way to read a proof.
//!
//! | module | holds |
//! |---|---|
//! | [`poseidon`] | the permutation |
//! | [`bytes`] | proofs as bytes: canonical scalars and points |
//! | this one | the sponge; reading that absorbs |
//!
//! The sponge has rate 3 of 4 words. Absorbing adds words to the rate part and permutes when it is full; a challenge
//! permutes if anything was absorbed since, and hands out the rate words one after another (Bertoni et al., SAC 2011).
//! Its capacity word begins as the tag of this argument, and the first words absorbed are the key's digest; what is read
//! after that, and where challenges fall, is a function of the key alone, so no padding is needed to tell transcripts
//! apart (as in SAFE, eprint 2023/522).

pub mod bytes;
pub mod poseidon;
#[cfg(feature = "prove")]
pub mod writer;

use ark_bn254::Fr;
use ark_ff::PrimeField;

use crate::{
    arithmetic::Arithmetic,
    error::{ProofError, Result},
};
use poseidon::{RATE, WIDTH};

/// Names the argument and its version; hashed into the sponge's capacity.
const TAG: &str = "talea argument 1";

/// What the capacity of a sponge for this purpose begins as.
pub fn capacity(tag: &str) -> Fr {
    Fr::from_le_bytes_mod_order(blake3::hash(tag.as_bytes()).as_bytes())
}

/// A duplex sponge.
pub struct Sponge<A: Arithmetic> {
    state: [A::Scalar; WIDTH],
    /// Rate words added since the last permutation.
    absorbed: usize,
    /// Rate words handed out since the last permutation.
    squeezed: usize,
}

impl<A: Arithmetic> Sponge<A> {
    /// A fresh one.
    pub fn new(a: &A) -> Self {
        Self::tagged(a, TAG)
    }

    /// One for another purpose, which its capacity tells apart.
    pub fn tagged(a: &A, tag: &str) -> Self {
        let state = [capacity(tag), Fr::from(0u64), Fr::from(0u64), Fr::from(0u64)].map(|c| a.constant(c));
        Self { state, absorbed: 0, squeezed: RATE }
    }

    /// Absorbs a word.
    pub fn absorb(&mut self, a: &A, word: &A::Scalar) {
        if self.absorbed == RATE {
            self.permute(a);
        }
        if let Some(slot) = self.state.get_mut(1 + self.absorbed) {
            *slot = a.add(slot, word);
        }
        self.absorbed += 1;
    }

    /// The next challenge.
    pub fn challenge(&mut self, a: &A) -> A::Scalar {
        if self.absorbed > 0 || self.squeezed == RATE {
            self.permute(a);
        }
        self.squeezed += 1;
        self.state.get(self.squeezed).cloned().unwrap_or_else(|| a.small(0))
    }

    fn permute(&mut self, a: &A) {
        self.state = a.permute(self.state.clone());
        (self.absorbed, self.squeezed) = (0, 0);
    }
}

/// Where a proof's words come from.
pub trait Source<A: Arithmetic> {
    /// The next scalar.
    fn scalar(&mut self, field: &'static str) -> Result<A::Scalar, ProofError>;
    /// The next point.
    fn point(&mut self, field: &'static str) -> Result<A::Point, ProofError>;
    /// Refuses what is left over.
    fn finish(self) -> Result<(), ProofError>;
}

/// Reads a proof; everything read is absorbed.
pub struct Transcript<'a, A: Arithmetic, R> {
    /// What numbers and points are.
    pub arithmetic: &'a A,
    sponge: Sponge<A>,
    pub(crate) source: R,
}

impl<'a, A: Arithmetic, R: Source<A>> Transcript<'a, A, R> {
    /// The sponge, for a prover who goes on.
    #[cfg(feature = "prove")]
    pub(crate) fn into_sponge(self) -> Sponge<A> {
        self.sponge
    }

    /// Begins with the key's digest and the statement (its length first), which both sides know.
    pub fn new(arithmetic: &'a A, source: R, key: &[u8; 32], statement: &[A::Scalar]) -> Self {
        let mut sponge = Sponge::new(arithmetic);
        let length = Fr::from(statement.len() as u64);
        halves(key).iter().chain([&length]).for_each(|word| sponge.absorb(arithmetic, &arithmetic.constant(*word)));
        statement.iter().for_each(|word| sponge.absorb(arithmetic, word));
        Self { arithmetic, sponge, source }
    }

    /// Reads a scalar.
    pub fn scalar(&mut self, field: &'static str) -> Result<A::Scalar> {
        let word = self.source.scalar(field)?;
        self.sponge.absorb(self.arithmetic, &word);
        Ok(word)
    }

    /// Reads `n` scalars.
    pub fn scalars(&mut self, field: &'static str, n: usize) -> Result<Vec<A::Scalar>> {
        (0..n).map(|_| self.scalar(field)).collect()
    }

    /// Reads a point.
    pub fn point(&mut self, field: &'static str) -> Result<A::Point> {
        let point = self.source.point(field)?;
        self.arithmetic.words(&point).iter().for_each(|word| self.sponge.absorb(self.arithmetic, word));
        Ok(point)
    }

    /// Draws a challenge.
    pub fn challenge(&mut self) -> A::Scalar {
        self.sponge.challenge(self.arithmetic)
    }

    /// Draws `n` challenges.
    pub fn challenges(&mut self, n: usize) -> Vec<A::Scalar> {
        (0..n).map(|_| self.challenge()).collect()
    }

    /// Draws a challenge of 128 bits.
    pub fn weight(&mut self) -> A::Scalar {
        let whole = self.challenge();
        self.arithmetic.low128(&whole)
    }

    /// Ends; bytes left over are refused.
    pub fn finish(self) -> Result<()> {
        Ok(self.source.finish()?)
    }
}

/// A digest as two words of 128 bits, the lower first.
pub fn halves(digest: &[u8; 32]) -> [Fr; 2] {
    let (low, high) = digest.split_at(16);
    [low, high].map(Fr::from_le_bytes_mod_order)
}
