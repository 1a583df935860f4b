//! Integer weights of an adapter, and the integer path of a trace through them (DESIGN.md §3.1–3.2).
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | A_int | [`IntModule::a`] | rank × d_in |
//! | B_int | [`IntModule::b`] | d_out × rank |
//! | X | [`crate::trace::IntTrace`] | tokens × d_in |
//! | U | [`low_rank`] | tokens × rank |
//! | D | [`delta`] | tokens × d_out |

pub use talea_formats::adapter::{IntAdapter, IntModule};

use rayon::prelude::*;

use super::{Lora, LoraModule};
use crate::{
    bounds::{ROW_NORM_BITS, U_SHIFT, WEIGHT_MAX},
    trace::InputTensor,
};

/// Quantises all modules; `inputs` are their distinct inputs, ascending, each with its exponent e.
pub fn quantise(name: &str, base: [u8; 32], lora: &Lora, inputs: Vec<(InputTensor, i32)>) -> IntAdapter {
    let place = |m: &LoraModule| {
        let at = inputs.iter().position(|(t, _)| (t.layer, t.site) == (m.layer, m.site));
        at.expect("the modules' own inputs") as u32
    };
    let modules = lora.modules.iter().map(|m| quantise_module(m, place(m))).collect();
    IntAdapter { name: name.into(), base, sources: lora.sources.clone(), modules, inputs }
}

/// `σ_A·2^(16+e)` per coordinate: what one unit of V stands for, but for the trace's own 2^E.
pub fn coordinate_scales(adapter: &IntAdapter) -> Vec<f64> {
    adapter
        .modules
        .iter()
        .flat_map(|m| {
            std::iter::repeat_n(m.sigma_a * exp2(U_SHIFT as i32 + adapter.inputs[m.input as usize].1), m.rank as usize)
        })
        .collect()
}

/// 2^k, exact. Exponents that finite f32 values lead to stay far inside f64's normal range.
pub fn exp2(k: i32) -> f64 {
    assert!((-1022..=1023).contains(&k), "exponent {k} does not come from finite f32 values");
    f64::from_bits(((1023 + k) as u64) << 52)
}

fn max_abs(xs: &[f32]) -> f64 {
    xs.iter().fold(0.0, |m, x| m.max(f64::from(x.abs())))
}

/// `round(x/σ)`, half to even; σ makes |x/σ| ≤ 2^15−1 up to rounding.
fn step(x: f64, sigma: f64) -> i16 {
    let q = (x / sigma).round_ties_even();
    q as i16
}

/// Quantises one module; `input` is its input's place.
pub fn quantise_module(m: &LoraModule, input: u32) -> IntModule {
    let norm = m.a.chunks_exact(m.d_in).map(|row| row.iter().map(|x| f64::from(x.abs())).sum()).fold(0f64, f64::max);
    let room = (1u64 << ROW_NORM_BITS) as f64 - m.d_in as f64;
    let sigma_a = nonzero((max_abs(&m.a) / f64::from(WEIGHT_MAX)).max(norm / room));
    let sigma_b = nonzero(m.scale.abs() * max_abs(&m.b) / f64::from(WEIGHT_MAX));
    IntModule {
        path: m.path.clone(),
        input,
        rank: m.rank as u32,
        d_in: m.d_in as u32,
        d_out: m.d_out as u32,
        sigma_a,
        sigma_b,
        a: m.a.iter().map(|x| step(f64::from(*x), sigma_a)).collect(),
        b: m.b.iter().map(|x| step(m.scale * f64::from(*x), sigma_b)).collect(),
    }
}

/// U = (X·A_intᵀ + 2^15) >> 16, [tokens, rank] row-major; |U| < 2^27.
pub fn low_rank(m: &IntModule, x: &[i32]) -> Vec<i32> {
    let (d, r) = (m.d_in as usize, m.rank as usize);
    let mut u = vec![0; x.len() / d * r];
    u.par_chunks_mut(r).zip(x.par_chunks_exact(d)).for_each(|(out, row)| {
        for (u, a) in out.iter_mut().zip(m.a.chunks_exact(d)) {
            let acc: i64 = row.iter().zip(a).map(|(x, a)| i64::from(*x) * i64::from(*a)).sum();
            *u = round_shift(acc);
        }
    });
    u
}

/// D = U·B_intᵀ, [tokens, d_out] row-major, exact; |D| < 2^50.
pub fn delta(m: &IntModule, u: &[i32]) -> Vec<i64> {
    let r = m.rank as usize;
    u.par_chunks_exact(r)
        .flat_map_iter(|row| {
            m.b.chunks_exact(r).map(move |b| row.iter().zip(b).map(|(u, b)| i64::from(*u) * i64::from(*b)).sum())
        })
        .collect()
}

/// `(acc + 2^15) >> 16`, floored: |acc| < 2^43, so the result fits 28 bits with its sign.
pub fn round_shift(acc: i64) -> i32 {
    ((acc + (1 << (U_SHIFT - 1))) >> U_SHIFT) as i32
}

fn nonzero(sigma: f64) -> f64 {
    if sigma > 0.0 { sigma } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{FloatTrace, InputTensor, Site, quantise};

    /// The worked example of docs/semantics.md §4 and §5.
    #[test]
    fn worked_example() {
        let path = "model.layers.0.mlp.up_proj".to_string();
        let (a, b) = (vec![0.5, -0.25, 0.125], vec![1.0, -0.5]);
        let m = LoraModule { layer: 0, path, site: Site::Mlp, rank: 1, d_in: 3, d_out: 2, scale: 2.0, a, b };
        let q = quantise_module(&m, 0);
        assert_eq!((q.sigma_a, q.sigma_b), (0.5 / 32767.0, 2.0 / 32767.0));
        assert_eq!((&q.a[..], &q.b[..]), (&[32767, -16384, 8192][..], &[32767, -16384][..]));

        let rows = vec![1.0, 2.0, -4.0];
        let tensor = InputTensor { layer: 0, site: Site::Mlp, width: 3 };
        let e = quantise::least_exponent(quantise::max_abs(&rows));
        assert_eq!(e, -16);
        let float = FloatTrace { tokens: vec![0], inputs: vec![(tensor.clone(), rows)], last_logits: None };
        let trace = quantise::quantise("example", &float, &[(tensor, e)]);
        assert_eq!((trace.exponent, &trace.x[0][..]), (0, &[65_536, 131_072, -262_144][..]));
        let u = low_rank(&q, &trace.x[0]);
        assert_eq!(u, [-32_769]);
        let d = delta(&q, &u);
        assert_eq!(d, [-32_769 * 32_767, 32_769 * 16_384]);
        let unit = q.sigma_a * q.sigma_b * exp2(16 + e + trace.exponent);
        assert!((d[0] as f64 * unit + 1.0).abs() < 1e-4 && (d[1] as f64 * unit - 0.5).abs() < 1e-4);
    }

    #[test]
    fn zero_tensors_have_step_one() {
        let m = LoraModule {
            layer: 0,
            path: "m".into(),
            site: Site::Mlp,
            rank: 1,
            d_in: 2,
            d_out: 1,
            scale: 2.0,
            a: vec![0.0; 2],
            b: vec![0.0],
        };
        let q = quantise_module(&m, 0);
        assert_eq!((q.sigma_a, q.sigma_b, q.a, q.b), (1.0, 1.0, vec![0, 0], vec![0]));
    }

    /// rsLoRA and a negative α keep their sign and size through σ_B.
    #[test]
    fn a_negative_scale_turns_b_around() {
        let m = LoraModule {
            layer: 0,
            path: "m".into(),
            site: Site::Mlp,
            rank: 1,
            d_in: 1,
            d_out: 2,
            scale: -3.0,
            a: vec![1.0],
            b: vec![2.0, -1.0],
        };
        let q = quantise_module(&m, 0);
        assert_eq!((q.sigma_b, q.b), (6.0 / 32767.0, vec![-32767, 16384]));
    }
}
