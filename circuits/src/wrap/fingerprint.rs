//! What a circuit is, as a digest: keys kept on disk are those of one circuit and no other.
//!
//! Two circuits with the same gates, the same copies and constants, the same range checks and the same rows and columns have the
//! same keys under one reference string and the same libraries; so all of these are hashed, after laying the circuit with any witness.

use halo2_base::{
    ContextCell,
    gates::circuit::builder::BaseCircuitBuilder,
    halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField},
};

use super::keys::Sizes;
use crate::relations::Key;

/// What places cells in columns and makes keys of them; a test holds this to Cargo.lock.
pub const LIBRARIES: &str = "halo2-axiom 0.5.3, halo2-base 0.5.5, halo2-ecc 0.5.5, snark-verifier 0.2.7";

const UNPOISONED: &str = "no thread has panicked with the builder's lists";

/// The digest of a circuit that has been laid for key generation, under the reference string of its batch's key.
pub fn fingerprint(key: &Key, sizes: &Sizes, builder: &mut BaseCircuitBuilder<Fr>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("talea 1 circuit of a wrap");
    hasher.update(LIBRARIES.as_bytes());
    hasher.update(key.digest());
    hasher.update(sizes.plan.name().as_bytes());
    let p = &sizes.params;
    let columns = [&p.num_advice_per_phase, &p.num_lookup_advice_per_phase].map(|c| c.iter().sum::<usize>());
    let rows = [p.k, p.num_fixed, p.lookup_bits.unwrap_or(0), p.num_instance_columns];
    columns.iter().chain(&rows).for_each(|n| number(&mut hasher, *n));
    let instances: Vec<Option<ContextCell>> = builder.assigned_instances.iter().flatten().map(|a| a.cell).collect();
    for manager in builder.range_chip().lookup_manager() {
        let lookups = manager.cells_to_lookup.lock().expect(UNPOISONED);
        let cells: Vec<ContextCell> = lookups.values().flatten().flatten().filter_map(|a| a.cell).collect();
        number(&mut hasher, cells.len());
        cells.iter().flat_map(place).for_each(|n| number(&mut hasher, n));
    }
    let pool = builder.pool(0);
    for ctx in &pool.threads {
        number(&mut hasher, ctx.selector.len());
        let mut packed = vec![0u8; ctx.selector.len().div_ceil(8)];
        ctx.selector.iter().enumerate().for_each(|(i, on)| packed[i / 8] |= u8::from(*on) << (i % 8));
        hasher.update(&packed);
    }
    let copies = pool.copy_manager.lock().expect(UNPOISONED);
    // threads lay their copies in any order
    let mut equal: Vec<[usize; 4]> = copies.advice_equalities.iter().map(|(a, b)| both(a, b)).collect();
    equal.sort_unstable();
    number(&mut hasher, equal.len());
    equal.iter().flatten().for_each(|n| number(&mut hasher, *n));
    let mut constants: Vec<([usize; 2], [u8; 32])> =
        copies.constant_equalities.iter().map(|(c, cell)| (place(cell), c.to_repr())).collect();
    constants.sort_unstable();
    number(&mut hasher, constants.len());
    for (cell, constant) in &constants {
        cell.iter().for_each(|n| number(&mut hasher, *n));
        hasher.update(constant);
    }
    instances.iter().flatten().flat_map(place).for_each(|n| number(&mut hasher, n));
    *hasher.finalize().as_bytes()
}

fn place(cell: &ContextCell) -> [usize; 2] {
    [cell.context_id, cell.offset]
}

fn both(a: &ContextCell, b: &ContextCell) -> [usize; 4] {
    let ([a, i], [b, j]) = (place(a), place(b));
    [a, i, b, j]
}

fn number(hasher: &mut blake3::Hasher, n: usize) {
    hasher.update(&(n as u64).to_le_bytes());
}
