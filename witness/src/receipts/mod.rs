//! Receipts: what payer and node sign about a request, and what they add up to (docs/semantics.md §10).
//!
//! | module | holds |
//! |---|---|
//! | this one | the EIP-712 structs, their digests and signatures, the artefact |
//! | [`import`] | receipts from usage records |
//! | [`signed`] | receipts signed elsewhere, as JSON |
//! | [`fold`] | receipts checked one by one and folded into cumulative vouchers |

pub mod fold;
pub mod import;
pub mod signed;

pub use talea_formats::proof::Attestation;
pub use talea_formats::receipts::{Domain, Receipt, Receipts, SignedReceipt, SignedVoucher, Voucher};

use std::collections::HashSet;

use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, sol};
use k256::ecdsa::SigningKey;

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
        struct Attestation {
            address node;
            uint64 nonce;
            bytes32 inputs;
            bytes32 requests;
            bytes32 receipts;
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

fn eip712_domain(domain: &Domain) -> Eip712Domain {
    let (chain, contract) = (U256::from(domain.chain_id), domain.contract.into());
    Eip712Domain::new(Some("Talea".into()), Some("1".into()), Some(chain), Some(contract), None)
}

/// What is signed: its EIP-712 digest for a chain and a contract.
pub trait Signed {
    /// The digest that goes into the signature.
    fn digest(&self, domain: &Domain) -> B256;
}

impl Signed for Receipt {
    fn digest(&self, domain: &Domain) -> B256 {
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
        .eip712_signing_hash(&eip712_domain(domain))
    }
}

impl Signed for Attestation {
    fn digest(&self, domain: &Domain) -> B256 {
        eip712::Attestation {
            node: self.node.into(),
            nonce: self.nonce,
            inputs: self.inputs.into(),
            requests: self.requests.into(),
            receipts: self.receipts.into(),
        }
        .eip712_signing_hash(&eip712_domain(domain))
    }
}

impl Signed for Voucher {
    fn digest(&self, domain: &Domain) -> B256 {
        eip712::Voucher {
            payer: self.payer.into(),
            node: self.node.into(),
            adapter: self.adapter.into(),
            cumulative: self.cumulative,
            timestamp: self.timestamp,
            nonce: self.nonce,
        }
        .eip712_signing_hash(&eip712_domain(domain))
    }
}

/// Checks receipts among themselves: every signature, each request once, and that the vouchers are what the receipts add
/// up to. Says nothing of what was served.
pub fn check(receipts: &Receipts) -> Result<(), ReceiptError> {
    let mut ledger = fold::Ledger::new(receipts.domain, &receipts.earlier)?;
    let mut seen = HashSet::new();
    for s in &receipts.receipts {
        if !seen.insert(&s.id) {
            return Err(ReceiptError::Spent { id: s.id.clone() });
        }
        if s.receipt.request_id != import::request_hash(&s.id) {
            return Err(ReceiptError::Mismatch { field: "request id" });
        }
        fold::check_signatures(&receipts.domain, s)?;
        ledger.add(&s.receipt)?;
    }
    fold::Ledger::new(receipts.domain, &receipts.vouchers)?;
    match ledger.into_vouchers().eq(receipts.vouchers.iter().map(|v| v.voucher.clone())) {
        true => Ok(()),
        false => Err(ReceiptError::Vouchers),
    }
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
