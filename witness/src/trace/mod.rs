//! Traces: what enters each adapted module, per token, in floating point and in integers (docs/semantics.md §5).
//!
//! | module | holds |
//! |---|---|
//! | [`capture`] | float traces as safetensors: ours, or captured from a serving stack |
//! | [`quantise`] | exponents e and E, X, V |

pub mod capture;
pub mod quantise;

use wincode::{SchemaRead, SchemaWrite};

use crate::{adapter::LoraModule, artefact::Artefact};

/// A place in a decoder layer whose activations feed linear modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SchemaWrite, SchemaRead)]
pub enum Site {
    /// The normed stream that q, k and v read.
    Attention,
    /// The mixed heads that o reads.
    AttentionOut,
    /// The normed stream that gate and up read.
    Mlp,
    /// The gated product that down reads.
    MlpOut,
    /// The final normed stream that the output head reads.
    Head,
}

/// One input tensor; modules that share it share its exponent and its X.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, SchemaWrite, SchemaRead)]
pub struct InputTensor {
    /// Decoder layer; the output head counts as one more.
    pub layer: u32,
    /// Where in the layer.
    pub site: Site,
    /// Width of a row.
    pub width: u32,
}

impl InputTensor {
    /// The distinct inputs of a set of modules, ascending.
    pub fn of_modules(modules: &[LoraModule]) -> Vec<Self> {
        let mut all: Vec<_> =
            modules.iter().map(|m| Self { layer: m.layer, site: m.site, width: m.d_in as u32 }).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
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

/// The integer trace of one text or request.
#[derive(Debug, Clone, PartialEq, SchemaWrite, SchemaRead)]
pub struct IntTrace {
    /// Request id, or `datanet#ordinal`.
    pub id: String,
    /// Tokens as fed.
    pub tokens: Vec<u32>,
    /// E: one exponent for all tensors, on top of each tensor's e.
    pub exponent: i32,
    /// X per input tensor, in the order of the adapter's inputs: [tokens, width] row-major, |X| ≤ 2^19−1.
    pub x: Vec<Vec<i32>>,
}

impl Artefact for IntTrace {
    const KIND: &'static str = "trace";
    const VERSION: u32 = 1;
}
