//! Values of the columns, in the places of a [`Plan`].

use bench_relation::{limbs::split, number::Number, witness::Witness};
use halo2_base::halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

use crate::plan::{CellRow, Plan};

/// What is committed to before the challenge; columns of values from row 0 on.
#[derive(Debug, Clone)]
pub struct First {
    /// X in lanes: feature by feature, rows of X side by side in the lanes, zeros in front of the first.
    pub x: Vec<Vec<Fr>>,
    /// D in lanes, output by output.
    pub d: Vec<Vec<Fr>>,
    /// Limbs of U and rem, coordinate by coordinate.
    pub limbs: Vec<Vec<Fr>>,
    /// A and B in the order of [`Plan::links`].
    pub weights: Vec<Vec<Fr>>,
    /// U − 0 and V of every cell of `limbs`, as the gates add them up: (U, 2^16·U + rem − 2^15).
    cells: Vec<Vec<(Fr, Fr)>>,
}

/// What follows from a challenge.
#[derive(Debug, Clone)]
pub struct Second {
    /// Running sums of X's lanes.
    pub x: Vec<Fr>,
    /// And of D's.
    pub d: Vec<Fr>,
    /// Of U, one for each cell.
    pub u: Vec<Fr>,
    /// Of 2^16·U + rem − 2^15.
    pub v: Vec<Fr>,
    /// What weights are multiplied by, per chain.
    pub factors: Vec<Vec<Fr>>,
    /// Running sums of products, per chain.
    pub sums: Vec<Vec<Fr>>,
}

/// A number in the field.
pub fn field(number: Number) -> Fr {
    let (numerator, log) = number.parts();
    let size = Fr::from_u128(numerator.unsigned_abs());
    let value = if numerator < 0 { -size } else { size };
    if log == 0 { value } else { value * Fr::TWO_INV.pow_vartime([log.into()]) }
}

impl First {
    /// Of cells, honest or not.
    pub fn new(plan: &Plan, w: &Witness) -> Self {
        let s = w.shape;
        let x = lanes(plan.x_lanes, w.rows, s.d_in, |row, i| field(w.x[row * s.d_in + i].into()));
        let d = lanes(plan.d_lanes, w.rows, s.d_out, |row, j| field(w.d[row * s.d_out + j]));
        // a place in front of the first row is a cell of U = 0 and rem = 2^15, which add up to zero
        let nothing = (Number::from(0), Number::from(1 << 15));
        let cells = padded(plan.limb_lanes, w.rows, s.rank, nothing, |row, c| {
            (w.u[row * s.rank + c], w.rem[row * s.rank + c].into())
        });
        let limbs = cells.iter().map(|lane| lane.iter().flat_map(|(u, rem)| cell(plan, *u, *rem)).collect()).collect();
        let value = |(u, rem): &(Number, Number)| {
            let u = field(*u);
            (u, u * Fr::from(1 << 16) + field(*rem) - Fr::from(1 << 15))
        };
        let cells = cells.iter().map(|lane| lane.iter().map(value).collect()).collect();
        Self { x, d, limbs, weights: weights(plan, w), cells }
    }

    /// Everything that γ decides.
    pub fn second(&self, plan: &Plan, gamma: Fr) -> Second {
        let s = plan.task.shape;
        let of = |cells: &[Vec<(Fr, Fr)>], pick: fn(&(Fr, Fr)) -> Fr| -> Vec<Vec<Fr>> {
            cells.iter().map(|lane| lane.iter().map(pick).collect()).collect()
        };
        let (x, d) = (running(&self.x, s.d_in, gamma), running(&self.d, s.d_out, gamma));
        let u = running(&of(&self.cells, |c| c.0), s.rank, gamma);
        let v = running(&of(&self.cells, |c| c.1), s.rank, gamma);
        let (features, coordinates) = (ends(&x, s.d_in), ends(&u, s.rank));
        let (mut factors, mut sums) = (vec![Vec::new(); plan.chains], vec![Vec::new(); plan.chains]);
        for (product, link) in plan.links().iter().enumerate() {
            let terms = if product < s.rank { &features } else { &coordinates };
            let mut sum = Fr::ZERO;
            for (at, factor) in terms.iter().enumerate() {
                sum += *factor * self.weights[link.chain][link.row + at];
                factors[link.chain].push(*factor);
                sums[link.chain].push(sum);
            }
        }
        Second { x, d, u, v, factors, sums }
    }
}

/// Segments of a matrix's columns: rows side by side in lanes, padding in front.
fn padded<T: Copy>(
    lanes: usize, rows: usize, columns: usize, nothing: T, value: impl Fn(usize, usize) -> T,
) -> Vec<Vec<T>> {
    let height = rows.div_ceil(lanes);
    let before = height * lanes - rows;
    let lane = |lane: usize| {
        let place = |column: usize, at: usize| {
            let position = at * lanes + lane;
            position.checked_sub(before).map_or(nothing, |row| value(row, column))
        };
        (0..columns).flat_map(|column| (0..height).map(move |at| (column, at))).map(|(c, at)| place(c, at)).collect()
    };
    (0..lanes).map(lane).collect()
}

fn lanes(lanes: usize, rows: usize, columns: usize, value: impl Fn(usize, usize) -> Fr) -> Vec<Vec<Fr>> {
    padded(lanes, rows, columns, Fr::ZERO, value)
}

/// The rows of one U and rem.
fn cell(plan: &Plan, u: Number, rem: Number) -> Vec<Fr> {
    let parts = [split(u.plus(Number::from(1 << 27)), &plan.u_limbs()), split(rem, &plan.rem_limbs())];
    let mut rows: Vec<Fr> = Vec::new();
    for row in plan.cell_rows() {
        rows.push(match row {
            CellRow::Limb { is_rem, index, .. } => field(parts[usize::from(is_rem)][index]),
            CellRow::Companion { log } => *rows.last().expect("a limb comes first") * Fr::from(1 << log),
        });
    }
    rows
}

fn weights(plan: &Plan, w: &Witness) -> Vec<Vec<Fr>> {
    let s = w.shape;
    let mut columns = vec![Vec::new(); plan.chains];
    for (product, link) in plan.links().iter().enumerate() {
        let row = match product.checked_sub(s.rank) {
            None => &w.a[product * s.d_in..][..s.d_in],
            Some(output) => &w.b[output * s.rank..][..s.rank],
        };
        columns[link.chain].extend(row.iter().map(|v| field((*v).into())));
    }
    columns
}

/// Horner's sums along the lanes, anew in every segment.
fn running(lanes: &[Vec<Fr>], segments: usize, gamma: Fr) -> Vec<Fr> {
    let height = lanes[0].len() / segments;
    let mut sum = Fr::ZERO;
    let step = |at: usize| {
        if at.is_multiple_of(height) {
            sum = Fr::ZERO;
        }
        sum = lanes.iter().fold(sum, |sum, lane| sum * gamma + lane[at]);
        sum
    };
    (0..lanes[0].len()).map(step).collect()
}

fn ends(sums: &[Fr], segments: usize) -> Vec<Fr> {
    let height = sums.len() / segments;
    sums.iter().skip(height - 1).step_by(height).copied().collect()
}
