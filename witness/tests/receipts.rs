//! Receipts: the same digests and signatures as a second implementation, and every way to be refused.

use std::path::Path;

use alloy_primitives::{Address, U256, hex};
use k256::ecdsa::SigningKey;
use serde_json::Value;
use talea_witness::{
    network::{Network, Request},
    receipts::{
        Domain, Receipt, Receipts, SignatureError, Signed as _, SignedReceipt, Voucher, check,
        fold::{Ledger, ReceiptError},
        import::{accept, import},
        salted_hash, sign, signed, verify,
    },
};

const MODEL: [u8; 32] = [5; 32];
const ADAPTER: [u8; 32] = [6; 32];

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn key_of(doc: &Value, field: &str) -> SigningKey {
    SigningKey::from_slice(&hex::decode(doc[field].as_str().unwrap()).unwrap()).unwrap()
}

/// vectors/eip712.json was written by eth-account.
#[test]
fn digests_and_signatures_are_those_of_eth_account() {
    let doc: Value = serde_json::from_str(&std::fs::read_to_string(path("vectors/eip712.json")).unwrap()).unwrap();
    let (payer_key, node_key) = (key_of(&doc, "payer_key"), key_of(&doc, "node_key"));
    let cases = doc["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let m = &case["message"];
        let b32 = |f: &str| hex::decode(m[f].as_str().unwrap()).unwrap().try_into().unwrap();
        let address = |f: &str| m[f].as_str().unwrap().parse::<Address>().unwrap().into_array();
        let int = |f: &str| m[f].as_str().unwrap().parse::<u128>().unwrap();
        let contract = case["contract"].as_str().unwrap().parse::<Address>().unwrap().into_array();
        let domain = Domain { chain_id: case["chain_id"].as_u64().unwrap(), contract };
        let (payer, node) = (address("payer"), address("node"));
        let digest = match case["kind"].as_str().unwrap() {
            "Voucher" => Voucher {
                payer,
                node,
                adapter: b32("adapter"),
                cumulative: int("cumulative"),
                timestamp: int("timestamp") as u64,
                nonce: int("nonce") as u64,
            }
            .digest(&domain),
            _ => Receipt {
                request_id: b32("requestId"),
                model: b32("model"),
                adapter: b32("adapter"),
                prompt_hash: b32("promptHash"),
                output_hash: b32("outputHash"),
                prompt_tokens: int("promptTokens") as u32,
                cached_tokens: int("cachedTokens") as u32,
                completion_tokens: int("completionTokens") as u32,
                payer,
                node,
                fee: int("fee"),
                timestamp: int("timestamp") as u64,
                nonce: int("nonce") as u64,
            }
            .digest(&domain),
        };
        assert_eq!(hex::encode(digest), case["digest"].as_str().unwrap());
        for ((signature, key), signer) in
            case["signatures"].as_array().unwrap().iter().zip([&payer_key, &node_key]).zip([payer, node])
        {
            let ours = sign(key, &digest);
            assert_eq!(hex::encode(ours), signature.as_str().unwrap(), "RFC 6979 makes both the same");
            verify(&ours, &digest, &signer).unwrap();
        }
    }
}

fn demo() -> (Network, Receipts) {
    let network = Network::open(&path("fixtures/demo")).unwrap();
    let receipts = import(&network, &MODEL, |_| Ok(ADAPTER), None).unwrap();
    (network, receipts)
}

#[test]
fn every_request_has_a_receipt_and_vouchers_add_up() {
    let (network, r) = demo();
    assert_eq!(r.receipts.len(), 48);
    assert_eq!(r.vouchers.len(), 5, "five payers, one node, one adapter digest here");
    let fees: u128 = network.requests.iter().map(|q| q.fee).sum();
    assert_eq!(r.vouchers.iter().map(|v| v.voucher.cumulative).sum::<u128>(), fees);
    assert_eq!(r.vouchers.iter().map(|v| v.voucher.nonce).sum::<u64>(), 48);
    assert_eq!(demo().1, r, "signing is deterministic");
    let mut network = network;
    let next = |network: &Network| import(network, &MODEL, |_| Ok(ADAPTER), Some(&r));
    // the same requests once more, at the same time, later, and under other names
    let spent = next(&network).unwrap_err().to_string();
    assert!(spent.contains("request id: found") && spent.contains("expected each request once"), "{spent}");
    network.requests.iter_mut().for_each(|q| q.created += 10_000);
    assert!(next(&network).unwrap_err().to_string().contains("request id"));
    network.requests.iter_mut().for_each(|q| {
        q.created -= 10_000;
        q.id.push('b');
    });
    let older = next(&network).unwrap_err().to_string();
    assert!(older.contains("timestamp: found 1790000000, expected 1790002820 or later"), "{older}");
    network.requests.iter_mut().for_each(|q| q.created += 10_000);
    let again = next(&network).unwrap();
    check(&again).unwrap();
    assert_eq!(again.earlier, r.vouchers);
    assert_eq!(again.vouchers.iter().map(|v| v.voucher.cumulative).sum::<u128>(), 2 * fees, "vouchers only grow");
    assert_eq!(
        again.receipts[0].receipt.nonce,
        r.receipts.iter().filter(|x| x.receipt.payer == again.receipts[0].receipt.payer).count() as u64 + 1
    );
}

/// A request, its receipt, and what is needed to sign another.
struct Case {
    domain: Domain,
    request: Request,
    signed: SignedReceipt,
    payer: SigningKey,
    node: SigningKey,
}

impl Case {
    fn new() -> Self {
        let (network, r) = demo();
        let request = network.requests[0].clone();
        let keys = &network.keys.0;
        let (payer, node) = (keys[&request.payer].clone(), keys[&network.node].clone());
        Self { domain: r.domain, signed: r.receipts[0].clone(), request, payer, node }
    }

    /// Changes the receipt and signs it again with both keys: only what it says can be at fault.
    fn resigned(&self, change: impl Fn(&mut Receipt)) -> SignedReceipt {
        let mut s = self.signed.clone();
        change(&mut s.receipt);
        let digest = s.receipt.digest(&self.domain);
        (s.payer_signature, s.node_signature) = (sign(&self.payer, &digest), sign(&self.node, &digest));
        s
    }

    fn accept(&self, s: &SignedReceipt) -> Result<(), ReceiptError> {
        Ledger::new(self.domain, &[]).unwrap().accept(s, &self.request, &MODEL, &ADAPTER)
    }
}

#[test]
fn signatures_must_be_the_right_ones_in_their_one_form() {
    let c = Case::new();
    c.accept(&c.signed).unwrap();
    let refuse = |s: &SignedReceipt, signer: &'static str, why: SignatureError| {
        assert_eq!(c.accept(s), Err(ReceiptError::Signature { signer, why }));
    };
    let with = |change: fn(&mut SignedReceipt)| {
        let mut s = c.signed.clone();
        change(&mut s);
        s
    };
    refuse(&with(|s| s.payer_signature = s.node_signature), "payer", SignatureError::WrongSigner);
    refuse(&with(|s| s.node_signature = s.payer_signature), "node", SignatureError::WrongSigner);
    refuse(&with(|s| s.payer_signature[64] = 0), "payer", SignatureError::Malformed);
    refuse(&with(|s| s.payer_signature = [0; 65]), "payer", SignatureError::Malformed);
    refuse(&with(|s| s.node_signature[..32].fill(255)), "node", SignatureError::Malformed);
    let n = U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let mut high = c.signed.clone();
    let s = U256::from_be_slice(&high.node_signature[32..64]);
    high.node_signature[32..64].copy_from_slice(&(n - s).to_be_bytes::<32>());
    high.node_signature[64] = 55 - high.node_signature[64];
    refuse(&high, "node", SignatureError::HighS);
}

#[test]
fn another_chain_or_contract_is_refused() {
    let c = Case::new();
    for domain in [Domain { chain_id: 1, ..c.domain }, Domain { contract: [1; 20], ..c.domain }] {
        let refused = Ledger::new(domain, &[]).unwrap().accept(&c.signed, &c.request, &MODEL, &ADAPTER);
        assert_eq!(refused, Err(ReceiptError::Signature { signer: "payer", why: SignatureError::WrongSigner }));
        let (_, r) = demo();
        assert!(matches!(Ledger::new(domain, &r.vouchers), Err(ReceiptError::Signature { .. })));
    }
}

#[test]
fn replays_regressions_and_older_receipts_are_refused() {
    let c = Case::new();
    let mut ledger = Ledger::new(c.domain, &[]).unwrap();
    let mut accept = |s: &SignedReceipt| {
        let request = Request { created: s.receipt.timestamp, ..c.request.clone() };
        ledger.accept(s, &request, &MODEL, &ADAPTER)
    };
    let at = |nonce: u64, later: i64| {
        c.resigned(|r| {
            r.nonce = nonce;
            r.timestamp = r.timestamp.saturating_add_signed(later);
        })
    };
    accept(&at(7, 10)).unwrap();
    assert_eq!(accept(&at(7, 10)), Err(ReceiptError::Nonce { found: 7, last: 7 }));
    assert_eq!(accept(&at(6, 20)), Err(ReceiptError::Nonce { found: 6, last: 7 }));
    let t = c.signed.receipt.timestamp;
    assert_eq!(accept(&at(8, 9)), Err(ReceiptError::Timestamp { found: t + 9, last: t + 10 }));
    accept(&at(8, 10)).unwrap();
    let v = ledger.into_vouchers().next().unwrap();
    assert_eq!((v.nonce, v.cumulative), (8, 2 * c.request.fee), "refused receipts changed nothing");
}

#[test]
fn a_receipt_must_say_what_the_trace_holds() {
    let c = Case::new();
    let refused = |change: fn(&mut Receipt)| c.accept(&c.resigned(change)).unwrap_err().to_string();
    assert_eq!(refused(|r| r.prompt_tokens += 1), "prompt tokens: found 16, expected 15, as the trace holds");
    assert_eq!(refused(|r| r.completion_tokens = 0), "completion tokens: found 0, expected 40, as the trace holds");
    assert_eq!(refused(|r| r.cached_tokens = 16), "cached tokens: found 16, expected at most the prompt's 15");
    type Change = fn(&mut Receipt);
    let fields: [(&str, Change); 9] = [
        ("cached tokens", |r| r.cached_tokens = 3),
        ("timestamp", |r| r.timestamp += 1),
        ("request id", |r| r.request_id[0] ^= 1),
        ("model", |r| r.model[0] ^= 1),
        ("adapter", |r| r.adapter[0] ^= 1),
        ("prompt hash", |r| r.prompt_hash[0] ^= 1),
        ("output hash", |r| r.output_hash[0] ^= 1),
        ("payer", |r| r.payer[0] ^= 1),
        ("fee", |r| r.fee += 1),
    ];
    for (field, change) in fields {
        assert!(refused(change).starts_with(&format!("{field}: found another's")), "{field}");
    }
    assert_ne!(
        salted_hash(&c.signed.prompt_salt, &c.request.prompt),
        salted_hash(&c.signed.output_salt, &c.request.prompt)
    );
}

/// Receipts among themselves: `check` must notice every way in which they do not add up, however well they are signed.
#[test]
fn receipts_must_add_up_to_their_vouchers() {
    let (network, good) = demo();
    check(&good).unwrap();
    let keys = &network.keys.0;
    let refused = |change: &dyn Fn(&mut Receipts)| {
        let mut r = good.clone();
        change(&mut r);
        check(&r).unwrap_err()
    };
    let resign = |r: &mut Receipts, i: usize, change: fn(&mut Voucher)| {
        change(&mut r.vouchers[i].voucher);
        let v = &r.vouchers[i].voucher;
        r.vouchers[i].signature = sign(&keys[&Address::from(v.payer)], &v.digest(&r.domain));
    };
    assert_eq!(refused(&|r| resign(r, 0, |v| v.cumulative += 1)), ReceiptError::Vouchers);
    assert_eq!(refused(&|r| resign(r, 0, |v| v.nonce += 1)), ReceiptError::Vouchers);
    assert_eq!(refused(&|r| resign(r, 0, |v| v.timestamp += 1)), ReceiptError::Vouchers);
    assert_eq!(refused(&|r| r.vouchers.truncate(2)), ReceiptError::Vouchers);
    assert_eq!(refused(&|r| r.vouchers.swap(0, 1)), ReceiptError::Vouchers);
    assert!(matches!(refused(&|r| r.earlier = r.vouchers.clone()), ReceiptError::Nonce { .. }));
    assert!(matches!(refused(&|r| r.receipts.swap(0, 40)), ReceiptError::Nonce { .. } | ReceiptError::Vouchers));
    assert!(matches!(refused(&|r| r.receipts[3] = r.receipts[2].clone()), ReceiptError::Spent { .. }));
    assert_eq!(refused(&|r| r.receipts[3].id.push('x')), ReceiptError::Mismatch { field: "request id" });
    assert!(matches!(refused(&|r| r.vouchers[1].signature[7] ^= 1), ReceiptError::Signature { .. }));
    assert!(matches!(refused(&|r| r.domain.chain_id += 1), ReceiptError::Signature { .. }));
}

/// Receipts that others signed: what `to_json` prints is read back and accepted, and nothing else is.
#[test]
fn receipts_signed_elsewhere_are_accepted_as_they_are() {
    let (network, good) = demo();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("signed.json");
    let read = |doc: &Value| {
        std::fs::write(&file, doc.to_string()).unwrap();
        signed::read(&file)
    };
    let doc = signed::to_json(&good);
    let again = read(&doc).unwrap();
    assert_eq!(again, good);
    let accept =
        |r: &Receipts, earlier| accept(&network, &MODEL, |_| Ok(ADAPTER), r, earlier).map_err(|e| e.to_string());
    accept(&again, None).unwrap();
    let refused = |change: fn(&mut Receipts)| {
        let mut r = good.clone();
        change(&mut r);
        accept(&r, None).unwrap_err()
    };
    assert!(refused(|r| r.domain.chain_id += 1).contains("domain: found"));
    assert!(refused(|r| r.earlier = r.vouchers.clone()).contains("earlier: found other vouchers"));
    assert!(refused(|r| drop(r.receipts.pop())).contains("receipts: found 47, expected 48"));
    assert!(refused(|r| r.receipts[5].receipt.node[0] ^= 1).contains("node: found"));
    assert!(refused(|r| r.receipts[5].receipt.fee += 1).contains("fee: found another's"));
    assert!(refused(|r| r.receipts[5].payer_signature[3] ^= 1).contains("payer signature"));
    assert!(refused(|r| r.vouchers.truncate(2)).contains("vouchers: found others"));
    assert!(accept(&good, Some(&good)).unwrap_err().contains("expected each request once"));
    for (pointer, value, says) in [
        ("/receipts/0/fee", Value::from("+5"), "fee: found +5, expected decimal digits"),
        ("/receipts/0/payerSignature", Value::from("0x00"), "invalid string length"),
        ("/vouchers/0/cumulative", Value::from("1e5"), "cumulative: found 1e5"),
        ("/receipts/0/nonce", Value::from(-1), "invalid value"),
    ] {
        let mut bad = doc.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let said = read(&bad).unwrap_err().to_string();
        assert!(said.contains(says) && said.lines().count() == 1, "{pointer}: {said}");
    }
}

#[test]
fn a_voucher_counts_once() {
    let (_, r) = demo();
    let twice = [r.vouchers[0].clone(), r.vouchers[0].clone()];
    assert!(matches!(Ledger::new(r.domain, &twice), Err(ReceiptError::Mismatch { .. })));
}

#[test]
fn amounts_stay_in_range() {
    let mut c = Case::new();
    c.request.fee = 1 << 92;
    assert_eq!(c.accept(&c.resigned(|r| r.fee = 1 << 92)), Err(ReceiptError::Fee { found: 1 << 92 }));
    c.request.fee = (1 << 92) - 1;
    let voucher = Voucher {
        payer: c.signed.receipt.payer,
        node: c.signed.receipt.node,
        adapter: ADAPTER,
        cumulative: u128::MAX - (1 << 92) + 1,
        timestamp: 0,
        nonce: 0,
    };
    let edge = |cumulative: u128| {
        let voucher = Voucher { cumulative, ..voucher.clone() };
        let signature = sign(&c.payer, &voucher.digest(&c.domain));
        let earlier = talea_witness::receipts::SignedVoucher { voucher, signature };
        let mut ledger = Ledger::new(c.domain, &[earlier]).unwrap();
        ledger.accept(&c.resigned(|r| r.fee = (1 << 92) - 1), &c.request, &MODEL, &ADAPTER)
    };
    assert_eq!(edge(voucher.cumulative), Ok(()));
    let over = voucher.cumulative + 1;
    assert_eq!(edge(over), Err(ReceiptError::Overflow { cumulative: over, fee: (1 << 92) - 1 }));
}

#[test]
fn keys_are_not_shown() {
    let network = Network::open(&path("fixtures/demo")).unwrap();
    let shown = format!("{network:?}");
    for key in network.keys.0.values() {
        assert!(!shown.contains(&hex::encode(key.to_bytes())));
    }
}
