//! What an SRS gives for a payout slot, whoever is paid there: [L_s(τ)]₁ and its diagonal.
//!
//! Division by X − ω^s of L_s − 1, whose coefficients are ω^{−sm}/N, gives the diagonal:
//!
//! ```text
//! L_s = (1/N)·Σ_{m<N} ω^{−sm}·X^m          d_s = (1/N)·Σ_{m<N−1} (N−1−m)·ω^{−s(m+1)}·X^m
//! ```
//!
//! Both are inverse transforms over the group, of [τ^m] and of (N−1−m)·[τ^m]: two transforms for all N slots, or two sums of
//! N points for each slot. Either way gives the same points.
//!
//! Every point is held to [τ]₂ and [τ^N] before it is used, with weights a_s, b_s of 128 bits, hashed from all points:
//!
//! ```text
//! e(Σ a_s·L_s + b_s·d_s, [τ]₂) = e(Σ a_s·(ω^s·L_s + (ω^s/N)·[τ^N − 1]) + b_s·(ω^s·d_s + L_s − G₁), G₂)
//! ```
//!
//! so a file of these points need not be believed. Source: the proofs of single entries in Tomescu et al., eprint 2020/527 (aSVC), §3.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{Field, One, PrimeField, Zero};
use ark_poly::EvaluationDomain;
use rayon::prelude::*;
use talea_formats::Error;
use talea_srs::{
    Srs,
    points::{all_bytes, g2_bytes},
};

use crate::domain::Domain;

/// Points of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotPoint {
    /// [L_s(τ)]₁
    pub lagrange: G1Affine,
    /// [d_s(τ)]₁
    pub diagonal: G1Affine,
}

/// Checked points of some slots of a domain, under one SRS: all that commitments and openings there need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPoints {
    pub(crate) domain: Domain,
    /// [τ^N − 1]₁
    pub(crate) vanishing: G1Affine,
    pub(crate) points: BTreeMap<u32, SlotPoint>,
}

/// Two ways to the same points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One sum of points after another.
    Sums,
    /// Transforms over the group.
    Transforms,
}

/// Additions that a product of a point and a scalar costs: the endomorphism leaves 128 doublings, and 96 additions on average.
const PRODUCT: usize = 224;

/// Additions of Pippenger's sum of n points with scalars of 254 bits: windows of ln n + 2 bits, as arkworks takes them.
fn sum_cost(n: usize) -> usize {
    let bits = (n.max(2).ilog2() as usize * 69 / 100 + 2).max(3);
    254usize.div_ceil(bits) * (n + (1 << bits))
}

/// Additions of a transform of N points: N/2·σ products, sums and differences.
pub(crate) fn transform_cost(domain: Domain) -> usize {
    domain.size() / 2 * domain.log() as usize * (PRODUCT + 2)
}

impl Way {
    /// The cheaper one to the points of so many slots.
    pub fn to_points(domain: Domain, slots: usize) -> Self {
        Self::cheaper(slots.saturating_mul(sum_cost(domain.size())), transform_cost(domain))
    }

    pub(crate) fn cheaper(sums: usize, transforms: usize) -> Self {
        if sums <= transforms { Self::Sums } else { Self::Transforms }
    }
}

impl SlotPoints {
    /// Points of these slots, or of all, where that is cheaper. The SRS is checked already ([`talea_srs::check`]).
    ///
    /// # Errors
    /// A slot beyond the domain; an SRS of fewer than N + 1 powers, or whose points do not fit its [τ]₂.
    pub fn compute(srs: &Srs, domain: Domain, slots: &[u32]) -> Result<Self, Error> {
        Self::compute_by(Way::to_points(domain, slots.len()), srs, domain, slots)
    }

    /// The same in a given way; transforms give all N slots.
    ///
    /// # Errors
    /// As [`Self::compute`].
    pub fn compute_by(way: Way, srs: &Srs, domain: Domain, slots: &[u32]) -> Result<Self, Error> {
        let powers = &domain.powers(srs)?[..domain.size()];
        slots.iter().try_for_each(|slot| domain.check_slot("payouts", "slot", *slot))?;
        let known = srs.lagrange.iter().find(|basis| basis.0 == domain.log()).map(|basis| basis.1.as_slice());
        let points = match way {
            Way::Sums => by_sums(domain, powers, known, slots),
            Way::Transforms => by_transforms(domain, powers, known),
        };
        Self::checked("srs", srs, domain, points)
    }

    /// Points that fit an SRS.
    pub(crate) fn checked(
        file: &str, srs: &Srs, domain: Domain, points: BTreeMap<u32, SlotPoint>,
    ) -> Result<Self, Error> {
        let vanishing = (domain.powers(srs)?[domain.size()] - G1Affine::generator()).into_affine();
        let all = Self { domain, vanishing, points };
        if all.fit(&srs.tau) {
            return Ok(all);
        }
        Err(Error::input(file, "points", "points that are not those of their slots", "L_s(τ) and d_s(τ) of the SRS"))
    }

    /// The pairing check above.
    fn fit(&self, tau: &G2Affine) -> bool {
        let column = |of: fn(&SlotPoint) -> G1Affine| self.points.values().map(of).collect::<Vec<_>>();
        let (lagrange, diagonals) = (column(|p| p.lagrange), column(|p| p.diagonal));
        let mut hasher = blake3::Hasher::new_derive_key("talea 1 slot points check");
        hasher.update(&g2_bytes(tau)).update(&self.domain.log().to_le_bytes());
        hasher.update(all_bytes(&[self.vanishing]).as_flattened());
        self.points.keys().for_each(|slot| _ = hasher.update(&slot.to_le_bytes()));
        for column in [&lagrange, &diagonals] {
            hasher.update(all_bytes(column).as_flattened());
        }
        let mut stream = hasher.finalize_xof();
        let mut weights = || -> Vec<Fr> {
            let mut bytes = vec![[0; 16]; lagrange.len()];
            stream.fill(bytes.as_flattened_mut());
            bytes.iter().map(|b| Fr::from_le_bytes_mod_order(b)).collect()
        };
        let (a, b) = (weights(), weights());
        let at: Vec<Fr> = self.points.keys().map(|slot| self.domain.point(*slot)).collect();
        let sum = |points: &[G1Affine], scalars: &[Fr]| G1Projective::msm_unchecked(points, scalars);
        let times = |w: &[Fr]| w.iter().zip(&at).map(|(w, x)| *w * x).collect::<Vec<Fr>>();
        let (a_at, b_at) = (times(&a), times(&b));
        let scale = self.domain.radix().size_inv() * a_at.iter().sum::<Fr>();
        let lagrange_weights: Vec<Fr> = a_at.iter().zip(&b).map(|(x, b)| *x + b).collect();
        let left = sum(&lagrange, &a) + sum(&diagonals, &b);
        let right = sum(&lagrange, &lagrange_weights) + sum(&diagonals, &b_at) + self.vanishing * scale
            - G1Affine::generator() * b.iter().sum::<Fr>();
        Bn254::multi_pairing([left, -right], [*tau, G2Affine::generator()]).is_zero()
    }

    /// The domain.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Slots whose points are here, ascending.
    pub fn slots(&self) -> Vec<u32> {
        self.points.keys().copied().collect()
    }

    /// Points of a slot.
    ///
    /// # Errors
    /// A slot that was not asked for.
    pub fn get(&self, slot: u32) -> Result<&SlotPoint, Error> {
        let missing = || Error::input("payouts", "slot", slot, "one whose points were computed");
        self.points.get(&slot).ok_or_else(missing)
    }
}

/// Two sums of N powers per slot; a basis of the SRS spares the first.
fn by_sums(domain: Domain, powers: &[G1Affine], known: Option<&[G1Affine]>, slots: &[u32]) -> BTreeMap<u32, SlotPoint> {
    let of = |slot: u32| {
        let inverse = domain.point(slot).inverse().expect("a root of unity");
        // ω^{−sm}/N
        let mut scalars: Vec<Fr> = std::iter::successors(Some(domain.radix().size_inv()), |c| Some(*c * inverse))
            .take(domain.size())
            .collect();
        let lagrange = match known {
            Some(basis) => basis[slot as usize],
            None => G1Projective::msm_unchecked(powers, &scalars).into_affine(),
        };
        scalars.par_iter_mut().zip(counts(domain)).for_each(|(c, n)| *c *= n * inverse);
        (slot, SlotPoint { lagrange, diagonal: G1Projective::msm_unchecked(powers, &scalars).into_affine() })
    };
    // a sum has threads of its own
    slots.iter().collect::<BTreeSet<_>>().into_iter().map(|slot| of(*slot)).collect()
}

/// All slots; d_s still needs ω^{−s}.
fn by_transforms(domain: Domain, powers: &[G1Affine], known: Option<&[G1Affine]>) -> BTreeMap<u32, SlotPoint> {
    let inverse = |points: Vec<G1Projective>| domain.radix().ifft(&points);
    let lagrange = match known {
        Some(basis) => basis.to_vec(),
        None => G1Projective::normalize_batch(&inverse(powers.par_iter().map(|p| p.into_group()).collect())),
    };
    let mut diagonals = inverse(powers.par_iter().zip(counts(domain)).map(|(p, n)| *p * n).collect());
    let root = domain.radix().group_gen_inv();
    let back: Vec<Fr> =
        std::iter::successors(Some(Fr::one()), |power| Some(*power * root)).take(domain.size()).collect();
    diagonals.par_iter_mut().zip(back).for_each(|(d, power)| *d *= power);
    let diagonals = G1Projective::normalize_batch(&diagonals);
    let both = lagrange.into_iter().zip(diagonals).map(|(lagrange, diagonal)| SlotPoint { lagrange, diagonal });
    (0..).zip(both).collect()
}

/// N−1−m for m < N.
fn counts(domain: Domain) -> impl IndexedParallelIterator<Item = Fr> {
    (0..domain.size()).into_par_iter().rev().map(|n| Fr::from(n as u64))
}
