//! The contracts themselves: their code, how they were made, what was chosen for them, and their verifiers.

use ark_bn254::G2Affine;
use ark_ec::AffineRepr as _;
use talea_contracts::{
    Address, B256, Bytes, SolConstructor as _, U256,
    abi::{AttributionRegistry as Registry, BatchVerifier, Settlement},
    compiled::{self, Compiled, Verifies},
    evm::Evm,
};

use super::{Audited, Place, Verifier};
use crate::{Chain, Log, Result, deployment::ask, numbers};

impl Audited {
    /// The code of settlement and registry, and the transactions that made them: another constructor could have stored anything.
    pub(super) fn contracts(&mut self, place: &Place<'_>, logs: &[Log]) -> Result<()> {
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
                Some(_) => {
                    self.differences.push(format!("{name} at {at}: made by another constructor than this program's"));
                }
                None => self.differences.push(format!(
                    "{name} at {at}: its first event is of no transaction that made it, so nothing shows what was stored at first"
                )),
            }
        }
        self.check("contracts made by their own constructors", made, "recomputed");
        self.check("contracts are the ones compiled into this program", same, "recomputed");
        Ok(())
    }

    /// What a constructor was given and what the admin has set: no proof says that it is reasonable.
    pub(super) fn settings(&mut self, place: &Place<'_>) -> Result<()> {
        let (chain, at, registry) = (place.chain, place.settlement, place.registry);
        let delay = u64::try_from(ask(chain, "delay", registry, &Registry::delayCall {})?).unwrap_or(u64::MAX);
        let notice = ask(chain, "notice", at, &Settlement::noticeCall {})?;
        let epoch = ask(chain, "length", at, &Settlement::lengthCall {})?;
        let paused = ask(chain, "paused", at, &Settlement::pausedCall {})?;
        let admin = ask(chain, "defaultAdmin", registry, &Registry::defaultAdminCall {})?;
        let mut attesters = Vec::new();
        for attester in &self.history.attesters {
            if ask(chain, "isAttester", registry, &Registry::isAttesterCall { attester: *attester })? {
                attesters.push(attester.to_string());
            }
        }
        self.chosen.extend([
            ("token", place.token.to_string()),
            ("admin", admin.to_string()),
            ("attesters", attesters.join(", ")),
            ("seconds that changes of verifiers, attesters and policies wait", delay.to_string()),
            ("seconds of notice before a deposit leaves", notice.to_string()),
            ("seconds of an epoch", epoch.to_string()),
            ("settling is paused", paused.settling.to_string()),
            ("claiming is paused", paused.claiming.to_string()),
        ]);
        if notice >= delay {
            self.trusted.push(format!(
                "the admin: a change of verifiers or attesters waits {delay} s, and deposits {notice} s, so payers cannot leave before it"
            ));
        }
        Ok(())
    }

    /// All verifiers that ever were: their code, and that they are of this settlement's reference string, payout slots and statements;
    /// returns those that are ours, by circuit.
    pub(super) fn verifiers(&mut self, place: &Place<'_>, more: &[Compiled]) -> Result<Vec<(B256, Verifier)>> {
        let (mut ours, mut known) = (Vec::new(), 0);
        let domain = ask(place.chain, "domain", place.registry, &Registry::domainCall {})?;
        let (plain, embedded) = (compiled::batch_verifier(), compiled::generated());
        // whichever verifier stands before it
        if embedded.iter().any(|c| holds(c.runtime(), &place.tau)) {
            self.insecure = true;
            self.trusted.push("INSECURE: the reference string is the demonstration's, whose secret is public: whoever knows it forges proofs and payouts".into());
        }
        for (shape, front) in self.history.verifiers.clone().into_iter().filter(|v| v.1 != Address::ZERO) {
            let code = place.chain.code(front)?;
            let other = format!("verifier {front} of circuit {shape}: other code than this program's");
            if !plain.is(&code) {
                self.differences.push(other);
                continue;
            }
            let generated = ask(place.chain, "generated", front, &BatchVerifier::generatedCall {})?;
            let behind = place.chain.code(generated)?;
            let slots = ask(place.chain, "slots", front, &BatchVerifier::slotsCall {})?;
            let proof = ask(place.chain, "proofLength", front, &BatchVerifier::proofLengthCall {})?;
            let cap = ask(place.chain, "gasCap", front, &BatchVerifier::gasCapCall {})?;
            let arguments = BatchVerifier::constructorCall {
                generated_: generated,
                slots_: slots,
                proofLength_: proof,
                gasCap_: cap,
            };
            if made_of(&plain, place.chain.id(), front, (generated, &behind), &arguments).as_deref() != Some(&code[..])
            {
                self.differences.push(other);
                continue;
            }
            let Some(own) = embedded.iter().chain(more).find(|c| c.is(&behind)) else {
                self.differences.push(format!(
                    "the generated verifier {generated} of circuit {shape} is none that is known here: it may accept anything"
                ));
                continue;
            };
            let wrong = unfit(own.verifies.as_ref(), shape, domain, slots, proof);
            match wrong.or_else(|| (!holds(&behind, &place.tau)).then_some("[τ]₂: openings may be forged")) {
                Some(what) => self
                    .differences
                    .push(format!("verifier {generated} of circuit {shape} was made for another {what}")),
                None => known += 1,
            }
            ours.push((shape, Verifier { front: (front, code), generated: (generated, behind) }));
        }
        self.check("generated verifiers are known ones, for this [τ]₂ and these payout slots", known, "recomputed");
        Ok(ours)
    }
}

/// The code that the constructor leaves at this address. Constants stand in code at several places each: what the getters say is what
/// all of them hold only if the whole code is the same.
fn made_of(
    plain: &Compiled, chain: u64, front: Address, (generated, behind): (Address, &Bytes),
    arguments: &BatchVerifier::constructorCall,
) -> Option<Vec<u8>> {
    let mut evm = Evm::new(chain);
    evm.set_code(generated, behind.clone());
    let (own, _) = evm.deploy(Address::ZERO, &plain.code, &arguments.abi_encode()).ok()?;
    let mut code = evm.code(own).to_vec();
    // it knows its own address
    let (own, there) = (own.into_word(), front.into_word());
    let mut at = 0;
    while let Some(found) = code.get(at..).and_then(|rest| rest.windows(32).position(|w| w == own.as_slice())) {
        at += found;
        code.get_mut(at..at + 32)?.copy_from_slice(there.as_slice());
        at += 32;
    }
    Some(code)
}

/// What a verifier was made for otherwise than the settlement has it.
fn unfit(said: Option<&Verifies>, shape: B256, domain: u8, slots: U256, proof: U256) -> Option<&'static str> {
    let Some(said) = said else { return Some("circuit than one that its artefact names") };
    let all = [
        ("circuit", said.circuit == shape),
        ("number of payout slots: amounts go to other slots", said.domain == domain),
        ("number of adapter slots", U256::from(said.slots) == slots),
        ("length of proofs", U256::from(said.proof) == proof),
    ];
    all.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// Is a generated verifier's code for this [τ]₂? The code has two points of G2, the generator and −[τ]₂, so the negative's words say it,
/// but for the generator's own negative.
fn holds(code: &[u8], tau: &G2Affine) -> bool {
    // a compiler leaves out leading zeros
    let words = numbers::words2(&-*tau).map(|w| w.to_be_bytes_trimmed_vec());
    let has = |word: &Vec<u8>| !word.is_empty() && code.windows(word.len()).any(|w| w == word);
    let unit = G2Affine::generator();
    *tau != unit && *tau != -unit && words.iter().all(has)
}

/// Creation code and arguments of a contract, if its first event is of the transaction that made it. Each contract has one such event.
fn creation(chain: &dyn Chain, at: Address, logs: &[Log]) -> Result<Option<Bytes>> {
    let Some(first) = logs.iter().find(|log| log.address == at) else { return Ok(None) };
    let sent = chain.sent(first.transaction)?;
    // an account's nonce is used once, so nothing else was ever made at this address
    let made = sent.to.is_none() && sent.from.create(sent.nonce) == at;
    Ok(made.then_some(sent.input))
}
