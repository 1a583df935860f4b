//! That powers are powers of one τ, and Lagrange points are theirs.
//!
//! With weights ρ_i of 128 bits, hashed from every point:
//!
//! ```text
//! e(Σ ρ_i·P_{i+1}, [1]₂) = e(Σ ρ_i·P_i, [τ]₂)        Σ ρ_i·L_i = Σ c_i·P_i, c the inverse transform of ρ
//! ```
//!
//! A wrong point passes with probability 2^−128 (Bowe, Gabizon and Miers, eprint 2017/1050, §4).

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{PrimeField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use talea_formats::Error;

use crate::{Srs, points};

/// Weights of 128 bits from a hash of everything.
fn weights(srs: &Srs) -> impl FnMut() -> Fr + use<> {
    let mut hasher = blake3::Hasher::new_derive_key("talea 1 srs check");
    hasher.update(&points::g2_bytes(&srs.tau));
    for column in std::iter::once(&*srs.powers).chain(srs.lagrange.iter().map(|l| &l.1)) {
        hasher.update(&(column.len() as u64).to_le_bytes()).update(points::all_bytes(column).as_flattened());
    }
    let mut stream = hasher.finalize_xof();
    move || {
        let mut bytes = [0; 16];
        stream.fill(&mut bytes);
        Fr::from_le_bytes_mod_order(&bytes)
    }
}

/// Checks an SRS whose points are points of their groups; `file` appears in errors.
///
/// # Errors
/// What does not hold.
pub fn check(file: &str, srs: &Srs) -> Result<(), Error> {
    let bad = |field: &str, found: &str, expected: &str| Err(Error::input(file, field, found, expected));
    let count = srs.powers.len().saturating_sub(1);
    if !count.is_power_of_two() {
        return bad("powers", &format!("{} points", srs.powers.len()), "2^k + 1");
    }
    if srs.powers[0] != G1Affine::generator() {
        return bad("powers[0]", "another point", "the generator of G1");
    }
    // τ = 1, or a root of unity of some domain: its Lagrange points would be zeros and ones
    if (0..=srs.k()).any(|j| srs.powers[1 << j] == srs.powers[0]) {
        return bad("powers", "a τ that is a root of unity", "any other");
    }
    let mut weight = weights(srs);
    let rho: Vec<Fr> = (0..count).map(|_| weight()).collect();
    let sum = |points: &[G1Affine], scalars: &[Fr]| G1Projective::msm_unchecked(points, scalars).into_affine();
    let (low, high) = (sum(&srs.powers[..count], &rho), sum(&srs.powers[1..], &rho));
    if !Bn254::multi_pairing([high, -low], [G2Affine::generator(), srs.tau]).is_zero() {
        return bad("powers", "points that are not the powers of τ", "[1], [τ], [τ²], …");
    }
    for (j, basis) in &srs.lagrange {
        let rho: Vec<Fr> = basis.iter().map(|_| weight()).collect();
        let Some(domain) = Radix2EvaluationDomain::<Fr>::new(basis.len()) else {
            return bad("lagrange", &format!("2^{j} points"), "a domain of the field");
        };
        if sum(basis, &rho) != sum(&srs.powers, &domain.ifft(&rho)) {
            return bad(&format!("lagrange 2^{j}"), "points that are not the powers' Lagrange basis", "the basis");
        }
    }
    Ok(())
}
