//! Fuzz targets for every parser: no panic on any bytes, and every refusal is one line.
//!
//! `cargo test` runs each for a second. For longer: `BOLERO_RANDOM_TEST_TIME_MS=600000 BOLERO_RANDOM_ITERATIONS=1000000000
//! cargo test --release --test fuzz`, or a coverage-guided engine through `cargo bolero`.

use std::path::{Path, PathBuf};

use talea_witness::{
    adapter::{
        Lora,
        quantise::{IntAdapter, coordinate_scales},
    },
    artefact::{Artefact, decode},
    batch::Batch,
    datanet::{self, Datanet},
    influence::index::Index,
    model::Base,
    network::Network,
    receipts::Receipts,
    trace::{IntTrace, capture},
};

/// Bytes to overwrite, by place modulo the length; an insertion; a cut.
type Edits = (Vec<(u32, u8)>, Option<(u32, Vec<u8>)>, Option<u32>);

fn edited(seed: &[u8], (writes, insertion, cut): &Edits) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (at, byte) in writes {
        let n = bytes.len();
        bytes[*at as usize % n] = *byte;
    }
    if let Some((at, more)) = insertion {
        let at = *at as usize % bytes.len();
        bytes.splice(at..at, more.iter().copied());
    }
    if let Some(cut) = cut {
        bytes.truncate(*cut as usize % (bytes.len() + 1));
    }
    bytes
}

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn one_line<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result.map_err(|e| assert!(!e.to_string().contains(['\n', '\r']), "{e}")).ok()
}

/// Edits a payload and seals it again, as a forger would.
fn resealed(seed: &[u8], edits: &Edits) -> Vec<u8> {
    let payload = edited(&seed[60..], edits);
    let mut head = seed[..28].to_vec();
    head[20..28].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let seal = *blake3::Hasher::new().update(&head).update(&payload).finalize().as_bytes();
    [&head[..], &seal, &payload].concat()
}

fn fuzz_artefact<T>(file: &str, then: fn(T))
where
    T: Artefact + for<'a> wincode::SchemaRead<'a, talea_witness::artefact::Format, Dst = T>,
{
    let seed = std::fs::read(root("vectors/ledger").join(file)).unwrap();
    bolero::check!().with_type::<(Edits, bool)>().for_each(|(edits, seal)| {
        let bytes = if *seal { resealed(&seed, edits) } else { edited(&seed, edits) };
        if let Some(value) = one_line(decode::<T>("f", &bytes)) {
            then(value);
        }
    });
}

#[test]
fn datanets() {
    fuzz_artefact::<Datanet>("crop-disease.datanet", |d| {
        one_line(d.check("f"));
        one_line(datanet::rejudge(&d, "f"));
    });
}

#[test]
fn adapters() {
    fuzz_artefact::<IntAdapter>("crop-disease.adapter", |a| {
        if one_line(a.check("f")).is_some() {
            coordinate_scales(&a);
        }
    });
}

#[test]
fn indexes() {
    fuzz_artefact::<Index>("crop-disease.index", |i| {
        one_line(i.check("f", 54));
    });
}

#[test]
fn traces() {
    fuzz_artefact::<IntTrace>("4cfd3a68a573621d12710bfacc0f679a.trace", drop);
}

#[test]
fn batches() {
    fuzz_artefact::<Batch>("batch.talea", |b| {
        if one_line(b.check("f")).is_some() {
            b.payouts();
            b.requests.iter().for_each(|q| drop(b.adapter_of(q).name.clone()));
        }
    });
}

#[test]
fn receipts() {
    fuzz_artefact::<Receipts>("receipts.talea", |r| drop(talea_witness::receipts::check(&r)));
}

#[test]
fn receipts_signed_elsewhere() {
    let good = talea_witness::artefact::load::<Receipts>(&root("vectors/ledger/receipts.talea")).unwrap().0;
    let tmp = tempfile::tempdir().unwrap();
    let (file, seed) = (tmp.path().join("s.json"), talea_witness::receipts::signed::to_json(&good).to_string());
    bolero::check!().with_type::<Edits>().for_each(|edits| {
        std::fs::write(&file, edited(seed.as_bytes(), edits)).unwrap();
        if let Some(r) = one_line(talea_witness::receipts::signed::read(&file)) {
            one_line(talea_witness::receipts::check(&r));
        }
    });
}

/// Writes edited bytes over one file of a copy of `dir` and opens it; the copy lives as long as the target runs.
fn fuzz_folder(dir: &str, files: &[&str], open: fn(&Path)) {
    let tmp = tempfile::tempdir().unwrap();
    copy(&root(dir), tmp.path());
    let seeds: Vec<(PathBuf, Vec<u8>)> =
        files.iter().map(|f| (tmp.path().join(f), std::fs::read(root(dir).join(f)).unwrap())).collect();
    bolero::check!().with_type::<(u8, Edits)>().for_each(|(which, edits)| {
        let (path, seed) = &seeds[usize::from(*which) % seeds.len()];
        std::fs::write(path, edited(seed, edits)).unwrap();
        open(tmp.path());
        std::fs::write(path, seed).unwrap();
    });
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for e in std::fs::read_dir(from).unwrap() {
        let path = e.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn network_folders() {
    fuzz_folder("vectors/ledger", &["network.json", "requests.jsonl", "usage.jsonl"], |dir| {
        drop(one_line(Network::open(dir)))
    });
}

#[test]
fn contributions() {
    fuzz_folder("fixtures/second/datanets", &["crop-disease.jsonl"], |dir| {
        drop(one_line(datanet::build("d", &dir.join("crop-disease.jsonl"))))
    });
}

#[test]
fn models_adapters_and_captured_traces() {
    let files = [
        "base/config.json",
        "base/tokenizer.json",
        "base/model.safetensors",
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "golden.safetensors",
    ];
    fuzz_folder("fixtures/zoo/patterns-rslora", &files, |dir| {
        let Some(base) = one_line(Base::open(&dir.join("base"))) else { return };
        one_line(base.encode("Any text, really."));
        let Some(lora) = one_line(Lora::open(&dir.join("adapter"), &base)) else { return };
        one_line(capture::load(&dir.join("golden.safetensors"), &base, &lora.modules));
    });
}

#[test]
fn shards() {
    fuzz_folder("fixtures/zoo/sharded", &["base/model.safetensors.index.json"], |dir| {
        drop(one_line(Base::open(&dir.join("base"))))
    });
}
