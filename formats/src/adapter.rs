//! A registered adapter: integer weights, steps and exponents.

use wincode::{SchemaRead, SchemaWrite};

use crate::{
    artefact::Artefact,
    bounds::{COORDINATE_BITS, MAX_RANK, ROW_NORM_BITS},
    error::{Error, Result},
};

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

/// One adapted module in integers.
#[derive(Debug, Clone, PartialEq, SchemaWrite, SchemaRead)]
pub struct IntModule {
    /// Module path.
    pub path: String,
    /// Its input's place in [`IntAdapter::inputs`].
    pub input: u32,
    /// Rank.
    pub rank: u32,
    /// Input width.
    pub d_in: u32,
    /// Output width.
    pub d_out: u32,
    /// Step of A.
    pub sigma_a: f64,
    /// Step of s·B.
    pub sigma_b: f64,
    /// A_int, [rank, d_in] row-major.
    pub a: Vec<i16>,
    /// B_int, [d_out, rank] row-major.
    pub b: Vec<i16>,
}

/// A registered adapter.
#[derive(Debug, Clone, PartialEq, SchemaWrite, SchemaRead)]
pub struct IntAdapter {
    /// Its name in the network.
    pub name: String,
    /// [`crate::model::Base::digest`] of the base model that it was registered on.
    pub base: [u8; 32],
    /// File names of the PEFT folder with their BLAKE3.
    pub sources: Vec<(String, [u8; 32])>,
    /// Distinct input tensors, by layer and site, each with its exponent e.
    pub inputs: Vec<(InputTensor, i32)>,
    /// Modules in coordinate order.
    pub modules: Vec<IntModule>,
}

impl Artefact for IntAdapter {
    const KIND: &'static str = "adapter";
    const VERSION: u32 = 1;
}

impl IntAdapter {
    /// Refuses an adapter whose parts do not fit together or leave their bounds.
    pub fn check(&self, file: &str) -> Result<()> {
        let bad = |field: String, found: String, expected: String| Err(Error::input(file, field, found, expected));
        for m in &self.modules {
            let Some((input, _)) = self.inputs.get(m.input as usize) else {
                return bad(format!("{}.input", m.path), m.input.to_string(), format!("below {}", self.inputs.len()));
            };
            let (r, d_in, d_out) = (m.rank as usize, m.d_in as usize, m.d_out as usize);
            if r == 0 || r > MAX_RANK || input.width != m.d_in || m.d_in == 0 || m.d_out == 0 {
                return bad(
                    m.path.clone(),
                    format!("rank {r}, {d_in} to {d_out}"),
                    "a rank up to 256 and its input's width".into(),
                );
            }
            if r.checked_mul(d_in) != Some(m.a.len()) || d_out.checked_mul(r) != Some(m.b.len()) {
                return bad(
                    m.path.clone(),
                    format!("{} and {} weights", m.a.len(), m.b.len()),
                    format!("{r}×{d_in} and {d_out}×{r}"),
                );
            }
            let norm =
                m.a.chunks_exact(d_in).map(|row| row.iter().map(|a| u64::from(a.unsigned_abs())).sum::<u64>()).max();
            if norm.is_some_and(|n| n > 1 << ROW_NORM_BITS) || m.a.iter().chain(&m.b).any(|w| *w == i16::MIN) {
                return bad(
                    m.path.clone(),
                    "weights beyond their bound".into(),
                    "|w| ≤ 2^15−1, rows of A of L1 norm ≤ 2^24".into(),
                );
            }
            if !(m.sigma_a.is_finite() && m.sigma_a > 0.0 && m.sigma_b.is_finite() && m.sigma_b > 0.0) {
                return bad(
                    format!("{}.sigma", m.path),
                    format!("{} and {}", m.sigma_a, m.sigma_b),
                    "finite steps above 0".into(),
                );
            }
        }
        if let Some((t, e)) = self.inputs.iter().find(|(_, e)| e.unsigned_abs() > 256) {
            return bad(format!("inputs.{t:?}"), format!("exponent {e}"), "one that finite f32 values lead to".into());
        }
        let coordinates = self.coordinates();
        if coordinates == 0 || coordinates > 1 << COORDINATE_BITS {
            return bad("coordinates".into(), coordinates.to_string(), "1 to 2^16".into());
        }
        Ok(())
    }

    /// Number of coordinates f: (layer, module, rank) triples.
    pub fn coordinates(&self) -> usize {
        self.modules.iter().map(|m| m.rank as usize).sum()
    }
}
