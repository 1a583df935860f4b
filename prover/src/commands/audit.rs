//! `talea audit`: a second implementation recomputes an output folder.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use talea_audit::{NOT_RECOMPUTED, Report, WITHIN};
use talea_chain::{
    Chain as _,
    audit::{Audited, Known, earned},
    deployment::Deployment,
    history::Batch as Settled,
    rpc::Rpc,
};
use talea_contracts::{Address, convert};
use talea_formats::proof::WrappedProof;
use talea_witness::{
    artefact::{load, write_file},
    batch::Batch,
    datanet::Datanet,
    error::Error,
    network::{AdapterEntry, Network},
};

use super::{
    batch::attested,
    chain::{address, artifact},
    print_json,
};
use crate::{
    cli::AuditArgs,
    folder::Folder,
    output::{Names, say, table},
    report::{self, Page, STOPPED},
};

pub fn run(args: &AuditArgs, json: bool) -> anyhow::Result<bool> {
    if let Some(url) = &args.rpc {
        return on_chain(args, url, json);
    }
    let bar = indicatif::ProgressBar::new_spinner();
    let mut progress = |name: &str| bar.set_message(format!("tracing {name} again"));
    let report = match args.skip_models {
        true => talea_audit::audit(&args.network, &args.out, None)?,
        false => talea_audit::audit(&args.network, &args.out, Some(&mut progress))?,
    };
    bar.finish_and_clear();
    let accepted = report.findings.is_empty() && report.complete;
    if let Some(file) = &args.report {
        write_page(args, &report, file)?;
    }
    if json {
        print_json(&to_json(&report, args.skip_models));
    } else {
        print(&report, args.skip_models);
    }
    Ok(accepted)
}

/// Audits a settlement from what the chain says alone.
fn on_chain(args: &AuditArgs, url: &str, json: bool) -> anyhow::Result<bool> {
    let chain = Rpc::open(url)?;
    let (settlement, from) = match (&args.deployment, &args.settlement) {
        (Some(file), _) => {
            let found = Deployment::open(file, Some(chain.id()))?;
            (found.settlement, found.block)
        }
        (None, Some(text)) => (address("--settlement", text)?, args.from),
        (None, None) => {
            return Err(Error::input("--rpc", "settlement", "none", "--settlement ADDRESS or --deployment FILE").into());
        }
    };
    let verifiers = args.verifier.iter().map(|file| artifact(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let shown = |file: &PathBuf| {
        let (wrapped, _) = load::<WrappedProof>(file)?;
        anyhow::Ok((convert::statement(&wrapped.statement)?, convert::proof(&wrapped)?))
    };
    let batches = args.wrapped.iter().map(shown).collect::<anyhow::Result<Vec<_>>>()?;
    let known = Known { verifiers: &verifiers, batches: &batches };
    let found = talea_chain::audit::audit(&chain, settlement, from, &known)?;
    if json {
        print_json(&chain_json(&found));
    } else {
        print_chain(&found);
    }
    Ok(found.differences.is_empty())
}

/// What a chain's audit found, as JSON.
pub fn chain_json(a: &Audited) -> Value {
    let batch = |b: &Settled| {
        json!({
            "node": b.said.node, "nonce": b.said.nonce, "accumulator": b.accumulator, "epoch": b.said.epoch,
            "fees": b.total.to_string(), "public": b.data.is_some(), "transaction": b.settled_by,
        })
    };
    let payee = |(who, (earned, paid)): (Address, (u128, u128))| json!({ "payee": who, "earned": earned.to_string(), "paid": paid.to_string() });
    json!({
        "accepted": a.differences.is_empty(), "insecure": a.insecure, "block": a.block, "epoch": a.epoch, "differences": a.differences,
        "checks": a.checks.iter().map(|c| json!({ "what": c.what, "count": c.count, "label": c.label })).collect::<Vec<_>>(),
        "chosen": a.chosen.iter().map(|(what, value)| json!({ "what": what, "value": value })).collect::<Vec<_>>(),
        "trusted": a.trusted,
        "batches": a.history.batches.iter().map(batch).collect::<Vec<_>>(),
        "payees": earned(&a.history).into_iter().map(payee).collect::<Vec<_>>(),
    })
}

/// The same as text.
pub fn print_chain(a: &Audited) {
    let said = match (a.differences.is_empty(), a.insecure) {
        (true, false) => "AGREES",
        (true, true) => "AGREES, INSECURE",
        (false, _) => "DIFFERENT",
    };
    say(format_args!("\n{said}   the chain's history up to block {}, recomputed from it alone", a.block));
    table(
        ["checked", "how many", "how it is known"],
        &[1],
        a.checks.iter().map(|c| [c.what.into(), c.count.to_string(), c.label.into()]),
    );
    table(["chosen by whoever deployed and by the admin", ""], &[], a.chosen.iter().map(|c| [c.0.into(), c.1.clone()]));
    for what in &a.trusted {
        println!("taken on trust: {what}");
    }
    for what in &a.differences {
        eprintln!("DIFFERENT: {what}");
    }
}

/// Writes the HTML page; what cannot be read is a finding already and is left out.
fn write_page(args: &AuditArgs, report: &Report, file: &Path) -> anyhow::Result<()> {
    let network = Network::open(&args.network)?;
    let folder = Folder::at(&args.out);
    let name = folder.batch().display().to_string();
    let batch = load::<Batch>(&folder.batch()).ok().filter(|(batch, _)| batch.check(&name).is_ok());
    let read = |a: &AdapterEntry| load::<Datanet>(&folder.datanet(&a.name)).ok().map(|(datanet, _)| datanet);
    let [within, skipped] = limits(args.skip_models);
    let page = Page {
        network: args.network.display().to_string(),
        report,
        within,
        skipped,
        signed: batch.as_ref().is_some_and(|(b, _)| attested(b, &folder).unwrap_or(false)),
        batch: batch.as_ref().map(|(batch, digest)| (batch, *digest)),
        datanets: &network.adapters.iter().filter_map(read).collect::<Vec<_>>(),
        names: &Names::of(&network),
    };
    Ok(write_file(file, report::page(&page).as_bytes())?)
}

fn compared(report: &Report) -> u64 {
    report.compared.iter().map(|c| c.1).sum()
}

/// What was compared within a tolerance, and what was not compared.
fn limits(skipped: bool) -> [&'static [&'static str]; 2] {
    if skipped { [&WITHIN[..1], &NOT_RECOMPUTED] } else { [&WITHIN, &NOT_RECOMPUTED[..1]] }
}

fn print(report: &Report, skipped: bool) {
    println!(
        "Recomputed from stored integers, bit for bit unless said otherwise: {} values in {} files",
        compared(report),
        files(report)
    );
    let [within, not] = limits(skipped);
    for what in within {
        println!("Within a tolerance: {what}");
    }
    for not in not {
        println!("Not recomputed, so taken as declared: {not}");
    }
    if report.findings.is_empty() {
        return println!("Accepted: every recomputed value is as stored.");
    }
    table(
        ["file", "field", "found", "expected"],
        &[],
        report.findings.iter().map(|f| [f.file.clone(), f.field.clone(), f.found.clone(), f.expected.clone()]),
    );
    if !report.complete {
        println!("{STOPPED}");
    }
    println!("REJECTED: {} differences shown", report.findings.len());
}

fn files(report: &Report) -> usize {
    let mut names: Vec<&str> = report.compared.iter().map(|c| c.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn to_json(report: &Report, skipped: bool) -> Value {
    let [within, not] = limits(skipped);
    json!({
        "accepted": report.findings.is_empty(),
        "values_recomputed": compared(report),
        "within_tolerance": within,
        "not_recomputed": not,
        "complete": report.complete,
        "findings": report.findings.iter().map(|f| json!({ "file": f.file, "field": f.field, "found": f.found, "expected": f.expected })).collect::<Vec<_>>(),
    })
}
