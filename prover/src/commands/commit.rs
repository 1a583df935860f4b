//! Commitments to registered adapters.

use std::path::Path;

use talea_circuits::relations::{adapter::AdapterLayout, registered::Registered};
use talea_formats::proof::{AdapterSizes, Commitment, Salts};
use talea_gpu::Cpu;
use talea_srs::{Srs, points::g2_bytes};
use talea_witness::{
    Result,
    adapter::quantise::IntAdapter,
    artefact::{digest, encode, load, save},
    error::{Error, read},
    influence::index::Index,
};

use super::adapter;
use crate::{
    folder::{Folder, commitment_beside, salts_beside},
    proving,
};

/// 32 secret bytes: of a file, or of the operating system.
pub fn secret(file: Option<&Path>) -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    match file {
        None => getrandom::fill(&mut seed).map_err(|e| anyhow::anyhow!("randomness of the operating system: {e}"))?,
        Some(path) => {
            let found = read(path)?;
            seed = found.as_slice().try_into().map_err(|_| {
                Error::input(path.display(), "length", format!("{} bytes", found.len()), "32 secret bytes")
            })?;
        }
    }
    Ok(seed)
}

/// A seed for one purpose from a secret, of parts of fixed length.
fn derived(seed: &[u8; 32], what: [&[u8]; 3]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("talea 1 salts of an adapter");
    for part in [seed.as_slice()].into_iter().chain(what) {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Commits to an adapter and its index; writes NAME.salts and NAME.commitment.
pub fn commit(folder: &Folder, int: &IntAdapter, index: &Index, srs: &Srs, seed: &[u8; 32]) -> Result<Registered> {
    let sizes = proving::adapter_sizes(int, index.rows.len());
    check_sizes(&int.name, &sizes)?;
    let (shape, values) = (proving::adapter_shape(&sizes), proving::adapter_values(int, index));
    let needed = AdapterLayout::new(&shape).1.chunk_vars();
    enough(srs, needed)?;
    let (path, own) = (folder.adapter(&int.name), digest(&encode(int)));
    // salts are those of one adapter, index and reference string: a seed used twice reveals nothing
    let secret = derived(seed, [&own, &digest(&encode(index)), &g2_bytes(&srs.tau)]);
    let registered = Registered::new(&Cpu, &shape, &values, &srs.powers, &secret);
    let salts = registered.witness.salts.iter().map(proving::bytes).collect();
    save(&salts_beside(&path), &Salts { adapter: own, salts })?;
    let points = registered.points.iter().map(proving::point).collect();
    let (tau, index) = (g2_bytes(&srs.tau), digest(&encode(index)));
    save(&commitment_beside(&path), &Commitment { adapter: own, index, tau, sizes, points })?;
    Ok(registered)
}

/// Refuses a reference string with fewer than 2^k powers.
pub fn enough(srs: &Srs, k: usize) -> Result<()> {
    if (srs.k() as usize) < k {
        return Err(Error::input(
            "--srs",
            "powers",
            format!("2^{}", srs.k()),
            format!("at least 2^{k}, which this needs"),
        ));
    }
    Ok(())
}

/// An adapter that was committed to, with what it commits to.
pub fn open_committed(folder: &Folder, name: &str, srs: &Srs) -> Result<(Registered, AdapterSizes, IntAdapter)> {
    let path = folder.adapter(name);
    let (int, own, index, index_digest) = adapter::open(&path)?;
    let beside = commitment_beside(&path);
    let commitment = open_commitment(&beside, srs)?;
    let (salts, _) = load::<Salts>(&salts_beside(&path))?;
    let sizes = proving::adapter_sizes(&int, index.rows.len());
    if commitment.adapter != own
        || commitment.index != index_digest
        || salts.adapter != own
        || commitment.sizes != sizes
    {
        let expected = format!("a commitment to {}", path.display());
        return Err(Error::input(beside.display(), "adapter", "another adapter or index", expected));
    }
    let (shape, values) = (proving::adapter_shape(&sizes), proving::adapter_values(&int, &index));
    let points = proving::points(&beside, "points", &commitment.points)?;
    let file = salts_beside(&path);
    let salts = salts.salts.iter().map(|s| proving::scalar(&file, "salts", s)).collect::<Result<Vec<_>>>()?;
    let chunks = AdapterLayout::new(&shape).1.chunks();
    if salts.len() != chunks || points.len() != chunks {
        let found = format!("{} points and {} salts", points.len(), salts.len());
        return Err(Error::input(beside.display(), "points", found, format!("{chunks} of each")));
    }
    Ok((Registered::known(&shape, &values, salts, points), sizes, int))
}

/// Reads a commitment, which must be of this reference string.
pub fn open_commitment(file: &Path, srs: &Srs) -> Result<Commitment> {
    let (commitment, _) = load::<Commitment>(file)?;
    if commitment.tau != g2_bytes(&srs.tau) {
        let expected = "the one given with --srs";
        return Err(Error::input(file.display(), "tau", "another reference string", expected));
    }
    check_sizes(&file.display().to_string(), &commitment.sizes)?;
    Ok(commitment)
}

/// Refuses sizes that no proof can have.
fn check_sizes(file: &str, sizes: &AdapterSizes) -> Result<()> {
    let expected = "sizes within the bounds of docs/semantics.md §9";
    proving::adapter_shape(sizes).check().map_err(|e| Error::input(file, "sizes", e, expected))
}
