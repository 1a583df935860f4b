//! The base model: configuration, weights, tokenizer, and a float forward that captures adapters' inputs.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | `config.json` and the rotary frequencies |
//! | [`weights`] | safetensors, one file or sharded, any float type |
//! | [`llama`] | the forward pass |

pub mod config;
pub mod llama;
pub mod weights;

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

use crate::{
    artefact::digest,
    error::{Error, Result, read},
};
use config::LlamaConfig;
use weights::Weights;

/// A base model's folder.
pub struct Base {
    /// The folder.
    pub dir: PathBuf,
    /// `config.json`.
    pub config: LlamaConfig,
    /// Its weights.
    pub weights: Weights,
    /// BLAKE3 over the names and BLAKE3s of `config.json`, `tokenizer.json` and the weight files (docs/semantics.md §1).
    pub digest: [u8; 32],
    tokenizer: Tokenizer,
}

impl Base {
    /// Opens a Hugging Face folder: `config.json`, `tokenizer.json`, `model.safetensors` or its shards.
    pub fn open(dir: &Path) -> Result<Self> {
        let config_path = dir.join("config.json");
        let config = LlamaConfig::open(&config_path)?;
        let weights = Weights::open(dir, "model")?;
        let tokenizer_path = dir.join("tokenizer.json");
        let bytes = read(&tokenizer_path)?;
        let mut tokenizer = tokenizer(&tokenizer_path, &bytes)?;
        // What a text becomes must not depend on padding or truncation left over from training.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).expect("removing truncation cannot fail");
        // "<s>" spelled out in a text is text
        tokenizer.set_encode_special_tokens(true);
        if let tokenizers::ModelWrapper::BPE(bpe) = tokenizer.get_model()
            && bpe.dropout.is_some_and(|d| d != 0.0)
        {
            return Err(Error::input(
                tokenizer_path.display(),
                "model.dropout",
                "random merges",
                "none: equal texts, equal tokens",
            ));
        }
        let mut files =
            vec![("config.json".into(), digest(&read(&config_path)?)), ("tokenizer.json".into(), digest(&bytes))];
        files.extend(weights.sources.iter().cloned());
        Ok(Self { dir: dir.into(), config, weights, digest: digest_of_files(&files), tokenizer })
    }

    /// The files that the digest covers.
    pub fn files(&self) -> Vec<PathBuf> {
        let weights = self.weights.sources.iter().map(|(name, _)| name.as_str());
        ["config.json", "tokenizer.json"].into_iter().chain(weights).map(|name| self.dir.join(name)).collect()
    }

    /// Tokens of a contribution: BOS, the text's tokens, EOS; BOS and EOS as far as the model has them.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let path = self.dir.join("tokenizer.json");
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|e| Error::input(path.display(), "encode", e, "a tokenizer that encodes every text"))?;
        Ok(self.config.bos.into_iter().chain(encoding.get_ids().iter().copied()).chain(self.config.eos).collect())
    }

    /// Tokens back to text, for display.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.tokenizer.decode(tokens, true).unwrap_or_else(|_| "(not decodable)".into())
    }

    /// Refuses tokens outside the vocabulary, an empty list and one that the model has no positions for.
    pub fn check_tokens(&self, file: &str, field: &str, tokens: &[u32]) -> Result<()> {
        let bad = |found: String, expected: String| Err(Error::input(file, field, found, expected));
        if tokens.is_empty() || tokens.len() > self.config.positions {
            return bad(
                format!("{} tokens", tokens.len()),
                format!("1 to {} (max_position_embeddings)", self.config.positions),
            );
        }
        match tokens.iter().find(|t| **t as usize >= self.config.vocab) {
            Some(t) => bad(format!("token {t}"), format!("tokens below {}", self.config.vocab)),
            None => Ok(()),
        }
    }
}

/// Reads `tokenizer.json`. The tokenizers library panics on some malformed files (a decoder that is no JSON, a
/// precompiled normaliser that is none), so syntax is checked first and a panic is an error like any other.
fn tokenizer(path: &Path, bytes: &[u8]) -> Result<Tokenizer> {
    let bad = |found: &dyn std::fmt::Display| {
        Error::input(path.display(), "tokenizer", found, "a tokenizer of the tokenizers library")
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|e| bad(&e))?;
    std::panic::catch_unwind(|| Tokenizer::from_bytes(bytes))
        .map_err(|_| bad(&"something it cannot read"))?
        .map_err(|e| bad(&e))
}

/// Digest of a named set of files: BLAKE3 over, per file, its name, a zero byte and its BLAKE3.
pub fn digest_of_files(files: &[(String, [u8; 32])]) -> [u8; 32] {
    let mut h = blake3::Hasher::new();
    for (name, sum) in files {
        h.update(name.as_bytes()).update(&[0]).update(sum);
    }
    *h.finalize().as_bytes()
}
