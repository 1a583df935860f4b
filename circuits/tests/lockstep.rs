//! Zero-checks and products in lockstep, end to end through one opening; and what they refuse.

mod common;

use ark_bn254::Fr;
use common::{layout, srs};
use talea_circuits::{
    Check, Rejection, Result,
    arithmetic::{Arithmetic, Native},
    columns::{Claims, ColumnId, Layout, ints::Witness},
    opening,
    sumcheck::{
        self,
        prover::{Product, Summand, Zero},
        view::View,
        zero::{Equations, ZeroCheck},
    },
    transcript::{Transcript, bytes::Bytes, writer::Writer},
};
use talea_gpu::{Cpu, Device as _, Ints};

/// b² = b and p = b·s: a sign's bit, and the positive part of a number.
struct Positive;

impl Equations for Positive {
    const DEGREE: usize = 2;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [b, s, p] = columns else { return Vec::new() };
        vec![a.sub(&a.mul(b, b), b), a.sub(&a.mul(b, s), p)]
    }
}

/// x·x·x = y.
struct Cube;

impl Equations for Cube {
    const DEGREE: usize = 3;
    fn evaluate<A: Arithmetic>(&self, a: &A, columns: &[A::Scalar]) -> Vec<A::Scalar> {
        let [x, y] = columns else { return Vec::new() };
        vec![a.sub(&a.mul(&a.mul(x, x), x), y)]
    }
}

const VARS: usize = 8;
const KEY: [u8; 32] = [5; 32];

/// Three sums over 5, 2 and 3 variables: two zero-checks and a product x·w with a known sum.
struct Argument {
    layout: Layout,
    ids: [ColumnId; 7],
    columns: Vec<Ints>,
    sum: i64,
}

impl Argument {
    fn new() -> Self {
        let sizes = [("b", 5), ("s", 5), ("p", 5), ("x", 2), ("y", 2), ("v", 3), ("w", 3)];
        let (layout, ids) = layout(VARS, sizes);
        let mut n = common::numbers(5);
        let s: Vec<i16> = n.by_ref().take(32).collect();
        let b: Vec<u8> = s.iter().map(|s| u8::from(*s > 0)).collect();
        let p: Vec<u16> = s.iter().map(|s| (*s).max(0) as u16).collect();
        let x: Vec<i16> = n.by_ref().take(4).map(|x| x / 100).collect();
        let y: Vec<i32> = x.iter().map(|x| i32::from(*x).pow(3)).collect();
        let (v, w): (Vec<i16>, Vec<i16>) = (n.by_ref().take(8).collect(), n.take(8).collect());
        let sum = v.iter().zip(&w).map(|(v, w)| i64::from(*v) * i64::from(*w)).sum();
        let columns =
            vec![Ints::U8(b), Ints::I16(s), Ints::U16(p), Ints::I16(x), Ints::I32(y), Ints::I16(v), Ints::I16(w)];
        Self { layout, ids, columns, sum }
    }

    fn prove(&self) -> Vec<u8> {
        let powers = &srs().0[..(1 << VARS) + 1];
        let witness = Witness::new(&self.layout, self.columns.clone(), &[1; 32]);
        let mut tx = Writer::new(&KEY, &[Fr::from(self.sum)]);
        witness.commit(&Cpu, &self.layout, powers).iter().for_each(|c| tx.point(c));
        let tau = tx.challenges(5);
        let epsilon = tx.challenge();
        let views = |range: std::ops::Range<usize>| {
            self.columns[range].iter().map(|c| View::ints(vec![(Fr::from(1u64), c)], 0)).collect()
        };
        let mut positive = Zero::new(Positive, &tau, &epsilon, views(0..3));
        let mut cube = Zero::new(Cube, &tau[..2], &epsilon, views(3..5));
        let mut product = Product(vec![self.columns[5].fields(), self.columns[6].fields()]);
        let mut sums: [&mut dyn Summand; 3] = [&mut positive, &mut cube, &mut product];
        let point = sumcheck::prover::lockstep(&mut tx, 4, &mut sums);
        let mut claims = Claims::new();
        let values = [positive.values(), cube.values(), product.0.iter().map(|c| c[0]).collect()].concat();
        values.iter().for_each(|v| tx.scalar(v));
        for (id, value) in self.ids.iter().zip(values) {
            let vars = self.layout.place(*id).unwrap().vars;
            claims.push(*id, point[..vars].to_vec(), value);
        }
        opening::prover::prove(&mut tx, &Cpu, powers, &self.layout, &witness, claims, &[]);
        tx.finish()
    }

    fn verify(&self, proof: &[u8]) -> Result<()> {
        let a = Native;
        let mut tx = Transcript::new(&a, Bytes::new(proof), &KEY, &[Fr::from(self.sum)]);
        let chunks = (0..self.layout.chunks()).map(|_| tx.point("chunk")).collect::<Result<_>>()?;
        let tau = tx.challenges(5);
        let epsilon = tx.challenge();
        let check = |vars: usize| ZeroCheck::new(&a, &tau[..vars], &epsilon, &[]);
        let (positive, cube) = (check(5), check(2));
        let sums = [positive.sum(), cube.sum(), (3, Fr::from(self.sum))];
        let step = sumcheck::lockstep(&mut tx, "lockstep round", 4, &sums)?;
        let ends = tx.scalars("column", 7)?;
        let mut claims = Claims::new();
        for (id, value) in self.ids.iter().zip(&ends) {
            claims.push(*id, step.low(self.layout.place(*id).unwrap().vars).to_vec(), *value);
        }
        let first = positive.end(&a, &Positive, &ends[..3], step.low(5));
        let second = cube.end(&a, &Cube, &ends[3..5], step.low(2));
        step.compare(&a, Check::Relation("lockstep"), &[first, second, ends[5] * ends[6]])?;
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims, Vec::new())?;
        tx.finish()?;
        accumulator.check(&srs().1)
    }
}

#[test]
fn sums_of_different_sizes_and_degrees_end_together() {
    let honest = Argument::new();
    let proof = honest.prove();
    assert_eq!(honest.verify(&proof), Ok(()));
    // five rounds of four words for all three
    assert_eq!(proof.len(), 64 + 32 * (5 * 4 + 7) + 32 * (8 * 2 + 1) + 9 * 64 + 6 * 32);
}

fn edit(column: &mut Ints, at: usize, change: fn(i128) -> i128) {
    let v = column.get(at);
    column.set(at, change(v));
}

#[test]
fn every_equation_is_needed() {
    type Lie = fn(&mut Argument);
    let lies: [(&str, Lie); 6] = [
        ("a bit of 2", |a| a.columns[0].set(3, 2)),
        ("a bit turned", |a| edit(&mut a.columns[0], 3, |v| 1 - v)),
        ("a positive part too large", |a| edit(&mut a.columns[2], 7, |v| v + 1)),
        ("a wrong cube", |a| edit(&mut a.columns[4], 0, |v| v - 1)),
        ("a wrong sum", |a| a.sum += 1),
        ("a wrong factor", |a| edit(&mut a.columns[6], 7, |v| v ^ 1)),
    ];
    for (lie, change) in lies {
        let mut a = Argument::new();
        change(&mut a);
        assert_eq!(a.verify(&a.prove()), Err(Rejection::Check(Check::Relation("lockstep"))), "{lie}");
    }
}

/// A round changed, and everything after it computed honestly from the challenges that follow: it shows at the end.
#[test]
fn a_wrong_round_shows_where_the_sum_ends() {
    let mut n = common::numbers(9).map(|x| Fr::from(i64::from(x)));
    let (a, b): (Vec<Fr>, Vec<Fr>) = (n.by_ref().take(32).collect(), n.take(32).collect());
    let sum = a.iter().zip(&b).map(|(a, b)| *a * b).sum::<Fr>();
    for wrong in 0..=5 {
        for word in 0..2 {
            let (mut x, mut y) = (a.clone(), b.clone());
            let mut tx = Writer::new(&KEY, &[]);
            for round in 0..5 {
                let mut coefficients = Cpu.product_round(&[[&x, &y]]);
                if round == wrong {
                    coefficients[word] += Fr::from(1u64);
                }
                coefficients.iter().for_each(|c| tx.scalar(c));
                let r = tx.challenge();
                [&mut x, &mut y].into_iter().for_each(|c| Cpu.fold(c, &r));
            }
            let proof = tx.finish();
            let mut tx = Transcript::new(&Native, Bytes::new(&proof), &KEY, &[]);
            let end = sumcheck::verify(&mut tx, "round", 5, 2, sum).unwrap();
            assert_eq!(end.value == x[0] * y[0], wrong == 5, "round {wrong}, word {word}");
        }
    }
}

/// With ε = 1 two equations' errors could cancel; with powers of a challenge they do not.
#[test]
fn errors_of_two_equations_do_not_cancel() {
    let mut a = Argument::new();
    // b = 2: b² − b = 2, and p = 2s + 2 makes the second −2
    a.columns[2] = Ints::I64((0..32).map(|i| a.columns[2].get(i) as i64).collect());
    a.columns[0].set(3, 2);
    let s = a.columns[1].get(3);
    a.columns[2].set(3, 2 * s + 2);
    assert_eq!(a.verify(&a.prove()), Err(Rejection::Check(Check::Relation("lockstep"))));
}
