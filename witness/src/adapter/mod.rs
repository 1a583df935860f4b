//! LoRA adapters: from a PEFT folder to integers (docs/semantics.md §4).
//!
//! | module | holds |
//! |---|---|
//! | [`peft`] | `adapter_config.json` |
//! | [`quantise`] | A, B, σ; U and D of a trace |
//! | [`report`] | how far the integer delta is from the float one |
//! | [`register`] | traces the Datanet, fixes exponents and the index |

pub mod peft;
pub mod quantise;
pub mod register;
pub mod report;

use std::{collections::HashMap, path::Path};

use crate::{
    artefact::digest,
    bounds,
    error::{Error, Result, read},
    model::{Base, llama::LinearSpec, weights::Weights},
    trace::Site,
};
use peft::PeftConfig;

/// One adapted module in floating point.
#[derive(Debug, Clone)]
pub struct LoraModule {
    /// Decoder layer; the output head counts as one more.
    pub layer: u32,
    /// Module path, such as `model.layers.0.self_attn.q_proj`.
    pub path: String,
    /// What it reads.
    pub site: Site,
    /// Rank.
    pub rank: usize,
    /// Input width.
    pub d_in: usize,
    /// Output width.
    pub d_out: usize,
    /// s = α/r or α/√r.
    pub scale: f64,
    /// A, [rank, d_in] row-major.
    pub a: Vec<f32>,
    /// B, [d_out, rank] row-major.
    pub b: Vec<f32>,
}

/// A PEFT adapter in floating point, its modules in coordinate order: by layer, then by path bytewise.
pub struct Lora {
    /// Adapted modules.
    pub modules: Vec<LoraModule>,
    /// BLAKE3 of `adapter_config.json` and `adapter_model.safetensors`.
    pub sources: Vec<(String, [u8; 32])>,
}

/// What PEFT puts before a module's path.
const PREFIX: &str = "base_model.model.";

impl Lora {
    /// Opens a PEFT folder and checks it against the base model.
    pub fn open(dir: &Path, base: &Base) -> Result<Self> {
        let config_path = dir.join("adapter_config.json");
        let config = PeftConfig::open(&config_path)?;
        let weights = Weights::open(dir, "adapter_model")?;
        let known: HashMap<String, LinearSpec> =
            base.config.linears().into_iter().map(|s| (s.path.clone(), s)).collect();
        let mut modules = Vec::new();
        for name in weights.names() {
            let file = weights.file_of(name).display();
            let Some((path, factor)) = name.strip_prefix(PREFIX).and_then(|n| n.split_once(".lora_")) else {
                if is_base_weight(&weights, name, base)? {
                    continue;
                }
                return Err(Error::input(
                    file,
                    name,
                    "a tensor that is not a LoRA factor",
                    "base_model.model.….lora_A.weight or lora_B.weight",
                ));
            };
            let spec = known.get(path).ok_or_else(|| {
                Error::input(&file, name, "a module that the base model lacks", "a linear module of the base model")
            })?;
            match factor {
                "A.weight" => modules.push(module(&weights, &config, spec)?),
                "B.weight" if weights.shape(&format!("{PREFIX}{path}.lora_A.weight")).is_some() => {}
                "B.weight" => return Err(Error::input(file, name, "no lora_A beside it", "both factors")),
                _ => return Err(Error::input(file, name, format!("lora_{factor}"), "lora_A.weight or lora_B.weight")),
            }
        }
        if modules.is_empty() {
            return Err(Error::input(weights.file_of("").display(), "tensors", "none", "at least one adapted module"));
        }
        modules.sort_by(|x: &LoraModule, y| (x.layer, x.path.as_bytes()).cmp(&(y.layer, y.path.as_bytes())));
        check_coordinates(dir, modules.iter().map(|m| m.rank).sum())?;
        let mut sources = vec![("adapter_config.json".into(), digest(&read(&config_path)?))];
        sources.extend(weights.sources.iter().cloned());
        Ok(Self { modules, sources })
    }
}

fn check_coordinates(dir: &Path, coordinates: usize) -> Result<()> {
    if coordinates > 1 << bounds::COORDINATE_BITS {
        return Err(Error::input(
            dir.display(),
            "coordinates",
            coordinates,
            "at most 2^16 (the sum of the modules' ranks)",
        ));
    }
    Ok(())
}

/// PEFT also saves the embeddings' own weights when the output head is adapted. Loading them would replace the base
/// model's, so they are taken only if they are the base model's, value by value.
fn is_base_weight(weights: &Weights, name: &str, base: &Base) -> Result<bool> {
    let Some(own) = name.strip_prefix(PREFIX).map(|n| n.replace(".base_layer.", ".")) else { return Ok(false) };
    let stored = if own == "lm_head.weight" && base.config.tied { "model.embed_tokens.weight" } else { &own };
    match base.weights.shape(stored) {
        Some(shape) if weights.shape(name).as_ref() == Some(&shape) => {
            Ok(weights.f32(name, &shape)? == base.weights.f32(stored, &shape)?)
        }
        _ => Ok(false),
    }
}

fn module(weights: &Weights, config: &PeftConfig, spec: &LinearSpec) -> Result<LoraModule> {
    config.check_target(&spec.path, spec.layer as u64)?;
    let rank = config.rank(&spec.path)?;
    Ok(LoraModule {
        layer: spec.layer as u32,
        path: spec.path.clone(),
        site: spec.site,
        rank,
        d_in: spec.d_in,
        d_out: spec.d_out,
        scale: config.scale(&spec.path)?,
        a: weights.f32(&format!("{PREFIX}{}.lora_A.weight", spec.path), &[rank, spec.d_in])?,
        b: weights.f32(&format!("{PREFIX}{}.lora_B.weight", spec.path), &[spec.d_out, rank])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_end_at_two_to_the_sixteenth() {
        assert!(check_coordinates(Path::new("a"), 1 << 16).is_ok());
        let refused = check_coordinates(Path::new("a"), (1 << 16) + 1).unwrap_err().to_string();
        assert_eq!(refused, "a: coordinates: found 65537, expected at most 2^16 (the sum of the modules' ranks)");
    }
}
