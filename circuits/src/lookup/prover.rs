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
    for (id, vars) in lookups.columns() {
        let point = end[..vars].to_vec();
        let value = evaluate(device, column(id), &point);
        tx.scalar(&value);
        claims.push(id, point, value);
    }
    claims
}
