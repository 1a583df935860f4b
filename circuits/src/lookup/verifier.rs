//! The verifier of [`super`]: root, layers, leaves.

use ark_bn254::Fr;

use super::{Entry, Lookups, Table, Values};
use crate::{
    arithmetic::Arithmetic,
    columns::{Claims, ColumnId},
    error::{Check, Result},
    fractions::{self, Leaf, Tree},
    transcript::{Source, Transcript},
};

/// Verifies that every entry stands in its table, up to claims about the columns. All columns must have been absorbed.
///
/// # Errors
/// Malformed bytes, or the equation that fails.
pub fn verify<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, lookups: &Lookups,
) -> Result<Claims<A::Scalar>> {
    let a = tx.arithmetic;
    let (alpha, beta) = (tx.challenge(), tx.challenge());
    // two fractions that cancel
    let root = fractions::root(tx, &TREE)?;
    a.assert_eq(Check::LookupRoot, &root.numerator(a), &a.small(0))?;
    a.inverse(Check::LookupDenominator, &root.denominator(a))?;
    let Leaf { point, p, q } = fractions::descend(tx, &TREE, lookups.vars, &root)?;
    leaves(tx, lookups, &Fingerprint::new(a, lookups, alpha, &beta), point, p, q)
}

const TREE: Tree = Tree { round: "lookup round", children: "lookup children", layer: Check::LookupLayer };

/// α, and the powers of β.
struct Fingerprint<S> {
    alpha: S,
    /// β^0 … β^J.
    powers: Vec<S>,
}

impl<S: Clone> Fingerprint<S> {
    fn new<A: Arithmetic<Scalar = S>>(a: &A, lookups: &Lookups, alpha: S, beta: &S) -> Self {
        let powers = std::iter::successors(Some(a.small(1)), |p| Some(a.mul(p, beta))).take(lookups.width() + 1);
        Self { alpha, powers: powers.collect() }
    }

    /// α − ⟨tuple⟩ of table number `table`.
    fn denominator<A: Arithmetic<Scalar = S>>(&self, a: &A, table: usize, tuple: &[S]) -> S {
        let last = self.powers.last().cloned().unwrap_or_else(|| a.small(1));
        let tag = a.scale(Fr::from(table as u64), &last);
        let sum = self.powers.iter().zip(tuple).fold(tag, |sum, (power, w)| a.mul_add(power, w, &sum));
        a.sub(&self.alpha, &sum)
    }
}

/// The leaves at `point` must be what the columns' values there make them.
fn leaves<A: Arithmetic, R: Source<A>>(
    tx: &mut Transcript<'_, A, R>, lookups: &Lookups, f: &Fingerprint<A::Scalar>, point: Vec<A::Scalar>, p: A::Scalar,
    q: A::Scalar,
) -> Result<Claims<A::Scalar>> {
    let a = tx.arithmetic;
    let low = |vars: usize| point.get(..vars).unwrap_or_default();
    let (mut claims, mut values) = (Claims::new(), Vec::new());
    for (column, vars) in lookups.columns() {
        let value = tx.scalar("lookup column")?;
        values.push((column, value.clone()));
        claims.push(column, low(vars).to_vec(), value);
    }
    let (mut numerator, mut denominator, mut used) = (a.small(0), a.small(0), a.small(0));
    let sizes = lookups.entries.iter().map(|e| e.vars).chain(lookups.tables.iter().map(|t| t.vars));
    let mut selectors = lookups.places.iter().zip(sizes).map(|(place, vars)| {
        let high = point.get(vars..).unwrap_or_default();
        a.eq_index(high, place >> vars)
    });
    let mut add = |selector: A::Scalar, p: &A::Scalar, q: &A::Scalar| {
        numerator = a.mul_add(&selector, p, &numerator);
        denominator = a.mul_add(&selector, q, &denominator);
        used = a.add(&used, &selector);
    };
    for (e, selector) in lookups.entries.iter().zip(&mut selectors) {
        add(selector, &a.small(1), &f.denominator(a, e.table, &tuple(a, e, &values)));
    }
    for ((number, t), selector) in lookups.tables.iter().enumerate().zip(&mut selectors) {
        let multiplicity = a.sub(&a.small(0), &value_of(a, &values, t.multiplicities));
        add(selector, &multiplicity, &f.denominator(a, number, &table_at(a, t, low(t.vars))));
    }
    let denominator = a.add(&denominator, &a.complement(&used));
    a.assert_eq(Check::LookupNumerators, &p, &numerator)?;
    a.assert_eq(Check::LookupDenominators, &q, &denominator)?;
    Ok(claims)
}

/// A column's value; every column of the lookups has been read.
fn value_of<A: Arithmetic>(a: &A, values: &[(ColumnId, A::Scalar)], id: ColumnId) -> A::Scalar {
    values.iter().find(|v| v.0 == id).map_or_else(|| a.small(0), |v| v.1.clone())
}

fn tuple<A: Arithmetic>(a: &A, entry: &Entry, values: &[(ColumnId, A::Scalar)]) -> Vec<A::Scalar> {
    let form = |f: &super::Form| {
        let constant = a.constant(f.constant);
        f.terms.iter().fold(constant, |sum, (factor, id)| a.add(&sum, &a.scale(*factor, &value_of(a, values, *id))))
    };
    entry.forms.iter().map(form).collect()
}

/// The table's multilinear extension: Σ 2^i·y_i for a range.
fn table_at<A: Arithmetic>(a: &A, table: &Table, y: &[A::Scalar]) -> Vec<A::Scalar> {
    match &table.values {
        Values::Range => {
            let bits = y.iter().enumerate().map(|(i, y)| a.scale(Fr::from(1u128 << i.min(127)), y));
            vec![bits.fold(a.small(0), |sum, t| a.add(&sum, &t))]
        }
        Values::Listed(columns) => {
            let at = |c: &Vec<Fr>| {
                let terms = c.iter().enumerate().map(|(i, v)| a.scale(*v, &a.eq_index(y, i)));
                terms.fold(a.small(0), |sum, t| a.add(&sum, &t))
            };
            columns.iter().map(at).collect()
        }
    }
}
