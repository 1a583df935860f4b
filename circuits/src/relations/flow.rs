//! The relations of a batch in the order in which they are proven, for prover and verifier alike.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};

use super::{
    Key,
    equations::{self, Amounts, Belongs, Requests, Roles, Tokens, WHOLE, Weights},
    parts::{U_BITS, U_SHIFT},
    party::{First, Fractions, Last, Party, Slices, Stage, Word},
    shape::{ROLES, Role, log},
    statement::{PolicyWords, Statement},
};
use crate::{
    arithmetic::Arithmetic,
    columns::{ColumnId, Term, stack},
    error::{Check, Result},
    fractions::Tree,
    lookup::range::Number,
    sumcheck::zero::ZeroCheck,
};

const PAYOUTS: Tree = Tree { round: "payout round", children: "payout children", layer: Check::PayoutLayer };

/// What is public of every adapter slot, padded to a power of two with slots that earn nothing.
struct Public<S> {
    policies: Vec<PolicyWords<S>>,
    fees: Vec<S>,
    /// ω^−base.
    bases: Vec<S>,
    /// ω^−(node's slot).
    node: S,
}

/// C_pay at ζ, which remains to be shown.
pub(super) struct Opened<S> {
    pub zeta: S,
    pub value: S,
}

/// Runs everything between the commitments and the opening.
pub(super) fn relations<A: Arithmetic, P: Party<A>>(
    key: &Key, statement: &Statement<A::Scalar>, p: &mut P,
) -> Result<Opened<A::Scalar>> {
    let public = public(key, statement, p)?;
    let blinder = p.word("payout blinder", Word::Blinder)?;
    p.lookups(&key.lookups)?;
    let opened = payouts(key, &public, &blinder, p)?;
    let partial = batch(key, &public, p)?;
    conservation(key, &public, p)?;
    products(key, partial, p)?;
    Ok(opened)
}

/// ω of the registry's domain: of order 2^domain.
pub(super) fn omega(domain: usize) -> Fr {
    Fr::get_root_of_unity(1 << domain).unwrap_or(Fr::ONE)
}

/// Policies behind their digests, and payout slots as powers of ω.
fn public<A: Arithmetic, P: Party<A>>(
    key: &Key, statement: &Statement<A::Scalar>, p: &mut P,
) -> Result<Public<A::Scalar>> {
    let (mut policies, mut fees, mut bases) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (slot, adapter)) in statement.slots.iter().zip(&key.shape.adapters).enumerate() {
        let mut word = |j| p.word("policy", Word::Policy(i, j));
        let (two, four) = (word(0)?, word(1)?);
        let bps = [word(2)?, word(3)?, word(4)?, word(5)?, word(6)?];
        let policy = PolicyWords { two, four, bps };
        let a = p.arithmetic();
        for flag in [&policy.two, &policy.four] {
            a.assert_eq(Check::Statement("policy"), &a.mul(flag, flag), flag)?;
        }
        a.assert_eq(Check::Statement("policy"), &a.mul(&policy.two, &policy.four), &a.small(0))?;
        a.assert_eq(Check::Statement("policy"), &a.sum(&policy.bps), &a.small(WHOLE))?;
        a.assert_eq(Check::Statement("policy"), &policy.digest(a), &slot.policy)?;
        policies.push(policy);
        fees.push(slot.fees.clone());
        // an adapter's range is aligned: the lower bits of its base are zero
        bases.push(power_of_omega(p, key.shape.domain, adapter.slots(), Some(i), &slot.base)?);
    }
    let node = power_of_omega(p, key.shape.domain, 0, None, &statement.node_slot)?;
    let a = p.arithmetic();
    let nobody = PolicyWords { two: a.small(0), four: a.small(0), bps: [(); 5].map(|()| a.small(0)) };
    policies.resize(1 << key.shape.slots(), nobody);
    fees.resize(1 << key.shape.slots(), a.small(0));
    bases.resize(1 << key.shape.slots(), a.small(1));
    Ok(Public { policies, fees, bases, node })
}

/// ω^−slot, of a slot whose lowest `aligned` bits are zero.
fn power_of_omega<A: Arithmetic, P: Party<A>>(
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

/// Σ_i eq(point, i)·values[i].
fn mle<A: Arithmetic>(a: &A, values: &[A::Scalar], point: &[A::Scalar]) -> A::Scalar {
    values.iter().enumerate().fold(a.small(0), |sum, (i, v)| a.mul_add(&a.eq_index(point, i), v, &sum))
}

fn halves<A: Arithmetic>(a: &A, n: usize) -> Vec<A::Scalar> {
    vec![a.constant(Fr::from(2u64).inverse().unwrap_or(Fr::ONE)); n]
}

fn split<S>(point: &[S], at: usize) -> (&[S], &[S]) {
    point.split_at_checked(at).unwrap_or((point, &[]))
}

/// The payout vector: (C_pay(ζ) − ρ_b·(ζ^N − 1))·N = (ζ^N − 1)·Σ_s P_s/(ζ·ω^−s − 1), the sum by a tree of fractions over
/// clusters, roles and dust.
fn payouts<A: Arithmetic, P: Party<A>>(
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

/// What remains to be shown of the scores: Σ_f V·H of q slots at (k), (q, a).
struct Partial<S> {
    at: [Vec<S>; 2],
    value: S,
}

/// Masks, heads, weights, pools, amounts and roles: every equation and sum of the batch but the matrix products.
fn batch<A: Arithmetic, P: Party<A>>(key: &Key, public: &Public<A::Scalar>, p: &mut P) -> Result<Partial<A::Scalar>> {
    let (shape, parts) = (&key.shape, &key.parts);
    let (t, q, k, slots) = (shape.tokens, shape.requests, shape.clusters, shape.slots());
    let (row, cell) = (q + slots, k + q + slots);
    let tau = p.challenges(cell.max(t + row).max(q + row).max(2 + slots));
    let mask = [p.challenges(shape.rank()), p.challenges(log(shape.places().len()))];
    let belongs = (p.challenges(row), p.challenge());
    let head = p.number("head", &Number::column(parts.head), &belongs.0)?;
    let (cells, clusters) = (split(&tau, cell).0, split(&tau, k + slots).0);
    let score = p.word("score", Word::Score(cells))?;
    let credit = p.word("credit", Word::Credit(clusters))?;
    let epsilon = p.challenge();
    let first = First { tau, epsilon, mask, belongs };
    let a = p.arithmetic();
    let check =
        |vars: usize, values: &[A::Scalar]| ZeroCheck::new(a, split(&first.tau, vars).0, &first.epsilon, values);
    let (tokens, owns) = (check(t + row, &[]), check(q + row, &[]));
    let weights = check(cell, std::slice::from_ref(&score));
    let (requests, roles) = (check(row, &[]), check(2 + slots, &[]));
    let amounts = check(k + slots, std::slice::from_ref(&credit));
    let heads = a.mul_add(&first.belongs.1, &head, &a.small(1));
    let sums = [
        tokens.sum(),
        owns.sum(),
        weights.sum(),
        requests.sum(),
        amounts.sum(),
        roles.sum(),
        (q, heads),
        (row, score),
        (row, credit),
    ];
    let step = p.lockstep("batch round", equations::DEGREE, Stage::First(&first), &sums)?;

    let mut ends = Vec::new();
    let columns = ends_of_tokens(key, &first, step.low(t + row), p)?;
    ends.push(tokens.end(p.arithmetic(), &Tokens, &columns, step.low(t + row)));
    let column = p.number("batch column", &Number::column(parts.belongs), step.low(q + row))?;
    ends.push(owns.end(p.arithmetic(), &Belongs, &[column], step.low(q + row)));
    let columns = ends_of_weights(key, public, step.low(cell), p)?;
    ends.push(weights.end(p.arithmetic(), &Weights, &columns, step.low(cell)));
    let columns = ends_of_requests(key, public, step.low(row), p)?;
    let quotient = columns.get(6).cloned().unwrap_or_else(|| p.arithmetic().small(0));
    ends.push(requests.end(p.arithmetic(), &Requests, &columns, step.low(row)));
    let columns = ends_of_amounts(key, public, step.low(k + slots), p)?;
    ends.push(amounts.end(p.arithmetic(), &Amounts, &columns, step.low(k + slots)));
    let columns = ends_of_roles(key, public, step.low(2 + slots), p)?;
    ends.push(roles.end(p.arithmetic(), &Roles, &columns, step.low(2 + slots)));

    // Σ_h (1 + γ·h)·belongs(q, h, a) = 1 + γ·head(q, a)
    let (heads_q, heads_a) = split(&first.belongs.0, q);
    let at: Vec<_> = heads_q.iter().chain(step.low(q)).chain(heads_a).cloned().collect();
    let own = p.number("batch column", &Number::column(parts.belongs), &at)?;
    let a = p.arithmetic();
    let place = place(a, step.low(q));
    ends.push(a.mul(&own, &a.mul_add(&first.belongs.1, &place, &a.small(1))));
    // S(k, h, a) = Σ_q belongs(q, h, a)·(V·Hᵀ)(k, q, a)
    let (tau_k, tau_row) = split(cells_of(&first, cell), k);
    let (tau_h, tau_a) = split(tau_row, q);
    let (end_q, end_a) = split(step.low(row), q);
    let at: Vec<_> = end_q.iter().chain(tau_h).chain(end_a).cloned().collect();
    let own = p.number("batch column", &Number::column(parts.belongs), &at)?;
    let value = p.word("partial score", Word::Partial(tau_k, step.low(row)))?;
    let a = p.arithmetic();
    ends.push(a.mul(&a.mul(&own, &value), &a.eq(tau_a, end_a)));
    let partial = Partial { at: [tau_k.to_vec(), step.low(row).to_vec()], value };
    // Σ_q c(q, a)·w(k, q, a)
    let (tau_k, tau_a) = split(cells_of(&first, k + slots), k);
    let at: Vec<_> = tau_k.iter().chain(step.low(row)).cloned().collect();
    let weight = p.number("batch column", &Number::pair(parts.weight), &at)?;
    let a = p.arithmetic();
    ends.push(a.mul(&a.mul(&quotient, &weight), &a.eq(tau_a, end_a)));
    step.compare(a, Check::Relation("weights and payouts"), &ends)?;
    Ok(partial)
}

fn cells_of<S>(first: &First<S>, vars: usize) -> &[S] {
    split(&first.tau, vars).0
}

/// Σ 2^i·x_i: a place's number.
fn place<A: Arithmetic>(a: &A, bits: &[A::Scalar]) -> A::Scalar {
    a.horner(bits, &a.small(2))
}

fn ends_of_tokens<A: Arithmetic, P: Party<A>>(
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
fn folded_u<A: Arithmetic, P: Party<A>>(
    key: &Key, weights: &[A::Scalar], point: Vec<A::Scalar>, p: &mut P,
) -> Result<A::Scalar> {
    let limbs = p.slices("u", point, terms(p.arithmetic(), weights, |place| key.parts.u_at(place)))?;
    let a = p.arithmetic();
    Ok(a.sub(&limbs, &a.scale(Fr::from(1u64 << (U_BITS - 1)), &a.sum(weights))))
}

fn terms<A: Arithmetic>(
    a: &A, weights: &[A::Scalar], at: impl Fn(usize) -> Vec<(ColumnId, usize, Fr)>,
) -> Vec<Term<A::Scalar>> {
    let of = |(place, weight): (usize, &A::Scalar)| {
        let term = |(column, slice, factor)| Term { column, slice: Some(slice), weight: a.scale(factor, weight) };
        at(place).into_iter().map(term).collect::<Vec<_>>()
    };
    weights.iter().enumerate().flat_map(of).collect()
}

fn ends_of_weights<A: Arithmetic, P: Party<A>>(
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

fn ends_of_requests<A: Arithmetic, P: Party<A>>(
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

fn ends_of_amounts<A: Arithmetic, P: Party<A>>(
    key: &Key, public: &Public<A::Scalar>, at: &[A::Scalar], p: &mut P,
) -> Result<Vec<A::Scalar>> {
    let numbers = key.parts.amount.iter().map(|limbs| limbs.number());
    let mut values: Vec<_> = numbers.map(|n| p.number("batch column", &n, at)).collect::<Result<_>>()?;
    let a = p.arithmetic();
    values.push(mle(a, &units(a, public), split(at, key.shape.clusters).1));
    Ok(values)
}

fn ends_of_roles<A: Arithmetic, P: Party<A>>(
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

/// Per adapter slot, at a random one: its requests' fees add up to F_a, and so do amounts, roles and dust.
fn conservation<A: Arithmetic, P: Party<A>>(key: &Key, public: &Public<A::Scalar>, p: &mut P) -> Result<()> {
    let (shape, c) = (&key.shape, &key.parts);
    let at = p.challenges(shape.slots());
    let sum = |limbs: &crate::lookup::range::Limbs, below: usize, p: &mut P| -> Result<A::Scalar> {
        let point: Vec<_> = halves(p.arithmetic(), below).into_iter().chain(at.iter().cloned()).collect();
        let middle = p.number("conservation", &limbs.number(), &point)?;
        Ok(p.arithmetic().scale(Fr::from(1u64 << below), &middle))
    };
    let fees = sum(&c.fee, shape.requests, p)?;
    let paid = [sum(&c.amount[0], shape.clusters, p)?, sum(&c.role[0], 2, p)?, sum(&c.dust, 0, p)?];
    let a = p.arithmetic();
    let stated = mle(a, &public.fees, &at);
    a.assert_eq(Check::Relation("fees"), &fees, &stated)?;
    a.assert_eq(Check::Relation("conservation"), &a.sum(&paid), &stated)
}

/// 2^16·U + rem − 2^15 = X·Aᵀ, D = U·Bᵀ, and the scores' Σ_f V·H, each at a random point, in lockstep.
fn products<A: Arithmetic, P: Party<A>>(key: &Key, partial: Partial<A::Scalar>, p: &mut P) -> Result<()> {
    let shape = &key.shape;
    let (rows, rho, places) = (shape.tokens + shape.requests, shape.rank(), log(shape.places().len()));
    let product = [p.challenges(rho), p.challenges(rows), p.challenges(places)];
    let outputs = shape.outputs();
    let widest = outputs.iter().map(|o| o.vars).max();
    let deltas = widest.map(|widest| [p.challenges(widest), p.challenges(rows), p.challenges(log(outputs.len()))]);
    let last = Last { product, deltas, scores: partial.at };
    let mut sums = matrix_sums(key, &last, p)?;
    let count = sums.len();
    if let Some([j, at, block]) = &last.deltas {
        sums.push((rho + places, outputs_at(key, [j, at, block], p)?));
    }
    sums.push((rho + places, partial.value));
    let step = p.lockstep("product round", 2, Stage::Last(&last), &sums)?;
    let mut ends = Vec::new();
    for (width, _) in key.widths().into_iter().zip(0..count) {
        ends.push(end_of_product(key, &last, width, step.low(width + log(key.blocks_of(width).len())), p)?);
    }
    let (end_rho, end_place) = split(step.low(rho + places), rho);
    if let Some(deltas) = &last.deltas {
        ends.push(end_of_deltas(key, deltas, end_rho, end_place, p)?);
    }
    ends.push(end_of_scores(key, &last.scores, end_rho, end_place, p)?);
    step.compare(p.arithmetic(), Check::Relation("matrix products"), &ends)
}

/// The sums of the matrix product, one per width of X's blocks, which together are its left side.
fn matrix_sums<A: Arithmetic, P: Party<A>>(
    key: &Key, last: &Last<A::Scalar>, p: &mut P,
) -> Result<Vec<(usize, A::Scalar)>> {
    let [rho, at, places] = &last.product;
    let a = p.arithmetic();
    let weights: Vec<_> = (0..key.shape.places().len()).map(|i| a.eq_index(places, i)).collect();
    let point: Vec<_> = rho.iter().chain(at).cloned().collect();
    let u = folded_u(key, &weights, point.clone(), p)?;
    let rem = p.slices("rem", point, terms(p.arithmetic(), &weights, |place| key.parts.rem_at(place)))?;
    let mut sums = Vec::new();
    for (i, width) in key.widths().into_iter().enumerate() {
        let value = p.word("product value", Word::Product(i, &last.product))?;
        sums.push((width + log(key.blocks_of(width).len()), value));
    }
    let a = p.arithmetic();
    let half = a.scale(Fr::from(1u64 << (U_SHIFT - 1)), &a.sum(&weights));
    let left = a.sub(&a.add(&a.scale(Fr::from(1u64 << U_SHIFT), &u), &rem), &half);
    let right = a.sum(sums.iter().map(|s| &s.1));
    a.assert_eq(Check::Relation("rounded product"), &left, &right)?;
    Ok(sums)
}

/// X and A, both folded, where the sum over (i, block) of one width ends.
fn end_of_product<A: Arithmetic, P: Party<A>>(
    key: &Key, last: &Last<A::Scalar>, width: usize, end: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let ([rho, at, places], (i, block)) = (&last.product, split(end, width));
    let a = p.arithmetic();
    let (mut x, mut weights) = (Vec::new(), Slices::new());
    let all = key.shape.places();
    for (number, column) in key.blocks_of(width).into_iter().enumerate() {
        let selector = a.eq_index(block, number);
        let Some((input, id)) = key.shape.inputs().get(column).copied().zip(key.parts.x.get(column)) else { continue };
        x.push(Term { column: *id, slice: None, weight: selector.clone() });
        for (place, m) in all.iter().enumerate().filter(|(_, m)| m.slot == input.slot) {
            let reads = key.shape.module(*m).is_some_and(|module| module.input == input.input);
            if let Some(id) = key.weights_of(*m, input.begin).filter(|_| reads) {
                let (low, beyond) = key.within_rank(a, m.slot, rho);
                let weight = a.mul(&a.mul(&selector, &a.eq_index(places, place)), &beyond);
                let point = || i.iter().chain(low).cloned().collect();
                weights.add(&[low.len()], point, Term { column: id, slice: None, weight });
            }
        }
    }
    let point = i.iter().chain(at).cloned().collect();
    let x = p.slices("x", point, x)?;
    let weights = p.grouped("a", weights)?;
    Ok(p.arithmetic().mul(&x, &weights))
}

/// D, folded.
fn outputs_at<A: Arithmetic, P: Party<A>>(
    key: &Key, [j, at, block]: [&Vec<A::Scalar>; 3], p: &mut P,
) -> Result<A::Scalar> {
    let a = p.arithmetic();
    let mut all = Slices::new();
    for (number, (output, id)) in key.shape.outputs().iter().zip(&key.parts.d).enumerate() {
        let term = Term { column: *id, slice: None, weight: a.eq_index(block, number) };
        all.add(&[output.vars], || split(j, output.vars).0.iter().chain(at).cloned().collect(), term);
    }
    p.grouped("d", all)
}

fn end_of_deltas<A: Arithmetic, P: Party<A>>(
    key: &Key, [j, at, block]: &[Vec<A::Scalar>; 3], rho: &[A::Scalar], place: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let a = p.arithmetic();
    let places = key.shape.places();
    let selectors: Vec<_> = (0..places.len()).map(|i| a.eq_index(place, i)).collect();
    let mut all = Slices::new();
    for (number, output) in key.shape.outputs().iter().enumerate() {
        let at = places.get(output.place).zip(selectors.get(output.place));
        let Some((m, selector)) = at else { continue };
        let id = key.parts.adapters.get(m.slot).and_then(|l| l.b.get(m.module)?.get(output.block));
        let Some(id) = id else { continue };
        let (low, beyond) = key.within_rank(a, m.slot, rho);
        let weight = a.mul(&a.mul(selector, &a.eq_index(block, number)), &beyond);
        let point = || split(j, output.vars).0.iter().chain(low).cloned().collect();
        all.add(&[output.vars, low.len()], point, Term { column: *id, slice: None, weight });
    }
    let b = p.grouped("b", all)?;
    let point = rho.iter().chain(at).cloned().collect();
    let u = folded_u(key, &selectors, point, p)?;
    Ok(p.arithmetic().mul(&u, &b))
}

fn end_of_scores<A: Arithmetic, P: Party<A>>(
    key: &Key, [k, row]: &[Vec<A::Scalar>; 2], rho: &[A::Scalar], place: &[A::Scalar], p: &mut P,
) -> Result<A::Scalar> {
    let (shape, (q, slot)) = (&key.shape, split(row, key.shape.requests));
    let a = p.arithmetic();
    let selectors: Vec<_> = (0..shape.places().len()).map(|i| a.eq_index(place, i)).collect();
    let mut all = Slices::new();
    for (m, selector) in shape.places().iter().zip(&selectors) {
        let Some((adapter, layout)) = shape.adapters.get(m.slot).zip(key.parts.adapters.get(m.slot)) else { continue };
        let Some(id) = layout.h.get(m.module) else { continue };
        let (low, beyond) = key.within_rank(a, m.slot, rho);
        let (clusters, above) = split(k, adapter.clusters);
        let no_more = above.iter().fold(beyond, |product, x| a.mul(&product, &a.complement(x)));
        let weight = a.mul(&a.mul(selector, &a.eq_index(slot, m.slot)), &no_more);
        let point = || low.iter().chain(clusters).cloned().collect();
        all.add(&[low.len(), clusters.len()], point, Term { column: *id, slice: None, weight });
    }
    let h = p.grouped("h", all)?;
    // V = Σ_t U is 2^t times U in the middle of the tokens
    let middle = halves(p.arithmetic(), shape.tokens);
    let point = rho.iter().cloned().chain(middle).chain(q.iter().cloned()).collect();
    let u = folded_u(key, &selectors, point, p)?;
    let a = p.arithmetic();
    Ok(a.mul(&a.scale(Fr::from(1u64 << shape.tokens), &u), &h))
}
