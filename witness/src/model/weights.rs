//! Safetensors files, one or sharded, read as f32 whatever their float type.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Deserialize;

use crate::{
    artefact::digest,
    error::{Error, Result, parse_json, read, read_text},
};

/// Tensors of a folder: `<stem>.safetensors`, or the shards that `<stem>.safetensors.index.json` lists.
pub struct Weights {
    /// File names with their BLAKE3, ascending.
    pub sources: Vec<(String, [u8; 32])>,
    files: Vec<(PathBuf, Vec<u8>)>,
    place: HashMap<String, usize>,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Parses the header of a safetensors file; every offset and shape in it is checked by the library.
pub fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes)
        .map_err(|e| Error::input(path.display(), "header", format!("{e:?}"), "a whole safetensors file"))
}

impl Weights {
    /// Opens a folder's weights.
    pub fn open(dir: &Path, stem: &str) -> Result<Self> {
        let single = dir.join(format!("{stem}.safetensors"));
        let index = dir.join(format!("{stem}.safetensors.index.json"));
        if single.exists() || !index.exists() {
            let bytes = read(&single)?;
            let place = parse(&single, &bytes)?.names().into_iter().map(|n| (n.to_string(), 0)).collect();
            let sources = vec![(format!("{stem}.safetensors"), digest(&bytes))];
            return Ok(Self { sources, files: vec![(single, bytes)], place });
        }
        let map: ShardIndex = parse_json(&index, &read_text(&index)?)?;
        let mut names: Vec<&String> = map.weight_map.values().collect();
        names.sort_unstable();
        names.dedup();
        let (mut sources, mut files) = (Vec::new(), Vec::new());
        for name in &names {
            if Path::new(name).components().count() != 1 || !name.ends_with(".safetensors") {
                return Err(Error::input(
                    index.display(),
                    "weight_map",
                    name,
                    "the name of a safetensors file beside it",
                ));
            }
            let path = dir.join(name);
            let bytes = read(&path)?;
            sources.push((name.to_string(), digest(&bytes)));
            files.push((path, bytes));
        }
        let mut place = HashMap::new();
        let mut held = std::collections::HashSet::new();
        for (path, bytes) in &files {
            for name in parse(path, bytes)?.names() {
                if !held.insert(name.to_string()) {
                    // the index is not part of the digest, so it must not be what decides
                    return Err(Error::input(
                        path.display(),
                        name,
                        "a tensor that another shard holds too",
                        "each tensor once",
                    ));
                }
            }
        }
        for (tensor, file) in &map.weight_map {
            let at = names.binary_search(&file).expect("taken from the same map");
            let (path, bytes) = &files[at];
            if parse(path, bytes)?.tensor(tensor).is_err() {
                return Err(Error::input(
                    path.display(),
                    tensor,
                    "no such tensor",
                    "the tensor that the index places here",
                ));
            }
            place.insert(tensor.clone(), at);
        }
        Ok(Self { sources, files, place })
    }

    /// Names of all tensors, ascending.
    pub fn names(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.place.keys().map(String::as_str).collect();
        all.sort_unstable();
        all
    }

    /// The file that holds a tensor, or the first one, for messages.
    pub fn file_of(&self, name: &str) -> &Path {
        let at = self.place.get(name).copied().unwrap_or(0);
        &self.files[at].0
    }

    /// A tensor of exactly this shape as f32; refuses NaN and infinity.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(&at) = self.place.get(name) else {
            return Err(Error::input(self.file_of(name).display(), name, "no such tensor", format!("shape {shape:?}")));
        };
        let (path, bytes) = &self.files[at];
        let all = parse(path, bytes)?;
        let view = all.tensor(name).map_err(|e| Error::input(path.display(), name, format!("{e:?}"), "a tensor"))?;
        if view.shape() != shape {
            return Err(Error::input(path.display(), name, format!("shape {:?}", view.shape()), format!("{shape:?}")));
        }
        floats(path, name, &view)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let (path, bytes) = &self.files[*self.place.get(name)?];
        Some(parse(path, bytes).ok()?.tensor(name).ok()?.shape().to_vec())
    }

    /// Like [`Weights::f32`], as a candle tensor on the CPU.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_vec(self.f32(name, shape)?, shape, &Device::Cpu)?)
    }
}

/// Any of the float types as f32, which it holds exactly; refuses NaN and infinity by position.
pub fn floats(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
    let data = view.data();
    let wide = |b: &[u8]| b.iter().rev().fold(0u32, |a, x| a << 8 | u32::from(*x));
    let out: Vec<f32> = match view.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_bits(wide(b))).collect(),
        Dtype::BF16 => data.chunks_exact(2).map(|b| f32::from_bits(wide(b) << 16)).collect(),
        Dtype::F16 => data.chunks_exact(2).map(|b| half::f16::from_bits(wide(b) as u16).to_f32()).collect(),
        other => return Err(Error::input(path.display(), name, format!("{other:?}"), "F32, F16 or BF16")),
    };
    match out.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(Error::input(path.display(), format!("{name}[{i}]"), out[i], "a finite number")),
        None => Ok(out),
    }
}
