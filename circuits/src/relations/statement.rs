//! The statement of a batch: what its proof is about.

use crate::arithmetic::Arithmetic;

/// What is said of an adapter slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStatement<S> {
    /// Digest of the adapter's registered commitments.
    pub adapter: S,
    /// Digest of its policy.
    pub policy: S,
    /// First payout slot of its adapter.
    pub base: S,
    /// F_a: fees of the slot's requests, in base units.
    pub fees: S,
}

/// The statement; its words are absorbed in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<S> {
    /// EIP-155 chain id.
    pub chain: S,
    /// The settlement contract, 160 bits.
    pub contract: S,
    /// The node, 160 bits.
    pub node: S,
    /// The batch's number at that node.
    pub nonce: S,
    /// Per adapter slot of the shape.
    pub slots: Vec<SlotStatement<S>>,
    /// The node's payout slot.
    pub node_slot: S,
    /// Digest of the receipts artefact, in halves of 128 bits, the lower first.
    pub receipts: [S; 2],
    /// C_X: digest of the commitments to X. Attested.
    pub inputs: S,
    /// C_req: digest of the commitments to the request table. Attested.
    pub requests: S,
    /// C_D: digest of the commitments to D; of no point where the shape has no deltas.
    pub deltas: S,
    /// C_pay: the point's coordinates mod r.
    pub payouts: [S; 2],
}

impl<S: Clone> Statement<S> {
    /// Its words.
    pub fn words(&self) -> Vec<S> {
        let Self { chain, contract, node, nonce, slots, node_slot, receipts, inputs, requests, deltas, payouts } = self;
        let slot = |s: &SlotStatement<S>| [s.adapter.clone(), s.policy.clone(), s.base.clone(), s.fees.clone()];
        let head = [chain, contract, node, nonce].into_iter().cloned();
        let tail = [node_slot].into_iter().chain(receipts).chain([inputs, requests, deltas]).chain(payouts).cloned();
        head.chain(slots.iter().flat_map(slot)).chain(tail).collect()
    }
}

/// An adapter's policy as the relations see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWords<S> {
    /// 1 where p is 2.
    pub two: S,
    /// 1 where p is 4; p is 1 where neither is.
    pub four: S,
    /// Basis points: contributors, then adapter owner, base-model owner, node, treasury.
    pub bps: [S; 5],
}

impl<S: Clone> PolicyWords<S> {
    /// Its digest: p and the basis points, in that order.
    pub fn digest<A: Arithmetic<Scalar = S>>(&self, a: &A) -> S {
        // p = 1 + two + 3·four
        let power = a.sum(&[a.small(1), self.two.clone(), a.scale(3u64.into(), &self.four)]);
        let words: Vec<S> = [power].into_iter().chain(self.bps.iter().cloned()).collect();
        super::adapter::digest_words(a, "talea 1 policy", &words)
    }
}
