//! Traces, exponents and V from the models (docs/semantics.md §4–6): a second forward pass, in f64, held against the
//! stored integers within [`TOLERANCE`].

use std::{collections::HashMap, path::Path};

use nalgebra::{DMatrix, DMatrixView};
use safetensors::SafeTensors;
use serde_json::Value;
use talea_formats::{
    adapter::{IntAdapter, Site},
    datanet::{Datanet, Status},
    index::Unindexed,
    network::AdapterEntry,
    trace::IntTrace,
};
use tokenizers::Tokenizer;

use crate::{Checker, Registered, Report, adapter, batch::summed};

/// Largest difference: of x, relative to the largest of its tensor in that trace; of V, to the largest |V| of its row.
pub const TOLERANCE: f64 = 1e-4;

/// 2^19 − 1.
const X_MAX: f64 = 524_287.0;

type Matrix = DMatrix<f64>;

/// A base model with an adapter.
struct Model {
    config: Value,
    tensors: HashMap<String, Matrix>,
    /// Per module A and s·B.
    lora: HashMap<String, (Matrix, Matrix)>,
    tokenizer: Tokenizer,
}

/// Adds a file's tensors; `None` where one is there already.
fn read_tensors(file: &Path, tensors: &mut HashMap<String, Matrix>) -> Option<()> {
    let bytes = std::fs::read(file).ok()?;
    let all = SafeTensors::deserialize(&bytes).ok()?;
    for (name, view) in all.iter() {
        let (rows, values) = (*view.shape().first()?, adapter::values(&all, name));
        let matrix = Matrix::from_row_slice(rows, values.len() / rows.max(1), &values);
        tensors.insert(name.to_string(), matrix).is_none().then_some(())?;
    }
    Some(())
}

impl Model {
    /// Reads both folders; `None` where something is missing that a forward pass needs.
    fn open(base: &Path, entry: &AdapterEntry, adapter: &IntAdapter) -> Option<Self> {
        let json = |dir: &Path, name: &str| -> Option<Value> {
            serde_json::from_slice(&std::fs::read(dir.join(name)).ok()?).ok()
        };
        let (config, own) = (json(base, "config.json")?, json(&entry.path, "adapter_config.json")?);
        // apart: nothing in an adapter's file may stand for a weight of the base model
        let (mut tensors, mut factors) = (HashMap::new(), HashMap::new());
        for name in adapter::weight_files(base) {
            read_tensors(&base.join(name), &mut tensors)?;
        }
        read_tensors(&entry.path.join("adapter_model.safetensors"), &mut factors)?;
        let mut lora = HashMap::new();
        for m in &adapter.modules {
            let mut factor = |f: &str| factors.remove(&format!("base_model.model.{}.lora_{f}.weight", m.path));
            let (a, b) = (factor("A")?, factor("B")?);
            (a.ncols() == m.d_in as usize && b.ncols() == a.nrows() && b.nrows() == m.d_out as usize).then_some(())?;
            lora.insert(m.path.clone(), (a, b * adapter::scaling(&own, &m.path)));
        }
        // the library panics on some malformed files
        let mut tokenizer =
            std::panic::catch_unwind(|| Tokenizer::from_file(base.join("tokenizer.json"))).ok()?.ok()?;
        tokenizer.with_padding(None).with_truncation(None).ok()?.set_encode_special_tokens(true);
        Some(Self { config, tensors, lora, tokenizer })
    }

    /// Most tokens of a text with a row.
    fn positions(&self) -> usize {
        self.size("max_position_embeddings").unwrap_or(0).min(1 << 17)
    }

    fn size(&self, field: &str) -> Option<usize> {
        usize::try_from(self.config[field].as_u64()?).ok().filter(|n| *n > 0)
    }

    /// BOS, the text's tokens, EOS.
    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        let token = |field: &str| {
            let value = &self.config[field];
            value.as_u64().or_else(|| value.get(0)?.as_u64()).map(|t| t as u32)
        };
        let text = self.tokenizer.encode(text, false).ok()?;
        Some(token("bos_token_id").into_iter().chain(text.get_ids().to_vec()).chain(token("eos_token_id")).collect())
    }

    fn linear(&self, path: &str, x: &Matrix) -> Option<Matrix> {
        let w = self.tensors.get(&format!("{path}.weight")).filter(|w| w.ncols() == x.ncols())?;
        let mut y = x * w.transpose();
        let flag = if path.contains("self_attn") { "attention_bias" } else { "mlp_bias" };
        if self.config[flag] == true {
            let bias = self.tensors.get(&format!("{path}.bias")).filter(|b| b.nrows() == y.ncols())?.transpose();
            y.row_iter_mut().for_each(|mut row| row += &bias);
        }
        if let Some((a, b)) = self.lora.get(path) {
            (a.ncols() == x.ncols() && b.nrows() == y.ncols()).then_some(())?;
            y += x * a.transpose() * b.transpose();
        }
        Some(y)
    }

    /// RMSNorm.
    fn norm(&self, path: &str, x: &Matrix) -> Option<Matrix> {
        let (w, eps) = (self.tensors.get(&format!("{path}.weight"))?, self.config["rms_norm_eps"].as_f64()?);
        let mut y = x.clone();
        for mut row in y.row_iter_mut() {
            let root = (row.norm_squared() / row.len() as f64 + eps).sqrt();
            row.iter_mut().zip(w.iter()).for_each(|(x, w)| *x *= w / root);
        }
        Some(y)
    }

    /// Rotary frequency of pair `i` of `pairs` (RoFormer, eq. 15; the ramp of Llama 3).
    fn frequency(&self, i: usize, pairs: usize) -> Option<f64> {
        let nested = ["rope_parameters", "rope_scaling"].map(|f| &self.config[f]);
        let spec = nested.into_iter().find(|v| v.is_object()).unwrap_or(&Value::Null);
        let theta = spec["rope_theta"].as_f64().or(self.config["rope_theta"].as_f64()).unwrap_or(10_000.0);
        let f = theta.powf(-(i as f64) / pairs as f64);
        let kind = spec.get("rope_type").or_else(|| spec.get("type")).and_then(Value::as_str).unwrap_or("default");
        if kind == "default" {
            return Some(f);
        }
        let (factor, number) = (spec["factor"].as_f64()?, |field: &str| spec[field].as_f64());
        if kind == "linear" {
            return Some(f / factor);
        }
        let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
        let turns = number("original_max_position_embeddings")? * f / std::f64::consts::TAU;
        let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        Some(kept * f + (1.0 - kept) * f / factor)
    }

    /// Rotates the two halves of a head's coordinates by position times frequency.
    fn turn(&self, x: DMatrixView<'_, f64>) -> Option<Matrix> {
        let half = x.ncols() / 2;
        let mut y = x.clone_owned();
        for i in 0..half {
            let f = self.frequency(i, half)?;
            for t in 0..x.nrows() {
                let (sin, cos) = (t as f64 * f).sin_cos();
                y[(t, i)] = x[(t, i)] * cos - x[(t, i + half)] * sin;
                y[(t, i + half)] = x[(t, i + half)] * cos + x[(t, i)] * sin;
            }
        }
        Some(y)
    }

    fn attend(&self, layer: &str, h: &Matrix) -> Option<Matrix> {
        let heads = self.size("num_attention_heads")?;
        let group = heads / self.size("num_key_value_heads").unwrap_or(heads);
        let [q, k, v] = ["q", "k", "v"].map(|n| self.linear(&format!("{layer}.self_attn.{n}_proj"), h));
        let (q, k, v) = (q?, k?, v?);
        let width = q.ncols() / heads;
        (width * heads == q.ncols() && width * heads.div_ceil(group.max(1)) == k.ncols() && k.shape() == v.shape())
            .then_some(())?;
        let mut out = Matrix::zeros(h.nrows(), q.ncols());
        for head in 0..heads {
            let (own, shared) = (head * width, head / group.max(1) * width);
            let (q, k) = (self.turn(q.columns(own, width))?, self.turn(k.columns(shared, width))?);
            let mut weights = q * k.transpose() / (width as f64).sqrt();
            for (t, mut row) in weights.row_iter_mut().enumerate() {
                let top = row.columns(0, t + 1).max();
                row.iter_mut().enumerate().for_each(|(i, s)| *s = if i <= t { (*s - top).exp() } else { 0.0 });
                let sum = row.sum();
                row /= sum;
            }
            out.columns_mut(own, width).copy_from(&(weights * v.columns(shared, width)));
        }
        Some(out)
    }

    /// What enters each site of each layer, [tokens, width].
    fn run(&self, tokens: &[u32]) -> Option<HashMap<(u32, Site), Matrix>> {
        let embed = self.tensors.get("model.embed_tokens.weight")?;
        let inside = tokens.iter().all(|t| (*t as usize) < embed.nrows());
        let mut x = inside.then(|| embed.select_rows(tokens.iter().map(|t| *t as usize).collect::<Vec<_>>().iter()))?;
        let (mut sites, layers) = (HashMap::new(), self.size("num_hidden_layers")? as u32);
        for l in 0..layers {
            let at = format!("model.layers.{l}");
            let h = self.norm(&format!("{at}.input_layernorm"), &x)?;
            let mixed = self.attend(&at, &h)?;
            x += self.linear(&format!("{at}.self_attn.o_proj"), &mixed).filter(|y| y.shape() == x.shape())?;
            let m = self.norm(&format!("{at}.post_attention_layernorm"), &x)?;
            let gate = self.linear(&format!("{at}.mlp.gate_proj"), &m)?.map(|g| g / (1.0 + (-g).exp()));
            let up = self.linear(&format!("{at}.mlp.up_proj"), &m).filter(|up| up.shape() == gate.shape())?;
            let inner = gate.component_mul(&up);
            x += self.linear(&format!("{at}.mlp.down_proj"), &inner).filter(|y| y.shape() == x.shape())?;
            let own = [(Site::Attention, h), (Site::AttentionOut, mixed), (Site::Mlp, m), (Site::MlpOut, inner)];
            sites.extend(own.map(|(site, rows)| ((l, site), rows)));
        }
        sites.insert((layers, Site::Head), self.norm("model.norm", &x)?);
        Some(sites)
    }
}

/// A second trace under the adapter's stored exponents and the stored E, and the largest |x| of each input.
fn trace(model: &Model, adapter: &IntAdapter, tokens: &[u32], exponent: i32) -> Option<(Vec<Matrix>, Vec<f64>)> {
    (tokens.len() <= model.positions()).then_some(())?; // attention takes memory by its square
    let mut sites = model.run(tokens)?;
    let rows: Option<Vec<Matrix>> =
        adapter.inputs.iter().map(|(input, _)| sites.remove(&(input.layer, input.site))).collect();
    // an overflow would make every tolerance infinite
    rows.as_ref()?.iter().all(|x| x.iter().all(|v| v.is_finite())).then_some(())?;
    let largest = rows.as_ref()?.iter().map(|x| x.amax()).collect();
    let unit = |e: i32| (-f64::from(e) - f64::from(exponent)).exp2();
    Some((rows?.into_iter().zip(&adapter.inputs).map(|(x, (_, e))| x * unit(*e)).collect(), largest))
}

/// E is the least that fits: some |X| would not fit with one less.
fn least(check: &mut Checker<'_>, field: String, stored: i32, x: &[Matrix]) {
    let top = x.iter().map(|x| x.amax()).fold(0f64, f64::max);
    let fits = top <= (X_MAX + 0.5) * (1.0 + TOLERANCE) && 2.0 * top > (X_MAX + 0.5) * (1.0 - TOLERANCE);
    check.holds(field, fits || (top == 0.0 && stored == 0), stored, format!("the least E: largest |X| is {top:.1}"));
}

/// Traces an adapter's Datanet and requests again.
pub fn audit<'t>(
    report: &mut Report, base: &Path, entry: &AdapterEntry, r: &Registered, datanet: &Datanet,
    traces: impl Iterator<Item = &'t IntTrace>,
) {
    let files = ["adapter", "index"].map(|kind| format!("adapters/{}.{kind}", entry.name));
    let Some(model) = Model::open(base, entry, &r.adapter) else {
        let mut check = Checker::new(report, &files[0]);
        check.holds("models", false, "files that cannot be read", "a base model and an adapter to run");
        return check.done();
    };
    registration(report, &files, &model, r, datanet);
    traces.for_each(|trace| request(report, &model, &r.adapter, trace));
}

/// Compares X and E of a request's trace.
fn request(report: &mut Report, model: &Model, adapter: &IntAdapter, stored: &IntTrace) {
    let mut check = Checker::new(report, format!("traces/{}.trace", stored.id));
    match trace(model, adapter, &stored.tokens, stored.exponent) {
        Some((x, _)) => {
            least(&mut check, "exponent".into(), stored.exponent, &x);
            for (i, (own, stored)) in x.iter().zip(&stored.x).enumerate() {
                let allowed = 0.5 + TOLERANCE * own.amax();
                let own = own.transpose(); // row by row, as stored
                check.same(format!("x[{i}]"), stored.len(), own.len());
                for (j, (x, own)) in stored.iter().zip(own.iter()).enumerate() {
                    check.holds(format!("x[{i}][{j}]"), (f64::from(*x) - own).abs() <= allowed, x, own);
                }
            }
        }
        None => check.holds("x", false, "a model that cannot be run", "a trace of these tokens"),
    }
    check.done();
}

/// Compares the exponents e of an adapter with the traces of its Datanet, and rows and refusals of its index.
fn registration(report: &mut Report, files: &[String; 2], model: &Model, r: &Registered, datanet: &Datanet) {
    let mut check = Checker::new(report, &files[1]);
    let mut largest = vec![0f64; r.adapter.inputs.len()];
    for (o, c) in (0u32..).zip(&datanet.contributions).filter(|(_, c)| c.status == Status::Representative) {
        let at = |field: &str| format!("row #{o} {field}");
        let (tokens, vocab) = (model.encode(&c.text).unwrap_or_default(), model.size("vocab_size").unwrap_or(0));
        let outside = tokens.iter().find(|t| **t as usize >= vocab);
        let row = r.index.rows.iter().find(|row| row.cluster == o);
        let traced = trace(model, &r.adapter, &tokens, row.map_or(0, |row| row.exponent));
        let expected = match (outside, &traced) {
            _ if tokens.len() > model.positions() => {
                let positions = model.size("max_position_embeddings").unwrap_or(0) as u32;
                Some(Unindexed::TooLong { tokens: tokens.len() as u32, positions })
            }
            (Some(token), _) => Some(Unindexed::OutsideVocabulary { token: *token }),
            (None, Some(_)) if !tokens.is_empty() && row.is_some() => None,
            _ => Some(Unindexed::NoActivation),
        };
        let refused = r.index.unindexed.iter().find(|(u, _)| *u == o).map(|(_, why)| why.clone());
        check.holds(at("refusal"), refused == expected, format!("{refused:?}"), format!("{expected:?}"));
        let (None, Some((x, tops))) = (outside, traced) else { continue };
        largest.iter_mut().zip(&tops).for_each(|(m, t)| *m = m.max(*t));
        let whole = |x: &Matrix| x.transpose().iter().map(|x| x.round_ties_even() as i32).collect();
        let own = IntTrace { id: String::new(), tokens, exponent: 0, x: x.iter().map(whole).collect() };
        let v: Vec<f64> = summed(&r.adapter, &own).into_iter().map(|v| v as f64).collect();
        let allowed = 1.0 + TOLERANCE * v.iter().fold(0f64, |m, v| m.max(v.abs()));
        match row {
            Some(row) => {
                least(&mut check, at("exponent"), row.exponent, &x);
                for (f, (stored, v)) in row.v.iter().zip(&v).enumerate() {
                    check.holds(at(&format!("v[{f}]")), (*stored as f64 - v).abs() <= allowed, stored, v);
                }
            }
            None => check.holds(at("v"), v.iter().all(|v| *v == 0.0), "no row", "a row: the adapter reacts to it"),
        }
    }
    check.done();
    let mut check = Checker::new(report, &files[0]);
    for ((input, e), top) in r.adapter.inputs.iter().zip(largest) {
        let most = X_MAX * 2f64.powi(*e);
        let fits = top <= most * (1.0 + TOLERANCE) && 2.0 * top > most * (1.0 - TOLERANCE);
        let field = format!("layer {} {:?} exponent", input.layer, input.site);
        check.holds(field, fits || (top == 0.0 && *e == 0), e, format!("the least e for {top:e}"));
    }
    check.done();
}
