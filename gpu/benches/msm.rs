//! Sums of multiples: ours beside arkworks', per scalar.

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{PrimeGroup, ScalarMul, VariableBaseMSM};
use ark_ff::UniformRand;
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use talea_gpu::{Cpu, Device, Ints};

/// Multiples of the generator by powers of a random number, as a reference string has them.
fn points(n: usize) -> Vec<G1Affine> {
    let tau = Fr::rand(&mut StdRng::seed_from_u64(1));
    let powers: Vec<Fr> = std::iter::successors(Some(tau), |p| Some(*p * tau)).take(n).collect();
    G1Projective::generator().batch_mul(&powers)
}

fn msm(c: &mut Criterion) {
    let mut group = c.benchmark_group("msm");
    group.sample_size(10);
    let mut rng = StdRng::seed_from_u64(2);
    let largest = std::env::var("TALEA_BENCH_LOG2").ok().and_then(|k| k.parse().ok()).unwrap_or(18u32);
    let bases = points(1 << largest);
    for k in [largest - 7, largest] {
        let n = 1usize << k;
        group.throughput(Throughput::Elements(n as u64));
        let scalars: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
        group.bench_function(BenchmarkId::new("fields, ours", k), |b| b.iter(|| Cpu.msm(&bases[..n], &scalars)));
        group.bench_function(BenchmarkId::new("fields, arkworks", k), |b| {
            b.iter(|| G1Projective::msm_unchecked(&bases[..n], &scalars));
        });
        let u16s: Vec<u16> = (0..n).map(|_| rng.r#gen()).collect();
        group.bench_function(BenchmarkId::new("u16, arkworks", k), |b| {
            b.iter(|| G1Projective::msm_u16(&bases[..n], &u16s))
        });
        let columns = [
            ("u8", Ints::U8((0..n).map(|_| rng.r#gen()).collect())),
            ("u16", Ints::U16(u16s)),
            ("i16", Ints::I16((0..n).map(|_| rng.r#gen()).collect())),
            ("i32 of 20 bits", Ints::I32((0..n).map(|_| rng.gen_range(-(1 << 19)..1 << 19)).collect())),
            ("i64 of 51 bits", Ints::I64((0..n).map(|_| rng.gen_range(-(1 << 50)..1 << 50)).collect())),
        ];
        for (name, column) in &columns {
            group.bench_function(BenchmarkId::new(format!("{name}, ours"), k), |b| {
                b.iter(|| Cpu.commit(&bases, &[(0, column)]))
            });
        }
    }
    group.finish();
}

criterion_group!(benches, msm);
criterion_main!(benches);
