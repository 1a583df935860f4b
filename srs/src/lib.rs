//! The structured reference string: powers of a secret τ in G₁, and [τ]₂.
//!
//! | module | holds |
//! |---|---|
//! | [`ptau`] | import from the `.ptau` file of a public ceremony |
//! | [`check`] | that powers are powers, and Lagrange points are theirs, by pairings |
//! | this one | the type, its file, and a marked one for development |
//!
//! **Trust.** Whoever knows τ can forge every proof. An imported one is as good as one honest participant of its ceremony;
//! a development one is good for nothing but tests, says so in its file, and nothing makes one silently.
//!
//! **Size.** 64 bytes per power: 2^21 + 1 of them, and as many Lagrange points, are 268 MB.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod check;
pub mod points;
pub mod ptau;

use std::{path::Path, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
use ark_ff::{One, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use talea_formats::{
    Error,
    artefact::{Artefact, hex, load, save},
};
use wincode::{SchemaRead, SchemaWrite};

/// Largest k: 2^25 + 1 powers are 2 GiB, and a file's columns must stay below 4.
pub const MAX_K: u32 = 25;

/// Where τ comes from, as its file says: whoever makes a file can write anything here. An import, or a comparison with one, is
/// what makes it more than declared.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Origin {
    /// From a seed that everybody can read here: insecure, for tests.
    Dev {
        /// The seed.
        seed: String,
    },
    /// From the file of a ceremony.
    Ceremony {
        /// BLAKE3 of the `.ptau` file.
        file: [u8; 32],
    },
}

impl Origin {
    /// Can anybody forge with it?
    pub fn is_dev(&self) -> bool {
        matches!(self, Self::Dev { .. })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dev { seed } => write!(f, "INSECURE, for development: anybody can forge with the seed {seed:?}"),
            Self::Ceremony { file } => write!(f, "declared: from a ceremony's .ptau file with BLAKE3 {}", hex(file)),
        }
    }
}

/// A structured reference string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srs {
    /// Where τ comes from.
    pub origin: Origin,
    /// [τ^i]₁ for i ≤ 2^k: one more than a power of two, for a salt.
    pub powers: Arc<Vec<G1Affine>>,
    /// [τ]₂.
    pub tau: G2Affine,
    /// Per size j, ascending: [L_i(τ)]₁ for the Lagrange basis of the 2^j-th roots of unity, in the order of the powers of the
    /// root that arkworks and snarkjs share (5^((r−1)/2^28)). halo2's root is another generator of the same group, so its
    /// basis has the same points in another order.
    pub lagrange: Vec<(u32, Vec<G1Affine>)>,
}

/// What the file holds: points as canonical coordinates, little-endian.
#[derive(SchemaWrite, SchemaRead)]
struct SrsFile {
    origin: Origin,
    tau: [u8; 128],
    powers: Vec<[u8; 64]>,
    /// Sizes j of the bases, ascending.
    sizes: Vec<u32>,
    /// Their points, one basis after another.
    lagrange: Vec<[u8; 64]>,
}

impl Artefact for SrsFile {
    const KIND: &'static str = "srs";
    const VERSION: u32 = 1;
}

impl Srs {
    /// A marked, insecure one: τ is a hash of the seed.
    ///
    /// # Errors
    /// k or a size of Lagrange points out of range.
    pub fn dev(k: u32, lagrange: &[u32], seed: &str) -> Result<Self, Error> {
        sizes(k, lagrange)?;
        let mut wide = [0; 64];
        blake3::Hasher::new_derive_key("talea 1 insecure development srs")
            .update(seed.as_bytes())
            .finalize_xof()
            .fill(&mut wide);
        let tau = Fr::from_le_bytes_mod_order(&wide);
        let exponents: Vec<Fr> =
            std::iter::successors(Some(Fr::one()), |t| Some(*t * tau)).take((1 << k) + 1).collect();
        let multiples =
            |scalars: &[Fr]| BatchMulPreprocessing::new(G1Projective::generator(), scalars.len()).batch_mul(scalars);
        let basis = |j: u32| {
            let domain = Radix2EvaluationDomain::<Fr>::new(1 << j).expect("2^25 at most");
            (j, multiples(&domain.evaluate_all_lagrange_coefficients(tau)))
        };
        Ok(Self {
            origin: Origin::Dev { seed: seed.into() },
            powers: Arc::new(multiples(&exponents)),
            tau: (G2Affine::generator() * tau).into_affine(),
            lagrange: sorted(lagrange).into_iter().map(basis).collect(),
        })
    }

    /// k: there are 2^k + 1 powers.
    pub fn k(&self) -> u32 {
        self.powers.len().saturating_sub(1).checked_ilog2().unwrap_or(0)
    }

    /// Reads a file and checks its seal and that every point is one; [`check::check`] does the rest.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn open(path: &Path) -> Result<(Self, [u8; 32]), Error> {
        let (file, digest) = load::<SrsFile>(path)?;
        let name = path.display().to_string();
        let count = file.powers.len().saturating_sub(1);
        if !count.is_power_of_two() || count > 1 << MAX_K {
            return Err(Error::input(&name, "powers", file.powers.len(), format!("2^k + 1, k at most {MAX_K}")));
        }
        let ascending = file.sizes.windows(2).all(|w| w[0] < w[1]);
        let wanted = file.sizes.iter().try_fold(0usize, |sum, j| sum.checked_add(1usize.checked_shl(*j)?));
        if !ascending || file.sizes.iter().any(|j| *j > count.ilog2()) || wanted != Some(file.lagrange.len()) {
            let found = format!("{} points for sizes {:?}", file.lagrange.len(), file.sizes);
            return Err(Error::input(&name, "lagrange", found, "2^j points for each size j, ascending, at most k"));
        }
        let mut bases = Vec::new();
        let mut rest = file.lagrange.as_slice();
        for j in &file.sizes {
            let (own, more) = rest.split_at(1 << j);
            bases.push((*j, points::read_all(&name, &format!("lagrange 2^{j}"), own)?));
            rest = more;
        }
        let srs = Self {
            powers: Arc::new(points::read_all(&name, "powers", &file.powers)?),
            tau: points::read_g2(&name, "tau", &file.tau)?,
            lagrange: bases,
            origin: file.origin,
        };
        Ok((srs, digest))
    }

    /// Writes the file; returns its BLAKE3.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: &Path) -> Result<[u8; 32], Error> {
        let file = SrsFile {
            origin: self.origin.clone(),
            tau: points::g2_bytes(&self.tau),
            powers: points::all_bytes(&self.powers),
            sizes: self.lagrange.iter().map(|l| l.0).collect(),
            lagrange: self.lagrange.iter().flat_map(|l| points::all_bytes(&l.1)).collect(),
        };
        save(path, &file)
    }
}

/// Refuses sizes that no SRS of 2^k can have.
fn sizes(k: u32, lagrange: &[u32]) -> Result<(), Error> {
    if k > MAX_K {
        return Err(Error::input("--k", "size", k, format!("at most {MAX_K}")));
    }
    match lagrange.iter().find(|j| **j > k) {
        Some(j) => Err(Error::input("--lagrange", "size", j, format!("at most k, {k}"))),
        None => Ok(()),
    }
}

/// Ascending, each once.
fn sorted(sizes: &[u32]) -> Vec<u32> {
    let mut all = sizes.to_vec();
    all.sort_unstable();
    all.dedup();
    all
}
