//! The prover of [`super`]: claims to one point, and Mercury.

#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{Field, One, Zero};
use ark_poly::{DenseUVPolynomial, Polynomial, univariate::DensePolynomial};
use rayon::prelude::*;
use talea_gpu::Device;

use crate::{
    arithmetic::Plain,
    columns::{Claims, Layout, ints::Witness},
    sumcheck::prover::products,
    transcript::writer::Writer,
};

/// Discharges claims.
///
/// # Panics
/// If `powers` are fewer than 2^N + 1, or a claim is about a column that is not there.
pub fn prove(
    tx: &mut Writer<impl Plain>, device: &impl Device, powers: &[G1Affine], layout: &Layout, witness: &Witness,
    claims: Claims<Fr>,
) {
    let (n, gamma) = (1usize << layout.chunk_vars(), tx.challenge());
    // per chunk Σ_j γ^j·eq(P_j, ·), which is zero outside the claims' cubes
    let mut weights = vec![vec![Fr::zero(); n]; layout.chunks()];
    let mut power = Fr::one();
    for claim in claims.0 {
        let place = layout.place(claim.column).expect("a claim about a column of this layout");
        let cube = &mut weights[place.chunk][place.offset..place.offset + (1 << place.vars)];
        let factor = power;
        cube.par_iter_mut().zip(device.eq(&claim.point)).for_each(|(w, eq)| *w += factor * eq);
        power *= gamma;
    }
    let chunks: Vec<Vec<Fr>> = (0..layout.chunks()).map(|c| witness.chunk(layout, c)).collect();
    let mut pairs: Vec<[Vec<Fr>; 2]> = chunks.iter().zip(weights).map(|(f, w)| [f[..n].to_vec(), w]).collect();
    let point = products(tx, device, &mut pairs, layout.chunk_vars());
    pairs.iter().for_each(|[f, _]| tx.scalar(&f[0]));
    let factors: Vec<Fr> = chunks.iter().map(|_| tx.weight()).collect();
    let folded: Vec<Fr> =
        (0..=n).into_par_iter().map(|i| chunks.iter().zip(&factors).map(|(f, w)| f[i] * w).sum()).collect();
    mercury(tx, device, powers, folded, &point);
}

/// Opens Σ F_i·X^i (i ≤ 2^N, the last one the salt) at a point, lowest variable first.
pub fn mercury(tx: &mut Writer<impl Plain>, device: &impl Device, powers: &[G1Affine], f: Vec<Fr>, point: &[Fr]) {
    let low = point.len().div_ceil(2);
    let (b, (u, v)) = (1usize << low, point.split_at(low));
    let (pu, pv) = (device.eq(u), device.eq(v));
    let commit = |p: &[Fr]| device.msm(powers, p).into_affine();
    // 1. h: F with its lower variables bound; the salt is one more coefficient
    let h: Vec<Fr> = f.par_chunks(b).map(|block| block.iter().zip(&pu).map(|(f, e)| *f * e).sum()).collect();
    tx.point(&commit(&h));
    let alpha = tx.challenge();
    // 2. F = (X^b − α)·q + g, by synthetic division of all residues at once
    let mut g = vec![Fr::zero(); b];
    let mut q = vec![Fr::zero(); f.len() - b];
    for (i, block) in f.chunks(b).enumerate().rev() {
        g.par_iter_mut().with_min_len(1 << 10).enumerate().for_each(|(j, g)| {
            *g = *g * alpha + block.get(j).copied().unwrap_or(Fr::zero());
        });
        if i > 0 {
            let end = (i * b).min(q.len());
            let row = &mut q[(i - 1) * b..end];
            row.copy_from_slice(&g[..row.len()]);
        }
    }
    tx.point(&commit(&g));
    tx.point(&commit(&q));
    let gamma = tx.challenge();
    // 3. S from both symmetric products; D is g reversed
    let s = positive_half(&[(&g, &pu, Fr::one()), (&h, &pv, gamma)]);
    let d: Vec<Fr> = g.iter().rev().copied().collect();
    tx.point(&commit(&s));
    tx.point(&commit(&d));
    let z = tx.challenge();
    let inverse = z.inverse().unwrap_or(Fr::zero());
    // 4. values
    let at = |p: &[Fr], x: &Fr| DensePolynomial::from_coefficients_slice(p).evaluate(x);
    [at(&g, &z), at(&g, &inverse), at(&h, &z), at(&h, &inverse), at(&h, &alpha), at(&s, &z)]
        .iter()
        .for_each(|value| tx.scalar(value));
    // 5. the three openings
    let delta = tx.challenge();
    let factor = z.pow([b as u64]) - alpha;
    let mut numerator = f;
    numerator[..q.len()].par_iter_mut().zip(&q).for_each(|(f, q)| *f -= factor * q);
    let powers_of = [delta, delta.square(), delta.square() * delta, delta.square().square()];
    add(&mut numerator, &g, -Fr::one());
    for (p, weight) in [&g, &h, &s, &d].into_iter().zip(powers_of) {
        add(&mut numerator, p, weight);
    }
    tx.point(&commit(&quotient(&numerator, &z)));
    let mut small = vec![Fr::zero(); g.len().max(h.len()).max(s.len())];
    for (p, weight) in [&g, &h, &s].into_iter().zip([Fr::one(), delta, delta.square()]) {
        add(&mut small, p, weight);
    }
    tx.point(&commit(&quotient(&small, &inverse)));
    tx.point(&commit(&quotient(&h, &alpha)));
    tx.challenge();
}

/// `to += weight·p`
fn add(to: &mut [Fr], p: &[Fr], weight: Fr) {
    to.iter_mut().zip(p).for_each(|(t, p)| *t += weight * p);
}

/// The quotient of p by X − x; the remainder, p(x), is dropped.
fn quotient(p: &[Fr], x: &Fr) -> Vec<Fr> {
    let mut q = vec![Fr::zero(); p.len().saturating_sub(1)];
    let mut carry = Fr::zero();
    for (q, p) in q.iter_mut().zip(&p[1..]).rev() {
        carry = carry * x + p;
        *q = carry;
    }
    q
}

/// S of Σ weight·(a(X)·b(1/X) + a(1/X)·b(X)) = constant + X·S(X) + S(1/X)/X: the coefficients of X, X², ….
fn positive_half(products: &[(&Vec<Fr>, &Vec<Fr>, Fr)]) -> Vec<Fr> {
    let longest = products.iter().map(|(a, b, _)| a.len().max(b.len())).max().unwrap_or(1);
    let mut s = vec![Fr::zero(); longest.max(2) - 1];
    for (a, b, weight) in products {
        // a(X)·b(1/X)·X^{|b|−1} is a product of polynomials; its middle is the constant
        let reversed: Vec<Fr> = b.iter().rev().copied().collect();
        let product = &DensePolynomial::from_coefficients_slice(a) * &DensePolynomial::from_coefficients_vec(reversed);
        let middle = b.len() - 1;
        let coefficient = |i: usize| product.coeffs.get(i).copied().unwrap_or(Fr::zero());
        for (k, s) in s.iter_mut().enumerate() {
            let below = middle.checked_sub(k + 1).map_or(Fr::zero(), coefficient);
            *s += *weight * (coefficient(middle + k + 1) + below);
        }
    }
    s
}
