//! Checks receipts one by one and folds each (payer, node, adapter) into a cumulative, monotone voucher.

use std::collections::BTreeMap;

use super::{Domain, Receipt, SignatureError, Signed as _, SignedReceipt, SignedVoucher, Voucher, salted_hash, verify};
use crate::{bounds::FEE_BITS, network::Request};

/// Why a receipt or a voucher is refused. One test constructs each variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The payer's or the node's signature does not count; another chain or contract shows here too, since both are signed.
    #[error("{signer} signature: found {why}, expected the {signer}'s over this receipt, chain and contract")]
    Signature {
        /// "payer" or "node".
        signer: &'static str,
        /// What is wrong with it.
        why: SignatureError,
    },
    /// The nonce has been used, or one above it has.
    #[error("nonce: found {found}, expected more than {last}")]
    Nonce {
        /// The receipt's.
        found: u64,
        /// The latest accepted.
        last: u64,
    },
    /// Older than a receipt already accepted.
    #[error("timestamp: found {found}, expected {last} or later")]
    Timestamp {
        /// The receipt's.
        found: u64,
        /// The latest accepted.
        last: u64,
    },
    /// Fee at or above 2^92.
    #[error("fee: found {found}, expected below 2^92")]
    Fee {
        /// The receipt's.
        found: u128,
    },
    /// The cumulative amount would leave 128 bits.
    #[error("cumulative: found {cumulative} and a fee of {fee}, expected a sum below 2^128")]
    Overflow {
        /// Before this receipt.
        cumulative: u128,
        /// The receipt's.
        fee: u128,
    },
    /// What the receipt says of the request is not what the trace holds.
    #[error("{field}: found {found}, expected {expected}, as the trace holds")]
    Usage {
        /// The field.
        field: &'static str,
        /// The receipt's.
        found: u64,
        /// The trace's.
        expected: u64,
    },
    /// More cached tokens than prompt tokens.
    #[error("cached tokens: found {found}, expected at most the prompt's {prompt}")]
    Cached {
        /// The receipt's.
        found: u32,
        /// The prompt's.
        prompt: u32,
    },
    /// A receipt for this request is among these or the earlier ones already.
    #[error("request id: found {id}, which has a receipt already, expected each request once")]
    Spent {
        /// The request.
        id: String,
    },
    /// Vouchers that are not what the receipts add up to.
    #[error("vouchers: found others, expected those of the receipts added to the earlier ones, in order")]
    Vouchers,
    /// A hash, id, model or adapter that is not the request's.
    #[error("{field}: found another's, expected that of the request as traced")]
    Mismatch {
        /// The field.
        field: &'static str,
    },
}

/// Key of a voucher: payer, node, adapter.
pub type VoucherKey = ([u8; 20], [u8; 20], [u8; 32]);

/// Running vouchers.
pub struct Ledger {
    domain: Domain,
    open: BTreeMap<VoucherKey, Voucher>,
    /// Timestamp of the latest of all earlier vouchers: what was served before it has been settled, under whatever key.
    floor: u64,
}

impl Ledger {
    /// Starts from earlier vouchers, whose signatures are checked.
    pub fn new(domain: Domain, earlier: &[SignedVoucher]) -> Result<Self, ReceiptError> {
        let mut open = BTreeMap::new();
        for v in earlier {
            verify(&v.signature, &v.voucher.digest(&domain), &v.voucher.payer)
                .map_err(|why| ReceiptError::Signature { signer: "payer", why })?;
            let key = (v.voucher.payer, v.voucher.node, v.voucher.adapter);
            if open.insert(key, v.voucher.clone()).is_some() {
                return Err(ReceiptError::Mismatch { field: "voucher (the same payer, node and adapter twice)" });
            }
        }
        let floor = open.values().map(|v: &Voucher| v.timestamp).max().unwrap_or(0);
        Ok(Self { domain, open, floor })
    }

    /// Nonce of the latest receipt of a voucher, 0 before the first.
    pub fn last_nonce(&self, key: &VoucherKey) -> u64 {
        self.open.get(key).map_or(0, |v| v.nonce)
    }

    /// Checks a receipt against its request as traced and adds it to its voucher; a refused one changes nothing.
    pub fn accept(
        &mut self, signed: &SignedReceipt, request: &Request, model: &[u8; 32], adapter: &[u8; 32],
    ) -> Result<(), ReceiptError> {
        check_signed(&self.domain, signed, request, model, adapter)?;
        self.add(&signed.receipt)
    }

    /// Adds a receipt that has been checked to its voucher; a refused one changes nothing.
    pub(super) fn add(&mut self, r: &Receipt) -> Result<(), ReceiptError> {
        let key = (r.payer, r.node, r.adapter);
        let empty = Voucher { payer: r.payer, node: r.node, adapter: r.adapter, cumulative: 0, timestamp: 0, nonce: 0 };
        let v = self.open.get(&key).unwrap_or(&empty);
        if r.nonce <= v.nonce {
            return Err(ReceiptError::Nonce { found: r.nonce, last: v.nonce });
        }
        let last = v.timestamp.max(self.floor);
        if r.timestamp < last {
            return Err(ReceiptError::Timestamp { found: r.timestamp, last });
        }
        let cumulative =
            v.cumulative.checked_add(r.fee).ok_or(ReceiptError::Overflow { cumulative: v.cumulative, fee: r.fee })?;
        self.open.insert(key, Voucher { cumulative, timestamp: r.timestamp, nonce: r.nonce, ..empty });
        Ok(())
    }

    /// The vouchers so far, ascending by payer, node, adapter.
    pub fn into_vouchers(self) -> impl Iterator<Item = Voucher> {
        self.open.into_values()
    }
}

/// Checks one receipt by itself: what it says of the request, its fee, both signatures.
pub fn check_signed(
    domain: &Domain, signed: &SignedReceipt, request: &Request, model: &[u8; 32], adapter: &[u8; 32],
) -> Result<(), ReceiptError> {
    let r = &signed.receipt;
    check_request(signed, request, model, adapter)?;
    if r.fee >> FEE_BITS != 0 {
        return Err(ReceiptError::Fee { found: r.fee });
    }
    check_signatures(domain, signed)
}

/// Checks that payer and node signed this receipt for this chain and contract.
pub fn check_signatures(domain: &Domain, signed: &SignedReceipt) -> Result<(), ReceiptError> {
    let r = &signed.receipt;
    let digest = r.digest(domain);
    let parties = [("payer", &signed.payer_signature, &r.payer), ("node", &signed.node_signature, &r.node)];
    parties.into_iter().try_for_each(|(signer, signature, address)| {
        verify(signature, &digest, address).map_err(|why| ReceiptError::Signature { signer, why })
    })
}

/// Everything that the receipt says of the request must be so.
fn check_request(
    signed: &SignedReceipt, request: &Request, model: &[u8; 32], adapter: &[u8; 32],
) -> Result<(), ReceiptError> {
    let r = &signed.receipt;
    for (field, found, expected) in [
        ("prompt tokens", r.prompt_tokens, request.prompt.len()),
        ("completion tokens", r.completion_tokens, request.completion.len()),
    ] {
        if u64::from(found) != expected as u64 {
            return Err(ReceiptError::Usage { field, found: found.into(), expected: expected as u64 });
        }
    }
    if r.cached_tokens > r.prompt_tokens {
        return Err(ReceiptError::Cached { found: r.cached_tokens, prompt: r.prompt_tokens });
    }
    let same = [
        ("request id", r.request_id == super::import::request_hash(&request.id) && signed.id == request.id),
        ("model", r.model == *model),
        ("adapter", r.adapter == *adapter),
        ("prompt hash", r.prompt_hash == salted_hash(&signed.prompt_salt, &request.prompt)),
        ("output hash", r.output_hash == salted_hash(&signed.output_salt, &request.completion)),
        ("payer", r.payer == request.payer.into_array()),
        ("fee", r.fee == request.fee),
        ("cached tokens", r.cached_tokens == request.cached),
        ("timestamp", r.timestamp == request.created),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(ReceiptError::Mismatch { field }),
        None => Ok(()),
    }
}
