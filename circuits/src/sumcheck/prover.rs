//! The prover of [`super`]: sums of products of two columns.

use ark_bn254::Fr;
use talea_gpu::Device;

use crate::{arithmetic::Plain, transcript::writer::Writer};

/// Proves Σ_x Σ_pairs a(x)·b(x), folding every column to its value at the point; returns the point, lowest variable first.
pub fn products(tx: &mut Writer<impl Plain>, device: &impl Device, pairs: &mut [[Vec<Fr>; 2]], vars: usize) -> Vec<Fr> {
    let mut point = Vec::with_capacity(vars);
    for _ in 0..vars {
        let views: Vec<[&[Fr]; 2]> = pairs.iter().map(|[a, b]| [a.as_slice(), b.as_slice()]).collect();
        let [constant, leading] = device.product_round(&views);
        tx.scalar(&constant);
        tx.scalar(&leading);
        let r = tx.challenge();
        pairs.iter_mut().flatten().for_each(|column| device.fold(column, &r));
        point.push(r);
    }
    point.reverse();
    point
}
