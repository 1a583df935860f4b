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
///
/// The leaves are never stored: they follow from the columns, and are computed again where they are needed. At its peak
/// the tree holds the layers above them, 64 bytes per leaf.
pub fn prove<'w>(
    tx: &mut Writer<impl Plain>, device: &impl Device, lookups: &Lookups, column: impl Fn(ColumnId) -> &'w Ints + Sync,
) -> Claims<Fr> {
    let leaves = Leaves::new(lookups, tx.challenge(), tx.challenge(), &column);
    let mut layers = vec![if lookups.vars > 1 { leaves.parents() } else { leaves.read(0, 2) }];
    while layers.last().is_some_and(|[p, _]| p.len() > 2) {
        let [p, q] = layers.last().expect("just looked at");
        layers.push(device.fraction_layer(p, q));
    }
    // the root's two fractions; from there one variable more per layer
    let [p, q] = layers.pop().expect("two nodes at least");
    let mut node = send_children(tx, [p[0], p[1], q[0], q[1]], Vec::new());
    while let Some([p, q]) = layers.pop() {
        let (lambda, halves) = (tx.challenge(), [p, q].map(split));
        let [[p0, mut p1], [q0, q1]] = halves;
        p1.par_iter_mut().zip(&q1).for_each(|(p, q)| *p += lambda * q);
        let rounds = Rounds::new(&node, lambda);
        let (values, end) = rounds.finish(tx, device, [p0, p1, q0, q1], lambda);
        node = send_children(tx, values, end);
    }
    if lookups.vars > 1 {
        let lambda = tx.challenge();
        let mut rounds = Rounds::new(&node, lambda);
        let top = lookups.vars - 2;
        let x = {
            let sums = leaves.first_round(&device.eq(&node.point[..top]), lambda);
            rounds.send(tx, sums)
        };
        let (values, end) = rounds.finish(tx, device, leaves.bound(&x, lambda), lambda);
        node = send_children(tx, values, end);
    }
    let mut claims = Claims::new();
    for (id, vars) in lookups.columns() {
        let point = node.point[..vars].to_vec();
        let value = evaluate(device, column(id), &point);
        tx.scalar(&value);
        claims.push(id, point, value);
    }
    claims
}

/// Both halves of a vector.
fn split(mut v: Vec<Fr>) -> [Vec<Fr>; 2] {
    let high = v.split_off(v.len() / 2);
    [v, high]
}

/// f̃(point) of a column.
pub fn evaluate(device: &impl Device, column: &Ints, point: &[Fr]) -> Fr {
    let mut values = column.fields();
    point.iter().rev().for_each(|r| device.fold(&mut values, r));
    values[0]
}

/// A layer's columns at a point.
struct Node {
    point: Vec<Fr>,
    p: Fr,
    q: Fr,
}

/// Sends both children at a point and moves to the layer below, by the child bit's challenge.
fn send_children(tx: &mut Writer<impl Plain>, [p0, p1, q0, q1]: [Fr; 4], mut point: Vec<Fr>) -> Node {
    [p0, p1, q0, q1].iter().for_each(|v| tx.scalar(v));
    let top = tx.challenge();
    point.push(top);
    Node { point, p: p0 + top * (p1 - p0), q: q0 + top * (q1 - q0) }
}

/// One layer's sumcheck: Σ_x eq(x, point)·(p0·q1 + p1·q0 + λ·q0·q1), with p1 + λ·q1 for p1 so that two products do.
///
/// The round polynomial is a linear factor, eq in the variable that is bound, times one of degree two (Gruen, eprint
/// 2024/108, §3.2): only the latter is summed, at 0 and for its leading coefficient.
struct Rounds<'n> {
    point: &'n [Fr],
    claim: Fr,
    /// eq of the variables bound so far.
    bound: Fr,
    /// Challenges, the highest variable's first.
    end: Vec<Fr>,
}

impl<'n> Rounds<'n> {
    fn new(node: &'n Node, lambda: Fr) -> Self {
        Self { point: &node.point, claim: node.p + lambda * node.q, bound: Fr::one(), end: Vec::new() }
    }

    /// Sends a round and binds the highest variable left.
    fn send(&mut self, tx: &mut Writer<impl Plain>, [low, leading]: [Fr; 2]) -> Fr {
        let at1 = self.point[self.point.len() - 1 - self.end.len()];
        let at0 = Fr::one() - at1;
        // s(X) = bound·((1−r)(1−X) + rX)·t(X), t = low + c_1·X + leading·X²; s(0) + s(1) = claim gives t(1)
        let t1 = match (self.bound * at1).inverse() {
            Some(inverse) => (self.claim - self.bound * at0 * low) * inverse,
            None => Fr::zero(), // r or a factor of eq is zero: no challenge ever is
        };
        let (c1, slope) = (t1 - low - leading, at1 - at0);
        let s = [at0 * low, at0 * c1 + slope * low, at0 * leading + slope * c1, slope * leading];
        let s = s.map(|c| self.bound * c);
        [s[0], s[2], s[3]].iter().for_each(|c| tx.scalar(c));
        let x = tx.challenge();
        self.claim = ((s[3] * x + s[2]) * x + s[1]) * x + s[0];
        self.bound *= at0 + slope * x;
        self.end.push(x);
        x
    }

    /// The rounds that are left, over p0, p1 + λ·q1, q0, q1; returns the children and the point.
    fn finish(
        mut self, tx: &mut Writer<impl Plain>, device: &impl Device, mut columns: [Vec<Fr>; 4], lambda: Fr,
    ) -> ([Fr; 4], Vec<Fr>) {
        while self.end.len() < self.point.len() {
            let below = self.point.len() - 1 - self.end.len();
            let sums = device.fraction_round(&device.eq(&self.point[..below]), columns.each_ref().map(Vec::as_slice));
            let x = self.send(tx, sums);
            columns.iter_mut().for_each(|c| device.fold(c, &x));
        }
        self.end.reverse();
        let [p0, p1, q0, q1] = columns.map(|c| c[0]);
        ([p0, p1 - lambda * q1, q0, q1], self.end)
    }
}

/// Leaves computed at a time.
const BLOCK: usize = 1 << 11;

/// Numerators and denominators of the leaves, computed from the columns wherever they are asked for.
struct Leaves<'l, F> {
    lookups: &'l Lookups,
    column: &'l F,
    alpha: Fr,
    powers: Vec<Fr>,
    /// Beginning, end and number of every entry and table, ascending; tables count on from entries.
    cubes: Vec<(usize, usize, usize)>,
}

impl<'l, 'w, F: Fn(ColumnId) -> &'w Ints + Sync> Leaves<'l, F> {
    fn new(lookups: &'l Lookups, alpha: Fr, beta: Fr, column: &'l F) -> Self {
        let powers = std::iter::successors(Some(Fr::one()), |p| Some(*p * beta)).take(lookups.width() + 1).collect();
        let sizes = lookups.entries.iter().map(|e| e.vars).chain(lookups.tables.iter().map(|t| t.vars));
        let cube = |((number, at), vars): ((usize, &usize), usize)| (*at, at + (1 << vars), number);
        let mut cubes: Vec<_> = lookups.places.iter().enumerate().zip(sizes).map(cube).collect();
        cubes.sort_unstable();
        Self { lookups, column, alpha, powers, cubes }
    }

    fn denominator(&self, table: usize, tuple: impl Iterator<Item = Fr>) -> Fr {
        let sum: Fr = self.powers.iter().zip(tuple).map(|(b, w)| *b * w).sum();
        let tag = if table == 0 { Fr::zero() } else { self.powers[self.lookups.width()] * Fr::from(table as u64) };
        self.alpha - sum - tag
    }

    /// A leaf of cube `number`, the `x`-th of it.
    fn leaf(&self, number: usize, x: usize) -> (Fr, Fr) {
        let entries = &self.lookups.entries;
        if let Some(e) = entries.get(number) {
            let value =
                |f: &Form| f.terms.iter().fold(f.constant, |sum, (c, id)| sum + times(c, (self.column)(*id).get(x)));
            return (Fr::one(), self.denominator(e.table, e.forms.iter().map(value)));
        }
        let table = number - entries.len();
        let t = &self.lookups.tables[table];
        let q = match &t.values {
            Values::Range => self.denominator(table, std::iter::once(Fr::from(x as u64))),
            Values::Listed(columns) => self.denominator(table, columns.iter().map(|c| c[x])),
        };
        (-field((self.column)(t.multiplicities).get(x)), q)
    }

    /// The leaves from `from` on, as many as fit the buffers; those that nobody uses are 0/1.
    fn fill(&self, from: usize, p: &mut [Fr], q: &mut [Fr]) {
        p.fill(Fr::zero());
        q.fill(Fr::one());
        let to = from + p.len();
        let first = self.cubes.partition_point(|cube| cube.1 <= from);
        for &(begin, end, number) in self.cubes[first..].iter().take_while(|cube| cube.0 < to) {
            for i in begin.max(from)..end.min(to) {
                (p[i - from], q[i - from]) = self.leaf(number, i - begin);
            }
        }
    }

    fn read(&self, from: usize, count: usize) -> [Vec<Fr>; 2] {
        let (mut p, mut q) = (vec![Fr::zero(); count], vec![Fr::zero(); count]);
        self.fill(from, &mut p, &mut q);
        [p, q]
    }

    /// The layer above the leaves.
    fn parents(&self) -> [Vec<Fr>; 2] {
        let half = 1usize << (self.lookups.vars - 1);
        let (mut p, mut q) = (vec![Fr::zero(); half], vec![Fr::zero(); half]);
        p.par_chunks_mut(BLOCK).zip(q.par_chunks_mut(BLOCK)).enumerate().for_each(|(i, (p, q))| {
            let [[p0, q0], [p1, q1]] = [0, half].map(|at| self.read(at + i * BLOCK, p.len()));
            for (k, (p, q)) in p.iter_mut().zip(q).enumerate() {
                (*p, *q) = (p0[k] * q1[k] + p1[k] * q0[k], q0[k] * q1[k]);
            }
        });
        [p, q]
    }

    /// The four columns of the leaves' sumcheck over a block, both values of the highest variable.
    fn quarters(&self, from: usize, count: usize, lambda: Fr) -> [[Vec<Fr>; 2]; 4] {
        let quarter = 1usize << (self.lookups.vars - 2);
        let [[p00, q00], [p01, q01], [mut p10, q10], [mut p11, q11]] =
            [0, 1, 2, 3].map(|k| self.read(k * quarter + from, count));
        p10.iter_mut().zip(&q10).for_each(|(p, q)| *p += lambda * q);
        p11.iter_mut().zip(&q11).for_each(|(p, q)| *p += lambda * q);
        [[p00, p01], [p10, p11], [q00, q01], [q10, q11]]
    }

    /// As [`Device::fraction_round`], without columns.
    fn first_round(&self, eq: &[Fr], lambda: Fr) -> [Fr; 2] {
        let block = |(i, eq): (usize, &[Fr])| {
            let [p0, p1, q0, q1] = self.quarters(i * BLOCK, eq.len(), lambda);
            let step = |c: &[Vec<Fr>; 2], k: usize| c[1][k] - c[0][k];
            eq.iter().enumerate().fold([Fr::zero(); 2], |[low, high], (k, eq)| {
                let at0 = p0[0][k] * q1[0][k] + p1[0][k] * q0[0][k];
                let leading = step(&p0, k) * step(&q1, k) + step(&p1, k) * step(&q0, k);
                [low + *eq * at0, high + *eq * leading]
            })
        };
        let add = |a: [Fr; 2], b: [Fr; 2]| [a[0] + b[0], a[1] + b[1]];
        eq.par_chunks(BLOCK).enumerate().map(block).reduce(|| [Fr::zero(); 2], add)
    }

    /// The four columns with the highest variable bound.
    fn bound(&self, x: &Fr, lambda: Fr) -> [Vec<Fr>; 4] {
        let quarter = 1usize << (self.lookups.vars - 2);
        let mut all = [0; 4].map(|_| vec![Fr::zero(); quarter]);
        let [p0, p1, q0, q1] = all.each_mut().map(|c| c.par_chunks_mut(BLOCK));
        p0.zip(p1).zip(q0.zip(q1)).enumerate().for_each(|(i, ((p0, p1), (q0, q1)))| {
            let columns = self.quarters(i * BLOCK, p0.len(), lambda);
            for (to, [low, high]) in [p0, p1, q0, q1].into_iter().zip(columns) {
                to.iter_mut().zip(low.iter().zip(&high)).for_each(|(to, (l, h))| *to = *l + *x * (*h - l));
            }
        });
        all
    }
}

/// c·x, without a multiplication where c is 1.
fn times(c: &Fr, x: i128) -> Fr {
    if c.is_one() { field(x) } else { *c * field(x) }
}
