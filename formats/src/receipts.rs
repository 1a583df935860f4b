//! Receipts and vouchers with their signatures (docs/semantics.md §10).

use wincode::{SchemaRead, SchemaWrite};

use crate::artefact::Artefact;

/// Chain and contract that signatures are made out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The contract that redeems vouchers.
    pub contract: [u8; 20],
}

/// One receipt in the clear.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Receipt {
    /// keccak-256 of the request id's UTF-8 bytes.
    pub request_id: [u8; 32],
    /// Digest of the base model.
    pub model: [u8; 32],
    /// Digest of the adapter.
    pub adapter: [u8; 32],
    /// keccak-256 of salt and prompt tokens.
    pub prompt_hash: [u8; 32],
    /// keccak-256 of salt and completion tokens.
    pub output_hash: [u8; 32],
    /// Prompt tokens, the cached ones among them.
    pub prompt_tokens: u32,
    /// Prompt tokens taken from a cache.
    pub cached_tokens: u32,
    /// Completion tokens.
    pub completion_tokens: u32,
    /// Who pays.
    pub payer: [u8; 20],
    /// Who served.
    pub node: [u8; 20],
    /// Fee in token base units, below 2^92.
    pub fee: u128,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Strictly increasing per (payer, node, adapter).
    pub nonce: u64,
}

/// What a payer owes a node for an adapter, ever: it only grows, and the contract pays the difference.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Voucher {
    /// Who pays.
    pub payer: [u8; 20],
    /// Who served.
    pub node: [u8; 20],
    /// Digest of the adapter.
    pub adapter: [u8; 32],
    /// Sum of all fees so far.
    pub cumulative: u128,
    /// Timestamp of the latest receipt.
    pub timestamp: u64,
    /// Nonce of the latest receipt.
    pub nonce: u64,
}

/// A receipt with both signatures, and the salts that open its hashes.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct SignedReceipt {
    /// The request id as text.
    pub id: String,
    /// What is signed.
    pub receipt: Receipt,
    /// Salt of the prompt hash.
    pub prompt_salt: [u8; 32],
    /// Salt of the output hash.
    pub output_salt: [u8; 32],
    /// The payer's signature: r, s, v (27 or 28).
    pub payer_signature: [u8; 65],
    /// The node's signature.
    pub node_signature: [u8; 65],
}

/// A voucher with the payer's signature.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct SignedVoucher {
    /// What is signed.
    pub voucher: Voucher,
    /// The payer's signature: r, s, v (27 or 28).
    pub signature: [u8; 65],
}

/// A set of receipts and the vouchers that they add up to.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Receipts {
    /// Chain and contract.
    pub domain: Domain,
    /// Vouchers that these receipts continue, ascending like `vouchers`.
    pub earlier: Vec<SignedVoucher>,
    /// Receipts in the order of the requests.
    pub receipts: Vec<SignedReceipt>,
    /// Vouchers after these receipts, ascending by payer, node, adapter.
    pub vouchers: Vec<SignedVoucher>,
}

impl Artefact for Receipts {
    const KIND: &'static str = "receipts";
    const VERSION: u32 = 2;
}
