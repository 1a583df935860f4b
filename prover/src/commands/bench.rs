//! `talea bench argument`: the argument's stages on a rounded matrix product; `talea bench batch`: those of a batch of random rows.

use std::{path::Path, time::Instant};

use serde_json::{Value, json};
use talea_circuits::{
    matrix::{Key, Matrices, Shape, Sizes},
    opening::PairingKey,
    relations::{
        Key as BatchKey,
        prover::{Committed, Context, Input},
        registered::{AdapterValues, Registered},
        shape::{AdapterShape, Module, Shape as BatchShape, log},
        values::{Policy, Request, Slot, Values},
    },
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
    match command {
        BenchCommand::Argument { srs, shape, chunk } => argument(srs, shape, *chunk, json),
        BenchCommand::Batch { .. } => batch(command, json),
    }
}

fn argument(file: &Path, shape: &[usize], chunk: Option<usize>, json: bool) -> anyhow::Result<bool> {
    let (srs, _) = Srs::open(file)?;
    let &[tokens, rank, width] = shape else { anyhow::bail!("--shape: found {shape:?}, expected T,R,W") };
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
    let mut clock = Clock::default();
    clock.begin("witness");
    let (x, a) = (numbers(1, 1 << (tokens + width)), numbers(2, 1 << (rank + width)));
    // 15 + 15 bits and up to 2^8 terms fit U's 24 bits after rounding; longer rows get smaller weights
    let a: Vec<i16> = a.into_iter().map(|a| a >> width.saturating_sub(8).min(15)).collect();
    let matrices = Matrices::new(&key, x, a)?;
    // the seed is no secret: this proof hides nothing
    let proof = matrices.prove_in_stages(&Cpu, &srs.powers, &[0; 32], &mut |stage| clock.begin(stage));
    clock.begin("verify");
    key.verify(&PairingKey { tau: srs.tau }, &proof)?;
    clock.begin("");
    let stages = clock.stages;
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
    stage_table(stages, total);
    println!(
        "proved in {:.2} s, {} bytes, peak memory {} KiB; verified",
        total, facts["proof_bytes"], facts["peak_kib"]
    );
}

/// One adapter slot: `modules` modules of one size, every request as long as its slot.
fn batch(command: &BenchCommand, json: bool) -> anyhow::Result<bool> {
    let BenchCommand::Batch { srs, module, modules, requests, tokens, clusters, no_deltas } = command else {
        anyhow::bail!("another command than bench batch");
    };
    let (srs, _) = Srs::open(srs)?;
    let &[d_in, rank, d_out] = module.as_slice() else {
        anyhow::bail!("--module: found {module:?}, expected IN,RANK,OUT")
    };
    if d_in * rank * d_out * modules * requests * tokens * clusters == 0
        || rank > 256
        || !requests.is_power_of_two()
        || !tokens.is_power_of_two()
    {
        let found = format!("{module:?}, {modules} modules, {requests} requests, {tokens} tokens");
        return Err(Error::input("bench", "sizes", found, "sizes above 0, ranks to 256, powers of two").into());
    }
    let one = |input| Module { input, d_in, d_out };
    let adapter = AdapterShape {
        inputs: *modules,
        modules: (0..*modules).map(one).collect(),
        rank: log(rank),
        clusters: log(*clusters),
    };
    let domain = adapter.slots() + 1;
    let shape = BatchShape {
        adapters: vec![adapter.clone()],
        requests: log(*requests),
        tokens: log(*tokens),
        clusters: log(*clusters),
        deltas: !no_deltas,
        domain,
    };
    let pairing = PairingKey { tau: srs.tau };
    let key = BatchKey::new(shape, &pairing)?;
    let layout = talea_circuits::relations::adapter::AdapterLayout::new(&adapter).1;
    let needed = key.powers().max(layout.chunk_vars());
    if (srs.k() as usize) < needed {
        return Err(Error::input("--srs", "powers", format!("2^{}", srs.k()), format!("at least 2^{needed}")).into());
    }
    let weights = |seed: u8, n: usize| numbers(seed, n).into_iter().map(|v| v / 2).collect::<Vec<i16>>();
    let values = AdapterValues {
        a: (0..*modules).map(|i| weights(i as u8, rank * d_in)).collect(),
        b: (0..*modules).map(|i| weights(100 + i as u8, rank * d_out)).collect(),
        h: weights(200, clusters * rank * modules),
    };
    let registered = Registered::new(&Cpu, &adapter, &values, &srs.powers, &[1; 32]);
    let slot = Slot { policy: Policy { power: 2, bps: [5000, 2000, 1500, 1000, 500] }, base: 0 };
    let table = (0..*requests).map(|q| Request {
        fee: 10u128.pow(18) + q as u128,
        tokens: *tokens as u32,
        head: q as u32,
        receipt: [7; 32],
    });
    let x = key
        .shape
        .inputs()
        .iter()
        .enumerate()
        .map(|(i, block)| {
            let n = numbers(i as u8, (requests * tokens) << block.vars);
            n.into_iter().map(|v| i32::from(v) << 4).collect()
        })
        .collect();
    let start = Instant::now();
    let mut clock = Clock::default();
    clock.begin("witness");
    let values = Values::new(&key, &[&registered], vec![slot], table.collect(), x);
    clock.begin("columns");
    let columns = values.columns(&key, &[&registered])?;
    let context = Context {
        chain: 1,
        contract: [0; 20],
        node: [0; 20],
        nonce: 0,
        node_slot: 1 << (domain - 1),
        receipts: [0; 32],
    };
    clock.begin("commitments");
    // the seed is no secret: this proof hides nothing
    let input = Input { key: &key, values: &values, context: &context };
    let committed = Committed::new(&Cpu, input, &[&registered], columns, &srs.powers, &[0; 32], None);
    let proof = committed.prove(&Cpu, &srs.powers, &mut |stage| clock.begin(stage));
    let total = start.elapsed().as_secs_f64();
    clock.begin("verify");
    key.verify(&pairing, &committed.statement, &proof)?;
    clock.begin("");
    let rows = requests * tokens;
    let facts = json!({
        "module": { "in": d_in, "rank": rank, "out": d_out }, "modules": modules, "rows": rows, "requests": requests,
        "clusters": clusters, "deltas": !no_deltas, "chunks": key.layout.chunks(), "chunk": 1u64 << key.layout.chunk_vars(),
        "range": 1u64 << key.parts.range,
        "stages": clock.stages.iter().map(|(name, s)| json!({ "stage": name, "seconds": s })).collect::<Vec<_>>(),
        "seconds": total, "ms_per_row_module": total * 1e3 / (rows * modules) as f64,
        "proof_bytes": proof.len(), "peak_kib": peak_kib(), "threads": rayon::current_num_threads(), "srs": srs.origin.to_string(),
    });
    if json {
        print_json(&facts);
        return Ok(true);
    }
    say(format_args!(
        "{d_in}×{rank}×{d_out}, {modules} modules, {rows} rows in {requests} requests, {clusters} clusters; {} chunks, the largest of 2^{} coefficients, ranges of 2^{}",
        key.layout.chunks(),
        key.layout.chunk_vars(),
        key.parts.range
    ));
    say(format_args!("reference string: {}", srs.origin));
    stage_table(&clock.stages, total);
    println!(
        "proved in {total:.2} s, {:.3} ms per row and module; {} bytes, peak memory {} KiB; verified",
        total * 1e3 / (rows * modules) as f64,
        proof.len(),
        facts["peak_kib"]
    );
    Ok(true)
}

/// Times of stages, each from its beginning to the next one's.
#[derive(Default)]
struct Clock {
    stages: Vec<(&'static str, f64)>,
    running: Option<(&'static str, Instant)>,
}

impl Clock {
    fn begin(&mut self, name: &'static str) {
        if let Some((name, since)) = self.running.replace((name, Instant::now())) {
            self.stages.push((name, since.elapsed().as_secs_f64()));
        }
    }
}

fn stage_table(stages: &[(&str, f64)], total: f64) {
    table(
        ["stage", "ms", "of proving"],
        &[1, 2],
        stages.iter().map(|(name, s)| {
            let of = if *name == "verify" { "–".into() } else { format!("{:.1} %", s / total * 100.0) };
            [name.to_string(), format!("{:.1}", s * 1e3), of]
        }),
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
