//! `talea bench argument`.

use serde_json::{Value, json};
use talea_circuits::{
    matrix::{Key, Matrices, Shape, Sizes},
    opening::PairingKey,
};
use talea_gpu::{Cpu, Device, cuda::Best};
use talea_srs::Srs;
use talea_witness::error::Error;

use super::{
    clock::{Clock, Sample, peak_kib},
    work::numbers,
};
use crate::{cli::bench::ArgumentArgs, commands::print_json, output::say};

pub fn run(args: &ArgumentArgs, device: &Best, json: bool) -> anyhow::Result<bool> {
    let (srs, _) = Srs::open(&args.srs)?;
    let (shape, sizes) = sizes(args, &srs)?;
    let key = Key::new(shape, sizes)?;
    let x = numbers(args.seed, "x", [0, 0], 1 << (shape.tokens + shape.width));
    // 15 + 15 bits and up to 2^8 terms fit U's 24 bits after rounding; longer rows get smaller weights
    let by = shape.width.saturating_sub(8).min(15);
    let a = numbers(args.seed, "a", [0, 0], 1 << (shape.rank + shape.width)).into_iter().map(|a| a >> by).collect();
    let mut clock = Clock::start("witness");
    let matrices = Matrices::new(&key, x, a)?;
    // the seed is no secret: this proof hides nothing
    let mut begin = |stage| clock.begin(stage);
    let proof = match device {
        Best::Cuda(cuda) => {
            cuda.kernels().keep(&srs.powers);
            matrices.prove_in_stages(cuda.kernels(), &srs.powers, &[0; 32], &mut begin)
        }
        Best::Cpu(_) => matrices.prove_in_stages(&Cpu, &srs.powers, &[0; 32], &mut begin),
    };
    let sample = clock.finish(|| key.verify(&PairingKey { tau: srs.tau }, &proof))?;
    let mut facts = sample.json();
    facts.as_object_mut().expect("a sample is one").extend([
        ("shape".into(), json!({ "tokens": 1 << shape.tokens, "rank": 1 << shape.rank, "width": 1 << shape.width })),
        ("seed".into(), args.seed.into()),
        ("chunk".into(), json!(1u64 << sizes.chunk)),
        ("range".into(), json!(1u64 << sizes.range)),
        ("chunks".into(), key.layout().chunks().into()),
        ("leaves".into(), json!(1u64 << key.lookups().vars())),
        ("proof_bytes".into(), proof.len().into()),
        ("proof_blake3".into(), blake3::hash(&proof).to_string().into()),
        ("peak_kib".into(), json!(peak_kib())),
        ("threads".into(), rayon::current_num_threads().into()),
        ("device".into(), device.line().into()),
        ("srs".into(), srs.origin.to_string().into()),
    ]);
    match json {
        true => print_json(&facts),
        false => print(&facts, &sample),
    }
    Ok(true)
}

/// Refuses what the reference string is too small for.
fn sizes(args: &ArgumentArgs, srs: &Srs) -> talea_witness::Result<(Shape, Sizes)> {
    let bad = |field: &str, found: String, expected: &str| Err(Error::input("bench", field, found, expected));
    let &[tokens, rank, width] = args.shape.as_slice() else {
        return bad("--shape", format!("{:?}", args.shape), "T,R,W");
    };
    if tokens.max(rank).max(width) > 30 || tokens + rank + width > 30 {
        return bad("--shape", format!("{:?}", args.shape), "T + R + W at most 30");
    }
    let shape = Shape { tokens, rank, width };
    let mut sizes = Sizes::of(shape);
    sizes.chunk = args.chunk.unwrap_or(sizes.chunk);
    if sizes.chunk > srs.k() as usize {
        let expected = format!("chunks of at most the reference string's 2^{}", srs.k());
        return bad("sizes", format!("chunks of 2^{}", sizes.chunk), &expected);
    }
    Ok((shape, sizes))
}

fn print(facts: &Value, sample: &Sample) {
    say(format_args!(
        "U = X·A rounded, with range checks: {} tokens, rank {}, width {}; {} chunks of {} coefficients, {} leaves, {} threads",
        facts["shape"]["tokens"],
        facts["shape"]["rank"],
        facts["shape"]["width"],
        facts["chunks"],
        facts["chunk"],
        facts["leaves"],
        facts["threads"]
    ));
    say(format_args!("reference string: {}", facts["srs"].as_str().unwrap_or("")));
    say(format_args!("device: {}", facts["device"].as_str().unwrap_or("")));
    sample.print();
    println!(
        "proved in {:.2} s, {} of processors; {} bytes, peak memory {} KiB; verified",
        sample.seconds,
        sample.cpu(),
        facts["proof_bytes"],
        facts["peak_kib"]
    );
}
