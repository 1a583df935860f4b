//! The suite that every device must pass: each function against its plain formula, on random values, on the ends of every type, and on
//! empty, odd and uneven lengths.

// not every test that takes the suite takes all its parts
#![allow(dead_code)]

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::{AdditiveGroup, Field, One, UniformRand};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use talea_gpu::{
    Device, Ints, Right, eq_halves, evaluate,
    leaves::{Form, Leaves, Run, field},
};

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

/// All values of a vector.
fn all<D: Device>(device: &D, v: &D::Vector) -> Vec<Fr> {
    device.read(v, 0..device.len(v))
}

/// A vector after something was done to it.
fn changed<D: Device>(device: &D, v: &[Fr], change: impl FnOnce(&mut D::Vector)) -> Vec<Fr> {
    let mut there = device.vector(v.to_vec());
    change(&mut there);
    all(device, &there)
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
        let folded = changed(device, &v, |v| device.fold(v, &r));
        assert_eq!(folded, v.chunks_exact(2).map(|v| line(v[0], v[1], r)).collect::<Vec<_>>(), "{n} values");
        let folded = changed(device, &v, |v| device.fold_children(v, &r));
        let mut plain: Vec<Fr> = v.chunks_exact(4).flat_map(|v| [line(v[0], v[2], r), line(v[1], v[3], r)]).collect();
        plain.resize(n / 2, Fr::ZERO);
        assert_eq!(folded, plain, "{n} values");
        for c in columns(n) {
            let f = c.fields();
            let plain: Vec<Fr> = f.chunks_exact(2).map(|v| line(v[0], v[1], r)).collect();
            assert_eq!(all(device, &device.fold_ints(&c, &r)), plain, "{c:?}");
            for (at, longer) in [(0, 0), (0, 3), (5, 7), (2, 0)] {
                let to = fields(n + longer);
                let at = at.min(to.len());
                let more = |i: usize| i.checked_sub(at).and_then(|i| f.get(i)).map_or(Fr::ZERO, |f| r * f);
                let plain: Vec<Fr> = to.iter().enumerate().map(|(i, to)| *to + more(i)).collect();
                assert_eq!(changed(device, &to, |to| device.add_ints(to, at, &r, &c)), plain, "{c:?}");
                let from = device.vector(f.clone());
                assert_eq!(changed(device, &to, |to| device.add(to, at, &r, &from)), plain, "{c:?}");
            }
        }
    }
}

fn inverses(device: &impl Device) {
    // whole and broken groups of values that one division serves
    for n in [0, 1, 2, 63, 64, 65, 1000, 3000] {
        let v = fields(n);
        let plain: Vec<Fr> = v.iter().map(|v| v.inverse().unwrap_or(Fr::ZERO)).collect();
        assert_eq!(all(device, &device.invert(&device.vector(v))), plain, "{n} values");
        assert_eq!(all(device, &device.invert(&device.vector(vec![Fr::ZERO; n]))), vec![Fr::ZERO; n], "{n} zeros");
    }
}

fn half_sums(device: &impl Device) {
    for (low, high, n) in
        [(1, 1, 0), (1, 1, 2), (1, 7, 14), (4, 5, 40), (8, 3, 30), (8, 3, 60), (3, 70, 420), (64, 4, 512)]
    {
        let (low, high, v) = (fields(low), &fields(high + 9)[9..], fields(n));
        for parity in [0, 1] {
            let plain = weighted(&low, high, n / 2, |x| v[2 * x + parity]);
            for before in [0, 3] {
                let there = device.vector([&fields(before), v.as_slice(), &fields(2)].concat());
                let part = before..before + n;
                assert_eq!(device.half_sum([&low, high], &there, part, parity), plain, "{n} values");
            }
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
            let there: Vec<_> = pairs.iter().map(|pair| pair.map(|v| device.vector(v.to_vec()))).collect();
            let there: Vec<_> = there.iter().map(|[a, b]| [a, b]).collect();
            assert_eq!(device.product_round(&there), plain(&pairs), "{n} values");
        }
    }
}

fn fractions(device: &impl Device) {
    for n in [0, 1, 2, 3, 4, 12, 254, 1000] {
        let (p, q) = (fields(n), &fields(2 * n)[n..]);
        let there = [&p, q].map(|v| device.vector(v.to_vec()));
        let [up, down] = device.fraction_layer(&there[0], &there[1]).map(|v| all(device, &v));
        let plain = |f: fn(&[Fr], &[Fr]) -> Fr| p.chunks_exact(2).zip(q.chunks_exact(2)).map(move |(p, q)| f(p, q));
        assert!(up.into_iter().eq(plain(|p, q| p[0] * q[1] + p[1] * q[0])), "{n} values");
        assert!(down.into_iter().eq(plain(|_, q| q[0] * q[1])), "{n} values");
        for (low, high) in [(1, 1), (1, 300), (8, 1), (8, 40), (64, 4)] {
            let (low, high) = (fields(low), &fields(high + 9)[9..]);
            let at0 = weighted(&low, high, n / 4, |x| p[4 * x] * q[4 * x + 1] + p[4 * x + 1] * q[4 * x]);
            let rise = |v: &[Fr], x: usize, child: usize| v[4 * x + 2 + child] - v[4 * x + child];
            let top = weighted(&low, high, n / 4, |x| rise(&p, x, 0) * rise(q, x, 1) + rise(&p, x, 1) * rise(q, x, 0));
            assert_eq!(device.fraction_round([&low, high], &there[0], &there[1]), [at0, top], "{n} values");
        }
        let r = fields(40)[33];
        let mut mixed = p.clone();
        mixed.chunks_exact_mut(2).zip(q.chunks_exact(2)).for_each(|(p, q)| p[1] += r * q[1]);
        assert_eq!(changed(device, &p, |p| device.mix(p, &there[1], &r)), mixed, "{n} values");
        for more in if n % 2 == 0 { 0..5 } else { 0..0 } {
            let mut longer = p.clone();
            longer.extend([r, -r].into_iter().cycle().take(more));
            assert_eq!(changed(device, &p, |p| device.extend(p, [r, -r], n + more)), longer, "{more} more than {n}");
        }
    }
}

/// Leaves of every kind at any place: in a table, on both sides of it, at the ends of what a form may be, and given.
fn leaves(device: &impl Device) {
    let r = fields(40)[33];
    for (count, size) in [(1, 1), (5, 64), (300, 64), (300, 1000)] {
        let table: Vec<Fr> = (0..size).map(|v| r - Fr::from(v as u64)).collect();
        let there = device.vector(table.clone());
        let places = Ints::U16((0..count + 9).map(|i| (i * 7 % (size + 3)) as u16).collect());
        let mut forms = vec![Form { constant: 0, terms: vec![(1, &places)] }, Form { constant: 2, terms: vec![] }];
        let columns = columns(1000.max(count + 9));
        let (most, other) = ((1 << 31) - 1, &columns[5]);
        for c in &columns {
            forms.push(Form { constant: -most, terms: vec![(-most, c), (1, &places)] });
            forms.push(Form { constant: most, terms: vec![(most, c), (-3, other), (1, c)] });
        }
        for form in &forms {
            let run = Leaves::Indices { table: &there, form, from: 4, count };
            let (p, q) = (fields(7), fields(14)[7..].to_vec());
            let counts = 2.min(size);
            let runs = vec![
                Run {
                    at: count + 10,
                    leaves: Leaves::Table { table: &there, counts: other, from: size - counts, count: counts },
                },
                Run { at: count + 3, leaves: Leaves::Given { p: p.clone(), q: q.clone() } },
                Run { at: 2, leaves: run },
            ];
            let found = device.leaves(count + 20, runs).map(|v| all(device, &v));
            let mut plain = [vec![Fr::ZERO; count + 20], vec![Fr::one(); count + 20]];
            for i in 0..count {
                let v = form.terms.iter().map(|(f, c)| f * c.get(i + 4)).sum::<i128>() + form.constant;
                plain[0][2 + i] = Fr::one();
                plain[1][2 + i] = r - field(v);
            }
            plain[0][count + 3..count + 10].copy_from_slice(&p);
            plain[1][count + 3..count + 10].copy_from_slice(&q);
            for i in 0..counts {
                plain[0][count + 10 + i] = -other.field(size - counts + i);
                plain[1][count + 10 + i] = table[size - counts + i];
            }
            assert_eq!(found, plain, "{form:?}");
        }
    }
}

/// Vectors made and sums formed block by block.
fn blocks(device: &impl Device) {
    for n in [0, 1, 8, 100, 3000] {
        let v = fields(n);
        let make = |range: std::ops::Range<usize>| {
            assert!(range.start.is_multiple_of(8) && range.end <= n);
            [device.vector(v[range.clone()].to_vec()), device.vector(v[range].iter().map(|v| -*v).collect())]
        };
        let [a, b] = device.in_blocks(n, 8, make).map(|v| all(device, &v));
        assert!(a == v && b.into_iter().eq(v.iter().map(|v| -*v)), "{n} values");
        let sum = device.sum_blocks(n, 8, |range| [v[range.clone()].iter().sum(), Fr::from(range.len() as u64)]);
        assert_eq!(sum, [v.iter().sum(), Fr::from(n as u64)], "{n} values");
    }
}

/// Rows of coefficients, and divisions by X^b − α and X − x.
fn polynomials(device: &impl Device) {
    let x = fields(40)[33];
    for n in [1, 2, 5, 64, 65, 1100, 5000] {
        let f = fields(n);
        let there = device.vector(f.clone());
        let coefficient = |v: &[Fr], i: usize| v.get(i).copied().unwrap_or(Fr::ZERO);
        for b in [1, 3, 64, 1000].into_iter().filter(|b| *b < n) {
            let w = fields(b);
            let plain: Vec<Fr> = f.chunks(b).map(|row| row.iter().zip(&w).map(|(f, w)| *f * w).sum()).collect();
            assert_eq!(device.row_sums(&there, &w), plain, "{n} by {b}");
            let (q, g) = device.divide(&there, b, &x);
            let q = all(device, &q);
            assert_eq!((q.len(), g.len()), (n - b, b));
            for (i, f) in f.iter().enumerate() {
                let low = i.checked_sub(b).map_or_else(|| g[i], |i| q[i]);
                assert_eq!(low - x * coefficient(&q, i), *f, "{n} by {b}");
            }
        }
        let q = all(device, &device.quotient(&there, &x));
        assert_eq!(q.len(), n - 1);
        for (i, f) in f.iter().enumerate().skip(1) {
            assert_eq!(q[i - 1] - x * coefficient(&q, i), *f, "{n} coefficients");
        }
        assert_eq!(all(device, &device.zeros(n)), vec![Fr::ZERO; n]);
        assert_eq!(device.msm_vector(&[], &there), G1Projective::ZERO);
    }
}

/// Exact products, the ends of both types among them.
fn products(device: &impl Device) {
    for (rows, across, inner) in [(0, 3, 4), (3, 0, 4), (1, 1, 1), (5, 7, 11), (40, 2, 33), (300, 9, 16)] {
        let mut rng = rng();
        let a: Vec<i32> =
            (0..rows * inner).map(|i| if i % 5 == 0 { -(1 << 20) } else { rng.r#gen::<i32>() >> 8 }).collect();
        let b: Vec<i16> = (0..across * inner).map(|i| if i % 3 == 0 { i16::MIN } else { rng.r#gen() }).collect();
        let one = |y: usize, at: &dyn Fn(usize) -> usize| -> i64 {
            (0..inner).map(|i| i64::from(a[y * inner + i]) * i64::from(b[at(i)])).sum()
        };
        let cells = || (0..rows).flat_map(|y| (0..across).map(move |x| (y, x)));
        let plain: Vec<i64> = cells().map(|(y, x)| one(y, &|i| x * inner + i)).collect();
        assert_eq!(device.products(&a, &b, inner, Right::Rows), plain, "{rows} by {across}");
        let plain: Vec<i64> = cells().map(|(y, x)| one(y, &|i| i * across + x)).collect();
        assert_eq!(device.products(&a, &b, inner, Right::Columns), plain, "{rows} by {across}");
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
        let all = changed(device, &c.fields(), |v| point.iter().for_each(|r| device.fold(v, r)));
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
        let there = device.vector(scalars.clone());
        assert_eq!(device.msm_vector(&bases, &there), plain_sum(&bases, &scalars), "{n} scalars");
        assert_eq!(device.msm_vector(&bases[n / 2..], &there), plain_sum(&bases[n / 2..], &scalars), "{n} scalars");
        scalars.fill(-Fr::one());
        assert_eq!(device.msm(&bases[n / 2..], &scalars), plain_sum(&bases[n / 2..], &scalars), "{n} scalars");
        for c in columns(n) {
            assert_eq!(device.commit(&bases, &[(0, &c)]), [plain_sum(&bases, &c.fields())], "{c:?}");
        }
        // all in one bucket, and the sum of a point and its opposite
        for v in [0, 1, -1, i16::MAX, i16::MIN] {
            let c = Ints::I16(vec![v; n]);
            assert_eq!(device.commit(&bases, &[(0, &c)]), [plain_sum(&bases, &c.fields())], "{n} times {v}");
            let same: Vec<G1Affine> = (0..n).map(|i| if i % 3 == 0 { -bases[0] } else { bases[0] }).collect();
            assert_eq!(device.commit(&same, &[(0, &c)]), [plain_sum(&same, &c.fields())], "{n} times {v}");
        }
    }
}

/// One bucket of more points than two rounds of pieces hold.
fn crowds(device: &impl Device) {
    let bases: Vec<G1Affine> = points(70).into_iter().cycle().take(2200).collect();
    let ones: G1Projective = bases.iter().sum();
    assert_eq!(device.commit(&bases, &[(0, &Ints::U8(vec![1; 2200]))]), [ones]);
    assert_eq!(device.commit(&bases, &[(0, &Ints::I64(vec![-1; 2200]))]), [-ones]);
    assert_eq!(device.msm(&bases, &vec![-Fr::one(); 2200]), -ones);
}

/// All of it.
pub fn suite(device: &impl Device) {
    from_host(device);
    folds(device);
    inverses(device);
    half_sums(device);
    rounds(device);
    leaves(device);
    blocks(device);
    fractions(device);
    polynomials(device);
    evaluations(device);
}

/// What reads and gives what the host has: right even where a device is lost on the way.
pub fn from_host(device: &impl Device) {
    eq_tables(device);
    matrices(device);
    products(device);
    crowds(device);
    multiples(device);
}
