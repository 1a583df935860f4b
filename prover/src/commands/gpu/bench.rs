//! `talea gpu --self-test` and `--bench`: every kernel against the CPU, and against what the device can do at most.

use std::{collections::HashMap, path::Path, process::Command, time::Instant};

use serde_json::{Value, json};
use talea_gpu::{
    Cpu, Device,
    cuda::{Best, Cuda},
    kernels::{Tuning, rates::Rates},
};
use talea_srs::Srs;
use talea_witness::error::Error;

use super::trials::{Cost, Data, each};
use crate::{
    commands::bench::{
        batch::Proofs,
        work::{Sizes, Work},
    },
    device::DeviceArgs,
    output::table,
};

/// log₂ of the sizes of a self-test, and the memory that it may use, where that is little. The first ones are the quick ones.
const SELF_TEST: [(usize, Option<usize>); 9] = [
    (0, None),
    (1, None),
    (2, None),
    (5, None),
    (8, None),
    (8, Some(1 << 16)),
    (14, Some(1 << 20)),
    (14, None),
    (18, None),
];
const QUICK: usize = 6;
/// Tries of a bench.
const TRIES: usize = 5;
/// log₂ of the values of a quick bench: the fewest that are not the CPU's.
const QUICK_VARS: usize = 12;

/// The CUDA device, which there must be.
pub fn cuda<'b>(device: &'b Best, flag: &str) -> anyhow::Result<&'b Cuda> {
    match device {
        Best::Cuda(cuda) => Ok(cuda),
        Best::Cpu(_) => Err(Error::input("gpu", flag, device.line(), "a CUDA device").into()),
    }
}

/// What a self-test found.
pub struct Tested {
    pub trials: usize,
    /// Trials that gave something else than on the CPU.
    pub different: Vec<String>,
}

/// Every trial at every size on CPU and device, the small ones on the device, too.
pub fn self_test(flags: &DeviceArgs, number: usize, quick: bool) -> anyhow::Result<Tested> {
    let mut tested = Tested { trials: 0, different: Vec::new() };
    for (vars, memory) in SELF_TEST.into_iter().take(if quick { QUICK } else { SELF_TEST.len() }) {
        let data = Data::new(vars, vars as u64);
        let mut expected = HashMap::new();
        each(&Cpu, &data, &mut |name, _, prepare, run| {
            prepare();
            expected.insert(name, run(true));
        });
        let tuning = Tuning { small: 0, ..flags.tuning() };
        let budget = memory.unwrap_or(tuning.budget);
        let device = match Cuda::probe(Some(number), Tuning { budget, ..tuning }) {
            Ok(device) => device,
            Err(e) => {
                tested.different.push(e.to_string());
                continue;
            }
        };
        each(device.kernels(), &data, &mut |name, _, prepare, run| {
            prepare();
            tested.trials += 1;
            if Some(&run(true)) != expected.get(name) {
                let memory = memory.map_or(String::new(), |bytes| format!(" with {bytes} bytes of memory"));
                tested.different.push(format!("{name} of 2^{vars}{memory}"));
            }
        });
        if let Some(trouble) = device.kernels().trouble() {
            tested.different.push(format!("2^{vars}: {trouble}"));
        }
    }
    Ok(tested)
}

/// A trial's times: the shortest on the device, and one on the CPU.
struct Timed {
    name: &'static str,
    cost: Cost,
    cuda: f64,
    /// Kernels that were run, and bytes that were copied; none of either where the CPU did the work because there was too little of it, or
    /// no room.
    launches: u64,
    copied: u64,
    cpu: f64,
}

impl Timed {
    /// Seconds that the device needs at least: to move the bytes, or to form the products.
    fn ceiling(&self, rates: &Rates) -> f64 {
        (self.cost.bytes as f64 / rates.copy).max(self.cost.products as f64 / rates.products)
    }

    fn on(&self) -> &'static str {
        match (self.launches, self.copied) {
            (0, 0) => "CPU",
            (0, _) => "copies",
            _ => "CUDA",
        }
    }

    fn json(&self, rates: &Rates) -> Value {
        json!({
            "kernel": self.name, "on": self.on(), "launches": self.launches, "copied_bytes": self.copied, "seconds": self.cuda, "cpu_seconds": self.cpu, "bytes": self.cost.bytes,
            "products": self.cost.products, "bytes_per_second": self.cost.bytes as f64 / self.cuda,
            "products_per_second": self.cost.products as f64 / self.cuda, "ceiling_seconds": self.ceiling(rates),
            "times_the_ceiling": self.cuda / self.ceiling(rates),
        })
    }
}

/// What a bench found.
pub struct Benched {
    vars: usize,
    tries: usize,
    rates: Rates,
    kernels: Vec<Timed>,
    batch: Value,
    demo: Value,
}

/// The whole bench, or the smallest one.
pub fn bench(device: &Best, quick: bool) -> anyhow::Result<Benched> {
    // first, while all memory is free
    let demo = demo(cuda(device, "--bench")?.number(), quick)?;
    let kernels = cuda(device, "--bench")?.kernels();
    let (vars, tries) = if quick { (QUICK_VARS, 1) } else { (24, TRIES) };
    let data = Data::new(vars, 0);
    let rates = kernels.rates(data.fields.len())?;
    let mut times: Vec<Timed> = Vec::new();
    each(kernels, &data, &mut |name, cost, prepare, run| {
        let done = || [kernels.launches(), kernels.copied().iter().sum()];
        let once = || {
            prepare();
            let (before, start) = (done(), Instant::now());
            run(false);
            let seconds = start.elapsed().as_secs_f64();
            (seconds, [0, 1].map(|i| done()[i] - before[i]))
        };
        let all: Vec<_> = (0..tries).map(|_| once()).collect();
        let cuda = all.iter().map(|t| t.0).fold(f64::INFINITY, f64::min);
        let [launches, copied] = all[0].1;
        times.push(Timed { name, cost, cuda, launches, copied, cpu: 0.0 });
    });
    let mut of = times.iter_mut();
    each(&Cpu, &data, &mut |_, _, prepare, run| {
        prepare();
        let start = Instant::now();
        run(false);
        of.next().expect("the same trials").cpu = start.elapsed().as_secs_f64();
    });
    drop(data);
    let batch = batch(device, quick)?;
    // since then the CPU would have done the work, and the times be its own
    if let Some(trouble) = kernels.trouble() {
        anyhow::bail!("{trouble}");
    }
    Ok(Benched { vars, tries, rates, kernels: times, batch, demo })
}

/// A batch of 2,048 tokens through 64 modules of 4096×16×4096, on CPU and device: the same bytes, and how long they take.
fn batch(device: &Best, quick: bool) -> anyhow::Result<Value> {
    let sizes = Sizes {
        d_in: if quick { 64 } else { 4096 },
        rank: if quick { 4 } else { 16 },
        d_out: if quick { 64 } else { 4096 },
        modules: if quick { 2 } else { 64 },
        slots: 1,
        requests: if quick { 4 } else { 32 },
        tokens: if quick { 16 } else { 64 },
        clusters: 16,
        deltas: true,
        seed: 0,
    };
    let srs = Srs::dev(sizes.powers() as u32, &[], "talea gpu bench")?;
    let work = Work::new(sizes, &srs)?;
    let kernels = cuda(device, "--bench")?.kernels();
    kernels.keep(&srs.powers);
    let mut proofs = Proofs { work: &work, srs: &srs, device, first: None };
    // the first one warms up
    proofs.next()?;
    let before = kernels.copied();
    let cuda = proofs.next()?.sample;
    let copied = [0, 1].map(|i| kernels.copied()[i] - before[i]);
    let cpu = Best::Cpu(None);
    let first = proofs.first.take();
    let mut proofs = Proofs { work: &work, srs: &srs, device: &cpu, first };
    // the same bytes, or an error
    let cpu = proofs.next()?.sample;
    let rows = sizes.rows() as f64;
    Ok(json!({
        "module": { "in": sizes.d_in, "rank": sizes.rank, "out": sizes.d_out }, "modules": sizes.modules, "rows": sizes.rows(),
        "cuda": cuda.json(), "cpu": cpu.json(), "tokens_per_second": rows / cuda.seconds,
        "cpu_tokens_per_second": rows / cpu.seconds, "same_bytes": true,
        // since on the device the first proof warms up
        "timed": { "cuda": "the second proof", "cpu": "the first" },
        "copied_bytes": { "to": copied[0], "from": copied[1] }, "threads": rayon::current_num_threads(),
    }))
}

/// The demonstration's proof on CPU and device, by this program.
fn demo(number: usize, quick: bool) -> anyhow::Result<Value> {
    let network = if quick { "fixtures/second" } else { "fixtures/demo" };
    if !Path::new(network).is_dir() {
        return Err(Error::input("gpu --bench", "folder", "none", format!("{network} below the current folder")).into());
    }
    let folder = tempfile::tempdir()?;
    let on = |choice: &str| -> anyhow::Result<Value> {
        let out = folder.path().join(choice);
        let done = Command::new(std::env::current_exe()?)
            .args(["--json", "--device", choice, "demo", "--no-wrap", "--network", network, "--out"])
            .arg(&out)
            .output()?;
        anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr).trim());
        let doc: Value = serde_json::from_slice(&done.stdout)?;
        let proof = &doc["proof"];
        Ok(
            json!({ "stages": proof["stages"], "blake3": proof["blake3"], "device": proof["device"], "rows": proof["rows"] }),
        )
    };
    let (cuda, cpu) = (on(&format!("cuda:{number}"))?, on("cpu")?);
    let made_on = cuda["device"].as_str().unwrap_or_default();
    anyhow::ensure!(made_on.ends_with(" (CUDA)"), "the demonstration was proven on: {made_on}");
    anyhow::ensure!(cuda["blake3"] == cpu["blake3"], "the demonstration's proofs differ");
    Ok(json!({ "network": network, "cuda": cuda, "cpu": cpu, "same_bytes": true }))
}

impl Benched {
    pub fn json(&self) -> Value {
        json!({
            "values": 1usize << self.vars, "threads": rayon::current_num_threads(),
            // who reads ratios must know that the device has had more chances
            "tries": { "cuda": self.tries, "cpu": 1 },
            "ceilings": { "copy_bytes_per_second": self.rates.copy, "products_per_second": self.rates.products },
            // of elements, as proofs copy them: conversion included
            "transfers": {
                "to_device_bytes_per_second": self.rates.transfer[0], "from_device_bytes_per_second": self.rates.transfer[1],
            },
            "kernels": self.kernels.iter().map(|t| t.json(&self.rates)).collect::<Vec<_>>(),
            "batch": self.batch, "demo": self.demo,
        })
    }

    pub fn print(&self) {
        let r = &self.rates;
        println!(
            "2^{} values. At most: {:.0} GB/s copied, {:.2} G products/s. Elements, as proofs copy them: {:.1} GB/s to the device, {:.1} from it",
            self.vars,
            r.copy / 1e9,
            r.products / 1e9,
            r.transfer[0] / 1e9,
            r.transfer[1] / 1e9
        );
        table(
            ["kernel", "on", "ms", "at least", "times that", "CPU ms"],
            &[2, 3, 4, 5],
            self.kernels.iter().map(|t| {
                let least = t.ceiling(r);
                let ms = |s: f64| format!("{:.3}", s * 1e3);
                [t.name.into(), t.on().into(), ms(t.cuda), ms(least), format!("{:.1}", t.cuda / least), ms(t.cpu)]
            }),
        );
        println!("the shortest of {} on the device, one on the CPU", self.tries);
        println!(
            "batch, the second one on the device and the first on the CPU: {:.1} tokens/s, on the CPU {:.1}; the same bytes",
            self.batch["tokens_per_second"].as_f64().unwrap_or_default(),
            self.batch["cpu_tokens_per_second"].as_f64().unwrap_or_default()
        );
        println!("{}: the same bytes; --json has the stages", self.demo["network"].as_str().unwrap_or_default());
    }
}
