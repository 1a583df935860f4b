//! Provers that lie in one place and are honest downstream: each must fail, and where it must.

mod common;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use common::{CHUNK, key, layout, matrices, srs};
use talea_circuits::{
    Check, Rejection,
    columns::{Claims, Layout, ints::Witness},
    lookup::{self, Entry, Form, Lookups, Table, Values},
    matrix::{Key, Matrices},
    opening,
    transcript::{Transcript, bytes::Bytes, writer::Writer},
};
use talea_gpu::{Cpu, Ints};

const X: usize = 0;
const U0: usize = 2;
const U1: usize = 3;
const REM: usize = 4;
const MULTIPLICITIES: usize = 5;

fn refused(key: &Key, m: &Matrices<'_>) -> Rejection {
    key.verify(&srs().1, &m.prove(&Cpu, &srs().0, &[7; 32])).expect_err("a lie")
}

fn bump(column: &mut Ints, at: usize, by: i128) {
    let v = column.get(at);
    column.set(at, v + by);
}

/// A column in a wider type, so that it can hold what it must not.
fn widened(column: &Ints) -> Ints {
    Ints::I64((0..column.len()).map(|i| column.get(i) as i64).collect())
}

#[test]
fn a_wrong_product_fails_at_the_relation() {
    let key = key();
    for (column, at) in [(U0, 5), (U1, 0), (REM, 31), (X, 77)] {
        let mut m = matrices(&key, 2);
        let by = if m.columns[column].get(at) > 0 { -1 } else { 1 };
        bump(&mut m.columns[column], at, by);
        m.count().unwrap();
        assert_eq!(refused(&key, &m), Rejection::Check(Check::Relation("matrix product")), "column {column}");
    }
}

/// u0 + 2^16 and u1 − 1 are the same U: only the range of u0 tells.
#[test]
fn a_value_outside_its_range_fails_at_the_lookups() {
    let key = key();
    let mut m = matrices(&key, 2);
    m.columns[U0] = widened(&m.columns[U0]);
    bump(&mut m.columns[U0], 9, 1 << 16);
    bump(&mut m.columns[U1], 9, -1);
    assert_eq!(m.count().unwrap_err().to_string(), "lookup entry 0, place 9: found a value outside its table");
    assert_eq!(refused(&key, &m), Rejection::Check(Check::LookupRoot));
    // and a negative one: U − 1 with rem + 2^16
    let mut m = matrices(&key, 2);
    m.columns[REM] = widened(&m.columns[REM]);
    bump(&mut m.columns[REM], 9, 1 << 16);
    bump(&mut m.columns[U0], 9, -1);
    assert_eq!(refused(&key, &m), Rejection::Check(Check::LookupRoot));
    let mut m = matrices(&key, 2);
    m.columns[REM] = widened(&m.columns[REM]);
    bump(&mut m.columns[REM], 9, -(1 << 16));
    bump(&mut m.columns[U0], 9, 1);
    assert_eq!(refused(&key, &m), Rejection::Check(Check::LookupRoot));
}

#[test]
fn multiplicities_that_do_not_count_fail_at_the_lookups() {
    let key = key();
    for changes in [&[(0usize, 1i128)][..], &[(5, 1)], &[(65_535, 1)], &[(0, -1), (1, 1)]] {
        let mut m = matrices(&key, 2);
        m.columns[MULTIPLICITIES] = widened(&m.columns[MULTIPLICITIES]);
        changes.iter().for_each(|(at, by)| bump(&mut m.columns[MULTIPLICITIES], *at, *by));
        assert_eq!(refused(&key, &m), Rejection::Check(Check::LookupRoot), "{changes:?}");
    }
}

/// A small argument of one column v that must have 8 bits, with or without the lookup of 2^8·v.
struct Byte {
    layout: Layout,
    lookups: Lookups,
    columns: Vec<Ints>,
}

impl Byte {
    fn new(both: bool, values: [u16; 4]) -> Self {
        let (layout, [v, multiplicities]) = layout(CHUNK, [("v", 2), ("multiplicities", 16)]);
        let entry = |form| Entry { vars: 2, forms: vec![form], table: 0 };
        let mut entries = vec![entry(Form::column(v))];
        if both {
            entries.push(entry(Form::scaled(v, 1 << 8)));
        }
        let tables = vec![Table { vars: 16, values: Values::Range, multiplicities }];
        let lookups = Lookups::new(&layout, entries, tables).unwrap();
        let mut counts = vec![0u32; 1 << 16];
        for v in values {
            counts[usize::from(v)] += 1;
            if both && v < 256 {
                counts[usize::from(v) << 8] += 1;
            }
        }
        Self { layout, lookups, columns: vec![Ints::U16(values.to_vec()), Ints::U32(counts)] }
    }

    fn check(&self) -> Result<(), Rejection> {
        let (powers, pairing) = srs();
        let witness = Witness::new(&self.layout, self.columns.clone(), &[3; 32]);
        let mut tx = Writer::new(&[9; 32], &[]);
        witness.commit(&Cpu, &self.layout, powers).iter().for_each(|c| tx.point(c));
        let claims = lookup::prover::prove(&mut tx, &Cpu, &self.lookups, |id| &self.columns[id.index()]);
        opening::prover::prove(&mut tx, &Cpu, powers, &self.layout, &witness, claims, &[]);
        let proof = tx.finish();
        let arithmetic = talea_circuits::arithmetic::Native;
        let mut tx = Transcript::new(&arithmetic, Bytes::new(&proof), &[9; 32], &[]);
        let chunks = (0..self.layout.chunks()).map(|_| tx.point("chunk")).collect::<Result<_, _>>()?;
        let claims = lookup::verify(&mut tx, &self.lookups)?;
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims, Vec::new())?;
        tx.finish()?;
        accumulator.check(pairing)
    }
}

#[test]
fn eight_bits_need_the_second_lookup() {
    assert_eq!(Byte::new(true, [0, 1, 255, 7]).check(), Ok(()));
    assert_eq!(Byte::new(false, [0, 1, 256, 7]).check(), Ok(()), "without it 256 passes for a byte");
    assert_eq!(Byte::new(true, [0, 1, 256, 7]).check(), Err(Rejection::Check(Check::LookupRoot)));
}

/// A table of two columns: (n, 2^n). Tuples must stand in it as wholes.
#[test]
fn tuples_are_looked_up_as_wholes() {
    let check = |exponents: [u8; 4], powers_of: [u16; 4], counts: [u32; 16]| -> Result<(), Rejection> {
        let (layout, [n, p, small, big]) = layout(CHUNK, [("n", 2), ("p", 2), ("small", 4), ("big", 16)]);
        let entries = vec![
            Entry { vars: 2, forms: vec![Form::column(n), Form::column(p)], table: 0 },
            Entry { vars: 2, forms: vec![Form::column(p)], table: 1 },
        ];
        let listed =
            Values::Listed(vec![(0..16).map(Fr::from).collect(), (0..16).map(|n| Fr::from(1u64 << n)).collect()]);
        let tables = vec![
            Table { vars: 4, values: listed, multiplicities: small },
            Table { vars: 16, values: Values::Range, multiplicities: big },
        ];
        let lookups = Lookups::new(&layout, entries, tables).unwrap();
        let mut range = vec![0u32; 1 << 16];
        powers_of.iter().for_each(|p| range[usize::from(*p)] += 1);
        let columns = vec![
            Ints::U8(exponents.to_vec()),
            Ints::U16(powers_of.to_vec()),
            Ints::U32(counts.to_vec()),
            Ints::U32(range),
        ];
        Byte { layout, lookups, columns }.check()
    };
    let mut counts = [0; 16];
    [3usize, 0, 15, 3].iter().for_each(|n| counts[*n] += 1);
    assert_eq!(check([3, 0, 15, 3], [8, 1, 32768, 8], counts), Ok(()));
    assert_eq!(check([3, 0, 15, 3], [1, 8, 32768, 8], counts), Err(Rejection::Check(Check::LookupRoot)));
    assert_eq!(check([3, 0, 15, 4], [8, 1, 32768, 8], counts), Err(Rejection::Check(Check::LookupRoot)));
    let (placed, [n, big]) = layout(CHUNK, [("n", 2), ("big", 16)]);
    let entry = Entry { vars: 3, forms: vec![Form::column(n)], table: 0 };
    let table = Table { vars: 16, values: Values::Range, multiplicities: big };
    let said = Lookups::new(&placed, vec![entry], vec![table]).unwrap_err().to_string();
    assert_eq!(said, "lookups: variables of a column of entry 0: found 2, expected 3");
}

/// Counting refuses what proving would only fail on.
#[test]
fn counting_names_the_value_outside() {
    let b = Byte::new(true, [0, 1, 255, 7]);
    let counts = lookup::prover::multiplicities(&b.lookups, |id| &b.columns[id.index()]).unwrap();
    assert_eq!(counts[0], b.columns[1]);
    let b = Byte::new(true, [0, 1, 256, 7]);
    let said = lookup::prover::multiplicities(&b.lookups, |id| &b.columns[id.index()]).unwrap_err().to_string();
    assert_eq!(said, "lookup entry 1, place 2: found a value outside its table");
}

/// Chunks are committed in another order, or with other salts or data than those that are opened.
#[test]
fn commitments_must_be_of_what_is_opened() {
    let (key, (powers, pairing)) = (key(), srs());
    let m = matrices(&key, 4);
    let witness = |seed: u8| Witness::new(key.layout(), m.columns.clone(), &[seed; 32]);
    let honest = witness(7).commit(&Cpu, key.layout(), powers);
    let verify = |chunks: &[G1Affine], opened: &Witness| {
        let tx = Writer::new(key.digest(), &[]);
        key.verify(pairing, &m.prove_committed(tx, &Cpu, powers, chunks, opened, &mut |_| {}))
    };
    assert_eq!(verify(&honest, &witness(7)), Ok(()));
    let failed = Err(Rejection::Check(Check::Pairing));
    assert_eq!(honest.len(), 2);
    assert_eq!(verify(&[honest[1], honest[0]], &witness(7)), failed, "swapped");
    assert_eq!(verify(&[honest[0], honest[0]], &witness(7)), failed);
    assert_eq!(verify(&honest, &witness(8)), failed, "another salt");
    // a value moved from its cube to the salt's place
    let mut moved = honest.clone();
    let place = &key.layout().columns()[X];
    let value = Fr::from(m.columns[X].get(0).unsigned_abs() as u64);
    moved[place.chunk] = (moved[place.chunk] + powers[1 << CHUNK] * value - powers[place.offset] * value).into_affine();
    assert_eq!(verify(&moved, &witness(7)), failed, "data at τ^n");
}

/// Claims and commitments that do not fit the layout prove nothing, whoever made the mistake.
#[test]
fn claims_must_fit_their_columns() {
    let other = layout(6, [("a", 1), ("b", 1), ("c", 1)]).1[2];
    let (layout, [v, _]) = layout(6, [("v", 5), ("w", 5)]);
    let chunk = srs().0[1];
    let native = talea_circuits::arithmetic::Native;
    let said = |column, coordinates: usize, chunks: usize| {
        let mut claims = Claims::new();
        claims.push(column, vec![Fr::from(3u64); coordinates], Fr::from(1u64));
        let mut tx = Transcript::new(&native, Bytes::new(&[]), &[9; 32], &[]);
        opening::verify(&mut tx, &layout, vec![chunk; chunks], claims, Vec::new()).map(drop).unwrap_err()
    };
    let unfit = Rejection::Check(Check::OpeningBatch);
    assert_eq!([said(v, 4, 1), said(v, 6, 1), said(other, 5, 1), said(v, 5, 0), said(v, 5, 2)], [unfit; 5]);
    assert!(matches!(said(v, 5, 1), Rejection::Proof(_)), "then the proof is read");
}

/// What stands at τ^n and above moves no value: salts hide and do nothing else.
#[test]
fn a_salt_moves_no_value() {
    let (powers, pairing) = srs();
    let (layout, [v, w]) = layout(6, [("v", 5), ("w", 5)]);
    let columns = vec![Ints::I16((0..32).map(|i| i * 991 - 9000).collect()), Ints::U8((0..32).collect())];
    let point: Vec<Fr> = (0..5).map(|i| Fr::from(1000u64 + i)).collect();
    let values: Vec<Fr> = columns.iter().map(|c| talea_gpu::evaluate(&Cpu, c, &point)).collect();
    for salt in [Fr::from(0u64), Fr::from(1u64), Fr::from(u64::MAX)] {
        let mut witness = Witness::new(&layout, columns.clone(), &[1; 32]);
        witness.salts = vec![salt];
        for (lie, want) in [(0u64, Ok(())), (1, Err(Rejection::Check(Check::OpeningBatch)))] {
            let claims = || {
                let mut c = Claims::new();
                c.push(v, point.clone(), values[0] + Fr::from(lie));
                c.push(w, point.clone(), values[1]);
                c
            };
            let small: Vec<G1Affine> = powers[..65].to_vec();
            let mut tx = Writer::new(&[9; 32], &[]);
            let chunks = witness.commit(&Cpu, &layout, &small);
            chunks.iter().for_each(|c| tx.point(c));
            opening::prover::prove(&mut tx, &Cpu, &small, &layout, &witness, claims(), &[]);
            let proof = tx.finish();
            let mut tx = Transcript::new(&talea_circuits::arithmetic::Native, Bytes::new(&proof), &[9; 32], &[]);
            let chunks = vec![tx.point("chunk").unwrap()];
            let said = opening::verify(&mut tx, &layout, chunks, claims(), Vec::new()).and_then(|a| a.check(pairing));
            assert_eq!(said, want, "salt {salt}, lie {lie}");
        }
    }
    assert!(!powers[0].is_zero());
}
