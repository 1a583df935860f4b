//! Receipts from usage records, signed with the network's accounts.

use std::collections::HashSet;

use alloy_primitives::{Address, keccak256};
use k256::ecdsa::SigningKey;

use super::{
    Domain, Receipt, Receipts, Signed as _, SignedReceipt, SignedVoucher,
    fold::{Ledger, ReceiptError, check_signed},
    salted_hash, sign,
};
use crate::{
    error::{Error, Result},
    network::{Network, Request},
};

/// keccak-256 of a request id's UTF-8 bytes.
pub fn request_hash(id: &str) -> [u8; 32] {
    keccak256(id).0
}

/// A salt that only the node can make and can always make again: keccak-256 of a label, its key, the id and the part.
fn salt(node: &SigningKey, id: &str, part: &str) -> [u8; 32] {
    keccak256([&b"talea/salt/1"[..], &node.to_bytes()[..], &request_hash(id)[..], part.as_bytes()].concat()).0
}

fn key<'a>(network: &'a Network, address: &Address, whose: &str) -> Result<&'a SigningKey> {
    let file = network.root.join("network.json");
    network.keys.0.get(address).ok_or_else(|| {
        Error::input(file.display(), "accounts", format!("no key of {whose} {address}"), "its key, to sign with")
    })
}

/// Signs a receipt for every request, in order, and folds them onto the vouchers of `earlier` receipts. `adapter` gives
/// digests by name.
pub fn import(
    network: &Network, model: &[u8; 32], adapter: impl Fn(&str) -> Result<[u8; 32]>, earlier: Option<&Receipts>,
) -> Result<Receipts> {
    let domain = network.domain();
    let vouchers = continued(network, earlier)?;
    let mut ledger = Ledger::new(domain, &vouchers).map_err(|e| refused("earlier vouchers", e))?;
    let mut receipts = Vec::with_capacity(network.requests.len());
    for request in &network.requests {
        let digest = adapter(&request.adapter)?;
        let signed = signed(network, &domain, request, model, &digest, &ledger)?;
        ledger.accept(&signed, request, model, &digest).map_err(|e| refused(&request.id, e))?;
        receipts.push(signed);
    }
    let sums = ledger
        .into_vouchers()
        .map(|voucher| {
            let signature = sign(key(network, &voucher.payer.into(), "payer")?, &voucher.digest(&domain));
            Ok(SignedVoucher { voucher, signature })
        })
        .collect::<Result<_>>()?;
    Ok(Receipts { domain, earlier: vouchers, receipts, vouchers: sums })
}

fn refused(id: &str, source: ReceiptError) -> Error {
    Error::Receipt { id: id.into(), source }
}

/// The vouchers to go on from; none of the network's requests may have a receipt among the earlier ones.
fn continued(network: &Network, earlier: Option<&Receipts>) -> Result<Vec<SignedVoucher>> {
    let Some(earlier) = earlier else { return Ok(Vec::new()) };
    super::check(earlier).map_err(|e| refused("earlier receipts", e))?;
    let spent: HashSet<&str> = earlier.receipts.iter().map(|s| s.id.as_str()).collect();
    match network.requests.iter().find(|q| spent.contains(q.id.as_str())) {
        Some(q) => Err(refused(&q.id, ReceiptError::Spent { id: q.id.clone() })),
        None => Ok(earlier.vouchers.clone()),
    }
}

/// Checks receipts that payers and node signed elsewhere against the network's requests, one to one and in order, and
/// against the vouchers that they continue.
pub fn accept(
    network: &Network, model: &[u8; 32], adapter: impl Fn(&str) -> Result<[u8; 32]>, signed: &Receipts,
    earlier: Option<&Receipts>,
) -> Result<()> {
    let bad =
        |field: &str, found: String, expected: String| Err(Error::input("signed receipts", field, found, expected));
    if signed.domain != network.domain() {
        return bad("domain", format!("{:?}", signed.domain), format!("{:?}", network.domain()));
    }
    if signed.earlier != continued(network, earlier)? {
        return bad("earlier", "other vouchers".into(), "those of the receipts that these continue".into());
    }
    if signed.receipts.len() != network.requests.len() {
        let expected = format!("{}, one per request", network.requests.len());
        return bad("receipts", signed.receipts.len().to_string(), expected);
    }
    for (s, request) in signed.receipts.iter().zip(&network.requests) {
        if s.receipt.node != network.node.into_array() {
            return bad("node", Address::from(s.receipt.node).to_string(), network.node.to_string());
        }
        check_signed(&signed.domain, s, request, model, &adapter(&request.adapter)?)
            .map_err(|e| refused(&request.id, e))?;
    }
    super::check(signed).map_err(|e| refused("vouchers", e))
}

fn signed(
    network: &Network, domain: &Domain, request: &Request, model: &[u8; 32], adapter: &[u8; 32], ledger: &Ledger,
) -> Result<SignedReceipt> {
    let node = key(network, &network.node, "node")?;
    let payer = key(network, &request.payer, "payer")?;
    let (prompt_salt, output_salt) = (salt(node, &request.id, "prompt"), salt(node, &request.id, "output"));
    let parties = (request.payer.into_array(), network.node.into_array());
    let receipt = Receipt {
        request_id: request_hash(&request.id),
        model: *model,
        adapter: *adapter,
        prompt_hash: salted_hash(&prompt_salt, &request.prompt),
        output_hash: salted_hash(&output_salt, &request.completion),
        prompt_tokens: request.prompt.len() as u32,
        cached_tokens: request.cached,
        completion_tokens: request.completion.len() as u32,
        payer: parties.0,
        node: parties.1,
        fee: request.fee,
        timestamp: request.created,
        nonce: ledger.last_nonce(&(parties.0, parties.1, *adapter)).saturating_add(1), // refused by the ledger at the end
    };
    let digest = receipt.digest(domain);
    let (payer_signature, node_signature) = (sign(payer, &digest), sign(node, &digest));
    Ok(SignedReceipt { id: request.id.clone(), receipt, prompt_salt, output_salt, payer_signature, node_signature })
}
