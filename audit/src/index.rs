//! The influence index from its stored V (docs/semantics.md §6), by LU elimination instead of Cholesky: H within one
//! unit, σ_H within 10⁻⁹ of itself.

use nalgebra::DMatrix;
use talea_formats::{
    artefact::hex,
    datanet::{Datanet, Status},
};

use crate::{Checker, Registered, Report};

/// Largest relative difference of σ_H.
const STEP: f64 = 1e-9;

/// Compares an index with its Datanet and with the features that it stores.
pub fn audit(report: &mut Report, file: &str, r: &Registered, datanet: &Datanet, digest: &[u8; 32]) {
    let mut check = Checker::new(report, file);
    check.same("datanet", hex(&r.index.datanet), hex(digest));
    let unindexed = |o: &u32| r.index.unindexed.iter().any(|(u, _)| u == o);
    let representatives: Vec<(u32, [u8; 20])> = (0u32..)
        .zip(&datanet.contributions)
        .filter(|(o, c)| c.status == Status::Representative && !unindexed(o))
        .map(|(o, c)| (o, c.contributor))
        .collect();
    let rows: Vec<(u32, [u8; 20])> = r.index.rows.iter().map(|row| (row.cluster, row.payee)).collect();
    check.holds("rows", rows == representatives, "other clusters or payees", "the Datanet's representatives");
    let coordinates = r.adapter.coordinates();
    let whole = r.index.rows.iter().all(|row| row.v.len() == coordinates && row.v.iter().any(|v| *v != 0));
    check.holds("v", whole, "a row without activations", format!("{coordinates} coordinates, not all zero"));
    if whole {
        let scales = scales(r);
        let g = recompute(DMatrix::from_fn(coordinates, rows.len(), |f, k| r.index.rows[k].v[f] as f64), &scales);
        let largest = g.amax();
        let sigma = if largest / 32767.0 > 0.0 { largest / 32767.0 } else { 1.0 };
        check.holds("sigma_h", (r.index.sigma_h / sigma - 1.0).abs() <= STEP, r.index.sigma_h, sigma);
        for (i, (h, g)) in r.index.h.iter().zip(g.iter()).enumerate() {
            let exact = g / sigma;
            check.holds(format!("h[{i}]"), (f64::from(*h) - exact.round()).abs() <= 1.0, h, exact);
        }
    }
    check.done();
}

/// σ_A·2^(16+e) per coordinate.
fn scales(r: &Registered) -> Vec<f64> {
    let unit = |input: u32| 2f64.powi(16 + r.adapter.inputs[input as usize].1);
    r.adapter.modules.iter().flat_map(|m| vec![m.sigma_a * unit(m.input); m.rank as usize]).collect()
}

/// h·scale, a column per cluster, from V in the same layout.
fn recompute(mut x: DMatrix<f64>, scales: &[f64]) -> DMatrix<f64> {
    let (d, n) = x.shape();
    let scaled = |mut h: DMatrix<f64>| {
        h.row_iter_mut().zip(scales).for_each(|(mut row, s)| row *= *s);
        h
    };
    x = scaled(x);
    for mut phi in x.column_iter_mut() {
        phi /= phi.amax();
        phi /= phi.norm();
    }
    if n == 1 {
        return scaled(x);
    }
    let mu = x.column_mean();
    x.column_iter_mut().for_each(|mut phi| phi -= &mu);
    let spread = x.norm_squared() / n as f64;
    if spread <= 2f64.powi(-40) {
        return DMatrix::zeros(d, n);
    }
    let ridge = |gram: DMatrix<f64>| {
        let size = gram.nrows();
        (gram / n as f64 + DMatrix::identity(size, size) * (0.1 * spread / d as f64)).lu()
    };
    // (K+λI)⁻¹X on the smaller side
    let y = match d > n {
        true => ridge(x.tr_mul(&x)).solve(&x.transpose()).map(|y| y.transpose()),
        false => ridge(&x * x.transpose()).solve(&x),
    };
    let mut h = y.unwrap_or_else(|| DMatrix::from_element(d, n, f64::NAN));
    for (mut h, x) in h.column_iter_mut().zip(x.column_iter()) {
        let energy = x.dot(&h);
        h /= if energy > 0.0 { energy.sqrt() } else { 1.0 };
        let along = h.dot(&mu) / mu.norm_squared();
        h -= &mu * along;
    }
    scaled(h)
}
