//! How many rows and columns a task takes.

use bench_relation::{
    limbs::{Limb, REM_BITS, U_BITS, best_table, limbs},
    peer::Task,
};

/// Rows that halo2 keeps for blinding, and a few more.
const SPARE_ROWS: usize = 20;
/// Most columns side by side: more make proofs longer and no faster.
const MOST_LANES: usize = 24;

/// Sizes of a circuit. They follow from the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// What for.
    pub task: Task,
    /// log₂ of the rows.
    pub k: u32,
    /// log₂ of the range table.
    pub table: u32,
    /// Columns for X.
    pub x_lanes: usize,
    /// Columns for D.
    pub d_lanes: usize,
    /// Columns for limbs of U and rem.
    pub limb_lanes: usize,
    /// Columns for A and B.
    pub chains: usize,
}

/// A place in a chain: its column, its first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which chain.
    pub chain: usize,
    /// Row of its first term.
    pub row: usize,
}

impl Plan {
    /// The cheapest.
    pub fn new(task: Task) -> Option<Self> {
        (8..=22).filter_map(|k| Self::with_rows(task, k)).min_by_key(Self::cost)
    }

    /// With 2^k rows, if the task fits in.
    pub fn with_rows(task: Task, k: u32) -> Option<Self> {
        let mut plan = Self { task, k, table: best_table(k - 1), ..Self::default() };
        let (s, usable) = (task.shape, plan.usable());
        let lanes = |segments: usize, height: usize| {
            (1..=MOST_LANES).find(|lanes| segments * task.rows.div_ceil(*lanes) * height <= usable)
        };
        plan.x_lanes = lanes(s.d_in, 1)?;
        plan.d_lanes = lanes(s.d_out, 1)?;
        plan.limb_lanes = lanes(s.rank, plan.cell_rows().len())?;
        if s.d_in.max(s.rank) > usable {
            return None;
        }
        plan.chains = plan.links().last()?.chain + 1;
        (plan.chains <= MOST_LANES).then_some(plan)
    }

    /// Rows that a witness may use.
    pub fn usable(&self) -> usize {
        (1usize << self.k) - SPARE_ROWS
    }

    /// Polynomials that a prover commits to, in cells; transforms and openings grow alike. A short column costs more than its
    /// cells: measured, as much as some 2^8 more.
    fn cost(&self) -> usize {
        let streams = self.x_lanes + self.d_lanes + 2;
        // each limb column brings a look-up: two permuted columns and a product
        let ranges = 4 * self.limb_lanes + 2;
        // columns under copy constraints, two to a product
        let copies = (4 + 2 * self.chains).div_ceil(2);
        (streams + ranges + 3 * self.chains + copies + 6) * ((1 << self.k) + 256)
    }

    /// Limbs of U + 2^27.
    pub fn u_limbs(&self) -> Vec<Limb> {
        limbs(U_BITS, self.table)
    }

    /// Limbs of rem.
    pub fn rem_limbs(&self) -> Vec<Limb> {
        limbs(REM_BITS, self.table)
    }

    /// The rows that one U and its rem take in a limb column: U's limbs, rem's, each followed by its companion if it has one.
    pub fn cell_rows(&self) -> Vec<CellRow> {
        let mut rows = Vec::new();
        for (is_rem, limbs) in [(false, self.u_limbs()), (true, self.rem_limbs())] {
            for (index, limb) in limbs.iter().enumerate() {
                rows.push(CellRow::Limb { is_rem, index, shift: limb.shift });
                rows.extend(limb.companion(self.table).map(|log| CellRow::Companion { log }));
            }
        }
        rows
    }

    /// Dot products in their order (one for each coordinate, then one for each output), laid one after another; a column that has no
    /// room for the next one is left.
    pub fn links(&self) -> Vec<Link> {
        let s = self.task.shape;
        let lengths = std::iter::repeat_n(s.d_in, s.rank).chain(std::iter::repeat_n(s.rank, s.d_out));
        let mut next = Link { chain: 0, row: 0 };
        let place = |length: usize| {
            if next.row + length > self.usable() {
                next = Link { chain: next.chain + 1, row: 0 };
            }
            let here = next;
            next.row += length;
            here
        };
        lengths.map(place).collect()
    }
}

/// One row of a cell of the limb columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellRow {
    /// A limb, `index`-th of U or rem.
    Limb {
        /// Of rem.
        is_rem: bool,
        /// Place among its value's limbs.
        index: usize,
        /// Its lowest bit.
        shift: u32,
    },
    /// 2^log times the row before.
    Companion {
        /// See [`Limb::companion`].
        log: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_relation::witness::Shape;

    #[test]
    fn plans_fit() {
        for (shape, rows) in
            [((16, 2, 16), 3), ((64, 4, 64), 1), ((64, 4, 64), 1024), ((4096, 16, 4096), 16), ((768, 8, 768), 256)]
        {
            let shape = Shape { d_in: shape.0, rank: shape.1, d_out: shape.2 };
            let plan = Plan::new(Task::new(shape, rows)).unwrap();
            let links = plan.links();
            assert_eq!(links.len(), shape.rank + shape.d_out);
            assert!(links.iter().all(|l| l.chain < plan.chains && l.row < plan.usable()));
            assert!(shape.d_in * rows.div_ceil(plan.x_lanes) <= plan.usable(), "{plan:?}");
            assert!((1 << plan.table) <= plan.usable());
        }
    }
}
