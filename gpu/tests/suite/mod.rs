//! The suite that every device must pass: each function against its plain formula, on random values, on the ends of every type, and on
//! empty, odd and uneven lengths.

// not every test that takes the suite takes all its parts
#![allow(dead_code)]

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, One, UniformRand};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use talea_gpu::{Device, Ints, eq_halves, evaluate};

fn rng() -> StdRng {
    StdRng::seed_from_u64(5)
}

/// Zeros, ones and the largest among random elements.
pub fn fields(n: usize) -> Vec<Fr> {
    let mut rng = rng();
    let one = |_| match rng.gen_range(0..6) {
        0 => Fr::ZERO,
        1 => Fr::one(),
        2 => -Fr::one(),
        _ => Fr::rand(&mut rng),
    };
    (0..n).map(one).collect()
}

/// A column of every type, both ends of it among random values.
pub fn columns(n: usize) -> Vec<Ints> {
    let mut rng = rng();
    macro_rules! column {
        ($kind:ident, $t:ty) => {
            Ints::$kind(
                (0..n)
                    .map(|_| match rng.gen_range(0..6) {
                        0 => <$t>::MIN,
                        1 => <$t>::MAX,
                        2 => 0,
                        3 => 1,
                        _ => rng.r#gen(),
                    })
                    .collect(),
            )
        };
    }
    vec![
        column!(U8, u8),
        column!(U16, u16),
        column!(U32, u32),
        column!(U64, u64),
        column!(I16, i16),
        column!(I32, i32),
        column!(I64, i64),
    ]
}

fn line(a: Fr, b: Fr, r: Fr) -> Fr {
    a + r * (b - a)
}

/// Σ_x eq(x)·f(x) over the places that both know.
fn weighted(low: &[Fr], high: &[Fr], places: usize, f: impl Fn(usize) -> Fr) -> Fr {
    let most = places.min(low.len() * high.len());
    (0..most).map(|x| low[x % low.len()] * high[x / low.len()] * f(x)).sum()
}

fn eq_tables(device: &impl Device) {
    for n in [0, 1, 2, 7, 8, 9, 11] {
        let point = fields(n);
        let factor = |x: usize, i: usize| if x >> i & 1 == 1 { point[i] } else { Fr::one() - point[i] };
        let plain: Vec<Fr> = (0..1 << n).map(|x| (0..n).map(|i| factor(x, i)).product()).collect();
        assert_eq!(device.eq(&point), plain, "{n} variables");
    }
}

fn folds(device: &impl Device) {
    let r = fields(40)[33];
    for n in [0, 1, 2, 3, 4, 5, 6, 8, 255, 600] {
        let v = fields(n);
        let mut folded = v.clone();
        device.fold(&mut folded, &r);
        assert_eq!(folded, v.chunks_exact(2).map(|v| line(v[0], v[1], r)).collect::<Vec<_>>(), "{n} values");
        let mut folded = v.clone();
        device.fold_children(&mut folded, &r);
        let mut plain: Vec<Fr> = v.chunks_exact(4).flat_map(|v| [line(v[0], v[2], r), line(v[1], v[3], r)]).collect();
        plain.resize(n / 2, Fr::ZERO);
        assert_eq!(folded, plain, "{n} values");
        for c in columns(n) {
            let f = c.fields();
            let plain: Vec<Fr> = f.chunks_exact(2).map(|v| line(v[0], v[1], r)).collect();
            assert_eq!(device.fold_ints(&c, &r), plain, "{c:?}");
            for longer in [0, 3] {
                let mut to = fields(n + longer);
                let plain: Vec<Fr> =
                    to.iter().enumerate().map(|(i, to)| *to + f.get(i).map_or(Fr::ZERO, |f| r * f)).collect();
                device.add_scaled(&mut to, &r, &c);
                assert_eq!(to, plain, "{c:?}");
            }
        }
    }
}

fn half_sums(device: &impl Device) {
    for (low, high, n) in
        [(1, 1, 0), (1, 1, 2), (1, 7, 14), (4, 5, 40), (8, 3, 30), (8, 3, 60), (3, 70, 420), (64, 4, 512)]
    {
        let (low, high, v) = (fields(low), &fields(high + 9)[9..], fields(n));
        for parity in [0, 1] {
            let plain = weighted(&low, high, n / 2, |x| v[2 * x + parity]);
            assert_eq!(device.half_sum([&low, high], &v, parity), plain, "{n} values");
            for c in columns(n + 5) {
                let (f, part) = (c.fields(), 3..3 + n);
                let plain = weighted(&low, high, n / 2, |x| f[3 + 2 * x + parity]);
                assert_eq!(device.half_sum_ints([&low, high], &c, part, parity), plain, "{c:?}");
            }
        }
    }
}

fn rounds(device: &impl Device) {
    for n in [0, 1, 2, 3, 10, 255, 1000] {
        let (a, b) = (fields(n), &fields(2 * n)[n..]);
        let c = &b[..n - n.min(2)];
        let plain = |pairs: &[[&[Fr]; 2]]| {
            let terms = |[a, b]: &[&[Fr]; 2]| {
                let all =
                    a.chunks_exact(2).zip(b.chunks_exact(2)).map(|(a, b)| [a[0] * b[0], (a[1] - a[0]) * (b[1] - b[0])]);
                all.collect::<Vec<_>>()
            };
            let sum = |i: usize| pairs.iter().flat_map(terms).map(|t| t[i]).sum::<Fr>();
            [sum(0), sum(1)]
        };
        for pairs in [vec![], vec![[a.as_slice(), b]], vec![[b, c], [&a, &a], [c, &a]]] {
            assert_eq!(device.product_round(&pairs), plain(&pairs), "{n} values");
        }
    }
}

fn fractions(device: &impl Device) {
    for n in [0, 1, 2, 3, 4, 12, 254, 1000] {
        let (p, q) = (fields(n), &fields(2 * n)[n..]);
        let [up, down] = device.fraction_layer(&p, q);
        let plain = |f: fn(&[Fr], &[Fr]) -> Fr| p.chunks_exact(2).zip(q.chunks_exact(2)).map(move |(p, q)| f(p, q));
        assert!(up.into_iter().eq(plain(|p, q| p[0] * q[1] + p[1] * q[0])), "{n} values");
        assert!(down.into_iter().eq(plain(|_, q| q[0] * q[1])), "{n} values");
        for (low, high) in [(1, 1), (1, 300), (8, 1), (8, 40), (64, 4)] {
            let (low, high) = (fields(low), &fields(high + 9)[9..]);
            let at0 = weighted(&low, high, n / 4, |x| p[4 * x] * q[4 * x + 1] + p[4 * x + 1] * q[4 * x]);
            let rise = |v: &[Fr], x: usize, child: usize| v[4 * x + 2 + child] - v[4 * x + child];
            let top = weighted(&low, high, n / 4, |x| rise(&p, x, 0) * rise(q, x, 1) + rise(&p, x, 1) * rise(q, x, 0));
            assert_eq!(device.fraction_round([&low, high], &p, q), [at0, top], "{n} values");
        }
    }
}

fn matrices(device: &impl Device) {
    for (rows, columns_, more) in [(1, 1, 0), (1, 9, 0), (9, 1, 0), (5, 7, 3), (40, 33, 0), (300, 2, 1), (2, 300, 100)]
    {
        let n = rows * columns_ + more;
        for c in columns(n + 6) {
            let (f, part) = (&c.fields()[4..4 + n], 4..4 + n);
            let w = fields(columns_);
            let plain: Vec<Fr> = f.chunks(columns_).map(|row| row.iter().zip(&w).map(|(m, w)| *m * w).sum()).collect();
            assert_eq!(device.matrix_vector(&c, part.clone(), &w), plain, "{rows} by {columns_}: {c:?}");
            // rows of n / rows integers; what is left over is left out
            let (w, width) = (fields(rows), n / rows);
            let plain: Vec<Fr> = (0..width).map(|x| (0..rows).map(|y| w[y] * f[y * width + x]).sum()).collect();
            assert_eq!(device.vector_matrix(&w, &c, part), plain, "{rows} by {width}: {c:?}");
        }
    }
    let few = Ints::I16(vec![-3, 4]);
    assert_eq!(device.vector_matrix(&fields(5), &few, 0..2), []);
    assert_eq!(device.matrix_vector(&few, 1..1, &fields(5)), []);
}

/// Whole evaluations: what the argument asks of a device, put together.
fn evaluations(device: &impl Device) {
    let point = fields(11);
    for c in columns(1 << 11) {
        let mut all = c.fields();
        point.iter().for_each(|r| device.fold(&mut all, r));
        assert_eq!(evaluate(device, &c, &point), all[0]);
        let [low, high] = eq_halves(device, &point[1..]);
        let [even, odd] = [0, 1].map(|parity| device.half_sum_ints([&low, &high], &c, 0..c.len(), parity));
        assert_eq!(line(even, odd, point[0]), all[0]);
    }
}

/// Infinity, equal, opposite and random points.
pub fn points(n: usize) -> Vec<G1Affine> {
    let mut rng = rng();
    let mut all: Vec<G1Affine> = Vec::new();
    for i in 0..n {
        all.push(match i % 7 {
            1 => G1Affine::identity(),
            3 => all[i - 1],
            5 => -all[i - 1],
            _ => G1Affine::rand(&mut rng),
        });
    }
    all
}

pub fn plain_sum(bases: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    bases.iter().zip(scalars).map(|(b, s)| *b * s).sum()
}

fn multiples(device: &impl Device) {
    let bases = points(300);
    for n in [0, 1, 2, 33, 300] {
        let mut scalars = fields(n);
        assert_eq!(device.msm(&bases, &scalars), plain_sum(&bases, &scalars), "{n} scalars");
        scalars.fill(-Fr::one());
        assert_eq!(device.msm(&bases[n / 2..], &scalars), plain_sum(&bases[n / 2..], &scalars), "{n} scalars");
        for c in columns(n) {
            assert_eq!(device.commit(&bases, &c), plain_sum(&bases, &c.fields()), "{c:?}");
        }
        // all in one bucket, and the sum of a point and its opposite
        for v in [0, 1, -1, i16::MAX, i16::MIN] {
            let c = Ints::I16(vec![v; n]);
            assert_eq!(device.commit(&bases, &c), plain_sum(&bases, &c.fields()), "{n} times {v}");
            let same: Vec<G1Affine> = (0..n).map(|i| if i % 3 == 0 { -bases[0] } else { bases[0] }).collect();
            assert_eq!(device.commit(&same, &c), plain_sum(&same, &c.fields()), "{n} times {v}");
        }
    }
}

/// One bucket of more points than two rounds of pieces hold.
fn crowds(device: &impl Device) {
    let bases: Vec<G1Affine> = points(70).into_iter().cycle().take(2200).collect();
    let ones: G1Projective = bases.iter().sum();
    assert_eq!(device.commit(&bases, &Ints::U8(vec![1; 2200])), ones);
    assert_eq!(device.commit(&bases, &Ints::I64(vec![-1; 2200])), -ones);
    assert_eq!(device.msm(&bases, &vec![-Fr::one(); 2200]), -ones);
}

/// All of it.
pub fn suite(device: &impl Device) {
    eq_tables(device);
    folds(device);
    half_sums(device);
    rounds(device);
    fractions(device);
    matrices(device);
    evaluations(device);
    multiples(device);
    crowds(device);
}
