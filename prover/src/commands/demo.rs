//! `talea demo`: a whole network folder, end to end.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use serde_json::{Value, json};
use talea_circuits::{opening::PairingKey, relations::Key};
use talea_gpu::cuda::Best;
use talea_srs::Srs;
use talea_witness::{
    adapter::{
        Lora,
        register::{Tracer, register, reindex},
        report::{ModuleError, compare},
    },
    artefact::{digest, encode, save, write_file},
    batch::{Batch, Registered, Role, Traced, bind_receipts, build},
    bounds::CLUSTER_BITS,
    datanet::{Datanet, Status, without_clusters},
    error::{Error, read},
    model::Base,
    network::{AdapterEntry, Network, Request},
    receipts::import::import,
};

use super::{adapter, batch, commit, datanet, demo_chain::OnChain, print_json, proof, stem, trace::request_stem, wrap};
use crate::{
    cli::DemoArgs,
    device::DeviceArgs,
    folder::{Folder, commitment_beside, files_below, index_beside, report_beside, salts_beside},
    output::{Names, Trust, advance, bar, cluster_name, grouped, print_labels, table},
    proving::{self, Registry},
    wrapping,
};

/// One adapter after registration, with what it would be like without clusters.
struct Entry {
    datanet: Datanet,
    registered: Registered,
    /// None where there are more texts than an index may have rows.
    unclustered: Option<Registered>,
    errors: Vec<ModuleError>,
    golden: usize,
    /// PEFT files and golden traces that were read.
    inputs: Vec<PathBuf>,
}

pub fn run(args: &DemoArgs, device: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    let start = Instant::now();
    let device = Arc::new(device.open()?);
    let mut network = Network::open(&args.network)?;
    let base = Base::open(&network.base)?;
    batch::check_requests(&network, &base)?;
    // Everything is read and checked before anything is written.
    let opened: Vec<Opened<'_>> = network.adapters.iter().map(|a| Opened::new(a, &base)).collect::<Result<_, _>>()?;
    let folder = Folder::lock(&args.out)?;
    forget(&folder.deployment())?;
    let mut files = Vec::new();
    let mut entries = Vec::new();
    for o in opened {
        entries.push(register_one(&network, &base, o, &folder, &mut files)?);
    }
    let registered: Vec<&Registered> = entries.iter().map(|e| &e.registered).collect();
    let mut traced = batch::trace_requests(&network, &base, &registered, None)?;
    let unpaid = build(network.chain_id, network.node, &registered, &traced, None)?;
    let srs = if args.no_proof { None } else { Some(reference_string(args, &network, &registered, &unpaid)?) };
    if let Some(srs) = &srs {
        commit_all(&folder, &registered, srs, &mut files)?;
    }
    let keys = keys_folder(args);
    let job = wrap::Job { keys: &keys, layout: &args.layout, known: args.srs.is_none(), device: &device };
    let settles = !args.no_wrap && !args.no_settle && network.attester.is_some() && !network.keys.0.is_empty();
    let mut unsettled = false;
    let mut chain =
        srs.as_ref().filter(|_| settles).map(|srs| OnChain::open(args, &network, &folder, srs)).transpose()?;
    if let Some(chain) = &mut chain {
        save(&folder.batch(), &unpaid)?;
        match chain.deploy(&network, &folder, &job, base.digest)? {
            Some(settlement) => network.contract = settlement,
            None => unsettled = true,
        }
    }
    let mut chain = chain.filter(|_| !unsettled);
    if chain.is_some() {
        files.push(folder.deployment());
    }
    if !network.keys.0.is_empty() {
        let digests: HashMap<&str, [u8; 32]> =
            registered.iter().map(|r| (r.name.as_str(), digest(&encode(&r.adapter)))).collect();
        let receipts = import(&network, &base.digest, |name| Ok(digests[name]), None)?;
        save(&folder.receipts(), &receipts)?;
        bind_receipts(&receipts, network.domain(), network.node, &registered, &mut traced)?;
        files.push(folder.receipts());
    }
    let result = build(network.chain_id, network.node, &registered, &traced, None)?;
    files.extend(batch::write_traces(&folder, &traced)?);
    let sum = save(&folder.batch(), &result)?;
    files.push(folder.batch());
    let unclustered: Option<Vec<&Registered>> = entries.iter().map(|e| e.unclustered.as_ref()).collect();
    let without = unclustered.map(|all| build(network.chain_id, network.node, &all, &traced, None)).transpose()?;
    let proven = srs.as_ref().map(|srs| prove(&network, &folder, srs, &device, &mut files)).transpose()?;
    let wrapped = srs.as_ref().filter(|_| !args.no_wrap).map(|srs| wrap::prove(&folder, srs, &job)).transpose()?;
    if wrapped.is_some() {
        files.push(folder.wrapped());
    }
    let settled = match &mut chain {
        Some(chain) => {
            let second = second(&network, &base, &folder, &registered, &traced, &result)?;
            if let Some((network, folder)) = &second {
                prove(network, folder, chain.srs, &device, &mut Vec::new())?;
                wrap::prove(folder, chain.srs, &job)?;
            }
            Some(chain.settle(&folder, second.as_ref().map(|s| &s.1))?)
        }
        None => None,
    };
    let mut inputs = network.files.clone();
    inputs.extend(base.files());
    inputs.extend(entries.iter_mut().flat_map(|e| std::mem::take(&mut e.inputs)));
    folder.write_manifest(files, &network.root, inputs)?;
    let mut trust = Trust { receipts: batch::attested(&result, &folder)?, proof: None };
    if let Some(proven) = &proven {
        trust = proof::trust_of(&network, &proven.file.statement, proven.file.attestation.as_ref());
    }
    let losers = losers(&entries, &result, without.as_ref());
    if json {
        let mut doc = batch::to_json(&result, &sum, trust);
        doc["adapters"] = entries.iter().map(entry_json).collect();
        doc["copies_and_filler"] = losers.iter().map(Loser::json).collect();
        if let Some((proven, srs)) = proven.as_ref().zip(srs.as_ref()) {
            doc["proof"] = proof::facts(proven, srs, trust);
        }
        if let Some((wrapped, srs)) = wrapped.as_ref().zip(srs.as_ref()) {
            doc["wrap"] = wrap::facts(wrapped, srs, trust);
        }
        if let Some(settled) = &settled {
            doc["settlement"] = settled.json();
        }
        doc["seconds"] = start.elapsed().as_secs_f64().into();
        doc["peak_kib"] = json!(super::bench::peak_kib());
        print_json(&doc);
    } else {
        print(&network, &entries, &result, &losers, &traced);
        if let Some((proven, srs)) = proven.as_ref().zip(srs.as_ref()) {
            proof::print(proven, &folder.proof(), srs);
        }
        if let Some((wrapped, srs)) = wrapped.as_ref().zip(srs.as_ref()) {
            wrap::print(wrapped, &folder.wrapped(), &keys, srs);
            println!("Of this demonstration it hides nothing: its salts come from a public seed.");
        }
        if let Some(settled) = &settled {
            settled.print(&Names::of(&network));
        } else if unsettled {
            println!("Not settled: the verifier of this shape and reference string is not compiled into this program.");
        }
        print_labels(trust);
        println!(
            "\n{} in {:.1} s; digests in {}",
            folder.path.display(),
            start.elapsed().as_secs_f64(),
            folder.path.join("manifest.json").display()
        );
    }
    Ok(settled.is_none_or(|s| s.agrees()))
}

/// The one given, or a marked one for development that is just large enough.
fn reference_string(
    args: &DemoArgs, network: &Network, registered: &[&Registered], batch: &Batch,
) -> talea_witness::Result<Srs> {
    if let Some(file) = &args.srs {
        return Ok(Srs::open(file)?.0);
    }
    debug_assert_eq!(network.adapters.len(), registered.len());
    let sizes: Vec<_> = registered.iter().map(|r| proving::adapter_sizes(&r.adapter, r.index.rows.len())).collect();
    let sizes = proving::batch_sizes(batch, &sizes, Registry::of(&sizes, network).domain, true);
    let k = proof::powers_needed(&sizes) as u32;
    if args.no_wrap {
        return Ok(Srs::dev(k, &[], DEMO)?);
    }
    // the circuit decides how many points its wrap needs, and it knows τ
    let tau = Srs::dev(0, &[], DEMO)?.tau;
    let key = Key::new(proving::shape(&sizes), &PairingKey { tau })
        .map_err(|e| Error::input("batch.talea", "shape", e, "one that can be proven"))?;
    let rows = wrapping::circuit(&key, wrapping::plan(&args.layout)?)?.k();
    Ok(Srs::dev(k.max(rows), &[rows], DEMO)?)
}

/// What the demonstration's reference string is hashed from.
const DEMO: &str = "talea demo";

/// Where the wrap's keys are.
fn keys_folder(args: &DemoArgs) -> PathBuf {
    let beside = || args.out.parent().unwrap_or(Path::new("")).join("keys");
    args.keys.clone().unwrap_or_else(beside)
}

/// Where the demonstration's salts come from: public, so that two runs write the same bytes. A demonstration hides nothing.
const SEED: &[u8; 32] = b"the seed of talea demo is public";

/// Commits to the adapters.
fn commit_all(folder: &Folder, registered: &[&Registered], srs: &Srs, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for r in registered {
        commit::commit(folder, &r.adapter, &r.index, srs, SEED)?;
        let path = folder.adapter(&r.name);
        files.extend([commitment_beside(&path), salts_beside(&path)]);
    }
    Ok(())
}

/// Proves a folder's batch.
fn prove(
    network: &Network, folder: &Folder, srs: &Srs, device: &Best, files: &mut Vec<PathBuf>,
) -> anyhow::Result<proof::Proven> {
    let job = proof::Job { srs, nonce: 0, deltas: true, seed: Some(*SEED), device };
    let proven = proof::run(network, folder, &job)?;
    files.extend([folder.proof(), folder.payouts()]);
    Ok(proven)
}

/// Removes what an earlier run left, if it did.
fn forget(path: &Path) -> talea_witness::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, e)),
        _ => Ok(()),
    }
}

/// Of the second node's requests every so many of the first one's.
const AGAIN: usize = 4;

/// A second node, of which some of the requests are asked again: its batch, in a folder of its own below the first one's. None where
/// the network has one node.
fn second(
    network: &Network, base: &Base, folder: &Folder, registered: &[&Registered], traced: &[Traced], first: &Batch,
) -> anyhow::Result<Option<(Network, Folder)>> {
    let Some(node) = network.nodes.get(1) else { return Ok(None) };
    let own = Folder::lock(&folder.path.join("second"))?;
    let mut asked = Vec::new();
    for t in traced.iter().step_by(AGAIN) {
        let request = Request { id: format!("{}-again", t.request.id), ..t.request.clone() };
        asked.push(Traced { request, trace: t.trace.clone(), receipt: [0; 32] });
    }
    let again = Network { node: *node, requests: asked.iter().map(|t| t.request.clone()).collect(), ..network.clone() };
    for r in registered {
        let (from, to) = (folder.adapter(&r.name), own.adapter(&r.name));
        for beside in [|p: &Path| p.to_path_buf(), index_beside, commitment_beside, salts_beside] {
            write_file(&beside(&to), &read(&beside(&from))?)?;
        }
    }
    write_file(&own.deployment(), &read(&folder.deployment())?)?;
    let digests: HashMap<&str, [u8; 32]> =
        registered.iter().map(|r| (r.name.as_str(), digest(&encode(&r.adapter)))).collect();
    let receipts = import(&again, &base.digest, |name| Ok(digests[name]), None)?;
    save(&own.receipts(), &receipts)?;
    bind_receipts(&receipts, again.domain(), again.node, registered, &mut asked)?;
    let batch = build(again.chain_id, again.node, registered, &asked, Some(first.shape))?;
    batch::write_traces(&own, &asked)?;
    save(&own.batch(), &batch)?;
    Ok(Some((again, own)))
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
    network: &Network, base: &Base, opened: Opened<'_>, folder: &Folder, files: &mut Vec<PathBuf>,
) -> talea_witness::Result<Entry> {
    let Opened { entry: a, datanet, lora } = opened;
    let tracer = Tracer::new(base, &lora, None)?;
    let progress = bar(format!("registering {}", a.name));
    let (int, index) = register(&a.name, base, &lora, &datanet, &tracer, &folder.path, &mut advance(&progress))?;
    let everyone = match datanet.contributions.len() <= 1 << CLUSTER_BITS {
        true => Some(reindex(&int, base, &without_clusters(&datanet), &tracer, &mut advance(&progress))?),
        false => None,
    };
    progress.finish_and_clear();
    let golden = golden_files(network, a)?;
    let errors = compare(base, &lora, &int, &golden)?;
    let sources = lora.sources.iter().map(|(name, _)| a.path.join(name));
    let inputs = golden.iter().cloned().chain(sources).collect();
    save(&folder.datanet(&a.name), &datanet)?;
    adapter::write(folder, &int, &index, &errors, golden.len())?;
    let path = folder.adapter(&a.name);
    files.extend([folder.datanet(&a.name), index_beside(&path), report_beside(&path), path]);
    let with = |index| Registered { name: a.name.clone(), policy: a.policy.clone(), adapter: int.clone(), index };
    Ok(Entry {
        registered: with(index),
        unclustered: everyone.map(with),
        datanet,
        errors,
        golden: golden.len(),
        inputs,
    })
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
    /// None where it was not computed: more texts than an index may have rows.
    would: Option<u128>,
    /// Without clusters it could not be indexed either, and why.
    unindexed: Option<String>,
}

impl Loser {
    fn json(&self) -> Value {
        json!({
            "adapter": self.adapter, "ordinal": self.ordinal, "contributor": crate::output::checksummed(&self.contributor),
            "verdict": self.status.code(), "evidence": self.status.to_string(),
            "earned": self.earned.to_string(), "would_have_earned_without_clusters": self.would.map(|w| w.to_string()),
            "unindexed": self.unindexed,
        })
    }
}

fn losers(entries: &[Entry], batch: &Batch, without: Option<&Batch>) -> Vec<Loser> {
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
                would: without.map(|b| earned(b, adapter, ordinal)),
                unindexed: e.unclustered.as_ref().and_then(|u| {
                    u.index.unindexed.iter().find(|(o, _)| *o == ordinal).map(|(_, why)| why.to_string())
                }),
            });
        }
    }
    out
}

fn print(network: &Network, entries: &[Entry], result: &Batch, losers: &[Loser], traced: &[Traced]) {
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
            let would = match (&l.unindexed, l.would) {
                (Some(why), _) => format!("0: {why}"),
                (None, Some(would)) => grouped(would),
                (None, None) => "not computed".into(),
            };
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
    let earned = grouped(losers.iter().map(|l| l.earned).sum());
    match losers.iter().map(|l| l.would).sum::<Option<u128>>() {
        Some(lost) => println!(
            "Together they earned {earned}; without clusters and quality rule, {} would have gone to them.",
            grouped(lost)
        ),
        None => println!(
            "Together they earned {earned}; the comparison was left out: without clusters a Datanet has more texts than an index has rows."
        ),
    }
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
        "quantisation": adapter::report_json(&digest(&encode(&e.registered.adapter)), &e.errors, e.golden),
    })
}
