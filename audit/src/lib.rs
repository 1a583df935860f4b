//! Recomputes what an output folder says, from its stored integers, and names every difference.
//!
//! | module | recomputes |
//! |---|---|
//! | [`datanet`] | verdicts, evidence and hashes from the texts |
//! | [`files`] | the manifest: sizes and digests of outputs and inputs |
//! | [`adapter`] | σ, A_int, B_int from the PEFT files; digests of sources and base |
//! | [`batch`] | placement, U, V, S, κ, R, W, pools, quotients, payouts, roles, dust |
//! | [`index`] | rows, payees, H and σ_H from V, within a tolerance |
//! | [`model`] | traces, exponents, V and refusals from the models, within a tolerance |
//! | [`receipts`] | EIP-712 digests, signatures, salted hashes, vouchers |
//!
//! Written from docs/semantics.md and sharing nothing with the batch builder but the file formats: plain loops, big
//! integers, one thing at a time. Speed does not matter here; being easy to check does.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adapter;
pub mod batch;
pub mod datanet;
pub mod files;
pub mod index;
pub mod model;
pub mod receipts;

use std::{fmt::Display, path::Path};

use talea_formats::{
    Error,
    adapter::IntAdapter,
    artefact::{Artefact, Format, load},
    batch::Batch,
    datanet::Datanet,
    index::Index,
    network::{Network, parse_address},
    receipts::Receipts,
    trace::IntTrace,
};

/// A difference between what is stored and what follows from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the output folder.
    pub file: String,
    /// The field inside it.
    pub field: String,
    /// What is stored.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Report {
    /// Values recomputed, by file.
    pub compared: Vec<(String, u64)>,
    /// Differences.
    pub findings: Vec<Finding>,
    /// Everything was looked at; a file that cannot be read ends an audit early.
    pub complete: bool,
}

/// What no audit looks at, and what one without the models leaves out as well; its report must say so.
pub const NOT_RECOMPUTED: [&str; 2] = [
    "proofs and commitments (`talea batch verify` checks those), quantisation reports, and payouts from the models: within the tolerance of traces, shares can move",
    "traces, exponents and V from the models",
];

/// What is recomputed in floating point, and within what.
pub const WITHIN: [&str; 2] = [
    "influence index from stored V: H within one unit, σ_H within 1e-9 of itself",
    "traces from the models, in f64: x within 1e-4 of its tensor's largest plus half a unit, V within 1e-4 of its row's largest, exponents as these allow",
];

/// Differences kept per file: one wrong matrix makes many.
const KEPT: usize = 20;

/// Compares values of one file.
pub struct Checker<'r> {
    report: &'r mut Report,
    file: String,
    compared: u64,
    kept: usize,
}

impl<'r> Checker<'r> {
    fn new(report: &'r mut Report, file: impl Into<String>) -> Self {
        Self { report, file: file.into(), compared: 0, kept: 0 }
    }

    /// Notes a difference, if there is one.
    pub fn same<T: PartialEq + Display>(&mut self, field: impl Display, found: T, expected: T) {
        self.compared += 1;
        if found != expected {
            self.differs(field, found, expected);
        }
    }

    /// Notes a condition that does not hold.
    pub fn holds(&mut self, field: impl Display, holds: bool, found: impl Display, expected: impl Display) {
        self.compared += 1;
        if !holds {
            self.differs(field, found, expected);
        }
    }

    fn differs(&mut self, field: impl Display, found: impl Display, expected: impl Display) {
        self.kept += 1;
        if self.kept <= KEPT {
            let (field, found, expected) = (field.to_string(), found.to_string(), expected.to_string());
            self.report.findings.push(Finding { file: self.file.clone(), field, found, expected });
        }
    }

    fn done(self) {
        self.report.compared.push((self.file, self.compared));
    }
}

/// An adapter of the folder with its index, and the digests of both files.
pub struct Registered {
    /// The adapter.
    pub adapter: IntAdapter,
    /// BLAKE3 of its file.
    pub adapter_digest: [u8; 32],
    /// The index.
    pub index: Index,
    /// BLAKE3 of its file.
    pub index_digest: [u8; 32],
}

/// Loads an artefact; one that cannot be read or whose parts do not fit is a finding.
fn open<T>(
    report: &mut Report, out: &Path, name: &str, check: impl Fn(&T, &str) -> Result<(), Error>,
) -> Option<(T, [u8; 32])>
where
    T: Artefact + for<'a> talea_formats::SchemaRead<'a, Format, Dst = T>,
{
    let path = out.join(name);
    let loaded = load::<T>(&path).and_then(|(value, digest)| check(&value, name).map(|()| (value, digest)));
    loaded
        .map_err(|e| {
            let expected = "an artefact that can be read".to_string();
            report.findings.push(Finding { file: name.into(), field: "file".into(), found: e.to_string(), expected });
        })
        .ok()
}

/// The contract that a folder's receipts are made out to, where deployment.json names one.
fn deploy(network: &mut Network, out: &Path) -> Result<(), Error> {
    let path = out.join("deployment.json");
    let Ok(bytes) = std::fs::read(&path) else { return Ok(()) };
    let found: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| Error::input(path.display(), format!("line {}", e.line()), e, "a deployment"))?;
    network.contract = parse_address(&path, "settlement", found["settlement"].as_str().unwrap_or_default())?;
    Ok(())
}

/// Told what is being traced.
pub type Progress<'p> = &'p mut dyn FnMut(&str);

/// Audits an output folder against the network folder that it was made from; without `models` nothing is traced again.
///
/// # Errors
/// Only when the network itself cannot be read; whatever is wrong with the output folder is a finding.
pub fn audit(network: &Path, out: &Path, mut models: Option<Progress<'_>>) -> Result<Report, Error> {
    let mut network = Network::open(network)?;
    deploy(&mut network, out)?;
    let mut report = Report::default();
    files::audit(&mut report, &network, out);
    let mut traces = Vec::new();
    for request in &network.requests {
        let file = format!("traces/{}.trace", request.id);
        let Some(trace) = open::<IntTrace>(&mut report, out, &file, |_, _| Ok(())) else { return Ok(report) };
        traces.push(trace);
    }
    let mut registered = Vec::new();
    for entry in &network.adapters {
        let name = |kind: &str| format!("adapters/{}.{kind}", entry.name);
        let (adapter_file, index_file) = (name("adapter"), name("index"));
        let adapter = open::<IntAdapter>(&mut report, out, &adapter_file, IntAdapter::check);
        let Some((adapter, adapter_digest)) = adapter else { return Ok(report) };
        adapter::audit(&mut report, &adapter_file, &adapter, &entry.path, &network.base);
        let coordinates = adapter.coordinates();
        let index = open::<Index>(&mut report, out, &index_file, |i, f| i.check(f, coordinates));
        let Some((index, index_digest)) = index else { return Ok(report) };
        let datanet_file = format!("datanets/{}.datanet", entry.name);
        let datanet = open::<Datanet>(&mut report, out, &datanet_file, Datanet::check);
        let Some((datanet, datanet_digest)) = datanet else { return Ok(report) };
        let source = std::fs::read(&entry.datanet).unwrap_or_default();
        datanet::audit(&mut report, &datanet_file, &datanet, &source);
        let r = Registered { adapter, adapter_digest, index, index_digest };
        index::audit(&mut report, &index_file, &r, &datanet, &datanet_digest);
        if let Some(progress) = &mut models {
            progress(&entry.name);
            let own = network.requests.iter().zip(&traces).filter(|(q, _)| q.adapter == entry.name);
            model::audit(&mut report, &network.base, entry, &r, &datanet, own.map(|(_, (trace, _))| trace));
        }
        registered.push(r);
    }
    let signed = out.join("receipts.talea").exists();
    let receipts = if signed { open::<Receipts>(&mut report, out, "receipts.talea", |_, _| Ok(())) } else { None };
    let Some((stored, _)) = open::<Batch>(&mut report, out, "batch.talea", Batch::check) else { return Ok(report) };
    if let Some((receipts, _)) = &receipts {
        receipts::audit(&mut report, &network, &registered, &stored, receipts);
    }
    batch::audit(&mut report, &network, &registered, &traces, &stored, signed);
    report.complete = true;
    Ok(report)
}
