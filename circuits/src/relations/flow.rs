//! The relations of a batch in the order in which they are proven, for prover and verifier alike.

use ark_bn254::Fr;
use ark_ff::Field;

use super::{
    Key,
    ends::{ends_of_amounts, ends_of_requests, ends_of_roles, ends_of_tokens, ends_of_weights},
    equations::{self, Amounts, Belongs, Requests, Roles, Tokens, WHOLE, Weights},
    party::{First, Party, Stage, Word},
    products::products,
    shape::log,
    statement::{PolicyWords, Statement},
    vector::{Opened, payouts, power_of_omega},
};
use crate::{
    arithmetic::Arithmetic,
    error::{Check, Result},
    lookup::range::{Limbs, Number},
    sumcheck::zero::ZeroCheck,
};

/// What is public of every adapter slot, padded to a power of two with slots that earn nothing.
pub(super) struct Public<S> {
    pub policies: Vec<PolicyWords<S>>,
    pub fees: Vec<S>,
    /// ω^−base.
    pub bases: Vec<S>,
    /// ω^−(node's slot).
    pub node: S,
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

/// Σ_i eq(point, i)·values[i].
pub(super) fn mle<A: Arithmetic>(a: &A, values: &[A::Scalar], point: &[A::Scalar]) -> A::Scalar {
    values.iter().enumerate().fold(a.small(0), |sum, (i, v)| a.mul_add(&a.eq_index(point, i), v, &sum))
}

pub(super) fn halves<A: Arithmetic>(a: &A, n: usize) -> Vec<A::Scalar> {
    vec![a.constant(Fr::from(2u64).inverse().unwrap_or(Fr::ONE)); n]
}

pub(super) fn split<S>(point: &[S], at: usize) -> (&[S], &[S]) {
    point.split_at_checked(at).unwrap_or((point, &[]))
}

/// What remains to be shown of the scores: Σ_f V·H of q slots at (k), (q, a).
pub(super) struct Partial<S> {
    pub at: [Vec<S>; 2],
    pub value: S,
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
pub(super) fn place<A: Arithmetic>(a: &A, bits: &[A::Scalar]) -> A::Scalar {
    a.horner(bits, &a.small(2))
}

/// Per adapter slot, at a random one: its requests' fees add up to F_a, and so do amounts, roles and dust.
fn conservation<A: Arithmetic, P: Party<A>>(key: &Key, public: &Public<A::Scalar>, p: &mut P) -> Result<()> {
    let (shape, c) = (&key.shape, &key.parts);
    let at = p.challenges(shape.slots());
    let sum = |limbs: &Limbs, below: usize, p: &mut P| -> Result<A::Scalar> {
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
