//! A batch in integers: docs/semantics.md §5 to §8 over the cells of a key.
//!
//! Every step reads what the one before it wrote, and all of it is public, so that a test may lie at one step and compute the
//! rest honestly.

use ark_bn254::Fr;
use rayon::prelude::*;
use ruint::aliases::U256;
use talea_gpu::{Device, Ints, Right};

use super::{
    Key,
    adapter::AdapterLayout,
    equations::WHOLE,
    parts::{POWERS, R_BITS, S_BITS, U_BITS, U_SHIFT},
    registered::Registered,
    shape::blocks,
    statement::PolicyWords,
};
use crate::{
    columns::ColumnId,
    lookup::{
        prover::{Outside, multiplicities},
        range::Limbs,
    },
};

/// A policy in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// p: 1, 2 or 4.
    pub power: u8,
    /// Contributors, adapter owner, base-model owner, node, treasury.
    pub bps: [u16; 5],
}

impl Policy {
    /// As words.
    pub fn words(&self) -> PolicyWords<Fr> {
        let flag = |p| Fr::from(u64::from(self.power == p));
        PolicyWords { two: flag(2), four: flag(4), bps: self.bps.map(|b| Fr::from(u64::from(b))) }
    }

    /// s_p.
    fn shift(&self) -> usize {
        32 + 16 * usize::from(self.power)
    }
}

/// A q slot's row of the request table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Fee, in base units; of a request's first slot.
    pub fee: u128,
    /// Tokens in this slot.
    pub tokens: u32,
    /// The q slot at which its request begins.
    pub head: u32,
    /// Digest of its receipt.
    pub receipt: [u8; 32],
}

/// An adapter slot.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its adapter's policy.
    pub policy: Policy,
    /// First payout slot of its adapter.
    pub base: u64,
}

/// A batch in integers; vectors are indexed as the columns of [`super::parts::Parts`].
#[derive(Debug, Clone)]
pub struct Values {
    /// Adapter slots.
    pub slots: Vec<Slot>,
    /// (q, a).
    pub requests: Vec<Request>,
    /// Per block of X, (i, t, q).
    pub x: Vec<Vec<i32>>,
    /// Per place, (ρ, t, q).
    pub u: Vec<Vec<i32>>,
    /// The same of rem.
    pub rem: Vec<Vec<u16>>,
    /// Per block of D, (j, t, q).
    pub d: Vec<Vec<i64>>,
    /// V·Hᵀ of every q slot, (k, q, a).
    pub partial: Vec<i128>,
    /// S, (k, q, a).
    pub scores: Vec<i128>,
    /// κ, (q, a).
    pub kappa: Vec<u32>,
    /// R, (k, q, a).
    pub ranks: Vec<u32>,
    /// w, (k, q, a).
    pub weights: Vec<u128>,
    /// (q, a).
    pub pools: Vec<u128>,
    /// c, (q, a).
    pub quotients: Vec<u128>,
    /// P, (k, a).
    pub amounts: Vec<u128>,
    /// (r, a).
    pub roles: Vec<u128>,
    /// (a).
    pub dust: Vec<u128>,
}

impl Values {
    /// Everything that follows from rows of X, requests, adapters and policies.
    ///
    /// # Panics
    /// If their sizes are not the key's.
    pub fn new(
        device: &impl Device, key: &Key, adapters: &[&Registered], slots: Vec<Slot>, requests: Vec<Request>,
        x: Vec<Vec<i32>>,
    ) -> Self {
        let mut all = Self {
            slots,
            requests,
            x,
            u: Vec::new(),
            rem: Vec::new(),
            d: Vec::new(),
            partial: Vec::new(),
            scores: Vec::new(),
            kappa: Vec::new(),
            ranks: Vec::new(),
            weights: Vec::new(),
            pools: Vec::new(),
            quotients: Vec::new(),
            amounts: Vec::new(),
            roles: Vec::new(),
            dust: Vec::new(),
        };
        all.requests.resize(1 << (key.shape.requests + key.shape.slots()), Request::default());
        all.rows(device, key, adapters);
        all.outputs(device, key, adapters);
        all.partials(key, adapters);
        all.weigh(key);
        all.pay(key);
        all
    }

    /// U and rem of X.
    pub fn rows(&mut self, device: &impl Device, key: &Key, adapters: &[&Registered]) {
        let shape = &key.shape;
        let (rows, room) = (1usize << (shape.tokens + shape.requests), 1usize << shape.rank());
        let inputs = shape.inputs();
        let sums = device.map(shape.places(), |place| {
            let module = &shape.adapters[place.slot].modules[place.module];
            let (own, _) = AdapterLayout::new(&shape.adapters[place.slot]);
            let mut sums = vec![1i64 << (U_SHIFT - 1); rows * room];
            for (block, id) in own.a[place.module].iter().enumerate() {
                let (begin, vars) = blocks(module.d_in)[block];
                let reads =
                    |b: &super::shape::InputBlock| (b.slot, b.input, b.begin) == (place.slot, module.input, begin);
                let x = &self.x[inputs.iter().position(reads).expect("a block of an input")];
                let Ints::I16(a) = &adapters[place.slot].witness.columns[id.index()] else { unreachable!() };
                let products = device.products(x, a, 1 << vars, Right::Rows);
                // an adapter of a lower rank than the batch's fills the first of each row
                let own = products.chunks(a.len() >> vars).zip(sums.chunks_mut(room));
                own.for_each(|(from, to)| to.iter_mut().zip(from).for_each(|(sum, v)| *sum += v));
            }
            (sums.iter().map(|v| (v >> U_SHIFT) as i32).collect(), sums.iter().map(|v| *v as u16).collect())
        });
        (self.u, self.rem) = sums.into_iter().unzip();
    }

    /// D of U.
    pub fn outputs(&mut self, device: &impl Device, key: &Key, adapters: &[&Registered]) {
        let (shape, room) = (&key.shape, 1usize << key.shape.rank());
        let places = shape.places();
        self.d = device.map(shape.outputs(), |output| {
            let place = places[output.place];
            let (own, _) = AdapterLayout::new(&shape.adapters[place.slot]);
            let id = own.b[place.module][output.block];
            let Ints::I16(b) = &adapters[place.slot].witness.columns[id.index()] else { unreachable!() };
            let (u, own) = (&self.u[output.place], b.len() >> output.vars);
            // the rest of each row of U is zero where the adapter's rank is lower than the batch's
            if own == room {
                return device.products(u, b, own, Right::Columns);
            }
            let u: Vec<i32> = u.chunks(room).flat_map(|row| &row[..own]).copied().collect();
            device.products(&u, b, own, Right::Columns)
        });
    }

    /// Σ_f V·H per q slot, and S per request, of U.
    pub fn partials(&mut self, key: &Key, adapters: &[&Registered]) {
        let shape = &key.shape;
        let (k, q, slots) = (1usize << shape.clusters, 1usize << shape.requests, 1usize << shape.slots());
        let (tokens, room) = (1usize << shape.tokens, 1usize << shape.rank());
        self.partial = vec![0; k * q * slots];
        for (u, place) in self.u.iter().zip(shape.places()) {
            let adapter = &shape.adapters[place.slot];
            let (own, _) = AdapterLayout::new(adapter);
            let Ints::I16(h) = &adapters[place.slot].witness.columns[own.h[place.module].index()] else {
                unreachable!()
            };
            let cells = self.partial[place.slot * q * k..][..q * k].par_chunks_mut(k);
            cells.zip(u.par_chunks(tokens * room)).for_each(|(cells, u)| {
                let mut v = vec![0i64; room];
                u.chunks(room).for_each(|row| v.iter_mut().zip(row).for_each(|(v, u)| *v += i64::from(*u)));
                for (cell, h) in cells.iter_mut().zip(h.chunks(1 << adapter.rank)) {
                    *cell += v.iter().zip(h).map(|(v, h)| i128::from(*v) * i128::from(*h)).sum::<i128>();
                }
            });
        }
        self.scores = vec![0; k * q * slots];
        for (i, request) in self.requests.iter().enumerate() {
            let head = i / q * q + request.head as usize;
            (0..k).for_each(|c| self.scores[head * k + c] += self.partial[i * k + c]);
        }
    }

    /// κ, R and w of S.
    pub fn weigh(&mut self, key: &Key) {
        let (k, q) = (1usize << key.shape.clusters, key.shape.requests);
        let power = |i: usize| self.slots.get(i >> q).map_or(1, |slot| u32::from(slot.policy.power));
        self.kappa = self
            .scores
            .chunks(k)
            .map(|s| {
                let most = s.iter().copied().max().unwrap_or(0).max(0);
                i128::BITS - most.leading_zeros()
            })
            .collect();
        let rank = |(s, kappa): (&[i128], &u32)| -> Vec<u32> {
            s.iter().map(|s| ((*s).max(0) << R_BITS >> kappa) as u32).collect()
        };
        self.ranks = self.scores.chunks(k).zip(&self.kappa).flat_map(rank).collect();
        self.weights = self.ranks.iter().enumerate().map(|(i, r)| u128::from(*r).pow(power(i / k))).collect();
    }

    /// Pools, quotients, amounts, roles and dust of w.
    pub fn pay(&mut self, key: &Key) {
        let (k, q, slots) = (1usize << key.shape.clusters, 1usize << key.shape.requests, 1usize << key.shape.slots());
        let nobody = Policy { power: 1, bps: [0; 5] };
        let policy = |a: usize| self.slots.get(a).map_or(&nobody, |s| &s.policy);
        let share = |bps: u16, of: u128| of * u128::from(bps) / u128::from(WHOLE);
        self.pools = self.requests.iter().enumerate().map(|(i, r)| share(policy(i / q).bps[0], r.fee)).collect();
        self.quotients = (0..q * slots)
            .map(|i| {
                let total: u128 = self.weights[i * k..][..k].iter().sum();
                // nothing is shared where nobody is credited
                (wide(self.pools[i]) << policy(i / q).shift())
                    .checked_div(wide(total))
                    .unwrap_or_default()
                    .wrapping_to()
            })
            .collect();
        let amount = |at: usize| {
            let (c, a) = (at % k, at / k);
            let terms = (a * q..(a + 1) * q).map(|i| wide(self.quotients[i]) * wide(self.weights[i * k + c]));
            (terms.sum::<U256>() >> policy(a).shift()).wrapping_to()
        };
        self.amounts = (0..k * slots).map(amount).collect();
        let fees: Vec<u128> = self.requests.chunks(q).map(|all| all.iter().map(|r| r.fee).sum()).collect();
        self.roles = (0..slots)
            .flat_map(|a| policy(a).bps[1..].iter().map(|b| share(*b, fees[a])).collect::<Vec<_>>())
            .collect();
        self.dust = (0..slots)
            .map(|a| {
                let paid: u128 = self.amounts[a * k..][..k].iter().chain(&self.roles[4 * a..][..4]).sum();
                fees[a].wrapping_sub(paid)
            })
            .collect();
    }

    /// Every column of the key, multiplicities last.
    ///
    /// # Errors
    /// A value outside its range.
    pub fn columns(&self, key: &Key, adapters: &[&Registered]) -> Result<Vec<Ints>, Outside> {
        let parts = &key.parts;
        let mut all = Filled(vec![Ints::U8(Vec::new()); key.layout.columns().len()]);
        for (own, adapter) in parts.adapters.iter().zip(adapters) {
            let ids = own.a.iter().chain(&own.b).flatten().chain(&own.h);
            ids.zip(adapter.witness.columns.iter()).for_each(|(id, column)| all.set(*id, column.clone()));
        }
        parts.x.iter().zip(&self.x).for_each(|(id, x)| all.set(*id, Ints::I32(x.clone())));
        parts.d.iter().zip(&self.d).for_each(|(id, d)| all.set(*id, Ints::I64(d.clone())));
        for cube in &parts.cubes {
            let places = cube.first..cube.first + cube.places;
            let u: Vec<u128> = self.u[places.clone()]
                .iter()
                .flatten()
                .map(|u| (i64::from(*u) + (1 << (U_BITS - 1))) as u128)
                .collect();
            all.limbs(&cube.u, &u);
            all.limbs(&cube.rem, &self.rem[places].iter().flatten().map(|r| u128::from(*r)).collect::<Vec<_>>());
        }
        self.table_columns(key, &mut all);
        self.weight_columns(key, &mut all);
        self.payout_columns(key, &mut all);
        all.count(key)
    }

    fn table_columns(&self, key: &Key, all: &mut Filled) {
        let (parts, t, q) = (&key.parts, 1u64 << key.shape.tokens, 1usize << key.shape.requests);
        let of = |f: fn(&Request) -> u32| Ints::U32(self.requests.iter().map(f).collect());
        all.limbs(&parts.fee, &self.requests.iter().map(|r| r.fee).collect::<Vec<_>>());
        all.set(parts.tokens, of(|r| r.tokens));
        all.set(parts.head, of(|r| r.head));
        for (i, id) in parts.receipt.iter().enumerate() {
            let word = |r: &Request| r.receipt[8 * i..8 * i + 8].iter().fold(0u64, |w, b| w << 8 | u64::from(*b));
            all.set(*id, Ints::U64(self.requests.iter().map(word).collect()));
        }
        let tokens = || self.requests.iter().flat_map(|r| (0..t).map(move |at| (u64::from(r.tokens), at)));
        all.set(parts.mask, Ints::U8(tokens().map(|(n, at)| u8::from(at < n)).collect()));
        let border = tokens().map(|(n, at)| u128::from(if at < n { n - 1 - at } else { at - n }));
        all.limbs(&parts.border, &border.collect::<Vec<_>>());
        let owns = |i: usize| u8::from(self.requests[i / (q * q) * q + i % q].head as usize == i / q % q);
        all.set(parts.belongs, Ints::U8((0..q * self.requests.len()).map(owns).collect()));
    }

    fn weight_columns(&self, key: &Key, all: &mut Filled) {
        let (parts, k) = (&key.parts, 1usize << key.shape.clusters);
        let kappa = |i: usize| self.kappa[i / k];
        let cells = 0..self.scores.len();
        let bytes = |f: &dyn Fn(usize) -> bool| Ints::U8(cells.clone().map(|i| u8::from(f(i))).collect());
        let half = 1u32 << (R_BITS - 1);
        all.set(parts.positive, bytes(&|i| self.scores[i] >= 0));
        let size = |s: &i128| if *s >= 0 { *s as u128 } else { (-1 - *s) as u128 };
        all.limbs(&parts.size, &self.scores.iter().map(size).collect::<Vec<_>>());
        all.limbs(&parts.rank, &self.ranks.iter().map(|r| u128::from(r % half)).collect::<Vec<_>>());
        all.set(parts.top, bytes(&|i| self.ranks[i] >= half));
        let first = |i: usize| self.ranks[i / k * k..i].iter().all(|r| *r < half);
        all.set(parts.pick, bytes(&|i| self.ranks[i] >= half && first(i)));
        // 2^20·S⁺ − 2^κ·R, modulo 2^128 as it would be of a liar's
        let rest = |i: usize| {
            let credited = (self.scores[i].max(0) as u128) << R_BITS;
            credited.wrapping_sub(u128::from(self.ranks[i]) << kappa(i))
        };
        all.limbs(&parts.rest, &cells.clone().map(rest).collect::<Vec<_>>());
        let gap = |i: usize| (1u128 << kappa(i)).wrapping_sub(1).wrapping_sub(rest(i));
        all.limbs(&parts.gap, &cells.clone().map(gap).collect::<Vec<_>>());
        all.set(parts.square, Ints::U64(self.ranks.iter().map(|r| u64::from(*r).pow(2)).collect()));
        all.pair(parts.weight, self.weights.iter().copied());
        all.pair(parts.power, self.kappa.iter().map(|kappa| 1 << kappa));
        let none = self.ranks.chunks(k).map(|r| u8::from(r.iter().all(|r| *r < half)));
        all.set(parts.none, Ints::U8(none.collect()));
    }

    fn payout_columns(&self, key: &Key, all: &mut Filled) {
        let (parts, k, q) = (&key.parts, 1usize << key.shape.clusters, 1usize << key.shape.requests);
        let nobody = Policy { power: 1, bps: [0; 5] };
        let policy = |a: usize| self.slots.get(a).map_or(&nobody, |s| &s.policy);
        let whole = u128::from(WHOLE);
        let rests = |product: u128, quotient: u128| product.wrapping_sub(quotient.wrapping_mul(whole));
        let mut divided = |limbs: &[Limbs; 3], values: &[u128], rest: Vec<u128>, most: &dyn Fn(usize) -> u128| {
            let gap: Vec<u128> = rest.iter().enumerate().map(|(i, r)| most(i).wrapping_sub(*r)).collect();
            [values, &rest, &gap].into_iter().zip(limbs).for_each(|(v, limbs)| all.limbs(limbs, v));
        };
        let pool = |i: usize| rests(self.requests[i].fee * u128::from(policy(i / q).bps[0]), self.pools[i]);
        divided(&parts.pool, &self.pools, (0..self.pools.len()).map(pool).collect(), &|_| whole - 1);
        let total = |i: usize| self.weights[i * k..][..k].iter().fold(0u128, |sum, w| sum.wrapping_add(*w));
        let rest = |i: usize| match total(i) {
            0 => 0,
            w => (self.pools[i] << policy(i / q).shift()).wrapping_sub(w.wrapping_mul(self.quotients[i])),
        };
        divided(&parts.quotient, &self.quotients, (0..self.pools.len()).map(rest).collect(), &|i| {
            total(i).saturating_sub(1)
        });
        let rest = |at: usize| {
            let (c, a) = (at % k, at / k);
            let terms = (a * q..(a + 1) * q).map(|i| self.quotients[i].wrapping_mul(self.weights[i * k + c]));
            let sum = terms.fold(0u128, u128::wrapping_add);
            sum.wrapping_sub(self.amounts[at] << policy(a).shift())
        };
        divided(&parts.amount, &self.amounts, (0..self.amounts.len()).map(rest).collect(), &|at| {
            (1 << policy(at / k).shift()) - 1
        });
        let fees = |a: usize| self.requests[a * q..][..q].iter().map(|r| r.fee).sum::<u128>();
        let rest = |at: usize| rests(fees(at / 4) * u128::from(policy(at / 4).bps[1 + at % 4]), self.roles[at]);
        divided(&parts.role, &self.roles, (0..self.roles.len()).map(rest).collect(), &|_| whole - 1);
        all.limbs(&parts.dust, &self.dust);
    }
}

/// Columns on their way.
struct Filled(Vec<Ints>);

impl Filled {
    fn set(&mut self, id: ColumnId, column: Ints) {
        self.0[id.index()] = column;
    }

    fn limbs(&mut self, limbs: &Limbs, numbers: &[u128]) {
        limbs.split(numbers).into_iter().zip(&limbs.columns).for_each(|(column, id)| self.set(*id, column));
    }

    /// Low 40 bits, and what is above.
    fn pair(&mut self, [low, high]: [ColumnId; 2], numbers: impl Iterator<Item = u128> + Clone) {
        self.set(low, Ints::U64(numbers.clone().map(|n| n as u64 & ((1 << 40) - 1)).collect()));
        self.set(high, Ints::U64(numbers.map(|n| (n >> 40) as u64).collect()));
    }

    fn count(mut self, key: &Key) -> Result<Vec<Ints>, Outside> {
        for (id, counts) in key.parts.multiplicities.iter().zip(recount(key, &self.0)?) {
            self.set(*id, counts);
        }
        Ok(self.0)
    }
}

/// Multiplicities of columns.
///
/// # Errors
/// A value outside its range.
pub fn recount(key: &Key, columns: &[Ints]) -> Result<Vec<Ints>, Outside> {
    multiplicities(&key.lookups, |id| &columns[id.index()])
}

const _: () = assert!(S_BITS < 1 << POWERS);

/// What a product of two u128 needs.
fn wide(n: u128) -> U256 {
    U256::from(n)
}
