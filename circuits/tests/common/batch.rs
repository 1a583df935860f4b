//! Small random batches.

use ark_bn254::Fr;
use talea_circuits::{
    Check, Rejection, Result,
    relations::{
        Key,
        prover::{Committed, Context, Input},
        registered::{AdapterValues, Registered},
        shape::{AdapterShape, Module, Shape},
        values::{Policy, Request, Slot, Values},
    },
};
use talea_gpu::{Cpu, Ints};

use super::srs;

/// Numbers from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn small(&mut self) -> i16 {
        (self.next() >> 48) as i16 >> 1
    }
}

/// Everything that a batch's proof is made from.
pub struct Case {
    pub key: Key,
    pub adapters: Vec<Registered>,
    pub values: Values,
    pub context: Context,
}

/// The shape of the tests: two adapters of different ranks, widths that are no powers of two, an input that two modules share.
pub fn shape(deltas: bool) -> Shape {
    let module = |input, d_in, d_out| Module { input, d_in, d_out };
    let first = AdapterShape {
        inputs: 2,
        modules: vec![module(0, 6, 5), module(0, 6, 3), module(1, 4, 6)],
        rank: 1,
        clusters: 2,
    };
    let second = AdapterShape { inputs: 1, modules: vec![module(0, 7, 2)], rank: 2, clusters: 1 };
    Shape { adapters: vec![first, second], requests: 2, tokens: 2, clusters: 2, deltas, domain: 6 }
}

pub fn case(shape: Shape, seed: u64) -> Case {
    let mut n = Random::new(seed);
    let (powers, pairing) = srs();
    let key = Key::new(shape, pairing).unwrap();
    let shape = &key.shape;
    let adapters: Vec<Registered> = shape
        .adapters
        .iter()
        .enumerate()
        .map(|(i, a)| {
            let ranks: Vec<usize> = a.modules.iter().map(|_| 1 + n.below(1 << a.rank) as usize).collect();
            let coordinates: usize = ranks.iter().sum();
            let rows = 1 + n.below(1 << a.clusters) as usize;
            let mut list = |len: usize| (0..len).map(|_| n.small()).collect::<Vec<i16>>();
            let values = AdapterValues {
                a: a.modules.iter().zip(&ranks).map(|(m, r)| list(m.d_in * r)).collect(),
                b: a.modules.iter().zip(&ranks).map(|(m, r)| list(m.d_out * r)).collect(),
                h: list(rows * coordinates),
            };
            Registered::new(&Cpu, a, &values, powers, &[i as u8; 32])
        })
        .collect();
    let slots = (0..shape.adapters.len())
        .map(|i| {
            let mut cuts: Vec<u16> = (0..4).map(|_| n.below(10_001) as u16).collect();
            cuts.sort_unstable();
            let bps = [cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], cuts[3] - cuts[2], 10_000 - cuts[3]];
            Slot { policy: Policy { power: [1, 2, 4][n.below(3) as usize], bps }, base: 16 * i as u64 }
        })
        .collect();
    let requests = requests(shape, &mut n);
    let rows = |b: &talea_circuits::relations::shape::InputBlock| {
        let (t, q) = (1usize << shape.tokens, 1usize << shape.requests);
        let of_row = |row: usize| (row % t, requests[b.slot * q + row / t].tokens as usize);
        let mut x = Vec::new();
        for row in 0..t * q {
            let (token, tokens) = of_row(row);
            let random = (0..1 << b.vars).map(|_| (n.next() >> 44) as i32 - (1 << 19)).collect::<Vec<_>>();
            x.extend(random.into_iter().map(|v| if token < tokens { v } else { 0 }));
        }
        x
    };
    let x = shape.inputs().iter().map(rows).collect();
    let all: Vec<&Registered> = adapters.iter().collect();
    let values = Values::new(&Cpu, &key, &all, slots, requests, x);
    let context = Context {
        chain: 31337,
        contract: [0xc0; 20],
        node: [0x0e; 20],
        nonce: seed,
        node_slot: 63 - n.below(8),
        receipts: [7; 32],
    };
    Case { key, adapters, values, context }
}

/// Requests of one to three q slots each, some places empty.
fn requests(shape: &Shape, n: &mut Random) -> Vec<Request> {
    let (t, q) = (1u64 << shape.tokens, 1u32 << shape.requests);
    let mut all = Vec::new();
    for _ in &shape.adapters {
        let mut at = 0;
        while at < q {
            let span = (1 + n.below(3) as u32).min(q - at);
            let empty = n.below(5) == 0;
            for i in 0..span {
                let tokens = if empty {
                    0
                } else if i + 1 < span {
                    t
                } else {
                    1 + n.below(t)
                };
                let fee = if empty || i > 0 { 0 } else { u128::from(n.next()) << n.below(28) };
                all.push(Request { fee, tokens: tokens as u32, head: at, receipt: [n.next() as u8; 32] });
            }
            at += span;
        }
    }
    all
}

/// One adapter whose weights, and requests whose rows and fees, are as large as they may be.
pub fn extreme(power: u8, sign: i16) -> Case {
    let (powers, pairing) = srs();
    // 2^24 is 512 weights of 2^15 − 1 and a half of one
    let d_in = 513;
    let module = Module { input: 0, d_in, d_out: 2 };
    let adapter = AdapterShape { inputs: 1, modules: vec![module], rank: 0, clusters: 1 };
    let shape = Shape { adapters: vec![adapter.clone()], requests: 1, tokens: 1, clusters: 1, deltas: true, domain: 6 };
    let key = Key::new(shape, pairing).unwrap();
    let most = i16::MAX;
    let mut a = vec![most; d_in];
    a[512] = 512;
    let values = AdapterValues { a: vec![a], b: vec![vec![-most, most]], h: vec![sign * most, sign] };
    let registered = Registered::new(&Cpu, &adapter, &values, powers, &[1; 32]);
    let x: Vec<Vec<i32>> = key.shape.inputs().iter().map(|b| vec![(1 << 19) - 1; 4 << b.vars]).collect();
    let requests = (0..2).map(|q| Request { fee: (1 << 92) - 1 - q, tokens: 2, head: q as u32, receipt: [0xff; 32] });
    let slots = vec![Slot { policy: Policy { power, bps: [10_000, 0, 0, 0, 0] }, base: 48 }];
    let values = Values::new(&Cpu, &key, &[&registered], slots, requests.collect(), x);
    let context = Context {
        chain: u64::MAX,
        contract: [0xff; 20],
        node: [0xff; 20],
        nonce: u64::MAX,
        node_slot: 0,
        receipts: [0xff; 32],
    };
    Case { key, adapters: vec![registered], values, context }
}

impl Case {
    pub fn adapters(&self) -> Vec<&Registered> {
        self.adapters.iter().collect()
    }

    pub fn columns(&self) -> Vec<Ints> {
        self.values.columns(&self.key, &self.adapters()).unwrap()
    }

    /// Commits to these columns, which may be a liar's.
    pub fn commit(&self, columns: Vec<Ints>) -> Committed<'_> {
        let input = Input { key: &self.key, values: &self.values, context: &self.context };
        Committed::new(&Cpu, input, &self.adapters(), columns, &srs().0, &[9; 32], None)
    }

    pub fn prove(&self, columns: Vec<Ints>) -> (talea_circuits::relations::statement::Statement<Fr>, Vec<u8>) {
        let committed = self.commit(columns);
        let proof = committed.prove(&Cpu, &srs().0, &mut |_| {});
        (committed.statement.clone(), proof)
    }

    /// Proves these columns and verifies.
    pub fn check(&self, columns: Vec<Ints>) -> Result<()> {
        let (statement, proof) = self.prove(columns);
        self.key.verify(&srs().1, &statement, &proof)
    }
}

/// The checks that most lies fail at.
pub const WEIGHTS: Check = Check::Relation("weights and payouts");
/// And of matrix products.
pub const PRODUCTS: Check = Check::Relation("matrix products");

pub fn failed(check: Check) -> Result<()> {
    Err(Rejection::Check(check))
}

/// A batch with fees, contributors' shares, scores of both signs and a request of several slots.
pub fn a_case() -> Case {
    (0..)
        .map(|seed| case(shape(true), seed))
        .find(|c| {
            let k = 1usize << c.key.shape.clusters;
            let at = (0..c.values.scores.len()).max_by_key(|i| c.values.scores[*i]).unwrap();
            let fees = c.values.requests[at / k].fee > 1 << 60 && c.values.slots.iter().all(|s| s.policy.bps[0] > 100);
            fees && c.values.scores.iter().any(|s| *s < 0)
                && c.values.requests.iter().enumerate().any(|(i, r)| r.head as usize != i % 4)
        })
        .unwrap()
}
