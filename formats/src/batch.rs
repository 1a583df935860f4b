//! A batch in the clear: requests in slots, their influence, and what is paid.

use std::path::Path;

use alloy_primitives::Address;
use wincode::{SchemaRead, SchemaWrite};

use crate::{
    artefact::Artefact,
    bounds::{CLUSTER_BITS, FEE_BITS, P_CHECK_BITS, R_BITS, REQUEST_BITS, TOKEN_BITS},
    error::{Error, Result},
    network::{Policy, check_name},
};

/// Sizes of a batch, all powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct BatchShape {
    /// Adapter slots.
    pub slots: u32,
    /// q slots per adapter slot.
    pub requests: u32,
    /// Tokens per q slot.
    pub tokens: u32,
    /// Clusters per adapter slot.
    pub clusters: u32,
}

impl BatchShape {
    /// Refuses sizes that are no powers of two or beyond the bounds, and clusters fewer than an index has rows.
    pub fn check(&self, rows: &[usize]) -> Result<()> {
        for (field, n, bits) in [
            ("slots", self.slots, 16),
            ("requests", self.requests, REQUEST_BITS),
            ("tokens", self.tokens, TOKEN_BITS),
            ("clusters", self.clusters, CLUSTER_BITS),
        ] {
            if !n.is_power_of_two() || n > 1 << bits {
                return Err(Error::input("shape", field, n, format!("a power of two up to 2^{bits}")));
            }
        }
        match rows.iter().find(|r| **r > self.clusters as usize) {
            Some(r) => {
                Err(Error::input("shape", "clusters", self.clusters, format!("at least {r}, the rows of an index")))
            }
            None => Ok(()),
        }
    }
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

impl Batch {
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
            if paid != Some(s.fees) || s.fees >> P_CHECK_BITS != 0 {
                return bad(
                    format!("slots[{i}].fees"),
                    s.fees.to_string(),
                    "the sum of payouts, roles and dust, below 2^112".into(),
                );
            }
        }
        let mut fees = vec![0u128; self.slots.len()];
        let room = self.shape.slots as usize * self.shape.requests as usize;
        if self.requests.len() > room {
            return bad("requests".into(), self.requests.len().to_string(), format!("at most the shape's {room}"));
        }
        for (i, q) in self.requests.iter().enumerate() {
            let Some(slot) = self.slots.get(q.slot as usize) else {
                return bad(format!("requests[{i}].slot"), q.slot.to_string(), format!("below {}", self.slots.len()));
            };
            if q.ranks.len() != slot.payouts.len() || q.scores.len() != slot.payouts.len() {
                return bad(format!("requests[{i}].ranks"), q.ranks.len().to_string(), slot.payouts.len().to_string());
            }
            check_name(Path::new(file), "requests", &q.id)?;
            if q.pool > q.fee || q.quotient >> 121 != 0 {
                return bad(
                    format!("requests[{i}]"),
                    "a pool or quotient beyond its bound".into(),
                    "pool ≤ fee, c < 2^121".into(),
                );
            }
            if q.fee >> FEE_BITS != 0 || q.ranks.iter().any(|r| r >> R_BITS != 0) {
                return bad(
                    format!("requests[{i}]"),
                    "a fee or rank beyond its bound".into(),
                    "fee < 2^92, ranks < 2^20".into(),
                );
            }
            fees[q.slot as usize] += q.fee;
        }
        for (i, (found, s)) in fees.iter().zip(&self.slots).enumerate() {
            if *found != s.fees {
                return bad(format!("slots[{i}].fees"), s.fees.to_string(), format!("{found}, its requests' fees"));
            }
        }
        for a in &self.adapters {
            check_name(Path::new(file), "adapters", &a.name)?;
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

    /// Σ fees.
    pub fn fees(&self) -> u128 {
        self.requests.iter().map(|q| q.fee).sum()
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
