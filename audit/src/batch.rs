//! Everything in `batch.talea`, recomputed from the stored X, A_int and H (docs/semantics.md §5, §7, §8).

use num_bigint::BigInt;
use talea_formats::{
    adapter::IntAdapter,
    artefact::hex,
    batch::{Batch, BatchRequest, Slot},
    network::{Network, Policy, Request},
    trace::IntTrace,
};

use crate::{Checker, Registered, Report};

/// Compares every number of the batch.
pub fn audit(
    report: &mut Report, network: &Network, registered: &[Registered], traces: &[(IntTrace, [u8; 32])], stored: &Batch,
    signed: bool,
) {
    for (request, (trace, _)) in network.requests.iter().zip(traces) {
        let adapter = network.adapters.iter().position(|a| a.name == request.adapter).map(|i| &registered[i].adapter);
        trace_fits(report, request, trace, adapter);
    }
    if !report.findings.iter().all(|f| !f.file.starts_with("traces/")) {
        return; // nothing follows from traces that are not the requests'
    }
    let mut check = Checker::new(report, "batch.talea");
    head(&mut check, network, registered, stored);
    let mut next: Vec<(usize, u32)> = Vec::new(); // per open slot: adapter, q slots taken
    let mut sums: Vec<Sums> = Vec::new();
    check.same("requests", stored.requests.len(), network.requests.len());
    for ((request, (trace, digest)), q) in network.requests.iter().zip(traces).zip(&stored.requests) {
        let at = |field: &str| format!("request {} {field}", request.id);
        let a = network.adapters.iter().position(|a| a.name == request.adapter).expect("the network was checked");
        check.same(at("id"), q.id.as_str(), &request.id);
        check.same(at("tokens"), q.tokens as usize, trace.tokens.len());
        check.same(at("fee"), q.fee, request.fee);
        check.same(at("trace"), hex(&q.trace), hex(digest));
        check.holds(at("receipt"), signed || q.receipt == [0; 32], hex(&q.receipt), "none: there are no receipts");
        place(&mut check, &at, stored, q, a, &mut next);
        let policy = &network.adapters[a].policy;
        let weights = influence(&mut check, &at, q, trace, &registered[a], policy);
        let slot = q.slot as usize;
        while sums.len() <= slot {
            sums.push(Sums::default());
        }
        sums[slot].add(&mut check, &at, q, policy, &weights);
    }
    check.same("slots", stored.slots.len(), next.len());
    for (i, (slot, (adapter, _))) in stored.slots.iter().zip(&next).enumerate() {
        let at = |field: &str| format!("slot {i} {field}");
        check.same(at("adapter"), slot.adapter as usize, *adapter);
        match sums.get(i) {
            Some(sum) => sum.compare(&mut check, &at, slot, &network.adapters[*adapter].policy),
            None => check.holds(at("fees"), false, slot.fees, "a slot with requests"),
        }
    }
    let fees: BigInt = network.requests.iter().map(|r| BigInt::from(r.fee)).sum();
    let paid: BigInt = stored.payouts().iter().map(|p| BigInt::from(p.amount)).sum();
    check.same("Σ paid", paid, fees);
    check.done();
}

/// A trace is of its request's tokens, in its adapter's shapes, within 19 bits.
fn trace_fits(report: &mut Report, request: &Request, trace: &IntTrace, adapter: Option<&IntAdapter>) {
    let mut check = Checker::new(report, format!("traces/{}.trace", request.id));
    let tokens: Vec<u32> = request.prompt.iter().chain(&request.completion).copied().collect();
    check.same("id", trace.id.as_str(), &request.id);
    check.holds("tokens", trace.tokens == tokens, format!("{:?}", trace.tokens), format!("{tokens:?}"));
    if let Some(adapter) = adapter {
        check.same("x", trace.x.len(), adapter.inputs.len());
        for (i, (x, (input, _))) in trace.x.iter().zip(&adapter.inputs).enumerate() {
            check.same(format!("x[{i}]"), x.len(), input.width as usize * tokens.len());
        }
    }
    for x in trace.x.iter().flatten() {
        check.holds("x", x.unsigned_abs() < 1 << 19, x, "at most 2^19 − 1 either way");
    }
    check.done();
}

/// Chain, node, adapters with their digests, policies, clusters and payees.
fn head(check: &mut Checker<'_>, network: &Network, registered: &[Registered], stored: &Batch) {
    check.same("chain_id", stored.chain_id, network.chain_id);
    check.same("node", hex20(&stored.node), hex20(&network.node.into_array()));
    check.same("adapters", stored.adapters.len(), network.adapters.len());
    for ((entry, r), a) in network.adapters.iter().zip(registered).zip(&stored.adapters) {
        let at = |field: &str| format!("adapter {} {field}", entry.name);
        check.same(at("name"), &a.name, &entry.name);
        check.same(at("adapter"), hex(&a.adapter), hex(&r.adapter_digest));
        check.same(at("index"), hex(&a.index), hex(&r.index_digest));
        check.same(at("index's adapter"), hex(&r.index.adapter), hex(&r.adapter_digest));
        check.holds(at("policy"), a.policy == entry.policy, format!("{:?}", a.policy), format!("{:?}", entry.policy));
        let rows: Vec<_> = r.index.rows.iter().map(|row| (row.cluster, row.payee)).collect();
        check.holds(at("clusters"), a.clusters == rows, "other clusters or payees", "the rows of the index");
    }
}

fn hex20(address: &[u8; 20]) -> String {
    address.iter().map(|b| format!("{b:02x}")).collect()
}

/// First fit: the first open slot of the adapter with room at its end, else a new one.
fn place(
    check: &mut Checker<'_>, at: &dyn Fn(&str) -> String, stored: &Batch, q: &BatchRequest, adapter: usize,
    next: &mut Vec<(usize, u32)>,
) {
    let span = q.tokens.div_ceil(stored.shape.tokens);
    let fits = |(a, taken): &(usize, u32)| *a == adapter && taken + span <= stored.shape.requests;
    let slot = next.iter().position(fits).unwrap_or_else(|| {
        next.push((adapter, 0));
        next.len() - 1
    });
    check.same(at("slot"), q.slot as usize, slot);
    check.same(at("first"), q.first, next[slot].1);
    check.same(at("span"), q.span, span);
    next[slot].1 += span;
}

/// U, V, S, κ, R and W of a request; returns w.
fn influence(
    check: &mut Checker<'_>, at: &dyn Fn(&str) -> String, q: &BatchRequest, trace: &IntTrace, r: &Registered,
    policy: &Policy,
) -> Vec<BigInt> {
    let v = summed(&r.adapter, trace);
    let zero = BigInt::from(0);
    let scores: Vec<BigInt> = (0..r.index.rows.len())
        .map(|k| (0..v.len()).map(|f| BigInt::from(v[f]) * r.index.h[k * v.len() + f]).sum())
        .collect();
    let largest = scores.iter().max().filter(|s| **s > zero).cloned().unwrap_or_default();
    let kappa = largest.bits();
    check.same(at("kappa"), u64::from(q.kappa), kappa);
    check.same(at("scores"), q.scores.len(), scores.len());
    check.same(at("ranks"), q.ranks.len(), scores.len());
    let mut weights = Vec::new();
    for (k, s) in scores.iter().enumerate() {
        let positive = if *s > zero { s.clone() } else { zero.clone() };
        let rank = (positive << 20u32) / (BigInt::from(1) << kappa);
        check.same(at(&format!("scores[{k}]")), BigInt::from(q.scores.get(k).copied().unwrap_or_default()), s.clone());
        check.same(at(&format!("ranks[{k}]")), BigInt::from(q.ranks.get(k).copied().unwrap_or_default()), rank.clone());
        weights.push(rank.pow(policy.power.into()));
    }
    check.same(at("total"), BigInt::from(q.total), weights.iter().sum());
    weights
}

/// V = Σ_t ⌊(X·A + 2^15) / 2^16⌋ per coordinate.
pub fn summed(adapter: &IntAdapter, trace: &IntTrace) -> Vec<i128> {
    let mut v = Vec::new();
    for m in &adapter.modules {
        let (x, width) = (&trace.x[m.input as usize], m.d_in as usize);
        for rho in 0..m.rank as usize {
            let mut sum = 0i128;
            for t in 0..trace.tokens.len() {
                let mut acc = 0i128;
                for i in 0..width {
                    acc += i128::from(x[t * width + i]) * i128::from(m.a[rho * width + i]);
                }
                sum += (acc + (1 << 15)).div_euclid(1 << 16);
            }
            v.push(sum);
        }
    }
    v
}

/// Running sums of a slot.
#[derive(Default)]
struct Sums {
    fees: BigInt,
    /// Σ_q c·w per cluster.
    credits: Vec<BigInt>,
}

impl Sums {
    fn add(
        &mut self, check: &mut Checker<'_>, at: &dyn Fn(&str) -> String, q: &BatchRequest, policy: &Policy,
        weights: &[BigInt],
    ) {
        let total: BigInt = weights.iter().sum();
        let pool = BigInt::from(q.fee) * policy.contributors_bps / 10_000;
        let c = if total == BigInt::from(0) { BigInt::from(0) } else { (&pool << shift(policy)) / &total };
        check.same(at("pool"), BigInt::from(q.pool), pool);
        check.same(at("quotient"), BigInt::from(q.quotient), c.clone());
        self.fees += q.fee;
        self.credits.resize(weights.len(), BigInt::from(0));
        for (sum, w) in self.credits.iter_mut().zip(weights) {
            *sum += &c * w;
        }
    }

    fn compare(&self, check: &mut Checker<'_>, at: &dyn Fn(&str) -> String, slot: &Slot, policy: &Policy) {
        check.same(at("fees"), BigInt::from(slot.fees), self.fees.clone());
        check.same(at("payouts"), slot.payouts.len(), self.credits.len());
        let mut left = self.fees.clone();
        for (k, (found, credit)) in slot.payouts.iter().zip(&self.credits).enumerate() {
            let amount = credit >> shift(policy);
            left -= &amount;
            check.same(at(&format!("payouts[{k}]")), BigInt::from(*found), amount);
        }
        let r = &policy.roles;
        for (i, bps) in [r.adapter_owner.0, r.base_owner.0, r.node_bps, r.treasury.0].into_iter().enumerate() {
            let amount = &self.fees * bps / 10_000;
            left -= &amount;
            check.same(at(&format!("roles[{i}]")), BigInt::from(slot.roles[i]), amount);
        }
        check.same(at("dust"), BigInt::from(slot.dust), left);
    }
}

fn shift(policy: &Policy) -> u32 {
    32 + 16 * u32::from(policy.power)
}
