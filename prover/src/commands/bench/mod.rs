//! `talea bench argument`: the argument's stages on a rounded matrix product; `talea bench batch`: those of a batch of random rows.
//!
//! | module | holds |
//! |---|---|
//! | [`argument`], [`batch`] | the commands |
//! | [`work`] | random batches from a seed |
//! | [`check`] | what is seen to be right before anything is timed |
//! | [`clock`] | times, processor time, memory |

mod argument;
mod batch;
mod check;
mod clock;
mod work;

pub use clock::peak_kib;

use crate::cli::bench::BenchCommand;

pub fn run(command: &BenchCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        BenchCommand::Argument(args) => argument::run(args, json),
        BenchCommand::Batch(args) => batch::run(args, json),
    }
}
