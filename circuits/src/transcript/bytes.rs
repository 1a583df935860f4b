//! Proofs as bytes: scalars of 32 bytes and points of 64 (x, then y), little-endian and canonical.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};

use super::Source;
use crate::{arithmetic::Arithmetic, error::ProofError};

/// Bytes of a scalar or a coordinate.
pub const WORD: usize = 32;

/// A proof that is read.
pub struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    /// Reads from the beginning.
    pub fn new(proof: &'b [u8]) -> Self {
        Self(proof)
    }

    /// Bytes not yet read.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next word as an integer.
    fn word(&mut self, field: &'static str) -> Result<BigInt<4>, ProofError> {
        let (word, rest) = self.0.split_first_chunk::<WORD>().ok_or(ProofError::Short { field })?;
        self.0 = rest;
        let mut limbs = [0u64; 4];
        for (limb, bytes) in limbs.iter_mut().zip(word.chunks_exact(8)) {
            *limb = bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
        }
        Ok(BigInt::new(limbs))
    }

    /// The next scalar, below the modulus.
    pub fn scalar(&mut self, field: &'static str) -> Result<Fr, ProofError> {
        Fr::from_bigint(self.word(field)?).ok_or(ProofError::Scalar { field })
    }

    /// The next point: coordinates below the modulus, on the curve, not infinity. (BN254's G1 is the whole curve.)
    pub fn point(&mut self, field: &'static str) -> Result<G1Affine, ProofError> {
        let bad = ProofError::Point { field };
        let x = Fq::from_bigint(self.word(field)?).ok_or(bad)?;
        let y = Fq::from_bigint(self.word(field)?).ok_or(bad)?;
        let point = G1Affine::new_unchecked(x, y);
        if point.is_zero() || !point.is_on_curve() { Err(bad) } else { Ok(point) }
    }

    /// Refuses what is left over.
    pub fn finish(self) -> Result<(), ProofError> {
        if self.0.is_empty() { Ok(()) } else { Err(ProofError::Trailing { bytes: self.0.len() }) }
    }
}

impl<A: Arithmetic<Scalar = Fr, Point = G1Affine>> Source<A> for Bytes<'_> {
    fn scalar(&mut self, field: &'static str) -> Result<Fr, ProofError> {
        Bytes::scalar(self, field)
    }
    fn point(&mut self, field: &'static str) -> Result<G1Affine, ProofError> {
        Bytes::point(self, field)
    }
    fn finish(self) -> Result<(), ProofError> {
        Bytes::finish(self)
    }
}

/// A scalar's bytes.
pub fn scalar_bytes(x: &Fr) -> [u8; WORD] {
    words_to_bytes(x.into_bigint())
}

/// A point's bytes; infinity, which no proof holds, becomes zeros.
pub fn point_bytes(p: &G1Affine) -> [u8; 2 * WORD] {
    let mut out = [0; 2 * WORD];
    if let Some((x, y)) = p.xy() {
        let (low, high) = out.split_at_mut(WORD);
        low.copy_from_slice(&words_to_bytes(x.into_bigint()));
        high.copy_from_slice(&words_to_bytes(y.into_bigint()));
    }
    out
}

fn words_to_bytes(n: BigInt<4>) -> [u8; WORD] {
    let mut out = [0; WORD];
    out.chunks_exact_mut(8).zip(n.0).for_each(|(to, limb)| to.copy_from_slice(&limb.to_le_bytes()));
    out
}
