//! The map of a point to (x mod r, y mod r) is injective on canonical points of the curve: docs/protocol §1, computed.
//!
//! Two points with one image differ by 0 or ±r in each coordinate. Up to exchanging them there are four cases, and each is
//! a polynomial whose roots below p − r would be such pairs.

use ark_bn254::{Fq, Fr};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use ark_poly::{
    DenseUVPolynomial, Polynomial,
    univariate::{DenseOrSparsePolynomial, DensePolynomial},
};

type Poly = DensePolynomial<Fq>;

fn poly(c: &[Fq]) -> Poly {
    Poly::from_coefficients_slice(c)
}

fn remainder(a: &Poly, m: &Poly) -> Poly {
    DenseOrSparsePolynomial::from(a).divide_with_q_and_r(&m.into()).unwrap().1
}

/// base^exponent mod m
fn power(base: &Poly, exponent: &[u64], m: &Poly) -> Poly {
    let bits = ark_ff::BitIteratorBE::without_leading_zeros(exponent);
    bits.fold(poly(&[Fq::ONE]), |acc, bit| {
        let square = remainder(&acc.naive_mul(&acc), m);
        if bit { remainder(&square.naive_mul(base), m) } else { square }
    })
}

fn gcd(a: Poly, b: Poly) -> Poly {
    if b.coeffs.is_empty() {
        let top = a.coeffs.last().unwrap().inverse().unwrap();
        return &a * top;
    }
    let rest = remainder(&a, &b);
    gcd(b, rest)
}

/// All roots in the field (Cantor and Zassenhaus).
fn roots(f: &Poly) -> Vec<Fq> {
    let x = poly(&[Fq::ZERO, Fq::ONE]);
    let split = gcd(f.clone(), &power(&x, Fq::MODULUS.as_ref(), f) - &x);
    let mut half = Fq::MODULUS;
    half.div2();
    let (mut todo, mut found, mut shift) = (vec![split], Vec::new(), 1u64);
    while let Some(g) = todo.pop() {
        match g.degree() {
            0 => {}
            1 => found.push(-g.coeffs[0] / g.coeffs[1]),
            _ => {
                shift += 1;
                let square = power(&poly(&[Fq::from(shift), Fq::ONE]), half.as_ref(), &g);
                let part = gcd(g.clone(), &square - &poly(&[Fq::ONE]));
                let other = DenseOrSparsePolynomial::from(&g).divide_with_q_and_r(&(&part).into()).unwrap().0;
                todo.extend([part, other]);
            }
        }
    }
    found
}

#[test]
fn no_two_points_share_their_words() {
    let r = Fq::from_bigint(Fr::MODULUS).unwrap();
    let mut room = Fq::MODULUS;
    room.sub_with_borrow(&Fr::MODULUS); // x and x + r are both canonical only for x < p − r
    let small = |x: &Fq| x.into_bigint() < room;
    let (one, three, half) = (Fq::ONE, Fq::from(3u64), Fq::from(2u64).inverse().unwrap());
    assert_eq!(roots(&poly(&[-one, one]).naive_mul(&poly(&[three, one]))).len(), 2, "the root finder finds");
    // x alike, y and y + r: y = −r/2
    let y = -r * half;
    assert!(!small(&y) || roots(&poly(&[three - y.square(), Fq::ZERO, Fq::ZERO, one])).is_empty());
    // x and x + r, y alike: 3x² + 3xr + r² = 0
    for x in roots(&poly(&[r.square(), three * r, three])) {
        assert!(!small(&x), "x = {x}");
    }
    // x and x + r, y and y ± r: ±2yr + r² = 3x²r + 3xr² + r³, so y = ±(3x² + 3xr + r² − r)/2, and y² = x³ + 3
    for sign in [one, -one] {
        let y = poly(&[(r.square() - r) * half, three * r * half, three * half]);
        let curve = &y.naive_mul(&y) - &poly(&[three, Fq::ZERO, Fq::ZERO, one]);
        for x in roots(&curve) {
            let y = sign * y.evaluate(&x);
            let smaller = if sign == one { y } else { y - r };
            assert!(!(small(&x) && small(&smaller)), "x = {x}, y = {y}");
        }
    }
}
