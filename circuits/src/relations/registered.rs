//! Registered adapters: their integers in columns, committed to once.

use ark_bn254::{Fr, G1Affine};
use talea_gpu::{Device, Ints};

use super::{
    adapter::{AdapterLayout, digest_adapter},
    shape::{AdapterShape, blocks},
};
use crate::{
    arithmetic::Native,
    columns::{Layout, ints::Witness},
};

/// The integers of an adapter and its index.
#[derive(Debug, Clone)]
pub struct AdapterValues {
    /// A_int per module, [rank, d_in] row-major.
    pub a: Vec<Vec<i16>>,
    /// B_int per module, [d_out, rank] row-major.
    pub b: Vec<Vec<i16>>,
    /// H, [rows, coordinates] row-major.
    pub h: Vec<i16>,
}

/// A registered adapter: what its owner and the provers who use it hold.
#[derive(Debug, Clone)]
pub struct Registered {
    /// Sizes.
    pub shape: AdapterShape,
    /// Columns in the order of its layout, and the salts of its chunks.
    pub witness: Witness,
    /// Commitments to its chunks.
    pub points: Vec<G1Affine>,
}

impl Registered {
    /// Commits to an adapter. `powers` are [τ^i]₁, `seed` is secret.
    ///
    /// # Panics
    /// If values and shape do not fit, or `powers` are too few.
    pub fn new(
        device: &impl Device, shape: &AdapterShape, values: &AdapterValues, powers: &[G1Affine], seed: &[u8; 32],
    ) -> Self {
        let (layout, columns) = Self::columns(shape, values);
        let witness = Witness::new(&layout, columns, seed);
        let points = witness.commit(device, &layout, powers);
        Self { shape: shape.clone(), witness, points }
    }

    /// An adapter that was committed to before.
    ///
    /// # Panics
    /// If values and shape do not fit.
    pub fn known(shape: &AdapterShape, values: &AdapterValues, salts: Vec<Fr>, points: Vec<G1Affine>) -> Self {
        let columns = Self::columns(shape, values).1;
        Self { shape: shape.clone(), witness: Witness { columns: columns.into(), salts }, points }
    }

    /// Layout and columns.
    fn columns(shape: &AdapterShape, values: &AdapterValues) -> (Layout, Vec<Ints>) {
        let (own, layout) = AdapterLayout::new(shape);
        let room = 1usize << shape.rank;
        let mut columns = vec![Ints::I16(Vec::new()); layout.columns().len()];
        let ranks: Vec<usize> = shape.modules.iter().zip(&values.a).map(|(m, a)| a.len() / m.d_in).collect();
        let coordinates: usize = ranks.iter().sum();
        let mut first = 0;
        for (i, (m, rank)) in shape.modules.iter().zip(&ranks).enumerate() {
            for ((begin, vars), id) in blocks(m.d_in).into_iter().zip(&own.a[i]) {
                let row = |rho: usize| values.a[i][rho * m.d_in + begin..][..1 << vars].to_vec();
                columns[id.index()] = Ints::I16(padded((0..*rank).flat_map(row).collect(), room << vars));
            }
            for ((begin, vars), id) in blocks(m.d_out).into_iter().zip(&own.b[i]) {
                let row = |rho: usize| (begin..begin + (1 << vars)).map(move |j| j * rank + rho);
                let column = (0..*rank).flat_map(row).map(|at| values.b[i][at]).collect();
                columns[id.index()] = Ints::I16(padded(column, room << vars));
            }
            let of_row = |row: &[i16]| padded(row[first..first + rank].to_vec(), room);
            let h = values.h.chunks(coordinates.max(1)).flat_map(of_row).collect();
            columns[own.h[i].index()] = Ints::I16(padded(h, room << shape.clusters));
            first += rank;
        }
        (layout, columns)
    }

    /// What stands for it on chain.
    pub fn digest(&self) -> Fr {
        digest_adapter(&Native, &self.shape, &self.points)
    }
}

fn padded(mut v: Vec<i16>, n: usize) -> Vec<i16> {
    v.resize(n, 0);
    v
}
