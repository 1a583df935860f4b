//! What a prover of a batch sums and sends: vectors from columns, folded at the challenges.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One};
use rayon::prelude::*;
use talea_gpu::{Device, Ints};

use super::{
    equations::{self, Amounts, Belongs, Requests, Roles, Tokens, Weights},
    parts::U_BITS,
    party::{First, Last, Word},
    prover::{Committed, fields, value_at},
    shape::log,
    statement::PolicyWords,
};
use crate::{
    arithmetic::Native,
    columns::ColumnId,
    lookup::range::{Limbs, Number},
    sumcheck::{
        prover::{Product, Summand, Zero},
        view::View,
    },
};

/// Two vectors whose product is summed.
pub(super) type Pair = [Vec<Fr>; 2];

/// A sum of the stage at hand.
pub(super) type Sum<'v> = Box<dyn Summand + 'v>;

/// What a prover reads.
pub(super) struct Data<'p, D> {
    pub device: &'p D,
    pub batch: &'p Committed<'p>,
}

impl<D> Clone for Data<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Data<'_, D> {}

impl<'p, D: Device> Data<'p, D> {
    fn column(&self, id: ColumnId) -> &'p Ints {
        &self.batch.witness.columns[id.index()]
    }

    fn view(&self, number: &Number, skip: usize) -> View<'p> {
        View::ints(number.0.iter().map(|(f, id)| (*f, self.column(*id))).collect(), skip)
    }

    fn limbs(&self, limbs: &Limbs, skip: usize) -> View<'p> {
        self.view(&limbs.number(), skip)
    }

    fn policies(&self) -> Vec<PolicyWords<Fr>> {
        let nobody = PolicyWords { two: Fr::ZERO, four: Fr::ZERO, bps: [Fr::ZERO; 5] };
        let mut all: Vec<_> = self.batch.slots.iter().map(|slot| slot.policy.words()).collect();
        all.resize(1 << self.batch.key.shape.slots(), nobody);
        all
    }

    fn units(&self) -> Vec<Fr> {
        self.policies().iter().map(|p| equations::unit(&Native, &p.two, &p.four)).collect()
    }

    pub(super) fn value(&self, word: Word<'_, Fr>) -> Fr {
        let (batch, parts) = (self.batch, &self.batch.key.parts);
        let columns = &batch.witness.columns;
        match word {
            Word::Policy(slot, i) => {
                let words = batch.slots[slot].policy.words();
                [words.two, words.four].into_iter().chain(words.bps).nth(i).expect("seven words")
            }
            Word::Bit(slot, i) => {
                let place = slot.map_or(batch.node_slot, |slot| batch.slots[slot].base);
                Fr::from(place >> i & 1)
            }
            Word::Blinder => batch.blinder,
            Word::Score(at) => {
                let (b, size) = (self.column(parts.positive), parts.size.number());
                let score = |i: usize| match (b.get(i), value_at(&size, columns, i)) {
                    (0, size) => -size - Fr::one(),
                    (_, size) => size,
                };
                self.device.eq(at).par_iter().enumerate().map(|(i, e)| *e * score(i)).sum()
            }
            Word::Credit(at) => {
                let [amount, rest] = [0, 1].map(|i| parts.amount[i].number());
                let (units, k) = (self.units(), batch.key.shape.clusters);
                let place = |n: &Number, i| value_at(n, columns, i);
                let sum = |i: usize| place(&amount, i) * units[i >> k] + place(&rest, i);
                self.device.eq(at).par_iter().enumerate().map(|(i, e)| *e * sum(i)).sum()
            }
            Word::Partial(k, row) => self.partials(k).iter().zip(self.device.eq(row)).map(|(p, e)| *p * e).sum(),
            Word::Product(..) => unreachable!("the party's own"),
        }
    }

    /// Σ_f V·H of every q slot at (k).
    fn partials(&self, k: &[Fr]) -> Vec<Fr> {
        let eq = self.device.eq(k);
        let number = |v: &i128| if *v < 0 { -Fr::from(v.unsigned_abs()) } else { Fr::from(v.unsigned_abs()) };
        let of_row = |row: &[i128]| row.iter().zip(&eq).map(|(v, e)| number(v) * e).sum();
        self.batch.partial.par_chunks(eq.len()).map(of_row).collect()
    }

    pub(super) fn first(&self, first: &First<Fr>) -> Vec<Sum<'p>> {
        let key = self.batch.key;
        let (shape, parts) = (&key.shape, &key.parts);
        let (t, q, k, a) = (shape.tokens, shape.requests, shape.clusters, shape.slots());
        let (row, cell) = (q + a, k + q + a);
        let (tau, epsilon) = (|vars: usize| &first.tau[..vars], &first.epsilon);
        let one = |id, skip| self.view(&Number::column(id), skip);
        let policies = self.policies();
        let flags = |f: fn(&PolicyWords<Fr>) -> Fr, skip| View::fields(policies.iter().map(f).collect(), skip);
        let units = |skip| View::fields(self.units(), skip);

        let tokens = vec![
            one(parts.mask, 0),
            one(parts.tokens, t),
            View::fields((0..1u64 << t).map(Fr::from).collect(), 0),
            self.limbs(&parts.border, 0),
            View::fields(self.masked(&first.mask), 0),
        ];
        let weights = vec![
            one(parts.positive, 0),
            self.limbs(&parts.size, 0),
            self.limbs(&parts.rank, 0),
            one(parts.top, 0),
            one(parts.pick, 0),
            self.limbs(&parts.rest, 0),
            self.limbs(&parts.gap, 0),
            one(parts.square, 0),
            self.view(&Number::pair(parts.weight), 0),
            self.view(&Number::pair(parts.power), k),
            one(parts.none, k),
            flags(|p| p.two, k + q),
            flags(|p| p.four, k + q),
        ];
        let columns = &self.batch.witness.columns;
        let each = |number: Number| -> Vec<Fr> {
            let sum = |row: usize| (row << k..(row + 1) << k).map(|i| value_at(&number, columns, i)).sum();
            (0..1usize << (q + a)).into_par_iter().map(sum).collect()
        };
        let mut requests =
            vec![one(parts.none, 0), View::fields(each(Number::column(parts.pick)), 0), self.limbs(&parts.fee, 0)];
        requests.extend(parts.pool.iter().chain(&parts.quotient).map(|limbs| self.limbs(limbs, 0)));
        requests.extend([View::fields(each(Number::pair(parts.weight)), 0), flags(|p| p.bps[0], q), units(q)]);
        let mut amounts: Vec<View<'p>> = parts.amount.iter().map(|limbs| self.limbs(limbs, 0)).collect();
        amounts.push(units(k));
        let mut roles: Vec<View<'p>> = parts.role.iter().map(|limbs| self.limbs(limbs, 0)).collect();
        roles.push(View::fields(policies.iter().flat_map(|p| p.bps[1..].to_vec()).collect(), 0));
        let mut fees: Vec<Fr> = self.batch.statement.slots.iter().map(|s| s.fees).collect();
        fees.resize(1 << a, Fr::ZERO);
        roles.push(View::fields(fees, 2));
        vec![
            Box::new(Zero::new(Tokens, tau(t + row), epsilon, tokens)),
            Box::new(Zero::new(Belongs, tau(q + row), epsilon, vec![one(parts.belongs, 0)])),
            Box::new(Zero::new(Weights, tau(cell), epsilon, weights)),
            Box::new(Zero::new(Requests, tau(row), epsilon, requests)),
            Box::new(Zero::new(Amounts, tau(k + a), epsilon, amounts)),
            Box::new(Zero::new(Roles, tau(2 + a), epsilon, roles)),
            Box::new(self.heads(first)),
            Box::new(self.scores(tau(cell))),
            Box::new(self.credits(tau(k + a))),
        ]
    }

    /// U folded at (ρ), every place weighted: (t, q, a).
    fn masked(&self, [rho, places]: &[Vec<Fr>; 2]) -> Vec<Fr> {
        let shape = &self.batch.key.shape;
        let (rows, eq) = (1usize << (shape.tokens + shape.requests), self.device.eq(places));
        let mut all = vec![Fr::ZERO; rows << shape.slots()];
        for (i, place) in shape.places().iter().enumerate() {
            let own = self.u(i, |column, part| self.device.matrix_vector(column, part, &self.device.eq(rho)));
            let to = &mut all[place.slot * rows..][..rows];
            to.iter_mut().zip(own).for_each(|(to, u)| *to += eq[i] * u);
        }
        all
    }

    /// U of a place, folded by weights that sum to 1.
    fn u(&self, place: usize, fold: impl Fn(&Ints, std::ops::Range<usize>) -> Vec<Fr>) -> Vec<Fr> {
        let shape = &self.batch.key.shape;
        let size = 1usize << (shape.rank() + shape.tokens + shape.requests);
        let mut all: Vec<Fr> = Vec::new();
        for (id, slice, factor) in self.batch.key.parts.u_at(place) {
            let own = fold(self.column(id), slice * size..(slice + 1) * size);
            all.resize(own.len(), -Fr::from(1u64 << (U_BITS - 1)));
            all.iter_mut().zip(own).for_each(|(to, v)| *to += factor * v);
        }
        all
    }

    /// (1 + γ·h)·belongs(q, h, a) over h.
    fn heads(&self, first: &First<Fr>) -> Product {
        let (at, gamma) = &first.belongs;
        let q = self.batch.key.shape.requests;
        let belongs = self.column(self.batch.key.parts.belongs);
        let eq_q = self.device.eq(&at[..q]);
        let rows = self.device.matrix_vector(belongs, 0..belongs.len(), &eq_q);
        let mut own = vec![Fr::ZERO; 1 << q];
        for (eq, rows) in self.device.eq(&at[q..]).iter().zip(rows.chunks(1 << q)) {
            own.iter_mut().zip(rows).for_each(|(to, v)| *to += *eq * v);
        }
        Product(vec![own, (0..1u64 << q).map(|h| Fr::one() + *gamma * Fr::from(h)).collect()])
    }

    /// belongs(q, h, a)·(V·Hᵀ)(k, q, a) over (q, a), each a weighted.
    fn scores(&self, at: &[Fr]) -> Product {
        let (q, (k, row)) = (self.batch.key.shape.requests, at.split_at(self.batch.key.shape.clusters));
        let belongs = self.column(self.batch.key.parts.belongs);
        let eq = self.device.eq(&row[..q]);
        let size = 1usize << (2 * q);
        let of = |a: usize| self.device.vector_matrix(&eq, belongs, a * size..(a + 1) * size);
        let own = (0..belongs.len() / size).flat_map(of).collect();
        Product(vec![own, self.partials(k), self.slot_weights(&row[q..])])
    }

    /// eq of a slot, for each of its q slots.
    fn slot_weights(&self, at: &[Fr]) -> Vec<Fr> {
        let q = 1usize << self.batch.key.shape.requests;
        self.device.eq(at).into_iter().flat_map(|e| std::iter::repeat_n(e, q)).collect()
    }

    /// c(q, a)·w(k, q, a) over (q, a), each a weighted.
    fn credits(&self, at: &[Fr]) -> Product {
        let parts = &self.batch.key.parts;
        let (k, a) = at.split_at(self.batch.key.shape.clusters);
        let eq = self.device.eq(k);
        let mut weights = Vec::new();
        for (factor, id) in Number::pair(parts.weight).0 {
            let own = self.device.matrix_vector(self.column(id), 0..self.column(id).len(), &eq);
            weights.resize(own.len(), Fr::ZERO);
            weights.iter_mut().zip(own).for_each(|(to, v)| *to += factor * v);
        }
        let quotients = fields(&parts.quotient[0].number(), &self.batch.witness.columns);
        Product(vec![quotients, weights, self.slot_weights(a)])
    }

    /// X and A, folded at (ρ), (t, q) and (place), over (i, block) of one width.
    pub(super) fn product(&self, width: usize, [rho, at, places]: &[Vec<Fr>; 3]) -> Pair {
        let (key, d) = (self.batch.key, self.device);
        let (inputs, all) = (key.shape.inputs(), key.shape.places());
        let (rows, places) = (d.eq(at), d.eq(places));
        let blocks = key.blocks_of(width);
        let mut pair = [(); 2].map(|()| vec![Fr::ZERO; 1 << (width + log(blocks.len()))]);
        for (number, block) in blocks.into_iter().enumerate() {
            let input = inputs[block];
            let x = self.column(key.parts.x[block]);
            let here = number << width..(number + 1) << width;
            pair[0][here.clone()].copy_from_slice(&d.vector_matrix(&rows, x, 0..x.len()));
            for (i, m) in all.iter().enumerate().filter(|(_, m)| m.slot == input.slot) {
                if key.shape.module(*m).is_some_and(|module| module.input == input.input) {
                    let id = key.weights_of(*m, input.begin).expect("a block of the input that the module reads");
                    let (low, beyond) = key.within_rank(&Native, m.slot, rho);
                    let a = self.column(id);
                    let own = d.vector_matrix(&d.eq(low), a, 0..a.len());
                    let weight = places[i] * beyond;
                    pair[1][here.clone()].iter_mut().zip(own).for_each(|(to, v)| *to += weight * v);
                }
            }
        }
        pair
    }

    pub(super) fn last(&self, products: Vec<Pair>, last: &Last<Fr>) -> Vec<Sum<'static>> {
        let key = self.batch.key;
        let mut sums: Vec<Sum<'static>> = Vec::new();
        for pair in products {
            sums.push(Box::new(Product(pair.into())));
        }
        if let Some([j, at, block]) = &last.deltas {
            sums.push(Box::new(Product(vec![self.folded_u(at), self.folded_b(j, block)])));
        }
        let [k, row] = &last.scores;
        let (q, slot) = row.split_at(key.shape.requests);
        let half = Fr::from(2u64).inverse().expect("an odd modulus");
        let at: Vec<Fr> = std::iter::repeat_n(half, key.shape.tokens).chain(q.iter().copied()).collect();
        let all = Fr::from(1u64 << key.shape.tokens);
        let v = self.folded_u(&at).into_iter().map(|u| u * all).collect();
        sums.push(Box::new(Product(vec![v, self.folded_h(k, slot)])));
        sums
    }

    /// U folded at (t, q), over (ρ, place).
    fn folded_u(&self, at: &[Fr]) -> Vec<Fr> {
        let shape = &self.batch.key.shape;
        let (eq, room) = (self.device.eq(at), 1usize << shape.rank());
        let mut all = vec![Fr::ZERO; room << log(shape.places().len())];
        for (i, to) in all.chunks_mut(room).enumerate().take(shape.places().len()) {
            to.copy_from_slice(&self.u(i, |column, part| self.device.vector_matrix(&eq, column, part)));
        }
        all
    }

    /// B folded at (j) and output blocks, over (ρ, place).
    fn folded_b(&self, j: &[Fr], block: &[Fr]) -> Vec<Fr> {
        let key = self.batch.key;
        let (places, room, blocks) = (key.shape.places(), 1usize << key.shape.rank(), self.device.eq(block));
        let mut all = vec![Fr::ZERO; room << log(places.len())];
        for (number, output) in key.shape.outputs().into_iter().enumerate() {
            let place = places[output.place];
            let b = self.column(key.parts.adapters[place.slot].b[place.module][output.block]);
            let own = self.device.matrix_vector(b, 0..b.len(), &self.device.eq(&j[..output.vars]));
            all[output.place * room..].iter_mut().zip(own).for_each(|(to, v)| *to += blocks[number] * v);
        }
        all
    }

    /// H folded at (k) and slots, over (ρ, place).
    fn folded_h(&self, k: &[Fr], slot: &[Fr]) -> Vec<Fr> {
        let key = self.batch.key;
        let (places, room, slots) = (key.shape.places(), 1usize << key.shape.rank(), self.device.eq(slot));
        let mut all = vec![Fr::ZERO; room << log(places.len())];
        for (i, place) in places.iter().enumerate() {
            let (clusters, above) = k.split_at(key.shape.adapters[place.slot].clusters);
            let weight = above.iter().fold(slots[place.slot], |product, x| product * (Fr::one() - x));
            let h = self.column(key.parts.adapters[place.slot].h[place.module]);
            let own = self.device.vector_matrix(&self.device.eq(clusters), h, 0..h.len());
            all[i * room..].iter_mut().zip(own).for_each(|(to, v)| *to = weight * v);
        }
        all
    }
}
