//! Proofs of the wrap's circuit.

use ark_bn254::{Bn254, Fq as ArkFq, Fr as ArkFr, G1Affine as ArkPoint, G2Affine as ArkPoint2};
use ark_ec::{AffineRepr, pairing::Pairing};
use ark_ff::{PrimeField, Zero};
use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{create_proof, verify_proof},
    poly::{
        VerificationStrategy,
        commitment::ParamsProver,
        kzg::{multiopen::VerifierSHPLONK, strategy::AccumulatorStrategy},
    },
    transcript::{TranscriptReadBuffer, TranscriptWriterBuffer},
};
use num_bigint::BigUint;
use rand::RngCore;
use snark_verifier::{loader::native::NativeLoader, system::halo2::transcript::evm::EvmTranscript};

use super::{
    Params, VerifyingKey,
    circuit::{self, Witness, lay},
    convert,
    keys::Keys,
    params::{Scheme, Shplonk},
    points::{LIMB_BITS, LIMBS},
    solidity::protocol,
};
use crate::{
    arithmetic::Native,
    error::Result,
    opening::PairingKey,
    relations::{Key, statement::Statement},
    transcript::bytes::Bytes,
};

type Transcript<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// Limbs of an accumulator.
pub const ACCUMULATOR: usize = 4 * LIMBS;

/// A proof: what remains of the argument, and halo2's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// left.x, left.y, right.x, right.y, in limbs of 88 bits, lowest first.
    pub accumulator: [ArkFr; ACCUMULATOR],
    /// halo2's proof, with a transcript of keccak-256.
    pub proof: Vec<u8>,
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Limbs of more than 88 bits, or a coordinate that is not below the prime, or a point that is none.
    #[error("the accumulator is not two points in canonical limbs")]
    Accumulator,
    /// halo2's verifier.
    #[error("the circuit's proof is not one of this statement under this key")]
    Proof,
    /// The argument's pairing.
    #[error("the accumulator's pairing does not hold")]
    Pairing,
}

/// Digest and fingerprint of a statement, as every verifier computes them.
pub fn public(words: &[ArkFr]) -> [ArkFr; 3] {
    let digest = circuit::digest(&Native, words);
    let alpha = circuit::alpha(words, &digest);
    [digest, alpha, circuit::fingerprint(&Native, words, &alpha)]
}

impl Wrapped {
    /// Wraps a proof of the argument that has been verified. The randomness hides it.
    ///
    /// # Errors
    /// Words of the proof that are none.
    pub fn new(
        keys: &Keys, params: &Params, key: &Key, statement: &Statement<ArkFr>, proof: &[u8], rng: impl RngCore,
    ) -> Result<Self> {
        let [_, alpha, _] = public(&statement.words());
        let mut builder = keys.builder();
        lay(&mut builder, key, Witness { statement: statement.clone(), proof: Bytes::new(proof), alpha })?;
        let instances: Vec<Fr> = builder.assigned_instances.iter().flatten().map(|cell| *cell.value()).collect();
        let mut tx = Transcript::<Vec<u8>>::init(Vec::new());
        create_proof::<Scheme, Shplonk<'_>, _, _, _, _>(
            params,
            &keys.proving,
            &[builder],
            &[&[&instances]],
            rng,
            &mut tx,
        )
        .expect("the witness is the circuit's");
        let accumulator = std::array::from_fn(|i| convert::ark_scalar(&instances[i]));
        Ok(Self { accumulator, proof: tx.finalize() })
    }

    /// Verifies that it is one of a statement, all of it: halo2's proof and the accumulator.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        &self, key: &VerifyingKey, params: &Params, pairing: &PairingKey, words: &[ArkFr],
    ) -> Result<(), Refused> {
        let [left, right] = self.points().ok_or(Refused::Accumulator)?;
        let instances: Vec<Fr> = self.accumulator.iter().chain(&public(words)).map(convert::scalar).collect();
        let mut tx = Transcript::<&[u8]>::init(&self.proof);
        let verified = verify_proof::<_, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params.verifier_params(),
            key,
            AccumulatorStrategy::new(params.verifier_params()),
            &[&[&instances]],
            &mut tx,
        );
        let accepted = verified.is_ok_and(VerificationStrategy::<_, VerifierSHPLONK<'_, Bn256>>::finalize);
        if !accepted || self.proof.len() != length(key, params) {
            return Err(Refused::Proof);
        }
        let product = Bn254::multi_pairing([left, -right], [ArkPoint2::generator(), pairing.tau]);
        if product.is_zero() { Ok(()) } else { Err(Refused::Pairing) }
    }

    /// The accumulator's points.
    fn points(&self) -> Option<[ArkPoint; 2]> {
        let limbs: Vec<BigUint> = self.accumulator.iter().map(|x| x.into_bigint().into()).collect();
        let coordinate = |i: usize| -> Option<ArkFq> {
            let own = limbs.get(i * LIMBS..(i + 1) * LIMBS)?;
            let small = own.iter().all(|limb| limb.bits() <= LIMB_BITS as u64);
            let whole = own.iter().rev().fold(BigUint::default(), |sum, limb| (sum << LIMB_BITS) + limb);
            ArkFq::from_bigint(whole.try_into().ok()?).filter(|_| small)
        };
        let point = |i: usize| {
            let point = ArkPoint::new_unchecked(coordinate(i)?, coordinate(i + 1)?);
            (!point.is_zero() && point.is_on_curve()).then_some(point)
        };
        Some([point(0)?, point(2)?])
    }
}

/// Bytes of a proof: halo2's reader stops after them, so whoever verifies must look at the length.
pub fn length(key: &VerifyingKey, params: &Params) -> usize {
    let protocol = protocol(params, key);
    // columns and arguments, the quotient, and the two points of SHPLONK
    let points = protocol.num_witness.iter().sum::<usize>() + protocol.quotient.num_chunk() + 2;
    64 * points + 32 * protocol.evaluations.len()
}
