//! The influence index from its stored V (docs/semantics.md §6), by elimination instead of Cholesky: H within one unit,
//! σ_H within 10⁻⁹ of itself.

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
        let rows: Vec<&[i64]> = r.index.rows.iter().map(|row| &row.v[..]).collect();
        let g = recompute(&rows, &scales(r));
        let largest = g.iter().flatten().fold(0f64, |m, x| m.max(x.abs()));
        let sigma = if largest > 0.0 { largest / 32767.0 } else { 1.0 };
        check.holds("sigma_h", (r.index.sigma_h / sigma - 1.0).abs() <= STEP, r.index.sigma_h, sigma);
        for (i, (h, g)) in r.index.h.iter().zip(g.iter().flatten()).enumerate() {
            let exact = g / sigma;
            check.holds(format!("h[{i}]"), (f64::from(*h) - exact.round()).abs() <= 1.0, h, exact);
        }
    }
    check.done();
}

/// σ_A·2^(16+e) per coordinate.
fn scales(r: &Registered) -> Vec<f64> {
    let mut all = Vec::new();
    for m in &r.adapter.modules {
        let e = r.adapter.inputs[m.input as usize].1;
        all.extend((0..m.rank).map(|_| m.sigma_a * 2f64.powi(16 + e)));
    }
    all
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// h_k·scale for every cluster.
fn recompute(v: &[&[i64]], scales: &[f64]) -> Vec<Vec<f64>> {
    let (n, d) = (v.len(), scales.len());
    let mut x: Vec<Vec<f64>> = v.iter().map(|v| v.iter().zip(scales).map(|(v, s)| *v as f64 * s).collect()).collect();
    for phi in &mut x {
        let norm = dot(phi, phi).sqrt();
        phi.iter_mut().for_each(|p| *p /= norm);
    }
    let scaled = |h: &[f64]| h.iter().zip(scales).map(|(h, s)| h * s).collect();
    if n == 1 {
        return vec![scaled(&x[0])];
    }
    let mu: Vec<f64> = (0..d).map(|f| x.iter().map(|p| p[f]).sum::<f64>() / n as f64).collect();
    for phi in &mut x {
        phi.iter_mut().zip(&mu).for_each(|(p, m)| *p -= m);
    }
    let lambda = 0.1 * x.iter().map(|x| dot(x, x)).sum::<f64>() / n as f64 / d as f64;
    if lambda == 0.0 {
        return vec![vec![0.0; d]; n];
    }
    let columns: Vec<Vec<f64>> = (0..d).map(|f| x.iter().map(|x| x[f]).collect()).collect();
    // (K+λI)⁻¹X on the smaller side: rows of the result are y_k
    let ys = if d > n {
        eliminate(gram(&x, n, lambda), x.clone())
    } else {
        let solved = eliminate(gram(&columns, n, lambda), columns);
        (0..n).map(|k| solved.iter().map(|row| row[k]).collect()).collect()
    };
    ys.iter()
        .zip(&x)
        .map(|(y, x): (&Vec<f64>, _)| {
            let energy = dot(x, y);
            let norm = if energy > 0.0 { energy.sqrt() } else { 1.0 };
            let along = dot(y, &mu) / norm / dot(&mu, &mu);
            scaled(&y.iter().zip(&mu).map(|(y, m)| y / norm - along * m).collect::<Vec<_>>())
        })
        .collect()
}

/// Inner products of the rows over n, with λ on the diagonal.
fn gram(rows: &[Vec<f64>], n: usize, lambda: f64) -> Vec<Vec<f64>> {
    let ridge = |i: usize, j: usize| if i == j { lambda } else { 0.0 };
    let product = |i: usize, j: usize| dot(&rows[i], &rows[j]) / n as f64 + ridge(i, j);
    (0..rows.len()).map(|i| (0..rows.len()).map(|j| product(i, j)).collect()).collect()
}

/// Solves A·Y = B by Gauss–Jordan elimination with row pivots.
fn eliminate(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for i in 0..a.len() {
        let pivot = (i..a.len()).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs())).unwrap_or(i);
        a.swap(i, pivot);
        b.swap(i, pivot);
        let (row, rhs, top) = (a[i].clone(), b[i].clone(), a[i][i]);
        for r in 0..a.len() {
            let factor = if r == i { 1.0 - 1.0 / top } else { a[r][i] / top };
            a[r].iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            b[r].iter_mut().zip(&rhs).for_each(|(x, y)| *x -= factor * y);
        }
    }
    b
}
