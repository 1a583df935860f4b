//! Safetensors files, one or sharded, read as f32 whatever their float type.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
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
    tensors: BTreeMap<String, Entry>,
}

/// Where a tensor lies, from its file's checked header.
struct Entry {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Parses the header of a safetensors file; every offset and shape in it is checked by the library.
pub fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|e| bad_header(path, &e))
}

fn bad_header(path: &Path, e: &dyn std::fmt::Debug) -> Error {
    Error::input(path.display(), "header", format!("{e:?}"), "a whole safetensors file")
}

impl Weights {
    /// Opens a folder's weights.
    pub fn open(dir: &Path, stem: &str) -> Result<Self> {
        let index = dir.join(format!("{stem}.safetensors.index.json"));
        let single = format!("{stem}.safetensors");
        let mut all = Self { sources: Vec::new(), files: Vec::new(), tensors: BTreeMap::new() };
        if dir.join(&single).exists() || !index.exists() {
            all.add(dir, single)?;
            return Ok(all);
        }
        let map: ShardIndex = parse_json(&index, &read_text(&index)?)?;
        let names: BTreeSet<&String> = map.weight_map.values().collect();
        for name in names {
            if Path::new(name).components().count() != 1 || !name.ends_with(".safetensors") {
                let expected = "the name of a safetensors file beside it";
                return Err(Error::input(index.display(), "weight_map", name, expected));
            }
            all.add(dir, name.clone())?;
        }
        for (tensor, file) in &map.weight_map {
            if all.tensors.get(tensor).map(|e| &all.sources[e.file].0) != Some(file) {
                let expected = "the tensor that the index places here";
                return Err(Error::input(dir.join(file).display(), tensor, "no such tensor", expected));
            }
        }
        // what the index leaves out is not part of the model
        all.tensors.retain(|name, _| map.weight_map.contains_key(name));
        Ok(all)
    }

    /// Reads a file and its header, once.
    fn add(&mut self, dir: &Path, name: String) -> Result<()> {
        let path = dir.join(&name);
        let bytes = read(&path)?;
        parse(&path, &bytes)?;
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad_header(&path, &e))?;
        let file = self.files.len();
        for (tensor, info) in header.tensors() {
            let (from, to) = info.data_offsets;
            let bytes = 8 + length + from..8 + length + to; // the library has checked that they lie inside
            let entry = Entry { file, dtype: info.dtype, shape: info.shape.clone(), bytes };
            if self.tensors.insert(tensor.clone(), entry).is_some() {
                // the index is not part of the digest, so it must not be what decides
                let found = "a tensor that another shard holds too";
                return Err(Error::input(path.display(), tensor, found, "each tensor once"));
            }
        }
        self.sources.push((name, digest(&bytes)));
        self.files.push((path, bytes));
        Ok(())
    }

    /// Names of all tensors, ascending.
    pub fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    /// The file that holds a tensor, or the first one, for messages.
    pub fn file_of(&self, name: &str) -> &Path {
        &self.files[self.tensors.get(name).map_or(0, |e| e.file)].0
    }

    /// A tensor of exactly this shape as f32; refuses NaN and infinity.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(entry) = self.tensors.get(name) else {
            return Err(Error::input(self.file_of(name).display(), name, "no such tensor", format!("shape {shape:?}")));
        };
        let (path, bytes) = &self.files[entry.file];
        if entry.shape != shape {
            return Err(Error::input(path.display(), name, format!("shape {:?}", entry.shape), format!("{shape:?}")));
        }
        let view = TensorView::new(entry.dtype, entry.shape.clone(), &bytes[entry.bytes.clone()])
            .map_err(|e| bad_header(path, &e))?;
        floats(path, name, &view)
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.tensors.get(name)?.shape.clone())
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
