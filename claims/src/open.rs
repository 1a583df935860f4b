//! Commitments, and openings of many slots at once.
//!
//! For i ≠ j, 1/((X−ω^i)(X−ω^j)) in partial fractions and (ω^i/N)·(X^N−1)/(X−ω^i) = L_i give
//!
//! ```text
//! L_i/(X − ω^j) = (L_i − ω^{i−j}·L_j)/(ω^i − ω^j)        (X^N − 1)/(X − ω^j) = N·ω^{−j}·L_j
//! ```
//!
//! so with κ(m) = 1/(ω^m − 1), κ(0) = 0, K_j = Σ_i P_i·κ(i−j) and S = Σ_i P_i
//!
//! ```text
//! π_j = ω^{−j}·( Σ_i P_i·κ(i−j)·L_i + (ρ·N − (S − P_j) − K_j)·L_j ) + P_j·d_j
//! ```
//!
//! one sum of n points where n slots hold amounts, and three products. Many openings are cheaper together: over j, Σ_i P_i·κ(i−j)·L_i is a
//! cyclic correlation with κ, and Σ_m κ(m)·ω^{−mt} = t − (N−1)/2 for t < N, so that
//!
//! ```text
//! Σ_i Q_i·κ(i−j) = F⁻¹( t·F(Q)_t )_j − (N−1)/2·Q_j
//! ```
//!
//! with two transforms over the group for all N slots, whatever they hold. (Openings at all roots of unity by transforms: Feist and
//! Khovratovich, eprint 2023/033 (FK20), from coefficients and of twice the length; L_i/(X − ω^j) from two points: Tomescu et al., eprint 2020/527 (aSVC).)

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{Field, One, Zero, serial_batch_inversion_and_mul};
use ark_poly::{EvaluationDomain, domain::DomainCoeff};
use rayon::prelude::*;
use talea_formats::Error;

use crate::{
    domain::Domain,
    points::{SlotPoint, SlotPoints, Way, transform_cost},
    sums::{self, Table},
    vector::PayoutVector,
};

/// A slot's amount with what shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// s
    pub slot: u32,
    /// P_s
    pub amount: u128,
    /// [π_s(τ)]₁. Infinity, which no contract takes, where the vector is constant and ρ = 0: never with a random salt.
    pub proof: G1Affine,
}

impl Way {
    /// The cheaper one to the openings of `asked` slots of a vector with `held` amounts.
    pub fn to_openings(domain: Domain, held: usize, asked: usize) -> Self {
        Self::cheaper(sums::cost(held, asked), 2 * transform_cost(domain))
    }
}

/// A vector's amounts with what belongs to their slots.
struct Held {
    slots: Vec<u32>,
    /// ω^i
    at: Vec<Fr>,
    /// L_i(τ)
    points: Vec<G1Affine>,
    /// P_i
    amounts: Vec<Fr>,
    /// S
    sum: Fr,
    /// ρ·N
    salt: Fr,
}

impl SlotPoints {
    /// C = Σ P_s·\[L_s(τ)\] + ρ·\[τ^N − 1\].
    ///
    /// # Errors
    /// A vector of another domain, or with amounts in slots without points.
    pub fn commit(&self, vector: &PayoutVector) -> Result<G1Affine, Error> {
        let held = self.held(vector)?;
        let amounts = G1Projective::msm_unchecked(&held.points, &held.amounts);
        Ok((amounts + self.vanishing * vector.rho()).into_affine())
    }

    /// Openings of all slots that hold an amount, ascending.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn open_all(&self, vector: &PayoutVector) -> Result<Vec<Opening>, Error> {
        self.open(vector, &vector.slots())
    }

    /// Openings of these slots, in their order, also where they hold nothing.
    ///
    /// # Errors
    /// As [`Self::commit`]; a slot without points.
    pub fn open(&self, vector: &PayoutVector, slots: &[u32]) -> Result<Vec<Opening>, Error> {
        self.open_by(Way::to_openings(self.domain, vector.amounts().len(), slots.len()), vector, slots)
    }

    /// The same in a given way.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_by(&self, way: Way, vector: &PayoutVector, slots: &[u32]) -> Result<Vec<Opening>, Error> {
        let held = self.held(vector)?;
        let points: Vec<&SlotPoint> = slots.iter().map(|slot| self.get(*slot)).collect::<Result<_, _>>()?;
        let sums = match way {
            Way::Sums => self.by_sums(&held, slots),
            Way::Transforms => self.by_transforms(&held, slots),
        };
        let finish = |((slot, own), (k, sum)): ((&u32, &SlotPoint), (Fr, G1Projective))| {
            let amount = Fr::from(vector.amount(*slot));
            let rest = held.salt - (held.sum - amount) - k;
            (sum + own.lagrange * rest) * self.back(*slot) + own.diagonal * amount
        };
        let all: Vec<G1Projective> = slots.par_iter().zip(points).zip(sums).map(finish).collect();
        let openings = slots.iter().zip(G1Projective::normalize_batch(&all));
        Ok(openings.map(|(slot, proof)| Opening { slot: *slot, amount: vector.amount(*slot), proof }).collect())
    }

    fn held(&self, vector: &PayoutVector) -> Result<Held, Error> {
        if vector.domain() != self.domain {
            let (found, own) = (vector.domain().log(), self.domain.log());
            return Err(Error::input("payouts", "domain", format!("2^{found} slots"), format!("2^{own}")));
        }
        let slots = vector.slots();
        let points = slots.iter().map(|slot| Ok(self.get(*slot)?.lagrange)).collect::<Result<_, Error>>()?;
        let amounts: Vec<Fr> = vector.amounts().map(|(_, amount)| Fr::from(amount)).collect();
        Ok(Held {
            at: slots.iter().map(|slot| self.domain.point(*slot)).collect(),
            sum: amounts.iter().sum(),
            salt: vector.rho() * self.domain.radix().size_as_field_element(),
            slots,
            points,
            amounts,
        })
    }

    /// ω^−j
    fn back(&self, slot: u32) -> Fr {
        self.domain.point(slot).inverse().expect("a root of unity")
    }

    /// K_j and Σ_i P_i·κ(i−j)·L_i, term by term.
    fn by_sums(&self, held: &Held, slots: &[u32]) -> Vec<(Fr, G1Projective)> {
        let table = Table::new(&held.points);
        let one = |slot: &u32| {
            let back = self.back(*slot);
            let mut scalars: Vec<Fr> = held.at.iter().map(|at| *at * back - Fr::one()).collect();
            // κ(i−j): zero stays zero
            serial_batch_inversion_and_mul(&mut scalars, &Fr::one());
            scalars.iter_mut().zip(&held.amounts).for_each(|(k, p)| *k *= p);
            (scalars.iter().sum(), table.sum(&scalars))
        };
        slots.par_iter().map(one).collect()
    }

    /// The same from a correlation over the field and one over the group.
    fn by_transforms(&self, held: &Held, slots: &[u32]) -> Vec<(Fr, G1Projective)> {
        let mut amounts = vec![Fr::zero(); self.domain.size()];
        let mut products = vec![G1Projective::zero(); self.domain.size()];
        let weighted: Vec<G1Projective> =
            held.points.par_iter().zip(&held.amounts).map(|(point, amount)| *point * amount).collect();
        for ((slot, amount), product) in held.slots.iter().zip(&held.amounts).zip(weighted) {
            amounts[*slot as usize] = *amount;
            products[*slot as usize] = product;
        }
        let (k, sums) = (correlate(self.domain, amounts), correlate(self.domain, products));
        slots.iter().map(|slot| (k[*slot as usize], sums[*slot as usize])).collect()
    }
}

/// Σ_i Q_i·κ(i−j) for all j.
fn correlate<T: DomainCoeff<Fr>>(domain: Domain, values: Vec<T>) -> Vec<T> {
    let half = Fr::from(domain.size() as u64 - 1) / Fr::from(2u64);
    let mut all = domain.radix().fft(&values);
    all.par_iter_mut().enumerate().for_each(|(t, value)| *value *= Fr::from(t as u64));
    domain.radix().ifft_in_place(&mut all);
    all.par_iter_mut().zip(values).for_each(|(sum, mut own)| {
        own *= half;
        *sum -= own;
    });
    all
}
