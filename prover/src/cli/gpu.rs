//! Arguments of `talea gpu`.

use clap::Args;

/// `talea gpu`
#[derive(Args)]
pub struct GpuArgs {
    /// Hold all that proofs ask of a device against the CPU, at several sizes and with little memory; exit 1 if one differs.
    #[arg(long)]
    pub self_test: bool,
    /// Time each of it beside the device's ceilings, and a batch of 2,048 tokens through 64 modules of 4096×16×4096 on CPU and device.
    #[arg(long)]
    pub bench: bool,
    /// Small sizes: a short test, and how the bench works, not how fast the device is.
    #[arg(long)]
    pub quick: bool,
}
