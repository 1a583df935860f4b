//! `talea wrap keys|prove|verify`

use std::{path::Path, sync::Arc, time::Instant};

use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use talea_circuits::{
    relations::Key,
    wrap::{
        Params, VerifyingKey,
        arithmetic::Part,
        keys::{Circuit, Keys, NoCircuit, verifying, write_verifying},
        proof::{Wrapped, length, public},
        solidity::source,
    },
};
use talea_contracts::compiled::of_source;
use talea_formats::proof::{BatchProof, WrappedProof};
use talea_gpu::cuda::Best;
use talea_srs::{Srs, check::check};
use talea_witness::{
    artefact::{hex, load, save},
    error::Error,
    network::Network,
};

use super::{
    commit::{enough, secret},
    print_json,
    proof::{statement_json, trust_of},
    verify::{Refused, check_attestation, check_statement},
};
use crate::{
    cli::WrapCommand,
    device::{self, DeviceArgs},
    folder::Folder,
    onchain,
    output::{Trust, bar, checksummed, labels_json, print_labels, say, table},
    proving,
    settling::open_network,
    wrapping::{self, KeyFolder, pairing},
};

/// Runs the command.
pub fn run(command: &WrapCommand, device: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    match command {
        WrapCommand::Keys { out, srs, keys, layout, rebuild } => {
            let (srs, _) = Srs::open(srs)?;
            let (_, key) = proof_of(out, &srs)?;
            let circuit = wrapping::circuit(&key, wrapping::plan(layout)?)?;
            let made = keys_of(&srs, &key, &circuit, keys, *rebuild, false)?;
            if json {
                print_json(&made.json(&circuit));
            } else {
                made.print(&circuit, keys);
                println!("for batches of the shape of {}", Folder::at(out).proof().display());
            }
            Ok(true)
        }
        WrapCommand::Prove { network, out, srs, keys, layout } => {
            let folder = Folder::lock(out)?;
            let network = open_network(network, &folder)?;
            let (srs, _) = Srs::open(srs)?;
            let device = Arc::new(device.open()?);
            let done = prove(&folder, &srs, &Job { keys, layout, known: false, device: &device })?;
            let trust = trust_of(&network, &done.file.statement, done.file.attestation.as_ref());
            if json {
                print_json(&facts(&done, &srs, trust));
            } else {
                print(&done, &folder.wrapped(), keys, &srs);
                print_labels(trust);
            }
            Ok(true)
        }
        WrapCommand::Verify { network, out, srs, keys, evm, check_key, trust_key } => {
            let trust_key = trust_key.as_deref();
            verify(&Verify { network, out, srs, keys, evm: *evm, check_key: *check_key, trust_key }, json)
        }
    }
}

/// A batch's proof, and the key of its shape.
fn proof_of(out: &Path, srs: &Srs) -> anyhow::Result<(BatchProof, Key)> {
    let path = Folder::at(out).proof();
    let (proof, _) = load::<BatchProof>(&path)?;
    let expected = "sizes within the bounds of docs/semantics.md §9";
    let key = Key::new(proving::shape(&proof.statement.sizes), &pairing(srs))
        .map_err(|e| Error::input(path.display(), "sizes", e, expected))?;
    Ok((proof, key))
}

/// Keys, and what they cost.
pub struct Made {
    /// The keys.
    pub keys: Keys,
    fresh: bool,
    seconds: f64,
}

/// Keys that are there, or new ones of a reference string that is known to be one or found to be.
pub fn keys_of(
    srs: &Srs, key: &Key, circuit: &Circuit, folder: &Path, rebuild: bool, known: bool,
) -> anyhow::Result<Made> {
    enough(srs, circuit.k() as usize)?;
    let params = wrapping::params(srs, circuit.k())?;
    let progress = bar(format!("wrap: keys of 2^{} rows", circuit.k()));
    let (start, folder) = (Instant::now(), KeyFolder(folder));
    let kept = if rebuild { None } else { folder.open_or_say(circuit)? };
    let (keys, fresh) = match kept {
        Some(keys) => (keys, false),
        None => {
            // a verifying key is a sum of its points: wrong ones can make it another circuit's
            if !known {
                check("--srs", srs)?;
            }
            (folder.make(key, circuit.sizes.plan, &params)?, true)
        }
    };
    progress.finish_and_clear();
    Ok(Made { keys, fresh, seconds: start.elapsed().as_secs_f64() })
}

impl Made {
    fn json(&self, circuit: &Circuit) -> Value {
        json!({ "circuit": circuit_json(circuit), "made": self.fresh, "seconds": self.seconds })
    }

    fn print(&self, circuit: &Circuit, folder: &Path) {
        let file = KeyFolder(folder).file(circuit, "keys");
        let how = if self.fresh { "made" } else { "read" };
        say(format_args!("\nKeys of the wrap   {}   {how} in {:.1} s", file.display(), self.seconds));
        print_circuit(circuit);
    }
}

/// Sizes of a circuit as JSON.
fn circuit_json(circuit: &Circuit) -> Value {
    let (c, p) = (&circuit.sizes.cells, &circuit.sizes.params);
    let part = |p: Part| json!({ "advice": p.advice, "lookups": p.lookups });
    json!({
        "digest": hex(&circuit.digest), "layout": circuit.sizes.plan.name(), "k": p.k,
        "advice_columns": p.num_advice_per_phase, "lookup_columns": p.num_lookup_advice_per_phase, "lookup_bits": p.lookup_bits,
        "cells": {
            "all": part(c.total), "permutations": part(c.permutations), "permutations_count": c.permuted,
            "points": part(c.points), "points_count": c.read, "weights": part(c.weights), "sums": part(c.sums),
            "equations": part(c.equations()),
        },
    })
}

fn print_circuit(circuit: &Circuit) {
    let (c, p) = (&circuit.sizes.cells, &circuit.sizes.params);
    let advice: usize = p.num_advice_per_phase.iter().sum();
    let lookups: usize = p.num_lookup_advice_per_phase.iter().sum();
    println!(
        "layout {}: 2^{} rows, {advice} columns of advice, {lookups} for range checks; circuit {}",
        circuit.sizes.plan.name(),
        p.k,
        hex(&circuit.digest)
    );
    let rows = [
        (format!("{} Poseidon permutations", c.permuted), c.permutations),
        (format!("{} points read", c.read), c.points),
        ("weights of 128 bits".into(), c.weights),
        ("the sum of points".into(), c.sums),
        ("equations, digest, fingerprint".into(), c.equations()),
        ("all".into(), c.total),
    ];
    let row = |(what, part): (String, Part)| {
        let share = format!("{:.1} %", part.advice as f64 / c.total.advice as f64 * 100.0);
        [what, part.advice.to_string(), share, part.lookups.to_string()]
    };
    table(["cells for", "advice", "of all", "range checks"], &[1, 2, 3], rows.into_iter().map(row));
}

/// What to wrap with.
pub struct Job<'j> {
    /// Folder of keys.
    pub keys: &'j Path,
    /// Name of the layout.
    pub layout: &'j str,
    /// Is the reference string known to be one? If not it is checked before keys are made of it.
    pub known: bool,
    /// What commitments are made on.
    pub device: &'j Arc<Best>,
}

/// A wrap as it was written, and what it cost.
pub struct Done {
    /// The file's content.
    pub file: WrappedProof,
    digest: [u8; 32],
    circuit: Circuit,
    made: Made,
    seconds: f64,
    verified: f64,
    /// The contract's answer, where its code is at hand.
    evm: Result<onchain::Report, String>,
    device: String,
}

/// Wraps the folder's proof; writes nothing that does not verify.
pub fn prove(folder: &Folder, srs: &Srs, job: &Job<'_>) -> anyhow::Result<Done> {
    let path = folder.proof();
    let (proof, key) = proof_of(&folder.path, srs)?;
    let statement = proving::statement(&path, &proof.statement)?;
    let pairing = pairing(srs);
    key.verify(&pairing, &statement, &proof.proof)
        .map_err(|e| Error::input(path.display(), "proof", e, "a proof of its statement"))?;
    let circuit = wrapping::circuit(&key, wrapping::plan(job.layout)?)?;
    let made = keys_of(srs, &key, &circuit, job.keys, false, job.known)?;
    let mut params = wrapping::params(srs, circuit.k())?;
    let progress = bar(format!("wrap: proving 2^{} rows", circuit.k()));
    let attempt = |params: &Params| -> anyhow::Result<(Wrapped, f64, f64)> {
        let start = Instant::now();
        // fresh each time: blinding that two proofs of one witness share would no longer hide it
        let rng = StdRng::from_seed(secret(None)?);
        let wrapped = Wrapped::new(&made.keys, params, &key, &statement, &proof.proof, rng)?;
        let (seconds, start) = (start.elapsed().as_secs_f64(), Instant::now());
        wrapped
            .verify(made.keys.verifying(), params, &pairing, &statement.words())
            .map_err(|e| anyhow::anyhow!("the wrap does not verify: {e}"))?;
        Ok((wrapped, seconds, start.elapsed().as_secs_f64()))
    };
    params = params.on(job.device.clone());
    let tried = match &**job.device {
        Best::Cuda(cuda) => device::attempt(cuda, || attempt(&params)),
        Best::Cpu(_) => Err(job.device.line()),
    };
    let ((wrapped, seconds, verified), device) = match tried {
        Ok(done) => (done, job.device.line()),
        Err(cpu) => {
            params = params.on_cpu();
            (attempt(&params)?, cpu)
        }
    };
    progress.finish_and_clear();
    let file = WrappedProof {
        statement: proof.statement,
        layout: job.layout.into(),
        circuit: circuit.digest,
        accumulator: wrapped.accumulator.iter().map(proving::bytes).collect(),
        digest: proving::bytes(&public(&statement.words())[0]),
        proof: wrapped.proof,
        attestation: proof.attestation,
    };
    let verifying = made.keys.verifying();
    let evm = onchain::check(&file, &source(&params, verifying, &circuit), length(verifying, &params));
    let digest = save(&folder.wrapped(), &file)?;
    Ok(Done { file, digest, circuit, made, seconds, verified, evm, device })
}

/// What the wrap hides, and from whom.
const HIDES: &str =
    "The wrap is zero knowledge to whoever does not know the batch's salts: it shows the statement and nothing else.";

/// A wrap and its costs as JSON.
pub fn facts(d: &Done, srs: &Srs, trust: Trust) -> Value {
    json!({
        "blake3": hex(&d.digest), "proof_bytes": d.file.proof.len(), "keys": d.made.json(&d.circuit),
        "seconds": d.seconds, "verify_seconds": d.verified, "peak_kib": super::bench::peak_kib(),
        "evm": onchain::json(&d.evm), "device": d.device, "srs": srs.origin.to_string(), "labels": labels_json(trust),
    })
}

/// The same as text.
pub fn print(d: &Done, file: &Path, keys: &Path, srs: &Srs) {
    d.made.print(&d.circuit, keys);
    say(format_args!("\nWrap of the proof   {}   blake3 {}", file.display(), hex(&d.digest)));
    say(format_args!("reference string: {}", srs.origin));
    say(format_args!("device: {}", d.device));
    let peak = super::bench::peak_kib().map_or("unknown".into(), |k| format!("{} MiB", k / 1024));
    println!(
        "proved in {:.1} s, verified in {:.1} ms; {} bytes; peak memory {peak}; {} threads",
        d.seconds,
        d.verified * 1e3,
        d.file.proof.len(),
        rayon::current_num_threads()
    );
    onchain::print(&d.evm);
    println!("{}", HIDES);
}

fn verify(args: &Verify<'_>, json: bool) -> anyhow::Result<bool> {
    let folder = Folder::at(args.out);
    let network = open_network(args.network, &folder)?;
    let (srs, _) = Srs::open(args.srs)?;
    let path = folder.wrapped();
    let (file, blake3) = load::<WrappedProof>(&path)?;
    let start = Instant::now();
    let checked = match checked(&network, &folder, &srs, &path, &file, args) {
        Ok(done) => done,
        Err(Refused::Input(e)) => return Err(e.into()),
        Err(Refused::Proof(why)) => {
            eprintln!("REJECTED: {why}");
            return Ok(false);
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let report = args.evm.then(|| {
        let params = Params::for_verifying(checked.circuit.k(), &srs.tau);
        onchain::check(&file, &source(&params, &checked.key, &checked.circuit), length(&checked.key, &params))
    });
    let accepted = report.as_ref().is_none_or(|r| r.is_ok());
    let key_file = KeyFolder(args.keys).file(&checked.circuit, "verifying").display().to_string();
    let key = talea_witness::artefact::digest(&write_verifying(&checked.key));
    let p = &file.statement;
    if json {
        print_json(&json!({
            "accepted": accepted, "blake3": hex(&blake3), "seconds": seconds, "srs": srs.origin.to_string(),
            "circuit": circuit_json(&checked.circuit),
            "verifying_key": { "file": key_file, "blake3": hex(&key), "known_by": checked.known_by },
            "evm": report.as_ref().map(onchain::json), "statement": statement_json(p), "labels": labels_json(checked.trust),
        }));
        return Ok(accepted);
    }
    let said = if accepted { "ACCEPTED" } else { "NOT VERIFIED by the contract, though accepted natively:" };
    say(format_args!(
        "{said}   {}   blake3 {}   in {:.0} ms\nunder the verifying key {} of {key_file}, {}",
        path.display(),
        hex(&blake3),
        seconds * 1e3,
        hex(&key),
        checked.known_by
    ));
    say(format_args!("reference string: {}", srs.origin));
    say(format_args!("chain {}, node {}, nonce {}", p.chain_id, checksummed(&p.node), p.nonce));
    if let Some(report) = &report {
        onchain::print(report);
    }
    print_labels(checked.trust);
    Ok(accepted)
}

/// What `wrap verify` is given.
struct Verify<'v> {
    network: &'v Path,
    out: &'v Path,
    srs: &'v Path,
    keys: &'v Path,
    evm: bool,
    check_key: bool,
    trust_key: Option<&'v str>,
}

/// A wrap that was accepted.
struct Checked {
    trust: Trust,
    circuit: Circuit,
    key: VerifyingKey,
    /// Why the key is believed to be its circuit's.
    known_by: &'static str,
}

/// Verifies a wrap against the network, the registered commitments and the key of its circuit.
fn checked(
    network: &Network, folder: &Folder, srs: &Srs, path: &Path, file: &WrappedProof, args: &Verify<'_>,
) -> Result<Checked, Refused> {
    let no = |what: String| Refused::Proof(format!("{}: {what}", path.display()));
    // what is cheap comes first
    let wrapped = wrapping::wrapped(path, file).map_err(|e| Refused::Proof(e.to_string()))?;
    let plan = wrapping::plan(&file.layout).map_err(|e| no(e.to_string()))?;
    let (key, statement) = check_statement(network, folder, srs, path, &file.statement)?;
    if file.digest != proving::bytes(&public(&statement.words())[0]) {
        return Err(no("digest: of another statement".into()));
    }
    let trust = check_attestation(network, path, &file.statement, file.attestation.as_ref())?;
    let circuit = Circuit::new(&key, plan).map_err(|e| match e {
        NoCircuit::TooManyChunks(_) => no(format!("sizes: {e}")),
        // says nothing about the proof
        NoCircuit::Processor => Refused::from(wrapping::no_circuit(e)),
    })?;
    if file.circuit != circuit.digest {
        return Err(no(format!("circuit: found {}, expected {}", hex(&file.circuit), hex(&circuit.digest))));
    }
    let verifying_key = KeyFolder(args.keys).verifying(&circuit)?;
    let params = Params::for_verifying(circuit.k(), &srs.tau);
    let known_by = if args.check_key {
        check("--srs", srs).map_err(talea_witness::Error::from)?;
        let anew = verifying(&key, plan, &wrapping::params(srs, circuit.k())?);
        if write_verifying(&anew) != write_verifying(&verifying_key) {
            return Err(no("verifying key: the one in the folder is not the circuit's".into()));
        }
        "made anew and equal"
    } else if let Some(trusted) = args.trust_key {
        let found = hex(&talea_witness::artefact::digest(&write_verifying(&verifying_key)));
        if found != trusted.to_lowercase() {
            return Err(Error::input("--trust-key", "BLAKE3", trusted, format!("{found}, the key's")).into());
        }
        "taken as it is because --trust-key names it"
    } else if of_source(&source(&params, &verifying_key, &circuit)).is_some() {
        "whose contract is compiled into this program"
    } else {
        let file = KeyFolder(args.keys).file(&circuit, "verifying");
        let expected = "one compiled into this program, --check-key, or --trust-key BLAKE3";
        return Err(Error::input(file.display(), "key", "one that may be another circuit's", expected).into());
    };
    wrapped.verify(&verifying_key, &params, &pairing(srs), &statement.words()).map_err(|e| no(e.to_string()))?;
    Ok(Checked { trust, circuit, key: verifying_key, known_by })
}
