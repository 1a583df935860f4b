//! Columns, gates and copies.

use halo2_base::halo2_proofs::{
    circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed, SecondPhase,
        TableColumn, VirtualCells,
    },
    poly::Rotation,
};

use crate::{
    columns::{First, Second},
    plan::{CellRow, Plan},
};

/// Columns of fixed bits: where a sum is, and where it goes on from the one before.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    on: Column<Fixed>,
    carry: Column<Fixed>,
}

/// A matrix in lanes and its running sums.
#[derive(Debug, Clone)]
pub struct Stream {
    lanes: Vec<Column<Advice>>,
    sum: Column<Advice>,
    marks: Marks,
}

/// Dot products one after another.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    weight: Column<Advice>,
    factor: Column<Advice>,
    sum: Column<Advice>,
    marks: Marks,
}

/// All columns.
#[derive(Debug, Clone)]
pub struct Config {
    x: Stream,
    d: Stream,
    limbs: Vec<Column<Advice>>,
    u: Column<Advice>,
    v: Column<Advice>,
    cells: Marks,
    chains: Vec<Chain>,
    table: Option<TableColumn>,
    gamma: Challenge,
}

/// The circuit, with a witness or without.
#[derive(Debug, Clone)]
pub struct Adapter<'w> {
    /// Its sizes.
    pub plan: Plan,
    /// Values of the first phase.
    pub first: Option<&'w First>,
}

/// `start`, then Horner's rule over `terms`.
fn horner(
    start: Expression<Fr>, terms: impl IntoIterator<Item = Expression<Fr>>, at: &Expression<Fr>,
) -> Expression<Fr> {
    terms.into_iter().fold(start, |sum, term| sum * at.clone() + term)
}

impl Marks {
    fn new(meta: &mut ConstraintSystem<Fr>) -> Self {
        Self { on: meta.fixed_column(), carry: meta.fixed_column() }
    }

    fn query(self, cells: &mut VirtualCells<'_, Fr>) -> (Expression<Fr>, Expression<Fr>) {
        (cells.query_fixed(self.on, Rotation::cur()), cells.query_fixed(self.carry, Rotation::cur()))
    }

    fn set(self, region: &mut Region<'_, Fr>, row: usize, first: bool) {
        region.assign_fixed(self.on, row, Fr::one());
        if !first {
            region.assign_fixed(self.carry, row, Fr::one());
        }
    }
}

impl Config {
    /// Columns in the order that makes a proof begin with the commitments to X, to A and B, and to D.
    fn new(meta: &mut ConstraintSystem<Fr>, plan: &Plan) -> Self {
        let mut first = |n: usize| (0..n).map(|_| meta.advice_column_in(FirstPhase)).collect::<Vec<_>>();
        let [x, weights, d, limbs] = [plan.x_lanes, plan.chains, plan.d_lanes, plan.limb_lanes].map(&mut first);
        let gamma = meta.challenge_usable_after(FirstPhase);
        let copied = |meta: &mut ConstraintSystem<Fr>| {
            let column = meta.advice_column_in(SecondPhase);
            meta.enable_equality(column);
            column
        };
        let [x, d] = [x, d].map(|lanes| Stream { lanes, sum: copied(meta), marks: Marks::new(meta) });
        let (u, v, cells) = (copied(meta), copied(meta), Marks::new(meta));
        let chain = |weight| Chain { weight, factor: copied(meta), sum: copied(meta), marks: Marks::new(meta) };
        let chains = weights.into_iter().map(chain).collect();
        let table = plan.task.checks.ranges.then(|| meta.lookup_table_column());
        let config = Self { x, d, limbs, u, v, cells, chains, table, gamma };
        config.stream_gates(meta);
        config.cell_gates(meta, plan);
        config.chain_gates(meta);
        if let Some(table) = config.table {
            config.ranges(meta, plan, table);
        }
        config
    }

    /// sum = γ^w·(sum before, or 0) + Σ γ^{w−1−l}·lane_l
    fn stream_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        for (name, stream) in [("X at γ", &self.x), ("D at γ", &self.d)] {
            meta.create_gate(name, |cells| {
                let (on, carry) = stream.marks.query(cells);
                let gamma = cells.query_challenge(self.gamma);
                let [before, sum] = [Rotation::prev(), Rotation::cur()].map(|at| cells.query_advice(stream.sum, at));
                let lanes: Vec<_> =
                    stream.lanes.iter().map(|lane| on.clone() * cells.query_advice(*lane, Rotation::cur())).collect();
                vec![on.clone() * sum - horner(carry * before, lanes, &gamma)]
            });
        }
    }

    /// The same for U and V = 2^16·U + rem − 2^15, which are sums of limbs in consecutive rows.
    fn cell_gates(&self, meta: &mut ConstraintSystem<Fr>, plan: &Plan) {
        let rows = plan.cell_rows();
        let height = i32::try_from(rows.len()).expect("few rows");
        meta.create_gate("U and V at γ", |cells| {
            let (on, carry) = self.cells.query(cells);
            let gamma = cells.query_challenge(self.gamma);
            let (mut us, mut vs) = (Vec::new(), Vec::new());
            for lane in &self.limbs {
                let shifted = |n: u64| Expression::Constant(-Fr::from(n));
                let (mut u, mut rem) = (shifted(1 << 27), shifted(1 << 15));
                for (at, row) in rows.iter().enumerate() {
                    if let CellRow::Limb { is_rem, shift, .. } = row {
                        let limb = cells.query_advice(*lane, Rotation(i32::try_from(at).expect("few rows")));
                        let sum = if *is_rem { &mut rem } else { &mut u };
                        *sum = sum.clone() + limb * Fr::from(1 << shift);
                    }
                }
                us.push(on.clone() * u.clone());
                vs.push(on.clone() * (u * Fr::from(1 << 16) + rem));
            }
            let mut sum = |column, values| {
                let [before, here] = [Rotation(-height), Rotation::cur()].map(|at| cells.query_advice(column, at));
                on.clone() * here - horner(carry.clone() * before, values, &gamma)
            };
            vec![sum(self.u, us), sum(self.v, vs)]
        });
    }

    /// sum = (sum before, or 0) + weight·factor
    fn chain_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        for chain in &self.chains {
            meta.create_gate("dot products", |cells| {
                let (on, carry) = chain.marks.query(cells);
                let [before, sum] = [Rotation::prev(), Rotation::cur()].map(|at| cells.query_advice(chain.sum, at));
                let [weight, factor] =
                    [chain.weight, chain.factor].map(|column| cells.query_advice(column, Rotation::cur()));
                vec![on * (sum - weight * factor) - carry * before]
            });
        }
    }

    /// Every cell of the limb columns is in the table, and companions are multiples.
    fn ranges(&self, meta: &mut ConstraintSystem<Fr>, plan: &Plan, table: TableColumn) {
        for lane in &self.limbs {
            meta.lookup("range", |cells| vec![(cells.query_advice(*lane, Rotation::cur()), table)]);
            meta.create_gate("companions", |cells| {
                let on = cells.query_fixed(self.cells.on, Rotation::cur());
                let mut gates = Vec::new();
                for (at, row) in (0..).zip(plan.cell_rows()) {
                    if let CellRow::Companion { log } = row {
                        let [limb, multiple] = [at - 1, at].map(|at| cells.query_advice(*lane, Rotation(at)));
                        gates.push(on.clone() * (multiple - limb * Fr::from(1 << log)));
                    }
                }
                // a gate must not be empty; tables that divide both widths need no companion
                if gates.is_empty() { vec![Expression::Constant(Fr::zero())] } else { gates }
            });
        }
    }
}

/// Puts a column's values from row 0 on, or leaves them unknown.
fn assign(
    region: &mut Region<'_, Fr>, column: Column<Advice>, rows: impl Iterator<Item = usize>, values: Value<&[Fr]>,
) -> Vec<Cell> {
    rows.enumerate().map(|(at, row)| region.assign_advice(column, row, values.map(|v| v[at])).cell()).collect()
}

impl Adapter<'_> {
    fn first_phase(&self, config: &Config, region: &mut Region<'_, Fr>) {
        let Some(first) = self.first else { return };
        let lanes = |stream: &Stream| stream.lanes.clone();
        let weights: Vec<_> = config.chains.iter().map(|chain| chain.weight).collect();
        let groups = [
            (lanes(&config.x), &first.x),
            (lanes(&config.d), &first.d),
            (config.limbs.clone(), &first.limbs),
            (weights, &first.weights),
        ];
        for (columns, values) in groups {
            for (column, values) in columns.iter().zip(values) {
                assign(region, *column, 0..values.len(), Value::known(values));
            }
        }
    }

    /// Running sums of a matrix of so many columns; the cells at the ends of segments.
    fn sums(
        &self, region: &mut Region<'_, Fr>, column: Column<Advice>, marks: Option<Marks>,
        (segments, step, lanes): (usize, usize, usize), values: Value<&[Fr]>,
    ) -> Vec<Cell> {
        let height = self.plan.task.rows.div_ceil(lanes);
        let rows = (0..segments * height).map(|at| at * step);
        let cells = assign(region, column, rows.clone(), values);
        if let Some(marks) = marks {
            rows.enumerate().for_each(|(at, row)| marks.set(region, row, at.is_multiple_of(height)));
        }
        cells.into_iter().skip(height - 1).step_by(height).collect()
    }

    fn second_phase(&self, config: &Config, region: &mut Region<'_, Fr>, second: Value<Second>) {
        let (plan, s) = (&self.plan, self.plan.task.shape);
        let step = plan.cell_rows().len();
        let of = |pick: fn(&Second) -> &[Fr]| second.as_ref().map(pick);
        let x = self.sums(region, config.x.sum, Some(config.x.marks), (s.d_in, 1, plan.x_lanes), of(|s| &s.x));
        let d = self.sums(region, config.d.sum, Some(config.d.marks), (s.d_out, 1, plan.d_lanes), of(|s| &s.d));
        let cells = (s.rank, step, plan.limb_lanes);
        let u = self.sums(region, config.u, Some(config.cells), cells, of(|s| &s.u));
        let v = self.sums(region, config.v, None, cells, of(|s| &s.v));
        let checks = plan.task.checks;
        for (product, link) in plan.links().iter().enumerate() {
            let (terms, total, checked) = match product.checked_sub(s.rank) {
                None => (&x, v[product], checks.product),
                Some(output) => (&u, d[output], checks.outputs),
            };
            let chain = config.chains[link.chain];
            let rows = link.row..link.row + terms.len();
            let column =
                |pick: fn(&Second) -> &Vec<Vec<Fr>>| second.as_ref().map(|s| &pick(s)[link.chain][rows.clone()]);
            let factors = assign(region, chain.factor, rows.clone(), column(|s| &s.factors));
            let sums = assign(region, chain.sum, rows.clone(), column(|s| &s.sums));
            rows.clone().for_each(|row| chain.marks.set(region, row, row == link.row));
            factors.iter().zip(terms).for_each(|(factor, term)| region.constrain_equal(*factor, *term));
            if checked {
                region.constrain_equal(*sums.last().expect("a dot product has a term"), total);
            }
        }
    }
}

impl Circuit<Fr> for Adapter<'_> {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Plan;

    fn params(&self) -> Plan {
        self.plan
    }

    fn without_witnesses(&self) -> Self {
        Self { plan: self.plan, first: None }
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, plan: Plan) -> Config {
        Config::new(meta, &plan)
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> Config {
        unreachable!("halo2-axiom configures with parameters")
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        if let Some(table) = config.table {
            layouter.assign_table(
                || "range",
                |mut cells| {
                    (0..1usize << self.plan.table)
                        .try_for_each(|n| cells.assign_cell(|| "n", table, n, || Value::known(Fr::from(n as u64))))
                },
            )?;
        }
        layouter.assign_region(
            || "witness",
            |mut region| {
                self.first_phase(&config, &mut region);
                Ok(())
            },
        )?;
        // commits to the first phase and draws γ; keys and the mock prover know none yet
        layouter.next_phase();
        let gamma = layouter.get_challenge(config.gamma);
        let first = self.first.map_or(Value::unknown(), Value::known);
        let second = first.zip(gamma).map(|(first, gamma)| first.second(&self.plan, gamma));
        layouter.assign_region(
            || "sums",
            |mut region| {
                self.second_phase(&config, &mut region, second.clone());
                Ok(())
            },
        )
    }
}
