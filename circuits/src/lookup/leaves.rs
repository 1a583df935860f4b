//! The leaves of [`super`], computed from the columns wherever they are asked for, and multiplicities.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{BigInt, One, PrimeField, Zero};
use rayon::prelude::*;
use talea_gpu::{
    Device, Ints,
    leaves::{Form as Integers, Leaves as Run, Run as Placed, field},
};

use super::{Entry, Form, Lookups, Table, Values};
use crate::{columns::ColumnId, fractions::prover as fractions};

/// Leaves computed at a time.
const BLOCK: usize = 1 << 11;

/// A value that stands in no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lookup entry {entry}, place {place}: found a value outside its table")]
pub struct Outside {
    /// Number of the entry.
    pub entry: usize,
    /// Place in it.
    pub place: usize,
}

/// A form whose factors have at most 31 bits and a sign.
fn integers<'w>(form: &Form, column: &impl Fn(ColumnId) -> &'w Ints) -> Option<Integers<'w>> {
    let low = |f: Fr| match f.into_bigint() {
        BigInt([low, 0, 0, 0]) if low >> 31 == 0 => Some(i128::from(low)),
        _ => None,
    };
    let small = |f: &Fr| low(*f).or_else(|| low(-*f).map(|f| -f));
    let terms = form.terms.iter().map(|(f, id)| Some((small(f)?, column(*id)))).collect::<Option<_>>()?;
    Some(Integers { constant: small(&form.constant)?, terms })
}

/// How often each tuple of each table is looked up. `column` gives the values of every column but the multiplicities'.
///
/// # Errors
/// The first value outside its table.
pub fn multiplicities<'w>(
    lookups: &Lookups, column: impl Fn(ColumnId) -> &'w Ints + Sync,
) -> Result<Vec<Ints>, Outside> {
    let mut counts: Vec<Vec<u32>> = lookups.tables.iter().map(|t| vec![0; 1 << t.vars]).collect();
    for (i, e) in lookups.entries.iter().enumerate() {
        let (total, outside) = count(lookups, e, &column);
        match outside {
            Some(place) => return Err(Outside { entry: i, place }),
            None => counts[e.table].iter_mut().zip(total).for_each(|(all, n)| *all += n),
        }
    }
    Ok(counts.into_iter().map(Ints::U32).collect())
}

/// An entry's counts, and the first place whose tuple its table lacks.
fn count<'w>(
    lookups: &Lookups, entry: &Entry, column: &(impl Fn(ColumnId) -> &'w Ints + Sync),
) -> (Vec<u32>, Option<usize>) {
    let table = &lookups.tables[entry.table];
    let range = match (&table.values, entry.forms.as_slice()) {
        (Values::Range, [form]) => integers(form, column),
        _ => None,
    };
    let listed: HashMap<Vec<Fr>, usize> = match &table.values {
        _ if range.is_some() => HashMap::new(),
        Values::Range => (0..1 << table.vars).map(|y| (vec![Fr::from(y as u64)], y)).collect(),
        Values::Listed(columns) => {
            (0..1 << table.vars).rev().map(|y| (columns.iter().map(|c| c[y]).collect(), y)).collect()
        }
    };
    let size = 1usize << entry.vars;
    let places = |from: usize| -> Vec<Option<usize>> {
        let n = BLOCK.min(size - from);
        match &range {
            Some(form) => {
                let mut values = vec![0; n];
                form.read(from, &mut values);
                values.iter().map(|v| usize::try_from(*v).ok().filter(|v| v >> table.vars == 0)).collect()
            }
            None => (from..from + n).map(|x| listed.get(&tuple(&entry.forms, x, column)).copied()).collect(),
        }
    };
    let none = || (vec![0u32; 1 << table.vars], None);
    let add = |(mut counts, mut outside): (Vec<u32>, Option<usize>), block: usize| {
        for (i, at) in places(block * BLOCK).into_iter().enumerate() {
            match at {
                Some(at) => counts[at] += 1,
                None => outside = outside.or(Some(block * BLOCK + i)),
            }
        }
        (counts, outside)
    };
    // few tasks, each with counts of its own
    let blocks = size.div_ceil(BLOCK);
    let tasks = blocks.div_ceil(rayon::current_num_threads().max(1) * 4);
    (0..blocks).into_par_iter().with_min_len(tasks).fold(none, add).reduce(none, |mut a, b| {
        a.0.iter_mut().zip(b.0).for_each(|(a, b)| *a += b);
        (a.0, a.1.or(b.1))
    })
}

fn tuple<'w>(forms: &[Form], x: usize, column: &impl Fn(ColumnId) -> &'w Ints) -> Vec<Fr> {
    let value = |f: &Form| f.terms.iter().fold(f.constant, |sum, (c, id)| sum + *c * field(column(*id).get(x)));
    forms.iter().map(value).collect()
}

/// What stands at the leaves of one entry or table.
enum Cube<'l, 'w> {
    /// Integers that stand in a range: their denominators are the table's.
    Indices(usize, Integers<'w>),
    /// Tuples of any kind.
    Tuples(&'l Entry),
    /// A table.
    Table(usize, &'w Ints),
}

/// Numerators and denominators of the leaves.
pub(super) struct Leaves<'l, 'w, D: Device, F> {
    device: &'l D,
    column: &'l F,
    alpha: Fr,
    powers: Vec<Fr>,
    /// β^J·(number of the table) + α's part is in here: the denominators of every table.
    tables: Vec<D::Vector>,
    /// Beginning, end and content of every entry and table, ascending.
    cubes: Vec<(usize, usize, Cube<'l, 'w>)>,
    vars: usize,
    used: usize,
}

impl<'l, 'w, D: Device, F: Fn(ColumnId) -> &'w Ints + Sync> Leaves<'l, 'w, D, F> {
    pub(super) fn new(device: &'l D, lookups: &'l Lookups, [alpha, beta]: [Fr; 2], column: &'l F) -> Self {
        let powers: Vec<Fr> =
            std::iter::successors(Some(Fr::one()), |p| Some(*p * beta)).take(lookups.width() + 1).collect();
        let entries = lookups.entries.iter().map(|e| {
            let cube = match (&lookups.tables[e.table].values, e.forms.as_slice()) {
                (Values::Range, [form]) => integers(form, column).map(|form| Cube::Indices(e.table, form)),
                _ => None,
            };
            (e.vars, cube.unwrap_or(Cube::Tuples(e)))
        });
        let tables = lookups.tables.iter().enumerate().map(|(i, t)| (t.vars, Cube::Table(i, column(t.multiplicities))));
        let placed = lookups.places.iter().zip(entries.chain(tables));
        let mut cubes: Vec<_> = placed.map(|(at, (vars, cube))| (*at, at + (1 << vars), cube)).collect();
        cubes.sort_unstable_by_key(|c| c.0);
        let used = cubes.last().map_or(1, |c| c.1);
        let (vars, tables) = (lookups.vars, Vec::new());
        let mut leaves = Self { device, column, alpha, powers, tables, cubes, vars, used };
        let table = |(i, t): (usize, &Table)| -> Vec<Fr> {
            match &t.values {
                Values::Range => {
                    let first = leaves.denominator(i, [Fr::zero()].into_iter());
                    let places = (0..1usize << t.vars).into_par_iter().with_min_len(BLOCK);
                    places.map(|y| first - Fr::from(y as u64)).collect()
                }
                Values::Listed(c) => (0..1 << t.vars).map(|y| leaves.denominator(i, c.iter().map(|c| c[y]))).collect(),
            }
        };
        leaves.tables = lookups.tables.iter().enumerate().map(table).map(|table| device.vector(table)).collect();
        leaves
    }

    fn denominator(&self, table: usize, tuple: impl Iterator<Item = Fr>) -> Fr {
        let sum: Fr = self.powers.iter().zip(tuple).map(|(b, w)| *b * w).sum();
        let tag = self.powers[self.powers.len() - 1] * Fr::from(table as u64);
        self.alpha - sum - tag
    }

    /// The leaves from `from` on.
    fn read(&self, from: usize, count: usize) -> [D::Vector; 2] {
        let to = from + count;
        let first = self.cubes.partition_point(|cube| cube.1 <= from);
        let inside = self.cubes[first..].iter().take_while(|cube| cube.0 < to);
        let runs = inside.map(|(begin, end, cube)| {
            let (start, stop) = (from.max(*begin), to.min(*end));
            let (place, count) = (start - begin, stop - start);
            let leaves = match cube {
                Cube::Indices(table, form) => Run::Indices { table: &self.tables[*table], form, from: place, count },
                Cube::Tuples(e) => {
                    let q = |x| self.denominator(e.table, tuple(&e.forms, x, self.column).into_iter());
                    let places = (place..place + count).into_par_iter().with_min_len(BLOCK);
                    Run::Given { p: vec![Fr::one(); count], q: places.map(q).collect() }
                }
                Cube::Table(table, counts) => Run::Table { table: &self.tables[*table], counts, from: place, count },
            };
            Placed { at: start - from, leaves }
        });
        self.device.leaves(count, runs.collect())
    }

    /// The leaves from `from` on with λ·q1 added to p1, as a layer's sumcheck wants them.
    fn mixed(&self, from: usize, count: usize, lambda: &Fr) -> [D::Vector; 2] {
        let [mut p, q] = self.read(from, count);
        self.device.mix(&mut p, &q, lambda);
        [p, q]
    }
}

impl<'w, D: Device, F: Fn(ColumnId) -> &'w Ints + Sync> fractions::Leaves<D> for Leaves<'_, 'w, D, F> {
    fn vars(&self) -> usize {
        self.vars
    }

    fn stored(&self, level: usize) -> usize {
        let used = self.used.div_ceil(1 << (self.vars - level)).next_multiple_of(4);
        used.min(1 << level)
    }

    fn level(&self, level: usize) -> [D::Vector; 2] {
        let below = self.vars - level;
        let stored = fractions::Leaves::<D>::stored(self, level);
        self.device.in_blocks(stored, BLOCK >> below, |range| {
            let mut layer = self.read(range.start << below, range.len() << below);
            (0..below).for_each(|_| layer = self.device.fraction_layer(&layer[0], &layer[1]));
            layer
        })
    }

    fn first_round(&self, [low, high]: [&[Fr]; 2], lambda: &Fr) -> [Fr; 2] {
        let size = low.len();
        self.device.sum_blocks(fractions::Leaves::<D>::stored(self, self.vars) / 4, size, |places| {
            let [p, q] = self.mixed(4 * places.start, 4 * places.len(), lambda);
            let high = &high[places.start / size..places.end.div_ceil(size)];
            self.device.fraction_round([low, high], &p, &q)
        })
    }

    fn bound(&self, r: &Fr, lambda: &Fr) -> [D::Vector; 2] {
        let half = fractions::Leaves::<D>::stored(self, self.vars) / 2;
        self.device.in_blocks(half, BLOCK / 2, |range| {
            self.mixed(2 * range.start, 2 * range.len(), lambda).map(|mut leaves| {
                self.device.fold_children(&mut leaves, r);
                leaves
            })
        })
    }
}
