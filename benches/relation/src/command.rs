//! One command line for all peers: `run` measures, `check` tells lies.
//!
//! `run` measures in a process of its own and watches it: a peer that runs out of memory or time is a result, too.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use crate::{
    peer::{Peer, Task, lies_are_refused, proofs_are_bound, said},
    report::{Job, failure, field_kib, measure},
    witness::Shape,
};

#[derive(Debug, Parser)]
#[command(about = "The adapter relation in another proof system")]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Measures setup, proofs and verification; writes a JSON object
    Run(RunArgs),
    /// Tells every lie, and fails if one is accepted
    Check(CheckArgs),
}

#[derive(Debug, Clone, Args)]
struct RunArgs {
    /// Features that go in
    #[arg(long)]
    d_in: usize,
    /// Coordinates
    #[arg(long)]
    rank: usize,
    /// Outputs
    #[arg(long)]
    d_out: usize,
    /// Rows of X in one proof
    #[arg(long)]
    rows: usize,
    /// Of the witness
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File to write
    #[arg(long)]
    out: PathBuf,
    /// Proofs
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Hide the witness, where the peer leaves the choice
    #[arg(long)]
    hiding: bool,
    /// Seconds that setup, a proof or a verification may take
    #[arg(long, default_value_t = 600)]
    limit_s: u64,
    /// GiB that the measuring process may hold [default: nine tenths of what is free]
    #[arg(long)]
    limit_gib: Option<u64>,
    /// This is the measuring process
    #[arg(long, hide = true)]
    inner: bool,
}

#[derive(Debug, Clone, Args)]
struct CheckArgs {
    /// Features that go in
    #[arg(long, default_value_t = 16)]
    d_in: usize,
    /// Coordinates
    #[arg(long, default_value_t = 2)]
    rank: usize,
    /// Outputs
    #[arg(long, default_value_t = 16)]
    d_out: usize,
    /// Rows
    #[arg(long, default_value_t = 3)]
    rows: usize,
    /// Hide the witness, where the peer leaves the choice
    #[arg(long)]
    hiding: bool,
}

/// A peer's `main`; `threads` are those of the pool that it proves with.
///
/// # Errors
/// Why there is no report, or which lie was accepted.
pub fn main<P: Peer>(threads: usize) -> Result<()> {
    match Cli::parse().command {
        Sub::Run(args) if args.inner => inner::<P>(&args, threads),
        Sub::Run(args) => outer::<P>(&args, threads),
        Sub::Check(args) => check::<P>(&args),
    }
}

fn job(args: &RunArgs, threads: usize) -> Job {
    let shape = Shape { d_in: args.d_in, rank: args.rank, d_out: args.d_out };
    let task = Task { hiding: args.hiding, ..Task::new(shape, args.rows) };
    Job { task, seed: args.seed, repeat: args.repeat, threads }
}

fn inner<P: Peer>(args: &RunArgs, threads: usize) -> Result<()> {
    // the report may quote what is said here: why, but not where on this machine
    std::panic::set_hook(Box::new(|panic| eprintln!("{}", said(panic.payload()))));
    let report = measure::<P>(&job(args, threads), &mut |stage| println!("{stage}"))?;
    write(&args.out, &report)
}

fn outer<P: Peer>(args: &RunArgs, threads: usize) -> Result<()> {
    // an old report must not be taken for this run's
    let _ = std::fs::remove_file(&args.out);
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .arg("--inner")
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting the measuring process")?;
    if let Some(why) = watch(&mut child, args)? {
        let report = failure::<P>(&job(args, threads), &why);
        write(&args.out, &report)?;
        println!("{report}");
        return Ok(());
    }
    println!("{}", std::fs::read_to_string(&args.out)?.trim_end());
    Ok(())
}

/// Waits for the measuring process, and says why it failed if it did.
fn watch(child: &mut Child, args: &RunArgs) -> Result<Option<String>> {
    let free = field_kib("/proc/meminfo", "MemAvailable:").map(|kib| kib / 10 * 9);
    let most = args.limit_gib.map(|gib| gib << 20).or(free).unwrap_or(u64::MAX);
    let stage = Arc::new(Mutex::new((String::from("start"), Instant::now())));
    let (heard, lines) = (Arc::clone(&stage), child.stdout.take().context("a pipe")?);
    std::thread::spawn(move || {
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            *heard.lock().expect("nobody panics with it") = (line, Instant::now());
        }
    });
    let errors = child.stderr.take().context("a pipe")?;
    let errors = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let status = format!("/proc/{}/status", child.id());
    let killed = loop {
        if child.try_wait()?.is_some() {
            break None;
        }
        let (name, since) = stage.lock().expect("nobody panics with it").clone();
        let why = if since.elapsed() > Duration::from_secs(args.limit_s) {
            Some(format!("{name}: more than {} s", args.limit_s))
        } else {
            let held = field_kib(&status, "VmRSS:").unwrap_or(0);
            (held > most).then(|| format!("{name}: more than {} MiB of memory", most >> 10))
        };
        if why.is_some() {
            child.kill()?;
            break why;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let exit = child.wait()?;
    let errors = errors.join().unwrap_or_default();
    let name = stage.lock().expect("nobody panics with it").0.clone();
    Ok(match killed {
        Some(why) => Some(why),
        None if exit.success() => None,
        // the kernel's answer to too much memory is signal 9
        None => Some(format!("{name}: {exit}: {}", errors.trim().chars().take(300).collect::<String>())),
    })
}

fn check<P: Peer>(args: &CheckArgs) -> Result<()> {
    let shape = Shape { d_in: args.d_in, rank: args.rank, d_out: args.d_out };
    if args.rows < 2 || args.rank < 2 || args.d_in < 2 || args.d_out < 2 {
        bail!("lies exchange rows, coordinates and outputs: two of each are needed");
    }
    // provers that are lied to panic, some of them; that is a refusal and no news
    std::panic::set_hook(Box::new(|_| {}));
    println!("{} {}, {}, {} rows", P::NAME, P::VERSION, shape.name(), args.rows);
    lies_are_refused::<P>(shape, args.rows, args.hiding, &mut |line| println!("  {line}"))?;
    proofs_are_bound::<P>(shape, args.rows, args.hiding, &mut |line| println!("  {line}"))
}

fn write(path: &Path, report: &Value) -> Result<()> {
    std::fs::write(path, format!("{report:#}\n")).with_context(|| format!("writing {}", path.display()))
}
