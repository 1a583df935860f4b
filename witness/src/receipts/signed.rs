//! Receipts and vouchers as JSON: what `talea receipts show --json` prints and `talea receipts import --signed` reads.
//!
//! Field names are those of the EIP-712 structs; 32-byte words, addresses and signatures are hex with `0x`, amounts decimal
//! strings.

use std::path::Path;

use alloy_primitives::{Address, B256, FixedBytes};
use serde::{Deserialize, Serialize};

use super::{Domain, Receipt, Receipts, Signed as _, SignedReceipt, SignedVoucher, Voucher};
use crate::error::{Error, Result, parse_json, read_text};

/// A whole document; more may stand beside.
#[derive(Serialize, Deserialize)]
struct Document {
    chain_id: u64,
    contract: Address,
    #[serde(default)]
    earlier: Vec<VoucherJson>,
    receipts: Vec<ReceiptJson>,
    vouchers: Vec<VoucherJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReceiptJson {
    id: String,
    request_id: B256,
    model: B256,
    adapter: B256,
    prompt_hash: B256,
    output_hash: B256,
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    payer: Address,
    node: Address,
    fee: String,
    timestamp: u64,
    nonce: u64,
    prompt_salt: B256,
    output_salt: B256,
    payer_signature: FixedBytes<65>,
    node_signature: FixedBytes<65>,
    /// Printed for whoever checks signatures; not read.
    #[serde(default)]
    digest: Option<B256>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VoucherJson {
    payer: Address,
    node: Address,
    adapter: B256,
    cumulative: String,
    timestamp: u64,
    nonce: u64,
    signature: FixedBytes<65>,
}

/// Decimal digits only: `u128::from_str` would also take a plus sign.
fn amount(path: &Path, field: &str, text: &str) -> Result<u128> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(n) if digits => Ok(n),
        _ => Err(Error::input(path.display(), field, text, "decimal digits below 2^128")),
    }
}

impl VoucherJson {
    fn from(s: &SignedVoucher) -> Self {
        let v = &s.voucher;
        Self {
            payer: v.payer.into(),
            node: v.node.into(),
            adapter: v.adapter.into(),
            cumulative: v.cumulative.to_string(),
            timestamp: v.timestamp,
            nonce: v.nonce,
            signature: s.signature.into(),
        }
    }

    fn read(self, path: &Path) -> Result<SignedVoucher> {
        let cumulative = amount(path, "vouchers cumulative", &self.cumulative)?;
        let (payer, node, adapter) = (self.payer.into_array(), self.node.into_array(), self.adapter.0);
        let voucher = Voucher { payer, node, adapter, cumulative, timestamp: self.timestamp, nonce: self.nonce };
        Ok(SignedVoucher { voucher, signature: self.signature.0 })
    }
}

impl ReceiptJson {
    fn from(s: &SignedReceipt, domain: &Domain) -> Self {
        let r = &s.receipt;
        Self {
            id: s.id.clone(),
            request_id: r.request_id.into(),
            model: r.model.into(),
            adapter: r.adapter.into(),
            prompt_hash: r.prompt_hash.into(),
            output_hash: r.output_hash.into(),
            prompt_tokens: r.prompt_tokens,
            cached_tokens: r.cached_tokens,
            completion_tokens: r.completion_tokens,
            payer: r.payer.into(),
            node: r.node.into(),
            fee: r.fee.to_string(),
            timestamp: r.timestamp,
            nonce: r.nonce,
            prompt_salt: s.prompt_salt.into(),
            output_salt: s.output_salt.into(),
            payer_signature: s.payer_signature.into(),
            node_signature: s.node_signature.into(),
            digest: Some(r.digest(domain)),
        }
    }

    fn read(self, path: &Path) -> Result<SignedReceipt> {
        let receipt = Receipt {
            request_id: self.request_id.0,
            model: self.model.0,
            adapter: self.adapter.0,
            prompt_hash: self.prompt_hash.0,
            output_hash: self.output_hash.0,
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached_tokens,
            completion_tokens: self.completion_tokens,
            payer: self.payer.into_array(),
            node: self.node.into_array(),
            fee: amount(path, &format!("receipt {} fee", self.id), &self.fee)?,
            timestamp: self.timestamp,
            nonce: self.nonce,
        };
        Ok(SignedReceipt {
            id: self.id,
            receipt,
            prompt_salt: self.prompt_salt.0,
            output_salt: self.output_salt.0,
            payer_signature: self.payer_signature.0,
            node_signature: self.node_signature.0,
        })
    }
}

/// The document of these receipts.
pub fn to_json(r: &Receipts) -> serde_json::Value {
    let vouchers = |all: &[SignedVoucher]| all.iter().map(VoucherJson::from).collect();
    let document = Document {
        chain_id: r.domain.chain_id,
        contract: r.domain.contract.into(),
        earlier: vouchers(&r.earlier),
        receipts: r.receipts.iter().map(|s| ReceiptJson::from(s, &r.domain)).collect(),
        vouchers: vouchers(&r.vouchers),
    };
    serde_json::to_value(document).expect("strings and numbers only")
}

/// Reads a document; nothing in it is checked but its form.
pub fn read(path: &Path) -> Result<Receipts> {
    let raw: Document = parse_json(path, &read_text(path)?)?;
    let vouchers = |all: Vec<VoucherJson>| all.into_iter().map(|v| v.read(path)).collect::<Result<Vec<_>>>();
    Ok(Receipts {
        domain: Domain { chain_id: raw.chain_id, contract: raw.contract.into_array() },
        earlier: vouchers(raw.earlier)?,
        receipts: raw.receipts.into_iter().map(|r| r.read(path)).collect::<Result<_>>()?,
        vouchers: vouchers(raw.vouchers)?,
    })
}
