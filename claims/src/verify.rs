//! What the contract checks of openings, in the clear: the reference that tests hold it and the prover to.
//!
//! Points are points of their curve already; scalars are reduced.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{One, Zero};

use crate::{domain::Domain, open::Opening};

/// `claim`: e(C − P_s·G₁ + ω^s·π, G₂) = e(π, [τ]₂), slot below N, π not infinity.
pub fn verify_opening(tau: &G2Affine, domain: Domain, commitment: &G1Affine, opening: &Opening) -> bool {
    let Opening { slot, amount, proof } = opening;
    (*slot as usize) < domain.size()
        && !proof.is_zero()
        && verify_at(tau, commitment, &domain.point(*slot), &Fr::from(*amount), proof)
}

/// `settleWithData`: e(C − y·G₁ + ζ·π, G₂) = e(π, [τ]₂).
pub fn verify_at(tau: &G2Affine, commitment: &G1Affine, zeta: &Fr, value: &Fr, proof: &G1Affine) -> bool {
    let left = *proof * zeta - G1Affine::generator() * value + commitment;
    decide(tau, left, proof.into_group())
}

/// `claimMany`: with slots that increase and a challenge γ drawn after everything else,
/// e((Σγ^i)·C − (Σγ^i·y_i)·G₁ + Σ γ^i·ω^{s_i}·π_i, G₂) = e(Σ γ^i·π_i, [τ]₂), i from 0.
pub fn verify_many(tau: &G2Affine, domain: Domain, commitment: &G1Affine, openings: &[Opening], gamma: &Fr) -> bool {
    let fits = |o: &Opening| (o.slot as usize) < domain.size() && !o.proof.is_zero();
    if !openings.is_sorted_by(|a, b| a.slot < b.slot) || !openings.iter().all(fits) {
        return false;
    }
    let weights: Vec<Fr> = std::iter::successors(Some(Fr::one()), |w| Some(*w * gamma)).take(openings.len()).collect();
    let proofs: Vec<G1Affine> = openings.iter().map(|o| o.proof).collect();
    let shifts: Vec<Fr> = openings.iter().zip(&weights).map(|(o, w)| domain.point(o.slot) * w).collect();
    let value: Fr = openings.iter().zip(&weights).map(|(o, w)| Fr::from(o.amount) * w).sum();
    let left = *commitment * weights.iter().sum::<Fr>() - G1Affine::generator() * value
        + G1Projective::msm_unchecked(&proofs, &shifts);
    decide(tau, left, G1Projective::msm_unchecked(&proofs, &weights))
}

/// e(left, G₂) = e(right, [τ]₂)
fn decide(tau: &G2Affine, left: G1Projective, right: G1Projective) -> bool {
    let sides = [left.into_affine(), (-right).into_affine()];
    Bn254::multi_pairing(sides, [G2Affine::generator(), *tau]).is_zero()
}
