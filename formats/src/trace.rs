//! The integer trace of one text or request.

use wincode::{SchemaRead, SchemaWrite};

use crate::artefact::Artefact;

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
