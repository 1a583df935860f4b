//! What stands at the leaves of a tree of fractions (LogUp, Papini and Haböck, eprint 2023/1284).

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};

use crate::Ints;

/// Σ factor·column + constant: integers that 128 bits hold, since factors and constant have at most 31 bits and a sign.
#[derive(Debug, Clone)]
pub struct Form<'w> {
    /// Added everywhere.
    pub constant: i128,
    /// Factors and columns.
    pub terms: Vec<(i128, &'w Ints)>,
}

impl Form<'_> {
    /// The values from place `from` on.
    pub fn read(&self, from: usize, values: &mut [i128]) {
        values.fill(self.constant);
        self.terms.iter().for_each(|(factor, ints)| ints.accumulate(from, *factor, values));
    }
}

/// Consecutive leaves.
#[derive(Debug)]
pub struct Run<'a, V> {
    /// The place of the first.
    pub at: usize,
    /// What they are.
    pub leaves: Leaves<'a, V>,
}

impl<'a, V> Run<'a, V> {
    /// The table that they are looked up in.
    pub(crate) fn table(&self) -> Option<&'a V> {
        match &self.leaves {
            Leaves::Indices { table, .. } | Leaves::Table { table, .. } => Some(table),
            Leaves::Given { .. } => None,
        }
    }

    /// The same leaves, looked up in another vector.
    pub(crate) fn with<W>(self, other: Option<&'a W>) -> Run<'a, W> {
        let leaves = match (self.leaves, other) {
            (Leaves::Indices { form, from, count, .. }, Some(table)) => Leaves::Indices { table, form, from, count },
            (Leaves::Table { counts, from, count, .. }, Some(table)) => Leaves::Table { table, counts, from, count },
            (Leaves::Indices { .. } | Leaves::Table { .. }, None) => unreachable!("a table for what is looked up"),
            (Leaves::Given { p, q }, _) => Leaves::Given { p, q },
        };
        Run { at: self.at, leaves }
    }
}

/// What consecutive leaves are.
#[derive(Debug)]
pub enum Leaves<'a, V> {
    /// 1 over the table's value at the form's, from place `from` of it on. A cheater's, which stand outside of the table, are as if
    /// it went on as it begins: table[0] − v.
    Indices {
        /// The denominator of every place of the table.
        table: &'a V,
        /// What is looked up.
        form: &'a Form<'a>,
        /// The first of them.
        from: usize,
        /// How many.
        count: usize,
    },
    /// Less counts over a table's values, both from place `from` on.
    Table {
        /// The denominator of every place of the table.
        table: &'a V,
        /// How often each is looked up.
        counts: &'a Ints,
        /// The first of them.
        from: usize,
        /// How many.
        count: usize,
    },
    /// These.
    Given {
        /// Numerators.
        p: Vec<Fr>,
        /// Denominators, as many.
        q: Vec<Fr>,
    },
}

impl<V> Leaves<'_, V> {
    /// How many.
    pub fn count(&self) -> usize {
        match self {
            Self::Indices { count, .. } | Self::Table { count, .. } => *count,
            Self::Given { p, .. } => p.len(),
        }
    }
}

/// An integer as a field element.
pub fn field(x: i128) -> Fr {
    let size = Fr::from(x.unsigned_abs());
    if x < 0 { -size } else { size }
}

/// [`crate::Device::leaves`] on the CPU, by one thread.
pub(crate) fn read<V>(n: usize, runs: Vec<Run<'_, V>>, table: impl Fn(&V) -> &[Fr]) -> [Vec<Fr>; 2] {
    let (mut p, mut q) = (vec![Fr::ZERO; n], vec![Fr::one(); n]);
    let mut values = Vec::new();
    for Run { at, leaves } in runs {
        let here = at..at + leaves.count();
        match leaves {
            Leaves::Indices { table: of, form, from, count } => {
                values.resize(count, 0);
                form.read(from, &mut values);
                let table = table(of);
                let at = |v: &i128| usize::try_from(*v).ok().and_then(|v| table.get(v)).copied();
                let value = |v: &i128| at(v).unwrap_or_else(|| table[0] - field(*v));
                q[here.clone()].iter_mut().zip(&values).for_each(|(q, v)| *q = value(v));
                p[here].fill(Fr::one());
            }
            Leaves::Table { table: of, counts, from, count } => {
                p[here.clone()].iter_mut().enumerate().for_each(|(i, p)| *p = -counts.field(from + i));
                q[here].copy_from_slice(&table(of)[from..from + count]);
            }
            Leaves::Given { p: own_p, q: own_q } => {
                p[here.clone()].copy_from_slice(&own_p);
                q[here].copy_from_slice(&own_q);
            }
        }
    }
    [p, q]
}
