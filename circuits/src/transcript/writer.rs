//! The prover's side: what is written is absorbed, in the verifier's order.

use ark_bn254::{Fr, G1Affine};

use super::{
    Sponge,
    bytes::{point_bytes, scalar_bytes},
    halves,
};
use crate::arithmetic::{Arithmetic, Native};

/// Writes a proof.
pub struct Writer {
    sponge: Sponge<Native>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins as [`super::Transcript::new`] does.
    pub fn new(key: &[u8; 32], statement: &[Fr]) -> Self {
        let mut sponge = Sponge::new(&Native);
        halves(key).iter().chain(statement).for_each(|word| sponge.absorb(&Native, word));
        Self { sponge, bytes: Vec::new() }
    }

    /// Writes a scalar.
    pub fn scalar(&mut self, x: &Fr) {
        self.sponge.absorb(&Native, x);
        self.bytes.extend(scalar_bytes(x));
    }

    /// Writes a point.
    pub fn point(&mut self, p: &G1Affine) {
        Native.words(p).iter().for_each(|word| self.sponge.absorb(&Native, word));
        self.bytes.extend(point_bytes(p));
    }

    /// Draws a challenge.
    pub fn challenge(&mut self) -> Fr {
        self.sponge.challenge(&Native)
    }

    /// Draws `n` challenges.
    pub fn challenges(&mut self, n: usize) -> Vec<Fr> {
        (0..n).map(|_| self.challenge()).collect()
    }

    /// Draws a challenge of 128 bits.
    pub fn weight(&mut self) -> Fr {
        Native.low128(&self.challenge())
    }

    /// The proof.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
