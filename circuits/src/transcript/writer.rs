//! The prover's side: what is written is absorbed, in the verifier's order.

use ark_bn254::{Fr, G1Affine};

use super::{
    Sponge,
    bytes::{point_bytes, scalar_bytes},
    halves,
};
use crate::arithmetic::{Native, Plain};

/// Writes a proof.
pub struct Writer<A: Plain = Native> {
    arithmetic: A,
    sponge: Sponge<A>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins as [`super::Transcript::new`] does.
    pub fn new(key: &[u8; 32], statement: &[Fr]) -> Self {
        Self::with(Native, key, statement)
    }
}

impl<A: Plain> Writer<A> {
    /// The same in another arithmetic.
    pub fn with(arithmetic: A, key: &[u8; 32], statement: &[Fr]) -> Self {
        let mut sponge = Sponge::new(&arithmetic);
        let length = Fr::from(statement.len() as u64);
        halves(key).iter().chain([&length]).chain(statement).for_each(|word| sponge.absorb(&arithmetic, word));
        Self { arithmetic, sponge, bytes: Vec::new() }
    }

    /// Goes on after bytes that this sponge has absorbed.
    pub(crate) fn resumed(arithmetic: A, sponge: Sponge<A>, bytes: Vec<u8>) -> Self {
        Self { arithmetic, sponge, bytes }
    }

    /// The proof so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes a scalar.
    pub fn scalar(&mut self, x: &Fr) {
        self.sponge.absorb(&self.arithmetic, x);
        self.bytes.extend(scalar_bytes(x));
    }

    /// Writes a point.
    pub fn point(&mut self, p: &G1Affine) {
        self.arithmetic.words(p).iter().for_each(|word| self.sponge.absorb(&self.arithmetic, word));
        self.bytes.extend(point_bytes(p));
    }

    /// Draws a challenge.
    pub fn challenge(&mut self) -> Fr {
        self.sponge.challenge(&self.arithmetic)
    }

    /// Draws `n` challenges.
    pub fn challenges(&mut self, n: usize) -> Vec<Fr> {
        (0..n).map(|_| self.challenge()).collect()
    }

    /// Draws a challenge of 128 bits.
    pub fn weight(&mut self) -> Fr {
        let whole = self.challenge();
        self.arithmetic.low128(&whole)
    }

    /// The proof.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
