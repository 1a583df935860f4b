//! From a batch's artefacts to the circuits' integers and back: where each adapter's payout slots are, what a key is made of, and
//! what a statement says.

use std::path::Path;

use talea_chain::deployment::Deployment;
use talea_circuits::{
    Fr, G1Affine,
    arithmetic::{Arithmetic as _, Native},
    columns::stack,
    relations::{
        adapter::digest_adapter,
        registered::AdapterValues,
        shape::{AdapterShape, Module, Shape, log},
        statement::{SlotStatement, Statement},
        values::{Policy, Request, Slot, Values},
    },
    transcript::{
        bytes::{Bytes, point_bytes, scalar_bytes},
        halves,
    },
};
use talea_formats::proof::{AdapterSizes, BatchStatement, ModuleSizes, ProvenSizes};
use talea_witness::{
    Result,
    adapter::quantise::IntAdapter,
    batch::Batch,
    error::Error,
    influence::index::Index,
    network::{Network, Policy as NetworkPolicy},
    trace::IntTrace,
};

/// Sizes of an adapter with an index of so many rows.
pub fn adapter_sizes(adapter: &IntAdapter, rows: usize) -> AdapterSizes {
    let module = |m: &talea_formats::adapter::IntModule| ModuleSizes { input: m.input, d_in: m.d_in, d_out: m.d_out };
    AdapterSizes {
        inputs: adapter.inputs.len() as u32,
        modules: adapter.modules.iter().map(module).collect(),
        rank: log(adapter.modules.iter().map(|m| m.rank as usize).max().unwrap_or(1)) as u32,
        clusters: log(rows) as u32,
    }
}

/// The same as the circuits have them.
pub fn adapter_shape(sizes: &AdapterSizes) -> AdapterShape {
    let module = |m: &ModuleSizes| Module { input: m.input as usize, d_in: m.d_in as usize, d_out: m.d_out as usize };
    AdapterShape {
        inputs: sizes.inputs as usize,
        modules: sizes.modules.iter().map(module).collect(),
        rank: sizes.rank as usize,
        clusters: sizes.clusters as usize,
    }
}

/// The integers of an adapter and its index.
pub fn adapter_values(adapter: &IntAdapter, index: &Index) -> AdapterValues {
    AdapterValues {
        a: adapter.modules.iter().map(|m| m.a.clone()).collect(),
        b: adapter.modules.iter().map(|m| m.b.clone()).collect(),
        h: index.h.clone(),
    }
}

/// Payout slots of a network's adapters and node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// First slot per adapter, in the network's order.
    pub bases: Vec<u64>,
    /// The node's.
    pub node: u64,
    /// log₂ of all.
    pub domain: usize,
}

impl Registry {
    /// As a registry assigns them that is told of this network alone: larger ranges first and otherwise in the network's order, each at a
    /// multiple of its size; nodes have the last slots, the first node the very last.
    pub fn of(sizes: &[AdapterSizes], network: &Network) -> Self {
        let ranges: Vec<usize> = sizes.iter().map(|s| adapter_shape(s).slots()).collect();
        let (bases, end) = stack(&ranges);
        let domain = log(end + network.nodes.len()).max(4);
        let place = network.nodes.iter().position(|n| *n == network.node).unwrap_or_default() as u64;
        Self { bases: bases.iter().map(|b| *b as u64).collect(), node: (1 << domain) - 1 - place, domain }
    }

    /// As the registry on a chain has assigned them to these adapters and the network's node.
    pub fn deployed(file: &Path, d: &Deployment, ids: &[[u8; 32]], network: &Network) -> Result<Self> {
        let bad = |what: &str| Error::input(file.display(), what, "none", "one that is registered");
        let bases =
            ids.iter().map(|id| d.base(id).map(u64::from).ok_or_else(|| bad("adapter"))).collect::<Result<_>>()?;
        let node = d.slot(&network.node.into_array()).map(u64::from).ok_or_else(|| bad("node"))?;
        Ok(Self { bases, node, domain: usize::from(d.domain) })
    }
}

/// A policy in numbers.
pub fn policy(p: &NetworkPolicy) -> Policy {
    let r = &p.roles;
    let bps = [p.contributors_bps, r.adapter_owner.0, r.base_owner.0, r.node_bps, r.treasury.0];
    Policy { power: p.power, bps }
}

/// Sizes of a batch's proof. `sizes` are those of all adapters of the network, 2^`domain` all payout slots.
pub fn batch_sizes(batch: &Batch, sizes: &[AdapterSizes], domain: usize, deltas: bool) -> ProvenSizes {
    ProvenSizes {
        adapters: batch.slots.iter().map(|s| sizes[s.adapter as usize].clone()).collect(),
        requests: log(batch.shape.requests as usize) as u32,
        tokens: log(batch.shape.tokens as usize) as u32,
        clusters: log(batch.shape.clusters as usize) as u32,
        domain: domain as u32,
        deltas,
    }
}

/// The same as the circuits have them.
pub fn shape(sizes: &ProvenSizes) -> Shape {
    Shape {
        adapters: sizes.adapters.iter().map(adapter_shape).collect(),
        requests: sizes.requests as usize,
        tokens: sizes.tokens as usize,
        clusters: sizes.clusters as usize,
        deltas: sizes.deltas,
        domain: sizes.domain as usize,
    }
}

/// The adapter slots of a batch.
pub fn slots(batch: &Batch, registry: &Registry) -> Vec<Slot> {
    let slot = |s: &talea_witness::batch::Slot| Slot {
        policy: policy(&batch.adapters[s.adapter as usize].policy),
        base: registry.bases[s.adapter as usize],
    };
    batch.slots.iter().map(slot).collect()
}

/// The request table: a request's fee stands in its first q slot, its receipt in all of them.
pub fn requests(batch: &Batch, shape: &Shape) -> Vec<Request> {
    let (q, t) = (1usize << shape.requests, 1u32 << shape.tokens);
    let empty = |i: usize| Request { head: (i % q) as u32, ..Request::default() };
    let mut all: Vec<Request> = (0..q << shape.slots()).map(empty).collect();
    for r in &batch.requests {
        for i in 0..r.span {
            all[r.slot as usize * q + (r.first + i) as usize] = Request {
                fee: if i == 0 { r.fee } else { 0 },
                tokens: (r.tokens - i * t).min(t),
                head: r.first,
                receipt: r.receipt,
            };
        }
    }
    all
}

/// Refuses requests that do not lie where their batch's shape has room for them.
pub fn check_places(file: &Path, batch: &Batch) -> Result<()> {
    let (q, t) = (batch.shape.requests, batch.shape.tokens);
    let mut taken = vec![false; batch.slots.len() * q as usize];
    for r in &batch.requests {
        let end = r.first.checked_add(r.span).filter(|end| *end <= q && r.span == r.tokens.div_ceil(t) && r.span > 0);
        let own = end.and_then(|end| {
            let row = r.slot as usize * q as usize;
            taken.get_mut(row + r.first as usize..row + end as usize)
        });
        match own {
            Some(own) if own.iter().all(|t| !t) => own.fill(true),
            _ => {
                let found = format!("{} tokens in {} q slots from {}", r.tokens, r.span, r.first);
                return Err(Error::input(file.display(), format!("request {}", r.id), found, "free room in its slot"));
            }
        }
    }
    Ok(())
}

/// Rows of X per input block, from the traces in the order of the batch's requests.
pub fn inputs(
    batch: &Batch, shape: &Shape, traces: &[IntTrace], widths: impl Fn(usize, usize) -> usize,
) -> Vec<Vec<i32>> {
    let t = 1usize << shape.tokens;
    shape
        .inputs()
        .iter()
        .map(|block| {
            let (size, width) = (1usize << block.vars, widths(block.slot, block.input));
            let mut x = vec![0i32; size << (shape.tokens + shape.requests)];
            for (r, trace) in batch.requests.iter().zip(traces).filter(|(r, _)| r.slot as usize == block.slot) {
                let rows = trace.x[block.input].chunks_exact(width);
                for (to, row) in x[r.first as usize * t * size..].chunks_exact_mut(size).zip(rows) {
                    to.copy_from_slice(&row[block.begin..block.begin + size]);
                }
            }
            x
        })
        .collect()
}

/// The proof's amounts must be the ledger's; anything else is an error of ours.
pub fn compare(batch: &Batch, shape: &Shape, values: &Values) -> Result<()> {
    let k = 1usize << shape.clusters;
    for (a, slot) in batch.slots.iter().enumerate() {
        let amounts = &values.amounts[a * k..][..slot.payouts.len()];
        let rest = values.amounts[a * k + slot.payouts.len()..(a + 1) * k].iter().all(|p| *p == 0);
        let same =
            amounts == slot.payouts && rest && values.roles[4 * a..][..4] == slot.roles && values.dust[a] == slot.dust;
        if !same {
            let found = format!("other payouts in slot {a} than the rows of X give");
            return Err(Error::input("batch.talea", "slots", found, "the amounts that a proof would show"));
        }
    }
    Ok(())
}

/// The digest of an adapter's commitments.
pub fn adapter_digest(sizes: &AdapterSizes, points: &[G1Affine]) -> Fr {
    digest_adapter(&Native, &adapter_shape(sizes), points)
}

/// Points of a file.
pub fn points(file: &Path, field: &str, bytes: &[[u8; 64]]) -> Result<Vec<G1Affine>> {
    let read = |b: &[u8; 64]| Bytes::new(b).point("point");
    let expected = "points of BN254's G1 in canonical form, not infinity";
    bytes.iter().map(read).collect::<Result<_, _>>().map_err(|e| Error::input(file.display(), field, e, expected))
}

/// A scalar of a file.
pub fn scalar(file: &Path, field: &str, bytes: &[u8; 32]) -> Result<Fr> {
    let expected = "a scalar below the modulus";
    Bytes::new(bytes).scalar("scalar").map_err(|e| Error::input(file.display(), field, e, expected))
}

/// A scalar as a file holds it.
pub fn bytes(x: &Fr) -> [u8; 32] {
    scalar_bytes(x)
}

/// A point as a file holds it.
pub fn point(p: &G1Affine) -> [u8; 64] {
    point_bytes(p)
}

/// The statement of a file.
pub fn statement(file: &Path, p: &BatchStatement) -> Result<Statement<Fr>> {
    let of = |field: &str, b: &[u8; 32]| scalar(file, field, b);
    let address = |a: &[u8; 20]| {
        let mut wide = [0; 32];
        wide[..20].iter_mut().zip(a.iter().rev()).for_each(|(to, b)| *to = *b);
        scalar(file, "address", &wide)
    };
    let slots = p.slots.iter().map(|s| {
        Ok(SlotStatement {
            adapter: of("slots.adapter", &s.adapter)?,
            policy: of("slots.policy", &s.policy)?,
            base: Fr::from(s.base),
            fees: Fr::from(s.fees),
        })
    });
    let payouts = points(file, "payouts", std::slice::from_ref(&p.payouts))?;
    Ok(Statement {
        chain: Fr::from(p.chain_id),
        contract: address(&p.contract)?,
        node: address(&p.node)?,
        nonce: Fr::from(p.nonce),
        slots: slots.collect::<Result<_>>()?,
        node_slot: Fr::from(p.node_slot),
        receipts: halves(&p.receipts),
        inputs: of("inputs", &p.inputs)?,
        requests: of("requests", &p.requests)?,
        deltas: of("deltas", &p.deltas)?,
        payouts: Native.words(&payouts[0]),
    })
}
