//! `talea bench batch`.

use serde_json::json;
use talea_circuits::{
    Fr,
    relations::{
        prover::{Committed, Input},
        statement::Statement,
    },
};
use talea_gpu::{Cpu, Device, cuda::Best};
use talea_srs::Srs;
use talea_witness::error::Error;

use super::{
    check,
    clock::{Clock, Sample, peak_kib},
    work::{Sizes, Work},
};
use crate::{cli::bench::BatchArgs, commands::print_json, output::say};

pub fn run(args: &BatchArgs, device: &Best, json: bool) -> anyhow::Result<bool> {
    let sizes = Sizes::of(args)?;
    if args.repeat == 0 {
        return Err(Error::input("bench", "--repeat", 0, "at least 1").into());
    }
    let (srs, _) = Srs::open(&args.srs)?;
    let work = Work::new(sizes, &srs)?;
    if let Best::Cuda(cuda) = device {
        cuda.kernels().keep(&srs.powers);
    }
    let mut proofs = Proofs { work: &work, srs: &srs, device, first: None };
    let checked = if args.no_check { None } else { Some(proofs.checked()?) };
    let samples = (0..args.repeat).map(|_| Ok(proofs.next()?.sample)).collect::<anyhow::Result<Vec<_>>>()?;
    let proof = proofs.first.unwrap_or_default();
    // since then the CPU would have done the work: some of these times would be its own
    if let Best::Cuda(cuda) = device
        && let Some(trouble) = cuda.kernels().trouble()
    {
        anyhow::bail!("{} failed: {trouble}", cuda.name());
    }
    let done = Done { work: &work, srs: &srs, device, checked, samples, proof };
    match json {
        true => print_json(&done.json()),
        false => done.print(),
    }
    Ok(true)
}

/// Proofs of the same work.
pub struct Proofs<'w> {
    pub work: &'w Work,
    pub srs: &'w Srs,
    pub device: &'w Best,
    /// The first one's bytes, which all others must have.
    pub first: Option<Vec<u8>>,
}

/// One of them, verified.
pub struct Proven {
    pub sample: Sample,
    statement: Statement<Fr>,
    proof: Vec<u8>,
}

impl Proofs<'_> {
    /// Holds the work's integers against the reference, proves it, and sees changed proofs refused; says how many.
    fn checked(&mut self) -> anyhow::Result<usize> {
        check::integers(self.work, &self.work.given().values(&Cpu, self.work))?;
        let Proven { statement, proof, .. } = self.next()?;
        check::changes(self.work, &statement, &proof)
    }

    /// Proves and verifies.
    pub fn next(&mut self) -> anyhow::Result<Proven> {
        match self.device {
            Best::Cuda(cuda) => self.on(cuda.kernels()),
            Best::Cpu(_) => self.on(&Cpu),
        }
    }

    fn on(&mut self, device: &impl Device) -> anyhow::Result<Proven> {
        let Self { work, srs, first, .. } = self;
        let (given, adapters) = (work.given(), work.adapters());
        let mut clock = Clock::start("witness");
        let values = given.values(device, work);
        clock.begin("columns");
        let columns = values.columns(&work.key, &adapters)?;
        clock.begin("commitments");
        let input = Input { key: &work.key, values: &values, context: &work.context };
        // the seed is no secret: this proof hides nothing
        let committed = Committed::new(device, input, &adapters, columns, &srs.powers, &[0; 32], None);
        let proof = committed.prove(device, &srs.powers, &mut |stage| clock.begin(stage));
        let statement = committed.statement.clone();
        let sample = clock.finish(|| work.key.verify(&work.pairing, &statement, &proof))?;
        anyhow::ensure!(*first.get_or_insert_with(|| proof.clone()) == proof, "two proofs of the same work differ");
        Ok(Proven { sample, statement, proof })
    }
}

/// A bench that is done.
struct Done<'w> {
    work: &'w Work,
    srs: &'w Srs,
    device: &'w Best,
    /// Changed proofs that were refused, where they were tried.
    checked: Option<usize>,
    samples: Vec<Sample>,
    proof: Vec<u8>,
}

impl Done<'_> {
    fn fastest(&self) -> &Sample {
        self.samples.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("at least one")
    }

    fn ms_per_row_module(&self) -> f64 {
        let s = &self.work.sizes;
        self.fastest().seconds * 1e3 / (s.rows() * s.modules) as f64
    }

    fn json(&self) -> serde_json::Value {
        let (s, key, best) = (&self.work.sizes, &self.work.key, self.fastest());
        json!({
            "module": { "in": s.d_in, "rank": s.rank, "out": s.d_out }, "modules": s.modules, "slots": s.slots,
            "rows": s.rows(), "requests": s.requests, "clusters": s.clusters, "deltas": s.deltas, "seed": s.seed,
            "chunks": key.layout.chunks(), "chunk": 1u64 << key.layout.chunk_vars(), "range": 1u64 << key.parts.range,
            "checked": self.checked.is_some(), "changed_proofs_refused": self.checked,
            "stages": best.stages_json(), "seconds": best.seconds, "cpu_seconds": best.cpu_seconds,
            "ms_per_row_module": self.ms_per_row_module(),
            "samples": self.samples.iter().map(Sample::json).collect::<Vec<_>>(),
            "proof_bytes": self.proof.len(), "proof_blake3": blake3::hash(&self.proof).to_string(),
            "peak_kib": peak_kib(), "threads": rayon::current_num_threads(), "srs": self.srs.origin.to_string(),
            "device": self.device.line(),
        })
    }

    fn print(&self) {
        let (s, key, best) = (&self.work.sizes, &self.work.key, self.fastest());
        say(format_args!(
            "{}×{}×{}, {} modules, {} slots, {} rows in {} requests each, {} clusters; {} chunks, the largest of 2^{} coefficients, ranges of 2^{}",
            s.d_in,
            s.rank,
            s.d_out,
            s.modules,
            s.slots,
            s.rows(),
            s.requests,
            s.clusters,
            key.layout.chunks(),
            key.layout.chunk_vars(),
            key.parts.range
        ));
        say(format_args!("reference string: {}", self.srs.origin));
        say(format_args!("device: {}", self.device.line()));
        match self.checked {
            Some(n) => println!("integers: as the reference in the clear; {n} changed proofs: refused"),
            None => println!("integers and changed proofs: not checked"),
        }
        best.print();
        println!(
            "proved in {:.2} s, {} of processors, {:.3} ms per row and module, the fastest of {}; {} bytes, peak memory {} KiB; verified",
            best.seconds,
            best.cpu(),
            self.ms_per_row_module(),
            self.samples.len(),
            self.proof.len(),
            peak_kib().map_or("unknown".into(), |k| k.to_string())
        );
    }
}
