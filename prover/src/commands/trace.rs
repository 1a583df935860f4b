//! `talea trace run|check`

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use talea_witness::{
    adapter::{
        Lora,
        register::{Tracer, contribution_stem},
    },
    error::{Error, parse_jsonl, read_text},
    model::Base,
    network::check_name,
    trace::{capture, quantise::max_abs},
};

use super::{print_json, stem};
use crate::{
    cli::TraceCommand,
    output::{bar, table},
};

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
struct Request {
    request_id: String,
    adapter: String,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
}

/// File stem of a request's float trace.
pub fn request_stem(id: &str) -> String {
    format!("request-{id}")
}

pub fn run(command: &TraceCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        TraceCommand::Run { base, adapter, texts, requests, name, out } => {
            let base = Base::open(base)?;
            let lora = Lora::open(adapter, &base)?;
            let jobs = match (texts, requests) {
                (Some(file), _) => text_jobs(&base, file)?,
                (None, Some(file)) => request_jobs(file, &name.clone().unwrap_or_else(|| stem(adapter)))?,
                (None, None) => unreachable!("clap requires one of them"),
            };
            for (name, tokens) in &jobs {
                base.check_tokens(name, "tokens", tokens)?;
            }
            let tracer = Tracer::new(&base, &lora, None)?;
            let progress = bar("tracing".into());
            progress.set_length(jobs.len() as u64);
            let mut written = Vec::new();
            for (name, tokens) in &jobs {
                let path = out.join(format!("{name}.safetensors"));
                capture::save(&path, &tracer.trace(name, tokens)?, &lora.modules)?;
                written.push(path);
                progress.inc(1);
            }
            progress.finish_and_clear();
            report_written(&written, json);
            Ok(true)
        }
        TraceCommand::Check { base, adapter, tolerance, files } => check(base, adapter, *tolerance, files, json),
    }
}

fn report_written(files: &[PathBuf], json: bool) {
    if json {
        return print_json(
            &json!({ "label": "declared", "traces": files.iter().map(|p| p.display().to_string()).collect::<Vec<_>>() }),
        );
    }
    println!(
        "{} float traces written — declared: they hold what the model saw; keep them as private as its prompts",
        files.len()
    );
}

fn text_jobs(base: &Base, file: &Path) -> talea_witness::Result<Vec<(String, Vec<u32>)>> {
    let name = stem(file);
    check_name(file, "file name", &name)?;
    let texts: Vec<Text> = parse_jsonl(file, &read_text(file)?)?;
    (0u32..).zip(texts).map(|(i, t)| Ok((contribution_stem(&name, i), base.encode(&t.text)?))).collect()
}

fn request_jobs(file: &Path, adapter: &str) -> talea_witness::Result<Vec<(String, Vec<u32>)>> {
    let all: Vec<Request> = parse_jsonl(file, &read_text(file)?)?;
    let mine: Vec<_> = all.into_iter().filter(|r| r.adapter == adapter).collect();
    if mine.is_empty() {
        return Err(Error::input(file.display(), "adapter", format!("no request of {adapter}"), "at least one"));
    }
    mine.into_iter()
        .map(|r| {
            check_name(file, "request_id", &r.request_id)?;
            Ok((request_stem(&r.request_id), [r.prompt_ids, r.completion_ids].concat()))
        })
        .collect()
}

/// Largest |difference| of a row over its largest |value|.
fn difference(ours: &[f32], theirs: &[f32]) -> f64 {
    let largest = ours.iter().zip(theirs).map(|(x, y)| (f64::from(*x) - f64::from(*y)).abs()).fold(0f64, f64::max);
    if largest == 0.0 { 0.0 } else { largest / f64::from(max_abs(ours)) }
}

/// Largest difference of any input of any file from our own forward pass.
fn check(base: &Path, adapter: &Path, tolerance: f64, files: &[PathBuf], json: bool) -> anyhow::Result<bool> {
    let base = Base::open(base)?;
    let lora = Lora::open(adapter, &base)?;
    let tracer = Tracer::new(&base, &lora, None)?;
    let mut rows = Vec::new();
    for path in files {
        let captured = capture::load(path, &base, &lora.modules)?.trace;
        let ours = tracer.trace(&stem(path), &captured.tokens)?;
        let worst = ours.inputs.iter().zip(&captured.inputs).flat_map(|((tensor, a), (_, b))| {
            let width = tensor.width as usize;
            a.chunks_exact(width).zip(b.chunks_exact(width)).map(|(ours, theirs)| difference(ours, theirs))
        });
        rows.push((path.clone(), captured.tokens.len(), worst.fold(0f64, f64::max)));
    }
    let fine = rows.iter().all(|r| r.2 <= tolerance);
    if json {
        let files: Vec<_> = rows.iter().map(|(p, t, d)| json!({ "file": p.display().to_string(), "tokens": t, "difference": d, "within": *d <= tolerance })).collect();
        print_json(&json!({ "label": "declared", "tolerance": tolerance, "within": fine, "traces": files }));
    } else {
        table(
            ["trace", "tokens", "difference", "verdict"],
            &[1, 2],
            rows.iter().map(|(p, t, d)| {
                [stem(p), t.to_string(), format!("{d:.2e}"), if *d <= tolerance { "within" } else { "BEYOND" }.into()]
            }),
        );
        println!("tolerance {tolerance:.1e}: {}", if fine { "every trace is our forward pass's" } else { "REJECTED" });
    }
    Ok(fine)
}
