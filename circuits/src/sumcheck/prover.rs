//! The prover of [`super`]: sums of products of two columns, zero-checks, and any of them in lockstep.
#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use talea_gpu::Device;

use super::zero::Equations;
use crate::{
    arithmetic::{Arithmetic as _, Native, Plain},
    transcript::writer::Writer,
};

/// Proves Σ_x Σ_pairs a(x)·b(x), folding every column to its value at the point; returns the point, lowest variable first.
pub fn products(tx: &mut Writer<impl Plain>, device: &impl Device, pairs: &mut [[Vec<Fr>; 2]], vars: usize) -> Vec<Fr> {
    let mut point = Vec::with_capacity(vars);
    for _ in 0..vars {
        let views: Vec<[&[Fr]; 2]> = pairs.iter().map(|[a, b]| [a.as_slice(), b.as_slice()]).collect();
        let [constant, leading] = device.product_round(&views);
        tx.scalar(&constant);
        tx.scalar(&leading);
        let r = tx.challenge();
        pairs.iter_mut().flatten().for_each(|column| device.fold(column, &r));
        point.push(r);
    }
    point
}

/// One sum of several in lockstep.
pub trait Summand<D: Device> {
    /// Variables not yet bound.
    fn vars(&self) -> usize;
    /// The sum as it stands.
    fn claim(&self) -> Fr;
    /// The values at 0, 1, 2, … of the round polynomial in the lowest variable; one more than its degree.
    fn round(&self, device: &D) -> Vec<Fr>;
    /// Binds the lowest variable.
    fn bind(&mut self, device: &D, r: &Fr);
}

/// Proves sums of degree at most `degree` in lockstep; returns the point.
pub fn lockstep<D: Device>(
    tx: &mut Writer<impl Plain>, device: &D, degree: usize, sums: &mut [&mut dyn Summand<D>],
) -> Vec<Fr> {
    let gamma = tx.challenge();
    let vars = sums.iter().map(|s| s.vars()).max().unwrap_or(0);
    let mut point = Vec::with_capacity(vars);
    let ignored: Vec<usize> = sums.iter().map(|s| vars - s.vars()).collect();
    for bound in 0..vars {
        let mut round = vec![Fr::ZERO; degree + 1];
        for (sum, ignored) in sums.iter().zip(&ignored).rev() {
            // a shorter sum ignores the highest variables: each that is still unbound doubles it
            let (mut own, left) = match sum.vars() {
                0 => (vec![sum.claim()], vars - bound - 1),
                _ => (coefficients(&sum.round(device)), *ignored),
            };
            own.iter_mut().for_each(|c| *c *= Fr::from(2u64).pow([left as u64]));
            round.iter_mut().for_each(|c| *c *= gamma);
            round.iter_mut().zip(own).for_each(|(c, own)| *c += own);
        }
        round.iter().enumerate().filter(|(i, _)| *i != 1).for_each(|(_, c)| tx.scalar(c));
        let r = tx.challenge();
        sums.iter_mut().filter(|s| s.vars() > 0).for_each(|s| s.bind(device, &r));
        point.push(r);
    }
    point
}

/// Coefficients of the polynomial with these values at 0, 1, 2, … (Newton's form, expanded).
fn coefficients(values: &[Fr]) -> Vec<Fr> {
    let mut differences = values.to_vec();
    for step in 1..values.len() {
        let inverse = Fr::from(step as u64).inverse().expect("a degree below the modulus");
        for i in (step..values.len()).rev() {
            differences[i] = (differences[i] - differences[i - 1]) * inverse;
        }
    }
    let mut all = vec![Fr::ZERO; values.len()];
    for (k, d) in differences.iter().enumerate().rev() {
        // all = all·(X − k) + d
        for i in (0..all.len()).rev() {
            let below = if i > 0 { all[i - 1] } else { Fr::ZERO };
            all[i] = below - Fr::from(k as u64) * all[i];
        }
        all[0] += d;
    }
    all
}

/// Σ_x a(x)·b(x).
pub struct Product(pub [Vec<Fr>; 2]);

impl<D: Device> Summand<D> for Product {
    fn vars(&self) -> usize {
        self.0[0].len().ilog2() as usize
    }
    fn claim(&self) -> Fr {
        self.0[0].par_iter().zip(&self.0[1]).map(|(a, b)| *a * b).sum()
    }
    fn round(&self, device: &D) -> Vec<Fr> {
        let [c0, c2] = device.product_round(&[[&self.0[0], &self.0[1]]]);
        let [a, b] = &self.0;
        let at1: Fr = a.par_chunks_exact(2).zip(b.par_chunks_exact(2)).map(|(a, b)| a[1] * b[1]).sum();
        // s(2) = c0 + 2·c1 + 4·c2 with c1 = s(1) − c0 − c2
        vec![c0, at1, at1.double() - c0 + c2.double()]
    }
    fn bind(&mut self, device: &D, r: &Fr) {
        self.0.iter_mut().for_each(|c| device.fold(c, r));
    }
}

/// Σ_x eq(x, τ)·Σ_k ε^k·C_k(f(x)), which is zero.
pub struct Zero<'e, E> {
    equations: &'e E,
    epsilon: Fr,
    eq: Vec<Fr>,
    /// The columns, folded as far as the sum is.
    pub columns: Vec<Vec<Fr>>,
}

impl<'e, E: Equations + Sync> Zero<'e, E> {
    /// Draws τ and ε as the verifier does.
    pub fn begin(tx: &mut Writer<impl Plain>, device: &impl Device, equations: &'e E, columns: Vec<Vec<Fr>>) -> Self {
        let tau = tx.challenges(columns[0].len().ilog2() as usize);
        let epsilon = tx.challenge();
        Self { equations, epsilon, eq: device.eq(&tau), columns }
    }

    /// Sends the columns' values at the point.
    pub fn end(&self, tx: &mut Writer<impl Plain>) -> Vec<Fr> {
        let values: Vec<Fr> = self.columns.iter().map(|c| c[0]).collect();
        values.iter().for_each(|v| tx.scalar(v));
        values
    }

    fn value(&self, eq: Fr, columns: &[Fr]) -> Fr {
        eq * Native.horner(&self.equations.evaluate(&Native, columns), &self.epsilon)
    }
}

impl<D: Device, E: Equations + Sync> Summand<D> for Zero<'_, E> {
    fn vars(&self) -> usize {
        self.eq.len().ilog2() as usize
    }
    fn claim(&self) -> Fr {
        let at = |x: usize| self.value(self.eq[x], &self.columns.iter().map(|c| c[x]).collect::<Vec<_>>());
        (0..self.eq.len()).into_par_iter().map(at).sum()
    }
    fn round(&self, _: &D) -> Vec<Fr> {
        let half = self.eq.len() / 2;
        let line = |c: &[Fr], x: usize, t: Fr| c[2 * x] + t * (c[2 * x + 1] - c[2 * x]);
        let at = |t: usize| -> Fr {
            let t = Fr::from(t as u64);
            let place = |x: usize| {
                let columns: Vec<Fr> = self.columns.iter().map(|c| line(c, x, t)).collect();
                self.value(line(&self.eq, x, t), &columns)
            };
            (0..half).into_par_iter().with_min_len(1 << 8).map(place).sum()
        };
        (0..E::DEGREE + 2).map(at).collect()
    }
    fn bind(&mut self, device: &D, r: &Fr) {
        device.fold(&mut self.eq, r);
        self.columns.iter_mut().for_each(|c| device.fold(c, r));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_coefficients() {
        let p = [3u64, 0, 7, 11].map(Fr::from);
        let at = |x: u64| Native.horner(&p, &Fr::from(x));
        assert_eq!(coefficients(&[at(0), at(1), at(2), at(3)]), p);
        assert_eq!(coefficients(&[at(0), at(1), at(2), at(3), at(4)])[..4], p);
        assert_eq!(coefficients(&[Fr::from(9u64)]), [Fr::from(9u64)]);
    }
}
