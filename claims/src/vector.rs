//! Amounts by payout slot, with the salt of their commitment.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::Zero;
use ark_poly::EvaluationDomain;
use talea_formats::Error;

use crate::domain::Domain;

/// Bytes of one amount as the contract takes it: uint32 slot, uint128 amount, big-endian.
pub const ENTRY: usize = 20;

/// Amounts of few slots of a domain, in base units, and ρ: of a batch, or summed over the batches of an accumulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutVector {
    domain: Domain,
    /// Without zeros.
    amounts: BTreeMap<u32, u128>,
    rho: Fr,
}

impl PayoutVector {
    /// One without amounts.
    pub fn new(domain: Domain, rho: Fr) -> Self {
        Self { domain, amounts: BTreeMap::new(), rho }
    }

    /// From the contract's bytes and the batch's salt. An amount of zero, which the contract takes, is none.
    ///
    /// # Errors
    /// A part of an entry; slots that do not increase; a slot beyond the domain.
    pub fn parse(domain: Domain, bytes: &[u8], rho: Fr) -> Result<Self, Error> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return Err(Error::input(
                "amounts",
                "length",
                format!("{} bytes", bytes.len()),
                format!("a multiple of {ENTRY}"),
            ));
        }
        let mut vector = Self::new(domain, rho);
        let mut last = None;
        for (i, [s0, s1, s2, s3, amount @ ..]) in entries.iter().enumerate() {
            let slot = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
            let field = format!("slot of entry {i}");
            if let Some(last) = last.filter(|last| *last >= slot) {
                return Err(Error::input("amounts", field, slot, format!("above the one before, {last}")));
            }
            domain.check_slot("amounts", &field, slot)?;
            vector.credit(slot, u128::from_be_bytes(*amount))?;
            last = Some(slot);
        }
        Ok(vector)
    }

    /// The contract's bytes: slots that hold an amount, ascending.
    pub fn encode(&self) -> Vec<u8> {
        let entry = |(slot, amount): (u32, u128)| slot.to_be_bytes().into_iter().chain(amount.to_be_bytes());
        self.amounts().flat_map(entry).collect()
    }

    /// Adds to a slot's amount.
    ///
    /// # Errors
    /// A slot beyond the domain; a sum of 2^128 or more. The vector is then as it was.
    pub fn credit(&mut self, slot: u32, amount: u128) -> Result<(), Error> {
        self.domain.check_slot("payouts", "slot", slot)?;
        let sum = self.sum_at(slot, amount)?;
        if sum > 0 {
            self.amounts.insert(slot, sum);
        }
        Ok(())
    }

    /// Adds another vector, as an accumulator adds its commitment: amounts as integers, ρ mod r.
    ///
    /// # Errors
    /// Another domain; a slot whose sum is 2^128 or more. The vector is then as it was.
    pub fn add(&mut self, other: &Self) -> Result<(), Error> {
        if self.domain != other.domain {
            let (found, own) = (other.domain.log(), self.domain.log());
            return Err(Error::input("payouts", "domain", format!("2^{found} slots"), format!("2^{own}")));
        }
        let sums: Vec<(u32, u128)> = other
            .amounts()
            .map(|(slot, amount)| Ok((slot, self.sum_at(slot, amount)?)))
            .collect::<Result<_, Error>>()?;
        self.amounts.extend(sums);
        self.rho += other.rho;
        Ok(())
    }

    fn sum_at(&self, slot: u32, amount: u128) -> Result<u128, Error> {
        let held = self.amount(slot);
        held.checked_add(amount).ok_or_else(|| {
            Error::input("payouts", format!("amount of slot {slot}"), format!("{held} + {amount}"), "below 2^128")
        })
    }

    /// f(ζ) = (ζ^N − 1)·(ρ + (1/N)·Σ P_s·ω^s/(ζ − ω^s)), as the contract computes it; none at a ζ of the domain.
    pub fn evaluate(&self, zeta: &Fr) -> Option<Fr> {
        let vanishing = self.domain.radix().evaluate_vanishing_polynomial(*zeta);
        let size = Fr::from(self.domain.size() as u64);
        let points: Vec<Fr> = self.amounts.keys().map(|slot| self.domain.point(*slot)).collect();
        let mut inverses: Vec<Fr> = points.iter().map(|point| (*zeta - point) * size).collect();
        if vanishing.is_zero() {
            return None;
        }
        ark_ff::batch_inversion(&mut inverses);
        let terms = self.amounts.values().zip(&points).zip(&inverses);
        let sum: Fr = terms.map(|((amount, point), inverse)| Fr::from(*amount) * point * inverse).sum();
        Some(vanishing * (self.rho + sum))
    }

    /// Its domain.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// ρ.
    pub fn rho(&self) -> Fr {
        self.rho
    }

    /// P_s, zero where nothing is held.
    pub fn amount(&self, slot: u32) -> u128 {
        self.amounts.get(&slot).copied().unwrap_or(0)
    }

    /// Slots that hold an amount, ascending, with it.
    pub fn amounts(&self) -> impl ExactSizeIterator<Item = (u32, u128)> {
        self.amounts.iter().map(|(slot, amount)| (*slot, *amount))
    }

    /// Slots that hold an amount, ascending.
    pub fn slots(&self) -> Vec<u32> {
        self.amounts.keys().copied().collect()
    }
}
