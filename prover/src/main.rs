//! The `talea` command.
//!
//! Exit status: 0 done; 1 a check said no; 2 bad input or a failure, with one line on stderr and nothing half-written.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod device;
mod folder;
mod onchain;
mod output;
mod proving;
mod report;
mod settling;
mod wrapping;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // a reader that leaves early (`talea … | head`) ends us quietly instead of failing a print
    sigpipe::reset();
    let cli = cli::Cli::parse();
    if let Some(n) = cli.threads
        && let Err(e) = rayon::ThreadPoolBuilder::new().num_threads(n).build_global()
    {
        eprintln!("talea: threads: {e}");
        return ExitCode::from(2);
    }
    match commands::run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => {
            eprintln!("talea: {e:#}");
            ExitCode::from(2)
        }
    }
}
