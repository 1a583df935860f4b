//! What proving and verifying take of memory, told by the allocator.

mod common;

use common::{key, matrices, srs};
use peak_alloc::PeakAlloc;
use talea_circuits::{
    columns::Columns,
    lookup::{self, Lookups, Table, Values, range::Limbs},
    transcript::writer::Writer,
};
use talea_gpu::Cpu;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The most bytes held at once while something runs, beyond those held before.
fn peak(run: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    run();
    ALLOCATOR.peak_usage() - before
}

/// One test, because what other threads allocate would count.
#[test]
fn memory_follows_the_shape() {
    // hostile bytes make the verifier hold no more than honest ones do, wherever they go wrong
    let key = key();
    let proof = matrices(&key, 1).prove(&Cpu, &srs().0, &[7; 32]);
    let honest = peak(|| key.verify(&srs().1, &proof).unwrap());
    assert!(honest < 1 << 20, "{honest} bytes to verify");
    let changed = |at: usize| {
        let mut bad = proof.clone();
        bad[at] ^= 0x55;
        bad
    };
    for bad in (0..proof.len()).step_by(97).map(changed).chain([vec![0xff; 1 << 20], proof.repeat(50), Vec::new()]) {
        let held = peak(|| assert!(key.verify(&srs().1, &bad).is_err()));
        // threads of the last sum hold more or less at once
        assert!(held <= 2 * honest, "{held} bytes, honest {honest}");
    }

    // lookups hold at most 64 bytes each, the table's own places included
    for (vars, bits) in [(15, 64), (15, 48)] {
        let mut all = Columns::default();
        let limbs = Limbs::new(&mut all, "v", vars, bits, 12);
        let multiplicities = all.push("multiplicities", 12);
        let layout = all.stack(vars).unwrap();
        let table = Table { vars: 12, values: Values::Range, multiplicities };
        let entries = limbs.entries(0);
        let lookups_made = (entries.len() << vars) + (1 << 12);
        let lookups = Lookups::new(&layout, entries, vec![table]).unwrap();
        let mut columns = limbs.split(&(0..1u128 << vars).map(|i| i * i * 31).collect::<Vec<_>>());
        columns.extend(lookup::prover::multiplicities(&lookups, |id| &columns[id.index()]).unwrap());
        let held = peak(|| {
            let _ = lookup::prover::prove(&mut Writer::new(&[1; 32], &[]), &Cpu, &lookups, |id| &columns[id.index()]);
        });
        println!("{lookups_made} lookups and places: {:.1} bytes each", held as f64 / lookups_made as f64);
        assert!(held <= 64 * lookups_made, "{held} bytes for {lookups_made} lookups");
    }
}
