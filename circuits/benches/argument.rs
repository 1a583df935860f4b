//! What the argument's parts cost per cell, lookup or coefficient: `cargo bench -p talea-circuits`.
//!
//! `TALEA_BENCH_VARS` sets the size, 2^20 cells without it.

use std::{hint::black_box, time::Duration};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use talea_circuits::{
    columns::{Claims, Columns, Layout, ints::Witness},
    lookup::{self, Lookups, Table, Values, range::Limbs},
    matrix::{Key, Matrices, Shape, Sizes},
    opening::{self, PairingKey},
    sumcheck::prover::products,
    transcript::writer::Writer,
};
use talea_gpu::{Cpu, Device as _, Ints, evaluate};

fn vars() -> usize {
    std::env::var("TALEA_BENCH_VARS").ok().and_then(|v| v.parse().ok()).unwrap_or(20)
}

/// Numbers of 64 bits from a seed.
fn numbers(seed: u8, n: usize) -> impl Iterator<Item = u64> {
    let mut stream = blake3::Hasher::new().update(&[seed]).finalize_xof();
    (0..n).map(move |_| {
        let mut bytes = [0; 8];
        stream.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    })
}

/// Powers of a τ that everybody knows.
fn srs(vars: usize) -> (Vec<G1Affine>, PairingKey) {
    let tau = Fr::from(0x7a11_ea00_c0ff_ee11u64);
    let powers: Vec<Fr> =
        std::iter::successors(Some(Fr::from(1u64)), |t| Some(*t * tau)).take((1 << vars) + 1).collect();
    let table = BatchMulPreprocessing::new(G1Projective::generator(), powers.len());
    (table.batch_mul(&powers), PairingKey { tau: (G2Affine::generator() * tau).into_affine() })
}

fn commitments(c: &mut Criterion) {
    let n = 1usize << vars();
    let bases = srs(vars()).0;
    let mut group = c.benchmark_group("commit, per cell");
    group.throughput(Throughput::Elements(n as u64)).sample_size(10);
    let columns = [
        ("u8", Ints::U8(numbers(1, n).map(|v| v as u8).collect())),
        ("u16", Ints::U16(numbers(1, n).map(|v| v as u16).collect())),
        ("i16", Ints::I16(numbers(1, n).map(|v| v as i16).collect())),
        ("i32 of 20 bits", Ints::I32(numbers(1, n).map(|v| v as i32 >> 12).collect())),
        ("u32", Ints::U32(numbers(1, n).map(|v| v as u32).collect())),
        ("i64 of 51 bits", Ints::I64(numbers(1, n).map(|v| v as i64 >> 13).collect())),
    ];
    for (name, column) in &columns {
        group.bench_function(*name, |b| b.iter(|| Cpu.commit(black_box(&bases), &[(0, column)])));
    }
}

/// 2^vars lookups of 16 bits, and the table.
fn lookups() -> (Layout, Lookups, Vec<Ints>) {
    let mut all = Columns::default();
    let limbs = Limbs::new(&mut all, "v", vars() - 2, 64, 16);
    let multiplicities = all.push("multiplicities", 16);
    let layout = all.stack(vars()).unwrap();
    let table = Table { vars: 16, values: Values::Range, multiplicities };
    let lookups = Lookups::new(&layout, limbs.entries(0), vec![table]).unwrap();
    let numbers: Vec<u128> = numbers(2, 1 << (vars() - 2)).map(u128::from).collect();
    let mut columns = limbs.split(&numbers);
    columns.extend(lookup::prover::multiplicities(&lookups, |id| &columns[id.index()]).unwrap());
    (layout, lookups, columns)
}

fn logup(c: &mut Criterion) {
    let (_, lookups, columns) = lookups();
    let mut group = c.benchmark_group("lookups of 16 bits, per lookup");
    group.throughput(Throughput::Elements(1 << vars())).sample_size(10);
    group.bench_function("prove", |b| {
        b.iter(|| lookup::prover::prove(&mut Writer::new(&[1; 32], &[]), &Cpu, &lookups, |id| &columns[id.index()]))
    });
    let limbs = &columns[..4];
    group.bench_function("multiplicities", |b| {
        b.iter(|| lookup::prover::multiplicities(&lookups, |id| &limbs[id.index()]).unwrap())
    });
}

/// X of 2^vars cells, 2^8 wide: rows bound, then the sumcheck over what is left; per cell of X.
fn matrix_sumcheck(c: &mut Criterion) {
    let (tokens, width) = (vars() - 8, 8);
    let x = Ints::I32(numbers(3, 1 << vars()).map(|v| v as i32 >> 12).collect());
    let a = Ints::I16(numbers(4, 1 << (width + 3)).map(|v| v as i16).collect());
    let point: Vec<Fr> = scalars(5, tokens + 3);
    let mut group = c.benchmark_group("matrix sumcheck, per cell of X");
    group.throughput(Throughput::Elements(1 << vars())).sample_size(20);
    group.bench_function("bind and prove", |b| {
        b.iter(|| {
            let bind = |m: &Ints, point: &[Fr]| Cpu.vector_matrix(&Cpu.eq(point), m, 0..m.len());
            let mut pair = [[bind(&x, &point[..tokens]), bind(&a, &point[tokens..])]];
            products(&mut Writer::new(&[1; 32], &[]), &Cpu, &mut pair, width)
        })
    });
}

/// Numbers of full size.
fn scalars(seed: u8, n: usize) -> Vec<Fr> {
    numbers(seed, n).map(Fr::from).map(|v| v * v * v * v * v).collect()
}

fn openings(c: &mut Criterion) {
    let (powers, _) = srs(vars());
    let n = 1usize << vars();
    let mut all = Columns::default();
    let ids: Vec<_> = (0..4).map(|_| all.push("v", vars() - 2)).collect();
    let layout = all.stack(vars()).unwrap();
    let columns = (0..4).map(|i| Ints::U16(numbers(i, n / 4).map(|v| v as u16).collect())).collect();
    let witness = Witness::new(&layout, columns, &[1; 32]);
    let point: Vec<Fr> = scalars(6, vars() - 2);
    let values: Vec<Fr> = witness.columns.iter().map(|c| evaluate(&Cpu, c, &point)).collect();
    let mut group = c.benchmark_group("opening of one chunk, per coefficient");
    group.throughput(Throughput::Elements(n as u64)).sample_size(10).measurement_time(Duration::from_secs(30));
    group.bench_function("four columns of u16", |b| {
        b.iter(|| {
            let mut claims = Claims::new();
            ids.iter().zip(&values).for_each(|(id, v)| claims.push(*id, point.clone(), *v));
            opening::prover::prove(&mut Writer::new(&[1; 32], &[]), &Cpu, &powers, &layout, &witness, claims, &[])
        })
    });
    let full = scalars(7, n);
    group.bench_function("two MSMs of full scalars", |b| {
        b.iter(|| [Cpu.msm(&powers, &full), Cpu.msm(&powers[1..], &full)])
    });
}

fn verifying(c: &mut Criterion) {
    let shape = Shape { tokens: vars() - 6, rank: 2, width: 6 };
    let key = Key::new(shape, Sizes { chunk: vars(), range: 16 }).unwrap();
    let (powers, pairing) = srs(vars());
    let x = numbers(8, 1 << vars()).map(|v| v as i16).collect();
    let a = numbers(9, 1 << 8).map(|v| v as i16 >> 2).collect();
    let proof = Matrices::new(&key, x, a).unwrap().prove(&Cpu, &powers, &[1; 32]);
    c.bench_function("verify the tutorial's proof", |b| b.iter(|| key.verify(&pairing, black_box(&proof)).unwrap()));
}

criterion_group!(all, commitments, logup, matrix_sumcheck, openings, verifying);
criterion_main!(all);
