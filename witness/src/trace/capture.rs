//! Float traces as safetensors files, laid out as a hook on a serving stack writes them.
//!
//! | tensor | type, shape | holds |
//! |---|---|---|
//! | `input_ids` | I64 \[T\] | tokens as fed: BOS and the last sampled one included |
//! | `<module>.input` | float \[T, d_in\] | input rows; modules that share an input may share one tensor, under any of their names |
//! | `<module>.lora_delta` | float \[T, d_out\] | optional: s·B·A·x, read by the quantisation report |
//! | `last_logits` | float \[vocab\] | optional |

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use super::{FloatTrace, InputTensor, inputs_of};
use crate::{
    adapter::LoraModule,
    artefact::write_file,
    error::{Error, Result, read},
    model::{
        Base,
        weights::{floats, parse},
    },
};

/// Name of the tensor of tokens.
const TOKENS: &str = "input_ids";

/// A captured trace and the float deltas that came with it.
pub struct Captured {
    /// The trace.
    pub trace: FloatTrace,
    /// Module path → [T, d_out].
    pub deltas: BTreeMap<String, Vec<f32>>,
}

/// Reads a captured trace of an adapter with these modules; all of its inputs must be there, for every token.
pub fn load(path: &Path, base: &Base, modules: &[LoraModule]) -> Result<Captured> {
    let bytes = read(path)?;
    let all = parse(path, &bytes)?;
    let tokens = tokens(path, &all)?;
    base.check_tokens(&path.display().to_string(), TOKENS, &tokens)?;
    let column = |name: &str, width: usize| -> Result<Option<Vec<f32>>> {
        let Ok(view) = all.tensor(name) else { return Ok(None) };
        let want = [tokens.len(), width];
        if view.shape() != want {
            return Err(Error::input(path.display(), name, format!("shape {:?}", view.shape()), format!("{want:?}")));
        }
        floats(path, name, &view).map(Some)
    };
    let mut inputs: BTreeMap<InputTensor, (String, Vec<f32>)> = BTreeMap::new();
    let mut deltas = BTreeMap::new();
    for m in modules {
        let tensor = InputTensor { layer: m.layer, site: m.site, width: m.d_in as u32 };
        let name = format!("{}.input", m.path);
        if let Some(rows) = column(&name, m.d_in)? {
            match inputs.get(&tensor) {
                Some((other, have)) if *have != rows => {
                    return Err(Error::input(
                        path.display(),
                        name,
                        "other values",
                        format!("those of {other}: they read the same tensor"),
                    ));
                }
                Some(_) => {}
                None => drop(inputs.insert(tensor, (name, rows))),
            }
        }
        if let Some(rows) = column(&format!("{}.lora_delta", m.path), m.d_out)? {
            deltas.insert(m.path.clone(), rows);
        }
    }
    for tensor in inputs_of(modules) {
        if !inputs.contains_key(&tensor) {
            let m = modules.iter().find(|m| (m.layer, m.site) == (tensor.layer, tensor.site)).expect("made from them");
            return Err(Error::input(
                path.display(),
                format!("{}.input", m.path),
                "no such tensor",
                format!("shape [{}, {}]", tokens.len(), m.d_in),
            ));
        }
    }
    let last_logits = match all.tensor("last_logits") {
        Ok(view) => Some(floats(path, "last_logits", &view)?),
        Err(_) => None,
    };
    let inputs = inputs.into_iter().map(|(t, (_, rows))| (t, rows)).collect();
    Ok(Captured { trace: FloatTrace { tokens, inputs, last_logits }, deltas })
}

fn tokens(path: &Path, all: &SafeTensors<'_>) -> Result<Vec<u32>> {
    let bad = |found: String, expected: &str| Error::input(path.display(), TOKENS, found, expected);
    let view = all.tensor(TOKENS).map_err(|_| bad("no such tensor".into(), "I64 [T]"))?;
    if view.dtype() != Dtype::I64 || view.shape().len() != 1 {
        return Err(bad(format!("{:?} {:?}", view.dtype(), view.shape()), "I64 [T]"));
    }
    view.data()
        .chunks_exact(8)
        .map(|b| {
            let id = b.iter().rev().fold(0u64, |a, x| a << 8 | u64::from(*x));
            u32::try_from(id).map_err(|_| bad(format!("token {}", id as i64), "token ids"))
        })
        .collect()
}

/// Writes a trace, each input once, under the name of the first module that reads it.
pub fn save(path: &Path, trace: &FloatTrace, modules: &[LoraModule]) -> Result<()> {
    let le = |xs: &[f32]| -> Vec<u8> { xs.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let ids: Vec<u8> = trace.tokens.iter().flat_map(|t| i64::from(*t).to_le_bytes()).collect();
    let mut parts = vec![(TOKENS.to_string(), Dtype::I64, vec![trace.tokens.len()], ids)];
    for (tensor, rows) in &trace.inputs {
        let first = modules
            .iter()
            .find(|m| (m.layer, m.site) == (tensor.layer, tensor.site))
            .expect("traced for these modules");
        parts.push((
            format!("{}.input", first.path),
            Dtype::F32,
            vec![trace.tokens.len(), tensor.width as usize],
            le(rows),
        ));
    }
    if let Some(logits) = &trace.last_logits {
        parts.push(("last_logits".into(), Dtype::F32, vec![logits.len()], le(logits)));
    }
    let views = parts.iter().map(|(name, dtype, shape, data)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), data).expect("shape and data were made together"))
    });
    let bytes = serialize(views, None)
        .map_err(|e| Error::input(path.display(), "tensors", format!("{e:?}"), "a trace that safetensors can hold"))?;
    Ok(write_file(path, &bytes)?)
}
