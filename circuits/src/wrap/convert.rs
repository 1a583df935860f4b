//! Numbers and points of arkworks as those of halo2's curves, and back: the same integers.

use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField as _};
use halo2_base::halo2_proofs::halo2curves::{
    bn256::Fq2,
    bn256::{Fq, Fr, G1Affine, G2Affine},
    ff::PrimeField,
};

/// A scalar.
pub fn scalar(x: &ark_bn254::Fr) -> Fr {
    Fr::from_raw(x.into_bigint().0)
}

/// A scalar of arkworks.
pub fn ark_scalar(x: &Fr) -> ark_bn254::Fr {
    // canonical as it comes, so nothing has to be reduced
    let repr = x.to_repr();
    let (words, _) = repr.as_chunks::<8>();
    let limb = |i: usize| words.get(i).map_or(0, |w| u64::from_le_bytes(*w));
    ark_bn254::Fr::from_bigint(BigInt([limb(0), limb(1), limb(2), limb(3)]))
        .expect("below the modulus, as halo2 writes it")
}

/// A coordinate.
pub fn coordinate(x: &ark_bn254::Fq) -> Fq {
    Fq::from_raw(x.into_bigint().0)
}

fn ark_coordinate(x: &Fq) -> ark_bn254::Fq {
    ark_bn254::Fq::from_le_bytes_mod_order(&x.to_repr())
}

/// A point of G1; infinity is (0, 0).
pub fn point(p: &ark_bn254::G1Affine) -> G1Affine {
    let (x, y) = p.xy().unwrap_or_default();
    G1Affine { x: coordinate(&x), y: coordinate(&y) }
}

/// A point of G1 of arkworks.
pub fn ark_point(p: &G1Affine) -> ark_bn254::G1Affine {
    let (x, y) = (ark_coordinate(&p.x), ark_coordinate(&p.y));
    if p.x == Fq::zero() && p.y == Fq::zero() {
        ark_bn254::G1Affine::identity()
    } else {
        ark_bn254::G1Affine::new_unchecked(x, y)
    }
}

/// A point of G2 other than infinity.
pub fn point2(p: &ark_bn254::G2Affine) -> G2Affine {
    let part = |c: &ark_bn254::Fq2| Fq2::new(coordinate(&c.c0), coordinate(&c.c1));
    G2Affine { x: part(&p.x), y: part(&p.y) }
}
