//! Field elements and points as contracts have them.

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::{BigInteger as _, PrimeField};
use talea_contracts::U256;

/// A number below the modulus as a field element; of others none.
fn element<F: PrimeField>(x: &U256) -> Option<F> {
    let found = F::from_le_bytes_mod_order(x.as_le_slice());
    (number(&found) == *x).then_some(found)
}

/// A field element as a number.
pub fn number<F: PrimeField>(x: &F) -> U256 {
    U256::from_le_slice(&x.into_bigint().to_bytes_le())
}

/// A scalar below r.
pub fn scalar(x: &U256) -> Option<Fr> {
    element(x)
}

/// A point of G1 from its coordinates; zeros are infinity.
pub fn point(p: &[U256; 2]) -> Option<G1Affine> {
    if p.iter().all(U256::is_zero) {
        return Some(G1Affine::zero());
    }
    let found = G1Affine::new_unchecked(element::<Fq>(&p[0])?, element::<Fq>(&p[1])?);
    found.is_on_curve().then_some(found)
}

/// Coordinates of a point; zeros for infinity.
pub fn words(p: &G1Affine) -> [U256; 2] {
    p.xy().map_or([U256::ZERO; 2], |(x, y)| [number(&x), number(&y)])
}

/// A point of G2 as precompile 8 reads it: x and y, of each the imaginary part first.
pub fn words2(p: &G2Affine) -> [U256; 4] {
    p.xy().map_or([U256::ZERO; 4], |(x, y)| [&x.c1, &x.c0, &y.c1, &y.c0].map(number))
}

/// A point of G2 from the same.
pub fn point2(p: &[U256; 4]) -> Option<G2Affine> {
    let [x1, x0, y1, y0] = p.each_ref().map(element::<Fq>);
    let found = G2Affine::new_unchecked(ark_bn254::Fq2::new(x0?, x1?), ark_bn254::Fq2::new(y0?, y1?));
    (found.is_on_curve() && found.is_in_correct_subgroup_assuming_on_curve()).then_some(found)
}
