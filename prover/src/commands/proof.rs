//! `talea batch prove`, and what a proof's file says.

use std::{collections::BTreeMap, path::Path, time::Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use talea_circuits::{
    Fr, G1Affine, Rejection,
    opening::PairingKey,
    relations::{
        Key,
        parts::Parts,
        prover::{Commitments, Committed, Context, Input},
        registered::Registered,
        statement::{SlotStatement, Statement},
        values::Values,
    },
};
use talea_formats::proof::{
    AdapterSizes, Attestation, BatchProof, BatchStatement, Payouts, ProvenSizes, ProvenSlot, SignedAttestation,
};
use talea_gpu::{Device, cuda::Best};
use talea_srs::Srs;
use talea_witness::{
    Result,
    adapter::quantise::IntAdapter,
    artefact::{digest, encode, hex, load, save},
    batch::Batch,
    error::{Error, read},
    network::Network,
    receipts::{Receipts, Signed as _, sign, verify as check_signature},
    trace::IntTrace,
};

use super::{
    checkpoint::{Checkpoint, resume},
    commit::{enough, open_committed, secret},
    print_json,
};
use crate::{
    cli::BatchCommand,
    device::{self, DeviceArgs, Work},
    folder::Folder,
    output::{ProofTrust, Trust, bar, checksummed, labels_json, print_labels, say, table},
    proving::{self, Registry},
    settling::{self, open_network},
};

/// What to prove, and how.
pub struct Job<'j> {
    /// Reference string.
    pub srs: &'j Srs,
    /// The batch's number at its node.
    pub nonce: u64,
    /// Prove outputs too?
    pub deltas: bool,
    /// Secret bytes, or the stopped run to go on from.
    pub seed: Option<[u8; 32]>,
    /// What it is proven on.
    pub device: &'j Best,
}

/// A proof as it was written, and what it cost.
pub struct Proven {
    /// The file's content.
    pub file: BatchProof,
    /// Its BLAKE3.
    pub digest: [u8; 32],
    stages: Vec<(&'static str, f64)>,
    rows: usize,
    device: String,
}

/// Measures stages.
struct Clock {
    stages: Vec<(&'static str, f64)>,
    running: Option<(&'static str, Instant)>,
    progress: indicatif::ProgressBar,
}

impl Clock {
    fn begin(&mut self, name: &'static str) {
        self.end();
        self.progress.set_message(format!("proving: {name}"));
        self.progress.inc(1);
        self.running = Some((name, Instant::now()));
    }

    /// What was done so far was for nothing.
    fn lost(&mut self) {
        self.end();
        let seconds = self.stages.drain(..).map(|stage| stage.1).sum();
        self.stages.push(("begun in vain", seconds));
    }

    fn end(&mut self) {
        if let Some((name, since)) = self.running.take() {
            self.stages.push((name, since.elapsed().as_secs_f64()));
        }
    }
}

/// Proves the folder's batch, verifies the proof and writes it.
pub fn run(network: &Network, folder: &Folder, job: &Job<'_>) -> anyhow::Result<Proven> {
    let progress = bar("proving: reading".into());
    progress.set_length(8);
    let mut clock = Clock { stages: Vec::new(), running: None, progress };
    clock.begin("reading");
    let file = folder.batch();
    let (batch, batch_digest) = load::<Batch>(&file)?;
    batch.check(&file.display().to_string())?;
    if batch.chain_id != network.chain_id || batch.node != network.node.into_array() {
        let expected = format!("chain {}, node {}", network.chain_id, network.node);
        return Err(Error::input(file.display(), "chain and node", "another's", expected).into());
    }
    if batch.adapters.len() != network.adapters.len() {
        let (found, expected) = (batch.adapters.len(), format!("the network's {}", network.adapters.len()));
        return Err(Error::input(file.display(), "adapters", found, expected).into());
    }
    proving::check_places(&file, &batch)?;
    let mut opened = Vec::new();
    for (a, own) in network.adapters.iter().zip(&batch.adapters) {
        let committed = open_committed(folder, &a.name, job.srs)?;
        if a.name != own.name || own.policy != a.policy || own.adapter != digest(&encode(&committed.2)) {
            let found = format!("an adapter {} or a policy that is not the one registered", own.name);
            return Err(
                Error::input(file.display(), "adapters", found, format!("{} as in its commitment", a.name)).into()
            );
        }
        opened.push(committed);
    }
    let sizes: Vec<AdapterSizes> = opened.iter().map(|o| o.1.clone()).collect();
    let ids: Vec<[u8; 32]> = opened.iter().map(|o| digest(&encode(&o.2))).collect();
    let registry = settling::registry(network, folder, &sizes, &ids)?;
    let proven = proving::batch_sizes(&batch, &sizes, registry.domain, job.deltas);
    let key = Key::new(proving::shape(&proven), &PairingKey { tau: job.srs.tau })?;
    enough(job.srs, key.powers())?;
    let context = Context {
        chain: batch.chain_id,
        contract: network.contract.into_array(),
        node: batch.node,
        nonce: job.nonce,
        node_slot: registry.node,
        receipts: receipts_digest(folder)?,
    };
    // what the salts are for: a seed used twice gives others
    let mut hasher = blake3::Hasher::new_derive_key("talea 1 salts of a batch");
    hasher.update(&batch_digest).update(key.digest()).update(&context.receipts).update(&context.nonce.to_le_bytes());
    let of = *hasher.finalize().as_bytes();
    let (seed, resumed) = match job.seed {
        Some(seed) => (seed, None),
        None => resume(folder, &key, &of)?,
    };
    let mut making = Making {
        folder,
        job,
        batch: &batch,
        opened: &opened,
        registry: &registry,
        key: &key,
        context: &context,
        of,
        seed,
        resumed,
        x: None,
        clock: &mut clock,
    };
    // what is wrong with files shows here, before any device has a part in it
    making.x = Some(making.rows()?);
    let (made, device) = device::run(job.device, &mut making)?;
    clock.end();
    clock.progress.finish_and_clear();
    let mut file = proof_file(network, &batch, proven, &made, &context, &registry);
    file.attestation = attest(network, folder, &batch, &file.statement)?;
    let payouts = Payouts {
        node: file.statement.node,
        nonce: file.statement.nonce,
        payouts: file.statement.payouts,
        domain: file.statement.sizes.domain,
        amounts: made.amounts.iter().map(|(slot, amount)| (*slot as u32, *amount)).collect(),
        rho: proving::bytes(&made.blinder),
    };
    save(&folder.payouts(), &payouts)?;
    let digest = save(&folder.proof(), &file)?;
    std::fs::remove_file(folder.checkpoint()).map_err(|e| Error::io(&folder.checkpoint(), e))?;
    let rows = batch.requests.iter().map(|q| q.tokens as usize).sum();
    Ok(Proven { file, digest, stages: clock.stages, rows, device })
}

/// A proof on its way.
struct Making<'m> {
    folder: &'m Folder,
    job: &'m Job<'m>,
    batch: &'m Batch,
    opened: &'m [(Registered, AdapterSizes, IntAdapter)],
    registry: &'m Registry,
    key: &'m Key,
    context: &'m Context,
    of: [u8; 32],
    seed: [u8; 32],
    /// What a stopped run left.
    resumed: Option<(Commitments, Vec<u8>)>,
    /// Rows of X, until they are used.
    x: Option<Vec<Vec<i32>>>,
    clock: &'m mut Clock,
}

/// A proof that verifies, and what else of it is written.
struct Made {
    statement: Statement<Fr>,
    payouts: G1Affine,
    blinder: Fr,
    amounts: BTreeMap<u64, u128>,
    proof: Vec<u8>,
}

impl Making<'_> {
    /// Rows of X, from the traces.
    fn rows(&mut self) -> Result<Vec<Vec<i32>>> {
        let (batch, shape) = (self.batch, &self.key.shape);
        let of_slot = |slot: usize| &self.opened[batch.slots[slot].adapter as usize];
        let traces: Vec<IntTrace> = batch
            .requests
            .iter()
            .map(|q| {
                let path = self.folder.trace(&q.id);
                let (trace, found) = load::<IntTrace>(&path)?;
                let inputs = &of_slot(q.slot as usize).2.inputs;
                let sizes = inputs.iter().map(|i| i.0.width as usize * q.tokens as usize);
                match found == q.trace && sizes.eq(trace.x.iter().map(Vec::len)) {
                    true => Ok(trace),
                    false => Err(Error::input(
                        path.display(),
                        "blake3",
                        hex(&found),
                        format!("{}, as in the batch", hex(&q.trace)),
                    )),
                }
            })
            .collect::<Result<_>>()?;
        let width = |slot: usize, input: usize| of_slot(slot).2.inputs[input].0.width as usize;
        self.clock.begin("witness");
        Ok(proving::inputs(batch, shape, &traces, width))
    }

    fn values(&mut self, device: &impl Device, adapters: &[&Registered]) -> anyhow::Result<Values> {
        let x = match self.x.take() {
            Some(x) => x,
            None => self.rows()?,
        };
        let (batch, shape) = (self.batch, &self.key.shape);
        let slots = proving::slots(batch, self.registry);
        let values = Values::new(device, self.key, adapters, slots, proving::requests(batch, shape), x);
        proving::compare(batch, shape, &values)?;
        Ok(values)
    }
}

impl Work for Making<'_> {
    type Made = Made;

    fn on(&mut self, device: &impl Device, again: bool) -> anyhow::Result<Made> {
        if again {
            // what another device began is of no use, and neither is what it saved
            self.clock.lost();
            self.resumed = None;
        }
        let resumes = self.resumed.is_some();
        match self.once(device) {
            Err(e) if resumes && e.is::<Rejection>() => {
                // it may have been a device that failed and was not found out
                eprintln!("talea: {}: {e:#}; beginning anew", self.folder.checkpoint().display());
                self.clock.lost();
                self.once(device)
            }
            done => done,
        }
    }
}

impl Making<'_> {
    fn once(&mut self, device: &impl Device) -> anyhow::Result<Made> {
        let (key, srs) = (self.key, self.job.srs);
        device.keep(&srs.powers);
        let (batch, opened) = (self.batch, self.opened);
        let adapters: Vec<&Registered> = batch.slots.iter().map(|slot| &opened[slot.adapter as usize].0).collect();
        let values = self.values(device, &adapters)?;
        self.clock.begin("columns");
        let columns = values.columns(key, &adapters)?;
        self.clock.begin("commitments");
        let salts: [u8; 32] = blake3::keyed_hash(&self.seed, &self.of).into();
        let input = Input { key, values: &values, context: self.context };
        let (known, saved) = self.resumed.take().unzip();
        let saved = saved.unwrap_or_default();
        let committed = Committed::new(device, input, &adapters, columns, &srs.powers, &salts, known);
        let own = committed.own();
        let chunks = own.chunks.iter().map(proving::point).collect();
        let payouts = proving::point(&own.payouts);
        let mut checkpoint = Checkpoint { of: self.of, seed: self.seed, chunks, payouts, proof: saved.clone() };
        let path = self.folder.checkpoint();
        save(&path, &checkpoint)?;
        let mut unsaved = None;
        let mut keep = |bytes: &[u8]| {
            checkpoint.proof = bytes.to_vec();
            unsaved = save(&path, &checkpoint).err().or(unsaved.take());
        };
        let clock = &mut *self.clock;
        let made = committed.resume(device, &srs.powers, &saved, &mut |stage| clock.begin(stage), &mut keep);
        if let Some(e) = unsaved {
            return Err(e.into());
        }
        let proof = made.context("what it has of a proof is not the beginning of this one")?;
        self.clock.begin("verifying");
        // nothing that does not verify is written
        key.verify(&PairingKey { tau: srs.tau }, &committed.statement, &proof)?;
        let (payouts, blinder, amounts) = (committed.payout_point, committed.blinder, committed.amounts());
        Ok(Made { statement: committed.statement, payouts, blinder, amounts, proof })
    }
}

/// BLAKE3 of the folder's receipts; zeros without any.
pub fn receipts_digest(folder: &Folder) -> Result<[u8; 32]> {
    let path = folder.receipts();
    if path.exists() { Ok(digest(&read(&path)?)) } else { Ok([0; 32]) }
}

fn proof_file(
    network: &Network, batch: &Batch, sizes: ProvenSizes, made: &Made, context: &Context, registry: &Registry,
) -> BatchProof {
    let s = &made.statement;
    let slot = |(own, slot): (&SlotStatement<_>, &talea_witness::batch::Slot)| {
        let a = slot.adapter as usize;
        ProvenSlot {
            name: network.adapters[a].name.clone(),
            adapter: proving::bytes(&own.adapter),
            policy: proving::bytes(&own.policy),
            base: registry.bases[a],
            fees: slot.fees,
        }
    };
    let statement = BatchStatement {
        sizes,
        chain_id: context.chain,
        contract: context.contract,
        node: context.node,
        nonce: context.nonce,
        slots: s.slots.iter().zip(&batch.slots).map(slot).collect(),
        node_slot: context.node_slot,
        receipts: context.receipts,
        inputs: proving::bytes(&s.inputs),
        requests: proving::bytes(&s.requests),
        deltas: proving::bytes(&s.deltas),
        payouts: proving::point(&made.payouts),
    };
    BatchProof { statement, proof: made.proof.clone(), attestation: None }
}

/// What the attester signs of a proof.
fn attestation(p: &BatchStatement) -> Attestation {
    let big = |b: &[u8; 32]| {
        let mut out = *b;
        out.reverse();
        out
    };
    Attestation {
        node: p.node,
        nonce: p.nonce,
        inputs: big(&p.inputs),
        requests: big(&p.requests),
        receipts: p.receipts,
    }
}

/// The attester's signature, where the network has its key and every request of the batch has a checked receipt of this
/// network. Rows of X are signed as they are: nobody computes them again here.
fn attest(network: &Network, folder: &Folder, batch: &Batch, p: &BatchStatement) -> Result<Option<SignedAttestation>> {
    let Some((who, key)) = network.attester.and_then(|who| Some((who, network.keys.0.get(&who)?))) else {
        return Ok(None);
    };
    let of_network = || Ok::<_, Error>(load::<Receipts>(&folder.receipts())?.0.domain == network.domain());
    if !super::batch::attested(batch, folder)? || !of_network()? {
        eprintln!("talea: not attested: some request has no checked receipt of this network");
        return Ok(None);
    }
    let signature = sign(key, &attestation(p).digest(&network.domain()));
    Ok(Some(SignedAttestation { attester: who.into_array(), signature }))
}

pub fn prove(command: &BatchCommand, device: &DeviceArgs, json: bool) -> anyhow::Result<bool> {
    let BatchCommand::Prove { network, out, srs, nonce, no_deltas, seed, resume } = command else {
        anyhow::bail!("another command than batch prove");
    };
    let folder = Folder::lock(out)?;
    let network = open_network(network, &folder)?;
    let (srs, _) = Srs::open(srs)?;
    let seed = if *resume { None } else { Some(secret(seed.as_deref())?) };
    let device = device.open()?;
    let job = Job { srs: &srs, nonce: *nonce, deltas: !no_deltas, seed, device: &device };
    let proven = run(&network, &folder, &job)?;
    let trust = trust_of(&network, &proven.file.statement, proven.file.attestation.as_ref());
    if json {
        print_json(&facts(&proven, &srs, trust));
    } else {
        print(&proven, &folder.proof(), &srs);
        print_labels(trust);
    }
    Ok(true)
}

/// What a verified proof's outputs rest on. Receipts in a folder are not tied to what is proven but through the attester's
/// signature, so they attest nothing here.
pub fn trust_of(network: &Network, statement: &BatchStatement, signed: Option<&SignedAttestation>) -> Trust {
    let attested = match (signed, network.attester) {
        (Some(signed), Some(attester)) => {
            let digest = attestation(statement).digest(&network.domain());
            signed.attester == attester.into_array()
                && check_signature(&signed.signature, &digest, &signed.attester).is_ok()
        }
        _ => false,
    };
    Trust { receipts: false, proof: Some(ProofTrust { deltas: statement.sizes.deltas, attested }) }
}

/// A proof and its costs as JSON.
pub fn facts(p: &Proven, srs: &Srs, trust: Trust) -> Value {
    json!({
        "blake3": hex(&p.digest),
        "proof_bytes": p.file.proof.len(),
        "rows": p.rows,
        "stages": p.stages.iter().map(|(stage, s)| json!({ "stage": stage, "seconds": s })).collect::<Vec<_>>(),
        "peak_kib": super::bench::peak_kib(),
        "threads": rayon::current_num_threads(),
        "device": p.device,
        "srs": srs.origin.to_string(),
        "statement": statement_json(&p.file.statement),
        "labels": labels_json(trust),
    })
}

pub fn statement_json(p: &BatchStatement) -> Value {
    let slot = |s: &ProvenSlot| {
        json!({
            "adapter": s.name, "digest": hex(&s.adapter), "policy": hex(&s.policy), "base": s.base, "fees": s.fees.to_string(),
        })
    };
    json!({
        "chain_id": p.chain_id, "contract": checksummed(&p.contract), "node": checksummed(&p.node), "nonce": p.nonce,
        "slots": p.slots.iter().map(slot).collect::<Vec<_>>(), "node_slot": p.node_slot,
        "receipts": hex(&p.receipts), "inputs": hex(&p.inputs), "requests": hex(&p.requests), "deltas": hex(&p.deltas),
    })
}

/// The same as a table.
pub fn print(p: &Proven, file: &Path, srs: &Srs) {
    say(format_args!("\nProof of the batch   {}   blake3 {}", file.display(), hex(&p.digest)));
    say(format_args!("reference string: {}", srs.origin));
    say(format_args!("device: {}", p.device));
    let proving = p.stages.iter().filter(|s| s.0 != "verifying");
    let total: f64 = proving.map(|s| s.1).sum();
    table(
        ["stage", "ms", "of proving"],
        &[1, 2],
        p.stages.iter().map(|(name, s)| {
            let of = if *name == "verifying" { "–".into() } else { format!("{:.1} %", s / total * 100.0) };
            [name.to_string(), format!("{:.1}", s * 1e3), of]
        }),
    );
    let peak = super::bench::peak_kib().map_or("unknown".into(), |k| format!("{} MiB", k / 1024));
    println!(
        "proved in {total:.2} s, verified in {:.0} ms; {} bytes; {} rows; peak memory {peak}; {} threads",
        p.stages.iter().filter(|s| s.0 == "verifying").map(|s| s.1).sum::<f64>() * 1e3,
        p.file.proof.len(),
        p.rows,
        rayon::current_num_threads()
    );
    println!("The inner proof is not zero knowledge: it is for the operator, and for auditors under agreement.");
}

/// The reference string that a demonstration needs.
pub fn powers_needed(sizes: &ProvenSizes) -> usize {
    Parts::new(&proving::shape(sizes)).1.chunk_vars().max(sizes.domain as usize)
}
