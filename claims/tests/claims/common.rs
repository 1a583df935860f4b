//! Seeded vectors, and a reference string whose τ everybody knows.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use talea_claims::Domain;
use talea_srs::Srs;

/// Of the reference strings below.
pub const SEED: &str = "claims";

/// 2^k + 1 powers, no basis.
pub fn srs(k: u32) -> Srs {
    Srs::dev(k, &[], SEED).unwrap()
}

/// Numbers from a seed.
pub struct Seeded(blake3::OutputReader);

impl Seeded {
    pub fn new(seed: u32) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    pub fn scalar(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.bytes::<64>())
    }

    /// Below 2^100, never zero: so that several add up.
    pub fn amount(&mut self) -> u128 {
        (u128::from_le_bytes(self.bytes()) >> 28) | 1
    }

    pub fn slot(&mut self, domain: Domain) -> u32 {
        u32::from_le_bytes(self.bytes()) % domain.size() as u32
    }
}

/// Amounts in at most `count` random slots.
pub fn scattered(random: &mut Seeded, domain: Domain, count: usize) -> Vec<(u32, u128)> {
    (0..count).map(|_| (random.slot(domain), random.amount())).collect()
}
