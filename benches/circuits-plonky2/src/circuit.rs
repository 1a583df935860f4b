//! The circuit, gate by gate.

use anyhow::Result;
use bench_relation::{
    lies::Checks,
    limbs::{Limb, REM_BITS, U_BITS, limbs, lookups, split},
    number::Number,
    peer::Task,
};
use plonky2::{
    field::{goldilocks_field::GoldilocksField, types::Field},
    hash::{hash_types::HashOutTarget, poseidon::PoseidonHash},
    iop::{
        ext_target::ExtensionTarget,
        target::Target,
        witness::{PartialWitness, WitnessWrite},
    },
    plonk::{circuit_builder::CircuitBuilder, circuit_data::CircuitConfig, config::PoseidonGoldilocksConfig},
    util::reducing::ReducingFactorTarget,
};

use crate::field;

/// Degree of the extension that challenges are drawn from.
pub const D: usize = 2;
/// Hashes.
pub type C = PoseidonGoldilocksConfig;
/// p = 2^64 − 2^32 + 1.
pub type F = GoldilocksField;
type Builder = CircuitBuilder<F, D>;

/// How values are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// One gate of bits for each value.
    Bits,
    /// Look-ups in a table of so many bits.
    Table(u32),
}

impl Ranges {
    /// A table of 2^8 takes ten gates, and of the small ones the fewest look-ups.
    pub const BYTES: Self = Self::Table(8);

    /// What makes the smaller circuit; bits if both have as many rows, for look-ups need more columns.
    pub fn cheapest(task: Task) -> Self {
        let rows = |ranges| {
            let (builder, _) = lay(task, ranges);
            (builder.num_gates() + ranges.later_gates(task)).next_power_of_two()
        };
        if rows(Self::BYTES) < rows(Self::Bits) { Self::BYTES } else { Self::Bits }
    }

    /// Gates that the library adds when it builds.
    fn later_gates(self, task: Task) -> usize {
        let Self::Table(table) = self else { return 0 };
        // two wires a look-up, three an entry of the table; the library does not tell
        let wires = CircuitConfig::standard_recursion_config().num_routed_wires;
        let all = task.rows * task.shape.rank * (lookups(U_BITS, table) + lookups(REM_BITS, table));
        all.div_ceil(wires / 2) + (1usize << table).div_ceil(wires / 3) + 2
    }

    fn cut(self, bits: u32) -> Vec<Limb> {
        match self {
            Self::Bits => limbs(bits, bits),
            Self::Table(table) => limbs(bits, table),
        }
    }
}

/// A value in limbs.
pub struct Parts {
    cut: Vec<Limb>,
    targets: Vec<Target>,
}

impl Parts {
    /// Sets the limbs.
    pub fn set(&self, inputs: &mut PartialWitness<F>, value: Number) -> Result<()> {
        for (target, part) in self.targets.iter().zip(split(value, &self.cut)) {
            inputs.set_target(*target, field(part))?;
        }
        Ok(())
    }
}

/// The circuit's inputs.
pub struct Cells {
    pub x: Vec<Target>,
    pub a: Vec<Target>,
    pub b: Vec<Target>,
    pub d: Vec<Target>,
    pub u: Vec<Parts>,
    pub rem: Vec<Parts>,
}

/// Lays the circuit of a task.
pub fn lay(task: Task, ranges: Ranges) -> (Builder, Cells) {
    let config = CircuitConfig { zero_knowledge: task.hiding, ..CircuitConfig::standard_recursion_config() };
    let mut builder = Builder::new(config);
    let (s, rows) = (task.shape, task.rows);
    let mut ranged = Ranged { ranges, table: None, on: task.checks.ranges };
    let (u, u_values) = ranged.values(&mut builder, rows * s.rank, U_BITS);
    let (rem, rem_values) = ranged.values(&mut builder, rows * s.rank, REM_BITS);
    let cells = Cells {
        x: builder.add_virtual_targets(rows * s.d_in),
        a: builder.add_virtual_targets(s.rank * s.d_in),
        b: builder.add_virtual_targets(s.d_out * s.rank),
        d: builder.add_virtual_targets(rows * s.d_out),
        u,
        rem,
    };
    // as U' and rem are in their ranges, V alone fixes both
    let two_16 = F::from_canonical_u64(1 << 16);
    let v: Vec<Target> =
        u_values.iter().zip(&rem_values).map(|(u, rem)| builder.mul_const_add(two_16, *u, *rem)).collect();
    let alpha = challenge(&mut builder, &cells, &v);
    Equations { builder: &mut builder, task, alpha, cells: &cells }.lay(&u_values, &v);
    (builder, cells)
}

/// Range checks, and the table once it is needed.
struct Ranged {
    ranges: Ranges,
    table: Option<usize>,
    on: bool,
}

impl Ranged {
    fn values(&mut self, builder: &mut Builder, len: usize, bits: u32) -> (Vec<Parts>, Vec<Target>) {
        (0..len).map(|_| self.value(builder, bits)).unzip()
    }

    /// A value in limbs that are in range, and their sum.
    fn value(&mut self, builder: &mut Builder, bits: u32) -> (Parts, Target) {
        let cut = self.ranges.cut(bits);
        let targets = builder.add_virtual_targets(cut.len());
        for (limb, target) in cut.iter().zip(&targets) {
            if self.on {
                self.check(builder, *limb, *target);
            }
        }
        let (first, rest) = targets.split_first().expect("a value has a limb");
        let sum = rest.iter().zip(&cut[1..]).fold(*first, |sum, (target, limb)| {
            builder.mul_const_add(F::from_canonical_u64(1 << limb.shift), *target, sum)
        });
        (Parts { cut, targets }, sum)
    }

    fn check(&mut self, builder: &mut Builder, limb: Limb, target: Target) {
        let Ranges::Table(bits) = self.ranges else {
            return builder.range_check(target, limb.bits as usize);
        };
        let table = *self.table.get_or_insert_with(|| {
            let all: Vec<u16> = (0..1u32 << bits).map(|n| u16::try_from(n).expect("16 bits at most")).collect();
            builder.add_lookup_table_from_fn(|n| n, &all)
        });
        builder.add_lookup_from_index(target, table);
        if let Some(log) = limb.companion(bits) {
            let scaled = builder.mul_const(F::from_canonical_u64(1 << log), target);
            builder.add_lookup_from_index(scaled, table);
        }
    }
}

/// Digests become public; the challenge is a hash of them and of V's.
fn challenge(builder: &mut Builder, cells: &Cells, v: &[Target]) -> ExtensionTarget<D> {
    let mut hash = |values: &[Target]| builder.hash_n_to_hash_no_pad::<PoseidonHash>(values.to_vec());
    let digests: Vec<HashOutTarget> = [&cells.x, &cells.a, &cells.b, &cells.d].map(|values| hash(values)).to_vec();
    let inner = hash(v);
    let all: Vec<Target> = digests.iter().chain([&inner]).flat_map(|digest| digest.elements).collect();
    let drawn = hash(&all);
    digests.iter().for_each(|digest| builder.register_public_inputs(&digest.elements));
    ExtensionTarget([drawn.elements[0], drawn.elements[1]])
}

/// The two equations at α.
struct Equations<'a> {
    builder: &'a mut Builder,
    task: Task,
    alpha: ExtensionTarget<D>,
    cells: &'a Cells,
}

impl Equations<'_> {
    fn lay(&mut self, u: &[Target], v: &[Target]) {
        let Checks { product, outputs, .. } = self.task.checks;
        let ones = vec![self.builder.one(); self.task.rows];
        let geometric = self.at_alpha(&ones);
        if product {
            self.product(v, geometric);
        }
        if outputs {
            self.outputs(u, geometric);
        }
    }

    fn product(&mut self, v: &[Target], geometric: ExtensionTarget<D>) {
        let s = self.task.shape;
        let features: Vec<_> = (0..s.d_in).map(|i| self.column(&self.cells.x, i, s.d_in)).collect();
        let shift = F::from_canonical_u64((1 << 43) + (1 << 15));
        for coordinate in 0..s.rank {
            let left = self.shifted_column(v, coordinate, geometric, shift);
            let weights = &self.cells.a[coordinate * s.d_in..][..s.d_in];
            let zero = self.builder.zero_extension();
            let right = features.iter().zip(weights).fold(zero, |sum, (x, a)| {
                let a = self.builder.convert_to_ext(*a);
                self.builder.mul_add_extension(*x, a, sum)
            });
            self.builder.connect_extension(left, right);
        }
    }

    fn outputs(&mut self, u: &[Target], geometric: ExtensionTarget<D>) {
        let (s, rows) = (self.task.shape, self.task.rows);
        let by_output: Vec<Target> =
            (0..s.d_out).flat_map(|j| (0..rows).map(move |n| n * s.d_out + j)).map(|at| self.cells.d[at]).collect();
        let left = self.at_alpha(&by_output);
        let step = self.builder.exp_u64_extension(self.alpha, rows as u64);
        let mut right = self.builder.zero_extension();
        for coordinate in 0..s.rank {
            let row = self.shifted_column(u, coordinate, geometric, F::from_canonical_u64(1 << 27));
            let weights: Vec<Target> = (0..s.d_out).map(|j| self.cells.b[j * s.rank + coordinate]).collect();
            let weight = ReducingFactorTarget::new(step).reduce_base(&weights, self.builder);
            right = self.builder.mul_add_extension(row, weight, right);
        }
        self.builder.connect_extension(left, right);
    }

    /// Σ_n αⁿ·values[n].
    fn at_alpha(&mut self, values: &[Target]) -> ExtensionTarget<D> {
        ReducingFactorTarget::new(self.alpha).reduce_base(values, self.builder)
    }

    /// The same of one column of a matrix.
    fn column(&mut self, matrix: &[Target], at: usize, width: usize) -> ExtensionTarget<D> {
        let values: Vec<Target> = matrix.iter().skip(at).step_by(width).copied().collect();
        self.at_alpha(&values)
    }

    /// The same of a column of U' or V, less what was added to make it positive.
    fn shifted_column(
        &mut self, matrix: &[Target], at: usize, geometric: ExtensionTarget<D>, by: F,
    ) -> ExtensionTarget<D> {
        let sum = self.column(matrix, at, self.task.shape.rank);
        let shift = self.builder.mul_const_extension(by, geometric);
        self.builder.sub_extension(sum, shift)
    }
}
