//! From artefacts to calls of the contracts, and back: registration, batches, published payouts, claims.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use talea_chain::{
    Chain,
    audit::challenge,
    deployment::{Adapter, Deployment, Steps, ask},
    history::{GLOBAL, History},
    numbers,
};
use talea_circuits::Fr;
use talea_claims::{challenge::open_challenge, domain::Domain, points::SlotPoints, vector::PayoutVector};
use talea_contracts::{
    Address, B256, Bytes, SolCall as _, SolError as _, U256,
    abi::{self, AttributionRegistry, Settlement, TestToken},
    convert,
};
use talea_formats::{
    proof::{AdapterSizes, BatchStatement, Commitment, Payouts, WrappedProof},
    receipts::Receipts,
};
use talea_srs::Srs;
use talea_witness::{Result, artefact::load, batch::Batch, error::Error, network::Network};

use crate::{
    folder::{Folder, commitment_beside},
    proving::{self, Registry},
};

/// The contracts that a folder's batches are for; none until they are deployed.
pub fn deployment(folder: &Folder) -> Result<Option<Deployment>> {
    let path = folder.deployment();
    if path.exists() { Ok(Some(Deployment::open(&path, None)?)) } else { Ok(None) }
}

/// Opens a network for a folder: the deployed contract is what receipts and statements are made out to.
pub fn open_network(network: &Path, folder: &Folder) -> Result<Network> {
    let mut opened = Network::open(network)?;
    if let Some(d) = deployment(folder)? {
        let path = folder.deployment();
        if d.chain != opened.chain_id {
            return Err(Error::input(path.display(), "chain", d.chain, opened.chain_id));
        }
        if opened.contract != Address::ZERO && opened.contract != d.settlement {
            return Err(Error::input(path.display(), "settlement", d.settlement, opened.contract));
        }
        opened.contract = d.settlement;
    }
    Ok(opened)
}

/// Payout slots of a network's adapters: those that a chain has assigned, or those that one would.
pub fn registry(network: &Network, folder: &Folder, sizes: &[AdapterSizes], ids: &[[u8; 32]]) -> Result<Registry> {
    match deployment(folder)? {
        Some(d) => Registry::deployed(&folder.deployment(), &d, ids, network),
        None => Ok(Registry::of(sizes, network)),
    }
}

/// A number of a file: little-endian.
fn word(bytes: &[u8]) -> U256 {
    U256::from_le_slice(bytes)
}

/// What the registry is told of a network's adapters: largest ranges first, as payout slots follow from the network.
pub fn registrations(network: &Network, folder: &Folder, batch: &Batch) -> Result<Vec<Adapter>> {
    let mut all = Vec::new();
    for (a, own) in network.adapters.iter().zip(&batch.adapters) {
        let file = commitment_beside(&folder.adapter(&a.name));
        let (commitment, _) = load::<Commitment>(&file)?;
        let points = proving::points(&file, "points", &commitment.points)?;
        let digest = proving::bytes(&proving::adapter_digest(&commitment.sizes, &points));
        let size = proving::adapter_shape(&commitment.sizes).slots();
        let policy = proving::policy(&a.policy);
        let r = &a.policy.roles;
        let payees =
            own.clusters.iter().map(|c| c.1).chain([r.adapter_owner.1, r.base_owner.1, r.treasury.1, a.policy.sink]);
        let registration = AttributionRegistry::NewAdapter {
            id: commitment.adapter.into(),
            model: B256::ZERO,
            // the id holds the curator, who is known when it is registered
            datanet: B256::ZERO,
            digest: word(&digest),
            owner: r.adapter_owner.1.into(),
            clusters: own.clusters.len() as u32,
            policy: AttributionRegistry::Policy { power: policy.power, bps: policy.bps },
        };
        let (name, datanet) = (a.name.clone(), datanet_name(&a.name));
        all.push((size, Adapter { name, datanet, registration, payees: payees.map(Address::from).collect() }));
    }
    all.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    Ok(all.into_iter().map(|(_, a)| a).collect())
}

/// What a Datanet is called on a chain: keccak-256 of its name.
fn datanet_name(name: &str) -> B256 {
    talea_contracts::keccak256(name)
}

/// Mints a development token for all payers of these receipts and deposits what their vouchers of the batch need.
pub fn deposit(steps: &mut Steps<'_>, to: &Deployment, receipts: &Receipts) -> anyhow::Result<()> {
    let mut due: BTreeMap<Address, u128> = BTreeMap::new();
    for r in &receipts.receipts {
        *due.entry(r.receipt.payer.into()).or_default() += r.receipt.fee;
    }
    let sum: u128 = due.values().sum();
    let (sender, node) = (steps.chain.sender()?, receipts.receipts.first().map(|r| Address::from(r.receipt.node)));
    let of = node.map(|n| n.to_string()).unwrap_or_default();
    let (token, amount) = (to.token, U256::from(sum));
    steps.call(format!("mint for payers of {of}"), token, &TestToken::mintCall { to: sender, amount })?;
    let call = TestToken::approveCall { spender: to.settlement, value: amount };
    steps.call(format!("approve for payers of {of}"), token, &call)?;
    for (payer, amount) in due {
        let call = Settlement::depositCall { payer, amount };
        steps.call(format!("deposit of {payer} for {of}"), to.settlement, &call)?;
    }
    Ok(())
}

/// A batch as the settlement takes it: vouchers pay what the batch's receipts say, payer by payer and adapter by adapter.
pub fn batch(file: &Path, wrapped: &WrappedProof, receipts: &Receipts) -> Result<abi::Batch> {
    let bad = |field: &str, found: &str, expected: &str| Error::input(file.display(), field, found, expected);
    let s = &wrapped.statement;
    let Some(signed) = &wrapped.attestation else {
        return Err(bad("attestation", "none", "the attester's signature: no batch settles without"));
    };
    if receipts.domain.chain_id != s.chain_id || receipts.domain.contract != s.contract {
        return Err(bad("contract", "another than the receipts'", "the one that payers signed for"));
    }
    let mut fees: BTreeMap<([u8; 20], [u8; 32]), u128> = BTreeMap::new();
    for r in &receipts.receipts {
        *fees.entry((r.receipt.payer, r.receipt.adapter)).or_default() += r.receipt.fee;
    }
    let redemption = |((payer, adapter), amount): (([u8; 20], [u8; 32]), u128)| {
        let own = |v: &&talea_formats::receipts::SignedVoucher| {
            (v.voucher.payer, v.voucher.node, v.voucher.adapter) == (payer, s.node, adapter)
        };
        let v =
            receipts.vouchers.iter().find(own).ok_or_else(|| bad("receipts", "no voucher", "one for each payer"))?;
        Ok(abi::Redemption {
            payer: payer.into(),
            adapter: adapter.into(),
            cumulative: v.voucher.cumulative,
            timestamp: v.voucher.timestamp,
            nonce: v.voucher.nonce,
            amount,
            signature: v.signature.to_vec().into(),
        })
    };
    Ok(abi::Batch {
        shape: wrapped.circuit.into(),
        statement: convert::statement(s)?,
        proof: convert::proof(wrapped)?,
        attester: signed.attester.into(),
        attestation: signed.signature.to_vec().into(),
        redemptions: fees.into_iter().filter(|f| f.1 > 0).map(redemption).collect::<Result<_>>()?,
    })
}

/// The payouts of a file as a vector.
pub fn vector(file: &Path, p: &Payouts) -> anyhow::Result<PayoutVector> {
    let mut vector = PayoutVector::new(Domain::new(p.domain)?, proving::scalar(file, "rho", &p.rho)?);
    for (slot, amount) in &p.amounts {
        vector.credit(*slot, *amount)?;
    }
    Ok(vector)
}

/// A batch's payouts as the settlement takes them, with the opening that shows them.
pub fn data(file: &Path, s: &BatchStatement, payouts: &Payouts, srs: &Srs) -> anyhow::Result<abi::Data> {
    if (payouts.node, payouts.nonce, payouts.payouts) != (s.node, s.nonce, s.payouts) {
        let expected = "those of the batch that is settled";
        return Err(Error::input(file.display(), "batch", "another batch's payouts", expected).into());
    }
    let vector = vector(file, payouts)?;
    let (amounts, rho) = (vector.encode(), numbers::number(&vector.rho()));
    let (x, y) = s.payouts.split_at(32);
    let point = [word(x), word(y)];
    let zeta: Fr = challenge(s.chain_id, s.contract.into(), s.node.into(), s.nonce, &point, (&amounts, rho));
    let (_, opening) = open_challenge(srs, &vector, &zeta)?;
    Ok(abi::Data { amounts: amounts.into(), rho, opening: numbers::words(&opening) })
}

/// Openings of what slots have earned in an accumulator up to the end of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Version of this file.
    pub version: u32,
    /// EIP-155 chain id.
    pub chain: u64,
    /// The settlement.
    pub settlement: Address,
    /// A node, or zeros.
    pub accumulator: Address,
    /// A closed epoch.
    pub epoch: u32,
    /// The accumulator's value at its end.
    pub value: [U256; 2],
    /// Slots that have earned something, ascending.
    pub claims: Vec<Claim>,
}

/// What one slot has earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The slot.
    pub slot: u32,
    /// Its payee when this was written.
    pub payee: Address,
    /// All that it has earned, in base units.
    #[serde(with = "decimal")]
    pub cumulative: u128,
    /// Opening of the accumulator at the slot.
    pub opening: [U256; 2],
}

/// Version of the claims' file.
pub const CLAIMS: u32 = 1;

/// Amounts as decimal strings: JSON's numbers are too small for them.
mod decimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(x: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(x)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// All openings of an accumulator at the last epoch that is over. `more` are payouts that are not on the chain.
pub fn claims(
    chain: &dyn Chain, to: &Deployment, srs: &Srs, cache: &Path, accumulator: Address,
    more: &[(std::path::PathBuf, Payouts)],
) -> anyhow::Result<Claims> {
    let domain = Domain::new(u32::from(to.domain))?;
    let mut history = History::new(domain);
    history.read(to.registry, to.settlement, &chain.logs(&[to.registry, to.settlement], to.block)?);
    let now = ask(chain, "currentEpoch", to.settlement, &Settlement::currentEpochCall {})?;
    let name = if accumulator == GLOBAL {
        "the global accumulator".into()
    } else {
        format!("the accumulator of {accumulator}")
    };
    let none = |found: &str, expected: &str| Error::input("chain", &name, found, expected);
    let closed = now.checked_sub(1).ok_or_else(|| none("no epoch that is over", "one"))?;
    let epoch = history
        .last_change(accumulator, closed)
        .ok_or_else(|| none(&format!("nothing settled before epoch {now}"), "a batch in an epoch that is over"))?;
    let mut known = BTreeMap::new();
    for (file, payouts) in more {
        known.insert((Address::from(payouts.node), payouts.nonce), vector(file, payouts)?);
    }
    let vector = history
        .vector(accumulator, epoch, &known)
        .ok_or_else(|| none("a batch whose payouts are not known", "its payouts, with --payouts FILE"))?;
    let points = SlotPoints::prepare(cache, srs, domain, &vector.slots())?;
    let value = history.value(accumulator, epoch);
    if points.commit(&vector)? != value {
        return Err(
            none("another value than these payouts'", "payouts of its batches, under this reference string").into()
        );
    }
    let claim = |o: talea_claims::open::Opening| {
        let payee = history.payees.get(&o.slot).copied().unwrap_or_default();
        Claim { slot: o.slot, payee, cumulative: o.amount, opening: numbers::words(&o.proof) }
    };
    Ok(Claims {
        version: CLAIMS,
        chain: chain.id(),
        settlement: to.settlement,
        accumulator,
        epoch,
        value: numbers::words(&value),
        claims: points.open_all(&vector)?.into_iter().map(claim).collect(),
    })
}

/// Slots that one transaction pays at most.
pub const TOGETHER: usize = 64;

/// Those of these claims that have something to be paid, and what.
pub fn open_claims<'c>(
    chain: &dyn Chain, all: &'c Claims, wanted: impl Fn(&Claim) -> bool,
) -> anyhow::Result<Vec<(&'c Claim, u128)>> {
    let mut open = Vec::new();
    for claim in all.claims.iter().filter(|c| wanted(c)) {
        let call = Settlement::claimedOfCall { accumulator: all.accumulator, slot: claim.slot };
        let paid = ask(chain, "claimedOf", all.settlement, &call)?;
        if let Some(amount) = claim.cumulative.checked_sub(paid).filter(|a| *a > 0) {
            open.push((claim, amount));
        }
    }
    Ok(open)
}

/// Claims slots, each in a transaction or many in one; returns those that somebody else claimed first.
pub fn claim(steps: &mut Steps<'_>, all: &Claims, slots: &[&Claim], singly: bool) -> anyhow::Result<Vec<u32>> {
    let mut others = Vec::new();
    let (accumulator, epoch, value) = (all.accumulator, all.epoch, all.value);
    for part in slots.chunks(if singly { 1 } else { TOGETHER }) {
        let data: Bytes = match part {
            [c] => {
                let (slot, cumulative, opening) = (c.slot, c.cumulative, c.opening);
                Settlement::claimCall { accumulator, epoch, value, slot, cumulative, opening }.abi_encode().into()
            }
            _ => {
                let claims = part
                    .iter()
                    .map(|c| abi::SlotClaim { slot: c.slot, cumulative: c.cumulative, opening: c.opening })
                    .collect();
                Settlement::claimManyCall { accumulator, epoch, value, claims }.abi_encode().into()
            }
        };
        // as often as it is earned anew a slot is claimed again: the data tell one from another
        let short = &talea_contracts::keccak256(&data).to_string()[2..10];
        let slots = match part {
            [one] => format!("slot {}", one.slot),
            _ => format!("{} slots from {}", part.len(), part[0].slot),
        };
        match steps.take(format!("claim {slots} ({short})"), Some(all.settlement), data) {
            // anybody may claim for a payee: who was faster has paid it
            Err(talea_chain::Error::Reverted { data, .. }) if paid_already(&data) && paid(steps.chain, all, part)? => {
                others.extend(part.iter().map(|c| c.slot));
            }
            done => {
                done?;
            }
        }
    }
    Ok(others)
}

/// Does a settlement refuse because there is nothing left to be paid?
fn paid_already(why: &[u8]) -> bool {
    [Settlement::NothingToClaim::SELECTOR, Settlement::NoClaims::SELECTOR].iter().any(|s| why.starts_with(s))
}

/// Are all of these slots paid what they have earned?
fn paid(chain: &dyn Chain, all: &Claims, slots: &[&Claim]) -> anyhow::Result<bool> {
    Ok(open_claims(chain, all, |c| slots.iter().any(|s| s.slot == c.slot))?.is_empty())
}
