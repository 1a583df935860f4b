//! One trial for everything that a device does: run twice for a test, many times for a bench.

use std::{array, cell::RefCell, ops::Range, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
use talea_circuits::transcript::bytes::{point_bytes, scalar_bytes};
use talea_gpu::{
    Device, Ints, Right, eq_halves,
    leaves::{Form, Leaves, Run},
};

/// What a trial must do at least.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Bytes read and written.
    pub bytes: usize,
    /// Products of field elements.
    pub products: usize,
}

/// Random numbers, points and columns of 2^`vars` values.
pub struct Data {
    pub vars: usize,
    pub fields: Vec<Fr>,
    pub points: Arc<Vec<G1Affine>>,
    pub columns: Arc<Vec<Ints>>,
    a: Vec<i32>,
    b: Vec<i16>,
}

/// What is told of a trial: its name, what it costs, what to do before it is run, and how to run it. Run in full, it gives all of its
/// answer; else as much as makes sure that it is done.
pub type Tell<'t> = dyn FnMut(&'static str, Cost, &dyn Fn(), &dyn Fn(bool) -> Vec<u8>) + 't;

/// Nothing to do before.
const NOTHING: &dyn Fn() = &|| ();

/// Rows of the right one of two integer matrices.
const ACROSS: usize = 16;

impl Data {
    /// From BLAKE3 of a seed; points are repeated from 2^16 on, which no sum can make use of.
    pub fn new(vars: usize, seed: u64) -> Self {
        let n = 1usize << vars;
        let mut stream = blake3::Hasher::new_derive_key("talea 1 trials").update(&seed.to_le_bytes()).finalize_xof();
        let mut words = |n: usize| -> Vec<u64> {
            let mut bytes = vec![0; 8 * n];
            stream.fill(&mut bytes);
            bytes.chunks_exact(8).map(|b| u64::from_le_bytes(array::from_fn(|i| b[i]))).collect()
        };
        let wide = words(4 * n);
        let element = |w: &[u64]| w.iter().fold(Fr::from(0u64), |v, w| v * Fr::from(u64::MAX) + Fr::from(*w));
        let mut fields: Vec<Fr> = wide.chunks_exact(4).map(element).collect();
        // the ends, where they may stand
        for (at, v) in [(0, Fr::from(0u64)), (1, Fr::from(1u64)), (2, -Fr::from(1u64))] {
            if let Some(to) = fields.get_mut(at) {
                *to = v;
            }
        }
        let few = BatchMulPreprocessing::new(G1Projective::generator(), n.min(1 << 16));
        let few: Vec<G1Affine> = few.batch_mul(&fields[..n.min(1 << 16)]);
        let points = Arc::new(few.iter().copied().cycle().take(n).collect());
        let columns = vec![
            Ints::U8(words(n).iter().map(|w| *w as u8).collect()),
            Ints::U16(words(n).iter().map(|w| *w as u16).collect()),
            Ints::U32(words(n).iter().map(|w| *w as u32).collect()),
            Ints::U64(words(n)),
            Ints::I16(words(n).iter().map(|w| *w as i16).collect()),
            Ints::I32(words(n).iter().map(|w| *w as i32 >> 12).collect()),
            Ints::I64(words(n).iter().map(|w| w.cast_signed()).collect()),
        ];
        let a = words(n).iter().map(|w| *w as i32 >> 12).collect();
        let b = words(ACROSS * Self::inner_of(n)).iter().map(|w| *w as i16).collect();
        Self { vars, fields, points, columns: Arc::new(columns), a, b }
    }

    /// Length of the rows of a matrix of n cells.
    fn inner_of(n: usize) -> usize {
        n.min(1 << 12)
    }
}

fn bytes_of(values: &[Fr]) -> Vec<u8> {
    values.iter().flat_map(scalar_bytes).collect()
}

fn bytes_of_points(points: &[G1Projective]) -> Vec<u8> {
    let of = |p: &G1Affine| if p.is_zero() { [0; 64] } else { point_bytes(p) };
    G1Projective::normalize_batch(points).iter().flat_map(of).collect()
}

/// All of a vector, or its first value.
fn answer<D: Device>(device: &D, v: &D::Vector, full: bool) -> Vec<u8> {
    let n = device.len(v);
    bytes_of(&device.read(v, 0..if full { n } else { n.min(1) }))
}

/// Additions of a sum of so many digits of so many points, in products: ten of an affine point to one in XYZZ coordinates.
fn additions(n: usize, bits: usize) -> usize {
    // the windows that a sum of this length has room for
    let window = (n.max(2).ilog2() as usize).clamp(2, 17);
    10 * n * bits.div_ceil(window)
}

/// All trials, in order.
pub fn each<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    commitments(device, data, tell);
    rounds(device, data, tell);
    lookups(device, data, tell);
    matrices(device, data, tell);
    polynomials(device, data, tell);
}

fn commitments<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    let n = data.fields.len();
    device.keep(&data.points);
    let there = device.vector(data.fields.clone());
    let cost = Cost { bytes: 96 * n, products: additions(n, 254) };
    tell("sum of multiples", cost, NOTHING, &|_| bytes_of_points(&[device.msm_vector(&data.points, &there)]));
    let _held = device.hold(&data.columns);
    let names = ["commit u8", "commit u16", "commit u32", "commit u64", "commit i16", "commit i32", "commit i64"];
    for (name, (column, bits)) in names.into_iter().zip(data.columns.iter().zip([8, 16, 32, 64, 16, 32, 64])) {
        let cost = Cost { bytes: 64 * n + column.size(), products: additions(n, bits) };
        tell(name, cost, NOTHING, &|_| bytes_of_points(&device.commit(&data.points, &[(0, column)])));
    }
    let all: Vec<(usize, &Ints)> = data.columns.iter().map(|c| (0, c)).collect();
    let sizes: usize = data.columns.iter().map(Ints::size).sum();
    let cost = Cost { bytes: 64 * n + sizes, products: additions(n, 232) };
    tell("commit all seven", cost, NOTHING, &|_| bytes_of_points(&device.commit(&data.points, &all)));
}

fn rounds<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    let (n, vars) = (data.fields.len(), data.vars);
    let point: Vec<Fr> = data.fields.iter().rev().cycle().take(vars).copied().collect();
    let r = data.fields[n - 1];
    let _held = device.hold(&data.columns);
    tell("eq table", Cost { bytes: 64 * n, products: n }, NOTHING, &|_| bytes_of(&device.eq(&point)));
    let there = device.vector(data.fields.clone());
    let other = device.vector(data.fields.iter().rev().copied().collect());
    let values = RefCell::new(device.zeros(0));
    let fresh = || *values.borrow_mut() = device.vector(data.fields.clone());
    tell("fold", Cost { bytes: 48 * n, products: n / 2 }, &fresh, &|full| {
        device.fold(&mut values.borrow_mut(), &r);
        answer(device, &values.borrow(), full)
    });
    for (name, column, products) in [("fold i32", 5, n), ("fold u16", 1, n), ("fold u64", 3, n)] {
        let column = &data.columns[column];
        tell(name, Cost { bytes: 16 * n + column.size(), products }, NOTHING, &|full| {
            answer(device, &device.fold_ints(column, &r), full)
        });
    }
    // three products for each, and 64 share one inverse, which is a power: about 380 products
    let cost = Cost { bytes: 64 * n, products: 9 * n };
    tell("inverses", cost, NOTHING, &|full| answer(device, &device.invert(&there), full));
    if vars == 0 {
        return;
    }
    let [low, high] = eq_halves(device, &point[1..]);
    let eq = [low.as_slice(), &high];
    for (name, parity) in [("half sum, even", 0), ("half sum, odd", 1)] {
        let cost = Cost { bytes: 32 * n, products: n / 2 };
        tell(name, cost, NOTHING, &|_| bytes_of(&[device.half_sum(eq, &there, 0..n, parity)]));
    }
    for (name, column) in [("half sum of i32", 5), ("half sum of u16", 1), ("half sum of i64", 6)] {
        let column = &data.columns[column];
        // a product by a digit of 32 bits is an eighth of one
        let cost = Cost { bytes: column.size(), products: n / 16 };
        tell(name, cost, NOTHING, &|_| bytes_of(&[device.half_sum_ints(eq, column, 0..n, 0)]));
    }
    let cost = Cost { bytes: 64 * n, products: n };
    tell("round of products", cost, NOTHING, &|_| bytes_of(&device.product_round(&[[&there, &other]])));
    let cost = Cost { bytes: 128 * n, products: 2 * n };
    let pairs = [[&there, &other], [&other, &other]];
    tell("round of two products", cost, NOTHING, &|_| bytes_of(&device.product_round(&pairs)));
}

fn lookups<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    let (n, r) = (data.fields.len(), data.fields[data.fields.len() - 1]);
    let _held = device.hold(&data.columns);
    let size = n.min(1 << 16);
    let table = device.vector((0..size).map(|v| r - Fr::from(v as u64)).collect());
    let form = Form { constant: 0, terms: vec![(1, &data.columns[1])] };
    let wide = Form { constant: -5, terms: vec![(1, &data.columns[1]), (-(1 << 16), &data.columns[4])] };
    for (name, form, read) in [("leaves", &form, 2), ("leaves outside of the table", &wide, 4)] {
        tell(name, Cost { bytes: (96 + read) * n, products: 0 }, NOTHING, &|full| {
            let leaves = Leaves::Indices { table: &table, form, from: 0, count: n };
            let [p, q] = device.leaves(n, vec![Run { at: 0, leaves }]);
            [answer(device, &p, full), answer(device, &q, full)].concat()
        });
    }
    let counts = &data.columns[2];
    tell("leaves of the table", Cost { bytes: 100 * size, products: size }, NOTHING, &|full| {
        let leaves = Leaves::Table { table: &table, counts, from: 0, count: size };
        let [p, q] = device.leaves(size, vec![Run { at: 0, leaves }]);
        [answer(device, &p, full), answer(device, &q, full)].concat()
    });
    tell("leaves that are given", Cost { bytes: 128 * n, products: 0 }, NOTHING, &|full| {
        let (p, q) = (data.fields.clone(), data.fields.iter().rev().copied().collect());
        let [p, q] = device.leaves(n, vec![Run { at: 0, leaves: Leaves::Given { p, q } }]);
        [answer(device, &p, full), answer(device, &q, full)].concat()
    });
    let p = device.vector(data.fields.clone());
    let q = device.vector(data.fields.iter().rev().copied().collect());
    let halves = |range: Range<usize>| [(); 2].map(|()| device.vector(data.fields[range.clone()].to_vec()));
    tell("vectors made in blocks", Cost { bytes: 128 * n, products: 0 }, NOTHING, &|full| {
        let [p, q] = device.in_blocks(n, 2, halves);
        [answer(device, &p, full), answer(device, &q, full)].concat()
    });
    tell("sums of blocks", Cost { bytes: 64 * n, products: 2 * n }, NOTHING, &|_| {
        let sum = |range: Range<usize>| {
            let [a, b] = halves(range);
            device.product_round(&[[&a, &b]])
        };
        bytes_of(&device.sum_blocks(n, 2, sum))
    });
    tell("layer of fractions", Cost { bytes: 96 * n, products: n / 2 * 3 }, NOTHING, &|full| {
        let [p, q] = device.fraction_layer(&p, &q);
        [answer(device, &p, full), answer(device, &q, full)].concat()
    });
    let values = RefCell::new(device.zeros(0));
    let fresh = || *values.borrow_mut() = device.vector(data.fields.clone());
    tell("mix", Cost { bytes: 48 * n, products: n / 2 }, &fresh, &|full| {
        device.mix(&mut values.borrow_mut(), &q, &r);
        answer(device, &values.borrow(), full)
    });
    if data.vars < 2 {
        return;
    }
    let point: Vec<Fr> = data.fields.iter().rev().cycle().take(data.vars - 2).copied().collect();
    let [low, high] = eq_halves(device, &point);
    let cost = Cost { bytes: 64 * n, products: n / 4 * 6 };
    tell("round of fractions", cost, NOTHING, &|_| bytes_of(&device.fraction_round([&low, &high], &p, &q)));
    tell("fold of children", Cost { bytes: 48 * n, products: n / 2 }, &fresh, &|full| {
        device.fold_children(&mut values.borrow_mut(), &r);
        answer(device, &values.borrow(), full)
    });
}

fn matrices<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    let (n, columns) = (data.fields.len(), Data::inner_of(data.fields.len()));
    let _held = device.hold(&data.columns);
    // a product by a digit of 32 bits is an eighth of one
    for (name, column, products) in [
        ("matrix of i32 times vector", 5, n / 8),
        ("matrix of i16 times vector", 4, n / 8),
        ("matrix of i64 times vector", 6, n / 4),
    ] {
        let (column, w) = (&data.columns[column], &data.fields[..columns]);
        let cost = Cost { bytes: column.size(), products };
        tell(name, cost, NOTHING, &|_| bytes_of(&device.matrix_vector(column, 0..n, w)));
    }
    for (name, column, products) in [
        ("vector times matrix of i32", 5, n / 8),
        ("vector times matrix of i16", 4, n / 8),
        ("vector times matrix of u64", 3, n / 4),
    ] {
        let (column, w) = (&data.columns[column], &data.fields[..n / columns]);
        let cost = Cost { bytes: column.size(), products };
        tell(name, cost, NOTHING, &|_| bytes_of(&device.vector_matrix(w, column, 0..n)));
    }
    for (name, right) in [("integer product, rows", Right::Rows), ("integer product, columns", Right::Columns)] {
        let out = n / columns * ACROSS;
        tell(name, Cost { bytes: 4 * n + 8 * out, products: 0 }, NOTHING, &|_| {
            let products = device.products(&data.a, &data.b, columns, right);
            products.iter().flat_map(|v| v.to_le_bytes()).collect()
        });
    }
}

fn polynomials<D: Device>(device: &D, data: &Data, tell: &mut Tell<'_>) {
    let (n, r) = (data.fields.len(), data.fields[data.fields.len() - 1]);
    let _held = device.hold(&data.columns);
    let f = device.vector(data.fields.clone());
    let sum = RefCell::new(device.zeros(0));
    let fresh = || *sum.borrow_mut() = device.zeros(n);
    tell("add a column", Cost { bytes: 64 * n + data.columns[5].size(), products: n }, &fresh, &|full| {
        device.add_ints(&mut sum.borrow_mut(), 0, &r, &data.columns[5]);
        answer(device, &sum.borrow(), full)
    });
    tell("add a vector", Cost { bytes: 96 * n, products: n }, &fresh, &|full| {
        device.add(&mut sum.borrow_mut(), 0, &r, &f);
        answer(device, &sum.borrow(), full)
    });
    let b = 1 << data.vars.div_ceil(2);
    let w = &data.fields[..b.min(n)];
    let even = RefCell::new(device.zeros(0));
    let shorter = || *even.borrow_mut() = device.vector(data.fields[..n / 4 * 2].to_vec());
    tell("pairs at the end", Cost { bytes: 32 * (n - n / 4 * 2), products: 0 }, &shorter, &|full| {
        device.extend(&mut even.borrow_mut(), [r, -r], n);
        answer(device, &even.borrow(), full)
    });
    tell("sums of rows", Cost { bytes: 32 * n, products: n }, NOTHING, &|_| bytes_of(&device.row_sums(&f, w)));
    if n < 2 {
        return;
    }
    let b = b.min(n - 1);
    tell("division by X^b - a", Cost { bytes: 64 * n, products: n }, NOTHING, &|full| {
        let (q, g) = device.divide(&f, b, &r);
        [answer(device, &q, full), bytes_of(&g)].concat()
    });
    tell("division by X - x", Cost { bytes: 96 * n, products: 2 * n }, NOTHING, &|full| {
        answer(device, &device.quotient(&f, &r), full)
    });
}
