//! The verifier's arithmetic as constraints: halo2-base's gate q·(a + b·c − d) = 0, and range checks.
//!
//! Numbers that everybody knows stay constants until a gate needs them, and cost nothing among themselves. Where [`crate::arithmetic::Native`]
//! would return an error, this lays a constraint that no witness satisfies.

use std::cell::RefCell;

use halo2_base::{
    AssignedValue, Context,
    QuantumCell::{self, Constant, Existing},
    gates::{GateChip, GateInstructions, RangeChip, RangeInstructions, flex_gate::threads::SinglePhaseCoreManager},
    halo2_proofs::halo2curves::{bn256::Fr, ff::Field as _},
    virtual_region::lookups::LookupAnyManager,
};

use super::{
    convert,
    points::{self, Field, Point, Terms},
    poseidon,
};
use crate::{
    arithmetic::Arithmetic,
    error::{Check, Result},
    opening,
    transcript::poseidon::WIDTH,
};

/// A number: known to everybody, or a cell.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    /// Known.
    Known(Fr),
    /// A cell.
    Cell(AssignedValue<Fr>),
}

impl Scalar {
    fn quantum(&self) -> QuantumCell<Fr> {
        match self {
            Self::Known(c) => Constant(*c),
            Self::Cell(cell) => Existing(*cell),
        }
    }
}

/// Cells of one purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// Of advice.
    pub advice: usize,
    /// Range checks.
    pub lookups: usize,
}

/// Cells, by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cells {
    /// Poseidon permutations.
    pub permutations: Part,
    /// How many.
    pub permuted: usize,
    /// Points read, with their canonical coordinates.
    pub points: Part,
    /// How many.
    pub read: usize,
    /// Weights cut to 128 bits.
    pub weights: Part,
    /// Sums of points.
    pub sums: Part,
    /// All, the rest being the verifier's equations.
    pub total: Part,
}

impl Cells {
    /// Everything that has no count of its own.
    pub fn equations(&self) -> Part {
        let named = [self.permutations, self.points, self.weights, self.sums];
        let advice = self.total.advice - named.iter().map(|p| p.advice).sum::<usize>();
        Part { advice, lookups: self.total.lookups - named.iter().map(|p| p.lookups).sum::<usize>() }
    }
}

/// Constraints instead of errors.
pub struct InCircuit<'r> {
    pool: RefCell<SinglePhaseCoreManager<Fr>>,
    field: &'r Field<'r>,
    cells: RefCell<Cells>,
}

impl<'r> InCircuit<'r> {
    /// Lays constraints in this pool.
    pub fn new(pool: SinglePhaseCoreManager<Fr>, field: &'r Field<'r>) -> Self {
        Self { pool: RefCell::new(pool), field, cells: RefCell::default() }
    }

    /// The pool, and what its cells are for.
    pub fn finish(self) -> (SinglePhaseCoreManager<Fr>, Cells) {
        let pool = self.pool.into_inner();
        let total = Part { advice: pool.total_advice(), lookups: lookups(self.field.range) };
        (pool, Cells { total, ..self.cells.into_inner() })
    }

    fn gate(&self) -> &GateChip<Fr> {
        self.field.range.gate()
    }

    fn range(&self) -> &RangeChip<Fr> {
        self.field.range
    }

    fn with<T>(&self, lay: impl FnOnce(&mut Context<Fr>, &GateChip<Fr>) -> T) -> T {
        lay(self.pool.borrow_mut().main(), self.gate())
    }

    /// The same, counted.
    fn count<T>(
        &self, to: impl FnOnce(&mut Cells) -> &mut Part, lay: impl FnOnce(&mut SinglePhaseCoreManager<Fr>) -> T,
    ) -> T {
        let mut pool = self.pool.borrow_mut();
        let before = (pool.total_advice(), lookups(self.field.range));
        let out = lay(&mut pool);
        let mut cells = self.cells.borrow_mut();
        let part = to(&mut cells);
        part.advice += pool.total_advice() - before.0;
        part.lookups += lookups(self.field.range) - before.1;
        out
    }

    /// A witness.
    pub fn witness(&self, x: Fr) -> Scalar {
        Scalar::Cell(self.with(|ctx, _| ctx.load_witness(x)))
    }

    /// A witness point: on the curve, not infinity, its coordinates below the prime.
    pub fn point(&self, p: &ark_bn254::G1Affine) -> Point {
        self.cells.borrow_mut().read += 1;
        self.count(|c| &mut c.points, |pool| points::read(pool.main(), self.field, convert::point(p)))
    }

    /// The cell of a number.
    pub fn cell(&self, x: &Scalar) -> AssignedValue<Fr> {
        match x {
            Scalar::Known(c) => self.with(|ctx, _| ctx.load_constant(*c)),
            Scalar::Cell(cell) => *cell,
        }
    }

    /// A sum of points.
    pub fn sum_of(&self, sum: opening::Sum<Self>) -> Point {
        let terms = |list: Vec<(Scalar, Point)>| list.into_iter().map(|(k, p)| (self.cell(&k), p)).collect();
        let mut terms = Terms { short: terms(sum.short), long: terms(sum.long) };
        if !matches!(sum.generator, Scalar::Known(zero) if zero.is_zero_vartime()) {
            let generator = self.with(|ctx, _| points::generator(ctx, self.field));
            terms.long.push((self.cell(&sum.generator), generator));
        }
        self.count(|c| &mut c.sums, |pool| points::sum(pool, self.field, terms))
    }
}

/// Range checks so far.
fn lookups(range: &RangeChip<Fr>) -> usize {
    let of = |manager: &LookupAnyManager<Fr, 1>| {
        manager.cells_to_lookup.lock().map_or(0, |cells| cells.values().map(Vec::len).sum())
    };
    range.lookup_manager().iter().map(of).sum()
}

impl Arithmetic for InCircuit<'_> {
    type Scalar = Scalar;
    type Point = Point;

    fn constant(&self, c: ark_bn254::Fr) -> Scalar {
        Scalar::Known(convert::scalar(&c))
    }

    fn add(&self, a: &Scalar, b: &Scalar) -> Scalar {
        match (a, b) {
            (Scalar::Known(a), Scalar::Known(b)) => Scalar::Known(a + b),
            (Scalar::Known(zero), other) | (other, Scalar::Known(zero)) if zero.is_zero_vartime() => *other,
            _ => Scalar::Cell(self.with(|ctx, gate| gate.add(ctx, a.quantum(), b.quantum()))),
        }
    }

    fn sub(&self, a: &Scalar, b: &Scalar) -> Scalar {
        match (a, b) {
            (Scalar::Known(a), Scalar::Known(b)) => Scalar::Known(a - b),
            (other, Scalar::Known(zero)) if zero.is_zero_vartime() => *other,
            _ => Scalar::Cell(self.with(|ctx, gate| gate.sub(ctx, a.quantum(), b.quantum()))),
        }
    }

    fn mul(&self, a: &Scalar, b: &Scalar) -> Scalar {
        self.mul_add(a, b, &Scalar::Known(Fr::ZERO))
    }

    fn mul_add(&self, a: &Scalar, b: &Scalar, c: &Scalar) -> Scalar {
        match (a, b) {
            (Scalar::Known(a), Scalar::Known(b)) => self.add(&Scalar::Known(a * b), c),
            (Scalar::Known(k), x) | (x, Scalar::Known(k)) if *k == Fr::ONE => self.add(x, c),
            (Scalar::Known(k), _) | (_, Scalar::Known(k)) if k.is_zero_vartime() => *c,
            _ => Scalar::Cell(self.with(|ctx, gate| gate.mul_add(ctx, a.quantum(), b.quantum(), c.quantum()))),
        }
    }

    fn inverse(&self, _: Check, a: &Scalar) -> Result<Scalar> {
        Ok(Scalar::Cell(self.with(|ctx, gate| {
            // a·x = 1, which zero does not satisfy
            let cell = match a {
                Scalar::Known(c) => ctx.load_constant(*c),
                Scalar::Cell(cell) => *cell,
            };
            let inverse = ctx.load_witness(cell.value().invert().unwrap_or(Fr::ZERO));
            let product = gate.mul(ctx, cell, inverse);
            gate.assert_is_const(ctx, &product, &Fr::ONE);
            inverse
        })))
    }

    fn assert_eq(&self, _: Check, a: &Scalar, b: &Scalar) -> Result<()> {
        let (a, b) = (self.cell(a), self.cell(b));
        self.with(|ctx, _| ctx.constrain_equal(&a, &b));
        Ok(())
    }

    fn low128(&self, a: &Scalar) -> Scalar {
        let whole = self.cell(a);
        Scalar::Cell(self.count(|c| &mut c.weights, |pool| points::low128(pool.main(), self.range(), whole)))
    }

    fn permute(&self, state: [Scalar; WIDTH]) -> [Scalar; WIDTH] {
        let state = state.map(|s| self.cell(&s));
        self.cells.borrow_mut().permuted += 1;
        let gate = self.gate();
        self.count(|c| &mut c.permutations, |pool| poseidon::permute(pool.main(), gate, state)).map(Scalar::Cell)
    }

    fn words(&self, p: &Point) -> [Scalar; 2] {
        [p.x(), p.y()].map(|c| Scalar::Cell(*c.native()))
    }
}
