//! `talea audit`: a second implementation recomputes an output folder.

use std::path::Path;

use serde_json::{Value, json};
use talea_audit::{NOT_RECOMPUTED, Report, WITHIN};
use talea_witness::{
    artefact::{load, write_file},
    batch::Batch,
    datanet::Datanet,
    network::{AdapterEntry, Network},
};

use super::{batch::attested, print_json};
use crate::{
    cli::AuditArgs,
    folder::Folder,
    output::{Names, table},
    report::{self, Page, STOPPED},
};

pub fn run(args: &AuditArgs, json: bool) -> anyhow::Result<bool> {
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
