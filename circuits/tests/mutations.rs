//! Every field of a proof, changed: refused, and by the check that it concerns.

mod common;

use std::{cell::RefCell, collections::BTreeSet};

use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField};
use common::{
    key, matrices,
    recorder::{Field, Recorder},
    srs,
};
use talea_circuits::{
    Check, ProofError, Rejection,
    arithmetic::Native,
    matrix::Key,
    transcript::{Transcript, bytes::Bytes},
};
use talea_gpu::Cpu;

fn fields(key: &Key, proof: &[u8]) -> Vec<Field> {
    let log = RefCell::new(Vec::new());
    key.reduce(Transcript::new(&Native, Recorder::new(proof, &log), key.digest(), &[]))
        .unwrap()
        .check(&srs().1)
        .unwrap();
    log.into_inner()
}

/// The check at which a change of this field must show; every field that is read must be listed here.
fn concerns(name: &str, rejection: Rejection) -> bool {
    let Rejection::Check(check) = rejection else { return false };
    match name {
        // commitments move every challenge, and the first equation after them is the relation's
        "chunk" | "product value" | "product round" | "product column" => check == Check::Relation("matrix product"),
        "lookup round" => matches!(check, Check::LookupLayer(_)),
        "lookup children" => matches!(check, Check::LookupRoot | Check::LookupLayer(_)),
        "lookup column" => matches!(check, Check::LookupNumerators | Check::LookupDenominators),
        "opening round" | "chunk value" => check == Check::OpeningBatch,
        "opening h" | "opening g" | "opening q" | "opening s" | "opening d" | "opening value" | "opening at z"
        | "opening at 1/z" | "opening at alpha" | "opening right side" => check == Check::Pairing,
        other => panic!("the field {other} has no line here"),
    }
}

#[test]
fn every_field_is_refused_by_its_own_check() {
    let (key, (powers, pairing)) = (key(), srs());
    let proof = matrices(&key, 1).prove(&Cpu, powers, &[7; 32]);
    let all = fields(&key, &proof);
    assert_eq!(all.iter().map(|f| if f.point { 64 } else { 32 }).sum::<usize>(), proof.len(), "all bytes are fields");
    let mut seen = BTreeSet::new();
    let mut wrong = 0;
    for f in &all {
        seen.insert(f.name);
        let said = key.verify(pairing, &f.changed(&proof)).expect_err(f.name);
        assert!(concerns(f.name, said), "{f:?}: {said}");
        wrong += 1;
    }
    println!("{wrong} fields of {} kinds, {} bytes", seen.len(), proof.len());
    assert_eq!(seen.len(), 19, "{seen:?}");
}

#[test]
fn bytes_that_are_no_proof_are_refused_by_name() {
    let (key, (powers, pairing)) = (key(), srs());
    let proof = matrices(&key, 1).prove(&Cpu, powers, &[7; 32]);
    let all = fields(&key, &proof);
    let first = |point: bool| *all.iter().find(|f| f.point == point).unwrap();
    let put = |at: usize, bytes: &[u8]| {
        let mut bad = proof.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        key.verify(pairing, &bad).unwrap_err()
    };
    let (p, s) = (first(true), first(false));
    let no_point = Rejection::Proof(ProofError::Point { field: p.name });
    let modulus = |n: &[u64]| -> Vec<u8> { n.iter().flat_map(|l| l.to_le_bytes()).collect() };
    // x + p is the same number and another string; so is r for zero
    let honest = Bytes::new(&proof).point("p").unwrap();
    let mut shifted = honest.x().unwrap().into_bigint();
    assert!(!shifted.add_with_carry(&ark_bn254::Fq::MODULUS), "fits 256 bits");
    assert_eq!(put(p.at, &modulus(&shifted.0)), no_point);
    assert_eq!(put(p.at, &modulus(&ark_bn254::Fq::MODULUS.0)), no_point);
    assert_eq!(put(p.at, &[0; 64]), no_point, "infinity");
    assert_eq!(put(p.at, &[1; 32]), no_point, "off the curve");
    assert_eq!(put(p.at, &[255; 64]), no_point);
    assert_eq!(put(s.at, &modulus(&Fr::MODULUS.0)), Rejection::Proof(ProofError::Scalar { field: s.name }));
    let longer = [&proof[..], &[0]].concat();
    assert_eq!(key.verify(pairing, &longer), Err(Rejection::Proof(ProofError::Trailing { bytes: 1 })));
    for cut in [0, 1, 31, 63, 64, s.at, s.at + 31, proof.len() - 1] {
        let said = key.verify(pairing, &proof[..cut]).unwrap_err();
        assert!(matches!(said, Rejection::Proof(ProofError::Short { .. })), "{cut}: {said}");
    }
}

/// The root's denominator must not be zero: 0/0 added to anything is anything.
#[test]
fn a_zero_denominator_is_refused() {
    let (key, (powers, pairing)) = (key(), srs());
    let proof = matrices(&key, 1).prove(&Cpu, powers, &[7; 32]);
    let root = fields(&key, &proof).into_iter().find(|f| f.name == "lookup children").unwrap();
    let mut bad = proof.clone();
    bad[root.at..root.at + 128].fill(0);
    assert_eq!(key.verify(pairing, &bad), Err(Rejection::Check(Check::LookupDenominator)));
}

/// A proof is of one key: another digest, or one more word of statement, moves every challenge.
#[test]
fn the_key_and_the_statement_are_absorbed() {
    let (key, (powers, _)) = (key(), srs());
    let proof = matrices(&key, 1).prove(&Cpu, powers, &[7; 32]);
    let reduce = |digest: &[u8; 32], statement: &[Fr]| {
        key.reduce(Transcript::new(&Native, Bytes::new(&proof), digest, statement)).map(drop)
    };
    assert_eq!(reduce(key.digest(), &[]), Ok(()));
    let refused = Err(Rejection::Check(Check::Relation("matrix product")));
    for byte in 0..32 {
        let mut other = *key.digest();
        other[byte] ^= 1;
        assert_eq!(reduce(&other, &[]), refused, "byte {byte}");
    }
    assert_eq!(reduce(key.digest(), &[Fr::from(0u64)]), refused, "a word of zero is a word");
}

/// Keys of other shapes have other digests, whatever part of them differs.
#[test]
fn digests_tell_keys_apart() {
    use talea_circuits::matrix::{Shape, Sizes};
    let shape = |(tokens, rank, width)| Shape { tokens, rank, width };
    let shapes = [(3, 2, 4), (2, 3, 4), (3, 2, 5), (4, 1, 4), (2, 2, 5)];
    let sizes = [(16, 16), (17, 16), (16, 15)].map(|(chunk, range)| Sizes { chunk, range });
    let keys = shapes.iter().flat_map(|s| sizes.map(|sizes| Key::new(shape(*s), sizes).unwrap()));
    let digests: BTreeSet<[u8; 32]> = keys.map(|key| *key.digest()).collect();
    assert_eq!(digests.len(), 15);
    let refused = |s, chunk| Key::new(shape(s), Sizes { chunk, range: 16 }).unwrap_err().to_string();
    assert!(refused((3, 2, 4), 15).contains("multiplicities"));
    assert!(refused((13, 2, 4), 16).contains("column x"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::default())]
    /// No bytes panic or hang the verifier, and none but a proof are accepted.
    #[test]
    fn hostile_bytes_are_refused(edits in proptest::collection::vec((proptest::prelude::any::<u32>(), 1u8..), 1..8), cut in proptest::option::of(0usize..8000)) {
        static PROOF: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let key = key();
        let proof = PROOF.get_or_init(|| matrices(&key, 1).prove(&Cpu, &srs().0, &[7; 32]));
        let mut bad = proof.clone();
        for (at, change) in edits {
            let n = bad.len();
            bad[at as usize % n] ^= change;
        }
        bad.truncate(cut.unwrap_or(usize::MAX));
        if bad != *proof {
            assert!(key.verify(&srs().1, &bad).is_err());
        }
    }
}

/// A verifier with the wrong [τ]₂ accepts nothing.
#[test]
fn another_srs_is_refused() {
    let (key, (powers, pairing)) = (key(), srs());
    let proof = matrices(&key, 1).prove(&Cpu, powers, &[7; 32]);
    let other = talea_circuits::opening::PairingKey { tau: (pairing.tau + pairing.tau).into_affine() };
    assert_eq!(key.verify(&other, &proof), Err(Rejection::Check(Check::Pairing)));
}
