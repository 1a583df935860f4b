//! Reads a proof and notes every field of it.

use std::cell::RefCell;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use talea_circuits::{
    ProofError,
    arithmetic::Native,
    transcript::{
        Source,
        bytes::{Bytes, point_bytes, scalar_bytes},
    },
};

/// A field as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub at: usize,
    pub point: bool,
}

impl Field {
    /// The proof with another valid value in this field.
    pub fn changed(&self, proof: &[u8]) -> Vec<u8> {
        let mut bad = proof.to_vec();
        let field = &mut bad[self.at..self.at + if self.point { 64 } else { 32 }];
        let mut read = Bytes::new(field);
        let other = match self.point {
            true => point_bytes(&(read.point("").unwrap() + G1Affine::generator()).into_affine()).to_vec(),
            false => scalar_bytes(&(read.scalar("").unwrap() + Fr::from(1u64))).to_vec(),
        };
        field.copy_from_slice(&other);
        bad
    }
}

/// A source of a proof's words that keeps a log.
pub struct Recorder<'b, 'l> {
    inner: Bytes<'b>,
    at: usize,
    log: &'l RefCell<Vec<Field>>,
}

impl<'b, 'l> Recorder<'b, 'l> {
    pub fn new(proof: &'b [u8], log: &'l RefCell<Vec<Field>>) -> Self {
        Self { inner: Bytes::new(proof), at: 0, log }
    }

    fn note(&mut self, name: &'static str, point: bool) {
        self.log.borrow_mut().push(Field { name, at: self.at, point });
        self.at += if point { 64 } else { 32 };
    }
}

impl Source<Native> for Recorder<'_, '_> {
    fn scalar(&mut self, name: &'static str) -> Result<Fr, ProofError> {
        self.note(name, false);
        self.inner.scalar(name)
    }
    fn point(&mut self, name: &'static str) -> Result<G1Affine, ProofError> {
        self.note(name, true);
        self.inner.point(name)
    }
    fn finish(self) -> Result<(), ProofError> {
        self.inner.finish()
    }
}
