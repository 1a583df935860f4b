//! Openings by every way, held to pairings and to a division of the polynomial itself.

use crate::common::{Seeded, scattered, srs};
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{Field, One, Zero};
use ark_poly::{DenseUVPolynomial, EvaluationDomain, Radix2EvaluationDomain, univariate::DensePolynomial};
use talea_claims::{
    Domain, Opening, PayoutVector, SlotPoints,
    challenge::open_challenge,
    points::Way,
    verify::{verify_at, verify_many, verify_opening},
};

const WAYS: [Way; 2] = [Way::Sums, Way::Transforms];

fn all_points(domain: Domain) -> SlotPoints {
    SlotPoints::compute_by(Way::Transforms, &srs(domain.log()), domain, &[]).unwrap()
}

/// f, the slow way.
fn polynomial(vector: &PayoutVector) -> DensePolynomial<Fr> {
    let n = vector.domain().size();
    let values: Vec<Fr> = (0..n as u32).map(|slot| Fr::from(vector.amount(slot))).collect();
    let mut f = Radix2EvaluationDomain::<Fr>::new(n).unwrap().ifft(&values);
    f[0] -= vector.rho();
    f.push(vector.rho());
    DensePolynomial::from_coefficients_vec(f)
}

/// [(f − f(x))/(X − x)]₁ by division.
fn divided(log: u32, f: &DensePolynomial<Fr>, x: Fr) -> G1Affine {
    let quotient = f / &DensePolynomial::from_coefficients_vec(vec![-x, Fr::one()]);
    G1Projective::msm_unchecked(&srs(log).powers, &quotient.coeffs).into_affine()
}

/// Vectors of a domain: sparse and dense, with a salt and without, one slot, the edges of what an amount may be.
fn vectors(domain: Domain) -> Vec<PayoutVector> {
    let mut random = Seeded::new(domain.log());
    let n = domain.size();
    let with = |rho: Fr, amounts: Vec<(u32, u128)>| {
        let mut vector = PayoutVector::new(domain, rho);
        amounts.into_iter().for_each(|(slot, amount)| vector.credit(slot, amount).unwrap());
        vector
    };
    let rho = random.scalar();
    let dense = (0..n as u32).map(|slot| (slot, random.amount())).collect();
    let mut some = |count: usize| scattered(&mut random, domain, count);
    let last = n as u32 - 1;
    vec![
        with(rho, some(n / 4)),
        with(Fr::zero(), some(n.min(9))),
        with(rho, dense),
        with(rho, vec![(last, 1)]),
        with(Fr::zero(), vec![(0, u128::MAX), (last, u128::MAX - 1)]),
        with(rho, vec![(last / 2, u128::MAX)]),
        with(rho, vec![]),
    ]
}

#[test]
fn every_opening_verifies_and_is_the_quotient() {
    for log in [1, 2, 4, 5, 7, 10] {
        let domain = Domain::new(log).unwrap();
        let (srs, points) = (srs(log), all_points(domain));
        for vector in vectors(domain) {
            let f = polynomial(&vector);
            let commitment = points.commit(&vector).unwrap();
            assert_eq!(commitment, G1Projective::msm_unchecked(&srs.powers, &f.coeffs).into_affine());
            let openings = points.open_all(&vector).unwrap();
            let held: Vec<(u32, u128)> = openings.iter().map(|o| (o.slot, o.amount)).collect();
            assert_eq!(held, vector.amounts().collect::<Vec<_>>());
            for way in WAYS {
                assert_eq!(points.open_by(way, &vector, &vector.slots()).unwrap(), openings, "{way:?}");
            }
            // pairings and divisions are slow: all of small domains, a part of large ones
            let step = (openings.len() / 16).max(1);
            for opening in openings.iter().step_by(step) {
                assert!(verify_opening(&srs.tau, domain, &commitment, opening), "{opening:?}");
                assert_eq!(opening.proof, divided(log, &f, domain.point(opening.slot)));
            }
            let gamma = Seeded::new(log + 100).scalar();
            assert!(verify_many(&srs.tau, domain, &commitment, &openings, &gamma));
        }
    }
}

#[test]
fn slots_that_hold_nothing_open_to_zero() {
    let domain = Domain::new(5).unwrap();
    let (srs, points) = (srs(5), all_points(domain));
    let vector = &vectors(domain)[0];
    let commitment = points.commit(vector).unwrap();
    let asked: Vec<u32> = (0..32).rev().collect();
    for way in WAYS {
        let openings = points.open_by(way, vector, &asked).unwrap();
        assert_eq!(openings.iter().map(|o| o.slot).collect::<Vec<_>>(), asked);
        assert!(openings.iter().all(|o| o.amount == vector.amount(o.slot)));
        assert!(openings.iter().all(|o| verify_opening(&srs.tau, domain, &commitment, o)));
    }
}

#[test]
fn points_are_the_same_by_sums_by_transforms_and_from_a_basis() {
    for log in [1, 3, 6] {
        let domain = Domain::new(log).unwrap();
        let all: Vec<u32> = (0..domain.size() as u32).collect();
        let mut with_basis = srs(log);
        let plain = SlotPoints::compute_by(Way::Sums, &with_basis, domain, &all).unwrap();
        assert_eq!(SlotPoints::compute_by(Way::Transforms, &with_basis, domain, &[]).unwrap(), plain);
        with_basis.lagrange = talea_srs::Srs::dev(log, &[log], crate::common::SEED).unwrap().lagrange;
        let (_, basis) = &with_basis.lagrange[0];
        assert!(all.iter().zip(basis).all(|(slot, point)| plain.get(*slot).unwrap().lagrange == *point));
        for way in WAYS {
            assert_eq!(SlotPoints::compute_by(way, &with_basis, domain, &all).unwrap(), plain, "{way:?}");
        }
    }
}

/// All slots alike and no salt: f is constant, and infinity is what opens it. A contract takes none.
#[test]
fn a_constant_vector_has_no_opening_that_a_contract_takes() {
    let domain = Domain::new(3).unwrap();
    let points = all_points(domain);
    let constant = |rho: u64| {
        let mut vector = PayoutVector::new(domain, Fr::from(rho));
        (0..8).for_each(|slot| vector.credit(slot, 5).unwrap());
        (points.commit(&vector).unwrap(), WAYS.map(|way| points.open_by(way, &vector, &[2]).unwrap()[0]))
    };
    let (commitment, openings) = constant(0);
    assert!(openings.iter().all(|o| o.proof.is_zero() && !verify_opening(&srs(3).tau, domain, &commitment, o)));
    let (commitment, openings) = constant(1);
    assert!(openings.iter().all(|o| verify_opening(&srs(3).tau, domain, &commitment, o)));
}

/// Two points of a slot give every L_i/(X − ω^j), and the diagonals are what makes them sum to zero.
#[test]
fn diagonals_complete_the_sum_of_all_quotients_of_one() {
    let domain = Domain::new(4).unwrap();
    let points = all_points(domain);
    for j in 0..16u32 {
        let own = points.get(j).unwrap();
        let others: G1Projective = (0..16u32)
            .filter(|i| *i != j)
            .map(|i| {
                let (at_i, at_j) = (domain.point(i), domain.point(j));
                let top = points.get(i).unwrap().lagrange.into_group() - own.lagrange * (at_i / at_j);
                top * (at_i - at_j).inverse().unwrap()
            })
            .sum();
        assert_eq!((others + own.diagonal).into_affine(), G1Affine::zero());
    }
}

#[test]
fn sums_of_vectors_open_under_sums_of_commitments() {
    let domain = Domain::new(6).unwrap();
    let (srs, points) = (srs(6), all_points(domain));
    let all = vectors(domain);
    let mut sum = PayoutVector::new(domain, Fr::zero());
    let mut commitment = G1Projective::zero();
    // not those at the edge of what an amount may be
    for vector in all.iter().take(4) {
        sum.add(vector).unwrap();
        commitment += points.commit(vector).unwrap();
    }
    assert_eq!(points.commit(&sum).unwrap(), commitment.into_affine());
    let openings = points.open_all(&sum).unwrap();
    assert_eq!(openings.len(), 64);
    assert!(openings.iter().all(|o| verify_opening(&srs.tau, domain, &commitment.into_affine(), o)));
}

#[test]
fn whatever_is_changed_is_refused() {
    let domain = Domain::new(6).unwrap();
    let (srs, points) = (srs(6), all_points(domain));
    let vector = &vectors(domain)[0];
    let commitment = points.commit(vector).unwrap();
    let openings = points.open_all(vector).unwrap();
    let (first, second) = (openings[0], openings[1]);
    let gamma = Fr::from(77u64);
    let moved = |p: &G1Affine| (*p + G1Affine::generator()).into_affine();
    let changed = [
        Opening { slot: first.slot ^ 1, ..first },
        Opening { slot: first.slot + 64, ..first },
        Opening { amount: first.amount + 1, ..first },
        Opening { amount: 0, ..first },
        Opening { proof: second.proof, ..first },
        Opening { proof: moved(&first.proof), ..first },
        Opening { proof: -first.proof, ..first },
        Opening { proof: G1Affine::zero(), ..first },
    ];
    for wrong in changed {
        assert!(!verify_opening(&srs.tau, domain, &commitment, &wrong), "{wrong:?}");
        for mut many in [vec![wrong], vec![wrong, openings[5]]] {
            many.sort_by_key(|o| o.slot);
            assert!(!verify_many(&srs.tau, domain, &commitment, &many, &gamma), "{wrong:?}");
        }
    }
    assert!(!verify_opening(&srs.tau, domain, &moved(&commitment), &first));
    assert!(!verify_many(&srs.tau, domain, &moved(&commitment), &openings, &gamma));
    assert!(!verify_many(&srs.tau, domain, &commitment, &[first, first], &gamma), "a slot twice");
    assert!(!verify_many(&srs.tau, domain, &commitment, &[second, first], &gamma), "out of order");
    // two errors that cancel without weights do not with them
    let shift = |o: Opening, by: i128| Opening { amount: o.amount.wrapping_add_signed(by), ..o };
    assert!(!verify_many(&srs.tau, domain, &commitment, &[shift(first, 1), shift(second, -1)], &gamma));
    assert!(verify_many(&srs.tau, domain, &commitment, &[first, second], &gamma));
    let other = talea_srs::Srs::dev(6, &[], "another").unwrap();
    assert!(!verify_opening(&other.tau, domain, &commitment, &first));
}

#[test]
fn the_opening_at_a_challenge_has_the_contracts_value() {
    for log in [1, 4, 8] {
        let domain = Domain::new(log).unwrap();
        let (srs, points) = (srs(log), all_points(domain));
        let n = Fr::from(domain.size() as u64);
        for (i, vector) in vectors(domain).iter().enumerate() {
            let zeta = Seeded::new(1000 + i as u32).scalar();
            let (value, proof) = open_challenge(&srs, vector, &zeta).unwrap();
            // as docs/protocol/settlement.md §4 has it
            let term =
                |(slot, amount): (u32, u128)| Fr::from(amount) * domain.point(slot) / (zeta - domain.point(slot));
            let sum: Fr = vector.amounts().map(term).sum();
            let y = (zeta.pow([domain.size() as u64]) - Fr::one()) * (vector.rho() + sum / n);
            assert_eq!(value, y);
            assert_eq!(proof, divided(log, &polynomial(vector), zeta));
            let commitment = points.commit(vector).unwrap();
            assert!(verify_at(&srs.tau, &commitment, &zeta, &value, &proof));
            assert!(!verify_at(&srs.tau, &commitment, &zeta, &(value + Fr::one()), &proof));
            // a constant's opening is infinity at every point
            assert_eq!(verify_at(&srs.tau, &commitment, &(zeta + Fr::one()), &value, &proof), proof.is_zero());
        }
    }
    // at a slot it is the slot's opening
    let domain = Domain::new(4).unwrap();
    let vector = &vectors(domain)[0];
    let opening = all_points(domain).open_all(vector).unwrap()[0];
    let at = open_challenge(&srs(4), vector, &domain.point(opening.slot)).unwrap();
    assert_eq!(at, (Fr::from(opening.amount), opening.proof));
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let domain = Domain::new(7).unwrap();
    let srs = srs(7);
    let vector = &vectors(domain)[0];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let of = |way| {
                let points = SlotPoints::compute_by(way, &srs, domain, &vector.slots()).unwrap();
                (points.commit(vector).unwrap(), points.open_by(way, vector, &vector.slots()).unwrap())
            };
            (WAYS.map(of), open_challenge(&srs, vector, &Fr::from(5u64)).unwrap())
        })
    };
    let one = run(1);
    assert_eq!(one.0[0], one.0[1]);
    assert_eq!(run(2), one);
    assert_eq!(run(7), one);
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let domain = Domain::new(4).unwrap();
    let says = |found: Result<(), talea_formats::Error>, wanted: &str| {
        let said = found.unwrap_err().to_string();
        assert_eq!(said, wanted);
    };
    says(Domain::new(0).map(|_| ()), "domain: log₂ of its slots: found 0, expected 1 to 28");
    says(Domain::new(29).map(|_| ()), "domain: log₂ of its slots: found 29, expected 1 to 28");
    let small = "srs: powers: found 9, expected at least 2^4 + 1, for as many payout slots and a salt";
    says(SlotPoints::compute(&srs(3), domain, &[1]).map(|_| ()), small);
    let vector = vectors(domain).swap_remove(0);
    says(open_challenge(&srs(3), &vector, &Fr::one()).map(|_| ()), small);
    says(SlotPoints::compute(&srs(4), domain, &[16]).map(|_| ()), "payouts: slot: found 16, expected below 2^4");
    let few = SlotPoints::compute_by(Way::Sums, &srs(4), domain, &[3, 1, 3]).unwrap();
    assert_eq!(few.slots(), [1, 3]);
    let mut vector = PayoutVector::new(domain, Fr::one());
    vector.credit(2, 9).unwrap();
    let missing = "payouts: slot: found 2, expected one whose points were computed";
    says(few.commit(&vector).map(|_| ()), missing);
    says(few.open(&vector, &[1]).map(|_| ()), missing);
    says(few.open(&PayoutVector::new(domain, Fr::one()), &[2]).map(|_| ()), missing);
    let other = PayoutVector::new(Domain::new(5).unwrap(), Fr::one());
    says(few.commit(&other).map(|_| ()), "payouts: domain: found 2^5 slots, expected 2^4");
    // powers of another τ than the SRS says
    let mut mixed = srs(4);
    mixed.tau = talea_srs::Srs::dev(4, &[], "another").unwrap().tau;
    says(
        SlotPoints::compute(&mixed, domain, &[3]).map(|_| ()),
        "srs: points: found points that are not those of their slots, expected L_s(τ) and d_s(τ) of the SRS",
    );
}
