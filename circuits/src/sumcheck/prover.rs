//! The prover of [`super`]: sums of products of two columns, zero-checks, and any of them in lockstep.
#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use talea_gpu::{Cpu, Device};

use super::{view::View, zero::Equations};
use crate::{
    arithmetic::{Arithmetic as _, Native, Plain},
    transcript::writer::Writer,
};

/// Proves Σ_x Σ_pairs a(x)·b(x), folding every column to its value at the point; returns the point, lowest variable first.
pub fn products<D: Device>(
    tx: &mut Writer<impl Plain>, device: &D, pairs: &mut [[D::Vector; 2]], vars: usize,
) -> Vec<Fr> {
    let mut point = Vec::with_capacity(vars);
    for _ in 0..vars {
        let views: Vec<[&D::Vector; 2]> = pairs.iter().map(|[a, b]| [a, b]).collect();
        let [constant, leading] = device.product_round(&views);
        tx.scalar(&constant);
        tx.scalar(&leading);
        let r = tx.challenge();
        pairs.iter_mut().flatten().for_each(|column| device.fold(column, &r));
        point.push(r);
    }
    point
}

/// One sum of several in lockstep. These are the CPU's on every device: their equations are Rust, and their columns short beside those
/// of the matrices.
pub trait Summand: Send + Sync {
    /// Variables not yet bound.
    fn vars(&self) -> usize;
    /// The sum as it stands.
    fn claim(&self) -> Fr;
    /// The values at 0, 1, 2, … of the round polynomial in the lowest variable; one more than its degree.
    fn round(&self) -> Vec<Fr>;
    /// Binds the lowest variable.
    fn bind(&mut self, r: &Fr);
}

/// Proves sums of degree at most `degree` in lockstep; returns the point.
pub fn lockstep(tx: &mut Writer<impl Plain>, degree: usize, sums: &mut [&mut dyn Summand]) -> Vec<Fr> {
    let gamma = tx.challenge();
    let vars = sums.iter().map(|s| s.vars()).max().unwrap_or(0);
    let mut point = Vec::with_capacity(vars);
    let ignored: Vec<usize> = sums.iter().map(|s| vars - s.vars()).collect();
    for bound in 0..vars {
        let own = Cpu.map(sums.iter().zip(&ignored).collect(), |(sum, ignored)| {
            // a shorter sum ignores the highest variables: each that is still unbound doubles it
            let (mut own, left) = match sum.vars() {
                0 => (vec![sum.claim()], vars - bound - 1),
                _ => (coefficients(&sum.round()), *ignored),
            };
            own.iter_mut().for_each(|c| *c *= Fr::from(2u64).pow([left as u64]));
            own
        });
        let mut round = vec![Fr::ZERO; degree + 1];
        for own in own.iter().rev() {
            round.iter_mut().for_each(|c| *c *= gamma);
            round.iter_mut().zip(own).for_each(|(c, own)| *c += own);
        }
        round.iter().enumerate().filter(|(i, _)| *i != 1).for_each(|(_, c)| tx.scalar(c));
        let r = tx.challenge();
        Cpu.map(sums.iter_mut().filter(|s| s.vars() > 0).collect(), |s| s.bind(&r));
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

/// Σ_x Π_j f_j(x), of vectors that are short.
pub struct Product(pub Vec<Vec<Fr>>);

impl Summand for Product {
    fn vars(&self) -> usize {
        self.0[0].len().ilog2() as usize
    }
    fn claim(&self) -> Fr {
        let at = |x: usize| self.0.iter().map(|f| f[x]).product::<Fr>();
        (0..self.0[0].len()).into_par_iter().map(at).sum()
    }
    fn round(&self) -> Vec<Fr> {
        let line = |f: &[Fr], x: usize, t: Fr| f[2 * x] + t * (f[2 * x + 1] - f[2 * x]);
        let at = |t: usize| -> Fr {
            let t = Fr::from(t as u64);
            let place = |x: usize| self.0.iter().map(|f| line(f, x, t)).product::<Fr>();
            (0..self.0[0].len() / 2).into_par_iter().with_min_len(1 << 8).map(place).sum()
        };
        (0..=self.0.len()).map(at).collect()
    }
    fn bind(&mut self, r: &Fr) {
        self.0.iter_mut().for_each(|c| Cpu.fold(c, r));
    }
}

/// Σ_x eq(x, τ)·Σ_k ε^k·C_k(f(x)): a zero-check.
pub struct Zero<'w, E> {
    equations: E,
    epsilon: Fr,
    eq: Vec<Fr>,
    /// The columns, folded as far as the sum is.
    columns: Vec<View<'w>>,
}

impl<'w, E: Equations + Send + Sync> Zero<'w, E> {
    /// The sum over τ's variables.
    pub fn new(equations: E, tau: &[Fr], epsilon: &Fr, columns: Vec<View<'w>>) -> Self {
        Self { equations, epsilon: *epsilon, eq: Cpu.eq(tau), columns }
    }

    /// The columns' values at the point, once all variables are bound.
    pub fn values(&self) -> Vec<Fr> {
        self.columns.iter().map(|c| c.at(0)).collect()
    }

    fn inner(&self, columns: &[Fr]) -> Fr {
        Native.horner(&self.equations.evaluate(&Native, columns), &self.epsilon)
    }
}

impl<E: Equations + Send + Sync> Summand for Zero<'_, E> {
    fn vars(&self) -> usize {
        self.eq.len().ilog2() as usize
    }
    fn claim(&self) -> Fr {
        let at = |x: usize| self.eq[x] * self.inner(&self.columns.iter().map(|c| c.at(x)).collect::<Vec<_>>());
        (0..self.eq.len()).into_par_iter().map(at).sum()
    }
    fn round(&self) -> Vec<Fr> {
        let values = E::DEGREE + 2;
        let place = |mut sums: Vec<Fr>, x: usize| {
            let ends = |[low, high]: [Fr; 2]| (low, high - low);
            let mut columns: Vec<(Fr, Fr)> =
                self.columns.iter().map(|c| ends([c.at(2 * x), c.at(2 * x + 1)])).collect();
            let (mut eq, step) = ends([self.eq[2 * x], self.eq[2 * x + 1]]);
            let mut now = vec![Fr::ZERO; columns.len()];
            for sum in &mut sums {
                now.iter_mut().zip(&columns).for_each(|(to, c)| *to = c.0);
                *sum += eq * self.inner(&now);
                eq += step;
                columns.iter_mut().for_each(|(value, step)| *value += *step);
            }
            sums
        };
        let none = || vec![Fr::ZERO; values];
        let add = |a: Vec<Fr>, b: Vec<Fr>| a.iter().zip(b).map(|(a, b)| *a + b).collect();
        (0..self.eq.len() / 2).into_par_iter().with_min_len(1 << 8).fold(none, place).reduce(none, add)
    }
    fn bind(&mut self, r: &Fr) {
        Cpu.fold(&mut self.eq, r);
        Cpu.map(self.columns.iter_mut().collect(), |c| c.bind(r));
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
