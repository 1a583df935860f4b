//! Registration: traces a Datanet's representatives, fixes the exponents e, quantises, builds the influence index.

use std::{
    io::{BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{
    Lora,
    quantise::{self, IntAdapter},
};
use crate::{
    artefact::{digest, encode},
    bounds::{CLUSTER_BITS, TOKEN_BITS},
    datanet::Datanet,
    error::{Error, Result},
    influence::index::{Index, IndexRow, Unindexed, build},
    model::{Base, llama::Llama},
    trace::{
        FloatTrace, InputTensor, capture, inputs_of,
        quantise::{least_exponent, max_abs, quantise as quantise_trace, summed},
    },
};

/// Where float traces come from: our own forward pass, or files captured from a serving stack.
pub enum Tracer<'a> {
    /// Run the model.
    Model(Box<Llama>),
    /// Read `<stem>.safetensors` from a folder; every trace asked for must be there.
    Captured {
        /// The folder.
        dir: PathBuf,
        /// For the vocabulary and the positions.
        base: &'a Base,
        /// For the modules' inputs.
        lora: &'a Lora,
    },
}

impl<'a> Tracer<'a> {
    /// A tracer for an adapter; `captured` names a folder of captured traces.
    pub fn new(base: &'a Base, lora: &'a Lora, captured: Option<&Path>) -> Result<Self> {
        Ok(match captured {
            Some(dir) => Self::Captured { dir: dir.into(), base, lora },
            None => Self::Model(Box::new(Llama::load(base, &lora.modules)?)),
        })
    }

    /// The float trace of these tokens, which have been checked; a captured one must be of the same tokens.
    pub fn trace(&self, stem: &str, tokens: &[u32]) -> Result<FloatTrace> {
        match self {
            Self::Model(llama) => llama.trace(tokens),
            Self::Captured { dir, base, lora } => {
                let path = dir.join(format!("{stem}.safetensors"));
                let trace = capture::load(&path, base, &lora.modules)?.trace;
                if trace.tokens != tokens {
                    let found = format!("{} tokens", trace.tokens.len());
                    return Err(Error::input(
                        path.display(),
                        "input_ids",
                        found,
                        format!("the {} tokens of {stem}", tokens.len()),
                    ));
                }
                Ok(trace)
            }
        }
    }
}

/// File stem of a contribution's trace.
pub fn contribution_stem(datanet: &str, ordinal: u32) -> String {
    format!("contribution-{datanet}-{ordinal}")
}

/// Told how many of how many texts are traced.
pub type Progress<'p> = &'p mut dyn FnMut(usize, usize);

/// Registers an adapter over a judged Datanet.
/// Float traces wait in an unnamed file in `spool` until the exponents are known.
pub fn register(
    name: &str, base: &Base, lora: &Lora, datanet: &Datanet, tracer: &Tracer<'_>, spool: &Path, progress: Progress<'_>,
) -> Result<(IntAdapter, Index)> {
    let representatives = datanet.representatives().count();
    if representatives > 1 << CLUSTER_BITS {
        return Err(Error::input(&datanet.name, "clusters", representatives, "at most 2^10 per adapter"));
    }
    let tensors = inputs_of(&lora.modules);
    let mut spool = Spool::new(spool)?;
    let mut largest = vec![0f32; tensors.len()];
    let mut traced: Vec<(u32, usize)> = Vec::new();
    let unindexed = trace_representatives(base, datanet, tracer, progress, |ordinal, trace| {
        for (m, (_, rows)) in largest.iter_mut().zip(&trace.inputs) {
            *m = m.max(max_abs(rows));
        }
        traced.push((ordinal, trace.tokens.len()));
        spool.push(&trace)
    })?;
    let adapter = quantise::quantise(
        name,
        base.digest,
        lora,
        tensors.into_iter().zip(largest.into_iter().map(least_exponent)).collect(),
    );
    adapter.check(name)?;
    let mut indexer = Indexer::new(&adapter, datanet, unindexed);
    let mut back = spool.rewind()?;
    for (ordinal, tokens) in traced {
        indexer.push(ordinal, &back.next(tokens, &adapter.inputs)?);
    }
    let index = indexer.finish()?;
    Ok((adapter, index))
}

/// The index of a registered adapter over another verdict on the same Datanet, for comparison.
pub fn reindex(
    adapter: &IntAdapter, base: &Base, datanet: &Datanet, tracer: &Tracer<'_>, progress: Progress<'_>,
) -> Result<Index> {
    let mut indexer = Indexer::new(adapter, datanet, Vec::new());
    let unindexed = trace_representatives(base, datanet, tracer, progress, |ordinal, trace| {
        indexer.push(ordinal, &trace);
        Ok(())
    })?;
    indexer.unindexed.extend(unindexed);
    indexer.finish()
}

/// Traces every representative that the model has positions for; returns the others.
fn trace_representatives(
    base: &Base, datanet: &Datanet, tracer: &Tracer<'_>, progress: Progress<'_>,
    mut take: impl FnMut(u32, FloatTrace) -> Result<()>,
) -> Result<Vec<(u32, Unindexed)>> {
    let mut refused = Vec::new();
    let total = datanet.representatives().count();
    for (done, ordinal) in datanet.representatives().enumerate() {
        progress(done, total);
        let tokens = base.encode(&datanet.contributions[ordinal as usize].text)?;
        if tokens.len() > base.config.positions.min(1 << TOKEN_BITS) {
            let tokens = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            refused.push((ordinal, Unindexed::TooLong { tokens, positions: base.config.positions as u32 }));
            continue;
        }
        if let Some(token) = tokens.iter().copied().find(|t| *t as usize >= base.config.vocab) {
            refused.push((ordinal, Unindexed::OutsideVocabulary { token }));
            continue;
        }
        if tokens.is_empty() {
            refused.push((ordinal, Unindexed::NoActivation));
            continue;
        }
        take(ordinal, tracer.trace(&contribution_stem(&datanet.name, ordinal), &tokens)?)?;
    }
    progress(total, total);
    Ok(refused)
}

/// Collects rows of V and ends in an index.
struct Indexer<'a> {
    adapter: &'a IntAdapter,
    datanet: &'a Datanet,
    rows: Vec<IndexRow>,
    unindexed: Vec<(u32, Unindexed)>,
}

impl<'a> Indexer<'a> {
    fn new(adapter: &'a IntAdapter, datanet: &'a Datanet, unindexed: Vec<(u32, Unindexed)>) -> Self {
        Self { adapter, datanet, rows: Vec::new(), unindexed }
    }

    fn push(&mut self, ordinal: u32, float: &FloatTrace) {
        let trace = quantise_trace("", float, &self.adapter.inputs);
        let v = summed(self.adapter, &trace);
        if v.iter().all(|x| *x == 0) {
            return self.unindexed.push((ordinal, Unindexed::NoActivation));
        }
        let payee = self.datanet.contributions[ordinal as usize].contributor;
        self.rows.push(IndexRow { cluster: ordinal, payee, exponent: trace.exponent, v });
    }

    fn finish(mut self) -> Result<Index> {
        self.unindexed.sort_by_key(|(ordinal, _)| *ordinal);
        let (sigma_h, h) = build(&self.datanet.name, &self.rows, &quantise::coordinate_scales(self.adapter))?;
        let (adapter, datanet) = (digest(&encode(self.adapter)), digest(&encode(self.datanet)));
        Ok(Index { adapter, datanet, rows: self.rows, unindexed: self.unindexed, sigma_h, h })
    }
}

/// Float traces on disk, in the order written. The exponents depend on all of them, and together they may not fit memory.
struct Spool {
    file: BufWriter<std::fs::File>,
    dir: PathBuf,
}

impl Spool {
    fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
        let file = tempfile::tempfile_in(dir).map_err(|e| Error::io(dir, e))?;
        Ok(Self { file: BufWriter::new(file), dir: dir.into() })
    }

    fn push(&mut self, trace: &FloatTrace) -> Result<()> {
        for x in trace.inputs.iter().flat_map(|(_, rows)| rows) {
            self.file.write_all(&x.to_le_bytes()).map_err(|e| Error::io(&self.dir, e))?;
        }
        Ok(())
    }

    fn rewind(self) -> Result<SpoolReader> {
        let io = |e| Error::io(&self.dir, e);
        let mut file = self.file.into_inner().map_err(|e| io(e.into_error()))?;
        file.rewind().map_err(io)?;
        Ok(SpoolReader { file: BufReader::new(file), dir: self.dir.clone() })
    }
}

struct SpoolReader {
    file: BufReader<std::fs::File>,
    dir: PathBuf,
}

impl SpoolReader {
    fn next(&mut self, tokens: usize, inputs: &[(InputTensor, i32)]) -> Result<FloatTrace> {
        let mut all = Vec::with_capacity(inputs.len());
        for (tensor, _) in inputs {
            let mut bytes = vec![0; tokens * tensor.width as usize * 4];
            self.file.read_exact(&mut bytes).map_err(|e| Error::io(&self.dir, e))?;
            let rows = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            all.push((tensor.clone(), rows));
        }
        Ok(FloatTrace { tokens: vec![0; tokens], inputs: all, last_logits: None })
    }
}
