//! The payout domain of a registry.

use ark_bn254::{Fr, G1Affine};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use talea_formats::Error;
use talea_srs::Srs;

/// N = 2^σ payout slots; slot s lies at ω^s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain(Radix2EvaluationDomain<Fr>);

/// Largest σ: what roots of unity the field has, and what a registry takes.
pub const MAX_DOMAIN: u32 = 28;

impl Domain {
    /// The domain of 2^σ slots.
    ///
    /// # Errors
    /// σ = 0, whose only opening is infinity, and σ above [`MAX_DOMAIN`].
    pub fn new(log: u32) -> Result<Self, Error> {
        let bad = || Error::input("domain", "log₂ of its slots", log, format!("1 to {MAX_DOMAIN}"));
        if !(1..=MAX_DOMAIN).contains(&log) {
            return Err(bad());
        }
        Radix2EvaluationDomain::new(1 << log).map(Self).ok_or_else(bad)
    }

    /// σ.
    pub fn log(&self) -> u32 {
        self.0.log_size_of_group
    }

    /// N.
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// ω^s.
    pub fn point(&self, slot: u32) -> Fr {
        self.0.element(slot as usize)
    }

    /// Refuses a slot beyond the domain.
    ///
    /// # Errors
    /// The slot, named by `field` of `file`.
    pub fn check_slot(&self, file: &str, field: &str, slot: u32) -> Result<(), Error> {
        if (slot as usize) < self.size() {
            return Ok(());
        }
        Err(Error::input(file, field, slot, format!("below 2^{}", self.log())))
    }

    /// \[τ^i\]₁ for i ≤ N.
    ///
    /// # Errors
    /// An SRS of fewer powers.
    pub(crate) fn powers<'s>(&self, srs: &'s Srs) -> Result<&'s [G1Affine], Error> {
        let expected = || format!("at least 2^{} + 1, for as many payout slots and a salt", self.log());
        srs.powers.get(..=self.size()).ok_or_else(|| Error::input("srs", "powers", srs.powers.len(), expected()))
    }

    /// The transforms over it.
    pub(crate) fn radix(&self) -> &Radix2EvaluationDomain<Fr> {
        &self.0
    }
}
