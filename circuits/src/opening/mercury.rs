//! Mercury: a committed polynomial's multilinear extension at a point, in eight points and six scalars.
//!
//! | symbol | meaning |
//! |---|---|
//! | F | Σ_{i<n} F_i·X^i + s·X^n, n = 2^N; its multilinear extension has the coefficients below n as values |
//! | b = 2^t, t = ⌈N/2⌉ | F = Σ_i X^{ib}·F_i(X) = Σ_j X^j·F^j(X^b), j < b |
//! | u, v | the lower t variables of the point, and the others |
//! | P_u | Σ_j eq(j, u)·X^j = Π_k (u_k·X^{2^k} + 1 − u_k) |
//! | h | Σ_i X^i·Σ_j eq(j, u)·F_{ib+j}: F with its lower variables bound, so that h̃(v) is the value |
//! | g, q | F = (X^b − α)·q + g, deg g < b: g = Σ_j X^j·F^j(α) |
//! | S | g·P_u(1/X) + g(1/X)·P_u + γ·(h·P_v(1/X) + h(1/X)·P_v) = 2(g̃(u) + γ·h̃(v)) + X·S + S(1/X)/X |
//! | D | X^{b−1}·g(1/X), which is a polynomial only if deg g < b |
//!
//! h is fixed before α, and g̃(u) = Σ_j eq(j,u)·F^j(α), so h(α) = g̃(u) forces h to be what it should be. What stands at X^n
//! adds s·eq(0,u) at X^{n/b} to h, which P_v does not reach: the salt moves no value, and neither would anything above it.
//!
//! The equations are checked at z: D(z) and S(1/z) are computed from the other values, the value of
//! F − (z^b − α)·q − g at z is zero, and three KZG openings (at z, 1/z and α; Kate, Zaverucha and Goldberg 2010) are folded
//! into one accumulator with weights μ, of which the prover says the right side. Source: eprint 2025/385, §4, with openings point by point instead of its §2.3.

use super::{Accumulator, Evaluation, Sum};
use crate::{
    arithmetic::Arithmetic,
    error::{Check, Result},
    transcript::{Source, Transcript},
};

/// Verifies that Σ weight·commitment opens to `value` at `point` (its lowest variable first), and the evaluations of others, up to
/// an accumulator.
///
/// # Errors
/// Malformed bytes; [`Check::Challenge`] where z is zero.
pub fn verify<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, folded: Vec<(A::Scalar, A::Point)>, point: &[A::Scalar], value: &A::Scalar,
    others: Vec<Evaluation<A>>,
) -> Result<Accumulator<A>> {
    let a = tx.arithmetic;
    let low = point.len().div_ceil(2);
    let (u, v) = point.split_at_checked(low).unwrap_or_default();
    // 1. h; α
    let h = tx.point("opening h")?;
    let alpha = tx.challenge();
    // 2. g, q; γ
    let (g, q) = (tx.point("opening g")?, tx.point("opening q")?);
    let gamma = tx.challenge();
    // 3. S, D; z
    let (s, d) = (tx.point("opening s")?, tx.point("opening d")?);
    let z = tx.challenge();
    let inverse = a.inverse(Check::Challenge, &z)?;
    // 4. values
    let mut next = || tx.scalar("opening value");
    let [g_z, g_inv, h_z, h_inv, h_alpha, s_z] = [next()?, next()?, next()?, next()?, next()?, next()?];
    let (pu, pv) = ([product(a, u, &z), product(a, u, &inverse)], [product(a, v, &z), product(a, v, &inverse)]);
    let crossed = |x: [&A::Scalar; 2], [p_z, p_inv]: &[A::Scalar; 2]| a.mul_add(x[0], p_inv, &a.mul(x[1], p_z));
    let sides = a.mul_add(&gamma, &crossed([&h_z, &h_inv], &pv), &crossed([&g_z, &g_inv], &pu));
    let constant = a.mul_add(&gamma, value, &h_alpha);
    let rest = a.sub(&a.sub(&sides, &a.add(&constant, &constant)), &a.mul(&z, &s_z));
    let s_inv = a.mul(&rest, &z);
    let z_b = (0..low).fold(z.clone(), |power, _| a.mul(&power, &power)); // z^b
    let d_z = a.mul(&a.mul(&z_b, &inverse), &g_inv);
    // 5. the three openings, folded with weights of 128 bits
    let [d1, d2, d3, d4] = [(); 4].map(|()| tx.weight());
    let at_z = tx.point("opening at z")?;
    let at_inverse = tx.point("opening at 1/z")?;
    let at_alpha = tx.point("opening at alpha")?;
    let [m1, m2] = [(); 2].map(|()| tx.weight());
    let one = a.small(1);
    // at z: F − (z^b − α)q − g is 0; then g, h, S, D. At 1/z: g, h, S with the first weights again. At α: h
    let of_g = a.sub(&a.add(&d1, &m1), &one);
    let of_h = a.add(&a.mul_add(&m1, &d2, &d2), &m2);
    let of_s = a.mul_add(&m1, &d3, &d3);
    let of_q = a.sub(&alpha, &z_b);
    let value_z = a.sum(&[a.mul(&d1, &g_z), a.mul(&d2, &h_z), a.mul(&d3, &s_z), a.mul(&d4, &d_z)]);
    let value_inverse = a.sum(&[g_inv, a.mul(&d2, &h_inv), a.mul(&d3, &s_inv)]);
    let values = a.sum(&[value_z, a.mul(&m1, &value_inverse), a.mul(&m2, &h_alpha)]);
    let mut short = folded;
    short.extend([(of_g, g), (d4, d)]);
    let mut long = vec![(of_q, q), (of_h, h), (of_s, s)];
    let mut generator = a.sub(&a.small(0), &values);
    let mut quotients = vec![(one, z, at_z), (m1, inverse, at_inverse), (m2, alpha, at_alpha)];
    // 6. C − value = (X − at)·quotient of the others
    for other in others {
        let weight = tx.weight();
        generator = a.sub(&generator, &a.mul(&weight, &other.value));
        short.push((weight.clone(), other.commitment));
        quotients.push((weight, other.at, other.quotient));
    }
    // 7. the right side is Σ weight·quotient: the prover says it, and one more weight joins the difference to the left
    let right = tx.point("opening right side")?;
    let nu = tx.weight();
    for (weight, at, quotient) in quotients {
        long.push((a.mul(&weight, &a.sub(&at, &nu)), quotient));
    }
    short.push((nu, right.clone()));
    Ok(Accumulator { left: Sum { short, long, generator }, right })
}

/// P_u(x) = Π_k (u_k·x^{2^k} + 1 − u_k).
fn product<A: Arithmetic>(a: &A, u: &[A::Scalar], x: &A::Scalar) -> A::Scalar {
    let mut power = x.clone();
    u.iter().fold(a.small(1), |product, u| {
        let factor = a.mul_add(u, &a.sub(&power, &a.small(1)), &a.small(1));
        power = a.mul(&power, &power);
        a.mul(&product, &factor)
    })
}
