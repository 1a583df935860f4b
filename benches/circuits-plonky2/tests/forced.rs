//! A prover that does not mind contradictions.
//!
//! The library's own prover stops when it cannot fill a wire, or fills one twice. That is a refusal by code that a liar need not
//! run. This one goes on with whatever it has, as a liar would, and must fail at the constraints themselves: the quotient by
//! the vanishing polynomial is then no polynomial, or not the one of the openings.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;
use bench_relation::{
    lies::LIES,
    peer::{Peer, Task, said},
    witness::{Shape, Witness},
};
use circuits_plonky2::{C, D, F, Plonky2, Ranges};
use plonky2::{
    iop::{
        generator::GeneratedValues,
        witness::{PartitionWitness, WitnessWrite},
    },
    plonk::prover::prove_with_partition_witness,
    util::timing::TimingTree,
};

const SMALL: Shape = Shape { d_in: 16, rank: 2, d_out: 16 };

/// All wires that can be filled, the first value of each, and how many contradictions there were.
fn filled<'a>(peer: &'a Plonky2, witness: &Witness) -> Result<(PartitionWitness<'a, F>, usize)> {
    let (own, common) = (&peer.data.prover_only, &peer.data.common);
    let mut wires = PartitionWitness::new(common.config.num_wires, common.degree(), &own.representative_map);
    for (target, value) in peer.inputs(witness)?.target_values {
        wires.set_target(target, value)?;
    }
    let (mut left, mut contradictions) = (own.generators.iter().collect::<Vec<_>>(), 0);
    loop {
        let before = left.len();
        left.retain(|generator| {
            let mut values = GeneratedValues::empty();
            let done = generator.0.run(&wires, &mut values);
            for (target, value) in values.target_values {
                contradictions += usize::from(wires.set_target(target, value).is_err());
            }
            !done
        });
        if left.len() == before {
            return Ok((wires, contradictions + left.len()));
        }
    }
}

fn forced(peer: &Plonky2, witness: &Witness) -> Result<()> {
    let (own, common) = (&peer.data.prover_only, &peer.data.common);
    let (wires, _) = filled(peer, witness)?;
    let proof = prove_with_partition_witness::<F, C, D>(own, common, wires, &mut TimingTree::default())?;
    peer.data.verify(proof)
}

#[test]
fn lies_fail_at_the_constraints() {
    let peer = Plonky2::with_ranges(Task::new(SMALL, 3), Ranges::Bits).unwrap();
    let honest = Witness::drawn(SMALL, 3, 1);
    forced(&peer, &honest).expect("without contradictions it is the library's prover");
    for lie in LIES {
        let mut witness = honest.clone();
        (lie.tell)(&mut witness);
        let (_, contradictions) = filled(&peer, &witness).unwrap();
        assert!(contradictions > 0, "{}", lie.name);
        let outcome = catch_unwind(AssertUnwindSafe(|| forced(&peer, &witness)));
        let why = match outcome {
            Ok(verdict) => verdict.expect_err(lie.name).to_string(),
            Err(panic) => said(&*panic),
        };
        let quotient = why.starts_with("Quotient has failed") || why.contains("vanishing_polys_zeta");
        assert!(quotient, "{}: {why}", lie.name);
    }
}

/// A table's multiplicities cannot be counted for a value that it does not have.
#[test]
fn values_outside_a_table_cannot_be_counted() {
    let peer = Plonky2::with_ranges(Task::new(SMALL, 3), Ranges::BYTES).unwrap();
    let mut witness = Witness::drawn(SMALL, 3, 1);
    forced(&peer, &witness).expect("an honest one");
    witness.rem[0] += 1 << 16;
    witness.u[0] = witness.u[0].plus((-1).into());
    witness.expand();
    assert!(catch_unwind(AssertUnwindSafe(|| forced(&peer, &witness))).is_err());
    assert!(peer.prove(&witness).is_err());
}
