//! `talea deploy`, `talea settle`, `talea claims`, `talea claim`: what a folder holds, on a chain.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};
use talea_chain::{
    Chain,
    deployment::{self, Costs, Deployment, Plan, Shape, Steps, ask},
    history::GLOBAL,
    key::Place,
    numbers,
    rpc::{Patience, Rpc},
};
use talea_circuits::{
    relations::Key,
    wrap::{keys::Circuit, proof::length, solidity::source},
};
use talea_contracts::{
    Address, U112, U256,
    abi::{self, Settlement},
    compiled::{self, Compiled},
};
use talea_formats::proof::{AdapterSizes, Commitment, Payouts, ProvenSizes, WrappedProof};
use talea_gpu::cuda::Best;
use talea_srs::Srs;
use talea_witness::{
    artefact::load,
    batch::Batch,
    error::{Error, read},
    network::Network,
    receipts::Receipts,
};

use super::{commit::open_commitment, print_json, wrap};
use crate::{
    cli::chain::{ClaimArgs, ClaimsCommand, DeployArgs, RpcArgs, SettleArgs},
    folder::{Folder, commitment_beside, write_json},
    output::{grouped, say, table},
    proving::{self, Registry},
    settling::{self, CLAIMS, Claims},
    wrapping::{self, pairing},
};

/// A chain's node and the account that sends through it.
fn chain(args: &RpcArgs, folder: &Folder) -> anyhow::Result<Rpc> {
    let place = match &args.keystore {
        Some(file) => Place::Keystore { file: file.clone(), password: args.password_file.clone() },
        None => Place::Environment,
    };
    let key = place.read()?;
    let most = u128::from(args.max_fee) * 1_000_000_000;
    let patience = Patience { depth: args.depth.max(1), most, ..Patience::default() };
    Ok(Rpc::open(&args.rpc)?.with_account(key, &folder.journal(), patience)?)
}

/// An address of an option.
pub fn address(option: &str, text: &str) -> talea_witness::Result<Address> {
    text.parse().map_err(|_| Error::input(option, "address", text, "0x and 40 hexadecimal digits"))
}

/// The deployment of a folder.
fn deployed(folder: &Folder, chain: &dyn Chain) -> anyhow::Result<Deployment> {
    Ok(Deployment::open(&folder.deployment(), Some(chain.id()))?)
}

/// Sizes of the proof that a folder's batch will have, and the sizes of all the network's adapters.
pub fn sizes(network: &Network, folder: &Folder, srs: &Srs, deltas: bool) -> anyhow::Result<(Batch, ProvenSizes)> {
    let (batch, _) = load::<Batch>(&folder.batch())?;
    batch.check(&folder.batch().display().to_string())?;
    let commitment = |a: &talea_witness::network::AdapterEntry| -> talea_witness::Result<Commitment> {
        open_commitment(&commitment_beside(&folder.adapter(&a.name)), srs)
    };
    let sizes: Vec<AdapterSizes> =
        network.adapters.iter().map(|a| Ok(commitment(a)?.sizes)).collect::<talea_witness::Result<_>>()?;
    let domain = Registry::of(&sizes, network).domain;
    let proven = proving::batch_sizes(&batch, &sizes, domain, deltas);
    Ok((batch, proven))
}

/// What a network is to be deployed with.
pub struct Wanted<'w> {
    /// The network.
    pub network: &'w Network,
    /// Its output folder.
    pub folder: &'w Folder,
    /// Its batch.
    pub batch: &'w Batch,
    /// The circuit of the batch's wrap.
    pub circuit: &'w Circuit,
    /// Bytes of the wrap's proofs.
    pub length: usize,
    /// The generated contract.
    pub generated: &'w Compiled,
    /// [τ]₂.
    pub srs: &'w Srs,
    /// log₂ of the payout slots.
    pub domain: u8,
    /// The base model.
    pub model: [u8; 32],
}

/// Seconds of what waits.
pub struct Times {
    /// Of an epoch.
    pub epoch: u64,
    /// Of a change of a verifier, an attester or a policy.
    pub delay: u64,
    /// Of a withdrawal.
    pub notice: u64,
}

/// Deploys contracts and registers a network, or goes on where that stopped.
pub fn deploy_network(
    steps: &mut Steps<'_>, wanted: &Wanted<'_>, token: Option<Address>, times: &Times,
) -> anyhow::Result<Deployment> {
    let n = wanted.network;
    let plan = Plan {
        token,
        delay: times.delay,
        notice: times.notice,
        epoch: times.epoch,
        domain: wanted.domain,
        tau: numbers::words2(&wanted.srs.tau),
        shapes: vec![Shape {
            digest: wanted.circuit.digest,
            slots: wanted.batch.slots.len(),
            length: wanted.length,
            generated: wanted.generated,
        }],
        attesters: n.attester.into_iter().collect(),
    };
    let mut done = deployment::deploy(steps, &plan)?;
    let mut adapters = settling::registrations(n, wanted.folder, wanted.batch)?;
    adapters.iter_mut().for_each(|a| a.registration.model = wanted.model.into());
    let nodes = n.nodes.clone();
    deployment::register(steps, &mut done, wanted.model.into(), &adapters, &nodes)?;
    done.save(&wanted.folder.deployment())?;
    Ok(done)
}

/// `talea deploy`
pub fn deploy(args: &DeployArgs, json: bool) -> anyhow::Result<bool> {
    let network = Network::open(&args.network)?;
    let base = talea_witness::model::Base::open(&network.base)?;
    let (srs, _) = Srs::open(&args.srs)?;
    let folder = Folder::lock(&args.out)?;
    let token = args.token.as_deref().map(|t| address("--token", t)).transpose()?;
    let chain = chain(&args.chain, &folder)?;
    if chain.id() != network.chain_id {
        return Err(Error::input("--rpc", "chain", chain.id(), format!("{}, the network's", network.chain_id)).into());
    }
    let (batch, sizes) = sizes(&network, &folder, &srs, true)?;
    let key = Key::new(proving::shape(&sizes), &pairing(&srs))
        .map_err(|e| Error::input("batch.talea", "shape", e, "one that can be proven"))?;
    let circuit = wrapping::circuit(&key, wrapping::plan(&args.layout)?)?;
    // nothing is proven here
    let device = Arc::new(Best::Cpu(None));
    let job = wrap::Job { keys: &args.keys, layout: &args.layout, known: false, device: &device };
    let (source, length) = verifier(&srs, &key, &circuit, &job)?;
    let generated = match &args.verifier {
        Some(file) => given(file, &source)?,
        None => embedded(&source)?,
    };
    let wanted = Wanted {
        network: &network,
        folder: &folder,
        batch: &batch,
        circuit: &circuit,
        length,
        generated: &generated,
        srs: &srs,
        domain: sizes.domain as u8,
        model: base.digest,
    };
    let times = Times { epoch: args.epoch, delay: args.delay, notice: args.notice };
    let mut steps = Steps::new(&chain);
    let done = deploy_network(&mut steps, &wanted, token, &times)?;
    if json {
        print_json(&json!({ "deployment": done, "gas": costs_json(&steps.costs) }));
    } else {
        print_costs(&steps.costs);
        say(format_args!("settlement {} on chain {}, {}", done.settlement, done.chain, folder.deployment().display()));
        println!(
            "The account {} is admin and registrar. Proofs and receipts of this folder are made out to the settlement from now on.",
            chain.sender()?
        );
    }
    Ok(true)
}

/// The source of the contract that verifies a circuit's proofs, and their length.
pub fn verifier(srs: &Srs, key: &Key, circuit: &Circuit, job: &wrap::Job<'_>) -> anyhow::Result<(String, usize)> {
    let made = wrap::keys_of(srs, key, circuit, job.keys, false, job.known)?;
    let params = wrapping::params(srs, circuit.k())?;
    let verifying = made.keys.verifying();
    Ok((source(&params, verifying, circuit), length(verifying, &params)))
}

/// The compiled contract in this program.
pub fn embedded(source: &str) -> talea_witness::Result<Compiled> {
    compiled::of_source(source).ok_or_else(|| {
        let expected = "one of the demonstration's, or --verifier FILE";
        Error::input("verifier", "source", "a shape and reference string that this program has no code for", expected)
    })
}

/// A compiled contract of a file.
pub fn artifact(file: &Path) -> anyhow::Result<Compiled> {
    let bad = |e: serde_json::Error| {
        Error::input(file.display(), format!("line {}", e.line()), e, "an artifact of `contracts build`")
    };
    Ok(serde_json::from_slice(&read(file)?).map_err(bad)?)
}

/// The same, which must be that of this source.
fn given(file: &Path, source: &str) -> anyhow::Result<Compiled> {
    let found = artifact(file)?;
    if found.sources != compiled::digest(&[("", source)]) {
        let expected = "the source that the keys give";
        return Err(Error::input(file.display(), "sources", found.sources, expected).into());
    }
    Ok(found)
}

/// Settles a folder's batch; says what it was told.
pub fn settle_batch(
    steps: &mut Steps<'_>, to: &Deployment, folder: &Folder, srs: Option<&Srs>,
) -> anyhow::Result<WrappedProof> {
    let path = folder.wrapped();
    let (wrapped, _) = load::<WrappedProof>(&path)?;
    let s = &wrapped.statement;
    if s.contract != to.settlement.into_array() || s.chain_id != to.chain {
        let (found, expected) = (Address::from(s.contract), format!("{} of deployment.json", to.settlement));
        return Err(Error::input(path.display(), "contract", found, expected).into());
    }
    let (receipts, _) = load::<Receipts>(&folder.receipts())?;
    let batch = settling::batch(&path, &wrapped, &receipts)?;
    let name = format!("batch {} of {}", s.nonce, Address::from(s.node));
    match srs {
        None => steps.call(format!("settle {name}"), to.settlement, &Settlement::settleCall { batch })?,
        Some(srs) => {
            let data = data(folder, &wrapped, srs)?;
            let call = Settlement::settleWithDataCall { batch, data };
            steps.call(format!("settle {name} with data"), to.settlement, &call)?
        }
    };
    Ok(wrapped)
}

/// The payouts of a folder's batch, as the settlement takes them.
fn data(folder: &Folder, wrapped: &WrappedProof, srs: &Srs) -> anyhow::Result<abi::Data> {
    let path = folder.payouts();
    let (payouts, _) = load::<Payouts>(&path)?;
    settling::data(&path, &wrapped.statement, &payouts, srs)
}

/// Publishes the payouts of a folder's batch that was settled without them.
pub fn promote(steps: &mut Steps<'_>, to: &Deployment, folder: &Folder, srs: &Srs) -> anyhow::Result<WrappedProof> {
    let (wrapped, _) = load::<WrappedProof>(&folder.wrapped())?;
    let s = talea_contracts::convert::statement(&wrapped.statement)?;
    let total: u128 = s.slots.iter().map(|slot| slot.fees).sum();
    let batch = abi::PromotedBatch { node: s.node, nonce: s.nonce, payouts: s.payouts, total: U112::from(total) };
    let name = format!("promote batch {} of {}", s.nonce, s.node);
    let data = data(folder, &wrapped, srs)?;
    steps.call(name, to.settlement, &Settlement::promoteCall { batch, data })?;
    Ok(wrapped)
}

/// `talea settle`
pub fn settle(args: &SettleArgs, json: bool) -> anyhow::Result<bool> {
    let folder = Folder::lock(&args.out)?;
    let srs = args.srs.as_deref().map(Srs::open).transpose()?.map(|opened| opened.0);
    let chain = chain(&args.chain, &folder)?;
    let to = deployed(&folder, &chain)?;
    let mut steps = Steps::new(&chain);
    let done = match (args.promote, &srs) {
        (true, Some(srs)) => promote(&mut steps, &to, &folder, srs)?,
        _ => settle_batch(&mut steps, &to, &folder, srs.as_ref().filter(|_| args.with_data))?,
    };
    let s = &done.statement;
    let global = args.promote || args.with_data;
    if json {
        print_json(&json!({
            "node": Address::from(s.node), "nonce": s.nonce, "global": global, "gas": costs_json(&steps.costs),
        }));
    } else {
        print_costs(&steps.costs);
        let whose =
            if global { "everybody's accumulator; its payouts are public" } else { "the node's own accumulator" };
        say(format_args!("batch {} of {} is settled, in {whose}", s.nonce, Address::from(s.node)));
    }
    Ok(true)
}

/// `talea claims …`
pub fn claims(command: &ClaimsCommand, json: bool) -> anyhow::Result<bool> {
    let ClaimsCommand::Prove { out, srs, rpc, accumulator, payouts } = command;
    let folder = Folder::lock(out)?;
    let (srs, _) = Srs::open(srs)?;
    let chain = Rpc::open(rpc)?;
    let to = deployed(&folder, &chain)?;
    let accumulator = accumulator.as_deref().map(|a| address("--accumulator", a)).transpose()?.unwrap_or(GLOBAL);
    let more = payouts
        .iter()
        .map(|file| Ok((file.clone(), load::<Payouts>(file)?.0)))
        .collect::<talea_witness::Result<Vec<_>>>()?;
    let found = settling::claims(&chain, &to, &srs, &folder.path, accumulator, &more)?;
    write_json(&folder.claims(), &serde_json::to_value(&found)?)?;
    let open = settling::open_claims(&chain, &found, |_| true)?;
    if json {
        let one = |(c, amount): &(&settling::Claim, u128)| json!({ "slot": c.slot, "payee": c.payee, "amount": amount.to_string() });
        print_json(&json!({ "claims": found, "open": open.iter().map(one).collect::<Vec<_>>() }));
    } else {
        table(
            ["slot", "payee", "earned", "to be claimed"],
            &[0, 2, 3],
            found.claims.iter().map(|c| {
                let amount = open.iter().find(|o| o.0.slot == c.slot).map_or(0, |o| o.1);
                [c.slot.to_string(), c.payee.to_string(), grouped(c.cumulative), grouped(amount)]
            }),
        );
        say(format_args!("openings at the end of epoch {}: {}", found.epoch, folder.claims().display()));
    }
    Ok(true)
}

/// `talea claim`
pub fn claim(args: &ClaimArgs, json: bool) -> anyhow::Result<bool> {
    let folder = Folder::lock(&args.out)?;
    let payee = args.payee.as_deref().map(|a| address("--payee", a)).transpose()?;
    let chain = chain(&args.chain, &folder)?;
    let to = deployed(&folder, &chain)?;
    let path = folder.claims();
    let all: Claims = serde_json::from_slice(&read(&path)?).map_err(|e| {
        Error::input(path.display(), format!("line {}", e.line()), e, "claims that `claims prove` wrote")
    })?;
    if (all.version, all.chain, all.settlement) != (CLAIMS, to.chain, to.settlement) {
        let expected = format!("version {CLAIMS}, chain {}, settlement {}", to.chain, to.settlement);
        return Err(Error::input(path.display(), "settlement", "another version, chain or settlement", expected).into());
    }
    let mut wanted = Vec::new();
    for claim in &all.claims {
        let call = abi::AttributionRegistry::payeeOfCall { slot: claim.slot };
        let now = ask(&chain, "payeeOf", to.registry, &call)?;
        if payee.is_none_or(|p| p == now) && (args.slot.is_empty() || args.slot.contains(&claim.slot)) {
            wanted.push(claim.slot);
        }
    }
    let mut open = settling::open_claims(&chain, &all, |c| wanted.contains(&c.slot))?;
    let slots: Vec<&settling::Claim> = open.iter().map(|o| o.0).collect();
    let mut steps = Steps::new(&chain);
    let others = settling::claim(&mut steps, &all, &slots, args.singly)?;
    open.retain(|o| !others.contains(&o.0.slot));
    let slots: Vec<&settling::Claim> = open.iter().map(|o| o.0).collect();
    let sum: u128 = open.iter().map(|o| o.1).sum();
    if json {
        print_json(
            &json!({ "slots": slots.iter().map(|c| c.slot).collect::<Vec<_>>(), "paid": sum.to_string(), "gas": costs_json(&steps.costs) }),
        );
    } else {
        print_costs(&steps.costs);
        say(format_args!("{} slots were paid {} base units", slots.len(), grouped(sum)));
    }
    Ok(true)
}

/// Gas of steps as JSON.
pub fn costs_json(costs: &Costs) -> Value {
    costs.iter().map(|(what, gas)| json!({ "step": what, "gas": gas })).collect()
}

/// Gas of steps as a table.
pub fn print_costs(costs: &Costs) {
    table(["step", "gas"], &[1], costs.iter().map(|(what, gas)| [what.clone(), grouped(u128::from(*gas))]));
}

/// A token's balance.
pub fn balance(chain: &dyn Chain, to: &Deployment, of: Address) -> anyhow::Result<U256> {
    Ok(ask(chain, "balanceOf", to.token, &abi::TestToken::balanceOfCall { account: of })?)
}
