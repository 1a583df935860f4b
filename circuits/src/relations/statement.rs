//! The statement of a batch: what its proof is about.

use crate::arithmetic::Arithmetic;

/// What a word of a statement stands for, and so what a contract may take for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The chain that the contract is on.
    Chain,
    /// The contract that settles.
    Caller,
    /// 160 bits.
    Address,
    /// A number of so many bits.
    Number(u16),
    /// An element of F.
    Element,
    /// 32 bytes in halves of 128 bits, the lower first: two words.
    Halves,
    /// A point of G1 as its coordinates mod r: two words.
    Point,
}

/// A field of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in Solidity.
    pub name: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// What it says.
    pub about: &'static str,
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// The statement's words in order: these, then those of every slot, then the rest. [`Statement::words`] has them for prover and
/// circuit; the contract's library is written from this table.
pub const HEAD: [Field; 4] = [
    field("chain", Kind::Chain, "EIP-155 chain id."),
    field("contract", Kind::Caller, "The contract that settles."),
    field("node", Kind::Address, "Node that served the batch."),
    field("nonce", Kind::Number(64), "Number of the batch at that node."),
];

/// Of one adapter slot.
pub const SLOT: [Field; 4] = [
    field("adapter", Kind::Element, "Digest of the adapter's commitments. A field element."),
    field("policy", Kind::Element, "Digest of the policy. A field element."),
    field("base", Kind::Number(32), "First payout slot."),
    field("fees", Kind::Number(128), "Sum of the fees that this slot's requests paid."),
];

/// Behind the slots.
pub const TAIL: [Field; 6] = [
    field("nodeSlot", Kind::Number(32), "Payout slot of the node."),
    field("receipts", Kind::Halves, "BLAKE3 of the receipts."),
    field("inputs", Kind::Element, "Digest of the commitments to inputs. A field element."),
    field("requests", Kind::Element, "Digest of the commitments to requests. A field element."),
    field("deltas", Kind::Element, "Digest of the commitments to output deltas. A field element."),
    field(
        "payouts",
        Kind::Point,
        "Commitment to the payouts: a point of G1 in full coordinates, so that it can be opened.",
    ),
];

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

impl<S> Statement<S> {
    /// The same words as another kind of number.
    pub fn map<T>(&self, mut f: impl FnMut(&S) -> T) -> Statement<T> {
        Statement {
            chain: f(&self.chain),
            contract: f(&self.contract),
            node: f(&self.node),
            nonce: f(&self.nonce),
            slots: self.slots.iter().map(|s| s.map(&mut f)).collect(),
            node_slot: f(&self.node_slot),
            receipts: self.receipts.each_ref().map(&mut f),
            inputs: f(&self.inputs),
            requests: f(&self.requests),
            deltas: f(&self.deltas),
            payouts: self.payouts.each_ref().map(&mut f),
        }
    }
}

impl<S> SlotStatement<S> {
    fn map<T>(&self, f: &mut impl FnMut(&S) -> T) -> SlotStatement<T> {
        SlotStatement { adapter: f(&self.adapter), policy: f(&self.policy), base: f(&self.base), fees: f(&self.fees) }
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

/// Names a policy's digest.
pub const POLICY: &str = "talea 1 policy";

impl<S: Clone> PolicyWords<S> {
    /// Its digest: p and the basis points, in that order.
    pub fn digest<A: Arithmetic<Scalar = S>>(&self, a: &A) -> S {
        // p = 1 + two + 3·four
        let power = a.sum(&[a.small(1), self.two.clone(), a.scale(3u64.into(), &self.four)]);
        let words: Vec<S> = [power].into_iter().chain(self.bps.iter().cloned()).collect();
        super::adapter::digest_words(a, POLICY, &words)
    }
}
