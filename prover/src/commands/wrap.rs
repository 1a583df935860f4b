//! `talea wrap keys|prove|verify`

use std::{path::Path, time::Instant};

use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use talea_circuits::{
    relations::Key,
    wrap::{
        keys::{Circuit, Keys, verifier_params},
        proof::{Wrapped, public},
    },
};
use talea_formats::proof::{BatchProof, WrappedProof};
use talea_srs::Srs;
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
    folder::Folder,
    onchain,
    output::{Trust, bar, checksummed, labels_json, print_labels, say, table},
    proving,
    wrapping::{self, KeyFolder, pairing},
};

/// Runs the command.
pub fn run(command: &WrapCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        WrapCommand::Keys { out, srs, keys, layout, rebuild } => {
            let (srs, _) = Srs::open(srs)?;
            let (proof, key) = proof_of(out, &srs)?;
            let circuit = Circuit::new(&key, wrapping::plan(layout)?);
            let made = keys_of(&srs, &key, &circuit, keys, *rebuild)?;
            if json {
                print_json(&made.json(&circuit));
            } else {
                made.print(&circuit, keys);
                println!("for batches of the shape of {}", Folder::at(out).proof().display());
            }
            drop(proof);
            Ok(true)
        }
        WrapCommand::Prove { network, out, srs, keys, layout, seed } => {
            let network = Network::open(network)?;
            let (srs, _) = Srs::open(srs)?;
            let folder = Folder::lock(out)?;
            let seed = secret(seed.as_deref())?;
            let done = prove(&folder, &srs, &Job { keys, layout, seed })?;
            let trust = trust_of(&network, &done.file.statement, done.file.attestation.as_ref());
            if json {
                print_json(&facts(&done, &srs, trust));
            } else {
                print(&done, &folder.wrapped(), keys, &srs);
                print_labels(trust);
            }
            Ok(true)
        }
        WrapCommand::Verify { network, out, srs, keys, evm } => verify(network, out, srs, keys, *evm, json),
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
struct Made {
    keys: Keys,
    fresh: bool,
    seconds: f64,
}

fn keys_of(srs: &Srs, key: &Key, circuit: &Circuit, folder: &Path, rebuild: bool) -> anyhow::Result<Made> {
    enough(srs, circuit.k() as usize)?;
    let params = wrapping::params(srs, circuit.k())?;
    let progress = bar(format!("wrap: keys of 2^{} rows", circuit.k()));
    let (start, folder) = (Instant::now(), KeyFolder(folder));
    let (keys, fresh) = match rebuild {
        true => (folder.make(key, circuit.sizes.plan, &params)?, true),
        false => folder.open_or_make(key, circuit, &params)?,
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
    json!({
        "digest": hex(&circuit.digest), "layout": circuit.sizes.plan.name(), "k": p.k,
        "advice_columns": p.num_advice_per_phase, "lookup_columns": p.num_lookup_advice_per_phase, "lookup_bits": p.lookup_bits,
        "cells": {
            "advice": c.total, "permutations": c.permutations, "permutations_count": c.permuted, "points": c.points,
            "points_count": c.read, "weights": c.weights, "sums": c.sums, "equations": c.equations(), "lookups": c.lookups,
        },
    })
}

fn print_circuit(circuit: &Circuit) {
    let (c, p) = (&circuit.sizes.cells, &circuit.sizes.params);
    let advice: usize = p.num_advice_per_phase.iter().sum();
    let lookups: usize = p.num_lookup_advice_per_phase.iter().sum();
    println!(
        "layout {}: 2^{} rows, {advice} columns of advice, {lookups} for {} range checks; circuit {}",
        circuit.sizes.plan.name(),
        p.k,
        c.lookups,
        hex(&circuit.digest)
    );
    let share = |n: usize| [n.to_string(), format!("{:.1} %", n as f64 / c.total as f64 * 100.0)];
    let rows = [
        (format!("{} Poseidon permutations", c.permuted), c.permutations),
        (format!("{} points read", c.read), c.points),
        ("weights of 128 bits".into(), c.weights),
        ("the sum of points".into(), c.sums),
        ("equations, digest, fingerprint".into(), c.equations()),
        ("all".into(), c.total),
    ];
    table(
        ["cells of advice for", "cells", "of all"],
        &[1, 2],
        rows.into_iter().map(|(what, n)| {
            let [cells, share] = share(n);
            [what, cells, share]
        }),
    );
}

/// What to wrap with.
pub struct Job<'j> {
    /// Folder of keys.
    pub keys: &'j Path,
    /// Name of the layout.
    pub layout: &'j str,
    /// Secret bytes that hide the proof.
    pub seed: [u8; 32],
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
}

/// Wraps the folder's proof; writes nothing that does not verify.
pub fn prove(folder: &Folder, srs: &Srs, job: &Job<'_>) -> anyhow::Result<Done> {
    let path = folder.proof();
    let (proof, key) = proof_of(&folder.path, srs)?;
    let statement = proving::statement(&path, &proof.statement)?;
    let pairing = pairing(srs);
    key.verify(&pairing, &statement, &proof.proof)
        .map_err(|e| Error::input(path.display(), "proof", e, "a proof of its statement"))?;
    let circuit = Circuit::new(&key, wrapping::plan(job.layout)?);
    let made = keys_of(srs, &key, &circuit, job.keys, false)?;
    let params = wrapping::params(srs, circuit.k())?;
    let progress = bar(format!("wrap: proving 2^{} rows", circuit.k()));
    let start = Instant::now();
    // the same seed may hide several proofs: what it hides decides, too
    let seed = blake3::keyed_hash(&job.seed, &[circuit.digest.as_slice(), &proof.proof].concat());
    let wrapped =
        Wrapped::new(&made.keys, &params, &key, &statement, &proof.proof, StdRng::from_seed(*seed.as_bytes()))?;
    let seconds = start.elapsed().as_secs_f64();
    progress.finish_and_clear();
    let start = Instant::now();
    wrapped
        .verify(made.keys.verifying(), &params, &pairing, &statement.words())
        .map_err(|e| anyhow::anyhow!("the wrap does not verify: {e}"))?;
    let verified = start.elapsed().as_secs_f64();
    let file = WrappedProof {
        statement: proof.statement,
        layout: job.layout.into(),
        circuit: circuit.digest,
        accumulator: wrapped.accumulator.iter().map(proving::bytes).collect(),
        digest: proving::bytes(&public(&statement.words())[0]),
        proof: wrapped.proof,
        attestation: proof.attestation,
    };
    let source = talea_witness::error::read(&KeyFolder(job.keys).file(&circuit, "sol"))?;
    let evm = onchain::check(&file, &String::from_utf8_lossy(&source));
    let digest = save(&folder.wrapped(), &file)?;
    Ok(Done { file, digest, circuit, made, seconds, verified, evm })
}

/// A wrap and its costs as JSON.
pub fn facts(d: &Done, srs: &Srs, trust: Trust) -> Value {
    json!({
        "blake3": hex(&d.digest), "proof_bytes": d.file.proof.len(), "keys": d.made.json(&d.circuit),
        "seconds": d.seconds, "verify_seconds": d.verified, "peak_kib": super::bench::peak_kib(),
        "evm": onchain::json(&d.evm), "srs": srs.origin.to_string(), "labels": labels_json(trust),
    })
}

/// The same as text.
pub fn print(d: &Done, file: &Path, keys: &Path, srs: &Srs) {
    d.made.print(&d.circuit, keys);
    say(format_args!("\nWrap of the proof   {}   blake3 {}", file.display(), hex(&d.digest)));
    say(format_args!("reference string: {}", srs.origin));
    let peak = super::bench::peak_kib().map_or("unknown".into(), |k| format!("{} MiB", k / 1024));
    println!(
        "proved in {:.1} s, verified in {:.1} ms; {} bytes; peak memory {peak}; {} threads",
        d.seconds,
        d.verified * 1e3,
        d.file.proof.len(),
        rayon::current_num_threads()
    );
    onchain::print(&d.evm);
    println!("The wrap is zero knowledge: it shows the statement and nothing else of the batch.");
}

fn verify(network: &Path, out: &Path, srs: &Path, keys: &Path, evm: bool, json: bool) -> anyhow::Result<bool> {
    let network = Network::open(network)?;
    let (srs, _) = Srs::open(srs)?;
    let folder = Folder::at(out);
    let path = folder.wrapped();
    let (file, blake3) = load::<WrappedProof>(&path)?;
    let checked = || -> Result<(Trust, Circuit), Refused> {
        let (key, statement) = check_statement(&network, &folder, &srs, &path, &file.statement)?;
        let no = |what: String| Refused::Proof(format!("{}: {what}", path.display()));
        let circuit = Circuit::new(&key, wrapping::plan(&file.layout).map_err(|e| no(e.to_string()))?);
        if file.circuit != circuit.digest {
            let found = hex(&file.circuit);
            return Err(no(format!("circuit: found {found}, expected {}", hex(&circuit.digest))));
        }
        let verifying = KeyFolder(keys).verifying(&circuit)?;
        if file.digest != proving::bytes(&public(&statement.words())[0]) {
            return Err(no("digest: of another statement".into()));
        }
        let wrapped = wrapping::wrapped(&path, &file).map_err(|e| no(e.to_string()))?;
        let params = verifier_params(circuit.k(), &srs.tau);
        wrapped.verify(&verifying, &params, &pairing(&srs), &statement.words()).map_err(|e| no(e.to_string()))?;
        let trust = check_attestation(&network, &path, &file.statement, file.attestation.as_ref())?;
        Ok((trust, circuit))
    };
    let start = Instant::now();
    let (trust, circuit) = match checked() {
        Ok(done) => done,
        Err(Refused::Input(e)) => return Err(e.into()),
        Err(Refused::Proof(why)) => {
            eprintln!("REJECTED: {why}");
            return Ok(false);
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let report = match evm {
        true => {
            let source = talea_witness::error::read(&KeyFolder(keys).file(&circuit, "sol"))?;
            Some(onchain::check(&file, &String::from_utf8_lossy(&source)))
        }
        false => None,
    };
    let key_file = KeyFolder(keys).file(&circuit, "verifying");
    let p = &file.statement;
    if json {
        print_json(&json!({
            "accepted": true, "blake3": hex(&blake3), "seconds": seconds, "srs": srs.origin.to_string(),
            "circuit": circuit_json(&circuit), "verifying_key": key_file.display().to_string(),
            "evm": report.as_ref().map(onchain::json), "statement": statement_json(p), "labels": labels_json(trust),
        }));
    } else {
        say(format_args!("ACCEPTED   {}   blake3 {}   in {:.0} ms", path.display(), hex(&blake3), seconds * 1e3));
        say(format_args!("reference string: {}", srs.origin));
        say(format_args!("chain {}, node {}, nonce {}", p.chain_id, checksummed(&p.node), p.nonce));
        println!("verifying key: {}, taken as it is; `talea wrap keys --rebuild` makes it anew", key_file.display());
        if let Some(report) = &report {
            onchain::print(report);
        }
        print_labels(trust);
    }
    Ok(report.is_none_or(|r| r.is_ok()))
}
