//! What the events of a registry and a settlement say, from the first to the last.

use std::collections::BTreeMap;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use talea_claims::{domain::Domain, vector::PayoutVector};
use talea_contracts::{
    Address, B256, SolEventInterface as _,
    abi::{
        AttributionRegistry::{self as registry, AttributionRegistryEvents as RegistryEvent},
        Settlement::{self as settlement, SettlementEvents as SettlementEvent},
    },
};

use crate::{Log, numbers};

/// The accumulator of batches whose payouts are published.
pub const GLOBAL: Address = Address::ZERO;

/// The last slots of an adapter's range are roles'.
const ROLES: u32 = 8;

/// A settled batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The event.
    pub said: settlement::BatchSettled,
    /// The transaction that settled it.
    pub settled_by: B256,
    /// Where it is now: the node's, or [`GLOBAL`].
    pub accumulator: Address,
    /// C_pay.
    pub payouts: G1Affine,
    /// Sum of its fees.
    pub total: u128,
    /// Amounts, where they are published, and the opening that shows them.
    pub data: Option<(PayoutVector, settlement::DataPublished)>,
}

/// A paid claim.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The event.
    pub said: settlement::Claimed,
    /// Are all amounts of its accumulator up to its epoch public, so that it was recomputed?
    pub recomputed: bool,
    /// The transaction.
    pub transaction: B256,
}

/// Everything that happened, and what in it contradicts itself.
#[derive(Debug, Clone)]
pub struct History {
    domain: Domain,
    /// Batches in the order in which they were settled.
    pub batches: Vec<Batch>,
    /// Claims in order.
    pub claims: Vec<Claim>,
    /// What is left of payers' deposits.
    pub deposits: BTreeMap<Address, u128>,
    /// What is redeemed of payer, node, adapter.
    pub redeemed: BTreeMap<(Address, Address, B256), u128>,
    /// What was paid of accumulator and slot.
    pub paid: BTreeMap<(Address, u32), u128>,
    /// Who is paid for a slot.
    pub payees: BTreeMap<u32, Address>,
    /// Registered nodes.
    pub nodes: Vec<Address>,
    /// Everybody who ever was an attester.
    pub attesters: Vec<Address>,
    /// Verifiers that each circuit ever had.
    pub verifiers: Vec<(B256, Address)>,
    /// What contradicts itself.
    pub differences: Vec<String>,
    /// Redemptions that no batch has taken up yet.
    loose: Vec<settlement::Redeemed>,
}

impl History {
    /// Before anything happened, in a registry of 2^domain slots.
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            batches: Vec::new(),
            claims: Vec::new(),
            deposits: BTreeMap::new(),
            redeemed: BTreeMap::new(),
            paid: BTreeMap::new(),
            payees: BTreeMap::new(),
            nodes: Vec::new(),
            attesters: Vec::new(),
            verifiers: Vec::new(),
            differences: Vec::new(),
            loose: Vec::new(),
        }
    }

    /// Takes in logs of both contracts, in order.
    pub fn read(&mut self, registry: Address, settlement: Address, logs: &[Log]) {
        for log in logs {
            if log.address == registry {
                // roles and admins have events of their own, which say nothing of payouts
                if let Ok(event) = RegistryEvent::decode_raw_log(&log.topics, &log.data) {
                    self.registry(event);
                }
            } else if log.address == settlement {
                match SettlementEvent::decode_raw_log(&log.topics, &log.data) {
                    Ok(event) => self.settlement(event, log.transaction),
                    Err(_) => self
                        .differ(format!("transaction {}: an event that the settlement does not have", log.transaction)),
                }
            }
        }
    }

    /// What an accumulator holds at the end of an epoch; none where a batch's amounts are not known. `more` has amounts that are
    /// not on the chain, by node and nonce.
    pub fn vector(
        &self, accumulator: Address, epoch: u32, more: &BTreeMap<(Address, u64), PayoutVector>,
    ) -> Option<PayoutVector> {
        let mut sum = PayoutVector::new(self.domain, Fr::from(0u64));
        for b in self.of(accumulator, epoch) {
            let known = b.data.as_ref().map(|d| &d.0).or_else(|| more.get(&(b.said.node, b.said.nonce)));
            sum.add(known?).ok()?;
        }
        Some(sum)
    }

    /// An accumulator's point at the end of an epoch.
    pub fn value(&self, accumulator: Address, epoch: u32) -> G1Affine {
        let sum = self.of(accumulator, epoch).map(|b| b.payouts.into_group()).sum::<ark_bn254::G1Projective>();
        sum.into_affine()
    }

    /// The epoch in which an accumulator last changed, up to this one.
    pub fn last_change(&self, accumulator: Address, epoch: u32) -> Option<u32> {
        self.of(accumulator, epoch).map(|b| b.said.epoch).max()
    }

    /// Accumulators that could hold something: everybody's, and each node's.
    pub fn accumulators(&self) -> Vec<Address> {
        let mut all: Vec<Address> = self.batches.iter().map(|b| b.said.node).collect();
        all.extend(&self.nodes);
        all.push(GLOBAL);
        all.sort_unstable();
        all.dedup();
        all
    }

    fn of(&self, accumulator: Address, epoch: u32) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(move |b| b.accumulator == accumulator && b.said.epoch <= epoch)
    }

    fn differ(&mut self, what: String) {
        self.differences.push(what);
    }

    fn registry(&mut self, event: RegistryEvent) {
        match event {
            RegistryEvent::AdapterRegistered(e) => self.adapter(&e),
            RegistryEvent::NodeRegistered(e) => {
                self.nodes.push(e.node);
                self.own(e.slot, e.node);
            }
            RegistryEvent::AttesterApplied(e) => self.attesters.push(e.attester),
            RegistryEvent::PayeeChanged(e) => self.pass_on(&e),
            RegistryEvent::VerifierApplied(e) => self.verifiers.push((e.shape, e.verifier)),
            _ => {}
        }
    }

    fn adapter(&mut self, e: &registry::AdapterRegistered) {
        for (i, payee) in (0u32..).zip(&e.payees) {
            let place = match i.checked_sub(e.clusters) {
                None => Some(i),
                Some(role) => e.size.checked_sub(ROLES).and_then(|first| first.checked_add(role)),
            };
            match place.and_then(|p| e.base.checked_add(p)) {
                Some(slot) => self.own(slot, *payee),
                None => self.differ(format!("adapter {}: a range that does not hold its payees", e.id)),
            }
        }
    }

    fn pass_on(&mut self, e: &registry::PayeeChanged) {
        if self.payees.insert(e.slot, e.payee) != Some(e.before) {
            self.differ(format!("slot {}: passed on by {}, who was not its payee", e.slot, e.before));
        }
    }

    fn own(&mut self, slot: u32, payee: Address) {
        if self.payees.insert(slot, payee).is_some() {
            self.differ(format!("slot {slot}: given out twice"));
        }
    }

    fn settlement(&mut self, event: SettlementEvent, transaction: B256) {
        match event {
            SettlementEvent::Deposited(e) => {
                let sum = self.deposits.entry(e.payer).or_default();
                *sum = sum.saturating_add(e.amount);
            }
            SettlementEvent::Withdrawn(e) => self.take(e.payer, e.amount),
            SettlementEvent::Redeemed(e) => self.redeem(e),
            SettlementEvent::BatchSettled(e) => self.settle(e, transaction),
            SettlementEvent::BatchPromoted(e) => self.promote(&e),
            SettlementEvent::DataPublished(e) => self.publish(e),
            SettlementEvent::Claimed(e) => self.claim(e, transaction),
            _ => {}
        }
    }

    fn take(&mut self, payer: Address, amount: u128) {
        let left = self.deposits.entry(payer).or_default();
        match left.checked_sub(amount) {
            Some(rest) => *left = rest,
            None => self.differ(format!("payer {payer}: {amount} taken of a smaller deposit")),
        }
    }

    fn redeem(&mut self, e: settlement::Redeemed) {
        self.take(e.payer, e.amount);
        let sum = self.redeemed.entry((e.payer, e.node, e.adapter)).or_default();
        *sum = sum.saturating_add(e.amount);
        if *sum != e.redeemed {
            let (found, own) = (e.redeemed, *sum);
            self.differ(format!("payer {}, adapter {}: redeemed {found}, events add up to {own}", e.payer, e.adapter));
        }
        self.loose.push(e);
    }

    fn settle(&mut self, e: settlement::BatchSettled, transaction: B256) {
        let name = format!("batch {} of {}", e.nonce, e.node);
        if self.batches.iter().any(|b| (b.said.node, b.said.nonce) == (e.node, e.nonce)) {
            self.differ(format!("{name}: settled twice"));
        }
        let total = e.fees.iter().try_fold(0u128, |sum, fee| sum.checked_add(*fee));
        let (Some(total), Some(payouts)) = (total, numbers::point(&e.payouts)) else {
            return self.differ(format!("{name}: fees or C_pay that are none"));
        };
        let mut due: BTreeMap<B256, u128> = BTreeMap::new();
        for (adapter, fee) in e.adapters.iter().zip(&e.fees) {
            *due.entry(*adapter).or_default() += fee;
        }
        let mut paid: BTreeMap<B256, u128> = due.keys().map(|a| (*a, 0)).collect();
        for r in std::mem::take(&mut self.loose) {
            let sum = paid.entry(r.adapter).or_default();
            *sum = sum.saturating_add(r.amount);
            if r.node != e.node {
                self.differ(format!("{name}: a voucher to {} was redeemed for it", r.node));
            }
        }
        if due != paid {
            self.differ(format!("{name}: vouchers do not add up to its fees"));
        }
        if e.accumulator != GLOBAL && e.accumulator != e.node {
            self.differ(format!("{name}: in the accumulator of {}", e.accumulator));
        }
        let accumulator = e.accumulator;
        self.batches.push(Batch { said: e, settled_by: transaction, accumulator, payouts, total, data: None });
    }

    fn batch(&mut self, node: Address, nonce: u64) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|b| (b.said.node, b.said.nonce) == (node, nonce))
    }

    fn promote(&mut self, e: &settlement::BatchPromoted) {
        let moved = self.batch(e.node, e.nonce).is_some_and(|b| {
            let fits = b.accumulator == b.said.node && b.said.epoch == e.epoch && b.said.payouts == e.payouts;
            b.accumulator = GLOBAL;
            fits
        });
        if !moved {
            self.differ(format!("batch {} of {}: promoted, though it could not be", e.nonce, e.node));
        }
    }

    fn publish(&mut self, e: settlement::DataPublished) {
        let name = format!("batch {} of {}", e.nonce, e.node);
        let domain = self.domain;
        let vector = numbers::scalar(&e.rho).and_then(|rho| PayoutVector::parse(domain, &e.amounts, rho).ok());
        let Some(vector) = vector else {
            return self.differ(format!("{name}: published amounts that are none"));
        };
        let sum = vector.amounts().try_fold(0u128, |sum, (_, amount)| sum.checked_add(amount));
        let Some(batch) = self.batch(e.node, e.nonce) else {
            return self.differ(format!("{name}: published, but not settled"));
        };
        let fits = sum == Some(batch.total) && batch.data.is_none() && batch.accumulator == GLOBAL;
        batch.data = Some((vector, e));
        if !fits {
            self.differ(format!("{name}: published twice, outside of the global accumulator, or other than its fees"));
        }
    }

    fn claim(&mut self, e: settlement::Claimed, transaction: B256) {
        let name = format!("slot {} in accumulator {}", e.slot, e.accumulator);
        if self.payees.get(&e.slot) != Some(&e.payee) {
            self.differ(format!("{name}: {} was paid, who was not its payee", e.payee));
        }
        let paid = self.paid.insert((e.accumulator, e.slot), e.cumulative).unwrap_or_default();
        if paid.checked_add(e.amount) != Some(e.cumulative) || e.amount == 0 {
            self.differ(format!("{name}: paid {} up to {}, after {paid}", e.amount, e.cumulative));
        }
        let vector = self.vector(e.accumulator, e.epoch, &BTreeMap::new());
        if let Some(vector) = &vector {
            let earned = vector.amount(e.slot);
            if earned != e.cumulative {
                self.differ(format!("{name}: paid up to {}, though it had earned {earned}", e.cumulative));
            }
        }
        self.claims.push(Claim { said: e, recomputed: vector.is_some(), transaction });
    }
}
