//! Honest cells are accepted and lies refused; and constraints, not the prover's own checks, refuse them.

use bench_relation::{
    lies::{Check, LIES},
    peer::{Peer, Task, lies_are_refused, proofs_are_bound},
    witness::{Shape, Witness},
};
use circuits_halo2::{Halo2, circuit::Adapter, columns::First, plan::Plan};
use halo2_base::halo2_proofs::dev::{MockProver, VerifyFailure};
use rand::{SeedableRng, rngs::StdRng};

const SMALL: Shape = Shape { d_in: 16, rank: 2, d_out: 16 };

#[test]
fn lies_are_refused_by_their_checks() {
    lies_are_refused::<Halo2>(SMALL, 3, false, &mut |line| println!("{line}")).unwrap();
}

#[test]
fn proofs_are_of_their_statement() {
    proofs_are_bound::<Halo2>(SMALL, 3, false, &mut |line| println!("{line}")).unwrap();
}

fn mock(plan: Plan, witness: &Witness) -> Result<(), Vec<VerifyFailure>> {
    let first = First::new(&plan, witness);
    MockProver::run(plan.k, &Adapter { plan, first: Some(&first) }, vec![]).unwrap().verify()
}

/// With equal blinding, parts of the statement differ exactly where the matrices do: each commits to what its name says.
#[test]
fn statements_commit_to_what_they_name() {
    let peer = Halo2::setup(Task::new(SMALL, 3)).unwrap();
    let honest = Witness::drawn(SMALL, 3, 1);
    let stated = |change: fn(&mut Witness)| {
        let mut witness = honest.clone();
        change(&mut witness);
        let proof = peer.prove_with(&witness, StdRng::seed_from_u64(5)).unwrap();
        peer.statement(&proof).unwrap()
    };
    let ours = stated(|_| ());
    type Change = (fn(&mut Witness), &'static [&'static str]);
    let changes: [Change; 5] = [
        (|w| w.x[40] += 1, &["X"]),
        (|w| w.a[30] += 1, &["A and B"]),
        (|w| w.b[30] += 1, &["A and B"]),
        (|w| w.d[40] = w.d[40].times(2), &["D"]),
        (|w| w.rem[5] ^= 1, &[]),
    ];
    for (change, expected) in changes {
        let theirs = stated(change);
        let differ: Vec<&str> = ours.iter().zip(&theirs).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
        assert_eq!(differ, expected);
    }
}

/// Gates hold for lies, too, as sums are added up honestly: what fails is a look-up, or the copy that equates both sides.
#[test]
fn lies_fail_at_look_ups_and_copies() {
    let plan = Plan::new(Task::new(SMALL, 3)).unwrap();
    let honest = Witness::drawn(SMALL, 3, 1);
    assert_eq!(mock(plan, &honest), Ok(()));
    for lie in LIES {
        let mut witness = honest.clone();
        (lie.tell)(&mut witness);
        for failure in mock(plan, &witness).expect_err(lie.name) {
            let expected = match failure {
                VerifyFailure::Lookup { .. } => lie.seen_by == [Check::Ranges],
                VerifyFailure::Permutation { .. } => lie.seen_by != [Check::Ranges],
                _ => false,
            };
            assert!(expected, "{}: {failure}", lie.name);
        }
    }
}

/// Layouts of every width of table, several lanes and chains, widths that are no powers of two, values near all bounds.
#[test]
fn layouts_and_extremes_are_accepted() {
    for (shape, rows) in [((24, 3, 10), 1), ((512, 1, 4), 2), ((5, 1, 1), 47), ((16, 2, 16), 130), ((64, 16, 64), 7)] {
        let shape = Shape { d_in: shape.0, rank: shape.1, d_out: shape.2 };
        for k in 8..13 {
            let Some(plan) = Plan::with_rows(Task::new(shape, rows), k) else { continue };
            for witness in [Witness::drawn(shape, rows, 9), Witness::extreme(shape, rows)] {
                assert_eq!(mock(plan, &witness), Ok(()), "{plan:?}");
            }
        }
    }
}
