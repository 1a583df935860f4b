//! Adapter integers from the PEFT files (docs/semantics.md §1, §4), bit for bit.

use std::path::Path;

use fancy_regex::Regex;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use talea_formats::{
    adapter::{InputTensor, IntAdapter, IntModule, Site},
    artefact::hex,
};

use crate::{Checker, Report};

/// Compares digests, steps and weights with the PEFT folder and the base model's files.
pub fn audit(report: &mut Report, file: &str, adapter: &IntAdapter, peft: &Path, base: &Path) {
    let mut check = Checker::new(report, file);
    let read = |name: &str| std::fs::read(peft.join(name)).unwrap_or_default();
    let (config, weights) = (read("adapter_config.json"), read("adapter_model.safetensors"));
    for (name, bytes) in [("adapter_config.json", &config), ("adapter_model.safetensors", &weights)] {
        let stored = adapter.sources.iter().find(|(n, _)| n == name).map(|(_, d)| hex(d)).unwrap_or_default();
        check.same(format!("sources {name}"), stored, blake3::hash(bytes).to_hex().to_string());
    }
    check.same("base", hex(&adapter.base), base_digest(base));
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    plain_lora(&mut check, &config);
    wiring(&mut check, adapter, base);
    match SafeTensors::deserialize(&weights) {
        Ok(tensors) => {
            modules(&mut check, adapter, &config, &tensors);
            others(&mut check, adapter, &tensors, base);
        }
        Err(e) => check.holds("sources", false, format!("{e:?}"), "PEFT weights that can be read"),
    }
    check.done();
}

/// Fields that a plain LoRA configuration may set; any other must be absent, null, false or empty.
const KNOWN: &str = " auto_mapping base_model_name_or_path corda_config ensure_weight_tying eva_config inference_mode loftq_config \
    lora_dropout lora_ga_config megatron_core peft_version qalora_group_size revision runtime_config task_type alpha_pattern bias \
    init_lora_weights layers_to_transform lora_alpha peft_type r rank_pattern target_modules use_rslora ";

fn plain_lora(check: &mut Checker<'_>, config: &Value) {
    let none = |v: &Value| v.is_null() || *v == false || v.as_array().is_some_and(Vec::is_empty);
    let idle = |v: &Value| none(v) || v.as_object().is_some_and(serde_json::Map::is_empty);
    check.holds("peft_type", config["peft_type"] == "LORA", &config["peft_type"], "LORA");
    check.holds("bias", config["bias"].is_null() || config["bias"] == "none", &config["bias"], "none");
    for (field, value) in config.as_object().into_iter().flatten() {
        check.holds(field, KNOWN.contains(&format!(" {field} ")) || idle(value), value, "a plain LoRA adapter");
    }
}

/// Every module reads the tensor that its path says, and the inputs are exactly those, in order.
fn wiring(check: &mut Checker<'_>, adapter: &IntAdapter, base: &Path) {
    let config: Option<Value> =
        std::fs::read(base.join("config.json")).ok().and_then(|b| serde_json::from_slice(&b).ok());
    let layers = config.and_then(|c| c["num_hidden_layers"].as_u64()).unwrap_or(0) as u32;
    let mut wanted = Vec::new();
    for m in &adapter.modules {
        let layer = m.path.split('.').find_map(|p| p.parse().ok()).unwrap_or(layers);
        let site = match m.path.rsplit('.').next() {
            Some("q_proj" | "k_proj" | "v_proj") => Site::Attention,
            Some("o_proj") => Site::AttentionOut,
            Some("gate_proj" | "up_proj") => Site::Mlp,
            Some("down_proj") => Site::MlpOut,
            _ => Site::Head,
        };
        let own = InputTensor { layer, site, width: m.d_in };
        let found = adapter.inputs.get(m.input as usize).map(|i| &i.0);
        check.holds(format!("{} input", m.path), found == Some(&own), format!("{found:?}"), format!("{own:?}"));
        wanted.push(own);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let found: Vec<_> = adapter.inputs.iter().map(|i| i.0.clone()).collect();
    check.holds("inputs", found == wanted, "other tensors", "those that the modules read, ascending");
}

/// Whatever else the PEFT file holds must be a weight of the base model, value by value.
fn others(check: &mut Checker<'_>, adapter: &IntAdapter, tensors: &SafeTensors<'_>, base: &Path) {
    let factor = |name: &str| {
        let own =
            |m: &IntModule| ["A", "B"].iter().any(|f| name == format!("base_model.model.{}.lora_{f}.weight", m.path));
        adapter.modules.iter().any(own)
    };
    for name in tensors.names().into_iter().filter(|n| !factor(n)) {
        let own = name.trim_start_matches("base_model.model.").replace(".base_layer.", ".");
        let same = weight_files(base).iter().any(|file| {
            let bytes = std::fs::read(base.join(file)).unwrap_or_default();
            let found = SafeTensors::deserialize(&bytes).ok();
            let equal = |n: &str| {
                found.as_ref().is_some_and(|all| !values(all, n).is_empty() && values(all, n) == values(tensors, name))
            };
            equal(&own) || own == "lm_head.weight" && equal("model.embed_tokens.weight")
        });
        check.holds(name, same, "another tensor", "a LoRA factor, or a weight of the base model as it is");
    }
}

/// BLAKE3 over name, zero byte and BLAKE3 of configuration, tokenizer and weight files.
fn base_digest(base: &Path) -> String {
    let mut all = blake3::Hasher::new();
    for name in ["config.json".to_string(), "tokenizer.json".to_string()].into_iter().chain(weight_files(base)) {
        let sum = blake3::hash(&std::fs::read(base.join(&name)).unwrap_or_default());
        all.update(name.as_bytes()).update(&[0]).update(sum.as_bytes());
    }
    all.finalize().to_hex().to_string()
}

/// Names of the base model's safetensors files, ascending.
pub fn weight_files(base: &Path) -> Vec<String> {
    let listed = std::fs::read_dir(base).into_iter().flatten().flatten();
    let mut names: Vec<String> = listed.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| n.ends_with(".safetensors"));
    names.sort();
    names
}

/// s = α/r, or α/√r with rsLoRA.
pub fn scaling(config: &Value, path: &str) -> f64 {
    let (rank, alpha) =
        (setting(config, "rank_pattern", "r", path), setting(config, "alpha_pattern", "lora_alpha", path));
    alpha / if config["use_rslora"] == true { rank.sqrt() } else { rank }
}

fn modules(check: &mut Checker<'_>, adapter: &IntAdapter, config: &Value, tensors: &SafeTensors<'_>) {
    check.same(
        "modules",
        adapter.modules.len(),
        tensors.names().iter().filter(|n| n.ends_with(".lora_A.weight")).count(),
    );
    let layer = |path: &str| path.split('.').find_map(|p| p.parse::<u64>().ok()).unwrap_or(u64::MAX);
    let ordered = adapter.modules.windows(2).all(|w| (layer(&w[0].path), &w[0].path) < (layer(&w[1].path), &w[1].path));
    check.holds("modules", ordered, "another order", "by layer, then by path");
    for m in &adapter.modules {
        let at = |field: &str| format!("{} {field}", m.path);
        let s = scaling(config, &m.path);
        check.same(at("rank"), f64::from(m.rank), setting(config, "rank_pattern", "r", &m.path));
        let factor = |f: &str| values(tensors, &format!("base_model.model.{}.lora_{f}.weight", m.path));
        let (a, b) = (factor("A"), factor("B"));
        let largest = |v: &[f64]| v.iter().fold(0f64, |m, x| m.max(x.abs())) / 32767.0;
        let norm = a.chunks(m.d_in as usize).map(|row| row.iter().map(|x| x.abs()).sum()).fold(0f64, f64::max);
        let sigma_a = largest(&a).max(norm / (16_777_216.0 - f64::from(m.d_in)));
        let sigma_b = s.abs() * (b.iter().fold(0f64, |m, x| m.max(x.abs()))) / 32767.0;
        let step = |x: f64| if x > 0.0 { x } else { 1.0 };
        let (sigma_a, sigma_b) = (step(sigma_a), step(sigma_b));
        check.same(at("sigma_a"), m.sigma_a, sigma_a);
        check.same(at("sigma_b"), m.sigma_b, sigma_b);
        let round = |v: &[f64], s: f64, sigma: f64| -> Vec<i16> {
            v.iter().map(|x| (s * x / sigma).round_ties_even() as i16).collect()
        };
        check.holds(at("a"), m.a == round(&a, 1.0, sigma_a), "other weights", "A/σ_A, rounded");
        check.holds(at("b"), m.b == round(&b, s, sigma_b), "other weights", "s·B/σ_B, rounded");
    }
}

/// The first pattern that matches the end of a module's path, else the adapter's own value.
fn setting(config: &Value, patterns: &str, own: &str, path: &str) -> f64 {
    let matches =
        |key: &str| Regex::new(&format!(r"^(.*\.)?({key})$")).is_ok_and(|re| re.is_match(path).unwrap_or(false));
    let own_value = &config[own];
    let found = config[patterns].as_object().and_then(|m| m.iter().find(|(key, _)| matches(key)).map(|(_, v)| v));
    found.unwrap_or(own_value).as_f64().unwrap_or(f64::NAN)
}

/// A tensor's values; nothing where it is missing or of another type.
pub fn values(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let Ok(view) = tensors.tensor(name) else { return Vec::new() };
    let bits = |b: &[u8]| u32::from(b[0]) | u32::from(b[1]) << 8;
    match view.dtype() {
        Dtype::F32 => {
            view.data().chunks_exact(4).map(|b| f64::from(f32::from_bits(bits(b) | bits(&b[2..]) << 16))).collect()
        }
        Dtype::BF16 => view.data().chunks_exact(2).map(|b| f64::from(f32::from_bits(bits(b) << 16))).collect(),
        Dtype::F16 => view.data().chunks_exact(2).map(|b| half::f16::from_bits(bits(b) as u16).to_f64()).collect(),
        _ => Vec::new(),
    }
}
