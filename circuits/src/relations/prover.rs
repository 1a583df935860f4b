//! The prover of a batch: it runs [`super::flow`] as the verifier does, and computes what that reads.

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field, One, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use talea_gpu::{Device, Ints, eq_halves};

use super::{
    Columns, Key,
    equations::{self, Amounts, Belongs, Requests, Roles, Tokens, Weights},
    flow::{self, omega, payout_cubes, payout_places},
    parts::U_BITS,
    party::{First, Fractions, Last, Party, Stage, Word},
    shape::{ROLES, Role, log},
    statement::{PolicyWords, SlotStatement, Statement},
    values::{Registered, Slot, Values},
};
use crate::{
    arithmetic::{Arithmetic, Native},
    columns::{Claims, ColumnId, Term, ints::Witness},
    error::{Check, Result},
    fractions::{self, Leaf, Tree},
    lookup::{
        self, Lookups,
        range::{Limbs, Number},
    },
    opening,
    sumcheck::{
        self, Lockstep,
        prover::{Product, Summand, Zero},
        view::View,
    },
    transcript::{poseidon::WIDTH, writer::Writer},
};

/// What a statement has that no value gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// EIP-155 chain id.
    pub chain: u64,
    /// The settlement contract.
    pub contract: [u8; 20],
    /// The node.
    pub node: [u8; 20],
    /// The batch's number at that node.
    pub nonce: u64,
    /// The node's payout slot.
    pub node_slot: u64,
    /// Digest of the receipts.
    pub receipts: [u8; 32],
}

/// A batch to be proven.
#[derive(Clone, Copy)]
pub struct Input<'b> {
    /// Its key.
    pub key: &'b Key,
    /// Its integers.
    pub values: &'b Values,
    /// What else its statement says.
    pub context: &'b Context,
}

/// Commitments of a batch but for its adapters': what a proof that was stopped goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitments {
    /// Chunks.
    pub chunks: Vec<G1Affine>,
    /// C_pay.
    pub payouts: G1Affine,
}

/// Everything committed: what a proof is made from.
pub struct Committed<'b> {
    key: &'b Key,
    slots: &'b [Slot],
    node_slot: u64,
    partial: &'b [i128],
    /// Columns and salts.
    pub witness: Witness,
    /// Commitments of all chunks.
    pub chunks: Vec<G1Affine>,
    /// Coefficients of the payout vector, the blinder in the first and the last.
    payouts: Vec<Fr>,
    /// ρ_b.
    blinder: Fr,
    /// C_pay.
    pub payout_point: G1Affine,
    /// The statement.
    pub statement: Statement<Fr>,
}

impl<'b> Committed<'b> {
    /// Commits to the columns of a batch, unless its commitments are known already. `seed` is secret and used once; `powers` are [τ^i]₁ for i ≤ 2^[`Key::powers`].
    ///
    /// # Panics
    /// If sizes are not the key's, or `powers` are too few.
    pub fn new(
        device: &impl Device, input: Input<'b>, adapters: &[&Registered], columns: Vec<Ints>, powers: &[G1Affine],
        seed: &[u8; 32], known: Option<Commitments>,
    ) -> Self {
        let Input { key, values, context } = input;
        let mut witness = Witness::new(&key.layout, columns, seed);
        let mut chunks = Vec::new();
        for (adapter, range) in adapters.iter().zip(&key.groups.adapters) {
            witness.salts[range.clone()].copy_from_slice(&adapter.witness.salts);
            chunks.extend(&adapter.points);
        }
        let mut stream = blake3::Hasher::new_derive_key("talea 1 payout blinder").update(seed).finalize_xof();
        let mut wide = [0; 64];
        stream.fill(&mut wide);
        let blinder = Fr::from_le_bytes_mod_order(&wide);
        let payouts = payout_vector(key, &values.slots, context.node_slot, &witness.columns, blinder);
        let known = known.unwrap_or_else(|| Commitments {
            chunks: witness.commit_from(chunks.len(), device, &key.layout, powers),
            payouts: device.msm(powers, &payouts).into_affine(),
        });
        chunks.extend(known.chunks);
        let payout_point = known.payouts;
        let statement = statement(key, adapters, values, context, &chunks, &payout_point);
        let (slots, partial, node_slot) = (values.slots.as_slice(), values.partial.as_slice(), context.node_slot);
        Self { key, slots, node_slot, partial, witness, chunks, payouts, blinder, payout_point, statement }
    }

    /// The commitments that are not the adapters'.
    pub fn own(&self) -> Commitments {
        let first = self.key.groups.adapters.iter().map(|range| range.len()).sum();
        Commitments { chunks: self.chunks[first..].to_vec(), payouts: self.payout_point }
    }

    /// Commits to another payout vector: what a cheater does.
    ///
    /// # Panics
    /// If `powers` are too few.
    pub fn set_payouts(&mut self, device: &impl Device, powers: &[G1Affine], change: impl FnOnce(&mut Vec<Fr>)) {
        change(&mut self.payouts);
        self.payout_point = device.msm(powers, &self.payouts).into_affine();
        self.statement.payouts = Native.words(&self.payout_point);
    }

    /// The proof, telling the name of each stage as it begins.
    ///
    /// # Panics
    /// If `powers` are too few.
    pub fn prove(&self, device: &impl Device, powers: &[G1Affine], stage: &mut dyn FnMut(&'static str)) -> Vec<u8> {
        let mut tx = Writer::with(Lenient(Native), self.key.digest(), &self.statement.words());
        self.chunks.iter().for_each(|chunk| tx.point(chunk));
        tx.point(&self.payout_point);
        let mut party =
            Proving { data: Data { device, batch: self }, tx, claims: Claims::new(), products: Vec::new(), stage };
        let opened = flow::relations(self.key, &self.statement, &mut party).expect("a prover refuses nothing");
        (party.stage)("opening");
        let Proving { mut tx, claims, .. } = party;
        tx.point(&device.msm(powers, &opening::prover::quotient(&self.payouts, &opened.zeta)).into_affine());
        opening::prover::prove(&mut tx, device, powers, &self.key.layout, &self.witness, claims);
        tx.challenge();
        tx.finish()
    }
}

/// Coefficients of Σ_s P_s·L_s(X) + ρ_b·(X^N − 1), of the amounts in the columns.
fn payout_vector(key: &Key, slots: &[Slot], node_slot: u64, columns: &[Ints], blinder: Fr) -> Vec<Fr> {
    let n = 1usize << key.shape.domain;
    let mut all = vec![Fr::ZERO; n];
    for (s, amount) in payout_slots(key, slots, node_slot).into_iter().zip(payout_amounts(key, columns)) {
        all[s as usize % n] += amount;
    }
    let domain = Radix2EvaluationDomain::<Fr>::new(n).expect("at most 2^24 slots");
    domain.ifft_in_place(&mut all);
    all[0] -= blinder;
    all.push(blinder);
    all
}

/// The payout slot of every leaf of the payouts' cubes: clusters, roles, dust. Padding, which earns nothing, stands as if its base
/// were 0 and its size 16.
fn payout_slots(key: &Key, slots: &[Slot], node_slot: u64) -> Vec<u64> {
    let count = 1usize << key.shape.slots();
    let bases = (0..count).map(|a| slots.get(a).map_or(0, |slot| slot.base)).collect::<Vec<_>>();
    let last = |a: usize, role: Role| {
        let size = 1u64 << key.shape.adapters.get(a).map_or(4, |adapter| adapter.slots());
        bases[a] + size - ROLES as u64 + role as u64
    };
    let mut all: Vec<u64> =
        bases.iter().flat_map(|base| (0..1u64 << key.shape.clusters).map(move |c| base + c)).collect();
    for a in 0..count {
        all.extend([last(a, Role::AdapterOwner), last(a, Role::BaseOwner), node_slot, last(a, Role::Treasury)]);
    }
    all.extend((0..count).map(|a| last(a, Role::Sink)));
    all
}

fn payout_amounts(key: &Key, columns: &[Ints]) -> Vec<Fr> {
    let parts = &key.parts;
    [&parts.amount[0], &parts.role[0], &parts.dust]
        .into_iter()
        .flat_map(|limbs| fields(&limbs.number(), columns))
        .collect()
}

/// A number's values.
fn fields(number: &Number, columns: &[Ints]) -> Vec<Fr> {
    let len = number.0.first().map_or(0, |t| columns[t.1.index()].len());
    let at = |i| number.0.iter().map(|(factor, id)| *factor * columns[id.index()].field(i)).sum();
    (0..len).into_par_iter().map(at).collect()
}

fn statement(
    key: &Key, adapters: &[&Registered], values: &Values, context: &Context, chunks: &[G1Affine], payouts: &G1Affine,
) -> Statement<Fr> {
    let q = 1usize << key.shape.requests;
    let own: Vec<Fr> = adapters.iter().map(|adapter| adapter.digest()).collect();
    let slot = |(i, slot): (usize, &Slot)| SlotStatement {
        adapter: own[i],
        policy: slot.policy.words().digest(&Native),
        base: Fr::from(slot.base),
        fees: values.requests[i * q..][..q].iter().map(|r| Fr::from(r.fee)).sum(),
    };
    let digest =
        |which, range: &std::ops::Range<usize>| key.digest_columns(&Native, which, &own, &chunks[range.clone()]);
    Statement {
        chain: Fr::from(context.chain),
        contract: Fr::from_be_bytes_mod_order(&context.contract),
        node: Fr::from_be_bytes_mod_order(&context.node),
        nonce: Fr::from(context.nonce),
        slots: values.slots.iter().enumerate().map(slot).collect(),
        node_slot: Fr::from(context.node_slot),
        receipts: crate::transcript::halves(&context.receipts),
        inputs: digest(Columns::Inputs, &key.groups.x),
        requests: digest(Columns::Requests, &key.groups.requests),
        deltas: digest(Columns::Deltas, &key.groups.deltas),
        payouts: Native.words(payouts),
    }
}

/// Arithmetic that refuses nothing: what a prover's own equations do not satisfy, the verifier will find.
struct Lenient(Native);

impl Arithmetic for Lenient {
    type Scalar = Fr;
    type Point = G1Affine;
    fn constant(&self, c: Fr) -> Fr {
        c
    }
    fn add(&self, a: &Fr, b: &Fr) -> Fr {
        *a + b
    }
    fn sub(&self, a: &Fr, b: &Fr) -> Fr {
        *a - b
    }
    fn mul(&self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }
    fn inverse(&self, _: Check, a: &Fr) -> Result<Fr> {
        Ok(a.inverse().unwrap_or(Fr::ZERO))
    }
    fn assert_eq(&self, _: Check, _: &Fr, _: &Fr) -> Result<()> {
        Ok(())
    }
    fn low128(&self, a: &Fr) -> Fr {
        self.0.low128(a)
    }
    fn permute(&self, state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        self.0.permute(state)
    }
    fn words(&self, p: &G1Affine) -> [Fr; 2] {
        self.0.words(p)
    }
}

/// One of the last sums: two vectors.
type Pair = [Vec<Fr>; 2];

struct Proving<'p, D> {
    data: Data<'p, D>,
    tx: Writer<Lenient>,
    claims: Claims<Fr>,
    /// The vectors of the matrix product's sums.
    products: Vec<Pair>,
    stage: &'p mut dyn FnMut(&'static str),
}

impl<D: Device> Party<Lenient> for Proving<'_, D> {
    fn arithmetic(&self) -> &Lenient {
        const LENIENT: &Lenient = &Lenient(Native);
        LENIENT
    }
    fn challenge(&mut self) -> Fr {
        self.tx.challenge()
    }
    fn word(&mut self, _: &'static str, word: Word<'_, Fr>) -> Result<Fr> {
        if let Word::Product(0, at) = word {
            let widths = self.data.batch.key.widths().into_iter();
            self.products = widths.map(|width| self.data.product(width, at)).collect();
        }
        let value = match word {
            Word::Product(i, _) => self.products[i][0].iter().zip(&self.products[i][1]).map(|(x, a)| *x * a).sum(),
            word => self.data.value(word),
        };
        self.tx.scalar(&value);
        Ok(value)
    }
    fn slices(&mut self, _: &'static str, point: Vec<Fr>, terms: Vec<Term<Fr>>) -> Result<Fr> {
        let [low, high] = eq_halves(self.data.device, &point);
        let of = |t: &Term<Fr>| {
            let slice = t.slice.unwrap_or(0);
            let part = slice << point.len()..(slice + 1) << point.len();
            let rows = self.data.device.matrix_vector(&self.data.batch.witness.columns[t.column.index()], part, &low);
            t.weight * rows.iter().zip(&high).map(|(v, e)| *v * e).sum::<Fr>()
        };
        let value = terms.iter().map(of).sum();
        self.tx.scalar(&value);
        self.claims.push_slices(terms, point, value);
        Ok(value)
    }
    fn lockstep(
        &mut self, _: &'static str, degree: usize, stage: Stage<'_, Fr>, sums: &[(usize, Fr)],
    ) -> Result<Lockstep<Fr>> {
        let mut summands = match stage {
            Stage::First(first) => {
                (self.stage)("weights and payouts");
                self.data.first(first)
            }
            Stage::Last(last) => {
                (self.stage)("matrix products");
                self.data.last(std::mem::take(&mut self.products), last)
            }
        };
        debug_assert_eq!(sums.len(), summands.len());
        let mut all: Vec<&mut dyn Summand<D>> = summands.iter_mut().map(|s| &mut **s as &mut dyn Summand<D>).collect();
        Ok(Lockstep::proved(sumcheck::prover::lockstep(&mut self.tx, self.data.device, degree, &mut all), Fr::ZERO))
    }
    fn lookups(&mut self, lookups: &Lookups) -> Result<()> {
        (self.stage)("lookups");
        let columns = &self.data.batch.witness.columns;
        self.claims.append(lookup::prover::prove(&mut self.tx, self.data.device, lookups, |id| &columns[id.index()]));
        Ok(())
    }
    fn payouts(&mut self, _: &Tree, vars: usize, zeta: &Fr) -> Result<Fractions<Fr>> {
        (self.stage)("payout vector");
        let key = self.data.batch.key;
        let sizes = payout_cubes(key.shape.clusters, key.shape.slots());
        let (places, _) = payout_places(&sizes);
        let (mut p, mut q) = (vec![Fr::ZERO; 1 << vars], vec![Fr::one(); 1 << vars]);
        let inverse = omega(key.shape.domain).inverse().expect("a root of unity");
        let mut leaves = payout_slots(key, self.data.batch.slots, self.data.batch.node_slot)
            .into_iter()
            .zip(payout_amounts(key, &self.data.batch.witness.columns));
        for (vars, place) in sizes.iter().zip(places) {
            for i in 0..1usize << vars {
                let (slot, amount) = leaves.next().expect("as many as the cubes hold");
                p[place + i] = amount;
                q[place + i] = *zeta * inverse.pow([slot]) - Fr::one();
            }
        }
        let leaves = fractions::prover::Stored::new(self.data.device, p, q);
        let (root, point) = fractions::prover::prove(&mut self.tx, self.data.device, &leaves);
        let (p, q) = leaves.at(&point);
        Ok(Fractions { root, leaf: Leaf { point, p, q } })
    }
}

/// A sum of the stage at hand.
type Sum<'v, D> = Box<dyn Summand<D> + 'v>;

/// What a prover reads.
struct Data<'p, D> {
    device: &'p D,
    batch: &'p Committed<'p>,
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

    fn value(&self, word: Word<'_, Fr>) -> Fr {
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
                let (b, size) = (self.column(parts.positive), fields(&parts.size.number(), columns));
                let score = |(i, size): (usize, &Fr)| if b.get(i) == 0 { -*size - Fr::one() } else { *size };
                self.device.eq(at).iter().zip(size.iter().enumerate()).map(|(e, s)| *e * score(s)).sum()
            }
            Word::Credit(at) => {
                let [amount, rest] = [0, 1].map(|i| fields(&parts.amount[i].number(), columns));
                let (units, k) = (self.units(), batch.key.shape.clusters);
                let sum = |i: usize| amount[i] * units[i >> k] + rest[i];
                self.device.eq(at).iter().enumerate().map(|(i, e)| *e * sum(i)).sum()
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

    fn first(&self, first: &First<Fr>) -> Vec<Sum<'p, D>> {
        let (key, d) = (self.batch.key, self.device);
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
        let each = |number: Number| -> Vec<Fr> {
            fields(&number, &self.batch.witness.columns).par_chunks(1 << k).map(|c| c.iter().sum()).collect()
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
            Box::new(Zero::new(d, Tokens, tau(t + row), epsilon, tokens)),
            Box::new(Zero::new(d, Belongs, tau(q + row), epsilon, vec![one(parts.belongs, 0)])),
            Box::new(Zero::new(d, Weights, tau(cell), epsilon, weights)),
            Box::new(Zero::new(d, Requests, tau(row), epsilon, requests)),
            Box::new(Zero::new(d, Amounts, tau(k + a), epsilon, amounts)),
            Box::new(Zero::new(d, Roles, tau(2 + a), epsilon, roles)),
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
    fn product(&self, width: usize, [rho, at, places]: &[Vec<Fr>; 3]) -> Pair {
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

    fn last(&self, products: Vec<Pair>, last: &Last<Fr>) -> Vec<Sum<'static, D>> {
        let key = self.batch.key;
        let mut sums: Vec<Sum<'static, D>> = Vec::new();
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
