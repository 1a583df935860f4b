//! One module per command; each parses and checks first, works, then prints.

pub mod adapter;
pub mod audit;
pub mod batch;
pub mod bench;
pub mod chain;
mod checkpoint;
pub mod commit;
pub mod contracts;
pub mod datanet;
pub mod demo;
mod demo_chain;
pub mod explain;
pub mod gpu;
pub mod proof;
pub mod receipts;
pub mod srs;
pub mod trace;
pub mod verify;
pub mod wrap;

use crate::cli::{Cli, Command};

/// Runs a command: `Ok(false)` means that a check said no.
pub fn run(cli: &Cli) -> anyhow::Result<bool> {
    match &cli.command {
        Command::Demo(args) => demo::run(args, &cli.device, cli.json),
        Command::Audit(args) => audit::run(args, cli.json),
        Command::Explain(args) => explain::run(args, cli.json),
        Command::Datanet(c) => datanet::run(c, cli.json),
        Command::Adapter(c) => adapter::run(c, cli.json),
        Command::Trace(c) => trace::run(c, cli.json),
        Command::Receipts(c) => receipts::run(c, cli.json),
        Command::Batch(c) => batch::run(c, &cli.device, cli.json),
        Command::Wrap(c) => wrap::run(c, &cli.device, cli.json),
        Command::Contracts(c) => contracts::run(c, cli.json),
        Command::Deploy(args) => chain::deploy(args, cli.json),
        Command::Settle(args) => chain::settle(args, cli.json),
        Command::Claims(c) => chain::claims(c, cli.json),
        Command::Claim(args) => chain::claim(args, cli.json),
        Command::Srs(c) => srs::run(c, cli.json),
        Command::Bench(c) => bench::run(c, &cli.device, cli.json),
        Command::Gpu(args) => gpu::run(args, &cli.device, cli.json),
    }
}

/// Prints a JSON document on stdout.
pub fn print_json(doc: &serde_json::Value) {
    println!("{}", serde_json::to_string_pretty(doc).expect("a JSON value has string keys only"));
}

/// The last part of a path without its extension, as the default for a name.
pub fn stem(path: &std::path::Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
