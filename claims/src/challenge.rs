//! The opening at ζ, by which a batch shows that the amounts it gives are those committed to (`settleWithData`).

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::Zero;
use ark_poly::EvaluationDomain;
use talea_formats::Error;
use talea_srs::Srs;

use crate::vector::PayoutVector;

/// y = f(ζ) and \[(f − y)/(X − ζ)\]₁: f's coefficients by one inverse transform, its quotient by Horner's rule, one sum of N points.
///
/// The contract computes y from the amounts, dividing by ζ − ω^s and so refusing a ζ that is a power of ω; here any ζ will do.
///
/// # Errors
/// An SRS of fewer than N + 1 powers.
pub fn open_challenge(srs: &Srs, vector: &PayoutVector, zeta: &Fr) -> Result<(Fr, G1Affine), Error> {
    let domain = vector.domain();
    let powers = &domain.powers(srs)?[..domain.size()];
    let mut coefficients = vec![Fr::zero(); domain.size()];
    vector.amounts().for_each(|(slot, amount)| coefficients[slot as usize] = Fr::from(amount));
    domain.radix().ifft_in_place(&mut coefficients);
    // ρ·(X^N − 1)
    coefficients[0] -= vector.rho();
    let mut value = vector.rho();
    for coefficient in coefficients.iter_mut().rev() {
        // what Horner's rule has so far is the quotient's coefficient one place below
        let above = value;
        value = above * zeta + *coefficient;
        *coefficient = above;
    }
    Ok((value, G1Projective::msm_unchecked(powers, &coefficients).into_affine()))
}
