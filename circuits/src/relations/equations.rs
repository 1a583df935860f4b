//! The equations that columns of one size satisfy everywhere. Names are those of [`super::parts::Parts`]; docs/protocol/relations.md
//! says why they fix every value.

use ark_bn254::Fr;
use ark_ff::Field;

use super::parts::{R_BITS, U_SHIFT};
use crate::{arithmetic::Arithmetic, sumcheck::zero::Equations};

/// Basis points of a whole.
pub const WHOLE: u64 = 10_000;

/// Per token: [mask, tokens, place of the token, border, U folded at random].
pub struct Tokens;

impl Equations for Tokens {
    const DEGREE: usize = 2;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [mask, tokens, place, border, u] = columns else { return Vec::new() };
        let sign = a.sub(&a.add(mask, mask), &a.small(1));
        vec![
            a.sub(&a.mul(mask, mask), mask),
            // (2m − 1)(n − t) − m is n − 1 − t inside and t − n in the padding: not negative if and only if m is right
            a.sub(&a.sub(&a.mul(&sign, &a.sub(tokens, place)), mask), border),
            a.mul(&a.complement(mask), u),
        ]
    }
}

/// Per q slot and request: [belongs].
pub struct Belongs;

impl Equations for Belongs {
    const DEGREE: usize = 2;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [belongs] = columns else { return Vec::new() };
        vec![a.sub(&a.mul(belongs, belongs), belongs)]
    }
}

/// Per cluster and request: [positive, size, rank, top, pick, rest, gap, square, weight, 2^κ, none, two, four]. The first
/// equation's value is S.
pub struct Weights;

impl Equations for Weights {
    const DEGREE: usize = 3;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [positive, size, rank, top, pick, rest, gap, square, weight, power, none, two, four] = columns else {
            return Vec::new();
        };
        let bit = |b: &A::Scalar| a.sub(&a.mul(b, b), b);
        let credited = a.mul(positive, size); // S⁺
        let r = a.add(rank, &a.scale(Fr::from(1u64 << (R_BITS - 1)), top));
        let one = a.sub(&a.sub(&a.small(1), two), four);
        let powers = [a.mul(&one, &r), a.mul(two, square), a.mul(&a.mul(square, square), four)];
        vec![
            a.sub(&a.add(&credited, &credited), &a.add(size, &a.complement(positive))),
            bit(positive),
            bit(top),
            bit(pick),
            a.sub(&a.add(&a.mul(power, &r), rest), &a.scale(Fr::from(1u64 << R_BITS), &credited)),
            a.sub(&a.sub(&a.sub(power, &a.small(1)), rest), gap),
            a.mul(pick, &a.complement(top)),
            a.mul(none, &credited),
            a.sub(square, &a.mul(&r, &r)),
            a.sub(weight, &a.sum(&powers)),
        ]
    }
}

/// Per request: [none, picks, fee, pool, pool rest, pool gap, quotient, quotient rest, quotient gap, W, β, 2^s_p].
pub struct Requests;

impl Equations for Requests {
    const DEGREE: usize = 3;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [none, picks, fee, pool, pool_rest, pool_gap, quotient, rest, gap, total, bps, unit] = columns else {
            return Vec::new();
        };
        let some = a.complement(none);
        let shared = a.mul(&a.mul(&some, pool), unit);
        vec![
            a.sub(&a.mul(none, none), none),
            a.sub(picks, &some),
            a.sub(&a.sub(&a.mul(fee, bps), &a.scale(Fr::from(WHOLE), pool)), pool_rest),
            a.sub(&a.sub(&a.small(WHOLE - 1), pool_rest), pool_gap),
            a.sub(&a.add(&a.mul(total, quotient), rest), &shared),
            a.sub(&a.sub(&a.sub(total, &some), rest), gap),
            a.mul(none, total),
            a.mul(none, quotient),
        ]
    }
}

/// Per cluster: [amount, amount rest, amount gap, 2^s_p]. The first equation's value is Σ_q c·w.
pub struct Amounts;

impl Equations for Amounts {
    const DEGREE: usize = 2;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [amount, rest, gap, unit] = columns else { return Vec::new() };
        vec![a.add(&a.mul(amount, unit), rest), a.sub(&a.sub(&a.sub(unit, &a.small(1)), rest), gap)]
    }
}

/// Per role: [role, role rest, role gap, basis points, fees].
pub struct Roles;

impl Equations for Roles {
    const DEGREE: usize = 2;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [role, rest, gap, bps, fees] = columns else { return Vec::new() };
        vec![
            a.sub(&a.sub(&a.mul(bps, fees), &a.scale(Fr::from(WHOLE), role)), rest),
            a.sub(&a.sub(&a.small(WHOLE - 1), rest), gap),
        ]
    }
}

/// The highest degree of a sum: a zero-check has one more than its equations.
pub const DEGREE: usize = 4;

/// 2^s_p = 2^(32 + 16p).
pub fn unit<A: Arithmetic>(a: &A, two: &A::Scalar, four: &A::Scalar) -> A::Scalar {
    let power = |p: u64| Fr::from(2u64).pow([32 + U_SHIFT as u64 * p]);
    let above = |p: u64, flag: &A::Scalar| a.scale(power(p) - power(1), flag);
    a.sum(&[a.constant(power(1)), above(2, two), above(4, four)])
}
