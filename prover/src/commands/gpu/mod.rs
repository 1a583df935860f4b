//! `talea gpu`: devices, what runs where, a test of every kernel, a bench.

mod bench;
mod trials;

use bench::Benched;
use serde_json::{Value, json};
use talea_gpu::cuda::{self, Best, IMAGE, Listed, NoCuda};

use super::print_json;
use crate::{
    cli::gpu::GpuArgs,
    device::DeviceArgs,
    output::{say, table},
};

/// What a proof is made of, and where.
const WHERE: [(&str, bool, &str); 9] = [
    ("integers of the adapter path: X·A, U·B", true, "exact products"),
    ("commitments", true, "sums of multiples of the powers, which stay there"),
    ("matrix products", true, "columns folded at the challenges"),
    ("lookups", true, "leaves, layers and rounds of the tree of fractions"),
    ("opening", true, "rounds over all columns, Mercury"),
    ("weights and payouts", false, "zero-checks: their equations are Rust, their columns short"),
    ("transcript, what is shorter than 4,096, verification", false, ""),
    ("the wrap: commitments", true, "sums of multiples; those of the openings are halo2's"),
    ("the wrap: all else; adapters' commitments", false, ""),
];

pub fn run(args: &GpuArgs, flags: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    // before one is ours
    let seen = |device: Listed| Seen { taken: device.is_taken(), device };
    let listed = cuda::list().map(|all| all.into_iter().map(seen).collect());
    let device = flags.open()?;
    let tested = match args.self_test {
        true => {
            let number = bench::cuda(&device, "--self-test")?.number();
            Some(bench::self_test(flags, number, args.quick)?)
        }
        false => None,
    };
    let benched = args.bench.then(|| bench::bench(&device, args.quick)).transpose()?;
    if json {
        let mut all = facts(&device, &listed);
        if let Some(tested) = &tested {
            all["self_test"] = json!({ "trials": tested.trials, "different": tested.different });
        }
        if let Some(benched) = &benched {
            all["bench"] = benched.json();
        }
        print_json(&all);
    } else {
        print(&device, &listed);
        if let Some(tested) = &tested {
            tested.different.iter().for_each(|what| say(format_args!("differs from the CPU: {what}")));
            println!("self-test: {} trials, {} differ", tested.trials, tested.different.len());
        }
        benched.iter().for_each(Benched::print);
    }
    Ok(tested.is_none_or(|t| t.different.is_empty()))
}

/// A device, and whether another process works on it.
struct Seen {
    device: Listed,
    taken: bool,
}

fn facts(device: &Best, listed: &Result<Vec<Seen>, NoCuda>) -> Value {
    let of = |Seen { device: d, taken }: &Seen| {
        json!({
            "number": d.number, "name": d.name, "place": d.place, "taken": taken,
            "free_bytes": d.memory.as_ref().ok().map(|m| m[0]), "bytes": d.memory.as_ref().ok().map(|m| m[1]),
            "error": d.memory.as_ref().err().map(ToString::to_string),
        })
    };
    let at = |cuda: bool| if cuda && matches!(device, Best::Cuda(_)) { "CUDA" } else { "CPU" };
    json!({
        "device": device.line(),
        "kernel_bytes": IMAGE.len(),
        "devices": listed.as_ref().map_or_else(|_| Vec::new(), |all| all.iter().map(of).collect()),
        "no_devices": listed.as_ref().err().map(ToString::to_string),
        "where": WHERE.iter().map(|(what, cuda, how)| json!({ "what": what, "on": at(*cuda), "how": how })).collect::<Vec<_>>(),
    })
}

fn print(device: &Best, listed: &Result<Vec<Seen>, NoCuda>) {
    match listed {
        Err(why) => say(format_args!("CUDA devices: none; {why}")),
        Ok(all) => table(
            ["device", "name", "place", "free MiB", "MiB", ""],
            &[3, 4],
            all.iter().map(|Seen { device: d, taken }| {
                let mib = |i: usize| d.memory.as_ref().map_or("–".into(), |m| (m[i] >> 20).to_string());
                let state = match &d.memory {
                    Err(e) => e.to_string(),
                    Ok(_) if *taken => "another process proves on it".into(),
                    Ok(_) => String::new(),
                };
                [format!("cuda:{}", d.number), d.name.clone(), d.place.clone(), mib(0), mib(1), state]
            }),
        ),
    }
    match IMAGE.len() {
        0 => println!("kernels: none in this build"),
        n => println!("kernels: {} KiB, for sm_80, sm_90 and what is newer", n >> 10),
    }
    say(format_args!("proofs are made on: {}", device.line()));
    let cuda = matches!(device, Best::Cuda(_));
    table(
        ["what", "where", "how"],
        &[],
        WHERE.map(|(what, there, how)| [what.into(), if there && cuda { "CUDA" } else { "CPU" }.into(), how.into()]),
    );
}
