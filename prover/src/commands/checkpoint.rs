//! What a proof that was stopped goes on from.

use talea_circuits::relations::{Key, prover::Commitments};
use talea_formats::artefact::Artefact;
use talea_witness::{Result, artefact::load, error::Error};
use wincode::{SchemaRead, SchemaWrite};

use crate::{folder::Folder, proving};

/// What a proof that was stopped goes on from; secret, because of the seed.
#[derive(SchemaWrite, SchemaRead)]
pub struct Checkpoint {
    /// Of the batch and everything else that its commitments depend on.
    pub of: [u8; 32],
    pub seed: [u8; 32],
    pub chunks: Vec<[u8; 64]>,
    pub payouts: [u8; 64],
    /// The proof up to its last finished stage.
    pub proof: Vec<u8>,
}

impl Artefact for Checkpoint {
    const KIND: &'static str = "stopped";
    const VERSION: u32 = 1;
}

/// Commitments, and the proof so far.
pub type Begun = (Commitments, Vec<u8>);

/// What a stopped run left: its seed, and what it had begun, unless that is of no use.
pub fn resume(folder: &Folder, key: &Key, of: &[u8; 32]) -> Result<([u8; 32], Option<Begun>)> {
    let path = folder.checkpoint();
    let (saved, _) = load::<Checkpoint>(&path)?;
    let own = key.layout.chunks() - key.groups.adapters.iter().map(|range| range.len()).sum::<usize>();
    if saved.of != *of || saved.chunks.len() != own {
        return Err(Error::input(path.display(), "batch", "another batch, key or receipts", "the folder's own"));
    }
    let points = || -> Result<Commitments> {
        let chunks = proving::points(&path, "chunks", &saved.chunks)?;
        let payouts = proving::points(&path, "payouts", std::slice::from_ref(&saved.payouts))?;
        Ok(Commitments { chunks, payouts: payouts[0] })
    };
    match points() {
        Ok(commitments) => Ok((saved.seed, Some((commitments, saved.proof)))),
        // the file is whole, so this is what a device gave that failed
        Err(e) => {
            eprintln!("talea: {e}; beginning anew");
            Ok((saved.seed, None))
        }
    }
}
