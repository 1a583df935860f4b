//! `talea audit`: a second implementation recomputes an output folder.

use serde_json::{Value, json};
use talea_audit::{NOT_RECOMPUTED, Report, WITHIN};

use super::print_json;
use crate::{cli::AuditArgs, output::table};

pub fn run(args: &AuditArgs, json: bool) -> anyhow::Result<bool> {
    let bar = indicatif::ProgressBar::new_spinner();
    let mut progress = |name: &str| bar.set_message(format!("tracing {name} again"));
    let report = match args.skip_models {
        true => talea_audit::audit(&args.network, &args.out, None)?,
        false => talea_audit::audit(&args.network, &args.out, Some(&mut progress))?,
    };
    bar.finish_and_clear();
    let accepted = report.findings.is_empty();
    if json {
        print_json(&to_json(&report, args.skip_models));
    } else {
        print(&report, args.skip_models);
    }
    Ok(accepted)
}

fn compared(report: &Report) -> u64 {
    report.compared.iter().map(|c| c.1).sum()
}

/// What was compared within a tolerance, and what was not compared.
fn limits(skipped: bool) -> (&'static [&'static str], Option<&'static str>) {
    if skipped { (&WITHIN[..1], Some(NOT_RECOMPUTED)) } else { (&WITHIN, None) }
}

fn print(report: &Report, skipped: bool) {
    println!(
        "Recomputed from stored integers, bit for bit unless said otherwise: {} values in {} files",
        compared(report),
        files(report)
    );
    let (within, not) = limits(skipped);
    for what in within {
        println!("Within a tolerance: {what}");
    }
    if let Some(not) = not {
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
    println!("REJECTED: {} differences shown", report.findings.len());
}

fn files(report: &Report) -> usize {
    let mut names: Vec<&str> = report.compared.iter().map(|c| c.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn to_json(report: &Report, skipped: bool) -> Value {
    let (within, not) = limits(skipped);
    json!({
        "accepted": report.findings.is_empty(),
        "values_recomputed": compared(report),
        "within_tolerance": within,
        "not_recomputed": not,
        "findings": report.findings.iter().map(|f| json!({ "file": f.file, "field": f.field, "found": f.found, "expected": f.expected })).collect::<Vec<_>>(),
    })
}
