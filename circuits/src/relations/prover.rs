//! The prover of a batch: it runs [`super::flow`] as the verifier does, and computes what that reads.

use std::collections::BTreeMap;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field, One, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use talea_gpu::{Device, Held, Ints, eq_halves, polynomial};

use super::{
    Columns, Key, flow,
    party::{Fractions, Party, Stage, Word},
    registered::Registered,
    resume::Resuming,
    shape::{ROLES, Role},
    statement::{SlotStatement, Statement},
    sums::{Data, Pair},
    values::{Slot, Values},
    vector::{omega, payout_cubes, payout_places},
};
use crate::{
    arithmetic::{Arithmetic, Native},
    columns::{Claims, Term, ints::Witness},
    error::{Check, Result},
    fractions::{self, Leaf, Tree},
    lookup::{self, Lookups, range::Number},
    opening,
    sumcheck::{self, Lockstep, prover::Summand},
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
    pub(super) key: &'b Key,
    pub(super) slots: &'b [Slot],
    pub(super) node_slot: u64,
    pub(super) partial: &'b [i128],
    /// Columns and salts.
    pub witness: Witness,
    /// Commitments of all chunks.
    pub chunks: Vec<G1Affine>,
    /// Coefficients of the payout vector, the blinder in the first and the last.
    payouts: Vec<Fr>,
    /// ρ_b: it opens C_pay to whoever has the amounts.
    pub blinder: Fr,
    /// C_pay.
    pub payout_point: G1Affine,
    /// The statement.
    pub statement: Statement<Fr>,
    /// The columns stay on the device that committed to them.
    _held: Held,
}

impl<'b> Committed<'b> {
    /// Commits to the columns of a batch, unless its commitments are known already. `seed` is secret and used once; `powers`
    /// are [τ^i]₁ for i ≤ 2^[`Key::powers`].
    ///
    /// # Panics
    /// If sizes are not the key's, or `powers` are too few.
    pub fn new(
        device: &impl Device, input: Input<'b>, adapters: &[&Registered], columns: Vec<Ints>, powers: &[G1Affine],
        seed: &[u8; 32], known: Option<Commitments>,
    ) -> Self {
        let Input { key, values, context } = input;
        let mut witness = Witness::new(&key.layout, columns, seed);
        let _held = device.hold(&witness.columns);
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
        Self { key, slots, node_slot, partial, witness, chunks, payouts, blinder, payout_point, statement, _held }
    }

    /// What C_pay commits to: amounts by payout slot, without zeros.
    ///
    /// # Panics
    /// Never with a batch of this crate's: each amount has at most 112 bits, and a slot is that of a few of them.
    pub fn amounts(&self) -> BTreeMap<u64, u128> {
        let slots = payout_slots(self.key, self.slots, self.node_slot);
        let mut all = BTreeMap::new();
        for (slot, amount) in slots.into_iter().zip(payout_amounts(self.key, &self.witness.columns)) {
            let [low, high, ..] = amount.into_bigint().0;
            let amount = u128::from(low) | u128::from(high) << 64;
            if amount > 0 {
                *all.entry(slot).or_default() += amount;
            }
        }
        all
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
        self.resume(device, powers, &[], stage, &mut |_| {}).expect("a prover refuses nothing of its own")
    }

    /// The same from what a stopped run has `saved`: every finished stage but the opening hands over the proof so far.
    ///
    /// # Errors
    /// Saved bytes that are no such proof's.
    ///
    /// # Panics
    /// If `powers` are too few.
    pub fn resume(
        &self, device: &impl Device, powers: &[G1Affine], saved: &[u8], stage: &mut dyn FnMut(&'static str),
        save: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<u8>> {
        let words = self.statement.words();
        let mut tx = Writer::with(Lenient::default(), self.key.digest(), &words);
        self.chunks.iter().chain([&self.payout_point]).for_each(|point| tx.point(point));
        let data = Data { device, batch: self };
        let live = Proving { data, tx, claims: Claims::new(), products: Vec::new(), stage, save };
        let mut party = Resuming::new(saved, self.chunks.len() + 1, self.key.digest(), &words, live)?;
        let opened = flow::relations(self.key, &self.statement, &mut party)?;
        let Proving { mut tx, claims, stage, .. } = party.live;
        stage("opening");
        let quotient = device.msm(powers, &polynomial::quotient(&self.payouts, &opened.zeta)).into_affine();
        tx.point(&quotient);
        opening::prover::prove(&mut tx, device, powers, &self.key.layout, &self.witness, claims, &[quotient]);
        Ok(tx.finish())
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

/// A number's values: of short columns, no other is ever widened whole.
pub(super) fn fields(number: &Number, columns: &[Ints]) -> Vec<Fr> {
    let len = number.0.first().map_or(0, |t| columns[t.1.index()].len());
    (0..len).into_par_iter().map(|i| value_at(number, columns, i)).collect()
}

/// A number's value at a place.
pub(super) fn value_at(number: &Number, columns: &[Ints], place: usize) -> Fr {
    number.0.iter().map(|(factor, id)| *factor * columns[id.index()].field(place)).sum()
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
#[derive(Default)]
pub(super) struct Lenient(Native);

/// For whoever needs a reference.
pub(super) const LENIENT: &Lenient = &Lenient(Native);

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

pub(super) struct Proving<'p, D> {
    data: Data<'p, D>,
    pub tx: Writer<Lenient>,
    pub claims: Claims<Fr>,
    /// The vectors of the matrix product's sums.
    products: Vec<Pair>,
    stage: &'p mut dyn FnMut(&'static str),
    save: &'p mut dyn FnMut(&[u8]),
}

impl<D: Device> Proving<'_, D> {
    /// Makes the vectors of the matrix product's sums, unless they are there: a checkpoint that somebody changed may end anywhere.
    fn fold_products(&mut self, at: &[Vec<Fr>; 3]) {
        if self.products.is_empty() {
            let widths = self.data.batch.key.widths().into_iter();
            self.products = widths.map(|width| self.data.product(width, at)).collect();
        }
    }
}

impl<D: Device> Party<Lenient> for Proving<'_, D> {
    fn arithmetic(&self) -> &Lenient {
        LENIENT
    }
    fn challenge(&mut self) -> Fr {
        self.tx.challenge()
    }
    fn word(&mut self, _: &'static str, word: Word<'_, Fr>) -> Result<Fr> {
        if let Word::Product(_, at) = word {
            self.fold_products(at);
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
                self.fold_products(&last.product);
                self.data.last(std::mem::take(&mut self.products), last)
            }
        };
        debug_assert_eq!(sums.len(), summands.len());
        let mut all: Vec<&mut dyn Summand> = summands.iter_mut().map(|s| &mut **s as &mut dyn Summand).collect();
        let point = sumcheck::prover::lockstep(&mut self.tx, degree, &mut all);
        (self.save)(self.tx.bytes());
        Ok(Lockstep::proved(point, Fr::ZERO))
    }
    fn lookups(&mut self, lookups: &Lookups) -> Result<()> {
        (self.stage)("lookups");
        let columns = &self.data.batch.witness.columns;
        self.claims.append(lookup::prover::prove(&mut self.tx, self.data.device, lookups, |id| &columns[id.index()]));
        (self.save)(self.tx.bytes());
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
        (self.save)(self.tx.bytes());
        let (p, q) = leaves.at(&point);
        Ok(Fractions { root, leaf: Leaf { point, p, q } })
    }
}
