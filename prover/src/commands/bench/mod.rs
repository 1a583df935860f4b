//! `talea bench argument`: the argument's stages on a rounded matrix product; `talea bench batch`: those of a batch of random rows.
//!
//! | module | holds |
//! |---|---|
//! | [`argument`], [`batch`] | the commands |
//! | [`work`] | random batches from a seed |
//! | [`check`] | what is seen to be right before anything is timed |
//! | [`clock`] | times, processor time, memory |

mod argument;
pub mod batch;
mod check;
mod clock;
pub mod work;

pub use clock::peak_kib;

use crate::{cli::bench::BenchCommand, device::DeviceArgs};

pub fn run(command: &BenchCommand, device: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    let device = device.open()?;
    match command {
        BenchCommand::Argument(args) => argument::run(args, &device, json),
        BenchCommand::Batch(args) => batch::run(args, &device, json),
    }
}
