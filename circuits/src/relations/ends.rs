//! What the zero-checks' columns are where they end: claims, and values that follow from claims or from what is public.

use ark_bn254::Fr;

use super::{
    Key, equations,
    flow::{Public, halves, mle, place, split},
    parts::U_BITS,
    party::{First, Party},
    statement::PolicyWords,
};
use crate::{
    arithmetic::Arithmetic,
    columns::{ColumnId, Term},
    error::Result,
    lookup::range::Number,
};

pub(super) fn ends_of_tokens<A: Arithmetic, P: Party<A>>(
    key: &Key, first: &First<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let (shape, parts) = (&key.shape, &key.parts);
    let (t, row) = split(at, shape.tokens);
    let mask = p.number("batch column", &Number::column(parts.mask), at)?;
    let tokens = p.number("batch column", &Number::column(parts.tokens), row)?;
    let border = p.number("batch column", &parts.border.number(), at)?;
    // U at (ρ), every place with the weight of its slot
    let [rho, places] = &first.mask;
    let (q, slot) = split(row, shape.requests);
    let a = p.arithmetic();
    let weights: Vec<A::Scalar> = shape
        .places()
        .iter()
        .enumerate()
        .map(|(i, place)| a.mul(&a.eq_index(places, i), &a.eq_index(slot, place.slot)))
        .collect();
    let point: Vec<_> = rho.iter().chain(t).chain(q).cloned().collect();
    let u = folded_u(key, &weights, point, p)?;
    let place = place(p.arithmetic(), t);
    Ok(vec![mask, tokens, place, border, u])
}

/// Σ_place weight·U at a point (ρ, t, q).
pub(super) fn folded_u<A: Arithmetic, P: Party<A>>(
    key: &Key, weights: &[A::Scalar], point: Vec<A::Scalar>, p: &mut P,
) -> Result<A::Scalar> {
    let limbs = p.slices("u", point, terms(p.arithmetic(), weights, |place| key.parts.u_at(place)))?;
    let a = p.arithmetic();
    Ok(a.sub(&limbs, &a.scale(Fr::from(1u64 << (U_BITS - 1)), &a.sum(weights))))
}

pub(super) fn terms<A: Arithmetic>(
    a: &A, weights: &[A::Scalar], at: impl Fn(usize) -> Vec<(ColumnId, usize, Fr)>,
) -> Vec<Term<A::Scalar>> {
    let of = |(place, weight): (usize, &A::Scalar)| {
        let term = |(column, slice, factor)| Term { column, slice: Some(slice), weight: a.scale(factor, weight) };
        at(place).into_iter().map(term).collect::<Vec<_>>()
    };
    weights.iter().enumerate().flat_map(of).collect()
}

pub(super) fn ends_of_weights<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let (c, (_, row)) = (&key.parts, split(at, key.shape.clusters));
    let numbers = [
        Number::column(c.positive),
        c.size.number(),
        c.rank.number(),
        Number::column(c.top),
        Number::column(c.pick),
        c.rest.number(),
        c.gap.number(),
        Number::column(c.square),
        Number::pair(c.weight),
    ];
    let mut values: Vec<_> = numbers.iter().map(|n| p.number("batch column", n, at)).collect::<Result<_>>()?;
    for number in [Number::pair(c.power), Number::column(c.none)] {
        values.push(p.number("batch column", &number, row)?);
    }
    let (a, slot) = (p.arithmetic(), split(row, key.shape.requests).1);
    let flags = |of: fn(&PolicyWords<A::Scalar>) -> &A::Scalar| -> Vec<A::Scalar> {
        public.policies.iter().map(|policy| of(policy).clone()).collect()
    };
    values.push(mle(a, &flags(|policy| &policy.two), slot));
    values.push(mle(a, &flags(|policy| &policy.four), slot));
    Ok(values)
}

pub(super) fn ends_of_requests<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let (c, k) = (&key.parts, key.shape.clusters);
    // Σ_k over clusters is 2^k times the value in their middle
    let middle: Vec<_> = halves(p.arithmetic(), k).into_iter().chain(at.iter().cloned()).collect();
    let all = |a: &A, value: A::Scalar| a.scale(Fr::from(1u64 << k), &value);
    let none = p.number("batch column", &Number::column(c.none), at)?;
    let picks = p.number("batch column", &Number::column(c.pick), &middle)?;
    let mut values = vec![none, all(p.arithmetic(), picks), p.number("batch column", &c.fee.number(), at)?];
    for limbs in c.pool.iter().chain(&c.quotient) {
        values.push(p.number("batch column", &limbs.number(), at)?);
    }
    let total = p.number("batch column", &Number::pair(c.weight), &middle)?;
    let (a, slot) = (p.arithmetic(), split(at, key.shape.requests).1);
    values.push(all(a, total));
    values.push(mle(a, &bps(public, 0), slot));
    values.push(mle(a, &units(a, public), slot));
    Ok(values)
}

fn bps<S: Clone>(public: &Public<S>, which: usize) -> Vec<S> {
    public.policies.iter().filter_map(|policy| policy.bps.get(which).cloned()).collect()
}

fn units<A: Arithmetic>(a: &A, public: &Public<A::Scalar>) -> Vec<A::Scalar> {
    public.policies.iter().map(|policy| equations::unit(a, &policy.two, &policy.four)).collect()
}

pub(super) fn ends_of_amounts<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let numbers = key.parts.amount.iter().map(|limbs| limbs.number());
    let mut values: Vec<_> = numbers.map(|n| p.number("batch column", &n, at)).collect::<Result<_>>()?;
    let a = p.arithmetic();
    values.push(mle(a, &units(a, public), split(at, key.shape.clusters).1));
    Ok(values)
}

pub(super) fn ends_of_roles<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let numbers = key.parts.role.iter().map(|limbs| limbs.number());
    let mut values: Vec<_> = numbers.map(|n| p.number("batch column", &n, at)).collect::<Result<_>>()?;
    let (a, (role, slot)) = (p.arithmetic(), split(at, 2));
    let each: Vec<_> = (1..5).map(|which| mle(a, &bps(public, which), slot)).collect();
    values.push(mle(a, &each, role));
    values.push(mle(a, &public.fees, slot));
    Ok(values)
}
