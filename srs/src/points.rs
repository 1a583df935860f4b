//! Points as bytes: canonical coordinates, or in Montgomery's form as snarkjs writes them.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;
use talea_formats::Error;

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut all = [0u64; 4];
    all.iter_mut()
        .zip(bytes.chunks_exact(8))
        .for_each(|(l, b)| *l = b.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)));
    BigInt::new(all)
}

/// A coordinate below the modulus.
fn canonical(bytes: &[u8]) -> Option<Fq> {
    Fq::from_bigint(limbs(bytes))
}

/// A coordinate times 2^256, below the modulus.
fn montgomery(bytes: &[u8]) -> Option<Fq> {
    let n = limbs(bytes);
    (n < Fq::MODULUS).then(|| Fq::new_unchecked(n))
}

/// How a coordinate is written.
type Read = fn(&[u8]) -> Option<Fq>;

/// snarkjs's way.
pub const MONTGOMERY: Read = montgomery;
/// Our own.
pub const CANONICAL: Read = canonical;

/// A point of the curve, not infinity.
pub fn g1(bytes: &[u8], read: Read) -> Option<G1Affine> {
    let (x, y) = bytes.split_at_checked(32)?;
    let p = G1Affine::new_unchecked(read(x)?, read(y)?);
    (!p.is_zero() && p.is_on_curve()).then_some(p)
}

/// A point of the group, not infinity: the twist has others.
pub fn g2(bytes: &[u8], read: Read) -> Option<G2Affine> {
    let coordinates: Option<Vec<Fq>> = bytes.chunks_exact(32).map(read).collect();
    let [x0, x1, y0, y1] = coordinates?.try_into().ok()?;
    let p = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
    (!p.is_zero() && p.is_on_curve() && p.is_in_correct_subgroup_assuming_on_curve()).then_some(p)
}

/// Many points; names the first that is none.
pub fn all_g1(file: &str, field: &str, bytes: &[u8], read: Read) -> Result<Vec<G1Affine>, Error> {
    let points: Vec<Option<G1Affine>> = bytes.par_chunks_exact(64).map(|b| g1(b, read)).collect();
    if let Some(i) = points.iter().position(Option::is_none) {
        let expected = "a point of BN254's G1 with coordinates below the modulus, not infinity";
        return Err(Error::input(file, format!("{field}[{i}]"), "something else", expected));
    }
    Ok(points.into_iter().flatten().collect())
}

/// Points of a file, canonical.
///
/// # Errors
/// What is not a point.
pub fn read_all(file: &str, field: &str, points: &[[u8; 64]]) -> Result<Vec<G1Affine>, Error> {
    all_g1(file, field, points.as_flattened(), CANONICAL)
}

/// A point of G2 of a file, canonical.
///
/// # Errors
/// What is not a point.
pub fn read_g2(file: &str, field: &str, bytes: &[u8; 128]) -> Result<G2Affine, Error> {
    let expected = "a point of BN254's G2 with coordinates below the modulus, not infinity";
    g2(bytes, CANONICAL).ok_or_else(|| Error::input(file, field, "something else", expected))
}

fn coordinate(x: &Fq, to: &mut [u8]) {
    to.chunks_exact_mut(8).zip(x.into_bigint().0).for_each(|(to, limb)| to.copy_from_slice(&limb.to_le_bytes()));
}

/// Points as a file holds them.
pub fn all_bytes(points: &[G1Affine]) -> Vec<[u8; 64]> {
    let bytes = |p: &G1Affine| {
        let mut out = [0; 64];
        let (x, y) = out.split_at_mut(32);
        coordinate(&p.x, x);
        coordinate(&p.y, y);
        out
    };
    points.par_iter().map(bytes).collect()
}

/// A point of G2 as a file holds it.
pub fn g2_bytes(p: &G2Affine) -> [u8; 128] {
    let mut out = [0; 128];
    out.chunks_exact_mut(32).zip([&p.x.c0, &p.x.c1, &p.y.c0, &p.y.c1]).for_each(|(to, c)| coordinate(c, to));
    out
}
