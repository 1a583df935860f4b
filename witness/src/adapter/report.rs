//! How far the integer delta is from PEFT's float delta, per module, with the distribution over rows.

use std::path::PathBuf;

use super::{
    Lora,
    quantise::{IntAdapter, delta, exp2, low_rank},
};
use crate::{
    bounds::U_SHIFT,
    error::Result,
    model::Base,
    trace::{capture, quantise::quantise},
};

/// Error of one module over a set of golden traces.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleError {
    /// Module path.
    pub path: String,
    /// Rows (tokens) compared.
    pub rows: usize,
    /// Largest |delta| over all traces, in the model's units.
    pub largest_delta: f64,
    /// max over traces of (max|error| / max|delta|), both within the trace: the figure that is bounded by 1e-3.
    pub of_trace: f64,
    /// Quantiles over rows of (max|error| / max|delta|), both within the row: median, 90 %, 99 %, largest.
    pub of_row: [f64; 4],
}

/// Compares with the `lora_delta` tensors of golden files.
pub fn compare(base: &Base, lora: &Lora, adapter: &IntAdapter, golden: &[PathBuf]) -> Result<Vec<ModuleError>> {
    let mut sums: Vec<(f64, f64, Vec<f64>)> = vec![(0.0, 0.0, Vec::new()); adapter.modules.len()];
    for path in golden {
        let captured = capture::load(path, base, &lora.modules)?;
        let trace = quantise("", &captured.trace, &adapter.inputs);
        for (m, (largest, of_trace, of_row)) in adapter.modules.iter().zip(&mut sums) {
            let Some(float) = captured.deltas.get(&m.path) else { continue };
            let d = delta(m, &low_rank(m, &trace.x[m.input as usize]));
            let unit =
                m.sigma_a * m.sigma_b * exp2(U_SHIFT as i32 + adapter.inputs[m.input as usize].1 + trace.exponent);
            let (mut worst, mut peak) = (0f64, 0f64);
            for (ints, floats) in d.chunks_exact(m.d_out as usize).zip(float.chunks_exact(m.d_out as usize)) {
                let error =
                    ints.iter().zip(floats).map(|(i, f)| (*i as f64 * unit - f64::from(*f)).abs()).fold(0f64, f64::max);
                let size = floats.iter().map(|f| f64::from(f.abs())).fold(0f64, f64::max);
                of_row.push(ratio(error, size));
                (worst, peak) = (worst.max(error), peak.max(size));
            }
            *of_trace = of_trace.max(ratio(worst, peak));
            *largest = largest.max(peak);
        }
    }
    Ok(adapter
        .modules
        .iter()
        .zip(sums)
        .map(|(m, (largest_delta, of_trace, mut rows))| {
            rows.sort_by(f64::total_cmp);
            let at = |q: f64| {
                rows.get(((rows.len() as f64 * q) as usize).min(rows.len().saturating_sub(1))).copied().unwrap_or(0.0)
            };
            ModuleError {
                path: m.path.clone(),
                rows: rows.len(),
                largest_delta,
                of_trace,
                of_row: [at(0.5), at(0.9), at(0.99), at(1.0)],
            }
        })
        .collect())
}

/// 0/0 is no error; anything over 0 is infinitely wrong.
fn ratio(error: f64, size: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / size }
}
