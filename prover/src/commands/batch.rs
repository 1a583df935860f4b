//! `talea batch build|show`

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use talea_witness::{
    adapter::{
        Lora,
        quantise::{IntAdapter, quantise as requantise},
        register::Tracer,
    },
    artefact::{hex, load, save},
    batch::{Batch, BatchRequest, Registered, Traced, bind_receipts, build, shape::BatchShape},
    bounds::TOKEN_BITS,
    error::Error,
    model::Base,
    network::{AdapterEntry, Network, Request},
    receipts::{Receipts, Signed as _, check, import::request_hash},
    trace::{inputs_of, quantise::quantise},
};

use super::{adapter, datanet, print_json, proof, trace::request_stem, verify};
use crate::{
    cli::BatchCommand,
    device::DeviceArgs,
    folder::Folder,
    output::{
        Names, Trust, bar, by_payee, checksummed, cluster_name, credited, grouped, labels_json, percent, print_labels,
        say, table,
    },
    settling::open_network,
};

pub fn run(command: &BatchCommand, device: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    let (batch, digest, names) = match command {
        BatchCommand::Prove { .. } => return proof::prove(command, device, json),
        BatchCommand::Verify { network, out, srs } => return verify::run(network, out, srs, json),
        BatchCommand::Build { network, out, traces, shape } => {
            let shape = shape.as_deref().map(parse_shape).transpose()?;
            let network = open_network(network, &Folder::at(out))?;
            let base = Base::open(&network.base)?;
            check_requests(&network, &base)?;
            let folder = Folder::lock(out)?;
            let opened: Vec<Registered> =
                network.adapters.iter().map(|a| open(&folder, a, &base)).collect::<Result<_, _>>()?;
            let registered: Vec<&Registered> = opened.iter().collect();
            let mut traced = trace_requests(&network, &base, &registered, traces.as_deref())?;
            if folder.receipts().exists() {
                let (receipts, _) = load::<Receipts>(&folder.receipts())?;
                bind_receipts(&receipts, network.domain(), network.node, &registered, &mut traced)?;
            }
            let batch = build(network.chain_id, network.node, &registered, &traced, shape)?;
            write_traces(&folder, &traced)?;
            let digest = save(&folder.batch(), &batch)?;
            (batch, digest, Names::of(&network))
        }
        BatchCommand::Show { file, network } => {
            let (batch, digest) = load::<Batch>(file)?;
            batch.check(&file.display().to_string())?;
            let names = network.as_deref().map(Network::open).transpose()?.map(|n| Names::of(&n)).unwrap_or_default();
            (batch, digest, names)
        }
    };
    let folder = match command {
        BatchCommand::Show { file, .. } => Folder::at(file.parent().unwrap_or(Path::new(""))),
        BatchCommand::Build { out, .. } | BatchCommand::Prove { out, .. } | BatchCommand::Verify { out, .. } => {
            Folder::at(out)
        }
    };
    let signed = attested(&batch, &folder)?;
    if json {
        print_json(&to_json(&batch, &digest, Trust { receipts: signed, proof: None }));
    } else {
        let node = names.show(&batch.node);
        say(format_args!("Batch   blake3 {}   chain {}   node {node}", hex(&digest), batch.chain_id));
        print(&batch, &names);
        print_labels(Trust { receipts: signed, proof: None });
    }
    Ok(true)
}

fn parse_shape(text: &str) -> talea_witness::Result<BatchShape> {
    let parts: Option<Vec<u32>> = text.split(',').map(|p| p.trim().parse().ok()).collect();
    match parts.as_deref() {
        Some(&[slots, requests, tokens, clusters]) => Ok(BatchShape { slots, requests, tokens, clusters }),
        _ => Err(Error::input("--shape", "sizes", text, "SLOTS,REQUESTS,TOKENS,CLUSTERS")),
    }
}

fn open(folder: &Folder, entry: &AdapterEntry, base: &Base) -> talea_witness::Result<Registered> {
    let path = folder.adapter(&entry.name);
    let (adapter, _, index, _) = adapter::open(&path)?;
    if adapter.base != base.digest {
        return Err(Error::input(
            path.display(),
            "base",
            hex(&adapter.base),
            format!("{}, the network's base model", hex(&base.digest)),
        ));
    }
    let file = folder.datanet(&entry.name);
    let (datanet, digest) = datanet::open(&file)?;
    let rows: Vec<_> = index.rows.iter().map(|r| (r.cluster, r.payee)).collect();
    let unindexed = |o: &u32| index.unindexed.iter().any(|(u, _)| u == o);
    let own: Vec<_> = datanet
        .representatives()
        .filter(|o| !unindexed(o))
        .map(|o| (o, datanet.contributions[o as usize].contributor))
        .collect();
    if index.datanet != digest || rows != own {
        let found = "an index of another Datanet, or other payees";
        return Err(Error::input(file.display(), "index", found, "one row and payee per representative"));
    }
    Ok(Registered { name: entry.name.clone(), policy: entry.policy.clone(), adapter, index })
}

/// Values of one column that an artefact can hold.
const MOST_VALUES: usize = 1 << 29;

/// Refuses requests that the base model cannot be run on.
pub fn check_requests(network: &Network, base: &Base) -> talea_witness::Result<()> {
    let c = &base.config;
    let most = (MOST_VALUES / c.inter.max(c.hidden).max(c.heads * c.head_dim)).min(1 << TOKEN_BITS);
    network.requests.iter().try_for_each(|q| {
        let (name, tokens) = (format!("request {}", q.id), q.tokens());
        if tokens.len() > most {
            return Err(Error::input(name, "tokens", tokens.len(), format!("at most {most} of this base model")));
        }
        base.check_tokens(&name, "tokens", &tokens)
    })
}

/// Traces every request with its adapter; writes nothing.
pub fn trace_requests(
    network: &Network, base: &Base, registered: &[&Registered], captured: Option<&Path>,
) -> talea_witness::Result<Vec<Traced>> {
    let progress = bar("tracing requests".into());
    progress.set_length(network.requests.len() as u64);
    let mut traced: Vec<Option<Traced>> = network.requests.iter().map(|_| None).collect();
    for r in registered {
        let entry = network.adapter(&r.name)?;
        let lora = Lora::open(&entry.path, base)?;
        check_source(entry, &lora, &r.adapter)?;
        let tracer = Tracer::new(base, &lora, captured)?;
        for (place, request) in network.requests.iter().enumerate().filter(|(_, q)| q.adapter == r.name) {
            traced[place] = Some(trace_one(&tracer, &r.adapter, request)?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(traced.into_iter().flatten().collect())
}

/// Writes the integer traces; returns their files.
pub fn write_traces(folder: &Folder, traced: &[Traced]) -> talea_witness::Result<Vec<PathBuf>> {
    let write = |t: &Traced| {
        let path = folder.trace(&t.request.id);
        save(&path, &t.trace).map(|_| path)
    };
    Ok(traced.iter().map(write).collect::<Result<_, _>>()?)
}

fn trace_one(tracer: &Tracer<'_>, adapter: &IntAdapter, request: &Request) -> talea_witness::Result<Traced> {
    let tokens = request.tokens();
    let float = tracer.trace(&request_stem(&request.id), &tokens)?;
    Ok(Traced { request: request.clone(), trace: quantise(&request.id, &float, &adapter.inputs), receipt: [0; 32] })
}

/// The PEFT folder must still be the one that was registered, and the artefact must be what it quantises to.
fn check_source(entry: &AdapterEntry, lora: &Lora, adapter: &IntAdapter) -> talea_witness::Result<()> {
    let inputs: Vec<_> = adapter.inputs.iter().map(|(t, _)| t.clone()).collect();
    let same = || requantise(&adapter.name, adapter.base, lora, adapter.inputs.clone()) == *adapter;
    if lora.sources == adapter.sources && inputs == inputs_of(&lora.modules) && same() {
        return Ok(());
    }
    Err(Error::input(entry.path.display(), "files", "other contents", "those that were registered as this adapter"))
}

/// Are all of the batch's fees attested? Only if the folder's receipts are there, every signature counts, and each
/// request's digest is that of a receipt about it, from this chain and node.
pub fn attested(batch: &Batch, folder: &Folder) -> talea_witness::Result<bool> {
    if !folder.receipts().exists() {
        return Ok(false);
    }
    let (receipts, _) = load::<Receipts>(&folder.receipts())?;
    let about = |q: &BatchRequest| {
        receipts.receipts.iter().any(|s| {
            let r = &s.receipt;
            s.id == q.id
                && r.request_id == request_hash(&q.id)
                && r.fee == q.fee
                && r.node == batch.node
                && r.adapter == batch.adapter_of(q).adapter
                && u64::from(r.prompt_tokens) + u64::from(r.completion_tokens) == u64::from(q.tokens)
                && r.digest(&receipts.domain).0 == q.receipt
        })
    };
    let sound = receipts.domain.chain_id == batch.chain_id && check(&receipts).is_ok();
    Ok(sound && !batch.requests.is_empty() && batch.requests.iter().all(about))
}

/// Requests, payouts and totals.
pub fn print(batch: &Batch, names: &Names) {
    let s = batch.shape;
    println!(
        "shape {} slots × {} requests × {} tokens, {} clusters; {} slots in use\n",
        s.slots,
        s.requests,
        s.tokens,
        s.clusters,
        batch.slots.len()
    );
    println!("Requests: whom each credits most (amounts in token base units)");
    table(
        ["request", "tokens", "credited cluster", "its contributor", "share", "fee", "contributors' pool"],
        &[1, 4, 5, 6],
        batch.requests.iter().map(|q| {
            let a = batch.adapter_of(q);
            let (cluster, payee, share) = match credited(&q.ranks) {
                Some(k) => {
                    let (ordinal, payee) = &a.clusters[k];
                    (
                        cluster_name(&a.name, *ordinal),
                        names.show(payee),
                        format!("{:.2} %", share_of(q, k, a.policy.power)),
                    )
                }
                None => (format!("{} — none", a.name), "sink".into(), "–".into()),
            };
            [
                q.id.chars().take(12).collect(),
                q.tokens.to_string(),
                cluster,
                payee,
                share,
                grouped(q.fee),
                grouped(q.pool),
            ]
        }),
    );
    println!("\nPayouts per payee and role");
    let mut total = 0u128;
    let mut rows = Vec::new();
    let mut payees: Vec<_> = by_payee(batch).into_iter().map(|(payee, parts)| (names.show(&payee), parts)).collect();
    payees.sort();
    for (payee, parts) in payees {
        for (i, ((role, adapter), amount)) in parts.iter().enumerate() {
            total += amount;
            let who = if i == 0 { payee.clone() } else { String::new() };
            rows.push([who, role.to_string(), adapter.clone(), grouped(*amount)]);
        }
    }
    table(["payee", "role", "adapter", "amount"], &[3], rows);
    let dust: u128 = batch.slots.iter().map(|s| s.dust).sum();
    println!("\nΣ payouts {} (of which {} is rounding or unattributed, to the sink)", grouped(total), grouped(dust));
    println!("Σ fees    {}   difference {}", grouped(batch.fees()), grouped(batch.fees().abs_diff(total)));
}

/// A row's share of a request's pool, in per cent.
fn share_of(q: &BatchRequest, k: usize, power: u8) -> f64 {
    percent(u128::from(q.ranks[k]).pow(u32::from(power)), q.total)
}

/// The batch as JSON; amounts are decimal strings.
pub fn to_json(batch: &Batch, digest: &[u8; 32], trust: Trust) -> Value {
    let s = batch.shape;
    let payouts: Vec<_> = by_payee(batch)
        .into_iter()
        .flat_map(|(payee, parts)| {
            parts.into_iter().map(move |((role, adapter), amount)| {
                json!({ "payee": checksummed(&payee), "role": role, "adapter": adapter, "amount": amount.to_string() })
            })
        })
        .collect();
    let total: u128 = batch.payouts().iter().map(|p| p.amount).sum();
    json!({
        "blake3": hex(digest),
        "chain_id": batch.chain_id,
        "node": checksummed(&batch.node),
        "shape": { "slots": s.slots, "requests": s.requests, "tokens": s.tokens, "clusters": s.clusters },
        "requests": batch.requests.iter().map(|q| request_json(batch, q)).collect::<Vec<_>>(),
        "payouts": payouts,
        "total_paid": total.to_string(),
        "total_fees": batch.fees().to_string(),
        "labels": labels_json(trust),
    })
}

fn request_json(batch: &Batch, q: &BatchRequest) -> Value {
    let a = batch.adapter_of(q);
    let credits: Vec<_> = (0..q.ranks.len())
        .filter(|k| q.ranks[*k] > 0)
        .map(|k| json!({ "cluster": a.clusters[k].0, "payee": checksummed(&a.clusters[k].1), "rank": q.ranks[k], "share_percent": share_of(q, k, a.policy.power) }))
        .collect();
    json!({
        "id": q.id, "adapter": a.name, "slot": q.slot, "first": q.first, "span": q.span, "tokens": q.tokens,
        "fee": q.fee.to_string(), "pool": q.pool.to_string(), "quotient": q.quotient.to_string(),
        "kappa": q.kappa, "total_weight": q.total.to_string(), "power": a.policy.power,
        "credited": credited(&q.ranks).map(|k| a.clusters[k].0),
        "credits": credits,
        "trace_blake3": hex(&q.trace),
        "receipt": (q.receipt != [0; 32]).then(|| format!("0x{}", hex(&q.receipt))),
    })
}
