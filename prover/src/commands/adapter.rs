//! `talea adapter register|show`

use std::path::Path;

use serde_json::{Value, json};
use talea_srs::Srs;
use talea_witness::{
    adapter::{
        Lora,
        quantise::IntAdapter,
        register::{Tracer, register},
        report::{ModuleError, compare},
    },
    artefact::{hex, load, save},
    error::{Error, parse_json, read_text},
    influence::index::Index,
    model::Base,
    network::check_name,
};

use super::{commit, datanet, print_json, stem};
use crate::{
    cli::AdapterCommand,
    folder::{Folder, index_beside, report_beside, write_json},
    output::{Names, advance, bar, say, table},
};

pub fn run(command: &AdapterCommand, json: bool) -> anyhow::Result<bool> {
    let file = match command {
        AdapterCommand::Register { base, adapter, datanet, name, out, traces, golden, srs, seed } => {
            let name = name.clone().unwrap_or_else(|| stem(adapter));
            check_name(adapter, "--name", &name)?;
            let base = Base::open(base)?;
            let lora = Lora::open(adapter, &base)?;
            let (datanet, _) = datanet::open(datanet)?;
            let folder = Folder::lock(out)?;
            let tracer = Tracer::new(&base, &lora, traces.as_deref())?;
            let progress = bar(format!("tracing {name}"));
            let (adapter, index) =
                register(&name, &base, &lora, &datanet, &tracer, &folder.path, &mut advance(&progress))?;
            progress.finish_and_clear();
            let errors = compare(&base, &lora, &adapter, golden)?;
            let secret = seed.as_deref().map(|file| commit::secret(Some(file))).transpose()?;
            let srs = srs.as_deref().map(Srs::open).transpose()?;
            write(&folder, &adapter, &index, &errors, golden.len())?;
            if let Some((srs, _)) = srs {
                let seed = secret.map_or_else(|| commit::secret(None), Ok)?;
                commit::commit(&folder, &adapter, &index, &srs, &seed)?;
            }
            folder.adapter(&name)
        }
        AdapterCommand::Show { file } => file.clone(),
    };
    show(&file, json)?;
    Ok(true)
}

/// Writes a registration's three files; the index last, because it names the adapter's digest.
pub fn write(
    folder: &Folder, adapter: &IntAdapter, index: &Index, errors: &[ModuleError], traces: usize,
) -> talea_witness::Result<()> {
    let path = folder.adapter(&adapter.name);
    let digest = save(&path, adapter)?;
    write_json(&report_beside(&path), &report_json(&digest, errors, traces))?;
    save(&index_beside(&path), index)?;
    Ok(())
}

/// Reads an adapter and the index beside it, which must name it.
pub fn open(path: &Path) -> talea_witness::Result<(IntAdapter, [u8; 32], Index, [u8; 32])> {
    let (adapter, digest) = load::<IntAdapter>(path)?;
    adapter.check(&path.display().to_string())?;
    let beside = index_beside(path);
    let (index, index_digest) = load::<Index>(&beside)?;
    index.check(&beside.display().to_string(), adapter.coordinates())?;
    if index.adapter != digest {
        return Err(Error::input(
            beside.display(),
            "adapter",
            hex(&index.adapter),
            format!("{}, the digest of {}", hex(&digest), path.display()),
        ));
    }
    Ok((adapter, digest, index, index_digest))
}

fn show(path: &Path, json: bool) -> anyhow::Result<()> {
    let (adapter, digest, index, index_digest) = open(path)?;
    let beside = report_beside(path);
    let report: Option<Value> = match beside.exists() {
        true => Some(parse_json(&beside, &read_text(&beside)?)?),
        false => None,
    };
    if let Some(other) = report.as_ref().map(|r: &Value| &r["adapter"]).filter(|a| **a != hex(&digest)) {
        return Err(Error::input(beside.display(), "adapter", other, format!("\"{}\"", hex(&digest))).into());
    }
    if json {
        print_json(&to_json(&adapter, &digest, &index, &index_digest, report.as_ref()));
        return Ok(());
    }
    say(format_args!("Adapter {}   blake3 {}", adapter.name, hex(&digest)));
    for (name, sum) in &adapter.sources {
        say(format_args!("  from {name} {}", hex(sum)));
    }
    println!(
        "  base {}\n  {} modules, {} coordinates",
        hex(&adapter.base),
        adapter.modules.len(),
        adapter.coordinates()
    );
    table(
        ["module", "rank", "d_in", "d_out", "σ_A", "σ_B", "e"],
        &[1, 2, 3, 4, 5, 6],
        adapter.modules.iter().map(|m| {
            let e = adapter.inputs[m.input as usize].1;
            [
                m.path.clone(),
                m.rank.to_string(),
                m.d_in.to_string(),
                m.d_out.to_string(),
                format!("{:.4e}", m.sigma_a),
                format!("{:.4e}", m.sigma_b),
                e.to_string(),
            ]
        }),
    );
    println!(
        "\nIndex   blake3 {}   {} rows, σ_H {:.4e} — declared: to be attested by the registrar",
        hex(&index_digest),
        index.rows.len(),
        index.sigma_h
    );
    let names = Names::default();
    table(
        ["cluster", "payee", "E"],
        &[0, 2],
        index.rows.iter().map(|r| [format!("#{}", r.cluster), names.show(&r.payee), r.exponent.to_string()]),
    );
    for (ordinal, why) in &index.unindexed {
        println!("  #{ordinal} has no row: {} ({why})", why.code());
    }
    match report {
        Some(r) => print_report(&r),
        None => println!("\nNo quantisation report beside it."),
    }
    Ok(())
}

/// The quantisation report as JSON.
pub fn report_json(adapter: &[u8; 32], errors: &[ModuleError], traces: usize) -> Value {
    json!({
        "adapter": hex(adapter),
        "against": "lora_delta of PEFT, in golden traces",
        "traces": traces,
        "goal": 1e-3,
        "modules": errors.iter().map(|e| json!({
            "module": e.path, "rows": e.rows, "largest_delta": e.largest_delta,
            "error_of_trace": e.of_trace,
            "error_of_row": { "p50": e.of_row[0], "p90": e.of_row[1], "p99": e.of_row[2], "max": e.of_row[3] },
        })).collect::<Vec<_>>(),
    })
}

fn print_report(report: &Value) {
    if report["traces"] == 0 {
        return println!("\nNo golden traces were given: the error against PEFT was not measured.");
    }
    say(format_args!("\nError of the integer delta against PEFT's float delta, over {} traces", report["traces"]));
    println!(
        "  of trace: max|error| / max|delta| of the trace (goal 1e-3); of row: the same within one token, over rows"
    );
    let f = |v: &Value| v.as_f64().map_or("–".into(), |x| format!("{x:.2e}"));
    let modules = report["modules"].as_array().cloned().unwrap_or_default();
    table(
        ["module", "rows", "max|delta|", "of trace", "row p50", "row p90", "row p99", "row max"],
        &[1, 2, 3, 4, 5, 6, 7],
        modules.iter().map(|m| {
            let r = &m["error_of_row"];
            let name = m["module"].as_str().unwrap_or("?").to_string();
            [
                name,
                m["rows"].to_string(),
                f(&m["largest_delta"]),
                f(&m["error_of_trace"]),
                f(&r["p50"]),
                f(&r["p90"]),
                f(&r["p99"]),
                f(&r["max"]),
            ]
        }),
    );
}

fn to_json(
    adapter: &IntAdapter, digest: &[u8; 32], index: &Index, index_digest: &[u8; 32], report: Option<&Value>,
) -> Value {
    json!({
        "name": adapter.name,
        "blake3": hex(digest),
        "base_blake3": hex(&adapter.base),
        "sources": adapter.sources.iter().map(|(n, d)| json!({ "file": n, "blake3": hex(d) })).collect::<Vec<_>>(),
        "coordinates": adapter.coordinates(),
        "modules": adapter.modules.iter().map(|m| json!({
            "module": m.path, "rank": m.rank, "d_in": m.d_in, "d_out": m.d_out,
            "sigma_a": m.sigma_a, "sigma_b": m.sigma_b, "exponent": adapter.inputs[m.input as usize].1,
        })).collect::<Vec<_>>(),
        "index": {
            "blake3": hex(index_digest),
            "label": "declared",
            "sigma_h": index.sigma_h,
            "rows": index.rows.iter().map(|r| json!({ "cluster": r.cluster, "payee": crate::output::checksummed(&r.payee), "exponent": r.exponent })).collect::<Vec<_>>(),
            "unindexed": index.unindexed.iter().map(|(o, why)| json!({ "ordinal": o, "reason": why.code(), "evidence": why.to_string() })).collect::<Vec<_>>(),
        },
        "quantisation": report,
    })
}
