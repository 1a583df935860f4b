//! The prover of [`super`].

use ark_bn254::Fr;
use talea_gpu::{Device, Ints, evaluate};

pub use super::leaves::{Outside, multiplicities};
use super::{Lookups, leaves::Leaves};
use crate::{
    arithmetic::Plain,
    columns::{Claims, ColumnId},
    fractions,
    transcript::writer::Writer,
};

/// Proves that every entry stands in its table; returns the claims about the columns.
pub fn prove<'w, D: Device>(
    tx: &mut Writer<impl Plain>, device: &D, lookups: &Lookups, column: impl Fn(ColumnId) -> &'w Ints + Sync,
) -> Claims<Fr> {
    let leaves = Leaves::new(device, lookups, [tx.challenge(), tx.challenge()], &column);
    let (_, end) = fractions::prover::prove(tx, device, &leaves);
    let mut claims = Claims::new();
    let values = device.map(lookups.columns(), |(id, vars)| (id, vars, evaluate(device, column(id), &end[..vars])));
    for (id, vars, value) in values {
        tx.scalar(&value);
        claims.push(id, end[..vars].to_vec(), value);
    }
    claims
}
