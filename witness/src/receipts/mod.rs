//! Receipts: what payer and node sign about a request, and what they add up to (docs/semantics.md §10).
//!
//! | module | holds |
//! |---|---|
//! | this one | the EIP-712 structs, their digests and signatures, the artefact |
//! | [`import`] | receipts from usage records |
//! | [`fold`] | receipts checked one by one and folded into cumulative vouchers |

pub mod fold;
pub mod import;

use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, sol};
use k256::ecdsa::SigningKey;
use wincode::{SchemaRead, SchemaWrite};

use crate::artefact::Artefact;
use fold::ReceiptError;

/// The signed structs, as a wallet or a contract sees them.
pub mod eip712 {
    #![allow(missing_docs, reason = "the macro generates undocumented items")]
    use super::sol;
    sol! {
        #[derive(Debug, PartialEq, Eq)]
        struct InferenceReceipt {
            bytes32 requestId;
            bytes32 model;
            bytes32 adapter;
            bytes32 promptHash;
            bytes32 outputHash;
            uint32 promptTokens;
            uint32 cachedTokens;
            uint32 completionTokens;
            address payer;
            address node;
            uint128 fee;
            uint64 timestamp;
            uint64 nonce;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct Voucher {
            address payer;
            address node;
            bytes32 adapter;
            uint128 cumulative;
            uint64 timestamp;
            uint64 nonce;
        }
    }
}

/// Chain and contract that signatures are made out to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The contract that redeems vouchers.
    pub contract: [u8; 20],
}

impl Domain {
    fn eip712(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some("Talea".into()),
            Some("1".into()),
            Some(U256::from(self.chain_id)),
            Some(self.contract.into()),
            None,
        )
    }
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

impl Receipt {
    /// The digest that payer and node sign.
    pub fn digest(&self, domain: &Domain) -> B256 {
        eip712::InferenceReceipt {
            requestId: self.request_id.into(),
            model: self.model.into(),
            adapter: self.adapter.into(),
            promptHash: self.prompt_hash.into(),
            outputHash: self.output_hash.into(),
            promptTokens: self.prompt_tokens,
            cachedTokens: self.cached_tokens,
            completionTokens: self.completion_tokens,
            payer: self.payer.into(),
            node: self.node.into(),
            fee: self.fee,
            timestamp: self.timestamp,
            nonce: self.nonce,
        }
        .eip712_signing_hash(&domain.eip712())
    }
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

impl Voucher {
    /// The digest that the payer signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        eip712::Voucher {
            payer: self.payer.into(),
            node: self.node.into(),
            adapter: self.adapter.into(),
            cumulative: self.cumulative,
            timestamp: self.timestamp,
            nonce: self.nonce,
        }
        .eip712_signing_hash(&domain.eip712())
    }
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
    /// Receipts in the order of the requests.
    pub receipts: Vec<SignedReceipt>,
    /// Vouchers after these receipts, ascending by payer, node, adapter.
    pub vouchers: Vec<SignedVoucher>,
}

impl Receipts {
    /// Checks every signature; says nothing of requests or earlier vouchers.
    pub fn check(&self) -> Result<(), ReceiptError> {
        for s in &self.receipts {
            fold::check_signatures(&self.domain, s)?;
        }
        fold::Ledger::new(self.domain, &self.vouchers).map(drop)
    }
}

impl Artefact for Receipts {
    const KIND: &'static str = "receipts";
    const VERSION: u32 = 1;
}

/// keccak-256 of a salt followed by the tokens, four big-endian bytes each.
pub fn salted_hash(salt: &[u8; 32], tokens: &[u32]) -> [u8; 32] {
    let mut bytes = salt.to_vec();
    bytes.extend(tokens.iter().flat_map(|t| t.to_be_bytes()));
    keccak256(bytes).0
}

/// Signs a digest deterministically (RFC 6979) with s in the lower half.
pub fn sign(key: &SigningKey, digest: &B256) -> [u8; 65] {
    let (signature, parity) = key.sign_prehash_recoverable(digest.as_slice()).expect("a 32-byte digest can be signed");
    Signature::from_signature_and_parity(signature, parity.is_y_odd()).normalized_s().as_bytes()
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// v, r or s is out of range, or no key fits them.
    #[error("a malformed signature")]
    Malformed,
    /// s is in the upper half: a second valid form of the same signature.
    #[error("a signature with high s")]
    HighS,
    /// It is another account's.
    #[error("a signature by another account")]
    WrongSigner,
}

/// Checks that `signature` over `digest` is `signer`'s, in its one canonical form.
pub fn verify(signature: &[u8; 65], digest: &B256, signer: &[u8; 20]) -> Result<(), SignatureError> {
    if !matches!(signature[64], 27 | 28) {
        return Err(SignatureError::Malformed);
    }
    let s = Signature::from_raw_array(signature).map_err(|_| SignatureError::Malformed)?;
    if s.normalize_s().is_some() {
        return Err(SignatureError::HighS);
    }
    match s.recover_address_from_prehash(digest) {
        Ok(found) if found == Address::from(*signer) => Ok(()),
        Ok(_) => Err(SignatureError::WrongSigner),
        Err(_) => Err(SignatureError::Malformed),
    }
}
