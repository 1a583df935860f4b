//! What the settlement refuses on anvil, with a real proof: every part of a batch, of its data and of claims, changed one at a time.

use serde_json::{Value, json};
use talea_contracts::{
    Address, SolCall as _, SolError, U256,
    abi::{AttributionRegistry as Registry, BatchVerifier, Settlement, SlotClaim},
};

use super::{
    common::anvil::hex,
    demo, modulus, s,
    settle::{Stage, talea},
};

type Call = Settlement::settleWithDataCall;

/// Asks the settlement, and fails unless it refuses with this error.
fn refused<E: SolError>(stage: &Stage, data: &[u8], what: &str) {
    let request = json!([{ "to": stage.settlement, "data": format!("0x{}", hex(data)), "gas": "0xe4e1c0" }, "latest"]);
    let said = stage.anvil.call("eth_call", request).expect_err(what);
    assert!(said.contains(&hex(&E::SELECTOR)), "{what}: {said}, expected {}", E::SIGNATURE);
}

/// The call that settles the demonstration's batch with its data, as the command sends it; the chain is then as before.
pub fn honest(stage: &Stage) -> Call {
    let snapshot = stage.anvil.call("evm_snapshot", json!([])).unwrap();
    stage.settle(&stage.anvil.url(), &["--with-data", "--srs", s(&demo().srs)]).status().unwrap();
    let block = stage.anvil.call("eth_getBlockByNumber", json!(["latest", true])).unwrap();
    let input = block["transactions"][0]["input"].as_str().unwrap().to_string();
    stage.anvil.call("evm_revert", json!([snapshot])).unwrap();
    let bytes: Vec<u8> =
        (2..input.len()).step_by(2).map(|i| u8::from_str_radix(&input[i..i + 2], 16).unwrap()).collect();
    Call::abi_decode(&bytes).unwrap()
}

/// Changes an honest call, which is then refused with E.
fn lie<E: SolError>(stage: &Stage, honest: &Call, what: &str, change: impl Fn(&mut Call)) {
    let mut call = honest.clone();
    change(&mut call);
    refused::<E>(stage, &call.abi_encode(), what);
}

#[test]
fn lies_about_a_batch_are_refused() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let (h, one) = (honest(&stage), U256::from(1));
    let st = &stage;
    lie::<Registry::UnknownShape>(st, &h, "shape", |c| c.batch.shape.0[0] ^= 1);
    lie::<Registry::UnknownAttester>(st, &h, "attester", |c| c.batch.attester = Address::ZERO);
    lie::<Registry::WrongNodeSlot>(st, &h, "node slot", |c| c.batch.statement.nodeSlot -= 1);
    lie::<Registry::UnknownNode>(st, &h, "node", |c| c.batch.statement.node = Address::ZERO);
    lie::<Registry::UnknownLine>(st, &h, "adapter", |c| c.batch.statement.slots[0].adapter += one);
    lie::<Registry::UnknownLine>(st, &h, "policy", |c| c.batch.statement.slots[1].policy += one);
    lie::<Registry::UnknownLine>(st, &h, "base", |c| c.batch.statement.slots[2].base += 16);
    lie::<Settlement::WrongSigner>(st, &h, "nonce", |c| c.batch.statement.nonce += 1);
    lie::<Settlement::WrongSigner>(st, &h, "C_X", |c| c.batch.statement.inputs += one);
    lie::<Settlement::WrongSigner>(st, &h, "C_req", |c| c.batch.statement.requests += one);
    lie::<Settlement::WrongSigner>(st, &h, "receipts", |c| c.batch.statement.receipts.0[0] ^= 1);
    lie::<BatchVerifier::ProofRejected>(st, &h, "C_D", |c| c.batch.statement.deltas += one);
    lie::<BatchVerifier::WordOutOfRange>(st, &h, "C_D + r", |c| c.batch.statement.deltas += modulus());
    lie::<BatchVerifier::ProofRejected>(st, &h, "lines change places", |c| c.batch.statement.slots.swap(0, 1));
    lie::<BatchVerifier::SlotCount>(st, &h, "a line twice", |c| {
        let mut again = c.batch.statement.slots[0].clone();
        again.fees = 0;
        c.batch.statement.slots.push(again);
    });
    lie::<BatchVerifier::ProofRejected>(st, &h, "proof", |c| {
        let mut bytes = c.batch.proof.proof.to_vec();
        bytes[40] ^= 1;
        c.batch.proof.proof = bytes.into();
    });
    lie::<BatchVerifier::ProofRejected>(st, &h, "accumulator", |c| c.batch.proof.accumulator[3] += one);
    lie::<Settlement::FeesNotCovered>(st, &h, "fees", |c| c.batch.statement.slots[0].fees += 1);
    lie::<Settlement::FeesNotCovered>(st, &h, "no voucher", |c| drop(c.batch.redemptions.pop()));
    lie::<Settlement::FeesExceeded>(st, &h, "a voucher twice", |c| {
        let again = c.batch.redemptions[0].clone();
        c.batch.redemptions.push(again);
    });
    lie::<Settlement::AdapterNotInBatch>(st, &h, "voucher's adapter", |c| c.batch.redemptions[0].adapter.0[0] ^= 1);
    lie::<Settlement::WrongSigner>(st, &h, "voucher's sum", |c| c.batch.redemptions[0].cumulative += 1);
    lie::<Settlement::WrongSigner>(st, &h, "voucher's payer", |c| c.batch.redemptions[0].payer = Address::ZERO);
    lie::<Settlement::ECDSAInvalidSignatureLength>(st, &h, "signature", |c| {
        c.batch.attestation = c.batch.attestation[..64].to_vec().into();
    });
}

#[test]
fn lies_about_data_are_refused() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let (h, one, st) = (honest(&stage), U256::from(1), &stage);
    let amounts = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = h.data.amounts.to_vec();
        change(&mut bytes);
        move |c: &mut Call| c.data.amounts = bytes.clone().into()
    };
    lie::<Settlement::AmountsTotal>(st, &h, "an amount", amounts(&|b| b[19] ^= 1));
    // from one slot to another: the sum stays
    let moved = amounts(&|b| {
        b[19] = b[19].wrapping_add(1);
        b[39] = b[39].wrapping_sub(1);
    });
    assert!(h.data.amounts[19] < 255 && h.data.amounts[39] > 0);
    lie::<Settlement::OpeningRejected>(st, &h, "amounts moved", moved);
    lie::<Settlement::SlotNotIncreasing>(st, &h, "unsorted", amounts(&|b| (0..20).for_each(|i| b.swap(i, 20 + i))));
    lie::<Settlement::SlotNotIncreasing>(st, &h, "doubled", amounts(&|b| b.copy_within(..4, 20)));
    lie::<Settlement::OpeningRejected>(st, &h, "rho", |c| c.data.rho += one);
    lie::<Settlement::NotAScalar>(st, &h, "rho + r", |c| c.data.rho += modulus());
    lie::<Settlement::OpeningIsInfinity>(st, &h, "infinity", |c| c.data.opening = [U256::ZERO; 2]);
    lie::<Settlement::OpeningRejected>(st, &h, "another point", |c| c.data.opening = [one, U256::from(2)]);
    lie::<Settlement::NotOnCurve>(st, &h, "off the curve", |c| c.data.opening = [one, one]);
}

/// Settles, and gives what claims are made of after the epoch.
pub fn claims(stage: &Stage, with_data: bool, more: &[&str]) -> Value {
    let (srs, url) = (s(&demo().srs), stage.anvil.url());
    let flags: &[&str] = if with_data { &["--with-data", "--srs", srs] } else { &[] };
    assert!(stage.settle(&url, flags).status().unwrap().success());
    stage.later(3600);
    let args = [&["--json", "claims", "prove", "--out", s(stage.out()), "--srs", srs, "--rpc", &url], more].concat();
    serde_json::from_str::<Value>(&talea(&args).expect_status(0).stdout()).unwrap()["claims"].clone()
}

fn point(v: &Value) -> [U256; 2] {
    [0, 1].map(|i: usize| v[i].as_str().unwrap().parse().unwrap())
}

/// A slot of a file of claims.
fn one(file: &Value, i: usize) -> SlotClaim {
    let c = &file["claims"][i];
    let cumulative = c["cumulative"].as_str().unwrap().parse().unwrap();
    SlotClaim { slot: c["slot"].as_u64().unwrap() as u32, cumulative, opening: point(&c["opening"]) }
}

/// The call that claims it from the global accumulator.
pub fn claim_of(file: &Value, i: usize) -> Settlement::claimCall {
    let SlotClaim { slot, cumulative, opening } = one(file, i);
    let (epoch, value) = (file["epoch"].as_u64().unwrap() as u32, point(&file["value"]));
    Settlement::claimCall { accumulator: Address::ZERO, epoch, value, slot, cumulative, opening }
}

#[test]
fn lies_about_claims_are_refused() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let (file, st) = (claims(&stage, true, &[]), &stage);
    let (a, b, h) = (one(&file, 0), one(&file, 1), claim_of(&file, 0));
    type Claim = Settlement::claimCall;
    fn lie<E: SolError>(stage: &Stage, honest: &Claim, what: &str, change: impl Fn(&mut Claim)) {
        let mut call = honest.clone();
        change(&mut call);
        refused::<E>(stage, &call.abi_encode(), what);
    }
    lie::<Settlement::OpeningRejected>(st, &h, "more", |c| c.cumulative += 1);
    lie::<Settlement::OpeningRejected>(st, &h, "another slot", |c| c.slot = b.slot);
    lie::<Settlement::OpeningRejected>(st, &h, "another opening", |c| c.opening = b.opening);
    lie::<Settlement::OpeningIsInfinity>(st, &h, "infinity", |c| c.opening = [U256::ZERO; 2]);
    lie::<Settlement::NotOnCurve>(st, &h, "off the curve", |c| c.opening[1] += U256::from(1));
    lie::<Settlement::SlotOutOfRange>(st, &h, "beyond the domain", |c| c.slot = 1 << 20);
    lie::<Settlement::EpochOpen>(st, &h, "an epoch to come", |c| c.epoch += 1);
    lie::<Settlement::NoValue>(st, &h, "an epoch before", |c| c.epoch -= 1);
    lie::<Settlement::WrongValue>(st, &h, "another value", |c| c.value = c.opening);
    lie::<Settlement::NoValue>(st, &h, "another accumulator", |c| c.accumulator = Address::repeat_byte(1));
    let many = |claims: Vec<SlotClaim>| {
        let (accumulator, epoch, value) = (h.accumulator, h.epoch, h.value);
        Settlement::claimManyCall { accumulator, epoch, value, claims }.abi_encode()
    };
    refused::<Settlement::SlotNotIncreasing>(st, &many(vec![a.clone(), a.clone()]), "a slot twice");
    refused::<Settlement::SlotNotIncreasing>(st, &many(vec![b.clone(), a.clone()]), "slots in another order");
    refused::<Settlement::NoClaims>(st, &many(vec![]), "nothing");
    let mut more = b.clone();
    more.cumulative += 1;
    refused::<Settlement::OpeningRejected>(st, &many(vec![a.clone(), more]), "one of two");
    // what is honest is paid, once
    stage.anvil.send(&stage.settlement, &many(vec![a, b]));
    refused::<Settlement::NothingToClaim>(st, &h.abi_encode(), "again");
}

/// A batch without data is claimed from its node's accumulator by whoever has them; the auditor says what is not public.
#[test]
fn withheld_payouts_are_claimed_from_the_nodes_accumulator() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let payouts = stage.out().join("payouts.talea");
    let node = Address::from(demo().wrapped.statement.node).to_string();
    let own = claims(&stage, false, &["--accumulator", &node, "--payouts", s(&payouts)]);
    assert!(own["claims"].as_array().unwrap().len() > 20);
    let url = stage.anvil.url();
    let without = ["claims", "prove", "--out", s(stage.out()), "--srs", s(&demo().srs), "--rpc", &url];
    assert!(talea(&[&without[..], &["--accumulator", &node]].concat()).refusal().contains("payouts are not known"));
    talea(&["claim", "--out", s(stage.out()), "--rpc", &url]).expect_status(0);
    let said = stage.audit().expect_status(0).stdout();
    assert!(said.contains("1 batches withhold their payouts"), "{said}");
    // too late to give them
    let text =
        crate::common::Run(stage.settle(&url, &["--promote", "--srs", s(&demo().srs)]).output().unwrap()).refusal();
    assert!(text.contains("NotPromotable"), "{text}");
}
