//! `.ptau` files of public ceremonies, as snarkjs writes them.
//!
//! A file is `ptau`, a version (1) and a number of sections, both u32, then per section a type (u32), a length (u64) and
//! the bytes, all little-endian; coordinates are in Montgomery's form.
//!
//! | section | holds |
//! |---|---|
//! | 1 | 32, the modulus of the coordinates (32 bytes), power, power of the ceremony (u32 each) |
//! | 2 | [τ^i]₁ for i < 2^(power+1) − 1 |
//! | 3 | [τ^i]₂ for i < 2^power |
//! | 12 | after `prepare phase2`: the Lagrange bases of 2^0, 2^1, … one after another |
//!
//! Other sections (α, β, contributions) are skipped. Nothing is read beyond what is needed, nothing allocated beyond the
//! file's own size. Who contributed is not checked here: compare the file's digest with the ceremony's.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use ark_bn254::{Fq, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use talea_formats::Error;

use crate::{
    Origin, Srs, check,
    points::{MONTGOMERY, all_g1, g2},
    sizes, sorted,
};

const POINT: u64 = 64;
/// snarkjs writes 11.
const MOST_SECTIONS: u32 = 64;
const HEADER: u32 = 1;
const TAU_G1: u32 = 2;
const TAU_G2: u32 = 3;
const LAGRANGE_G1: u32 = 12;

/// A file with its table of sections.
struct Ptau {
    name: String,
    file: File,
    /// Type, place and length of each.
    sections: Vec<(u32, u64, u64)>,
    power: u32,
}

/// Imports 2^k + 1 powers and the Lagrange bases of these sizes, and checks all of them by pairings. A basis that the file
/// lacks is computed from the powers, which takes minutes from 2^18 on.
///
/// # Errors
/// What is wrong with the file, in one line.
pub fn import(path: &Path, k: u32, lagrange: &[u32]) -> Result<Srs, Error> {
    sizes(k, lagrange)?;
    let mut ptau = Ptau::open(path)?;
    let bad = |found: String, expected: String| Err(Error::input(path.display(), "power", found, expected));
    if k > ptau.power {
        return bad(format!("2^{}", ptau.power), format!("at least the 2^{k} asked for"));
    }
    let powers = ptau.points(TAU_G1, "tauG1", 0, (1 << k) + 1)?;
    let two = ptau.bytes(TAU_G2, "tauG2", 0, 2 * 2 * POINT)?;
    let (generator, tau) = two.split_at(2 * POINT as usize);
    let expected = "points of BN254's G2 with coordinates below the modulus, not infinity";
    let (Some(generator), Some(tau)) = (g2(generator, MONTGOMERY), g2(tau, MONTGOMERY)) else {
        return Err(Error::input(path.display(), "tauG2", "something else", expected));
    };
    if generator != G2Affine::generator() {
        return Err(Error::input(path.display(), "tauG2[0]", "another point", "the generator of G2"));
    }
    let mut bases = Vec::new();
    for j in sorted(lagrange) {
        let points = match ptau.section(LAGRANGE_G1) {
            Some(_) => ptau.points(LAGRANGE_G1, "lagrange tauG1", (1 << j) - 1, 1 << j)?,
            None => basis(&powers[..1 << j]),
        };
        bases.push((j, points));
    }
    let srs = Srs { origin: Origin::Ceremony { file: ptau.digest()? }, powers: powers.into(), tau, lagrange: bases };
    check::check(&ptau.name, &srs)?;
    Ok(srs)
}

/// The Lagrange basis from as many powers: an inverse Fourier transform in the group.
fn basis(powers: &[G1Affine]) -> Vec<G1Affine> {
    let points: Vec<G1Projective> = powers.iter().map(|p| p.into_group()).collect();
    let domain = Radix2EvaluationDomain::<ark_bn254::Fr>::new(points.len()).expect("2^25 at most");
    G1Projective::normalize_batch(&domain.ifft(&points))
}

impl Ptau {
    fn open(path: &Path) -> Result<Self, Error> {
        let io = |e| Error::io(path, e);
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let name = path.display().to_string();
        let short = || Error::input(&name, "length", format!("{size} bytes"), "a whole .ptau file");
        let mut head = [0; 12];
        file.read_exact(&mut head).map_err(|_| short())?;
        let [m, v, n] = [&head[..4], &head[4..8], &head[8..]];
        if m != b"ptau" || u32_of(v) != 1 {
            return Err(Error::input(&name, "magic", head[..8].escape_ascii(), "ptau, version 1"));
        }
        let (mut sections, mut at) = (Vec::new(), 12u64);
        if u32_of(n) > MOST_SECTIONS {
            return Err(Error::input(&name, "sections", u32_of(n), format!("at most {MOST_SECTIONS}")));
        }
        for _ in 0..u32_of(n) {
            let mut entry = [0; 12];
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            file.read_exact(&mut entry).map_err(|_| short())?;
            let (kind, length) = (u32_of(&entry[..4]), u64_of(&entry[4..]));
            let end = (at + 12).checked_add(length).filter(|end| *end <= size).ok_or_else(|| {
                Error::input(
                    &name,
                    format!("section {kind}"),
                    format!("{length} bytes"),
                    "as many as the file has left",
                )
            })?;
            if sections.iter().any(|s: &(u32, u64, u64)| s.0 == kind) {
                return Err(Error::input(&name, format!("section {kind}"), "a second one", "each section once"));
            }
            sections.push((kind, at + 12, length));
            at = end;
        }
        if at != size {
            return Err(Error::input(&name, "length", format!("{size} bytes"), format!("{at}, the sections' end")));
        }
        let mut ptau = Self { name, file, sections, power: 0 };
        ptau.header()?;
        Ok(ptau)
    }

    /// Curve and power, and that the sections of points are as long as they say.
    fn header(&mut self) -> Result<(), Error> {
        let bad = |field: &str, found: String, expected: &str| Err(Error::input(&self.name, field, found, expected));
        match self.section(HEADER) {
            Some((_, 44)) => {}
            Some((_, n)) => return bad("header", format!("{n} bytes"), "44: a curve of 32-byte coordinates"),
            None => return bad("header", "none".into(), "section 1"),
        }
        let head = self.bytes(HEADER, "header", 0, 44)?;
        let modulus: Vec<u8> = Fq::MODULUS.0.iter().flat_map(|l| l.to_le_bytes()).collect();
        if u32_of(&head[..4]) != 32 || head[4..36] != modulus {
            return Err(Error::input(&self.name, "header", "another curve's modulus", "BN254's"));
        }
        self.power = u32_of(&head[36..40]);
        if self.power > 28 {
            return Err(Error::input(&self.name, "power", self.power, "at most 28"));
        }
        let n = 1u64 << self.power;
        let mut wanted = vec![(TAU_G1, 2 * n - 1), (TAU_G2, 2 * n)];
        if self.section(LAGRANGE_G1).is_some() {
            wanted.push((LAGRANGE_G1, 4 * n - 1));
        }
        for (kind, points) in wanted {
            let found = self.section(kind).map_or(0, |s| s.1);
            if found != points * POINT {
                let expected = format!("{} for power {}", points * POINT, self.power);
                return Err(Error::input(&self.name, format!("section {kind}"), format!("{found} bytes"), expected));
            }
        }
        Ok(())
    }

    /// Place and length.
    fn section(&self, kind: u32) -> Option<(u64, u64)> {
        self.sections.iter().find(|s| s.0 == kind).map(|s| (s.1, s.2))
    }

    /// Bytes of a section, which must have them.
    fn bytes(&mut self, kind: u32, field: &str, from: u64, count: u64) -> Result<Vec<u8>, Error> {
        let (at, length) = self.section(kind).unwrap_or((0, 0));
        if from + count > length {
            let found = format!("{length} bytes");
            return Err(Error::input(&self.name, field, found, format!("at least {}", from + count)));
        }
        let mut bytes = vec![0; count as usize];
        let io = |e| Error::io(Path::new(&self.name), e);
        self.file.seek(SeekFrom::Start(at + from)).map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }

    fn points(&mut self, kind: u32, field: &str, from: u64, count: u64) -> Result<Vec<G1Affine>, Error> {
        let bytes = self.bytes(kind, field, from * POINT, count * POINT)?;
        all_g1(&self.name, field, &bytes, MONTGOMERY)
    }

    /// BLAKE3 of the whole file.
    fn digest(&mut self) -> Result<[u8; 32], Error> {
        let io = |e| Error::io(Path::new(&self.name), e);
        self.file.rewind().map_err(io)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&self.file).map_err(io)?;
        Ok(*hasher.finalize().as_bytes())
    }
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b))
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}
