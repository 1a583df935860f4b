//! The circuit: the argument's verifier, the statement's digest and its fingerprint.

use ark_bn254::Fr as ArkFr;
use ark_ff::{BigInteger as _, PrimeField as _};
use halo2_base::{AssignedValue, gates::circuit::builder::BaseCircuitBuilder, halo2_proofs::halo2curves::bn256::Fr};
use sha3::{Digest as _, Keccak256};

use super::{
    arithmetic::{Cells, InCircuit, Scalar},
    convert,
    points::{Field, LIMB_BITS, LIMBS, Point},
};
use crate::{
    arithmetic::{Arithmetic, Native},
    error::{ProofError, Result},
    relations::{Key, adapter::digest_words, statement::Statement},
    transcript::{Source, Transcript},
};

/// Instances: an accumulator of two points, the statement's digest, α, and the words' fingerprint at α.
pub const INSTANCES: usize = 4 * LIMBS + 3;

/// The digest of a statement's words.
pub fn digest<A: Arithmetic>(a: &A, words: &[A::Scalar]) -> A::Scalar {
    digest_words(a, "talea 1 statement", words)
}

/// Σ_i words[i]·α^i.
pub fn fingerprint<A: Arithmetic>(a: &A, words: &[A::Scalar], alpha: &A::Scalar) -> A::Scalar {
    a.horner(words, alpha)
}

/// α = keccak-256(words, digest) mod r, each as 32 big-endian bytes.
pub fn alpha(words: &[ArkFr], digest: &ArkFr) -> ArkFr {
    let mut hasher = Keccak256::new();
    words.iter().chain([digest]).for_each(|word| hasher.update(word.into_bigint().to_bytes_be()));
    ArkFr::from_be_bytes_mod_order(&hasher.finalize())
}

/// Words that become witnesses.
struct Assigned<'a, 'r, W> {
    words: W,
    arithmetic: &'a InCircuit<'r>,
}

impl<'r, W: Source<Native>> Source<InCircuit<'r>> for Assigned<'_, 'r, W> {
    fn scalar(&mut self, field: &'static str) -> Result<Scalar, ProofError> {
        Ok(self.arithmetic.witness(convert::scalar(&self.words.scalar(field)?)))
    }
    fn point(&mut self, field: &'static str) -> Result<Point, ProofError> {
        Ok(self.arithmetic.point(&self.words.point(field)?))
    }
    fn finish(self) -> Result<(), ProofError> {
        self.words.finish()
    }
}

/// A witness of the circuit.
pub struct Witness<W> {
    /// The batch's statement.
    pub statement: Statement<ArkFr>,
    /// Its proof.
    pub proof: W,
    /// α.
    pub alpha: ArkFr,
}

/// Lays the circuit of a key in a builder; returns what its cells are for. Its instances are then the builder's.
///
/// # Errors
/// Words of the proof that are none; a statement of another number of slots.
pub fn lay<W: Source<Native>>(builder: &mut BaseCircuitBuilder<Fr>, key: &Key, witness: Witness<W>) -> Result<Cells> {
    let range = builder.range_chip();
    let field = Field::new(&range, LIMB_BITS, LIMBS);
    let a = InCircuit::new(std::mem::take(builder.pool(0)), &field);
    let statement = witness.statement.map(|x| a.witness(convert::scalar(x)));
    let words = statement.words();
    let tx = Transcript::new(&a, Assigned { words: witness.proof, arithmetic: &a }, key.digest(), &words);
    let accumulator = key.reduce(&statement, tx)?;
    let points = [a.sum_of(accumulator.left), accumulator.right];
    let alpha = a.witness(convert::scalar(&witness.alpha));
    let ends = [digest(&a, &words), alpha, fingerprint(&a, &words, &alpha)];
    let limbs = points.iter().flat_map(|p| [p.x(), p.y()]).flat_map(|c| c.limbs().to_vec());
    let instances: Vec<AssignedValue<Fr>> = limbs.chain(ends.iter().map(|x| a.cell(x))).collect();
    let (pool, cells) = a.finish();
    *builder.pool(0) = pool;
    for list in builder.assigned_instances.iter_mut().take(1) {
        *list = instances.clone();
    }
    Ok(cells)
}
