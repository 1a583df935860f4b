//! `talea bench argument`: the argument's stages on a rounded matrix product.

use std::time::Instant;

use serde_json::{Value, json};
use talea_circuits::{
    matrix::{Key, Matrices, Shape, Sizes},
    opening::PairingKey,
};
use talea_gpu::Cpu;
use talea_srs::Srs;
use talea_witness::error::Error;

use super::print_json;
use crate::{
    cli::BenchCommand,
    output::{say, table},
};

pub fn run(command: &BenchCommand, json: bool) -> anyhow::Result<bool> {
    let BenchCommand::Argument { srs: file, shape, chunk } = command;
    let (srs, _) = Srs::open(file)?;
    let &[tokens, rank, width] = shape.as_slice() else { anyhow::bail!("--shape: found {shape:?}, expected T,R,W") };
    if tokens.max(rank).max(width) > 30 || tokens + rank + width > 30 {
        return Err(Error::input("bench", "--shape", format!("{shape:?}"), "T + R + W at most 30").into());
    }
    let shape = Shape { tokens, rank, width };
    let mut sizes = Sizes::of(shape);
    sizes.chunk = chunk.unwrap_or(sizes.chunk);
    if sizes.chunk > srs.k() as usize {
        let found = format!("chunks of 2^{}", sizes.chunk);
        let expected = format!("chunks of at most the reference string's 2^{}", srs.k());
        return Err(Error::input("bench", "sizes", found, expected).into());
    }
    let key = Key::new(shape, sizes)?;
    let start = Instant::now();
    let (x, a) = (numbers(1, 1 << (tokens + width)), numbers(2, 1 << (rank + width)));
    // 15 + 15 bits and up to 2^8 terms fit U's 24 bits after rounding; longer rows get smaller weights
    let a: Vec<i16> = a.into_iter().map(|a| a >> width.saturating_sub(8).min(15)).collect();
    let matrices = Matrices::new(&key, x, a)?;
    let mut stages: Vec<(&str, f64)> = vec![("witness", start.elapsed().as_secs_f64())];
    let mut since = Instant::now();
    let mut running = "";
    let mut stage = |name: &'static str| {
        if !running.is_empty() {
            stages.push((running, since.elapsed().as_secs_f64()));
        }
        (running, since) = (name, Instant::now());
    };
    // the seed is no secret: this proof hides nothing
    let proof = matrices.prove_in_stages(&Cpu, &srs.powers, &[0; 32], &mut stage);
    stage("verify");
    key.verify(&PairingKey { tau: srs.tau }, &proof)?;
    stage("");
    let total: f64 = stages.iter().filter(|s| s.0 != "verify").map(|s| s.1).sum();
    let facts = json!({
        "shape": { "tokens": 1 << tokens, "rank": 1 << rank, "width": 1 << width },
        "chunk": 1 << sizes.chunk, "range": 1 << sizes.range, "chunks": key.layout().chunks(), "leaves": 1u64 << key.lookups().vars(),
        "stages": stages.iter().map(|(name, s)| json!({ "stage": name, "seconds": s })).collect::<Vec<_>>(),
        "proof_bytes": proof.len(), "peak_kib": peak_kib(), "threads": rayon::current_num_threads(),
        "srs": srs.origin.to_string(),
    });
    match json {
        true => print_json(&facts),
        false => print(&facts, &stages, total),
    }
    Ok(true)
}

fn print(facts: &Value, stages: &[(&str, f64)], total: f64) {
    say(format_args!(
        "U = X·A rounded, with range checks: {} tokens, rank {}, width {}; {} chunks of {} coefficients, {} leaves, {} threads",
        facts["shape"]["tokens"],
        facts["shape"]["rank"],
        facts["shape"]["width"],
        facts["chunks"],
        facts["chunk"],
        facts["leaves"],
        facts["threads"]
    ));
    say(format_args!("reference string: {}", facts["srs"].as_str().unwrap_or("")));
    let share = |s: f64| format!("{:.1} %", s / total * 100.0);
    table(
        ["stage", "ms", "of proving"],
        &[1, 2],
        stages.iter().map(|(name, s)| {
            let of = if *name == "verify" { "–".into() } else { share(*s) };
            [name.to_string(), format!("{:.1}", s * 1e3), of]
        }),
    );
    println!(
        "proved in {:.2} s, {} bytes, peak memory {} KiB; verified",
        total, facts["proof_bytes"], facts["peak_kib"]
    );
}

/// Numbers of 16 bits from a seed.
fn numbers(seed: u8, n: usize) -> Vec<i16> {
    let mut bytes = vec![0; 2 * n];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// The most memory that this process held, where the system tells.
pub fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
