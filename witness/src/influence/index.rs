//! The influence index: one frozen integer row per cluster (DESIGN.md §3.4).
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | n, D | `n`, `d` | rows, coordinates |
//! | φ_k | [`feature`] | the text's summed low-rank activations, L2-normalised |
//! | μ, x_k | `mean`, `x` | mean and centred features |
//! | K, λ | `k`, `lambda` | XᵀX/n and its ridge 0.1·tr(K)/D |
//! | h_k | `h` | (K+λI)⁻¹x_k / √(x_kᵀ(K+λI)⁻¹x_k), then made orthogonal to μ |
//! | H, σ_H | [`Index::h`], [`Index::sigma_h`] | h in the units of V, rounded to 16 bits with sign |
//!
//! TRAK (Park et al. 2023, eq. 14–17) over the adapter's own low-rank activations. Every sum runs in index order in
//! f64, on one thread and without fused multiply-add, so that the same features give the same bytes on any machine.

pub use talea_formats::index::{Index, IndexRow, Unindexed};

use nalgebra::{DMatrix, DVector};

use crate::{
    bounds::{CLUSTER_BITS, WEIGHT_MAX},
    error::{Error, Result},
};

/// λ as a share of K's mean eigenvalue.
pub const RIDGE: f64 = 0.1;

/// Σ‖x_k‖²/n at or below which features count as equal: unit vectors that agree to six digits differ by the rounding of U alone.
pub const SPREAD: f64 = 1.0 / (1u64 << 40) as f64;

/// φ: `V·σ_A·2^(16+e)` per coordinate, L2-normalised (the trace's common 2^E cancels); `None` where it is zero.
pub fn feature(v: &[i64], scales: &[f64]) -> Option<Vec<f64>> {
    let phi: Vec<f64> = v.iter().zip(scales).map(|(v, s)| *v as f64 * s).collect();
    // Scaled by the largest first: squares of very small or large activations would leave f64's range.
    let largest = phi.iter().fold(0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return None;
    }
    let norm = phi.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt();
    Some(phi.iter().map(|x| x / largest / norm).collect())
}

/// Builds H from the rows' V. Rows must have a feature; `file` names the Datanet in errors.
pub fn build(file: &str, rows: &[IndexRow], scales: &[f64]) -> Result<(f64, Vec<i16>)> {
    let bad = |found: usize, expected: &str| Err(Error::input(file, "clusters", found, expected));
    if rows.is_empty() {
        return bad(0, "at least one contribution that the adapter reacts to");
    }
    if rows.len() > 1 << CLUSTER_BITS {
        return bad(rows.len(), "at most 2^10 per adapter");
    }
    let features: Vec<Vec<f64>> =
        rows.iter().map(|r| feature(&r.v, scales).expect("only rows with a feature")).collect();
    let d = scales.len();
    let phi = DMatrix::from_fn(d, rows.len(), |f, k| features[k][f]);
    let h = if rows.len() == 1 { phi } else { whitened(phi) };
    // H[k,f] = round(h·σ_A·2^(16+e)/σ_H)
    let scaled = DMatrix::from_fn(d, rows.len(), |f, k| h[(f, k)] * scales[f]);
    let largest = scaled.iter().fold(0f64, |m, x| m.max(x.abs()));
    let step = largest / f64::from(WEIGHT_MAX);
    let sigma_h = if step > 0.0 { step } else { 1.0 };
    // A DMatrix is column-major, so its columns (clusters) follow each other: exactly H's row-major order.
    Ok((sigma_h, scaled.iter().map(|x| (x / sigma_h).round_ties_even() as i16).collect()))
}

/// h for two rows or more; features and result are the columns of a D × n matrix.
fn whitened(mut x: DMatrix<f64>) -> DMatrix<f64> {
    let (d, n) = x.shape();
    let mut mean = DVector::<f64>::zeros(d);
    for k in 0..n {
        mean += x.column(k);
    }
    mean /= n as f64;
    for k in 0..n {
        let mut column = x.column_mut(k);
        column -= &mean;
    }
    // tr(K) = Σ‖x_k‖²/n, whichever side the system is solved on.
    let trace = (0..n).map(|k| dot(x.column(k).as_slice(), x.column(k).as_slice())).sum::<f64>() / n as f64;
    if trace <= SPREAD {
        return DMatrix::zeros(d, n); // nothing tells the clusters apart, and nobody is credited
    }
    let lambda = RIDGE * trace / d as f64;
    let mut h = if d > n { solve_dual(&x, lambda) } else { solve_primal(&x, lambda) };
    let mm = dot(mean.as_slice(), mean.as_slice());
    for k in 0..n {
        let energy = dot(x.column(k).as_slice(), h.column(k).as_slice());
        let norm = if energy > 0.0 { energy.sqrt() } else { 1.0 };
        let mut column = h.column_mut(k);
        column /= norm;
        if mm > 0.0 {
            let along = dot(column.as_slice(), mean.as_slice()) / mm;
            column -= &mean * along;
        }
    }
    h
}

/// (K+λI)⁻¹X with K = XXᵀ/n, D × D.
fn solve_primal(x: &DMatrix<f64>, lambda: f64) -> DMatrix<f64> {
    let rows = x.transpose();
    gram(&rows, x.ncols(), lambda).solve(x)
}

/// X(G+λI)⁻¹ with G = XᵀX/n, n × n: the same by the push-through identity.
fn solve_dual(x: &DMatrix<f64>, lambda: f64) -> DMatrix<f64> {
    gram(x, x.ncols(), lambda).solve(&x.transpose()).transpose()
}

/// Cholesky factor of (CᵀC)/n + λI, from the columns of C.
fn gram(columns: &DMatrix<f64>, n: usize, lambda: f64) -> nalgebra::Cholesky<f64, nalgebra::Dyn> {
    let size = columns.ncols();
    let mut g = DMatrix::zeros(size, size);
    for i in 0..size {
        for j in 0..=i {
            let v = dot(columns.column(i).as_slice(), columns.column(j).as_slice()) / n as f64;
            g[(i, j)] = v;
            g[(j, i)] = v;
        }
        g[(i, i)] += lambda;
    }
    g.cholesky().expect("a Gram matrix plus a positive ridge is positive definite")
}

/// A sum in index order: nalgebra's matrix product picks its kernel by processor.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(v: &[&[i64]]) -> Vec<IndexRow> {
        (0u32..).zip(v).map(|(cluster, v)| IndexRow { cluster, payee: [0; 20], exponent: 0, v: v.to_vec() }).collect()
    }

    #[test]
    fn a_single_cluster_is_its_own_feature() {
        let (sigma, h) = build("d", &rows(&[&[3, -4]]), &[1.0, 1.0]).unwrap();
        assert_eq!(h, [24575, -32767]); // φ = (0.6, −0.8); 0.6/0.8·32767 = 24575.25
        assert!((sigma - 0.8 / 32767.0).abs() < 1e-18);
    }

    #[test]
    fn clusters_that_cannot_be_told_apart_credit_nobody() {
        let (sigma, h) = build("d", &rows(&[&[3, -4], &[6, -8]]), &[1.0, 1.0]).unwrap();
        assert_eq!((sigma, h), (1.0, vec![0; 4]));
        // three rows that only rounding tells apart: their centred features are noise, not zero
        let (sigma, h) = build("d", &rows(&[&[3, -7, 1], &[6, -14, 2], &[9, -21, 3]]), &[0.1, 0.3, 0.7]).unwrap();
        assert_eq!((sigma, h), (1.0, vec![0; 9]));
        let n = 1i64 << 30;
        let (_, h) = build("d", &rows(&[&[n, n], &[n, n + 64], &[n, n - 64]]), &[1.0, 1.0]).unwrap();
        assert!(h.iter().all(|h| *h == 0), "six digits alike");
        let (_, h) = build("d", &rows(&[&[n, n], &[n, n + 4096], &[n, n - 4096]]), &[1.0, 1.0]).unwrap();
        assert!(h.iter().any(|h| *h != 0), "told apart");
    }

    /// Two clusters: x₁ = −x₂, so h₁ = −h₂, and both are orthogonal to the mean feature.
    #[test]
    fn two_clusters_mirror_each_other() {
        let scales = [1.0, 1.0, 0.5];
        let (_, h) = build("d", &rows(&[&[5, 1, 2], &[4, 3, -2]]), &scales).unwrap();
        assert!(h[..3].iter().zip(&h[3..]).all(|(a, b)| *a == -b) && h.iter().any(|x| x.unsigned_abs() == 32767));
        let unit = |v: [f64; 3]| {
            let n = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v.map(|x| x / n)
        };
        let (a, b) = (unit([5.0, 1.0, 1.0]), unit([4.0, 3.0, -1.0]));
        let along: f64 = (0..3).map(|f| f64::from(h[f]) / scales[f] * (a[f] + b[f])).sum();
        assert!(along.abs() < 4.0, "{along} of 32767: rounding alone");
    }

    #[test]
    fn features_are_refused_at_their_edges() {
        assert_eq!(feature(&[0, 0], &[1.0, 1.0]), None);
        let tiny = feature(&[1, 0], &[1e-300, 1.0]).unwrap();
        assert_eq!(tiny, [1.0, 0.0], "squares would underflow");
        assert!(build("d", &[], &[1.0]).unwrap_err().to_string().starts_with("d: clusters: found 0"));
        let many: Vec<i64> = (1..=1025).collect();
        let many: Vec<&[i64]> = many.chunks(1).collect();
        assert!(
            build("d", &rows(&many), &[1.0]).unwrap_err().to_string().contains("found 1025, expected at most 2^10")
        );
        assert!(build("d", &rows(&many[..1024]), &[1.0]).is_ok());
    }
}
