//! The payout vector: C_pay commits to the amounts, each in its slot (docs/protocol/relations.md §9).

use ark_bn254::Fr;
use ark_ff::{FftField, Field};

use super::{
    Key,
    flow::{Public, mle, split},
    party::{Fractions, Party, Word},
    shape::{ROLES, Role, log},
};
use crate::{
    arithmetic::Arithmetic,
    columns::stack,
    error::{Check, Result},
    fractions::Tree,
};

const PAYOUTS: Tree = Tree { round: "payout round", children: "payout children", layer: Check::PayoutLayer };

/// C_pay at ζ, which remains to be shown.
pub(super) struct Opened<S> {
    pub zeta: S,
    pub value: S,
}

/// ω of the registry's domain: of order 2^domain.
pub(super) fn omega(domain: usize) -> Fr {
    Fr::get_root_of_unity(1 << domain).unwrap_or(Fr::ONE)
}

/// ω^−slot, of a slot whose lowest `aligned` bits are zero.
pub(super) fn power_of_omega<A: Arithmetic, P: Party<A>>(
    p: &mut P, domain: usize, aligned: usize, whose: Option<usize>, slot: &A::Scalar,
) -> Result<A::Scalar> {
    let bits: Vec<A::Scalar> =
        (aligned..domain).map(|i| p.word("payout slot", Word::Bit(whose, i))).collect::<Result<_>>()?;
    let a = p.arithmetic();
    let inverse = omega(domain).inverse().unwrap_or(Fr::ONE);
    let (mut sum, mut power) = (a.small(0), a.small(1));
    for (i, bit) in (aligned..).zip(&bits) {
        a.assert_eq(Check::Statement("payout slot"), &a.mul(bit, bit), bit)?;
        sum = a.add(&sum, &a.scale(Fr::from(1u64 << i.min(63)), bit));
        let step = inverse.pow([1u64 << i.min(63)]) - Fr::ONE;
        power = a.mul_add(&power, &a.scale(step, bit), &power);
    }
    a.assert_eq(Check::Statement("payout slot"), &sum, slot)?;
    Ok(power)
}

/// The payout vector: (C_pay(ζ) − ρ_b·(ζ^N − 1))·N = (ζ^N − 1)·Σ_s P_s/(ζ·ω^−s − 1), the sum by a tree of fractions over
/// clusters, roles and dust.
pub(super) fn payouts<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, blinder: &A::Scalar, p: &mut P,
) -> Result<Opened<A::Scalar>> {
    let (k, a_vars, domain) = (key.shape.clusters, key.shape.slots(), key.shape.domain);
    let zeta = p.challenge();
    let sizes = payout_cubes(k, a_vars);
    let (places, vars) = payout_places(&sizes);
    let Fractions { root, leaf } = p.payouts(&PAYOUTS, vars, &zeta)?;
    let low = |vars: usize| split(&leaf.point, vars).0.to_vec();
    let [amounts, roles, dusts] = sizes.map(low);
    let values = [
        p.number("payout amount", &key.parts.amount[0].number(), &amounts)?,
        p.number("payout amount", &key.parts.role[0].number(), &roles)?,
        p.number("payout amount", &key.parts.dust.number(), &dusts)?,
    ];
    let a = p.arithmetic();
    let powers = PayoutPowers::new(a, key, public);
    let denominators =
        [powers.clusters(a, k, &amounts, &zeta), powers.roles(a, &roles, &zeta), powers.dust(a, &dusts, &zeta)];
    let (mut numerator, mut denominator, mut used) = (a.small(0), a.small(0), a.small(0));
    for (((vars, place), p), q) in sizes.iter().zip(places).zip(&values).zip(&denominators) {
        let selector = a.eq_index(split(&leaf.point, *vars).1, place.checked_shr(*vars as u32).unwrap_or(0));
        numerator = a.mul_add(&selector, p, &numerator);
        denominator = a.mul_add(&selector, q, &denominator);
        used = a.add(&used, &selector);
    }
    a.assert_eq(Check::PayoutAmounts, &leaf.p, &numerator)?;
    a.assert_eq(Check::PayoutSlots, &leaf.q, &a.add(&denominator, &a.complement(&used)))?;
    // ζ^N − 1
    let vanishing = a.sub(&(0..domain).fold(zeta.clone(), |power, _| a.mul(&power, &power)), &a.small(1));
    let sum = a.mul(&root.numerator(a), &a.inverse(Check::PayoutDenominator, &root.denominator(a))?);
    let size = Fr::from(1u64 << domain).inverse().unwrap_or(Fr::ONE);
    let value = a.mul(&vanishing, &a.mul_add(&a.constant(size), &sum, blinder));
    Ok(Opened { zeta, value })
}

/// Variables of the leaves of clusters, roles and dust.
pub(super) fn payout_cubes(clusters: usize, slots: usize) -> [usize; 3] {
    [clusters + slots, 2 + slots, slots]
}

/// Their places among the leaves, and the leaves' variables.
pub(super) fn payout_places(sizes: &[usize; 3]) -> (Vec<usize>, usize) {
    let (places, total) = stack(sizes);
    (places, log(total).max(1))
}

/// ω^−slot of every payout.
struct PayoutPowers<'p, S> {
    inverse: Fr,
    bases: &'p [S],
    roles: Vec<S>,
    dust: Vec<S>,
}

impl<'p, S: Clone> PayoutPowers<'p, S> {
    fn new<A: Arithmetic<Scalar = S>>(a: &A, key: &Key, public: &'p Public<S>) -> Self {
        let inverse = omega(key.shape.domain).inverse().unwrap_or(Fr::ONE);
        // padding: any slot will do, its amounts are zero
        let sizes = key.shape.adapters.iter().map(|s| s.slots()).chain(std::iter::repeat(4));
        let of = |role: Role| -> Vec<S> {
            let at = |(base, vars): (&S, usize)| {
                let place = (1u64 << vars.min(63)) - ROLES as u64 + role as u64;
                a.scale(inverse.pow([place]), base)
            };
            public.bases.iter().zip(sizes.clone()).map(at).collect()
        };
        let lists = [
            of(Role::AdapterOwner),
            of(Role::BaseOwner),
            vec![public.node.clone(); public.bases.len()],
            of(Role::Treasury),
        ];
        let roles = (0..public.bases.len()).flat_map(|i| lists.iter().filter_map(move |l| l.get(i).cloned())).collect();
        Self { inverse, bases: &public.bases, roles, dust: of(Role::Sink) }
    }

    /// ζ·ω^−(base + k) − 1 at (k, a).
    fn clusters<A: Arithmetic<Scalar = S>>(&self, a: &A, clusters: usize, point: &[S], zeta: &S) -> S {
        let (k, slot) = split(point, clusters);
        let within = k.iter().enumerate().fold(a.small(1), |product, (i, x)| {
            let step = self.inverse.pow([1u64 << i.min(63)]) - Fr::ONE;
            a.mul_add(&product, &a.scale(step, x), &product)
        });
        self.less_one(a, &a.mul(&within, &mle(a, self.bases, slot)), zeta)
    }

    fn roles<A: Arithmetic<Scalar = S>>(&self, a: &A, point: &[S], zeta: &S) -> S {
        self.less_one(a, &mle(a, &self.roles, point), zeta)
    }

    fn dust<A: Arithmetic<Scalar = S>>(&self, a: &A, point: &[S], zeta: &S) -> S {
        self.less_one(a, &mle(a, &self.dust, point), zeta)
    }

    fn less_one<A: Arithmetic<Scalar = S>>(&self, a: &A, power: &S, zeta: &S) -> S {
        a.sub(&a.mul(zeta, power), &a.small(1))
    }
}
