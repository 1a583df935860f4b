//! Lookups: every value that a column must take from a table, of any width and of any number of columns, in one tree.
//!
//! | symbol | meaning |
//! |---|---|
//! | w_i | an entry: 2^m tuples of affine forms of columns, each of which must stand in its table |
//! | t, mult | a table, and how often each of its tuples is looked up (a committed column) |
//! | α, β | challenges drawn after every column is committed |
//! | ⟨w⟩ | a tuple's fingerprint Σ_j β^j·w_j + β^J·(number of its table), J the width of the widest |
//!
//! LogUp (Haböck, eprint 2022/1530): all entries stand in their tables if and only if, but for an error of
//! (entries + table tuples)·J/|F|,
//!
//! ```text
//! Σ_entries Σ_x 1/(α − ⟨w_i(x)⟩) = Σ_tables Σ_y mult(y)/(α − ⟨t(y)⟩)
//! ```
//!
//! with multiplicities below the field's characteristic, which entry counts guarantee. The sum is one of [`crate::fractions`]. Entries and tables are aligned cubes of its leaves, as columns are of a chunk; leaves that nobody uses
//! are 0/1, all behind those that are used, so that a prover stores none of them.

#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
mod leaves;
#[cfg(feature = "prove")]
#[allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]
pub mod prover;
pub mod range;
mod verifier;

pub use verifier::verify;

use ark_bn254::Fr;
use ark_ff::{BigInteger as _, PrimeField};

use crate::columns::{ColumnId, Layout, MAX_VARS, hash_number, stack};

/// An affine form of columns of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Factors and columns.
    pub terms: Vec<(Fr, ColumnId)>,
    /// What is added.
    pub constant: Fr,
}

impl Form {
    /// A column itself.
    pub fn column(id: ColumnId) -> Self {
        Self { terms: vec![(Fr::from(1u64), id)], constant: Fr::from(0u64) }
    }

    /// A column times a factor.
    pub fn scaled(id: ColumnId, factor: u64) -> Self {
        Self { terms: vec![(Fr::from(factor), id)], constant: Fr::from(0u64) }
    }
}

/// 2^vars tuples that must stand in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Variables of every column of its forms.
    pub vars: usize,
    /// The tuple.
    pub forms: Vec<Form>,
    /// Number of the table.
    pub table: usize,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// 0, 1, …, 2^vars − 1.
    Range,
    /// Columns of 2^vars values each, which the verifier evaluates itself: keep them short.
    Listed(Vec<Vec<Fr>>),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// It has 2^vars tuples.
    pub vars: usize,
    /// The tuples.
    pub values: Values,
    /// The committed column of multiplicities.
    pub multiplicities: ColumnId,
}

impl Table {
    fn width(&self) -> usize {
        match &self.values {
            Values::Range => 1,
            Values::Listed(columns) => columns.len(),
        }
    }
}

/// All lookups of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookups {
    entries: Vec<Entry>,
    tables: Vec<Table>,
    /// Places of entries, then tables, among the leaves.
    places: Vec<usize>,
    vars: usize,
}

/// A description of lookups that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lookups: {what} {place}: found {found}, expected {expected}")]
pub struct Malformed {
    what: &'static str,
    place: usize,
    found: usize,
    expected: usize,
}

impl Lookups {
    /// Checks that sizes agree and places everything among the leaves.
    ///
    /// # Errors
    /// A column of another size than its entry or table, a tuple of another width than its table, a table that is not there.
    pub fn new(layout: &Layout, entries: Vec<Entry>, tables: Vec<Table>) -> Result<Self, Malformed> {
        // a column that is not there has more variables than any that is
        let vars_of = |id: ColumnId| layout.place(id).map_or(MAX_VARS + 1, |p| p.vars);
        let fits = |what, place, found, expected| match found == expected {
            true => Ok(()),
            false => Err(Malformed { what, place, found, expected }),
        };
        for (i, vars) in entries.iter().map(|e| e.vars).chain(tables.iter().map(|t| t.vars)).enumerate() {
            fits("variables of entry or table", i, vars, vars.min(MAX_VARS))?;
        }
        for (i, e) in entries.iter().enumerate() {
            fits("table of entry", i, e.table, e.table.min(tables.len().saturating_sub(1)))?;
            for (_, id) in e.forms.iter().flat_map(|f| &f.terms) {
                fits("variables of a column of entry", i, vars_of(*id), e.vars)?;
            }
            fits("width of entry", i, e.forms.len(), tables.get(e.table).map_or(0, Table::width))?;
        }
        for (i, t) in tables.iter().enumerate() {
            fits("variables of the multiplicities of table", i, vars_of(t.multiplicities), t.vars)?;
            if let Values::Listed(columns) = &t.values {
                columns.iter().try_for_each(|c| fits("values of table", i, c.len(), 1 << t.vars))?;
            }
        }
        let sizes: Vec<usize> = entries.iter().map(|e| e.vars).chain(tables.iter().map(|t| t.vars)).collect();
        let (places, total) = stack(&sizes);
        // two leaves at least: the root is a sum of two fractions
        Ok(Self { entries, tables, places, vars: total.next_power_of_two().trailing_zeros().max(1) as usize })
    }

    /// The tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// L: the leaves are 2^L.
    pub fn vars(&self) -> usize {
        self.vars
    }

    /// J: the widest tuple.
    fn width(&self) -> usize {
        self.tables.iter().map(Table::width).max().unwrap_or(1)
    }

    /// The columns whose values the leaves need, with their variables, each once, ascending.
    fn columns(&self) -> Vec<(ColumnId, usize)> {
        let of_entries = self.entries.iter().flat_map(|e| e.forms.iter().flat_map(|f| &f.terms).map(|t| (t.1, e.vars)));
        let mut all: Vec<_> = of_entries.chain(self.tables.iter().map(|t| (t.multiplicities, t.vars))).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Hashes all that fixes the lookups.
    pub fn describe(&self, hasher: &mut blake3::Hasher) {
        let scalar = |h: &mut blake3::Hasher, x: &Fr| {
            h.update(&x.into_bigint().to_bytes_le());
        };
        hash_number(hasher, self.entries.len());
        for e in &self.entries {
            [e.vars, e.table, e.forms.len()].into_iter().for_each(|n| hash_number(hasher, n));
            for f in &e.forms {
                scalar(hasher, &f.constant);
                hash_number(hasher, f.terms.len());
                for (factor, id) in &f.terms {
                    scalar(hasher, factor);
                    hash_number(hasher, id.index());
                }
            }
        }
        hash_number(hasher, self.tables.len());
        for t in &self.tables {
            [t.vars, t.multiplicities.index(), t.width()].into_iter().for_each(|n| hash_number(hasher, n));
            match &t.values {
                Values::Range => hash_number(hasher, 0),
                Values::Listed(columns) => {
                    hash_number(hasher, 1);
                    columns.iter().flatten().for_each(|x| scalar(hasher, x));
                }
            }
        }
    }
}
