//! What a batch's proof is bound to: every field of it, every word of its statement, its key.

mod common;

use std::{cell::RefCell, collections::BTreeSet};

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use common::{
    batch::{PRODUCTS, WEIGHTS, a_case, case, failed, shape},
    recorder::Recorder,
    srs,
};
use talea_circuits::{
    Check, Rejection,
    arithmetic::Native,
    relations::{Columns, Key, adapter::digest_adapter, shape::Shape, statement::Statement},
    transcript::Transcript,
};

/// Every word of the statement, changed.
#[test]
fn every_word_of_the_statement_is_bound() {
    let c = a_case();
    let (statement, proof) = c.prove(c.columns());
    let one = Fr::from(1u64);
    let words = statement.words().len();
    type Edit = fn(&mut Statement<Fr>, Fr);
    let edits: Vec<(&str, Edit)> = vec![
        ("chain", |s, one| s.chain += one),
        ("contract", |s, one| s.contract += one),
        ("node", |s, one| s.node += one),
        ("nonce", |s, one| s.nonce += one),
        ("adapter", |s, one| s.slots[0].adapter += one),
        ("policy", |s, one| s.slots[0].policy += one),
        ("base", |s, one| s.slots[0].base += one),
        ("fees", |s, one| s.slots[0].fees += one),
        ("adapter", |s, one| s.slots[1].adapter += one),
        ("policy", |s, one| s.slots[1].policy += one),
        ("base", |s, one| s.slots[1].base += one),
        ("fees", |s, one| s.slots[1].fees += one),
        ("node slot", |s, one| s.node_slot += one),
        ("receipts", |s, one| s.receipts[0] += one),
        ("receipts", |s, one| s.receipts[1] += one),
        ("C_X", |s, one| s.inputs += one),
        ("C_req", |s, one| s.requests += one),
        ("C_D", |s, one| s.deltas += one),
        ("C_pay", |s, one| s.payouts[0] += one),
        ("C_pay", |s, one| s.payouts[1] += one),
    ];
    assert_eq!(edits.len(), words, "every word has a line");
    for (i, (name, edit)) in edits.into_iter().enumerate() {
        let mut changed = statement.clone();
        edit(&mut changed, one);
        assert_eq!(changed.words().iter().zip(statement.words()).filter(|(a, b)| **a != *b).count(), 1, "{name}");
        assert_ne!(changed.words()[i], statement.words()[i], "{name} stands where its line does");
        assert!(c.key.verify(&srs().1, &changed, &proof).is_err(), "{name}");
    }
    let mut fewer = statement.clone();
    fewer.slots.pop();
    assert_eq!(c.key.verify(&srs().1, &fewer, &proof), failed(Check::Statement("number of adapter slots")));
}

/// Another SRS, another shape: other keys.
#[test]
fn keys_are_of_shape_and_reference_string() {
    use talea_circuits::opening::PairingKey;
    let pairing = &srs().1;
    let other = PairingKey { tau: (pairing.tau + pairing.tau).into_affine() };
    let key = |change: &dyn Fn(&mut talea_circuits::relations::shape::Shape)| {
        let mut s = shape(true);
        change(&mut s);
        *Key::new(s, pairing).unwrap().digest()
    };
    let digests: BTreeSet<[u8; 32]> = [
        key(&|_| {}),
        *Key::new(shape(true), &other).unwrap().digest(),
        key(&|s| s.deltas = false),
        key(&|s| s.tokens += 1),
        key(&|s| s.requests += 1),
        key(&|s| s.clusters += 1),
        key(&|s| s.domain += 1),
        key(&|s| s.adapters[1].rank += 1),
        key(&|s| s.adapters[1].clusters += 1),
        key(&|s| s.adapters[1].modules[0].d_in = 5),
        key(&|s| s.adapters[0].modules.swap(0, 1)),
    ]
    .into();
    assert_eq!(digests.len(), 11);
    let mut torn = shape(true);
    torn.adapters[0].modules[0].d_in = 5;
    let said = Key::new(torn, pairing).unwrap_err().to_string();
    assert_eq!(said, "shape: widths of an input: found 0, expected one");
}

/// The check at which a change of this field must show; every field that is read must be listed here.
fn concerns(name: &str, rejection: Rejection) -> bool {
    let Rejection::Check(check) = rejection else { return false };
    match name {
        // what comes before the first challenge moves all of them: the tree of lookups is the first to notice
        "chunk" => matches!(check, Check::Statement("adapter" | "C_X" | "C_req" | "C_D") | Check::LookupLayer(1)),
        "payouts" => check == Check::Statement("C_pay"),
        "policy" => check == Check::Statement("policy"),
        "payout slot" => check == Check::Statement("payout slot"),
        "payout blinder" => check == Check::LookupLayer(1),
        "lookup round" => matches!(check, Check::LookupLayer(_)),
        "lookup children" => matches!(check, Check::LookupRoot | Check::LookupLayer(_)),
        "lookup column" => matches!(check, Check::LookupNumerators | Check::LookupDenominators),
        "payout round" | "payout children" => matches!(check, Check::PayoutLayer(_)),
        "payout amount" => check == Check::PayoutAmounts,
        "head" | "score" | "credit" | "batch round" | "batch column" | "partial score" => check == WEIGHTS,
        "conservation" => matches!(check, Check::Relation("fees" | "conservation")),
        "rem" | "product value" => check == Check::Relation("rounded product"),
        // U is read for the mask, for the rounded product and at the end of both others
        "u" => check == Check::Relation("rounded product") || check == WEIGHTS || check == PRODUCTS,
        "product round" | "x" | "a" | "b" | "d" | "h" => check == PRODUCTS,
        "opening round" | "chunk value" => check == Check::OpeningBatch,
        "payout quotient" | "opening h" | "opening g" | "opening q" | "opening s" | "opening d" | "opening value"
        | "opening at z" | "opening at 1/z" | "opening at alpha" | "opening right side" => {
            matches!(check, Check::Pairing | Check::OpeningBatch)
        }
        other => panic!("the field {other} has no line here"),
    }
}

/// Every field of a batch's proof, changed: refused by the check that it concerns.
#[test]
fn every_field_is_refused_by_its_own_check() {
    let c = a_case();
    let (statement, proof) = c.prove(c.columns());
    let log = RefCell::new(Vec::new());
    let tx = Transcript::new(&Native, Recorder::new(&proof, &log), c.key.digest(), &statement.words());
    c.key.reduce(&statement, tx).unwrap().check(&srs().1).unwrap();
    let all = log.into_inner();
    assert_eq!(all.iter().map(|f| if f.point { 64 } else { 32 }).sum::<usize>(), proof.len(), "all bytes are fields");
    let mut seen = BTreeSet::new();
    for f in &all {
        seen.insert(f.name);
        let said = c.key.verify(&srs().1, &statement, &f.changed(&proof)).expect_err(f.name);
        assert!(concerns(f.name, said), "{f:?}: {said}");
    }
    println!("{} fields of {} kinds, {} bytes", all.len(), seen.len(), proof.len());
    assert_eq!(seen.len(), 40, "{seen:?}");
}

/// What an attester signed for one key and one order of slots is not what another proof is about.
#[test]
fn attested_columns_are_of_one_key_and_one_order_of_slots() {
    let mut s = shape(false);
    s.adapters[1] = s.adapters[0].clone();
    let c = case(s.clone(), 8);
    let key = &c.key;
    let points = c.commit(c.columns()).chunks;
    let digest = |key: &Key, slots: [u64; 2]| {
        key.digest_columns(&Native, Columns::Inputs, &slots.map(Fr::from), &points[key.groups.x.clone()])
    };
    assert_ne!(digest(key, [1, 2]), digest(key, [2, 1]), "slots exchanged");
    // one slot of twice the q slots has the same cells as two
    let one = Shape { adapters: vec![s.adapters[0].clone()], requests: s.requests + 1, ..s };
    let other = Key::new(one, &srs().1).unwrap();
    let fee = |key: &Key| key.parts.fee.columns.len() << (key.shape.requests + key.shape.slots());
    assert_eq!(fee(key), fee(&other));
    let of = |key: &Key| key.digest_columns(&Native, Columns::Requests, &[], &points[..1]);
    assert_ne!(of(key), of(&other));
    // equal points behind other sizes are another adapter
    let adapter = &c.adapters[0];
    let mut sizes = adapter.shape.clone();
    sizes.modules[0].input = 1;
    assert_ne!(digest_adapter(&Native, &sizes, &adapter.points), adapter.digest());
}
