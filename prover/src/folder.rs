//! The output folder: where each artefact lies, and the manifest of their digests.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use serde_json::json;
use talea_witness::{
    Result,
    artefact::{UNFINISHED, digest, hex, write_file},
    error::{Error, read},
};

/// An output folder.
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Held while a command writes: an advisory lock on the folder itself.
    _lock: Option<File>,
}

impl Folder {
    /// A folder to read.
    pub fn at(path: &Path) -> Self {
        Self { path: path.into(), _lock: None }
    }

    /// A folder to write: made if need be, locked against other writers, and rid of what a killed command left behind.
    pub fn lock(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))?;
        let dir = File::open(path).map_err(|e| Error::io(path, e))?;
        if let Err(TryLockError::WouldBlock) = dir.try_lock() {
            return Err(Error::input(path.display(), "folder", "another talea writing to it", "no other writer"));
        }
        for dir in ["", "datanets", "adapters", "traces"].map(|d| path.join(d)) {
            for file in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                if file.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    std::fs::remove_file(file.path()).map_err(|e| Error::io(&file.path(), e))?;
                }
            }
        }
        Ok(Self { path: path.into(), _lock: Some(dir) })
    }

    /// `datanets/NAME.datanet`
    pub fn datanet(&self, name: &str) -> PathBuf {
        self.path.join("datanets").join(format!("{name}.datanet"))
    }

    /// `adapters/NAME.adapter`
    pub fn adapter(&self, name: &str) -> PathBuf {
        self.path.join("adapters").join(format!("{name}.adapter"))
    }

    /// `traces/ID.trace`
    pub fn trace(&self, id: &str) -> PathBuf {
        self.path.join("traces").join(format!("{id}.trace"))
    }

    /// `receipts.talea`
    pub fn receipts(&self) -> PathBuf {
        self.path.join("receipts.talea")
    }

    /// `batch.talea`
    pub fn batch(&self) -> PathBuf {
        self.path.join("batch.talea")
    }

    /// `proof.talea`
    pub fn proof(&self) -> PathBuf {
        self.path.join("proof.talea")
    }

    /// `wrapped.talea`
    pub fn wrapped(&self) -> PathBuf {
        self.path.join("wrapped.talea")
    }

    /// `payouts.talea`: what a proof's commitment to payouts hides.
    pub fn payouts(&self) -> PathBuf {
        self.path.join("payouts.talea")
    }

    /// `deployment.json`: where the contracts are.
    pub fn deployment(&self) -> PathBuf {
        self.path.join("deployment.json")
    }

    /// `transactions.json`: what was sent to a chain.
    pub fn journal(&self) -> PathBuf {
        self.path.join("transactions.json")
    }

    /// `claims.json`: openings of what slots have earned.
    pub fn claims(&self) -> PathBuf {
        self.path.join("claims.json")
    }

    /// `proof.checkpoint`: what a proof that was stopped goes on from.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("proof.checkpoint")
    }

    /// Writes `manifest.json`: BLAKE3 and size of these files (paths below the folder), in ascending order of path,
    /// and the same of the inputs below `root` that they were made from.
    pub fn write_manifest(&self, mut files: Vec<PathBuf>, root: &Path, mut inputs: Vec<PathBuf>) -> Result<()> {
        files.sort();
        inputs.sort();
        inputs.dedup();
        let entry = |root: &Path, path: &Path| -> Result<serde_json::Value> {
            let bytes = read(path)?;
            let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
            Ok(json!({ "path": shown, "bytes": bytes.len(), "blake3": hex(&digest(&bytes)) }))
        };
        let outputs: Vec<_> = files.iter().map(|f| entry(&self.path, f)).collect::<Result<_>>()?;
        let inputs: Vec<_> = inputs.iter().map(|f| entry(root, f)).collect::<Result<_>>()?;
        let doc = json!({ "version": 1, "talea": env!("CARGO_PKG_VERSION"), "inputs": inputs, "files": outputs });
        write_json(&self.path.join("manifest.json"), &doc)
    }
}

/// `NAME.index` beside `NAME.adapter`.
pub fn index_beside(adapter: &Path) -> PathBuf {
    adapter.with_extension("index")
}

/// `NAME.commitment` beside `NAME.adapter`.
pub fn commitment_beside(adapter: &Path) -> PathBuf {
    adapter.with_extension("commitment")
}

/// `NAME.salts` beside `NAME.adapter`.
pub fn salts_beside(adapter: &Path) -> PathBuf {
    adapter.with_extension("salts")
}

/// `NAME.quantisation.json` beside `NAME.adapter`.
pub fn report_beside(adapter: &Path) -> PathBuf {
    adapter.with_extension("quantisation.json")
}

/// Writes pretty JSON with a final line break.
pub fn write_json(path: &Path, doc: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(doc).expect("a JSON value has string keys only");
    Ok(write_file(path, format!("{text}\n").as_bytes())?)
}

/// Every regular file below a folder, ascending.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(d) = todo.pop() {
        for e in std::fs::read_dir(&d).map_err(|e| Error::io(&d, e))? {
            let e = e.map_err(|e| Error::io(&d, e))?;
            // links and devices are passed over: a folder must not lead out of itself, or block a read
            match e.file_type().map_err(|x| Error::io(&d, x))? {
                t if t.is_dir() => todo.push(e.path()),
                t if t.is_file() => out.push(e.path()),
                _ => {}
            }
        }
    }
    out.sort();
    Ok(out)
}
