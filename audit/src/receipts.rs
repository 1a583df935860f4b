//! Receipts by hand: EIP-712 encoding word by word, signatures by recovery (docs/semantics.md §10).

use std::collections::BTreeMap;

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use num_bigint::BigInt;
use sha3::{Digest, Keccak256};
use talea_formats::{
    artefact::hex,
    batch::Batch,
    network::Network,
    receipts::{Domain, Receipt, Receipts, SignedReceipt, SignedVoucher, Voucher},
};

use crate::{Checker, Registered, Report};

const DOMAIN: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const RECEIPT: &str = "InferenceReceipt(bytes32 requestId,bytes32 model,bytes32 adapter,bytes32 promptHash,bytes32 outputHash,uint32 promptTokens,uint32 cachedTokens,uint32 completionTokens,address payer,address node,uint128 fee,uint64 timestamp,uint64 nonce)";
const VOUCHER: &str =
    "Voucher(address payer,address node,bytes32 adapter,uint128 cumulative,uint64 timestamp,uint64 nonce)";

/// Payer, node, adapter.
type Parties = ([u8; 20], [u8; 20], [u8; 32]);

/// Cumulative fees, latest timestamp, latest nonce.
type Sum = (BigInt, u64, u64);

fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

fn number(n: u128) -> [u8; 32] {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&n.to_be_bytes());
    word
}

fn address(a: &[u8; 20]) -> [u8; 32] {
    let mut word = [0; 32];
    word[12..].copy_from_slice(a);
    word
}

/// keccak(0x19 0x01 ‖ domain separator ‖ keccak(type hash ‖ words))
fn digest(domain: &Domain, kind: &str, words: &[[u8; 32]]) -> [u8; 32] {
    let chain = number(domain.chain_id.into());
    let own = [keccak(DOMAIN.as_bytes()), keccak(b"Talea"), keccak(b"1"), chain, address(&domain.contract)].concat();
    let body = [&keccak(kind.as_bytes())[..], &words.concat()].concat();
    keccak(&[&[0x19, 0x01][..], &keccak(&own), &keccak(&body)].concat())
}

fn receipt_digest(domain: &Domain, r: &Receipt) -> [u8; 32] {
    let [prompt, cached, completion] =
        [r.prompt_tokens, r.cached_tokens, r.completion_tokens].map(|n| number(n.into()));
    let ends = [number(r.fee), number(r.timestamp.into()), number(r.nonce.into())];
    let hashes = [r.request_id, r.model, r.adapter, r.prompt_hash, r.output_hash];
    let middle = [prompt, cached, completion, address(&r.payer), address(&r.node)];
    digest(domain, RECEIPT, &[&hashes[..], &middle, &ends].concat())
}

fn voucher_digest(domain: &Domain, v: &Voucher) -> [u8; 32] {
    let ends = [number(v.cumulative), number(v.timestamp.into()), number(v.nonce.into())];
    digest(domain, VOUCHER, &[&[address(&v.payer), address(&v.node), v.adapter][..], &ends].concat())
}

/// Whose signature this is, if it is one in its canonical form: v is 27 or 28, s in the lower half.
fn signer(signature: &[u8; 65], digest: &[u8; 32]) -> Option<[u8; 20]> {
    let parity = signature[64].checked_sub(27).filter(|v| *v < 2)?;
    let s = Signature::from_slice(&signature[..64]).ok()?;
    if s.normalize_s().is_some() {
        return None;
    }
    let key = VerifyingKey::recover_from_prehash(digest, &s, RecoveryId::from_byte(parity)?).ok()?;
    let hash = keccak(&key.to_encoded_point(false).as_bytes()[1..]);
    hash[12..].try_into().ok()
}

/// Compares receipts with requests, adapters and batch, and vouchers with receipts.
pub fn audit(report: &mut Report, network: &Network, registered: &[Registered], batch: &Batch, stored: &Receipts) {
    let mut check = Checker::new(report, "receipts.talea");
    let domain = &stored.domain;
    check.same("chain_id", domain.chain_id, network.chain_id);
    check.holds("contract", domain.contract == network.contract.into_array(), "another", network.contract);
    let floor = stored.earlier.iter().map(|e| e.voucher.timestamp).max().unwrap_or(0);
    check.same("receipts", stored.receipts.len(), network.requests.len());
    let mut sums: BTreeMap<Parties, Sum> = BTreeMap::new();
    let promised =
        |v: &SignedVoucher| signer(&v.signature, &voucher_digest(domain, &v.voucher)) == Some(v.voucher.payer);
    for e in &stored.earlier {
        let (v, at) = (&e.voucher, format!("earlier voucher of {} signature", hex(&e.voucher.adapter)));
        check.holds(at, promised(e), "not the payer's", "the payer's");
        let start = (BigInt::from(v.cumulative), v.timestamp, v.nonce);
        let again = sums.insert((v.payer, v.node, v.adapter), start);
        check.holds("earlier", again.is_none(), "two of the same parties", "one voucher of each");
    }
    for ((i, s), q) in stored.receipts.iter().enumerate().zip(&batch.requests) {
        let at = |field: &str| format!("receipt {} {field}", s.id);
        says_what_was_served(&mut check, &at, network, registered, i, s);
        let digest = receipt_digest(domain, &s.receipt);
        let signed = |signature, by| signer(signature, &digest) == Some(by);
        check.holds(at("payer signature"), signed(&s.payer_signature, s.receipt.payer), "another", "the payer's");
        check.holds(at("node signature"), signed(&s.node_signature, s.receipt.node), "another", "the node's");
        check.same(at("digest in batch.talea"), hex(&q.receipt), hex(&digest));
        let r = &s.receipt;
        let entry = sums.entry((r.payer, r.node, r.adapter)).or_default();
        check.holds(at("nonce"), r.nonce > entry.2, r.nonce, format!("more than {}", entry.2));
        let last = entry.1.max(floor);
        check.holds(at("timestamp"), r.timestamp >= last, r.timestamp, format!("{last} or later"));
        *entry = (&entry.0 + r.fee, r.timestamp, r.nonce);
    }
    check.same("vouchers", stored.vouchers.len(), sums.len());
    for ((key, (cumulative, timestamp, nonce)), v) in sums.iter().zip(&stored.vouchers) {
        let at = |field: &str| format!("voucher of {} {field}", hex(&v.voucher.adapter));
        let x = &v.voucher;
        check.holds(at("parties"), (x.payer, x.node, x.adapter) == *key, "others", "those of the receipts, in order");
        check.same(at("cumulative"), BigInt::from(x.cumulative), cumulative.clone());
        check.same(at("timestamp"), x.timestamp, *timestamp);
        check.same(at("nonce"), x.nonce, *nonce);
        check.holds(at("signature"), promised(v), "not the payer's", "the payer's");
    }
    check.done();
}

fn says_what_was_served(
    check: &mut Checker<'_>, at: &dyn Fn(&str) -> String, network: &Network, registered: &[Registered], i: usize,
    s: &SignedReceipt,
) {
    let (Some(request), r) = (network.requests.get(i), &s.receipt) else { return };
    let salted = |salt: &[u8; 32], tokens: &[u32]| {
        let mut bytes = salt.to_vec();
        for t in tokens {
            bytes.extend(t.to_be_bytes());
        }
        keccak(&bytes)
    };
    check.same(at("id"), s.id.as_str(), &request.id);
    check.same(at("requestId"), hex(&r.request_id), hex(&keccak(request.id.as_bytes())));
    check.same(at("promptHash"), hex(&r.prompt_hash), hex(&salted(&s.prompt_salt, &request.prompt)));
    check.same(at("outputHash"), hex(&r.output_hash), hex(&salted(&s.output_salt, &request.completion)));
    check.same(at("promptTokens"), r.prompt_tokens as usize, request.prompt.len());
    check.same(at("cachedTokens"), r.cached_tokens, request.cached);
    check.same(at("completionTokens"), r.completion_tokens as usize, request.completion.len());
    check.same(at("fee"), r.fee, request.fee);
    check.same(at("timestamp"), r.timestamp, request.created);
    check.holds(at("payer"), r.payer == request.payer.into_array(), "another", request.payer);
    check.holds(at("node"), r.node == network.node.into_array(), "another", network.node);
    let own = network.adapters.iter().position(|a| a.name == request.adapter).and_then(|a| registered.get(a));
    if let Some(own) = own {
        check.same(at("adapter"), hex(&r.adapter), hex(&own.adapter_digest));
        check.same(at("model"), hex(&r.model), hex(&own.adapter.base));
    }
}
