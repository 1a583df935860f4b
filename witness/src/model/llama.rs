//! The float forward pass of a Llama-family decoder with LoRA deltas, capturing what enters each adapted module.
//!
//! f32 throughout, whatever type the weights are stored in, one sequence at a time, no cache: what matters here
//! is the exact input row of every adapted module at every position, the last one included.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::{Base, config::LlamaConfig};
use crate::{
    adapter::LoraModule,
    error::{Error, Result},
    trace::{FloatTrace, InputTensor, Site, inputs_of},
};

/// A projection: base weight, optional bias, optional LoRA factors.
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    lora: Option<(Tensor, Tensor, f64)>,
}

impl Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let mut y = x.matmul(&self.weight)?;
        if let Some(b) = &self.bias {
            y = y.broadcast_add(b)?;
        }
        match &self.lora {
            Some((a, b, scale)) => y + (x.matmul(a)?.matmul(b)? * *scale)?,
            None => Ok(y),
        }
    }
}

struct Layer {
    input_norm: Tensor,
    post_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// A base model with one adapter, ready to run.
pub struct Llama {
    config: LlamaConfig,
    embed: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    frequencies: Vec<f32>,
    /// Attention scores held at once, over all heads: bounds memory, and changes no value.
    scores: usize,
    /// The model's folder, for messages.
    name: String,
    /// Inputs to capture.
    wanted: Vec<InputTensor>,
}

/// One adaptable linear module of the architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearSpec {
    /// Decoder layer; the output head counts as one more.
    pub layer: usize,
    /// Full module path as PEFT writes it, without `base_model.model.`.
    pub path: String,
    /// What it reads.
    pub site: Site,
    /// Input width.
    pub d_in: usize,
    /// Output width.
    pub d_out: usize,
}

impl LlamaConfig {
    /// Every linear module that an adapter may target.
    pub fn linears(&self) -> Vec<LinearSpec> {
        let (h, i, q, kv) = (self.hidden, self.inter, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let kinds = [
            ("self_attn.q_proj", Site::Attention, h, q),
            ("self_attn.k_proj", Site::Attention, h, kv),
            ("self_attn.v_proj", Site::Attention, h, kv),
            ("self_attn.o_proj", Site::AttentionOut, q, h),
            ("mlp.gate_proj", Site::Mlp, h, i),
            ("mlp.up_proj", Site::Mlp, h, i),
            ("mlp.down_proj", Site::MlpOut, i, h),
        ];
        let mut all: Vec<LinearSpec> = (0..self.layers)
            .flat_map(|layer| {
                kinds.iter().map(move |(name, site, d_in, d_out)| LinearSpec {
                    layer,
                    path: format!("model.layers.{layer}.{name}"),
                    site: *site,
                    d_in: *d_in,
                    d_out: *d_out,
                })
            })
            .collect();
        all.push(LinearSpec {
            layer: self.layers,
            path: "lm_head".into(),
            site: Site::Head,
            d_in: h,
            d_out: self.vocab,
        });
        all
    }
}

impl Llama {
    /// Loads the model's weights and applies `adapter`, whose shapes have been checked against the configuration.
    pub fn load(base: &Base, adapter: &[LoraModule]) -> Result<Self> {
        let c = &base.config;
        let w = &base.weights;
        let specs: BTreeMap<String, LinearSpec> = c.linears().into_iter().map(|s| (s.path.clone(), s)).collect();
        let linear = |path: &str, bias: bool| -> Result<Linear> {
            let s = &specs[path];
            let lora = match adapter.iter().find(|m| m.path == path) {
                Some(m) => {
                    let a = Tensor::from_slice(&m.a, (m.rank, m.d_in), &Device::Cpu)?.t()?.contiguous()?;
                    let b = Tensor::from_slice(&m.b, (m.d_out, m.rank), &Device::Cpu)?.t()?.contiguous()?;
                    Some((a, b, m.scale))
                }
                None => None,
            };
            let stored = if path == "lm_head" && c.tied { "model.embed_tokens" } else { path };
            let weight = w.tensor(&format!("{stored}.weight"), &[s.d_out, s.d_in])?.t()?.contiguous()?;
            let bias = if bias { Some(w.tensor(&format!("{path}.bias"), &[s.d_out])?) } else { None };
            Ok(Linear { weight, bias, lora })
        };
        let mut layers = Vec::with_capacity(c.layers);
        for l in 0..c.layers {
            let p = format!("model.layers.{l}");
            let attention = |n: &str| linear(&format!("{p}.self_attn.{n}_proj"), c.attention_bias);
            let mlp = |n: &str| linear(&format!("{p}.mlp.{n}_proj"), c.mlp_bias);
            layers.push(Layer {
                input_norm: w.tensor(&format!("{p}.input_layernorm.weight"), &[c.hidden])?,
                post_norm: w.tensor(&format!("{p}.post_attention_layernorm.weight"), &[c.hidden])?,
                q: attention("q")?,
                k: attention("k")?,
                v: attention("v")?,
                o: attention("o")?,
                gate: mlp("gate")?,
                up: mlp("up")?,
                down: mlp("down")?,
            });
        }
        Ok(Self {
            embed: w.tensor("model.embed_tokens.weight", &[c.vocab, c.hidden])?,
            norm: w.tensor("model.norm.weight", &[c.hidden])?,
            head: linear("lm_head", false)?,
            frequencies: c.inverse_frequencies(),
            scores: 1 << 26,
            wanted: inputs_of(adapter),
            config: c.clone(),
            name: base.dir.display().to_string(),
            layers,
        })
    }

    /// Runs one sequence, already checked by [`Base::check_tokens`].
    pub fn trace(&self, tokens: &[u32]) -> Result<FloatTrace> {
        let mut captured = vec![Vec::new(); self.wanted.len()];
        let mut capture = |layer: usize, site: Site, x: &Tensor| -> candle_core::Result<()> {
            if let Some(at) = self.wanted.iter().position(|w| (w.layer, w.site) == (layer as u32, site)) {
                captured[at] = x.flatten_all()?.to_vec1::<f32>()?;
            }
            Ok(())
        };
        let (cos, sin) = self.rotary(tokens.len())?;
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let mut x = self.embed.index_select(&ids, 0)?;
        let norm = |x: &Tensor, w: &Tensor| candle_nn::ops::rms_norm(x, w, self.config.eps as f32);
        for (l, layer) in self.layers.iter().enumerate() {
            let h = norm(&x, &layer.input_norm)?;
            capture(l, Site::Attention, &h)?;
            let mixed = self.attend(layer, &h, &cos, &sin)?;
            capture(l, Site::AttentionOut, &mixed)?;
            x = (x + layer.o.forward(&mixed)?)?;
            let h = norm(&x, &layer.post_norm)?;
            capture(l, Site::Mlp, &h)?;
            let inner = (layer.gate.forward(&h)?.silu()? * layer.up.forward(&h)?)?;
            capture(l, Site::MlpOut, &inner)?;
            x = (x + layer.down.forward(&inner)?)?;
        }
        let h = norm(&x, &self.norm)?;
        capture(self.layers.len(), Site::Head, &h)?;
        let last = self.head.forward(&h.narrow(0, tokens.len() - 1, 1)?.contiguous()?)?;
        let inputs: Vec<(InputTensor, Vec<f32>)> = self.wanted.iter().cloned().zip(captured).collect();
        if let Some((tensor, _)) = inputs.iter().find(|(_, rows)| rows.iter().any(|x| !x.is_finite())) {
            let field = format!("layer {} {:?}", tensor.layer, tensor.site);
            return Err(Error::input(&self.name, field, "NaN or infinity in the forward pass", "finite activations"));
        }
        Ok(FloatTrace { tokens: tokens.to_vec(), inputs, last_logits: Some(last.flatten_all()?.to_vec1()?) })
    }

    /// Grouped-query attention: [T, hidden] → [T, heads·head_dim], before the output projection. Query rows are taken in
    /// blocks, so that a long sequence needs no T × T scores at once.
    fn attend(&self, layer: &Layer, h: &Tensor, cos: &Tensor, sin: &Tensor) -> candle_core::Result<Tensor> {
        let c = &self.config;
        let t = h.dim(0)?;
        let split = |x: Tensor, heads: usize| x.reshape((t, heads, c.head_dim))?.transpose(0, 1)?.contiguous();
        let turn = |x: Tensor| candle_nn::rotary_emb::rope(&x.unsqueeze(0)?, cos, sin)?.squeeze(0);
        let q = turn(split(layer.q.forward(h)?, c.heads)?)?;
        let k = turn(split(layer.k.forward(h)?, c.kv_heads)?)?;
        let v = split(layer.v.forward(h)?, c.kv_heads)?;
        let group = c.heads / c.kv_heads;
        let spread = |x: Tensor| {
            let wide = x.unsqueeze(1)?.expand((c.kv_heads, group, t, c.head_dim))?.contiguous()?;
            wide.reshape((c.heads, t, c.head_dim))
        };
        let (k, v) = (spread(k)?.transpose(1, 2)?.contiguous()?, spread(v)?);
        let rows = (self.scores / (c.heads * t)).clamp(1, t);
        let mut blocks = Vec::new();
        for from in (0..t).step_by(rows) {
            let rows = rows.min(t - from);
            let scores = (q.narrow(1, from, rows)?.contiguous()?.matmul(&k)? * (c.head_dim as f64).powf(-0.5))?;
            let weights = candle_nn::ops::softmax_last_dim(&scores.broadcast_add(&causal_mask(from, rows, t)?)?)?;
            blocks.push(weights.matmul(&v)?);
        }
        Tensor::cat(&blocks, 1)?.transpose(0, 1)?.contiguous()?.reshape((t, c.heads * c.head_dim))
    }

    /// cos and sin of position × frequency, [T, head_dim/2].
    fn rotary(&self, t: usize) -> candle_core::Result<(Tensor, Tensor)> {
        let f = Tensor::from_slice(&self.frequencies, (1, self.frequencies.len()), &Device::Cpu)?;
        let p = Tensor::arange(0u32, t as u32, &Device::Cpu)?.to_dtype(candle_core::DType::F32)?.reshape((t, 1))?;
        let angle = p.matmul(&f)?;
        Ok((angle.cos()?, angle.sin()?))
    }
}

/// [rows, T] from row `from` on: 0 where a position may look, −∞ after it.
fn causal_mask(from: usize, rows: usize, t: usize) -> candle_core::Result<Tensor> {
    let cells: Vec<f32> = (0..rows * t).map(|i| if i % t > from + i / t { f32::NEG_INFINITY } else { 0.0 }).collect();
    Tensor::from_vec(cells, (rows, t), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Lora;

    #[test]
    fn attention_in_blocks_is_attention() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/zoo/gqa-untied-all-modules");
        let base = Base::open(&dir.join("base")).unwrap();
        let lora = Lora::open(&dir.join("adapter"), &base).unwrap();
        let mut llama = Llama::load(&base, &lora.modules).unwrap();
        let tokens: Vec<u32> = (0..45).map(|i| i * 5).collect();
        let whole = llama.trace(&tokens).unwrap();
        for rows in [1, 7, 44] {
            llama.scores = rows * base.config.heads * tokens.len();
            let blocks = llama.trace(&tokens).unwrap();
            for ((_, a), (_, b)) in whole.inputs.iter().zip(&blocks.inputs) {
                assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-5), "{rows} rows at once");
            }
        }
    }
}
