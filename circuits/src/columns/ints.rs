//! Committing to the columns of a layout.

#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use std::sync::Arc;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use talea_gpu::{Cpu, Device, Ints, evaluate};

use super::{Layout, Placed};

/// Columns and salts of a layout.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Values, in the layout's order. A device may hold them, too.
    pub columns: Arc<Vec<Ints>>,
    /// One salt per chunk.
    pub salts: Vec<Fr>,
}

impl Witness {
    /// Salts by BLAKE3 from a seed of 32 secret bytes: the same seed, the same proof.
    ///
    /// # Panics
    /// If the columns' sizes are not the layout's.
    pub fn new(layout: &Layout, columns: Vec<Ints>, seed: &[u8; 32]) -> Self {
        assert_eq!(columns.len(), layout.columns().len(), "one column per place");
        for (c, place) in columns.iter().zip(layout.columns()) {
            assert_eq!(c.len(), 1 << place.vars, "{}", place.name);
        }
        let mut stream = blake3::Hasher::new_derive_key("talea 1 chunk salts").update(seed).finalize_xof();
        let salts = (0..layout.chunks()).map(|_| {
            let mut wide = [0; 64];
            stream.fill(&mut wide);
            ark_ff::PrimeField::from_le_bytes_mod_order(&wide)
        });
        Self { salts: salts.collect(), columns: Arc::new(columns) }
    }

    /// The chunks' commitments. `powers` are [τ^i]₁ for i ≤ 2^N.
    pub fn commit(&self, device: &impl Device, layout: &Layout, powers: &[G1Affine]) -> Vec<G1Affine> {
        self.commit_from(0, device, layout, powers)
    }

    /// The commitments of the chunks from number `first` on.
    pub fn commit_from(
        &self, first: usize, device: &impl Device, layout: &Layout, powers: &[G1Affine],
    ) -> Vec<G1Affine> {
        let salted = self.salts.iter().zip(layout.chunk_sizes()).skip(first);
        let mut chunks: Vec<_> = salted.map(|(s, vars)| powers[1 << vars] * s).collect();
        let own = || self.columns.iter().zip(layout.columns()).filter(|(_, p)| p.chunk >= first);
        let columns: Vec<(usize, &Ints)> = own().map(|(c, place)| (place.offset, c)).collect();
        let sums = device.commit(powers, &columns);
        sums.into_iter().zip(own()).for_each(|(sum, (_, place))| chunks[place.chunk - first] += sum);
        chunks.into_iter().map(|c| c.into_affine()).collect()
    }

    /// The chunks' values at a point, by the host.
    pub fn at(&self, layout: &Layout, point: &[Fr]) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; layout.chunks()];
        // eq of a place of 2^vars values among those of the point
        let place = |vars: usize, at: usize| -> Fr {
            let bit = |(i, x): (usize, &Fr)| if at >> i & 1 == 1 { *x } else { Fr::ONE - x };
            point[vars..].iter().enumerate().map(bit).product()
        };
        let of = |(c, p): (&Ints, &Placed)| {
            (p.chunk, place(p.vars, p.offset >> p.vars) * evaluate(&Cpu, c, &point[..p.vars]))
        };
        let own = Cpu.map(self.columns.iter().zip(layout.columns()).collect(), of);
        own.into_iter().for_each(|(chunk, value)| values[chunk] += value);
        for ((value, salt), vars) in values.iter_mut().zip(&self.salts).zip(layout.chunk_sizes()) {
            if *vars < point.len() {
                *value += place(0, 1 << vars) * salt;
            }
        }
        values
    }

    /// The highest coefficient of Σ factor·chunk: salts of chunks of the largest size.
    pub fn salt(&self, layout: &Layout, factors: &[Fr]) -> Fr {
        let all = self.salts.iter().zip(factors).zip(layout.chunk_sizes());
        all.filter(|(_, vars)| **vars == layout.chunk_vars()).map(|((salt, factor), _)| *salt * factor).sum()
    }

    /// The coefficients of Σ factor·chunk, salts included: 2^N + 1 of them.
    pub fn combine<D: Device>(&self, device: &D, layout: &Layout, factors: &[Fr]) -> D::Vector {
        let mut all = device.zeros((1 << layout.chunk_vars()) + 1);
        for (c, place) in self.columns.iter().zip(layout.columns()) {
            device.add_ints(&mut all, place.offset, &factors[place.chunk], c);
        }
        for ((salt, factor), vars) in self.salts.iter().zip(factors).zip(layout.chunk_sizes()) {
            device.add(&mut all, 1 << vars, factor, &device.vector(vec![*salt]));
        }
        all
    }
}
