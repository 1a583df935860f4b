//! The measurement: one peer, one task, one JSON object.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    peer::{Peer, Task},
    witness::{Shape, Witness},
};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Circuit.
    pub task: Task,
    /// Of the witness.
    pub seed: u64,
    /// How many proofs.
    pub repeat: usize,
    /// Threads of the pool.
    pub threads: usize,
}

/// Runs it. `stage` is called before every step that may take long.
///
/// # Errors
/// Whatever the peer says; a wrong answer is never timed.
pub fn measure<P: Peer>(job: &Job, stage: &mut dyn FnMut(&str)) -> Result<Value> {
    let witness = Witness::drawn(job.task.shape, job.task.rows, job.seed);
    stage("setup");
    let start = Instant::now();
    let peer = P::setup(job.task).context("setup")?;
    let universal = peer.universal_setup_s();
    let setup = start.elapsed().as_secs_f64() - universal;
    let (mut prove, mut cpu, mut verify, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for turn in 0..job.repeat.max(1) {
        stage(&format!("proof {}", turn + 1));
        let (start, spent) = (Instant::now(), cpu_s());
        let proof = peer.prove(&witness).context("proving")?;
        prove.push(start.elapsed().as_secs_f64());
        cpu.extend(cpu_s().zip(spent).map(|(after, before)| round(after - before)));
        let statement = peer.statement(&proof)?;
        if let Some(expected) = peer.expected(&witness) {
            ensure!(statement == expected, "the proof is about other matrices");
        }
        stage("verification");
        let start = Instant::now();
        peer.verify(&statement, &proof).context("verifying")?;
        verify.push(start.elapsed().as_secs_f64());
        bytes = proof.len();
    }
    Ok(json!({
        "peer": P::NAME,
        "version": P::VERSION,
        "shape": shape(job.task.shape),
        "rows": job.task.rows,
        "setup_s": round(setup),
        "universal_setup_s": round(universal),
        "prove_s": prove.into_iter().map(round).collect::<Vec<_>>(),
        "prove_cpu_s": cpu,
        "verify_s": verify.into_iter().map(round).collect::<Vec<_>>(),
        "proof_bytes": bytes,
        "peak_rss_mib": peak_rss_mib(),
        "threads": job.threads,
        "correct": true,
        "security_bits": P::SECURITY_BITS,
        "notes": peer.notes(),
    }))
}

/// The report of a run that did not end.
pub fn failure<P: Peer>(job: &Job, why: &str) -> Value {
    json!({
        "peer": P::NAME,
        "version": P::VERSION,
        "shape": shape(job.task.shape),
        "rows": job.task.rows,
        "threads": job.threads,
        "failed": why,
    })
}

fn shape(s: Shape) -> Value {
    json!({ "d_in": s.d_in, "rank": s.rank, "d_out": s.d_out })
}

/// Tenths of a millisecond are all that a clock on a busy machine can say.
fn round(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}

/// The most memory that this process has held; of Linux alone.
fn peak_rss_mib() -> Option<u64> {
    field_kib("/proc/self/status", "VmHWM:").map(|kib| kib / 1024)
}

/// Processor time of all threads so far: what a busy machine cannot distort as much as a clock; of Linux alone.
fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // the name stands in brackets and may hold spaces; user and system time are fields 14 and 15, in hundredths
    let after = text.rsplit(')').next()?;
    let mut fields = after.split_whitespace().skip(11).map(str::parse::<f64>);
    Some((fields.next()?.ok()? + fields.next()?.ok()?) / 100.0)
}

/// A figure of a file of the kernel's.
pub fn field_kib(file: &str, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}
