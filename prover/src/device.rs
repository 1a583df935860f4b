//! The device that proofs are made on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Args;
use talea_gpu::{
    Cpu, Device,
    cuda::{Best, Choice, Cuda, LEAST},
    kernels::Tuning,
};
use talea_witness::error::Error;

/// Flags that choose it; none changes a byte of any output.
#[derive(Debug, Clone, Args)]
pub struct DeviceArgs {
    /// What proofs are made on: auto (a CUDA device if one works, else the CPU), cpu, cuda, or cuda:N.
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub device: Choice,
    /// Memory of the CUDA device to use, in MiB (default: three quarters of what is free).
    #[arg(long, global = true, value_name = "MIB", value_parser = memory)]
    pub gpu_memory: Option<usize>,
}

/// MiB that are enough to work with.
fn memory(text: &str) -> Result<usize, String> {
    let least = LEAST >> 20;
    text.parse().ok().filter(|mib| *mib >= least).ok_or_else(|| format!("found {text}, expected {least} or more"))
}

impl DeviceArgs {
    /// Opens it.
    pub fn open(&self) -> talea_witness::Result<Best> {
        let expected = "a device that works, or --device auto or cpu";
        Best::probe(self.device, self.tuning()).map_err(|e| Error::input("--device", "cuda", e, expected))
    }

    /// What the flags say about memory.
    pub fn tuning(&self) -> Tuning {
        let tuning = Tuning::default();
        Tuning { budget: self.gpu_memory.map_or(tuning.budget, |mib| mib.saturating_mul(1 << 20)), ..tuning }
    }
}

/// Work that any device can do; what it gives has been verified.
pub trait Work {
    /// What it gives.
    type Made;
    /// Does it. `again` says that another device has failed at it.
    fn on(&mut self, device: &impl Device, again: bool) -> anyhow::Result<Self::Made>;
}

/// Does work on the device that there is, and says on which it was done. What goes wrong on a GPU, be it an error, a panic or a proof
/// that does not verify, loses nothing: the CPU does all of it again.
pub fn run<W: Work>(device: &Best, work: &mut W) -> anyhow::Result<(W::Made, String)> {
    let Best::Cuda(cuda) = device else { return Ok((work.on(&Cpu, false)?, device.line())) };
    match attempt(cuda, || work.on(cuda.kernels(), false)) {
        Ok(made) => Ok((made, device.line())),
        Err(instead) => Ok((work.on(&Cpu, true)?, instead)),
    }
}

/// Tries something on a GPU; where that fails, says so, and what to call the CPU that does it instead.
pub fn attempt<T>(cuda: &Cuda, work: impl FnOnce() -> anyhow::Result<T>) -> Result<T, String> {
    let made = catch_unwind(AssertUnwindSafe(work));
    // without trouble of the device's it may be something else's fault, which the CPU then meets again
    let why = match (made, cuda.kernels().trouble()) {
        (Ok(Ok(made)), _) => return Ok(made),
        (_, Some(trouble)) => format!("{} failed: {trouble}", cuda.name()),
        (Ok(Err(e)), None) => format!("{} gave no proof: {e:#}", cuda.name()),
        (Err(_), None) => format!("{} gave no proof: the prover panicked", cuda.name()),
    };
    eprintln!("talea: {why}; the CPU begins anew");
    Err(format!("CPU, since {why}"))
}
