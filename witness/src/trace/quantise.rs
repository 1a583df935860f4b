//! Exponents and X (DESIGN.md §3.1–3.2), and V = Σ_tokens U (§3.5).

use rayon::prelude::*;

use super::{FloatTrace, InputTensor, IntTrace};
use crate::{
    adapter::quantise::{IntAdapter, exp2, low_rank},
    bounds::X_MAX,
};

/// Least e with max|x| ≤ (2^19−1)·2^e; 0 for a tensor of zeros.
///
/// x is an f32 and the power exact, so the comparison is exact.
pub fn least_exponent(max_abs: f32) -> i32 {
    least(max_abs, |m, k| m <= f64::from(X_MAX) * exp2(k))
}

/// Least k for which `round(x/2^k)` stays within ±(2^19−1) for every |x| ≤ `max_abs`; `None` for zeros, which fit any.
fn least_rounding_exponent(max_abs: f32) -> Option<i32> {
    (max_abs > 0.0).then(|| least(max_abs, |m, k| (m / exp2(k)).round_ties_even() <= f64::from(X_MAX)))
}

/// The least exponent that `fits`, which is monotone; the search starts below any candidate.
fn least(max_abs: f32, fits: impl Fn(f64, i32) -> bool) -> i32 {
    if max_abs == 0.0 {
        return 0;
    }
    let m = f64::from(max_abs);
    let mut k = m.log2().floor() as i32 - 20;
    while !fits(m, k) {
        k += 1;
    }
    k
}

/// Largest |x| of a column.
pub fn max_abs(xs: &[f32]) -> f32 {
    xs.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// X of a float trace under the adapter's exponents; inputs in the adapter's order.
pub fn quantise(id: &str, trace: &FloatTrace, inputs: &[(InputTensor, i32)]) -> IntTrace {
    let columns: Vec<(&[f32], i32)> = inputs
        .iter()
        .map(|(tensor, e)| {
            let (_, rows) =
                trace.inputs.iter().find(|(t, _)| t == tensor).expect("a trace of this adapter has all its inputs");
            (rows.as_slice(), *e)
        })
        .collect();
    let exponent =
        columns.iter().filter_map(|(rows, e)| Some(least_rounding_exponent(max_abs(rows))? - e)).max().unwrap_or(0);
    let x = columns
        .into_par_iter()
        .map(|(rows, e)| {
            let unit = exp2(-(e + exponent));
            rows.iter().map(|x| (f64::from(*x) * unit).round_ties_even() as i32).collect()
        })
        .collect();
    IntTrace { id: id.into(), tokens: trace.tokens.clone(), exponent, x }
}

/// V[f] = Σ_tokens U[t, f] over the adapter's coordinates; |V| < 2^44.
pub fn summed(adapter: &IntAdapter, trace: &IntTrace) -> Vec<i64> {
    adapter
        .modules
        .iter()
        .flat_map(|m| {
            let u = low_rank(m, &trace.x[m.input as usize]);
            let r = m.rank as usize;
            let mut v = vec![0i64; r];
            for row in u.chunks_exact(r) {
                for (v, u) in v.iter_mut().zip(row) {
                    *v += i64::from(*u);
                }
            }
            v
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Site;

    fn trace(columns: &[&[f32]]) -> (FloatTrace, Vec<InputTensor>) {
        let tensors: Vec<_> =
            (0..columns.len() as u32).map(|layer| InputTensor { layer, site: Site::Mlp, width: 1 }).collect();
        let inputs = tensors.iter().cloned().zip(columns.iter().map(|c| c.to_vec())).collect();
        (FloatTrace { tokens: vec![0; columns[0].len()], inputs, last_logits: None }, tensors)
    }

    #[test]
    fn e_is_the_least_exponent_that_fits() {
        let max = X_MAX as f32;
        assert_eq!(least_exponent(max), 0);
        assert_eq!(least_exponent(max + 0.5), 1); // DESIGN §3.1 compares before rounding
        assert_eq!(least_exponent(1.0), -18);
        assert_eq!(least_exponent(0.0), 0);
        for extreme in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)] {
            let e = least_exponent(extreme);
            assert!(
                f64::from(extreme) <= f64::from(X_MAX) * exp2(e) && f64::from(extreme) > f64::from(X_MAX) * exp2(e - 1)
            );
        }
    }

    /// E compares after rounding: 2^19−1+½ would round to the even 2^19, so it needs one more bit; just below it does not.
    #[test]
    fn x_reaches_its_bound_and_not_beyond() {
        let max = X_MAX as f32;
        for (x, want) in
            [(max, (0, X_MAX)), (max + 0.46875, (0, X_MAX)), (max + 0.5, (1, 1 << 18)), (-max, (0, -X_MAX))]
        {
            let (t, n) = trace(&[&[x, 0.0]]);
            let q = quantise("", &t, &[(n[0].clone(), 0)]);
            assert_eq!((q.exponent, q.x[0][0]), want, "{x}");
        }
    }

    #[test]
    fn one_exponent_serves_all_tensors_and_may_be_negative() {
        let (t, n) = trace(&[&[1.0, -0.25], &[4.0, 0.0], &[0.0, 0.0]]);
        let inputs: Vec<_> = n.into_iter().zip([0, 3, 99]).collect();
        let q = quantise("", &t, &inputs);
        // alone the first would take −18, the second −19 on top of its 3: the greater one counts
        assert_eq!(q.exponent, -18);
        assert_eq!(q.x, [vec![1 << 18, -(1 << 16)], vec![1 << 17, 0], vec![0, 0]]);
        let (zero, n) = trace(&[&[0.0, -0.0]]);
        assert_eq!(quantise("", &zero, &[(n[0].clone(), 5)]).exponent, 0);
    }

    #[test]
    fn rounding_is_half_to_even() {
        let (t, n) = trace(&[&[X_MAX as f32 - 0.5, 1.5, 2.5, -2.5]]);
        assert_eq!(quantise("", &t, &[(n[0].clone(), 0)]).x[0], [X_MAX - 1, 2, 2, -2]);
    }
}
