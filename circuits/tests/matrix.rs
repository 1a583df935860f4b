//! The tutorial end to end: what is so is accepted.

mod common;

use common::{key, matrices, srs};
use talea_gpu::Cpu;

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
