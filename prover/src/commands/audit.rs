//! `talea audit`: a second implementation recomputes an output folder.

use serde_json::{Value, json};
use talea_audit::{NOT_RECOMPUTED, Report, WITHIN};

use super::print_json;
use crate::{cli::AuditArgs, output::table};

pub fn run(args: &AuditArgs, json: bool) -> anyhow::Result<bool> {
    let report = talea_audit::audit(&args.network, &args.out)?;
    let accepted = report.findings.is_empty();
    if json {
        print_json(&to_json(&report));
    } else {
        print(&report);
    }
    Ok(accepted)
}

fn compared(report: &Report) -> u64 {
    report.compared.iter().map(|c| c.1).sum()
}

fn print(report: &Report) {
    println!(
        "Recomputed from stored integers, bit for bit unless said otherwise: {} values in {} files",
        compared(report),
        files(report)
    );
    println!("Among them within a tolerance: {WITHIN}");
    println!("Not recomputed, so taken as declared: {}", NOT_RECOMPUTED.join("; "));
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

fn to_json(report: &Report) -> Value {
    json!({
        "accepted": report.findings.is_empty(),
        "values_recomputed": compared(report),
        "within_tolerance": WITHIN,
        "not_recomputed": NOT_RECOMPUTED,
        "findings": report.findings.iter().map(|f| json!({ "file": f.file, "field": f.field, "found": f.found, "expected": f.expected })).collect::<Vec<_>>(),
    })
}
