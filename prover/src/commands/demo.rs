//! `talea demo`: a whole network folder, end to end.

use std::{collections::HashMap, path::PathBuf, time::Instant};

use serde_json::{Value, json};
use talea_witness::{
    adapter::{
        Lora,
        register::{Tracer, register, reindex},
        report::{ModuleError, compare},
    },
    artefact::{digest, encode, save},
    batch::{Batch, Registered, Role, Traced, bind_receipts, build},
    datanet::{Datanet, Status, without_clusters},
    model::Base,
    network::{AdapterEntry, Network},
    receipts::import::import,
};

use super::{adapter, batch, datanet, print_json, stem, trace::request_stem};
use crate::{
    cli::DemoArgs,
    folder::{Folder, files_below, index_beside, report_beside},
    output::{Names, advance, bar, cluster_name, grouped, print_labels, table},
};

/// One adapter after registration, with what it would be like without clusters.
struct Entry {
    datanet: Datanet,
    registered: Registered,
    unclustered: Registered,
    errors: Vec<ModuleError>,
    golden: usize,
}

pub fn run(args: &DemoArgs, json: bool) -> anyhow::Result<bool> {
    let start = Instant::now();
    let network = Network::open(&args.network)?;
    let base = Base::open(&network.base)?;
    batch::check_requests(&network, &base)?;
    // Everything is read and checked before anything is written.
    let opened: Vec<Opened<'_>> = network.adapters.iter().map(|a| Opened::new(a, &base)).collect::<Result<_, _>>()?;
    let folder = Folder::lock(&args.out)?;
    let mut files = Vec::new();
    let mut entries = Vec::new();
    for o in opened {
        entries.push(register_one(&network, &base, o, &folder, &mut files)?);
    }
    let registered: Vec<&Registered> = entries.iter().map(|e| &e.registered).collect();
    let (mut traced, mut traces) = batch::trace_requests(&network, &base, &registered, None, &folder)?;
    files.append(&mut traces);
    if !network.keys.0.is_empty() {
        let digests: HashMap<&str, [u8; 32]> =
            registered.iter().map(|r| (r.name.as_str(), digest(&encode(&r.adapter)))).collect();
        let receipts = import(&network, &base.digest, |name| Ok(digests[name]), &[])?;
        save(&folder.receipts(), &receipts)?;
        bind_receipts(&receipts, network.domain(), network.node, &registered, &mut traced)?;
        files.push(folder.receipts());
    }
    let result = build(network.chain_id, network.node, &registered, &traced, None)?;
    let sum = save(&folder.batch(), &result)?;
    files.push(folder.batch());
    let unclustered: Vec<&Registered> = entries.iter().map(|e| &e.unclustered).collect();
    let without = build(network.chain_id, network.node, &unclustered, &traced, None)?;
    let inputs: Vec<_> = files_below(&args.network)?.into_iter().map(|f| (args.network.clone(), f)).collect();
    folder.write_manifest(files, &inputs)?;
    let signed = batch::attested(&result, &folder)?;
    let losers = losers(&entries, &result, &without);
    if json {
        let mut doc = batch::to_json(&result, &sum, signed);
        doc["adapters"] = entries.iter().map(entry_json).collect();
        doc["copies_and_filler"] = losers.iter().map(Loser::json).collect();
        print_json(&doc);
    } else {
        print(&network, &entries, &result, &losers, &traced, signed);
        println!(
            "\n{} in {:.1} s; digests in {}",
            folder.path.display(),
            start.elapsed().as_secs_f64(),
            folder.path.join("manifest.json").display()
        );
    }
    Ok(true)
}

/// An adapter of the network, read and checked.
struct Opened<'a> {
    entry: &'a AdapterEntry,
    datanet: Datanet,
    lora: Lora,
}

impl<'a> Opened<'a> {
    fn new(entry: &'a AdapterEntry, base: &Base) -> talea_witness::Result<Self> {
        let datanet = talea_witness::datanet::build(&entry.name, &entry.datanet)?;
        Ok(Self { entry, datanet, lora: Lora::open(&entry.path, base)? })
    }
}

fn register_one(
    network: &Network,
    base: &Base,
    opened: Opened<'_>,
    folder: &Folder,
    files: &mut Vec<PathBuf>,
) -> talea_witness::Result<Entry> {
    let Opened { entry: a, datanet, lora } = opened;
    let tracer = Tracer::new(base, &lora, None)?;
    let progress = bar(format!("registering {}", a.name));
    let (int, index) = register(&a.name, base, &lora, &datanet, &tracer, &folder.path, &mut advance(&progress))?;
    let everyone = reindex(&int, base, &without_clusters(&datanet), &tracer, &mut advance(&progress))?;
    progress.finish_and_clear();
    let golden = golden_files(network, a)?;
    let errors = compare(base, &lora, &int, &golden)?;
    save(&folder.datanet(&a.name), &datanet)?;
    adapter::write(folder, &int, &index, &errors, golden.len())?;
    let path = folder.adapter(&a.name);
    files.extend([folder.datanet(&a.name), index_beside(&path), report_beside(&path), path]);
    let with = |index| Registered { name: a.name.clone(), policy: a.policy.clone(), adapter: int.clone(), index };
    Ok(Entry { registered: with(index), unclustered: with(everyone), datanet, errors, golden: golden.len() })
}

/// The golden traces of an adapter that the network folder holds, if it has a golden/ at all.
fn golden_files(network: &Network, a: &AdapterEntry) -> talea_witness::Result<Vec<PathBuf>> {
    let golden = network.root.join("golden");
    if !golden.exists() {
        return Ok(Vec::new());
    }
    let requests: Vec<String> = network.requests_of(a).map(|q| request_stem(&q.id)).collect();
    let own = |stem: &str| {
        let text = stem.strip_prefix(&format!("contribution-{}-", a.name));
        text.is_some_and(|o| o.parse::<u32>().is_ok()) || requests.iter().any(|r| r == stem)
    };
    Ok(files_below(&golden)?.into_iter().filter(|f| own(&stem(f))).collect())
}

/// A contribution that is no representative, and what its kind is worth with and without clusters.
struct Loser {
    adapter: String,
    ordinal: u32,
    contributor: [u8; 20],
    status: Status,
    earned: u128,
    would: u128,
    /// Without clusters it could not be indexed either, and why.
    unindexed: Option<String>,
}

impl Loser {
    fn json(&self) -> Value {
        json!({
            "adapter": self.adapter, "ordinal": self.ordinal, "contributor": crate::output::checksummed(&self.contributor),
            "verdict": self.status.code(), "evidence": self.status.to_string(),
            "earned": self.earned.to_string(), "would_have_earned_without_clusters": self.would.to_string(),
            "unindexed": self.unindexed,
        })
    }
}

fn losers(entries: &[Entry], batch: &Batch, without: &Batch) -> Vec<Loser> {
    let earned = |b: &Batch, adapter: &str, ordinal: u32| -> u128 {
        let its = |role| role == Role::Contributor { cluster: ordinal };
        b.payouts().iter().filter(|p| p.adapter == adapter && its(p.role)).map(|p| p.amount).sum()
    };
    let mut out = Vec::new();
    for e in entries {
        let adapter = &e.registered.name;
        for (ordinal, c) in (0u32..).zip(&e.datanet.contributions).filter(|(_, c)| c.status != Status::Representative) {
            out.push(Loser {
                adapter: adapter.clone(),
                ordinal,
                contributor: c.contributor,
                status: c.status.clone(),
                earned: earned(batch, adapter, ordinal),
                would: earned(without, adapter, ordinal),
                unindexed: e
                    .unclustered
                    .index
                    .unindexed
                    .iter()
                    .find(|(o, _)| *o == ordinal)
                    .map(|(_, why)| why.to_string()),
            });
        }
    }
    out
}

fn print(network: &Network, entries: &[Entry], result: &Batch, losers: &[Loser], traced: &[Traced], signed: bool) {
    let names = Names::of(network);
    println!(
        "{}: {} adapters on one base, {} requests, {} tokens\n",
        network.root.display(),
        entries.len(),
        traced.len(),
        traced.iter().map(|t| t.trace.tokens.len()).sum::<usize>()
    );
    table(
        ["adapter", "modules", "coordinates", "p", "texts", "clusters", "exact", "near", "filler", "delta error"],
        &[1, 2, 3, 4, 5, 6, 7, 8, 9],
        entries.iter().map(|e| {
            let [clusters, exact, near, rejected] = datanet::tally(&e.datanet);
            let r = &e.registered;
            let n = |x: usize| x.to_string();
            [
                r.name.clone(),
                n(r.adapter.modules.len()),
                n(r.adapter.coordinates()),
                r.policy.power.to_string(),
                n(e.datanet.contributions.len()),
                n(clusters),
                n(exact),
                n(near),
                n(rejected),
                worst(e),
            ]
        }),
    );
    println!(
        "delta error: largest |integer − PEFT's float delta| over the trace's largest delta, worst module of the golden traces\n"
    );
    batch::print(result, &names);
    println!(
        "\nCopies and filler: what they earned, why, and what they would have earned without clusters and quality rule"
    );
    table(
        ["contribution", "contributor", "verdict", "earned", "would have earned", "evidence"],
        &[3, 4],
        losers.iter().map(|l| {
            let would = l.unindexed.as_ref().map_or_else(|| grouped(l.would), |why| format!("0: {why}"));
            [
                cluster_name(&l.adapter, l.ordinal),
                names.show(&l.contributor),
                l.status.code().into(),
                grouped(l.earned),
                would,
                l.status.to_string(),
            ]
        }),
    );
    let lost: u128 = losers.iter().map(|l| l.would).sum();
    println!(
        "Together they earned {}; without clusters and quality rule, {} would have gone to them.",
        grouped(losers.iter().map(|l| l.earned).sum()),
        grouped(lost)
    );
    print_labels(signed);
}

fn worst(e: &Entry) -> String {
    match e.golden {
        0 => "not measured".into(),
        _ => format!("{:.1e}", e.errors.iter().map(|m| m.of_trace).fold(0f64, f64::max)),
    }
}

fn entry_json(e: &Entry) -> Value {
    let [clusters, exact, near, rejected] = datanet::tally(&e.datanet);
    json!({
        "name": e.registered.name, "modules": e.registered.adapter.modules.len(), "coordinates": e.registered.adapter.coordinates(),
        "power": e.registered.policy.power, "contributions": e.datanet.contributions.len(),
        "clusters": clusters, "exact_copies": exact, "near_copies": near, "rejected": rejected,
        "quantisation": adapter::report_json(&e.errors, e.golden),
    })
}
