//! Random batches: adapters, requests and rows drawn from a seed.
//!
//! Rows are drawn anew whenever they are asked for, so that none lie in memory beside those that a proof holds.

use talea_circuits::{
    opening::PairingKey,
    relations::{
        Key,
        adapter::AdapterLayout,
        parts::Parts,
        prover::Context,
        registered::{AdapterValues, Registered},
        shape::{AdapterShape, Module, Shape, blocks, log},
        values::{Policy, Request, Slot, Values},
    },
};
use talea_gpu::{Cpu, Device};
use talea_srs::Srs;
use talea_witness::{
    bounds::{CLUSTER_BITS, COORDINATE_BITS, MAX_RANK, REQUEST_BITS, ROW_NORM_BITS, TOKEN_BITS, X_MAX},
    error::{Error, Result},
};

use crate::cli::bench::BatchArgs;

/// Policy of every slot.
pub const POLICY: Policy = Policy { power: 2, bps: [5000, 2000, 1500, 1000, 500] };

/// Sizes of a batch, and what it is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub d_in: usize,
    pub rank: usize,
    pub d_out: usize,
    /// Of each adapter.
    pub modules: usize,
    pub slots: usize,
    /// Of each slot.
    pub requests: usize,
    pub tokens: usize,
    pub clusters: usize,
    pub deltas: bool,
    pub seed: u64,
}

impl Sizes {
    /// Refuses what has no room in a batch (docs/semantics.md §9).
    pub fn of(args: &BatchArgs) -> Result<Self> {
        let bad = |field: &str, found: String, expected: String| Err(Error::input("bench", field, found, expected));
        let &[d_in, rank, d_out] = args.module.as_slice() else {
            return bad("--module", format!("{:?}", args.module), "IN,RANK,OUT".into());
        };
        let counts = [
            ("--module IN", d_in, 1 << 20),
            ("--module RANK", rank, MAX_RANK),
            ("--module OUT", d_out, 1 << 20),
            ("--modules", args.modules, 1 << COORDINATE_BITS),
            ("--slots", args.slots, 1 << 10),
            ("--requests", args.requests, 1 << REQUEST_BITS),
            ("--tokens", args.tokens, 1 << TOKEN_BITS),
            ("--clusters", args.clusters, 1 << CLUSTER_BITS),
        ];
        for (flag, found, most) in counts {
            if !(1..=most).contains(&found) {
                return bad(flag, found.to_string(), format!("1 to {most}"));
            }
        }
        for (flag, found) in [("--requests", args.requests), ("--tokens", args.tokens)] {
            if !found.is_power_of_two() {
                return bad(flag, found.to_string(), "a power of two".into());
            }
        }
        if args.modules * rank > 1 << COORDINATE_BITS {
            return bad("coordinates", (args.modules * rank).to_string(), format!("at most 2^{COORDINATE_BITS}"));
        }
        let BatchArgs { modules, slots, requests, tokens, clusters, no_deltas, seed, .. } = *args;
        Ok(Self { d_in, rank, d_out, modules, slots, requests, tokens, clusters, deltas: !no_deltas, seed })
    }

    /// Rows of X of one module, in all slots.
    pub fn rows(&self) -> usize {
        self.slots * self.requests * self.tokens
    }

    fn adapter_shape(&self) -> AdapterShape {
        let one = |input| Module { input, d_in: self.d_in, d_out: self.d_out };
        AdapterShape {
            inputs: self.modules,
            modules: (0..self.modules).map(one).collect(),
            rank: log(self.rank),
            clusters: log(self.clusters),
        }
    }

    fn shape(&self) -> Shape {
        let adapter = self.adapter_shape();
        Shape {
            domain: log((self.slots << adapter.slots()) + 1),
            adapters: vec![adapter; self.slots],
            requests: log(self.requests),
            tokens: log(self.tokens),
            clusters: log(self.clusters),
            deltas: self.deltas,
        }
    }

    /// log₂ of the powers that a reference string must have.
    pub fn powers(&self) -> usize {
        let shape = self.shape();
        let adapters = AdapterLayout::new(&self.adapter_shape()).1.chunk_vars();
        Parts::new(&shape).1.chunk_vars().max(shape.domain).max(adapters)
    }

    /// An adapter of one slot.
    pub fn adapter(&self, slot: usize) -> AdapterValues {
        // so that a row of A keeps its bound: 2^14 each for up to 2^10 of them, then less
        let by = 1 + (log(self.d_in) + 14).saturating_sub(ROW_NORM_BITS as usize);
        let drawn = |what, module, n, by: usize| -> Vec<i16> {
            numbers(self.seed, what, [slot, module], n).into_iter().map(|v| v >> by).collect()
        };
        AdapterValues {
            a: (0..self.modules).map(|i| drawn("a", i, self.rank * self.d_in, by)).collect(),
            b: (0..self.modules).map(|i| drawn("b", i, self.rank * self.d_out, 1)).collect(),
            h: drawn("h", 0, self.clusters * self.rank * self.modules, 1),
        }
    }

    /// Rows of X of one of a slot's modules, [requests × tokens, d_in] row-major.
    pub fn inputs(&self, slot: usize, module: usize) -> Vec<i32> {
        let drawn = numbers(self.seed, "x", [slot, module], self.requests * self.tokens * self.d_in);
        drawn.into_iter().map(|v| (i32::from(v) << 4).max(-X_MAX)).collect()
    }

    /// Fees of a slot's requests: a coin and up to a sixteenth.
    pub fn fees(&self, slot: usize) -> Vec<u128> {
        let drawn = numbers(self.seed, "fees", [slot, 0], self.requests);
        drawn.into_iter().map(|v| 10u128.pow(18) + 10u128.pow(12) * u128::from(v as u16)).collect()
    }
}

/// A batch but for its rows, its adapters registered.
pub struct Work {
    pub sizes: Sizes,
    pub key: Key,
    pub pairing: PairingKey,
    pub adapters: Vec<Registered>,
    pub context: Context,
}

impl Work {
    /// # Errors
    /// Sizes that no key has, or that the reference string is too small for.
    pub fn new(sizes: Sizes, srs: &Srs) -> anyhow::Result<Self> {
        let adapter = sizes.adapter_shape();
        // one payout slot more than the adapters', the node's
        let node_slot = sizes.slots << adapter.slots();
        let pairing = PairingKey { tau: srs.tau };
        let key = Key::new(sizes.shape(), &pairing)?;
        let needed = key.powers().max(AdapterLayout::new(&adapter).1.chunk_vars());
        if (srs.k() as usize) < needed {
            let (found, expected) = (format!("2^{}", srs.k()), format!("at least 2^{needed}"));
            return Err(Error::input("--srs", "powers", found, expected).into());
        }
        let register = |slot| {
            let mut salts = [0; 32];
            stream(sizes.seed, "salts", [slot, 0]).fill(&mut salts);
            Registered::new(&Cpu, &adapter, &sizes.adapter(slot), &srs.powers, &salts)
        };
        let adapters = (0..sizes.slots).map(register).collect();
        let node_slot = node_slot as u64;
        let context = Context { chain: 1, contract: [0; 20], node: [0; 20], nonce: 0, node_slot, receipts: [0; 32] };
        Ok(Self { sizes, key, pairing, adapters, context })
    }

    /// The adapters as the circuits take them.
    pub fn adapters(&self) -> Vec<&Registered> {
        self.adapters.iter().collect()
    }

    /// What a batch's integers follow from.
    pub fn given(&self) -> Given {
        let s = &self.sizes;
        let slot = |(i, a): (usize, &Registered)| Slot { policy: POLICY, base: (i as u64) << a.shape.slots() };
        let request = |(q, fee)| Request { fee, tokens: s.tokens as u32, head: q as u32, receipt: [7; 32] };
        let mut requests: Vec<Request> =
            (0..s.slots).flat_map(|slot| s.fees(slot).into_iter().enumerate().map(request)).collect();
        // slots that fill up to a power of two have requests of nobody
        let all = s.requests << self.key.shape.slots();
        requests.extend((requests.len()..all).map(|i| Request { head: (i % s.requests) as u32, ..Request::default() }));
        let mut x = Vec::new();
        for (slot, module) in (0..s.slots).flat_map(|slot| (0..s.modules).map(move |module| (slot, module))) {
            let rows = s.inputs(slot, module);
            let cut = |(begin, vars): (usize, usize)| -> Vec<i32> {
                rows.chunks_exact(s.d_in).flat_map(|row| &row[begin..begin + (1 << vars)]).copied().collect()
            };
            x.extend(blocks(s.d_in).into_iter().map(cut));
        }
        Given { slots: self.adapters.iter().enumerate().map(slot).collect(), requests, x }
    }
}

/// Slots, requests and rows of a batch.
pub struct Given {
    slots: Vec<Slot>,
    requests: Vec<Request>,
    x: Vec<Vec<i32>>,
}

impl Given {
    /// The batch's integers.
    pub fn values(self, device: &impl Device, work: &Work) -> Values {
        Values::new(device, &work.key, &work.adapters(), self.slots, self.requests, self.x)
    }
}

/// Numbers of 16 bits: others for another seed, name or place.
pub fn numbers(seed: u64, what: &str, place: [usize; 2], n: usize) -> Vec<i16> {
    let mut bytes = vec![0; 2 * n];
    stream(seed, what, place).fill(&mut bytes);
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

fn stream(seed: u64, what: &str, place: [usize; 2]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key("talea 1 bench");
    [seed, place[0] as u64, place[1] as u64].iter().for_each(|n| {
        hasher.update(&n.to_le_bytes());
    });
    hasher.update(what.as_bytes()).finalize_xof()
}
