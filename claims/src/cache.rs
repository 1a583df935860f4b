//! Points of slots on disk: a file per SRS and domain, which grows by the slots that are asked for.
//!
//! What is read is checked against the SRS by a pairing ([`crate::points`]), so a wrong file costs time and nothing else: it is made anew.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ark_bn254::G1Affine;
use talea_formats::{
    Error,
    artefact::{Artefact, digest, hex, load, save},
};
use talea_srs::{Srs, points};
use wincode::{SchemaRead, SchemaWrite};

use crate::{
    domain::Domain,
    points::{SlotPoint, SlotPoints},
};

/// What the file holds: points as canonical coordinates, little-endian.
#[derive(SchemaWrite, SchemaRead)]
struct SlotsFile {
    /// [τ]₂
    tau: [u8; 128],
    /// σ
    domain: u32,
    /// Ascending.
    slots: Vec<u32>,
    /// Per slot, L_s(τ).
    lagrange: Vec<[u8; 64]>,
    /// Per slot, d_s(τ).
    diagonals: Vec<[u8; 64]>,
}

impl Artefact for SlotsFile {
    const KIND: &'static str = "slots";
    const VERSION: u32 = 1;
}

/// The file of an SRS and a domain.
pub fn file(dir: &Path, srs: &Srs, domain: Domain) -> PathBuf {
    let srs = hex(&digest(&points::g2_bytes(&srs.tau)));
    dir.join(format!("slots-{}-{}.talea", &srs[..16], domain.log()))
}

impl SlotPoints {
    /// Points of these slots: from the file in `dir` where it has them, else computed and added to it. A file that is damaged, or
    /// whose points are not those of their slots, is replaced.
    ///
    /// # Errors
    /// As [`Self::compute`]; the system's.
    pub fn prepare(dir: &Path, srs: &Srs, domain: Domain, slots: &[u32]) -> Result<Self, Error> {
        let path = file(dir, srs, domain);
        let empty = || SlotsFile::new(points::g2_bytes(&srs.tau), domain.log(), BTreeMap::new());
        let mut stored = match SlotsFile::open(&path, srs, domain) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => empty(),
            Err(Error::Input(_)) => empty(),
            other => other?,
        };
        let mut own = match stored.select(&path, srs, domain, slots) {
            Err(Error::Input(_)) => {
                stored = empty();
                stored.select(&path, srs, domain, &[])?
            }
            other => other?,
        };
        let missing: Vec<u32> = slots.iter().copied().filter(|slot| !own.points.contains_key(slot)).collect();
        if !missing.is_empty() {
            let computed = Self::compute(srs, domain, &missing)?.points;
            save(&path, &stored.joined(&computed))?;
            own.points.extend(computed);
        }
        Ok(own)
    }

    /// Points of those of these slots that a file has.
    ///
    /// # Errors
    /// A file that is damaged, of another SRS or domain, or whose points are not those of their slots; the system's.
    pub fn load(path: &Path, srs: &Srs, domain: Domain, slots: &[u32]) -> Result<Self, Error> {
        SlotsFile::open(path, srs, domain)?.select(path, srs, domain, slots)
    }
}

impl SlotsFile {
    fn new(tau: [u8; 128], domain: u32, rows: BTreeMap<u32, [[u8; 64]; 2]>) -> Self {
        let (lagrange, diagonals) = rows.values().map(|[l, d]| (l, d)).unzip();
        Self { tau, domain, slots: rows.into_keys().collect(), lagrange, diagonals }
    }

    /// Reads a file whose columns fit together; its points are not looked at yet.
    fn open(path: &Path, srs: &Srs, domain: Domain) -> Result<Self, Error> {
        let bad =
            |field: &str, found: String, expected: &str| Err(Error::input(path.display(), field, found, expected));
        let (found, _) = load::<Self>(path)?;
        if found.tau != points::g2_bytes(&srs.tau) {
            return bad("tau", "another reference string's".into(), "[τ]₂ of the SRS");
        }
        if found.domain != domain.log() {
            return bad("domain", found.domain.to_string(), &domain.log().to_string());
        }
        let slots = &found.slots;
        if !slots.is_sorted_by(|a, b| a < b) || slots.last().is_some_and(|last| *last as usize >= domain.size()) {
            return bad("slots", "others".into(), "ascending slots of the domain");
        }
        if [found.lagrange.len(), found.diagonals.len()] != [slots.len(); 2] {
            let lengths = format!("{} and {}", found.lagrange.len(), found.diagonals.len());
            return bad("points", lengths, "two per slot");
        }
        Ok(found)
    }

    /// Those of the slots that are here, checked.
    fn select(&self, path: &Path, srs: &Srs, domain: Domain, slots: &[u32]) -> Result<SlotPoints, Error> {
        let name = path.display().to_string();
        let wanted: BTreeMap<u32, usize> =
            slots.iter().filter_map(|slot| Some((*slot, self.slots.binary_search(slot).ok()?))).collect();
        let read = |field: &str, column: &[[u8; 64]]| {
            points::read_all(&name, field, &wanted.values().map(|i| column[*i]).collect::<Vec<_>>())
        };
        let (lagrange, diagonals) = (read("lagrange", &self.lagrange)?, read("diagonals", &self.diagonals)?);
        let both = lagrange.into_iter().zip(diagonals).map(|(lagrange, diagonal)| SlotPoint { lagrange, diagonal });
        SlotPoints::checked(&name, srs, domain, wanted.into_keys().zip(both).collect())
    }

    /// With more slots; what is stored for one of them is replaced.
    fn joined(self, more: &BTreeMap<u32, SlotPoint>) -> Self {
        let stored = self.slots.into_iter().zip(self.lagrange.into_iter().zip(self.diagonals));
        let stored = stored.map(|(slot, (lagrange, diagonal))| (slot, [lagrange, diagonal]));
        let column = |of: fn(&SlotPoint) -> G1Affine| points::all_bytes(&more.values().map(of).collect::<Vec<_>>());
        let new = column(|p| p.lagrange).into_iter().zip(column(|p| p.diagonal)).map(|(l, d)| [l, d]);
        Self::new(self.tau, self.domain, stored.chain(more.keys().copied().zip(new)).collect())
    }
}
