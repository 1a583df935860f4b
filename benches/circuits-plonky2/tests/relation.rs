//! Honest cells are accepted and lies refused, with either kind of range check.

use bench_relation::{
    peer::{Peer, Statement, Task, lies_are_refused, proofs_are_bound},
    witness::{Shape, Witness},
};
use circuits_plonky2::{Plonky2, Ranges};

const SMALL: Shape = Shape { d_in: 16, rank: 2, d_out: 16 };

/// The peer with look-ups where it would have taken bits, or the other way round.
struct Forced<const TABLE: bool>(Plonky2);

impl<const TABLE: bool> Peer for Forced<TABLE> {
    const NAME: &'static str = Plonky2::NAME;
    const VERSION: &'static str = Plonky2::VERSION;
    const SECURITY_BITS: u32 = Plonky2::SECURITY_BITS;

    fn setup(task: Task) -> anyhow::Result<Self> {
        Plonky2::with_ranges(task, if TABLE { Ranges::BYTES } else { Ranges::Bits }).map(Self)
    }
    fn prove(&self, witness: &Witness) -> anyhow::Result<Vec<u8>> {
        self.0.prove(witness)
    }
    fn statement(&self, proof: &[u8]) -> anyhow::Result<Statement> {
        self.0.statement(proof)
    }
    fn verify(&self, statement: &Statement, proof: &[u8]) -> anyhow::Result<()> {
        self.0.verify(statement, proof)
    }
    fn notes(&self) -> String {
        self.0.notes()
    }
}

#[test]
fn lies_are_refused_by_bits() {
    lies_are_refused::<Forced<false>>(SMALL, 3, false, &mut |line| println!("{line}")).unwrap();
}

#[test]
fn lies_are_refused_by_tables() {
    lies_are_refused::<Forced<true>>(SMALL, 3, false, &mut |line| println!("{line}")).unwrap();
}

#[test]
fn proofs_are_of_their_statement() {
    proofs_are_bound::<Plonky2>(SMALL, 3, false, &mut |line| println!("{line}")).unwrap();
    proofs_are_bound::<Plonky2>(SMALL, 2, true, &mut |line| println!("{line}")).unwrap();
}

/// Widths that are no powers of two, one row, values near all bounds; digests are those of the integers.
#[test]
fn shapes_and_extremes_are_accepted() {
    for (shape, rows) in [((24, 3, 10), 1), ((512, 1, 4), 2), ((5, 1, 1), 47), ((16, 2, 16), 130)] {
        let shape = Shape { d_in: shape.0, rank: shape.1, d_out: shape.2 };
        for ranges in [Ranges::Bits, Ranges::BYTES] {
            let peer = Plonky2::with_ranges(Task::new(shape, rows), ranges).unwrap();
            for witness in [Witness::drawn(shape, rows, 9), Witness::extreme(shape, rows)] {
                let proof = peer.prove(&witness).unwrap();
                let statement = peer.expected(&witness).unwrap();
                assert_eq!(peer.statement(&proof).unwrap(), statement);
                peer.verify(&statement, &proof).unwrap();
            }
        }
    }
}
