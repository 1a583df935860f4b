//! The tutorial end to end: what is so is accepted.

mod common;

use common::{CHUNK, key, matrices, numbers, srs};
use talea_circuits::matrix::{Key, Matrices, Shape, Sizes};
use talea_gpu::Cpu;

/// Large enough that work is split, on one to three threads.
#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let key = Key::new(Shape { tokens: 10, rank: 3, width: 5 }, Sizes { chunk: CHUNK, range: 16 }).unwrap();
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

/// Shapes whose tables and chunks are as small as the work, down to one cell.
#[test]
fn sizes_follow_the_work() {
    for (tokens, rank, width) in [(0, 0, 0), (1, 0, 0), (0, 1, 2), (2, 2, 0), (3, 2, 4), (5, 1, 3)] {
        let shape = Shape { tokens, rank, width };
        let sizes = Sizes::of(shape);
        let cells = 1usize << (tokens + rank);
        assert!(
            1 << sizes.range <= 64 * cells && 1 << sizes.chunk <= 64 * cells * (1 << width),
            "{shape:?}: {sizes:?}"
        );
        let key = Key::new(shape, sizes).unwrap();
        let mut n = numbers(17);
        let x = n.by_ref().take(1 << (tokens + width)).collect();
        let m = Matrices::new(&key, x, n.take(1 << (rank + width)).map(|a| a / 16).collect()).unwrap();
        let proof = m.prove(&Cpu, &srs().0[..(1 << sizes.chunk) + 1], &[7; 32]);
        assert_eq!(key.verify(&srs().1, &proof), Ok(()), "{shape:?}: {sizes:?}");
    }
    // any table will do
    let shape = Shape { tokens: 2, rank: 1, width: 3 };
    for range in 1..=16 {
        let key = Key::new(shape, Sizes { chunk: CHUNK, range }).unwrap();
        let mut n = numbers(range as u64);
        let m = Matrices::new(&key, n.by_ref().take(32).collect(), n.take(16).collect()).unwrap();
        assert_eq!(key.verify(&srs().1, &m.prove(&Cpu, &srs().0, &[7; 32])), Ok(()), "a table of 2^{range}");
    }
}
