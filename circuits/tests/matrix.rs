//! The tutorial end to end: what is so is accepted.

mod common;

use common::{CHUNK, key, matrices, numbers, srs};
use talea_circuits::matrix::{Key, Matrices, Shape};
use talea_gpu::Cpu;

/// Large enough that work is split, on one to three threads.
#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let key = Key::new(Shape { tokens: 10, rank: 3, width: 5 }, CHUNK).unwrap();
    let mut n = numbers(3);
    let (x, a) = (n.by_ref().take(1 << 15).collect(), n.take(1 << 8).collect());
    let m = Matrices::new(&key, x, a).unwrap();
    let proofs = [1, 2, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| m.prove(&Cpu, &srs().0, &[7; 32]))
    });
    key.verify(&srs().1, &proofs[0]).unwrap();
    assert!(proofs.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn honest_proofs_are_accepted_and_deterministic() {
    let (key, (powers, pairing)) = (key(), srs());
    for seed in 0..3 {
        let m = matrices(&key, seed);
        let proof = m.prove(&Cpu, powers, &[7; 32]);
        key.verify(pairing, &proof).unwrap();
        assert_eq!(proof, m.prove(&Cpu, powers, &[7; 32]));
        assert_ne!(proof, m.prove(&Cpu, powers, &[8; 32]), "other salts");
    }
}
