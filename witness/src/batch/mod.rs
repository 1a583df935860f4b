//! Batches: requests placed into slots, influence and payouts of all of them (docs/semantics.md §8).
//!
//! | module | holds |
//! |---|---|
//! | [`shape`] | sizes of a batch and the placement of requests |
//! | [`payout`] | payouts of one slot |
//! | this one | the batch and its artefact |

pub mod payout;
pub mod shape;

use alloy_primitives::Address;
use rayon::prelude::*;
use wincode::{SchemaRead, SchemaWrite};

use crate::{
    adapter::quantise::IntAdapter,
    artefact::{Artefact, digest, encode},
    bounds,
    error::{Error, Result},
    influence::{Influence, index::Index, scores, weigh},
    network::{Policy, Request},
    receipts::{Domain, Receipts, fold::check_signed},
    trace::{IntTrace, quantise::summed},
};
use payout::{Credit, pay};
use shape::{BatchShape, Place};

/// A registered adapter as a batch uses it.
pub struct Registered {
    /// Name in the network.
    pub name: String,
    /// Its policy.
    pub policy: Policy,
    /// Its integers.
    pub adapter: IntAdapter,
    /// Its index.
    pub index: Index,
}

/// One adapter of a batch, by digest.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct BatchAdapter {
    /// Name in the network.
    pub name: String,
    /// BLAKE3 of its artefact.
    pub adapter: [u8; 32],
    /// BLAKE3 of its index artefact.
    pub index: [u8; 32],
    /// Its policy.
    pub policy: Policy,
    /// Per row of the index: the cluster's ordinal and its payee.
    pub clusters: Vec<(u32, [u8; 20])>,
}

/// One adapter slot and what it pays.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Slot {
    /// Place in [`Batch::adapters`].
    pub adapter: u32,
    /// F_a.
    pub fees: u128,
    /// P per row of the index.
    pub payouts: Vec<u128>,
    /// Adapter owner, base-model owner, node, treasury.
    pub roles: [u128; 4],
    /// To the sink.
    pub dust: u128,
}

/// One request: where it sits, what it was traced to, whom it credits.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct BatchRequest {
    /// Request id.
    pub id: String,
    /// Adapter slot.
    pub slot: u32,
    /// First q slot inside it.
    pub first: u32,
    /// Consecutive q slots: every one after the first carries the continuation flag.
    pub span: u32,
    /// Tokens as fed.
    pub tokens: u32,
    /// Fee.
    pub fee: u128,
    /// BLAKE3 of the trace artefact.
    pub trace: [u8; 32],
    /// EIP-712 digest of its receipt, signed by payer and node; zero where there is none.
    pub receipt: [u8; 32],
    /// S per row of the index.
    pub scores: Vec<i128>,
    /// κ.
    pub kappa: u32,
    /// R per row of the index; w = R^p.
    pub ranks: Vec<u32>,
    /// W.
    pub total: u128,
    /// Contributors' pool.
    pub pool: u128,
    /// c.
    pub quotient: u128,
}

/// A batch in the clear.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Batch {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The node that serves and proves.
    pub node: [u8; 20],
    /// Sizes.
    pub shape: BatchShape,
    /// Adapters in the order of the network.
    pub adapters: Vec<BatchAdapter>,
    /// Slots in use.
    pub slots: Vec<Slot>,
    /// Requests in the order of the network.
    pub requests: Vec<BatchRequest>,
}

impl Artefact for Batch {
    const KIND: &'static str = "batch";
    const VERSION: u32 = 1;
}

/// A request with its integer trace.
pub struct Traced {
    /// The request.
    pub request: Request,
    /// Its trace under its adapter's exponents.
    pub trace: IntTrace,
    /// Digest of its checked receipt ([`bind_receipts`]); zero where there is none.
    pub receipt: [u8; 32],
}

/// Checks every request's receipt and binds its digest: same chain and contract, both signatures, the node of the
/// batch, tokens as traced.
pub fn bind_receipts(
    receipts: &Receipts,
    domain: Domain,
    node: Address,
    registered: &[&Registered],
    traced: &mut [Traced],
) -> Result<()> {
    let file = "receipts";
    if receipts.domain != domain {
        return Err(Error::input(file, "domain", format!("{:?}", receipts.domain), format!("{domain:?}")));
    }
    if receipts.receipts.len() != traced.len() {
        return Err(Error::input(
            file,
            "receipts",
            receipts.receipts.len(),
            format!("{}, one per request", traced.len()),
        ));
    }
    for (signed, t) in receipts.receipts.iter().zip(traced) {
        let name = &t.request.adapter;
        let Some(r) = registered.iter().find(|r| r.name == *name) else {
            return Err(Error::input(&t.request.id, "adapter", name, "a registered adapter"));
        };
        if signed.receipt.node != node.into_array() {
            let found = Address::from(signed.receipt.node);
            return Err(Error::input(format!("receipt {}", signed.id), "node", found, node));
        }
        check_signed(&domain, signed, &t.request, &r.adapter.base, &digest(&encode(&r.adapter)))
            .map_err(|source| Error::Receipt { id: t.request.id.clone(), source })?;
        t.receipt = signed.receipt.digest(&domain).0;
    }
    Ok(())
}

impl Batch {
    /// Places, scores and pays. `shape` is derived from the requests where none is given.
    pub fn build(
        chain_id: u64,
        node: Address,
        registered: &[&Registered],
        requests: &[Traced],
        shape: Option<BatchShape>,
    ) -> Result<Self> {
        let owner: Vec<usize> = requests
            .iter()
            .map(|r| {
                let name = &r.request.adapter;
                registered
                    .iter()
                    .position(|a| a.name == *name)
                    .ok_or_else(|| Error::input(&r.request.id, "adapter", name, "a registered adapter"))
            })
            .collect::<Result<_>>()?;
        for (q, a) in requests.iter().zip(&owner) {
            check_trace(q, &registered[*a].adapter)?;
        }
        let sizes: Vec<(&str, usize, usize)> =
            requests.iter().zip(&owner).map(|(r, a)| (r.request.id.as_str(), *a, r.trace.tokens.len())).collect();
        let rows: Vec<usize> = registered.iter().map(|a| a.index.rows.len()).collect();
        let shape = shape.unwrap_or_else(|| BatchShape::fitting(&sizes, &rows));
        shape.check(&rows)?;
        let places = shape.place(&sizes)?;
        let influences: Vec<Influence> = requests
            .par_iter()
            .zip(&owner)
            .map(|(q, a)| {
                let r = registered[*a];
                weigh(scores(&summed(&r.adapter, &q.trace), &r.index.h), r.policy.power)
            })
            .collect();
        let adapters = registered
            .iter()
            .map(|r| BatchAdapter {
                name: r.name.clone(),
                adapter: digest(&encode(&r.adapter)),
                index: digest(&encode(&r.index)),
                policy: r.policy.clone(),
                clusters: r.index.rows.iter().map(|row| (row.cluster, row.payee)).collect(),
            })
            .collect();
        let mut batch =
            Self { chain_id, node: node.into_array(), shape, adapters, slots: Vec::new(), requests: Vec::new() };
        batch.settle(requests, &owner, &places, influences);
        Ok(batch)
    }

    fn settle(&mut self, requests: &[Traced], owner: &[usize], places: &[Place], influences: Vec<Influence>) {
        let used = places.iter().map(|p| p.slot as usize + 1).max().unwrap_or(0);
        let mut paid = vec![(0u128, 0u128); requests.len()];
        for slot in 0..used {
            let members: Vec<usize> = (0..requests.len()).filter(|i| places[*i].slot as usize == slot).collect();
            let adapter = owner[members[0]];
            let credits: Vec<Credit<'_>> = members
                .iter()
                .map(|i| Credit {
                    fee: requests[*i].request.fee,
                    weights: &influences[*i].weights,
                    total: influences[*i].total,
                })
                .collect();
            let p = pay(&self.adapters[adapter].policy, &credits, self.adapters[adapter].clusters.len());
            for (i, (pool, quotient)) in members.iter().zip(p.pools.iter().zip(&p.quotients)) {
                paid[*i] = (*pool, *quotient);
            }
            self.slots.push(Slot {
                adapter: adapter as u32,
                fees: p.fees,
                payouts: p.clusters,
                roles: p.roles,
                dust: p.dust,
            });
        }
        for (((q, place), i), (pool, quotient)) in requests.iter().zip(places).zip(influences).zip(paid) {
            self.requests.push(BatchRequest {
                id: q.request.id.clone(),
                slot: place.slot,
                first: place.first,
                span: place.span,
                tokens: q.trace.tokens.len() as u32,
                fee: q.request.fee,
                trace: digest(&encode(&q.trace)),
                receipt: q.receipt,
                scores: i.scores,
                kappa: i.kappa,
                ranks: i.ranks,
                total: i.total,
                pool,
                quotient,
            });
        }
    }

    /// Refuses a batch whose parts do not fit together, so that the methods below may index. It recomputes nothing.
    pub fn check(&self, file: &str) -> Result<()> {
        let bad = |field: String, found: String, expected: String| Err(Error::input(file, field, found, expected));
        self.shape.check(&self.adapters.iter().map(|a| a.clusters.len()).collect::<Vec<_>>())?;
        if self.slots.len() > self.shape.slots as usize {
            return bad(
                "slots".into(),
                self.slots.len().to_string(),
                format!("at most the shape's {}", self.shape.slots),
            );
        }
        for (i, s) in self.slots.iter().enumerate() {
            let Some(a) = self.adapters.get(s.adapter as usize) else {
                return bad(
                    format!("slots[{i}].adapter"),
                    s.adapter.to_string(),
                    format!("below {}", self.adapters.len()),
                );
            };
            if s.payouts.len() != a.clusters.len() {
                return bad(format!("slots[{i}].payouts"), s.payouts.len().to_string(), a.clusters.len().to_string());
            }
            let paid = s.payouts.iter().chain(&s.roles).try_fold(s.dust, |sum, x| sum.checked_add(*x));
            if paid != Some(s.fees) || s.fees >> bounds::P_CHECK_BITS != 0 {
                return bad(
                    format!("slots[{i}].fees"),
                    s.fees.to_string(),
                    "the sum of payouts, roles and dust, below 2^112".into(),
                );
            }
        }
        for (i, q) in self.requests.iter().enumerate() {
            let Some(slot) = self.slots.get(q.slot as usize) else {
                return bad(format!("requests[{i}].slot"), q.slot.to_string(), format!("below {}", self.slots.len()));
            };
            if q.ranks.len() != slot.payouts.len() || q.scores.len() != slot.payouts.len() {
                return bad(format!("requests[{i}].ranks"), q.ranks.len().to_string(), slot.payouts.len().to_string());
            }
            if q.fee >> bounds::FEE_BITS != 0 || q.ranks.iter().any(|r| r >> bounds::R_BITS != 0) {
                return bad(
                    format!("requests[{i}]"),
                    "a fee or rank beyond its bound".into(),
                    "fee < 2^92, ranks < 2^20".into(),
                );
            }
        }
        match self.adapters.iter().position(|a| !matches!(a.policy.power, 1 | 2 | 4)) {
            Some(i) => bad(
                format!("adapters[{i}].policy.power"),
                self.adapters[i].policy.power.to_string(),
                "1, 2 or 4".into(),
            ),
            None => Ok(()),
        }
    }

    /// The adapter that a request ran with.
    pub fn adapter_of(&self, request: &BatchRequest) -> &BatchAdapter {
        &self.adapters[self.slots[request.slot as usize].adapter as usize]
    }

    /// Every amount paid, with its payee and what it is for, in slot order; their sum is Σ fees.
    pub fn payouts(&self) -> Vec<Payout> {
        let mut all = Vec::new();
        for slot in &self.slots {
            let a = &self.adapters[slot.adapter as usize];
            let mut add = |payee: [u8; 20], role: Role, amount: u128| {
                all.push(Payout { payee: payee.into(), adapter: a.name.clone(), role, amount })
            };
            for ((cluster, payee), amount) in a.clusters.iter().zip(&slot.payouts) {
                add(*payee, Role::Contributor { cluster: *cluster }, *amount);
            }
            let r = &a.policy.roles;
            let payees = [r.adapter_owner.1, r.base_owner.1, self.node, r.treasury.1];
            for ((role, payee), amount) in Role::PAID.into_iter().zip(payees).zip(slot.roles) {
                add(payee, role, amount);
            }
            add(a.policy.sink, Role::Sink, slot.dust);
        }
        all
    }

    /// Does every request carry a receipt that payer and node signed?
    pub fn attested(&self) -> bool {
        !self.requests.is_empty() && self.requests.iter().all(|q| q.receipt != [0; 32])
    }

    /// Σ fees.
    pub fn fees(&self) -> u128 {
        self.requests.iter().map(|q| q.fee).sum()
    }
}

fn check_trace(q: &Traced, adapter: &IntAdapter) -> Result<()> {
    let bad = |field: &str, found: String, expected: String| Err(Error::input(&q.request.id, field, found, expected));
    if q.trace.tokens != q.request.tokens() {
        return bad(
            "tokens",
            format!("a trace of {} tokens", q.trace.tokens.len()),
            format!("the request's {}", q.request.tokens().len()),
        );
    }
    let shapes: Vec<usize> = adapter.inputs.iter().map(|(t, _)| t.width as usize * q.trace.tokens.len()).collect();
    let found: Vec<usize> = q.trace.x.iter().map(Vec::len).collect();
    if shapes != found {
        return bad("x", format!("{found:?} values"), format!("{shapes:?}"));
    }
    let limit = bounds::X_MAX;
    match q.trace.x.iter().flatten().find(|x| x.unsigned_abs() > limit as u32) {
        Some(x) => bad("x", x.to_string(), format!("at most {limit} either way")),
        None => Ok(()),
    }
}

/// What a payout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The representative of a cluster.
    Contributor {
        /// Its ordinal.
        cluster: u32,
    },
    /// Owner of the adapter.
    AdapterOwner,
    /// Owner of the base model.
    BaseOwner,
    /// The node.
    Node,
    /// The treasury.
    Treasury,
    /// Rounding and unattributed pools.
    Sink,
}

impl Role {
    /// The roles with basis points of their own, in the frozen order.
    pub const PAID: [Self; 4] = [Self::AdapterOwner, Self::BaseOwner, Self::Node, Self::Treasury];

    /// Its name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contributor { .. } => "contributor",
            Self::AdapterOwner => "adapter owner",
            Self::BaseOwner => "base owner",
            Self::Node => "node",
            Self::Treasury => "treasury",
            Self::Sink => "sink",
        }
    }
}

/// One amount of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Who.
    pub payee: Address,
    /// Through which adapter.
    pub adapter: String,
    /// For what.
    pub role: Role,
    /// How much, in base units.
    pub amount: u128,
}
