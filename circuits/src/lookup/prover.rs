//! The prover of [`super`]: multiplicities, leaves, layers.

#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use rayon::prelude::*;
use talea_gpu::{Device, Ints};

use super::{Form, Lookups, Values};
use crate::{
    arithmetic::Plain,
    columns::{Claims, ColumnId},
    transcript::writer::Writer,
};

/// A value that stands in no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lookup entry {entry}, place {place}: found a value outside its table")]
pub struct Outside {
    /// Number of the entry.
    pub entry: usize,
    /// Place in it.
    pub place: usize,
}

/// How often each tuple of each table is looked up. `column` gives the values of every column but the multiplicities'.
///
/// # Errors
/// The first value outside its table.
pub fn multiplicities<'w>(
    lookups: &Lookups, column: impl Fn(ColumnId) -> &'w Ints + Sync,
) -> Result<Vec<Ints>, Outside> {
    let mut counts: Vec<Vec<u32>> = lookups.tables.iter().map(|t| vec![0; 1 << t.vars]).collect();
    let places: Vec<Option<HashMap<Vec<Fr>, usize>>> = lookups
        .tables
        .iter()
        .map(|t| match &t.values {
            Values::Range => None,
            Values::Listed(columns) => {
                Some((0..1 << t.vars).rev().map(|y| (columns.iter().map(|c| c[y]).collect(), y)).collect())
            }
        })
        .collect();
    for (i, e) in lookups.entries.iter().enumerate() {
        let table = &mut counts[e.table];
        for x in 0..1 << e.vars {
            let at = match &places[e.table] {
                None => integer(&e.forms[0], x, &column).and_then(|v| usize::try_from(v).ok()),
                Some(map) => map.get(&tuple(&e.forms, x, &column)).copied(),
            };
            *at.and_then(|at| table.get_mut(at)).ok_or(Outside { entry: i, place: x })? += 1;
        }
    }
    Ok(counts.into_iter().map(Ints::U32).collect())
}

/// A form's value as an integer, where its factors are small: no field element is made.
fn integer<'w>(form: &Form, x: usize, column: &impl Fn(ColumnId) -> &'w Ints) -> Option<i128> {
    let small = |f: &Fr| {
        let ark_ff::BigInt([low, rest @ ..]) = ark_ff::PrimeField::into_bigint(*f);
        (rest == [0; 3] && low >> 62 == 0).then_some(i128::from(low))
    };
    let constant = small(&form.constant)?;
    form.terms.iter().try_fold(constant, |sum, (f, id)| sum.checked_add(small(f)?.checked_mul(column(*id).get(x))?))
}

fn field(x: i128) -> Fr {
    let size = Fr::from(x.unsigned_abs());
    if x < 0 { -size } else { size }
}

fn tuple<'w>(forms: &[Form], x: usize, column: &impl Fn(ColumnId) -> &'w Ints) -> Vec<Fr> {
    let value = |f: &Form| f.terms.iter().fold(f.constant, |sum, (c, id)| sum + *c * field(column(*id).get(x)));
    forms.iter().map(value).collect()
}

/// Proves that every entry stands in its table; returns the claims about the columns.
pub fn prove<'w>(
    tx: &mut Writer<impl Plain>, device: &impl Device, lookups: &Lookups, column: impl Fn(ColumnId) -> &'w Ints + Sync,
) -> Claims<Fr> {
    let (alpha, beta) = (tx.challenge(), tx.challenge());
    let mut layers = vec![leaves(lookups, alpha, beta, &column)];
    while layers.last().is_some_and(|[p, _]| p.len() > 2) {
        let [p, q] = layers.last().expect("just looked at");
        layers.push(device.fraction_layer(p, q));
    }
    // the root's two fractions; from there one variable more per layer
    let [p, q] = layers.pop().expect("two leaves at least");
    let mut point = send_children(tx, [p[0], p[1], q[0], q[1]], Vec::new());
    while let Some([p, q]) = layers.pop() {
        let lambda = tx.challenge();
        let (values, end) = layer(tx, device, [p, q], &point, lambda);
        point = send_children(tx, values, end);
    }
    let mut claims = Claims::new();
    for (id, vars) in lookups.columns() {
        let point = point[..vars].to_vec();
        let value = evaluate(device, column(id), &point);
        tx.scalar(&value);
        claims.push(id, point, value);
    }
    claims
}

/// f̃(point) of a column.
pub fn evaluate(device: &impl Device, column: &Ints, point: &[Fr]) -> Fr {
    let mut values = column.fields();
    point.iter().rev().for_each(|r| device.fold(&mut values, r));
    values[0]
}

/// Sends both children at a point and adds the child bit's challenge to it.
fn send_children(tx: &mut Writer<impl Plain>, [p0, p1, q0, q1]: [Fr; 4], mut point: Vec<Fr>) -> Vec<Fr> {
    [p0, p1, q0, q1].iter().for_each(|v| tx.scalar(v));
    point.push(tx.challenge());
    point
}

/// One layer's sumcheck: Σ_x eq(x, point)·(p0·q1 + p1·q0 + λ·q0·q1), with p1 + λ·q1 for p1 so that two products do.
///
/// The round polynomial is a linear factor, eq in the variable that is bound, times one of degree two (Gruen, eprint
/// 2024/108, §3.2): only the latter is summed.
fn layer(
    tx: &mut Writer<impl Plain>, device: &impl Device, [p, q]: [Vec<Fr>; 2], point: &[Fr], lambda: Fr,
) -> ([Fr; 4], Vec<Fr>) {
    let half = p.len() / 2;
    let halves = |v: Vec<Fr>| {
        let high = v[half..].to_vec();
        let mut low = v;
        low.truncate(half);
        (low, high)
    };
    let ((mut p0, mut p1), (mut q0, mut q1)) = (halves(p), halves(q));
    p1.par_iter_mut().zip(&q1).for_each(|(p, q)| *p += lambda * q);
    let (mut bound, mut end) = (Fr::one(), Vec::new());
    // the sum itself is needed only once: every round's value follows from the one before
    let whole = device.eq(point);
    let sum = |eq: &[Fr]| -> Fr { (0..half).into_par_iter().map(|i| eq[i] * (p0[i] * q1[i] + p1[i] * q0[i])).sum() };
    let mut claim = sum(&whole);
    for k in (0..point.len()).rev() {
        let r = point[k];
        let [low, leading] = device.fraction_round(&device.eq(&point[..k]), [&p0, &p1, &q0, &q1]);
        // s(X) = bound·((1−r)(1−X) + rX)·t(X), t = low + c_1·X + leading·X²; s(0) + s(1) = claim gives t(1)
        let (at0, at1) = (Fr::one() - r, r);
        let t1 = match (bound * at1).inverse() {
            Some(inverse) => (claim - bound * at0 * low) * inverse,
            None => Fr::zero(), // r or a factor of eq is zero: no challenge ever is
        };
        let c1 = t1 - low - leading;
        let slope = at1 - at0;
        let s = [at0 * low, at0 * c1 + slope * low, at0 * leading + slope * c1, slope * leading].map(|c| bound * c);
        [s[0], s[2], s[3]].iter().for_each(|c| tx.scalar(c));
        let x = tx.challenge();
        claim = ((s[3] * x + s[2]) * x + s[1]) * x + s[0];
        bound *= at0 + slope * x;
        [&mut p0, &mut p1, &mut q0, &mut q1].into_iter().for_each(|c| device.fold(c, &x));
        end.push(x);
    }
    end.reverse();
    ([p0[0], p1[0] - lambda * q1[0], q0[0], q1[0]], end)
}

/// Numerators and denominators of all leaves.
fn leaves<'w>(lookups: &Lookups, alpha: Fr, beta: Fr, column: &(impl Fn(ColumnId) -> &'w Ints + Sync)) -> [Vec<Fr>; 2] {
    let (mut p, mut q) = (vec![Fr::zero(); 1 << lookups.vars], vec![Fr::one(); 1 << lookups.vars]);
    let powers: Vec<Fr> =
        std::iter::successors(Some(Fr::one()), |p| Some(*p * beta)).take(lookups.width() + 1).collect();
    let top = powers[lookups.width()];
    let denominator = |table: usize, tuple: &[Fr]| {
        let sum: Fr = powers.iter().zip(tuple).map(|(b, w)| *b * w).sum();
        alpha - sum - top * Fr::from(table as u64)
    };
    let mut places = lookups.places.iter();
    for (e, at) in lookups.entries.iter().zip(&mut places) {
        p[*at..at + (1 << e.vars)].fill(Fr::one());
        let cells = &mut q[*at..at + (1 << e.vars)];
        cells
            .par_iter_mut()
            .enumerate()
            .for_each(|(x, cell)| *cell = denominator(e.table, &tuple(&e.forms, x, column)));
    }
    for ((number, t), at) in lookups.tables.iter().enumerate().zip(&mut places) {
        let m = column(t.multiplicities);
        let values = |y: usize| match &t.values {
            Values::Range => vec![Fr::from(y as u64)],
            Values::Listed(columns) => columns.iter().map(|c| c[y]).collect(),
        };
        for y in 0..1 << t.vars {
            p[at + y] = -field(m.get(y));
            q[at + y] = denominator(number, &values(y));
        }
    }
    [p, q]
}
