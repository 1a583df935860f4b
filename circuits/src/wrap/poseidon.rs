//! Poseidon's permutation in halo2-base's gate: partial rounds have sparse matrices and one constant (Grassi et al., USENIX Security
//! 2021, appendix B), and words are kept divided by factors that make the first coefficient of every matrix row 1, which saves a
//! product in each: 2,580 cells instead of the 2,890 of halo2-base's own layout.
//!
//! A word s_i of the state is a_i·t_i, t_i a cell and a_i a number known beforehand. x⁵ + k of a word is a_i⁵·(t_i⁵ + k/a_i⁵); a row Σ m_i·y_i of
//! such numbers y_i = b_i·u_i is m_0·b_0·(u_0 + Σ_{i>0} m_i·b_i/(m_0·b_0)·u_i).

use std::sync::OnceLock;

use halo2_base::{
    AssignedValue, Context,
    QuantumCell::{self, Constant, Existing, Witness},
    gates::{GateChip, GateInstructions},
    halo2_proofs::halo2curves::{bn256::Fr, ff::Field},
    poseidon::hasher::spec::OptimizedPoseidonSpec,
};

use crate::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH};

type Words = [Fr; WIDTH];
type State = [AssignedValue<Fr>; WIDTH];

/// A round in which every word passes the S-box.
struct Full {
    constants: Words,
    rows: [Words; WIDTH],
}

/// A round in which the first word does.
struct Partial {
    constant: Fr,
    /// Of the first word, behind its 1.
    row: [Fr; RATE],
    /// What the others add of the first.
    column: [Fr; RATE],
}

/// All rounds, over scaled words.
struct Rounds {
    first: Words,
    start: Vec<Full>,
    partial: Vec<Partial>,
    end: Vec<Full>,
}

fn fifth(x: Fr) -> Fr {
    x.square().square() * x
}

fn inverse(x: Fr) -> Fr {
    x.invert().expect("matrices without zeros")
}

impl Rounds {
    fn new() -> Self {
        let spec = OptimizedPoseidonSpec::<Fr, WIDTH, RATE>::new::<FULL_ROUNDS, PARTIAL_ROUNDS, 0>();
        let (constants, matrices) = (spec.constants(), spec.mds_matrices());
        let (mds, pre_sparse) = (matrices.mds().as_ref(), matrices.pre_sparse_mds().as_ref());
        let (first, before) = constants.start().split_first().expect("half of the full rounds come first");
        let mut scale = [Fr::ONE; WIDTH];
        let mut start = Vec::new();
        for (i, own) in before.iter().enumerate() {
            let matrix = if i + 1 == before.len() { pre_sparse } else { mds };
            start.push(Full::new(&mut scale, own, matrix, true));
        }
        let sparse = constants.partial().iter().zip(matrices.sparse_matrices());
        let partial = sparse.map(|(c, m)| Partial::new(&mut scale, *c, m.row(), m.col_hat())).collect();
        let mut end: Vec<Full> = constants.end().iter().map(|own| Full::new(&mut scale, own, mds, true)).collect();
        // the last row ends with the words themselves
        end.push(Full::new(&mut scale, &[Fr::ZERO; WIDTH], mds, false));
        Self { first: *first, start, partial, end }
    }
}

impl Full {
    fn new(scale: &mut Words, constants: &Words, matrix: &[Words; WIDTH], scaled: bool) -> Self {
        let powers = scale.map(fifth);
        let constants = std::array::from_fn(|i| constants[i] * inverse(powers[i]));
        let weighted = matrix.map(|row| std::array::from_fn(|i| row[i] * powers[i]));
        *scale = weighted.map(|row: Words| if scaled { row[0] } else { Fr::ONE });
        let rows = std::array::from_fn(|j| weighted[j].map(|m| m * inverse(scale[j])));
        Self { constants, rows }
    }
}

impl Partial {
    fn new(scale: &mut Words, constant: Fr, row: &Words, column: &[Fr; RATE]) -> Self {
        let power = fifth(scale[0]);
        let first = row[0] * power;
        let own = Self {
            constant: constant * inverse(power),
            row: std::array::from_fn(|i| row[i + 1] * scale[i + 1] * inverse(first)),
            column: std::array::from_fn(|i| column[i] * power * inverse(scale[i + 1])),
        };
        scale[0] = first;
        own
    }
}

/// The permutation of a state.
pub fn permute(ctx: &mut Context<Fr>, gate: &GateChip<Fr>, mut state: State) -> State {
    static ROUNDS: OnceLock<Rounds> = OnceLock::new();
    let rounds = ROUNDS.get_or_init(Rounds::new);
    for (s, c) in state.iter_mut().zip(rounds.first) {
        *s = gate.add(ctx, *s, Constant(c));
    }
    state = rounds.start.iter().fold(state, |state, round| full(ctx, gate, state, round));
    for round in &rounds.partial {
        let [first, rest @ ..] = state;
        let fourth = fourth_power(ctx, gate, first);
        let others = rest.iter().zip(round.row).map(|(s, r)| (*s, Constant(r)));
        let terms = [(first, Existing(fourth))].into_iter().chain(others);
        let [power, sum] = chain(ctx, Constant(round.constant), terms);
        let mut index = 0;
        let moved = rest.map(|s| {
            index += 1;
            gate.mul_add(ctx, power, Constant(round.column[index - 1]), s)
        });
        state = [sum, moved[0], moved[1], moved[2]];
    }
    rounds.end.iter().fold(state, |state, round| full(ctx, gate, state, round))
}

fn full(ctx: &mut Context<Fr>, gate: &GateChip<Fr>, state: State, round: &Full) -> State {
    let mut powers = state;
    for (s, c) in powers.iter_mut().zip(round.constants) {
        let fourth = fourth_power(ctx, gate, *s);
        *s = gate.mul_add(ctx, Existing(*s), Existing(fourth), Constant(c));
    }
    round.rows.map(|row| gate.inner_product(ctx, powers, row.map(Constant)))
}

fn fourth_power(ctx: &mut Context<Fr>, gate: &GateChip<Fr>, x: AssignedValue<Fr>) -> AssignedValue<Fr> {
    let square = gate.mul(ctx, x, x);
    gate.mul(ctx, square, square)
}

/// start + Σ a·b in one run of gates, each of which begins with the cell that the one before ends in; returns the sums after the first
/// product and after all.
fn chain(
    ctx: &mut Context<Fr>, start: QuantumCell<Fr>, terms: impl Iterator<Item = (AssignedValue<Fr>, QuantumCell<Fr>)>,
) -> [AssignedValue<Fr>; 2] {
    let (mut sum, mut cells) = (*start.value(), vec![start]);
    for (a, b) in terms {
        sum += a.value() * b.value();
        cells.extend([Existing(a), b, Witness(sum)]);
    }
    let products = (cells.len() - 1) / 3;
    let length = cells.len() as isize;
    ctx.assign_region(cells, (0..products as isize).map(|i| 3 * i));
    [ctx.get(3 - length), ctx.get(-1)]
}
