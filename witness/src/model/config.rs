//! `config.json` of a Llama-family base model, in either spelling of its RoPE parameters.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result, parse_json, read_text};

/// What the float forward needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width inside the MLP.
    pub inter: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Most positions.
    pub positions: usize,
    /// RMSNorm's ε.
    pub eps: f64,
    /// The output embedding is the input embedding.
    pub tied: bool,
    /// q, k, v and o have biases.
    pub attention_bias: bool,
    /// gate, up and down have biases.
    pub mlp_bias: bool,
    /// Base of the rotary frequencies.
    pub theta: f64,
    /// Their scaling.
    pub rope: Rope,
    /// Prepended to every contribution.
    pub bos: Option<u32>,
    /// Appended to every contribution: the first one, where the model lists several.
    pub eos: Option<u32>,
}

/// Most decoder layers: every one is listed before any weight is read.
const MAX_LAYERS: usize = 1 << 12;

/// Widest row: the L1 bound of a row of A_int (2^24 − d_in) must leave room.
const MAX_WIDTH: usize = 1 << 20;

/// Scaling of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rope {
    /// None.
    Default,
    /// All divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3: long wavelengths divided, short ones kept, a ramp between.
    Llama3 {
        /// The divisor of long wavelengths.
        factor: f64,
        /// Wavelengths above `positions / low` are divided.
        low: f64,
        /// Wavelengths below `positions / high` are kept.
        high: f64,
        /// The context that the model was first trained on.
        positions: f64,
    },
}

#[derive(Deserialize)]
struct Raw {
    model_type: String,
    hidden_act: Option<String>,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    #[serde(default)]
    bos_token_id: Value,
    #[serde(default)]
    eos_token_id: Value,
    quantization_config: Option<Value>,
}

impl LlamaConfig {
    /// Reads and checks `config.json`.
    pub fn open(path: &Path) -> Result<Self> {
        let raw: Raw = parse_json(path, &read_text(path)?)?;
        let bad =
            |field: &str, found: String, expected: &str| Err(Error::input(path.display(), field, found, expected));
        if raw.model_type != "llama" {
            return bad("model_type", raw.model_type, "llama");
        }
        if let Some(act) = raw.hidden_act.as_ref().filter(|a| *a != "silu") {
            return bad("hidden_act", act.clone(), "silu");
        }
        if let Some(q) = &raw.quantization_config {
            return bad("quantization_config", q.to_string(), "none: float weights");
        }
        let kv_heads = raw.num_key_value_heads.unwrap_or(raw.num_attention_heads);
        let sizes = [
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("intermediate_size", raw.intermediate_size),
            ("num_hidden_layers", raw.num_hidden_layers),
            ("num_attention_heads", raw.num_attention_heads),
            ("num_key_value_heads", kv_heads),
            ("max_position_embeddings", raw.max_position_embeddings),
        ];
        if let Some((field, n)) = sizes.into_iter().find(|(_, n)| *n == 0 || *n > 1 << 24) {
            return bad(field, n.to_string(), "1 to 2^24");
        }
        if raw.num_hidden_layers > MAX_LAYERS {
            return bad("num_hidden_layers", raw.num_hidden_layers.to_string(), "at most 2^12");
        }
        if !raw.num_attention_heads.is_multiple_of(kv_heads) {
            return bad("num_key_value_heads", kv_heads.to_string(), "a divisor of num_attention_heads");
        }
        let head_dim = raw.head_dim.unwrap_or(raw.hidden_size / raw.num_attention_heads);
        if head_dim == 0 || !head_dim.is_multiple_of(2) || head_dim > 1 << 16 {
            return bad("head_dim", head_dim.to_string(), "an even number, 2 to 2^16");
        }
        let heads_width = raw.num_attention_heads * head_dim;
        for (field, n) in
            [("hidden_size", raw.hidden_size), ("intermediate_size", raw.intermediate_size), ("head_dim", heads_width)]
        {
            if n > MAX_WIDTH {
                return bad(field, format!("a width of {n}"), "at most 2^20");
            }
        }
        if !(raw.rms_norm_eps > 0.0 && raw.rms_norm_eps < 1.0) {
            return bad("rms_norm_eps", raw.rms_norm_eps.to_string(), "a number between 0 and 1");
        }
        let (theta, rope) = rope(path, &raw)?;
        Ok(Self {
            vocab: raw.vocab_size,
            hidden: raw.hidden_size,
            inter: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            kv_heads,
            head_dim,
            positions: raw.max_position_embeddings,
            eps: raw.rms_norm_eps,
            tied: raw.tie_word_embeddings,
            attention_bias: raw.attention_bias,
            mlp_bias: raw.mlp_bias,
            theta,
            rope,
            bos: token(path, "bos_token_id", &raw.bos_token_id, raw.vocab_size)?,
            eos: token(path, "eos_token_id", &raw.eos_token_id, raw.vocab_size)?,
        })
    }
}

/// An id, a list of ids (the first counts), or null.
fn token(path: &Path, field: &str, value: &Value, vocab: usize) -> Result<Option<u32>> {
    let one = value.as_array().and_then(|a| a.first()).unwrap_or(value);
    match one.as_u64() {
        Some(id) if id < vocab as u64 => Ok(u32::try_from(id).ok()),
        None if one.is_null() => Ok(None),
        _ => Err(Error::input(path.display(), field, value, format!("a token below {vocab}, or null"))),
    }
}

/// `rope_parameters` (transformers 5) or `rope_theta` with `rope_scaling` (4 and before).
fn rope(path: &Path, raw: &Raw) -> Result<(f64, Rope)> {
    let none = Value::Null;
    let (field, spec) = match (&raw.rope_parameters, &raw.rope_scaling) {
        (Some(p), _) => ("rope_parameters", p),
        (None, Some(s)) => ("rope_scaling", s),
        (None, None) => ("rope_scaling", &none),
    };
    let number = |key: &str| {
        let v = &spec[key];
        match v.as_f64() {
            Some(x) if x.is_finite() && x > 0.0 => Ok(x),
            _ => Err(Error::input(path.display(), format!("{field}.{key}"), v, "a number above 0")),
        }
    };
    let theta = match (spec.get("rope_theta"), raw.rope_theta) {
        (Some(_), _) => number("rope_theta")?,
        (None, Some(x)) if x.is_finite() && x > 0.0 => x,
        (None, Some(x)) => return Err(Error::input(path.display(), "rope_theta", x, "a number above 0")),
        (None, None) => 10_000.0,
    };
    let kind = spec.get("rope_type").or_else(|| spec.get("type")).and_then(Value::as_str);
    let rope = match kind {
        None if spec.is_null() || field == "rope_parameters" => Rope::Default,
        Some("default") => Rope::Default,
        Some("linear") => Rope::Linear { factor: number("factor")? },
        Some("llama3") => Rope::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            positions: number("original_max_position_embeddings")?,
        },
        other => {
            let found = other.unwrap_or("no type");
            return Err(Error::input(path.display(), format!("{field}.rope_type"), found, "default, linear or llama3"));
        }
    };
    Ok((theta, rope))
}

impl LlamaConfig {
    /// The inverse frequencies, one per pair of a head's coordinates.
    ///
    /// Source: RoFormer (Su et al. 2021, eq. 15); the Llama 3 ramp as transformers' `_compute_llama3_parameters` has it.
    pub fn inverse_frequencies(&self) -> Vec<f32> {
        let d = self.head_dim as f64;
        (0..self.head_dim / 2)
            .map(|i| {
                let f = self.theta.powf(-(2.0 * i as f64) / d);
                let scaled = match self.rope {
                    Rope::Default => f,
                    Rope::Linear { factor } => f / factor,
                    Rope::Llama3 { factor, low, high, positions } => {
                        let wavelength = std::f64::consts::TAU / f;
                        if wavelength > positions / low {
                            f / factor
                        } else if wavelength < positions / high {
                            f
                        } else {
                            let smooth = (positions / wavelength - low) / (high - low);
                            (1.0 - smooth) * f / factor + smooth * f
                        }
                    }
                };
                scaled as f32
            })
            .collect()
    }
}
