//! Arguments of `talea bench …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `talea bench …`
#[derive(Subcommand)]
pub enum BenchCommand {
    /// Prove and verify a rounded matrix product with range checks, and print the argument's stages.
    Argument(ArgumentArgs),
    /// Prove and verify a batch of random rows through random adapters, and print its stages.
    ///
    /// Before anything is timed, the batch's integers are held against those of the reference in the clear, and the work is proven
    /// once more: that proof must verify, and changed ones must be refused. --no-check leaves this out.
    Batch(BatchArgs),
}

/// `talea bench argument`
#[derive(Args)]
pub struct ArgumentArgs {
    /// Reference string of at least the chunk's size.
    #[arg(long, value_name = "FILE")]
    pub srs: PathBuf,
    /// log2 of tokens, rank and width.
    #[arg(long, value_name = "T,R,W", value_delimiter = ',', default_values_t = [10, 2, 6])]
    pub shape: Vec<usize>,
    /// log2 of a chunk's coefficients (default: what costs least).
    #[arg(long, value_name = "N")]
    pub chunk: Option<usize>,
    /// What the matrices are drawn from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// `talea bench batch`
#[derive(Args)]
pub struct BatchArgs {
    /// Reference string.
    #[arg(long, value_name = "FILE")]
    pub srs: PathBuf,
    /// Input width, rank and output width of every module.
    #[arg(long, value_name = "IN,RANK,OUT", value_delimiter = ',', default_values_t = [64, 4, 64])]
    pub module: Vec<usize>,
    /// Modules of an adapter, each with an input of its own.
    #[arg(long, default_value_t = 1)]
    pub modules: usize,
    /// Adapter slots, each with an adapter and requests of its own.
    #[arg(long, default_value_t = 1)]
    pub slots: usize,
    /// Requests of a slot, a power of two.
    #[arg(long, default_value_t = 16)]
    pub requests: usize,
    /// Tokens of each, a power of two.
    #[arg(long, default_value_t = 64)]
    pub tokens: usize,
    /// Clusters of an adapter.
    #[arg(long, default_value_t = 16)]
    pub clusters: usize,
    /// Do not prove outputs.
    #[arg(long)]
    pub no_deltas: bool,
    /// What adapters, rows and fees are drawn from: the same proof for the same number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Proofs to time, one after the other; all must have the same bytes.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub repeat: usize,
    /// Compare nothing with the reference and make no proof but the timed ones, which are verified all the same.
    #[arg(long)]
    pub no_check: bool,
}
