//! An auditor who has the chain and nothing else.
//!
//! Read are the events and transactions of a settlement and its registry. Computed anew are: that the contracts are the ones compiled
//! into this program; every proof, by the chain's own verifiers in an EVM in process; the openings of published payouts; all accumulators;
//! what each slot has earned, and every claim against it. What cannot be computed anew is a difference, unless it is a payout that is withheld. Taken on trust is what docs/protocol/settlement.md §7 lists, and the node that
//! answers.

use std::collections::BTreeMap;

use ark_bn254::{Fr, G2Affine};
use ark_ff::PrimeField as _;
use talea_claims::{domain::Domain, vector::PayoutVector, verify::verify_at};
use talea_contracts::{
    Address, B256, Bytes, SolCall as _, SolValue as _, U256,
    abi::{self, AttributionRegistry as Registry, BatchVerifier, Settlement, TestToken},
    compiled::{self, Compiled},
    evm::{Evm, Failed},
    reason,
};

use crate::{
    Chain, Log, Result,
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

/// How often history is read again because blocks came in between.
const READINGS: usize = 5;

/// Audits a settlement from a block on: that of the registry's deployment, or an earlier one. `more` are generated verifiers that the
/// auditor knows besides those in this program.
///
/// # Errors
/// The chain does not answer, or the address is no settlement.
pub fn audit(chain: &dyn Chain, settlement: Address, from: u64, more: &[Compiled]) -> Result<Audited> {
    let (place, domain) = open(chain, settlement)?;
    let mut audit = Audited {
        history: History::new(domain),
        block: 0,
        epoch: 0,
        checks: Vec::new(),
        trusted: Vec::new(),
        differences: Vec::new(),
    };
    let (mut found, mut logs) = (Vec::new(), Vec::new());
    for reading in 0.. {
        let before = chain.head()?.number;
        let mut history = History::new(domain);
        logs = chain.logs(&[place.registry, settlement], from)?;
        history.read(place.registry, settlement, &logs);
        let epoch = ask(chain, "currentEpoch", settlement, &Settlement::currentEpochCall {})?;
        found = state(&place, &history)?;
        (audit.history, audit.block, audit.epoch) = (history, before, epoch);
        // differences may only be blocks that came in between
        if found.is_empty() || chain.head()?.number == before || reading == READINGS {
            break;
        }
    }
    audit.contracts(&place, &logs)?;
    audit.differences.extend(audit.history.differences.clone());
    audit.differences.extend(found);
    let verifiers = audit.verifiers(&place, more)?;
    audit.proofs(&place, &verifiers)?;
    audit.openings(&place)?;
    audit.counted();
    Ok(audit)
}

/// Does a generated verifier's code hold this [τ]₂? It may have it negated.
fn holds(code: &[u8], tau: &G2Affine) -> bool {
    let words = [*tau, -*tau].map(|p| numbers::words2(&p).map(|w| w.to_be_bytes::<32>()));
    let has = |word: &[u8; 32]| code.windows(32).any(|w| w == word);
    words.iter().any(|words| words.iter().all(has))
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

    /// The code of settlement and registry, and the transactions that made them: another constructor could have stored anything.
    fn contracts(&mut self, place: &Place<'_>, logs: &[Log]) -> Result<()> {
        let (mut same, mut made) = (0, 0);
        for (name, at, own) in [
            ("Settlement", place.settlement, compiled::settlement()),
            ("AttributionRegistry", place.registry, compiled::registry()),
        ] {
            match own.is(&place.chain.code(at)?) {
                true => same += 1,
                false => self.differences.push(format!("{name} at {at}: other code than this program's")),
            }
            match creation(place.chain, at, logs)? {
                Some(input) if input.starts_with(&own.code) => made += 1,
                Some(_) => self.differences.push(format!("{name} at {at}: made by another constructor than this program's")),
                None => self.differences.push(format!("{name} at {at}: its first event is of no transaction that made it, so nothing shows what was stored at first")),
            }
        }
        self.check("contracts made by their own constructors", made, "recomputed");
        self.check("contracts are the ones compiled into this program", same, "recomputed");
        Ok(())
    }

    /// The code of all verifiers that ever were; returns those that are ours, by circuit.
    fn verifiers(&mut self, place: &Place<'_>, more: &[Compiled]) -> Result<Vec<(B256, Verifier)>> {
        let (mut ours, mut known) = (Vec::new(), 0);
        for (shape, front) in self.history.verifiers.clone().into_iter().filter(|v| v.1 != Address::ZERO) {
            let code = place.chain.code(front)?;
            if !compiled::batch_verifier().is(&code) {
                self.differences.push(format!("verifier {front} of circuit {shape}: other code than this program's"));
                continue;
            }
            let generated = ask(place.chain, "generated", front, &BatchVerifier::generatedCall {})?;
            let behind = place.chain.code(generated)?;
            if !compiled::generated().iter().chain(more).any(|c| c.is(&behind)) {
                self.differences.push(format!(
                    "the generated verifier {generated} of circuit {shape} is none that is known here: it may accept anything"
                ));
                continue;
            }
            if !holds(&behind, &place.tau) {
                self.differences
                    .push(format!("the settlement's [τ]₂ is not that of verifier {generated}: openings may be forged"));
            }
            known += 1;
            ours.push((shape, Verifier { front: (front, code), generated: (generated, behind) }));
        }
        self.check("generated verifiers are known ones, for the settlement's [τ]₂", known, "recomputed");
        Ok(ours)
    }

    /// Every proof anew, by the verifiers that its circuit had.
    fn proofs(&mut self, place: &Place<'_>, verifiers: &[(B256, Verifier)]) -> Result<()> {
        let mut verified = 0;
        for b in self.history.batches.clone() {
            let name = format!("batch {} of {}", b.said.nonce, b.said.node);
            let Some(call) = settled(place, &b)? else {
                self.differences.push(format!("{name}: settled through another contract: no call shows its proof"));
                continue;
            };
            let own = verifiers.iter().filter(|v| v.0 == b.said.shape);
            let answers: Vec<_> = own.map(|(_, verifier)| verify(place, verifier, &call)).collect();
            match answers.iter().find_map(|said| said.as_ref().err()) {
                _ if answers.iter().any(Result::is_ok) => verified += 1,
                Some(why) => self.differences.push(format!("{name}: its proof is refused: {why}")),
                None => self.differences.push(format!("{name}: no verifier of its circuit is this program's")),
            }
            if let Some(what) = other(&b, &call) {
                self.differences.push(format!("{name}: its event says another {what} than its statement"));
            }
        }
        self.check("proofs of settled batches, verified anew", verified, "proven");
        Ok(())
    }

    /// Published payouts against their commitments.
    fn openings(&mut self, place: &Place<'_>) -> Result<()> {
        let mut verified = 0;
        for b in self.history.batches.clone() {
            let name = format!("batch {} of {}", b.said.nonce, b.said.node);
            let Some((vector, by)) = &b.data else {
                if b.accumulator == GLOBAL {
                    self.differences.push(format!("{name}: in the global accumulator without its payouts"));
                }
                continue;
            };
            let Some(data) = published(place, *by, &b)? else {
                self.differences.push(format!("{name}: published through another contract: no call shows its opening"));
                continue;
            };
            match opens(place, &b, vector, &data) {
                true => verified += 1,
                false => self.differences.push(format!("{name}: the published payouts are not those under C_pay")),
            }
        }
        self.check("published payouts, opened anew", verified, "proven");
        Ok(())
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

/// Creation code and arguments of a contract, if its first event is of the transaction that made it. Each contract has one such event.
fn creation(chain: &dyn Chain, at: Address, logs: &[Log]) -> Result<Option<Bytes>> {
    let Some(first) = logs.iter().find(|log| log.address == at) else { return Ok(None) };
    let sent = chain.sent(first.transaction)?;
    // an account's nonce is used once, so nothing else was ever made at this address
    let made = sent.to.is_none() && sent.from.create(sent.nonce) == at;
    Ok(made.then_some(sent.input))
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

/// What a batch's event says otherwise than the call.
fn other(b: &Batch, call: &abi::Batch) -> Option<&'static str> {
    let s = &call.statement;
    let fees: Vec<u128> = s.slots.iter().map(|slot| slot.fees).collect();
    let all = [
        ("circuit", call.shape == b.said.shape),
        ("attester", call.attester == b.said.attester),
        ("receipts", s.receipts == b.said.receipts),
        ("commitments", [s.inputs, s.requests, s.deltas] == b.said.commitments),
        ("C_pay", s.payouts == b.said.payouts),
        ("fees", fees == b.said.fees),
    ];
    all.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// The chain's own verifier, asked in an EVM in process as the settlement.
fn verify(place: &Place<'_>, verifier: &Verifier, call: &abi::Batch) -> Result<(), String> {
    let mut evm = Evm::new(place.chain.id());
    for (at, code) in [&verifier.front, &verifier.generated] {
        evm.set_code(*at, code.clone());
    }
    let asked = BatchVerifier::verifyCall { s: call.statement.clone(), p: call.proof.clone() };
    match evm.query(place.settlement, verifier.front.0, asked.abi_encode()) {
        Ok(_) => Ok(()),
        Err(Failed::Reverted(data)) => Err(reason(&data)),
        Err(other) => Err(other.to_string()),
    }
}

/// The data that were published for a batch, if a transaction shows them.
fn published(place: &Place<'_>, by: B256, b: &Batch) -> Result<Option<abi::Data>> {
    let sent = place.chain.sent(by)?;
    if sent.to != Some(place.settlement) {
        return Ok(None);
    }
    let with = Settlement::settleWithDataCall::abi_decode(&sent.input).map(|call| call.data);
    let found = with.or_else(|_| Settlement::promoteCall::abi_decode(&sent.input).map(|call| call.data)).ok();
    let same = |data: &abi::Data| b.data.as_ref().is_some_and(|(v, _)| Some(v.rho()) == numbers::scalar(&data.rho));
    Ok(found.filter(same))
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

fn opens(place: &Place<'_>, b: &Batch, vector: &PayoutVector, data: &abi::Data) -> bool {
    let key = (data.amounts.as_ref(), data.rho);
    let zeta = challenge(place.chain.id(), place.settlement, b.said.node, b.said.nonce, &b.said.payouts, key);
    let (Some(value), Some(proof)) = (vector.evaluate(&zeta), numbers::point(&data.opening)) else { return false };
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
