//! Traces: what enters each adapted module, per token, in floating point and in integers (docs/semantics.md §5).
//!
//! | module | holds |
//! |---|---|
//! | [`capture`] | float traces as safetensors: ours, or captured from a serving stack |
//! | [`quantise`] | exponents e and E, X, V |

pub mod capture;
pub mod quantise;

pub use talea_formats::{
    adapter::{InputTensor, Site},
    trace::IntTrace,
};

use crate::adapter::LoraModule;

/// The distinct inputs of a set of modules, ascending.
pub fn inputs_of(modules: &[LoraModule]) -> Vec<InputTensor> {
    let mut all: Vec<_> =
        modules.iter().map(|m| InputTensor { layer: m.layer, site: m.site, width: m.d_in as u32 }).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Float rows of every input tensor of one text or request.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatTrace {
    /// Tokens as fed.
    pub tokens: Vec<u32>,
    /// Per input tensor, ascending: [tokens, width] row-major.
    pub inputs: Vec<(InputTensor, Vec<f32>)>,
    /// Logits of the last position, where the tracer has them.
    pub last_logits: Option<Vec<f32>>,
}
