//! Openings attacked: a second, plain Mercury prover with knobs, and transcripts whose challenges are known beforehand.

mod common;

use std::cell::Cell;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, Field};
use ark_poly::{DenseUVPolynomial, Polynomial, univariate::DensePolynomial};
use common::{layout, srs};
use talea_circuits::{
    Check, Rejection, Result,
    arithmetic::{Arithmetic, Native, Plain},
    columns::{Claims, Layout, ints::Witness},
    opening::{self, mercury},
    sumcheck,
    transcript::{Transcript, bytes::Bytes, poseidon::WIDTH, writer::Writer},
};
use talea_gpu::{Cpu, Device, Ints};

type Poly = DensePolynomial<Fr>;

fn poly(c: &[Fr]) -> Poly {
    Poly::from_coefficients_slice(c)
}

fn eq(point: &[Fr]) -> Vec<Fr> {
    Cpu.eq(point)
}

/// f̃(point)
fn value(f: &[Fr], point: &[Fr]) -> Fr {
    f.iter().zip(eq(point)).map(|(f, e)| *f * e).sum()
}

/// X^n·c
fn term(n: usize, c: Fr) -> Poly {
    let mut all = vec![Fr::ZERO; n + 1];
    all[n] = c;
    Poly::from_coefficients_vec(all)
}

/// What a cheating prover may do.
#[derive(Clone, Copy, Default)]
struct Knobs {
    /// Adds a multiple of X − α to h, α known beforehand: h(α) stays, the value moves by this.
    h: Fr,
    /// Adds a multiple of X^b − α to g, which then has degree b: g̃(u) moves by this.
    g: Fr,
}

/// Mercury by the book, polynomial by polynomial, with `α` guessed where `knobs.h` wants it. Returns the value it claims.
fn plain_mercury(tx: &mut Writer<impl Plain>, f: &[Fr], point: &[Fr], knobs: Knobs, guess: Option<Fr>) -> Fr {
    let powers = &srs().0;
    let (low, n) = (point.len().div_ceil(2), 1usize << point.len());
    let (b, (u, v)) = (1usize << low, point.split_at(low));
    let (pu, pv) = (poly(&eq(u)), poly(&eq(v)));
    let commit = |p: &Poly| G1Projective::msm_unchecked(powers, &p.coeffs).into_affine();
    let blocks: Vec<&[Fr]> = f.chunks(b).collect();
    let mut h = poly(&blocks.iter().map(|x| x.iter().zip(&pu.coeffs).map(|(f, e)| *f * e).sum()).collect::<Vec<Fr>>());
    let mut claimed = value(&f[..n], point);
    if let Some(alpha) = guess {
        // (X − α) has the value eq(1, v) − α·eq(0, v) at v
        let own = pv.coeffs[1] - alpha * pv.coeffs[0];
        h = &h + &(&(&term(1, Fr::ONE) - &term(0, alpha)) * (knobs.h / own));
        claimed += knobs.h;
    }
    tx.point(&commit(&h));
    let alpha = tx.challenge();
    let divisor = &term(b, Fr::ONE) - &term(0, alpha);
    let whole = poly(f);
    let mut q = &whole / &divisor;
    let mut g = &whole - &(&q * &divisor);
    if knobs.g != Fr::ZERO {
        // −α·c·eq(0, u) is what the value of g moves by; h's value at α must follow, so h lies as well
        let c = -knobs.g / (alpha * pu.coeffs[0]);
        g = &g + &(&divisor * c);
        q = &q - &term(0, c);
    }
    tx.point(&commit(&g));
    tx.point(&commit(&q));
    let gamma = tx.challenge();
    let mut s = Vec::new();
    for k in 1..b.max(h.coeffs.len()) + 1 {
        let cross = |a: &Poly, p: &Poly| -> Fr {
            let at = |p: &Poly, i: usize| p.coeffs.get(i).copied().unwrap_or(Fr::ZERO);
            (0..p.coeffs.len().max(a.coeffs.len())).map(|j| at(a, j + k) * at(p, j) + at(a, j) * at(p, j + k)).sum()
        };
        s.push(cross(&g, &pu) + gamma * cross(&h, &pv));
    }
    let s = poly(&s);
    // X^{b−1}·g(1/X), as far as it is a polynomial
    let mut reversed: Vec<Fr> = g.coeffs.iter().copied().take(b).collect();
    reversed.resize(b, Fr::ZERO);
    reversed.reverse();
    let d = poly(&reversed);
    tx.point(&commit(&s));
    tx.point(&commit(&d));
    let z = tx.challenge();
    let inverse = z.inverse().unwrap();
    for x in
        [g.evaluate(&z), g.evaluate(&inverse), h.evaluate(&z), h.evaluate(&inverse), h.evaluate(&alpha), s.evaluate(&z)]
    {
        tx.scalar(&x);
    }
    let weights = [(); 4].map(|()| tx.weight());
    let rest = &(&whole - &(&q * (z.pow([b as u64]) - alpha))) - &g;
    let mut at_z = rest;
    for (p, weight) in [&g, &h, &s, &d].into_iter().zip(weights) {
        at_z = &at_z + &(p * weight);
    }
    let at_inverse = &(&g + &(&h * weights[1])) + &(&s * weights[2]);
    let mut quotients = Vec::new();
    for (p, x) in [(&at_z, z), (&at_inverse, inverse), (&h, alpha)] {
        let remainder = term(0, p.evaluate(&x));
        let quotient = commit(&(&(p - &remainder) / &(&term(1, Fr::ONE) - &term(0, x))));
        tx.point(&quotient);
        quotients.push(quotient);
    }
    let weights = [Fr::ONE, tx.weight(), tx.weight()];
    tx.point(&G1Projective::msm_unchecked(&quotients, &weights).into_affine());
    tx.weight();
    claimed
}

/// Coefficients, a salt, and a point.
fn case(vars: usize, seed: u64) -> (Vec<Fr>, Vec<Fr>) {
    let mut n = common::numbers(seed).map(|x| Fr::from(i64::from(x)));
    (n.by_ref().take((1 << vars) + 1).collect(), n.take(vars).collect())
}

fn check(arithmetic: &impl Plain, proof: &[u8], f: &[Fr], point: &[Fr], claimed: Fr) -> Result<()> {
    let commitment = G1Projective::msm_unchecked(&srs().0, f).into_affine();
    let mut tx = Transcript::new(arithmetic, Bytes::new(proof), &[4; 32], &[]);
    let accumulator = mercury::verify(&mut tx, vec![(Fr::ONE, commitment)], point, &claimed, Vec::new())?;
    tx.finish()?;
    accumulator.check(&srs().1)
}

const PAIRING: Result<()> = Err(Rejection::Check(Check::Pairing));

#[test]
fn two_provers_write_the_same_bytes() {
    for vars in 1..9 {
        let (f, point) = case(vars, vars as u64);
        let mut tx = Writer::new(&[4; 32], &[]);
        opening::prover::mercury(&mut tx, &Cpu, &srs().0, (f.clone(), *f.last().unwrap()), &point, &[]);
        let proof = tx.finish();
        let mut tx = Writer::new(&[4; 32], &[]);
        let claimed = plain_mercury(&mut tx, &f, &point, Knobs::default(), None);
        assert_eq!(tx.finish(), proof, "{vars} variables");
        assert_eq!(check(&Native, &proof, &f, &point, claimed), Ok(()), "{vars} variables");
        assert_eq!(check(&Native, &proof, &f, &point, claimed + Fr::ONE), PAIRING, "another value");
        let mut other = point.clone();
        other[0] += Fr::ONE;
        assert_eq!(check(&Native, &proof, &f, &other, claimed), PAIRING, "another point");
        let mut tx = Writer::new(&[4; 32], &[]);
        plain_mercury(&mut tx, &f, &other, Knobs::default(), None);
        assert_eq!(
            check(&Native, &tx.finish(), &f, &point, value(&f[..1 << vars], &other)),
            PAIRING,
            "opened elsewhere"
        );
    }
}

/// Without the check of g's degree any value could be claimed.
#[test]
fn a_remainder_of_too_high_a_degree_is_refused() {
    let (f, point) = case(6, 3);
    let mut tx = Writer::new(&[4; 32], &[]);
    let claimed = plain_mercury(&mut tx, &f, &point, Knobs { g: Fr::from(5u64), ..Knobs::default() }, None);
    assert_eq!(check(&Native, &tx.finish(), &f, &point, claimed), PAIRING);
}

/// A transcript that hands out the same challenges whatever is absorbed.
#[derive(Default)]
struct Frozen {
    drawn: Cell<u64>,
}

impl Arithmetic for Frozen {
    type Scalar = Fr;
    type Point = G1Affine;
    fn constant(&self, c: Fr) -> Fr {
        c
    }
    fn add(&self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn inverse(&self, check: Check, a: &Fr) -> Result<Fr> {
        Native.inverse(check, a)
    }
    fn assert_eq(&self, check: Check, a: &Fr, b: &Fr) -> Result<()> {
        Native.assert_eq(check, a, b)
    }
    fn low128(&self, a: &Fr) -> Fr {
        Native.low128(a)
    }
    fn permute(&self, _: [Fr; WIDTH]) -> [Fr; WIDTH] {
        self.drawn.set(self.drawn.get() + 1);
        Native.permute([self.drawn.get(), 1, 2, 3].map(Fr::from))
    }
    fn words(&self, p: &G1Affine) -> [Fr; 2] {
        Native.words(p)
    }
}

/// With α known before h is fixed, h can be bent so that any value passes.
#[test]
fn mercury_needs_alpha_after_h() {
    let (f, point) = case(6, 3);
    // α is the first challenge, whatever point h is
    let mut rehearsal = Writer::with(Frozen::default(), &[4; 32], &[]);
    rehearsal.point(&srs().0[3]);
    let frozen_alpha = rehearsal.challenge();
    let lie = Knobs { h: Fr::from(9u64), ..Knobs::default() };
    let mut tx = Writer::with(Frozen::default(), &[4; 32], &[]);
    let claimed = plain_mercury(&mut tx, &f, &point, lie, Some(frozen_alpha));
    let proof = tx.finish();
    assert_ne!(claimed, value(&f[..64], &point));
    assert_eq!(check(&Frozen::default(), &proof, &f, &point, claimed), Ok(()), "the attack works where α is known");
    assert_eq!(check(&Native, &proof, &f, &point, claimed), PAIRING);
    let mut tx = Writer::new(&[4; 32], &[]);
    let claimed = plain_mercury(&mut tx, &f, &point, lie, Some(frozen_alpha));
    assert_eq!(check(&Native, &tx.finish(), &f, &point, claimed), PAIRING, "a guess is no help");
}

/// With γ known before the claims are absorbed, two lies cancel.
#[test]
fn claims_need_gamma_after_them() {
    let (powers, pairing) = srs();
    let (layout, [v, w]) = layout(6, [("v", 5), ("w", 5)]);
    let columns =
        vec![Ints::I16(common::numbers(1).take(32).collect()), Ints::I16(common::numbers(2).take(32).collect())];
    let witness = Witness::new(&layout, columns, &[1; 32]);
    let points: Vec<Vec<Fr>> = (0..2).map(|i| (0..5).map(|j| Fr::from(100 * i + j + 7)).collect()).collect();
    let values: Vec<Fr> = witness.columns.iter().zip(&points).map(|(c, p)| opening_value(c, p)).collect();
    fn run<A: Plain>(make: impl Fn() -> A, gamma: Fr, s: &Setup<'_>) -> Result<()> {
        let lie = Fr::from(1000u64);
        let false_values = [s.values[0] + lie, s.values[1] - lie / gamma];
        let claims = |values: &[Fr]| {
            let mut c = Claims::new();
            (0..2).for_each(|i| c.push(s.ids[i], s.points[i].clone(), values[i]));
            c
        };
        let mut tx = Writer::with(make(), &[4; 32], &[]);
        s.chunks.iter().for_each(|c| tx.point(c));
        false_values.iter().for_each(|v| tx.scalar(v));
        opening::prover::prove(&mut tx, &Cpu, s.powers, s.layout, s.witness, claims(s.values), &[]); // their sum is the same
        let proof = tx.finish();
        let arithmetic = make();
        let mut tx = Transcript::new(&arithmetic, Bytes::new(&proof), &[4; 32], &[]);
        let chunks = vec![tx.point("chunk")?];
        tx.scalars("value", 2)?;
        let accumulator = opening::verify(&mut tx, s.layout, chunks, claims(&false_values), Vec::new())?;
        accumulator.check(s.pairing)
    }
    struct Setup<'s> {
        ids: [talea_circuits::columns::ColumnId; 2],
        values: &'s [Fr],
        points: &'s [Vec<Fr>],
        chunks: &'s [G1Affine],
        layout: &'s Layout,
        witness: &'s Witness,
        powers: &'s [G1Affine],
        pairing: &'s opening::PairingKey,
    }
    let chunks = witness.commit(&Cpu, &layout, &powers[..65]);
    let setup = Setup {
        ids: [v, w],
        values: &values,
        points: &points,
        chunks: &chunks,
        layout: &layout,
        witness: &witness,
        powers: &powers[..65],
        pairing,
    };
    let mut tx = Writer::with(Frozen::default(), &[4; 32], &[]);
    chunks.iter().for_each(|c| tx.point(c));
    values.iter().for_each(|v| tx.scalar(v));
    let gamma = tx.challenge();
    assert_eq!(run(Frozen::default, gamma, &setup), Ok(()), "the attack works where γ is known");
    assert_eq!(run(|| Native, gamma, &setup), Err(Rejection::Check(Check::OpeningBatch)));
}

fn opening_value(c: &Ints, point: &[Fr]) -> Fr {
    value(&c.fields(), point)
}

/// With a round's challenge known beforehand, its polynomial can be bent to end anywhere.
#[test]
fn rounds_need_their_challenge_after_them() {
    let (a, b) = (case(4, 5).0, case(4, 6).0);
    let (a, b) = (&a[..16], &b[..16]);
    let sum: Fr = a.iter().zip(b).map(|(a, b)| *a * b).sum();
    let lie = sum + Fr::from(77u64);
    fn run<A: Plain>(make: impl Fn() -> A, a: &[Fr], b: &[Fr], lie: Fr) -> bool {
        // the last round's challenge, drawn in a rehearsal whose rounds hold zeros
        let mut rehearsal = Writer::with(make(), &[4; 32], &[]);
        let challenges: Vec<Fr> = (0..4)
            .map(|_| {
                rehearsal.scalar(&Fr::ZERO);
                rehearsal.scalar(&Fr::ZERO);
                rehearsal.challenge()
            })
            .collect();
        let mut tx = Writer::with(make(), &[4; 32], &[]);
        let (mut a, mut b, mut claim) = (a.to_vec(), b.to_vec(), lie);
        let mut ends = Vec::new();
        for (round, guess) in challenges.iter().enumerate() {
            let [mut constant, leading] = Cpu.product_round(&[[&a, &b]]);
            let next =
                |constant: Fr, r: Fr| constant + (claim - constant - constant - leading) * r + leading * r.square();
            if round == 3 {
                // s(r) = c0·(1 − 2r) + (claim − c2)·r + c2·r² must be a(r)·b(r)
                let (mut x, mut y) = (a.clone(), b.clone());
                Cpu.fold(&mut x, guess);
                Cpu.fold(&mut y, guess);
                let slope = Fr::ONE - guess.double();
                constant = (x[0] * y[0] - next(Fr::ZERO, *guess)) / slope;
            }
            tx.scalar(&constant);
            tx.scalar(&leading);
            let r = tx.challenge();
            claim = next(constant, r);
            Cpu.fold(&mut a, &r);
            Cpu.fold(&mut b, &r);
            ends.push(r);
        }
        let proof = tx.finish();
        let arithmetic = make();
        let mut tx = Transcript::new(&arithmetic, Bytes::new(&proof), &[4; 32], &[]);
        let end = sumcheck::verify(&mut tx, "round", 4, 2, lie).unwrap();
        assert_eq!(end.point, ends);
        end.value == a[0] * b[0]
    }
    assert!(run(Frozen::default, a, b, lie), "the attack works where challenges are known");
    assert!(!run(|| Native, a, b, lie));
}

/// Nova's implementation, on the same SRS: equal commitments, and its own openings agree on the value.
#[test]
fn commitments_and_values_are_novas() {
    use nova_snark::{
        provider::{Bn256EngineKZG, hyperkzg, mercury as nova_mercury},
        traits::{Engine, TranscriptEngineTrait, commitment::CommitmentEngineTrait, evaluation::EvaluationEngineTrait},
    };
    type E = Bn256EngineKZG;
    type Scalar = <E as Engine>::Scalar;
    use halo2curves::{CurveAffine as _, bn256};
    let fq = |x: ark_bn254::Fq| bn256::Fq::from_raw(ark_ff::PrimeField::into_bigint(x).0);
    let point = |p: &G1Affine| bn256::G1Affine::from_xy(fq(p.x), fq(p.y)).unwrap();
    let scalar = |x: &Fr| Scalar::from_raw(ark_ff::PrimeField::into_bigint(*x).0);
    let (powers, pairing) = srs();
    let fq2 = |x: ark_bn254::Fq2| bn256::Fq2::new(fq(x.c0), fq(x.c1));
    let tau_h = bn256::G2Affine { x: fq2(pairing.tau.x), y: fq2(pairing.tau.y) };
    let vars = 8;
    let ck: Vec<bn256::G1Affine> = powers[..1 << vars].iter().map(point).collect();
    let key = hyperkzg::CommitmentKey::<E>::new(ck, point(&powers[5]), tau_h).unwrap();
    let (f, at) = case(vars, 11);
    let f = &f[..1 << vars];
    let theirs: Vec<Scalar> = f.iter().map(scalar).collect();
    let commitment = <E as Engine>::CE::commit(&key, &theirs, &Scalar::zero());
    let ours = G1Projective::msm_unchecked(powers, f).into_affine();
    assert_eq!(bn256::G1Affine::from(commitment.into_inner()), point(&ours));
    // their points name the highest variable first
    let reversed: Vec<Scalar> = at.iter().rev().map(scalar).collect();
    let own = value(f, &at);
    /// Does Nova accept `claimed` with a proof for `own`?
    fn opens<EE: EvaluationEngineTrait<E>>(
        key: &hyperkzg::CommitmentKey<E>, c: &hyperkzg::Commitment<E>, f: &[Scalar], at: &[Scalar],
        [own, claimed]: [Scalar; 2],
    ) -> bool {
        let (pk, vk) = EE::setup(key).unwrap();
        let proof = EE::prove(key, &pk, &mut <E as Engine>::TE::new(b"t"), c, f, at, &own).unwrap();
        EE::verify(&vk, &mut <E as Engine>::TE::new(b"t"), c, at, &claimed, &proof).is_ok()
    }
    for (claimed, agrees) in [(own, true), (own + Fr::ONE, false)] {
        let values = [scalar(&own), scalar(&claimed)];
        // its Mercury panics on a wrong value where debug assertions are on
        assert!(!agrees || opens::<nova_mercury::EvaluationEngine<E>>(&key, &commitment, &theirs, &reversed, values));
        assert_eq!(opens::<hyperkzg::EvaluationEngine<E>>(&key, &commitment, &theirs, &reversed, values), agrees);
    }
}
