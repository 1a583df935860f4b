//! Batches: requests placed into slots, influence and payouts of all of them (docs/semantics.md §8).
//!
//! | module | holds |
//! |---|---|
//! | [`shape`] | sizes of a batch and the placement of requests |
//! | [`payout`] | payouts of one slot |
//! | this one | the batch and its artefact |

pub mod payout;
pub mod shape;

pub use talea_formats::batch::{Batch, BatchAdapter, BatchRequest, Payout, Role, Slot};

use alloy_primitives::Address;
use rayon::prelude::*;

use crate::{
    adapter::quantise::IntAdapter,
    artefact::{digest, encode},
    bounds,
    error::{Error, Result},
    influence::{Influence, index::Index, scores, weigh},
    network::{Policy, Request},
    receipts::{Domain, Receipts, Signed as _, fold::check_signed},
    trace::{IntTrace, quantise::summed},
};
use payout::{Credit, pay};
use shape::{BatchShape, Place, fitting, place};

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
    receipts: &Receipts, domain: Domain, node: Address, registered: &[&Registered], traced: &mut [Traced],
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
    crate::receipts::check(receipts).map_err(|source| Error::Receipt { id: file.into(), source })?;
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

/// Places, scores and pays. `shape` is derived from the requests where none is given.
pub fn build(
    chain_id: u64, node: Address, registered: &[&Registered], requests: &[Traced], shape: Option<BatchShape>,
) -> Result<Batch> {
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
    let shape = shape.unwrap_or_else(|| fitting(&sizes, &rows));
    shape.check(&rows)?;
    let places = place(&shape, &sizes)?;
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
        Batch { chain_id, node: node.into_array(), shape, adapters, slots: Vec::new(), requests: Vec::new() };
    settle(&mut batch, requests, &owner, &places, influences);
    Ok(batch)
}

fn settle(batch: &mut Batch, requests: &[Traced], owner: &[usize], places: &[Place], influences: Vec<Influence>) {
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
        let p = pay(&batch.adapters[adapter].policy, &credits, batch.adapters[adapter].clusters.len());
        for (i, (pool, quotient)) in members.iter().zip(p.pools.iter().zip(&p.quotients)) {
            paid[*i] = (*pool, *quotient);
        }
        batch.slots.push(Slot {
            adapter: adapter as u32,
            fees: p.fees,
            payouts: p.clusters,
            roles: p.roles,
            dust: p.dust,
        });
    }
    for (((q, place), i), (pool, quotient)) in requests.iter().zip(places).zip(influences).zip(paid) {
        batch.requests.push(BatchRequest {
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
