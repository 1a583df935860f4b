//! An auditor who has the chain and nothing else.
//!
//! Read are the events and transactions of a settlement and its registry. Computed anew are: that the contracts are the ones compiled
//! into this program; every proof, by the chain's own verifiers in an EVM in process; the openings of published payouts; all accumulators;
//! what each slot has earned, and every claim against it. What cannot be computed anew is a difference, unless it is a payout that is withheld. Taken on trust is what docs/protocol/settlement.md §7 lists, and the node that
//! answers.

mod contracts;

use std::{collections::BTreeMap, ops::RangeInclusive};

use ark_bn254::{Fr, G2Affine};
use ark_ff::PrimeField as _;
use talea_claims::{domain::Domain, vector::PayoutVector, verify::verify_at};
use talea_contracts::{
    Address, B256, Bytes, SolCall as _, SolValue as _, U256,
    abi::{self, AttributionRegistry as Registry, BatchVerifier, Settlement, TestToken},
    compiled::Compiled,
    evm::{Evm, Failed},
    reason,
};

use crate::{
    Chain, Result,
    deployment::ask,
    history::{Batch, GLOBAL, History},
    numbers,
};

/// What an audit found.
#[derive(Debug)]
pub struct Audited {
    /// All that happened.
    pub history: History,
    /// The last block of it.
    pub block: u64,
    /// The epoch that is not over.
    pub epoch: u32,
    /// What was checked: what, how often, and how it is known.
    pub checks: Vec<Check>,
    /// What whoever deployed has chosen, and how it stands: what, and its value.
    pub chosen: Vec<(&'static str, String)>,
    /// Is the reference string one whose secret is public? Then whoever knows it forges proofs and payouts.
    pub insecure: bool,
    /// What is taken on trust here beyond settlement.md §7.
    pub trusted: Vec<String>,
    /// What is wrong.
    pub differences: Vec<String>,
}

/// A kind of check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: &'static str,
    /// How many of them.
    pub count: usize,
    /// proven (by a proof or an opening), recomputed (from the chain), attested or declared.
    pub label: &'static str,
}

/// Where the contracts are, as the settlement says.
struct Place<'c> {
    chain: &'c dyn Chain,
    settlement: Address,
    registry: Address,
    token: Address,
    tau: G2Affine,
}

/// A verifier's contracts with their code.
struct Verifier {
    front: (Address, Bytes),
    generated: (Address, Bytes),
}

/// What an auditor has besides the chain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'k> {
    /// Generated verifiers besides those in this program.
    pub verifiers: &'k [Compiled],
    /// Statements and proofs of batches, from anybody: where another contract stood between a sender and the settlement, the
    /// transaction does not show them.
    pub batches: &'k [(abi::Statement, abi::BatchProof)],
}

/// Audits a settlement from a block on: that of the registry's deployment, or an earlier one. Everything is asked as of one block, the
/// newest.
///
/// # Errors
/// The chain does not answer, or the address is no settlement.
pub fn audit(chain: &dyn Chain, settlement: Address, from: u64, known: &Known<'_>) -> Result<Audited> {
    let block = chain.head()?.number;
    chain.pin(Some(block));
    let audited = at_block(chain, settlement, from..=block, known);
    chain.pin(None);
    audited
}

fn at_block(chain: &dyn Chain, settlement: Address, blocks: RangeInclusive<u64>, known: &Known<'_>) -> Result<Audited> {
    let (place, domain) = open(chain, settlement)?;
    let mut history = History::new(domain);
    let logs = chain.logs(&[place.registry, settlement], *blocks.start())?;
    history.read(place.registry, settlement, &logs);
    let differences = history.differences.clone();
    let mut audit = Audited {
        history,
        block: *blocks.end(),
        epoch: ask(chain, "currentEpoch", settlement, &Settlement::currentEpochCall {})?,
        checks: Vec::new(),
        chosen: Vec::new(),
        insecure: false,
        trusted: Vec::new(),
        differences,
    };
    audit.contracts(&place, &logs)?;
    audit.settings(&place)?;
    audit.differences.extend(state(&place, &audit.history)?);
    let verifiers = audit.verifiers(&place, known.verifiers)?;
    audit.proofs(&place, &verifiers, known.batches)?;
    audit.openings(&place);
    audit.counted();
    Ok(audit)
}

fn open<'c>(chain: &'c dyn Chain, settlement: Address) -> Result<(Place<'c>, Domain)> {
    if chain.code(settlement)?.is_empty() {
        let e = talea_formats::Error::input(
            "--settlement",
            "address",
            format!("no contract at {settlement}"),
            "a Settlement",
        );
        return Err(e.into());
    }
    let registry = ask(chain, "registry", settlement, &Settlement::registryCall {})?;
    let token = ask(chain, "token", settlement, &Settlement::tokenCall {})?;
    let tau = ask(chain, "referenceString", settlement, &Settlement::referenceStringCall {})?;
    let sigma = ask(chain, "sigma", settlement, &Settlement::sigmaCall {})?;
    let bad =
        |field: &str, expected: &str| talea_formats::Error::input("settlement", field, "something else", expected);
    let tau = numbers::point2(&tau).ok_or_else(|| bad("[τ]₂", "a point of G2"))?;
    let domain = Domain::new(u32::try_from(sigma).unwrap_or(u32::MAX))?;
    Ok((Place { chain, settlement, registry, token, tau }, domain))
}

impl Audited {
    fn check(&mut self, what: &'static str, count: usize, label: &'static str) {
        self.checks.push(Check { what, count, label });
    }

    /// Every proof anew, by the verifiers that its circuit had.
    fn proofs(
        &mut self, place: &Place<'_>, verifiers: &[(B256, Verifier)], more: &[(abi::Statement, abi::BatchProof)],
    ) -> Result<()> {
        let mut verified = 0;
        for b in self.history.batches.clone() {
            let name = format!("batch {} of {}", b.said.nonce, b.said.node);
            let own = |s: &abi::Statement| (s.node, s.nonce) == (b.said.node, b.said.nonce);
            let shown = match settled(place, &b)? {
                Some(call) => {
                    if (call.shape, call.attester) != (b.said.shape, b.said.attester) {
                        self.differences
                            .push(format!("{name}: its event says another circuit or attester than its call"));
                    }
                    Some((call.statement, call.proof))
                }
                None => more.iter().find(|(s, _)| own(s)).cloned(),
            };
            let Some((statement, proof)) = shown else {
                self.differences.push(format!(
                    "{name}: settled through another contract, so that no call shows its proof; --wrapped FILE may"
                ));
                continue;
            };
            let own = verifiers.iter().filter(|v| v.0 == b.said.shape);
            let answers: Vec<_> = own.map(|(_, verifier)| verify(place, verifier, &statement, &proof)).collect();
            match answers.iter().find_map(|said| said.as_ref().err()) {
                _ if answers.iter().any(Result::is_ok) => verified += 1,
                Some(why) => self.differences.push(format!("{name}: its proof is refused: {why}")),
                None => self.differences.push(format!("{name}: no verifier of its circuit is this program's")),
            }
            if let Some(what) = other(&b, &statement) {
                self.differences.push(format!("{name}: its event says another {what} than its statement"));
            }
        }
        self.check("proofs of settled batches, verified anew", verified, "proven");
        Ok(())
    }

    /// Published payouts against their commitments.
    fn openings(&mut self, place: &Place<'_>) {
        let mut verified = 0;
        for b in self.history.batches.clone() {
            let name = format!("batch {} of {}", b.said.nonce, b.said.node);
            match &b.data {
                Some((vector, said)) if opens(place, &b, vector, said) => verified += 1,
                Some(_) => self.differences.push(format!("{name}: the published payouts are not those under C_pay")),
                None if b.accumulator == GLOBAL => {
                    self.differences.push(format!("{name}: in the global accumulator without its payouts"));
                }
                None => {}
            }
        }
        self.check("published payouts, opened anew", verified, "proven");
    }

    /// What else was looked at, and what could not be.
    fn counted(&mut self) {
        let recomputed = self.history.claims.iter().filter(|c| c.recomputed).count();
        self.check("claims equal to what their slot had earned", recomputed, "recomputed");
        let hidden = self.history.claims.len() - recomputed;
        self.check("claims of withheld amounts, as the contract took them", hidden, "declared");
        self.check("slots' payees, as the registrar named them", self.history.payees.len(), "declared");
        self.check("inputs, fees and token counts of batches", self.history.batches.len(), "attested");
        let withheld = self.history.batches.iter().filter(|b| b.data.is_none()).count();
        if withheld > 0 {
            self.trusted
                .push(format!("{withheld} batches withhold their payouts: what their slots earned is not known here"));
        }
    }
}

/// What the contracts' state says otherwise than the events.
fn state(place: &Place<'_>, history: &History) -> Result<Vec<String>> {
    let (chain, at, mut all) = (place.chain, place.settlement, Vec::new());
    let mut owed = U256::ZERO;
    if history.verifiers.is_empty() {
        all.push("no verifier was ever named: the node keeps no such old events, or they are older than --from".into());
    }
    for (shape, verifier) in history.verifiers.iter().copied().collect::<BTreeMap<_, _>>() {
        let said = ask(chain, "verifierOf", place.registry, &Registry::verifierOfCall { shape })?;
        if said != verifier {
            all.push(format!("circuit {shape}: its verifier is {said}, events say {verifier}"));
        }
    }
    for b in &history.batches {
        if !history.attesters.contains(&b.said.attester) {
            let said = &b.said;
            all.push(format!(
                "batch {} of {}: attested by {}, whom no event names",
                said.nonce, said.node, said.attester
            ));
        }
    }
    for accumulator in history.accumulators() {
        let of = |b: &&Batch| b.accumulator == accumulator;
        let settled: u128 = history.batches.iter().filter(of).map(|b| b.total).sum();
        let claimed: u128 = history.paid.iter().filter(|(key, _)| key.0 == accumulator).map(|(_, paid)| paid).sum();
        let said = ask(chain, "totals", at, &Settlement::totalsCall { accumulator })?;
        if (u128::try_from(said.settled), u128::try_from(said.claimed)) != (Ok(settled), Ok(claimed)) {
            all.push(format!(
                "accumulator {accumulator}: {} settled and {} claimed, events say {settled} and {claimed}",
                said.settled, said.claimed
            ));
        }
        if claimed > settled {
            all.push(format!("accumulator {accumulator}: {claimed} claimed of {settled}"));
        }
        owed += U256::from(settled.saturating_sub(claimed));
        let value = ask(chain, "valueOf", at, &Settlement::valueOfCall { accumulator })?;
        if value != numbers::words(&history.value(accumulator, u32::MAX)) {
            all.push(format!("accumulator {accumulator}: not the sum of its batches' C_pay"));
        }
    }
    for (payer, left) in &history.deposits {
        owed += U256::from(*left);
        let free = ask(chain, "deposits", at, &Settlement::depositsCall { payer: *payer })?;
        let leaving = ask(chain, "notices", at, &Settlement::noticesCall { payer: *payer })?;
        let said = free.saturating_add(leaving.amount);
        if said != *left {
            all.push(format!("deposit of {payer}: {said}, events say {left}"));
        }
    }
    for ((accumulator, slot), paid) in &history.paid {
        let call = Settlement::claimedOfCall { accumulator: *accumulator, slot: *slot };
        let said = ask(chain, "claimedOf", at, &call)?;
        if said != *paid {
            all.push(format!("slot {slot} in accumulator {accumulator}: {said} claimed, events say {paid}"));
        }
    }
    for (slot, payee) in &history.payees {
        let said = ask(chain, "payeeOf", place.registry, &Registry::payeeOfCall { slot: *slot })?;
        if said != *payee {
            all.push(format!("slot {slot}: its payee is {said}, events say {payee}"));
        }
    }
    let held = ask(chain, "balanceOf", place.token, &TestToken::balanceOfCall { account: at })?;
    if held < owed {
        all.push(format!("the settlement holds {held}, and owes {owed}"));
    }
    Ok(all)
}

/// The call that settled a batch, if a transaction shows it.
fn settled(place: &Place<'_>, b: &Batch) -> Result<Option<abi::Batch>> {
    let sent = place.chain.sent(b.settled_by)?;
    if sent.to != Some(place.settlement) {
        return Ok(None);
    }
    let plain = Settlement::settleCall::abi_decode(&sent.input).map(|call| call.batch);
    let found = plain.or_else(|_| Settlement::settleWithDataCall::abi_decode(&sent.input).map(|call| call.batch)).ok();
    Ok(found.filter(|batch| (batch.statement.node, batch.statement.nonce) == (b.said.node, b.said.nonce)))
}

/// What a batch's event says otherwise than its statement.
fn other(b: &Batch, s: &abi::Statement) -> Option<&'static str> {
    let fees: Vec<u128> = s.slots.iter().map(|slot| slot.fees).collect();
    let all = [
        ("receipts", s.receipts == b.said.receipts),
        ("commitments", [s.inputs, s.requests, s.deltas] == b.said.commitments),
        ("C_pay", s.payouts == b.said.payouts),
        ("fees", fees == b.said.fees),
    ];
    all.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// The chain's own verifier, asked in an EVM in process as the settlement.
fn verify(
    place: &Place<'_>, verifier: &Verifier, statement: &abi::Statement, proof: &abi::BatchProof,
) -> Result<(), String> {
    let mut evm = Evm::new(place.chain.id());
    for (at, code) in [&verifier.front, &verifier.generated] {
        evm.set_code(*at, code.clone());
    }
    let asked = BatchVerifier::verifyCall { s: statement.clone(), p: proof.clone() };
    match evm.query(place.settlement, verifier.front.0, asked.abi_encode()) {
        Ok(_) => Ok(()),
        Err(Failed::Reverted(data)) => Err(reason(&data)),
        Err(other) => Err(other.to_string()),
    }
}

/// The challenge at which a batch's payouts are opened.
pub fn challenge(
    chain: u64, settlement: Address, node: Address, nonce: u64, payouts: &[U256; 2], data: (&[u8], U256),
) -> Fr {
    // bytes32: a short string, zeros behind it
    let mut tag = [0u8; 32];
    tag[..12].copy_from_slice(b"talea 1 data");
    let amounts = alloy::primitives::keccak256(data.0);
    let words = (B256::from(tag), U256::from(chain), settlement, node, nonce, *payouts, data.1, amounts);
    Fr::from_be_bytes_mod_order(alloy::primitives::keccak256(words.abi_encode()).as_slice())
}

fn opens(place: &Place<'_>, b: &Batch, vector: &PayoutVector, said: &Settlement::DataPublished) -> bool {
    let key = (said.amounts.as_ref(), said.rho);
    let zeta = challenge(place.chain.id(), place.settlement, b.said.node, b.said.nonce, &b.said.payouts, key);
    let (Some(value), Some(proof)) = (vector.evaluate(&zeta), numbers::point(&said.opening)) else { return false };
    verify_at(&place.tau, &b.payouts, &zeta, &value, &proof)
}

/// What each payee has earned and was paid, of all accumulators whose amounts are public.
pub fn earned(history: &History) -> BTreeMap<Address, (u128, u128)> {
    let mut all: BTreeMap<Address, (u128, u128)> = BTreeMap::new();
    for b in &history.batches {
        let Some((vector, _)) = &b.data else { continue };
        for (slot, amount) in vector.amounts() {
            if let Some(payee) = history.payees.get(&slot) {
                all.entry(*payee).or_default().0 += amount;
            }
        }
    }
    for claim in &history.claims {
        all.entry(claim.said.payee).or_default().1 += claim.said.amount;
    }
    all
}
